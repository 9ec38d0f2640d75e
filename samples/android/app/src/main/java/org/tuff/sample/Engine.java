package org.tuff.sample;

import android.content.ContentResolver;
import android.content.Context;
import android.content.SharedPreferences;
import android.graphics.Bitmap;
import android.graphics.ImageDecoder;
import android.net.Uri;
import android.os.Build;
import android.os.Handler;
import android.os.Looper;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import org.tuff.Classifier;
import org.tuff.Frame;
import org.tuff.Model;
import org.tuff.Options;
import org.tuff.Tensor;
import org.tuff.Trainer;
import org.tuff.Tuff;
import org.tuff.TuffException;

/**
 * All work of the app, on one thread of its own; what is to be seen of it is a {@link State}. It outlasts the Activity that is turned, and ends
 * with the one that is left. Methods are called on the main thread and return at once.
 */
final class Engine implements FrameSource.Sink {
    static final String ASSET = "model.tuff", TAUGHT = "my-classes.tuff";
    static final int PICTURES = 20; // of a class: what the screen asks for
    static final int LEAST = 2;     // what it trains with
    private static final int PREVIEW = 320, EPOCHS = 60;
    private static final long SERIES_NANOS = 200_000_000; // five pictures a second differ

    /** Set by tests. */
    static Function<Context, Options> options = Options::of;

    private interface Task {
        void run() throws IOException;
    }

    private final Context context;
    private final Handler main = new Handler(Looper.getMainLooper());
    final ExecutorService worker = Executors.newSingleThreadExecutor(task -> new Thread(task, "tuff"));
    final ExecutorService reference = Executors.newSingleThreadExecutor(task -> new Thread(task, "tuff-reference"));
    private final AtomicBoolean posted = new AtomicBoolean();
    private final AtomicInteger newest = new AtomicInteger();
    private final Thermal thermal;
    private volatile boolean closed, stopped;
    private State state = new State();
    private Consumer<State> listener; // the main thread's

    // the worker's; tests look when it rests
    Tuff tuff;
    Model shipped, own;
    private Classifier classifier;
    private Lesson lesson = new Lesson(Collections.emptyList());
    private List<String> selfTest = Collections.emptyList();
    private ByteBuffer sample;
    private ByteBuffer[] outputs;
    private int features;
    private long lastFrame, lastTaken;

    Engine(Context context) {
        this.context = context.getApplicationContext();
        thermal = new Thermal(this.context);
        File file = new File(SharedFiles.folder(context), TAUGHT);
        if (file.isFile()) state.taught = file;
    }

    synchronized State state() { return state; }

    /** States from now on, on the main thread; null: no more. */
    void listen(Consumer<State> listener) {
        this.listener = listener;
        main.removeCallbacks(watch);
        if (listener != null) watch.run();
    }

    private void update(Consumer<State> change) {
        synchronized (this) {
            State next = state.copy();
            change.accept(next);
            state = next;
        }
        if (posted.getAndSet(true)) return;
        main.post(() -> {
            posted.set(false);
            if (listener != null) listener.accept(state());
        });
    }

    // ---- opening and closing

    /** @param onProcessor by the operators' definitions, for phones without a driver */
    void open(boolean onProcessor) {
        update(s -> {
            s.phase = State.Phase.OPENING;
            s.doing = context.getString(R.string.opening_device);
            s.done = s.total = 0;
            s.failure = s.notice = "";
            s.camera = false;
        });
        work(() -> {
            free();
            Options with = options.apply(context);
            with.processor = onProcessor ? Options.Processor.ALWAYS : Options.Processor.NEVER;
            tuff = Tuff.open(with);
            update(s -> {
                s.device = tuff.onProcessor() ? context.getString(R.string.processor) : tuff.device().name;
                s.onProcessor = tuff.onProcessor();
                s.doing = context.getString(R.string.opening_model);
            });
            try {
                shipped = Model.open(tuff, context.getAssets(), ASSET);
            } catch (FileNotFoundException missing) {
                throw new IOException(context.getString(R.string.no_model), missing);
            }
            findFeatures();
            resume();
            shipped.prepare(this::preparing);
            boolean ownOne = choose(state().own && state().taught != null);
            test(false);
            update(s -> {
                s.phase = State.Phase.READY;
                s.own = ownOne;
                s.teachable = outputs != null && !tuff.onProcessor();
            });
            describe();
        });
    }

    private boolean preparing(String what, long done, long total) {
        update(s -> {
            s.doing = context.getString(R.string.opening_kernels);
            s.done = done;
            s.total = total;
        });
        return !closed;
    }

    /** What teaching needs of the model; outputs stays null where it has none. */
    private void findFeatures() {
        outputs = null;
        List<Tensor> of = shipped.outputs();
        for (int i = 0; i < of.size() && shipped.takesPictures(); i++) {
            if (!of.get(i).name.equals("features")) continue;
            features = i;
            outputs = new ByteBuffer[of.size()];
            sample = shipped.inputs().get(0).allocate(1);
        }
    }

    /**
     * The taught model answers from now on, or the shipped one: where the taught one's file cannot be used, too, with a notice.
     * @return whether it is the taught one
     */
    private boolean choose(boolean ownOne) {
        try {
            if (ownOne && own == null) {
                own = Model.open(tuff, state().taught);
                own.prepare(this::preparing);
            }
            if (ownOne) begin(own);
        } catch (RuntimeException failure) {
            if (closed) throw failure;
            if (own != null) own.close();
            own = null;
            begin(shipped);
            update(s -> s.notice = context.getString(R.string.not_opened, sentence(failure)));
            return false;
        }
        if (!ownOne) begin(shipped);
        return ownOne;
    }

    private void begin(Model model) {
        classifier = new Classifier(model);
        // the first run of a program takes what no other one does: no time to be shown
        if (!tuff.onProcessor()) classifier.classify(Bitmap.createBitmap(8, 8, Bitmap.Config.ARGB_8888), 1);
    }

    /** What was being taught when the system ended the app. */
    private void resume() {
        Lesson before = outputs == null || !state().names.isEmpty() ? null : Lesson.read(lessonFile(), shipped.outputs().get(features).bytes);
        if (before == null || before.indexes.isEmpty()) return;
        before.number = state().lesson;
        lesson = before;
        update(s -> {
            s.names = before.names;
            s.counts = before.counts();
            s.teach = State.Teach.COLLECT;
        });
    }

    private File lessonFile() { return new File(context.getFilesDir(), "lesson"); }

    /** The screen is left, perhaps for good. */
    void keep() {
        submit(() -> {
            try {
                if (!lesson.names.isEmpty()) lesson.write(lessonFile());
            } catch (IOException failure) {
                update(s -> s.notice = context.getString(R.string.not_written, sentence(failure)));
            }
        });
    }

    private void free() {
        classifier = null;
        if (own != null) own.close();
        if (shipped != null) shipped.close();
        if (tuff != null) tuff.close();
        own = shipped = null;
        tuff = null;
    }

    /** Ends what runs, frees all. */
    void close() {
        closed = stopped = true;
        listen(null);
        submit(this::free);
        worker.shutdown();
        reference.shutdown();
    }

    private Future<?> submit(Runnable task) {
        try {
            return worker.submit(task);
        } catch (RejectedExecutionException ended) {
            return null;
        }
    }

    private void work(Task task) {
        submit(() -> {
            if (closed) return;
            try {
                task.run();
            } catch (IOException | RuntimeException | LinkageError | OutOfMemoryError failure) {
                fail(failure);
            }
        });
    }

    private void fail(Throwable failure) {
        if (closed) return;
        boolean noDriver = failure instanceof TuffException && ((TuffException)failure).noDevice();
        update(s -> {
            s.phase = noDriver ? State.Phase.NO_DRIVER : State.Phase.FAILED;
            s.failure = sentence(failure);
            s.busy = s.camera = false;
            if (s.teach == State.Teach.TRAINING) s.teach = State.Teach.COLLECT;
        });
        describe();
    }

    private String sentence(Throwable failure) {
        if (failure instanceof LinkageError) return context.getString(R.string.no_library, failure.getMessage());
        if (failure instanceof OutOfMemoryError) return context.getString(R.string.no_memory);
        return failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage();
    }

    // ---- what the screen is about

    void show(State.Tab tab) {
        update(s -> {
            if (s.tab != tab) {
                s.camera = false;
                s.series = -1;
                s.notice = "";
                s.picture = tab == State.Tab.CLASSIFY ? null : s.picture;
                if (tab == State.Tab.CLASSIFY) s.answers = Collections.emptyList();
            }
            s.tab = tab;
        });
        if (tab == State.Tab.REPORT) work(this::describe);
    }

    void camera(boolean on) {
        update(s -> {
            s.camera = on;
            s.notice = "";
            s.series = -1;
            s.framesPerSecond = 0;
            if (on) s.cameraDenied = false;
        });
    }

    void otherCamera() { update(s -> s.front = !s.front); }

    void cameraDenied() {
        update(s -> {
            s.camera = false;
            s.cameraDenied = true;
        });
    }

    void notice(String sentence) { update(s -> s.notice = sentence); }

    // ---- classifying

    void classify(Uri uri) {
        stopped = false;
        update(s -> {
            s.camera = false;
            s.busy = true;
            s.notice = "";
        });
        work(() -> {
            Bitmap picture = read(uri);
            if (picture != null && classifier != null) {
                awaitCool();
                List<Classifier.Answer> answers = classifier.classify(picture, BarsView.ROWS);
                update(s -> {
                    s.picture = picture;
                    s.answers = answers;
                    s.runNanos = classifier.runNanos();
                    s.framesPerSecond = 0;
                });
                refer(picture);
            }
            update(s -> s.busy = false);
        });
    }

    private Bitmap read(Uri uri) {
        try {
            return Pictures.read(context.getContentResolver(), uri);
        } catch (IOException | RuntimeException failure) {
            update(s -> {
                s.picture = s.tab == State.Tab.CLASSIFY ? null : s.picture;
                s.answers = s.tab == State.Tab.CLASSIFY ? Collections.emptyList() : s.answers;
                s.notice = failure instanceof ImageDecoder.DecodeException ? context.getString(R.string.no_picture)
                                                                           : context.getString(R.string.not_read, sentence(failure));
            });
            return null;
        }
    }

    /** The same picture by the definitions, on a thread of its own so that frames go on meanwhile; only the newest is of interest. */
    private void refer(Bitmap picture) {
        if (tuff.onProcessor()) {
            update(s -> s.referenceNanos = s.runNanos);
            return;
        }
        int number = newest.incrementAndGet();
        File file = state().own ? state().taught : null;
        update(s -> {
            s.referenceNanos = 0;
            s.referenceRuns = true;
        });
        reference.execute(() -> {
            if (closed || number != newest.get()) return;
            Options with = options.apply(context);
            with.processor = Options.Processor.ALWAYS;
            long nanos = 0;
            try (Tuff processor = Tuff.open(with);
                 Model model = file == null ? Model.open(processor, context.getAssets(), ASSET) : Model.open(processor, file)) {
                ByteBuffer[] of = {model.inputs().get(0).allocate(1)};
                model.sample(picture, of[0]);
                nanos = model.runOnProcessor(of, 1, new ByteBuffer[model.outputs().size()], (what, done, total) -> !closed && number == newest.get());
            } catch (IOException | RuntimeException | OutOfMemoryError failure) {
                // the screen shows no time then
            }
            long took = nanos;
            if (number == newest.get())
                update(s -> {
                    s.referenceNanos = took;
                    s.referenceRuns = false;
                });
        });
    }

    /** Waits until it has been looked at: the source drops what comes meanwhile. */
    @Override public void frame(Frame frame) {
        Future<?> looked = submit(() -> {
            try {
                if (!closed && classifier != null && state().camera && !heat()) look(frame);
            } catch (RuntimeException | OutOfMemoryError failure) {
                fail(failure);
            }
        });
        boolean interrupted = false, ended = looked == null;
        while (!ended) {
            try {
                looked.get();
                ended = true;
            } catch (InterruptedException later) {
                interrupted = true; // the planes are in use until it has been looked at
            } catch (ExecutionException failed) {
                ended = true;
                submit(() -> fail(failed.getCause()));
            }
        }
        if (interrupted) Thread.currentThread().interrupt();
    }

    @Override public void lost(String sentence) {
        update(s -> {
            s.camera = false;
            s.notice = sentence;
        });
    }

    private void look(Frame frame) {
        State before = state();
        Bitmap picture = frame.picture(PREVIEW);
        long now = System.nanoTime();
        float rate = lastFrame == 0 ? 0 : 1e9f / Math.max(1, now - lastFrame);
        lastFrame = now;
        // a mean over some ten frames; the first one after a pause says nothing
        float smooth = rate < 0.2f ? 0 : before.framesPerSecond == 0 ? rate : 0.9f * before.framesPerSecond + 0.1f * rate;
        if (before.tab == State.Tab.TEACH) {
            int index = before.series;
            if (index >= 0 && before.lesson == lesson.number && now - lastTaken >= SERIES_NANOS) {
                lastTaken = now;
                shipped.sample(frame, sample);
                take(index);
                if (lesson.counts()[index] >= PICTURES) update(s -> s.series = -1);
            }
            update(s -> s.picture = picture);
            return;
        }
        List<Classifier.Answer> answers = classifier.classify(frame, BarsView.ROWS);
        update(s -> {
            s.picture = picture;
            s.answers = answers;
            s.runNanos = classifier.runNanos();
            s.framesPerSecond = smooth;
        });
        if ((before.referenceNanos == 0 && !before.referenceRuns) || tuff.onProcessor()) refer(picture);
    }

    // ---- teaching

    void teach(List<String> names) {
        update(s -> {
            s.lesson++;
            s.names = Collections.unmodifiableList(new ArrayList<>(names));
            s.counts = new int[names.size()];
            s.teach = State.Teach.COLLECT;
            s.notice = "";
        });
        int number = state().lesson;
        work(() -> {
            lesson = new Lesson(names);
            lesson.number = number;
        });
    }

    /** Back to names, or to the pictures of a finished training. */
    void teachStage(State.Teach stage) {
        update(s -> {
            s.teach = stage;
            s.camera = false;
            s.series = -1;
            s.notice = "";
        });
    }

    /** Frames go to this class until it has enough, five a second; -1: no more. */
    void series(int index) { update(s -> s.series = index); }

    void add(int index, List<Uri> uris) {
        update(s -> {
            s.busy = true;
            s.notice = "";
        });
        int number = state().lesson;
        for (Uri uri : uris)
            work(() -> {
                if (number != state().lesson) return;
                Bitmap picture = read(uri);
                if (picture == null || outputs == null) return;
                shipped.sample(picture, sample);
                take(index);
                update(s -> s.picture = picture);
            });
        work(() -> update(s -> s.busy = false));
    }

    void undo(int index) {
        int number = state().lesson;
        work(() -> {
            if (number != state().lesson) return;
            lesson.remove(index);
            count();
        });
    }

    private void take(int index) {
        if (index >= lesson.names.size()) return;
        outputs[features] = shipped.outputs().get(features).allocate(1); // kept: it is all that training needs of the picture
        shipped.run(new ByteBuffer[] {sample}, 1, outputs);
        lesson.add(outputs[features], index);
        count();
    }

    private void count() {
        int[] counts = lesson.counts();
        update(s -> {
            if (s.lesson == lesson.number) s.counts = counts;
        });
    }

    void train() {
        stopped = false;
        update(s -> {
            s.teach = State.Teach.TRAINING;
            s.camera = false;
            s.series = -1;
            s.epoch = 0;
            s.epochs = EPOCHS;
            s.losses = s.accuracies = new float[0];
            s.notice = "";
        });
        work(() -> {
            try {
                fit();
            } catch (IOException | RuntimeException | OutOfMemoryError failure) {
                if (closed) return;
                boolean ownOne = choose(state().own);
                update(s -> {
                    s.own = ownOne;
                    s.teach = State.Teach.COLLECT;
                    s.notice = context.getString(R.string.not_trained, sentence(failure));
                });
            }
        });
    }

    private void fit() throws IOException {
        File file = new File(SharedFiles.folder(context), TAUGHT), written = new File(context.getCacheDir(), TAUGHT);
        try (Trainer trainer = new Trainer(shipped, lesson.names, 1)) {
            for (int i = 0; i < lesson.indexes.size(); i++) trainer.add(lesson.features.get(i), lesson.indexes.get(i));
            trainer.fit(EPOCHS, this::epoch);
            if (closed) return;
            trainer.save(written);
        }
        if (own != null) own.close(); // no file is replaced under a model
        own = null;
        if (!written.renameTo(file)) throw new IOException(context.getString(R.string.not_written, file.getPath()));
        update(s -> s.taught = file);
        boolean ownOne = choose(true);
        update(s -> {
            s.teach = State.Teach.TAUGHT;
            s.own = ownOne;
            s.answers = Collections.emptyList();
            s.referenceNanos = 0;
        });
    }

    private boolean epoch(int epoch, int epochs, float loss, float accuracy) {
        update(s -> {
            s.losses = State.with(s.losses, loss);
            s.accuracies = State.with(s.accuracies, accuracy);
            s.epoch = s.losses.length;
            s.epochs = epochs;
        });
        awaitCool();
        return !stopped;
    }

    /** What was learned so far is kept. */
    void stopTraining() { stopped = true; }

    /** The taught model answers, or the shipped one. */
    void use(boolean ownOne) {
        work(() -> {
            update(s -> s.notice = "");
            boolean chosen = choose(ownOne);
            newest.incrementAndGet();
            update(s -> {
                s.own = chosen;
                s.picture = null;
                s.answers = Collections.emptyList();
                s.runNanos = s.referenceNanos = 0;
                s.referenceRuns = false;
            });
        });
    }

    /** A copy of the taught model where the user wants it. */
    void save(Uri to) {
        work(() -> {
            ContentResolver resolver = context.getContentResolver();
            try (InputStream in = new FileInputStream(state().taught); OutputStream out = resolver.openOutputStream(to, "wt")) {
                if (out == null) throw new FileNotFoundException(to.toString());
                byte[] part = new byte[1 << 16];
                for (int n; (n = in.read(part)) > 0;) out.write(part, 0, n);
                update(s -> s.notice = context.getString(R.string.saved));
            } catch (IOException | RuntimeException failure) {
                update(s -> s.notice = context.getString(R.string.not_written, sentence(failure)));
            }
        });
    }

    // ---- heat

    private final Runnable watch = new Runnable() {
        @Override public void run() {
            heat();
            main.postDelayed(this, 2000); // what heats in seconds
        }
    };

    private boolean heat() {
        boolean hot = thermal.hot(state().hot);
        if (hot != state().hot) update(s -> s.hot = hot);
        return hot;
    }

    private void awaitCool() {
        try {
            while (heat() && !stopped && !closed) Thread.sleep(200);
        } catch (InterruptedException ended) {
            Thread.currentThread().interrupt();
        }
    }

    // ---- the device: self-test and report

    void testAgain() {
        update(s -> s.busy = true);
        work(() -> {
            test(true);
            describe();
            update(s -> s.busy = false);
        });
    }

    /** Once for each system, driver and version of Tuff, or again: kernels that compute wrongly on this phone are told, not used in silence. */
    private void test(boolean again) {
        if (tuff.onProcessor()) {
            tested(Collections.emptyList());
            return;
        }
        SharedPreferences kept = context.getSharedPreferences("self-test", Context.MODE_PRIVATE);
        String key = Tuff.version() + ' ' + tuff.device() + ' ' + Build.FINGERPRINT, before = kept.getString(key, null);
        if (before != null && !again) {
            tested(Arrays.asList(before.split("\n")));
            return;
        }
        tested(tuff.selfTest((what, done, total) -> {
            update(s -> {
                s.doing = context.getString(R.string.opening_test);
                s.done = done;
                s.total = total;
            });
            return !closed;
        }));
        kept.edit().clear().putString(key, String.join("\n", selfTest)).apply();
    }

    void tested(List<String> lines) {
        selfTest = lines;
        boolean wrong = false;
        for (String line : lines) wrong |= !line.startsWith("ok");
        boolean found = wrong;
        update(s -> s.wrong = found);
    }

    /** The report: of a failure, too, as that is when one is asked for. */
    private void describe() {
        State now = state();
        StringBuilder text = new StringBuilder();
        try {
            text.append(tuff == null ? "Tuff: " + Tuff.version() + '\n' : tuff.report());
        } catch (RuntimeException | LinkageError failure) {
            // the sentence below says what there is to say
        }
        int idle = text.indexOf("self-test: not run\n"); // but by an earlier start, whose lines follow
        if (idle >= 0 && !selfTest.isEmpty()) text.delete(idle, text.indexOf("\n", idle) + 1);
        if (text.length() > 0 && text.charAt(text.length() - 1) != '\n') text.append('\n');
        if (!now.failure.isEmpty()) line(text, R.string.report_failure, now.failure);
        line(text, R.string.report_phone, Build.MANUFACTURER + ' ' + Build.MODEL + ", Android " + Build.VERSION.RELEASE + " (API " + Build.VERSION.SDK_INT + ')');
        if (shipped != null) line(text, R.string.report_model, shipped.classNames().size() + " " + context.getString(R.string.report_classes));
        if (now.runNanos > 0) line(text, now.onProcessor ? R.string.report_reference : R.string.report_run, millis(now.runNanos));
        if (now.referenceNanos > 0 && !now.onProcessor) line(text, R.string.report_reference, millis(now.referenceNanos));
        if (now.framesPerSecond > 0) line(text, R.string.report_rate, String.format(Locale.ROOT, "%.1f", now.framesPerSecond));
        if (!selfTest.isEmpty()) text.append('\n').append(context.getString(R.string.report_test)).append('\n').append(String.join("\n", selfTest));
        String report = text.toString().trim();
        update(s -> s.report = report);
    }

    private void line(StringBuilder text, int name, String value) { text.append(context.getString(name)).append(": ").append(value).append('\n'); }

    private static String millis(long nanos) { return String.format(Locale.ROOT, "%.2f ms", nanos * 1e-6); }
}
