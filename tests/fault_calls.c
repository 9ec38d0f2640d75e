/* fault_calls.c - see fault_calls.h. */
#include "tests/fault_calls.h"

#include <assert.h>

#define HOST VK_ERROR_OUT_OF_HOST_MEMORY
#define DEVICE VK_ERROR_OUT_OF_DEVICE_MEMORY
#define LOST VK_ERROR_DEVICE_LOST
#define START VK_ERROR_INITIALIZATION_FAILED
#define ARGS(...) (__VA_ARGS__)

/* name, parameters, arguments, what a failure leaves in the results, the errors that the specification lists for the call. */
#define CALLS(X)                                                                                                            \
    X(vkCreateInstance, ARGS(const VkInstanceCreateInfo *a, const VkAllocationCallbacks *b, VkInstance *c), ARGS(a, b, c),  \
      , HOST, DEVICE, START, VK_ERROR_INCOMPATIBLE_DRIVER)                                                                  \
    X(vkEnumerateInstanceVersion, ARGS(uint32_t *a), ARGS(a), , HOST)                                                       \
    X(vkEnumerateInstanceLayerProperties, ARGS(uint32_t *a, VkLayerProperties *b), ARGS(a, b), , HOST, DEVICE)              \
    X(vkEnumerateInstanceExtensionProperties, ARGS(const char *a, uint32_t *b, VkExtensionProperties *c), ARGS(a, b, c), ,  \
      HOST, DEVICE)                                                                                                         \
    X(vkEnumeratePhysicalDevices, ARGS(VkInstance a, uint32_t *b, VkPhysicalDevice *c), ARGS(a, b, c), , HOST, DEVICE,      \
      START)                                                                                                                \
    X(vkEnumerateDeviceExtensionProperties, ARGS(VkPhysicalDevice a, const char *b, uint32_t *c, VkExtensionProperties *d), \
      ARGS(a, b, c, d), , HOST, DEVICE)                                                                                     \
    X(vkCreateDebugUtilsMessengerEXT,                                                                                       \
      ARGS(VkInstance a, const VkDebugUtilsMessengerCreateInfoEXT *b, const VkAllocationCallbacks *c,                       \
           VkDebugUtilsMessengerEXT *d),                                                                                    \
      ARGS(a, b, c, d), , HOST)                                                                                             \
    X(vkSetDebugUtilsObjectNameEXT, ARGS(VkDevice a, const VkDebugUtilsObjectNameInfoEXT *b), ARGS(a, b), , HOST, DEVICE)   \
    X(vkCreateDevice, ARGS(VkPhysicalDevice a, const VkDeviceCreateInfo *b, const VkAllocationCallbacks *c, VkDevice *d),   \
      ARGS(a, b, c, d), , HOST, DEVICE, START, VK_ERROR_EXTENSION_NOT_PRESENT, VK_ERROR_FEATURE_NOT_PRESENT,                \
      VK_ERROR_TOO_MANY_OBJECTS, LOST)                                                                                      \
    X(vkCreateSemaphore, ARGS(VkDevice a, const VkSemaphoreCreateInfo *b, const VkAllocationCallbacks *c, VkSemaphore *d),  \
      ARGS(a, b, c, d), , HOST, DEVICE)                                                                                     \
    X(vkWaitSemaphores, ARGS(VkDevice a, const VkSemaphoreWaitInfo *b, uint64_t c), ARGS(a, b, c), , HOST, DEVICE, LOST)    \
    X(vkWaitSemaphoresKHR, ARGS(VkDevice a, const VkSemaphoreWaitInfo *b, uint64_t c), ARGS(a, b, c), , HOST, DEVICE, LOST) \
    X(vkGetSemaphoreCounterValue, ARGS(VkDevice a, VkSemaphore b, uint64_t *c), ARGS(a, b, c), , HOST, DEVICE, LOST)        \
    X(vkGetSemaphoreCounterValueKHR, ARGS(VkDevice a, VkSemaphore b, uint64_t *c), ARGS(a, b, c), , HOST, DEVICE, LOST)     \
    X(vkCreateFence, ARGS(VkDevice a, const VkFenceCreateInfo *b, const VkAllocationCallbacks *c, VkFence *d),              \
      ARGS(a, b, c, d), , HOST, DEVICE)                                                                                     \
    X(vkResetFences, ARGS(VkDevice a, uint32_t b, const VkFence *c), ARGS(a, b, c), , DEVICE)                               \
    X(vkGetFenceStatus, ARGS(VkDevice a, VkFence b), ARGS(a, b), , HOST, DEVICE, LOST)                                      \
    X(vkWaitForFences, ARGS(VkDevice a, uint32_t b, const VkFence *c, VkBool32 d, uint64_t e), ARGS(a, b, c, d, e), , HOST, \
      DEVICE, LOST)                                                                                                         \
    X(vkQueueSubmit, ARGS(VkQueue a, uint32_t b, const VkSubmitInfo *c, VkFence d), ARGS(a, b, c, d), , HOST, DEVICE, LOST) \
    X(vkAllocateMemory, ARGS(VkDevice a, const VkMemoryAllocateInfo *b, const VkAllocationCallbacks *c, VkDeviceMemory *d), \
      ARGS(a, b, c, d), , HOST, DEVICE, VK_ERROR_TOO_MANY_OBJECTS)                                                          \
    X(vkMapMemory, ARGS(VkDevice a, VkDeviceMemory b, VkDeviceSize c, VkDeviceSize d, VkMemoryMapFlags e, void **f),        \
      ARGS(a, b, c, d, e, f), , HOST, DEVICE, VK_ERROR_MEMORY_MAP_FAILED)                                                   \
    X(vkCreateBuffer, ARGS(VkDevice a, const VkBufferCreateInfo *b, const VkAllocationCallbacks *c, VkBuffer *d),           \
      ARGS(a, b, c, d), , HOST, DEVICE)                                                                                     \
    X(vkBindBufferMemory, ARGS(VkDevice a, VkBuffer b, VkDeviceMemory c, VkDeviceSize d), ARGS(a, b, c, d), , HOST, DEVICE) \
    X(vkCreateShaderModule,                                                                                                 \
      ARGS(VkDevice a, const VkShaderModuleCreateInfo *b, const VkAllocationCallbacks *c, VkShaderModule *d),               \
      ARGS(a, b, c, d), , HOST, DEVICE)                                                                                     \
    X(vkCreateDescriptorSetLayout,                                                                                          \
      ARGS(VkDevice a, const VkDescriptorSetLayoutCreateInfo *b, const VkAllocationCallbacks *c, VkDescriptorSetLayout *d), \
      ARGS(a, b, c, d), , HOST, DEVICE)                                                                                     \
    X(vkCreatePipelineLayout,                                                                                               \
      ARGS(VkDevice a, const VkPipelineLayoutCreateInfo *b, const VkAllocationCallbacks *c, VkPipelineLayout *d),           \
      ARGS(a, b, c, d), , HOST, DEVICE)                                                                                     \
    X(vkCreateComputePipelines,                                                                                             \
      ARGS(VkDevice a, VkPipelineCache b, uint32_t c, const VkComputePipelineCreateInfo *d, const VkAllocationCallbacks *e, \
           VkPipeline *f),                                                                                                  \
      ARGS(a, b, c, d, e, f), memset(f, 0, c * sizeof *f), HOST, DEVICE)                                                    \
    X(vkCreatePipelineCache,                                                                                                \
      ARGS(VkDevice a, const VkPipelineCacheCreateInfo *b, const VkAllocationCallbacks *c, VkPipelineCache *d),             \
      ARGS(a, b, c, d), , HOST, START)                                                                                      \
    X(vkGetPipelineCacheData, ARGS(VkDevice a, VkPipelineCache b, size_t *c, void *d), ARGS(a, b, c, d), , HOST, DEVICE)    \
    X(vkCreateDescriptorPool,                                                                                               \
      ARGS(VkDevice a, const VkDescriptorPoolCreateInfo *b, const VkAllocationCallbacks *c, VkDescriptorPool *d),           \
      ARGS(a, b, c, d), , HOST, DEVICE)                                                                                     \
    X(vkAllocateDescriptorSets, ARGS(VkDevice a, const VkDescriptorSetAllocateInfo *b, VkDescriptorSet *c), ARGS(a, b, c),  \
      memset(c, 0, b->descriptorSetCount * sizeof *c), HOST, DEVICE, VK_ERROR_FRAGMENTED_POOL, VK_ERROR_OUT_OF_POOL_MEMORY) \
    X(vkCreateCommandPool,                                                                                                  \
      ARGS(VkDevice a, const VkCommandPoolCreateInfo *b, const VkAllocationCallbacks *c, VkCommandPool *d),                 \
      ARGS(a, b, c, d), , HOST, DEVICE)                                                                                     \
    X(vkAllocateCommandBuffers, ARGS(VkDevice a, const VkCommandBufferAllocateInfo *b, VkCommandBuffer *c), ARGS(a, b, c),  \
      memset(c, 0, b->commandBufferCount * sizeof *c), HOST, DEVICE)                                                        \
    X(vkBeginCommandBuffer, ARGS(VkCommandBuffer a, const VkCommandBufferBeginInfo *b), ARGS(a, b), , HOST, DEVICE)         \
    X(vkEndCommandBuffer, ARGS(VkCommandBuffer a), ARGS(a), (void)!real.vkEndCommandBuffer(a), HOST, DEVICE)                \
    X(vkCreateQueryPool, ARGS(VkDevice a, const VkQueryPoolCreateInfo *b, const VkAllocationCallbacks *c, VkQueryPool *d),  \
      ARGS(a, b, c, d), , HOST, DEVICE)                                                                                     \
    X(vkGetMemoryFdKHR, ARGS(VkDevice a, const VkMemoryGetFdInfoKHR *b, int *c), ARGS(a, b, c), , HOST,                     \
      VK_ERROR_TOO_MANY_OBJECTS)                                                                                            \
    X(vkGetMemoryHostPointerPropertiesEXT,                                                                                  \
      ARGS(VkDevice a, VkExternalMemoryHandleTypeFlagBits b, const void *c, VkMemoryHostPointerPropertiesEXT *d),           \
      ARGS(a, b, c, d), , HOST, VK_ERROR_INVALID_EXTERNAL_HANDLE)                                                           \
    X(vkGetSemaphoreFdKHR, ARGS(VkDevice a, const VkSemaphoreGetFdInfoKHR *b, int *c), ARGS(a, b, c), , HOST,               \
      VK_ERROR_TOO_MANY_OBJECTS)                                                                                            \
    X(vkImportSemaphoreFdKHR, ARGS(VkDevice a, const VkImportSemaphoreFdInfoKHR *b), ARGS(a, b), , HOST,                    \
      VK_ERROR_INVALID_EXTERNAL_HANDLE)                                                                                     \
    X(vkGetQueryPoolResults,                                                                                                \
      ARGS(VkDevice a, VkQueryPool b, uint32_t c, uint32_t d, size_t e, void *f, VkDeviceSize g, VkQueryResultFlags h),     \
      ARGS(a, b, c, d, e, f, g, h), , HOST, DEVICE, LOST)

#define DECLARE(name, parameters, arguments, failed, ...) PFN_##name name;
static struct {
    CALLS(DECLARE)
    PFN_vkGetInstanceProcAddr get_instance;
    PFN_vkGetDeviceProcAddr get_device;
    PFN_vkDeviceWaitIdle wait_idle;
    PFN_vkDestroyDevice destroy_device;
    PFN_vkGetPhysicalDeviceMemoryProperties memory_properties;
    PFN_vkGetPhysicalDeviceMemoryProperties2 memory_properties2;
    PFN_vkGetBufferMemoryRequirements buffer_needs;
    uint32_t type_count; /* of the driver */
    VkDevice device;     /* that is waited for before a call fails */
} real;
static struct fault_calls state;

struct fault_calls *fault_calls_arm(struct fault_calls settings)
{
    state = settings;
    return &state;
}

const char *fault_calls_name(size_t i)
{
#define NAME(name, parameters, arguments, failed, ...) #name,
    static const char *const names[] = {CALLS(NAME)};
    return i < TUFF_COUNT(names) ? names[i] : NULL;
}

static VkResult fail(const char *name, VkResult result)
{
    if (real.device) (void)!real.wait_idle(real.device);
    state.failed = true;
    state.name = name;
    return state.result = result;
}

/* VK_SUCCESS: the call is made. */
static VkResult next(const char *name, const VkResult *codes, unsigned count)
{
    unsigned code = 0;
    while (code < count && state.wanted && codes[code] != state.wanted) code++;
    if (code == count) return VK_SUCCESS;
    if (state.lasting && state.failed) {
        state.again++;
        return state.wanted;
    }
    if (state.only && strncmp(name, state.only, strlen(state.only)) != 0) return VK_SUCCESS;
    if (!state.wanted) code = state.code;
    if (++state.made != state.fail_at) return VK_SUCCESS;
    state.spent = code >= count;
    return state.spent ? VK_SUCCESS : fail(name, codes[code]);
}

#define DEFINE(name, parameters, arguments, failed, ...)                                                                    \
    static VKAPI_ATTR VkResult VKAPI_CALL fault_##name parameters                                                           \
    {                                                                                                                       \
        static const VkResult codes[] = {__VA_ARGS__};                                                                      \
        VkResult result = next(#name, codes, TUFF_COUNT(codes));                                                            \
        if (result == VK_SUCCESS) return real.name arguments;                                                               \
        failed;                                                                                                             \
        return result;                                                                                                      \
    }
CALLS(DEFINE)

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice gpu, const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *callbacks, VkDevice *device)
{
    VkResult result = fault_vkCreateDevice(gpu, info, callbacks, device);
    if (result != VK_SUCCESS) return result;
    real.device = *device;
    real.wait_idle = (PFN_vkDeviceWaitIdle)real.get_device(*device, "vkDeviceWaitIdle");
    return result;
}

static VKAPI_ATTR void VKAPI_CALL destroy_device(VkDevice device, const VkAllocationCallbacks *callbacks)
{
    real.device = VK_NULL_HANDLE;
    real.destroy_device(device, callbacks);
}

static void double_heaps(VkPhysicalDeviceMemoryProperties *memory)
{
    uint32_t types = real.type_count = memory->memoryTypeCount, heaps = memory->memoryHeapCount;
    if (!state.two_heaps || 2 * types > VK_MAX_MEMORY_TYPES || 2 * heaps > VK_MAX_MEMORY_HEAPS) return;
    for (uint32_t i = 0; i < types; i++) {
        memory->memoryTypes[types + i] = memory->memoryTypes[i];
        memory->memoryTypes[types + i].heapIndex += heaps;
    }
    for (uint32_t i = 0; i < heaps; i++) memory->memoryHeaps[heaps + i] = memory->memoryHeaps[i];
    memory->memoryTypeCount *= 2;
    memory->memoryHeapCount *= 2;
}

static VKAPI_ATTR void VKAPI_CALL memory_properties(VkPhysicalDevice gpu, VkPhysicalDeviceMemoryProperties *memory)
{
    real.memory_properties(gpu, memory);
    double_heaps(memory);
}

static VKAPI_ATTR void VKAPI_CALL memory_properties2(VkPhysicalDevice gpu, VkPhysicalDeviceMemoryProperties2 *memory)
{
    real.memory_properties2(gpu, memory);
    double_heaps(&memory->memoryProperties);
}

static VKAPI_ATTR void VKAPI_CALL buffer_needs(VkDevice device, VkBuffer buffer, VkMemoryRequirements *needs)
{
    real.buffer_needs(device, buffer, needs);
    if (state.two_heaps) needs->memoryTypeBits |= needs->memoryTypeBits << real.type_count;
}

static VKAPI_ATTR VkResult VKAPI_CALL allocate_memory(VkDevice device, const VkMemoryAllocateInfo *info,
                                                      const VkAllocationCallbacks *callbacks, VkDeviceMemory *memory)
{
    VkMemoryAllocateInfo own = *info;
    bool second = state.two_heaps && info->memoryTypeIndex >= real.type_count;
    if (second) own.memoryTypeIndex -= real.type_count;
    if (!second && state.most_bytes && info->allocationSize > state.most_bytes) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    return fault_vkAllocateMemory(device, &own, callbacks, memory);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device(VkDevice device, const char *name);

/* A function that does more than fail now and then: its own, and where it keeps what was found; else NULL. */
static PFN_vkVoidFunction special(const char *name, PFN_vkVoidFunction found)
{
    if (!strcmp(name, "vkGetPhysicalDeviceMemoryProperties")) {
        real.memory_properties = (PFN_vkGetPhysicalDeviceMemoryProperties)found;
        return (PFN_vkVoidFunction)memory_properties;
    }
    if (!strcmp(name, "vkGetPhysicalDeviceMemoryProperties2")) {
        real.memory_properties2 = (PFN_vkGetPhysicalDeviceMemoryProperties2)found;
        return (PFN_vkVoidFunction)memory_properties2;
    }
    if (!strcmp(name, "vkGetBufferMemoryRequirements")) {
        real.buffer_needs = (PFN_vkGetBufferMemoryRequirements)found;
        return (PFN_vkVoidFunction)buffer_needs;
    }
    if (!strcmp(name, "vkGetDeviceProcAddr")) {
        real.get_device = (PFN_vkGetDeviceProcAddr)found;
        return (PFN_vkVoidFunction)get_device;
    }
    if (!strcmp(name, "vkDestroyDevice")) {
        real.destroy_device = (PFN_vkDestroyDevice)found;
        return (PFN_vkVoidFunction)destroy_device;
    }
    if (!strcmp(name, "vkCreateDevice")) {
        real.vkCreateDevice = (PFN_vkCreateDevice)found;
        return (PFN_vkVoidFunction)create_device;
    }
    if (!strcmp(name, "vkAllocateMemory")) {
        real.vkAllocateMemory = (PFN_vkAllocateMemory)found;
        return (PFN_vkVoidFunction)allocate_memory;
    }
    return NULL;
}

/* The wrapper of what was found, which is remembered. One device at a time. */
static PFN_vkVoidFunction wrapped(const char *name, PFN_vkVoidFunction found)
{
    PFN_vkVoidFunction own = found ? special(name, found) : NULL;
    if (!found || own) return own;
#define WRAP(function, parameters, arguments, failed, ...)                                                                  \
    if (!strcmp(name, #function)) {                                                                                         \
        real.function = (PFN_##function)found;                                                                              \
        return (PFN_vkVoidFunction)fault_##function;                                                                        \
    }
    CALLS(WRAP)
    return found;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device(VkDevice device, const char *name)
{
    return wrapped(name, real.get_device(device, name));
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance(VkInstance instance, const char *name)
{
    return wrapped(name, real.get_instance(instance, name));
}

void (*__real_tuff_os_library_symbol(void *library, const char *name))(void);
void (*__wrap_tuff_os_library_symbol(void *library, const char *name))(void);
void (*__wrap_tuff_os_library_symbol(void *library, const char *name))(void)
{
    void (*found)(void) = __real_tuff_os_library_symbol(library, name);
    if (!found || strcmp(name, "vkGetInstanceProcAddr") != 0) return found;
    real.get_instance = (PFN_vkGetInstanceProcAddr)found;
    return (void (*)(void))get_instance;
}

uint32_t __wrap_tuff_os_cpu_count(void);
uint32_t __wrap_tuff_os_cpu_count(void) { return 1; }
