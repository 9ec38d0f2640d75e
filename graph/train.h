/* train.h - schedules, optimizers, and models that are fitted, evaluated and asked. Public, part of graph.h. */
#ifndef TUFF_TRAIN_H
#define TUFF_TRAIN_H

#include "graph/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- optimizers -------------------------------------------------------------------------------------------------------------------- */

enum tuff_schedule_kind {
    TUFF_SCHEDULE_CONSTANT = 0,
    TUFF_SCHEDULE_STEP,        /* lr gamma^(t / every), whole division */
    TUFF_SCHEDULE_MULTI_STEP,  /* lr gamma^(milestones at or below t) */
    TUFF_SCHEDULE_EXPONENTIAL, /* lr gamma^t */
    TUFF_SCHEDULE_COSINE /* min_lr + (lr - min_lr) (1 + cos(pi t / period)) / 2; min_lr from period on (Loshchilov 2017) */
};
/* Learning rate as a function of the update number, from 0. In warm-up (t < warmup) it is lr (t + 1) / (warmup + 1), or, with a
 * start_factor, lr (start_factor + (1 - start_factor) t / warmup); behind it t counts from the warm-up's end. */
struct tuff_schedule {
    enum tuff_schedule_kind kind;
    double lr;
    double gamma, min_lr, start_factor;
    uint64_t every, period, warmup; /* updates */
    const uint64_t *milestones;     /* rising; tuff_optimizer_build copies them */
    uint32_t milestone_count;
};
TUFF_API double tuff_schedule_lr(const struct tuff_schedule *schedule, uint64_t update);

enum tuff_optimizer_kind { TUFF_SGD = 0, TUFF_ADAM, TUFF_ADAMW };
struct tuff_optimizer_params {
    enum tuff_optimizer_kind kind;
    struct tuff_schedule schedule; /* its lr must be set */
    double momentum;               /* SGD: v = momentum v + g (Polyak; as PyTorch without dampening) */
    bool nesterov;                 /* SGD: step along g + momentum v */
    double beta1, beta2, eps;      /* Adam (Kingma and Ba 2015): 0 stands for 0.9, 0.999, 1e-8 */
    double weight_decay;           /* SGD, Adam: g += wd p; AdamW (Loshchilov and Hutter 2019): p -= lr wd p */
    double clip_norm;              /* > 0: gradients are scaled so that their common 2-norm is at most this */
    double clip_value;             /* > 0: each gradient element is clamped to +- this, before the norms */
    double
        clip_each_norm; /* > 0: each parameter's gradient is scaled so that its own 2-norm is at most this, before the common one */
    uint32_t accumulate; /* n > 1: gradients of n runs are averaged, then one update is made */
    const struct tuff_param_group
        *groups; /* parameters that are trained otherwise, or not at all; tuff_optimizer_build copies them */
    uint32_t group_count;
};
enum { TUFF_PARAM_GROUPS = 15 }; /* at most, and the parameters of no group */
/* Parameters whose names match; each belongs to the first group that matches it. */
struct tuff_param_group {
    const char *name;     /* of the group, in the names of its states: letters, digits, - and _ */
    const char *pattern;  /* of names; * stands for any text: "features.*", "*.bias", "*" */
    double lr_factor;     /* of the schedule's rates; 0 stands for 1 */
    double weight_decay;  /* instead of the optimizer's, where it is not 0 */
    bool no_weight_decay; /* none */
    bool frozen; /* never changed: no gradient is computed, there is no state. Parameters alone: statistics of a frozen
                           * tuff_layer_batch_norm go on moving, unless it is built with training = false */
};
/* Vectors over the trained parameters of a group, which lie in them in order of declaration, each at a multiple of 64 elements. */
struct tuff_optimizer_pack {
    const char *group; /* NULL: parameters of no group */
    uint32_t param_count;
    tuff_val gradients;          /* as the backward pass leaves them */
    tuff_val gradient_state;     /* state that holds them: at a station of `gradients` the host may read and write it */
    tuff_val momentum, variance; /* states, or 0 */
    tuff_val accumulated;        /* state, or 0 */
    tuff_val norms; /* [param_count] 2-norms of each parameter's gradient before it is scaled, or 0 without clip_each_norm */
};
enum { TUFF_OPTIMIZER_UPDATES = 8 }; /* at most, of an optimizer without groups that is built before any session */
/* What tuff_optimizer_build makes; plain data, owned by the caller. */
struct tuff_optimizer {
    struct tuff_optimizer_params params;
    const tuff_val *updates; /* [in the graph] assignments, to be listed among the outputs of the training plan */
    uint32_t update_count;
    tuff_val grad_norm;     /* 2-norm of all gradients before clipping, or 0 without clip_norm */
    tuff_val table, cursor; /* states: rows of step sizes computed ahead by the host, and the row of the next run */
    struct tuff_optimizer_pack
        packs[TUFF_PARAM_GROUPS + 1]; /* parameters of no group, where there are any, then groups that are trained */
    uint32_t pack_count;
    uint64_t run;    /* runs fed so far; an update is made every params.accumulate runs */
    uint64_t filled; /* runs for which rows are on the device */
};
/* Adds gradients of the scalar loss by all parameters declared so far but frozen ones, and their update, to the graph: one launch for
 * each group, as its parameters lie side by side; where a session had given them memory before this call, one for each run of
 * neighbours. Once for a graph; loss must have one element. A group without parameters is an error. Errors are sticky in the graph. */
TUFF_API void tuff_optimizer_build(struct tuff_graph *g, tuff_val loss, const struct tuff_optimizer_params *params,
                                   struct tuff_optimizer *optimizer);
/* Call before each run of the plan: writes the next rows of step sizes when they are used up (every 256 runs), computed in
 * double from optimizer->run, which it advances. No waiting. */
struct tuff_session;
TUFF_API TUFF_MUST_CHECK tuff_status tuff_optimizer_feed(struct tuff_optimizer *optimizer, struct tuff_session *session,
                                                         struct tuff_error *error);
/* Goes on from this run: after loading a checkpoint. */
TUFF_API void tuff_optimizer_resume(struct tuff_optimizer *optimizer, uint64_t run);

/* ---- models: declare, fit, evaluate, predict ---------------------------------------------------------------------------------------- */

enum tuff_loss { TUFF_LOSS_CROSS_ENTROPY = 0, TUFF_LOSS_MSE };

struct tuff_model_params {
    size_t struct_size;
    /* The network: adds values to g and returns the outputs [batch, ...] (logits for cross entropy). Called for training and
     * for inference; parameters of the same name are shared. x is f32 [batch, sample...], already scaled. */
    tuff_val (*build)(struct tuff_graph *g, tuff_val x, bool training, void *user);
    void *user;
    struct tuff_type sample; /* one sample as it is stored: u8 or f32, shape without the batch axis */
    double scale, shift;     /* x = stored * scale + shift; scale 0 stands for 1/255 of u8 and 1 of f32 */
    enum tuff_loss loss;
    double label_smoothing;        /* cross entropy */
    uint32_t batch;                /* 0: 64 */
    uint64_t seed;                 /* of initial values, shuffling, dropout, the validation split */
    struct tuff_progress progress; /* of compiling; its cancel also stops fits (as on_step does), evaluations, predictions */
};
/* A network with its parameters on a device, and the plans to train and to run it. One thread at a time. */
struct tuff_model;
/* Errors: the network's SHAPE and USAGE errors, MEMORY. Plans are compiled when they are first needed. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_create(struct tuff_device *device, const struct tuff_model_params *params,
                                                       struct tuff_model **model, struct tuff_error *error);
TUFF_API void tuff_model_destroy(struct tuff_model *model); /* NULL is legal */

/* Samples in the caller's memory. */
struct tuff_data {
    uint64_t count;
    const void *x;         /* [count, sample...] of the model's sample type */
    const int32_t *labels; /* [count] classes, for cross entropy; checked against the number of outputs */
    const float *targets;  /* [count, outputs...], for mean squared error */
};
struct tuff_metrics {
    double loss;     /* mean per sample */
    double accuracy; /* share of right classes, 0 without classes */
};
struct tuff_fit_progress {  /* of the current epoch so far */
    uint32_t epoch, epochs; /* from 0 */
    uint64_t step, steps;
    struct tuff_metrics train;
    double samples_per_second, seconds_left; /* of the whole fit */
};
struct tuff_epoch {
    uint32_t epoch;                        /* from 0 */
    struct tuff_metrics train, validation; /* validation is that of train where nothing was set apart */
    bool best;                             /* smallest validation loss so far */
    double seconds, samples_per_second;
};
struct tuff_fit_params {
    size_t struct_size;
    struct tuff_optimizer_params optimizer; /* must be the same in every fit of one model */
    uint32_t epochs;
    double validation_share;            /* of the data, set apart by the seed; 0: none */
    const struct tuff_data *validation; /* other data instead, or NULL */
    uint32_t patience;                  /* > 0: stops after so many epochs without a better validation loss */
    bool stream;                        /* sends batches from the host, also where the data would fit on the device */
    /* Callbacks may be NULL; they are called on the calling thread. on_step: about every half second; false stops the fit with
     * TUFF_ERR_CANCELLED after the current step, from which it can be resumed. on_epoch: false ends the fit with TUFF_OK. */
    bool (*on_step)(void *user, const struct tuff_fit_progress *progress);
    bool (*on_epoch)(void *user, const struct tuff_epoch *epoch);
    void *user;
    /* Saves what is needed to go on (loaders.h fills it); called after every epoch and when the fit is cancelled. */
    tuff_status (*save)(void *user, struct tuff_model *model, struct tuff_error *error);
    void *save_user;
};
/* Trains until `epochs` epochs are done in all, counted from the model's creation or what it was resumed from. Errors: USAGE,
 * CANCELLED, DEVICE_LOST, what save returns. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_fit(struct tuff_model *model, const struct tuff_data *data,
                                                    const struct tuff_fit_params *params, struct tuff_error *error);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_evaluate(struct tuff_model *model, const struct tuff_data *data,
                                                         struct tuff_metrics *metrics, struct tuff_error *error);
/* out [count, outputs...]: probabilities for cross entropy, else the outputs. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_predict(struct tuff_model *model, const void *x, uint64_t count, float *out,
                                                        struct tuff_error *error);
/* Number of outputs of one sample. */
TUFF_API uint64_t tuff_model_outputs(const struct tuff_model *model);

/* Place in the training, for resuming; plain data. */
struct tuff_fit_state {
    uint64_t epoch, step; /* done */
    uint64_t run;         /* training runs in all */
    double best_loss;     /* of validation */
    uint64_t best_epoch, since_best;
    double loss_sum; /* of the current epoch up to the last reading */
    /* what the order of samples hangs on; a fit refuses to go on with others */
    uint64_t seed, batch, samples, train_samples;
};
TUFF_API struct tuff_fit_state tuff_model_state(const struct tuff_model *model);
/* Sets the place; parameters and states are written with tuff_model_write. Call before the first fit. */
TUFF_API void tuff_model_resume(struct tuff_model *model, const struct tuff_fit_state *state);
/* Parameters and states by number (0 .. count-1), those that a checkpoint needs; names are borrowed. Before the first fit
 * with the optimizer there are no states of it: tuff_model_prepare makes them. */
TUFF_API uint32_t tuff_model_leaf_count(const struct tuff_model *model);
TUFF_API struct tuff_leaf tuff_model_leaf(const struct tuff_model *model, uint32_t index);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_read(struct tuff_model *model, const char *name, void *data, size_t bytes,
                                                     struct tuff_error *error);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_write(struct tuff_model *model, const char *name, const void *data,
                                                      size_t bytes, struct tuff_error *error);
/* Adds the training part (optimizer states) for this data and these parameters, as the first fit would. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_prepare(struct tuff_model *model, const struct tuff_data *data,
                                                        const struct tuff_fit_params *params, struct tuff_error *error);
/* Groups of parameters as tuff_model_prepare or the first fit was given them, borrowed; *count 0 where there are none, and before. */
TUFF_API const struct tuff_param_group *tuff_model_groups(const struct tuff_model *model, uint32_t *count);
/* What training with this data and these parameters would take, before anything is allocated (tuff_plan_ask). Only counts
 * and shapes matter: data->x and labels or targets are not read. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_memory(const struct tuff_model *model, const struct tuff_data *data,
                                                       const struct tuff_fit_params *params,
                                                       struct tuff_plan_figures *figures, struct tuff_error *error);
/* The network for inference of one batch as graph text: input "x" of the stored type, output "probabilities" (cross entropy)
 * or "outputs". Free with tuff_text_free. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_graph(struct tuff_model *model, uint32_t batch, char **text,
                                                      struct tuff_error *error);
/* Figures of the training plan (zeros before the first fit). */
TUFF_API struct tuff_plan_figures tuff_model_figures(const struct tuff_model *model);
TUFF_API struct tuff_executable *tuff_model_training(struct tuff_model *model); /* borrowed; NULL before the first fit */

#ifdef __cplusplus
}
#endif
#endif
