package org.tuff.sample;

import android.Manifest;
import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.ClipData;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.net.Uri;
import android.os.Bundle;
import android.provider.Settings;
import android.view.View;
import android.view.WindowManager;
import android.widget.Button;
import android.widget.EditText;
import android.widget.ImageView;
import android.widget.ProgressBar;
import android.widget.RadioGroup;
import android.widget.TextView;
import java.util.ArrayList;
import java.util.List;

/** The screen: a function of {@link State}, and what touches ask of the {@link Engine}. */
public final class MainActivity extends Activity {
    /** Makes sources of frames; set by tests. */
    interface Cameras {
        FrameSource make(MainActivity activity, boolean front);
    }
    static Cameras cameras = (activity, front) -> new CameraSource(activity.getApplicationContext(), front);

    private static final int PICK = 1, SAVE = 2, PICK_FOR_CLASS = 10, MOST = 5;
    private static final int[] NAMES = {R.id.name1, R.id.name2, R.id.name3, R.id.name4, R.id.name5};
    private static final int[] ROWS = {R.id.row1, R.id.row2, R.id.row3, R.id.row4, R.id.row5};
    private static final int[] NUMBERS = {R.id.two, R.id.three, R.id.four, R.id.five};
    Engine engine;
    private FrameSource source;
    private boolean sourceFront, started;

    @Override protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        engine = (Engine)getLastNonConfigurationInstance();
        if (engine == null) {
            engine = new Engine(this);
            engine.open(false);
        }
        setContentView(R.layout.main);
        click(R.id.tabClassify, () -> engine.show(State.Tab.CLASSIFY));
        click(R.id.tabTeach, () -> engine.show(State.Tab.TEACH));
        click(R.id.tabReport, () -> engine.show(State.Tab.REPORT));
        click(R.id.again, () -> engine.open(engine.state().onProcessor));
        click(R.id.byProcessor, () -> engine.open(true));
        click(R.id.settings, this::openSettings);
        click(R.id.pick, () -> pick(PICK, false));
        click(R.id.camera, this::toggleCamera);
        click(R.id.otherCamera, () -> engine.otherCamera());
        click(R.id.useOther, () -> engine.use(!engine.state().own));
        click(R.id.teachStart, () -> engine.teach(names()));
        click(R.id.teachCamera, this::toggleCamera);
        click(R.id.teachOtherCamera, () -> engine.otherCamera());
        click(R.id.train, () -> engine.train());
        click(R.id.teachBack, () -> engine.teachStage(State.Teach.NAMES));
        click(R.id.stop, () -> engine.stopTraining());
        click(R.id.live, () -> {
            engine.show(State.Tab.CLASSIFY);
            if (!engine.state().own) engine.use(true);
            toggleCamera();
        });
        click(R.id.save, this::save);
        click(R.id.share, this::share);
        click(R.id.morePictures, () -> engine.teachStage(State.Teach.COLLECT));
        click(R.id.anew, () -> engine.teachStage(State.Teach.NAMES));
        click(R.id.testAgain, () -> engine.testAgain());
        click(R.id.shareReport, () -> send(new Intent(Intent.ACTION_SEND).setType("text/plain").putExtra(Intent.EXTRA_TEXT, engine.state().report)));
        for (int i = 0; i < MOST; i++) {
            int index = i;
            View row = findViewById(ROWS[i]);
            row.findViewById(R.id.take).setOnClickListener(view -> engine.series(engine.state().series == index ? -1 : index));
            row.findViewById(R.id.pickForClass).setOnClickListener(view -> pick(PICK_FOR_CLASS + index, true));
            row.findViewById(R.id.undo).setOnClickListener(view -> engine.undo(index));
        }
        ((RadioGroup)findViewById(R.id.number)).setOnCheckedChangeListener((group, id) -> showNames());
    }

    @Override protected void onStart() {
        super.onStart();
        started = true;
        engine.listen(this::render);
        render(engine.state());
    }

    @Override protected void onStop() {
        started = false;
        engine.listen(null);
        syncCamera(engine.state());
        engine.keep();
        super.onStop();
    }

    @Override protected void onDestroy() {
        if (!isChangingConfigurations()) engine.close();
        super.onDestroy();
    }

    @Override public Object onRetainNonConfigurationInstance() { return engine; }

    // ---- what touches ask for

    private void click(int id, Runnable action) { findViewById(id).setOnClickListener(view -> action.run()); }

    private void pick(int request, boolean several) {
        start(new Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("image/*").putExtra(Intent.EXTRA_ALLOW_MULTIPLE, several),
              request);
    }

    private void save() {
        start(new Intent(Intent.ACTION_CREATE_DOCUMENT)
                  .addCategory(Intent.CATEGORY_OPENABLE)
                  .setType("application/octet-stream")
                  .putExtra(Intent.EXTRA_TITLE, Engine.TAUGHT),
              SAVE);
    }

    private void share() {
        Uri uri = SharedFiles.uri(engine.state().taught);
        Intent intent = new Intent(Intent.ACTION_SEND).setType("application/octet-stream").putExtra(Intent.EXTRA_STREAM, uri);
        intent.setClipData(ClipData.newRawUri("", uri)); // what the chooser's grant goes by
        send(intent.addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION));
    }

    private void send(Intent intent) { start(Intent.createChooser(intent, null), 0); }

    private void start(Intent intent, int request) {
        try {
            if (request == 0) startActivity(intent);
            else startActivityForResult(intent, request);
        } catch (ActivityNotFoundException none) {
            engine.notice(getString(R.string.no_app));
        }
    }

    private void openSettings() {
        start(new Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, Uri.fromParts("package", getPackageName(), null)), 0);
    }

    @Override protected void onActivityResult(int request, int result, Intent data) {
        if (result != RESULT_OK || data == null) return;
        List<Uri> uris = new ArrayList<>();
        if (data.getClipData() != null)
            for (int i = 0; i < data.getClipData().getItemCount(); i++) uris.add(data.getClipData().getItemAt(i).getUri());
        else if (data.getData() != null) uris.add(data.getData());
        if (uris.isEmpty()) return;
        if (request == PICK) engine.classify(uris.get(0));
        else if (request == SAVE) engine.save(uris.get(0));
        else if (request >= PICK_FOR_CLASS) engine.add(request - PICK_FOR_CLASS, uris);
    }

    private void toggleCamera() {
        if (engine.state().camera) engine.camera(false);
        else if (checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) engine.camera(true);
        else requestPermissions(new String[] {Manifest.permission.CAMERA}, 1);
    }

    @Override public void onRequestPermissionsResult(int request, String[] permissions, int[] results) {
        if (results.length == 0) return; // cancelled: no answer
        if (results[0] == PackageManager.PERMISSION_GRANTED) engine.camera(true);
        else engine.cameraDenied();
    }

    private int number() {
        int id = ((RadioGroup)findViewById(R.id.number)).getCheckedRadioButtonId();
        for (int i = 0; i < NUMBERS.length; i++)
            if (NUMBERS[i] == id) return i + 2;
        return 2;
    }

    private List<String> names() {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < number(); i++) {
            String name = ((EditText)findViewById(NAMES[i])).getText().toString().trim();
            if (name.isEmpty() || names.contains(name)) name = getString(R.string.class_name, i + 1);
            names.add(name);
        }
        return names;
    }

    // ---- what is seen

    private void showNames() {
        for (int i = 0; i < MOST; i++) {
            EditText name = findViewById(NAMES[i]);
            name.setHint(getString(R.string.class_name, i + 1));
            visible(name, i < number());
        }
    }

    private void syncCamera(State s) {
        boolean wanted = started && s.camera && s.phase == State.Phase.READY;
        if (source != null && (!wanted || sourceFront != s.front)) {
            source.stop();
            source = null;
        }
        if (!wanted || source != null) return;
        source = cameras.make(this, sourceFront = s.front);
        source.start(engine);
    }

    void render(State s) {
        syncCamera(s);
        if (s.camera) getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        else getWindow().clearFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        boolean ready = s.phase == State.Phase.READY, opening = s.phase == State.Phase.OPENING;
        tab(R.id.tabClassify, s.tab == State.Tab.CLASSIFY);
        tab(R.id.tabTeach, s.tab == State.Tab.TEACH);
        tab(R.id.tabReport, s.tab == State.Tab.REPORT);

        text(R.id.banner, banner(s));
        visible(R.id.again, s.phase == State.Phase.FAILED || s.phase == State.Phase.NO_DRIVER);
        visible(R.id.byProcessor, !s.onProcessor && !opening && (!ready || s.wrong));
        visible(R.id.settings, ready && s.cameraDenied);
        visible(R.id.opening, opening);
        if (opening) {
            text(R.id.doing, s.doing);
            text(R.id.count, s.total > 0 ? getString(R.string.progress, s.done, s.total) : "");
            ProgressBar bar = findViewById(R.id.progress);
            bar.setIndeterminate(s.total <= 0);
            bar.setMax((int)Math.max(1, s.total));
            bar.setProgress((int)s.done);
        }
        visible(R.id.classify, ready && s.tab == State.Tab.CLASSIFY);
        visible(R.id.teach, ready && s.tab == State.Tab.TEACH);
        visible(R.id.report, !opening && s.tab == State.Tab.REPORT);
        if (opening || (!ready && s.tab != State.Tab.REPORT)) return;
        if (s.tab == State.Tab.CLASSIFY) renderClassify(s);
        else if (s.tab == State.Tab.TEACH) renderTeach(s);
        else renderReport(s);
    }

    private String banner(State s) {
        if (s.phase == State.Phase.NO_DRIVER) return getString(R.string.no_driver);
        if (s.phase == State.Phase.FAILED) return getString(R.string.failed, s.failure);
        if (s.hot) return getString(R.string.hot);
        if (s.cameraDenied) return getString(R.string.camera_denied);
        if (s.wrong) return getString(R.string.wrong);
        return s.phase == State.Phase.READY && s.tab != State.Tab.REPORT ? s.notice : "";
    }

    private void renderClassify(State s) {
        boolean free = s.teach != State.Teach.TRAINING;
        ((ImageView)findViewById(R.id.picture)).setImageBitmap(s.picture);
        int what = s.picture == null ? R.string.picture_none : s.camera ? R.string.picture_live : R.string.picture_shown;
        findViewById(R.id.picture).setContentDescription(getString(what));
        text(R.id.empty, s.picture != null || s.busy ? ""
                         : getString(!free ? R.string.while_training : s.camera ? R.string.camera_starts : s.own ? R.string.empty_own : R.string.empty));
        visible(R.id.busy, s.busy);
        ((BarsView)findViewById(R.id.answers)).show(s.answers);
        boolean shown = !s.answers.isEmpty();
        visible(R.id.answers, shown);
        text(R.id.device, shown && !s.onProcessor ? getString(R.string.time_device, s.runNanos * 1e-6, s.device) : "");
        text(R.id.reference, !shown                 ? ""
                             : s.referenceNanos > 0 ? getString(R.string.time_reference, s.referenceNanos * 1e-6)
                             : s.referenceRuns      ? getString(R.string.time_reference_runs)
                                                    : "");
        text(R.id.rate, s.camera && s.framesPerSecond > 0 ? getString(R.string.rate, s.framesPerSecond) : "");
        ((Button)findViewById(R.id.camera)).setText(s.camera ? R.string.camera_stop : R.string.camera_start);
        visible(R.id.otherCamera, s.camera);
        findViewById(R.id.pick).setEnabled(free);
        findViewById(R.id.camera).setEnabled(free);
        visible(R.id.useOther, s.taught != null);
        findViewById(R.id.useOther).setEnabled(free);
        ((Button)findViewById(R.id.useOther)).setText(s.own ? R.string.use_shipped : R.string.use_own);
    }

    private void renderTeach(State s) {
        State.Teach stage = s.teach;
        boolean collects = s.teachable && stage == State.Teach.COLLECT, trains = stage == State.Teach.TRAINING, taught = stage == State.Teach.TAUGHT;
        text(R.id.teachHint, !s.teachable ? getString(s.onProcessor ? R.string.not_on_processor : R.string.not_teachable)
                             : stage == State.Teach.NAMES ? getString(R.string.hint_names)
                             : collects ? getString(R.string.hint_collect, Engine.PICTURES)
                             : trains ? getString(s.epoch == 0 ? R.string.training_starts : R.string.training, s.epoch, s.epochs)
                                      : getString(R.string.taught, String.join(", ", s.names)));
        visible(R.id.teachPicture, collects && (s.picture != null || s.camera));
        ((ImageView)findViewById(R.id.teachPicture)).setImageBitmap(collects ? s.picture : null);
        visible(R.id.curve, s.teachable && (trains || taught));
        ((CurveView)findViewById(R.id.curve)).show(s.losses, s.accuracies, s.epochs);
        visible(R.id.teachNames, s.teachable && stage == State.Teach.NAMES);
        visible(R.id.teachCollect, collects);
        visible(R.id.stop, s.teachable && trains);
        visible(R.id.teachTaught, s.teachable && taught);
        if (s.teachable && stage == State.Teach.NAMES) showNames();
        if (!collects) return;
        ((Button)findViewById(R.id.teachCamera)).setText(s.camera ? R.string.camera_stop : R.string.camera_start);
        visible(R.id.teachOtherCamera, s.camera);
        for (int i = 0; i < MOST; i++) {
            View row = findViewById(ROWS[i]);
            visible(row, i < s.names.size());
            if (i >= s.names.size()) continue;
            String name = s.names.get(i);
            ((TextView)row.findViewById(R.id.rowName)).setText(getString(R.string.row, name, s.counts[i], Engine.PICTURES));
            ProgressBar bar = row.findViewById(R.id.rowBar);
            bar.setMax(Engine.PICTURES);
            bar.setProgress(s.counts[i]);
            Button take = row.findViewById(R.id.take);
            take.setText(s.series == i ? R.string.take_stop : R.string.take);
            take.setContentDescription(getString(s.series == i ? R.string.take_stop_spoken : R.string.take_spoken, name));
            take.setEnabled(s.camera);
            row.findViewById(R.id.pickForClass).setContentDescription(getString(R.string.pick_spoken, name));
            row.findViewById(R.id.undo).setContentDescription(getString(R.string.undo_spoken, name));
            row.findViewById(R.id.undo).setEnabled(s.counts[i] > 0);
        }
        findViewById(R.id.train).setEnabled(s.fewest() >= Engine.LEAST && !s.busy);
    }

    private void renderReport(State s) {
        text(R.id.reportText, s.report);
        findViewById(R.id.testAgain).setEnabled(s.phase == State.Phase.READY && !s.busy && !s.onProcessor && s.teach != State.Teach.TRAINING);
        findViewById(R.id.shareReport).setEnabled(!s.report.isEmpty());
    }

    private void tab(int id, boolean selected) { findViewById(id).setSelected(selected); }

    private void visible(int id, boolean shown) { visible(findViewById(id), shown); }

    private static void visible(View view, boolean shown) { view.setVisibility(shown ? View.VISIBLE : View.GONE); }

    /** Empty texts take no place; the same text is not set twice, or it would be read aloud again. */
    private void text(int id, String text) {
        TextView view = findViewById(id);
        if (!text.contentEquals(view.getText())) view.setText(text);
        visible(view, !text.isEmpty());
    }
}
