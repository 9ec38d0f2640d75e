/* external.c - memory and semaphores that others have, too: given away and taken as handles of five kinds of memory and three of
 * semaphores, by one table. On every system; what a device does not offer is refused with a sentence.
 *
 * A descriptor is imported as a copy, so that the caller's is lost only where all has succeeded. Needs buffer.c, memory.c, queue.c. */
#include "backend/device.h"
#include "backend/platform.h"
#include "backend/vulkan.h"

struct tuff_external {
    enum tuff_handle_kind kind;
    bool imported;
    uint32_t family; /* whose the memory is between our uses; VK_QUEUE_FAMILY_IGNORED: nobody's */
    uint32_t memory_type;
    VkImage picture; /* [owned] */
    uint32_t width, height;
    struct AHardwareBuffer *hardware; /* [retained] */
    struct tuff_hardware_functions android;
};

#define BIT(extension) (UINT32_C(1) << TUFF_SHARES_##extension)
static const struct kind_row {
    const char *name;
    uint32_t memory_needs, semaphore_needs; /* extensions; 0: there is none of this kind */
    VkExternalMemoryHandleTypeFlagBits memory;
    VkExternalSemaphoreHandleTypeFlagBits semaphore;
    bool descriptor, own_driver, foreign;
} kinds[] = {
    [TUFF_HANDLE_FD] = {"file descriptors", BIT(MEMORY_FD), BIT(SEMAPHORE_FD), VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT,
                        VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD_BIT, .descriptor = true, .own_driver = true},
    [TUFF_HANDLE_DMA_BUF] = {"dma-buf", BIT(MEMORY_FD) | BIT(DMA_BUF), 0, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
                             .descriptor = true, .foreign = true},
    [TUFF_HANDLE_WIN32] = {"Win32 handles", BIT(MEMORY_WIN32), BIT(SEMAPHORE_WIN32),
                           VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_WIN32_BIT,
                           VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_WIN32_BIT, .own_driver = true},
    [TUFF_HANDLE_HOST_POINTER] = {"host pointers", BIT(HOST_POINTER),
                                  .memory = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT},
    [TUFF_HANDLE_HARDWARE_BUFFER] = {"AHardwareBuffer", BIT(HARDWARE_BUFFER) | BIT(FOREIGN), 0,
                                     VK_EXTERNAL_MEMORY_HANDLE_TYPE_ANDROID_HARDWARE_BUFFER_BIT_ANDROID, .foreign = true},
    [TUFF_HANDLE_SYNC_FD] = {"sync file descriptors", 0, BIT(SEMAPHORE_FD), .descriptor = true,
                             .semaphore = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT},
};

/* result: of a function that some systems have, with a structure and one thing more, which may be none. */
#define CALL(result, device, name, ...)                                                                                     \
    do {                                                                                                                    \
        PFN_##name call_ = (PFN_##name)(device)->instance->GetDeviceProcAddr((device)->handle, #name);                      \
        (result) = call_ ? call_((device)->handle, __VA_ARGS__) : VK_ERROR_EXTENSION_NOT_PRESENT;                           \
    } while (0)
#define INFO(name, TYPE, ...)                                                                                               \
    &(Vk##name) { .sType = VK_STRUCTURE_TYPE_##TYPE, __VA_ARGS__ }

/* ---- what is offered ------------------------------------------------------------------------------------------------------------ */

static const struct kind_row *row_of(enum tuff_handle_kind kind)
{
    return (unsigned)kind < TUFF_COUNT(kinds) && kinds[kind].name ? &kinds[kind] : NULL;
}

static bool of_memory(enum tuff_handle_use use) { return use == TUFF_IMPORTS_MEMORY || use == TUFF_EXPORTS_MEMORY; }

static bool imports(enum tuff_handle_use use) { return use == TUFF_IMPORTS_MEMORY || use == TUFF_IMPORTS_SEMAPHORE; }

/* Does the driver do it? dedicated may be NULL. */
static bool driver_does(const struct tuff_device *device, const struct kind_row *row, enum tuff_handle_use use,
                        bool timeline, bool *dedicated)
{
    const struct tuff_instance *instance = device->instance;
    VkExternalSemaphoreProperties semaphores = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_SEMAPHORE_PROPERTIES};
    VkExternalBufferProperties buffers = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};
    VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                      .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    if (!of_memory(use)) {
        instance->GetPhysicalDeviceExternalSemaphoreProperties(
            device->gpu.handle,
            INFO(PhysicalDeviceExternalSemaphoreInfo, PHYSICAL_DEVICE_EXTERNAL_SEMAPHORE_INFO,
                 .pNext = timeline ? &type : NULL, .handleType = row->semaphore),
            &semaphores);
        return semaphores.externalSemaphoreFeatures &
               (imports(use) ? VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT : VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT);
    }
    instance->GetPhysicalDeviceExternalBufferProperties(device->gpu.handle,
                                                        INFO(PhysicalDeviceExternalBufferInfo,
                                                             PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
                                                             .usage = TUFF_BUFFER_USAGE, .handleType = row->memory),
                                                        &buffers);
    VkExternalMemoryFeatureFlags features = buffers.externalMemoryProperties.externalMemoryFeatures;
    if (dedicated) *dedicated = features & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT;
    return features & (imports(use) ? VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT : VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT);
}

static bool open_android(struct tuff_hardware_functions *android)
{
    static const char *const libraries[] = {"libnativewindow.so", "libandroid.so"};
    for (size_t i = 0; i < TUFF_COUNT(libraries); i++) {
        void *library = tuff_os_library_open(libraries[i]);
        if (!library) continue;
#define SYMBOL(type, name) (void(*) type) tuff_os_library_symbol(library, "AHardwareBuffer_" name)
        *android = (struct tuff_hardware_functions){
            library, SYMBOL((struct AHardwareBuffer *), "acquire"), SYMBOL((struct AHardwareBuffer *), "release"),
            SYMBOL((const struct AHardwareBuffer *, struct tuff_hardware_description *), "describe")};
        if (android->acquire && android->release && android->describe) return true;
        tuff_os_library_close(library);
    }
    *android = (struct tuff_hardware_functions){0};
    return false;
}

bool tuff_external_has_android(void)
{
    struct tuff_hardware_functions android;
    bool there = open_android(&android);
    tuff_os_library_close(android.library);
    return there;
}

/* context: NULL where nothing is to be logged. dedicated may be NULL. */
static tuff_status check_offer(struct tuff_device *device, struct tuff_context *context, enum tuff_handle_kind kind,
                               enum tuff_handle_use use, bool timeline, bool *dedicated, struct tuff_error *error)
{
    const struct kind_row *row = row_of(kind);
    TUFF_REQUIRE_THAT(context, error, row && (unsigned)use <= TUFF_EXPORTS_SEMAPHORE,
                      kind == TUFF_HANDLE_NONE ? "the handle is of no kind: nobody filled it in, or it was taken before"
                                               : "there is no such kind of handle, or no such use of one");
    const char *what = of_memory(use) ? "memory" : timeline ? "timeline semaphores" : "semaphores", *name = row->name;
    const char *verb = imports(use) ? "made of" : "given away as";
    uint32_t needs = of_memory(use) ? row->memory_needs : row->semaphore_needs;
    if (!needs || (timeline && kind == TUFF_HANDLE_SYNC_FD) ||
        (kind == TUFF_HANDLE_HOST_POINTER && use == TUFF_EXPORTS_MEMORY))
        return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "Vulkan has no %s %s %s", what, verb, name);
    if (kind == TUFF_HANDLE_HARDWARE_BUFFER && !tuff_external_has_android())
        return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED,
                         "AHardwareBuffer is not on this system: no libnativewindow.so has its functions (Android 8)");
    for (uint32_t i = 0; i < TUFF_SHARING_COUNT; i++)
        if (needs & ~device->gpu.sharing & UINT32_C(1) << i)
            return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "%s: %s cannot be %s %s: %s %s", device->caps.name, what,
                             verb, name, device->imported ? "the app has not enabled" : "the driver does not offer",
                             tuff_sharing_name(i));
    if (timeline && !device->queue.timeline)
        return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "%s has no timeline semaphores", device->caps.name);
    if (driver_does(device, row, use, timeline, dedicated)) return TUFF_OK;
    return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "%s: the driver says that %s cannot be %s %s", device->caps.name,
                     what, verb, name);
}

tuff_status tuff_vulkan_offers(struct tuff_device *device, enum tuff_handle_kind kind, enum tuff_handle_use use,
                               struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device);
    return check_offer(device, NULL, kind, use, false, NULL, error);
}

/* ---- use by our queue ----------------------------------------------------------------------------------------------------------- */

void tuff_external_finish(struct tuff_device *device, struct tuff_external *external)
{
    if (external->picture) device->vk.vkDestroyImage(device->handle, external->picture, NULL);
    if (external->hardware) external->android.release(external->hardware);
    tuff_os_library_close(external->android.library);
    tuff_free(device->context, external);
}

void tuff_external_own(struct tuff_buffer *buffer, VkCommandBuffer commands, bool acquire)
{
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkAccessFlags ours = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
    const struct tuff_external *external = buffer ? buffer->external : NULL;
    if (!external || external->family == VK_QUEUE_FAMILY_IGNORED) return;
    const struct tuff_device *device = buffer->device;
    const uint32_t from = acquire ? external->family : device->queue.family;
    const uint32_t to = acquire ? device->queue.family : external->family;
    VkBufferMemoryBarrier whole = {.sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
                                   .srcAccessMask = acquire ? 0 : ours,
                                   .dstAccessMask = acquire ? ours : 0,
                                   .srcQueueFamilyIndex = from,
                                   .dstQueueFamilyIndex = to,
                                   .buffer = buffer->handle,
                                   .size = VK_WHOLE_SIZE};
    /* Who has no layouts keeps pictures in what Vulkan calls GENERAL. */
    const VkImageLayout others = VK_IMAGE_LAYOUT_GENERAL, reading = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    VkImageMemoryBarrier picture = {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
                                    .srcAccessMask = acquire ? 0 : VK_ACCESS_TRANSFER_READ_BIT,
                                    .dstAccessMask = acquire ? VK_ACCESS_TRANSFER_READ_BIT : 0,
                                    .oldLayout = acquire ? others : reading,
                                    .newLayout = acquire ? reading : others,
                                    .srcQueueFamilyIndex = from,
                                    .dstQueueFamilyIndex = to,
                                    .image = external->picture,
                                    .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
    bool image = external->picture != VK_NULL_HANDLE;
    device->vk.vkCmdPipelineBarrier(commands, stage, stage, 0, 0, NULL, !image, &whole, image, &picture);
}

bool tuff_external_copy_picture(struct tuff_buffer *buffer, VkCommandBuffer commands, struct tuff_transfer_range to)
{
    const struct tuff_external *external = buffer->external;
    if (!external || !external->picture) return false;
    const VkBufferImageCopy all = {.bufferOffset = to.offset,
                                   .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                                   .imageExtent = {external->width, external->height, 1}};
    buffer->device->vk.vkCmdCopyImageToBuffer(commands, external->picture, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                                              to.buffer->handle, 1, &all);
    return true;
}

/* ---- memory --------------------------------------------------------------------------------------------------------------------- */

/* What is asked of the driver for one import or export; the structures point at each other. */
struct request {
    struct tuff_buffer *buffer;
    const struct kind_row *row;
    uint64_t memory_bytes; /* 0: what the buffer needs */
    uint32_t types;        /* that the handle allows */
    enum tuff_memory_use use;
    int copy; /* of the descriptor; -1: none */
    bool dedicated;
    struct tuff_hardware_description picture; /* width 0: none */
    VkImportMemoryFdInfoKHR fd;
    VkImportMemoryWin32HandleInfoKHR win32;
    VkImportMemoryHostPointerInfoEXT host;
    VkImportAndroidHardwareBufferInfoANDROID android;
    VkExportMemoryAllocateInfo export;
    VkMemoryDedicatedAllocateInfo alone;
    const void *chain;
};

static tuff_status create_resource(struct request *r, struct tuff_error *error)
{
    struct tuff_device *device = r->buffer->device;
    if (r->picture.width) {
        VkExternalMemoryImageCreateInfo external = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
                                                    .handleTypes = r->row->memory};
        VkImageCreateInfo info = {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
                                  .pNext = &external,
                                  .imageType = VK_IMAGE_TYPE_2D,
                                  .format = VK_FORMAT_R8G8B8A8_UNORM,
                                  .extent = {r->picture.width, r->picture.height, 1},
                                  .mipLevels = 1,
                                  .arrayLayers = 1,
                                  .samples = VK_SAMPLE_COUNT_1_BIT,
                                  .usage = VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT};
        return TUFF_VK_CREATE(device, error, Image, &info, &r->buffer->external->picture);
    }
    VkExternalMemoryBufferCreateInfo external = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
                                                 .handleTypes = r->row->memory};
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .pNext = &external,
                               .size = r->buffer->bytes,
                               .usage = TUFF_BUFFER_USAGE};
    return TUFF_VK_CREATE(device, error, Buffer, &info, &r->buffer->handle);
}

/* A buffer or picture in memory of its own, as the request says. */
static tuff_status make_memory(struct request *r, struct tuff_error *error)
{
    struct tuff_buffer *buffer = r->buffer;
    struct tuff_device *device = buffer->device;
    VkMemoryRequirements needs = {.memoryTypeBits = UINT32_MAX};
    TUFF_TRY(create_resource(r, error));
    if (buffer->handle) device->vk.vkGetBufferMemoryRequirements(device->handle, buffer->handle, &needs);
    if (!r->memory_bytes) r->memory_bytes = needs.size;
    if (r->memory_bytes < needs.size)
        return tuff_refuse(device->context, error, "%s: the memory has %llu bytes; a buffer of %llu needs %llu",
                           buffer->label, (unsigned long long)r->memory_bytes, (unsigned long long)buffer->bytes,
                           (unsigned long long)needs.size);
    if (!(r->types & needs.memoryTypeBits))
        return tuff_refuse(device->context, error, "%s: the memory is of a type that no buffer lies in", buffer->label);
    if (r->dedicated || r->picture.width) {
        r->alone = (VkMemoryDedicatedAllocateInfo){.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                                   .pNext = r->chain,
                                                   .image = buffer->external->picture,
                                                   .buffer = buffer->handle};
        r->chain = &r->alone;
    }
    const struct tuff_own_memory own = {.bytes = r->memory_bytes,
                                        .types = r->types & needs.memoryTypeBits,
                                        .use = r->use,
                                        .fresh = !buffer->external->imported,
                                        .chain = r->chain};
    TUFF_TRY(tuff_memory_own(device, &own, buffer->label, &buffer->memory, &buffer->external->memory_type, error));
    r->copy = -1; /* the driver's from now on */
    VkDeviceMemory memory = buffer->memory.memory;
    VkResult result = buffer->handle ? device->vk.vkBindBufferMemory(device->handle, buffer->handle, memory, 0)
                                     : device->vk.vkBindImageMemory(device->handle, buffer->external->picture, memory, 0);
    TUFF_TRY(tuff_device_status(device, error, result, "binding external memory"));
    if (buffer->handle) tuff_device_name_object(device, VK_OBJECT_TYPE_BUFFER, TUFF_HANDLE(buffer->handle), buffer->label);
    return TUFF_OK;
}

/* A buffer without anything, with its place for what is external of it. */
static tuff_status begin(struct tuff_device *device, enum tuff_handle_kind kind, uint64_t bytes, const char *label,
                         struct tuff_buffer **buffer, struct tuff_error *error)
{
    struct tuff_external *external = tuff_alloc(device->context, sizeof *external);
    if (!external) return tuff_fail_memory(device->context, error);
    bool foreign = kinds[kind].foreign && device->gpu.sharing & BIT(FOREIGN);
    external->kind = kind;
    external->family = foreign ? VK_QUEUE_FAMILY_FOREIGN_EXT : VK_QUEUE_FAMILY_EXTERNAL;
    if (kind == TUFF_HANDLE_HOST_POINTER) external->family = VK_QUEUE_FAMILY_IGNORED;
    tuff_status status = tuff_buffer_begin(device, bytes, label ? label : kinds[kind].name, buffer, error);
    if (status == TUFF_OK)
        (*buffer)->external = external;
    else
        tuff_free(device->context, external);
    return status;
}

tuff_status tuff_vulkan_memory_create(struct tuff_device *device, uint64_t bytes, enum tuff_handle_kind kind,
                                      const char *label, struct tuff_buffer **buffer, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device);
    TUFF_REQUIRE(device->context, error, buffer);
    struct request r = {.use = TUFF_USE_DEVICE, .types = UINT32_MAX, .copy = -1};
    TUFF_TRY(check_offer(device, device->context, kind, TUFF_EXPORTS_MEMORY, false, &r.dedicated, error));
    TUFF_TRY(begin(device, kind, bytes, label, &r.buffer, error));
    r.row = row_of(kind);
    r.export = (VkExportMemoryAllocateInfo){.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
                                            .handleTypes = r.row->memory};
    r.chain = &r.export;
    tuff_status status = make_memory(&r, error);
    if (status == TUFF_OK) status = tuff_transfer_fill(r.buffer, 0, error);
    if (status == TUFF_OK)
        status = tuff_device_wait(device, atomic_load(&r.buffer->last_use), UINT64_MAX, error); /* before others write */
    return tuff_buffer_end(r.buffer, status, buffer);
}

static struct tuff_handle handle_of(const struct tuff_device *device, enum tuff_handle_kind kind)
{
    struct tuff_handle handle = {.kind = kind, .fd = -1};
    if (!kinds[kind].own_driver) return handle;
    memcpy(handle.device_uuid, device->gpu.caps.uuid, sizeof handle.device_uuid);
    memcpy(handle.driver_uuid, device->gpu.caps.driver_uuid, sizeof handle.driver_uuid);
    return handle;
}

/* A handle of memory, or of a semaphore where memory is NULL. */
static tuff_status get_handle(struct tuff_device *device, VkDeviceMemory memory, VkSemaphore semaphore,
                              struct tuff_handle *handle, struct tuff_error *error)
{
    const struct kind_row *row = row_of(handle->kind);
    struct AHardwareBuffer *hardware = NULL;
    VkResult result;
    if (handle->kind == TUFF_HANDLE_HARDWARE_BUFFER)
        CALL(result, device, vkGetMemoryAndroidHardwareBufferANDROID,
             INFO(MemoryGetAndroidHardwareBufferInfoANDROID, MEMORY_GET_ANDROID_HARDWARE_BUFFER_INFO_ANDROID,
                  .memory = memory),
             &hardware);
    else if (memory && row->descriptor)
        CALL(result, device, vkGetMemoryFdKHR,
             INFO(MemoryGetFdInfoKHR, MEMORY_GET_FD_INFO_KHR, .memory = memory, .handleType = row->memory), &handle->fd);
    else if (memory)
        CALL(
            result, device, vkGetMemoryWin32HandleKHR,
            INFO(MemoryGetWin32HandleInfoKHR, MEMORY_GET_WIN32_HANDLE_INFO_KHR, .memory = memory, .handleType = row->memory),
            &handle->pointer);
    else if (row->descriptor)
        CALL(result, device, vkGetSemaphoreFdKHR,
             INFO(SemaphoreGetFdInfoKHR, SEMAPHORE_GET_FD_INFO_KHR, .semaphore = semaphore, .handleType = row->semaphore),
             &handle->fd);
    else
        CALL(result, device, vkGetSemaphoreWin32HandleKHR,
             INFO(SemaphoreGetWin32HandleInfoKHR, SEMAPHORE_GET_WIN32_HANDLE_INFO_KHR, .semaphore = semaphore,
                  .handleType = row->semaphore),
             &handle->pointer);
    if (hardware) handle->pointer = hardware;
    return tuff_device_status(device, error, result, "giving a handle away");
}

tuff_status tuff_vulkan_memory_export(struct tuff_buffer *buffer, struct tuff_handle *handle, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, buffer);
    struct tuff_device *device = buffer->device;
    TUFF_REQUIRE(device->context, error, handle);
    TUFF_REQUIRE_THAT(device->context, error, buffer->external && !buffer->external->imported,
                      "the buffer was not made by tuff_vulkan_memory_create");
    TUFF_TRY(tuff_device_check(device, error));
    struct tuff_handle made = handle_of(device, buffer->external->kind);
    made.bytes = buffer->bytes;
    made.memory_bytes = buffer->memory.bytes;
    made.memory_type = buffer->external->memory_type;
    TUFF_TRY(get_handle(device, buffer->memory.memory, VK_NULL_HANDLE, &made, error));
    *handle = made;
    return TUFF_OK;
}

/* ---- import --------------------------------------------------------------------------------------------------------------------- */

static tuff_status check_device(const struct tuff_device *device, const struct tuff_handle *handle, struct tuff_error *error)
{
    static const uint8_t untold[16];
    const struct tuff_caps *own = &device->gpu.caps;
    bool same = (!memcmp(handle->device_uuid, untold, 16) || !memcmp(handle->device_uuid, own->uuid, 16)) &&
                (!memcmp(handle->driver_uuid, untold, 16) || !memcmp(handle->driver_uuid, own->driver_uuid, 16));
    if (same || !kinds[handle->kind].own_driver) return TUFF_OK;
    return tuff_refuse(device->context, error,
                       "the handle is of another device or driver than %s: only dma-buf goes between those",
                       device->caps.name);
}

/* A copy of the caller's descriptor, where the kind has one. */
static tuff_status copy_descriptor(const struct tuff_device *device, const struct tuff_handle *handle, int *copy,
                                   struct tuff_error *error)
{
    *copy = kinds[handle->kind].descriptor ? tuff_os_descriptor_copy(handle->fd) : -1;
    if (*copy >= 0 || !kinds[handle->kind].descriptor) return TUFF_OK;
    if (*copy == -2) return tuff_fail(device->context, error, TUFF_ERR_MEMORY, "the process has too many open files");
    return tuff_refuse(device->context, error, "there is no open file descriptor %d", handle->fd);
}

/* All has succeeded: the caller's descriptor is ours, and not needed beside its copy. */
static void take(struct tuff_handle *handle)
{
    if (!kinds[handle->kind].descriptor) return;
    tuff_os_descriptor_close(handle->fd);
    *handle = (struct tuff_handle){.kind = TUFF_HANDLE_NONE, .fd = -1};
}

static tuff_status request_fd(struct request *r, const struct tuff_handle *handle, struct tuff_error *error)
{
    struct tuff_device *device = r->buffer->device;
    uint64_t known = tuff_os_descriptor_bytes(r->copy);
    if (known && known < r->memory_bytes)
        return tuff_refuse(device->context, error, "the file descriptor's memory has %llu bytes, fewer than %llu",
                           (unsigned long long)known, (unsigned long long)r->memory_bytes);
    r->fd = (VkImportMemoryFdInfoKHR){
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR, .handleType = r->row->memory, .fd = r->copy};
    r->chain = &r->fd;
    if (handle->kind != TUFF_HANDLE_DMA_BUF) return TUFF_OK;
    VkMemoryFdPropertiesKHR told = {.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
    VkResult result;
    CALL(result, device, vkGetMemoryFdPropertiesKHR, r->row->memory, r->copy, &told);
    r->types = told.memoryTypeBits;
    return tuff_device_status(device, error, result, "vkGetMemoryFdPropertiesKHR");
}

static tuff_status request_host(struct request *r, const struct tuff_handle *handle, struct tuff_error *error)
{
    struct tuff_device *device = r->buffer->device;
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT};
    VkPhysicalDeviceProperties2 asked = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &host};
    VkMemoryHostPointerPropertiesEXT told = {.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT};
    device->instance->GetPhysicalDeviceProperties2(device->gpu.handle, &asked);
    const uint64_t unit = host.minImportedHostPointerAlignment ? host.minImportedHostPointerAlignment : 1;
    if ((uintptr_t)handle->pointer % unit || r->memory_bytes % unit)
        return tuff_refuse(device->context, error,
                           "%s takes host pointers at multiples of %llu, with bytes that are such; these are %llu at %p",
                           device->caps.name, (unsigned long long)unit, (unsigned long long)r->memory_bytes,
                           handle->pointer);
    VkResult result;
    CALL(result, device, vkGetMemoryHostPointerPropertiesEXT, r->row->memory, handle->pointer, &told);
    r->host = (VkImportMemoryHostPointerInfoEXT){.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
                                                 .handleType = r->row->memory,
                                                 .pHostPointer = handle->pointer};
    r->chain = &r->host;
    r->types = told.memoryTypeBits;
    r->use = TUFF_USE_STAGING; /* coherent: nobody flushes */
    return tuff_device_status(device, error, result, "vkGetMemoryHostPointerPropertiesEXT");
}

static tuff_status request_hardware(struct request *r, const struct tuff_handle *handle, struct tuff_error *error)
{
    struct tuff_device *device = r->buffer->device;
    struct tuff_external *external = r->buffer->external;
    VkAndroidHardwareBufferFormatPropertiesANDROID format = {
        .sType = VK_STRUCTURE_TYPE_ANDROID_HARDWARE_BUFFER_FORMAT_PROPERTIES_ANDROID};
    VkAndroidHardwareBufferPropertiesANDROID told = {.sType = VK_STRUCTURE_TYPE_ANDROID_HARDWARE_BUFFER_PROPERTIES_ANDROID,
                                                     .pNext = r->picture.width ? &format : NULL};
    VkResult result;
    CALL(result, device, vkGetAndroidHardwareBufferPropertiesANDROID, handle->pointer, &told);
    TUFF_TRY(tuff_device_status(device, error, result, "vkGetAndroidHardwareBufferPropertiesANDROID"));
    if (r->picture.width &&
        !(format.format == VK_FORMAT_R8G8B8A8_UNORM && format.formatFeatures & VK_FORMAT_FEATURE_TRANSFER_SRC_BIT))
        return tuff_fail(device->context, error, TUFF_ERR_UNSUPPORTED, "%s does not copy pictures out of an AHardwareBuffer",
                         device->caps.name);
    r->android = (VkImportAndroidHardwareBufferInfoANDROID){
        .sType = VK_STRUCTURE_TYPE_IMPORT_ANDROID_HARDWARE_BUFFER_INFO_ANDROID, .buffer = handle->pointer};
    r->chain = &r->android;
    r->types = told.memoryTypeBits;
    r->memory_bytes = told.allocationSize;
    external->width = r->picture.width;
    external->height = r->picture.height;
    if (!open_android(&external->android)) return tuff_fail_memory(device->context, error); /* it was there before */
    external->android.acquire(handle->pointer);
    external->hardware = handle->pointer;
    return TUFF_OK;
}

static tuff_status request_handle(struct request *r, const struct tuff_handle *handle, struct tuff_error *error)
{
    if (r->row->own_driver) r->types = handle->memory_type < 32 ? UINT32_C(1) << handle->memory_type : 0;
    if (r->row->descriptor) return request_fd(r, handle, error);
    if (handle->kind == TUFF_HANDLE_HOST_POINTER) return request_host(r, handle, error);
    if (handle->kind == TUFF_HANDLE_HARDWARE_BUFFER) return request_hardware(r, handle, error);
    r->win32 = (VkImportMemoryWin32HandleInfoKHR){.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_WIN32_HANDLE_INFO_KHR,
                                                  .handleType = r->row->memory,
                                                  .handle = handle->pointer};
    r->chain = &r->win32;
    return TUFF_OK;
}

/* Bytes of the buffer: of a picture all of them, of a blob at most all. */
static tuff_status measure_hardware(const struct tuff_device *device, const struct tuff_handle *handle,
                                    struct tuff_hardware_description *picture, uint64_t *bytes, struct tuff_error *error)
{
    struct tuff_hardware_functions android;
    struct tuff_hardware_description told = {0};
    if (!open_android(&android)) return tuff_fail_memory(device->context, error);
    android.describe(handle->pointer, &told);
    tuff_os_library_close(android.library);
    bool blob = told.format == TUFF_HARDWARE_BLOB;
    uint64_t all = blob ? told.width : UINT64_C(4) * told.width * told.height;
    if (!(blob ? told.usage & TUFF_HARDWARE_DATA
               : told.format == TUFF_HARDWARE_RGBA8 && told.layers == 1 && told.usage & TUFF_HARDWARE_SAMPLED))
        return tuff_fail(
            device->context, error, TUFF_ERR_UNSUPPORTED,
            "the AHardwareBuffer (format %u, %u layers, usage 0x%llx) is neither a BLOB with GPU_DATA_BUFFER nor "
            "one R8G8B8A8_UNORM picture with GPU_SAMPLED_IMAGE",
            told.format, told.layers, (unsigned long long)told.usage);
    if (!*bytes) *bytes = blob ? all / 4 * 4 : all;
    if (blob ? *bytes > all : *bytes != all)
        return tuff_refuse(device->context, error, "the AHardwareBuffer has %llu bytes, not %llu", (unsigned long long)all,
                           (unsigned long long)*bytes);
    if (!blob) *picture = told;
    return TUFF_OK;
}

static tuff_status import_memory(struct tuff_device *device, struct tuff_handle *handle, const char *label,
                                 struct request *r, struct tuff_buffer **buffer, struct tuff_error *error)
{
    uint64_t bytes = handle->bytes;
    r->memory_bytes = handle->memory_bytes ? handle->memory_bytes : bytes;
    if (handle->kind == TUFF_HANDLE_HARDWARE_BUFFER) TUFF_TRY(measure_hardware(device, handle, &r->picture, &bytes, error));
    if (bytes % 4 || (bytes > r->memory_bytes && handle->kind != TUFF_HANDLE_HARDWARE_BUFFER))
        return tuff_refuse(device->context, error,
                           "a buffer of %llu bytes: it has whole words of 4 bytes, and at most the %llu bytes of the memory",
                           (unsigned long long)bytes, (unsigned long long)r->memory_bytes);
    TUFF_TRY(begin(device, handle->kind, bytes, label, &r->buffer, error));
    r->buffer->external->imported = true;
    tuff_status status = request_handle(r, handle, error);
    if (status == TUFF_OK) status = make_memory(r, error);
    return tuff_buffer_end(r->buffer, status, buffer);
}

tuff_status tuff_vulkan_memory_import(struct tuff_device *device, struct tuff_handle *handle, const char *label,
                                      struct tuff_buffer **buffer, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device);
    TUFF_REQUIRE(device->context, error, handle && buffer);
    struct request r = {.row = row_of(handle->kind), .types = UINT32_MAX, .use = TUFF_USE_DEVICE, .copy = -1};
    TUFF_TRY(check_offer(device, device->context, handle->kind, TUFF_IMPORTS_MEMORY, false, &r.dedicated, error));
    TUFF_REQUIRE_THAT(device->context, error, r.row->descriptor || handle->pointer, "the handle's pointer is NULL");
    TUFF_TRY(check_device(device, handle, error));
    TUFF_TRY(copy_descriptor(device, handle, &r.copy, error));
    tuff_status status = import_memory(device, handle, label, &r, buffer, error);
    if (status == TUFF_OK)
        take(handle);
    else
        tuff_os_descriptor_close(r.copy);
    return status;
}

/* ---- semaphores ----------------------------------------------------------------------------------------------------------------- */

static tuff_status create_semaphore(struct tuff_device *device, bool timeline, const void *chain, VkSemaphore *semaphore,
                                    struct tuff_error *error)
{
    VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                      .pNext = chain,
                                      .semaphoreType = timeline ? VK_SEMAPHORE_TYPE_TIMELINE : VK_SEMAPHORE_TYPE_BINARY};
    VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = timeline ? &type : chain};
    TUFF_TRY(tuff_device_check(device, error));
    return TUFF_VK_CREATE(device, error, Semaphore, &info, semaphore);
}

tuff_status tuff_vulkan_semaphore_create(struct tuff_device *device, enum tuff_handle_kind kind, bool timeline,
                                         VkSemaphore *semaphore, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device);
    TUFF_REQUIRE(device->context, error, semaphore);
    VkSemaphore made = VK_NULL_HANDLE;
    TUFF_TRY(check_offer(device, device->context, kind, TUFF_EXPORTS_SEMAPHORE, timeline, NULL, error));
    const VkExportSemaphoreCreateInfo export = {.sType = VK_STRUCTURE_TYPE_EXPORT_SEMAPHORE_CREATE_INFO,
                                                .handleTypes = kinds[kind].semaphore};
    TUFF_TRY(create_semaphore(device, timeline, &export, &made, error));
    *semaphore = made;
    return TUFF_OK;
}

tuff_status tuff_vulkan_semaphore_export(struct tuff_device *device, VkSemaphore semaphore, enum tuff_handle_kind kind,
                                         bool timeline, struct tuff_handle *handle, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device);
    TUFF_REQUIRE(device->context, error, handle);
    TUFF_REQUIRE_THAT(device->context, error, semaphore, "the semaphore is VK_NULL_HANDLE");
    TUFF_TRY(tuff_device_check(device, error));
    TUFF_TRY(check_offer(device, device->context, kind, TUFF_EXPORTS_SEMAPHORE, timeline, NULL, error));
    struct tuff_handle made = handle_of(device, kind);
    made.timeline = timeline;
    TUFF_TRY(get_handle(device, VK_NULL_HANDLE, semaphore, &made, error));
    *handle = made;
    return TUFF_OK;
}

static tuff_status import_payload(struct tuff_device *device, const struct tuff_handle *handle, int copy,
                                  VkSemaphore semaphore, struct tuff_error *error)
{
    const struct kind_row *row = row_of(handle->kind);
    const VkSemaphoreImportFlags flags = handle->kind == TUFF_HANDLE_SYNC_FD ? VK_SEMAPHORE_IMPORT_TEMPORARY_BIT : 0;
    VkResult result;
    if (row->descriptor)
        CALL(result, device, vkImportSemaphoreFdKHR,
             INFO(ImportSemaphoreFdInfoKHR, IMPORT_SEMAPHORE_FD_INFO_KHR, .semaphore = semaphore, .flags = flags,
                  .handleType = row->semaphore, .fd = copy));
    else
        CALL(result, device, vkImportSemaphoreWin32HandleKHR,
             INFO(ImportSemaphoreWin32HandleInfoKHR, IMPORT_SEMAPHORE_WIN32_HANDLE_INFO_KHR, .semaphore = semaphore,
                  .handleType = row->semaphore, .handle = handle->pointer));
    return tuff_device_status(device, error, result, "importing a semaphore");
}

tuff_status tuff_vulkan_semaphore_import(struct tuff_device *device, struct tuff_handle *handle, VkSemaphore *semaphore,
                                         struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device);
    TUFF_REQUIRE(device->context, error, handle && semaphore);
    TUFF_TRY(check_offer(device, device->context, handle->kind, TUFF_IMPORTS_SEMAPHORE, handle->timeline, NULL, error));
    TUFF_REQUIRE_THAT(device->context, error, kinds[handle->kind].descriptor || handle->pointer,
                      "the handle's pointer is NULL");
    TUFF_TRY(check_device(device, handle, error));
    VkSemaphore made = VK_NULL_HANDLE;
    int copy = -1;
    if (handle->kind != TUFF_HANDLE_SYNC_FD || handle->fd != -1) TUFF_TRY(copy_descriptor(device, handle, &copy, error));
    tuff_status status = create_semaphore(device, handle->timeline, NULL, &made, error);
    if (status == TUFF_OK) status = import_payload(device, handle, copy, made, error);
    if (status == TUFF_OK) {
        take(handle);
        *semaphore = made;
        return TUFF_OK;
    }
    if (made) device->vk.vkDestroySemaphore(device->handle, made, NULL);
    tuff_os_descriptor_close(copy);
    return status;
}

static void destroy_semaphore(struct tuff_device *device, void *object)
{
    VkSemaphore *semaphore = object;
    device->vk.vkDestroySemaphore(device->handle, *semaphore, NULL);
    tuff_free(device->context, semaphore);
}

void tuff_vulkan_semaphore_destroy(struct tuff_device *device, VkSemaphore semaphore)
{
    if (!semaphore || tuff_context_inherited(device->context)) return;
    uint64_t last = atomic_load(&device->queue.submitted);
    VkSemaphore *kept = tuff_alloc(device->context, sizeof *kept);
    if (kept) {
        *kept = semaphore;
        tuff_queue_defer(device, last, destroy_semaphore, kept);
        return;
    }
    (void)!tuff_device_wait(device, last, UINT64_MAX, NULL); /* no memory for the list: then by waiting */
    device->vk.vkDestroySemaphore(device->handle, semaphore, NULL);
}
