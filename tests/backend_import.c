/* backend_import.c - a device of the app's own: its queue is used by both sides under the app's lock, only what the app enabled
 * is used, and nothing of the app is destroyed. */
#include "tests/backend_help.h"

#include "backend/vulkan.h"

#include <stdio.h>

#define WORDS 1024u

struct app {
    struct tuff_instance *instance; /* the test borrows Tuff's own opening of the loader; the device is its own */
    VkPhysicalDevice gpu;
    VkDevice device;
    VkQueue queue;
    uint32_t family;
    struct VolkDeviceTable vk;
    int held;
    unsigned locks, wrong;
};

static void lock_queue(void *user, uint32_t family, uint32_t index)
{
    struct app *app = user;
    if (app->held++ || family != app->family || index != 0) app->wrong++;
    app->locks++;
}

static void unlock_queue(void *user, uint32_t family, uint32_t index)
{
    struct app *app = user;
    if (--app->held || family != app->family || index != 0) app->wrong++;
}

static bool create_app(struct app *app, struct tuff_context *context, struct tuff_error *error)
{
    struct tuff_gpu *gpus = NULL;
    uint32_t count = 0;
    const float priority = 0.5f;
    if (tuff_instance_create(context, &app->instance, error) != TUFF_OK) return false;
    if (tuff_gpu_list(app->instance, &gpus, &count, error) != TUFF_OK) return false;
    app->gpu = gpus[0].handle;
    app->family = gpus[0].queue_family;
    tuff_free(context, gpus);
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = app->family,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, .queueCreateInfoCount = 1, .pQueueCreateInfos = &queue};
    if (app->instance->CreateDevice(app->gpu, &info, NULL, &app->device) != VK_SUCCESS) return false;
    tuff_volk_load_table(&app->vk, app->instance->GetDeviceProcAddr, app->device);
    app->vk.vkGetDeviceQueue(app->device, app->family, 0, &app->queue);
    return true;
}

/* The app fills Tuff's buffer by a submission of its own, with the barrier that is its to record. */
static bool app_fills(struct app *app, VkBuffer buffer, uint32_t word)
{
    VkCommandPool pool;
    VkCommandBuffer commands;
    VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                         .queueFamilyIndex = app->family};
    if (app->vk.vkCreateCommandPool(app->device, &pool_info, NULL, &pool) != VK_SUCCESS) return false;
    VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                        .commandPool = pool,
                                        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                        .commandBufferCount = 1};
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT | VK_ACCESS_SHADER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT | VK_ACCESS_HOST_READ_BIT};
    VkMemoryBarrier before = barrier;
    before.dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
    VkPipelineStageFlags device_stages = VK_PIPELINE_STAGE_TRANSFER_BIT | VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
    bool done = app->vk.vkAllocateCommandBuffers(app->device, &info, &commands) == VK_SUCCESS;
    if (done) {
        VkSubmitInfo submit = {
            .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands};
        app->vk.vkBeginCommandBuffer(commands, &begin);
        app->vk.vkCmdPipelineBarrier(commands, device_stages, device_stages, 0, 1, &before, 0, NULL, 0, NULL);
        app->vk.vkCmdFillBuffer(commands, buffer, 0, VK_WHOLE_SIZE, word);
        app->vk.vkCmdPipelineBarrier(commands, device_stages, device_stages | VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0,
                                     NULL, 0, NULL);
        app->vk.vkEndCommandBuffer(commands);
        lock_queue(app, app->family, 0);
        done = app->vk.vkQueueSubmit(app->queue, 1, &submit, VK_NULL_HANDLE) == VK_SUCCESS &&
               app->vk.vkQueueWaitIdle(app->queue) == VK_SUCCESS;
        unlock_queue(app, app->family, 0);
    }
    app->vk.vkDestroyCommandPool(app->device, pool, NULL);
    return done;
}

static void use_buffer(struct backend_test *test, struct app *app)
{
    struct tuff_buffer *buffer = NULL;
    struct tuff_error error = {0};
    uint32_t words[WORDS];
    uint64_t bytes = 0;
    if (!backend_status(test, "buffer", TUFF_OK,
                        tuff_buffer_create(test->device, sizeof words, true, "shared", &buffer, &error), &error))
        return;
    VkBuffer handle = tuff_vulkan_buffer(buffer, &bytes);
    backend_check(test, bytes == sizeof words, "bytes: expected %zu, got %llu", sizeof words, (unsigned long long)bytes);
    backend_check(test, app_fills(app, handle, 41), "the app's fill failed");
    backend_status(test, "read", TUFF_OK, tuff_buffer_read(buffer, 0, words, sizeof words, &error), &error);
    backend_check(test, words[0] == 41 && words[WORDS - 1] == 41, "the app's fill: expected 41, got %u %u", words[0],
                  words[WORDS - 1]);
    backend_status(test, "fill", TUFF_OK, tuff_transfer_fill(buffer, 42, &error), &error);
    backend_status(test, "read", TUFF_OK, tuff_buffer_read(buffer, 0, words, sizeof words, &error), &error);
    backend_check(test, words[0] == 42 && words[WORDS - 1] == 42, "Tuff's fill: expected 42, got %u %u", words[0],
                  words[WORDS - 1]);
    tuff_buffer_release(buffer);
}

static void test_import(struct backend_test *test, struct app *app)
{
    struct tuff_error error = {0};
    VkPhysicalDeviceFeatures2 none = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
    struct tuff_import_params params = {.struct_size = sizeof params,
                                        .instance = app->instance->handle,
                                        .physical_device = app->gpu,
                                        .device = app->device,
                                        .queue = app->queue,
                                        .queue_family = app->family,
                                        .api_version = VK_API_VERSION_1_1,
                                        .features = &none,
                                        .get_instance_proc_addr = app->instance->get_proc,
                                        .lock_queue = lock_queue,
                                        .unlock_queue = unlock_queue,
                                        .user = app};
    if (!backend_status(test, "import", TUFF_OK, tuff_device_import(test->context, &params, &test->device, &error), &error))
        return;
    const struct tuff_caps *caps = tuff_device_caps(test->device);
    backend_check(
        test, !caps->f16_arithmetic && !caps->timeline_semaphore && !caps->subgroup_size_control && !caps->device_address,
        "caps: expected nothing that the app did not enable");
    backend_check(test,
                  tuff_vulkan_device(test->device) == app->device && tuff_vulkan_queue(test->device, NULL) == app->queue,
                  "handles: expected the app's");
    use_buffer(test, app);
    backend_check(test, app->locks >= 2 && !app->wrong && !app->held,
                  "lock: expected in pairs, got %u locks, %u wrong, %d held", app->locks, app->wrong, app->held);
    tuff_device_release(test->device);
    test->device = NULL;
    test->quiet = true;
    params.api_version = VK_API_VERSION_1_0;
    backend_status(test, "Vulkan 1.0", TUFF_ERR_UNSUPPORTED,
                   tuff_device_import(test->context, &params, &test->device, &error), &error);
    params.api_version = VK_API_VERSION_1_1;
    params.unlock_queue = NULL;
    backend_status(test, "half a lock", TUFF_ERR_USAGE, tuff_device_import(test->context, &params, &test->device, &error),
                   &error);
    test->quiet = false;
}

int main(void)
{
    struct backend_test test;
    struct app app = {0};
    struct tuff_error error = {0};
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    tuff_device_release(test.device);
    test.device = NULL;
    if (backend_check(&test, create_app(&app, test.context, &error), "the app's device: %s", error.message))
        test_import(&test, &app);
    if (app.device) app.vk.vkDestroyDevice(app.device, NULL);
    unsigned messages = app.instance ? atomic_load(&app.instance->messages) : 0;
    backend_check(&test, messages == 0, "validation: expected no message, got %u", messages);
    tuff_instance_destroy(app.instance);
    return backend_test_end(&test, "backend_import");
}
