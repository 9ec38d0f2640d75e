/* optimizer.c - gradients of all parameters and their update as graph, over one vector that holds all of them; step sizes
 * and bias corrections come from a table that the host computes in double, some hundred runs ahead. */
#include "graph/op.h"
#include "graph/ops/leaf.h"

#include <math.h>

enum { TABLE_ROWS = 256, TABLE_COLUMNS = 4 };
enum table_column { COLUMN_LR, COLUMN_CORRECTION1, COLUMN_CORRECTION2, COLUMN_APPLY };

/* ---- schedules -------------------------------------------------------------------------------------------------------------- */

double tuff_schedule_lr(const struct tuff_schedule *s, uint64_t update)
{
    double lr = s->lr;
    if (update < s->warmup) {
        if (s->start_factor == 0) return lr * (double)(update + 1) / (double)(s->warmup + 1);
        return lr * (s->start_factor + (1 - s->start_factor) * (double)update / (double)s->warmup);
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

/* ---- the update as graph -------------------------------------------------------------------------------------------------------- */

struct update {
    struct tuff_graph *g;
    struct tuff_optimizer *o;
    tuff_val p, grad;               /* [P] */
    tuff_val column[TABLE_COLUMNS]; /* scalars of this run */
    tuff_val apply;                 /* bool scalar, or 0: every run */
    uint32_t length;
};

static tuff_val vector_state(struct update *u, const char *name)
{
    return tuff_state(u->g, name, TUFF_F32, TUFF_SHAPE(u->length), (struct tuff_init){0});
}

/* state takes the value in runs that update */
static void assign(struct update *u, tuff_val state, tuff_val value)
{
    if (u->apply) value = tuff_select(u->g, u->apply, value, state);
    u->o->updates[u->o->update_count++] = tuff_assign(u->g, state, value);
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
    u->o->updates[u->o->update_count++] = tuff_assign(g, u->o->cursor, next);
}

static void accumulate(struct update *u)
{
    struct tuff_graph *g = u->g;
    if (u->o->params.accumulate < 2) return;
    u->o->accumulated = vector_state(u, "optimizer/accumulated");
    u->apply = tuff_greater(g, u->column[COLUMN_APPLY], tuff_scalar(g, 0.5));
    tuff_val sum = tuff_add(g, u->o->accumulated, tuff_affine(g, u->grad, 1.0 / u->o->params.accumulate, 0));
    tuff_val zero = tuff_full(g, TUFF_F32, TUFF_SHAPE(u->length), 0);
    u->o->updates[u->o->update_count++] = tuff_assign(g, u->o->accumulated, tuff_select(g, u->apply, zero, sum));
    u->grad = sum;
}

/* As PyTorch's clip_grad_norm_: g min(1, limit / (norm + 1e-6)) */
static void clip(struct update *u)
{
    struct tuff_graph *g = u->g;
    const struct tuff_optimizer_params *p = &u->o->params;
    if (p->clip_value > 0) u->grad = tuff_clamp(g, u->grad, -p->clip_value, p->clip_value);
    if (!(p->clip_norm > 0)) return;
    tuff_val norm = tuff_sqrt(g, tuff_reshape(g, tuff_sum(g, tuff_square(g, u->grad), 0, TUFF_DROP_AXES), TUFF_SHAPE(1)));
    tuff_val scale = tuff_minimum(g, tuff_div(g, tuff_scalar(g, p->clip_norm), tuff_affine(g, norm, 1, 1e-6)),
                                  tuff_scalar(g, 1));
    u->o->grad_norm = norm;
    u->grad = tuff_mul(g, u->grad, scale);
}

static void build_sgd(struct update *u)
{
    struct tuff_graph *g = u->g;
    const struct tuff_optimizer_params *p = &u->o->params;
    tuff_val d = u->grad;
    if (p->weight_decay != 0) d = tuff_add(g, d, tuff_affine(g, u->p, p->weight_decay, 0));
    if (p->momentum != 0) {
        u->o->momentum = vector_state(u, "optimizer/momentum");
        tuff_val v = tuff_add(g, tuff_affine(g, u->o->momentum, p->momentum, 0), d);
        assign(u, u->o->momentum, v);
        d = p->nesterov ? tuff_add(g, d, tuff_affine(g, v, p->momentum, 0)) : v;
    }
    assign(u, u->p, tuff_sub(g, u->p, tuff_mul(g, d, u->column[COLUMN_LR])));
}

static void build_adam(struct update *u)
{
    struct tuff_graph *g = u->g;
    const struct tuff_optimizer_params *p = &u->o->params;
    bool decoupled = p->kind == TUFF_ADAMW;
    tuff_val d = u->grad;
    if (!decoupled && p->weight_decay != 0) d = tuff_add(g, d, tuff_affine(g, u->p, p->weight_decay, 0));
    u->o->momentum = vector_state(u, "optimizer/momentum");
    u->o->variance = vector_state(u, "optimizer/variance");
    tuff_val m = tuff_add(g, tuff_affine(g, u->o->momentum, p->beta1, 0), tuff_affine(g, d, 1 - p->beta1, 0));
    tuff_val v = tuff_add(g, tuff_affine(g, u->o->variance, p->beta2, 0),
                          tuff_affine(g, tuff_square(g, d), 1 - p->beta2, 0));
    assign(u, u->o->momentum, m);
    assign(u, u->o->variance, v);
    tuff_val root = tuff_affine(g, tuff_sqrt(g, tuff_mul(g, v, u->column[COLUMN_CORRECTION2])), 1, p->eps);
    tuff_val step = tuff_div(g, tuff_mul(g, m, u->column[COLUMN_CORRECTION1]), root);
    if (decoupled && p->weight_decay != 0) step = tuff_add(g, step, tuff_affine(g, u->p, p->weight_decay, 0));
    assign(u, u->p, tuff_sub(g, u->p, tuff_mul(g, step, u->column[COLUMN_LR])));
}

tuff_status tuff_optimizer_check(struct tuff_context *context, const struct tuff_optimizer_params *p,
                                 struct tuff_error *error)
{
    if (!(p->schedule.lr > 0))
        return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: the learning rate is %g", p->schedule.lr);
    if (p->nesterov && p->momentum == 0)
        return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: Nesterov needs a momentum");
    if (p->schedule.milestone_count && !p->schedule.milestones)
        return tuff_fail(context, error, TUFF_ERR_USAGE, "optimizer: the milestones are missing");
    return TUFF_OK;
}

static bool check_params(struct tuff_graph *g, tuff_val loss, const struct tuff_optimizer_params *p)
{
    struct tuff_type type = tuff_type_of(g, loss);
    struct tuff_error error = {0};
    if (g->status != TUFF_OK) return false;
    if (!loss || tuff_shape_count(&type.shape) != 1)
        tuff_graph_fail(g, TUFF_ERR_SHAPE, "optimizer: the loss has more than one element");
    else if (tuff_optimizer_check(NULL, p, &error) != TUFF_OK)
        tuff_graph_fail(g, error.status, "%s", error.message);
    else if (tuff_graph_find(g, "tuff/optimizer/table"))
        tuff_graph_fail(g, TUFF_ERR_USAGE, "optimizer: the graph has one already");
    return g->status == TUFF_OK;
}

void tuff_optimizer_build(struct tuff_graph *g, tuff_val loss, const struct tuff_optimizer_params *params,
                          struct tuff_optimizer *optimizer)
{
    *optimizer = (struct tuff_optimizer){.params = *params};
    struct tuff_optimizer_params *p = &optimizer->params;
    if (p->beta1 == 0) p->beta1 = 0.9;
    if (p->beta2 == 0) p->beta2 = 0.999;
    if (p->eps == 0) p->eps = 1e-8;
    if (p->accumulate == 0) p->accumulate = 1;
    if (!check_params(g, loss, p)) return;
    uint32_t count = tuff_graph_params(g, NULL, 0);
    tuff_val *x = tuff_arena_alloc(&g->arena, (count + 1) * sizeof *x),
             *gx = tuff_arena_alloc(&g->arena, (count + 1) * sizeof *gx);
    struct tuff_schedule *s = &p->schedule; /* feeding reads it long after this call */
    if (s->milestone_count)
        s->milestones = tuff_arena_copy(&g->arena, s->milestones, s->milestone_count * sizeof *s->milestones);
    if (!x || !gx || (s->milestone_count && !s->milestones)) {
        tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
        return;
    }
    tuff_graph_params(g, x, count);
    tuff_gradients(g, loss, 0, x, count, gx);
    struct update u = {.g = g, .o = optimizer, .p = tuff_param_pack(g)};
    u.length = tuff_type_of(g, u.p).shape.dim[0];
    if (g->status != TUFF_OK) return;
    optimizer->gradient_state = tuff_transient(g, "tuff/optimizer/gradients", TUFF_F32, TUFF_SHAPE(u.length));
    u.grad = optimizer->gradients = tuff_pack(g, optimizer->gradient_state, gx, count);
    build_table(&u);
    accumulate(&u);
    clip(&u);
    if (p->kind == TUFF_SGD)
        build_sgd(&u);
    else
        build_adam(&u);
}

/* ---- feeding ------------------------------------------------------------------------------------------------------------------ */

static void fill_row(const struct tuff_optimizer *o, uint64_t run, float *row)
{
    uint64_t update = run / o->params.accumulate;
    double t = (double)(update + 1);
    row[COLUMN_LR] = (float)tuff_schedule_lr(&o->params.schedule, update);
    row[COLUMN_CORRECTION1] = (float)(1 / (1 - pow(o->params.beta1, t)));
    row[COLUMN_CORRECTION2] = (float)(1 / (1 - pow(o->params.beta2, t)));
    row[COLUMN_APPLY] = (run + 1) % o->params.accumulate == 0;
}

tuff_status tuff_optimizer_feed(struct tuff_optimizer *optimizer, struct tuff_session *session, struct tuff_error *error)
{
    float table[TABLE_ROWS * TABLE_COLUMNS];
    int32_t first = 0;
    if (optimizer->run == optimizer->filled) {
        for (uint32_t i = 0; i < TABLE_ROWS; i++) fill_row(optimizer, optimizer->run + i, table + i * TABLE_COLUMNS);
        TUFF_TRY(tuff_session_write(session, optimizer->table, table, sizeof table, error));
        TUFF_TRY(tuff_session_write(session, optimizer->cursor, &first, sizeof first, error));
        optimizer->filled += TABLE_ROWS;
    }
    optimizer->run++;
    return TUFF_OK;
}

void tuff_optimizer_resume(struct tuff_optimizer *optimizer, uint64_t run) { optimizer->run = optimizer->filled = run; }
