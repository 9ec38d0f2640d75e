/* loaders_support.c - see loaders_support.h. */
#include "tests/loaders_support.h"
#include "tests/temporary.h"

#include "backend/os.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void *count_allocate(void *user, size_t bytes)
{
    struct loaders_test *test = user;
    if (++test->calls == test->fail_at) return NULL;
    void *memory = malloc(bytes ? bytes : 1);
    test->live += memory != NULL;
    return memory;
}

static void *count_reallocate(void *user, void *old, size_t bytes)
{
    struct loaders_test *test = user;
    if (++test->calls == test->fail_at) return NULL;
    void *memory = realloc(old, bytes ? bytes : 1);
    test->live += memory != NULL && old == NULL;
    return memory;
}

static void count_release(void *user, void *memory)
{
    struct loaders_test *test = user;
    test->live -= memory != NULL;
    free(memory);
}

void loaders_begin(struct loaders_test *test, const char *name)
{
    *test = (struct loaders_test){.name = name};
    struct tuff_options options = {.struct_size = sizeof options};
    options.allocator = (struct tuff_allocator){test, count_allocate, count_reallocate, count_release};
    temporary_path("loaders", test->folder, sizeof test->folder);
    if (tuff_context_create(&options, &test->context, NULL) != TUFF_OK ||
        tuff_os_make_folders(test->context, test->folder, NULL) != TUFF_OK) {
        printf("%s: cannot make a context or a scratch folder\n", name);
        exit(1);
    }
}

static void remove_folder(struct loaders_test *test, const char *folder)
{
    char **names = NULL, path[1000];
    size_t count = 0;
    if (tuff_os_list_folder(test->context, folder, &names, &count, NULL) != TUFF_OK) return;
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (tuff_os_is_folder(path))
            remove_folder(test, path);
        else
            tuff_os_remove(path);
    }
    tuff_free(test->context, names);
    tuff_os_remove(folder);
}

int loaders_end(struct loaders_test *test)
{
    remove_folder(test, test->folder);
    tuff_context_destroy(test->context);
    expect_number(test, "allocations left at the end", 0, (long long)test->live);
    printf("%s: %d cases, %d failures\n", test->name, test->cases, test->failures);
    return test->failures ? 1 : 0;
}

void expect(struct loaders_test *test, bool good, const char *what, const char *expected, const char *got, ...)
{
    test->cases++;
    if (good) return;
    test->failures++;
    printf("%s: %s: expected %s, got ", test->name, what, expected);
    va_list arguments;
    va_start(arguments, got);
    vprintf(got, arguments);
    va_end(arguments);
    printf("\n");
}

void expect_number(struct loaders_test *test, const char *what, long long expected, long long got)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", expected);
    expect(test, expected == got, what, text, "%lld", got);
}

void expect_text(struct loaders_test *test, const char *what, const char *expected, const char *got)
{
    expect(test, got && strcmp(expected, got) == 0, what, expected, "%s", got ? got : "NULL");
}

void expect_status(struct loaders_test *test, const char *what, tuff_status expected, tuff_status got,
                   struct tuff_error *error, const char *sentence)
{
    expect(test, expected == got, what, tuff_status_name(expected), "%s (%s)", tuff_status_name(got), error->message);
    if (expected != TUFF_OK && expected == got)
        expect(test, sentence ? strstr(error->message, sentence) != NULL : error->message[0] != 0, what,
               sentence ? sentence : "a sentence", "\"%s\"", error->message);
    *error = (struct tuff_error){0};
}

void expect_refused(struct loaders_test *test, const char *what, tuff_status got, struct tuff_error *error)
{
    bool good = (got == TUFF_ERR_FORMAT || got == TUFF_ERR_UNSUPPORTED) && error->message[0] != 0 && error->status == got;
    expect(test, good, what, "a refusal with a sentence", "%s (%s)", tuff_status_name(got), error->message);
    *error = (struct tuff_error){0};
}

void expect_survives_memory(struct loaders_test *test, const char *what,
                            tuff_status (*operation)(struct loaders_test *, void *), void *user)
{
    const size_t before = test->live;
    tuff_status status = TUFF_ERR_MEMORY;
    for (size_t n = 1; status != TUFF_OK && n < 100000; n++) {
        test->calls = 0;
        test->fail_at = n;
        status = operation(test, user);
        test->fail_at = 0;
        if (status != TUFF_OK)
            expect_status(test, what, TUFF_ERR_MEMORY, status, &(struct tuff_error){.message = "-"}, NULL);
        expect_number(test, what, (long long)before, (long long)test->live);
        if (status != TUFF_OK && status != TUFF_ERR_MEMORY) return;
    }
    expect(test, status == TUFF_OK, what, "success at last", "%s", tuff_status_name(status));
}

const char *scratch_path(struct loaders_test *test, const char *name)
{
    static char paths[4][800];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", test->folder, name);
    return path;
}

const char *scratch_write(struct loaders_test *test, const char *name, const void *data, size_t bytes)
{
    const char *path = scratch_path(test, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0) {
        printf("%s: cannot write %s\n", test->name, path);
        exit(1);
    }
    return path;
}

void scratch_make_folder(struct loaders_test *test, const char *name)
{
    if (tuff_os_make_folders(test->context, scratch_path(test, name), NULL) == TUFF_OK) return;
    printf("%s: cannot make the folder %s\n", test->name, name);
    exit(1);
}

uint8_t *file_read(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    long length = ftell(file);
    rewind(file);
    uint8_t *data = malloc(length > 0 ? (size_t)length : 1);
    *bytes = data ? fread(data, 1, (size_t)length, file) : 0;
    fclose(file);
    return data;
}

const char *shared_path(const char *name, char *path, size_t size)
{
    const char *shared = getenv("TUFF_SHARED");
    if (shared && shared[0])
        snprintf(path, size, "%s/%s", shared, name);
    else
        snprintf(path, size, "%s/../shared/%s", TUFF_SOURCE_DIR, name);
    return tuff_os_exists(path) ? path : NULL;
}
