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
/* sum, prod, reduce_max, reduce_min, argmax, argmin */
struct tuff_reduce_attrs {
    uint32_t axes; /* bit i for axis i */
    int32_t keep;  /* enum tuff_keep */
};
extern const struct tuff_attr tuff_axis_attr[1];
/* An operator with an axis -rank..rank-1 of its first operand; sticky TUFF_ERR_SHAPE when outside. */
tuff_val tuff_add_along(struct tuff_graph *g, const struct tuff_op *op, const tuff_val *in, uint32_t count, int axis);
/* What operators do whose result is operand 0. */
tuff_status tuff_same_infer(const struct tuff_infer *infer, struct tuff_shape *out);
void tuff_same_ref(const struct tuff_ref *ref);

/* Row-major strides in elements; the products of the sizes before an axis and behind it. */
void tuff_strides(const struct tuff_shape *shape, uint64_t *strides);
void tuff_around_axis(const struct tuff_shape *shape, int axis, uint64_t *outer, uint64_t *inner);
/* `size` elements of x along one axis, from `start` on, `step` apart. */
tuff_val tuff_slice_axis(struct tuff_graph *g, tuff_val x, uint32_t axis, uint32_t start, int32_t step, uint32_t size);
/* What lies at one place of an axis, without the axis. */
tuff_val tuff_take_axis(struct tuff_graph *g, tuff_val x, uint32_t axis, uint32_t at);

/* Swaps the last two axes alone. */
bool tuff_is_transpose(const struct tuff_graph *g, tuff_val v);

#endif
