/* net.c - see net.h. */
#include "net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* x in 0 .. 1 */
static tuff_val normalised(struct tuff_graph *g, tuff_val x, const struct preset *p)
{
    float offset[3], factor[3];
    const struct tuff_type type = {TUFF_F32, TUFF_SHAPE(1, 3, 1, 1)};
    static const uint32_t start[4] = {0, 2, 0, 0};
    static const int32_t back[4] = {1, -1, 1, 1};
    for (int k = 0; k < 3; k++) {
        offset[k] = (float)(-p->mean[k] / p->deviation[k]);
        factor[k] = (float)(255 / p->scale / p->deviation[k]);
    }
    if (p->bgr) x = tuff_slice(g, x, start, back, tuff_type_of(g, x).shape.dim);
    x = tuff_mul(g, x, tuff_constant(g, type, factor));
    return tuff_add(g, x, tuff_constant(g, type, offset));
}

/* What the backbone makes of x [n, 3, size, size], a row for each picture: the mean over space where there is some. */
static tuff_val backbone(struct tuff_graph *g, tuff_val x, const struct net *net, bool training)
{
    if (!net->onnx) return zoo_residual(g, x, net->shape, training);
    struct tuff_error error;
    const struct tuff_onnx_add_params params = {
        .struct_size = sizeof params, .inputs = &x, .outputs = &net->cut, .output_count = 1, .training = training};
    tuff_val y = 0;
    if (tuff_onnx_add(net->onnx, g, &params, &y, &error) != TUFF_OK) return 0; /* the graph knows why */
    if (tuff_type_of(g, y).shape.rank > 2) y = tuff_global_avg_pool(g, y);
    return tuff_flatten(g, y);
}

tuff_status net_features(struct sample *s, struct net *net)
{
    struct tuff_graph *g = NULL;
    if (!net->onnx) return net->features = zoo_residual_features(net->shape), TUFF_OK;
    TRY(tuff_graph_create(s->context, &g, &s->error));
    const tuff_val y = backbone(g, tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(1, 3, net->size, net->size)), net, false);
    tuff_status status = tuff_graph_finish(g, &s->error);
    if (status == TUFF_OK) net->features = tuff_type_of(g, y).shape.dim[1];
    tuff_graph_destroy(g);
    return status;
}

/* On the device, other ones in each step; where it predicts, nothing. No flips: a 5 would become another sign. */
static tuff_val augmented(struct tuff_graph *g, tuff_val x, bool training)
{
    const struct tuff_augment_params params = {.struct_size = sizeof params,
                                               .training = training,
                                               .rotate = 12,
                                               .zoom = {0.85, 1.15},
                                               .shift = tuff_type_of(g, x).shape.dim[3] / 16,
                                               .padding = TUFF_SAMPLE_REFLECTION,
                                               .brightness = 0.2,
                                               .contrast = 0.2,
                                               .hue = 0.5};
    return tuff_augment(g, x, 0, &params).x;
}

static void build(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    const struct net *net = user;
    const struct tuff_interpolate_params smaller = {
        .size = {net->size, net->size}, .mode = TUFF_INTERPOLATE_LINEAR, .antialias = true};
    tuff_val x = n->fields[0];
    if (!net->head_alone) {
        if (net->stored != net->size) x = tuff_interpolate(g, x, smaller);
        if (net->augment) x = augmented(g, x, n->training);
        if (net->preset) x = normalised(g, x, net->preset);
        x = backbone(g, x, net, n->training && net->train_norms);
    }
    tuff_network_classify(g, n, zoo_head(g, x, net->classes), n->fields[1], 0);
    if (!net->head_alone) tuff_network_output(g, n, "features", x);
}

tuff_status net_create(struct sample *s, struct net *net, struct tuff_model **model)
{
    struct tuff_model_params params = {
        .struct_size = sizeof params,
        .build = build,
        .user = net,
        .fields = {TUFF_FIELD("x", TUFF_U8, 3, net->stored, net->stored), TUFF_LABELS("labels")},
        .batch = net->batch,
        .seed = net->seed,
        .progress = sample_progress(s)};
    if (net->head_alone) params.fields[0] = (struct tuff_field)TUFF_FIELD("features", TUFF_F32, net->features);
    return tuff_model_create(s->device, &params, model, &s->error);
}

tuff_status net_copy(struct sample *s, struct tuff_model *from, struct tuff_model *to, bool of_head)
{
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; status == TUFF_OK && i < tuff_model_leaf_count(to); i++) {
        struct tuff_leaf leaf = tuff_model_leaf(to, i);
        size_t bytes = (size_t)tuff_dtype_size(leaf.type.dtype, tuff_shape_count(&leaf.type.shape));
        if (of_head != (strncmp(leaf.name, "head.", 5) == 0)) continue;
        void *data = malloc(bytes);
        status = data ? tuff_model_read(from, leaf.name, data, bytes, &s->error) : TUFF_ERR_MEMORY;
        if (status == TUFF_OK) status = tuff_model_write(to, leaf.name, data, bytes, &s->error);
        free(data);
    }
    return status;
}

static bool ends(const char *name, const char *end)
{
    const size_t a = strlen(name), b = strlen(end);
    return a >= b && !strcmp(name + a - b, end);
}

tuff_status net_forget(struct sample *s, struct tuff_model *model, uint64_t seed)
{
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; status == TUFF_OK && i < tuff_model_leaf_count(model); i++) {
        const struct tuff_leaf leaf = tuff_model_leaf(model, i);
        const struct tuff_shape *shape = &leaf.type.shape;
        const size_t count = (size_t)tuff_shape_count(shape);
        if (leaf.type.dtype != TUFF_F32 || !strncmp(leaf.name, "head.", 5) || !shape->rank) continue;
        if (!leaf.trained && !ends(leaf.name, "mean") && !ends(leaf.name, "var")) continue;
        float *data = malloc(count * sizeof *data);
        const double deviation = sqrt(2.0 * shape->dim[0] / (double)count),
                     one = !ends(leaf.name, "bias") && !ends(leaf.name, "mean");
        for (size_t k = 0; data && k < count; k++)
            data[k] = (float)(shape->rank > 1 ? deviation * sample_normal(&seed) : one);
        status = data ? tuff_model_write(model, leaf.name, data, count * sizeof *data, &s->error) : TUFF_ERR_MEMORY;
        free(data);
    }
    return status;
}
