/* graph.h - what to compute: values, operators, gradients, optimizers; and sessions that run it on a device. Public.
 *
 * A graph is built by calls that each add a value and return its handle (tuff_val). Shapes and types are inferred at
 * once. Builders are sticky: after the first failure every call returns 0 and does nothing, and tuff_graph_finish reports
 * that failure, so a model is written without a check per line. Shapes are row-major, axis 0 slowest, pictures NCHW.
 * A graph belongs to one thread at a time. */
#ifndef TUFF_GRAPH_H
#define TUFF_GRAPH_H

#include "backend/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TUFF_MAX_RANK 8

enum tuff_dtype { /* what each is: graph/dtypes.def */
                  TUFF_F32 = 1,
                  TUFF_F16, /* storage only: arithmetic is f32, and so are results but those of tuff_cast and views */
                  TUFF_I32,
                  TUFF_U8,
                  TUFF_BOOL, /* stored as u8 0 or 1 */
                  TUFF_BF16, /* the upper half of f32; used as f16 is */
                  TUFF_I8,
                  /* GGUF's: blocks of 32 weights q and one scale, f16 before 32 bytes; weight i is scale * q[i]. The last dimension is a multiple
     * of 32. Leaves alone; read by tuff_matmul, by tuff_gather of rows (axis 0) and by tuff_cast to f32; has no gradient. The host
     * writes and reads the file's blocks, device memory holds all q and then all scales: 8.5 bits a weight. */
                  TUFF_Q8_0,
                  /* Of the host alone: devices hold i32 and f32, and operators see these (tuff_type_of). They are what the host writes into
     * leaves of such a type, where what does not fit into an i32, or is finite and no finite f32, is refused, and what it reads from
     * them, from results of tuff_cast to such a type and from constants, widened (tuff_type_on_host). What follows from constants of
     * such a type alone, and has at most 65536 elements, is computed on the host when a graph is compiled, in f64 or whole
     * numbers that are exact to 2^53, until a cast names another type. */
                  TUFF_I64,
                  TUFF_F64
};

struct tuff_shape {
    uint32_t rank; /* 0: a scalar */
    uint32_t dim[TUFF_MAX_RANK];
};
/* TUFF_SHAPE(2, 3) is the shape [2, 3]. */
#define TUFF_SHAPE(...)                                                                                                     \
    ((struct tuff_shape){(uint32_t)(sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)), {__VA_ARGS__}})

struct tuff_type {
    enum tuff_dtype dtype;
    struct tuff_shape shape;
};

struct tuff_graph;
/* Handle of a value; 0 is "none" (a failed call, or an optional input left out). */
typedef uint32_t tuff_val;

/* ---- graph ---------------------------------------------------------------------------------------------------------- */

/* Errors: MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_graph_create(struct tuff_context *context, struct tuff_graph **graph,
                                                       struct tuff_error *error);
TUFF_API void tuff_graph_destroy(struct tuff_graph *graph); /* NULL is legal */
/* TUFF_OK, or the first failure since creation with its sentence. May be called at any time. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_graph_finish(struct tuff_graph *graph, struct tuff_error *error);
TUFF_API struct tuff_type tuff_type_of(const struct tuff_graph *graph, tuff_val value);
/* The type in which the host writes and reads the value: tuff_type_of's, but for leaves and casts of i64 and f64. */
TUFF_API struct tuff_type tuff_type_on_host(const struct tuff_graph *graph, tuff_val value);
TUFF_API uint64_t tuff_shape_count(const struct tuff_shape *shape);          /* number of elements */
TUFF_API uint64_t tuff_dtype_size(enum tuff_dtype dtype, uint64_t elements); /* in bytes, packed one after the other */
/* Quantizes f32 to the blocks of TUFF_Q8_0: scale max |x| / 127, q = x / scale to nearest, half away from zero. elements is a multiple
 * of 32. Source: quantize_row_q8_0_reference of GGML. */
TUFF_API void tuff_quantize_q8_0(const float *from, uint64_t elements, void *blocks);
TUFF_API const char *tuff_dtype_name(enum tuff_dtype dtype);

/* ---- leaves ----------------------------------------------------------------------------------------------------------- */

/* Data that the host writes before a run (tuff_session_write). Names are unique in a graph. */
TUFF_API tuff_val tuff_input(struct tuff_graph *g, const char *name, enum tuff_dtype dtype, struct tuff_shape shape);
/* Constants: one number of any shape, or data (copied) of the type. */
TUFF_API tuff_val tuff_scalar(struct tuff_graph *g, double value);
TUFF_API tuff_val tuff_full(struct tuff_graph *g, enum tuff_dtype dtype, struct tuff_shape shape, double value);
TUFF_API tuff_val tuff_constant(struct tuff_graph *g, struct tuff_type type, const void *data);
/* 0, 1, 2, ... along an axis of the shape; i32. */
TUFF_API tuff_val tuff_iota(struct tuff_graph *g, struct tuff_shape shape, int axis);

/* Initialisers of parameters. fan_in is dim[1] * dim[2] * ... (dim[0] for rank 1), fan_out dim[0] * dim[2] * ...
 * Kaiming: He et al. 2015; Xavier: Glorot and Bengio 2010. Values are Philox 4x32-10 of (seed, name), the same everywhere. */
enum tuff_init_kind {
    TUFF_INIT_ZEROS = 0,
    TUFF_INIT_CONSTANT,        /* a */
    TUFF_INIT_UNIFORM,         /* [a, b) */
    TUFF_INIT_NORMAL,          /* mean a, deviation b */
    TUFF_INIT_KAIMING_UNIFORM, /* bound a * sqrt(3 / fan_in); a is the gain, 0 stands for sqrt(2) */
    TUFF_INIT_KAIMING_NORMAL,  /* deviation a / sqrt(fan_in) */
    TUFF_INIT_XAVIER_UNIFORM,  /* bound a * sqrt(6 / (fan_in + fan_out)); 0 stands for 1 */
    TUFF_INIT_XAVIER_NORMAL,   /* deviation a * sqrt(2 / (fan_in + fan_out)) */
    TUFF_INIT_DATA             /* data, f32, as many as the shape has */
};
struct tuff_init {
    enum tuff_init_kind kind;
    double a, b;
    const float *data; /* copied */
};
/* A trained parameter, f32. A second call with a known name and the same shape returns the first value, so that a model
 * function called twice (for training and for inference) shares its weights. */
TUFF_API tuff_val tuff_param(struct tuff_graph *g, const char *name, struct tuff_shape shape, struct tuff_init init);
/* A parameter of any type. One that is not f32 has gradients where its type is one of floats, but no optimizer trains it: weights
 * that stay as they are, and copies. */
TUFF_API tuff_val tuff_param_of(struct tuff_graph *g, const char *name, struct tuff_type type, struct tuff_init init);
/* State that is kept between runs but not trained (running statistics, counters, data sets), of any type. */
TUFF_API tuff_val tuff_state(struct tuff_graph *g, const char *name, enum tuff_dtype dtype, struct tuff_shape shape,
                             struct tuff_init init);
/* At the end of a run the state takes the value of `value` (same type); all readers in that run see what it was before. Returns
 * the assignment, which is listed among the outputs of the plans that should do it and is no operand of anything. */
TUFF_API tuff_val tuff_assign(struct tuff_graph *g, tuff_val state, tuff_val value);
/* The state after rows [n, ..] were written over its rows place .. place + n - 1, in place and within the run: what reads the result
 * reads the new rows, what reads the state itself reads it as it was before, and is done before. place: an i32 of one element in
 * device memory, clamped to 0 .. rows of the state - n. The result may be updated again. f32 or i32. To be done it is read by
 * something, or listed among the outputs like an assignment. A graph whose results would need both contents at once
 * is refused when it is compiled, as is one that assigns the state as well. */
TUFF_API tuff_val tuff_assign_rows(struct tuff_graph *g, tuff_val state, tuff_val rows, tuff_val place);
/* Gives a value a name, for labels, printing and outputs. Returns the value. */
TUFF_API tuff_val tuff_named(struct tuff_graph *g, tuff_val value, const char *name);

/* ---- pointwise (rows of graph/ops/pointwise.def; broadcasting as in ONNX and NumPy) ------------------------------------- */

#define TUFF_PW1(name, onnx, y, da) TUFF_API tuff_val tuff_##name(struct tuff_graph *g, tuff_val a);
#define TUFF_PW1P(name, onnx, y, da) TUFF_API tuff_val tuff_##name(struct tuff_graph *g, tuff_val a, double p0, double p1);
#define TUFF_PW2(name, onnx, y, da, db) TUFF_API tuff_val tuff_##name(struct tuff_graph *g, tuff_val a, tuff_val b);
#define TUFF_PW2B(name, onnx, y) TUFF_API tuff_val tuff_##name(struct tuff_graph *g, tuff_val a, tuff_val b);
#include "graph/ops/pointwise.def"
/* An operator of the app's own, as a row of text: fused, differentiated, printed and parsed like the rows above. The texts are
 * expressions of GLSL over a, b, p0, p1 and, in derivatives, y, the result: + - * / ?: comparisons && || !, decimal numbers
 * with a point, and the functions of graph/ops/pw_helpers.def. Everything is copied; the same texts again are the same
 * operator. Integer operands are to be cast first; f16 is read as f32; the result is f32. */
struct tuff_pointwise_params {
    size_t struct_size;
    const char *name;    /* for messages and reports: letters, digits and _ */
    const char *y;       /* "a * pw_sigmoid(p0 * a)" */
    const char *da, *db; /* dy/da, dy/db; NULL: 0, no gradient flows */
    double p0, p1;
};
/* b: 0 for an operator of one operand; two are broadcast. A text that is no such expression is TUFF_ERR_USAGE, whose sentence
 * shows the place. Plans with such operators need a shader compiler: without one they are TUFF_ERR_UNSUPPORTED. */
TUFF_API tuff_val tuff_pointwise(struct tuff_graph *g, const struct tuff_pointwise_params *params, tuff_val a, tuff_val b);
/* where: c ? a : b, element by element; c is bool. */
TUFF_API tuff_val tuff_select(struct tuff_graph *g, tuff_val c, tuff_val a, tuff_val b);
/* Casts; f32 to integer truncates toward zero and saturates, NaN becomes 0; to bool is "not zero" (NaN is true). */
TUFF_API tuff_val tuff_cast(struct tuff_graph *g, tuff_val a, enum tuff_dtype dtype);

/* ---- views -------------------------------------------------------------------------------------------------------------- */

/* Same elements in the same order; one dimension may be 0 and is then inferred. */
TUFF_API tuff_val tuff_reshape(struct tuff_graph *g, tuff_val x, struct tuff_shape shape);
/* y.dim[i] = x.dim[order[i]] */
TUFF_API tuff_val tuff_permute(struct tuff_graph *g, tuff_val x, const uint32_t *order);
TUFF_API tuff_val tuff_transpose(struct tuff_graph *g, tuff_val x); /* swaps the last two axes */
/* y[i...] = x[start + step * i ...]; arrays of x's rank; step >= 1 or negative (then start counts down). */
TUFF_API tuff_val tuff_slice(struct tuff_graph *g, tuff_val x, const uint32_t *start, const int32_t *step,
                             const uint32_t *size);
/* Broadcasts to the shape; axes are aligned at the right, as in ONNX Expand. */
TUFF_API tuff_val tuff_expand(struct tuff_graph *g, tuff_val x, struct tuff_shape shape);
TUFF_API tuff_val tuff_pad(struct tuff_graph *g, tuff_val x, const uint32_t *before, const uint32_t *after, double value);
TUFF_API tuff_val tuff_concat(struct tuff_graph *g, const tuff_val *x, uint32_t count, int axis);
TUFF_API tuff_val tuff_unsqueeze(struct tuff_graph *g, tuff_val x, int axis);
TUFF_API tuff_val tuff_flatten(struct tuff_graph *g, tuff_val x); /* [n, ...] -> [n, the rest] */
/* y[n,c,i,j] = x[n, c, i / by_h, j / by_w] (whole division): x [n, c, h, w] -> [n, c, h * by_h, w * by_w]. Source: ONNX Resize-13,
 * mode nearest, asymmetric coordinates, floor, whole scales. Errors: SHAPE (rank, a factor of 0). */
TUFF_API tuff_val tuff_upsample_nearest2d(struct tuff_graph *g, tuff_val x, uint32_t by_h, uint32_t by_w);

/* ---- reductions ----------------------------------------------------------------------------------------------------------- */

enum tuff_keep { TUFF_DROP_AXES = 0, TUFF_KEEP_AXES = 1 };
/* axes: bit i for axis i; 0 stands for all axes. */
TUFF_API tuff_val tuff_sum(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep);
TUFF_API tuff_val tuff_mean(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep);
TUFF_API tuff_val tuff_reduce_max(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep);
TUFF_API tuff_val tuff_reduce_min(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep);
TUFF_API tuff_val tuff_logsumexp(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep);
/* Index (i32) of the first largest or smallest element along one axis; negative axes count from the end. */
TUFF_API tuff_val tuff_argmax(struct tuff_graph *g, tuff_val x, int axis, enum tuff_keep keep);
TUFF_API tuff_val tuff_argmin(struct tuff_graph *g, tuff_val x, int axis, enum tuff_keep keep);
struct tuff_cumsum_params {
    int axis;
    bool exclusive, reverse;
};
TUFF_API tuff_val tuff_cumsum(struct tuff_graph *g, tuff_val x, struct tuff_cumsum_params params);

/* ---- loops ------------------------------------------------------------------------------------------------------------------- */

struct tuff_scan_params {
    size_t struct_size;
    /* A graph of its own, taken (*body is NULL afterwards, whatever happens). Its inputs, in the order in which they are added, are the
     * carries, one row of each sequence, and the invariants; beside these it has constants alone, and no loop. */
    struct tuff_graph **body;
    const tuff_val *outputs; /* values of the body, f32: what each carry becomes, then what each round gives */
    uint32_t output_count;
    const tuff_val *carries; /* f32: before the first round */
    uint32_t carry_count;
    const tuff_val *sequences; /* [T, ..] of any type but block-quantized ones: round t sees row t */
    uint32_t sequence_count;
    const tuff_val *invariants; /* the same in all rounds */
    uint32_t invariant_count;
    uint32_t rounds;    /* 0: T of the sequences */
    uint32_t last_only; /* of so many of the last carries only the last is kept; such a loop has no gradient */
    bool reverse;       /* from row T-1 to row 0 */
};
/* A loop of 1 to 65536 rounds: recurrent layers. On a device it is the launches of one round, repeated; without a compiler too. Its
 * gradient is a loop in the other direction, which computes each round again from the carries that were kept. Returns a handle for
 * the two functions below (an f32 vector that holds all results). Source: ONNX Scan-11. Errors: SHAPE, USAGE, those of the body. */
TUFF_API tuff_val tuff_scan(struct tuff_graph *g, const struct tuff_scan_params *params);
/* Carry k after the last round. */
TUFF_API tuff_val tuff_scan_last(struct tuff_graph *g, tuff_val scan, uint32_t k);
/* [T, ..]: carry k after each row of the sequences, or, with k = carries + i, what its round gave as number i. */
TUFF_API tuff_val tuff_scan_all(struct tuff_graph *g, tuff_val scan, uint32_t k);

struct tuff_lstm_params {
    size_t struct_size;
    tuff_val w_ih, w_hh; /* [4 h, e], [4 h, h]: rows of the gates i, f, g, o */
    tuff_val bias;       /* [4 h], or 0 */
    tuff_val h_0, c_0;   /* [n, h], or 0: zeros */
    bool reverse;
};
struct tuff_lstm {
    tuff_val h;        /* [T, n, h] */
    tuff_val h_n, c_n; /* [n, h] after the last step (row 0 in reverse) */
};
/* Long short-term memory of a sequence x [T, n, e]:
 *   i, f, o = sigmoid, g = tanh of rows of w_ih x_t + w_hh h + bias;   c' = f c + i g,   h' = o tanh(c')
 * Source: torch.nn.LSTM (batch_first false, whose two biases are added). The products with x are one product before the loop. All
 * f32. Errors: SHAPE. */
TUFF_API struct tuff_lstm tuff_lstm(struct tuff_graph *g, tuff_val x, const struct tuff_lstm_params *params);

/* ---- matmul and convolution ------------------------------------------------------------------------------------------------- */

struct tuff_matmul_params {
    bool transpose_a, transpose_b;
};
/* c[.., i, j] = sum_k a[.., i, k] * b[.., k, j]; with transpose_a a is [.., k, i], with transpose_b b is [.., j, k].
 * Ranks 2 and up, batch axes broadcast; each f32 or f16, c f32. Source: ONNX MatMul-13. f32 sums. */
TUFF_API tuff_val tuff_matmul(struct tuff_graph *g, tuff_val a, tuff_val b, struct tuff_matmul_params params);

struct tuff_conv2d_params {
    uint32_t stride[2], dilation[2]; /* h, w; 0 stands for 1 */
    uint32_t pad[4];                 /* top, left, bottom, right */
    uint32_t groups;                 /* 0 stands for 1 */
};
/* Cross-correlation: y[n,o,i,j] = sum_{c,u,v} x[n, c, i*sh + u*dh - top, j*sw + v*dw - left] * w[o,c,u,v] (+ b[o]).
 *   x [n, ci, h, w], w [co, ci/groups, kh, kw], b [co] or 0; each f32 or f16, y f32. Source: ONNX Conv-11. f32 sums. */
TUFF_API tuff_val tuff_conv2d(struct tuff_graph *g, tuff_val x, tuff_val w, tuff_val b, struct tuff_conv2d_params params);
struct tuff_conv_transpose2d_params {
    uint32_t stride[2], dilation[2], pad[4], output_pad[2], groups;
};
/* Gradient of conv2d by its input, as an operator: x [n, ci, h, w], w [ci, co/groups, kh, kw], b [co] or 0.
 * h' = (h-1)*sh - top - bottom + dh*(kh-1) + output_pad + 1. Source: ONNX ConvTranspose-11. */
TUFF_API tuff_val tuff_conv_transpose2d(struct tuff_graph *g, tuff_val x, tuff_val w, tuff_val b,
                                        struct tuff_conv_transpose2d_params params);

struct tuff_pool2d_params {
    uint32_t kernel[2], stride[2]; /* stride 0 stands for kernel */
    uint32_t pad[4], dilation[2];  /* top, left, bottom, right; dilation for max only */
    bool ceil_mode;                /* output size rounds up; windows that start in the end padding are dropped */
    bool count_include_pad;        /* average only */
};
/* x [n, c, h, w] f32 or f16; the result is f32. */
TUFF_API tuff_val tuff_max_pool2d(struct tuff_graph *g, tuff_val x, struct tuff_pool2d_params params);
TUFF_API tuff_val tuff_avg_pool2d(struct tuff_graph *g, tuff_val x, struct tuff_pool2d_params params);

struct tuff_lrn_params {
    uint32_t size;            /* channels of a window */
    double alpha, beta, bias; /* 0: 0.0001, 0.75, 1 */
};
/* Local response normalisation over channels:  y[n,c,i] = x[n,c,i] / (bias + alpha / size * sum_j x[n,j,i]^2)^beta,  j from
 * c - floor((size-1)/2) to c + ceil((size-1)/2). x [n, c, ..] f32 or f16; the result is f32. Source: ONNX LRN-13. */
TUFF_API tuff_val tuff_lrn(struct tuff_graph *g, tuff_val x, struct tuff_lrn_params params);
TUFF_API tuff_val tuff_global_avg_pool(struct tuff_graph *g, tuff_val x); /* [n,c,h,w] -> [n,c,1,1] */

/* ---- norms, softmax, losses --------------------------------------------------------------------------------------------------- */

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
/* Over the last last_dims axes; gamma and beta of their shape or 0. Source: Ba et al. 2016. */
TUFF_API tuff_val tuff_layer_norm(struct tuff_graph *g, tuff_val x, tuff_val gamma, tuff_val beta, uint32_t last_dims,
                                  double eps);
TUFF_API tuff_val tuff_group_norm(struct tuff_graph *g, tuff_val x, tuff_val gamma, tuff_val beta, uint32_t groups,
                                  double eps);
TUFF_API tuff_val tuff_rms_norm(struct tuff_graph *g, tuff_val x, tuff_val gamma, double eps);
TUFF_API tuff_val tuff_softmax(struct tuff_graph *g, tuff_val x, int axis);
TUFF_API tuff_val tuff_log_softmax(struct tuff_graph *g, tuff_val x, int axis);

enum tuff_reduction { TUFF_REDUCE_MEAN = 0, TUFF_REDUCE_SUM, TUFF_REDUCE_NONE };
struct tuff_cross_entropy_params {
    enum tuff_reduction reduction;
    bool use_ignore_index;
    int32_t ignore_index;   /* labels of this value count nothing */
    double label_smoothing; /* in [0, 1): mixes the one-hot target with the uniform one (Szegedy et al. 2016) */
    tuff_val weight;        /* [c] weights of the classes, or 0 */
};
/* logits [n, c, ...], labels i32 [n, ...]. As PyTorch's cross_entropy: mean divides by the sum of the used weights. A label
 * outside of 0 .. c-1 names no class: its loss is that of the smoothing alone, and without weights it counts for the mean. */
TUFF_API tuff_val tuff_cross_entropy(struct tuff_graph *g, tuff_val logits, tuff_val labels,
                                     struct tuff_cross_entropy_params params);
TUFF_API tuff_val tuff_mse_loss(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction);
TUFF_API tuff_val tuff_l1_loss(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction);
TUFF_API tuff_val tuff_smooth_l1_loss(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction);
TUFF_API tuff_val tuff_bce_with_logits(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction);

/* ---- attention --------------------------------------------------------------------------------------------------------------------- */

struct tuff_attention_params {
    double scale; /* of the products; 0 stands for 1 / sqrt(d) */
    bool causal;  /* row i sees columns 0 .. i */
    /* 0, or broadcast to [b, h, t, s]: bool, true where a row sees a column; or f32, added to the scaled products */
    tuff_val mask;
};
/* y[b,n,i,:] = sum_j softmax_j(scale q[b,n,i,:] . k[b,n',j,:] + mask[b,n,i,j]) v[b,n',j,:],  n' = n / (h / hk)
 * Source: Vaswani et al. 2017, as PyTorch's scaled_dot_product_attention; with hk < h: grouped queries (Ainslie et al. 2023).
 *   q [b, h, t, d], k [b, hk, s, d], v [b, hk, s, e]   f32; hk divides h: each of their heads serves h / hk neighbours
 * Returns y [b, h, t, e]. What is not seen gets the weight 0 exactly; a row that sees nothing weighs all columns alike.
 * Gradients flow into q, k, v and an f32 mask. Numerics: as tuff_matmul and tuff_softmax. Errors: SHAPE. */
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
 * Returns y of x's shape. Numerics: sines come from tables [t, d/2] that are computed in double; each is in the graph once.
 * Errors: SHAPE, USAGE (theta). */
TUFF_API tuff_val tuff_rope(struct tuff_graph *g, tuff_val x, struct tuff_rope_params params);

/* ---- indexing and random ---------------------------------------------------------------------------------------------------------- */

/* Indices of these three may be any numbers: negative ones count from the end, and what then lies outside is clamped to the
 * first or the last element. Nothing is read or written elsewhere.
 * y = x with axis replaced by indices' shape (ONNX Gather-13, embedding with axis 0). */
TUFF_API tuff_val tuff_gather(struct tuff_graph *g, tuff_val x, tuff_val indices, int axis);
/* y[i,j,..] = x[.., indices[i,j,..] at axis, ..] (ONNX GatherElements-13). */
TUFF_API tuff_val tuff_gather_elements(struct tuff_graph *g, tuff_val x, tuff_val indices, int axis);
/* y = x + the sum of source at the indexed places (ONNX ScatterElements-18 with add), in a fixed order. indices have source's shape; or,
 * where whole rows go to one place (the gradient of gather), one dimension alone: [1, .., n, .., 1], source's others being those of x. */
TUFF_API tuff_val tuff_scatter_add(struct tuff_graph *g, tuff_val x, tuff_val indices, tuff_val source, int axis);
struct tuff_topk_params {
    int axis;
    uint32_t k;
    bool smallest;
};
struct tuff_topk {
    tuff_val values, indices; /* f32; i32 */
};
/* The k largest elements along the axis and their positions, in falling order, ties by lower index; NaN counts as larger than every
 * number (ONNX TopK-11). One launch computes what is read of both. */
TUFF_API struct tuff_topk tuff_topk(struct tuff_graph *g, tuff_val x, struct tuff_topk_params params);
/* The positions alone. */
TUFF_API tuff_val tuff_topk_indices(struct tuff_graph *g, tuff_val x, struct tuff_topk_params params);
/* f32, new last axis; an index outside of 0 .. depth-1 gives zeros. */
TUFF_API tuff_val tuff_one_hot(struct tuff_graph *g, tuff_val indices, uint32_t depth);
/* Uniform in [0, 1), f32: Philox 4x32-10 (Salmon et al. 2011), key = the graph's seed state, counter = (this value's number
 * among the graph's random ones, step, element). rng is the i32 [3] state of tuff_rng_state: seed low, seed high, step. */
TUFF_API tuff_val tuff_random_uniform(struct tuff_graph *g, tuff_val rng, struct tuff_shape shape);
TUFF_API tuff_val tuff_random_normal(struct tuff_graph *g, tuff_val rng, struct tuff_shape shape); /* Box-Muller */
/* x with probability 1-p, scaled by 1/(1-p), else 0 (Srivastava et al. 2014). */
TUFF_API tuff_val tuff_dropout(struct tuff_graph *g, tuff_val x, tuff_val rng, double p);
/* The graph's rng state, made at the first call (its seed is that of tuff_session_params). */
TUFF_API tuff_val tuff_rng_state(struct tuff_graph *g);

/* ---- gradients ---------------------------------------------------------------------------------------------------------------------- */

/* Adds the gradients of the sum of y (any shape; weighted by gy of y's shape, or by ones when gy is 0) by each of x[count] to
 * the graph and writes them to gx (zeros of x's shape where y does not depend on x). Gradients are summed in f32; that of an f16
 * value is then rounded to f16. */
TUFF_API void tuff_gradients(struct tuff_graph *g, tuff_val y, tuff_val gy, const tuff_val *x, uint32_t count, tuff_val *gx);

/* x itself. Gradients keep what lies behind the last checkpoint before y, and of all that comes before it the checkpoints and the
 * leaves alone: what they need besides is computed a second time, from the nearest checkpoint, when they come to it. That costs
 * up to one more forward pass and saves the memory of what lies between checkpoints (Chen et al. 2016, sublinear memory cost). */
TUFF_API tuff_val tuff_checkpoint(struct tuff_graph *g, tuff_val x);

/* Prints the graph as text, one value a line, or as DOT. The text is allocated with the context's allocator; free it with
 * tuff_text_free. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_graph_print(const struct tuff_graph *graph, char **text, struct tuff_error *error);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_graph_print_dot(const struct tuff_graph *graph, char **text,
                                                          struct tuff_error *error);
TUFF_API void tuff_text_free(struct tuff_context *context, char *text);
/* Reads tuff_graph_print's text into an empty graph. Untrusted input: errors FORMAT with the line. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_graph_parse(struct tuff_graph *graph, const char *text, struct tuff_error *error);
/* Value of a name (input, param, state, tuff_named), or 0. */
TUFF_API tuff_val tuff_graph_find(const struct tuff_graph *graph, const char *name);
/* Parameters and states by number (0 .. count-1), in the order in which they were added; names are borrowed. Past the end: zeros. */
struct tuff_leaf {
    const char *name;
    struct tuff_type type;
    bool trained; /* a parameter of f32; else a state, or a parameter of another type */
};
TUFF_API uint32_t tuff_graph_leaf_count(const struct tuff_graph *graph);
TUFF_API struct tuff_leaf tuff_graph_leaf(const struct tuff_graph *graph, uint32_t index);

/* ---- layers with parameters of their own ------------------------------------------------------------------------------------------------ */

/* Parameters NAME.weight and NAME.bias; Kaiming-uniform weights with gain 1 (for fan-in), zero bias. They are shared by calls
 * with the same name. dense: x [n, k] -> [n, units], weight [units, k]. conv2d: square kernel, weight [channels, ci/groups, k, k]. */
TUFF_API tuff_val tuff_layer_dense(struct tuff_graph *g, tuff_val x, const char *name, uint32_t units);
TUFF_API tuff_val tuff_layer_conv2d(struct tuff_graph *g, tuff_val x, const char *name, uint32_t channels, uint32_t kernel,
                                    struct tuff_conv2d_params params);
/* Parameters NAME.weight (ones), NAME.bias (zeros), states NAME.running_mean, NAME.running_var; eps 1e-5, momentum 0.1. In
 * training the states' assignments are added to the graph: list them among the outputs (tuff_model_fit does it itself). */
/* LSTM of so many units over x [T, n, e], from zeros; parameters NAME.weight_ih, NAME.weight_hh, NAME.bias, uniform within
 * 1 / sqrt(units) as torch.nn.LSTM's. Returns h [T, n, units]. */
TUFF_API tuff_val tuff_layer_lstm(struct tuff_graph *g, tuff_val x, const char *name, uint32_t units);
TUFF_API tuff_val tuff_layer_batch_norm(struct tuff_graph *g, tuff_val x, const char *name, bool training);
/* tuff_dropout with the graph's rng state in training, x in inference. */
TUFF_API tuff_val tuff_layer_dropout(struct tuff_graph *g, tuff_val x, double p, bool training);

/* ---- optimizers -------------------------------------------------------------------------------------------------------------------- */

enum tuff_schedule_kind {
    TUFF_SCHEDULE_CONSTANT = 0,
    TUFF_SCHEDULE_STEP,        /* lr gamma^(t / every), whole division */
    TUFF_SCHEDULE_MULTI_STEP,  /* lr gamma^(milestones at or below t) */
    TUFF_SCHEDULE_EXPONENTIAL, /* lr gamma^t */
    TUFF_SCHEDULE_COSINE /* min_lr + (lr - min_lr) (1 + cos(pi t / period)) / 2; min_lr from period on (Loshchilov 2017) */
};
/* Learning rate as a function of the update number, from 0. In warm-up (t < warmup) it is lr (t + 1) / (warmup + 1), or, with a
 * start_factor, lr (start_factor + (1 - start_factor) t / warmup); behind it t counts from the warm-up's end. */
struct tuff_schedule {
    enum tuff_schedule_kind kind;
    double lr;
    double gamma, min_lr, start_factor;
    uint64_t every, period, warmup; /* updates */
    const uint64_t *milestones;     /* rising; tuff_optimizer_build copies them */
    uint32_t milestone_count;
};
TUFF_API double tuff_schedule_lr(const struct tuff_schedule *schedule, uint64_t update);

enum tuff_optimizer_kind { TUFF_SGD = 0, TUFF_ADAM, TUFF_ADAMW };
struct tuff_optimizer_params {
    enum tuff_optimizer_kind kind;
    struct tuff_schedule schedule; /* its lr must be set */
    double momentum;               /* SGD: v = momentum v + g (Polyak; as PyTorch without dampening) */
    bool nesterov;                 /* SGD: step along g + momentum v */
    double beta1, beta2, eps;      /* Adam (Kingma and Ba 2015): 0 stands for 0.9, 0.999, 1e-8 */
    double weight_decay;           /* SGD, Adam: g += wd p; AdamW (Loshchilov and Hutter 2019): p -= lr wd p */
    double clip_norm;              /* > 0: gradients are scaled so that their common 2-norm is at most this */
    double clip_value;             /* > 0: each gradient element is clamped to +- this, before the norm */
    uint32_t accumulate;           /* n > 1: gradients of n runs are averaged, then one update is made */
    const struct tuff_param_group
        *groups; /* parameters that are trained otherwise, or not at all; tuff_optimizer_build copies them */
    uint32_t group_count;
};
enum { TUFF_PARAM_GROUPS = 15 }; /* at most, and the parameters of no group */
/* Parameters whose names match; each belongs to the first group that matches it. */
struct tuff_param_group {
    const char *name;     /* of the group, in the names of its states: letters, digits, - and _ */
    const char *pattern;  /* of names; * stands for any text: "features.*", "*.bias", "*" */
    double lr_factor;     /* of the schedule's rates; 0 stands for 1 */
    double weight_decay;  /* instead of the optimizer's, where it is not 0 */
    bool no_weight_decay; /* none */
    bool frozen;          /* never changed: no gradient is computed, there is no state */
};
/* Vectors over the trained parameters of a group, which lie in them in order of declaration, each at a multiple of 64 elements. */
struct tuff_optimizer_pack {
    const char *group; /* NULL: parameters of no group */
    uint32_t param_count;
    tuff_val gradients;          /* as the backward pass leaves them */
    tuff_val gradient_state;     /* state that holds them: at a station of `gradients` the host may read and write it */
    tuff_val momentum, variance; /* states, or 0 */
    tuff_val accumulated;        /* state, or 0 */
};
enum { TUFF_OPTIMIZER_UPDATES = 8 }; /* at most, of an optimizer without groups that is built before any session */
/* What tuff_optimizer_build makes; plain data, owned by the caller. */
struct tuff_optimizer {
    struct tuff_optimizer_params params;
    const tuff_val *updates; /* [in the graph] assignments, to be listed among the outputs of the training plan */
    uint32_t update_count;
    tuff_val grad_norm;     /* 2-norm of all gradients before clipping, or 0 without clip_norm */
    tuff_val table, cursor; /* states: rows of step sizes computed ahead by the host, and the row of the next run */
    struct tuff_optimizer_pack
        packs[TUFF_PARAM_GROUPS + 1]; /* parameters of no group, where there are any, then groups that are trained */
    uint32_t pack_count;
    uint64_t run;    /* runs fed so far; an update is made every params.accumulate runs */
    uint64_t filled; /* runs for which rows are on the device */
};
/* Adds gradients of the scalar loss by all parameters declared so far but frozen ones, and their update, to the graph: one launch for
 * each group, as its parameters lie side by side; where a session had given them memory before this call, one for each run of
 * neighbours. Once for a graph; loss must have one element. A group without parameters is an error. Errors are sticky in the graph. */
TUFF_API void tuff_optimizer_build(struct tuff_graph *g, tuff_val loss, const struct tuff_optimizer_params *params,
                                   struct tuff_optimizer *optimizer);
/* Call before each run of the plan: writes the next rows of step sizes when they are used up (every 256 runs), computed in
 * double from optimizer->run, which it advances. No waiting. */
struct tuff_session;
TUFF_API TUFF_MUST_CHECK tuff_status tuff_optimizer_feed(struct tuff_optimizer *optimizer, struct tuff_session *session,
                                                         struct tuff_error *error);
/* Goes on from this run: after loading a checkpoint. */
TUFF_API void tuff_optimizer_resume(struct tuff_optimizer *optimizer, uint64_t run);

/* ---- sessions: a graph on a device ---------------------------------------------------------------------------------------------- */

struct tuff_device;   /* backend.h */
struct tuff_compiler; /* executable.h */

struct tuff_session_params {
    size_t struct_size;
    uint64_t seed; /* of initial values, dropout and shuffling */
    /* NULL: tuff_glslang(); where that is not built in, or under TUFF_DEBUG_NOCOMPILER, kernels that Tuff's build has compiled:
     * every operator is a launch of its own. */
    const struct tuff_compiler *compiler;
};
/* Owns the parameters and states of a graph in device memory, with their initial values. The graph must outlive it; parameters and
 * states that it gets later come into memory of their own, and nothing moves. params may be NULL. One thread at a time.
 * Errors: the graph's own, DEVICE_MEMORY, MEMORY. */
struct tuff_session;
TUFF_API TUFF_MUST_CHECK tuff_status tuff_session_create(struct tuff_device *device, struct tuff_graph *graph,
                                                         const struct tuff_session_params *params,
                                                         struct tuff_session **session, struct tuff_error *error);
TUFF_API void tuff_session_destroy(struct tuff_session *session); /* after its executables; NULL is legal */
/* Content of a parameter or state, whole: tuff_dtype_size bytes. Ordered with runs. Errors: USAGE, DEVICE_LOST. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_session_write(struct tuff_session *session, tuff_val leaf, const void *data,
                                                        size_t bytes, struct tuff_error *error);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_session_read(struct tuff_session *session, tuff_val leaf, void *data, size_t bytes,
                                                       struct tuff_error *error);
TUFF_API struct tuff_graph *tuff_session_graph(const struct tuff_session *session);
TUFF_API struct tuff_device *tuff_session_device(const struct tuff_session *session);

/* A place in a run where these values are in the memory of their states, and what reads them has not run: tuff_executable_run_to.
 * The host may read and write the states there. */
struct tuff_station {
    const char *name;
    const tuff_val *values; /* packs or results of tuff_assign_rows that the outputs need */
    uint32_t count;
};
struct tuff_executable_params {
    size_t struct_size;
    const tuff_val *outputs; /* values to compute, and assignments to do */
    uint32_t output_count;
    uint32_t input_sets; /* 0: 1. With 2, inputs of the next run are written while the last one runs */
    bool profile;        /* timestamps around every launch (also by TUFF_DEBUG=timing) */
    struct tuff_progress progress;
    bool timed;                          /* two timestamps a run, for tuff_program_duration of tuff_executable_program */
    const struct tuff_station *stations; /* in the order in which a run comes to them */
    uint32_t station_count;
};
/* A compiled plan for some outputs of a graph (executable.h runs it). Several may share a session, and so its parameters; what is
 * constant is read from the graph. One thread at a time. */
struct tuff_executable;
/* Errors: SHAPE, UNSUPPORTED, COMPILE, DEVICE_MEMORY (with the figures), CANCELLED, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_session_compile(struct tuff_session *session,
                                                          const struct tuff_executable_params *params,
                                                          struct tuff_executable **executable, struct tuff_error *error);
/* Whole content of an input for the next run. Errors: USAGE. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_write(struct tuff_executable *executable, tuff_val input,
                                                           const void *data, size_t bytes, struct tuff_error *error);
/* The first bytes of output number `index` after the last run; waits for it. Errors: USAGE when it has fewer. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_read(struct tuff_executable *executable, uint32_t index, void *data,
                                                          size_t bytes, struct tuff_error *error);
/* What a plan takes and does, counted without a clock. Bytes are those of one run. */
struct tuff_plan_figures {
    uint32_t launches, barriers; /* of a run that has nothing to prepare, as are bytes and flops below */
    uint32_t prepare_launches;   /* more of a run after a parameter or state that these read was written */
    uint32_t submissions;        /* of the first run, by an estimate; those of later ones: tuff_program_counts */
    uint32_t pipelines;          /* distinct kernels with their specialization constants */
    uint32_t kernels;            /* distinct shader texts among them */
    /* What launches move: each launch counts what it binds, once for reading and once for writing, however often its kernel comes
     * back to it. Of what it reads through views and gathers it counts the elements that these can choose at most: 4 rows of an
     * embedding table, where there are 4 indices. Elements that a kernel itself skips (strides, padding) are counted. */
    uint64_t bytes_read, bytes_written;
    /* What no plan of the same graph can avoid to move: parameters, states, constants and inputs that are read, once (in part: as
     * much as the launch that reads most), outputs, and parameters and states that are written, once. States that serve within one
     * run alone, such as the vector of all gradients, count nothing. Parameters begin at multiples of 256 bytes; where an
     * optimizer's launch goes over all of them, what lies between them counts. */
    uint64_t bytes_least;
    uint64_t flops; /* of kernels (matmul, convolution, reductions and the like); multiply and add as two */
    uint64_t param_bytes, state_bytes, const_bytes, input_bytes, output_bytes; /* planned; input_bytes of all input_sets */
    uint64_t scratch_bytes;                                                    /* planned, for what lives within a run */
    uint64_t prepared_bytes;                                                   /* planned, for what launches prepare */
    uint64_t total_bytes;                                                      /* the sum of these seven */
    uint64_t largest_bytes; /* the largest memory of the plan: one allocation on the device */
    /* No placement of this order of launches could do with less scratch: the largest sum, over the launches, of what is alive
     * there, from the launch that writes it first to the one that uses it last. */
    uint64_t scratch_bound_bytes;
    /* Scratch that is kept for what comes behind output 0: values that launches write on the way to output 0 and that launches
     * read which are not on it. With the loss as output 0 that is what the forward pass saves for the backward pass, whenever the
     * loss itself is computed. What one launch computes for both (the gradient of a softmax beside its loss) is part of it;
     * inputs and parameters are not. 0 where nothing but output 0 is computed. */
    uint64_t saved_bytes;
    uint64_t plan_hash; /* of launches, kernels' texts and places in memory: the same for the same plan */
};
/* Plans for the device and tells, before anything is allocated on it or compiled. Only params' outputs and input_sets count.
 * Errors: SHAPE, UNSUPPORTED, DEVICE_MEMORY, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_plan_ask(struct tuff_device *device, const struct tuff_graph *graph,
                                                   const struct tuff_executable_params *params,
                                                   struct tuff_plan_figures *figures, struct tuff_error *error);
/* Is there now room for such a plan, its parameters and states among it, on the device? total_bytes lie within
 * tuff_device_available, each of its memories within max_allocation_bytes. */
TUFF_API bool tuff_plan_fits(struct tuff_device *device, const struct tuff_plan_figures *figures);
/* The figures of a compiled plan: those that tuff_plan_ask tells for the same graph, outputs and device. */
TUFF_API struct tuff_plan_figures tuff_executable_figures(const struct tuff_executable *executable);
/* What ran slower than it could and why, one line a launch: what was not fused into its neighbours and what kept it apart,
 * what took a general kernel for want of a better one, what was split. Free with tuff_text_free. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_report(const struct tuff_executable *executable, char **text,
                                                            struct tuff_error *error);

/* ---- definitions: what should come out? --------------------------------------------------------------------------------------- */

/* The whole content of an input, parameter or state, as tuff_executable_write and tuff_session_write take it. */
struct tuff_leaf_content {
    tuff_val leaf;
    const void *data; /* [borrowed] during the call */
};
struct tuff_evaluate_params {
    size_t struct_size;
    const tuff_val *outputs; /* values, or assignments: what the state would become */
    uint32_t output_count;
    /* Every input that the outputs need; parameters and states if they differ from the initial values of a session with this
     * seed. */
    const struct tuff_leaf_content *leaves;
    uint32_t leaf_count;
    uint64_t seed;
    struct tuff_progress progress; /* done and total count operations, about one for a multiply and add */
};
/* Evaluates outputs of a graph on the host, in double precision, with the operators' definitions: what a device's results are
 * compared with. results[i] is the caller's memory for as many doubles as outputs[i] has elements, or NULL: of no interest;
 * integers are exact, bool is 0 or 1. Casts round to the type they name; everything else, f16 values too, is kept in double.
 * The caller's device takes no part; plans, fusion and gradients of the graph are not used, but for those that it already has.
 * Only what the outputs need is computed, and dropped after its last use: the peak is 8 bytes an element of what is alive.
 * One thread, about 1e9 multiplications and additions a second in matmul and conv2d.
 * Errors: the graph's own; USAGE for an input without content, a leaf that is none; CANCELLED, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_evaluate(const struct tuff_graph *graph, const struct tuff_evaluate_params *params,
                                                   double *const *results, struct tuff_error *error);

/* ---- self-test: does this device compute what it should? ------------------------------------------------------------------------------ */

/* What was found of one family of kernels ("matmul", "softmax", ..). */
struct tuff_selftest_result {
    const char *family;  /* static text */
    tuff_status status;  /* TUFF_OK, WRONG, or why it did not run */
    const char *message; /* the sentence of a failure, else ""; only during the call */
    uint64_t elements;   /* compared; 0: no kernel of this family is used on this device */
    double error, bound; /* the largest error as a part of its bound, and that bound; 0, 0 where all is exact */
    double milliseconds; /* compiling, running, comparing */
};
struct tuff_selftest_params {
    size_t struct_size;
    const struct tuff_compiler *compiler;                                  /* as in tuff_session_params */
    struct tuff_progress progress;                                         /* families so far */
    void (*report)(void *user, const struct tuff_selftest_result *result); /* after each family; NULL: none */
    void *user;
};
/* Runs every family of kernels that this device is given on small odd shapes and compares the results with definitions in double
 * precision, within bounds that follow from the arithmetic: drivers are known that compute wrong numbers in silence. params may be
 * NULL. All families are tried; returns TUFF_OK or the first failure. Takes about a second when the caches are warm.
 * Errors: WRONG, with operator, element, expected, got and driver; else as tuff_session_compile and tuff_executable_run. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_selftest(struct tuff_device *device, const struct tuff_selftest_params *params,
                                                   struct tuff_error *error);

/* ---- models: declare, fit, evaluate, predict ---------------------------------------------------------------------------------------- */

enum tuff_loss { TUFF_LOSS_CROSS_ENTROPY = 0, TUFF_LOSS_MSE };

struct tuff_model_params {
    size_t struct_size;
    /* The network: adds values to g and returns the outputs [batch, ...] (logits for cross entropy). Called for training and
     * for inference; parameters of the same name are shared. x is f32 [batch, sample...], already scaled. */
    tuff_val (*build)(struct tuff_graph *g, tuff_val x, bool training, void *user);
    void *user;
    struct tuff_type sample; /* one sample as it is stored: u8 or f32, shape without the batch axis */
    double scale, shift;     /* x = stored * scale + shift; scale 0 stands for 1/255 of u8 and 1 of f32 */
    enum tuff_loss loss;
    double label_smoothing;        /* cross entropy */
    uint32_t batch;                /* 0: 64 */
    uint64_t seed;                 /* of initial values, shuffling, dropout, the validation split */
    struct tuff_progress progress; /* of compiling; its cancel also stops fits (as on_step does), evaluations, predictions */
};
/* A network with its parameters on a device, and the plans to train and to run it. One thread at a time. */
struct tuff_model;
/* Errors: the network's SHAPE and USAGE errors, MEMORY. Plans are compiled when they are first needed. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_create(struct tuff_device *device, const struct tuff_model_params *params,
                                                       struct tuff_model **model, struct tuff_error *error);
TUFF_API void tuff_model_destroy(struct tuff_model *model); /* NULL is legal */

/* Samples in the caller's memory. */
struct tuff_data {
    uint64_t count;
    const void *x;         /* [count, sample...] of the model's sample type */
    const int32_t *labels; /* [count] classes, for cross entropy; checked against the number of outputs */
    const float *targets;  /* [count, outputs...], for mean squared error */
};
struct tuff_metrics {
    double loss;     /* mean per sample */
    double accuracy; /* share of right classes, 0 without classes */
};
struct tuff_fit_progress {  /* of the current epoch so far */
    uint32_t epoch, epochs; /* from 0 */
    uint64_t step, steps;
    struct tuff_metrics train;
    double samples_per_second, seconds_left; /* of the whole fit */
};
struct tuff_epoch {
    uint32_t epoch;                        /* from 0 */
    struct tuff_metrics train, validation; /* validation is that of train where nothing was set apart */
    bool best;                             /* smallest validation loss so far */
    double seconds, samples_per_second;
};
struct tuff_fit_params {
    size_t struct_size;
    struct tuff_optimizer_params optimizer; /* must be the same in every fit of one model */
    uint32_t epochs;
    double validation_share;            /* of the data, set apart by the seed; 0: none */
    const struct tuff_data *validation; /* other data instead, or NULL */
    uint32_t patience;                  /* > 0: stops after so many epochs without a better validation loss */
    bool stream;                        /* sends batches from the host, also where the data would fit on the device */
    /* Callbacks may be NULL; they are called on the calling thread. on_step: about every half second; false stops the fit with
     * TUFF_ERR_CANCELLED after the current step, from which it can be resumed. on_epoch: false ends the fit with TUFF_OK. */
    bool (*on_step)(void *user, const struct tuff_fit_progress *progress);
    bool (*on_epoch)(void *user, const struct tuff_epoch *epoch);
    void *user;
    /* Saves what is needed to go on (loaders.h fills it); called after every epoch and when the fit is cancelled. */
    tuff_status (*save)(void *user, struct tuff_model *model, struct tuff_error *error);
    void *save_user;
};
/* Trains until `epochs` epochs are done in all, counted from the model's creation or what it was resumed from. Errors: USAGE,
 * CANCELLED, DEVICE_LOST, what save returns. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_fit(struct tuff_model *model, const struct tuff_data *data,
                                                    const struct tuff_fit_params *params, struct tuff_error *error);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_evaluate(struct tuff_model *model, const struct tuff_data *data,
                                                         struct tuff_metrics *metrics, struct tuff_error *error);
/* out [count, outputs...]: probabilities for cross entropy, else the outputs. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_predict(struct tuff_model *model, const void *x, uint64_t count, float *out,
                                                        struct tuff_error *error);
/* Number of outputs of one sample. */
TUFF_API uint64_t tuff_model_outputs(const struct tuff_model *model);

/* Place in the training, for resuming; plain data. */
struct tuff_fit_state {
    uint64_t epoch, step; /* done */
    uint64_t run;         /* training runs in all */
    double best_loss;     /* of validation */
    uint64_t best_epoch, since_best;
    double loss_sum; /* of the current epoch up to the last reading */
    /* what the order of samples hangs on; a fit refuses to go on with others */
    uint64_t seed, batch, samples, train_samples;
};
TUFF_API struct tuff_fit_state tuff_model_state(const struct tuff_model *model);
/* Sets the place; parameters and states are written with tuff_model_write. Call before the first fit. */
TUFF_API void tuff_model_resume(struct tuff_model *model, const struct tuff_fit_state *state);
/* Parameters and states by number (0 .. count-1), those that a checkpoint needs; names are borrowed. Before the first fit
 * with the optimizer there are no states of it: tuff_model_prepare makes them. */
TUFF_API uint32_t tuff_model_leaf_count(const struct tuff_model *model);
TUFF_API struct tuff_leaf tuff_model_leaf(const struct tuff_model *model, uint32_t index);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_read(struct tuff_model *model, const char *name, void *data, size_t bytes,
                                                     struct tuff_error *error);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_write(struct tuff_model *model, const char *name, const void *data,
                                                      size_t bytes, struct tuff_error *error);
/* Adds the training part (optimizer states) for this data and these parameters, as the first fit would. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_prepare(struct tuff_model *model, const struct tuff_data *data,
                                                        const struct tuff_fit_params *params, struct tuff_error *error);
/* What training with this data and these parameters would take, before anything is allocated (tuff_plan_ask). Only counts
 * and shapes matter: data->x and labels or targets are not read. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_memory(const struct tuff_model *model, const struct tuff_data *data,
                                                       const struct tuff_fit_params *params,
                                                       struct tuff_plan_figures *figures, struct tuff_error *error);
/* The network for inference of one batch as graph text: input "x" of the stored type, output "probabilities" (cross entropy)
 * or "outputs". Free with tuff_text_free. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_graph(struct tuff_model *model, uint32_t batch, char **text,
                                                      struct tuff_error *error);
/* Figures of the training plan (zeros before the first fit). */
TUFF_API struct tuff_plan_figures tuff_model_figures(const struct tuff_model *model);
TUFF_API struct tuff_executable *tuff_model_training(struct tuff_model *model); /* borrowed; NULL before the first fit */

/* An operator of the table at a size that shows what it costs: for programs that measure them all, as tuff-bench does. */
struct tuff_operator_example {
    const char *name, *sizes; /* static text: "lrn", "8x96x55x55" */
    tuff_val in[6], y;        /* 0 without a graph */
    uint32_t in_count;
    double flops, terms; /* of the result; of its longest sum */
};
/* Adds the inputs and the operator of example `index` to g; with g NULL only names it. False: there is none of this number.
 * A failure is sticky in the graph. */
TUFF_API bool tuff_operator_example(struct tuff_graph *g, uint32_t index, struct tuff_operator_example *out);

#ifdef __cplusplus
}
#endif
#endif
