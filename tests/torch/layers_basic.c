/* layers_basic.c - dense, convolution, norms: cases for tests/torch/layers_basic.py. */
#include "tests/torch/layers.h"

static void dense(struct tuff_graph *g, const tuff_val *in, bool training, tuff_val *y)
{
    (void)training;
    y[0] = tuff_layer_dense(g, in[0], "l", (struct tuff_layer_dense_params){.units = 7});
}

static void conv2d(struct tuff_graph *g, const tuff_val *in, bool training, tuff_val *y)
{
    (void)training;
    y[0] = tuff_layer_conv2d(
        g, in[0], "l",
        (struct tuff_layer_conv2d_params){
            .channels = 6, .kernel = {3, 2}, .conv = {.stride = {2, 1}, .pad = {1, 0, 1, 0}, .groups = 2}});
}

static void batch_norm(struct tuff_graph *g, const tuff_val *in, bool training, tuff_val *y)
{
    y[0] = tuff_layer_batch_norm(g, in[0], "l", (struct tuff_layer_batch_norm_params){.training = training});
}

static void layer_norm(struct tuff_graph *g, const tuff_val *in, bool training, tuff_val *y)
{
    (void)training;
    y[0] = tuff_layer_layer_norm(g, in[0], "l", (struct tuff_layer_layer_norm_params){.last_dims = 2});
}

static void rms_norm(struct tuff_graph *g, const tuff_val *in, bool training, tuff_val *y)
{
    (void)training;
    y[0] = tuff_layer_rms_norm(g, in[0], "l", (struct tuff_layer_rms_norm_params){.eps = TUFF_NUMBER(1e-6)});
}

const struct layer_case layer_cases_basic[] = {
    {LAYER_CASE("dense", "units=7", dense, LAYER_FLOATS(5, 11))},
    {LAYER_CASE("dense", "units=7", dense, LAYER_FLOATS(3, 2, 5, 31))},
    {LAYER_CASE("conv2d", "channels=6", conv2d, LAYER_FLOATS(3, 4, 9, 7))},
    {LAYER_CASE("batch_norm", "", batch_norm, {.dtype = TUFF_F32, .dim = {4, 3, 5}, .scale = 2, .shift = 3})},
    {LAYER_CASE("layer_norm", "last=2", layer_norm, LAYER_FLOATS(4, 3, 5))},
    {LAYER_CASE("rms_norm", "eps=1e-6", rms_norm, LAYER_FLOATS(4, 3, 5))},
    {.name = NULL}};
