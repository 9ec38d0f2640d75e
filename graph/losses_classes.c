/* losses_classes.c - losses of classes: logits or probabilities of c classes along axis 1, and labels or distributions over them. */
#include "graph/compose.h"

/* The numbers of params, and weights [c] or 0 */
static bool check_classes(struct tuff_graph *g, const char *what, tuff_val logits,
                          const struct tuff_cross_entropy_params *params)
{
    if (!(params->label_smoothing >= 0 && params->label_smoothing < 1))
        return tuff_graph_fail(g, TUFF_ERR_USAGE, "%s: label_smoothing is %g; it must be in [0, 1)", what,
                               params->label_smoothing);
    return tuff_takes_scales(g, what, (tuff_val[]){logits, params->weight}, 2, 1, 1, "one weight for each class");
}

bool tuff_loss_takes_labels(struct tuff_graph *g, const char *what, tuff_val logits, tuff_val labels,
                            const struct tuff_cross_entropy_params *params)
{
    const tuff_val in[] = {logits, labels};
    if (!tuff_graph_takes(g, what, in, 2) || !tuff_takes_floats(g, what, in, 1) ||
        !tuff_loss_reduction(g, what, params->reduction))
        return false;
    struct tuff_shape x = tuff_type_of(g, logits).shape, l = tuff_type_of(g, labels).shape, due = {.rank = x.rank - 1};
    char text[128];
    if (x.rank < 2)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, 2,
                                 "logits are [n, c, ..], one row of c classes for each label");
    for (uint32_t i = 0; i < due.rank; i++) due.dim[i] = x.dim[i == 0 ? 0 : i + 1];
    if (tuff_type_of(g, labels).dtype != TUFF_I32)
        return tuff_graph_refuse(
            g, TUFF_ERR_SHAPE, what, in, 2,
            "labels are numbers of classes, i32 %s, as of TUFF_LABELS: cast them, or take tuff_argmax of one-hot rows",
            tuff_shape_text(&due, text, sizeof text));
    if (!tuff_shape_equal(&l, &due))
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, 2,
                                 "labels for these logits are %s, those without the axis of classes",
                                 tuff_shape_text(&due, text, sizeof text));
    return check_classes(g, what, logits, params);
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
    if (!tuff_loss_takes_labels(g, "cross_entropy", logits, labels, &params)) return 0;
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
    if (!used || params.reduction != TUFF_REDUCE_MEAN) return tuff_loss_reduce(g, loss, params.reduction);
    tuff_val all = tuff_sum(g, used, 0, TUFF_DROP_AXES);
    return tuff_div(g, tuff_sum(g, loss, 0, TUFF_DROP_AXES), all);
}

static tuff_val channels(struct tuff_graph *g, tuff_val weight, struct tuff_shape x)
{
    return tuff_expand(g, tuff_as_channels(g, weight, x.rank), x);
}

tuff_val tuff_cross_entropy_soft(struct tuff_graph *g, tuff_val logits, tuff_val targets,
                                 struct tuff_cross_entropy_params params)
{
    const char *what = "cross_entropy_soft";
    const tuff_val in[] = {logits, targets};
    struct tuff_shape x = tuff_type_of(g, logits).shape;
    double smooth = params.label_smoothing;
    uint32_t axes;
    if (!tuff_loss_takes(g, what, in, 2, params.reduction)) return 0;
    if (x.rank < 2) return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, 2, "both are [n, c, ..], a row of c classes each");
    if (params.use_ignore_index)
        return tuff_graph_fail(g, TUFF_ERR_USAGE,
                               "%s: use_ignore_index is for labels; a distribution of zeros counts nothing", what);
    if (!check_classes(g, what, logits, &params)) return 0;
    if (smooth > 0) targets = tuff_affine(g, targets, 1 - smooth, smooth / x.dim[1]);
    if (params.weight) targets = tuff_mul(g, targets, channels(g, params.weight, x));
    tuff_val z = tuff_shifted(g, what, logits, 1, &axes), zero = tuff_scalar(g, 0), none = tuff_equal(g, targets, zero);
    tuff_val total = tuff_log(g, tuff_sum(g, tuff_exp(g, z), axes, TUFF_DROP_AXES));
    tuff_val own = tuff_sum(g, tuff_select(g, none, zero, tuff_mul(g, targets, z)), axes, TUFF_DROP_AXES);
    tuff_val share = tuff_sum(g, targets, axes, TUFF_DROP_AXES);
    return tuff_loss_reduce(g, tuff_sub(g, tuff_mul(g, share, total), own), params.reduction);
}

/* Weights [c] by label, 1 where there are none, 0 where the label is ignored; 0 where all count the same. */
static tuff_val used_weights(struct tuff_graph *g, tuff_val labels, struct tuff_shape x,
                             const struct tuff_cross_entropy_params *p)
{
    struct tuff_shape l = tuff_type_of(g, labels).shape;
    tuff_val used = 0;
    if (p->weight) {
        tuff_val at = tuff_unsqueeze(g, labels, 1), hit = tuff_equal(g, tuff_iota(g, x, 1), at);
        used = picked(g, hit, channels(g, p->weight, x));
    }
    if (!p->use_ignore_index) return used;
    tuff_val counts = tuff_not_equal(g, labels, tuff_full(g, TUFF_I32, l, p->ignore_index));
    if (!used) used = tuff_full(g, TUFF_F32, l, 1);
    return tuff_select(g, counts, used, tuff_full(g, TUFF_F32, l, 0));
}

/* Losses that are 0 where the label is ignored. */
static tuff_val reduce_used(struct tuff_graph *g, tuff_val loss, tuff_val used, enum tuff_reduction reduction)
{
    if (used) loss = tuff_mul(g, loss, used);
    if (!used || reduction != TUFF_REDUCE_MEAN) return tuff_loss_reduce(g, loss, reduction);
    tuff_val all = tuff_sum(g, used, 0, TUFF_DROP_AXES);
    return tuff_div(g, tuff_sum(g, loss, 0, TUFF_DROP_AXES), all);
}

tuff_val tuff_nll_loss(struct tuff_graph *g, tuff_val log_p, tuff_val labels, struct tuff_nll_loss_params params)
{
    const struct tuff_cross_entropy_params p = {params.reduction, params.use_ignore_index, params.ignore_index, 0,
                                                params.weight};
    if (!tuff_loss_takes_labels(g, "nll_loss", log_p, labels, &p)) return 0;
    struct tuff_shape x = tuff_type_of(g, log_p).shape;
    tuff_places_of_labels(g, labels, log_p, p.use_ignore_index ? &p.ignore_index : NULL);
    tuff_val at = tuff_unsqueeze(g, labels, 1), hit = tuff_equal(g, tuff_iota(g, x, 1), at);
    if (p.use_ignore_index) {
        tuff_val beside = tuff_not_equal(g, at, tuff_full(g, TUFF_I32, tuff_type_of(g, at).shape, p.ignore_index));
        log_p = tuff_select(g, beside, log_p, tuff_scalar(g, 0));
    }
    tuff_val loss = tuff_neg(g, picked(g, hit, log_p));
    return reduce_used(g, loss, used_weights(g, labels, x, &p), p.reduction);
}

/* 1 - p = 1 - e^-loss, which elu has to the last digit; a power of 0 has no gradient. */
tuff_val tuff_focal_loss(struct tuff_graph *g, tuff_val logits, tuff_val labels, struct tuff_focal_loss_params params)
{
    const struct tuff_cross_entropy_params p = {params.reduction, params.use_ignore_index, params.ignore_index, 0,
                                                params.weight};
    struct tuff_cross_entropy_params each = p;
    double gamma = tuff_number_or(params.gamma, 2);
    if (!tuff_loss_takes_labels(g, "focal_loss", logits, labels, &p) ||
        !tuff_graph_number(g, "focal_loss", "gamma", gamma, 0, 1e3))
        return 0;
    each.reduction = TUFF_REDUCE_NONE, each.weight = 0;
    tuff_val loss = tuff_cross_entropy(g, logits, labels, each);
    tuff_val wrong = tuff_neg(g, tuff_elu(g, tuff_neg(g, loss), 1, 0));
    tuff_val focus = tuff_pow_const(g, tuff_loss_at_least(g, wrong, 1e-30), gamma, 0);
    tuff_val used = used_weights(g, labels, tuff_type_of(g, logits).shape, &p);
    return reduce_used(g, tuff_mul(g, focus, loss), used, p.reduction);
}
