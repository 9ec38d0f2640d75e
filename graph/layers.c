/* layers.c - norms and softmax of operators: gradients follow from the parts, and each reduction is a launch with the chains around it. */
#include "graph/compose.h"

#include <float.h>

tuff_val tuff_as_channels(struct tuff_graph *g, tuff_val v, uint32_t rank)
{
    struct tuff_shape shape = {.rank = rank};
    for (uint32_t i = 0; i < rank; i++) shape.dim[i] = i == 1 ? tuff_type_of(g, v).shape.dim[0] : 1;
    return tuff_reshape(g, v, shape);
}

bool tuff_takes_floats(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i && !in[i]) continue;
        if (!tuff_graph_takes_one(g, what, in[i], i)) return false;
        if (tuff_is_float(g->values[in[i]].type.dtype)) continue;
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, count, "operand %u must be of floats: cast it", i + 1);
    }
    return tuff_graph_ok(g);
}

bool tuff_takes_scales(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count, uint32_t first,
                       uint32_t rank, const char *axes)
{
    if (!tuff_takes_floats(g, what, in, count)) return false;
    struct tuff_shape x = tuff_type_of(g, in[0]).shape, shape = {.rank = rank};
    memcpy(shape.dim, x.dim + first, rank * sizeof *x.dim);
    for (uint32_t i = 1; i < count; i++) {
        struct tuff_shape s = tuff_type_of(g, in[i]).shape;
        char text[128];
        if (!in[i] || tuff_shape_equal(&s, &shape)) continue;
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, count, "operand %u must be %s, %s of the first", i + 1,
                                 tuff_shape_text(&shape, text, sizeof text), axes);
    }
    return true;
}

/* x [n, c, ..] and vectors of c */
static bool check_channels(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count)
{
    if (!tuff_takes_floats(g, what, in, 1)) return false;
    if (tuff_type_of(g, in[0]).shape.rank < 2)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, 1, "it must be [n, c, ..], with channels as its second axis");
    return tuff_takes_scales(g, what, in, count, 1, 1, "one number for each channel");
}

/* What a normalization subtracts. Far from zero neither the sum of x nor its mean has enough digits, so the mean is that of x - x0,
 * where x0 is the first element (Chan, Golub, LeVeque 1983: shifted data), and x0 + that has a low part, what rounding leaves out:
 * `high` and `low` together are the mean, and low is subtracted where there is one number for each mean.
 *
 * The mean is a constant where x is centered: through `through`, whose value is low, its gradient takes a way of its own. That of
 * y = centered scale - through scale by the mean is scale times the sum of y's gradients, of one number for each mean. So no pass over
 * x sums what another one has written (as Ioffe and Szegedy 2015 write the gradient of batch normalization). */
struct centered {
    tuff_val x, mean, through, var;
};

/* The first element along the axes. */
static tuff_val first_of(struct tuff_graph *g, tuff_val x, uint32_t axes)
{
    struct tuff_shape size = tuff_type_of(g, x).shape;
    const uint32_t start[TUFF_MAX_RANK] = {0};
    int32_t step[TUFF_MAX_RANK];
    for (uint32_t i = 0; i < TUFF_MAX_RANK; i++) step[i] = 1;
    for (uint32_t i = 0; i < size.rank; i++)
        if (axes >> i & 1) size.dim[i] = 1;
    return tuff_slice(g, x, start, step, size.dim);
}

/* var: the mean of the squares, less that of low's; the gradient of x - high is put right by that of the mean, which is 0. */
static struct centered center(struct tuff_graph *g, tuff_val x, uint32_t axes)
{
    tuff_val first = tuff_detach(g, first_of(g, x, axes));
    tuff_val mean = tuff_mean(g, tuff_sub(g, x, first), axes, TUFF_KEEP_AXES), constant = tuff_detach(g, mean);
    tuff_val high = tuff_detach(g, tuff_add(g, first, constant)), low = tuff_detach(g, tuff_add_rest(g, first, constant));
    tuff_val nothing = tuff_sub(g, mean, constant);
    struct centered c = {tuff_sub(g, x, high), high, tuff_add(g, nothing, low), 0};
    tuff_val squares = tuff_mean(g, tuff_square(g, c.x), axes, TUFF_KEEP_AXES);
    c.var = tuff_sub(g, squares, tuff_mul(g, low, tuff_add(g, tuff_affine(g, nothing, 2, 0), low)));
    return c;
}

static bool check_batch_norm(struct tuff_graph *g, const tuff_val in[5], double eps)
{
    return tuff_graph_takes(g, "batch_norm", in, 5) && check_channels(g, "batch_norm", in, 5) &&
           tuff_graph_number(g, "batch_norm", "eps", eps, 0, DBL_MAX);
}

/* 1 / sqrt(var + eps); of var 0 without eps 0, so that the result is beta, as PyTorch's batch norm (whose other norms give NaN). */
static tuff_val batch_factor(struct tuff_graph *g, tuff_val var, double eps)
{
    if (eps > 0) return tuff_rsqrt(g, tuff_affine(g, var, 1, eps));
    tuff_val zero = tuff_scalar(g, 0), constant = tuff_equal(g, var, zero);
    tuff_val safe = tuff_select(g, constant, tuff_scalar(g, 1), var);
    return tuff_select(g, constant, zero, tuff_rsqrt(g, safe));
}

struct tuff_batch_norm tuff_batch_norm_train(struct tuff_graph *g, tuff_val x, tuff_val gamma, tuff_val beta,
                                             tuff_val running_mean, tuff_val running_var, double eps, double momentum)
{
    struct tuff_batch_norm none = {0};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!check_batch_norm(g, (tuff_val[]){x, gamma, beta, running_mean, running_var}, eps) ||
        !tuff_graph_number(g, "batch_norm", "momentum", momentum, 0, 1))
        return none;
    uint32_t axes = ((1u << shape.rank) - 1) & ~2u, c = shape.dim[1];
    double n = (double)(tuff_shape_count(&shape) / c);
    if (n <= 1) {
        tuff_graph_refuse(g, TUFF_ERR_SHAPE, "batch_norm", &x, 1,
                          "one value alone for each channel has no variance to train with (a last batch of one sample is to "
                          "be left out: drop_last of a fit)");
        return none;
    }
    struct centered centered = center(g, x, axes);
    tuff_val var = centered.var, deviation = batch_factor(g, var, eps);
    tuff_val scale = tuff_mul(g, tuff_as_channels(g, gamma, shape.rank), deviation);
    tuff_val through = tuff_mul(g, centered.through, scale);
    tuff_val offset = tuff_sub(g, tuff_as_channels(g, beta, shape.rank), through);
    struct tuff_batch_norm r = {.y = tuff_add(g, tuff_mul(g, centered.x, scale), offset)};
    tuff_val flat_mean = tuff_detach(g, tuff_reshape(g, centered.mean, TUFF_SHAPE(c)));
    tuff_val flat_var = tuff_detach(g, tuff_reshape(g, var, TUFF_SHAPE(c)));
    double unbiased = n / (n - 1);
    tuff_val more_mean = tuff_affine(g, flat_mean, momentum, 0);
    r.mean = tuff_add(g, tuff_affine(g, running_mean, 1 - momentum, 0), more_mean);
    tuff_val more_var = tuff_affine(g, flat_var, momentum * unbiased, 0);
    r.var = tuff_add(g, tuff_affine(g, running_var, 1 - momentum, 0), more_var);
    return r;
}

tuff_val tuff_batch_norm_infer(struct tuff_graph *g, tuff_val x, tuff_val gamma, tuff_val beta, tuff_val running_mean,
                               tuff_val running_var, double eps)
{
    uint32_t rank = tuff_type_of(g, x).shape.rank;
    if (!check_batch_norm(g, (tuff_val[]){x, gamma, beta, running_mean, running_var}, eps)) return 0;
    tuff_val scale = tuff_mul(g, gamma, tuff_rsqrt(g, tuff_affine(g, running_var, 1, eps)));
    tuff_val factor = tuff_as_channels(g, scale, rank);
    tuff_val y = tuff_mul(g, tuff_sub(g, x, tuff_as_channels(g, running_mean, rank)), factor);
    return tuff_add(g, y, tuff_as_channels(g, beta, rank));
}

tuff_val tuff_upsample_nearest2d(struct tuff_graph *g, tuff_val x, uint32_t by_h, uint32_t by_w)
{
    struct tuff_shape s = tuff_type_of(g, x).shape;
    if (!tuff_graph_takes(g, "upsample_nearest2d", &x, 1)) return 0;
    if (s.rank != 4 || by_h == 0 || by_w == 0 || (uint64_t)s.dim[2] * by_h > INT32_MAX ||
        (uint64_t)s.dim[3] * by_w > INT32_MAX)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "upsample_nearest2d", &x, 1,
                                 "by %u and %u: it must be [n, c, h, w], and the factors at least 1", by_h, by_w);
    tuff_val y = tuff_reshape(g, x, TUFF_SHAPE(s.dim[0], s.dim[1], s.dim[2], 1, s.dim[3], 1));
    y = tuff_expand(g, y, TUFF_SHAPE(s.dim[0], s.dim[1], s.dim[2], by_h, s.dim[3], by_w));
    return tuff_reshape(g, y, TUFF_SHAPE(s.dim[0], s.dim[1], s.dim[2] * by_h, s.dim[3] * by_w));
}

/* (x - mean) / sqrt(var + eps) over the axes */
static tuff_val normalize(struct tuff_graph *g, tuff_val x, uint32_t axes, double eps)
{
    struct centered centered = center(g, x, axes);
    tuff_val deviation = tuff_rsqrt(g, tuff_affine(g, centered.var, 1, eps));
    tuff_val through = tuff_mul(g, centered.through, deviation);
    return tuff_sub(g, tuff_mul(g, centered.x, deviation), through);
}

tuff_val tuff_layer_norm(struct tuff_graph *g, tuff_val x, tuff_val gamma, tuff_val beta, uint32_t last_dims, double eps)
{
    uint32_t rank = tuff_type_of(g, x).shape.rank;
    const tuff_val in[] = {x, gamma, beta};
    if (!tuff_graph_takes(g, "layer_norm", &x, 1)) return 0;
    if (last_dims == 0 || last_dims > rank)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "layer_norm", &x, 1, "it has no last %u axes to normalize over",
                                 last_dims);
    if (!tuff_takes_scales(g, "layer_norm", in, 3, rank - last_dims, last_dims, "the shape of the last axes") ||
        !tuff_graph_number(g, "layer_norm", "eps", eps, 0, DBL_MAX))
        return 0;
    uint32_t axes = ((1u << rank) - 1) & ~((1u << (rank - last_dims)) - 1);
    tuff_val y = normalize(g, x, axes, eps);
    if (gamma) y = tuff_mul(g, y, gamma);
    return beta ? tuff_add(g, y, beta) : y;
}

tuff_val tuff_group_norm(struct tuff_graph *g, tuff_val x, tuff_val gamma, tuff_val beta, uint32_t groups, double eps)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (!check_channels(g, "group_norm", (tuff_val[]){x, gamma, beta}, 3) ||
        !tuff_graph_number(g, "group_norm", "eps", eps, 0, DBL_MAX))
        return 0;
    if (groups == 0 || shape.dim[1] % groups)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "group_norm", &x, 1, "its %u channels are not %u groups of one size",
                                 shape.dim[1], groups);
    tuff_val parts = tuff_reshape(g, x, TUFF_SHAPE(shape.dim[0], groups, 0));
    tuff_val y = tuff_reshape(g, normalize(g, parts, 4, eps), shape);
    if (gamma) y = tuff_mul(g, y, tuff_as_channels(g, gamma, shape.rank));
    return beta ? tuff_add(g, y, tuff_as_channels(g, beta, shape.rank)) : y;
}

tuff_val tuff_rms_norm(struct tuff_graph *g, tuff_val x, tuff_val gamma, double eps)
{
    uint32_t rank = tuff_type_of(g, x).shape.rank;
    if (!tuff_graph_takes(g, "rms_norm", &x, 1)) return 0;
    if (rank == 0) return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "rms_norm", &x, 1, "a scalar has no last axis");
    if (!tuff_takes_scales(g, "rms_norm", (tuff_val[]){x, gamma}, 2, rank - 1, 1, "the length of the last axis") ||
        !tuff_graph_number(g, "rms_norm", "eps", eps, 0, DBL_MAX))
        return 0;
    tuff_val power = tuff_mean(g, tuff_square(g, x), 1u << (rank - 1), TUFF_KEEP_AXES);
    tuff_val y = tuff_mul(g, x, tuff_rsqrt(g, tuff_affine(g, power, 1, eps)));
    return gamma ? tuff_mul(g, y, gamma) : y;
}

tuff_val tuff_shifted(struct tuff_graph *g, const char *what, tuff_val x, int axis, uint32_t *axes)
{
    int at = tuff_axis(g, what, x, axis);
    if (at < 0) return 0;
    *axes = 1u << at;
    return tuff_sub(g, x, tuff_detach(g, tuff_reduce_max(g, x, *axes, TUFF_KEEP_AXES)));
}

tuff_val tuff_softmax(struct tuff_graph *g, tuff_val x, int axis)
{
    uint32_t axes;
    tuff_val e = tuff_exp(g, tuff_shifted(g, "softmax", x, axis, &axes));
    return e ? tuff_div(g, e, tuff_sum(g, e, axes, TUFF_KEEP_AXES)) : 0;
}

tuff_val tuff_log_softmax(struct tuff_graph *g, tuff_val x, int axis)
{
    uint32_t axes;
    tuff_val s = tuff_shifted(g, "log_softmax", x, axis, &axes);
    return s ? tuff_sub(g, s, tuff_log(g, tuff_sum(g, tuff_exp(g, s), axes, TUFF_KEEP_AXES))) : 0;
}

tuff_val tuff_finite(struct tuff_graph *g, tuff_val most)
{
    const double limit = tuff_dtype_row(TUFF_F32)->highest;
    return tuff_clamp(g, most, -limit, limit);
}

/* Of -inf alone the sum is 0, as the largest is subtracted as a finite number; its floor keeps gradients numbers, the result -inf. */
tuff_val tuff_logsumexp(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep)
{
    tuff_val m = tuff_detach(g, tuff_reduce_max(g, x, axes, TUFF_KEEP_AXES));
    tuff_val e = tuff_exp(g, tuff_sub(g, x, tuff_finite(g, m)));
    tuff_val s = tuff_sum(g, e, axes, keep);
    tuff_val most = tuff_reshape(g, m, tuff_type_of(g, s).shape);
    return tuff_add(g, tuff_log(g, tuff_maximum(g, s, tuff_scalar(g, TUFF_SUM_FLOOR))), most);
}
