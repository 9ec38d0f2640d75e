/* queue.c - the one queue of a device: submissions and their tickets, waiting, destruction after the last use.
 *
 * A ticket is a value of the timeline semaphore, or the number of a submission whose fence stands in a list where timeline
 * semaphores are missing. Ticket 0 has always passed. A lost device stays lost. Thread-safe. */
#include "backend/device.h"
#include "backend/lookup.h"

tuff_status tuff_device_status(struct tuff_device *device, struct tuff_error *error, VkResult result, const char *what)
{
    if (result == VK_SUCCESS) return TUFF_OK;
    if (result == VK_ERROR_DEVICE_LOST) atomic_store(&device->queue.lost, true);
    return tuff_vk_fail(device->context, error, result, what);
}

tuff_status tuff_device_made(struct tuff_device *device, struct tuff_error *error, VkResult result, const char *what,
                             void *handle, size_t bytes)
{
    if (result != VK_SUCCESS) memset(handle, 0, bytes);
    return tuff_device_status(device, error, result, what);
}

tuff_status tuff_device_check(struct tuff_device *device, struct tuff_error *error)
{
    if (tuff_context_inherited(device->context))
        return tuff_refuse(
            device->context, error,
            "the device was opened by the process that this one was forked from; a child process makes a context and "
            "a device of its own");
    if (!atomic_load(&device->queue.lost)) return TUFF_OK;
    return tuff_fail(device->context, error, TUFF_ERR_DEVICE_LOST, "the device was lost; destroy it and create it anew");
}

void tuff_queue_init(struct tuff_device *device)
{
    struct tuff_queue *queue = &device->queue;
    if (!device->caps.timeline_semaphore || !device->wait_semaphores || !device->counter_value) return;
    VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                      .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    /* A device that cannot make one still compiles pipelines, and has fences. */
    if (device->vk.vkCreateSemaphore(device->handle, &info, NULL, &queue->timeline) != VK_SUCCESS)
        queue->timeline = VK_NULL_HANDLE;
    tuff_device_name_object(device, VK_OBJECT_TYPE_SEMAPHORE, TUFF_HANDLE(queue->timeline), "tuff timeline");
}

static void raise_done(struct tuff_queue *queue, uint64_t ticket)
{
    uint_fast64_t seen = atomic_load(&queue->done);
    while (seen < ticket && !atomic_compare_exchange_weak(&queue->done, &seen, ticket)) continue;
}

/* Fences whose ticket has passed become free, unless a thread still waits on them. Under the lock. */
static void recycle_fences(struct tuff_queue *queue)
{
    for (uint32_t i = 0; i < queue->fence_count; i++)
        if (!queue->fences[i].waiters && queue->fences[i].ticket <= atomic_load(&queue->done)) queue->fences[i].ticket = 0;
}

/* Under the lock. */
static void poll_fences(struct tuff_device *device)
{
    struct tuff_queue *queue = &device->queue;
    for (uint32_t i = 0; i < queue->fence_count; i++) {
        if (!queue->fences[i].ticket) continue;
        VkResult result = device->vk.vkGetFenceStatus(device->handle, queue->fences[i].handle);
        if (result == VK_SUCCESS) raise_done(queue, queue->fences[i].ticket);
        if (result == VK_ERROR_DEVICE_LOST) atomic_store(&queue->lost, true);
    }
    recycle_fences(queue);
}

/* A free fence, reset; its place in the list is *index. Under the lock. */
static VkResult take_fence(struct tuff_device *device, uint32_t *index)
{
    struct tuff_queue *queue = &device->queue;
    VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    for (uint32_t i = 0; i < queue->fence_count; i++) {
        if (queue->fences[i].ticket) continue;
        *index = i;
        return device->vk.vkResetFences(device->handle, 1, &queue->fences[i].handle);
    }
    if (!TUFF_GROW_HEAP(device->context, queue->fences, queue->fence_count, &queue->fence_capacity))
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    struct tuff_pending_fence fence = {0};
    VkResult result = device->vk.vkCreateFence(device->handle, &info, NULL, &fence.handle);
    if (result != VK_SUCCESS) return result;
    *index = (uint32_t)queue->fence_count;
    queue->fences[queue->fence_count++] = fence;
    return VK_SUCCESS;
}

/* Under the lock. */
static VkResult submit_locked(struct tuff_device *device, const struct tuff_batch *batch, uint64_t ticket)
{
    struct tuff_queue *queue = &device->queue;
    const VkPipelineStageFlags all = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    VkSemaphore signals[2] = {batch->signal};
    uint64_t values[2] = {batch->value};
    VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                         .waitSemaphoreCount = batch->wait != VK_NULL_HANDLE,
                         .pWaitSemaphores = &batch->wait,
                         .pWaitDstStageMask = &all,
                         .commandBufferCount = batch->commands != NULL,
                         .pCommandBuffers = &batch->commands,
                         .signalSemaphoreCount = batch->signal != VK_NULL_HANDLE,
                         .pSignalSemaphores = signals};
    uint32_t fence = 0;
    if (queue->timeline) {
        signals[info.signalSemaphoreCount] = queue->timeline;
        values[info.signalSemaphoreCount++] = ticket;
    }
    VkTimelineSemaphoreSubmitInfo timeline = {.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                              .waitSemaphoreValueCount = info.waitSemaphoreCount,
                                              .pWaitSemaphoreValues = &batch->value,
                                              .signalSemaphoreValueCount = info.signalSemaphoreCount,
                                              .pSignalSemaphoreValues = values};
    if (queue->timeline || batch->value) info.pNext = &timeline;
    if (!queue->timeline) {
        VkResult result = take_fence(device, &fence);
        if (result != VK_SUCCESS) return result;
    }
    if (queue->lock_queue) queue->lock_queue(queue->lock_user, queue->family, queue->index);
    VkResult result = device->vk.vkQueueSubmit(queue->handle, 1, &info,
                                               queue->timeline ? VK_NULL_HANDLE : queue->fences[fence].handle);
    if (queue->unlock_queue) queue->unlock_queue(queue->lock_user, queue->family, queue->index);
    if (result == VK_SUCCESS && !queue->timeline) queue->fences[fence].ticket = ticket;
    return result;
}

tuff_status tuff_queue_submit(struct tuff_device *device, const struct tuff_batch *batch, uint64_t *ticket,
                              struct tuff_error *error)
{
    struct tuff_queue *queue = &device->queue;
    TUFF_TRY(tuff_device_check(device, error));
    tuff_os_mutex_lock(queue->lock);
    if (!queue->timeline) poll_fences(device);
    uint64_t next = atomic_load(&queue->submitted) + 1;
    /* Polling may be what learns of the loss. */
    VkResult result = atomic_load(&queue->lost) ? VK_ERROR_DEVICE_LOST : submit_locked(device, batch, next);
    if (result == VK_SUCCESS) atomic_store(&queue->submitted, next);
    tuff_os_mutex_unlock(queue->lock);
    TUFF_TRY(tuff_device_status(device, error, result, "vkQueueSubmit"));
    *ticket = next;
    return TUFF_OK;
}

void tuff_barrier(struct tuff_device *device, VkCommandBuffer commands, VkPipelineStageFlags from, VkAccessFlags writes,
                  VkPipelineStageFlags to, VkAccessFlags accesses)
{
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = writes, .dstAccessMask = accesses};
    device->vk.vkCmdPipelineBarrier(commands, from, to, 0, 1, &barrier, 0, NULL, 0, NULL);
}

tuff_status tuff_commands_create(struct tuff_device *device, VkCommandPoolCreateFlags flags, uint32_t count,
                                 VkCommandPool *pool, VkCommandBuffer *commands, struct tuff_error *error)
{
    VkCommandPool made = VK_NULL_HANDLE;
    VkCommandPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO, .flags = flags, .queueFamilyIndex = device->queue.family};
    TUFF_TRY(TUFF_VK_CREATE(device, error, CommandPool, &info, &made));
    VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = made,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = count};
    VkResult result = device->vk.vkAllocateCommandBuffers(device->handle, &allocate, commands);
    if (result == VK_SUCCESS)
        *pool = made;
    else
        device->vk.vkDestroyCommandPool(device->handle, made, NULL);
    return tuff_device_status(device, error, result, "vkAllocateCommandBuffers");
}

bool tuff_device_done(struct tuff_device *device, uint64_t ticket)
{
    struct tuff_queue *queue = &device->queue;
    uint64_t value = 0;
    if (ticket <= atomic_load(&queue->done)) return true;
    if (ticket > atomic_load(&queue->submitted) || atomic_load(&queue->lost)) return false;
    if (tuff_context_inherited(device->context)) return false;
    if (queue->timeline) {
        VkResult result = device->counter_value(device->handle, queue->timeline, &value);
        if (result == VK_ERROR_DEVICE_LOST) atomic_store(&queue->lost, true);
        if (result == VK_SUCCESS) raise_done(queue, value);
    } else {
        tuff_os_mutex_lock(queue->lock);
        poll_fences(device);
        tuff_os_mutex_unlock(queue->lock);
    }
    return ticket <= atomic_load(&queue->done);
}

/* The first fence at or after the ticket: fences signal after all that was submitted before them. */
static VkResult wait_fence(struct tuff_device *device, uint64_t ticket, uint64_t timeout_ns)
{
    struct tuff_queue *queue = &device->queue;
    uint32_t found = UINT32_MAX;
    tuff_os_mutex_lock(queue->lock);
    for (uint32_t i = 0; i < queue->fence_count; i++) {
        uint64_t other = queue->fences[i].ticket;
        if (other >= ticket && (found == UINT32_MAX || other < queue->fences[found].ticket)) found = i;
    }
    bool passed = found == UINT32_MAX; /* another thread has seen it pass */
    VkFence fence = passed ? VK_NULL_HANDLE : queue->fences[found].handle;
    uint64_t reached = passed ? ticket : queue->fences[found].ticket;
    if (!passed) queue->fences[found].waiters++;
    tuff_os_mutex_unlock(queue->lock);
    if (passed) return VK_SUCCESS;
    VkResult result = device->vk.vkWaitForFences(device->handle, 1, &fence, VK_TRUE, timeout_ns);
    tuff_os_mutex_lock(queue->lock);
    if (result == VK_SUCCESS) raise_done(queue, reached);
    queue->fences[found].waiters--; /* entries never move to another index */
    recycle_fences(queue);
    tuff_os_mutex_unlock(queue->lock);
    return result;
}

tuff_status tuff_device_wait(struct tuff_device *device, uint64_t ticket, uint64_t timeout_ns, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device != NULL);
    struct tuff_queue *queue = &device->queue;
    VkResult result;
    TUFF_TRY(tuff_device_check(device, error));
    if (ticket <= atomic_load(&queue->done)) return TUFF_OK;
    TUFF_REQUIRE_THAT(device->context, error, ticket <= atomic_load(&queue->submitted),
                      "this ticket was never given: it is beyond the last submission");
    if (queue->timeline) {
        VkSemaphoreWaitInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                    .semaphoreCount = 1,
                                    .pSemaphores = &queue->timeline,
                                    .pValues = &ticket};
        result = device->wait_semaphores(device->handle, &info, timeout_ns);
    } else {
        result = wait_fence(device, ticket, timeout_ns);
    }
    if (result == VK_TIMEOUT)
        return tuff_fail(device->context, error, TUFF_ERR_TIMEOUT, "the device was not done within %llu ns",
                         (unsigned long long)timeout_ns);
    TUFF_TRY(tuff_device_status(device, error, result, "waiting for the device"));
    raise_done(queue, ticket); /* some simulated drivers never raise the counter itself */
    tuff_queue_collect(device);
    return TUFF_OK;
}

static bool may_destroy(struct tuff_device *device, uint64_t ticket)
{
    return ticket <= atomic_load(&device->queue.done) || atomic_load(&device->queue.lost);
}

void tuff_queue_defer(struct tuff_device *device, uint64_t ticket, void (*destroy)(struct tuff_device *, void *),
                      void *object)
{
    struct tuff_queue *queue = &device->queue;
    bool kept = false;
    if (may_destroy(device, ticket) || tuff_device_done(device, ticket)) {
        destroy(device, object);
        return;
    }
    tuff_os_mutex_lock(queue->lock);
    if (TUFF_GROW_HEAP(device->context, queue->deferred, queue->deferred_count, &queue->deferred_capacity)) {
        queue->deferred[queue->deferred_count++] = (struct tuff_deferred){ticket, destroy, object};
        kept = true;
    }
    tuff_os_mutex_unlock(queue->lock);
    if (kept) return;
    (void)!tuff_device_wait(device, ticket, UINT64_MAX, NULL); /* no memory for the list: then by waiting */
    destroy(device, object);
}

void tuff_queue_collect(struct tuff_device *device)
{
    struct tuff_queue *queue = &device->queue;
    tuff_os_mutex_lock(queue->lock);
    bool waiting = queue->deferred_count;
    tuff_os_mutex_unlock(queue->lock);
    if (waiting) tuff_device_done(device, atomic_load(&queue->submitted)); /* looks how far the device is */
    while (waiting) {
        struct tuff_deferred ready = {0};
        tuff_os_mutex_lock(queue->lock);
        for (uint32_t i = 0; i < queue->deferred_count && !ready.destroy; i++) {
            if (!may_destroy(device, queue->deferred[i].ticket)) continue;
            ready = queue->deferred[i];
            queue->deferred[i] = queue->deferred[--queue->deferred_count];
        }
        tuff_os_mutex_unlock(queue->lock);
        if (!ready.destroy) return;
        ready.destroy(device, ready.object); /* outside of the lock: it takes others */
    }
}

void tuff_queue_finish(struct tuff_device *device)
{
    struct tuff_queue *queue = &device->queue;
    if (!queue->lock) return;
    (void)!tuff_device_wait(device, atomic_load(&queue->submitted), UINT64_MAX, NULL);
    raise_done(queue, atomic_load(&queue->submitted)); /* a lost device is done with everything */
    tuff_queue_collect(device);
    for (uint32_t i = 0; i < queue->fence_count; i++)
        device->vk.vkDestroyFence(device->handle, queue->fences[i].handle, NULL);
    if (queue->timeline) device->vk.vkDestroySemaphore(device->handle, queue->timeline, NULL);
    tuff_free(device->context, queue->fences);
    tuff_free(device->context, queue->deferred);
    tuff_os_mutex_destroy(queue->lock);
    queue->lock = NULL;
}
