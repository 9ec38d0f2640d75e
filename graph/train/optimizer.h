/* optimizer.h - gradients of parameters and their update as graph, and the table of step sizes that a host feeds. Private: trainers are
 * made of it (trainer.c), the self-test and tests of plans. */
#ifndef TUFF_OPTIMIZER_H
#define TUFF_OPTIMIZER_H

#include "graph/op.h"

enum { TUFF_OPTIMIZER_UPDATES = 11 }; /* at most, of an optimizer without groups that is built before any session */
/* Numbers of the state `health`, i32 [TUFF_HEALTH]: runs that were sound; whose gradients were not; likewise, under a loss scale that could be
 * halved; whose loss was not. */
enum tuff_health { TUFF_HEALTH_SOUND = 0, TUFF_HEALTH_BAD, TUFF_HEALTH_OVERFLOWED, TUFF_HEALTH_LOST, TUFF_HEALTH };

/* What tuff_optimizer_build makes; plain data, owned by the caller. */
struct tuff_optimizer {
    struct tuff_optimizer_params params;
    const tuff_val *updates; /* [in the graph] assignments, to be listed among the outputs of the training plan */
    uint32_t update_count;
    tuff_val grad_norm;     /* 2-norm of all gradients before clipping, or 0 without clip_norm */
    tuff_val averaged;      /* state: 1 once there are averages, or 0: no value */
    tuff_val ema_table;     /* state beside `table`: how much of the averages stays, or 0 */
    tuff_val table, cursor; /* states: rows of step sizes computed ahead by the host, and the row of the next run */
    /* State: how many runs were of each kind; where one stops the training, those that come after it are LOST. */
    tuff_val health;
    tuff_val loss_scale; /* state f32 [1], or 0 */
    tuff_val go, sound;  /* bool scalars: no earlier run has stopped the training, or 0: none can; this one is finite, too */
    struct tuff_optimizer_pack
        packs[TUFF_PARAM_GROUPS + 1]; /* parameters of no group, where there are any, then groups that are trained */
    const tuff_val *param_packs[TUFF_PARAM_GROUPS + 1]; /* [in the graph] parameters' memory, for each pack in parts */
    uint32_t part_counts[TUFF_PARAM_GROUPS + 1];
    const tuff_val *members[TUFF_PARAM_GROUPS + 1]; /* [in the graph] parameters of each pack */
    uint32_t pack_count;
    double rate_scale;   /* factor of all rates of the schedule */
    uint64_t epoch_runs; /* an update is made at the end of so many runs at the latest; 0: none */
    uint64_t run;        /* runs fed so far */
    uint64_t filled;     /* runs for which rows are on the device */
    uint64_t base;       /* run from which `health` counts */
    tuff_val declared;   /* its parameters lie before this value: those of the first, of optimizers that are alike */
    bool resumed;        /* the next feeding makes `health` zeros */
};

/* What differs between optimizers of one graph. */
struct tuff_optimizer_plan {
    tuff_val loss;                     /* of one element */
    enum tuff_not_finite not_finite;   /* what a loss or gradients do that are not finite */
    double weight;                     /* of a run's gradients among those of the runs that an update waits for */
    const bool *again;                 /* what is not kept for the gradients (tuff_gradients_again) */
    bool stations;                     /* what the update is made of has a state, too */
    const struct tuff_optimizer *like; /* an optimizer of the same graph and parameters: its states are shared; NULL: none */
};
/* Adds gradients of the loss by all parameters declared so far but frozen ones, and their update, to the graph: one launch for
 * each group, as its parameters lie side by side; where a session had given them memory before this call, one for each run of
 * neighbours. A group without parameters is an error. Errors are sticky in the graph. */
void tuff_optimizer_build(struct tuff_graph *g, const struct tuff_optimizer_plan *plan,
                          const struct tuff_optimizer_params *params, struct tuff_optimizer *optimizer);
/* What it would refuse whatever the graph is. */
TUFF_MUST_CHECK tuff_status tuff_optimizer_check(struct tuff_context *context, const struct tuff_optimizer_params *params,
                                                 struct tuff_error *error);
/* Call before each run of a plan: writes the next rows of step sizes when they are used up (every 256 runs), computed in
 * double from optimizer->run, which it advances. No waiting. Errors: USAGE when the schedule's rate is not a finite number. */
struct tuff_session;
TUFF_MUST_CHECK tuff_status tuff_optimizer_feed(struct tuff_optimizer *optimizer, struct tuff_session *session,
                                                struct tuff_error *error);
/* The first group that matches the name, from 1; 0: none does. */
uint32_t tuff_optimizer_group(const struct tuff_param_group *groups, uint32_t count, const char *name);
/* Updates before the next run. */
uint64_t tuff_optimizer_updates(const struct tuff_optimizer *optimizer);
/* Goes on from this run: after loading a checkpoint, or after training had stopped. */
void tuff_optimizer_resume(struct tuff_optimizer *optimizer, uint64_t run);
/* How many elements are not finite, f32 [1]: no number is negative, so that the sum is 0 for none alone, however many there are. */
tuff_val tuff_count_not_finite(struct tuff_graph *g, tuff_val v);
/* What of two differs first, b from a, with both numbers: "beta1 is 0.9 there, 0.8 here"; schedules are looked at last. */
enum tuff_difference { TUFF_ARE_SAME = 0, TUFF_DIFFER_IN_SCHEDULE, TUFF_DIFFER };
enum tuff_difference tuff_optimizer_compare(const struct tuff_optimizer_params *a, const struct tuff_optimizer_params *b,
                                            char *text, size_t bytes);
/* Likewise of what says which vectors there are: names and patterns of the groups, and what is frozen. */
bool tuff_optimizer_groups_differ(const struct tuff_optimizer_params *a, const struct tuff_optimizer_params *b, char *text,
                                  size_t bytes);

/* ---- what its settings and those of schedules share: settings.c, schedule.c ---------------------------------------------------- */

/* One number of two settings. */
struct tuff_setting {
    const char *what;
    double a, b;
};
/* Text of the first that differ, "OF WHAT is A there, B here"; false: none do. */
bool tuff_settings_differ(const char *of, const struct tuff_setting *pairs, size_t count, char *text, size_t bytes);

/* The loss scale that it begins with; 0: none. */
double tuff_first_loss_scale(const struct tuff_precision *precision);
TUFF_MUST_CHECK tuff_status tuff_schedule_check(struct tuff_context *context, const struct tuff_schedule *s,
                                                struct tuff_error *error);
bool tuff_schedules_differ(const struct tuff_schedule *a, const struct tuff_schedule *b, char *text, size_t bytes);
/* Its arrays become those of the arena. False: no memory. */
bool tuff_schedule_copy(struct tuff_schedule *s, struct tuff_arena *arena);

#endif
