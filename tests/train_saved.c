/* train_saved.c - a model file that holds the state of its training: the model is made of the file alone and trained further, bit for bit as if
 * it had never stopped; the file is a checkpoint too, and predicts as one without that state. */
#include "tests/temporary.h"
#include "tests/train_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EPOCHS = 4 };

/* A network with what text must carry: a loop with states of its own, dropout, labels that count nothing, weights of samples. */
static void recurrent_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    (void)user;
    tuff_val x = tuff_reshape(g, n->fields[0], TUFF_SHAPE(n->batch, TRAIN_SIDE, TRAIN_SIDE));
    x = tuff_layer_recurrent(g, x, "lstm",
                             (struct tuff_layer_recurrent_params){.cell = TUFF_CELL_LSTM, .units = 12, .batch_first = true})
            .h;
    x = tuff_layer_dropout(g, tuff_reshape(g, x, TUFF_SHAPE(n->batch, TRAIN_SIDE * 12)), 0.2, n->training);
    tuff_val y = tuff_layer_dense(g, x, "out", (struct tuff_layer_dense_params){.units = TRAIN_CLASSES});
    if (n->fields[1]) {
        n->loss = tuff_mul(g,
                           tuff_cross_entropy(g, y, n->fields[1],
                                              (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_NONE,
                                                                                 .use_ignore_index = true,
                                                                                 .ignore_index = 2}),
                           n->fields[2]);
        n->weight = n->fields[2];
        tuff_network_metric(g, n, "hits", tuff_equal(g, tuff_argmax(g, y, 1, TUFF_DROP_AXES), n->fields[1]), n->fields[2]);
    }
    tuff_network_output(g, n, "y", y);
}

struct part {
    struct backend_test *test;
    struct train t;
    struct tuff_saved *saved;
    bool recurrent, stop;
};

static bool on_step(void *user, const struct tuff_fit_progress *progress)
{
    return !((struct part *)user)->stop || progress->step < 2;
}

/* Context, device, data and settings; a model of the program where there is no file. */
static bool begin(struct part *p, struct backend_test *test, const char *file, bool stream, bool recurrent, uint32_t epochs)
{
    static float weights[TRAIN_SAMPLES];
    struct tuff_error error = {0};
    *p = (struct part){.test = test, .recurrent = recurrent};
    for (int i = 0; i < TRAIN_SAMPLES; i++) weights[i] = 0.5f + (float)(i % 3);
    tuff_status status = train_open(&p->t, NULL, &error);
    if (status == TUFF_OK) status = train_model(&p->t, &(struct train_params){.stream = stream, .epochs = epochs}, &error);
    p->t.fit.optimizer.ema_decay = 0.9;
    p->t.fit.plateau = (struct tuff_plateau){.factor = 0.5, .patience = 1};
    p->t.fit.on_step = on_step;
    p->t.fit.user = p;
    if (recurrent) p->t.data.fields[2] = weights;
    if ((file || recurrent) && status == TUFF_OK) train_close_model(&p->t);
    if (status == TUFF_OK && file) status = tuff_saved_open(p->t.context, file, &p->saved, &error);
    if (status == TUFF_OK && file) status = tuff_saved_model(p->t.device, p->saved, NULL, &p->t.model, &error);
    struct tuff_model_params params = {
        .struct_size = sizeof params, .build = recurrent_model, .batch = TRAIN_BATCH, .seed = 3};
    params.fields[0] = (struct tuff_field)TUFF_FIELD("x", TUFF_U8, 1, TRAIN_SIDE, TRAIN_SIDE);
    params.fields[0].scale = 0.01, params.fields[0].shift = -0.3;
    params.fields[1] = (struct tuff_field)TUFF_LABELS("labels");
    params.fields[2] = (struct tuff_field){.name = "weight", .type.dtype = TUFF_F32, .answer = true};
    if (status == TUFF_OK && !file && recurrent) status = tuff_model_create(p->t.device, &params, &p->t.model, &error);
    return backend_status(test, file ? "a model of the file" : "a model", TUFF_OK, status, &error);
}

static void end(struct part *p)
{
    unsigned messages = p->t.device ? tuff_device_validation_messages(p->t.device) : 0;
    backend_check(p->test, messages == 0, "validation: expected no message, got %u", messages);
    train_close_model(&p->t);
    tuff_saved_destroy(p->saved);
    train_close(&p->t);
}

static void save(struct part *p, const char *path, bool training)
{
    struct tuff_error error = {0};
    const struct tuff_model_save_params params = {.struct_size = sizeof params, .training = training};
    backend_status(p->test, "saving", TUFF_OK, tuff_model_save(p->t.context, p->t.model, path, &params, &error), &error);
}

/* Trains, from the file's state where there is one; stops within an epoch where that is asked. */
static void fit(struct part *p, struct train_content *content)
{
    struct tuff_error error = {0};
    tuff_status status = TUFF_OK;
    if (p->saved) {
        status = tuff_model_prepare(p->t.model, &p->t.data, &p->t.fit, &error);
        if (status == TUFF_OK) status = tuff_saved_resume(p->saved, p->t.model, &error);
        backend_status(p->test, "going on", TUFF_OK, status, &error);
    }
    status = tuff_model_fit(p->t.model, &p->t.data, &p->t.fit, &error);
    backend_status(p->test, "fit", p->stop ? TUFF_ERR_CANCELLED : TUFF_OK, status, &error);
    if (content) backend_status(p->test, "content", TUFF_OK, train_content(&p->t, content, &error), &error);
}

static void test_goes_on(struct backend_test *test, const char *path, bool stream, bool recurrent)
{
    struct part p;
    struct train_content whole = {0}, parts = {0};
    if (begin(&p, test, NULL, stream, recurrent, EPOCHS)) fit(&p, &whole);
    end(&p);
    if (begin(&p, test, NULL, stream, recurrent, 2)) fit(&p, NULL), save(&p, path, true);
    end(&p);
    if (begin(&p, test, path, stream, recurrent, EPOCHS)) { /* stopped, saved again by the model of the file */
        p.stop = true;
        fit(&p, NULL);
#ifndef _WIN32 /* where a file that is open cannot be replaced */
        save(&p, path, true);
#endif
    }
    end(&p);
    if (begin(&p, test, path, stream, recurrent, EPOCHS)) fit(&p, &parts);
    end(&p);
    train_expect_same(test, recurrent ? "recurrent" : stream ? "streamed" : "on the device", &whole, &parts);
    free(whole.bytes);
    free(parts.bytes);
}

/* What the file's network gives of the first samples. */
static void predict(struct part *p, const char *path, uint32_t count, float probabilities[][TRAIN_CLASSES])
{
    struct tuff_error error = {0};
    struct tuff_saved *saved = NULL;
    struct tuff_predictor *predictor = NULL;
    void *const outputs[] = {probabilities};
    tuff_status status = tuff_saved_open(p->t.context, path, &saved, &error);
    if (status == TUFF_OK) status = tuff_predictor_create(p->t.device, saved, &predictor, &error);
    if (status == TUFF_OK) status = tuff_predictor_run(predictor, p->t.data.fields, count, outputs, &error);
    backend_status(p->test, "predicting", TUFF_OK, status, &error);
    tuff_predictor_destroy(predictor);
    tuff_saved_destroy(saved);
}

/* Samples by the file's batch, the last of them filled up, and one by one: the same numbers but for the order of sums. */
static void test_batches(struct part *p, const char *path)
{
    static float all[TRAIN_SAMPLES][TRAIN_CLASSES], model[TRAIN_SAMPLES][TRAIN_CLASSES], few[7][TRAIN_CLASSES];
    struct tuff_error error = {0};
    void *const outputs[] = {model};
    double most = 0;
    predict(p, path, TRAIN_SAMPLES, all); /* 20 batches, and 10 samples */
    predict(p, path, 7, few);
    backend_status(p->test, "predicting", TUFF_OK, tuff_model_predict(p->t.model, &p->t.data, outputs, &error), &error);
    for (int i = 0; i < TRAIN_SAMPLES; i++)
        for (int c = 0; c < TRAIN_CLASSES; c++) {
            most = fmax(most, fabs((double)(all[i][c] - model[i][c])));
            if (i < 7) most = fmax(most, fabs((double)(all[i][c] - few[i][c])));
        }
    backend_check(p->test, most < 1e-6, "by batches, by the model and one by one: %g apart", most);
}

static const char *find_text(const void *user, const char *key)
{
    (void)key;
    return user;
}

/* A damaged file's labels, which the host would look for in pictures of bytes, or in bools. */
static void test_labels(struct part *p, char *text)
{
    struct tuff_graph *g = NULL;
    struct tuff_error error = {0};
    char *labels = strstr(text, "\nlabels - 2 ");
    if (!labels || !backend_status(p->test, "a graph", TUFF_OK, tuff_graph_create(p->t.context, &g, &error), &error)) return;
    labels[strlen("\nlabels - ")] = '1';
    const tuff_val fields[TUFF_MODEL_FIELDS] = {tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(5, 1, TRAIN_SIDE, TRAIN_SIDE)),
                                                tuff_input(g, "labels", TUFF_I32, TUFF_SHAPE(5))};
    struct tuff_network n = {.batch = 5, .training = true, .fields = fields};
    struct tuff_network_texts texts = {find_text, text};
    p->test->quiet = true;
    tuff_network_of_texts(g, &n, &texts);
    tuff_status status = tuff_graph_finish(g, &error);
    p->test->quiet = false;
    backend_check(p->test, status == TUFF_ERR_FORMAT && strstr(error.message, "is damaged"), "labels of floats: %s, %s",
                  tuff_status_name(status), error.message);
    tuff_graph_destroy(g);
}

/* What such a file is made of: the fields, and a text for each size and purpose. */
static void test_texts(struct part *p)
{
    struct tuff_error error = {0};
    char *key = NULL, *text = NULL;
    const struct tuff_field x = tuff_model_field(p->t.model, 0), labels = tuff_model_field(p->t.model, 1);
    backend_check(p->test, !strcmp(x.name, "x") && x.scale == 1.0 / 255 && !x.answer && labels.answer,
                  "the fields are others");
    backend_check(p->test, !tuff_model_field(p->t.model, 2).name, "there is a third field");
    backend_status(p->test, "a text", TUFF_OK, tuff_model_network_text(p->t.model, 5, TUFF_TO_TRAIN, &key, &text, &error),
                   &error);
    backend_check(p->test, key && !strcmp(key, "network.train.5.3"), "the key is %s", key ? key : "none");
    backend_check(p->test,
                  text && strstr(text, "\nmetric accuracy ") && strstr(text, "\nlabels - 2 ") &&
                      strstr(text, "random_uniform"),
                  "the text lacks something: %s", text ? text : "none");
    if (text) test_labels(p, text);
    tuff_text_free(p->t.context, key);
    tuff_text_free(p->t.context, text);
}

static void test_uses(struct backend_test *test, const char *path, const char *plain)
{
    struct part p;
    struct tuff_error error = {0};
    struct train_content kept = {0}, loaded = {0};
    struct tuff_metrics a = {0}, b = {0};
    double accuracy = 0;
    float first[8][TRAIN_CLASSES] = {{0}}, second[8][TRAIN_CLASSES] = {{1}};
    if (begin(&p, test, NULL, false, false, 1)) {
        fit(&p, &kept);
        save(&p, path, true);
        save(&p, plain, false);
        predict(&p, plain, 8, first);
        predict(&p, path, 8, second);
        backend_check(test, !memcmp(first, second, sizeof first) && first[0][0] > 0,
                      "a file with its training predicts otherwise");
        test_batches(&p, plain);
        test_texts(&p);
        backend_status(test, "evaluating", TUFF_OK, tuff_model_evaluate(p.t.model, &p.t.data, &a, &error), &error);
        accuracy = tuff_metrics_get(&a, "accuracy");
    }
    end(&p);
    if (begin(&p, test, NULL, false, false, 1)) { /* as a checkpoint, in a model that the program declares */
        tuff_status status = tuff_model_prepare(p.t.model, &p.t.data, &p.t.fit, &error);
        if (status == TUFF_OK) status = tuff_model_checkpoint_load(p.t.context, p.t.model, path, &error);
        if (status == TUFF_OK) status = train_content(&p.t, &loaded, &error);
        backend_status(test, "a checkpoint", TUFF_OK, status, &error);
        train_expect_same(test, "a model file as a checkpoint", &kept, &loaded);
        test->quiet = true;
        p.t.fit.optimizer.kind = TUFF_LAMB;
        status = tuff_model_prepare(p.t.model, &p.t.data, &p.t.fit, &error);
        backend_status(test, "another kind", TUFF_OK, status, &error);
        backend_check(test, !strcmp(tuff_model_optimizer(p.t.model), "lamb"), "its optimizer is called otherwise");
        status = tuff_model_checkpoint_load(p.t.context, p.t.model, path, &error);
        backend_check(test, status == TUFF_ERR_FORMAT && strstr(error.message, "by the optimizer adamw, not lamb"),
                      "states of AdamW for LAMB: %s, %s", tuff_status_name(status), error.message);
        tuff_model_resume(p.t.model, &(struct tuff_fit_state){.epoch = 0});
        status = tuff_model_save(p.t.context, p.t.model, plain,
                                 &(struct tuff_model_save_params){
                                     .struct_size = sizeof(struct tuff_model_save_params), .training = true, .batch = 1},
                                 &error);
        backend_check(test, status == TUFF_ERR_USAGE && strstr(error.message, "has no batch"), "no batch: %s, %s",
                      tuff_status_name(status), error.message);
        test->quiet = false;
        status = tuff_model_checkpoint_load(p.t.context, p.t.model, plain, &error);
        backend_check(test, status == TUFF_ERR_FORMAT && strstr(error.message, "a model, not a checkpoint"),
                      "a model without its training as a checkpoint: %s", error.message);
    }
    end(&p);
    if (begin(&p, test, path, false, false, 1)) {
        backend_status(test, "evaluating", TUFF_OK, tuff_model_evaluate(p.t.model, &p.t.data, &b, &error), &error);
        backend_check(test, a.loss == b.loss && accuracy == tuff_metrics_get(&b, "accuracy"),
                      "loss %.9g, in the model of the file %.9g", a.loss, b.loss);
        struct tuff_data fewer = p.t.data; /* 297 - 9 + 7 samples to train on, 7 in the last batch */
        int32_t labels[TRAIN_SAMPLES];
        memcpy(labels, p.t.data.fields[1], sizeof labels);
        fewer.count -= 2, fewer.fields[1] = labels;
        tuff_status status = tuff_model_prepare(p.t.model, &fewer, &p.t.fit, &error);
        backend_check(test, status == TUFF_ERR_USAGE && strstr(error.message, "to train batches of"), "%s: %s",
                      tuff_status_name(status), error.message);
        labels[5] = TRAIN_CLASSES; /* known as labels although the network is text */
        fewer.count = p.t.data.count;
        status = tuff_model_prepare(p.t.model, &fewer, &p.t.fit, &error);
        backend_check(test, status == TUFF_ERR_USAGE && strstr(error.message, "label 3 of sample 5"), "%s: %s",
                      tuff_status_name(status), error.message);
        p.t.fit.drop_last = true;
        p.t.fit.optimizer.kind = TUFF_SGD;
        fewer.count -= 2, labels[5] = 0;
        status = tuff_model_fit(p.t.model, &fewer, &p.t.fit, &error);
        backend_status(test, "another training of the file's network", TUFF_OK, status, &error);
        status = tuff_saved_resume(p.saved, p.t.model, &error);
        backend_check(test, status == TUFF_ERR_FORMAT, "states of another optimizer: %s", tuff_status_name(status));
    }
    end(&p);
    struct tuff_saved *saved = NULL;
    struct tuff_model *model = NULL;
    if (train_open(&p.t, NULL, &error) == TUFF_OK && tuff_saved_open(p.t.context, plain, &saved, &error) == TUFF_OK) {
        backend_check(test, !tuff_saved_info(saved)->training, "a plain file tells of a training");
        tuff_status status = tuff_saved_model(p.t.device, saved, NULL, &model, &error);
        backend_check(test, status == TUFF_ERR_USAGE && strstr(error.message, "without the state of its training") && !model,
                      "%s: %s", tuff_status_name(status), error.message);
    }
    tuff_saved_destroy(saved);
    train_close(&p.t);
    free(kept.bytes);
    free(loaded.bytes);
}

int main(void)
{
    struct backend_test test;
    char path[400], plain[400];
    int code = backend_test_begin(&test, NULL);
    if (code) return code;
    temporary_path("saved", path, sizeof path);
    temporary_path("plain", plain, sizeof plain);
    test_uses(&test, path, plain);
    test_goes_on(&test, path, false, false);
    test_goes_on(&test, path, true, false);
    test_goes_on(&test, path, false, true);
    remove(path);
    remove(plain);
    return backend_test_end(&test, "train_saved");
}
