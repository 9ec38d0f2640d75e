/* network.c - what a model's build function writes of a batch: ready-made ends of networks, and what a model checks of it. */
#include "graph/compose.h"
#include "graph/train/model.h"

#include <stdio.h>

enum { LONGEST_NAME = 40 };

static void add(struct tuff_graph *g, struct tuff_network_value *list, uint32_t *count, uint32_t most, const char *kind,
                struct tuff_network_value value)
{
    if (g->status != TUFF_OK) return;
    if (*count == most)
        tuff_graph_fail(g, TUFF_ERR_USAGE, "the network has more than %u %ss", (unsigned)most, kind);
    else
        list[(*count)++] = value;
}

void tuff_network_output(struct tuff_graph *g, struct tuff_network *n, const char *name, tuff_val value)
{
    add(g, n->outputs, &n->output_count, TUFF_MODEL_OUTPUTS, "output", (struct tuff_network_value){name, value, 0});
}

void tuff_network_metric(struct tuff_graph *g, struct tuff_network *n, const char *name, tuff_val value, tuff_val weight)
{
    add(g, n->metrics, &n->metric_count, TUFF_MODEL_METRICS, "metric", (struct tuff_network_value){name, value, weight});
}

/* [batch, ..] as its means [batch] */
static tuff_val sample_means(struct tuff_graph *g, tuff_val v)
{
    struct tuff_shape shape = tuff_type_of(g, v).shape;
    if (shape.rank < 2) return v;
    return tuff_mean(g, tuff_reshape(g, tuff_cast(g, v, TUFF_F32), TUFF_SHAPE(shape.dim[0], 0)), 2, TUFF_DROP_AXES);
}

void tuff_network_classify(struct tuff_graph *g, struct tuff_network *n, tuff_val logits, tuff_val labels,
                           double label_smoothing)
{
    struct tuff_type type = tuff_type_of(g, logits);
    if (g->status == TUFF_OK && (type.dtype != TUFF_F32 || type.shape.rank < 2 || type.shape.dim[0] != n->batch)) {
        char text[128];
        tuff_graph_fail(g, TUFF_ERR_SHAPE, "the network's output is %s %s, not f32 [%u, classes]",
                        tuff_dtype_name(type.dtype), tuff_shape_text(&type.shape, text, sizeof text), (unsigned)n->batch);
    }
    if (labels) {
        n->loss = sample_means(g,
                               tuff_cross_entropy(g, logits, labels,
                                                  (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_NONE,
                                                                                     .label_smoothing = label_smoothing}));
        tuff_val hits = tuff_equal(g, tuff_argmax(g, logits, 1, TUFF_DROP_AXES), labels);
        tuff_network_metric(g, n, "accuracy", sample_means(g, hits), 0);
    }
    tuff_network_output(g, n, "probabilities", tuff_softmax(g, logits, 1));
}

void tuff_network_class_metrics(struct tuff_graph *g, struct tuff_network *n, tuff_val logits, tuff_val labels)
{
    if (!labels || !tuff_loss_takes_labels(g, "class_metrics", logits, labels, &(struct tuff_cross_entropy_params){0}))
        return;
    struct tuff_shape s = tuff_type_of(g, logits).shape;
    tuff_val x = tuff_reshape(g, logits, TUFF_SHAPE(s.dim[0], s.dim[1], 0)),
             y = tuff_reshape(g, labels, TUFF_SHAPE(s.dim[0], 1, 0));
    tuff_val classes = tuff_reshape(g, tuff_iota(g, TUFF_SHAPE(s.dim[1]), 0), TUFF_SHAPE(1, s.dim[1], 1));
    tuff_val is = tuff_cast(g, tuff_equal(g, y, classes), TUFF_F32), counts = tuff_sum(g, is, 2, TUFF_KEEP_AXES);
    tuff_val answer = tuff_argmax(g, x, 1, TUFF_KEEP_AXES);
    tuff_val called = tuff_mul(g, tuff_cast(g, tuff_equal(g, answer, classes), TUFF_F32), counts);
    tuff_val both = tuff_sum(g, tuff_mul(g, is, called), 4, TUFF_DROP_AXES);
    tuff_val sum = tuff_sum(g, tuff_add(g, is, called), 4, TUFF_DROP_AXES);
    tuff_network_metric(g, n, "f1", tuff_affine(g, both, 2, 0), sum);
    tuff_network_metric(g, n, "iou", both, tuff_sub(g, sum, both));
}

void tuff_network_regress(struct tuff_graph *g, struct tuff_network *n, tuff_val y, tuff_val targets)
{
    if (targets) n->loss = sample_means(g, tuff_mse_loss(g, y, targets, TUFF_REDUCE_NONE));
    tuff_network_output(g, n, "outputs", y);
}

/* ---- what a model checks -------------------------------------------------------------------------------------------------------- */

bool tuff_model_name_fits(const char *name)
{
    size_t length = name ? strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") : 0;
    return length > 0 && length <= LONGEST_NAME && !name[length];
}

static bool fails(struct tuff_graph *g, const char *what, const char *name, tuff_val v, const char *due)
{
    char text[128];
    struct tuff_type type = tuff_type_of(g, v);
    tuff_graph_fail(g, TUFF_ERR_SHAPE, "the network's %s%s%.60s%s is %s %s, not %s", what, name ? " '" : "",
                    name ? name : "", name ? "'" : "", tuff_dtype_name(type.dtype),
                    tuff_shape_text(&type.shape, text, sizeof text), due);
    return false;
}

static bool is_value(struct tuff_graph *g, const char *what, const char *name, tuff_val v)
{
    if (v && v < g->count) return true;
    tuff_graph_fail(g, TUFF_ERR_USAGE,
                    "the network's build function gave %u as %s%s%.60s, which is not a value of the graph that it was given",
                    (unsigned)v, what, name ? " " : "", name ? name : "");
    return false;
}

/* f32 [batch]; of a metric also [batch, ..], and of whole numbers */
static bool is_each(struct tuff_graph *g, const struct tuff_network *n, const char *what, const char *name, tuff_val v,
                    bool metric)
{
    char due[128];
    if (!is_value(g, what, name, v)) return false;
    struct tuff_type type = tuff_type_of(g, v);
    snprintf(due, sizeof due, "f32 [%u%s], %s for each sample%s", (unsigned)n->batch, metric ? ", .." : "",
             metric ? "numbers" : "a number", type.shape.rank ? "" : ": losses give them with TUFF_REDUCE_NONE");
    bool fits = type.shape.rank > 0 && type.shape.dim[0] == n->batch && (metric || type.shape.rank == 1) &&
                (type.dtype == TUFF_F32 || (metric && (type.dtype == TUFF_BOOL || type.dtype == TUFF_I32)));
    return fits || fails(g, what, name, v, due);
}

/* f32, a number for each sample or for each of the metric's */
static bool is_weight(struct tuff_graph *g, const struct tuff_network *n, const struct tuff_network_value *metric)
{
    struct tuff_type value = tuff_type_of(g, metric->value), weight = tuff_type_of(g, metric->weight);
    bool same = weight.dtype == TUFF_F32 && tuff_shape_equal(&value.shape, &weight.shape);
    return same || is_each(g, n, "weight of metric", metric->name, metric->weight, false);
}

static bool check_names(struct tuff_graph *g, const struct tuff_network_value *list, uint32_t count, const char *what)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!tuff_model_name_fits(list[i].name)) {
            tuff_graph_fail(g, TUFF_ERR_USAGE,
                            "%s %u of the network is called '%.60s': names have 1 to 40 letters, digits, - and _", what,
                            (unsigned)i, list[i].name ? list[i].name : "");
            return false;
        }
        for (uint32_t k = 0; k < i; k++)
            if (!strcmp(list[i].name, list[k].name)) {
                tuff_graph_fail(g, TUFF_ERR_USAGE, "two of the network's %ss are called '%s'", what, list[i].name);
                return false;
            }
    }
    return true;
}

bool tuff_model_network_fits(struct tuff_graph *g, const struct tuff_network *n, bool answers)
{
    if (g->status != TUFF_OK) return false;
    if (answers && !n->loss) {
        tuff_graph_fail(g, TUFF_ERR_USAGE,
                        "the network's build function gave no loss: tuff_network_classify or _regress, or network->loss");
        return false;
    }
    if (answers &&
        (!is_each(g, n, "loss", NULL, n->loss, false) || (n->weight && !is_each(g, n, "weight", NULL, n->weight, false))))
        return false;
    if (!check_names(g, n->outputs, n->output_count, "output") || !check_names(g, n->metrics, n->metric_count, "metric"))
        return false;
    for (uint32_t i = 0; i < n->output_count; i++) {
        tuff_val v = n->outputs[i].value;
        if (!is_value(g, "output", n->outputs[i].name, v)) return false;
        struct tuff_shape shape = tuff_type_of(g, v).shape;
        if (shape.rank == 0 || shape.dim[0] != n->batch) return fails(g, "output", n->outputs[i].name, v, "[batch, ..]");
    }
    for (uint32_t i = 0; answers && i < n->metric_count; i++)
        if (!is_each(g, n, "metric", n->metrics[i].name, n->metrics[i].value, true) ||
            (n->metrics[i].weight && !is_weight(g, n, &n->metrics[i])))
            return false;
    return true;
}

bool tuff_model_networks_agree(struct tuff_graph *g, const struct tuff_network *a, const struct tuff_network *b)
{
    bool same = a->output_count == b->output_count && a->metric_count == b->metric_count && !a->weight == !b->weight;
    for (uint32_t i = 0; same && i < a->output_count; i++) {
        struct tuff_type x = tuff_type_of(g, a->outputs[i].value), y = tuff_type_of(g, b->outputs[i].value);
        y.shape.dim[0] = x.shape.dim[0];
        same = x.dtype == y.dtype && tuff_shape_equal(&x.shape, &y.shape) && !strcmp(a->outputs[i].name, b->outputs[i].name);
    }
    for (uint32_t i = 0; same && i < a->metric_count; i++) {
        const struct tuff_network_value *x = &a->metrics[i], *y = &b->metrics[i];
        struct tuff_type a_type = tuff_type_of(g, x->value), b_type = tuff_type_of(g, y->value);
        b_type.shape.dim[0] = a_type.shape.dim[0];
        same = !strcmp(x->name, y->name) && !x->weight == !y->weight && a_type.dtype == b_type.dtype &&
               tuff_shape_equal(&a_type.shape, &b_type.shape);
    }
    if (!same)
        tuff_graph_fail(g, TUFF_ERR_SHAPE,
                        "the network has other outputs, metrics or weights in training than in inference: names and shapes "
                        "are to be the same");
    return same;
}
