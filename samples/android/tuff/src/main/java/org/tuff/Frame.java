package org.tuff;

import android.graphics.Bitmap;
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

    /** A small upright picture of it, for a screen: at most `side` pixels wide and high, the nearest pixels. */
    public Bitmap picture(int side) {
        boolean lies = rotation % 180 != 0;
        int fullWidth = lies ? height : width, fullHeight = lies ? width : height, longer = Math.max(width, height);
        int wide = longer <= side ? fullWidth : Math.max(1, fullWidth * side / longer), high = longer <= side ? fullHeight : Math.max(1, fullHeight * side / longer);
        int[] argb = new int[wide * high];
        for (int j = 0, at = 0; j < high; j++) {
            int y = j * fullHeight / high;
            for (int i = 0; i < wide; i++, at++) {
                int x = i * fullWidth / wide;
                argb[at] = rotation == 0    ? argb(x, y)
                           : rotation == 90 ? argb(y, height - 1 - x)
                           : rotation == 180 ? argb(width - 1 - x, height - 1 - y)
                                             : argb(width - 1 - y, x);
            }
        }
        return Bitmap.createBitmap(argb, wide, high, Bitmap.Config.ARGB_8888);
    }

    /* Factors of BT.601 in parts of 65536. */
    private int argb(int x, int y) {
        int chroma = y / 2 * chromaRowStride + x / 2 * chromaPixelStride;
        int luma = (planes[0].get(y * rowStride + x * pixelStride) & 255) << 16;
        int u = (planes[1].get(chroma) & 255) - 128, v = (planes[2].get(chroma) & 255) - 128;
        return 0xff000000 | part(luma + 91881 * v) << 16 | part(luma - 22554 * u - 46802 * v) << 8 | part(luma + 116130 * u);
    }

    private static int part(int value) { return Math.max(0, Math.min(255, (value + 32768) >> 16)); }

    int[] layout() { return new int[] {width, height, rotation, rowStride, pixelStride, chromaRowStride, chromaPixelStride}; }

    private static void check(String name, ByteBuffer plane, int width, int height, int rowStride, int pixelStride) {
        if (!plane.isDirect()) throw new IllegalArgumentException(name + " is not direct");
        if (pixelStride < 1 || rowStride < (long)(width - 1) * pixelStride + 1)
            throw new IllegalArgumentException(name + ": strides " + rowStride + " and " + pixelStride + " of " + width + " pixels");
        long least = (long)(height - 1) * rowStride + (long)(width - 1) * pixelStride + 1;
        if (plane.remaining() < least) throw new IllegalArgumentException(name + " has " + plane.remaining() + " bytes, not " + least);
    }
}
