/* train_bits.c - a training gives the same losses and the same parameters, bit for bit: again in the same process and in a fresh
 * one, with caches that are empty and that are full, on one and on two threads of a software driver, with pipelines made by
 * several threads or by one, with a barrier before every launch. And why: no SPIR-V of the build or of a cache holds an atomic
 * operation on floats, nor one that could make a loop of exchanges into such. */
#if !defined(_WIN32) /* processes and disks of POSIX */

#include "tests/temporary.h"
#include "tests/train_help.h"

#include "backend/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Threads of the library; cmake/tests.cmake wraps it. */
uint32_t __real_tuff_os_cpu_count(void);
uint32_t __wrap_tuff_os_cpu_count(void);
uint32_t __wrap_tuff_os_cpu_count(void)
{
    const char *count = getenv("TRAIN_BITS_THREADS");
    return count ? (uint32_t)atoi(count) : 4;
}

/* ---- one training: losses of all epochs, then the checkpoint ---------------------------------------------------------------------- */

static bool on_epoch(void *user, const struct tuff_epoch *epoch)
{
    const double metrics[4] = {epoch->train.loss, tuff_metrics_get(&epoch->train, "accuracy"), epoch->validation.loss,
                               tuff_metrics_get(&epoch->validation, "accuracy")};
    tuff_text_append(user, (const char *)metrics, sizeof metrics);
    return true;
}

static tuff_status train_once(const char *path, struct tuff_error *error)
{
    struct train t;
    struct tuff_text losses;
    void *checkpoint = NULL;
    size_t bytes = 0;
    tuff_text_init(&losses, NULL);
    (void)!tuff_os_remove(path);
    tuff_status status = train_open(&t, NULL, error);
    if (status == TUFF_OK) status = train_model(&t, &(struct train_params){.path = path, .samples = 160}, error);
    t.fit.on_epoch = on_epoch;
    t.fit.user = &losses;
    if (status == TUFF_OK) status = train_fit(&t, error);
    train_close(&t);
    if (status == TUFF_OK) status = tuff_os_read_file(NULL, path, 0, &checkpoint, &bytes, error);
    const struct tuff_os_part parts[] = {{.data = losses.data, .bytes = losses.length},
                                         {.data = checkpoint, .bytes = bytes}};
    if (status == TUFF_OK) status = tuff_os_write_atomic(NULL, path, parts, TUFF_COUNT(parts), error);
    tuff_free(NULL, checkpoint);
    tuff_text_finish(&losses);
    return status;
}

/* Status of a child whose driver does not reach it: a wrapper gave this process one that programs started by it do not see. */
enum { NO_DEVICE = 77 };

static int child(const char *path, int times)
{
    struct tuff_error error = {0};
    tuff_status status = TUFF_OK;
    for (int i = 0; i < times && status == TUFF_OK; i++) status = train_once(path, &error);
    if (status != TUFF_OK) printf("the training: %s: %s\n", tuff_status_name(status), error.message);
    fflush(stdout);
    return status == TUFF_ERR_NO_DEVICE ? NO_DEVICE : status != TUFF_OK;
}

/* ---- trainings compared ------------------------------------------------------------------------------------------------------------- */

struct variant {
    const char *what, *times;
    const char *name, *value; /* of the environment; NULL: as it is */
    bool fresh;               /* with an empty cache folder */
};

static const struct variant variants[] = {
    {.what = "an empty cache", .times = "1", .fresh = true}, /* the others are compared with it, and use its cache */
    {.what = "a full cache", .times = "1"},
    {.what = "the second of one process", .times = "2"},
    {.what = "one thread of the driver", .times = "1", .name = "LP_NUM_THREADS", .value = "1"},
    {.what = "two threads of the driver", .times = "1", .name = "LP_NUM_THREADS", .value = "2"},
    {.what = "one thread of the library", .times = "1", .name = "TRAIN_BITS_THREADS", .value = "1", .fresh = true},
    {.what = "a barrier before every launch", .times = "1", .name = "TUFF_DEBUG", .value = "serial"},
};

static int run(const char *program, const char *path, const char *cache, const struct variant *variant)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* Debian 12's lavapipe leaks at its dlclose */
        setenv("TUFF_CACHE_DIR", cache, 1);
        if (variant->name) {
            const char *old = getenv(variant->name);
            bool list = old && old[0] && !strcmp(variant->name, "TUFF_DEBUG");
            char value[300];
            snprintf(value, sizeof value, "%s%s%s", list ? old : "", list ? "," : "", variant->value);
            setenv(variant->name, value, 1);
        }
        execl(program, program, "child", path, variant->times, (char *)NULL);
        _exit(98);
    }
    while (waitpid(pid, &status, 0) < 0) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void clear(const char *folder)
{
    char **names = NULL, path[600];
    size_t count = 0;
    if (tuff_os_list_folder(NULL, folder, &names, &count, NULL) != TUFF_OK) return;
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)!tuff_os_remove(path);
    }
    tuff_free(NULL, names);
    (void)!tuff_os_remove(folder);
}

/* False: nothing to compare, as started programs find no device. */
static bool compare(struct backend_test *test, const char *program, const char *folder)
{
    char path[500], cache[500];
    void *first = NULL;
    size_t first_bytes = 0;
    struct tuff_error error = {0};
    snprintf(path, sizeof path, "%s/training", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    for (size_t i = 0; i < TUFF_COUNT(variants); i++) {
        void *data = NULL;
        size_t bytes = 0, same = 0;
        if (variants[i].fresh) clear(cache);
        int status = run(program, path, cache, &variants[i]);
        if (status == NO_DEVICE && i == 0) return false;
        if (!backend_check(test, status == 0, "%s: status %d", variants[i].what, status)) continue;
        backend_status(test, path, TUFF_OK, tuff_os_read_file(NULL, path, 0, &data, &bytes, &error), &error);
        if (!first) {
            first = data;
            first_bytes = bytes;
            continue;
        }
        while (same < bytes && same < first_bytes && ((char *)data)[same] == ((char *)first)[same]) same++;
        backend_check(test, bytes == first_bytes && same == bytes, "%s: differs from the first from byte %zu of %zu on%s",
                      variants[i].what, same, bytes, same < TRAIN_EPOCHS * 32 ? " (a loss)" : "");
        tuff_free(NULL, data);
    }
    backend_check(test, first_bytes > 10000, "expected many bytes, got %zu", first_bytes);
    tuff_free(NULL, first);
    (void)!tuff_os_remove(path);
    return true;
}

/* ---- SPIR-V ------------------------------------------------------------------------------------------------------------------------- */

enum { MAGIC = 0x07230203, HEADER = 5 };

/* Number of the first forbidden instruction of a module, 0 if there is none. */
static uint32_t forbidden(const uint32_t *words, size_t count)
{
    static const uint32_t codes[] = {
        229 /* OpAtomicExchange */, 230 /* OpAtomicCompareExchange */, 231 /* OpAtomicCompareExchangeWeak */,
        5614 /* OpAtomicFMinEXT */, 5615 /* OpAtomicFMaxEXT */,        6035 /* OpAtomicFAddEXT */,
    };
    for (size_t at = HEADER; at < count && words[at] >> 16; at += words[at] >> 16)
        for (size_t i = 0; i < TUFF_COUNT(codes); i++)
            if ((words[at] & 0xffff) == codes[i]) return codes[i];
    return 0;
}

enum { ENTRY_WORDS = 8 }; /* of struct entry_header in backend/cache.c, whose last two are the module's length */

/* A .spv file, or a cache: of its words those between one magic number and the next. Returns how many modules there are. */
static uint32_t check_file(struct backend_test *test, const char *path)
{
    void *data = NULL;
    size_t bytes = 0;
    uint32_t modules = 0;
    if (tuff_os_read_file(NULL, path, 0, &data, &bytes, NULL) != TUFF_OK) return 0;
    const uint32_t *words = data;
    const size_t count = bytes / 4;
    for (size_t at = 0; at < count;) {
        size_t end = at + 1;
        while (end < count && words[end] != MAGIC) end++;
        size_t length = end -
                        at; /* a cache tells the words of a module before it: what follows are hashes, not instructions */
        if (at >= ENTRY_WORDS && words[at - 2] < length) length = words[at - 2];
        uint32_t code = words[at] == MAGIC ? forbidden(words + at, length) : 0;
        modules += words[at] == MAGIC;
        backend_check(test, !code, "%s: module %u holds instruction %u", path, (unsigned)modules, (unsigned)code);
        at = end;
    }
    tuff_free(NULL, data);
    return modules;
}

static uint32_t check_folder(struct backend_test *test, const char *folder, const char *ending)
{
    char **names = NULL, path[600];
    size_t count = 0;
    uint32_t modules = 0;
    if (tuff_os_list_folder(NULL, folder, &names, &count, NULL) != TUFF_OK) return 0;
    for (size_t i = 0; i < count; i++) {
        const char *dot = strrchr(names[i], '.');
        if (!dot || strcmp(dot, ending) != 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        modules += check_file(test, path);
    }
    tuff_free(NULL, names);
    return modules;
}

/* The check must see what it is for. */
static void expect_found(struct backend_test *test, const char *statement)
{
    if (!tuff_glslang()) return; /* a build with the compiler tries the search */
    char source[600];
    uint32_t *spirv = NULL;
    size_t words = 0;
    struct tuff_error error = {0};
    snprintf(source, sizeof source,
             "#version 450\n#extension GL_EXT_shader_atomic_float : require\nlayout(local_size_x = 1) in;\n"
             "layout(binding = 0) buffer B { float f; uint u; };\nvoid main() { %s; }\n",
             statement);
    tuff_status status = tuff_glslang()->compile(NULL, NULL, "canary", source, "", &spirv, &words, &error);
    if (backend_status(test, statement, TUFF_OK, status, &error))
        backend_check(test, forbidden(spirv, words), "not found: %s", statement);
    tuff_free(NULL, spirv);
}

static void check_spirv(struct backend_test *test, const char *folder)
{
    char cache[500];
    const char *suite = getenv("TUFF_CACHE_DIR");
    snprintf(cache, sizeof cache, "%s/cache", folder);
    uint32_t built = check_folder(test, TUFF_BUILD_DIR "/generated/shaders", ".spv");
    uint32_t trained = check_folder(test, cache, ".cache");
    uint32_t others = suite && suite[0] ? check_folder(test, suite, ".cache") : 0;
    backend_check(test, built > 10 && trained > 10, "expected more modules than %u and %u", (unsigned)built,
                  (unsigned)trained);
    expect_found(test, "atomicAdd(f, 1.0)");
    expect_found(test, "atomicExchange(f, 1.0)");
    expect_found(test,
                 "uint old = u; while (atomicCompSwap(u, old, floatBitsToUint(uintBitsToFloat(old) + 1.0)) != old) old = u");
    printf("no float atomics in %u modules of the build, %u of this training, %u of the suite's cache\n", (unsigned)built,
           (unsigned)trained, (unsigned)others);
}

int main(int count, char **arguments)
{
    struct backend_test test;
    char folder[400];
    if (count == 4 && !strcmp(arguments[1], "child")) return child(arguments[2], atoi(arguments[3]));
    int code = backend_test_begin(&test, NULL);
    if (code) return code;
    temporary_path("bits", folder, sizeof folder);
    if (tuff_os_make_folders(test.context, folder, NULL) != TUFF_OK) return 1;
    bool compared = compare(&test, arguments[0], folder);
    if (compared) check_spirv(&test, folder);
    char cache[500];
    snprintf(cache, sizeof cache, "%s/cache", folder);
    clear(cache);
    clear(folder);
    code = backend_test_end(&test, "train_bits");
    if (compared) return code;
    puts("skipped: programs that it starts find no device");
    return NO_DEVICE;
}

#else
#include <stdio.h>
int main(void)
{
    puts("skipped: needs a POSIX system");
    return 77;
}
#endif
