/* losses.c - losses of results and what they should be, built from operators: their gradients follow from the parts. */
#include "graph/compose.h"

static bool check_reduction(struct tuff_graph *g, const char *what, enum tuff_reduction reduction)
{
    if (!tuff_graph_ok(g)) return false;
    if ((unsigned)reduction <= TUFF_REDUCE_NONE) return true;
    tuff_graph_fail(g, TUFF_ERR_USAGE, "%s: there is no reduction %d; it is TUFF_REDUCE_MEAN, _SUM or _NONE", what,
                    (int)reduction);
    return false;
}

/* A loss of each element and its target: broadcasting them would count pairs that nobody means. */
static bool check_targets(struct tuff_graph *g, const char *what, tuff_val x, tuff_val target, enum tuff_reduction reduction)
{
    const tuff_val in[] = {x, target};
    struct tuff_shape xs = tuff_type_of(g, x).shape, ts = tuff_type_of(g, target).shape;
    if (!tuff_graph_takes(g, what, in, 2) || !tuff_takes_floats(g, what, in, 2) || !check_reduction(g, what, reduction))
        return false;
    if (tuff_shape_equal(&xs, &ts)) return true;
    tuff_graph_refuse(
        g, TUFF_ERR_SHAPE, what, in, 2, "%s",
        tuff_shape_count(&xs) == tuff_shape_count(&ts)
            ? "they must have the same shape, as losses do not broadcast: tuff_reshape one of them"
            : "they must have the same shape, as losses do not broadcast: there is one target for each element");
    return false;
}

static tuff_val reduce(struct tuff_graph *g, tuff_val loss, enum tuff_reduction reduction)
{
    switch (reduction) {
    case TUFF_REDUCE_MEAN: return tuff_mean(g, loss, 0, TUFF_DROP_AXES);
    case TUFF_REDUCE_SUM: return tuff_sum(g, loss, 0, TUFF_DROP_AXES);
    case TUFF_REDUCE_NONE: return loss;
    }
    return 0; /* check_reduction has told */
}

/* Logits [n, c, ..], labels [n, ..], weights [c] or 0 */
static bool check_labels(struct tuff_graph *g, tuff_val logits, tuff_val labels,
                         const struct tuff_cross_entropy_params *params)
{
    const char *what = "cross_entropy";
    const tuff_val in[] = {logits, labels}, weighted[] = {logits, params->weight};
    if (!tuff_graph_takes(g, what, in, 2) || !tuff_takes_floats(g, what, in, 1) ||
        !check_reduction(g, what, params->reduction))
        return false;
    struct tuff_shape x = tuff_type_of(g, logits).shape, l = tuff_type_of(g, labels).shape, due = {.rank = x.rank - 1};
    char text[128];
    if (x.rank < 2)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, 2,
                                 "logits are [n, c, ..], one row of c classes for each label") != 0;
    for (uint32_t i = 0; i < due.rank; i++) due.dim[i] = x.dim[i == 0 ? 0 : i + 1];
    if (tuff_type_of(g, labels).dtype != TUFF_I32)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, 2,
                                 "labels are numbers of classes, i32 %s: cast them, or take tuff_argmax of one-hot rows",
                                 tuff_shape_text(&due, text, sizeof text)) != 0;
    if (!tuff_shape_equal(&l, &due))
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, 2,
                                 "labels for these logits are %s, those without the axis of classes",
                                 tuff_shape_text(&due, text, sizeof text)) != 0;
    if (!(params->label_smoothing >= 0 && params->label_smoothing < 1))
        return tuff_graph_fail(g, TUFF_ERR_USAGE, "cross_entropy: label_smoothing is %g; it must be in [0, 1)",
                               params->label_smoothing) != 0;
    return tuff_takes_scales(g, what, weighted, 2, 1, 1, "one weight for each class");
}

/* The element of each label's class: no other one is multiplied, which may be infinite. 0 where the label is none. */
static tuff_val picked(struct tuff_graph *g, tuff_val hit, tuff_val v)
{
    return tuff_sum(g, tuff_select(g, hit, v, tuff_full(g, TUFF_F32, tuff_type_of(g, v).shape, 0)), 2, TUFF_DROP_AXES);
}

/* 1 where a label is one of the classes, else 0 */
static tuff_val is_class(struct tuff_graph *g, tuff_val labels, uint32_t classes)
{
    struct tuff_shape shape = tuff_type_of(g, labels).shape;
    tuff_val least = tuff_greater_equal(g, labels, tuff_full(g, TUFF_I32, shape, 0));
    tuff_val most = tuff_less(g, labels, tuff_full(g, TUFF_I32, shape, classes));
    least = tuff_cast(g, least, TUFF_F32);
    return tuff_mul(g, least, tuff_cast(g, most, TUFF_F32));
}

/* -sum over c of target (z - total) = total sum of target - sum of target z, where z are the logits minus the largest and total is the
 * logarithm of the sum of e^z. So the gradient is softmax - target without another sum. */
tuff_val tuff_cross_entropy(struct tuff_graph *g, tuff_val logits, tuff_val labels, struct tuff_cross_entropy_params params)
{
    struct tuff_shape x = tuff_type_of(g, logits).shape, l = tuff_type_of(g, labels).shape;
    if (!check_labels(g, logits, labels, &params)) return 0;
    tuff_places_of_labels(g, labels, logits, params.use_ignore_index ? &params.ignore_index : NULL);
    tuff_val at = tuff_unsqueeze(g, labels, 1);
    double smooth = params.label_smoothing, each = smooth / x.dim[1]; /* what every class has of the target */
    uint32_t axes;
    tuff_val beside = 0;
    if (params.use_ignore_index) { /* what is left out takes no part, were it infinite or NaN */
        beside = tuff_not_equal(g, at, tuff_full(g, TUFF_I32, tuff_type_of(g, at).shape, params.ignore_index));
        logits = tuff_select(g, beside, logits, tuff_scalar(g, 0));
    }
    tuff_val z = tuff_shifted(g, "cross_entropy", logits, 1, &axes);
    tuff_val total = tuff_reshape(g, tuff_log(g, tuff_sum(g, tuff_exp(g, z), axes, TUFF_KEEP_AXES)), l);
    tuff_val w = params.weight ? tuff_expand(g, tuff_as_channels(g, params.weight, x.rank), x) : 0;
    tuff_val weighted = w ? tuff_mul(g, w, z) : z, hit = tuff_equal(g, tuff_iota(g, x, 1), at);
    tuff_val used = w ? picked(g, hit, w) : 0; /* weight of each label that counts */
    tuff_val share = tuff_affine(g, used ? used : is_class(g, labels, x.dim[1]), 1 - smooth, w ? 0 : smooth);
    tuff_val own = tuff_affine(g, picked(g, hit, weighted), 1 - smooth, 0);
    if (w && smooth > 0) share = tuff_add(g, share, tuff_affine(g, tuff_sum(g, w, axes, TUFF_DROP_AXES), each, 0));
    if (smooth > 0) own = tuff_add(g, own, tuff_affine(g, tuff_sum(g, weighted, axes, TUFF_DROP_AXES), each, 0));
    tuff_val loss = tuff_sub(g, tuff_mul(g, share, total), own);
    if (params.use_ignore_index) {
        tuff_val counts = tuff_reshape(g, beside, l);
        tuff_val none = tuff_full(g, TUFF_F32, l, 0);
        loss = tuff_select(g, counts, loss, none);
        used = tuff_select(g, counts, used ? used : tuff_full(g, TUFF_F32, l, 1), none);
    }
    if (!used || params.reduction != TUFF_REDUCE_MEAN) return reduce(g, loss, params.reduction);
    tuff_val all = tuff_sum(g, used, 0, TUFF_DROP_AXES);
    return tuff_div(g, tuff_sum(g, loss, 0, TUFF_DROP_AXES), all);
}

tuff_val tuff_mse_loss(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction)
{
    if (!check_targets(g, "mse_loss", x, target, reduction)) return 0;
    return reduce(g, tuff_square(g, tuff_sub(g, x, target)), reduction);
}

tuff_val tuff_l1_loss(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction)
{
    if (!check_targets(g, "l1_loss", x, target, reduction)) return 0;
    return reduce(g, tuff_abs(g, tuff_sub(g, x, target)), reduction);
}

/* Huber 1964 with delta 1: d^2/2 below, |d| - 1/2 above; with m = min(|d|, 1) both are m (|d| - m/2), whose gradient by |d| is m */
tuff_val tuff_smooth_l1_loss(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction)
{
    if (!check_targets(g, "smooth_l1_loss", x, target, reduction)) return 0;
    tuff_val d = tuff_abs(g, tuff_sub(g, x, target));
    tuff_val m = tuff_detach(g, tuff_minimum(g, d, tuff_scalar(g, 1)));
    return reduce(g, tuff_mul(g, m, tuff_sub(g, d, tuff_affine(g, m, 0.5, 0))), reduction);
}

tuff_val tuff_bce_with_logits(struct tuff_graph *g, tuff_val x, tuff_val target, enum tuff_reduction reduction)
{
    if (!check_targets(g, "bce_with_logits", x, target, reduction)) return 0;
    return reduce(g, tuff_bce_logits(g, x, target), reduction);
}
