/* backend_failure.c - the n-th allocation fails, for every n: a device with its buffers is there whole or not at all, with
 * TUFF_ERR_MEMORY, and nothing leaks. */
#include "tests/backend_help.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_ALLOCATIONS 10000 /* more would be an endless loop */

/* One thread at a time: nothing here starts others. */
struct counter {
    long made, live, fail_at;
    bool failed;
};

static bool fails(struct counter *counter)
{
    bool now = ++counter->made == counter->fail_at;
    counter->failed = counter->failed || now;
    return now;
}

static void *allocate(void *user, size_t bytes)
{
    struct counter *counter = user;
    if (fails(counter)) return NULL;
    counter->live++;
    return malloc(bytes);
}

static void *reallocate(void *user, void *old, size_t bytes)
{
    struct counter *counter = user;
    if (fails(counter)) return NULL;
    counter->live += !old;
    return realloc(old, bytes);
}

static void release(void *user, void *memory)
{
    struct counter *counter = user;
    counter->live -= memory != NULL;
    free(memory);
}

/* One life from context to buffer, through the staging ring as well. */
static tuff_status live(struct tuff_options *options, struct tuff_error *error)
{
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_buffer *buffer = NULL;
    struct tuff_caps caps[4] = {{.struct_size = sizeof caps[0]}};
    uint32_t count = TUFF_COUNT(caps), words[4] = {1, 2, 3, 4}, back[4] = {0};
    TUFF_TRY(tuff_context_create(options, &context, error));
    tuff_status status = tuff_device_list(context, caps, &count, error);
    if (status == TUFF_OK) status = tuff_device_create(context, NULL, &device, error);
    if (status == TUFF_OK) status = tuff_buffer_create(device, sizeof words, true, "words", &buffer, error);
    if (status == TUFF_OK) status = tuff_transfer_write(buffer, 0, words, sizeof words, error);
    if (status == TUFF_OK) status = tuff_transfer_read(buffer, 0, back, sizeof back, error);
    if (status == TUFF_OK && memcmp(words, back, sizeof words)) status = TUFF_ERR_DRIVER;
    tuff_buffer_release(buffer);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return status;
}

static void test_allocations(struct backend_test *test)
{
    struct tuff_options options = test->context->options;
    struct counter counter = {0};
    options.allocator = (struct tuff_allocator){&counter, allocate, reallocate, release};
    options.log = NULL;
    options.cache_dir = "";
    do {
        struct tuff_error error = {0};
        counter = (struct counter){.fail_at = counter.fail_at + 1};
        tuff_status status = live(&options, &error);
        bool expected = status == TUFF_OK || (counter.failed && status == TUFF_ERR_MEMORY);
        backend_check(test, expected, "allocation %ld fails: expected TUFF_ERR_MEMORY or none, got %s: %s", counter.fail_at,
                      tuff_status_name(status), error.message);
        backend_check(test, !counter.live, "allocation %ld fails: expected no leak, got %ld", counter.fail_at, counter.live);
    } while (counter.failed && counter.fail_at < MOST_ALLOCATIONS);
    backend_check(test, counter.fail_at > 10 && !counter.failed, "expected an end after more than 10 allocations, got %ld",
                  counter.fail_at);
}

int main(void)
{
    struct backend_test test;
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    test_allocations(&test);
    return backend_test_end(&test, "backend_failure");
}
