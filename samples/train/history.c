/* history.c - what happened in the training, also across runs: the curves, the result and the checkpoint are made of it. */
#include "train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool history_init(struct history *history)
{
    memset(history, 0, sizeof *history);
    history->epochs = calloc(EPOCHS_MAX, sizeof *history->epochs);
    return history->epochs != NULL;
}

void history_finish(struct history *history) { free(history->epochs); }

/* The library reports means over the epoch so far; a point is the mean since the last point. */
void history_step(struct history *history, const struct tuff_fit_progress *p)
{
    double spacing = (double)p->epochs / (POINTS_MAX / 2);
    const struct score train = score_of(&p->train);
    double loss = train.loss * (double)p->step, accuracy = train.accuracy * (double)p->step;
    if (history->last.epoch != p->epoch || history->last.step > p->step) {
        memset(&history->last, 0, sizeof history->last);
        history->last.epoch = p->epoch;
    }
    double steps = (double)(p->step - history->last.step);
    if (steps <= 0 || (steps / (double)p->steps < spacing && p->step < p->steps)) return;
    if (spacing > 1 && p->epoch % (uint32_t)(spacing + 1) != 0) return;
    if (history->point_count < POINTS_MAX)
        history->points[history->point_count++] = (struct point){p->epoch + ((double)p->step - steps / 2) / (double)p->steps,
                                                                 (loss - history->last.loss) / steps,
                                                                 (accuracy - history->last.accuracy) / steps};
    history->last.step = p->step;
    history->last.loss = loss;
    history->last.accuracy = accuracy;
}

struct score score_of(const struct tuff_metrics *metrics)
{
    return (struct score){metrics->loss, tuff_metrics_get(metrics, "accuracy")};
}

static void add_epoch(struct history *history, const struct epoch *epoch)
{
    if (history->epoch_count < EPOCHS_MAX) history->epochs[history->epoch_count++] = *epoch;
}

struct epoch history_epoch(struct history *history, const struct tuff_epoch *epoch)
{
    const struct epoch kept = {.number = epoch->epoch,
                               .best = epoch->best,
                               .train = score_of(&epoch->train),
                               .validation = score_of(&epoch->validation),
                               .seconds = epoch->seconds,
                               .samples_per_second = epoch->samples_per_second};
    add_epoch(history, &kept);
    return kept;
}

double history_rate(const struct history *history)
{
    double samples = 0, seconds = 0;
    for (uint32_t i = 0; i < history->epoch_count; i++) {
        samples += history->epochs[i].samples_per_second * history->epochs[i].seconds;
        seconds += history->epochs[i].seconds;
    }
    return seconds > 0 ? samples / seconds : 0;
}

/* ---- text ----------------------------------------------------------------------------------------------------------------------- */

char *history_print(const struct history *h)
{
    size_t size = 200 + 200 * ((size_t)h->epoch_count + h->point_count), at = 0;
    char *text = malloc(size);
    if (!text) return NULL;
    at += (size_t)snprintf(text + at, size - at, "seconds %.17g\n", h->seconds);
    at += (size_t)snprintf(text + at, size - at, "last %u %llu %.17g %.17g\n", (unsigned)h->last.epoch,
                           (unsigned long long)h->last.step, h->last.loss, h->last.accuracy);
    for (uint32_t i = 0; i < h->epoch_count; i++) {
        const struct epoch *e = &h->epochs[i];
        at += (size_t)snprintf(text + at, size - at, "epoch %u %d %.9g %.9g %.9g %.9g %.9g %.9g\n", (unsigned)e->number,
                               e->best, e->train.loss, e->train.accuracy, e->validation.loss, e->validation.accuracy,
                               e->seconds, e->samples_per_second);
    }
    for (uint32_t i = 0; i < h->point_count; i++)
        at += (size_t)snprintf(text + at, size - at, "point %.9g %.9g %.9g\n", h->points[i].at, h->points[i].loss,
                               h->points[i].accuracy);
    return text;
}

bool history_parse(struct history *h, const char *text)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        struct epoch e = {0};
        struct point p;
        unsigned number, last;
        unsigned long long step;
        int best;
        if (sscanf(line, "seconds %lf", &h->seconds) == 1) continue;
        if (sscanf(line, "last %u %llu %lf %lf", &last, &step, &h->last.loss, &h->last.accuracy) == 4) {
            h->last.epoch = last, h->last.step = step;
        } else if (sscanf(line, "epoch %u %d %lf %lf %lf %lf %lf %lf", &number, &best, &e.train.loss, &e.train.accuracy,
                          &e.validation.loss, &e.validation.accuracy, &e.seconds, &e.samples_per_second) == 8) {
            e.number = number, e.best = best != 0;
            add_epoch(h, &e);
        } else if (sscanf(line, "point %lf %lf %lf", &p.at, &p.loss, &p.accuracy) == 3) {
            if (h->point_count < POINTS_MAX) h->points[h->point_count++] = p;
        } else {
            return false;
        }
    }
    return text != NULL;
}
