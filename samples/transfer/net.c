/* net.c - see net.h. */
#include "net.h"

#include <stdlib.h>
#include <string.h>

static tuff_val normalised(struct tuff_graph *g, tuff_val x)
{
    static const float mean[3] = {0.485f, 0.456f, 0.406f}, scale[3] = {1 / 0.229f, 1 / 0.224f, 1 / 0.225f};
    const struct tuff_type type = {TUFF_F32, TUFF_SHAPE(1, 3, 1, 1)};
    x = tuff_sub(g, x, tuff_constant(g, type, mean));
    return tuff_mul(g, x, tuff_constant(g, type, scale));
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
        if (net->normalise) x = normalised(g, x);
        x = zoo_residual(g, x, net->shape, n->training && net->train_norms);
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
    if (net->head_alone)
        params.fields[0] = (struct tuff_field)TUFF_FIELD("features", TUFF_F32, zoo_residual_features(net->shape));
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
