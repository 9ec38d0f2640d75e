package org.tuff;

import android.graphics.Bitmap;
import java.io.File;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Teaches a new head to a model with an output "features": the rest stays as it is, so each picture goes through it once. Any thread, one call at a
 * time; cancel() during a fit.
 */
public final class Trainer extends Handle {
    /** After each epoch, on the thread that trains. */
    public interface Listener {
        /** @param epoch from 1 to epochs, of this fit. @param accuracy over the pictures that were trained on, 0 to 1. @return false to stop; what was learned stays */
        boolean onEpoch(int epoch, int epochs, float loss, float accuracy);
    }

    private final Model backbone;
    private final List<String> classNames;
    private final int[] counts;
    private final ByteBuffer sample;
    private final ByteBuffer[] outputs;
    private final int features;
    private volatile boolean cancelled;

    /**
     * @param backbone a model of pictures with the output "features"; it must last as long as this
     * @param classNames two at least, not empty, of one line each
     * @param seed of the head's first weights and of the order of pictures
     */
    public Trainer(Model backbone, List<String> classNames, long seed) {
        super(make(backbone, classNames, seed));
        try {
            int found = -1;
            for (int i = 0; i < backbone.outputs().size(); i++)
                if (backbone.outputs().get(i).name.equals("features")) found = i;
            this.backbone = backbone;
            this.classNames = Collections.unmodifiableList(new ArrayList<>(classNames));
            counts = new int[classNames.size()];
            features = found;
            sample = backbone.inputs().get(0).allocate(1);
            outputs = new ByteBuffer[backbone.outputs().size()];
            outputs[found] = backbone.outputs().get(found).allocate(1);
        } catch (Throwable failure) {
            close();
            throw failure;
        }
    }

    private static long make(Model backbone, List<String> classNames, long seed) {
        if (classNames.size() < 2) throw new IllegalArgumentException(classNames.size() + " classes");
        for (String name : classNames)
            if (name.isEmpty() || name.chars().anyMatch(Character::isISOControl)) throw new IllegalArgumentException("no name of a class: \"" + name + '"');
        synchronized (backbone) {
            return nativeCreate(backbone.pointer(), classNames.toArray(new String[0]), seed);
        }
    }

    /** A picture of the class of this index: its features are computed at once, and are all that is kept of it. */
    public synchronized void add(Bitmap picture, int index) {
        backbone.sample(picture, sample);
        addSample(index);
    }

    public synchronized void add(Frame frame, int index) {
        backbone.sample(frame, sample);
        addSample(index);
    }

    private void addSample(int index) {
        pointer();
        backbone.run(new ByteBuffer[] {sample}, 1, outputs);
        add(outputs[features], index);
    }

    /** The output "features" of a picture, where the app has run the backbone itself: from the position of a direct buffer. */
    public synchronized void add(ByteBuffer features, int index) {
        if (index < 0 || index >= counts.length) throw new IllegalArgumentException("class " + index + " of " + counts.length);
        if (!features.isDirect() || features.remaining() < outputs[this.features].remaining())
            throw new IllegalArgumentException("features take a direct buffer of " + outputs[this.features].remaining() + " bytes");
        nativeAdd(pointer(), features.slice(), index);
        counts[index]++;
    }

    public List<String> classNames() { return classNames; }
    /** Pictures of each class so far. */
    public synchronized int[] counts() { return counts.clone(); }

    /**
     * Trains the head on all pictures so far, from where it stands.
     * @return false where the listener or cancel() ended it: it can go on, or be saved as it is
     * @throws TuffException USAGE where a class has no picture
     */
    public synchronized boolean fit(int epochs, Listener listener) {
        if (epochs < 1) throw new IllegalArgumentException(epochs + " epochs");
        long entered = enter();
        try {
            return nativeFit(entered, epochs, (epoch, total, loss, accuracy)
                                                  -> (listener == null || listener.onEpoch(epoch, total, loss, accuracy)) && !cancelled);
        } finally {
            leave();
            cancelled = false;
        }
    }

    /** Ends a fit at its next epoch; where none runs, the next one after its first. */
    public void cancel() { cancelled = true; }

    /**
     * The whole network with the new head and class names, and all kernels that its Tuff was given ({@link Tuff#addKernels}): one .tuff that all of Tuff's
     * programs read.
     */
    public synchronized void save(File file) { nativeSave(pointer(), file.getPath()); }

    @Override void free(long pointer) { nativeClose(pointer); }

    private static native long nativeCreate(long model, String[] classNames, long seed);
    private static native void nativeAdd(long trainer, ByteBuffer features, int index);
    private static native boolean nativeFit(long trainer, int epochs, Listener listener);
    private static native void nativeSave(long trainer, String path);
    private static native void nativeClose(long trainer);
}
