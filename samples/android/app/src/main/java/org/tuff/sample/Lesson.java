package org.tuff.sample;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * What is to be taught: the names of classes, and of each picture its features and its class. It lasts in a file, as the system may end the
 * app while a picture is picked in another one.
 */
final class Lesson {
    private static final int MAGIC = 0x54554c31; // of this form of the file
    final List<String> names;
    int number; // State.lesson, when it was begun
    final List<ByteBuffer> features = new ArrayList<>();
    final List<Integer> indexes = new ArrayList<>();

    Lesson(List<String> names) { this.names = Collections.unmodifiableList(new ArrayList<>(names)); }

    void add(ByteBuffer of, int index) {
        features.add(of);
        indexes.add(index);
    }

    /** The last picture of a class. */
    void remove(int index) {
        int last = indexes.lastIndexOf(index);
        if (last < 0) return;
        indexes.remove(last);
        features.remove(last);
    }

    int[] counts() {
        int[] counts = new int[names.size()];
        for (int index : indexes) counts[index]++;
        return counts;
    }

    void write(File file) throws IOException {
        File written = new File(file.getPath() + ".new");
        try (DataOutputStream out = new DataOutputStream(new BufferedOutputStream(new FileOutputStream(written)))) {
            out.writeInt(MAGIC);
            out.writeInt(names.size());
            for (String name : names) out.writeUTF(name);
            out.writeInt(indexes.size());
            for (int i = 0; i < indexes.size(); i++) {
                byte[] bytes = new byte[features.get(i).remaining()];
                features.get(i).duplicate().get(bytes);
                out.writeInt(indexes.get(i));
                out.writeInt(bytes.length);
                out.write(bytes);
            }
        }
        if (!written.renameTo(file)) throw new IOException(file.getPath());
    }

    /** @return null where there is no file, or none of features of so many bytes */
    static Lesson read(File file, int bytes) {
        try (DataInputStream in = new DataInputStream(new BufferedInputStream(new FileInputStream(file)))) {
            if (in.readInt() != MAGIC) return null;
            List<String> names = new ArrayList<>();
            for (int n = in.readInt(); n > 0; n--) names.add(in.readUTF());
            Lesson lesson = new Lesson(names);
            for (int n = in.readInt(); n > 0; n--) {
                int index = in.readInt();
                if (index < 0 || index >= names.size() || in.readInt() != bytes) return null;
                byte[] values = new byte[bytes];
                in.readFully(values);
                ByteBuffer of = ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
                of.put(values).flip();
                lesson.add(of, index);
            }
            return lesson;
        } catch (IOException none) {
            return null;
        }
    }
}
