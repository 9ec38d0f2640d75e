/* session_results.c - a kernel of several results: whichever of them are read, one launch computes them, and each is right. */
#include "tests/backend_help.h"

#include "graph/graph.h"
#include "graph/op.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 5, N = 23, K = 4, COUNT = ROWS * K };

struct results_test {
    struct backend_test t;
    float x[ROWS * N];
    uint32_t way;
};

/* What is read of a topk, and how. */
enum way { VALUES, INDICES, BOTH, FUSED, TWICE, GRADIENT, HALVES, WAYS };
static const char *const names[WAYS] = {"values", "indices", "both", "both in chains", "equal ones", "gradient", "of f16"};

static uint32_t build(struct tuff_graph *g, enum way way, tuff_val *x, tuff_val out[3])
{
    const struct tuff_topk_params params = {.axis = 1, .k = K};
    *x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(ROWS, N));
    tuff_val moved = tuff_affine(g, *x, 2, 1); /* computed where it is read */
    struct tuff_topk top = tuff_topk(g, moved, params), again = tuff_topk(g, moved, params);
    switch (way) {
    case VALUES: out[0] = top.values; return 1;
    case INDICES: out[0] = top.indices; return 1;
    case BOTH:
        out[0] = top.indices;
        out[1] = top.values;
        return 2;
    case FUSED: /* an epilogue of the first result; the second one goes through memory */
        out[0] = tuff_relu(g, tuff_sub(g, top.values, tuff_scalar(g, 1)));
        out[1] = tuff_mul(g, tuff_cast(g, top.indices, TUFF_F32), top.values);
        out[2] = tuff_gather_elements(g, *x, top.indices, 1);
        return 3;
    case TWICE: /* the second topk is the first one */
        out[0] = tuff_sub(g, top.values, again.values);
        out[1] = tuff_sub(g, tuff_cast(g, top.indices, TUFF_F32), tuff_cast(g, again.indices, TUFF_F32));
        out[2] = again.indices;
        return 3;
    case GRADIENT: tuff_gradients(g, tuff_square(g, top.values), 0, x, 1, out); return 1;
    case HALVES: /* the first result is cast to what its rule says, and the second one lies behind the kernel all the same */
        top = tuff_topk(g, tuff_cast(g, moved, TUFF_F16), params);
        out[0] = top.values;
        out[1] = top.indices;
        out[2] = tuff_reduce_max(g, top.values, 1u << 1, TUFF_DROP_AXES);
        return 3;
    case WAYS: break;
    }
    return 0;
}

static void compare(struct results_test *r, struct tuff_graph *g, tuff_val v, const double *wanted, const void *got)
{
    struct tuff_type type = tuff_type_of(g, v);
    uint32_t wrong = 0, count = (uint32_t)tuff_shape_count(&type.shape);
    for (uint32_t i = 0; i < count; i++) {
        double y = tuff_element(type.dtype, got, i);
        wrong += !(fabs(y - wanted[i]) <= 1e-5 * (1 + fabs(wanted[i])));
    }
    backend_check(&r->t, !wrong, "%s: %u of %u elements of %s are wrong", names[r->way], wrong, count,
                  g->values[v].op->name);
}

static void run(struct results_test *r, enum way way)
{
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *executable = NULL;
    struct tuff_error error = {0};
    tuff_val x = 0, out[3] = {0};
    double wanted[3][ROWS * N], *results[3] = {wanted[0], wanted[1], wanted[2]};
    float got[ROWS * N];
    r->way = way;
    if (tuff_graph_create(r->t.context, &g, &error) != TUFF_OK) abort();
    uint32_t count = build(g, way, &x, out), launches = 0;
    bool half = tuff_type_of(g, out[0]).dtype == TUFF_F16;
    backend_check(&r->t, half == (way == HALVES), "%s: the values are %sof f16", names[way], half ? "" : "not ");
    const struct tuff_leaf_content leaf = {x, r->x};
    const struct tuff_evaluate_params ask = {
        .struct_size = sizeof ask, .outputs = out, .output_count = count, .leaves = &leaf, .leaf_count = 1};
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = out, .output_count = count};
    backend_status(&r->t, names[way], TUFF_OK, tuff_evaluate(g, &ask, results, &error), &error);
    backend_status(&r->t, names[way], TUFF_OK, tuff_session_create(r->t.device, g, NULL, &session, &error), &error);
    if (!backend_status(&r->t, names[way], TUFF_OK, tuff_session_compile(session, &params, &executable, &error), &error))
        return;
    backend_status(&r->t, names[way], TUFF_OK, tuff_executable_write(executable, x, r->x, sizeof r->x, &error), &error);
    backend_status(&r->t, names[way], TUFF_OK, tuff_executable_run(executable, &error), &error);
    for (uint32_t i = 0; i < count; i++) {
        struct tuff_type type = tuff_type_of(g, out[i]);
        backend_status(&r->t, names[way], TUFF_OK,
                       tuff_executable_read(executable, i, got, (size_t)tuff_type_bytes(&type), &error), &error);
        compare(r, g, out[i], wanted[i], got);
    }
    char *text = NULL;
    backend_status(&r->t, names[way], TUFF_OK, tuff_executable_print(executable, &text, &error), &error);
    for (const char *at = text; at && (at = strstr(at, "\nlaunch ")) != NULL; at++)
        launches += !strncmp(strchr(at, '"'), "\"topk ", 6);
    uint32_t most = r->t.context->options.debug & TUFF_DEBUG_NOSIMPLIFY && way == TWICE ? 2 : 1;
    backend_check(&r->t, launches == most, "%s: expected %u launch of topk, got %u", names[way], most, launches);
    tuff_text_free(r->t.context, text);
    tuff_executable_destroy(executable);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* A result that is none, and one of another kernel's operands. */
static void refusals(struct backend_test *t)
{
    struct tuff_graph *g = NULL;
    if (tuff_graph_create(t->context, &g, NULL) != TUFF_OK) abort();
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(ROWS, N));
    struct tuff_topk top = tuff_topk(g, x, (struct tuff_topk_params){.axis = 1, .k = K});
    t->quiet = true;
    backend_check(t, top.indices && !tuff_result(g, top.values, 2), "result 2 of topk: expected a refusal");
    t->quiet = false;
    tuff_graph_destroy(g);
    static const char *const wrong[] = {"%2 = topk(%1) axis=1 k=4 : f32 [5, 4]\n%3 = result(%2) index=1 : i32 [5, 4]\n",
                                        "%2 = exp(%1) : f32 [5, 23]\n%3 = result(%2, %1) index=1 : i32 [5, 4]\n",
                                        "%2 = topk_indices(%1) axis=1 k=4 : i32 [5, 4]\n"};
    for (uint32_t i = 0; i < TUFF_COUNT(wrong); i++) {
        char text[300];
        snprintf(text, sizeof text, "tuff-graph 1\n%%1 = input() dtype=f32 shape=[5, 23] : f32 [5, 23]\n%s", wrong[i]);
        struct tuff_graph *parsed = NULL;
        if (tuff_graph_create(t->context, &parsed, NULL) != TUFF_OK) abort();
        t->quiet = true;
        tuff_status status = tuff_graph_parse(parsed, text, NULL);
        t->quiet = false;
        backend_check(t, status != TUFF_OK, "text %u: expected a refusal", i);
        tuff_graph_destroy(parsed);
    }
}

int main(void)
{
    struct results_test r = {.way = 0};
    uint32_t random = 12345;
    int status = backend_test_begin(&r.t, NULL);
    if (status != 0) return status;
    for (uint32_t i = 0; i < ROWS * N; i++) {
        random = random * 1664525u + 1013904223u; /* Numerical Recipes */
        r.x[i] = (float)(random >> 8) / 16777216.0f - 0.5f;
    }
    for (int way = 0; way < WAYS; way++) run(&r, (enum way)way);
    refusals(&r.t);
    return backend_test_end(&r.t, "session_results");
}
