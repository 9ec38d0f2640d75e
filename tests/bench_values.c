/* bench_values.c - the nets of the peers' comparison on the device: first outputs, or losses of the first steps, against what four other
 * libraries agree on; outputs of other nets are finite, not constant, and what the graph gives in double precision.
 *   bench_values [--all] [NET ...]    --all: every net, or those named, and all outputs against the graph in double precision */
#include "backend/os.h"
#include "graph/graph.h"
#include "samples/nets/nets.h"
#include "tests/backend_help.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct values_test {
    struct backend_test test;
    struct zoo_work work;
    struct tuff_session *session;
    struct tuff_executable *executable;
    double started, ready, first, last; /* seconds: compiled and filled, after the first and the last run */
    uint32_t runs;
    bool all;
};

static double now(void) { return 1e-9 * (double)tuff_os_time_ns(); }

/* Work, session, plan, inputs; prints the sentence of a failure. */
static bool start(struct values_test *t, const struct zoo_net *net, enum zoo_mode mode)
{
    struct tuff_error error = {0};
    struct tuff_executable_params params = {.struct_size = sizeof params};
    t->started = now();
    t->runs = 0;
    tuff_status status = zoo_work_create(t->test.context, net, mode, 0, &t->work, &error);
    if (!status) status = tuff_session_create(t->test.device, t->work.graph, NULL, &t->session, &error);
    if (!status) status = zoo_work_compile(&t->work, t->session, &params, &t->executable, &error);
    if (!status) status = zoo_work_fill(&t->work, t->session, t->executable, &error);
    t->ready = now();
    return backend_status(&t->test, net->name, TUFF_OK, status, &error);
}

static void finish(struct values_test *t)
{
    zoo_work_drop(&t->work, t->executable);
    tuff_session_destroy(t->session);
    zoo_work_finish(&t->work);
    t->executable = NULL;
    t->session = NULL;
}

/* One run; the first `count` numbers of output 0. */
static bool run(struct values_test *t, float *out, uint64_t count)
{
    struct tuff_error error = {0};
    tuff_status status = zoo_work_submit(&t->work, t->executable, NULL, &error);
    if (!status) status = tuff_executable_read(t->executable, 0, out, (size_t)count * sizeof *out, &error);
    t->last = now();
    if (t->runs++ == 0) t->first = t->last;
    return backend_status(&t->test, t->work.net->name, TUFF_OK, status, &error);
}

static void tell(const struct values_test *t)
{
    struct tuff_plan_figures f = tuff_executable_figures(t->executable);
    printf("%-18s %-5s batch %-3u %4u launches %4u pipelines %5.0f MiB (scratch %.0f), compiled in %.1f s, first run %.2f s",
           t->work.net->name, t->work.mode ? "train" : "infer", (unsigned)t->work.batch, (unsigned)f.launches,
           (unsigned)f.pipelines, (double)f.total_bytes / 1048576, (double)f.scratch_bytes / 1048576, t->ready - t->started,
           t->first - t->ready);
    if (t->runs > 1) printf(", later ones %.0f ms", 1e3 * (t->last - t->first) / (t->runs - 1));
    puts("");
}

/* Known to a thousandth of the largest (the peers round differently). */
static void compare(struct values_test *t, const float *got)
{
    const struct zoo_net *net = t->work.net;
    double largest = 0;
    for (uint32_t i = 0; i < net->expected_count; i++) largest = fmax(largest, fabs(net->expected[i]));
    for (uint32_t i = 0; i < net->expected_count; i++)
        backend_check(&t->test, fabs((double)got[i] - net->expected[i]) <= 1e-3 * largest,
                      "%s: number %u: expected %g, got %g", net->name, (unsigned)i, net->expected[i], (double)got[i]);
}

/* Finite, neither denormal nor constant, of a size that no layer has blown up; a single output deviates from 0. */
static void look(struct values_test *t, const float *out, uint64_t count)
{
    double sum = 0, squares = 0;
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < count; i++) {
        wrong += !isfinite(out[i]) || (out[i] != 0 && fabsf(out[i]) < FLT_MIN);
        sum += (double)out[i], squares += (double)out[i] * (double)out[i];
    }
    double mean = sum / (double)count, deviation = sqrt(squares / (double)count - (count > 1 ? mean * mean : 0));
    const char *name = t->work.net->name;
    backend_check(&t->test, wrong == 0, "%s: %llu of %llu outputs are denormal or not finite", name,
                  (unsigned long long)wrong, (unsigned long long)count);
    backend_check(&t->test, deviation > 1e-3 && deviation < 1e4, "%s: outputs have the deviation %g", name, deviation);
    printf("%-18s outputs: mean %g, deviation %g\n", name, mean, deviation);
}

/* The same in double precision, from the same inputs and weights; NULL after a failure. To be freed. */
static double *in_double(struct values_test *t, uint64_t count)
{
    struct tuff_error error = {0};
    const struct zoo_work *work = &t->work;
    uint32_t leaves = tuff_graph_leaf_count(work->graph), given = 0;
    struct tuff_leaf_content *content = calloc(leaves + 1, sizeof *content);
    float **memory = calloc(leaves + 1, sizeof *memory);
    double *out = calloc((size_t)count, sizeof *out);
    struct tuff_evaluate_params params = {
        .struct_size = sizeof params, .outputs = work->outputs, .output_count = 1, .leaves = content};
    if (!content || !memory || !out) exit(1);
    memory[leaves] = calloc((size_t)zoo_work_elements(work), sizeof(float));
    if (!memory[leaves]) exit(1);
    zoo_work_inputs(work, 0, memory[leaves], NULL);
    content[given++] = (struct tuff_leaf_content){work->input, memory[leaves]};
    for (uint32_t i = 0; i < leaves; i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(work->graph, i);
        memory[i] = calloc((size_t)tuff_shape_count(&leaf.type.shape), sizeof(float));
        if (!memory[i]) exit(1);
        if (zoo_work_weights(work, i, memory[i]))
            content[given++] = (struct tuff_leaf_content){tuff_graph_find(work->graph, leaf.name), memory[i]};
    }
    params.leaf_count = given;
    tuff_status status = tuff_evaluate(work->graph, &params, &out, &error);
    for (uint32_t i = 0; i <= leaves; i++) free(memory[i]);
    free(memory);
    free(content);
    if (backend_status(&t->test, work->net->name, TUFF_OK, status, &error)) return out;
    free(out);
    return NULL;
}

/* Mean square error over variance (of a single output over its square). Rounding of f32 through a depth of d layers gives some d (2^-24)^2 =
 * 3.6e-15 d times what sums of k terms add (k at most, as if all erred alike); 1e-9 is far above and far below a wrong kernel. */
static void check_in_double(struct values_test *t, const float *got, uint64_t count)
{
    double *want = in_double(t, count), error = 0, sum = 0, squares = 0;
    if (!want) return;
    for (uint64_t i = 0; i < count; i++) {
        double d = (double)got[i] - want[i];
        error += d * d, sum += want[i], squares += want[i] * want[i];
    }
    double nmse = error / (squares - (count > 1 ? sum * sum / (double)count : 0));
    printf("%-18s against double precision: normalised mean square error %.2g\n", t->work.net->name, nmse);
    backend_check(&t->test, nmse < 1e-9, "%s: normalised mean square error: expected below 1e-9, got %g", t->work.net->name,
                  nmse);
    free(want);
}

static void check_infer(struct values_test *t)
{
    struct tuff_shape shape = tuff_type_of(t->work.graph, t->work.outputs[0]).shape;
    uint64_t count = tuff_shape_count(&shape);
    float *out = calloc((size_t)count, sizeof *out);
    if (out && run(t, out, count) && run(t, out, count)) {
        look(t, out, count);
        compare(t, out);
        if (t->all || t->work.net->multiply_adds < 200e6) check_in_double(t, out, count);
    }
    free(out);
}

static void check_train(struct values_test *t)
{
    float loss[ZOO_EXPECTED] = {0};
    uint32_t steps = t->work.net->expected_count ? t->work.net->expected_count : ZOO_EXPECTED;
    for (uint32_t i = 0; i < steps; i++)
        if (!run(t, &loss[i], 1)) return;
    printf("%-18s losses: %g %g %g %g\n", t->work.net->name, (double)loss[0], (double)loss[1], (double)loss[2],
           (double)loss[3]);
    backend_check(&t->test, isfinite(loss[0]) && loss[steps - 1] < loss[0], "%s: the loss goes from %g to %g",
                  t->work.net->name, (double)loss[0], (double)loss[steps - 1]);
    compare(t, loss);
}

static void check_net(struct values_test *t, const struct zoo_net *net, enum zoo_mode mode)
{
    if (start(t, net, mode)) {
        if (mode == ZOO_TRAIN)
            check_train(t);
        else
            check_infer(t);
        tell(t);
    }
    finish(t);
}

int main(int argc, char **argv)
{
    static const char *const quick[] = {"mobilenet-v1", "shufflenet-v2", "mlp", "cnn28"};
    struct values_test t = {.session = NULL};
    bool all = argc > 1 && !strcmp(argv[1], "--all"), named = argc > 1 + all;
    t.all = all;
    int status = backend_test_begin(&t.test, NULL);
    if (status != 0) return status;
    for (uint32_t i = 0; i < zoo_net_count; i++) {
        const struct zoo_net *net = &zoo_nets[i];
        bool chosen = all && !named;
        for (size_t k = 0; k < sizeof quick / sizeof quick[0] && !named; k++) chosen |= !strcmp(net->name, quick[k]);
        for (int k = 1 + all; k < argc; k++) chosen |= !strcmp(net->name, argv[k]);
        if (!chosen) continue;
        bool peer = net->expected_count > 0; /* of those, only the work that is compared */
        if (net->infers && !(peer && net->trains)) check_net(&t, net, ZOO_INFER);
        if (net->trains) check_net(&t, net, ZOO_TRAIN);
    }
    return backend_test_end(&t.test, "bench_values");
}
