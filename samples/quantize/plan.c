/* plan.c - which values of a network pass through 8 bits: operands and results of products, of sums, concatenations and pools between them, and
 * what only moves elements of these, which keeps their range. The same choice as ONNX Runtime's tools make. */
#include "quantize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct value {
    struct tuff_span name;
    struct tuff_onnx_range *range;  /* NULL: it has none, or is computed of weights alone */
    uint32_t readers, reader, same; /* a node; same: the value that it is another name of, or itself */
    bool varies, taken;
};
struct plan {
    const struct tuff_onnx *onnx;
    struct value *values; /* [owned] */
    struct value none;    /* what is left out (""): fresh each time */
    uint32_t *places;     /* [owned] of values by hashes; UINT32_MAX: free */
    uint32_t count, room;
};

/* ---- names -------------------------------------------------------------------------------------------------------------------------------- */

static uint32_t *place(const struct plan *p, struct tuff_span name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.bytes; i++) hash = (hash ^ ((const uint8_t *)name.data)[i]) * 16777619u;
    for (uint32_t at = hash & (p->room - 1);; at = (at + 1) & (p->room - 1)) {
        if (p->places[at] == UINT32_MAX) return &p->places[at];
        const struct tuff_span other = p->values[p->places[at]].name;
        if (other.bytes == name.bytes && !memcmp(other.data, name.data, name.bytes)) return &p->places[at];
    }
}

static struct value *add(struct plan *p, struct tuff_span name)
{
    p->none = (struct value){.range = NULL};
    if (!name.bytes) return &p->none;
    uint32_t *at = place(p, name);
    if (*at == UINT32_MAX) {
        p->values[p->count] = (struct value){.name = name, .same = p->count};
        *at = p->count++;
    }
    return &p->values[p->values[*at].same];
}

bool op_is(const struct tuff_onnx_node_info *node, const char *names)
{
    const size_t length = node->op.bytes;
    for (const char *at = names; *at; at += strcspn(at, " "), at += strspn(at, " "))
        if (strcspn(at, " ") == length && !memcmp(at, node->op.data, length)) return node->domain.bytes == 0;
    return false;
}

static tuff_status list_values(struct plan *p, const struct calibration *c, const struct feed *feed,
                               struct tuff_error *error)
{
    size_t names = c->count + feed->input_count + 16;
    for (uint32_t n = 0; n < tuff_onnx_node_count(p->onnx); n++) {
        const struct tuff_onnx_node_info node = tuff_onnx_node(p->onnx, n);
        names += node.input_count + node.output_count;
    }
    for (p->room = 64; p->room < 2 * names;) p->room *= 2;
    p->values = calloc(names, sizeof *p->values);
    p->places = malloc(p->room * sizeof *p->places);
    if (!p->values || !p->places) return no_memory(error);
    memset(p->places, 0xff, p->room * sizeof *p->places);
    for (uint32_t i = 0; i < feed->input_count; i++)
        add(p, (struct tuff_span){feed->inputs[i].name, strlen(feed->inputs[i].name)})->varies = true;
    for (uint32_t n = 0; n < tuff_onnx_node_count(p->onnx); n++) {
        const struct tuff_onnx_node_info node = tuff_onnx_node(p->onnx, n);
        bool varies = false;
        if (node.function.bytes || node.parent != UINT32_MAX) continue;
        for (uint32_t k = 0; k < node.input_count; k++) {
            struct value *in = add(p, node.inputs[k]);
            if (op_is(&node, "Shape Size") || (k && op_is(&node, "CastLike"))) continue; /* they read no numbers */
            varies = varies || in->varies;
            in->reader = n, in->readers++;
        }
        for (uint32_t k = 0; k < node.output_count; k++) add(p, node.outputs[k])->varies = varies;
        if (op_is(&node, "Identity Dropout") && node.output_count && node.inputs[0].bytes) {
            const struct value *in = add(p, node.inputs[0]);
            add(p, node.outputs[0])->same = (uint32_t)(in - p->values);
        }
    }
    for (uint32_t k = 0; k < tuff_onnx_output_count(p->onnx); k++) { /* they have a reader outside */
        const struct tuff_onnx_end end = tuff_onnx_output(p->onnx, k);
        const uint32_t *at = place(p, (struct tuff_span){end.name, strlen(end.name)});
        if (*at != UINT32_MAX) p->values[p->values[*at].same].readers += 2;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        struct value *value = add(p, (struct tuff_span){c->ranges[i].name, strlen(c->ranges[i].name)});
        if (value->varies) value->range = &c->ranges[i];
    }
    return TUFF_OK;
}

/* ---- choices ------------------------------------------------------------------------------------------------------------------------------- */

static void take(struct value *v) { v->taken = v->range != NULL; }

/* The result, and what one reader after the other does to each channel or bounds: the library folds what it can of these. */
static void take_result(struct plan *p, struct value *v, bool bounds_alone)
{
    struct value *last = v;
    if (!bounds_alone) take(v);
    while (v->readers == 1) {
        const struct tuff_onnx_node_info node = tuff_onnx_node(p->onnx, v->reader);
        uint32_t varying = 0;
        for (uint32_t k = 0; k < node.input_count; k++) varying += add(p, node.inputs[k])->varies;
        if (varying != 1 || !node.output_count || node.parent != UINT32_MAX ||
            !op_is(&node, bounds_alone ? "Relu Clip" : "BatchNormalization Add Sub Mul Div Relu Clip Max Min"))
            break;
        v = add(p, node.outputs[0]);
        if (!bounds_alone) take(v);
        if (v->range) last = v;
    }
    take(last);
}

static void choose(struct plan *p, const struct tuff_onnx_node_info *node)
{
    uint32_t varying = 0;
    bool ranges = true;
    for (uint32_t k = 0; k < node->input_count; k++) {
        const struct value *in = add(p, node->inputs[k]);
        varying += in->varies;
        ranges = ranges && (!in->varies || in->range);
    }
    if (!node->output_count || !varying || !ranges) return;
    struct value *out = add(p, node->outputs[0]);
    const bool product = op_is(node, "Conv Gemm MatMul"), two = op_is(node, "Add Mul");
    if (product ? varying != 1 || !add(p, node->inputs[0])->varies
                : !out->range || (two ? varying != 2 : !op_is(node, "Concat AveragePool Resize Upsample")))
        return;
    for (uint32_t k = 0; k < node->input_count; k++) take(add(p, node->inputs[k]));
    take_result(p, out, !product);
}

/* Elements of what passes through 8 bits have its range, where theirs lies within. */
static void follow(struct plan *p, const struct tuff_onnx_node_info *node)
{
    static const char moves[] =
        "MaxPool Reshape Flatten Squeeze Unsqueeze Transpose DepthToSpace SpaceToDepth Slice Split Pad Expand Tile";
    if (!node->input_count || !op_is(node, moves)) return;
    const struct value *in = add(p, node->inputs[0]);
    for (uint32_t k = 0; in->taken && k < node->output_count; k++) {
        struct value *out = add(p, node->outputs[k]);
        if (!out->range || out->range->low < fminf(in->range->low, 0) || out->range->high > fmaxf(in->range->high, 0))
            continue;
        out->range->low = in->range->low;
        out->range->high = in->range->high;
        out->taken = true;
    }
}

tuff_status plan_ranges(struct calibration *c, const struct tuff_onnx *onnx, const struct feed *feed,
                        struct tuff_error *error)
{
    struct plan p = {.onnx = onnx};
    tuff_status status = list_values(&p, c, feed, error);
    for (uint32_t pass = 0; status == TUFF_OK && pass < 2; pass++)
        for (uint32_t n = 0; n < tuff_onnx_node_count(onnx); n++) {
            const struct tuff_onnx_node_info node = tuff_onnx_node(onnx, n);
            if (node.function.bytes || node.parent != UINT32_MAX) continue;
            if (pass)
                follow(&p, &node);
            else
                choose(&p, &node);
        }
    uint32_t kept = 0;
    for (uint32_t i = 0; status == TUFF_OK && i < c->count; i++)
        if (add(&p, (struct tuff_span){c->ranges[i].name, strlen(c->ranges[i].name)})->taken)
            c->ranges[kept++] = c->ranges[i];
    if (status == TUFF_OK) c->count = kept;
    free(p.values);
    free(p.places);
    return status;
}
