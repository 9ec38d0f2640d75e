/* conv2d_cases.h - one list of convolutions, of which each operator takes its two operands. Private to conv2d.c. */
#ifndef TUFF_OPS_CONV2D_CASES_H
#define TUFF_OPS_CONV2D_CASES_H

#include "graph/ops/conv2d.h"

/* ROW(type, name, n, ci, h, w, co, kh, kw, oh, ow, stride, dilation, pad, groups, splits): of x [n, ci, h, w], w [co, ci / groups, kh, kw] and
 * y [n, co, oh, ow]. The type is that of pictures and weights; gradients are f32. Lists in L() */
#define L(...) __VA_ARGS__
#define CASES                                                                                                               \
    ROW(F32, "one", 1, 1, 1, 1, 1, 1, 1, 1, 1, L(1, 1), L(1, 1), L(0), 1, 1)                                                \
    ROW(F32, "pointwise", 2, 8, 5, 4, 12, 1, 1, 5, 4, L(1, 1), L(1, 1), L(0), 1, 2)                                         \
    ROW(F32, "pointwise_prime", 2, 7, 5, 7, 13, 1, 1, 5, 7, L(1, 1), L(1, 1), L(0), 1, 2)                                   \
    ROW(F32, "same3", 3, 4, 8, 8, 8, 3, 3, 8, 8, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 3)                                     \
    ROW(F32, "same3_14", 2, 16, 14, 14, 32, 3, 3, 14, 14, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 2)                            \
    ROW(F32, "gray28", 3, 1, 28, 28, 16, 3, 3, 28, 28, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 3)                               \
    ROW(F32, "same3_30", 1, 4, 6, 30, 20, 3, 3, 6, 30, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 1)                               \
    ROW(F32, "same5_36", 2, 3, 5, 36, 9, 5, 5, 5, 36, L(1, 1), L(1, 1), L(2, 2, 2, 2), 1, 2)                                \
    ROW(F32, "valid3_26", 2, 8, 6, 26, 33, 3, 3, 4, 24, L(1, 1), L(1, 1), L(0), 1, 2)                                       \
    ROW(F32, "valid5_68", 1, 4, 7, 68, 5, 5, 5, 3, 64, L(1, 1), L(1, 1), L(0), 1, 1)                                        \
    ROW(F32, "valid3", 2, 3, 11, 13, 5, 3, 3, 9, 11, L(1, 1), L(1, 1), L(0), 1, 1)                                          \
    ROW(F32, "five", 2, 3, 17, 19, 9, 5, 5, 17, 19, L(1, 1), L(1, 1), L(2, 2, 2, 2), 1, 2)                                  \
    ROW(F32, "stem", 1, 3, 23, 21, 10, 7, 7, 12, 11, L(2, 2), L(1, 1), L(3, 3, 3, 3), 1, 1)                                 \
    ROW(F32, "stride2", 3, 5, 9, 9, 7, 3, 3, 5, 5, L(2, 2), L(1, 1), L(1, 1, 1, 1), 1, 2)                                   \
    ROW(F32, "stride2_even", 2, 4, 8, 8, 8, 3, 3, 4, 4, L(2, 2), L(1, 1), L(1, 1, 1, 1), 1, 2)                              \
    ROW(F32, "stride2_1x1", 2, 6, 7, 9, 10, 1, 1, 4, 5, L(2, 2), L(1, 1), L(0), 1, 1)                                       \
    ROW(F32, "stride32", 2, 2, 11, 12, 3, 2, 3, 4, 5, L(3, 2), L(1, 1), L(0), 1, 1)                                         \
    ROW(F32, "stride_far", 1, 3, 8, 8, 4, 3, 3, 1, 1, L(65536, 65536), L(1, 1), L(0), 1, 1)                                 \
    ROW(F32, "dilated", 2, 3, 13, 12, 4, 3, 3, 13, 10, L(1, 1), L(2, 3), L(2, 2, 2, 2), 1, 1)                               \
    ROW(F32, "lopsided", 2, 3, 6, 7, 4, 3, 2, 5, 9, L(1, 1), L(1, 1), L(1, 0, 0, 3), 1, 1)                                  \
    ROW(F32, "tall", 2, 3, 9, 1, 6, 3, 1, 7, 1, L(1, 1), L(1, 1), L(0), 1, 2)                                               \
    ROW(F32, "wide", 1, 2, 1, 67, 5, 1, 3, 1, 67, L(1, 1), L(1, 1), L(0, 1, 0, 1), 1, 1)                                    \
    ROW(F32, "whole", 3, 4, 5, 5, 9, 5, 5, 1, 1, L(1, 1), L(1, 1), L(0), 1, 3)                                              \
    ROW(F32, "groups", 2, 6, 7, 8, 10, 3, 3, 7, 8, L(1, 1), L(1, 1), L(1, 1, 1, 1), 2, 2)                                   \
    ROW(F32, "groups_stride", 2, 6, 7, 8, 9, 3, 3, 4, 4, L(2, 2), L(1, 1), L(1, 1, 1, 1), 3, 1)                             \
    ROW(F32, "tiny", 1, 6, 2, 2, 4, 3, 3, 2, 2, L(1, 1), L(1, 1), L(1, 1, 1, 1), 2, 1)                                      \
    ROW(F32, "thirty", 1, 4, 4, 30, 17, 3, 3, 4, 30, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 1)                                 \
    ROW(F32, "sixty_two", 1, 4, 2, 62, 3, 3, 3, 2, 62, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 1)                               \
    ROW(F32, "many", 5, 17, 10, 11, 33, 3, 3, 10, 11, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 3)

/* one input channel in a group: whole and odd rows, strides, several output channels */
#define DEPTHWISE_CASES                                                                                                     \
    ROW(F32, "depthwise", 2, 11, 9, 8, 11, 3, 3, 9, 8, L(1, 1), L(1, 1), L(1, 1, 1, 1), 11, 2)                              \
    ROW(F32, "depthwise2", 1, 5, 9, 8, 10, 3, 3, 5, 4, L(2, 2), L(1, 1), L(1, 1, 1, 1), 5, 1)                               \
    ROW(F32, "depthwise_12", 3, 4, 11, 12, 4, 3, 3, 11, 12, L(1, 1), L(1, 1), L(1, 1, 1, 1), 4, 2)                          \
    ROW(F32, "depthwise_14", 2, 3, 14, 14, 3, 3, 3, 14, 14, L(1, 1), L(1, 1), L(1, 1, 1, 1), 3, 1)                          \
    ROW(F32, "depthwise_7", 5, 4, 7, 7, 4, 3, 3, 7, 7, L(1, 1), L(1, 1), L(1, 1, 1, 1), 4, 3)                               \
    ROW(F32, "depthwise_odd", 3, 3, 5, 17, 3, 3, 3, 5, 17, L(1, 1), L(1, 1), L(1, 1, 1, 1), 3, 2)                           \
    ROW(F32, "depthwise_stride", 2, 4, 20, 24, 4, 3, 3, 10, 12, L(2, 2), L(1, 1), L(1, 1, 1, 1), 4, 2)                      \
    ROW(F32, "depthwise_stride_14", 2, 2, 14, 14, 2, 3, 3, 7, 7, L(2, 2), L(1, 1), L(1, 1, 1, 1), 2, 1)                     \
    ROW(F32, "depthwise_stride_odd", 3, 3, 9, 15, 3, 3, 3, 5, 8, L(2, 2), L(1, 1), L(1, 1, 1, 1), 3, 3)                     \
    ROW(F32, "depthwise_stride32", 2, 2, 19, 21, 2, 3, 5, 7, 10, L(3, 2), L(1, 1), L(2, 0, 1, 3), 2, 1)                     \
    ROW(F32, "depthwise_stride4", 1, 3, 17, 18, 3, 2, 3, 5, 4, L(4, 5), L(1, 1), L(0, 1, 1, 1), 3, 1)                       \
    ROW(F32, "depthwise_dilated", 2, 4, 13, 16, 4, 3, 3, 13, 16, L(1, 1), L(3, 2), L(3, 2, 3, 2), 4, 2)                     \
    ROW(F32, "depthwise_dilated_stride", 2, 3, 15, 13, 3, 3, 3, 8, 6, L(2, 2), L(2, 3), L(2, 1, 2, 4), 3, 1)                \
    ROW(F32, "depthwise_seven", 1, 2, 10, 13, 2, 7, 7, 10, 13, L(1, 1), L(1, 1), L(3, 3, 3, 3), 2, 1)                       \
    ROW(F32, "depthwise_five", 2, 4, 9, 16, 8, 5, 5, 5, 8, L(2, 2), L(1, 1), L(2, 2, 2, 2), 4, 2)                           \
    ROW(F32, "depthwise_three", 2, 2, 8, 12, 6, 3, 3, 8, 12, L(1, 1), L(1, 1), L(1, 1, 1, 1), 2, 2)                         \
    ROW(F32, "depthwise_valid", 2, 3, 12, 14, 3, 3, 4, 10, 11, L(1, 1), L(1, 1), L(0), 3, 2)                                \
    ROW(F32, "depthwise_wider", 1, 2, 4, 5, 2, 2, 2, 8, 15, L(1, 1), L(1, 1), L(3, 5, 2, 6), 2, 1)                          \
    ROW(F32, "depthwise_tall", 2, 4, 37, 1, 4, 3, 1, 37, 1, L(1, 1), L(1, 1), L(1, 0, 1, 0), 4, 1)                          \
    ROW(F32, "depthwise_1x1", 2, 5, 6, 7, 5, 1, 1, 3, 4, L(2, 2), L(1, 1), L(0), 5, 2)                                      \
    ROW(F32, "depthwise_long", 6, 3, 30, 34, 3, 3, 3, 30, 34, L(1, 1), L(1, 1), L(1, 1, 1, 1), 3, 2)

#define HALF_CASES                                                                                                          \
    ROW(F16, "f16_pointwise", 2, 7, 5, 7, 13, 1, 1, 5, 7, L(1, 1), L(1, 1), L(0), 1, 2)                                     \
    ROW(F16, "f16_same3_14", 2, 16, 14, 14, 32, 3, 3, 14, 14, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 2)                        \
    ROW(F16, "f16_stride2", 3, 5, 9, 9, 7, 3, 3, 5, 5, L(2, 2), L(1, 1), L(1, 1, 1, 1), 1, 2)                               \
    ROW(F16, "f16_depthwise", 2, 11, 9, 8, 11, 3, 3, 9, 8, L(1, 1), L(1, 1), L(1, 1, 1, 1), 11, 2)                          \
    ROW(F16, "f16_depthwise_odd", 3, 3, 5, 17, 3, 3, 3, 5, 17, L(1, 1), L(1, 1), L(1, 1, 1, 1), 3, 2)                       \
    ROW(F16, "f16_depthwise_stride", 2, 4, 20, 24, 4, 3, 3, 10, 12, L(2, 2), L(1, 1), L(1, 1, 1, 1), 4, 2)                  \
    ROW(F16, "f16_depthwise_five", 2, 4, 9, 16, 8, 5, 5, 5, 8, L(2, 2), L(1, 1), L(2, 2, 2, 2), 4, 2)

#define TYPE(dtype, ...) TUFF_TYPE(TUFF_##dtype, __VA_ARGS__)
#define ROW(type, label, n, ci, h, w, co, kh, kw, oh, ow, s, d, p, g, splits)                                               \
    {label, {TYPE(type, n, ci, h, w), TYPE(type, co, ci / g, kh, kw)}, 2, {0}, 0, &(struct tuff_conv){{s}, {d}, {p}, g}},
static const struct tuff_case conv_cases[] = {CASES DEPTHWISE_CASES HALF_CASES};
#undef ROW
#define ROW(type, label, n, ci, h, w, co, kh, kw, oh, ow, s, d, p, g, splits)                                               \
    {label, {TYPE(F32, n, co, oh, ow), TYPE(type, co, ci / g, kh, kw)}, 2, {0},                                             \
     0,     &(struct tuff_conv_input_grad){{{s}, {d}, {p}, g}, {h, w}}},
static const struct tuff_case input_grad_cases[] = {CASES DEPTHWISE_CASES HALF_CASES};
#undef ROW
#define ROW(type, label, n, ci, h, w, co, kh, kw, oh, ow, s, d, p, g, splits)                                               \
    {label, {TYPE(type, n, ci, h, w), TYPE(F32, n, co, oh, ow)},                                                            \
     2,     {0},                                                                                                            \
     0,     &(struct tuff_conv_weight_grad){{{s}, {d}, {p}, g}, {kh, kw}, splits}},
static const struct tuff_case weight_grad_cases[] = {CASES DEPTHWISE_CASES HALF_CASES};
#undef ROW

#endif
