/* train_resume.c - training goes on bit for bit: two runs are equal, and so is one that is stopped again and again, each time
 * with a fresh context, device and model; checkpoints that are damaged or of another network are refused untouched. */
#include "tests/backend_help.h"

#include "backend/os.h"
#include "loaders/loaders.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SIDE = 8, SAMPLES = 330, CLASSES = 3, BATCH = 16, EPOCHS = 3 };

static uint8_t pictures[SAMPLES][SIDE * SIDE];
static int32_t labels[SAMPLES];

/* A bright bar whose direction is the class, in noise. */
static void make_data(void)
{
    uint32_t random = 12345;
    for (int i = 0; i < SAMPLES; i++) {
        labels[i] = i % CLASSES;
        int at = i / CLASSES % SIDE;
        for (int p = 0; p < SIDE * SIDE; p++) {
            int x = p % SIDE, y = p / SIDE;
            bool bar = labels[i] == 0 ? x == at : labels[i] == 1 ? y == at : (x + y) % SIDE == at;
            random = random * 1664525u + 1013904223u;
            pictures[i][p] = (uint8_t)((bar ? 180 : 0) + (random >> 26));
        }
    }
}

/* Everything that a checkpoint must hold: running statistics, dropout's generator, moments of the optimizer. */
static tuff_val network(struct tuff_graph *g, tuff_val x, bool training, void *units)
{
    x = tuff_layer_conv2d(g, x, "conv", 8, 3, (struct tuff_conv2d_params){.pad = {1, 1, 1, 1}});
    x = tuff_relu(g, tuff_layer_batch_norm(g, x, "norm", training));
    x = tuff_max_pool2d(g, x, (struct tuff_pool2d_params){.kernel = {2, 2}});
    x = tuff_relu(g, tuff_layer_dense(g, tuff_flatten(g, x), "hidden", *(uint32_t *)units));
    return tuff_layer_dense(g, tuff_layer_dropout(g, x, 0.3, training), "out", CLASSES);
}

struct session {
    struct backend_test *test;
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_model *model;
    struct tuff_fit_params fit;
    struct tuff_data data;
    struct tuff_model_checkpoint checkpoint;
    uint32_t units;
    bool stop;
};

static bool on_step(void *user, const struct tuff_fit_progress *progress)
{
    (void)progress;
    return !((struct session *)user)->stop;
}

static bool begin(struct session *s, struct backend_test *test, const char *path, bool stream, uint32_t units)
{
    struct tuff_options options = {.struct_size = sizeof options};
    struct tuff_error error = {0};
    tuff_options_from_env(&options);
    *s = (struct session){.test = test, .units = units, .data = {SAMPLES, pictures, labels, NULL}};
    tuff_status status = tuff_context_create(&options, &s->context, &error);
    if (status == TUFF_OK) status = tuff_device_create(s->context, NULL, &s->device, &error);
    struct tuff_model_params params = {.struct_size = sizeof params,
                                       .build = network,
                                       .user = &s->units,
                                       .batch = BATCH,
                                       .seed = 7,
                                       .sample = {TUFF_U8, TUFF_SHAPE(1, SIDE, SIDE)},
                                       .label_smoothing = 0.1};
    if (status == TUFF_OK) status = tuff_model_create(s->device, &params, &s->model, &error);
    s->checkpoint = (struct tuff_model_checkpoint){sizeof s->checkpoint, s->context, path, NULL, 0};
    s->fit = (struct tuff_fit_params){
        .struct_size = sizeof s->fit,
        .epochs = EPOCHS,
        .validation_share = 0.1,
        .stream = stream,
        .on_step = on_step,
        .user = s,
        .optimizer = {.kind = TUFF_ADAMW,
                      .schedule = {.kind = TUFF_SCHEDULE_COSINE, .lr = 3e-3, .period = 54, .warmup = 5},
                      .weight_decay = 0.01,
                      .clip_norm = 1}};
    if (path) s->fit.save = tuff_model_checkpoint_save, s->fit.save_user = &s->checkpoint;
    return backend_status(test, "a model", TUFF_OK, status, &error);
}

static void end(struct session *s)
{
    tuff_model_destroy(s->model);
    unsigned messages = s->device ? tuff_device_validation_messages(s->device) : 0;
    backend_check(s->test, messages == 0, "validation: expected no message, got %u", messages);
    tuff_device_release(s->device);
    tuff_context_destroy(s->context);
}

/* ---- all leaves as one block ------------------------------------------------------------------------------------------------------ */

struct content {
    uint8_t *bytes; /* [owned] */
    size_t count;
    struct tuff_fit_state state;
};

static void take_content(struct session *s, struct content *content)
{
    struct tuff_error error = {0};
    *content = (struct content){.state = tuff_model_state(s->model)};
    for (uint32_t i = 0; i < tuff_model_leaf_count(s->model); i++) {
        struct tuff_leaf leaf = tuff_model_leaf(s->model, i);
        size_t size = (size_t)tuff_shape_count(&leaf.type.shape) * tuff_dtype_bytes(leaf.type.dtype);
        content->bytes = realloc(content->bytes, content->count + size);
        if (!content->bytes) exit(1);
        backend_status(s->test, leaf.name, TUFF_OK,
                       tuff_model_read(s->model, leaf.name, content->bytes + content->count, size, &error), &error);
        content->count += size;
    }
}

static void expect_same(struct backend_test *test, const char *what, const struct content *a, const struct content *b)
{
    size_t first = 0;
    backend_check(test, a->count == b->count && a->count > 10000, "%s: %zu bytes and %zu bytes", what, a->count, b->count);
    while (first < a->count && first < b->count && a->bytes[first] == b->bytes[first]) first++;
    backend_check(test, first == a->count, "%s: bytes differ from number %zu on", what, first);
    backend_check(test, memcmp(&a->state, &b->state, sizeof a->state) == 0, "%s: the places in the training differ", what);
}

/* ---- runs ------------------------------------------------------------------------------------------------------------------------- */

static void run_through(struct backend_test *test, bool stream, struct content *content, struct tuff_metrics *metrics)
{
    struct session s;
    struct tuff_error error = {0};
    *content = (struct content){0};
    if (begin(&s, test, NULL, stream, 16)) {
        backend_status(test, "fit", TUFF_OK, tuff_model_fit(s.model, &s.data, &s.fit, &error), &error);
        take_content(&s, content);
        if (metrics)
            backend_status(test, "evaluate", TUFF_OK, tuff_model_evaluate(s.model, &s.data, metrics, &error), &error);
    }
    end(&s);
}

/* Goes on from the checkpoint (unless first), stops after one step (unless last). */
static void run_part(struct backend_test *test, const char *path, bool stream, bool first, bool last,
                     struct content *content)
{
    struct session s;
    struct tuff_error error = {0};
    if (begin(&s, test, path, stream, 16)) {
        s.stop = !last;
        if (!first) {
            backend_status(test, "prepare", TUFF_OK, tuff_model_prepare(s.model, &s.data, &s.fit, &error), &error);
            backend_status(test, "load", TUFF_OK, tuff_model_checkpoint_load(s.context, s.model, path, &error), &error);
        }
        tuff_status status = tuff_model_fit(s.model, &s.data, &s.fit, &error);
        backend_status(test, "a part", last ? TUFF_OK : TUFF_ERR_CANCELLED, status, &error);
        if (last) take_content(&s, content);
    }
    end(&s);
}

/* 18 steps an epoch: stops lie within and at the end of the first epoch, and in the second. */
static void test_stops(struct backend_test *test, const char *path, bool stream, const struct content *wanted)
{
    enum { STOPS = 20 };
    struct content content = {0};
    for (int i = 0; i <= STOPS; i++) run_part(test, path, stream, i == 0, i == STOPS, &content);
    expect_same(test, stream ? "stopped and streamed" : "stopped", wanted, &content);
    free(content.bytes);
}

/* ---- refused ------------------------------------------------------------------------------------------------------------------------ */

static void expect_no_load(struct backend_test *test, const char *what, const char *path, uint32_t units, tuff_status wanted,
                           const char *sentence)
{
    struct session s;
    struct tuff_error error = {0};
    struct content before, after;
    if (begin(&s, test, NULL, false, units)) {
        backend_status(test, "prepare", TUFF_OK, tuff_model_prepare(s.model, &s.data, &s.fit, &error), &error);
        take_content(&s, &before);
        tuff_status status = tuff_model_checkpoint_load(s.context, s.model, path, &error);
        backend_check(test, status == wanted && strstr(error.message, sentence),
                      "%s: expected %s and \"%s\", got %s and \"%s\"", what, tuff_status_name(wanted), sentence,
                      tuff_status_name(status), error.message);
        take_content(&s, &after);
        expect_same(test, what, &before, &after);
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
    unlink(path);
    expect_no_load(test, "no file", path, 16, TUFF_ERR_FILE, path);
}

int main(void)
{
    struct backend_test test;
    struct content one, two;
    struct tuff_metrics metrics = {0};
    char path[] = "/tmp/tuff-resume-XXXXXX";
    if (!tuff_glslang()) {
        puts("skipped: this build has no run-time compiler (TUFF_GLSLANG=OFF)");
        return 77;
    }
    int code = backend_test_begin(&test, NULL);
    if (code) return code;
    int file = mkstemp(path);
    if (file < 0) return 1;
    close(file);
    make_data();
    for (int stream = 0; stream < 2; stream++) {
        run_through(&test, stream, &one, &metrics);
        backend_check(&test, metrics.accuracy > 0.6, "it learns: accuracy %g", metrics.accuracy);
        run_through(&test, stream, &two, NULL);
        expect_same(&test, "two runs", &one, &two);
        test_stops(&test, path, stream, &one);
        free(one.bytes);
        free(two.bytes);
    }
    test_refused(&test, path);
    unlink(path);
    return backend_test_end(&test, "train_resume");
}
