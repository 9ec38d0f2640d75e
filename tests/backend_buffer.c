/* backend_buffer.c - buffers: fresh contents, ranges, order of writes and reads, memory that is handed out in pieces and given
 * back, limits with their figures; with mapped memory and, where a device has none, through the staging ring. */
#include "tests/backend_help.h"

#include <stdio.h>
#include <stdlib.h>

static void test_contents(struct backend_test *test)
{
    struct tuff_buffer *buffer = NULL;
    struct tuff_error error = {0};
    uint32_t words[64];
    memset(words, 1, sizeof words);
    if (!backend_status(test, "create", TUFF_OK,
                        tuff_buffer_create(test->device, sizeof words, true, "fresh", &buffer, &error), &error))
        return;
    backend_status(test, "read", TUFF_OK, tuff_buffer_read(buffer, 0, words, sizeof words, &error), &error);
    for (int i = 0; i < 64; i++) backend_check(test, words[i] == 0, "fresh word %d: expected 0, got %u", i, words[i]);
    for (uint32_t i = 0; i < 64; i++) words[i] = i;
    backend_status(test, "write", TUFF_OK, tuff_buffer_write(buffer, 4, words, 128, &error), &error);
    memset(words, 0, sizeof words);
    backend_status(test, "read back", TUFF_OK, tuff_buffer_read(buffer, 0, words, sizeof words, &error), &error);
    backend_check(test, words[0] == 0 && words[1] == 0 && words[2] == 1 && words[32] == 31 && words[33] == 0,
                  "write at 4: expected 0 0 1 .. 31 0, got %u %u %u .. %u %u", words[0], words[1], words[2], words[32],
                  words[33]);
    test->quiet = true;
    backend_status(test, "odd offset", TUFF_ERR_USAGE, tuff_buffer_write(buffer, 2, words, 4, &error), &error);
    backend_status(test, "odd size", TUFF_ERR_USAGE, tuff_buffer_read(buffer, 0, words, 3, &error), &error);
    backend_status(test, "beyond the end", TUFF_ERR_USAGE, tuff_buffer_write(buffer, 252, words, 8, &error), &error);
    backend_status(test, "far beyond", TUFF_ERR_USAGE, tuff_buffer_write(buffer, UINT64_MAX - 3, words, 8, &error), &error);
    test->quiet = false;
    tuff_buffer_release(buffer);
}

/* Zeros where they are asked for, in memory that held something else. */
static void test_used_memory(struct backend_test *test)
{
    struct tuff_buffer *keeps_block = NULL, *buffer = NULL;
    struct tuff_error error = {0};
    uint32_t words[64], wrong = 0;
    memset(words, 1, sizeof words);
    tuff_status status = tuff_buffer_create(test->device, sizeof words, true, "keeps the block", &keeps_block, &error);
    if (status == TUFF_OK) status = tuff_buffer_create(test->device, sizeof words, false, "written", &buffer, &error);
    if (status == TUFF_OK) status = tuff_buffer_write(buffer, 0, words, sizeof words, &error);
    tuff_buffer_release(buffer);
    buffer = NULL;
    if (status == TUFF_OK) status = tuff_buffer_create(test->device, sizeof words, true, "zeros", &buffer, &error);
    if (status == TUFF_OK) status = tuff_buffer_read(buffer, 0, words, sizeof words, &error);
    backend_status(test, "used memory", TUFF_OK, status, &error);
    for (int i = 0; i < 64; i++) wrong += words[i] != 0;
    backend_check(test, !wrong, "%u of 64 words of used memory are not zero", (unsigned)wrong);
    tuff_buffer_release(buffer);
    tuff_buffer_release(keeps_block);
}

/* Larger than the staging ring, straight through transfer.c, whether or not the memory is mapped. */
static void test_ring(struct backend_test *test)
{
    const uint64_t count = (UINT64_C(21) << 20) / 4 + 17;
    struct tuff_buffer *buffer = NULL;
    struct tuff_error error = {0};
    uint32_t *sent = malloc(count * 4), *got = calloc(count, 4);
    uint64_t wrong = 0;
    if (!sent || !got) exit(1);
    for (uint64_t i = 0; i < count; i++) sent[i] = (uint32_t)(i * 2654435761u);
    if (backend_status(test, "create", TUFF_OK, tuff_buffer_create(test->device, count * 4, false, "ring", &buffer, &error),
                       &error)) {
        backend_status(test, "fill", TUFF_OK, tuff_transfer_fill(buffer, 0xabcdef01, &error), &error);
        backend_status(test, "fetch", TUFF_OK, tuff_transfer_read(buffer, 0, got, count * 4, &error), &error);
        for (uint64_t i = 0; i < count; i++) wrong += got[i] != 0xabcdef01;
        backend_check(test, !wrong, "fill: expected every word, got %llu wrong", (unsigned long long)wrong);
        backend_status(test, "write", TUFF_OK, tuff_transfer_write(buffer, 0, sent, count * 4, &error), &error);
        backend_status(test, "read", TUFF_OK, tuff_buffer_read(buffer, 0, got, count * 4, &error), &error);
        for (uint64_t i = wrong = 0; i < count; i++) wrong += got[i] != sent[i];
        backend_check(test, !wrong, "ring write: expected every word, got %llu wrong", (unsigned long long)wrong);
        uint64_t whole = UINT64_C(20) << 20, before = atomic_load(&test->device->queue.submitted); /* of pieces */
        backend_status(test, "whole pieces", TUFF_OK, tuff_transfer_write(buffer, 0, sent, whole, &error), &error);
        uint64_t pieces = atomic_load(&test->device->queue.submitted) - before;
        backend_status(test, "and a word", TUFF_OK, tuff_transfer_write(buffer, 0, sent, whole + 4, &error), &error);
        uint64_t more = atomic_load(&test->device->queue.submitted) - before - pieces;
        backend_check(test, more == pieces + 1, "a word more than whole pieces is one submission more, not %llu, %llu",
                      (unsigned long long)pieces, (unsigned long long)more);
        backend_status(test, "write behind", TUFF_OK, tuff_transfer_write(buffer, 0, got + 1, 4096, &error), &error);
        backend_status(test, "write directly", TUFF_OK, tuff_buffer_write(buffer, 4, sent, 4, &error), &error);
        backend_status(test, "read", TUFF_OK, tuff_buffer_read(buffer, 0, got, 8, &error), &error);
        backend_check(test, got[0] == sent[1] && got[1] == sent[0], "order: expected %u %u, got %u %u", sent[1], sent[0],
                      got[0], got[1]);
    }
    tuff_buffer_release(buffer);
    free(sent);
    free(got);
}

static void test_pieces(struct backend_test *test)
{
    enum { COUNT = 200 };
    struct tuff_buffer *buffers[COUNT] = {0};
    struct tuff_error error = {0};
    uint64_t before = 0, during = 0, after = 0;
    uint32_t random = 1, wrong = 0;
    tuff_device_memory(test->device, &before, NULL);
    for (int round = 0; round < 3000; round++) {
        random = random * 1664525u + 1013904223u; /* Numerical Recipes */
        uint32_t at = (random >> 8) % COUNT, word = 0;
        if (buffers[at]) {
            if (tuff_buffer_read(buffers[at], 0, &word, 4, &error) != TUFF_OK || word != at) wrong++;
            tuff_buffer_release(buffers[at]);
            buffers[at] = NULL;
        } else if (tuff_buffer_create(test->device, 4 + (random >> 16) % 30000, false, "piece", &buffers[at], &error) !=
                       TUFF_OK ||
                   tuff_buffer_write(buffers[at], 0, &at, 4, &error) != TUFF_OK) {
            wrong++;
        }
    }
    tuff_device_memory(test->device, &during, NULL);
    for (int i = 0; i < COUNT; i++) tuff_buffer_release(buffers[i]);
    tuff_queue_collect(test->device);
    tuff_device_memory(test->device, &after, NULL);
    backend_check(test, !wrong, "pieces: expected each to hold its own, got %u wrong (%s)", wrong, error.message);
    backend_check(test, after <= before && during > 0, "given back: expected %llu bytes, got %llu",
                  (unsigned long long)before, (unsigned long long)after);
}

static void test_limits(struct backend_test *test)
{
    const struct tuff_caps *caps = tuff_device_caps(test->device);
    struct tuff_buffer *buffer = NULL;
    struct tuff_error error = {0};
    test->quiet = true;
    tuff_status status = tuff_buffer_create(test->device, caps->max_allocation_bytes + 4096, false, "huge", &buffer, &error);
    backend_check(test, status == TUFF_ERR_DEVICE_MEMORY && strstr(error.message, "huge"),
                  "too large: expected TUFF_ERR_DEVICE_MEMORY with the label, got %s: %s", tuff_status_name(status),
                  error.message);
    backend_status(test, "empty", TUFF_ERR_USAGE, tuff_buffer_create(test->device, 0, false, "none", &buffer, &error),
                   &error);
    test->quiet = false;
}

/* ---- a fence that a thread waits on --------------------------------------------------------------------------------------------- */

static struct {
    struct backend_test *test;
    PFN_vkWaitForFences wait; /* the driver's */
    uint32_t nested, kept;
} waiting;

static tuff_status touch(struct tuff_device *device, uint64_t *ticket)
{
    struct tuff_error error = {0};
    struct tuff_buffer *buffer = NULL;
    uint32_t word = 1;
    tuff_status status = tuff_buffer_create(device, sizeof word, false, "word", &buffer, &error);
    if (status == TUFF_OK) status = tuff_transfer_write(buffer, 0, &word, sizeof word, &error);
    *ticket = atomic_load(&device->queue.submitted);
    tuff_buffer_release(buffer);
    return status;
}

/* Another thread submits when the fence has signalled, and before the one that waits has seen it: it must be left as it is. */
static VKAPI_ATTR VkResult VKAPI_CALL wait_and_submit(VkDevice handle, uint32_t count, const VkFence *fences, VkBool32 all,
                                                      uint64_t timeout)
{
    struct tuff_device *device = waiting.test->device;
    VkResult result = waiting.wait(handle, count, fences, all, timeout);
    if (waiting.nested++) return result;
    uint64_t ticket = 0;
    backend_check(waiting.test, touch(device, &ticket) == TUFF_OK, "a submission beside a wait failed");
    waiting.kept += device->vk.vkGetFenceStatus(handle, fences[0]) == VK_SUCCESS;
    for (uint32_t i = 0; i < device->queue.fence_count; i++) /* nor stands it for the later one */
        waiting.kept += device->queue.fences[i].handle == fences[0] && device->queue.fences[i].ticket < ticket;
    return result;
}

static void test_waiter(struct backend_test *test)
{
    struct tuff_device *device = test->device;
    struct tuff_error error = {0};
    uint64_t ticket = 0;
    waiting.test = test;
    waiting.wait = device->vk.vkWaitForFences;
    device->vk.vkWaitForFences = wait_and_submit;
    for (int i = 0; i < 1000 && !waiting.nested; i++) { /* what is done before it is waited for needs no fence */
        if (!backend_check(test, touch(device, &ticket) == TUFF_OK, "a submission failed")) break;
        backend_status(test, "wait", TUFF_OK, tuff_device_wait(device, ticket, UINT64_MAX, &error), &error);
    }
    device->vk.vkWaitForFences = waiting.wait;
    backend_check(test, waiting.nested > 0 && waiting.kept == 2, "a fence that is waited on was taken (%u, %u)",
                  waiting.nested, waiting.kept);
}

/* Who retains releases: the buffer and its device last until the last of them has. */
static void test_references(struct backend_test *test)
{
    struct tuff_buffer *buffer = NULL;
    struct tuff_error error = {0};
    uint32_t word = 7, got = 0;
    uint64_t before, with, after;
    tuff_queue_collect(test->device);
    tuff_device_memory(test->device, &before, NULL);
    backend_status(test, "held", TUFF_OK, tuff_buffer_create(test->device, 4 << 20, false, "held", &buffer, &error), &error);
    tuff_buffer_retain(buffer);
    tuff_device_retain(test->device);
    tuff_device_release(test->device);
    tuff_buffer_release(buffer);
    tuff_queue_collect(test->device);
    tuff_device_memory(test->device, &with, NULL);
    backend_status(test, "write", TUFF_OK, tuff_buffer_write(buffer, 0, &word, sizeof word, &error), &error);
    backend_status(test, "read", TUFF_OK, tuff_buffer_read(buffer, 0, &got, sizeof got, &error), &error);
    tuff_buffer_release(buffer);
    tuff_queue_collect(test->device);
    tuff_device_memory(test->device, &after, NULL);
    backend_check(test, got == word && with > before && after <= before,
                  "a buffer that is held: read %u; %llu bytes before, %llu with it, %llu after", got,
                  (unsigned long long)before, (unsigned long long)with, (unsigned long long)after);
}

static void test_all(struct backend_test *test)
{
    test_references(test);
    test_contents(test);
    test_used_memory(test);
    test_ring(test);
    test_pieces(test);
    test_limits(test);
}

int main(void)
{
    struct backend_test test;
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    test_all(&test);
    int failed = backend_test_end(&test, "backend_buffer");
    if (backend_test_begin(&test, NULL)) return 1;
    test.device->caps.unified_memory = false; /* as a discrete GPU: prefer memory that the host does not see */
    test_all(&test);
    failed |= backend_test_end(&test, "backend_buffer, discrete");
    struct tuff_options options = {.struct_size = sizeof options, .limits = "floor"};
    if (backend_test_begin(&test, &options)) return 1;
    test_all(&test);
    test_waiter(&test);
    return failed | backend_test_end(&test, "backend_buffer, fences");
}
