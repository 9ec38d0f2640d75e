/* schedule.c - learning rates as a function of the update's number, in double precision on the host; what is refused, and how two differ. */
#include "graph/train/settings.h"

#include <math.h>

double tuff_schedule_lr(const struct tuff_schedule *s, uint64_t update)
{
    double lr = s->lr, start = s->start_factor.value;
    if (update < s->warmup) {
        if (!s->start_factor.given) return lr * (double)(update + 1) / (double)(s->warmup + 1);
        return lr * (start + (1 - start) * (double)update / (double)s->warmup);
    }
    uint64_t t = update - s->warmup, passed = 0;
    switch (s->kind) {
    case TUFF_SCHEDULE_CONSTANT: break;
    case TUFF_SCHEDULE_STEP: return lr * pow(s->gamma, s->every ? (double)(t / s->every) : 0);
    case TUFF_SCHEDULE_MULTI_STEP:
        for (uint32_t i = 0; i < s->milestone_count; i++) passed += s->milestones[i] <= t;
        return lr * pow(s->gamma, (double)passed);
    case TUFF_SCHEDULE_EXPONENTIAL: return lr * pow(s->gamma, (double)t);
    case TUFF_SCHEDULE_COSINE:
        if (t >= s->period) return s->min_lr;
        return s->min_lr + (lr - s->min_lr) * 0.5 * (1 + cos(3.141592653589793 * (double)t / (double)s->period));
    }
    return lr;
}

tuff_status tuff_schedule_check(struct tuff_context *context, const struct tuff_schedule *s, struct tuff_error *error)
{
    if ((unsigned)s->kind > TUFF_SCHEDULE_COSINE)
        return tuff_fail(context, error, TUFF_ERR_USAGE,
                         "optimizer: there is no schedule of kind %d (enum tuff_schedule_kind)", (int)s->kind);
    if (s->kind == TUFF_SCHEDULE_MULTI_STEP && s->milestone_count && !s->milestones)
        return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: the schedule's milestones are missing (NULL)");
    if (s->kind == TUFF_SCHEDULE_STEP && s->every == 0)
        return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: the schedule's steps are every 0 updates");
    if (s->kind == TUFF_SCHEDULE_COSINE && s->period == 0)
        return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: the schedule's period is 0 updates");
    if (s->kind != TUFF_SCHEDULE_CONSTANT && s->kind != TUFF_SCHEDULE_COSINE && s->gamma == 0)
        return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: the schedule's gamma is 0: the rate would be, too");
    return TUFF_OK;
}

bool tuff_schedule_copy(struct tuff_schedule *s, struct tuff_arena *arena)
{
    if (s->milestone_count)
        s->milestones = tuff_arena_copy(arena, s->milestones, s->milestone_count * sizeof *s->milestones);
    return !s->milestone_count || s->milestones;
}

bool tuff_schedules_differ(const struct tuff_schedule *a, const struct tuff_schedule *b, char *text, size_t bytes)
{
    const struct tuff_setting pairs[] = {{"kind", a->kind, b->kind},
                                         {"rate", a->lr, b->lr},
                                         {"gamma", a->gamma, b->gamma},
                                         {"smallest rate", a->min_lr, b->min_lr},
                                         {"start factor being given", a->start_factor.given, b->start_factor.given},
                                         {"start factor", a->start_factor.value, b->start_factor.value},
                                         {"number of updates of a step", (double)a->every, (double)b->every},
                                         {"period", (double)a->period, (double)b->period},
                                         {"warm-up", (double)a->warmup, (double)b->warmup},
                                         {"number of milestones", a->milestone_count, b->milestone_count}};
    if (tuff_settings_differ("the schedule's ", pairs, TUFF_COUNT(pairs), text, bytes)) return true;
    for (uint32_t i = 0; i < a->milestone_count; i++) {
        const struct tuff_setting milestone = {"milestone", (double)a->milestones[i], (double)b->milestones[i]};
        if (tuff_settings_differ("a ", &milestone, 1, text, bytes)) return true;
    }
    return false;
}
