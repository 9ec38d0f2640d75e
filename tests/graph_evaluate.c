/* graph_evaluate.c - tuff_evaluate: what it computes, what it keeps in memory meanwhile, its errors; without a device. */
#include "graph/ops/leaf.h"
#include "graph/philox.h"
#include "graph/reference.h"
#include "tests/graph_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct evaluate_test {
    struct tuff_context *context;
    unsigned failures;
    size_t bytes, peak;     /* of the context's allocator */
    uint64_t calls, refuse; /* its number `refuse` fails; 0: none */
};

#define check(t, ...) graph_check(&(t)->failures, __VA_ARGS__)

/* Sizes stand before the blocks. */
enum { BEFORE = 64 };
static void *reallocate(void *user, void *block, size_t bytes)
{
    struct evaluate_test *t = user;
    uint8_t *old = block ? (uint8_t *)block - BEFORE : NULL;
    size_t before = 0;
    if (old) memcpy(&before, old, sizeof before);
    if (bytes && ++t->calls == t->refuse) return NULL;
    t->bytes += bytes - before;
    if (t->bytes > t->peak) t->peak = t->bytes;
    if (!bytes) {
        free(old);
        return NULL;
    }
    uint8_t *got = realloc(old, bytes + BEFORE);
    if (!got) abort();
    memcpy(got, &bytes, sizeof bytes);
    return got + BEFORE;
}
static void *allocate(void *user, size_t bytes) { return reallocate(user, NULL, bytes ? bytes : 1); }
static void release(void *user, void *block)
{
    if (block) (void)reallocate(user, block, 0);
}

static void expect(struct evaluate_test *t, const char *what, tuff_status expected, tuff_status got,
                   const struct tuff_error *error)
{
    check(t, got == expected, "%s: expected %s, got %s: %s", what, tuff_status_name(expected), tuff_status_name(got),
          error->message);
}

/* y = relu(x w^T), s' = s + sum y; by hand. */
static void test_by_hand(struct evaluate_test *t)
{
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_error error = {0};
    const float weights[6] = {1, 2, 3, -1, -2, -3}, other[6] = {0.5f, 0, 0, 0, 0, 2}, state[1] = {10};
    const uint16_t x16[3] = {0x3c00, 0xc000, 0x4000}; /* 1, -2, 2 */
    tuff_val x = tuff_input(g, "x", TUFF_F16, TUFF_SHAPE(1, 3)), unused = tuff_input(g, "unused", TUFF_F32, TUFF_SHAPE(3));
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(2, 3), (struct tuff_init){.kind = TUFF_INIT_DATA, .data = weights});
    tuff_val s = tuff_state(g, "s", TUFF_F32, TUFF_SHAPE(1), (struct tuff_init){TUFF_INIT_CONSTANT, 5, 0, NULL, 0});
    tuff_val x32 = tuff_cast(g, x, TUFF_F32);
    tuff_val y = tuff_relu(g, tuff_matmul(g, x32, w, (struct tuff_matmul_params){.transpose_b = true}));
    tuff_val next = tuff_assign(g, s, tuff_add(g, s, tuff_reshape(g, tuff_sum(g, y, 0, TUFF_DROP_AXES), TUFF_SHAPE(1))));
    (void)tuff_exp(g, unused);
    double got[2] = {0}, again[2] = {0}, then = 0, leaf[3] = {0};
    tuff_val outputs[] = {y, next, x, y, w};
    double *results[] = {got, &then, leaf, again, NULL};
    struct tuff_leaf_content leaves[3] = {{x, x16}, {w, other}, {s, state}};
    struct tuff_evaluate_params p = {
        .struct_size = sizeof p, .outputs = outputs, .output_count = 5, .leaves = leaves, .leaf_count = 1};
    expect(t, "initial values", TUFF_OK, tuff_evaluate(g, &p, results, &error), &error);
    check(t, got[0] == 3 && got[1] == 0 && again[0] == 3 && then == 8 && leaf[1] == -2,
          "initial values: expected 3 0 3 8 -2, got %g %g %g %g %g", got[0], got[1], again[0], then, leaf[1]);
    p.leaf_count = 3;
    expect(t, "given values", TUFF_OK, tuff_evaluate(g, &p, results, &error), &error);
    check(t, got[0] == 0.5 && got[1] == 4 && then == 14.5, "given values: expected 0.5 4 14.5, got %g %g %g", got[0], got[1],
          then);
    p.leaf_count = 0;
    expect(t, "an input without content", TUFF_ERR_USAGE, tuff_evaluate(g, &p, results, &error), &error);
    check(t, strstr(error.message, "'x'") != NULL, "an input without content: \"%s\"", error.message);
    p.leaf_count = 3;
    leaves[1].leaf = y;
    expect(t, "content of a result", TUFF_ERR_USAGE, tuff_evaluate(g, &p, results, &error), &error);
    leaves[1] = (struct tuff_leaf_content){w, NULL};
    expect(t, "no content", TUFF_ERR_USAGE, tuff_evaluate(g, &p, results, &error), &error);
    outputs[0] = 1000;
    expect(t, "no such value", TUFF_ERR_USAGE, tuff_evaluate(g, &p, results, &error), &error);
    (void)tuff_reshape(g, y, TUFF_SHAPE(17));
    expect(t, "a graph that failed", TUFF_ERR_SHAPE, tuff_evaluate(g, &p, results, &error), &error);
    tuff_graph_destroy(g);
}

/* Few words that ask for more memory than the caller allows are refused before it is taken. */
static void test_room(struct evaluate_test *t)
{
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_error error = {0};
    double sum = 0, *results[] = {&sum};
    tuff_val huge = tuff_full(g, TUFF_F32, TUFF_SHAPE(1u << 15, 1u << 15), 1),
             small = tuff_full(g, TUFF_F32, TUFF_SHAPE(1000), 1);
    tuff_val both[] = {tuff_sum(g, tuff_exp(g, huge), 0, TUFF_DROP_AXES),
                       tuff_sum(g, tuff_exp(g, small), 0, TUFF_DROP_AXES)};
    struct tuff_evaluate_params p = {.struct_size = sizeof p, .outputs = both, .output_count = 1};
    expect(t, "16 GiB", TUFF_ERR_MEMORY, tuff_evaluate(g, &p, results, &error), &error);
    check(t, strstr(error.message, "memory_bytes allows 8589934592") != NULL, "16 GiB: \"%s\"", error.message);
    p.outputs = both + 1;
    p.memory_bytes = 2 * 1000 * sizeof(double) - 1;
    expect(t, "a byte too little", TUFF_ERR_MEMORY, tuff_evaluate(g, &p, results, &error), &error);
    p.memory_bytes++;
    expect(t, "just enough", TUFF_OK, tuff_evaluate(g, &p, results, &error), &error);
    check(t, fabs(sum - 2718.281828459045) < 1e-9, "just enough: got %.17g", sum);
    tuff_graph_destroy(g);
}

/* Mean, variance and fourth moment of tuff_random_normal, within five deviations of theirs. */
static void test_normal(struct evaluate_test *t)
{
    enum { COUNT = 100000 };
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_error error = {0};
    tuff_val out = tuff_random_normal(g, tuff_rng_state(g), TUFF_SHAPE(COUNT));
    double *x = calloc(COUNT, sizeof *x), moment[5] = {0};
    if (!x) abort();
    struct tuff_evaluate_params p = {.struct_size = sizeof p, .outputs = &out, .output_count = 1};
    expect(t, "normal numbers", TUFF_OK, tuff_evaluate(g, &p, &x, &error), &error);
    for (int i = 0; i < COUNT; i++)
        for (int k = 1; k < 5; k++) moment[k] += pow(x[i], k) / COUNT;
    const double deviation = 5 / sqrt(COUNT); /* of the k-th moment: times the root of the variance of x^k */
    check(t, fabs(moment[1]) < deviation, "normal numbers: mean %g", moment[1]);
    check(t, fabs(moment[2] - 1) < deviation * sqrt(2), "normal numbers: variance %g", moment[2]);
    check(t, fabs(moment[3]) < deviation * sqrt(15), "normal numbers: third moment %g", moment[3]);
    check(t, fabs(moment[4] - 3) < deviation * sqrt(96), "normal numbers: fourth moment %g", moment[4]);
    free(x);
    tuff_graph_destroy(g);
}

/* Inputs of small whole numbers, as all inputs of the networks can hold them. */
static void fill(const struct tuff_value *value, void *data, double *number)
{
    uint64_t count = tuff_shape_count(&value->type.shape);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t n = (uint32_t)(i * 7 % 5);
        switch (value->type.dtype) {
        case TUFF_F32: ((float *)data)[i] = (float)n; break;
        case TUFF_I32: ((int32_t *)data)[i] = (int32_t)n; break;
        default: ((uint8_t *)data)[i] = (uint8_t)n; break;
        }
        number[i] = n;
    }
}

/* The same values as the evaluation of everything, with the initial values of a session with this seed. */
static void test_networks(struct evaluate_test *t)
{
    for (uint32_t n = 0; n < graph_network_count; n++) {
        struct tuff_graph *g = graph_fresh(t->context);
        struct tuff_error error = {0};
        tuff_val outputs[GRAPH_HELP_OUTPUTS];
        uint32_t output_count = graph_network(g, n, outputs), leaf_count = 0;
        double **all = tuff_reference_create(g), *results[GRAPH_HELP_OUTPUTS];
        struct tuff_leaf_content leaves[64];
        void *contents[64];
        if (!all || !check(t, g->status == TUFF_OK, "%s: %s", graph_network_names[n], g->error.message)) abort();
        for (tuff_val v = 1; v < g->count; v++) {
            const struct tuff_value *value = &g->values[v];
            bool input = value->op->kind == TUFF_KIND_INPUT;
            if (!input && !tuff_is_kept(value)) continue;
            uint64_t count = tuff_shape_count(&value->type.shape);
            void *content = malloc((size_t)tuff_type_bytes(&value->type));
            all[v] = tuff_alloc(t->context, (size_t)count * sizeof **all);
            if (!content || !all[v] || leaf_count == TUFF_COUNT(leaves)) abort();
            if (input)
                fill(value, content, all[v]);
            else if (tuff_leaf_init(t->context, value, 123456789012345, content, NULL) != TUFF_OK)
                abort();
            for (uint64_t i = 0; i < count; i++) all[v][i] = tuff_element(value->type.dtype, content, i);
            leaves[leaf_count] = (struct tuff_leaf_content){v, content};
            contents[leaf_count] = content;
            leaf_count += input;
            if (!input) free(content);
        }
        for (uint32_t i = 0; i < output_count; i++)
            results[i] = malloc((size_t)tuff_shape_count(&g->values[outputs[i]].type.shape) * sizeof *results[i]);
        if (tuff_reference_run(g, all) != TUFF_OK) abort();
        struct tuff_evaluate_params p = {.struct_size = sizeof p,
                                         .outputs = outputs,
                                         .output_count = output_count,
                                         .leaves = leaves,
                                         .leaf_count = leaf_count,
                                         .seed = 123456789012345};
        expect(t, graph_network_names[n], TUFF_OK, tuff_evaluate(g, &p, results, &error), &error);
        for (uint32_t i = 0; i < output_count; i++) {
            size_t bytes = (size_t)tuff_shape_count(&g->values[outputs[i]].type.shape) * sizeof *results[i];
            check(t, !memcmp(results[i], all[outputs[i]], bytes), "%s: output %u differs", graph_network_names[n],
                  (unsigned)i);
            free(results[i]);
        }
        for (uint32_t i = 0; i < leaf_count; i++) free(contents[i]);
        tuff_reference_destroy(g, all);
        tuff_graph_destroy(g);
    }
}

/* Progress that counts up, and cancels at a call. */
struct reported {
    uint64_t calls, last, total, stop;
    bool falls;
};
static bool report(void *user, const char *what, uint64_t done, uint64_t total)
{
    struct reported *r = user;
    (void)what;
    r->falls = r->falls || done < r->last || done > total || (r->calls && total != r->total);
    r->last = done;
    r->total = total;
    return ++r->calls != r->stop;
}

/* A long chain, with weights of its own in each link, takes the memory of a few links alone. */
static void test_memory(struct evaluate_test *t)
{
    enum { SIZE = 1 << 14, LINKS = 50 };
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_error error = {0};
    double result[1];
    double *results[1] = {result};
    tuff_val y = tuff_full(g, TUFF_F32, TUFF_SHAPE(SIZE), 1);
    for (uint32_t i = 0; i < LINKS; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%u", (unsigned)i);
        tuff_val w = tuff_param(g, name, TUFF_SHAPE(SIZE), (struct tuff_init){TUFF_INIT_UNIFORM, 0.5, 1.5, NULL, 0});
        y = tuff_tanh(g, tuff_mul(g, y, w));
    }
    y = tuff_sum(g, y, 0, TUFF_DROP_AXES);
    struct reported r = {0};
    struct tuff_evaluate_params p = {
        .struct_size = sizeof p, .outputs = &y, .output_count = 1, .progress = {.report = report, .user = &r}};
    size_t before = t->peak = t->bytes;
    expect(t, "chain", TUFF_OK, tuff_evaluate(g, &p, results, &error), &error);
    check(t, t->peak - before < 4 * SIZE * sizeof(double), "chain: %zu bytes at once, for values of %zu", t->peak - before,
          SIZE * sizeof(double));
    check(t, t->bytes == before, "chain: %zu bytes are left", t->bytes - before);
    check(t, r.calls > 2 * LINKS && !r.falls && r.last == r.total && r.total >= 2 * LINKS * SIZE,
          "progress: %llu calls, %llu of %llu", (unsigned long long)r.calls, (unsigned long long)r.last,
          (unsigned long long)r.total);
    check(t, result[0] > 0 && result[0] < SIZE, "chain: %g", result[0]);
    struct reported stopped = {.stop = 20};
    p.progress.user = &stopped;
    expect(t, "cancelled by its report", TUFF_ERR_CANCELLED, tuff_evaluate(g, &p, results, &error), &error);
    check(t, stopped.calls == 20 && t->bytes == before, "cancelled: %llu calls, %zu bytes are left",
          (unsigned long long)stopped.calls, t->bytes - before);
    tuff_graph_destroy(g);
}

/* Each allocation fails once: the evaluation says so, and leaves nothing behind. */
static void test_no_memory(struct evaluate_test *t)
{
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_error error = {0};
    double result[2];
    double *results[1] = {result};
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(2, 3), (struct tuff_init){TUFF_INIT_UNIFORM, 0, 1, NULL, 0});
    tuff_val y = tuff_sum(g, tuff_mul(g, tuff_state(g, "s", TUFF_F32, TUFF_SHAPE(3), (struct tuff_init){0}), w), 2,
                          TUFF_DROP_AXES);
    struct tuff_evaluate_params p = {.struct_size = sizeof p, .outputs = &y, .output_count = 1};
    size_t before = t->bytes;
    tuff_status status = TUFF_ERR_MEMORY;
    uint64_t n = 0;
    while (status == TUFF_ERR_MEMORY && n < 100) {
        t->calls = 0;
        t->refuse = ++n;
        status = tuff_evaluate(g, &p, results, &error);
        check(t, t->bytes == before, "allocation %llu fails: %zu bytes are left", (unsigned long long)n, t->bytes - before);
    }
    t->refuse = 0;
    check(t, status == TUFF_OK && n > 8, "after %llu allocations: %s", (unsigned long long)n, tuff_status_name(status));
    tuff_graph_destroy(g);
}

/* First values come in pieces, on threads: each follows from its index alone, as graph/philox.h has it. */
static void test_first_values(struct evaluate_test *t)
{
    enum { COUNT = 3 * 65536 + 5, ZERO_ROW = 65535 };
    struct tuff_graph *g = graph_fresh(t->context);
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(COUNT), (struct tuff_init){TUFF_INIT_NORMAL, 0.5, 2, NULL, ZERO_ROW + 1});
    const uint32_t low = 77, high = 5, stream = (uint32_t)tuff_hash_text(0, "w");
    float *got = malloc(COUNT * sizeof *got);
    if (!got || g->status != TUFF_OK) abort();
    expect(t, "first values", TUFF_OK, tuff_leaf_init(t->context, &g->values[w], (uint64_t)high << 32 | low, got, &g->error),
           &g->error);
    unsigned wrong = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        double u = 1.0 - (double)tuff_philox_uniform(low, high, 0, stream, 2 * i);
        double v = (double)tuff_philox_uniform(low, high, 0, stream, 2 * i + 1);
        double wanted = i == ZERO_ROW ? 0 : 0.5 + 2 * sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
        wrong += !(fabs((double)got[i] - wanted) <= 1e-6 * fabs(wanted));
    }
    check(t, !wrong, "first values: %u of %d are wrong", wrong, (int)COUNT);
    free(got);
    tuff_graph_destroy(g);
}

/* A window of one channel has a closed form: x (2 + x^2 / 2)^-0.5. */
static void test_lrn(struct evaluate_test *t)
{
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_error error = {0};
    const float x[3] = {-2, 0.5, 3};
    double y[3] = {0}, *results[] = {y};
    tuff_val out = tuff_lrn(g, tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(1, 3)}, x),
                            (struct tuff_lrn_params){.size = 1, .alpha = 0.5, .beta = 0.5, .bias = 2});
    struct tuff_evaluate_params p = {.struct_size = sizeof p, .outputs = &out, .output_count = 1};
    expect(t, "lrn", TUFF_OK, tuff_evaluate(g, &p, results, &error), &error);
    for (int i = 0; i < 3; i++) {
        double wanted = (double)x[i] / sqrt(2 + (double)x[i] * (double)x[i] / 2);
        check(t, fabs(y[i] - wanted) < 1e-12, "lrn of %g: expected %g, got %g", (double)x[i], wanted, y[i]);
    }
    tuff_graph_destroy(g);
}

int main(void)
{
    struct evaluate_test t = {.failures = 0};
    struct tuff_options options = {.struct_size = sizeof options, .allocator = {&t, allocate, reallocate, release}};
    if (tuff_context_create(&options, &t.context, NULL) != TUFF_OK) return 1;
    test_by_hand(&t);
    test_room(&t);
    test_normal(&t);
    test_lrn(&t);
    test_networks(&t);
    test_memory(&t);
    test_no_memory(&t);
    test_first_values(&t);
    printf("graph_evaluate: %u failures\n", t.failures);
    tuff_context_destroy(t.context);
    return t.failures != 0;
}
