package org.tuff;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;

import android.content.res.AssetManager;
import android.graphics.Bitmap;
import java.io.File;
import java.io.FileNotFoundException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.Test;
import org.robolectric.RuntimeEnvironment;

public class ModelTest extends Fixture {
    static final List<String> NAMES = Arrays.asList("red", "gr\u00fcn", "\u9752", "\ud83d\udc31 cat");

    @Test public void tellsWhatItIs() throws Exception {
        File other = folder.newFile("\ud83d\udc31 \u00e4.tuff");
        Files.write(other.toPath(), read(file("colour")));
        try (Tuff tuff = onDevice(); Model model = Model.open(tuff, other)) {
            assertEquals(NAMES, model.classNames());
            assertTrue(model.takesPictures());
            assertEquals("[x u8 [3, 24, 32]]", model.inputs().toString());
            assertEquals("[probabilities f32 [4], features f32 [48]]", model.outputs().toString());
            assertEquals(3 * 24 * 32, model.inputs().get(0).bytes);
        }
    }

    /** What the app brings along, where the tests are given it. */
    @Test public void opensAnAsset() throws Exception {
        AssetManager assets = RuntimeEnvironment.getApplication().getAssets();
        assumeTrue(Arrays.asList(assets.list("")).contains("model.tuff"));
        try (Tuff tuff = onDevice(); Model model = Model.open(tuff, assets, "model.tuff")) {
            assertTrue(model.takesPictures());
            Classifier classifier = new Classifier(model);
            Bitmap picture = Bitmap.createBitmap(picture(320, 240, 1), 320, 240, Bitmap.Config.ARGB_8888);
            Classifier.Answer answer = classifier.classify(picture, 1).get(0), again = classifier.againOnProcessor(1).get(0);
            assertEquals(answer.name, again.name);
            assertEquals(answer.probability, again.probability, 1e-3);
            classifier.classify(new FrameTest.Planes(640, 480, 1, 2, 0, picture(640, 480, 1)).frame(90), 1);
            String report = tuff.report();
            assertTrue(report, report.contains("\nkernels of files: 0\n") || report.contains("\nplans that run fused: 2 of 2\n"));
            thrown(FileNotFoundException.class, () -> Model.open(tuff, assets, "none.tuff"));
        }
    }

    @Test public void badFilesAreRefused() throws Exception {
        byte[] good = read(file("colour"));
        try (Tuff tuff = onDevice()) {
            TuffException e = thrown(TuffException.class, () -> Model.open(tuff, new File(folder.getRoot(), "none \ud83d\udc31.tuff")));
            assertEquals("TUFF_ERR_FILE", e.status());
            assertTrue(e.getMessage(), e.getMessage().contains("none \ud83d\udc31.tuff"));
            good[good.length / 2] ^= 1;
            assertEquals("TUFF_ERR_FORMAT", thrown(TuffException.class, () -> Model.open(tuff, direct(good))).status());
            assertEquals("TUFF_ERR_FORMAT", thrown(TuffException.class, () -> Model.open(tuff, ByteBuffer.allocate(0))).status());
        }
    }

    @Test public void runsAsOnTheProcessor() throws Exception {
        try (Tuff tuff = onDevice(); Model model = Model.open(tuff, ByteBuffer.wrap(read(file("colour"))));
             Tuff other = onProcessor(); Model there = Model.open(other, file("colour"))) {
            model.prepare((what, done, total) -> true);
            there.prepare(null);
            ByteBuffer[] in = {model.inputs().get(0).allocate(2)};
            in[0].position(0);
            for (int i = 0; i < in[0].capacity(); i++) in[0].put(i, (byte)(i * 7));
            ByteBuffer[] a = outputs(model, 2), b = outputs(model, 2), c = outputs(model, 2);
            assertTrue(model.run(in, 2, a) > 0);
            model.runOnProcessor(in, 2, b);
            there.run(in, 2, c);
            for (int k = 0; k < a.length; k++) {
                for (int i = 0; i < a[k].capacity() / 4; i++) assertEquals(a[k].getFloat(4 * i), b[k].getFloat(4 * i), 1e-5);
                assertArrayEquals(bytes(b[k]), bytes(c[k]));
            }
            float sum = 0;
            for (int i = 0; i < 4; i++) sum += a[0].getFloat(16 + 4 * i);
            assertEquals(1, sum, 1e-5);
        }
    }

    static ByteBuffer[] outputs(Model model, int samples) {
        ByteBuffer[] buffers = new ByteBuffer[model.outputs().size()];
        for (int i = 0; i < buffers.length; i++) buffers[i] = model.outputs().get(i).allocate(samples);
        return buffers;
    }

    /** y = 2 (a + b) + 0.5, and what casts make of it. */
    @Test public void allTypes() {
        float[] a = {-1.5f, 0, 1, 2, 3.25f, -60};
        int[] b = {0, 1, -2, 3, 4, 10};
        try (Tuff tuff = onDevice(); Model model = Model.open(tuff, file("types"))) {
            assertFalse(model.takesPictures());
            assertEquals("[a f32 [2, 3], b i32 [2, 3]]", model.inputs().toString());
            assertEquals("[outputs f32 [2, 3], whole i32 [2, 3], byte u8 [2, 3], small i8 [2, 3], half f16 [2, 3], above bool [2, 3]]",
                         model.outputs().toString());
            ByteBuffer[] in = {model.inputs().get(0).allocate(1), model.inputs().get(1).allocate(1)};
            in[0].asFloatBuffer().put(a);
            in[1].asIntBuffer().put(b);
            for (boolean onProcessor : new boolean[] {false, true}) {
                ByteBuffer[] out = outputs(model, 1);
                if (onProcessor) model.runOnProcessor(in, 1, out);
                else model.run(in, 1, out);
                for (int i = 0; i < a.length; i++) {
                    float y = 2 * (a[i] + b[i]) + 0.5f;
                    assertEquals(y, out[0].getFloat(4 * i), 0);
                    assertEquals((int)y, out[1].getInt(4 * i));
                    assertEquals(Math.max(0, Math.min(255, (int)y)), out[2].get(i) & 255);
                    assertEquals((int)y, out[3].get(i));
                    assertEquals(half(y), out[4].getShort(2 * i));
                    assertEquals(y > 0 ? 1 : 0, out[5].get(i));
                }
            }
            assertEquals("the model takes no pictures",
                         thrown(IllegalStateException.class, () -> { model.sample(Bitmap.createBitmap(2, 2, Bitmap.Config.ARGB_8888), in[0]); return 0; }).getMessage());
            thrown(IllegalArgumentException.class, () -> new Classifier(model));
        }
    }

    /** Of small numbers that f16 holds. */
    static short half(float x) {
        int bits = Float.floatToIntBits(x);
        return (short)(x == 0 ? bits >> 16 : bits >> 16 & 0x8000 | ((bits >> 23 & 255) - 112) << 10 | bits >> 13 & 0x3ff);
    }

    @Test public void wrongBuffersAreRefused() {
        try (Tuff tuff = onDevice(); Model model = Model.open(tuff, file("colour"))) {
            ByteBuffer in = model.inputs().get(0).allocate(1);
            ByteBuffer[] out = {null, model.outputs().get(1).allocate(1)};
            model.run(new ByteBuffer[] {in}, 1, out); /* null: of no interest */
            model.run(new ByteBuffer[] {in}, 0, out);
            thrown(IllegalArgumentException.class, () -> model.run(new ByteBuffer[] {in}, 2, out));
            thrown(IllegalArgumentException.class, () -> model.run(new ByteBuffer[] {in}, -1, out));
            thrown(IllegalArgumentException.class, () -> model.run(new ByteBuffer[] {in, in}, 1, out));
            thrown(IllegalArgumentException.class, () -> model.run(new ByteBuffer[] {ByteBuffer.allocate(3 * 24 * 32)}, 1, out));
            thrown(IllegalArgumentException.class, () -> model.run(new ByteBuffer[] {in}, 1, new ByteBuffer[] {null, out[1].asReadOnlyBuffer()}));
            thrown(NullPointerException.class, () -> model.run(new ByteBuffer[] {null}, 1, out));
        }
    }

    @Test public void picturesAreMadeSamples() {
        int[] argb = picture(13, 21, 3);
        Bitmap bitmap = Bitmap.createBitmap(argb, 13, 21, Bitmap.Config.ARGB_8888);
        try (Tuff tuff = onProcessor(); Model model = Model.open(tuff, file("plain"))) {
            ByteBuffer sample = model.inputs().get(0).allocate(1);
            model.sample(bitmap, sample);
            for (int i = 0; i < 13 * 21; i++)
                for (int c = 0; c < 3; c++) assertEquals(argb[i] >> 16 - 8 * c & 255, sample.get(c * 13 * 21 + i) & 255);
            thrown(IllegalArgumentException.class, () -> { model.sample(bitmap, ByteBuffer.allocateDirect(10)); return 0; });
            thrown(IllegalArgumentException.class, () -> { model.sample(bitmap, sample.asReadOnlyBuffer()); return 0; });
            ByteBuffer y = ByteBuffer.allocateDirect(48), u = ByteBuffer.allocateDirect(12), v = ByteBuffer.allocateDirect(12);
            thrown(IllegalArgumentException.class, () -> { model.sample(new Frame(8, 6, 0, y, 8, 1, u, v, 4, 1), sample.asReadOnlyBuffer()); return 0; });
        }
        try (Tuff tuff = onProcessor(); Model model = Model.open(tuff, file("plain"))) {
            Classifier classifier = new Classifier(model);
            List<Classifier.Answer> answers = classifier.classify(bitmap, 3), again = classifier.againOnProcessor(3);
            assertEquals(3, answers.size());
            assertTrue(answers.get(0).probability >= answers.get(1).probability);
            assertEquals(answers.toString(), again.toString());
            assertTrue(NAMES.contains(answers.get(0).name));
        }
    }

    @Test public void closeWaitsForTheRun() throws Exception {
        Tuff tuff = onDevice();
        Model model = Model.open(tuff, file("colour"));
        CountDownLatch inside = new CountDownLatch(1), go = new CountDownLatch(1);
        AtomicBoolean returned = new AtomicBoolean();
        Thread worker = new Thread(() -> model.prepare((what, done, total) -> {
            inside.countDown();
            try {
                go.await();
            } catch (InterruptedException e) {
                return false;
            }
            return true;
        }));
        worker.start();
        assertTrue(inside.await(60, TimeUnit.SECONDS));
        Thread closer = new Thread(() -> {
            model.close();
            returned.set(true);
        });
        closer.start();
        Thread.sleep(200);
        assertFalse(returned.get());
        go.countDown();
        worker.join(60000);
        closer.join(60000);
        assertTrue(returned.get() && model.isClosed());
        assertEquals("Model is closed", thrown(IllegalStateException.class, () -> { model.prepare(null); return 0; }).getMessage());
        tuff.close();
    }

    /** Threads that share models and the device get what each alone gets. */
    @Test public void manyThreads() throws Exception {
        try (Tuff tuff = onDevice(); Model a = Model.open(tuff, file("colour")); Model b = Model.open(tuff, file("area"))) {
            List<Callable<Void>> work = new ArrayList<>();
            for (int k = 0; k < 4; k++) {
                Model model = k % 2 == 0 ? a : b;
                int[] argb = picture(50, 40, k);
                byte[] expected = probabilities(model, argb);
                work.add(() -> {
                    for (int i = 0; i < 25; i++) assertArrayEquals(expected, probabilities(model, argb));
                    return null;
                });
            }
            ExecutorService threads = Executors.newFixedThreadPool(work.size());
            for (Future<Void> done : threads.invokeAll(work)) done.get();
            threads.shutdown();
        }
    }

    private static byte[] probabilities(Model model, int[] argb) {
        ByteBuffer[] in = {model.inputs().get(0).allocate(1)}, out = outputs(model, 1);
        model.sample(Bitmap.createBitmap(argb, 50, 40, Bitmap.Config.ARGB_8888), in[0]);
        model.run(in, 1, out);
        return bytes(out[0]);
    }

    @Test public void prepareIsCancelled() {
        try (Tuff tuff = onDevice(); Model model = Model.open(tuff, file("area"))) {
            assertTrue(thrown(TuffException.class, () -> { model.prepare((what, done, total) -> false); return 0; }).cancelled());
            Error own = new Error("of the listener");
            assertSame(own, thrown(Error.class, () -> { model.prepare((what, done, total) -> { throw own; }); return 0; }));
            model.prepare(null);
        }
    }

    @Test public void runOnProcessorIsCancelled() {
        try (Tuff tuff = onDevice(); Model model = Model.open(tuff, file("colour"))) {
            ByteBuffer[] in = {model.inputs().get(0).allocate(1)}, out = outputs(model, 1);
            List<Long> told = new ArrayList<>();
            model.runOnProcessor(in, 1, out, (what, done, total) -> told.add(done) && done <= total);
            assertFalse(told.isEmpty());
            assertTrue(thrown(TuffException.class, () -> model.runOnProcessor(in, 1, out, (what, done, total) -> false)).cancelled());
            Error own = new Error("of the listener");
            assertSame(own, thrown(Error.class, () -> model.runOnProcessor(in, 1, out, (what, done, total) -> { throw own; })));
        }
    }

    @Test public void listenersFindItBusy() {
        try (Tuff tuff = onDevice(); Model model = Model.open(tuff, file("area"))) {
            ByteBuffer[] in = {model.inputs().get(0).allocate(1)}, out = outputs(model, 1);
            Progress closes = (what, done, total) -> {
                model.close();
                return true;
            };
            Progress runs = (what, done, total) -> model.run(in, 1, out) > 0;
            for (Progress progress : Arrays.asList(closes, runs)) {
                IllegalStateException e = thrown(IllegalStateException.class, () -> { model.prepare(progress); return 0; });
                assertEquals("Model is busy: it calls this listener", e.getMessage());
                thrown(IllegalStateException.class, () -> model.runOnProcessor(in, 1, out, progress));
            }
            thrown(IllegalStateException.class, () -> { model.prepare((what, done, total) -> new Trainer(model, NAMES, 1).isClosed()); return 0; });
            model.run(in, 1, out);
        }
    }

    @Test public void nothingLeaks() throws Exception {
        byte[] content = read(file("colour"));
        try (Tuff tuff = onDevice()) {
            assertFlat(tuff, round -> {
                try (Model model = Model.open(tuff, direct(content))) {
                    model.run(new ByteBuffer[] {model.inputs().get(0).allocate(1)}, 1, outputs(model, 1));
                    ByteBuffer y = ByteBuffer.allocateDirect(48), u = ByteBuffer.allocateDirect(12), v = ByteBuffer.allocateDirect(12);
                    model.sample(new Frame(8, 6, 90, y, 8, 1, u, v, 4, 1), model.inputs().get(0).allocate(1));
                }
            });
        }
    }
}
