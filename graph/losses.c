/* losses.c - what losses share, and those of elements and their targets, built from operators: their gradients follow from the parts. */
#include "graph/compose.h"

#include <float.h>

bool tuff_loss_reduction(struct tuff_graph *g, const char *what, enum tuff_reduction reduction)
{
    if (!tuff_graph_ok(g)) return false;
    if ((unsigned)reduction <= TUFF_REDUCE_NONE) return true;
    return tuff_graph_fail(g, TUFF_ERR_USAGE, "%s: there is no reduction %d; it is TUFF_REDUCE_MEAN, _SUM or _NONE", what,
                           (int)reduction);
}

bool tuff_loss_takes(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count,
                     enum tuff_reduction reduction)
{
    if (!tuff_graph_takes(g, what, in, count) || !tuff_takes_floats(g, what, in, count) ||
        !tuff_loss_reduction(g, what, reduction))
        return false;
    struct tuff_shape first = tuff_type_of(g, in[0]).shape;
    for (uint32_t i = 1; i < count; i++) {
        struct tuff_shape shape = tuff_type_of(g, in[i]).shape;
        if (tuff_shape_equal(&first, &shape)) continue;
        return tuff_graph_refuse(
            g, TUFF_ERR_SHAPE, what, in, count, "%s",
            tuff_shape_count(&first) == tuff_shape_count(&shape)
                ? "they must have the same shape, as losses do not broadcast: tuff_reshape one of them"
                : "they must have the same shape, as losses do not broadcast: there is one target for each element");
    }
    return true;
}

tuff_val tuff_loss_reduce(struct tuff_graph *g, tuff_val loss, enum tuff_reduction reduction)
{
    switch (reduction) {
    case TUFF_REDUCE_MEAN: return tuff_mean(g, loss, 0, TUFF_DROP_AXES);
    case TUFF_REDUCE_SUM: return tuff_sum(g, loss, 0, TUFF_DROP_AXES);
    case TUFF_REDUCE_NONE: return loss;
    }
    return 0; /* tuff_loss_reduction has told */
}

tuff_val tuff_loss_weight(struct tuff_graph *g, const char *what, tuff_val x, tuff_val weight)
{
    const tuff_val in[] = {x, weight};
    if (!tuff_graph_takes(g, what, in, 2) || !tuff_takes_floats(g, what, in, 2)) return 0;
    struct tuff_shape shape = tuff_type_of(g, x).shape, w = tuff_type_of(g, weight).shape;
    bool fits = w.rank <= shape.rank && (w.rank > 0 || shape.rank == 0);
    for (uint32_t i = 0; i < w.rank && fits; i++) fits = w.dim[i] == shape.dim[i];
    if (!fits)
        return tuff_graph_refuse(
            g, TUFF_ERR_SHAPE, what, in, 2,
            "weights have the shape of what they weigh, or that of its first axes: one for each sample");
    while (w.rank < shape.rank) w.dim[w.rank++] = 1;
    return tuff_reshape(g, weight, w);
}

tuff_val tuff_loss_at_least(struct tuff_graph *g, tuff_val v, double least)
{
    return tuff_maximum(g, v, tuff_scalar(g, least));
}

tuff_val tuff_weigh_losses(struct tuff_graph *g, tuff_val losses, tuff_val weight, enum tuff_reduction reduction)
{
    tuff_val w = tuff_loss_weight(g, "weigh_losses", losses, weight);
    if (!w || !tuff_loss_reduction(g, "weigh_losses", reduction)) return 0;
    struct tuff_shape shape = tuff_type_of(g, losses).shape;
    tuff_val weighed = tuff_mul(g, losses, w);
    if (reduction != TUFF_REDUCE_MEAN) return tuff_loss_reduce(g, weighed, reduction);
    tuff_val all = tuff_sum(g, tuff_expand(g, w, shape), 0, TUFF_DROP_AXES);
    return tuff_div(g, tuff_sum(g, weighed, 0, TUFF_DROP_AXES), all);
}

/* Where a root or a power has no gradient: what lies below counts as this, with gradient 0. */
#define TUFF_FOCAL_FLOOR 1e-30
#define TUFF_LENGTH_FLOOR 1e-18

/* ---- of x and its target ------------------------------------------------------------------------------------------------------- */

/* x and its target, and a third one or 0 */
static bool takes(struct tuff_graph *g, const char *what, tuff_val x, tuff_val target, tuff_val third,
                  enum tuff_reduction reduction)
{
    return tuff_loss_takes(g, what, (tuff_val[]){x, target, third}, third ? 3 : 2, reduction);
}

tuff_val tuff_mse_loss(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction)
{
    if (!takes(g, "mse_loss", x, target, 0, reduction)) return 0;
    return tuff_loss_reduce(g, tuff_square(g, tuff_sub(g, x, target)), reduction);
}

tuff_val tuff_l1_loss(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction)
{
    if (!takes(g, "l1_loss", x, target, 0, reduction)) return 0;
    return tuff_loss_reduce(g, tuff_abs(g, tuff_sub(g, x, target)), reduction);
}

/* d^2/2 below delta, delta (d - delta/2) above; with m = min(d, delta) both are m (d - m/2), whose gradient by d is m */
static tuff_val huber(struct tuff_graph *g, tuff_val x, tuff_val target, double delta)
{
    tuff_val d = tuff_abs(g, tuff_sub(g, x, target));
    tuff_val m = tuff_detach(g, tuff_minimum(g, d, tuff_scalar(g, delta)));
    return tuff_mul(g, m, tuff_sub(g, d, tuff_affine(g, m, 0.5, 0)));
}

tuff_val tuff_smooth_l1_loss(struct tuff_graph *g, tuff_val x, tuff_val target, struct tuff_smooth_l1_params params)
{
    const char *what = "smooth_l1_loss";
    double beta = tuff_number_or(params.beta, 1);
    if (!takes(g, what, x, target, 0, params.reduction) || !tuff_graph_number(g, what, "beta", beta, 0, 1e30)) return 0;
    if (beta == 0) return tuff_l1_loss(g, x, target, params.reduction);
    tuff_val loss = huber(g, x, target, beta);
    return tuff_loss_reduce(g, beta == 1 ? loss : tuff_affine(g, loss, 1 / beta, 0), params.reduction);
}

tuff_val tuff_huber_loss(struct tuff_graph *g, tuff_val x, tuff_val target, struct tuff_huber_params params)
{
    double delta = params.delta == 0 ? 1 : params.delta;
    if (!takes(g, "huber_loss", x, target, 0, params.reduction) ||
        !tuff_graph_number(g, "huber_loss", "delta", delta, 1e-30, 1e30))
        return 0;
    return tuff_loss_reduce(g, huber(g, x, target, delta), params.reduction);
}

/* ---- of probabilities ---------------------------------------------------------------------------------------------------------- */

/* part times v, 0 where part is: what a target does not count takes no part, were it infinite */
static tuff_val counted(struct tuff_graph *g, tuff_val part, tuff_val v)
{
    tuff_val zero = tuff_scalar(g, 0), nothing = tuff_equal(g, part, zero);
    return tuff_select(g, nothing, zero, tuff_mul(g, part, v));
}

/* log v, at least -100; 0 has no logarithm that has a gradient */
static tuff_val floored_log(struct tuff_graph *g, tuff_val v)
{
    tuff_val least = tuff_scalar(g, -100), none = tuff_equal(g, v, tuff_scalar(g, 0));
    tuff_val safe = tuff_select(g, none, tuff_scalar(g, 1), v);
    return tuff_select(g, none, least, tuff_maximum(g, tuff_log(g, safe), least));
}

static bool takes_bce(struct tuff_graph *g, const char *what, tuff_val x, tuff_val target, struct tuff_bce_params *p)
{
    if (!takes(g, what, x, target, 0, p->reduction)) return false;
    if (p->weight) p->weight = tuff_loss_weight(g, what, x, p->weight);
    return tuff_graph_ok(g);
}

static tuff_val weigh(struct tuff_graph *g, tuff_val loss, const struct tuff_bce_params *p)
{
    return tuff_loss_reduce(g, p->weight ? tuff_mul(g, loss, p->weight) : loss, p->reduction);
}

tuff_val tuff_bce_loss(struct tuff_graph *g, tuff_val p, tuff_val target, struct tuff_bce_params params)
{
    if (!takes_bce(g, "bce_loss", p, target, &params)) return 0;
    if (params.pos_weight)
        return tuff_graph_fail(g, TUFF_ERR_USAGE, "bce_loss: pos_weight is for logits: tuff_bce_with_logits");
    tuff_val yes = tuff_mul(g, target, floored_log(g, p)), rest = tuff_affine(g, target, -1, 1);
    tuff_val no = tuff_mul(g, rest, floored_log(g, tuff_affine(g, p, -1, 1)));
    return weigh(g, tuff_neg(g, tuff_add(g, yes, no)), &params);
}

tuff_val tuff_bce_with_logits(struct tuff_graph *g, tuff_val x, tuff_val target, struct tuff_bce_params params)
{
    const char *what = "bce_with_logits";
    if (!takes_bce(g, what, x, target, &params)) return 0;
    if (!params.pos_weight) return weigh(g, tuff_bce_logits(g, x, target), &params);
    uint32_t rank = tuff_type_of(g, x).shape.rank;
    if (rank == 0) return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, &x, 1, "a scalar has no axis for pos_weight");
    const tuff_val in[] = {x, params.pos_weight};
    if (!tuff_takes_scales(g, what, in, 2, rank - 1, 1, "one number for each of the last axis")) return 0;
    tuff_val rest = tuff_affine(g, target, -1, 1), no = counted(g, rest, tuff_softplus(g, x));
    tuff_val yes = counted(g, target, tuff_softplus(g, tuff_neg(g, x)));
    return weigh(g, tuff_add(g, no, tuff_mul(g, yes, params.pos_weight)), &params);
}

tuff_val tuff_sigmoid_focal_loss(struct tuff_graph *g, tuff_val x, tuff_val target, struct tuff_sigmoid_focal_params params)
{
    const char *what = "sigmoid_focal_loss";
    double alpha = tuff_number_or(params.alpha, 0.25), gamma = tuff_number_or(params.gamma, 2);
    if (!takes(g, what, x, target, 0, params.reduction) || !tuff_graph_number(g, what, "alpha", alpha, -DBL_MAX, 1) ||
        !tuff_graph_number(g, what, "gamma", gamma, 0, 1e3))
        return 0;
    tuff_val rest = tuff_affine(g, target, -1, 1), wrong = tuff_mul(g, tuff_sigmoid(g, x), rest);
    wrong = tuff_add(g, wrong, tuff_mul(g, tuff_sigmoid(g, tuff_neg(g, x)), target));
    tuff_val focus = tuff_pow_const(g, tuff_loss_at_least(g, wrong, TUFF_FOCAL_FLOOR), gamma, 0);
    tuff_val loss = tuff_mul(g, focus, tuff_bce_logits(g, x, target));
    if (alpha >= 0) loss = tuff_mul(g, loss, tuff_affine(g, target, 2 * alpha - 1, 1 - alpha));
    return tuff_loss_reduce(g, loss, params.reduction);
}

tuff_val tuff_kl_div(struct tuff_graph *g, tuff_val x, tuff_val target, struct tuff_kl_div_params params)
{
    if (!takes(g, "kl_div", x, target, 0, params.reduction)) return 0;
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (params.batch_mean && (params.reduction != TUFF_REDUCE_MEAN || shape.rank == 0))
        return tuff_graph_refuse(g, TUFF_ERR_USAGE, "kl_div", &x, 1,
                                 "batch_mean is a mean over a first axis, and goes with no other reduction");
    tuff_val zero = tuff_scalar(g, 0), share = params.log_target ? tuff_exp(g, target) : target;
    tuff_val none = tuff_equal(g, share, zero); /* its logarithm takes no part */
    tuff_val safe = tuff_select(g, none, params.log_target ? zero : tuff_scalar(g, 1), target);
    tuff_val log_t = params.log_target ? safe : tuff_log(g, safe);
    tuff_val log_x = tuff_select(g, none, zero, x), part = tuff_mul(g, share, tuff_sub(g, log_t, log_x));
    tuff_val loss = tuff_select(g, none, zero, part);
    if (!params.batch_mean) return tuff_loss_reduce(g, loss, params.reduction);
    return tuff_affine(g, tuff_sum(g, loss, 0, TUFF_DROP_AXES), 1.0 / shape.dim[0], 0);
}

/* t log t - t + log(2 pi t) / 2, of t above 1 */
static tuff_val stirling(struct tuff_graph *g, tuff_val t)
{
    tuff_val one = tuff_scalar(g, 1), large = tuff_greater(g, t, one), safe = tuff_select(g, large, t, one);
    tuff_val log_t = tuff_log(g, safe), factor = tuff_affine(g, safe, 1, 0.5);
    tuff_val more = tuff_sub(g, tuff_mul(g, factor, log_t), safe);
    more = tuff_affine(g, more, 1, 0.91893853320467274);
    return tuff_select(g, large, more, tuff_scalar(g, 0));
}

tuff_val tuff_poisson_nll_loss(struct tuff_graph *g, tuff_val x, tuff_val target, struct tuff_poisson_nll_params params)
{
    double eps = params.eps == 0 ? 1e-8 : params.eps;
    if (!takes(g, "poisson_nll_loss", x, target, 0, params.reduction) ||
        !tuff_graph_number(g, "poisson_nll_loss", "eps", eps, 1e-30, 1e30))
        return 0;
    tuff_val rate = params.no_log_input ? x : tuff_exp(g, x);
    tuff_val log_rate = params.no_log_input ? tuff_log(g, tuff_affine(g, x, 1, eps)) : x;
    tuff_val loss = tuff_sub(g, rate, tuff_mul(g, target, log_rate));
    return tuff_loss_reduce(g, params.full ? tuff_add(g, loss, stirling(g, target)) : loss, params.reduction);
}

tuff_val tuff_gaussian_nll_loss(struct tuff_graph *g, tuff_val x, tuff_val target, tuff_val variance,
                                struct tuff_gaussian_nll_params params)
{
    double eps = params.eps == 0 ? 1e-6 : params.eps;
    const tuff_val in[] = {x, target, variance};
    if (!tuff_loss_takes(g, "gaussian_nll_loss", in, 3, params.reduction) ||
        !tuff_graph_number(g, "gaussian_nll_loss", "eps", eps, 1e-30, 1e30))
        return 0;
    tuff_val low = tuff_detach(g, tuff_sub(g, tuff_loss_at_least(g, variance, eps), variance));
    tuff_val v = tuff_add(g, variance, low), square = tuff_square(g, tuff_sub(g, x, target));
    tuff_val log_v = tuff_log(g, v), loss = tuff_add(g, log_v, tuff_div(g, square, v));
    return tuff_loss_reduce(g, tuff_affine(g, loss, 0.5, params.full ? 0.91893853320467274 : 0), params.reduction);
}

/* ---- with margins -------------------------------------------------------------------------------------------------------------- */

static bool good_margin(struct tuff_graph *g, const char *what, double margin)
{
    return tuff_graph_number(g, what, "margin", margin, -1e30, 1e30);
}

/* As PyTorch's: a y that is neither counts both parts. */
tuff_val tuff_hinge_embedding_loss(struct tuff_graph *g, tuff_val x, tuff_val y, struct tuff_margin_params params)
{
    const char *what = "hinge_embedding_loss";
    double margin = tuff_number_or(params.margin, 1);
    if (!takes(g, what, x, y, 0, params.reduction) || !good_margin(g, what, margin)) return 0;
    tuff_val zero = tuff_scalar(g, 0), far = tuff_relu(g, tuff_affine(g, x, -1, margin));
    tuff_val is_like = tuff_equal(g, y, tuff_scalar(g, 1)), is_unlike = tuff_equal(g, y, tuff_scalar(g, -1));
    tuff_val like = tuff_select(g, is_unlike, zero, x), unlike = tuff_select(g, is_like, zero, far);
    return tuff_loss_reduce(g, tuff_add(g, like, unlike), params.reduction);
}

tuff_val tuff_margin_ranking_loss(struct tuff_graph *g, tuff_val a, tuff_val b, tuff_val y, struct tuff_margin_params params)
{
    const char *what = "margin_ranking_loss";
    double margin = tuff_number_or(params.margin, 0);
    if (!tuff_loss_takes(g, what, (tuff_val[]){a, b, y}, 3, params.reduction) || !good_margin(g, what, margin)) return 0;
    tuff_val lead = tuff_mul(g, y, tuff_sub(g, a, b));
    return tuff_loss_reduce(g, tuff_relu(g, tuff_affine(g, lead, -1, margin)), params.reduction);
}

/* ---- of vectors ---------------------------------------------------------------------------------------------------------------- */

/* The length along the axes, at least `least`, with gradient 0 below */
static tuff_val length(struct tuff_graph *g, tuff_val v, uint32_t axes, double least)
{
    tuff_val squares = tuff_sum(g, tuff_square(g, v), axes, TUFF_DROP_AXES);
    return tuff_sqrt(g, tuff_loss_at_least(g, squares, least * least));
}

static tuff_val dot(struct tuff_graph *g, tuff_val a, tuff_val b, uint32_t axes)
{
    return tuff_sum(g, tuff_mul(g, a, b), axes, TUFF_DROP_AXES);
}

tuff_val tuff_cosine_similarity(struct tuff_graph *g, tuff_val a, tuff_val b, int axis, double eps)
{
    const char *what = "cosine_similarity";
    if (!takes(g, what, a, b, 0, TUFF_REDUCE_NONE)) return 0;
    int at = tuff_axis(g, what, a, axis);
    double least = eps == 0 ? 1e-8 : eps;
    if (at < 0 || !tuff_graph_number(g, what, "eps", least, 1e-18, 1e18)) return 0;
    tuff_val la = length(g, a, 1u << at, least), lb = length(g, b, 1u << at, least);
    return tuff_div(g, tuff_div(g, dot(g, a, b, 1u << at), la), lb);
}

/* in[count] of one shape [.., k]; the mask of its last axis, or 0 */
static uint32_t last_axis(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count,
                          enum tuff_reduction reduction)
{
    if (!tuff_loss_takes(g, what, in, count, reduction)) return 0;
    uint32_t rank = tuff_type_of(g, in[0]).shape.rank;
    if (rank > 0) return 1u << (rank - 1);
    return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, count, "scalars are no vectors: they must be [.., k]");
}

tuff_val tuff_cosine_embedding_loss(struct tuff_graph *g, tuff_val a, tuff_val b, tuff_val y,
                                    struct tuff_margin_params params)
{
    const char *what = "cosine_embedding_loss";
    double margin = tuff_number_or(params.margin, 0);
    uint32_t axes = last_axis(g, what, (tuff_val[]){a, b}, 2, params.reduction);
    if (!axes || !good_margin(g, what, margin) ||
        !tuff_takes_scales(g, what, (tuff_val[]){a, y}, 2, 0, tuff_type_of(g, a).shape.rank - 1,
                           "the shape without the last axis"))
        return 0;
    tuff_val squares = tuff_affine(g, dot(g, a, a, axes), 1, 1e-12);
    tuff_val root = tuff_sqrt(g, tuff_mul(g, squares, tuff_affine(g, dot(g, b, b, axes), 1, 1e-12)));
    tuff_val cosine = tuff_div(g, dot(g, a, b, axes), root), zero = tuff_scalar(g, 0);
    tuff_val is_like = tuff_equal(g, y, tuff_scalar(g, 1)), is_unlike = tuff_equal(g, y, tuff_scalar(g, -1));
    tuff_val unlike = tuff_select(g, is_unlike, tuff_relu(g, tuff_affine(g, cosine, 1, -margin)), zero);
    return tuff_loss_reduce(g, tuff_select(g, is_like, tuff_affine(g, cosine, -1, 1), unlike), params.reduction);
}

tuff_val tuff_triplet_margin_loss(struct tuff_graph *g, tuff_val anchor, tuff_val positive, tuff_val negative,
                                  struct tuff_triplet_params params)
{
    const char *what = "triplet_margin_loss";
    double margin = tuff_number_or(params.margin, 1), eps = params.eps == 0 ? 1e-6 : params.eps;
    uint32_t axes = last_axis(g, what, (tuff_val[]){anchor, positive, negative}, 3, params.reduction);
    if (!axes || !good_margin(g, what, margin) || !tuff_graph_number(g, what, "eps", eps, -1e30, 1e30)) return 0;
    tuff_val near = length(g, tuff_affine(g, tuff_sub(g, anchor, positive), 1, eps), axes, TUFF_LENGTH_FLOOR);
    tuff_val far = length(g, tuff_affine(g, tuff_sub(g, anchor, negative), 1, eps), axes, TUFF_LENGTH_FLOOR);
    if (params.swap) {
        tuff_val other = length(g, tuff_affine(g, tuff_sub(g, positive, negative), 1, eps), axes, TUFF_LENGTH_FLOOR);
        far = tuff_minimum(g, far, other);
    }
    return tuff_loss_reduce(g, tuff_relu(g, tuff_affine(g, tuff_sub(g, near, far), 1, margin)), params.reduction);
}
