/* recurrent.c - a table of cells, each a step's formula, and a loop over them: what steps need of x is one product; layers are loops in a row. */
#include "graph/compose.h"
#include "graph/ops/view.h"
#include "graph/sequence.h"

#include <math.h>
#include <stdio.h>

/* ---- cells ------------------------------------------------------------------------------------------------------------------------ */

/* One step, in the body of the loop. */
struct step {
    const struct tuff_recurrence *r;
    struct tuff_graph *g;
    tuff_val x, product;             /* of the gates: what the row and what h says, [n, gates h] */
    tuff_val w_rest, bias, peephole; /* as those of the recurrence */
    tuff_val state[2], after[2];     /* h, c */
};

/* Numbers k h to k h + count h - 1 of the last axis. */
static tuff_val part_of(const struct step *s, tuff_val v, uint32_t k, uint32_t count)
{
    return tuff_slice_axis(s->g, v, tuff_type_of(s->g, v).shape.rank - 1, k * s->r->h, 1, count * s->r->h);
}

/* Gate k of them all, where it sees a state through its peephole. */
static tuff_val gate(const struct step *s, tuff_val all, uint32_t k, tuff_val seen, uint32_t function)
{
    tuff_val x = part_of(s, all, s->r->gate[k], 1);
    if (s->peephole && seen) x = tuff_add(s->g, x, tuff_mul(s->g, part_of(s, s->peephole, k, 1), seen));
    return s->r->activate(s->r, s->g, function, x);
}

static void lstm_step(struct step *s)
{
    struct tuff_graph *g = s->g;
    tuff_val all = tuff_add(g, s->product, s->x), in = gate(s, all, 0, s->state[1], 0);
    tuff_val kept = s->r->coupled ? tuff_affine(g, in, -1, 1) : gate(s, all, 2, s->state[1], 0), new = gate(s, all, 3, 0, 1);
    tuff_val old = tuff_mul(g, kept, s->state[1]);
    s->after[1] = tuff_add(g, old, tuff_mul(g, in, new));
    tuff_val out = gate(s, all, 1, s->after[1], 0);
    s->after[0] = tuff_mul(g, out, s->r->activate(s->r, g, 2, s->after[1]));
}

static void gru_step(struct step *s)
{
    struct tuff_graph *g = s->g;
    const bool linear = s->r->linear;
    tuff_val of_x = part_of(s, s->x, 0, 2), both = tuff_add(g, part_of(s, s->product, 0, 2), of_x);
    tuff_val z = gate(s, both, 0, 0, 0), r = gate(s, both, 1, 0, 0);
    tuff_val rest = linear ? part_of(s, s->product, 2, 1) : tuff_mul(g, r, s->state[0]);
    if (!linear) rest = tuff_matmul(g, rest, s->w_rest, (struct tuff_matmul_params){.transpose_b = true});
    if (s->bias) rest = tuff_add(g, rest, s->bias);
    if (linear) rest = tuff_mul(g, r, rest);
    tuff_val new = s->r->activate(s->r, g, 1, tuff_add(g, part_of(s, s->x, 2, 1), rest));
    s->after[0] = tuff_add(g, new, tuff_mul(g, z, tuff_sub(g, s->state[0], new)));
}

static void rnn_step(struct step *s) { s->after[0] = s->r->activate(s->r, s->g, 0, tuff_add(s->g, s->product, s->x)); }

/* A step past a sequence's length leaves its states as they were; in reverse these come first, so that it begins at its own end. */
struct tuff_recurrent tuff_recurrence(struct tuff_graph *g, const struct tuff_recurrence *r)
{
    static void (*const steps[])(struct step * s) = {rnn_step, gru_step, lstm_step};
    const struct tuff_matmul_params turned = {.transpose_b = true};
    const uint32_t states = r->kind == TUFF_RECUR_LSTM ? 2 : 1, n = tuff_type_of(g, r->rows).shape.dim[1];
    const uint32_t width[2] = {tuff_type_of(g, r->w).shape.dim[1], r->h};
    struct tuff_recurrent result = {0};
    struct tuff_loop l;
    struct step s = {.r = r};
    if (!tuff_loop_begin(g, &l)) return result;
    s.g = l.body;
    for (uint32_t k = 0; k < states; k++) {
        tuff_val first = r->first[k] ? r->first[k] : tuff_full(g, TUFF_F32, TUFF_SHAPE(n, width[k]), 0);
        s.state[k] = tuff_loop_give(&l, TUFF_LOOP_CARRY, first);
    }
    s.x = tuff_loop_give(&l, TUFF_LOOP_ROW, r->rows);
    tuff_val here = tuff_loop_give(&l, TUFF_LOOP_ROW, r->seen), w = tuff_loop_give(&l, TUFF_LOOP_ALWAYS, r->w);
    s.w_rest = tuff_loop_give(&l, TUFF_LOOP_ALWAYS, r->w_rest);
    s.bias = tuff_loop_give(&l, TUFF_LOOP_ALWAYS, r->bias);
    s.peephole = tuff_loop_give(&l, TUFF_LOOP_ALWAYS, r->peephole);
    tuff_val product_bias = tuff_loop_give(&l, TUFF_LOOP_ALWAYS, r->product_bias);
    tuff_val w_hr = tuff_loop_give(&l, TUFF_LOOP_ALWAYS, r->w_hr);
    s.product = tuff_matmul(l.body, s.state[0], w, turned);
    if (product_bias) s.product = tuff_add(l.body, s.product, product_bias);
    steps[r->kind](&s);
    if (w_hr) s.after[0] = tuff_matmul(l.body, s.after[0], w_hr, turned);
    for (uint32_t k = 0; here && k < states; k++) s.after[k] = tuff_select(l.body, here, s.after[k], s.state[k]);
    tuff_val loop = tuff_loop_end(&l, s.after, states, r->reverse);
    result.h = tuff_scan_all(g, loop, 0);
    if (r->seen) result.h = tuff_select(g, r->seen, result.h, tuff_scalar(g, 0));
    result.h_n = tuff_scan_last(g, loop, 0);
    result.c_n = states == 2 ? tuff_scan_last(g, loop, 1) : 0;
    return result;
}

tuff_val tuff_rounds_seen(struct tuff_graph *g, tuff_val lengths, uint32_t t, uint32_t n)
{
    tuff_val round = tuff_iota(g, TUFF_SHAPE(t, n, 1), 0);
    return tuff_less(g, round, tuff_reshape(g, lengths, TUFF_SHAPE(n, 1)));
}

/* ---- those of PyTorch -------------------------------------------------------------------------------------------------------------- */

struct cell {
    const char *name;
    uint32_t gates, states, kind, gate[4];
};
static const struct cell cells[] = {[TUFF_CELL_LSTM] = {"lstm", 4, 2, TUFF_RECUR_LSTM, {0, 3, 1, 2}},
                                    [TUFF_CELL_GRU] = {"gru", 3, 1, TUFF_RECUR_GRU, {1, 0, 2}},
                                    [TUFF_CELL_RNN_TANH] = {"rnn", 1, 1, TUFF_RECUR_RNN, {0}},
                                    [TUFF_CELL_RNN_RELU] = {"rnn", 1, 1, TUFF_RECUR_RNN, {0}}};

static tuff_val activate(const struct tuff_recurrence *r, struct tuff_graph *g, uint32_t function, tuff_val x)
{
    if (r->user == &cells[TUFF_CELL_RNN_RELU]) return tuff_relu(g, x);
    return function || r->kind == TUFF_RECUR_RNN ? tuff_tanh(g, x) : tuff_sigmoid(g, x);
}

static const struct cell *cell_of(struct tuff_graph *g, enum tuff_cell cell)
{
    if ((unsigned)cell < TUFF_COUNT(cells)) return &cells[cell];
    tuff_graph_fail(g, TUFF_ERR_USAGE, "recurrent: there is no cell of number %d (enum tuff_cell)", (int)cell);
    return NULL;
}

/* ---- one loop --------------------------------------------------------------------------------------------------------------------- */

struct sizes {
    uint32_t t, n, e, h, p; /* p: of h as it leaves the cell */
};

static bool check(struct tuff_graph *g, tuff_val x, const struct cell *cell, const struct tuff_recurrent_params *p,
                  struct sizes *z)
{
    const tuff_val in[] = {x, p->w_ih, p->w_hh, p->b_ih, p->b_hh, p->w_hr, p->h_0, p->c_0, p->lengths};
    enum { FLOATS = TUFF_COUNT(in) - 1 };
    if (!tuff_graph_takes(g, cell->name, in, 3)) return false;
    for (uint32_t i = 3; i < TUFF_COUNT(in); i++)
        if (in[i] && !tuff_graph_takes_one(g, cell->name, in[i], i)) return false;
    struct tuff_shape s = tuff_type_of(g, x).shape, w = tuff_type_of(g, p->w_ih).shape, v = tuff_type_of(g, p->w_hh).shape;
    const uint32_t rows = w.rank == 2 ? w.dim[0] : 0;
    *z = (struct sizes){s.dim[0], s.dim[1], s.dim[2], rows / cell->gates, v.rank == 2 ? v.dim[1] : 0};
    const struct tuff_shape fits[] = {s,
                                      TUFF_SHAPE(rows, z->e),
                                      TUFF_SHAPE(rows, z->p),
                                      TUFF_SHAPE(rows),
                                      TUFF_SHAPE(rows),
                                      TUFF_SHAPE(z->p, z->h),
                                      TUFF_SHAPE(z->n, z->p),
                                      TUFF_SHAPE(z->n, z->h),
                                      TUFF_SHAPE(z->n)};
    bool right = s.rank == 3 && rows && rows % cell->gates == 0 && (p->w_hr || z->p == z->h) &&
                 (cell->states == 2 || (!p->w_hr && !p->c_0));
    for (uint32_t i = 0; right && i < TUFF_COUNT(in); i++) {
        const struct tuff_type type = in[i] ? tuff_type_of(g, in[i]) : (struct tuff_type){TUFF_F32, fits[i]};
        right = !in[i] || (type.dtype == (i < FLOATS ? TUFF_F32 : TUFF_I32) && tuff_shape_equal(&type.shape, &fits[i]));
    }
    const unsigned k = cell->gates;
    if (!right)
        tuff_graph_refuse(
            g, TUFF_ERR_SHAPE, cell->name, in, TUFF_COUNT(in),
            "it takes f32 x [t, n, e], w_ih [%u h, e], w_hh [%u h, h], and where given b_ih and b_hh [%u h], h_0%s "
            "[n, h], i32 lengths [n]%s",
            k, k, k, cell->states == 2 ? " and c_0" : "",
            cell->states == 2 ? "; with w_hr [p, h], w_hh is [4 h, p] and h_0 [n, p]" : "");
    return right;
}

struct tuff_recurrent tuff_recurrent(struct tuff_graph *g, tuff_val x, const struct tuff_recurrent_params *p)
{
    const struct tuff_recurrent none = {0};
    struct sizes z;
    if (!p || p->struct_size < sizeof *p) {
        tuff_graph_fail(g, TUFF_ERR_USAGE,
                        p ? "recurrent: struct_size of its params is not set: .struct_size = sizeof params"
                          : "recurrent: its params are missing (NULL)");
        return none;
    }
    const struct cell *cell = cell_of(g, p->cell);
    if (!cell || !check(g, x, cell, p, &z)) return none;
    tuff_val seen = p->lengths ? tuff_rounds_seen(g, p->lengths, z.t, z.n) : 0;
    if (seen) x = tuff_select(g, seen, x, tuff_scalar(g, 0)); /* what stands there may be anything */
    const bool within = cell->kind == TUFF_RECUR_GRU;         /* b_hh stands within a formula: it is no part of x's */
    tuff_val rows = tuff_reshape(g, x, TUFF_SHAPE(z.t * z.n, z.e)), before = within ? 0 : p->b_hh;
    rows = tuff_matmul(g, rows, p->w_ih, (struct tuff_matmul_params){.transpose_b = true});
    if (p->b_ih && before) before = tuff_add(g, p->b_ih, before);
    if (p->b_ih && !before) before = p->b_ih;
    if (before) rows = tuff_add(g, rows, before);
    struct tuff_recurrence r = {.kind = cell->kind,
                                .h = z.h,
                                .linear = true,
                                .reverse = p->reverse,
                                .rows = tuff_reshape(g, rows, TUFF_SHAPE(z.t, z.n, cell->gates * z.h)),
                                .seen = seen,
                                .first = {p->h_0, p->c_0},
                                .w = p->w_hh,
                                .product_bias = within ? p->b_hh : 0,
                                .w_hr = p->w_hr,
                                .activate = activate,
                                .user = cell};
    memcpy(r.gate, cell->gate, sizeof r.gate);
    return tuff_recurrence(g, &r);
}

/* ---- layers and directions -------------------------------------------------------------------------------------------------------- */

static tuff_val param(const struct tuff_module *l, const char *part, const char *suffix, struct tuff_shape shape,
                      struct tuff_init init, struct tuff_init standard)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s", part, suffix);
    return tuff_module_param(l, name, shape, init, standard);
}

/* Loop number k, over x [t, n, e]; its name's ending. */
static struct tuff_recurrent one_of(const struct tuff_module *l, const struct tuff_layer_recurrent_params *p, tuff_val x,
                                    uint32_t k, const char *suffix, bool reverse)
{
    const uint32_t rows = cells[p->cell].gates * p->units, width = p->proj_size ? p->proj_size : p->units;
    const struct tuff_init within = tuff_init_within(1 / sqrt(p->units));
    struct tuff_recurrent_params one = {
        .struct_size = sizeof one, .cell = p->cell, .lengths = p->lengths, .reverse = reverse};
    one.w_ih = param(l, "weight_ih", suffix, TUFF_SHAPE(rows, tuff_type_of(l->g, x).shape.dim[2]), p->weight_ih, within);
    one.w_hh = param(l, "weight_hh", suffix, TUFF_SHAPE(rows, width), p->weight_hh, within);
    if (!p->no_bias) {
        one.b_ih = param(l, "bias_ih", suffix, TUFF_SHAPE(rows), p->bias, within);
        one.b_hh = param(l, "bias_hh", suffix, TUFF_SHAPE(rows), p->bias, within);
    }
    if (p->proj_size) one.w_hr = param(l, "weight_hr", suffix, TUFF_SHAPE(width, p->units), p->weight_hh, within);
    one.h_0 = p->h_0 ? tuff_take_axis(l->g, p->h_0, 0, k) : 0;
    one.c_0 = p->c_0 ? tuff_take_axis(l->g, p->c_0, 0, k) : 0;
    return tuff_recurrent(l->g, x, &one);
}

/* Initial states are [loops, n, h] */
static bool takes_states(const struct tuff_module *l, const struct tuff_layer_recurrent_params *p, uint32_t loops)
{
    const tuff_val in[] = {p->h_0, p->c_0};
    for (int i = 0; i < 2; i++) {
        struct tuff_shape s = tuff_type_of(l->g, in[i]).shape;
        if (!in[i]) continue;
        if (!tuff_graph_takes_one(l->g, l->kind, in[i], 1 + (uint32_t)i)) return false;
        if (s.rank == 3 && s.dim[0] == loops) continue;
        return tuff_module_refuse(l, "h_0 and c_0 [layers * directions, n, h]", in[i]);
    }
    return true;
}

static bool takes(const struct tuff_module *l, const struct tuff_layer_recurrent_params *p, tuff_val x)
{
    const struct cell *cell = &cells[p->cell];
    if (!tuff_module_begin(l, x)) return false;
    if (tuff_type_of(l->g, x).shape.rank != 3) return tuff_module_refuse(l, p->batch_first ? "[n, t, e]" : "[t, n, e]", x);
    if (!p->units || p->units > UINT32_MAX / 4 || p->layers > 1024)
        return tuff_module_fail(l, TUFF_ERR_USAGE, "units is 0, or above 2^30, or layers above 1024");
    if (p->proj_size && (cell->states != 2 || p->proj_size >= p->units))
        return tuff_module_fail(l, TUFF_ERR_USAGE, "proj_size is for LSTM alone, and smaller than units");
    return takes_states(l, p, (p->layers ? p->layers : 1) * (p->bidirectional ? 2 : 1));
}

struct tuff_recurrent tuff_layer_recurrent(struct tuff_graph *g, tuff_val x, const char *name,
                                           struct tuff_layer_recurrent_params p)
{
    const struct cell *cell = cell_of(g, p.cell);
    const struct tuff_module l = {g, cell ? cell->name : "recurrent", name};
    struct tuff_recurrent r = {0};
    if (!cell || !takes(&l, &p, x)) return r;
    const uint32_t layers = p.layers ? p.layers : 1, ways = p.bidirectional ? 2 : 1;
    static const uint32_t turned[] = {1, 0, 2};
    tuff_val *last = tuff_graph_alloc(g, 2 * layers * ways * sizeof *last), *of_c = last ? last + layers * ways : NULL;
    if (!last) return r;
    if (p.batch_first) x = tuff_permute(g, x, turned);
    for (uint32_t k = 0; k < layers; k++) {
        tuff_val h[2] = {0};
        if (k) x = tuff_layer_dropout(g, x, p.dropout, p.training);
        for (uint32_t way = 0; way < ways; way++) {
            char suffix[24];
            const uint32_t at = k * ways + way;
            snprintf(suffix, sizeof suffix, "_l%u%s", k, way ? "_reverse" : "");
            struct tuff_recurrent one = one_of(&l, &p, x, at, suffix, way == 1);
            h[way] = one.h;
            last[at] = tuff_unsqueeze(g, one.h_n, 0);
            of_c[at] = cell->states == 2 ? tuff_unsqueeze(g, one.c_n, 0) : 0;
        }
        x = ways == 2 ? tuff_concat(g, h, 2, 2) : h[0];
    }
    r.h = p.batch_first ? tuff_permute(g, x, turned) : x;
    r.h_n = tuff_concat(g, last, layers * ways, 0);
    r.c_n = cell->states == 2 ? tuff_concat(g, of_c, layers * ways, 0) : 0;
    return r;
}
