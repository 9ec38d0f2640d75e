/* network.c - an ONNX classifier of pictures as a model file: the picture's bytes in, probabilities and features out. */
#include "pack.h"
#include "refuse.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct network {
    struct tuff_onnx *onnx; /* [owned] */
    struct intake intake;
    struct labels labels;
    char output[200], cut[200]; /* values of the model; cut "": no features */
    bool softmaxed;
    uint32_t classes, features, batch;
};

/* ---- where it ends -------------------------------------------------------------------------------------------------------------------- */

static bool is_name(struct tuff_span span, const char *name)
{
    return span.bytes == strlen(name) && !memcmp(span.data, name, span.bytes);
}

static bool is_op(const struct tuff_onnx_node_info *node, const char *const *ops)
{
    for (; *ops; ops++)
        if (is_name(node->op, *ops)) return true;
    return false;
}

/* The node of the model's graph that gives a value. */
static bool find_node(const struct tuff_onnx *onnx, const char *value, struct tuff_onnx_node_info *found)
{
    for (uint32_t i = 0; i < tuff_onnx_node_count(onnx); i++) {
        const struct tuff_onnx_node_info node = tuff_onnx_node(onnx, i);
        if (node.parent != UINT32_MAX || node.function.bytes) continue;
        for (uint32_t k = 0; k < node.output_count; k++)
            if (is_name(node.outputs[k], value)) return *found = node, true;
    }
    return false;
}

/* From the output back: over what changes no order of classes, the softmax, the bias, to the last product, whose first operand is the features. */
static void look_back(struct network *n)
{
    static const char *const same[] = {"Identity", "Reshape", "Flatten",        "Squeeze",          "Unsqueeze",
                                       "Cast",     "Dropout", "QuantizeLinear", "DequantizeLinear", NULL},
                             *const last[] = {"Softmax", NULL}, *const sigmoid[] = {"Sigmoid", "HardSigmoid", NULL},
                             *const between[] = {"LogSoftmax", "Add", "Mul", "Div", "Sub", NULL},
                             *const product[] = {"Gemm", "MatMul", NULL};
    struct tuff_onnx_node_info node;
    char at[sizeof n->output];
    snprintf(at, sizeof at, "%s", n->output);
    for (int steps = 0; steps < 12 && find_node(n->onnx, at, &node) && node.input_count; steps++) {
        const struct tuff_span in = node.inputs[0];
        const bool end = is_op(&node, product);
        if (is_op(&node, last) || is_op(&node, sigmoid)) n->softmaxed = true;
        if (!end && !is_op(&node, same) && !is_op(&node, last) && !is_op(&node, sigmoid) && !is_op(&node, between)) return;
        if (!in.bytes || in.bytes >= sizeof at) return;
        if (end && !n->cut[0]) snprintf(n->cut, sizeof n->cut, "%.*s", (int)in.bytes, (const char *)in.data);
        if (end) return;
        snprintf(at, sizeof at, "%.*s", (int)in.bytes, (const char *)in.data);
    }
}

/* ---- the network ----------------------------------------------------------------------------------------------------------------------- */

/* x: f32 [n, c, h, w] of 0 .. 255, whole samples: what intake_numbers does on the host. */
static tuff_val numbers(struct tuff_graph *g, tuff_val x, const struct intake *n)
{
    const struct tuff_preprocess *p = &n->preprocess;
    const uint32_t c = p->channels, batch = tuff_type_of(g, x).shape.dim[0];
    const uint32_t start[4] = {0, n->bgr ? c - 1 : 0, (p->height - n->side[0]) / 2, (p->width - n->side[1]) / 2},
                   size[4] = {batch, c, n->side[0], n->side[1]};
    const int32_t step[4] = {1, n->bgr ? -1 : 1, 1, 1};
    const struct tuff_type each = {TUFF_F32, TUFF_SHAPE(1, c, 1, 1)};
    if (n->bgr || p->height != n->side[0] || p->width != n->side[1]) x = tuff_slice(g, x, start, step, size);
    if (n->bytes) {
        x = tuff_cast(g, x, TUFF_U8);
    } else {
        const tuff_val factor = tuff_constant(g, each, n->factor), offset = tuff_constant(g, each, n->offset);
        x = tuff_mul(g, x, factor);
        x = tuff_add(g, x, offset);
    }
    return n->last ? tuff_permute(g, x, (const uint32_t[]){0, 2, 3, 1}) : x;
}

/* A row for each picture: the mean over space where there is some. */
static tuff_val row(struct tuff_graph *g, tuff_val y, bool mean)
{
    if (mean && tuff_type_of(g, y).shape.rank == 4) y = tuff_global_avg_pool(g, y);
    return tuff_flatten(g, y);
}

static void build(struct tuff_graph *g, struct tuff_network *out, void *user)
{
    struct network *n = user;
    const tuff_val x = numbers(g, out->fields[0], &n->intake);
    const char *const names[] = {n->output, n->cut};
    tuff_val values[2] = {0};
    const struct tuff_onnx_add_params params = {
        .struct_size = sizeof params, .inputs = &x, .outputs = names, .output_count = n->cut[0] ? 2 : 1};
    if (tuff_onnx_add(n->onnx, g, &params, values, NULL) != TUFF_OK) return; /* the graph knows why */
    const tuff_val y = row(g, values[0], false);
    const struct tuff_cross_entropy_params each = {.reduction = TUFF_REDUCE_NONE};
    tuff_network_output(g, out, "probabilities", n->softmaxed ? y : tuff_softmax(g, y, 1));
    if (out->fields[1]) out->loss = tuff_cross_entropy(g, y, out->fields[1], each); /* a model has one; nobody trains it */
    n->classes = tuff_type_of(g, y).shape.dim[1];
    if (!n->cut[0]) return;
    const tuff_val features = row(g, values[1], true);
    tuff_network_output(g, out, "features", features);
    n->features = tuff_type_of(g, features).shape.dim[1];
}

static tuff_status open_model(struct network *n, struct tuff_context *context, const struct options *o,
                              struct tuff_error *error)
{
    tuff_status status = tuff_onnx_open(context, o->model, NULL, &n->onnx, error);
    if (status == TUFF_OK) status = intake_of(n->onnx, o->model, &o->intake, &n->intake, &n->labels, error);
    if (status != TUFF_OK) return status;
    n->batch = o->batch ? o->batch : n->intake.fixed ? 1 : 8;
    if (n->intake.fixed > 1 || (n->intake.fixed && n->batch > 1))
        return refuse(error, TUFF_ERR_USAGE, "%.300s: takes %u at once and no other number of pictures%s", o->model,
                      (unsigned)n->intake.fixed, n->intake.fixed == 1 ? " (--batch)" : "");
    const struct tuff_onnx_end output = tuff_onnx_output(n->onnx, 0);
    snprintf(n->output, sizeof n->output, "%s", output.name);
    if (o->features) snprintf(n->cut, sizeof n->cut, "%s", o->features);
    look_back(n);
    return TUFF_OK;
}

static tuff_status write_model(struct network *n, struct tuff_device *device, const struct options *o, const char *path,
                               struct tuff_error *error)
{
    const struct tuff_preprocess *p = &n->intake.preprocess;
    struct tuff_model *model = NULL;
    const struct tuff_model_params params = {
        .struct_size = sizeof params,
        .build = build,
        .user = n,
        .fields = {{.name = "x", .type = {TUFF_U8, TUFF_SHAPE(p->channels, p->height, p->width)}, .scale = 1},
                   TUFF_LABELS("labels")},
        .batch = n->batch};
    tuff_status status = tuff_model_create(device, &params, &model, error);
    if (status == TUFF_OK) status = labels_read(o->labels, n->classes, &n->labels, error);
    const struct tuff_model_save_params save = {.struct_size = sizeof save,
                                                .preprocess = *p,
                                                .class_names = n->labels.names,
                                                .class_count = n->classes,
                                                .batch = n->batch};
    if (status == TUFF_OK) status = tuff_model_save(tuff_device_context(device), model, path, &save, error);
    tuff_model_destroy(model);
    return status;
}

tuff_status network_write(struct tuff_device *device, const struct options *o, const char *path, struct written *written,
                          struct tuff_error *error)
{
    static struct network n;
    n = (struct network){0};
    tuff_status status = open_model(&n, tuff_device_context(device), o, error);
    if (status == TUFF_OK) status = write_model(&n, device, o, path, error);
    *written = (struct written){.classes = n.classes, .features = n.features, .softmaxed = n.softmaxed, .batch = n.batch};
    snprintf(written->cut, sizeof written->cut, "%s", n.cut);
    labels_finish(&n.labels);
    tuff_onnx_destroy(n.onnx);
    return status;
}
