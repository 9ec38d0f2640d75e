/* onnx_ops.h - what the files of ONNX operators share. Private to loaders/. */
#ifndef TUFF_LOADERS_ONNX_OPS_H
#define TUFF_LOADERS_ONNX_OPS_H

#include "graph/dtype.h"
#include "loaders/onnx.h"

/* g is that of o. */
#define BUILD(function) bool tuff_onnx_build_##function(struct tuff_onnx_op *o, __attribute__((unused)) struct tuff_graph *g)
#define OP_IS(name) tuff_span_is(o->node->op, name)
#define SCALAR ((struct tuff_shape){0})

BUILD(one);
BUILD(two);
#define TUFF_ONNX(domain, name, since, flags, function) BUILD(function);
#include "loaders/onnx_ops.def"

static inline bool tuff_on_is_whole(const struct tuff_onnx_op *o, uint32_t i)
{
    return !tuff_is_float(tuff_onnx_type_row(o->in[i].type)->dtype);
}
/* Operand i: floats as f32, whole numbers and truth values as i32. */
static inline tuff_val tuff_on_wide(const struct tuff_onnx_op *o, uint32_t i)
{
    return tuff_on_is_whole(o, i) ? tuff_on_i32(o, i) : tuff_on_f32(o, i);
}
/* A shape of these sizes, which may be 0; has refused what is none. */
struct tuff_shape tuff_on_shape(const struct tuff_onnx_op *o, const int64_t *list, uint32_t count);
/* Of i32 values: v + n, v n, and v with n added where it is negative (counted from the end). */
tuff_val tuff_on_plus(struct tuff_graph *g, tuff_val v, double n);
tuff_val tuff_on_times(struct tuff_graph *g, tuff_val v, double n);
tuff_val tuff_on_from_end(struct tuff_graph *g, tuff_val v, double n);
/* Along each axis the size[k] elements from begin[k] on, which may lie outside of x, where they are `value`. */
tuff_val tuff_on_window(struct tuff_graph *g, tuff_val x, const int64_t *begin, const uint32_t *size, double value);
/* One number of a type, to be broadcast. */
static inline tuff_val tuff_on_one(struct tuff_graph *g, enum tuff_dtype dtype, double v)
{
    return tuff_full(g, dtype, SCALAR, v);
}
/* A convolution of x and weights (operand 1 or 3 says their size) with the node's attributes. zero: 0, or what lies around x, an i32; then x is i8. */
tuff_val tuff_on_convolve(const struct tuff_onnx_op *o, tuff_val x, tuff_val weight, tuff_val zero);
/* Products of matrices, of floats or of i32. */
tuff_val tuff_on_matmul(struct tuff_graph *g, tuff_val a, tuff_val b);

#endif
