/* buffer.c - device memory as the graph sees it: one VkBuffer with its ticket of last use.
 *
 * Host and device see writes and reads in the order of the calls: memory that the host maps is touched directly once the
 * last use has passed, everything else goes through transfer.c. Shared; thread-safe. */
#include "backend/device.h"

#include <stdio.h>

#define POISON_WORD UINT32_C(0x7fff7fff) /* a quiet NaN in f32, two in 16 bits */

void tuff_buffer_destroy(struct tuff_device *device, void *object)
{
    struct tuff_buffer *buffer = object;
    if (buffer->external) tuff_external_finish(device, buffer->external);
    if (buffer->handle) device->vk.vkDestroyBuffer(device->handle, buffer->handle, NULL);
    tuff_memory_free(device, &buffer->memory);
    tuff_free(device->context, buffer);
}

void tuff_buffer_used(struct tuff_buffer *buffer, uint64_t ticket)
{
    uint_fast64_t seen = atomic_load(&buffer->last_use);
    while (seen < ticket && !atomic_compare_exchange_weak(&buffer->last_use, &seen, ticket)) continue;
}

tuff_status tuff_buffer_handle(struct tuff_device *device, const VkBufferCreateInfo *info, enum tuff_memory_use use,
                               bool quiet, const char *label, VkBuffer *handle, struct tuff_allocation *memory,
                               struct tuff_error *error)
{
    VkMemoryRequirements needs;
    VkBuffer made = VK_NULL_HANDLE;
    TUFF_TRY(TUFF_VK_CREATE(device, error, Buffer, info, &made));
    device->vk.vkGetBufferMemoryRequirements(device->handle, made, &needs);
    tuff_status status = tuff_memory_allocate(device, &needs, use, quiet, label, memory, error);
    if (memory->block) {
        VkResult result = device->vk.vkBindBufferMemory(device->handle, made, memory->memory, memory->offset);
        status = tuff_device_status(device, error, result, "vkBindBufferMemory");
        if (status != TUFF_OK) tuff_memory_free(device, memory);
    }
    if (!memory->block) {
        device->vk.vkDestroyBuffer(device->handle, made, NULL);
        return status;
    }
    tuff_device_name_object(device, VK_OBJECT_TYPE_BUFFER, TUFF_HANDLE(made), label);
    *handle = made;
    return TUFF_OK;
}

static tuff_status create_handle(struct tuff_buffer *buffer, struct tuff_error *error)
{
    struct tuff_device *device = buffer->device;
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = buffer->bytes, .usage = TUFF_BUFFER_USAGE};
    if (device->caps.driver_effects & TUFF_DRIVER_READS_TEXELS) info.usage |= VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT;
    if (device->gpu.features.device_address) info.usage |= VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
    return tuff_buffer_handle(device, &info, TUFF_USE_DEVICE, false, buffer->label, &buffer->handle, &buffer->memory, error);
}

static tuff_status fill(struct tuff_buffer *buffer, uint32_t word, struct tuff_error *error)
{
    uint32_t *words = buffer->memory.mapped;
    if (!words) return tuff_transfer_fill(buffer, word, error);
    if (!word) {
        memset(words, 0, (size_t)buffer->bytes);
        return TUFF_OK;
    }
    for (uint64_t i = 0; i < buffer->bytes / 4; i++) words[i] = word;
    return TUFF_OK;
}

tuff_status tuff_buffer_begin(struct tuff_device *device, uint64_t bytes, const char *label, struct tuff_buffer **buffer,
                              struct tuff_error *error)
{
    TUFF_REQUIRE_THAT(device->context, error, bytes && bytes <= UINT64_MAX / 2,
                      "a buffer has at least one byte, and at most half of what 64 bits count");
    TUFF_TRY(tuff_device_check(device, error));
    tuff_queue_collect(device); /* what is done with gives its memory back first */
    struct tuff_buffer *made = tuff_alloc(device->context, sizeof *made);
    if (!made) return tuff_fail_memory(device->context, error);
    snprintf(made->label, sizeof made->label, "%s", label ? label : "buffer");
    made->device = device;
    made->bytes = tuff_align(bytes, 4);
    atomic_init(&made->references, 1);
    *buffer = made;
    return TUFF_OK;
}

tuff_status tuff_buffer_end(struct tuff_buffer *made, tuff_status status, struct tuff_buffer **buffer)
{
    if (status != TUFF_OK) {
        tuff_queue_defer(made->device, atomic_load(&made->last_use), tuff_buffer_destroy, made);
        return status;
    }
    tuff_device_retain(made->device);
    *buffer = made;
    return TUFF_OK;
}

tuff_status tuff_buffer_create(struct tuff_device *device, uint64_t bytes, bool zero, const char *label,
                               struct tuff_buffer **buffer, struct tuff_error *error)
{
    if (!device) return tuff_refuse(NULL, error, "tuff_buffer_create: device is NULL");
    TUFF_REQUIRE(device->context, error, buffer);
    struct tuff_buffer *made = NULL;
    TUFF_TRY(tuff_buffer_begin(device, bytes, label, &made, error));
    bool poison = device->context->options.debug & TUFF_DEBUG_POISON || device->context->options.hostile;
    tuff_status status = made->bytes > device->caps.max_allocation_bytes
                             ? tuff_fail(device->context, error, TUFF_ERR_DEVICE_MEMORY,
                                         "%s: %llu bytes are more than one allocation of this device may have (%llu)",
                                         made->label, (unsigned long long)bytes,
                                         (unsigned long long)device->caps.max_allocation_bytes)
                             : create_handle(made, error);
    if (status == TUFF_OK && (zero || poison)) status = fill(made, zero ? 0 : POISON_WORD, error);
    return tuff_buffer_end(made, status, buffer);
}

void tuff_buffer_retain(struct tuff_buffer *buffer) { atomic_fetch_add(&buffer->references, 1); }

void tuff_buffer_release(struct tuff_buffer *buffer)
{
    if (!buffer || atomic_fetch_sub(&buffer->references, 1) != 1) return;
    struct tuff_device *device = buffer->device;
    if (tuff_context_inherited(device->context)) return; /* the process that made it destroys it */
    tuff_queue_defer(device, atomic_load(&buffer->last_use), tuff_buffer_destroy, buffer);
    tuff_device_release(device);
}

static tuff_status check_range(const struct tuff_buffer *buffer, uint64_t offset, const void *data, uint64_t bytes,
                               struct tuff_error *error)
{
    if (!buffer) return tuff_refuse(NULL, error, "the buffer is NULL");
    if (!buffer->handle)
        return tuff_refuse(buffer->device->context, error,
                           "%s: a picture, which tuff_executable_set_buffer alone reads, has no bytes in order",
                           buffer->label);
    bool inside = offset <= buffer->bytes && bytes <= buffer->bytes - offset && offset % 4 == 0 && bytes % 4 == 0;
    if (inside && (data || !bytes)) return TUFF_OK;
    return tuff_refuse(buffer->device->context, error,
                       "%s: %llu bytes at offset %llu are not a range of whole words in a buffer of %llu bytes",
                       buffer->label, (unsigned long long)bytes, (unsigned long long)offset,
                       (unsigned long long)buffer->bytes);
}

tuff_status tuff_buffer_write(struct tuff_buffer *buffer, uint64_t offset, const void *data, uint64_t bytes,
                              struct tuff_error *error)
{
    TUFF_TRY(check_range(buffer, offset, data, bytes, error));
    TUFF_TRY(tuff_device_check(buffer->device, error));
    if (!bytes) return TUFF_OK;
    if (!buffer->memory.mapped || !tuff_device_done(buffer->device, atomic_load(&buffer->last_use)))
        return tuff_transfer_write(buffer, offset, data, bytes, error);
    memcpy((char *)buffer->memory.mapped + offset, data, (size_t)bytes);
    return TUFF_OK;
}

tuff_status tuff_buffer_read(struct tuff_buffer *buffer, uint64_t offset, void *data, uint64_t bytes,
                             struct tuff_error *error)
{
    TUFF_TRY(check_range(buffer, offset, data, bytes, error));
    TUFF_TRY(tuff_device_check(buffer->device, error));
    if (!bytes) return TUFF_OK;
    if (!buffer->memory.mapped) return tuff_transfer_read(buffer, offset, data, bytes, error);
    TUFF_TRY(tuff_device_wait(buffer->device, atomic_load(&buffer->last_use), UINT64_MAX, error));
    memcpy(data, (char *)buffer->memory.mapped + offset, (size_t)bytes);
    return TUFF_OK;
}
