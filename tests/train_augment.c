/* train_augment.c - augmentation on the device: its values against the double evaluation of the same graph, exact moves, the same without a shader compiler,
 * how few launches it takes, other draws in each step, and a training that is stopped and goes on bit for bit. tests/graph_augment.c holds the formulas. */
#include "backend/executable.h"
#include "graph/op.h"
#include "tests/temporary.h"
#include "tests/train_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 16, C = 3, H = 12, W = 10, TO_H = 14, TO_W = 11, CLASSES = 4, SEED = 5, OUTPUTS = 2 };
enum { PICTURES = N * C * TO_H * TO_W, TARGETS = N * CLASSES };

static const double mean[] = {0.4, 0.5, 0.3}, deviation[] = {0.2, 0.25, 0.3};
static const struct tuff_augment_params all = {.struct_size = sizeof all,
                                               .training = true,
                                               .height = TO_H,
                                               .width = TO_W,
                                               .crop = {0.3, 1},
                                               .flip = 0.5,
                                               .flip_vertical = 0.3,
                                               .rotate = 20,
                                               .shear = 10,
                                               .zoom = {0.8, 1.2},
                                               .shift = 2,
                                               .brightness = 0.4,
                                               .contrast = 0.4,
                                               .saturation = 0.4,
                                               .hue = 0.2,
                                               .mean = mean,
                                               .std = deviation,
                                               .erase = 0.5,
                                               .mixup = 0.4,
                                               .cutmix = 1};

struct results {
    float pictures[PICTURES], targets[TARGETS];
};

static void make_pictures(uint8_t *x, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) x[i] = (uint8_t)(i * 2654435761u >> 11);
}

static struct tuff_augmented add(struct tuff_graph *g, uint32_t h, uint32_t w, const struct tuff_augment_params *p)
{
    static int32_t labels[N];
    for (int i = 0; i < N; i++) labels[i] = i % CLASSES;
    tuff_val x = tuff_input(g, "x", TUFF_U8, TUFF_SHAPE(N, C, h, w));
    tuff_val of = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(N)}, labels);
    return tuff_augment(g, x, tuff_one_hot(g, of, CLASSES), p);
}

/* Two runs of a session, between which the generator goes on. */
static void run(struct backend_test *t, const char *what, struct results got[2], struct tuff_plan_figures *figures)
{
    struct tuff_error e = {0};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *run = NULL;
    static uint8_t x[N * C * H * W];
    make_pictures(x, sizeof x);
    if (!backend_status(t, what, TUFF_OK, tuff_graph_create(t->context, &g, &e), &e)) return;
    struct tuff_augmented a = add(g, H, W, &all);
    const tuff_val out[] = {a.x, a.targets, tuff_rng_advance(g)};
    const struct tuff_session_params start = {.struct_size = sizeof start, .seed = SEED};
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = out, .output_count = 3};
    tuff_status status = tuff_graph_finish(g, &e);
    if (status == TUFF_OK) status = tuff_session_create(t->device, g, &start, &session, &e);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &run, &e);
    if (status == TUFF_OK) status = tuff_executable_write(run, tuff_graph_find(g, "x"), x, sizeof x, &e);
    for (int k = 0; k < 2 && status == TUFF_OK; k++) {
        status = tuff_executable_run(run, &e);
        if (status == TUFF_OK) status = tuff_executable_read(run, 0, got[k].pictures, sizeof got[k].pictures, &e);
        if (status == TUFF_OK) status = tuff_executable_read(run, 1, got[k].targets, sizeof got[k].targets, &e);
    }
    if (backend_status(t, what, TUFF_OK, status, &e)) *figures = tuff_executable_figures(run);
    tuff_executable_destroy(run);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* Places are off by some roundings of numbers up to 16, 1e-5, over which pictures change by 1e-5, which the deviations make 5 times as large; a rectangle
 * whose side is near a half may be a row wider. */
static void check_values(struct backend_test *t, const struct results *got)
{
    struct tuff_error e = {0};
    struct tuff_graph *g = NULL;
    static uint8_t x[N * C * H * W];
    static double pictures[PICTURES], targets[TARGETS];
    unsigned off = 0;
    make_pictures(x, sizeof x);
    if (!backend_status(t, "graph", TUFF_OK, tuff_graph_create(t->context, &g, &e), &e)) return;
    struct tuff_augmented a = add(g, H, W, &all);
    const struct tuff_leaf_content leaf = {tuff_graph_find(g, "x"), x};
    const struct tuff_evaluate_params params = {.struct_size = sizeof params,
                                                .outputs = (tuff_val[]){a.x, a.targets},
                                                .output_count = OUTPUTS,
                                                .leaves = &leaf,
                                                .leaf_count = 1,
                                                .seed = SEED};
    tuff_status status = tuff_graph_finish(g, &e);
    if (status == TUFF_OK) status = tuff_evaluate(g, &params, (double *const[]){pictures, targets}, &e);
    backend_status(t, "evaluate", TUFF_OK, status, &e);
    for (int i = 0; i < PICTURES; i++) off += !(fabs((double)got->pictures[i] - pictures[i]) <= 1e-4);
    for (int i = 0; i < TARGETS; i++) off += !(fabs((double)got->targets[i] - targets[i]) <= 1e-5);
    backend_check(t, off <= PICTURES / 100, "%u of %u elements are off what they should be", off, (unsigned)PICTURES);
    tuff_graph_destroy(g);
}

/* Flips of all, twice, and a shift by whole elements, there and back, copy: bit for bit. */
static void check_exact(struct backend_test *t)
{
    struct tuff_error e = {0};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *run = NULL;
    static float x[N * C * H * W], got[2][N * C * H * W];
    static const float maps[] = {1, 0, 3, 0, 1, -2};
    for (uint32_t i = 0; i < TUFF_COUNT(x); i++) x[i] = sinf((float)i);
    if (!backend_status(t, "graph", TUFF_OK, tuff_graph_create(t->context, &g, &e), &e)) return;
    const struct tuff_augment_params flips = {.struct_size = sizeof flips, .training = true, .flip = 1, .flip_vertical = 1};
    tuff_val in = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(N, C, H, W)), out[2];
    out[0] = tuff_augment(g, tuff_augment(g, in, 0, &flips).x, 0, &flips).x;
    tuff_val map = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(1, 2, 3)}, maps);
    map = tuff_expand(g, map, TUFF_SHAPE(N, 2, 3));
    out[1] = tuff_affine_sample(g, in, map, (struct tuff_affine_sample_params){0});
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = out, .output_count = OUTPUTS};
    tuff_status status = tuff_graph_finish(g, &e);
    if (status == TUFF_OK) status = tuff_session_create(t->device, g, NULL, &session, &e);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &run, &e);
    if (status == TUFF_OK) status = tuff_executable_write(run, in, x, sizeof x, &e);
    if (status == TUFF_OK) status = tuff_executable_run(run, &e);
    for (uint32_t k = 0; k < OUTPUTS && status == TUFF_OK; k++)
        status = tuff_executable_read(run, k, got[k], sizeof got[k], &e);
    backend_status(t, "moves", TUFF_OK, status, &e);
    backend_check(t, !memcmp(got[0], x, sizeof x), "pictures that are flipped twice are others");
    unsigned wrong = 0;
    for (int i = 0; i < N * C * H * W; i++) {
        int column = i % W + 3, row = i / W % H - 2;
        float due = column < W && row >= 0 ? x[i + 3 - 2 * W] : 0;
        wrong += memcmp(&got[1][i], &due, sizeof due) != 0;
    }
    backend_check(t, wrong == 0, "%u elements of a picture that is moved by whole elements are no copies", wrong);
    tuff_executable_destroy(run);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

static void test_values(struct backend_test *t)
{
    static struct results got[2], plain[2];
    struct tuff_plan_figures figures = {0}, of_plain = {0};
    struct backend_test without = {.failures = 0};
    struct tuff_options options = {.struct_size = sizeof options};
    run(t, "all parts", got, &figures);
    check_values(t, &got[0]);
    backend_check(t, memcmp(&got[0], &got[1], sizeof got[0]) != 0, "two steps draw the same");
    tuff_options_from_env(&options);
    bool fused = !(options.debug & (TUFF_DEBUG_NOCOMPILER | TUFF_DEBUG_NOFUSE | TUFF_DEBUG_NOSIMPLIFY)) && tuff_glslang();
    printf("all parts: %u launches\n", (unsigned)figures.launches);
    backend_check(t, !fused || figures.launches <= 36, "%u launches", (unsigned)figures.launches);
    options.debug |= TUFF_DEBUG_NOCOMPILER;
    if (backend_test_begin(&without, &options) == 0) {
        run(&without, "without a compiler", plain, &of_plain);
        for (int k = 0; k < 2; k++) {
            unsigned off = 0;
            for (int i = 0; i < PICTURES; i++) off += !(fabsf(got[k].pictures[i] - plain[k].pictures[i]) <= 1e-4f);
            for (int i = 0; i < TARGETS; i++) off += !(fabsf(got[k].targets[i] - plain[k].targets[i]) <= 1e-5f);
            backend_check(t, off <= PICTURES / 100, "run %d: %u elements differ without a compiler", k, off);
            printf("run %d: %s bits without a compiler\n", k,
                   memcmp(&got[k], &plain[k], sizeof got[k]) ? "other" : "the same");
        }
    }
    t->failures += without.failures;
    backend_test_end(&without, "train_augment without a compiler");
}

/* ---- training ------------------------------------------------------------------------------------------------------------------------- */

struct stops {
    uint64_t after; /* stops when this run has had so many steps; 0: never */
    uint64_t begin;
};

static bool on_step(void *user, const struct tuff_fit_progress *progress)
{
    const struct stops *s = user;
    (void)progress;
    return s->after == 0;
}

/* Trains two epochs, from the checkpoint if there is one to load; stopped after a step where that is asked for. */
static bool train(struct backend_test *test, const struct tuff_augment_params *augment, const char *path, bool load,
                  bool stop, struct train_content *content)
{
    struct train t;
    struct tuff_error e = {0};
    struct stops stops = {.after = stop};
    const struct train_params params = {.path = path, .samples = 75, .epochs = 2, .augment = augment};
    tuff_status status = train_open(&t, NULL, &e);
    if (status == TUFF_OK) status = train_model(&t, &params, &e);
    t.fit.on_step = on_step;
    t.fit.user = &stops;
    if (status == TUFF_OK && load) status = train_load(&t, &e);
    backend_status(test, "a model", TUFF_OK, status, &e);
    if (status == TUFF_OK) {
        status = train_fit(&t, &e);
        backend_status(test, "a fit", stop ? TUFF_ERR_CANCELLED : TUFF_OK, status, &e);
    }
    bool done = !stop && status == TUFF_OK;
    if (done) backend_status(test, "reading all", TUFF_OK, train_content(&t, content, &e), &e);
    if (t.device) backend_check(test, tuff_device_validation_messages(t.device) == 0, "validation: there are messages");
    train_close(&t);
    return done;
}

/* 68 samples to train on, four batches of 16 and one of 4. */
static void test_resume(struct backend_test *t)
{
    struct tuff_augment_params p = all;
    char path[500];
    p.height = p.width = 0;
    p.mean = p.std = NULL;
    struct train_content through = {0}, parts = {0}, plain = {0};
    temporary_path("augment.tuff", path, sizeof path);
    train(t, &p, NULL, false, false, &through);
    for (int k = 0; k < 3; k++) train(t, &p, path, k > 0, true, NULL);
    train(t, &p, path, true, false, &parts);
    train_expect_same(t, "a training with augmentation that is stopped three times", &through, &parts);
    train(t, NULL, NULL, false, false, &plain);
    backend_check(t, through.count && (plain.count != through.count || memcmp(plain.bytes, through.bytes, plain.count)),
                  "augmentation changes nothing");
    free(through.bytes), free(parts.bytes), free(plain.bytes);
    remove(path);
}

int main(void)
{
    static struct backend_test t;
    int status = backend_test_begin(&t, NULL);
    if (status != 0) return status;
    test_values(&t);
    check_exact(&t);
    test_resume(&t);
    return backend_test_end(&t, "train_augment");
}
