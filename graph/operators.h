/* operators.h - builders of operators, loops, and gradients. Public, part of graph.h. */
#ifndef TUFF_OPERATORS_H
#define TUFF_OPERATORS_H

#include "graph/values.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- pointwise (rows of graph/ops/pointwise.def; broadcasting as in ONNX and NumPy) ------------------------------------- */

#define TUFF_PW1(name, onnx, y, da, edges) TUFF_API tuff_val tuff_##name(struct tuff_graph *g, tuff_val a);
#define TUFF_PW1P(name, onnx, y, da, edges)                                                                                 \
    TUFF_API tuff_val tuff_##name(struct tuff_graph *g, tuff_val a, double p0, double p1);
#define TUFF_PW2(name, onnx, y, da, db, edges) TUFF_API tuff_val tuff_##name(struct tuff_graph *g, tuff_val a, tuff_val b);
#define TUFF_PW2B(name, onnx, y, edges) TUFF_API tuff_val tuff_##name(struct tuff_graph *g, tuff_val a, tuff_val b);
#include "graph/ops/pointwise.def"
/* The bits of whole numbers turned, -1 - a, i32. Source: ONNX BitwiseNot-18. Errors: SHAPE (floats). */
TUFF_API tuff_val tuff_bit_not(struct tuff_graph *g, tuff_val a);
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
/* Products, f32; of whole numbers i32 modulo 2^32. The gradient is right where elements are 0. Source: ONNX ReduceProd-18. */
TUFF_API tuff_val tuff_prod(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep);
/* Of floats or i32, as the positions below. */
TUFF_API tuff_val tuff_reduce_max(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep);
TUFF_API tuff_val tuff_reduce_min(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep);
TUFF_API tuff_val tuff_logsumexp(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep);
/* Index (i32) of the first largest or smallest element along one axis; negative axes count from the end. */
TUFF_API tuff_val tuff_argmax(struct tuff_graph *g, tuff_val x, int axis, enum tuff_keep keep);
TUFF_API tuff_val tuff_argmin(struct tuff_graph *g, tuff_val x, int axis, enum tuff_keep keep);
/* Running sums of f32, or i32 (modulo 2^32). Source: ONNX CumSum-14. */
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

/* ---- matmul and convolution ------------------------------------------------------------------------------------------------- */

struct tuff_matmul_params {
    bool transpose_a, transpose_b;
    tuff_val count; /* 0, or an i32 of one element: the sum ends before this k (a cache of keys that is part full) */
};
/* c[.., i, j] = sum_k a[.., i, k] * b[.., k, j]; with transpose_a a is [.., k, i], with transpose_b b is [.., j, k].
 * Ranks 2 and up, batch axes broadcast; each f32 or f16, c f32, f32 sums; or each i8, c i32, exact sums, which wrap; these have no gradient. Source: ONNX MatMul-13,
 * MatMulInteger-10. */
TUFF_API tuff_val tuff_matmul(struct tuff_graph *g, tuff_val a, tuff_val b, struct tuff_matmul_params params);

struct tuff_conv2d_params {
    uint32_t stride[2], dilation[2]; /* h, w; 0 stands for 1 */
    uint32_t pad[4];                 /* top, left, bottom, right */
    uint32_t groups;                 /* 0 stands for 1 */
    tuff_val
        zero; /* of i8: 0, or an i32 of one element, -128 to 127, that stands for 0 in x and is taken off its elements */
};
/* Cross-correlation: y[n,o,i,j] = sum_{c,u,v} x[n, c, i*sh + u*dh - top, j*sw + v*dw - left] * w[o,c,u,v] (+ b[o]).
 *   x [n, ci, h, w], w [co, ci/groups, kh, kw], b [co] or 0; each f32 or f16, y f32, f32 sums; or x and w i8, b 0, y i32,
 *   exact sums, which wrap, of at most 514 taps; these have no gradient. Source: ONNX Conv-11, ConvInteger-10. */
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
TUFF_API tuff_val tuff_global_avg_pool(struct tuff_graph *g, tuff_val x); /* [n, c, ..] -> [n, c, 1, ..] */

/* ---- indexing and random ---------------------------------------------------------------------------------------------------------- */

/* Indices of these four that are negative count from the end. What then lies outside is refused where the host writes it into an input
 * (tuff_executable_write); what a device computes is clamped to the first or the last element. Nothing is read or written elsewhere.
 * y = x with axis replaced by indices' shape (ONNX Gather-13, embedding with axis 0). */
TUFF_API tuff_val tuff_gather(struct tuff_graph *g, tuff_val x, tuff_val indices, int axis);
/* y[i,j,..] = x[.., indices[i,j,..] at axis, ..] (ONNX GatherElements-13). */
TUFF_API tuff_val tuff_gather_elements(struct tuff_graph *g, tuff_val x, tuff_val indices, int axis);
/* What becomes of what is at a place where something is put. */
enum tuff_scatter_mode {
    TUFF_SCATTER_NONE = 0, /* it is overwritten: of equal places the last of the source in row-major order stays */
    TUFF_SCATTER_ADD,
    TUFF_SCATTER_MUL,
    TUFF_SCATTER_MIN,
    TUFF_SCATTER_MAX
};
/* y = x with y[.., indices[i,j,..] at axis, ..] joined by source[i,j,..], in a fixed order. Source: ONNX ScatterElements-18.
 *   x        f32 | i32 (sums and products modulo 2^32)
 *   indices  i32, source's shape; or, where whole rows go to one place (the gradient of gather), one dimension alone:
 *            [1, .., n, .., 1], source's others being those of x
 *   source   x's type; but on the axis no longer than x
 * Gradients: of what is overwritten 0 (of the source too); of equal extrema its even share; of products also right where factors are 0.
 * Errors: SHAPE (types, shapes, axis, mode). */
TUFF_API tuff_val tuff_scatter(struct tuff_graph *g, tuff_val x, tuff_val indices, tuff_val source, int axis,
                               enum tuff_scatter_mode mode);
/* With TUFF_SCATTER_ADD. */
TUFF_API tuff_val tuff_scatter_add(struct tuff_graph *g, tuff_val x, tuff_val indices, tuff_val source, int axis);
struct tuff_topk_params {
    int axis;
    uint32_t k;
    bool smallest;
};
struct tuff_topk {
    tuff_val values, indices; /* as x; i32 */
};
/* The k largest elements (of floats or i32) along the axis and their positions, in falling order, ties by lower index; NaN counts as larger than every
 * number (ONNX TopK-11). One launch computes what is read of both. */
TUFF_API struct tuff_topk tuff_topk(struct tuff_graph *g, tuff_val x, struct tuff_topk_params params);
/* The positions alone. */
TUFF_API tuff_val tuff_topk_indices(struct tuff_graph *g, tuff_val x, struct tuff_topk_params params);
/* f32, new last axis; an index outside of 0 .. depth-1 gives zeros. */
TUFF_API tuff_val tuff_one_hot(struct tuff_graph *g, tuff_val indices, uint32_t depth);
/* Uniform in [0, 1), f32: Philox 4x32-10 (Salmon et al. 2011), key = the graph's seed state, counter = (this value's number
 * among the graph's random ones, step, element). rng is the i32 [3] state of tuff_rng_state: seed low, seed high, step. Trainers advance
 * the step; another executable draws the same numbers in each run, unless tuff_rng_advance is among its outputs. */
TUFF_API tuff_val tuff_random_uniform(struct tuff_graph *g, tuff_val rng, struct tuff_shape shape);
TUFF_API tuff_val tuff_random_normal(struct tuff_graph *g, tuff_val rng, struct tuff_shape shape); /* Box-Muller */
/* x with probability 1-p, scaled by 1/(1-p), else 0 (Srivastava et al. 2014). */
TUFF_API tuff_val tuff_dropout(struct tuff_graph *g, tuff_val x, tuff_val rng, double p);
/* The graph's rng state, made at the first call (its seed is that of tuff_session_params). */
TUFF_API tuff_val tuff_rng_state(struct tuff_graph *g);
/* The assignment of its next step, for the outputs of executables that are to draw anew in each run. */
TUFF_API tuff_val tuff_rng_advance(struct tuff_graph *g);

/* ---- gradients ---------------------------------------------------------------------------------------------------------------------- */

/* Adds the gradients of the sum of y (any shape; weighted by gy of y's shape, or by ones when gy is 0) by each of x[count] to
 * the graph and writes them to gx (zeros where y does not depend on x). They are summed in f32; that of an f16 value is then rounded. */
TUFF_API void tuff_gradients(struct tuff_graph *g, tuff_val y, tuff_val gy, const tuff_val *x, uint32_t count, tuff_val *gx);
/* x, through which no gradient flows: PyTorch's detach, Keras's stop_gradient. */
TUFF_API tuff_val tuff_detach(struct tuff_graph *g, tuff_val x);

/* x itself. Gradients keep what lies behind the last checkpoint before y, and of all that comes before it the checkpoints and the
 * leaves alone: what they need besides is computed a second time, from the nearest checkpoint, when they come to it. That costs
 * up to one more forward pass and saves the memory of what lies between checkpoints (Chen et al. 2016, sublinear memory cost). */
TUFF_API tuff_val tuff_checkpoint(struct tuff_graph *g, tuff_val x);

#ifdef __cplusplus
}
#endif
#endif
