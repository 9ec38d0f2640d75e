/* random_graph.h - random graphs: shapes that are odd, prime, powers of two and their neighbours; values with several readers,
 * several outputs, an assigned state, a gradient. */
#ifndef RANDOM_GRAPH_H
#define RANDOM_GRAPH_H

#include "tests/op_help.h"

enum { RANDOM_GRAPH_VALUES = 64, RANDOM_GRAPH_OUTPUTS = 16 };

struct random_graph {
    struct tuff_graph *g;
    struct op_random *r;
    tuff_val pool[RANDOM_GRAPH_VALUES]; /* f32 values to go on from */
    uint32_t pool_count, names;
    tuff_val params[16];
    uint32_t param_count;
    tuff_val outputs[RANDOM_GRAPH_OUTPUTS];
    uint32_t output_count;
};

/* Adds values to x->g (created by the caller) and fills the lists; x->r must be set, all else zero. */
void random_graph_build(struct random_graph *x);
void random_graph_output(struct random_graph *x, tuff_val v);
/* Contents of inputs, parameters and states. False when memory is exhausted. */
bool random_graph_fill(struct random_graph *x, double **data);

#endif
