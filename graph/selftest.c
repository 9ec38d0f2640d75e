/* selftest.c - does this device compute what it should? Small graphs of odd shapes, one or a few for a family of kernels, run as
 * any graph is (so with the kernels that this device is given) and compared with the operators' definitions in double precision.
 *
 * Nearly all inputs are whole numbers so small that every product and every sum is exact in f32, in whatever order: the bound
 * is then zero, and arithmetic of fewer bits is found too. Where a function or a division rounds, its bound follows from
 * Vulkan's table of precisions, in units of the last place (ulp), and is written beside it. */
#include "backend/handover.h"
#include "backend/os.h"
#include "graph/bound.h"
#include "graph/op.h"
#include "graph/ops/gemm.h"
#include "graph/ops/leaf.h"
#include "graph/places.h"
#include "graph/reference.h"
#include "graph/train/optimizer.h"

#include <math.h>
#include <stdio.h>

#define ULP 1.1920928955078125e-7 /* 2^-23: of a value, one unit in its last place is at most this much */

/* Filled with whole numbers low .. high, times scale; with ends the lowest stands for -infinity, the highest for infinity and NaN. */
struct leaf {
    tuff_val v;
    int32_t low, high;
    double scale;
    bool ends;
};
/* What is compared: a value, or the content of `kept` after the assignment v, whose elements begin at `first` in v. */
struct output {
    tuff_val v, kept;
    uint64_t first;
    double ulps, absolute; /* bound: ulps of the expected value, and a number */
    bool declared;         /* by the operator's own bound, its operands being exact */
};
struct trial {
    struct tuff_device *device;
    struct tuff_context *context;
    const struct tuff_selftest_params *params;
    struct tuff_selftest_result *result;
    struct tuff_graph *g;
    struct leaf leaves[24];
    struct output outputs[24];
    uint32_t leaf_count, output_count;
    struct tuff_optimizer *optimizer;
    double ratio; /* the largest of error and bound so far */
};

/* ---- what is tried ------------------------------------------------------------------------------------------------------------- */

static tuff_val filled(struct trial *t, tuff_val v, int32_t low, int32_t high, double scale)
{
    if (!TUFF_NEVER(t->leaf_count == TUFF_COUNT(t->leaves)))
        t->leaves[t->leaf_count++] = (struct leaf){v, low, high, scale, false};
    return v;
}

static tuff_val input(struct trial *t, enum tuff_dtype dtype, struct tuff_shape shape, int32_t low, int32_t high)
{
    char name[16];
    snprintf(name, sizeof name, "x%u", t->leaf_count);
    return filled(t, tuff_input(t->g, name, dtype, shape), low, high, 1);
}
static tuff_val whole(struct trial *t, struct tuff_shape shape, int32_t most)
{
    return input(t, TUFF_F32, shape, -most, most);
}
static tuff_val bytes(struct trial *t, struct tuff_shape shape)
{
    return tuff_cast(t->g, input(t, TUFF_I32, shape, -128, 127), TUFF_I8);
}
/* -range .. range in steps of 1/64 */
static tuff_val fraction(struct trial *t, struct tuff_shape shape, int32_t low, int32_t high)
{
    tuff_val v = input(t, TUFF_F32, shape, 64 * low, 64 * high);
    t->leaves[t->leaf_count - 1].scale = 1.0 / 64;
    return v;
}

static void expect(struct trial *t, tuff_val v, double ulps, double absolute)
{
    if (!TUFF_NEVER(t->output_count == TUFF_COUNT(t->outputs)))
        t->outputs[t->output_count++] = (struct output){.v = v, .ulps = ulps, .absolute = absolute};
}
static void exact(struct trial *t, tuff_val v) { expect(t, v, 0, 0); }

/* Gradients of y by x, and by w where it is not 0, with whole numbers for y's own. */
static void gradients(struct trial *t, tuff_val y, tuff_val x, tuff_val w, double ulps)
{
    const tuff_val by[2] = {x, w};
    tuff_val gx[2] = {0};
    tuff_gradients(t->g, y, whole(t, tuff_type_of(t->g, y).shape, 127), by, w ? 2 : 1, gx);
    expect(t, gx[0], ulps, 0);
    if (w) expect(t, gx[1], ulps, 0);
}

/* y and its gradients, all of which are exact. */
static void exact_with_gradients(struct trial *t, tuff_val y, tuff_val x, tuff_val w)
{
    exact(t, y);
    gradients(t, y, x, w, 0);
}

/* 67 products of at most 8191 * 15 stay below 2^24. */
static void matmul(struct trial *t)
{
    static const struct tuff_matmul_params none = {0}, transposed_b = {.transpose_b = true},
                                           transposed_a = {.transpose_a = true}, both = {true, true, 0};
    struct tuff_graph *g = t->g;
    tuff_val bias = whole(t, TUFF_SHAPE(29), 1000),
             y = tuff_matmul(g, whole(t, TUFF_SHAPE(37, 67), 8191), whole(t, TUFF_SHAPE(67, 29), 15), none);
    exact(t, tuff_relu(g, tuff_add(g, y, bias)));
    exact(t, tuff_matmul(g, whole(t, TUFF_SHAPE(33, 24), 8191), whole(t, TUFF_SHAPE(5, 24), 15), transposed_b));
    exact(t, tuff_matmul(g, whole(t, TUFF_SHAPE(3, 64), 8191), whole(t, TUFF_SHAPE(40, 64), 15), transposed_b));
    exact(t, tuff_matmul(g, whole(t, TUFF_SHAPE(3, 20, 12), 15), whole(t, TUFF_SHAPE(3, 20, 44), 8191), transposed_a));
    exact(t, tuff_matmul(g, bytes(t, TUFF_SHAPE(19, 1037)), bytes(t, TUFF_SHAPE(1037, 21)), none));
    exact(t, tuff_matmul(g, bytes(t, TUFF_SHAPE(2, 18, 9)), bytes(t, TUFF_SHAPE(11, 18)), both));
}

/* Sums: 63 products of 255 * 255, by input 81 of 127 * 255, by weight at most 312 of 127 * 255, all below 2^24. */
static void conv2d(struct trial *t)
{
    static const struct tuff_conv2d_params same = {.pad = {1, 1, 1, 1}}, steps = {.stride = {2, 2}, .pad = {1, 0, 0, 1}};
    struct tuff_graph *g = t->g;
    tuff_val x = whole(t, TUFF_SHAPE(2, 7, 13, 12), 255), w = whole(t, TUFF_SHAPE(9, 7, 3, 3), 255);
    tuff_val y = tuff_conv2d(g, x, w, whole(t, TUFF_SHAPE(9), 1000), same);
    exact(t, tuff_relu(g, y));
    gradients(t, y, x, w, 0);
    tuff_val w1 = whole(t, TUFF_SHAPE(5, 7, 1, 1), 255), y2 = tuff_conv2d(g, x, w, 0, steps);
    exact(t, tuff_conv2d(g, x, w1, 0, (struct tuff_conv2d_params){0}));
    exact_with_gradients(t, y2, x, w);
    exact(t, tuff_conv2d(g, bytes(t, TUFF_SHAPE(2, 6, 9, 8)), bytes(t, TUFF_SHAPE(18, 3, 3, 2)), 0,
                         (struct tuff_conv2d_params){.stride = {1, 2},
                                                     .pad = {1, 0, 2, 1},
                                                     .groups = 2,
                                                     .zero = input(t, TUFF_I32, TUFF_SHAPE(1), -128, 127)}));
}

/* Rows that are read element by element, and by quads. */
static void depthwise(struct trial *t)
{
    static const struct tuff_conv2d_params same = {.pad = {1, 1, 1, 1}, .groups = 11},
                                           steps = {.stride = {2, 2}, .pad = {1, 1, 1, 1}, .groups = 4};
    tuff_val x = whole(t, TUFF_SHAPE(2, 11, 9, 7), 255), w = whole(t, TUFF_SHAPE(11, 1, 3, 3), 255);
    tuff_val x12 = whole(t, TUFF_SHAPE(2, 4, 10, 12), 255), w4 = whole(t, TUFF_SHAPE(4, 1, 3, 3), 255);
    tuff_val y = tuff_conv2d(t->g, x, w, 0, same), y2 = tuff_conv2d(t->g, x12, w4, 0, steps);
    exact_with_gradients(t, y, x, w);
    exact_with_gradients(t, y2, x12, w4);
}

/* Windows that touch and windows that overlap, four columns at a time and not. */
static void max_pool(struct trial *t)
{
    static const struct tuff_pool2d_params quads = {.kernel = {2, 2}}, blocks = {.kernel = {3, 3}},
                                           others = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}};
    tuff_val x = whole(t, TUFF_SHAPE(2, 3, 6, 8), 99999), x9 = whole(t, TUFF_SHAPE(1, 5, 9, 9), 99999);
    const tuff_val y[] = {tuff_max_pool2d(t->g, x, quads), tuff_max_pool2d(t->g, x9, blocks),
                          tuff_max_pool2d(t->g, x9, others)};
    for (uint32_t i = 0; i < TUFF_COUNT(y); i++) exact_with_gradients(t, y[i], i ? x9 : x, 0);
    exact_with_gradients(t, tuff_max_pool2d(t->g, x, others), x, 0);
}

static tuff_val with_ends(struct trial *t, struct tuff_shape shape)
{
    tuff_val v = whole(t, shape, 9);
    t->leaves[t->leaf_count - 1].ends = true;
    return v;
}

/* What a compiler may lose that takes it that no NaN comes (docs/numerics.md). */
static void not_hidden(struct trial *t)
{
    static const struct tuff_pool2d_params apart = {.kernel = {2, 2}},
                                           others = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}};
    struct tuff_graph *g = t->g;
    tuff_val a = with_ends(t, TUFF_SHAPE(13, 67)), b = with_ends(t, TUFF_SHAPE(13, 67)),
             x = with_ends(t, TUFF_SHAPE(2, 3, 6, 8));
    exact(t, tuff_relu(g, a));
    gradients(t, tuff_relu(g, a), a, 0, 0);
    exact(t, tuff_clamp(g, a, -2, 3));
    exact(t, tuff_maximum(g, a, b));
    exact(t, tuff_minimum(g, a, b));
    exact(t, tuff_select(g, tuff_less(g, a, b), a, b));
    exact(t, tuff_not_equal(g, a, b));
    exact(t, tuff_cast(g, a, TUFF_BOOL));
    exact(t, tuff_cast(g, a, TUFF_F16));
    exact(t, tuff_reduce_max(g, a, 1 << 1, TUFF_DROP_AXES));
    exact(t, tuff_reduce_min(g, a, 1 << 0, TUFF_DROP_AXES));
    exact(t, tuff_argmax(g, a, 1, TUFF_DROP_AXES));
    exact(t, tuff_sub(g, a, a)); /* 0, but of infinity NaN */
    exact(t, tuff_affine(g, a, 0, 1));
    expect(t, tuff_exp(g, a), 3 + 2 * 9, 0);
    expect(t, tuff_log(g, a), 3, 4 * ULP);
    expect(t, tuff_square(g, tuff_sqrt(g, a)), 10, 0); /* NaN below 0; twice 4.5 ulp and a product's */
    const tuff_val y[] = {tuff_max_pool2d(g, x, apart), tuff_max_pool2d(g, x, others)};
    for (uint32_t i = 0; i < TUFF_COUNT(y); i++) exact_with_gradients(t, y[i], x, 0);
}

/* A sum of eight is exact, its division or product with a quotient has 2.5 ulp and half an ulp. */
static void average_pool(struct trial *t)
{
    static const struct tuff_pool2d_params params = {.kernel = {2, 4}};
    tuff_val x = whole(t, TUFF_SHAPE(2, 3, 6, 20), 9999), y = tuff_avg_pool2d(t->g, x, params);
    expect(t, y, 3, 0);
    gradients(t, y, x, 0, 3);
}

/* Along rows (a workgroup each, and an invocation each), along columns, one and four at a time, over all; of integers. */
static void reductions(struct trial *t)
{
    struct tuff_graph *g = t->g;
    tuff_val x = whole(t, TUFF_SHAPE(13, 257), 4999), x12 = whole(t, TUFF_SHAPE(67, 12), 4999),
             i = input(t, TUFF_I32, TUFF_SHAPE(67, 7), -4999, 4999);
    exact(t, tuff_sum(g, x, 1 << 1, TUFF_DROP_AXES));
    exact(t, tuff_sum(g, x, 1 << 0, TUFF_DROP_AXES));
    exact(t, tuff_sum(g, x12, 1 << 0, TUFF_DROP_AXES));
    exact(t, tuff_argmax(g, x12, 0, TUFF_DROP_AXES));
    exact(t, tuff_sum(g, x, 0, TUFF_DROP_AXES));
    exact(t, tuff_reduce_max(g, x, 1 << 1, TUFF_DROP_AXES));
    exact(t, tuff_reduce_min(g, x, 1 << 0, TUFF_DROP_AXES));
    exact(t, tuff_argmax(g, x, 1, TUFF_DROP_AXES));
    exact(t, tuff_argmin(g, x, 0, TUFF_DROP_AXES));
    exact(t, tuff_sum(g, i, 1 << 0, TUFF_DROP_AXES));
    exact(t, tuff_prod(g, i, 1 << 0, TUFF_DROP_AXES));
    exact(t, tuff_reduce_min(g, i, 0, TUFF_DROP_AXES));
    exact(t, tuff_argmin(g, i, 0, TUFF_DROP_AXES));
    exact(t, tuff_sum(g, whole(t, TUFF_SHAPE(5, 8), 4999), 1 << 0, TUFF_DROP_AXES));
    exact(t, tuff_prod(g, whole(t, TUFF_SHAPE(11, 20), 2), 1 << 1, TUFF_DROP_AXES));
}

/* Alone, as sums never are: along rows, and along columns four at a time. */
static void extrema(struct trial *t)
{
    exact(t, tuff_argmax(t->g, whole(t, TUFF_SHAPE(13, 257), 4999), 1, TUFF_DROP_AXES));
    exact(t, tuff_argmin(t->g, whole(t, TUFF_SHAPE(67, 12), 4999), 0, TUFF_DROP_AXES));
}

/* Arguments of exp lie within 8 of the largest, which makes 3 + 2 * 8 ulp of each; 67 of them are added (at most an ulp each) and
 * divide (2.5): 19 + 19 + 67 + 3. Of the logarithm: the sum's 19 + 67 ulp as they are, 3 ulp and 2^-21 of a number below 5, and
 * the rounding of a difference below 16. */
static void softmax(struct trial *t)
{
    tuff_val x = fraction(t, TUFF_SHAPE(5, 67), -4, 4);
    expect(t, tuff_softmax(t->g, x, 1), 108, 0);
    expect(t, tuff_log_softmax(t->g, x, 1), 0, (19 + 67 + 3 * 5 + 4 + 16) * ULP);
}

/* Signs, and divisions of each kind; by 0 as well. */
static void whole_numbers(struct trial *t)
{
    struct tuff_graph *g = t->g;
    tuff_val a = input(t, TUFF_I32, TUFF_SHAPE(7, 37), -99999, 99999), b = input(t, TUFF_I32, TUFF_SHAPE(7, 37), -35, 35);
    tuff_val x = fraction(t, TUFF_SHAPE(7, 37), -999, 999), half = tuff_scalar(g, -2.5);
    exact(t, tuff_abs(g, a));
    exact(t, tuff_div(g, a, b));
    exact(t, tuff_mod(g, a, b));
    exact(t, tuff_fmod(g, a, b));
    exact(t, tuff_pow(g, a, b));
    exact(t, tuff_shift_left(g, tuff_bit_xor(g, a, b), b));
    exact(t, tuff_shift_right(g, tuff_bit_or(g, a, b), b));
    exact(t, tuff_bit_and(g, a, tuff_sign(g, b)));
    exact(t, tuff_fmod(g, x, half));
    exact(t, tuff_mod(g, x, half));
}

/* Of grouped heads and causal rows. Weights are away by 64 + 20 ulp of products below 8 and by 70 of the sum, y, below 1, by as much; gradients are
 * sums of 127 * 64 / 8 * 2 at most, away by 300 ulp of that: what is wrong is so by parts of these. */
static void attention(struct trial *t)
{
    tuff_val in[3] = {fraction(t, TUFF_SHAPE(1, 4, 69, 64), -1, 1), 0, 0}, gx[3] = {0};
    for (int i = 1; i < 3; i++) in[i] = fraction(t, TUFF_SHAPE(1, 2, 69, 64), -1, 1);
    tuff_val y = tuff_attention(t->g, in[0], in[1], in[2], (struct tuff_attention_params){.causal = true});
    expect(t, y, 0, 300 * ULP);
    tuff_gradients(t->g, y, whole(t, tuff_type_of(t->g, y).shape, 127), in, 3, gx);
    for (int i = 0; i < 3; i++) expect(t, gx[i], 0, 300 * ULP * 2048);
}

static void running_sums(struct trial *t)
{
    tuff_val x = whole(t, TUFF_SHAPE(5, 131, 3), 9999);
    exact(t, tuff_cumsum(t->g, x, (struct tuff_cumsum_params){.axis = 1}));
    tuff_val i = input(t, TUFF_I32, TUFF_SHAPE(7, 37), -9999, 9999);
    exact(t, tuff_cumsum(t->g, i, (struct tuff_cumsum_params){.axis = 1, .reverse = true}));
    exact(t, tuff_cumsum(t->g, x, (struct tuff_cumsum_params){.axis = 1, .exclusive = true, .reverse = true}));
}

static void topk(struct trial *t)
{
    tuff_val x = whole(t, TUFF_SHAPE(7, 67), 20); /* with many ties */
    tuff_val at = tuff_topk_indices(t->g, x, (struct tuff_topk_params){.axis = 1, .k = 5});
    tuff_val i = input(t, TUFF_I32, TUFF_SHAPE(7, 67), -20, 20);
    exact(t, tuff_topk_indices(t->g, i, (struct tuff_topk_params){.axis = 1, .k = 9, .smallest = true}));
    exact(t, at);
    exact(t, tuff_gather_elements(t->g, x, at, 1));
}

/* Indices from the end and beyond both ends among them. */
static void indexing(struct trial *t)
{
    struct tuff_graph *g = t->g;
    tuff_val x = whole(t, TUFF_SHAPE(23, 9), 9999), rows = input(t, TUFF_I32, TUFF_SHAPE(31), -50, 50);
    exact(t, tuff_gather(g, x, rows, 0));
    exact(t, tuff_scatter_add(g, x, input(t, TUFF_I32, TUFF_SHAPE(31, 9), -30, 30), whole(t, TUFF_SHAPE(31, 9), 9999), 0));
    tuff_val wide = whole(t, TUFF_SHAPE(5, 70), 9999), each = input(t, TUFF_I32, TUFF_SHAPE(40, 1), -9, 9);
    exact(t, tuff_scatter_add(g, wide, each, whole(t, TUFF_SHAPE(40, 70), 9999), 0)); /* by rows */
    exact(t, tuff_scatter(g, wide, each, whole(t, TUFF_SHAPE(40, 70), 9999), 0, TUFF_SCATTER_NONE));
    tuff_val i = input(t, TUFF_I32, TUFF_SHAPE(23, 9), -99, 99), at = input(t, TUFF_I32, TUFF_SHAPE(31, 9), -30, 30);
    for (int mode = TUFF_SCATTER_NONE; mode <= TUFF_SCATTER_MAX; mode++)
        exact(t, tuff_scatter(g, i, at, at, 0, (enum tuff_scatter_mode)mode));
    tuff_val ring = tuff_state(g, "ring", TUFF_F32, TUFF_SHAPE(11, 9), (struct tuff_init){0});
    tuff_val place = input(t, TUFF_I32, TUFF_SHAPE(1), -3, 12);
    exact(t, tuff_affine(g, tuff_assign_rows(g, ring, whole(t, TUFF_SHAPE(4, 9), 9999), place), 2, 1));
}

/* c' = max(x_t - c, 0), seven times: each round binds other rows. */
static void loops(struct trial *t)
{
    struct tuff_graph *body = NULL;
    if (tuff_graph_create(t->context, &body, NULL) != TUFF_OK) return;
    tuff_val c = tuff_input(body, "c", TUFF_F32, TUFF_SHAPE(5, 13)), x = tuff_input(body, "x", TUFF_F32, TUFF_SHAPE(5, 13));
    tuff_val first = whole(t, TUFF_SHAPE(5, 13), 999), rows = whole(t, TUFF_SHAPE(7, 5, 13), 999);
    tuff_val next = tuff_relu(body, tuff_sub(body, x, c));
    struct tuff_scan_params params = {.struct_size = sizeof params,
                                      .body = &body,
                                      .outputs = &next,
                                      .output_count = 1,
                                      .carries = &first,
                                      .carry_count = 1,
                                      .sequences = &rows,
                                      .sequence_count = 1};
    tuff_val scan = tuff_scan(t->g, &params);
    exact(t, tuff_scan_all(t->g, scan, 0));
}

static void pointwise(struct trial *t)
{
    struct tuff_graph *g = t->g;
    tuff_val a = whole(t, TUFF_SHAPE(3, 5, 7), 999), b = whole(t, TUFF_SHAPE(5, 1), 999), c = whole(t, TUFF_SHAPE(7), 999);
    tuff_val y = tuff_relu(g, tuff_add(g, tuff_mul(g, a, b), c)), less = tuff_less(g, a, c);
    tuff_val i = input(t, TUFF_I32, TUFF_SHAPE(5, 7), -30000, 30000);
    tuff_val far = tuff_abs(g, a), whole_y = tuff_cast(g, y, TUFF_I32);
    exact(t, tuff_select(g, less, tuff_minimum(g, y, c), far));
    exact(t, less);
    exact(t, tuff_floor(g, tuff_affine(g, a, 0.125, -3)));
    exact(t, tuff_cast(g, tuff_affine(g, a, 0.125, 7), TUFF_U8));
    exact(t, tuff_maximum(g, tuff_mul(g, i, i), whole_y));
}

static void views(struct trial *t)
{
    static const uint32_t order[3] = {2, 0, 1}, start[3] = {1, 2, 0}, size[3] = {2, 2, 5}, one[3] = {1, 0, 2};
    static const int32_t step[3] = {-1, 2, 1};
    struct tuff_graph *g = t->g;
    tuff_val x = whole(t, TUFF_SHAPE(3, 5, 7), 99999), turned = tuff_permute(g, x, order);
    const tuff_val parts[2] = {turned, tuff_reshape(g, x, TUFF_SHAPE(7, 3, 5))};
    exact(t, tuff_concat(g, parts, 2, 1));
    exact(t, tuff_pad(g, tuff_slice(g, x, start, step, size), one, one, -7));
}

/* Beside each: what Vulkan's table says of it, or what its polynomial in pw_helpers.def rounds. */
static void functions(struct trial *t)
{
    struct tuff_graph *g = t->g;
    tuff_val x = fraction(t, TUFF_SHAPE(5, 67), -4, 4), p = fraction(t, TUFF_SHAPE(5, 67), 1, 4);
    expect(t, tuff_exp(g, x), 3 + 2 * 4, 0);
    expect(t, tuff_log(g, p), 3, 4 * ULP); /* 2^-21 within [0.5, 2] */
    expect(t, tuff_sqrt(g, p), 4.5, 0);    /* 1 / inversesqrt */
    expect(t, tuff_div(g, x, p), 2.5, 0);
    expect(t, tuff_tanh(g, x), 5.5 + 4.5, 3 * ULP); /* a quotient of m = e^-2|x| - 1: 4 ulp of a small m, else 3.8 in all */
    expect(t, tuff_sigmoid(g, x), 1.5 * (3 + 2 * 4) + 5, 0);
    expect(t, tuff_sin(g, x), 0, 4 * ULP);
    expect(t, tuff_cos(g, x), 0, 4 * ULP);
    tuff_val part = fraction(t, TUFF_SHAPE(5, 67), -1, 1); /* graph/ops/pw_helpers.def has the bounds of these */
    expect(t, tuff_tan(g, x), 12, 4e-9);
    expect(t, tuff_asin(g, part), 14, 0);
    expect(t, tuff_acos(g, part), 10, 0);
    expect(t, tuff_atan(g, x), 7, 0);
    expect(t, tuff_sinh(g, x), 6, 0);
    expect(t, tuff_cosh(g, x), 6, 0);
    expect(t, tuff_asinh(g, x), 14, 0);
    expect(t, tuff_acosh(g, p), 14, 0);
    expect(t, tuff_atanh(g, part), 14, 0);
    expect(t, tuff_erf(g, x), 8, 5 * ULP); /* terms from the largest on; behind 1: 6 + 12 ulp of erfc(1) = 0.16 */
}

/* 18 bits are rounded to 11, ties among them. */
static void half(struct trial *t)
{
    tuff_val h = tuff_cast(t->g, fraction(t, TUFF_SHAPE(13, 37), -2000, 2000), TUFF_F16);
    exact(t, h);
    exact(t, tuff_sum(t->g, tuff_cast(t->g, h, TUFF_F32), 1 << 0, TUFF_DROP_AXES));
    tuff_val a = tuff_cast(t->g, whole(t, TUFF_SHAPE(13, 20), 99), TUFF_F16);
    exact(t,
          tuff_matmul(t->g, a, tuff_cast(t->g, whole(t, TUFF_SHAPE(20, 12), 99), TUFF_F16), (struct tuff_matmul_params){0}));
}

static void random_numbers(struct trial *t)
{
    tuff_val rng = filled(t, tuff_rng_state(t->g), 1, INT32_MAX, 1);
    exact(t, tuff_random_uniform(t->g, rng, TUFF_SHAPE(7, 67)));
    exact(t, tuff_dropout(t->g, whole(t, TUFF_SHAPE(7, 67), 9999), rng, 0.5));
}

/* One step of momentum and decay by powers of two. The gradient is a sum of 31 whole numbers; eighths stay below 2^24. */
static void optimizer_update(struct trial *t)
{
    struct tuff_optimizer_params params = tuff_optimizer_defaults(TUFF_SGD, 0.25);
    params.momentum = params.weight_decay = 0.5;
    struct tuff_graph *g = t->g;
    struct tuff_optimizer *o = t->optimizer;
    const tuff_val w[2] = {tuff_param(g, "w", TUFF_SHAPE(17, 13), (struct tuff_init){0}),
                           tuff_param(g, "b", TUFF_SHAPE(13), (struct tuff_init){0})};
    tuff_val y = tuff_add(g, tuff_matmul(g, whole(t, TUFF_SHAPE(31, 17), 999), w[0], (struct tuff_matmul_params){0}), w[1]);
    struct tuff_optimizer_plan plan = {.loss = tuff_sum(g, y, 0, TUFF_DROP_AXES), .weight = 1};
    tuff_optimizer_build(g, &plan, &params, o);
    for (uint32_t k = 0; k < 2; k++) filled(t, w[k], -9999, 9999, 1);
    filled(t, o->packs[0].momentum, -9999, 9999, 1);
    for (uint32_t i = 0; g->status == TUFF_OK && i < o->update_count; i++) {
        const struct tuff_value *target = tuff_value_of(g, tuff_value_of(g, o->updates[i])->in[0]);
        bool all = target->op->kind == TUFF_KIND_PARAM_PACK;
        uint64_t first = 0;
        for (uint32_t k = 0; k < (all ? target->in_count : 1); k++) {
            tuff_val kept = all ? target->in[k] : tuff_value_of(g, o->updates[i])->in[0];
            exact(t, o->updates[i]);
            t->outputs[t->output_count - 1].kept = kept;
            t->outputs[t->output_count - 1].first = first;
            first += tuff_pack_room(g, kept);
        }
    }
}

/* Kernels of which no family here knows: the operator's first example. */
static void others(struct trial *t)
{
    for (uint32_t i = 0; i < tuff_op_count && t->output_count < TUFF_COUNT(t->outputs); i++) {
        const struct tuff_case *small = tuff_ops[i]->examples;
        tuff_val in[6] = {0};
        if (!small) continue;
        tuff_val y = tuff_op_of_case(t->g, tuff_ops[i], small, tuff_ops[i]->name, in);
        for (uint32_t k = 0; k < small->in_count; k++) {
            bool index = small->domain[k] == TUFF_DOMAIN_INDEX;
            filled(t, in[k], index ? 0 : -4, index ? (int32_t)small->index_limit - 1 : 4, 1);
        }
        expect(t, y, 0, 0);
        t->outputs[t->output_count - 1].declared = true;
    }
}

/* What compiles for long comes last. */
static const struct family {
    const char *name;
    void (*build)(struct trial *t); /* NULL: the probe of subgroups */
} families[] = {
    {"subgroups", NULL},
    {"pointwise", pointwise},
    {"views", views},
    {"functions", functions},
    {"f16", half},
    {"random", random_numbers},
    {"reductions", reductions},
    {"extrema", extrema},
    {"softmax", softmax},
    {"cumsum", running_sums},
    {"topk", topk},
    {"gather, scatter", indexing},
    {"whole numbers", whole_numbers},
    {"average pool", average_pool},
    {"max pool", max_pool},
    {"NaN", not_hidden},
    {"optimizer", optimizer_update},
    {"loops", loops},
    {"others", others},
    {"depthwise", depthwise},
    {"attention", attention},
    {"matmul", matmul},
    {"conv2d", conv2d},
};

/* ---- running a graph ------------------------------------------------------------------------------------------------------------ */

/* Fills a leaf for the device and for the reference: whole numbers by a hash of leaf and element. */
static tuff_status fill(struct trial *t, const struct leaf *leaf, struct tuff_session *session, struct tuff_executable *x,
                        double **data, struct tuff_error *error)
{
    const struct tuff_value *value = tuff_value_of(t->g, leaf->v);
    uint64_t count = tuff_shape_count(&value->type.shape), span = (uint64_t)((int64_t)leaf->high - leaf->low + 1);
    uint32_t *words = tuff_alloc(t->context, (size_t)count * sizeof *words);
    data[leaf->v] = tuff_alloc(t->context, (size_t)count * sizeof **data);
    tuff_status status = words && data[leaf->v] ? TUFF_OK : tuff_fail_memory(t->context, error);
    for (uint64_t i = 0; status == TUFF_OK && i < count; i++) {
        int32_t number = (int32_t)(leaf->low + (int64_t)(tuff_hash(leaf->v, &i, sizeof i) % span));
        double v = number * leaf->scale;
        if (leaf->ends)
            v = number == leaf->high ? NAN : number == leaf->high - 1 ? INFINITY : number == leaf->low ? -INFINITY : v;
        float real = (float)v;
        data[leaf->v][i] = v;
        memcpy(&words[i], value->type.dtype == TUFF_F32 ? (const void *)&real : (const void *)&number, sizeof *words);
    }
    if (status == TUFF_OK)
        status = value->op->kind == TUFF_KIND_INPUT ? tuff_executable_write_any(x, leaf->v, words, (size_t)count * 4, error)
                                                    : tuff_session_write(session, leaf->v, words, (size_t)count * 4, error);
    tuff_free(t->context, words);
    return status;
}

/* The table of step sizes and its cursor are the host's: the reference takes them as the device holds them. */
static tuff_status feed(struct trial *t, struct tuff_session *session, double **data, struct tuff_error *error)
{
    const tuff_val states[3] = {t->optimizer->table, t->optimizer->cursor, t->optimizer->health};
    TUFF_TRY(tuff_optimizer_feed(t->optimizer, session, error));
    for (uint32_t k = 0; k < TUFF_COUNT(states); k++) {
        const struct tuff_type type = tuff_type_of(t->g, states[k]);
        uint64_t count = tuff_shape_count(&type.shape);
        void *words = tuff_alloc(t->context, (size_t)count * 4);
        data[states[k]] = tuff_alloc(t->context, (size_t)count * sizeof **data);
        tuff_status status = words && data[states[k]]
                                 ? tuff_session_read(session, states[k], words, (size_t)count * 4, error)
                                 : tuff_fail_memory(t->context, error);
        for (uint64_t i = 0; status == TUFF_OK && i < count; i++) data[states[k]][i] = tuff_element(type.dtype, words, i);
        tuff_free(t->context, words);
        if (status != TUFF_OK) return status;
    }
    return TUFF_OK;
}

static tuff_status wrong(const struct trial *t, const char *what, uint64_t at, double expected, double got, double bound,
                         struct tuff_error *error)
{
    const struct tuff_caps *caps = tuff_device_caps(t->device);
    return tuff_fail(
        t->context, error, TUFF_ERR_WRONG,
        "self-test of %s: element %llu of %s: expected %.9g, got %.9g, bound %.3g, on %.80s with driver %.60s %.60s "
        "(version 0x%x)",
        t->result->family, (unsigned long long)at, what, expected, got, bound, caps->name, caps->driver_name,
        caps->driver_info, caps->driver_version);
}

/* The bound of every element by the operator's descriptor, its operands being exact; NULL without memory. */
static double *declared_bound(const struct trial *t, tuff_val v, double **data)
{
    const struct tuff_value *value = tuff_value_of(t->g, v);
    double **bounds = tuff_reference_create(t->g), *bound = NULL;
    bool memory = bounds != NULL;
    for (uint32_t i = 0; i < value->in_count && memory; i++) {
        tuff_val in = value->in[i];
        if (in && !bounds[in])
            bounds[in] = tuff_alloc(t->context,
                                    (size_t)tuff_shape_count(&tuff_value_of(t->g, in)->type.shape) * sizeof *bound);
        memory = !in || bounds[in];
    }
    if (memory && tuff_bound_of(t->g, v, data, bounds) == TUFF_OK) {
        bound = bounds[v];
        bounds[v] = NULL;
    }
    tuff_reference_destroy(t->g, bounds);
    return bound;
}

static tuff_status compare(struct trial *t, const struct output *o, const double *expected, const double *declared,
                           const void *bytes, struct tuff_error *error)
{
    tuff_val v = o->kept ? o->kept : o->v;
    const struct tuff_type type = tuff_type_of(t->g, v);
    const char *name = tuff_value_of(t->g, o->v)->op->name;
    char shape[128], what[200];
    tuff_status status = TUFF_OK;
    for (uint64_t i = tuff_shape_count(&type.shape); i-- > 0;) {
        double y = expected[o->first + i], got = tuff_element(type.dtype, bytes, i);
        bool same = got == y || (isnan(got) && isnan(y));
        double bound = declared ? declared[i] : o->ulps * ULP * fabs(y) + o->absolute, apart = same ? 0 : fabs(got - y),
               ratio = apart / (bound + 1e-300);
        t->result->elements++;
        if (ratio > t->ratio || isnan(ratio)) {
            t->ratio = ratio;
            t->result->error = apart;
            t->result->bound = bound;
        }
        if (same || apart <= bound) continue;
        snprintf(what, sizeof what, "%s %s", name, tuff_shape_text(&type.shape, shape, sizeof shape));
        status = wrong(t, what, i, y, got, bound, error);
        break;
    }
    return status;
}

static tuff_status compare_all(struct trial *t, struct tuff_session *session, struct tuff_executable *x, double **data,
                               struct tuff_error *error)
{
    for (uint32_t i = 0; i < t->output_count; i++) {
        const struct output *o = &t->outputs[i];
        const struct tuff_type type = tuff_type_of(t->g, o->kept ? o->kept : o->v);
        size_t size = (size_t)tuff_type_bytes(&type);
        void *bytes = tuff_alloc(t->context, size);
        tuff_status status = !bytes    ? tuff_fail_memory(t->context, error)
                             : o->kept ? tuff_session_read(session, o->kept, bytes, size, error)
                                       : tuff_executable_read(x, i, bytes, size, error);
        double *declared = status == TUFF_OK && o->declared ? declared_bound(t, o->v, data) : NULL;
        if (status == TUFF_OK && o->declared && !declared) status = tuff_fail_memory(t->context, error);
        if (status == TUFF_OK) status = compare(t, o, data[o->v], declared, bytes, error);
        tuff_free(t->context, declared);
        tuff_free(t->context, bytes);
        if (status != TUFF_OK) return status;
    }
    return TUFF_OK;
}

static tuff_status run_graph(struct trial *t, struct tuff_session *session, struct tuff_executable *x, double **data,
                             struct tuff_error *error)
{
    for (uint32_t i = 0; i < t->leaf_count; i++) TUFF_TRY(fill(t, &t->leaves[i], session, x, data, error));
    if (t->optimizer->update_count) TUFF_TRY(feed(t, session, data, error));
    if (tuff_reference_run(t->g, data) != TUFF_OK) return tuff_fail_memory(t->context, error);
    TUFF_TRY(tuff_executable_run(x, error));
    return compare_all(t, session, x, data, error);
}

static tuff_status try_graph(struct trial *t, void (*build)(struct trial *), struct tuff_error *error)
{
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    struct tuff_optimizer optimizer = {0};
    tuff_val outputs[TUFF_COUNT(t->outputs)];
    double **data = NULL;
    TUFF_TRY(tuff_graph_create(t->context, &t->g, error));
    t->optimizer = &optimizer;
    build(t);
    if (t->output_count == 0 && t->g->status == TUFF_OK) {
        tuff_graph_destroy(t->g);
        return TUFF_OK;
    }
    for (uint32_t i = 0; i < t->output_count; i++) outputs[i] = t->outputs[i].v;
    struct tuff_session_params session_params = {.struct_size = sizeof session_params, .compiler = t->params->compiler};
    struct tuff_executable_params params = {.struct_size = sizeof params,
                                            .outputs = outputs,
                                            .output_count = t->output_count,
                                            .progress = {.cancel = t->params->progress.cancel}};
    tuff_status status = tuff_graph_finish(t->g, error);
    if (status == TUFF_OK && !(data = tuff_reference_create(t->g))) status = tuff_fail_memory(t->context, error);
    if (status == TUFF_OK) status = tuff_session_create(t->device, t->g, &session_params, &session, error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &x, error);
    if (status == TUFF_OK) status = run_graph(t, session, x, data, error);
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    if (data) tuff_reference_destroy(t->g, data);
    tuff_graph_destroy(t->g);
    return status;
}

/* ---- the probe of subgroups -------------------------------------------------------------------------------------------------------- */

enum { PROBE_GROUPS = 5, PROBE_WORDS = 4 };

static tuff_status build_probe(struct tuff_plan *plan, uint32_t lanes, struct tuff_error *error)
{
    const uint64_t bytes = tuff_align((uint64_t)PROBE_GROUPS * lanes * PROBE_WORDS * 4, TUFF_PLAN_ALIGNMENT);
    struct tuff_plan_slot slot = {.name = "seen", .bytes = bytes};
    const struct tuff_plan_kernel kernel = {.file = "subgroup_probe", .defines = "", .hooks = ""};
    struct tuff_plan_launch launch = {.label = "self-test subgroups", .groups = {PROBE_GROUPS, 1, 1}};
    struct tuff_plan_binding binding = {.access = TUFF_WRITE, .bytes = bytes};
    if (!tuff_plan_place(plan, &slot, TUFF_MEMORY_OUTPUT, UINT64_MAX)) return tuff_fail_memory(plan->arena.context, error);
    binding.slot = tuff_plan_add_slot(plan, &slot);
    const struct tuff_kernel_subgroup_probe fields = {.LANES = lanes};
    struct tuff_plan_spec specs[1];
    tuff_part_split(&tuff_part_subgroup_probe, &fields, specs, NULL);
    launch.kernel = tuff_plan_add_kernel(plan, &kernel, specs, TUFF_COUNT(specs));
    if (binding.slot == UINT32_MAX || launch.kernel == UINT32_MAX ||
        tuff_plan_add_launch(plan, &launch, &binding, 1, NULL, 0) == UINT32_MAX)
        return tuff_fail_memory(plan->arena.context, error);
    return TUFF_OK;
}

static tuff_status read_probe(struct trial *t, struct tuff_executable *x, uint32_t lanes, struct tuff_error *error)
{
    static const char *const names[PROBE_WORDS] = {"subgroups in a workgroup", "subgroup size", "shuffle from the last lane",
                                                   "shuffle from the next lane"};
    uint32_t count = PROBE_GROUPS * lanes;
    uint32_t *seen = tuff_alloc(t->context, count * PROBE_WORDS * sizeof *seen);
    tuff_status status = seen ? tuff_executable_get(x, "seen", seen, count * PROBE_WORDS * sizeof *seen, error)
                              : tuff_fail_memory(t->context, error);
    for (uint32_t i = 0; status == TUFF_OK && i < count; i++) {
        uint32_t group = i / lanes, lane = i % lanes;
        const uint32_t expected[PROBE_WORDS] = {1, lanes, 100 * group + lanes - 1, 100 * group + (lane + 1) % lanes};
        for (uint32_t k = 0; status == TUFF_OK && k < PROBE_WORDS; k++, t->result->elements++)
            if (seen[PROBE_WORDS * i + k] != expected[k]) {
                t->result->error = fabs((double)seen[PROBE_WORDS * i + k] - expected[k]);
                status = wrong(t, names[k], i, expected[k], seen[PROBE_WORDS * i + k], 0, error);
            }
    }
    tuff_free(t->context, seen);
    return status;
}

static tuff_status try_subgroups(struct trial *t, struct tuff_error *error)
{
    struct tuff_plan plan;
    struct tuff_executable *x = NULL;
    uint32_t lanes = tuff_shuffle_lanes(tuff_device_caps(t->device));
    const struct tuff_compiler *compiler = t->params->compiler ? t->params->compiler : tuff_built_kernels();
    if (!lanes) return TUFF_OK; /* no kernel of this device shuffles */
    tuff_plan_init(&plan, t->context);
    tuff_status status = build_probe(&plan, lanes, error);
    struct tuff_run_params params = {.plan = &plan, .compiler = compiler};
    if (status == TUFF_OK) status = tuff_executable_create(t->device, &params, &x, error);
    if (status == TUFF_OK) status = tuff_executable_run(x, error);
    if (status == TUFF_OK) status = read_probe(t, x, lanes, error);
    tuff_executable_destroy(x);
    tuff_plan_finish(&plan);
    return status;
}

/* ---- all of them -------------------------------------------------------------------------------------------------------------------- */

static tuff_status try_family(struct tuff_device *device, const struct tuff_selftest_params *params,
                              const struct family *family, struct tuff_error *error)
{
    struct tuff_selftest_result result = {.family = family->name};
    struct tuff_context *context = tuff_device_context(device);
    struct trial *t = tuff_alloc(context, sizeof *t);
    if (!t) return tuff_fail_memory(context, error);
    uint64_t start = tuff_os_time_ns();
    *t = (struct trial){.device = device, .context = context, .params = params, .result = &result};
    result.status = family->build ? try_graph(t, family->build, error) : try_subgroups(t, error);
    result.milliseconds = (double)(tuff_os_time_ns() - start) * 1e-6;
    result.message = result.status == TUFF_OK ? "" : error->message;
    tuff_free(context, t);
    if (params->report) params->report(params->user, &result);
    return result.status;
}

/* After these nothing else can be learned. */
static bool is_final(tuff_status status)
{
    return status == TUFF_ERR_DEVICE_LOST || status == TUFF_ERR_CANCELLED || status == TUFF_ERR_MEMORY ||
           status == TUFF_ERR_USAGE;
}

tuff_status tuff_selftest(struct tuff_device *device, const struct tuff_selftest_params *params, struct tuff_error *error)
{
    static const struct tuff_selftest_params none = {.struct_size = sizeof none};
    TUFF_REQUIRE(NULL, error, device != NULL);
    struct tuff_context *context = tuff_device_context(device);
    TUFF_REQUIRE(context, error, !params || params->struct_size >= sizeof *params);
    if (!params) params = &none;
    tuff_status first = TUFF_OK, status = TUFF_OK;
    for (uint32_t i = 0; i < TUFF_COUNT(families) && !is_final(status); i++) {
        struct tuff_error own = {0};
        if (!tuff_progress_report(&params->progress, families[i].name, i, TUFF_COUNT(families)))
            status = tuff_fail(context, &own, TUFF_ERR_CANCELLED, "self-test: cancelled");
        else
            status = try_family(device, params, &families[i], &own);
        if (status == TUFF_OK || first != TUFF_OK) continue;
        first = status;
        if (error) *error = own;
    }
    return first;
}
