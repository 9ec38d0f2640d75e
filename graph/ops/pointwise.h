/* pointwise.h - the pointwise rows for the rest of graph/. Private. */
#ifndef TUFF_OPS_POINTWISE_H
#define TUFF_OPS_POINTWISE_H

#include "graph/op.h"

struct tuff_pw_attrs {
    double p0, p1;
};

/* Row operators and their derivatives. */
#define TUFF_PW1(name, onnx, y, da) extern const struct tuff_op tuff_op_##name, tuff_op_##name##_da;
#define TUFF_PW1P(name, onnx, y, da) extern const struct tuff_op tuff_op_##name, tuff_op_##name##_da;
#define TUFF_PW2(name, onnx, y, da, db) extern const struct tuff_op tuff_op_##name, tuff_op_##name##_da, tuff_op_##name##_db;
#define TUFF_PW2B(name, onnx, y) extern const struct tuff_op tuff_op_##name;
#include "graph/ops/pointwise.def"

/* True when the row text uses the variable of this name: a, b, y, p0, p1. */
bool tuff_pw_names(const char *text, const char *name);
/* The number by which the plain_*.comp know a row operator: three times its place in pointwise.def, + 1 and 2 for derivatives
 * by a and b, which *derivative tells. */
uint32_t tuff_pw_number(const struct tuff_op *op, bool *derivative);
/* Common shape of two operands by NumPy's rule; false after a sticky TUFF_ERR_SHAPE. */
bool tuff_broadcast_shape(struct tuff_graph *g, const char *what, const struct tuff_shape *a, const struct tuff_shape *b,
                          struct tuff_shape *out);

#endif
