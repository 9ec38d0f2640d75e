/* model.h - inside of a model, between network.c (what build gives), model.c (graph parts, evaluating, predicting) and fit.c (training).
 * Private. */
#ifndef TUFF_MODEL_H
#define TUFF_MODEL_H

#include "graph/train/trainer.h"

/* A training step for batches of one size: the whole ones, or what an epoch's end leaves. */
enum { TUFF_WHOLE = 0, TUFF_LAST, TUFF_STEPS };
struct tuff_model_step {
    uint32_t batch;                     /* 0: there is none */
    tuff_val fields[TUFF_MODEL_FIELDS]; /* inputs, of streamed data */
    tuff_val loss, after, until;        /* its assignments lie between these two */
    struct tuff_trainer *trainer;       /* [owned] or NULL */
};

/* Sums over samples, states: of the loss (the first), then of each metric, and of their weights (0: samples are counted). */
enum { TUFF_MODEL_SUMS = 1 + TUFF_MODEL_METRICS };
struct tuff_model_sums {
    tuff_val sum[TUFF_MODEL_SUMS], weight[TUFF_MODEL_SUMS];
    uint32_t count;
};

/* A batch on the host: content of each field, and which samples it is of. */
struct tuff_model_batch {
    void *fields[TUFF_MODEL_FIELDS]; /* [owned] */
    uint32_t *rows, count;           /* [owned] count of them */
};

struct tuff_model {
    struct tuff_context *context;    /* [borrowed] */
    struct tuff_device *device;      /* [retained] */
    struct tuff_model_params params; /* names lie in the graph's arena */
    uint32_t field_count;
    size_t sample_bytes[TUFF_MODEL_FIELDS];
    struct tuff_graph *graph;     /* [owned] */
    struct tuff_session *session; /* [owned] or NULL */

    /* inference of one batch, and its comparison with the answers */
    tuff_val fields[TUFF_MODEL_FIELDS], count; /* inputs: samples, how many of them count */
    struct tuff_network network;
    struct tuff_model_sums eval;
    tuff_val eval_assigns[2 * TUFF_MODEL_SUMS];
    uint32_t eval_count;
    struct tuff_executable *predict, *evaluate; /* [owned] or NULL */

    /* training */
    bool prepared, resident, keeps_best;
    uint64_t data_count, train_count;                  /* samples, and those not set apart for validation */
    uint32_t *rows;                                    /* [owned] data_count numbers: training rows, then validation rows */
    tuff_val data[TUFF_MODEL_FIELDS], order, position; /* states of resident data */
    struct tuff_model_sums train;                      /* over the epoch */
    struct tuff_model_step steps[TUFF_STEPS];
    struct tuff_fit_state state;
};

/* Makes the session when it is first needed; leaves that the graph gets later come into it. */
TUFF_MUST_CHECK tuff_status tuff_model_session(struct tuff_model *m, struct tuff_error *error);
/* Metrics over `count` rows of the data (rows NULL: all in order). */
TUFF_MUST_CHECK tuff_status tuff_model_evaluate_rows(struct tuff_model *m, const struct tuff_data *data,
                                                     const uint32_t *rows, uint64_t count, struct tuff_metrics *metrics,
                                                     struct tuff_error *error);
/* Calls build for fields as they are stored, [batch, sample..]; false after a failure of the graph, which says what does not fit. */
bool tuff_model_network(const struct tuff_model *m, struct tuff_graph *g, const tuff_val *stored, bool training,
                        struct tuff_network *network);
/* The network for inference of so many samples; inputs and outputs have their names, with the suffix behind them. */
void tuff_model_add_inference(struct tuff_model *m, struct tuff_graph *g, uint32_t batch, const char *suffix);
/* The states of the sums, called prefix and the metric's name; those of a transient set are not saved. */
void tuff_model_add_sums(struct tuff_model *m, const char *prefix, bool transient, struct tuff_model_sums *sums);
/* Adds what the network gives of a batch to them: the samples where counts (bool [batch]; 0: all). assigns: [2 TUFF_MODEL_SUMS] or NULL. */
uint32_t tuff_model_count(struct tuff_model *m, const struct tuff_model_sums *sums, const struct tuff_network *n,
                          tuff_val counts, tuff_val *assigns);
/* Every element of a state of floats (of any type, for 0); state 0: none. */
TUFF_MUST_CHECK tuff_status tuff_model_fill(struct tuff_model *m, tuff_val state, double value, struct tuff_error *error);
TUFF_MUST_CHECK tuff_status tuff_model_zero_sums(struct tuff_model *m, const struct tuff_model_sums *sums,
                                                 struct tuff_error *error);
/* Of so many samples, of which sums of floats lack those that are lost; *loss_sum may be NULL. */
TUFF_MUST_CHECK tuff_status tuff_model_read_sums(struct tuff_model *m, const struct tuff_model_sums *sums, uint64_t samples,
                                                 uint64_t lost, struct tuff_metrics *metrics, double *loss_sum,
                                                 struct tuff_error *error);
/* Of training plans, so many of which are in the sum: launches of the first, that of whole batches; the memory of all. */
void tuff_model_add_figures(struct tuff_plan_figures *sum, uint32_t *plans, const struct tuff_plan_figures *figures);
struct tuff_shape tuff_model_batched(uint32_t batch, const struct tuff_shape *sample);
/* The input of field i for so many samples, called by the field's name between these two. 0 after a sticky failure. */
tuff_val tuff_model_field_input(const struct tuff_model *m, struct tuff_graph *g, uint32_t i, uint32_t batch,
                                const char *before, const char *behind);
/* answers: they are needed too. */
TUFF_MUST_CHECK tuff_status tuff_model_check_data(struct tuff_model *m, const struct tuff_data *data, bool answers,
                                                  struct tuff_error *error);
/* Buffers for a batch; finish after a failure too. */
TUFF_MUST_CHECK tuff_status tuff_model_batch_begin(struct tuff_model *m, struct tuff_model_batch *batch,
                                                   struct tuff_error *error);
void tuff_model_batch_finish(struct tuff_model *m, struct tuff_model_batch *batch);
/* The samples batch->rows[count] into the batch's buffers, zeros up to the model's batch. answers: those too. */
TUFF_MUST_CHECK tuff_status tuff_model_batch_fill(const struct tuff_model *m, const struct tuff_data *data, bool answers,
                                                  struct tuff_model_batch *batch, struct tuff_error *error);
/* Into the inputs of these fields. */
TUFF_MUST_CHECK tuff_status tuff_model_batch_write(const struct tuff_model *m, const struct tuff_model_batch *batch,
                                                   bool answers, uint32_t size, struct tuff_executable *x,
                                                   const tuff_val *inputs, struct tuff_error *error);

/* feed.c: batches in order, one after the other; where data->fill makes them, by threads ahead of the caller, which borrow rows and data until the
 * next beginning or the end. */
struct tuff_feed;
TUFF_MUST_CHECK tuff_status tuff_feed_create(struct tuff_model *m, const struct tuff_data *data, struct tuff_feed **feed,
                                             struct tuff_error *error);
void tuff_feed_destroy(struct tuff_feed *feed); /* NULL is legal */
/* Batches of the samples rows[count] (rows NULL: 0 .. count-1); what was asked before is given up. */
void tuff_feed_begin(struct tuff_feed *feed, const uint32_t *rows, uint64_t count, bool answers);
/* The next one, which is there until the next call; not to be called when there is none left. Errors: those of data->fill. */
TUFF_MUST_CHECK tuff_status tuff_feed_next(struct tuff_feed *feed, const struct tuff_model_batch **batch,
                                           struct tuff_error *error);

/* network.c */
bool tuff_model_name_fits(const char *name);
/* Both false after a failure of the graph, which says why. answers: there is to be a loss. */
bool tuff_model_network_fits(struct tuff_graph *g, const struct tuff_network *network, bool answers);
bool tuff_model_networks_agree(struct tuff_graph *g, const struct tuff_network *a, const struct tuff_network *b);

#endif
