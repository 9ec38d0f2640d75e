/* layers_spatial.c - convolutions, padding, pools, shuffles, resizing, sampling: cases for tests/torch/layers_spatial.py. */
#include "graph/op.h"
#include "tests/torch/layers.h"

typedef struct tuff_layer_conv1d_params conv1;
typedef struct tuff_layer_conv2d_params conv2;
typedef struct tuff_layer_conv3d_params conv3;
typedef struct tuff_layer_conv_transpose1d_params transpose1;
typedef struct tuff_layer_conv_transpose2d_params transpose2;
typedef struct tuff_layer_conv_transpose3d_params transpose3;

#define BUILD(name, ...)                                                                                                    \
    static void name(struct tuff_graph *g, const tuff_val *in, bool training, tuff_val *y)                                  \
    {                                                                                                                       \
        (void)training;                                                                                                     \
        y[0] = __VA_ARGS__;                                                                                                 \
    }

BUILD(conv1_plain, tuff_layer_conv1d(g, in[0], "l", (conv1){.channels = 5, .kernel = 3}))
BUILD(conv1_full, tuff_layer_conv1d(g, in[0], "l",
                                    (conv1){.channels = 6,
                                            .kernel = 4,
                                            .conv = {.stride = 2, .dilation = 3, .pad = {2, 2}, .groups = 2},
                                            .no_bias = true}))
BUILD(conv1_same,
      tuff_layer_conv1d(
          g, in[0], "l",
          (conv1){.channels = 5, .kernel = 4, .conv = {.dilation = 3}, .same = true, .pad_mode = TUFF_PAD_REPLICATE}))
BUILD(conv2_reflect,
      tuff_layer_conv2d(g, in[0], "l",
                        (conv2){
                            .channels = 3, .kernel = {3, 5}, .conv = {.pad = {1, 2, 1, 2}}, .pad_mode = TUFF_PAD_REFLECT}))
BUILD(conv2_circular,
      tuff_layer_conv2d(g, in[0], "l",
                        (conv2){.channels = 3, .kernel = {3}, .conv = {.pad = {2, 1, 2, 1}}, .pad_mode = TUFF_PAD_CIRCULAR}))
BUILD(conv2_depthwise,
      tuff_layer_conv2d(g, in[0], "l",
                        (conv2){.kernel = {3, 5}, .conv = {.pad = {1, 2, 1, 2}, .stride = {2, 1}}, .depth_multiplier = 2}))
BUILD(conv2_same, tuff_layer_conv2d(g, in[0], "l", (conv2){.channels = 4, .kernel = {4, 3}, .same = true}))
BUILD(conv3_plain, tuff_layer_conv3d(g, in[0], "l", (conv3){.channels = 4, .kernel = {3}}))
BUILD(conv3_full,
      tuff_layer_conv3d(g, in[0], "l",
                        (conv3){
                            .channels = 6,
                            .kernel = {2, 3, 2},
                            .conv = {.stride = {2, 1, 2}, .dilation = {2, 1, 3}, .pad = {1, 2, 3, 1, 2, 3}, .groups = 2}}))
BUILD(conv3_replicate,
      tuff_layer_conv3d(
          g, in[0], "l",
          (conv3){.channels = 3, .kernel = {3, 1, 3}, .conv = {.pad = {2, 0, 1, 2, 0, 1}}, .pad_mode = TUFF_PAD_REPLICATE}))
BUILD(up1_plain, tuff_layer_conv_transpose1d(g, in[0], "l", (transpose1){.channels = 5, .kernel = 3}))
BUILD(up1_full,
      tuff_layer_conv_transpose1d(g, in[0], "l",
                                  (transpose1){
                                      .channels = 6,
                                      .kernel = 4,
                                      .conv = {.stride = 3, .dilation = 2, .pad = {2, 2}, .output_pad = 2, .groups = 2}}))
BUILD(up2_full,
      tuff_layer_conv_transpose2d(g, in[0], "l",
                                  (transpose2){
                                      .channels = 6,
                                      .kernel = {3, 2},
                                      .conv = {.stride = {2, 3}, .pad = {1, 0, 1, 0}, .output_pad = {1, 0}, .groups = 2}}))
BUILD(up3_plain, tuff_layer_conv_transpose3d(g, in[0], "l", (transpose3){.channels = 3, .kernel = {2}}))
BUILD(up3_full, tuff_layer_conv_transpose3d(g, in[0], "l",
                                            (transpose3){.channels = 4,
                                                         .kernel = {3, 2, 3},
                                                         .conv = {.stride = {2, 1, 3},
                                                                  .dilation = {2, 3, 1},
                                                                  .pad = {1, 0, 2, 1, 0, 2},
                                                                  .output_pad = {1, 0, 2},
                                                                  .groups = 2},
                                                         .no_bias = true}))

static const uint32_t before[] = {0, 2, 1, 3}, after[] = {0, 1, 2, 0};
BUILD(pad_reflect, tuff_pad_with(g, in[0], before, after, TUFF_PAD_REFLECT))
BUILD(pad_replicate, tuff_pad_with(g, in[0], before, after, TUFF_PAD_REPLICATE))
BUILD(pad_circular, tuff_pad_with(g, in[0], before, after, TUFF_PAD_CIRCULAR))
BUILD(pad_zeros, tuff_pad_with(g, in[0], before, after, TUFF_PAD_ZEROS))

#define POOL(...) ((struct tuff_pool1d_params){__VA_ARGS__})
#define POOL2(...) ((struct tuff_pool2d_params){__VA_ARGS__})
#define POOL3(...) ((struct tuff_pool3d_params){__VA_ARGS__})
/* Rounded to whole numbers, so that there are ties, with the gradient of what was not. */
static tuff_val steps(struct tuff_graph *g, tuff_val x)
{
    tuff_val rounded = tuff_round(g, x);
    return tuff_add(g, x, tuff_detach(g, tuff_sub(g, rounded, x)));
}
BUILD(max1, tuff_max_pool1d(g, in[0], POOL(.kernel = 3, .stride = 2, .pad = {1, 1}, .dilation = 2, .ceil_mode = true)))
BUILD(max1_plain, tuff_max_pool1d(g, in[0], POOL(.kernel = 2)))
BUILD(max3, tuff_max_pool3d(g, in[0],
                            POOL3(.kernel = {2, 3, 2}, .stride = {1, 2, 2}, .pad = {1, 1, 0, 1, 1, 0}, .ceil_mode = true)))
BUILD(max3_dilated, tuff_max_pool3d(g, in[0], POOL3(.kernel = {2, 2, 3}, .stride = {1, 1, 1}, .dilation = {2, 1, 2})))
BUILD(avg1,
      tuff_avg_pool1d(g, in[0], POOL(.kernel = 3, .stride = 2, .pad = {1, 1}, .ceil_mode = true, .count_include_pad = true)))
BUILD(avg1_inside, tuff_avg_pool1d(g, in[0], POOL(.kernel = 3, .stride = 2, .pad = {1, 1})))
BUILD(avg3, tuff_avg_pool3d(g, in[0],
                            POOL3(.kernel = {2, 3, 2}, .stride = {2, 2, 3}, .pad = {1, 1, 0, 1, 1, 0}, .ceil_mode = true,
                                  .count_include_pad = true)))
BUILD(avg3_inside,
      tuff_avg_pool3d(g, in[0],
                      POOL3(.kernel = {2, 3, 2}, .stride = {2, 2, 3}, .pad = {1, 1, 1, 1, 1, 1}, .ceil_mode = true)))
BUILD(avg3_plain, tuff_avg_pool3d(g, in[0], POOL3(.kernel = {2, 2, 2})))
BUILD(lp1, tuff_lp_pool1d(g, in[0], 3, POOL(.kernel = 3, .stride = 2)))
BUILD(lp2, tuff_lp_pool2d(g, in[0], 2, POOL2(.kernel = {3, 2}, .ceil_mode = true)))
BUILD(lp3, tuff_lp_pool3d(g, in[0], 2, POOL3(.kernel = {2, 2, 2})))
BUILD(adaptive_avg1, tuff_adaptive_avg_pool(g, in[0], TUFF_SHAPE(4)))
BUILD(adaptive_avg2, tuff_adaptive_avg_pool(g, in[0], TUFF_SHAPE(3, 5)))
BUILD(adaptive_avg2_more, tuff_adaptive_avg_pool(g, in[0], TUFF_SHAPE(9, 0)))
BUILD(adaptive_avg2_divides, tuff_adaptive_avg_pool(g, in[0], TUFF_SHAPE(3, 2)))
BUILD(adaptive_avg2_one, tuff_adaptive_avg_pool(g, in[0], TUFF_SHAPE(1, 1)))
BUILD(adaptive_avg3, tuff_adaptive_avg_pool(g, in[0], TUFF_SHAPE(2, 3, 4)))
BUILD(adaptive_max1, tuff_adaptive_max_pool(g, in[0], TUFF_SHAPE(4)))
BUILD(adaptive_max2, tuff_adaptive_max_pool(g, in[0], TUFF_SHAPE(3, 5)))
BUILD(adaptive_max2_divides, tuff_adaptive_max_pool(g, in[0], TUFF_SHAPE(3, 2)))
BUILD(adaptive_max3, tuff_adaptive_max_pool(g, in[0], TUFF_SHAPE(2, 3, 4)))
BUILD(global_max, tuff_global_max_pool(g, in[0]))
BUILD(global_avg, tuff_global_avg_pool(g, in[0]))
BUILD(ties3, tuff_max_pool3d(g, steps(g, in[0]), POOL3(.kernel = {2, 3, 2}, .stride = {1, 1, 1}, .pad = {1, 1, 0, 1, 1, 0})))
BUILD(ties_adaptive3, tuff_adaptive_max_pool(g, steps(g, in[0]), TUFF_SHAPE(2, 3, 3)))
BUILD(shuffle, tuff_pixel_shuffle(g, in[0], 2))
BUILD(unshuffle, tuff_pixel_unshuffle(g, in[0], 3))
BUILD(channels, tuff_channel_shuffle(g, in[0], 3))
BUILD(squeeze_excite, tuff_layer_squeeze_excite(g, in[0], "l", (struct tuff_layer_squeeze_excite_params){.squeeze = 4}))
BUILD(squeeze_hard,
      tuff_layer_squeeze_excite(g, in[0], "l", (struct tuff_layer_squeeze_excite_params){.squeeze = 4, .hard = true}))

typedef struct tuff_interpolate_params to;
BUILD(to1_nearest, tuff_interpolate(g, in[0], (to){.size = {7}}))
BUILD(to2_nearest, tuff_interpolate(g, in[0], (to){.scale = {1.7, 0.6}}))
BUILD(to2_twice, tuff_interpolate(g, in[0], (to){.scale = {2}}))
BUILD(to3_nearest, tuff_interpolate(g, in[0], (to){.size = {3, 7, 2}}))
BUILD(to2_exact, tuff_interpolate(g, in[0], (to){.size = {8, 3}, .mode = TUFF_INTERPOLATE_NEAREST_EXACT}))
BUILD(to1_linear, tuff_interpolate(g, in[0], (to){.size = {9}, .mode = TUFF_INTERPOLATE_LINEAR}))
BUILD(to2_linear, tuff_interpolate(g, in[0], (to){.size = {9, 3}, .mode = TUFF_INTERPOLATE_LINEAR}))
BUILD(to2_linear_scale, tuff_interpolate(g, in[0], (to){.scale = {1.7, 2.4}, .mode = TUFF_INTERPOLATE_LINEAR}))
BUILD(to2_corners, tuff_interpolate(g, in[0], (to){.size = {9, 3}, .mode = TUFF_INTERPOLATE_LINEAR, .align_corners = true}))
BUILD(to2_corners_scale,
      tuff_interpolate(g, in[0], (to){.scale = {1.7}, .mode = TUFF_INTERPOLATE_LINEAR, .align_corners = true}))
BUILD(to3_linear, tuff_interpolate(g, in[0], (to){.size = {3, 7, 5}, .mode = TUFF_INTERPOLATE_LINEAR}))
BUILD(to2_cubic, tuff_interpolate(g, in[0], (to){.size = {9, 3}, .mode = TUFF_INTERPOLATE_CUBIC}))
BUILD(to2_cubic_corners,
      tuff_interpolate(g, in[0], (to){.size = {3, 11}, .mode = TUFF_INTERPOLATE_CUBIC, .align_corners = true}))
BUILD(to2_cubic_scale, tuff_interpolate(g, in[0], (to){.scale = {2.3, 0.7}, .mode = TUFF_INTERPOLATE_CUBIC}))
BUILD(to2_smooth, tuff_interpolate(g, in[0], (to){.size = {4, 3}, .mode = TUFF_INTERPOLATE_LINEAR, .antialias = true}))
BUILD(to2_smooth_up, tuff_interpolate(g, in[0], (to){.size = {9, 3}, .mode = TUFF_INTERPOLATE_LINEAR, .antialias = true}))
BUILD(to2_smooth_cubic, tuff_interpolate(g, in[0], (to){.size = {4, 15}, .mode = TUFF_INTERPOLATE_CUBIC, .antialias = true}))
BUILD(to2_area, tuff_interpolate(g, in[0], (to){.size = {4, 9}, .mode = TUFF_INTERPOLATE_AREA}))
BUILD(sample_bilinear_zeros_0,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_LINEAR, TUFF_SAMPLE_ZEROS, false}))
BUILD(sample_bilinear_zeros_1,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_LINEAR, TUFF_SAMPLE_ZEROS, true}))
BUILD(sample_bilinear_border_0,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_LINEAR, TUFF_SAMPLE_BORDER, false}))
BUILD(sample_bilinear_border_1,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_LINEAR, TUFF_SAMPLE_BORDER, true}))
BUILD(sample_bilinear_reflection_0,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_LINEAR, TUFF_SAMPLE_REFLECTION, false}))
BUILD(sample_bilinear_reflection_1,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_LINEAR, TUFF_SAMPLE_REFLECTION, true}))
BUILD(sample_nearest_zeros_0,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_NEAREST, TUFF_SAMPLE_ZEROS, false}))
BUILD(sample_nearest_border_0,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_NEAREST, TUFF_SAMPLE_BORDER, false}))
BUILD(sample_nearest_reflection_0,
      tuff_grid_sample(g, in[0], in[1],
                       (struct tuff_grid_sample_params){TUFF_SAMPLE_NEAREST, TUFF_SAMPLE_REFLECTION, false}))
BUILD(sample_bicubic_zeros_0,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_CUBIC, TUFF_SAMPLE_ZEROS, false}))
BUILD(sample_bicubic_zeros_1,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_CUBIC, TUFF_SAMPLE_ZEROS, true}))
BUILD(sample_bicubic_border_0,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_CUBIC, TUFF_SAMPLE_BORDER, false}))
BUILD(sample_bicubic_border_1,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_CUBIC, TUFF_SAMPLE_BORDER, true}))
BUILD(sample_bicubic_reflection_0,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_CUBIC, TUFF_SAMPLE_REFLECTION, false}))
BUILD(sample_bicubic_reflection_1,
      tuff_grid_sample(g, in[0], in[1], (struct tuff_grid_sample_params){TUFF_SAMPLE_CUBIC, TUFF_SAMPLE_REFLECTION, true}))
BUILD(affine_0, tuff_affine_grid(g, in[0], (struct tuff_affine_grid_params){5, 4, false}))
BUILD(affine_1, tuff_affine_grid(g, in[0], (struct tuff_affine_grid_params){5, 4, true}))

const struct layer_case layer_cases_spatial[] = {
    {LAYER_CASE("conv", "c=5 k=3", conv1_plain, LAYER_FLOATS(2, 3, 11))},
    {LAYER_CASE("conv", "c=6 k=4 stride=2 dilation=3 padding=2 groups=2 bias=0", conv1_full, LAYER_FLOATS(2, 4, 17))},
    {LAYER_CASE("conv", "c=5 k=4 dilation=3 padding=same padding_mode=replicate", conv1_same, LAYER_FLOATS(2, 3, 11))},
    {LAYER_CASE("conv", "c=3 k=3,5 padding=1,2 padding_mode=reflect", conv2_reflect, LAYER_FLOATS(2, 2, 5, 7))},
    {LAYER_CASE("conv", "c=3 k=3,3 padding=2,1 padding_mode=circular", conv2_circular, LAYER_FLOATS(2, 2, 5, 7))},
    {LAYER_CASE("conv", "c=10 k=3,5 stride=2,1 padding=1,2 groups=5", conv2_depthwise, LAYER_FLOATS(2, 5, 9, 7))},
    {LAYER_CASE("conv", "c=4 k=4,3 padding=same", conv2_same, LAYER_FLOATS(2, 3, 5, 7))},
    {LAYER_CASE("conv", "c=4 k=3,3,3", conv3_plain, LAYER_FLOATS(2, 3, 5, 4, 7))},
    {LAYER_CASE("conv", "c=6 k=2,3,2 stride=2,1,2 dilation=2,1,3 padding=1,2,3 groups=2", conv3_full,
                LAYER_FLOATS(2, 4, 5, 4, 7))},
    {LAYER_CASE("conv", "c=3 k=3,1,3 padding=2,0,1 padding_mode=replicate", conv3_replicate, LAYER_FLOATS(1, 2, 4, 3, 5))},
    {LAYER_CASE("conv_transpose", "c=5 k=3", up1_plain, LAYER_FLOATS(2, 3, 7))},
    {LAYER_CASE("conv_transpose", "c=6 k=4 stride=3 dilation=2 padding=2 output_padding=2 groups=2", up1_full,
                LAYER_FLOATS(2, 4, 7))},
    {LAYER_CASE("conv_transpose", "c=6 k=3,2 stride=2,3 padding=1,0 output_padding=1,0 groups=2", up2_full,
                LAYER_FLOATS(2, 4, 3, 5))},
    {LAYER_CASE("conv_transpose", "c=3 k=2,2,2", up3_plain, LAYER_FLOATS(2, 3, 3, 4, 5))},
    {LAYER_CASE("conv_transpose",
                "c=4 k=3,2,3 stride=2,1,3 dilation=2,3,1 padding=1,0,2 output_padding=1,0,2 groups=2 bias=0", up3_full,
                LAYER_FLOATS(2, 4, 3, 2, 5))},
    {LAYER_CASE("pad", "mode=reflect", pad_reflect, LAYER_FLOATS(2, 3, 4, 5)), .no_training = true},
    {LAYER_CASE("pad", "mode=replicate", pad_replicate, LAYER_FLOATS(2, 3, 4, 5)), .no_training = true},
    {LAYER_CASE("pad", "mode=circular", pad_circular, LAYER_FLOATS(2, 3, 4, 5)), .no_training = true},
    {LAYER_CASE("pad", "mode=constant", pad_zeros, LAYER_FLOATS(2, 3, 4, 5)), .no_training = true},
    {LAYER_CASE("max_pool", "k=3 stride=2 padding=1 dilation=2 ceil_mode=1", max1, LAYER_FLOATS(2, 3, 12)),
     .no_training = true},
    {LAYER_CASE("max_pool", "k=2", max1_plain, LAYER_FLOATS(2, 3, 11)), .no_training = true},
    {LAYER_CASE("max_pool", "k=2,3,2 stride=1,2,2 padding=1,1,0 ceil_mode=1", max3, LAYER_FLOATS(2, 2, 4, 6, 7)),
     .no_training = true},
    {LAYER_CASE("max_pool", "k=2,2,3 stride=1,1,1 dilation=2,1,2", max3_dilated, LAYER_FLOATS(2, 2, 4, 5, 7)),
     .no_training = true},
    {LAYER_CASE("max_pool", "k=2,3,2 stride=1,1,1 padding=1,1,0 ties=1", ties3, LAYER_FLOATS(2, 3, 4, 5, 6)),
     .no_training = true},
    {LAYER_CASE("avg_pool", "k=3 stride=2 padding=1 ceil_mode=1", avg1, LAYER_FLOATS(2, 3, 12)), .no_training = true},
    {LAYER_CASE("avg_pool", "k=3 stride=2 padding=1 count_include_pad=0", avg1_inside, LAYER_FLOATS(2, 3, 11)),
     .no_training = true},
    {LAYER_CASE("avg_pool", "k=2,3,2 stride=2,2,3 padding=1,1,0 ceil_mode=1", avg3, LAYER_FLOATS(2, 2, 4, 6, 7)),
     .no_training = true},
    {LAYER_CASE("avg_pool", "k=2,3,2 stride=2,2,3 padding=1,1,1 ceil_mode=1 count_include_pad=0", avg3_inside,
                LAYER_FLOATS(2, 2, 4, 6, 7)),
     .no_training = true},
    {LAYER_CASE("avg_pool", "k=2,2,2", avg3_plain, LAYER_FLOATS(2, 2, 4, 5, 7)), .no_training = true},
    {LAYER_CASE("lp_pool", "p=3 k=3 stride=2", lp1, {.dtype = TUFF_F32, .dim = {2, 3, 11}, .uniform = true, .shift = 0.1F}),
     .no_training = true},
    {LAYER_CASE("lp_pool", "p=2 k=3,2 ceil_mode=1", lp2, LAYER_FLOATS(2, 3, 7, 6)), .no_training = true},
    {LAYER_CASE("lp_pool", "p=2 k=2,2,2", lp3, LAYER_FLOATS(2, 2, 4, 5, 6)), .no_training = true},
    {LAYER_CASE("adaptive", "kind=avg size=4", adaptive_avg1, LAYER_FLOATS(2, 3, 11)), .no_training = true},
    {LAYER_CASE("adaptive", "kind=avg size=3,5", adaptive_avg2, LAYER_FLOATS(2, 3, 7, 11)), .no_training = true},
    {LAYER_CASE("adaptive", "kind=avg size=9,7", adaptive_avg2_more, LAYER_FLOATS(2, 3, 4, 7)), .no_training = true},
    {LAYER_CASE("adaptive", "kind=avg size=3,2", adaptive_avg2_divides, LAYER_FLOATS(2, 3, 6, 8)), .no_training = true},
    {LAYER_CASE("adaptive", "kind=avg size=1,1", adaptive_avg2_one, LAYER_FLOATS(2, 3, 6, 7)), .no_training = true},
    {LAYER_CASE("adaptive", "kind=avg size=2,3,4", adaptive_avg3, LAYER_FLOATS(2, 2, 5, 7, 6)), .no_training = true},
    {LAYER_CASE("adaptive", "kind=max size=4", adaptive_max1, LAYER_FLOATS(2, 3, 11)), .no_training = true},
    {LAYER_CASE("adaptive", "kind=max size=3,5", adaptive_max2, LAYER_FLOATS(2, 3, 7, 11)), .no_training = true},
    {LAYER_CASE("adaptive", "kind=max size=3,2", adaptive_max2_divides, LAYER_FLOATS(2, 3, 6, 8)), .no_training = true},
    {LAYER_CASE("adaptive", "kind=max size=2,3,4", adaptive_max3, LAYER_FLOATS(2, 2, 5, 7, 6)), .no_training = true},
    {LAYER_CASE("adaptive", "kind=max size=2,3,3 ties=1", ties_adaptive3, LAYER_FLOATS(2, 3, 5, 7, 8)), .no_training = true},
    {LAYER_CASE("global_pool", "kind=max", global_max, LAYER_FLOATS(2, 3, 4, 5, 3)), .no_training = true},
    {LAYER_CASE("global_pool", "kind=avg", global_avg, LAYER_FLOATS(2, 3, 7)), .no_training = true},
    {LAYER_CASE("shuffle", "kind=pixel_shuffle by=2", shuffle, LAYER_FLOATS(2, 12, 3, 5)), .no_training = true},
    {LAYER_CASE("shuffle", "kind=pixel_unshuffle by=3", unshuffle, LAYER_FLOATS(2, 2, 6, 9)), .no_training = true},
    {LAYER_CASE("shuffle", "kind=channel_shuffle by=3", channels, LAYER_FLOATS(2, 12, 3, 5)), .no_training = true},
    {LAYER_CASE("squeeze_excite", "", squeeze_excite, LAYER_FLOATS(2, 6, 5, 7))},
    {LAYER_CASE("squeeze_excite", "hard=1", squeeze_hard, LAYER_FLOATS(2, 6, 5, 7))},
    {LAYER_CASE("interpolate", "mode=nearest size=7", to1_nearest, LAYER_FLOATS(2, 3, 5)), .no_training = true},
    {LAYER_CASE("interpolate", "mode=nearest scale=1.7,0.6", to2_nearest, LAYER_FLOATS(2, 3, 5, 7)), .no_training = true},
    {LAYER_CASE("interpolate", "mode=nearest scale=2,2", to2_twice, LAYER_FLOATS(2, 3, 5, 4)), .no_training = true},
    {LAYER_CASE("interpolate", "mode=nearest size=3,7,2", to3_nearest, LAYER_FLOATS(2, 2, 5, 4, 3)), .no_training = true},
    {LAYER_CASE("interpolate", "mode=nearest-exact size=8,3", to2_exact, LAYER_FLOATS(2, 3, 5, 7)), .no_training = true},
    {LAYER_CASE("interpolate", "mode=linear size=9", to1_linear, LAYER_FLOATS(2, 3, 5)), .no_training = true},
    {LAYER_CASE("interpolate", "mode=bilinear size=9,3", to2_linear, LAYER_FLOATS(2, 3, 5, 7)), .no_training = true},
    {LAYER_CASE("interpolate", "mode=bilinear scale=1.7,2.4", to2_linear_scale, LAYER_FLOATS(2, 3, 5, 7)),
     .no_training = true},
    {LAYER_CASE("interpolate", "mode=bilinear size=9,3 align_corners=1", to2_corners, LAYER_FLOATS(2, 3, 5, 7)),
     .no_training = true},
    {LAYER_CASE("interpolate", "mode=bilinear scale=1.7,1.7 align_corners=1", to2_corners_scale, LAYER_FLOATS(2, 3, 5, 7)),
     .no_training = true},
    {LAYER_CASE("interpolate", "mode=trilinear size=3,7,5", to3_linear, LAYER_FLOATS(1, 2, 5, 4, 3)), .no_training = true},
    {LAYER_CASE("interpolate", "mode=bicubic size=9,3", to2_cubic, LAYER_FLOATS(2, 3, 5, 7)), .no_training = true},
    {LAYER_CASE("interpolate", "mode=bicubic size=3,11 align_corners=1", to2_cubic_corners, LAYER_FLOATS(2, 3, 5, 7)),
     .no_training = true},
    {LAYER_CASE("interpolate", "mode=bicubic scale=2.3,0.7", to2_cubic_scale, LAYER_FLOATS(2, 3, 5, 7)),
     .no_training = true},
    {LAYER_CASE("interpolate", "mode=bilinear size=4,3 antialias=1", to2_smooth, LAYER_FLOATS(2, 3, 13, 11)),
     .no_training = true},
    {LAYER_CASE("interpolate", "mode=bilinear size=9,3 antialias=1", to2_smooth_up, LAYER_FLOATS(2, 3, 5, 11)),
     .no_training = true},
    {LAYER_CASE("interpolate", "mode=bicubic size=4,15 antialias=1", to2_smooth_cubic, LAYER_FLOATS(2, 3, 13, 7)),
     .no_training = true},
    {LAYER_CASE("interpolate", "mode=area size=4,9", to2_area, LAYER_FLOATS(2, 3, 7, 5)), .no_training = true},
    {LAYER_CASE("grid_sample", "mode=bilinear padding_mode=zeros align_corners=0", sample_bilinear_zeros_0,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=bilinear padding_mode=zeros align_corners=1", sample_bilinear_zeros_1,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=bilinear padding_mode=border align_corners=0", sample_bilinear_border_0,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=bilinear padding_mode=border align_corners=1", sample_bilinear_border_1,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=bilinear padding_mode=reflection align_corners=0", sample_bilinear_reflection_0,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=bilinear padding_mode=reflection align_corners=1", sample_bilinear_reflection_1,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=nearest padding_mode=zeros align_corners=0", sample_nearest_zeros_0,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=nearest padding_mode=border align_corners=0", sample_nearest_border_0,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=nearest padding_mode=reflection align_corners=0", sample_nearest_reflection_0,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=bicubic padding_mode=zeros align_corners=0", sample_bicubic_zeros_0,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=bicubic padding_mode=zeros align_corners=1", sample_bicubic_zeros_1,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=bicubic padding_mode=border align_corners=0", sample_bicubic_border_0,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=bicubic padding_mode=border align_corners=1", sample_bicubic_border_1,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=bicubic padding_mode=reflection align_corners=0", sample_bicubic_reflection_0,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("grid_sample", "mode=bicubic padding_mode=reflection align_corners=1", sample_bicubic_reflection_1,
                LAYER_FLOATS(2, 3, 5, 4), {.dtype = TUFF_F32, .dim = {2, 3, 5, 2}, .scale = 0.9F}),
     .no_training = true},
    {LAYER_CASE("affine_grid", "size=5,4 align_corners=0", affine_0, LAYER_FLOATS(2, 2, 3)), .no_training = true},
    {LAYER_CASE("affine_grid", "size=5,4 align_corners=1", affine_1, LAYER_FLOATS(2, 2, 3)), .no_training = true},
    {.name = NULL}};
