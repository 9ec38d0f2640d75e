/* peers.c - the nets of the peers' comparison, exactly as they are there (dense layers apart: their weights lie
 * transposed), and ResNet-18, which is of the same parts. Residual nets: He et al. 2015. */
#include "parts.h"

tuff_val zoo_build_mlp(struct zoo_build *b, tuff_val x)
{
    x = tuff_relu(b->g, tuff_layer_dense(b->g, x, zoo_next(b, NULL), zoo_units(256, 1)));
    x = tuff_relu(b->g, tuff_layer_dense(b->g, x, zoo_next(b, NULL), zoo_units(128, 1)));
    return tuff_layer_dense(b->g, x, zoo_next(b, NULL), zoo_units(zoo_classes(b, 10), 1));
}

tuff_val zoo_build_cnn28(struct zoo_build *b, tuff_val x)
{
    x = tuff_relu(
        b->g, tuff_layer_conv2d(b->g, x, zoo_next(b, NULL),
                                (struct tuff_layer_conv2d_params){
                                    .channels = 32, .kernel = {3}, .weight = zoo_gain(ZOO_GAIN_RELU), .bias = zoo_small()}));
    x = tuff_relu(
        b->g, tuff_layer_conv2d(b->g, x, zoo_next(b, NULL),
                                (struct tuff_layer_conv2d_params){
                                    .channels = 64, .kernel = {3}, .weight = zoo_gain(ZOO_GAIN_RELU), .bias = zoo_small()}));
    x = tuff_flatten(b->g, zoo_max_pool(b->g, x, 2, 2, 0, false));
    x = tuff_relu(b->g, tuff_layer_dense(b->g, x, zoo_next(b, NULL), zoo_units(128, 1)));
    return tuff_layer_dense(b->g, x, zoo_next(b, NULL), zoo_units(zoo_classes(b, 10), 1));
}

/* He et al., the block of two 3x3 convolutions; where the shape changes, a 1x1 convolution on the way around it */
static tuff_val basic_block(struct zoo_build *b, tuff_val x, uint32_t channels, uint32_t stride)
{
    tuff_val y = zoo_conv_norm(b, x, zoo_window(channels, 3, stride, ZOO_GAIN_RELU), tuff_relu);
    y = zoo_conv_norm(b, y, zoo_window(channels, 3, 1, ZOO_BRANCH_GAIN), NULL);
    if (stride > 1) x = zoo_conv_norm(b, x, zoo_window(channels, 1, stride, 1), NULL);
    return tuff_relu(b->g, tuff_add(b->g, y, x));
}

static tuff_val basic_stages(struct zoo_build *b, tuff_val x)
{
    for (uint32_t stage = 0; stage < 4; stage++)
        for (uint32_t block = 0; block < 2; block++) x = basic_block(b, x, 64u << stage, block == 0 && stage > 0 ? 2 : 1);
    return zoo_pooled(b->g, x);
}

tuff_val zoo_build_resnet18_32(struct zoo_build *b, tuff_val x)
{
    x = zoo_conv_norm(b, x, zoo_window(64, 3, 1, ZOO_GAIN_RELU), tuff_relu);
    x = basic_stages(b, x);
    return tuff_layer_dense(b->g, x, zoo_next(b, NULL), zoo_units(zoo_classes(b, 10), 1));
}

static tuff_val stem(struct zoo_build *b, tuff_val x)
{
    x = zoo_conv_norm(b, x, zoo_window(64, 7, 2, ZOO_GAIN_RELU), tuff_relu);
    return zoo_max_pool(b->g, x, 3, 2, 1, false);
}

tuff_val zoo_build_resnet18(struct zoo_build *b, tuff_val x)
{
    x = basic_stages(b, stem(b, x));
    return tuff_layer_dense(b->g, x, zoo_next(b, NULL), zoo_units(zoo_classes(b, 1000), 1));
}

/* "v1.5": the stride is in the 3x3 convolution */
static tuff_val bottleneck(struct zoo_build *b, tuff_val x, uint32_t channels, uint32_t stride, bool first)
{
    tuff_val y = zoo_conv_norm(b, x, zoo_window(channels, 1, 1, ZOO_GAIN_RELU), tuff_relu);
    y = zoo_conv_norm(b, y, zoo_window(channels, 3, stride, ZOO_GAIN_RELU), tuff_relu);
    y = zoo_conv_norm(b, y, zoo_window(4 * channels, 1, 1, ZOO_GAIN_RELU), NULL);
    if (first) x = zoo_conv_norm(b, x, zoo_window(4 * channels, 1, stride, ZOO_GAIN_RELU), NULL);
    return tuff_relu(b->g, tuff_add(b->g, y, x));
}

tuff_val zoo_build_resnet50(struct zoo_build *b, tuff_val x)
{
    static const uint32_t blocks[4] = {3, 4, 6, 3};
    x = stem(b, x);
    for (uint32_t stage = 0; stage < 4; stage++)
        for (uint32_t block = 0; block < blocks[stage]; block++)
            x = bottleneck(b, x, 64u << stage, block == 0 && stage > 0 ? 2 : 1, block == 0);
    return tuff_layer_dense(b->g, zoo_pooled(b->g, x), zoo_next(b, NULL), zoo_units(zoo_classes(b, 1000), 1));
}

/* Howard et al. 2017, width 1, with relu for relu6 as the peers have it */
tuff_val zoo_build_mobilenet_v1(struct zoo_build *b, tuff_val x)
{
    static const struct {
        uint32_t channels, stride;
    } pairs[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                 {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
    uint32_t c = 32;
    x = zoo_conv_norm(b, x, zoo_window(c, 3, 2, ZOO_GAIN_RELU), tuff_relu);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        x = zoo_conv_norm(b, x, zoo_depthwise(c, 3, pairs[i].stride, ZOO_GAIN_RELU), tuff_relu);
        c = pairs[i].channels;
        x = zoo_conv_norm(b, x, zoo_window(c, 1, 1, ZOO_GAIN_RELU), tuff_relu);
    }
    return tuff_layer_dense(b->g, zoo_pooled(b->g, x), zoo_next(b, NULL), zoo_units(zoo_classes(b, 1000), 1));
}
