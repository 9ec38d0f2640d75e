/* train_fields.c - models of several inputs and outputs: fields of any type, weights, metrics, data that a function makes, refusals. The values
 * of a weighted step are worked out here in double precision. */
#include "tests/backend_help.h"

#include "loaders/loaders.h"
#include "tests/temporary.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 37, BATCH = 8, WORDS = 5, WIDTH = 3 };

static struct tuff_error error;

/* ---- data: two inputs, targets, weights --------------------------------------------------------------------------------------------- */

static float numbers[SAMPLES][WIDTH], targets[SAMPLES], weights[SAMPLES];
static int32_t words[SAMPLES][2];
static uint8_t flags[SAMPLES];

static void make_data(void)
{
    for (int i = 0; i < SAMPLES; i++) {
        for (int k = 0; k < WIDTH; k++) numbers[i][k] = (float)(i * 37 % 23 + k * 5 % 7) / 16 - 0.5f;
        for (int k = 0; k < 2; k++) words[i][k] = (i * 3 + k * 7) % WORDS;
        flags[i] = (uint8_t)(i % 3 == 0);
        targets[i] = numbers[i][0] - 2 * numbers[i][1] + (float)words[i][0] / 4;
        weights[i] = i % 4 ? 1 : 0.25f;
    }
}

static const struct tuff_data data = {.count = SAMPLES, .fields = {numbers, words, flags, targets, weights}};

/* y = numbers w + sum of embedding rows + flag b; the flag is an input of bool. */
static void network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    const struct tuff_init start = {.kind = TUFF_INIT_CONSTANT, .a = 0.125};
    tuff_val table = tuff_param(g, "table", TUFF_SHAPE(WORDS, 1), start), b = tuff_param(g, "b", TUFF_SHAPE(1), start);
    tuff_val rows = tuff_gather(g, table, n->fields[1], 0); /* [batch, 2, 1] */
    tuff_val y = tuff_layer_dense(g, n->fields[0], "w",
                                  (struct tuff_layer_dense_params){.units = 1, .no_bias = true, .weight = start});
    y = tuff_add(g, y, tuff_sum(g, rows, 2, TUFF_DROP_AXES));
    tuff_val flag = tuff_reshape(g, tuff_cast(g, n->fields[2], TUFF_F32), TUFF_SHAPE(n->batch, 1));
    y = tuff_reshape(g, tuff_add(g, y, tuff_mul(g, flag, b)), TUFF_SHAPE(n->batch));
    tuff_network_output(g, n, "y", y);
    tuff_val zero = tuff_full(g, TUFF_F32, TUFF_SHAPE(n->batch), 0);
    tuff_network_output(g, n, "positive", tuff_greater(g, y, zero));
    if (!n->fields[3]) return;
    tuff_val off = tuff_sub(g, y, n->fields[3]);
    n->loss = tuff_mul(g, n->fields[4], tuff_square(g, off));
    n->weight = n->fields[4];
    tuff_network_metric(g, n, "error", tuff_abs(g, off), 0);
    tuff_network_metric(g, n, "weighted", tuff_mul(g, n->fields[4], tuff_abs(g, off)), n->fields[4]);
    tuff_network_metric(g, n, "above", tuff_greater(g, y, n->fields[3]), 0);
    *(uint32_t *)user += 1;
}

static struct tuff_model_params declare(uint32_t *calls)
{
    return (struct tuff_model_params){.struct_size = sizeof(struct tuff_model_params),
                                      .build = network,
                                      .user = calls,
                                      .fields = {TUFF_FIELD("numbers", TUFF_F32, WIDTH),
                                                 TUFF_FIELD("words", TUFF_I32, 2),
                                                 {.name = "flag", .type = {.dtype = TUFF_BOOL}},
                                                 {.name = "target", .type = {.dtype = TUFF_F32}, .answer = true},
                                                 {.name = "weight", .type = {.dtype = TUFF_F32}, .answer = true}},
                                      .batch = BATCH,
                                      .seed = 3};
}

/* ---- what should come out -------------------------------------------------------------------------------------------------------------- */

struct theta {
    double w[WIDTH], table[WORDS], b;
};

static double predicted(const struct theta *t, int i)
{
    double y = flags[i] ? t->b : 0;
    for (int k = 0; k < WIDTH; k++) y += (double)numbers[i][k] * t->w[k];
    for (int k = 0; k < 2; k++) y += t->table[words[i][k]];
    return y;
}

/* One step of gradient descent on all samples at once, by the rate. */
static void descend(struct theta *t, double rate)
{
    struct theta d = {0};
    double all = 0;
    for (int i = 0; i < SAMPLES; i++) all += (double)weights[i];
    for (int i = 0; i < SAMPLES; i++) {
        double by = 2 * (double)weights[i] * (predicted(t, i) - (double)targets[i]) / all;
        for (int k = 0; k < WIDTH; k++) d.w[k] += by * (double)numbers[i][k];
        for (int k = 0; k < 2; k++) d.table[words[i][k]] += by;
        if (flags[i]) d.b += by;
    }
    for (int k = 0; k < WIDTH; k++) t->w[k] -= rate * d.w[k];
    for (int k = 0; k < WORDS; k++) t->table[k] -= rate * d.table[k];
    t->b -= rate * d.b;
}

static struct tuff_metrics expected(const struct theta *t)
{
    double loss = 0, all = 0, off = 0, weighted = 0, above = 0;
    for (int i = 0; i < SAMPLES; i++) {
        double e = predicted(t, i) - (double)targets[i], w = (double)weights[i];
        loss += w * e * e, all += w, off += fabs(e), weighted += w * fabs(e), above += e > 0;
    }
    return (struct tuff_metrics){
        loss / all, 3, {{"error", off / SAMPLES}, {"weighted", weighted / all}, {"above", above / SAMPLES}}};
}

static void compare(struct backend_test *t, const char *what, const struct tuff_metrics *got, const struct tuff_metrics *due)
{
    backend_check(t, fabs(got->loss - due->loss) < 1e-5 * fabs(due->loss), "%s: loss: expected %g, got %g", what, due->loss,
                  got->loss);
    backend_check(t, got->count == due->count, "%s: %u metrics", what, (unsigned)got->count);
    for (uint32_t i = 0; i < due->count; i++) {
        double value = tuff_metrics_get(got, due->metric[i].name);
        backend_check(t, fabs(value - due->metric[i].value) < 1e-5, "%s: %s: expected %g, got %g", what, due->metric[i].name,
                      due->metric[i].value, value);
    }
    backend_check(t, isnan(tuff_metrics_get(got, "accuracy")), "a metric that nobody declared");
}

static bool keep(void *user, const struct tuff_epoch *epoch)
{
    *(struct tuff_metrics *)user = epoch->train;
    return true;
}

/* One batch of all samples: losses, metrics and the step are those worked out above; and so are predictions, in batches with a rest. */
static void test_values(struct backend_test *t)
{
    struct theta theta;
    uint32_t calls = 0;
    struct tuff_model *m = NULL;
    struct tuff_metrics metrics;
    struct tuff_model_params params = declare(&calls);
    static float y[SAMPLES];
    static uint8_t positive[SAMPLES];
    struct tuff_fit_params fit = {.struct_size = sizeof fit,
                                  .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.125),
                                  .epochs = 2,
                                  .on_epoch = keep,
                                  .user = &metrics};
    for (int k = 0; k < WIDTH; k++) theta.w[k] = 0.125;
    for (int k = 0; k < WORDS; k++) theta.table[k] = 0.125;
    theta.b = 0.125;
    params.batch = SAMPLES;
    if (!backend_status(t, "model", TUFF_OK, tuff_model_create(t->device, &params, &m, &error), &error)) return;
    backend_status(t, "evaluate", TUFF_OK, tuff_model_evaluate(m, &data, &metrics, &error), &error);
    struct tuff_metrics due = expected(&theta);
    compare(t, "before", &metrics, &due);
    backend_status(t, "fit", TUFF_OK, tuff_model_fit(m, &data, &fit, &error), &error);
    descend(&theta, 0.125);
    due = expected(&theta); /* the second epoch's loss is that before its step */
    compare(t, "training", &metrics, &due);
    descend(&theta, 0.125);
    due = expected(&theta);
    backend_status(t, "evaluate", TUFF_OK, tuff_model_evaluate(m, &data, &metrics, &error), &error);
    compare(t, "after", &metrics, &due);
    struct tuff_data asked = data;
    asked.fields[3] = asked.fields[4] = NULL; /* no answers */
    backend_status(t, "predict", TUFF_OK, tuff_model_predict(m, &asked, (void *[]){y, positive}, &error), &error);
    backend_status(t, "predict one of two", TUFF_OK, tuff_model_predict(m, &asked, (void *[]){NULL, positive}, &error),
                   &error);
    for (int i = 0; i < SAMPLES; i++)
        backend_check(t, fabs((double)y[i] - predicted(&theta, i)) < 1e-5 && positive[i] == (y[i] > 0),
                      "sample %d: expected %g, got %g, %d", i, predicted(&theta, i), (double)y[i], positive[i]);
    backend_check(t, calls >= 2, "build was called %u times", (unsigned)calls);
    backend_check(t,
                  !strcmp(tuff_model_output(m, 1).name, "positive") && tuff_model_output(m, 1).type.dtype == TUFF_BOOL &&
                      tuff_model_output(m, 1).type.shape.rank == 0 && !tuff_model_output(m, 2).name,
                  "outputs");
    backend_check(t, !strcmp(tuff_model_input(m, 2).name, "flag") && !tuff_model_input(m, 3).name, "inputs");
    tuff_model_destroy(m);
}

/* ---- data that a function makes ----------------------------------------------------------------------------------------------------- */

static atomic_int calls_of_fill;

static tuff_status fill(void *user, const uint32_t *rows, uint32_t count, void *const *fields, struct tuff_error *e)
{
    atomic_fetch_add(&calls_of_fill, 1);
    static const size_t sizes[] = {sizeof numbers[0], sizeof words[0], sizeof flags[0], sizeof targets[0],
                                   sizeof weights[0]};
    for (uint32_t k = 0; k < TUFF_COUNT(sizes); k++)
        for (uint32_t i = 0; i < count && fields[k]; i++)
            memcpy((uint8_t *)fields[k] + i * sizes[k], (const uint8_t *)data.fields[k] + rows[i] * sizes[k], sizes[k]);
    for (uint32_t i = 0; i < count && user; i++)
        if (rows[i] == *(const uint32_t *)user) {
            snprintf(e->message, sizeof e->message, "file %u is gone", (unsigned)rows[i]);
            return TUFF_ERR_FILE;
        }
    return TUFF_OK;
}

static void train(struct backend_test *t, const char *what, const struct tuff_data *from, bool stream,
                  struct tuff_metrics *out, float w[WIDTH])
{
    uint32_t calls = 0;
    struct tuff_model *m = NULL;
    struct tuff_model_params params = declare(&calls);
    struct tuff_fit_params fit = {.struct_size = sizeof fit,
                                  .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.01),
                                  .epochs = 3,
                                  .stream = stream,
                                  .validation_share = 0.2,
                                  .on_epoch = keep,
                                  .user = out};
    backend_status(t, what, TUFF_OK, tuff_model_create(t->device, &params, &m, &error), &error);
    backend_status(t, what, TUFF_OK, tuff_model_fit(m, from, &fit, &error), &error);
    backend_status(t, what, TUFF_OK, tuff_model_read(m, "w.weight", w, WIDTH * sizeof *w, &error), &error);
    tuff_model_destroy(m);
}

/* Resident, streamed and made data are the same training, bit for bit; a failure of the function is told with its sentence. */
static void test_fill(struct backend_test *t)
{
    float w[4][WIDTH];
    struct tuff_metrics metrics[4];
    struct tuff_model *m = NULL;
    struct tuff_data made = {.count = SAMPLES, .fill = fill};
    uint32_t missing = 20, calls = 0;
    train(t, "resident", &data, false, &metrics[0], w[0]);
    train(t, "streamed", &data, true, &metrics[1], w[1]);
    train(t, "made", &made, false, &metrics[2], w[2]);
    made.threads = 3;
    train(t, "made by three threads", &made, false, &metrics[3], w[3]);
    backend_check(t, calls_of_fill > 20, "fill was called %d times", calls_of_fill);
    for (int i = 1; i < 4; i++)
        backend_check(t, !memcmp(w[i], w[0], sizeof w[0]) && metrics[i].loss == metrics[0].loss,
                      "way %d: other weights, or the loss %.9g, not %.9g", i, metrics[i].loss, metrics[0].loss);
    made.user = &missing;
    struct tuff_model_params params = declare(&calls);
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.01), .epochs = 1};
    backend_status(t, "model", TUFF_OK, tuff_model_create(t->device, &params, &m, &error), &error);
    t->quiet = true;
    backend_status(t, "a file is gone", TUFF_ERR_FILE, tuff_model_fit(m, &made, &fit, &error), &error);
    backend_check(t, strstr(error.message, "file 20 is gone") != NULL, "a file is gone: %s", error.message);
    backend_status(t, "evaluating", TUFF_ERR_FILE, tuff_model_evaluate(m, &made, &metrics[0], &error), &error);
    t->quiet = false;
    made.user = NULL;
    backend_status(t, "the file is back", TUFF_OK, tuff_model_fit(m, &made, &fit, &error), &error);
    tuff_model_destroy(m);
}

/* ---- in a file ---------------------------------------------------------------------------------------------------------------------------- */

/* Saved, it gives the same on its own, and in another model, which trains on. */
static void test_saved(struct backend_test *t)
{
    char path[600];
    uint32_t calls = 0;
    struct tuff_model *m[2] = {NULL};
    struct tuff_saved *saved = NULL;
    struct tuff_predictor *predictor = NULL;
    struct tuff_model_params params = declare(&calls);
    struct tuff_model_save_params save = {.struct_size = sizeof save};
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.01), .epochs = 2};
    static float y[3][SAMPLES];
    static uint8_t positive[3][SAMPLES];
    temporary_path("fields.tuff", path, sizeof path);
    for (int i = 0; i < 2; i++)
        backend_status(t, "model", TUFF_OK, tuff_model_create(t->device, &params, &m[i], &error), &error);
    backend_status(t, "fit", TUFF_OK, tuff_model_fit(m[0], &data, &fit, &error), &error);
    backend_status(t, "predict", TUFF_OK, tuff_model_predict(m[0], &data, (void *[]){y[0], positive[0]}, &error), &error);
    backend_status(t, "save", TUFF_OK, tuff_model_save(t->context, m[0], path, &save, &error), &error);
    if (backend_status(t, "open", TUFF_OK, tuff_saved_open(t->context, path, &saved, &error), &error)) {
        const struct tuff_saved_info *info = tuff_saved_info(saved);
        backend_check(t,
                      info->input_count == 3 && !strcmp(info->inputs[1].name, "words") &&
                          info->inputs[1].type.dtype == TUFF_I32 && info->inputs[1].type.shape.dim[0] == 2,
                      "inputs of the file");
        backend_check(t,
                      info->output_count == 2 && !strcmp(info->outputs[1].name, "positive") &&
                          info->outputs[1].type.shape.rank == 0 && !info->class_count && !info->preprocess.channels,
                      "outputs of the file");
        backend_status(t, "predictor", TUFF_OK, tuff_predictor_create(t->device, saved, &predictor, &error), &error);
        backend_status(t, "run", TUFF_OK,
                       tuff_predictor_run(predictor, data.fields, SAMPLES, (void *[]){y[1], positive[1]}, &error), &error);
        backend_status(t, "load", TUFF_OK, tuff_saved_load(saved, m[1], &error), &error);
        backend_status(t, "predict", TUFF_OK, tuff_model_predict(m[1], &data, (void *[]){y[2], positive[2]}, &error),
                       &error);
        backend_status(t, "fit", TUFF_OK, tuff_model_fit(m[1], &data, &fit, &error), &error);
        t->quiet = true;
        backend_status(
            t, "an input less", TUFF_ERR_USAGE,
            tuff_predictor_run(predictor, (const void *[]){numbers, NULL, flags}, 1, (void *[]){y[1], NULL}, &error),
            &error);
        save.class_names = (const char *const[]){"a"}, save.class_count = 1;
        backend_status(t, "classes", TUFF_ERR_USAGE, tuff_model_save(t->context, m[0], path, &save, &error), &error);
        save.class_count = 0, save.preprocess = (struct tuff_preprocess){.channels = 1, .height = 2, .width = 2};
        backend_status(t, "pictures", TUFF_ERR_USAGE, tuff_model_save(t->context, m[0], path, &save, &error), &error);
        t->quiet = false;
    }
    for (int k = 1; k < 3; k++)
        for (int i = 0; i < SAMPLES; i++)
            backend_check(t, fabs((double)(y[k][i] - y[0][i])) < 1e-5 && positive[k][i] == positive[0][i],
                          "way %d, sample %d: expected %g, got %g", k, i, (double)y[0][i], (double)y[k][i]);
    tuff_predictor_destroy(predictor);
    tuff_saved_destroy(saved);
    for (int i = 0; i < 2; i++) tuff_model_destroy(m[i]);
    remove(path);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------------------------------- */

enum wrong {
    NO_LOSS,
    LOSS_SHAPE,
    METRIC_SHAPE,
    METRIC_NAME,
    METRIC_TWICE,
    OUTPUT_SHAPE,
    NO_VALUE,
    OTHERS_IN_TRAINING,
    WRONGS
};

static void wrong_network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    enum wrong wrong = *(enum wrong *)user;
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(3), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 1});
    tuff_val x = tuff_mul(g, n->fields[0], w), each = tuff_mean(g, x, 2, TUFF_DROP_AXES);
    n->loss = wrong == NO_LOSS ? 0 : wrong == LOSS_SHAPE ? x : each;
    if (wrong == METRIC_SHAPE) tuff_network_metric(g, n, "m", tuff_transpose(g, x), 0);
    if (wrong == METRIC_NAME) tuff_network_metric(g, n, "a b", each, 0);
    if (wrong == METRIC_TWICE) tuff_network_metric(g, n, "m", each, 0), tuff_network_metric(g, n, "m", each, 0);
    if (wrong == OUTPUT_SHAPE) tuff_network_output(g, n, "y", tuff_mean(g, x, 0, TUFF_DROP_AXES));
    if (wrong == NO_VALUE) tuff_network_output(g, n, "y", 4000);
    if (wrong == OTHERS_IN_TRAINING) tuff_network_output(g, n, n->training ? "a" : "b", x);
}

static void test_refusals(struct backend_test *t)
{
    static const struct {
        tuff_status status;
        const char *says;
    } due[WRONGS] = {{TUFF_ERR_USAGE, "gave no loss"},
                     {TUFF_ERR_SHAPE, "the network's loss is f32 [64, 3], not f32 [64], a number for each sample"},
                     {TUFF_ERR_SHAPE, "metric 'm' is f32 [3, 64]"},
                     {TUFF_ERR_USAGE, "called 'a b'"},
                     {TUFF_ERR_USAGE, "two of the network's metrics are called 'm'"},
                     {TUFF_ERR_SHAPE, "output 'y' is f32 [], not [batch, ..]"},
                     {TUFF_ERR_USAGE, "4000 as output y"},
                     {TUFF_ERR_SHAPE, "other outputs, metrics or weights in training"}};
    const float x[6] = {1, 2, 3, 4, 5, 6};
    const struct tuff_data two = {.count = 2, .fields = {x}};
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.125), .epochs = 1};
    t->quiet = true;
    for (enum wrong w = 0; w < WRONGS; w++) {
        struct tuff_model *m = NULL;
        struct tuff_model_params params = {
            .struct_size = sizeof params, .build = wrong_network, .user = &w, .fields = {TUFF_FIELD("x", TUFF_F32, 3)}};
        tuff_status status = tuff_model_create(t->device, &params, &m, &error);
        if (status == TUFF_OK) status = tuff_model_fit(m, &two, &fit, &error);
        backend_check(t, status == due[w].status && strstr(error.message, due[w].says),
                      "wrong network %d: expected '%s', got %s", (int)w, due[w].says, error.message);
        tuff_model_destroy(m);
    }
    static const struct {
        struct tuff_field fields[2];
        const char *says;
    } fields[] = {{{TUFF_LABELS("labels")}, "no fields but answers"},
                  {{{.name = "a/b", .type = {.dtype = TUFF_F32}}}, "called 'a/b'"},
                  {{{.name = "x", .type = {.dtype = TUFF_F64}}}, "of type f64"},
                  {{{.name = "x", .type = {.dtype = TUFF_F32}}, {.name = "x", .type = {.dtype = TUFF_F32}}}, "two fields"},
                  {{{.name = "x", .type = {.dtype = TUFF_F32}, .scale = INFINITY}}, "is not finite"}};
    for (size_t i = 0; i < TUFF_COUNT(fields); i++) {
        struct tuff_model *m = NULL;
        enum wrong w = NO_LOSS;
        struct tuff_model_params params = {.struct_size = sizeof params,
                                           .build = wrong_network,
                                           .user = &w,
                                           .fields = {fields[i].fields[0], fields[i].fields[1]}};
        tuff_status status = tuff_model_create(t->device, &params, &m, &error);
        backend_check(t, status == TUFF_ERR_USAGE && strstr(error.message, fields[i].says),
                      "fields %zu: expected '%s', got %s", i, fields[i].says, error.message);
    }
    t->quiet = false;
}

/* An index of a field names no row of the table: told with the sample. */
static void test_places(struct backend_test *t)
{
    uint32_t calls = 0;
    struct tuff_model *m = NULL;
    struct tuff_metrics metrics;
    struct tuff_model_params params = declare(&calls);
    backend_status(t, "model", TUFF_OK, tuff_model_create(t->device, &params, &m, &error), &error);
    words[11][1] = WORDS;
    t->quiet = true;
    backend_status(t, "an index outside", TUFF_ERR_USAGE, tuff_model_evaluate(m, &data, &metrics, &error), &error);
    backend_check(t, strstr(error.message, "words: 5 of sample 11") != NULL, "an index outside: %s", error.message);
    t->quiet = false;
    make_data();
    tuff_model_destroy(m);
}

int main(void)
{
    struct backend_test t;
    int status = backend_test_begin(&t, NULL);
    if (status != 0) return status;
    make_data();
    test_values(&t);
    test_fill(&t);
    test_saved(&t);
    test_refusals(&t);
    test_places(&t);
    return backend_test_end(&t, "train_fields");
}
