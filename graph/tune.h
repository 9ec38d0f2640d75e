/* tune.h - choices among kernels' constants: what tuning files say (struct row), and a tuner that tries them. Private.
 *
 * A lowering that can do a work in several ways, all of which add the same terms in the same order, asks tuff_pick. So tuning changes no bit
 * of a result, and needs no place in checkpoints; what it does change is the plan, and so its hash. */
#ifndef TUFF_TUNE_H
#define TUFF_TUNE_H

#include "graph/op.h"

enum { TUFF_PICK_MOST = 16, TUFF_PICK_TEXT = 24, TUFF_WORK_TEXT = 160 };

/* One way: constants of a family of kernels, as many as it has, powers of two up to TUFF_PICK_CONSTANT. */
enum { TUFF_PICK_CONSTANTS = 4, TUFF_PICK_CONSTANT = 256 };
struct tuff_way {
    enum tuff_family family;
    uint32_t constants[TUFF_PICK_CONSTANTS]; /* the first 0 ends them */
};

struct tuff_pick { /* one that was asked for */
    char work[TUFF_WORK_TEXT];
    struct tuff_way ways[TUFF_PICK_MOST];
    uint32_t count, standard, taken;
    uint32_t launch; /* of the plan */
};
/* What a plan's lowering chooses by. */
struct tuff_tuner {
    struct tuff_context *context; /* [borrowed] whose rows it takes */
    /* The tuner's own: */
    bool tries;   /* way number `way` of each work that has so many, else the standard; no rows of the context */
    uint32_t way; /* UINT32_MAX: the standard one */
    const struct tuff_pick *wanted; /* [borrowed] works of which the way `taken` is to be taken */
    uint32_t wanted_count;
    struct tuff_arena arena; /* holds the picks where `tries` */
    struct tuff_pick *picks;
    uint32_t count;
};

/* Number of the way that is to be taken; lower->tuner NULL: standard. */
uint32_t tuff_pick(const struct tuff_lower *lower, const struct tuff_way *ways, uint32_t count, uint32_t standard);

/* The file that the options name, once. Errors: as tuff_tuning_open. */
TUFF_MUST_CHECK tuff_status tuff_tuning_of_options(struct tuff_context *context, struct tuff_error *error);
/* tuff_session_compile of a plan that the tuner chooses; it is borrowed until this returns. */
struct tuff_session;
struct tuff_executable;
struct tuff_executable_params;
TUFF_MUST_CHECK tuff_status tuff_session_compile_tuned(struct tuff_session *session,
                                                       const struct tuff_executable_params *params, struct tuff_tuner *tuner,
                                                       struct tuff_executable **executable, struct tuff_error *error);

#endif
