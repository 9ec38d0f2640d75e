package org.tuff.sample;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.text.TextPaint;
import android.text.TextUtils;
import android.util.AttributeSet;
import android.util.TypedValue;
import android.view.View;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.tuff.Classifier;

/** The likeliest classes, each with its probability as a number and as a bar. */
public final class BarsView extends View {
    static final int ROWS = 3;
    private final TextPaint text = new TextPaint(Paint.ANTI_ALIAS_FLAG);
    private final Paint bar = new Paint(Paint.ANTI_ALIAS_FLAG), track = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final float dp;
    private List<Classifier.Answer> answers = Collections.emptyList();
    private String described = "";

    public BarsView(Context context, AttributeSet attributes) {
        super(context, attributes);
        dp = getResources().getDisplayMetrics().density;
        text.setTextSize(TypedValue.applyDimension(TypedValue.COMPLEX_UNIT_SP, 18, getResources().getDisplayMetrics()));
        text.setColor(context.getColor(R.color.text));
        bar.setColor(context.getColor(R.color.accent));
        track.setColor(context.getColor(R.color.track));
    }

    void show(List<Classifier.Answer> answers) {
        if (answers == this.answers) return;
        if (answers.size() != this.answers.size()) requestLayout();
        this.answers = answers;
        invalidate();
        // Read aloud when the first answer is another one, not with every frame.
        String first = answers.isEmpty() ? "" : answers.get(0).name;
        if (first.equals(described) && getContentDescription() != null) return;
        described = first;
        StringBuilder all = new StringBuilder();
        for (Classifier.Answer answer : answers)
            all.append(getContext().getString(R.string.answer_spoken, answer.name, Math.round(100 * answer.probability))).append(' ');
        setContentDescription(answers.isEmpty() ? getContext().getString(R.string.no_answer) : all.toString().trim());
    }

    private float rowHeight() { return text.getFontSpacing() + 14 * dp; }

    @Override protected void onMeasure(int widthSpec, int heightSpec) {
        int height = (int)Math.ceil(Math.min(ROWS, answers.size()) * rowHeight()) + getPaddingTop() + getPaddingBottom();
        setMeasuredDimension(getDefaultSize(getSuggestedMinimumWidth(), widthSpec), resolveSize(height, heightSpec));
    }

    @Override protected void onDraw(Canvas canvas) {
        float width = getWidth(), y = getPaddingTop(), radius = 3 * dp;
        for (int i = 0; i < Math.min(ROWS, answers.size()); i++, y += rowHeight()) {
            Classifier.Answer answer = answers.get(i);
            String percent = String.format(Locale.getDefault(), "%.1f %%", 100 * answer.probability);
            float percentWidth = text.measureText(percent), baseline = y - text.ascent();
            CharSequence name = TextUtils.ellipsize(answer.name, text, width - percentWidth - 12 * dp, TextUtils.TruncateAt.END);
            canvas.drawText(name, 0, name.length(), 0, baseline, text);
            canvas.drawText(percent, width - percentWidth, baseline, text);
            float top = y + text.getFontSpacing() + dp, bottom = top + 6 * dp;
            canvas.drawRoundRect(0, top, width, bottom, radius, radius, track);
            if (answer.probability > 0) canvas.drawRoundRect(0, top, Math.max(2 * radius, width * answer.probability), bottom, radius, radius, bar);
        }
    }
}
