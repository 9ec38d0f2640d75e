/* session_submissions.c - tuff_options.submission_ms: a run is cut into more submissions, by the estimate and after it was measured, and gives the same
 * bits; what no number of milliseconds can be is refused. */
#include "tests/backend_help.h"

#include "backend/backend.h"
#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 384, LAYERS = 6, RUNS = 3 };

struct outcome {
    uint32_t estimated, first, last; /* submissions: planned, of the first run, of the last one */
    float *y[RUNS];                  /* [owned] */
};

static void must(tuff_status status, const struct tuff_error *error)
{
    if (status == TUFF_OK) return;
    printf("session_submissions: expected ok, got %s\n", error->message);
    exit(1);
}

static void run(struct backend_test *test, uint32_t ms, struct outcome *out)
{
    struct tuff_options options = {.struct_size = sizeof options};
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    struct tuff_error error = {0};
    static float input[SIDE * SIDE];
    tuff_options_from_env(&options);
    options.submission_ms = ms;
    must(tuff_context_create(&options, &context, &error), &error);
    must(tuff_device_create(context, NULL, &device, &error), &error);
    must(tuff_graph_create(context, &g, &error), &error);
    tuff_val in = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(SIDE, SIDE)), y = in;
    for (uint32_t i = 0; i < LAYERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%u", (unsigned)i);
        const tuff_val w = tuff_param(g, name, TUFF_SHAPE(SIDE, SIDE), (struct tuff_init){.kind = TUFF_INIT_XAVIER_UNIFORM});
        y = tuff_tanh(g, tuff_matmul(g, y, w, (struct tuff_matmul_params){0}));
    }
    must(tuff_session_create(device, g, NULL, &session, &error), &error);
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
    must(tuff_session_compile(session, &params, &x, &error), &error);
    for (uint32_t i = 0; i < SIDE * SIDE; i++) input[i] = (float)((i * 7919u) % 1000u) * 0.002f - 1;
    must(tuff_executable_write(x, in, input, sizeof input, &error), &error);
    out->estimated = tuff_executable_figures(x).submissions;
    out->first = tuff_program_counts(tuff_executable_program(x)).submissions;
    for (int i = 0; i < RUNS; i++) {
        out->y[i] = malloc(sizeof input);
        must(tuff_executable_run(x, &error), &error);
        must(tuff_executable_read(x, 0, out->y[i], sizeof input, &error), &error);
        backend_check(test, !memcmp(out->y[0], out->y[i], sizeof input), "%u ms: run %d has other bits", (unsigned)ms, i);
    }
    out->last = tuff_program_counts(tuff_executable_program(x)).submissions;
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    tuff_device_release(device);
    tuff_context_destroy(context);
}

int main(void)
{
    struct backend_test test;
    struct outcome usual = {0}, short_ones = {0};
    int skip = backend_test_begin(&test, NULL);
    if (skip) return skip;
    run(&test, 0, &usual);
    run(&test, 1, &short_ones);
    printf("submissions: usual %u, %u, %u; of a millisecond %u, %u, %u\n", usual.estimated, usual.first, usual.last,
           short_ones.estimated, short_ones.first, short_ones.last);
    backend_check(&test, short_ones.estimated > usual.estimated && short_ones.first > usual.first,
                  "a millisecond: expected more submissions than %u, got %u", usual.estimated, short_ones.estimated);
    backend_check(&test, short_ones.last >= LAYERS, "measured: expected a submission a product or more, got %u",
                  short_ones.last);
    backend_check(&test, !memcmp(usual.y[0], short_ones.y[0], sizeof(float) * SIDE * SIDE), "other bits than usual");
    struct tuff_options options = {.struct_size = sizeof options, .submission_ms = 10001};
    struct tuff_context *context = NULL;
    struct tuff_error error = {0};
    backend_status(&test, "10001 ms", TUFF_ERR_USAGE, tuff_context_create(&options, &context, &error), &error);
    for (int i = 0; i < RUNS; i++) {
        free(usual.y[i]);
        free(short_ones.y[i]);
    }
    return backend_test_end(&test, "session_submissions");
}
