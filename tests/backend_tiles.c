/* backend_tiles.c - the class of tiles: words of the option, the file of earlier answers whole, damaged and foreign, a folder that
 * cannot be written, the probe itself with its time, and allocations that fail while it runs. Most of it needs llvmpipe. */
#include "backend/tiles.h"
#include "tests/backend_help.h"
#include "tests/fault_help.h"
#include "tests/temporary.h"

#include <stdio.h>
#include <stdlib.h>

/* Most of what is tested here is what happens without it. */
static bool has_avx512;
bool __real_tuff_os_cpu_avx512(void);
bool __wrap_tuff_os_cpu_avx512(void);
bool __wrap_tuff_os_cpu_avx512(void) { return has_avx512; }

struct tiles_test {
    struct backend_test test;
    char folder[400], path[420];
};

/* A device of its own with the folder and the option; false after a printed failure. */
static bool open_device(struct tiles_test *t, const char *folder, const char *tiles, struct tuff_caps *caps)
{
    struct tuff_options options = t->test.context->options;
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_error error = {0};
    options.cache_dir = folder;
    options.tiles = tiles;
    options.debug &= ~(uint32_t)TUFF_DEBUG_NOCACHE;
    tuff_status status = tuff_context_create(&options, &context, &error);
    if (status == TUFF_OK) status = tuff_device_create(context, NULL, &device, &error);
    bool opened = backend_status(&t->test, "a device", TUFF_OK, status, &error);
    if (opened) *caps = *tuff_device_caps(device);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return opened;
}

static void test_option(struct tiles_test *t)
{
    static const char *const good[] = {"avx2", "avx512"}, *const bad[] = {"avx", "avx5120", "AVX2", "avx2 ", "unknown"};
    struct tuff_options options = t->test.context->options;
    struct tuff_error error = {0};
    struct tuff_context *context = NULL;
    options.log = NULL;
    for (size_t i = 0; i < TUFF_COUNT(good); i++) {
        struct tuff_caps caps = {0};
        if (!open_device(t, "", good[i], &caps)) continue;
        backend_check(&t->test, !strcmp(tuff_tiles_name(caps.tiles), good[i]) && caps.tiles_source == TUFF_TILES_BY_OPTION,
                      "%s: got %s by %s", good[i], tuff_tiles_name(caps.tiles), tuff_tiles_source_name(caps.tiles_source));
    }
    for (size_t i = 0; i < TUFF_COUNT(bad); i++) {
        struct tuff_device *device = NULL;
        options.tiles = bad[i];
        if (tuff_context_create(&options, &context, &error) != TUFF_OK) continue;
        tuff_status status = tuff_device_create(context, NULL, &device, &error);
        backend_check(&t->test, status == TUFF_ERR_USAGE && strstr(error.message, "avx2, avx512"),
                      "\"%s\": expected TUFF_ERR_USAGE with the words, got %s: %s", bad[i], tuff_status_name(status),
                      error.message);
        tuff_device_release(device);
        tuff_context_destroy(context);
    }
}

/* Made-up devices of any other kind, and one that does not exchange between lanes, are not measured. */
static void test_others(struct tiles_test *t)
{
    struct tuff_caps caps = {.kind = TUFF_DEVICE_DISCRETE, .subgroup_basic = true, .subgroup_shuffle = true};
    struct tuff_options options = {.struct_size = sizeof options, .cache_dir = ""};
    struct tuff_context *context = NULL;
    if (tuff_context_create(&options, &context, NULL) != TUFF_OK) return;
    for (int i = 0; i < 2; i++) {
        tuff_status status = tuff_tiles_apply(context, &caps, NULL);
        backend_check(&t->test, status == TUFF_OK && caps.tiles == TUFF_TILES_UNKNOWN && !caps.tiles_source,
                      "device %d: expected no class, got %s", i, tuff_tiles_name(caps.tiles));
        caps.kind = TUFF_DEVICE_SOFTWARE;
    }
    tuff_context_destroy(context);
}

static void write_file(struct tiles_test *t, const void *data, size_t bytes)
{
    struct tuff_error error = {0};
    struct tuff_os_part part = {.data = data, .bytes = bytes};
    backend_status(&t->test, "write", TUFF_OK, tuff_os_write_atomic(t->test.context, t->path, &part, 1, &error), &error);
}

/* A line as the library writes it, without its end. */
static int put_line(char *to, size_t most, const char *key, const char *class)
{
    int length = snprintf(to, most, "%s%s", key, class);
    return length +
           snprintf(to + length, most - (size_t)length, " %016llx", (unsigned long long)tuff_hash(0, to, (size_t)length));
}

/* What a list says, which opens no device and so does not measure. */
static enum tuff_tiles listed(struct tiles_test *t, const uint8_t uuid[16])
{
    struct tuff_options options = t->test.context->options;
    struct tuff_context *context = NULL;
    struct tuff_caps caps[8] = {{.struct_size = sizeof caps[0]}};
    uint32_t count = TUFF_COUNT(caps);
    enum tuff_tiles found = TUFF_TILES_UNKNOWN;
    options.cache_dir = t->folder;
    options.tiles = NULL;
    options.debug &= ~(uint32_t)TUFF_DEBUG_NOCACHE;
    if (tuff_context_create(&options, &context, NULL) != TUFF_OK) return found;
    if (tuff_device_list(context, caps, &count, NULL) != TUFF_OK) count = 0;
    for (uint32_t i = 0; i < count && i < TUFF_COUNT(caps); i++)
        if (!memcmp(caps[i].uuid, uuid, 16)) found = caps[i].tiles;
    tuff_context_destroy(context);
    return found;
}

/* The line of this device in many states; key: all of it before the class. */
static void test_lines(struct tiles_test *t, const char *key, const struct tuff_caps *caps)
{
    const struct {
        const char *before, *blank, *class, *end; /* blank: before the key; end: behind the hash */
        enum tuff_tiles wanted;
    } cases[] = {
        {"", "", "avx2", "\n", TUFF_TILES_AVX2},
        {"", "", "avx512", "\n", TUFF_TILES_AVX512},
        {"# a comment\n\nnonsense\n", "", "avx2", "\nmore\n", TUFF_TILES_AVX2},
        {"", "", "avx2", "", TUFF_TILES_UNKNOWN}, /* cut short: the end of the line tells that it is whole */
        {"", "", "avx", "\n", TUFF_TILES_UNKNOWN},
        {"", "", "avx2 ", "\n", TUFF_TILES_UNKNOWN},
        {"", "", "avx2", "\r\n", TUFF_TILES_UNKNOWN},
        {"", "", "", "\n", TUFF_TILES_UNKNOWN},
        {"", "", " avx2", "\n", TUFF_TILES_UNKNOWN},
        {"", " ", "avx2", "\n", TUFF_TILES_UNKNOWN},
        {"", "0", "avx2", "\n", TUFF_TILES_UNKNOWN},
    };
    char text[1024], own[500], whole[600], line[700];
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        snprintf(own, sizeof own, "%s%s", cases[i].blank, key);
        put_line(line, sizeof line, own, cases[i].class);
        int length = snprintf(text, sizeof text, "%s%s%s", cases[i].before, line, cases[i].end);
        write_file(t, text, (size_t)length);
        enum tuff_tiles got = listed(t, caps->uuid);
        backend_check(&t->test, got == cases[i].wanted, "case %zu: expected %s, got %s", i, tuff_tiles_name(cases[i].wanted),
                      tuff_tiles_name(got));
    }
    for (size_t at = 0; key[at]; at++) { /* another device, driver, processor: a digit differs */
        snprintf(own, sizeof own, "%s", key);
        own[at] = own[at] == '1' ? '2' : '1';
        int length = put_line(text, sizeof text - 1, own, "avx2");
        text[length++] = '\n';
        write_file(t, text, (size_t)length);
        backend_check(&t->test, listed(t, caps->uuid) == TUFF_TILES_UNKNOWN, "digit %zu: another's line is taken", at);
    }
    int length = put_line(whole, sizeof whole - 1, key, "avx2");
    whole[length++] = '\n';
    for (int at = 0; at < length; at++) { /* changed: not what was measured */
        memcpy(text, whole, (size_t)length);
        text[at] = (char)(text[at] ^ 1);
        write_file(t, text, (size_t)length);
        backend_check(&t->test, listed(t, caps->uuid) == TUFF_TILES_UNKNOWN, "byte %d: a changed line is taken", at);
    }
}

/* What is kept beside others' lines, and files that are none. */
static void test_files(struct tiles_test *t, const char *key, const struct tuff_caps *caps)
{
    enum { LARGE = 1 << 17 };
    char other[100];
    struct tuff_caps again = {0};
    size_t bytes = 0;
    void *data = NULL;
    char *large = calloc(1, LARGE);
    int length = put_line(other, sizeof other, "0123 another device ", "avx2");
    memcpy(other + length, "\n\0\1\n", 4);
    write_file(t, other, (size_t)length + 4);
    if (open_device(t, t->folder, NULL, &again))
        backend_check(&t->test, again.tiles_source == TUFF_TILES_BY_PROBE, "a foreign file: got %s",
                      tuff_tiles_source_name(again.tiles_source));
    if (tuff_os_read_file(NULL, t->path, 0, &data, &bytes, NULL) == TUFF_OK)
        backend_check(&t->test, strstr(data, "another device avx2 ") && memcmp(data, "# ", 2) == 0 && bytes > strlen(key),
                      "expected the other line to stay");
    tuff_free(NULL, data);
    backend_check(&t->test, listed(t, caps->uuid) == again.tiles, "expected the file to say what was measured");
    if (large) write_file(t, large, LARGE);
    free(large);
    backend_check(&t->test, listed(t, caps->uuid) == TUFF_TILES_UNKNOWN, "a file of zeros: something is found");
    tuff_os_remove(t->path);
    if (!tuff_os_make_folders(t->test.context, t->path, NULL) && open_device(t, t->folder, NULL, &again))
        backend_check(&t->test, again.tiles_source == TUFF_TILES_BY_PROBE, "a folder in place of the file: got %s",
                      tuff_tiles_source_name(again.tiles_source));
    tuff_os_remove(t->path);
}

/* Every stride-th allocation of a device's life fails, the probe's among them. */
static void test_allocations(struct tiles_test *t)
{
    enum { STRIDE = 7, MOST = 10000 };
    struct fault_memory memory = {0};
    struct tuff_options options = fault_options(&memory);
    long n = 1;
    options.cache_dir = "";
    options.tiles = NULL;
    do {
        struct tuff_error error = {0};
        struct tuff_context *context = NULL;
        struct tuff_device *device = NULL;
        fault_memory_arm(&memory, n += STRIDE);
        tuff_status status = tuff_context_create(&options, &context, &error);
        if (status == TUFF_OK) status = tuff_device_create(context, NULL, &device, &error);
        backend_check(&t->test, status == TUFF_OK || (memory.failed && status == TUFF_ERR_MEMORY),
                      "allocation %ld fails: got %s: %s", n, tuff_status_name(status), error.message);
        tuff_device_release(device);
        tuff_context_destroy(context);
        backend_check(&t->test, !memory.live, "allocation %ld fails: expected no leak, got %ld", n, (long)memory.live);
    } while (memory.failed && n < MOST);
    backend_check(&t->test, n < MOST, "no end of allocations");
}

static void test_probe(struct tiles_test *t)
{
    struct tuff_caps caps = {0}, again = {0};
    void *data = NULL;
    size_t bytes = 0;
    uint64_t began = tuff_os_time_ns();
    if (!open_device(t, t->folder, NULL, &caps)) return;
    uint64_t first = tuff_os_time_ns() - began;
    began = tuff_os_time_ns();
    if (!open_device(t, t->folder, NULL, &again)) return;
    uint64_t second = tuff_os_time_ns() - began;
    if (caps.tiles == TUFF_TILES_UNKNOWN) {
        printf("%s is not measured\n", caps.name);
        return;
    }
    printf("%s, by %s; device with probe %.1f ms, without %.1f ms\n", tuff_tiles_name(caps.tiles),
           tuff_tiles_source_name(caps.tiles_source), (double)first * 1e-6, (double)second * 1e-6);
    backend_check(&t->test, caps.tiles_source == TUFF_TILES_BY_PROBE && again.tiles_source == TUFF_TILES_BY_FILE,
                  "expected probe, file; got %s, %s", tuff_tiles_source_name(caps.tiles_source),
                  tuff_tiles_source_name(again.tiles_source));
    backend_check(&t->test, again.tiles == caps.tiles, "the file says %s", tuff_tiles_name(again.tiles));
    if (tuff_os_read_file(NULL, t->path, 0, &data, &bytes, NULL) != TUFF_OK) {
        backend_check(&t->test, false, "no file");
        return;
    }
    char *key = strchr(data, '\n') + 1, *end = strstr(key, tuff_tiles_name(caps.tiles));
    if (backend_check(&t->test, end && end[-1] == ' ', "the file holds: %s", (const char *)data)) {
        *end = 0;
        test_lines(t, key, &caps);
        test_files(t, key, &caps);
    }
    tuff_free(NULL, data);
    test_allocations(t);
}

/* With AVX-512 nothing is measured, nor read. The class is that of subgroups of 4 and 8. */
static void test_processor(struct tiles_test *t)
{
    struct tuff_caps caps = {0};
    has_avx512 = true;
    if (open_device(t, t->folder, NULL, &caps) && caps.driver_effects & TUFF_DRIVER_TILES_BY_CPU && caps.subgroup_size <= 8)
        backend_check(&t->test, caps.tiles == TUFF_TILES_AVX512 && caps.tiles_source == TUFF_TILES_BY_PROCESSOR,
                      "AVX-512: got %s by %s", tuff_tiles_name(caps.tiles), tuff_tiles_source_name(caps.tiles_source));
    has_avx512 = false;
    printf("this processor %s AVX-512\n", __real_tuff_os_cpu_avx512() ? "has" : "has no");
}

int main(void)
{
    struct tiles_test t;
    int status = backend_test_begin(&t.test, NULL);
    if (status) return status;
    temporary_path("tiles", t.folder, sizeof t.folder);
    snprintf(t.path, sizeof t.path, "%s/tiles.txt", t.folder);
    backend_check(&t.test, tuff_os_cpu_hash() == tuff_os_cpu_hash(), "the processor changed");
    t.test.quiet = true;
    test_option(&t);
    test_others(&t);
    test_processor(&t);
    test_probe(&t);
    t.test.quiet = false;
    temporary_empty(t.test.context, t.folder); /* the caches of the devices above */
    tuff_os_remove(t.folder);
    return backend_test_end(&t.test, "backend_tiles");
}
