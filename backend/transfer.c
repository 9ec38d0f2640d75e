/* transfer.c - copies between host and device memory through a ring of staging pieces, and fills.
 *
 * Needs queue and memory. The ring is made on first use: on unified memory it often never is. Every submission of it orders
 * itself after all earlier ones and before all later ones. Thread-safe. */
#include "backend/device.h"

#define LARGEST_PIECE                                                                                                       \
    (UINT64_C(4) << 20) /* long enough that a copy is bound by the bus, short enough to overlap with memcpy */
#define SMALLEST_PIECE (UINT64_C(64) << 10) /* where there is no more memory: slower */

void tuff_transfer_finish(struct tuff_device *device)
{
    struct tuff_transfer *transfer = &device->transfer;
    if (transfer->buffer) device->vk.vkDestroyBuffer(device->handle, transfer->buffer, NULL);
    if (transfer->pool) device->vk.vkDestroyCommandPool(device->handle, transfer->pool, NULL);
    tuff_memory_free(device, &transfer->memory);
    tuff_os_mutex_destroy(transfer->lock);
    *transfer = (struct tuff_transfer){0};
}

/* Of the largest pieces that memory can be had for. */
static tuff_status create_ring(struct tuff_device *device, struct tuff_error *error)
{
    struct tuff_transfer *transfer = &device->transfer;
    tuff_status status = TUFF_OK;
    for (uint64_t bytes = LARGEST_PIECE; !transfer->buffer && status == TUFF_OK; bytes /= 2) {
        bool last = bytes <= SMALLEST_PIECE;
        VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                   .size = bytes * TUFF_TRANSFER_PIECES,
                                   .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT};
        status = tuff_buffer_handle(device, &info, TUFF_USE_STAGING, !last, "staging", &transfer->buffer, &transfer->memory,
                                    error);
        transfer->piece_bytes = bytes;
    }
    return status;
}

/* The next piece, once its last copy is done, with its command buffer begun behind everything submitted so far; for what is done to
 * one buffer or two. */
static tuff_status begin_piece(struct tuff_device *device, struct tuff_buffer *const buffers[2], uint32_t *piece,
                               struct tuff_error *error)
{
    struct tuff_transfer *transfer = &device->transfer;
    uint32_t index = transfer->next % TUFF_TRANSFER_PIECES;
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                      .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    if (!transfer->pool)
        TUFF_TRY(tuff_commands_create(device,
                                      VK_COMMAND_POOL_CREATE_TRANSIENT_BIT | VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                      TUFF_TRANSFER_PIECES, &transfer->pool, transfer->commands, error));
    TUFF_TRY(tuff_device_wait(device, transfer->tickets[index], UINT64_MAX, error));
    VkResult result = device->vk.vkBeginCommandBuffer(transfer->commands[index], &begin);
    TUFF_TRY(tuff_device_status(device, error, result, "vkBeginCommandBuffer"));
    tuff_barrier(device, transfer->commands[index], VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                 VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT,
                 VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT);
    for (int i = 0; i < 2; i++) tuff_external_own(buffers[i], transfer->commands[index], true);
    *piece = index;
    return TUFF_OK;
}

static tuff_status submit_piece(struct tuff_device *device, struct tuff_buffer *const buffers[2], uint32_t piece,
                                struct tuff_error *error)
{
    struct tuff_transfer *transfer = &device->transfer;
    for (int i = 0; i < 2; i++) tuff_external_own(buffers[i], transfer->commands[piece], false);
    tuff_barrier(device, transfer->commands[piece], VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
                 VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT | VK_PIPELINE_STAGE_HOST_BIT,
                 VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_UNIFORM_READ_BIT |
                     VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT | VK_ACCESS_HOST_READ_BIT);
    VkResult result = device->vk.vkEndCommandBuffer(transfer->commands[piece]);
    TUFF_TRY(tuff_device_status(device, error, result, "vkEndCommandBuffer"));
    const struct tuff_batch batch = {.commands = transfer->commands[piece]};
    TUFF_TRY(tuff_queue_submit(device, &batch, &transfer->tickets[piece], error));
    transfer->next = piece + 1;
    for (int i = 0; i < 2; i++)
        if (buffers[i]) tuff_buffer_used(buffers[i], transfer->tickets[piece]);
    return TUFF_OK;
}

static void *piece_memory(const struct tuff_transfer *transfer, uint32_t piece)
{
    return (char *)transfer->memory.mapped + piece * transfer->piece_bytes;
}

/* Bytes of the host into the buffer (from), or back (to; the other is NULL): then piece k is fetched while pieces k+1.. are copied by the
 * device. Under the lock. */
static tuff_status copy(struct tuff_buffer *buffer, uint64_t offset, const char *from, char *to, uint64_t bytes,
                        struct tuff_error *error)
{
    struct tuff_device *device = buffer->device;
    struct tuff_transfer *ring = &device->transfer;
    struct tuff_buffer *const buffers[2] = {buffer};
    uint32_t pieces[TUFF_TRANSFER_PIECES], piece = 0;
    TUFF_TRY(create_ring(device, error));
    const uint64_t most = ring->piece_bytes, count = (bytes + most - 1) / most;
    for (uint64_t submitted = 0, done = 0; done < count;) {
        bool fetches = submitted == count || submitted - done == TUFF_TRANSFER_PIECES;
        uint64_t at = (fetches ? done : submitted) * most, size = bytes - at < most ? bytes - at : most;
        if (fetches) {
            piece = pieces[done++ % TUFF_TRANSFER_PIECES];
            TUFF_TRY(tuff_device_wait(device, ring->tickets[piece], UINT64_MAX, error));
            memcpy(to + at, piece_memory(ring, piece), (size_t)size);
            continue;
        }
        TUFF_TRY(begin_piece(device, buffers, &piece, error));
        if (from) memcpy(piece_memory(ring, piece), from + at, (size_t)size);
        VkBufferCopy range = {
            .srcOffset = from ? piece * most : offset + at, .dstOffset = from ? offset + at : piece * most, .size = size};
        device->vk.vkCmdCopyBuffer(ring->commands[piece], from ? ring->buffer : buffer->handle,
                                   from ? buffer->handle : ring->buffer, 1, &range);
        TUFF_TRY(submit_piece(device, buffers, piece, error));
        pieces[submitted++ % TUFF_TRANSFER_PIECES] = piece;
        done += from != NULL;
    }
    return TUFF_OK;
}

static tuff_status copy_alone(struct tuff_buffer *buffer, uint64_t offset, const char *from, char *to, uint64_t bytes,
                              struct tuff_error *error)
{
    tuff_os_mutex_lock(buffer->device->transfer.lock);
    tuff_status status = copy(buffer, offset, from, to, bytes, error);
    tuff_os_mutex_unlock(buffer->device->transfer.lock);
    return status;
}

tuff_status tuff_transfer_write(struct tuff_buffer *buffer, uint64_t offset, const void *data, uint64_t bytes,
                                struct tuff_error *error)
{
    return copy_alone(buffer, offset, data, NULL, bytes, error);
}

tuff_status tuff_transfer_read(struct tuff_buffer *buffer, uint64_t offset, void *data, uint64_t bytes,
                               struct tuff_error *error)
{
    return copy_alone(buffer, offset, NULL, data, bytes, error);
}

tuff_status tuff_transfer_fill(struct tuff_buffer *buffer, uint32_t word, struct tuff_error *error)
{
    struct tuff_device *device = buffer->device;
    struct tuff_buffer *const buffers[2] = {buffer};
    uint32_t piece = 0;
    tuff_os_mutex_lock(device->transfer.lock);
    tuff_status status = begin_piece(device, buffers, &piece, error);
    if (status == TUFF_OK) {
        device->vk.vkCmdFillBuffer(device->transfer.commands[piece], buffer->handle, 0, VK_WHOLE_SIZE, word);
        status = submit_piece(device, buffers, piece, error);
    }
    tuff_os_mutex_unlock(device->transfer.lock);
    return status;
}

tuff_status tuff_transfer_copy(struct tuff_transfer_range from, struct tuff_transfer_range to, uint64_t bytes,
                               uint64_t *ticket, struct tuff_error *error)
{
    struct tuff_device *device = to.buffer->device;
    struct tuff_buffer *const buffers[2] = {from.buffer, to.buffer};
    const VkBufferCopy range = {from.offset, to.offset, bytes};
    uint32_t piece = 0;
    if (ticket) *ticket = 0;
    if (!bytes) return TUFF_OK;
    tuff_os_mutex_lock(device->transfer.lock);
    tuff_status status = begin_piece(device, buffers, &piece, error);
    if (status == TUFF_OK) {
        VkCommandBuffer commands = device->transfer.commands[piece];
        if (!tuff_external_copy_picture(from.buffer, commands, to))
            device->vk.vkCmdCopyBuffer(commands, from.buffer->handle, to.buffer->handle, 1, &range);
        status = submit_piece(device, buffers, piece, error);
        if (ticket && status == TUFF_OK) *ticket = device->transfer.tickets[piece];
    }
    tuff_os_mutex_unlock(device->transfer.lock);
    return status;
}
