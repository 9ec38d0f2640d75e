/* device_threads.c - one device that several threads use at once: each compiles, runs and reads plans of its own, and copies
 * through the one staging ring, while the others do the same; messages come from all of them. Every result is right, memory is
 * given back. For ThreadSanitizer above all (preset tsan). */
#include "tests/backend_help.h"

#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, ROUNDS = 6, N = 8, WORDS = 3 << 18 }; /* 3 MiB: pieces of the ring are shared */

struct work {
    struct tuff_device *device;
    struct tuff_os_thread *thread;
    unsigned number, wrong;
    tuff_status status;
    struct tuff_error error;
};

/* y = (x w) * number, or its sum: plans that threads share, and plans that they do not. */
static tuff_status run_plan(struct work *work, struct tuff_graph *g, uint32_t round)
{
    struct tuff_session *session = NULL;
    struct tuff_executable *executable = NULL;
    float x[N * N], y[N * N] = {0}, factor = (float)(work->number + 1);
    for (int i = 0; i < N * N; i++) x[i] = 1;
    tuff_val in = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(N, N));
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(N, N), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 1});
    tuff_val out = tuff_affine(g, tuff_matmul(g, in, w, (struct tuff_matmul_params){0}), round % 2 ? 1.0 : (double)factor,
                               0);
    struct tuff_executable_params what = {.struct_size = sizeof what, .outputs = &out, .output_count = 1};
    tuff_status status = tuff_session_create(work->device, g, NULL, &session, &work->error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &what, &executable, &work->error);
    if (status == TUFF_OK) status = tuff_executable_write(executable, in, x, sizeof x, &work->error);
    if (status == TUFF_OK) status = tuff_executable_run(executable, &work->error);
    if (status == TUFF_OK) status = tuff_executable_read(executable, 0, y, sizeof y, &work->error);
    for (int i = 0; status == TUFF_OK && i < N * N; i++) work->wrong += y[i] != (round % 2 ? N : N * factor);
    tuff_executable_destroy(executable);
    tuff_session_destroy(session);
    return status;
}

static tuff_status copy_words(struct work *work, uint32_t *words, uint32_t round)
{
    struct tuff_buffer *buffer = NULL;
    for (uint32_t i = 0; i < WORDS; i++) words[i] = i * 7 + work->number * 1000 + round;
    tuff_status status = tuff_buffer_create(work->device, WORDS * 4, true, "words", &buffer, &work->error);
    if (status == TUFF_OK) status = tuff_transfer_write(buffer, 0, words, WORDS * 4, &work->error);
    memset(words, 0, WORDS * 4);
    if (status == TUFF_OK) status = tuff_transfer_read(buffer, 0, words, WORDS * 4, &work->error);
    for (uint32_t i = 0; status == TUFF_OK && i < WORDS; i++) work->wrong += words[i] != i * 7 + work->number * 1000 + round;
    tuff_buffer_release(buffer);
    return status;
}

static void run(void *user)
{
    struct work *work = user;
    struct tuff_context *context = tuff_device_context(work->device);
    uint32_t *words = calloc(WORDS, sizeof *words);
    if (!words) exit(1);
    for (uint32_t round = 0; round < ROUNDS && work->status == TUFF_OK; round++) {
        struct tuff_graph *g = NULL;
        work->status = copy_words(work, words, round);
        if (work->status == TUFF_OK) work->status = tuff_graph_create(context, &g, &work->error);
        if (work->status == TUFF_OK) work->status = run_plan(work, g, round);
        tuff_graph_destroy(g);
        tuff_log_message(context, TUFF_LOG_INFO, "thread %u, round %u", work->number, (unsigned)round);
        if (round == ROUNDS / 2) tuff_device_flush_caches(work->device);
    }
    free(words);
}

static atomic_uint messages;

static void on_log(void *user, enum tuff_log_level level, const char *message)
{
    (void)user;
    if (!strncmp(message, "thread ", 7)) atomic_fetch_add(&messages, 1);
    if (level <= TUFF_LOG_WARNING) printf("log: %s\n", message);
}

int main(void)
{
    struct backend_test test = {0};
    struct tuff_options options = {.struct_size = sizeof options, .log = on_log, .log_level = TUFF_LOG_INFO};
    struct tuff_error error = {0};
    struct work works[THREADS];
    tuff_options_from_env(&options);
    if (tuff_context_create(&options, &test.context, &error) != TUFF_OK) return 1;
    tuff_status status = tuff_device_create(test.context, NULL, &test.device, &error);
    if (status != TUFF_OK) {
        tuff_context_destroy(test.context);
        printf("skipped: %s\n", error.message);
        return status == TUFF_ERR_NO_DEVICE ? 77 : 1;
    }
    for (unsigned i = 0; i < THREADS; i++) {
        works[i] = (struct work){.device = test.device, .number = i};
        backend_check(&test, tuff_os_thread_start(test.context, run, &works[i], &works[i].thread) == TUFF_OK,
                      "thread %u does not start", i);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        tuff_os_thread_join(works[i].thread);
        backend_status(&test, "a thread", TUFF_OK, works[i].status, &works[i].error);
        backend_check(&test, !works[i].wrong, "thread %u: %u wrong results", i, works[i].wrong);
    }
    backend_check(&test, messages == THREADS * ROUNDS, "expected %d messages, got %u", THREADS * ROUNDS, (unsigned)messages);
    return backend_test_end(&test, "device_threads");
}
