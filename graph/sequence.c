/* sequence.c - norms of groups and instances, embedding, and small layers beside them: parameters by name, and compositions of operators. */
#include "graph/sequence.h"
#include "graph/compose.h"
#include "graph/ops/view.h"

#include <math.h>

/* ---- norms ------------------------------------------------------------------------------------------------------------------------ */

tuff_val tuff_layer_group_norm(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_group_norm_params p)
{
    const struct tuff_module l = {g, "group_norm", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!tuff_module_begin(&l, x)) return 0;
    if (!p.groups) return tuff_module_fail(&l, TUFF_ERR_USAGE, "groups is 0: it is into how many the channels are divided");
    if (shape.rank < 2 || shape.dim[1] % p.groups)
        return tuff_module_refuse(&l, "[n, c, ..] with c divisible by its groups", x);
    double eps = tuff_module_eps(&l, p.eps);
    tuff_val gamma = 0, beta = 0;
    if (!p.no_affine) {
        gamma = tuff_module_param(&l, "weight", TUFF_SHAPE(shape.dim[1]), p.weight, tuff_init_ones);
        beta = tuff_module_param(&l, "bias", TUFF_SHAPE(shape.dim[1]), p.bias, tuff_init_zeros);
    }
    return tuff_group_norm(g, x, gamma, beta, p.groups, eps);
}

/* [c] of each of n samples: [n * c] */
static tuff_val repeated(struct tuff_graph *g, tuff_val v, uint32_t n, uint32_t c)
{
    return tuff_reshape(g, tuff_expand(g, v, TUFF_SHAPE(n, c)), TUFF_SHAPE(n * c));
}

/* Samples are channels of one sample, whose running statistics are joined by their mean, as PyTorch does. */
static tuff_val tracked(const struct tuff_module *l, tuff_val x, const tuff_val in[4], double eps, double momentum)
{
    struct tuff_graph *g = l->g;
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    const uint32_t n = shape.dim[0], c = shape.dim[1];
    tuff_val each[4];
    for (int i = 0; i < 4; i++) each[i] = repeated(g, in[i], n, c);
    struct tuff_batch_norm r = tuff_batch_norm_train(g, tuff_reshape(g, x, TUFF_SHAPE(1, n * c, 0)), each[0], each[1],
                                                     each[2], each[3], eps, momentum);
    tuff_assign(g, in[2], tuff_mean(g, tuff_reshape(g, r.mean, TUFF_SHAPE(n, c)), 1, TUFF_DROP_AXES));
    tuff_assign(g, in[3], tuff_mean(g, tuff_reshape(g, r.var, TUFF_SHAPE(n, c)), 1, TUFF_DROP_AXES));
    return tuff_reshape(g, r.y, shape);
}

tuff_val tuff_layer_instance_norm(struct tuff_graph *g, tuff_val x, const char *name,
                                  struct tuff_layer_instance_norm_params p)
{
    const struct tuff_module l = {g, "instance_norm", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!tuff_module_begin(&l, x)) return 0;
    if (shape.rank < 3) return tuff_module_refuse(&l, "[n, c, l..]", x);
    const uint32_t c = shape.dim[1];
    const bool running = p.track_running_stats && !p.training;
    if (!running && tuff_shape_count(&shape) == (uint64_t)shape.dim[0] * c)
        return tuff_module_refuse(&l, "[n, c, l..] with more than one value for each channel: one alone has no variance", x);
    double eps = tuff_module_eps(&l, p.eps), momentum = tuff_number_or(p.momentum, 0.1);
    if (!(momentum >= 0 && momentum <= 1)) return tuff_module_fail(&l, TUFF_ERR_USAGE, "momentum must be from 0 to 1");
    tuff_val in[4] = {0}; /* weight, bias, running mean and variance */
    if (p.affine) {
        in[0] = tuff_module_param(&l, "weight", TUFF_SHAPE(c), p.weight, tuff_init_ones);
        in[1] = tuff_module_param(&l, "bias", TUFF_SHAPE(c), p.bias, tuff_init_zeros);
    }
    if (!p.track_running_stats) return tuff_group_norm(g, x, in[0], in[1], c, eps);
    in[2] = tuff_module_state(&l, "running_mean", TUFF_SHAPE(c), tuff_init_zeros);
    in[3] = tuff_module_state(&l, "running_var", TUFF_SHAPE(c), tuff_init_ones);
    for (int i = 0; i < 2 && !p.affine; i++) in[i] = tuff_full(g, TUFF_F32, TUFF_SHAPE(c), i == 0);
    return running ? tuff_batch_norm_infer(g, x, in[0], in[1], in[2], in[3], eps) : tracked(&l, x, in, eps, momentum);
}

/* ---- embedding, small layers ------------------------------------------------------------------------------------------------------ */

tuff_val tuff_layer_embedding(struct tuff_graph *g, tuff_val indices, const char *name, struct tuff_layer_embedding_params p)
{
    const struct tuff_module l = {g, "embedding", name};
    struct tuff_type type = tuff_type_of(g, indices);
    if (!tuff_module_begin(&l, indices)) return 0;
    if (!p.count || !p.size || p.count > INT32_MAX)
        return tuff_module_fail(&l, TUFF_ERR_USAGE, "count or size is 0, or above 2^31");
    if (p.padding && (p.padding_idx < -(int64_t)p.count || p.padding_idx >= (int64_t)p.count))
        return tuff_module_fail(&l, TUFF_ERR_USAGE, "padding_idx is no row of the table");
    if (type.dtype != TUFF_I32 || type.shape.rank >= TUFF_MAX_RANK)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "embedding", &indices, 1,
                                 "layer '%s' takes i32 [..], of at most %d axes", name, TUFF_MAX_RANK - 1);
    struct tuff_init init = p.weight;
    if (tuff_init_unset(&init)) init = (struct tuff_init){.kind = TUFF_INIT_NORMAL, .b = 1};
    const int32_t row = p.padding_idx < 0 ? p.padding_idx + (int32_t)p.count : p.padding_idx;
    if (p.padding) init.zero_row = (uint32_t)row + 1;
    tuff_val y = tuff_gather(g, tuff_module_param(&l, "weight", TUFF_SHAPE(p.count, p.size), init, init), indices, 0);
    if (!p.padding) return y;
    tuff_val at = tuff_unsqueeze(g, indices, -1), held = tuff_detach(g, y);
    for (int end = 0; end < 2; end++) { /* rows are named from either end */
        int32_t number = end ? row - (int32_t)p.count : row;
        tuff_val pad = tuff_equal(g, at, tuff_constant(g, (struct tuff_type){TUFF_I32, {0}}, &number));
        y = tuff_select(g, pad, held, y);
    }
    return y;
}

tuff_val tuff_layer_channel_dropout(struct tuff_graph *g, tuff_val x, double p, bool training)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!tuff_graph_takes_one(g, "channel_dropout", x, 0)) return 0;
    if (shape.rank < 2)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "channel_dropout", &x, 1,
                                 "it must be [n, c, ..], with channels as its second axis");
    for (uint32_t i = 2; i < shape.rank; i++) shape.dim[i] = 1;
    tuff_val kept = tuff_layer_dropout(g, tuff_full(g, TUFF_F32, shape, 1), p, training);
    return training && p > 0 ? tuff_mul(g, x, kept) : tuff_graph_ok(g) ? x : 0;
}

tuff_val tuff_layer_prelu(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_prelu_params p)
{
    const struct tuff_module l = {g, "prelu", name};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!tuff_module_begin(&l, x)) return 0;
    if (p.channels && shape.rank < 2) return tuff_module_refuse(&l, "[n, c, ..] for a slope of each channel", x);
    tuff_val slope = tuff_module_param(&l, "weight", TUFF_SHAPE(p.channels ? shape.dim[1] : 1), p.weight,
                                       (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 0.25});
    if (p.channels) slope = tuff_as_channels(g, slope, shape.rank);
    if (shape.rank == 0) slope = tuff_reshape(g, slope, shape);
    tuff_val above = tuff_greater(g, x, tuff_scalar(g, 0));
    return tuff_select(g, above, x, tuff_mul(g, x, slope));
}

tuff_val tuff_layer_bilinear(struct tuff_graph *g, tuff_val a, tuff_val b, const char *name,
                             struct tuff_layer_bilinear_params p)
{
    const struct tuff_module m = {g, "bilinear", name};
    struct tuff_shape left = tuff_type_of(g, a).shape, right = tuff_type_of(g, b).shape, before = right;
    if (!tuff_module_begin(&m, a) || !tuff_graph_takes_one(g, "bilinear", b, 1)) return 0;
    if (!p.units)
        return tuff_module_fail(&m, TUFF_ERR_USAGE, "units is 0: it is how many numbers each row of the result has");
    if (left.rank) before.dim[left.rank - 1] = left.dim[left.rank - 1];
    if (!left.rank || !tuff_shape_equal(&left, &before))
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "bilinear", (tuff_val[]){a, b}, 2,
                                 "layer '%s' takes f32 [.., k] and [.., l], whose axes before the last are alike", name);
    const uint32_t k = left.dim[left.rank - 1], l = right.dim[left.rank - 1];
    const uint32_t n = (uint32_t)(tuff_shape_count(&left) / k);
    const struct tuff_init within = tuff_init_within(1 / sqrt(k));
    tuff_val w = tuff_module_param(&m, "weight", TUFF_SHAPE(p.units, k, l), p.weight, within);
    tuff_val bias = tuff_module_bias(&m, p.no_bias, p.units, k, p.bias);
    tuff_val rows = tuff_matmul(g, tuff_reshape(g, a, TUFF_SHAPE(1, n, k)), w,
                                (struct tuff_matmul_params){.transpose_a = false});
    tuff_val y = tuff_sum(g, tuff_mul(g, rows, tuff_reshape(g, b, TUFF_SHAPE(1, n, l))), 1u << 2, TUFF_DROP_AXES);
    y = tuff_transpose(g, y); /* [units, n] before */
    if (bias) y = tuff_add(g, y, bias);
    left.dim[left.rank - 1] = p.units;
    return tuff_reshape(g, y, left);
}

tuff_val tuff_glu(struct tuff_graph *g, tuff_val x, int along)
{
    struct tuff_shape size = tuff_type_of(g, x).shape;
    if (!tuff_graph_takes_one(g, "glu", x, 0)) return 0;
    int at = tuff_axis(g, "glu", x, along);
    if (at < 0) return 0;
    if (size.dim[at] % 2) return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "glu", &x, 1, "axis %d has no two halves", at);
    uint32_t axis = (uint32_t)at, half = size.dim[at] / 2;
    tuff_val a = tuff_slice_axis(g, x, axis, 0, 1, half);
    return tuff_mul(g, a, tuff_sigmoid(g, tuff_slice_axis(g, x, axis, half, 1, half)));
}
