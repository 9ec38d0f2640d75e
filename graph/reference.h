/* reference.h - evaluation of a graph in double precision. Private; for tests and constant folding. */
#ifndef TUFF_REFERENCE_H
#define TUFF_REFERENCE_H

#include "graph/op.h"

/* g->count pointers, all NULL (NULL: no memory); data[v], doubles by tuff_alloc, may be set for leaves and what the caller dictates. */
double **tuff_reference_create(const struct tuff_graph *g);
/* The operator's reference; i32 that it computes wraps, as on devices. */
void tuff_reference_apply(const struct tuff_ref *ref);
/* Fills data of every value that has none yet; leaves without data are zeros. Errors: MEMORY. */
TUFF_MUST_CHECK tuff_status tuff_reference_run(const struct tuff_graph *g, double **data);
/* Fills data[v] alone: its operands have theirs, or are leaves whose zeros nobody needs. Errors: MEMORY. */
TUFF_MUST_CHECK tuff_status tuff_reference_value(const struct tuff_graph *g, tuff_val v, double **data);
void tuff_reference_destroy(const struct tuff_graph *g, double **data);

#endif
