package org.tuff;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import android.graphics.Bitmap;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.Test;

/** Frames of every layout against plain code, and against pictures that are resized on the processor. */
public class FrameTest extends Fixture {
    /** YUV of a picture, in planes of the given strides, with noise in what is no pixel and a last row that ends with its last pixel. */
    static final class Planes {
        final int w, h, halfW, halfH, row, pixel, chromaRow, chromaPixel;
        final ByteBuffer y, u, v;

        Planes(int w, int h, int pixel, int chromaPixel, int padding, int[] argb) {
            this.w = w;
            this.h = h;
            this.pixel = pixel;
            this.chromaPixel = chromaPixel;
            halfW = (w + 1) / 2;
            halfH = (h + 1) / 2;
            row = w * pixel + padding;
            chromaRow = halfW * chromaPixel + padding;
            y = noise((h - 1) * row + (w - 1) * pixel + 1);
            u = noise((halfH - 1) * chromaRow + (halfW - 1) * chromaPixel + 1);
            v = noise(u.capacity());
            for (int j = 0; j < h; j++)
                for (int i = 0; i < w; i++) {
                    int c = argb[j * w + i], r = c >> 16 & 255, g = c >> 8 & 255, b = c & 255;
                    y.put(j * row + i * pixel, level(0.299 * r + 0.587 * g + 0.114 * b));
                    if (i % 2 == 1 || j % 2 == 1) continue;
                    u.put(j / 2 * chromaRow + i / 2 * chromaPixel, level(128 - 0.168736 * r - 0.331264 * g + 0.5 * b));
                    v.put(j / 2 * chromaRow + i / 2 * chromaPixel, level(128 + 0.5 * r - 0.418688 * g - 0.081312 * b));
                }
        }

        static ByteBuffer noise(int bytes) {
            byte[] noise = new byte[bytes];
            new Random(bytes).nextBytes(noise);
            return direct(noise);
        }

        static byte level(double x) { return (byte)Math.max(0, Math.min(255, Math.floor(x + 0.5))); }

        /** What the planes show, turned upright, by the formulas. */
        int[] upright(int rotation) {
            int[] out = new int[w * h];
            for (int j = 0; j < h; j++)
                for (int i = 0; i < w; i++) {
                    double l = y.get(j * row + i * pixel) & 255;
                    double du = (u.get(j / 2 * chromaRow + i / 2 * chromaPixel) & 255) - 128, dv = (v.get(j / 2 * chromaRow + i / 2 * chromaPixel) & 255) - 128;
                    int r = level(l + 1.402 * dv) & 255, g = level(l - 0.344136 * du - 0.714136 * dv) & 255, b = level(l + 1.772 * du) & 255;
                    int at = rotation == 0 ? j * w + i : rotation == 90 ? i * h + h - 1 - j : rotation == 180 ? (h - 1 - j) * w + w - 1 - i : (w - 1 - i) * h + j;
                    out[at] = 0xff << 24 | r << 16 | g << 8 | b;
                }
            return out;
        }

        Frame frame(int rotation) { return new Frame(w, h, rotation, y, row, pixel, u, v, chromaRow, chromaPixel); }
    }

    /** Nothing is resized: all but what lies near a half is exact. */
    private static void assertExact(String what, byte[] expected, byte[] got) {
        assertNear(what, expected, got, 1);
        int others = 0;
        for (int i = 0; i < got.length; i++) others += expected[i] == got[i] ? 0 : 1;
        assertTrue(what + ": " + others + " of " + got.length, others * 200 <= got.length);
    }

    private static int[] anyColours(int count, long seed) {
        Random random = new Random(seed);
        int[] argb = new int[count];
        for (int i = 0; i < count; i++) argb[i] = random.nextInt();
        return argb;
    }

    /** The model's samples are 13 x 21, as the upright picture is. */
    @Test public void layoutsAndRotations() {
        int[][] strides = {{1, 1, 0}, {1, 2, 0}, {1, 2, 11}, {2, 1, 3}, {2, 2, 1}};
        try (Tuff tuff = onDevice(); Model model = Model.open(tuff, file("plain"))) {
            ByteBuffer sample = model.inputs().get(0).allocate(1);
            byte[] expected = new byte[sample.capacity()];
            for (int[] s : strides)
                for (int rotation = 0; rotation < 360; rotation += 90) {
                    boolean quarter = rotation % 180 != 0;
                    int w = quarter ? 21 : 13, h = quarter ? 13 : 21;
                    Planes planes = new Planes(w, h, s[0], s[1], s[2], anyColours(w * h, rotation));
                    int[] upright = planes.upright(rotation);
                    for (int i = 0; i < upright.length; i++)
                        for (int c = 0; c < 3; c++) expected[c * upright.length + i] = (byte)(upright[i] >> 16 - 8 * c);
                    model.sample(planes.frame(rotation), sample);
                    assertExact("pixel strides " + s[0] + ", " + s[1] + ", padding " + s[2] + ", turned by " + rotation, expected, bytes(sample));
                }
        }
    }

    /** Grey of dark and of light borders, which are inverted. */
    @Test public void grey() {
        try (Tuff tuff = onDevice(); Model model = Model.open(tuff, file("grey"))) {
            ByteBuffer sample = model.inputs().get(0).allocate(1);
            byte[] expected = new byte[28 * 28];
            for (int base : new int[] {20, 180}) {
                int[] argb = anyColours(28 * 28, base);
                for (int i = 0; i < argb.length; i++) argb[i] = 0xff000000 | (argb[i] & 0x3f3f3f) + base * 0x10101;
                Planes planes = new Planes(28, 28, 1, 2, 5, argb);
                int[] upright = planes.upright(90);
                for (int i = 0; i < expected.length; i++) {
                    int c = upright[i], level = (299 * (c >> 16 & 255) + 587 * (c >> 8 & 255) + 114 * (c & 255) + 500) / 1000;
                    expected[i] = (byte)(base < 127 ? level : 255 - level);
                }
                model.sample(planes.frame(90), sample);
                assertExact("grey from " + base, expected, bytes(sample));
            }
        }
    }

    private void compare(Tuff tuff, String name, int w, int h, int levels) {
        try (Model model = Model.open(tuff, file(name))) {
            ByteBuffer sample = model.inputs().get(0).allocate(1), of = model.inputs().get(0).allocate(1);
            for (int rotation = 0; rotation < 360; rotation += 90) {
                Planes planes = new Planes(w, h, 1, 2, 6, picture(w, h, rotation + w));
                boolean quarter = rotation % 180 != 0;
                model.sample(planes.frame(rotation), sample);
                model.sample(Bitmap.createBitmap(planes.upright(rotation), quarter ? h : w, quarter ? w : h, Bitmap.Config.ARGB_8888), of);
                String what = name + ", " + w + " x " + h + ", turned by " + rotation;
                assertNear(what, bytes(of), bytes(sample), levels);
                double sum = 0;
                for (int i = 0; i < of.capacity(); i++) sum += (sample.get(i) & 255) - (of.get(i) & 255);
                assertEquals(what + ": on the whole", 0, sum / of.capacity(), 0.1);
            }
        }
    }

    /** Smaller and larger, each fit, filter and inversion. */
    @Test public void resizedAsPictures() {
        try (Tuff tuff = onDevice()) {
            for (String name : new String[] {"plain", "colour", "cubic", "area", "grey"})
                for (int[] size : new int[][] {{64, 48}, {37, 91}, {11, 9}, {320, 240}}) compare(tuff, name, size[0], size[1], 2);
        }
    }

    @Test public void onProcessorToo() {
        try (Tuff tuff = onProcessor()) {
            for (String name : new String[] {"cubic", "grey"}) compare(tuff, name, 37, 23, 2);
        }
    }

    @Test public void smallest() {
        try (Tuff tuff = onDevice(); Model model = Model.open(tuff, file("plain"))) {
            ByteBuffer sample = model.inputs().get(0).allocate(1);
            Frame frame = new Frame(1, 1, 270, direct(new byte[] {100}), Integer.MAX_VALUE, 5, direct(new byte[] {(byte)128}), direct(new byte[] {(byte)128}), 1, 1);
            model.sample(frame, sample);
            for (byte b : bytes(sample)) assertEquals(100, b);
        }
    }

    @Test public void wrongPlanesAreRefused() {
        ByteBuffer y = ByteBuffer.allocateDirect(24), u = ByteBuffer.allocateDirect(6), v = ByteBuffer.allocateDirect(6);
        new Frame(6, 4, 0, y, 6, 1, u, v, 3, 1);
        thrown(IllegalArgumentException.class, () -> new Frame(6, 4, 45, y, 6, 1, u, v, 3, 1));
        thrown(IllegalArgumentException.class, () -> new Frame(0, 4, 0, y, 6, 1, u, v, 3, 1));
        thrown(IllegalArgumentException.class, () -> new Frame(6, 4, 0, y, 7, 1, u, v, 3, 1));
        thrown(IllegalArgumentException.class, () -> new Frame(6, 4, 0, y, 5, 1, u, v, 3, 1));
        thrown(IllegalArgumentException.class, () -> new Frame(6, 5, 0, y, 6, 1, u, v, 3, 1));
        thrown(IllegalArgumentException.class, () -> new Frame(6, 4, 0, ByteBuffer.allocate(24), 6, 1, u, v, 3, 1));
        thrown(IllegalArgumentException.class, () -> new Frame(6, 4, 0, y, 6, 0, u, v, 3, 1));
    }
}
