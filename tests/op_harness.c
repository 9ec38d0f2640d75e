/* op_harness.c - every operator of the table on the device: each case's result and its gradients against the double
 * reference, within bounds that follow from the operator (op_bound.c). All cases of an operator run in one submission.
 *   op_harness [--seed N] [--ratios] [OPERATOR ...]    --ratios: each operator's largest error as a part of its bound */
#include "tests/backend_help.h"
#include "tests/op_bound.h"
#include "tests/op_help.h"

#include <stdio.h>
#include <stdlib.h>

struct harness {
    struct backend_test test;
    struct op_random random;
    struct op_totals all;
    uint32_t operators, launches, pipelines, compiled;
    bool perturb;                         /* a canary: one element of one result is changed */
    const struct tuff_compiler *compiler; /* a canary's; else NULL */
    bool quiet, ratios;
    uint32_t turn;  /* from the seed: which of many cases are run where not all are */
    uint32_t every; /* every n-th case; 0: all, with gradients */
};

/* Outputs of all cases in one list, with what to call them. */
struct outputs {
    tuff_val v[256];
    uint32_t case_of[256], count;
};

static void add_outputs(struct outputs *o, uint32_t number, const struct op_case_values *c)
{
    tuff_val all[1 + TUFF_COUNT(c->more) + TUFF_COUNT(c->gx)] = {c->y};
    memcpy(all + 1, c->more, sizeof c->more);
    memcpy(all + 1 + TUFF_COUNT(c->more), c->gx, sizeof c->gx);
    if (o->count + TUFF_COUNT(all) > TUFF_COUNT(o->v)) return;
    for (uint32_t k = 0; k < TUFF_COUNT(all); k++) {
        if (!all[k]) continue;
        o->case_of[o->count] = number;
        o->v[o->count++] = all[k];
    }
}

static void compare_all(struct harness *h, const struct tuff_graph *g, const struct tuff_op *op, const struct outputs *o,
                        double **data, double **bound, double **got)
{
    struct op_totals totals = {0};
    char what[200];
    if (h->perturb && o->count) got[0][0] += 0.01 + 0.01 * got[0][0];
    for (uint32_t i = 0; i < o->count; i++) {
        const struct tuff_op *made = g->values[o->v[i]].op;
        bool result = i == 0 || o->case_of[i] != o->case_of[i - 1] || made->class == TUFF_CLASS_RESULT;
        snprintf(what, sizeof what, "%s, case %s, %s", op->name, op_case(op, o->case_of[i])->name,
                 result ? "result" : "gradient");
        if (h->quiet) snprintf(what, sizeof what, "canary, must be wrong: %s", op->name);
        op_compare(g, o->v[i], what, data[o->v[i]], bound[o->v[i]], got[i], &totals);
    }
    bool enough = totals.left_out * 20 <= totals.compared;
    if (!h->quiet) {
        backend_check(&h->test, totals.wrong == 0, "%s: %llu wrong elements", op->name, (unsigned long long)totals.wrong);
        backend_check(&h->test, enough && totals.compared > 0, "%s: %llu of %llu elements left out, expected at most 5 %%",
                      op->name, (unsigned long long)totals.left_out, (unsigned long long)totals.compared);
    }
    if (h->ratios) printf("%-20s %.2f\n", op->name, totals.ratio);
    h->all.compared += totals.compared;
    h->all.left_out += totals.left_out;
    h->all.wrong += totals.wrong;
}

/* Compiling pipelines takes nearly all of the time. The gradients of kernels are kernels that have cases of their own, and
 * graph_ops compares their rules: here a sixth of them, by turns. */
static bool runs(const struct harness *h, const struct tuff_op *op, uint32_t c)
{
    return h->every < 2 || op_case_count(op) < h->every || (c + h->turn) % h->every == 0;
}
static bool has_gradients(const struct harness *h, const struct tuff_op *op, uint32_t c)
{
    return !h->every && (op->class != TUFF_CLASS_KERNEL || op_case_count(op) < 6 || (c + h->turn) % 6 == 0);
}

static void run_operator(struct harness *h, const struct tuff_op *op)
{
    struct tuff_graph *g = NULL;
    struct op_case_values *cases = tuff_alloc(h->test.context, (op_case_count(op) + 1) * sizeof *cases);
    struct outputs o = {.count = 0};
    double *got[256] = {NULL}, **data = NULL, **bound = NULL;
    struct op_run run = {.outputs = o.v, .got = got, .compiler = h->compiler};
    bool ok = cases && tuff_graph_create(h->test.context, &g, NULL) == TUFF_OK;
    for (uint32_t c = 0; ok && c < op_case_count(op); c++) {
        if (!runs(h, op, c)) continue;
        ok = op_add_case(g, op, op_case(op, c), c, has_gradients(h, op, c), &cases[c]);
        if (ok) add_outputs(&o, c, &cases[c]);
    }
    if (ok) {
        data = tuff_reference_create(g);
        bound = tuff_reference_create(g);
        run.count = o.count;
        ok = data && bound && op_fill_cases(&h->random, g, op, cases, data) && tuff_reference_run(g, data) == TUFF_OK &&
             op_bound_run(g, data, bound) && op_run_graph(h->test.device, g, data, &run);
    }
    if (ok) {
        compare_all(h, g, op, &o, data, bound, got);
        h->operators++;
        h->launches += run.counts.launches;
        h->pipelines += run.counts.pipelines;
        h->compiled += run.counts.compiled;
    }
    backend_check(&h->test, ok, "%s: did not run", op->name);
    for (uint32_t i = 0; i < TUFF_COUNT(got); i++) tuff_free(h->test.context, got[i]);
    if (data) tuff_reference_destroy(g, data);
    if (bound) tuff_reference_destroy(g, bound);
    tuff_graph_destroy(g);
    tuff_free(h->test.context, cases);
}

static bool chosen(int argc, char **argv, const char *name)
{
    bool any = false;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--seed")) {
            i++;
            continue;
        }
        if (!strcmp(argv[i], "--ratios")) continue;
        any = true;
        if (!strcmp(argv[i], name)) return true;
    }
    return !any;
}

/* Would a device with these capabilities get another kernel for one of the operator's cases, or the same one with other numbers? */
static bool differs(struct harness *h, const struct tuff_op *op, const struct tuff_caps *a, const struct tuff_caps *b)
{
    struct tuff_graph *g = NULL;
    struct op_case_values values;
    bool other = false;
    if (op->class != TUFF_CLASS_KERNEL || tuff_graph_create(h->test.context, &g, NULL) != TUFF_OK) return false;
    for (uint32_t c = 0; c < op_case_count(op) && !other; c++) {
        struct tuff_kernel_call call[2] = {{.file = NULL}, {.file = NULL}};
        if (!op_add_case(g, op, op_case(op, c), c, false, &values)) continue;
        for (int k = 0; k < 2; k++) {
            struct tuff_lower lower = {.caps = k ? b : a, .value = &g->values[values.y]};
            for (uint32_t i = 0; i < op_case(op, c)->in_count; i++) lower.in[i] = &g->values[values.in[i]].type;
            if (op->lower(&lower, &call[k]) != TUFF_OK) call[k].file = "none";
        }
        other = strcmp(call[0].file, call[1].file) || strcmp(call[0].defines, call[1].defines) ||
                memcmp(call[0].spec, call[1].spec, sizeof call[0].spec);
    }
    tuff_graph_destroy(g);
    return other;
}

/* Kernels are chosen by class and kind of device: those that this one would not choose must be right too. */
static void other_kinds(struct harness *h, int argc, char **argv)
{
    static const struct {
        const char *name;
        enum tuff_device_kind kind;
        enum tuff_device_class device_class;
        uint32_t every;
    } kinds[] = {{"an NVIDIA GPU", TUFF_DEVICE_DISCRETE, TUFF_DEVICE_CLASS_NVIDIA, 2},
                 {"an Intel GPU", TUFF_DEVICE_INTEGRATED, TUFF_DEVICE_CLASS_INTEL_SIMD8, 4},
                 {"a Mali GPU", TUFF_DEVICE_INTEGRATED, TUFF_DEVICE_CLASS_MALI, 4}};
    for (uint32_t k = 0; k < TUFF_COUNT(kinds); k++) {
        backend_test_renew(&h->test);
        struct tuff_caps *caps = &h->test.device->caps, own = *caps;
        unsigned before = h->test.failures, others = 0;
        caps->kind = kinds[k].kind;
        caps->driver_effects = 0;
        caps->device_class = kinds[k].device_class;
        h->every = kinds[k].every;
        for (uint32_t i = 0; i < tuff_op_count; i++) {
            if (!chosen(argc, argv, tuff_ops[i]->name) || !differs(h, tuff_ops[i], &own, caps)) continue;
            run_operator(h, tuff_ops[i]);
            others++;
        }
        printf("%u operators with other kernels on %s\n", others, kinds[k].name);
        if (h->test.failures != before) printf("with the kernels of %s\n", kinds[k].name);
    }
    backend_test_renew(&h->test);
    h->every = 0;
}

/* A changed element must be found, or the harness finds nothing: one operator for each rule of errors. */
static void canary(struct harness *h)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < tuff_op_count; i++) {
        const struct tuff_op *op = tuff_ops[i];
        if (!op_case_count(op) || seen >> op->error & 1) continue;
        seen |= 1u << op->error;
        struct harness changed = {.test = h->test, .random = h->random, .perturb = true, .quiet = true, .every = 6};
        run_operator(&changed, op);
        h->test.failures = changed.test.failures;
        backend_check(&h->test, changed.all.wrong > 0, "canary: a changed element of %s was not found", op->name);
    }
}

/* Wrong kernels must be found; their compiler has a name of its own, so that no cache mixes them with right ones (it may give
 * back wrong ones of an earlier run). */
static void wrong_kernels(struct harness *h)
{
    static const struct op_slip slips[] = {{"cumsum", "sum += x", "sum -= x"},
                                           {"sum", "a.v += b.v", "a.v -= b.v"},
                                           {"scatter_add", "sum + v", "sum - v"},
                                           {"add", "a + b", "a - b"}};
    for (size_t i = 0; i < TUFF_COUNT(slips); i++) {
        char version[32];
        snprintf(version, sizeof version, "slip %s", slips[i].wrong);
        const struct tuff_compiler compiler = {.struct_size = sizeof compiler,
                                               .user = (void *)(uintptr_t)&slips[i],
                                               .version = version,
                                               .compile = op_compile_slip};
        struct harness wrong = {.test = h->test, .random = h->random, .compiler = &compiler, .quiet = true, .every = 1};
        run_operator(&wrong, tuff_op_find(slips[i].what));
        h->test.failures = wrong.test.failures;
        backend_check(&h->test, wrong.all.wrong > 0, "canary: a wrong kernel of %s was not found", slips[i].what);
    }
}

int main(int argc, char **argv)
{
    struct harness h = {.random = op_random_start(argc, argv)};
    h.turn = (uint32_t)(h.random.state % 12);
    for (int i = 1; i < argc; i++) h.ratios = h.ratios || !strcmp(argv[i], "--ratios");
    int status = backend_test_begin(&h.test, NULL);
    if (status != 0) return status;
    for (uint32_t i = 0; i < tuff_op_count; i++) {
        if (i % 16 == 15)
            backend_test_renew(&h.test); /* SwiftShader keeps each kernel that a device has made: it took 15 GB */
        if (op_case_count(tuff_ops[i]) && chosen(argc, argv, tuff_ops[i]->name)) run_operator(&h, tuff_ops[i]);
    }
    other_kinds(&h, argc, argv);
    canary(&h);
    if (tuff_glslang()) wrong_kernels(&h);
    printf("%u operators, %u launches, %u pipelines, %u shaders compiled; %llu elements, %llu left out, %llu wrong\n",
           (unsigned)h.operators, (unsigned)h.launches, (unsigned)h.pipelines, (unsigned)h.compiled,
           (unsigned long long)h.all.compared, (unsigned long long)h.all.left_out, (unsigned long long)h.all.wrong);
    return backend_test_end(&h.test, "op_harness");
}
