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
/* Likewise with a distribution over the classes, targets [n, c, ..], f32 or f16, in place of each label: mean divides by the number of
 * distributions, with weights too, as in PyTorch. Where a target is 0, a logit of -inf costs nothing. More errors: USAGE (use_ignore_index). */
TUFF_API tuff_val tuff_cross_entropy_soft(struct tuff_graph *g, tuff_val logits, tuff_val targets,
                                          struct tuff_cross_entropy_params params);
struct tuff_nll_loss_params {
    enum tuff_reduction reduction;
    bool use_ignore_index;
    int32_t ignore_index;
    tuff_val weight; /* [c], or 0 */
};
/* -weight[label] log_p[label] of logarithms of probabilities [n, c, ..], as tuff_log_softmax gives them; labels, reductions and errors are those of
 * tuff_cross_entropy. Source: PyTorch's nll_loss. */
TUFF_API tuff_val tuff_nll_loss(struct tuff_graph *g, tuff_val log_p, tuff_val labels, struct tuff_nll_loss_params params);
struct tuff_focal_loss_params {
    struct tuff_number gamma; /* left out: 2 */
    enum tuff_reduction reduction;
    bool use_ignore_index;
    int32_t ignore_index;
    tuff_val weight; /* [c] (the paper's alpha), or 0 */
};
/* (1 - p)^gamma times the cross entropy of each label, p being softmax's probability of its class; with gamma 0 it is tuff_cross_entropy, whose
 * labels, reductions and errors it has. USAGE also for a gamma below 0. Source: Lin et al. 2017. */
TUFF_API tuff_val tuff_focal_loss(struct tuff_graph *g, tuff_val logits, tuff_val labels,
                                  struct tuff_focal_loss_params params);

/* Losses of each element of x and its target, f32 or f16, of exactly the same shape: nothing is broadcast, as [n, 1] with [n] would be to all
 * n * n pairs. Gradients go to both. Errors: SHAPE, USAGE (numbers outside of their range). Source: PyTorch's losses of these names. */
TUFF_API tuff_val tuff_mse_loss(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction);
TUFF_API tuff_val tuff_l1_loss(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction);
struct tuff_smooth_l1_params {
    enum tuff_reduction reduction;
    struct tuff_number beta; /* left out: 1; of 0 it is l1_loss */
};
/* d^2 / (2 beta) where d = |x - target| is at most beta, else d - beta / 2. */
TUFF_API tuff_val tuff_smooth_l1_loss(struct tuff_graph *g, tuff_val x, tuff_val target,
                                      struct tuff_smooth_l1_params params);
struct tuff_huber_params {
    enum tuff_reduction reduction;
    double delta; /* 0 stands for 1 */
};
/* d^2 / 2 where d is at most delta, else delta (d - delta / 2). Source: Huber 1964. */
TUFF_API tuff_val tuff_huber_loss(struct tuff_graph *g, tuff_val x, tuff_val target, struct tuff_huber_params params);
struct tuff_bce_params {
    enum tuff_reduction reduction;
    tuff_val weight;     /* of x's shape or its first axes, [n]; or 0. Mean divides by the number of elements all the same */
    tuff_val pos_weight; /* of logits: factor of what the target counts, of x's last axis, [c]; or 0 */
};
/* -(t log p + (1 - t) log (1 - p)) of probabilities p in [0, 1], logarithms being at least -100 (with gradient 0 below). */
TUFF_API tuff_val tuff_bce_loss(struct tuff_graph *g, tuff_val p, tuff_val target, struct tuff_bce_params params);
/* The same of p = sigmoid(x): (1 - t) softplus(x) + pos_weight t softplus(-x). An infinite logit on the target's side costs 0. */
TUFF_API tuff_val tuff_bce_with_logits(struct tuff_graph *g, tuff_val x, tuff_val target, struct tuff_bce_params params);
struct tuff_sigmoid_focal_params {
    enum tuff_reduction reduction; /* 0 is the mean, as for all losses; torchvision's default is none */
    struct tuff_number alpha;      /* left out: 0.25; below 0: none */
    struct tuff_number gamma;      /* left out: 2 */
};
/* a (1 - q)^gamma bce_with_logits(x, t), with q = p t + (1 - p)(1 - t), p = sigmoid(x), a = alpha t + (1 - alpha)(1 - t).
 * Source: Lin et al. 2017, torchvision.ops.sigmoid_focal_loss. */
TUFF_API tuff_val tuff_sigmoid_focal_loss(struct tuff_graph *g, tuff_val x, tuff_val target,
                                          struct tuff_sigmoid_focal_params params);
struct tuff_kl_div_params {
    enum tuff_reduction reduction;
    bool log_target; /* the target is given as logarithms, too */
    bool batch_mean; /* the sum divided by the first axis: the divergence's mean; not with another reduction than 0 */
};
/* t (log t - x) of logarithms of probabilities x and probabilities t; 0 where t is 0. */
TUFF_API tuff_val tuff_kl_div(struct tuff_graph *g, tuff_val x, tuff_val target, struct tuff_kl_div_params params);
struct tuff_poisson_nll_params {
    enum tuff_reduction reduction;
    bool no_log_input; /* x is the rate itself, not its logarithm: PyTorch's log_input = False */
    bool full;         /* with Stirling's log t!, where t is above 1 */
    double eps;        /* without logarithms: under log (x + eps); 0 stands for 1e-8 */
};
/* e^x - t x, or x - t log (x + eps) */
TUFF_API tuff_val tuff_poisson_nll_loss(struct tuff_graph *g, tuff_val x, tuff_val target,
                                        struct tuff_poisson_nll_params params);
struct tuff_gaussian_nll_params {
    enum tuff_reduction reduction;
    bool full;  /* with log (2 pi) / 2 */
    double eps; /* the least variance, whose gradient goes on; 0 stands for 1e-6 */
};
/* (log v + (x - t)^2 / v) / 2 of variances of x's shape */
TUFF_API tuff_val tuff_gaussian_nll_loss(struct tuff_graph *g, tuff_val x, tuff_val target, tuff_val variance,
                                         struct tuff_gaussian_nll_params params);
struct tuff_margin_params {
    enum tuff_reduction reduction;
    struct tuff_number margin; /* left out: PyTorch's, 0 or 1 as the loss says */
};
/* x where y is 1, max(0, margin - x) where it is -1; y of x's shape. Margin 1. */
TUFF_API tuff_val tuff_hinge_embedding_loss(struct tuff_graph *g, tuff_val x, tuff_val y, struct tuff_margin_params params);
/* max(0, margin - y (a - b)); y is 1 where a is to be the larger one, -1 where b is. All of one shape. Margin 0. */
TUFF_API tuff_val tuff_margin_ranking_loss(struct tuff_graph *g, tuff_val a, tuff_val b, tuff_val y,
                                           struct tuff_margin_params params);

/* Losses of pairs and triples of vectors along the last axis, f32 or f16, of exactly the same shape [.., k]: one number [..] for each. */

/* a . b / (max(|a|, eps) max(|b|, eps)) along an axis, which is left out of the result; eps 0 stands for 1e-8. Source: PyTorch's cosine_similarity. */
TUFF_API tuff_val tuff_cosine_similarity(struct tuff_graph *g, tuff_val a, tuff_val b, int axis, double eps);
/* 1 - cosine where y is 1, max(0, cosine - margin) where it is -1; y is f32 or f16 [..]. Margin 0. */
TUFF_API tuff_val tuff_cosine_embedding_loss(struct tuff_graph *g, tuff_val a, tuff_val b, tuff_val y,
                                             struct tuff_margin_params params);
struct tuff_triplet_params {
    enum tuff_reduction reduction;
    struct tuff_number margin; /* left out: 1 */
    double eps;                /* added to each difference; 0 stands for 1e-6 */
    bool swap; /* the nearer of anchor and positive is what the negative is measured from (Balntas et al. 2016) */
};
/* max(0, d(anchor, positive) - d(anchor, negative) + margin), with d(a, b) = |a - b + eps|. Source: PyTorch's triplet_margin_loss with p = 2. */
TUFF_API tuff_val tuff_triplet_margin_loss(struct tuff_graph *g, tuff_val anchor, tuff_val positive, tuff_val negative,
                                           struct tuff_triplet_params params);

struct tuff_ctc_params {
    enum tuff_reduction reduction; /* mean: each loss divided by its target's length (at least 1), then over the samples */
    uint32_t blank;
    bool zero_infinity; /* a target that is too long for its input counts nothing, else it costs inf (with gradient 0) */
};
/* -log of the probability that a sequence of class numbers, without blanks and repetitions between blanks, is a target. log_p [t, n, c] are
 * logarithms of probabilities, as of tuff_log_softmax, targets i32 [n, s] (what lies behind a target's length is not looked at, but is to be a class),
 * lengths i32 [n], of inputs at most t, of targets at most s. A loop over t, whose gradient is that of log_p (PyTorch's own is
 * that of logits below a log_softmax; behind one both are the same). Source: Graves et al. 2006. Errors: SHAPE, USAGE (blank is no class). */
TUFF_API tuff_val tuff_ctc_loss(struct tuff_graph *g, tuff_val log_p, tuff_val targets, tuff_val input_lengths,
                                tuff_val target_lengths, struct tuff_ctc_params params);

/* Losses of any kind (TUFF_REDUCE_NONE) by weights: those of losses' shape, or of its first axes, [n]: one for each sample. Mean divides by the
 * sum of the weights of all elements. Errors: SHAPE, USAGE. Source: PyTorch's mse_loss and cross_entropy with weights. */
TUFF_API tuff_val tuff_weigh_losses(struct tuff_graph *g, tuff_val losses, tuff_val weight, enum tuff_reduction reduction);

#ifdef __cplusplus
}
#endif
#endif
