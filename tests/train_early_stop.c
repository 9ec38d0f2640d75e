/* train_early_stop.c - a fit that ends where its validation gets no better, and has the best epoch's parameters and statistics then, also when it was
 * stopped and goes on; metrics that rise; callbacks after each step. */
#include "tests/temporary.h"
#include "tests/train_help.h"

#include "backend/os.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE = 2, WEIGHTS = 16 * TRAIN_CLASSES, STATISTICS = 8 };

struct stop_test {
    struct backend_test *test;
    struct train t;
    struct tuff_data wrong; /* validated on: labels are others, so that learning makes it worse */
    int32_t labels[TRAIN_SAMPLES];
    float best[WEIGHTS], statistics[STATISTICS]; /* of the epoch that was told to be the best */
    uint32_t best_epoch, epochs, steps, stop_at; /* stop_at: of steps, > 0 */
};

static bool on_epoch(void *user, const struct tuff_epoch *epoch)
{
    struct stop_test *s = user;
    struct tuff_error error = {0};
    s->epochs++;
    if (!epoch->best) return true;
    s->best_epoch = epoch->epoch;
    backend_status(s->test, "weights", TUFF_OK, tuff_model_read(s->t.model, "out.weight", s->best, sizeof s->best, &error),
                   &error);
    return backend_status(s->test, "statistics", TUFF_OK,
                          tuff_model_read(s->t.model, "norm.running_mean", s->statistics, sizeof s->statistics, &error),
                          &error);
}

static bool on_step(void *user, const struct tuff_fit_progress *progress)
{
    struct stop_test *s = user;
    s->steps++;
    return !s->stop_at || progress->step + progress->epoch * progress->steps < s->stop_at;
}

static bool begin(struct stop_test *s, struct backend_test *test, const char *path)
{
    struct tuff_error error = {0};
    *s = (struct stop_test){.test = test};
    tuff_status status = train_open(&s->t, NULL, &error);
    if (status == TUFF_OK) status = train_model(&s->t, &(struct train_params){.path = path, .epochs = 10}, &error);
    if (!backend_status(test, "a model", TUFF_OK, status, &error)) return false;
    const int32_t *labels = s->t.data.fields[1];
    for (int i = 0; i < TRAIN_SAMPLES; i++) s->labels[i] = (labels[i] + 1) % TRAIN_CLASSES;
    s->wrong = (struct tuff_data){.count = TRAIN_SAMPLES, .fields = {s->t.data.fields[0], s->labels}};
    s->t.fit.validation_share = 0;
    s->t.fit.validation = &s->wrong;
    s->t.fit.early_stop = (struct tuff_early_stop){.patience = PATIENCE, .restore_best = true};
    s->t.fit.on_epoch = on_epoch, s->t.fit.on_step = on_step, s->t.fit.user = s;
    return true;
}

/* What the callback saw of the best epoch, and the loss that was best then, bit for bit */
static void expect_restored(struct stop_test *s)
{
    float weights[WEIGHTS], statistics[STATISTICS];
    struct tuff_error error = {0};
    struct tuff_metrics metrics = {0};
    struct tuff_fit_state state = tuff_model_state(s->t.model);
    tuff_status status = tuff_model_read(s->t.model, "out.weight", weights, sizeof weights, &error);
    if (status == TUFF_OK) status = tuff_model_read(s->t.model, "norm.running_mean", statistics, sizeof statistics, &error);
    if (status == TUFF_OK) status = tuff_model_evaluate(s->t.model, &s->wrong, &metrics, &error);
    if (!backend_status(s->test, "reading", TUFF_OK, status, &error)) return;
    double value = s->t.fit.early_stop.metric ? tuff_metrics_get(&metrics, s->t.fit.early_stop.metric) : metrics.loss;
    backend_check(s->test,
                  state.best_epoch == s->best_epoch && state.epoch == s->best_epoch + 1 + PATIENCE && state.epoch < 10,
                  "expected an end %u epochs after epoch %u, got %u done and best %u", (unsigned)PATIENCE,
                  (unsigned)s->best_epoch, (unsigned)state.epoch, (unsigned)state.best_epoch);
    backend_check(s->test, !memcmp(weights, s->best, sizeof weights), "the weights are not those of the best epoch");
    backend_check(s->test, !memcmp(statistics, s->statistics, sizeof statistics),
                  "the statistics are not those of the best epoch");
    backend_check(s->test, value == state.best_loss, "the best value was %.9g, and is %.9g", state.best_loss, value);
}

static void fit(struct stop_test *s, tuff_status wanted)
{
    struct tuff_error error = {0};
    backend_status(s->test, "fit", wanted, train_fit(&s->t, &error), &error);
}

static void test_restore(struct backend_test *test, struct train_content *content)
{
    struct stop_test s;
    struct tuff_error error = {0};
    if (begin(&s, test, NULL)) {
        fit(&s, TUFF_OK);
        expect_restored(&s);
        backend_status(test, "content", TUFF_OK, train_content(&s.t, content, &error), &error);
        uint32_t epochs = s.epochs;
        fit(&s, TUFF_OK); /* patience is at its end */
        backend_check(test, s.epochs == epochs, "a fit that had ended went on for %u epochs", (unsigned)(s.epochs - epochs));
        expect_restored(&s);
        s.t.fit.early_stop.restore_best = false;
        s.t.fit.early_stop.patience = PATIENCE + 1;
        fit(&s, TUFF_OK);
        backend_check(test, s.epochs == epochs + 1, "a patience of one more gave %u epochs more",
                      (unsigned)(s.epochs - epochs));
    }
    train_close(&s.t);
}

/* Two epochs; then from their checkpoint to within the next; then on to the end: all as if never stopped. */
static void test_resume(struct backend_test *test, const char *path, const struct train_content *wanted)
{
    struct train_content content = {0};
    struct tuff_error error = {0};
    for (int part = 0; part < 3; part++) {
        struct stop_test s;
        if (begin(&s, test, path)) {
            if (part == 0) s.t.fit.epochs = 1;
            if (part == 1) s.stop_at = 30, s.t.fit.report_steps = 1;
            if (part) backend_status(test, "load", TUFF_OK, train_load(&s.t, &error), &error);
            test->quiet = true;
            fit(&s, part == 1 ? TUFF_ERR_CANCELLED : TUFF_OK);
            test->quiet = false;
            if (part == 1) backend_check(test, s.steps == 30 - 21, "expected 9 steps told, got %u", (unsigned)s.steps);
            if (part == 2) backend_status(test, "content", TUFF_OK, train_content(&s.t, &content, &error), &error);
        }
        train_close(&s.t);
    }
    train_expect_same(test, "early stop and resume", wanted, &content);
    free(content.bytes);
    (void)!tuff_os_remove(path);
}

/* Accuracy rises, and a change below min_delta is none. */
static void test_rises(struct backend_test *test)
{
    struct stop_test s;
    if (begin(&s, test, NULL)) {
        s.t.fit.validation = &s.t.data;
        s.t.fit.early_stop.metric = "accuracy", s.t.fit.early_stop.rises = true, s.t.fit.early_stop.min_delta = 0.9;
        s.wrong = s.t.data;
        fit(&s, TUFF_OK);
        backend_check(test, s.best_epoch == 0, "expected the first epoch to stay the best, got %u", (unsigned)s.best_epoch);
        expect_restored(&s);
    }
    train_close(&s.t);
}

static void test_refused(struct backend_test *test)
{
    const struct {
        struct tuff_early_stop stop;
        const char *sentence;
    } all[] = {{{.metric = "recall"}, "early_stop watches 'recall', which the network does not give"},
               {{.min_delta = -1}, "a min_delta of -1 is not 0 or above"},
               {{.patience = UINT32_MAX}, "patience of -1"},
               {{.restore_best = true}, "restore_best was not asked for in the model's first fit"}};
    struct stop_test s;
    if (begin(&s, test, NULL)) {
        struct tuff_error error = {0};
        struct tuff_plan_figures with, without;
        tuff_status asked = tuff_model_memory(s.t.model, &s.t.data, &s.t.fit, &with, &error);
        s.t.fit.early_stop = (struct tuff_early_stop){0};
        if (asked == TUFF_OK) asked = tuff_model_memory(s.t.model, &s.t.data, &s.t.fit, &without, &error);
        if (backend_status(test, "memory", TUFF_OK, asked, &error))
            backend_check(test, with.total_bytes >= without.total_bytes + without.param_bytes,
                          "restore_best: %llu bytes, %llu without", (unsigned long long)with.total_bytes,
                          (unsigned long long)without.total_bytes);
        backend_status(test, "prepare", TUFF_OK, tuff_model_prepare(s.t.model, &s.t.data, &s.t.fit, &error), &error);
        test->quiet = true;
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            s.t.fit.early_stop = all[i].stop;
            tuff_status status = train_fit(&s.t, &error);
            backend_check(test, status == TUFF_ERR_USAGE && strstr(error.message, all[i].sentence),
                          "expected '%s', got %s: %s", all[i].sentence, tuff_status_name(status), error.message);
        }
        test->quiet = false;
    }
    train_close(&s.t);
}

int main(void)
{
    struct backend_test test;
    struct train_content content = {0};
    char path[400];
    int code = backend_test_begin(&test, NULL);
    if (code) return code;
    temporary_path("early_stop", path, sizeof path);
    test_restore(&test, &content);
    test_resume(&test, path, &content);
    test_rises(&test);
    test_refused(&test);
    free(content.bytes);
    return backend_test_end(&test, "train_early_stop");
}
