/* cuts.h - where the submissions of a run end. Private; pure arithmetic, knows no device. */
#ifndef TUFF_CUTS_H
#define TUFF_CUTS_H

#include "backend/caps.h"
#include "backend/plan.h"

/* No submission is to take longer: a quarter of the 2 s after which Windows takes a GPU away; others wait for 5 s and more. */
#define TUFF_SUBMISSION_NS UINT64_C(500000000)
/* What is aimed at: this, or what the context's options say. */
static inline uint64_t tuff_submission_ns(const struct tuff_context *context)
{
    return context->options.submission_ms ? context->options.submission_ms * UINT64_C(1000000) : TUFF_SUBMISSION_NS;
}

/* What the cutter knows of a launch of a run: those of loops are one a round. */
struct tuff_cut_launch {
    uint64_t ns; /* how long it is believed to take */
    uint32_t groups[3];
    bool splits; /* it may be dispatched in parts */
    bool begins; /* a submission begins with it: a station stands before it, or the prepare section */
};

/* A launch or a part of one: workgroups base .. base + groups - 1. */
struct tuff_piece {
    uint32_t launch, base[3], groups[3];
    uint64_t ns;
    bool first, last; /* of its launch */
    bool ends;        /* a submission ends behind it */
};

struct tuff_cuts {
    struct tuff_piece *pieces; /* [owned] of tuff_alloc */
    uint32_t count, submissions;
};

/* Multiply and add count as two; bytes read and written. Where nothing is known of a launch, it is a matter of its bytes. */
uint64_t tuff_launch_estimate(const struct tuff_caps *caps, uint64_t flops, uint64_t bytes);
/* Fills an entry for each launch of a run (tuff_plan_run_length): what it is believed to take, where it begins. All may be split. */
void tuff_cuts_believe(const struct tuff_plan *plan, const struct tuff_caps *caps, struct tuff_cut_launch *launches);
/* Cuts into submissions of at most limit_ns, as far as parts of launches can be so short. There is at least one submission.
 * A part is a range along the last axis of the grid that has more than one workgroup. Its workgroups keep their numbers and see the
 * whole counts along the other axes; along the last one kernels ask for no count (shaders/include/kernel.glsl). So bits stay. */
tuff_status tuff_cuts_make(const struct tuff_cut_launch *launches, uint32_t count, uint64_t limit_ns,
                           struct tuff_context *context, struct tuff_cuts *cuts, struct tuff_error *error);
void tuff_cuts_finish(struct tuff_cuts *cuts, struct tuff_context *context);

#endif
