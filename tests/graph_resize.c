/* graph_resize.c - tuff_resize by the definition of ONNX's Resize-19: the values of its conformance cases (ONNX 1.19, Apache-2.0,
 * onnx/backend/test/case/node/resize.py), whose x is 1, 2, 3, ..; gradients as the transposed map, views where neighbours are whole factors,
 * refusals. tests/torch/layers_spatial.c holds tuff_interpolate and tuff_grid_sample against PyTorch. */
#include "graph/graph.h"
#include "tests/graph_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned failures;

#define check(...) graph_check(&failures, __VA_ARGS__)

/* x [1, 1, ..] and y likewise; what ONNX's keep_aspect_ratio_policy says is written out as sizes and scales. */
static const struct {
    const char *name;
    struct tuff_resize_params params;
    uint32_t x[2], y[2];
    double expected[64];
} cases[] = {
    {"downsample_scales_cubic",
     {.scale = {1, 1, 0.80000001192092896, 0.80000001192092896}, .mode = TUFF_RESIZE_CUBIC},
     {4, 4},
     {3, 3},
     {1.47119141, 2.78125, 4.08251953, 6.71142578, 8.02148438, 9.32275391, 11.9165039, 13.2265625, 14.527832}},
    {"downsample_scales_cubic_A_n0p5_exclude_outside",
     {.scale = {1, 1, 0.80000001192092896, 0.80000001192092896},
      .mode = TUFF_RESIZE_CUBIC,
      .cubic_a = {-0.5, true},
      .exclude_outside = true},
     {4, 4},
     {3, 3},
     {1.36812675, 2.6695013, 4.01333666, 6.57362509, 7.875, 9.21883488, 11.948966, 13.2503414, 14.5941763}},
    {"downsample_scales_cubic_align_corners",
     {.scale = {1, 1, 0.80000001192092896, 0.80000001192092896},
      .mode = TUFF_RESIZE_CUBIC,
      .coordinates = TUFF_RESIZE_ALIGN_CORNERS},
     {4, 4},
     {3, 3},
     {1, 2.39519167, 3.7903831, 6.5807662, 7.97595787, 9.37114906, 12.1615324, 13.5567236, 14.9519157}},
    {"downsample_scales_cubic_antialias",
     {.scale = {1, 1, 0.60000002384185791, 0.60000002384185791}, .mode = TUFF_RESIZE_CUBIC, .antialias = true},
     {4, 4},
     {2, 2},
     {2.51807213, 4.28588629, 9.58932877, 11.3571424}},
    {"downsample_scales_linear",
     {.scale = {1, 1, 0.60000002384185791, 0.60000002384185791}, .mode = TUFF_RESIZE_LINEAR},
     {2, 4},
     {1, 2},
     {2.66666651, 4.33333302}},
    {"downsample_scales_linear_antialias",
     {.scale = {1, 1, 0.60000002384185791, 0.60000002384185791}, .mode = TUFF_RESIZE_LINEAR, .antialias = true},
     {4, 4},
     {2, 2},
     {2.875, 4.5, 9.375, 11}},
    {"downsample_scales_nearest", {.scale = {1, 1, 0.60000002384185791, 0.60000002384185791}}, {2, 4}, {1, 2}, {1, 3}},
    {"downsample_sizes_cubic",
     {.size = {1, 1, 3, 3}, .mode = TUFF_RESIZE_CUBIC},
     {4, 4},
     {3, 3},
     {1.63078701, 3.00462961, 4.37847233, 7.12615728, 8.5, 9.87384224, 12.6215277, 13.9953699, 15.3692131}},
    {"downsample_sizes_cubic_antialias",
     {.size = {1, 1, 3, 3}, .mode = TUFF_RESIZE_CUBIC, .antialias = true},
     {4, 4},
     {3, 3},
     {1.77500916, 3.12000728, 4.4650054, 7.15500164, 8.5, 9.84499836, 12.5349941, 13.8799925, 15.2249908}},
    {"downsample_sizes_linear_antialias",
     {.size = {1, 1, 3, 3}, .mode = TUFF_RESIZE_LINEAR, .antialias = true},
     {4, 4},
     {3, 3},
     {2.36363626, 3.590909, 4.81818199, 7.27272749, 8.5, 9.72727299, 12.181818, 13.409091, 14.636364}},
    {"downsample_sizes_linear_pytorch_half_pixel",
     {.size = {1, 1, 3, 1}, .mode = TUFF_RESIZE_LINEAR, .coordinates = TUFF_RESIZE_PYTORCH_HALF_PIXEL},
     {4, 4},
     {3, 1},
     {1.66666663, 7, 12.333333}},
    {"downsample_sizes_nearest_not_larger", {.size = {0, 0, 1, 2}, .scale = {0, 0, 0.5, 0.5}}, {2, 4}, {1, 2}, {1, 3}},
    {"downsample_sizes_nearest_not_smaller",
     {.size = {0, 0, 2, 3}, .scale = {0, 0, 0.75, 0.75}},
     {2, 4},
     {2, 3},
     {1, 2, 4, 5, 6, 8}},
    {"tf_crop_and_resize",
     {.size = {1, 1, 3, 3},
      .mode = TUFF_RESIZE_LINEAR,
      .coordinates = TUFF_RESIZE_CROP,
      .crop_begin = {0, 0, 0.40000000596046448, 0.60000002384185791},
      .crop_end = {1, 1, 0.60000002384185791, 0.80000001192092896}},
     {4, 4},
     {3, 3},
     {7.60000038, 7.9000001, 8.19999981, 8.80000019, 9.10000038, 9.40000057, 10, 10.3000002, 10.6000004}},
    {"tf_crop_and_resize_axes_3_2",
     {.size = {0, 0, 3, 3},
      .mode = TUFF_RESIZE_LINEAR,
      .coordinates = TUFF_RESIZE_CROP,
      .crop_begin = {0, 0, 0.40000000596046448, 0.60000002384185791},
      .crop_end = {0, 0, 0.60000002384185791, 0.80000001192092896}},
     {4, 4},
     {3, 3},
     {7.60000038, 7.9000001, 8.19999981, 8.80000019, 9.10000038, 9.40000057, 10, 10.3000002, 10.6000004}},
    {"tf_crop_and_resize_extrapolation_value",
     {.size = {1, 1, 3, 3},
      .mode = TUFF_RESIZE_LINEAR,
      .coordinates = TUFF_RESIZE_CROP,
      .crop_begin = {0, 0, 0.40000000596046448, 0.60000002384185791},
      .crop_end = {1, 1, 1.2000000476837158, 1.7000000476837158},
      .extrapolation = 10},
     {4, 4},
     {3, 3},
     {7.60000038, 10, 10, 12.4000006, 10, 10, 10, 10, 10}},
    {"upsample_scales_cubic",
     {.scale = {1, 1, 2, 2}, .mode = TUFF_RESIZE_CUBIC},
     {4, 4},
     {8, 8},
     {0.47265625, 0.76953125, 1.24609375, 1.875,      2.28125,    2.91015625, 3.38671875, 3.68359375, 1.66015625, 1.95703125,
      2.43359375, 3.0625,     3.46875,    4.09765625, 4.57421875, 4.87109375, 3.56640625, 3.86328125, 4.33984375, 4.96875,
      5.375,      6.00390625, 6.48046875, 6.77734375, 6.08203125, 6.37890625, 6.85546875, 7.484375,   7.890625,   8.51953125,
      8.99609375, 9.29296875, 7.70703125, 8.00390625, 8.48046875, 9.109375,   9.515625,   10.1445312, 10.6210938, 10.9179688,
      10.2226562, 10.5195312, 10.9960938, 11.625,     12.03125,   12.6601562, 13.1367188, 13.4335938, 12.1289062, 12.4257812,
      12.9023438, 13.53125,   13.9375,    14.5664062, 15.0429688, 15.3398438, 13.3164062, 13.6132812, 14.0898438, 14.71875,
      15.125,     15.7539062, 16.2304688, 16.5273438}},
    {"upsample_scales_cubic_A_n0p5_exclude_outside",
     {.scale = {1, 1, 2, 2}, .mode = TUFF_RESIZE_CUBIC, .cubic_a = {-0.5, true}, .exclude_outside = true},
     {4, 4},
     {8, 8},
     {0.558823526, 0.814942062, 1.35698247, 1.89705884, 2.39705873, 2.93713522, 3.47917557, 3.7352941,
      1.58329761,  1.83941603,  2.38145661, 2.92153287, 3.42153287, 3.96160913, 4.50364971, 4.75976801,
      3.75145936,  4.0075779,   4.54961824, 5.0896945,  5.5896945,  6.12977076, 6.67181158, 6.92792988,
      5.91176462,  6.1678834,   6.70992374, 7.25,       7.75,       8.29007626, 8.83211708, 9.0882349,
      7.91176462,  8.16788292,  8.70992374, 9.25,       9.75,       10.2900763, 10.8321171, 11.0882349,
      10.0720701,  10.3281889,  10.8702288, 11.410305,  11.910305,  12.4503813, 12.9924221, 13.2485409,
      12.2402315,  12.4963503,  13.0383911, 13.5784674, 14.0784674, 14.6185436, 15.1605835, 15.4167023,
      13.2647057,  13.5208244,  14.0628653, 14.6029415, 15.1029415, 15.6430178, 16.1850586, 16.4411774}},
    {"upsample_scales_cubic_asymmetric",
     {.scale = {1, 1, 2, 2}, .mode = TUFF_RESIZE_CUBIC, .coordinates = TUFF_RESIZE_ASYMMETRIC},
     {4, 4},
     {8, 8},
     {1,        1.40625,  2,        2.5,      3,        3.59375,  4,        4.09375, 2.625,    3.03125,  3.625,
      4.125,    4.625,    5.21875,  5.625,    5.71875,  5,        5.40625,  6,       6.5,      7,        7.59375,
      8,        8.09375,  7,        7.40625,  8,        8.5,      9,        9.59375, 10,       10.09375, 9,
      9.40625,  10,       10.5,     11,       11.59375, 12,       12.09375, 11.375,  11.78125, 12.375,   12.875,
      13.375,   13.96875, 14.375,   14.46875, 13,       13.40625, 14,       14.5,    15,       15.59375, 16,
      16.09375, 13.375,   13.78125, 14.375,   14.875,   15.375,   15.96875, 16.375,  16.46875}},
    {"upsample_scales_linear",
     {.scale = {1, 1, 2, 2}, .mode = TUFF_RESIZE_LINEAR},
     {2, 2},
     {4, 4},
     {1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4}},
    {"upsample_scales_linear_align_corners",
     {.scale = {1, 1, 2, 2}, .mode = TUFF_RESIZE_LINEAR, .coordinates = TUFF_RESIZE_ALIGN_CORNERS},
     {2, 2},
     {4, 4},
     {1, 1.33333337, 1.66666663, 2, 1.66666663, 2, 2.33333325, 2.66666675, 2.33333325, 2.66666675, 3, 3.33333325, 3,
      3.33333325, 3.66666675, 4}},
    {"upsample_scales_linear_half_pixel_symmetric",
     {.scale = {1, 1, 2.2999999523162842, 2.940000057220459},
      .mode = TUFF_RESIZE_LINEAR,
      .coordinates = TUFF_RESIZE_HALF_PIXEL_SYMMETRIC},
     {2, 2},
     {4, 5},
     {1,          1.15986395, 1.5,        1.84013605, 2,          1.56521738, 1.72508132, 2.06521749, 2.40535355, 2.56521749,
      2.43478251, 2.59464645, 2.93478251, 3.27491856, 3.43478251, 3,          3.15986395, 3.5,        3.84013605, 4}},
    {"upsample_scales_nearest", {.scale = {1, 1, 2, 3}}, {2, 2}, {4, 6}, {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2,
                                                                          3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4}},
    {"upsample_scales_nearest_axes_2_3", {.scale = {0, 0, 2, 3}}, {2, 2}, {4, 6}, {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2,
                                                                                   3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4}},
    {"upsample_scales_nearest_axes_3_2", {.scale = {0, 0, 2, 3}}, {2, 2}, {4, 6}, {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2,
                                                                                   3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4}},
    {"upsample_sizes_nearest", {.size = {1, 1, 7, 8}}, {2, 2}, {7, 8}, {1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 2, 2,
                                                                        2, 2, 1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1,
                                                                        2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 3, 3,
                                                                        3, 3, 4, 4, 4, 4, 3, 3, 3, 3, 4, 4, 4, 4}},
    {"upsample_sizes_nearest_axes_2_3", {.size = {0, 0, 7, 8}}, {2, 2}, {7, 8}, {1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 2, 2,
                                                                                 2, 2, 1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1,
                                                                                 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 3, 3,
                                                                                 3, 3, 4, 4, 4, 4, 3, 3, 3, 3, 4, 4, 4, 4}},
    {"upsample_sizes_nearest_axes_3_2", {.size = {0, 0, 7, 8}}, {2, 2}, {7, 8}, {1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 2, 2,
                                                                                 2, 2, 1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1,
                                                                                 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 3, 3,
                                                                                 3, 3, 4, 4, 4, 4, 3, 3, 3, 3, 4, 4, 4, 4}},
    {"upsample_sizes_nearest_ceil_half_pixel",
     {.size = {1, 1, 8, 8}, .nearest = TUFF_RESIZE_CEIL},
     {4, 4},
     {8, 8},
     {1,  2,  2,  3,  3,  4,  4,  4,  5,  6,  6,  7,  7,  8,  8,  8,  5,  6,  6,  7,  7,  8,
      8,  8,  9,  10, 10, 11, 11, 12, 12, 12, 9,  10, 10, 11, 11, 12, 12, 12, 13, 14, 14, 15,
      15, 16, 16, 16, 13, 14, 14, 15, 15, 16, 16, 16, 13, 14, 14, 15, 15, 16, 16, 16}},
    {"upsample_sizes_nearest_floor_align_corners",
     {.size = {1, 1, 8, 8}, .coordinates = TUFF_RESIZE_ALIGN_CORNERS, .nearest = TUFF_RESIZE_FLOOR},
     {4, 4},
     {8, 8},
     {1, 1, 1, 2, 2, 3, 3, 4, 1, 1, 1, 2,  2,  3,  3,  4,  1, 1, 1, 2,  2,  3,  3,  4,  5,  5,  5,  6,  6,  7,  7,  8,
      5, 5, 5, 6, 6, 7, 7, 8, 9, 9, 9, 10, 10, 11, 11, 12, 9, 9, 9, 10, 10, 11, 11, 12, 13, 13, 13, 14, 14, 15, 15, 16}},
    {"upsample_sizes_nearest_not_smaller",
     {.size = {0, 0, 8, 8}, .scale = {0, 0, 4, 4}},
     {2, 2},
     {8, 8},
     {1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 2, 2, 2, 2,
      3, 3, 3, 3, 4, 4, 4, 4, 3, 3, 3, 3, 4, 4, 4, 4, 3, 3, 3, 3, 4, 4, 4, 4, 3, 3, 3, 3, 4, 4, 4, 4}}};

static void evaluate(struct tuff_graph *g, tuff_val v, double *out, const char *what)
{
    struct tuff_error error = {0};
    const struct tuff_evaluate_params params = {.struct_size = sizeof params, .outputs = &v, .output_count = 1, .seed = 7};
    tuff_status status = tuff_graph_finish(g, &error);
    if (status == TUFF_OK) status = tuff_evaluate(g, &params, &out, &error);
    check(status == TUFF_OK, "%s: %s", what, error.message);
}

static tuff_val counted(struct tuff_graph *g, struct tuff_shape shape)
{
    uint32_t count = (uint32_t)tuff_shape_count(&shape);
    tuff_val line = tuff_cast(g, tuff_iota(g, TUFF_SHAPE(count), 0), TUFF_F32);
    return tuff_reshape(g, tuff_affine(g, line, 1, 1), shape);
}

static void check_cases(struct tuff_context *context)
{
    for (uint32_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct tuff_graph *g = graph_fresh(context);
        tuff_val y = tuff_resize(g, counted(g, TUFF_SHAPE(1, 1, cases[i].x[0], cases[i].x[1])), &cases[i].params);
        struct tuff_shape expected = TUFF_SHAPE(1, 1, cases[i].y[0], cases[i].y[1]), got = tuff_type_of(g, y).shape;
        double values[128] = {0};
        evaluate(g, y, values, cases[i].name);
        check(tuff_shape_equal(&expected, &got), "%s: [%u, %u], expected [%u, %u]", cases[i].name, (unsigned)got.dim[2],
              (unsigned)got.dim[3], (unsigned)expected.dim[2], (unsigned)expected.dim[3]);
        for (uint32_t k = 0; k < cases[i].y[0] * cases[i].y[1]; k++) {
            double e = cases[i].expected[k]; /* rounded to f32 */
            if (!check(fabs(values[k] - e) <= 2e-6 * fabs(e), "%s: element %u is %.9g, expected %.9g", cases[i].name,
                       (unsigned)k, values[k], e))
                break;
        }
        tuff_graph_destroy(g);
    }
}

/* <resize(x), v> = <x, gradient weighted by v>, for every mode and way to count places, as far as the map is linear. */
static void check_gradients(struct tuff_context *context)
{
    static const struct tuff_init normal = {.kind = TUFF_INIT_NORMAL, .b = 1};
    for (uint32_t n = 0; n < 3 * 6 * 2 * 2; n++) {
        struct tuff_graph *g = graph_fresh(context);
        const struct tuff_resize_params p = {.size = {0, 4, 0, 11},
                                             .mode = (enum tuff_resize_mode)(n % 3),
                                             .coordinates = (enum tuff_resize_coordinates)(n / 3 % 6),
                                             .nearest = (enum tuff_resize_nearest)(n / 9 % 4),
                                             .exclude_outside = n / 18 % 2,
                                             .antialias = n / 36 % 2,
                                             .crop_begin = {0, 0.1, 0, -0.2},
                                             .crop_end = {0, 0.8, 0, 0.7}};
        tuff_val x = tuff_param(g, "x", TUFF_SHAPE(2, 9, 3, 5), normal), y = tuff_resize(g, x, &p), gradient;
        tuff_val v = tuff_param(g, "v", tuff_type_of(g, y).shape, normal);
        tuff_gradients(g, y, v, &x, 1, &gradient);
        tuff_val a = tuff_sum(g, tuff_mul(g, y, v), 0, TUFF_DROP_AXES),
                 b = tuff_sum(g, tuff_mul(g, x, gradient), 0, TUFF_DROP_AXES);
        double difference = 1, size = 0;
        evaluate(g, tuff_sub(g, a, b), &difference, "gradient");
        evaluate(g, a, &size, "gradient");
        check(fabs(difference) <= 1e-12 * (1 + fabs(size)) && size != 0, "gradient of setting %u: off by %g of %g",
              (unsigned)n, difference, size);
        tuff_graph_destroy(g);
    }
}

/* Whole factors of nearest neighbours are views, of any type. */
static void check_views(struct tuff_context *context)
{
    struct tuff_graph *g = graph_fresh(context);
    tuff_val x = tuff_iota(g, TUFF_SHAPE(1, 2, 3, 2), 2);
    struct tuff_resize_params p = {
        .scale = {0, 0, 2, 3}, .coordinates = TUFF_RESIZE_ASYMMETRIC, .nearest = TUFF_RESIZE_FLOOR};
    uint32_t before = g->count;
    tuff_val up = tuff_resize(g, x, &p);
    for (uint32_t v = before; v < g->count; v++)
        check(g->values[v].op == &tuff_op_reshape || g->values[v].op == &tuff_op_expand, "upsampling adds a %s",
              g->values[v].op->name);
    tuff_val plain = tuff_upsample_nearest2d(g, x, 2, 3),
             difference = tuff_sum(g, tuff_sub(g, up, plain), 0, TUFF_DROP_AXES);
    double value = 1;
    evaluate(g, difference, &value, "views");
    check(value == 0 && tuff_type_of(g, up).dtype == TUFF_I32, "nearest neighbours of whole factors differ");
    p.scale[2] = p.scale[3] = 0.5;
    before = g->count;
    tuff_resize(g, up, &p);
    for (uint32_t v = before; v < g->count; v++)
        check(g->values[v].op == &tuff_op_slice, "taking each second element adds a %s", g->values[v].op->name);
    p.scale[2] = 1.7;
    check(tuff_type_of(g, tuff_resize(g, x, &p)).dtype == TUFF_I32, "whole numbers become floats");
    tuff_graph_destroy(g);
}

/* ---- places that are data ------------------------------------------------------------------------------------------------------------- */

/* The identity map reads the picture itself, in every mode, and a turned one the turned picture. */
static void check_grids(struct tuff_context *context)
{
    for (uint32_t n = 0; n < 3 * 3 * 2; n++) {
        struct tuff_graph *g = graph_fresh(context);
        const struct tuff_grid_sample_params p = {(enum tuff_sample_mode)(n % 3), (enum tuff_sample_padding)(n / 3 % 3),
                                                  n / 9};
        const struct tuff_affine_grid_params size = {4, 3, n / 9};
        const float maps[] = {1, 0, 0, 0, 1, 0, -1, 0, 0, 0, -1, 0};
        tuff_val x = counted(g, TUFF_SHAPE(2, 2, 4, 3));
        tuff_val theta = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(2, 2, 3)}, maps);
        tuff_val y = tuff_grid_sample(g, x, tuff_affine_grid(g, theta, size), p);
        double got[48] = {0};
        evaluate(g, y, got, "grid_sample");
        for (uint32_t i = 0; i < 48; i++) {
            double expected = i < 24 ? i + 1 : 24 + i / 12 % 2 * 12 + (11 - i % 12) + 1;
            if (!check(fabs(got[i] - expected) < 1e-9, "grid_sample %u: element %u is %g, expected %g", (unsigned)n,
                       (unsigned)i, got[i], expected))
                break;
        }
        tuff_graph_destroy(g);
    }
}

/* Each element of a volume, at the place of its own turned round along every axis: the last one first. */
static void check_volumes(struct tuff_context *context)
{
    for (uint32_t n = 0; n < 3 * 3 * 2; n++) {
        struct tuff_graph *g = graph_fresh(context);
        const struct tuff_grid_sample_params p = {(enum tuff_sample_mode)(n % 3), (enum tuff_sample_padding)(n / 3 % 3),
                                                  n / 9};
        const uint32_t size[3] = {2, 4, 3};
        float grid[24][3];
        for (uint32_t i = 0; i < 24; i++)
            for (uint32_t k = 3, rest = i; k-- > 0; rest /= size[k]) {
                const double at = rest % size[k];
                grid[i][2 - k] = (float)-(p.align_corners ? 2 * at / (size[k] - 1.0) - 1 : (2 * at + 1) / size[k] - 1);
            }
        tuff_val x = counted(g, TUFF_SHAPE(1, 1, 2, 4, 3)),
                 at = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(1, 2, 4, 3, 3)}, grid);
        double got[24] = {0};
        evaluate(g, tuff_grid_sample(g, x, at, p), got, "grid_sample");
        for (uint32_t i = 0; i < 24; i++)
            check(fabs(got[i] - (24.0 - i)) < 1e-4, "grid_sample of volumes %u: element %u is %g, expected %u", (unsigned)n,
                  (unsigned)i, got[i], (unsigned)(24 - i));
        tuff_graph_destroy(g);
    }
}

static void check_nan(struct tuff_context *context)
{
    struct tuff_graph *g = graph_fresh(context);
    const float grid[] = {NAN, 0, 0, 0, 3, 0}, picture[] = {1, 3, NAN, NAN, 5, 7};
    tuff_val x = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(1, 1, 3, 2)}, picture),
             at = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(1, 1, 3, 2)}, grid);
    double got[3] = {1, 1, 1};
    evaluate(g, tuff_grid_sample(g, x, at, (struct tuff_grid_sample_params){0}), got, "NaN");
    check(isnan(got[0]) && isnan(got[1]) && got[2] == 0, "grid_sample of NaN: %g %g %g", got[0], got[1], got[2]);
    tuff_graph_destroy(g);
}

/* ---- refusals --------------------------------------------------------------------------------------------------------------------- */

typedef void make(struct tuff_graph *g, tuff_val x, tuff_val i);
#define MAKE(name, ...)                                                                                                     \
    static void name(struct tuff_graph *g, tuff_val x, tuff_val i)                                                          \
    {                                                                                                                       \
        (void)x, (void)i;                                                                                                   \
        __VA_ARGS__;                                                                                                        \
    }
typedef struct tuff_resize_params resize;
MAKE(missing, tuff_resize(g, x, NULL))
MAKE(nothing_left, tuff_resize(g, x, &(resize){.scale = {0, 0, 0.1}}))
MAKE(negative, tuff_resize(g, x, &(resize){.scale = {0, 0, -2}}))
MAKE(no_mode, tuff_resize(g, x, &(resize){.size = {2}, .mode = (enum tuff_resize_mode)7}))
MAKE(no_crop, tuff_resize(g, x, &(resize){.size = {2}, .coordinates = TUFF_RESIZE_CROP, .crop_end = {INFINITY}}))
MAKE(whole, tuff_resize(g, i, &(resize){.size = {2}, .mode = TUFF_RESIZE_LINEAR}))
MAKE(neither, tuff_interpolate(g, x, (struct tuff_interpolate_params){.size = {3, 0}}))
MAKE(no_space, tuff_interpolate(g, tuff_reshape(g, x, TUFF_SHAPE(4, 30)), (struct tuff_interpolate_params){.scale = {2}}))
MAKE(no_pairs, tuff_grid_sample(g, x, x, (struct tuff_grid_sample_params){0}))
MAKE(no_padding, tuff_val grid = tuff_full(g, TUFF_F32, TUFF_SHAPE(2, 3, 3, 2), 0);
     tuff_grid_sample(g, x, grid, (struct tuff_grid_sample_params){.padding = (enum tuff_sample_padding)5}))
MAKE(no_map, tuff_affine_grid(g, x, (struct tuff_affine_grid_params){3, 3, false}))
MAKE(no_picture,
     tuff_affine_grid(g, tuff_full(g, TUFF_F32, TUFF_SHAPE(1, 2, 3), 0), (struct tuff_affine_grid_params){.width = 3}))

static const struct {
    make *make;
    tuff_status status;
    const char *parts[2]; /* of the sentence */
} refusals[] = {{missing, TUFF_ERR_USAGE, {"resize", "NULL"}},
                {nothing_left, TUFF_ERR_SHAPE, {"resize of f32 [2, 3, 4, 5]", "axis 2 would have 0"}},
                {negative, TUFF_ERR_SHAPE, {"resize", "scale -2"}},
                {no_mode, TUFF_ERR_USAGE, {"resize", "mode 7"}},
                {no_crop, TUFF_ERR_USAGE, {"resize", "crop of axis 0"}},
                {whole, TUFF_ERR_SHAPE, {"resize of i32", "cast it"}},
                {neither, TUFF_ERR_USAGE, {"interpolate", "axis 3"}},
                {no_space, TUFF_ERR_SHAPE, {"interpolate", "axes of space"}},
                {no_pairs, TUFF_ERR_SHAPE, {"grid_sample", "[n, h', w', 2]"}},
                {no_padding, TUFF_ERR_USAGE, {"grid_sample", "padding 5"}},
                {no_map, TUFF_ERR_SHAPE, {"affine_grid", "[n, 2, 3]"}},
                {no_picture, TUFF_ERR_SHAPE, {"affine_grid", "0 x 3"}}};

static void check_refusals(struct tuff_context *context)
{
    for (size_t k = 0; k < TUFF_COUNT(refusals); k++) {
        struct tuff_graph *g = graph_fresh(context);
        tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 3, 4, 5)),
                 i = tuff_input(g, "i", TUFF_I32, TUFF_SHAPE(4, 6));
        refusals[k].make(g, x, i);
        graph_expect_refusal(&failures, g, (uint32_t)k, refusals[k].status, refusals[k].parts);
    }
}

int main(void)
{
    struct tuff_context *context = NULL;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    check_cases(context);
    check_gradients(context);
    check_views(context);
    check_grids(context);
    check_volumes(context);
    check_nan(context);
    check_refusals(context);
    tuff_context_destroy(context);
    printf("graph_resize: %u cases, %u refusals, %u failures\n", (unsigned)TUFF_COUNT(cases), (unsigned)TUFF_COUNT(refusals),
           failures);
    return failures ? 1 : 0;
}
