/* import.c - a device on the app's VkDevice, and the handles of any device.
 *
 * Uses only what the app enabled: capabilities are those of the physical device, less what its lists lack. */
#include "backend/device.h"
#include "backend/vulkan.h"

static bool listed(const struct tuff_import_params *params, const char *name)
{
    for (uint32_t i = 0; i < params->extension_count; i++)
        if (!strcmp(params->extensions[i], name)) return true;
    return false;
}

static tuff_status adopt(struct tuff_device *device, const void *from, struct tuff_error *error)
{
    const struct tuff_import_params *params = from;
    struct tuff_context *context = device->context;
    VkQueueFamilyProperties families[16];
    uint32_t count = TUFF_COUNT(families);
    device->imported = true;
    TUFF_TRY(tuff_instance_import(context, params->instance, params->get_instance_proc_addr, params->api_version,
                                  &device->instance, error));
    TUFF_TRY(tuff_gpu_query(device->instance, params->physical_device, &device->gpu, error));
    if (!device->gpu.usable)
        return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "%s: Vulkan 1.1 and a compute queue are needed",
                         device->gpu.caps.name);
    device->instance->GetPhysicalDeviceQueueFamilyProperties(params->physical_device, &count, families);
    TUFF_REQUIRE_THAT(context, error, params->queue_family < count, "queue_family is none of the physical device");
    TUFF_REQUIRE_THAT(context, error, families[params->queue_family].queueFlags & VK_QUEUE_COMPUTE_BIT,
                      "the queue family has no compute queue");
    device->gpu.queue_family = params->queue_family;
    device->gpu.timestamp_bits = families[params->queue_family].timestampValidBits;
    device->gpu.features = tuff_features_of_chain(params->features);
    device->gpu.has_memory_budget = device->gpu.has_memory_budget && listed(params, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    for (uint32_t i = 0; i < TUFF_SHARING_COUNT; i++)
        if (!listed(params, tuff_sharing_name(i))) device->gpu.sharing &= ~(UINT32_C(1) << i);
    device->caps = device->gpu.caps;
    device->caps.subgroup_size = device->gpu.subgroup_size;
    device->caps.memory_budget = device->gpu.has_memory_budget;
    device->caps.push_descriptor = device->caps.push_descriptor && listed(params, VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME);
    if (device->gpu.has_float_controls && !listed(params, VK_KHR_SHADER_FLOAT_CONTROLS_EXTENSION_NAME))
        device->caps.keeps_nan = device->caps.keeps_nan_f16 = false;
    if (!device->gpu.timestamp_bits) device->caps.timestamp_period_ns = 0;
    tuff_caps_restrict(&device->caps, &device->gpu.features);
    device->queue.handle = params->queue;
    device->queue.family = params->queue_family;
    device->queue.index = params->queue_index;
    device->queue.lock_queue = params->lock_queue;
    device->queue.unlock_queue = params->unlock_queue;
    device->queue.lock_user = params->user;
    TUFF_TRY(tuff_limits_apply(context, context->options.limits, &device->caps, error));
    device->handle = params->device;
    return TUFF_OK;
}

tuff_status tuff_device_import(struct tuff_context *context, const struct tuff_import_params *params,
                               struct tuff_device **device, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && params && device && params->struct_size >= sizeof *params);
    TUFF_REQUIRE(context, error, params->instance && params->physical_device && params->device && params->queue);
    TUFF_REQUIRE_THAT(
        context, error, !params->lock_queue == !params->unlock_queue && (params->extensions || !params->extension_count),
        "lock_queue and unlock_queue come together, and extensions may not be NULL where extension_count is not 0");
    if (params->api_version < VK_API_VERSION_1_1)
        return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "the app's instance is made for a version before Vulkan 1.1");
    return tuff_device_make(context, adopt, params, device, error);
}

const char *const *tuff_vulkan_extensions(uint32_t *count) { return tuff_wanted_extensions(count); }

VkInstance tuff_vulkan_instance(const struct tuff_device *device) { return device->instance->handle; }

VkPhysicalDevice tuff_vulkan_physical_device(const struct tuff_device *device) { return device->gpu.handle; }

VkDevice tuff_vulkan_device(const struct tuff_device *device) { return device->handle; }

VkQueue tuff_vulkan_queue(const struct tuff_device *device, uint32_t *queue_family)
{
    if (queue_family) *queue_family = device->queue.family;
    return device->queue.handle;
}

VkBuffer tuff_vulkan_buffer(const struct tuff_buffer *buffer, uint64_t *bytes)
{
    if (bytes) *bytes = buffer->bytes;
    return buffer->handle;
}

VkSemaphore tuff_vulkan_timeline(const struct tuff_device *device) { return device->queue.timeline; }

static tuff_status submit_semaphore(struct tuff_device *device, const struct tuff_batch *batch, uint64_t *ticket,
                                    struct tuff_error *error)
{
    uint64_t own;
    TUFF_REQUIRE_THAT(device->context, error, batch->wait || batch->signal, "the semaphore is VK_NULL_HANDLE");
    return tuff_queue_submit(device, batch, ticket ? ticket : &own, error);
}

tuff_status tuff_vulkan_wait(struct tuff_device *device, VkSemaphore semaphore, uint64_t value, uint64_t *ticket,
                             struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device);
    return submit_semaphore(device, &(struct tuff_batch){.wait = semaphore, .value = value}, ticket, error);
}

tuff_status tuff_vulkan_signal(struct tuff_device *device, VkSemaphore semaphore, uint64_t value, uint64_t *ticket,
                               struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device);
    return submit_semaphore(device, &(struct tuff_batch){.signal = semaphore, .value = value}, ticket, error);
}
