/* Memory that others have, too: one device stands for a camera, another device (it may be another process, of this driver) runs a network on
 * what the camera writes. Its answer goes into memory of the app's own, which the app reads where it is. No byte goes through a copy
 * on the host. */
#include <stdint.h>
#include <stdio.h>
#include <tuff/tuff.h>
#include <tuff/vulkan.h>
#define TRY(call) if (call) return printf("%s: %s\n", tuff_status_name(error.status), error.message), 1

enum { SIDE = 16, BYTES = SIDE * SIDE * 4, PAGE = 65536 }; /* PAGE: a multiple of every minImportedHostPointerAlignment known */

int main(void)
{
    static unsigned char own[2 * PAGE];
    float *edges = (float *)(void *)(own + PAGE - (uintptr_t)own % PAGE), picture[SIDE * SIDE];
    const float across[2] = {-1, 1};
    struct tuff_error error = {0};
    struct tuff_context *context;
    struct tuff_device *camera, *device;
    struct tuff_buffer *written, *frame, *answer;
    struct tuff_handle handle;
    struct tuff_graph *graph;
    struct tuff_session *session;
    struct tuff_executable *run;
    TRY(tuff_context_create(NULL, &context, &error));
    TRY(tuff_device_create(context, NULL, &camera, &error));
    TRY(tuff_device_create(context, NULL, &device, &error));

    /* The camera's memory, and the same memory for the network's device. Who has it from another process gets handle and descriptor by
     * a socket (SCM_RIGHTS); semaphores go the same way (tuff_vulkan_semaphore_export). */
    if (tuff_vulkan_offers(camera, TUFF_HANDLE_FD, TUFF_EXPORTS_MEMORY, &error) ||
        tuff_vulkan_offers(device, TUFF_HANDLE_HOST_POINTER, TUFF_IMPORTS_MEMORY, &error))
        return printf("not here: %s\n", error.message), 0;
    TRY(tuff_vulkan_memory_create(camera, BYTES, TUFF_HANDLE_FD, "camera", &written, &error));
    TRY(tuff_vulkan_memory_export(written, &handle, &error));
    TRY(tuff_vulkan_memory_import(device, &handle, "frame", &frame, &error)); /* the descriptor is taken */
    handle = (struct tuff_handle){.kind = TUFF_HANDLE_HOST_POINTER, .pointer = edges, .bytes = PAGE};
    TRY(tuff_vulkan_memory_import(device, &handle, "answer", &answer, &error));

    TRY(tuff_graph_create(context, &graph, &error));
    tuff_val x = tuff_input(graph, "x", TUFF_F32, TUFF_SHAPE(1, 1, SIDE, SIDE));
    tuff_val kernel = tuff_constant(graph, (struct tuff_type){TUFF_F32, TUFF_SHAPE(1, 1, 1, 2)}, across);
    tuff_val y = tuff_conv2d(graph, x, kernel, 0, (struct tuff_conv2d_params){0});
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
    TRY(tuff_session_create(device, graph, NULL, &session, &error));
    TRY(tuff_session_compile(session, &params, &run, &error));

    int wrong = 0;
    for (int step = 1; step < 6; step++) {
        uint64_t ticket;
        for (int i = 0; i < SIDE * SIDE; i++) picture[i] = i % SIDE >= 2 * step ? 1.0f : 0.0f;
        TRY(tuff_buffer_write(written, 0, picture, BYTES, &error));
        TRY(tuff_buffer_read(written, 0, picture, BYTES, &error)); /* waits until it is written: without semaphores the host orders the two */
        TRY(tuff_executable_set_buffer(run, "x", frame, 0, NULL, &error));
        TRY(tuff_executable_submit(run, NULL, &error));
        TRY(tuff_executable_get_buffer(run, "output0", answer, 0, &ticket, &error));
        TRY(tuff_device_wait(device, ticket, UINT64_MAX, &error));
        for (int i = 0; i < SIDE * (SIDE - 1); i++) wrong += edges[i] != (i % (SIDE - 1) == 2 * step - 1 ? 1.0f : 0.0f);
    }
    printf("5 frames of the camera's memory, %d wrong elements in the app's\n", wrong);
    tuff_executable_destroy(run);
    tuff_session_destroy(session);
    tuff_graph_destroy(graph);
    tuff_buffer_release(answer);
    tuff_buffer_release(frame);
    tuff_buffer_release(written);
    tuff_device_release(device);
    tuff_device_release(camera);
    tuff_context_destroy(context);
    return wrong > 0;
}
