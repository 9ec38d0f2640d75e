/* model.h - inside of a model, between model.c (graph parts, evaluating, predicting) and fit.c (training). Private. */
#ifndef TUFF_MODEL_H
#define TUFF_MODEL_H

#include "graph/train/trainer.h"

/* A training step for batches of one size: the whole ones, or what an epoch's end leaves. */
enum { TUFF_WHOLE = 0, TUFF_LAST, TUFF_STEPS };
struct tuff_model_step {
    uint32_t batch;               /* 0: there is none */
    tuff_val x, answers;          /* inputs, of streamed data */
    tuff_val loss, after, until;  /* its assignments lie between these two */
    struct tuff_trainer *trainer; /* [owned] or NULL */
};

struct tuff_model {
    struct tuff_context *context; /* [borrowed] */
    struct tuff_device *device;   /* [retained] */
    struct tuff_model_params params;
    struct tuff_graph *graph;     /* [owned] */
    struct tuff_session *session; /* [owned] or NULL */
    uint64_t outputs;             /* per sample */
    size_t sample_bytes;

    /* inference of one batch, and its comparison with labels or targets */
    tuff_val x, answers, count; /* inputs: samples, labels or targets, how many of them count */
    tuff_val predicted;         /* probabilities or outputs [batch, ..] */
    tuff_val eval_loss, eval_correct, eval_assigns[2];
    struct tuff_executable *predict, *evaluate; /* [owned] or NULL */

    /* training */
    bool prepared, resident;
    uint64_t data_count, train_count;               /* samples, and those not set apart for validation */
    uint32_t *rows;                                 /* [owned] data_count numbers: training rows, then validation rows */
    tuff_val data_x, data_answers, order, position; /* states of resident data */
    tuff_val train_loss, train_correct;             /* states: sums over the epoch */
    struct tuff_model_step steps[TUFF_STEPS];
    struct tuff_fit_state state;
};

/* Makes the session when it is first needed; leaves that the graph gets later come into it. */
TUFF_MUST_CHECK tuff_status tuff_model_session(struct tuff_model *m, struct tuff_error *error);
/* Metrics over `count` rows of the data (rows NULL: all in order). */
TUFF_MUST_CHECK tuff_status tuff_model_evaluate_rows(struct tuff_model *m, const struct tuff_data *data,
                                                     const uint32_t *rows, uint64_t count, struct tuff_metrics *metrics,
                                                     struct tuff_error *error);
/* The network's output for x, stored samples [batch, ..]; 0 after a failure of the graph, which says what does not fit. */
tuff_val tuff_model_network(struct tuff_model *m, struct tuff_graph *g, tuff_val x, bool training);
/* Loss of each sample [batch], and which are right, or 0 for mean squared error. */
tuff_val tuff_model_losses(struct tuff_model *m, tuff_val y, tuff_val answers);
tuff_val tuff_model_hits(struct tuff_model *m, tuff_val y, tuff_val answers); /* bool [batch] */
/* What a second training plan adds: beside launches of whole batches, the memory of both. */
void tuff_model_add_figures(struct tuff_plan_figures *sum, const struct tuff_plan_figures *figures);
size_t tuff_model_answer_bytes(const struct tuff_model *m); /* per sample */
TUFF_MUST_CHECK tuff_status tuff_model_check_data(struct tuff_model *m, const struct tuff_data *data,
                                                  struct tuff_error *error);
const void *tuff_model_answers(const struct tuff_model *m, const struct tuff_data *data);

#endif
