/* layers.h - what is composed of operators: norms, attention, and layers with parameters of their own. Public, part of graph.h. */
#ifndef TUFF_LAYERS_H
#define TUFF_LAYERS_H

#include "graph/operators.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- norms, softmax ----------------------------------------------------------------------------------------------------------- */

struct tuff_batch_norm {
    tuff_val y, mean, var;
}; /* mean, var: the updated running statistics (0 in inference) */
/* Training: statistics of the batch over all axes but 1 (biased variance), running = (1 - momentum) running + momentum batch
 * (unbiased variance). Source: Ioffe and Szegedy 2015; ONNX BatchNormalization-15, momentum as in PyTorch. */
TUFF_API struct tuff_batch_norm tuff_batch_norm_train(struct tuff_graph *g, tuff_val x, tuff_val gamma, tuff_val beta,
                                                      tuff_val running_mean, tuff_val running_var, double eps,
                                                      double momentum);
TUFF_API tuff_val tuff_batch_norm_infer(struct tuff_graph *g, tuff_val x, tuff_val gamma, tuff_val beta,
                                        tuff_val running_mean, tuff_val running_var, double eps);
/* Over the last last_dims axes; gamma and beta of exactly their shape, or 0. Errors of all norms: SHAPE, USAGE (eps below 0 or not finite,
 * momentum outside of [0, 1]). Source: Ba et al. 2016. */
TUFF_API tuff_val tuff_layer_norm(struct tuff_graph *g, tuff_val x, tuff_val gamma, tuff_val beta, uint32_t last_dims,
                                  double eps);
TUFF_API tuff_val tuff_group_norm(struct tuff_graph *g, tuff_val x, tuff_val gamma, tuff_val beta, uint32_t groups,
                                  double eps);
TUFF_API tuff_val tuff_rms_norm(struct tuff_graph *g, tuff_val x, tuff_val gamma, double eps);
TUFF_API tuff_val tuff_softmax(struct tuff_graph *g, tuff_val x, int axis);
TUFF_API tuff_val tuff_log_softmax(struct tuff_graph *g, tuff_val x, int axis);

/* ---- attention --------------------------------------------------------------------------------------------------------------------- */

struct tuff_attention_params {
    struct tuff_number scale; /* of the products, finite: 1 / sqrt(d) */
    bool causal;              /* row i sees columns 0 .. i */
    /* 0, or broadcast to [b, h, t, s]: bool, true where a row sees a column; or f32, added to the scaled products */
    tuff_val mask;
    /* 0, or i32 of one element: only the first `count` of the keys are there, of which the rows are the last t, so that with `causal` row i
     * sees columns 0 .. count - t + i: for decoding into a cache of s keys. What lies behind them weighs nothing, and must be finite where
     * gradients, weights or dropout are asked for. */
    tuff_val count;
    double dropout; /* in [0, 1), of the weights: to be set in training alone; draws from tuff_rng_state */
};
/* y[b,n,i,:] = sum_j softmax_j(scale q[b,n,i,:] . k[b,n',j,:] + mask[b,n,i,j]) v[b,n',j,:],  n' = n / (h / hk)
 * Source: Vaswani et al. 2017, as PyTorch's scaled_dot_product_attention; with hk < h: grouped queries (Ainslie et al. 2023).
 *   q [b, h, t, d], k [b, hk, s, d], v [b, hk, s, e]   f32; hk divides h: each of their heads serves h / hk neighbours
 * Returns y [b, h, t, e]. What is not seen gets the weight 0 exactly; a row that sees nothing is 0, without gradients.
 * Gradients flow into q, k, v and an f32 mask. Numerics: as tuff_matmul and tuff_softmax. Errors: SHAPE, USAGE (scale, dropout). */
TUFF_API tuff_val tuff_attention(struct tuff_graph *g, tuff_val q, tuff_val k, tuff_val v,
                                 struct tuff_attention_params params);

struct tuff_rope_params {
    double theta;     /* base of the wave lengths; 0 stands for 10000 */
    uint32_t first;   /* position of row 0 */
    bool interleaved; /* pairs are neighbours (2p, 2p + 1), as in the paper; else (p, p + d/2), as in GPT-NeoX and Llama */
};
/* Turns the pairs (u, w) of each row by an angle that grows with its position: u' = u cos(a) - w sin(a), w' = w cos(a) + u sin(a),
 * a = (first + i) theta^(-2p / d) in row i, pair p. Source: Su et al. 2021 (RoFormer).
 *   x [.., t, d]  f32, d even, rank 2 to 7
 * Returns y of x's shape. Numerics: sines come from tables [t, d/2], once in a graph, computed in double. Errors: SHAPE, USAGE (theta). */
TUFF_API tuff_val tuff_rope(struct tuff_graph *g, tuff_val x, struct tuff_rope_params params);

/* ---- layers with parameters of their own ------------------------------------------------------------------------------------------------
 *
 * A layer is tuff_layer_KIND(graph, x, name, params). Its parameters are named NAME.weight and the like; calls with the same name share
 * them, and the first call's initialisers count. Zero is the default of every field but sizes (a number that is to be 0 is TUFF_NUMBER(0)); an initialiser left out is the layer's own. Numbers
 * of initialisers (fan_in) are those of the weight's shape. All are f32. Sticky errors, with a sentence that names kind and layer: SHAPE (x does
 * not fit, or the name is taken by another shape), USAGE (no name, or one of more than 180 bytes; a size of 0; eps or momentum out of range; an
 * initialiser of no known kind). Numerics: those of the operators that the formula names. One thread at a time. */

struct tuff_layer_dense_params {
    uint32_t units;
    bool no_bias;
    struct tuff_init weight, bias; /* uniform within 1 / sqrt(k), both, as torch.nn.Linear's */
};
/* y[..,o] = sum_k x[..,k] weight[o,k] + bias[o];  x [.., k] -> y [.., units], weight [units, k], bias [units]. */
TUFF_API tuff_val tuff_layer_dense(struct tuff_graph *g, tuff_val x, const char *name,
                                   struct tuff_layer_dense_params params);

struct tuff_layer_batch_norm_params {
    bool training;                    /* statistics of the batch; else the running ones */
    struct tuff_number eps, momentum; /* 1e-5 and 0.1; at least 0, momentum at most 1 */
    struct tuff_init weight, bias;    /* ones; zeros */
};
/* tuff_batch_norm_train or _infer of x [n, c, ..] with parameters weight, bias [c] and states NAME.running_mean (zeros), NAME.running_var
 * (ones). In training the states' assignments are added to the graph; trainers and tuff_model_fit do them. Then x has more than
 * one value for each channel: one alone has no variance (SHAPE). */
TUFF_API tuff_val tuff_layer_batch_norm(struct tuff_graph *g, tuff_val x, const char *name,
                                        struct tuff_layer_batch_norm_params params);

struct tuff_layer_layer_norm_params {
    uint32_t last_dims;     /* axes from the end; 0 stands for 1 */
    struct tuff_number eps; /* 1e-5; at least 0 */
    bool no_bias;
    struct tuff_init weight, bias; /* ones; zeros */
};
/* tuff_layer_norm of x with weight and bias of the shape of its last axes. */
TUFF_API tuff_val tuff_layer_layer_norm(struct tuff_graph *g, tuff_val x, const char *name,
                                        struct tuff_layer_layer_norm_params params);

struct tuff_layer_rms_norm_params {
    struct tuff_number eps;  /* 1e-5; at least 0 */
    struct tuff_init weight; /* ones */
};
/* tuff_rms_norm of x [.., k] with weight [k]. */
TUFF_API tuff_val tuff_layer_rms_norm(struct tuff_graph *g, tuff_val x, const char *name,
                                      struct tuff_layer_rms_norm_params params);

/* tuff_dropout with the graph's rng state in training (whose step a trainer advances, or tuff_rng_advance), x in inference. */
TUFF_API tuff_val tuff_layer_dropout(struct tuff_graph *g, tuff_val x, double p, bool training);

#ifdef __cplusplus
}
#endif
#endif
