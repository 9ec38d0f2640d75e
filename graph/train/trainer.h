/* trainer.h - inside of a trainer, for models, which replace the optimizer of one, and for the search of what is not finite. Private. */
#ifndef TUFF_TRAINER_H
#define TUFF_TRAINER_H

#include "graph/op.h"
#include "graph/train/optimizer.h"

struct tuff_trainer {
    struct tuff_context *context; /* [borrowed] */
    uint32_t references;          /* its maker's, and one of each that is like it */
    struct tuff_graph *graph;     /* [retained] */
    struct tuff_session *session; /* [borrowed] which `run` retains, or NULL */
    struct tuff_executable *run;  /* [owned] or NULL */
    struct tuff_trainer *like;    /* [retained] or NULL */
    struct tuff_trainer
        *first; /* [borrowed] whose optimizer counts runs and is fed: itself, or that of the one it is like */
    const struct tuff_session *fed; /* of `first`: whose states have its rates; to compare alone */
    struct tuff_optimizer optimizer;
    enum tuff_not_finite not_finite;
    uint64_t memory_budget; /* 0: none */
    tuff_val begin;         /* the first value that it added to the graph */
    tuff_val loss;
    const bool *needed; /* [graph's arena] by value, before `begin`: what the loss and the outputs follow from */
    tuff_val *outputs;  /* [graph's arena] loss, values to read, assignments */
    uint32_t output_count, read_count;   /* the first ones can be read */
    const struct tuff_station *stations; /* [graph's arena] or NULL */
    uint64_t skipped, lost, skipped_before,
        lost_before;  /* of `first`: runs that were not finite, as last seen, since counting began, and before */
    float loss_scale; /* of `first`: as last seen */
    uint64_t unchecked,
        last_run;              /* steps since health was looked at; the number of the last one that this trainer submitted */
    uint32_t sets;             /* of inputs */
    bool ran, inside;          /* a step was submitted; one has stopped at a station */
    struct tuff_error failure; /* what stopped the training; sticky in `first` */
};

/* As tuff_trainer_create. until: assignments that are not before this value are not its own; 0: none are. replaces: a trainer of the
 * same loss and parameters, whose states and count of runs it takes over; it may have the same settings or others. */
TUFF_MUST_CHECK tuff_status tuff_trainer_make(struct tuff_graph *graph, const struct tuff_trainer_params *params,
                                              const struct tuff_trainer *replaces, tuff_val until,
                                              struct tuff_trainer **trainer, struct tuff_error *error);
/* Number of the run whose loss or gradients were not finite and that stopped the training; UINT64_MAX: none did. Waits. */
TUFF_MUST_CHECK tuff_status tuff_trainer_stopped(struct tuff_trainer *trainer, uint64_t *run, struct tuff_error *error);
/* Where the inputs of the step in question are: nowhere (or it has none), those of the last run, those of the next one. */
enum tuff_step_inputs { TUFF_INPUTS_NONE, TUFF_INPUTS_LAST, TUFF_INPUTS_NEXT };
/* Computes all values of a step that has failed again and names the first one that is not finite. Always returns NOT_FINITE; name says
 * what ran, "step 12". */
tuff_status tuff_trainer_explain(struct tuff_trainer *trainer, const char *name, enum tuff_step_inputs inputs,
                                 struct tuff_error *error);

/* ---- recompute.c: what a step computes a second time to keep to a memory budget ------------------------------------------------- */

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

/* ---- find_rate.c: a search for a learning rate over steps of any kind, those of a trainer, and of a model's fit ------------------- */

/* One step of `trainer` and its loss: NOT_FINITE ends the search well. */
typedef tuff_status tuff_rate_step(void *user, uint32_t step, double *loss, struct tuff_error *error);
TUFF_MUST_CHECK tuff_status tuff_find_rate_by(struct tuff_trainer *trainer, const struct tuff_find_rate_params *params,
                                              tuff_rate_step *step, void *user, struct tuff_rate_point *points,
                                              struct tuff_found_rate *found, struct tuff_error *error);

#endif
