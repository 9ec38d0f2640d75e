/* memory.c - device memory: few large vkAllocateMemory blocks per memory type, handed out in aligned pieces.
 *
 * Needs the device table. Holds buffers alone, so bufferImageGranularity does not matter. A block that becomes empty is
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

tuff_status tuff_memory_init(struct tuff_device *device, struct tuff_error *error)
{
    device->instance->GetPhysicalDeviceMemoryProperties(device->gpu.handle, &device->memory.properties);
    if (tuff_os_mutex_create(device->context, &device->memory.lock) != TUFF_OK)
        return tuff_fail_memory(device->context, error);
    return TUFF_OK;
}

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

/* Under the lock. */
static tuff_status create_block(struct tuff_device *device, uint64_t bytes, uint32_t type, const char *label,
                                struct tuff_memory_block **made, struct tuff_error *error)
{
    const char *reason = refusal(device, bytes, type);
    if (reason) return fail_with_figures(device, bytes, type, label, reason, error);
    struct tuff_memory_block *block = tuff_alloc(device->context, sizeof *block);
    struct range *range = tuff_alloc(device->context, sizeof *range);
    if (!block || !range) {
        tuff_free(device->context, block);
        tuff_free(device->context, range);
        return tuff_fail_memory(device->context, error);
    }
    *range = (struct range){.bytes = bytes};
    block->ranges = range;
    block->bytes = bytes;
    block->type = type;
    VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                       .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                 .pNext = device->gpu.features.device_address ? &flags : NULL,
                                 .allocationSize = bytes,
                                 .memoryTypeIndex = type};
    VkResult result = device->vk.vkAllocateMemory(device->handle, &info, NULL, &block->memory);
    if (result == VK_SUCCESS) {
        device->memory.allocation_count++;
        device->memory.now_bytes += bytes;
        if (device->memory.now_bytes > device->memory.peak_bytes) device->memory.peak_bytes = device->memory.now_bytes;
        if (device->memory.properties.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
            result = device->vk.vkMapMemory(device->handle, block->memory, 0, VK_WHOLE_SIZE, 0, &block->mapped);
    } else {
        block->memory = VK_NULL_HANDLE;
    }
    if (result != VK_SUCCESS) {
        destroy_block(device, block);
        if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY)
            return fail_with_figures(device, bytes, type, label, "the driver has none", error);
        return tuff_device_fail(device, error, result, "vkAllocateMemory");
    }
    tuff_device_name_object(device, VK_OBJECT_TYPE_DEVICE_MEMORY, TUFF_HANDLE(block->memory), label);
    *made = block;
    return TUFF_OK;
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

tuff_status tuff_memory_allocate(struct tuff_device *device, const VkMemoryRequirements *needs, enum tuff_memory_use use,
                                 const char *label, struct tuff_allocation *allocation, struct tuff_error *error)
{
    uint32_t type = choose_type(device, needs->memoryTypeBits, use);
    if (type == UINT32_MAX)
        return tuff_fail(device->context, error, TUFF_ERR_DEVICE_MEMORY, "%s: the device has no fitting memory type", label);
    tuff_status status = TUFF_OK;
    bool found = false;
    tuff_os_mutex_lock(device->memory.lock);
    for (struct tuff_memory_block *block = device->memory.blocks; block && !found; block = block->next)
        found = block->type == type && allocate_from(device, block, needs, allocation);
    if (!found) {
        struct tuff_memory_block *block = NULL;
        uint64_t bytes = block_bytes(device, type, needs->size);
        if (bytes > needs->size && refusal(device, bytes, type)) bytes = needs->size; /* little is left: no spare room */
        status = create_block(device, bytes, type, label, &block, error);
        if (status == TUFF_OK && !allocate_from(device, block, needs, allocation)) {
            destroy_block(device, block);
            status = tuff_fail_memory(device->context, error);
        } else if (status == TUFF_OK) {
            block->next = device->memory.blocks;
            device->memory.blocks = block;
        }
    }
    tuff_os_mutex_unlock(device->memory.lock);
    return status;
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
