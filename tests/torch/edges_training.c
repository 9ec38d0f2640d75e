/* edges_training.c - a small network with batch norm whose last batch has 3 rows or 1: by two trainers that share states, and by tuff_model_fit.
 * What it begins with and what it is after each step are printed; PyTorch trains the same (tests/torch/edges.py). */
#include "graph/graph.h"
#include "tests/torch/edges.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 4, BATCH = 8, CLASSES = 3, MOST = 128, STEPS = 4 };
static const char *const names[] = {"conv.weight",       "conv.bias",        "norm.weight", "norm.bias",
                                    "norm.running_mean", "norm.running_var", "out.weight",  "out.bias"};

static void check(tuff_status status, const struct tuff_error *error)
{
    if (status == TUFF_OK) return;
    printf("%s\n", error->message);
    exit(1);
}

static tuff_val network(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    (void)user;
    x = tuff_layer_conv2d(g, x, "conv", (struct tuff_layer_conv2d_params){.channels = 3, .kernel = {3}});
    x = tuff_relu(g, tuff_layer_batch_norm(g, x, "norm", (struct tuff_layer_batch_norm_params){.training = training}));
    return tuff_layer_dense(g, tuff_flatten(g, x), "out", (struct tuff_layer_dense_params){.units = CLASSES});
}

static void network_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val y = network(g, n->fields[0], n->training, user);
    tuff_network_classify(g, n, y, n->fields[1], 0);
}

static struct tuff_shape shape_of(size_t i)
{
    const struct tuff_shape shapes[] = {TUFF_SHAPE(3, 1, 3, 3), TUFF_SHAPE(3), TUFF_SHAPE(3),           TUFF_SHAPE(3),
                                        TUFF_SHAPE(3),          TUFF_SHAPE(3), TUFF_SHAPE(CLASSES, 12), TUFF_SHAPE(CLASSES)};
    return shapes[i];
}

static const double *widened(const float *from, uint64_t count)
{
    static double out[BATCH * SIDE * SIDE > MOST ? BATCH * SIDE * SIDE : MOST];
    for (uint64_t i = 0; i < count; i++) out[i] = (double)from[i];
    return out;
}

static void print_leaf(size_t i, int step, const float *content)
{
    char name[64];
    struct tuff_shape shape = shape_of(i);
    const double *wide = widened(content, tuff_shape_count(&shape));
    snprintf(name, sizeof name, "%s.%d", names[i], step);
    if (step < 0)
        edges_input(names[i], (struct tuff_type){TUFF_F32, shape}, wide);
    else
        edges_output("trained", "device", name, shape, wide);
}

static void print_loss(int step, double loss)
{
    char name[32];
    snprintf(name, sizeof name, "loss.%d", step);
    edges_output("trained", "device", name, (struct tuff_shape){0}, &loss);
}

static void make_data(float *x, int32_t *labels, uint32_t count)
{
    double at[BATCH];
    for (uint32_t i = 0; i < count * SIDE * SIDE; i++) x[i] = (float)(i * 37 % 101) / 101;
    for (uint32_t i = 0; i < count; i++) at[i] = labels[i] = (int32_t)(i * 5 % CLASSES);
    edges_input("x", (struct tuff_type){TUFF_F32, TUFF_SHAPE(count, 1, SIDE, SIDE)}, widened(x, count * SIDE * SIDE));
    edges_input("labels", (struct tuff_type){TUFF_I32, TUFF_SHAPE(count)}, at);
}

/* Steps of all rows and of the first `rest` of them, one after the other. */
static void by_trainers(struct backend_test *t, uint32_t rest)
{
    struct tuff_error e = {0};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_trainer *trainers[2] = {NULL};
    tuff_val x[2], labels[2], loss[2];
    float pictures[BATCH * SIDE * SIDE], content[MOST];
    int32_t classes[BATCH];
    printf("case training rest=%u fit=0\n", (unsigned)rest);
    make_data(pictures, classes, BATCH);
    check(tuff_graph_create(t->context, &g, &e), &e);
    for (int k = 0; k < 2; k++) {
        uint32_t n = k ? rest : BATCH;
        x[k] = tuff_input(g, k ? "rest" : "x", TUFF_F32, TUFF_SHAPE(n, 1, SIDE, SIDE));
        labels[k] = tuff_input(g, k ? "rest labels" : "labels", TUFF_I32, TUFF_SHAPE(n));
        tuff_val y = network(g, x[k], true, NULL);
        loss[k] = tuff_cross_entropy(g, y, labels[k], (struct tuff_cross_entropy_params){.label_smoothing = 0});
        struct tuff_trainer_params params = {.struct_size = sizeof params,
                                             .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.125),
                                             .loss = loss[k],
                                             .like = trainers[0],
                                             .samples = k ? rest / (double)BATCH : 0};
        check(tuff_trainer_create(g, &params, &trainers[k], &e), &e);
    }
    check(tuff_session_create(t->device, g, NULL, &session, &e), &e);
    for (int k = 0; k < 2; k++) check(tuff_trainer_compile(trainers[k], session, NULL, &e), &e);
    for (int step = -1; step < STEPS; step++) {
        int k = step & 1;
        size_t n = k ? rest : BATCH;
        float value = 0;
        if (step >= 0) {
            check(tuff_trainer_write(trainers[k], x[k], pictures, n * SIDE * SIDE * sizeof *pictures, &e), &e);
            check(tuff_trainer_write(trainers[k], labels[k], classes, n * sizeof *classes, &e), &e);
            check(tuff_trainer_step(trainers[k], NULL, &e), &e);
            check(tuff_trainer_read(trainers[k], loss[k], &value, sizeof value, &e), &e);
            print_loss(step, (double)value);
        }
        for (size_t i = 0; i < TUFF_COUNT(names); i++) {
            struct tuff_shape shape = shape_of(i);
            check(tuff_session_read(session, tuff_graph_find(g, names[i]), content,
                                    (size_t)tuff_shape_count(&shape) * sizeof *content, &e),
                  &e);
            print_leaf(i, step, content);
        }
    }
    printf("end\n");
    for (int k = 1; k >= 0; k--) tuff_trainer_destroy(trainers[k]);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

static bool note_loss(void *user, const struct tuff_epoch *epoch)
{
    *(double *)user = epoch->train.loss;
    return true;
}

/* Epochs of one batch that has fewer rows than the model's. */
static void by_fit(struct backend_test *t, uint32_t rest, bool streamed)
{
    struct tuff_error e = {0};
    struct tuff_model *m = NULL;
    float pictures[BATCH * SIDE * SIDE], content[MOST];
    int32_t classes[BATCH];
    double loss = 0;
    struct tuff_model_params params = {.struct_size = sizeof params,
                                       .build = network_model,
                                       .fields = {TUFF_FIELD("x", TUFF_F32, 1, SIDE, SIDE), TUFF_LABELS("labels")},
                                       .batch = BATCH,
                                       .seed = 5};
    struct tuff_fit_params fit = {.struct_size = sizeof fit,
                                  .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.125),
                                  .stream = streamed,
                                  .on_epoch = note_loss,
                                  .user = &loss};
    printf("case training rest=%u fit=1\n", (unsigned)rest);
    make_data(pictures, classes, rest);
    check(tuff_model_create(t->device, &params, &m, &e), &e);
    for (int step = -1; step < STEPS; step++) {
        fit.epochs = (uint32_t)(step + 1);
        struct tuff_data data = {.count = rest, .fields = {pictures, classes}};
        if (step >= 0) check(tuff_model_fit(m, &data, &fit, &e), &e);
        if (step >= 0) print_loss(step, loss);
        for (size_t i = 0; i < TUFF_COUNT(names); i++) {
            struct tuff_shape shape = shape_of(i);
            check(tuff_model_read(m, names[i], content, (size_t)tuff_shape_count(&shape) * sizeof *content, &e), &e);
            print_leaf(i, step, content);
        }
    }
    printf("end\n");
    tuff_model_destroy(m);
}

void edges_training(struct backend_test *t)
{
    for (uint32_t rest = 1; rest <= 3; rest += 2) {
        by_trainers(t, rest);
        for (int streamed = 0; streamed < 2; streamed++) by_fit(t, rest, streamed);
    }
}
