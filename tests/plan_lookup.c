/* plan_lookup.c - what is found by its content is found at once: the table itself, kernels of a plan, names and leaves of a graph.
 * Steps are counted, not time. Needs no device. */
#include "graph/op.h"
#include "tests/graph_help.h"

#include <stdio.h>

#define MANY 50000u
#define STEPS_EACH                                                                                                          \
    6 /* of a table at most half full, its doublings among them; a walk through what is there takes thousands */

static unsigned failures;

#define check(...) graph_check(&failures, __VA_ARGS__)

static uint64_t hash_of(uint32_t i) { return tuff_hash(0, &i, sizeof i); }

static void check_steps(const char *what, const struct tuff_lookup *lookup)
{
    check(lookup->steps >= lookup->count && lookup->steps <= (uint64_t)STEPS_EACH * lookup->count,
          "%s: %llu steps for %u entries", what, (unsigned long long)lookup->steps, lookup->count);
}

static void table(struct tuff_context *context)
{
    struct tuff_lookup lookup = {0};
    struct tuff_arena arena;
    uint32_t wrong = 0, place, step = 0, sum = 0;
    tuff_arena_init(&arena, context);
    check(tuff_lookup_find(&lookup, 1, &step) == TUFF_LOOKUP_END, "an empty table holds something");
    for (uint32_t i = 0; i < MANY; i++) wrong += !tuff_lookup_add(&lookup, &arena, hash_of(i), i);
    for (uint32_t i = 0; i < MANY; i++) {
        step = 0;
        wrong += tuff_lookup_find(&lookup, hash_of(i), &step) != i;
        wrong += tuff_lookup_find(&lookup, hash_of(i), &step) != TUFF_LOOKUP_END;
        step = 0;
        wrong += tuff_lookup_find(&lookup, hash_of(i + MANY), &step) != TUFF_LOOKUP_END;
    }
    check(!wrong, "%u of %u entries are not found, or more are", wrong, MANY);
    check(2 * lookup.count <= lookup.capacity, "%u entries in %u", lookup.count, lookup.capacity);
    check_steps("table", &lookup);
    for (uint32_t i = 1; i <= 5; i++) check(tuff_lookup_add(&lookup, &arena, 7, i), "cannot add");
    step = 0;
    while ((place = tuff_lookup_find(&lookup, 7, &step)) != TUFF_LOOKUP_END) sum = 10 * sum + place;
    check(sum == 12345, "places of one hash: expected 12345, got %u", sum);
    check(!tuff_lookup_add(&lookup, &arena, 7, UINT32_MAX), "a place that cannot be told from none was added");
    tuff_arena_finish(&arena);
}

static void arrays(struct tuff_context *context)
{
    struct tuff_arena arena;
    uint32_t *in_arena = NULL, *on_heap = NULL, count = 0, wrong = 0;
    size_t capacity = 0;
    tuff_arena_init(&arena, context);
    for (; count < 1000; count++) {
        if (!TUFF_GROW_ARENA(&arena, in_arena, count, 1) || !TUFF_GROW_HEAP(context, on_heap, count, &capacity)) break;
        in_arena[count] = on_heap[count] = count;
    }
    for (uint32_t i = 0; i < count; i++) wrong += in_arena[i] != i || on_heap[i] != i;
    check(count == 1000 && !wrong, "arrays of %u hold %u wrong entries", count, wrong);
    check(!TUFF_GROW_ARENA(&arena, in_arena, count, UINT32_MAX), "an array has more entries than uint32_t counts");
    tuff_free(context, on_heap);
    tuff_arena_finish(&arena);
}

/* Kernels that differ in one thing alone are different ones; equal ones, with constants in any order, are one. */
static void kernels(struct tuff_context *context)
{
    struct tuff_plan plan;
    uint32_t wrong = 0;
    tuff_plan_init(&plan, context);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < 4000; i++) {
            char number[16];
            snprintf(number, sizeof number, "%u", i / 4);
            struct tuff_plan_kernel kernel = {
                .file = i % 4 == 0 ? number : "f", .defines = i % 4 == 1 ? number : "", .hooks = i % 4 == 2 ? number : ""};
            struct tuff_plan_spec specs[2];
            specs[round] = (struct tuff_plan_spec){0, i % 4 == 3 ? i / 4 + 1 : 0};
            specs[!round] = (struct tuff_plan_spec){1, 0};
            wrong += tuff_plan_add_kernel(&plan, &kernel, specs, 2) != i;
        }
    check(!wrong && plan.kernel_count == 4000 && plan.spec_count == 8000,
          "kernels: %u have a wrong place; %u of 4000, %u constants of 8000", wrong, plan.kernel_count, plan.spec_count);
    check(plan.kernel_lookup.count == plan.kernel_count, "kernels that are not looked up");
    check_steps("kernels", &plan.kernel_lookup);
    tuff_plan_finish(&plan);
}

static void leaves(struct tuff_context *context)
{
    struct tuff_graph *g = NULL;
    char name[32];
    uint32_t wrong = 0;
    if (tuff_graph_create(context, &g, NULL) != TUFF_OK) return;
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "state/%u", i);
        wrong += tuff_scalar(g, i) == 0; /* a value between any two leaves */
        struct tuff_shape shape = TUFF_SHAPE(1 + i % 3);
        tuff_val leaf = i % 2 ? tuff_state(g, name, TUFF_F32, shape, (struct tuff_init){0})
                              : tuff_param(g, name, shape, (struct tuff_init){0});
        wrong += leaf == 0;
    }
    check(tuff_graph_leaf_count(g) == MANY, "%u leaves, expected %u", tuff_graph_leaf_count(g), MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(g, i);
        snprintf(name, sizeof name, "state/%u", i);
        wrong += !leaf.name || strcmp(leaf.name, name) || leaf.type.shape.dim[0] != 1 + i % 3 || leaf.trained != !(i % 2);
        wrong += tuff_graph_find(g, name) != g->leaves[i];
    }
    check(!wrong && !tuff_graph_leaf(g, MANY).name && !tuff_graph_find(g, "state/-1"), "%u leaves are wrong", wrong);
    check_steps("names", &g->named);
    tuff_val first = tuff_named(g, tuff_unsqueeze(g, tuff_graph_find(g, "state/0"), 0), "view/0");
    check(tuff_named(g, first, "renamed") == first && tuff_named(g, first, "renamed") == first &&
              tuff_graph_find(g, "renamed") == first && !tuff_graph_find(g, "view/0") &&
              tuff_named(g, first, "view/0") == first && tuff_graph_find(g, "view/0") == first &&
              !tuff_graph_find(g, "renamed"),
          "a value has a name that it had");
    tuff_graph_destroy(g);
}

static void hashes(void)
{
    static const char text[] = "a text of some bytes";
    uint64_t pair[2] = {0, 7};
    tuff_hash_pair(pair, text, sizeof text);
    check(pair[0] == tuff_hash(0, text, sizeof text) && pair[1] == tuff_hash(7, text, sizeof text),
          "a pair of hashes is not the two");
}

int main(void)
{
    struct tuff_context *context = NULL;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    hashes();
    table(context);
    arrays(context);
    kernels(context);
    leaves(context);
    tuff_context_destroy(context);
    return failures != 0;
}
