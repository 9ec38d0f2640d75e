/* external_android.c - AHardwareBuffer and Win32 handles without Android and Windows: a fake libnativewindow.so stands between the library and
 * dlsym, and a fake driver of both extensions between it and the Vulkan loader, which puts memory of this process in the place of
 * what the handles stand for (VK_EXT_external_memory_host), so that networks compute in it. Held against the specification here:
 * what structures are chained, whose the memory is around a copy, how often a buffer is acquired and released, and that each call
 * may fail. No device of either system has run it. */
#include "tests/external_help.h"

#include "backend/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- AHardwareBuffer, and a Win32 handle ---------------------------------------------------------------------------------------- */

struct AHardwareBuffer {
    struct tuff_hardware_description description;
    int references;
    void *memory; /* of EXTERNAL_UNIT bytes at a multiple of them */
};

static struct fake {
    bool android; /* has the library */
    bool of_host; /* the driver imports host pointers */
    struct AHardwareBuffer buffers[8];
    uint32_t buffer_count;
    void *win32[8]; /* what handles stand for; a handle is its address here */
    uint32_t win32_count;
    struct {
        VkDeviceMemory handle;
        struct AHardwareBuffer *buffer;
        void **win32;
    } memories[32]; /* that are exported, by handle */
    uint32_t memory_count;
    VkSemaphore semaphore;       /* that was imported */
    uint32_t acquired, released; /* by barriers, from and to the families that the test expects */
    uint32_t wrong_family;
    bool dedicated_image, picture_layouts, bad_features;
    const char *fail; /* function that fails */
    VkResult result;
    PFN_vkGetInstanceProcAddr get_instance;
    PFN_vkGetDeviceProcAddr get_device;
#define FUNCTIONS(X)                                                                                                        \
    X(EnumerateDeviceExtensionProperties)                                                                                   \
    X(CreateDevice)                                                                                                         \
    X(GetPhysicalDeviceExternalBufferProperties)                                                                            \
    X(GetPhysicalDeviceExternalSemaphoreProperties)                                                                         \
    X(CreateBuffer)                                                                                                         \
    X(CreateImage)                                                                                                          \
    X(CreateSemaphore)                                                                                                      \
    X(AllocateMemory)                                                                                                       \
    X(BindBufferMemory)                                                                                                     \
    X(BindImageMemory)                                                                                                      \
    X(CmdPipelineBarrier)
#define DECLARE(name) PFN_vk##name name;
    FUNCTIONS(DECLARE)
} fake;

static void *new_memory(void)
{
    unsigned char *memory = malloc(2 * EXTERNAL_UNIT);
    if (!memory) abort();
    memset(memory, 0, 2 * EXTERNAL_UNIT);
    return memory; /* aligned by page_of; never freed but at the end */
}

static void *page_of(void *memory)
{
    return (void *)(((uintptr_t)memory + EXTERNAL_UNIT - 1) / EXTERNAL_UNIT * EXTERNAL_UNIT);
}

static struct AHardwareBuffer *new_buffer(uint32_t format, uint32_t width, uint32_t height, uint64_t usage)
{
    if (fake.buffer_count == TUFF_COUNT(fake.buffers)) abort();
    struct AHardwareBuffer *buffer = &fake.buffers[fake.buffer_count++];
    *buffer = (struct AHardwareBuffer){
        .description = {.width = width, .height = height, .layers = 1, .format = format, .usage = usage, .stride = width},
        .references = 1,
        .memory = new_memory()};
    return buffer;
}

static void forget(struct backend_test *test, const char *what)
{
    for (uint32_t i = 0; i < fake.buffer_count; i++) {
        backend_check(test, fake.buffers[i].references == 1, "%s: AHardwareBuffer %u: expected 1 reference, got %d", what,
                      (unsigned)i, fake.buffers[i].references);
        free(fake.buffers[i].memory);
    }
    for (uint32_t i = 0; i < fake.win32_count; i++) free(fake.win32[i]);
    fake.buffer_count = fake.win32_count = fake.memory_count = 0;
}

static void acquire(struct AHardwareBuffer *buffer) { buffer->references++; }
static void release(struct AHardwareBuffer *buffer) { buffer->references--; }
static void describe(const struct AHardwareBuffer *buffer, struct tuff_hardware_description *description)
{
    *description = buffer->description;
}

/* ---- the driver ----------------------------------------------------------------------------------------------------------------- */

static bool fails(const char *function, VkResult *result)
{
    if (!fake.fail || strcmp(fake.fail, function) != 0) return false;
    *result = fake.result;
    fake.fail = NULL;
    return true;
}

static const void *chained(const void *first, VkStructureType type)
{
    const VkBaseInStructure *at = first;
    while (at && at->sType != type) at = at->pNext;
    return at;
}

static const char *const own_extensions[] = {"VK_ANDROID_external_memory_android_hardware_buffer",
                                             "VK_KHR_external_memory_win32", "VK_KHR_external_semaphore_win32",
                                             "VK_EXT_queue_family_foreign"};
enum { OWN = sizeof own_extensions / sizeof own_extensions[0] };

static VKAPI_ATTR VkResult VKAPI_CALL EnumerateDeviceExtensionProperties(VkPhysicalDevice gpu, const char *layer,
                                                                         uint32_t *count, VkExtensionProperties *list)
{
    uint32_t room = *count;
    if (list && room >= OWN) *count = room - OWN;
    VkResult result = fake.EnumerateDeviceExtensionProperties(gpu, layer, count, list);
    for (uint32_t i = 0; list && i < OWN; i++) {
        list[*count + i] = (VkExtensionProperties){.specVersion = 1};
        memcpy(list[*count + i].extensionName, own_extensions[i], strlen(own_extensions[i]) + 1);
    }
    for (uint32_t i = 0; list && i < *count; i++)
        fake.of_host = fake.of_host || !strcmp(list[i].extensionName, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
    *count += OWN;
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL CreateDevice(VkPhysicalDevice gpu, const VkDeviceCreateInfo *info,
                                                   const VkAllocationCallbacks *callbacks, VkDevice *device)
{
    VkDeviceCreateInfo own = *info;
    const char *names[64];
    own.enabledExtensionCount = 0;
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        bool ours = false;
        for (uint32_t k = 0; k < OWN; k++) ours = ours || !strcmp(info->ppEnabledExtensionNames[i], own_extensions[k]);
        if (!ours) names[own.enabledExtensionCount++] = info->ppEnabledExtensionNames[i];
    }
    own.ppEnabledExtensionNames = names;
    return fake.CreateDevice(gpu, &own, callbacks, device);
}

static bool is_own(VkFlags type)
{
    return type == VK_EXTERNAL_MEMORY_HANDLE_TYPE_ANDROID_HARDWARE_BUFFER_BIT_ANDROID ||
           type == VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_WIN32_BIT;
}

static VKAPI_ATTR void VKAPI_CALL GetPhysicalDeviceExternalBufferProperties(VkPhysicalDevice gpu,
                                                                            const VkPhysicalDeviceExternalBufferInfo *asked,
                                                                            VkExternalBufferProperties *told)
{
    if (!is_own(asked->handleType)) fake.GetPhysicalDeviceExternalBufferProperties(gpu, asked, told);
    if (is_own(asked->handleType))
        told->externalMemoryProperties.externalMemoryFeatures = VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT |
                                                                VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;
}

static VKAPI_ATTR void VKAPI_CALL GetPhysicalDeviceExternalSemaphoreProperties(
    VkPhysicalDevice gpu, const VkPhysicalDeviceExternalSemaphoreInfo *asked, VkExternalSemaphoreProperties *told)
{
    fake.GetPhysicalDeviceExternalSemaphoreProperties(gpu, asked, told);
    if (asked->handleType == VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_WIN32_BIT)
        told->externalSemaphoreFeatures = VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT |
                                          VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT;
}

static VKAPI_ATTR VkResult VKAPI_CALL CreateBuffer(VkDevice device, const VkBufferCreateInfo *info,
                                                   const VkAllocationCallbacks *callbacks, VkBuffer *buffer)
{
    VkBufferCreateInfo own = *info;
    VkExternalMemoryBufferCreateInfo external = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
                                                 .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT};
    const VkExternalMemoryBufferCreateInfo *asked = chained(info->pNext, external.sType);
    VkResult result;
    if (asked && fails("vkCreateBuffer", &result)) return result;
    if (asked && is_own(asked->handleTypes)) own.pNext = &external;
    return fake.CreateBuffer(device, &own, callbacks, buffer);
}

/* As a linear picture, whose rows lie one behind the other where they are long enough. */
static VKAPI_ATTR VkResult VKAPI_CALL CreateImage(VkDevice device, const VkImageCreateInfo *info,
                                                  const VkAllocationCallbacks *callbacks, VkImage *image)
{
    VkImageCreateInfo own = *info;
    VkExternalMemoryImageCreateInfo external = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
                                                .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT};
    VkResult result;
    if (fails("vkCreateImage", &result)) return result;
    const VkExternalMemoryImageCreateInfo *asked = chained(info->pNext, external.sType);
    if (!asked || asked->handleTypes != VK_EXTERNAL_MEMORY_HANDLE_TYPE_ANDROID_HARDWARE_BUFFER_BIT_ANDROID ||
        info->initialLayout != VK_IMAGE_LAYOUT_UNDEFINED || !(info->usage & VK_IMAGE_USAGE_SAMPLED_BIT))
        return VK_ERROR_UNKNOWN;
    own.pNext = &external;
    own.tiling = VK_IMAGE_TILING_LINEAR;
    return fake.CreateImage(device, &own, callbacks, image);
}

static VKAPI_ATTR VkResult VKAPI_CALL CreateSemaphore(VkDevice device, const VkSemaphoreCreateInfo *info,
                                                      const VkAllocationCallbacks *callbacks, VkSemaphore *semaphore)
{
    VkSemaphoreCreateInfo own = *info;
    const VkExportSemaphoreCreateInfo *asked = chained(info->pNext, VK_STRUCTURE_TYPE_EXPORT_SEMAPHORE_CREATE_INFO);
    if (asked && asked->handleTypes == VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_WIN32_BIT) own.pNext = NULL;
    return fake.CreateSemaphore(device, &own, callbacks, semaphore);
}

/* What is imported or exported is memory of this process. */
static VKAPI_ATTR VkResult VKAPI_CALL AllocateMemory(VkDevice device, const VkMemoryAllocateInfo *info,
                                                     const VkAllocationCallbacks *callbacks, VkDeviceMemory *memory)
{
    const VkImportAndroidHardwareBufferInfoANDROID *android = chained(
        info->pNext, VK_STRUCTURE_TYPE_IMPORT_ANDROID_HARDWARE_BUFFER_INFO_ANDROID);
    const VkImportMemoryWin32HandleInfoKHR *win32 = chained(info->pNext,
                                                            VK_STRUCTURE_TYPE_IMPORT_MEMORY_WIN32_HANDLE_INFO_KHR);
    const VkExportMemoryAllocateInfo *export = chained(info->pNext, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
    const VkMemoryDedicatedAllocateInfo *alone = chained(info->pNext, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO);
    struct AHardwareBuffer *made = NULL;
    void **handle = NULL;
    VkResult result;
    if (!android && !win32 && !(export && is_own(export->handleTypes)))
        return fake.AllocateMemory(device, info, callbacks, memory);
    if (fails("vkAllocateMemory", &result)) return result;
    if (alone) fake.dedicated_image = alone->image != VK_NULL_HANDLE && alone->buffer == VK_NULL_HANDLE;
    if (export && export->handleTypes == VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_WIN32_BIT)
        *(handle = &fake.win32[fake.win32_count++]) = new_memory();
    else if (export)
        made = new_buffer(TUFF_HARDWARE_BLOB, (uint32_t)info->allocationSize, 1, TUFF_HARDWARE_DATA);
    void *place = android ? android->buffer->memory : win32 ? *(void **)win32->handle : made ? made->memory : *handle;
    VkImportMemoryHostPointerInfoEXT host = {.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
                                             .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
                                             .pHostPointer = page_of(place)};
    VkMemoryAllocateInfo own = {
        .sType = info->sType, .pNext = &host, .allocationSize = EXTERNAL_UNIT, .memoryTypeIndex = info->memoryTypeIndex};
    result = fake.AllocateMemory(device, &own, callbacks, memory);
    if ((made || handle) && result == VK_SUCCESS) {
        fake.memories[fake.memory_count].handle = *memory;
        fake.memories[fake.memory_count].buffer = made;
        fake.memories[fake.memory_count++].win32 = handle;
    }
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL BindBufferMemory(VkDevice device, VkBuffer buffer, VkDeviceMemory memory,
                                                       VkDeviceSize offset)
{
    VkResult result;
    if (fails("vkBindBufferMemory", &result)) return result;
    return fake.BindBufferMemory(device, buffer, memory, offset);
}

static VKAPI_ATTR VkResult VKAPI_CALL BindImageMemory(VkDevice device, VkImage image, VkDeviceMemory memory,
                                                      VkDeviceSize offset)
{
    VkResult result;
    if (fails("vkBindImageMemory", &result)) return result;
    return fake.BindImageMemory(device, image, memory, offset);
}

static uint32_t count_transfer(uint32_t from, uint32_t to)
{
    bool outside[2] = {from >= VK_QUEUE_FAMILY_FOREIGN_EXT, to >= VK_QUEUE_FAMILY_FOREIGN_EXT}; /* or EXTERNAL */
    if (from == to) return 0;
    fake.acquired += outside[0];
    fake.released += outside[1];
    fake.wrong_family += outside[0] == outside[1];
    return 1;
}

/* Counts who takes what from whom; the driver below knows of nobody. */
static VKAPI_ATTR void VKAPI_CALL CmdPipelineBarrier(VkCommandBuffer commands, VkPipelineStageFlags from,
                                                     VkPipelineStageFlags to, VkDependencyFlags flags, uint32_t memory_count,
                                                     const VkMemoryBarrier *memories, uint32_t buffer_count,
                                                     const VkBufferMemoryBarrier *buffers, uint32_t image_count,
                                                     const VkImageMemoryBarrier *images)
{
    for (uint32_t i = 0; i < buffer_count; i++)
        count_transfer(buffers[i].srcQueueFamilyIndex, buffers[i].dstQueueFamilyIndex);
    for (uint32_t i = 0; i < image_count; i++) {
        count_transfer(images[i].srcQueueFamilyIndex, images[i].dstQueueFamilyIndex);
        bool in = images[i].srcQueueFamilyIndex == VK_QUEUE_FAMILY_FOREIGN_EXT;
        fake.picture_layouts = (in ? images[i].oldLayout : images[i].newLayout) == VK_IMAGE_LAYOUT_GENERAL &&
                               (in ? images[i].newLayout : images[i].oldLayout) == VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    }
    fake.CmdPipelineBarrier(commands, from, to, flags, memory_count, memories, 0, NULL, 0, NULL);
    (void)buffers;
}

static VKAPI_ATTR VkResult VKAPI_CALL properties_of(VkDevice device, const struct AHardwareBuffer *buffer,
                                                    VkAndroidHardwareBufferPropertiesANDROID *told)
{
    VkResult result;
    (void)device;
    if (fails("vkGetAndroidHardwareBufferPropertiesANDROID", &result)) return result;
    VkAndroidHardwareBufferFormatPropertiesANDROID *format = (void *)(uintptr_t)chained(
        told->pNext, VK_STRUCTURE_TYPE_ANDROID_HARDWARE_BUFFER_FORMAT_PROPERTIES_ANDROID);
    told->allocationSize = EXTERNAL_UNIT;
    told->memoryTypeBits = 1;
    if (!format) return VK_SUCCESS;
    format->format = buffer->description.format == TUFF_HARDWARE_RGBA8 ? VK_FORMAT_R8G8B8A8_UNORM : VK_FORMAT_UNDEFINED;
    format->formatFeatures = fake.bad_features ? 0 : VK_FORMAT_FEATURE_TRANSFER_SRC_BIT;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL buffer_of(VkDevice device, const VkMemoryGetAndroidHardwareBufferInfoANDROID *info,
                                                struct AHardwareBuffer **buffer)
{
    VkResult result;
    (void)device;
    if (fails("vkGetMemoryAndroidHardwareBufferANDROID", &result)) return result;
    for (uint32_t i = 0; i < fake.memory_count; i++)
        if (fake.memories[i].handle == info->memory) *buffer = fake.memories[i].buffer;
    acquire(*buffer);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL win32_of(VkDevice device, const VkMemoryGetWin32HandleInfoKHR *info, HANDLE *handle)
{
    VkResult result;
    (void)device;
    if (fails("vkGetMemoryWin32HandleKHR", &result)) return result;
    for (uint32_t i = 0; i < fake.memory_count; i++)
        if (fake.memories[i].handle == info->memory) *handle = fake.memories[i].win32;
    return info->handleType == VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_WIN32_BIT ? VK_SUCCESS : VK_ERROR_UNKNOWN;
}

static VKAPI_ATTR VkResult VKAPI_CALL win32_of_semaphore(VkDevice device, const VkSemaphoreGetWin32HandleInfoKHR *info,
                                                         HANDLE *handle)
{
    VkResult result;
    (void)device;
    if (fails("vkGetSemaphoreWin32HandleKHR", &result)) return result;
    *handle = &fake.semaphore;
    return info->handleType == VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_WIN32_BIT ? VK_SUCCESS : VK_ERROR_UNKNOWN;
}

static VKAPI_ATTR VkResult VKAPI_CALL import_win32(VkDevice device, const VkImportSemaphoreWin32HandleInfoKHR *info)
{
    VkResult result;
    (void)device;
    if (fails("vkImportSemaphoreWin32HandleKHR", &result)) return result;
    fake.semaphore = info->semaphore;
    return info->handle == &fake.semaphore && !info->flags ? VK_SUCCESS : VK_ERROR_INVALID_EXTERNAL_HANDLE;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device(VkDevice device, const char *name);

static PFN_vkVoidFunction replaced(const char *name, PFN_vkVoidFunction found)
{
    static const struct {
        const char *name;
        PFN_vkVoidFunction function;
    } own[] = {
        {"vkGetAndroidHardwareBufferPropertiesANDROID", (PFN_vkVoidFunction)properties_of},
        {"vkGetMemoryAndroidHardwareBufferANDROID", (PFN_vkVoidFunction)buffer_of},
        {"vkGetMemoryWin32HandleKHR", (PFN_vkVoidFunction)win32_of},
        {"vkGetSemaphoreWin32HandleKHR", (PFN_vkVoidFunction)win32_of_semaphore},
        {"vkImportSemaphoreWin32HandleKHR", (PFN_vkVoidFunction)import_win32},
    };
    for (size_t i = 0; i < TUFF_COUNT(own); i++)
        if (!strcmp(name, own[i].name)) return own[i].function;
    if (!strcmp(name, "vkGetDeviceProcAddr")) {
        fake.get_device = (PFN_vkGetDeviceProcAddr)found;
        return (PFN_vkVoidFunction)get_device;
    }
#define REPLACE(function)                                                                                                   \
    if (!strcmp(name, "vk" #function)) {                                                                                    \
        fake.function = (PFN_vk##function)found;                                                                            \
        return (PFN_vkVoidFunction)function;                                                                                \
    }
    FUNCTIONS(REPLACE)
    return found;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device(VkDevice device, const char *name)
{
    return replaced(name, fake.get_device(device, name));
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance(VkInstance instance, const char *name)
{
    return replaced(name, fake.get_instance(instance, name));
}

/* ---- in the place of the dynamic linker ----------------------------------------------------------------------------------------- */

void *__real_tuff_os_library_open(const char *name);
void *__wrap_tuff_os_library_open(const char *name);
void *__wrap_tuff_os_library_open(const char *name)
{
    return fake.android && !strcmp(name, "libnativewindow.so") ? (void *)&fake : __real_tuff_os_library_open(name);
}

void __real_tuff_os_library_close(void *library);
void __wrap_tuff_os_library_close(void *library);
void __wrap_tuff_os_library_close(void *library)
{
    if (library != &fake) __real_tuff_os_library_close(library);
}

void (*__real_tuff_os_library_symbol(void *library, const char *name))(void);
void (*__wrap_tuff_os_library_symbol(void *library, const char *name))(void);
void (*__wrap_tuff_os_library_symbol(void *library, const char *name))(void)
{
    if (library == &fake && !strcmp(name, "AHardwareBuffer_acquire")) return (void (*)(void))acquire;
    if (library == &fake && !strcmp(name, "AHardwareBuffer_release")) return (void (*)(void))release;
    if (library == &fake && !strcmp(name, "AHardwareBuffer_describe")) return (void (*)(void))describe;
    void (*found)(void) = __real_tuff_os_library_symbol(library, name);
    if (strcmp(name, "vkGetInstanceProcAddr") != 0) return found;
    fake.get_instance = (PFN_vkGetInstanceProcAddr)found;
    return (void (*)(void))get_instance;
}

/* ---- the test ------------------------------------------------------------------------------------------------------------------- */

/* y = 2 x + 1 from one buffer to the other; NULL where that is made of a handle that the kind exports. */
static tuff_status compute(struct backend_test *test, struct external_net *net, enum tuff_handle_kind kind, bool exports,
                           struct tuff_error *error)
{
    struct tuff_buffer *buffers[2] = {NULL}, *own[2] = {NULL};
    float *at[2] = {NULL};
    tuff_status status = TUFF_OK;
    for (int i = 0; i < 2 && status == TUFF_OK; i++) {
        struct tuff_handle handle = {.kind = TUFF_HANDLE_HARDWARE_BUFFER};
        if (exports) {
            status = tuff_vulkan_memory_create(test->device, EXTERNAL_BYTES, kind, "exported", &own[i], error);
            if (status == TUFF_OK) status = tuff_vulkan_memory_export(own[i], &handle, error);
        } else {
            handle.pointer = new_buffer(TUFF_HARDWARE_BLOB, EXTERNAL_BYTES, 1, TUFF_HARDWARE_DATA);
        }
        struct AHardwareBuffer *buffer = handle.pointer;
        if (status != TUFF_OK) break;
        at[i] = page_of(kind == TUFF_HANDLE_WIN32 ? *(void **)handle.pointer : buffer->memory);
        status = tuff_vulkan_memory_import(test->device, &handle, NULL, &buffers[i], error);
        if (exports && kind == TUFF_HANDLE_HARDWARE_BUFFER) release(buffer);
    }
    for (uint32_t i = 0; at[1] && i < EXTERNAL_COUNT; i++) at[0][i] = (float)i;
    if (status == TUFF_OK) status = external_net_run(net, buffers[0], buffers[1], error);
    if (status == TUFF_OK) status = tuff_device_wait(test->device, buffers[1]->last_use, UINT64_MAX, error);
    for (uint32_t i = 0; status == TUFF_OK && i < EXTERNAL_COUNT; i++)
        if (!backend_check(test, at[1][i] == 2 * (float)i + 1, "%s: y[%u]: expected %g, got %g", external_kind_name(kind),
                           (unsigned)i, 2 * (double)i + 1, (double)at[1][i]))
            break;
    for (int i = 0; i < 2; i++) {
        tuff_buffer_release(buffers[i]);
        tuff_buffer_release(own[i]);
    }
    tuff_queue_collect(test->device);
    return status;
}

enum { WIDTH = 64, HEIGHT = 24 };

static tuff_status picture(struct backend_test *test, struct tuff_error *error)
{
    struct tuff_graph *graph = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *run = NULL;
    struct tuff_buffer *buffer = NULL;
    static float y[HEIGHT * WIDTH * 4];
    struct AHardwareBuffer *pixels = new_buffer(TUFF_HARDWARE_RGBA8, WIDTH, HEIGHT, TUFF_HARDWARE_SAMPLED | 3);
    struct tuff_handle handle = {.kind = TUFF_HANDLE_HARDWARE_BUFFER, .pointer = pixels};
    unsigned char *bytes = page_of(pixels->memory);
    for (uint32_t i = 0; i < HEIGHT * WIDTH * 4; i++) bytes[i] = (unsigned char)(i * 7 + i / 256);
    TUFF_TRY(tuff_graph_create(test->context, &graph, error));
    tuff_val x = tuff_input(graph, "x", TUFF_U8, TUFF_SHAPE(HEIGHT, WIDTH, 4));
    tuff_val scaled = tuff_mul(graph, tuff_cast(graph, x, TUFF_F32), tuff_scalar(graph, 0.5));
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &scaled, .output_count = 1};
    tuff_status status = tuff_session_create(test->device, graph, NULL, &session, error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &run, error);
    if (status == TUFF_OK) status = tuff_vulkan_memory_import(test->device, &handle, "picture", &buffer, error);
    if (status == TUFF_OK) {
        struct tuff_error refused = {0};
        uint32_t word;
        fake.acquired = fake.released = 0;
        status = tuff_executable_set_buffer(run, "x", buffer, 0, NULL, error);
        backend_check(test, fake.acquired == 1 && fake.released == 1 && fake.picture_layouts && fake.dedicated_image,
                      "a picture: expected one acquire and one release, layouts and memory of its own, got %u, %u, %d, %d",
                      (unsigned)fake.acquired, (unsigned)fake.released, fake.picture_layouts, fake.dedicated_image);
        test->quiet = true;
        backend_status(test, "read a picture", TUFF_ERR_USAGE, tuff_buffer_read(buffer, 0, &word, 4, &refused), &refused);
        backend_status(test, "write a picture", TUFF_ERR_USAGE,
                       tuff_executable_get_buffer(run, "output0", buffer, 0, NULL, &refused), &refused);
        backend_status(test, "a part of a picture", TUFF_ERR_USAGE,
                       tuff_executable_set_buffer(run, "x", buffer, 4, NULL, &refused), &refused);
        test->quiet = false;
        backend_check(test, !tuff_vulkan_buffer(buffer, NULL), "a picture is no VkBuffer");
    }
    if (status == TUFF_OK) status = tuff_executable_run(run, error);
    if (status == TUFF_OK) status = tuff_executable_get(run, "output0", y, sizeof y, error);
    for (uint32_t i = 0; status == TUFF_OK && i < HEIGHT * WIDTH * 4; i++)
        if (!backend_check(test, y[i] == 0.5f * bytes[i], "picture: element %u: expected %g, got %g", (unsigned)i,
                           0.5 * bytes[i], (double)y[i]))
            break;
    tuff_buffer_release(buffer);
    tuff_executable_destroy(run);
    tuff_session_destroy(session);
    tuff_graph_destroy(graph);
    tuff_queue_collect(test->device);
    return status;
}

static tuff_status semaphores(struct backend_test *test, struct tuff_error *error)
{
    VkSemaphore own = VK_NULL_HANDLE, theirs = VK_NULL_HANDLE;
    struct tuff_handle handle = {0};
    tuff_status status = tuff_vulkan_semaphore_create(test->device, TUFF_HANDLE_WIN32, false, &own, error);
    if (status == TUFF_OK)
        status = tuff_vulkan_semaphore_export(test->device, own, TUFF_HANDLE_WIN32, false, &handle, error);
    if (status == TUFF_OK) status = tuff_vulkan_semaphore_import(test->device, &handle, &theirs, error);
    backend_check(test, status != TUFF_OK || theirs == fake.semaphore, "another semaphore was imported");
    tuff_vulkan_semaphore_destroy(test->device, own);
    tuff_vulkan_semaphore_destroy(test->device, theirs);
    return status;
}

static void refuse(struct backend_test *test, struct AHardwareBuffer *pointer, uint64_t bytes, tuff_status wanted,
                   const char *part)
{
    struct tuff_error error = {0};
    struct tuff_buffer *buffer = NULL;
    struct tuff_handle handle = {.kind = TUFF_HANDLE_HARDWARE_BUFFER, .pointer = pointer, .bytes = bytes};
    tuff_status status = tuff_vulkan_memory_import(test->device, &handle, NULL, &buffer, &error);
    if (backend_check(test, status == wanted && strstr(error.message, part) && !buffer, "expected %s with '%s', got %s: %s",
                      tuff_status_name(wanted), part, tuff_status_name(status), error.message))
        printf("    %s\n", error.message);
}

static void test_refusals(struct backend_test *test)
{
    const uint64_t sampled = TUFF_HARDWARE_SAMPLED, data = TUFF_HARDWARE_DATA;
    struct AHardwareBuffer *layered = new_buffer(TUFF_HARDWARE_RGBA8, 64, 8, sampled);
    layered->description.layers = 2;
    test->quiet = true;
    refuse(test, NULL, 0, TUFF_ERR_USAGE, "pointer is NULL");
    refuse(test, layered, 0, TUFF_ERR_UNSUPPORTED, "neither a BLOB");
    refuse(test, new_buffer(0x23, 64, 8, sampled), 0, TUFF_ERR_UNSUPPORTED, "format 35"); /* Y8Cb8Cr8_420 */
    refuse(test, new_buffer(TUFF_HARDWARE_RGBA8, 64, 8, data), 0, TUFF_ERR_UNSUPPORTED, "neither a BLOB");
    refuse(test, new_buffer(TUFF_HARDWARE_BLOB, 64, 1, sampled), 0, TUFF_ERR_UNSUPPORTED, "neither a BLOB");
    refuse(test, new_buffer(TUFF_HARDWARE_BLOB, 64, 1, data), 68, TUFF_ERR_USAGE, "has 64 bytes, not 68");
    struct AHardwareBuffer *good = new_buffer(TUFF_HARDWARE_RGBA8, 64, 8, sampled);
    refuse(test, good, 64, TUFF_ERR_USAGE, "has 2048 bytes, not 64");
    fake.bad_features = true;
    refuse(test, good, 0, TUFF_ERR_UNSUPPORTED, "does not copy pictures");
    fake.bad_features = false;
    test->quiet = false;
    forget(test, "refusals");
}

/* Every function of the fake driver fails once. */
static void test_failures(struct backend_test *test, struct external_net *net)
{
    static const struct {
        const char *function;
        int way;
    } cases[] = {
        {"vkCreateBuffer", 0},
        {"vkAllocateMemory", 0},
        {"vkBindBufferMemory", 0},
        {"vkGetAndroidHardwareBufferPropertiesANDROID", 0},
        {"vkGetMemoryAndroidHardwareBufferANDROID", 1},
        {"vkGetMemoryWin32HandleKHR", 2},
        {"vkCreateImage", 3},
        {"vkBindImageMemory", 3},
        {"vkAllocateMemory", 3},
        {"vkGetSemaphoreWin32HandleKHR", 4},
        {"vkImportSemaphoreWin32HandleKHR", 4},
    };
    static const struct {
        VkResult result;
        tuff_status status;
    } codes[] = {{VK_ERROR_OUT_OF_HOST_MEMORY, TUFF_ERR_MEMORY},
                 {VK_ERROR_OUT_OF_DEVICE_MEMORY, TUFF_ERR_DEVICE_MEMORY},
                 {VK_ERROR_INVALID_EXTERNAL_HANDLE, TUFF_ERR_USAGE}};
    uint64_t before, after;
    test->quiet = true;
    for (size_t i = 0; i < TUFF_COUNT(cases) * TUFF_COUNT(codes); i++) {
        const char *function = cases[i / TUFF_COUNT(codes)].function;
        int way = cases[i / TUFF_COUNT(codes)].way;
        struct tuff_error error = {0};
        tuff_device_memory(test->device, &before, NULL);
        fake.fail = function;
        fake.result = codes[i % TUFF_COUNT(codes)].result;
        tuff_status status = way == 4   ? semaphores(test, &error)
                             : way == 3 ? picture(test, &error)
                                        : compute(test, net, way == 2 ? TUFF_HANDLE_WIN32 : TUFF_HANDLE_HARDWARE_BUFFER,
                                                  way > 0, &error);
        tuff_device_memory(test->device, &after, NULL);
        backend_check(test, !fake.fail && status == codes[i % TUFF_COUNT(codes)].status && before == after,
                      "%s fails with %d: got %s: %s; %llu bytes before, %llu after", function, (int)fake.result,
                      tuff_status_name(status), error.message, (unsigned long long)before, (unsigned long long)after);
        fake.fail = NULL;
        forget(test, function);
    }
    test->quiet = false;
}

static void test_all(struct backend_test *test)
{
    struct tuff_error error = {0};
    struct external_net net;
    if (!external_net_open(&net, test, test->device)) return;
    for (int way = 0; way < 3; way++) {
        enum tuff_handle_kind kind = way == 2 ? TUFF_HANDLE_WIN32 : TUFF_HANDLE_HARDWARE_BUFFER;
        fake.acquired = fake.released = fake.wrong_family = 0;
        if (backend_status(test, external_kind_name(kind), TUFF_OK, compute(test, &net, kind, way > 0, &error), &error))
            printf("%s, %s: a network computes in it\n", external_kind_name(kind), way ? "exported" : "imported");
        backend_check(test, fake.acquired >= 2 && fake.acquired == fake.released && !fake.wrong_family,
                      "whose the memory is: %u times acquired, %u released, %u neither", (unsigned)fake.acquired,
                      (unsigned)fake.released, (unsigned)fake.wrong_family);
        forget(test, external_kind_name(kind));
    }
    if (backend_status(test, "a picture", TUFF_OK, picture(test, &error), &error))
        printf("AHardwareBuffer, a picture: a network reads it\n");
    forget(test, "a picture");
    backend_status(test, "semaphores", TUFF_OK, semaphores(test, &error), &error);
    test_refusals(test);
    test_failures(test, &net);
    external_net_close(&net);
}

int main(void)
{
    struct backend_test test;
    struct tuff_options options = {.struct_size = sizeof options};
    struct tuff_error error = {0};
    tuff_options_from_env(&options);
    options.debug &= ~(uint32_t)TUFF_DEBUG_VALIDATE; /* which knows nothing of the fake */
    fake.android = true;
    test = (struct backend_test){0};
    tuff_status opened = tuff_context_create(&options, &test.context, &error);
    if (opened == TUFF_OK) opened = tuff_device_create(test.context, NULL, &test.device, &error);
    if (opened == TUFF_ERR_NO_DEVICE) tuff_context_destroy(test.context);
    if (opened == TUFF_ERR_NO_DEVICE) return printf("skipped: %s\n", error.message), 77;
    if (opened != TUFF_OK) return printf("%s\n", error.message), 1;
    if (fake.of_host)
        test_all(&test);
    else
        printf("skipped: the fake driver needs VK_EXT_external_memory_host of the one below\n");
    int status = fake.of_host ? 0 : 77;
    int outcome = backend_test_end(&test, "external_android");
    return outcome ? outcome : status;
}
