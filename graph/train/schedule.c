/* schedule.c - learning rates as a function of the update's number, in double precision on the host; what is refused, and how two differ. */
#include "graph/train/optimizer.h"

#include <math.h>

static const double PI = 3.141592653589793;

/* From `from` to `to` as share goes from 0 to 1 */
static double eased(double from, double to, double share, bool linear)
{
    return linear ? from + (to - from) * share : to + (from - to) * 0.5 * (1 + cos(PI * share));
}

/* Phases end at whole or broken numbers of updates, as PyTorch's do; the last of `period` updates is the end. */
static double one_cycle(const struct tuff_schedule *s, uint64_t update)
{
    const struct tuff_one_cycle *c = &s->one_cycle;
    double share = c->share == 0 ? 0.3 : c->share, begin = s->lr / (c->rise == 0 ? 25 : c->rise);
    double total = (double)s->period, t = fmin((double)update, total - 1), from = 0;
    double rates[] = {begin, s->lr, begin, begin / (c->fall == 0 ? 1e4 : c->fall)};
    double ends[] = {share * total - 1, 2 * share * total - 2, total - 1};
    if (!c->three_phase) ends[1] = ends[2], rates[2] = rates[3];
    uint32_t last = c->three_phase ? 2 : 1, i = 0;
    for (; i < last && t > ends[i]; i++) from = ends[i];
    return eased(rates[i], rates[i + 1], ends[i] > from ? (t - from) / (ends[i] - from) : 1, c->linear);
}

static double restarted(const struct tuff_schedule *s, uint64_t t)
{
    uint64_t period = s->period, factor = s->period_factor ? s->period_factor : 1;
    if (period == 0) return s->min_lr;
    if (factor == 1) t %= period;
    for (; t >= period && period <= UINT64_MAX / factor; period *= factor) t -= period;
    return eased(s->lr, s->min_lr, (double)t / (double)period, false);
}

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
        return s->min_lr + (lr - s->min_lr) * 0.5 * (1 + cos(PI * (double)t / (double)s->period));
    case TUFF_SCHEDULE_POLYNOMIAL:
        if (t >= s->period) return s->min_lr;
        return s->min_lr + (lr - s->min_lr) * pow(1 - (double)t / (double)s->period, s->power == 0 ? 1 : s->power);
    case TUFF_SCHEDULE_COSINE_RESTARTS: return restarted(s, t);
    case TUFF_SCHEDULE_ONE_CYCLE: return one_cycle(s, t);
    case TUFF_SCHEDULE_TABLE: return s->rate_count ? s->rates[t < s->rate_count ? t : s->rate_count - 1] : lr;
    }
    return lr;
}

static bool is_better(const struct tuff_plateau *p, double metric, double best)
{
    double threshold = p->threshold.given ? p->threshold.value : 1e-4, least;
    if (p->absolute)
        least = p->rises ? best + threshold : best - threshold;
    else
        least = best * (p->rises ? 1 + threshold : 1 - threshold);
    return p->rises ? metric > least : metric < least;
}

double tuff_plateau_step(const struct tuff_plateau *p, struct tuff_plateau_state *s, double lr, double metric)
{
    const double eps = 1e-8; /* a smaller change is none, as PyTorch's eps says */
    if (s->scale == 0) s->scale = 1;
    if (p->factor == 0) return s->scale;
    bool first = s->count++ == 0, better = first ? !isnan(metric) : is_better(p, metric, s->best);
    if (first) s->best = p->rises ? -INFINITY : INFINITY;
    if (better) s->best = metric;
    s->since_best = better ? 0 : s->since_best + 1;
    if (s->cooldown > 0) s->cooldown--, s->since_best = 0;
    if (s->since_best <= p->patience) return s->scale;
    s->since_best = 0, s->cooldown = p->cooldown;
    double now = lr * s->scale, next = fmax(now * p->factor, p->min_lr);
    if (now - next > eps) s->scale = next / lr;
    return s->scale;
}

/* Numbers of the kinds that have them */
static tuff_status check_period(struct tuff_context *context, const struct tuff_schedule *s, struct tuff_error *error)
{
    const struct tuff_one_cycle *c = &s->one_cycle;
    if (s->period == 0) return tuff_refuse(context, error, "optimizer: the schedule's period is 0 updates");
    if (!(s->power >= 0 && s->power <= 1e3))
        return tuff_refuse(context, error, "optimizer: the schedule's power is %g, not from 0 to 1000", s->power);
    if (s->kind != TUFF_SCHEDULE_ONE_CYCLE) return TUFF_OK;
    if (!(c->share >= 0 && c->share < (c->three_phase ? 0.5 : 1)))
        return tuff_refuse(context, error, "optimizer: the share of the cycle that rises is %g, not from 0 to below %g",
                           c->share, c->three_phase ? 0.5 : 1.0);
    if (!(c->rise >= 0 && c->rise <= 1e30 && c->fall >= 0 && c->fall <= 1e30))
        return tuff_refuse(context, error, "optimizer: the cycle's rise is %g, its fall %g: they are from 0 to 1e30",
                           c->rise, c->fall);
    return TUFF_OK;
}

static tuff_status check_rates(struct tuff_context *context, const struct tuff_schedule *s, struct tuff_error *error)
{
    if (!s->rates || !s->rate_count)
        return tuff_refuse(context, error, "optimizer: the schedule's table of rates is missing");
    for (uint32_t i = 0; i < s->rate_count; i++)
        if (!(s->rates[i] >= 0 && s->rates[i] <= 1e30))
            return tuff_refuse(context, error, "optimizer: rate %u of the schedule's table is %g", (unsigned)i, s->rates[i]);
    return TUFF_OK;
}

tuff_status tuff_schedule_check(struct tuff_context *context, const struct tuff_schedule *s, struct tuff_error *error)
{
    if ((unsigned)s->kind > TUFF_SCHEDULE_TABLE)
        return tuff_refuse(context, error, "optimizer: there is no schedule of kind %d (enum tuff_schedule_kind)",
                           (int)s->kind);
    if (s->kind == TUFF_SCHEDULE_MULTI_STEP && s->milestone_count && !s->milestones)
        return tuff_refuse(context, error, "optimizer: the schedule's milestones are missing (NULL)");
    if (s->kind == TUFF_SCHEDULE_STEP && s->every == 0)
        return tuff_refuse(context, error, "optimizer: the schedule's steps are every 0 updates");
    if (s->kind == TUFF_SCHEDULE_TABLE) return check_rates(context, s, error);
    if (s->kind >= TUFF_SCHEDULE_COSINE) return check_period(context, s, error);
    if (s->kind != TUFF_SCHEDULE_CONSTANT && s->gamma == 0)
        return tuff_refuse(context, error, "optimizer: the schedule's gamma is 0: the rate would be, too");
    return TUFF_OK;
}

bool tuff_schedule_copy(struct tuff_schedule *s, struct tuff_arena *arena)
{
    if (s->milestone_count)
        s->milestones = tuff_arena_copy(arena, s->milestones, s->milestone_count * sizeof *s->milestones);
    if (s->rate_count) s->rates = tuff_arena_copy(arena, s->rates, s->rate_count * sizeof *s->rates);
    return (!s->milestone_count || s->milestones) && (!s->rate_count || s->rates);
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
                                         {"power", a->power, b->power},
                                         {"factor of its periods", a->period_factor, b->period_factor},
                                         {"share that rises", a->one_cycle.share, b->one_cycle.share},
                                         {"rise", a->one_cycle.rise, b->one_cycle.rise},
                                         {"fall", a->one_cycle.fall, b->one_cycle.fall},
                                         {"cycle of three phases", a->one_cycle.three_phase, b->one_cycle.three_phase},
                                         {"cycle of lines", a->one_cycle.linear, b->one_cycle.linear},
                                         {"number of rates", a->rate_count, b->rate_count},
                                         {"number of milestones", a->milestone_count, b->milestone_count}};
    if (tuff_settings_differ("the schedule's ", pairs, TUFF_COUNT(pairs), text, bytes)) return true;
    for (uint32_t i = 0; i < a->milestone_count; i++) {
        const struct tuff_setting milestone = {"milestone", (double)a->milestones[i], (double)b->milestones[i]};
        if (tuff_settings_differ("a ", &milestone, 1, text, bytes)) return true;
    }
    for (uint32_t i = 0; i < a->rate_count; i++) {
        const struct tuff_setting rate = {"rate of its table", a->rates[i], b->rates[i]};
        if (tuff_settings_differ("a ", &rate, 1, text, bytes)) return true;
    }
    return false;
}
