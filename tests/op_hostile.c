/* op_hostile.c - indices that nobody would ask for: every operator of the table that reads indices, with numbers far outside, at
 * both ends of i32 and from floats that no whole number holds. Results are those of the definition (clamped, or nothing), also in
 * gradients, what is not named stays as it was, and the device goes on. */
#include "graph/dtype.h"
#include "graph/train/optimizer.h"
#include "tests/backend_help.h"
#include "tests/op_bound.h"
#include "tests/op_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double hostile[] = {INT32_MIN, INT32_MAX, -1, INT32_MIN + 1.0, 1e9, -1e9, 0, 1 << 24, -(1 << 16), 65536, -2, 3};

struct hostile_test {
    struct backend_test test;
    struct op_random random;
    uint32_t operators;
};

/* Runs and compares outputs[count]; data is filled but for what follows from the inputs. */
static void run_and_compare(struct hostile_test *t, struct tuff_graph *g, const char *what, const tuff_val *outputs,
                            uint32_t count, double **data, double **got)
{
    double **bound = tuff_reference_create(g);
    struct op_run run = {.outputs = outputs, .count = count, .got = got};
    struct op_totals totals = {0};
    bool ok = bound && tuff_graph_finish(g, NULL) == TUFF_OK && tuff_reference_run(g, data) == TUFF_OK &&
              op_bound_run(g, data, bound) && op_run_graph(t->test.device, g, data, &run);
    backend_check(&t->test, ok, "%s: did not run", what);
    for (uint32_t i = 0; ok && i < count; i++)
        op_compare(g, outputs[i], what, data[outputs[i]], bound[outputs[i]], got[i], &totals);
    backend_check(&t->test, !ok || (totals.wrong == 0 && totals.compared > 0), "%s: %llu of %llu elements are wrong", what,
                  (unsigned long long)totals.wrong, (unsigned long long)totals.compared);
    if (bound) tuff_reference_destroy(g, bound);
}

static void fill_hostile(const struct tuff_graph *g, tuff_val v, double *to)
{
    for (uint64_t i = tuff_shape_count(&g->values[v].type.shape); i-- > 0;)
        to[i] = tuff_dtype_number(g->values[v].type.dtype, hostile[i % TUFF_COUNT(hostile)]);
}

/* ---- the table -------------------------------------------------------------------------------------------------------------- */

static bool reads_indices(const struct tuff_op *op)
{
    bool any = false;
    for (uint32_t c = 0; c < op_case_count(op); c++)
        for (uint32_t k = 0; k < op_case(op, c)->in_count; k++) any = any || op_case(op, c)->domain[k] == TUFF_DOMAIN_INDEX;
    return any;
}

static void test_operator(struct hostile_test *t, const struct tuff_op *op)
{
    struct tuff_graph *g = NULL;
    struct op_case_values *cases = tuff_alloc(t->test.context, op_case_count(op) * sizeof *cases);
    tuff_val outputs[64];
    double *got[64] = {NULL}, **data = NULL;
    uint32_t count = 0;
    bool ok = cases && tuff_graph_create(t->test.context, &g, NULL) == TUFF_OK;
    for (uint32_t c = 0; ok && c < op_case_count(op); c++) {
        ok = op_add_case(g, op, op_case(op, c), c, op->grad != NULL, &cases[c]);
        if (count + 7 > TUFF_COUNT(outputs)) continue;
        outputs[count++] = cases[c].y;
        for (int k = 0; k < 6; k++)
            if (cases[c].gx[k]) outputs[count++] = cases[c].gx[k];
    }
    data = ok ? tuff_reference_create(g) : NULL;
    ok = data && op_fill_cases(&t->random, g, op, cases, data);
    for (uint32_t c = 0; ok && c < op_case_count(op); c++)
        for (uint32_t k = 0; k < op_case(op, c)->in_count; k++)
            if (op_case(op, c)->domain[k] == TUFF_DOMAIN_INDEX) fill_hostile(g, cases[c].in[k], data[cases[c].in[k]]);
    backend_check(&t->test, ok, "%s: no graph", op->name);
    if (ok) run_and_compare(t, g, op->name, outputs, count, data, got);
    for (uint32_t i = 0; i < count; i++) tuff_free(t->test.context, got[i]);
    if (data) tuff_reference_destroy(g, data);
    tuff_graph_destroy(g);
    tuff_free(t->test.context, cases);
    t->operators++;
}

/* ---- what is made of them, and what must stay untouched -------------------------------------------------------------------------- */

enum { ROWS = 7, WIDTH = 5, COUNT = TUFF_COUNT(hostile), NAN_ROW = 3, LINE = 9 };

static tuff_val input(struct hostile_test *t, struct tuff_graph *g, double **data, const char *name, enum tuff_dtype dtype,
                      struct tuff_shape shape)
{
    tuff_val v = tuff_input(g, name, dtype, shape);
    data[v] = tuff_alloc(t->test.context, (size_t)tuff_shape_count(&shape) * sizeof **data);
    for (uint64_t i = tuff_shape_count(&shape); i-- > 0;) data[v][i] = (double)(float)op_normal(&t->random);
    if (dtype == TUFF_I32) fill_hostile(g, v, data[v]);
    return v;
}

/* Row NAN_ROW holds NaN; the indices name the first and the last row, after clamping, and one more. */
static void test_neighbours(struct hostile_test *t)
{
    struct tuff_graph *g = NULL;
    double *data[64] = {NULL}, *got[4] = {NULL};
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) exit(1);
    tuff_val x = input(t, g, data, "x", TUFF_F32, TUFF_SHAPE(ROWS, WIDTH));
    tuff_val indices = input(t, g, data, "indices", TUFF_I32, TUFF_SHAPE(COUNT));
    tuff_val source = input(t, g, data, "source", TUFF_F32, TUFF_SHAPE(COUNT, WIDTH));
    tuff_val wide = tuff_expand(g, tuff_reshape(g, indices, TUFF_SHAPE(COUNT, 1)), TUFF_SHAPE(COUNT, WIDTH));
    for (int i = 0; i < WIDTH; i++) data[x][NAN_ROW * WIDTH + i] = NAN;
    for (int k = 0; k < COUNT; k++) /* the one that names row NAN_ROW */
        for (int i = 0; i < WIDTH; i++) data[source][k * WIDTH + i] = hostile[k] == NAN_ROW ? NAN : 1;
    tuff_val outputs[3] = {tuff_gather(g, x, indices, 0), tuff_gather_elements(g, x, wide, 0),
                           tuff_scatter_add(g, tuff_full(g, TUFF_F32, TUFF_SHAPE(ROWS, WIDTH), 0), wide, source, 0)};
    struct op_run run = {.outputs = outputs, .count = 3, .got = got};
    backend_check(&t->test, op_run_graph(t->test.device, g, data, &run), "neighbours: did not run");
    double sums[ROWS] = {0};
    for (int k = 0; got[2] && k < COUNT; k++) {
        double row = hostile[k] < 0 ? hostile[k] + ROWS : hostile[k];
        row = row < 0 ? 0 : row >= ROWS ? ROWS - 1 : row;
        sums[(int)row] += row == NAN_ROW ? NAN : 1;
        for (int i = 0; i < WIDTH; i++)
            for (int o = 0; o < 2; o++) {
                double wanted = data[x][(int)row * WIDTH + i], found = got[o][k * WIDTH + i];
                backend_check(&t->test, found == wanted || (isnan(wanted) && isnan(found)),
                              "%s: row of index %.0f: expected row %.0f, %g, got %g", o ? "gather_elements" : "gather",
                              hostile[k], row, wanted, found);
            }
    }
    for (int r = 0; got[2] && r < ROWS; r++)
        for (int i = 0; i < WIDTH; i++) {
            double found = got[2][r * WIDTH + i];
            backend_check(&t->test, found == sums[r] || (isnan(sums[r]) && isnan(found)),
                          "scatter_add: row %d: expected %g, got %g", r, sums[r], found);
        }
    for (int i = 0; i < 3; i++) tuff_free(t->test.context, got[i]);
    for (size_t i = 0; i < TUFF_COUNT(data); i++) tuff_free(t->test.context, data[i]);
    tuff_graph_destroy(g);
}

/* Whole numbers made of floats that none holds, and what reads them. */
static void test_floats(struct hostile_test *t)
{
    static const double floats[COUNT] = {NAN,           INFINITY, -INFINITY, 1e30,  -1e30, 2147483648.0,
                                         -2147483648.0, -0.5,     6.9,       1e-40, -NAN,  2147483520.0};
    static const double wanted[COUNT] = {0,         INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN, INT32_MAX,
                                         INT32_MIN, 0,         6,         0,         0,         2147483520.0};
    struct tuff_graph *g = NULL;
    double *data[64] = {NULL}, *got[3] = {NULL};
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) exit(1);
    tuff_val f = input(t, g, data, "f", TUFF_F32, TUFF_SHAPE(COUNT)), x = input(t, g, data, "x", TUFF_F32, TUFF_SHAPE(ROWS));
    memcpy(data[f], floats, sizeof floats);
    tuff_val whole = tuff_cast(g, f, TUFF_I32);
    tuff_val outputs[3] = {whole, tuff_gather(g, x, whole, 0), tuff_cast(g, f, TUFF_U8)};
    struct op_run run = {.outputs = outputs, .count = 3, .got = got};
    backend_check(&t->test, op_run_graph(t->test.device, g, data, &run), "floats: did not run");
    for (int i = 0; got[2] && i < COUNT; i++) {
        double row = wanted[i] < 0 ? 0 : wanted[i] >= ROWS ? ROWS - 1 : wanted[i];
        double small = wanted[i] < 0 ? 0 : wanted[i] > 255 ? 255 : wanted[i];
        backend_check(&t->test, got[0][i] == wanted[i], "%g as i32: expected %.0f, got %.0f", floats[i], wanted[i],
                      got[0][i]);
        backend_check(&t->test, got[1][i] == data[x][(int)row], "gather by %g: expected element %.0f", floats[i], row);
        backend_check(&t->test, got[2][i] == small, "%g as u8: expected %.0f, got %.0f", floats[i], small, got[2][i]);
    }
    for (int i = 0; i < 3; i++) tuff_free(t->test.context, got[i]);
    for (size_t i = 0; i < TUFF_COUNT(data); i++) tuff_free(t->test.context, data[i]);
    tuff_graph_destroy(g);
}

/* Places of all elements of a line with NaNs: a permutation, NaNs as the largest. */
static void test_topk(struct hostile_test *t)
{
    static const double line[LINE] = {1, NAN, -0.0, INFINITY, 0, -NAN, -5, -INFINITY, 1};
    static const double falling[LINE] = {1, 5, 3, 0, 8, 2, 4, 6, 7}, rising[LINE] = {7, 6, 2, 4, 0, 8, 3, 1, 5};
    struct tuff_graph *g = NULL;
    double *data[64] = {NULL}, *got[3] = {NULL};
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) exit(1);
    tuff_val x = input(t, g, data, "x", TUFF_F32, TUFF_SHAPE(LINE));
    memcpy(data[x], line, sizeof line);
    tuff_val outputs[3] = {tuff_topk_indices(g, x, (struct tuff_topk_params){.k = LINE}),
                           tuff_topk_indices(g, x, (struct tuff_topk_params){.k = LINE, .smallest = true}),
                           tuff_argmax(g, x, 0, TUFF_KEEP_AXES)};
    struct op_run run = {.outputs = outputs, .count = 3, .got = got};
    double **reference = tuff_reference_create(g);
    reference[x] = tuff_alloc(t->test.context, sizeof line);
    memcpy(reference[x], line, sizeof line);
    bool ok = tuff_reference_run(g, reference) == TUFF_OK && op_run_graph(t->test.device, g, data, &run);
    backend_check(&t->test, ok, "topk: did not run");
    for (int i = 0; ok && i < LINE; i++) {
        backend_check(&t->test, got[0][i] == falling[i] && reference[outputs[0]][i] == falling[i],
                      "topk, place %d: expected %.0f, got %.0f, reference %.0f", i, falling[i], got[0][i],
                      reference[outputs[0]][i]);
        backend_check(&t->test, got[1][i] == rising[i] && reference[outputs[1]][i] == rising[i],
                      "topk, smallest, place %d: expected %.0f, got %.0f, reference %.0f", i, rising[i], got[1][i],
                      reference[outputs[1]][i]);
    }
    backend_check(&t->test, !ok || (got[2][0] >= 0 && got[2][0] < LINE), "argmax: expected a place of the line");
    for (int i = 0; i < 3; i++) tuff_free(t->test.context, got[i]);
    tuff_free(t->test.context, data[x]);
    tuff_reference_destroy(g, reference);
    tuff_graph_destroy(g);
}

/* Labels of no class, and the gradient of the logits by them. */
static void test_labels(struct hostile_test *t)
{
    const struct tuff_cross_entropy_params params[] = {{.reduction = TUFF_REDUCE_MEAN},
                                                       {.reduction = TUFF_REDUCE_NONE, .label_smoothing = 0.1},
                                                       {.use_ignore_index = true, .ignore_index = INT32_MIN}};
    struct tuff_graph *g = NULL;
    double *got[16] = {NULL};
    tuff_val outputs[16];
    uint32_t count = 0;
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) exit(1);
    double *filled[64] = {NULL};
    tuff_val logits = input(t, g, filled, "logits", TUFF_F32, TUFF_SHAPE(COUNT, ROWS));
    tuff_val labels = input(t, g, filled, "labels", TUFF_I32, TUFF_SHAPE(COUNT));
    outputs[count++] = tuff_one_hot(g, labels, ROWS);
    for (size_t i = 0; i < TUFF_COUNT(params); i++) {
        tuff_val loss = outputs[count++] = tuff_cross_entropy(g, logits, labels, params[i]);
        tuff_gradients(g, loss, 0, &logits, 1, &outputs[count++]);
    }
    double **data = tuff_reference_create(g);
    data[logits] = filled[logits];
    data[labels] = filled[labels];
    run_and_compare(t, g, "labels", outputs, count, data, got);
    for (int k = 0; got[0] && k < COUNT; k++)
        for (int i = 0; i < ROWS; i++)
            backend_check(&t->test, got[0][k * ROWS + i] == (hostile[k] == i), "one_hot of %.0f, place %d: got %g",
                          hostile[k], i, got[0][k * ROWS + i]);
    for (uint32_t i = 0; i < count; i++) tuff_free(t->test.context, got[i]);
    tuff_reference_destroy(g, data);
    tuff_graph_destroy(g);
}

/* Classes masked by -inf cost nothing and get no gradient; the others are as if there were no others (PyTorch's cross_entropy). */
static void test_masked(struct hostile_test *t)
{
    static const double logits[3][4] = {
        {1, -INFINITY, 2, 0.5}, {-INFINITY, -3, -INFINITY, -INFINITY}, {90, 80, -INFINITY, 85}};
    static const double labels[3] = {0, 1, 3};
    struct tuff_graph *g = NULL;
    double *data[64] = {NULL}, *got[2] = {NULL};
    tuff_val outputs[2];
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) exit(1);
    tuff_val x = input(t, g, data, "logits", TUFF_F32, TUFF_SHAPE(3, 4)),
             at = input(t, g, data, "labels", TUFF_I32, TUFF_SHAPE(3));
    memcpy(data[x], logits, sizeof logits);
    memcpy(data[at], labels, sizeof labels);
    outputs[0] = tuff_cross_entropy(g, x, at, (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_NONE});
    tuff_gradients(g, tuff_sum(g, outputs[0], 0, TUFF_DROP_AXES), 0, &x, 1, &outputs[1]);
    struct op_run run = {.outputs = outputs, .count = 2, .got = got};
    bool ok = op_run_graph(t->test.device, g, data, &run);
    backend_check(&t->test, ok, "masked classes: did not run");
    for (int n = 0; ok && n < 3; n++) {
        double sum = 0;
        int label = (int)labels[n];
        for (int c = 0; c < 4; c++) sum += exp(logits[n][c] - logits[n][label]);
        backend_check(&t->test, fabs(got[0][n] - log(sum)) < 1e-5 * (1 + log(sum)),
                      "masked classes, row %d: expected %g, got %g", n, log(sum), got[0][n]);
        for (int c = 0; c < 4; c++) {
            double wanted = exp(logits[n][c] - logits[n][label]) / sum - (c == label);
            backend_check(&t->test, fabs(got[1][4 * n + c] - wanted) < 1e-5,
                          "masked classes, gradient of %d %d: expected %g, got %g", n, c, wanted, got[1][4 * n + c]);
        }
    }
    for (int i = 0; i < 2; i++) tuff_free(t->test.context, got[i]);
    for (size_t i = 0; i < TUFF_COUNT(data); i++) tuff_free(t->test.context, data[i]);
    tuff_graph_destroy(g);
}

/* The row of step sizes is chosen by a state, which an app can write or a file may hold. */
static void test_cursor(struct hostile_test *t)
{
    struct tuff_optimizer_params params = tuff_optimizer_defaults(TUFF_ADAM, 0.1);
    for (uint32_t k = 0; k < COUNT; k++) {
        struct tuff_optimizer optimizer = {0};
        struct tuff_graph *g = NULL;
        double *data[512] = {NULL}, *got[1 + TUFF_OPTIMIZER_UPDATES] = {NULL};
        if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) exit(1);
        tuff_val w = tuff_param(g, "w", TUFF_SHAPE(WIDTH), (struct tuff_init){TUFF_INIT_CONSTANT, 1, 0, NULL, 0});
        tuff_val loss = tuff_sum(g, tuff_square(g, w), 0, TUFF_DROP_AXES);
        tuff_optimizer_build(g, &(struct tuff_optimizer_plan){.loss = loss, .weight = 1}, &params, &optimizer);
        if (!backend_check(&t->test, g->count <= TUFF_COUNT(data), "cursor: %u values", (unsigned)g->count)) break;
        data[optimizer.cursor] = tuff_alloc(t->test.context, sizeof **data * 8);
        data[optimizer.cursor][0] = hostile[k];
        tuff_val outputs[1 + TUFF_OPTIMIZER_UPDATES] = {loss};
        memcpy(outputs + 1, optimizer.updates, optimizer.update_count * sizeof *outputs);
        struct op_run run = {.outputs = outputs, .count = 1 + optimizer.update_count, .got = got};
        bool ok = op_run_graph(t->test.device, g, data, &run);
        backend_check(&t->test, ok && got[0][0] == WIDTH, "cursor %.0f: did not run", hostile[k]);
        for (uint32_t i = 0; i < TUFF_COUNT(got); i++) tuff_free(t->test.context, got[i]);
        tuff_free(t->test.context, data[optimizer.cursor]);
        tuff_graph_destroy(g);
    }
}

int main(int argc, char **argv)
{
    struct hostile_test t = {.random = op_random_start(argc, argv)};
    int status = backend_test_begin(&t.test, NULL);
    if (status != 0) return status;
    for (uint32_t i = 0; i < tuff_op_count; i++)
        if (reads_indices(tuff_ops[i])) {
            printf("%s ", tuff_ops[i]->name);
            test_operator(&t, tuff_ops[i]);
        }
    printf("\n");
    test_neighbours(&t);
    test_floats(&t);
    test_topk(&t);
    test_labels(&t);
    test_masked(&t);
    test_cursor(&t);
    backend_check(&t.test, t.operators >= 4, "expected at least 4 operators with indices, got %u", (unsigned)t.operators);
    return backend_test_end(&t.test, "op_hostile");
}
