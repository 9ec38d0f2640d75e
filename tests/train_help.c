/* train_help.c - see train_help.h. */
#include "tests/train_help.h"

#include <stdlib.h>

/* A bright bar whose direction is the class, in noise. */
static void make_data(uint8_t (*pictures)[TRAIN_SIDE * TRAIN_SIDE], int32_t *labels)
{
    uint32_t random = 12345;
    for (int i = 0; i < TRAIN_SAMPLES; i++) {
        labels[i] = i % TRAIN_CLASSES;
        int at = i / TRAIN_CLASSES % TRAIN_SIDE;
        for (int p = 0; p < TRAIN_SIDE * TRAIN_SIDE; p++) {
            int x = p % TRAIN_SIDE, y = p / TRAIN_SIDE;
            bool bar = labels[i] == 0 ? x == at : labels[i] == 1 ? y == at : (x + y) % TRAIN_SIDE == at;
            random = random * 1664525u + 1013904223u;
            pictures[i][p] = (uint8_t)((bar ? 180 : 0) + (random >> 26));
        }
    }
}

static tuff_val network(struct tuff_graph *g, tuff_val x, bool training, void *units)
{
    x = tuff_layer_conv2d(g, x, "conv",
                          (struct tuff_layer_conv2d_params){.channels = 8, .kernel = {3}, .conv = {.pad = {1, 1, 1, 1}}});
    x = tuff_relu(g, tuff_layer_batch_norm(g, x, "norm", (struct tuff_layer_batch_norm_params){.training = training}));
    x = tuff_max_pool2d(g, x, (struct tuff_pool2d_params){.kernel = {2, 2}});
    x = tuff_relu(
        g, tuff_layer_dense(g, tuff_flatten(g, x), "hidden", (struct tuff_layer_dense_params){.units = *(uint32_t *)units}));
    return tuff_layer_dense(g, tuff_layer_dropout(g, x, 0.3, training), "out",
                            (struct tuff_layer_dense_params){.units = TRAIN_CLASSES});
}

static void network_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    struct train *t = user;
    bool augments = t->augment && n->training;
    struct tuff_augmented in = {.x = n->fields[0]};
    if (augments) in = tuff_augment(g, in.x, tuff_one_hot(g, n->fields[1], TRAIN_CLASSES), t->augment);
    tuff_val y = network(g, in.x, n->training, &t->units);
    tuff_network_classify(g, n, y, n->fields[1], 0.1);
    const struct tuff_cross_entropy_params each = {.reduction = TUFF_REDUCE_NONE};
    if (augments) n->loss = tuff_cross_entropy_soft(g, y, in.targets, each);
}

tuff_status train_open(struct train *t, const struct tuff_options *options, struct tuff_error *error)
{
    struct tuff_options own = {.struct_size = sizeof own};
    tuff_options_from_env(&own);
    *t = (struct train){0};
    TUFF_TRY(tuff_context_create(options ? options : &own, &t->context, error));
    return tuff_device_create(t->context, NULL, &t->device, error);
}

tuff_status train_model(struct train *t, const struct train_params *params, struct tuff_error *error)
{
    static uint8_t pictures[TRAIN_SAMPLES][TRAIN_SIDE * TRAIN_SIDE];
    static int32_t labels[TRAIN_SAMPLES];
    if (!pictures[0][0]) make_data(pictures, labels); /* threads call this once before they start */
    t->units = params->units ? params->units : 16;
    t->augment = params->augment;
    t->data = (struct tuff_data){.count = params->samples ? params->samples : TRAIN_SAMPLES, .fields = {pictures, labels}};
    t->checkpoint = (struct tuff_model_checkpoint){sizeof t->checkpoint, t->context, params->path, NULL, 0};
    t->fit = (struct tuff_fit_params){
        .struct_size = sizeof t->fit,
        .epochs = params->epochs ? params->epochs : TRAIN_EPOCHS,
        .validation_share = 0.1,
        .stream = params->stream,
        .optimizer = {.struct_size = sizeof(struct tuff_optimizer_params),
                      .kind = TUFF_ADAMW,
                      .beta1 = 0.9,
                      .beta2 = 0.999,
                      .eps = 1e-8,
                      .schedule = {.kind = TUFF_SCHEDULE_COSINE, .lr = 3e-3, .period = 54, .warmup = 5},
                      .weight_decay = 0.01,
                      .clip_norm = 1}};
    if (params->path) t->fit.save = tuff_model_checkpoint_save, t->fit.save_user = &t->checkpoint;
    struct tuff_model_params model = {
        .struct_size = sizeof model,
        .build = network_model,
        .user = t,
        .batch = TRAIN_BATCH,
        .seed = 7,
        .fields = {TUFF_FIELD("x", TUFF_U8, 1, TRAIN_SIDE, TRAIN_SIDE), TUFF_LABELS("labels")}};
    return tuff_model_create(t->device, &model, &t->model, error);
}

tuff_status train_load(struct train *t, struct tuff_error *error)
{
    TUFF_TRY(tuff_model_prepare(t->model, &t->data, &t->fit, error));
    return tuff_model_checkpoint_load(t->context, t->model, t->checkpoint.path, error);
}

tuff_status train_fit(struct train *t, struct tuff_error *error)
{
    return tuff_model_fit(t->model, &t->data, &t->fit, error);
}

void train_close_model(struct train *t)
{
    tuff_model_destroy(t->model);
    t->model = NULL;
}

void train_close(struct train *t)
{
    train_close_model(t);
    tuff_device_release(t->device);
    tuff_context_destroy(t->context);
    *t = (struct train){0};
}

tuff_status train_content(struct train *t, struct train_content *content, struct tuff_error *error)
{
    *content = (struct train_content){.state = tuff_model_state(t->model)};
    for (uint32_t i = 0; i < tuff_model_leaf_count(t->model); i++) {
        struct tuff_leaf leaf = tuff_model_leaf(t->model, i);
        size_t size = (size_t)tuff_dtype_size(leaf.type.dtype, tuff_shape_count(&leaf.type.shape));
        content->bytes = realloc(content->bytes, content->count + size);
        if (!content->bytes) exit(1);
        TUFF_TRY(tuff_model_read(t->model, leaf.name, content->bytes + content->count, size, error));
        content->count += size;
    }
    return TUFF_OK;
}

void train_expect_same(struct backend_test *test, const char *what, const struct train_content *a,
                       const struct train_content *b)
{
    size_t first = 0;
    backend_check(test, a->count == b->count && a->count > 10000, "%s: %zu bytes and %zu bytes", what, a->count, b->count);
    while (first < a->count && first < b->count && a->bytes[first] == b->bytes[first]) first++;
    backend_check(test, first == a->count, "%s: bytes differ from number %zu on", what, first);
    backend_check(test, memcmp(&a->state, &b->state, sizeof a->state) == 0, "%s: the places in the training differ", what);
}
