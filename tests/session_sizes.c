/* session_sizes.c - one network at several sizes of batch and sequence: one call prepares them, each computes what the others do, a size that
 * comes later makes no pipeline that exists; what cannot be built leaves the session as it was.
 *   session_sizes NET SIZE...    times for making each size of a net of samples/nets, after the first */
#include "backend/device.h"
#include "backend/executable.h"
#include "backend/os.h"
#include "backend/pipeline.h"
#include "samples/nets/nets.h"
#include "tests/backend_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CHANNELS = 3, SIDE = 8, CLASSES = 5, MOST = 12 };

/* Pictures to logits; `*user` is the size that it breaks at. */
static void pictures(struct tuff_graph *g, struct tuff_sized *part, void *user)
{
    char name[32];
    snprintf(name, sizeof name, "x/%u", (unsigned)part->size);
    tuff_val x = part->inputs[0] = tuff_input(g, name, TUFF_F32, TUFF_SHAPE(part->size, CHANNELS, SIDE, SIDE));
    x = tuff_relu(g, tuff_layer_conv2d(g, x, "conv", (struct tuff_layer_conv2d_params){.channels = 8, .kernel = {3}}));
    if (part->size == *(const uint32_t *)user) x = tuff_reshape(g, x, TUFF_SHAPE(7, 7));
    x = tuff_layer_dense(g, tuff_flatten(g, x), "out", (struct tuff_layer_dense_params){.units = CLASSES});
    part->outputs[part->output_count++] = tuff_softmax(g, x, 1);
}

/* Sequences of `size` rows to what an LSTM remembers of them. */
static void sequences(struct tuff_graph *g, struct tuff_sized *part, void *user)
{
    char name[32];
    (void)user;
    snprintf(name, sizeof name, "x/%u", (unsigned)part->size);
    tuff_val x = part->inputs[0] = tuff_input(g, name, TUFF_F32, TUFF_SHAPE(part->size, 1, CHANNELS));
    part->outputs[0] = tuff_layer_recurrent(g, x, "lstm", (struct tuff_layer_recurrent_params){.units = 6}).h;
    part->output_count = 1;
}

static uint32_t pipelines_of(const struct tuff_device *device)
{
    uint32_t count = 0;
    for (const struct tuff_pipeline *p = device->pipelines.list; p; p = p->next) count++;
    return count;
}

struct session {
    struct tuff_graph *graph;
    struct tuff_session *session;
    struct tuff_sizes *sizes;
};

static bool begin(struct backend_test *test, struct session *s, const struct tuff_sizes_params *params)
{
    struct tuff_error error = {0};
    *s = (struct session){.graph = NULL};
    tuff_status status = tuff_graph_create(test->context, &s->graph, &error);
    if (status == TUFF_OK) status = tuff_session_create(test->device, s->graph, NULL, &s->session, &error);
    if (status == TUFF_OK) status = tuff_sizes_create(s->session, params, &s->sizes, &error);
    return backend_status(test, "sizes", TUFF_OK, status, &error);
}

static void end(struct session *s) /* in any order */
{
    tuff_session_destroy(s->session);
    tuff_graph_destroy(s->graph);
    tuff_sizes_destroy(s->sizes);
}

/* Runs a part over rows of x and returns its output's rows in y. */
static void run(struct backend_test *test, struct session *s, uint32_t size, const float *x, uint32_t row, float *y,
                uint32_t result)
{
    struct tuff_error error = {0};
    const struct tuff_sized *part = NULL;
    tuff_status status = tuff_sizes_get(s->sizes, size, &part, &error);
    if (status == TUFF_OK)
        status = tuff_executable_write(part->executable, part->inputs[0], x, size * row * sizeof *x, &error);
    if (status == TUFF_OK) status = tuff_executable_submit(part->executable, NULL, &error);
    if (status == TUFF_OK) status = tuff_executable_read(part->executable, 0, y, size * result * sizeof *y, &error);
    backend_status(test, "a run", TUFF_OK, status, &error);
}

static void expect_near(struct backend_test *test, const char *what, const float *a, const float *b, uint32_t count)
{
    float most = 0;
    for (uint32_t i = 0; i < count; i++) most = fmaxf(most, fabsf(a[i] - b[i]));
    backend_check(test, most <= 1e-6f && fabsf(a[0]) > 1e-3f, "%s: %g apart", what, (double)most);
}

static void test_batches(struct backend_test *test)
{
    enum { ROW = CHANNELS * SIDE * SIDE };
    static const uint32_t sizes[] = {8, 1};
    static float x[MOST * ROW], one[MOST][CLASSES], many[MOST][CLASSES];
    uint32_t breaks = 9;
    struct session s;
    struct tuff_error error = {0};
    const struct tuff_sized *part = NULL;
    const struct tuff_sizes_params params = {
        .struct_size = sizeof params, .build = pictures, .user = &breaks, .sizes = sizes, .count = 2};
    for (int i = 0; i < MOST * ROW; i++) x[i] = (float)(i * 37 % 101) / 101 - 0.4f;
    if (begin(test, &s, &params)) {
        for (uint32_t n = 0; n < 8; n++) run(test, &s, 1, x + n * ROW, ROW, one[n], CLASSES);
        run(test, &s, 8, x, ROW, many[0], CLASSES);
        expect_near(test, "8 at once and one by one", one[0], many[0], 8 * CLASSES);
        run(test, &s, 7, x, ROW, many[0], CLASSES);
        expect_near(test, "7 at once and one by one", one[0], many[0], 7 * CLASSES);
        const uint32_t before = pipelines_of(test->device);
        part = tuff_sizes_pick(s.sizes, 2);
        backend_check(test, part && part->size == 7, "2 go by 7, not by %u", part ? (unsigned)part->size : 0);
        part = tuff_sizes_pick(s.sizes, 8);
        backend_check(test, part && part->size == 8, "8 go by 8, not by %u", part ? (unsigned)part->size : 0);
        backend_check(test, !tuff_sizes_pick(s.sizes, 9), "9 are more than any");
        test->quiet = true;
        tuff_status status = tuff_sizes_get(s.sizes, breaks, &part, &error);
        backend_check(test, status == TUFF_ERR_SHAPE && error.message[0], "a size that cannot be built: %s",
                      tuff_status_name(status));
        status = tuff_sizes_get(s.sizes, 0, &part, &error);
        backend_check(test, status == TUFF_ERR_USAGE, "a size of 0: %s", tuff_status_name(status));
        test->quiet = false;
        run(test, &s, 12, x, ROW, many[0], CLASSES); /* all is as it was */
        expect_near(test, "12 at once and one by one", one[0], many[0], 8 * CLASSES);
        backend_check(test, !tuff_glslang() || pipelines_of(test->device) == before, "a further size made %u pipelines",
                      (unsigned)(pipelines_of(test->device) - before));
    }
    end(&s);
}

static void test_lengths(struct backend_test *test)
{
    static const uint32_t sizes[] = {3, 6};
    float x[9 * CHANNELS], shorter[9][6], longer[9][6];
    struct session s;
    const struct tuff_sizes_params params = {.struct_size = sizeof params, .build = sequences, .sizes = sizes, .count = 2};
    for (int i = 0; i < 9 * CHANNELS; i++) x[i] = (float)(i * 7 % 11) / 11 - 0.5f;
    if (begin(test, &s, &params)) {
        run(test, &s, 3, x, CHANNELS, shorter[0], 6);
        const uint32_t before = pipelines_of(test->device);
        run(test, &s, 9, x, CHANNELS, longer[0], 6);
        expect_near(test, "3 rows and the first of 9", shorter[0], longer[0], 3 * 6);
        backend_check(test, !tuff_glslang() || pipelines_of(test->device) == before, "a longer sequence made %u pipelines",
                      (unsigned)(pipelines_of(test->device) - before));
    }
    end(&s);
}

/* ---- times ------------------------------------------------------------------------------------------------------------------------- */

static void build_net(struct tuff_graph *g, struct tuff_sized *part, void *user)
{
    const struct zoo_net *net = user;
    struct zoo_build b = {.g = g};
    struct tuff_shape shape = {.rank = net->sample.shape.rank + 1, .dim = {part->size}};
    char name[32];
    for (uint32_t i = 1; i < shape.rank; i++) shape.dim[i] = net->sample.shape.dim[i - 1];
    snprintf(name, sizeof name, "x/%u", (unsigned)part->size);
    part->inputs[0] = tuff_input(g, name, net->sample.dtype, shape);
    part->outputs[0] = net->build(&b, part->inputs[0]);
    part->output_count = 1;
}

static int print_times(struct backend_test *test, const struct zoo_net *net, char **sizes, int count)
{
    struct session s;
    struct tuff_error error = {0};
    const struct tuff_sized *part;
    const struct tuff_sizes_params params = {
        .struct_size = sizeof params, .build = build_net, .user = (void *)(uintptr_t)net};
    if (!begin(test, &s, &params)) return 1;
    for (int i = 0; i < count; i++) {
        const uint32_t before = pipelines_of(test->device);
        const uint64_t began = tuff_os_time_ns();
        const clock_t cpu = clock();
        if (!backend_status(test, sizes[i], TUFF_OK, tuff_sizes_get(s.sizes, (uint32_t)atoi(sizes[i]), &part, &error),
                            &error))
            break;
        printf("%s, batch %s: %.2f ms, %.2f ms of processor time, %u pipelines made\n", net->name, sizes[i],
               (double)(tuff_os_time_ns() - began) / 1e6, (double)(clock() - cpu) * 1e3 / CLOCKS_PER_SEC,
               (unsigned)(pipelines_of(test->device) - before));
    }
    end(&s);
    return backend_test_end(test, "session_sizes");
}

int main(int argc, char **argv)
{
    struct backend_test test;
    int code = backend_test_begin(&test, NULL);
    if (code) return code;
    const struct zoo_net *net = argc > 2 ? zoo_net_find(argv[1]) : NULL;
    if (argc > 2 && !net) printf("there is no net %s\n", argv[1]);
    if (net) return print_times(&test, net, argv + 2, argc - 2);
    test_batches(&test);
    test_lengths(&test);
    return backend_test_end(&test, "session_sizes");
}
