/* works_operators.c - single operators at named sizes, each warm (the same buffers again and again) and cold (buffers by turns,
 * beyond the last-level cache), checked afterwards on the very buffers that were timed. The table belongs to the workload
 * version: rows are added with a new version, never changed; the library's
 * examples follow it. */
#include "nets.h"
#include "verify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TENSORS_MAX = 6, OUTPUTS_MAX = 3, COPIES_MAX = 1024 };

/* One operator as a graph; its inputs are uniform in [-1, 1), or indices, number i by seed i + 1. */
struct built {
    tuff_val in[TENSORS_MAX];
    uint32_t limit[TENSORS_MAX]; /* of indices, i32: below this number; 0: no indices */
    uint32_t in_count;
    tuff_val out[OUTPUTS_MAX];
    uint32_t out_count; /* 0: 1 */
    double flops;       /* 0: not counted */
    double length;      /* of the longest sum of an element */
};
struct work;
struct kind {
    const char *title;
    void (*build)(struct tuff_graph *g, const struct work *work, struct built *b);
    struct check (*verify)(const struct work *work, float *const *in, const float *out); /* NULL: tuff_evaluate */
    const char *unit;
    enum conv_direction direction; /* of convolutions */
};
struct work {
    const char *name, *what; /* of the id; of the title */
    const struct kind *kind;
    uint32_t s[9]; /* sizes, by kind */
    bool quick;
    enum tuff_dtype dtype; /* of the inputs; 0: f32 */
};

static tuff_val input(struct tuff_graph *g, const struct work *work, struct built *b, struct tuff_shape shape)
{
    static const char *const names[TENSORS_MAX] = {"a", "b", "c", "d", "e", "f"};
    tuff_val x = tuff_input(g, names[b->in_count], work->dtype ? work->dtype : TUFF_F32, shape);
    b->in[b->in_count++] = x;
    return x;
}

/* ---- matmul: m, n, k, transpose b ---------------------------------------------------------------------------------------------- */

static void build_matmul(struct tuff_graph *g, const struct work *w, struct built *b)
{
    uint32_t m = w->s[0], n = w->s[1], k = w->s[2];
    tuff_val x = input(g, w, b, TUFF_SHAPE(m, k));
    tuff_val y = input(g, w, b, w->s[3] ? TUFF_SHAPE(n, k) : TUFF_SHAPE(k, n));
    b->out[0] = tuff_matmul(g, x, y, (struct tuff_matmul_params){.transpose_b = w->s[3] != 0});
    b->flops = 2.0 * m * n * k;
}

static struct check verify_matmul_work(const struct work *w, float *const *in, const float *out)
{
    struct matmul_sizes s = {w->s[0], w->s[1], w->s[2], w->s[3] != 0};
    return verify_matmul(&s, in[0], in[1], out);
}

/* ---- convolution: n, ci, h = w, co, kernel, stride, pad, groups ------------------------------------------------------------------ */

static struct conv_sizes conv_sizes_of(const struct work *w)
{
    struct conv_sizes s = {.n = w->s[0], .ci = w->s[1], .h = w->s[2], .w = w->s[2], .co = w->s[3], .kernel = w->s[4]};
    s.stride = w->s[5];
    s.pad = w->s[6];
    s.groups = w->s[7];
    s.oh = s.ow = (s.h + 2 * s.pad - s.kernel) / s.stride + 1;
    return s;
}

static void build_conv(struct tuff_graph *g, const struct work *w, struct built *b)
{
    enum conv_direction direction = w->kind->direction;
    struct conv_sizes s = conv_sizes_of(w);
    struct tuff_conv2d_params p = {.stride = {s.stride, s.stride}, .pad = {s.pad, s.pad, s.pad, s.pad}, .groups = s.groups};
    struct tuff_shape of_x = TUFF_SHAPE(s.n, s.ci, s.h, s.w), of_w = TUFF_SHAPE(s.co, s.ci / s.groups, s.kernel, s.kernel);
    struct tuff_shape of_y = TUFF_SHAPE(s.n, s.co, s.oh, s.ow);
    b->flops = 2.0 * s.n * s.oh * s.ow * s.co * (s.ci / s.groups) * s.kernel * s.kernel;
    if (direction == CONV_FORWARD) {
        tuff_val x = input(g, w, b, of_x), k = input(g, w, b, of_w);
        b->out[0] = tuff_conv2d(g, x, k, 0, p);
    } else if (direction == CONV_INPUT) { /* the gradient depends on gy and the weights alone: x only gives a shape */
        tuff_val gy = input(g, w, b, of_y), k = input(g, w, b, of_w), x = tuff_full(g, TUFF_F32, of_x, 0);
        tuff_gradients(g, tuff_conv2d(g, x, k, 0, p), gy, &x, 1, b->out);
    } else {
        tuff_val x = input(g, w, b, of_x), gy = input(g, w, b, of_y), k = tuff_full(g, TUFF_F32, of_w, 0);
        tuff_gradients(g, tuff_conv2d(g, x, k, 0, p), gy, &k, 1, b->out);
    }
}

static struct check verify_conv_work(const struct work *w, float *const *in, const float *out)
{
    struct conv_sizes s = conv_sizes_of(w);
    return verify_conv(&s, w->kind->direction, in[0], in[1], out);
}

/* ---- attention: b, heads, key-value heads, tokens, width of a head, causal --------------------------------------------------------- */

static void build_attention(struct tuff_graph *g, const struct work *w, struct built *b)
{
    uint32_t n = w->s[0], h = w->s[1], hk = w->s[2], t = w->s[3], d = w->s[4];
    tuff_val q = input(g, w, b, TUFF_SHAPE(n, h, t, d)), k = input(g, w, b, TUFF_SHAPE(n, hk, t, d)),
             v = input(g, w, b, TUFF_SHAPE(n, hk, t, d));
    b->out[0] = tuff_attention(g, q, k, v, (struct tuff_attention_params){.causal = w->s[5] != 0});
    double seen = w->s[5] ? 0.5 * (t + 1) : t; /* columns of a row, in the mean */
    b->flops = 4.0 * n * h * t * seen * d;     /* both products */
    b->length = t > d ? t : d;
}

/* ---- rows: rows, columns -------------------------------------------------------------------------------------------------------------- */

static void build_softmax(struct tuff_graph *g, const struct work *w, struct built *b)
{
    b->out[0] = tuff_softmax(g, input(g, w, b, TUFF_SHAPE(w->s[0], w->s[1])), 1);
    b->length = w->s[1];
}

static void build_layer_norm(struct tuff_graph *g, const struct work *w, struct built *b)
{
    tuff_val x = input(g, w, b, TUFF_SHAPE(w->s[0], w->s[1])), gamma = input(g, w, b, TUFF_SHAPE(w->s[1])),
             beta = input(g, w, b, TUFF_SHAPE(w->s[1]));
    b->out[0] = tuff_layer_norm(g, x, gamma, beta, 1, 1e-5);
    b->length = w->s[1];
}

static void build_rms_norm(struct tuff_graph *g, const struct work *w, struct built *b)
{
    tuff_val x = input(g, w, b, TUFF_SHAPE(w->s[0], w->s[1])), gamma = input(g, w, b, TUFF_SHAPE(w->s[1]));
    b->out[0] = tuff_rms_norm(g, x, gamma, 1e-5);
    b->length = w->s[1];
}

/* The gradient of y by x, with an input for y's own. */
static void take_gradient(struct tuff_graph *g, const struct work *w, struct built *b, tuff_val y, tuff_val x)
{
    tuff_gradients(g, y, input(g, w, b, tuff_type_of(g, y).shape), &x, 1, b->out);
    b->length *= 2;
}
static void build_softmax_grad(struct tuff_graph *g, const struct work *w, struct built *b)
{
    build_softmax(g, w, b);
    take_gradient(g, w, b, b->out[0], b->in[0]);
}
static void build_layer_norm_grad(struct tuff_graph *g, const struct work *w, struct built *b)
{
    build_layer_norm(g, w, b);
    take_gradient(g, w, b, b->out[0], b->in[0]);
}
static void build_rms_norm_grad(struct tuff_graph *g, const struct work *w, struct built *b)
{
    build_rms_norm(g, w, b);
    take_gradient(g, w, b, b->out[0], b->in[0]);
}

/* n, c, h = w */
static void build_batch_norm(struct tuff_graph *g, const struct work *w, struct built *b)
{
    uint32_t c = w->s[1];
    tuff_val x = input(g, w, b, TUFF_SHAPE(w->s[0], c, w->s[2], w->s[2])), gamma = input(g, w, b, TUFF_SHAPE(c)),
             beta = input(g, w, b, TUFF_SHAPE(c)), zeros = tuff_full(g, TUFF_F32, TUFF_SHAPE(c), 0);
    b->out[0] = tuff_batch_norm_train(g, x, gamma, beta, zeros, zeros, 1e-5, 0.1).y;
    b->length = (double)w->s[0] * w->s[2] * w->s[2];
}

/* ---- pointwise: elements ---------------------------------------------------------------------------------------------------------------- */

static void build_add(struct tuff_graph *g, const struct work *w, struct built *b)
{
    tuff_val x = input(g, w, b, TUFF_SHAPE(w->s[0])), y = input(g, w, b, TUFF_SHAPE(w->s[0]));
    b->out[0] = tuff_add(g, x, y);
    b->length = 1;
}

static void build_gelu(struct tuff_graph *g, const struct work *w, struct built *b)
{
    b->out[0] = tuff_gelu(g, input(g, w, b, TUFF_SHAPE(w->s[0])));
    b->length = 1;
}

/* Adam's update of one parameter from gradient g and averages m, v, whose squares keep v positive: Kingma and Ba 2015. */
static void build_adam(struct tuff_graph *g, const struct work *w, struct built *b)
{
    struct tuff_shape all = TUFF_SHAPE(w->s[0]);
    tuff_val p = input(g, w, b, all), d = input(g, w, b, all), m = input(g, w, b, all), v = tuff_abs(g, input(g, w, b, all));
    tuff_val more = tuff_affine(g, d, 0.1, 0), m1 = tuff_add(g, tuff_affine(g, m, 0.9, 0), more);
    tuff_val square = tuff_affine(g, tuff_square(g, d), 0.001, 0);
    tuff_val v1 = tuff_add(g, tuff_affine(g, v, 0.999, 0), square);
    tuff_val root = tuff_affine(g, tuff_sqrt(g, v1), 1, 1e-8), step = tuff_div(g, tuff_affine(g, m1, 0.01, 0), root);
    b->out[0] = tuff_sub(g, p, step);
    b->out[1] = m1;
    b->out[2] = v1;
    b->out_count = 3;
    b->length = 4;
}

/* ---- what moves and picks elements, by rows and columns or n, c, h = w ------------------------------------------------------------------ */

static tuff_val picture(struct tuff_graph *g, const struct work *w, struct built *b)
{
    b->length = 1;
    return input(g, w, b, TUFF_SHAPE(w->s[0], w->s[1], w->s[2], w->s[2]));
}
static tuff_val rows(struct tuff_graph *g, const struct work *w, struct built *b)
{
    b->length = 1;
    return input(g, w, b, TUFF_SHAPE(w->s[0], w->s[1]));
}

static const struct tuff_pool2d_params halving = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}};
static void build_max_pool(struct tuff_graph *g, const struct work *w, struct built *b)
{
    b->out[0] = tuff_max_pool2d(g, picture(g, w, b), halving);
}
static void build_max_pool_grad(struct tuff_graph *g, const struct work *w, struct built *b)
{
    tuff_val x = picture(g, w, b);
    take_gradient(g, w, b, tuff_max_pool2d(g, x, halving), x);
    b->length = 4;
}
static void build_concat(struct tuff_graph *g, const struct work *w, struct built *b)
{
    const tuff_val parts[] = {picture(g, w, b), picture(g, w, b)};
    b->out[0] = tuff_concat(g, parts, 2, 1);
}
static void build_permute(struct tuff_graph *g, const struct work *w, struct built *b)
{
    b->out[0] = tuff_permute(g, picture(g, w, b), (const uint32_t[]){0, 2, 3, 1});
}
static void build_resize(struct tuff_graph *g, const struct work *w, struct built *b)
{
    const struct tuff_resize_params twice = {.scale = {1, 1, 2, 2}, .mode = TUFF_RESIZE_LINEAR};
    b->out[0] = tuff_resize(g, picture(g, w, b), &twice);
    b->length = 4;
}
static void build_gather(struct tuff_graph *g, const struct work *w, struct built *b)
{
    tuff_val x = rows(g, w, b), places = tuff_input(g, "b", TUFF_I32, TUFF_SHAPE(w->s[0]));
    b->limit[b->in_count] = w->s[0];
    b->in[b->in_count++] = places;
    b->out[0] = tuff_gather(g, x, places, 0);
}
static void build_cumsum(struct tuff_graph *g, const struct work *w, struct built *b)
{
    b->out[0] = tuff_cumsum(g, rows(g, w, b), (struct tuff_cumsum_params){.axis = 1});
    b->length = w->s[1];
}
static void build_topk(struct tuff_graph *g, const struct work *w, struct built *b)
{
    b->out[0] = tuff_topk(g, rows(g, w, b), (struct tuff_topk_params){.axis = 1, .k = w->s[2]}).values;
}
static void build_sum(struct tuff_graph *g, const struct work *w, struct built *b)
{
    b->out[0] = tuff_sum(g, rows(g, w, b), 0, TUFF_DROP_AXES);
    b->length = (double)w->s[0] * w->s[1];
}
static void build_argmax(struct tuff_graph *g, const struct work *w, struct built *b)
{
    b->out[0] = tuff_cast(g, tuff_argmax(g, rows(g, w, b), 1, TUFF_DROP_AXES), TUFF_F32);
}

/* ---- what the library's own descriptors name: number of the example -------------------------------------------------------------------- */

static void build_example(struct tuff_graph *g, const struct work *w, struct built *b)
{
    struct tuff_operator_example e = {.y = 0};
    if (!tuff_operator_example(g, w->s[0], &e)) return;
    for (uint32_t i = 0; i < e.in_count; i++) {
        b->limit[b->in_count] = e.index_limit[i];
        b->in[b->in_count++] = e.in[i];
    }
    b->out[0] = e.y;
    b->flops = e.flops;
    b->length = e.terms;
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------------- */

static const struct kind matmul = {"matmul", build_matmul, verify_matmul_work, "GFLOP/s", 0},
                         forward = {"forward", build_conv, verify_conv_work, "GFLOP/s", CONV_FORWARD},
                         input_grad = {"input gradient", build_conv, verify_conv_work, "GFLOP/s", CONV_INPUT},
                         weight_grad = {"weight gradient", build_conv, verify_conv_work, "GFLOP/s", CONV_WEIGHT},
                         attention = {"attention", build_attention, NULL, "GFLOP/s", 0},
                         softmax = {"softmax", build_softmax, NULL, "GB/s", 0},
                         layer_norm = {"layer norm", build_layer_norm, NULL, "GB/s", 0},
                         rms_norm = {"RMS norm", build_rms_norm, NULL, "GB/s", 0},
                         batch_norm = {"batch norm, training", build_batch_norm, NULL, "GB/s", 0},
                         softmax_grad = {"softmax, gradient", build_softmax_grad, NULL, "GB/s", 0},
                         layer_norm_grad = {"layer norm, gradient", build_layer_norm_grad, NULL, "GB/s", 0},
                         rms_norm_grad = {"RMS norm, gradient", build_rms_norm_grad, NULL, "GB/s", 0},
                         max_pool = {"max pool 3x3 stride 2", build_max_pool, NULL, "GB/s", 0},
                         max_pool_grad = {"max pool 3x3 stride 2, gradient", build_max_pool_grad, NULL, "GB/s", 0},
                         concat = {"concat", build_concat, NULL, "GB/s", 0},
                         permute = {"permute to channels last", build_permute, NULL, "GB/s", 0},
                         resize = {"resize bilinear, twice as large", build_resize, NULL, "GB/s", 0},
                         gather = {"gather of rows", build_gather, NULL, "GB/s", 0},
                         cumsum = {"cumsum", build_cumsum, NULL, "GB/s", 0}, topk = {"topk", build_topk, NULL, "GB/s", 0},
                         sum = {"sum of all", build_sum, NULL, "GB/s", 0},
                         argmax = {"argmax", build_argmax, NULL, "GB/s", 0}, add = {"a + b", build_add, NULL, "GB/s", 0},
                         gelu = {"gelu", build_gelu, NULL, "GB/s", 0}, adam = {"Adam update", build_adam, NULL, "GB/s", 0};

#define CONV(name, what, quick, ...)                                                                                        \
    {name "/forward", what, &forward, {__VA_ARGS__}, quick, 0},                                                             \
        {name "/input-grad", what, &input_grad, {__VA_ARGS__}, quick, 0},                                                   \
    {                                                                                                                       \
        name "/weight-grad", what, &weight_grad, {__VA_ARGS__}, quick, 0                                                    \
    }
static const struct work works[] = {
    {"matmul/512x512x512", "512 x 512 x 512", &matmul, {512, 512, 512}, true, 0},
    {"matmul/1024x1024x1024", "1024 x 1024 x 1024", &matmul, {1024, 1024, 1024}, false, 0},
    {"matmul/2048x2048x2048", "2048 x 2048 x 2048", &matmul, {2048, 2048, 2048}, false, 0},
    {"matmul/1024x1024x1024", "1024 x 1024 x 1024", &matmul, {1024, 1024, 1024}, false, TUFF_F16},
    {"matmul/128x49152x576-transposed", "128 x 49152 x 576, b transposed", &matmul, {128, 49152, 576, 1}, false, 0},
    {"matmul/1x1000x2048-transposed", "1 x 1000 x 2048, b transposed", &matmul, {1, 1000, 2048, 1}, false, 0},
    {"matmul/1x4096x4096-transposed", "1 x 4096 x 4096, b transposed", &matmul, {1, 4096, 4096, 1}, false, 0},
    {"matmul/1x4096x4096-transposed", "1 x 4096 x 4096, b transposed", &matmul, {1, 4096, 4096, 1}, false, TUFF_F16},
    CONV("conv/3x3-64-64-56x56-n8", "3x3 64>64 56x56 x8", true, 8, 64, 56, 64, 3, 1, 1, 1),
    CONV("conv/3x3-256-256-14x14-n8", "3x3 256>256 14x14 x8", false, 8, 256, 14, 256, 3, 1, 1, 1),
    CONV("conv/3x3-s2-128-128-56x56-n8", "3x3 stride 2 128>128 56x56 x8", false, 8, 128, 56, 128, 3, 2, 1, 1),
    CONV("conv/1x1-256-64-56x56-n8", "1x1 256>64 56x56 x8", false, 8, 256, 56, 64, 1, 1, 0, 1),
    CONV("conv/7x7-s2-3-64-224x224-n8", "7x7 stride 2 3>64 224x224 x8", false, 8, 3, 224, 64, 7, 2, 3, 1),
    CONV("conv/depthwise-3x3-144-56x56-n8", "depthwise 3x3 144 56x56 x8", false, 8, 144, 56, 144, 3, 1, 1, 144),
    {"attention/1x6x197x64", "6 heads, 197 tokens", &attention, {1, 6, 6, 197, 64, 0}, true, 0},
    {"attention/1x9-3x128x64-causal", "9 heads of 3, 128 tokens, causal", &attention, {1, 9, 3, 128, 64, 1}, false, 0},
    {"attention/4x8x512x64-causal", "x4, 8 heads, 512 tokens, causal", &attention, {4, 8, 8, 512, 64, 1}, false, 0},
    {"softmax/4096x1024", "4096 x 1024", &softmax, {4096, 1024}, true, 0},
    {"layer-norm/4096x1024", "4096 x 1024", &layer_norm, {4096, 1024}, false, 0},
    {"rms-norm/4096x1024", "4096 x 1024", &rms_norm, {4096, 1024}, false, 0},
    {"batch-norm/8x64x56x56", "8 x 64 x 56 x 56", &batch_norm, {8, 64, 56}, false, 0},
    {"add/4194304", "4 Mi elements", &add, {4194304}, true, 0},
    {"gelu/4194304", "4 Mi elements", &gelu, {4194304}, false, 0},
    {"adam/4194304", "4 Mi parameters", &adam, {4194304}, false, 0},
    {"softmax-grad/4096x1024", "4096 x 1024", &softmax_grad, {4096, 1024}, false, 0},
    {"layer-norm-grad/4096x1024", "4096 x 1024", &layer_norm_grad, {4096, 1024}, false, 0},
    {"rms-norm-grad/4096x1024", "4096 x 1024", &rms_norm_grad, {4096, 1024}, false, 0},
    {"max-pool/8x64x112x112", "8 x 64 x 112 x 112", &max_pool, {8, 64, 112}, false, 0},
    {"max-pool-grad/8x64x112x112", "8 x 64 x 112 x 112", &max_pool_grad, {8, 64, 112}, false, 0},
    {"concat/8x64x56x56", "of two 8 x 64 x 56 x 56", &concat, {8, 64, 56}, false, 0},
    {"permute/8x64x56x56", "8 x 64 x 56 x 56", &permute, {8, 64, 56}, false, 0},
    {"resize/8x64x56x56", "8 x 64 x 56 x 56", &resize, {8, 64, 56}, false, 0},
    {"gather/4096x1024", "4096 x 1024", &gather, {4096, 1024}, false, 0},
    {"cumsum/4096x1024", "4096 x 1024", &cumsum, {4096, 1024}, false, 0},
    {"topk-8/4096x1024", "8 of each row of 4096 x 1024", &topk, {4096, 1024, 8}, false, 0},
    {"sum/4096x1024", "4096 x 1024", &sum, {4096, 1024}, false, 0},
    {"argmax/4096x1024", "of each row of 4096 x 1024", &argmax, {4096, 1024}, false, 0},
    {"argmax/1x4194304", "of 4 Mi elements", &argmax, {1, 4194304}, false, 0},
};

static const struct kind example = {"", build_example, NULL, "GB/s", 0};

/* Work i: of the table, then of the library's examples. False: there is none. name: room for an example's. */
static bool work_at(uint32_t i, struct work *work, char name[64])
{
    struct tuff_operator_example e = {.y = 0};
    if (i < COUNT(works)) {
        *work = works[i];
        return true;
    }
    if (!tuff_operator_example(NULL, i - COUNT(works), &e)) return false;
    snprintf(name, 64, "%s/%s", e.name, e.sizes);
    *work = (struct work){.name = name, .what = name, .kind = &example, .s = {i - COUNT(works)}};
    return true;
}

static void id_of(const struct work *work, const char *cache, char *id, size_t bytes)
{
    snprintf(id, bytes, "operator/%s/%s.f32.f32/%s", work->name, work->dtype == TUFF_F16 ? "f16" : "f32", cache);
}

static void title_of(const struct work *work, const char *cache, char *title, size_t bytes)
{
    bool conv = !strncmp(work->name, "conv", 4);
    snprintf(title, bytes, "%s%s%s%s%s, %s", conv ? "conv" : work->kind->title, work->kind->title[0] ? " " : "", work->what,
             work->dtype == TUFF_F16 ? ", f16"
             : conv                  ? ", "
                                     : "",
             conv ? work->kind->title : "", cache);
}

static const char *const caches[] = {"warm", "cold"};

void list_operators(work_visit *visit, void *user)
{
    char id[128], title[128], name[64];
    struct work work;
    for (uint32_t i = 0; work_at(i, &work, name); i++)
        for (int c = 0; c < 2; c++) {
            id_of(&work, caches[c], id, sizeof id);
            title_of(&work, caches[c], title, sizeof title);
            visit(user, id, title, work.quick);
        }
}

/* ---- running ------------------------------------------------------------------------------------------------------------------------------ */

struct run {
    struct bench *bench;
    const struct work *work;
    struct tuff_graph *graph;
    struct built built;
    struct tuff_session *session;
    struct tuff_executable *copies[COPIES_MAX];
    uint32_t copy_count, turn;
    float *in[TENSORS_MAX], *out;
    uint64_t in_bytes[TENSORS_MAX], out_count, out_counts[OUTPUTS_MAX]; /* elements */
    bool ran[COPIES_MAX];
    struct tuff_plan_figures figures;
};

static tuff_status run_copy(struct run *r, struct tuff_executable *copy, double *device_ns, struct tuff_error *error)
{
    tuff_status status = tuff_executable_run(copy, error);
    if (status == TUFF_OK) device_time(r->bench->device, tuff_executable_program(copy), device_ns);
    return status;
}

static tuff_status run_warm(void *user, double *device_ns, struct tuff_error *error)
{
    struct run *r = user;
    r->ran[0] = true;
    return run_copy(r, r->copies[0], device_ns, error);
}

static tuff_status run_cold(void *user, double *device_ns, struct tuff_error *error)
{
    struct run *r = user;
    r->turn = (r->turn + 1) % r->copy_count;
    r->ran[r->turn] = true;
    return run_copy(r, r->copies[r->turn], device_ns, error);
}

/* The warm copy is run once before its samples, as the cold ones may have been run in between. */
static void before_warm(void *user)
{
    struct run *r = user;
    (void)!tuff_executable_run(r->copies[0], NULL);
}

static tuff_status make_input(struct run *r, uint32_t index, void **data)
{
    struct tuff_type type = tuff_type_of(r->graph, r->built.in[index]);
    uint64_t count = tuff_shape_count(&type.shape);
    r->in_bytes[index] = tuff_dtype_size(type.dtype, count);
    r->in[index] = malloc(count * sizeof(float));
    if (!r->in[index]) return TUFF_ERR_MEMORY;
    *data = r->in[index];
    const uint32_t limit = r->built.limit[index];
    int32_t *places = limit ? *data : NULL; /* as large as floats, and what tuff_evaluate takes, too */
    for (uint64_t i = 0; i < count; i++) {
        double u = zoo_uniform((uint32_t)i, index + 1);
        if (places)
            places[i] = (int32_t)((u + 1) / 2 * limit);
        else
            r->in[index][i] = (float)u;
    }
    if (type.dtype != TUFF_F16) return TUFF_OK;
    uint16_t *halves = malloc(count * sizeof *halves);
    if (halves) round_to_halves(r->in[index], halves, count);
    *data = halves;
    return halves ? TUFF_OK : TUFF_ERR_MEMORY;
}

static tuff_status fill(struct run *r, struct tuff_error *error)
{
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; i < r->built.in_count && status == TUFF_OK; i++) {
        void *data = NULL;
        status = make_input(r, i, &data);
        for (uint32_t c = 0; c < r->copy_count && status == TUFF_OK; c++)
            status = tuff_executable_write(r->copies[c], r->built.in[i], data, r->in_bytes[i], error);
        if (data != r->in[i]) free(data);
    }
    return status;
}

/* The last-level cache that cold runs go beyond: there is no way to ask a device for it. */
static double cache_bytes(const struct bench *bench)
{
    if (bench->options->cache_bytes) return (double)bench->options->cache_bytes;
    bool large = tuff_device_caps(bench->device)->kind == TUFF_DEVICE_DISCRETE; /* AMD's has up to 128 MB, NVIDIA's 96 */
    return (double)((large ? UINT64_C(256) : UINT64_C(64)) << 20);
}

static tuff_status build(struct run *r, uint32_t copies_most, struct tuff_error *error)
{
    tuff_status status = tuff_graph_create(r->bench->context, &r->graph, error);
    if (status != TUFF_OK) return status;
    r->work->kind->build(r->graph, r->work, &r->built);
    if (!r->built.out_count) r->built.out_count = 1;
    status = tuff_graph_finish(r->graph, error);
    struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = r->built.out, .output_count = r->built.out_count, .timed = true};
    if (status == TUFF_OK) status = tuff_plan_ask(r->bench->device, r->graph, &params, &r->figures, error);
    if (status == TUFF_OK) status = tuff_session_create(r->bench->device, r->graph, NULL, &r->session, error);
    double copies = ceil(2 * cache_bytes(r->bench) / (double)(r->figures.input_bytes + r->figures.output_bytes));
    double room = floor(0.5 * (double)tuff_device_available(r->bench->device) / (double)r->figures.total_bytes);
    if (copies > room) copies = room;
    r->copy_count = copies < 2 ? 2 : copies < copies_most ? (uint32_t)copies : copies_most;
    if (r->copy_count > copies_most) r->copy_count = copies_most;
    for (uint32_t i = 0; i < r->copy_count && status == TUFF_OK; i++)
        status = tuff_session_compile(r->session, &params, &r->copies[i], error);
    for (uint32_t i = 0; i < r->built.out_count; i++) {
        struct tuff_type type = tuff_type_of(r->graph, r->built.out[i]);
        r->out_counts[i] = tuff_shape_count(&type.shape);
        r->out_count += r->out_counts[i];
    }
    r->out = status == TUFF_OK ? malloc(r->out_count * sizeof(float)) : NULL;
    if (status == TUFF_OK && !r->out) status = TUFF_ERR_MEMORY;
    return status == TUFF_OK ? fill(r, error) : status;
}

static void finish(struct run *r)
{
    for (uint32_t i = 0; i < r->copy_count; i++) tuff_executable_destroy(r->copies[i]);
    tuff_session_destroy(r->session);
    tuff_graph_destroy(r->graph);
    for (uint32_t i = 0; i < TENSORS_MAX; i++) free(r->in[i]);
    free(r->out);
}

/* Of the graph in double. */
static tuff_status verify_by_evaluation(struct run *r, struct check *check, struct tuff_error *error)
{
    struct tuff_leaf_content leaves[TENSORS_MAX];
    for (uint32_t i = 0; i < r->built.in_count; i++) leaves[i] = (struct tuff_leaf_content){r->built.in[i], r->in[i]};
    double *want = malloc(r->out_count * sizeof *want), *results[OUTPUTS_MAX] = {want};
    for (uint32_t i = 1; i < r->built.out_count; i++) results[i] = results[i - 1] + r->out_counts[i - 1];
    struct tuff_evaluate_params params = {.struct_size = sizeof params,
                                          .outputs = r->built.out,
                                          .output_count = r->built.out_count,
                                          .leaves = leaves,
                                          .leaf_count = r->built.in_count};
    tuff_status status = want ? tuff_evaluate(r->graph, &params, results, error) : TUFF_ERR_MEMORY;
    if (status == TUFF_OK) *check = verify_values(r->out, want, r->out_count, verify_bound(r->built.length));
    free(want);
    return status;
}

/* All outputs, one behind another. */
static tuff_status read_copy(struct run *r, uint32_t copy, float *out, struct tuff_error *error)
{
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; i < r->built.out_count && status == TUFF_OK; out += r->out_counts[i++])
        status = tuff_executable_read(r->copies[copy], i, out, r->out_counts[i] * sizeof *out, error);
    return status;
}

/* What the timed copies hold: the first one is checked, the others must hold the same bits. */
static tuff_status verify(struct run *r, struct check *check, struct tuff_error *error)
{
    size_t bytes = r->out_count * sizeof(float);
    tuff_status status = read_copy(r, 0, r->out, error);
    if (status == TUFF_OK && r->work->kind->verify)
        *check = r->work->kind->verify(r->work, r->in, r->out);
    else if (status == TUFF_OK)
        status = verify_by_evaluation(r, check, error);
    float *other = status == TUFF_OK ? malloc(bytes) : NULL;
    if (status == TUFF_OK && !other) status = TUFF_ERR_MEMORY;
    for (uint32_t i = 1; i < r->copy_count && status == TUFF_OK; i++) {
        if (!r->ran[i]) continue;
        status = read_copy(r, i, other, error);
        if (status == TUFF_OK && memcmp(other, r->out, bytes) != 0) check->ok = false;
    }
    free(other);
    return status;
}

static tuff_status run_work(struct bench *bench, const struct work *work, const bool *wanted)
{
    struct tuff_error error = {0};
    struct run r = {.bench = bench, .work = work};
    struct series series[2] = {{0}};
    struct check check = {0};
    const struct runner runners[] = {{run_warm, before_warm, &r, false}, {run_cold, NULL, &r, false}};
    char title[128];
    uint32_t first = wanted[0] ? 0 : 1, count = (uint32_t)wanted[0] + (uint32_t)wanted[1];
    title_of(work, "compiling", title, sizeof title);
    progress("%s", title);
    tuff_status status = build(&r, COPIES_MAX, &error);
    title_of(work, "running", title, sizeof title);
    progress("%s", title);
    if (status == TUFF_OK) status = measure(bench->options, runners + first, count, series + first, &error);
    if (status == TUFF_OK && !r.ran[0]) status = tuff_executable_run(r.copies[0], &error); /* to compare the others with */
    if (status == TUFF_OK) status = verify(&r, &check, &error);
    for (uint32_t c = 0; c < 2; c++) {
        if (!wanted[c]) continue;
        struct row row = {.group = "operator",
                          .title = title,
                          .cache = caches[c],
                          .unit = work->kind->unit,
                          .by_device = true,
                          .flops = r.built.flops,
                          .bytes = (double)r.figures.bytes_least,
                          .arithmetic = F32_PEAK,
                          .series = status == TUFF_OK ? &series[c] : NULL,
                          .check = check,
                          .plan = status == TUFF_OK ? &r.figures : NULL,
                          .status = status,
                          .message = error.message,
                          .extra = cJSON_CreateObject()};
        double together = (double)(r.figures.input_bytes + r.figures.output_bytes) * (c ? r.copy_count : 1);
        cJSON_AddNumberToObject(row.extra, "buffer_bytes", together);
        if (c && status == TUFF_OK && together < cache_bytes(bench)) {
            row.status = TUFF_ERR_DEVICE_MEMORY;
            row.message = "no room for buffers beyond the caches";
            row.series = NULL;
        }
        id_of(work, caches[c], row.id, sizeof row.id);
        title_of(work, caches[c], title, sizeof title);
        if (status == TUFF_OK) row.spirv_hash = tuff_program_counts(tuff_executable_program(r.copies[0])).spirv_hash;
        result_add(bench, &row);
    }
    series_free(series, 2);
    finish(&r);
    return status;
}

bool works_operators(struct bench *bench)
{
    struct work work;
    char name[64];
    for (uint32_t i = 0; work_at(i, &work, name) && !is_stopping(); i++) {
        bool wanted[2];
        for (int c = 0; c < 2; c++) {
            char id[128];
            id_of(&work, caches[c], id, sizeof id);
            wanted[c] = options_selects(bench->options, id, work.quick);
        }
        if ((wanted[0] || wanted[1]) && is_fatal(run_work(bench, &work, wanted))) return false;
    }
    return true;
}

/* ---- sustained: one matmul for a long time --------------------------------------------------------------------------------------------- */

static const char sustained_id[] = "sustained/matmul", sustained_title[] = "matmul 2048 x 2048 x 2048, again and again";
static const double POINT_NS = 0.5e9, BURST_SECONDS = 5, SHORT_NS = 20e6;
enum { IN_FLIGHT = 8 };

void list_sustained(work_visit *visit, void *user) { visit(user, sustained_id, sustained_title, false); }

/* Several runs at once where they are short, so that the device never waits for the host; waited for at the end. */
static tuff_status run_several(struct run *r, uint32_t count, struct tuff_error *error)
{
    uint64_t ticket = 0;
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; i < count && status == TUFF_OK; i++) status = tuff_executable_submit(r->copies[0], &ticket, error);
    return status == TUFF_OK ? tuff_device_wait(r->bench->device, ticket, UINT64_MAX, error) : status;
}

/* Points of half a second each; the samples of the figure are those of the last third, the burst is the best of the first
 * seconds. */
static tuff_status sustain(struct run *r, struct series *series, cJSON *points, double *burst, struct tuff_error *error)
{
    struct sensors sensors;
    double total = r->bench->options->sustained_seconds * 1e9, began = nanoseconds_now(), at = began, runs_in_all = 0;
    tuff_status status = TUFF_OK;
    uint32_t flight = 1;
    sensors_find(&sensors, tuff_device_caps(r->bench->device));
    while (at - began < total && status == TUFF_OK && !is_stopping()) {
        double start = at;
        uint32_t runs = 0;
        for (; at - start < POINT_NS && status == TUFF_OK; runs += flight, at = nanoseconds_now())
            status = run_several(r, flight, error);
        double each = (at - start) / runs, value = r->built.flops / each;
        if (status != TUFF_OK) break;
        flight = each < SHORT_NS ? IN_FLIGHT : 1;
        runs_in_all += runs;
        result_add_point(points, (at - began) * 1e-9, value, sensors_clock(&sensors), sensors_temperature(&sensors));
        if ((start - began) * 1e-9 < BURST_SECONDS && value > *burst) *burst = value;
        if (at - began > total * 2 / 3 && !series_add(series, each, -1)) status = TUFF_ERR_MEMORY;
        progress("%s: %.0f of %.0f s, %.4g GFLOP/s", sustained_title, (at - began) * 1e-9, total * 1e-9, value);
    }
    if (status == TUFF_OK && !series->count) {
        snprintf(error->message, sizeof error->message, "interrupted before the last third, whose figure it is");
        status = TUFF_ERR_CANCELLED;
    }
    series->per_timed = (uint32_t)(runs_in_all / (cJSON_GetArraySize(points) + 1.0)) + 1; /* about */
    series->few = series->count < r->bench->options->min_runs;
    return status;
}

bool works_sustained(struct bench *bench)
{
    static const struct work work = {"matmul/2048x2048x2048", "2048 x 2048 x 2048", &matmul, {2048, 2048, 2048}, false, 0};
    struct tuff_error error = {0};
    struct run r = {.bench = bench, .work = &work};
    struct series series = {0};
    double burst = 0;
    struct row row = {.group = "sustained", .title = sustained_title, .unit = "GFLOP/s", .arithmetic = F32_PEAK};
    if (bench->options->sustained_seconds <= 0 || !options_wants(bench->options, sustained_id) || is_stopping()) return true;
    snprintf(row.id, sizeof row.id, "%s", sustained_id);
    row.points = cJSON_CreateArray();
    row.extra = cJSON_CreateObject();
    row.status = build(&r, 1, &error);
    if (row.status == TUFF_OK) row.status = sustain(&r, &series, row.points, &burst, &error);
    if (row.status == TUFF_OK) row.status = verify(&r, &row.check, &error);
    cJSON_AddNumberToObject(row.extra, "burst", burst);
    cJSON_AddNumberToObject(row.extra, "seconds", bench->options->sustained_seconds);
    row.flops = r.built.flops;
    row.series = row.status == TUFF_OK ? &series : NULL;
    row.message = error.message;
    result_add(bench, &row);
    series_free(&series, 1);
    finish(&r);
    return !is_fatal(row.status);
}
