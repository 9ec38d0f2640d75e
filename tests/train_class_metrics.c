/* train_class_metrics.c - metrics of several numbers a sample: F1 and IoU that a device counts are those of tuff_score, of samples and of pixels, in batches
 * with a rest, with labels that count nowhere, and after an epoch of training; a fit stops by them; what is refused. */
#include "graph/graph.h"
#include "tests/backend_help.h"

#include <math.h>
#include <stdio.h>

enum { SAMPLES = 43, CLASSES = 5, PIXELS = 6, NONE = -100 };

static float logits[SAMPLES][CLASSES][PIXELS];
static int32_t labels[SAMPLES][PIXELS];
static struct tuff_error error;

static void make_data(void)
{
    uint32_t random = 5;
    for (int i = 0; i < SAMPLES; i++)
        for (int p = 0; p < PIXELS; p++) {
            random = random * 1664525u + 1013904223u;
            labels[i][p] = (random >> 20) % 9 == 0
                               ? NONE
                               : (int32_t)((random >> 24) % (CLASSES - 1)); /* nobody is of the last class */
            for (int c = 0; c < CLASSES; c++) {
                random = random * 1664525u + 1013904223u;
                logits[i][c][p] = (float)(random >> 24) / 128 + (c == labels[i][p] ? 0.5f : 0) - (c == CLASSES - 1 ? 9 : 0);
            }
        }
}

/* The logits are the data, times a parameter that a step barely moves; pixels: 1 or PIXELS. */
static void network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val one = tuff_param(g, "one", TUFF_SHAPE(1), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 1});
    tuff_val x = tuff_mul(g, n->fields[0], one);
    uint32_t pixels = *(uint32_t *)user;
    tuff_network_output(g, n, "logits", x);
    if (!n->fields[1]) return;
    tuff_val loss = tuff_cross_entropy(
        g, x, n->fields[1],
        (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_NONE, .use_ignore_index = true, .ignore_index = NONE});
    n->loss = pixels == 1 ? loss : tuff_mean(g, loss, 2, TUFF_DROP_AXES);
    tuff_network_class_metrics(g, n, x, n->fields[1]);
    tuff_network_metric(g, n, "of_pixels", tuff_cast(g, tuff_reshape(g, x, TUFF_SHAPE(n->batch, 0)), TUFF_F32), 0);
}

static bool on_epoch(void *user, const struct tuff_epoch *epoch)
{
    *(struct tuff_metrics *)user = epoch->train;
    return true;
}

static void compare(struct backend_test *test, const char *what, const struct tuff_metrics *got,
                    const struct tuff_scores *due)
{
    backend_check(test,
                  fabs(tuff_metrics_get(got, "f1") - due->value[TUFF_SCORE_F1_MACRO]) < 1e-6 &&
                      fabs(tuff_metrics_get(got, "iou") - due->value[TUFF_SCORE_IOU_MACRO]) < 1e-6,
                  "%s: f1 %.9g, iou %.9g, expected %.9g, %.9g", what, tuff_metrics_get(got, "f1"),
                  tuff_metrics_get(got, "iou"), due->value[TUFF_SCORE_F1_MACRO], due->value[TUFF_SCORE_IOU_MACRO]);
}

static void test_counts(struct backend_test *test, uint32_t pixels)
{
    static float x[SAMPLES * CLASSES * PIXELS];
    static int32_t y[SAMPLES * PIXELS], answers[SAMPLES * PIXELS];
    const struct tuff_data data = {.count = SAMPLES, .fields = {x, y}};
    struct tuff_metrics metrics, trained = {0};
    struct tuff_scores due;
    struct tuff_model *m = NULL;
    double mean = 0;
    for (uint32_t i = 0; i < SAMPLES; i++)
        for (uint32_t p = 0; p < pixels; p++) {
            y[i * pixels + p] = labels[i][p], answers[i * pixels + p] = 0;
            for (uint32_t c = 0; c < CLASSES; c++) {
                x[(i * CLASSES + c) * pixels + p] = logits[i][c][p];
                mean += (double)logits[i][c][p] / (SAMPLES * CLASSES * pixels);
                if (logits[i][c][p] > logits[i][answers[i * pixels + p]][p]) answers[i * pixels + p] = (int32_t)c;
            }
        }
    const struct tuff_answers a = {sizeof a, SAMPLES * pixels, .classes = CLASSES, .labels = y, .predicted = answers};
    struct tuff_model_params params = {
        .struct_size = sizeof params,
        .build = network,
        .user = &pixels,
        .batch = 8,
        .fields = {TUFF_FIELD("x", TUFF_F32, CLASSES, pixels), TUFF_ANSWER("y", TUFF_I32, pixels)}};
    if (pixels == 1) params.fields[0].type.shape = TUFF_SHAPE(CLASSES), params.fields[1].type.shape = (struct tuff_shape){0};
    struct tuff_fit_params fit = {.struct_size = sizeof fit,
                                  .epochs = 3,
                                  .optimizer = tuff_optimizer_defaults(TUFF_SGD, 1e-9),
                                  .on_epoch = on_epoch,
                                  .user = &trained,
                                  .early_stop = {.patience = 1, .metric = "f1", .rises = true}};
    tuff_status status = tuff_score(test->context, &a, &due, NULL, NULL, &error);
    if (status == TUFF_OK) status = tuff_model_create(test->device, &params, &m, &error);
    if (status == TUFF_OK) status = tuff_model_evaluate(m, &data, &metrics, &error);
    if (status == TUFF_OK) status = tuff_model_fit(m, &data, &fit, &error);
    if (backend_status(test, "evaluation and fit", TUFF_OK, status, &error)) {
        compare(test, pixels == 1 ? "samples" : "pixels", &metrics, &due);
        compare(test, "an epoch", &trained, &due);
        backend_check(test, fabs(tuff_metrics_get(&metrics, "of_pixels") - mean) < 1e-5,
                      "the mean of all logits is %g, expected %g", tuff_metrics_get(&metrics, "of_pixels"), mean);
        backend_check(test, tuff_model_state(m).epoch == 2, "expected an end where F1 stays, got %u epochs",
                      (unsigned)tuff_model_state(m).epoch);
    }
    tuff_model_destroy(m);
}

/* ---- refused ------------------------------------------------------------------------------------------------------------------------ */

enum wrong { BATCH_LAST, WEIGHT_SHAPE, WEIGHT_TYPE, FLAT_LOGITS, LABELS_SHAPE, WRONGS };
static void wrong_network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    enum wrong wrong = *(enum wrong *)user;
    tuff_val x = n->fields[0], each = tuff_sum(g, x, 2, TUFF_DROP_AXES);
    n->loss = each;
    if (wrong == BATCH_LAST) tuff_network_metric(g, n, "m", tuff_transpose(g, x), 0);
    if (wrong == WEIGHT_SHAPE) tuff_network_metric(g, n, "m", x, tuff_concat(g, (tuff_val[]){x, x}, 2, 1));
    if (wrong == WEIGHT_TYPE) tuff_network_metric(g, n, "m", x, tuff_cast(g, x, TUFF_I32));
    if (wrong == FLAT_LOGITS) tuff_network_class_metrics(g, n, each, n->fields[1]);
    if (wrong == LABELS_SHAPE) tuff_network_class_metrics(g, n, x, tuff_cast(g, x, TUFF_I32));
}

static void test_refused(struct backend_test *test)
{
    static const char *const sentences[WRONGS] = {"metric 'm' is f32 [3, 8], not f32 [8, ..]",
                                                  "weight of metric 'm' is f32 [8, 6]", "weight of metric 'm' is i32 [8, 3]",
                                                  "logits are [n, c, ..], one row of c classes for each label",
                                                  "labels for these logits are [8], those without the axis of classes"};
    test->quiet = true;
    for (enum wrong wrong = 0; wrong < WRONGS; wrong++) {
        struct tuff_model *m = NULL;
        const struct tuff_model_params params = {.struct_size = sizeof params,
                                                 .build = wrong_network,
                                                 .user = &wrong,
                                                 .batch = 8,
                                                 .fields = {TUFF_FIELD("x", TUFF_F32, 3), TUFF_LABELS("y")}};
        tuff_status status = tuff_model_create(test->device, &params, &m, &error);
        backend_check(test, status == TUFF_ERR_SHAPE && strstr(error.message, sentences[wrong]), "expected '%s', got %s: %s",
                      sentences[wrong], tuff_status_name(status), error.message);
        if (status == TUFF_OK) tuff_model_destroy(m);
    }
    test->quiet = false;
}

int main(void)
{
    struct backend_test test;
    int code = backend_test_begin(&test, NULL);
    if (code) return code;
    make_data();
    test_counts(&test, 1);
    test_counts(&test, PIXELS);
    test_refused(&test);
    return backend_test_end(&test, "train_class_metrics");
}
