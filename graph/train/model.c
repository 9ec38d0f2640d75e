/* model.c - a network with its parameters on a device: graph parts for inference and comparison, evaluating, predicting,
 * leaves for checkpoints. Training is in fit.c. */
#include "graph/train/model.h"
#include "backend/executable.h"
#include "graph/ops/leaf.h"

#include <math.h>

/* ---- graph parts ------------------------------------------------------------------------------------------------------------ */

static struct tuff_shape batched(uint32_t batch, const struct tuff_shape *sample)
{
    struct tuff_shape shape = {.rank = sample->rank + 1, .dim = {batch}};
    for (uint32_t i = 0; i < sample->rank && i + 1 < TUFF_MAX_RANK; i++) shape.dim[i + 1] = sample->dim[i];
    return shape;
}

tuff_val tuff_model_network(struct tuff_model *m, struct tuff_graph *g, tuff_val x, bool training)
{
    uint32_t batch = tuff_type_of(g, x).shape.dim[0];
    tuff_val scaled = tuff_affine(g, tuff_cast(g, x, TUFF_F32), m->params.scale, m->params.shift);
    tuff_val y = m->params.build(g, scaled, training, m->params.user);
    if (g->status != TUFF_OK) return 0;
    if (!y || y >= g->count)
        return tuff_graph_fail(
            g, TUFF_ERR_USAGE,
            "the network's build function returned %u, which is not a value of the graph that it was given", (unsigned)y);
    struct tuff_type type = tuff_type_of(g, y);
    bool classes = m->params.loss == TUFF_LOSS_CROSS_ENTROPY;
    bool fits = type.dtype == TUFF_F32 && type.shape.rank >= 2 && type.shape.dim[0] == batch &&
                (!classes || type.shape.rank == 2);
    uint64_t outputs = fits ? tuff_shape_count(&type.shape) / batch : 0;
    char text[128];
    if (!fits)
        return tuff_graph_fail(g, TUFF_ERR_SHAPE, "the network's output is %s %s, not f32 [%u, %s]",
                               tuff_dtype_name(type.dtype), tuff_shape_text(&type.shape, text, sizeof text), (unsigned)batch,
                               classes ? "classes" : "...");
    if (m->outputs && m->outputs != outputs)
        return tuff_graph_fail(g, TUFF_ERR_SHAPE,
                               "the network gives %llu numbers for a sample in training, %llu in inference",
                               (unsigned long long)outputs, (unsigned long long)m->outputs);
    return y;
}

tuff_val tuff_model_losses(struct tuff_model *m, tuff_val y, tuff_val answers)
{
    struct tuff_graph *g = m->graph;
    if (m->params.loss == TUFF_LOSS_CROSS_ENTROPY)
        return tuff_cross_entropy(
            g, y, answers,
            (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_NONE, .label_smoothing = m->params.label_smoothing});
    uint32_t batch = tuff_type_of(g, y).shape.dim[0];
    tuff_val flat = tuff_reshape(g, tuff_mse_loss(g, y, answers, TUFF_REDUCE_NONE), TUFF_SHAPE(batch, 0));
    return tuff_mean(g, flat, 2, TUFF_DROP_AXES);
}

tuff_val tuff_model_hits(struct tuff_model *m, tuff_val y, tuff_val answers)
{
    if (m->params.loss != TUFF_LOSS_CROSS_ENTROPY) return 0;
    return tuff_equal(m->graph, tuff_argmax(m->graph, y, 1, TUFF_DROP_AXES), answers);
}

static tuff_val add_to(struct tuff_graph *g, tuff_val state, tuff_val sum)
{
    return tuff_assign(g, state, tuff_add(g, state, tuff_reshape(g, sum, TUFF_SHAPE(1))));
}

static void add_comparison(struct tuff_model *m, tuff_val y)
{
    struct tuff_graph *g = m->graph;
    uint32_t batch = m->params.batch;
    m->count = tuff_input(g, "predict/count", TUFF_I32, TUFF_SHAPE(1));
    tuff_val counts = tuff_less(g, tuff_iota(g, TUFF_SHAPE(batch), 0), m->count);
    m->eval_loss = tuff_transient(g, "tuff/metrics/eval_loss", TUFF_F32, TUFF_SHAPE(1));
    m->eval_correct = tuff_transient(g, "tuff/metrics/eval_correct", TUFF_I32, TUFF_SHAPE(1));
    tuff_val losses = tuff_model_losses(m, y, m->answers), zero = tuff_full(g, TUFF_F32, TUFF_SHAPE(batch), 0);
    m->eval_assigns[0] = add_to(g, m->eval_loss, tuff_sum(g, tuff_select(g, counts, losses, zero), 0, TUFF_DROP_AXES));
    tuff_val hits = tuff_model_hits(m, y, m->answers), none = tuff_full(g, TUFF_I32, TUFF_SHAPE(batch), 0);
    if (hits)
        m->eval_assigns[1] = add_to(
            g, m->eval_correct, tuff_sum(g, tuff_select(g, counts, tuff_cast(g, hits, TUFF_I32), none), 0, TUFF_DROP_AXES));
}

static tuff_status build_inference(struct tuff_model *m, struct tuff_error *error)
{
    struct tuff_graph *g = m->graph;
    uint32_t batch = m->params.batch;
    m->x = tuff_input(g, "predict/x", m->params.sample.dtype, batched(batch, &m->params.sample.shape));
    tuff_val y = tuff_model_network(m, g, m->x, false), assigned = 0;
    if (tuff_graph_updates(g, 0, &assigned, 1) && g->status == TUFF_OK) /* a batch norm that is built for training, say */
        tuff_graph_fail(g, TUFF_ERR_USAGE,
                        "the network's build function assigns '%.60s' where it is called for inference: its layers are to "
                        "take `training` as it was given",
                        g->values[tuff_written_leaf(g, assigned)].name);
    TUFF_TRY(tuff_graph_finish(g, error));
    struct tuff_type type = tuff_type_of(g, y);
    bool classes = m->params.loss == TUFF_LOSS_CROSS_ENTROPY;
    m->outputs = tuff_shape_count(&type.shape) / batch;
    m->answers = classes ? tuff_input(g, "predict/labels", TUFF_I32, TUFF_SHAPE(batch))
                         : tuff_input(g, "predict/targets", TUFF_F32, type.shape);
    m->predicted = classes ? tuff_softmax(g, y, 1) : tuff_affine(g, y, 1, 0);
    add_comparison(m, y);
    return tuff_graph_finish(g, error);
}

static tuff_status check_params(struct tuff_context *context, const struct tuff_model_params *p, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, p->struct_size >= sizeof *p);
    TUFF_REQUIRE(context, error, p->build != NULL);
    if ((unsigned)p->loss > TUFF_LOSS_MSE)
        return tuff_fail(context, error, TUFF_ERR_USAGE, "model: there is no loss of kind %d", (int)p->loss);
    if (!(p->label_smoothing >= 0 && p->label_smoothing < 1))
        return tuff_fail(context, error, TUFF_ERR_USAGE, "model: label smoothing %g is not in [0, 1)", p->label_smoothing);
    if (!isfinite(p->scale) || !isfinite(p->shift))
        return tuff_fail(context, error, TUFF_ERR_USAGE, "model: samples times %g plus %g are not finite", p->scale,
                         p->shift);
    if (p->batch > INT32_MAX)
        return tuff_fail(context, error, TUFF_ERR_USAGE, "model: a batch of %d samples", (int)p->batch);
    TUFF_REQUIRE_THAT(context, error, p->sample.dtype == TUFF_U8 || p->sample.dtype == TUFF_F32,
                      "samples are of TUFF_U8 or TUFF_F32");
    TUFF_REQUIRE_THAT(context, error, p->sample.shape.rank < TUFF_MAX_RANK && tuff_shape_count(&p->sample.shape) > 0,
                      "the shape of a sample has no room for the batch before it, or a dimension of 0");
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
    if (m->params.scale == 0) m->params.scale = params->sample.dtype == TUFF_U8 ? 1.0 / 255 : 1;
    m->sample_bytes = (size_t)tuff_type_bytes(&params->sample);
    m->state = (struct tuff_fit_state){.best_loss = INFINITY, .seed = params->seed, .batch = m->params.batch};
    tuff_status status = tuff_graph_create(context, &m->graph, error);
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

/* ---- running batches ------------------------------------------------------------------------------------------------------------ */

size_t tuff_model_answer_bytes(const struct tuff_model *m)
{
    return m->params.loss == TUFF_LOSS_CROSS_ENTROPY ? sizeof(int32_t) : (size_t)m->outputs * sizeof(float);
}

const void *tuff_model_answers(const struct tuff_model *m, const struct tuff_data *data)
{
    return m->params.loss == TUFF_LOSS_CROSS_ENTROPY ? (const void *)data->labels : (const void *)data->targets;
}

tuff_status tuff_model_check_data(struct tuff_model *m, const struct tuff_data *data, struct tuff_error *error)
{
    if (!data || !data->x) return tuff_fail(m->context, error, TUFF_ERR_USAGE, "the data%s NULL", data ? "'s x is" : " are");
    if (data->count == 0 || data->count > INT32_MAX)
        return tuff_fail(m->context, error, TUFF_ERR_USAGE, "the data hold %llu samples; they can be 1 to 2^31 - 1",
                         (unsigned long long)data->count);
    if (!tuff_model_answers(m, data))
        return tuff_fail(m->context, error, TUFF_ERR_USAGE, "the data have no %s",
                         m->params.loss == TUFF_LOSS_CROSS_ENTROPY ? "labels" : "targets");
    for (uint64_t i = 0; m->params.loss == TUFF_LOSS_CROSS_ENTROPY && i < data->count; i++)
        if (data->labels[i] < 0 || (uint64_t)data->labels[i] >= m->outputs)
            return tuff_fail(m->context, error, TUFF_ERR_USAGE,
                             "label %d of sample %llu is not one of the network's %llu classes", (int)data->labels[i],
                             (unsigned long long)i, (unsigned long long)m->outputs);
    return TUFF_OK;
}

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

/* One batch of samples from row `first` on into memory; missing ones are zeros. */
static void gather_batch(uint8_t *to, const uint8_t *from, size_t size, const uint32_t *rows, uint64_t first, uint64_t count,
                         uint32_t batch)
{
    memset(to + count * size, 0, (batch - count) * size);
    for (uint64_t i = 0; i < count; i++) memcpy(to + i * size, from + (rows ? rows[first + i] : first + i) * size, size);
}

static tuff_status zero_metrics(struct tuff_model *m, struct tuff_error *error)
{
    float loss = 0;
    int32_t correct = 0;
    TUFF_TRY(tuff_session_write(m->session, m->eval_loss, &loss, sizeof loss, error));
    return tuff_session_write(m->session, m->eval_correct, &correct, sizeof correct, error);
}

static tuff_status read_metrics(struct tuff_model *m, uint64_t count, struct tuff_metrics *metrics, struct tuff_error *error)
{
    float loss;
    int32_t correct;
    TUFF_TRY(tuff_session_read(m->session, m->eval_loss, &loss, sizeof loss, error));
    TUFF_TRY(tuff_session_read(m->session, m->eval_correct, &correct, sizeof correct, error));
    *metrics = (struct tuff_metrics){(double)loss / (double)count, (double)correct / (double)count};
    return TUFF_OK;
}

static tuff_status go_on(const struct tuff_model *m, const char *what, struct tuff_error *error)
{
    if (!tuff_cancel_requested(m->params.progress.cancel)) return TUFF_OK;
    return tuff_fail(m->context, error, TUFF_ERR_CANCELLED, "%s: cancelled", what);
}

static tuff_status evaluate_batches(struct tuff_model *m, const struct tuff_data *data, const uint32_t *rows, uint64_t count,
                                    uint8_t *x, uint8_t *answers, struct tuff_error *error)
{
    uint32_t batch = m->params.batch;
    size_t size = tuff_model_answer_bytes(m);
    uint64_t tickets[2] = {0};
    for (uint64_t first = 0, n = 0; first < count; first += batch, n++) {
        int32_t inside = (int32_t)(count - first < batch ? count - first : batch);
        TUFF_TRY(go_on(m, "evaluating", error));
        gather_batch(x, data->x, m->sample_bytes, rows, first, (uint64_t)inside, batch);
        gather_batch(answers, tuff_model_answers(m, data), size, rows, first, (uint64_t)inside, batch);
        if (n >= 2)
            TUFF_TRY(tuff_device_wait(m->device, tickets[n % 2], UINT64_MAX, error)); /* its inputs may be overwritten */
        TUFF_TRY(tuff_executable_write(m->evaluate, m->x, x, batch * m->sample_bytes, error));
        TUFF_TRY(tuff_executable_write(m->evaluate, m->answers, answers, batch * size, error));
        TUFF_TRY(tuff_executable_write(m->evaluate, m->count, &inside, sizeof inside, error));
        TUFF_TRY(tuff_executable_submit(m->evaluate, &tickets[n % 2], error));
    }
    return TUFF_OK;
}

tuff_status tuff_model_evaluate_rows(struct tuff_model *m, const struct tuff_data *data, const uint32_t *rows,
                                     uint64_t count, struct tuff_metrics *metrics, struct tuff_error *error)
{
    TUFF_TRY(compile_part(m, m->eval_assigns, m->eval_assigns[1] ? 2 : 1, &m->evaluate, error));
    TUFF_TRY(zero_metrics(m, error));
    uint8_t *x = tuff_alloc(m->context, m->params.batch * m->sample_bytes);
    uint8_t *answers = tuff_alloc(m->context, m->params.batch * tuff_model_answer_bytes(m));
    tuff_status status = x && answers ? evaluate_batches(m, data, rows, count, x, answers, error)
                                      : tuff_fail_memory(m->context, error);
    tuff_free(m->context, x);
    tuff_free(m->context, answers);
    return status == TUFF_OK ? read_metrics(m, count, metrics, error) : status;
}

tuff_status tuff_model_evaluate(struct tuff_model *m, const struct tuff_data *data, struct tuff_metrics *metrics,
                                struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL && metrics != NULL);
    TUFF_TRY(tuff_model_check_data(m, data, error));
    return tuff_model_evaluate_rows(m, data, NULL, data->count, metrics, error);
}

tuff_status tuff_model_predict(struct tuff_model *m, const void *x, uint64_t count, float *out, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL && x != NULL && out != NULL);
    uint32_t batch = m->params.batch;
    TUFF_TRY(compile_part(m, &m->predicted, 1, &m->predict, error));
    uint8_t *part = tuff_alloc(m->context, batch * m->sample_bytes);
    tuff_status status = part ? TUFF_OK : tuff_fail_memory(m->context, error);
    for (uint64_t first = 0; first < count && status == TUFF_OK; first += batch) {
        uint64_t inside = count - first < batch ? count - first : batch;
        if ((status = go_on(m, "predicting", error)) != TUFF_OK) break;
        gather_batch(part, x, m->sample_bytes, NULL, first, inside, batch);
        status = tuff_executable_write(m->predict, m->x, part, batch * m->sample_bytes, error);
        if (status == TUFF_OK) status = tuff_executable_submit(m->predict, NULL, error);
        if (status == TUFF_OK)
            status = tuff_executable_read(m->predict, 0, out + first * m->outputs,
                                          (size_t)(inside * m->outputs) * sizeof *out, error);
    }
    tuff_free(m->context, part);
    return status;
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
    return tuff_fail(m->context, error, TUFF_ERR_USAGE, "the model has no parameter or state '%s'", name);
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

tuff_status tuff_model_graph(struct tuff_model *m, uint32_t batch, char **text, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m != NULL && text != NULL);
    TUFF_REQUIRE_THAT(NULL, error, batch > 0, "the batch is 0");
    struct tuff_graph *g;
    TUFF_TRY(tuff_graph_create(m->context, &g, error));
    tuff_val x = tuff_input(g, "x", m->params.sample.dtype, batched(batch, &m->params.sample.shape));
    tuff_val y = tuff_model_network(m, g, x, false);
    if (m->params.loss == TUFF_LOSS_CROSS_ENTROPY)
        tuff_named(g, tuff_softmax(g, y, 1), "probabilities");
    else
        tuff_named(g, tuff_affine(g, y, 1, 0), "outputs");
    tuff_status status = tuff_graph_finish(g, error);
    if (status == TUFF_OK) status = tuff_graph_print(g, text, error);
    tuff_graph_destroy(g);
    return status;
}

uint64_t tuff_model_outputs(const struct tuff_model *m) { return m->outputs; }
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
struct tuff_executable *tuff_model_training(struct tuff_model *m)
{
    struct tuff_trainer *trainer = any_trainer(m);
    return trainer ? trainer->run : NULL;
}

/* Two plans share parameters and states; what else they need they have side by side. */
void tuff_model_add_figures(struct tuff_plan_figures *sum, const struct tuff_plan_figures *f)
{
    uint64_t own = f->const_bytes + f->input_bytes + f->output_bytes + f->scratch_bytes + f->prepared_bytes;
    sum->const_bytes += f->const_bytes;
    sum->input_bytes += f->input_bytes;
    sum->output_bytes += f->output_bytes;
    sum->scratch_bytes += f->scratch_bytes;
    sum->prepared_bytes += f->prepared_bytes;
    sum->total_bytes += own;
    if (f->largest_bytes > sum->largest_bytes) sum->largest_bytes = f->largest_bytes;
}

struct tuff_plan_figures tuff_model_figures(const struct tuff_model *m)
{
    struct tuff_plan_figures sum = {0};
    bool first = true;
    for (uint32_t i = 0; i < TUFF_STEPS; i++) {
        const struct tuff_trainer *trainer = m->steps[i].trainer;
        if (!trainer || !trainer->run) continue;
        const struct tuff_plan_figures figures = tuff_executable_figures(trainer->run);
        if (first)
            sum = figures;
        else
            tuff_model_add_figures(&sum, &figures);
        first = false;
    }
    return sum;
}
