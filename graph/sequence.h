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

/* ---- recurrent layers -------------------------------------------------------------------------------------------------------------- */

enum tuff_cell { TUFF_CELL_LSTM = 0, TUFF_CELL_GRU, TUFF_CELL_RNN_TANH, TUFF_CELL_RNN_RELU };
struct tuff_recurrent_params {
    size_t struct_size;
    enum tuff_cell cell;
    tuff_val w_ih, w_hh; /* [k h, e], [k h, h]: rows of the k gates, in the order of the formula */
    tuff_val b_ih, b_hh; /* [k h], or 0 */
    tuff_val w_hr; /* 0, or [p, h], of LSTM: h' is multiplied by it, and has p numbers (w_hh is [4 h, p]); Sak et al. 2014 */
    tuff_val h_0, c_0; /* [n, h], or 0: zeros; c_0 of LSTM alone */
    tuff_val lengths;  /* i32 [n], or 0: the rows of x that a sequence has; what x has behind them is to be finite */
    bool reverse;      /* from the last row (of each sequence) to the first */
};
struct tuff_recurrent {
    tuff_val h;        /* [T, n, h], the rows behind a sequence's length 0 */
    tuff_val h_n, c_n; /* [n, h] after the last step of each sequence; c_n of LSTM, else 0 */
};
/* A loop of one cell over a sequence x [T, n, e]. With a = w_ih x_t + b_ih and b = w_hh h + b_hh, and a gate's rows of them as an index:
 *   LSTM  i = sigmoid(a_i + b_i), f and o likewise, g = tanh(a_g + b_g);  c' = f c + i g,  h' = o tanh(c')     gates i, f, g, o
 *   GRU   r = sigmoid(a_r + b_r), z likewise, n = tanh(a_n + r b_n);      h' = (1 - z) n + z h                 gates r, z, n
 *   RNN   h' = tanh(a + b), or relu(a + b)                                                                     one gate
 * Source: torch.nn.LSTM, GRU, RNN (Hochreiter and Schmidhuber 1997; Cho et al. 2014; Elman 1990); with lengths as of a packed sequence. The products
 * with x are one product before the loop, and a plan holds one step, whatever T is. All f32. Errors: SHAPE, USAGE (struct_size, no such cell). */
TUFF_API struct tuff_recurrent tuff_recurrent(struct tuff_graph *g, tuff_val x, const struct tuff_recurrent_params *params);

struct tuff_layer_recurrent_params {
    enum tuff_cell cell;
    uint32_t units, layers; /* of h; layers one behind the other, 0 stands for 1 */
    uint32_t proj_size;     /* 0, or of LSTM: the numbers that h is projected to, fewer than units */
    bool no_bias;
    bool bidirectional; /* a loop in either direction, h of both side by side */
    bool batch_first;   /* x and h are [n, T, ..]; states stay as they are */
    bool training;
    double dropout;                              /* of h between layers, in training */
    tuff_val h_0, c_0;                           /* [layers * directions, n, h], or 0: zeros */
    tuff_val lengths;                            /* as above */
    struct tuff_init weight_ih, weight_hh, bias; /* uniform within 1 / sqrt(units), of all */
};
/* tuff_recurrent over x [T, n, e], layer by layer: h [T, n, h] of the last layer, [T, n, 2 h] in both directions; h_n and c_n [layers * directions, n, h].
 * Parameters of layer k: NAME.weight_ih_lk, .weight_hh_lk, .bias_ih_lk, .bias_hh_lk, .weight_hr_lk, and those of the reverse direction, which end in
 * _reverse; shapes as above. Source: torch.nn.LSTM, GRU, RNN. */
TUFF_API struct tuff_recurrent tuff_layer_recurrent(struct tuff_graph *g, tuff_val x, const char *name,
                                                    struct tuff_layer_recurrent_params params);

#ifdef __cplusplus
}
#endif
#endif
