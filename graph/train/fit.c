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
#include <stdio.h>

enum { STEPS_IN_FLIGHT = 4 };
static const uint64_t RESIDENT_BYTES = 1u << 30;       /* data larger than this are streamed */
static const uint64_t PROGRESS_NS = 500 * 1000 * 1000; /* between calls of on_step: reading the sums waits for the device */
static const uint64_t SPLIT_EPOCH = UINT64_MAX;        /* shuffle that sets validation rows apart */

/* ---- the training part of the graph ---------------------------------------------------------------------------------------------- */

static void add_resident_data(struct tuff_model *m)
{
    struct tuff_graph *g = m->graph;
    for (uint32_t i = 0; i < m->field_count; i++) {
        const struct tuff_field *field = &m->params.fields[i];
        const char *name = tuff_arena_printf(&g->arena, "tuff/data/%s", field->name);
        m->data[i] = tuff_transient(g, name, field->type.dtype,
                                    tuff_model_batched((uint32_t)m->data_count, &field->type.shape));
    }
    m->order = tuff_transient(g, "tuff/order", TUFF_I32, TUFF_SHAPE((uint32_t)m->train_count));
    m->position = tuff_transient(g, "tuff/position", TUFF_I32, TUFF_SHAPE(1));
}

/* Rows order[position * batch ..] of the data on the device. */
static void add_resident_batch(struct tuff_model *m, const struct tuff_model_step *step, tuff_val *fields)
{
    struct tuff_graph *g = m->graph;
    tuff_val first = tuff_mul(g, m->position, tuff_full(g, TUFF_I32, TUFF_SHAPE(1), m->params.batch));
    tuff_val at = tuff_add(g, tuff_iota(g, TUFF_SHAPE(step->batch), 0), first);
    tuff_val rows = tuff_gather(g, m->order, at, 0);
    for (uint32_t i = 0; i < m->field_count; i++) fields[i] = tuff_gather(g, m->data[i], rows, 0);
}

static void add_streamed_batch(struct tuff_model *m, struct tuff_model_step *step, tuff_val *fields)
{
    const char *before = step == &m->steps[TUFF_WHOLE] ? "train/" : "train/last/";
    for (uint32_t i = 0; i < m->field_count; i++)
        step->fields[i] = fields[i] = tuff_model_field_input(m, m->graph, i, step->batch, before, "");
}

static tuff_val add_one(struct tuff_graph *g, tuff_val state)
{
    return tuff_assign(g, state, tuff_add(g, state, tuff_full(g, TUFF_I32, tuff_type_of(g, state).shape, 1)));
}

/* The network, its loss and what is counted, for batches of step->batch samples. */
static void build_step(struct tuff_model *m, struct tuff_model_step *step)
{
    struct tuff_graph *g = m->graph;
    tuff_val fields[TUFF_MODEL_FIELDS];
    struct tuff_network n;
    step->after = g->count - 1;
    if (m->resident)
        add_resident_batch(m, step, fields);
    else
        add_streamed_batch(m, step, fields);
    if (!tuff_model_network(m, g, fields, true, &n) || !tuff_model_networks_agree(g, &m->network, &n)) return;
    if (n.weight) {
        tuff_val weights = tuff_sum(g, n.weight, 0, TUFF_DROP_AXES);
        step->loss = tuff_div(g, tuff_sum(g, n.loss, 0, TUFF_DROP_AXES), weights);
    } else {
        step->loss = tuff_mean(g, n.loss, 0, TUFF_DROP_AXES);
    }
    tuff_model_count(m, &m->train, &n, 0, NULL);
    if (m->resident) add_one(g, m->position);
    step->until = g->count;
}

static uint64_t steps_of(const struct tuff_model *m)
{
    return m->train_count / m->params.batch + (m->steps[TUFF_LAST].batch > 0);
}

static struct tuff_model_step *step_at(struct tuff_model *m, uint64_t step)
{
    return &m->steps[step < m->train_count / m->params.batch ? TUFF_WHOLE : TUFF_LAST];
}

static struct tuff_trainer *first_trainer(struct tuff_model *m) { return step_at(m, 0)->trainer->first; }

/* Trainers for the steps, in place of those there are, whose states they take over. */
static tuff_status make_trainers(struct tuff_model *m, const struct tuff_fit_params *fit, struct tuff_error *error)
{
    struct tuff_trainer *made[TUFF_STEPS] = {NULL}, *first = NULL, *old = NULL;
    struct tuff_trainer_params params = {.struct_size = sizeof params,
                                         .optimizer = fit->optimizer,
                                         .not_finite = fit->not_finite,
                                         .memory_budget = fit->memory_budget,
                                         .device = m->device,
                                         .epoch_steps = steps_of(m)};
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; i < TUFF_STEPS && !old; i++) old = m->steps[i].trainer;
    for (uint32_t i = 0; i < TUFF_STEPS && status == TUFF_OK; i++) {
        const struct tuff_model_step *step = &m->steps[i];
        if (!step->batch) continue;
        params.loss = step->loss;
        params.after = step->after;
        params.like = first;
        params.samples = (double)step->batch / m->params.batch;
        status = tuff_trainer_make(m->graph, &params, first ? NULL : old, step->until, &made[i], error);
        if (!first) first = made[i];
    }
    struct tuff_trainer *gone[TUFF_STEPS];
    for (uint32_t i = 0; i < TUFF_STEPS; i++) {
        gone[i] = status == TUFF_OK ? m->steps[i].trainer : made[i];
        if (status == TUFF_OK) m->steps[i].trainer = made[i];
    }
    for (uint32_t i = TUFF_STEPS; i-- > 0;) tuff_trainer_destroy(gone[i]);
    return status;
}

/* Where the best epoch's content of a parameter or state of inference is kept. */
static const char *best_name(const struct tuff_value *leaf, char name[TUFF_VALUE_TEXT])
{
    snprintf(name, TUFF_VALUE_TEXT, "best/%s", leaf->name);
    return name;
}

static void add_best(struct tuff_model *m)
{
    char name[TUFF_VALUE_TEXT];
    uint32_t count = m->graph->count;
    for (tuff_val v = 1; v < count; v++) {
        const struct tuff_value *leaf = &m->graph->values[v];
        if (!tuff_is_kept(leaf) || tuff_is_transient(leaf)) continue;
        struct tuff_type type = tuff_host_type(leaf);
        if (strlen(leaf->name) + sizeof "best/" > sizeof name)
            tuff_graph_refuse(m->graph, TUFF_ERR_USAGE, "restore_best", &v, 1, "its name is too long to be kept by");
        tuff_state(m->graph, best_name(leaf, name), type.dtype, type.shape, (struct tuff_init){0});
    }
}

static tuff_status build_training(struct tuff_model *m, const struct tuff_fit_params *params, struct tuff_error *error)
{
    m->keeps_best = params->early_stop.restore_best;
    if (m->keeps_best) add_best(m);
    if (m->resident) add_resident_data(m);
    tuff_model_add_sums(m, "metrics/", false, &m->train);
    for (uint32_t i = 0; i < TUFF_STEPS; i++)
        if (m->steps[i].batch) build_step(m, &m->steps[i]);
    TUFF_TRY(tuff_graph_finish(m->graph, error));
    return make_trainers(m, params, error);
}

/* ---- preparing -------------------------------------------------------------------------------------------------------------------- */

static bool fits_on_device(const struct tuff_model *m, const struct tuff_data *data)
{
    const struct tuff_caps *caps = tuff_device_caps(m->device);
    uint64_t bytes = 0, heap = 0;
    for (uint32_t i = 0; i < m->field_count; i++) {
        bytes += data->count * m->sample_bytes[i];
        if (data->count * m->sample_bytes[i] > caps->max_storage_range) return false;
    }
    for (uint32_t i = 0; i < caps->heap_count; i++)
        if (caps->heaps[i].device_local && caps->heaps[i].bytes > heap) heap = caps->heaps[i].bytes;
    return bytes <= RESIDENT_BYTES && bytes <= heap / 4;
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
    return TUFF_OK;
}

static tuff_status size_steps(struct tuff_model *m, bool drop_last, struct tuff_error *error)
{
    uint32_t left = (uint32_t)(m->train_count % m->params.batch);
    m->steps[TUFF_WHOLE] = (struct tuff_model_step){.batch = m->train_count >= m->params.batch ? m->params.batch : 0};
    m->steps[TUFF_LAST] = (struct tuff_model_step){.batch = drop_last ? 0 : left};
    if (steps_of(m) > 0) return TUFF_OK;
    return tuff_refuse(m->context, error, "%llu training samples are fewer than one batch of %u, which drop_last leaves out",
                       (unsigned long long)m->train_count, (unsigned)m->params.batch);
}

/* What fails leaves the graph as it was, so that the model still predicts. */
static void drop_training(struct tuff_model *m, uint32_t count)
{
    for (uint32_t i = TUFF_STEPS; i-- > 0;) {
        tuff_trainer_destroy(m->steps[i].trainer);
        m->steps[i] = (struct tuff_model_step){0};
    }
    tuff_graph_undo(m->graph, count);
}

static tuff_status add_training(struct tuff_model *m, const struct tuff_data *data, const struct tuff_fit_params *params,
                                struct tuff_error *error)
{
    uint32_t before = m->graph->count;
    TUFF_TRY(tuff_optimizer_check(m->context, &params->optimizer, error));
    m->data_count = data->count;
    m->resident = !params->stream && !data->fill && fits_on_device(m, data);
    TUFF_TRY(split_rows(m, params->validation_share, error));
    TUFF_TRY(size_steps(m, params->drop_last, error));
    tuff_status status = build_training(m, params, error);
    if (status != TUFF_OK) drop_training(m, before);
    return status;
}

/* Memory for what training has added, while that can still be taken back. */
static tuff_status lay_training(struct tuff_model *m, uint32_t before, struct tuff_error *error)
{
    const struct tuff_graph *g = m->graph;
    tuff_status status = tuff_model_session(m, error);
    if (status == TUFF_OK) status = tuff_session_grow(m->session, error);
    m->prepared = status == TUFF_OK || (m->session && g->laid_count && g->laid[g->laid_count - 1] > before);
    if (!m->prepared) drop_training(m, before);
    return status;
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

/* Vectors of another kind of optimizer mean something else. */
static tuff_status forget_states(struct tuff_model *m, const struct tuff_trainer *t, struct tuff_error *error)
{
    for (uint32_t i = 0; i < t->optimizer.pack_count; i++) {
        const struct tuff_optimizer_pack *pack = &t->optimizer.packs[i];
        TUFF_TRY(tuff_model_fill(m, pack->momentum, 0, error));
        TUFF_TRY(tuff_model_fill(m, pack->variance, t->optimizer.params.initial_accumulator, error));
        TUFF_TRY(tuff_model_fill(m, pack->third, 0, error));
    }
    return TUFF_OK;
}

/* Another fit may have other settings: a schedule is data, everything else is another step. */
static tuff_status renew_training(struct tuff_model *m, const struct tuff_fit_params *params, struct tuff_error *error)
{
    struct tuff_trainer *first = first_trainer(m);
    const struct tuff_optimizer_params *old = &first->optimizer.params;
    enum tuff_optimizer_kind kind = old->kind;
    char what[240];
    TUFF_TRY(tuff_optimizer_check(m->context, &params->optimizer, error));
    enum tuff_difference difference = tuff_optimizer_compare(old, &params->optimizer, what, sizeof what);
    bool same = first->not_finite == params->not_finite && first->memory_budget == params->memory_budget;
    if (difference == TUFF_ARE_SAME && same) return TUFF_OK;
    if (difference <= TUFF_DIFFER_IN_SCHEDULE && same)
        return tuff_trainer_schedule(first, &params->optimizer.schedule, error);
    if (tuff_optimizer_groups_differ(old, &params->optimizer, what, sizeof what))
        return tuff_refuse(
            m->context, error,
            "the groups of parameters differ from those of the model's first fit: %s; write its parameters into "
            "another model (tuff_model_read, tuff_model_write), or save and load it",
            what);
    TUFF_TRY(make_trainers(m, params, error));
    first = first_trainer(m);
    TUFF_TRY(tuff_session_grow(m->session, error));
    return kind == params->optimizer.kind ? TUFF_OK : forget_states(m, first, error);
}

tuff_status tuff_model_swap_averages(struct tuff_model *m, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL);
    if (!m->prepared) return tuff_refuse(m->context, error, "model: it was not fitted, so there are no averages");
    return tuff_trainer_swap_averages(first_trainer(m), error);
}

static tuff_status check_fit(const struct tuff_model *m, const struct tuff_fit_params *params, struct tuff_error *error)
{
    TUFF_REQUIRE(m->context, error, params->struct_size >= sizeof *params);
    if (!(params->validation_share >= 0 && params->validation_share < 1))
        return tuff_refuse(m->context, error, "fit: a share of %g of the samples for validation is not in [0, 1)",
                           params->validation_share);
    const struct tuff_plateau *p = &params->plateau;
    if (!(p->factor >= 0 && p->factor < 1 && p->min_lr >= 0 && p->min_lr <= 1e30))
        return tuff_refuse(m->context, error,
                           "fit: a plateau's factor of %g and smallest rate of %g: the factor is from 0 (none) to below 1, "
                           "the rate at least 0",
                           p->factor, p->min_lr);
    const struct tuff_early_stop *e = &params->early_stop;
    if (params->epochs > INT32_MAX || e->patience > INT32_MAX)
        return tuff_refuse(m->context, error, "fit: %d epochs, patience of %d: they cannot be negative", (int)params->epochs,
                           (int)e->patience);
    if (!(e->min_delta >= 0 && e->min_delta <= 1e30))
        return tuff_refuse(m->context, error, "fit: a min_delta of %g is not 0 or above", e->min_delta);
    bool known = !e->metric;
    for (uint32_t i = 0; i < m->network.metric_count; i++) known = known || !strcmp(m->network.metrics[i].name, e->metric);
    if (!known)
        return tuff_refuse(m->context, error, "fit: early_stop watches '%.60s', which the network does not give", e->metric);
    return TUFF_OK;
}

tuff_status tuff_model_prepare(struct tuff_model *m, const struct tuff_data *data, const struct tuff_fit_params *params,
                               struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL && params != NULL);
    TUFF_TRY(check_fit(m, params, error));
    TUFF_TRY(tuff_model_check_data(m, data, true, error));
    if (m->prepared) {
        if (params->early_stop.restore_best && !m->keeps_best)
            return tuff_refuse(m->context, error, "fit: restore_best was not asked for in the model's first fit");
        if (data->count == m->data_count) return renew_training(m, params, error);
        return tuff_refuse(m->context, error, "the model was prepared for %llu samples, not %llu",
                           (unsigned long long)m->data_count, (unsigned long long)data->count);
    }
    uint32_t before = m->graph->count;
    TUFF_TRY(add_training(m, data, params, error));
    return lay_training(m, before, error);
}

/* Outputs are the trainer's. */
static struct tuff_executable_params training_params(const struct tuff_model *m)
{
    return (struct tuff_executable_params){.struct_size = sizeof(struct tuff_executable_params),
                                           .input_sets = m->resident ? 1 : 2,
                                           .progress = m->params.progress};
}

static tuff_status ask_steps(const struct tuff_model *m, struct tuff_plan_figures *figures, struct tuff_error *error)
{
    uint32_t plans = 0;
    for (uint32_t i = 0; i < TUFF_STEPS; i++) {
        struct tuff_plan_figures f;
        if (!m->steps[i].trainer) continue;
        struct tuff_executable_params plan = tuff_trainer_plan(m->steps[i].trainer);
        plan.input_sets = m->resident ? 1 : 2;
        TUFF_TRY(tuff_plan_ask(m->device, m->graph, &plan, &f, error));
        tuff_model_add_figures(figures, &plans, &f);
    }
    return TUFF_OK;
}

tuff_status tuff_model_memory(const struct tuff_model *m, const struct tuff_data *data, const struct tuff_fit_params *params,
                              struct tuff_plan_figures *figures, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL && data != NULL && params != NULL && figures != NULL);
    TUFF_TRY(check_fit(m, params, error));
    TUFF_REQUIRE_THAT(m->context, error, data->count > 0 && data->count <= INT32_MAX,
                      "the data holds from 1 to 2^31 - 1 samples");
    struct tuff_model *trial;
    TUFF_TRY(make_trial(m, data, params, &trial, error));
    tuff_status status = ask_steps(trial, figures, error);
    tuff_model_destroy(trial);
    return status;
}

static tuff_status compile_training(struct tuff_model *m, struct tuff_error *error)
{
    const struct tuff_executable_params params = training_params(m);
    for (uint32_t i = 0; i < TUFF_STEPS; i++) {
        struct tuff_trainer *trainer = m->steps[i].trainer;
        if (trainer && !trainer->run) TUFF_TRY(tuff_trainer_compile(trainer, m->session, &params, error));
    }
    return TUFF_OK;
}

static tuff_status write_data(struct tuff_model *m, const struct tuff_data *data, struct tuff_error *error)
{
    for (uint32_t i = 0; i < m->field_count && m->resident; i++)
        TUFF_TRY(
            tuff_session_write(m->session, m->data[i], data->fields[i], (size_t)data->count * m->sample_bytes[i], error));
    return TUFF_OK;
}

/* ---- the loop ---------------------------------------------------------------------------------------------------------------------- */

struct loop {
    struct tuff_model *m;
    const struct tuff_data *data;
    const struct tuff_fit_params *params;
    struct tuff_error *error;
    uint32_t *order;        /* [owned] rows of this epoch */
    struct tuff_feed *feed; /* [owned] of streamed data, from `fed` on; or NULL */
    uint64_t fed;           /* the step whose batch it gives next */
    uint64_t steps;         /* per epoch */
    uint64_t tickets[STEPS_IN_FLIGHT];
    uint64_t begin_ns, done, samples, reported_ns; /* of this fit: start, steps submitted and their samples, last report */
    uint64_t epoch_ns, epoch_samples;              /* likewise of this epoch */
    uint64_t epoch_lost;                           /* steps whose loss had not been finite when the epoch began */
    struct tuff_metrics train;
};

/* Samples of the first steps of an epoch */
static uint64_t samples_until(const struct tuff_model *m, uint64_t step)
{
    uint64_t samples = step * m->params.batch;
    return samples < m->train_count ? samples : m->train_count;
}

static tuff_status begin_epoch(struct loop *l)
{
    struct tuff_model *m = l->m;
    int32_t position = (int32_t)m->state.step;
    if (l->feed) tuff_feed_begin(l->feed, NULL, 0, true); /* nobody reads the order */
    l->fed = UINT64_MAX;
    memcpy(l->order, m->rows, (size_t)m->train_count * sizeof *l->order);
    tuff_shuffle(l->order, m->train_count, m->params.seed, m->state.epoch);
    if (m->resident) {
        TUFF_TRY(tuff_session_write(m->session, m->order, l->order, (size_t)m->train_count * sizeof *l->order, l->error));
        TUFF_TRY(tuff_session_write(m->session, m->position, &position, sizeof position, l->error));
    }
    l->epoch_ns = tuff_os_time_ns();
    l->epoch_samples = 0;
    l->epoch_lost = tuff_trainer_counts(first_trainer(m)).lost;
    if (m->state.step > 0) return TUFF_OK; /* going on: the sums are in the states */
    return tuff_model_zero_sums(m, &m->train, l->error);
}

static tuff_status write_batch(struct loop *l, uint64_t number)
{
    struct tuff_model *m = l->m;
    const struct tuff_model_step *step = step_at(m, number);
    const struct tuff_model_batch *batch;
    if (number != l->fed) {
        uint64_t first = number * m->params.batch;
        tuff_feed_begin(l->feed, l->order + first, samples_until(m, l->steps) - first, true);
    }
    l->fed = number + 1;
    TUFF_TRY(tuff_feed_next(l->feed, &batch, l->error));
    return tuff_model_batch_write(m, batch, true, step->batch, step->trainer->run, step->fields, l->error);
}

static tuff_status submit_step(struct loop *l)
{
    struct tuff_model *m = l->m;
    struct tuff_model_step *step = step_at(m, m->state.step);
    uint64_t *ticket = &l->tickets[l->done % STEPS_IN_FLIGHT];
    if (*ticket) TUFF_TRY(tuff_device_wait(m->device, *ticket, UINT64_MAX, l->error));
    if (!m->resident) TUFF_TRY(write_batch(l, m->state.step));
    TUFF_TRY(tuff_trainer_step(step->trainer, ticket, l->error));
    m->state.run = tuff_trainer_counts(step->trainer).steps;
    m->state.step++;
    l->done++;
    l->samples += step->batch;
    l->epoch_samples += step->batch;
    return TUFF_OK;
}

/* The sentence of the step that stopped the training, whose batch is given to its plan again. The model stays as it was before it. */
static tuff_status explain(struct loop *l, uint64_t run)
{
    struct tuff_model *m = l->m;
    uint64_t first = m->state.run - m->state.step; /* the epoch's first run */
    char name[64] = "training";
    m->state.step = run >= first ? run - first : 0;
    m->state.run = run;
    struct tuff_model_step *step = step_at(m, m->state.step);
    snprintf(name, sizeof name, "epoch %llu, step %llu", (unsigned long long)m->state.epoch + 1,
             (unsigned long long)m->state.step + 1);
    bool written = !m->resident && write_batch(l, m->state.step) == TUFF_OK;
    return tuff_trainer_explain(step->trainer, name, written ? TUFF_INPUTS_NEXT : TUFF_INPUTS_NONE, l->error);
}

/* Those of the epoch so far whose losses the sum took nothing of. */
static tuff_status lost_samples(struct loop *l, uint64_t *lost)
{
    struct tuff_model *m = l->m;
    const struct tuff_model_step *last = &m->steps[TUFF_LAST];
    float loss = 0;
    *lost = (tuff_trainer_counts(first_trainer(m)).lost - l->epoch_lost) * m->params.batch;
    if (!*lost || m->state.step < l->steps || !last->batch) return TUFF_OK;
    TUFF_TRY(tuff_trainer_read(last->trainer, last->loss, &loss, sizeof loss, l->error));
    if (!isfinite(loss)) *lost -= m->params.batch - last->batch;
    return TUFF_OK;
}

static tuff_status read_sums(struct loop *l)
{
    struct tuff_model *m = l->m;
    uint64_t run = UINT64_MAX;
    if (m->state.step > 0) TUFF_TRY(tuff_trainer_stopped(step_at(m, m->state.step - 1)->trainer, &run, l->error));
    if (run != UINT64_MAX) return explain(l, run);
    uint64_t samples = samples_until(m, m->state.step), lost;
    TUFF_TRY(lost_samples(l, &lost));
    return tuff_model_read_sums(m, &m->train, samples, lost, &l->train, &m->state.loss_sum, l->error);
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
                                         .samples_per_second = (double)l->samples / seconds,
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
        uint32_t each = l->params->report_steps;
        bool due = each ? m->state.step % each == 0 : l->done == 1 || tuff_os_time_ns() - l->reported_ns >= PROGRESS_NS;
        bool go_on = true;
        if (due && l->params->on_step && m->state.step < l->steps) TUFF_TRY(report(l, &go_on)); /* the last: run_epochs */
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

/* Notes the epoch's value of what is watched; whether it is the best one. */
static bool note_best(struct loop *l, const struct tuff_metrics *validation)
{
    const struct tuff_early_stop *e = &l->params->early_stop;
    struct tuff_fit_state *s = &l->m->state;
    double value = e->metric ? tuff_metrics_get(validation, e->metric) : validation->loss;
    double sign = e->rises ? -1 : 1, best = isinf(s->best_loss) ? INFINITY : sign * s->best_loss;
    bool better = sign * value < best - e->min_delta;
    s->since_best = better ? 0 : s->since_best + 1;
    if (better) s->best_loss = value, s->best_epoch = s->epoch;
    return better;
}

static bool patience_ends(const struct loop *l)
{
    uint32_t patience = l->params->early_stop.patience;
    return patience && l->m->state.since_best >= patience;
}

/* Keeps parameters and states as the best epoch's, or puts those back. Through the host. */
static tuff_status copy_best(struct tuff_model *m, bool back, struct tuff_error *error)
{
    char name[TUFF_VALUE_TEXT];
    tuff_status status = TUFF_OK;
    for (tuff_val v = 1; v < m->graph->count && status == TUFF_OK; v++) {
        const struct tuff_value *leaf = &m->graph->values[v];
        tuff_val best = tuff_is_kept(leaf) ? tuff_graph_find(m->graph, best_name(leaf, name)) : 0;
        if (!best) continue;
        struct tuff_type type = tuff_host_type(leaf);
        size_t bytes = (size_t)tuff_type_bytes(&type);
        void *content = tuff_alloc(m->context, bytes);
        status = content ? tuff_session_read(m->session, back ? best : v, content, bytes, error)
                         : tuff_fail_memory(m->context, error);
        if (status == TUFF_OK) status = tuff_session_write(m->session, back ? v : best, content, bytes, error);
        tuff_free(m->context, content);
    }
    return status;
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
                               .samples_per_second = (double)l->epoch_samples / seconds,
                               .skipped = tuff_trainer_counts(first_trainer(m)).skipped};
    tuff_status status = validate(l, &epoch.validation);
    if (status == TUFF_ERR_CANCELLED)
        return cancel(l); /* while its plan was compiled: all steps are done, this comes again */
    if (status != TUFF_OK) return status;
    epoch.best = note_best(l, &epoch.validation);
    if (epoch.best && m->keeps_best) TUFF_TRY(copy_best(m, false, l->error));
    if (l->params->plateau.factor > 0) {
        double lr = l->params->optimizer.schedule.lr;
        double scale = tuff_plateau_step(&l->params->plateau, &m->state.plateau, lr, epoch.validation.loss);
        TUFF_TRY(tuff_trainer_scale(first_trainer(m), scale, l->error));
    }
    m->state.epoch++;
    m->state.step = 0;
    bool more = !l->params->on_epoch || l->params->on_epoch(l->params->user, &epoch);
    *done = !more || patience_ends(l);
    return save(l);
}

static tuff_status run_epochs(struct loop *l)
{
    struct tuff_model *m = l->m;
    bool done = patience_ends(l);
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
            return tuff_refuse(m->context, error, "the training was begun with %s %llu, not %llu", facts[i].what,
                               (unsigned long long)facts[i].begun, (unsigned long long)facts[i].now);
    if (s->step <= steps_of(m)) return TUFF_OK;
    return tuff_refuse(m->context, error, "step %llu lies behind the epoch's end", (unsigned long long)s->step);
}

/* finish_loop is due afterwards, whatever comes. */
static tuff_status begin_loop(struct loop *l, struct tuff_model *m, const struct tuff_data *data,
                              const struct tuff_fit_params *params, struct tuff_error *error)
{
    *l = (struct loop){.m = m, .data = data, .params = params, .error = error};
    TUFF_TRY(compile_training(m, error));
    TUFF_TRY(write_data(m, data, error));
    tuff_trainer_resume(first_trainer(m), m->state.run);
    bool lowered = params->plateau.factor > 0 && m->state.plateau.scale > 0;
    TUFF_TRY(tuff_trainer_scale(first_trainer(m), lowered ? m->state.plateau.scale : 1, error));
    l->steps = steps_of(m);
    l->order = tuff_alloc(m->context, (size_t)m->train_count * sizeof *l->order);
    if (!l->order) return tuff_fail_memory(m->context, error);
    return m->resident ? TUFF_OK : tuff_feed_create(m, data, &l->feed, error);
}

static void finish_loop(struct loop *l)
{
    tuff_feed_destroy(l->feed);
    tuff_free(l->m->context, l->order);
}

tuff_status tuff_model_fit(struct tuff_model *m, const struct tuff_data *data, const struct tuff_fit_params *params,
                           struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL && data != NULL && params != NULL);
    if (params->struct_size >= sizeof *params && params->epochs == 0)
        return tuff_refuse(m->context, error,
                           "fit: epochs is 0; it is the number of all epochs, those of fits before among them");
    TUFF_TRY(tuff_model_prepare(m, data, params, error));
    TUFF_TRY(check_state(m, error));
    if (m->state.epoch >= params->epochs)
        tuff_log_message(m->context, TUFF_LOG_WARNING, "fit: nothing to do: epochs is %u, and %llu are done already",
                         (unsigned)params->epochs, (unsigned long long)m->state.epoch);
    struct loop l;
    tuff_status status = begin_loop(&l, m, data, params, error);
    if (status == TUFF_OK) status = run_epochs(&l);
    bool restore = params->early_stop.restore_best && isfinite(m->state.best_loss);
    if (status == TUFF_OK && restore) status = copy_best(m, true, error);
    finish_loop(&l);
    return status;
}

/* A step of the fit, and the next epoch's where one ends. */
static tuff_status find_step(void *user, uint32_t step, double *loss, struct tuff_error *error)
{
    struct loop *l = user;
    struct tuff_model *m = l->m;
    float value = 0;
    (void)error;
    if (m->state.step == l->steps) m->state.epoch++, m->state.step = 0;
    if (m->state.step == 0 || step == 0) TUFF_TRY(begin_epoch(l));
    struct tuff_trainer *t = step_at(m, m->state.step)->trainer;
    TUFF_TRY(submit_step(l));
    TUFF_TRY(tuff_trainer_read(t, t->loss, &value, sizeof value, l->error));
    *loss = (double)value;
    return tuff_cancel_requested(m->params.progress.cancel)
               ? tuff_fail(m->context, l->error, TUFF_ERR_CANCELLED, "find_rate: it was asked to stop")
               : TUFF_OK;
}

tuff_status tuff_model_find_rate(struct tuff_model *m, const struct tuff_data *data, const struct tuff_fit_params *fit,
                                 const struct tuff_find_rate_params *params, struct tuff_rate_point *points,
                                 struct tuff_found_rate *found, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL && data != NULL && fit != NULL && params != NULL && points != NULL && found != NULL);
    *found = (struct tuff_found_rate){0};
    TUFF_TRY(tuff_model_prepare(m, data, fit, error));
    TUFF_TRY(check_state(m, error));
    struct tuff_fit_state before = m->state;
    struct loop l;
    tuff_status status = begin_loop(&l, m, data, fit, error);
    if (status == TUFF_OK) status = tuff_find_rate_by(first_trainer(m), params, find_step, &l, points, found, error);
    finish_loop(&l);
    m->state = before;
    return status;
}

void tuff_model_resume(struct tuff_model *m, const struct tuff_fit_state *state) { m->state = *state; }
