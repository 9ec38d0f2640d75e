/* op_nan.c - NaN, infinities and zeros of both signs where something is chosen: rows and their derivatives, comparisons, casts, pools,
 * extrema and their places. Expected values are written out, or found by PyTorch's own loop, transcribed; sources: IEEE 754-2019 (5.11 comparisons,
 * 9.6 minimum and maximum), PyTorch's documented results and derivatives.yaml. Each on all ways to build a graph. */
#include "tests/op_text.h"
#include "tests/op_values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LANES = 10 };

static tuff_val fill(struct op_values *t, struct tuff_shape shape, const double *content)
{
    return op_values_input(t, TUFF_F32, shape, content);
}

/* What is no NaN may be off by 4 ulp, as of quotients and exp, and of 1 where it is a difference. */
static void expect(struct op_values *t, const char *name, tuff_val v, const double *wanted, int flags)
{
    op_values_expect(t, (struct op_value){v, name, wanted, 4 * OP_ULP, 4 * OP_ULP, flags | OP_ZEROS});
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------ */

#define I INFINITY
#define N NAN
static const double ones[LANES] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, endless[LANES] = {I, I, I, I, I, I, I, I, I, I};
static const double a_of[LANES] = {N, -N, I, -I, -0.0, 0, 1, -2, 8, -8};
static const double b_of[LANES] = {1, 2, -I, I, 0, -0.0, N, -2, -N, -9};

/* Of a_of alone; da by a gradient of 1. */
static const struct {
    const char *name;
    tuff_val (*one)(struct tuff_graph *g, tuff_val a);
    tuff_val (*numbers)(struct tuff_graph *g, tuff_val a, double p0, double p1);
    double p0, p1, y[LANES], da[LANES];
} rows1[] = {
    {"relu", tuff_relu, NULL, 0, 0, {N, N, I, 0, 0, 0, 1, 0, 8, 0}, {1, 1, 1, 0, 0, 0, 1, 0, 1, 0}},
    {"clamp", NULL, tuff_clamp, -1, 1.5, {N, N, 1.5, -1, -0.0, 0, 1, -1, 1.5, -1}, {0, 0, 0, 0, 1, 1, 1, 0, 0, 0}},
    {"clamp to one side", NULL, tuff_clamp, -I, 1, {N, N, 1, -I, -0.0, 0, 1, -2, 1, -8}, {0, 0, 0, 1, 1, 1, 1, 1, 0, 1}},
    {"clamp of crossed bounds", NULL, tuff_clamp, 3, 2, {N, N, 2, 2, 2, 2, 2, 2, 2, 2}, {0}},
    {"relu6", tuff_relu6, NULL, 0, 0, {N, N, 6, 0, -0.0, 0, 1, 0, 6, 0}, {0, 0, 0, 0, 0, 0, 1, 0, 0, 0}},
    {"clamp from a half",
     NULL,
     tuff_clamp,
     0.5,
     6,
     {N, N, 6, 0.5, 0.5, 0.5, 1, 0.5, 6, 0.5},
     {0, 0, 0, 0, 0, 0, 1, 0, 0, 0}},
    {"leaky_relu",
     NULL,
     tuff_leaky_relu,
     0.5,
     0,
     {N, N, I, -I, -0.0, 0, 1, -1, 8, -4},
     {.5, .5, 1, .5, .5, .5, 1, .5, 1, .5}},
    {"elu",
     NULL,
     tuff_elu,
     1,
     0,
     {N, N, I, -1, -0.0, 0, 1, -0.86466471676338731, 8, -0.99966453737209748},
     {1, 1, 1, 0, 1, 1, 1, 0.1353352832366127, 1, 0.00033546262790251185}},
    {"abs", tuff_abs, NULL, 0, 0, {N, N, I, I, 0, 0, 1, 2, 8, 8}, {0, 0, 1, -1, 0, 0, 1, -1, 1, -1}},
    {"sign", tuff_sign, NULL, 0, 0, {0, 0, 1, -1, 0, 0, 1, -1, 1, -1}, {0}},
    {"is_finite", tuff_is_finite, NULL, 0, 0, {0, 0, 0, 0, 1, 1, 1, 1, 1, 1}, {0}},
    {"hardsigmoid",
     tuff_hardsigmoid,
     NULL,
     0,
     0,
     {N, N, 1, 0, .5, .5, 2 / 3.0, 1 / 6.0, 1, 0},
     {0, 0, 0, 0, 1 / 6.0, 1 / 6.0, 1 / 6.0, 1 / 6.0, 0, 0}},
    {"hardswish",
     tuff_hardswish,
     NULL,
     0,
     0,
     {N, N, I, -0.0, -0.0, 0, 2 / 3.0, -1 / 3.0, 8, -0.0},
     {N, N, 1, 0, .5, .5, 5 / 6.0, -1 / 6.0, 1, 0}},
};

/* Of both; PyTorch's maximum: grad / 2 where equal, 0 where the other is above, else grad. */
static const struct {
    const char *name;
    tuff_val (*two)(struct tuff_graph *g, tuff_val a, tuff_val b);
    double y[LANES], da[LANES], db[LANES];
} rows2[] = {
    {"minimum",
     tuff_minimum,
     {N, N, -I, -I, -0.0, -0.0, N, -2, N, -9},
     {1, 1, 0, 1, .5, .5, 1, .5, 1, 0},
     {1, 1, 1, 0, .5, .5, 1, .5, 1, 1}},
    {"maximum",
     tuff_maximum,
     {N, N, I, I, 0, 0, N, -2, N, -8},
     {1, 1, 1, 0, .5, .5, 1, .5, 1, 1},
     {1, 1, 0, 1, .5, .5, 1, .5, 1, 0}},
    {"equal", tuff_equal, {0, 0, 0, 0, 1, 1, 0, 1, 0, 0}, {0}, {0}},
    {"not_equal", tuff_not_equal, {1, 1, 1, 1, 0, 0, 1, 0, 1, 1}, {0}, {0}},
    {"less", tuff_less, {0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, {0}, {0}},
    {"less_equal", tuff_less_equal, {0, 0, 0, 1, 1, 1, 0, 1, 0, 0}, {0}, {0}},
    {"greater", tuff_greater, {0, 0, 1, 0, 0, 0, 0, 0, 0, 1}, {0}, {0}},
    {"greater_equal", tuff_greater_equal, {0, 0, 1, 0, 1, 1, 0, 1, 0, 1}, {0}, {0}},
};

static void test_rows(struct op_values *t)
{
    const struct tuff_shape line = TUFF_SHAPE(LANES);
    op_values_begin(t);
    tuff_val a = fill(t, line, a_of), g = fill(t, line, ones), ga;
    for (size_t i = 0; i < TUFF_COUNT(rows1); i++) {
        tuff_val y = rows1[i].one ? rows1[i].one(t->g, a) : rows1[i].numbers(t->g, a, rows1[i].p0, rows1[i].p1);
        expect(t, rows1[i].name, y, rows1[i].y, rows1[i].one == tuff_relu ? OP_SIGNS : 0);
        tuff_gradients(t->g, y, g, &a, 1, &ga);
        if (ga) expect(t, rows1[i].name, ga, rows1[i].da, 0);
    }
    op_values_finish(t);
    op_values_begin(t);
    a = fill(t, line, a_of), g = fill(t, line, ones);
    tuff_val both[2] = {a, fill(t, line, b_of)}, gs[2];
    for (size_t i = 0; i < TUFF_COUNT(rows2); i++) {
        tuff_val y = rows2[i].two(t->g, both[0], both[1]);
        expect(t, rows2[i].name, y, rows2[i].y, OP_SIGNS);
        if (!tuff_is_float(tuff_type_of(t->g, y).dtype)) continue;
        tuff_gradients(t->g, y, g, both, 2, gs);
        expect(t, rows2[i].name, gs[0], rows2[i].da, 0);
        expect(t, rows2[i].name, gs[1], rows2[i].db, 0);
    }
    op_values_finish(t);
}

/* What is masked takes no part of a gradient, were it infinite (PyTorch's threshold_backward, where and masked_fill). */
static void test_gates(struct op_values *t)
{
    const struct tuff_shape line = TUFF_SHAPE(LANES);
    static const double relu[LANES] = {I, I, I, 0, 0, 0, I, 0, I, 0}, clamp[LANES] = {0, 0, 0, 0, I, I, I, 0, 0, 0},
                        less[LANES] = {I, I, 0, I, I, I, I, I, I, 0};
    op_values_begin(t);
    tuff_val a = fill(t, line, a_of), b = fill(t, line, b_of), g = fill(t, line, endless), ga;
    tuff_gradients(t->g, tuff_relu(t->g, a), g, &a, 1, &ga);
    expect(t, "relu by infinity", ga, relu, 0);
    tuff_gradients(t->g, tuff_clamp(t->g, a, -1, 1.5), g, &a, 1, &ga);
    expect(t, "clamp by infinity", ga, clamp, 0);
    tuff_gradients(t->g, tuff_minimum(t->g, a, b), g, &a, 1, &ga);
    expect(t, "minimum by infinity", ga, less, 0);
    op_values_finish(t);
}

/* Selects that compilers take for fmin and fmax, negations of comparisons, casts, and numbers of 16 bits. */
static void test_chains(struct op_values *t)
{
    const struct tuff_shape line = TUFF_SHAPE(LANES);
    static const double lesser[LANES] = {1, 2, -I, -I, 0, -0.0, N, -2, -N, -9},
                        above[LANES] = {0, 0, I, 0, 0, 0, 1, 0, 8, 0}, not_less[LANES] = {1, 1, 1, 0, 1, 1, 1, 1, 1, 1},
                        truth[LANES] = {1, 1, 1, 1, 0, 0, 1, 1, 1, 1},
                        small[LANES] = {1e-40, -1e-45, 0, -0.0, 1e-38, -1e-39, 0, 1, 2, 3},
                        small_truth[LANES] = {1, 1, 0, 0, 1, 1, 0, 1, 1, 1},
                        whole[LANES] = {0, 0, INT32_MAX, INT32_MIN, 0, 0, 1, -2, 8, -8},
                        relu[LANES] = {N, N, I, 0, 0, 0, 1, 0, 8, 0}, larger[LANES] = {N, N, I, I, 0, 0, N, -2, N, -8};
    op_values_begin(t);
    struct tuff_graph *g = t->g;
    tuff_val a = fill(t, line, a_of), b = fill(t, line, b_of), zero = tuff_full(g, TUFF_F32, line, 0),
             one = tuff_full(g, TUFF_F32, line, 1);
    expect(t, "where(a < b, a, b)", tuff_select(g, tuff_less(g, a, b), a, b), lesser, 0);
    expect(t, "where(a > 0, a, 0)", tuff_select(g, tuff_greater(g, a, zero), a, zero), above, 0);
    expect(t, "where(a < b, 0, 1)", tuff_select(g, tuff_less(g, a, b), zero, one), not_less, 0);
    expect(t, "bool(a)", tuff_cast(g, a, TUFF_BOOL), truth, 0);
    expect(t, "bool of denormals", tuff_cast(g, fill(t, line, small), TUFF_BOOL), small_truth, 0);
    expect(t, "i32(a)", tuff_cast(g, a, TUFF_I32), whole, 0);
    static const enum tuff_dtype narrow[] = {TUFF_F16, TUFF_BF16};
    for (size_t k = 0; k < TUFF_COUNT(narrow); k++) {
        tuff_val an = tuff_cast(g, a, narrow[k]), bn = tuff_cast(g, b, narrow[k]);
        expect(t, "a of 16 bits", an, a_of, 0);
        expect(t, "relu of 16 bits", tuff_cast(g, tuff_relu(g, an), narrow[k]), relu, 0);
        expect(t, "maximum of 16 bits", tuff_cast(g, tuff_maximum(g, an, bn), narrow[k]), larger, 0);
    }
    op_values_finish(t);
}

/* Denormals stay what they are wherever bits decide (docs/numerics.md), on devices whose arithmetic flushes them too. */
static void test_denormals(struct op_values *t)
{
    const struct tuff_shape line = TUFF_SHAPE(LANES), map = TUFF_SHAPE(1, 1, 2, 4);
    static const double a[LANES] = {1e-40, -1e-40, 3e-45, 0, 1e-38, -2e-39, 1e-39, -0.0, -3e-45, 2e-40},
                        b[LANES] = {0, 0, -3e-45, 1e-45, 2e-38, -1e-39, 2e-39, -1e-45, 0, 1e-40},
                        low[LANES] = {0, -1e-40, -3e-45, 0, 1e-38, -2e-39, 1e-39, -1e-45, -3e-45, 1e-40},
                        high[LANES] = {1e-40, 0, 3e-45, 1e-45, 2e-38, -1e-39, 2e-39, -0.0, 0, 2e-40},
                        relu[LANES] = {1e-40, 0, 3e-45, 0, 1e-38, 0, 1e-39, 0, 0, 2e-40}, pooled[2] = {1e-38, 1e-39},
                        most[1] = {1e-38}, place[1] = {5};
    op_values_begin(t);
    struct tuff_graph *g = t->g;
    tuff_val x = fill(t, line, a), y = fill(t, line, b), z = fill(t, map, a);
    const struct tuff_pool2d_params two = {.kernel = {2, 2}};
    expect(t, "minimum of denormals", tuff_minimum(g, x, y), low, OP_EXACT | OP_SIGNS);
    expect(t, "maximum of denormals", tuff_maximum(g, x, y), high, OP_EXACT | OP_SIGNS);
    expect(t, "relu of denormals", tuff_relu(g, x), relu, OP_EXACT);
    expect(t, "max_pool2d of denormals", tuff_max_pool2d(g, z, two), pooled, OP_EXACT);
    expect(t, "reduce_max of denormals", tuff_reduce_max(g, x, 1, TUFF_DROP_AXES), most, OP_EXACT);
    expect(t, "argmin of denormals", tuff_argmin(g, x, 0, TUFF_DROP_AXES), place, OP_EXACT);
    op_values_finish(t);
}

/* ---- pools ----------------------------------------------------------------------------------------------------------------------- */

struct window {
    const char *name;
    uint32_t h, w, kernel[2], stride[2], pad, dilation;
};
static const struct window windows[] = {
    {"2 x 2, quads", 6, 8, {2, 2}, {2, 2}, 0, 1},       {"3 x 3, blocks", 9, 9, {3, 3}, {3, 3}, 0, 1},
    {"3 x 3 by 2, padded", 9, 8, {3, 3}, {2, 2}, 1, 1}, {"3 x 3 by 2, odd", 9, 7, {3, 3}, {2, 2}, 1, 1},
    {"5 x 3 by 1", 7, 12, {5, 3}, {1, 1}, 1, 1},        {"dilated", 12, 11, {2, 3}, {2, 1}, 1, 2},
    {"2 x 2, padded", 7, 9, {2, 2}, {2, 2}, 1, 1},
};
static const char *const contents[] = {"NaN among numbers",   "-inf",      "NaN among -inf", "only NaN",
                                       "zeros of both signs", "infinities"};
enum { PLANES = 3 };

static double content_of(struct op_values *t, size_t what)
{
    uint32_t dice = op_below(&t->random, 6);
    switch (what) {
    case 0: return dice == 0 ? NAN : dice == 1 ? -NAN : (int)op_below(&t->random, 9) - 6;
    case 1: return -INFINITY;
    case 2: return dice == 0 ? NAN : -INFINITY;
    case 3: return dice < 3 ? NAN : -NAN;
    case 4: return dice < 3 ? 0.0 : -0.0;
    default: return dice < 2 ? INFINITY : dice < 4 ? -INFINITY : 1;
    }
}

/* PyTorch, aten/src/ATen/native/cpu/MaxPoolKernel.cpp: the first of equal ones, the last NaN. IEEE 754's maximum for the sign of a zero. */
static void pool_by_definition(const struct window *p, const double *x, const double *gy, uint32_t oh, uint32_t ow,
                               double *y, double *gx)
{
    for (uint32_t e = 0; e < PLANES * oh * ow; e++) {
        uint32_t plane = e / (oh * ow), i = e / ow % oh, j = e % ow;
        int64_t y0 = (int64_t)(i * p->stride[0]) - p->pad, x0 = (int64_t)(j * p->stride[1]) - p->pad, best = -1;
        bool positive = false;
        for (int64_t r = y0; r < y0 + p->kernel[0] * p->dilation; r += p->dilation)
            for (int64_t c = x0; c < x0 + p->kernel[1] * p->dilation; c += p->dilation) {
                if (r < 0 || c < 0 || r >= p->h || c >= p->w) continue;
                int64_t at = ((int64_t)plane * p->h + r) * p->w + c;
                if (best < 0 || x[at] > x[best] || isnan(x[at])) best = at;
                positive = positive || (x[at] == 0 && !signbit(x[at]));
            }
        y[e] = x[best] == 0 ? (positive ? 0.0 : -0.0) : x[best];
        gx[best] += gy[e];
    }
}

static void test_pool(struct op_values *t, const struct window *p, size_t what)
{
    char *name = malloc(80);
    double *x = malloc(PLANES * p->h * p->w * sizeof *x), *gx = calloc(PLANES * p->h * p->w, sizeof *gx);
    double *y = malloc(PLANES * p->h * p->w * 4 * sizeof *y), *gy = malloc(PLANES * p->h * p->w * 4 * sizeof *gy);
    if (!name || !x || !gx || !y || !gy) exit(1);
    snprintf(name, 80, "max_pool2d %s, %s", p->name, contents[what]);
    for (uint32_t i = 0; i < PLANES * p->h * p->w; i++) x[i] = content_of(t, what);
    for (uint32_t i = 0; i < PLANES * p->h * p->w * 4; i++) gy[i] = 1 + op_below(&t->random, 99);
    op_values_begin(t);
    const struct tuff_pool2d_params params = {.kernel = {p->kernel[0], p->kernel[1]},
                                              .stride = {p->stride[0], p->stride[1]},
                                              .pad = {p->pad, p->pad, p->pad, p->pad},
                                              .dilation = {p->dilation, p->dilation}};
    tuff_val in = fill(t, TUFF_SHAPE(1, PLANES, p->h, p->w), x), out = tuff_max_pool2d(t->g, in, params), by[1];
    const struct tuff_shape s = tuff_type_of(t->g, out).shape;
    tuff_val g = fill(t, s, gy);
    pool_by_definition(p, x, gy, s.dim[2], s.dim[3], y, gx);
    tuff_gradients(t->g, out, g, &in, 1, by);
    expect(t, name, out, y, OP_OWNED | OP_SIGNS);
    expect(t, name, by[0], gx, OP_OWNED);
    op_values_finish(t);
    free(name);
    free(x);
    free(gy);
}

/* ---- extrema --------------------------------------------------------------------------------------------------------------------- */

/* torch.amax, amin: NaN of a NaN. torch.argmax, argmin: the first NaN, else the first of equal ones. */
static void reduce_by_definition(const double *x, uint32_t outer, uint32_t n, uint32_t inner, double *max, double *min,
                                 double *first_max, double *first_min)
{
    for (uint32_t o = 0; o < outer * inner; o++) {
        const double *line = x + o / inner * n * inner + o % inner;
        uint32_t high = 0, low = 0;
        bool positive = false, negative = false;
        for (uint32_t r = 0; r < n; r++) {
            double v = line[r * inner];
            if (!isnan(line[high * inner]) && (isnan(v) || v > line[high * inner])) high = r;
            if (!isnan(line[low * inner]) && (isnan(v) || v < line[low * inner])) low = r;
            positive = positive || (v == 0 && !signbit(v));
            negative = negative || (v == 0 && signbit(v));
        }
        first_max[o] = high;
        first_min[o] = low;
        max[o] = line[high * inner] == 0 ? (positive ? 0.0 : -0.0) : line[high * inner];
        min[o] = line[low * inner] == 0 ? (negative ? -0.0 : 0.0) : line[low * inner];
    }
}

static void test_reduce(struct op_values *t, uint32_t outer, uint32_t n, uint32_t inner, size_t what)
{
    char name[80];
    double *x = malloc(outer * n * inner * sizeof *x), *wanted[4];
    if (!x) exit(1);
    for (int i = 0; i < 4; i++)
        if (!(wanted[i] = malloc(outer * inner * sizeof **wanted))) exit(1);
    snprintf(name, sizeof name, "extrema of %u x %u x %u, %s", (unsigned)outer, (unsigned)n, (unsigned)inner,
             contents[what]);
    bool sparse = what == 0 || what == 2; /* at one place of a line, so that it has to come all the way */
    for (uint32_t i = 0; i < outer * n * inner; i++)
        x[i] = sparse ? (what ? -INFINITY : (int)op_below(&t->random, 9) - 4) : content_of(t, what);
    for (uint32_t o = 0; sparse && o < outer * inner; o++)
        x[o / inner * n * inner + op_below(&t->random, n) * inner + o % inner] = op_below(&t->random, 2) ? NAN : -NAN;
    reduce_by_definition(x, outer, n, inner, wanted[0], wanted[1], wanted[2], wanted[3]);
    op_values_begin(t);
    tuff_val in = fill(t, TUFF_SHAPE(outer, n, inner), x);
    expect(t, name, tuff_reduce_max(t->g, in, 1u << 1, TUFF_DROP_AXES), wanted[0], OP_OWNED | OP_SIGNS);
    expect(t, name, tuff_reduce_min(t->g, in, 1u << 1, TUFF_DROP_AXES), wanted[1], OP_OWNED | OP_SIGNS);
    expect(t, name, tuff_argmax(t->g, in, 1, TUFF_DROP_AXES), wanted[2], OP_OWNED | OP_SIGNS);
    expect(t, name, tuff_argmin(t->g, in, 1, TUFF_DROP_AXES), wanted[3], OP_OWNED | OP_SIGNS);
    op_values_finish(t);
    free(x);
}

/* Short and long, along rows and along columns, by quads, by one workgroup, in parts with a rest. */
static void test_extrema(struct op_values *t)
{
    static const uint32_t shapes[][3] = {{5, 7, 1}, {3, 67, 5}, {3, 1032, 1}, {2, 260, 12}, {1, 40007, 1}, {1, 33000, 2}};
    for (size_t s = 0; s < TUFF_COUNT(shapes); s++)
        for (size_t what = 0; what < TUFF_COUNT(contents); what++)
            if (s < 4 || what < 3) test_reduce(t, shapes[s][0], shapes[s][1], shapes[s][2], what);
}

static void test_all(struct op_values *t)
{
    test_rows(t);
    test_gates(t);
    test_chains(t);
    test_denormals(t);
    for (size_t p = 0; p < TUFF_COUNT(windows); p++)
        for (size_t what = 0; what < TUFF_COUNT(contents); what++) test_pool(t, &windows[p], what);
    test_extrema(t);
}

int main(int argc, char **argv)
{
    static struct op_values t;
    t.random = op_random_start(argc, argv);
    int status = backend_test_begin(&t.test, NULL);
    if (status != 0) return status;
    op_values_ways(&t, test_all);
    return backend_test_end(&t.test, "op_nan");
}
