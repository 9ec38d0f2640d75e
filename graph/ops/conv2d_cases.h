/* conv2d_cases.h - one list of convolutions, of which each operator takes its two operands. Private to conv2d.c. */
#ifndef TUFF_OPS_CONV2D_CASES_H
#define TUFF_OPS_CONV2D_CASES_H

#include "graph/ops/conv2d.h"

#define T(...)                                                                                                              \
    {                                                                                                                       \
        TUFF_F32,                                                                                                           \
        {                                                                                                                   \
            4, { __VA_ARGS__ }                                                                                              \
        }                                                                                                                   \
    }
/* ROW(name, x, w, y, h, w of x, kh, kw, stride, dilation, pad, groups, splits); lists in L() */
#define L(...) __VA_ARGS__
#define CASES                                                                                                               \
    ROW("one", L(1, 1, 1, 1), L(1, 1, 1, 1), L(1, 1, 1, 1), L(1, 1), L(1, 1), L(1, 1), L(1, 1), L(0), 1, 1)                 \
    ROW("pointwise", L(2, 8, 5, 4), L(12, 8, 1, 1), L(2, 12, 5, 4), L(5, 4), L(1, 1), L(1, 1), L(1, 1), L(0), 1, 2)         \
    ROW("pointwise_prime", L(2, 7, 5, 7), L(13, 7, 1, 1), L(2, 13, 5, 7), L(5, 7), L(1, 1), L(1, 1), L(1, 1), L(0), 1, 2)   \
    ROW("same3", L(3, 4, 8, 8), L(8, 4, 3, 3), L(3, 8, 8, 8), L(8, 8), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 3)      \
    ROW("same3_14", L(2, 16, 14, 14), L(32, 16, 3, 3), L(2, 32, 14, 14), L(14, 14), L(3, 3), L(1, 1), L(1, 1),              \
        L(1, 1, 1, 1), 1, 2)                                                                                                \
    ROW("gray28", L(3, 1, 28, 28), L(16, 1, 3, 3), L(3, 16, 28, 28), L(28, 28), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1),   \
        1, 3)                                                                                                               \
    ROW("same3_30", L(1, 4, 6, 30), L(20, 4, 3, 3), L(1, 20, 6, 30), L(6, 30), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, \
        1)                                                                                                                  \
    ROW("same5_36", L(2, 3, 5, 36), L(9, 3, 5, 5), L(2, 9, 5, 36), L(5, 36), L(5, 5), L(1, 1), L(1, 1), L(2, 2, 2, 2), 1,   \
        2)                                                                                                                  \
    ROW("valid3_26", L(2, 8, 6, 26), L(33, 8, 3, 3), L(2, 33, 4, 24), L(6, 26), L(3, 3), L(1, 1), L(1, 1), L(0), 1, 2)      \
    ROW("valid5_68", L(1, 4, 7, 68), L(5, 4, 5, 5), L(1, 5, 3, 64), L(7, 68), L(5, 5), L(1, 1), L(1, 1), L(0), 1, 1)        \
    ROW("valid3", L(2, 3, 11, 13), L(5, 3, 3, 3), L(2, 5, 9, 11), L(11, 13), L(3, 3), L(1, 1), L(1, 1), L(0), 1, 1)         \
    ROW("five", L(2, 3, 17, 19), L(9, 3, 5, 5), L(2, 9, 17, 19), L(17, 19), L(5, 5), L(1, 1), L(1, 1), L(2, 2, 2, 2), 1, 2) \
    ROW("stem", L(1, 3, 23, 21), L(10, 3, 7, 7), L(1, 10, 12, 11), L(23, 21), L(7, 7), L(2, 2), L(1, 1), L(3, 3, 3, 3), 1,  \
        1)                                                                                                                  \
    ROW("stride2", L(3, 5, 9, 9), L(7, 5, 3, 3), L(3, 7, 5, 5), L(9, 9), L(3, 3), L(2, 2), L(1, 1), L(1, 1, 1, 1), 1, 2)    \
    ROW("stride2_even", L(2, 4, 8, 8), L(8, 4, 3, 3), L(2, 8, 4, 4), L(8, 8), L(3, 3), L(2, 2), L(1, 1), L(1, 1, 1, 1), 1,  \
        2)                                                                                                                  \
    ROW("stride2_1x1", L(2, 6, 7, 9), L(10, 6, 1, 1), L(2, 10, 4, 5), L(7, 9), L(1, 1), L(2, 2), L(1, 1), L(0), 1, 1)       \
    ROW("stride32", L(2, 2, 11, 12), L(3, 2, 2, 3), L(2, 3, 4, 5), L(11, 12), L(2, 3), L(3, 2), L(1, 1), L(0), 1, 1)        \
    ROW("stride_far", L(1, 3, 8, 8), L(4, 3, 3, 3), L(1, 4, 1, 1), L(8, 8), L(3, 3), L(65536, 65536), L(1, 1), L(0), 1, 1)  \
    ROW("dilated", L(2, 3, 13, 12), L(4, 3, 3, 3), L(2, 4, 13, 10), L(13, 12), L(3, 3), L(1, 1), L(2, 3), L(2, 2, 2, 2), 1, \
        1)                                                                                                                  \
    ROW("lopsided", L(2, 3, 6, 7), L(4, 3, 3, 2), L(2, 4, 5, 9), L(6, 7), L(3, 2), L(1, 1), L(1, 1), L(1, 0, 0, 3), 1, 1)   \
    ROW("tall", L(2, 3, 9, 1), L(6, 3, 3, 1), L(2, 6, 7, 1), L(9, 1), L(3, 1), L(1, 1), L(1, 1), L(0), 1, 2)                \
    ROW("wide", L(1, 2, 1, 67), L(5, 2, 1, 3), L(1, 5, 1, 67), L(1, 67), L(1, 3), L(1, 1), L(1, 1), L(0, 1, 0, 1), 1, 1)    \
    ROW("whole", L(3, 4, 5, 5), L(9, 4, 5, 5), L(3, 9, 1, 1), L(5, 5), L(5, 5), L(1, 1), L(1, 1), L(0), 1, 3)               \
    ROW("groups", L(2, 6, 7, 8), L(10, 3, 3, 3), L(2, 10, 7, 8), L(7, 8), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 2, 2)   \
    ROW("groups_stride", L(2, 6, 7, 8), L(9, 2, 3, 3), L(2, 9, 4, 4), L(7, 8), L(3, 3), L(2, 2), L(1, 1), L(1, 1, 1, 1), 3, \
        1)                                                                                                                  \
    ROW("depthwise", L(2, 11, 9, 8), L(11, 1, 3, 3), L(2, 11, 9, 8), L(9, 8), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 11, \
        2)                                                                                                                  \
    ROW("depthwise2", L(1, 5, 9, 8), L(10, 1, 3, 3), L(1, 10, 5, 4), L(9, 8), L(3, 3), L(2, 2), L(1, 1), L(1, 1, 1, 1), 5,  \
        1)                                                                                                                  \
    ROW("tiny", L(1, 6, 2, 2), L(4, 3, 3, 3), L(1, 4, 2, 2), L(2, 2), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 2, 1)       \
    ROW("thirty", L(1, 4, 4, 30), L(17, 4, 3, 3), L(1, 17, 4, 30), L(4, 30), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 1,   \
        1)                                                                                                                  \
    ROW("sixty_two", L(1, 4, 2, 62), L(3, 4, 3, 3), L(1, 3, 2, 62), L(2, 62), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 1,  \
        1)                                                                                                                  \
    ROW("many", L(5, 17, 10, 11), L(33, 17, 3, 3), L(5, 33, 10, 11), L(10, 11), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1),   \
        1, 3)

/* one input channel in a group: whole and odd rows, strides, several output channels */
#define DEPTHWISE_CASES                                                                                                     \
    ROW("depthwise_12", L(3, 4, 11, 12), L(4, 1, 3, 3), L(3, 4, 11, 12), L(11, 12), L(3, 3), L(1, 1), L(1, 1),              \
        L(1, 1, 1, 1), 4, 2)                                                                                                \
    ROW("depthwise_14", L(2, 3, 14, 14), L(3, 1, 3, 3), L(2, 3, 14, 14), L(14, 14), L(3, 3), L(1, 1), L(1, 1),              \
        L(1, 1, 1, 1), 3, 1)                                                                                                \
    ROW("depthwise_7", L(5, 4, 7, 7), L(4, 1, 3, 3), L(5, 4, 7, 7), L(7, 7), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 4,   \
        3)                                                                                                                  \
    ROW("depthwise_odd", L(3, 3, 5, 17), L(3, 1, 3, 3), L(3, 3, 5, 17), L(5, 17), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), \
        3, 2)                                                                                                               \
    ROW("depthwise_stride", L(2, 4, 20, 24), L(4, 1, 3, 3), L(2, 4, 10, 12), L(20, 24), L(3, 3), L(2, 2), L(1, 1),          \
        L(1, 1, 1, 1), 4, 2)                                                                                                \
    ROW("depthwise_stride_14", L(2, 2, 14, 14), L(2, 1, 3, 3), L(2, 2, 7, 7), L(14, 14), L(3, 3), L(2, 2), L(1, 1),         \
        L(1, 1, 1, 1), 2, 1)                                                                                                \
    ROW("depthwise_stride_odd", L(3, 3, 9, 15), L(3, 1, 3, 3), L(3, 3, 5, 8), L(9, 15), L(3, 3), L(2, 2), L(1, 1),          \
        L(1, 1, 1, 1), 3, 3)                                                                                                \
    ROW("depthwise_stride32", L(2, 2, 19, 21), L(2, 1, 3, 5), L(2, 2, 7, 10), L(19, 21), L(3, 5), L(3, 2), L(1, 1),         \
        L(2, 0, 1, 3), 2, 1)                                                                                                \
    ROW("depthwise_stride4", L(1, 3, 17, 18), L(3, 1, 2, 3), L(1, 3, 5, 4), L(17, 18), L(2, 3), L(4, 5), L(1, 1),           \
        L(0, 1, 1, 1), 3, 1)                                                                                                \
    ROW("depthwise_dilated", L(2, 4, 13, 16), L(4, 1, 3, 3), L(2, 4, 13, 16), L(13, 16), L(3, 3), L(1, 1), L(3, 2),         \
        L(3, 2, 3, 2), 4, 2)                                                                                                \
    ROW("depthwise_dilated_stride", L(2, 3, 15, 13), L(3, 1, 3, 3), L(2, 3, 8, 6), L(15, 13), L(3, 3), L(2, 2), L(2, 3),    \
        L(2, 1, 2, 4), 3, 1)                                                                                                \
    ROW("depthwise_seven", L(1, 2, 10, 13), L(2, 1, 7, 7), L(1, 2, 10, 13), L(10, 13), L(7, 7), L(1, 1), L(1, 1),           \
        L(3, 3, 3, 3), 2, 1)                                                                                                \
    ROW("depthwise_five", L(2, 4, 9, 16), L(8, 1, 5, 5), L(2, 8, 5, 8), L(9, 16), L(5, 5), L(2, 2), L(1, 1), L(2, 2, 2, 2), \
        4, 2)                                                                                                               \
    ROW("depthwise_three", L(2, 2, 8, 12), L(6, 1, 3, 3), L(2, 6, 8, 12), L(8, 12), L(3, 3), L(1, 1), L(1, 1),              \
        L(1, 1, 1, 1), 2, 2)                                                                                                \
    ROW("depthwise_valid", L(2, 3, 12, 14), L(3, 1, 3, 4), L(2, 3, 10, 11), L(12, 14), L(3, 4), L(1, 1), L(1, 1), L(0), 3,  \
        2)                                                                                                                  \
    ROW("depthwise_wider", L(1, 2, 4, 5), L(2, 1, 2, 2), L(1, 2, 8, 15), L(4, 5), L(2, 2), L(1, 1), L(1, 1), L(3, 5, 2, 6), \
        2, 1)                                                                                                               \
    ROW("depthwise_tall", L(2, 4, 37, 1), L(4, 1, 3, 1), L(2, 4, 37, 1), L(37, 1), L(3, 1), L(1, 1), L(1, 1),               \
        L(1, 0, 1, 0), 4, 1)                                                                                                \
    ROW("depthwise_1x1", L(2, 5, 6, 7), L(5, 1, 1, 1), L(2, 5, 3, 4), L(6, 7), L(1, 1), L(2, 2), L(1, 1), L(0), 5, 2)       \
    ROW("depthwise_long", L(6, 3, 30, 34), L(3, 1, 3, 3), L(6, 3, 30, 34), L(30, 34), L(3, 3), L(1, 1), L(1, 1),            \
        L(1, 1, 1, 1), 3, 2)

/* HALF_ROW: the same with f16 where the operator meets it: pictures and weights, and no gradients */
#define HALF_CASES                                                                                                          \
    HALF_ROW("f16_pointwise", L(2, 7, 5, 7), L(13, 7, 1, 1), L(2, 13, 5, 7), L(5, 7), L(1, 1), L(1, 1), L(1, 1), L(0), 1,   \
             2)                                                                                                             \
    HALF_ROW("f16_same3_14", L(2, 16, 14, 14), L(32, 16, 3, 3), L(2, 32, 14, 14), L(14, 14), L(3, 3), L(1, 1), L(1, 1),     \
             L(1, 1, 1, 1), 1, 2)                                                                                           \
    HALF_ROW("f16_stride2", L(3, 5, 9, 9), L(7, 5, 3, 3), L(3, 7, 5, 5), L(9, 9), L(3, 3), L(2, 2), L(1, 1), L(1, 1, 1, 1), \
             1, 2)                                                                                                          \
    HALF_ROW("f16_depthwise", L(2, 11, 9, 8), L(11, 1, 3, 3), L(2, 11, 9, 8), L(9, 8), L(3, 3), L(1, 1), L(1, 1),           \
             L(1, 1, 1, 1), 11, 2)                                                                                          \
    HALF_ROW("f16_depthwise_odd", L(3, 3, 5, 17), L(3, 1, 3, 3), L(3, 3, 5, 17), L(5, 17), L(3, 3), L(1, 1), L(1, 1),       \
             L(1, 1, 1, 1), 3, 2)                                                                                           \
    HALF_ROW("f16_depthwise_stride", L(2, 4, 20, 24), L(4, 1, 3, 3), L(2, 4, 10, 12), L(20, 24), L(3, 3), L(2, 2), L(1, 1), \
             L(1, 1, 1, 1), 4, 2)                                                                                           \
    HALF_ROW("f16_depthwise_five", L(2, 4, 9, 16), L(8, 1, 5, 5), L(2, 8, 5, 8), L(9, 16), L(5, 5), L(2, 2), L(1, 1),       \
             L(2, 2, 2, 2), 4, 2)
#define HALF(...)                                                                                                           \
    {                                                                                                                       \
        TUFF_F16,                                                                                                           \
        {                                                                                                                   \
            4, { __VA_ARGS__ }                                                                                              \
        }                                                                                                                   \
    }

#define ROW(label, x, w, y, hw, khw, s, d, p, g, splits)                                                                    \
    {label, {T(x), T(w)}, 2, {TUFF_DOMAIN_NORMAL}, 0, &(struct tuff_conv){{s}, {d}, {p}, g}},
#define HALF_ROW(label, x, w, y, hw, khw, s, d, p, g, splits)                                                               \
    {label, {HALF(x), HALF(w)}, 2, {TUFF_DOMAIN_NORMAL}, 0, &(struct tuff_conv){{s}, {d}, {p}, g}},
static const struct tuff_case conv_cases[] = {CASES DEPTHWISE_CASES HALF_CASES};
#undef ROW
#undef HALF_ROW
#define ROW(label, x, w, y, hw, khw, s, d, p, g, splits)                                                                    \
    {label, {T(y), T(w)}, 2, {TUFF_DOMAIN_NORMAL}, 0, &(struct tuff_conv_input_grad){{{s}, {d}, {p}, g}, {hw}}},
#define HALF_ROW(label, x, w, y, hw, khw, s, d, p, g, splits)                                                               \
    {label, {T(y), HALF(w)}, 2, {TUFF_DOMAIN_NORMAL}, 0, &(struct tuff_conv_input_grad){{{s}, {d}, {p}, g}, {hw}}},
static const struct tuff_case input_grad_cases[] = {CASES DEPTHWISE_CASES HALF_CASES};
#undef ROW
#undef HALF_ROW
#define ROW(label, x, w, y, hw, khw, s, d, p, g, splits)                                                                    \
    {label, {T(x), T(y)}, 2, {TUFF_DOMAIN_NORMAL}, 0, &(struct tuff_conv_weight_grad){{{s}, {d}, {p}, g}, {khw}, splits}},
#define HALF_ROW(label, x, w, y, hw, khw, s, d, p, g, splits)                                                               \
    {label, {HALF(x), T(y)}, 2, {TUFF_DOMAIN_NORMAL}, 0, &(struct tuff_conv_weight_grad){{{s}, {d}, {p}, g}, {khw}, splits}},
static const struct tuff_case weight_grad_cases[] = {CASES DEPTHWISE_CASES HALF_CASES};
#undef ROW
#undef HALF_ROW

#endif
