/* import_help.c - see import_help.h. */
#include "tests/import_help.h"

static void lock_queue(void *user, uint32_t family, uint32_t index)
{
    struct import_app *app = user;
    tuff_os_mutex_lock(app->lock);
    if (app->held++ || family != app->params.queue_family || index != 0) atomic_fetch_add(&app->wrong, 1);
    atomic_fetch_add(&app->locks, 1);
}

static void unlock_queue(void *user, uint32_t family, uint32_t index)
{
    struct import_app *app = user;
    if (--app->held || family != app->params.queue_family || index != 0) atomic_fetch_add(&app->wrong, 1);
    tuff_os_mutex_unlock(app->lock);
}

bool import_app_create(struct import_app *app, struct tuff_context *context, bool features, struct tuff_error *error)
{
    static const VkPhysicalDeviceFeatures2 none = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
    struct tuff_gpu *gpus = NULL;
    uint32_t count = 0;
    const float priorities[2] = {0.5f, 0.5f};
    VkQueueFamilyProperties families[16];
    uint32_t family_count = TUFF_COUNT(families);
    *app = (struct import_app){0};
    if (tuff_os_mutex_create(context, &app->lock) != TUFF_OK) return false;
    if (tuff_instance_create(context, &app->instance, error) != TUFF_OK) return false;
    if (tuff_gpu_list(app->instance, &gpus, &count, error) != TUFF_OK) return false;
    app->gpu = gpus[0].handle;
    uint32_t family = gpus[0].queue_family;
    app->instance->GetPhysicalDeviceQueueFamilyProperties(app->gpu, &family_count, families);
    bool chained = !features || tuff_feature_chain_init(&app->chain, app->instance, &gpus[0], error) == TUFF_OK;
    tuff_free(context, gpus);
    if (!chained) return false;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = family,
                                     .queueCount = families[family].queueCount > 1 ? 2 : 1,
                                     .pQueuePriorities = priorities};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = features ? &app->chain.core : NULL,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = app->chain.extension_count,
                               .ppEnabledExtensionNames = app->chain.extensions};
    if (app->instance->CreateDevice(app->gpu, &info, NULL, &app->device) != VK_SUCCESS) return false;
    tuff_volk_load_table(&app->vk, app->instance->GetDeviceProcAddr, app->device);
    app->vk.vkGetDeviceQueue(app->device, family, 0, &app->queue);
    app->vk.vkGetDeviceQueue(app->device, family, queue.queueCount - 1, &app->own_queue);
    app->params = (struct tuff_import_params){.struct_size = sizeof app->params,
                                              .instance = app->instance->handle,
                                              .physical_device = app->gpu,
                                              .device = app->device,
                                              .queue = app->queue,
                                              .queue_family = family,
                                              .api_version = app->instance->api_version,
                                              .features = features ? &app->chain.core : &none,
                                              .extensions = app->chain.extensions,
                                              .extension_count = app->chain.extension_count,
                                              .get_instance_proc_addr = app->instance->get_proc,
                                              .lock_queue = lock_queue,
                                              .unlock_queue = unlock_queue,
                                              .user = app};
    return true;
}

void import_app_destroy(struct import_app *app, struct backend_test *test)
{
    unsigned locks = atomic_load(&app->locks), wrong = atomic_load(&app->wrong);
    backend_check(test, locks >= 2 && !wrong && !app->held, "lock: expected in pairs, got %u locks, %u wrong, %d held",
                  locks, wrong, app->held);
    if (app->device) app->vk.vkDestroyDevice(app->device, NULL);
    unsigned messages = app->instance ? atomic_load(&app->instance->messages) : 0;
    backend_check(test, messages == 0, "validation: expected no message, got %u", messages);
    tuff_instance_destroy(app->instance);
    tuff_os_mutex_destroy(app->lock);
    *app = (struct import_app){0};
}

VkCommandPool import_app_pool(struct import_app *app)
{
    VkCommandPool pool = VK_NULL_HANDLE;
    VkCommandPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .queueFamilyIndex = app->params.queue_family};
    return app->vk.vkCreateCommandPool(app->device, &info, NULL, &pool) == VK_SUCCESS ? pool : VK_NULL_HANDLE;
}

VkCommandBuffer import_app_begin(struct import_app *app, VkCommandPool pool)
{
    VkCommandBuffer commands = NULL;
    VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                        .commandPool = pool,
                                        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                        .commandBufferCount = 1};
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    if (app->vk.vkAllocateCommandBuffers(app->device, &info, &commands) != VK_SUCCESS) return NULL;
    return app->vk.vkBeginCommandBuffer(commands, &begin) == VK_SUCCESS ? commands : NULL;
}

void import_app_barrier(struct import_app *app, VkCommandBuffer commands, VkAccessFlags from, VkAccessFlags to)
{
    VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = from, .dstAccessMask = to};
    VkPipelineStageFlags device = VK_PIPELINE_STAGE_TRANSFER_BIT | VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
    app->vk.vkCmdPipelineBarrier(commands, device, device | VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
}

bool import_app_submit(struct import_app *app, VkCommandBuffer commands, bool wait)
{
    VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands};
    VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence = VK_NULL_HANDLE;
    if (app->vk.vkEndCommandBuffer(commands) != VK_SUCCESS) return false;
    if (wait && app->vk.vkCreateFence(app->device, &info, NULL, &fence) != VK_SUCCESS) return false;
    lock_queue(app, app->params.queue_family, 0);
    bool done = app->vk.vkQueueSubmit(app->queue, 1, &submit, fence) == VK_SUCCESS;
    unlock_queue(app, app->params.queue_family, 0);
    if (done && wait) done = app->vk.vkWaitForFences(app->device, 1, &fence, VK_TRUE, UINT64_MAX) == VK_SUCCESS;
    app->vk.vkDestroyFence(app->device, fence, NULL);
    return done;
}
