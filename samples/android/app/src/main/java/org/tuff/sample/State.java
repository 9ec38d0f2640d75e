package org.tuff.sample;

import android.graphics.Bitmap;
import java.io.File;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.tuff.Classifier;

/** All that the screen shows. Nothing of one is changed after {@link Engine} has published it. */
final class State implements Cloneable {
    enum Phase { OPENING, NO_DRIVER, FAILED, READY }
    enum Tab { CLASSIFY, TEACH, REPORT }
    enum Teach { NAMES, COLLECT, TRAINING, TAUGHT }

    Phase phase = Phase.OPENING;
    /** What OPENING does, and how far it is; a total of 0 is unknown. */
    String doing = "";
    long done, total;
    /** Of NO_DRIVER and FAILED. */
    String failure = "";

    Tab tab = Tab.CLASSIFY;
    String device = "";
    boolean onProcessor;
    /** The self-test found kernels that compute wrongly on this device. */
    boolean wrong;
    /** Too hot to go on: {@link Thermal}. */
    boolean hot;
    String report = "";

    /** Frames are wanted, of the front camera or the back one. */
    boolean camera, front;
    boolean cameraDenied;
    /** What could not be done with a picture, the camera or a file; "" when all is well. */
    String notice = "";

    Bitmap picture;
    boolean busy;
    List<Classifier.Answer> answers = Collections.emptyList();
    /** Of the device; 0: not yet. */
    long runNanos;
    /** Of the definitions on the processor; 0: not yet. */
    long referenceNanos;
    boolean referenceRuns;
    float framesPerSecond;

    /** The shipped model has features to teach a head on. */
    boolean teachable;
    Teach teach = Teach.NAMES;
    /** Number of what is taught: those before it are of no interest any more. */
    int lesson;
    List<String> names = Collections.emptyList();
    int[] counts = {};
    /** The class that a series of frames goes to; -1: none. */
    int series = -1;
    int epoch, epochs;
    float[] losses = {}, accuracies = {};
    /** The taught model; null: there is none. */
    File taught;
    /** The taught model answers, not the shipped one. */
    boolean own;

    State copy() {
        try {
            return (State)clone();
        } catch (CloneNotSupportedException impossible) {
            throw new AssertionError(impossible);
        }
    }

    static float[] with(float[] values, float value) {
        float[] longer = Arrays.copyOf(values, values.length + 1);
        longer[values.length] = value;
        return longer;
    }

    int fewest() {
        int fewest = Integer.MAX_VALUE;
        for (int count : counts) fewest = Math.min(fewest, count);
        return counts.length == 0 ? 0 : fewest;
    }
}
