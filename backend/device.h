/* device.h - the inside of a device, shared by the files of this folder. Private.
 *
 * Locks: every lock is taken last, but for transfer.lock, under which submissions are made: transfer.lock, then queue.lock. */
#ifndef TUFF_DEVICE_H
#define TUFF_DEVICE_H

#include "backend/health.h"
#include "backend/instance.h"
#include "backend/os.h"

/* queue.c: the one queue, tickets of its submissions, destruction when a ticket has passed. */
struct tuff_pending_fence {
    VkFence handle;  /* [owned] */
    uint64_t ticket; /* 0: free */
    uint32_t waiters;
};
struct tuff_deferred {
    uint64_t ticket;
    void (*destroy)(struct tuff_device *device, void *object);
    void *object; /* [owned] */
};
struct tuff_queue {
    struct tuff_os_mutex *lock; /* [owned] protects all below */
    VkQueue handle;             /* [borrowed] */
    uint32_t family, index;
    void (*lock_queue)(void *user, uint32_t family, uint32_t index); /* the app's; may be NULL */
    void (*unlock_queue)(void *user, uint32_t family, uint32_t index);
    void *lock_user;
    VkSemaphore timeline;              /* [owned] NULL: fences */
    struct tuff_pending_fence *fences; /* [owned] */
    size_t fence_count, fence_capacity;
    struct tuff_deferred *deferred; /* [owned] */
    size_t deferred_count, deferred_capacity;
    atomic_uint_fast64_t submitted, done; /* tickets */
    atomic_bool lost;
};
void tuff_queue_init(struct tuff_device *device);
void tuff_queue_finish(struct tuff_device *device); /* waits for everything */
/* A submission: commands, or a semaphore of the app's that is waited for or signalled. NULL: none. */
struct tuff_batch {
    VkCommandBuffer commands;
    VkSemaphore wait, signal;
    uint64_t value; /* of the semaphore; 0: it is binary */
};
tuff_status tuff_queue_submit(struct tuff_device *device, const struct tuff_batch *batch, uint64_t *ticket,
                              struct tuff_error *error);
/* Memory accesses that are waited for, and those that wait. */
void tuff_barrier(struct tuff_device *device, VkCommandBuffer commands, VkPipelineStageFlags from, VkAccessFlags writes,
                  VkPipelineStageFlags to, VkAccessFlags accesses);
/* Command buffers of a pool of their own. On failure there is no pool. */
tuff_status tuff_commands_create(struct tuff_device *device, VkCommandPoolCreateFlags flags, uint32_t count,
                                 VkCommandPool *pool, VkCommandBuffer *commands, struct tuff_error *error);
/* Destroys object now if the ticket has passed, else later. */
void tuff_queue_defer(struct tuff_device *device, uint64_t ticket, void (*destroy)(struct tuff_device *, void *),
                      void *object);
void tuff_queue_collect(struct tuff_device *device);
/* A lost device is asked nothing more, and nothing that it holds is believed: DEVICE_LOST with its sentence. In a child of the process
 * that opened it (fork) no device is asked anything, and none of its locks is taken, which nobody there would release: USAGE. */
tuff_status tuff_device_check(struct tuff_device *device, struct tuff_error *error);
/* TUFF_OK of VK_SUCCESS, else as tuff_vk_fail; remembers that the device is lost. */
tuff_status tuff_device_status(struct tuff_device *device, struct tuff_error *error, VkResult result, const char *what);
/* vkCreate<name> of a device; after a failure *to is VK_NULL_HANDLE, which drivers do not promise. */
#define TUFF_VK_CREATE(device, error, name, info, to)                                                                       \
    tuff_device_made(device, error, (device)->vk.vkCreate##name((device)->handle, info, NULL, to), "vkCreate" #name, to,    \
                     sizeof *(to))
tuff_status tuff_device_made(struct tuff_device *device, struct tuff_error *error, VkResult result, const char *what,
                             void *handle, size_t bytes);

/* memory.c: few large allocations per memory type, handed out in pieces. Thread-safe. */
struct tuff_memory_block;
enum tuff_memory_use { TUFF_USE_DEVICE, TUFF_USE_STAGING };
struct tuff_allocation {
    struct tuff_memory_block *block; /* [borrowed] */
    VkDeviceMemory memory;
    uint64_t offset, bytes;
    void *mapped; /* NULL where the host does not see it */
};
struct tuff_memory_pool {
    struct tuff_os_mutex *lock; /* [owned] */
    VkPhysicalDeviceMemoryProperties properties;
    struct tuff_memory_block *blocks; /* [owned] list */
    uint64_t now_bytes, peak_bytes;
    uint32_t allocation_count;
};
void tuff_memory_finish(struct tuff_device *device);
/* No block of *allocation where there is none; quiet: that is no failure, for who can do with less. */
tuff_status tuff_memory_allocate(struct tuff_device *device, const VkMemoryRequirements *needs, enum tuff_memory_use use,
                                 bool quiet, const char *label, struct tuff_allocation *allocation,
                                 struct tuff_error *error);
void tuff_memory_free(struct tuff_device *device, struct tuff_allocation *allocation);
/* An allocation of its own, in the best of some memory types, which the host does not see through Tuff. *type: which. */
struct tuff_own_memory {
    uint64_t bytes;
    uint32_t types; /* a bit each */
    enum tuff_memory_use use;
    bool fresh;        /* it takes memory that nobody has */
    const void *chain; /* of VkMemoryAllocateInfo */
};
tuff_status tuff_memory_own(struct tuff_device *device, const struct tuff_own_memory *own, const char *label,
                            struct tuff_allocation *allocation, uint32_t *type, struct tuff_error *error);

/* buffer.c */
struct tuff_buffer {
    struct tuff_device *device; /* [retained] */
    atomic_uint references;
    VkBuffer handle; /* [owned] */
    struct tuff_allocation memory;
    uint64_t bytes;
    struct tuff_external *external; /* [owned] NULL: nobody else has the memory */
    atomic_uint_fast64_t last_use;  /* ticket */
    char label[64];
};
#define TUFF_BUFFER_USAGE                                                                                                   \
    (VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT | VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT |        \
     VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT)
/* A buffer that has nothing yet, and its end: handed out, or destroyed with all that it has got. */
tuff_status tuff_buffer_begin(struct tuff_device *device, uint64_t bytes, const char *label, struct tuff_buffer **buffer,
                              struct tuff_error *error);
tuff_status tuff_buffer_end(struct tuff_buffer *made, tuff_status status, struct tuff_buffer **buffer);
void tuff_buffer_destroy(struct tuff_device *device, void *buffer);
void tuff_buffer_used(struct tuff_buffer *buffer, uint64_t ticket);
/* A VkBuffer with memory. On failure there is neither, nor where there is no memory and quiet, which is no failure. */
tuff_status tuff_buffer_handle(struct tuff_device *device, const VkBufferCreateInfo *info, enum tuff_memory_use use,
                               bool quiet, const char *label, VkBuffer *handle, struct tuff_allocation *memory,
                               struct tuff_error *error);

/* transfer.c: copies between host and device through a ring of staging pieces, and fills. Thread-safe. */
#define TUFF_TRANSFER_PIECES 4
struct tuff_transfer {
    struct tuff_os_mutex *lock; /* [owned] held for a whole copy */
    VkCommandPool pool;         /* [owned] made on first use, as is all below */
    VkCommandBuffer commands[TUFF_TRANSFER_PIECES];
    uint64_t tickets[TUFF_TRANSFER_PIECES];
    VkBuffer buffer; /* [owned] */
    struct tuff_allocation memory;
    uint64_t piece_bytes;
    uint32_t next;
};
void tuff_transfer_finish(struct tuff_device *device);
tuff_status tuff_transfer_write(struct tuff_buffer *buffer, uint64_t offset, const void *data, uint64_t bytes,
                                struct tuff_error *error);
tuff_status tuff_transfer_read(struct tuff_buffer *buffer, uint64_t offset, void *data, uint64_t bytes,
                               struct tuff_error *error);
tuff_status tuff_transfer_fill(struct tuff_buffer *buffer, uint32_t word, struct tuff_error *error);
/* On the device, in range. ticket may be NULL. */
struct tuff_transfer_range {
    struct tuff_buffer *buffer;
    uint64_t offset;
};
tuff_status tuff_transfer_copy(struct tuff_transfer_range from, struct tuff_transfer_range to, uint64_t bytes,
                               uint64_t *ticket, struct tuff_error *error);

/* external.c: memory that others have, too. What is recorded of it stands between acquire and its opposite. */
struct tuff_external;
void tuff_external_finish(struct tuff_device *device, struct tuff_external *external);
void tuff_external_own(struct tuff_buffer *buffer, VkCommandBuffer commands, bool acquire); /* of other memory: nothing */
/* The rows of a picture into a buffer; false: the buffer is none. */
bool tuff_external_copy_picture(struct tuff_buffer *picture, VkCommandBuffer commands, struct tuff_transfer_range to);

/* pipeline.c: pipelines shared by all programs of a device. Thread-safe. */
struct tuff_pipeline;
struct tuff_pipelines {
    struct tuff_os_mutex *lock; /* [owned] */
    struct tuff_pipeline *list; /* [owned] */
    uint32_t unused;            /* of them: no program has them */
    VkPipelineCache cache;      /* [owned] NULL: none; internally synchronized by the driver */
};

struct tuff_cache; /* cache.h */

struct tuff_device {
    struct tuff_context *context; /* [borrowed] */
    atomic_uint references;
    struct tuff_instance *instance; /* [owned] */
    struct tuff_gpu gpu;
    struct tuff_caps caps; /* clamped */
    VkDevice handle;       /* [owned] unless imported */
    bool imported;
    struct VolkDeviceTable vk;
    PFN_vkWaitSemaphores wait_semaphores; /* core or KHR; NULL without timeline */
    PFN_vkGetSemaphoreCounterValue counter_value;
    struct tuff_queue queue;
    struct tuff_memory_pool memory;
    struct tuff_transfer transfer;
    struct tuff_pipelines pipelines;
    struct tuff_cache *cache; /* [owned] */
    struct tuff_device_health health;
};

/* A device as `open` finds or makes its VkDevice, with what stands above it: tables, queue, memory, caches. */
tuff_status tuff_device_make(struct tuff_context *context,
                             tuff_status (*open)(struct tuff_device *device, const void *from, struct tuff_error *error),
                             const void *from, struct tuff_device **device, struct tuff_error *error);
void tuff_device_name_object(struct tuff_device *device, VkObjectType type, uint64_t object, const char *name);
/* Messages of the validation layer so far, and whether it runs. For tests. */
unsigned tuff_device_validation_messages(const struct tuff_device *device);
bool tuff_device_validation_active(const struct tuff_device *device);

/* A handle as a number; on 32-bit systems those of objects that are not dispatchable are 64-bit numbers already. */
#define TUFF_HANDLE(handle) ((uint64_t) _Generic((handle), uint64_t : (handle), default : (uintptr_t)(handle)))

#endif
