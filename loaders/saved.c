/* saved.c - model files: opened and checked, written into a model, run on a device. The file is untrusted: everything is
 * checked against the graph, and the graph by its parser, before anything is allocated by a size that it names. */
#include "backend/executable.h"
#include "loaders/leaves.h"
#include "loaders/preprocess.h"

struct tuff_saved {
    struct tuff_context *context; /* [borrowed] */
    char *file;                   /* [owned] name for sentences */
    struct tuff_tensors *tensors; /* [owned] */
    const char *const *labels;    /* [owned] one allocation, or NULL; likewise the next two */
    const char *const *input_names, *const *output_names;
    struct tuff_model_output inputs[TUFF_MODEL_FIELDS], outputs[TUFF_MODEL_OUTPUTS];
    struct tuff_saved_info info; /* borrows from all of these */
};

struct tuff_predictor {
    struct tuff_context *context; /* [borrowed] */
    struct tuff_graph *graph;     /* [owned], as both below */
    struct tuff_session *session;
    struct tuff_executable *executable;
    uint32_t input_count, output_count;
    tuff_val inputs[TUFF_MODEL_FIELDS], outputs[TUFF_MODEL_OUTPUTS];
    size_t input_bytes[TUFF_MODEL_FIELDS], output_bytes[TUFF_MODEL_OUTPUTS];
};

/* ---- opening -------------------------------------------------------------------------------------------------------------------- */

static tuff_status parse_graph(const struct tuff_saved *saved, struct tuff_graph **graph, struct tuff_error *error)
{
    struct tuff_graph *g = NULL;
    struct tuff_error why = {0};
    if (!saved->info.graph) return tuff_fail(saved->context, error, TUFF_ERR_FORMAT, "%s: holds no graph", saved->file);
    TUFF_TRY(tuff_graph_create(saved->context, &g, error));
    tuff_status status = tuff_graph_parse(g, saved->info.graph, &why);
    if (status == TUFF_OK) status = tuff_graph_finish(g, &why);
    if (status == TUFF_OK) {
        *graph = g;
        return TUFF_OK;
    }
    tuff_graph_destroy(g);
    if (status != TUFF_ERR_MEMORY) status = TUFF_ERR_FORMAT; /* also a shape that no operator takes */
    return tuff_fail(saved->context, error, status, "%s: %s", saved->file, why.message);
}

/* The names of inputs or outputs, which stand in the graph with a batch of one sample. Files of versions before have a picture and
 * probabilities. */
static tuff_status list_ends(struct tuff_saved *saved, const struct tuff_graph *graph, const char *key, const char *before,
                             const char *const **names, struct tuff_model_output *ends, uint32_t most, uint32_t *count,
                             struct tuff_error *error)
{
    const char *text = tuff_tensors_text(saved->tensors, key);
    TUFF_TRY(tuff_labels_parse(saved->context, text ? text : before, saved->file, key, names, count, error));
    if (*count > most)
        return tuff_fail(saved->context, error, TUFF_ERR_FORMAT, "%s: has %u %s; %u are possible", saved->file,
                         (unsigned)*count, key, (unsigned)most);
    for (uint32_t i = 0; i < *count; i++) {
        struct tuff_type type = tuff_type_of(graph, tuff_graph_find(graph, (*names)[i]));
        if (type.shape.rank == 0 || type.shape.dim[0] != 1)
            return tuff_fail(saved->context, error, TUFF_ERR_FORMAT, "%s: its graph has no %s of one sample among its %s",
                             saved->file, (*names)[i], key);
        memmove(type.shape.dim, type.shape.dim + 1, (TUFF_MAX_RANK - 1) * sizeof *type.shape.dim);
        type.shape.dim[--type.shape.rank] = 0;
        ends[i] = (struct tuff_model_output){(*names)[i], type};
    }
    return TUFF_OK;
}

/* What pictures and labels ask of them. */
static tuff_status check_ends(const struct tuff_saved *saved, struct tuff_error *error)
{
    const struct tuff_preprocess *p = &saved->info.preprocess;
    const struct tuff_type x = saved->inputs[0].type, y = saved->outputs[0].type;
    const uint32_t *d = x.shape.dim;
    bool pictures = saved->info.input_count == 1 && x.dtype == TUFF_U8 && x.shape.rank == 3 && d[0] == p->channels &&
                    d[1] == p->height && d[2] == p->width;
    if (p->channels && !pictures)
        return tuff_fail(saved->context, error, TUFF_ERR_FORMAT, "%s: its network does not take pictures of %u x %u x %u",
                         saved->file, (unsigned)p->channels, (unsigned)p->height, (unsigned)p->width);
    bool classes = y.dtype == TUFF_F32 && y.shape.rank == 1 && y.shape.dim[0] == saved->info.class_count;
    if (saved->info.class_count && !classes)
        return tuff_fail(saved->context, error, TUFF_ERR_FORMAT, "%s: its network does not tell %u classes apart",
                         saved->file, (unsigned)saved->info.class_count);
    return TUFF_OK;
}

static uint64_t count_parameters(const struct tuff_graph *graph)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < tuff_graph_leaf_count(graph); i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(graph, i);
        if (leaf.trained) count += tuff_shape_count(&leaf.type.shape);
    }
    return count;
}

/* Fills saved from its tensors. */
static tuff_status examine(struct tuff_saved *saved, struct tuff_error *error)
{
    struct tuff_saved_info *info = &saved->info;
    struct tuff_graph *graph = NULL;
    struct tuff_leaves leaves = {0};
    const char *preprocess = tuff_tensors_text(saved->tensors, "preprocess"),
               *labels = tuff_tensors_text(saved->tensors, "labels");
    bool classifier = !tuff_tensors_text(saved->tensors, "inputs"); /* of a version before: pictures to classes */
    info->graph = tuff_tensors_text(saved->tensors, "graph");
    if (preprocess || classifier)
        TUFF_TRY(tuff_preprocess_parse(saved->context, preprocess, saved->file, &info->preprocess, error));
    if (labels || classifier)
        TUFF_TRY(
            tuff_labels_parse(saved->context, labels, saved->file, "labels", &saved->labels, &info->class_count, error));
    TUFF_TRY(parse_graph(saved, &graph, error));
    tuff_status status = list_ends(saved, graph, "inputs", "x\n", &saved->input_names, saved->inputs, TUFF_MODEL_FIELDS,
                                   &info->input_count, error);
    if (status == TUFF_OK)
        status = list_ends(saved, graph, "outputs", "probabilities\n", &saved->output_names, saved->outputs,
                           TUFF_MODEL_OUTPUTS, &info->output_count, error);
    if (status == TUFF_OK) status = check_ends(saved, error);
    if (status == TUFF_OK) status = tuff_leaves_of_graph(saved->context, graph, &leaves, error);
    if (status == TUFF_OK) status = tuff_leaves_match(&leaves, saved->tensors, saved->file, error);
    info->inputs = saved->inputs;
    info->outputs = saved->outputs;
    info->class_names = saved->labels;
    info->sample_bytes = (uint64_t)info->preprocess.channels * info->preprocess.height * info->preprocess.width;
    info->parameter_count = count_parameters(graph);
    tuff_leaves_finish(&leaves);
    tuff_graph_destroy(graph);
    return status;
}

/* Takes tensors over in any case. */
static tuff_status open_tensors(struct tuff_context *context, const char *file, struct tuff_tensors *tensors,
                                struct tuff_saved **saved, struct tuff_error *error)
{
    struct tuff_saved *s = tuff_object_create(context, sizeof *s);
    if (!s) {
        tuff_tensors_destroy(tensors);
        return tuff_fail_memory(context, error);
    }
    s->context = context;
    s->tensors = tensors;
    s->file = tuff_strdup(context, file);
    tuff_status status = s->file ? examine(s, error) : tuff_fail_memory(context, error);
    if (status != TUFF_OK)
        tuff_saved_destroy(s);
    else
        *saved = s;
    return status;
}

tuff_status tuff_saved_open(struct tuff_context *context, const char *path, struct tuff_saved **saved,
                            struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && saved);
    struct tuff_tensors *tensors = NULL;
    TUFF_TRY(tuff_checkpoint_read(context, path, "model", &tensors, error));
    return open_tensors(context, path, tensors, saved, error);
}

tuff_status tuff_saved_decode(struct tuff_context *context, struct tuff_span file, struct tuff_saved **saved,
                              struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && saved);
    struct tuff_tensors *tensors = NULL;
    TUFF_TRY(tuff_checkpoint_decode(context, file, "model", &tensors, error));
    return open_tensors(context, "memory", tensors, saved, error);
}

void tuff_saved_destroy(struct tuff_saved *saved)
{
    if (!saved) return;
    tuff_tensors_destroy(saved->tensors);
    tuff_free(saved->context, (void *)(uintptr_t)saved->labels);
    tuff_free(saved->context, (void *)(uintptr_t)saved->input_names);
    tuff_free(saved->context, (void *)(uintptr_t)saved->output_names);
    tuff_free(saved->context, saved->file);
    tuff_object_destroy(saved->context, saved);
}

const struct tuff_saved_info *tuff_saved_info(const struct tuff_saved *saved) { return &saved->info; }
const struct tuff_tensors *tuff_saved_tensors(const struct tuff_saved *saved) { return saved->tensors; }

/* ---- into a model ------------------------------------------------------------------------------------------------------------------ */

/* The model has what the file has; it may have more (optimizer, metrics). */
static tuff_status check_model(const struct tuff_saved *saved, const struct tuff_model *model, struct tuff_error *error)
{
    struct tuff_leaves all = {0}, common = {0};
    struct tuff_array found;
    TUFF_TRY(tuff_leaves_of_model(saved->context, model, &all, error));
    common = all;
    common.count = 0;
    for (uint32_t i = 0; i < all.count; i++)
        if (tuff_tensors_find(saved->tensors, all.arrays[i].name, &found)) common.arrays[common.count++] = all.arrays[i];
    tuff_status status = tuff_leaves_match(&common, saved->tensors, saved->file, error);
    tuff_leaves_finish(&all);
    return status;
}

tuff_status tuff_saved_load(const struct tuff_saved *saved, struct tuff_model *model, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, saved && model);
    TUFF_TRY(check_model(saved, model, error));
    return tuff_leaves_write(saved->context, saved->tensors, model, error);
}

/* ---- on a device ------------------------------------------------------------------------------------------------------------------- */

static tuff_status write_leaves(struct tuff_predictor *p, const struct tuff_saved *saved, struct tuff_error *error)
{
    for (size_t i = 0; i < tuff_tensors_count(saved->tensors); i++) {
        struct tuff_array array = tuff_tensors_get(saved->tensors, i);
        if (array.bytes == 0) continue;
        TUFF_TRY(
            tuff_session_write(p->session, tuff_graph_find(p->graph, array.name), array.data, (size_t)array.bytes, error));
    }
    return TUFF_OK;
}

static size_t bytes_of(const struct tuff_model_output *end)
{
    return (size_t)tuff_dtype_size(end->type.dtype, tuff_shape_count(&end->type.shape));
}

static tuff_status start(struct tuff_predictor *p, struct tuff_device *device, const struct tuff_saved *saved,
                         struct tuff_error *error)
{
    TUFF_TRY(parse_graph(saved, &p->graph, error));
    p->input_count = saved->info.input_count;
    p->output_count = saved->info.output_count;
    for (uint32_t i = 0; i < p->input_count; i++) {
        p->inputs[i] = tuff_graph_find(p->graph, saved->inputs[i].name);
        p->input_bytes[i] = bytes_of(&saved->inputs[i]);
    }
    for (uint32_t i = 0; i < p->output_count; i++) {
        p->outputs[i] = tuff_graph_find(p->graph, saved->outputs[i].name);
        p->output_bytes[i] = bytes_of(&saved->outputs[i]);
    }
    TUFF_TRY(tuff_session_create(device, p->graph, NULL, &p->session, error));
    TUFF_TRY(write_leaves(p, saved, error));
    struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = p->outputs, .output_count = p->output_count};
    return tuff_session_compile(p->session, &params, &p->executable, error);
}

tuff_status tuff_predictor_create(struct tuff_device *device, const struct tuff_saved *saved,
                                  struct tuff_predictor **predictor, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device && saved && predictor);
    struct tuff_predictor *p = tuff_object_create(saved->context, sizeof *p);
    if (!p) return tuff_fail_memory(saved->context, error);
    p->context = saved->context;
    tuff_status status = start(p, device, saved, error);
    if (status != TUFF_OK)
        tuff_predictor_destroy(p);
    else
        *predictor = p;
    return status;
}

void tuff_predictor_destroy(struct tuff_predictor *p)
{
    if (!p) return;
    tuff_executable_destroy(p->executable);
    tuff_session_destroy(p->session);
    tuff_graph_destroy(p->graph);
    tuff_object_destroy(p->context, p);
}

tuff_status tuff_predictor_run(struct tuff_predictor *p, const void *const *inputs, uint64_t count, void *const *outputs,
                               struct tuff_error *error)
{
    TUFF_REQUIRE_THAT(NULL, error, p && (count == 0 || (inputs && outputs)),
                      "the predictor is NULL, or inputs or outputs are, though count is not 0");
    for (uint32_t i = 0; count && i < p->input_count; i++)
        if (!inputs[i])
            return tuff_fail(p->context, error, TUFF_ERR_USAGE, "inputs[%u] is NULL; the network has %u inputs", (unsigned)i,
                             (unsigned)p->input_count);
    for (uint64_t n = 0; n < count; n++) {
        for (uint32_t i = 0; i < p->input_count; i++)
            TUFF_TRY(tuff_executable_write(p->executable, p->inputs[i], (const uint8_t *)inputs[i] + n * p->input_bytes[i],
                                           p->input_bytes[i], error));
        TUFF_TRY(tuff_executable_submit(p->executable, NULL, error));
        for (uint32_t i = 0; i < p->output_count; i++)
            if (outputs[i])
                TUFF_TRY(tuff_executable_read(p->executable, i, (uint8_t *)outputs[i] + n * p->output_bytes[i],
                                              p->output_bytes[i], error));
    }
    return TUFF_OK;
}
