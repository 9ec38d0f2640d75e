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
    TUFF_SCHEDULE_COSINE, /* min_lr + (lr - min_lr) (1 + cos(pi t / period)) / 2; min_lr from period on (Loshchilov 2017) */
    TUFF_SCHEDULE_POLYNOMIAL, /* min_lr + (lr - min_lr) (1 - t / period)^power, min_lr from period on; of power 1 it is a line */
    /* The cosine again and again: each period is period_factor times the last (Loshchilov 2017; PyTorch: CosineAnnealingWarmRestarts) */
    TUFF_SCHEDULE_COSINE_RESTARTS,
    /* From lr / rise to lr, and down to lr / (rise fall) at the last of `period` updates (Smith and Topin 2019; PyTorch: OneCycleLR without momentum) */
    TUFF_SCHEDULE_ONE_CYCLE,
    TUFF_SCHEDULE_TABLE /* rates[t], the last one from there on; lr is not read */
};
struct tuff_one_cycle { /* 0 stands for what PyTorch takes */
    double share;       /* of the updates that the rate rises in: 0.3 */
    double rise, fall;  /* PyTorch's div_factor, 25, and final_div_factor, 1e4 */
    bool three_phase;   /* goes down to lr / rise in as many updates as up, then to the end */
    bool linear;        /* lines in place of cosines */
};
/* Learning rate as a function of the update number, from 0. In warm-up (t < warmup) it is lr (t + 1) / (warmup + 1), or, with a
 * start_factor, lr (start_factor + (1 - start_factor) t / warmup); behind it t counts from the warm-up's end. */
struct tuff_schedule {
    enum tuff_schedule_kind kind;
    double lr; /* above 0; parameters that are not to be trained are a frozen group */
    double gamma, min_lr;
    double power;           /* polynomial; 0 stands for 1 */
    uint32_t period_factor; /* of restarts; 0 stands for 1 */
    struct tuff_one_cycle one_cycle;
    struct tuff_number start_factor;
    uint64_t every, period, warmup; /* updates: with accumulate n, an epoch of s steps makes s / n of them, rounded up */
    const uint64_t *milestones;     /* rising; tuff_optimizer_build copies them */
    uint32_t milestone_count;
    const double *rates; /* copied, too */
    uint32_t rate_count;
};
/* Lowers rates where a metric gets no better: PyTorch's ReduceLROnPlateau. */
struct tuff_plateau {
    double factor;                /* in (0, 1): of the rate, when it is lowered; 0: it is not */
    uint32_t patience;            /* so many epochs without a better metric are borne (PyTorch: 10) */
    uint32_t cooldown;            /* and after lowering so many are not counted */
    struct tuff_number threshold; /* left out 1e-4: better is below (1 - threshold) of the best one */
    bool absolute;                /* better is below best - threshold */
    bool rises;                   /* better is above, (1 + threshold) of the best one, or best + threshold */
    double min_lr;                /* no rate is lowered below it */
};
/* Begins with zeros; plain data, which a checkpoint keeps. */
struct tuff_plateau_state {
    double best, scale; /* scale: of the schedule's rates; 0 stands for 1 */
    uint64_t count, since_best, cooldown;
};
/* Takes the next metric and returns the scale. lr: the schedule's, of which min_lr is a part. NaN is never better. */
TUFF_API double tuff_plateau_step(const struct tuff_plateau *plateau, struct tuff_plateau_state *state, double lr,
                                  double metric);
TUFF_API double tuff_schedule_lr(const struct tuff_schedule *schedule, uint64_t update);

enum tuff_optimizer_kind {
    TUFF_SGD = 0,
    TUFF_ADAM,     /* Kingma and Ba 2015 */
    TUFF_ADAMW,    /* Loshchilov and Hutter 2019 */
    TUFF_RMSPROP,  /* Hinton 2012, as PyTorch's */
    TUFF_ADAGRAD,  /* Duchi et al. 2011 */
    TUFF_ADADELTA, /* Zeiler 2012 */
    TUFF_ADAMAX,   /* Kingma and Ba 2015 */
    TUFF_LION,     /* Chen et al. 2023: the sign of beta1 m + (1 - beta1) g, m with beta2; rates a tenth of Adam's */
    TUFF_LAMB      /* You et al. 2020: AdamW's step times |p| / |step| of each parameter (1 where either is 0) */
};
/* "sgd", "adamw", ..; NULL for none. And the kind of a name; false: there is none. */
TUFF_API const char *tuff_optimizer_name(enum tuff_optimizer_kind kind);
TUFF_API bool tuff_optimizer_find(const char *name, enum tuff_optimizer_kind *kind);
/* Mixed precision: forward and backward pass read and keep 16 bits where products do (tuff_executable_params.precision), of parameters, states and
 * averages that are f32. In f16 small gradients would be zeros: they are computed times a scale, a number in device memory, and divided by it before
 * anything is made of them. A step with gradients that are not finite, of a finite loss and a scale above 1, changes nothing but the scale, which it
 * halves; such steps are counted as skipped, whatever `not_finite` says. After growth_interval others in a row the scale doubles. Micikevicius et al.
 * 2018; torch.amp.GradScaler, but that one has no least scale. With accumulate each run does so by itself. */
struct tuff_precision {
    enum tuff_dtype dtype; /* 0, TUFF_F32: all in f32; TUFF_F16; TUFF_BF16, whose range is that of f32 */
    struct tuff_number
        loss_scale; /* that it begins with, a power of two from 1 on; left out 65536 for f16. 0, or left out for bf16: none */
    uint32_t growth_interval; /* 0 stands for 2000 */
};
/* Begin with tuff_optimizer_defaults; every number is then what it says, 0 too. Filled by hand, an Adam with a beta1, beta2 or eps of 0 is
 * refused. */
struct tuff_optimizer_params {
    size_t struct_size;
    enum tuff_optimizer_kind kind;
    struct tuff_schedule schedule;
    double momentum;     /* SGD: v = momentum v + g (Polyak; as PyTorch without dampening); RMSprop: of its steps */
    bool nesterov;       /* SGD: step along g + momentum v */
    double beta1, beta2; /* Adam and its kin, LAMB: 0.9, 0.999; Lion: 0.9, 0.99 */
    double alpha;        /* RMSprop: 0.99; Adadelta (rho): 0.9 */
    double eps;          /* Adam, AdamW, RMSprop, Adamax 1e-8, Adagrad 1e-10, Adadelta and LAMB 1e-6 */
    bool amsgrad;        /* Adam, AdamW: the largest second moment so far (Reddi et al. 2018) */
    bool centered;       /* RMSprop: divides by the deviation (Graves 2013) */
    double lr_decay, initial_accumulator; /* Adagrad: rate / (1 + update lr_decay); what its sums begin with */
    double weight_decay;                  /* AdamW, Lion, LAMB: p -= lr wd p; others: g += wd p */
    double clip_norm;                     /* > 0: gradients are scaled so that their common 2-norm is at most this */
    double clip_value;                    /* > 0: each gradient element is clamped to +- this, before the norms */
    double clip_each_norm; /* > 0: each parameter's gradient is scaled so that its own 2-norm is at most this, before the
                                  * common one */
    /* n > 1: an update is made of the gradients of n runs, their mean over the samples of all of them. What an epoch's end leaves
     * (tuff_model_fit; epoch_steps of tuff_trainer_params) makes an update of its own, of fewer runs. */
    uint32_t accumulate;
    /* > 0: each update moves an average of the parameters, average = d average + (1 - d) p, which begins with those of the first update (PyTorch:
     * AveragedModel with get_ema_multi_avg_fn); tuff_trainer_swap_averages exchanges both. With ema_warmup d is at most (1 + t) / (10 + t) in
     * update t, from 0. */
    double ema_decay;
    bool ema_warmup;
    const struct tuff_param_group
        *groups; /* parameters that are trained otherwise, or not at all; copied when they are used */
    uint32_t group_count;
    struct tuff_precision precision;
    uint32_t begun; /* written by tuff_optimizer_defaults: tells a 0 that was meant from what was left out */
};
/* The kind with this constant rate: no momentum, decay or clipping, all numbers as PyTorch's. */
TUFF_API struct tuff_optimizer_params tuff_optimizer_defaults(enum tuff_optimizer_kind kind, double lr);

enum { TUFF_PARAM_GROUPS = 15 };   /* at most, and the parameters of no group */
#define TUFF_OPTIMIZERS_OWN (-1.0) /* weight decay of a group: as the optimizer says */
/* Parameters whose names match; each belongs to the first group that matches it. Begin with tuff_param_group_defaults. */
struct tuff_param_group {
    const char *name;    /* of the group, in the names of its states: letters, digits, - and _ */
    const char *pattern; /* of names; * stands for any text: "features.*", "*.bias", "*" */
    double lr_factor;    /* of the schedule's rates, above 0: 1 */
    double weight_decay; /* TUFF_OPTIMIZERS_OWN, or the group's: 0 for none */
    bool frozen; /* never changed: no gradient is computed, there is no state. Parameters alone: statistics of a frozen
                           * tuff_layer_batch_norm go on moving, unless it is built with training = false */
};
/* A group that is trained as the others are. */
TUFF_API struct tuff_param_group tuff_param_group_defaults(const char *name, const char *pattern);
/* Vectors over the trained parameters of a group, which lie in them in order of declaration, each at a multiple of 64 elements. */
struct tuff_optimizer_pack {
    const char *group; /* NULL: parameters of no group */
    uint32_t param_count;
    tuff_val gradients;      /* as the backward pass leaves them */
    tuff_val gradient_state; /* state that holds them: at a station of `gradients` the host may read and write it */
    tuff_val clipped,
        clipped_state; /* likewise what the update is made of: their mean over accumulated runs, clipped; 0 without stations */
    tuff_val momentum, variance; /* states, or 0: of gradients or steps, and of their squares (Adamax: the largest) */
    tuff_val third;   /* state, or 0: AMSGrad's largest variance, RMSprop's mean (centered), Adadelta's squares of steps */
    tuff_val average; /* state, or 0 without ema_decay */
    tuff_val accumulated; /* state, or 0 */
    tuff_val norms; /* [param_count] 2-norms of each parameter's gradient before it is scaled, or 0 without clip_each_norm */
};

/* What a run does whose loss or gradients are infinite or NaN (or, with Adam and no clipping, the squares of these). No parameter, no state of the optimizer and no statistic takes
 * anything of it, either way. */
enum tuff_not_finite {
    /* Nor of a later one: training ends with TUFF_ERR_NOT_FINITE, which names the step and the first value that is not finite; all is as
     * it was before that step, and goes on from there after tuff_trainer_resume. */
    TUFF_NOT_FINITE_STOPS = 0,
    TUFF_NOT_FINITE_SKIPS /* the next run goes on, and such runs are counted; the loss of one reads as it is, infinite or NaN */
};

/* ---- trainers: a loss of one's own, one call a step ----------------------------------------------------------------------------------
 *
 *     tuff_val x = tuff_input(..), loss = tuff_mse_loss(..);           a graph with its loss
 *     tuff_trainer_create(graph, &params, &trainer, &error)            gradients and updates
 *     tuff_session_create(device, graph, ..), tuff_trainer_compile(trainer, session, NULL, &error)
 *     for each batch: tuff_trainer_write(trainer, x, ..), tuff_trainer_step(trainer, NULL, &error)
 *     tuff_trainer_read(trainer, loss, &number, sizeof number, &error)
 *
 * A step is one submission. It owns all that has to change from run to run: updates of parameters, rates of the schedule, running
 * statistics of tuff_layer_batch_norm and other assignments, the random numbers of dropout. Inference of the same parameters is
 * another part of the graph (built with training = false), compiled with tuff_session_compile in the same session. */

struct tuff_trainer;
struct tuff_trainer_params {
    size_t struct_size;
    struct tuff_optimizer_params optimizer;
    tuff_val loss;           /* f32, one element: the mean over the samples, where accumulate is to mean that */
    const tuff_val *outputs; /* further values that are to be read after a step */
    uint32_t output_count;
    /* A step does the assignments that were added behind this value (0: all) and need no input but those of the loss and the outputs. */
    tuff_val after;
    enum tuff_not_finite not_finite;
    /* With accumulate: an update is made after so many steps at the latest, and counting begins anew; 0: none. */
    uint64_t epoch_steps;
    /* A trainer of the same graph, optimizer and parameters for another size of batch, say the last of an epoch: with inputs of its own
     * names and size, the network called once more with them, and its loss. They share states, schedule and count of steps, and so the session; there may be
     * several. samples: of
     * a batch of this trainer as a part of those of the first, 8 / 16 = 0.5, which counts with accumulate; 0 stands for 1. */
    struct tuff_trainer *like;
    double samples;
    /* > 0: scratch_bytes of a step's plan (tuff_plan_figures) at most: activations, and all else that lives within a step; parameters, states, inputs
     * lie beside them. Where all that gradients read does not fit, part of it is computed a second time when they come to it, with the same
     * random numbers, so that losses and parameters are what they are without; statistics move once. Chains of pointwise operators (norms,
     * activations, dropout) are taken first, then segments of layers (Chen et al. 2016), each as far as is needed. It takes up to 11 plans for the device, as many
     * calls of tuff_plan_ask. tuff_checkpoint is heeded where the budget suffices for what it keeps, and is one of the values that are kept else. */
    uint64_t memory_budget;
    struct tuff_device *device; /* for which the budget is to be kept, or NULL without one; [borrowed] during the call */
    /* A step has three stations (tuff_trainer_step_to): "gradients", where those of the backward pass are ready, "clipped", where what the update is made
     * of is, "updated", where parameters and the optimizer's states are the next ones. Behind the step loss and outputs are read. Takes
     * a vector more, and a launch or two. */
    bool stations;
};
/* Adds gradients and updates to the graph, after all that the loss, the outputs and their assignments need; once for a graph, but for
 * those that are like another. It keeps the graph, and the one it is like. After a failure the graph is as it was.
 * Errors: USAGE (among them a loss that follows from no trained parameter), SHAPE, MEMORY; the graph's own; DEVICE_MEMORY where no plan
 * keeps to memory_budget, with the least bytes that one takes. One thread at a time. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_trainer_create(struct tuff_graph *graph, const struct tuff_trainer_params *params,
                                                         struct tuff_trainer **trainer, struct tuff_error *error);
TUFF_API void tuff_trainer_destroy(struct tuff_trainer *trainer); /* NULL is legal */
/* What its plan computes: loss, outputs, updates. For tuff_plan_ask; borrowed from the trainer. */
TUFF_API struct tuff_executable_params tuff_trainer_plan(const struct tuff_trainer *trainer);
/* Compiles the step for a session of its graph. options: input_sets, profile, timed, progress, stations in place of its own; its outputs are
 * left out. NULL: none. Errors: those of tuff_session_compile; USAGE when it is compiled already. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_trainer_compile(struct tuff_trainer *trainer, struct tuff_session *session,
                                                          const struct tuff_executable_params *options,
                                                          struct tuff_error *error);
/* Content of an input for the next step, whole; with one set of inputs it waits for the last step. Errors: those of tuff_executable_write; USAGE for an input that the step does not
 * read; NOT_FINITE of the last step. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_trainer_write(struct tuff_trainer *trainer, tuff_val input, const void *data,
                                                        size_t bytes, struct tuff_error *error);
/* Likewise of elements of a type that need not be the input's (tuff_executable_write_as). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_trainer_write_as(struct tuff_trainer *trainer, tuff_val input,
                                                           enum tuff_dtype dtype, const void *elements, uint64_t count,
                                                           struct tuff_error *error);
/* Submits one step, or the rest of one that stopped at a station, and returns (tuff_executable_submit); *ticket (may be NULL) is for
 * tuff_device_wait. A loss that is not finite is told by the next call that waits
 * for a step, or after 64 steps; nothing of later steps is done then. Errors: those of tuff_executable_submit, NOT_FINITE; USAGE where the
 * schedule's rate is not a finite number. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_trainer_step(struct tuff_trainer *trainer, uint64_t *ticket,
                                                       struct tuff_error *error);
/* As far as the station of this name (tuff_executable_run_to). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_trainer_step_to(struct tuff_trainer *trainer, const char *station,
                                                          struct tuff_error *error);
/* The first bytes of the loss or of an output after the last step; waits for it. Errors: USAGE, DEVICE_LOST, NOT_FINITE. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_trainer_read(struct tuff_trainer *trainer, tuff_val value, void *data,
                                                       size_t bytes, struct tuff_error *error);
struct tuff_trainer_counts {
    uint64_t
        steps; /* submitted in all, also one that NOT_FINITE names; those of trainers that are like this one among them */
    uint64_t skipped;  /* of these: steps whose loss or gradients were not finite, as of the last call that waited */
    uint64_t lost;     /* of those: whose loss was not */
    double loss_scale; /* of the next step, likewise; 0: none */
};
TUFF_API struct tuff_trainer_counts tuff_trainer_counts(const struct tuff_trainer *trainer);
/* Goes on from this number of steps: after parameters and states were written from a checkpoint, or after NOT_FINITE, which every call that
 * waits, writes or steps gives until then: where it names step n, n - 1 are done. */
TUFF_API void tuff_trainer_resume(struct tuff_trainer *trainer, uint64_t steps);
/* Other rates from the next step on; milestones are copied. Errors: USAGE. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_trainer_schedule(struct tuff_trainer *trainer,
                                                           const struct tuff_schedule *schedule, struct tuff_error *error);
/* All rates of the schedule times a number from the next step on: what tuff_plateau_step gives. Not kept by checkpoints. Errors: USAGE (a scale that
 * is not above 0 and finite). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_trainer_scale(struct tuff_trainer *trainer, double scale,
                                                        struct tuff_error *error);
/* Exchanges the trained parameters and their averages (ema_decay): what is evaluated, predicted or saved then is of the averages. A second call
 * exchanges them back, before training goes on. Through the host; after a failure some may be exchanged. Errors: USAGE (no ema_decay, no
 * update so far, a step that has stopped at a station), MEMORY, DEVICE_LOST. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_trainer_swap_averages(struct tuff_trainer *trainer, struct tuff_error *error);
/* Vectors over the parameters; *count of them. Borrowed. */
TUFF_API const struct tuff_optimizer_pack *tuff_trainer_packs(const struct tuff_trainer *trainer, uint32_t *count);
/* 2-norm of all gradients before clipping, which may be among the outputs of a plan of one's own; 0 without clip_norm. */
TUFF_API tuff_val tuff_trainer_norm(const struct tuff_trainer *trainer);
TUFF_API struct tuff_executable *
tuff_trainer_executable(struct tuff_trainer *trainer); /* borrowed; NULL before it is compiled */

/* ---- a learning rate, found ---------------------------------------------------------------------------------------------------------- */

enum { TUFF_RATE_STEPS = 100 };
struct tuff_find_rate_params {
    size_t struct_size;
    double first, last; /* rates; 0 stands for 1e-7 and 10 */
    uint32_t steps;     /* at most; 0 stands for TUFF_RATE_STEPS */
    double smoothing;   /* of the losses, in [0, 1): what stays of their mean in a step; 0 stands for 0.9 */
    /* Of a trainer: writes the inputs of a step, from 0, by tuff_trainer_write. */
    tuff_status (*write)(void *user, struct tuff_trainer *trainer, uint32_t step, struct tuff_error *error);
    void *user;
};
struct tuff_rate_point {
    double rate, loss, smooth;
};
struct tuff_found_rate {
    uint32_t count; /* of points: fewer than steps where the loss became four times its least one, or was not finite */
    double
        rate; /* where the smoothed loss falls steepest by the logarithm of rates: one to train with; 0: it does not fall */
    double least; /* of the least smoothed loss: a rate to stay below, by ten */
};
/* Trains for some steps, in which the rate rises exponentially, and puts parameters, states, schedule and count of steps back as they were
 * (Smith 2017, cyclical learning rates). points: room for as many as steps. The trainer is compiled. Errors: those of its steps but NOT_FINITE, what
 * write returns; USAGE. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_find_rate(struct tuff_trainer *trainer, const struct tuff_find_rate_params *params,
                                                    struct tuff_rate_point *points, struct tuff_found_rate *found,
                                                    struct tuff_error *error);

/* ---- models: declare, fit, evaluate, predict ---------------------------------------------------------------------------------------- */

enum { TUFF_MODEL_FIELDS = 8, TUFF_MODEL_OUTPUTS = 8, TUFF_MODEL_METRICS = 8 }; /* at most */

/* A column of the data: what each sample has of it. */
struct tuff_field {
    const char *name; /* "x", "labels": names the inputs of plans and of a saved network; letters, digits, - and _; copied */
    struct tuff_type type; /* of one sample, as it is stored; rank 0: one number. u8, i8, bool, i32, f16, bf16 or f32 */
    double scale,
        shift;   /* the network sees stored * scale + shift, f32, of all but i32 and bool; scale 0 stands for 1/255 of
                            * u8 and 1 of others */
    bool answer; /* labels, targets, weights: there in training and evaluation, not where the model predicts */
};
/* Initialisers: TUFF_FIELD("x", TUFF_U8, 1, 28, 28), TUFF_ANSWER("box", TUFF_F32, 4), TUFF_LABELS("labels"): an i32 for each sample. */
#define TUFF_FIELD(name_, dtype_, ...)                                                                                      \
    {                                                                                                                       \
        .name = (name_), .type = {(dtype_), TUFF_SHAPE(__VA_ARGS__) }                                                       \
    }
#define TUFF_ANSWER(name_, dtype_, ...)                                                                                     \
    {                                                                                                                       \
        .name = (name_), .type = {(dtype_), TUFF_SHAPE(__VA_ARGS__)}, .answer = true                                        \
    }
#define TUFF_LABELS(name_)                                                                                                  \
    {                                                                                                                       \
        .name = (name_), .type = {.dtype = TUFF_I32}, .answer = true                                                        \
    }

struct tuff_network_value {
    const char *name; /* copied: at most 40 letters, digits, - and _ */
    tuff_val value;
    tuff_val weight; /* of metrics, f32 [batch] or of their shape: what each number counts; 0: 1 */
};
/* A batch, and what the network makes of it. */
struct tuff_network {
    uint32_t batch;
    bool training;
    const tuff_val
        *fields; /* [batch, sample..] of each field, in the model's order; 0 of answers where it is to predict alone */
    /* What build writes; with the functions below, if they fit. */
    tuff_val loss; /* f32 [batch]: of each sample */
    tuff_val
        weight; /* f32 [batch], or 0: 1. The loss of a batch is sum of loss / sum of weight: give weighted losses their weights */
    struct tuff_network_value outputs[TUFF_MODEL_OUTPUTS]; /* [batch, ..], of any type: what the model predicts */
    uint32_t output_count;
    /* f32, i32 or bool [batch, ..]: means over samples; of several numbers a sample, the mean over the places whose weights are not all 0 */
    struct tuff_network_value metrics[TUFF_MODEL_METRICS];
    uint32_t metric_count;
};
/* Classes: cross entropy of logits [batch, c] or [batch, c, ..] with labels i32 [batch, ..] (a sample's is the mean over its labels), output
 * "probabilities", metric "accuracy". Numbers: mean squared error of y and targets of y's shape, output "outputs". Without the answers
 * (0) the output alone. Errors: those of tuff_cross_entropy and tuff_mse_loss. */
TUFF_API void tuff_network_classify(struct tuff_graph *g, struct tuff_network *network, tuff_val logits, tuff_val labels,
                                    double label_smoothing);
TUFF_API void tuff_network_regress(struct tuff_graph *g, struct tuff_network *network, tuff_val y, tuff_val targets);
/* Metrics of logits and labels as tuff_network_classify takes them, over all samples (not means of batches): "f1" and "iou", the macro means of
 * metrics.h. A label that is no class counts nowhere. Without labels (0) nothing. Errors: SHAPE. */
TUFF_API void tuff_network_class_metrics(struct tuff_graph *g, struct tuff_network *network, tuff_val logits,
                                         tuff_val labels);
/* Adds an output or a metric. Errors: USAGE (too many). */
TUFF_API void tuff_network_output(struct tuff_graph *g, struct tuff_network *network, const char *name, tuff_val value);
TUFF_API void tuff_network_metric(struct tuff_graph *g, struct tuff_network *network, const char *name, tuff_val value,
                                  tuff_val weight);

struct tuff_model_params {
    size_t struct_size;
    /* The network: adds values to g and writes into *network. Called for training and for inference; parameters of the same name are
     * shared. */
    void (*build)(struct tuff_graph *g, struct tuff_network *network, void *user);
    void *user;
    struct tuff_field fields[TUFF_MODEL_FIELDS]; /* up to the first without a name */
    uint32_t batch;                              /* 0: 64 */
    uint64_t seed;                               /* of initial values, shuffling, dropout, the validation split */
    struct tuff_progress progress; /* of compiling; its cancel also stops fits (as on_step does), evaluations, predictions */
};
/* A network with its parameters on a device, and the plans to train and to run it. One thread at a time. */
struct tuff_model;
/* Errors: the network's SHAPE and USAGE errors, MEMORY. Plans are compiled when they are first needed. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_create(struct tuff_device *device, const struct tuff_model_params *params,
                                                       struct tuff_model **model, struct tuff_error *error);
TUFF_API void tuff_model_destroy(struct tuff_model *model); /* NULL is legal */

/* Samples: in the caller's memory, or made by a function. */
struct tuff_data {
    uint64_t count;
    /* [count, sample..] of each field of the model, in its order; labels of a cross entropy are checked. Predictions need no answers. */
    const void *fields[TUFF_MODEL_FIELDS];
    /* Instead: writes the samples rows[count] into fields[k] [count, sample..], which are NULL where they are not needed. A status other than
     * OK, with its sentence in *error, ends the call that asked. */
    tuff_status (*fill)(void *user, const uint32_t *rows, uint32_t count, void *const *fields, struct tuff_error *error);
    void *user;
    uint32_t
        threads; /* that call fill at once, ahead of the device: 0 stands for 1, 16 are the most. Never the caller's own */
};
/* Means over samples. */
struct tuff_metrics {
    double loss;
    uint32_t count;
    struct tuff_metric {
        const char *name; /* of the model, borrowed */
        double value;
    } metric[TUFF_MODEL_METRICS];
};
/* Value of the metric of this name; NaN where there is none. */
TUFF_API double tuff_metrics_get(const struct tuff_metrics *metrics, const char *name);
struct tuff_fit_progress {  /* of the current epoch so far */
    uint32_t epoch, epochs; /* from 0 */
    uint64_t step, steps;
    struct tuff_metrics train;
    double samples_per_second, seconds_left; /* of the whole fit */
};
struct tuff_epoch {
    uint32_t epoch;                        /* from 0 */
    struct tuff_metrics train, validation; /* validation is that of train where nothing was set apart */
    bool best;                             /* so far, by what early_stop watches: the smallest validation loss */
    double seconds, samples_per_second;
    uint64_t skipped; /* steps so far whose loss or gradients were not finite */
};
/* Ends a fit where what it watches gets no better; what epochs are best follows it, with a patience of 0 too. Source: Keras's EarlyStopping. */
struct tuff_early_stop {
    uint32_t
        patience; /* > 0: ends after so many epochs without a better one; a fit that goes on from there needs a larger one */
    double min_delta;   /* better is below best - min_delta; NaN never is */
    const char *metric; /* of the validation; NULL: its loss. The same in all fits of a model, whose best value is kept */
    bool rises;         /* better is above best + min_delta, as of accuracies */
    /* In the end parameters and states (statistics) of inference are those of the best epoch, from which a fit behind it goes on. What `save` writes
     * holds both, so that a fit from there goes on as if it had not ended. Takes the memory of these once more; asked for in the model's first fit. */
    bool restore_best;
};
struct tuff_fit_params {
    size_t struct_size;
    /* May be another one in each fit: another schedule takes over as it is, other settings begin with what the last fit left in the
     * optimizer's states, another kind with zeros. Its groups stay the same. */
    struct tuff_optimizer_params optimizer;
    uint32_t epochs;
    bool drop_last; /* leaves out the last batch of an epoch where it has fewer samples; else it is a batch of its size */
    enum tuff_not_finite not_finite;
    uint64_t memory_budget;  /* > 0: bytes of scratch of each step at most; same results (struct tuff_trainer_params) */
    double validation_share; /* of the data, set apart by the seed; 0: none */
    const struct tuff_data *validation; /* other data instead, or NULL */
    struct tuff_plateau plateau;        /* after each epoch, of the validation's loss; its state is part of tuff_fit_state */
    struct tuff_early_stop early_stop;
    bool stream; /* sends batches from the host, also where the data would fit on the device */
    uint32_t
        report_steps; /* on_step after each so many steps of an epoch and its last, waiting for the device; 0: about every half second */
    /* Callbacks may be NULL; they are called on the calling thread. on_step: false stops the fit with
     * TUFF_ERR_CANCELLED after the current step, from which it can be resumed. on_epoch: false ends the fit with TUFF_OK. */
    bool (*on_step)(void *user, const struct tuff_fit_progress *progress);
    bool (*on_epoch)(void *user, const struct tuff_epoch *epoch);
    void *user;
    /* Saves what is needed to go on (loaders.h fills it); called after every epoch and when the fit is cancelled. */
    tuff_status (*save)(void *user, struct tuff_model *model, struct tuff_error *error);
    void *save_user;
};
/* Trains until `epochs` epochs (above 0) are done in all, counted from the model's creation or what it was resumed from. Where the last batch
 * has fewer samples, losses, gradients and statistics are those of a batch of this size, in a second plan. After a failure the model
 * can be used and fitted on. Errors: USAGE, CANCELLED, DEVICE_LOST, NOT_FINITE (nothing is saved then), what save returns. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_fit(struct tuff_model *model, const struct tuff_data *data,
                                                    const struct tuff_fit_params *params, struct tuff_error *error);
/* tuff_find_rate over the batches of this fit (write is not called), which it prepares and does not change: the fit goes on as it would have. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_find_rate(struct tuff_model *model, const struct tuff_data *data,
                                                          const struct tuff_fit_params *fit,
                                                          const struct tuff_find_rate_params *params,
                                                          struct tuff_rate_point *points, struct tuff_found_rate *found,
                                                          struct tuff_error *error);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_evaluate(struct tuff_model *model, const struct tuff_data *data,
                                                         struct tuff_metrics *metrics, struct tuff_error *error);
/* outputs[i]: memory for [count, ..] of output i in its type, or NULL: of no interest. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_predict(struct tuff_model *model, const struct tuff_data *data,
                                                        void *const *outputs, struct tuff_error *error);
/* Outputs by number (0 .. count-1), with the type of one sample; past the end zeros. Names are borrowed. */
struct tuff_model_output {
    const char *name;
    struct tuff_type type;
};
TUFF_API uint32_t tuff_model_output_count(const struct tuff_model *model);
TUFF_API struct tuff_model_output tuff_model_output(const struct tuff_model *model, uint32_t index);
/* Likewise the fields that are no answers, as they are stored. */
TUFF_API struct tuff_model_output tuff_model_input(const struct tuff_model *model, uint32_t index);

/* Place in the training, for resuming; plain data. */
struct tuff_fit_state {
    uint64_t epoch, step; /* done */
    uint64_t run;         /* training runs in all */
    double best_loss;     /* of validation, or the best of what early_stop watches; infinite: none yet */
    uint64_t best_epoch, since_best;
    struct tuff_plateau_state plateau;
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
/* tuff_trainer_swap_averages of the model's fits: before tuff_model_evaluate, _predict or saving, and again behind it. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_swap_averages(struct tuff_model *model, struct tuff_error *error);
/* tuff_optimizer_name of the optimizer of its fits; NULL before tuff_model_prepare or the first fit. */
TUFF_API const char *tuff_model_optimizer(const struct tuff_model *model);
/* Groups of parameters as tuff_model_prepare or the first fit was given them, borrowed; *count 0 where there are none, and before. */
TUFF_API const struct tuff_param_group *tuff_model_groups(const struct tuff_model *model, uint32_t *count);
/* What training with this data and these parameters would take, before anything is allocated (tuff_plan_ask). Only counts
 * and shapes matter: data->fields are not read. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_memory(const struct tuff_model *model, const struct tuff_data *data,
                                                       const struct tuff_fit_params *params,
                                                       struct tuff_plan_figures *figures, struct tuff_error *error);
/* The network for inference of one batch as graph text: inputs called as the fields that are no answers, of the stored types, outputs called as
 * they are. more: 0, or another size of batch that the graph computes too, of the same parameters, with inputs and outputs called "x.64" where more is
 * 64. Free with tuff_text_free. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_graph(struct tuff_model *model, uint32_t batch, uint32_t more, char **text,
                                                      struct tuff_error *error);
/* A network of the model as text, for batches of one size and one purpose, and the key by which tuff_network_of_texts asks for it. Files keep
 * such texts. Free both with tuff_text_free. Errors: those of the network. */
enum tuff_purpose { TUFF_TO_TRAIN = 0, TUFF_TO_TEST, TUFF_TO_PREDICT };
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_network_text(struct tuff_model *m, uint32_t batch, enum tuff_purpose purpose,
                                                             char **key, char **text, struct tuff_error *error);
/* A build function that adds these networks in the place of the one that declared them: values come in the same order, so that training goes on bit
 * for bit. user: a struct tuff_network_texts, there as long as the model. Errors of the graph: USAGE (a size of batch that there is no text
 * for), FORMAT. */
struct tuff_network_texts {
    const char *(*find)(const void *user, const char *key); /* NULL: there is none of this key */
    const void *user;
};
TUFF_API void tuff_network_of_texts(struct tuff_graph *g, struct tuff_network *network, void *user);
/* Field number `index` as the model was given it, with its scale; past the end it has no name. Borrowed. */
TUFF_API struct tuff_field tuff_model_field(const struct tuff_model *model, uint32_t index);
/* What a network is of, as text for people, in columns. A row for each layer: what reads parameters or statistics of one name, NAME.weight and so on,
 * as far as they come one after the other (shared parameters are counted in the first row), and for kernels between them that are no reductions (pools,
 * attention's products): the operator of most multiply-adds, the shape of its result, elements of its parameters (trained; frozen, which are those of frozen groups, and what is
 * not f32), multiply-adds of convolutions and products of matrices, a loop's in all rounds, as those of torchinfo and fvcore. Then the sums of all; then for each device,
 * asked by tuff_plan_ask, launches and bytes of a run that computes the outputs. Nothing is allocated there. */
struct tuff_summary_params {
    size_t struct_size;
    const tuff_val *outputs; /* what they follow from is looked at: of training the loss, not the updates */
    uint32_t output_count;
    struct tuff_device *const *devices; /* NULL: none */
    uint32_t device_count;
    const struct tuff_param_group *groups; /* NULL: none */
    uint32_t group_count;
};
/* Free with tuff_text_free. Errors: the graph's own, USAGE, MEMORY; those of tuff_plan_ask. One thread at a time. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_graph_summary(const struct tuff_graph *graph,
                                                        const struct tuff_summary_params *params, char **text,
                                                        struct tuff_error *error);
/* That of the network for inference of one batch, frozen groups as of the model's fits. devices NULL: the model's own. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_summary(struct tuff_model *model, uint32_t batch,
                                                        struct tuff_device *const *devices, uint32_t device_count,
                                                        char **text, struct tuff_error *error);
/* Figures of the training plans (zeros before the first fit): launches and bytes moved of a whole batch, memory of both. */
TUFF_API struct tuff_plan_figures tuff_model_figures(const struct tuff_model *model);
TUFF_API struct tuff_executable *tuff_model_training(struct tuff_model *model); /* borrowed; NULL before the first fit */

#ifdef __cplusplus
}
#endif
#endif
