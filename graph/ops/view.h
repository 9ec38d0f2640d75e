/* view.h - attributes of views, for their builders, gradients and the GLSL writer. Private. */
#ifndef TUFF_OPS_VIEW_H
#define TUFF_OPS_VIEW_H

#include "graph/op.h"

struct tuff_permute_attrs {
    struct tuff_list order; /* of the operand's axes */
};
struct tuff_slice_attrs {
    uint32_t start[TUFF_MAX_RANK];
    int32_t step[TUFF_MAX_RANK];
    uint32_t size[TUFF_MAX_RANK];
};
/* y of dimension before + (n - 1) * (interior + 1) + 1 + after; `value` where no x lies */
struct tuff_pad_attrs {
    uint32_t before[TUFF_MAX_RANK], after[TUFF_MAX_RANK], interior[TUFF_MAX_RANK];
    double value;
};
struct tuff_axis_attrs {
    int32_t axis;
};
/* sum, reduce_max, reduce_min, argmax, argmin */
struct tuff_reduce_attrs {
    uint32_t axes; /* bit i for axis i */
    int32_t keep;  /* enum tuff_keep */
};
/* Row-major strides in elements. */
void tuff_strides(const struct tuff_shape *shape, uint64_t *strides);

/* Swaps the last two axes alone. */
bool tuff_is_transpose(const struct tuff_graph *g, tuff_val v);

#endif
