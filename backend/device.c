/* device.c - choosing, opening, sharing and closing a device.
 *
 * Owns struct tuff_device; its parts live in queue.c, memory.c, transfer.c, pipeline.c and cache.c. Each device has an
 * instance and function tables of its own. */
#include "backend/device.h"
#include "backend/cache.h"
#include "backend/pipeline.h"

#include <stdio.h>

tuff_status tuff_device_list(struct tuff_context *context, struct tuff_caps *caps, uint32_t *count, struct tuff_error *error)
{
    struct tuff_instance *instance = NULL;
    struct tuff_gpu *gpus = NULL;
    uint32_t found = 0;
    TUFF_REQUIRE(context, error, context && count);
    TUFF_REQUIRE(context, error, !caps || !*count || !caps->struct_size || caps->struct_size >= sizeof *caps);
    TUFF_TRY(tuff_instance_create(context, &instance, error));
    tuff_status status = tuff_gpu_list(instance, &gpus, &found, error);
    for (uint32_t i = 0; status == TUFF_OK && caps && i < found && i < *count; i++) {
        status = tuff_limits_apply(context, context->options.limits, &gpus[i].caps, error);
        if (status == TUFF_OK) caps[i] = gpus[i].caps;
    }
    if (status == TUFF_OK) *count = found;
    tuff_free(context, gpus);
    tuff_instance_destroy(instance);
    return status;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool contains(const char *text, const char *part)
{
    for (; *text; text++) {
        size_t i = 0;
        while (part[i] && lower(text[i]) == lower(part[i])) i++;
        if (!part[i]) return true;
    }
    return false;
}

/* 32 hexadecimal digits, dashes between them or not. */
static bool parse_uuid(const char *text, uint8_t uuid[16])
{
    unsigned digits = 0;
    memset(uuid, 0, 16);
    for (; *text; text++) {
        char c = lower(*text);
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (c == '-') continue;
        if (digit < 0 || digits == 32) return false;
        uuid[digits / 2] = (uint8_t)(uuid[digits / 2] << 4 | digit);
        digits++;
    }
    return digits == 32;
}

/* Index of the chosen one, UINT32_MAX if nothing fits. A number beyond the list may still be part of a name ("7900"). */
static uint32_t choose(const struct tuff_gpu *gpus, uint32_t count, const char *name)
{
    uint8_t uuid[16];
    size_t digits = name ? strspn(name, "0123456789") : 0;
    if (!name || !name[0]) return 0;
    if (digits < 6 && !name[digits]) {
        uint32_t index = 0;
        for (size_t i = 0; i < digits; i++) index = index * 10 + (uint32_t)(name[i] - '0');
        if (index < count) return index;
    }
    if (parse_uuid(name, uuid))
        for (uint32_t i = 0; i < count; i++)
            if (!memcmp(uuid, gpus[i].caps.uuid, sizeof uuid)) return i;
    for (uint32_t i = 0; i < count; i++)
        if (contains(gpus[i].caps.name, name)) return i;
    return UINT32_MAX;
}

static tuff_status fail_unknown(struct tuff_context *context, const struct tuff_gpu *gpus, uint32_t count, const char *name,
                                struct tuff_error *error)
{
    char list[360] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < count && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%u: %s", i ? "; " : "", i, gpus[i].caps.name);
    return tuff_fail(context, error, TUFF_ERR_NO_DEVICE, "no device is called \"%s\"; there are: %s", name, list);
}

static tuff_status choose_gpu(struct tuff_device *device, const char *name, struct tuff_error *error)
{
    struct tuff_context *context = device->context;
    struct tuff_gpu *gpus = NULL;
    uint32_t count = 0;
    if (!name) name = context->options.device;
    TUFF_TRY(tuff_gpu_list(device->instance, &gpus, &count, error));
    uint32_t index = choose(gpus, count, name);
    tuff_status status = TUFF_OK;
    if (index == UINT32_MAX)
        status = fail_unknown(context, gpus, count, name, error);
    else if (!gpus[index].usable)
        status = tuff_fail(context, error, TUFF_ERR_UNSUPPORTED,
                           "%s: Vulkan 1.1 and a compute queue are needed; the driver has %u.%u", gpus[index].caps.name,
                           VK_API_VERSION_MAJOR(gpus[index].caps.api_version),
                           VK_API_VERSION_MINOR(gpus[index].caps.api_version));
    else
        device->gpu = gpus[index];
    tuff_free(context, gpus);
    return status;
}

static tuff_status create_handle(struct tuff_device *device, struct tuff_error *error)
{
    struct tuff_feature_chain chain;
    const float priority = 1.0f;
    TUFF_TRY(tuff_feature_chain_init(&chain, device->instance, &device->gpu, error));
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = device->gpu.queue_family,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = &chain.core,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = chain.extension_count,
                               .ppEnabledExtensionNames = chain.extensions};
    VkResult result = device->instance->CreateDevice(device->gpu.handle, &info, NULL, &device->handle);
    return tuff_device_made(device, error, result, "vkCreateDevice", &device->handle, sizeof device->handle);
}

static tuff_status start(struct tuff_device *device, struct tuff_error *error)
{
    tuff_volk_load_table(&device->vk, device->instance->GetDeviceProcAddr, device->handle);
    bool core = device->caps.api_version >= VK_API_VERSION_1_2;
    device->wait_semaphores = core ? device->vk.vkWaitSemaphores : device->vk.vkWaitSemaphoresKHR;
    device->counter_value = core ? device->vk.vkGetSemaphoreCounterValue : device->vk.vkGetSemaphoreCounterValueKHR;
    if (!device->queue.handle)
        device->vk.vkGetDeviceQueue(device->handle, device->queue.family, device->queue.index, &device->queue.handle);
    device->instance->GetPhysicalDeviceMemoryProperties(device->gpu.handle, &device->memory.properties);
    struct tuff_os_mutex **const locks[] = {&device->queue.lock, &device->memory.lock, &device->transfer.lock,
                                            &device->pipelines.lock};
    for (size_t i = 0; i < TUFF_COUNT(locks); i++)
        if (tuff_os_mutex_create(device->context, locks[i]) != TUFF_OK) return tuff_fail_memory(device->context, error);
    if (tuff_health_init(&device->health, device->context, &device->caps) != TUFF_OK)
        return tuff_fail_memory(device->context, error);
    tuff_queue_init(device);
    device->cache = tuff_cache_create(device);
    if (!device->cache) return tuff_fail_memory(device->context, error);
    tuff_pipelines_init(device);
    return TUFF_OK;
}

tuff_status tuff_device_make(struct tuff_context *context,
                             tuff_status (*open)(struct tuff_device *device, const void *from, struct tuff_error *error),
                             const void *from, struct tuff_device **device, struct tuff_error *error)
{
    struct tuff_device *made = tuff_object_create(context, sizeof *made);
    if (!made) return tuff_fail_memory(context, error);
    made->context = context;
    atomic_init(&made->references, 1);
    tuff_status status = open(made, from, error);
    if (status == TUFF_OK) status = start(made, error);
    if (status != TUFF_OK)
        tuff_device_release(made);
    else
        *device = made;
    return status;
}

static tuff_status open_named(struct tuff_device *device, const void *name, struct tuff_error *error)
{
    TUFF_TRY(tuff_instance_create(device->context, &device->instance, error));
    TUFF_TRY(choose_gpu(device, name, error));
    device->caps = device->gpu.caps;
    device->queue.family = device->gpu.queue_family;
    TUFF_TRY(tuff_limits_apply(device->context, device->context->options.limits, &device->caps, error));
    return create_handle(device, error);
}

tuff_status tuff_device_create(struct tuff_context *context, const char *name, struct tuff_device **device,
                               struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && device);
    TUFF_TRY(tuff_device_make(context, open_named, name, device, error));
    const struct tuff_caps *caps = &(*device)->caps;
    tuff_log_message(context, TUFF_LOG_INFO, "device: %s (%s %s)", caps->name, caps->driver_name, caps->driver_info);
    return TUFF_OK;
}

void tuff_device_retain(struct tuff_device *device) { atomic_fetch_add(&device->references, 1); }

void tuff_device_release(struct tuff_device *device)
{
    if (!device || tuff_context_inherited(device->context) || atomic_fetch_sub(&device->references, 1) != 1) return;
    if (device->handle) {
        tuff_queue_finish(device); /* waits, and destroys what waited for the device */
        if (device->cache && !atomic_load(&device->queue.lost)) tuff_cache_flush(device->cache);
        tuff_pipelines_finish(device);
        tuff_transfer_finish(device);
        tuff_memory_finish(device);
        if (!device->imported) device->vk.vkDestroyDevice(device->handle, NULL);
    }
    tuff_cache_destroy(device->cache);
    tuff_health_finish(&device->health, device->context);
    tuff_instance_destroy(device->instance);
    tuff_object_destroy(device->context, device);
}

const struct tuff_caps *tuff_device_caps(const struct tuff_device *device) { return &device->caps; }

struct tuff_context *tuff_device_context(const struct tuff_device *device) { return device->context; }

void tuff_device_memory(const struct tuff_device *device, uint64_t *now_bytes, uint64_t *peak_bytes)
{
    bool ours = !tuff_context_inherited(device->context); /* else nothing is known: the lock may be held for ever */
    if (ours) tuff_os_mutex_lock(device->memory.lock);
    if (now_bytes) *now_bytes = ours ? device->memory.now_bytes : 0;
    if (peak_bytes) *peak_bytes = ours ? device->memory.peak_bytes : 0;
    if (ours) tuff_os_mutex_unlock(device->memory.lock);
}

uint64_t tuff_device_available(const struct tuff_device *device)
{
    struct tuff_caps caps = device->caps;
    uint64_t now, best = 0;
    if (tuff_context_inherited(device->context)) return 0;
    tuff_device_memory(device, &now, NULL);
    tuff_gpu_query_heaps(device->instance, &device->gpu, &caps);
    for (uint32_t i = 0; i < caps.heap_count && i < TUFF_COUNT(caps.heaps); i++) {
        bool told = caps.heaps[i].budget_bytes > 0;
        uint64_t all = told ? caps.heaps[i].budget_bytes : caps.heaps[i].bytes, used = told ? caps.heaps[i].used_bytes : now;
        if (caps.heaps[i].device_local && all > used && all - used > best) best = all - used;
    }
    return best;
}

void tuff_device_flush_caches(struct tuff_device *device)
{
    if (!tuff_context_inherited(device->context)) tuff_cache_flush(device->cache);
}

void tuff_device_name_object(struct tuff_device *device, VkObjectType type, uint64_t object, const char *name)
{
    VkDebugUtilsObjectNameInfoEXT info = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
                                          .objectType = type,
                                          .objectHandle = object,
                                          .pObjectName = name};
    if (object && device->instance->SetDebugUtilsObjectNameEXT)
        device->instance->SetDebugUtilsObjectNameEXT(device->handle, &info);
}

unsigned tuff_device_validation_messages(const struct tuff_device *device)
{
    return atomic_load(&device->instance->messages);
}

bool tuff_device_validation_active(const struct tuff_device *device)
{
    return device->instance->messenger != VK_NULL_HANDLE;
}
