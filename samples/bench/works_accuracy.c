/* works_accuracy.c - seconds of training until 0.90 of Fashion-MNIST's 10,000 test pictures are told right. Compiling, uploading
 * and the evaluation after every epoch are part of it. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char id[] = "accuracy/fashion-mnist-0.90",
                  title[] = "Fashion-MNIST, small CNN, until 0.90 of the test pictures";
static const double GOAL = 0.90;
enum { EPOCHS = 6, BATCH = 64 };

void list_accuracy(work_visit *visit, void *user) { visit(user, id, title, false); }

static tuff_val network(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    const struct tuff_layer_conv2d_params conv1 = {.channels = 16, .kernel = {3}, .conv = {.pad = {1, 1, 1, 1}}};
    const struct tuff_layer_conv2d_params conv2 = {.channels = 32, .kernel = {3}, .conv = {.pad = {1, 1, 1, 1}}};
    const struct tuff_pool2d_params half = {.kernel = {2, 2}};
    (void)user;
    x = tuff_max_pool2d(g, tuff_relu(g, tuff_layer_conv2d(g, x, "conv1", conv1)), half);
    x = tuff_max_pool2d(g, tuff_relu(g, tuff_layer_conv2d(g, x, "conv2", conv2)), half);
    x = tuff_relu(g, tuff_layer_dense(g, tuff_flatten(g, x), "hidden", (struct tuff_layer_dense_params){.units = 128}));
    return tuff_layer_dense(g, tuff_layer_dropout(g, x, 0.25, training), "out",
                            (struct tuff_layer_dense_params){.units = 10});
}

static void network_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val y = network(g, n->fields[0], n->training, user);
    tuff_network_classify(g, n, y, n->fields[1], 0);
}

struct training {
    double began, seconds, accuracy; /* accuracy: the last one */
    uint32_t epochs;
    cJSON *points;
};

static bool on_step(void *user, const struct tuff_fit_progress *p)
{
    (void)user;
    progress("%s: epoch %u of at most %d, %.0f samples/s", title, (unsigned)p->epoch + 1, EPOCHS, p->samples_per_second);
    return !is_stopping();
}

static bool on_epoch(void *user, const struct tuff_epoch *epoch)
{
    struct training *t = user;
    t->seconds = (nanoseconds_now() - t->began) * 1e-9;
    t->accuracy = tuff_metrics_get(&epoch->validation, "accuracy");
    t->epochs++;
    result_add_point(t->points, t->seconds, t->accuracy, NAN, NAN);
    return t->accuracy < GOAL;
}

static tuff_status train(struct bench *bench, struct training *t, struct tuff_error *error)
{
    struct tuff_dataset train = {0}, test = {0};
    struct tuff_model *model = NULL;
    tuff_status status = tuff_dataset_read_idx(bench->context, bench->options->data, &train, &test, error);
    struct tuff_model_params declared = {.struct_size = sizeof declared,
                                         .build = network_model,
                                         .fields = {TUFF_FIELD("x", TUFF_U8, 1, 28, 28), TUFF_LABELS("labels")},
                                         .batch = BATCH,
                                         .seed = 1};
    declared.fields[0].scale = 1 / 90.0; /* mean 0, deviation 1 */
    declared.fields[0].shift = -73 / 90.0;
    struct tuff_data other = {.count = test.count, .fields = {test.pictures, test.labels}};
    struct tuff_fit_params fit = {.struct_size = sizeof fit,
                                  .optimizer = {.struct_size = sizeof fit.optimizer,
                                                .kind = TUFF_ADAM,
                                                .beta1 = 0.9,
                                                .beta2 = 0.999,
                                                .eps = 1e-8,
                                                .schedule = {.kind = TUFF_SCHEDULE_COSINE,
                                                             .lr = 2e-3,
                                                             .min_lr = 2e-4,
                                                             .period = 3 * (train.count / BATCH)}},
                                  .epochs = EPOCHS,
                                  .validation = &other,
                                  .on_step = on_step,
                                  .on_epoch = on_epoch,
                                  .user = t};
    t->began = nanoseconds_now();
    if (status == TUFF_OK) status = tuff_model_create(bench->device, &declared, &model, error);
    if (status == TUFF_OK)
        status = tuff_model_fit(model, &(struct tuff_data){.count = train.count, .fields = {train.pictures, train.labels}},
                                &fit, error);
    tuff_model_destroy(model);
    tuff_dataset_finish(bench->context, &train);
    tuff_dataset_finish(bench->context, &test);
    return status;
}

bool works_accuracy(struct bench *bench)
{
    struct tuff_error error = {0};
    struct series series = {.per_timed = 1, .few = bench->options->min_runs > 1};
    struct training t = {.points = cJSON_CreateArray()};
    struct row row = {.group = "accuracy", .title = title, .unit = "s", .points = t.points, .message = error.message};
    if (!options_selects(bench->options, id, false)) {
        cJSON_Delete(t.points);
        return true;
    }
    snprintf(row.id, sizeof row.id, "%s", id);
    row.status = train(bench, &t, &error);
    if (row.status == TUFF_ERR_FILE) row.status = TUFF_ERR_UNSUPPORTED; /* no data here: not measured */
    if (row.status == TUFF_OK && !series_add(&series, t.seconds * 1e9, -1)) row.status = TUFF_ERR_MEMORY;
    if (row.status == TUFF_OK) row.series = &series;
    row.check = (struct check){"values", 1 - t.accuracy, 1 - GOAL, 10000,
                               t.accuracy >= GOAL}; /* the share of wrong answers */
    row.extra = cJSON_CreateObject();
    cJSON_AddNumberToObject(row.extra, "accuracy", t.accuracy);
    cJSON_AddNumberToObject(row.extra, "epochs", t.epochs);
    cJSON_AddNumberToObject(row.extra, "batch", BATCH);
    if (row.status != TUFF_OK) row.check.kind = NULL;
    result_add(bench, &row);
    series_free(&series, 1);
    return !is_fatal(row.status);
}
