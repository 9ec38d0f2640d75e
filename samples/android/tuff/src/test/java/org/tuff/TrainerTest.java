package org.tuff;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;

import android.graphics.Bitmap;
import java.io.File;
import java.io.FileOutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.Test;

public class TrainerTest extends Fixture {
    static final List<String> NAMES = Arrays.asList("rot \ud83d\udd34", "gr\u00fcn", "blau");

    /** A noisy picture in which one colour is strong. */
    static Bitmap coloured(int index, long seed) {
        Random random = new Random(seed * 31 + index);
        int[] argb = new int[40 * 30];
        for (int i = 0; i < argb.length; i++) argb[i] = 0xff << 24 | (random.nextInt() & 0x7f7f7f) + (0x7f << 16 - 8 * index);
        return Bitmap.createBitmap(argb, 40, 30, Bitmap.Config.ARGB_8888);
    }

    static void add(Trainer trainer, int each, long seed) {
        for (int i = 0; i < each * 3; i++) trainer.add(coloured(i % 3, seed + i), i % 3);
    }

    static void assertKnows(Model model, List<String> names) {
        Classifier classifier = new Classifier(model);
        for (int i = 0; i < 12; i++) {
            Classifier.Answer answer = classifier.classify(coloured(i % 3, 1000 + i), 1).get(0);
            assertEquals(names.get(i % 3), answer.name);
            assertTrue(answer.toString(), answer.probability > 0.5);
        }
    }

    @Test public void teachesSavesAndTeachesAgain() throws Exception {
        File file = new File(folder.getRoot(), "mine \ud83d\udc31.tuff");
        try (Tuff tuff = onDevice(); Model backbone = Model.open(tuff, file("colour"))) {
            List<Float> losses = new ArrayList<>();
            try (Trainer trainer = new Trainer(backbone, NAMES, 5)) {
                add(trainer, 7, 0); /* 21: a batch of 16 and one of 5 */
                assertArrayEquals(new int[] {7, 7, 7}, trainer.counts());
                assertTrue(trainer.fit(40, (epoch, epochs, loss, accuracy) -> {
                    assertEquals(losses.size() + 1, epoch);
                    assertEquals(40, epochs);
                    assertTrue(accuracy >= 0 && accuracy <= 1);
                    return losses.add(loss);
                }));
                assertEquals(40, losses.size());
                assertTrue(losses.toString(), losses.get(39) < 0.5 * losses.get(0));
                add(trainer, 2, 500); /* more pictures: goes on from where it stands */
                float[] first = {-1};
                assertTrue(trainer.fit(3, (epoch, epochs, loss, accuracy) -> {
                    if (epoch == 1) first[0] = loss;
                    return true;
                }));
                assertTrue(first[0] + " after " + losses.get(39), first[0] < 0.5 * losses.get(0));
                assertTrue(trainer.fit(60, null));
                trainer.save(file);
            }
            try (Model taught = Model.open(tuff, file)) {
                assertEquals(NAMES, taught.classNames());
                assertKnows(taught, NAMES);
                File beside = file("colour").getParentFile(); /* for tuff-classify: tests/run_android.sh */
                Files.copy(file.toPath(), new File(beside, "taught.tuff").toPath(), StandardCopyOption.REPLACE_EXISTING);
                try (FileOutputStream out = new FileOutputStream(new File(beside, "blau.png"))) {
                    assertTrue(coloured(2, 77).compress(Bitmap.CompressFormat.PNG, 100, out));
                }
                List<String> two = Arrays.asList("a", "b", "c");
                try (Trainer again = new Trainer(taught, two, 1)) { /* a taught model is taught again */
                    add(again, 5, 7);
                    again.fit(100, null);
                    again.save(file);
                }
            }
            try (Model taught = Model.open(tuff, file)) {
                assertKnows(taught, Arrays.asList("a", "b", "c"));
            }
        }
    }

    /** Without a compiler, too (TUFF_DEBUG=nocompiler, phones): the file brings the kernels of prediction, of teaching and of frames. */
    @Test public void runsFusedByKernelsOfTheFile() throws Exception {
        byte[] file = read(file("packed"));
        try (Tuff tuff = onDevice()) {
            int count = tuff.addKernels(direct(file));
            assertTrue(count > 2);
            assertTrue(tuff.report(), tuff.report().contains("\nkernels of files: " + count + "\nplans that run fused: 0 of 0\n"));
            File saved = folder.newFile();
            try (Model backbone = Model.open(tuff, direct(file)); Trainer trainer = new Trainer(backbone, NAMES, 5)) {
                add(trainer, 7, 0);
                for (int rotation = 0; rotation < 360; rotation += 90) trainer.add(new FrameTest.Planes(640, 480, 1, 2, 0, picture(640, 480, 1)).frame(rotation), 0);
                trainer.add(new FrameTest.Planes(351, 288, 1, 1, 32, picture(351, 288, 1)).frame(90), 0);
                trainer.fit(1, null);
                trainer.save(saved);
            }
            try (Model taught = Model.open(tuff, saved)) {
                new Classifier(taught).classify(coloured(0, 1), 1);
            }
            try (Tuff other = onDevice()) { /* what is saved carries the kernels on */
                assertTrue(other.addKernels(direct(read(saved))) >= count);
            }
            String report = tuff.report();
            assertTrue(report, report.matches("(?s).*\nplans that run fused: (\\d+) of \\1\n.*") && !report.contains("plans that run fused: 0"));
            assertFalse(report, report.contains("no file had"));
            assertEquals("TUFF_ERR_FORMAT", thrown(TuffException.class, () -> tuff.addKernels(ByteBuffer.wrap(new byte[100]))).status());
        }
    }

    @Test public void stopsAndGoesOn() {
        try (Tuff tuff = onDevice(); Model backbone = Model.open(tuff, file("colour")); Trainer trainer = new Trainer(backbone, NAMES, 5)) {
            add(trainer, 6, 0);
            assertFalse(trainer.fit(50, (epoch, epochs, loss, accuracy) -> epoch < 3));
            int[] seen = {0};
            assertFalse(trainer.fit(50, (epoch, epochs, loss, accuracy) -> {
                seen[0] = epoch;
                if (epoch == 2) trainer.cancel();
                return true;
            }));
            assertEquals(2, seen[0]);
            IllegalStateException own = new IllegalStateException("of the listener");
            assertSame(own, thrown(IllegalStateException.class, () -> trainer.fit(5, (epoch, epochs, loss, accuracy) -> { throw own; })));
            assertTrue(trainer.fit(2, null));
            trainer.cancel(); /* before a fit: of the next one */
            int[] epochs = {0};
            assertFalse(trainer.fit(50, (epoch, total, loss, accuracy) -> ++epochs[0] > 0));
            assertEquals(1, epochs[0]);
            assertTrue(trainer.fit(2, null));
        }
    }

    @Test public void listenersFindItBusy() throws Exception {
        File file = folder.newFile();
        try (Tuff tuff = onDevice(); Model backbone = Model.open(tuff, file("colour")); Trainer trainer = new Trainer(backbone, NAMES, 5)) {
            add(trainer, 6, 0);
            List<Runnable> uses = Arrays.asList(trainer::close, () -> trainer.add(coloured(0, 1), 0), () -> trainer.fit(1, null), () -> trainer.save(file));
            for (Runnable use : uses)
                assertEquals("Trainer is busy: it calls this listener",
                             thrown(IllegalStateException.class, () -> trainer.fit(5, (epoch, epochs, loss, accuracy) -> {
                                 use.run();
                                 return true;
                             })).getMessage());
            assertArrayEquals(new int[] {6, 6, 6}, trainer.counts());
            int[] seen = {0};
            assertTrue(trainer.fit(2, (epoch, epochs, loss, accuracy) -> { /* what else there is, is free */
                new Classifier(backbone).classify(coloured(0, 1), 1);
                return (seen[0] += trainer.counts()[0]) > 0;
            }));
            assertEquals(12, seen[0]);
            trainer.save(file);
        }
    }

    /** A constructor that fails leaves nothing behind. */
    @Test public void failedConstructorsFree() {
        List<String> names = new AbstractList<String>() {
            @Override public String get(int index) { return NAMES.get(index); }
            @Override public int size() { return NAMES.size(); }
            @Override public Object[] toArray() { throw new UnsupportedOperationException("no copy"); }
        };
        try (Tuff tuff = onDevice()) {
            long blocks = tuff.nativeBlocks();
            try (Model backbone = Model.open(tuff, file("colour"))) {
                thrown(UnsupportedOperationException.class, () -> new Trainer(backbone, names, 1));
            }
            assertEquals(blocks, tuff.nativeBlocks()); /* a trainer would keep the model */
        }
    }

    @Test public void wrongUseIsSaid() throws Exception {
        try (Tuff tuff = onDevice(); Model backbone = Model.open(tuff, file("colour")); Model types = Model.open(tuff, file("types"))) {
            thrown(IllegalArgumentException.class, () -> new Trainer(backbone, Arrays.asList("one"), 0));
            thrown(IllegalArgumentException.class, () -> new Trainer(backbone, Arrays.asList("one", ""), 0));
            thrown(IllegalArgumentException.class, () -> new Trainer(backbone, Arrays.asList("one", "two\n"), 0));
            assertEquals("TUFF_ERR_USAGE", thrown(TuffException.class, () -> new Trainer(types, NAMES, 0)).status());
            Trainer trainer = new Trainer(backbone, NAMES, 0);
            trainer.add(coloured(0, 1), 0);
            trainer.add(coloured(2, 1), 2);
            thrown(IllegalArgumentException.class, () -> { trainer.add(coloured(0, 1), 3); return 0; });
            thrown(IllegalArgumentException.class, () -> trainer.fit(0, null));
            TuffException e = thrown(TuffException.class, () -> trainer.fit(1, null));
            assertTrue(e.getMessage(), e.getMessage().contains("gr\u00fcn"));
            assertEquals("TUFF_ERR_USAGE", thrown(TuffException.class, () -> { trainer.save(folder.newFile()); return 0; }).status());
            trainer.add(coloured(1, 1), 1);
            trainer.fit(1, null);
            assertEquals("TUFF_ERR_FILE", thrown(TuffException.class, () -> { trainer.save(new File("/none/x.tuff")); return 0; }).status());
            backbone.close();
            thrown(IllegalStateException.class, () -> { trainer.add(coloured(1, 1), 1); return 0; });
            trainer.save(folder.newFile()); /* what it has of the backbone stays */
            trainer.close();
            thrown(IllegalStateException.class, () -> trainer.fit(1, null));
        }
        try (Tuff tuff = onProcessor(); Model backbone = Model.open(tuff, file("colour"))) {
            assertEquals("TUFF_ERR_UNSUPPORTED", thrown(TuffException.class, () -> new Trainer(backbone, NAMES, 0)).status());
        }
    }

    @Test public void nothingLeaks() throws Exception {
        File file = folder.newFile();
        try (Tuff tuff = onDevice(); Model backbone = Model.open(tuff, file("colour"))) {
            assertFlat(tuff, round -> {
                try (Trainer trainer = new Trainer(backbone, NAMES, round)) {
                    add(trainer, 1, round);
                    trainer.fit(1, null);
                    trainer.save(file);
                }
            });
        }
    }
}
