/* op_bytes.c - matmul and conv2d of i8, of drawn shapes and numbers: the sums are exact, by their definition and on the device, by floats and by integer
 * dot products in each kernel that has them, with passes and without. What they have to be is computed here.
 *   op_bytes [--seed N] */
#include "graph/reference.h"
#include "tests/backend_help.h"
#include "tests/op_help.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct product {
    bool conv, transpose_a, transpose_b, zero;
    uint32_t batch, m, n, k;                         /* matmul: [batch, m, k] [k, n] */
    uint32_t pictures, groups, ci, co, h, w, kh, kw; /* conv2d: ci, co of a group */
    uint32_t stride[2], dilation[2], pad[4], oh, ow;
};

static struct product draw(struct op_random *r, uint32_t number)
{
    struct product c = {.conv = number % 2};
    c.transpose_a = op_below(r, 2), c.transpose_b = op_below(r, 2), c.zero = op_below(r, 2);
    c.batch = 1 + op_below(r, 3), c.m = 1 + op_below(r, 40), c.n = 1 + op_below(r, 70);
    c.k = op_below(r, 3) ? 1 + op_below(r, 70) : 1000 + op_below(r, 1500);
    c.pictures = 1 + op_below(r, 2), c.groups = 1 + op_below(r, 2), c.co = 1 + op_below(r, 20);
    c.ci = op_below(r, 4) ? 1 + op_below(r, 9) : 100 + op_below(r, 100);
    c.kh = 1 + op_below(r, 3), c.kw = 1 + op_below(r, 3), c.h = 5 + op_below(r, 8), c.w = 5 + op_below(r, 8);
    for (int i = 0; i < 2; i++) c.stride[i] = 1 + op_below(r, 2), c.dilation[i] = 1 + op_below(r, 2);
    for (int i = 0; i < 4; i++) c.pad[i] = op_below(r, 3);
    c.oh = (c.h + c.pad[0] + c.pad[2] - c.dilation[0] * (c.kh - 1) - 1) / c.stride[0] + 1;
    c.ow = (c.w + c.pad[1] + c.pad[3] - c.dilation[1] * (c.kw - 1) - 1) / c.stride[1] + 1;
    return c;
}

static tuff_val build(struct tuff_graph *g, const struct product *c, tuff_val in[3])
{
    if (!c->conv) {
        in[0] = tuff_input(g, "a", TUFF_I8,
                           c->transpose_a ? TUFF_SHAPE(c->batch, c->k, c->m) : TUFF_SHAPE(c->batch, c->m, c->k));
        in[1] = tuff_input(g, "b", TUFF_I8, c->transpose_b ? TUFF_SHAPE(c->n, c->k) : TUFF_SHAPE(c->k, c->n));
        return tuff_matmul(g, in[0], in[1], (struct tuff_matmul_params){c->transpose_a, c->transpose_b, 0});
    }
    struct tuff_conv2d_params params = {.groups = c->groups};
    memcpy(params.stride, c->stride, sizeof params.stride);
    memcpy(params.dilation, c->dilation, sizeof params.dilation);
    memcpy(params.pad, c->pad, sizeof params.pad);
    in[0] = tuff_input(g, "x", TUFF_I8, TUFF_SHAPE(c->pictures, c->groups * c->ci, c->h, c->w));
    in[1] = tuff_input(g, "w", TUFF_I8, TUFF_SHAPE(c->groups * c->co, c->ci, c->kh, c->kw));
    if (c->zero)
        params.zero = in[2] = tuff_input(g, "zero", TUFF_I32, c->kw == 1 ? TUFF_SHAPE(1, 1, 1, 1, 1) : TUFF_SHAPE(1));
    return tuff_conv2d(g, in[0], in[1], 0, params);
}

/* Element `at` of the result. */
static double expected(const struct product *c, const double *x, const double *w, double zero, uint64_t at)
{
    double sum = 0;
    if (!c->conv) {
        const uint64_t j = at % c->n, i = at / c->n % c->m, z = at / c->n / c->m;
        for (uint64_t k = 0; k < c->k; k++)
            sum += x[z * c->m * c->k + (c->transpose_a ? k * c->m + i : i * c->k + k)] *
                   w[c->transpose_b ? j * c->k + k : k * c->n + j];
        return sum;
    }
    const uint64_t j = at % c->ow, i = at / c->ow % c->oh, o = at / c->ow / c->oh % (c->groups * c->co),
                   n = at / c->ow / c->oh / (c->groups * c->co);
    for (uint32_t ch = 0; ch < c->ci; ch++)
        for (uint32_t u = 0; u < c->kh; u++)
            for (uint32_t v = 0; v < c->kw; v++) {
                const int64_t y = (int64_t)(i * c->stride[0] + u * c->dilation[0]) - c->pad[0],
                              q = (int64_t)(j * c->stride[1] + v * c->dilation[1]) - c->pad[1];
                if (y < 0 || q < 0 || y >= c->h || q >= c->w) continue;
                const uint64_t plane = n * c->groups * c->ci + o / c->co * c->ci + ch;
                sum += (x[(plane * c->h + (uint64_t)y) * c->w + (uint64_t)q] - zero) *
                       w[((o * c->ci + ch) * c->kh + u) * c->kw + v];
            }
    return sum;
}

/* In most cases nearly all are 127, so that sums are as long as they can be. */
static void fill(struct op_random *r, double *x, uint64_t count)
{
    const uint32_t most = op_below(r, 3) ? 16 : 2;
    for (uint64_t i = 0; i < count; i++) x[i] = op_below(r, most) ? 127 : (double)op_below(r, 256) - 128;
}

static atomic_uint dots;

static tuff_status compile(void *user, struct tuff_context *context, const char *name, const char *source,
                           const char *preamble, uint32_t **spirv, size_t *words, struct tuff_error *error)
{
    const struct tuff_compiler *compiler = tuff_glslang();
    (void)user;
    if (strstr(preamble, "#define BYTES 1")) atomic_fetch_add(&dots, 1);
    return compiler->compile(compiler->user, context, name, source, preamble, spirv, words, error);
}

static void check(struct backend_test *test, struct tuff_device *device, struct op_random *r, const char *how,
                  const struct product *c, const struct tuff_compiler *compiler)
{
    struct tuff_error error = {0};
    struct tuff_graph *g = NULL;
    tuff_val in[3] = {0};
    double *got = NULL;
    if (tuff_graph_create(test->context, &g, &error) != TUFF_OK) abort();
    const tuff_val y = build(g, c, in);
    if (!backend_status(test, how, TUFF_OK, tuff_graph_finish(g, &error), &error)) return;
    double **data = tuff_reference_create(g);
    for (int k = 0; k < 3; k++) {
        const uint64_t count = in[k] ? tuff_shape_count(&g->values[in[k]].type.shape) : 0;
        if (count) fill(r, data[in[k]] = tuff_alloc(g->context, (size_t)count * sizeof(double)), count);
    }
    struct op_run run = {.outputs = &y, .count = 1, .got = &got, .compiler = compiler};
    bool ok = tuff_reference_run(g, data) == TUFF_OK && op_run_graph(device, g, data, &run);
    backend_check(test, ok, "%s: did not run", how);
    for (uint64_t i = 0; ok && i < tuff_shape_count(&g->values[y].type.shape); i++) {
        const double want = expected(c, data[in[0]], data[in[1]], in[2] ? data[in[2]][0] : 0, i);
        ok = backend_check(
            test, got[i] == want && data[y][i] == want,
            "%s, %s, k %u, ci %u, groups %u, zero %d: element %llu: expected %.0f, got %.0f, by definition %.0f", how,
            c->conv ? "conv2d" : "matmul", c->k, c->ci, c->groups, in[2] != 0, (unsigned long long)i, want, got[i],
            data[y][i]);
    }
    tuff_free(g->context, got);
    tuff_reference_destroy(g, data);
    tuff_graph_destroy(g);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name, *driver;
        enum tuff_device_kind kind;
        uint32_t debug, rounds;
        bool dots;
    } ways[] = {
        {"by floats", "", TUFF_DEVICE_SOFTWARE, 0, 12, false},
        {"by floats, passes off", "", TUFF_DEVICE_SOFTWARE, TUFF_DEBUG_NOSIMPLIFY | TUFF_DEBUG_NOFUSE, 4, false},
        {"without a compiler", "", TUFF_DEVICE_SOFTWARE, TUFF_DEBUG_NOCOMPILER, 6, false},
        {"by dot products of registers", "", TUFF_DEVICE_SOFTWARE, 0, 8, true},
        {"by dot products of tiles", "none", TUFF_DEVICE_DISCRETE, 0, 6, true},
        {"by dot products, passes off", "none", TUFF_DEVICE_DISCRETE, TUFF_DEBUG_NOSIMPLIFY | TUFF_DEBUG_NOFUSE, 2, true}};
    struct backend_test test = {0};
    int skip = backend_test_begin(&test, NULL);
    if (skip) return skip;
    struct op_random random = op_random_start(argc, argv);
    const struct tuff_compiler compiler = {.struct_size = sizeof compiler, .version = "dots", .compile = compile};
    for (size_t i = 0; i < TUFF_COUNT(ways); i++) {
        struct tuff_options options = test.context->options;
        struct tuff_context *context = NULL;
        struct tuff_device *device = NULL;
        struct tuff_error error = {0};
        options.debug |= ways[i].debug;
        options.driver = ways[i].driver;
        options.cache_dir = "";
        if (tuff_context_create(&options, &context, &error) != TUFF_OK) exit(1);
        if (!backend_status(&test, ways[i].name, TUFF_OK, tuff_device_create(context, NULL, &device, &error), &error)) break;
        device->caps.kind = ways[i].kind;
        device->caps.integer_dot_accelerated = ways[i].dots;
        const bool has = device->caps.integer_dot_product && ways[i].dots,
                   compiles = !(options.debug & TUFF_DEBUG_NOCOMPILER);
        atomic_store(&dots, 0);
        for (uint32_t k = 0; k < ways[i].rounds; k++) {
            const struct product c = draw(&random, k);
            check(&test, device, &random, ways[i].name, &c, compiles ? &compiler : NULL);
        }
        backend_check(&test, (atomic_load(&dots) > 0) == (has && compiles), "%s: %u kernels of dot products", ways[i].name,
                      atomic_load(&dots));
        tuff_device_release(device);
        tuff_context_destroy(context);
    }
    return backend_test_end(&test, "op_bytes");
}
