/* train_resume.c - training goes on bit for bit: two runs are equal, and so is one that is stopped again and again, each time
 * with a fresh context, device and model; checkpoints that are damaged or of another network are refused untouched. */
#include "graph/train/model.h"
#include "loaders/source.h"
#include "tests/temporary.h"
#include "tests/train_help.h"

#include "backend/os.h"

#include <stdio.h>
#include <stdlib.h>

struct session {
    struct backend_test *test;
    struct train t;
    bool stop;
};

static bool on_step(void *user, const struct tuff_fit_progress *progress)
{
    (void)progress;
    return !((struct session *)user)->stop;
}

static bool begin(struct session *s, struct backend_test *test, const char *path, bool stream, uint32_t units)
{
    struct tuff_error error = {0};
    *s = (struct session){.test = test};
    tuff_status status = train_open(&s->t, NULL, &error);
    if (status == TUFF_OK)
        status = train_model(&s->t, &(struct train_params){.path = path, .stream = stream, .units = units}, &error);
    s->t.fit.on_step = on_step;
    s->t.fit.user = s;
    return backend_status(test, "a model", TUFF_OK, status, &error);
}

static void end(struct session *s)
{
    unsigned messages = s->t.device ? tuff_device_validation_messages(s->t.device) : 0;
    backend_check(s->test, messages == 0, "validation: expected no message, got %u", messages);
    train_close(&s->t);
}

static void take_content(struct session *s, struct train_content *content)
{
    struct tuff_error error = {0};
    backend_status(s->test, "reading all", TUFF_OK, train_content(&s->t, content, &error), &error);
}

/* ---- runs ------------------------------------------------------------------------------------------------------------------------- */

/* Samples set apart come from anywhere, not from the end: data sets are often sorted by class. */
static void check_apart(struct backend_test *test, const struct tuff_model *m)
{
    uint64_t apart = m->data_count - m->train_count, late = 0;
    for (uint64_t i = m->train_count; i < m->data_count; i++) late += m->rows[i] >= m->train_count;
    backend_check(test, apart > 20 && late < apart / 2, "%u of %u samples that are set apart are among the last ones",
                  (unsigned)late, (unsigned)apart);
}

static void run_through(struct backend_test *test, bool stream, struct train_content *content, double *accuracy)
{
    struct session s;
    struct tuff_error error = {0};
    *content = (struct train_content){0};
    if (begin(&s, test, NULL, stream, 16)) {
        backend_status(test, "fit", TUFF_OK, tuff_model_fit(s.t.model, &s.t.data, &s.t.fit, &error), &error);
        take_content(&s, content);
        check_apart(test, s.t.model);
        if (accuracy) {
            struct tuff_metrics metrics = {0};
            backend_status(test, "evaluate", TUFF_OK, tuff_model_evaluate(s.t.model, &s.t.data, &metrics, &error), &error);
            *accuracy = tuff_metrics_get(&metrics, "accuracy"); /* the model has the names */
        }
    }
    end(&s);
}

/* Goes on from the checkpoint (unless first), stops after one step (unless last). */
static void run_part(struct backend_test *test, const char *path, bool stream, bool first, bool last,
                     struct train_content *content)
{
    struct session s;
    struct tuff_error error = {0};
    if (begin(&s, test, path, stream, 16)) {
        s.stop = !last;
        if (!first) {
            backend_status(test, "load", TUFF_OK, train_load(&s.t, &error), &error);
        }
        tuff_status status = tuff_model_fit(s.t.model, &s.t.data, &s.t.fit, &error);
        backend_status(test, "a part", last ? TUFF_OK : TUFF_ERR_CANCELLED, status, &error);
        if (last) take_content(&s, content);
    }
    end(&s);
}

/* 18 steps an epoch: stops lie within and at the end of the first epoch, and in the second. */
static void test_stops(struct backend_test *test, const char *path, bool stream, const struct train_content *wanted)
{
    enum { STOPS = 20 };
    struct train_content content = {0};
    for (int i = 0; i <= STOPS; i++) run_part(test, path, stream, i == 0, i == STOPS, &content);
    train_expect_same(test, stream ? "stopped and streamed" : "stopped", wanted, &content);
    free(content.bytes);
}

/* ---- refused ------------------------------------------------------------------------------------------------------------------------ */

static void expect_no_load(struct backend_test *test, const char *what, const char *path, uint32_t units, tuff_status wanted,
                           const char *sentence)
{
    struct session s;
    struct tuff_error error = {0};
    struct train_content before, after;
    if (begin(&s, test, NULL, false, units)) {
        backend_status(test, "prepare", TUFF_OK, tuff_model_prepare(s.t.model, &s.t.data, &s.t.fit, &error), &error);
        take_content(&s, &before);
        tuff_status status = tuff_model_checkpoint_load(s.t.context, s.t.model, path, &error);
        backend_check(test, status == wanted && strstr(error.message, sentence),
                      "%s: expected %s and \"%s\", got %s and \"%s\"", what, tuff_status_name(wanted), sentence,
                      tuff_status_name(status), error.message);
        take_content(&s, &after);
        train_expect_same(test, what, &before, &after);
        free(before.bytes);
        free(after.bytes);
    }
    end(&s);
}

static void rewrite(const char *path, const uint8_t *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, count, file) != count || fclose(file) != 0) exit(1);
}

static void test_refused(struct backend_test *test, const char *path)
{
    void *data = NULL;
    size_t bytes = 0;
    struct tuff_error error = {0};
    expect_no_load(test, "another network", path, 17, TUFF_ERR_FORMAT, "in the network");
    if (!backend_status(test, "reading", TUFF_OK, tuff_os_read_file(test->context, path, 0, &data, &bytes, &error), &error))
        return;
    uint8_t *file = data;
    file[bytes / 2] ^= 4;
    rewrite(path, file, bytes);
    expect_no_load(test, "a flipped bit", path, 16, TUFF_ERR_FORMAT, "damaged");
    file[bytes / 2] ^= 4;
    rewrite(path, file, bytes / 3);
    expect_no_load(test, "cut off", path, 16, TUFF_ERR_FORMAT, path);
    tuff_free(test->context, data);
    (void)!tuff_os_remove(path);
    expect_no_load(test, "no file", path, 16, TUFF_ERR_FILE, path);
}

int main(void)
{
    struct backend_test test;
    struct train_content one, two;
    double accuracy = 0;
    char path[400];
    int code = backend_test_begin(&test, NULL);
    if (code) return code;
    temporary_path("resume", path, sizeof path);
    for (int stream = 0; stream < 2; stream++) {
        run_through(&test, stream, &one, &accuracy);
        backend_check(&test, accuracy > 0.6, "it learns: accuracy %g", accuracy);
        run_through(&test, stream, &two, NULL);
        train_expect_same(&test, "two runs", &one, &two);
        test_stops(&test, path, stream, &one);
        free(one.bytes);
        free(two.bytes);
    }
    test_refused(&test, path);
    (void)!tuff_os_remove(path);
    return backend_test_end(&test, "train_resume");
}
