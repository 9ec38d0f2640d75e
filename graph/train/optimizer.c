/* optimizer.c - gradients of parameters and their update as graph, over one vector for each group of them; step sizes and bias
 * corrections come from a table that the host computes in double, some hundred runs ahead. */
#include "graph/ops/leaf.h"
#include "graph/ops/view.h"
#include "graph/train/update.h"

#include <math.h>
#include <stdio.h>

enum { TABLE_ROWS = 256 };

/* ---- the update as graph -------------------------------------------------------------------------------------------------------- */

/* "optimizer/momentum", with the group's name behind it */
static const char *state_name(struct tuff_update *u, const struct tuff_members *m, const char *what)
{
    const char *name = m->group ? tuff_arena_printf(&u->g->arena, "%s/%s", what, m->group->name) : what;
    if (!name) tuff_graph_fail(u->g, TUFF_ERR_MEMORY, "out of host memory");
    return name ? name : what;
}

static tuff_val vector_state(struct tuff_update *u, const struct tuff_members *m, const char *what, double begins)
{
    const struct tuff_init init = {.kind = begins == 0 ? TUFF_INIT_DEFAULT : TUFF_INIT_CONSTANT, .a = begins};
    return tuff_state(u->g, state_name(u, m, what), TUFF_F32, TUFF_SHAPE(m->length), init);
}

static void add_update(struct tuff_update *u, tuff_val leaf, tuff_val value)
{
    u->updates[u->o->update_count++] = tuff_assign(u->g, leaf, value);
}

/* state takes the value in runs that update */
static void assign(struct tuff_update *u, tuff_val state, tuff_val value)
{
    add_update(u, state, tuff_select(u->g, u->apply, value, state));
}

void tuff_update_state(struct tuff_update *u, const struct tuff_members *m, uint32_t state, tuff_val value)
{
    assign(u, m->state[state], value);
}

/* The parameters as one vector, of as many packs as it takes: one, unless a session laid them before. */
static void add_packs(struct tuff_update *u, struct tuff_members *m)
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
    tuff_val *packs = tuff_graph_alloc(u->g, (m->count + 1) * sizeof *packs);
    m->packs = packs;
    for (uint32_t first = 0, run; packs && first < m->count; first += run) {
        run = tuff_pack_run(u->g, m->x + first, m->count - first);
        packs[m->pack_count++] = tuff_param_pack(u->g, m->x + first, run);
    }
    m->p = tuff_concat(u->g, m->packs, m->pack_count, 0);
    m->length = tuff_type_of(u->g, m->p).shape.dim[0];
}

/* The parameters take the value [P] in runs that update. */
static void assign_params(struct tuff_update *u, const struct tuff_members *m, tuff_val value)
{
    uint32_t at = 0;
    const int32_t step = 1;
    for (uint32_t i = 0; i < m->pack_count && u->g->status == TUFF_OK; i++) {
        uint32_t length = tuff_type_of(u->g, m->packs[i]).shape.dim[0];
        assign(u, m->packs[i], m->pack_count == 1 ? value : tuff_slice(u->g, value, &at, &step, &length));
        at += length;
    }
}

static void build_table(struct tuff_update *u)
{
    struct tuff_graph *g = u->g;
    u->o->table = tuff_transient(g, "tuff/optimizer/table", TUFF_F32, TUFF_SHAPE(TABLE_ROWS, TUFF_COLUMNS));
    u->o->cursor = tuff_transient(g, "tuff/optimizer/cursor", TUFF_I32, TUFF_SHAPE(1));
    tuff_val row = tuff_gather(g, u->o->table, u->o->cursor, 0);
    for (uint32_t i = 0; i < TUFF_COLUMNS; i++)
        u->column[i] = tuff_reshape(g, tuff_slice_axis(g, row, 1, i, 1, 1), TUFF_SHAPE(1));
    if (u->p->ema_decay > 0) {
        u->o->ema_table = tuff_transient(g, "tuff/optimizer/ema", TUFF_F32, TUFF_SHAPE(TABLE_ROWS));
        u->o->averaged = tuff_state(g, "optimizer/averaged", TUFF_F32, TUFF_SHAPE(1), (struct tuff_init){0});
        u->ema = tuff_mul(g, tuff_gather(g, u->o->ema_table, u->o->cursor, 0), u->o->averaged);
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

static tuff_val whole(struct tuff_graph *g, int32_t number) { return tuff_full(g, TUFF_I32, TUFF_SHAPE(1), number); }

/* Runs of each kind; each element by itself, so that the sum lies where it was. */
static void build_health(struct tuff_update *u)
{
    struct tuff_graph *g = u->g;
    tuff_val counts = tuff_equal(g, tuff_iota(g, TUFF_SHAPE(TUFF_HEALTH), 0), u->kind);
    add_update(u, u->o->health, tuff_add(g, u->o->health, tuff_cast(g, counts, TUFF_I32)));
}

/* The state that gradients are computed times: torch.amp.GradScaler's, but never below 1. */
static void build_loss_scale(struct tuff_update *u)
{
    struct tuff_graph *g = u->g;
    uint32_t interval = u->p->precision.growth_interval ? u->p->precision.growth_interval : 2000;
    tuff_val scale = u->o->loss_scale;
    if (!scale) return;
    tuff_val since = tuff_state(g, "optimizer/loss_scale_runs", TUFF_I32, TUFF_SHAPE(1), (struct tuff_init){0});
    tuff_val over = tuff_equal(g, u->kind, whole(g, TUFF_HEALTH_OVERFLOWED)), more = tuff_add(g, since, whole(g, 1));
    tuff_val grows = tuff_greater_equal(g, more, whole(g, (int32_t)interval)), twice = tuff_affine(g, scale, 2, 0);
    tuff_val grown = tuff_minimum(g, twice, tuff_scalar(g, 0x1p126));
    tuff_val then = tuff_select(g, over, tuff_affine(g, scale, 0.5, 0), scale);
    add_update(u, scale, tuff_select(g, u->good, tuff_select(g, grows, grown, scale), then));
    tuff_val count = tuff_select(g, grows, whole(g, 0), more), kept = tuff_select(g, over, whole(g, 0), since);
    add_update(u, since, tuff_select(g, u->good, count, kept));
}

/* What has to be finite: the gradients; where a state takes their squares as they are, these, as an infinite second moment would end the training
 * of its parameter for good. */
static tuff_val to_be_finite(const struct tuff_update *u, const struct tuff_members *m)
{
    bool as_they_are = u->p->clip_value <= 0 && u->p->clip_norm <= 0 && u->p->clip_each_norm <= 0;
    return tuff_rules[u->p->kind].squares && as_they_are ? tuff_square(u->g, m->grad) : m->grad;
}

/* Whether this run counts: its loss and its gradients are finite (their exponents are looked at), and none before has stopped the
 * training. */
static void build_soundness(struct tuff_update *u)
{
    struct tuff_graph *g = u->g;
    bool stops = u->plan->not_finite == TUFF_NOT_FINITE_STOPS;
    tuff_val lost = tuff_count_not_finite(g, u->plan->loss), trouble = lost, none = tuff_scalar(g, 0);
    for (uint32_t i = 0; i < u->o->pack_count; i++)
        trouble = tuff_add(g, trouble, tuff_count_not_finite(g, to_be_finite(u, &u->members[i])));
    u->o->health = tuff_transient(g, "tuff/optimizer/health", TUFF_I32, TUFF_SHAPE(TUFF_HEALTH));
    tuff_val bad = number_of(g, u->o->health, TUFF_HEALTH_BAD), zero = whole(g, 0);
    tuff_val before = tuff_add(g, bad, number_of(g, u->o->health, TUFF_HEALTH_LOST));
    tuff_val stopped = stops ? tuff_cast(g, before, TUFF_F32) : none;
    tuff_val is_lost = tuff_not_equal(g, tuff_add(g, lost, stopped), none);
    tuff_val is_bad = tuff_not_equal(g, tuff_add(g, trouble, stopped), none), kind = whole(g, TUFF_HEALTH_BAD);
    if (u->o->loss_scale) {
        tuff_val halves = tuff_greater(g, u->o->loss_scale, tuff_scalar(g, 1));
        kind = tuff_select(g, halves, whole(g, TUFF_HEALTH_OVERFLOWED), kind);
    }
    kind = tuff_select(g, is_bad, kind, zero);
    u->kind = tuff_select(g, is_lost, whole(g, TUFF_HEALTH_LOST),
                          kind);                          /* the launch of the sum stores it, a number of 32 bits */
    u->good = u->o->sound = tuff_equal(g, u->kind, zero); /* TUFF_HEALTH_SOUND */
    if (stops) u->o->go = tuff_equal(g, before, zero);
    build_health(u);
    build_loss_scale(u);
}

/* What an update waits for: a vector, the sum of the gradients of runs that were finite, by their weights, and the sum of these. The
 * mean is then over all samples of these runs, also where the last run has fewer, and where an epoch's end leaves fewer runs. */
static void accumulate(struct tuff_update *u)
{
    struct tuff_graph *g = u->g;
    u->apply = u->good;
    if (u->p->accumulate <= 1) return;
    tuff_val none = tuff_scalar(g, 0), closes = tuff_greater(g, u->column[TUFF_COLUMN_APPLY], tuff_scalar(g, 0.5));
    tuff_val waiting = tuff_state(g, "optimizer/weight", TUFF_F32, TUFF_SHAPE(1), (struct tuff_init){0});
    tuff_val own = tuff_select(g, u->good, tuff_scalar(g, u->plan->weight), none), weight = tuff_add(g, waiting, own);
    tuff_val keeps = u->plan->not_finite == TUFF_NOT_FINITE_STOPS ? u->good
                                                                  : 0; /* a run that stops the training leaves all */
    for (uint32_t i = 0; i < u->o->pack_count; i++) {
        struct tuff_members *m = &u->members[i];
        tuff_val state = m->pack->accumulated = vector_state(u, m, "optimizer/accumulated", 0);
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

/* Members begin at multiples of TUFF_ROW elements, so every row of so many lies in one of them: what is summed of each is summed of
 * rows, then of those that have the same member. Between members there are zeros. */
struct tuff_member_rows tuff_member_rows(struct tuff_graph *g, const struct tuff_members *m)
{
    struct tuff_member_rows r = {.rows = m->length / TUFF_ROW, .count = m->count};
    uint32_t at = 0;
    int32_t *member = tuff_graph_alloc(g, r.rows * sizeof *member);
    if (!member) return r;
    for (uint32_t i = 0; i < m->count; i++)
        for (uint64_t left = tuff_pack_room(g, m->x[i]) / TUFF_ROW; left > 0; left--) member[at++] = (int32_t)i;
    r.of_row = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(r.rows)}, member);
    return r;
}

static tuff_val rows_of(struct tuff_graph *g, const struct tuff_member_rows *r, tuff_val v)
{
    return tuff_reshape(g, v, TUFF_SHAPE(r->rows, TUFF_ROW));
}

static tuff_val squares_of_rows(struct tuff_graph *g, const struct tuff_member_rows *r, tuff_val rows)
{
    tuff_val none = tuff_full(g, TUFF_F32, TUFF_SHAPE(r->count), 0);
    return tuff_scatter_add(g, none, r->of_row, tuff_sum(g, tuff_square(g, rows), 2, TUFF_DROP_AXES), 0);
}

static tuff_val scaled_rows(struct tuff_graph *g, const struct tuff_member_rows *r, tuff_val rows, tuff_val factors)
{
    tuff_val of = tuff_gather(g, factors, r->of_row, 0);
    return tuff_reshape(g, tuff_mul(g, rows, tuff_reshape(g, of, TUFF_SHAPE(r->rows, 1))), TUFF_SHAPE(r->rows * TUFF_ROW));
}

tuff_val tuff_member_squares(struct tuff_graph *g, const struct tuff_member_rows *r, tuff_val v)
{
    return r->of_row ? squares_of_rows(g, r, rows_of(g, r, v)) : 0;
}

tuff_val tuff_member_scaled(struct tuff_graph *g, const struct tuff_member_rows *r, tuff_val v, tuff_val factors)
{
    return r->of_row ? scaled_rows(g, r, rows_of(g, r, v), factors) : 0;
}

/* Each parameter by a norm of its own. */
static void clip_each(struct tuff_update *u, struct tuff_members *m)
{
    struct tuff_graph *g = u->g;
    struct tuff_member_rows r = tuff_member_rows(g, m);
    if (!r.of_row) return;
    tuff_val grads = rows_of(g, &r, m->grad);
    m->pack->norms = tuff_sqrt(g, squares_of_rows(g, &r, grads));
    m->grad = scaled_rows(g, &r, grads, scale_of(g, m->pack->norms, u->p->clip_each_norm));
}

static void clip(struct tuff_update *u)
{
    struct tuff_graph *g = u->g;
    tuff_val squares = 0;
    for (uint32_t i = 0; i < u->o->pack_count; i++) {
        struct tuff_members *m = &u->members[i];
        if (u->p->clip_value > 0) m->grad = tuff_clamp(g, m->grad, -u->p->clip_value, u->p->clip_value);
        if (u->p->clip_each_norm > 0) clip_each(u, m);
        if (!(u->p->clip_norm > 0)) continue;
        tuff_val sum = tuff_sum(g, tuff_square(g, m->grad), 0, TUFF_DROP_AXES);
        squares = squares ? tuff_add(g, squares, sum) : sum;
    }
    if (!squares) return;
    tuff_val norm = tuff_sqrt(g, tuff_reshape(g, squares, TUFF_SHAPE(1)));
    tuff_val scale = scale_of(g, norm, u->p->clip_norm);
    u->o->grad_norm = norm;
    for (uint32_t i = 0; i < u->o->pack_count; i++) u->members[i].grad = tuff_mul(g, u->members[i].grad, scale);
}

static double decay_of(const struct tuff_update *u, const struct tuff_members *m)
{
    return m->group && m->group->weight_decay >= 0 ? m->group->weight_decay : u->p->weight_decay;
}

static tuff_val lr_of(struct tuff_update *u, const struct tuff_members *m)
{
    double factor = m->group ? m->group->lr_factor : 1;
    return factor == 1 ? u->column[TUFF_COLUMN_LR] : tuff_affine(u->g, u->column[TUFF_COLUMN_LR], factor, 0);
}

static void add_states(struct tuff_update *u, struct tuff_members *m)
{
    const struct tuff_rule *rule = &tuff_rules[u->p->kind];
    const bool now[] = {[TUFF_ALWAYS] = true,
                        [TUFF_WITH_MOMENTUM] = u->p->momentum != 0,
                        [TUFF_WITH_CENTERED] = u->p->centered,
                        [TUFF_WITH_AMSGRAD] = u->p->amsgrad};
    for (uint32_t i = 0; i < TUFF_RULE_STATES; i++) {
        double begins = rule->accumulator == i + 1 ? u->p->initial_accumulator : 0;
        if (now[rule->state[i].when]) m->state[i] = vector_state(u, m, rule->state[i].name, begins);
    }
    m->pack->momentum = m->state[0], m->pack->variance = m->state[1], m->pack->third = m->state[2];
}

/* The rule's step, with the weight decay where the rule has it, times the rate. */
static void build_update(struct tuff_update *u, struct tuff_members *m)
{
    struct tuff_graph *g = u->g;
    const struct tuff_rule *rule = &tuff_rules[u->p->kind];
    double decay = decay_of(u, m);
    if (u->plan->stations) {
        m->pack->clipped_state = tuff_transient(g, state_name(u, m, "tuff/optimizer/clipped"), TUFF_F32,
                                                TUFF_SHAPE(m->length));
        m->grad = m->pack->clipped = tuff_pack(g, m->pack->clipped_state, &m->grad, 1);
    }
    tuff_val d = m->grad;
    if (!rule->decoupled && decay != 0) d = tuff_add(g, d, tuff_affine(g, m->p, decay, 0));
    add_states(u, m);
    tuff_val step = rule->step(u, m, d);
    if (rule->decoupled && decay != 0) step = tuff_add(g, step, tuff_affine(g, m->p, decay, 0));
    if (rule->scale) step = rule->scale(u, m, step);
    tuff_val next = tuff_sub(g, m->p, tuff_mul(g, step, lr_of(u, m)));
    assign_params(u, m, next);
    if (!u->ema) return;
    tuff_val average = m->pack->average = vector_state(u, m, "optimizer/average", 0);
    tuff_val gap = tuff_mul(g, tuff_sub(g, average, next), u->ema);
    assign(u, average, tuff_add(g, next, gap));
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

uint32_t tuff_optimizer_group(const struct tuff_param_group *groups, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (matches(groups[i].pattern, name)) return i + 1;
    return 0;
}

/* Sorts the trained parameters by group into x, those of one group in order of declaration; returns their number. */
static uint32_t sort_members(struct tuff_update *u, const tuff_val *params, uint32_t count, tuff_val *x)
{
    uint32_t found = 0;
    for (uint32_t group = 0; group <= u->p->group_count; group++) {
        struct tuff_members m = {.x = x + found, .group = group ? &u->p->groups[group - 1] : NULL};
        uint32_t all = 0;
        for (uint32_t i = 0; i < count; i++) {
            if (tuff_optimizer_group(u->p->groups, u->p->group_count, u->g->values[params[i]].name) != group) continue;
            all++;
            if (!m.group || !m.group->frozen) x[found + m.count++] = params[i];
        }
        if (group && !all)
            tuff_graph_refuse(u->g, TUFF_ERR_USAGE, "optimizer", params, count, "no parameter of group '%s' is called '%s'",
                              m.group->name, m.group->pattern);
        if (m.count == 0) continue;
        found += m.count;
        m.pack = &u->o->packs[u->o->pack_count];
        *m.pack = (struct tuff_optimizer_pack){.group = group ? m.group->name : NULL, .param_count = m.count};
        u->members[u->o->pack_count++] = m;
    }
    return found;
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
    struct tuff_param_group *groups = NULL;
    bool copied = tuff_schedule_copy(&p->schedule, &g->arena);
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
static void check_reached(struct tuff_update *u, const tuff_val *x, uint32_t count)
{
    struct tuff_graph *g = u->g;
    tuff_val loss = u->plan->loss;
    if (g->status != TUFF_OK) return;
    bool *reached = tuff_graph_alloc(g, g->count * sizeof *reached), any = false;
    if (!reached) return;
    reached[loss] = true;
    for (tuff_val v = loss; v > 0; v--) /* by gradients: argmax, comparisons, tuff_detach have none */
        for (uint32_t i = 0; reached[v] && g->values[v].op->grad && i < g->values[v].in_count; i++)
            reached[g->values[v].in[i]] = true;
    for (tuff_val v = u->o->declared; v < loss; v++)
        if (reached[v] && tuff_is_trained(&g->values[v]))
            tuff_graph_refuse(
                g, TUFF_ERR_USAGE, "optimizer", &v, 1,
                "the loss follows from this parameter, which the trainer that this one is like does not train: it was "
                "declared later, or is called otherwise");
    for (uint32_t i = 0; i < count && !any; i++) any = reached[x[i]];
    if (!any)
        tuff_graph_refuse(
            g, TUFF_ERR_USAGE, "optimizer", &loss, 1,
            "the loss follows from none of the %u parameters that are trained, or by operators without gradient alone",
            (unsigned)count);
}

/* By the parameters x[count], each divided by the loss scale as soon as it is there. */
static void add_gradients(struct tuff_update *u, const tuff_val *x, uint32_t count, tuff_val *gx)
{
    struct tuff_graph *g = u->g;
    double first = tuff_first_loss_scale(&u->p->precision);
    const struct tuff_init begins = {.kind = TUFF_INIT_CONSTANT, .a = first};
    tuff_val scale = first > 0 ? tuff_state(g, "optimizer/loss_scale", TUFF_F32, TUFF_SHAPE(1), begins) : 0, inverse = 0;
    u->o->loss_scale = scale;
    tuff_val weight = scale ? tuff_reshape(g, scale, tuff_type_of(g, u->plan->loss).shape) : 0;
    tuff_gradients_again(g, u->plan->loss, weight, x, count, gx, u->plan->again);
    if (scale) inverse = tuff_reshape(g, tuff_div(g, tuff_scalar(g, 1), scale), (struct tuff_shape){0});
    if (scale) inverse = tuff_graph_add(g, &tuff_op_copy, &inverse, 1, NULL);          /* once, not by each reader */
    for (uint32_t i = 0; i < count && scale; i++) gx[i] = tuff_mul(g, gx[i], inverse); /* exact: powers of two */
}

/* Gradients of the members' parameters gx[count], as a vector beside theirs. */
static void build_gradients(struct tuff_update *u, struct tuff_members *m, const tuff_val *gx)
{
    add_packs(u, m);
    m->pack->gradient_state = tuff_transient(u->g, state_name(u, m, "tuff/optimizer/gradients"), TUFF_F32,
                                             TUFF_SHAPE(m->length));
    m->grad = m->pack->gradients = tuff_pack(u->g, m->pack->gradient_state, gx, m->count);
}

void tuff_optimizer_build(struct tuff_graph *g, const struct tuff_optimizer_plan *plan,
                          const struct tuff_optimizer_params *params, struct tuff_optimizer *optimizer)
{
    *optimizer = (struct tuff_optimizer){.params = *params, .rate_scale = 1};
    struct tuff_optimizer_params *p = &optimizer->params;
    optimizer->declared = plan->like ? plan->like->declared : g->count;
    if (!check_params(g, plan, p) || !copy_params(g, p)) return;
    if (p->accumulate == 0) p->accumulate = 1;
    struct tuff_update u = {.g = g, .o = optimizer, .p = p, .plan = plan};
    uint32_t count = tuff_graph_params(g, NULL, 0);
    size_t bytes = (count + 1) * sizeof(tuff_val);
    tuff_val *all = tuff_graph_alloc(g, bytes), *x = tuff_graph_alloc(g, bytes), *gx = tuff_graph_alloc(g, bytes);
    u.updates = tuff_graph_alloc(g, ((TUFF_RULE_STATES + 3) * (TUFF_PARAM_GROUPS + 1) + 5 + count) * sizeof *u.updates);
    optimizer->updates = u.updates;
    if (g->status != TUFF_OK) return;
    tuff_graph_params(g, all, count);
    while (count && all[count - 1] >= optimizer->declared) count--;
    count = sort_members(&u, all, count, x);
    if (count == 0) tuff_graph_fail(g, TUFF_ERR_USAGE, "the graph has no parameters to train");
    check_reached(&u, x, count);
    add_gradients(&u, x, count, gx);
    for (uint32_t i = 0; i < optimizer->pack_count && g->status == TUFF_OK; i++) {
        build_gradients(&u, &u.members[i], gx + (u.members[i].x - x));
        optimizer->param_packs[i] = u.members[i].packs;
        optimizer->members[i] = u.members[i].x;
        optimizer->part_counts[i] = u.members[i].pack_count;
    }
    if (g->status != TUFF_OK) return;
    build_table(&u);
    build_soundness(&u);
    accumulate(&u);
    clip(&u);
    for (uint32_t i = 0; i < optimizer->pack_count; i++) build_update(&u, &u.members[i]);
    if (u.ema) assign(&u, optimizer->averaged, tuff_full(g, TUFF_F32, TUFF_SHAPE(1), 1));
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
                            float *ema, struct tuff_error *error)
{
    bool closes;
    uint64_t update = updates_before(o, run, &closes);
    const struct tuff_optimizer_params *p = &o->params;
    double t = (double)(update + 1), lr = tuff_schedule_lr(&p->schedule, update) * o->rate_scale;
    if (!isfinite((float)lr))
        return tuff_refuse(context, error, "optimizer: the schedule's rate of update %llu is %g", (unsigned long long)update,
                           lr);
    if (tuff_rules[p->kind].reads & TUFF_READS_ACCUMULATOR) lr /= 1 + (double)update * p->lr_decay;
    row[TUFF_COLUMN_LR] = (float)lr;
    row[TUFF_COLUMN_CORRECTION1] = (float)(1 / (1 - pow(p->beta1, t)));
    row[TUFF_COLUMN_CORRECTION2] = (float)(1 / (1 - pow(p->beta2, t)));
    row[TUFF_COLUMN_APPLY] = closes;
    *ema = (float)p->ema_decay;
    if (p->ema_warmup) *ema = fminf(*ema, (float)((1 + (double)update) / (10 + (double)update)));
    return TUFF_OK;
}

/* Rows that are never used may have rates that are none: what is refused is the row of the next run. */
static tuff_status fill_table(struct tuff_optimizer *o, struct tuff_session *session, struct tuff_error *error)
{
    float table[TABLE_ROWS * TUFF_COLUMNS] = {0}, ema[TABLE_ROWS] = {0};
    int32_t first = 0;
    uint32_t rows = 0;
    struct tuff_error later = {0};
    for (; rows < TABLE_ROWS; rows++)
        if (fill_row(o, NULL, o->run + rows, table + rows * TUFF_COLUMNS, ema + rows, rows ? &later : error) != TUFF_OK)
            break;
    if (rows == 0) return TUFF_ERR_USAGE;
    TUFF_TRY(tuff_session_write(session, o->table, table, sizeof table, error));
    if (o->ema_table) TUFF_TRY(tuff_session_write(session, o->ema_table, ema, sizeof ema, error));
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

uint64_t tuff_optimizer_updates(const struct tuff_optimizer *optimizer)
{
    bool closes;
    return updates_before(optimizer, optimizer->run, &closes);
}
