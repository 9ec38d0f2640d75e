/* find_rate.c - a learning rate by a short training in which it rises (Smith 2017): needs a trainer that is compiled; promises that parameters,
 * states and the count of steps are afterwards what they were. */
#include "graph/train/trainer.h"

#include <math.h>

/* The trainer as it was: content of all leaves, one after the other. */
struct kept {
    uint8_t *bytes; /* [owned] */
    struct tuff_schedule schedule;
    uint64_t run, skipped, lost;
    double scale;
};

/* Reads all leaves, or writes them back. */
static tuff_status copy_leaves(struct tuff_trainer *t, uint8_t *at, bool back, struct tuff_error *error)
{
    for (uint32_t i = 0; i < tuff_graph_leaf_count(t->graph); i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(t->graph, i);
        tuff_val v = tuff_graph_find(t->graph, leaf.name);
        size_t size = (size_t)tuff_type_bytes(&leaf.type);
        TUFF_TRY(back ? tuff_session_write(t->session, v, at, size, error)
                      : tuff_session_read(t->session, v, at, size, error));
        at += size;
    }
    return TUFF_OK;
}

static tuff_status keep(struct tuff_trainer *t, struct kept *kept, struct tuff_error *error)
{
    const struct tuff_optimizer *o = &t->first->optimizer;
    size_t bytes = 0;
    for (uint32_t i = 0; i < tuff_graph_leaf_count(t->graph); i++) {
        struct tuff_type type = tuff_graph_leaf(t->graph, i).type;
        bytes += (size_t)tuff_type_bytes(&type);
    }
    *kept = (struct kept){tuff_alloc(t->context, bytes + 1), o->params.schedule,          o->run,
                          tuff_trainer_counts(t).skipped,    tuff_trainer_counts(t).lost, o->rate_scale};
    return kept->bytes ? copy_leaves(t, kept->bytes, false, error) : tuff_fail_memory(t->context, error);
}

static tuff_status put_back(struct tuff_trainer *t, const struct kept *kept, struct tuff_error *error)
{
    tuff_trainer_resume(t, kept->run);
    t->first->skipped_before = kept->skipped, t->first->lost_before = kept->lost;
    TUFF_TRY(copy_leaves(t, kept->bytes, true, error));
    t->first->optimizer.params.schedule = kept->schedule;
    return tuff_trainer_scale(t, kept->scale, error);
}

/* The point where the smoothed loss falls most, and a tenth of the rate of its least one: how two readers of the picture choose. */
static void suggest(const struct tuff_rate_point *points, uint32_t count, struct tuff_found_rate *found)
{
    uint32_t steepest = 0, least = 0;
    double most = 0;
    for (uint32_t i = 0; i < count; i++)
        if (points[i].smooth < points[least].smooth) least = i;
    for (uint32_t i = 1; i + 1 < count && i < least; i++) {
        double fall = points[i - 1].smooth - points[i + 1].smooth; /* steps are equal in the logarithm of rates */
        if (fall > most) most = fall, steepest = i;
    }
    found->count = count;
    found->rate = steepest > 0 ? points[steepest].rate : 0;
    found->least = count ? points[least].rate : 0;
}

static tuff_status check(const struct tuff_trainer *t, const struct tuff_find_rate_params *p, struct tuff_error *error)
{
    if (p->struct_size < sizeof *p)
        return tuff_refuse(t->context, error,
                           "find_rate: struct_size of its params is not set: .struct_size = sizeof params");
    if (!(p->first >= 0 && p->first < 1e30 && p->last >= 0 && p->last < 1e30 && p->smoothing >= 0 && p->smoothing < 1))
        return tuff_refuse(
            t->context, error,
            "find_rate: rates from %g to %g, smoothing %g: rates are above 0 and finite, smoothing is from 0 to below 1",
            p->first, p->last, p->smoothing);
    if (t->first->failure.status != TUFF_OK || t->inside)
        return tuff_refuse(t->context, error, "find_rate: the training has stopped, or stands at a station");
    return TUFF_OK;
}

/* Until the steps are done or the loss has left; what is not finite is not a failure here. */
static tuff_status rise(const struct tuff_schedule *s, const struct tuff_find_rate_params *p, uint32_t steps,
                        tuff_rate_step *step, void *user, struct tuff_rate_point *points, uint32_t *count,
                        struct tuff_error *error)
{
    double keeps = p->smoothing == 0 ? 0.9 : p->smoothing, mean = 0, share = 0, least = INFINITY;
    for (*count = 0; *count < steps;) {
        struct tuff_rate_point *point = &points[*count];
        tuff_status status = step(user, *count, &point->loss, error);
        if (status == TUFF_ERR_NOT_FINITE || (status == TUFF_OK && !isfinite(point->loss))) break;
        if (status != TUFF_OK) return status;
        mean = keeps * mean + (1 - keeps) * point->loss, share = keeps * share + 1 - keeps;
        point->rate = tuff_schedule_lr(s, s->warmup + *count), point->smooth = mean / share;
        least = fmin(least, point->smooth);
        ++*count;
        if (*count > 10 && point->smooth > least + 3 * (fabs(least) + 1e-12))
            break; /* four times the least, where that is above 0 */
    }
    return TUFF_OK;
}

tuff_status tuff_find_rate_by(struct tuff_trainer *t, const struct tuff_find_rate_params *p, tuff_rate_step *step,
                              void *user, struct tuff_rate_point *points, struct tuff_found_rate *found,
                              struct tuff_error *error)
{
    TUFF_TRY(check(t, p, error));
    struct tuff_optimizer *o = &t->first->optimizer;
    double first = p->first == 0 ? 1e-7 : p->first, last = p->last == 0 ? 10 : p->last;
    uint32_t steps = p->steps ? p->steps : TUFF_RATE_STEPS, count = 0;
    struct kept kept;
    tuff_status status = keep(t, &kept, error), restored = TUFF_OK;
    /* What lies before counts as warm-up, so that Adam's corrections go on as they were. */
    const struct tuff_schedule rising = {.kind = TUFF_SCHEDULE_EXPONENTIAL,
                                         .lr = first,
                                         .gamma = steps > 1 ? pow(last / first, 1.0 / (steps - 1)) : 1,
                                         .warmup = tuff_optimizer_updates(o)};
    if (status == TUFF_OK) status = tuff_trainer_schedule(t, &rising, error);
    if (status == TUFF_OK) status = tuff_trainer_scale(t, 1, error);
    if (status == TUFF_OK) status = rise(&rising, p, steps, step, user, points, &count, error);
    if (kept.bytes) restored = put_back(t, &kept, status == TUFF_OK ? error : NULL);
    tuff_free(t->context, kept.bytes);
    suggest(points, count, found);
    return status == TUFF_OK ? restored : status;
}

/* ---- of a trainer -------------------------------------------------------------------------------------------------------------- */

struct own {
    struct tuff_trainer *t;
    const struct tuff_find_rate_params *params;
};

static tuff_status own_step(void *user, uint32_t step, double *loss, struct tuff_error *error)
{
    struct own *own = user;
    float value = 0;
    TUFF_TRY(own->params->write(own->params->user, own->t, step, error));
    TUFF_TRY(tuff_trainer_step(own->t, NULL, error));
    TUFF_TRY(tuff_trainer_read(own->t, own->t->loss, &value, sizeof value, error));
    *loss = (double)value;
    return TUFF_OK;
}

tuff_status tuff_find_rate(struct tuff_trainer *t, const struct tuff_find_rate_params *params,
                           struct tuff_rate_point *points, struct tuff_found_rate *found, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, t != NULL && params != NULL && points != NULL && found != NULL);
    struct own own = {t, params};
    *found = (struct tuff_found_rate){0};
    if (!t->run)
        return tuff_refuse(t->context, error, "find_rate: the trainer is not compiled; tuff_trainer_compile does that");
    if (!params->write)
        return tuff_refuse(t->context, error, "find_rate: write, which fills the batches, is missing (NULL)");
    return tuff_find_rate_by(t, params, own_step, &own, points, found, error);
}
