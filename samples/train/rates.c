/* rates.c - --find-rate's picture. */
#include "plot.h"
#include "train.h"

#include <math.h>
#include <stdio.h>

/* From the smallest loss to twice what it began with: where it leaves is cut off. */
tuff_status rates_write(struct tuff_context *context, const struct options *options, const struct tuff_rate_point *points,
                        const struct tuff_found_rate *found, const char **better, struct tuff_error *error)
{
    double losses[TUFF_RATE_STEPS][2], smooth[TUFF_RATE_STEPS][2], least = INFINITY;
    const char *ending = NULL;
    char path[1100], note[64];
    uint32_t count = found->count < TUFF_RATE_STEPS ? found->count : TUFF_RATE_STEPS;
    struct plot plot = {.title = "Loss while the rate rises",
                        .x_title = "learning rate",
                        .lines = {{NULL, PLOT_PALE, 1, false, false, (const double(*)[2])losses, count},
                                  {NULL, PLOT_BLUE, 2, false, false, (const double(*)[2])smooth, count}},
                        .count = 2,
                        .width = 540,
                        .log_x = true};
    for (uint32_t i = 0; i < count; i++) {
        losses[i][0] = smooth[i][0] = points[i].rate;
        losses[i][1] = points[i].loss;
        smooth[i][1] = points[i].smooth;
        least = fmin(least, fmin(points[i].loss, points[i].smooth));
        if (!(found->rate > 0) || points[i].rate != found->rate) continue;
        snprintf(note, sizeof note, "steepest at %.2g", found->rate);
        plot.note = note, plot.marked = true, plot.marked_x = found->rate, plot.marked_y = points[i].smooth;
    }
    double most = points[0].smooth + (points[0].smooth - least);
    plot.y_least = TUFF_NUMBER(least);
    plot.y_most = TUFF_NUMBER(most > least ? most : least + 1);
    tuff_status status = plot_write(context, options_file(options, "rates", path), &plot, 1, &ending, error);
    if (status == TUFF_OK) *better = ending[1] == 'p' ? "rates.png" : "rates.svg";
    return status;
}
