/* run.c - an app of the small runtime: it links libtuff_runtime alone, loads what libtuff has saved, runs it and compares with what
 * libtuff got. tests/container_runtime.c writes both files and starts it.
 *
 *   runtime-run FILE EXPECTED OUTPUTS MOST_BYTES      MOST_BYTES: of host memory that loading may take */
#include <tuff/backend.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct counted { /* before each allocation */
    size_t bytes, unused;
};
struct counter {
    size_t now, peak;
};

static void *reallocate(void *user, void *old, size_t bytes)
{
    struct counter *c = user;
    struct counted *head = old ? (struct counted *)old - 1 : NULL;
    size_t before = head ? head->bytes : 0;
    head = realloc(head, sizeof *head + bytes);
    if (!head) return NULL;
    head->bytes = bytes;
    c->now += bytes - before;
    if (c->now > c->peak) c->peak = c->now;
    return head + 1;
}

static void *allocate(void *user, size_t bytes) { return reallocate(user, NULL, bytes); }

static void release(void *user, void *memory)
{
    struct counter *c = user;
    if (!memory) return;
    struct counted *head = (struct counted *)memory - 1;
    c->now -= head->bytes;
    free(head);
}

static int fail(const char *what, const struct tuff_error *error)
{
    printf("%s: %s\n", what, error->message);
    return error->status == TUFF_ERR_NO_DEVICE ? 77 : 1;
}

static int compare(struct tuff_executable *x, const char *path, size_t count)
{
    struct tuff_error error = {0};
    float *expected = malloc(count * sizeof *expected), *got = malloc(count * sizeof *got);
    FILE *file = fopen(path, "rb");
    int failed = !expected || !got || !file || fread(expected, sizeof *expected, count, file) != count;
    if (failed) printf("cannot read %s\n", path);
    if (!failed && tuff_executable_get(x, "output0", got, count * sizeof *got, &error) != TUFF_OK)
        failed = fail("get", &error);
    for (size_t i = 0; !failed && i < count; i++)
        if (memcmp(&got[i], &expected[i], sizeof *got) != 0) {
            printf("output %zu: expected %.9g, got %.9g\n", i, (double)expected[i], (double)got[i]);
            failed = 1;
        }
    if (file) fclose(file);
    free(expected);
    free(got);
    return failed;
}

int main(int argc, char **argv)
{
    struct counter counter = {0};
    struct tuff_options options = {.struct_size = sizeof options, .allocator = {&counter, allocate, reallocate, release}};
    struct tuff_error error = {0};
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_executable *x = NULL;
    float in[100];
    if (argc != 5) return 2;
    for (int i = 0; i < 100; i++) in[i] = (float)(i % 13 - 6);
    tuff_options_from_env(&options);
    if (tuff_context_create(&options, &context, &error) != TUFF_OK) return fail("context", &error);
    if (tuff_device_create(context, NULL, &device, &error) != TUFF_OK) return fail("device", &error);
    size_t before = counter.peak = counter.now;
    int failed = tuff_executable_load(device, argv[1], NULL, &x, &error) != TUFF_OK && fail("load", &error);
    size_t most = (size_t)strtoull(argv[4], NULL, 10), raised = counter.peak - before;
    printf("loading raised the allocator by at most %zu bytes\n", raised);
    if (raised > most) failed = 1;
    if (!failed && tuff_executable_set(x, "x", in, sizeof in, &error) != TUFF_OK) failed = fail("set", &error);
    if (!failed && tuff_executable_run(x, &error) != TUFF_OK) failed = fail("run", &error);
    if (!failed) failed = compare(x, argv[2], (size_t)strtoull(argv[3], NULL, 10));
    tuff_executable_destroy(x);
    tuff_device_release(device);
    tuff_context_destroy(context);
    if (counter.now) printf("%zu bytes leaked\n", counter.now), failed = 1;
    return failed;
}
