/* backend_drivers.c - the table of known drivers: which rows apply to made-up devices, versions just below and at a bound, what
 * TUFF_DRIVER turns on and off, and that what the device was opened with is what its table says. */
#include "backend/instance.h"
#include "graph/session.h"
#include "tests/backend_help.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t row_bit(const char *name)
{
    struct tuff_driver_row row;
    for (uint32_t i = 0; tuff_driver_row(i, &row); i++)
        if (!strcmp(row.name, name)) return UINT32_C(1) << i;
    printf("no row is called %s\n", name);
    exit(1);
}

/* Bits of names separated by commas. */
static uint32_t row_bits(const char *names)
{
    uint32_t bits = 0;
    char one[64];
    while (*names) {
        size_t length = strcspn(names, ",");
        snprintf(one, sizeof one, "%.*s", (int)length, names);
        bits |= row_bit(one);
        names += length + (names[length] == ',');
    }
    return bits;
}

static void test_matches(struct backend_test *test)
{
    static const struct {
        uint32_t driver, vendor, version;
        const char *info, *rows;
        uint32_t effects;
    } cases[] = {
        {VK_DRIVER_ID_MESA_RADV, 0x1002, 1, "Mesa 25.0.7", "", 0},
        {VK_DRIVER_ID_MESA_LLVMPIPE, 0x10005, 1, "Mesa 22.3.6 (LLVM 15.0.6)",
         "llvmpipe-loops,llvmpipe-compiles-fast,llvmpipe-texels",
         TUFF_DRIVER_CUTS_LOOPS | TUFF_DRIVER_COMPILES_FAST | TUFF_DRIVER_READS_TEXELS},
        {VK_DRIVER_ID_MESA_LLVMPIPE, 0x10005, 1, "Mesa 23.0.0", "llvmpipe-loops,llvmpipe-texels",
         TUFF_DRIVER_CUTS_LOOPS | TUFF_DRIVER_READS_TEXELS},
        {VK_DRIVER_ID_MESA_LLVMPIPE, 0x10005, 1, "Mesa 26.2.0-devel (git-abc)", "llvmpipe-loops,llvmpipe-texels",
         TUFF_DRIVER_CUTS_LOOPS | TUFF_DRIVER_READS_TEXELS},
        {VK_DRIVER_ID_INTEL_PROPRIETARY_WINDOWS, 0x8086, 100 << 14 | 9312, "", "intel-windows-threads,intel-windows-later",
         TUFF_DRIVER_BATCHES_PIPELINES},
        {VK_DRIVER_ID_INTEL_PROPRIETARY_WINDOWS, 0x8086, 100 << 14 | 9313, "", "intel-windows-later", 0},
        {VK_DRIVER_ID_INTEL_PROPRIETARY_WINDOWS, 0x8086, 101 << 14 | 8974, "", "intel-windows-later", 0},
        {VK_DRIVER_ID_QUALCOMM_PROPRIETARY, 0x5143, 0x80000000, "", "adreno-batch", TUFF_DRIVER_BATCHES_PIPELINES},
        {VK_DRIVER_ID_MESA_TURNIP, 0x5143, 1, "Mesa 25.0.7", "turnip-later", 0},
        {VK_DRIVER_ID_MESA_DOZEN, 0x10de, 1, "Mesa 25.0.7", "dozen-last", 0},
        {0, 0, 0, "", "", 0},
    };
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct tuff_caps caps = {
            .driver_id = cases[i].driver, .vendor_id = cases[i].vendor, .driver_version = cases[i].version};
        struct tuff_error error = {0};
        snprintf(caps.driver_info, sizeof caps.driver_info, "%s", cases[i].info);
        tuff_status status = tuff_drivers_apply(test->context, NULL, &caps, &error);
        uint32_t expected = row_bits(cases[i].rows);
        backend_check(test, status == TUFF_OK && caps.driver_rows == expected && caps.driver_effects == cases[i].effects,
                      "case %zu: expected rows %x, effects %x, got %x, %x", i, expected, cases[i].effects, caps.driver_rows,
                      caps.driver_effects);
    }
}

static void test_choices(struct backend_test *test)
{
    const uint32_t own = row_bits("llvmpipe-loops,llvmpipe-compiles-fast,llvmpipe-texels"), batch = row_bit("adreno-batch");
    const struct {
        const char *choice;
        uint32_t rows;
    } good[] = {
        {"", own},
        {"none", 0},
        {"+adreno-batch", own | batch},
        {"none,+adreno-batch", batch},
        {"+adreno-batch,none", 0},
        {"-llvmpipe-loops", row_bits("llvmpipe-compiles-fast,llvmpipe-texels")},
        {"-llvmpipe-loops,+llvmpipe-loops,-adreno-batch", own},
    };
    static const char *const bad[] = {"adreno-batch", "+adreno", "-adreno-batches", "nonesuch",
                                      "none ",        "+",       ",none",           "*none"};
    for (size_t i = 0; i < TUFF_COUNT(good); i++) {
        struct tuff_caps caps = {.driver_id = VK_DRIVER_ID_MESA_LLVMPIPE, .driver_info = "Mesa 22.3.6"};
        struct tuff_error error = {0};
        tuff_status status = tuff_drivers_apply(test->context, good[i].choice, &caps, &error);
        backend_check(test, status == TUFF_OK && caps.driver_rows == good[i].rows, "\"%s\": expected rows %x, got %x: %s",
                      good[i].choice, good[i].rows, caps.driver_rows, error.message);
    }
    test->quiet = true;
    for (size_t i = 0; i < TUFF_COUNT(bad); i++) {
        struct tuff_caps caps = {.driver_rows = 77};
        struct tuff_error error = {0};
        tuff_status status = tuff_drivers_apply(test->context, bad[i], &caps, &error);
        backend_check(test, status == TUFF_ERR_USAGE && caps.driver_rows == 77 && strstr(error.message, "adreno-batch"),
                      "\"%s\": expected TUFF_ERR_USAGE with the names, got %s: %s", bad[i], tuff_status_name(status),
                      error.message);
    }
    test->quiet = false;
}

/* RADV stands before AMD's drivers, everything before a layer over D3D12. */
static void test_ranks(struct backend_test *test)
{
    static const uint32_t order[] = {VK_DRIVER_ID_MESA_RADV, VK_DRIVER_ID_AMD_OPEN_SOURCE, VK_DRIVER_ID_AMD_PROPRIETARY,
                                     VK_DRIVER_ID_MESA_DOZEN};
    int last = -1;
    for (size_t i = 0; i < TUFF_COUNT(order); i++) {
        struct tuff_caps caps = {.driver_id = order[i]};
        if (tuff_drivers_apply(test->context, NULL, &caps, NULL) != TUFF_OK) test->failures++;
        int rank = tuff_driver_rank(&caps);
        backend_check(test, rank > last && rank < 10, "driver %u: expected a rank of %d to 9, got %d", order[i], last + 1,
                      rank);
        last = rank;
    }
}

/* Every row is said to do something, for a reason that somebody else can look up; every bit of an effect has its row. */
static void test_texts(struct backend_test *test)
{
    struct tuff_driver_row row;
    uint32_t count = 0;
    for (; tuff_driver_row(count, &row); count++) {
        backend_check(test, row.name[0] && row.effect[0] && row.reason[0] && row.source[0], "row %u: an empty text", count);
        char choice[80];
        struct tuff_caps caps = {0};
        snprintf(choice, sizeof choice, "none,+%s", row.name);
        if (tuff_drivers_apply(test->context, choice, &caps, NULL) != TUFF_OK) test->failures++;
        backend_check(test, caps.driver_rows == UINT32_C(1) << count && (caps.driver_effects || tuff_driver_rank(&caps)),
                      "%s: changes nothing, or another row has its name", row.name);
    }
    backend_check(test, count > 0 && !tuff_driver_row(count, &row), "%u rows", count);
}

/* The class of devices as their drivers tell of them, one that is asked for, and the row of families that follows. */
/* Whatever is switched off, each kind of work has a row, whose family is not. */
static void test_families(struct backend_test *test, struct tuff_caps caps)
{
    struct tuff_family_choice choice = {.work = NULL};
    for (int i = TUFF_DEVICE_CLASS_BY_DEVICE + 1; i < TUFF_DEVICE_CLASS_COUNT; i++)
        for (int family = 0; family <= TUFF_FAMILY_COUNT; family++) {
            uint32_t index = 0;
            caps.device_class = (enum tuff_device_class)i;
            caps.families_off = family == TUFF_FAMILY_COUNT ? UINT32_MAX : 1u << family;
            for (; tuff_family_choice(&caps, index, &choice); index++)
                backend_check(
                    test,
                    choice.family && choice.evidence && choice.source &&
                        (family == TUFF_FAMILY_COUNT || strcmp(choice.family, tuff_family_name((enum tuff_family)family))),
                    "%s, family %d off: %s by %s, %s, %s", tuff_device_class_name(caps.device_class), family, choice.work,
                    choice.family, choice.evidence, choice.source ? choice.source : "(null)");
            backend_check(test, index >= 8, "expected 8 kinds of work or more, got %u", index);
        }
}

static void test_classes(struct backend_test *test)
{
    static const struct {
        uint32_t vendor, driver, lanes;
        bool f16;
        uint32_t api;
        const char *is;
    } cases[] = {{0x1002, 3, 32, true, VK_API_VERSION_1_3, "amd-rdna"},
                 {0x1002, 3, 64, true, VK_API_VERSION_1_3, "amd-gcn"},
                 {0x10de, 4, 32, true, VK_API_VERSION_1_3, "nvidia"},
                 {0x10de, 23, 32, false, VK_API_VERSION_1_3, "nvidia-pascal"},
                 {0x10de, 23, 32, false, VK_API_VERSION_1_2, "nvidia-kepler"},
                 {0x8086, 6, 8, true, VK_API_VERSION_1_3, "intel-simd8"},
                 {0x8086, 6, 16, true, VK_API_VERSION_1_3, "intel-simd16"},
                 {0x5143, 18, 64, true, VK_API_VERSION_1_3, "adreno"},
                 {0x106b, 14, 32, true, VK_API_VERSION_1_2, "apple"},
                 {0x10005, 26, 32, true, VK_API_VERSION_1_3, "apple"},
                 {0x13b5, 20, 16, true, VK_API_VERSION_1_3, "mali"},
                 {0x13b5, 20, 8, false, VK_API_VERSION_1_3, "mali-bifrost"},
                 {0x14e4, 19, 16, false, VK_API_VERSION_1_3, "v3d"},
                 {0x1010, 21, 32, false, VK_API_VERSION_1_3, "powervr"},
                 {0x1234, 0, 32, true, VK_API_VERSION_1_3, "other"}};
    struct tuff_options options = test->context->options;
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_error error = {0};
    struct tuff_family_choice choice[2] = {{.work = NULL}};
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct tuff_caps caps = {.vendor_id = cases[i].vendor,
                                 .driver_id = cases[i].driver,
                                 .subgroup_size_min = cases[i].lanes,
                                 .f16_arithmetic = cases[i].f16,
                                 .api_version = cases[i].api,
                                 .kind = TUFF_DEVICE_DISCRETE};
        const char *is = tuff_device_class_name(tuff_class_of(&caps));
        backend_check(test, !strcmp(is, cases[i].is), "class %zu: expected %s, got %s", i, cases[i].is, is);
        caps.kind = TUFF_DEVICE_SOFTWARE;
        backend_check(test, tuff_class_of(&caps) == TUFF_DEVICE_CLASS_SOFTWARE, "class %zu: expected software", i);
    }
    options.device_class = "nvidia";
    if (tuff_context_create(&options, &context, &error) != TUFF_OK) return;
    if (backend_status(test, "class", TUFF_OK, tuff_device_create(context, NULL, &device, &error), &error)) {
        struct tuff_caps caps = *tuff_device_caps(device);
        backend_check(test,
                      tuff_class_of(&caps) == TUFF_DEVICE_CLASS_NVIDIA && tuff_family_choice(&caps, 0, &choice[0]) &&
                          !strcmp(choice[0].family, tuff_family_name(TUFF_FAMILY_TILE)),
                      "expected NVIDIA's tile, got %s", choice[0].family ? choice[0].family : "none");
        caps.families_off = UINT32_MAX; /* the last row answers all the same */
        backend_check(test, tuff_family_choice(&caps, 0, &choice[1]) && strcmp(choice[1].family, choice[0].family),
                      "families off: got %s", choice[1].family ? choice[1].family : "none");
        test_families(test, caps);
    }
    tuff_device_release(device);
    tuff_context_destroy(context);
    options.device_class = "geforce";
    options.log = NULL;
    if (tuff_context_create(&options, &context, &error) != TUFF_OK) return;
    tuff_status status = tuff_device_create(context, NULL, &device, &error);
    backend_check(test, status == TUFF_ERR_USAGE && strstr(error.message, "\"geforce\"; there are: by-device, other"),
                  "unknown class: expected TUFF_ERR_USAGE, got %s: %s", tuff_status_name(status), error.message);
    tuff_context_destroy(context);
}

static void test_device(struct backend_test *test)
{
    struct tuff_options options = test->context->options;
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_error error = {0};
    options.driver = "none,+adreno-batch"; /* a program's pipelines in one call: tests/backend_program.c's */
    if (tuff_context_create(&options, &context, &error) != TUFF_OK) return;
    if (backend_status(test, "override", TUFF_OK, tuff_device_create(context, NULL, &device, &error), &error))
        backend_check(test, tuff_device_caps(device)->driver_rows == row_bit("adreno-batch"), "override: got rows %x",
                      tuff_device_caps(device)->driver_rows);
    tuff_device_release(device);
    tuff_context_destroy(context);
    options.driver = "+flux-capacitor";
    options.log = NULL;
    if (tuff_context_create(&options, &context, &error) != TUFF_OK) return;
    tuff_status status = tuff_device_create(context, NULL, &device, &error);
    backend_check(test, status == TUFF_ERR_USAGE && strstr(error.message, "flux-capacitor"),
                  "unknown row: expected TUFF_ERR_USAGE, got %s: %s", tuff_status_name(status), error.message);
    tuff_context_destroy(context);
}

int main(void)
{
    struct backend_test test;
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    test_matches(&test);
    test_choices(&test);
    test_ranks(&test);
    test_texts(&test);
    test_classes(&test);
    test_device(&test);
    return backend_test_end(&test, "backend_drivers");
}
