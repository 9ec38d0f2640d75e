/* settings.c - parameters of optimizers: where they begin, what of them is refused, and how two differ. */
#include "graph/train/update.h"

#include <math.h>
#include <stdio.h>

enum { TUFF_BEGUN = 0x62656775 }; /* what nobody writes who fills a struct by hand */

struct tuff_optimizer_params tuff_optimizer_defaults(enum tuff_optimizer_kind kind, double lr)
{
    const struct tuff_rule *rule = &tuff_rules[(unsigned)kind < tuff_rule_count ? kind : TUFF_SGD];
    return (struct tuff_optimizer_params){.struct_size = sizeof(struct tuff_optimizer_params),
                                          .kind = kind,
                                          .schedule = {.lr = lr},
                                          .beta1 = rule->beta1,
                                          .beta2 = rule->beta2,
                                          .alpha = rule->alpha,
                                          .eps = rule->eps,
                                          .begun = TUFF_BEGUN};
}

struct tuff_param_group tuff_param_group_defaults(const char *name, const char *pattern)
{
    return (struct tuff_param_group){.name = name, .pattern = pattern, .lr_factor = 1, .weight_decay = TUFF_OPTIMIZERS_OWN};
}

static bool good_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    return name && name[0] && strspn(name, allowed) == strlen(name);
}

static tuff_status check_groups(struct tuff_context *context, const struct tuff_optimizer_params *p,
                                struct tuff_error *error)
{
    if (p->group_count > TUFF_PARAM_GROUPS || (p->group_count && !p->groups))
        return tuff_refuse(context, error, "optimizer: %u groups of parameters; at most %d are possible",
                           (unsigned)p->group_count, TUFF_PARAM_GROUPS);
    for (uint32_t i = 0; i < p->group_count; i++) {
        const struct tuff_param_group *group = &p->groups[i];
        if (!good_name(group->name) || !group->pattern)
            return tuff_refuse(
                context, error,
                "optimizer: group %u, '%.60s', needs a name of letters, digits, - and _, and a pattern of names",
                (unsigned)i, group->name ? group->name : "");
        if (!group->frozen && !(group->lr_factor > 0 && isfinite(group->lr_factor)))
            return tuff_refuse(
                context, error,
                "optimizer: group '%s' has %g as the factor of its rate: begin with tuff_param_group_defaults, or let "
                "it be frozen",
                group->name, group->lr_factor);
        if (!isfinite(group->weight_decay) || (group->weight_decay < 0 && group->weight_decay != TUFF_OPTIMIZERS_OWN))
            return tuff_refuse(context, error, "optimizer: group '%s' has a weight decay of %g", group->name,
                               group->weight_decay);
        for (uint32_t k = 0; k < i; k++)
            if (!strcmp(p->groups[k].name, group->name))
                return tuff_refuse(context, error, "optimizer: two groups are called '%s'", group->name);
    }
    return TUFF_OK;
}

/* Numbers that each have a range; what is outside of it, NaN too, is refused. */
static tuff_status check_numbers(struct tuff_context *context, const struct tuff_optimizer_params *p,
                                 struct tuff_error *error)
{
    const struct tuff_schedule *s = &p->schedule;
    const double most = 1e30;
    const struct {
        const char *what;
        double value, least, most;
        bool below; /* most itself is not possible */
    } numbers[] = {{"momentum", p->momentum, 0, 1, false},
                   {"beta1", p->beta1, 0, 1, true},
                   {"beta2", p->beta2, 0, 1, true},
                   {"alpha", p->alpha, 0, 1, true},
                   {"lr_decay", p->lr_decay, 0, most, false},
                   {"initial accumulator", p->initial_accumulator, 0, most, false},
                   {"ema_decay", p->ema_decay, 0, 1, true},
                   {"eps", p->eps, 0, most, false},
                   {"weight decay", p->weight_decay, 0, most, false},
                   {"clip_norm", p->clip_norm, 0, most, false},
                   {"clip_value", p->clip_value, 0, most, false},
                   {"clip_each_norm", p->clip_each_norm, 0, most, false},
                   {"schedule's gamma", s->gamma, 0, most, false},
                   {"schedule's smallest rate", s->min_lr, 0, most, false},
                   {"schedule's start factor", s->start_factor.value, 0, most, false},
                   {"number of runs per update", p->accumulate, 0, INT32_MAX, false}};
    if (!(s->lr > 0 && s->lr <= most))
        return tuff_refuse(context, error, "optimizer: the learning rate is %g; it is above 0, and finite", s->lr);
    for (size_t i = 0; i < TUFF_COUNT(numbers); i++) {
        double v = numbers[i].value;
        if (!(v >= numbers[i].least && (numbers[i].below ? v < numbers[i].most : v <= numbers[i].most)))
            return tuff_refuse(context, error, "optimizer: the %s is %g, not from %g to %s%g", numbers[i].what, v,
                               numbers[i].least, numbers[i].below ? "below " : "", numbers[i].most);
    }
    return TUFF_OK;
}

/* Filled by hand, a number that was left out is a 0 which is hardly meant. */
static tuff_status check_begun(struct tuff_context *context, const struct tuff_optimizer_params *p, struct tuff_error *error)
{
    uint32_t reads = tuff_rules[p->kind].reads;
    if (p->begun == TUFF_BEGUN) return TUFF_OK;
    if ((reads & TUFF_READS_BETAS && (p->beta1 == 0 || p->beta2 == 0)) || (reads & TUFF_READS_EPS && p->eps == 0) ||
        (reads & TUFF_READS_ALPHA && p->alpha == 0))
        return tuff_refuse(context, error,
                           "optimizer: beta1 is %g, beta2 %g, eps %g, in parameters that were filled by hand: begin with "
                           "tuff_optimizer_defaults(kind, rate), and set to 0 what is to be 0",
                           p->beta1, p->beta2, p->eps);
    return TUFF_OK;
}

/* What a rule does not read would be silently without effect. */
static tuff_status check_switches(struct tuff_context *context, const struct tuff_optimizer_params *p,
                                  struct tuff_error *error)
{
    const struct tuff_rule *rule = &tuff_rules[p->kind];
    const struct {
        const char *what;
        bool given;
        uint32_t reads;
    } switches[] = {{"centered", p->centered, TUFF_READS_CENTERED},
                    {"amsgrad", p->amsgrad, TUFF_READS_AMSGRAD},
                    {"lr_decay", p->lr_decay != 0, TUFF_READS_ACCUMULATOR},
                    {"initial_accumulator", p->initial_accumulator != 0, TUFF_READS_ACCUMULATOR}};
    for (size_t i = 0; i < TUFF_COUNT(switches); i++)
        if (switches[i].given && !(rule->reads & switches[i].reads))
            return tuff_refuse(context, error, "optimizer: %s has no %s", rule->name, switches[i].what);
    if (rule->scale && p->eps == 0)
        return tuff_refuse(context, error,
                           "optimizer: %s with eps 0 divides 0 by 0 in a whole parameter where one gradient is 0",
                           rule->name);
    return TUFF_OK;
}

double tuff_first_loss_scale(const struct tuff_precision *p)
{
    return tuff_number_or(p->loss_scale, p->dtype == TUFF_F16 ? 65536 : 0);
}

static tuff_status check_precision(struct tuff_context *context, const struct tuff_precision *p, struct tuff_error *error)
{
    double scale = tuff_first_loss_scale(p);
    int exponent;
    if (p->dtype && p->dtype != TUFF_F32 && !tuff_is_half(p->dtype))
        return tuff_refuse(context, error, "optimizer: the precision is %s; it is f32, f16 or bf16",
                           tuff_dtype_name(p->dtype));
    if (scale == 0) return TUFF_OK;
    if (!tuff_is_half(p->dtype) || !(scale >= 1 && scale <= 0x1p100) || frexp(scale, &exponent) != 0.5)
        return tuff_refuse(
            context, error,
            "optimizer: a loss scale of %g in %s: it is a power of two from 1 to 2^100, or 0 for none, in f16 or bf16",
            scale, tuff_is_half(p->dtype) ? tuff_dtype_name(p->dtype) : "f32");
    return TUFF_OK;
}

tuff_status tuff_optimizer_check(struct tuff_context *context, const struct tuff_optimizer_params *p,
                                 struct tuff_error *error)
{
    if (p->struct_size < sizeof *p)
        return tuff_refuse(context, error,
                           "optimizer: its parameters were not begun with tuff_optimizer_defaults(kind, rate)");
    if ((unsigned)p->kind >= tuff_rule_count)
        return tuff_refuse(context, error, "optimizer: there is none of kind %d (enum tuff_optimizer_kind)", (int)p->kind);
    TUFF_TRY(check_begun(context, p, error));
    TUFF_TRY(check_switches(context, p, error));
    TUFF_TRY(check_numbers(context, p, error));
    TUFF_TRY(check_precision(context, &p->precision, error));
    TUFF_TRY(tuff_schedule_check(context, &p->schedule, error));
    if (p->nesterov && p->momentum == 0) return tuff_refuse(context, error, "optimizer: nesterov needs a momentum above 0");
    return check_groups(context, p, error);
}

/* ---- comparing ---------------------------------------------------------------------------------------------------------------- */

/* Text of the first that differ; false: none do. */
bool tuff_settings_differ(const char *of, const struct tuff_setting *pairs, size_t count, char *text, size_t bytes)
{
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].a == pairs[i].b) continue;
        snprintf(text, bytes, "%s%s is %g there, %g here", of, pairs[i].what, pairs[i].a, pairs[i].b);
        return true;
    }
    return false;
}

bool tuff_optimizer_groups_differ(const struct tuff_optimizer_params *a, const struct tuff_optimizer_params *b, char *text,
                                  size_t bytes)
{
    const struct tuff_setting counts = {"number of groups", a->group_count, b->group_count};
    if (tuff_settings_differ("the ", &counts, 1, text, bytes)) return true;
    for (uint32_t i = 0; i < a->group_count; i++) {
        const struct tuff_param_group *x = &a->groups[i], *y = &b->groups[i];
        const struct tuff_setting frozen = {"being frozen", x->frozen, y->frozen};
        char of[100];
        snprintf(of, sizeof of, "group %u, '%.60s', ", (unsigned)i, x->name);
        if (strcmp(x->name, y->name) != 0 || strcmp(x->pattern, y->pattern) != 0) {
            snprintf(text, bytes, "%sis of '%.60s' there; here it is called '%.60s', of '%.60s'", of, x->pattern, y->name,
                     y->pattern);
            return true;
        }
        if (tuff_settings_differ(of, &frozen, 1, text, bytes)) return true;
    }
    return false;
}

enum tuff_difference tuff_optimizer_compare(const struct tuff_optimizer_params *a, const struct tuff_optimizer_params *b,
                                            char *text, size_t bytes)
{
    const struct tuff_setting pairs[] = {
        {"kind (enum tuff_optimizer_kind)", a->kind, b->kind},
        {"momentum", a->momentum, b->momentum},
        {"nesterov", a->nesterov, b->nesterov},
        {"beta1", a->beta1, b->beta1},
        {"beta2", a->beta2, b->beta2},
        {"eps", a->eps, b->eps},
        {"weight decay", a->weight_decay, b->weight_decay},
        {"clip_norm", a->clip_norm, b->clip_norm},
        {"clip_value", a->clip_value, b->clip_value},
        {"clip_each_norm", a->clip_each_norm, b->clip_each_norm},
        {"alpha", a->alpha, b->alpha},
        {"centered", a->centered, b->centered},
        {"amsgrad", a->amsgrad, b->amsgrad},
        {"lr_decay", a->lr_decay, b->lr_decay},
        {"initial_accumulator", a->initial_accumulator, b->initial_accumulator},
        {"ema_decay", a->ema_decay, b->ema_decay},
        {"ema_warmup", a->ema_warmup, b->ema_warmup},
        {"precision (enum tuff_dtype)", a->precision.dtype, b->precision.dtype},
        {"first loss scale", tuff_first_loss_scale(&a->precision), tuff_first_loss_scale(&b->precision)},
        {"growth_interval", a->precision.growth_interval, b->precision.growth_interval},
        {"accumulate", a->accumulate ? a->accumulate : 1, b->accumulate ? b->accumulate : 1}};
    if (tuff_settings_differ("", pairs, TUFF_COUNT(pairs), text, bytes) || tuff_optimizer_groups_differ(a, b, text, bytes))
        return TUFF_DIFFER;
    for (uint32_t i = 0; i < a->group_count; i++) {
        const struct tuff_param_group *x = &a->groups[i], *y = &b->groups[i];
        const struct tuff_setting numbers[] = {{"factor of the rate", x->lr_factor, y->lr_factor},
                                               {"weight decay", x->weight_decay, y->weight_decay}};
        char of[100];
        snprintf(of, sizeof of, "group '%.60s': ", x->name);
        if (tuff_settings_differ(of, numbers, TUFF_COUNT(numbers), text, bytes)) return TUFF_DIFFER;
    }
    return tuff_schedules_differ(&a->schedule, &b->schedule, text, bytes) ? TUFF_DIFFER_IN_SCHEDULE : TUFF_ARE_SAME;
}
