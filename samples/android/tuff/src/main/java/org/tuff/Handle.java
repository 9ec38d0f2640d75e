package org.tuff;

/**
 * Something native, with its lock: methods of one object run one at a time, so that any thread may call them, and close() waits for the
 * one that runs. What it was made from may be closed before it.
 */
abstract class Handle implements AutoCloseable {
    private long pointer;

    Handle(long pointer) { this.pointer = pointer; }

    /** Under the object's lock. */
    final long pointer() {
        if (pointer == 0) throw new IllegalStateException(getClass().getSimpleName() + " is closed");
        return pointer;
    }

    abstract void free(long pointer);

    public final synchronized boolean isClosed() { return pointer == 0; }

    /** Frees device and host memory. A second call does nothing. */
    @Override public final synchronized void close() {
        if (pointer != 0) free(pointer);
        pointer = 0;
    }
}
