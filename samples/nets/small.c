/* small.c - small networks for pictures of any size. */
#include "nets.h"

#include <stdio.h>
#include <string.h>

static tuff_val dense(struct tuff_graph *g, tuff_val x, const char *name, uint32_t units)
{
    return tuff_layer_dense(g, x, name, (struct tuff_layer_dense_params){.units = units});
}

static tuff_val mlp(struct tuff_graph *g, tuff_val x, bool training, void *classes)
{
    x = tuff_relu(g, dense(g, tuff_flatten(g, x), "hidden1", 256));
    x = tuff_layer_dropout(g, x, 0.2, training);
    x = tuff_relu(g, dense(g, x, "hidden2", 128));
    x = tuff_layer_dropout(g, x, 0.2, training);
    return dense(g, x, "out", *(uint32_t *)classes);
}

static tuff_val cnn(struct tuff_graph *g, tuff_val x, bool training, void *classes)
{
    const struct tuff_layer_conv2d_params conv1 = {.channels = 16, .kernel = {3}, .conv = {.pad = {1, 1, 1, 1}}};
    const struct tuff_layer_conv2d_params conv2 = {.channels = 32, .kernel = {3}, .conv = {.pad = {1, 1, 1, 1}}};
    const struct tuff_pool2d_params half = {.kernel = {2, 2}};
    x = tuff_max_pool2d(g, tuff_relu(g, tuff_layer_conv2d(g, x, "conv1", conv1)), half);
    x = tuff_max_pool2d(g, tuff_relu(g, tuff_layer_conv2d(g, x, "conv2", conv2)), half);
    x = tuff_relu(g, dense(g, tuff_flatten(g, x), "hidden", 128));
    x = tuff_layer_dropout(g, x, 0.25, training);
    return dense(g, x, "out", *(uint32_t *)classes);
}

/* ---- resnet: He et al. 2015, with one block a stage -------------------------------------------------------------------------- */

static tuff_val conv_norm(struct tuff_graph *g, tuff_val x, const char *name, uint32_t channels, uint32_t kernel,
                          uint32_t stride, bool training)
{
    uint32_t pad = kernel / 2;
    const struct tuff_layer_conv2d_params conv = {
        .channels = channels, .kernel = {kernel}, .conv = {.stride = {stride, stride}, .pad = {pad, pad, pad, pad}}};
    char norm[64];
    snprintf(norm, sizeof norm, "%s_norm", name);
    x = tuff_layer_conv2d(g, x, name, conv);
    return tuff_layer_batch_norm(g, x, norm, (struct tuff_layer_batch_norm_params){.training = training});
}

static tuff_val residual(struct tuff_graph *g, tuff_val x, int block, uint32_t channels, uint32_t stride, bool training)
{
    char first[32], second[32], around[32];
    snprintf(first, sizeof first, "block%d_conv1", block);
    snprintf(second, sizeof second, "block%d_conv2", block);
    snprintf(around, sizeof around, "block%d_around", block);
    tuff_val y = tuff_relu(g, conv_norm(g, x, first, channels, 3, stride, training));
    y = conv_norm(g, y, second, channels, 3, 1, training);
    if (stride > 1) x = conv_norm(g, x, around, channels, 1, stride, training);
    return tuff_relu(g, tuff_add(g, y, x));
}

static tuff_val resnet(struct tuff_graph *g, tuff_val x, bool training, void *classes)
{
    x = tuff_relu(g, conv_norm(g, x, "stem", 16, 3, 1, training));
    x = residual(g, x, 1, 16, 1, training);
    x = residual(g, x, 2, 32, 2, training);
    x = residual(g, x, 3, 64, 2, training);
    x = tuff_flatten(g, tuff_global_avg_pool(g, x));
    return dense(g, x, "out", *(uint32_t *)classes);
}

/* ---- table -------------------------------------------------------------------------------------------------------------------- */

const struct zoo_model zoo_models[] = {
    {"mlp", "two hidden layers of 256 and 128 units", mlp, 5, 1e-3},
    {"cnn", "two convolutions and a hidden layer, as LeNet", cnn, 3, 2e-3},
    {"resnet", "three residual blocks with batch norm", resnet, 3, 2e-3},
};
const uint32_t zoo_model_count = sizeof zoo_models / sizeof zoo_models[0];

const struct zoo_model *zoo_model_find(const char *name)
{
    for (uint32_t i = 0; i < zoo_model_count; i++)
        if (strcmp(zoo_models[i].name, name) == 0) return &zoo_models[i];
    return NULL;
}
