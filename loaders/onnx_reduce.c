/* onnx_reduce.c - ONNX operators that sum or choose over axes: reductions, softmax, norms, losses. */
#include "graph/compose.h"
#include "loaders/onnx_ops.h"

#include <float.h>
#include <math.h>

static uint64_t count_over(const struct tuff_shape *shape, uint32_t axes)
{
    uint64_t count = 1;
    for (uint32_t i = 0; i < shape->rank; i++) count *= axes >> i & 1 ? shape->dim[i] : 1;
    return count;
}

/* ---- reductions ---------------------------------------------------------------------------------------------------------------------- */

static tuff_val mean(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep)
{
    const struct tuff_type type = tuff_type_of(g, x);
    if (tuff_is_float(type.dtype)) return tuff_mean(g, x, axes, keep);
    const tuff_val count = tuff_on_one(g, TUFF_I32, (double)count_over(&type.shape, axes));
    return tuff_div(g, tuff_sum(g, x, axes, keep), count);
}

static const struct reduction {
    const char *op;
    tuff_val (*over)(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep);
    tuff_val (*before)(struct tuff_graph *g, tuff_val x), (*after)(struct tuff_graph *g, tuff_val y); /* or NULL */
    double empty; /* over nothing; of extrema it is the type's */
} reductions[] = {
    {"ReduceL1", tuff_sum, tuff_abs, NULL, 0},
    {"ReduceL2", tuff_sum, tuff_square, tuff_sqrt, 0},
    {"ReduceLogSum", tuff_sum, NULL, tuff_log, -INFINITY},
    {"ReduceLogSumExp", tuff_logsumexp, NULL, NULL, -INFINITY},
    {"ReduceMax", tuff_reduce_max, NULL, NULL, 0},
    {"ReduceMean", mean, NULL, NULL, NAN},
    {"ReduceMin", tuff_reduce_min, NULL, NULL, 0},
    {"ReduceProd", tuff_prod, NULL, NULL, 1},
    {"ReduceSum", tuff_sum, NULL, NULL, 0},
    {"ReduceSumSquare", tuff_sum, tuff_square, NULL, 0},
};

static bool put_empty(const struct tuff_onnx_op *o, const struct reduction *r, uint32_t axes, enum tuff_keep keep)
{
    const struct tuff_shape *x = &o->in[0].shape;
    const struct tuff_dtype_row *row = tuff_dtype_row(tuff_onnx_type_row(o->in[0].type)->dtype);
    const bool whole = tuff_on_is_whole(o, 0);
    struct tuff_shape shape = {0};
    for (uint32_t i = 0; i < x->rank; i++)
        if (keep || !(axes >> i & 1)) shape.dim[shape.rank++] = axes >> i & 1 ? 1 : x->dim[i];
    const double v = r->over == tuff_reduce_max   ? (whole ? row->lowest : -INFINITY)
                     : r->over == tuff_reduce_min ? (whole ? row->highest : INFINITY)
                                                  : r->empty;
    return tuff_on_put_full(o, 0, o->in[0].type, shape, v);
}

BUILD(reduce)
{
    const uint32_t rank = o->in[0].shape.rank;
    const enum tuff_keep keep = tuff_on_int(o, "keepdims", 1) ? TUFF_KEEP_AXES : TUFF_DROP_AXES;
    const bool whole = tuff_on_is_whole(o, 0);
    const struct reduction *r = reductions;
    uint32_t axes;
    bool given;
    while (!OP_IS(r->op)) r++;
    if (!tuff_on_axes(o, 1, OP_IS("ReduceSum") ? 13 : 18, rank, &axes, &given)) return false;
    if (!given && !tuff_on_int(o, "noop_with_empty_axes", 0)) axes = (1u << rank) - 1;
    if (tuff_on_empty(o, 0)) return put_empty(o, r, axes, keep);
    tuff_val y = r->over == tuff_logsumexp ? tuff_on_f32(o, 0) : tuff_on_wide(o, 0);
    if (r->before) y = r->before(g, y);
    if (axes) y = r->over(g, y, axes, keep);
    if (r->after) y = r->after(g, whole ? tuff_cast(g, y, TUFF_F32) : y);
    return tuff_on_put(o, 0, whole && tuff_is_float(tuff_type_of(g, y).dtype) ? tuff_cast(g, y, TUFF_I32) : y);
}

static tuff_val reversed(struct tuff_graph *g, tuff_val x, uint32_t axis)
{
    const uint32_t n = tuff_type_of(g, x).shape.dim[axis];
    return tuff_slice_axis(g, x, axis, n - 1, -1, n);
}

BUILD(arg)
{
    const int axis = tuff_on_axis(o, tuff_on_int(o, "axis", 0), o->in[0].shape.rank);
    const enum tuff_keep keep = tuff_on_int(o, "keepdims", 1) ? TUFF_KEEP_AXES : TUFF_DROP_AXES;
    const bool last = tuff_on_int(o, "select_last_index", 0);
    if (axis < 0) return false;
    const tuff_val x = last ? reversed(g, tuff_on_wide(o, 0), (uint32_t)axis) : tuff_on_wide(o, 0);
    tuff_val y = OP_IS("ArgMax") ? tuff_argmax(g, x, axis, keep) : tuff_argmin(g, x, axis, keep);
    if (last) y = tuff_sub(g, tuff_full(g, TUFF_I32, SCALAR, o->in[0].shape.dim[axis] - 1.0), y);
    return tuff_on_put_as(o, 0, y, TUFF_ONNX_INT64);
}

BUILD(cumsum)
{
    const int at = tuff_on_known_axis(o, 1, o->in[0].shape.rank);
    if (at < 0) return false;
    const struct tuff_cumsum_params params = {
        .axis = at, .exclusive = tuff_on_int(o, "exclusive", 0), .reverse = tuff_on_int(o, "reverse", 0)};
    return tuff_on_put(o, 0, tuff_cumsum(g, tuff_on_wide(o, 0), params));
}

/* Element after element: products have no kernel of their own. */
BUILD(cumprod)
{
    const int axis = tuff_on_known_axis(o, 1, o->in[0].shape.rank);
    const bool reverse = tuff_on_int(o, "reverse", 0), exclusive = tuff_on_int(o, "exclusive", 0);
    enum { MOST = 256 };
    tuff_val parts[MOST], all = 0;
    if (axis < 0) return false;
    const uint32_t n = o->in[0].shape.dim[axis];
    const tuff_val x = tuff_on_wide(o, 0);
    if (n > MOST) return tuff_on_refuse(o, "of an axis of %u elements it is not covered, %d at most", n, MOST);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t at = reverse ? n - 1 - i : i;
        const tuff_val e = tuff_slice_axis(g, x, (uint32_t)axis, at, 1, 1);
        const tuff_val one = tuff_expand(g, tuff_full(g, tuff_type_of(g, x).dtype, SCALAR, 1), tuff_type_of(g, e).shape);
        parts[at] = exclusive ? (all ? all : one) : (all ? tuff_mul(g, all, e) : e);
        all = all ? tuff_mul(g, all, e) : e;
    }
    return tuff_on_put(o, 0, n == 1 ? parts[0] : tuff_concat(g, parts, n, axis));
}

/* ---- softmax --------------------------------------------------------------------------------------------------------------------------- */

static tuff_val hardmax(struct tuff_graph *g, tuff_val x, int axis)
{
    const struct tuff_shape shape = tuff_type_of(g, x).shape;
    const tuff_val most = tuff_argmax(g, x, axis, TUFF_KEEP_AXES);
    return tuff_cast(g, tuff_equal(g, tuff_iota(g, shape, axis), most), TUFF_F32);
}

/* Before set 13 over all axes from `axis` on together. */
BUILD(softmax)
{
    struct tuff_shape shape = o->in[0].shape, flat = {.rank = 2, .dim = {1, 1}};
    int axis = tuff_on_axis(o, tuff_on_int(o, "axis", o->version < 13 ? 1 : -1), shape.rank ? shape.rank : 1);
    tuff_val x = tuff_on_f32(o, 0);
    if (axis < 0) return false;
    const bool old = o->version < 13;
    if (old) {
        for (uint32_t i = 0; i < shape.rank; i++) flat.dim[(int)i >= axis] *= shape.dim[i];
        x = tuff_reshape(g, x, flat);
        axis = 1;
    } else if (!shape.rank)
        x = tuff_reshape(g, x, TUFF_SHAPE(1));
    x = OP_IS("Softmax")      ? tuff_softmax(g, x, axis)
        : OP_IS("LogSoftmax") ? tuff_log_softmax(g, x, axis)
                              : hardmax(g, x, axis);
    return tuff_on_put(o, 0, old || !shape.rank ? tuff_reshape(g, x, shape) : x);
}

/* ---- norms ------------------------------------------------------------------------------------------------------------------------------ */

struct moments {
    tuff_val mean, centred, var; /* of kept axes; var is that of all elements, not one less */
};
static struct moments moments(struct tuff_graph *g, tuff_val x, uint32_t axes)
{
    struct moments m = {.mean = tuff_mean(g, x, axes, TUFF_KEEP_AXES)};
    m.centred = tuff_sub(g, x, m.mean);
    m.var = tuff_mean(g, tuff_square(g, m.centred), axes, TUFF_KEEP_AXES);
    return m;
}

BUILD(batch_norm)
{
    const double eps = tuff_on_number(o, "epsilon", 1e-5), momentum = tuff_on_number(o, "momentum", 0.9);
    const uint32_t rank = o->in[0].shape.rank;
    const tuff_val x = tuff_on_f32(o, 0), scale = tuff_on_f32(o, 1), bias = tuff_on_f32(o, 2), mean = tuff_on_f32(o, 3),
                   var = tuff_on_f32(o, 4);
    const bool training = o->version >= 14  ? tuff_on_int(o, "training_mode", 0)
                          : o->version >= 7 ? o->out_count > 1
                                            : !tuff_on_int(o, "is_test", 0) && o->out_count > 1;
    if (tuff_on_failed(o)) return false;
    if (rank < 2) return tuff_on_refuse(o, "of %u axes it is not covered", rank);
    if (!training && tuff_on_training(o) && o->in[3].tensor &&
        o->in[4].tensor) { /* in a network that learns: the states follow */
        const struct tuff_batch_norm norm = tuff_batch_norm_train(g, x, scale, bias, mean, var, eps, 1 - momentum);
        tuff_assign(g, mean, norm.mean);
        tuff_assign(g, var, norm.var);
        return tuff_on_put(o, 0, norm.y);
    }
    if (!training) return tuff_on_put(o, 0, tuff_batch_norm_infer(g, x, scale, bias, mean, var, eps));
    const struct moments m = moments(g, x, ((1u << rank) - 1) & ~2u);
    const tuff_val norm = tuff_mul(g, m.centred, tuff_rsqrt(g, tuff_affine(g, m.var, 1, eps)));
    const tuff_val batch[2] = {tuff_reshape(g, m.mean, TUFF_SHAPE(0)), tuff_reshape(g, m.var, TUFF_SHAPE(0))};
    for (uint32_t k = 0; k < 2; k++) {
        const tuff_val before = tuff_affine(g, k ? var : mean, momentum, 0);
        tuff_on_put_as(o, 1 + k, tuff_add(g, before, tuff_affine(g, batch[k], 1 - momentum, 0)), o->in[3].type);
    }
    for (uint32_t k = 3; k < o->out_count && k < 5; k++) tuff_on_put_as(o, k, batch[k - 3], o->in[3].type);
    const tuff_val scaled = tuff_mul(g, norm, tuff_as_channels(g, scale, rank));
    return tuff_on_put(o, 0, tuff_add(g, scaled, tuff_as_channels(g, bias, rank)));
}

/* Of instances: groups of one channel. Before set 21 each group has one scale. */
BUILD(group_norm)
{
    const bool instance = OP_IS("InstanceNormalization");
    const uint32_t channels = o->in[0].shape.rank > 1 ? o->in[0].shape.dim[1] : 0;
    const int64_t groups = instance ? channels : tuff_on_int(o, "num_groups", 0);
    tuff_val affine[2] = {tuff_on_f32(o, 1), tuff_on_f32(o, 2)};
    if (groups < 1 || groups > channels || channels % groups)
        return tuff_on_bad(o, "%u channels have no %lld groups", channels, (long long)groups);
    for (uint32_t k = 0; k < 2 && !instance && o->version < 21; k++)
        affine[k] = tuff_reshape(g,
                                 tuff_expand(g, tuff_reshape(g, affine[k], TUFF_SHAPE((uint32_t)groups, 1)),
                                             TUFF_SHAPE((uint32_t)groups, channels / (uint32_t)groups)),
                                 TUFF_SHAPE(channels));
    return tuff_on_put(
        o, 0,
        tuff_group_norm(g, tuff_on_f32(o, 0), affine[0], affine[1], (uint32_t)groups, tuff_on_number(o, "epsilon", 1e-5)));
}

/* Over the axes from `axis` on. Results: y, the mean, 1 / deviation. */
BUILD(layer_norm)
{
    const uint32_t rank = o->in[0].shape.rank;
    const int axis = tuff_on_axis(o, tuff_on_int(o, "axis", -1), rank);
    const double eps = tuff_on_number(o, "epsilon", 1e-5);
    const tuff_val x = tuff_on_f32(o, 0), scale = tuff_on_f32(o, 1), bias = tuff_on_has(o, 2) ? tuff_on_f32(o, 2) : 0;
    if (axis < 0 || tuff_on_failed(o)) return false;
    const uint32_t axes = ((1u << rank) - 1) & ~((1u << axis) - 1);
    const bool rms = OP_IS("RMSNormalization");
    if (rms) {
        const tuff_val inverse = tuff_rsqrt(g,
                                            tuff_affine(g, tuff_mean(g, tuff_square(g, x), axes, TUFF_KEEP_AXES), 1, eps));
        return tuff_on_put(o, 0, tuff_mul(g, tuff_mul(g, x, inverse), scale));
    }
    const struct moments m = moments(g, x, axes);
    const tuff_val inverse = tuff_rsqrt(g, tuff_affine(g, m.var, 1, eps));
    tuff_on_put_as(o, 1, m.mean, TUFF_ONNX_FLOAT);
    tuff_on_put_as(o, 2, inverse, TUFF_ONNX_FLOAT);
    const bool plain = o->in[1].shape.rank == rank - (uint32_t)axis &&
                       tuff_shape_count(&o->in[1].shape) == count_over(&o->in[0].shape, axes) &&
                       (!bias || tuff_shape_equal(&o->in[1].shape, &o->in[2].shape));
    if (plain) return tuff_on_put(o, 0, tuff_layer_norm(g, x, scale, bias, rank - (uint32_t)axis, eps));
    const tuff_val y = tuff_mul(g, tuff_mul(g, m.centred, inverse), scale);
    return tuff_on_put(o, 0, bias ? tuff_add(g, y, bias) : y);
}

/* x / its norm along an axis, 0 where that is 0. */
BUILD(lp_norm)
{
    const int axis = tuff_on_axis(o, tuff_on_int(o, "axis", -1), o->in[0].shape.rank);
    const tuff_val x = tuff_on_f32(o, 0), zero = tuff_scalar(g, 0);
    if (axis < 0) return false;
    const bool one = tuff_on_int(o, "p", 2) == 1;
    tuff_val norm = tuff_sum(g, one ? tuff_abs(g, x) : tuff_square(g, x), 1u << axis, TUFF_KEEP_AXES);
    if (!one) norm = tuff_sqrt(g, norm);
    const tuff_val y = tuff_div(g, x, norm);
    return tuff_on_put(o, 0, tuff_select(g, tuff_equal(g, norm, zero), zero, y));
}

BUILD(mean_variance_norm)
{
    uint32_t axes = 0;
    bool given;
    if (!tuff_on_axes(o, 1, INT16_MAX, o->in[0].shape.rank, &axes, &given)) return false;
    const struct moments m = moments(g, tuff_on_f32(o, 0), given ? axes : 13u); /* n, h, w */
    return tuff_on_put(o, 0, tuff_div(g, m.centred, tuff_affine(g, tuff_sqrt(g, m.var), 1, 1e-9)));
}

BUILD(lrn)
{
    const int64_t size = tuff_on_int(o, "size", 1);
    if (size < 1 || size > INT32_MAX) return tuff_on_bad(o, "its size is %lld", (long long)size);
    const struct tuff_lrn_params params = {.size = (uint32_t)size,
                                           .alpha = tuff_on_number(o, "alpha", 1e-4),
                                           .beta = tuff_on_number(o, "beta", 0.75),
                                           .bias = tuff_on_number(o, "bias", 1)};
    return tuff_on_put(o, 0, tuff_lrn(g, tuff_on(o, 0), params));
}

/* ---- losses -------------------------------------------------------------------------------------------------------------------------------- */

/* Of log probabilities [n, c, ..] (NegativeLogLikelihoodLoss), or of logits; labels [n, ..], weights [c]. */
BUILD(loss)
{
    const tuff_val labels = tuff_on_i32(o, 1), weight = tuff_on_has(o, 2) ? tuff_on_f32(o, 2) : 0;
    const struct tuff_nll_loss_params params = {
        .use_ignore_index = tuff_on_attribute(o, "ignore_index") != NULL,
        .ignore_index = (int32_t)tuff_on_int(o, "ignore_index", 0),
        .weight = weight,
        .reduction = tuff_on_text_is(o, "reduction", "none", "mean")   ? TUFF_REDUCE_NONE
                     : tuff_on_text_is(o, "reduction", "mean", "mean") ? TUFF_REDUCE_MEAN
                                                                       : TUFF_REDUCE_SUM};
    tuff_val logp = tuff_on_f32(o, 0);
    if (tuff_on_failed(o)) return false;
    if (o->in[0].shape.rank < 2) return tuff_on_bad(o, "operand 0 has fewer than 2 axes");
    if (OP_IS("SoftmaxCrossEntropyLoss")) logp = tuff_log_softmax(g, logp, 1);
    tuff_on_put_as(o, 1, logp, o->in[0].type);
    return tuff_on_put(o, 0, tuff_nll_loss(g, logp, labels, params));
}

/* ---- products ------------------------------------------------------------------------------------------------------------------------------- */

/* [.., m, k] [.., k, n] of whole numbers, as sums of i32, which wrap. */
static tuff_val whole_matmul(struct tuff_graph *g, tuff_val a, tuff_val b)
{
    const uint32_t ra = tuff_type_of(g, a).shape.rank, rb = tuff_type_of(g, b).shape.rank, rank = ra > rb ? ra : rb;
    if (ra < 2 || rb < 2) return 0;    /* a failure before */
    a = tuff_unsqueeze(g, a, (int)ra); /* [.., m, k, 1] [.., 1, k, n] */
    return tuff_sum(g, tuff_mul(g, a, tuff_unsqueeze(g, b, (int)rb - 2)), 1u << (rank - 1), TUFF_DROP_AXES);
}

tuff_val tuff_on_matmul(struct tuff_graph *g, tuff_val a, tuff_val b)
{
    return tuff_type_of(g, a).dtype == TUFF_I32 ? whole_matmul(g, a, b)
                                                : tuff_matmul(g, a, b, (struct tuff_matmul_params){0});
}

BUILD(matmul)
{
    const bool row = o->in[0].shape.rank == 1, column = o->in[1].shape.rank == 1;
    tuff_val a = tuff_on_wide(o, 0), b = tuff_on_wide(o, 1);
    if (!a || !b) return tuff_on_failed(o) ? false : tuff_on_bad(o, "an operand is missing");
    a = row ? tuff_unsqueeze(g, a, 0) : a;
    b = column ? tuff_unsqueeze(g, b, 1) : b;
    tuff_val y = tuff_on_matmul(g, a, b);
    struct tuff_shape shape = tuff_type_of(g, y).shape;
    if (!y) return false;
    if (column) shape.rank--;
    if (row) {
        if (!column) shape.dim[shape.rank - 2] = shape.dim[shape.rank - 1];
        shape.rank--;
    }
    return tuff_on_put(o, 0, row || column ? tuff_reshape(g, y, shape) : y);
}

BUILD(gemm)
{
    const bool whole = tuff_on_is_whole(o, 0);
    const double alpha = tuff_on_number(o, "alpha", 1), beta = tuff_on_number(o, "beta", 1);
    tuff_val a = tuff_on_wide(o, 0), b = tuff_on_wide(o, 1), c = tuff_on_has(o, 2) && beta != 0 ? tuff_on_wide(o, 2) : 0;
    const struct tuff_matmul_params params = {.transpose_a = tuff_on_int(o, "transA", 0),
                                              .transpose_b = tuff_on_int(o, "transB", 0)};
    if (whole && (alpha != floor(alpha) || beta != floor(beta)))
        return tuff_on_refuse(o, "of whole numbers it is not covered with factors that are none");
    if (whole && params.transpose_a) a = tuff_transpose(g, a);
    if (whole && params.transpose_b) b = tuff_transpose(g, b);
    tuff_val y = whole ? whole_matmul(g, a, b) : tuff_matmul(g, a, b, params);
    if (alpha != 1) y = whole ? tuff_mul(g, y, tuff_full(g, TUFF_I32, SCALAR, alpha)) : tuff_affine(g, y, alpha, 0);
    if (c && beta != 1) c = whole ? tuff_mul(g, c, tuff_full(g, TUFF_I32, SCALAR, beta)) : tuff_affine(g, c, beta, 0);
    return tuff_on_put(o, 0, c ? tuff_add(g, y, c) : y);
}

/* Each operand with all letters as axes, in one order; their product, summed over those that the result lacks. */
BUILD(einsum)
{
    const struct tuff_onnx_attribute *a = tuff_on_attribute(o, "equation");
    char text[200], *at = text, *arrow;
    char letters[64] = "";
    uint32_t dims[64] = {0}, letter_count = 0, terms = 0, dots = 0;
    char term[8][40], result[40] = "";
    if (!a || a->s.bytes >= sizeof text || o->in_count > 8) return tuff_on_refuse(o, "its equation is too long, or missing");
    for (size_t i = 0; i < a->s.bytes; i++)
        if (((const char *)a->s.data)[i] != ' ') *at++ = ((const char *)a->s.data)[i];
    *at = 0;
    arrow = strstr(text, "->");
    if (arrow) *arrow = 0;
    /* terms, with "..." as capital letters from the last axis on: 'Z', 'Y', .. */
    for (const char *from = text; terms < 8; terms++) {
        const char *end = strchr(from, ',');
        const size_t length = end ? (size_t)(end - from) : strlen(from);
        const char *three = memchr(from, '.', length);
        char *to = term[terms];
        const uint32_t rank = terms < o->in_count ? o->in[terms].shape.rank : 0;
        const uint32_t own = (uint32_t)length - (three ? 3 : 0);
        if (length > 32 || own > rank || (!three && own != rank))
            return tuff_on_bad(o, "term %u does not fit the %u axes of its operand", terms, rank);
        for (size_t i = 0; i < length; i++) {
            if (from + i == three) {
                for (uint32_t k = rank - own; k-- > 0;) *to++ = (char)(1 + k); /* 1 .. : the last axes of the dots */
                if (rank - own > dots) dots = rank - own;
                i += 2;
            } else if ((from[i] | 32) < 'a' || (from[i] | 32) > 'z')
                return tuff_on_bad(o, "its equation has a sign that is no letter");
            else
                *to++ = from[i];
        }
        *to = 0;
        if (!end) {
            terms++;
            break;
        }
        from = end + 1;
    }
    if (terms != o->in_count) return tuff_on_bad(o, "it has %u terms, and %u operands", terms, o->in_count);
    for (uint32_t t = 0; t < terms; t++)
        for (uint32_t i = 0; term[t][i]; i++) {
            const char *known = strchr(letters, term[t][i]);
            const uint32_t k = known ? (uint32_t)(known - letters) : letter_count, dim = o->in[t].shape.dim[i];
            if (!known) letters[letter_count++] = term[t][i], letters[letter_count] = 0;
            if (dims[k] <= 1) dims[k] = dim;
            if (dim != 1 && dim != dims[k]) return tuff_on_bad(o, "a letter stands for %u and %u elements", dims[k], dim);
        }
    char *to = result;
    if (arrow) {
        for (const char *c = arrow + 2; *c && to < result + 30; c++)
            if (!strncmp(c, "...", 3)) {
                for (uint32_t k = dots; k-- > 0;) *to++ = (char)(1 + k);
                c += 2;
            } else
                *to++ = *c;
    } else { /* the dots, then letters that occur once, in their order */
        for (uint32_t k = dots; k-- > 0;) *to++ = (char)(1 + k);
        for (char c = 'A'; c <= 'z'; c++) {
            uint32_t seen = 0;
            for (uint32_t t = 0; t < terms; t++)
                for (const char *p = term[t]; *p; p++) seen += *p == c;
            if (seen == 1 && to < result + 30) *to++ = c;
        }
    }
    *to = 0;
    /* axes: those of the result, then those that are summed */
    char order[128];
    uint32_t axes = 0;
    strcpy(order, result);
    uint32_t rank = (uint32_t)strlen(order);
    for (uint32_t k = 0; k < letter_count; k++)
        if (!strchr(result, letters[k])) order[rank++] = letters[k], order[rank] = 0;
    if (rank > TUFF_MAX_RANK) return tuff_on_refuse(o, "it has %u letters, at most %d are covered", rank, TUFF_MAX_RANK);
    for (const char *c = result; *c; c++)
        if (!strchr(letters, *c)) return tuff_on_bad(o, "its result has a letter that no operand has");
    for (uint32_t i = (uint32_t)strlen(result); i < rank; i++) axes |= 1u << i;
    tuff_val y = 0;
    for (uint32_t t = 0; t < terms; t++) {
        tuff_val x = tuff_on_wide(o, t);
        char name[40];
        strcpy(name, term[t]);
        for (uint32_t i = 0; name[i]; i++)
            for (uint32_t k = i + 1; name[k]; k++) /* the diagonal of a letter that comes twice: where both places agree */
                if (name[k] == name[i]) {
                    const struct tuff_shape shape = tuff_type_of(g, x).shape;
                    const tuff_val row = tuff_iota(g, shape, (int)i), same = tuff_equal(g, row, tuff_iota(g, shape, (int)k)),
                                   zero = tuff_on_one(g, tuff_type_of(g, x).dtype, 0);
                    x = tuff_sum(g, tuff_select(g, same, x, zero), 1u << k, TUFF_DROP_AXES);
                    memmove(name + k, name + k + 1, strlen(name + k));
                    k--;
                }
        struct tuff_shape shape = {.rank = rank};
        uint32_t perm[TUFF_MAX_RANK], n = 0;
        for (uint32_t i = 0; i < rank; i++) {
            const char *here = strchr(name, order[i]);
            shape.dim[i] = here ? tuff_type_of(g, x).shape.dim[here - name] : 1;
            if (here) perm[n++] = (uint32_t)(here - name);
        }
        x = tuff_reshape(g, tuff_permute(g, x, perm), shape);
        y = y ? tuff_mul(g, y, x) : x;
    }
    if (axes) y = tuff_sum(g, y, axes, TUFF_DROP_AXES);
    struct tuff_shape whole = {.rank = (uint32_t)strlen(result)};
    for (uint32_t i = 0; i < whole.rank; i++) whole.dim[i] = dims[strchr(letters, result[i]) - letters];
    return tuff_on_put(o, 0, whole.rank ? tuff_expand(g, y, whole) : y);
}

/* Elimination with the largest pivot of each column: matrices of at most so many rows. */
BUILD(det)
{
    enum { MOST = 32 };
    const struct tuff_shape *x = &o->in[0].shape;
    const uint32_t n = x->rank < 2 ? 0 : x->dim[x->rank - 1];
    if (n == 0 || x->dim[x->rank - 2] != n) return tuff_on_bad(o, "it is no square matrix");
    if (n > MOST) return tuff_on_refuse(o, "of %u rows it is not covered, %d at most", n, MOST);
    tuff_val m = tuff_reshape(g, tuff_on_f32(o, 0), TUFF_SHAPE((uint32_t)(tuff_shape_count(x) / n / n), n, n)), det = 0;
    const uint32_t batch = tuff_type_of(g, m).shape.dim[0];
    for (uint32_t k = n; k > 0 && m; k--) {
        const tuff_val column = tuff_slice_axis(g, m, 2, 0, 1, 1); /* [b, k, 1] */
        const tuff_val pivot = tuff_argmax(g, tuff_abs(g, column), 1, TUFF_KEEP_AXES),
                       row_number = tuff_iota(g, TUFF_SHAPE(batch, k, k), 1);
        const tuff_val is_pivot = tuff_equal(g, row_number, pivot),
                       is_first = tuff_equal(g, row_number, tuff_full(g, TUFF_I32, SCALAR, 0));
        const tuff_val at = tuff_expand(g, pivot, TUFF_SHAPE(batch, 1, k)), chosen = tuff_gather_elements(g, m, at, 1),
                       first = tuff_slice_axis(g, m, 1, 0, 1, 1);
        m = tuff_select(g, is_first, chosen, tuff_select(g, is_pivot, first, m)); /* rows 0 and pivot are exchanged */
        const tuff_val head = tuff_slice_axis(g, chosen, 2, 0, 1, 1), turned = tuff_neg(g, head),
                       sign = tuff_select(g, tuff_equal(g, pivot, tuff_on_one(g, TUFF_I32, 0)), head, turned);
        det = det ? tuff_mul(g, det, sign) : sign;
        if (k == 1) break;
        const tuff_val rest = tuff_slice_axis(g, m, 1, 1, 1, k - 1),
                       factor = tuff_div(g, tuff_slice_axis(g, rest, 2, 0, 1, 1), head);
        const tuff_val zero = tuff_scalar(g, 0),
                       safe = tuff_select(g, tuff_equal(g, head, zero), zero, factor); /* a singular one: det is 0 already */
        m = tuff_slice_axis(g, tuff_sub(g, rest, tuff_mul(g, safe, tuff_slice_axis(g, m, 1, 0, 1, 1))), 2, 1, 1, k - 1);
    }
    struct tuff_shape shape = *x;
    shape.rank -= 2;
    return tuff_on_put(o, 0, det ? tuff_reshape(g, det, shape) : 0);
}
