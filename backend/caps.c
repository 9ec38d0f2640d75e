/* caps.c - what physical devices can do, in the form of struct tuff_caps, and their order.
 *
 * Needs an instance. Asks only structures that the device's version or extensions know, so that old drivers see none else. */
#include "backend/health.h"
#include "backend/instance.h"
#include "backend/plan.h"

#include <math.h>
#include <stdlib.h>

static const char *const wanted_extensions[] = {
#define NAME(bit, name) name,
    TUFF_SHARING(NAME) /* the first ones */
    VK_KHR_8BIT_STORAGE_EXTENSION_NAME,
    VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME,
    VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME,
    VK_KHR_BUFFER_DEVICE_ADDRESS_EXTENSION_NAME,
    VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME,
    VK_KHR_SHADER_SUBGROUP_EXTENDED_TYPES_EXTENSION_NAME,
    VK_KHR_SYNCHRONIZATION_2_EXTENSION_NAME,
    VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME,
    VK_KHR_VULKAN_MEMORY_MODEL_EXTENSION_NAME,
    VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME,
    VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME,
    VK_EXT_MEMORY_BUDGET_EXTENSION_NAME,
    VK_KHR_SHADER_FLOAT_CONTROLS_EXTENSION_NAME,
};

const char *tuff_sharing_name(enum tuff_sharing extension) { return wanted_extensions[extension]; }

const char *const *tuff_wanted_extensions(uint32_t *count)
{
    *count = TUFF_COUNT(wanted_extensions);
    return wanted_extensions;
}

struct extension_list {
    VkExtensionProperties *items; /* [owned] */
    uint32_t count;
};

/* On failure nothing is held. */
static tuff_status list_extensions(struct tuff_instance *instance, VkPhysicalDevice gpu, struct extension_list *list,
                                   struct tuff_error *error)
{
    static const char function[] = "vkEnumerateDeviceExtensionProperties";
    uint32_t count = 0;
    *list = (struct extension_list){0};
    VkResult result = instance->EnumerateDeviceExtensionProperties(gpu, NULL, &count, NULL);
    if (result < 0) return tuff_vk_fail(instance->context, error, result, function);
    VkExtensionProperties *items = tuff_alloc(instance->context, count * sizeof *items);
    if (!items) return tuff_fail_memory(instance->context, error);
    result = instance->EnumerateDeviceExtensionProperties(gpu, NULL, &count, items);
    if (result < 0) {
        tuff_free(instance->context, items);
        return tuff_vk_fail(instance->context, error, result, function);
    }
    *list = (struct extension_list){items, count};
    return TUFF_OK;
}

static bool has(const struct extension_list *list, const char *name)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (!strcmp(list->items[i].extensionName, name)) return true;
    return false;
}

/* One optional structure of the chain: present by version or by extension. */
static const struct chain_row {
    size_t offset, bytes;
    VkStructureType type;
    uint32_t core_version; /* 0: never in core */
    const char *extension; /* NULL: core of 1.1 */
} chain_rows[] = {
#define STRUCTURE(member, name)                                                                                             \
    offsetof(struct tuff_feature_chain, member), sizeof((struct tuff_feature_chain *)0)->member,                            \
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_##name
#define BY(name) VK_##name##_EXTENSION_NAME
    {STRUCTURE(storage16, 16BIT_STORAGE_FEATURES), VK_API_VERSION_1_1, NULL},
    {STRUCTURE(storage8, 8BIT_STORAGE_FEATURES), VK_API_VERSION_1_2, BY(KHR_8BIT_STORAGE)},
    {STRUCTURE(arithmetic, SHADER_FLOAT16_INT8_FEATURES), VK_API_VERSION_1_2, BY(KHR_SHADER_FLOAT16_INT8)},
    {STRUCTURE(timeline, TIMELINE_SEMAPHORE_FEATURES), VK_API_VERSION_1_2, BY(KHR_TIMELINE_SEMAPHORE)},
    {STRUCTURE(address, BUFFER_DEVICE_ADDRESS_FEATURES), VK_API_VERSION_1_2, BY(KHR_BUFFER_DEVICE_ADDRESS)},
    {STRUCTURE(subgroup, SUBGROUP_SIZE_CONTROL_FEATURES), VK_API_VERSION_1_3, BY(EXT_SUBGROUP_SIZE_CONTROL)},
    {STRUCTURE(subgroup_types, SHADER_SUBGROUP_EXTENDED_TYPES_FEATURES), VK_API_VERSION_1_2,
     BY(KHR_SHADER_SUBGROUP_EXTENDED_TYPES)},
    {STRUCTURE(synchronization2, SYNCHRONIZATION_2_FEATURES), VK_API_VERSION_1_3, BY(KHR_SYNCHRONIZATION_2)},
    {STRUCTURE(dot, SHADER_INTEGER_DOT_PRODUCT_FEATURES), VK_API_VERSION_1_3, BY(KHR_SHADER_INTEGER_DOT_PRODUCT)},
    {STRUCTURE(memory_model, VULKAN_MEMORY_MODEL_FEATURES), VK_API_VERSION_1_2, BY(KHR_VULKAN_MEMORY_MODEL)},
    {STRUCTURE(cooperative_matrix, COOPERATIVE_MATRIX_FEATURES_KHR), 0, BY(KHR_COOPERATIVE_MATRIX)},
    {STRUCTURE(bfloat16, SHADER_BFLOAT16_FEATURES_KHR), 0, BY(KHR_SHADER_BFLOAT16)},
};

/* One feature: the flag of struct tuff_features, where it stands in the chain and in the structure of a whole version of Vulkan, and the
 * capability that a device has only with it. */
static const struct feature_row {
    size_t flag, at;
    VkStructureType version; /* VK_STRUCTURE_TYPE_APPLICATION_INFO, 0: of none */
    size_t in_version;
    size_t cap;
} feature_rows[] = {
#define FLAG(flag, member) offsetof(struct tuff_features, flag), offsetof(struct tuff_feature_chain, member)
#define IN(number, feature)                                                                                                 \
    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_##number##_FEATURES,                                                         \
        offsetof(VkPhysicalDeviceVulkan1##number##Features, feature)
#define CAP(name) offsetof(struct tuff_caps, name)
    {FLAG(storage16, storage16.storageBuffer16BitAccess), IN(1, storageBuffer16BitAccess), CAP(f16_storage)},
    {FLAG(storage8, storage8.storageBuffer8BitAccess), IN(2, storageBuffer8BitAccess), CAP(i8_storage)},
    {FLAG(float16, arithmetic.shaderFloat16), IN(2, shaderFloat16), CAP(f16_arithmetic)},
    {FLAG(int8, arithmetic.shaderInt8), IN(2, shaderInt8), CAP(i8_arithmetic)},
    {FLAG(int16, core.features.shaderInt16), 0, 0, CAP(i16_arithmetic)},
    {FLAG(int64, core.features.shaderInt64), 0, 0, CAP(i64_arithmetic)},
    {FLAG(float64, core.features.shaderFloat64), 0, 0, CAP(f64_arithmetic)},
    {FLAG(subgroup_size_control, subgroup.subgroupSizeControl), IN(3, subgroupSizeControl), CAP(subgroup_size_control)},
    {FLAG(full_subgroups, subgroup.computeFullSubgroups), IN(3, computeFullSubgroups), CAP(subgroup_size_control)},
    {FLAG(timeline, timeline.timelineSemaphore), IN(2, timelineSemaphore), CAP(timeline_semaphore)},
    {FLAG(device_address, address.bufferDeviceAddress), IN(2, bufferDeviceAddress), CAP(device_address)},
    {FLAG(synchronization2, synchronization2.synchronization2), IN(3, synchronization2), CAP(synchronization2)},
    {FLAG(integer_dot_product, dot.shaderIntegerDotProduct), IN(3, shaderIntegerDotProduct), CAP(integer_dot_product)},
    {FLAG(cooperative_matrix, cooperative_matrix.cooperativeMatrix), 0, 0, CAP(cooperative_matrix)},
    {FLAG(memory_model, memory_model.vulkanMemoryModel), IN(2, vulkanMemoryModel), CAP(cooperative_matrix)},
    {FLAG(bfloat16, bfloat16.shaderBFloat16Type), 0, 0, CAP(bfloat16)},
};

static bool *flag_of(struct tuff_features *features, const struct feature_row *row)
{
    return (bool *)((char *)features + row->flag);
}

static VkBool32 feature_at(const void *structure, size_t offset)
{
    return *(const VkBool32 *)(const void *)((const char *)structure + offset);
}

static void add_extension(struct tuff_feature_chain *chain, const char *name)
{
    if (chain->extension_count < TUFF_COUNT(chain->extensions)) chain->extensions[chain->extension_count++] = name;
}

/* Chains the structures that a device of this version with these extensions knows, and lists the extensions they need. */
static void link_chain(struct tuff_feature_chain *chain, uint32_t version, const struct extension_list *extensions)
{
    *chain = (struct tuff_feature_chain){.core = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2}};
    VkBaseOutStructure *last = (VkBaseOutStructure *)&chain->core;
    for (size_t i = 0; i < TUFF_COUNT(chain_rows); i++) {
        const struct chain_row *row = &chain_rows[i];
        bool core = row->core_version && version >= row->core_version;
        if (!core && (!row->extension || !has(extensions, row->extension))) continue;
        if (!core) add_extension(chain, row->extension);
        VkBaseOutStructure *next = (VkBaseOutStructure *)(void *)((char *)chain + row->offset);
        next->sType = row->type;
        last->pNext = next;
        last = next;
    }
}

static struct tuff_features flags_of(const struct tuff_feature_chain *chain)
{
    struct tuff_features flags = {0};
    for (size_t i = 0; i < TUFF_COUNT(feature_rows); i++)
        *flag_of(&flags, &feature_rows[i]) = feature_at(chain, feature_rows[i].at);
    return flags;
}

/* Leaves on what Tuff uses: a feature that is merely there may cost something (robust access does). */
static void keep_used(struct tuff_feature_chain *chain)
{
    VkPhysicalDeviceFeatures all = chain->core.features;
    chain->core.features = (VkPhysicalDeviceFeatures){
        .shaderInt16 = all.shaderInt16, .shaderInt64 = all.shaderInt64, .shaderFloat64 = all.shaderFloat64};
    chain->storage16.uniformAndStorageBuffer16BitAccess = VK_FALSE;
    chain->storage16.storagePushConstant16 = VK_FALSE;
    chain->storage16.storageInputOutput16 = VK_FALSE;
    chain->storage8.uniformAndStorageBuffer8BitAccess = VK_FALSE;
    chain->storage8.storagePushConstant8 = VK_FALSE;
    chain->address.bufferDeviceAddressCaptureReplay = VK_FALSE;
    chain->address.bufferDeviceAddressMultiDevice = VK_FALSE;
    chain->memory_model.vulkanMemoryModelAvailabilityVisibilityChains = VK_FALSE;
    chain->cooperative_matrix.cooperativeMatrixRobustBufferAccess = VK_FALSE;
}

tuff_status tuff_feature_chain_init(struct tuff_feature_chain *chain, struct tuff_instance *instance,
                                    const struct tuff_gpu *gpu, struct tuff_error *error)
{
    struct extension_list extensions;
    TUFF_TRY(list_extensions(instance, gpu->handle, &extensions, error));
    link_chain(chain, gpu->caps.api_version, &extensions);
    instance->GetPhysicalDeviceFeatures2(gpu->handle, &chain->core);
    keep_used(chain);
    if (gpu->has_memory_budget) add_extension(chain, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    if (gpu->has_portability_subset) add_extension(chain, VK_KHR_PORTABILITY_SUBSET_EXTENSION_NAME);
    if (gpu->has_float_controls) add_extension(chain, VK_KHR_SHADER_FLOAT_CONTROLS_EXTENSION_NAME);
    for (uint32_t i = 0; i < TUFF_SHARING_COUNT; i++)
        if (gpu->sharing >> i & 1) add_extension(chain, tuff_sharing_name(i));
    tuff_free(instance->context, extensions.items);
    return TUFF_OK;
}

struct tuff_features tuff_features_of_chain(const VkPhysicalDeviceFeatures2 *features)
{
    struct tuff_feature_chain chain = {0};
    if (features) chain.core = *features;
    for (const VkBaseInStructure *at = (const void *)features; at; at = at->pNext)
        for (size_t i = 0; i < TUFF_COUNT(chain_rows); i++)
            if (chain_rows[i].type == at->sType) memcpy((char *)&chain + chain_rows[i].offset, at, chain_rows[i].bytes);
    struct tuff_features flags = flags_of(&chain);
    for (const VkBaseInStructure *at = (const void *)features; at; at = at->pNext)
        for (size_t i = 0; i < TUFF_COUNT(feature_rows); i++)
            if (feature_rows[i].version == at->sType && feature_rows[i].version &&
                feature_at(at, feature_rows[i].in_version))
                *flag_of(&flags, &feature_rows[i]) = true;
    return flags;
}

void tuff_caps_restrict(struct tuff_caps *caps, const struct tuff_features *features)
{
    struct tuff_features flags = *features;
    for (size_t i = 0; i < TUFF_COUNT(feature_rows); i++)
        if (!*flag_of(&flags, &feature_rows[i])) *(bool *)((char *)caps + feature_rows[i].cap) = false;
    if (caps->subgroup_size_control && caps->subgroup_size_min <= 32 && caps->subgroup_size == 64)
        caps->subgroup_size = 32; /* RDNA: pairs its lanes best; needs to be asked for */
    if (caps->subgroup_size_control && caps->vendor_id == 0x8086)
        caps->subgroup_size = caps->subgroup_size_min; /* most registers for a lane */
}

static enum tuff_device_kind kind_of(VkPhysicalDeviceType type)
{
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return TUFF_DEVICE_DISCRETE;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return TUFF_DEVICE_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return TUFF_DEVICE_VIRTUAL;
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return TUFF_DEVICE_SOFTWARE;
    default: return TUFF_DEVICE_OTHER;
    }
}

/* Far below what such devices reach, so that a slow one's first submissions are short; a software device has no watchdog, but
 * those who cancel do not wait there either. */
static void guess_pace(struct tuff_caps *caps)
{
    static const uint64_t giga[][2] = {[TUFF_DEVICE_OTHER] = {2, 1},
                                       [TUFF_DEVICE_DISCRETE] = {200, 20},
                                       [TUFF_DEVICE_INTEGRATED] = {5, 2},
                                       [TUFF_DEVICE_VIRTUAL] = {5, 2},
                                       [TUFF_DEVICE_SOFTWARE] = {4, 2}};
    caps->flops_per_second = giga[caps->kind][0] * 1000000000;
    caps->bytes_per_second = giga[caps->kind][1] * 1000000000;
}

/* A driver's text, shown on terminals and written to JSON later. All have 256 bytes in Vulkan. */
static void copy_name(const char *from, char *to, size_t size)
{
    char text[256];
    memcpy(text, from, sizeof text);
    text[sizeof text - 1] = 0;
    tuff_printable(text, to, size);
}

static void copy_limits(struct tuff_caps *caps, const VkPhysicalDeviceProperties *properties)
{
    const VkPhysicalDeviceLimits *limits = &properties->limits;
    copy_name(properties->deviceName, caps->name, sizeof caps->name);
    caps->driver_version = properties->driverVersion;
    caps->vendor_id = properties->vendorID;
    caps->device_id = properties->deviceID;
    caps->api_version = properties->apiVersion;
    caps->kind = kind_of(properties->deviceType);
    guess_pace(caps);
    caps->max_workgroup_invocations = limits->maxComputeWorkGroupInvocations;
    memcpy(caps->max_workgroup_size, limits->maxComputeWorkGroupSize, sizeof caps->max_workgroup_size);
    memcpy(caps->max_workgroup_count, limits->maxComputeWorkGroupCount, sizeof caps->max_workgroup_count);
    caps->max_shared_bytes = limits->maxComputeSharedMemorySize;
    caps->max_push_bytes = limits->maxPushConstantsSize;
    caps->max_storage_buffers = limits->maxPerStageDescriptorStorageBuffers < limits->maxDescriptorSetStorageBuffers
                                    ? limits->maxPerStageDescriptorStorageBuffers
                                    : limits->maxDescriptorSetStorageBuffers;
    if (limits->maxPerStageResources < caps->max_storage_buffers) caps->max_storage_buffers = limits->maxPerStageResources;
    caps->max_storage_range = limits->maxStorageBufferRange;
    caps->max_allocation_count = limits->maxMemoryAllocationCount;
    caps->max_allocation_bytes = UINT64_C(1) << 30; /* Vulkan's floor, until maintenance3 tells */
    caps->storage_alignment = (uint32_t)limits->minStorageBufferOffsetAlignment;
    if (!caps->storage_alignment) caps->storage_alignment = 4;
    caps->max_texels = limits->maxTexelBufferElements;
    caps->texel_alignment = (uint32_t)limits->minTexelBufferOffsetAlignment;
    if (!caps->texel_alignment) caps->texel_alignment = TUFF_TEXEL_BYTES;
}

struct property_chain {
    VkPhysicalDeviceProperties2 core;
    VkPhysicalDeviceIDProperties id;
    VkPhysicalDeviceSubgroupProperties subgroup;
    VkPhysicalDeviceMaintenance3Properties maintenance3;
    VkPhysicalDeviceDriverProperties driver;
    VkPhysicalDeviceSubgroupSizeControlProperties size_control;
    VkPhysicalDeviceFloatControlsProperties floats;
    VkPhysicalDeviceShaderIntegerDotProductProperties dot;
};

static void copy_properties(struct tuff_caps *caps, const struct property_chain *chain)
{
    const VkSubgroupFeatureFlags operations = chain->subgroup.supportedOperations;
    memcpy(caps->uuid, chain->id.deviceUUID, sizeof caps->uuid);
    memcpy(caps->driver_uuid, chain->id.driverUUID, sizeof caps->driver_uuid);
    copy_name(chain->driver.driverName, caps->driver_name, sizeof caps->driver_name);
    copy_name(chain->driver.driverInfo, caps->driver_info, sizeof caps->driver_info);
    caps->driver_id = (uint32_t)chain->driver.driverID;
    caps->max_allocation_bytes = chain->maintenance3.maxMemoryAllocationSize;
    caps->keeps_nan = chain->floats.shaderSignedZeroInfNanPreserveFloat32;
    caps->integer_dot_accelerated = chain->dot.integerDotProduct4x8BitPackedSignedAccelerated;
    caps->keeps_nan_f16 = chain->floats.shaderSignedZeroInfNanPreserveFloat16;
    caps->subgroup_size = chain->subgroup.subgroupSize;
    caps->subgroup_size_min = chain->size_control.minSubgroupSize ? chain->size_control.minSubgroupSize
                                                                  : caps->subgroup_size;
    caps->subgroup_size_max = chain->size_control.maxSubgroupSize ? chain->size_control.maxSubgroupSize
                                                                  : caps->subgroup_size;
    if (!(chain->subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT)) return;
    caps->subgroup_basic = operations & VK_SUBGROUP_FEATURE_BASIC_BIT;
    caps->subgroup_arithmetic = operations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT;
    caps->subgroup_ballot = operations & VK_SUBGROUP_FEATURE_BALLOT_BIT;
    caps->subgroup_shuffle = operations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
    caps->subgroup_size_control = chain->size_control.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT;
}

static void query_properties(struct tuff_instance *instance, struct tuff_gpu *gpu, const struct extension_list *extensions)
{
    uint32_t version = gpu->caps.api_version;
    struct property_chain chain = {
        .core = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &chain.id},
        .id = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES, .pNext = &chain.subgroup},
        .subgroup = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES, .pNext = &chain.maintenance3},
        .maintenance3 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES},
        .driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES},
        .size_control = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES},
        .floats = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FLOAT_CONTROLS_PROPERTIES},
        .dot = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES},
    };
    if (version >= VK_API_VERSION_1_2 || has(extensions, VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME)) {
        chain.driver.pNext = chain.core.pNext;
        chain.core.pNext = &chain.driver;
    }
    if (version >= VK_API_VERSION_1_3 || has(extensions, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME)) {
        chain.size_control.pNext = chain.core.pNext;
        chain.core.pNext = &chain.size_control;
    }
    gpu->has_float_controls = version < VK_API_VERSION_1_2 && has(extensions, VK_KHR_SHADER_FLOAT_CONTROLS_EXTENSION_NAME);
    if (version >= VK_API_VERSION_1_2 || gpu->has_float_controls) {
        chain.floats.pNext = chain.core.pNext;
        chain.core.pNext = &chain.floats;
    }
    if (version >= VK_API_VERSION_1_3 || has(extensions, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME)) {
        chain.dot.pNext = chain.core.pNext;
        chain.core.pNext = &chain.dot;
    }
    instance->GetPhysicalDeviceProperties2(gpu->handle, &chain.core);
    copy_properties(&gpu->caps, &chain);
    gpu->subgroup_size = chain.subgroup.subgroupSize;
}

/* The largest product of f16 x f16 summed in f32 by a subgroup. A driver that cannot tell has none. */
static tuff_status query_matrices(struct tuff_instance *instance, struct tuff_gpu *gpu, struct tuff_error *error)
{
    struct tuff_caps *caps = &gpu->caps;
    uint32_t count = 0;
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR list =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)(void (*)(void))instance->get_proc(
            instance->handle, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    if (!caps->cooperative_matrix || !list || list(gpu->handle, &count, NULL) != VK_SUCCESS || !count) return TUFF_OK;
    VkCooperativeMatrixPropertiesKHR *rows = tuff_alloc(instance->context, count * sizeof *rows);
    if (!rows) return tuff_fail_memory(instance->context, error);
    for (uint32_t i = 0; i < count; i++) rows[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
    if (list(gpu->handle, &count, rows) < 0) count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const VkCooperativeMatrixPropertiesKHR *r = &rows[i];
        bool fits = r->AType == VK_COMPONENT_TYPE_FLOAT16_KHR && r->BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
                    r->CType == VK_COMPONENT_TYPE_FLOAT32_KHR && r->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
                    r->scope == VK_SCOPE_SUBGROUP_KHR;
        if (!fits || (uint64_t)r->MSize * r->NSize * r->KSize <= (uint64_t)caps->matrix_m * caps->matrix_n * caps->matrix_k)
            continue;
        caps->matrix_m = r->MSize, caps->matrix_n = r->NSize, caps->matrix_k = r->KSize;
    }
    tuff_free(instance->context, rows);
    return TUFF_OK;
}

static void query_features(struct tuff_instance *instance, struct tuff_gpu *gpu, const struct extension_list *extensions)
{
    struct tuff_feature_chain chain;
    struct tuff_caps *caps = &gpu->caps;
    link_chain(&chain, caps->api_version, extensions);
    instance->GetPhysicalDeviceFeatures2(gpu->handle, &chain.core);
    gpu->features = flags_of(&chain);
    caps->f16_storage = caps->f16_arithmetic = caps->i8_storage = caps->i8_arithmetic = caps->i16_arithmetic = true;
    caps->i64_arithmetic = caps->f64_arithmetic = caps->timeline_semaphore = caps->device_address = true;
    caps->synchronization2 = caps->integer_dot_product = caps->cooperative_matrix = caps->bfloat16 = true;
    tuff_caps_restrict(caps, &gpu->features);
    caps->memory_budget = gpu->has_memory_budget = has(extensions, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    caps->push_descriptor = has(extensions, VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME);
    gpu->has_portability_subset = has(extensions, VK_KHR_PORTABILITY_SUBSET_EXTENSION_NAME);
    for (uint32_t i = 0; i < TUFF_SHARING_COUNT; i++)
        if (has(extensions, tuff_sharing_name(i)) && (i != TUFF_SHARES_HARDWARE_BUFFER || tuff_external_has_android()))
            gpu->sharing |= UINT32_C(1) << i;
}

/* A family for compute alone comes first: displays' watchdogs look at the graphics queue. */
static bool choose_queue_family(struct tuff_instance *instance, struct tuff_gpu *gpu)
{
    VkQueueFamilyProperties families[16];
    uint32_t count = TUFF_COUNT(families);
    int best = -1;
    instance->GetPhysicalDeviceQueueFamilyProperties(gpu->handle, &count, families);
    for (uint32_t i = 0; i < count; i++) {
        int score = families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT ? 1 : 2;
        if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) || !families[i].queueCount || score <= best) continue;
        best = score;
        gpu->queue_family = i;
        gpu->timestamp_bits = families[i].timestampValidBits;
    }
    return best >= 0;
}

void tuff_gpu_query_heaps(const struct tuff_instance *instance, const struct tuff_gpu *gpu, struct tuff_caps *caps)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                                .pNext = caps->memory_budget ? &budget : NULL};
    instance->GetPhysicalDeviceMemoryProperties2(gpu->handle, &memory);
    caps->heap_count = memory.memoryProperties.memoryHeapCount;
    for (uint32_t i = 0; i < caps->heap_count && i < TUFF_COUNT(caps->heaps); i++) {
        caps->heaps[i].bytes = memory.memoryProperties.memoryHeaps[i].size;
        caps->heaps[i].device_local = memory.memoryProperties.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT;
        caps->heaps[i].budget_bytes = budget.heapBudget[i];
        caps->heaps[i].used_bytes = budget.heapUsage[i];
    }
}

/* A discrete GPU may map its memory too, but the host then reads it over the bus, uncached: staging is faster. */
static bool is_unified(const struct tuff_instance *instance, const struct tuff_gpu *gpu)
{
    const VkMemoryPropertyFlags both = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                       VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkPhysicalDeviceMemoryProperties memory;
    if (gpu->caps.kind == TUFF_DEVICE_DISCRETE || gpu->caps.kind == TUFF_DEVICE_VIRTUAL) return false;
    instance->GetPhysicalDeviceMemoryProperties(gpu->handle, &memory);
    for (uint32_t i = 0; i < memory.memoryTypeCount; i++)
        if ((memory.memoryTypes[i].propertyFlags & both) == both) return true;
    return false;
}

tuff_status tuff_gpu_query(struct tuff_instance *instance, VkPhysicalDevice handle, struct tuff_gpu *gpu,
                           struct tuff_error *error)
{
    struct extension_list extensions;
    VkPhysicalDeviceProperties properties;
    *gpu = (struct tuff_gpu){.handle = handle, .caps = {.struct_size = sizeof gpu->caps}};
    instance->GetPhysicalDeviceProperties(handle, &properties);
    memcpy(gpu->cache_uuid, properties.pipelineCacheUUID, sizeof gpu->cache_uuid);
    copy_limits(&gpu->caps, &properties);
    if (gpu->caps.api_version > instance->api_version) /* the instance's version is a bound on what may be used */
        gpu->caps.api_version = VK_MAKE_API_VERSION(0, VK_API_VERSION_MAJOR(instance->api_version),
                                                    VK_API_VERSION_MINOR(instance->api_version),
                                                    VK_API_VERSION_PATCH(properties.apiVersion));
    if (gpu->caps.api_version < VK_API_VERSION_1_1) return TUFF_OK; /* listed, not usable */
    TUFF_TRY(list_extensions(instance, handle, &extensions, error));
    query_properties(instance, gpu, &extensions);
    query_features(instance, gpu, &extensions);
    tuff_free(instance->context, extensions.items);
    TUFF_TRY(query_matrices(instance, gpu, error));
    tuff_gpu_query_heaps(instance, gpu, &gpu->caps);
    gpu->usable = choose_queue_family(instance, gpu);
    gpu->caps.unified_memory = is_unified(instance, gpu);
    double period = (double)properties.limits.timestampPeriod;
    gpu->caps.timestamp_period_ns = gpu->timestamp_bits && isfinite(period) && period > 0 ? period : 0;
    TUFF_TRY(tuff_drivers_apply(instance->context, instance->context->options.driver, &gpu->caps, error));
    TUFF_TRY(tuff_class_apply(instance->context, &gpu->caps, error));
    gpu->caps.families_off = tuff_health_off(instance->context, &gpu->caps);
    return TUFF_OK;
}

static int rank(const struct tuff_gpu *gpu)
{
    static const int by_kind[] = {[TUFF_DEVICE_DISCRETE] = 1,
                                  [TUFF_DEVICE_INTEGRATED] = 2,
                                  [TUFF_DEVICE_VIRTUAL] = 3,
                                  [TUFF_DEVICE_OTHER] = 4,
                                  [TUFF_DEVICE_SOFTWARE] = 5};
    return (gpu->usable ? 0 : 1000) + by_kind[gpu->caps.kind] * 10 + tuff_driver_rank(&gpu->caps);
}

/* Insertion sort: few devices, and those of equal rank keep the loader's order. */
static void sort_gpus(struct tuff_gpu *gpus, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct tuff_gpu moved = gpus[i];
        uint32_t at = i;
        for (; at > 0 && rank(&gpus[at - 1]) > rank(&moved); at--) gpus[at] = gpus[at - 1];
        gpus[at] = moved;
    }
}

tuff_status tuff_gpu_list(struct tuff_instance *instance, struct tuff_gpu **gpus, uint32_t *count, struct tuff_error *error)
{
    VkPhysicalDevice handles[TUFF_MAX_GPUS];
    uint32_t found = TUFF_MAX_GPUS;
    VkResult result = instance->EnumeratePhysicalDevices(instance->handle, &found, handles);
    if (result != VK_SUCCESS && result != VK_INCOMPLETE)
        return tuff_vk_fail(instance->context, error, result, "vkEnumeratePhysicalDevices");
    if (!found)
        return tuff_fail(instance->context, error, TUFF_ERR_NO_DEVICE,
                         "no Vulkan device: install the driver of the GPU, or mesa-vulkan-drivers for the software driver");
    struct tuff_gpu *list = tuff_alloc(instance->context, found * sizeof *list);
    if (!list) return tuff_fail_memory(instance->context, error);
    uint32_t kept = 0;
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; i < found && status != TUFF_ERR_MEMORY && status != TUFF_ERR_USAGE; i++) {
        status = tuff_gpu_query(instance, handles[i], &list[kept], error);
        if (status == TUFF_OK) kept++;
    }
    /* One broken driver hides its device alone; short memory and a wrong TUFF_DRIVER must not choose. */
    if (status == TUFF_ERR_MEMORY || status == TUFF_ERR_USAGE || !kept) {
        tuff_free(instance->context, list);
        return status;
    }
    sort_gpus(list, kept);
    *gpus = list;
    *count = kept;
    return TUFF_OK;
}
