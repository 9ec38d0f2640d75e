/* compose.h - what compositions of operators share (layers.c, losses.c and their neighbours): looking at operands, softmax's shift. Private. */
#ifndef TUFF_COMPOSE_H
#define TUFF_COMPOSE_H

#include "graph/op.h"
#include "graph/places.h"

/* [c] as [1, c, 1, ..] for a value of this rank */
tuff_val tuff_as_channels(struct tuff_graph *g, tuff_val v, uint32_t rank);
/* All are floats; the first is there, and of the others those that are not 0. */
bool tuff_takes_floats(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count);
/* Of floats as above, where those behind the first have the shape of x's axes [first, first + rank), which the sentence calls `axes`. */
bool tuff_takes_scales(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count, uint32_t first,
                       uint32_t rank, const char *axes);
/* x minus the (constant) largest element, and its axis as a mask; 0 on failure */
tuff_val tuff_shifted(struct tuff_graph *g, const char *what, tuff_val x, int axis, uint32_t *axes);
/* tuff_attention, whose weights [b, h, t, s] go to *weights: as they are after dropout, 0 on failure. */
tuff_val tuff_attention_weighted(struct tuff_graph *g, tuff_val q, tuff_val k, tuff_val v,
                                 struct tuff_attention_params params, tuff_val *weights);

#endif
