/* model.c - writes a trained model into one file: graph text, weights, names of inputs and outputs; preprocessing and labels of a classifier. saved.c reads it. */
#include "loaders/leaves.h"
#include "loaders/preprocess.h"
#include "loaders/safetensors.h"

enum { GRAPH, INPUTS, OUTPUTS, PREPROCESS, LABELS, BATCH, OWN_TEXTS };
static const char *const own_keys[OWN_TEXTS] = {"graph", "inputs", "outputs", "preprocess", "labels", "batch"};

struct job {
    struct tuff_context *context;
    struct tuff_error *error;
    const struct tuff_model_save_params *params;
    char *texts[OWN_TEXTS];   /* [owned] or NULL */
    struct tuff_graph *graph; /* [owned] inference; lends the leaves their names */
    struct tuff_leaves leaves;
    struct tuff_arena arena;
    struct tuff_pair more[TUFF_PLACE_TEXTS + TUFF_TRAINING_TEXTS]; /* [arena] the state of the training, and its networks */
    size_t more_count;
};

/* ---- what fits ------------------------------------------------------------------------------------------------------------------ */

static tuff_status check_texts(struct tuff_context *context, const struct tuff_model_save_params *params,
                               struct tuff_error *error)
{
    TUFF_REQUIRE_THAT(context, error, params->texts || params->text_count == 0, "texts is NULL, though text_count is not 0");
    for (size_t i = 0; i < params->text_count; i++) {
        TUFF_REQUIRE_THAT(context, error, params->texts[i].key && params->texts[i].value,
                          "a text has no key or no value (NULL)");
        for (size_t k = 0; k < OWN_TEXTS; k++)
            if (strcmp(params->texts[i].key, own_keys[k]) == 0)
                return tuff_fail(context, error, TUFF_ERR_USAGE, "the key \"%s\" is that of the model itself", own_keys[k]);
    }
    return TUFF_OK;
}

/* Probabilities of one sample; 0 of what is no classifier. */
static uint64_t classes_of(const struct tuff_model *model)
{
    const struct tuff_model_output output = tuff_model_output(model, 0);
    return output.name && !strcmp(output.name, "probabilities") ? tuff_shape_count(&output.type.shape) : 0;
}

static tuff_status check_params(struct tuff_context *context, const struct tuff_model *model,
                                const struct tuff_model_save_params *params, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, params->struct_size == sizeof *params);
    TUFF_REQUIRE_THAT(context, error, params->class_names || params->class_count == 0,
                      "class_names is NULL, though class_count is not 0");
    if (params->preprocess.channels) TUFF_TRY(tuff_preprocess_check(context, __func__, &params->preprocess, error));
    TUFF_TRY(check_texts(context, params, error));
    if (!tuff_model_output_count(model))
        return tuff_fail(context, error, TUFF_ERR_USAGE,
                         "the model has no outputs, so that there is nothing to save it for");
    if (params->class_count && params->class_count != classes_of(model))
        return tuff_fail(context, error, TUFF_ERR_USAGE, "%u names for the model's %llu classes",
                         (unsigned)params->class_count, (unsigned long long)classes_of(model));
    for (uint32_t i = 0; i < params->class_count; i++)
        if (!params->class_names[i] || !tuff_label_valid(params->class_names[i]))
            return tuff_fail(context, error, TUFF_ERR_USAGE,
                             "the name of class %u is empty, holds control characters or is not UTF-8", (unsigned)i);
    return TUFF_OK;
}

/* The network takes samples as params->preprocess makes them. */
static tuff_status check_pictures(const struct job *job, const struct tuff_model *model)
{
    const struct tuff_preprocess *p = &job->params->preprocess;
    const struct tuff_model_output x = tuff_model_input(model, 0);
    const uint32_t *d = x.type.shape.dim;
    bool alone = !tuff_model_input(model, 1).name && !strcmp(x.name, "x");
    if (!p->channels) return TUFF_OK;
    if (alone && x.type.dtype == TUFF_U8 && x.type.shape.rank == 3 && d[0] == p->channels && d[1] == p->height &&
        d[2] == p->width)
        return TUFF_OK;
    return tuff_fail(job->context, job->error, TUFF_ERR_USAGE,
                     "the model does not take u8 samples x [%u, %u, %u] alone, which the preprocessing makes",
                     (unsigned)p->channels, (unsigned)p->height, (unsigned)p->width);
}

/* A line for each input, or each output. */
static tuff_status print_names(struct job *job, const struct tuff_model *model,
                               struct tuff_model_output (*named)(const struct tuff_model *, uint32_t), char **text)
{
    const char *names[TUFF_MODEL_FIELDS > TUFF_MODEL_OUTPUTS ? TUFF_MODEL_FIELDS : TUFF_MODEL_OUTPUTS];
    uint32_t count = 0;
    while (count < TUFF_COUNT(names) && (names[count] = named(model, count).name)) count++;
    return tuff_labels_print(job->context, names, count, text, job->error);
}

/* ---- writing -------------------------------------------------------------------------------------------------------------------- */

static tuff_status add_text(struct job *job, const char *key, const char *value)
{
    struct tuff_pair *text = &job->more[job->more_count++];
    *text = (struct tuff_pair){tuff_arena_strdup(&job->arena, key), tuff_arena_strdup(&job->arena, value)};
    return text->key && text->value ? TUFF_OK : tuff_fail_memory(job->context, job->error);
}

static tuff_status add_network(struct job *job, struct tuff_model *model, uint64_t batch, enum tuff_purpose purpose)
{
    char *key = NULL, *text = NULL;
    if (!batch) return TUFF_OK;
    TUFF_TRY(tuff_model_network_text(model, (uint32_t)batch, purpose, &key, &text, job->error));
    bool twice = false; /* a network without answers predicts as it tests */
    for (size_t i = 0; i < job->more_count; i++) twice = twice || !strcmp(job->more[i].key, key);
    tuff_status status = twice ? TUFF_OK : add_text(job, key, text);
    tuff_text_free(job->context, key);
    tuff_text_free(job->context, text);
    return status;
}

/* Lines of name, type, scale and shift as the bits of doubles, whether it is an answer, dimensions. saved_model.c reads them. */
static tuff_status add_fields(struct job *job, const struct tuff_model *model)
{
    struct tuff_text text;
    struct tuff_field f;
    tuff_text_init(&text, job->context);
    for (uint32_t i = 0; (f = tuff_model_field(model, i)).name; i++) {
        uint64_t bits[2];
        memcpy(&bits[0], &f.scale, sizeof *bits);
        memcpy(&bits[1], &f.shift, sizeof *bits);
        tuff_text_add(&text, "%s %s %016llx %016llx %d", f.name, tuff_dtype_name(f.type.dtype), (unsigned long long)bits[0],
                      (unsigned long long)bits[1], f.answer);
        for (uint32_t d = 0; d < f.type.shape.rank; d++) tuff_text_add(&text, " %u", (unsigned)f.type.shape.dim[d]);
        tuff_text_add(&text, "\n");
    }
    tuff_status status = text.failed ? tuff_fail_memory(job->context, job->error)
                                     : add_text(job, TUFF_FIELDS_KEY, text.data);
    tuff_text_finish(&text);
    return status;
}

/* All that the training goes on from: every leaf, its place, and the networks of the sizes that it has. */
static tuff_status gather_training(struct job *job, struct tuff_model *model)
{
    const struct tuff_fit_state state = tuff_model_state(model);
    TUFF_REQUIRE_THAT(job->context, job->error, state.batch > 0,
                      "the model's place in its training (tuff_model_resume) has no batch");
    TUFF_TRY(tuff_place_print(&job->arena, model, job->more, &job->more_count, job->error));
    TUFF_TRY(add_fields(job, model));
    TUFF_TRY(add_network(job, model, state.batch, TUFF_TO_TRAIN));
    TUFF_TRY(add_network(job, model, state.train_samples % state.batch, TUFF_TO_TRAIN));
    TUFF_TRY(add_network(job, model, state.batch, TUFF_TO_TEST));
    TUFF_TRY(add_network(job, model, 1, TUFF_TO_PREDICT)); /* both so that the model of the file can be saved as well */
    TUFF_TRY(add_network(job, model, job->params->batch ? job->params->batch : state.batch, TUFF_TO_PREDICT));
    return tuff_leaves_of_model(job->context, model, &job->leaves, job->error);
}

static tuff_status gather(struct job *job, struct tuff_model *model)
{
    const struct tuff_model_save_params *params = job->params;
    char *text = NULL;
    TUFF_TRY(check_pictures(job, model));
    const uint32_t batch = params->batch ? params->batch : (uint32_t)tuff_model_state(model).batch;
    TUFF_TRY(tuff_model_graph(model, 1, batch > 1 ? batch : 0, &text, job->error));
    job->texts[GRAPH] = tuff_strdup(job->context, text);
    tuff_text_free(job->context, text);
    if (!job->texts[GRAPH]) return tuff_fail_memory(job->context, job->error);
    struct tuff_text number;
    tuff_text_init(&number, job->context);
    tuff_text_add(&number, "%u", (unsigned)batch);
    if (batch > 1) TUFF_TRY(tuff_text_give(&number, &job->texts[BATCH], job->error));
    tuff_text_finish(&number);
    TUFF_TRY(print_names(job, model, tuff_model_input, &job->texts[INPUTS]));
    TUFF_TRY(print_names(job, model, tuff_model_output, &job->texts[OUTPUTS]));
    if (params->preprocess.channels)
        TUFF_TRY(tuff_preprocess_print(job->context, &params->preprocess, &job->texts[PREPROCESS], job->error));
    if (params->class_count)
        TUFF_TRY(tuff_labels_print(job->context, params->class_names, params->class_count, &job->texts[LABELS], job->error));
    if (params->training) return gather_training(job, model);
    TUFF_TRY(tuff_graph_create(job->context, &job->graph, job->error));
    TUFF_TRY(tuff_graph_parse(job->graph, job->texts[GRAPH], job->error));
    return tuff_leaves_of_graph(job->context, job->graph, &job->leaves, job->error);
}

static tuff_status write_file(struct job *job, struct tuff_model *model, const char *path)
{
    size_t count = 0;
    struct tuff_pair *texts = tuff_alloc(job->context,
                                         (OWN_TEXTS + job->more_count + job->params->text_count) * sizeof *texts);
    if (!texts) return tuff_fail_memory(job->context, job->error);
    for (size_t i = 0; i < job->more_count; i++) texts[count++] = job->more[i];
    for (size_t i = 0; i < OWN_TEXTS; i++)
        if (job->texts[i]) texts[count++] = (struct tuff_pair){own_keys[i], job->texts[i]};
    for (size_t i = 0; i < job->params->text_count; i++) texts[count++] = job->params->texts[i];
    struct tuff_tensors_params params = {.struct_size = sizeof params,
                                         .arrays = job->leaves.arrays,
                                         .array_count = job->leaves.count,
                                         .texts = texts,
                                         .text_count = count,
                                         .kind = "model"};
    tuff_status status = tuff_checkpoint_store(job->context, path, &params, tuff_leaves_read, model, job->error);
    tuff_free(job->context, texts);
    return status;
}

tuff_status tuff_model_save(struct tuff_context *context, struct tuff_model *model, const char *path,
                            const struct tuff_model_save_params *params, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && model && path && params);
    TUFF_TRY(check_params(context, model, params, error));
    struct job job = {.context = context, .error = error, .params = params};
    tuff_arena_init(&job.arena, context);
    tuff_status status = gather(&job, model);
    if (status == TUFF_OK) status = write_file(&job, model, path);
    tuff_leaves_finish(&job.leaves);
    tuff_graph_destroy(job.graph);
    tuff_arena_finish(&job.arena);
    for (size_t i = 0; i < OWN_TEXTS; i++) tuff_free(context, job.texts[i]);
    return status;
}
