/* op_same_bits.c - where a device gives a choice, results are the same bits: every operator by texel buffers with kernels of any
 * size, and by storage buffers with those of its own size (a third of its cases, by turns, where there are many). */
#include "tests/backend_help.h"
#include "tests/op_bound.h"
#include "tests/op_help.h"

#include <stdio.h>

enum { MOST_CASES = 256 };

struct results {
    double *got[MOST_CASES];
    uint64_t spirv;
};

static bool run(struct backend_test *test, struct tuff_graph *g, const tuff_val *outputs, uint32_t count, double **data,
                bool any_size, struct results *out)
{
    struct op_run once = {.outputs = outputs, .count = count, .got = out->got, .any_size = any_size};
    bool ok = op_run_graph(test->device, g, data, &once);
    out->spirv = once.counts.spirv_hash;
    return ok;
}

/* The sign of a zero is left out: compilers drop the 0 that an unrolled sum begins with, and then -0 may be what is left of it. */
static bool same(double a, double b) { return !memcmp(&a, &b, sizeof a) || (a == 0 && b == 0); }

static void compare(struct backend_test *test, const struct tuff_graph *g, const struct tuff_op *op, const tuff_val *outputs,
                    uint32_t count, struct results r[2])
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t elements = tuff_shape_count(&g->values[outputs[i]].type.shape), at = 0;
        while (at < elements && same(r[0].got[i][at], r[1].got[i][at])) at++;
        backend_check(test, at == elements, "%s, case %u, element %llu: expected %.9g as by storage buffers, got %.9g",
                      op->name, i, (unsigned long long)at, at < elements ? r[1].got[i][at] : 0,
                      at < elements ? r[0].got[i][at] : 0);
    }
}

/* Returns whether the two ways are different shaders at all. */
static bool run_operator(struct backend_test *test, struct op_random *random, const struct tuff_op *op)
{
    struct tuff_caps *caps = &test->device->caps, own = *caps;
    struct tuff_graph *g = NULL;
    struct op_case_values *cases = tuff_alloc(test->context, (op_case_count(op) + 1) * sizeof *cases);
    struct results results[2] = {{.spirv = 0}};
    tuff_val outputs[MOST_CASES];
    uint32_t count = 0;
    double **data = NULL;
    bool ok = cases && op_case_count(op) <= MOST_CASES && tuff_graph_create(test->context, &g, NULL) == TUFF_OK;
    uint32_t every = op_case_count(op) < 9 ? 1 : 3,
             turn = (uint32_t)(random->state % every); /* compiling takes nearly all of the time */
    for (uint32_t c = 0; ok && c < op_case_count(op); c++) {
        if ((c + turn) % every) continue;
        ok = op_add_case(g, op, op_case(op, c), c, false, &cases[c]);
        if (ok && cases[c].y) outputs[count++] = cases[c].y;
    }
    data = ok ? tuff_reference_create(g) : NULL;
    ok = data && op_fill_cases(random, g, op, cases, data);
    if (ok) ok = run(test, g, outputs, count, data, true, &results[0]);
    caps->driver_effects &= ~(uint32_t)TUFF_DRIVER_READS_TEXELS;
    if (ok) ok = run(test, g, outputs, count, data, false, &results[1]);
    *caps = own;
    if (ok) compare(test, g, op, outputs, count, results);
    backend_check(test, ok, "%s: did not run", op->name);
    for (uint32_t i = 0; i < MOST_CASES; i++)
        for (int k = 0; k < 2; k++) tuff_free(test->context, results[k].got[i]);
    if (data) tuff_reference_destroy(g, data);
    tuff_graph_destroy(g);
    tuff_free(test->context, cases);
    return results[0].spirv != results[1].spirv;
}

int main(int argc, char **argv)
{
    struct backend_test test;
    struct op_random random = op_random_start(argc, argv);
    int status = backend_test_begin(&test, NULL);
    if (status != 0) return status;
    bool compiler = tuff_glslang() && !(test.context->options.debug & TUFF_DEBUG_NOCOMPILER);
    if (!(test.device->caps.driver_effects & TUFF_DRIVER_READS_TEXELS) || !compiler) {
        status = backend_test_end(&test, "op_same_bits");
        printf("skipped: kernels read storage buffers with this driver, and always without a compiler\n");
        return status ? status : 77;
    }
    uint32_t ran = 0, differ = 0, rows = 0;
    for (uint32_t i = 0; i < tuff_op_count; i++) {
        const struct tuff_op *op = tuff_ops[i];
        rows += op->glsl != NULL; /* one way of loading for all of them: the first one's */
        if (!op_case_count(op) || (op->glsl && rows > 1)) continue;
        ran++;
        differ += run_operator(&test, &random, op);
    }
    printf("%u operators, %u with other shaders\n", ran, differ);
    backend_check(&test, differ * 4 > ran * 3, "expected that nearly all operators read through texels, got %u of %u",
                  differ, ran);
    return backend_test_end(&test, "op_same_bits");
}
