/* instance.c - opens the Vulkan loader and an instance, with the validation layer when asked, and names VkResults.
 *
 * Owns struct tuff_instance. Every function pointer is asked from this loader for this instance. */
#include "backend/instance.h"
#include "backend/os.h"

#define VALIDATION_LAYER "VK_LAYER_KHRONOS_validation"

const char *tuff_vk_result_name(VkResult result)
{
    static const struct {
        VkResult result;
        const char *name;
    } names[] = {
        {VK_NOT_READY, "VK_NOT_READY"},
        {VK_TIMEOUT, "VK_TIMEOUT"},
        {VK_INCOMPLETE, "VK_INCOMPLETE"},
        {VK_ERROR_OUT_OF_HOST_MEMORY, "VK_ERROR_OUT_OF_HOST_MEMORY"},
        {VK_ERROR_OUT_OF_DEVICE_MEMORY, "VK_ERROR_OUT_OF_DEVICE_MEMORY"},
        {VK_ERROR_INITIALIZATION_FAILED, "VK_ERROR_INITIALIZATION_FAILED"},
        {VK_ERROR_DEVICE_LOST, "VK_ERROR_DEVICE_LOST"},
        {VK_ERROR_MEMORY_MAP_FAILED, "VK_ERROR_MEMORY_MAP_FAILED"},
        {VK_ERROR_LAYER_NOT_PRESENT, "VK_ERROR_LAYER_NOT_PRESENT"},
        {VK_ERROR_EXTENSION_NOT_PRESENT, "VK_ERROR_EXTENSION_NOT_PRESENT"},
        {VK_ERROR_FEATURE_NOT_PRESENT, "VK_ERROR_FEATURE_NOT_PRESENT"},
        {VK_ERROR_INCOMPATIBLE_DRIVER, "VK_ERROR_INCOMPATIBLE_DRIVER"},
        {VK_ERROR_TOO_MANY_OBJECTS, "VK_ERROR_TOO_MANY_OBJECTS"},
        {VK_ERROR_FRAGMENTED_POOL, "VK_ERROR_FRAGMENTED_POOL"},
        {VK_ERROR_OUT_OF_POOL_MEMORY, "VK_ERROR_OUT_OF_POOL_MEMORY"},
        {VK_ERROR_INVALID_SHADER_NV, "VK_ERROR_INVALID_SHADER_NV"},
        {VK_ERROR_UNKNOWN, "VK_ERROR_UNKNOWN"},
        {VK_ERROR_INVALID_EXTERNAL_HANDLE, "VK_ERROR_INVALID_EXTERNAL_HANDLE"},
    };
    for (size_t i = 0; i < TUFF_COUNT(names); i++)
        if (names[i].result == result) return names[i].name;
    return result == VK_SUCCESS ? "VK_SUCCESS" : "an unknown VkResult";
}

tuff_status tuff_vk_fail(struct tuff_context *context, struct tuff_error *error, VkResult result, const char *what)
{
    tuff_status status = TUFF_ERR_DRIVER;
    if (result == VK_ERROR_OUT_OF_HOST_MEMORY) status = TUFF_ERR_MEMORY;
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_TOO_MANY_OBJECTS ||
        result == VK_ERROR_OUT_OF_POOL_MEMORY || result == VK_ERROR_FRAGMENTED_POOL)
        status = TUFF_ERR_DEVICE_MEMORY;
    if (result == VK_ERROR_DEVICE_LOST) status = TUFF_ERR_DEVICE_LOST;
    if (result == VK_ERROR_INVALID_EXTERNAL_HANDLE) status = TUFF_ERR_USAGE;
    return tuff_fail(context, error, status, "%s: %s (%d)%s", what, tuff_vk_result_name(result), (int)result,
                     status == TUFF_ERR_DEVICE_LOST ? "; destroy the device and create it anew" : "");
}

static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                 VkDebugUtilsMessageTypeFlagsEXT type,
                                                 const VkDebugUtilsMessengerCallbackDataEXT *data, void *user)
{
    struct tuff_instance *instance = user;
    bool validation = type & VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT;
    (void)severity;
    if (validation) atomic_fetch_add(&instance->messages, 1); /* the loader's remarks are of the type GENERAL */
    tuff_log_lines(instance->context, validation ? TUFF_LOG_ERROR : TUFF_LOG_INFO, "vulkan: %s: %s",
                   data->pMessageIdName ? data->pMessageIdName : "", data->pMessage);
    return VK_FALSE;
}

static PFN_vkVoidFunction global_function(const struct tuff_instance *instance, const char *name)
{
    return instance->get_proc(VK_NULL_HANDLE, name);
}

static tuff_status open_loader(struct tuff_instance *instance, struct tuff_error *error)
{
    static const char *const names[] = {
#if defined(_WIN32)
        "vulkan-1.dll",
#elif defined(__APPLE__)
        "libvulkan.dylib",
        "libvulkan.1.dylib",
        "libMoltenVK.dylib",
#else
        "libvulkan.so.1",
        "libvulkan.so",
#endif
    };
    for (size_t i = 0; i < TUFF_COUNT(names) && !instance->library; i++) instance->library = tuff_os_library_open(names[i]);
    if (!instance->library)
        return tuff_fail(instance->context, error, TUFF_ERR_NO_DEVICE,
                         "no Vulkan loader (%s): install one (Debian: libvulkan1) and the driver of the GPU, or "
                         "mesa-vulkan-drivers for the software driver",
                         names[0]);
    instance->get_proc = (PFN_vkGetInstanceProcAddr)tuff_os_library_symbol(instance->library, "vkGetInstanceProcAddr");
    if (!instance->get_proc)
        return tuff_fail(instance->context, error, TUFF_ERR_NO_DEVICE, "the Vulkan loader has no vkGetInstanceProcAddr");
    return TUFF_OK;
}

static tuff_status load_functions(struct tuff_instance *instance, struct tuff_error *error)
{
    const char *missing = NULL;
#define LOAD(name)                                                                                                          \
    instance->name = (PFN_vk##name)instance->get_proc(instance->handle, "vk" #name);                                        \
    if (!instance->name) missing = "vk" #name;
#define LOAD_OPTIONAL(name) instance->name = (PFN_vk##name)instance->get_proc(instance->handle, "vk" #name);
    TUFF_INSTANCE_FUNCTIONS(LOAD)
    TUFF_DEBUG_FUNCTIONS(LOAD_OPTIONAL)
    if (missing)
        return tuff_fail(instance->context, error, TUFF_ERR_NO_DEVICE, "the Vulkan loader has no %s (Vulkan 1.1 is needed)",
                         missing);
    return TUFF_OK;
}

/* Of the loader and drivers (layer NULL) or of a layer. */
static bool extension_present(const struct tuff_instance *instance, const char *layer, const char *name)
{
    PFN_vkEnumerateInstanceExtensionProperties enumerate = (PFN_vkEnumerateInstanceExtensionProperties)global_function(
        instance, "vkEnumerateInstanceExtensionProperties");
    uint32_t count = 0;
    bool found = false;
    if (!enumerate || enumerate(layer, &count, NULL) != VK_SUCCESS) return false;
    VkExtensionProperties *extensions = tuff_alloc(instance->context, count * sizeof *extensions);
    if (extensions && enumerate(layer, &count, extensions) >= 0)
        for (uint32_t i = 0; i < count; i++) found = found || !strcmp(extensions[i].extensionName, name);
    tuff_free(instance->context, extensions);
    return found;
}

static bool layer_present(const struct tuff_instance *instance, const char *name)
{
    PFN_vkEnumerateInstanceExtensionProperties enumerate = (PFN_vkEnumerateInstanceExtensionProperties)global_function(
        instance, "vkEnumerateInstanceExtensionProperties");
    uint32_t count = 0;
    return enumerate && enumerate(name, &count, NULL) == VK_SUCCESS; /* else VK_ERROR_LAYER_NOT_PRESENT */
}

static uint32_t loader_version(const struct tuff_instance *instance)
{
    PFN_vkEnumerateInstanceVersion enumerate = (PFN_vkEnumerateInstanceVersion)global_function(instance,
                                                                                               "vkEnumerateInstanceVersion");
    uint32_t version = VK_API_VERSION_1_0;
    if (enumerate) enumerate(&version);
    return version;
}

/* Everything that vkCreateInstance is given; the structures point at each other. */
struct instance_info {
    const char *extensions[8];
    uint32_t extension_count;
    const char *layer;
    VkDebugUtilsMessengerCreateInfoEXT messenger;
    VkValidationFeatureEnableEXT enables[1];
    VkValidationFeaturesEXT validation;
    VkBool32 yes;
    VkLayerSettingEXT settings[2];
    VkLayerSettingsCreateInfoEXT layer_settings;
    VkApplicationInfo application;
    VkInstanceCreateInfo create;
};

/* Newest layers look at accesses of shaders only with their heuristic on, and VK_EXT_validation_features alone lets a
 * dropped barrier pass there; older layers know that structure alone. Both are given where both are known. */
static void add_validation(struct tuff_instance *instance, struct instance_info *info)
{
    if (!layer_present(instance, VALIDATION_LAYER)) {
        tuff_log_message(instance->context, TUFF_LOG_ERROR, "validation is asked for, but %s is not installed",
                         VALIDATION_LAYER);
        return;
    }
    info->layer = VALIDATION_LAYER;
    info->yes = VK_TRUE;
    if (extension_present(instance, VALIDATION_LAYER, VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME)) {
        info->enables[0] = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
        info->validation = (VkValidationFeaturesEXT){.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                                     .pNext = info->create.pNext,
                                                     .enabledValidationFeatureCount = 1,
                                                     .pEnabledValidationFeatures = info->enables};
        info->create.pNext = &info->validation;
        info->extensions[info->extension_count++] = VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME;
    }
    if (extension_present(instance, VALIDATION_LAYER, VK_EXT_LAYER_SETTINGS_EXTENSION_NAME)) {
        static const char *const names[] = {"validate_sync", "syncval_shader_accesses_heuristic"};
        for (size_t i = 0; i < TUFF_COUNT(names); i++)
            info->settings[i] = (VkLayerSettingEXT){VALIDATION_LAYER, names[i], VK_LAYER_SETTING_TYPE_BOOL32_EXT, 1,
                                                    &info->yes};
        info->layer_settings = (VkLayerSettingsCreateInfoEXT){.sType = VK_STRUCTURE_TYPE_LAYER_SETTINGS_CREATE_INFO_EXT,
                                                              .pNext = info->create.pNext,
                                                              .settingCount = TUFF_COUNT(names),
                                                              .pSettings = info->settings};
        info->create.pNext = &info->layer_settings; /* not enabled: loaders older than it refuse what they do not know */
    }
}

static void describe(struct tuff_instance *instance, struct instance_info *info)
{
    bool validate = instance->context->options.debug & TUFF_DEBUG_VALIDATE;
    *info = (struct instance_info){.create = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO}};
    info->application = (VkApplicationInfo){
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pEngineName = "tuff",
        .engineVersion = VK_MAKE_VERSION(TUFF_VERSION_MAJOR, TUFF_VERSION_MINOR, TUFF_VERSION_PATCH),
        .apiVersion = instance->api_version};
    if (validate) add_validation(instance, info);
    bool utils = extension_present(instance, NULL, VK_EXT_DEBUG_UTILS_EXTENSION_NAME) ||
                 (info->layer && extension_present(instance, info->layer, VK_EXT_DEBUG_UTILS_EXTENSION_NAME));
    if (utils) info->extensions[info->extension_count++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
    if (utils && info->layer) {
        info->messenger = (VkDebugUtilsMessengerCreateInfoEXT){
            .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
            .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                               VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
            .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_GENERAL_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
            .pfnUserCallback = on_message,
            .pUserData = instance};
    }
    if (extension_present(instance, NULL, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) {
        info->extensions[info->extension_count++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
        info->create.flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
    }
    info->create.pApplicationInfo = &info->application;
    info->create.enabledExtensionCount = info->extension_count;
    info->create.ppEnabledExtensionNames = info->extensions;
    info->create.enabledLayerCount = info->layer != NULL;
    info->create.ppEnabledLayerNames = &info->layer;
}

static tuff_status create_handle(struct tuff_instance *instance, struct tuff_error *error)
{
    struct instance_info info;
    PFN_vkCreateInstance create = (PFN_vkCreateInstance)global_function(instance, "vkCreateInstance");
    uint32_t version = loader_version(instance);
    if (!create || version < VK_API_VERSION_1_1)
        return tuff_fail(instance->context, error, TUFF_ERR_NO_DEVICE, "the Vulkan loader is older than Vulkan 1.1");
    instance->api_version = VK_API_VERSION_1_3; /* what this library knows; loaders from 1.1 on take any */
    describe(instance, &info);
    VkResult result = create(&info.create, NULL, &instance->handle);
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER)
        return tuff_fail(instance->context, error, TUFF_ERR_NO_DEVICE,
                         "no Vulkan driver: install the driver of the GPU, or mesa-vulkan-drivers for the software driver");
    if (result != VK_SUCCESS) return tuff_vk_fail(instance->context, error, result, "vkCreateInstance");
    TUFF_TRY(load_functions(instance, error));
    if (info.messenger.pfnUserCallback && instance->CreateDebugUtilsMessengerEXT &&
        instance->CreateDebugUtilsMessengerEXT(instance->handle, &info.messenger, NULL, &instance->messenger) != VK_SUCCESS)
        instance->messenger = VK_NULL_HANDLE;
    return TUFF_OK;
}

/* begun: what is there already. */
static tuff_status make(struct tuff_context *context, const struct tuff_instance *begun, struct tuff_instance **instance,
                        struct tuff_error *error)
{
    if (tuff_context_inherited(context))
        return tuff_refuse(
            context, error,
            "the context was made by the process that this one was forked from; a child process makes one of its own");
    struct tuff_instance *made = tuff_object_create(context, sizeof *made);
    if (!made) return tuff_fail_memory(context, error);
    *made = *begun;
    made->context = context;
    tuff_status status = made->get_proc ? TUFF_OK : open_loader(made, error);
    if (status == TUFF_OK) status = made->imported ? load_functions(made, error) : create_handle(made, error);
    if (status != TUFF_OK)
        tuff_instance_destroy(made);
    else
        *instance = made;
    return status;
}

tuff_status tuff_instance_create(struct tuff_context *context, struct tuff_instance **instance, struct tuff_error *error)
{
    return make(context, &(struct tuff_instance){.imported = false}, instance, error);
}

tuff_status tuff_instance_import(struct tuff_context *context, VkInstance handle, PFN_vkGetInstanceProcAddr get_proc,
                                 uint32_t api_version, struct tuff_instance **instance, struct tuff_error *error)
{
    const struct tuff_instance begun = {
        .imported = true, .handle = handle, .api_version = api_version, .get_proc = get_proc};
    return make(context, &begun, instance, error);
}

void tuff_instance_destroy(struct tuff_instance *instance)
{
    if (!instance) return;
    if (instance->messenger) instance->DestroyDebugUtilsMessengerEXT(instance->handle, instance->messenger, NULL);
    if (!instance->imported && instance->handle && instance->DestroyInstance)
        instance->DestroyInstance(instance->handle, NULL);
    tuff_os_library_close(instance->library);
    tuff_object_destroy(instance->context, instance);
}
