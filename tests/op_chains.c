/* op_chains.c - rows of pointwise.def one behind the other, in one kernel: where a compiler sees both, it may make of them what is equal for
 * numbers alone (the square of sqrt(a) is a, x - x is 0). Of every pair of rows, at the edges of numbers, results are NaN and infinite where the
 * second row is so of what the first one gives alone, which op_edges knows; so with operands and numbers that are 0 in the text. Source: IEEE 754-2019, 6.1 and 6.2, of each operation. */
#include "tests/backend_help.h"
#include "tests/op_help.h"

#include "graph/ops/pointwise.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_ROWS = 64, MOST_CHAINS = 3 * MOST_ROWS, LANES = 18 };
enum second { ITSELF, POINT, ZERO, FROM_ZERO, SECONDS }; /* f(a) or f(a, a), f(a, x), f(a, 0) or numbers 0, f(0, a) */

#define I INFINITY
#define M ((double)FLT_MAX)
static const double points[LANES] = {-I,    -M,   -1e30, -100, -1,  -0.25, -1e-30, -0.0, 0,
                                     1e-30, 0.25, 1,     3,    100, 1e30,  M,      I,    NAN};
static const double zeros[LANES] = {0};

struct chain {
    const struct tuff_op *op;
    enum second second;
};

struct chain_test {
    struct backend_test test;
    const struct tuff_op *ones[MOST_ROWS];
    struct chain chains[MOST_CHAINS];
    uint32_t one_count, chain_count;
    const char *way;
    double first[LANES]; /* of the first row alone */
    tuff_val x, zero;
};

/* with_zeros: what has a 0 in its text, instead of what has not. */
static void list_chains(struct chain_test *t, bool with_zeros)
{
    t->one_count = t->chain_count = 0;
    for (uint32_t i = 0; i < tuff_op_count; i++) {
        const struct tuff_op *op = tuff_ops[i];
        if (!op->glsl || op_is_derivative(op) || op->result == TUFF_RESULT_BOOL || op->result == TUFF_RESULT_I32) continue;
        if (op == &tuff_op_add_rest) continue; /* NaN where a + b overflows, of which its reference knows nothing */
        /* Mesa 22.3 makes a kernel of each value of a uniform that a branch asks for: then it knows the 0 in other rows too. */
        if (with_zeros && op == &tuff_op_pow) continue;
        if (t->one_count == MOST_ROWS || t->chain_count + 2 > MOST_CHAINS) exit(1);
        bool two = op->arity_max == 2;
        bool arithmetic = op == &tuff_op_add || op == &tuff_op_sub || op == &tuff_op_mul || op == &tuff_op_div;
        if (!two) t->ones[t->one_count++] = op;
        if (!with_zeros || tuff_pw_names(op->glsl, "p0") || two)
            t->chains[t->chain_count++] = (struct chain){op, with_zeros ? ZERO : ITSELF};
        if (with_zeros ? two : arithmetic) t->chains[t->chain_count++] = (struct chain){op, with_zeros ? FROM_ZERO : POINT};
    }
}

static tuff_val apply(struct tuff_graph *g, const struct tuff_op *op, tuff_val a, tuff_val b, bool numbers)
{
    const tuff_val in[2] = {a, b};
    return tuff_graph_add(g, op, in, op->arity_max, &(struct tuff_pw_attrs){numbers ? 0.5 : 0, numbers ? 2 : 0});
}

static tuff_val apply_chain(const struct chain_test *t, struct tuff_graph *g, const struct chain *chain, tuff_val a)
{
    const tuff_val first[] = {a, a, a, t->zero}, second[] = {a, t->x, t->zero, a};
    return apply(g, chain->op, first[chain->second], second[chain->second], chain->second != ZERO);
}

/* Runs outputs of a graph whose one input are the points. */
static bool run(struct chain_test *t, struct tuff_graph *g, const tuff_val *outputs, uint32_t count, double **got)
{
    double *data[MOST_CHAINS * 4] = {0};
    struct op_run params = {.outputs = outputs, .count = count, .got = got};
    if (g->count > TUFF_COUNT(data)) exit(1);
    data[t->x] = (double *)(uintptr_t)points;
    return tuff_graph_finish(g, NULL) == TUFF_OK && op_run_graph(t->test.device, g, data, &params);
}

static struct tuff_graph *begin(struct chain_test *t)
{
    struct tuff_graph *g = NULL;
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) exit(1);
    t->x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(LANES));
    t->zero = tuff_full(g, TUFF_F32, TUFF_SHAPE(LANES), 0);
    return g;
}

static void run_first(struct chain_test *t, const struct tuff_op *inner)
{
    double *got = NULL;
    memcpy(t->first, points, sizeof points);
    if (!inner) return;
    struct tuff_graph *g = begin(t);
    tuff_val a = apply(g, inner, t->x, 0, true);
    if (backend_check(&t->test, run(t, g, &a, 1, &got), "%s did not run", inner->name))
        memcpy(t->first, got, sizeof t->first);
    tuff_free(t->test.context, got);
    tuff_graph_destroy(g);
}

/* Not looked at: what is a denormal on the way, which a device may flush, what an ulp makes overflow, and what overflows or vanishes
 * on the way, which a compiler may keep (sqrt(exp(a)) as exp(a / 2)). */
static bool same(double point, double a, double wanted, double got)
{
    if (isfinite(point) && point != 0 && (isinf(a) || a == 0)) return true;
    if ((a != 0 && fabs(a) < (double)FLT_MIN) || (fabs(wanted) > M / 2 && fabs(wanted) < 2 * M)) return true;
    if (isnan(wanted)) return isnan(got);
    if (fabs(wanted) > M) return isinf(got) && signbit(got) == signbit(wanted);
    return isfinite(got);
}

static void compare(struct chain_test *t, const struct tuff_graph *g, tuff_val v, const struct chain *chain,
                    const char *first, const double *got)
{
    double wanted[LANES];
    static const char *const second_names[SECONDS] = {"a", "x", "0", "0 before"};
    const struct tuff_type types[2] = {tuff_type_of(g, t->x), tuff_type_of(g, t->x)};
    const double *const firsts[] = {t->first, t->first, t->first, zeros}, *const seconds[] = {t->first, points, zeros,
                                                                                              t->first};
    const double *in[2] = {firsts[chain->second], seconds[chain->second]};
    struct tuff_ref ref = {.value = tuff_value_of(g, v), .in_types = types, .in = in, .out = wanted, .graph = g};
    ref.value->op->ref(&ref);
    for (uint32_t k = 0; k < LANES; k++)
        backend_check(&t->test, same(points[k], t->first[k], wanted[k], got[k]),
                      "%s: %s(a, %s) with a = %s of %g, %g: expected %g, got %g", t->way, chain->op->name,
                      second_names[chain->second], first, points[k], t->first[k], wanted[k], got[k]);
}

/* All rows behind one, NULL: the points themselves. */
static void test_behind(struct chain_test *t, const struct tuff_op *inner)
{
    tuff_val outputs[MOST_CHAINS];
    double *got[MOST_CHAINS] = {NULL};
    run_first(t, inner);
    struct tuff_graph *g = begin(t);
    tuff_val a = inner ? apply(g, inner, t->x, 0, true) : t->x;
    for (uint32_t i = 0; i < t->chain_count; i++) outputs[i] = apply_chain(t, g, &t->chains[i], a);
    bool ok = run(t, g, outputs, t->chain_count, got);
    backend_check(&t->test, ok, "%s: what reads %s did not run", t->way, inner ? inner->name : "x");
    for (uint32_t i = 0; i < t->chain_count; i++) {
        if (ok) compare(t, g, outputs[i], &t->chains[i], inner ? inner->name : "x", got[i]);
        tuff_free(t->test.context, got[i]);
    }
    tuff_graph_destroy(g);
}

static void test_points(struct chain_test *t, const char *way, bool with_zeros)
{
    list_chains(t, with_zeros);
    t->way = way;
    test_behind(t, NULL);
}

int main(void)
{
    static struct chain_test t;
    int status = backend_test_begin(&t.test, NULL);
    if (status != 0) return status;
    test_points(&t, "fused, zeros", true);
    test_points(&t, "fused", false);
    for (uint32_t i = 0; i < t.one_count; i++) test_behind(&t, t.ones[i]);
    t.test.context->options.debug |= TUFF_DEBUG_NOCOMPILER;
    test_points(&t, "no compiler, zeros", true);
    test_points(&t, "no compiler", false);
    return backend_test_end(&t.test, "op_chains");
}
