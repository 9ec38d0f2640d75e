/* caps_fields.c - the fields of struct tuff_caps by name, for programs that list them. */
#include "backend/caps.h"

#define FIELD(name, title, kind)                                                                                            \
    {                                                                                                                       \
#name, title, offsetof(struct tuff_caps, name), kind                                                                \
    }

/* The order is that of listings. */
static const struct tuff_caps_field fields[] = {
    FIELD(subgroup_size, "subgroup size", TUFF_FIELD_U32),
    FIELD(subgroup_size_min, "subgroup size, least", TUFF_FIELD_U32),
    FIELD(subgroup_size_max, "subgroup size, most", TUFF_FIELD_U32),
    FIELD(subgroup_size_control, "subgroup size control", TUFF_FIELD_FLAG),
    FIELD(subgroup_basic, "subgroup basic", TUFF_FIELD_FLAG),
    FIELD(subgroup_arithmetic, "subgroup arithmetic", TUFF_FIELD_FLAG),
    FIELD(subgroup_ballot, "subgroup ballot", TUFF_FIELD_FLAG),
    FIELD(subgroup_shuffle, "subgroup shuffle", TUFF_FIELD_FLAG),
    FIELD(f16_storage, "f16 storage", TUFF_FIELD_FLAG),
    FIELD(f16_arithmetic, "f16 arithmetic", TUFF_FIELD_FLAG),
    FIELD(i8_storage, "int8 storage", TUFF_FIELD_FLAG),
    FIELD(i8_arithmetic, "int8 arithmetic", TUFF_FIELD_FLAG),
    FIELD(i16_arithmetic, "int16 arithmetic", TUFF_FIELD_FLAG),
    FIELD(i64_arithmetic, "int64 arithmetic", TUFF_FIELD_FLAG),
    FIELD(f64_arithmetic, "f64 arithmetic", TUFF_FIELD_FLAG),
    FIELD(bfloat16, "bfloat16", TUFF_FIELD_FLAG),
    FIELD(cooperative_matrix, "cooperative matrix", TUFF_FIELD_FLAG),
    FIELD(integer_dot_product, "integer dot product", TUFF_FIELD_FLAG),
    FIELD(integer_dot_accelerated, "int8 dot product accelerated", TUFF_FIELD_FLAG),
    FIELD(keeps_nan, "NaN kept on demand", TUFF_FIELD_FLAG),
    FIELD(keeps_nan_f16, "NaN of f16 kept on demand", TUFF_FIELD_FLAG),
    FIELD(device_address, "buffer device address", TUFF_FIELD_FLAG),
    FIELD(timeline_semaphore, "timeline semaphore", TUFF_FIELD_FLAG),
    FIELD(synchronization2, "synchronization2", TUFF_FIELD_FLAG),
    FIELD(memory_budget, "memory budget", TUFF_FIELD_FLAG),
    FIELD(push_descriptor, "push descriptor", TUFF_FIELD_FLAG),
    FIELD(unified_memory, "unified memory", TUFF_FIELD_FLAG),
    FIELD(max_workgroup_invocations, "workgroup invocations", TUFF_FIELD_U32),
    FIELD(max_shared_bytes, "shared memory, bytes", TUFF_FIELD_U32),
    FIELD(max_push_bytes, "push constants, bytes", TUFF_FIELD_U32),
    FIELD(max_storage_buffers, "storage buffers per stage", TUFF_FIELD_U32),
    FIELD(storage_alignment, "storage alignment, bytes", TUFF_FIELD_U32),
    FIELD(max_storage_range, "storage range, bytes", TUFF_FIELD_U64),
    FIELD(max_texels, "texels of a buffer", TUFF_FIELD_U32),
    FIELD(texel_alignment, "texel alignment, bytes", TUFF_FIELD_U32),
    FIELD(max_allocation_bytes, "one allocation, bytes", TUFF_FIELD_U64),
    FIELD(max_allocation_count, "allocations", TUFF_FIELD_U32),
    FIELD(flops_per_second, "FLOP/s to count on", TUFF_FIELD_U64),
    FIELD(bytes_per_second, "bytes/s to count on", TUFF_FIELD_U64),
};

bool tuff_caps_field(uint32_t index, struct tuff_caps_field *field)
{
    if (index >= sizeof fields / sizeof fields[0]) return false;
    *field = fields[index];
    return true;
}

uint64_t tuff_caps_value(const struct tuff_caps *caps, const struct tuff_caps_field *field)
{
    const char *at = (const char *)caps + field->offset;
    switch (field->kind) {
    case TUFF_FIELD_FLAG: return *(const bool *)at;
    case TUFF_FIELD_U32: return *(const uint32_t *)at;
    case TUFF_FIELD_U64: return *(const uint64_t *)at;
    }
    return 0;
}

const char *tuff_device_kind_name(enum tuff_device_kind kind)
{
    static const char *const names[] = {[TUFF_DEVICE_OTHER] = "other",
                                        [TUFF_DEVICE_DISCRETE] = "discrete",
                                        [TUFF_DEVICE_INTEGRATED] = "integrated",
                                        [TUFF_DEVICE_VIRTUAL] = "virtual",
                                        [TUFF_DEVICE_SOFTWARE] = "software"};
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "other";
}
