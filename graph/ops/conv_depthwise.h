/* conv_depthwise.h - convolutions with one input channel in a group, which share no products between channels: how they and
 * their gradients become launches of conv_depthwise.comp and conv_depthwise_weight.comp. Private. */
#ifndef TUFF_OPS_CONV_DEPTHWISE_H
#define TUFF_OPS_CONV_DEPTHWISE_H

#include "graph/op.h"

/* x [n, groups, h, w], w [groups * co, 1, kh, kw], y [n, groups * co, oh, ow] */
struct tuff_depthwise {
    uint32_t n, groups, co, h, w, oh, ow, kh, kw, sh, sw, dh, dw, top, left;
};

/* Each is false, and the call untouched, where its kernel would be too large or has no path.
 * Of x and w, or with `grad` the gradient by x of gy and w. */
bool tuff_depthwise_lower(const struct tuff_lower *lower, const struct tuff_depthwise *d, bool grad,
                          struct tuff_kernel_call *call);
/* The gradient by w of x and gy, summed over so many pictures in a split. */
bool tuff_depthwise_weight_lower(const struct tuff_lower *lower, const struct tuff_depthwise *d, uint32_t splits,
                                 uint32_t split_pictures, struct tuff_kernel_call *call);

/* Splits of the gradient by w, the same for every device: about 256 workgroups, each with a sum of 512 terms or more. */
uint32_t tuff_depthwise_splits(uint64_t channels, uint64_t pictures, uint64_t pixels);

#endif
