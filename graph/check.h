/* check.h - checked mode and the self-test of kernels (tuff_options.check): what a launch computes on this device is compared with the operators' definitions before the
 * plan that it is of runs. Private. */
#ifndef TUFF_CHECK_H
#define TUFF_CHECK_H

#include "graph/compile/compile.h"

struct tuff_check {
    struct tuff_device *device;           /* [borrowed] */
    const struct tuff_cancel *cancel;     /* [borrowed] or NULL */
    const struct tuff_compiler *compiler; /* [borrowed] that the plan will be compiled by */
    bool first;                           /* one small launch of each kernel that was never compared on the device */
    uint32_t right, known, left_out;      /* groups: compared now, compared before, not compared */
    uint64_t tried[16]; /* first: kernels that could not be compared in this plan, by their hash, the last ones */
    uint32_t tried_count;
    bool switched_off; /* a family was: the plan is to be made anew */
};
/* Runs the launches of the group, from number `first` of the work's plan on, by themselves on numbers of its own, once for each shape that a
 * device sees. Errors: WRONG, and then either check->switched_off or nothing else can compute it; those of executables. */
TUFF_MUST_CHECK tuff_status tuff_check_group(struct tuff_check *check, const struct tuff_work *w,
                                             const struct tuff_group *group, uint32_t first);

#endif
