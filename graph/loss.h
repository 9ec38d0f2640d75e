/* loss.h - what files of losses share (losses*.c): looking at operands, reductions. Private. */
#ifndef TUFF_LOSS_H
#define TUFF_LOSS_H

#include "graph/compose.h"

bool tuff_loss_reduction(struct tuff_graph *g, const char *what, enum tuff_reduction reduction);
/* in[count] are floats of one shape: broadcasting them would count pairs that nobody means. */
bool tuff_loss_takes(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count,
                     enum tuff_reduction reduction);
tuff_val tuff_loss_reduce(struct tuff_graph *g, tuff_val loss, enum tuff_reduction reduction);
/* A weight of x's shape or of its first axes, as one that broadcasts with x; 0 and a sentence where it is another. */
tuff_val tuff_loss_weight(struct tuff_graph *g, const char *what, tuff_val x, tuff_val weight);
/* v where it is above least, else least with gradient 0. */
tuff_val tuff_loss_at_least(struct tuff_graph *g, tuff_val v, double least);

#endif
