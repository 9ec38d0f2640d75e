/* residual.c - residual networks by torchvision's names, so that its weights fit. Source: He et al. 2015; strides are torchvision's ("v1.5"). */
#include "nets.h"

#include <stdio.h>
#include <string.h>

static const struct zoo_residual shapes[] = {
    {"resnet50", true, false, {3, 4, 6, 3}, 64},
    {"resnet34", false, false, {3, 4, 6, 3}, 64},
    {"resnet18", false, false, {2, 2, 2, 2}, 64},
    {"small", false, true, {1, 1, 1, 1}, 16},
};

const struct zoo_residual *zoo_residual_find(const char *name)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (!strcmp(shapes[i].name, name)) return &shapes[i];
    return NULL;
}

uint32_t zoo_residual_features(const struct zoo_residual *shape) { return shape->width * 8 * (shape->bottleneck ? 4 : 1); }

/* ---- the network ------------------------------------------------------------------------------------------------------------------- */

struct place { /* while it is built */
    struct tuff_graph *g;
    const struct zoo_residual *shape;
    bool training;
};

/* Without a trained file these values serve as they are: they keep the size of what goes through (torchvision's initialisation). */
static tuff_val conv_norm(const struct place *p, tuff_val x, const char *conv, const char *norm, uint32_t channels,
                          uint32_t kernel, uint32_t stride)
{
    uint32_t pad = kernel / 2;
    x = tuff_layer_conv2d(
        p->g, x, conv,
        (struct tuff_layer_conv2d_params){.channels = channels,
                                          .kernel = {kernel},
                                          .no_bias = true,
                                          .conv = {.stride = {stride, stride}, .pad = {pad, pad, pad, pad}},
                                          .weight = {.kind = TUFF_INIT_KAIMING_NORMAL}});
    return tuff_layer_batch_norm(p->g, x, norm, (struct tuff_layer_batch_norm_params){.training = p->training});
}

/* Two 3x3 convolutions, or 1x1, 3x3, 1x1 */
static tuff_val block(const struct place *p, tuff_val x, const char *name, uint32_t width, uint32_t stride)
{
    bool bottleneck = p->shape->bottleneck;
    uint32_t out = width * (bottleneck ? 4 : 1), count = bottleneck ? 3 : 2;
    char conv[64], norm[64];
    tuff_val y = x;
    for (uint32_t i = 0; i < count; i++) {
        bool strided = bottleneck ? i == 1 : i == 0, wide = bottleneck && i != 1;
        snprintf(conv, sizeof conv, "%s.conv%u", name, (unsigned)i + 1);
        snprintf(norm, sizeof norm, "%s.bn%u", name, (unsigned)i + 1);
        y = conv_norm(p, y, conv, norm, i + 1 == count ? out : width, wide ? 1 : 3, strided ? stride : 1);
        if (i + 1 < count) y = tuff_relu(p->g, y);
    }
    snprintf(conv, sizeof conv, "%s.downsample.0", name);
    snprintf(norm, sizeof norm, "%s.downsample.1", name);
    if (stride > 1 || tuff_type_of(p->g, x).shape.dim[1] != out) x = conv_norm(p, x, conv, norm, out, 1, stride);
    return tuff_relu(p->g, tuff_add(p->g, x, y));
}

tuff_val zoo_residual(struct tuff_graph *g, tuff_val x, const struct zoo_residual *shape, bool training)
{
    const struct place place = {g, shape, training}, *p = &place;
    const struct tuff_pool2d_params pool = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}};
    x = tuff_relu(p->g, conv_norm(p, x, "conv1", "bn1", shape->width, shape->small ? 3 : 7, 2));
    if (!shape->small) x = tuff_max_pool2d(p->g, x, pool);
    for (uint32_t stage = 0; stage < 4; stage++)
        for (uint32_t i = 0; i < shape->blocks[stage]; i++) {
            char name[32];
            snprintf(name, sizeof name, "layer%u.%u", (unsigned)stage + 1, (unsigned)i);
            x = block(p, x, name, shape->width << stage, stage > 0 && i == 0 ? 2 : 1);
        }
    return tuff_flatten(p->g, tuff_global_avg_pool(p->g, x));
}

tuff_val zoo_head(struct tuff_graph *g, tuff_val features, uint32_t classes)
{
    tuff_val y = tuff_relu(g, tuff_layer_dense(g, features, "head.dense1", (struct tuff_layer_dense_params){.units = 256}));
    return tuff_layer_dense(g, y, "head.dense2", (struct tuff_layer_dense_params){.units = classes});
}
