/* plan_barriers.c - random plans: with the placed barriers the checker is content, and with any single one of them dropped
 * it names a hazard. Needs no device. */
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
    printf("300 plans, %u barriers dropped one by one, %u failures\n", dropped, failures);
    tuff_context_destroy(context);
    return failures || dropped < 1000;
}
