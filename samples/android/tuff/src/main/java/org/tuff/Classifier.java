package org.tuff;

import android.graphics.Bitmap;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** Says what pictures show, by a model that takes pictures and gives probabilities. Any thread. */
public final class Classifier {
    /** A class with its probability. */
    public static final class Answer {
        public final String name;
        public final int index;
        public final float probability;

        Answer(String name, int index, float probability) {
            this.name = name;
            this.index = index;
            this.probability = probability;
        }

        @Override public String toString() { return name + " " + probability; }
    }

    private final Model model;
    private final int output;
    private final ByteBuffer sample;
    private final ByteBuffer[] outputs;
    private long prepareNanos, runNanos;

    /** The model stays the caller's to close. @throws IllegalArgumentException where it takes no pictures or gives no row of numbers */
    public Classifier(Model model) {
        this.model = model;
        int found = -1;
        for (int i = 0; i < model.outputs().size(); i++)
            if (model.outputs().get(i).name.equals("probabilities")) found = i;
        if (!model.takesPictures() || found < 0 || !model.outputs().get(found).type.equals("f32"))
            throw new IllegalArgumentException("the model classifies no pictures");
        output = found;
        sample = model.inputs().get(0).allocate(1);
        outputs = new ByteBuffer[model.outputs().size()];
        outputs[output] = model.outputs().get(output).allocate(1);
    }

    public Model model() { return model; }

    /** The `top` likeliest classes, the likeliest first. */
    public synchronized List<Answer> classify(Bitmap picture, int top) {
        long began = System.nanoTime();
        model.sample(picture, sample);
        prepareNanos = System.nanoTime() - began;
        return run(top, false);
    }

    public synchronized List<Answer> classify(Frame frame, int top) {
        long began = System.nanoTime();
        model.sample(frame, sample);
        prepareNanos = System.nanoTime() - began;
        return run(top, false);
    }

    /** The last picture again, by the operators' definitions on the processor. */
    public synchronized List<Answer> againOnProcessor(int top) { return run(top, true); }

    /** Of the last call: decoding aside, making the sample, and running the network. */
    public synchronized long prepareNanos() { return prepareNanos; }
    public synchronized long runNanos() { return runNanos; }

    private List<Answer> run(int top, boolean onProcessor) {
        ByteBuffer[] inputs = {sample};
        runNanos = onProcessor ? model.runOnProcessor(inputs, 1, outputs) : model.run(inputs, 1, outputs);
        int count = outputs[output].remaining() / 4;
        Integer[] order = new Integer[count];
        float[] probabilities = new float[count];
        outputs[output].asFloatBuffer().get(probabilities);
        for (int i = 0; i < count; i++) order[i] = i;
        Arrays.sort(order, (a, b) -> Float.compare(probabilities[b], probabilities[a]));
        List<Answer> answers = new ArrayList<>();
        List<String> names = model.classNames();
        for (int i = 0; i < Math.min(top, count); i++)
            answers.add(new Answer(order[i] < names.size() ? names.get(order[i]) : "class " + order[i], order[i],
                                   probabilities[order[i]]));
        return Collections.unmodifiableList(answers);
    }
}
