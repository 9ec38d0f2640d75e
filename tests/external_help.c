/* external_help.c - see external_help.h. */
#include "tests/external_help.h"

#include <stdlib.h>

bool external_net_open(struct external_net *net, struct backend_test *test, struct tuff_device *device)
{
    struct tuff_error error = {0};
    *net = (struct external_net){0};
    tuff_status status = tuff_graph_create(test->context, &net->graph, &error);
    if (status == TUFF_OK) {
        tuff_val x = tuff_input(net->graph, "x", TUFF_F32, TUFF_SHAPE(EXTERNAL_COUNT));
        tuff_val y = tuff_add(net->graph, tuff_mul(net->graph, x, tuff_scalar(net->graph, 2)), tuff_scalar(net->graph, 1));
        struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
        status = tuff_session_create(device, net->graph, NULL, &net->session, &error);
        if (status == TUFF_OK) status = tuff_session_compile(net->session, &params, &net->run, &error);
    }
    if (backend_status(test, "network", TUFF_OK, status, &error)) return true;
    external_net_close(net);
    return false;
}

void external_net_close(struct external_net *net)
{
    tuff_executable_destroy(net->run);
    tuff_session_destroy(net->session);
    tuff_graph_destroy(net->graph);
}

tuff_status external_net_run(struct external_net *net, struct tuff_buffer *x, struct tuff_buffer *y,
                             struct tuff_error *error)
{
    TUFF_TRY(tuff_executable_set_buffer(net->run, "x", x, 0, NULL, error));
    TUFF_TRY(tuff_executable_submit(net->run, NULL, error));
    return tuff_executable_get_buffer(net->run, "output0", y, 0, NULL, error);
}

static bool offers(struct tuff_device *device, enum tuff_handle_kind kind, enum tuff_handle_use use)
{
    return tuff_vulkan_offers(device, kind, use, NULL) == TUFF_OK;
}

/* Waits, so that nothing is deferred, and no list of that made, by what is released behind this. */
static tuff_status settle(struct tuff_device *device, tuff_status status, struct tuff_error *error)
{
    bool good = status == TUFF_OK;
    tuff_status waited = tuff_device_wait(device, atomic_load(&device->queue.submitted), UINT64_MAX, good ? error : NULL);
    tuff_queue_collect(device);
    return good ? waited : status;
}

static tuff_status exchange_memory(struct tuff_device *device, struct tuff_error *error)
{
    struct tuff_handle handle = {.fd = -1};
    struct tuff_buffer *own = NULL, *taken = NULL;
    uint32_t words[4] = {1, 2, 3, 4}, back[4] = {0};
    tuff_status status = tuff_vulkan_memory_create(device, sizeof words, TUFF_HANDLE_FD, "own", &own, error);
    if (status == TUFF_OK) status = tuff_vulkan_memory_export(own, &handle, error);
    if (status == TUFF_OK) status = tuff_vulkan_memory_import(device, &handle, "taken", &taken, error);
    tuff_os_descriptor_close(handle.fd); /* -1 where it was taken */
    if (status == TUFF_OK) status = tuff_buffer_write(own, 0, words, sizeof words, error);
    if (status == TUFF_OK) status = tuff_buffer_read(taken, 0, back, sizeof back, error);
    if (status == TUFF_OK && memcmp(words, back, sizeof words) != 0) status = TUFF_ERR_WRONG;
    status = settle(device, status, error);
    tuff_buffer_release(taken);
    tuff_buffer_release(own);
    return status;
}

static tuff_status exchange_pointer(struct tuff_device *device, struct tuff_error *error)
{
    unsigned char *memory = malloc(2 * EXTERNAL_UNIT);
    struct tuff_buffer *taken = NULL, *own = NULL;
    if (!memory) abort();
    uint32_t *at = (uint32_t *)(void *)(memory + EXTERNAL_UNIT - (uintptr_t)memory % EXTERNAL_UNIT), word = 0;
    struct tuff_handle handle = {.kind = TUFF_HANDLE_HOST_POINTER, .pointer = at, .bytes = EXTERNAL_UNIT};
    *at = 5;
    tuff_status status = tuff_vulkan_memory_import(device, &handle, NULL, &taken, error);
    if (status == TUFF_OK) status = tuff_buffer_create(device, 4, true, "own", &own, error);
    if (status == TUFF_OK)
        status = tuff_transfer_copy((struct tuff_transfer_range){taken, 0}, (struct tuff_transfer_range){own, 0}, 4, NULL,
                                    error);
    if (status == TUFF_OK) status = tuff_buffer_read(own, 0, &word, 4, error);
    if (status == TUFF_OK && word != 5) status = TUFF_ERR_WRONG;
    status = settle(device, status, error);
    tuff_buffer_release(taken);
    tuff_buffer_release(own);
    free(memory);
    return status;
}

static tuff_status exchange_semaphore(struct tuff_device *device, enum tuff_handle_kind kind, struct tuff_error *error)
{
    struct tuff_handle handle = {.fd = -1};
    VkSemaphore own = VK_NULL_HANDLE, taken = VK_NULL_HANDLE;
    tuff_status status = tuff_vulkan_semaphore_create(device, kind, false, &own, error);
    if (status == TUFF_OK) status = tuff_vulkan_signal(device, own, 0, NULL, error);
    if (status == TUFF_OK) status = tuff_vulkan_semaphore_export(device, own, kind, false, &handle, error);
    if (status == TUFF_OK) status = tuff_vulkan_semaphore_import(device, &handle, &taken, error);
    tuff_os_descriptor_close(handle.fd);
    if (status == TUFF_OK) status = tuff_vulkan_wait(device, taken, 0, NULL, error);
    status = settle(device, status, error);
    tuff_vulkan_semaphore_destroy(device, own);
    tuff_vulkan_semaphore_destroy(device, taken);
    return status;
}

tuff_status external_exchange(struct tuff_device *device, struct tuff_error *error)
{
    int before = tuff_os_descriptor_copy(0), after; /* the lowest that is free */
    tuff_status status = TUFF_OK;
    tuff_os_descriptor_close(before);
    if (offers(device, TUFF_HANDLE_FD, TUFF_IMPORTS_MEMORY)) status = exchange_memory(device, error);
    if (status == TUFF_OK && offers(device, TUFF_HANDLE_HOST_POINTER, TUFF_IMPORTS_MEMORY))
        status = exchange_pointer(device, error);
    const enum tuff_handle_kind kinds[] = {TUFF_HANDLE_FD, TUFF_HANDLE_SYNC_FD};
    for (int i = 0; i < 2 && status == TUFF_OK; i++)
        if (offers(device, kinds[i], TUFF_EXPORTS_SEMAPHORE)) status = exchange_semaphore(device, kinds[i], error);
    /* A thread of the driver may have one open for a moment: its cache's file, or what a semaphore waited for. A leak stays. */
    uint64_t end = tuff_os_time_ns() + 2000000000u;
    do tuff_os_descriptor_close(after = tuff_os_descriptor_copy(0));
    while (after > before && tuff_os_time_ns() < end);
    return after <= before ? status : TUFF_ERR_WRONG;
}

const char *external_kind_name(enum tuff_handle_kind kind)
{
    static const char *const names[] = {
        "none", "file descriptors", "dma-buf", "Win32 handles", "host pointers", "AHardwareBuffer", "sync file descriptors"};
    return names[kind];
}
