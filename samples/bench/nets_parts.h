/* nets_parts.h - what the nets are put together from. Private to nets*.c.
 *
 * Gains: a layer's weights have the variance gain^2 / fan_in, so that its results have gain^2 times the mean square of its inputs.
 * Behind an activation of numbers that have mean 0 and variance 1 that is smaller, which the next layer makes up for. */
#ifndef BENCH_NETS_PARTS_H
#define BENCH_NETS_PARTS_H

#include "nets.h"

/* 1 / sqrt of the mean square of f(z), z normal: relu 1/2 (He et al. 2015), the others by numerical integration */
#define BENCH_GAIN_RELU 1.4142135623730951
#define BENCH_GAIN_SILU 1.6765
#define BENCH_GAIN_GELU 1.5335
#define BENCH_GAIN_HARDSWISH 1.7059

typedef tuff_val bench_activation(struct tuff_graph *g, tuff_val x);

struct bench_conv {
    uint32_t channels, kernel;
    uint32_t stride, groups;      /* 0: 1 */
    bool no_pad;                  /* else kernel / 2 on all sides */
    bool norm;                    /* a batch norm follows in the source */
    double gain;                  /* 0: BENCH_GAIN_RELU */
    bench_activation *activation; /* NULL: none */
};
/* Convolution with bias, or with its norm (batch norm in training, folded in inference), then the activation. */
tuff_val bench_conv(struct bench_build *b, tuff_val x, const struct bench_conv *conv);

struct bench_dense {
    uint32_t units;
    bool no_bias;
    double gain; /* 0: 1 */
    bench_activation *activation;
};
/* x [n, k] -> [n, units] */
tuff_val bench_dense(struct bench_build *b, tuff_val x, const struct bench_dense *dense);
/* A parameter of its own name; layers are numbered in the order in which they are added. */
tuff_val bench_param(struct bench_build *b, const char *part, struct tuff_shape shape, struct tuff_init init);
/* One number in all of a parameter. */
tuff_val bench_constant_param(struct bench_build *b, const char *part, uint32_t count, double value);

/* y + x, for the branch y of a residual block */
#define BENCH_BRANCH_GAIN                                                                                                   \
    0.5 /* of a branch's last layer: a block adds a quarter to the variance, sixteen of them 35 times */

tuff_val bench_relu6(struct tuff_graph *g, tuff_val x);
/* Elements start .. start + size - 1 along an axis. */
tuff_val bench_part(struct tuff_graph *g, tuff_val x, uint32_t axis, uint32_t start, uint32_t size);
/* Mean over height and width: [n, c, h, w] -> [n, c] */
tuff_val bench_pooled(struct tuff_graph *g, tuff_val x);
tuff_val bench_max_pool(struct tuff_graph *g, tuff_val x, uint32_t kernel, uint32_t stride, uint32_t pad, bool ceil_mode);

/* nets_peers.c */
tuff_val bench_build_mlp(struct bench_build *b, tuff_val x);
tuff_val bench_build_cnn28(struct bench_build *b, tuff_val x);
tuff_val bench_build_resnet18_32(struct bench_build *b, tuff_val x);
tuff_val bench_build_mobilenet_v1(struct bench_build *b, tuff_val x);
tuff_val bench_build_resnet18(struct bench_build *b, tuff_val x);
tuff_val bench_build_resnet50(struct bench_build *b, tuff_val x);
/* nets_vision.c */
tuff_val bench_build_squeezenet(struct bench_build *b, tuff_val x);
tuff_val bench_build_mobilenet_v2(struct bench_build *b, tuff_val x);
tuff_val bench_build_mobilenet_v3(struct bench_build *b, tuff_val x);
tuff_val bench_build_shufflenet_v2(struct bench_build *b, tuff_val x);
tuff_val bench_build_efficientnet_b0(struct bench_build *b, tuff_val x);
tuff_val bench_build_yolov8n(struct bench_build *b, tuff_val x);
/* nets_language.c: those of attention */
tuff_val bench_build_vit_s16(struct bench_build *b, tuff_val x);
tuff_val bench_build_gpt(struct bench_build *b, tuff_val x);
tuff_val bench_build_smollm2(struct bench_build *b, tuff_val x);

#endif
