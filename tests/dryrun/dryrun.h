/* dryrun.h - what the parts of tuff-dryrun share. */
#ifndef TUFF_DRYRUN_H
#define TUFF_DRYRUN_H

#include <tuff/tuff.h>

struct dryrun {
    struct tuff_context *context;
    struct tuff_device *device;
    bool compile_only;
    bool nets;                            /* instead of the rest */
    bool asking;                          /* the library may refuse: that is an answer, no error */
    unsigned failures, no_room, messages; /* messages: errors in the log, as those of the validation layer */
    bool covered[256];                    /* kernel files that stand in a plan */
    bool tried[1024];                     /* operators of the table that stand in a plan */
};

/* Prints a line for a plan and counts it. figures may be NULL. A net that a device has no memory for is no failure. */
void dryrun_report(struct dryrun *d, const char *name, tuff_status status, const struct tuff_error *error,
                   const struct tuff_plan_figures *figures);

/* The nets of tuff-bench (samples/bench/nets.h): inference of one sample, training where the net trains. name NULL: all. False:
 * there is no net of that name. */
bool dryrun_nets(struct dryrun *d, const char *name);

#endif
