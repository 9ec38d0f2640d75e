/* op_edges.c - the rows of pointwise.def where numbers end: infinities, zeros of both signs, arguments that overflow inside of a careless
 * formula, and their derivatives. Expected values are written out; sources: C99 annex F (exp, log, pow, erf, tanh ..), IEEE 754 (division,
 * square root), limits where a product of infinity and zero has one (silu, mish, gelu, hardswish), PyTorch's derivatives.yaml for pow.
 * Sine, cosine and pow of all exponents against libm in double precision. Each on all ways to build a graph; the double reference too. */
#include "graph/ops/pointwise.h"
#include "tests/op_text.h"
#include "tests/op_values.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LANES = 9, PAIRS = 40, MANY = 4080 };

static tuff_val fill(struct op_values *t, struct tuff_shape shape, const double *content)
{
    return op_values_input(t, TUFF_F32, shape, content);
}

static void expect(struct op_values *t, const char *name, tuff_val v, const double *wanted, double relative, double absolute,
                   int flags)
{
    op_values_expect(t, (struct op_value){v, name, wanted, relative, absolute, flags});
}

/* ---- rows of one operand ---------------------------------------------------------------------------------------------------------- */

#define I INFINITY
#define N NAN
#define M ((double)FLT_MAX)
static const double points[LANES] = {-I, -M, -100, -0.0, 0, 100, M, I, N};

static const struct one {
    const char *name;
    double p0, p1, y[LANES], da[LANES];
} ones[] = {
    {"neg", 0, 0, {I, M, 100, 0, -0.0, -100, -M, -I, N}, {0}},
    {"abs", 0, 0, {I, M, 100, 0, 0, 100, M, I, N}, {-1, -1, -1, 0, 0, 1, 1, 1, 0}},
    {"square", 0, 0, {I, I, 1e4, 0, 0, 1e4, I, I, N}, {-I, -I, -200, -0.0, 0, 200, I, I, N}},
    {"reciprocal", 0, 0, {-0.0, -1 / M, -.01, -I, I, .01, 1 / M, 0, N}, {0, 0, -1e-4, -I, -I, -1e-4, 0, 0, N}},
    {"sqrt", 0, 0, {N, N, N, -0.0, 0, 10, 0x1p64, I, N}, {N, N, N, -I, I, .05, 0x1p-65, 0, N}},
    {"rsqrt", 0, 0, {N, N, N, -I, I, .1, 0x1p-64, 0, N}, {N, N, N, I, -I, -.0005, 0, -0.0, N}},
    {"exp", 0, 0, {0, 0, 0, 1, 1, I, I, I, N}, {0, 0, 0, 1, 1, I, I, I, N}},
    {"log", 0, 0, {N, N, N, -I, -I, 4.605170185988092, 88.72283905206835, I, N}, {-0.0, 0, -.01, -I, I, .01, 0, 0, N}},
    {"sin",
     0,
     0,
     {N, 0.5218765236586822, 0.5063656411097588, -0.0, 0, -0.5063656411097588, -0.5218765236586822, N, N},
     {N, 0.8530205216069997, 0.8623188722876839, 1, 1, 0.8623188722876839, 0.8530205216069997, N, N}},
    {"cos",
     0,
     0,
     {N, 0.8530205216069997, 0.8623188722876839, 1, 1, 0.8623188722876839, 0.8530205216069997, N, N},
     {N, -0.5218765236586822, -0.5063656411097588, 0, 0, 0.5063656411097588, 0.5218765236586822, N, N}},
    {"tan",
     0,
     0,
     {N, 0.6117979498342481, 0.5872139151569291, -0.0, 0, -0.5872139151569291, -0.6117979498342481, N, N},
     {N, 1.3742967314213892, 1.3448201821539292, 1, 1, 1.3448201821539292, 1.3742967314213892, N, N}},
    {"asin", 0, 0, {N, N, N, -0.0, 0, N, N, N, N}, {N, N, N, 1, 1, N, N, N, N}},
    {"acos", 0, 0, {N, N, N, 1.5707963267948966, 1.5707963267948966, N, N, N, N}, {N, N, N, -1, -1, N, N, N, N}},
    {"atan",
     0,
     0,
     {-1.5707963267948966, -1.5707963267948966, -1.5607966601082315, -0.0, 0, 1.5607966601082315, 1.5707963267948966,
      1.5707963267948966, N},
     {0, 0, 9.999000099990002e-05, 1, 1, 9.999000099990002e-05, 0, 0, N}},
    {"sinh", 0, 0, {-I, -I, -I, -0.0, 0, I, I, I, N}, {I, I, I, 1, 1, I, I, I, N}},
    {"cosh", 0, 0, {I, I, I, 1, 1, I, I, I, N}, {-I, -I, -I, 0, 0, I, I, I, N}},
    {"asinh",
     0,
     0,
     {-I, -89.4159862326283, -5.298342365610589, -0.0, 0, 5.298342365610589, 89.4159862326283, I, N},
     {0, 0, 0.009999500037496875, 1, 1, 0.009999500037496875, 0, 0, N}},
    {"acosh",
     0,
     0,
     {N, N, N, N, N, 5.298292365610484, 89.4159862326283, I, N},
     {0, 0, 0.010000500037503125, N, N, 0.010000500037503125, 0, 0, N}},
    {"atanh",
     0,
     0,
     {N, N, N, -0.0, 0, N, N, N, N},
     {-0.0, 0, -0.00010001000100010001, 1, 1, -0.00010001000100010001, 0, -0.0, N}},
    {"erf", 0, 0, {-1, -1, -1, -0.0, 0, 1, 1, 1, N}, {0, 0, 0, 1.1283791670955126, 1.1283791670955126, 0, 0, 0, N}},
    {"floor", 0, 0, {-I, -M, -100, -0.0, 0, 100, M, I, N}, {0}},
    {"ceil", 0, 0, {-I, -M, -100, -0.0, 0, 100, M, I, N}, {0}},
    {"round", 0, 0, {-I, -M, -100, -0.0, 0, 100, M, I, N}, {0}},
    {"sign", 0, 0, {-1, -1, -1, 0, 0, 1, 1, 1, 0}, {0}},
    {"is_finite", 0, 0, {0, 1, 1, 1, 1, 1, 1, 0, 0}, {0}},
    {"affine", 2, 1, {-I, -I, -199, 1, 1, 201, I, I, N}, {2, 2, 2, 2, 2, 2, 2, 2, 2}},
    {"clamp", -1, 1, {-1, -1, -1, -0.0, 0, 1, 1, 1, N}, {0, 0, 0, 1, 1, 0, 0, 0, 0}},
    {"pow_const", -.5, 0, {0, N, N, I, I, .1, 0x1p-64, 0, N}, {-0.0, N, N, -I, -I, -.0005, 0, -0.0, N}},
    {"pow_const", 0, 0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {0}},
    {"pow_const", 3, 0, {-I, -I, -1e6, -0.0, 0, 1e6, I, I, N}, {I, I, 3e4, 0, 0, 3e4, I, I, N}},
    {"leaky_relu", .5, 0, {-I, -M / 2, -50, -0.0, 0, 100, M, I, N}, {.5, .5, .5, .5, .5, 1, 1, 1, .5}},
    {"elu", 2, 0, {-2, -2, -2, -0.0, 0, 100, M, I, N}, {0, 0, 0, 2, 2, 1, 1, 1, 1}},
    {"relu", 0, 0, {0, 0, 0, 0, 0, 100, M, I, N}, {0, 0, 0, 0, 0, 1, 1, 1, 1}},
    {"relu6", 0, 0, {0, 0, 0, -0.0, 0, 6, 6, 6, N}, {0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {"sigmoid", 0, 0, {0, 0, 0, .5, .5, 1, 1, 1, N}, {0, 0, 0, .25, .25, 0, 0, 0, N}},
    {"tanh", 0, 0, {-1, -1, -1, -0.0, 0, 1, 1, 1, N}, {0, 0, 0, 1, 1, 0, 0, 0, N}},
    {"softplus", 0, 0, {0, 0, 0, 0.6931471805599453, 0.6931471805599453, 100, M, I, N}, {0, 0, 0, .5, .5, 1, 1, 1, N}},
    {"silu", 0, 0, {-0.0, -0.0, -0.0, -0.0, 0, 100, M, I, N}, {0, 0, 0, .5, .5, 1, 1, 1, N}},
    {"mish", 0, 0, {-0.0, -0.0, -0.0, -0.0, 0, 100, M, I, N}, {0, 0, 0, .6, .6, 1, 1, 1, N}},
    {"gelu", 0, 0, {-0.0, -0.0, -0.0, -0.0, 0, 100, M, I, N}, {0, 0, 0, .5, .5, 1, 1, 1, N}},
    {"gelu_tanh", 0, 0, {-0.0, -0.0, -0.0, -0.0, 0, 100, M, I, N}, {0, 0, 0, .5, .5, 1, 1, 1, N}},
    {"hardsigmoid", 0, 0, {0, 0, 0, .5, .5, 1, 1, 1, N}, {0, 0, 0, 1 / 6.0, 1 / 6.0, 0, 0, 0, 0}},
    {"hardswish", 0, 0, {-0.0, -0.0, -0.0, -0.0, 0, 100, M, I, N}, {0, 0, 0, .5, .5, 1, 1, 1, N}},
};

static void test_ones(struct op_values *t)
{
    static const double by[LANES] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    op_values_begin(t);
    tuff_val a = fill(t, TUFF_SHAPE(LANES), points), g = fill(t, TUFF_SHAPE(LANES), by);
    for (size_t i = 0; i < TUFF_COUNT(ones); i++) {
        const struct one *row = &ones[i];
        const struct tuff_op *op = tuff_op_find(row->name);
        tuff_val ga = 0, y = op ? tuff_graph_add(t->g, op, &a, 1, &(struct tuff_pw_attrs){row->p0, row->p1}) : 0;
        expect(t, row->name, y, row->y, 16 * OP_ULP, 0, OP_SIGNS);
        tuff_gradients(t->g, y, g, &a, 1, &ga);
        bool constant = !ga || strcmp(row->name, "neg") == 0;
        if (!constant) expect(t, row->name, ga, row->da, 16 * OP_ULP, 4 * OP_ULP, 0);
    }
    op_values_finish(t);
}

/* No row is left out. */
static void test_complete(struct op_values *t)
{
    for (uint32_t i = 0; i < tuff_op_count; i++) {
        const struct tuff_op *op = tuff_ops[i];
        bool found = !op->glsl || op->arity_max != 1;
        for (size_t k = 0; k < TUFF_COUNT(ones); k++) found = found || !strcmp(ones[k].name, op->name);
        backend_check(&t->test, found, "%s: there are no values at its edges here", op->name);
    }
}

/* ---- rows of two ---------------------------------------------------------------------------------------------------------------- */

static const struct two {
    double a, b, y, da, db;
} powers[] = {
    {0, 0, 1, 0, 0},          {-0.0, 0, 1, 0, 0},
    {N, 0, 1, 0, N},          {N, -0.0, 1, 0, N},
    {1, N, 1, N, 0},          {-1, I, 1, I, N},
    {-1, -I, 1, -I, N},       {-0.0, -3, -I, -I, I},
    {-0.0, -2, I, I, -I},     {0, -1, I, -I, -I},
    {0, -.5, I, -I, -I},      {0, 2, 0, 0, 0},
    {0, 1, 0, 1, 0},          {0, .5, 0, I, 0},
    {-0.0, 3, -0.0, 0, 0},    {-0.0, .5, 0, I, 0},
    {-2, 3, -8, 12, N},       {-2, 2, 4, -4, N},
    {-2, -1, -.5, -.25, N},   {-8, .25, N, N, N},
    {I, 2, I, I, I},          {I, -2, 0, -0.0, 0},
    {I, 0, 1, 0, I},          {I, 1, I, 1, I},
    {-I, 3, -I, I, N},        {-I, 2, I, -I, N},
    {-I, .5, I, 0, N},        {2, I, I, I, I},
    {2, -I, 0, N, 0},         {.5, I, 0, N, 0},
    {.5, -I, I, -I, -I},      {1, I, 1, I, 0},
    {I, I, I, I, I},          {N, 1, N, 1, N},
    {2, N, N, N, N},          {10, 39, I, I, I},
    {10, -50, 0, 0, 0},       {2, 3.5, 11.313708498984761, 19.79898987322333, 7.842065211158556},
    {-3, 16777215, -I, I, N}, {0x1p-140, .5, 0x1p-70, 0x1p69, -8.219658986e-20},
};
static const struct two quotients[] = {
    {1, 0, I, I, -I},
    {1, -0.0, -I, -I, -I},
    {0, 0, N, I, N},
    {I, I, N, 0, N},
    {1, I, 0, 0, 0},
    {M, M, 1, 0, 0},
    {M / 2, M, .5, 0, 0},
    {-M, M / 2, -2, 0, 4 / M},
    {M, -1, -M, -1, -M},
    {M, .5, I, 2, -I},
    {3, 0x1p127, 0x3p-127, 0, 0},
    {6, -2, -3, -.5, -1.5},
    {N, 1, N, 1, N},
    {1, N, N, N, N},
};
static const struct two floored[] = {
    {7, 3, 1, 1, -2},  {-7, 3, 2, 1, 3},   {7, -3, -2, 1, 3},   {-7, -3, -1, 1, -2}, {6, -3, -0.0, 1, 2},
    {-6, 3, 0, 1, 2},  {-0.0, 3, 0, 1, 0}, {0, -3, -0.0, 1, 0}, {5, I, 5, 1, 0},     {-5, I, I, 1, N},
    {5, -I, -I, 1, N}, {I, 3, N, 1, N},    {1, 0, N, 1, N},     {N, 1, N, 1, N},     {1, N, N, 1, N},
};
static const struct two truncated[] = {
    {7, 3, 1, 1, -2},    {-7, 3, -1, 1, 2},     {7, -3, 1, 1, 2}, {-7, -3, -1, 1, -2}, {6, -3, 0, 1, 2},
    {-6, 3, -0.0, 1, 2}, {-0.0, 3, -0.0, 1, 0}, {5, I, 5, 1, 0},  {-5, -I, -5, 1, 0},  {I, 3, N, 1, N},
    {1, 0, N, 1, N},     {0, 0, N, 1, N},       {N, 1, N, 1, N},  {1, N, N, 1, N},
};

static void test_twos(struct op_values *t, const char *name, const struct two *rows, size_t count)
{
    double a[PAIRS], b[PAIRS], one[PAIRS], y[PAIRS], da[PAIRS], db[PAIRS];
    if (count > PAIRS) exit(1);
    for (size_t i = 0; i < count; i++) {
        a[i] = rows[i].a, b[i] = rows[i].b, one[i] = 1;
        y[i] = rows[i].y, da[i] = rows[i].da, db[i] = rows[i].db;
    }
    const struct tuff_shape line = TUFF_SHAPE((uint32_t)count);
    op_values_begin(t);
    tuff_val in[2] = {fill(t, line, a), fill(t, line, b)}, by = fill(t, line, one), g[2];
    tuff_val out = tuff_graph_add(t->g, tuff_op_find(name), in, 2, &(struct tuff_pw_attrs){0});
    tuff_gradients(t->g, out, by, in, 2, g);
    expect(t, name, out, y, 4 * OP_ULP, 0, OP_SIGNS);
    expect(t, name, g[0], da, 8 * OP_ULP, 0, 0);
    expect(t, name, g[1], db, 16 * OP_ULP, 0, 0);
    op_values_finish(t);
}

/* ---- all exponents --------------------------------------------------------------------------------------------------------------- */

static double any_float(struct op_values *t, uint32_t exponent)
{
    uint32_t bits = op_below(&t->random, 1 << 23) | exponent << 23 | op_below(&t->random, 2) << 31;
    float f;
    memcpy(&f, &bits, sizeof f);
    return (double)f;
}

/* Inverse and hyperbolic functions within what graph/ops/pw_helpers.def says, over all that they are defined for. */
static void test_functions(struct op_values *t)
{
    static double x[MANY], part[MANY], above[MANY], small[MANY], y[10][MANY];
    op_values_begin(t);
    for (uint32_t i = 0; i < MANY; i++) {
        x[i] = any_float(t, i % 255);
        part[i] = i < 4 ? (i % 2 ? -1 : 1) * (i < 2 ? 1 : 0.5) : any_float(t, 60 + i % 67);
        above[i] = i < 2 ? 1 + i * 0x1p-23 : fabs(any_float(t, 127 + i % 128));
        small[i] = fmod(any_float(t, i % 134), 89.4);
        small[i] = (double)(float)small[i];
        const double made[10] = {asin(part[i]), acos(part[i]),   atan(x[i]),     sinh(small[i]), cosh(small[i]),
                                 asinh(x[i]),   acosh(above[i]), atanh(part[i]), tan(x[i])};
        for (int k = 0; k < 9; k++) y[k][i] = made[k];
    }
    const struct tuff_shape line = TUFF_SHAPE(MANY);
    struct tuff_graph *g = t->g;
    tuff_val v = fill(t, line, x), p = fill(t, line, part), a = fill(t, line, above), s = fill(t, line, small);
    expect(t, "asin of all", tuff_asin(g, p), y[0], 14 * OP_ULP, OP_TINY, OP_SIGNS);
    expect(t, "acos of all", tuff_acos(g, p), y[1], 10 * OP_ULP, OP_TINY, OP_SIGNS);
    expect(t, "atan of all", tuff_atan(g, v), y[2], 7 * OP_ULP, OP_TINY, OP_SIGNS);
    expect(t, "sinh of all", tuff_sinh(g, s), y[3], 6 * OP_ULP, OP_TINY, OP_SIGNS);
    expect(t, "cosh of all", tuff_cosh(g, s), y[4], 6 * OP_ULP, OP_TINY, OP_SIGNS);
    expect(t, "asinh of all", tuff_asinh(g, v), y[5], 14 * OP_ULP, OP_TINY, OP_SIGNS);
    expect(t, "acosh of all", tuff_acosh(g, a), y[6], 14 * OP_ULP, OP_TINY, OP_SIGNS);
    expect(t, "atanh of all", tuff_atanh(g, p), y[7], 14 * OP_ULP, OP_TINY, OP_SIGNS);
    for (uint32_t i = 0; i < MANY; i++)
        y[9][i] = fabs(y[8][i]) < 30 ? y[8][i] : NAN; /* near its poles the bound grows as its square */
    tuff_val tangent = tuff_tan(g, v), nan = fill(t, line, y[9]);
    tangent = tuff_select(g, tuff_equal(g, nan, nan), tangent, nan);
    expect(t, "tan of all", tangent, y[9], 17 * OP_ULP, 0x1p-28, 0);
    op_values_finish(t);
}

/* What a division leaves is exact, denormals among all operands and results. */
static void test_remainders(struct op_values *t)
{
    static double a[MANY], b[MANY], y[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t near = i % 255 + op_below(&t->random, 25);
        a[i] = any_float(t, i % 3 && near < 255 ? near : op_below(&t->random, 255));
        b[i] = any_float(t, i % 255);
        if (i % 16 == 0) a[i] = (double)(float)(b[i] * op_below(&t->random, 100));
        if (b[i] == 0 || fabs(a[i]) > M) a[i] = b[i] = 1;
        y[i] = fmod(a[i], b[i]);
    }
    op_values_begin(t);
    tuff_val x = fill(t, TUFF_SHAPE(MANY), a), by = fill(t, TUFF_SHAPE(MANY), b);
    expect(t, "fmod of all exponents", tuff_fmod(t->g, x, by), y, 0, 0, OP_EXACT | OP_SIGNS);
    op_values_finish(t);
}

/* Sine and cosine within 4 2^-23 and pow within 4 ulp (graph/ops/pw_helpers.def) of every finite f32. */
static void test_exponents(struct op_values *t)
{
    static const double named[] = {1e6, 1e22, 0x1p127, 8192, 32768, 355, 1e10, 3.14159274101257324, 710, 2147483648.0, 5e37};
    static double a[MANY], sine[MANY], cosine[MANY], base[MANY], power[MANY], result[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        a[i] = i < TUFF_COUNT(named) ? (double)(float)named[i] : any_float(t, i % 255);
#ifdef _WIN32 /* mingw-w64's sin is the processor's fsin, whose pi has 66 bits */
        if (fabs(a[i]) > 1e5) a[i] = 1;
#endif
        sine[i] = sin(a[i]), cosine[i] = cos(a[i]);
        base[i] = fabs(any_float(t, i % 254 + 1));
        double most = op_uniform(&t->random, -125, 127.9) / log2(base[i]);
        power[i] = fabs(most) < M ? (double)(float)most : 1;
        result[i] = pow(base[i], power[i]);
    }
    const struct tuff_shape line = TUFF_SHAPE(MANY);
    op_values_begin(t);
    tuff_val x = fill(t, line, a), b = fill(t, line, base), p = fill(t, line, power);
    expect(t, "sin of all exponents", tuff_sin(t->g, x), sine, 0, 4 * OP_ULP, 0);
    expect(t, "cos of all exponents", tuff_cos(t->g, x), cosine, 0, 4 * OP_ULP, 0);
    expect(t, "pow of all exponents", tuff_pow(t->g, b, p), result, 4 * OP_ULP, 0, 0);
    op_values_finish(t);
}

/* ---- infinite logits --------------------------------------------------------------------------------------------------------------- */

enum { CLASSES = 3, LINES = 4 };

/* PyTorch: logsumexp, whose gradient e^(x - y) is 0 instead of NaN where all is masked; softmax and log_softmax are NaN there. */
static void test_softmax(struct op_values *t)
{
    static const double x[LINES][CLASSES] = {{-I, -I, -I}, {1, -I, 2}, {I, 0, 1}, {0, N, -I}}, by[LINES] = {1, 1, 1, 1};
    static const double sum[LINES] = {-I, 2.3132616875182228, I, N},
                        share[LINES][CLASSES] = {{0, 0, 0}, {.2689414213699951, 0, .7310585786300049}, {N, 0, 0}, {N, N, N}},
                        part[LINES][CLASSES] = {{N, N, N}, {.2689414213699951, 0, .7310585786300049}, {N, N, N}, {N, N, N}},
                        logs[LINES][CLASSES] = {
                            {N, N, N}, {-1.3132616875182228, -I, -.3132616875182228}, {N, N, N}, {N, N, N}};
    op_values_begin(t);
    tuff_val v = fill(t, TUFF_SHAPE(LINES, CLASSES), x[0]), g = fill(t, TUFF_SHAPE(LINES), by), gv;
    tuff_val y = tuff_logsumexp(t->g, v, 1u << 1, TUFF_DROP_AXES);
    tuff_gradients(t->g, y, g, &v, 1, &gv);
    expect(t, "logsumexp", y, sum, 16 * OP_ULP, 0, 0);
    expect(t, "logsumexp's gradient", gv, share[0], 32 * OP_ULP, 0, 0);
    expect(t, "softmax", tuff_softmax(t->g, v, 1), part[0], 32 * OP_ULP, 0, 0);
    expect(t, "log_softmax", tuff_log_softmax(t->g, v, 1), logs[0], 16 * OP_ULP, 8 * OP_ULP, 0);
    op_values_finish(t);
}

/* PyTorch's cross_entropy: infinite where the label or, with smoothing, any class is masked; what is ignored has no gradient. */
static void test_cross_entropy(struct op_values *t)
{
    static const double x[LINES][CLASSES] = {{-I, 1, 2}, {1, -I, 2}, {N, I, -I}, {-I, -I, -I}},
                        labels[LINES] = {0, 2, -7, -7};
    static const double loss[LINES] = {I, .3132616875182228, 0, 0}, smooth[LINES] = {I, I, 0, 0},
                        gradient[LINES][CLASSES] = {{-1, .2689414213699951, .7310585786300049},
                                                    {.2689414213699951, 0, -.2689414213699951},
                                                    {0, 0, 0},
                                                    {0, 0, 0}};
    struct tuff_cross_entropy_params params = {.reduction = TUFF_REDUCE_NONE, .use_ignore_index = true, .ignore_index = -7};
    op_values_begin(t);
    tuff_val v = fill(t, TUFF_SHAPE(LINES, CLASSES), x[0]), gv;
    tuff_val at = tuff_cast(t->g, fill(t, TUFF_SHAPE(LINES), labels), TUFF_I32);
    tuff_val y = tuff_cross_entropy(t->g, v, at, params);
    tuff_gradients(t->g, tuff_sum(t->g, y, 0, TUFF_DROP_AXES), 0, &v, 1, &gv);
    expect(t, "cross_entropy", y, loss, 16 * OP_ULP, 8 * OP_ULP, 0);
    expect(t, "cross_entropy's gradient", gv, gradient[0], 32 * OP_ULP, 8 * OP_ULP, 0);
    params.label_smoothing = .1;
    expect(t, "cross_entropy, smoothed", tuff_cross_entropy(t->g, v, at, params), smooth, 16 * OP_ULP, 0, 0);
    op_values_finish(t);
}

static const struct two logits[] = {
    {I, 1, 0, 0, -I},     {-I, 0, 0, 0, I},     {I, 0, I, 1, -I}, {-I, 1, I, -1, I}, {0, .25, 0.6931471805599453, .25, 0},
    {100, 1, 0, 0, -100}, {-100, 0, 0, 0, 100}, {M, 1, 0, 0, -M}, {M, 0, M, 1, -M},  {N, .5, N, N, N},
};

/* Differences of any size; PyTorch's smooth_l1_loss_backward gives their signs. */
static void test_distances(struct op_values *t)
{
    enum { COUNT = 6 };
    static const double x[COUNT] = {I, -I, 3, .5, -3, 0}, by[COUNT] = {1, 1, 1, 1, 1, 1}, none[COUNT] = {0};
    static const double smooth[COUNT] = {I, I, 2.5, .125, 2.5, 0}, slope[COUNT] = {1, -1, 1, .5, -1, 0};
    op_values_begin(t);
    tuff_val v = fill(t, TUFF_SHAPE(COUNT), x), zero = fill(t, TUFF_SHAPE(COUNT), none), g = fill(t, TUFF_SHAPE(COUNT), by),
             gv;
    tuff_val y = tuff_smooth_l1_loss(t->g, v, zero, (struct tuff_smooth_l1_params){.reduction = TUFF_REDUCE_NONE});
    tuff_gradients(t->g, y, g, &v, 1, &gv);
    expect(t, "smooth_l1", y, smooth, 4 * OP_ULP, 0, 0);
    expect(t, "smooth_l1's gradient", gv, slope, 4 * OP_ULP, 0, 0);
    op_values_finish(t);
}

/* The second query sees nothing: its result and gradients are 0 (PyTorch: _safe_softmax), whichever way the mask says so. */
static void test_attention(struct op_values *t, bool adds)
{
    static const double seen[4] = {1, 0, 0, 0}, added[4] = {0, -I, -I, -I}, x[4] = {1, 2, -3, .5}, v[4] = {5, 6, 7, 8};
    static const double by[4] = {1, 1, 1, 1}, y[4] = {5, 6, 0, 0}, none[4] = {0}, values[4] = {1, 1, 0, 0};
    const struct tuff_shape all = TUFF_SHAPE(1, 1, 2, 2);
    op_values_begin(t);
    tuff_val in[3] = {fill(t, all, x), fill(t, all, x), fill(t, all, v)}, g = fill(t, all, by), gs[3];
    tuff_val mask = fill(t, TUFF_SHAPE(2, 2), adds ? added : seen);
    if (!adds) mask = tuff_cast(t->g, mask, TUFF_BOOL);
    tuff_val out = tuff_attention(t->g, in[0], in[1], in[2], (struct tuff_attention_params){.mask = mask});
    tuff_gradients(t->g, out, g, in, 3, gs);
    expect(t, "attention", out, y, 4 * OP_ULP, 0, 0);
    expect(t, "attention, queries", gs[0], none, 0, 16 * OP_ULP, 0);
    expect(t, "attention, keys", gs[1], none, 0, 16 * OP_ULP, 0);
    expect(t, "attention, values", gs[2], values, 4 * OP_ULP, 0, 0);
    op_values_finish(t);
}

/* A constant channel without eps: factor 0, result beta, no gradient (PyTorch: batch norm's InvStd); the other one as ever. */
static void test_constant_channel(struct op_values *t)
{
    static const double x[8] = {7, 1, 7, 3, 7, 1, 7, 3}, gamma[2] = {3, 2}, beta[2] = {5, 1}, none[2] = {0},
                        by[8] = {1, 1, 2, 1, 3, 2, 1, 1};
    static const double y[8] = {5, -1, 5, 3, 5, -1, 5, 3}, gx[8] = {0, -1, 0, 0, 0, 1, 0, 0}, gw[2] = {0, -1},
                        gb[2] = {7, 5};
    op_values_begin(t);
    tuff_val in[3] = {fill(t, TUFF_SHAPE(4, 2), x), fill(t, TUFF_SHAPE(2), gamma), fill(t, TUFF_SHAPE(2), beta)}, gs[3];
    tuff_val zero = fill(t, TUFF_SHAPE(2), none), g = fill(t, TUFF_SHAPE(4, 2), by);
    struct tuff_batch_norm r = tuff_batch_norm_train(t->g, in[0], in[1], in[2], zero, zero, 0, 0.1);
    tuff_gradients(t->g, r.y, g, in, 3, gs);
    expect(t, "batch_norm", r.y, y, 16 * OP_ULP, 0, 0);
    expect(t, "batch_norm's gradient", gs[0], gx, 16 * OP_ULP, 32 * OP_ULP, 0);
    expect(t, "batch_norm's gamma", gs[1], gw, 16 * OP_ULP, 32 * OP_ULP, 0);
    expect(t, "batch_norm's beta", gs[2], gb, 16 * OP_ULP, 0, 0);
    op_values_finish(t);
}

/* What whole numbers of 32 and 8 bits do not hold, of inputs and of constants, which fold. */
static void test_casts(struct op_values *t)
{
    enum { COUNT = 16 };
    static const double x[COUNT] = {3e9,   -3e9, 300,        -300,          2.75, -2.75, 127.5, -128.5,
                                    255.5, -.5,  2147483520, -2147483648.0, I,    -I,    N,     -0.0};
    static const double wide[COUNT] = {2147483647, -2147483648.0, 300,        -300,         2, -2, 127, -128, 255, 0,
                                       2147483520, -2147483648.0, 2147483647, -2147483648.0};
    static const double bytes[COUNT] = {255, 0, 255, 0, 2, 0, 127, 0, 255, 0, 255, 0, 255, 0},
                        small[COUNT] = {127, -128, 127, -128, 2, -2, 127, -128, 127, 0, 127, -128, 127, -128};
    static const struct {
        enum tuff_dtype dtype;
        const double *wanted;
    } kinds[] = {{TUFF_I32, wide}, {TUFF_U8, bytes}, {TUFF_I8, small}};
    float constant[COUNT];
    for (int i = 0; i < COUNT; i++) constant[i] = (float)x[i];
    op_values_begin(t);
    tuff_val v[2] = {fill(t, TUFF_SHAPE(COUNT), x),
                     tuff_constant(t->g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(COUNT)}, constant)};
    for (size_t k = 0; k < TUFF_COUNT(kinds); k++)
        for (int i = 0; i < 2; i++)
            expect(t, i ? "a cast of constants" : "a cast", tuff_cast(t->g, v[i], kinds[k].dtype), kinds[k].wanted, 0, 0,
                   OP_ZEROS | OP_EXACT);
    op_values_finish(t);
}

/* A logarithm above 0 below 1, as Vulkan allows by 2^-21, and here by far: normal numbers are numbers. */
static void test_random(struct op_values *t)
{
    enum { COUNT = 4096 };
    const struct op_slip slip = {"log", "return small ? l - 103.27893 : l;", "return small ? l-103.27893 :l+.1;"};
    const struct tuff_compiler compiler = {.struct_size = sizeof compiler,
                                           .user = (void *)(uintptr_t)&slip,
                                           .version = "slip of log",
                                           .compile = op_compile_slip};
    double *got = NULL;
    op_values_begin(t);
    tuff_val out = tuff_random_normal(t->g, tuff_rng_state(t->g), TUFF_SHAPE(COUNT));
    struct op_run run = {.outputs = &out, .count = 1, .got = &got, .compiler = &compiler};
    bool ok = tuff_graph_finish(t->g, NULL) == TUFF_OK && op_run_graph(t->test.device, t->g, t->data, &run);
    for (int i = 0; ok && i < COUNT; i++)
        ok = backend_check(&t->test, isfinite(got[i]), "normal number %d is %g", i, got[i]);
    backend_check(&t->test, ok, "normal numbers of a poor logarithm");
    tuff_free(t->test.context, got);
    tuff_graph_destroy(t->g);
}

static void test_all(struct op_values *t)
{
    test_constant_channel(t);
    test_casts(t);
    test_ones(t);
    test_twos(t, "pow", powers, TUFF_COUNT(powers));
    test_twos(t, "div", quotients, TUFF_COUNT(quotients));
    test_twos(t, "mod", floored, TUFF_COUNT(floored));
    test_twos(t, "fmod", truncated, TUFF_COUNT(truncated));
    test_remainders(t);
    test_functions(t);
    test_twos(t, "bce_logits", logits, TUFF_COUNT(logits));
    test_exponents(t);
    test_softmax(t);
    test_cross_entropy(t);
    test_distances(t);
    test_attention(t, false);
    test_attention(t, true);
}

int main(int argc, char **argv)
{
    static struct op_values t;
    t.random = op_random_start(argc, argv);
    int status = backend_test_begin(&t.test, NULL);
    if (status != 0) return status;
    test_complete(&t);
    op_values_ways(&t, test_all);
    if (tuff_glslang()) test_random(&t);
    return backend_test_end(&t.test, "op_edges");
}
