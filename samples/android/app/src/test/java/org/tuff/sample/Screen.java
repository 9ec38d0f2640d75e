package org.tuff.sample;

import android.app.Activity;
import android.content.ClipData;
import android.content.Context;
import android.content.Intent;
import android.content.SharedPreferences;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Color;
import android.graphics.Paint;
import android.net.Uri;
import android.os.Build;
import android.os.PowerManager;
import android.view.View;
import android.view.ViewGroup;
import android.widget.EditText;
import android.widget.TextView;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowActivity;
import org.robolectric.shadows.ShadowContentResolver;
import org.robolectric.shadows.ShadowLooper;
import org.robolectric.shadows.ShadowPowerManager;
import org.tuff.Frame;
import org.tuff.Options;
import org.tuff.Tuff;

/** The app as a test uses it: it touches, reads, waits, and looks. */
final class Screen implements AutoCloseable {
    private static final int SECONDS = 300; // networks on a software driver, beside other work
    private static String tested; // what the self-test of an earlier test said, so that each does not run it again
    private static int pictures;
    final ActivityController<MainActivity> controller = Robolectric.buildActivity(MainActivity.class);
    /** The camera of the test. */
    FrameSource.Sink camera;
    int camerasStarted, camerasStopped;
    boolean front;

    static Screen open() throws Exception { return new Screen().start(options -> { }); }

    interface Change {
        void of(Options options);
    }

    Screen start(Change change) throws Exception {
        SharedPreferences kept = app().getSharedPreferences("self-test", Context.MODE_PRIVATE);
        if (tested != null) kept.edit().putString(tested.substring(0, tested.indexOf('\n')), tested.substring(tested.indexOf('\n') + 1)).commit();
        Engine.options = context -> {
            Options options = Options.of(context);
            options.cacheFolder = new File(System.getProperty("tuff.screens"), "cache"); // the app's own is new in each test
            change.of(options);
            return options;
        };
        MainActivity.cameras = (activity, front) -> new FrameSource() {
            @Override public void start(Sink sink) {
                camera = sink;
                Screen.this.front = front;
                camerasStarted++;
            }
            @Override public void stop() {
                camera = null;
                camerasStopped++;
            }
        };
        controller.setup();
        settle();
        for (Map.Entry<String, ?> one : kept.getAll().entrySet()) tested = one.getKey() + '\n' + one.getValue();
        return this;
    }

    static Context app() { return RuntimeEnvironment.getApplication(); }

    MainActivity activity() { return controller.get(); }

    State state() { return activity().engine.state(); }

    /* Not Shadows.shadowOf: its overloads name classes of newer levels than the one that this is compiled with. */
    ShadowActivity shadow() { return Shadow.extract(activity()); }

    /** Waits for both threads of the engine, and shows what they said. */
    void settle() throws Exception {
        for (int round = 0; round < 2; round++) {
            activity().engine.worker.submit(() -> { }).get(SECONDS, TimeUnit.SECONDS);
            activity().engine.reference.submit(() -> { }).get(SECONDS, TimeUnit.SECONDS);
            ShadowLooper.idleMainLooper();
        }
    }

    void touch(int id) throws Exception {
        View view = activity().findViewById(id);
        if (!shown(view)) throw new AssertionError(name(id) + " is not on the screen; " + state().phase + " " + state().failure + " " + state().notice);
        if (!view.isEnabled()) throw new AssertionError(name(id) + " is disabled");
        view.performClick();
    }

    void touchRow(int row, int id) {
        View view = activity().findViewById(row).findViewById(id);
        if (!shown(view) || !view.isEnabled()) throw new AssertionError(name(id) + " cannot be touched");
        view.performClick();
    }

    void type(int id, String text) { ((EditText)activity().findViewById(id)).setText(text); }

    private String name(int id) { return activity().getResources().getResourceEntryName(id); }

    boolean shown(int id) { return shown((View)activity().findViewById(id)); }

    private static boolean shown(View view) {
        for (View at = view; at != null; at = at.getParent() instanceof View ? (View)at.getParent() : null)
            if (at.getVisibility() != View.VISIBLE) return false;
        return true;
    }

    String text(int id) { return shown(id) ? ((TextView)activity().findViewById(id)).getText().toString() : ""; }

    String rowText(int row) { return ((TextView)activity().findViewById(row).findViewById(R.id.rowName)).getText().toString(); }

    /** The intent that asks for a file, and the answer of the app that it started. */
    void give(byte[]... files) throws Exception {
        Intent asked = shadow().getNextStartedActivityForResult().intent;
        if (!"image/*".equals(asked.getType())) throw new AssertionError(asked.getType());
        ShadowContentResolver resolver = Shadow.extract(app().getContentResolver());
        Intent answer = new Intent();
        for (byte[] file : files) {
            Uri uri = Uri.parse("content://test/" + pictures++);
            resolver.registerInputStream(uri, new ByteArrayInputStream(file));
            if (files.length == 1) answer.setData(uri);
            else if (answer.getClipData() == null) answer.setClipData(ClipData.newRawUri("", uri));
            else answer.getClipData().addItem(new ClipData.Item(uri));
        }
        shadow().receiveResult(asked, Activity.RESULT_OK, answer);
        settle();
    }

    void heat(int status) {
        ShadowPowerManager power = Shadow.extract(app().getSystemService(PowerManager.class));
        power.setCurrentThermalStatus(status);
    }

    /** As if a phone went cold and the user left. */
    @Override public void close() throws Exception {
        Engine engine = activity().engine;
        controller.pause().stop().destroy();
        if (!engine.worker.awaitTermination(SECONDS, TimeUnit.SECONDS) || !engine.reference.awaitTermination(SECONDS, TimeUnit.SECONDS))
            throw new AssertionError("the engine goes on");
    }

    static boolean isFree(Engine engine) { return engine.tuff == null && engine.shipped == null && engine.own == null; }

    /** Blocks of native memory of all that the engine holds. */
    static long blocks(Engine engine) throws ReflectiveOperationException {
        Method blocks = Tuff.class.getDeclaredMethod("nativeBlocks"); // of the library's own tests
        blocks.setAccessible(true);
        return (Long)blocks.invoke(engine.tuff);
    }

    /** Into a file to be looked at, and every button, field and text that is cut off or too small to touch as a sentence. */
    void photograph(String name) throws IOException {
        ShadowLooper.idleMainLooper();
        View root = activity().getWindow().getDecorView();
        Bitmap screen = Bitmap.createBitmap(root.getWidth(), root.getHeight(), Bitmap.Config.ARGB_8888);
        root.draw(new Canvas(screen));
        File folder = new File(System.getProperty("tuff.screens"), "screens");
        folder.mkdirs();
        Files.write(new File(folder, name + "-" + Build.VERSION.SDK_INT + ".png").toPath(), png(screen));
        check(root, root.getResources().getDisplayMetrics().density);
    }

    private void check(View view, float density) {
        if (view.getVisibility() != View.VISIBLE) return;
        if (view.isClickable() && !(view instanceof EditText) && (view.getHeight() < 47.5f * density || view.getWidth() < 47.5f * density) && view.isFocusable()
            && !((view instanceof TextView) && ((TextView)view).isTextSelectable()))
            throw new AssertionError(view + " is " + view.getWidth() / density + " x " + view.getHeight() / density + " dp");
        if (view instanceof TextView && ((TextView)view).getLayout() != null) {
            TextView text = (TextView)view;
            int room = text.getHeight() - text.getCompoundPaddingTop() - text.getCompoundPaddingBottom();
            if (text.getLayout().getHeight() > room + 2 && !text.isTextSelectable()) throw new AssertionError("\"" + text.getText() + "\" is cut off");
        }
        if (view instanceof ViewGroup)
            for (int i = 0; i < ((ViewGroup)view).getChildCount(); i++) check(((ViewGroup)view).getChildAt(i), density);
    }

    // ---- pictures

    static byte[] png(Bitmap bitmap) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        bitmap.compress(Bitmap.CompressFormat.PNG, 100, out);
        return out.toByteArray();
    }

    /** Things to teach: 0 is a red disc, 1 a blue square, 2 a green cross, at places, sizes and grounds that the seed draws. */
    static Bitmap thing(int index, int seed) {
        Random random = new Random(1000L * index + seed);
        Bitmap picture = Bitmap.createBitmap(240, 240, Bitmap.Config.ARGB_8888);
        Canvas canvas = new Canvas(picture);
        Paint paint = new Paint(Paint.ANTI_ALIAS_FLAG);
        int grey = 90 + random.nextInt(120);
        canvas.drawColor(Color.rgb(grey, grey, grey));
        float x = 90 + random.nextInt(60), y = 90 + random.nextInt(60), r = 50 + random.nextInt(35);
        paint.setColor(index == 0 ? Color.rgb(200, 20, 30) : index == 1 ? Color.rgb(20, 40, 210) : Color.rgb(10, 160, 40));
        if (index == 0) {
            canvas.drawCircle(x, y, r, paint);
        } else if (index == 1) {
            canvas.drawRect(x - r, y - r, x + r, y + r, paint);
        } else {
            canvas.drawRect(x - r, y - r / 3, x + r, y + r / 3, paint);
            canvas.drawRect(x - r / 3, y - r, x + r / 3, y + r, paint);
        }
        return picture;
    }

    /** A frame that shows the picture upright when it is turned by the rotation; rows and pixels of chroma have gaps, as phones have them. */
    static Frame frame(Bitmap upright, int rotation) {
        int w = upright.getWidth(), h = upright.getHeight(), wide = rotation % 180 == 0 ? w : h, high = rotation % 180 == 0 ? h : w, stride = wide + 16;
        ByteBuffer luma = ByteBuffer.allocateDirect(stride * high);
        ByteBuffer u = ByteBuffer.allocateDirect(stride * ((high + 1) / 2)), v = ByteBuffer.allocateDirect(stride * ((high + 1) / 2));
        for (int y = 0; y < high; y++)
            for (int x = 0; x < wide; x++) {
                int argb = rotation == 0     ? upright.getPixel(x, y)
                           : rotation == 90  ? upright.getPixel(high - 1 - y, x)
                           : rotation == 180 ? upright.getPixel(wide - 1 - x, high - 1 - y)
                                             : upright.getPixel(y, wide - 1 - x);
                float r = Color.red(argb), g = Color.green(argb), b = Color.blue(argb), l = 0.299f * r + 0.587f * g + 0.114f * b;
                luma.put(y * stride + x, (byte)Math.round(l));
                if (x % 2 + y % 2 > 0) continue;
                u.put(y / 2 * stride + x, (byte)Math.round(128 + (b - l) / 1.772f));
                v.put(y / 2 * stride + x, (byte)Math.round(128 + (r - l) / 1.402f));
            }
        return new Frame(wide, high, rotation, luma, stride, 1, u, v, stride, 2);
    }
}
