/* limits.c - profiles of small devices: TUFF_LIMITS=<name>[,<figure>=<value>,..][,no-<feature>,..] clamps what any device
 * offers, so that the paths for small devices run on a large one.
 *
 * A limit only takes away. Subgroup sizes stay as they are: the hardware has none else. */
#include "backend/instance.h"

#include <stdlib.h>

enum { F16 = 1, F16_MATH = 2, I8 = 4, I8_MATH = 8, SUBGROUP = 16 };
enum { ADDRESS = 32, TIMELINE = 64, TIMESTAMPS = 128, MATRIX = 256, DOT = 512 };

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

/* ---- single figures ---------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t offset;
    bool wide, least; /* a uint64_t; a figure that is raised to the value, not lowered */
} figures[] = {
    {"shared", offsetof(struct tuff_caps, max_shared_bytes), false, false},
    {"invocations", offsetof(struct tuff_caps, max_workgroup_invocations), false, false},
    {"push", offsetof(struct tuff_caps, max_push_bytes), false, false},
    {"buffers", offsetof(struct tuff_caps, max_storage_buffers), false, false},
    {"groups", offsetof(struct tuff_caps, max_workgroup_count[0]), false, false},
    {"range", offsetof(struct tuff_caps, max_storage_range), true, false},
    {"allocation", offsetof(struct tuff_caps, max_allocation_bytes), true, false},
    {"allocations", offsetof(struct tuff_caps, max_allocation_count), false, false},
    {"texels", offsetof(struct tuff_caps, max_texels), false, false},
    {"flops", offsetof(struct tuff_caps, flops_per_second), true, false},
    {"bandwidth", offsetof(struct tuff_caps, bytes_per_second), true, false},
    {"alignment", offsetof(struct tuff_caps, storage_alignment), false, true},
};
static const struct {
    const char *name;
    size_t offset[4]; /* bools; 0 ends them (no feature is the struct's first member) */
} features[] = {
    {"no-16bit",
     {offsetof(struct tuff_caps, f16_storage), offsetof(struct tuff_caps, f16_arithmetic),
      offsetof(struct tuff_caps, i16_arithmetic)}},
    {"no-8bit", {offsetof(struct tuff_caps, i8_storage), offsetof(struct tuff_caps, i8_arithmetic)}},
    {"no-subgroups",
     {offsetof(struct tuff_caps, subgroup_arithmetic), offsetof(struct tuff_caps, subgroup_ballot),
      offsetof(struct tuff_caps, subgroup_shuffle), offsetof(struct tuff_caps, subgroup_size_control)}},
    {"no-timeline", {offsetof(struct tuff_caps, timeline_semaphore)}},
    {"no-matrix", {offsetof(struct tuff_caps, cooperative_matrix)}},
    {"no-dot", {offsetof(struct tuff_caps, integer_dot_product)}},
    {"no-nan-mode", {offsetof(struct tuff_caps, keeps_nan), offsetof(struct tuff_caps, keeps_nan_f16)}},
};

/* "range=65536", "no-timeline", "no-timestamps"; false when it is none of these. */
static bool clamp_figure(struct tuff_caps *caps, const char *word, size_t length)
{
    char *bytes = (char *)caps;
    for (size_t i = 0; i < TUFF_COUNT(features); i++)
        if (strlen(features[i].name) == length && !strncmp(features[i].name, word, length)) {
            for (size_t k = 0; k < TUFF_COUNT(features[i].offset) && features[i].offset[k]; k++)
                *(bool *)(bytes + features[i].offset[k]) = false;
            return true;
        }
    if (length == strlen("no-timestamps") && !strncmp(word, "no-timestamps", length)) {
        caps->timestamp_period_ns = 0;
        return true;
    }
    for (size_t i = 0; i < TUFF_COUNT(figures); i++) {
        size_t name = strlen(figures[i].name);
        char *end;
        if (length <= name + 1 || strncmp(word, figures[i].name, name) || word[name] != '=') continue;
        unsigned long long value = strtoull(word + name + 1, &end, 10);
        uint64_t *wide = (uint64_t *)(void *)(bytes + figures[i].offset);
        uint32_t *narrow = (uint32_t *)(void *)(bytes + figures[i].offset);
        if (end != word + length || value == 0 || value > UINT32_MAX) return false;
        if (figures[i].wide)
            *wide = *wide < value ? *wide : value;
        else if ((*narrow < value) == figures[i].least)
            *narrow = (uint32_t)value;
        return true;
    }
    return false;
}

static tuff_status unknown(struct tuff_context *context, const char *word, size_t length, struct tuff_error *error)
{
    struct tuff_text known = {.context = context};
    for (size_t i = 0; i < TUFF_COUNT(profiles); i++) tuff_text_add(&known, "%s%s", i ? ", " : "", profiles[i].name);
    for (size_t i = 0; i < TUFF_COUNT(figures); i++) tuff_text_add(&known, ", %s=N", figures[i].name);
    for (size_t i = 0; i < TUFF_COUNT(features); i++) tuff_text_add(&known, ", %s", features[i].name);
    tuff_status status = tuff_refuse(context, error, "no limit is called \"%.*s\"; there are: %s, no-timestamps",
                                     (int)length, word, known.data ? known.data : "");
    tuff_text_finish(&known);
    return status;
}

static const struct profile *find_profile(const char *word, size_t length)
{
    for (size_t i = 0; i < TUFF_COUNT(profiles); i++)
        if (strlen(profiles[i].name) == length && !strncmp(word, profiles[i].name, length)) return &profiles[i];
    return NULL;
}

tuff_status tuff_limits_apply(struct tuff_context *context, const char *limits, struct tuff_caps *caps,
                              struct tuff_error *error)
{
    for (const char *word = limits; word && *word;) {
        size_t length = strcspn(word, ",");
        const struct profile *profile = find_profile(word, length);
        if (profile)
            clamp(caps, profile);
        else if (!clamp_figure(caps, word, length))
            return unknown(context, word, length, error);
        word += length + (word[length] == ',');
    }
    for (int i = 0; i < 3; i++) at_most(&caps->max_workgroup_size[i], caps->max_workgroup_invocations);
    return TUFF_OK;
}
