/* plan_loops.c - random plans with loops: their barriers leave no hazard in the same launches written out, and without any one of
 * them the checker says of the loop what it says of those; damaged loops are refused. Needs no device. */
#include "backend/plan.h"

#include <stdio.h>

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u; /* Numerical Recipes */
    return *state >> 8;
}

/* Rows of 256 bytes. In the loop a binding stands still, goes up or down, or round in a ring. */
static struct tuff_plan_binding random_binding(uint32_t *random, uint32_t slots, bool loops, uint32_t rounds, bool writes)
{
    struct tuff_plan_binding binding = {
        .slot = next_random(random) % slots, .access = writes ? TUFF_WRITE : TUFF_READ, .bytes = 256};
    uint32_t kind = loops ? next_random(random) % 4 : 0;
    binding.step = kind == 0 ? 0 : kind == 1 ? -256 : 256;
    binding.ring = kind == 3 ? 2 + next_random(random) % 2 : 0;
    binding.offset = 256 * (uint64_t)(next_random(random) % 2 + (kind == 1 ? rounds - 1 : 0));
    return binding;
}

static void build(struct tuff_plan *plan, uint32_t seed)
{
    uint32_t random = seed, rounds = 2 + next_random(&random) % 5, launches = 3 + next_random(&random) % 8;
    uint32_t first = next_random(&random) % launches, count = 1 + next_random(&random) % (launches - first);
    uint32_t memory = tuff_plan_add_memory(plan, TUFF_MEMORY_SCRATCH, 3 * 8 * 256);
    for (uint32_t i = 0; i < 3; i++)
        tuff_plan_add_slot(plan, &(struct tuff_plan_slot){.name = "s", .memory = memory, .offset = i * 2048, .bytes = 2048});
    tuff_plan_add_kernel(plan, &(struct tuff_plan_kernel){.file = "k"}, NULL, 0);
    for (uint32_t i = 0; i < launches; i++) {
        bool loops = i >= first && i < first + count;
        struct tuff_plan_binding bindings[3];
        for (uint32_t k = 0; k < 3; k++) bindings[k] = random_binding(&random, 3, loops, rounds, k == 2);
        tuff_plan_add_launch(plan, &(struct tuff_plan_launch){.label = "l", .groups = {1, 1, 1}}, bindings, 3, NULL, 0);
    }
    tuff_plan_add_loop(plan, &(struct tuff_plan_loop){first, count, rounds});
}

/* The same launches without a loop. */
static bool is_right_written_out(const struct tuff_plan *plan, struct tuff_context *context)
{
    struct tuff_plan flat;
    uint32_t length = 0;
    tuff_plan_init(&flat, context);
    tuff_plan_add_memory(&flat, TUFF_MEMORY_SCRATCH, plan->memories[0].bytes);
    for (uint32_t i = 0; i < plan->slot_count; i++) tuff_plan_add_slot(&flat, &plan->slots[i]);
    tuff_plan_add_kernel(&flat, &(struct tuff_plan_kernel){.file = "k"}, NULL, 0);
    for (struct tuff_plan_cursor at = {0}; at.launch < plan->launch_count; tuff_plan_advance(plan, &at), length++) {
        const struct tuff_plan_launch *launch = &plan->launches[at.launch];
        struct tuff_plan_binding bindings[3];
        for (uint32_t k = 0; k < 3; k++) {
            bindings[k] = plan->bindings[launch->binding_first + k];
            bindings[k].offset = tuff_binding_offset(&bindings[k], at.round);
            bindings[k].step = bindings[k].ring = 0;
        }
        tuff_plan_add_launch(&flat, launch, bindings, 3, NULL, 0);
    }
    bool right = tuff_plan_check(&flat, context, NULL) == TUFF_OK && length == tuff_plan_run_length(plan);
    tuff_plan_finish(&flat);
    return right;
}

static int check_random(struct tuff_context *context, uint32_t seed, uint32_t *dropped)
{
    struct tuff_plan plan;
    struct tuff_error error = {0};
    int failures = 0;
    tuff_plan_init(&plan, context);
    build(&plan, seed);
    tuff_plan_place_barriers(&plan);
    if (tuff_plan_check(&plan, context, &error) != TUFF_OK || !is_right_written_out(&plan, context))
        printf("plan %u: expected ok, also written out, got %s\n", seed, error.message), failures++;
    for (uint32_t i = 0; i < plan.launch_count; i++) {
        const struct tuff_plan_loop *loop = plan.loops;
        bool fence = i == loop->launch_first || i == loop->launch_first + loop->launch_count;
        if (!plan.launches[i].barrier) continue;
        plan.launches[i].barrier = false;
        bool right = tuff_plan_check(&plan, context, NULL) == TUFF_OK;
        if (fence ? right : right != is_right_written_out(&plan, context))
            printf("plan %u: without the barrier of launch %u: expected otherwise\n", seed, i), failures++;
        plan.launches[i].barrier = true;
        *dropped += !right;
    }
    tuff_plan_finish(&plan);
    return failures;
}

/* One thing is wrong with the plan. */
static int check_refused(struct tuff_context *context, const char *what, void (*damage)(struct tuff_plan *))
{
    struct tuff_plan plan;
    tuff_plan_init(&plan, context);
    uint32_t memory = tuff_plan_add_memory(&plan, TUFF_MEMORY_SCRATCH, 2048);
    tuff_plan_add_slot(&plan, &(struct tuff_plan_slot){.name = "s", .memory = memory, .bytes = 2048});
    tuff_plan_add_kernel(&plan, &(struct tuff_plan_kernel){.file = "k"}, NULL, 0);
    for (uint32_t i = 0; i < 4; i++) {
        struct tuff_plan_binding binding = {.access = TUFF_WRITE, .bytes = 256, .step = i == 1 || i == 2 ? 256 : 0};
        tuff_plan_add_launch(&plan, &(struct tuff_plan_launch){.label = "l", .groups = {1, 1, 1}}, &binding, 1, NULL, 0);
    }
    tuff_plan_add_loop(&plan, &(struct tuff_plan_loop){1, 2, 8});
    tuff_plan_place_barriers(&plan);
    int failures = tuff_plan_check(&plan, context, NULL) != TUFF_OK;
    if (failures) printf("%s: expected ok before\n", what);
    damage(&plan);
    if (tuff_plan_check(&plan, context, NULL) == TUFF_OK) printf("%s: expected to be refused\n", what), failures++;
    tuff_plan_finish(&plan);
    return failures;
}

static void rounds_9(struct tuff_plan *plan) { plan->loops[0].rounds = 9; }
static void rounds_1(struct tuff_plan *plan) { plan->loops[0].rounds = 1; }
static void rounds_many(struct tuff_plan *plan) { plan->loops[0].rounds = UINT32_MAX; }
static void no_launches(struct tuff_plan *plan) { plan->loops[0].launch_count = 0; }
static void beyond(struct tuff_plan *plan) { plan->loops[0].launch_count = 4; }
static void outside(struct tuff_plan *plan) { plan->loops[0].launch_first = 2; }
static void downward(struct tuff_plan *plan) { plan->bindings[1].step = -256; }
static void crooked(struct tuff_plan *plan) { plan->bindings[1].step = 128; }
static void huge(struct tuff_plan *plan) { plan->bindings[1].step = INT64_MIN; }
static void ring_of_none(struct tuff_plan *plan) { plan->bindings[1].step = 0, plan->bindings[1].ring = 2; }
static void station(struct tuff_plan *plan) { tuff_plan_add_station(plan, "within", 2); }
static void twice(struct tuff_plan *plan) { tuff_plan_add_loop(plan, &(struct tuff_plan_loop){2, 2, 2}); }

static const struct {
    const char *what;
    void (*damage)(struct tuff_plan *);
} damages[] = {{"a round too many", rounds_9},
               {"one round", rounds_1},
               {"rounds without end", rounds_many},
               {"no launches", no_launches},
               {"launches beyond the plan", beyond},
               {"a step outside of a loop", outside},
               {"down out of the slot", downward},
               {"no multiple of 256 bytes", crooked},
               {"a huge step", huge},
               {"a ring without a step", ring_of_none},
               {"a station within", station},
               {"loops over each other", twice}};

/* Two launches of as many rounds as there can be: one reads much and its row of slot 0, the other writes a row of slot `to`. Where it
 * is the next one of slot 0, only round by round is it seen that the two do not meet, which takes too long. */
static int check_long(struct tuff_context *context, uint32_t to, tuff_status wanted)
{
    enum { MANY = 320 };
    const uint64_t bytes = 256 * ((uint64_t)TUFF_PLAN_MOST_ROUNDS + 1);
    struct tuff_plan plan;
    tuff_plan_init(&plan, context);
    uint32_t memory = tuff_plan_add_memory(&plan, TUFF_MEMORY_SCRATCH, 3 * bytes);
    for (uint32_t i = 0; i < 3; i++)
        tuff_plan_add_slot(&plan,
                           &(struct tuff_plan_slot){.name = "s", .memory = memory, .offset = i * bytes, .bytes = bytes});
    tuff_plan_add_kernel(&plan, &(struct tuff_plan_kernel){.file = "k"}, NULL, 0);
    struct tuff_plan_binding reads[MANY] = {{.slot = 0, .access = TUFF_READ, .bytes = 256, .step = 256}};
    for (uint32_t i = 1; i < MANY; i++) reads[i] = (struct tuff_plan_binding){.slot = 2, .access = TUFF_READ, .bytes = 256};
    const struct tuff_plan_binding writes = {.slot = to, .access = TUFF_WRITE, .offset = 256, .bytes = 256, .step = 256};
    const struct tuff_plan_launch launch = {.label = "l", .groups = {1, 1, 1}};
    tuff_plan_add_launch(&plan, &launch, reads, MANY, NULL, 0);
    tuff_plan_add_launch(&plan, &launch, &writes, 1, NULL, 0);
    tuff_plan_add_loop(&plan, &(struct tuff_plan_loop){0, 2, TUFF_PLAN_MOST_ROUNDS});
    tuff_plan_place_barriers(&plan);
    tuff_status got = tuff_plan_check(&plan, context, NULL);
    tuff_plan_finish(&plan);
    if (got == wanted) return 0;
    printf("a long loop that writes slot %u: expected %s, got %s\n", to, tuff_status_name(wanted), tuff_status_name(got));
    return 1;
}

/* Every third launch is a loop, in front of which is a station; a name that was there, and a station in the last loop, are found. */
static int check_many(struct tuff_context *context)
{
    enum { LAUNCHES = 90000 };
    struct tuff_plan plan;
    char name[16];
    uint32_t wrong = 0;
    tuff_plan_init(&plan, context);
    tuff_plan_add_memory(&plan, TUFF_MEMORY_SCRATCH, 256);
    tuff_plan_add_slot(&plan, &(struct tuff_plan_slot){.name = "s", .bytes = 256});
    tuff_plan_add_kernel(&plan, &(struct tuff_plan_kernel){.file = "k"}, NULL, 0);
    for (uint32_t i = 0; i < LAUNCHES; i++) {
        const struct tuff_plan_binding binding = {.access = TUFF_WRITE, .bytes = 256};
        tuff_plan_add_launch(&plan, &(struct tuff_plan_launch){.label = "l", .groups = {1, 1, 1}}, &binding, 1, NULL, 0);
        if (i % 3 == 1) tuff_plan_add_loop(&plan, &(struct tuff_plan_loop){i, 1, 2 + i % 7});
        snprintf(name, sizeof name, "%u", (unsigned)i);
        if (i % 3 == 1) tuff_plan_add_station(&plan, name, i);
    }
    tuff_plan_place_barriers(&plan);
    for (uint32_t i = 0; i < LAUNCHES; i++) wrong += tuff_plan_rounds(&plan, i) != (i % 3 == 1 ? 2 + i % 7 : 1);
    bool right = tuff_plan_check(&plan, context, NULL) == TUFF_OK;
    struct tuff_plan_station *last = &plan.stations[plan.station_count - 1], kept = *last;
    last->name = plan.stations[7].name;
    bool found = tuff_plan_check(&plan, context, NULL) == TUFF_ERR_USAGE;
    *last = kept;
    struct tuff_plan_loop *loop = &plan.loops[plan.loop_count - 1];
    loop->launch_first--;
    loop->launch_count++;
    bool within = tuff_plan_check(&plan, context, NULL) == TUFF_ERR_USAGE;
    tuff_plan_finish(&plan);
    if (!wrong && right && found && within) return 0;
    printf("many loops and stations: %u wrong counts of rounds, %d%d%d, expected 111\n", wrong, right, found, within);
    return 1;
}

int main(void)
{
    struct tuff_context *context = NULL;
    uint32_t dropped = 0;
    int failures = 0;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    for (uint32_t seed = 1; seed <= 300; seed++) failures += check_random(context, seed * 7919, &dropped);
    for (uint32_t i = 0; i < TUFF_COUNT(damages); i++)
        failures += check_refused(context, damages[i].what, damages[i].damage);
    failures += check_long(context, 0, TUFF_ERR_USAGE) + check_long(context, 1, TUFF_OK);
    failures += check_many(context);
    printf("300 plans, %u barriers that were missed, %d failures\n", dropped, failures);
    tuff_context_destroy(context);
    return failures || dropped < 500;
}
