/* vulkan.h - the one public header that shows Vulkan types: taking the app's device, handing out handles, and running beside the app's
 * own queue. Public.
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

#ifdef __cplusplus
}
#endif
#endif
