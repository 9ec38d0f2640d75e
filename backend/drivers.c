/* drivers.c - known drivers: their defects, and what they like better; one row for a fact, with its source.
 *
 * Needs nothing but the caps that a driver gave. A row stands here only while it changes what Tuff does; features that a driver
 * reports rightly (no timestamps, no 16-bit storage) need none. TUFF_DRIVER overrides the choice of rows. */
#include "backend/instance.h"

#include <stdlib.h>

struct row {
    struct tuff_driver_row text;
    uint32_t driver, vendor; /* VkDriverId, PCI vendor; 0: any */
    uint32_t below;          /* only versions before this one; 0: all */
    uint32_t effects;        /* enum tuff_driver_effect */
    int rank;                /* among the drivers of one device: larger comes later */
};

#define MESA(major, minor) VK_MAKE_API_VERSION(0, major, minor, 0)
#define INTEL_WINDOWS(build, fix) ((uint32_t)(build) << 14 | (fix)) /* the last two numbers of its four */
#define LATER(name, driver_id, places, why)                                                                                 \
    {                                                                                                                       \
        {name, "listed later than the other driver of its device", why, "llama.cpp, ggml_vk_instance_init"},                \
            .driver = (driver_id), .rank = (places)                                                                         \
    }

static const struct row table[] = {
    {{"llvmpipe-loops", "loops of more than 65000 rounds are refused, or split",
      "ends the loops of an invocation after 65535 rounds in all, without telling",
      "tests/op_long.c; Mesa, LP_MAX_TGSI_LOOP_ITERATIONS"},
     .driver = VK_DRIVER_ID_MESA_LLVMPIPE,
     .effects = TUFF_DRIVER_CUTS_LOOPS},
    {{"llvmpipe-compiles-fast", "larger tiles of matrix products and convolutions",
      "before Mesa 23 a 16 x 64 tile takes 0.2 s to compile, later 0.9 s", "measured: Mesa 22.3.6 and 25.0.7"},
     .driver = VK_DRIVER_ID_MESA_LLVMPIPE,
     .below = MESA(23, 0),
     .effects = TUFF_DRIVER_COMPILES_FAST},
    {{"llvmpipe-texels", "kernels read through texel buffers of four floats",
      "a load from a storage buffer is done lane by lane with a check, a fetch of four floats by vectors: 5 to 8 times "
      "the speed with AVX2, 1.6 times with AVX-512",
      "measured: Mesa 22.3.6, 25.0.7 and 26.2; tuff-bench, copy and read"},
     .driver = VK_DRIVER_ID_MESA_LLVMPIPE,
     .effects = TUFF_DRIVER_READS_TEXELS},
    {{"adreno-batch", "all pipelines of a program are made by one call",
      "compiles the members of a batch on threads of its own, but serializes calls (1.7 s against 0.3 s)",
      "executorch pull request 11345"},
     .driver = VK_DRIVER_ID_QUALCOMM_PROPRIETARY,
     .effects = TUFF_DRIVER_BATCHES_PIPELINES},
    {{"intel-windows-threads", "all pipelines of a program are made by one call",
      "making pipelines on several threads with one cache can take a minute; mended in 27.20.100.9313", "IGCIT issue 8"},
     .driver = VK_DRIVER_ID_INTEL_PROPRIETARY_WINDOWS,
     .below = INTEL_WINDOWS(100, 9313),
     .effects = TUFF_DRIVER_BATCHES_PIPELINES},
    LATER("amd-open-later", VK_DRIVER_ID_AMD_OPEN_SOURCE, 1, "RADV is the better one"),
    LATER("amd-later", VK_DRIVER_ID_AMD_PROPRIETARY, 2, "RADV and AMD's open one are better"),
    LATER("intel-windows-later", VK_DRIVER_ID_INTEL_PROPRIETARY_WINDOWS, 1, "Mesa's is the better one"),
    LATER("nvk-later", VK_DRIVER_ID_MESA_NVK, 1, "NVIDIA's is the better one"),
    LATER("turnip-later", VK_DRIVER_ID_MESA_TURNIP, 1, "Qualcomm's is the better one"),
    LATER("dozen-last", VK_DRIVER_ID_MESA_DOZEN, 8, "a layer over D3D12"),
};
_Static_assert(TUFF_COUNT(table) <= 32, "a bit of tuff_caps.driver_rows for each");

bool tuff_driver_row(uint32_t index, struct tuff_driver_row *row)
{
    if (index >= TUFF_COUNT(table)) return false;
    *row = table[index].text;
    return true;
}

/* Mesa's own version, which stands in a text; that of lavapipe in driverVersion was 0.0.1 for long. */
static uint32_t version_of(const struct tuff_caps *caps)
{
    const char *mesa = strstr(caps->driver_info, "Mesa ");
    char *end;
    if (!mesa) return caps->driver_version;
    uint32_t major = (uint32_t)strtoul(mesa + strlen("Mesa "), &end, 10);
    uint32_t minor = *end == '.' ? (uint32_t)strtoul(end + 1, NULL, 10) : 0;
    return MESA(major & 127, minor & 1023);
}

static bool fits(const struct row *row, const struct tuff_caps *caps)
{
    return (!row->driver || row->driver == caps->driver_id) && (!row->vendor || row->vendor == caps->vendor_id) &&
           (!row->below || version_of(caps) < row->below);
}

static uint32_t bit_of(const char *name, size_t length)
{
    for (uint32_t i = 0; i < TUFF_COUNT(table); i++)
        if (strlen(table[i].text.name) == length && !strncmp(table[i].text.name, name, length)) return UINT32_C(1) << i;
    return 0;
}

static tuff_status unknown(struct tuff_context *context, const char *word, size_t length, struct tuff_error *error)
{
    struct tuff_text known = {.context = context};
    for (size_t i = 0; i < TUFF_COUNT(table); i++) tuff_text_add(&known, "%s%s", i ? ", " : "", table[i].text.name);
    tuff_status status = tuff_refuse(context, error,
                                     "no row of known drivers is \"%.*s\"; write none, +NAME or -NAME of: %s", (int)length,
                                     word, known.data ? known.data : "");
    tuff_text_finish(&known);
    return status;
}

tuff_status tuff_drivers_apply(struct tuff_context *context, const char *choice, struct tuff_caps *caps,
                               struct tuff_error *error)
{
    uint32_t rows = 0, effects = 0;
    for (uint32_t i = 0; i < TUFF_COUNT(table); i++)
        if (fits(&table[i], caps)) rows |= UINT32_C(1) << i;
    for (const char *word = choice; word && *word;) {
        size_t length = strcspn(word, ",");
        uint32_t bit = length ? bit_of(word + 1, length - 1) : 0;
        if (length == strlen("none") && !strncmp(word, "none", length))
            rows = 0;
        else if (bit && word[0] == '+')
            rows |= bit;
        else if (bit && word[0] == '-')
            rows &= ~bit;
        else
            return unknown(context, word, length, error);
        word += length + (word[length] == ',');
    }
    for (uint32_t i = 0; i < TUFF_COUNT(table); i++)
        if (rows >> i & 1) effects |= table[i].effects;
    caps->driver_rows = rows;
    caps->driver_effects = effects;
    return TUFF_OK;
}

int tuff_driver_rank(const struct tuff_caps *caps)
{
    int rank = 0;
    for (uint32_t i = 0; i < TUFF_COUNT(table); i++)
        if (caps->driver_rows >> i & 1) rank += table[i].rank;
    return rank;
}
