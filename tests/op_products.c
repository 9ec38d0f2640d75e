/* op_products.c - matmul by the kernels of every class of devices, in every order of its operands: drawn sizes, odd and even, large enough for
 * the largest tiles of the table and small enough for vectors; batches that are broadcast, operands of 16 bits, a bias and a residual behind. Where the device has cooperative matrices, they are among the kernels.
 * All numbers are small multiples of 2^-5, so that sums are exact in any order.
 *   op_products [CLASS.. | all] [--seed N] */
#include "graph/compile/compile.h"
#include "graph/ops/families.h"
#include "graph/reference.h"
#include "graph/session.h"
#include "tests/backend_help.h"
#include "tests/op_help.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct product {
    uint32_t z, m, n, k;
    bool transpose_a, transpose_b, one_b, bias, residual, counted;
    enum tuff_dtype a_type, b_type;
};

/* Edges of tiles, and those that are no multiple of 4. */
static uint32_t edge(struct op_random *r, uint32_t most, bool even)
{
    const uint32_t x = 1 + op_below(r, most);
    return even ? (x + 3) / 4 * 4 : x;
}

static struct product draw(struct op_random *r, uint32_t number)
{
    const bool even = op_below(r, 2);
    struct product c = {
        .z = 1 + op_below(r, 2), .transpose_a = number % 2, .transpose_b = number / 2 % 2, .one_b = op_below(r, 2)};
    c.bias = op_below(r, 2), c.residual = op_below(r, 2), c.counted = op_below(r, 4) == 0;
    switch (number / 4 % 5) {
    case 0: c.m = 1025 + edge(r, 30, even), c.n = 1020 + edge(r, 30, even), c.k = edge(r, 40, even); break;
    case 1: c.m = 500 + edge(r, 30, even), c.n = 500 + edge(r, 30, even), c.k = edge(r, 50, even); break;
    case 2: c.m = edge(r, 300, even), c.n = edge(r, op_below(r, 2) ? 70 : 300, even), c.k = edge(r, 300, even); break;
    case 3: /* few and long sums: by parts */
        c.m = edge(r, 100, even), c.n = edge(r, 100, even), c.k = 500 + edge(r, 800, even);
        break;
    default: c.m = edge(r, op_below(r, 2) ? 4 : 300, even), c.n = edge(r, c.m > 4 ? 4 : 300, even), c.k = edge(r, 600, even);
    }
    c.a_type = op_below(r, 2) || number % 3 == 1 ? TUFF_F16 : TUFF_F32;
    c.b_type = number % 3 == 1 ? TUFF_F16 : op_below(r, 3) ? TUFF_F32 : op_below(r, 2) ? TUFF_F16 : TUFF_BF16;
    return c;
}

static void fill(struct op_random *r, double *x, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) x[i] = ((double)op_below(r, 65) - 32) / 32;
}

/* Bits of the families that a plan takes its kernels from. */
static uint32_t families_of(const struct tuff_graph *g, const tuff_val *y, const struct tuff_caps *caps)
{
    const struct tuff_compile_params params = {.graph = g, .outputs = y, .output_count = 1, .caps = caps};
    struct tuff_error error = {0};
    struct tuff_compiled compiled;
    uint32_t bits = 0;
    if (tuff_compile(&params, &compiled, &error) != TUFF_OK) return 0;
    for (uint32_t i = 0; i < compiled.plan.kernel_count; i++) {
        const enum tuff_family family = tuff_family_of_file(compiled.plan.kernels[i].file);
        if (family != TUFF_FAMILY_COUNT) bits |= 1u << family;
    }
    tuff_plan_finish(&compiled.plan);
    return bits;
}

/* Returns the families that took part. */
static uint32_t check(struct backend_test *test, struct tuff_device *device, struct op_random *r, const char *how,
                      const struct product *c)
{
    struct tuff_error error = {0};
    struct tuff_graph *g = NULL;
    double *got = NULL;
    if (tuff_graph_create(test->context, &g, &error) != TUFF_OK) abort();
    const struct tuff_shape a = c->transpose_a ? TUFF_SHAPE(c->z, c->k, c->m) : TUFF_SHAPE(c->z, c->m, c->k);
    const uint32_t bz = c->one_b ? 1 : c->z;
    const struct tuff_shape b = c->transpose_b ? TUFF_SHAPE(bz, c->n, c->k) : TUFF_SHAPE(bz, c->k, c->n);
    tuff_val in[5] = {tuff_input(g, "a", c->a_type, a), tuff_input(g, "b", c->b_type, b)};
    if (c->bias) in[2] = tuff_input(g, "bias", TUFF_F32, TUFF_SHAPE(c->n));
    if (c->residual) in[3] = tuff_input(g, "residual", TUFF_F32, TUFF_SHAPE(c->z, c->m, c->n));
    if (c->counted) in[4] = tuff_input(g, "count", TUFF_I32, TUFF_SHAPE(1));
    tuff_val y = tuff_matmul(g, in[0], in[1], (struct tuff_matmul_params){c->transpose_a, c->transpose_b, in[4]});
    if (c->bias) y = tuff_add(g, y, in[2]);
    if (c->residual) y = tuff_relu(g, tuff_add(g, y, in[3]));
    if (!backend_status(test, how, TUFF_OK, tuff_graph_finish(g, &error), &error)) return 0;
    double **data = tuff_reference_create(g);
    for (int i = 0; i < 5; i++) {
        const uint64_t count = in[i] ? tuff_shape_count(&g->values[in[i]].type.shape) : 0;
        if (count) fill(r, data[in[i]] = tuff_alloc(g->context, (size_t)count * sizeof(double)), count);
    }
    if (c->counted) data[in[4]][0] = op_below(r, c->k + 2);
    struct op_run run = {.outputs = &y, .count = 1, .got = &got};
    bool ok = tuff_reference_run(g, data) == TUFF_OK && op_run_graph(device, g, data, &run);
    backend_check(test, ok, "%s: did not run", how);
    for (uint64_t i = 0; ok && i < tuff_shape_count(&g->values[y].type.shape); i++)
        ok = backend_check(
            test, got[i] == data[y][i],
            "%s: %u x [%u, %u, %u], transposed %d %d, one b %d, bias %d, residual %d, count %g, types %d %d: element %llu: "
            "expected %g, got %g",
            how, c->z, c->m, c->n, c->k, c->transpose_a, c->transpose_b, c->one_b, c->bias, c->residual,
            c->counted ? data[in[4]][0] : -1.0, (int)c->a_type, (int)c->b_type, (unsigned long long)i, data[y][i], got[i]);
    const uint32_t families = families_of(g, &y, &device->caps);
    tuff_free(g->context, got);
    tuff_reference_destroy(g, data);
    tuff_graph_destroy(g);
    return families;
}

/* Of those that are named, of all ("all"), or of a few that stand for the others' families. */
static bool asked(int argc, char **argv, const char *name)
{
    static const char *const few[] = {"software", "amd-rdna", "nvidia", "intel-simd8", "mali"};
    bool any = false, is = false;
    for (int i = 1; i < argc && argv[i][0] != '-'; i++) {
        is = is || !strcmp(argv[i], name) || !strcmp(argv[i], "all");
        any = true;
    }
    for (size_t i = 0; i < TUFF_COUNT(few) && !any; i++) is = is || !strcmp(few[i], name);
    return is;
}

int main(int argc, char **argv)
{
    struct backend_test test = {0};
    int skip = backend_test_begin(&test, NULL);
    if (skip) return skip;
    struct op_random random = op_random_start(argc, argv);
    for (int i = TUFF_DEVICE_CLASS_BY_DEVICE + 1; i < TUFF_DEVICE_CLASS_COUNT; i++) {
        const char *name = tuff_device_class_name((enum tuff_device_class)i);
        if (!asked(argc, argv, name)) continue;
        backend_test_renew(&test);
        test.device->caps.device_class = (enum tuff_device_class)i;
        uint32_t families = 0;
        for (uint32_t k = 0; k < 20; k++) {
            const struct product c = draw(&random, k);
            test.device->caps.families_off = k == 19 ? UINT32_MAX : 0; /* the last row, whatever the class */
            families |= check(&test, test.device, &random, name, &c);
        }
        printf("%s:", name);
        for (uint32_t f = 0; f < TUFF_FAMILY_COUNT; f++)
            if (families >> f & 1) printf(" %s", tuff_family_name((enum tuff_family)f));
        printf("\n");
        const struct tuff_caps *caps = &test.device->caps;
        const bool matrices = (i == TUFF_DEVICE_CLASS_AMD_RDNA || i == TUFF_DEVICE_CLASS_NVIDIA) &&
                              caps->cooperative_matrix && caps->matrix_m && tuff_glslang();
        backend_check(&test, !matrices || families >> TUFF_FAMILY_COOPMAT & 1, "%s: no cooperative matrices", name);
    }
    return backend_test_end(&test, "op_products");
}
