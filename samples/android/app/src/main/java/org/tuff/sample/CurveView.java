package org.tuff.sample;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.graphics.Path;
import android.util.AttributeSet;
import android.util.TypedValue;
import android.view.View;
import java.util.Locale;

/** How a training went: the loss of each epoch, and the part of the pictures that are answered rightly. */
public final class CurveView extends View {
    private final Paint line = new Paint(Paint.ANTI_ALIAS_FLAG), text = new Paint(Paint.ANTI_ALIAS_FLAG), axis = new Paint();
    private final Path path = new Path();
    private final float dp;
    private final int lossColor, accuracyColor;
    private float[] losses = {}, accuracies = {};
    private int epochs = 1;

    public CurveView(Context context, AttributeSet attributes) {
        super(context, attributes);
        dp = getResources().getDisplayMetrics().density;
        lossColor = context.getColor(R.color.loss);
        accuracyColor = context.getColor(R.color.accent);
        line.setStyle(Paint.Style.STROKE);
        line.setStrokeWidth(2.5f * dp);
        line.setStrokeJoin(Paint.Join.ROUND);
        line.setStrokeCap(Paint.Cap.ROUND);
        text.setTextSize(TypedValue.applyDimension(TypedValue.COMPLEX_UNIT_SP, 14, getResources().getDisplayMetrics()));
        axis.setColor(context.getColor(R.color.track));
        axis.setStrokeWidth(dp);
    }

    void show(float[] losses, float[] accuracies, int epochs) {
        if (losses == this.losses && accuracies == this.accuracies) return;
        this.losses = losses;
        this.accuracies = accuracies;
        this.epochs = Math.max(1, epochs);
        invalidate();
        int n = losses.length;
        setContentDescription(n == 0 ? getContext().getString(R.string.curve_empty)
                                     : getContext().getString(R.string.curve_spoken, n, losses[n - 1], Math.round(100 * accuracies[n - 1])));
    }

    @Override protected void onDraw(Canvas canvas) {
        float label = text.getFontSpacing(), top = label + 4 * dp, bottom = getHeight() - 2 * dp, right = getWidth() - 2 * dp;
        for (int i = 0; i <= 4; i++) {
            float y = bottom + (top - bottom) * i / 4;
            canvas.drawLine(0, y, right, y, axis);
        }
        float most = 0;
        for (float loss : losses) most = Math.max(most, loss);
        int n = losses.length;
        String lossText = getContext().getString(R.string.curve_loss, n == 0 ? 0f : losses[n - 1]);
        String accuracyText = String.format(Locale.getDefault(), getContext().getString(R.string.curve_accuracy), n == 0 ? 0f : 100 * accuracies[n - 1]);
        text.setColor(lossColor);
        canvas.drawText(lossText, 0, -text.ascent(), text);
        text.setColor(accuracyColor);
        canvas.drawText(accuracyText, right - text.measureText(accuracyText), -text.ascent(), text);
        curve(canvas, losses, most > 0 ? most : 1, top, bottom, right, lossColor);
        curve(canvas, accuracies, 1, top, bottom, right, accuracyColor);
    }

    private void curve(Canvas canvas, float[] values, float most, float top, float bottom, float right, int color) {
        path.rewind();
        for (int i = 0; i < values.length; i++) {
            float x = epochs == 1 ? 0 : right * i / (epochs - 1), y = bottom + (top - bottom) * Math.min(1, values[i] / most);
            if (i == 0) path.moveTo(x, y);
            else path.lineTo(x, y);
        }
        line.setColor(color);
        canvas.drawPath(path, line);
    }
}
