/* peers.c - the nets of the peers' comparison, exactly as they are there (dense layers apart: their weights lie
 * transposed), and ResNet-18, which is of the same parts. Residual nets: He et al. 2015. */
#include "parts.h"

tuff_val zoo_build_mlp(struct zoo_build *b, tuff_val x)
{
    x = zoo_dense(b, x, &(struct zoo_dense){.units = 256, .activation = tuff_relu});
    x = zoo_dense(b, x, &(struct zoo_dense){.units = 128, .activation = tuff_relu});
    return zoo_dense(b, x, &(struct zoo_dense){.units = 10});
}

tuff_val zoo_build_cnn28(struct zoo_build *b, tuff_val x)
{
    x = zoo_conv(b, x, &(struct zoo_conv){.channels = 32, .kernel = 3, .no_pad = true, .activation = tuff_relu});
    x = zoo_conv(b, x, &(struct zoo_conv){.channels = 64, .kernel = 3, .no_pad = true, .activation = tuff_relu});
    x = tuff_flatten(b->g, zoo_max_pool(b->g, x, 2, 2, 0, false));
    x = zoo_dense(b, x, &(struct zoo_dense){.units = 128, .activation = tuff_relu});
    return zoo_dense(b, x, &(struct zoo_dense){.units = 10});
}

/* He et al., the block of two 3x3 convolutions; where the shape changes, a 1x1 convolution on the way around it */
static tuff_val basic_block(struct zoo_build *b, tuff_val x, uint32_t channels, uint32_t stride)
{
    tuff_val y = zoo_conv(
        b, x,
        &(struct zoo_conv){.channels = channels, .kernel = 3, .stride = stride, .norm = true, .activation = tuff_relu});
    y = zoo_conv(b, y, &(struct zoo_conv){.channels = channels, .kernel = 3, .norm = true, .gain = ZOO_BRANCH_GAIN});
    if (stride > 1)
        x = zoo_conv(b, x, &(struct zoo_conv){.channels = channels, .kernel = 1, .stride = stride, .norm = true, .gain = 1});
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
    x = zoo_conv(b, x, &(struct zoo_conv){.channels = 64, .kernel = 3, .norm = true, .activation = tuff_relu});
    return zoo_dense(b, basic_stages(b, x), &(struct zoo_dense){.units = 10});
}

static tuff_val stem(struct zoo_build *b, tuff_val x)
{
    x = zoo_conv(b, x, &(struct zoo_conv){.channels = 64, .kernel = 7, .stride = 2, .norm = true, .activation = tuff_relu});
    return zoo_max_pool(b->g, x, 3, 2, 1, false);
}

tuff_val zoo_build_resnet18(struct zoo_build *b, tuff_val x)
{
    return zoo_dense(b, basic_stages(b, stem(b, x)), &(struct zoo_dense){.units = 1000});
}

/* "v1.5": the stride is in the 3x3 convolution */
static tuff_val bottleneck(struct zoo_build *b, tuff_val x, uint32_t channels, uint32_t stride, bool first)
{
    tuff_val y = zoo_conv(b, x,
                          &(struct zoo_conv){.channels = channels, .kernel = 1, .norm = true, .activation = tuff_relu});
    y = zoo_conv(
        b, y,
        &(struct zoo_conv){.channels = channels, .kernel = 3, .stride = stride, .norm = true, .activation = tuff_relu});
    y = zoo_conv(b, y, &(struct zoo_conv){.channels = 4 * channels, .kernel = 1, .norm = true});
    if (first) x = zoo_conv(b, x, &(struct zoo_conv){.channels = 4 * channels, .kernel = 1, .stride = stride, .norm = true});
    return tuff_relu(b->g, tuff_add(b->g, y, x));
}

tuff_val zoo_build_resnet50(struct zoo_build *b, tuff_val x)
{
    static const uint32_t blocks[4] = {3, 4, 6, 3};
    x = stem(b, x);
    for (uint32_t stage = 0; stage < 4; stage++)
        for (uint32_t block = 0; block < blocks[stage]; block++)
            x = bottleneck(b, x, 64u << stage, block == 0 && stage > 0 ? 2 : 1, block == 0);
    return zoo_dense(b, zoo_pooled(b->g, x), &(struct zoo_dense){.units = 1000});
}

/* Howard et al. 2017, width 1, with relu for relu6 as the peers have it */
tuff_val zoo_build_mobilenet_v1(struct zoo_build *b, tuff_val x)
{
    static const struct {
        uint32_t channels, stride;
    } pairs[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                 {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
    uint32_t c = 32;
    x = zoo_conv(b, x, &(struct zoo_conv){.channels = c, .kernel = 3, .stride = 2, .norm = true, .activation = tuff_relu});
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        x = zoo_conv(
            b, x,
            &(struct zoo_conv){
                .channels = c, .kernel = 3, .stride = pairs[i].stride, .groups = c, .norm = true, .activation = tuff_relu});
        c = pairs[i].channels;
        x = zoo_conv(b, x, &(struct zoo_conv){.channels = c, .kernel = 1, .norm = true, .activation = tuff_relu});
    }
    return zoo_dense(b, zoo_pooled(b->g, x), &(struct zoo_dense){.units = 1000});
}
