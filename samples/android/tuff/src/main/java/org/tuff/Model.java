package org.tuff;

import android.content.res.AssetManager;
import android.graphics.Bitmap;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;

/** A network of a .tuff file. Any thread, one call at a time. */
public final class Model extends Handle {
    private final List<Tensor> inputs, outputs;
    private final List<String> classNames;
    private final boolean pictures;

    Model(long pointer) {
        super(pointer);
        try {
            inputs = Collections.unmodifiableList(Arrays.asList(nativeTensors(pointer, true)));
            outputs = Collections.unmodifiableList(Arrays.asList(nativeTensors(pointer, false)));
            classNames = Collections.unmodifiableList(Arrays.asList(nativeClassNames(pointer)));
            pictures = nativeTakesPictures(pointer);
        } catch (Throwable failure) {
            close();
            throw failure;
        }
    }

    /** An asset of the app, with the kernels that it carries ({@link Tuff#addKernels}). */
    public static Model open(Tuff tuff, AssetManager assets, String name) throws IOException {
        try (InputStream in = assets.open(name)) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            byte[] part = new byte[1 << 16];
            for (int n; (n = in.read(part)) > 0;) out.write(part, 0, n);
            ByteBuffer file = Tuff.direct(ByteBuffer.wrap(out.toByteArray()));
            tuff.addKernels(file);
            return open(tuff, file);
        }
    }

    /** A file, without the kernels that it may carry. @throws TuffException FILE, FORMAT, MEMORY, with a sentence */
    public static Model open(Tuff tuff, File file) {
        synchronized (tuff) {
            return new Model(nativeOpenFile(tuff.pointer(), file.getPath()));
        }
    }

    /** A file in memory, which is copied. */
    public static Model open(Tuff tuff, ByteBuffer file) {
        synchronized (tuff) {
            return new Model(nativeOpen(tuff.pointer(), Tuff.direct(file)));
        }
    }

    public List<Tensor> inputs() { return inputs; }
    public List<Tensor> outputs() { return outputs; }
    /** Empty where the file has none. */
    public List<String> classNames() { return classNames; }
    /** It takes pictures: sample() and {@link Classifier} say how. */
    public boolean takesPictures() { return pictures; }

    /** Compiles what a run needs now, which the first run would do else: seconds on a new phone, little with warm caches. */
    public synchronized void prepare(Progress progress) {
        long entered = enter();
        try {
            nativePrepare(entered, progress);
        } finally {
            leave();
        }
    }

    /**
     * Runs it. inputs[i]: direct, samples * inputs().get(i).bytes from its position, in native order; outputs likewise, null where one is of no interest.
     * Positions stay.
     * @return nanoseconds from the call's begin to its end
     */
    public synchronized long run(ByteBuffer[] inputs, int samples, ByteBuffer[] outputs) {
        return run(inputs, samples, outputs, false, null);
    }

    /** The same by the operators' definitions on the processor: one thread, double precision. For comparing answers, not speeds. */
    public synchronized long runOnProcessor(ByteBuffer[] inputs, int samples, ByteBuffer[] outputs) {
        return runOnProcessor(inputs, samples, outputs, null);
    }

    /** @param progress of each sample; null: none. @throws TuffException CANCELLED where it asked to stop */
    public synchronized long runOnProcessor(ByteBuffer[] inputs, int samples, ByteBuffer[] outputs, Progress progress) {
        return run(inputs, samples, outputs, true, progress);
    }

    private long run(ByteBuffer[] inputs, int samples, ByteBuffer[] outputs, boolean onProcessor, Progress progress) {
        long began = System.nanoTime();
        for (ByteBuffer input : inputs) Objects.requireNonNull(input, "an input");
        for (ByteBuffer output : outputs)
            if (output != null && output.isReadOnly()) throw new IllegalArgumentException("an output is read-only");
        ByteBuffer[] in = slices(inputs, this.inputs, samples), out = slices(outputs, this.outputs, samples);
        long entered = enter();
        try {
            nativeRun(entered, in, samples, out, onProcessor, progress);
        } finally {
            leave();
        }
        return System.nanoTime() - began;
    }

    /** Of the last run on the device: for tests. */
    synchronized int submissions() { return nativeSubmissions(pointer()); }

    /** A picture as the model's file says it takes them, as the only input of one sample: into `sample`, from its position. */
    public synchronized void sample(Bitmap picture, ByteBuffer sample) {
        ByteBuffer to = sampleBuffer(sample);
        Bitmap plain = picture.getConfig() == Bitmap.Config.ARGB_8888 ? picture : picture.copy(Bitmap.Config.ARGB_8888, false);
        int[] argb = new int[plain.getWidth() * plain.getHeight()];
        plain.getPixels(argb, 0, plain.getWidth(), 0, 0, plain.getWidth(), plain.getHeight());
        nativeSample(pointer(), argb, plain.getWidth(), plain.getHeight(), to);
        if (plain != picture) plain.recycle();
    }

    /** A camera's frame likewise; converted, turned and resized on the device. */
    public synchronized void sample(Frame frame, ByteBuffer sample) {
        nativeSampleFrame(pointer(), frame.planes[0], frame.planes[1], frame.planes[2], frame.layout(), sampleBuffer(sample));
    }

    private ByteBuffer sampleBuffer(ByteBuffer sample) {
        if (!pictures) throw new IllegalStateException("the model takes no pictures");
        if (sample.isReadOnly()) throw new IllegalArgumentException("the sample is read-only");
        return slices(new ByteBuffer[] {sample}, inputs, 1)[0];
    }

    private static ByteBuffer[] slices(ByteBuffer[] buffers, List<Tensor> tensors, int samples) {
        if (samples < 0) throw new IllegalArgumentException(samples + " samples");
        if (buffers.length != tensors.size()) throw new IllegalArgumentException(tensors.size() + " buffers, not " + buffers.length);
        ByteBuffer[] slices = new ByteBuffer[buffers.length];
        for (int i = 0; i < buffers.length; i++) {
            if (buffers[i] == null) continue;
            long bytes = (long)samples * tensors.get(i).bytes;
            if (!buffers[i].isDirect() || buffers[i].remaining() < bytes)
                throw new IllegalArgumentException(tensors.get(i).name + " takes a direct buffer of " + bytes + " bytes");
            slices[i] = buffers[i].slice();
        }
        return slices;
    }

    @Override void free(long pointer) { nativeClose(pointer); }

    private static native long nativeOpen(long tuff, ByteBuffer file);
    private static native long nativeOpenFile(long tuff, String path);
    private static native Tensor[] nativeTensors(long model, boolean inputs);
    private static native String[] nativeClassNames(long model);
    private static native boolean nativeTakesPictures(long model);
    private static native void nativePrepare(long model, Progress progress);
    private static native void nativeRun(long model, ByteBuffer[] inputs, int samples, ByteBuffer[] outputs, boolean onProcessor,
                                         Progress progress);
    private static native int nativeSubmissions(long model);
    private static native void nativeSample(long model, int[] argb, int width, int height, ByteBuffer sample);
    private static native void nativeSampleFrame(long model, ByteBuffer y, ByteBuffer u, ByteBuffer v, int[] layout, ByteBuffer sample);
    private static native void nativeClose(long model);
}
