/* session_prepare.c - what follows from parameters and states alone is computed when these were written, and in no other run: by the
 * host, by name, by another plan that shares the memories, in a file; nor while slow runs are measured. */
#include "tests/backend_help.h"
#include "tests/temporary.h"

#include "graph/graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 3, C = 5, H = 7, OUT = 9 };

struct net {
    struct tuff_graph *g;
    tuff_val x, gamma, var, a, b, other, y, step, count;
};

/* y = normalize(x) (a b) c: the scale of the normalization, the product of the weights and the f16 copy of c follow from what is kept.
 * `step` changes a, `count` a state that nobody reads. */
static void build(struct backend_test *test, struct net *n)
{
    struct tuff_error error = {0};
    struct tuff_init random = {.kind = TUFF_INIT_UNIFORM, .a = 0.5, .b = 1.5};
    if (tuff_graph_create(test->context, &n->g, &error) != TUFF_OK) abort();
    struct tuff_graph *g = n->g;
    n->x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(N, C, H));
    n->gamma = tuff_param(g, "gamma", TUFF_SHAPE(C), random);
    tuff_val beta = tuff_param(g, "beta", TUFF_SHAPE(C), random);
    n->a = tuff_param(g, "a", TUFF_SHAPE(C * H, H), random);
    n->b = tuff_param(g, "b", TUFF_SHAPE(H, OUT), random);
    tuff_val mean = tuff_state(g, "mean", TUFF_F32, TUFF_SHAPE(C), random);
    n->var = tuff_state(g, "var", TUFF_F32, TUFF_SHAPE(C), random);
    n->other = tuff_state(g, "other", TUFF_F32, TUFF_SHAPE(C), random);
    tuff_val normal = tuff_batch_norm_infer(g, n->x, n->gamma, beta, mean, n->var, 1e-5);
    tuff_val product = tuff_matmul(g, n->a, n->b, (struct tuff_matmul_params){0});
    tuff_val y = tuff_matmul(g, tuff_reshape(g, normal, TUFF_SHAPE(N, C * H)), product, (struct tuff_matmul_params){0});
    tuff_val half = tuff_cast(g, tuff_param(g, "c", TUFF_SHAPE(OUT, OUT), random), TUFF_F16);
    n->y = tuff_matmul(g, y, half, (struct tuff_matmul_params){0});
    n->step = tuff_assign(g, n->a, tuff_affine(g, n->a, 0.5, 0.25));
    n->count = tuff_assign(g, n->other, tuff_affine(g, n->other, 1, 1));
}

static struct tuff_executable *compile(struct backend_test *test, struct tuff_session *session, const tuff_val *outputs,
                                       uint32_t count, uint32_t sets)
{
    struct tuff_executable *x = NULL;
    struct tuff_error error = {0};
    struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = outputs, .output_count = count, .input_sets = sets, .timed = true};
    backend_status(test, "compile", TUFF_OK, tuff_session_compile(session, &params, &x, &error), &error);
    return x;
}

static uint64_t prepared(struct tuff_executable *x) { return tuff_program_counts(tuff_executable_program(x)).prepared; }

/* Runs, and compares with the definition of the same graph and leaves. */
static void expect_right(struct backend_test *test, const char *what, const struct net *n, struct tuff_session *session,
                         struct tuff_executable *x, uint64_t runs)
{
    static const size_t bytes[] = {C * sizeof(float),        C * sizeof(float),         C * sizeof(float),
                                   C * sizeof(float),        C * H * H * sizeof(float), H * OUT * sizeof(float),
                                   OUT * OUT * sizeof(float)};
    const tuff_val leaves[] = {n->gamma, tuff_graph_find(n->g, "beta"), tuff_graph_find(n->g, "mean"), n->var, n->a,
                               n->b,     tuff_graph_find(n->g, "c")};
    float content[TUFF_COUNT(bytes)][C * H * H], in[N * C * H], got[N * OUT];
    double wanted[N * OUT], *results[] = {wanted};
    struct tuff_leaf_content given[TUFF_COUNT(bytes) + 1] = {{.leaf = n->x, .data = in}};
    struct tuff_error error = {0};
    for (uint32_t i = 0; i < N * C * H; i++) in[i] = (float)sin(0.1 + i);
    for (uint32_t i = 0; i < TUFF_COUNT(bytes); i++) {
        backend_status(test, what, TUFF_OK, tuff_session_read(session, leaves[i], content[i], bytes[i], &error), &error);
        given[i + 1] = (struct tuff_leaf_content){.leaf = leaves[i], .data = content[i]};
    }
    struct tuff_evaluate_params params = {
        .struct_size = sizeof params, .outputs = &n->y, .output_count = 1, .leaves = given, .leaf_count = TUFF_COUNT(given)};
    backend_status(test, what, TUFF_OK, tuff_evaluate(n->g, &params, results, &error), &error);
    backend_status(test, what, TUFF_OK, tuff_executable_write(x, n->x, in, sizeof in, &error), &error);
    backend_status(test, what, TUFF_OK, tuff_executable_run(x, &error), &error);
    backend_status(test, what, TUFF_OK, tuff_executable_read(x, 0, got, sizeof got, &error), &error);
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < N * OUT; i++) wrong += !(fabs((double)got[i] - wanted[i]) <= 1e-2 + 1e-5 * fabs(wanted[i]));
    backend_check(test, !wrong, "%s: %u of %d results are wrong, as %g for %g", what, wrong, N * OUT, (double)got[0],
                  wanted[0]);
    backend_check(test, prepared(x) == runs, "%s: expected %llu runs that prepare, got %llu", what, (unsigned long long)runs,
                  (unsigned long long)prepared(x));
}

static void check_saved(struct backend_test *test, struct tuff_executable *x)
{
    char path[512];
    float in[N * C * H], got[2][N * OUT];
    struct tuff_error error = {0};
    struct tuff_executable *loaded = NULL;
    temporary_path("prepare", path, sizeof path);
    for (uint32_t i = 0; i < N * C * H; i++) in[i] = (float)cos(0.3 + i);
    backend_status(test, "save", TUFF_OK, tuff_executable_save(x, path, &error), &error);
    if (!backend_status(test, "load", TUFF_OK, tuff_executable_load(test->device, path, NULL, &loaded, &error), &error))
        return;
    struct tuff_executable *both[] = {x, loaded};
    for (int i = 0; i < 2; i++) {
        backend_status(test, "set", TUFF_OK, tuff_executable_set(both[i], "x", in, sizeof in, &error), &error);
        backend_status(test, "run", TUFF_OK, tuff_executable_run(both[i], &error), &error);
        backend_status(test, "get", TUFF_OK, tuff_executable_get(both[i], "output0", got[i], sizeof got[i], &error), &error);
    }
    backend_check(test, !memcmp(got[0], got[1], sizeof got[0]), "a loaded plan: expected %g, got %g", (double)got[0][0],
                  (double)got[1][0]);
    backend_check(test, prepared(loaded) == 1, "a loaded plan: expected one run that prepares, got %llu",
                  (unsigned long long)prepared(loaded));
    tuff_executable_destroy(loaded);
    remove(path);
}

/* The clock by which runs are cut goes on by so much at each look; 0: it is the real one. */
static uint64_t step_ns;
uint64_t __real_tuff_os_time_ns(void);
uint64_t __wrap_tuff_os_time_ns(void);
uint64_t __wrap_tuff_os_time_ns(void)
{
    static uint64_t now_ns;
    return step_ns ? now_ns += step_ns : __real_tuff_os_time_ns();
}

static int run_all(const char *name)
{
    struct backend_test test;
    struct net n;
    struct tuff_session *session = NULL;
    struct tuff_error error = {0};
    const float gamma[C] = {2, 3, 4, 5, 6}, var[C] = {9, 4, 1, 4, 9};
    int status = backend_test_begin(&test, NULL);
    if (status != 0) return status;
    build(&test, &n);
    backend_status(&test, "session", TUFF_OK, tuff_session_create(test.device, n.g, NULL, &session, &error), &error);
    struct tuff_executable *run = compile(&test, session, &n.y, 1, 1);
    struct tuff_plan_figures f = tuff_executable_figures(run);
    backend_check(&test, f.prepare_launches >= 3 && f.launches >= 2 && f.prepared_bytes,
                  "expected launches that prepare, got %u of %u, %llu bytes", (unsigned)f.prepare_launches,
                  (unsigned)(f.launches + f.prepare_launches), (unsigned long long)f.prepared_bytes);
    expect_right(&test, "first", &n, session, run, 1);
    expect_right(&test, "nothing written", &n, session, run, 1);
    expect_right(&test, "nothing written", &n, session, run, 1);
    backend_status(&test, "write", TUFF_OK, tuff_session_write(session, n.gamma, gamma, sizeof gamma, &error), &error);
    expect_right(&test, "parameter written", &n, session, run, 2);
    backend_status(&test, "set", TUFF_OK, tuff_executable_set(run, "var", var, sizeof var, &error), &error);
    expect_right(&test, "state written by name", &n, session, run, 3);
    backend_status(&test, "write", TUFF_OK, tuff_session_write(session, n.other, gamma, sizeof gamma, &error), &error);
    expect_right(&test, "state of others written", &n, session, run, 3);

    struct tuff_executable *step = compile(&test, session, &n.step, 1, 1), *count = compile(&test, session, &n.count, 1, 1);
    backend_status(&test, "count", TUFF_OK, tuff_executable_run(count, &error), &error);
    expect_right(&test, "state of others assigned", &n, session, run, 3);
    backend_status(&test, "step", TUFF_OK, tuff_executable_run(step, &error), &error);
    expect_right(&test, "parameter assigned by another plan", &n, session, run, 4);
    expect_right(&test, "nothing assigned", &n, session, run, 4);

    const tuff_val both[] = {n.y, n.step}; /* here a b follows from nothing that stays, but the scale does */
    struct tuff_executable *train = compile(&test, session, both, 2, 1);
    expect_right(&test, "with an assignment", &n, session, train, 1);
    expect_right(&test, "with an assignment", &n, session, train, 1);
    expect_right(&test, "after those", &n, session, run, 5);
    backend_status(&test, "write", TUFF_OK, tuff_session_write(session, n.gamma, var, sizeof var, &error), &error);
    expect_right(&test, "with an assignment", &n, session, train, 2);

    struct tuff_executable *sets = compile(&test, session, &n.y, 1, 2); /* each set prepares for itself */
    for (uint64_t i = 0; i < 4; i++) expect_right(&test, "two sets", &n, session, sets, 1);
    check_saved(&test, run);
    tuff_executable_destroy(sets);
    tuff_executable_destroy(run); /* out of the middle of those that prepare */
    backend_status(&test, "write", TUFF_OK, tuff_session_write(session, n.gamma, gamma, sizeof gamma, &error), &error);
    expect_right(&test, "another is gone", &n, session, train, 3);
    tuff_executable_destroy(train);
    tuff_executable_destroy(step);
    tuff_executable_destroy(count);
    tuff_session_destroy(session);
    tuff_graph_destroy(n.g);
    return backend_test_end(&test, name);
}

int main(void)
{
    int status = run_all("session_prepare");
    step_ns = 2000000000;
    return status ? status : run_all("session_prepare, slow");
}
