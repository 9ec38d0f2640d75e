package org.tuff;

/**
 * Something native, with its lock: methods of one object run one at a time, so that any thread may call them, and close() waits for the
 * one that runs. What it was made from may be closed before it. A listener runs within a call of its object, on the thread that holds the lock:
 * to it the object is busy.
 */
abstract class Handle implements AutoCloseable {
    private long pointer;
    private boolean calls;

    Handle(long pointer) { this.pointer = pointer; }

    /** Under the object's lock. */
    final long pointer() {
        if (pointer == 0) throw new IllegalStateException(getClass().getSimpleName() + " is closed");
        checkFree();
        return pointer;
    }

    /** pointer() for a native method that calls a listener. leave() follows, in any case. */
    final long enter() {
        long entered = pointer();
        calls = true;
        return entered;
    }

    final void leave() { calls = false; }

    private void checkFree() {
        if (calls) throw new IllegalStateException(getClass().getSimpleName() + " is busy: it calls this listener");
    }

    abstract void free(long pointer);

    public final synchronized boolean isClosed() { return pointer == 0; }

    /** Frees device and host memory. A second call does nothing. @throws IllegalStateException in a listener of this object */
    @Override public final synchronized void close() {
        checkFree();
        if (pointer != 0) free(pointer);
        pointer = 0;
    }
}
