/* model.c - a network with its parameters on a device: graph parts for inference and comparison, evaluating, predicting,
 * leaves for checkpoints. Training is in fit.c. */
#include "graph/train/model.h"
#include "backend/executable.h"
#include "graph/ops/leaf.h"
#include "graph/places.h"

#include <math.h>
#include <stdio.h>

/* ---- graph parts ------------------------------------------------------------------------------------------------------------ */

struct tuff_shape tuff_model_batched(uint32_t batch, const struct tuff_shape *sample)
{
    struct tuff_shape shape = {.rank = sample->rank + 1, .dim = {batch}};
    for (uint32_t i = 0; i < sample->rank && i + 1 < TUFF_MAX_RANK; i++) shape.dim[i + 1] = sample->dim[i];
    return shape;
}

bool tuff_model_network(const struct tuff_model *m, struct tuff_graph *g, const tuff_val *stored, bool training,
                        struct tuff_network *n)
{
    tuff_val fields[TUFF_MODEL_FIELDS] = {0};
    bool answers = true;
    *n = (struct tuff_network){.training = training, .fields = fields};
    for (uint32_t i = 0; i < m->field_count; i++) {
        const struct tuff_field *field = &m->params.fields[i];
        bool whole = field->type.dtype == TUFF_I32 || field->type.dtype == TUFF_BOOL;
        answers = answers && stored[i];
        if (!stored[i]) continue;
        n->batch = tuff_type_of(g, stored[i]).shape.dim[0];
        fields[i] = whole ? stored[i] : tuff_affine(g, tuff_cast(g, stored[i], TUFF_F32), field->scale, field->shift);
    }
    if (g->status == TUFF_OK) m->params.build(g, n, m->params.user);
    n->fields = NULL;
    return tuff_model_network_fits(g, n, answers);
}

/* Of the loss (0) and the metrics. */
static struct tuff_network_value summed(const struct tuff_network *n, uint32_t i)
{
    return i ? n->metrics[i - 1] : (struct tuff_network_value){"loss", n->loss, n->weight};
}

/* [batch, ..] without the batch; a number is one element */
static struct tuff_shape sum_shape(struct tuff_graph *g, tuff_val v)
{
    struct tuff_shape shape = tuff_type_of(g, v).shape;
    if (shape.rank < 2) return TUFF_SHAPE(1);
    memmove(shape.dim, shape.dim + 1, --shape.rank * sizeof *shape.dim);
    shape.dim[shape.rank] = 0;
    return shape;
}

static tuff_val sum_state(struct tuff_model *m, const char *prefix, const char *name, const char *suffix, bool transient,
                          enum tuff_dtype dtype, tuff_val v)
{
    struct tuff_shape shape = sum_shape(m->graph, v);
    const char *whole = tuff_arena_printf(&m->graph->arena, "%s%s%s", prefix, name, suffix);
    if (!whole) return tuff_graph_fail(m->graph, TUFF_ERR_MEMORY, "out of host memory");
    return transient ? tuff_transient(m->graph, whole, dtype, shape)
                     : tuff_state(m->graph, whole, dtype, shape, (struct tuff_init){0});
}

void tuff_model_add_sums(struct tuff_model *m, const char *prefix, bool transient, struct tuff_model_sums *sums)
{
    sums->count = 1 + m->network.metric_count;
    for (uint32_t i = 0; i < sums->count; i++) {
        struct tuff_network_value v = summed(&m->network, i);
        bool floats = tuff_is_float(tuff_type_of(m->graph, v.value).dtype);
        sums->sum[i] = sum_state(m, prefix, v.name, "", transient, floats ? TUFF_F32 : TUFF_I32, v.value);
        sums->weight[i] = v.weight ? sum_state(m, prefix, v.name, ".weight", transient, TUFF_F32, v.weight) : 0;
    }
}

/* state += the sum of v [batch, ..] over the samples that count */
static tuff_val add_to(struct tuff_graph *g, tuff_val state, tuff_val v, tuff_val counts)
{
    struct tuff_type type = tuff_type_of(g, v);
    if (!tuff_is_float(type.dtype)) v = tuff_cast(g, v, TUFF_I32);
    if (counts) {
        struct tuff_shape each = {.rank = type.shape.rank, .dim = {type.shape.dim[0]}};
        for (uint32_t i = 1; i < each.rank && i < TUFF_MAX_RANK; i++) each.dim[i] = 1;
        tuff_val nothing = tuff_full(g, tuff_type_of(g, v).dtype, type.shape, 0), those = tuff_reshape(g, counts, each);
        v = tuff_select(g, those, v, nothing);
    }
    tuff_val sum = tuff_sum(g, v, 1, TUFF_DROP_AXES);
    return tuff_assign(g, state, tuff_add(g, state, tuff_reshape(g, sum, tuff_type_of(g, state).shape)));
}

uint32_t tuff_model_count(struct tuff_model *m, const struct tuff_model_sums *sums, const struct tuff_network *n,
                          tuff_val counts, tuff_val *assigns)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sums->count; i++) {
        struct tuff_network_value v = summed(n, i);
        tuff_val done[2] = {add_to(m->graph, sums->sum[i], v.value, counts),
                            v.weight ? add_to(m->graph, sums->weight[i], v.weight, counts) : 0};
        for (uint32_t k = 0; k < 2 && assigns; k++)
            if (done[k]) assigns[count++] = done[k];
    }
    return count;
}

tuff_val tuff_model_field_input(const struct tuff_model *m, struct tuff_graph *g, uint32_t i, uint32_t batch,
                                const char *before, const char *behind)
{
    const struct tuff_field *field = &m->params.fields[i];
    const char *name = tuff_arena_printf(&g->arena, "%s%s%s", before, field->name, behind);
    if (!name) return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    return tuff_input(g, name, field->type.dtype, tuff_model_batched(batch, &field->type.shape));
}

static void check_no_updates(struct tuff_graph *g)
{
    tuff_val assigned = 0;
    if (tuff_graph_updates(g, 0, &assigned, 1) && g->status == TUFF_OK) /* a batch norm that is built for training, say */
        tuff_graph_fail(g, TUFF_ERR_USAGE,
                        "the network's build function assigns '%.60s' where it is called for inference: its layers are to "
                        "take `training` as it was given",
                        g->values[tuff_written_leaf(g, assigned)].name);
}

static tuff_status build_inference(struct tuff_model *m, struct tuff_error *error)
{
    struct tuff_graph *g = m->graph;
    uint32_t batch = m->params.batch;
    for (uint32_t i = 0; i < m->field_count; i++) m->fields[i] = tuff_model_field_input(m, g, i, batch, "predict/", "");
    if (tuff_model_network(m, g, m->fields, false, &m->network)) check_no_updates(g);
    TUFF_TRY(tuff_graph_finish(g, error));
    for (uint32_t i = 0; i < m->network.metric_count; i++)
        m->network.metrics[i].name = tuff_arena_strdup(&g->arena, m->network.metrics[i].name);
    for (uint32_t i = 0; i < m->network.output_count; i++)
        m->network.outputs[i].name = tuff_arena_strdup(&g->arena, m->network.outputs[i].name);
    m->count = tuff_input(g, "predict/count", TUFF_I32, TUFF_SHAPE(1));
    tuff_val counts = tuff_less(g, tuff_iota(g, TUFF_SHAPE(batch), 0), m->count);
    tuff_model_add_sums(m, "tuff/metrics/eval_", true, &m->eval);
    m->eval_count = tuff_model_count(m, &m->eval, &m->network, counts, m->eval_assigns);
    return tuff_graph_finish(g, error);
}

static tuff_status check_field(struct tuff_context *context, const struct tuff_field *f, uint32_t i,
                               struct tuff_error *error)
{
    static const enum tuff_dtype possible[] = {TUFF_U8, TUFF_I8, TUFF_BOOL, TUFF_I32, TUFF_F16, TUFF_BF16, TUFF_F32};
    bool known = false;
    for (size_t k = 0; k < TUFF_COUNT(possible); k++) known = known || f->type.dtype == possible[k];
    if (!tuff_model_name_fits(f->name) || !strcmp(f->name, "count"))
        return tuff_refuse(
            context, error,
            "model: field %u is called '%.60s': names have 1 to 40 letters, digits, - and _, and none is count", (unsigned)i,
            f->name);
    if (!known)
        return tuff_refuse(context, error, "model: field '%s' is of type %s, which samples cannot have", f->name,
                           tuff_dtype_known((int32_t)f->type.dtype) ? tuff_dtype_name(f->type.dtype) : "none");
    if (f->type.shape.rank >= TUFF_MAX_RANK || tuff_shape_count(&f->type.shape) == 0)
        return tuff_refuse(context, error,
                           "model: the shape of field '%s' has no room for the batch before it, or a dimension of 0",
                           f->name);
    if (!isfinite(f->scale) || !isfinite(f->shift))
        return tuff_refuse(context, error, "model: field '%s' times %g plus %g is not finite", f->name, f->scale, f->shift);
    return TUFF_OK;
}

static uint32_t count_fields(const struct tuff_model_params *p)
{
    uint32_t count = 0;
    while (count < TUFF_MODEL_FIELDS && p->fields[count].name) count++;
    return count;
}

static tuff_status check_params(struct tuff_context *context, const struct tuff_model_params *p, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, p->struct_size >= sizeof *p);
    TUFF_REQUIRE_THAT(context, error, p->build, "build is NULL: the function that adds the network to a graph");
    bool asked = false;
    for (uint32_t i = 0; i < count_fields(p); i++) {
        TUFF_TRY(check_field(context, &p->fields[i], i, error));
        asked = asked || !p->fields[i].answer;
        for (uint32_t k = 0; k < i; k++)
            if (!strcmp(p->fields[i].name, p->fields[k].name))
                return tuff_refuse(context, error, "model: two fields are called '%s'", p->fields[i].name);
    }
    if (!asked)
        return tuff_refuse(context, error,
                           "model: it has no fields but answers: .fields = {TUFF_FIELD(\"x\", TUFF_F32, 4), ..}");
    if (p->batch > INT32_MAX) return tuff_refuse(context, error, "model: a batch of %d samples", (int)p->batch);
    return TUFF_OK;
}

/* Names become the model's own, and defaults what they stand for. */
static tuff_status take_fields(struct tuff_model *m, struct tuff_error *error)
{
    m->field_count = count_fields(&m->params);
    for (uint32_t i = 0; i < m->field_count; i++) {
        struct tuff_field *f = &m->params.fields[i];
        f->name = tuff_arena_strdup(&m->graph->arena, f->name);
        if (!f->name) return tuff_fail_memory(m->context, error);
        if (f->scale == 0) f->scale = f->type.dtype == TUFF_U8 ? 1.0 / 255 : 1;
        m->sample_bytes[i] = (size_t)tuff_type_bytes(&f->type);
    }
    return TUFF_OK;
}

tuff_status tuff_model_create(struct tuff_device *device, const struct tuff_model_params *params, struct tuff_model **model,
                              struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device != NULL && params != NULL && model != NULL);
    struct tuff_context *context = tuff_device_context(device);
    TUFF_TRY(check_params(context, params, error));
    struct tuff_model *m = tuff_object_create(context, sizeof *m);
    if (!m) return tuff_fail_memory(context, error);
    m->context = context;
    m->device = device;
    tuff_device_retain(device);
    m->params = *params;
    if (m->params.batch == 0) m->params.batch = 64;
    m->state = (struct tuff_fit_state){.best_loss = INFINITY, .seed = params->seed, .batch = m->params.batch};
    tuff_status status = tuff_graph_create(context, &m->graph, error);
    if (status == TUFF_OK) status = take_fields(m, error);
    if (status == TUFF_OK) status = build_inference(m, error);
    if (status != TUFF_OK)
        tuff_model_destroy(m);
    else
        *model = m;
    return status;
}

void tuff_model_destroy(struct tuff_model *m)
{
    if (!m) return;
    tuff_executable_destroy(m->predict);
    tuff_executable_destroy(m->evaluate);
    for (uint32_t i = TUFF_STEPS; i-- > 0;) tuff_trainer_destroy(m->steps[i].trainer); /* the last one is like the first */
    tuff_session_destroy(m->session);
    tuff_graph_destroy(m->graph);
    tuff_free(m->context, m->rows);
    tuff_device_release(m->device);
    tuff_object_destroy(m->context, m);
}

/* ---- session ------------------------------------------------------------------------------------------------------------------ */

tuff_status tuff_model_session(struct tuff_model *m, struct tuff_error *error)
{
    struct tuff_session_params params = {.struct_size = sizeof params, .seed = m->params.seed};
    return m->session ? TUFF_OK : tuff_session_create(m->device, m->graph, &params, &m->session, error);
}

/* ---- batches --------------------------------------------------------------------------------------------------------------------- */

/* Labels and indices that the network reads as they are stored name classes and places. */
static tuff_status check_places(struct tuff_model *m, const struct tuff_data *data, const struct tuff_places *p,
                                struct tuff_error *error)
{
    for (uint32_t i = 0; i < m->field_count; i++) {
        if (p->value != m->fields[i] || !data->fields[i]) continue;
        const struct tuff_field *field = &m->params.fields[i];
        const int32_t *numbers = data->fields[i];
        uint64_t each = tuff_shape_count(&field->type.shape);
        for (uint64_t k = 0; k < data->count * each; k++) {
            if ((numbers[k] >= p->least && numbers[k] <= p->most) || (p->ignored && numbers[k] == *p->ignored)) continue;
            if (p->classes)
                return tuff_refuse(m->context, error, "label %d of sample %llu is not one of the network's %llu classes",
                                   (int)numbers[k], (unsigned long long)(k / each), (unsigned long long)p->most + 1);
            return tuff_refuse(m->context, error, "%s: %d of sample %llu is an index outside of %lld .. %lld", field->name,
                               (int)numbers[k], (unsigned long long)(k / each), (long long)p->least, (long long)p->most);
        }
    }
    return TUFF_OK;
}

static tuff_status check_numbers(struct tuff_model *m, const struct tuff_data *data, struct tuff_error *error)
{
    struct tuff_places *places = NULL;
    uint32_t count = 0;
    struct tuff_arena arena = {.context = m->context};
    tuff_status status = tuff_places_find(m->graph, m->eval_assigns, m->eval_count, &arena, &places, &count, error);
    for (uint32_t i = 0; i < count && status == TUFF_OK; i++) status = check_places(m, data, &places[i], error);
    tuff_arena_finish(&arena);
    return status;
}

tuff_status tuff_model_check_data(struct tuff_model *m, const struct tuff_data *data, bool answers, struct tuff_error *error)
{
    if (!data) return tuff_refuse(m->context, error, "the data are NULL");
    for (uint32_t i = 0; i < m->field_count && !data->fill; i++)
        if (!data->fields[i] && (answers || !m->params.fields[i].answer))
            return tuff_refuse(m->context, error, "the data's %s is NULL (fields[%u])%s", m->params.fields[i].name,
                               (unsigned)i,
                               answers ? "" : ": only a field declared as .answer may be missing from a prediction");
    if (data->count == 0 || data->count > INT32_MAX)
        return tuff_refuse(m->context, error, "the data hold %llu samples; they can be 1 to 2^31 - 1",
                           (unsigned long long)data->count);
    return data->fill ? TUFF_OK : check_numbers(m, data, error);
}

tuff_status tuff_model_batch_begin(struct tuff_model *m, struct tuff_model_batch *batch, struct tuff_error *error)
{
    bool there = (batch->rows = tuff_alloc(m->context, m->params.batch * sizeof *batch->rows)) != NULL;
    for (uint32_t i = 0; i < m->field_count; i++)
        there = (batch->fields[i] = tuff_alloc(m->context, m->params.batch * m->sample_bytes[i])) && there;
    return there ? TUFF_OK : tuff_fail_memory(m->context, error);
}

void tuff_model_batch_finish(struct tuff_model *m, struct tuff_model_batch *batch)
{
    tuff_free(m->context, batch->rows);
    for (uint32_t i = 0; i < m->field_count; i++) tuff_free(m->context, batch->fields[i]);
}

tuff_status tuff_model_batch_fill(const struct tuff_model *m, const struct tuff_data *data, bool answers,
                                  struct tuff_model_batch *batch, struct tuff_error *error)
{
    void *to[TUFF_MODEL_FIELDS] = {NULL};
    for (uint32_t i = 0; i < m->field_count; i++) {
        size_t bytes = m->sample_bytes[i];
        if (m->params.fields[i].answer && !answers) continue;
        to[i] = batch->fields[i];
        memset((uint8_t *)to[i] + batch->count * bytes, 0, (m->params.batch - batch->count) * bytes);
        for (uint32_t k = 0; k < batch->count && !data->fill; k++)
            memcpy((uint8_t *)to[i] + k * bytes, (const uint8_t *)data->fields[i] + batch->rows[k] * bytes, bytes);
    }
    if (!data->fill) return TUFF_OK;
    struct tuff_error own = {0};
    tuff_status status = data->fill(data->user, batch->rows, batch->count, to, &own);
    if (status == TUFF_OK) return TUFF_OK;
    own.message[sizeof own.message - 1] = 0;
    return tuff_fail(m->context, error, status, "samples could not be made: %s",
                     own.message[0] ? own.message : "fill gave no sentence");
}

tuff_status tuff_model_batch_write(const struct tuff_model *m, const struct tuff_model_batch *batch, bool answers,
                                   uint32_t size, struct tuff_executable *x, const tuff_val *inputs,
                                   struct tuff_error *error)
{
    for (uint32_t i = 0; i < m->field_count; i++)
        if (answers || !m->params.fields[i].answer)
            TUFF_TRY(tuff_executable_write(x, inputs[i], batch->fields[i], size * m->sample_bytes[i], error));
    return TUFF_OK;
}

/* ---- running batches ------------------------------------------------------------------------------------------------------------ */

static tuff_status compile_part(struct tuff_model *m, const tuff_val *outputs, uint32_t count,
                                struct tuff_executable **executable, struct tuff_error *error)
{
    TUFF_TRY(tuff_model_session(m, error));
    if (*executable) return TUFF_OK;
    struct tuff_executable_params params = {.struct_size = sizeof params,
                                            .outputs = outputs,
                                            .output_count = count,
                                            .input_sets = 2,
                                            .progress = m->params.progress};
    return tuff_session_compile(m->session, &params, executable, error);
}

tuff_status tuff_model_fill(struct tuff_model *m, tuff_val state, double value, struct tuff_error *error)
{
    if (!state) return TUFF_OK;
    size_t bytes = (size_t)tuff_type_bytes(&m->graph->values[state].type);
    float *content = tuff_alloc(m->context, bytes);
    if (!content) return tuff_fail_memory(m->context, error);
    for (size_t i = 0; i < bytes / sizeof *content; i++) content[i] = (float)value;
    tuff_status status = tuff_session_write(m->session, state, content, bytes, error);
    tuff_free(m->context, content);
    return status;
}

tuff_status tuff_model_zero_sums(struct tuff_model *m, const struct tuff_model_sums *sums, struct tuff_error *error)
{
    for (uint32_t i = 0; i < sums->count; i++) {
        TUFF_TRY(tuff_model_fill(m, sums->sum[i], 0, error));
        TUFF_TRY(tuff_model_fill(m, sums->weight[i], 0, error));
    }
    return TUFF_OK;
}

/* Sum by weight (0: samples), the mean over the elements that weigh anything. *first: of the sums; may be NULL. */
static tuff_status read_mean(struct tuff_model *m, tuff_val sum, tuff_val weight, double samples, double *mean,
                             double *first, struct tuff_error *error)
{
    union {
        float real;
        int32_t whole;
    } * sums, *weights; /* elements of both types */
    const struct tuff_type type = m->graph->values[sum].type, by = m->graph->values[weight ? weight : sum].type;
    uint64_t count = tuff_shape_count(&type.shape), step = tuff_shape_count(&by.shape) == 1 ? 0 : 1;
    double total = 0, defined = 0;
    sums = tuff_alloc(m->context, 2 * (size_t)count * sizeof *sums);
    if (!sums) return tuff_fail_memory(m->context, error);
    weights = sums + count;
    tuff_status status = tuff_session_read(m->session, sum, sums, (size_t)tuff_type_bytes(&type), error);
    if (status == TUFF_OK && weight)
        status = tuff_session_read(m->session, weight, weights, (size_t)tuff_type_bytes(&by), error);
    for (uint64_t i = 0; i < count && status == TUFF_OK; i++) {
        double number = tuff_is_float(type.dtype) ? (double)sums[i].real : (double)sums[i].whole;
        double divisor = weight ? (double)weights[i * step].real : samples;
        if (i == 0 && first) *first = number;
        if (divisor != 0 || count == 1) total += number / divisor, defined++;
    }
    if (status == TUFF_OK) *mean = total / defined;
    tuff_free(m->context, sums);
    return status;
}

tuff_status tuff_model_read_sums(struct tuff_model *m, const struct tuff_model_sums *sums, uint64_t samples, uint64_t lost,
                                 struct tuff_metrics *metrics, double *loss_sum, struct tuff_error *error)
{
    *metrics = (struct tuff_metrics){.count = sums->count - 1};
    for (uint32_t i = 0; i < sums->count; i++) {
        struct tuff_metric *metric = i ? &metrics->metric[i - 1] : NULL;
        if (metric) metric->name = m->network.metrics[i - 1].name;
        bool floats = tuff_is_float(m->graph->values[sums->sum[i]].type.dtype); /* whole numbers are always counted */
        double by = (double)(samples - (!floats ? 0 : lost < samples ? lost : samples));
        TUFF_TRY(read_mean(m, sums->sum[i], sums->weight[i], by, metric ? &metric->value : &metrics->loss,
                           i ? NULL : loss_sum, error));
    }
    return TUFF_OK;
}

double tuff_metrics_get(const struct tuff_metrics *metrics, const char *name)
{
    for (uint32_t i = 0; i < metrics->count; i++)
        if (!strcmp(metrics->metric[i].name, name)) return metrics->metric[i].value;
    return NAN;
}

static tuff_status read_outputs(struct tuff_model *m, uint64_t first, uint32_t inside, void *const *outputs,
                                struct tuff_error *error)
{
    for (uint32_t i = 0; i < m->network.output_count; i++) {
        struct tuff_type type = tuff_model_output(m, i).type;
        size_t bytes = (size_t)tuff_type_bytes(&type);
        if (outputs[i])
            TUFF_TRY(tuff_executable_read(m->predict, i, (uint8_t *)outputs[i] + first * bytes, inside * bytes, error));
    }
    return TUFF_OK;
}

/* The next batch: its outputs from `first` on, or, where outputs is NULL, its part of the evaluation's sums. *ticket: of the run whose
 * inputs it overwrites; 0: none. */
static tuff_status run_batch(struct tuff_model *m, struct tuff_feed *feed, uint64_t first, void *const *outputs,
                             uint64_t *ticket, struct tuff_error *error)
{
    struct tuff_executable *x = outputs ? m->predict : m->evaluate;
    const struct tuff_model_batch *batch;
    if (tuff_cancel_requested(m->params.progress.cancel))
        return tuff_fail(m->context, error, TUFF_ERR_CANCELLED, "%s: cancelled", outputs ? "predicting" : "evaluating");
    TUFF_TRY(tuff_feed_next(feed, &batch, error));
    int32_t inside = (int32_t)batch->count;
    if (*ticket) TUFF_TRY(tuff_device_wait(m->device, *ticket, UINT64_MAX, error));
    TUFF_TRY(tuff_model_batch_write(m, batch, !outputs, m->params.batch, x, m->fields, error));
    if (!outputs) TUFF_TRY(tuff_executable_write(x, m->count, &inside, sizeof inside, error));
    TUFF_TRY(tuff_executable_submit(x, ticket, error));
    return outputs ? read_outputs(m, first, batch->count, outputs, error) : TUFF_OK;
}

static tuff_status run_batches(struct tuff_model *m, const struct tuff_data *data, const uint32_t *rows, uint64_t count,
                               void *const *outputs, struct tuff_error *error)
{
    struct tuff_feed *feed = NULL;
    uint64_t tickets[2] = {0}, n = 0;
    TUFF_TRY(tuff_feed_create(m, data, &feed, error));
    tuff_feed_begin(feed, rows, count, !outputs);
    tuff_status status = TUFF_OK;
    for (uint64_t first = 0; first < count && status == TUFF_OK; first += m->params.batch)
        status = run_batch(m, feed, first, outputs, &tickets[n++ % 2], error);
    tuff_feed_destroy(feed);
    return status;
}

tuff_status tuff_model_evaluate_rows(struct tuff_model *m, const struct tuff_data *data, const uint32_t *rows,
                                     uint64_t count, struct tuff_metrics *metrics, struct tuff_error *error)
{
    TUFF_TRY(compile_part(m, m->eval_assigns, m->eval_count, &m->evaluate, error));
    TUFF_TRY(tuff_model_zero_sums(m, &m->eval, error));
    TUFF_TRY(run_batches(m, data, rows, count, NULL, error));
    return tuff_model_read_sums(m, &m->eval, count, 0, metrics, NULL, error);
}

tuff_status tuff_model_evaluate(struct tuff_model *m, const struct tuff_data *data, struct tuff_metrics *metrics,
                                struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL && metrics != NULL);
    TUFF_TRY(tuff_model_check_data(m, data, true, error));
    return tuff_model_evaluate_rows(m, data, NULL, data->count, metrics, error);
}

uint32_t tuff_model_output_count(const struct tuff_model *m) { return m->network.output_count; }

struct tuff_model_output tuff_model_output(const struct tuff_model *m, uint32_t index)
{
    if (index >= m->network.output_count) return (struct tuff_model_output){0};
    struct tuff_model_output output = {m->network.outputs[index].name,
                                       tuff_type_of(m->graph, m->network.outputs[index].value)};
    struct tuff_shape *shape = &output.type.shape;
    memmove(shape->dim, shape->dim + 1, (TUFF_MAX_RANK - 1) * sizeof *shape->dim);
    shape->dim[--shape->rank] = 0;
    return output;
}

struct tuff_model_output tuff_model_input(const struct tuff_model *m, uint32_t index)
{
    for (uint32_t i = 0; i < m->field_count; i++)
        if (!m->params.fields[i].answer && index-- == 0)
            return (struct tuff_model_output){m->params.fields[i].name, m->params.fields[i].type};
    return (struct tuff_model_output){0};
}

struct tuff_field tuff_model_field(const struct tuff_model *m, uint32_t index)
{
    return index < m->field_count ? m->params.fields[index] : (struct tuff_field){.name = NULL};
}

tuff_status tuff_model_predict(struct tuff_model *m, const struct tuff_data *data, void *const *outputs,
                               struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL && outputs != NULL);
    tuff_val values[TUFF_MODEL_OUTPUTS];
    TUFF_TRY(tuff_model_check_data(m, data, false, error));
    if (!m->network.output_count)
        return tuff_refuse(m->context, error, "the network has no outputs to predict (tuff_network_output)");
    for (uint32_t i = 0; i < m->network.output_count; i++) values[i] = m->network.outputs[i].value;
    TUFF_TRY(compile_part(m, values, m->network.output_count, &m->predict, error));
    return run_batches(m, data, NULL, data->count, outputs, error);
}

/* ---- leaves, text ---------------------------------------------------------------------------------------------------------------- */

static bool is_saved(const struct tuff_graph *g, tuff_val v)
{
    return tuff_is_kept(&g->values[v]) && !tuff_is_transient(&g->values[v]);
}

uint32_t tuff_model_leaf_count(const struct tuff_model *m)
{
    uint32_t count = 0;
    for (tuff_val v = 1; v < m->graph->count; v++) count += is_saved(m->graph, v);
    return count;
}

struct tuff_leaf tuff_model_leaf(const struct tuff_model *m, uint32_t index)
{
    for (tuff_val v = 1; v < m->graph->count; v++)
        if (is_saved(m->graph, v) && index-- == 0)
            return (struct tuff_leaf){m->graph->values[v].name, tuff_host_type(&m->graph->values[v]),
                                      tuff_is_trained(&m->graph->values[v])};
    return (struct tuff_leaf){0};
}

static tuff_status find_leaf(struct tuff_model *m, const char *name, tuff_val *leaf, struct tuff_error *error)
{
    TUFF_TRY(tuff_model_session(m, error));
    *leaf = tuff_graph_find(m->graph, name);
    if (*leaf && tuff_is_kept(&m->graph->values[*leaf])) return TUFF_OK;
    return tuff_refuse(m->context, error, "the model has no parameter or state '%s'", name);
}

tuff_status tuff_model_read(struct tuff_model *m, const char *name, void *data, size_t bytes, struct tuff_error *error)
{
    tuff_val leaf;
    TUFF_REQUIRE(NULL, error, m != NULL && name != NULL && data != NULL);
    TUFF_TRY(find_leaf(m, name, &leaf, error));
    return tuff_session_read(m->session, leaf, data, bytes, error);
}

tuff_status tuff_model_write(struct tuff_model *m, const char *name, const void *data, size_t bytes,
                             struct tuff_error *error)
{
    tuff_val leaf;
    TUFF_REQUIRE(NULL, error, m != NULL && name != NULL && data != NULL);
    TUFF_TRY(find_leaf(m, name, &leaf, error));
    return tuff_session_write(m->session, leaf, data, bytes, error);
}

void tuff_model_add_inference(struct tuff_model *m, struct tuff_graph *g, uint32_t batch, const char *suffix)
{
    tuff_val fields[TUFF_MODEL_FIELDS] = {0};
    struct tuff_network n;
    for (uint32_t i = 0; i < m->field_count; i++)
        if (!m->params.fields[i].answer) fields[i] = tuff_model_field_input(m, g, i, batch, "", suffix);
    if (!tuff_model_network(m, g, fields, false, &n)) return;
    for (uint32_t i = 0; i < n.output_count; i++) {
        tuff_val v = n.outputs[i].value; /* which may have another name */
        bool floats = tuff_type_of(g, v).dtype == TUFF_F32;
        tuff_named(g, floats ? tuff_affine(g, v, 1, 0) : v, tuff_arena_printf(&g->arena, "%s%s", n.outputs[i].name, suffix));
    }
}

/* Parameters that begin with given numbers: files hold what they are. */
static void forget_data(struct tuff_graph *g)
{
    for (tuff_val v = 1; v < g->count; v++) {
        struct tuff_leaf_attrs *leaf = (struct tuff_leaf_attrs *)(uintptr_t)g->values[v].attrs;
        if (tuff_is_kept(&g->values[v]) && leaf->init_kind == TUFF_INIT_DATA) leaf->init_kind = TUFF_INIT_DEFAULT;
    }
}

tuff_status tuff_model_graph(struct tuff_model *m, uint32_t batch, uint32_t more, char **text, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL && text != NULL);
    TUFF_REQUIRE_THAT(NULL, error, batch > 0, "the batch is 0");
    struct tuff_graph *g;
    char suffix[16];
    TUFF_TRY(tuff_graph_create(m->context, &g, error));
    snprintf(suffix, sizeof suffix, ".%u", (unsigned)more);
    tuff_model_add_inference(m, g, batch, "");
    if (more) tuff_model_add_inference(m, g, more, suffix);
    tuff_status status = tuff_graph_finish(g, error);
    if (status == TUFF_OK) forget_data(g);
    if (status == TUFF_OK) status = tuff_graph_print(g, text, error);
    tuff_graph_destroy(g);
    return status;
}

struct tuff_fit_state tuff_model_state(const struct tuff_model *m) { return m->state; }
static struct tuff_trainer *any_trainer(const struct tuff_model *m)
{
    return m->steps[TUFF_WHOLE].trainer ? m->steps[TUFF_WHOLE].trainer : m->steps[TUFF_LAST].trainer;
}

const struct tuff_param_group *tuff_model_groups(const struct tuff_model *m, uint32_t *count)
{
    const struct tuff_trainer *trainer = any_trainer(m);
    *count = trainer ? trainer->optimizer.params.group_count : 0;
    return trainer ? trainer->optimizer.params.groups : NULL;
}

const char *tuff_model_optimizer(const struct tuff_model *m)
{
    const struct tuff_trainer *trainer = any_trainer(m);
    return trainer ? tuff_optimizer_name(trainer->optimizer.params.kind) : NULL;
}

struct tuff_executable *tuff_model_training(struct tuff_model *m)
{
    struct tuff_trainer *trainer = any_trainer(m);
    return trainer ? trainer->run : NULL;
}

/* Two plans share parameters and states; what else they need they have side by side. */
void tuff_model_add_figures(struct tuff_plan_figures *sum, uint32_t *plans, const struct tuff_plan_figures *f)
{
    if ((*plans)++ == 0) {
        *sum = *f;
        return;
    }
    sum->const_bytes += f->const_bytes;
    sum->input_bytes += f->input_bytes;
    sum->output_bytes += f->output_bytes;
    sum->scratch_bytes += f->scratch_bytes;
    sum->prepared_bytes += f->prepared_bytes;
    sum->total_bytes += f->const_bytes + f->input_bytes + f->output_bytes + f->scratch_bytes + f->prepared_bytes;
    if (f->largest_bytes > sum->largest_bytes) sum->largest_bytes = f->largest_bytes;
}

struct tuff_plan_figures tuff_model_figures(const struct tuff_model *m)
{
    struct tuff_plan_figures sum = {0};
    uint32_t plans = 0;
    for (uint32_t i = 0; i < TUFF_STEPS; i++) {
        const struct tuff_trainer *trainer = m->steps[i].trainer;
        if (!trainer || !trainer->run) continue;
        const struct tuff_plan_figures figures = tuff_executable_figures(trainer->run);
        tuff_model_add_figures(&sum, &plans, &figures);
    }
    return sum;
}
