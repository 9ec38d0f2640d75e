/* compose.h - what compositions of operators share (layers, losses, modules): operands, softmax's shift, reductions, parameters. Private. */
#ifndef TUFF_COMPOSE_H
#define TUFF_COMPOSE_H

#include "graph/op.h"
#include "graph/places.h"
#include "graph/sequence.h"
#include "graph/spatial.h"

/* [c] as [1, c, 1, ..] for a value of this rank */
tuff_val tuff_as_channels(struct tuff_graph *g, tuff_val v, uint32_t rank);
/* All are floats; the first is there, and of the others those that are not 0. */
bool tuff_takes_floats(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count);
/* Of floats as above, where those behind the first have the shape of x's axes [first, first + rank), which the sentence calls `axes`. */
bool tuff_takes_scales(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count, uint32_t first,
                       uint32_t rank, const char *axes);
/* x minus the (constant) largest element, and its axis as a mask; 0 on failure */
tuff_val tuff_shifted(struct tuff_graph *g, const char *what, tuff_val x, int axis, uint32_t *axes);
/* tuff_attention, whose weights [b, h, t, s] go to *weights (NULL: nobody asks): as they are after dropout, 0 on failure. */
tuff_val tuff_attention_weighted(struct tuff_graph *g, tuff_val q, tuff_val k, tuff_val v,
                                 struct tuff_attention_params params, tuff_val *weights);

/* ---- over space (spatial_conv.c, spatial_pool.c) ------------------------------------------------------------------------------------ */

/* Windows of a convolution or pool over axes of space, the first of which come first: one to three, where it is built. */
enum { TUFF_MAX_SPACE = TUFF_MAX_RANK - 2 };
struct tuff_windows {
    uint32_t axes, kernel[TUFF_MAX_SPACE], stride[TUFF_MAX_SPACE], dilation[TUFF_MAX_SPACE];
    uint32_t begin[TUFF_MAX_SPACE], end[TUFF_MAX_SPACE]; /* padding */
    uint32_t groups;                                     /* of a convolution, whose stride and dilation are not 0 */
    uint32_t output_pad[TUFF_MAX_SPACE];                 /* of a transposed one */
    tuff_val zero; /* 0, or, of a convolution of i8 over one axis or two, tuff_conv2d_params.zero */
    bool transposed, mean, ceil_mode, count_include_pad; /* the last three of pools */
    const char *what;                                    /* of pools, for sentences */
};
/* Of x, w and b, or 0. */
tuff_val tuff_convolve(struct tuff_graph *g, const tuff_val in[3], const struct tuff_windows *w);
tuff_val tuff_pool(struct tuff_graph *g, tuff_val x, const struct tuff_windows *w);

/* How elements are read at places that are data (spatial_sample.c). */
struct tuff_sampling {
    enum tuff_sample_mode mode;
    enum tuff_sample_padding padding;
    bool align_corners; /* what is reflected: about the centres of the outer elements */
    bool clamped;       /* places beyond are not told apart: of finite pictures, as their weight is 0 */
    bool largest;       /* of the taps with their weights, in place of their sum */
};
/* x [n, c, ..] of two or three axes of space, at places at[k] [n, 1, P] along axis 2 + k, counted in elements: f32 [n, c, P]. */
tuff_val tuff_sample(struct tuff_graph *g, tuff_val x, const tuff_val *at, uint32_t axes, const struct tuff_sampling *s);
/* tuff_affine_grid of maps [n, axes, axes + 1]: [n, size .., axes]. alone: the place of an axis's only element with aligned corners. */
tuff_val tuff_affine_places(struct tuff_graph *g, tuff_val theta, const uint32_t *size, uint32_t axes, bool align_corners,
                            double alone);

/* ---- loops (scan.c), recurrent cells (recurrent.c) ---------------------------------------------------------------------------------- */

/* A loop while it is built: its body, and what that is given, in the order of its inputs: carries, sequences, invariants. */
struct tuff_loop {
    struct tuff_graph *g, *body; /* body [owned] until tuff_loop_end */
    tuff_val given[16];
    uint32_t carries, sequences, count;
};
enum tuff_loop_part { TUFF_LOOP_CARRY, TUFF_LOOP_ROW, TUFF_LOOP_ALWAYS };
bool tuff_loop_begin(struct tuff_graph *g, struct tuff_loop *l); /* false after a sticky failure */
/* What the body sees of a value; 0 of 0. */
tuff_val tuff_loop_give(struct tuff_loop *l, enum tuff_loop_part part, tuff_val v);
tuff_val tuff_loop_end(struct tuff_loop *l, const tuff_val *outputs, uint32_t count, bool reverse);

/* Whether round t of a sequence is there: bool [t, n, 1], of lengths [n]. */
tuff_val tuff_rounds_seen(struct tuff_graph *g, tuff_val lengths, uint32_t t, uint32_t n);

/* One direction of a recurrent layer over what the rows say to its gates. */
struct tuff_recurrence {
    enum { TUFF_RECUR_RNN, TUFF_RECUR_GRU, TUFF_RECUR_LSTM } kind;
    uint32_t h;
    uint32_t gate[4]; /* where they lie: of LSTM i, o, f, c; of GRU z, r (the first two), h */
    bool coupled;     /* of LSTM: f is 1 - i */
    bool linear;      /* of GRU: r is multiplied behind the product of h */
    bool reverse;
    tuff_val rows, seen, first[2]; /* [t, n, gates h]; bool [t, n, 1], or 0: all; h, c [n, ..], or 0: zeros */
    tuff_val w, w_rest;            /* products with h: of all gates, or where GRU is not linear of z, r, and of h */
    tuff_val product_bias, bias;   /* 0, or added to the product; to GRU's h before it is multiplied by r */
    tuff_val peephole, w_hr;       /* of LSTM: 0, or [3 h] of i, o, f; [p, h] */
    /* Function 0 is that of gates (of RNN: its own), 1 of what is new, 2 of LSTM's c. */
    tuff_val (*activate)(const struct tuff_recurrence *r, struct tuff_graph *g, uint32_t function, tuff_val x);
    const void *user;
};
struct tuff_recurrent tuff_recurrence(struct tuff_graph *g, const struct tuff_recurrence *r);

/* ---- losses (losses*.c) ---------------------------------------------------------------------------------------------------------- */

bool tuff_loss_reduction(struct tuff_graph *g, const char *what, enum tuff_reduction reduction);
/* in[count] are floats of one shape: broadcasting them would count pairs that nobody means. */
bool tuff_loss_takes(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count,
                     enum tuff_reduction reduction);
/* Logits [n, c, ..], labels [n, ..], weights [c] or 0, and the numbers of params */
bool tuff_loss_takes_labels(struct tuff_graph *g, const char *what, tuff_val logits, tuff_val labels,
                            const struct tuff_cross_entropy_params *params);
tuff_val tuff_loss_reduce(struct tuff_graph *g, tuff_val loss, enum tuff_reduction reduction);
/* A weight of x's shape or of its first axes, as one that broadcasts with x; 0 and a sentence where it is another. */
tuff_val tuff_loss_weight(struct tuff_graph *g, const char *what, tuff_val x, tuff_val weight);
/* v where it is above least, else least with gradient 0. */
tuff_val tuff_loss_at_least(struct tuff_graph *g, tuff_val v, double least);

/* ---- layers with parameters of their own ------------------------------------------------------------------------------------------- */

/* One call of a layer. */
struct tuff_module {
    struct tuff_graph *g;
    const char *kind, *name; /* for sentences: dense 'hidden' */
};

extern const struct tuff_init tuff_init_zeros, tuff_init_ones;
/* As PyTorch's dense and convolution layers: uniform within 1 / sqrt(fan_in), of weights and of their bias (Kaiming-uniform with a = sqrt(5)). */
extern const struct tuff_init tuff_init_torch;
struct tuff_init tuff_init_within(double bound); /* uniform in [-bound, bound] */

/* True when the graph has not failed, the layer has a name, and x is a value of floats. */
bool tuff_module_begin(const struct tuff_module *m, tuff_val x);
tuff_val tuff_module_fail(const struct tuff_module *m, tuff_status status, const char *what);
/* "dense 'hidden': it takes f32 [.., k], not x ..", SHAPE */
tuff_val tuff_module_refuse(const struct tuff_module *m, const char *takes, tuff_val x);
/* NAME.part; standard where init was left out */
tuff_val tuff_module_param(const struct tuff_module *m, const char *part, struct tuff_shape shape, struct tuff_init init,
                           struct tuff_init standard);
tuff_val tuff_module_state(const struct tuff_module *m, const char *part, struct tuff_shape shape, struct tuff_init init);
/* NAME.bias of so many numbers, uniform within 1 / sqrt(numbers of the weight for each of its results), or 0 without a bias. */
tuff_val tuff_module_bias(const struct tuff_module *m, bool none, uint32_t count, uint64_t fan_in, struct tuff_init init);
/* eps, or 1e-5; 0 after a failure */
double tuff_module_eps(const struct tuff_module *m, struct tuff_number eps);

#endif
