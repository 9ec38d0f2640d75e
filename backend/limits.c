/* limits.c - profiles of small devices: TUFF_LIMITS=<name> clamps what any device offers to these figures, so that the paths
 * for small devices run on a large one.
 *
 * A profile only takes away. Subgroup sizes stay as they are: the hardware has none else. */
#include "backend/instance.h"

enum {
    F16 = 1,
    F16_MATH = 2,
    I8 = 4,
    I8_MATH = 8,
    SUBGROUP = 16,
    ADDRESS = 32,
    TIMELINE = 64,
    TIMESTAMPS = 128,
    MATRIX = 256,
    DOT = 512
};

struct profile {
    const char *name;
    uint32_t shared_kib, invocations, size_z, push_bytes, storage_buffers, alignment;
    uint64_t storage_range_mib;
    uint32_t offers; /* bits above */
};

/* As the drivers of these devices report them; "floor" is the least that Tuff promises to work on. */
static const struct profile profiles[] = {
    {"floor", 16, 128, 64, 128, 8, 256, 128, 0},
    {"powervr", 16, 128, 64, 128, 12, 4, 128, SUBGROUP | TIMELINE | DOT},
    {"adreno618", 32, 1024, 64, 256, 1000, 4, 128, F16_MATH | I8_MATH | SUBGROUP | ADDRESS | TIMELINE | TIMESTAMPS | DOT},
    {"adreno702", 16, 512, 64, 256, 1000, 4, 128,
     F16 | F16_MATH | I8_MATH | SUBGROUP | ADDRESS | TIMELINE | TIMESTAMPS | DOT},
    {"mali-g31", 32, 256, 256, 256, 64, 16, 4095, F16 | I8 | I8_MATH | SUBGROUP | ADDRESS | TIMELINE | DOT},
    {"v3d42", 32, 256, 256, 256, 8, 32, 1024, F16 | I8 | SUBGROUP | ADDRESS | TIMELINE | TIMESTAMPS | DOT},
    {"v3d71", 32, 256, 256, 256, 8, 32, 1024,
     F16 | F16_MATH | I8 | I8_MATH | SUBGROUP | ADDRESS | TIMELINE | TIMESTAMPS | DOT},
    {"swiftshader", 32, 256, 64, 128, 30, 256, 1024, SUBGROUP | ADDRESS | TIMELINE | TIMESTAMPS | DOT},
    {"pascal", 48, 1024, 64, 256, 1000, 16, 4095, F16 | I8 | I8_MATH | SUBGROUP | ADDRESS | TIMELINE | TIMESTAMPS | DOT},
    {"navi31", 64, 1024, 1024, 256, 1000, 4, 4095,
     F16 | F16_MATH | I8 | I8_MATH | SUBGROUP | ADDRESS | TIMELINE | TIMESTAMPS | DOT | MATRIX},
};

static void at_most(uint32_t *value, uint32_t limit)
{
    if (*value > limit) *value = limit;
}

static void clamp(struct tuff_caps *caps, const struct profile *profile)
{
    at_most(&caps->max_shared_bytes, profile->shared_kib * 1024);
    at_most(&caps->max_workgroup_invocations, profile->invocations);
    at_most(&caps->max_workgroup_size[0], profile->invocations);
    at_most(&caps->max_workgroup_size[1], profile->invocations);
    at_most(&caps->max_workgroup_size[2], profile->size_z);
    for (int i = 0; i < 3; i++) at_most(&caps->max_workgroup_count[i], 65535);
    at_most(&caps->max_push_bytes, profile->push_bytes);
    at_most(&caps->max_storage_buffers, profile->storage_buffers);
    if (caps->max_storage_range > profile->storage_range_mib << 20)
        caps->max_storage_range = profile->storage_range_mib << 20;
    if (caps->storage_alignment < profile->alignment) caps->storage_alignment = profile->alignment;
    caps->f16_storage = caps->f16_storage && profile->offers & F16;
    caps->f16_arithmetic = caps->f16_arithmetic && profile->offers & F16_MATH;
    caps->i8_storage = caps->i8_storage && profile->offers & I8;
    caps->i8_arithmetic = caps->i8_arithmetic && profile->offers & I8_MATH;
    caps->i16_arithmetic = caps->i16_arithmetic && profile->offers & F16_MATH;
    caps->device_address = caps->device_address && profile->offers & ADDRESS;
    caps->timeline_semaphore = caps->timeline_semaphore && profile->offers & TIMELINE;
    caps->cooperative_matrix = caps->cooperative_matrix && profile->offers & MATRIX;
    caps->integer_dot_product = caps->integer_dot_product && profile->offers & DOT;
    caps->f64_arithmetic = caps->bfloat16 = false;
    if (!(profile->offers & TIMESTAMPS)) caps->timestamp_period_ns = 0;
    if (profile->offers & SUBGROUP) return;
    caps->subgroup_arithmetic = caps->subgroup_ballot = caps->subgroup_shuffle = caps->subgroup_size_control = false;
}

tuff_status tuff_limits_apply(struct tuff_context *context, const char *profile, struct tuff_caps *caps,
                              struct tuff_error *error)
{
    char names[256] = "";
    if (!profile || !profile[0]) return TUFF_OK;
    for (size_t i = 0; i < TUFF_COUNT(profiles); i++) {
        if (!strcmp(profile, profiles[i].name)) {
            clamp(caps, &profiles[i]);
            return TUFF_OK;
        }
        if (i) strcat(names, ", ");
        strcat(names, profiles[i].name);
    }
    return tuff_fail(context, error, TUFF_ERR_USAGE, "no profile of limits is called \"%s\"; there are: %s", profile, names);
}
