/* backend_failure.c - the n-th allocation fails, for every n: a device with its buffers is there whole or not at all, with
 * TUFF_ERR_MEMORY, and nothing leaks. A loss that polling meets is remembered. What the device is done with gives its memory
 * back at the next creation, also where nobody waited or polled. */
#include "tests/backend_help.h"
#include "tests/fault_help.h"

#define MOST_ALLOCATIONS 10000 /* more would be an endless loop */

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
    struct fault_memory memory = {0};
    struct tuff_options options = fault_options(&memory);
    long n = 0;
    options.cache_dir = "";
    do {
        struct tuff_error error = {0};
        fault_memory_arm(&memory, ++n);
        tuff_status status = live(&options, &error);
        bool expected = status == TUFF_OK || (memory.failed && status == TUFF_ERR_MEMORY);
        backend_check(test, expected, "allocation %ld fails: expected TUFF_ERR_MEMORY or none, got %s: %s", n,
                      tuff_status_name(status), error.message);
        backend_check(test, !memory.live, "allocation %ld fails: expected no leak, got %ld", n, (long)memory.live);
    } while (memory.failed && n < MOST_ALLOCATIONS);
    backend_check(test, n > 10 && !memory.failed, "expected an end after more than 10 allocations, got %ld", n);
    backend_check(test, !memory.messages, "expected silence of validation, got %u messages", (unsigned)memory.messages);
}

/* The driver's own counter tells that the fill is done; the library is not asked. */
static void wait_aside(struct tuff_device *device, uint64_t ticket)
{
    const uint64_t longest = tuff_os_time_ns() + UINT64_C(10000000000);
    uint64_t value = 0;
    while (value < ticket && tuff_os_time_ns() < longest)
        if (device->counter_value(device->handle, device->queue.timeline, &value) != VK_SUCCESS) return;
}

static void test_giving_back(struct backend_test *test)
{
    enum { BYTES = 48 << 20 }; /* an allocation of its own */
    struct tuff_buffer *large = NULL, *small = NULL;
    struct tuff_error error = {0};
    uint64_t bytes = 0;
    backend_status(test, "large", TUFF_OK, tuff_buffer_create(test->device, BYTES, false, "large", &large, &error), &error);
    if (!large) return;
    backend_status(test, "fill", TUFF_OK, tuff_transfer_fill(large, 1, &error), &error);
    uint64_t ticket = atomic_load(&large->last_use);
    tuff_buffer_release(large);
    if (test->device->queue.timeline) wait_aside(test->device, ticket);
    backend_status(test, "small", TUFF_OK, tuff_buffer_create(test->device, 4, false, "small", &small, &error), &error);
    tuff_device_memory(test->device, &bytes, NULL);
    if (test->device->queue.timeline)
        backend_check(test, bytes < BYTES || test->device->memory.allocation_count < 2,
                      "given back: expected less than %u bytes, got %llu", BYTES, (unsigned long long)bytes);
    tuff_buffer_release(small);
}

static VKAPI_ATTR VkResult VKAPI_CALL lose(VkDevice device, VkSemaphore semaphore, uint64_t *value)
{
    (void)device, (void)semaphore, (void)value;
    return VK_ERROR_DEVICE_LOST;
}

static void test_loss(struct backend_test *test)
{
    struct tuff_buffer *buffer = NULL;
    struct tuff_error error = {0};
    uint32_t word = 0;
    backend_status(test, "buffer", TUFF_OK, tuff_buffer_create(test->device, 64, true, "lost", &buffer, &error), &error);
    if (!buffer || !test->device->queue.timeline) {
        tuff_buffer_release(buffer);
        return;
    }
    backend_status(test, "fill", TUFF_OK, tuff_transfer_fill(buffer, 1, &error), &error);
    test->device->counter_value = lose;
    bool done = tuff_device_done(test->device, atomic_load(&buffer->last_use));
    test->quiet = true;
    backend_check(test, !done, "done: expected false on a lost device");
    backend_status(test, "read", TUFF_ERR_DEVICE_LOST, tuff_buffer_read(buffer, 0, &word, 4, &error), &error);
    backend_status(test, "write", TUFF_ERR_DEVICE_LOST, tuff_buffer_write(buffer, 0, &word, 4, &error), &error);
    test->quiet = false;
    (void)!test->device->vk.vkDeviceWaitIdle(test->device->handle); /* it is not lost in truth */
    tuff_buffer_release(buffer);
}

int main(void)
{
    struct backend_test test;
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    test_allocations(&test);
    test_giving_back(&test);
    test_loss(&test);
    return backend_test_end(&test, "backend_failure");
}
