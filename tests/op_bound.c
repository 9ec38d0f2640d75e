/* op_bound.c - carries error bounds through a graph, value by value.
 *
 * Rows by their own text (op_text.c). Moves of elements move bounds. Sums and products of n terms: with u = 2^-24,
 *     |device - reference| <= f(|a| + ea, |b| + eb) - f(|a|, |b|) + 2 (n + 2) u f(|a| + ea, |b| + eb)
 * with f the operator's own reference: first what comes in with the operands, then what any order of adding rounds away
 * (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2). Positions (argmax and the like) are exact or, where
 * another element comes within the bounds, unknown. */
#include "tests/op_bound.h"
#include "graph/ops/leaf.h"
#include "graph/ops/pointwise.h"
#include "graph/ops/view.h"
#include "tests/op_text.h"

#include <math.h>
#include <stdio.h>

struct walk {
    const struct tuff_graph *g;
    double *const *data;
    double **bound;
    const struct tuff_value *value;
    tuff_val v;
    uint64_t count;
};

int64_t op_attr(const struct tuff_value *value, const char *name, uint32_t element)
{
    for (uint32_t i = 0; i < value->op->attr_count; i++) {
        const struct tuff_attr *a = &value->op->attrs[i];
        const void *field = (const char *)value->attrs + a->offset;
        if (strcmp(a->name, name) != 0) continue;
        return a->kind == TUFF_ATTR_U32S ? (int64_t)((const uint32_t *)field)[element]
                                         : (int64_t)((const int32_t *)field)[element];
    }
    return 0;
}

static bool is_float(enum tuff_dtype dtype) { return dtype == TUFF_F32 || dtype == TUFF_F16; }
static const struct tuff_type *type_of(const struct walk *w, uint32_t i) { return &w->g->values[w->value->in[i]].type; }
static const double *data_of(const struct walk *w, uint32_t i) { return w->data[w->value->in[i]]; }
static const double *bound_of(const struct walk *w, uint32_t i) { return w->bound[w->value->in[i]]; }

static bool exact(const double *bound, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (bound[i] != 0) return false;
    return true;
}

static bool exact_input(const struct walk *w, uint32_t i)
{
    return exact(bound_of(w, i), tuff_shape_count(&type_of(w, i)->shape));
}

static void unknown(const struct walk *w)
{
    for (uint64_t i = 0; i < w->count; i++) w->bound[w->v][i] = INFINITY;
}

/* The operator's reference on other operands. value: w->value or a copy with other attributes. */
static void reference(const struct walk *w, const struct tuff_value *value, const double *const *in, double *out)
{
    struct tuff_type types[16];
    const double **pointers = (const double **)tuff_alloc(w->g->context, value->in_count * sizeof *pointers);
    struct tuff_type *all = value->in_count <= TUFF_COUNT(types) ? types
                                                                 : tuff_alloc(w->g->context, value->in_count * sizeof *all);
    memset(out, 0, (size_t)w->count * sizeof *out);
    for (uint32_t i = 0; pointers && all && i < value->in_count; i++) {
        pointers[i] = in[i];
        if (value->in[i]) all[i] = *type_of(w, i);
    }
    if (pointers && all) value->op->ref(&(struct tuff_ref){.value = value, .in_types = all, .in = pointers, .out = out});
    tuff_free(w->g->context, (void *)pointers);
    if (all != types) tuff_free(w->g->context, all);
}

/* ---- operators that only move elements ---------------------------------------------------------------------------------------- */

static void moves(const struct walk *w)
{
    struct tuff_pad_attrs pad;
    struct tuff_value value = *w->value;
    const double *in[256] = {NULL};
    if (value.op == &tuff_op_pad) {
        pad = *(const struct tuff_pad_attrs *)value.attrs;
        pad.value = fabs((double)(float)pad.value - pad.value);
        value.attrs = &pad;
    }
    for (uint32_t i = 0; i < value.in_count; i++)
        if (value.in[i]) in[i] = bound_of(w, i);
    if ((value.op == &tuff_op_gather || value.op == &tuff_op_gather_elements)) {
        if (!exact_input(w, 1)) {
            unknown(w);
            return;
        }
        in[1] = data_of(w, 1);
    }
    reference(w, &value, in, w->bound[w->v]);
}

static void select_bound(const struct walk *w)
{
    for (uint64_t i = 0; i < w->count; i++)
        w->bound[w->v][i] = bound_of(w, 0)[i] != 0 ? INFINITY : bound_of(w, data_of(w, 0)[i] != 0 ? 1 : 2)[i];
}

/* ---- pointwise ------------------------------------------------------------------------------------------------------------------ */

static struct op_number number_of(const struct walk *w, uint32_t input, uint64_t i)
{
    if (input >= w->value->in_count || !w->value->in[input]) return (struct op_number){0, 0};
    return (struct op_number){data_of(w, input)[i], bound_of(w, input)[i]};
}

static void whole_numbers(const struct walk *w)
{
    for (uint64_t i = 0; i < w->count; i++) {
        bool sure = fabs(w->data[w->v][i]) <= 2147483647.0;
        for (uint32_t k = 0; k < w->value->in_count; k++) sure = sure && number_of(w, k, i).e == 0;
        w->bound[w->v][i] = sure ? 0 : INFINITY;
    }
}

static bool row(const struct walk *w)
{
    static const struct tuff_pw_attrs none;
    const struct tuff_pw_attrs *p = w->value->attrs ? w->value->attrs : &none;
    bool derivative = (w->value->op->traits & TUFF_DERIVATIVE) != 0;
    uint32_t first = derivative ? 1 : 0;
    struct op_text text;
    if (!is_float(type_of(w, 0)->dtype)) {
        whole_numbers(w);
        return true;
    }
    if (!op_text_read(&text, w->value->op->glsl))
        return printf("%s: text '%s' is not understood\n", w->value->op->name, w->value->op->glsl), false;
    for (uint64_t i = 0; i < w->count; i++) {
        struct op_number in[5] = {number_of(w, first, i),
                                  number_of(w, first + 1, i),
                                  number_of(w, first + 2, i),
                                  {p->p0, fabs((double)(float)p->p0 - p->p0)},
                                  {p->p1, fabs((double)(float)p->p1 - p->p1)}};
        struct op_number r = op_text_evaluate(&text, in);
        if (derivative) {
            struct op_number gy = number_of(w, 0, i);
            double y = gy.v * r.v;
            r.e = fabs(gy.v) * r.e + fabs(r.v) * gy.e + gy.e * r.e + OP_ULP * fabs(y) + (y != 0 ? OP_TINY : 0);
            if (!(fabs(y) < OP_HUGE)) r.e = INFINITY;
        }
        w->bound[w->v][i] = r.e;
    }
    return true;
}

/* Spacing of f16 at v: half of it is the error of rounding. */
static double half_step(double v)
{
    int e;
    frexp(v, &e);
    return v == 0 ? 0 : ldexp(1.0, e < -13 ? -24 : e - 11);
}

static void cast_bound(const struct walk *w)
{
    enum tuff_dtype from = type_of(w, 0)->dtype, to = w->value->type.dtype;
    for (uint64_t i = 0; i < w->count; i++) {
        double v = data_of(w, 0)[i], e = bound_of(w, 0)[i], y = w->data[w->v][i], *out = &w->bound[w->v][i];
        *out = 0;
        if (to == TUFF_F32)
            *out = is_float(from) ? e + (e > 0 ? OP_ULP * fabs(v) : 0)
                                  : e + (y == v && fabs(v) < 16777216 ? 0 : OP_ULP * fabs(v));
        else if (e == 0)
            *out = 0;
        else if (to == TUFF_F16)
            *out = e + half_step(fabs(v) + e);
        else if (to == TUFF_BOOL)
            *out = fabs(v) > e ? 0 : INFINITY;
        else
            *out = trunc(v - e) == trunc(v + e) ? 0 : INFINITY;
    }
}

/* ---- sums ------------------------------------------------------------------------------------------------------------------------ */

static bool linear(const struct walk *w)
{
    const struct tuff_value *value = w->value;
    struct tuff_type types[4];
    const double *low[4] = {NULL}, *high[4] = {NULL};
    double *made[8] = {NULL}, *y = w->bound[w->v], *plain = tuff_alloc(w->g->context, (size_t)w->count * sizeof *plain);
    bool whole = !is_float(value->type.dtype), memory = plain != NULL, known = true;
    for (uint32_t i = 0; i < value->in_count && memory; i++) {
        uint64_t n = tuff_shape_count(&type_of(w, i)->shape);
        types[i] = *type_of(w, i);
        if (!is_float(types[i].dtype)) {
            known = known && exact_input(w, i);
            low[i] = high[i] = data_of(w, i);
            continue;
        }
        made[2 * i] = tuff_alloc(w->g->context, (size_t)n * sizeof **made);
        made[2 * i + 1] = tuff_alloc(w->g->context, (size_t)n * sizeof **made);
        memory = made[2 * i] && made[2 * i + 1];
        for (uint64_t k = 0; k < n && memory; k++) {
            made[2 * i][k] = fabs(data_of(w, i)[k]);
            made[2 * i + 1][k] = made[2 * i][k] + bound_of(w, i)[k];
        }
        low[i] = made[2 * i];
        high[i] = made[2 * i + 1];
    }
    if (memory && whole) {
        for (uint64_t i = 0; i < w->count; i++) y[i] = known && fabs(w->data[w->v][i]) < 2147483647.0 ? 0 : INFINITY;
    } else if (memory && !known) {
        unknown(w);
    } else if (memory) {
        double n = value->op->terms ? value->op->terms(value, types) : 1;
        reference(w, value, low, plain);
        reference(w, value, high, y);
        for (uint64_t i = 0; i < w->count; i++)
            y[i] = y[i] - plain[i] + (n + 2) * OP_ULP * y[i] + (y[i] > 0 ? n * OP_TINY : 0);
    }
    for (uint32_t i = 0; i < 8; i++) tuff_free(w->g->context, made[i]);
    tuff_free(w->g->context, plain);
    return memory;
}

/* ---- largest of several: bounds and positions -------------------------------------------------------------------------------------- */

/* Elements of one line or window, by their places in input 0. */
struct candidates {
    uint64_t place[4096];
    uint32_t count;
};

/* Candidates of output element i of a reduction over axes. */
static void reduced(const struct walk *w, uint64_t i, struct candidates *c)
{
    const struct tuff_shape *x = &type_of(w, 0)->shape;
    uint32_t axes = (uint32_t)op_attr(w->value, "axes", 0);
    uint64_t strides[TUFF_MAX_RANK], base = 0, n = 1;
    tuff_strides(x, strides);
    for (uint32_t k = x->rank; k-- > 0;) {
        if (axes >> k & 1) {
            n *= x->dim[k];
            continue;
        }
        base += i % x->dim[k] * strides[k];
        i /= x->dim[k];
    }
    c->count = 0;
    for (uint64_t r = 0; r < n && c->count < TUFF_COUNT(c->place); r++) {
        uint64_t at = base, rest = r;
        for (uint32_t k = x->rank; k-- > 0;)
            if (axes >> k & 1) {
                at += rest % x->dim[k] * strides[k];
                rest /= x->dim[k];
            }
        c->place[c->count++] = at;
    }
}

/* Candidates of window i of a pooling of input 0, whose windows are counted by y. */
static void pooled(const struct walk *w, const struct tuff_shape *y, uint64_t i, struct candidates *c)
{
    const struct tuff_shape *x = &type_of(w, 0)->shape;
    uint64_t column = i % y->dim[3], line = i / y->dim[3] % y->dim[2], plane = i / y->dim[3] / y->dim[2];
    int64_t step[2], apart[2];
    for (uint32_t k = 0; k < 2; k++) {
        step[k] = op_attr(w->value, "stride", k) ? op_attr(w->value, "stride", k) : 1;
        apart[k] = op_attr(w->value, "dilation", k) ? op_attr(w->value, "dilation", k) : 1;
    }
    c->count = 0;
    for (int64_t u = 0; u < op_attr(w->value, "kernel", 0); u++)
        for (int64_t v = 0; v < op_attr(w->value, "kernel", 1); v++) {
            int64_t at_y = (int64_t)line * step[0] + u * apart[0] - op_attr(w->value, "pad", 0);
            int64_t at_x = (int64_t)column * step[1] + v * apart[1] - op_attr(w->value, "pad", 1);
            bool inside = at_y >= 0 && at_y < x->dim[2] && at_x >= 0 && at_x < x->dim[3];
            if (inside && c->count < TUFF_COUNT(c->place))
                c->place[c->count++] = (plane * x->dim[2] + (uint64_t)at_y) * x->dim[3] + (uint64_t)at_x;
        }
}

/* First place of the largest (sign 1) or smallest (sign -1) candidate; *sure: no device can find another. */
static uint64_t winner(const struct walk *w, const struct candidates *c, double sign, bool *sure)
{
    const double *x = data_of(w, 0), *e = bound_of(w, 0);
    uint64_t best = c->place[0];
    for (uint32_t k = 1; k < c->count; k++)
        if (sign * x[c->place[k]] > sign * x[best]) best = c->place[k];
    *sure = true;
    for (uint32_t k = 0; k < c->count; k++) {
        uint64_t at = c->place[k];
        double both = e[at] + e[best];
        if (at != best && both > 0 && sign * x[at] + both >= sign * x[best]) *sure = false;
    }
    return best;
}

/* The largest element may be another one, but is at most this far away. */
static double extremum_bound(const struct walk *w, const struct candidates *c, double sign)
{
    const double *x = data_of(w, 0), *e = bound_of(w, 0);
    double high = -INFINITY, low = -INFINITY, y = -INFINITY;
    for (uint32_t k = 0; k < c->count; k++) {
        uint64_t at = c->place[k];
        high = fmax(high, sign * x[at] + e[at]);
        low = fmax(low, sign * x[at] - e[at]);
        y = fmax(y, sign * x[at]);
    }
    return fmax(high - y, y - low);
}

static bool largest(const struct walk *w)
{
    const struct tuff_op *op = w->value->op;
    bool pool = op == &tuff_op_max_pool2d, position = op == &tuff_op_argmax || op == &tuff_op_argmin;
    double sign = op == &tuff_op_reduce_min || op == &tuff_op_argmin ? -1 : 1;
    struct candidates *c = tuff_alloc(w->g->context, sizeof *c);
    for (uint64_t i = 0; c && i < w->count; i++) {
        bool sure = true;
        if (pool)
            pooled(w, &w->value->type.shape, i, c);
        else
            reduced(w, i, c);
        double *out = &w->bound[w->v][i];
        if (c->count == 0)
            *out = 0;
        else if (c->count == TUFF_COUNT(c->place))
            *out = exact_input(w, 0) ? 0 : INFINITY;
        else if (!position && w->value->in_count < 2)
            *out = extremum_bound(w, c, sign);
        else {
            uint64_t best = winner(w, c, sign, &sure);
            *out = !sure ? INFINITY : position ? 0 : bound_of(w, 1)[best];
        }
    }
    tuff_free(w->g->context, c);
    return c != NULL;
}

/* Each window gives its gy to its winner; all candidates of a window that is not sure are unknown. */
static bool pool_grad(const struct walk *w)
{
    const struct tuff_shape *y = &type_of(w, 1)->shape;
    struct candidates *c = tuff_alloc(w->g->context, sizeof *c);
    double *out = w->bound[w->v], *sum = tuff_alloc(w->g->context, (size_t)w->count * sizeof *sum);
    uint64_t windows = tuff_shape_count(y),
             taps = (uint64_t)(op_attr(w->value, "kernel", 0) * op_attr(w->value, "kernel", 1));
    for (uint64_t i = 0; c && sum && i < windows; i++) {
        bool sure = true;
        pooled(w, y, i, c);
        if (c->count == 0) continue;
        uint64_t best = winner(w, c, 1, &sure);
        out[best] += bound_of(w, 1)[i];
        sum[best] += fabs(data_of(w, 1)[i]) + bound_of(w, 1)[i];
        for (uint32_t k = 0; k < c->count && !sure; k++) out[c->place[k]] = INFINITY;
    }
    for (uint64_t i = 0; sum && i < w->count; i++) out[i] += (double)(taps + 2) * OP_ULP * sum[i];
    tuff_free(w->g->context, sum);
    tuff_free(w->g->context, c);
    return c && sum;
}

/* ---- all of them -------------------------------------------------------------------------------------------------------------------- */

static bool one_of(const struct tuff_op *op, const struct tuff_op *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == op) return true;
    return false;
}

static bool bound_of_value(const struct walk *w)
{
    static const struct tuff_op *const movers[] = {
        &tuff_op_reshape,         &tuff_op_permute,    &tuff_op_slice, &tuff_op_expand, &tuff_op_pad,
        &tuff_op_concat,          &tuff_op_detach,     &tuff_op_copy,  &tuff_op_gather, &tuff_op_assign,
        &tuff_op_gather_elements, &tuff_op_param_pack, &tuff_op_pack};
    static const struct tuff_op *const sums[] = {&tuff_op_sum,
                                                 &tuff_op_matmul,
                                                 &tuff_op_conv2d,
                                                 &tuff_op_conv2d_input_grad,
                                                 &tuff_op_conv2d_weight_grad,
                                                 &tuff_op_avg_pool2d,
                                                 &tuff_op_avg_pool2d_grad,
                                                 &tuff_op_cumsum,
                                                 &tuff_op_scatter_add};
    static const struct tuff_op *const extrema[] = {&tuff_op_reduce_max, &tuff_op_reduce_min, &tuff_op_argmax,
                                                    &tuff_op_argmin, &tuff_op_max_pool2d};
    static const struct tuff_op *const sources[] = {&tuff_op_input, &tuff_op_param, &tuff_op_state, &tuff_op_constant,
                                                    &tuff_op_iota};
    const struct tuff_op *op = w->value->op;
    if (op->glsl) return row(w);
    if (one_of(op, sums, TUFF_COUNT(sums))) return linear(w);
    if (one_of(op, extrema, TUFF_COUNT(extrema))) return largest(w);
    if (op == &tuff_op_max_pool2d_grad) return pool_grad(w);
    if (one_of(op, movers, TUFF_COUNT(movers)))
        moves(w);
    else if (op == &tuff_op_select)
        select_bound(w);
    else if (op == &tuff_op_cast)
        cast_bound(w);
    else if (op == &tuff_op_topk_indices || op == &tuff_op_random_uniform) {
        if (!exact_input(w, 0)) unknown(w);
    } else if (op->kind == TUFF_KIND_FULL) {
        double v = ((const struct tuff_full_attrs *)w->value->attrs)->value;
        for (uint64_t i = 0; i < w->count; i++)
            w->bound[w->v][i] = is_float(w->value->type.dtype) ? fabs((double)(float)v - v) : 0;
    } else if (!one_of(op, sources, TUFF_COUNT(sources))) {
        return printf("op_bound.c does not know %s\n", op->name), false;
    }
    return true;
}

bool op_bound_run(const struct tuff_graph *g, double *const *data, double **bound)
{
    for (tuff_val v = 1; v < g->count; v++) {
        struct walk w = {.g = g, .data = data, .bound = bound, .value = &g->values[v], .v = v};
        w.count = tuff_shape_count(&w.value->type.shape);
        if (bound[v]) continue;
        bound[v] = tuff_alloc(g->context, (size_t)w.count * sizeof **bound);
        if (!bound[v] || !bound_of_value(&w)) return false;
        for (uint64_t i = 0; i < w.count; i++)
            if (isnan(bound[v][i])) bound[v][i] = INFINITY;
    }
    return true;
}
