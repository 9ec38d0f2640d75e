/* op_random.c - random graphs: the fused plan, the plan with all passes off, and the double reference must agree within the
 * bounds that op_bound.c carries forward. Shapes are odd, prime, powers of two and their neighbours; values have several
 * readers; there are several outputs, an assigned state and a gradient.
 *   op_random [--seed N] [--graphs N] [--only K] [--print] */
#include "graph/print.h"
#include "tests/backend_help.h"
#include "tests/graph_help.h"
#include "tests/op_bound.h"
#include "tests/random_graph.h"

#include <stdio.h>
#include <stdlib.h>

/* Graphs that once went wrong. Outputs are the named values that are no leaves. */
static const char *const regressions[] = {
    /* an epilogue reads its kernel's result by another shape while that result is stored too */
    "tuff-graph 1\n"
    "%1 \"x\" = input() dtype=f32 shape=[33] : f32 [33]\n"
    "%2 \"i\" = input() dtype=i32 shape=[1, 3, 1] : i32 [1, 3, 1]\n"
    "%3 \"s\" = input() dtype=f32 shape=[1, 3, 1] : f32 [1, 3, 1]\n"
    "%4 = full() dtype=f32 shape=[1, 33, 1] : f32 [1, 33, 1]\n"
    "%5 = scatter_add(%4, %2, %3) axis=1 : f32 [1, 33, 1]\n"
    "%6 = reshape(%5) shape=[33] : f32 [33]\n"
    "%7 \"y\" = mul(%6, %1) : f32 [33]\n"
    "%8 \"z\" = sum(%6) axes=1 : f32 []\n",
};

/* First the graphs that once went wrong, then the networks of graph_help.c. Not picture_net: the bounds of gradients that are
 * nearly zero say nothing behind Adam's division. */
static void build_regression(struct random_graph *x, uint32_t number)
{
    if (number >= TUFF_COUNT(regressions)) {
        uint32_t network = number - (uint32_t)TUFF_COUNT(regressions);
        if (strcmp(graph_network_names[network], "picture_net") != 0)
            x->output_count = graph_network(x->g, network, x->outputs);
        return;
    }
    struct tuff_error error = {0};
    if (tuff_graph_parse(x->g, regressions[number], &error) != TUFF_OK) return;
    for (tuff_val v = 1; v < x->g->count; v++)
        if (x->g->values[v].name && x->g->values[v].op->class != TUFF_CLASS_LEAF) random_graph_output(x, v);
}

struct random_test {
    struct backend_test fused, plain;
    struct op_totals totals;
    uint32_t graphs, vague; /* of which more than 5 % of the elements are left out */
    uint32_t launches[2];
    bool print;
};

static void print_graph(const struct tuff_graph *g)
{
    char *text = NULL;
    if (tuff_graph_print(g, &text, NULL) == TUFF_OK) printf("%s", text);
    tuff_text_free(g->context, text);
}

static void compare(struct random_test *t, const struct random_graph *x, uint32_t number, const char *which, double **data,
                    double **bound, double **got)
{
    char what[64];
    snprintf(what, sizeof what, "graph %u, %s", (unsigned)number, which);
    for (uint32_t i = 0; i < x->output_count; i++)
        op_compare(x->g, x->outputs[i], what, data[x->outputs[i]], bound[x->outputs[i]], got[i], &t->totals);
    for (uint32_t i = 0; i < x->output_count; i++) {
        tuff_free(x->g->context, got[i]);
        got[i] = NULL;
    }
}

static void run(struct random_test *t, uint32_t number, struct op_random random)
{
    struct random_graph x = {.r = &random};
    double *got[16] = {NULL}, **data = NULL, **bound = NULL;
    struct tuff_context *context = t->fused.context;
    struct op_run run = {.outputs = x.outputs, .got = got};
    struct op_totals before = t->totals;
    bool ok = tuff_graph_create(context, &x.g, NULL) == TUFF_OK;
    if (ok && number < TUFF_COUNT(regressions) + graph_network_count)
        build_regression(&x, number);
    else if (ok)
        random_graph_build(&x);
    if (ok && x.g->status != TUFF_OK) printf("graph %u: %s\n", (unsigned)number, x.g->error.message);
    ok = ok && x.g->status == TUFF_OK;
    run.count = x.output_count;
    if (ok && run.count == 0) {
        tuff_graph_destroy(x.g);
        return;
    }
    if (ok && t->print) print_graph(x.g);
    if (ok) {
        data = tuff_reference_create(x.g);
        bound = tuff_reference_create(x.g);
        ok = data && bound && random_graph_fill(&x, data) && tuff_reference_run(x.g, data) == TUFF_OK &&
             op_bound_run(x.g, data, bound);
    }
    uint32_t kinds = context->options.debug & TUFF_DEBUG_NOCOMPILER ? 1 : 2; /* without a compiler no passes fuse */
    for (uint32_t plain = 0; ok && plain < kinds; plain++) {
        ok = op_run_graph(plain ? t->plain.device : t->fused.device, x.g, data, &run);
        if (!ok) break;
        t->launches[plain] += run.counts.launches;
        compare(t, &x, number, plain ? "passes off" : "fused", data, bound, got);
    }
    if (!backend_check(&t->fused, ok && t->totals.wrong == before.wrong, "graph %u failed", (unsigned)number) && x.g &&
        !t->print) {
        print_graph(x.g);
        printf("outputs:");
        for (uint32_t i = 0; i < x.output_count; i++) printf(" %%%u", (unsigned)x.outputs[i]);
        printf("\n");
    }
    t->graphs++;
    t->vague += (t->totals.left_out - before.left_out) * 20 > t->totals.compared - before.compared;
    if (data) tuff_reference_destroy(x.g, data);
    if (bound) tuff_reference_destroy(x.g, bound);
    for (uint32_t i = 0; i < TUFF_COUNT(got); i++) tuff_free(context, got[i]);
    tuff_graph_destroy(x.g);
}

int main(int argc, char **argv)
{
    struct random_test t = {.print = false};
    struct op_random random = op_random_start(argc, argv);
    uint32_t graphs = 30, only = UINT32_MAX;
    struct tuff_options plain = {.struct_size = sizeof plain,
                                 .debug = TUFF_DEBUG_NOFUSE | TUFF_DEBUG_NOSIMPLIFY | TUFF_DEBUG_NOALIAS};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--graphs") && i + 1 < argc) graphs = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--only") && i + 1 < argc) only = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--print")) t.print = true;
    }
    int status = backend_test_begin(&t.fused, NULL);
    if (status != 0) return status;
    status = backend_test_begin(&t.plain, &plain);
    for (uint32_t i = 0; status == 0 && i < graphs; i++) { /* each graph has numbers of its own, so that --only repeats it */
        struct op_random own = {random.state + 0x632be59bd9b4e019u * (i + 1)};
        if (only == UINT32_MAX || only == i) run(&t, i, own);
    }
    /* A share over all graphs would be that of the largest, which chance may lay upon a branch. */
    backend_check(
        &t.fused, only != UINT32_MAX || t.vague * 3 <= t.graphs,
        "more than 5 %% of the elements are left out in %u of %u graphs, expected at most a third of them (8 %% is usual)",
        t.vague, t.graphs);
    printf("%llu elements, %llu left out, %llu wrong, many left out in %u of %u graphs; %u launches fused, %u with passes "
           "off\n",
           (unsigned long long)t.totals.compared, (unsigned long long)t.totals.left_out, (unsigned long long)t.totals.wrong,
           (unsigned)t.vague, (unsigned)t.graphs, (unsigned)t.launches[0], (unsigned)t.launches[1]);
    int plain_status = status == 0 ? backend_test_end(&t.plain, "op_random, passes off") : status;
    return backend_test_end(&t.fused, "op_random") | plain_status;
}
