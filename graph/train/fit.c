/* fit.c - the training loop: data sets, epochs, shuffling, validation, callbacks, stopping and going on.
 *
 * Data that fit stay on the device as states; a launch gathers the batch by the shuffled order, and position, step sizes and
 * sums advance there too, so that a step is one submission and the host only submits. Otherwise batches come through inputs
 * that are written while the last step runs. */
#include "backend/executable.h"
#include "backend/os.h"
#include "graph/ops/leaf.h"
#include "graph/train/model.h"
#include "graph/train/shuffle.h"

#include <math.h>

enum { STEPS_IN_FLIGHT = 4 };
static const uint64_t RESIDENT_BYTES = 1u << 30;       /* data larger than this are streamed */
static const uint64_t PROGRESS_NS = 500 * 1000 * 1000; /* between calls of on_step: reading the sums waits for the device */
static const uint64_t SPLIT_EPOCH = UINT64_MAX;        /* shuffle that sets validation rows apart */

/* ---- the training part of the graph ---------------------------------------------------------------------------------------------- */

static struct tuff_shape with_rows(uint32_t rows, const struct tuff_shape *sample)
{
    struct tuff_shape shape = {.rank = sample->rank + 1, .dim = {rows}};
    for (uint32_t i = 0; i < sample->rank; i++) shape.dim[i + 1] = sample->dim[i];
    return shape;
}

static struct tuff_type answer_type(const struct tuff_model *m, uint32_t rows)
{
    struct tuff_type type = m->graph->values[m->answers].type;
    type.shape.dim[0] = rows;
    return type;
}

static tuff_val zero_state(struct tuff_model *m, const char *name, enum tuff_dtype dtype, struct tuff_shape shape)
{
    return tuff_state(m->graph, name, dtype, shape, (struct tuff_init){0});
}

/* Rows order[position * batch ..] of the data on the device. */
static void add_resident_batch(struct tuff_model *m, tuff_val *x, tuff_val *answers)
{
    struct tuff_graph *g = m->graph;
    struct tuff_shape batch = TUFF_SHAPE(m->params.batch);
    struct tuff_type answer = answer_type(m, (uint32_t)m->data_count);
    m->data_x = tuff_transient(g, "tuff/data/x", m->params.sample.dtype,
                               with_rows((uint32_t)m->data_count, &m->params.sample.shape));
    m->data_answers = tuff_transient(g, "tuff/data/answers", answer.dtype, answer.shape);
    m->order = tuff_transient(g, "tuff/data/order", TUFF_I32, TUFF_SHAPE((uint32_t)m->train_count));
    m->position = tuff_transient(g, "tuff/data/position", TUFF_I32, TUFF_SHAPE(1));
    tuff_val first = tuff_mul(g, m->position, tuff_full(g, TUFF_I32, TUFF_SHAPE(1), m->params.batch));
    tuff_val rows = tuff_gather(g, m->order, tuff_add(g, tuff_iota(g, batch, 0), first), 0);
    *x = tuff_gather(g, m->data_x, rows, 0);
    *answers = tuff_gather(g, m->data_answers, rows, 0);
}

static void add_streamed_batch(struct tuff_model *m, tuff_val *x, tuff_val *answers)
{
    struct tuff_type answer = answer_type(m, m->params.batch);
    m->data_x = *x = tuff_input(m->graph, "train/x", m->params.sample.dtype,
                                with_rows(m->params.batch, &m->params.sample.shape));
    m->data_answers = *answers = tuff_input(m->graph, "train/answers", answer.dtype, answer.shape);
}

static tuff_val add_one(struct tuff_graph *g, tuff_val state)
{
    return tuff_assign(g, state, tuff_add(g, state, tuff_full(g, TUFF_I32, tuff_type_of(g, state).shape, 1)));
}

static tuff_val add_sum(struct tuff_graph *g, tuff_val state, tuff_val sum)
{
    return tuff_assign(g, state, tuff_add(g, state, tuff_reshape(g, sum, TUFF_SHAPE(1))));
}

/* The generator's step goes on by one; its seed stays. */
static void advance_rng(struct tuff_graph *g)
{
    static const int32_t step[3] = {0, 0, 1};
    tuff_val rng = tuff_graph_find(g, TUFF_RNG_STATE);
    if (rng) tuff_assign(g, rng, tuff_add(g, rng, tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(3)}, step)));
}

static tuff_status list_outputs(struct tuff_model *m, tuff_val before, struct tuff_error *error)
{
    struct tuff_graph *g = m->graph;
    m->train_output_count = tuff_graph_updates(g, before, NULL, 0);
    m->train_outputs = tuff_arena_alloc(&g->arena, m->train_output_count * sizeof *m->train_outputs);
    if (!m->train_outputs) return tuff_fail_memory(m->context, error);
    tuff_graph_updates(g, before, m->train_outputs, m->train_output_count);
    return TUFF_OK;
}

static tuff_status build_training(struct tuff_model *m, const struct tuff_optimizer_params *optimizer,
                                  struct tuff_error *error)
{
    struct tuff_graph *g = m->graph;
    tuff_val before = g->count - 1, x, answers;
    if (m->resident)
        add_resident_batch(m, &x, &answers);
    else
        add_streamed_batch(m, &x, &answers);
    tuff_val y = m->params.build(g, tuff_model_scaled(m, g, x), true, m->params.user);
    TUFF_TRY(tuff_graph_finish(g, error));
    tuff_val loss = tuff_mean(g, tuff_model_losses(m, y, answers), 0, TUFF_DROP_AXES);
    tuff_optimizer_build(g, loss, optimizer, &m->optimizer);
    m->train_loss = zero_state(m, "metrics/loss", TUFF_F32, TUFF_SHAPE(1));
    m->train_correct = zero_state(m, "metrics/correct", TUFF_I32, TUFF_SHAPE(1));
    add_sum(g, m->train_loss, loss);
    tuff_val hits = tuff_model_hits(m, y, answers);
    if (hits) add_sum(g, m->train_correct, tuff_sum(g, tuff_cast(g, hits, TUFF_I32), 0, TUFF_DROP_AXES));
    if (m->resident) add_one(g, m->position);
    advance_rng(g);
    TUFF_TRY(tuff_graph_finish(g, error));
    return list_outputs(m, before, error);
}

/* ---- preparing -------------------------------------------------------------------------------------------------------------------- */

static bool fits_on_device(const struct tuff_model *m, const struct tuff_data *data)
{
    const struct tuff_caps *caps = tuff_device_caps(m->device);
    uint64_t x = data->count * m->sample_bytes, answers = data->count * tuff_model_answer_bytes(m), bytes = x + answers,
             heap = 0;
    for (uint32_t i = 0; i < caps->heap_count; i++)
        if (caps->heaps[i].device_local && caps->heaps[i].bytes > heap) heap = caps->heaps[i].bytes;
    return bytes <= RESIDENT_BYTES && x <= caps->max_storage_range && answers <= caps->max_storage_range &&
           bytes <= heap / 4;
}

static tuff_status split_rows(struct tuff_model *m, double share, struct tuff_error *error)
{
    uint64_t apart = (uint64_t)((double)m->data_count * share);
    m->train_count = m->data_count - apart;
    tuff_free(m->context, m->rows); /* of a call that failed */
    m->rows = tuff_alloc(m->context, (size_t)m->data_count * sizeof *m->rows);
    if (!m->rows) return tuff_fail_memory(m->context, error);
    for (uint64_t i = 0; i < m->data_count; i++) m->rows[i] = (uint32_t)i;
    if (apart) tuff_shuffle(m->rows, m->data_count, m->params.seed, SPLIT_EPOCH);
    if (m->train_count >= m->params.batch) return TUFF_OK;
    return tuff_fail(m->context, error, TUFF_ERR_USAGE, "%llu training samples are fewer than one batch of %u",
                     (unsigned long long)m->train_count, (unsigned)m->params.batch);
}

static tuff_status add_training(struct tuff_model *m, const struct tuff_data *data, const struct tuff_fit_params *params,
                                struct tuff_error *error)
{
    TUFF_TRY(tuff_optimizer_check(m->context, &params->optimizer, error));
    m->data_count = data->count;
    m->resident = !params->stream && fits_on_device(m, data);
    TUFF_TRY(split_rows(m, params->validation_share, error));
    TUFF_TRY(build_training(m, &params->optimizer, error));
    m->prepared = true;
    return TUFF_OK;
}

/* A model of the same network, whose graph gets the training part; nothing of it reaches the device. */
static tuff_status make_trial(const struct tuff_model *m, const struct tuff_data *data, const struct tuff_fit_params *params,
                              struct tuff_model **trial, struct tuff_error *error)
{
    TUFF_TRY(tuff_model_create(m->device, &m->params, trial, error));
    tuff_status status = add_training(*trial, data, params, error);
    if (status != TUFF_OK) tuff_model_destroy(*trial);
    return status;
}

/* Patterns of groups can be matched when training has declared its parameters, and what fails then stays in the graph: it is asked
 * of another one. */
static tuff_status check_groups(const struct tuff_model *m, const struct tuff_data *data,
                                const struct tuff_fit_params *params, struct tuff_error *error)
{
    struct tuff_model *trial;
    if (params->optimizer.group_count == 0) return TUFF_OK;
    TUFF_TRY(make_trial(m, data, params, &trial, error));
    tuff_model_destroy(trial);
    return TUFF_OK;
}

tuff_status tuff_model_prepare(struct tuff_model *m, const struct tuff_data *data, const struct tuff_fit_params *params,
                               struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL && params != NULL);
    TUFF_REQUIRE(m->context, error, params->struct_size >= sizeof *params);
    TUFF_REQUIRE_THAT(m->context, error, params->validation_share >= 0 && params->validation_share < 1,
                      "validation_share is a share, from 0 to less than 1");
    TUFF_TRY(tuff_model_check_data(m, data, error));
    if (m->prepared) {
        if (data->count == m->data_count) return TUFF_OK;
        return tuff_fail(m->context, error, TUFF_ERR_USAGE, "the model was prepared for %llu samples, not %llu",
                         (unsigned long long)m->data_count, (unsigned long long)data->count);
    }
    TUFF_TRY(check_groups(m, data, params, error));
    TUFF_TRY(add_training(m, data, params, error));
    return tuff_model_session(m, error);
}

static struct tuff_executable_params training_params(const struct tuff_model *m)
{
    return (struct tuff_executable_params){.struct_size = sizeof(struct tuff_executable_params),
                                           .outputs = m->train_outputs,
                                           .output_count = m->train_output_count,
                                           .input_sets = m->resident ? 1 : 2,
                                           .progress = m->params.progress};
}

tuff_status tuff_model_memory(const struct tuff_model *m, const struct tuff_data *data, const struct tuff_fit_params *params,
                              struct tuff_plan_figures *figures, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL && data != NULL && params != NULL && figures != NULL);
    TUFF_REQUIRE(m->context, error, params->struct_size >= sizeof *params);
    TUFF_REQUIRE_THAT(m->context, error, data->count > 0 && data->count <= INT32_MAX,
                      "the data holds from 1 to 2^31 - 1 samples");
    TUFF_REQUIRE_THAT(m->context, error, params->validation_share >= 0 && params->validation_share < 1,
                      "validation_share is a share, from 0 to less than 1");
    struct tuff_model *trial;
    TUFF_TRY(make_trial(m, data, params, &trial, error));
    struct tuff_executable_params training = training_params(trial);
    tuff_status status = tuff_plan_ask(m->device, trial->graph, &training, figures, error);
    tuff_model_destroy(trial);
    return status;
}

static tuff_status compile_training(struct tuff_model *m, struct tuff_error *error)
{
    if (m->train) return TUFF_OK;
    struct tuff_executable_params params = training_params(m);
    return tuff_session_compile(m->session, &params, &m->train, error);
}

static tuff_status write_data(struct tuff_model *m, const struct tuff_data *data, struct tuff_error *error)
{
    if (!m->resident) return TUFF_OK;
    TUFF_TRY(tuff_session_write(m->session, m->data_x, data->x, (size_t)data->count * m->sample_bytes, error));
    return tuff_session_write(m->session, m->data_answers, tuff_model_answers(m, data),
                              (size_t)data->count * tuff_model_answer_bytes(m), error);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------------------------- */

struct loop {
    struct tuff_model *m;
    const struct tuff_data *data;
    const struct tuff_fit_params *params;
    struct tuff_error *error;
    uint32_t *order;      /* [owned] rows of this epoch */
    uint8_t *x, *answers; /* [owned] batch of streamed data */
    uint64_t steps;       /* per epoch */
    uint64_t tickets[STEPS_IN_FLIGHT];
    uint64_t begin_ns, done, reported_ns; /* of this fit: start, steps submitted, last report */
    uint64_t epoch_ns, epoch_steps;       /* likewise of this epoch */
    struct tuff_metrics train;
};

static tuff_status begin_epoch(struct loop *l)
{
    struct tuff_model *m = l->m;
    float loss = 0;
    int32_t correct = 0, position = (int32_t)m->state.step;
    memcpy(l->order, m->rows, (size_t)m->train_count * sizeof *l->order);
    tuff_shuffle(l->order, m->train_count, m->params.seed, m->state.epoch);
    if (m->resident) {
        TUFF_TRY(tuff_session_write(m->session, m->order, l->order, (size_t)m->train_count * sizeof *l->order, l->error));
        TUFF_TRY(tuff_session_write(m->session, m->position, &position, sizeof position, l->error));
    }
    l->epoch_ns = tuff_os_time_ns();
    l->epoch_steps = 0;
    if (m->state.step > 0) return TUFF_OK; /* going on: the sums are in the states */
    TUFF_TRY(tuff_session_write(m->session, m->train_loss, &loss, sizeof loss, l->error));
    return tuff_session_write(m->session, m->train_correct, &correct, sizeof correct, l->error);
}

static tuff_status write_batch(struct loop *l)
{
    struct tuff_model *m = l->m;
    size_t size = tuff_model_answer_bytes(m), batch = m->params.batch;
    const uint8_t *answers = tuff_model_answers(m, l->data), *x = l->data->x;
    const uint32_t *rows = l->order + m->state.step * batch;
    for (size_t i = 0; i < batch; i++) {
        memcpy(l->x + i * m->sample_bytes, x + rows[i] * m->sample_bytes, m->sample_bytes);
        memcpy(l->answers + i * size, answers + rows[i] * size, size);
    }
    TUFF_TRY(tuff_executable_write(m->train, m->data_x, l->x, batch * m->sample_bytes, l->error));
    return tuff_executable_write(m->train, m->data_answers, l->answers, batch * size, l->error);
}

static tuff_status submit_step(struct loop *l)
{
    struct tuff_model *m = l->m;
    uint64_t *ticket = &l->tickets[l->done % STEPS_IN_FLIGHT];
    if (*ticket) TUFF_TRY(tuff_device_wait(m->device, *ticket, UINT64_MAX, l->error));
    if (!m->resident) TUFF_TRY(write_batch(l));
    TUFF_TRY(tuff_optimizer_feed(&m->optimizer, m->session, l->error));
    TUFF_TRY(tuff_executable_submit(m->train, ticket, l->error));
    m->state.run = m->optimizer.run;
    m->state.step++;
    l->done++;
    l->epoch_steps++;
    return TUFF_OK;
}

static tuff_status read_sums(struct loop *l)
{
    struct tuff_model *m = l->m;
    float loss;
    int32_t correct;
    TUFF_TRY(tuff_session_read(m->session, m->train_loss, &loss, sizeof loss, l->error));
    TUFF_TRY(tuff_session_read(m->session, m->train_correct, &correct, sizeof correct, l->error));
    double steps = (double)(m->state.step ? m->state.step : 1);
    l->train = (struct tuff_metrics){(double)loss / steps, (double)correct / (steps * m->params.batch)};
    m->state.loss_sum = (double)loss;
    return TUFF_OK;
}

/* Tells how far it is; *go_on false when the callback wants to stop. */
static tuff_status report(struct loop *l, bool *go_on)
{
    struct tuff_model *m = l->m;
    TUFF_TRY(read_sums(l));
    double seconds = (double)(tuff_os_time_ns() - l->begin_ns) / 1e9;
    uint64_t left = (l->params->epochs - m->state.epoch) * l->steps - m->state.step;
    struct tuff_fit_progress progress = {.epoch = (uint32_t)m->state.epoch,
                                         .epochs = l->params->epochs,
                                         .step = m->state.step,
                                         .steps = l->steps,
                                         .train = l->train,
                                         .samples_per_second = (double)(l->done * m->params.batch) / seconds,
                                         .seconds_left = l->done ? seconds / (double)l->done * (double)left : 0};
    *go_on = l->params->on_step(l->params->user, &progress);
    l->reported_ns = tuff_os_time_ns();
    return TUFF_OK;
}

static tuff_status save(struct loop *l)
{
    return l->params->save ? l->params->save(l->params->save_user, l->m, l->error) : TUFF_OK;
}

static tuff_status cancel(struct loop *l)
{
    TUFF_TRY(read_sums(l));
    TUFF_TRY(save(l));
    return tuff_fail(l->m->context, l->error, TUFF_ERR_CANCELLED, "the fit was stopped in epoch %llu after step %llu",
                     (unsigned long long)l->m->state.epoch + 1, (unsigned long long)l->m->state.step);
}

static tuff_status run_steps(struct loop *l)
{
    struct tuff_model *m = l->m;
    while (m->state.step < l->steps) {
        TUFF_TRY(submit_step(l));
        bool due = l->params->on_step && (l->done == 1 || tuff_os_time_ns() - l->reported_ns >= PROGRESS_NS), go_on = true;
        if (due) TUFF_TRY(report(l, &go_on));
        go_on = go_on && !tuff_cancel_requested(m->params.progress.cancel);
        if (!go_on) return cancel(l);
    }
    return TUFF_OK;
}

static tuff_status validate(struct loop *l, struct tuff_metrics *metrics)
{
    struct tuff_model *m = l->m;
    uint64_t apart = m->data_count - m->train_count;
    *metrics = l->train;
    if (l->params->validation) return tuff_model_evaluate(m, l->params->validation, metrics, l->error);
    if (apart) return tuff_model_evaluate_rows(m, l->data, m->rows + m->train_count, apart, metrics, l->error);
    return TUFF_OK;
}

/* Closes the epoch; *done when patience is at its end or the callback wants no more. */
static tuff_status end_epoch(struct loop *l, bool *done)
{
    struct tuff_model *m = l->m;
    TUFF_TRY(read_sums(l));
    double seconds = (double)(tuff_os_time_ns() - l->epoch_ns) / 1e9;
    struct tuff_epoch epoch = {.epoch = (uint32_t)m->state.epoch,
                               .train = l->train,
                               .seconds = seconds,
                               .samples_per_second = (double)(l->epoch_steps * m->params.batch) / seconds};
    tuff_status status = validate(l, &epoch.validation);
    if (status == TUFF_ERR_CANCELLED)
        return cancel(l); /* while its plan was compiled: all steps are done, this comes again */
    if (status != TUFF_OK) return status;
    epoch.best = epoch.validation.loss < m->state.best_loss;
    m->state.since_best = epoch.best ? 0 : m->state.since_best + 1;
    if (epoch.best) {
        m->state.best_loss = epoch.validation.loss;
        m->state.best_epoch = m->state.epoch;
    }
    m->state.epoch++;
    m->state.step = 0;
    bool more = !l->params->on_epoch || l->params->on_epoch(l->params->user, &epoch);
    *done = !more || (l->params->patience && m->state.since_best >= l->params->patience);
    return save(l);
}

static tuff_status run_epochs(struct loop *l)
{
    struct tuff_model *m = l->m;
    bool done = false;
    l->begin_ns = l->reported_ns = tuff_os_time_ns();
    while (m->state.epoch < l->params->epochs && !done) {
        TUFF_TRY(begin_epoch(l));
        TUFF_TRY(run_steps(l));
        bool go_on = true;
        if (l->params->on_step) TUFF_TRY(report(l, &go_on));
        TUFF_TRY(end_epoch(l, &done));
        if (!go_on && m->state.epoch < l->params->epochs) return cancel(l);
    }
    return TUFF_OK;
}

/* Going on with another seed, batch, number of samples or split would be another order of samples. */
static tuff_status check_state(struct tuff_model *m, struct tuff_error *error)
{
    struct tuff_fit_state *s = &m->state;
    if (s->samples == 0) { /* the first fit */
        s->samples = m->data_count;
        s->train_samples = m->train_count;
    }
    const struct {
        const char *what;
        uint64_t begun, now;
    } facts[] = {{"seed", s->seed, m->params.seed},
                 {"batch size", s->batch, m->params.batch},
                 {"number of samples", s->samples, m->data_count},
                 {"number of training samples", s->train_samples, m->train_count}};
    for (size_t i = 0; i < TUFF_COUNT(facts); i++)
        if (facts[i].begun != facts[i].now)
            return tuff_fail(m->context, error, TUFF_ERR_USAGE, "the training was begun with %s %llu, not %llu",
                             facts[i].what, (unsigned long long)facts[i].begun, (unsigned long long)facts[i].now);
    if (s->step <= m->train_count / m->params.batch) return TUFF_OK;
    return tuff_fail(m->context, error, TUFF_ERR_USAGE, "step %llu lies behind the epoch's end",
                     (unsigned long long)s->step);
}

tuff_status tuff_model_fit(struct tuff_model *m, const struct tuff_data *data, const struct tuff_fit_params *params,
                           struct tuff_error *error)
{
    TUFF_TRY(tuff_model_prepare(m, data, params, error));
    TUFF_TRY(check_state(m, error));
    TUFF_TRY(compile_training(m, error));
    TUFF_TRY(write_data(m, data, error));
    tuff_optimizer_resume(&m->optimizer, m->state.run);
    struct loop l = {.m = m, .data = data, .params = params, .error = error, .steps = m->train_count / m->params.batch};
    l.order = tuff_alloc(m->context, (size_t)m->train_count * sizeof *l.order);
    l.x = tuff_alloc(m->context, m->params.batch * m->sample_bytes);
    l.answers = tuff_alloc(m->context, m->params.batch * tuff_model_answer_bytes(m));
    tuff_status status = l.order && l.x && l.answers ? run_epochs(&l) : tuff_fail_memory(m->context, error);
    tuff_free(m->context, l.order);
    tuff_free(m->context, l.x);
    tuff_free(m->context, l.answers);
    return status;
}

void tuff_model_resume(struct tuff_model *m, const struct tuff_fit_state *state) { m->state = *state; }
