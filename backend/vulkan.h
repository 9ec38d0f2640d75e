/* vulkan.h - the one public header that shows Vulkan types: taking the app's device, and handing out handles. Public.
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
 * the queue run in their order; a memory barrier between them is the app's to record where it touches Tuff's buffers, and so is
 * waiting: tuff_buffer_read, _write and _release know Tuff's submissions alone.
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

#ifdef __cplusplus
}
#endif
#endif
