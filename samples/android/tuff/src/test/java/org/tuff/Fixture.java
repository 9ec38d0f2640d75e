package org.tuff;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Random;
import java.util.concurrent.Callable;
import org.junit.Rule;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;

/** What the tests share: model files that android-models wrote (tuff.models), pixels, expected exceptions. */
@RunWith(RobolectricTestRunner.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = {29, 35})
public abstract class Fixture {
    @Rule public final TemporaryFolder folder = new TemporaryFolder();

    static File file(String model) { return new File(System.getProperty("tuff.models", "target/models"), model + ".tuff"); }

    Options options(Options.Processor processor) {
        Options options = new Options();
        options.cacheFolder = new File(System.getProperty("tuff.models", "target/models"), "cache");
        options.processor = processor;
        return options;
    }

    Tuff onDevice() { return Tuff.open(options(Options.Processor.NEVER)); }
    Tuff onProcessor() { return Tuff.open(options(Options.Processor.ALWAYS)); }

    static ByteBuffer direct(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length);
        buffer.put(bytes).flip();
        return buffer;
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    static byte[] read(File file) throws IOException { return Files.readAllBytes(file.toPath()); }
    static byte[] utf8(String text) { return text.getBytes(StandardCharsets.UTF_8); }

    /** Opaque colours that change slowly, with a little noise: c(x, y) of three waves. */
    static int[] picture(int width, int height, long seed) {
        Random random = new Random(seed);
        int[] argb = new int[width * height];
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                int r = 128 + (int)(70 * Math.sin(x * 0.11 + seed) + 20 * Math.cos(y * 0.2)) + random.nextInt(9);
                int g = 128 + (int)(70 * Math.sin(y * 0.13 + seed)) + random.nextInt(9);
                int b = 128 + (int)(70 * Math.cos((x + y) * 0.07)) + random.nextInt(9);
                argb[y * width + x] = 0xff << 24 | r << 16 | g << 8 | b;
            }
        return argb;
    }

    static <E extends Throwable> E thrown(Class<E> kind, Callable<?> call) {
        try {
            call.call();
        } catch (Throwable e) {
            if (kind.isInstance(e)) return kind.cast(e);
            throw new AssertionError("not a " + kind.getSimpleName(), e);
        }
        fail("no " + kind.getSimpleName());
        return null;
    }

    static void assertNear(String what, byte[] expected, byte[] got, int levels) {
        assertTrue(what + ": " + got.length + " bytes", expected.length == got.length);
        for (int i = 0; i < got.length; i++) {
            int e = expected[i] & 255, g = got[i] & 255;
            assertTrue(what + ": element " + i + " is " + g + ", not " + e, Math.abs(e - g) <= levels);
        }
    }

    interface Work {
        void run(int round) throws Exception;
    }

    /**
     * A hundred times, after ten to fill caches: a leak takes pages of this process in each quarter, which compilers and collectors of a JVM do not.
     * tuff: what holds the blocks, or null.
     */
    static void assertFlat(Tuff tuff, Work work) throws Exception {
        long blocks = 0, pages = 0, least = Long.MAX_VALUE;
        for (int i = 0; i <= 110; i++) {
            if (i >= 10 && (i - 10) % 25 == 0) {
                System.gc();
                long now = Long.parseLong(new String(read(new File("/proc/self/statm")), StandardCharsets.US_ASCII).split(" ")[1]);
                if (i == 10) blocks = tuff == null ? 0 : tuff.nativeBlocks();
                else least = Math.min(least, now - pages);
                pages = now;
            }
            work.run(i);
        }
        if (tuff != null) assertEquals("blocks of native memory", blocks, tuff.nativeBlocks());
        assertTrue("25 times took " + least + " pages more", least < 150);
    }
}
