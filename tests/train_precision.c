/* train_precision.c - training in f16 and bf16 beside f32: the loss scale that grows, halves and skips, gradients against definitions in double, losses of
 * the zoo's nets against those of f32, what a fit leaves bit for bit when it goes on, devices without 16 bits in memory.
 *   train_precision [NET...]   in place of the tests: figures, times and losses of these nets of samples/nets in each precision */
#include "backend/executable.h"
#include "backend/os.h"
#include "graph/dtype.h"
#include "graph/train/trainer.h"
#include "samples/nets/nets.h"
#include "tests/temporary.h"
#include "tests/train_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct tuff_error error;

static bool ok(struct backend_test *t, const char *what, tuff_status status)
{
    return backend_status(t, what, TUFF_OK, status, &error);
}

/* ---- the zoo's nets ------------------------------------------------------------------------------------------------------------ */

static const enum tuff_dtype precisions[] = {TUFF_F32, TUFF_F16, TUFF_BF16};
enum { PRECISIONS = 3, MOST_STEPS = 24 };

struct run {
    float loss[MOST_STEPS];
    struct tuff_plan_figures figures;
    struct tuff_trainer_counts counts;
    double ms, cpu_ms; /* of the fastest step; of the one that took the processors least */
};

/* The parameters, rounded to the type. */
static bool round_weights(struct backend_test *t, const struct zoo_work *work, struct tuff_session *session,
                          enum tuff_dtype dtype)
{
    for (uint32_t i = 0; i < tuff_graph_leaf_count(work->graph); i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(work->graph, i);
        size_t count = (size_t)tuff_shape_count(&leaf.type.shape);
        tuff_val v = tuff_graph_find(work->graph, leaf.name);
        float *content = malloc(count * sizeof *content);
        bool good = content && (!leaf.trained ||
                                ok(t, leaf.name, tuff_session_read(session, v, content, count * sizeof *content, &error)));
        for (size_t k = 0; k < count && good && leaf.trained; k++)
            content[k] = (float)tuff_dtype_round(dtype, (double)content[k]);
        if (good && leaf.trained)
            good = ok(t, leaf.name, tuff_session_write(session, v, content, count * sizeof *content, &error));
        free(content);
        if (!good) return false;
    }
    return true;
}

static bool run_net(struct backend_test *t, const char *name, enum tuff_dtype precision, enum tuff_dtype weights,
                    uint32_t batch, uint32_t steps, struct run *run)
{
    struct zoo_net net = *zoo_net_find(name);
    struct zoo_work work = {0};
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    net.optimizer.precision.dtype = precision;
    bool good = ok(t, name, zoo_work_create(t->context, &net, ZOO_TRAIN, batch, &work, &error)) &&
                ok(t, name, tuff_session_create(t->device, work.graph, NULL, &session, &error)) &&
                ok(t, name,
                   zoo_work_compile(&work, session,
                                    &(struct tuff_executable_params){.struct_size = sizeof(struct tuff_executable_params)},
                                    &x, &error)) &&
                ok(t, name, zoo_work_fill(&work, session, x, &error)) &&
                (weights == TUFF_F32 || round_weights(t, &work, session, weights));
    if (good) run->figures = tuff_executable_figures(x);
    run->ms = run->cpu_ms = INFINITY;
    for (uint32_t i = 0; i < steps && good; i++) {
        uint64_t begin = tuff_os_time_ns();
        clock_t cpu = clock();
        good = ok(t, name, tuff_trainer_step(work.trainer, NULL, &error)) &&
               ok(t, name, tuff_trainer_read(work.trainer, work.result, &run->loss[i], sizeof run->loss[i], &error));
        run->ms = fmin(run->ms, (double)(tuff_os_time_ns() - begin) / 1e6);
        run->cpu_ms = fmin(run->cpu_ms, (double)(clock() - cpu) / (CLOCKS_PER_SEC / 1e3));
    }
    if (good) run->counts = tuff_trainer_counts(work.trainer);
    zoo_work_drop(&work, x);
    tuff_session_destroy(session);
    zoo_work_finish(&work);
    return good;
}

/* Losses lie no farther from f32's than twice what those move where the weights that f32 begins with are rounded to the type once; a forward
 * pass rounds to 2^-11 (f16), 2^-8 (bf16), of which a loss takes two. */
static void test_net(struct backend_test *t, const char *name, uint32_t batch, uint32_t steps)
{
    struct run exact = {.ms = 0};
    if (!run_net(t, name, TUFF_F32, TUFF_F32, batch, steps, &exact)) return;
    for (int i = 1; i < PRECISIONS; i++) {
        struct run run = {.ms = 0}, moved = {.ms = 0};
        double u = precisions[i] == TUFF_F16 ? 0x1p-11 : 0x1p-8, most = 0, worst = 0;
        if (!run_net(t, name, precisions[i], TUFF_F32, batch, steps, &run) ||
            !run_net(t, name, TUFF_F32, precisions[i], batch, steps, &moved))
            return;
        for (uint32_t k = 0; k < steps; k++) {
            double loss = (double)exact.loss[k], off = fabs((double)run.loss[k] - loss);
            most = fmax(most, fabs((double)moved.loss[k] - loss));
            worst = fmax(worst, off / (2 * most + 2 * u * loss));
            backend_check(
                t, off <= 2 * most + 2 * u * loss, "%s in %s, step %u: expected a loss of %.6f, got %.6f, bound %.2g", name,
                tuff_dtype_name(precisions[i]), (unsigned)k + 1, loss, (double)run.loss[k], 2 * most + 2 * u * loss);
        }
        printf("%s in %s: losses lie within %.2f of the band\n", name, tuff_dtype_name(precisions[i]), worst);
        backend_check(t, memcmp(run.loss, exact.loss, sizeof run.loss) != 0, "%s in %s computes as f32 does", name,
                      tuff_dtype_name(precisions[i]));
        backend_check(t, run.counts.skipped == 0 && run.counts.loss_scale == (i == 1 ? 65536 : 0),
                      "%s in %s: %u skipped, scale %g", name, tuff_dtype_name(precisions[i]), (unsigned)run.counts.skipped,
                      run.counts.loss_scale);
        const struct tuff_plan_figures *a = &exact.figures, *b = &run.figures;
        backend_check(t, b->param_bytes == a->param_bytes && b->state_bytes < a->state_bytes + 4096,
                      "%s: masters and states are no f32", name);
        bool fused = tuff_glslang() && !(t->context->options.debug & (TUFF_DEBUG_NOCOMPILER | TUFF_DEBUG_NOFUSE));
        uint64_t halves = (a->param_bytes + a->input_bytes) / 2; /* of what f32 reads from where it is */
        backend_check(t, !fused || b->saved_bytes <= a->saved_bytes * 2 / 3 + halves,
                      "%s in %s: %llu bytes are kept for gradients, %llu in f32", name, tuff_dtype_name(precisions[i]),
                      (unsigned long long)b->saved_bytes, (unsigned long long)a->saved_bytes);
    }
}

static void measure(struct backend_test *t, const char *name, uint32_t steps)
{
    for (int i = 0; i < PRECISIONS; i++) {
        struct run run = {.ms = 0};
        const struct tuff_plan_figures *f = &run.figures;
        if (!run_net(t, name, precisions[i], TUFF_F32, 0, steps, &run)) return;
        printf("%-12s %-5s %9.2f ms (%9.2f of the processors)  moved %8.2f MB  kept for gradients %7.2f MB  scratch %8.2f "
               "MB  %4u launches  loss",
               name, tuff_dtype_name(precisions[i]), run.ms, run.cpu_ms, (double)(f->bytes_read + f->bytes_written) / 1e6,
               (double)f->saved_bytes / 1e6, (double)f->scratch_bytes / 1e6, (unsigned)f->launches);
        for (uint32_t k = 0; k < steps; k++) printf(" %.4f", (double)run.loss[k]);
        printf("\n");
    }
}

/* ---- the loss scale ------------------------------------------------------------------------------------------------------------- */

struct bench {
    struct tuff_graph *g;
    struct tuff_session *session;
    struct tuff_trainer *trainer;
    tuff_val x, w, loss;
};

/* loss = sum of x w, or of its roots, x [4, 3], w [3, 2] */
static bool open_bench(struct backend_test *t, struct bench *b, struct tuff_precision precision, uint32_t accumulate,
                       bool root)
{
    struct tuff_trainer_params params = {.struct_size = sizeof params,
                                         .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0x1p-16)};
    *b = (struct bench){.g = NULL};
    if (!ok(t, "graph", tuff_graph_create(t->context, &b->g, &error))) return false;
    b->x = tuff_input(b->g, "x", TUFF_F32, TUFF_SHAPE(4, 3));
    b->w = tuff_param(b->g, "w", TUFF_SHAPE(3, 2), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 1});
    tuff_val y = tuff_reshape(b->g, tuff_matmul(b->g, b->x, b->w, (struct tuff_matmul_params){0}), TUFF_SHAPE(8));
    params.loss = b->loss = tuff_sum(b->g, root ? tuff_sqrt(b->g, y) : y, 0, TUFF_DROP_AXES);
    params.optimizer.precision = precision;
    params.optimizer.accumulate = accumulate;
    return ok(t, "trainer", tuff_trainer_create(b->g, &params, &b->trainer, &error)) &&
           ok(t, "session", tuff_session_create(t->device, b->g, NULL, &b->session, &error)) &&
           ok(t, "compile", tuff_trainer_compile(b->trainer, b->session, NULL, &error));
}

static void close_bench(struct bench *b)
{
    tuff_trainer_destroy(b->trainer);
    tuff_session_destroy(b->session);
    tuff_graph_destroy(b->g);
}

static tuff_status step(struct bench *b, const float *x, struct tuff_trainer_counts *counts, float *w)
{
    float loss;
    TUFF_TRY(tuff_trainer_write(b->trainer, b->x, x, 12 * sizeof *x, &error));
    TUFF_TRY(tuff_trainer_step(b->trainer, NULL, &error));
    TUFF_TRY(tuff_trainer_read(b->trainer, b->loss, &loss, sizeof loss, &error));
    *counts = tuff_trainer_counts(b->trainer);
    return tuff_session_read(b->session, b->w, w, 6 * sizeof *w, &error);
}

/* The gradient of the product is the scale, which f16 holds up to 2^15: the scale halves down to it, doubles after three steps, and halves again.
 * Parameters move by less than a step of f16 at 1, 2^-10, so they are f32. */
static void test_scale(struct backend_test *t, uint32_t accumulate)
{
    static const float x[12] = {1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3};
    static const uint8_t overflows[] = {1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0};
    struct tuff_trainer_counts counts;
    struct bench b;
    double scale = 0x1p20, updates = 0, pending = 0, skipped = 0;
    uint32_t good = 0;
    float w[6];
    if (!open_bench(t, &b, (struct tuff_precision){TUFF_F16, TUFF_NUMBER(0x1p20), 3}, accumulate, false)) return;
    for (size_t i = 0; i < sizeof overflows; i++) {
        if (!ok(t, "step", step(&b, x, &counts, w))) break;
        good = overflows[i] ? 0 : good + 1;
        pending += !overflows[i];
        skipped += overflows[i];
        if ((i + 1) % accumulate == 0 && pending > 0) updates++, pending = 0;
        scale *= overflows[i] ? 0.5 : good == 3 ? 2 : 1;
        if (good == 3) good = 0;
        backend_check(t, counts.loss_scale == scale && (double)counts.skipped == skipped && counts.lost == 0,
                      "step %zu: expected scale %g and %g skipped, got %g and %u", i + 1, scale, skipped, counts.loss_scale,
                      (unsigned)counts.skipped);
        for (int k = 0; k < 6; k++)
            backend_check(t, (double)w[k] == 1 - updates * 4 * (k / 2 + 1) * 0x1p-16,
                          "step %zu: w[%d] is %.9g after %g updates", i + 1, k, (double)w[k], updates);
    }
    close_bench(&b);
}

/* What no smaller scale can help stops the training: a loss that is NaN at once, an infinite slope once the scale is 1. */
static void test_stops(struct backend_test *t)
{
    static const float nan_in[12] = {1, 1, 1, NAN, 1, 1, 1, 1, 1, 1, 1, 1}, zero[12] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0};
    struct tuff_trainer_counts counts;
    float w[6], scale = 0;
    for (int i = 0; i < 2; i++) {
        struct bench b;
        if (!open_bench(t, &b, (struct tuff_precision){TUFF_F16, TUFF_NUMBER(4), 0}, 1, i == 1)) return;
        for (int k = 0; k < 2 && i == 1; k++) ok(t, "a scale that halves", step(&b, zero, &counts, w));
        t->quiet = true;
        backend_status(t, "what is not finite", TUFF_ERR_NOT_FINITE, step(&b, i ? zero : nan_in, &counts, w), &error);
        t->quiet = false;
        const char *wanted =
            i ? "step 3: a gradient is not finite; the first value that is not finite is the gradient of 'w' [3, 2]"
              : "step 1: the loss is nan; the first value that is not finite is input 'x' [4, 3]";
        backend_check(t, strstr(error.message, wanted), "expected \"%s\", got \"%s\"", wanted, error.message);
        ok(t, "scale",
           tuff_session_read(b.session, tuff_graph_find(b.g, "optimizer/loss_scale"), &scale, sizeof scale, &error));
        ok(t, "parameters", tuff_session_read(b.session, b.w, w, sizeof w, &error));
        backend_check(t, scale == (i ? 1 : 4) && w[0] == 1, "a step that stopped left a scale of %g, w of %g", (double)scale,
                      (double)w[0]);
        close_bench(&b);
    }
}

static void test_refusals(struct backend_test *t)
{
    static const struct {
        struct tuff_precision precision;
        const char *sentence;
    } wrong[] = {{{TUFF_I32, {0, false}, 0}, "the precision is i32"},
                 {{TUFF_F16, {3, true}, 0}, "a loss scale of 3 in f16"},
                 {{TUFF_F16, {0.5, true}, 0}, "a loss scale of 0.5 in f16"},
                 {{TUFF_F32, {2, true}, 0}, "a loss scale of 2 in f32"},
                 {{TUFF_BF16, {NAN, true}, 0}, "a loss scale of nan in bf16"}};
    struct bench b;
    struct tuff_trainer *other = NULL;
    if (!open_bench(t, &b, (struct tuff_precision){.dtype = TUFF_F16}, 1, false)) return;
    struct tuff_trainer_params params = {.struct_size = sizeof params,
                                         .loss = b.loss,
                                         .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0x1p-16),
                                         .like = b.trainer};
    t->quiet = true;
    backend_status(t, "f32 like f16", TUFF_ERR_USAGE, tuff_trainer_create(b.g, &params, &other, &error), &error);
    backend_check(t, strstr(error.message, "precision (enum tuff_dtype) is 2 there, 0 here"), "got \"%s\"", error.message);
    params.like = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        params.optimizer.precision = wrong[i].precision;
        backend_status(t, wrong[i].sentence, TUFF_ERR_USAGE, tuff_trainer_create(b.g, &params, &other, &error), &error);
        backend_check(t, strstr(error.message, wrong[i].sentence), "expected \"%s\", got \"%s\"", wrong[i].sentence,
                      error.message);
    }
    struct tuff_executable *x = NULL;
    const struct tuff_executable_params plan = {
        .struct_size = sizeof plan, .outputs = &b.loss, .output_count = 1, .precision = TUFF_U8};
    backend_status(t, "a plan of bytes", TUFF_ERR_USAGE, tuff_session_compile(b.session, &plan, &x, &error), &error);
    t->quiet = false;
    close_bench(&b);
}

/* ---- gradients ------------------------------------------------------------------------------------------------------------------ */

enum { N = 24, IN = 20, HIDDEN = 37, OUT = 5 };

static tuff_val half(struct tuff_graph *g, tuff_val v, bool rounds)
{
    return rounds ? tuff_cast(g, tuff_cast(g, v, TUFF_F16), TUFF_F32) : v;
}

static tuff_val product(struct tuff_graph *g, tuff_val a, tuff_val b, bool ta, bool tb)
{
    return tuff_matmul(g, a, b, (struct tuff_matmul_params){.transpose_a = ta, .transpose_b = tb});
}

/* loss = size mean (tanh(x a) b)^2. rounds: each value is rounded where a plan of f16 does. */
struct small {
    tuff_val x, a, b, pre, hidden, y, loss;
};
static struct small build(struct tuff_graph *g, double size, bool rounds)
{
    struct small n;
    n.x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(N, IN));
    n.a = tuff_param(g, "a", TUFF_SHAPE(IN, HIDDEN), (struct tuff_init){.kind = TUFF_INIT_NORMAL, .b = 0.3});
    n.b = tuff_param(g, "b", TUFF_SHAPE(HIDDEN, OUT), (struct tuff_init){.kind = TUFF_INIT_NORMAL, .b = 0.3});
    n.pre = half(g, product(g, half(g, n.x, rounds), half(g, n.a, rounds), false, false), rounds);
    n.hidden = half(g, tuff_tanh(g, n.pre), rounds);
    n.y = half(g, product(g, n.hidden, half(g, n.b, rounds), false, false), rounds);
    n.loss = tuff_affine(g, tuff_mean(g, tuff_square(g, tuff_reshape(g, n.y, TUFF_SHAPE(N * OUT))), 0, TUFF_DROP_AXES), size,
                         0);
    return n;
}

/* Gradients in double of the rounded network, and for each the sum of the magnitudes of what it is summed of. */
static bool reference(struct backend_test *t, double size, const float *x, double *ga, double *gb, double *most_a,
                      double *most_b)
{
    struct tuff_graph *g = NULL;
    if (!ok(t, "graph", tuff_graph_create(t->context, &g, &error))) return false;
    struct small n = build(g, size, true);
    tuff_val in[4] = {n.a, n.b, n.pre, n.y}, grads[4], outputs[4];
    tuff_gradients(g, n.loss, 0, in, 4, grads);
    outputs[0] = grads[0], outputs[1] = grads[1];
    tuff_val up = product(g, tuff_abs(g, grads[3]), tuff_abs(g, n.b), false, true);
    outputs[2] = product(g, tuff_abs(g, n.x), up, true, false);
    outputs[3] = product(g, tuff_abs(g, n.hidden), tuff_abs(g, grads[3]), true, false);
    double *results[4] = {ga, gb, most_a, most_b};
    const struct tuff_leaf_content content = {n.x, x};
    const struct tuff_evaluate_params params = {
        .struct_size = sizeof params, .outputs = outputs, .output_count = 4, .leaves = &content, .leaf_count = 1};
    bool good = ok(t, "definitions", tuff_evaluate(g, &params, results, &error));
    tuff_graph_destroy(g);
    return good;
}

/* The largest error as a part of its bound. */
static double compare(const float *got, const double *wanted, const double *most, int count, double bound)
{
    double worst = 0;
    for (int i = 0; i < count; i++) worst = fmax(worst, fabs((double)got[i] - wanted[i]) / (bound * most[i]));
    return worst;
}

/* A gradient is summed in f32 of what was rounded: that of y, that of the hidden layer, what tanh makes of that; forward, a value on the edge between
 * two of f16 may fall to the other side, which the slopes double. 6 u of the summed magnitudes, u = 2^-11. A loss of 2^-28 has gradients below what
 * f16 holds, 2^-24, which only the scale brings through. */
static void test_gradients(struct backend_test *t)
{
    static double ga[IN * HIDDEN], gb[HIDDEN * OUT], most_a[IN * HIDDEN], most_b[HIDDEN * OUT];
    static float x[N * IN], got[IN * HIDDEN + 64 + HIDDEN * OUT + 64];
    for (int i = 0; i < N * IN; i++) x[i] = (float)zoo_uniform((uint32_t)i, 5);
    for (int with = 0; with < 2; with++) {
        struct bench b = {.g = NULL};
        struct tuff_trainer_params params = {.struct_size = sizeof params,
                                             .optimizer = tuff_optimizer_defaults(TUFF_SGD, 1e-6)};
        if (!reference(t, 0x1p-28, x, ga, gb, most_a, most_b) ||
            !ok(t, "graph", tuff_graph_create(t->context, &b.g, &error)))
            return;
        struct small n = build(b.g, 0x1p-28, false);
        params.loss = n.loss;
        params.optimizer.precision = (struct tuff_precision){TUFF_F16, TUFF_NUMBER(with ? 0x1p30 : 0), 0};
        if (ok(t, "trainer", tuff_trainer_create(b.g, &params, &b.trainer, &error)) &&
            ok(t, "session", tuff_session_create(t->device, b.g, NULL, &b.session, &error)) &&
            ok(t, "compile", tuff_trainer_compile(b.trainer, b.session, NULL, &error)) &&
            ok(t, "write", tuff_trainer_write(b.trainer, n.x, x, sizeof x, &error)) &&
            ok(t, "step", tuff_trainer_step(b.trainer, NULL, &error))) {
            uint32_t count, second = (IN * HIDDEN + 63) / 64 * 64;
            tuff_val state = tuff_trainer_packs(b.trainer, &count)->gradient_state;
            struct tuff_type type = tuff_type_of(b.g, state);
            ok(t, "gradients",
               tuff_session_read(b.session, state, got, (size_t)tuff_shape_count(&type.shape) * sizeof *got, &error));
            double worst = fmax(compare(got, ga, most_a, IN * HIDDEN, 6 * 0x1p-11),
                                compare(got + second, gb, most_b, HIDDEN * OUT, 6 * 0x1p-11));
            printf("gradients %s a loss scale: %.3g of their bound\n", with ? "with" : "without", worst);
            backend_check(t, with ? worst <= 1 : worst > 2, "gradients %s a loss scale are %g of their bound off",
                          with ? "with" : "without", worst);
        }
        close_bench(&b);
    }
}

/* A plan that trains nothing: what comes out is f32, of operands that are rounded. */
static void test_plan(struct backend_test *t)
{
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *run = NULL;
    static float x[N * IN], got[N * OUT];
    static double wanted[N * OUT], most[N * OUT], *results[2] = {wanted, most};
    for (int i = 0; i < N * IN; i++) x[i] = (float)zoo_uniform((uint32_t)i, 6);
    if (!ok(t, "graph", tuff_graph_create(t->context, &g, &error))) return;
    struct small n = build(g, 1, false);
    tuff_val hidden = half(g, tuff_tanh(g, half(g, product(g, half(g, n.x, true), half(g, n.a, true), false, false), true)),
                           true);
    tuff_val outputs[2] = {product(g, hidden, half(g, n.b, true), false, false)}, b = tuff_abs(g, n.b);
    outputs[1] = product(g, tuff_abs(g, hidden), b, false, false);
    const struct tuff_leaf_content content = {n.x, x};
    const struct tuff_evaluate_params definitions = {
        .struct_size = sizeof definitions, .outputs = outputs, .output_count = 2, .leaves = &content, .leaf_count = 1};
    const struct tuff_executable_params plan = {
        .struct_size = sizeof plan, .outputs = &n.y, .output_count = 1, .precision = TUFF_F16};
    if (ok(t, "definitions", tuff_evaluate(g, &definitions, results, &error)) &&
        ok(t, "session", tuff_session_create(t->device, g, NULL, &session, &error)) &&
        ok(t, "compile", tuff_session_compile(session, &plan, &run, &error)) &&
        ok(t, "write", tuff_executable_write(run, n.x, x, sizeof x, &error)) &&
        ok(t, "run", tuff_executable_run(run, &error)) &&
        ok(t, "read", tuff_executable_read(run, 0, got, sizeof got, &error))) {
        /* a value of the hidden layer may fall to the other side of an edge, by 2^-10 of it */
        double worst = compare(got, wanted, most, N * OUT, 0x1p-10);
        int exact = 0;
        for (int i = 0; i < N * OUT; i++) exact += fabs((double)got[i] - wanted[i]) <= 0x1p-20 * most[i];
        backend_check(t, worst <= 1 && exact > N * OUT / 2,
                      "a plan of f16: %g of the bound off, %d elements of %d as they should be", worst, exact, N * OUT);
    }
    tuff_executable_destroy(run);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* ---- fits ----------------------------------------------------------------------------------------------------------------------- */

static const struct tuff_param_group groups[] = {{.name = "first", .pattern = "conv.*", .lr_factor = 1, .frozen = true},
                                                 {.name = "last", .pattern = "out.*", .lr_factor = 2, .weight_decay = 0}};

/* With all that a scale has to get along with: averages, sums over runs, clipping, groups, a frozen one, the last batch of an epoch. */
static bool open_fit(struct backend_test *t, struct train *r, const struct tuff_options *options, const char *path,
                     enum tuff_dtype dtype, uint32_t epochs)
{
    const struct train_params params = {.path = path, .samples = 106, .epochs = epochs};
    if (!ok(t, "opening", train_open(r, options, &error)) || !ok(t, "model", train_model(r, &params, &error))) return false;
    struct tuff_optimizer_params *o = &r->fit.optimizer;
    o->precision = (struct tuff_precision){.dtype = dtype, .growth_interval = 5};
    if (dtype == TUFF_F16) o->precision.loss_scale = TUFF_NUMBER(0x1p40);
    o->accumulate = 2;
    o->ema_decay = 0.9;
    o->clip_value = 1;
    o->groups = groups;
    o->group_count = 2;
    return true;
}

static void test_fit(struct backend_test *t, enum tuff_dtype dtype)
{
    struct train whole = {0}, half_of = {0}, rest = {0}, small = {0};
    struct train_content a = {0}, b = {0}, c = {0};
    struct tuff_options options = {.struct_size = sizeof options};
    float scale = 0;
    char path[1024];
    temporary_path("precision.tuff", path, sizeof path);
    if (open_fit(t, &whole, NULL, NULL, dtype, 8) && ok(t, "fit", train_fit(&whole, &error))) {
        ok(t, "content", train_content(&whole, &a, &error));
        if (dtype == TUFF_F16)
            ok(t, "scale", tuff_model_read(whole.model, "optimizer/loss_scale", &scale, sizeof scale, &error));
        backend_check(t, dtype != TUFF_F16 || (scale > 1 && scale < 0x1p40f), "a scale of 2^40 became %g", (double)scale);
        ok(t, "averages", tuff_model_swap_averages(whole.model, &error));
        struct tuff_metrics metrics;
        ok(t, "evaluating them", tuff_model_evaluate(whole.model, &whole.data, &metrics, &error));
        backend_check(t, metrics.loss < 1.05, "a loss of %g after eight epochs, of 1.1 before", metrics.loss);
    }
    if (open_fit(t, &half_of, NULL, path, dtype, 2)) ok(t, "half of a fit", train_fit(&half_of, &error));
    if (open_fit(t, &rest, NULL, path, dtype, 8) && ok(t, "going on", train_load(&rest, &error)) &&
        ok(t, "rest", train_fit(&rest, &error)))
        ok(t, "content", train_content(&rest, &b, &error));
    if (a.bytes && b.bytes) train_expect_same(t, "a fit that went on", &a, &b);
    tuff_options_from_env(&options);
    options.limits = "no-16bit";
    if (open_fit(t, &small, &options, NULL, dtype, 8) && ok(t, "without 16 bits in memory", train_fit(&small, &error)))
        ok(t, "content", train_content(&small, &c, &error));
    if (a.bytes && c.bytes) train_expect_same(t, "a device without 16 bits in memory", &a, &c);
    free(a.bytes), free(b.bytes), free(c.bytes);
    train_close(&whole), train_close(&half_of), train_close(&rest), train_close(&small);
    remove(path);
}

/* A fit may go on in another precision, and back. */
static void test_change(struct backend_test *t)
{
    static const enum tuff_dtype order[] = {TUFF_F32, TUFF_F16, TUFF_BF16, TUFF_F32};
    struct train r = {0};
    if (!open_fit(t, &r, NULL, NULL, TUFF_F32, 1)) return;
    for (uint32_t i = 0; i < 4; i++) {
        r.fit.epochs = i + 1;
        r.fit.optimizer.precision = (struct tuff_precision){.dtype = order[i]};
        ok(t, tuff_dtype_name(order[i]), train_fit(&r, &error));
    }
    backend_check(t, tuff_model_state(r.model).epoch == 4, "epochs in three precisions");
    train_close(&r);
}

int main(int argc, char **argv)
{
    struct backend_test test = {0};
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    if (!tuff_glslang()) {
        backend_test_end(&test, "train_precision");
        puts("skipped: products of 16 bits need a shader compiler, and this build has none");
        return 77;
    }
    for (int i = 1; i < argc; i++)
        if (zoo_net_find(argv[i])) measure(&test, argv[i], 8);
    if (argc > 1) return backend_test_end(&test, "train_precision");
    test_scale(&test, 1);
    test_scale(&test, 2);
    test_stops(&test);
    test_refusals(&test);
    test_gradients(&test);
    test_plan(&test);
    test_fit(&test, TUFF_F16);
    test_fit(&test, TUFF_BF16);
    test_change(&test);
    test_net(&test, "mlp", 0, 8);
    test_net(&test, "cnn28", 16, 8);
    test_net(&test, "resnet18-32", 4, 3);
    test_net(&test, "gpt-4x256", 1, 4);
    return backend_test_end(&test, "train_precision");
}
