/* onnx_sequence.c - ONNX operators over sequences: recurrent layers and linear attention as loops of the plan, attention, rotary positions, caches. */
#include "graph/compose.h"
#include "loaders/onnx_ops.h"

#include <math.h>
#include <stdio.h>

static struct tuff_shape shape_of(const struct tuff_onnx_op *o, tuff_val v) { return tuff_type_of(o->g, v).shape; }

/* Operand i, as f32, of so many axes; 0: left out, or empty, or a failure. */
static tuff_val ranked(const struct tuff_onnx_op *o, uint32_t i, uint32_t rank)
{
    if (!tuff_on_has(o, i) || tuff_on_empty(o, i)) return 0;
    if (o->in[i].shape.rank == rank) return tuff_on_f32(o, i);
    return tuff_on_bad(o, "operand %u has %u axes, %u were to be", i, o->in[i].shape.rank, rank);
}

/* Operands 0 to count - 1 are there. */
static bool filled(const struct tuff_onnx_op *o, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!tuff_on_has(o, i) || tuff_on_empty(o, i)) tuff_on_bad(o, "operand %u is missing, or has no elements", i);
    return !tuff_on_failed(o);
}

static tuff_val swap_axes(struct tuff_graph *g, tuff_val x, uint32_t a, uint32_t b)
{
    uint32_t order[TUFF_MAX_RANK];
    for (uint32_t i = 0; i < TUFF_MAX_RANK; i++) order[i] = i == a ? b : i == b ? a : i;
    return tuff_permute(g, x, order);
}

/* ---- recurrent layers ------------------------------------------------------------------------------------------------------------------ */

static tuff_val thresholded(struct tuff_graph *g, tuff_val x, double least)
{
    const tuff_val above = tuff_greater_equal(g, x, tuff_scalar(g, least));
    return tuff_select(g, above, x, tuff_scalar(g, 0));
}

/* Name, how many numbers (alpha, beta) it takes, these, and its value. */
#define ACTIVATIONS(ROW)                                                                                                    \
    ROW(Tanh, 0, 0, 0, tuff_tanh(g, x))                                                                                     \
    ROW(Sigmoid, 0, 0, 0, tuff_sigmoid(g, x))                                                                               \
    ROW(Relu, 0, 0, 0, tuff_relu(g, x))                                                                                     \
    ROW(Affine, 2, 1, 0, tuff_affine(g, x, alpha, beta))                                                                    \
    ROW(LeakyRelu, 1, 0.01, 0, tuff_leaky_relu(g, x, alpha, 0))                                                             \
    ROW(ThresholdedRelu, 1, 1, 0, thresholded(g, x, alpha))                                                                 \
    ROW(ScaledTanh, 2, 1, 1, tuff_affine(g, tuff_tanh(g, tuff_affine(g, x, beta, 0)), alpha, 0))                            \
    ROW(HardSigmoid, 2, 0.2, 0.5, tuff_clamp(g, tuff_affine(g, x, alpha, beta), 0, 1))                                      \
    ROW(Elu, 1, 1, 0, tuff_elu(g, x, alpha, 0))                                                                             \
    ROW(Softsign, 0, 0, 0, tuff_div(g, x, tuff_affine(g, tuff_abs(g, x), 1, 1)))                                            \
    ROW(Softplus, 0, 0, 0, tuff_softplus(g, x))
struct activation {
    const char *name;
    uint32_t numbers;
    double number[2];
};
#define ROW(name, numbers, alpha, beta, y) {#name, numbers, {alpha, beta}},
static const struct activation activations[] = {ACTIVATIONS(ROW)};
#undef ROW

struct cell {
    uint32_t gates, functions, behind; /* functions of a direction, and before those of the second */
    double clip;                       /* 0: none */
    struct activation used[6];
};

/* Their numbers are in the order of the functions: one for each, or for each that takes one. */
static bool take_activations(const struct tuff_onnx_op *o, const struct tuff_recurrence *r, struct cell *c,
                             uint32_t directions)
{
    const struct tuff_onnx_attribute *names = tuff_on_attribute(o, "activations"),
                                     *numbers[2] = {tuff_on_attribute(o, "activation_alpha"),
                                                    tuff_on_attribute(o, "activation_beta")};
    const uint32_t all = c->functions * directions, given = names ? names->strings.count : 0;
    uint32_t taken[2] = {0};
    if (given && given != all) return tuff_on_bad(o, "it has %u activations, %u were to be", given, all);
    for (uint32_t k = 0; k < all; k++) {
        uint32_t row = given ? 0 : r->kind != TUFF_RECUR_RNN && k % c->functions == 0; /* Tanh, Sigmoid */
        while (given && row < TUFF_COUNT(activations) && !tuff_span_is(names->strings.at[k], activations[row].name)) row++;
        if (row == TUFF_COUNT(activations))
            return tuff_on_bad(o, "there is no activation \"%.*s\"", TUFF_SPAN_TEXT(names->strings.at[k]));
        c->used[k] = activations[row];
        for (uint32_t i = 0; i < activations[row].numbers; i++) {
            const uint32_t count = numbers[i] ? numbers[i]->floats.count : 0, at = count < all ? taken[i]++ : k;
            if (at < count) c->used[k].number[i] = (double)numbers[i]->floats.at[at];
        }
    }
    return true;
}

/* user: a cell, whose functions begin with those of the direction. */
static tuff_val activate(const struct tuff_recurrence *r, struct tuff_graph *g, uint32_t function, tuff_val x)
{
    const struct cell *c = r->user;
    const struct activation *used = &c->used[function + (r->reverse ? c->behind : 0)];
    const double alpha = used->number[0], beta = used->number[1];
    if (c->clip > 0) x = tuff_clamp(g, x, -c->clip, c->clip);
#define ROW(name_, numbers, alpha_, beta_, y)                                                                               \
    if (!strcmp(used->name, #name_)) return y;
    ACTIVATIONS(ROW)
#undef ROW
    return 0;
}

static tuff_val turned(struct tuff_graph *g, tuff_val a, tuff_val w) /* a w^T */
{
    return tuff_matmul(g, a, w, (struct tuff_matmul_params){.transpose_b = true});
}

/* in: operands, each of this direction. */
enum operand { X, W, R, B, LENGTHS, H_0, C_0, P, OPERANDS };
static struct tuff_recurrent run_direction(struct tuff_graph *g, struct tuff_recurrence r, uint32_t gates,
                                           const tuff_val *in)
{
    const struct tuff_shape x = tuff_type_of(g, in[X]).shape;
    const uint32_t all = gates * r.h, most = r.linear ? 2 * r.h : all, before = 0, after = all - most;
    tuff_val rows = turned(g, tuff_reshape(g, in[X], TUFF_SHAPE(x.dim[0] * x.dim[1], x.dim[2])), in[W]);
    if (in[B]) {
        const tuff_val of_x = tuff_slice_axis(g, in[B], 0, 0, 1, all), of_h = tuff_slice_axis(g, in[B], 0, all, 1, most);
        rows = tuff_add(g, rows, of_x);
        rows = tuff_add(g, rows, tuff_pad(g, of_h, &before, &after, 0));
        if (r.linear) r.bias = tuff_slice_axis(g, in[B], 0, all + most, 1, r.h);
    }
    r.w = in[R];
    if (r.kind == TUFF_RECUR_GRU && !r.linear) {
        r.w = tuff_slice_axis(g, in[R], 0, 0, 1, 2 * r.h);
        r.w_rest = tuff_slice_axis(g, in[R], 0, 2 * r.h, 1, r.h);
    }
    r.rows = tuff_reshape(g, rows, TUFF_SHAPE(x.dim[0], x.dim[1], all));
    r.first[0] = in[H_0], r.first[1] = in[C_0], r.peephole = in[P];
    return tuff_recurrence(g, &r);
}

/* Steps behind a sequence's end leave the states as they were; in reverse these come first. */
BUILD(recurrent)
{
    static const uint32_t ranks[OPERANDS] = {3, 3, 3, 2, 1, 3, 3, 2}, gates[] = {1, 3, 4}, functions[] = {1, 2, 3};
    struct tuff_recurrence r = {.kind = OP_IS("LSTM")  ? TUFF_RECUR_LSTM
                                        : OP_IS("GRU") ? TUFF_RECUR_GRU
                                                       : TUFF_RECUR_RNN,
                                .gate = {0, 1, 2, 3},
                                .activate = activate};
    const bool lstm = r.kind == TUFF_RECUR_LSTM;
    struct cell c = {.gates = gates[r.kind], .functions = functions[r.kind], .clip = tuff_on_number(o, "clip", 0)};
    const bool both = tuff_on_text_is(o, "direction", "bidirectional", "forward"),
               reverse = tuff_on_text_is(o, "direction", "reverse", "forward"), batch_first = tuff_on_int(o, "layout", 0);
    const uint32_t directions = both ? 2 : 1;
    tuff_val in[OPERANDS] = {0}, one[OPERANDS];
    struct tuff_recurrent results[2] = {{0}};
    if (!filled(o, 3)) return false;
    for (uint32_t i = 0; i < (lstm ? OPERANDS : C_0); i++) {
        in[i] = i != LENGTHS ? ranked(o, i, ranks[i]) : tuff_on_has(o, i) ? tuff_on_i32(o, i) : 0;
        if (batch_first && in[i] && (i == X || i == H_0 || i == C_0)) in[i] = swap_axes(g, in[i], 0, 1);
    }
    c.behind = both ? c.functions : 0;
    r.coupled = lstm && tuff_on_int(o, "input_forget", 0);
    r.linear = r.kind == TUFF_RECUR_GRU && tuff_on_int(o, "linear_before_reset", 0);
    if (tuff_on_failed(o) || !take_activations(o, &r, &c, directions)) return false;
    const struct tuff_shape x = shape_of(o, in[X]);
    const uint32_t t = x.dim[0], n = x.dim[1], h = o->in[R].shape.dim[2], all = c.gates * h;
    struct tuff_shape fits[OPERANDS] = {[X] = x, [LENGTHS] = TUFF_SHAPE(n)};
    fits[W] = TUFF_SHAPE(directions, all, x.dim[2]), fits[R] = TUFF_SHAPE(directions, all, h);
    fits[B] = TUFF_SHAPE(directions, 2 * all), fits[P] = TUFF_SHAPE(directions, 3 * h);
    fits[H_0] = fits[C_0] = TUFF_SHAPE(directions, n, h);
    for (uint32_t i = 0; i < OPERANDS; i++) {
        const struct tuff_shape shape = shape_of(o, in[i]);
        char want[128];
        if (in[i] && !tuff_shape_equal(&shape, &fits[i]))
            return tuff_on_bad(o, "operand %u is not %s", i, tuff_shape_text(&fits[i], want, sizeof want));
    }
    if (in[LENGTHS]) {
        r.seen = tuff_rounds_seen(g, in[LENGTHS], t, n);
        in[X] = tuff_select(g, r.seen, in[X], tuff_scalar(g, 0)); /* what stands there may be anything */
    }
    r.h = h, r.user = &c;
    for (uint32_t d = 0; d < directions; d++) {
        for (uint32_t i = 0; i < OPERANDS; i++)
            one[i] = in[i] && i != X && i != LENGTHS ? tuff_take_axis(g, in[i], 0, d) : in[i];
        r.reverse = reverse || d == 1;
        results[d] = run_direction(g, r, c.gates, one);
    }
    const tuff_val first[] = {results[0].h, results[0].h_n, results[0].c_n},
                   second[] = {results[1].h, results[1].h_n, results[1].c_n};
    for (uint32_t k = 0; k < 3 && first[k] && !tuff_on_failed(o); k++) {
        const int axis = k == 0;
        const uint32_t order[] = {2, 0, 1, 3}; /* [t, directions, n, h] */
        const tuff_val parts[2] = {tuff_unsqueeze(g, first[k], axis), both ? tuff_unsqueeze(g, second[k], axis) : 0};
        tuff_val y = tuff_concat(g, parts, directions, axis);
        if (batch_first) y = k == 0 ? tuff_permute(g, y, order) : swap_axes(g, y, 0, 1);
        tuff_on_put(o, k, y);
    }
    return !tuff_on_failed(o);
}

/* ---- attention -------------------------------------------------------------------------------------------------------------------------- */

/* [.., heads d] of three axes -> [.., heads, d] */
static tuff_val split_heads(const struct tuff_onnx_op *o, tuff_val x, int64_t heads)
{
    const struct tuff_shape s = shape_of(o, x);
    if (!x || heads < 1 || heads > s.dim[2] || s.dim[2] % heads)
        return tuff_on_bad(o, "%u numbers have no %lld heads", x ? s.dim[2] : 0, (long long)heads);
    return tuff_reshape(o->g, x, TUFF_SHAPE(s.dim[0], s.dim[1], (uint32_t)heads, s.dim[2] / (uint32_t)heads));
}

/* Operand i, [b, s, heads d] -> [b, heads, s, d], or that already. */
static tuff_val heads_of(const struct tuff_onnx_op *o, uint32_t i, uint32_t rank, int64_t heads)
{
    const tuff_val x = ranked(o, i, rank);
    return rank == 3 ? swap_axes(o->g, split_heads(o, x, heads), 1, 2) : x;
}

/* [b, t, heads d] -> [t, b, heads, d] */
static tuff_val rows_of_heads(const struct tuff_onnx_op *o, uint32_t i, int64_t heads)
{
    return swap_axes(o->g, split_heads(o, ranked(o, i, 3), heads), 0, 1);
}

/* Products with what is not seen at -inf; `past` columns stand before those of the rows. */
static tuff_val masked(const struct tuff_onnx_op *o, tuff_val score, uint32_t past)
{
    struct tuff_graph *g = o->g;
    const struct tuff_shape s = shape_of(o, score), square = TUFF_SHAPE(s.dim[2], s.dim[3]);
    const tuff_val none = tuff_scalar(g, -INFINITY),
                   lengths = tuff_on_has(o, 6) ? tuff_reshape(g, tuff_on_i32(o, 6), TUFF_SHAPE(s.dim[0], 1, 1, 1)) : 0,
                   column = tuff_iota(g, square, 1), ahead = tuff_sub(g, column, tuff_iota(g, square, 0));
    const int64_t left = tuff_on_int(o, "left_window_size", -1), right = tuff_on_int(o, "right_window_size", -1);
    if (tuff_on_has(o, 3)) {
        const struct tuff_shape m = o->in[3].shape;
        const uint32_t last = m.rank ? m.rank - 1 : 0, before[TUFF_MAX_RANK] = {0};
        uint32_t after[TUFF_MAX_RANK] = {0};
        tuff_val mask = o->in[3].type == TUFF_ONNX_BOOL ? tuff_select(g, tuff_on(o, 3), tuff_scalar(g, 0), none)
                                                        : tuff_on_f32(o, 3);
        if (m.rank && o->version >= 24 && m.dim[last] < s.dim[3]) {
            after[last] = s.dim[3] - m.dim[last];
            mask = tuff_pad(g, mask, before, after, -INFINITY);
        }
        score = tuff_add(g, score, mask);
    }
    const tuff_val offset = lengths && !past ? tuff_on_plus(g, lengths, -(double)s.dim[2]) : tuff_on_one(g, TUFF_I32, past);
    if (tuff_on_int(o, "is_causal", 0)) score = tuff_select(g, tuff_less_equal(g, ahead, offset), score, none);
    if (left >= 0) score = tuff_select(g, tuff_less_equal(g, tuff_on_plus(g, offset, -(double)left), ahead), score, none);
    if (right >= 0) score = tuff_select(g, tuff_less_equal(g, ahead, tuff_on_plus(g, offset, (double)right)), score, none);
    if (lengths) score = tuff_select(g, tuff_less(g, column, lengths), score, none);
    return score;
}

/* All is f32, whatever precision the softmax is to have. A row that sees nothing is 0. */
BUILD(attention)
{
    if (!filled(o, 3)) return false;
    const uint32_t rank = o->in[0].shape.rank == 3 ? 3 : 4;
    const double cap = tuff_on_number(o, "softcap", 0);
    tuff_val x[3];
    uint32_t past_rows = 0;
    if (tuff_on_has(o, 4) != tuff_on_has(o, 5)) return tuff_on_bad(o, "it has a past of keys or values alone");
    for (uint32_t i = 0; i < 3; i++) {
        const tuff_val past = i ? ranked(o, 3 + i, 4) : 0;
        x[i] = heads_of(o, i, rank, tuff_on_int(o, i ? "kv_num_heads" : "q_num_heads", 0));
        if (past) {
            past_rows = shape_of(o, past).dim[2];
            x[i] = tuff_concat(g, (tuff_val[]){past, x[i]}, 2, 2);
        }
        if (i) tuff_on_put_as(o, i, x[i], o->in[i].type);
    }
    if (tuff_on_failed(o)) return false;
    const struct tuff_shape q = shape_of(o, x[0]), k = shape_of(o, x[1]), v = shape_of(o, x[2]);
    const uint32_t b = q.dim[0], h = q.dim[1], t = q.dim[2], hk = k.dim[1], s = k.dim[2], rows = h / hk * t;
    if (h % hk || q.dim[3] != k.dim[3] || v.dim[1] != hk || v.dim[2] != s)
        return tuff_on_bad(o, "its queries, keys and values do not fit together");
    tuff_val score = turned(g, tuff_reshape(g, x[0], TUFF_SHAPE(b, hk, rows, q.dim[3])),
                            x[1]); /* heads that share keys: one matrix */
    score = tuff_affine(g, score, tuff_on_number(o, "scale", 1 / sqrt(q.dim[3])), 0);
    tuff_val shown[4] = {tuff_reshape(g, score, TUFF_SHAPE(b, h, t, s))};
    shown[1] = cap > 0 ? tuff_affine(g, tuff_tanh(g, tuff_affine(g, shown[0], 1 / cap, 0)), cap, 0) : shown[0];
    shown[2] = masked(o, shown[1], past_rows);
    const tuff_val most = tuff_finite(g, tuff_detach(g, tuff_reduce_max(g, shown[2], 1u << 3, TUFF_KEEP_AXES))),
                   e = tuff_exp(g, tuff_sub(g, shown[2], most)), sum = tuff_sum(g, e, 1u << 3, TUFF_KEEP_AXES);
    shown[3] = tuff_div(g, e, tuff_maximum(g, sum, tuff_scalar(g, TUFF_SUM_FLOOR)));
    tuff_val y = tuff_on_matmul(g, tuff_reshape(g, shown[3], TUFF_SHAPE(b, hk, rows, s)), x[2]);
    y = tuff_reshape(g, y, TUFF_SHAPE(b, h, t, v.dim[3]));
    if (rank == 3) y = tuff_reshape(g, swap_axes(g, y, 1, 2), TUFF_SHAPE(b, t, h * v.dim[3]));
    const int64_t mode = tuff_on_int(o, "qk_matmul_output_mode", 0);
    if (mode < 0 || mode > 3) return tuff_on_bad(o, "there is no qk_matmul_output_mode %lld", (long long)mode);
    tuff_on_put(o, 3, shown[mode]);
    return tuff_on_put(o, 0, y);
}

/* Pairs of the first numbers of each head are turned, the rest stays. */
BUILD(rotary)
{
    if (!filled(o, 3)) return false;
    const bool packed = o->in[0].shape.rank == 3, interleaved = tuff_on_int(o, "interleaved", 0);
    const tuff_val x = heads_of(o, 0, packed ? 3 : 4, tuff_on_int(o, "num_heads", 0));
    const struct tuff_shape s = shape_of(o, x);
    const uint32_t width = (uint32_t)tuff_on_int(o, "rotary_embedding_dim", 0), d = width ? width : s.dim[3], half = d / 2;
    tuff_val table[2];
    if (tuff_on_failed(o)) return false;
    if (d > s.dim[3] || d % 2 || d == 0) return tuff_on_bad(o, "%u of %u numbers cannot be turned in pairs", d, s.dim[3]);
    for (uint32_t i = 0; i < 2; i++) { /* [b, s, half] -> [b, 1, s, half] */
        table[i] = ranked(o, 1 + i, tuff_on_has(o, 3) ? 2 : 3);
        if (table[i] && tuff_on_has(o, 3)) table[i] = tuff_gather(g, table[i], tuff_on_i32(o, 3), 0);
        if (shape_of(o, table[i]).rank != 3) return tuff_on_bad(o, "its positions have other axes than 2");
        table[i] = tuff_unsqueeze(g, table[i], 1);
    }
    const int32_t step = interleaved ? 2 : 1;
    const tuff_val a = tuff_slice_axis(g, x, 3, 0, step, half),
                   b = tuff_slice_axis(g, x, 3, interleaved ? 1 : half, step, half);
    const tuff_val ac = tuff_mul(g, a, table[0]), bs = tuff_mul(g, b, table[1]), as = tuff_mul(g, a, table[1]),
                   bc = tuff_mul(g, b, table[0]);
    tuff_val parts[2] = {tuff_sub(g, ac, bs), tuff_add(g, as, bc)};
    struct tuff_shape turned_shape = s;
    turned_shape.dim[3] = d;
    for (uint32_t i = 0; interleaved && i < 2; i++) parts[i] = tuff_unsqueeze(g, parts[i], 4);
    tuff_val y = tuff_reshape(g, tuff_concat(g, parts, 2, interleaved ? 4 : 3), turned_shape);
    if (d < s.dim[3]) y = tuff_concat(g, (tuff_val[]){y, tuff_slice_axis(g, x, 3, d, 1, s.dim[3] - d)}, 2, 3);
    return tuff_on_put(o, 0, packed ? tuff_reshape(g, swap_axes(g, y, 1, 2), o->in[0].shape) : y);
}

/* A state [b, hk, dk, dv] of key and value products, round by round; heads of queries that share keys are rows of one matrix. */
BUILD(linear_attention)
{
    struct tuff_loop l;
    if (!filled(o, 3)) return false;
    const int64_t heads = tuff_on_int(o, "q_num_heads", 0), key_heads = tuff_on_int(o, "kv_num_heads", 0);
    const bool plain = tuff_on_text_is(o, "update_rule", "linear", "gated_delta"),
               gated = !plain && !tuff_on_text_is(o, "update_rule", "delta", "gated_delta"),
               delta = !plain && !tuff_on_text_is(o, "update_rule", "gated", "gated_delta");
    if ((gated && !tuff_on_has(o, 4)) || (delta && !tuff_on_has(o, 5)))
        return tuff_on_bad(o, "its update rule needs a decay (operand 4) or a rate (operand 5)");
    /* [t, b, heads, d] */
    const tuff_val q = rows_of_heads(o, 0, heads), k = rows_of_heads(o, 1, key_heads), v = rows_of_heads(o, 2, key_heads),
                   decay = gated ? rows_of_heads(o, 4, key_heads) : 0,
                   beta = delta ? rows_of_heads(o, 5, o->in[5].shape.dim[2]) : 0, past = ranked(o, 3, 4);
    if (tuff_on_failed(o)) return false;
    const struct tuff_shape sq = shape_of(o, q), sk = shape_of(o, k), sv = shape_of(o, v);
    const uint32_t t = sq.dim[0], b = sq.dim[1], hk = sk.dim[2], dk = sk.dim[3], dv = sv.dim[3], shared = sq.dim[2] / hk;
    if (heads % key_heads || sq.dim[3] != dk || sk.dim[0] != t || sv.dim[0] != t)
        return tuff_on_bad(o, "its queries, keys and values do not fit together");
    tuff_val rows[5] = {tuff_reshape(g, q, TUFF_SHAPE(t, b, hk, shared, dk)), tuff_unsqueeze(g, k, 3),
                        tuff_unsqueeze(g, v, 3), decay ? tuff_unsqueeze(g, tuff_exp(g, decay), 4) : 0,
                        beta ? tuff_unsqueeze(g, beta, 4) : 0};
    if (tuff_on_failed(o) || !tuff_loop_begin(g, &l)) return false;
    tuff_val s = tuff_loop_give(&l, TUFF_LOOP_CARRY, past ? past : tuff_full(g, TUFF_F32, TUFF_SHAPE(b, hk, dk, dv), 0));
    for (uint32_t i = 0; i < 5; i++) rows[i] = tuff_loop_give(&l, TUFF_LOOP_ROW, rows[i]);
    struct tuff_graph *body = l.body;
    if (rows[3]) s = tuff_mul(body, s, rows[3]);
    if (rows[4]) rows[2] = tuff_mul(body, rows[4], tuff_sub(body, rows[2], tuff_on_matmul(body, rows[1], s)));
    s = tuff_add(body, s, tuff_mul(body, tuff_reshape(body, rows[1], TUFF_SHAPE(b, hk, dk, 1)), rows[2]));
    const tuff_val loop = tuff_loop_end(&l, (tuff_val[]){s, tuff_on_matmul(body, rows[0], s)}, 2, false);
    const double scale = tuff_on_number(o, "scale", 0);
    tuff_val y = swap_axes(g, tuff_scan_all(g, loop, 1), 0, 1); /* [b, t, hk, shared, dv] */
    y = tuff_affine(g, tuff_reshape(g, y, TUFF_SHAPE(b, t, sq.dim[2] * dv)), scale != 0 ? scale : 1 / sqrt(dk), 0);
    tuff_on_put_as(o, 1, tuff_scan_last(g, loop, 0), o->in[tuff_on_has(o, 3) ? 3 : 0].type);
    return tuff_on_put(o, 0, y);
}

/* ---- caches, convolution, order ---------------------------------------------------------------------------------------------------------- */

/* Each channel by its own weights, over itself and what came before; the last numbers are kept for the next call. */
BUILD(causal_conv)
{
    if (!filled(o, 2)) return false;
    const tuff_val w = ranked(o, 1, 3), past = ranked(o, 3, 3);
    tuff_val x = ranked(o, 0, 3);
    if (tuff_on_failed(o)) return false;
    const struct tuff_shape s = o->in[0].shape;
    const uint32_t k = o->in[1].shape.dim[2], before[] = {0, 0, k - 1}, after[] = {0, 0, 0};
    const struct tuff_shape kept = TUFF_SHAPE(s.dim[0], s.dim[1], k - 1);
    if (k > 1) x = past ? tuff_concat(g, (tuff_val[]){past, x}, 2, 2) : tuff_pad(g, x, before, after, 0);
    if (shape_of(o, x).dim[2] != s.dim[2] + k - 1) return tuff_on_bad(o, "its past does not have %u rows", k - 1);
    const tuff_val kernel = tuff_unsqueeze(g, w, 2), bias = ranked(o, 2, 1);
    tuff_val y = tuff_conv2d(g, tuff_unsqueeze(g, x, 2), kernel, bias, (struct tuff_conv2d_params){.groups = s.dim[1]});
    y = tuff_reshape(g, y, s);
    if (tuff_on_text_is(o, "activation", "silu", "none") || tuff_on_text_is(o, "activation", "swish", "none"))
        y = tuff_silu(g, y);
    if (k > 1)
        tuff_on_put(o, 1, tuff_slice_axis(g, x, 2, s.dim[2], 1, k - 1));
    else
        tuff_on_put_full(o, 1, o->in[0].type, kept, 0);
    return tuff_on_put(o, 0, y);
}

/* Rows of `inner` numbers at these places. */
static tuff_val rows_at(struct tuff_graph *g, tuff_val x, uint64_t inner, tuff_val places)
{
    return tuff_gather(g, tuff_reshape(g, x, TUFF_SHAPE(0, (uint32_t)inner)), places, 0);
}

BUILD(reverse_sequence)
{
    const struct tuff_shape x = o->in[0].shape;
    const int64_t time = tuff_on_int(o, "time_axis", 0), batch = tuff_on_int(o, "batch_axis", 1);
    if (!filled(o, 2)) return false;
    if (x.rank < 2 || (time != 0 && time != 1) || batch != 1 - time) return tuff_on_bad(o, "its axes are not 0 and 1");
    const struct tuff_shape both = TUFF_SHAPE(x.dim[0], x.dim[1]),
                            of_batch = batch ? TUFF_SHAPE(1, x.dim[1]) : TUFF_SHAPE(x.dim[0], 1);
    const tuff_val round = tuff_iota(g, both, (int)time), sample = tuff_iota(g, both, (int)batch),
                   lengths = tuff_reshape(g, tuff_on_i32(o, 1), of_batch);
    const tuff_val there = tuff_less(g, round, lengths), last = tuff_on_plus(g, lengths, -1),
                   at = tuff_select(g, there, tuff_sub(g, last, round), round);
    const tuff_val place = tuff_add(g, tuff_on_times(g, batch ? at : sample, x.dim[1]), batch ? sample : at);
    const uint64_t inner = tuff_shape_count(&x) / tuff_shape_count(&both);
    return tuff_on_put(o, 0, tuff_reshape(g, rows_at(g, tuff_on(o, 0), inner, place), x));
}

/* Each row of the cache is its own, or the one of the update that is written there. */
BUILD(tensor_scatter)
{
    const struct tuff_shape x = o->in[0].shape, u = o->in[1].shape;
    const int axis = tuff_on_axis(o, tuff_on_int(o, "axis", -2), x.rank);
    if (!filled(o, 2)) return false;
    struct tuff_shape same = x;
    if (axis > 0) same.dim[axis] = u.dim[axis];
    if (axis < 1 || !tuff_shape_equal(&same, &u) || u.dim[axis] > x.dim[axis])
        return tuff_on_bad(o, "its axis or its update does not fit the cache");
    const uint32_t b = x.dim[0], rows = x.dim[axis], t = u.dim[axis];
    uint64_t outer, inner;
    tuff_around_axis(&x, axis, &outer, &inner);
    const uint32_t p = (uint32_t)(outer / b);
    tuff_val at = tuff_iota(g, TUFF_SHAPE(b, 1, rows), 2);
    if (tuff_on_has(o, 2)) at = tuff_sub(g, at, tuff_reshape(g, tuff_on_i32(o, 2), TUFF_SHAPE(b, 1, 1)));
    if (tuff_on_text_is(o, "mode", "circular", "linear")) at = tuff_mod(g, at, tuff_on_one(g, TUFF_I32, rows));
    const tuff_val not_before = tuff_maximum(g, at, tuff_on_one(g, TUFF_I32, 0)),
                   near = tuff_minimum(g, not_before, tuff_on_one(g, TUFF_I32, t - 1.0)),
                   here = tuff_reshape(g, tuff_equal(g, near, at), TUFF_SHAPE(b, 1, rows, 1)),
                   sample = tuff_reshape(g, tuff_iota(g, TUFF_SHAPE(b * p), 0), TUFF_SHAPE(b, p, 1)),
                   first = tuff_on_times(g, sample, t);
    const tuff_val new = rows_at(g, tuff_on(o, 1), inner, tuff_add(g, first, near)),
                   old = tuff_reshape(g, tuff_on(o, 0), TUFF_SHAPE(b, p, rows, (uint32_t)inner));
    return tuff_on_put(o, 0, tuff_reshape(g, tuff_select(g, here, new, old), x));
}
