/* parts.h - what the nets are put together from. Private to samples/nets.
 *
 * Gains: a layer's weights have the variance gain^2 / fan_in, so that its results have gain^2 times the mean square of its inputs.
 * Behind an activation of numbers that have mean 0 and variance 1 that is smaller, which the next layer makes up for. */
#ifndef ZOO_PARTS_H
#define ZOO_PARTS_H

#include "nets.h"

/* 1 / sqrt of the mean square of f(z), z normal: relu 1/2 (He et al. 2015), the others by numerical integration */
#define ZOO_GAIN_RELU 1.4142135623730951
#define ZOO_GAIN_SILU 1.6765
#define ZOO_GAIN_GELU 1.5335
#define ZOO_GAIN_HARDSWISH 1.7059

typedef tuff_val zoo_activation(struct tuff_graph *g, tuff_val x);

/* Name of the next layer, "layer3", or of its part, "layer3.norm", until the one after it is asked for: layers are numbered in the order in
 * which they are added, so no other operand of the call that takes the name adds a layer. part may be NULL. */
const char *zoo_next(struct zoo_build *b, const char *part);

/* Units of the last layer: those that are asked for, or the source's own. */
uint32_t zoo_classes(const struct zoo_build *b, uint32_t own);
/* Weights of this gain; biases that are small and not 0, so that one left out would be seen. */
struct tuff_init zoo_gain(double gain);
struct tuff_init zoo_small(void);
/* With these, for the library's layers: a dense layer, and a square convolution that keeps height and width but for its stride. */
struct tuff_layer_dense_params zoo_units(uint32_t units, double gain);
struct tuff_layer_conv2d_params zoo_window(uint32_t channels, uint32_t kernel, uint32_t stride, double gain);
struct tuff_layer_conv2d_params zoo_depthwise(uint32_t channels, uint32_t kernel, uint32_t stride, double gain);
/* A convolution that a batch norm follows in the source, in its two forms (nets.h), then the activation (NULL: none). */
tuff_val zoo_conv_norm(struct zoo_build *b, tuff_val x, struct tuff_layer_conv2d_params conv, zoo_activation *activation);

/* Of the last layer of a branch y in a residual block y + x: a block adds a quarter to the variance, sixteen of them make it 35
 * times as large. */
#define ZOO_BRANCH_GAIN 0.5

tuff_val zoo_relu6(struct tuff_graph *g, tuff_val x);
/* Elements start .. start + size - 1 along an axis. */
tuff_val zoo_part(struct tuff_graph *g, tuff_val x, uint32_t axis, uint32_t start, uint32_t size);
/* Mean over height and width: [n, c, h, w] -> [n, c] */
tuff_val zoo_pooled(struct tuff_graph *g, tuff_val x);
tuff_val zoo_max_pool(struct tuff_graph *g, tuff_val x, uint32_t kernel, uint32_t stride, uint32_t pad, bool ceil_mode);

/* peers.c */
tuff_val zoo_build_mlp(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_cnn28(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_resnet18_32(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_mobilenet_v1(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_resnet18(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_resnet50(struct zoo_build *b, tuff_val x);
/* vision.c */
tuff_val zoo_build_squeezenet(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_mobilenet_v2(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_mobilenet_v3(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_shufflenet_v2(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_efficientnet_b0(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_yolov8n(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_unet(struct zoo_build *b, tuff_val x);
/* language.c: those of attention */
tuff_val zoo_build_vit_s16(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_gpt(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_smollm2(struct zoo_build *b, tuff_val x);
/* numbers.c */
tuff_val zoo_build_autoencoder(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_lstm(struct zoo_build *b, tuff_val x);
tuff_val zoo_build_tabular(struct zoo_build *b, tuff_val x);

#endif
