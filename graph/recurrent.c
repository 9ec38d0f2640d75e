/* recurrent.c - a table of cells, each a step's formula, and a loop over them: what steps need of x is one product; layers are loops in a row. */
#include "graph/compose.h"
#include "graph/ops/view.h"
#include "graph/sequence.h"

#include <math.h>
#include <stdio.h>

/* ---- cells ------------------------------------------------------------------------------------------------------------------------ */

/* One step, in the body of the loop. */
struct step {
    struct tuff_graph *g;
    uint32_t h;
    tuff_val x, product;         /* [n, gates h]: of w_ih and x, of w_hh and h, with the biases */
    tuff_val state[2], after[2]; /* h, c */
};

struct cell {
    const char *name;
    uint32_t gates, states;
    bool bias_within; /* the bias of the product with h stands within a formula: it is no part of x's */
    void (*step)(struct step *s);
};

static tuff_val gate(const struct step *s, tuff_val gates, uint32_t k)
{
    return tuff_slice_axis(s->g, gates, 1, k * s->h, 1, s->h);
}

static void lstm_step(struct step *s)
{
    struct tuff_graph *g = s->g;
    tuff_val gates = tuff_add(g, s->product, s->x);
    tuff_val i = tuff_sigmoid(g, gate(s, gates, 0)), f = tuff_sigmoid(g, gate(s, gates, 1));
    tuff_val t = tuff_tanh(g, gate(s, gates, 2)), o = tuff_sigmoid(g, gate(s, gates, 3));
    tuff_val kept = tuff_mul(g, f, s->state[1]), new = tuff_mul(g, i, t);
    s->after[1] = tuff_add(g, kept, new);
    s->after[0] = tuff_mul(g, o, tuff_tanh(g, s->after[1]));
}

static void gru_step(struct step *s)
{
    struct tuff_graph *g = s->g;
    tuff_val both = tuff_add(g, s->product, s->x);
    tuff_val r = tuff_sigmoid(g, gate(s, both, 0)), z = tuff_sigmoid(g, gate(s, both, 1));
    tuff_val reset = tuff_mul(g, r, gate(s, s->product, 2));
    tuff_val new = tuff_tanh(g, tuff_add(g, gate(s, s->x, 2), reset));
    s->after[0] = tuff_add(g, new, tuff_mul(g, z, tuff_sub(g, s->state[0], new)));
}

static void tanh_step(struct step *s) { s->after[0] = tuff_tanh(s->g, tuff_add(s->g, s->product, s->x)); }
static void relu_step(struct step *s) { s->after[0] = tuff_relu(s->g, tuff_add(s->g, s->product, s->x)); }

static const struct cell cells[] = {[TUFF_CELL_LSTM] = {"lstm", 4, 2, false, lstm_step},
                                    [TUFF_CELL_GRU] = {"gru", 3, 1, true, gru_step},
                                    [TUFF_CELL_RNN_TANH] = {"rnn", 1, 1, false, tanh_step},
                                    [TUFF_CELL_RNN_RELU] = {"rnn", 1, 1, false, relu_step}};

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

/* The loop's body and what it is given, in the order of its inputs: carries, sequences, invariants. */
struct loop {
    struct tuff_graph *g, *body; /* body [owned] until it is given away */
    tuff_val given[8];
    uint32_t count;
};

static tuff_val add(struct loop *l, const char *name, tuff_val given, enum tuff_dtype dtype, struct tuff_shape shape)
{
    l->given[l->count++] = given;
    return tuff_input(l->body, name, dtype, shape);
}

/* Whether row t of a sequence is there: bool [t, n, 1] */
static tuff_val seen_of(struct tuff_graph *g, tuff_val lengths, const struct sizes *z)
{
    tuff_val round = tuff_iota(g, TUFF_SHAPE(z->t, z->n, 1), 0);
    return tuff_less(g, round, tuff_reshape(g, lengths, TUFF_SHAPE(z->n, 1)));
}

/* A step past a sequence's length leaves its states as they were; in reverse these come first, so that it begins at its own end. */
static tuff_val loop_of(struct tuff_graph *g, const struct cell *cell, const struct tuff_recurrent_params *p,
                        const struct sizes *z, tuff_val rows, tuff_val seen)
{
    struct loop l = {.g = g};
    struct step s = {.h = z->h};
    struct tuff_error error;
    const tuff_val first[2] = {p->h_0, p->c_0};
    const uint32_t width[2] = {z->p, z->h}, all = cell->gates * z->h;
    const struct tuff_matmul_params turned = {.transpose_b = true};
    if (tuff_graph_create(g->context, &l.body, &error) != TUFF_OK)
        return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    s.g = l.body;
    for (uint32_t k = 0; k < cell->states; k++) {
        const struct tuff_shape shape = TUFF_SHAPE(z->n, width[k]);
        s.state[k] = add(&l, k ? "c" : "h", first[k] ? first[k] : tuff_full(g, TUFF_F32, shape, 0), TUFF_F32, shape);
    }
    s.x = add(&l, "x", rows, TUFF_F32, TUFF_SHAPE(z->n, all));
    tuff_val here = seen ? add(&l, "seen", seen, TUFF_BOOL, TUFF_SHAPE(z->n, 1)) : 0;
    const uint32_t invariants = l.count;
    tuff_val w = add(&l, "w_hh", p->w_hh, TUFF_F32, TUFF_SHAPE(all, z->p));
    s.product = tuff_matmul(l.body, s.state[0], w, turned);
    if (cell->bias_within && p->b_hh)
        s.product = tuff_add(l.body, s.product, add(&l, "b_hh", p->b_hh, TUFF_F32, TUFF_SHAPE(all)));
    cell->step(&s);
    if (p->w_hr)
        s.after[0] = tuff_matmul(l.body, s.after[0], add(&l, "w_hr", p->w_hr, TUFF_F32, TUFF_SHAPE(z->p, z->h)), turned);
    for (uint32_t k = 0; here && k < cell->states; k++) s.after[k] = tuff_select(l.body, here, s.after[k], s.state[k]);
    struct tuff_scan_params scan = {.struct_size = sizeof scan,
                                    .body = &l.body,
                                    .outputs = s.after,
                                    .output_count = cell->states,
                                    .carries = l.given,
                                    .carry_count = cell->states,
                                    .sequences = l.given + cell->states,
                                    .sequence_count = invariants - cell->states,
                                    .invariants = l.given + invariants,
                                    .invariant_count = l.count - invariants,
                                    .reverse = p->reverse};
    return tuff_scan(g, &scan);
}

struct tuff_recurrent tuff_recurrent(struct tuff_graph *g, tuff_val x, const struct tuff_recurrent_params *p)
{
    struct tuff_recurrent r = {0};
    struct sizes z;
    if (!p || p->struct_size < sizeof *p) {
        tuff_graph_fail(g, TUFF_ERR_USAGE,
                        p ? "recurrent: struct_size of its params is not set: .struct_size = sizeof params"
                          : "recurrent: its params are missing (NULL)");
        return r;
    }
    const struct cell *cell = cell_of(g, p->cell);
    if (!cell || !check(g, x, cell, p, &z)) return r;
    tuff_val seen = p->lengths ? seen_of(g, p->lengths, &z) : 0;
    if (seen) x = tuff_select(g, seen, x, tuff_scalar(g, 0)); /* what stands there may be anything */
    tuff_val rows = tuff_reshape(g, x, TUFF_SHAPE(z.t * z.n, z.e)), before = cell->bias_within ? 0 : p->b_hh;
    rows = tuff_matmul(g, rows, p->w_ih, (struct tuff_matmul_params){.transpose_b = true});
    if (p->b_ih && before) before = tuff_add(g, p->b_ih, before);
    if (p->b_ih && !before) before = p->b_ih;
    if (before) rows = tuff_add(g, rows, before);
    rows = tuff_reshape(g, rows, TUFF_SHAPE(z.t, z.n, cell->gates * z.h));
    tuff_val loop = loop_of(g, cell, p, &z, rows, seen);
    r.h = tuff_scan_all(g, loop, 0);
    if (seen) r.h = tuff_select(g, seen, r.h, tuff_scalar(g, 0));
    r.h_n = tuff_scan_last(g, loop, 0);
    r.c_n = cell->states == 2 ? tuff_scan_last(g, loop, 1) : 0;
    return r;
}

/* ---- layers and directions -------------------------------------------------------------------------------------------------------- */

static tuff_val param(const struct tuff_module *l, const char *part, const char *suffix, struct tuff_shape shape,
                      struct tuff_init init, struct tuff_init standard)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s", part, suffix);
    return tuff_module_param(l, name, shape, init, standard);
}

/* Part k of [k, n, h], or 0 of 0 */
static tuff_val part_of(struct tuff_graph *g, tuff_val v, uint32_t k)
{
    struct tuff_shape s = tuff_type_of(g, v).shape;
    if (!v || !tuff_graph_ok(g)) return 0;
    return tuff_reshape(g, tuff_slice_axis(g, v, 0, k, 1, 1), TUFF_SHAPE(s.dim[1], s.dim[2]));
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
    one.h_0 = part_of(l->g, p->h_0, k);
    one.c_0 = part_of(l->g, p->c_0, k);
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
    tuff_val *last = tuff_arena_alloc(&g->arena, 2 * layers * ways * sizeof *last),
             *of_c = last ? last + layers * ways : NULL;
    if (!last) {
        tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
        return r;
    }
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
