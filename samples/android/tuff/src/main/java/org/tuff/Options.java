package org.tuff;

import android.content.Context;
import java.io.File;

/** How {@link Tuff#open} opens a device. */
public final class Options {
    /** When networks run on the processor by their definitions: one thread, double precision, slow, the same answers. */
    public enum Processor { NEVER, WITHOUT_DEVICE, ALWAYS }

    /** Folder of the pipeline caches; it is made. null: none, and kernels are compiled at every start. */
    public File cacheFolder;
    /** Index in the list, UUID, or part of a name; null: the best. */
    public String device;
    /** Milliseconds of the device that one submission is aimed at, so that the screen's own pictures come between; 0: half a second. */
    public int submissionMillis = 8;
    public Processor processor = Processor.WITHOUT_DEVICE;

    /** Options with the caches in the app's own folder. */
    public static Options of(Context context) {
        Options options = new Options();
        options.cacheFolder = new File(context.getCacheDir(), "tuff");
        return options;
    }
}
