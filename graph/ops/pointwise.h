/* pointwise.h - the pointwise rows for the rest of graph/. Private. */
#ifndef TUFF_OPS_POINTWISE_H
#define TUFF_OPS_POINTWISE_H

#include "graph/op.h"

struct tuff_pw_attrs {
    double p0, p1;
};

/* Of operators of the app's own; begins as the above. */
struct tuff_own_attrs {
    double p0, p1;
    const char *row, *y, *da, *db; /* db NULL: of one operand */
};
enum { TUFF_OWN_ATTRS = 6 };
extern const struct tuff_attr tuff_own_attr[TUFF_OWN_ATTRS];

/* A row of pointwise.def, or one that the app has declared by tuff_pointwise. */
struct tuff_pw_row {
    const char *name;
    const char *text[3];                                                 /* y, da, db as GLSL */
    double (*fn[3])(double a, double b, double y, double p0, double p1); /* NULL in the app's own */
    int64_t (*whole)(int64_t a, int64_t b); /* y of i32, before it wraps: no result of two leaves 64 bits */
    const struct tuff_op *op[3];
    uint8_t operands;
};

/* Row operators and their derivatives. */
#define TUFF_PW1(name, onnx, y, da, edges) extern const struct tuff_op tuff_op_##name, tuff_op_##name##_da;
#define TUFF_PW2(name, onnx, y, da, db, edges)                                                                              \
    extern const struct tuff_op tuff_op_##name, tuff_op_##name##_da, tuff_op_##name##_db;
#define TUFF_PW2B(name, onnx, y, edges) extern const struct tuff_op tuff_op_##name;
#include "graph/ops/pointwise.def"

/* What tuff_op_integers, tuff_op_ignores_nan and tuff_op_edges tell of a row. */
enum tuff_integer_rule tuff_pw_integers(const struct tuff_op *op);
uint8_t tuff_pw_ignores_nan(const struct tuff_op *op);
const char *tuff_pw_edges(const struct tuff_op *op);
/* True when the row text uses the variable of this name: a, b, y, p0, p1. */
bool tuff_pw_names(const char *text, const char *name);
/* The app's own row of these texts, an old one where it has one; NULL after a sticky failure: a wrong text (TUFF_ERR_USAGE), memory. */
const struct tuff_pw_row *tuff_pw_own(struct tuff_graph *g, const struct tuff_pointwise_params *params, bool two);
/* Expands the operands to their common shape and makes whole numbers meet floats as floats. */
tuff_val tuff_pw_add(struct tuff_graph *g, const struct tuff_op *op, tuff_val a, tuff_val b, const void *attrs);
/* Common shape of operands by NumPy's rule; false after a sticky failure. */
bool tuff_broadcast_shape(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count,
                          struct tuff_shape *out);

#endif
