/* optimizer.c - gradients of parameters and their update as graph, over one vector for each group of them; step sizes and bias
 * corrections come from a table that the host computes in double, some hundred runs ahead. */
#include "graph/train/optimizer.h"
#include "graph/op.h"
#include "graph/ops/leaf.h"

#include <math.h>
#include <stdio.h>

enum { TABLE_ROWS = 256, TABLE_COLUMNS = 4 };
enum { TUFF_BEGUN = 0x62656775 }; /* what nobody writes who fills a struct by hand */
enum table_column { COLUMN_LR, COLUMN_CORRECTION1, COLUMN_CORRECTION2, COLUMN_APPLY };

/* ---- schedules -------------------------------------------------------------------------------------------------------------- */

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

struct tuff_optimizer_params tuff_optimizer_defaults(enum tuff_optimizer_kind kind, double lr)
{
    return (struct tuff_optimizer_params){.struct_size = sizeof(struct tuff_optimizer_params),
                                          .kind = kind,
                                          .schedule = {.lr = lr},
                                          .beta1 = 0.9,
                                          .beta2 = 0.999,
                                          .eps = 1e-8,
                                          .begun = TUFF_BEGUN};
}

struct tuff_param_group tuff_param_group_defaults(const char *name, const char *pattern)
{
    return (struct tuff_param_group){.name = name, .pattern = pattern, .lr_factor = 1, .weight_decay = TUFF_OPTIMIZERS_OWN};
}

/* ---- the update as graph -------------------------------------------------------------------------------------------------------- */

struct members { /* parameters of a group and its vectors [P] */
    const tuff_val *x;
    uint32_t count, length;
    const tuff_val *packs; /* [arena] the parameters' memory, as parts of p */
    uint32_t pack_count;
    tuff_val p, grad;
    const struct tuff_param_group *group; /* or NULL */
    struct tuff_optimizer_pack *pack;
};
struct update {
    struct tuff_graph *g;
    struct tuff_optimizer *o;
    const struct tuff_optimizer_plan *plan;
    tuff_val *updates;              /* [arena] */
    tuff_val column[TABLE_COLUMNS]; /* scalars of this run */
    tuff_val good;                  /* bool scalar: loss and gradients of this run are finite */
    tuff_val apply;                 /* bool scalar: parameters and their states take what was computed */
    struct members members[TUFF_PARAM_GROUPS + 1];
};

/* "optimizer/momentum", with the group's name behind it */
static const char *state_name(struct update *u, const struct members *m, const char *what)
{
    const char *name = m->group ? tuff_arena_printf(&u->g->arena, "%s/%s", what, m->group->name) : what;
    if (!name) tuff_graph_fail(u->g, TUFF_ERR_MEMORY, "out of host memory");
    return name ? name : what;
}

static tuff_val vector_state(struct update *u, const struct members *m, const char *what)
{
    return tuff_state(u->g, state_name(u, m, what), TUFF_F32, TUFF_SHAPE(m->length), (struct tuff_init){0});
}

static void add_update(struct update *u, tuff_val leaf, tuff_val value)
{
    u->updates[u->o->update_count++] = tuff_assign(u->g, leaf, value);
}

/* state takes the value in runs that update */
static void assign(struct update *u, tuff_val state, tuff_val value)
{
    add_update(u, state, tuff_select(u->g, u->apply, value, state));
}

/* The parameters as one vector, of as many packs as it takes: one, unless a session laid them before. */
static void add_packs(struct update *u, struct members *m)
{
    const struct tuff_optimizer *like = u->plan->like;
    size_t index = (size_t)(m->pack - u->o->packs);
    if (like) {
        m->packs = like->param_packs[index];
        m->pack_count = like->part_counts[index];
        m->p = tuff_concat(u->g, m->packs, m->pack_count, 0);
        m->length = tuff_type_of(u->g, m->p).shape.dim[0];
        return;
    }
    tuff_val *packs = tuff_arena_alloc(&u->g->arena, (m->count + 1) * sizeof *packs);
    m->packs = packs;
    if (!packs) {
        tuff_graph_fail(u->g, TUFF_ERR_MEMORY, "out of host memory");
        return;
    }
    for (uint32_t first = 0, run; first < m->count; first += run) {
        run = tuff_pack_run(u->g, m->x + first, m->count - first);
        packs[m->pack_count++] = tuff_param_pack(u->g, m->x + first, run);
    }
    m->p = tuff_concat(u->g, m->packs, m->pack_count, 0);
    m->length = tuff_type_of(u->g, m->p).shape.dim[0];
}

/* The parameters take the value [P] in runs that update. */
static void assign_params(struct update *u, const struct members *m, tuff_val value)
{
    uint32_t at = 0;
    const int32_t step = 1;
    for (uint32_t i = 0; i < m->pack_count && u->g->status == TUFF_OK; i++) {
        uint32_t length = tuff_type_of(u->g, m->packs[i]).shape.dim[0];
        assign(u, m->packs[i], m->pack_count == 1 ? value : tuff_slice(u->g, value, &at, &step, &length));
        at += length;
    }
}

static void build_table(struct update *u)
{
    struct tuff_graph *g = u->g;
    u->o->table = tuff_transient(g, "tuff/optimizer/table", TUFF_F32, TUFF_SHAPE(TABLE_ROWS, TABLE_COLUMNS));
    u->o->cursor = tuff_transient(g, "tuff/optimizer/cursor", TUFF_I32, TUFF_SHAPE(1));
    tuff_val row = tuff_gather(g, u->o->table, u->o->cursor, 0);
    for (uint32_t i = 0; i < TABLE_COLUMNS; i++) {
        uint32_t start[2] = {0, i}, size[2] = {1, 1};
        int32_t step[2] = {1, 1};
        u->column[i] = tuff_reshape(g, tuff_slice(g, row, start, step, size), TUFF_SHAPE(1));
    }
    tuff_val next = tuff_add(g, u->o->cursor, tuff_full(g, TUFF_I32, TUFF_SHAPE(1), 1));
    add_update(u, u->o->cursor, next);
}

tuff_val tuff_count_not_finite(struct tuff_graph *g, tuff_val v)
{
    tuff_val finite = tuff_cast(g, tuff_is_finite(g, v), TUFF_BOOL); /* and no arithmetic, which may round */
    tuff_val none = tuff_scalar(g, 0), one = tuff_scalar(g, 1);
    tuff_val is_not = tuff_select(g, finite, none, one);
    return tuff_reshape(g, tuff_sum(g, is_not, 0, TUFF_DROP_AXES), TUFF_SHAPE(1));
}

static tuff_val number_of(struct tuff_graph *g, tuff_val vector, uint32_t at)
{
    const int32_t step = 1;
    const uint32_t one = 1;
    return tuff_slice(g, vector, &at, &step, &one);
}

/* Runs that were sound, and those that were not; each element by itself, so that the sum lies where it was. */
static void build_health(struct update *u, tuff_val sound)
{
    struct tuff_graph *g = u->g;
    const struct tuff_shape shape = TUFF_SHAPE(TUFF_HEALTH);
    tuff_val first = tuff_cast(g, tuff_iota(g, shape, 0), TUFF_BOOL);
    tuff_val one = tuff_full(g, TUFF_I32, TUFF_SHAPE(1), 1), unsound = tuff_sub(g, one, sound);
    add_update(u, u->o->health, tuff_add(g, u->o->health, tuff_select(g, first, unsound, sound)));
}

/* What has to be finite: the gradients; where Adam takes their squares as they are, these, as an infinite second moment would end the training
 * of its parameter for good. */
static tuff_val to_be_finite(const struct update *u, const struct members *m)
{
    const struct tuff_optimizer_params *p = &u->o->params;
    bool as_they_are = p->clip_value <= 0 && p->clip_norm <= 0 && p->clip_each_norm <= 0;
    return p->kind != TUFF_SGD && as_they_are ? tuff_square(u->g, m->grad) : m->grad;
}

/* Whether this run counts: its loss and its gradients are finite (their exponents are looked at), and none before has stopped the
 * training. */
static void build_soundness(struct update *u)
{
    struct tuff_graph *g = u->g;
    bool stops = u->plan->not_finite == TUFF_NOT_FINITE_STOPS;
    const struct tuff_shape one = TUFF_SHAPE(1);
    tuff_val trouble = tuff_count_not_finite(g, u->plan->loss);
    for (uint32_t i = 0; i < u->o->pack_count; i++)
        trouble = tuff_add(g, trouble, tuff_count_not_finite(g, to_be_finite(u, &u->members[i])));
    u->o->health = tuff_transient(g, "tuff/optimizer/health", TUFF_I32, TUFF_SHAPE(TUFF_HEALTH));
    tuff_val before = number_of(g, u->o->health, TUFF_HEALTH_BAD), zero = tuff_full(g, TUFF_I32, one, 0);
    if (stops) trouble = tuff_add(g, trouble, tuff_cast(g, before, TUFF_F32));
    /* The launch of the sum stores the answer, a number of 32 bits. */
    tuff_val sound = tuff_cast(g, tuff_equal(g, trouble, tuff_scalar(g, 0)), TUFF_I32);
    u->good = u->o->sound = tuff_not_equal(g, sound, zero);
    if (stops) u->o->go = tuff_equal(g, before, zero);
    build_health(u, sound);
}

/* What an update waits for: a vector, the sum of the gradients of runs that were finite, by their weights, and the sum of these. The
 * mean is then over all samples of these runs, also where the last run has fewer, and where an epoch's end leaves fewer runs. */
static void accumulate(struct update *u)
{
    struct tuff_graph *g = u->g;
    u->apply = u->good;
    if (u->o->params.accumulate <= 1) return;
    tuff_val none = tuff_scalar(g, 0), closes = tuff_greater(g, u->column[COLUMN_APPLY], tuff_scalar(g, 0.5));
    tuff_val waiting = tuff_state(g, "optimizer/weight", TUFF_F32, TUFF_SHAPE(1), (struct tuff_init){0});
    tuff_val own = tuff_select(g, u->good, tuff_scalar(g, u->plan->weight), none), weight = tuff_add(g, waiting, own);
    tuff_val keeps = u->plan->not_finite == TUFF_NOT_FINITE_STOPS ? u->good
                                                                  : 0; /* a run that stops the training leaves all */
    for (uint32_t i = 0; i < u->o->pack_count; i++) {
        struct members *m = &u->members[i];
        tuff_val state = m->pack->accumulated = vector_state(u, m, "optimizer/accumulated");
        tuff_val part = tuff_affine(g, m->grad, u->plan->weight, 0);
        tuff_val sum = tuff_select(g, u->good, tuff_add(g, state, part), state);
        tuff_val next = tuff_select(g, closes, tuff_scalar(g, 0), sum);
        add_update(u, state, keeps ? tuff_select(g, keeps, next, state) : next);
        m->grad = tuff_div(g, sum, weight);
    }
    tuff_val next = tuff_select(g, closes, none, weight);
    add_update(u, waiting, keeps ? tuff_select(g, keeps, next, waiting) : next);
    tuff_val applies = tuff_select(g, closes, weight, none);
    if (keeps) applies = tuff_select(g, keeps, applies, none);
    u->apply = tuff_greater(g, applies, none);
}

/* min(1, limit / (norm + 1e-6)), as PyTorch's clip_grad_norm_ */
static tuff_val scale_of(struct tuff_graph *g, tuff_val norm, double limit)
{
    tuff_val one = tuff_scalar(g, 1), length = tuff_affine(g, norm, 1, 1e-6);
    return tuff_minimum(g, tuff_div(g, tuff_scalar(g, limit), length), one);
}

/* Each parameter by a norm of its own. Members begin at multiples of ROW elements, so every row of so many lies in one of them: its
 * squares are summed, then those of the rows that have the same member. Between members there are zeros. */
static void clip_each(struct update *u, struct members *m)
{
    enum { ROW = TUFF_PLAN_ALIGNMENT / sizeof(float) };
    struct tuff_graph *g = u->g;
    uint32_t rows = m->length / ROW, at = 0;
    int32_t *member = tuff_arena_alloc(&g->arena, rows * sizeof *member);
    if (!member) {
        tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
        return;
    }
    for (uint32_t i = 0; i < m->count; i++)
        for (uint64_t left = tuff_pack_room(g, m->x[i]) / ROW; left > 0; left--) member[at++] = (int32_t)i;
    tuff_val of_row = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(rows)}, member);
    tuff_val grads = tuff_reshape(g, m->grad, TUFF_SHAPE(rows, ROW)), none = tuff_full(g, TUFF_F32, TUFF_SHAPE(m->count), 0);
    tuff_val squares = tuff_scatter_add(g, none, of_row, tuff_sum(g, tuff_square(g, grads), 2, TUFF_DROP_AXES), 0);
    m->pack->norms = tuff_sqrt(g, squares);
    tuff_val scales = tuff_gather(g, scale_of(g, m->pack->norms, u->o->params.clip_each_norm), of_row, 0);
    m->grad = tuff_reshape(g, tuff_mul(g, grads, tuff_reshape(g, scales, TUFF_SHAPE(rows, 1))), TUFF_SHAPE(m->length));
}

static void clip(struct update *u)
{
    struct tuff_graph *g = u->g;
    const struct tuff_optimizer_params *p = &u->o->params;
    tuff_val squares = 0;
    for (uint32_t i = 0; i < u->o->pack_count; i++) {
        struct members *m = &u->members[i];
        if (p->clip_value > 0) m->grad = tuff_clamp(g, m->grad, -p->clip_value, p->clip_value);
        if (p->clip_each_norm > 0) clip_each(u, m);
        if (!(p->clip_norm > 0)) continue;
        tuff_val sum = tuff_sum(g, tuff_square(g, m->grad), 0, TUFF_DROP_AXES);
        squares = squares ? tuff_add(g, squares, sum) : sum;
    }
    if (!squares) return;
    tuff_val norm = tuff_sqrt(g, tuff_reshape(g, squares, TUFF_SHAPE(1)));
    tuff_val scale = scale_of(g, norm, p->clip_norm);
    u->o->grad_norm = norm;
    for (uint32_t i = 0; i < u->o->pack_count; i++) u->members[i].grad = tuff_mul(g, u->members[i].grad, scale);
}

static double decay_of(const struct update *u, const struct members *m)
{
    return m->group && m->group->weight_decay >= 0 ? m->group->weight_decay : u->o->params.weight_decay;
}

static tuff_val lr_of(struct update *u, const struct members *m)
{
    double factor = m->group ? m->group->lr_factor : 1;
    return factor == 1 ? u->column[COLUMN_LR] : tuff_affine(u->g, u->column[COLUMN_LR], factor, 0);
}

static void build_sgd(struct update *u, const struct members *m)
{
    struct tuff_graph *g = u->g;
    const struct tuff_optimizer_params *p = &u->o->params;
    double decay = decay_of(u, m);
    tuff_val d = m->grad;
    if (decay != 0) d = tuff_add(g, d, tuff_affine(g, m->p, decay, 0));
    if (p->momentum != 0) {
        tuff_val state = m->pack->momentum = vector_state(u, m, "optimizer/momentum");
        tuff_val v = tuff_add(g, tuff_affine(g, state, p->momentum, 0), d);
        assign(u, state, v);
        d = p->nesterov ? tuff_add(g, d, tuff_affine(g, v, p->momentum, 0)) : v;
    }
    assign_params(u, m, tuff_sub(g, m->p, tuff_mul(g, d, lr_of(u, m))));
}

static void build_adam(struct update *u, const struct members *group)
{
    struct tuff_graph *g = u->g;
    const struct tuff_optimizer_params *p = &u->o->params;
    bool decoupled = p->kind == TUFF_ADAMW;
    double decay = decay_of(u, group);
    tuff_val d = group->grad;
    if (!decoupled && decay != 0) d = tuff_add(g, d, tuff_affine(g, group->p, decay, 0));
    tuff_val momentum = group->pack->momentum = vector_state(u, group, "optimizer/momentum");
    tuff_val variance = group->pack->variance = vector_state(u, group, "optimizer/variance");
    tuff_val more = tuff_affine(g, d, 1 - p->beta1, 0), m = tuff_add(g, tuff_affine(g, momentum, p->beta1, 0), more);
    tuff_val square = tuff_affine(g, tuff_square(g, d), 1 - p->beta2, 0);
    tuff_val v = tuff_add(g, tuff_affine(g, variance, p->beta2, 0), square);
    assign(u, momentum, m);
    assign(u, variance, v);
    tuff_val root = tuff_affine(g, tuff_sqrt(g, tuff_mul(g, v, u->column[COLUMN_CORRECTION2])), 1, p->eps);
    tuff_val step = tuff_div(g, tuff_mul(g, m, u->column[COLUMN_CORRECTION1]), root);
    if (decoupled && decay != 0) step = tuff_add(g, step, tuff_affine(g, group->p, decay, 0));
    assign_params(u, group, tuff_sub(g, group->p, tuff_mul(g, step, lr_of(u, group))));
}

/* ---- groups ----------------------------------------------------------------------------------------------------------------- */

/* * stands for any text; what follows the last one is tried from each place on. */
static bool matches(const char *pattern, const char *name)
{
    const char *star = NULL, *from = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            from = name;
        } else if (*pattern == *name) {
            pattern++, name++;
        } else if (star) {
            pattern = star + 1;
            name = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return *pattern == 0;
}

/* Which group, from 1; 0: none */
static uint32_t group_of(const struct tuff_optimizer_params *p, const char *name)
{
    for (uint32_t i = 0; i < p->group_count; i++)
        if (matches(p->groups[i].pattern, name)) return i + 1;
    return 0;
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
        return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: %u groups of parameters; at most %d are possible",
                         (unsigned)p->group_count, TUFF_PARAM_GROUPS);
    for (uint32_t i = 0; i < p->group_count; i++) {
        const struct tuff_param_group *group = &p->groups[i];
        if (!good_name(group->name) || !group->pattern)
            return tuff_fail(
                context, error, TUFF_ERR_USAGE,
                "optimizer: group %u, '%.60s', needs a name of letters, digits, - and _, and a pattern of names",
                (unsigned)i, group->name ? group->name : "");
        if (!group->frozen && !(group->lr_factor > 0 && isfinite(group->lr_factor)))
            return tuff_fail(
                context, error, TUFF_ERR_USAGE,
                "optimizer: group '%s' has %g as the factor of its rate: begin with tuff_param_group_defaults, or let "
                "it be frozen",
                group->name, group->lr_factor);
        if (!isfinite(group->weight_decay) || (group->weight_decay < 0 && group->weight_decay != TUFF_OPTIMIZERS_OWN))
            return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: group '%s' has a weight decay of %g", group->name,
                             group->weight_decay);
        for (uint32_t k = 0; k < i; k++)
            if (!strcmp(p->groups[k].name, group->name))
                return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: two groups are called '%s'", group->name);
    }
    return TUFF_OK;
}

/* Sorts the trained parameters by group into x, those of one group in order of declaration; returns their number. */
static uint32_t sort_members(struct update *u, const tuff_val *params, uint32_t count, tuff_val *x)
{
    const struct tuff_optimizer_params *p = &u->o->params;
    uint32_t found = 0;
    for (uint32_t group = 0; group <= p->group_count; group++) {
        struct members m = {.x = x + found, .group = group ? &p->groups[group - 1] : NULL};
        uint32_t all = 0;
        for (uint32_t i = 0; i < count; i++) {
            if (group_of(p, u->g->values[params[i]].name) != group) continue;
            all++;
            if (!m.group || !m.group->frozen) x[found + m.count++] = params[i];
        }
        if (group && !all)
            tuff_graph_fail(u->g, TUFF_ERR_USAGE, "optimizer: no parameter of group '%s' is called '%s'", m.group->name,
                            m.group->pattern);
        if (m.count == 0) continue;
        found += m.count;
        m.pack = &u->o->packs[u->o->pack_count];
        *m.pack = (struct tuff_optimizer_pack){.group = group ? m.group->name : NULL, .param_count = m.count};
        u->members[u->o->pack_count++] = m;
    }
    return found;
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
        return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: the learning rate is %g; it is above 0, and finite",
                         s->lr);
    for (size_t i = 0; i < TUFF_COUNT(numbers); i++) {
        double v = numbers[i].value;
        if (!(v >= numbers[i].least && (numbers[i].below ? v < numbers[i].most : v <= numbers[i].most)))
            return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: the %s is %g, not from %g to %s%g", numbers[i].what,
                             v, numbers[i].least, numbers[i].below ? "below " : "", numbers[i].most);
    }
    return TUFF_OK;
}

static tuff_status check_schedule(struct tuff_context *context, const struct tuff_schedule *s, struct tuff_error *error)
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

tuff_status tuff_optimizer_check(struct tuff_context *context, const struct tuff_optimizer_params *p,
                                 struct tuff_error *error)
{
    if (p->struct_size < sizeof *p)
        return tuff_fail(context, error, TUFF_ERR_USAGE,
                         "optimizer: its parameters were not begun with tuff_optimizer_defaults(kind, rate)");
    if ((unsigned)p->kind > TUFF_ADAMW)
        return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: there is none of kind %d (enum tuff_optimizer_kind)",
                         (int)p->kind);
    if (p->begun != TUFF_BEGUN && p->kind != TUFF_SGD && (p->beta1 == 0 || p->beta2 == 0 || p->eps == 0))
        return tuff_fail(context, error, TUFF_ERR_USAGE,
                         "optimizer: beta1 is %g, beta2 %g, eps %g, in parameters that were filled by hand: begin with "
                         "tuff_optimizer_defaults(kind, rate), and set to 0 what is to be 0",
                         p->beta1, p->beta2, p->eps);
    TUFF_TRY(check_numbers(context, p, error));
    TUFF_TRY(check_schedule(context, &p->schedule, error));
    if (p->nesterov && p->momentum == 0)
        return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: nesterov needs a momentum above 0");
    return check_groups(context, p, error);
}

static bool check_params(struct tuff_graph *g, const struct tuff_optimizer_plan *plan, const struct tuff_optimizer_params *p)
{
    struct tuff_type type = tuff_type_of(g, plan->loss);
    struct tuff_error error = {0};
    char text[128];
    if (g->status != TUFF_OK) return false;
    if (!plan->loss || plan->loss >= g->count)
        tuff_graph_fail(g, TUFF_ERR_USAGE, "optimizer: the loss is missing, or not a value of this graph");
    else if (type.dtype != TUFF_F32 || tuff_shape_count(&type.shape) != 1)
        tuff_graph_fail(g, TUFF_ERR_SHAPE, "optimizer: the loss is %s %s, not one f32 number: take its mean",
                        tuff_dtype_name(type.dtype), tuff_shape_text(&type.shape, text, sizeof text));
    else if ((unsigned)plan->not_finite > TUFF_NOT_FINITE_SKIPS)
        tuff_graph_fail(g, TUFF_ERR_USAGE, "optimizer: there is no way %d to go on after a loss that is not finite",
                        (int)plan->not_finite);
    else if (tuff_optimizer_check(NULL, p, &error) != TUFF_OK)
        tuff_graph_fail(g, error.status, "%s", error.message);
    else if (!plan->like && tuff_graph_find(g, "tuff/optimizer/table"))
        tuff_graph_fail(
            g, TUFF_ERR_USAGE,
            "optimizer: the graph has a trainer already; for another size of batch create one that is like it (`like`)");
    return g->status == TUFF_OK;
}

/* Feeding reads them long after the call that gave them. */
static bool copy_params(struct tuff_graph *g, struct tuff_optimizer_params *p)
{
    struct tuff_schedule *s = &p->schedule;
    struct tuff_param_group *groups = NULL;
    bool copied = true;
    if (s->milestone_count)
        copied = (s->milestones = tuff_arena_copy(&g->arena, s->milestones, s->milestone_count * sizeof *s->milestones));
    if (p->group_count) copied = copied && (groups = tuff_arena_copy(&g->arena, p->groups, p->group_count * sizeof *groups));
    for (uint32_t i = 0; i < p->group_count && copied; i++) {
        groups[i].name = tuff_arena_strdup(&g->arena, groups[i].name);
        groups[i].pattern = tuff_arena_strdup(&g->arena, groups[i].pattern);
        copied = groups[i].name && groups[i].pattern;
    }
    p->groups = groups;
    if (!copied) tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    return copied;
}

/* A loss that follows from none of the parameters x[count] would train nothing; one that follows from others, which were declared behind
 * those of the optimizer that this one is like, would not train these. */
static void check_reached(struct update *u, const tuff_val *x, uint32_t count)
{
    struct tuff_graph *g = u->g;
    tuff_val loss = u->plan->loss;
    if (g->status != TUFF_OK) return;
    bool *reached = tuff_arena_alloc(&g->arena, g->count * sizeof *reached), any = false;
    if (!reached) {
        tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
        return;
    }
    reached[loss] = true;
    tuff_graph_mark_needed(g, reached);
    for (tuff_val v = u->o->declared; v < loss; v++)
        if (reached[v] && tuff_is_trained(&g->values[v]))
            tuff_graph_refuse(
                g, TUFF_ERR_USAGE, "optimizer", &v, 1,
                "the loss follows from this parameter, which the trainer that this one is like does not train: it was "
                "declared later, or is called otherwise");
    for (uint32_t i = 0; i < count && !any; i++) any = reached[x[i]];
    if (!any)
        tuff_graph_refuse(g, TUFF_ERR_USAGE, "optimizer", &loss, 1,
                          "the loss follows from none of the %u parameters that are trained", (unsigned)count);
}

/* Gradients of the members' parameters gx[count], as a vector beside theirs. */
static void build_gradients(struct update *u, struct members *m, const tuff_val *gx)
{
    add_packs(u, m);
    m->pack->gradient_state = tuff_transient(u->g, state_name(u, m, "tuff/optimizer/gradients"), TUFF_F32,
                                             TUFF_SHAPE(m->length));
    m->grad = m->pack->gradients = tuff_pack(u->g, m->pack->gradient_state, gx, m->count);
}

void tuff_optimizer_build(struct tuff_graph *g, const struct tuff_optimizer_plan *plan,
                          const struct tuff_optimizer_params *params, struct tuff_optimizer *optimizer)
{
    *optimizer = (struct tuff_optimizer){.params = *params};
    struct tuff_optimizer_params *p = &optimizer->params;
    optimizer->declared = plan->like ? plan->like->declared : g->count;
    if (!check_params(g, plan, p) || !copy_params(g, p)) return;
    if (p->accumulate == 0) p->accumulate = 1;
    struct update u = {.g = g, .o = optimizer, .plan = plan};
    uint32_t count = tuff_graph_params(g, NULL, 0);
    size_t bytes = (count + 1) * sizeof(tuff_val);
    tuff_val *all = tuff_arena_alloc(&g->arena, bytes), *x = tuff_arena_alloc(&g->arena, bytes),
             *gx = tuff_arena_alloc(&g->arena, bytes);
    u.updates = tuff_arena_alloc(&g->arena, (4 * (TUFF_PARAM_GROUPS + 1) + 3 + count) * sizeof *u.updates);
    optimizer->updates = u.updates;
    if (!all || !x || !gx || !u.updates) {
        tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
        return;
    }
    tuff_graph_params(g, all, count);
    while (count && all[count - 1] >= optimizer->declared) count--;
    count = sort_members(&u, all, count, x);
    if (count == 0) tuff_graph_fail(g, TUFF_ERR_USAGE, "the graph has no parameters to train");
    check_reached(&u, x, count);
    tuff_gradients(g, plan->loss, 0, x, count, gx);
    for (uint32_t i = 0; i < optimizer->pack_count && g->status == TUFF_OK; i++) {
        build_gradients(&u, &u.members[i], gx + (u.members[i].x - x));
        optimizer->param_packs[i] = u.members[i].packs;
        optimizer->part_counts[i] = u.members[i].pack_count;
    }
    if (g->status != TUFF_OK) return;
    build_table(&u);
    build_soundness(&u);
    accumulate(&u);
    clip(&u);
    for (uint32_t i = 0; i < optimizer->pack_count; i++) (p->kind == TUFF_SGD ? build_sgd : build_adam)(&u, &u.members[i]);
}

/* ---- comparing ---------------------------------------------------------------------------------------------------------------- */

struct pair {
    const char *what;
    double a, b;
};

/* Text of the first that differ; false: none do. */
static bool differ(const char *of, const struct pair *pairs, size_t count, char *text, size_t bytes)
{
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].a == pairs[i].b) continue;
        snprintf(text, bytes, "%s%s is %g there, %g here", of, pairs[i].what, pairs[i].a, pairs[i].b);
        return true;
    }
    return false;
}

static bool schedules_differ(const struct tuff_schedule *a, const struct tuff_schedule *b, char *text, size_t bytes)
{
    const struct pair pairs[] = {{"kind", a->kind, b->kind},
                                 {"rate", a->lr, b->lr},
                                 {"gamma", a->gamma, b->gamma},
                                 {"smallest rate", a->min_lr, b->min_lr},
                                 {"start factor being given", a->start_factor.given, b->start_factor.given},
                                 {"start factor", a->start_factor.value, b->start_factor.value},
                                 {"number of updates of a step", (double)a->every, (double)b->every},
                                 {"period", (double)a->period, (double)b->period},
                                 {"warm-up", (double)a->warmup, (double)b->warmup},
                                 {"number of milestones", a->milestone_count, b->milestone_count}};
    if (differ("the schedule's ", pairs, TUFF_COUNT(pairs), text, bytes)) return true;
    for (uint32_t i = 0; i < a->milestone_count; i++) {
        const struct pair milestone = {"milestone", (double)a->milestones[i], (double)b->milestones[i]};
        if (differ("a ", &milestone, 1, text, bytes)) return true;
    }
    return false;
}

bool tuff_optimizer_groups_differ(const struct tuff_optimizer_params *a, const struct tuff_optimizer_params *b, char *text,
                                  size_t bytes)
{
    const struct pair counts = {"number of groups", a->group_count, b->group_count};
    if (differ("the ", &counts, 1, text, bytes)) return true;
    for (uint32_t i = 0; i < a->group_count; i++) {
        const struct tuff_param_group *x = &a->groups[i], *y = &b->groups[i];
        const struct pair frozen = {"being frozen", x->frozen, y->frozen};
        char of[100];
        snprintf(of, sizeof of, "group %u, '%.60s', ", (unsigned)i, x->name);
        if (strcmp(x->name, y->name) != 0 || strcmp(x->pattern, y->pattern) != 0) {
            snprintf(text, bytes, "%sis of '%.60s' there; here it is called '%.60s', of '%.60s'", of, x->pattern, y->name,
                     y->pattern);
            return true;
        }
        if (differ(of, &frozen, 1, text, bytes)) return true;
    }
    return false;
}

enum tuff_difference tuff_optimizer_compare(const struct tuff_optimizer_params *a, const struct tuff_optimizer_params *b,
                                            char *text, size_t bytes)
{
    const struct pair pairs[] = {{"kind (enum tuff_optimizer_kind)", a->kind, b->kind},
                                 {"momentum", a->momentum, b->momentum},
                                 {"nesterov", a->nesterov, b->nesterov},
                                 {"beta1", a->beta1, b->beta1},
                                 {"beta2", a->beta2, b->beta2},
                                 {"eps", a->eps, b->eps},
                                 {"weight decay", a->weight_decay, b->weight_decay},
                                 {"clip_norm", a->clip_norm, b->clip_norm},
                                 {"clip_value", a->clip_value, b->clip_value},
                                 {"clip_each_norm", a->clip_each_norm, b->clip_each_norm},
                                 {"accumulate", a->accumulate ? a->accumulate : 1, b->accumulate ? b->accumulate : 1}};
    if (differ("", pairs, TUFF_COUNT(pairs), text, bytes) || tuff_optimizer_groups_differ(a, b, text, bytes))
        return TUFF_DIFFER;
    for (uint32_t i = 0; i < a->group_count; i++) {
        const struct tuff_param_group *x = &a->groups[i], *y = &b->groups[i];
        const struct pair numbers[] = {{"factor of the rate", x->lr_factor, y->lr_factor},
                                       {"weight decay", x->weight_decay, y->weight_decay}};
        char of[100];
        snprintf(of, sizeof of, "group '%.60s': ", x->name);
        if (differ(of, numbers, TUFF_COUNT(numbers), text, bytes)) return TUFF_DIFFER;
    }
    return schedules_differ(&a->schedule, &b->schedule, text, bytes) ? TUFF_DIFFER_IN_SCHEDULE : TUFF_ARE_SAME;
}

/* ---- feeding ------------------------------------------------------------------------------------------------------------------ */

/* Updates before this run, and whether it ends with one. */
static uint64_t updates_before(const struct tuff_optimizer *o, uint64_t run, bool *closes)
{
    uint64_t n = o->params.accumulate, epoch = o->epoch_runs ? o->epoch_runs : UINT64_MAX, in_epoch = run % epoch;
    *closes = (in_epoch + 1) % n == 0 || in_epoch + 1 == epoch;
    return run / epoch * (epoch / n + (epoch % n != 0)) + in_epoch / n;
}

static tuff_status fill_row(const struct tuff_optimizer *o, struct tuff_context *context, uint64_t run, float *row,
                            struct tuff_error *error)
{
    bool closes;
    uint64_t update = updates_before(o, run, &closes);
    double t = (double)(update + 1), lr = tuff_schedule_lr(&o->params.schedule, update);
    if (!isfinite((float)lr))
        return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: the schedule's rate of update %llu is %g",
                         (unsigned long long)update, lr);
    row[COLUMN_LR] = (float)lr;
    row[COLUMN_CORRECTION1] = (float)(1 / (1 - pow(o->params.beta1, t)));
    row[COLUMN_CORRECTION2] = (float)(1 / (1 - pow(o->params.beta2, t)));
    row[COLUMN_APPLY] = closes;
    return TUFF_OK;
}

/* Rows that are never used may have rates that are none: what is refused is the row of the next run. */
static tuff_status fill_table(struct tuff_optimizer *o, struct tuff_session *session, struct tuff_error *error)
{
    float table[TABLE_ROWS * TABLE_COLUMNS] = {0};
    int32_t first = 0;
    uint32_t rows = 0;
    struct tuff_error later = {0};
    for (; rows < TABLE_ROWS; rows++)
        if (fill_row(o, NULL, o->run + rows, table + rows * TABLE_COLUMNS, rows ? &later : error) != TUFF_OK) break;
    if (rows == 0) return TUFF_ERR_USAGE;
    TUFF_TRY(tuff_session_write(session, o->table, table, sizeof table, error));
    TUFF_TRY(tuff_session_write(session, o->cursor, &first, sizeof first, error));
    o->filled = o->run + rows;
    return TUFF_OK;
}

tuff_status tuff_optimizer_feed(struct tuff_optimizer *optimizer, struct tuff_session *session, struct tuff_error *error)
{
    const int32_t none[TUFF_HEALTH] = {0};
    if (optimizer->run == optimizer->filled) TUFF_TRY(fill_table(optimizer, session, error));
    if (optimizer->resumed) {
        TUFF_TRY(tuff_session_write(session, optimizer->health, none, sizeof none, error));
        optimizer->base = optimizer->run;
        optimizer->resumed = false;
    }
    optimizer->run++;
    return TUFF_OK;
}

void tuff_optimizer_resume(struct tuff_optimizer *optimizer, uint64_t run)
{
    optimizer->run = optimizer->filled = run;
    optimizer->resumed = true;
}
