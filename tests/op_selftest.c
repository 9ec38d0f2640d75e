/* op_selftest.c - tuff_selftest: passes on a right device, with every kernel that the library has among what it runs; finds a wrong
 * kernel in each family that has one here, says which device and driver it was, and can be stopped.
 *   op_selftest [all]    all: convolutions with the shared tiles of GPUs too, which lavapipe compiles for seconds */
#include "graph/ops/gemm.h"
#include "shaders/kernels.h"
#include "tests/backend_help.h"
#include "tests/op_help.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- what the families are made of --------------------------------------------------------------------------------------------- */

struct seen {
    struct tuff_os_mutex *lock;
    bool kernel[256];
};

static tuff_status compile_seen(void *user, struct tuff_context *context, const char *name, const char *source,
                                const char *preamble, uint32_t **spirv, size_t *words, struct tuff_error *error)
{
    const struct tuff_compiler *compiler = tuff_glslang();
    struct seen *seen = user;
    tuff_os_mutex_lock(seen->lock);
    for (unsigned i = 0; i < tuff_kernel_source_count; i++)
        if (!strcmp(tuff_kernel_sources[i].name, name)) seen->kernel[i] = true;
    tuff_os_mutex_unlock(seen->lock);
    return compiler->compile(compiler->user, context, name, source, preamble, spirv, words, error);
}

struct counts {
    unsigned families, wrong, unused;
    uint64_t elements;
    bool print;
    const char *wanted; /* family that must be wrong */
    bool found;
};

static void count(void *user, const struct tuff_selftest_result *result)
{
    struct counts *counts = user;
    counts->families++;
    counts->wrong += result->status != TUFF_OK;
    counts->unused += result->elements == 0;
    counts->elements += result->elements;
    if (counts->print)
        printf("%-16s %-9s %6llu elements, error %.3g, bound %.3g, %.0f ms%s%s\n", result->family,
               result->status == TUFF_OK ? "ok" : tuff_status_name(result->status), (unsigned long long)result->elements,
               result->error, result->bound, result->milliseconds, result->message[0] ? ": " : "", result->message);
    if (counts->wanted && !strcmp(counts->wanted, result->family)) counts->found = result->status == TUFF_ERR_WRONG;
}

static bool until_conv2d(void *user, const char *what, uint64_t done, uint64_t total)
{
    (void)user;
    (void)done;
    (void)total;
    return strcmp(what, "conv2d") != 0;
}

/* With the kernels of this device, of two others (one with all pipelines by one call), and with those of a build without a
 * compiler: nothing is wrong, and of the kernels that are compiled, all but the last kind's plain_* ones, none is left out. */
static void test_right(struct backend_test *test, bool all)
{
    static const struct {
        const char *name, *driver;
        enum tuff_device_kind kind;
        enum tuff_device_class device_class;
        uint32_t debug;
    } runs[] = {
        {"this device", "", TUFF_DEVICE_SOFTWARE, TUFF_DEVICE_CLASS_BY_DEVICE, 0},
        {"an NVIDIA GPU", "none", TUFF_DEVICE_DISCRETE, TUFF_DEVICE_CLASS_NVIDIA, 0},
        {"an Intel GPU", "none", TUFF_DEVICE_INTEGRATED, TUFF_DEVICE_CLASS_INTEL_SIMD8, 0},
        {"a Mali GPU", "none,+adreno-batch", TUFF_DEVICE_INTEGRATED, TUFF_DEVICE_CLASS_MALI, 0},
        {"a build without a compiler", "", TUFF_DEVICE_SOFTWARE, TUFF_DEVICE_CLASS_BY_DEVICE, TUFF_DEBUG_NOCOMPILER}};
    struct seen seen = {.lock = NULL};
    struct tuff_compiler compiler = {
        .struct_size = sizeof compiler, .user = &seen, .version = "seen", .compile = compile_seen};
    if (tuff_os_mutex_create(test->context, &seen.lock) != TUFF_OK) exit(1);
    for (size_t i = 0; i < TUFF_COUNT(runs); i++) {
        struct tuff_options options = test->context->options;
        struct tuff_context *context = NULL;
        struct tuff_device *device = NULL;
        struct tuff_error error = {0};
        struct counts counts = {.print = true};
        struct tuff_selftest_params params = {
            .struct_size = sizeof params, .compiler = &compiler, .report = count, .user = &counts};
        bool most = runs[i].kind == TUFF_DEVICE_DISCRETE && !all;
        if (most) params.progress.report = until_conv2d;
        if (runs[i].debug) params.compiler = NULL;
        options.debug |= runs[i].debug;
        options.cache_dir = ""; /* what a cache holds is not compiled, and not seen */
        options.driver = runs[i].driver;
        printf("with the kernels of %s\n", runs[i].name);
        if (tuff_context_create(&options, &context, &error) != TUFF_OK) exit(1);
        tuff_status status = tuff_device_create(context, NULL, &device, &error);
        if (status == TUFF_OK && runs[i].kind != TUFF_DEVICE_SOFTWARE) {
            device->caps.kind = runs[i].kind;
            device->caps.device_class = runs[i].device_class;
            device->caps.integer_dot_accelerated = true;
        }
        test->quiet = most;
        if (status == TUFF_OK) status = tuff_selftest(device, &params, &error);
        test->quiet = false;
        backend_status(test, runs[i].name, most ? TUFF_ERR_CANCELLED : TUFF_OK, status, &error);
        backend_check(test, counts.wrong == 0 && counts.families >= 15 && counts.elements > 10000,
                      "%s: expected no wrong family of 15 or more, got %u of %u; %llu elements", runs[i].name, counts.wrong,
                      counts.families, (unsigned long long)counts.elements);
        tuff_device_release(device);
        tuff_context_destroy(context);
    }
    bool all_seen = tuff_shuffle_lanes(&test->device->caps) && !test->context->options.limits;
    for (unsigned i = 0; i < tuff_kernel_source_count && all_seen; i++)
        backend_check(
            test,
            seen.kernel[i] || !strncmp(tuff_kernel_sources[i].name, "plain_", 6) ||
                strstr(tuff_kernel_sources[i].source, "// tuff: run-time"), /* large products of f16: op_products */
            "kernel %s is in no family of the self-test", tuff_kernel_sources[i].name);
    tuff_os_mutex_destroy(seen.lock);
}

/* ---- wrong kernels --------------------------------------------------------------------------------------------------------------- */

static bool until_found(void *user, const char *what, uint64_t done, uint64_t total)
{
    const struct counts *counts = user;
    (void)what;
    (void)done;
    (void)total;
    return !counts->found;
}

static void test_wrong(struct backend_test *test)
{
    static const struct op_slip slips[] = {
        {"cumsum", "sum += x", "sum -= x"},
        {"reductions", "#define ADD(a, b) ((a) + (b))", "#define ADD(a, b) ((a) - (b))"},
        {"NaN", "return a > 0x7f800000u ? 0x7fffffff : k", "return a > 0x7f800000u ? 0x00000000 : k"},
        {"NaN", "nan_b || above ? b : a", "nan_b && above ? b : a"},
        {"gather, scatter", "sum + v", "sum - v"},
        {"functions", "-1.6666654611e-1", "-1.6665654611e-1"},
        {"random", "0xD2511F53u", "0xD2511F54u"},
        {"subgroups", "(lane + 1)", "(lane + 2)"},
        {"subgroups", "subgroupShuffle(value, LANES - 1)", "subgroupShuffle(value, LANES - 2)"}};
    struct tuff_options options = test->context->options;
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_error error = {0};
    options.log = NULL;
    if (tuff_context_create(&options, &context, &error) != TUFF_OK) exit(1);
    if (tuff_device_create(context, NULL, &device, &error) != TUFF_OK) exit(1);
    for (size_t i = 0; i < TUFF_COUNT(slips); i++) {
        if (!strcmp(slips[i].what, "subgroups") && !tuff_shuffle_lanes(&device->caps)) continue;
        char version[64];
        struct counts counts = {.wanted = slips[i].what};
        struct tuff_compiler compiler = {.struct_size = sizeof compiler,
                                         .user = (void *)(uintptr_t)&slips[i],
                                         .version = version,
                                         .compile = op_compile_slip};
        struct tuff_selftest_params params = {.struct_size = sizeof params,
                                              .compiler = &compiler,
                                              .progress = {.report = until_found, .user = &counts},
                                              .report = count,
                                              .user = &counts};
        snprintf(version, sizeof version, "slip %zu %.40s", i, slips[i].wrong);
        error = (struct tuff_error){0};
        tuff_status status = tuff_selftest(device, &params, &error);
        bool named = strstr(error.message, device->caps.name) && strstr(error.message, device->caps.driver_name) &&
                     strstr(error.message, "expected") && strstr(error.message, "element");
        backend_check(test, status == TUFF_ERR_WRONG && counts.found && named && error.status == TUFF_ERR_WRONG,
                      "canary: a wrong kernel of %s was not found, or not named: %s, %s", slips[i].what,
                      tuff_status_name(status), error.message);
        if (i == 0) printf("%s\n", error.message);
    }
    tuff_device_release(device);
    tuff_context_destroy(context);
}

/* ---- stopping -------------------------------------------------------------------------------------------------------------------- */

static bool until_third(void *user, const char *what, uint64_t done, uint64_t total)
{
    (void)what;
    *(uint64_t *)user = total;
    return done < 3;
}

static void test_stop(struct backend_test *test)
{
    struct tuff_error error = {0};
    uint64_t total = 0;
    struct counts counts = {.print = false};
    struct tuff_selftest_params params = {
        .struct_size = sizeof params, .progress = {.report = until_third, .user = &total}, .report = count, .user = &counts};
    test->quiet = true;
    tuff_status status = tuff_selftest(test->device, &params, &error);
    backend_check(test, status == TUFF_ERR_CANCELLED && counts.families == 3 && total >= 15,
                  "stop: expected TUFF_ERR_CANCELLED after 3 families, got %s after %u of %u", tuff_status_name(status),
                  counts.families, (unsigned)total);
    params.struct_size = 1;
    status = tuff_selftest(test->device, &params, &error);
    backend_check(test, status == TUFF_ERR_USAGE && tuff_selftest(NULL, NULL, NULL) == TUFF_ERR_USAGE,
                  "wrong use: expected TUFF_ERR_USAGE, got %s", tuff_status_name(status));
    test->quiet = false;
    backend_status(test, "without params", TUFF_OK, tuff_selftest(test->device, NULL, &error), &error);
}

int main(int argc, char **argv)
{
    struct backend_test test;
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    test_stop(&test);
    if (tuff_glslang()) { /* without, test_stop has run the kernels of the build */
        test_right(&test, argc > 1 && !strcmp(argv[1], "all"));
        test_wrong(&test);
    }
    return backend_test_end(&test, "op_selftest");
}
