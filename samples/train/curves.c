/* curves.c - loss and accuracy over the epochs, side by side. */
#include "plot.h"
#include "train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A history comes from a file: what is drawn is a number (0 for none) of at most 1e30, so that scales and steps are numbers too. */
static double number(double value) { return isnan(value) ? 0 : fmax(-1e30, fmin(value, 1e30)); }

typedef double point[2];

/* Those of training, then those of validation. */
static void fill(point *points, const struct history *h, bool loss)
{
    for (uint32_t i = 0; i < h->point_count; i++, points++) {
        (*points)[0] = number(h->points[i].at);
        (*points)[1] = number(loss ? h->points[i].loss : 100 * h->points[i].accuracy);
    }
    for (uint32_t i = 0; i < h->epoch_count; i++, points++) {
        const struct score *score = &h->epochs[i].validation;
        (*points)[0] = h->epochs[i].number + 1.0;
        (*points)[1] = number(loss ? score->loss : 100 * score->accuracy);
    }
}

static double least_of(const point *points, uint32_t count, double least)
{
    for (uint32_t i = 0; i < count; i++) least = fmin(least, points[i][1]);
    return least;
}

/* Loss and accuracy; false: out of memory. Free both arrays of points, which may be NULL, in any case. */
static bool make_plots(const struct history *history, uint32_t epochs, struct plot plots[2], point *points[2])
{
    uint32_t validations = history->validated ? history->epoch_count : 0, trained = history->point_count;
    size_t all = (size_t)trained + history->epoch_count;
    for (int i = 0; i < 2; i++) points[i] = malloc((all + 1) * sizeof(point));
    for (int i = 0; i < 2 && points[0] && points[1]; i++) {
        fill(points[i], history, i == 0);
        plots[i] = (struct plot){.title = i == 0 ? "Loss" : "Accuracy",
                                 .x_title = "epochs",
                                 .unit = i == 0 ? NULL : " %",
                                 .lines = {{"training", PLOT_BLUE, 1.5, false, false, (const point *)points[i], trained},
                                           {"validation", PLOT_ORANGE, 2, validations <= 50, false,
                                            (const point *)points[i] + trained, validations}},
                                 .count = validations ? 2 : 1,
                                 .x_most = epochs};
        double least = least_of((const point *)points[i], trained + validations, INFINITY);
        if (i == 0 && least > 0) plots[i].y_least = TUFF_NUMBER(0);
        if (i == 1) plots[i].y_most = TUFF_NUMBER(100), plots[i].y_least = TUFF_NUMBER(fmax(0, fmin(least, 99)));
    }
    return points[0] && points[1];
}

tuff_status curves_write(struct tuff_context *context, const struct options *options, const struct history *history,
                         uint32_t epochs, const char **better, struct tuff_error *error)
{
    struct plot plots[2];
    char path[1100];
    point *points[2];
    const char *ending = NULL;
    tuff_status status = TUFF_ERR_MEMORY;
    if (make_plots(history, epochs, plots, points))
        status = plot_write(context, options_file(options, "curves", path), plots, 2, &ending, error);
    if (status == TUFF_OK) *better = ending[1] == 'p' ? "curves.png" : "curves.svg";
    free(points[0]);
    free(points[1]);
    return status;
}

bool curves_within(FILE *page, const struct history *history, uint32_t epochs)
{
    struct plot plots[2];
    point *points[2];
    bool good = make_plots(history, epochs, plots, points) && plot_within(page, plots, 2);
    free(points[0]);
    free(points[1]);
    return good;
}
