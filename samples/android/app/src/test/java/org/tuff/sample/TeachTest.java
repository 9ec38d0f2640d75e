package org.tuff.sample;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;

import android.Manifest;
import android.app.Activity;
import android.content.ContentProvider;
import android.content.ContentValues;
import android.content.Intent;
import android.database.Cursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import android.widget.RadioButton;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileNotFoundException;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Collections;
import java.util.concurrent.CountDownLatch;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowApplication;
import org.robolectric.shadows.ShadowContentResolver;
import org.robolectric.shadows.ShadowLooper;
import org.tuff.Classifier;
import org.tuff.Model;
import org.tuff.Options;
import org.tuff.Tuff;

/** Own classes: names, pictures, a training, its file. */
@RunWith(RobolectricTestRunner.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = {29, 35}, qualifiers = "w360dp-h640dp-xhdpi")
public class TeachTest {
    private static final int PICTURES = 5, UNSEEN = 100;

    /** One document of another app's. */
    public static final class Documents extends ContentProvider {
        File file() { return new File(getContext().getCacheDir(), "document"); }

        @Override public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
            return ParcelFileDescriptor.open(file(), ParcelFileDescriptor.parseMode(mode));
        }

        @Override public boolean onCreate() { return true; }
        @Override public Cursor query(Uri uri, String[] columns, String where, String[] values, String order) { return null; }
        @Override public String getType(Uri uri) { return null; }
        @Override public Uri insert(Uri uri, ContentValues values) { return null; }
        @Override public int update(Uri uri, ContentValues values, String where, String[] arguments) { return 0; }
        @Override public int delete(Uri uri, String where, String[] arguments) { return 0; }
    }

    private static void begin(Screen screen, String... names) throws Exception {
        assumeTrue("the model has no features", screen.state().teachable);
        screen.touch(R.id.tabTeach);
        screen.settle();
        int[] numbers = {R.id.two, R.id.three, R.id.four, R.id.five}, fields = {R.id.name1, R.id.name2, R.id.name3, R.id.name4, R.id.name5};
        ((RadioButton)screen.activity().findViewById(numbers[names.length - 2])).setChecked(true);
        for (int i = 0; i < names.length; i++) screen.type(fields[i], names[i]);
        screen.photograph("teach-names-" + names.length);
        screen.touch(R.id.teachStart);
        screen.settle();
        assertEquals(Arrays.asList(names), screen.state().names);
    }

    private static void pictures(Screen screen, int classes) throws Exception {
        int[] rows = {R.id.row1, R.id.row2, R.id.row3};
        for (int k = 0; k < classes; k++) {
            byte[][] files = new byte[PICTURES][];
            for (int i = 0; i < PICTURES; i++) files[i] = Screen.png(Screen.thing(k, i));
            screen.touchRow(rows[k], R.id.pickForClass);
            screen.give(files);
        }
    }

    private static void assertKnows(Screen screen, int classes) throws Exception {
        for (int k = 0; k < classes; k++)
            for (int i = 0; i < 3; i++) {
                screen.touch(R.id.pick);
                screen.give(Screen.png(Screen.thing(k, UNSEEN + i)));
                assertEquals(screen.state().names.get(k), screen.state().answers.get(0).name);
            }
    }

    @Test public void teachesFromPickedPictures() throws Exception {
        try (Screen screen = Screen.open()) {
            begin(screen, "Disc", "Square", "Cross");
            assertFalse(screen.activity().findViewById(R.id.train).isEnabled());
            pictures(screen, 3);
            assertEquals("Square: 5 of 20", screen.rowText(R.id.row2));
            screen.touchRow(R.id.row2, R.id.undo);
            screen.settle();
            assertEquals("Square: 4 of 20", screen.rowText(R.id.row2));
            assertEquals("Remove the last picture of Square", screen.activity().findViewById(R.id.row2).findViewById(R.id.undo).getContentDescription());
            screen.photograph("teach-collect");
            screen.touch(R.id.train);
            screen.settle();
            assertEquals(State.Teach.TAUGHT, screen.state().teach);
            float[] losses = screen.state().losses;
            assertTrue(Arrays.toString(losses), losses[losses.length - 1] < losses[0] / 2);
            screen.photograph("teach-taught");

            // The file: shared, copied, and opened by another Tuff.
            screen.touch(R.id.share);
            Intent sent = screen.shadow().getNextStartedActivity().getParcelableExtra(Intent.EXTRA_INTENT);
            Uri uri = sent.getParcelableExtra(Intent.EXTRA_STREAM);
            assertEquals("content://org.tuff.sample.files/my-classes.tuff", uri.toString());
            assertTrue((sent.getFlags() & Intent.FLAG_GRANT_READ_URI_PERMISSION) != 0);
            screen.touch(R.id.save);
            Intent asked = screen.shadow().getNextStartedActivityForResult().intent;
            ByteArrayOutputStream copy = new ByteArrayOutputStream();
            Uri to = Uri.parse("content://test/copy");
            Shadow.<ShadowContentResolver>extract(Screen.app().getContentResolver()).registerOutputStream(to, copy);
            screen.shadow().receiveResult(asked, Activity.RESULT_OK, new Intent().setData(to));
            screen.settle();
            assertEquals("The copy is saved.", screen.text(R.id.banner));
            File file = new File(System.getProperty("tuff.screens"), "taught.tuff"); // for tuff-classify
            Files.write(file.toPath(), copy.toByteArray());
            try (Tuff tuff = Tuff.open(Options.of(Screen.app())); Model model = Model.open(tuff, file)) {
                assertEquals(Arrays.asList("Disc", "Square", "Cross"), model.classNames());
                assertEquals("Cross", new Classifier(model).classify(Screen.thing(2, UNSEEN), 1).get(0).name);
            }
            screen.touch(R.id.tabClassify);
            screen.settle();
            assertKnows(screen, 3);
            screen.photograph("own-classes");
            screen.touch(R.id.useOther);
            screen.settle();
            assertFalse(screen.state().own);
            screen.touch(R.id.pick);
            screen.give(Screen.png(Screen.thing(0, 1)));
            assertFalse(screen.state().names.contains(screen.state().answers.get(0).name));
            screen.touch(R.id.useOther);
            screen.settle();
            assertKnows(screen, 1);
        }
        // What was taught is there when the app is opened again.
        try (Screen screen = Screen.open()) {
            screen.touch(R.id.useOther);
            screen.settle();
            screen.touch(R.id.pick);
            screen.give(Screen.png(Screen.thing(1, UNSEEN)));
            assertEquals("Square", screen.state().answers.get(0).name);
        }
    }

    @Test public void teachesFromTheCameraAndClassifiesLive() throws Exception {
        Shadow.<ShadowApplication>extract(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA);
        try (Screen screen = Screen.open()) {
            begin(screen, "Disc", "Square");
            screen.touch(R.id.teachCamera);
            screen.settle();
            for (int k = 0; k < 2; k++) {
                int row = k == 0 ? R.id.row1 : R.id.row2;
                screen.touchRow(row, R.id.take);
                for (int i = 0; i < PICTURES; i++) {
                    screen.camera.frame(Screen.frame(Screen.thing(k, i), 90));
                    Thread.sleep(210); // a series takes five frames a second
                }
                screen.settle();
                if (k == 0) screen.photograph("teach-camera");
                screen.touchRow(row, R.id.take);
                screen.settle();
                assertEquals(PICTURES, screen.state().counts[k]);
            }
            screen.touch(R.id.train);
            screen.settle();
            assertFalse(screen.state().camera);
            screen.touch(R.id.live);
            screen.settle();
            for (int k = 0; k < 2; k++) {
                screen.camera.frame(Screen.frame(Screen.thing(k, UNSEEN), 270));
                screen.settle();
                assertEquals(screen.state().names.get(k), screen.state().answers.get(0).name);
            }
            screen.photograph("own-live");
        }
    }

    @Test public void turningLeavesATrainingAlone() throws Exception {
        try (Screen screen = Screen.open()) {
            begin(screen, "Disc", "Square");
            pictures(screen, 2);
            screen.heat(Thermal.SEVERE); // holds the training after its first round
            screen.touch(R.id.train);
            for (int i = 0; i < 600 && screen.state().epoch == 0; i++) Thread.sleep(100);
            assertEquals(1, screen.state().epoch);
            Engine engine = screen.activity().engine;
            screen.controller.recreate();
            ShadowLooper.idleMainLooper();
            assertSame(engine, screen.activity().engine);
            assertTrue(screen.shown(R.id.stop));
            assertTrue(screen.text(R.id.teachHint), screen.text(R.id.teachHint).startsWith("Training: round 1 of"));
            screen.photograph("teach-hot");
            screen.heat(0);
            screen.settle();
            assertEquals(State.Teach.TAUGHT, screen.state().teach);
            assertEquals(screen.state().epochs, screen.state().epoch);
        }
    }

    @Test public void aStoppedTrainingIsKept() throws Exception {
        try (Screen screen = Screen.open()) {
            begin(screen, "Disc", "Square");
            pictures(screen, 2);
            screen.heat(Thermal.SEVERE);
            screen.touch(R.id.train);
            for (int i = 0; i < 600 && screen.state().epoch == 0; i++) Thread.sleep(100);
            ShadowLooper.idleMainLooper();
            screen.touch(R.id.stop);
            screen.settle();
            assertEquals(State.Teach.TAUGHT, screen.state().teach);
            assertEquals(1, screen.state().losses.length);
            assertNotNull(screen.state().taught);
            screen.heat(0);
            screen.touch(R.id.morePictures);
            screen.settle();
            assertEquals(PICTURES, screen.state().counts[0]);
        }
    }

    /** What was asked for the classes before has no say in the new ones. */
    @Test public void otherClassesBeginAnew() throws Exception {
        try (Screen screen = Screen.open()) {
            begin(screen, "Disc", "Square");
            pictures(screen, 1);
            CountDownLatch go = new CountDownLatch(1);
            Engine engine = screen.activity().engine;
            engine.worker.submit(() -> { go.await(); return 0; });
            engine.undo(0);
            engine.add(0, Collections.singletonList(Uri.parse("content://test/none")));
            engine.teach(Arrays.asList("A", "B", "C"));
            go.countDown();
            screen.settle();
            assertArrayEquals(new int[3], screen.state().counts);
            assertEquals("", screen.state().notice);
            assertEquals("C: 0 of 20", screen.rowText(R.id.row3));
            pictures(screen, 3);
            assertArrayEquals(new int[] {PICTURES, PICTURES, PICTURES}, screen.state().counts);
        }
    }

    @Test public void failuresOfATrainingAndOfItsFileAreNotices() throws Exception {
        File inTheWay = new File(Screen.app().getCacheDir(), Engine.TAUGHT), taught = new File(SharedFiles.folder(Screen.app()), Engine.TAUGHT);
        try (Screen screen = Screen.open()) {
            begin(screen, "Disc", "Square");
            pictures(screen, 2);
            assertTrue(inTheWay.mkdir());
            screen.touch(R.id.train);
            screen.settle();
            assertEquals(State.Phase.READY, screen.state().phase);
            assertEquals(State.Teach.COLLECT, screen.state().teach);
            assertTrue(screen.text(R.id.banner), screen.text(R.id.banner).startsWith("The training failed: "));
            assertTrue(inTheWay.delete());
            screen.touch(R.id.train);
            screen.settle();
            assertTrue(screen.state().own);
            Documents documents = Robolectric.setupContentProvider(Documents.class, "test.documents");
            Files.write(documents.file().toPath(), new byte[(int)taught.length() + 1000]); // a longer file of that name was there
            screen.activity().engine.save(Uri.parse("content://test.documents/copy"));
            screen.settle();
            assertArrayEquals(Files.readAllBytes(taught.toPath()), Files.readAllBytes(documents.file().toPath()));
            assertTrue(taught.delete()); // a new file: the old one is in use
            Files.write(taught.toPath(), new byte[1000]);
            screen.activity().engine.open(false);
            screen.settle();
            assertEquals(State.Phase.READY, screen.state().phase);
            assertFalse(screen.state().own);
            assertTrue(screen.text(R.id.banner), screen.text(R.id.banner).startsWith("Your classes could not be read: "));
            screen.touch(R.id.tabClassify);
            screen.settle();
            assertEquals("", screen.text(R.id.banner));
            screen.touch(R.id.useOther);
            screen.settle();
            assertFalse(screen.state().own);
            assertTrue(screen.text(R.id.banner), screen.text(R.id.banner).startsWith("Your classes could not be read: "));
        }
    }

    @Test public void picturesOutlastTheProcess() throws Exception {
        try (Screen screen = Screen.open()) {
            begin(screen, "Disc", "Square");
            pictures(screen, 2);
        }
        try (Screen screen = Screen.open()) {
            screen.touch(R.id.tabTeach);
            screen.settle();
            assertEquals("Square: 5 of 20", screen.rowText(R.id.row2));
            screen.touch(R.id.train);
            screen.settle();
            screen.touch(R.id.tabClassify);
            screen.settle();
            assertKnows(screen, 2);
        }
    }

    @Test public void leavingEndsATraining() throws Exception {
        Screen screen = Screen.open();
        begin(screen, "Disc", "Square");
        pictures(screen, 2);
        screen.heat(Thermal.SEVERE);
        screen.touch(R.id.train);
        for (int i = 0; i < 600 && screen.state().epoch == 0; i++) Thread.sleep(100);
        Engine engine = screen.activity().engine;
        screen.close();
        assertTrue(Screen.isFree(engine));
    }
}
