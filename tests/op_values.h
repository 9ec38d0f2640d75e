/* op_values.h - graphs whose results are written out: built from given contents, run on the device and by the double reference, and compared
 * element by element, NaN, infinities and the sign of zeros among them. */
#ifndef OP_VALUES_H
#define OP_VALUES_H

#include "tests/backend_help.h"
#include "tests/op_help.h"

enum { OP_VALUES_MOST = 160 };
enum {
    OP_OWNED = 1, /* the wanted values are to be freed */
    OP_SIGNS = 2, /* zeros have their signs */
    OP_ZEROS = 4, /* what is 0 is 0: else 0 may be what is below FLT_MIN */
    OP_EXACT = 8  /* no ulp off, in f32 */
};

struct op_values {
    struct backend_test test;
    struct op_random random;
    const char *way; /* how the graph is compiled, for messages */
    struct tuff_graph *g;
    double *data[2048]; /* of inputs, by value */
    struct op_value {
        tuff_val v;
        const char *name;
        const double *wanted;      /* NULL: the caller looks at it itself */
        double relative, absolute; /* the greater of both bounds counts */
        int flags;
    } values[OP_VALUES_MOST];
    uint32_t count;
};

/* A new graph, without inputs and results. */
void op_values_begin(struct op_values *t);
/* An input of the graph, and its content (copied). */
tuff_val op_values_input(struct op_values *t, enum tuff_dtype dtype, struct tuff_shape shape, const double *content);
void op_values_expect(struct op_values *t, struct op_value value);
/* Runs the graph both ways into device[i] and definition[i] (free with tuff_free) for each expected value; false after a message. */
bool op_values_run(struct op_values *t, double **device, double **definition);
/* Runs and compares, then destroys the graph. */
void op_values_finish(struct op_values *t);
/* Calls test once for each way to build a graph: fused, with kernels of GPUs, without passes, without a compiler. */
void op_values_ways(struct op_values *t, void (*test)(struct op_values *t));

#endif
