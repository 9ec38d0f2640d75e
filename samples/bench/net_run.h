/* net_run.h - a work of nets.h on a device: compiled, run, set back to its first step, checked. */
#ifndef NET_RUN_H
#define NET_RUN_H

#include "bench.h"
#include "nets.h"

/* Zero-initialize, net_run_create, net_run_finish (also after a failure). */
struct net_run {
    struct zoo_work work;
    struct tuff_device *device; /* [borrowed] */
    struct tuff_session *session;
    struct tuff_executable *executable;
    struct tuff_plan_figures figures;
    float *out; /* outputs of the last run (inference), its loss (training) */
    uint64_t out_count;
    void **leaves; /* initial contents of parameters and states (net_run_keep); NULL for zeros */
    void *zeros;   /* as many as the largest of those has */
    uint32_t leaf_count;
    double compile_seconds;
};
tuff_status net_run_create(struct bench *bench, struct tuff_device *device, const struct zoo_net *net, enum zoo_mode mode,
                           uint32_t batch, struct net_run *run, struct tuff_error *error);
void net_run_finish(struct net_run *run);
/* Before the first step: keeps what net_run_verify needs where training changes it, or where weights are the peers'. */
tuff_status net_run_keep(struct net_run *run, struct tuff_error *error);
/* One step, waited for, with its outputs read back to the host. Fits struct runner. */
tuff_status net_run_step(void *user, double *device_ns, struct tuff_error *error);
/* Of the buffers as they are after the timing. Inference: outputs of the last run. Training: parameters and states are set
 * back to their initial contents, then the first step, or the first few, are done again on the same buffers. */
tuff_status net_run_verify(struct net_run *run, struct check *check, struct tuff_error *error);
/* The same after a single step from the initial values. */
tuff_status net_run_verify_first(struct net_run *run, struct check *check, struct tuff_error *error);
/* The device of these capabilities, opened once more: with memory figures of its own. */
tuff_status open_again(struct bench *bench, const struct tuff_caps *caps, struct tuff_device **device,
                       struct tuff_error *error);
uint32_t net_tokens(const struct zoo_net *net); /* 1 for pictures */

#endif
