/* plan_barriers.c - random plans: with the placed barriers the checker is content, and with any single one of them dropped
 * it names a hazard; a prepare section that is none is refused. Needs no device. */
#include "backend/plan.h"

#include <stdio.h>

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u; /* Numerical Recipes */
    return *state >> 8;
}

static void build(struct tuff_plan *plan, uint32_t seed)
{
    uint32_t random = seed, slot_count = 4 + next_random(&random) % 8, launch_count = 2 + next_random(&random) % 40;
    uint32_t scratch = tuff_plan_add_memory(plan, TUFF_MEMORY_SCRATCH, 4096);
    uint32_t params = tuff_plan_add_memory(plan, TUFF_MEMORY_PARAM, 4096);
    for (uint32_t i = 0; i < slot_count; i++) {
        struct tuff_plan_slot slot = {.name = "s", .memory = next_random(&random) % 2 ? scratch : params};
        slot.offset = next_random(&random) % 12 * 256; /* slots may share memory: the planner reuses it */
        slot.bytes = (1 + next_random(&random) % 4) * 256;
        tuff_plan_add_slot(plan, &slot);
    }
    tuff_plan_add_kernel(plan, &(struct tuff_plan_kernel){.file = "k"}, NULL, 0);
    for (uint32_t i = 0; i < launch_count; i++) {
        struct tuff_plan_binding bindings[4];
        uint32_t count = 1 + next_random(&random) % 4;
        for (uint32_t k = 0; k < count; k++) {
            uint32_t slot = next_random(&random) % slot_count;
            bindings[k] = (struct tuff_plan_binding){
                .slot = slot, .access = k + 1 < count ? TUFF_READ : TUFF_WRITE, .bytes = plan->slots[slot].bytes};
        }
        tuff_plan_add_launch(plan, &(struct tuff_plan_launch){.label = "l", .groups = {1, 1, 1}}, bindings, count, NULL, 0);
    }
    tuff_plan_place_barriers(plan);
}

enum { PARAM, OTHER, PREPARED, SCRATCH, INPUT, OUTPUT, SHARED, SLOTS }; /* SHARED: where SCRATCH is */

/* Launch 0 prepares, 1 does not; the second binding of each is written. */
static tuff_status check_prepare(struct tuff_context *context, const uint32_t slots[4], uint32_t prepare_count, bool station)
{
    const enum tuff_memory kinds[SLOTS] = {TUFF_MEMORY_PARAM, TUFF_MEMORY_PARAM,  TUFF_MEMORY_PREPARED, TUFF_MEMORY_SCRATCH,
                                           TUFF_MEMORY_INPUT, TUFF_MEMORY_OUTPUT, TUFF_MEMORY_SCRATCH};
    struct tuff_plan plan;
    tuff_plan_init(&plan, context);
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct tuff_plan_slot slot = {.name = tuff_memory_name(kinds[i]), .bytes = 256};
        if (i == SHARED)
            slot.memory = plan.slots[SCRATCH].memory;
        else if (!tuff_plan_place(&plan, &slot, kinds[i], UINT64_MAX))
            return TUFF_OK;
        if (tuff_plan_add_slot(&plan, &slot) != i) return TUFF_OK;
    }
    tuff_plan_add_kernel(&plan, &(struct tuff_plan_kernel){.file = "k"}, NULL, 0);
    for (uint32_t i = 0; i < 2; i++) {
        const struct tuff_plan_binding bindings[] = {{.slot = slots[2 * i], .access = TUFF_READ, .bytes = 256},
                                                     {.slot = slots[2 * i + 1], .access = TUFF_WRITE, .bytes = 256}};
        tuff_plan_add_launch(&plan, &(struct tuff_plan_launch){.label = "l", .groups = {1, 1, 1}}, bindings, 2, NULL, 0);
    }
    plan.prepare_count = prepare_count;
    if (station && !tuff_plan_add_station(&plan, "s", 2)) return TUFF_OK;
    tuff_plan_place_barriers(&plan);
    tuff_status status = tuff_plan_check(&plan, context, NULL);
    tuff_plan_finish(&plan);
    return status;
}

static uint32_t check_sections(struct tuff_context *context)
{
    static const struct {
        const char *what;
        uint32_t slots[4], prepare_count;
        tuff_status wanted;
        bool station;
    } cases[] = {
        {"a section", {PARAM, PREPARED, PREPARED, OUTPUT}, 1, TUFF_OK, false},
        {"a section with scratch", {PARAM, SCRATCH, INPUT, OUTPUT}, 1, TUFF_OK, false},
        {"another parameter written", {PARAM, PREPARED, PREPARED, OTHER}, 1, TUFF_OK, false},
        {"more launches than there are", {PARAM, PREPARED, PREPARED, OUTPUT}, 3, TUFF_ERR_USAGE, false},
        {"prepared memory without a section", {PARAM, PREPARED, PREPARED, OUTPUT}, 0, TUFF_ERR_USAGE, false},
        {"an input is prepared", {INPUT, PREPARED, PREPARED, OUTPUT}, 1, TUFF_ERR_USAGE, false},
        {"an output is prepared", {PARAM, OUTPUT, INPUT, OTHER}, 1, TUFF_ERR_USAGE, false},
        {"a parameter is prepared", {PARAM, OTHER, INPUT, OUTPUT}, 1, TUFF_ERR_USAGE, false},
        {"what was prepared is written", {PARAM, PREPARED, INPUT, PREPARED}, 1, TUFF_ERR_USAGE, false},
        {"what is prepared from is written", {PARAM, PREPARED, INPUT, PARAM}, 1, TUFF_ERR_USAGE, false},
        {"its scratch is read", {PARAM, SCRATCH, SCRATCH, OUTPUT}, 1, TUFF_ERR_USAGE, false},
        {"a section and a station", {PARAM, SCRATCH, INPUT, OUTPUT}, 1, TUFF_OK, true},
        {"its scratch is used again", {PARAM, SCRATCH, INPUT, SHARED}, 1, TUFF_OK, false},
        {"its scratch is used again, and a station", {PARAM, SCRATCH, INPUT, SHARED}, 1, TUFF_ERR_USAGE, true},
    };
    uint32_t failures = 0;
    for (uint32_t i = 0; i < TUFF_COUNT(cases); i++) {
        tuff_status got = check_prepare(context, cases[i].slots, cases[i].prepare_count, cases[i].station);
        if (got != cases[i].wanted)
            printf("%s: expected %s, got %s\n", cases[i].what, tuff_status_name(cases[i].wanted), tuff_status_name(got)),
                failures++;
    }
    return failures;
}

int main(void)
{
    struct tuff_context *context = NULL;
    uint32_t dropped = 0, failures = 0;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        struct tuff_plan plan;
        struct tuff_error error = {0};
        tuff_plan_init(&plan, context);
        build(&plan, seed * 7919);
        if (tuff_plan_check(&plan, context, &error) != TUFF_OK)
            printf("plan %u: expected ok, got %s\n", seed, error.message), failures++;
        for (uint32_t i = 0; i < plan.launch_count; i++) {
            if (!plan.launches[i].barrier) continue;
            plan.launches[i].barrier = false;
            if (tuff_plan_check(&plan, context, NULL) == TUFF_OK)
                printf("plan %u: expected a hazard without the barrier of launch %u, got ok\n", seed, i), failures++;
            plan.launches[i].barrier = true;
            dropped++;
        }
        tuff_plan_finish(&plan);
    }
    failures += check_sections(context);
    printf("300 plans, %u barriers dropped one by one, %u failures\n", dropped, failures);
    tuff_context_destroy(context);
    return failures || dropped < 1000;
}
