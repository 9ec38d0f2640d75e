/* no_submit.c - see no_submit.h. Some drivers can be started over nothing at all to compile for a GPU (RADV's
 * RADV_FORCE_FAMILY): they make devices and pipelines, but crash in what asks the kernel (recordings, submissions, semaphores,
 * the memory budget) and know of no memory. Wrappers stand in front of these, as the program is linked with
 * --wrap=tuff_os_library_symbol. */
#include "tests/dryrun/no_submit.h"

#include "backend/os.h"

#include <string.h>
#include <vulkan/vulkan_core.h>

static struct {
    bool active;
    PFN_vkGetInstanceProcAddr get_instance;
    PFN_vkGetDeviceProcAddr get_device;
    PFN_vkGetPhysicalDeviceMemoryProperties get_memory;
    PFN_vkGetBufferMemoryRequirements get_needs;
} real;

void no_submit(void) { real.active = true; }

/* In place of every vkCmd: none returns anything, and the caller takes its arguments off the stack on all 64-bit systems. */
static VKAPI_ATTR void VKAPI_CALL record(void) {}

static VKAPI_ATTR VkResult VKAPI_CALL begin(VkCommandBuffer commands, const VkCommandBufferBeginInfo *info)
{
    (void)commands, (void)info;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL end(VkCommandBuffer commands)
{
    (void)commands;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence)
{
    (void)queue, (void)count, (void)infos, (void)fence;
    return VK_SUCCESS;
}

/* Without timeline semaphores the library uses fences, of which it asks no more than the following. */
static VKAPI_ATTR VkResult VKAPI_CALL create_semaphore(VkDevice device, const VkSemaphoreCreateInfo *info,
                                                       const VkAllocationCallbacks *callbacks, VkSemaphore *semaphore)
{
    (void)device, (void)info, (void)callbacks, (void)semaphore;
    return VK_ERROR_OUT_OF_HOST_MEMORY;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_fence(VkDevice device, const VkFenceCreateInfo *info,
                                                   const VkAllocationCallbacks *callbacks, VkFence *fence)
{
    static const char made;
    (void)device, (void)info, (void)callbacks;
    *fence = (VkFence)(uintptr_t)&made;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL destroy_fence(VkDevice device, VkFence fence, const VkAllocationCallbacks *callbacks)
{
    (void)device, (void)fence, (void)callbacks;
}

static VKAPI_ATTR VkResult VKAPI_CALL reset_fences(VkDevice device, uint32_t count, const VkFence *fences)
{
    (void)device, (void)count, (void)fences;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL fence_status(VkDevice device, VkFence fence)
{
    (void)device, (void)fence;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL wait_for_fences(VkDevice device, uint32_t count, const VkFence *fences, VkBool32 all,
                                                      uint64_t timeout)
{
    (void)device, (void)count, (void)fences, (void)all, (void)timeout;
    return VK_SUCCESS;
}

/* Where there is no memory, one heap and one type. */
static VKAPI_ATTR void VKAPI_CALL get_memory(VkPhysicalDevice gpu, VkPhysicalDeviceMemoryProperties *memory)
{
    real.get_memory(gpu, memory);
    if (memory->memoryTypeCount) return;
    memory->memoryTypeCount = memory->memoryHeapCount = 1;
    memory->memoryHeaps[0] = (VkMemoryHeap){UINT64_C(1) << 32, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT};
    memory->memoryTypes[0].heapIndex = 0;
    memory->memoryTypes[0].propertyFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                           VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
}

/* Without what is chained: the budget stays unknown. */
static VKAPI_ATTR void VKAPI_CALL get_memory2(VkPhysicalDevice gpu, VkPhysicalDeviceMemoryProperties2 *properties)
{
    get_memory(gpu, &properties->memoryProperties);
}

static VKAPI_ATTR void VKAPI_CALL get_needs(VkDevice device, VkBuffer buffer, VkMemoryRequirements *needs)
{
    real.get_needs(device, buffer, needs);
    if (!needs->memoryTypeBits) needs->memoryTypeBits = 1;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device(VkDevice device, const char *name);

static PFN_vkVoidFunction wrapped(const char *name, PFN_vkVoidFunction found)
{
    static const struct {
        const char *name;
        PFN_vkVoidFunction function;
    } wrappers[] = {
        {"vkBeginCommandBuffer", (PFN_vkVoidFunction)begin},
        {"vkEndCommandBuffer", (PFN_vkVoidFunction)end},
        {"vkQueueSubmit", (PFN_vkVoidFunction)submit},
        {"vkCreateSemaphore", (PFN_vkVoidFunction)create_semaphore},
        {"vkCreateFence", (PFN_vkVoidFunction)create_fence},
        {"vkDestroyFence", (PFN_vkVoidFunction)destroy_fence},
        {"vkResetFences", (PFN_vkVoidFunction)reset_fences},
        {"vkGetFenceStatus", (PFN_vkVoidFunction)fence_status},
        {"vkWaitForFences", (PFN_vkVoidFunction)wait_for_fences},
        {"vkGetPhysicalDeviceMemoryProperties", (PFN_vkVoidFunction)get_memory},
        {"vkGetPhysicalDeviceMemoryProperties2", (PFN_vkVoidFunction)get_memory2},
        {"vkGetBufferMemoryRequirements", (PFN_vkVoidFunction)get_needs},
        {"vkGetDeviceProcAddr", (PFN_vkVoidFunction)get_device},
    };
    if (!found) return found;
    if (!strcmp(name, "vkGetBufferMemoryRequirements")) real.get_needs = (PFN_vkGetBufferMemoryRequirements)found;
    if (!strcmp(name, "vkGetDeviceProcAddr")) real.get_device = (PFN_vkGetDeviceProcAddr)found;
    if (!strncmp(name, "vkCmd", 5)) return record;
    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++)
        if (!strcmp(name, wrappers[i].name)) return wrappers[i].function;
    return found;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device(VkDevice device, const char *name)
{
    return wrapped(name, real.get_device(device, name));
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance(VkInstance instance, const char *name)
{
    PFN_vkVoidFunction found = real.get_instance(instance, name);
    if (instance && !real.get_memory)
        real.get_memory = (PFN_vkGetPhysicalDeviceMemoryProperties)real.get_instance(instance,
                                                                                     "vkGetPhysicalDeviceMemoryProperties");
    return wrapped(name, found);
}

void (*__real_tuff_os_library_symbol(void *library, const char *name))(void);
void (*__wrap_tuff_os_library_symbol(void *library, const char *name))(void);
void (*__wrap_tuff_os_library_symbol(void *library, const char *name))(void)
{
    void (*found)(void) = __real_tuff_os_library_symbol(library, name);
    if (!real.active || !found || strcmp(name, "vkGetInstanceProcAddr") != 0) return found;
    real.get_instance = (PFN_vkGetInstanceProcAddr)found;
    return (void (*)(void))get_instance;
}
