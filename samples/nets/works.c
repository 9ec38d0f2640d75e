/* works.c - works: a net of the table as the graph of one run, with its inputs; and the pieces that all nets are made of. */
#include "parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct zoo_net *zoo_net_find(const char *name)
{
    for (uint32_t i = 0; i < zoo_net_count; i++)
        if (strcmp(zoo_nets[i].name, name) == 0) return &zoo_nets[i];
    return NULL;
}

uint32_t zoo_hash(uint32_t index, uint32_t seed)
{
    uint32_t v = index + seed * 0x9e3779b9u;
    v = (v ^ (v >> 16)) * 0x7feb352du;
    v = (v ^ (v >> 15)) * 0x846ca68bu;
    return v ^ (v >> 16);
}

double zoo_uniform(uint32_t index, uint32_t seed) { return zoo_hash(index, seed) / 2147483648.0 - 1; }

/* ---- pieces ---------------------------------------------------------------------------------------------------------------- */

const char *zoo_next(struct zoo_build *b, const char *part)
{
    snprintf(b->name, sizeof b->name, part ? "layer%u.%s" : "layer%u", ++b->layer, part);
    return b->name;
}

uint32_t zoo_classes(const struct zoo_build *b, uint32_t own) { return b->classes ? b->classes : own; }

struct tuff_init zoo_gain(double gain) { return (struct tuff_init){.kind = TUFF_INIT_KAIMING_UNIFORM, .a = gain}; }

struct tuff_init zoo_small(void) { return (struct tuff_init){.kind = TUFF_INIT_UNIFORM, .a = -0.05, .b = 0.05}; }

struct tuff_layer_dense_params zoo_units(uint32_t units, double gain)
{
    return (struct tuff_layer_dense_params){.units = units, .weight = zoo_gain(gain), .bias = zoo_small()};
}

struct tuff_layer_conv2d_params zoo_window(uint32_t channels, uint32_t kernel, uint32_t stride, double gain)
{
    uint32_t pad = kernel / 2;
    return (struct tuff_layer_conv2d_params){.channels = channels,
                                             .kernel = {kernel},
                                             .conv = {.stride = {stride, stride}, .pad = {pad, pad, pad, pad}},
                                             .weight = zoo_gain(gain),
                                             .bias = zoo_small()};
}

struct tuff_layer_conv2d_params zoo_depthwise(uint32_t channels, uint32_t kernel, uint32_t stride, double gain)
{
    struct tuff_layer_conv2d_params params = zoo_window(channels, kernel, stride, gain);
    params.conv.groups = channels;
    return params;
}

tuff_val zoo_conv_norm(struct zoo_build *b, tuff_val x, struct tuff_layer_conv2d_params conv, zoo_activation *activation)
{
    const char *name = zoo_next(b, NULL);
    char part[64];
    snprintf(part, sizeof part, "%s.%s", name, b->training || b->norms ? "norm" : "shift");
    conv.no_bias = true;
    x = tuff_layer_conv2d(b->g, x, name, conv);
    if (b->training || b->norms) {
        x = tuff_layer_batch_norm(b->g, x, part, (struct tuff_layer_batch_norm_params){.training = b->training});
    } else { /* what is left of a folded norm */
        tuff_val shift = tuff_param(b->g, part, TUFF_SHAPE(conv.channels), zoo_small());
        x = tuff_add(b->g, x, tuff_reshape(b->g, shift, TUFF_SHAPE(1, conv.channels, 1, 1)));
    }
    return activation ? activation(b->g, x) : x;
}

tuff_val zoo_relu6(struct tuff_graph *g, tuff_val x) { return tuff_relu6(g, x); }

tuff_val zoo_part(struct tuff_graph *g, tuff_val x, uint32_t axis, uint32_t start, uint32_t size)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    uint32_t from[TUFF_MAX_RANK] = {0};
    int32_t step[TUFF_MAX_RANK];
    for (uint32_t i = 0; i < TUFF_MAX_RANK; i++) step[i] = 1;
    from[axis] = start;
    shape.dim[axis] = size;
    return tuff_slice(g, x, from, step, shape.dim);
}

tuff_val zoo_pooled(struct tuff_graph *g, tuff_val x) { return tuff_mean(g, x, 1u << 2 | 1u << 3, TUFF_DROP_AXES); }

tuff_val zoo_max_pool(struct tuff_graph *g, tuff_val x, uint32_t kernel, uint32_t stride, uint32_t pad, bool ceil_mode)
{
    struct tuff_pool2d_params params = {
        .kernel = {kernel, kernel}, .stride = {stride, stride}, .pad = {pad, pad, pad, pad}, .ceil_mode = ceil_mode};
    return tuff_max_pool2d(g, x, params);
}

/* ---- works ------------------------------------------------------------------------------------------------------------------ */

static tuff_status fail(struct tuff_error *error, tuff_status status, const char *what, const char *name)
{
    if (error) {
        error->status = status;
        snprintf(error->message, sizeof error->message, "%s: %s", name, what);
    }
    return status;
}

static bool is_language(const struct zoo_net *net) { return net->sample.dtype == TUFF_I32; }

/* [batch, sample..] */
static struct tuff_shape batched(const struct tuff_shape *sample, uint32_t batch)
{
    struct tuff_shape shape = {.rank = sample->rank + 1, .dim = {batch}};
    for (uint32_t i = 0; i < sample->rank; i++) shape.dim[i + 1] = sample->dim[i];
    return shape;
}

static tuff_status add_training(struct zoo_work *work, tuff_val y, struct tuff_error *error)
{
    struct tuff_graph *g = work->graph;
    struct tuff_shape shape = tuff_type_of(g, y).shape;
    tuff_val loss;
    if (work->net->classes) {
        work->labels = tuff_input(g, "labels", TUFF_I32, TUFF_SHAPE(shape.dim[0]));
        loss = tuff_cross_entropy(g, y, work->labels, (struct tuff_cross_entropy_params){0});
    } else {
        work->labels = tuff_input(g, "labels", TUFF_F32, shape);
        loss = tuff_mse_loss(g, y, work->labels, TUFF_REDUCE_MEAN);
    }
    work->result = tuff_named(g, loss, "loss");
    struct tuff_trainer_params params = {
        .struct_size = sizeof params, .optimizer = work->net->optimizer, .loss = work->result};
    tuff_status status = tuff_trainer_create(g, &params, &work->trainer, error);
    if (status) return status;
    struct tuff_executable_params plan = tuff_trainer_plan(work->trainer);
    work->outputs = plan.outputs;
    work->output_count = plan.output_count;
    return TUFF_OK;
}

tuff_status zoo_work_create(struct tuff_context *context, const struct zoo_net *net, enum zoo_mode mode, uint32_t batch,
                            struct zoo_work *work, struct tuff_error *error)
{
    bool training = mode == ZOO_TRAIN;
    *work = (struct zoo_work){.net = net, .mode = mode, .batch = batch};
    if (training ? !net->trains : !net->infers)
        return fail(error, TUFF_ERR_USAGE, training ? "is not trained here" : "has no inference here", net->name);
    if (!batch) work->batch = training ? net->train_batch : 1;
    tuff_status status = tuff_graph_create(context, &work->graph, error);
    if (status) return status;
    struct zoo_build build = {.g = work->graph, .training = training};
    work->input = tuff_input(work->graph, "x", net->sample.dtype, batched(&net->sample.shape, work->batch));
    tuff_val y = net->build(&build, work->input);
    if (training) status = add_training(work, y, error);
    if (!training) {
        work->result = tuff_named(work->graph, y, net->classes ? "logits" : "numbers");
        work->outputs = &work->result;
        work->output_count = 1;
    }
    if (!status) status = tuff_graph_finish(work->graph, error);
    if (status) zoo_work_finish(work);
    return status;
}

void zoo_work_finish(struct zoo_work *work)
{
    tuff_trainer_destroy(work->trainer);
    tuff_graph_destroy(work->graph);
    *work = (struct zoo_work){.graph = NULL};
}

uint64_t zoo_work_elements(const struct zoo_work *work) { return work->batch * tuff_shape_count(&work->net->sample.shape); }

uint64_t zoo_work_labels(const struct zoo_work *work)
{
    if (work->mode != ZOO_TRAIN) return 0;
    uint64_t numbers = (uint64_t)work->batch * work->net->outputs;
    return work->net->classes ? numbers / work->net->classes : numbers; /* one for each row of logits, or each number */
}

/* Texts of one token more than a sample has; the labels are the tokens that follow. */
static void make_texts(const struct zoo_work *work, uint32_t set, int32_t *x, int32_t *labels)
{
    uint32_t length = work->net->sample.shape.dim[0];
    for (uint32_t s = 0; s < work->batch; s++)
        for (uint32_t i = 0; i <= length; i++) {
            int32_t token = (int32_t)(zoo_hash(s * (length + 1) + i, 2000 + set) % work->net->classes);
            if (i < length) x[s * length + i] = token;
            if (i > 0 && labels) labels[s * length + i - 1] = token;
        }
}

static void make_numbers(uint64_t count, uint32_t seed, float *out)
{
    for (uint64_t i = 0; i < count; i++) out[i] = (float)zoo_uniform((uint32_t)i, seed);
}

void zoo_work_inputs(const struct zoo_work *work, uint32_t set, void *x, void *labels)
{
    if (is_language(work->net)) {
        make_texts(work, set, x, labels);
        return;
    }
    make_numbers(zoo_work_elements(work), 1000 + set, x);
    uint64_t count = labels ? zoo_work_labels(work) : 0;
    if (!work->net->classes) make_numbers(count, 2000 + set, labels);
    for (uint64_t i = 0; i < count && work->net->classes; i++)
        ((int32_t *)labels)[i] = (int32_t)(zoo_hash((uint32_t)i, 2000 + set) % work->net->classes);
}

/* Initial values of parameter number `seed` (from 1) of a peers' net: of weights those that nets.md of the comparison gives,
 * where dense ones lie as [in, out]; one for a norm's factors, else 0. */
static void peer_values(const struct zoo_net *net, const struct tuff_leaf *leaf, uint32_t seed, float *out)
{
    const struct tuff_shape *shape = &leaf->type.shape;
    uint32_t count = (uint32_t)tuff_shape_count(shape), fan_in = count / shape->dim[0];
    double scale = sqrt(net->peer_gain / fan_in), constant = strstr(leaf->name, "norm.weight") ? 1 : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = shape->rank == 2 ? i % fan_in * shape->dim[0] + i / fan_in : i;
        out[i] = (float)(shape->rank < 2 ? constant : zoo_uniform(at, seed) * scale);
    }
}

bool zoo_work_weights(const struct zoo_work *work, uint32_t index, float *out)
{
    struct tuff_leaf leaf = tuff_graph_leaf(work->graph, index);
    uint32_t seed = 1;
    if (!(work->net->peer_gain > 0) || !leaf.trained) return false;
    for (uint32_t i = 0; i < index; i++) seed += tuff_graph_leaf(work->graph, i).trained;
    peer_values(work->net, &leaf, seed, out);
    return true;
}

static tuff_status write_weights(struct zoo_work *work, struct tuff_session *session, struct tuff_error *error)
{
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; i < tuff_graph_leaf_count(work->graph) && !status; i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(work->graph, i);
        size_t bytes = (size_t)tuff_shape_count(&leaf.type.shape) * sizeof(float);
        float *values = malloc(bytes);
        if (!values) return fail(error, TUFF_ERR_MEMORY, "out of host memory", work->net->name);
        if (zoo_work_weights(work, i, values))
            status = tuff_session_write(session, tuff_graph_find(work->graph, leaf.name), values, bytes, error);
        free(values);
    }
    return status;
}

tuff_status zoo_work_fill(struct zoo_work *work, struct tuff_session *session, struct tuff_executable *executable,
                          struct tuff_error *error)
{
    size_t bytes = (size_t)tuff_dtype_size(work->net->sample.dtype, zoo_work_elements(work));
    size_t label_bytes = (size_t)zoo_work_labels(work) * sizeof(int32_t);
    tuff_status status = work->net->peer_gain > 0 ? write_weights(work, session, error) : TUFF_OK;
    if (status) return status;
    void *x = malloc(bytes), *labels = malloc(label_bytes + 1);
    if (x && labels) {
        zoo_work_inputs(work, 0, x, work->labels ? labels : NULL);
        status = tuff_executable_write(executable, work->input, x, bytes, error);
        if (!status && work->labels) status = tuff_executable_write(executable, work->labels, labels, label_bytes, error);
    } else {
        status = fail(error, TUFF_ERR_MEMORY, "out of host memory", work->net->name);
    }
    free(labels);
    free(x);
    return status;
}

tuff_status zoo_work_compile(struct zoo_work *work, struct tuff_session *session,
                             const struct tuff_executable_params *params, struct tuff_executable **executable,
                             struct tuff_error *error)
{
    struct tuff_executable_params all = *params;
    all.outputs = &work->result;
    all.output_count = 1;
    if (work->mode != ZOO_TRAIN) return tuff_session_compile(session, &all, executable, error);
    tuff_status status = tuff_trainer_compile(work->trainer, session, params, error);
    *executable = tuff_trainer_executable(work->trainer);
    return status;
}

void zoo_work_drop(struct zoo_work *work, struct tuff_executable *executable)
{
    if (work->mode != ZOO_TRAIN) tuff_executable_destroy(executable);
    tuff_trainer_destroy(work->trainer);
    work->trainer = NULL;
}

tuff_status zoo_work_submit(struct zoo_work *work, struct tuff_executable *executable, uint64_t *ticket,
                            struct tuff_error *error)
{
    if (work->mode != ZOO_TRAIN) return tuff_executable_submit(executable, ticket, error);
    return tuff_trainer_step(work->trainer, ticket, error);
}
