/* edges.c - torch-edges: what Tuff computes where numbers end, on the device and by the definition, printed for tests/torch/edges.py, which
 * has PyTorch compute the same. Text of lines: a case with its numbers, its inputs, and each result of each way to build the graph:
 *   case NAME KEY=NUMBER.. | in NAME DTYPE SHAPE NUMBERS.. | out WAY device|definition NAME SHAPE NUMBERS.. | end
 * A gradient is called d and its input's name; it is that of the result y, weighted by 1, 2, 3, 1, 2, .. */
#include "tests/torch/edges.h"
#include "backend/core.h"
#include "graph/ops/pointwise.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define I INFINITY
#define N NAN
#define M ((double)FLT_MAX)

/* ---- printing -------------------------------------------------------------------------------------------------------------------- */

static void print_numbers(struct tuff_shape shape, const double *x)
{
    for (uint32_t i = 0; i < shape.rank; i++) printf(i ? ",%u" : "%u", (unsigned)shape.dim[i]);
    printf(shape.rank ? " " : "- ");
    for (uint64_t k = 0; k < tuff_shape_count(&shape); k++) printf(" %.17g", x[k]);
    printf("\n");
}

void edges_input(const char *name, struct tuff_type type, const double *content)
{
    printf("in %s %s ", name, tuff_dtype_name(type.dtype));
    print_numbers(type.shape, content);
}

void edges_output(const char *way, const char *by, const char *name, struct tuff_shape shape, const double *content)
{
    printf("out %s %s %s ", way, by, name);
    print_numbers(shape, content);
}

static tuff_val in(struct op_values *t, const char *name, enum tuff_dtype dtype, struct tuff_shape shape, const double *x)
{
    uint64_t count = tuff_shape_count(&shape);
    double *held = malloc((size_t)count * sizeof *held);
    if (!held) exit(1);
    for (uint64_t i = 0; i < count; i++) held[i] = dtype == TUFF_F32 ? (double)(float)x[i] : x[i];
    edges_input(name, (struct tuff_type){dtype, shape}, held);
    tuff_val v = op_values_input(t, dtype, shape, held);
    free(held);
    return v;
}

static void out(struct op_values *t, const char *name, tuff_val v)
{
    op_values_expect(t, (struct op_value){.v = v, .name = name});
}

/* Gradients of y by x[count], called names[count]. */
static void slopes(struct op_values *t, tuff_val y, const char *const *names, const tuff_val *x, uint32_t count)
{
    tuff_val g[6];
    struct tuff_shape shape = tuff_type_of(t->g, y).shape;
    double *by = malloc((size_t)tuff_shape_count(&shape) * sizeof *by);
    if (!by) exit(1);
    for (uint64_t i = 0; i < tuff_shape_count(&shape); i++) by[i] = (double)(i % 3 + 1);
    tuff_val weight = op_values_input(t, TUFF_F32, shape, by);
    free(by);
    tuff_gradients(t->g, y, weight, x, count, g);
    for (uint32_t i = 0; i < count; i++) out(t, names[i], g[i]);
}

static void finish(struct op_values *t)
{
    double *got[OP_VALUES_MOST] = {NULL}, *defined[OP_VALUES_MOST] = {NULL};
    if (!op_values_run(t, got, defined)) exit(1);
    for (uint32_t i = 0; i < t->count; i++) {
        struct tuff_shape shape = tuff_type_of(t->g, t->values[i].v).shape;
        edges_output(t->way, "device", t->values[i].name, shape, got[i]);
        edges_output(t->way, "definition", t->values[i].name, shape, defined[i]);
        tuff_free(t->test.context, got[i]);
        tuff_free(t->test.context, defined[i]);
    }
    printf("end\n");
    tuff_graph_destroy(t->g);
}

#define DX                                                                                                                  \
    (const char *const[]) { "dx" }

/* ---- rows ------------------------------------------------------------------------------------------------------------------------ */

static const double specials[] = {
    N,     I,      -I,     0,    -0.0, M,     -M,     0x1p-126, -0x1p-126, 0x1p-127, -0x1p-149,  1,     -1,    .5,
    -.5,   88.75,  -88.75, -104, 104,  1e6,   -1e6,   3e38,     -3e38,     0x1p24,   0x1p24 + 2, 2,     -2,    2.5,
    -3.5,  3,      -3,     6,    20.5, -20.5, 1e-3,   -1e-3,    1e-8,      -1e-8,    1e19,       -1e19, 1e-20, -1e-20,
    9.125, -9.125, -5.5,   5.5,  40,   -40,   0x1p63, -0x1p31,  1e30,      1e-30,    0.75,       -13,   -17};
static const double few[] = {N,  I,   -I, 0,  -0.0, M,     -M,   0x1p-126, -0x1p-149, 1,         -1,
                             .5, -.5, 2,  -2, 3,    88.75, -104, 1e6,      3e38,      0x1p24 + 2};
enum { SPECIALS = TUFF_COUNT(specials), FEW = TUFF_COUNT(few), PAIRS = FEW * FEW };

static const struct {
    const char *name;
    double p0, p1;
} numbers[] = {{"affine", 2, 1},     {"affine", 0, 1},      {"clamp", -1, 2},      {"clamp", 3, 2},
               {"clamp", -I, 2},     {"clamp", 0.5, I},     {"pow_const", -.5, 0}, {"pow_const", 0, 0},
               {"pow_const", 1, 0},  {"pow_const", 2, 0},   {"pow_const", 3, 0},   {"pow_const", .5, 0},
               {"pow_const", -1, 0}, {"pow_const", 2.5, 0}, {"leaky_relu", .5, 0}, {"leaky_relu", -1, 0},
               {"leaky_relu", 0, 0}, {"elu", 2, 0},         {"elu", 1, 0},         {"pow_const", -2, 0}};

static void row(struct op_values *t, const struct tuff_op *op, double p0, double p1)
{
    double a[PAIRS], b[PAIRS];
    for (int i = 0; i < PAIRS; i++) a[i] = few[i / FEW], b[i] = few[i % FEW];
    const char *const names[] = {"da", "db"};
    struct tuff_shape shape = TUFF_SHAPE(op->arity_max == 1 ? SPECIALS : PAIRS);
    printf("case row/%s p0=%g p1=%g\n", op->name, p0, p1);
    op_values_begin(t);
    tuff_val x[2] = {in(t, "a", TUFF_F32, shape, op->arity_max == 1 ? specials : a)};
    if (op->arity_max == 2) x[1] = in(t, "b", TUFF_F32, shape, b);
    tuff_val y = tuff_graph_add(t->g, op, x, op->arity_max, &(struct tuff_pw_attrs){p0, p1});
    out(t, "y", y);
    if (tuff_is_float(tuff_type_of(t->g, y).dtype)) slopes(t, y, names, x, op->arity_max);
    finish(t);
}

static void test_rows(struct op_values *t)
{
    for (uint32_t i = 0; i < tuff_op_count; i++) {
        const struct tuff_op *op = tuff_ops[i];
        bool with_numbers = false;
        if (!op->glsl || op_is_derivative(op) || !strcmp(op->name, "add_rest") || op->result == TUFF_RESULT_I32) continue;
        for (size_t k = 0; k < TUFF_COUNT(numbers); k++) {
            if (strcmp(numbers[k].name, op->name) != 0) continue;
            row(t, op, numbers[k].p0, numbers[k].p1);
            with_numbers = true;
        }
        if (!with_numbers) row(t, op, 0, 0);
    }
}

/* Whole numbers wrap. */
static void test_integers(struct op_values *t)
{
    static const double whole[] = {0,       1,           -1,       2, -2, 3, 65536, -65536, 46341, 2147483647, -2147483648.0,
                                   1 << 30, -1000000007, 123456789};
    enum { WHOLE = TUFF_COUNT(whole) };
    double a[WHOLE * WHOLE], b[WHOLE * WHOLE];
    const struct tuff_shape shape = TUFF_SHAPE(WHOLE * WHOLE);
    for (int i = 0; i < WHOLE * WHOLE; i++) a[i] = whole[i / WHOLE], b[i] = whole[i % WHOLE];
    printf("case integers\n");
    op_values_begin(t);
    struct tuff_graph *g = t->g;
    tuff_val x = in(t, "a", TUFF_I32, shape, a), y = in(t, "b", TUFF_I32, shape, b);
    out(t, "add", tuff_add(g, x, y));
    out(t, "sub", tuff_sub(g, x, y));
    out(t, "mul", tuff_mul(g, x, y));
    out(t, "neg", tuff_neg(g, x));
    out(t, "square", tuff_square(g, x));
    out(t, "minimum", tuff_minimum(g, x, y));
    out(t, "maximum", tuff_maximum(g, x, y));
    out(t, "less", tuff_less(g, x, y));
    out(t, "equal", tuff_equal(g, x, y));
    out(t, "sum", tuff_sum(g, x, 0, TUFF_DROP_AXES));
    out(t, "f32", tuff_cast(g, x, TUFF_F32));
    finish(t);
}

/* Casts of what the type holds, and of NaN and infinities where PyTorch defines them. */
static void test_casts(struct op_values *t)
{
    static const double held[] = {0,     -0.0, 1,   -1,   .5,         -.5,           2.75,  -2.75,
                                  127.5, -128, 1e9, -2e9, 2147483520, -2147483648.0, 0x1p24};
    static const enum tuff_dtype narrow[] = {TUFF_F16, TUFF_BF16, TUFF_BOOL};
    static const double halves[] = {65504,     65519.99, 65520,   -65520,        0x1p-24,      0x1p-25,
                                    0x1.8p-25, -0x1p-26, 0x1p-14, 1.00048828125, 1.00146484375};
    printf("case casts\n");
    op_values_begin(t);
    tuff_val x = in(t, "x", TUFF_F32, TUFF_SHAPE(SPECIALS), specials),
             h = in(t, "h", TUFF_F32, TUFF_SHAPE(TUFF_COUNT(halves)), halves);
    tuff_val i = in(t, "i", TUFF_F32, TUFF_SHAPE(TUFF_COUNT(held)), held);
    for (size_t k = 0; k < TUFF_COUNT(narrow); k++) {
        const char *name = tuff_dtype_name(narrow[k]);
        out(t, name, tuff_cast(t->g, x, narrow[k]));
    }
    out(t, "h.f16", tuff_cast(t->g, h, TUFF_F16));
    out(t, "h.bf16", tuff_cast(t->g, h, TUFF_BF16));
    out(t, "i32", tuff_cast(t->g, i, TUFF_I32));
    finish(t);
}

/* ---- lines: reductions, softmax, losses ---------------------------------------------------------------------------------------------- */

enum { WIDTH = 6 };
static const double lines[][WIDTH] = {
    {1, 2, 3, 4, 5, 6},
    {N, 1, 2, 3, 4, 5},
    {1, 2, N, 3, N, 4},
    {5, 4, 3, 2, 1, N},
    {I, 1, 2, 3, 4, 5},
    {-I, -I, -I, -I, -I, -I},
    {-I, -I, 1, -I, -I, -I},
    {I, -I, 1, 0, 2, 3},
    {I, I, 1, 0, 2, 3},
    {0, -0.0, 0, -0.0, 0, -0.0},
    {M, M, M, -M, -M, -M},
    {M, M, 1, 0, -1, -M},
    {-0.0, -0.0, -0.0, -0.0, -0.0, -0.0},
    {1e-40, 2e-40, -1e-40, 0, 1e-38, -1e-45},
    {16777216, 1, 1, 1, -16777216, 1},
    {88.75, 89, 0, -104, 88.75, 1},
    {-104, -105, -1000, -104, -2000, -3e38},
    {5, 5, 5, 5, 5, 5},
    {N, N, N, N, N, N},
    {N, I, -I, N, 0, 1},
    {1e6, 1e6 + 1, 1e6 - 1, 1e6, 1e6, 1e6},
    {0, 0, -1, 0, -2, -3},
    {2, 0, 3, 0, 0, 0},
};
enum { LINES = TUFF_COUNT(lines) };
static const struct tuff_shape sheet = {2, {LINES, WIDTH}};

typedef tuff_val (*reducer)(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep);
typedef tuff_val (*searcher)(struct tuff_graph *g, tuff_val x, int axis, enum tuff_keep keep);

static void test_reductions(struct op_values *t)
{
    static const struct {
        const char *name;
        reducer of;
    } all[] = {{"sum", tuff_sum},
               {"mean", tuff_mean},
               {"amax", tuff_reduce_max},
               {"amin", tuff_reduce_min},
               {"logsumexp", tuff_logsumexp}};
    for (size_t i = 0; i < TUFF_COUNT(all); i++)
        for (uint32_t axis = 0; axis < 2; axis++) {
            printf("case %s axis=%u\n", all[i].name, (unsigned)axis);
            op_values_begin(t);
            tuff_val x = in(t, "x", TUFF_F32, sheet, lines[0]), y = all[i].of(t->g, x, 1u << axis, TUFF_DROP_AXES);
            out(t, "y", y);
            slopes(t, y, DX, &x, 1);
            finish(t);
        }
    static const struct {
        const char *name;
        searcher of;
    } places[] = {{"argmax", tuff_argmax}, {"argmin", tuff_argmin}};
    for (size_t i = 0; i < TUFF_COUNT(places); i++) {
        printf("case %s axis=1\n", places[i].name);
        op_values_begin(t);
        out(t, "y", places[i].of(t->g, in(t, "x", TUFF_F32, sheet, lines[0]), 1, TUFF_DROP_AXES));
        finish(t);
    }
}

static void test_orders(struct op_values *t)
{
    for (uint32_t k = 1; k <= WIDTH; k += 2)
        for (int smallest = 0; smallest < 2; smallest++) {
            printf("case topk k=%u smallest=%d\n", (unsigned)k, smallest);
            op_values_begin(t);
            tuff_val x = in(t, "x", TUFF_F32, sheet, lines[0]);
            struct tuff_topk y = tuff_topk(t->g, x, (struct tuff_topk_params){.axis = 1, .k = k, .smallest = smallest});
            out(t, "y", y.values);
            out(t, "indices", y.indices);
            slopes(t, y.values, DX, &x, 1);
            finish(t);
        }
    for (int way = 0; way < 4; way++) {
        printf("case cumsum exclusive=%d reverse=%d\n", way & 1, way >> 1);
        op_values_begin(t);
        tuff_val x = in(t, "x", TUFF_F32, sheet, lines[0]);
        tuff_val y = tuff_cumsum(t->g, x, (struct tuff_cumsum_params){.axis = 1, .exclusive = way & 1, .reverse = way >> 1});
        out(t, "y", y);
        slopes(t, y, DX, &x, 1);
        finish(t);
    }
}

static void test_softmax(struct op_values *t)
{
    static tuff_val (*const all[])(struct tuff_graph * g, tuff_val x, int axis) = {tuff_softmax, tuff_log_softmax};
    static const char *const names[] = {"softmax", "log_softmax"};
    for (int i = 0; i < 2; i++)
        for (int axis = 0; axis < 3; axis++) { /* the last one is of 1 */
            printf("case %s axis=%d\n", names[i], axis);
            op_values_begin(t);
            tuff_val x = in(t, "x", TUFF_F32, TUFF_SHAPE(LINES, WIDTH, 1), lines[0]), y = all[i](t->g, x, axis);
            out(t, "y", y);
            slopes(t, y, DX, &x, 1);
            finish(t);
        }
}

/* Every line with each label, one of which is to be ignored; classes of weight 0. */
static void test_cross_entropy(struct op_values *t)
{
    static const double weights[][WIDTH] = {{1, 0, 2, .5, 0, 1}, {0, 0, 0, 0, 0, 0}};
    double x[LINES * WIDTH * WIDTH], labels[LINES * WIDTH];
    for (int i = 0; i < LINES * WIDTH; i++) {
        labels[i] = i % WIDTH;
        for (int c = 0; c < WIDTH; c++) x[i * WIDTH + c] = lines[i / WIDTH][c];
    }
    for (int way = 0; way < 12; way++) {
        int weighted = way / 4, ignores = way & 1, smooth = way >> 1 & 1;
        struct tuff_cross_entropy_params params = {.reduction = TUFF_REDUCE_NONE,
                                                   .use_ignore_index = ignores,
                                                   .ignore_index = 2,
                                                   .label_smoothing = smooth ? .25 : 0};
        printf("case cross_entropy weighted=%d ignore=%d smooth=%g\n", weighted, ignores ? 2 : -100, params.label_smoothing);
        op_values_begin(t);
        tuff_val logits = in(t, "x", TUFF_F32, TUFF_SHAPE(LINES * WIDTH, WIDTH), x);
        tuff_val at = in(t, "labels", TUFF_I32, TUFF_SHAPE(LINES * WIDTH), labels);
        if (weighted) params.weight = in(t, "w", TUFF_F32, TUFF_SHAPE(WIDTH), weights[weighted - 1]);
        tuff_val y = tuff_cross_entropy(t->g, logits, at, params);
        out(t, "y", y);
        slopes(t, y, DX, &logits, 1);
        finish(t);
    }
}

/* The mean of a batch: of weights 0, of ignored labels alone. */
static void test_means(struct op_values *t)
{
    static const double x[2][3] = {{1, 2, 3}, {-I, 0, 1}}, w[3] = {0, 1, 2};
    static const double labels[][2] = {{0, 0}, {1, 1}}; /* of weight 0; ignored */
    for (int way = 0; way < 8; way++) {
        struct tuff_cross_entropy_params params = {
            .use_ignore_index = way & 1, .ignore_index = 1, .label_smoothing = way & 2 ? .25 : 0};
        int weighted = way / 4;
        for (int k = 0; k < 2; k++) {
            printf("case cross_entropy_mean weighted=%d ignore=%d smooth=%g\n", weighted, way & 1 ? 1 : -100,
                   params.label_smoothing);
            op_values_begin(t);
            tuff_val logits = in(t, "x", TUFF_F32, TUFF_SHAPE(2, 3), x[0]);
            tuff_val at = in(t, "labels", TUFF_I32, TUFF_SHAPE(2), labels[k]);
            params.weight = weighted ? in(t, "w", TUFF_F32, TUFF_SHAPE(3), w) : 0;
            tuff_val y = tuff_cross_entropy(t->g, logits, at, params);
            out(t, "y", y);
            slopes(t, y, DX, &logits, 1);
            finish(t);
        }
    }
}

static tuff_val smooth_l1(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction)
{
    return tuff_smooth_l1_loss(g, x, target, (struct tuff_smooth_l1_params){.reduction = reduction});
}

static tuff_val bce(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction)
{
    return tuff_bce_with_logits(g, x, target, (struct tuff_bce_params){.reduction = reduction});
}

static void test_distances(struct op_values *t)
{
    static const struct {
        const char *name;
        tuff_val (*of)(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction);
    } all[] = {{"mse", tuff_mse_loss}, {"l1", tuff_l1_loss}, {"smooth_l1", smooth_l1}, {"bce", bce}};
    double a[PAIRS], b[PAIRS];
    const char *const names[] = {"dx", "dtarget"};
    for (int i = 0; i < PAIRS; i++) a[i] = few[i / FEW], b[i] = few[i % FEW];
    for (size_t i = 0; i < TUFF_COUNT(all); i++) {
        printf("case %s\n", all[i].name);
        op_values_begin(t);
        tuff_val x[2] = {in(t, "x", TUFF_F32, TUFF_SHAPE(PAIRS), a)};
        x[1] = in(t, "target", TUFF_F32, TUFF_SHAPE(PAIRS), b);
        tuff_val y = all[i].of(t->g, x[0], x[1], TUFF_REDUCE_NONE);
        out(t, "y", y);
        slopes(t, y, names, x, 2);
        finish(t);
    }
}

/* ---- pools, norms, attention, products ------------------------------------------------------------------------------------------------ */

static void test_pools(struct op_values *t)
{
    enum { H = 7, W = 9, PLANES = 3 };
    static const uint32_t windows[][6] = {/* kernel, stride, pad, dilation, ceil, include pad */
                                          {2, 2, 0, 1, 0, 0}, {3, 2, 1, 1, 0, 0}, {3, 2, 1, 1, 1, 0}, {3, 1, 1, 2, 0, 0},
                                          {2, 3, 1, 2, 1, 0}, {3, 3, 0, 1, 1, 1}, {3, 2, 1, 1, 1, 1}, {2, 2, 1, 1, 1, 1}};
    static const double mixed[] = {1, N, -I, 2, I, -0.0, 0, -3, M, -M, 5, -I, -I, 1, 1, 4, -1};
    double x[PLANES * H * W];
    for (int i = 0; i < PLANES * H * W; i++)
        x[i] = i < H * W       ? (i * 7 + i / 5) % 11 - 5
               : i < 2 * H * W ? (i % 13 == 0 ? I : -I)
                               : mixed[(i * 5 + i / 7) % TUFF_COUNT(mixed)];
    for (size_t k = 0; k < TUFF_COUNT(windows) * 2; k++) {
        const uint32_t *w = windows[k / 2];
        bool average = k & 1;
        struct tuff_pool2d_params params = {
            .kernel = {w[0], w[0]}, .stride = {w[1], w[1]}, .pad = {w[2], w[2], w[2], w[2]}, .ceil_mode = w[4]};
        params.dilation[0] = params.dilation[1] = average ? 0 : w[3];
        params.count_include_pad = average && w[5];
        printf("case %s kernel=%u stride=%u pad=%u dilation=%u ceil=%u include=%u\n", average ? "avg_pool" : "max_pool",
               w[0], w[1], w[2], w[3], w[4], w[5]);
        op_values_begin(t);
        tuff_val v = in(t, "x", TUFF_F32, TUFF_SHAPE(1, PLANES, H, W), x);
        tuff_val y = average ? tuff_avg_pool2d(t->g, v, params) : tuff_max_pool2d(t->g, v, params);
        out(t, "y", y);
        slopes(t, y, DX, &v, 1);
        finish(t);
    }
}

/* Lines of channels: far from zero, constant, tiny, huge, with what is not finite. */
static const double far[][8] = {{1, 2, 3, 4, 5, 6, 7, 9},
                                {1e4 + 1, 1e4 - 1, 1e4, 1e4 + 2, 1e4, 1e4 - 3, 1e4, 1e4},
                                {-1e6 + 1, -1e6, -1e6 + 3, -1e6, -1e6 + 1, -1e6, -1e6 - 2, -1e6},
                                {7, 7, 7, 7, 7, 7, 7, 7},
                                {0, 0, 0, 0, 0, 0, 0, 0},
                                {1e-20, 2e-20, -1e-20, 0, 3e-20, 1e-20, 1e-20, 0},
                                {1e18, -1e18, 2e18, 0, 1e18, 1e18, -3e18, 0},
                                {1, N, 2, 3, 4, 5, 6, 7},
                                {1, 2, I, 3, 4, 5, 6, 7},
                                {1, 2, 3, -I, 4, I, 6, 7}};
enum { FAR = TUFF_COUNT(far) };

static void norm_case(struct op_values *t, const char *name, double eps)
{
    static const double gamma[] = {1, 2, .5, -1, 1, 1, 2, 3, 1, 1}, beta[] = {0, 1, -1, 2, 0, .5, 0, 0, 1, 1},
                        state[2][FAR] = {{0}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}};
    const char *const names[] = {"dx", "dw", "db"};
    bool batch = !strcmp(name, "batch_norm"), groups = !strcmp(name, "group_norm");
    double x[FAR * 8];
    for (int i = 0; i < FAR * 8; i++) x[i] = batch ? far[i / 4 % FAR][i / 4 / FAR * 4 + i % 4] : far[i / 8][i % 8];
    printf("case %s eps=%g\n", name, eps);
    op_values_begin(t);
    struct tuff_graph *g = t->g;
    struct tuff_shape shape = batch ? TUFF_SHAPE(2, FAR, 4) : groups ? TUFF_SHAPE(FAR / 2, 4, 4) : TUFF_SHAPE(FAR, 8);
    uint32_t channels = batch ? FAR : groups ? 4 : 8;
    tuff_val v[3] = {in(t, "x", TUFF_F32, shape, x)}, y;
    v[1] = in(t, "w", TUFF_F32, TUFF_SHAPE(channels), gamma);
    v[2] = in(t, "b", TUFF_F32, TUFF_SHAPE(channels), beta);
    if (batch) {
        tuff_val mean = in(t, "mean", TUFF_F32, TUFF_SHAPE(FAR), state[0]),
                 var = in(t, "var", TUFF_F32, TUFF_SHAPE(FAR), state[1]);
        struct tuff_batch_norm r = tuff_batch_norm_train(g, v[0], v[1], v[2], mean, var, eps, 0.1);
        y = r.y;
        out(t, "mean", r.mean);
        out(t, "var", r.var);
    } else if (groups) {
        y = tuff_group_norm(g, v[0], v[1], v[2], 2, eps);
    } else if (!strcmp(name, "layer_norm")) {
        y = tuff_layer_norm(g, v[0], v[1], v[2], 1, eps);
    } else {
        y = tuff_rms_norm(g, v[0], v[1], eps);
    }
    out(t, "y", y);
    slopes(t, y, names, v, strcmp(name, "rms_norm") ? 3 : 2);
    finish(t);
}

static void test_norms(struct op_values *t)
{
    static const char *const names[] = {"batch_norm", "layer_norm", "group_norm", "rms_norm"};
    for (size_t i = 0; i < TUFF_COUNT(names); i++)
        for (int zero = 0; zero < 2; zero++) norm_case(t, names[i], zero ? 0 : 1e-5);
}

/* mask: 0 none, 1 truths, 2 numbers; the third query sees nothing, the fourth all. */
static void attention(struct op_values *t, int mask, bool causal, bool wild)
{
    enum { T = 4, D = 3 };
    static const double seen[T * T] = {1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1};
    static const double added[T * T] = {0, -I, -I, 1, .5, 0, -I, -I, -I, -I, -I, -I, 0, 1, -1, -3e38};
    const char *const names[] = {"dq", "dk", "dv", "dmask"};
    double content[3][T * D];
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < T * D; k++) content[i][k] = (k * 7 + i * 5) % 9 / 4.0 - 1;
    if (wild) content[0][0] = N, content[1][4] = I; /* a query that knows nothing; a key that is sought by all that see it */
    printf("case attention mask=%d causal=%d wild=%d\n", mask, causal, wild);
    op_values_begin(t);
    tuff_val x[4];
    for (int i = 0; i < 3; i++) x[i] = in(t, names[i] + 1, TUFF_F32, TUFF_SHAPE(1, 1, T, D), content[i]);
    if (mask) x[3] = in(t, "mask", mask == 1 ? TUFF_BOOL : TUFF_F32, TUFF_SHAPE(T, T), mask == 1 ? seen : added);
    tuff_val y = tuff_attention(t->g, x[0], x[1], x[2],
                                (struct tuff_attention_params){.mask = mask ? x[3] : 0, .causal = causal});
    out(t, "y", y);
    slopes(t, y, names, x, mask == 2 ? 4 : 3);
    finish(t);
}

static void test_attention(struct op_values *t)
{
    for (int mask = 0; mask < 3; mask++)
        for (int wild = 0; wild < 2; wild++) attention(t, mask, false, wild);
    attention(t, 0, true, false);
    attention(t, 0, true, true);
}

/* What is not finite goes through products; rows are picked and put back. */
static void test_products(struct op_values *t)
{
    static const double a[] = {0, 1, I, 2, N, 0, -I, 1, M, 1, 1, 1}, b[] = {I, 0, 1, 1, 0, -1}, places[] = {3, 0, 3, 1},
                        truth[] = {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0};
    const char *const names[] = {"da", "db"};
    printf("case matmul\n");
    op_values_begin(t);
    tuff_val x[2] = {in(t, "a", TUFF_F32, TUFF_SHAPE(4, 3), a)};
    x[1] = in(t, "b", TUFF_F32, TUFF_SHAPE(3, 2), b);
    tuff_val y = tuff_matmul(t->g, x[0], x[1], (struct tuff_matmul_params){.transpose_a = false});
    out(t, "y", y);
    slopes(t, y, names, x, 2);
    finish(t);
    printf("case gather\n");
    op_values_begin(t);
    x[0] = in(t, "a", TUFF_F32, TUFF_SHAPE(4, 3), a);
    y = tuff_gather(t->g, x[0], in(t, "at", TUFF_I32, TUFF_SHAPE(4), places), 0);
    out(t, "y", y);
    slopes(t, y, names, x, 1);
    finish(t);
    printf("case where\n");
    op_values_begin(t);
    x[0] = in(t, "a", TUFF_F32, TUFF_SHAPE(4, 3), a);
    tuff_val c = in(t, "c", TUFF_BOOL, TUFF_SHAPE(4, 3), truth), safe = tuff_select(t->g, c, x[0], tuff_scalar(t->g, 1));
    y = tuff_select(t->g, c, tuff_log(t->g, safe), tuff_scalar(t->g, 0));
    out(t, "y", y);
    slopes(t, y, names, x, 1);
    finish(t);
}

static void test_all(struct op_values *t)
{
    test_rows(t);
    test_integers(t);
    test_casts(t);
    test_reductions(t);
    test_orders(t);
    test_softmax(t);
    test_cross_entropy(t);
    test_means(t);
    test_distances(t);
    test_pools(t);
    test_norms(t);
    test_attention(t);
    test_products(t);
}

int main(void)
{
    static struct op_values t;
    int status = backend_test_begin(&t.test, NULL);
    if (status != 0) return status;
    t.way = "fused";
    test_all(&t);
    t.test.context->options.debug |= TUFF_DEBUG_NOCOMPILER;
    t.way = "no-compiler";
    test_all(&t);
    edges_training(&t.test);
    return backend_test_end(&t.test, "torch-edges");
}
