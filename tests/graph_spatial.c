/* graph_spatial.c - layers over space without a device: convolutions by their definition, transposed ones as their adjoints, padding, pools, which
 * kernel a depthwise convolution gets, refusals. tests/torch/layers_spatial.c holds them against PyTorch, gradients too. */
#include "graph/compile/compile.h"
#include "graph/graph.h"
#include "tests/graph_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned failures;

#define check(...) graph_check(&failures, __VA_ARGS__)

enum { MOST = 8192 };
static const struct tuff_init NORMAL = {.kind = TUFF_INIT_NORMAL, .b = 0.7};

/* The numbers of a value, in a buffer of its own; the caller frees it. */
static double *numbers(struct tuff_graph *g, tuff_val v, const char *what)
{
    struct tuff_error error = {0};
    double *out = calloc(MOST, sizeof *out);
    const struct tuff_evaluate_params params = {.struct_size = sizeof params, .outputs = &v, .output_count = 1, .seed = 7};
    if (!out) exit(1);
    check(v && tuff_evaluate(g, &params, &out, &error) == TUFF_OK, "%s: %s%s", what, error.message,
          v ? "" : "there is no value");
    return out;
}

static tuff_val param(struct tuff_graph *g, const char *name, struct tuff_shape shape)
{
    return tuff_param(g, name, shape, NORMAL);
}

static void check_numbers(struct tuff_graph *g, tuff_val v, const double *expected, uint32_t count, const char *what)
{
    struct tuff_shape shape = tuff_type_of(g, v).shape;
    double *got = numbers(g, v, what);
    check(v && tuff_shape_count(&shape) == count, "%s: %u elements, expected %u", what, (unsigned)tuff_shape_count(&shape),
          (unsigned)count);
    for (uint32_t i = 0; i < count && v; i++)
        if (!check(fabs(got[i] - expected[i]) <= 1e-9 * (1 + fabs(expected[i])), "%s: element %u is %.12g, expected %.12g",
                   what, (unsigned)i, got[i], expected[i]))
            break;
    free(got);
}

/* ---- convolutions ----------------------------------------------------------------------------------------------------------------- */

/* y[n,o,i] = sum x[n, c, i s + u d - begin] w[o,c,u] + b[o] over three axes */
static void conv3_formula(const double *x, const struct tuff_shape *xs, const double *w, const struct tuff_shape *ws,
                          const double *b, const struct tuff_conv3d_params *p, const struct tuff_shape *ys, double *y)
{
    uint32_t groups = p->groups ? p->groups : 1, each = ws->dim[0] / groups, count = (uint32_t)tuff_shape_count(ys);
    uint32_t taps = (uint32_t)(tuff_shape_count(ws) / ws->dim[0]);
    for (uint32_t e = 0; e < count; e++) {
        uint32_t at[5], rest = e;
        for (uint32_t k = 5; k-- > 0; rest /= ys->dim[k]) at[k] = rest % ys->dim[k];
        y[e] = b ? b[at[1]] : 0;
        for (uint32_t t = 0; t < taps; t++) {
            uint32_t tap[5], left = t, from = at[0] * xs->dim[1];
            bool inside = true;
            for (uint32_t k = 5; k-- > 1; left /= ws->dim[k]) tap[k] = left % ws->dim[k];
            from += at[1] / each * ws->dim[1] + tap[1];
            for (uint32_t k = 0; k < 3; k++) {
                int64_t stride = p->stride[k] ? p->stride[k] : 1, dilation = p->dilation[k] ? p->dilation[k] : 1;
                int64_t place = at[2 + k] * stride + tap[2 + k] * dilation - p->pad[k];
                inside = inside && place >= 0 && place < xs->dim[2 + k];
                from = from * xs->dim[2 + k] + (uint32_t)place;
            }
            if (inside) y[e] += x[from] * w[at[1] * taps + t];
        }
    }
}

static void check_conv3(struct tuff_context *context)
{
    static const struct tuff_conv3d_params params[] = {
        {.groups = 0},
        {.stride = {2, 1, 2}, .dilation = {1, 2, 1}, .pad = {1, 2, 0, 0, 1, 2}, .groups = 2},
        {.dilation = {2, 1, 1}}};
    for (uint32_t i = 0; i < TUFF_COUNT(params); i++) {
        struct tuff_graph *g = graph_fresh(context);
        const uint32_t groups = params[i].groups ? params[i].groups : 1;
        tuff_val x = param(g, "x", TUFF_SHAPE(2, 4, 6, 5, 7)), w = param(g, "w", TUFF_SHAPE(6, 4 / groups, 2, 3, 2)),
                 b = param(g, "b", TUFF_SHAPE(6)), y = tuff_conv3d(g, x, w, b, params[i]);
        struct tuff_shape xs = tuff_type_of(g, x).shape, ws = tuff_type_of(g, w).shape, ys = tuff_type_of(g, y).shape;
        double *in[] = {numbers(g, x, "x"), numbers(g, w, "w"), numbers(g, b, "b")},
               *expected = calloc(MOST, sizeof(double));
        if (!expected) exit(1);
        conv3_formula(in[0], &xs, in[1], &ws, in[2], &params[i], &ys, expected);
        check_numbers(g, y, expected, (uint32_t)tuff_shape_count(&ys), "conv3d");
        for (uint32_t k = 0; k < 3; k++) free(in[k]);
        free(expected);
        tuff_graph_destroy(g);
    }
}

/* <conv(z), x> = <z, transposed(x)>, and conv1d of one channel against numbers written out. */
static void check_adjoint(struct tuff_context *context)
{
    struct tuff_graph *g = graph_fresh(context);
    const float line[] = {1, 2, 4, 8, 16}, taps[] = {1, -1};
    tuff_val l = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(1, 1, 5)}, line),
             k = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(1, 1, 2)}, taps);
    const struct tuff_conv1d_params one = {.stride = 2, .dilation = 2, .pad = {1, 1}};
    const struct tuff_conv_transpose1d_params back = {.stride = 2, .pad = {1, 0}};
    check_numbers(g, tuff_conv1d(g, l, k, 0, one), (const double[]){-2, 2 - 8, 8}, 3, "conv1d");
    check_numbers(g, tuff_conv_transpose1d(g, l, k, 0, back), (const double[]){-1, 2, -2, 4, -4, 8, -8, 16, -16}, 9,
                  "conv_transpose1d");
    const struct tuff_conv3d_params p = {.stride = {2, 1, 3}, .dilation = {1, 2, 1}, .pad = {1, 0, 2, 1, 1, 0}, .groups = 2};
    struct tuff_conv_transpose3d_params t = {.output_pad = {1, 0, 2}, .groups = 2};
    memcpy(t.stride, p.stride, sizeof t.stride);
    memcpy(t.dilation, p.dilation, sizeof t.dilation);
    memcpy(t.pad, p.pad, sizeof t.pad);
    tuff_val x = param(g, "x", TUFF_SHAPE(2, 4, 3, 2, 4)), w = param(g, "w", TUFF_SHAPE(4, 3, 3, 2, 2));
    tuff_val y = tuff_conv_transpose3d(g, x, w, 0, t);
    tuff_val z = param(g, "z", tuff_type_of(g, y).shape), there = tuff_conv3d(g, z, w, 0, p);
    tuff_val xx = tuff_mul(g, there, x), zz = tuff_mul(g, z, y);
    tuff_val difference = tuff_sum(g, xx, 0, TUFF_DROP_AXES);
    difference = tuff_sub(g, difference, tuff_sum(g, zz, 0, TUFF_DROP_AXES));
    check_numbers(g, difference, (const double[]){0}, 1, "conv_transpose3d");
    tuff_graph_destroy(g);
}

static void check_pad(struct tuff_context *context)
{
    struct tuff_graph *g = graph_fresh(context);
    const int32_t line[] = {1, 2, 3};
    const uint32_t before[] = {2}, after[] = {1};
    tuff_val x = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(3)}, line);
    static const double expected[][6] = {{0, 0, 1, 2, 3, 0}, {3, 2, 1, 2, 3, 2}, {1, 1, 1, 2, 3, 3}, {2, 3, 1, 2, 3, 1}};
    for (uint32_t mode = 0; mode <= TUFF_PAD_CIRCULAR; mode++)
        check_numbers(g, tuff_pad_with(g, x, before, after, (enum tuff_pad_mode)mode), expected[mode], 6, "pad_with");
    tuff_graph_destroy(g);
}

static tuff_val line_of(struct tuff_graph *g, const float *numbers_, uint32_t count)
{
    return tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(1, 1, count)}, numbers_);
}

/* Values written out; gradients of ties go to the first, those of windows that overlap are added. */
static void check_pools(struct tuff_context *context)
{
    struct tuff_graph *g = graph_fresh(context);
    const float line[] = {1, 4, 4, -2, 3, 3, 0};
    tuff_val x = line_of(g, line, 7), gradient;
    const struct tuff_pool1d_params three = {.kernel = 3, .stride = 2, .pad = {1, 1}, .ceil_mode = true};
    struct tuff_pool1d_params counted = three;
    counted.count_include_pad = true;
    check_numbers(g, tuff_max_pool1d(g, x, three), (const double[]){4, 4, 3, 3}, 4, "max_pool1d");
    check_numbers(g, tuff_avg_pool1d(g, x, three), (const double[]){2.5, 2, 4.0 / 3, 1.5}, 4, "avg_pool1d");
    check_numbers(g, tuff_avg_pool1d(g, x, counted), (const double[]){5.0 / 3, 2, 4.0 / 3, 1}, 4,
                  "avg_pool1d, padding counts");
    check_numbers(g, tuff_lp_pool1d(g, x, 2, (struct tuff_pool1d_params){.kernel = 2}),
                  (const double[]){sqrt(17), sqrt(20), sqrt(18)}, 3, "lp_pool1d");
    check_numbers(g, tuff_adaptive_avg_pool(g, x, TUFF_SHAPE(3)), (const double[]){3, 5.0 / 3, 2}, 3, "adaptive_avg_pool");
    tuff_val most = tuff_adaptive_max_pool(g, x, TUFF_SHAPE(3));
    check_numbers(g, most, (const double[]){4, 4, 3}, 3, "adaptive_max_pool");
    tuff_gradients(g, most, 0, &x, 1, &gradient);
    check_numbers(g, gradient, (const double[]){0, 1, 1, 0, 1, 0, 0}, 7, "gradient of adaptive_max_pool");
    tuff_gradients(g, tuff_adaptive_avg_pool(g, x, TUFF_SHAPE(3)), 0, &x, 1, &gradient);
    check_numbers(g, gradient, (const double[]){1.0 / 3, 1.0 / 3, 2.0 / 3, 1.0 / 3, 2.0 / 3, 1.0 / 3, 1.0 / 3}, 7,
                  "gradient of adaptive_avg_pool");
    tuff_val volume = tuff_reshape(g, tuff_cast(g, tuff_iota(g, TUFF_SHAPE(64), 0), TUFF_F32), TUFF_SHAPE(1, 1, 4, 4, 4));
    const struct tuff_pool3d_params halves = {.kernel = {2, 2, 2}};
    check_numbers(g, tuff_max_pool3d(g, volume, halves), (const double[]){21, 23, 29, 31, 53, 55, 61, 63}, 8, "max_pool3d");
    check_numbers(g, tuff_avg_pool3d(g, volume, halves), (const double[]){10.5, 12.5, 18.5, 20.5, 42.5, 44.5, 50.5, 52.5}, 8,
                  "avg_pool3d");
    check_numbers(g, tuff_lp_pool3d(g, volume, 1, (struct tuff_pool3d_params){.kernel = {4, 4, 4}}), (const double[]){2016},
                  1, "lp_pool3d");
    check_numbers(g, tuff_global_max_pool(g, volume), (const double[]){63}, 1, "global_max_pool");
    tuff_val picture = tuff_reshape(g, volume, TUFF_SHAPE(1, 4, 4, 4)), back;
    check_numbers(g, tuff_lp_pool2d(g, picture, 1, (struct tuff_pool2d_params){.kernel = {4, 4}}),
                  (const double[]){120, 376, 632, 888}, 4, "lp_pool2d");
    back = tuff_pixel_unshuffle(g, tuff_pixel_shuffle(g, picture, 2), 2);
    back = tuff_sum(g, tuff_square(g, tuff_sub(g, back, picture)), 0, TUFF_DROP_AXES);
    check_numbers(g, back, (const double[]){0}, 1, "pixel_shuffle and back");
    check_numbers(g, tuff_channel_shuffle(g, tuff_reshape(g, x, TUFF_SHAPE(1, 7)), 7),
                  (const double[]){1, 4, 4, -2, 3, 3, 0}, 7, "channel_shuffle");
    tuff_graph_destroy(g);
}

/* NaN is larger than all, and a weight of 0 reads none. */
static void check_nan(struct tuff_context *context)
{
    struct tuff_graph *g = graph_fresh(context);
    const float line[] = {1, NAN, 4, 2};
    const int32_t at[] = {0, 1, 2, 3};
    const double by[] = {1, 0, 2, 1};
    tuff_val x = line_of(g, line, 4), most = tuff_adaptive_max_pool(g, x, TUFF_SHAPE(3));
    double *got = numbers(g, most, "NaN");
    check(isnan(got[0]) && isnan(got[1]) && got[2] == 4, "adaptive_max_pool: %g %g %g", got[0], got[1], got[2]);
    free(got);
    tuff_val places = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(2, 2)}, at),
             weights = tuff_constant(g, (struct tuff_type){TUFF_F64, TUFF_SHAPE(2, 2)}, by);
    check_numbers(g, tuff_resample(g, x, places, weights, 2), (const double[]){1, 10}, 2, "resample");
    tuff_graph_destroy(g);
}

/* A depthwise layer and its gradients are launches of the kernels for them, on every kind of device. */
static void check_depthwise(struct tuff_context *context)
{
    for (uint32_t which = 0; which < graph_caps_count; which++) {
        struct tuff_graph *g = graph_fresh(context);
        struct tuff_caps caps = graph_caps(which);
        struct tuff_error error = {0};
        struct tuff_compiled out;
        tuff_val x = param(g, "x", TUFF_SHAPE(2, 6, 9, 7)), by[2], outputs[3];
        const struct tuff_layer_conv2d_params p = {.kernel = {3}, .same = true, .depth_multiplier = 2, .no_bias = true};
        outputs[0] = tuff_layer_conv2d(g, x, "l", p);
        by[0] = x, by[1] = tuff_graph_find(g, "l.weight");
        tuff_gradients(g, outputs[0], 0, by, 2, outputs + 1);
        struct tuff_compile_params params = {.graph = g, .outputs = outputs, .output_count = 3, .caps = &caps};
        if (!check(tuff_compile(&params, &out, &error) == TUFF_OK, "depthwise: %s", error.message)) continue;
        unsigned forward = 0, weight = 0;
        for (uint32_t i = 0; i < out.plan.launch_count; i++) {
            const char *file = out.plan.kernels[out.plan.launches[i].kernel].file;
            forward += !strcmp(file, "conv_depthwise"), weight += !strcmp(file, "conv_depthwise_weight");
        }
        check(forward == 2 && weight == 1, "depthwise on %s: %u and %u launches of its kernels", graph_caps_names[which],
              forward, weight);
        tuff_plan_finish(&out.plan);
        tuff_graph_destroy(g);
    }
}

/* ---- refusals --------------------------------------------------------------------------------------------------------------------- */

typedef void make(struct tuff_graph *g, tuff_val x, tuff_val p, tuff_val v);
#define MAKE(name, ...)                                                                                                     \
    static void name(struct tuff_graph *g, tuff_val x, tuff_val p, tuff_val v)                                              \
    {                                                                                                                       \
        (void)x, (void)p, (void)v;                                                                                          \
        __VA_ARGS__;                                                                                                        \
    }
MAKE(rank1, tuff_layer_conv1d(g, p, "l", (struct tuff_layer_conv1d_params){.channels = 2, .kernel = 3}))
MAKE(same_stride,
     tuff_layer_conv1d(g, x, "l",
                       (struct tuff_layer_conv1d_params){.channels = 2, .kernel = 3, .conv = {.stride = 2}, .same = true}))
MAKE(kernel0, tuff_layer_conv3d(g, v, "l", (struct tuff_layer_conv3d_params){.channels = 2}))
MAKE(groups3,
     tuff_layer_conv3d(g, v, "l", (struct tuff_layer_conv3d_params){.channels = 4, .kernel = {1}, .conv = {.groups = 3}}))
MAKE(multiplier,
     tuff_layer_conv2d(g, p, "l", (struct tuff_layer_conv2d_params){.channels = 4, .kernel = {1}, .depth_multiplier = 2}))
MAKE(large, tuff_layer_conv1d(g, x, "l", (struct tuff_layer_conv1d_params){.channels = 2, .kernel = 9}))
MAKE(reflected,
     tuff_layer_conv2d(g, p, "l",
                       (struct tuff_layer_conv2d_params){
                           .channels = 2, .kernel = {3}, .conv = {.pad = {4, 0, 0, 0}}, .pad_mode = TUFF_PAD_REFLECT}))
MAKE(pad_mode, tuff_pad_with(g, x, (uint32_t[]){0, 0, 1}, (uint32_t[]){0, 0, 1}, (enum tuff_pad_mode)9))
MAKE(output_pad, tuff_layer_conv_transpose1d(g, x, "l",
                                             (struct tuff_layer_conv_transpose1d_params){
                                                 .channels = 2, .kernel = 3, .conv = {.stride = 2, .output_pad = 2}}))
MAKE(cut_away, tuff_layer_conv_transpose3d(g, v, "l",
                                           (struct tuff_layer_conv_transpose3d_params){
                                               .channels = 2, .kernel = {1}, .conv = {.pad = {3, 0, 0, 3, 0, 0}}}))
MAKE(weight1, tuff_conv1d(g, x, tuff_param(g, "w", TUFF_SHAPE(2, 5, 3), NORMAL), 0, (struct tuff_conv1d_params){0}))
MAKE(bias1, tuff_val w = tuff_param(g, "w", TUFF_SHAPE(2, 6, 3), NORMAL), b = tuff_param(g, "b", TUFF_SHAPE(3), NORMAL);
     tuff_conv1d(g, x, w, b, (struct tuff_conv1d_params){0}))

MAKE(pool_kernel, tuff_avg_pool1d(g, x, (struct tuff_pool1d_params){.stride = 2}))
MAKE(pool_pad, tuff_max_pool3d(g, v, (struct tuff_pool3d_params){.kernel = {2, 1, 2}, .pad = {0, 1, 0, 0, 0, 0}}))
MAKE(pool_rank, tuff_max_pool1d(g, p, (struct tuff_pool1d_params){.kernel = 2}))
MAKE(pool_p, tuff_lp_pool1d(g, x, 0, (struct tuff_pool1d_params){.kernel = 2}))
MAKE(adaptive_sizes, tuff_adaptive_avg_pool(g, p, TUFF_SHAPE(2)))
MAKE(global_space, tuff_global_max_pool(g, tuff_input(g, "m", TUFF_F32, TUFF_SHAPE(2, 3))))
MAKE(shuffled, tuff_pixel_shuffle(g, p, 2))
MAKE(unshuffled, tuff_pixel_unshuffle(g, p, 3))
MAKE(shuffled_channels, tuff_channel_shuffle(g, p, 4))
MAKE(squeeze0, tuff_layer_squeeze_excite(g, p, "l", (struct tuff_layer_squeeze_excite_params){.hard = true}))
MAKE(resample_tables, tuff_val at = tuff_iota(g, TUFF_SHAPE(2, 3), 0), by = tuff_full(g, TUFF_F32, TUFF_SHAPE(2, 2), 1);
     tuff_resample(g, x, at, by, 2))

static const struct {
    make *make;
    tuff_status status;
    const char *parts[2]; /* of the sentence */
} refusals[] = {{rank1, TUFF_ERR_SHAPE, {"conv1d 'l'", "[n, c, L]"}},
                {same_stride, TUFF_ERR_USAGE, {"conv1d 'l'", "same"}},
                {kernel0, TUFF_ERR_USAGE, {"conv3d 'l'", "kernel is 0"}},
                {groups3, TUFF_ERR_SHAPE, {"conv3d 'l'", "groups"}},
                {multiplier, TUFF_ERR_USAGE, {"conv2d 'l'", "depth_multiplier"}},
                {large, TUFF_ERR_SHAPE, {"conv1d of f32 [2, 6, 5]", "reaches over 9"}},
                {reflected, TUFF_ERR_SHAPE, {"pad_with", "at most 3"}},
                {pad_mode, TUFF_ERR_USAGE, {"pad_with", "mode 9"}},
                {output_pad, TUFF_ERR_SHAPE, {"conv_transpose1d", "less than the stride"}},
                {cut_away, TUFF_ERR_SHAPE, {"conv_transpose3d", "axis 2"}},
                {weight1, TUFF_ERR_SHAPE, {"conv1d", "6 channels"}},
                {bias1, TUFF_ERR_SHAPE, {"conv1d", "bias must be [2]"}},
                {pool_kernel, TUFF_ERR_SHAPE, {"avg_pool1d", "kernel of 0"}},
                {pool_pad, TUFF_ERR_SHAPE, {"max_pool3d", "axis 3"}},
                {pool_rank, TUFF_ERR_SHAPE, {"max_pool1d", "[n, c, L]"}},
                {pool_p, TUFF_ERR_USAGE, {"lp_pool1d", "p"}},
                {adaptive_sizes, TUFF_ERR_SHAPE, {"adaptive_avg_pool", "2 sizes of space, not 1"}},
                {global_space, TUFF_ERR_SHAPE, {"global_max_pool", "[n, c, ..]"}},
                {shuffled, TUFF_ERR_SHAPE, {"pixel_shuffle", "factor of 2"}},
                {unshuffled, TUFF_ERR_SHAPE, {"pixel_unshuffle", "factor of 3"}},
                {shuffled_channels, TUFF_ERR_SHAPE, {"channel_shuffle", "4 groups"}},
                {squeeze0, TUFF_ERR_USAGE, {"squeeze_excite 'l'", "squeeze is 0"}},
                {resample_tables, TUFF_ERR_SHAPE, {"resample", "[n, taps]"}}};

static void check_refusals(struct tuff_context *context)
{
    for (size_t i = 0; i < TUFF_COUNT(refusals); i++) {
        struct tuff_graph *g = graph_fresh(context);
        tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 6, 5)),
                 p = tuff_input(g, "p", TUFF_F32, TUFF_SHAPE(2, 6, 4, 4)),
                 v = tuff_input(g, "v", TUFF_F32, TUFF_SHAPE(2, 4, 3, 4, 4));
        refusals[i].make(g, x, p, v);
        graph_expect_refusal(&failures, g, (uint32_t)i, refusals[i].status, refusals[i].parts);
    }
}

int main(void)
{
    struct tuff_context *context = NULL;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    check_conv3(context);
    check_adjoint(context);
    check_pad(context);
    check_pools(context);
    check_nan(context);
    check_depthwise(context);
    check_refusals(context);
    tuff_context_destroy(context);
    printf("graph_spatial: %u refusals, %u failures\n", (unsigned)TUFF_COUNT(refusals), failures);
    return failures ? 1 : 0;
}
