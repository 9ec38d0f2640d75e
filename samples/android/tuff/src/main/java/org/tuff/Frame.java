package org.tuff;

import android.graphics.ImageFormat;
import android.media.Image;
import java.nio.ByteBuffer;

/** A picture of a camera: YUV_420_888, with any row and pixel strides, and by how much it is to be turned to stand upright. */
public final class Frame {
    public final int width, height;
    /** Degrees clockwise: 0, 90, 180 or 270. */
    public final int rotation;
    final ByteBuffer[] planes;
    private final int rowStride, chromaRowStride, chromaPixelStride, pixelStride;

    /**
     * Planes are direct and begin at their positions; the last row may end with its last pixel. Those of an Image are valid until it is closed.
     * Colours are those of JPEG (full range, ITU-R BT.601), as Android defines the format.
     */
    public Frame(int width, int height, int rotation, ByteBuffer y, int rowStride, int pixelStride, ByteBuffer u, ByteBuffer v,
                 int chromaRowStride, int chromaPixelStride) {
        if (width < 1 || height < 1 || rotation % 90 != 0) throw new IllegalArgumentException(width + " x " + height + ", " + rotation);
        check("y", y, width, height, rowStride, pixelStride);
        check("u", u, (width + 1) / 2, (height + 1) / 2, chromaRowStride, chromaPixelStride);
        check("v", v, (width + 1) / 2, (height + 1) / 2, chromaRowStride, chromaPixelStride);
        this.width = width;
        this.height = height;
        this.rotation = Math.floorMod(rotation, 360);
        this.planes = new ByteBuffer[] {y.slice(), u.slice(), v.slice()};
        this.rowStride = rowStride;
        this.pixelStride = pixelStride;
        this.chromaRowStride = chromaRowStride;
        this.chromaPixelStride = chromaPixelStride;
    }

    /** Of an ImageReader of ImageFormat.YUV_420_888. */
    public static Frame of(Image image, int rotation) {
        if (image.getFormat() != ImageFormat.YUV_420_888) throw new IllegalArgumentException("format " + image.getFormat());
        Image.Plane[] planes = image.getPlanes();
        return new Frame(image.getWidth(), image.getHeight(), rotation, planes[0].getBuffer(), planes[0].getRowStride(),
                         planes[0].getPixelStride(), planes[1].getBuffer(), planes[2].getBuffer(), planes[1].getRowStride(),
                         planes[1].getPixelStride());
    }

    int[] layout() { return new int[] {width, height, rotation, rowStride, pixelStride, chromaRowStride, chromaPixelStride}; }

    private static void check(String name, ByteBuffer plane, int width, int height, int rowStride, int pixelStride) {
        if (!plane.isDirect()) throw new IllegalArgumentException(name + " is not direct");
        if (pixelStride < 1 || rowStride < (long)(width - 1) * pixelStride + 1)
            throw new IllegalArgumentException(name + ": strides " + rowStride + " and " + pixelStride + " of " + width + " pixels");
        long least = (long)(height - 1) * rowStride + (long)(width - 1) * pixelStride + 1;
        if (plane.remaining() < least) throw new IllegalArgumentException(name + " has " + plane.remaining() + " bytes, not " + least);
    }
}
