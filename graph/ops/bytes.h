/* bytes.h - products of 8-bit whole numbers on devices without integer dot products. Private. */
#ifndef TUFF_OPS_BYTES_H
#define TUFF_OPS_BYTES_H

#include "graph/op.h"

/* Does the device multiply four pairs of i8 by one instruction? */
bool tuff_dots(const struct tuff_caps *caps);

/* Products of which f32 holds every sum: of two i8, and where one is the difference of two. */
enum { TUFF_BYTE_TERMS = (1 << 24) / (128 * 128), TUFF_BYTE_DIFFERENCES = (1 << 24) / (255 * 128) };

/* Where sums are taken: so many groups of `length` places of an axis of each operand, `taps` products for each place; zero: 0, or an i32 that is taken off
 * the elements of operand 0. */
struct tuff_byte_sums {
    uint32_t axis[2], groups[2], length, taps;
    tuff_val zero;
};
/* The value of matmul or conv2d of i8 by floats: sums over as many places as f32 holds exactly, as i32, added up. */
tuff_val tuff_byte_product(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in,
                           const struct tuff_byte_sums *sums);

#endif
