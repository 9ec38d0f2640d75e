package org.tuff;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** An input or output of a model: name, type ("f32", "u8", ..) and the shape of one sample. */
public final class Tensor {
    public final String name, type;
    /** Bytes of one sample. */
    public final int bytes;
    private final int[] shape;

    /** Called by the native code. */
    Tensor(String name, String type, int[] shape, int bytes) {
        this.name = name;
        this.type = type;
        this.shape = shape;
        this.bytes = bytes;
    }

    public int[] shape() { return shape.clone(); }

    /** Memory for so many samples, as {@link Model#run} takes it. */
    public ByteBuffer allocate(int samples) {
        return ByteBuffer.allocateDirect(Math.multiplyExact(bytes, samples)).order(ByteOrder.nativeOrder());
    }

    @Override public String toString() { return name + " " + type + " " + Arrays.toString(shape); }
}
