package org.tuff;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** An open device: models are made on one. Any thread; what was made from it may outlive it. */
public final class Tuff extends Handle {
    static {
        System.loadLibrary("tuff_android");
    }
    private final Device device;

    private Tuff(long pointer) {
        super(pointer);
        try {
            device = nativeDevice(pointer);
        } catch (Throwable failure) {
            close();
            throw failure;
        }
    }

    /** The version of the library, as "0.1.0". */
    public static String version() { return nativeVersion(); }

    /**
     * The devices of this phone, best first; none where there is no Vulkan driver.
     * @throws TuffException where a driver fails
     */
    public static List<Device> devices() { return Collections.unmodifiableList(Arrays.asList(nativeDevices())); }

    /**
     * Opens a device. Takes a part of a second: not on the thread of the screen.
     * @throws TuffException NO_DEVICE, with a sentence, unless the options allow the processor instead
     */
    public static Tuff open(Options options) {
        if (options.cacheFolder != null) options.cacheFolder.mkdirs();
        return new Tuff(nativeOpen(options.cacheFolder == null ? "" : options.cacheFolder.getPath(), options.device,
                                   options.submissionMillis, options.processor.ordinal()));
    }

    /** The device, or null where networks run on the processor. */
    public Device device() { return device; }
    public boolean onProcessor() { return device == null; }

    /**
     * Kernels that tuff-pack put into a file, for all models on this device: a phone has no shader compiler, and without them runs kernels of one operator each.
     * {@link Model#open} of an asset does it, too. Only files that the app itself brought along.
     * @return how many there were
     */
    public synchronized int addKernels(ByteBuffer file) { return nativeAddKernels(pointer(), direct(file)); }

    /**
     * Compares every family of kernels that this device is given with definitions in double precision: a second, and longer the first time.
     * @return one line a family; the first word is "ok" or "WRONG" or "failed". On the processor there is nothing to compare, and no line
     */
    public synchronized List<String> selfTest(Progress progress) {
        long entered = enter();
        try {
            return Collections.unmodifiableList(Arrays.asList(nativeSelfTest(entered, progress)));
        } finally {
            leave();
        }
    }

    /** Library, device, driver, what is known of it, kernels and whether any model fell back to unfused ones: lines "name: value". */
    public synchronized String report() { return nativeReport(pointer()); }

    /** Blocks of native memory that this and all that was made from it hold: for tests. */
    synchronized long nativeBlocks() { return nativeBlocks(pointer()); }

    @Override void free(long pointer) { nativeClose(pointer); }

    static ByteBuffer direct(ByteBuffer from) {
        if (from.isDirect()) return from.slice();
        ByteBuffer copy = ByteBuffer.allocateDirect(from.remaining());
        copy.put(from.duplicate());
        copy.flip();
        return copy;
    }

    private static native String nativeVersion();
    private static native Device[] nativeDevices();
    private static native long nativeOpen(String cacheFolder, String device, int submissionMillis, int processor);
    private static native Device nativeDevice(long tuff);
    private static native int nativeAddKernels(long tuff, ByteBuffer file);
    private static native String[] nativeSelfTest(long tuff, Progress progress);
    private static native String nativeReport(long tuff);
    private static native long nativeBlocks(long tuff);
    private static native void nativeClose(long tuff);
}
