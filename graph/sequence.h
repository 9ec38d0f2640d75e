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
 * x [n, c, l..], 3 axes or more; running statistics take the mean over the samples, of unbiased variances. Source: Ulyanov et al. 2016,
 * torch.nn.InstanceNorm1d to 3d. More errors: SHAPE (one value alone for each channel). */
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
    tuff_val lengths;  /* i32 [n], or 0: the rows of x that a sequence has; what stands behind them is not read */
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

/* ---- attention --------------------------------------------------------------------------------------------------------------------- */

struct tuff_layer_attention_params {
    uint32_t heads;     /* divides e */
    uint32_t key_heads; /* that keys and values have, which divides heads; 0: heads */
    bool no_bias, causal, training;
    double dropout;    /* of the weights, in training */
    tuff_val mask;     /* as tuff_attention's, over [n, heads, t, s]: bool, true: seen, or f32 that is added; or 0 */
    tuff_val key_mask; /* bool [n, s], true: the key is there (PyTorch's key_padding_mask: not): tuff_length_mask; or 0 */
    const struct tuff_rope_params *rope; /* of queries and keys, or NULL */
    struct tuff_init weight, bias;       /* of in_proj: Xavier-uniform; zeros, also of out_proj.bias */
    struct tuff_init out_weight;         /* uniform within 1 / sqrt(e) */
};
struct tuff_layer_attention {
    tuff_val y;            /* [n, t, e] */
    tuff_val weights;      /* [n, t, s]: their mean over the heads; costs nothing where nothing reads it */
    tuff_val head_weights; /* [n, heads, t, s] */
};
/* tuff_attention of heads of q W_q^T + b_q, k W_k^T + b_k and v W_v^T + b_v, whose results, side by side, go through NAME.out_proj (a dense layer).
 *   q [n, t, e], k [n, s, kdim] (0: q, self-attention), v [n, s, vdim] (0: k)
 * Parameters: NAME.in_proj_weight [e + 2 key_heads d, e], the rows of q, k and v, d = e / heads; where kdim or vdim is not e,
 * NAME.q_proj_weight, .k_proj_weight and .v_proj_weight; NAME.in_proj_bias; NAME.out_proj.weight [e, e] and .bias [e]. Source: torch.nn.MultiheadAttention with batch_first
 * (whose bool masks are true where nothing is seen); a row that sees nothing is 0 before out_proj, where PyTorch has NaN. */
TUFF_API struct tuff_layer_attention tuff_layer_attention(struct tuff_graph *g, tuff_val q, tuff_val k, tuff_val v,
                                                          const char *name, struct tuff_layer_attention_params params);

/* y[i,j] = j < lengths[i]:  i32 [n] -> bool [n, rows]: a key_mask. Errors: SHAPE. */
TUFF_API tuff_val tuff_length_mask(struct tuff_graph *g, tuff_val lengths, uint32_t rows);

/* The constant [rows, width] of y[i,2k] = sin(i / 10000^(2k / width)), y[i,2k+1] = cos of the same. Source: Vaswani et al. 2017. Errors: USAGE. */
TUFF_API tuff_val tuff_sinusoids(struct tuff_graph *g, uint32_t rows, uint32_t width);

struct tuff_layer_positions_params {
    uint32_t count;          /* of the table; 0: t */
    struct tuff_init weight; /* normal, mean 0, deviation 1, as torch.nn.Embedding's */
};
/* y[..,i,:] = x[..,i,:] + weight[i,:];  x [.., t, e], NAME.weight [count, e]: learned positions. */
TUFF_API tuff_val tuff_layer_positions(struct tuff_graph *g, tuff_val x, const char *name,
                                       struct tuff_layer_positions_params params);

/* ---- transformers ------------------------------------------------------------------------------------------------------------------- */

enum tuff_transformer_activation { TUFF_TRANSFORMER_RELU = 0, TUFF_TRANSFORMER_GELU };
struct tuff_layer_transformer_params {
    uint32_t heads;  /* divides e */
    uint32_t hidden; /* between the two dense layers (dim_feedforward); 0 stands for 2048 */
    uint32_t layers; /* 0: one layer, of NAME.self_attn and so on; else a stack of them, from NAME.layers.0.self_attn on */
    enum tuff_transformer_activation activation;
    bool norm_first; /* x + branch(norm(x)); else norm(x + branch(x)) */
    bool final_norm; /* of a stack: NAME.norm behind it */
    bool no_bias, training;
    bool causal;                /* of self-attention */
    struct tuff_number dropout; /* 0.1: of weights, of what is within the dense layers, and of each branch; in training */
    struct tuff_number eps;     /* 1e-5 */
    tuff_val mask, key_mask;    /* of self-attention, as those of tuff_layer_attention */
    tuff_val memory_mask, memory_key_mask; /* of the decoder's attention to the memory */
};
/* Branches of a layer over x [n, t, e] -> [n, t, e]: self-attention (NAME.self_attn, norm1) and dense(relu or gelu(dense(x))) (linear1, linear2, norm2);
 * the decoder's has attention to the memory [n, s, ..] (multihead_attn, norm2) between them, and norm3 is the last. Names and shapes are those of
 * torch.nn.TransformerEncoderLayer and TransformerDecoderLayer with batch_first, and of stacks of them; initialisers are those of the parts (PyTorch's
 * stacks begin as copies of one layer). Source: Vaswani et al. 2017; norm_first: Xiong et al. 2020. */
TUFF_API tuff_val tuff_layer_transformer_encoder(struct tuff_graph *g, tuff_val x, const char *name,
                                                 struct tuff_layer_transformer_params params);
TUFF_API tuff_val tuff_layer_transformer_decoder(struct tuff_graph *g, tuff_val x, tuff_val memory, const char *name,
                                                 struct tuff_layer_transformer_params params);

#ifdef __cplusplus
}
#endif
#endif
