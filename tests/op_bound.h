/* op_bound.h - how far a device's values may lie from the double reference, for every element of a graph. */
#ifndef OP_BOUND_H
#define OP_BOUND_H

#include "graph/reference.h"

/* data: filled by tuff_reference_run. bound: a table like data, from tuff_reference_create; filled for every value, INFINITY
 * where an element lies within its bound of a branch or overflows. False when memory is exhausted or an operator is unknown. */
bool op_bound_run(const struct tuff_graph *g, double *const *data, double **bound);

#endif
