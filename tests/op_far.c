/* op_far.c - norms of values far from zero, and sums of many: within bounds that follow from the sums' lengths, not from the size of the
 * mean. Expected values by formulas in double precision written here. */
#include "backend/core.h"
#include "tests/backend_help.h"
#include "tests/op_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define U 5.9604644775390625e-8 /* 2^-24: rounding to nearest */

struct far_test {
    struct backend_test test;
    struct op_random random;
};

/* x seen as [outer, n, inner], normalized along n, with gamma[k], beta[k] at element e: k = e / stride % channels. */
struct norm {
    const char *name;
    uint32_t dims[4], rank;
    uint32_t outer, n, inner; /* of groups of n; a batch norm's elements are gathered by `batch` */
    uint32_t batch;           /* of batch norm: pictures; else 0 */
    tuff_val (*add)(struct tuff_graph *g, tuff_val x, tuff_val state[2], struct tuff_batch_norm *moving);
};

static tuff_val layer(struct tuff_graph *g, tuff_val x, tuff_val state[2], struct tuff_batch_norm *moving)
{
    (void)state, (void)moving;
    return tuff_layer_norm(g, x, 0, 0, 1, 1e-5);
}
static tuff_val groups(struct tuff_graph *g, tuff_val x, tuff_val state[2], struct tuff_batch_norm *moving)
{
    (void)state, (void)moving;
    return tuff_group_norm(g, x, 0, 0, 2, 1e-5);
}
static tuff_val instance(struct tuff_graph *g, tuff_val x, tuff_val state[2], struct tuff_batch_norm *moving)
{
    (void)state, (void)moving;
    return tuff_group_norm(g, x, 0, 0, tuff_type_of(g, x).shape.dim[1], 1e-5);
}
static tuff_val batch(struct tuff_graph *g, tuff_val x, tuff_val state[2], struct tuff_batch_norm *moving)
{
    uint32_t c = tuff_type_of(g, x).shape.dim[1];
    tuff_val one = tuff_full(g, TUFF_F32, TUFF_SHAPE(c), 1), zero = tuff_full(g, TUFF_F32, TUFF_SHAPE(c), 0);
    *moving = tuff_batch_norm_train(g, x, one, zero, state[0], state[1], 1e-5, 0.1);
    return moving->y;
}

static const struct norm norms[] = {
    {"layer norm", {37, 768}, 2, 37, 768, 1, 0, layer},
    {"layer norm of long rows", {6, 20000}, 2, 6, 20000, 1, 0, layer},
    {"group norm", {3, 4, 14, 12}, 4, 6, 2 * 168, 1, 0, groups},
    {"instance norm", {3, 4, 28, 20}, 4, 12, 560, 1, 0, instance},
    {"batch norm", {8, 6, 14, 16}, 4, 6, 8 * 224, 1, 8, batch},
    {"batch norm of rows", {67, 36}, 2, 36, 67, 1, 67, batch},
};

/* Place in x of element r of group o. */
static size_t place(const struct norm *m, uint32_t o, uint32_t r)
{
    if (!m->batch) return (size_t)o * m->n + r;
    uint32_t plane = m->n / m->batch;
    return ((size_t)(r / plane) * m->outer + o) * plane + r % plane;
}

struct moments {
    double mean, var, sg, sgx; /* of x; means of g and of g times the normalized x */
};

static struct moments measure(const struct norm *m, const double *x, const double *g, uint32_t o)
{
    struct moments s = {0};
    for (uint32_t r = 0; r < m->n; r++) s.mean += x[place(m, o, r)] / m->n;
    for (uint32_t r = 0; r < m->n; r++) s.var += (x[place(m, o, r)] - s.mean) * (x[place(m, o, r)] - s.mean) / m->n;
    for (uint32_t r = 0; r < m->n; r++) {
        s.sg += g[place(m, o, r)] / m->n;
        s.sgx += g[place(m, o, r)] * (x[place(m, o, r)] - s.mean) / sqrt(s.var + 1e-5) / m->n;
    }
    return s;
}

/* Mean and deviation of group o's numbers: each is in every graph. */
static const double means[][2] = {{0, 1}, {1e4, 1}, {-1e6, 1}, {1e6, 1}, {3e-3, 1e-3}, {1e7, 1e3}};

/* The greater, or the one that is NaN. */
static double worse(double a, double b) { return isnan(b) || b > a ? b : a; }

struct normed { /* a graph's data and results: of y, the gradient, the running mean and variance */
    double *x, *gy, *zeros, *got[4];
    bool moves;
};

static bool run_norm(struct far_test *t, const struct norm *m, struct normed *n)
{
    size_t count = (size_t)m->outer * m->n;
    double *data[256] = {NULL};
    struct tuff_graph *g = NULL;
    struct tuff_batch_norm moving = {0};
    *n = (struct normed){
        malloc(count * sizeof(double)), malloc(count * sizeof(double)), calloc(m->outer, sizeof(double)), {NULL}, false};
    if (!n->x || !n->gy || !n->zeros || tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) exit(1);
    for (uint32_t o = 0; o < m->outer; o++)
        for (uint32_t r = 0; r < m->n; r++) {
            const double *of = means[o % TUFF_COUNT(means)];
            n->x[place(m, o, r)] = (float)(of[0] + of[1] * op_normal(&t->random));
            n->gy[place(m, o, r)] = (float)op_normal(&t->random);
        }
    struct tuff_shape shape = {.rank = m->rank};
    memcpy(shape.dim, m->dims, sizeof m->dims);
    tuff_val in = tuff_input(g, "x", TUFF_F32, shape), by = tuff_input(g, "gy", TUFF_F32, shape), outputs[4], state[2];
    for (int k = 0; k < 2; k++) state[k] = tuff_input(g, k ? "var" : "mean", TUFF_F32, TUFF_SHAPE(m->outer));
    data[in] = n->x, data[by] = n->gy, data[state[0]] = data[state[1]] = n->zeros;
    outputs[0] = m->add(g, in, state, &moving);
    tuff_gradients(g, outputs[0], by, &in, 1, &outputs[1]);
    outputs[2] = moving.mean, outputs[3] = moving.var;
    n->moves = moving.mean != 0;
    struct op_run run = {.outputs = outputs, .count = n->moves ? 4 : 2, .got = n->got};
    bool ok = tuff_graph_finish(g, NULL) == TUFF_OK && op_run_graph(t->test.device, g, data, &run);
    tuff_graph_destroy(g);
    return backend_check(&t->test, ok, "%s: did not run", m->name);
}

/* t: additions behind a sum, at most: of 4 elements, of what one of 8 lanes or of 64 invocations takes, of these. With x0 a few
 * deviations d off, the mean of x - x0 is off by 6 t u d, the variance by 2 t u var, so that y is off by (6 t + t |y| + ..) u; each
 * gradient sums g, and g y, by t additions and multiplies: a few times that. */
static void check_group(struct far_test *t, const struct norm *m, const struct normed *n, uint32_t o)
{
    static const char *const names[] = {"result", "gradient", "running mean", "running variance"};
    double depth = m->n / 32.0 + 40, worst[4] = {0};
    struct moments s = measure(m, n->x, n->gy, o);
    double scale = 1 / sqrt(s.var + 1e-5), unbiased = m->n / (m->n - 1.0);
    for (uint32_t r = 0; r < m->n; r++) {
        size_t i = place(m, o, r);
        double y = (n->x[i] - s.mean) * scale, gx = scale * (n->gy[i] - s.sg - y * s.sgx), sizes = 6 + fabs(y);
        worst[0] = worse(worst[0], fabs(n->got[0][i] - y) / (depth * U * sizes));
        worst[1] = worse(worst[1], fabs(n->got[1][i] - gx) / (depth * U * scale * (2 + fabs(n->gy[i])) * sizes));
    }
    if (n->moves) {
        worst[2] = fabs(n->got[2][o] - 0.1 * s.mean) / (4 * U * fabs(0.1 * s.mean) + 0.6 * depth * U * sqrt(s.var));
        worst[3] = fabs(n->got[3][o] - 0.1 * unbiased * s.var) / (0.3 * depth * U * s.var);
    }
    for (int k = 0; k < 4; k++)
        backend_check(&t->test, worst[k] <= 1, "%s of mean %g: %s passes its bound %g times", m->name,
                      means[o % TUFF_COUNT(means)][0], names[k], worst[k]);
}

static void check_norm(struct far_test *t, const struct norm *m)
{
    struct normed n;
    bool ok = run_norm(t, m, &n);
    for (uint32_t o = 0; ok && o < m->outer; o++) check_group(t, m, &n, o);
    for (int k = 0; k < 4; k++) tuff_free(t->test.context, n.got[k]);
    free(n.x);
    free(n.gy);
    free(n.zeros);
}

/* ---- sums ------------------------------------------------------------------------------------------------------------------------ */

/* Of `rows` numbers, each repeated `times`, one after the other and then the columns: the same sum twice. */
static void check_sums(struct far_test *t, uint32_t rows, uint32_t times, double low, double high)
{
    if (rows / 4 > t->test.device->caps.max_storage_range) { /* 16 windows, of which a kernel takes no more */
        printf("%u numbers are more than a kernel reads where it binds %llu bytes\n", (unsigned)rows,
               (unsigned long long)t->test.device->caps.max_storage_range);
        return;
    }
    struct tuff_graph *g = NULL;
    double *x = malloc(rows * sizeof *x), *got[3] = {NULL}, *data[64] = {NULL}, sum = 0, size = 0;
    if (!x || tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) exit(1);
    for (uint32_t i = 0; i < rows; i++) {
        x[i] = low == high ? (float)low : (float)op_uniform(&t->random, low, high);
        sum += x[i] * times;
        size += fabs(x[i]) * times;
    }
    tuff_val in = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(rows, 1)), many = tuff_expand(g, in, TUFF_SHAPE(rows, times));
    data[in] = x;
    const tuff_val outputs[3] = {tuff_sum(g, many, 0, TUFF_DROP_AXES), tuff_mean(g, many, 0, TUFF_DROP_AXES),
                                 tuff_sum(g, many, 1, TUFF_DROP_AXES)};
    struct op_run run = {.outputs = outputs, .count = 3, .got = got};
    bool ok = tuff_graph_finish(g, NULL) == TUFF_OK && op_run_graph(t->test.device, g, data, &run);
    backend_check(&t->test, ok, "sums: did not run");
    /* blocks of 64 rounds of 4, in parts of 4096, of which blocks of 64 are summed: 64 + 16 + 64 additions, 3 trees of 10, and as
     * many blocks as there are */
    double bound = low == high && low == 1 ? 0 : (180 + rows / 256.0) * U * size, n = (double)rows * times;
    if (ok) {
        printf("%u x %u of %g .. %g: off by %g, %g and %g, bound %g\n", (unsigned)rows, (unsigned)times, low, high,
               got[0][0] - sum, (got[1][0] - sum / n) * n, (got[2][0] - sum / times) * times, bound);
        backend_check(&t->test, fabs(got[0][0] - sum) <= bound, "sum: expected %.9g, got %.9g, bound %g", sum, got[0][0],
                      bound);
        backend_check(&t->test, fabs(got[1][0] - sum / n) <= bound / n + 2 * U * fabs(sum / n),
                      "mean: expected %.9g, got %.9g", sum / n, got[1][0]);
        backend_check(&t->test, fabs(got[2][0] - sum / times) <= bound / times, "column: expected %.9g, got %.9g",
                      sum / times, got[2][0]);
    }
    for (int i = 0; i < 3; i++) tuff_free(t->test.context, got[i]);
    free(x);
    tuff_graph_destroy(g);
}

/* Truths are counted in i32; whole numbers have no mean, as in PyTorch ("must be either a floating point or complex dtype"). */
static void check_counts(struct far_test *t)
{
    struct tuff_graph *g = NULL;
    struct tuff_error error = {0};
    double one = 1, *data[64] = {NULL}, *got[1] = {NULL};
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) exit(1);
    tuff_val in = tuff_input(g, "x", TUFF_BOOL, TUFF_SHAPE(1)), many = tuff_expand(g, in, TUFF_SHAPE(1 << 25));
    tuff_val count = tuff_sum(g, many, 0, TUFF_DROP_AXES);
    data[in] = &one;
    struct op_run run = {.outputs = &count, .count = 1, .got = got};
    bool ok = tuff_graph_finish(g, NULL) == TUFF_OK && op_run_graph(t->test.device, g, data, &run);
    backend_check(&t->test, ok && got[0][0] == 1 << 25, "2^25 truths: counted %.0f", ok ? got[0][0] : -1);
    tuff_free(t->test.context, got[0]);
    t->test.quiet = true;
    backend_check(&t->test, tuff_mean(g, many, 0, TUFF_DROP_AXES) == 0 && tuff_graph_finish(g, &error) == TUFF_ERR_SHAPE,
                  "mean of truths: expected to be refused");
    t->test.quiet = false;
    tuff_graph_destroy(g);
}

static void check_norms(struct far_test *t)
{
    for (size_t m = 0; m < TUFF_COUNT(norms); m++) check_norm(t, &norms[m]);
}

static void check_long(struct far_test *t)
{
    check_sums(t, 1 << 25, 1, 1, 1);
    check_sums(t, 10000, 1000, 0.1, 0.1);
    check_sums(t, 20000, 1024, 0.1, 0.1);
    check_sums(t, 10000, 1000, 0, 1);
    check_counts(t);
}

int main(int argc, char **argv)
{
    static struct far_test t;
    t.random = op_random_start(argc, argv);
    int status = backend_test_begin(&t.test, NULL);
    if (status != 0) return status;
    struct tuff_caps *caps = &t.test.device->caps, own = *caps;
    uint32_t *debug = &t.test.context->options.debug, asked = *debug;
    check_norms(&t);
    check_long(&t);
    caps->kind = TUFF_DEVICE_DISCRETE; /* other kernels */
    check_norms(&t);
    check_long(&t);
    *caps = own;
    *debug |= TUFF_DEBUG_NOCOMPILER;
    check_norms(&t);
    *debug = asked;
    return backend_test_end(&t.test, "op_far");
}
