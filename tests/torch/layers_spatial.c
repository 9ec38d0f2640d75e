/* layers_spatial.c - convolutions, padding: cases for tests/torch/layers_spatial.py. */
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
    {.name = NULL}};
