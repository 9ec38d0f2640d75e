/* instance.h - a Vulkan instance with a function table of its own, and what physical devices can do. Private.
 *
 * instance.c opens loader and instance, caps.c asks physical devices, drivers.c adds what is known of their drivers, limits.c
 * clamps the answers. */
#ifndef TUFF_INSTANCE_H
#define TUFF_INSTANCE_H

#include "backend/backend.h"
#include "backend/core.h"
#include "backend/vk_new.h"

#include <stdatomic.h>

#define TUFF_MAX_GPUS 32 /* physical devices looked at; more are ignored */

/* Functions of an instance, without "vk". */
#define TUFF_INSTANCE_FUNCTIONS(X)                                                                                          \
    X(DestroyInstance)                                                                                                      \
    X(EnumeratePhysicalDevices)                                                                                             \
    X(EnumerateDeviceExtensionProperties)                                                                                   \
    X(GetPhysicalDeviceProperties)                                                                                          \
    X(GetPhysicalDeviceProperties2)                                                                                         \
    X(GetPhysicalDeviceFeatures2)                                                                                           \
    X(GetPhysicalDeviceMemoryProperties)                                                                                    \
    X(GetPhysicalDeviceMemoryProperties2)                                                                                   \
    X(GetPhysicalDeviceQueueFamilyProperties)                                                                               \
    X(GetPhysicalDeviceExternalBufferProperties)                                                                            \
    X(GetPhysicalDeviceExternalSemaphoreProperties)                                                                         \
    X(CreateDevice)                                                                                                         \
    X(GetDeviceProcAddr)

/* Functions of VK_EXT_debug_utils; NULL where the extension is not enabled. */
#define TUFF_DEBUG_FUNCTIONS(X)                                                                                             \
    X(CreateDebugUtilsMessengerEXT)                                                                                         \
    X(DestroyDebugUtilsMessengerEXT)                                                                                        \
    X(SetDebugUtilsObjectNameEXT)                                                                                           \
    X(CmdBeginDebugUtilsLabelEXT)                                                                                           \
    X(CmdEndDebugUtilsLabelEXT)

#define TUFF_DECLARE_FUNCTION(name) PFN_vk##name name;

struct tuff_instance {
    struct tuff_context *context; /* [borrowed] */
    void *library;                /* [owned] the loader; NULL when the app gave vkGetInstanceProcAddr */
    PFN_vkGetInstanceProcAddr get_proc;
    VkInstance handle; /* [owned] unless imported */
    bool imported;
    uint32_t api_version;               /* that the instance was made for */
    VkDebugUtilsMessengerEXT messenger; /* [owned] */
    atomic_uint messages;               /* of the validation layer, warnings and errors */
    TUFF_INSTANCE_FUNCTIONS(TUFF_DECLARE_FUNCTION)
    TUFF_DEBUG_FUNCTIONS(TUFF_DECLARE_FUNCTION)
};

/* Opens loader and instance, with the validation layer under TUFF_DEBUG_VALIDATE. *instance is one allocation, since the
 * messenger holds its address. Errors: NO_DEVICE, MEMORY, DRIVER. */
tuff_status tuff_instance_create(struct tuff_context *context, struct tuff_instance **instance, struct tuff_error *error);
/* Wraps the app's; get_proc NULL opens the system's loader. */
tuff_status tuff_instance_import(struct tuff_context *context, VkInstance handle, PFN_vkGetInstanceProcAddr get_proc,
                                 uint32_t api_version, struct tuff_instance **instance, struct tuff_error *error);
void tuff_instance_destroy(struct tuff_instance *instance);

void tuff_volk_load_table(struct VolkDeviceTable *table, PFN_vkGetDeviceProcAddr get, VkDevice device);

/* Features in the form of caps.c: one flag for each that Tuff may use. */
struct tuff_features {
    bool storage16, storage8, float16, int8, int16, int64, float64;
    bool subgroup_size_control, full_subgroups;
    bool timeline, device_address, synchronization2, integer_dot_product;
    bool cooperative_matrix, bfloat16, memory_model;
};

/* Extensions that external.c needs, a bit each; headers of some platforms alone have their names. */
#define TUFF_SHARING(X)                                                                                                     \
    X(MEMORY_FD, "VK_KHR_external_memory_fd")                                                                               \
    X(DMA_BUF, "VK_EXT_external_memory_dma_buf")                                                                            \
    X(MEMORY_WIN32, "VK_KHR_external_memory_win32")                                                                         \
    X(HOST_POINTER, "VK_EXT_external_memory_host")                                                                          \
    X(HARDWARE_BUFFER, "VK_ANDROID_external_memory_android_hardware_buffer")                                                \
    X(SEMAPHORE_FD, "VK_KHR_external_semaphore_fd")                                                                         \
    X(SEMAPHORE_WIN32, "VK_KHR_external_semaphore_win32")                                                                   \
    X(FOREIGN, "VK_EXT_queue_family_foreign") /* a name for queues of other drivers */
#define TUFF_SHARES(bit, name) TUFF_SHARES_##bit,
enum tuff_sharing { TUFF_SHARING(TUFF_SHARES) TUFF_SHARING_COUNT };
const char *tuff_sharing_name(enum tuff_sharing extension);
bool tuff_external_has_android(void); /* the functions of AHardwareBuffer, without which some layers warn of its extension */

/* One physical device and what it can do, before the limits of a profile. */
struct tuff_gpu {
    VkPhysicalDevice handle;
    struct tuff_caps caps;
    struct tuff_features features;
    bool usable; /* Vulkan 1.1 and a compute queue */
    uint8_t cache_uuid[VK_UUID_SIZE];
    uint32_t queue_family, timestamp_bits;
    uint32_t sharing;                                                   /* bits of enum tuff_sharing */
    uint32_t subgroup_size;                                             /* that pipelines get unless they ask for another */
    bool has_memory_budget, has_portability_subset, has_float_controls; /* extensions */
};

/* Asks one physical device. */
tuff_status tuff_gpu_query(struct tuff_instance *instance, VkPhysicalDevice handle, struct tuff_gpu *gpu,
                           struct tuff_error *error);
/* All of the instance, best first; *count at most TUFF_MAX_GPUS; *gpus is owned by the caller. NO_DEVICE when there is none. */
tuff_status tuff_gpu_list(struct tuff_instance *instance, struct tuff_gpu **gpus, uint32_t *count, struct tuff_error *error);
/* Budget and use of the heaps, where the driver tells them. */
void tuff_gpu_query_heaps(const struct tuff_instance *instance, const struct tuff_gpu *gpu, struct tuff_caps *caps);

/* The chain of feature structures for vkCreateDevice, and the extensions that go with it. */
struct tuff_feature_chain {
    VkPhysicalDeviceFeatures2 core;
    VkPhysicalDevice16BitStorageFeatures storage16;
    VkPhysicalDevice8BitStorageFeatures storage8;
    VkPhysicalDeviceShaderFloat16Int8Features arithmetic;
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline;
    VkPhysicalDeviceBufferDeviceAddressFeatures address;
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroup;
    VkPhysicalDeviceShaderSubgroupExtendedTypesFeatures subgroup_types;
    VkPhysicalDeviceSynchronization2Features synchronization2;
    VkPhysicalDeviceShaderIntegerDotProductFeatures dot;
    VkPhysicalDeviceVulkanMemoryModelFeatures memory_model;
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR cooperative_matrix;
    VkPhysicalDeviceShaderBfloat16FeaturesKHR bfloat16;
    const char *extensions[16 + TUFF_SHARING_COUNT]; /* [static] */
    uint32_t extension_count;
};
/* Fills chain (it must not move afterwards) with what gpu offers and Tuff uses. Errors: DRIVER, MEMORY. */
tuff_status tuff_feature_chain_init(struct tuff_feature_chain *chain, struct tuff_instance *instance,
                                    const struct tuff_gpu *gpu, struct tuff_error *error);
/* Flags of features that the app enabled: its own chain (may be NULL) and extension list. */
struct tuff_features tuff_features_of_chain(const VkPhysicalDeviceFeatures2 *features);
/* Takes away what is not in features. */
void tuff_caps_restrict(struct tuff_caps *caps, const struct tuff_features *features);
/* The extensions Tuff uses when present. */
const char *const *tuff_wanted_extensions(uint32_t *count);

/* Clamps caps to a profile of limits.c. Errors: USAGE with the known names. */
tuff_status tuff_limits_apply(struct tuff_context *context, const char *profile, struct tuff_caps *caps,
                              struct tuff_error *error);

/* drivers.c: sets driver_rows and driver_effects by what the other caps say and by choice (tuff_options.driver, may be NULL).
 * Errors: USAGE with the known names. */
tuff_status tuff_drivers_apply(struct tuff_context *context, const char *choice, struct tuff_caps *caps,
                               struct tuff_error *error);
/* classes.c: sets device_class by tuff_options.device_class. USAGE with the known words where it is none of them. */
tuff_status tuff_class_apply(struct tuff_context *context, struct tuff_caps *caps, struct tuff_error *error);
/* The better of two drivers for one device has the lower rank, 0 .. 9. */
int tuff_driver_rank(const struct tuff_caps *caps);

const char *tuff_vk_result_name(VkResult result);
/* Turns a VkResult into a status and a sentence "what: VK_ERROR_...". */
tuff_status tuff_vk_fail(struct tuff_context *context, struct tuff_error *error, VkResult result, const char *what);

#endif
