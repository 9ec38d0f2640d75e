/* session_scan.c - loops on the device: an LSTM in both directions against one written by hand and against its steps written out, with
 * gradients; bodies with everything that a loop binds; a thousand steps are one loop of one step's launches; it trains; what a loop
 * cannot do is refused.
 *   session_scan [--seed N] */
#include "tests/backend_help.h"
#include "tests/op_bound.h"
#include "tests/op_help.h"

#include "graph/compile/compile.h"
#include "tests/temporary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct scan_test {
    struct backend_test test;
    struct op_random random;
    const char *how;
    bool slow; /* on paper: runs are cut between launches of their rounds */
};

static struct tuff_graph *fresh(struct scan_test *t)
{
    struct tuff_graph *g = NULL;
    struct tuff_error error = {0};
    backend_status(&t->test, "graph", TUFF_OK, tuff_graph_create(t->test.context, &g, &error), &error);
    return g;
}

/* Random content of inputs, whole numbers of -4 to 4 or normal; and the references of all values. */
static double **fill(struct scan_test *t, const struct tuff_graph *g, bool whole)
{
    double **data = tuff_reference_create(g);
    for (tuff_val v = 1; v < g->count; v++) {
        uint64_t count = tuff_shape_count(&g->values[v].type.shape);
        if (g->values[v].op->kind != TUFF_KIND_INPUT) continue;
        data[v] = tuff_alloc(t->test.context, (size_t)count * sizeof **data);
        for (uint64_t i = 0; i < count; i++)
            data[v][i] = whole ? (double)op_below(&t->random, 9) - 4 : (double)(float)(0.5 * op_normal(&t->random));
    }
    return data;
}

static void finish(struct tuff_graph *g, double **data)
{
    if (data) tuff_reference_destroy(g, data);
    tuff_graph_destroy(g);
}

/* ---- LSTM --------------------------------------------------------------------------------------------------------------------- */

enum { T = 7, N = 3, E = 5, H = 6, LEAVES = 6 };
enum { X, W_IH, W_HH, BIAS, H_0, C_0 };

static const struct tuff_shape leaf_shapes[LEAVES] = {{3, {T, N, E}}, {2, {4 * H, E}}, {2, {4 * H, H}},
                                                      {1, {4 * H}},   {2, {N, H}},     {2, {N, H}}};

/* The steps written out, by hand: torch.nn.LSTM's formulas. y [T, N, H], then h and c after the last one. */
static void lstm_by_hand(const double *const *in, bool reverse, double *y, double *h, double *c)
{
    memcpy(h, in[H_0], N * H * sizeof *h);
    memcpy(c, in[C_0], N * H * sizeof *c);
    for (int r = 0; r < T; r++) {
        int t = reverse ? T - 1 - r : r;
        double next[N * H];
        for (int n = 0; n < N; n++)
            for (int k = 0; k < H; k++) {
                double a[4];
                for (int q = 0; q < 4; q++) {
                    a[q] = in[BIAS][q * H + k];
                    for (int e = 0; e < E; e++) a[q] += in[W_IH][(q * H + k) * E + e] * in[X][(t * N + n) * E + e];
                    for (int j = 0; j < H; j++) a[q] += in[W_HH][(q * H + k) * H + j] * h[n * H + j];
                }
                double i = 1 / (1 + exp(-a[0])), f = 1 / (1 + exp(-a[1])), o = 1 / (1 + exp(-a[3]));
                c[n * H + k] = f * c[n * H + k] + i * tanh(a[2]);
                next[n * H + k] = o * tanh(c[n * H + k]);
            }
        memcpy(h, next, sizeof next);
        memcpy(y + t * N * H, next, sizeof next);
    }
}

static tuff_val part(struct tuff_graph *g, tuff_val gates, uint32_t k)
{
    return tuff_slice(g, gates, (const uint32_t[]){0, k * H}, (const int32_t[]){1, 1}, (const uint32_t[]){N, H});
}

/* The same as a graph without a loop. */
static struct tuff_recurrent lstm_written_out(struct tuff_graph *g, const tuff_val *in, bool reverse)
{
    struct tuff_recurrent r = {0};
    tuff_val h = in[H_0], c = in[C_0], steps[T];
    struct tuff_matmul_params turned = {.transpose_b = true};
    for (uint32_t round = 0; round < T; round++) {
        uint32_t t = reverse ? T - 1 - round : round;
        tuff_val x = tuff_slice(g, in[X], (const uint32_t[]){t, 0, 0}, (const int32_t[]){1, 1, 1},
                                (const uint32_t[]){1, N, E});
        tuff_val gates = tuff_matmul(g, tuff_reshape(g, x, TUFF_SHAPE(N, E)), in[W_IH], turned);
        gates = tuff_add(g, tuff_add(g, gates, in[BIAS]), tuff_matmul(g, h, in[W_HH], turned));
        c = tuff_add(g, tuff_mul(g, tuff_sigmoid(g, part(g, gates, 1)), c),
                     tuff_mul(g, tuff_sigmoid(g, part(g, gates, 0)), tuff_tanh(g, part(g, gates, 2))));
        h = tuff_mul(g, tuff_sigmoid(g, part(g, gates, 3)), tuff_tanh(g, c));
        steps[t] = tuff_reshape(g, h, TUFF_SHAPE(1, N, H));
    }
    r.h = tuff_concat(g, steps, T, 0);
    r.h_n = h;
    r.c_n = c;
    return r;
}

enum { RESULTS = 3 + LEAVES };

/* h, h_n, c_n, and the gradients of a weighted sum of them by all leaves. */
static struct tuff_graph *lstm_graph(struct scan_test *t, bool loop, bool reverse, tuff_val *in, tuff_val *out)
{
    struct tuff_graph *g = fresh(t);
    char name[16];
    for (int k = 0; k < LEAVES; k++) {
        snprintf(name, sizeof name, "leaf%d", k);
        in[k] = tuff_input(g, name, TUFF_F32, leaf_shapes[k]);
    }
    struct tuff_recurrent_params p = {.struct_size = sizeof p,
                                      .w_ih = in[W_IH],
                                      .w_hh = in[W_HH],
                                      .b_ih = in[BIAS],
                                      .h_0 = in[H_0],
                                      .c_0 = in[C_0],
                                      .reverse = reverse};
    struct tuff_recurrent r = loop ? tuff_recurrent(g, in[X], &p) : lstm_written_out(g, in, reverse);
    tuff_val weights = tuff_input(g, "weights", TUFF_F32, TUFF_SHAPE(T, N, H));
    tuff_val loss = tuff_sum(g, tuff_mul(g, r.h, weights), 0, TUFF_DROP_AXES);
    loss = tuff_add(g, loss, tuff_sum(g, tuff_add(g, tuff_square(g, r.h_n), r.c_n), 0, TUFF_DROP_AXES));
    out[0] = r.h, out[1] = r.h_n, out[2] = r.c_n;
    tuff_gradients(g, loss, 0, in, LEAVES, out + 3);
    struct tuff_error error = {0};
    backend_status(&t->test, "lstm", TUFF_OK, tuff_graph_finish(g, &error), &error);
    return g;
}

static bool is_near(const double *a, const double *b, uint64_t count, double bound)
{
    for (uint64_t i = 0; i < count; i++)
        if (!(fabs(a[i] - b[i]) <= bound * (1 + fabs(b[i])))) return false;
    return true;
}

static void test_lstm(struct scan_test *t, bool reverse)
{
    tuff_val in[LEAVES], out[RESULTS], flat_in[LEAVES], flat_out[RESULTS];
    struct tuff_graph *g = lstm_graph(t, true, reverse, in, out), *flat = lstm_graph(t, false, reverse, flat_in, flat_out);
    double y[T * N * H], h[N * H], c[N * H], *got[RESULTS] = {0};
    if (g->status != TUFF_OK || flat->status != TUFF_OK) exit(1);
    double **data = fill(t, g, false), **flat_data = tuff_reference_create(flat), **bound = tuff_reference_create(flat);
    for (tuff_val v = 1; v < flat->count; v++)
        if (flat->values[v].op->kind == TUFF_KIND_INPUT)
            flat_data[v] = memcpy(tuff_alloc(t->test.context, (size_t)tuff_shape_count(&flat->values[v].type.shape) * 8),
                                  data[tuff_graph_find(g, flat->values[v].name)],
                                  (size_t)tuff_shape_count(&flat->values[v].type.shape) * 8);
    bool ok = tuff_reference_run(g, data) == TUFF_OK && tuff_reference_run(flat, flat_data) == TUFF_OK &&
              op_bound_run(flat, flat_data, bound);
    const double *leaves[LEAVES];
    for (int k = 0; k < LEAVES; k++) leaves[k] = data[in[k]];
    lstm_by_hand(leaves, reverse, y, h, c);
    backend_check(&t->test,
                  is_near(data[out[0]], y, T * N * H, 1e-12) && is_near(data[out[1]], h, N * H, 1e-12) &&
                      is_near(data[out[2]], c, N * H, 1e-12),
                  "lstm%s: the loop's definition is not the one by hand", reverse ? ", reverse" : "");
    struct op_run run = {.outputs = out, .count = RESULTS, .got = got};
    uint64_t before = atomic_load(&t->test.device->queue.submitted);
    ok = ok && op_run_graph(t->test.device, g, data, &run);
    backend_check(&t->test, ok, "lstm: did not run");
    uint64_t made = atomic_load(&t->test.device->queue.submitted) -
                    before; /* of that run, and what writes and reads leaves */
    backend_check(&t->test, t->slow ? made > 40 : made < 30, "lstm: %llu submissions of %u launches",
                  (unsigned long long)made, run.counts.launches);
    struct op_totals totals = {0};
    for (int k = 0; k < RESULTS && ok; k++) {
        char what[100];
        uint64_t count = tuff_shape_count(&g->values[out[k]].type.shape);
        snprintf(what, sizeof what, "%s, lstm%s, result %d", t->how, reverse ? " in reverse" : "", k);
        backend_check(&t->test, is_near(data[out[k]], flat_data[flat_out[k]], count, 1e-10), "%s: definition differs", what);
        op_compare(flat, flat_out[k], what, flat_data[flat_out[k]], bound[flat_out[k]], got[k], &totals);
    }
    backend_check(&t->test, totals.wrong == 0 && totals.left_out == 0 && totals.compared > 0,
                  "lstm: %llu wrong, %llu left out", (unsigned long long)totals.wrong, (unsigned long long)totals.left_out);
    for (int k = 0; k < RESULTS; k++) tuff_free(t->test.context, got[k]);
    tuff_reference_destroy(flat, bound);
    finish(flat, flat_data);
    finish(g, data);
}

/* ---- everything that a loop binds ------------------------------------------------------------------------------------------------ */

struct shape_case {
    const char *what;
    uint32_t rounds, width;
    bool reverse, gradients;
};

/* Carries: a row and a number, of the last of which no other is kept (unless there are gradients); sequences of f16, i32 and u8, one of
 * them a slice from an odd place; an invariant; a constant of the body; two results a round. All whole numbers: exact. */
static tuff_val mixed(struct tuff_graph *g, const struct shape_case *c, tuff_val *in, tuff_val *out, uint32_t *count)
{
    struct tuff_graph *body = NULL;
    struct tuff_error error;
    if (tuff_graph_create(g->context, &body, &error) != TUFF_OK) return 0;
    uint32_t w = c->width, t = c->rounds;
    static const float numbers[2] = {2, -1};
    tuff_val a = tuff_input(body, "a", TUFF_F32, TUFF_SHAPE(w)), n = tuff_input(body, "n", TUFF_F32, (struct tuff_shape){0});
    tuff_val p = tuff_input(body, "p", TUFF_F16, TUFF_SHAPE(w)), q = tuff_input(body, "q", TUFF_I32, TUFF_SHAPE(w, 1));
    tuff_val u = tuff_input(body, "u", TUFF_F32, TUFF_SHAPE(3)), m = tuff_input(body, "m", TUFF_F32, TUFF_SHAPE(1));
    tuff_val two = tuff_constant(body, (struct tuff_type){TUFF_F32, TUFF_SHAPE(2)}, numbers);
    tuff_val whole = tuff_cast(body, tuff_reshape(body, q, TUFF_SHAPE(w)), TUFF_F32);
    tuff_val first = tuff_add(body, tuff_add(body, tuff_cast(body, p, TUFF_F32), whole),
                              tuff_mul(body, m, tuff_sum(body, u, 0, TUFF_KEEP_AXES)));
    /* Sums that follow from nothing of the round: a device computes them before the rounds. */
    tuff_val places = tuff_cast(body, tuff_iota(body, TUFF_SHAPE(w), 0), TUFF_F32);
    tuff_val fixed = tuff_add(body, tuff_sum(body, places, 0, TUFF_DROP_AXES),
                              tuff_sum(body, tuff_square(body, two), 0, TUFF_DROP_AXES));
    tuff_val other = tuff_add(body, tuff_add(body, n, fixed), tuff_reduce_max(body, whole, 0, TUFF_DROP_AXES));
    tuff_val results[] = {tuff_add(body, tuff_neg(body, a), first), other, tuff_mul(body, two, other), a};
    in[0] = tuff_input(g, "a0", TUFF_F32, TUFF_SHAPE(w + 3));
    in[1] = tuff_input(g, "p", TUFF_F16, TUFF_SHAPE(t, w));
    in[2] = tuff_input(g, "q", TUFF_I32, TUFF_SHAPE(t + 1, w, 1));
    in[3] = tuff_input(g, "u", TUFF_F32, TUFF_SHAPE(t, 3));
    in[4] = tuff_input(g, "m", TUFF_F32, TUFF_SHAPE(1));
    tuff_val carries[] = {tuff_slice(g, in[0], (const uint32_t[]){3}, (const int32_t[]){1}, (const uint32_t[]){w}),
                          tuff_full(g, TUFF_F32, (struct tuff_shape){0}, 3)};
    tuff_val sequences[] = {
        in[1], tuff_slice(g, in[2], (const uint32_t[]){1, 0, 0}, (const int32_t[]){1, 1, 1}, (const uint32_t[]){t, w, 1}),
        tuff_affine(g, in[3], 2, 1)};
    struct tuff_scan_params params = {.struct_size = sizeof params,
                                      .body = &body,
                                      .outputs = results,
                                      .output_count = 4,
                                      .carries = carries,
                                      .carry_count = 2,
                                      .sequences = sequences,
                                      .sequence_count = 3,
                                      .invariants = &in[4],
                                      .invariant_count = 1,
                                      .reverse = c->reverse,
                                      .last_only = c->gradients ? 0 : 1};
    tuff_val scan = tuff_scan(g, &params);
    *count = 0;
    out[(*count)++] = tuff_scan_all(g, scan, 0);
    out[(*count)++] = tuff_scan_all(g, scan, 2);
    out[(*count)++] = tuff_scan_all(g, scan, 3);
    out[(*count)++] = tuff_scan_last(g, scan, 0);
    out[(*count)++] = tuff_affine(g, tuff_scan_last(g, scan, 1), 3, 0);
    if (!c->gradients) return scan;
    tuff_val loss = tuff_add(g, tuff_sum(g, tuff_mul(g, out[0], tuff_cast(g, in[1], TUFF_F32)), 0, TUFF_DROP_AXES),
                             tuff_add(g, tuff_sum(g, out[2], 0, TUFF_DROP_AXES), out[4]));
    const tuff_val x[] = {in[0], in[1], in[3], in[4]};
    tuff_gradients(g, loss, 0, x, 4, out + *count);
    *count += 4;
    return scan;
}

static const struct shape_case shape_cases[] = {{"small", 5, 7, false, false},     {"one round", 1, 9, false, true},
                                                {"two rounds", 2, 64, true, true}, {"whole rows", 6, 128, false, true},
                                                {"odd rows", 9, 65, true, true},   {"long rows", 33, 300, true, false}};

static void test_mixed(struct scan_test *t, const struct shape_case *c)
{
    struct tuff_graph *g = fresh(t);
    struct tuff_error error = {0};
    tuff_val in[5], out[9];
    uint32_t count = 0, wrong = 0;
    double *got[9] = {0};
    (void)mixed(g, c, in, out, &count);
    if (!backend_status(&t->test, c->what, TUFF_OK, tuff_graph_finish(g, &error), &error)) return;
    double **data = fill(t, g, true);
    struct op_run run = {.outputs = out, .count = count, .got = got};
    bool ok = tuff_reference_run(g, data) == TUFF_OK && op_run_graph(t->test.device, g, data, &run);
    backend_check(&t->test, ok, "%s, %s: did not run", t->how, c->what);
    for (uint32_t k = 0; k < count && ok; k++)
        for (uint64_t i = 0; i < tuff_shape_count(&g->values[out[k]].type.shape); i++) {
            if (got[k][i] == data[out[k]][i]) continue;
            if (!wrong++)
                printf("%s, %s: result %u[%u]: expected %g, got %g\n", t->how, c->what, k, (unsigned)i, data[out[k]][i],
                       got[k][i]);
        }
    backend_check(&t->test, !wrong, "%s, %s: %u elements are wrong", t->how, c->what, wrong);
    for (uint32_t k = 0; k < count; k++) tuff_free(t->test.context, got[k]);
    /* As text and back: the same text, so the same body. */
    char *text = NULL, *again = NULL;
    struct tuff_graph *back = fresh(t);
    ok = tuff_graph_print(g, &text, &error) == TUFF_OK && tuff_graph_parse(back, text, &error) == TUFF_OK &&
         tuff_graph_print(back, &again, &error) == TUFF_OK && !strcmp(text, again);
    backend_check(&t->test, ok, "%s: the text does not come back: %s", c->what, error.message);
    tuff_text_free(t->test.context, text);
    tuff_text_free(t->test.context, again);
    tuff_graph_destroy(back);
    finish(g, data);
}

/* ---- a thousand steps ---------------------------------------------------------------------------------------------------------------- */

struct size {
    uint32_t launches, kernels;
    size_t text;
};

/* The plan of a training step over so many rows. */
static struct size plan_of(struct scan_test *t, uint32_t rounds)
{
    struct tuff_graph *g = fresh(t);
    struct tuff_error error = {0};
    struct size size = {0};
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(rounds, 2, 5)),
             y = tuff_layer_recurrent(g, x, "lstm", (struct tuff_layer_recurrent_params){.units = 8}).h, out[4];
    out[0] = tuff_sum(g, tuff_square(g, y), 0, TUFF_DROP_AXES);
    const tuff_val leaves[] = {tuff_graph_find(g, "lstm.weight_ih_l0"), tuff_graph_find(g, "lstm.weight_hh_l0"),
                               tuff_graph_find(g, "lstm.bias_ih_l0")};
    tuff_gradients(g, out[0], 0, leaves, 3, out + 1);
    struct tuff_caps caps = *tuff_device_caps(t->test.device);
    struct tuff_compile_params params = {.graph = g, .outputs = out, .output_count = 4, .caps = &caps};
    struct tuff_compiled compiled;
    if (backend_status(&t->test, "plan", TUFF_OK, tuff_compile(&params, &compiled, &error), &error)) {
        struct tuff_text text;
        tuff_text_init(&text, t->test.context);
        tuff_plan_print(&compiled.plan, &text);
        size = (struct size){compiled.plan.launch_count, compiled.plan.kernel_count, text.length};
        backend_check(&t->test, compiled.plan.loop_count == 2, "%u steps: expected two loops, got %u", rounds,
                      compiled.plan.loop_count);
        backend_check(&t->test, tuff_plan_run_length(&compiled.plan) >= 4 * (uint64_t)rounds,
                      "%u steps: too few launches in a run", rounds);
        tuff_text_finish(&text);
        tuff_plan_finish(&compiled.plan);
    }
    tuff_graph_destroy(g);
    return size;
}

static void test_thousand(struct scan_test *t)
{
    struct size ten = plan_of(t, 10), thousand = plan_of(t, 1000);
    backend_check(&t->test,
                  ten.launches && ten.launches == thousand.launches && ten.kernels == thousand.kernels &&
                      thousand.text < ten.text * 11 / 10,
                  "10 and 1000 steps: expected plans alike, got %u and %u launches, %u and %u kernels, %zu and %zu bytes",
                  ten.launches, thousand.launches, ten.kernels, thousand.kernels, ten.text, thousand.text);
    struct tuff_graph *g = fresh(t);
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(1000, 1, 2)), w = tuff_input(g, "w", TUFF_F32, TUFF_SHAPE(12, 2)),
             v = tuff_input(g, "v", TUFF_F32, TUFF_SHAPE(12, 3)), out[2];
    struct tuff_recurrent_params p = {.struct_size = sizeof p, .w_ih = w, .w_hh = v};
    out[0] = tuff_recurrent(g, x, &p).h;
    tuff_gradients(g, tuff_sum(g, out[0], 0, TUFF_DROP_AXES), 0, &x, 1, out + 1);
    double **data = fill(t, g, false), *got[2] = {0};
    struct op_run run = {.outputs = out, .count = 2, .got = got};
    bool ok = tuff_reference_run(g, data) == TUFF_OK && op_run_graph(t->test.device, g, data, &run);
    /* Gates between 0 and 1 forget: errors of a step, a few units of 2^-24, do not add up beyond some tens of steps. */
    ok = ok && is_near(got[0], data[out[0]], 3000, 1e-5) && is_near(got[1], data[out[1]], 2000, 1e-4);
    backend_check(&t->test, ok, "1000 steps: results differ from the definition");
    for (int k = 0; k < 2; k++) tuff_free(t->test.context, got[k]);
    finish(g, data);
}

/* What a loop reads is memory: bytes are made wide before it. */
static void test_bytes(struct scan_test *t)
{
    struct tuff_graph *g = fresh(t);
    tuff_val in[3] = {tuff_input(g, "x", TUFF_I8, TUFF_SHAPE(6, 3, 40)), tuff_input(g, "w", TUFF_I8, TUFF_SHAPE(64, 40)),
                      tuff_input(g, "v", TUFF_I8, TUFF_SHAPE(64, 16))},
             wide[3];
    for (int i = 0; i < 3; i++) wide[i] = tuff_affine(g, tuff_cast(g, in[i], TUFF_F32), 0.03125, 0);
    struct tuff_recurrent_params p = {.struct_size = sizeof p, .w_ih = wide[1], .w_hh = wide[2]};
    tuff_val out = tuff_recurrent(g, wide[0], &p).h;
    double **data = fill(t, g, true), *got = NULL;
    struct op_run run = {.outputs = &out, .count = 1, .got = &got};
    bool ok = tuff_reference_run(g, data) == TUFF_OK && op_run_graph(t->test.device, g, data, &run);
    backend_check(&t->test, ok && is_near(got, data[out], 6 * 3 * 16, 1e-5),
                  "%s: a loop over bytes differs from the definition", t->how);
    tuff_free(t->test.context, got);
    finish(g, data);
}

/* ---- it trains ----------------------------------------------------------------------------------------------------------------------- */

enum { STEPS = 6, SAMPLES = 128 };

/* The class is the sign of the first step, which has to be remembered. */
static tuff_val build(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    (void)training, (void)user;
    uint32_t n = tuff_type_of(g, x).shape.dim[0];
    tuff_val y = tuff_layer_recurrent(g, tuff_permute(g, x, (const uint32_t[]){1, 0, 2}), "lstm",
                                      (struct tuff_layer_recurrent_params){.units = 12})
                     .h;
    tuff_val last = tuff_slice(g, y, (const uint32_t[]){STEPS - 1, 0, 0}, (const int32_t[]){1, 1, 1},
                               (const uint32_t[]){1, n, 12});
    return tuff_layer_dense(g, tuff_reshape(g, last, TUFF_SHAPE(n, 12)), "head",
                            (struct tuff_layer_dense_params){.units = 2});
}

static void build_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val y = build(g, n->fields[0], n->training, user);
    tuff_network_classify(g, n, y, n->fields[1], 0);
}

static void test_training(struct scan_test *t)
{
    static float x[SAMPLES][STEPS][2];
    static int32_t labels[SAMPLES];
    struct tuff_error error = {0};
    struct tuff_model *model = NULL;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        for (uint32_t k = 0; k < 2 * STEPS; k++) x[i][k / 2][k % 2] = (float)op_normal(&t->random);
        labels[i] = x[i][0][0] > 0;
        x[i][0][0] += labels[i] ? 0.5f : -0.5f; /* what lies near 0 is learned late */
    }
    struct tuff_model_params params = {.struct_size = sizeof params,
                                       .build = build_model,
                                       .batch = 32,
                                       .seed = 3,
                                       .fields = {TUFF_FIELD("x", TUFF_F32, STEPS, 2), TUFF_LABELS("labels")}};
    struct tuff_data data = {.count = SAMPLES, .fields = {x, labels}};
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .epochs = 100, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.02)};
    struct tuff_metrics metrics = {0};
    bool ok = backend_status(&t->test, "model", TUFF_OK, tuff_model_create(t->test.device, &params, &model, &error),
                             &error) &&
              backend_status(&t->test, "fit", TUFF_OK, tuff_model_fit(model, &data, &fit, &error), &error) &&
              backend_status(&t->test, "evaluate", TUFF_OK, tuff_model_evaluate(model, &data, &metrics, &error), &error);
    backend_check(&t->test, ok && tuff_metrics_get(&metrics, "accuracy") > 0.95,
                  "training: expected nearly all right, got %g of them, loss %g", tuff_metrics_get(&metrics, "accuracy"),
                  metrics.loss);
    tuff_model_destroy(model);
}

/* ---- from a file --------------------------------------------------------------------------------------------------------------------- */

static void test_file(struct scan_test *t)
{
    struct tuff_graph *g = fresh(t);
    struct tuff_error error = {0};
    struct tuff_session *session = NULL;
    struct tuff_executable *made = NULL, *loaded = NULL;
    float in[13 * 2 * 3], before[13 * 2 * 5], after[13 * 2 * 5];
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(13, 2, 3)),
             y = tuff_named(
                 g,
                 tuff_affine(g, tuff_layer_recurrent(g, x, "lstm", (struct tuff_layer_recurrent_params){.units = 5}).h, 2,
                             0),
                 "y");
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
    struct tuff_session_params start = {.struct_size = sizeof start, .seed = 5};
    char path[512];
    for (uint32_t i = 0; i < TUFF_COUNT(in); i++) in[i] = (float)op_normal(&t->random);
    temporary_path("scan.tuff", path, sizeof path);
    bool ok = tuff_session_create(t->test.device, g, &start, &session, &error) == TUFF_OK &&
              tuff_session_compile(session, &params, &made, &error) == TUFF_OK &&
              tuff_executable_set(made, "x", in, sizeof in, &error) == TUFF_OK &&
              tuff_executable_run(made, &error) == TUFF_OK &&
              tuff_executable_get(made, "y", before, sizeof before, &error) == TUFF_OK &&
              tuff_executable_save(made, path, &error) == TUFF_OK &&
              tuff_executable_load(t->test.device, path, NULL, &loaded, &error) == TUFF_OK &&
              tuff_executable_set(loaded, "x", in, sizeof in, &error) == TUFF_OK &&
              tuff_executable_run(loaded, &error) == TUFF_OK &&
              tuff_executable_get(loaded, "y", after, sizeof after, &error) == TUFF_OK;
    backend_check(&t->test, ok && !memcmp(before, after, sizeof before), "from a file: expected the same bits: %s",
                  error.message);
    (void)remove(path);
    tuff_executable_destroy(loaded);
    tuff_executable_destroy(made);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------------------ */

enum refusal {
    PARAMETER,
    NESTED,
    CARRY_SHAPE,
    CARRY_TYPE,
    OPERANDS,
    ROUNDS,
    RESULT,
    NO_BODY,
    RING_GRADIENT,
    WHICH,
    REFUSALS
};

static void add_refused(struct tuff_graph *g, enum refusal what)
{
    struct tuff_graph *body = NULL;
    struct tuff_error error;
    if (tuff_graph_create(g->context, &body, &error) != TUFF_OK) return;
    tuff_val c = tuff_input(body, "c", TUFF_F32, TUFF_SHAPE(4)), x = tuff_input(body, "x", TUFF_F32, TUFF_SHAPE(4)),
             y = tuff_add(body, c, x);
    tuff_val sequence = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(3, 4)), carry = tuff_input(g, "c", TUFF_F32, TUFF_SHAPE(4));
    struct tuff_scan_params params = {.struct_size = sizeof params,
                                      .body = &body,
                                      .outputs = &y,
                                      .output_count = 1,
                                      .carries = &carry,
                                      .carry_count = 1,
                                      .sequences = &sequence,
                                      .sequence_count = 1};
    if (what == PARAMETER) y = tuff_add(body, y, tuff_param(body, "w", TUFF_SHAPE(4), (struct tuff_init){0}));
    if (what == NESTED) {
        struct tuff_graph *inner = NULL;
        if (tuff_graph_create(g->context, &inner, &error) != TUFF_OK) return;
        tuff_val z = tuff_neg(inner, tuff_input(inner, "z", TUFF_F32, TUFF_SHAPE(4)));
        struct tuff_scan_params p = {.struct_size = sizeof p,
                                     .body = &inner,
                                     .outputs = &z,
                                     .output_count = 1,
                                     .carries = &y,
                                     .carry_count = 1,
                                     .rounds = 2};
        y = tuff_scan_last(body, tuff_scan(body, &p), 0);
    }
    if (what == CARRY_SHAPE) y = tuff_sum(body, y, 0, TUFF_KEEP_AXES);
    if (what == CARRY_TYPE) y = tuff_cast(body, y, TUFF_F16);
    if (what == OPERANDS) params.invariants = &carry, params.invariant_count = 1;
    if (what == ROUNDS) params.rounds = 4;
    if (what == RESULT) y = 1000;
    if (what == NO_BODY) tuff_graph_destroy(body), body = NULL;
    if (what == RING_GRADIENT) params.last_only = 1;
    tuff_val scan = tuff_scan(g, &params), last = tuff_scan_last(g, scan, what == WHICH ? 1 : 0), gx;
    if (what == RING_GRADIENT) tuff_gradients(g, tuff_sum(g, last, 0, TUFF_DROP_AXES), 0, &carry, 1, &gx);
}

static void test_refusals(struct scan_test *t)
{
    for (int what = 0; what < REFUSALS; what++) {
        struct tuff_graph *g = fresh(t);
        struct tuff_error error = {0};
        add_refused(g, (enum refusal)what);
        bool refused = tuff_graph_finish(g, &error) != TUFF_OK;
        backend_check(&t->test, refused && (strstr(error.message, "scan") || strstr(error.message, "body")),
                      "refusal %d: expected a sentence, got '%s'", what, error.message);
        tuff_graph_destroy(g);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *how;
        uint32_t debug;
        const char *limits;
    } ways[] = {{"as it is", 0, NULL},
                {"unfused", TUFF_DEBUG_NOFUSE | TUFF_DEBUG_NOSIMPLIFY, NULL},
                {"without a compiler", TUFF_DEBUG_NOCOMPILER, NULL},
                {"cut", 0, "flops=500"}};
    struct scan_test t = {.random = op_random_start(argc, argv)};
    int status = 0;
    for (uint32_t i = 0; i < TUFF_COUNT(ways) && status == 0; i++) {
        struct tuff_options options = {.struct_size = sizeof options, .debug = ways[i].debug, .limits = ways[i].limits};
        t.how = ways[i].how;
        t.slow = ways[i].limits != NULL;
        status = backend_test_begin(&t.test, &options);
        if (status) return status;
        for (uint32_t c = 0; c < 2; c++) /* compiling takes nearly all of the time: the other ways take turns */
            if (i == 0 || c == i % 2) test_lstm(&t, c == 1);
        for (uint32_t c = 0; c < TUFF_COUNT(shape_cases); c++)
            if (i == 0 || c % 3 == i % 3) test_mixed(&t, &shape_cases[c]);
        if (i == 0) {
            test_bytes(&t);
            test_thousand(&t);
            test_training(&t);
            test_file(&t);
            test_refusals(&t);
        }
        status = backend_test_end(&t.test, ways[i].how);
    }
    return status;
}
