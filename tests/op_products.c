/* op_products.c - matmul by the kernels of every class of devices, in every order of its operands: drawn sizes, odd and even, large enough for
 * the largest tiles of the table and small enough for vectors; batches that are broadcast, operands of 16 bits, a bias and a residual behind. Where the
 * device has cooperative matrices, they are among the kernels.
 * Convolutions and their gradients likewise: windows, strides, dilations, paddings and groups, large enough for the table's large tiles.
 * All numbers are small multiples of 2^-5, so that sums are exact in any order.
 *   op_products [CLASS.. | all] [--seed N] */
#include "graph/compile/compile.h"
#include "graph/ops/families.h"
#include "graph/reference.h"
#include "graph/session.h"
#include "tests/backend_help.h"
#include "tests/op_bound.h"
#include "tests/op_help.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct product {
    uint32_t z, m, n, k;
    bool transpose_a, transpose_b, one_b, bias, residual, counted, half_sums, ones;
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
    c.half_sums = number % 3 == 1 && op_below(r, 2), c.ones = c.half_sums && op_below(r, 2);
    return c;
}

/* ones: of -1, 0 and 1, which f16 sums exactly up to 2048. */
static void fill(struct op_random *r, bool ones, double *x, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) x[i] = ones ? (double)op_below(r, 3) - 1 : ((double)op_below(r, 65) - 32) / 32;
}

/* Bits of the families that a plan takes its kernels from. */
static uint32_t families_of(const struct tuff_graph *g, const tuff_val *y, const struct tuff_caps *caps)
{
    const struct tuff_compile_params params = {
        .graph = g, .outputs = y, .output_count = 1, .caps = caps, .half_sums = g->half_sums};
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

/* y of inputs that are drawn, but for data that is there already, against the definition. The graph is destroyed; returns
 * the families that took part. Sums of f16 (g->half_sums) lie within their bound, all others and those of ones are exact. */
static uint32_t compare(struct backend_test *test, struct op_random *r, struct tuff_graph *g, const tuff_val in[5],
                        tuff_val y, double count, bool ones, const char *what)
{
    struct tuff_error error = {0};
    double *got = NULL;
    uint32_t families = 0;
    if (backend_status(test, what, TUFF_OK, tuff_graph_finish(g, &error), &error)) {
        double **data = tuff_reference_create(g);
        for (int i = 0; i < 5; i++) {
            const uint64_t elements = in[i] ? tuff_shape_count(&g->values[in[i]].type.shape) : 0;
            if (elements) fill(r, ones, data[in[i]] = tuff_alloc(g->context, (size_t)elements * sizeof(double)), elements);
        }
        if (count >= 0) data[in[4]][0] = count;
        struct op_run run = {.outputs = &y, .count = 1, .got = &got, .half_sums = g->half_sums};
        double **bounds = tuff_reference_create(g);
        const bool near = g->half_sums && !ones;
        bool ok = tuff_reference_run(g, data) == TUFF_OK && (!near || op_bound_run(g, data, bounds)) &&
                  op_run_graph(test->device, g, data, &run);
        backend_check(test, ok, "%s: did not run", what);
        for (uint64_t i = 0; ok && i < tuff_shape_count(&g->values[y].type.shape); i++)
            ok = backend_check(test, fabs(got[i] - data[y][i]) <= (near ? bounds[y][i] : 0),
                               "%s: element %llu: expected %g, got %g", what, (unsigned long long)i, data[y][i], got[i]);
        families = families_of(g, &y, &test->device->caps);
        tuff_free(g->context, got);
        tuff_reference_destroy(g, bounds);
        tuff_reference_destroy(g, data);
    }
    tuff_graph_destroy(g);
    return families;
}

static uint32_t check(struct backend_test *test, struct op_random *r, const char *how, const struct product *c)
{
    struct tuff_graph *g = NULL;
    char what[256];
    if (tuff_graph_create(test->context, &g, NULL) != TUFF_OK) abort();
    g->half_sums = c->half_sums; /* as the plan's copy has it */
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
    const double count = c->counted ? op_below(r, c->k + 2) : -1.0;
    snprintf(what, sizeof what,
             "%s: %u x [%u, %u, %u], transposed %d %d, one b %d, bias %d, residual %d, count %g, types %d %d, sums of f16 "
             "%d, ones %d",
             how, c->z, c->m, c->n, c->k, c->transpose_a, c->transpose_b, c->one_b, c->bias, c->residual, count,
             (int)c->a_type, (int)c->b_type, c->half_sums, c->ones);
    return compare(test, r, g, in, y, count, c->ones, what);
}

enum direction { FORWARD, INPUT, WEIGHT, DIRECTIONS };
struct window {
    enum direction direction;
    uint32_t n, ci, co, h, w, kh, kw; /* ci, co: of a group */
    struct tuff_conv2d_params params;
};

/* One of `groups` tiles of edge x edge channels and positions (gradient by weight: weights), or a few more: more than half of a tile's channels
 * are there. Sums are short. */
static struct window draw_window(struct op_random *r, uint32_t number, uint32_t edge, uint32_t groups)
{
    struct window c = {.direction = number % DIRECTIONS, .n = 1 + op_below(r, 3)};
    struct tuff_conv2d_params *p = &c.params;
    const bool large = op_below(r, 4) == 0; /* more taps than a word has bits */
    c.kh = large ? 6 : 1 + op_below(r, 4), c.kw = large ? 6 : 1 + op_below(r, 4);
    p->groups = 1 + op_below(r, 3);
    const uint32_t m = edge / 2 + 1 + op_below(r, edge), tiles = tuff_ceil_div(groups, tuff_ceil_div(m, edge) * p->groups),
                   taps = c.kh * c.kw, least = (tiles - 1) * edge + 1 + op_below(r, edge), few = 1 + op_below(r, 40) / taps;
    uint32_t size[2] = {3 + op_below(r, 4), 3 + op_below(r, 4)}, of[2]; /* of the result, where positions are summed */
    for (int i = 0; i < 2; i++) {
        p->stride[i] = 1 + op_below(r, 2), p->dilation[i] = 1 + op_below(r, 2);
        const uint32_t reach = p->dilation[i] * ((i ? c.kw : c.kh) - 1);
        p->pad[i] = op_below(r, reach + 1), p->pad[i + 2] = op_below(r, reach + 1);
        if (c.direction != WEIGHT && i == 0)
            size[1] = 20 + op_below(r, 30), size[0] = (uint32_t)tuff_ceil_div(least, size[1] * c.n);
    }
    for (int i = 0; i < 2;
         i++) { /* of x, so that the result has that size; gradient by x: its own size is as many strides */
        const uint32_t reach = p->dilation[i] * ((i ? c.kw : c.kh) - 1), ends = p->pad[i] + p->pad[i + 2];
        of[i] = c.direction == INPUT ? size[i] * p->stride[i]
                                     : (size[i] - 1) * p->stride[i] + op_below(r, p->stride[i]) + reach + 1;
        if (c.direction == INPUT && of[i] + ends <= reach) of[i] = reach + 1;
        if (c.direction != INPUT) of[i] = of[i] > ends ? of[i] - ends : of[i];
    }
    c.h = of[0], c.w = of[1];
    c.ci = c.direction == FORWARD ? few : c.direction == INPUT ? m : tuff_ceil_div(least, taps);
    c.co = c.direction == INPUT ? few : m;
    return c;
}

static uint32_t check_window(struct backend_test *test, struct op_random *r, const char *how, const struct window *c)
{
    const struct tuff_conv2d_params *p = &c->params;
    struct tuff_graph *g = NULL;
    char what[256];
    if (tuff_graph_create(test->context, &g, NULL) != TUFF_OK) abort();
    tuff_val in[5] = {tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(c->n, c->ci * p->groups, c->h, c->w)),
                      tuff_input(g, "w", TUFF_F32, TUFF_SHAPE(c->co * p->groups, c->ci, c->kh, c->kw))};
    tuff_val y = tuff_conv2d(g, in[0], in[1], 0, *p), of = in[c->direction == WEIGHT];
    if (c->direction != FORWARD) {
        in[2] = tuff_input(g, "gy", TUFF_F32, tuff_type_of(g, y).shape);
        tuff_gradients(g, y, in[2], &of, 1, &y);
    }
    snprintf(what, sizeof what,
             "%s: %s, x %u x [%u x %u, %u, %u], w [%u x %u, .., %u, %u], strides %u %u, dilations %u %u, pads %u %u %u %u",
             how, (const char *[]){"convolution", "its gradient by x", "its gradient by w"}[c->direction], c->n, p->groups,
             c->ci, c->h, c->w, p->groups, c->co, c->kh, c->kw, p->stride[0], p->stride[1], p->dilation[0], p->dilation[1],
             p->pad[0], p->pad[1], p->pad[2], p->pad[3]);
    return compare(test, r, g, in, y, -1, false, what);
}

/* Of those that are named, of all ("all"), or of a few (to NULL) that stand for the others' families. */
static bool asked(int argc, char **argv, const char *name, const char *const *few)
{
    bool any = false, is = false;
    for (int i = 1; i < argc && argv[i][0] != '-'; i++) {
        is = is || !strcmp(argv[i], name) || !strcmp(argv[i], "all");
        any = true;
    }
    for (size_t i = 0; few[i] && !any; i++) is = is || !strcmp(few[i], name);
    return is;
}

int main(int argc, char **argv)
{
    static const char *const few[] = {"software", "amd-rdna", "nvidia", "intel-simd8", "adreno", "mali", NULL};
    static const char *const windows[] = {"nvidia", "nvidia-pascal", "nvidia-kepler", "intel-simd16", "apple", NULL};
    struct backend_test test = {0};
    int skip = backend_test_begin(&test, NULL);
    if (skip) return skip;
    struct op_random random = op_random_start(argc, argv);
    for (int i = TUFF_DEVICE_CLASS_BY_DEVICE + 1; i < TUFF_DEVICE_CLASS_COUNT; i++) {
        const char *name = tuff_device_class_name((enum tuff_device_class)i);
        const bool products = asked(argc, argv, name, few), convolutions = asked(argc, argv, name, windows);
        if (!products && !convolutions) continue;
        backend_test_renew(&test);
        test.device->caps.device_class = (enum tuff_device_class)i;
        uint32_t families = 0;
        for (uint32_t k = 0; k < 20 && products; k++) {
            const struct product c = draw(&random, k);
            test.device->caps.families_off = k == 19 ? UINT32_MAX : 0; /* the last row, whatever the class */
            families |= check(&test, &random, name, &c);
        }
        test.device->caps.families_off = 0;
        for (uint32_t k = 0; k < DIRECTIONS && convolutions; k++) {
            const struct window c = draw_window(&random, k, op_below(&random, 2) ? 128 : 64, 64);
            families |= check_window(&test, &random, name, &c);
        }
        printf("%s:", name);
        for (uint32_t f = 0; f < TUFF_FAMILY_COUNT; f++)
            if (families >> f & 1) printf(" %s", tuff_family_name((enum tuff_family)f));
        printf("\n");
        const struct tuff_caps *caps = &test.device->caps;
        const bool matrices = (i == TUFF_DEVICE_CLASS_AMD_RDNA || i == TUFF_DEVICE_CLASS_NVIDIA) &&
                              caps->cooperative_matrix && caps->matrix_m && tuff_glslang();
        backend_check(&test, !matrices || !products || families >> TUFF_FAMILY_COOPMAT & 1, "%s: no cooperative matrices",
                      name);
    }
    return backend_test_end(&test, "op_products");
}
