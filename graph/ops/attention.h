/* attention.h - what the definitions of attention and their kernels (attention_lower.c) have in common. Private. */
#ifndef TUFF_OPS_ATTENTION_H
#define TUFF_OPS_ATTENTION_H

#include "graph/op.h"

struct tuff_attention_attrs {
    double scale;
    int32_t causal;
    int32_t unused; /* no padding */
};

/* Operands; behind them a mask of floats, a count of i32, or both, or none. Gradients have all of these. */
enum { TUFF_ATTENTION_Q, TUFF_ATTENTION_K, TUFF_ATTENTION_V, TUFF_ATTENTION_GY, TUFF_ATTENTION_LSE, TUFF_ATTENTION_DOT };
struct tuff_attention_sizes {
    uint32_t b, h, hk, t, s, d, e, group; /* heads of queries for each of keys */
};
struct tuff_attention_extras {
    uint32_t mask, count; /* numbers of operands; 0: there is none */
};
struct tuff_attention_sizes tuff_attention_sizes(const struct tuff_shape *q, const struct tuff_shape *k,
                                                 const struct tuff_shape *v);

/* What a launch computes. */
enum tuff_attention_pass { TUFF_ATTENTION_FORWARD, TUFF_ATTENTION_QUERIES, TUFF_ATTENTION_KEYS };
/* UNSUPPORTED where no row of families.def fits. */
tuff_status tuff_attention_lower(const struct tuff_lower *lower, enum tuff_attention_pass pass,
                                 const struct tuff_attention_extras *extras, struct tuff_kernel_call *call);
/* The row of families.def for heads of this width; backward: of gradients. NULL: none. */
const struct tuff_family_row *tuff_attention_row(const struct tuff_caps *caps, uint32_t width);
const struct tuff_family_row *tuff_attention_grad_row(const struct tuff_caps *caps, uint32_t width);

#endif
