/* session_counts.c - counts that device memory holds: how many rows a launch writes, which has workgroups for these alone, and where a
 * sum ends. Numbers that are wrong (negative, too large) reach nothing outside. */
#include "tests/backend_help.h"

#include "backend/handover.h"
#include "graph/graph.h"
#include "graph/op.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 9, WIDE = 70, STATE = 12, M = 5, N = 13, MOST = STATE * WIDE };

struct counts_test {
    struct backend_test t;
    float x[ROWS * WIDE], old[STATE * WIDE], a[M * STATE];
};

static void fill(float *to, uint32_t count, uint32_t seed)
{
    for (uint32_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u; /* Numerical Recipes */
        to[i] = (float)(seed >> 8) / 8388608.0f - 1.0f;
    }
}

static void compare(struct backend_test *t, const char *what, int32_t n, const float *got, const double *wanted,
                    uint32_t count)
{
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < count; i++) wrong += !(fabs((double)got[i] - wanted[i]) <= 1e-5 * (1 + fabs(wanted[i])));
    backend_check(t, !wrong, "%s, count %d: %u of %u elements are wrong, as %g for %g", what, (int)n, wrong, count,
                  (double)got[0], wanted[0]);
}

/* rows and their number are inputs; outputs: the state's sum by a counted product, its gradient, and the state itself. */
static void run(struct counts_test *c, int32_t n, int32_t place)
{
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    struct tuff_error error = {0};
    double wanted[3][MOST], *results[3] = {wanted[0], wanted[1], wanted[2]};
    float got[MOST];
    if (tuff_graph_create(c->t.context, &g, &error) != TUFF_OK) abort();
    tuff_val count = tuff_input(g, "count", TUFF_I32, TUFF_SHAPE(1)), at = tuff_input(g, "at", TUFF_I32, TUFF_SHAPE(1));
    tuff_val rows = tuff_input(g, "rows", TUFF_F32, TUFF_SHAPE(ROWS, WIDE)),
             a = tuff_input(g, "a", TUFF_F32, TUFF_SHAPE(M, STATE));
    tuff_val state = tuff_state(g, "state", TUFF_F32, TUFF_SHAPE(STATE, WIDE),
                                (struct tuff_init){.kind = TUFF_INIT_DATA, .data = c->old});
    tuff_val after = tuff_assign_some_rows(g, state, tuff_affine(g, rows, 2, 0), at, count), outputs[3], gradient;
    outputs[0] = tuff_matmul(g, a, after, (struct tuff_matmul_params){.count = count});
    tuff_gradients(g, outputs[0], 0, &a, 1, &gradient);
    outputs[1] = gradient;
    outputs[2] = tuff_affine(g, after, 1, 1);
    const struct tuff_leaf_content leaves[] = {{count, &n}, {at, &place}, {rows, c->x}, {a, c->a}};
    const struct tuff_evaluate_params ask = {.struct_size = sizeof ask,
                                             .outputs = outputs,
                                             .output_count = 3,
                                             .leaves = leaves,
                                             .leaf_count = TUFF_COUNT(leaves)};
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = outputs, .output_count = 3};
    backend_status(&c->t, "evaluate", TUFF_OK, tuff_evaluate(g, &ask, results, &error), &error);
    backend_status(&c->t, "session", TUFF_OK, tuff_session_create(c->t.device, g, NULL, &session, &error), &error);
    if (backend_status(&c->t, "compile", TUFF_OK, tuff_session_compile(session, &params, &x, &error), &error)) {
        const size_t bytes[] = {sizeof n, sizeof place, sizeof c->x, sizeof c->a};
        char *text = NULL;
        for (uint32_t i = 0; i < TUFF_COUNT(leaves); i++)
            backend_status(&c->t, "write", TUFF_OK,
                           tuff_executable_write(x, leaves[i].leaf, leaves[i].data, bytes[i], &error), &error);
        backend_status(&c->t, "run", TUFF_OK, tuff_executable_run(x, &error), &error);
        for (uint32_t i = 0; i < 3; i++) {
            struct tuff_type type = tuff_type_of(g, outputs[i]);
            static const char *const names[] = {"product", "gradient", "state"};
            backend_status(&c->t, "read", TUFF_OK, tuff_executable_read(x, i, got, (size_t)tuff_type_bytes(&type), &error),
                           &error);
            compare(&c->t, names[i], n, got, wanted[i], (uint32_t)tuff_shape_count(&type.shape));
        }
        backend_status(&c->t, "print", TUFF_OK, tuff_executable_print(x, &text, &error), &error);
        backend_check(&c->t, text && strstr(text, ":c:0:12"), "expected a launch whose counts lie in memory");
        tuff_text_free(c->t.context, text);
    }
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* As they stand in op.h's table of attributes: most, each, size, wide. */
struct group_attrs {
    int32_t most, each, size, wide;
};

/* Workgroup counts that a graph's text names itself: those of the same rows and count alone, for this device. */
static void check_groups(struct backend_test *t)
{
    enum { RIGHT, OTHER_COUNT, NO_COUNTS };
    static const struct {
        const char *what;
        struct group_attrs attrs;
        int operand;
        tuff_status wanted;
    } cases[] = {
        {"right ones", {ROWS, WIDE, 64, INT32_MAX}, RIGHT, TUFF_OK},
        {"of more rows", {ROWS + 1, WIDE, 64, 64}, RIGHT, TUFF_ERR_USAGE},
        {"of fewer rows", {ROWS - 1, WIDE, 64, 64}, RIGHT, TUFF_ERR_USAGE},
        {"of longer rows", {ROWS, WIDE + 1, 64, 64}, RIGHT, TUFF_ERR_USAGE},
        {"of smaller workgroups", {ROWS, WIDE, 1, 64}, RIGHT, TUFF_ERR_USAGE},
        {"of another count", {ROWS, WIDE, 64, 64}, OTHER_COUNT, TUFF_ERR_USAGE},
        {"of none", {ROWS, WIDE, 64, 64}, NO_COUNTS, TUFF_ERR_USAGE},
    };
    for (uint32_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct tuff_graph *g = NULL;
        struct tuff_session *session = NULL;
        struct tuff_executable *x = NULL;
        struct tuff_error error = {0};
        if (tuff_graph_create(t->context, &g, &error) != TUFF_OK) abort();
        tuff_val count = tuff_input(g, "count", TUFF_I32, TUFF_SHAPE(1)), at = tuff_input(g, "at", TUFF_I32, TUFF_SHAPE(1));
        tuff_val rows = tuff_input(g, "rows", TUFF_F32, TUFF_SHAPE(ROWS, WIDE)),
                 three = tuff_input(g, "three", TUFF_I32, TUFF_SHAPE(3));
        tuff_val state = tuff_state(g, "state", TUFF_F32, TUFF_SHAPE(STATE, WIDE),
                                    (struct tuff_init){.kind = TUFF_INIT_ZEROS});
        tuff_val of = cases[i].operand == OTHER_COUNT ? at : count;
        tuff_val groups = tuff_graph_add(g, &tuff_op_group_counts, &of, 1, &cases[i].attrs);
        const tuff_val in[] = {rows, at, count, cases[i].operand == NO_COUNTS ? three : groups, state};
        tuff_val after = tuff_graph_add(g, &tuff_op_assign_rows, in, TUFF_COUNT(in), NULL);
        t->quiet = cases[i].wanted != TUFF_OK;
        backend_status(t, cases[i].what, cases[i].wanted, tuff_graph_finish(g, &error), &error);
        t->quiet = false;
        const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &after, .output_count = 1};
        if (cases[i].wanted == TUFF_OK &&
            backend_status(t, "session", TUFF_OK, tuff_session_create(t->device, g, NULL, &session, &error), &error) &&
            backend_status(t, "compile", TUFF_OK, tuff_session_compile(session, &params, &x, &error), &error)) {
            const struct tuff_plan *plan = tuff_executable_plan(x);
            uint32_t wide = plan->push_words[plan->launches[0].push_first + 3];
            backend_check(t, wide <= ROWS * WIDE, "%s: expected a grid of this device, got one of up to %u along x",
                          cases[i].what, wide);
        }
        tuff_executable_destroy(x);
        tuff_session_destroy(session);
        tuff_graph_destroy(g);
    }
}

/* Launch 0 writes the counts' slot, the first `written` bytes; launch 1 has the two bindings. */
static void check_plans(struct backend_test *t)
{
    static const struct {
        const char *what;
        uint32_t access[2], bytes, written;
        enum tuff_memory kind;
        tuff_status wanted;
    } cases[] = {
        {"counts behind a buffer", {TUFF_WRITE, TUFF_READ | TUFF_COUNTS}, 12, 256, TUFF_MEMORY_SCRATCH, TUFF_OK},
        {"12 bytes written", {TUFF_WRITE, TUFF_READ | TUFF_COUNTS}, 12, 12, TUFF_MEMORY_SCRATCH, TUFF_OK},
        {"8 bytes written", {TUFF_WRITE, TUFF_READ | TUFF_COUNTS}, 12, 8, TUFF_MEMORY_SCRATCH, TUFF_ERR_USAGE},
        {"nothing written", {TUFF_WRITE, TUFF_READ | TUFF_COUNTS}, 12, 0, TUFF_MEMORY_SCRATCH, TUFF_ERR_USAGE},
        {"counts of a state", {TUFF_WRITE, TUFF_READ | TUFF_COUNTS}, 12, 256, TUFF_MEMORY_STATE, TUFF_ERR_USAGE},
        {"counts of an input", {TUFF_WRITE, TUFF_READ | TUFF_COUNTS}, 12, 256, TUFF_MEMORY_INPUT, TUFF_ERR_USAGE},
        {"counts before a buffer", {TUFF_READ | TUFF_COUNTS, TUFF_WRITE}, 12, 256, TUFF_MEMORY_SCRATCH, TUFF_ERR_USAGE},
        {"counts that are written", {TUFF_WRITE, TUFF_WRITE | TUFF_COUNTS}, 12, 256, TUFF_MEMORY_SCRATCH, TUFF_ERR_USAGE},
        {"two counts", {TUFF_WRITE, TUFF_READ | TUFF_COUNTS}, 8, 256, TUFF_MEMORY_SCRATCH, TUFF_ERR_USAGE},
    };
    for (uint32_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct tuff_plan plan;
        tuff_plan_init(&plan, t->context);
        struct tuff_plan_slot slots[2] = {{.name = "y", .bytes = 256}, {.name = "n", .bytes = 256}};
        for (uint32_t k = 0; k < 2; k++)
            if (!tuff_plan_place(&plan, &slots[k], k ? cases[i].kind : TUFF_MEMORY_STATE, UINT64_MAX)) abort();
        for (uint32_t k = 0; k < 2; k++) tuff_plan_add_slot(&plan, &slots[k]);
        tuff_plan_add_kernel(&plan, &(struct tuff_plan_kernel){.file = "k"}, NULL, 0);
        const struct tuff_plan_binding writes = {.slot = 1, .access = TUFF_WRITE, .bytes = cases[i].written};
        struct tuff_plan_binding bindings[2] = {{.slot = 0, .access = cases[i].access[0], .bytes = 256},
                                                {.slot = 1, .access = cases[i].access[1], .bytes = cases[i].bytes}};
        const struct tuff_plan_launch launch = {.label = "l", .groups = {1, 1, 1}};
        if (bindings[0].access & TUFF_COUNTS)
            bindings[0] = (struct tuff_plan_binding){.slot = 1, .access = cases[i].access[0], .bytes = 12},
            bindings[1].slot = 0;
        tuff_plan_add_launch(&plan, &launch, &writes, writes.bytes > 0, NULL, 0);
        tuff_plan_add_launch(&plan, &launch, bindings, 2, NULL, 0);
        tuff_plan_place_barriers(&plan);
        t->quiet = true;
        backend_check(t, tuff_plan_check(&plan, t->context, NULL) == cases[i].wanted, "%s: expected %s", cases[i].what,
                      tuff_status_name(cases[i].wanted));
        t->quiet = false;
        tuff_plan_finish(&plan);
    }
}

int main(void)
{
    static const int32_t counts[][2] = {
        {0, 1}, {1, 0}, {4, 3}, {ROWS, 2}, {ROWS + 5, STATE}, {-2, -7}, {INT32_MAX, INT32_MAX}, {INT32_MIN, 0}};
    struct counts_test *c = calloc(1, sizeof *c);
    if (!c) return 1;
    int status = backend_test_begin(&c->t, NULL);
    if (status == 0) {
        fill(c->x, TUFF_COUNT(c->x), 1);
        fill(c->old, TUFF_COUNT(c->old), 2);
        fill(c->a, TUFF_COUNT(c->a), 3);
        for (uint32_t i = 0; i < TUFF_COUNT(counts); i++) run(c, counts[i][0], counts[i][1]);
        check_groups(&c->t);
        check_plans(&c->t);
        status = backend_test_end(&c->t, "session_counts");
    }
    free(c);
    return status;
}
