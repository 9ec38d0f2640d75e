/* conv2d.h - what the files of the convolution share: its attributes in each direction, and its sizes. Private.
 *   conv2d.c        operators, builders, gradients        conv2d_lower.c  which kernel, and what it is given
 *   conv2d_sizes.c  sizes of the three directions         conv2d_ref.c    definitions */
#ifndef TUFF_OPS_CONV2D_H
#define TUFF_OPS_CONV2D_H

#include "graph/op.h"
#include "graph/ops/families.h"

enum { TUFF_CONV_ZERO = 2 }; /* operand of conv2d of i8: what stands for 0 in x, i32; may be left out */
struct tuff_conv {
    uint32_t stride[2], dilation[2], pad[4], groups; /* 0 stands for 1, but for pad */
};
struct tuff_conv_input_grad {
    struct tuff_conv conv;
    uint32_t size[2]; /* h, w of the convolution's input */
};
struct tuff_conv_weight_grad {
    struct tuff_conv conv;
    uint32_t kernel[2], splits;
};

/* All sizes of one convolution, whatever direction is computed. ci, co: channels of one group. */
struct tuff_conv_sizes {
    uint32_t n, groups, ci, co, h, w, oh, ow, kh, kw, sh, sw, dh, dw, top, left;
};

struct tuff_conv tuff_conv_defaults(const struct tuff_conv *given);
/* Fill s from the two shapes and attributes that a direction has. False where they do not fit. */
bool tuff_conv_measure(const struct tuff_conv *attrs, const struct tuff_shape *x, const struct tuff_shape *w,
                       struct tuff_conv_sizes *s);
bool tuff_conv_measure_input_grad(const struct tuff_conv_input_grad *attrs, const struct tuff_shape *gy,
                                  const struct tuff_shape *w, struct tuff_conv_sizes *s);
/* Of a convolution or its gradient by input. */
bool tuff_conv_measure_for(const struct tuff_value *value, const struct tuff_shape *a, const struct tuff_shape *w,
                           struct tuff_conv_sizes *s);
bool tuff_conv_measure_weight_grad(const struct tuff_conv_weight_grad *attrs, const struct tuff_shape *x,
                                   const struct tuff_shape *gy, struct tuff_conv_sizes *s);
uint32_t tuff_conv_split_pictures(const struct tuff_conv_weight_grad *attrs, uint32_t n); /* of n, in a split */
/* y [n, co, ..] of in[0] and in[1] with the bias in[2] [co], or 0: none. */
tuff_val tuff_conv_bias(struct tuff_graph *g, const char *what, tuff_val y, const tuff_val *in);

/* ---- one input channel in a group (conv_depthwise.c): no products are shared between channels ------------------------------------- */

/* x [n, groups, h, w], w [groups * co, 1, kh, kw], y [n, groups * co, oh, ow] */
struct tuff_depthwise {
    uint32_t n, groups, co, h, w, oh, ow, kh, kw, sh, sw, dh, dw, top, left;
};

/* False, and the call untouched, where its kernel has no path or is too large. Of x and w, or (grad) of gy and w that by x. */
bool tuff_depthwise_lower(const struct tuff_lower *lower, const struct tuff_depthwise *d, bool grad,
                          struct tuff_kernel_call *call);
/* The gradient by w of x and gy, summed over so many pictures in a split. */
bool tuff_depthwise_weight_lower(const struct tuff_lower *lower, const struct tuff_depthwise *d, uint32_t splits,
                                 uint32_t split_pictures, struct tuff_kernel_call *call);

/* Splits of the gradient by w, the same for every device: about 256 workgroups, each with a sum of 512 terms or more. */
uint32_t tuff_depthwise_splits(uint64_t channels, uint64_t pictures, uint64_t pixels);

/* ---- on GPUs, of any window (conv_tab.c) --------------------------------------------------------------------------------------------- */

enum tuff_conv_work { TUFF_CONV_FORWARD = 1, TUFF_CONV_INPUT = 2, TUFF_CONV_WEIGHT = 4, TUFF_CONV_BYTES = 8 };
/* Do these kernels serve the work (of bits of tuff_conv_work) on this device? Else the general ones of gemm.glsl do: software devices, and
 * others where the table's family is switched off. */
bool tuff_conv_by_table(const struct tuff_caps *caps, uint32_t work);
/* The row of families.def that serves a large one. */
const struct tuff_family_row *tuff_conv_row(const struct tuff_caps *caps, uint32_t work);
/* Of a convolution, or (grad) of its gradient by input; the gradient by weight, summed over so many pictures in a split. */
tuff_status tuff_conv_tab_lower(const struct tuff_lower *lower, const struct tuff_conv_sizes *s, bool grad,
                                struct tuff_kernel_call *call);
tuff_status tuff_conv_wtab_lower(const struct tuff_lower *lower, const struct tuff_conv_sizes *s, uint32_t splits,
                                 uint32_t split_pictures, struct tuff_kernel_call *call);

/* ---- of the descriptors ---------------------------------------------------------------------------------------------------- */

/* The first two of the convolution and of its gradient by input. */
tuff_status tuff_conv_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call);
tuff_status tuff_conv_weight_grad_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call);
tuff_val tuff_conv_expand(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in);
void tuff_conv_ref(const struct tuff_ref *ref);
void tuff_conv_weight_grad_ref(const struct tuff_ref *ref);
bool tuff_conv_columns(const struct tuff_value *value, const struct tuff_type *in_types, uint32_t axes[2]);
double tuff_conv_terms(const struct tuff_value *value, const struct tuff_type *in_types);
double tuff_conv_input_grad_terms(const struct tuff_value *value, const struct tuff_type *in_types);
double tuff_conv_input_grad_work(const struct tuff_value *value, const struct tuff_type *in_types);
double tuff_conv_weight_grad_terms(const struct tuff_value *value, const struct tuff_type *in_types);

#endif
