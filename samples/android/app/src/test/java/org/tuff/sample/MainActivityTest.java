package org.tuff.sample;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;

import android.Manifest;
import android.app.Activity;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.database.Cursor;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Color;
import android.graphics.Paint;
import android.net.Uri;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.InputStream;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowApplication;
import org.robolectric.shadows.ShadowLooper;

/** From a touch to what the screen says. */
@RunWith(RobolectricTestRunner.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = {29, 35}, qualifiers = "w360dp-h640dp-xhdpi")
public class MainActivityTest {
    /** What the model surely knows, with its name; which model it is, is the build's affair. */
    private static byte[] known(List<String> names, String[] name) throws Exception {
        if (names.contains("espresso")) {
            String shared = System.getenv("TUFF_SHARED") == null ? "../../../shared" : System.getenv("TUFF_SHARED");
            File coffee = new File(shared, "data/pictures/photos/coffee.png");
            assumeTrue(coffee + " is not there", coffee.exists());
            name[0] = "espresso";
            return Files.readAllBytes(coffee.toPath());
        }
        assumeTrue("a model of other things", names.contains("Trouser"));
        name[0] = "Trouser";
        Bitmap picture = Bitmap.createBitmap(280, 280, Bitmap.Config.ARGB_8888);
        Canvas canvas = new Canvas(picture);
        Paint paint = new Paint();
        canvas.drawColor(Color.BLACK);
        paint.setColor(Color.LTGRAY);
        canvas.drawRect(90, 10, 190, 70, paint);
        canvas.drawRect(90, 70, 132, 270, paint);
        canvas.drawRect(148, 70, 190, 270, paint);
        return Screen.png(picture);
    }

    private static byte[] known(Screen screen, String[] name) throws Exception { return known(screen.activity().engine.shipped.classNames(), name); }

    @Test public void picksAPictureAndSaysWhatItShows() throws Exception {
        try (Screen screen = Screen.open()) {
            screen.photograph("start");
            String[] name = new String[1];
            byte[] picture = known(screen, name);
            screen.touch(R.id.pick);
            screen.give(picture);
            assertEquals(name[0], screen.state().answers.get(0).name);
            assertEquals(3, screen.state().answers.size());
            assertTrue(screen.activity().findViewById(R.id.answers).getContentDescription().toString().startsWith(name[0]));
            assertTrue(screen.text(R.id.device), screen.text(R.id.device).matches("GPU: [0-9.]+ ms \\(.+\\)"));
            assertTrue(screen.text(R.id.reference), screen.text(R.id.reference).matches("CPU: [0-9.]+ ms \\(reference, one thread, double precision\\)"));
            screen.photograph("picture");
        }
    }

    @Test public void saysSoWhenItIsNoPicture() throws Exception {
        try (Screen screen = Screen.open()) {
            screen.touch(R.id.pick);
            screen.give(new byte[] {1, 2, 3});
            assertTrue(screen.text(R.id.banner), screen.text(R.id.banner).startsWith("This file is not a picture"));
            screen.photograph("damaged");
            byte[] whole = Screen.png(Screen.thing(0, 1));
            screen.touch(R.id.pick);
            screen.give(Arrays.copyOf(whole, whole.length / 2)); // cut short
            assertTrue(screen.text(R.id.banner), screen.text(R.id.banner).startsWith("This file is not a picture"));
            screen.touch(R.id.pick);
            screen.give(whole);
            assertEquals("", screen.text(R.id.banner));
            assertEquals(3, screen.state().answers.size());
        }
    }

    @Test public void nothingHappensWhenNoPictureIsPicked() throws Exception {
        try (Screen screen = Screen.open()) {
            screen.touch(R.id.pick);
            screen.shadow().receiveResult(screen.shadow().getNextStartedActivityForResult().intent, Activity.RESULT_CANCELED, null);
            screen.settle();
            assertFalse(screen.state().busy);
            assertEquals("", screen.text(R.id.banner));
        }
    }

    @Test public void classifiesWhatTheCameraSees() throws Exception {
        Shadow.<ShadowApplication>extract(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA);
        try (Screen screen = Screen.open()) {
            screen.touch(R.id.camera);
            screen.settle();
            assertNotNull(screen.camera);
            Thread.currentThread().interrupt(); // waits in spite of it: a frame's memory is the camera's
            screen.camera.frame(Screen.frame(Screen.thing(0, 0), 0));
            assertEquals(3, screen.state().answers.size());
            assertTrue(Thread.interrupted());
            for (int i = 0; i < 4; i++) screen.camera.frame(Screen.frame(Screen.thing(i % 2, i), 90 * i));
            screen.settle();
            assertEquals(3, screen.state().answers.size());
            assertTrue(screen.text(R.id.rate), screen.text(R.id.rate).matches("[0-9.]+ frames a second"));
            assertTrue(screen.text(R.id.reference), screen.text(R.id.reference).startsWith("CPU: "));
            screen.photograph("camera");

            screen.touch(R.id.otherCamera);
            screen.settle();
            assertTrue(screen.front);
            assertEquals(1, screen.camerasStopped);

            // Out of sight the camera belongs to others; it comes back with the screen.
            screen.controller.pause().stop();
            assertEquals(2, screen.camerasStopped);
            screen.controller.restart().start().resume();
            assertEquals(3, screen.camerasStarted);
            screen.camera.lost("The camera failed.");
            screen.settle();
            assertEquals("The camera failed.", screen.text(R.id.banner));
            assertFalse(screen.state().camera);
            assertEquals(3, screen.camerasStopped);
        }
    }

    @Test public void framesAreUprightInEveryRotation() {
        Bitmap upright = Screen.thing(0, 5);
        for (int rotation = 0; rotation < 360; rotation += 90) {
            Bitmap seen = Screen.frame(upright, rotation).picture(120);
            assertEquals(120, seen.getWidth());
            for (int i = 0; i < 120; i += 7)
                for (int j = 0; j < 120; j += 11) {
                    boolean red = isRed(upright, 2 * i, 2 * j), edge = false;
                    for (int k = 0; k < 9; k++) edge |= isRed(upright, 2 * i + k % 3 * 3 - 3, 2 * j + k / 3 * 3 - 3) != red; // chroma is a neighbour's there
                    if (!edge) assertEquals(rotation + ": " + i + ", " + j, red, isRed(seen, i, j));
                }
        }
        assertEquals(90, CameraSource.rotation(90, 0, false)); // a phone held upright, its back camera
        assertEquals(0, CameraSource.rotation(90, 90, false));
        assertEquals(270, CameraSource.rotation(270, 0, true));
        assertEquals(0, CameraSource.rotation(270, 90, true));
    }

    private static boolean isRed(Bitmap picture, int x, int y) {
        int argb = picture.getPixel(Math.max(0, Math.min(picture.getWidth() - 1, x)), Math.max(0, Math.min(picture.getHeight() - 1, y)));
        return Color.red(argb) > 2 * Color.blue(argb);
    }

    @Test public void withoutPermissionTheGalleryIsLeft() throws Exception {
        try (Screen screen = Screen.open()) {
            screen.touch(R.id.camera);
            assertEquals(Manifest.permission.CAMERA, screen.shadow().getLastRequestedPermission().requestedPermissions[0]);
            screen.activity().onRequestPermissionsResult(1, new String[] {Manifest.permission.CAMERA}, new int[] {PackageManager.PERMISSION_DENIED});
            screen.settle();
            assertTrue(screen.text(R.id.banner), screen.text(R.id.banner).startsWith("The app may not use the camera."));
            assertEquals(0, screen.camerasStarted);
            screen.photograph("refused");
            screen.touch(R.id.settings);
            assertEquals("package:org.tuff.sample", screen.shadow().getNextStartedActivity().getDataString());
            screen.touch(R.id.pick);
            screen.give(Screen.png(Screen.thing(0, 1)));
            assertEquals(3, screen.state().answers.size());
        }
    }

    @Test public void withoutADriverTheProcessorIsOffered() throws Exception {
        try (Screen screen = new Screen().start(options -> options.device = "no such device")) {
            assertEquals(State.Phase.NO_DRIVER, screen.state().phase);
            assertTrue(screen.text(R.id.banner), screen.text(R.id.banner).contains("no Vulkan driver"));
            screen.photograph("no-driver");
            screen.touch(R.id.byProcessor);
            screen.settle();
            assertEquals(State.Phase.READY, screen.state().phase);
            screen.touch(R.id.pick);
            screen.give(Screen.png(Screen.thing(0, 1)));
            assertEquals(3, screen.state().answers.size());
            assertFalse(screen.shown(R.id.device));
            assertTrue(screen.text(R.id.reference), screen.text(R.id.reference).contains("reference, one thread, double precision"));
            screen.photograph("processor");
            screen.touch(R.id.tabTeach);
            screen.settle();
            assertTrue(screen.text(R.id.teachHint), screen.text(R.id.teachHint).contains("graphics device"));
        }
    }

    @Test public void pausesInTheHeat() throws Exception {
        Shadow.<ShadowApplication>extract(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA);
        try (Screen screen = Screen.open()) {
            screen.touch(R.id.camera);
            screen.settle();
            screen.heat(Thermal.SEVERE);
            ShadowLooper.idleMainLooper(3, TimeUnit.SECONDS);
            assertTrue(screen.text(R.id.banner), screen.text(R.id.banner).startsWith("The phone is hot."));
            screen.camera.frame(Screen.frame(Screen.thing(0, 1), 0));
            screen.settle();
            assertTrue(screen.state().answers.isEmpty());
            screen.photograph("hot");
            screen.heat(2); // still above the lower end of the band
            screen.camera.frame(Screen.frame(Screen.thing(0, 1), 0));
            screen.settle();
            assertTrue(screen.state().answers.isEmpty());
            screen.heat(Thermal.LIGHT);
            screen.camera.frame(Screen.frame(Screen.thing(0, 1), 0));
            screen.settle();
            assertEquals(3, screen.state().answers.size());
            assertEquals("", screen.text(R.id.banner));
        }
    }

    @Test public void aWrongSelfTestIsToldAndTheReportIsShared() throws Exception {
        try (Screen screen = Screen.open()) {
            screen.touch(R.id.tabReport);
            screen.settle();
            String report = screen.text(R.id.reportText);
            for (String part : new String[] {"Tuff: ", "device: ", "driver: ", "self-test:", "API "}) assertTrue(report, report.contains(part));
            screen.photograph("report");
            screen.touch(R.id.shareReport);
            Intent sent = screen.shadow().getNextStartedActivity().getParcelableExtra(Intent.EXTRA_INTENT);
            assertEquals("text/plain", sent.getType());
            assertEquals(report, sent.getStringExtra(Intent.EXTRA_TEXT));
            screen.activity().engine.tested(Arrays.asList("ok matmul", "WRONG softmax: 3 elements"));
            screen.touch(R.id.tabClassify);
            screen.settle();
            assertTrue(screen.text(R.id.banner), screen.text(R.id.banner).startsWith("The self-test found kernels"));
            assertTrue(screen.shown(R.id.byProcessor));
            screen.photograph("wrong");
        }
    }

    @Test public void aFailureIsASentenceAndCanBeTriedAgain() throws Exception {
        boolean[] broken = {true};
        try (Screen screen = new Screen().start(options -> { if (broken[0]) throw new IllegalStateException("the device was lost"); })) {
            assertEquals("That did not work: the device was lost", screen.text(R.id.banner));
            screen.photograph("failed");
            screen.touch(R.id.tabReport);
            screen.settle();
            assertTrue(screen.text(R.id.reportText), screen.text(R.id.reportText).contains("failure: the device was lost"));
            screen.photograph("failed-report");
            broken[0] = false;
            screen.touch(R.id.again);
            screen.settle();
            assertEquals(State.Phase.READY, screen.state().phase);
            assertEquals("", screen.text(R.id.banner));
        }
    }

    @Test public void sharedFilesStayInTheirFolder() throws Exception {
        File file = new File(SharedFiles.folder(Screen.app()), "a.tuff"), outside = new File(Screen.app().getFilesDir(), "secret");
        Files.write(file.toPath(), new byte[] {1, 2, 3});
        Files.write(outside.toPath(), new byte[] {9});
        SharedFiles provider = Robolectric.setupContentProvider(SharedFiles.class, "org.tuff.sample.files");
        try (InputStream in = new FileInputStream(provider.openFile(SharedFiles.uri(file), "r").getFileDescriptor())) {
            assertEquals(1, in.read());
        }
        Cursor cursor = provider.query(SharedFiles.uri(file), null, null, null, null);
        assertTrue(cursor.moveToFirst());
        assertEquals("a.tuff", cursor.getString(0));
        assertEquals(3, cursor.getLong(1));
        for (String path : new String[] {"..%2Fsecret", "../secret", "..", "", "secret"})
            assertRefused(provider, Uri.parse("content://org.tuff.sample.files/" + path), "r");
        assertRefused(provider, SharedFiles.uri(file), "rw");
    }

    private static void assertRefused(SharedFiles provider, Uri uri, String mode) {
        try {
            provider.openFile(uri, mode);
        } catch (FileNotFoundException refused) {
            return;
        }
        throw new AssertionError(uri + " was opened");
    }

    @Test public void turningKeepsAllAndLeaksNothing() throws Exception {
        try (Screen screen = Screen.open()) {
            screen.touch(R.id.pick);
            screen.give(Screen.png(Screen.thing(1, 1)));
            Engine engine = screen.activity().engine;
            List<?> answers = screen.state().answers;
            screen.controller.recreate();
            screen.settle();
            long blocks = Screen.blocks(engine);
            for (int i = 0; i < 100; i++) screen.controller.recreate();
            screen.settle();
            assertSame(engine, screen.activity().engine);
            assertSame(answers, screen.state().answers);
            assertTrue(screen.shown(R.id.answers));
            assertEquals(blocks, Screen.blocks(engine));
        }
    }

    /** pom.xml sets MALLOC_ARENA_MAX: with an arena a thread, glibc keeps what each round's threads freed. */
    @Test public void leavingFreesAll() throws Exception {
        int rounds = 9, part = 3;
        long early = 0, late = 0;
        for (int i = 0; i < rounds; i++) {
            Engine engine;
            try (Screen screen = Screen.open()) {
                engine = screen.activity().engine;
                screen.touch(R.id.pick);
                screen.give(Screen.png(Screen.thing(1, i)));
            }
            assertTrue(Screen.isFree(engine));
            System.gc();
            if (i > 0 && i <= part) early += outsideOfTheHeap() / part;
            if (i >= rounds - part) late += outsideOfTheHeap() / part;
        }
        // a model left behind in each round would be 18 MiB times five; +-50 come and go
        assertTrue("native memory grew from " + early + " to " + late + " MiB", late < early + 70);
    }

    private static long outsideOfTheHeap() throws Exception {
        for (String line : Files.readAllLines(new File("/proc/self/status").toPath()))
            if (line.startsWith("VmRSS:")) return (Long.parseLong(line.replaceAll("[^0-9]", "")) >> 10) - (Runtime.getRuntime().totalMemory() >> 20);
        return 0;
    }
}
