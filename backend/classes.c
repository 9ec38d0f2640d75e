/* classes.c - classes of devices: those that ask for the same kernels. graph/ops/families.def says which these are.
 *
 * Needs nothing but caps. TUFF_CLASS (tuff_options.device_class) makes a device pass for another: its kernels then run here, in the subgroup
 * size that is here. */
#include "backend/instance.h"

/* The first row that fits; 0: any. */
static const struct row {
    uint32_t vendor, driver; /* PCI or Khronos, VkDriverId */
    uint32_t lanes_min;      /* smallest subgroup that it can be asked for, at most */
    bool no_f16;             /* f16 is stored, and not computed with */
    uint32_t api_below;      /* of an older API */
    enum tuff_device_class is;
} table[] = {
    {.vendor = 0x1002, .lanes_min = 32, .is = TUFF_DEVICE_CLASS_AMD_RDNA},
    {.vendor = 0x1002, .is = TUFF_DEVICE_CLASS_AMD_GCN},
    {.vendor = 0x10de, .no_f16 = true, .api_below = VK_API_VERSION_1_3, .is = TUFF_DEVICE_CLASS_NVIDIA_KEPLER},
    {.vendor = 0x10de, .no_f16 = true, .is = TUFF_DEVICE_CLASS_NVIDIA_PASCAL},
    {.vendor = 0x10de, .is = TUFF_DEVICE_CLASS_NVIDIA},
    {.vendor = 0x8086, .lanes_min = 8, .is = TUFF_DEVICE_CLASS_INTEL_SIMD8},
    {.vendor = 0x8086, .lanes_min = 16, .is = TUFF_DEVICE_CLASS_INTEL_SIMD16},
    {.vendor = 0x5143, .is = TUFF_DEVICE_CLASS_ADRENO},
    {.vendor = 0x106b, .is = TUFF_DEVICE_CLASS_APPLE},
    {.driver = 26 /* Honeykrisp */, .is = TUFF_DEVICE_CLASS_APPLE},
    {.vendor = 0x13b5, .lanes_min = 8, .is = TUFF_DEVICE_CLASS_MALI_BIFROST},
    {.vendor = 0x13b5, .is = TUFF_DEVICE_CLASS_MALI},
    {.vendor = 0x14e4, .is = TUFF_DEVICE_CLASS_V3D},
    {.vendor = 0x1010, .is = TUFF_DEVICE_CLASS_POWERVR},
};

static bool fits(const struct row *row, const struct tuff_caps *caps)
{
    return (!row->vendor || row->vendor == caps->vendor_id) && (!row->driver || row->driver == caps->driver_id) &&
           (!row->lanes_min || caps->subgroup_size_min <= row->lanes_min) && (!row->no_f16 || !caps->f16_arithmetic) &&
           (!row->api_below || caps->api_version < row->api_below);
}

enum tuff_device_class tuff_class_of(const struct tuff_caps *caps)
{
    if (caps->device_class) return caps->device_class;
    if (caps->kind == TUFF_DEVICE_SOFTWARE) return TUFF_DEVICE_CLASS_SOFTWARE;
    for (size_t i = 0; i < TUFF_COUNT(table); i++)
        if (fits(&table[i], caps)) return table[i].is;
    return TUFF_DEVICE_CLASS_OTHER;
}

#define NAME(name, text) [TUFF_DEVICE_CLASS_##name] = text,
static const char *const class_names[] = {[TUFF_DEVICE_CLASS_BY_DEVICE] = "by-device", TUFF_DEVICE_CLASSES(NAME)};
#undef NAME
#define NAME(name, text) [TUFF_FAMILY_##name] = text,
static const char *const family_names[] = {TUFF_FAMILIES(NAME)};
#undef NAME
_Static_assert(TUFF_FAMILY_COUNT <= 32, "a bit of tuff_caps.families_off for each");

const char *tuff_device_class_name(enum tuff_device_class device_class)
{
    return (unsigned)device_class < TUFF_COUNT(class_names) ? class_names[device_class] : class_names[0];
}

const char *tuff_family_name(enum tuff_family family)
{
    return (unsigned)family < TUFF_COUNT(family_names) ? family_names[family] : "";
}

tuff_status tuff_class_apply(struct tuff_context *context, struct tuff_caps *caps, struct tuff_error *error)
{
    const char *word = context->options.device_class;
    struct tuff_text known = {.context = context};
    caps->device_class = TUFF_DEVICE_CLASS_BY_DEVICE;
    if (!word || !word[0]) return TUFF_OK;
    for (uint32_t i = 0; i < TUFF_COUNT(class_names); i++) {
        if (strcmp(word, class_names[i])) continue;
        caps->device_class = (enum tuff_device_class)i;
        return TUFF_OK;
    }
    for (uint32_t i = 0; i < TUFF_COUNT(class_names); i++) tuff_text_add(&known, "%s%s", i ? ", " : "", class_names[i]);
    tuff_status status = tuff_refuse(context, error, "no class of devices is called \"%s\"; there are: %s", word,
                                     known.data ? known.data : "");
    tuff_text_finish(&known);
    return status;
}
