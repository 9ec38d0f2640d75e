/* graph_edges.c - graphs at the edge of what is allowed, without a device: nothing is written over what the same launch still
 * reads, simplifying keeps types, any depth and any number of packed values compiles, calls that break their contract say so,
 * and every allocation may fail. */
#include "graph/compile/compile.h"
#include "graph/ops/leaf.h"
#include "graph/train/optimizer.h"
#include "tests/graph_help.h"

#include <stdio.h>
#include <stdlib.h>

struct edges_test {
    struct tuff_context *context;
    unsigned failures;
};

#define check(t, ...) graph_check(&(t)->failures, __VA_ARGS__)

static bool compile(struct edges_test *t, const struct tuff_graph *g, const tuff_val *outputs, uint32_t count,
                    const char *what, struct tuff_compiled *out)
{
    struct tuff_caps caps = graph_caps(0);
    struct tuff_error error = {0};
    struct tuff_compile_params params = {
        .graph = g, .outputs = outputs, .output_count = count, .caps = &caps, .debug = TUFF_DEBUG_CHECK};
    return check(t, tuff_compile(&params, out, &error) == TUFF_OK, "%s: %s", what, error.message);
}

/* ---- memory that is taken over ------------------------------------------------------------------------------------------------- */

/* Does a launch write scratch that it reads? */
static bool overwrites(const struct tuff_plan *plan)
{
    for (uint32_t l = 0; l < plan->launch_count; l++) {
        const struct tuff_plan_binding *b = &plan->bindings[plan->launches[l].binding_first];
        for (uint32_t i = 0; i < plan->launches[l].binding_count; i++)
            for (uint32_t k = 0; k < plan->launches[l].binding_count; k++) {
                const struct tuff_plan_slot *r = &plan->slots[b[i].slot], *w = &plan->slots[b[k].slot];
                bool scratch = r->memory == w->memory && tuff_slot_kind(plan, r) == TUFF_MEMORY_SCRATCH;
                if (scratch && (b[i].access & TUFF_READ) && (b[k].access & TUFF_WRITE) && r->offset < w->offset + w->bytes &&
                    w->offset < r->offset + r->bytes)
                    return true;
            }
    }
    return false;
}

/* x is read element by element by y, which is as large, and a part of x elsewhere by the same launch. */
static void check_take_over(struct edges_test *t)
{
    static const char *const names[] = {"the whole", "a slice beside the whole", "a slice and a later one",
                                        "a slice and the whole backwards"};
    for (uint32_t way = 0; way < TUFF_COUNT(names); way++) {
        struct tuff_graph *g = graph_fresh(t->context);
        struct tuff_compiled compiled;
        tuff_val a = tuff_input(g, "a", TUFF_F32, TUFF_SHAPE(64, 64)),
                 half = tuff_input(g, "half", TUFF_F32, TUFF_SHAPE(64, 32)), y = 0;
        tuff_val x = tuff_matmul(g, a, a, (struct tuff_matmul_params){0}), flat = tuff_reshape(g, x, TUFF_SHAPE(4096));
        tuff_val part = tuff_slice(g, flat, (uint32_t[]){0}, (int32_t[]){1}, (uint32_t[]){4090});
        tuff_val later = tuff_slice(g, flat, (uint32_t[]){6}, (int32_t[]){1}, (uint32_t[]){4090});
        tuff_val back = tuff_slice(g, flat, (uint32_t[]){4095}, (int32_t[]){-1}, (uint32_t[]){4090});
        tuff_val rows = tuff_slice(g, x, (uint32_t[]){0, 0}, (int32_t[]){1, 1}, (uint32_t[]){32, 64});
        switch (way) {
        case 0:
            y = tuff_add(g, tuff_matmul(g, a, a, (struct tuff_matmul_params){.transpose_b = true}), tuff_exp(g, x));
            break;
        case 1: y = tuff_add(g, tuff_matmul(g, half, rows, (struct tuff_matmul_params){0}), x); break;
        case 2: y = tuff_add(g, part, later); break;
        case 3: y = tuff_add(g, part, back); break;
        }
        y = tuff_reshape(g, y, TUFF_SHAPE(way < 2 ? 64 : 5, 0)); /* a product of it: so that it has memory */
        tuff_val z = tuff_matmul(g, y, y, (struct tuff_matmul_params){.transpose_b = true});
        if (compile(t, g, &z, 1, names[way], &compiled)) {
            check(t, overwrites(&compiled.plan) == (way == 0),
                  way ? "%s: a launch writes what it reads" : "%s is not written in place", names[way]);
            tuff_plan_finish(&compiled.plan);
        }
        tuff_graph_destroy(g);
    }
}

/* ---- types, depth, size ---------------------------------------------------------------------------------------------------------- */

static void check_identities(struct edges_test *t)
{
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_compiled compiled;
    tuff_val h = tuff_input(g, "h", TUFF_F16, TUFF_SHAPE(200)), u = tuff_input(g, "u", TUFF_U8, TUFF_SHAPE(200));
    const tuff_val outputs[] = {tuff_add(g, tuff_scalar(g, 0), h), tuff_mul(g, tuff_scalar(g, 1), h),
                                tuff_neg(g, tuff_neg(g, h)), tuff_neg(g, tuff_neg(g, u))};
    if (compile(t, g, outputs, TUFF_COUNT(outputs), "identities", &compiled)) {
        for (uint32_t i = 0; i < TUFF_COUNT(outputs); i++)
            check(t, compiled.plan.slots[compiled.output_slots[i]].bytes == 1024,
                  "identity %u: 200 elements of 4 bytes in a slot of %llu", (unsigned)i,
                  (unsigned long long)compiled.plan.slots[compiled.output_slots[i]].bytes);
        tuff_plan_finish(&compiled.plan);
    }
    tuff_graph_destroy(g);
}

static void check_deep(struct edges_test *t)
{
    for (int kernels = 0; kernels < 2; kernels++) {
        struct tuff_graph *g = graph_fresh(t->context);
        struct tuff_compiled compiled;
        tuff_val x = tuff_exp(g, tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(64)));
        for (int i = 0; i < (kernels ? 3000 : 20000); i++)
            x = kernels ? tuff_add(g, tuff_cumsum(g, x, (struct tuff_cumsum_params){0}), x)
                        : tuff_slice(g, x, (uint32_t[]){63}, (int32_t[]){-1}, (uint32_t[]){64});
        if (compile(t, g, &x, 1, "a deep graph", &compiled)) tuff_plan_finish(&compiled.plan);
        tuff_graph_destroy(g);
    }
}

static void check_pack(struct edges_test *t)
{
    enum { COUNT = 3000 };
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_compiled compiled;
    tuff_val target = tuff_state(g, "target", TUFF_F32, TUFF_SHAPE(64 * COUNT), (struct tuff_init){0});
    tuff_val x = tuff_exp(g, tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(1))), *members = malloc(COUNT * sizeof *members);
    if (!members) abort();
    for (uint32_t i = 0; i < COUNT; i++) members[i] = x;
    tuff_val y = tuff_sum(g, tuff_pack(g, target, members, COUNT), 0, TUFF_DROP_AXES);
    if (compile(t, g, &y, 1, "one value packed many times", &compiled)) {
        check(t, compiled.plan.launch_count >= COUNT, "one value packed %u times by %u launches", (unsigned)COUNT,
              (unsigned)compiled.plan.launch_count);
        tuff_plan_finish(&compiled.plan);
    }
    free(members);
    tuff_graph_destroy(g);
}

/* ---- broken contracts --------------------------------------------------------------------------------------------------------------- */

static void break_contract(struct tuff_graph *g, uint32_t way)
{
    struct tuff_shape many = {.rank = 4000, .dim = {1, 1, 1, 1, 1, 1, 1, 1}};
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(20)),
             s = tuff_state(g, "s", TUFF_F32, TUFF_SHAPE(20), (struct tuff_init){0});
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(20), (struct tuff_init){0}),
             loss = tuff_sum(g, tuff_mul(g, w, x), 0, TUFF_DROP_AXES);
    struct tuff_optimizer_params params = tuff_optimizer_defaults(TUFF_SGD, 0.1);
    struct tuff_optimizer optimizer;
    switch (way) {
    case 0: tuff_batch_norm_train(g, x, 0, 0, 0, 0, 1e-5, 0.1); break;
    case 1: tuff_batch_norm_infer(g, x, 0, 0, 0, 0, 1e-5); break;
    case 2: tuff_named(g, x, NULL); break;
    case 3: tuff_named(g, 0, "nothing"); break;
    case 4: tuff_exp(g, tuff_assign(g, s, x)); break;
    case 5: tuff_expand(g, x, many); break;
    case 6: tuff_reshape(g, x, many); break;
    case 7: tuff_param(g, "x", many, (struct tuff_init){0}); break;
    case 8:
        tuff_optimizer_build(g, &(struct tuff_optimizer_plan){.loss = loss, .weight = 1}, &params, &optimizer);
        tuff_optimizer_build(g, &(struct tuff_optimizer_plan){.loss = loss, .weight = 1}, &params, &optimizer);
        break;
    case 9:
        params.schedule.kind = TUFF_SCHEDULE_MULTI_STEP;
        params.schedule.gamma = 0.5;
        params.schedule.milestone_count = 1;
        tuff_optimizer_build(g, &(struct tuff_optimizer_plan){.loss = loss, .weight = 1}, &params, &optimizer);
        break;
    }
}

static void check_contracts(struct edges_test *t)
{
    for (uint32_t way = 0; way < 10; way++) {
        struct tuff_graph *g = graph_fresh(t->context);
        struct tuff_error error = {0};
        break_contract(g, way);
        tuff_status status = tuff_graph_finish(g, &error);
        check(t, status == TUFF_ERR_USAGE || status == TUFF_ERR_SHAPE, "broken contract %u: %s", (unsigned)way,
              tuff_status_name(status));
        tuff_graph_destroy(g);
    }
}

/* ---- memory that runs out ---------------------------------------------------------------------------------------------------------- */

struct limited {
    uint64_t left, live;
};
static void *take(void *user, size_t bytes)
{
    struct limited *l = user;
    if (l->left == 0) return NULL;
    l->left--;
    l->live++;
    return malloc(bytes ? bytes : 1);
}
static void *retake(void *user, void *old, size_t bytes)
{
    struct limited *l = user;
    if (l->left == 0) return NULL;
    l->left--;
    l->live += old == NULL;
    return realloc(old, bytes ? bytes : 1);
}
static void release(void *user, void *memory)
{
    struct limited *l = user;
    l->live -= memory != NULL;
    free(memory);
}

static tuff_status build_and_compile(struct tuff_context *context, uint32_t which)
{
    struct tuff_graph *g;
    struct tuff_compiled compiled;
    tuff_val outputs[GRAPH_HELP_OUTPUTS];
    struct tuff_caps caps = graph_caps(0);
    tuff_status status = tuff_graph_create(context, &g, NULL);
    if (status != TUFF_OK) return status;
    uint32_t count = graph_network(g, which, outputs);
    struct tuff_compile_params params = {.graph = g, .outputs = outputs, .output_count = count, .caps = &caps};
    status = tuff_compile(&params, &compiled, NULL);
    if (status == TUFF_OK) tuff_plan_finish(&compiled.plan);
    tuff_graph_destroy(g);
    return status;
}

/* Writing one group into an arena that is empty, so that each of its allocations is one of ours. */
static tuff_status emit(struct tuff_context *context, struct limited *limited, uint64_t left)
{
    struct tuff_graph *g;
    struct tuff_arena arena;
    struct tuff_emitted emitted;
    limited->left = UINT64_MAX;
    if (tuff_graph_create(context, &g, NULL) != TUFF_OK) abort();
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(5, 7)), y = tuff_exp(g, tuff_transpose(g, x));
    struct tuff_work_value values[8] = {{0}};
    struct tuff_group group = {.roots = &y, .root_count = 1, .space = y};
    const struct tuff_emit_options options = {.max_range = UINT32_MAX};
    values[x].place = (struct tuff_place){x, 0};
    values[y].place = (struct tuff_place){y, 0};
    tuff_arena_init(&arena, context);
    limited->left = left;
    tuff_status status = tuff_emit_group(g, values, &group, &options, &arena, &emitted, NULL);
    limited->left = UINT64_MAX;
    tuff_arena_finish(&arena);
    tuff_graph_destroy(g);
    return status;
}

static void check_allocations(struct edges_test *t)
{
    struct limited limited = {.left = UINT64_MAX};
    struct tuff_options options = {.struct_size = sizeof options, .allocator = {&limited, take, retake, release}};
    struct tuff_context *context;
    if (tuff_context_create(&options, &context, NULL) != TUFF_OK) abort();
    for (uint32_t which = 0; which < graph_network_count; which++) {
        tuff_status status = TUFF_ERR_MEMORY;
        uint64_t live = limited.live, n = 0;
        for (; status == TUFF_ERR_MEMORY; n++) {
            limited.left = n;
            status = build_and_compile(context, which);
            if (!check(t, limited.live == live, "%s: leaks when allocation %llu fails", graph_network_names[which],
                       (unsigned long long)n))
                break;
        }
        check(t, status == TUFF_OK, "%s: %s when allocation %llu fails", graph_network_names[which],
              tuff_status_name(status), (unsigned long long)n);
    }
    tuff_status status = TUFF_ERR_MEMORY;
    for (uint64_t n = 0; status == TUFF_ERR_MEMORY; n++) status = emit(context, &limited, n);
    check(t, status == TUFF_OK, "writing a group: %s", tuff_status_name(status));
    limited.left = UINT64_MAX;
    tuff_context_destroy(context);
}

int main(void)
{
    struct edges_test t = {0};
    struct tuff_options options = {.struct_size = sizeof options};
    if (tuff_context_create(&options, &t.context, NULL) != TUFF_OK) return 1;
    check_take_over(&t);
    check_identities(&t);
    check_deep(&t);
    check_pack(&t);
    check_contracts(&t);
    check_allocations(&t);
    tuff_context_destroy(t.context);
    printf("graph_edges: %u failures\n", t.failures);
    return t.failures ? 1 : 0;
}
