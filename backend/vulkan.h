/* vulkan.h - the one public header that shows Vulkan types: taking the app's device, handing out handles, running beside the app's
 * own queue, and sharing memory with other devices, processes and APIs. Public.
 *
 * Where the app loads Vulkan functions itself (volk), it defines VK_NO_PROTOTYPES as usual; this header needs types alone. */
#ifndef TUFF_VULKAN_H
#define TUFF_VULKAN_H

#include "backend/backend.h"

#include <vulkan/vulkan_core.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The app's device. All handles are [borrowed]: they outlive the struct tuff_device and everything made from it. */
struct tuff_import_params {
    size_t struct_size; /* sizeof(struct tuff_import_params) */
    VkInstance instance;
    VkPhysicalDevice physical_device;
    VkDevice device;
    VkQueue queue; /* of a family with VK_QUEUE_COMPUTE_BIT */
    uint32_t queue_family, queue_index;
    uint32_t api_version; /* as in the app's VkApplicationInfo; at least VK_API_VERSION_1_1 */
    /* What vkCreateDevice was given: what is not listed here is not used, even if the device could. */
    const VkPhysicalDeviceFeatures2 *features; /* chain of features; NULL: none */
    const char *const *extensions;             /* device extensions */
    uint32_t extension_count;
    PFN_vkGetInstanceProcAddr get_instance_proc_addr; /* NULL: that of the system's loader */
    /* Called around every use of the queue; both or none. None: the app does not use the queue while Tuff's functions run.
     * Tuff calls them under a lock of its own: the app calls no function of Tuff while it holds what they take. */
    void (*lock_queue)(void *user, uint32_t queue_family, uint32_t queue_index);
    void (*unlock_queue)(void *user, uint32_t queue_family, uint32_t queue_index);
    void *user;
};

/* A struct tuff_device on the app's VkDevice. Nothing of the app is destroyed by its release. Submissions of app and Tuff to
 * the queue run in their order; a memory barrier between them is the app's to record where it touches Tuff's buffers (none is due
 * where one waits for a semaphore of the other: below), and so is waiting on the host: tuff_buffer_read, _write and _release and
 * what executables read and write know Tuff's submissions alone.
 * Errors: USAGE, UNSUPPORTED (older than Vulkan 1.1), NO_DEVICE (no vkGetInstanceProcAddr), MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_device_import(struct tuff_context *context,
                                                        const struct tuff_import_params *params, struct tuff_device **device,
                                                        struct tuff_error *error);

/* Device extensions that Tuff uses when they are enabled (none is required); static texts. The app enables those that the
 * device has, with their features. */
TUFF_API const char *const *tuff_vulkan_extensions(uint32_t *count);

/* Handles, [borrowed] from the object. Thread-safe. */
TUFF_API VkInstance tuff_vulkan_instance(const struct tuff_device *device);
TUFF_API VkPhysicalDevice tuff_vulkan_physical_device(const struct tuff_device *device);
TUFF_API VkDevice tuff_vulkan_device(const struct tuff_device *device);
TUFF_API VkQueue tuff_vulkan_queue(const struct tuff_device *device, uint32_t *queue_family);
TUFF_API VkBuffer tuff_vulkan_buffer(const struct tuff_buffer *buffer, uint64_t *bytes);

/* ---- inputs and outputs that the app fills and reads on its own queue ---- */

/* Where an input or output of an executable lies: elements row by row as tuff_executable_set and _get move them, of the type that the
 * device computes in. The buffer may be used for storage, as uniform and indirect buffer and for transfers. It is owned by one queue
 * family at a time (VK_SHARING_MODE_EXCLUSIVE), which is Tuff's (tuff_vulkan_queue): queues of that family need nothing more; an app
 * that uses one of another family submits release and acquire of both sides itself, those of Tuff's side to Tuff's queue. */
struct tuff_vulkan_range {
    VkBuffer buffer;        /* [borrowed] from the executable, which is destroyed when the app's own work on it is done */
    uint64_t offset, bytes; /* offset: a multiple of minStorageBufferOffsetAlignment, and of 256 */
};
/* Where the next run reads the input of this name, which thereby counts as written: from now on its content is the app's to write.
 * With several sets of inputs, which take turns, each has a place of its own, to be asked for before its first run. Labels and
 * indices that the app writes are not looked at: one outside gives what tuff_cross_entropy and tuff_gather say of a computed one.
 * One thread at a time. Errors: USAGE. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_input_buffer(struct tuff_executable *executable, const char *name,
                                                                  struct tuff_vulkan_range *range, struct tuff_error *error);
/* Where each run writes the output of this name ("output0", .. where it has none), the same place in all of them. Errors: USAGE, also
 * where the output is an input, parameter or state itself. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_output_buffer(const struct tuff_executable *executable,
                                                                   const char *name, struct tuff_vulkan_range *range,
                                                                   struct tuff_error *error);

/* What is submitted to Tuff's queue from now on (runs, steps of trainers, transfers) waits on the device for the app's semaphore;
 * what has been submitted so far signals it. Both sides then see each other's writes without a barrier.
 *   value   of a timeline semaphore, above 0; 0 for a binary one, whose signal is submitted before its wait
 *   ticket  passes when the semaphore is no longer used; may be NULL
 * Functions of Tuff that wait on the host for what waits here, as the first run of an executable does, return once the app has
 * signalled. Thread-safe. Errors: DEVICE_LOST, DRIVER, MEMORY, USAGE. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_vulkan_wait(struct tuff_device *device, VkSemaphore semaphore, uint64_t value,
                                                      uint64_t *ticket, struct tuff_error *error);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_vulkan_signal(struct tuff_device *device, VkSemaphore semaphore, uint64_t value,
                                                        uint64_t *ticket, struct tuff_error *error);
/* Tuff's own timeline semaphore, for the app to wait for: tickets are its values. VK_NULL_HANDLE where the device has none (before
 * Vulkan 1.2 without its extension, or not enabled by the app): then tuff_vulkan_signal. Thread-safe. */
TUFF_API VkSemaphore tuff_vulkan_timeline(const struct tuff_device *device);

/* ---- memory and semaphores that other devices, processes and APIs have, too ----
 *
 * A buffer is made here and its handle given away (tuff_vulkan_memory_create, _export), or made of a handle (tuff_vulkan_memory_import).
 * Runs read and write it by a copy on the device: tuff_executable_set_buffer, tuff_executable_get_buffer. Who is at it at which
 * time is a matter of semaphores (tuff_vulkan_wait and _signal), or of waiting for tickets. Around each copy, read and write of such a
 * buffer Tuff's queue takes it from VK_QUEUE_FAMILY_EXTERNAL (VK_QUEUE_FAMILY_FOREIGN_EXT: of dma-buf and AHardwareBuffer, where there is
 * VK_EXT_queue_family_foreign) and gives it back. All compiles everywhere; what a device or system lacks is refused with a sentence. */
enum tuff_handle_kind {
    TUFF_HANDLE_NONE,            /* what a descriptor's handle becomes when it is taken */
    TUFF_HANDLE_FD,              /* file descriptor that this driver alone understands: memory, semaphores */
    TUFF_HANDLE_DMA_BUF,         /* memory */
    TUFF_HANDLE_WIN32,           /* HANDLE of Windows NT, opaque: memory, semaphores */
    TUFF_HANDLE_HOST_POINTER,    /* memory of this process, to be imported */
    TUFF_HANDLE_HARDWARE_BUFFER, /* AHardwareBuffer of Android: a blob, or a picture (R8G8B8A8_UNORM) to be imported */
    TUFF_HANDLE_SYNC_FD          /* semaphores: a fence of Linux and Android that is waited for once */
};
struct tuff_handle {
    enum tuff_handle_kind kind;
    int fd;                /* FD, DMA_BUF, SYNC_FD (where -1 has been signalled) */
    void *pointer;         /* the others: HANDLE, the memory itself, struct AHardwareBuffer * */
    uint64_t bytes;        /* of the buffer, from the beginning of the memory; of AHardwareBuffer 0 is all of it */
    uint64_t memory_bytes; /* that the memory has (allocationSize); 0: as bytes */
    uint32_t memory_type;  /* FD, WIN32: memoryTypeIndex that it was allocated with */
    bool timeline;         /* a timeline semaphore */
    uint8_t device_uuid[16],
        driver_uuid[16]; /* FD, WIN32: of the device that it came from; zeros: not told, and not compared */
};

enum tuff_handle_use { TUFF_IMPORTS_MEMORY, TUFF_EXPORTS_MEMORY, TUFF_IMPORTS_SEMAPHORE, TUFF_EXPORTS_SEMAPHORE };
/* TUFF_OK, or UNSUPPORTED with the reason: an extension that the driver does not offer or the app did not enable
 * (tuff_vulkan_extensions), a driver that says no, a library that is not there. Nothing is logged. Thread-safe. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_vulkan_offers(struct tuff_device *device, enum tuff_handle_kind kind,
                                                        enum tuff_handle_use use, struct tuff_error *error);

/* A buffer of zeros in memory of its own that handles of this kind can be made of. Errors: UNSUPPORTED, DEVICE_MEMORY, MEMORY, DRIVER. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_vulkan_memory_create(struct tuff_device *device, uint64_t bytes,
                                                               enum tuff_handle_kind kind, const char *label,
                                                               struct tuff_buffer **buffer, struct tuff_error *error);
/* Another handle of it, which is the caller's: to close, CloseHandle or AHardwareBuffer_release. Errors: USAGE, DRIVER, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_vulkan_memory_export(struct tuff_buffer *buffer, struct tuff_handle *handle,
                                                               struct tuff_error *error);
/* A buffer of what the handle stands for. A descriptor is taken (handle->kind becomes TUFF_HANDLE_NONE) when this succeeds, and else
 * stays the caller's; a HANDLE stays the caller's, an AHardwareBuffer is acquired until the buffer's end, and a host pointer (it and
 * its bytes multiples of minImportedHostPointerAlignment) stays allocated until then. The end is at once when the
 * last ticket that used the buffer has been waited for (tuff_device_wait) ahead of tuff_buffer_release, and else some time after it. Memory
 * that the app allocated through Vulkan: without VkMemoryDedicatedAllocateInfo. A picture is no VkBuffer (tuff_vulkan_buffer: VK_NULL_HANDLE): tuff_executable_set_buffer
 * alone reads it, as bytes [height, width, 4].
 * Errors: USAGE (closed, taken before, sizes, another device), UNSUPPORTED, DEVICE_MEMORY, MEMORY, DRIVER. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_vulkan_memory_import(struct tuff_device *device, struct tuff_handle *handle,
                                                               const char *label, struct tuff_buffer **buffer,
                                                               struct tuff_error *error);

/* As tuff_executable_set of a whole input, from a buffer of any kind: copied on the device, behind all that is submitted so far (and what
 * tuff_vulkan_wait waits for), ahead of the next run. *ticket (may be NULL) passes when the buffer is read. Errors: USAGE, DEVICE_LOST, DRIVER, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_set_buffer(struct tuff_executable *executable, const char *name,
                                                                struct tuff_buffer *buffer, uint64_t offset,
                                                                uint64_t *ticket, struct tuff_error *error);
/* As tuff_executable_get of all of it, into a buffer: copied on the device behind the last run; *ticket passes when it is written. Errors: those of both. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_get_buffer(struct tuff_executable *executable, const char *name,
                                                                struct tuff_buffer *buffer, uint64_t offset,
                                                                uint64_t *ticket, struct tuff_error *error);

/* A semaphore that handles of this kind can be made of; timeline: above 0 by values. Errors: UNSUPPORTED, MEMORY, DRIVER. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_vulkan_semaphore_create(struct tuff_device *device, enum tuff_handle_kind kind,
                                                                  bool timeline, VkSemaphore *semaphore,
                                                                  struct tuff_error *error);
/* Another handle of it, as `kind` and `timeline` of its making say; its own as of memory. Of SYNC_FD: of a signal that is submitted
 * (tuff_vulkan_signal), and which it takes away as a wait does. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_vulkan_semaphore_export(struct tuff_device *device, VkSemaphore semaphore,
                                                                  enum tuff_handle_kind kind, bool timeline,
                                                                  struct tuff_handle *handle, struct tuff_error *error);
/* A semaphore of what the handle stands for, which is taken or not as one of memory. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_vulkan_semaphore_import(struct tuff_device *device, struct tuff_handle *handle,
                                                                  VkSemaphore *semaphore, struct tuff_error *error);
/* When all that is submitted to Tuff's queue so far is done; before the last release of the device. */
TUFF_API void tuff_vulkan_semaphore_destroy(struct tuff_device *device, VkSemaphore semaphore);

#ifdef __cplusplus
}
#endif
#endif
