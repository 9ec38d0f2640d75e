/* sequence.h - layers over sequences (embedding, recurrent, attention, transformers), the norms of groups and instances, and small layers beside them.
 * Public, part of graph.h. What layers.h says of layers (names, sharing, defaults, errors) holds here too. */
#ifndef TUFF_SEQUENCE_H
#define TUFF_SEQUENCE_H

#include "graph/layers.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- norms of groups and instances -------------------------------------------------------------------------------------------------- */

struct tuff_layer_group_norm_params {
    uint32_t groups;               /* of neighbouring channels, of one size */
    struct tuff_number eps;        /* 1e-5; at least 0 */
    bool no_affine;                /* without weight and bias */
    struct tuff_init weight, bias; /* ones; zeros */
};
/* tuff_group_norm of x [n, c, ..] with NAME.weight and NAME.bias [c]. Source: Wu and He 2018; torch.nn.GroupNorm. */
TUFF_API tuff_val tuff_layer_group_norm(struct tuff_graph *g, tuff_val x, const char *name,
                                        struct tuff_layer_group_norm_params params);

struct tuff_layer_instance_norm_params {
    bool affine;              /* with NAME.weight and NAME.bias [c] */
    bool track_running_stats; /* states NAME.running_mean (zeros), NAME.running_var (ones) [c], which inference then uses */
    bool training;            /* counts with track_running_stats alone */
    struct tuff_number eps, momentum; /* 1e-5 and 0.1; at least 0, momentum at most 1 */
    struct tuff_init weight, bias;    /* ones; zeros */
};
/* y[n,c,..] = (x - mean[n,c]) / sqrt(var[n,c] + eps) weight[c] + bias[c], mean and (biased) variance of each channel of each sample over the rest of
 * x [n, c, l..], 3 axes or more; running statistics take the mean over the samples, of unbiased variances. Source: Ulyanov et al. 2016;
 * torch.nn.InstanceNorm1d to 3d. More errors: SHAPE, where one value alone is left for each channel. */
TUFF_API tuff_val tuff_layer_instance_norm(struct tuff_graph *g, tuff_val x, const char *name,
                                           struct tuff_layer_instance_norm_params params);

/* ---- embedding, small layers ------------------------------------------------------------------------------------------------------- */

struct tuff_layer_embedding_params {
    uint32_t count, size; /* rows of the table, numbers of each */
    bool padding; /* row padding_idx begins as zeros and is not trained: nothing is learned from places that hold it */
    int32_t padding_idx;     /* negative: from the end */
    struct tuff_init weight; /* normal, mean 0, deviation 1 */
};
/* y[.., :] = weight[indices[..], :];  indices i32 [..] -> y [.., size], NAME.weight [count, size]. Negative indices count from the end, as those of
 * tuff_gather. Source: torch.nn.Embedding. */
TUFF_API tuff_val tuff_layer_embedding(struct tuff_graph *g, tuff_val indices, const char *name,
                                       struct tuff_layer_embedding_params params);

/* Whole channels of x [n, c, ..] at once: 0 with probability p, else x / (1 - p); x itself in inference. The rng is that of tuff_layer_dropout.
 * Source: Tompson et al. 2015; torch.nn.Dropout1d to 3d. Errors: SHAPE (fewer than 2 axes), USAGE (p outside of [0, 1)). */
TUFF_API tuff_val tuff_layer_channel_dropout(struct tuff_graph *g, tuff_val x, double p, bool training);

struct tuff_layer_prelu_params {
    bool channels;           /* a slope for each channel of x [n, c, ..]; else one */
    struct tuff_init weight; /* 0.25 */
};
/* y = x > 0 ? x : weight x, NAME.weight [1] or [c]. Source: He et al. 2015; torch.nn.PReLU. */
TUFF_API tuff_val tuff_layer_prelu(struct tuff_graph *g, tuff_val x, const char *name,
                                   struct tuff_layer_prelu_params params);

struct tuff_layer_bilinear_params {
    uint32_t units;
    bool no_bias;
    struct tuff_init weight, bias; /* uniform within 1 / sqrt(k), both */
};
/* y[..,o] = sum_ij a[..,i] weight[o,i,j] b[..,j] + bias[o];  a [.., k], b [.., l] with the same axes before the last -> y [.., units], NAME.weight
 * [units, k, l]. Source: torch.nn.Bilinear. */
TUFF_API tuff_val tuff_layer_bilinear(struct tuff_graph *g, tuff_val a, tuff_val b, const char *name,
                                      struct tuff_layer_bilinear_params params);

/* a sigmoid(b) of the halves a, b of x along an axis of even length. Source: Dauphin et al. 2017; torch.nn.GLU. Errors: SHAPE. */
TUFF_API tuff_val tuff_glu(struct tuff_graph *g, tuff_val x, int axis);

#ifdef __cplusplus
}
#endif
#endif
