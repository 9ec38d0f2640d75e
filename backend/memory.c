/* memory.c - device memory: few large vkAllocateMemory blocks per memory type, handed out in aligned pieces.
 *
 * Where no block of the wanted size can be had, smaller ones are tried down to the need itself, then other types of memory. Needs the device table. Holds buffers alone, so bufferImageGranularity does not matter. A block that becomes empty is
 * given back. Thread-safe. */
#include "backend/device.h"

#define BLOCK_BYTES (UINT64_C(64) << 20) /* a block of small pieces; an eighth of the heap on small heaps */

/* A free or used range; ranges of a block are in the order of their addresses and cover it. */
struct range {
    struct range *next; /* [owned] */
    uint64_t offset, bytes;
    bool used;
};

struct tuff_memory_block {
    struct tuff_memory_block *next; /* [owned] */
    VkDeviceMemory memory;          /* [owned] */
    void *mapped;
    uint64_t bytes;
    uint32_t type, used_count;
    struct range *ranges; /* [owned] */
};

static void destroy_block(struct tuff_device *device, struct tuff_memory_block *block)
{
    struct range *range = block->ranges;
    while (range) {
        struct range *next = range->next;
        tuff_free(device->context, range);
        range = next;
    }
    if (block->memory) {
        device->vk.vkFreeMemory(device->handle, block->memory, NULL); /* unmaps */
        device->memory.now_bytes -= block->bytes;
        device->memory.allocation_count--;
    }
    tuff_free(device->context, block);
}

void tuff_memory_finish(struct tuff_device *device)
{
    while (device->memory.blocks) {
        struct tuff_memory_block *block = device->memory.blocks;
        device->memory.blocks = block->next;
        destroy_block(device, block);
    }
    tuff_os_mutex_destroy(device->memory.lock);
    device->memory.lock = NULL;
}

/* Higher is better; negative: not usable. Host reads of uncached memory are slow, so cached is better where the host reads. */
static int score_type(const struct tuff_device *device, VkMemoryPropertyFlags flags, enum tuff_memory_use use)
{
    const VkMemoryPropertyFlags coherent = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    bool visible = (flags & coherent) == coherent, cached = visible && flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    bool local = flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    if (flags & (VK_MEMORY_PROPERTY_PROTECTED_BIT | VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT |
                 VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD))
        return -1;
    if (use == TUFF_USE_STAGING) return visible ? 1 + 2 * cached + !local : -1;
    if (device->caps.unified_memory) return 4 * local + 2 * visible + cached;
    return 4 * local + !visible;
}

static uint32_t choose_type(const struct tuff_device *device, uint32_t allowed, enum tuff_memory_use use)
{
    const VkPhysicalDeviceMemoryProperties *properties = &device->memory.properties;
    uint32_t best = UINT32_MAX;
    int best_score = -1;
    for (uint32_t i = 0; i < properties->memoryTypeCount; i++) {
        int score = allowed & (UINT32_C(1) << i) ? score_type(device, properties->memoryTypes[i].propertyFlags, use) : -1;
        if (score <= best_score) continue;
        best = i;
        best_score = score;
    }
    return best;
}

static tuff_status fail_with_figures(struct tuff_device *device, uint64_t bytes, uint32_t type, const char *label,
                                     const char *reason, struct tuff_error *error)
{
    struct tuff_caps caps = device->caps;
    uint32_t heap = device->memory.properties.memoryTypes[type].heapIndex;
    tuff_gpu_query_heaps(device->instance, &device->gpu, &caps);
    return tuff_fail(
        device->context, error, TUFF_ERR_DEVICE_MEMORY,
        "%s: no %llu bytes of device memory (%s): heap %u has %llu bytes, budget %llu, in use %llu; this device "
        "object holds %llu in %u allocations, at most %llu bytes each",
        label, (unsigned long long)bytes, reason, heap, (unsigned long long)caps.heaps[heap & 15].bytes,
        (unsigned long long)caps.heaps[heap & 15].budget_bytes, (unsigned long long)caps.heaps[heap & 15].used_bytes,
        (unsigned long long)device->memory.now_bytes, device->memory.allocation_count,
        (unsigned long long)caps.max_allocation_bytes);
}

/* What can be known before asking the driver; software drivers would take the machine's memory away instead of failing. */
static const char *refusal(struct tuff_device *device, uint64_t bytes, uint32_t type)
{
    struct tuff_caps caps = device->caps;
    uint32_t heap = device->memory.properties.memoryTypes[type].heapIndex & 15;
    if (bytes > caps.max_allocation_bytes) return "larger than one allocation may be";
    if (device->memory.allocation_count >= caps.max_allocation_count) return "too many allocations";
    tuff_gpu_query_heaps(device->instance, &device->gpu, &caps);
    if (bytes > caps.heaps[heap].bytes) return "larger than the heap";
    if (caps.heaps[heap].budget_bytes && caps.heaps[heap].used_bytes + bytes > caps.heaps[heap].budget_bytes)
        return "beyond the budget";
    return NULL;
}

/* Why there is no block. */
struct refused {
    const char *reason; /* known before the driver was asked; NULL: it was */
    const char *call;   /* of the driver; NULL: host memory of our own */
    VkResult result;
    uint32_t type;
    bool any;
};

static void destroy_new(struct tuff_device *device, struct tuff_memory_block *block, const char *call, VkResult result,
                        struct refused *refused)
{
    refused->call = call;
    refused->result = result;
    destroy_block(device, block);
}

static struct tuff_memory_block *empty_block(struct tuff_device *device, uint64_t bytes, uint32_t type)
{
    struct tuff_memory_block *block = tuff_alloc(device->context, sizeof *block);
    struct range *range = tuff_alloc(device->context, sizeof *range);
    if (!block || !range) {
        tuff_free(device->context, block);
        tuff_free(device->context, range);
        return NULL;
    }
    *range = (struct range){.bytes = bytes};
    *block = (struct tuff_memory_block){.ranges = range, .bytes = bytes, .type = type};
    return block;
}

/* As info says; maps what is coherent where the host is to see it. NULL: refused says why. Under the lock. */
static struct tuff_memory_block *make_block(struct tuff_device *device, const VkMemoryAllocateInfo *info, bool seen,
                                            const char *label, struct refused *refused)
{
    const uint64_t bytes = info->allocationSize;
    const uint32_t type = info->memoryTypeIndex;
    struct tuff_memory_block *block = refused->reason ? NULL : empty_block(device, bytes, type);
    if (!block) return NULL;
    VkResult result = device->vk.vkAllocateMemory(device->handle, info, NULL, &block->memory);
    if (result != VK_SUCCESS) {
        block->memory = VK_NULL_HANDLE;
        destroy_new(device, block, "vkAllocateMemory", result, refused);
        return NULL;
    }
    device->memory.allocation_count++;
    device->memory.now_bytes += bytes;
    if (device->memory.now_bytes > device->memory.peak_bytes) device->memory.peak_bytes = device->memory.now_bytes;
    if (seen && device->memory.properties.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
        result = device->vk.vkMapMemory(device->handle, block->memory, 0, VK_WHOLE_SIZE, 0, &block->mapped);
    if (result != VK_SUCCESS) {
        destroy_new(device, block, "vkMapMemory", result, refused);
        return NULL;
    }
    tuff_device_name_object(device, VK_OBJECT_TYPE_DEVICE_MEMORY, TUFF_HANDLE(block->memory), label);
    return block;
}

/* One of the pool's. */
static struct tuff_memory_block *create_block(struct tuff_device *device, uint64_t bytes, uint32_t type, const char *label,
                                              struct refused *refused)
{
    VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                       .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                 .pNext = device->gpu.features.device_address ? &flags : NULL,
                                 .allocationSize = bytes,
                                 .memoryTypeIndex = type};
    *refused = (struct refused){.reason = refusal(device, bytes, type), .type = type, .any = true};
    return make_block(device, &info, true, label, refused);
}

static tuff_status fail_refused(struct tuff_device *device, const struct refused *refused, uint64_t bytes, const char *label,
                                struct tuff_error *error)
{
    const char *reason = refused->reason;
    if (!reason && !refused->call) return tuff_fail_memory(device->context, error);
    if (!reason && refused->result == VK_ERROR_OUT_OF_DEVICE_MEMORY) reason = "the driver has none";
    if (reason) return fail_with_figures(device, bytes, refused->type, label, reason, error);
    return tuff_device_status(device, error, refused->result, refused->call);
}

/* Splits range so that it begins at its first aligned offset and has the wanted bytes; false when it is too small or host
 * memory is exhausted. */
static bool carve(struct tuff_device *device, struct range *range, uint64_t bytes, uint64_t alignment, struct range **piece)
{
    uint64_t begin = tuff_align(range->offset, alignment), gap = begin - range->offset;
    if (range->used || gap > range->bytes || bytes > range->bytes - gap) return false;
    struct range *front = range;
    if (gap) {
        struct range *rest = tuff_alloc(device->context, sizeof *rest);
        if (!rest) return false;
        *rest = (struct range){.next = range->next, .offset = begin, .bytes = range->bytes - gap};
        range->bytes = gap;
        range->next = rest;
        front = rest;
    }
    if (front->bytes > bytes) {
        struct range *rest = tuff_alloc(device->context, sizeof *rest);
        if (!rest) return false;
        *rest = (struct range){.next = front->next, .offset = begin + bytes, .bytes = front->bytes - bytes};
        front->next = rest;
        front->bytes = bytes;
    }
    front->used = true;
    *piece = front;
    return true;
}

static bool allocate_from(struct tuff_device *device, struct tuff_memory_block *block, const VkMemoryRequirements *needs,
                          struct tuff_allocation *allocation)
{
    struct range *piece = NULL;
    for (struct range *range = block->ranges; range && !piece; range = range->next)
        carve(device, range, needs->size, needs->alignment, &piece);
    if (!piece) return false;
    block->used_count++;
    *allocation = (struct tuff_allocation){.block = block,
                                           .memory = block->memory,
                                           .offset = piece->offset,
                                           .bytes = piece->bytes,
                                           .mapped = block->mapped ? (char *)block->mapped + piece->offset : NULL};
    return true;
}

static uint64_t block_bytes(const struct tuff_device *device, uint32_t type, uint64_t wanted)
{
    uint64_t heap = device->memory.properties.memoryHeaps[device->memory.properties.memoryTypes[type].heapIndex].size;
    uint64_t bytes = BLOCK_BYTES < heap / 8 ? BLOCK_BYTES : heap / 8;
    if (bytes > device->caps.max_allocation_bytes) bytes = device->caps.max_allocation_bytes;
    return wanted >= bytes / 4 ? wanted : bytes; /* large ones have an allocation of their own */
}

/* From the blocks of this type, or a new one: spare room is taken where there is some. */
static bool allocate_of_type(struct tuff_device *device, uint32_t type, const VkMemoryRequirements *needs, const char *label,
                             struct tuff_allocation *allocation, struct refused *refused)
{
    struct tuff_memory_block *block = device->memory.blocks;
    for (; block; block = block->next)
        if (block->type == type && allocate_from(device, block, needs, allocation)) return true;
    uint64_t bytes = block_bytes(device, type, needs->size);
    while (!(block = create_block(device, bytes, type, label, refused))) {
        bool asked = refused->reason || refused->call;
        if (bytes == needs->size || !asked || refused->result == VK_ERROR_DEVICE_LOST) return false;
        bytes = bytes / 2 > needs->size ? bytes / 2 : needs->size;
    }
    if (!allocate_from(device, block, needs, allocation)) {
        destroy_new(device, block, NULL, VK_ERROR_OUT_OF_HOST_MEMORY, refused);
        return false;
    }
    block->next = device->memory.blocks;
    device->memory.blocks = block;
    return true;
}

/* A large need that its heap does not hold fails with the figures: what computes from another heap would be slower by far, and who
 * asked may rather ask for less. What the host and the device hand over may lie anywhere. */
static bool may_leave_heap(const VkMemoryRequirements *needs, enum tuff_memory_use use)
{
    return use == TUFF_USE_STAGING || needs->size <= BLOCK_BYTES / 4;
}

/* first: why the best type of memory has none; any is false where no type fits. */
static bool allocate(struct tuff_device *device, const VkMemoryRequirements *needs, enum tuff_memory_use use,
                     const char *label, struct tuff_allocation *allocation, struct refused *first)
{
    const VkMemoryType *types = device->memory.properties.memoryTypes;
    uint32_t allowed = needs->memoryTypeBits, type;
    bool found = false;
    tuff_os_mutex_lock(device->memory.lock);
    while (!found && (type = choose_type(device, allowed, use)) != UINT32_MAX) {
        struct refused refused = {.any = true};
        bool other = first->any && types[type].heapIndex != types[first->type].heapIndex;
        allowed &= ~(UINT32_C(1) << type);
        if (other && !may_leave_heap(needs, use)) continue;
        found = allocate_of_type(device, type, needs, label, allocation, &refused);
        if (found && other)
            tuff_log_message(device->context, TUFF_LOG_INFO, "%s: %llu bytes lie in heap %u, as heap %u has none left",
                             label, (unsigned long long)needs->size, types[type].heapIndex, types[first->type].heapIndex);
        if (!found && !first->any) *first = refused;
        if (!found && !refused.reason && !refused.call) break; /* no host memory: other types would ask for it too */
    }
    tuff_os_mutex_unlock(device->memory.lock);
    return found;
}

tuff_status tuff_memory_allocate(struct tuff_device *device, const VkMemoryRequirements *needs, enum tuff_memory_use use,
                                 bool quiet, const char *label, struct tuff_allocation *allocation, struct tuff_error *error)
{
    struct refused first = {.any = false};
    *allocation = (struct tuff_allocation){0};
    if (allocate(device, needs, use, label, allocation, &first) || quiet) return TUFF_OK;
    if (!first.any)
        return tuff_fail(device->context, error, TUFF_ERR_DEVICE_MEMORY, "%s: the device has no fitting memory type", label);
    return fail_refused(device, &first, needs->size, label, error);
}

tuff_status tuff_memory_own(struct tuff_device *device, const struct tuff_own_memory *own, const char *label,
                            struct tuff_allocation *allocation, uint32_t *type, struct tuff_error *error)
{
    uint32_t chosen = choose_type(device, own->types, own->use);
    if (chosen == UINT32_MAX)
        return tuff_fail(device->context, error, TUFF_ERR_UNSUPPORTED, "%s: the device has no fitting memory type", label);
    VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                 .pNext = own->chain,
                                 .allocationSize = own->bytes,
                                 .memoryTypeIndex = chosen};
    struct refused refused = {.type = chosen, .any = true};
    tuff_os_mutex_lock(device->memory.lock);
    if (own->fresh) refused.reason = refusal(device, own->bytes, chosen);
    struct tuff_memory_block *block = make_block(device, &info, false, label, &refused);
    if (block) {
        allocate_from(device, block, &(VkMemoryRequirements){own->bytes, 1, own->types}, allocation); /* all of it */
        block->next = device->memory.blocks;
        device->memory.blocks = block;
    }
    tuff_os_mutex_unlock(device->memory.lock);
    if (!block) return fail_refused(device, &refused, own->bytes, label, error);
    *type = chosen;
    return TUFF_OK;
}

static void merge_free(struct tuff_device *device, struct tuff_memory_block *block)
{
    for (struct range *range = block->ranges; range; range = range->next) {
        while (!range->used && range->next && !range->next->used) {
            struct range *next = range->next;
            range->bytes += next->bytes;
            range->next = next->next;
            tuff_free(device->context, next);
        }
    }
}

void tuff_memory_free(struct tuff_device *device, struct tuff_allocation *allocation)
{
    struct tuff_memory_block *block = allocation->block;
    if (!block) return;
    tuff_os_mutex_lock(device->memory.lock);
    for (struct range *range = block->ranges; range; range = range->next)
        if (range->offset == allocation->offset) range->used = false;
    merge_free(device, block);
    if (--block->used_count == 0) {
        struct tuff_memory_block **link = &device->memory.blocks;
        while (*link != block) link = &(*link)->next;
        *link = block->next;
        destroy_block(device, block);
    }
    tuff_os_mutex_unlock(device->memory.lock);
    *allocation = (struct tuff_allocation){0};
}
