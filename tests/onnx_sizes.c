/* onnx_sizes.c - a model at twenty sizes in turn, and again: text detection (ppocr-v3-det of the shared test data). Behind three
 * sizes few pipelines are new (sums go by parts that follow their length, as their bits do), the second round makes none, and
 * takes no more memory of the device or the host. Prints what planning took.
 *   onnx_sizes [ROUNDS]    rounds of twenty sizes (2) */
#include "backend/device.h"
#include "backend/pipeline.h"
#include "tests/loaders_support.h"

#include <stdio.h>
#include <stdlib.h>

#if TUFF_HAVE_ONNX

enum { SIZES = 20, WARM = 3, MOST_NEW = 4, MOST_KEYS = 500, STEP = 32 };

struct seen {
    uint64_t keys[MOST_KEYS][2];
    uint32_t count;
};

/* How many pipelines of the device were never there before. */
static uint32_t count_new(struct seen *seen, const struct tuff_device *device)
{
    uint32_t more = 0;
    for (const struct tuff_pipeline *p = device->pipelines.list; p; p = p->next) {
        uint32_t i = 0;
        while (i < seen->count && memcmp(seen->keys[i], p->key, sizeof seen->keys[i]) != 0) i++;
        if (i < seen->count || seen->count == MOST_KEYS) continue;
        memcpy(seen->keys[seen->count++], p->key, sizeof seen->keys[0]);
        more++;
    }
    return more;
}

/* Milliseconds of a run over drawn noise. */
static double run(struct loaders_test *test, struct tuff_onnx_runner *runner, uint32_t h, uint32_t w)
{
    const uint64_t count = (uint64_t)3 * h * w;
    float *x = calloc((size_t)count, sizeof *x);
    struct tuff_error error = {0};
    struct tuff_array output;
    if (!x) exit(1);
    for (uint64_t i = 0; i < count; i++) x[i] = (float)(i * 2654435761u % 1000) / 500 - 1;
    const struct tuff_array input = {
        .element = TUFF_ELEMENT_F32, .rank = 4, .dim = {1, 3, h, w}, .data = x, .bytes = count * sizeof *x};
    const uint64_t began = tuff_os_time_ns();
    expect_status(test, "run", TUFF_OK, tuff_onnx_run(runner, &input, 1, &output, &error), &error, NULL);
    const double ms = (double)(tuff_os_time_ns() - began) / 1e6;
    expect(test, output.rank == 4 && output.dim[2] == h && output.dim[3] == w, "output", "the picture's size", "%llu x %llu",
           (unsigned long long)output.dim[2], (unsigned long long)output.dim[3]);
    free(x);
    return ms;
}

static void try_sizes(struct loaders_test *test, struct tuff_device *device, struct tuff_onnx_runner *runner,
                      uint32_t rounds)
{
    static struct seen seen;
    uint64_t most = 0, now = 0, peak = 0;
    size_t live[2] = {0};
    uint32_t warm = 0;
    for (uint32_t k = 0; k < rounds * SIZES; k++) {
        const uint32_t i = k % SIZES, h = STEP * (3 + i * 7 % SIZES), w = STEP * (3 + i * 3 % 11);
        const double first = run(test, runner, h, w), again = run(test, runner, h, w);
        const uint32_t more = count_new(&seen, device);
        tuff_device_memory(device, &now, &peak);
        printf(
            "%4u x %-4u first %7.1f ms, again %6.1f ms: planned in %6.1f ms; %u new pipelines, %.1f MB, %zu allocations\n",
            h, w, first, again, first - again, more, (double)now / 1e6, test->live);
        if (k == WARM - 1) warm = seen.count;
        if (k >= SIZES) expect(test, more == 0, "pipelines of a size that was there", "no new one", "%u", more);
        if (k == SIZES - 1) most = peak, live[0] = test->live;
        live[1] = test->live;
    }
    expect(test, seen.count <= warm + MOST_NEW, "pipelines behind three sizes", "at most 4 new ones", "%u of %u",
           seen.count - warm, seen.count);
    /* memory comes in blocks of 64 MiB: one more where what is left of the first is in pieces */
    expect(test, peak <= most + (UINT64_C(64) << 20), "device memory of later rounds", "a block more than of the first",
           "%.1f MB for %.1f MB", (double)peak / 1e6, (double)most / 1e6);
    expect(test, live[1] <= live[0] + live[0] / 100, "allocations of later rounds", "as many as after the first",
           "%zu for %zu", live[1], live[0]);
}

int main(int argc, char **argv)
{
    struct loaders_test test;
    struct tuff_error error = {0};
    struct tuff_device *device = NULL;
    struct tuff_onnx *onnx = NULL;
    struct tuff_onnx_runner *runner = NULL;
    char path[700];
    if (!shared_path("data/models/ppocr-v3-det/model.onnx", path, sizeof path)) {
        puts("SKIP: the shared test data is not here (set TUFF_SHARED)");
        return 77;
    }
    loaders_begin(&test, "onnx_sizes");
    if (tuff_device_create(test.context, NULL, &device, &error) != TUFF_OK) printf("no device: %s\n", error.message);
    const bool here = device;
    if (here) {
        expect_status(&test, path, TUFF_OK, tuff_onnx_open(test.context, path, NULL, &onnx, &error), &error, NULL);
        if (onnx)
            expect_status(&test, path, TUFF_OK, tuff_onnx_runner_create(device, onnx, NULL, &runner, &error), &error, NULL);
        if (runner) try_sizes(&test, device, runner, argc > 1 ? (uint32_t)atoi(argv[1]) : 2);
    }
    tuff_onnx_runner_destroy(runner);
    tuff_onnx_destroy(onnx);
    tuff_device_release(device);
    const int code = loaders_end(&test);
    if (here || code) return code;
    puts("SKIP: there is no device");
    return 77;
}
#else
int main(void)
{
    puts("SKIP: this build has no nanopb");
    return 77;
}
#endif
