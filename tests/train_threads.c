/* train_threads.c - two contexts, each with a device of its own, train at once on two threads of one process; on two drivers
 * where there are two. Each ends with the very bits that it reaches alone. */
#include "tests/train_help.h"

#include "backend/os.h"

#include <stdio.h>
#include <stdlib.h>

struct work {
    const char *device;
    int outcome; /* of backend_test_begin */
    struct backend_test test;
    struct train_content content;
    double accuracy;
    char name[256];
};

/* All of it, from the context on, without caches: the compiler runs on both threads as well. */
static void train_once(void *user)
{
    struct work *work = user;
    struct tuff_options options = {.struct_size = sizeof options, .device = work->device, .cache_dir = ""};
    struct train t = {0};
    struct tuff_error error = {0};
    struct tuff_metrics metrics = {0};
    work->outcome = backend_test_begin(&work->test, &options);
    if (work->outcome) return;
    t.context = work->test.context;
    t.device = work->test.device;
    snprintf(work->name, sizeof work->name, "%s", tuff_device_caps(t.device)->name);
    tuff_status status = train_model(&t, &(struct train_params){.epochs = 8}, &error);
    if (status == TUFF_OK) status = train_fit(&t, &error);
    if (status == TUFF_OK) status = train_content(&t, &work->content, &error);
    if (status == TUFF_OK) status = tuff_model_evaluate(t.model, &t.data, &metrics, &error);
    backend_status(&work->test, work->name, TUFF_OK, status, &error);
    work->accuracy = tuff_metrics_get(&metrics, "accuracy");
    train_close_model(&t);
    work->outcome = backend_test_end(&work->test, work->name);
}

static bool at_once(struct work works[2])
{
    struct tuff_context *context = NULL;
    struct tuff_os_thread *threads[2] = {NULL, NULL};
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return false;
    bool started = tuff_os_thread_start(context, train_once, &works[0], &threads[0]) == TUFF_OK &&
                   tuff_os_thread_start(context, train_once, &works[1], &threads[1]) == TUFF_OK;
    for (int i = 0; i < 2; i++)
        if (threads[i]) tuff_os_thread_join(threads[i]);
    tuff_context_destroy(context);
    return started;
}

int main(void)
{
    struct backend_test test = {0};
    uint32_t count = 0;
    int outcome = backend_test_begin(&test, NULL);
    if (outcome) return outcome;
    backend_check(&test, tuff_device_list(test.context, NULL, &count, NULL) == TUFF_OK, "tuff_device_list failed");
    const char *const devices[2] = {"0", count > 1 ? "1" : "0"};
    struct work alone[2] = {{.device = devices[0]}, {.device = devices[1]}}, both[2] = {alone[0], alone[1]};
    for (int i = 0; i < 2; i++) train_once(&alone[i]);
    backend_check(&test, at_once(both), "a thread did not start");
    for (int i = 0; i < 2; i++) {
        backend_check(&test, !alone[i].outcome && !both[i].outcome, "outcomes: expected 0 and 0, got %d and %d",
                      alone[i].outcome, both[i].outcome);
        train_expect_same(&test, both[i].name, &alone[i].content, &both[i].content);
        backend_check(&test, alone[i].accuracy > 0.9 && both[i].accuracy == alone[i].accuracy,
                      "%s: accuracy: expected the same above 0.9, got %g alone and %g", both[i].name, alone[i].accuracy,
                      both[i].accuracy);
        free(alone[i].content.bytes);
        free(both[i].content.bytes);
    }
    if (!strcmp(both[0].name, both[1].name)) puts("train_threads: one device for both, there is no other driver");
    return backend_test_end(&test, "train_threads");
}
