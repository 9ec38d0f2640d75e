/* recompute.h - what a step computes a second time to keep to a memory budget. Private to graph/train. */
#ifndef TUFF_RECOMPUTE_H
#define TUFF_RECOMPUTE_H

#include "graph/op.h"

struct tuff_recompute {
    struct tuff_graph *graph;
    tuff_val loss, end; /* values from `end` on are the trainer's */
    uint64_t budget;    /* of scratch_bytes */
    /* Makes the trainer's values anew, with these values below `end` computed again (tuff_gradients_again), and plans. */
    tuff_status (*plan)(void *user, const bool *again, struct tuff_plan_figures *figures, struct tuff_error *error);
    void *user;
};
/* Leaves the graph with the trainer's values of the plan that computes least again within the budget. Errors: DEVICE_MEMORY where there is
 * none, with the least that was found; those of plan. */
TUFF_MUST_CHECK tuff_status tuff_recompute_fit(const struct tuff_recompute *r, struct tuff_error *error);

#endif
