package org.tuff;

/** How far long work is: compiling kernels, testing them. Called on the thread that works. */
public interface Progress {
    /** @param total 0: unknown. @return false to stop */
    boolean report(String what, long done, long total);
}
