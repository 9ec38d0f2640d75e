/* caps.h - what a device can do, as plain data: all that passes and lowering know of one. Public. */
#ifndef TUFF_CAPS_H
#define TUFF_CAPS_H

#include "backend/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum tuff_device_kind {
    TUFF_DEVICE_OTHER,
    TUFF_DEVICE_DISCRETE,
    TUFF_DEVICE_INTEGRATED,
    TUFF_DEVICE_VIRTUAL,
    TUFF_DEVICE_SOFTWARE
};

/* Devices that ask for the same kernels (backend/classes.c tells them apart): families of kernels, tiles and lanes follow the class, and so
 * the order of sums. GPUs that are none of these are "other". X(NAME, its text) */
#define TUFF_DEVICE_CLASSES(X)                                                                                              \
    X(OTHER, "other")                                                                                                       \
    X(SOFTWARE, "software")                                                                                                 \
    X(AMD_RDNA, "amd-rdna")                                                                                                 \
    X(AMD_GCN, "amd-gcn")                                                                                                   \
    X(NVIDIA, "nvidia")                                                                                                     \
    X(NVIDIA_PASCAL, "nvidia-pascal")                                                                                       \
    X(NVIDIA_KEPLER, "nvidia-kepler")                                                                                       \
    X(INTEL_SIMD8, "intel-simd8")                                                                                           \
    X(INTEL_SIMD16, "intel-simd16")                                                                                         \
    X(ADRENO, "adreno")                                                                                                     \
    X(APPLE, "apple")                                                                                                       \
    X(MALI, "mali")                                                                                                         \
    X(MALI_BIFROST, "mali-bifrost")                                                                                         \
    X(V3D, "v3d")                                                                                                           \
    X(POWERVR, "powervr")
#define TUFF_DEVICE_CLASS_(name, text) TUFF_DEVICE_CLASS_##name,
enum tuff_device_class {
    TUFF_DEVICE_CLASS_BY_DEVICE, /* in tuff_caps: as tuff_class_of tells by the other fields */
    TUFF_DEVICE_CLASSES(TUFF_DEVICE_CLASS_) TUFF_DEVICE_CLASS_COUNT
};
#undef TUFF_DEVICE_CLASS_

/* Families of kernels, of which graph/ops/families.def chooses by class. X(NAME, its text) */
#define TUFF_FAMILIES(X)                                                                                                    \
    X(TILE, "tile")         /* products: both operands in shared memory */                                                  \
    X(UNI, "uni")           /* products: rows the same in all lanes, no shared memory */                                    \
    X(BCAST, "bcast")       /* products: rows over the lanes, broadcast */                                                  \
    X(SHUFFLE, "shuffle")   /* products and convolutions of software devices: rows over the lanes, shuffled */              \
    X(MATVEC, "matvec")     /* products of few rows or columns */                                                           \
    X(SPLIT_K, "split-k")   /* products of few, long sums: by parts, then their sum */                                      \
    X(COOPMAT, "coopmat")   /* products of 16 bits: cooperative matrices */                                                 \
    X(TILE16, "tile16")     /* products of 16 bits: packed sums */                                                          \
    X(CONV_TAB, "conv-tab") /* convolutions by a table of k */                                                              \
    X(CONV_TAB_BCAST, "conv-tab-bcast")                                                                                     \
    X(CONV_WTAB, "conv-wtab") /* gradients of their weights */                                                              \
    X(DW, "dw")               /* depthwise convolutions by rows of vectors */                                               \
    X(ROW, "row")             /* rows in registers: softmax, norms, losses */                                               \
    X(FLASH, "flash")         /* attention without its matrix */
#define TUFF_FAMILY_(name, text) TUFF_FAMILY_##name,
enum tuff_family { TUFF_FAMILIES(TUFF_FAMILY_) TUFF_FAMILY_COUNT };
#undef TUFF_FAMILY_

/* What a device can do, already clamped by TUFF_LIMITS where that applies. Sizes in bytes. Plain data. */
struct tuff_caps {
    size_t struct_size;
    char name[256];
    char driver_name[256], driver_info[256];
    uint32_t driver_id, driver_version, vendor_id, device_id, api_version; /* as Vulkan gives them */
    uint8_t uuid[16], driver_uuid[16];
    enum tuff_device_kind kind;
    uint32_t subgroup_size, subgroup_size_min, subgroup_size_max; /* invocations */
    bool subgroup_size_control, subgroup_basic, subgroup_arithmetic, subgroup_ballot, subgroup_shuffle;
    bool f16_storage, f16_arithmetic, i8_storage, i8_arithmetic, i16_arithmetic, f64_arithmetic, i64_arithmetic;
    bool cooperative_matrix, integer_dot_product, bfloat16;
    uint32_t matrix_m, matrix_n, matrix_k; /* of cooperative matrices of f16 x f16 summed in f32 by a subgroup, the largest; 0: none */
    bool integer_dot_accelerated; /* of four pairs of i8 in words: faster than other ways, its driver says */
    bool keeps_nan,
        keeps_nan_f16; /* its compiler can be told that NaN, infinities and signs of zeros count, of f32 and f16 */
    bool device_address, timeline_semaphore, synchronization2, memory_budget, push_descriptor;
    bool unified_memory; /* device-local memory is host-visible */
    uint32_t max_workgroup_invocations, max_workgroup_size[3], max_workgroup_count[3];
    uint32_t max_shared_bytes, max_push_bytes, max_storage_buffers; /* per stage */
    uint64_t max_storage_range, max_allocation_bytes;
    uint32_t max_allocation_count, storage_alignment;
    uint32_t max_texels, texel_alignment; /* of 16 bytes that a texel buffer may have; bytes */
    double timestamp_period_ns;           /* 0: no timestamps */
    uint32_t heap_count;
    struct {
        uint64_t bytes, budget_bytes, used_bytes; /* budget 0: unknown */
        bool device_local;
    } heaps[16];
    /* What work of any kind can count on at least, a guess by the kind of device: the first run of a program is cut into
     * submissions by it, later ones by what that one took. */
    uint64_t flops_per_second, bytes_per_second;
    uint32_t driver_rows;                /* bit i: row i of the table of known drivers (tuff_driver_row) applies */
    uint32_t driver_effects;             /* enum tuff_driver_effect, of these rows */
    enum tuff_device_class device_class; /* tuff_options.device_class; BY_DEVICE: as tuff_class_of tells */
    uint32_t families_off;               /* bit 1 << family: this family is never chosen, the table's next row answers */
};

/* A flag or number of struct tuff_caps, for programs that list them; arrays, texts and doubles are not among them. Static texts. */
enum tuff_field_kind { TUFF_FIELD_FLAG, TUFF_FIELD_U32, TUFF_FIELD_U64 };
struct tuff_caps_field {
    const char *name, *title; /* as in the structure; for people: "shared memory, bytes" */
    size_t offset;            /* bytes */
    enum tuff_field_kind kind;
};
/* Field number index (from 0) into *field; false past the last. Thread-safe. */
TUFF_API bool tuff_caps_field(uint32_t index, struct tuff_caps_field *field);
TUFF_API uint64_t tuff_caps_value(const struct tuff_caps *caps, const struct tuff_caps_field *field);
/* All fields that plans follow from as text, a line each, "subgroup_size 64", for classes of devices (tuff_kernels_record, tuff-pack); and
 * back, with the rows of known drivers that then apply. A text has each field once; lines that begin with '#' say nothing. What no plan
 * asks (UUIDs, heaps, timestamps) is not there. Free *text with tuff_text_free. Errors: MEMORY; of parse FORMAT, too. Thread-safe. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_caps_print(struct tuff_context *context, const struct tuff_caps *caps, char **text,
                                                     struct tuff_error *error);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_caps_parse(struct tuff_context *context, const char *text, struct tuff_caps *caps,
                                                     struct tuff_error *error);
/* The class of the device: device_class, or what vendor, driver, kind and subgroup sizes say; never BY_DEVICE. Thread-safe. */
TUFF_API enum tuff_device_class tuff_class_of(const struct tuff_caps *caps);
/* "amd-rdna"; "conv-tab". Static texts. Thread-safe. */
TUFF_API const char *tuff_device_class_name(enum tuff_device_class device_class);
TUFF_API const char *tuff_family_name(enum tuff_family family);
/* "discrete", "integrated", "virtual", "software", "other". Static text. Thread-safe. */
TUFF_API const char *tuff_device_kind_name(enum tuff_device_kind kind);

/* What Tuff does otherwise because of the driver. */
enum tuff_driver_effect {
    TUFF_DRIVER_CUTS_LOOPS = 1 << 0,        /* loops of an invocation must stay below 65535 rounds */
    TUFF_DRIVER_BATCHES_PIPELINES = 1 << 1, /* pipelines are made by one call, instead of one a thread */
    TUFF_DRIVER_COMPILES_FAST = 1 << 2,     /* larger tiles, on software devices */
    TUFF_DRIVER_READS_TEXELS = 1 << 3       /* kernels read through texel buffers where they can */
};
/* One row of the table of known drivers: a defect, or what a driver likes better. Static texts. */
struct tuff_driver_row {
    const char *name, *effect, *reason, *source;
};
/* Row number index (from 0) into *row; false past the last. tuff_options.driver turns rows on and off. Thread-safe. */
TUFF_API bool tuff_driver_row(uint32_t index, struct tuff_driver_row *row);

#ifdef __cplusplus
}
#endif
#endif
