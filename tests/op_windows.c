/* op_windows.c - tensors larger than what a device binds at once: chains of operators that only move elements read each where it is,
 * in launches over parts and in windows, to the last one.
 *
 *   op_windows [--seed N] */
#include "tests/backend_help.h"
#include "tests/op_help.h"

#include "graph/reference.h"

#include <stdio.h>
#include <stdlib.h>

enum { RANGE = 16384, MOST_RESULTS = 16 };

static tuff_val part(struct tuff_graph *g, tuff_val x, uint32_t from, uint32_t count)
{
    return tuff_slice(g, x, &from, (int32_t[]){1}, &count);
}
static tuff_val pad(struct tuff_graph *g, tuff_val x, uint32_t before, uint32_t after)
{
    return tuff_pad(g, x, &before, &after, 7);
}

/* Of x [n], y [m], computed values or inputs; relu is what is not in memory. Returns the number of results. */
static uint32_t build(struct tuff_graph *g, tuff_val x, tuff_val y, tuff_val *out)
{
    uint32_t n = (uint32_t)tuff_type_of(g, x).shape.dim[0], m = (uint32_t)tuff_type_of(g, y).shape.dim[0], count = 0;
    tuff_val in_place = tuff_neg(g, tuff_abs(g, x));
    out[count++] = tuff_concat(g, (tuff_val[]){x, y}, 2, 0); /* longer than each of its operands */
    out[count++] = tuff_concat(g, (tuff_val[]){y, x, y}, 3, 0);
    out[count++] = part(g, tuff_relu(g, x), 1, n - 1); /* element i is x's i + 1 */
    out[count++] = tuff_concat(g, (tuff_val[]){part(g, in_place, 3, n - 3), part(g, in_place, 0, 3)}, 2, 0);
    out[count++] = tuff_add(g, part(g, x, 5, n - 5), part(g, tuff_relu(g, x), 2, n - 5));
    out[count++] = tuff_mul(g, part(g, x, 63, n - 64), part(g, x, 64, n - 64)); /* two heads in one binding and none */
    out[count++] = pad(g, x, 0, 4099);
    out[count++] = pad(g, tuff_relu(g, y), 2, 1);
    out[count++] = tuff_add(g, pad(g, x, 1, 0), pad(g, x, 0, 1));
    out[count++] = tuff_slice(g, tuff_relu(g, x), &(uint32_t){n - 1}, (int32_t[]){-1}, &n);
    out[count++] = tuff_cast(g, part(g, tuff_cast(g, x, TUFF_F16), 1, n - 2), TUFF_F32);
    out[count++] = tuff_concat(g, (tuff_val[]){tuff_cast(g, y, TUFF_F16), tuff_cast(g, x, TUFF_F16)}, 2, 0);
    out[count++] = tuff_add(g, tuff_affine(g, tuff_relu(g, y), 2, 0),
                            part(g, tuff_concat(g, (tuff_val[]){x, y}, 2, 0), n, m));
    return count;
}

static void check(struct backend_test *test, struct op_random *random, uint32_t n, uint32_t m)
{
    struct tuff_graph *g = NULL;
    tuff_val out[MOST_RESULTS];
    double *got[MOST_RESULTS] = {NULL}, **data = NULL;
    struct op_run run = {.outputs = out, .got = got};
    struct op_totals totals = {0};
    if (tuff_graph_create(test->context, &g, NULL) != TUFF_OK) abort();
    tuff_val in[2] = {tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(n)), tuff_input(g, "y", TUFF_F32, TUFF_SHAPE(m))};
    run.count = build(g, in[0], in[1], out);
    bool ok = backend_check(test, tuff_graph_finish(g, NULL) == TUFF_OK, "%s", g->error.message) &&
              (data = tuff_reference_create(g)) != NULL;
    for (int k = 0; ok && k < 2; k++) {
        uint32_t count = k ? m : n;
        data[in[k]] = tuff_alloc(test->context, count * sizeof(double));
        if (!data[in[k]]) abort();
        for (uint32_t i = 0; i < count; i++)
            data[in[k]][i] = op_below(random, 2049) - 1024.0; /* sums and products are exact */
    }
    ok = ok && tuff_reference_run(g, data) == TUFF_OK && op_run_graph(test->device, g, data, &run);
    for (uint32_t k = 0; ok && k < run.count; k++) {
        uint64_t count = tuff_shape_count(&g->values[out[k]].type.shape);
        double *exact = calloc((size_t)count, sizeof *exact);
        if (!exact) abort();
        op_compare(g, out[k], "windows", data[out[k]], exact, got[k], &totals);
        free(exact);
    }
    printf("%u and %u elements: %llu compared, %llu wrong, %u launches\n", (unsigned)n, (unsigned)m,
           (unsigned long long)totals.compared, (unsigned long long)totals.wrong, (unsigned)run.counts.launches);
    backend_check(test, ok && totals.wrong == 0 && run.counts.launches > run.count, "%u and %u elements failed", (unsigned)n,
                  (unsigned)m);
    if (data) tuff_reference_destroy(g, data);
    for (uint32_t k = 0; k < run.count; k++) tuff_free(test->context, got[k]);
    tuff_graph_destroy(g);
}

int main(int argc, char **argv)
{
    struct backend_test test;
    struct op_random random = op_random_start(argc, argv);
    struct tuff_options options = {.struct_size = sizeof options};
    tuff_options_from_env(&options);
    options.limits = "range=16384";
    if (!tuff_glslang() || options.debug & TUFF_DEBUG_NOCOMPILER) {
        puts("skipped: windows are text that a compiler must read");
        return 77;
    }
    int status = backend_test_begin(&test, &options);
    if (status != 0) return status;
    const uint32_t window = RANGE / sizeof(float);
    check(&test, &random, 3 * window + 5 + op_below(&random, window), window + 1 + op_below(&random, window));
    check(&test, &random, window + 1, 2 * window + 64);                      /* the smaller one first */
    test.device->caps.driver_effects &= ~(uint32_t)TUFF_DRIVER_READS_TEXELS; /* whose windows are of whole texels */
    check(&test, &random, 12952, 5989);                                      /* halves that begin within a word */
    check(&test, &random, 3 * window + 5 + op_below(&random, window), window + 1 + op_below(&random, window));
    return backend_test_end(&test, "op_windows");
}
