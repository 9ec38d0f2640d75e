/* losses.h - losses as functions of a graph. Public, part of graph.h. */
#ifndef TUFF_LOSSES_H
#define TUFF_LOSSES_H

#include "graph/operators.h"

#ifdef __cplusplus
extern "C" {
#endif

enum tuff_reduction { TUFF_REDUCE_MEAN = 0, TUFF_REDUCE_SUM, TUFF_REDUCE_NONE };
struct tuff_cross_entropy_params {
    enum tuff_reduction reduction;
    bool use_ignore_index;
    int32_t ignore_index;   /* labels of this value count nothing */
    double label_smoothing; /* in [0, 1): mixes the one-hot target with the uniform one (Szegedy et al. 2016) */
    tuff_val weight;        /* [c] weights of the classes, or 0 */
};
/* logits [n, c, ...], labels i32 [n, ...]. As PyTorch's cross_entropy: mean divides by the sum of the used weights. A label
 * outside of 0 .. c-1 names no class: the host cannot write it (tuff_executable_write); where a device computes or gathers it, its loss is
 * that of the smoothing alone, and without weights it counts for the mean. Logits of -inf mask
 * classes: what is not the label's costs nothing. What is ignored has loss and gradient 0 whatever its logits. Errors: SHAPE (labels of another
 * type or shape, weights that are not [c]), USAGE (a smoothing outside of [0, 1), a reduction that is none). */
TUFF_API tuff_val tuff_cross_entropy(struct tuff_graph *g, tuff_val logits, tuff_val labels,
                                     struct tuff_cross_entropy_params params);
/* Losses of each element of x and its target, f32 or f16, of exactly the same shape: nothing is broadcast, as [n, 1] with [n] would be to all
 * n * n pairs. Errors: SHAPE, USAGE. Source: PyTorch's losses of these names. */
TUFF_API tuff_val tuff_mse_loss(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction);
TUFF_API tuff_val tuff_l1_loss(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction);
TUFF_API tuff_val tuff_smooth_l1_loss(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction);
TUFF_API tuff_val tuff_bce_with_logits(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction);

#ifdef __cplusplus
}
#endif
#endif
