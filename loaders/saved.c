/* saved.c - model files: opened and checked, written into a model, run on a device. The file is untrusted: everything is
 * checked against the graph, and the graph by its parser, before anything is allocated by a size that it names. */
#include "backend/executable.h"
#include "graph/dtype.h"
#include "loaders/leaves.h"
#include "loaders/preprocess.h"

#include <stdio.h>

struct tuff_saved {
    struct tuff_context *context; /* [borrowed] */
    char *file;                   /* [owned] name for sentences */
    struct tuff_tensors *tensors; /* [owned] */
    const char *const *labels;    /* [owned] one allocation, or NULL; likewise the next two */
    const char *const *input_names, *const *output_names;
    struct tuff_model_output ends[TUFF_MODEL_FIELDS + TUFF_MODEL_OUTPUTS]; /* inputs, then outputs */
    struct tuff_saved_info info;                                           /* borrows from all of these */
    uint32_t leaf_count;                                                   /* that inference needs */
    struct tuff_network_texts networks;
};

struct tuff_predictor {
    struct tuff_context *context; /* [borrowed] */
    struct tuff_graph *graph;     /* [owned], as both below */
    struct tuff_session *session;
    struct tuff_sizes *sizes; /* 1, and batch when it is first needed */
    uint32_t input_count, output_count, batch;
    const char *names[TUFF_MODEL_FIELDS + TUFF_MODEL_OUTPUTS]; /* each [owned]: of inputs, then of outputs */
    size_t bytes[TUFF_MODEL_FIELDS + TUFF_MODEL_OUTPUTS];
    uint8_t *padded; /* [owned] a batch of the largest input, or NULL */
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
    const struct tuff_type x = saved->info.inputs[0].type, y = saved->info.outputs[0].type;
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
    tuff_status status = list_ends(saved, graph, "inputs", "x\n", &saved->input_names, saved->ends, TUFF_MODEL_FIELDS,
                                   &info->input_count, error);
    if (status == TUFF_OK) {
        info->inputs = saved->ends;
        info->outputs = saved->ends + info->input_count;
        status = list_ends(saved, graph, "outputs", "probabilities\n", &saved->output_names, saved->ends + info->input_count,
                           TUFF_MODEL_OUTPUTS, &info->output_count, error);
    }
    if (status == TUFF_OK) status = check_ends(saved, error);
    if (status == TUFF_OK) status = tuff_leaves_of_graph(saved->context, graph, &leaves, error);
    info->training = tuff_tensors_text(saved->tensors, TUFF_PLACE_KEY) != NULL;
    if (status == TUFF_OK) status = tuff_leaves_match(&leaves, saved->tensors, saved->file, !info->training, error);
    saved->leaf_count = leaves.count;
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

/* The model has what the file has; it may have more (optimizer, metrics), and what the file has for its training may be missing. */
tuff_status tuff_saved_load(const struct tuff_saved *saved, struct tuff_model *model, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, saved && model);
    struct tuff_leaves all = {0}, common = {0};
    struct tuff_array found;
    TUFF_TRY(tuff_leaves_of_model(saved->context, model, &all, error));
    common = all;
    common.count = 0;
    for (uint32_t i = 0; i < all.count; i++)
        if (tuff_tensors_find(saved->tensors, all.arrays[i].name, &found)) common.arrays[common.count++] = all.arrays[i];
    tuff_status status = tuff_leaves_match(&common, saved->tensors, saved->file, !saved->info.training, error);
    if (status == TUFF_OK && common.count < saved->leaf_count)
        status = tuff_fail(saved->context, error, TUFF_ERR_FORMAT, "%s: is of another network", saved->file);
    if (status == TUFF_OK) status = tuff_leaves_write(&common, saved->tensors, model, error);
    tuff_leaves_finish(&all);
    return status;
}

/* ---- a model of it ----------------------------------------------------------------------------------------------------------------- */

static bool read_field(const char *line, struct tuff_field *field, char name[41])
{
    char dtype[8];
    unsigned long long bits[2];
    int answer, at = 0, next = 0;
    unsigned dim;
    if (sscanf(line, "%40s %7s %16llx %16llx %d%n", name, dtype, &bits[0], &bits[1], &answer, &at) != 5) return false;
    *field = (struct tuff_field){.name = name, .type.dtype = tuff_dtype_find(dtype), .answer = answer != 0};
    const uint64_t scale = bits[0], shift = bits[1];
    memcpy(&field->scale, &scale, sizeof scale);
    memcpy(&field->shift, &shift, sizeof shift);
    for (; sscanf(line + at, " %u%n", &dim, &next) == 1; at += next) {
        if (field->type.shape.rank == TUFF_MAX_RANK) return false;
        field->type.shape.dim[field->type.shape.rank++] = dim;
    }
    return line[at] == 0 && field->type.dtype;
}

static const char *find_network(const void *saved, const char *key)
{
    return tuff_tensors_text(((const struct tuff_saved *)saved)->tensors, key);
}

tuff_status tuff_saved_model(struct tuff_device *device, struct tuff_saved *saved, const struct tuff_progress *progress,
                             struct tuff_model **model, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device && saved && model);
    struct tuff_model_params params = {
        .struct_size = sizeof params, .build = tuff_network_of_texts, .user = &saved->networks};
    struct tuff_fit_state place = {0};
    char names[TUFF_MODEL_FIELDS][41];
    const char *const *lines = NULL;
    uint32_t count = 0;
    if (!saved->info.training)
        return tuff_fail(
            saved->context, error, TUFF_ERR_USAGE,
            "%s: was saved without the state of its training (training of tuff_model_save_params): load it into a "
            "model of the same network",
            saved->file);
    saved->networks = (struct tuff_network_texts){find_network, saved};
    if (progress) params.progress = *progress;
    TUFF_TRY(tuff_place_state(saved->context, saved->tensors, saved->file, &place, error));
    TUFF_TRY(tuff_labels_parse(saved->context, tuff_tensors_text(saved->tensors, TUFF_FIELDS_KEY), saved->file, "fields",
                               &lines, &count, error));
    bool good = count <= TUFF_MODEL_FIELDS && place.batch && place.batch <= INT32_MAX;
    for (uint32_t i = 0; i < count && good; i++) good = read_field(lines[i], &params.fields[i], names[i]);
    params.batch = (uint32_t)place.batch;
    params.seed = place.seed;
    tuff_status status = good ? tuff_model_create(device, &params, model, error)
                              : tuff_fail(saved->context, error, TUFF_ERR_FORMAT, "%s: does not say what a sample is",
                                          saved->file);
    tuff_free(saved->context, (void *)(uintptr_t)lines);
    if (status != TUFF_OK) return status;
    status = tuff_saved_load(saved, *model, error);
    if (status == TUFF_OK) return TUFF_OK;
    tuff_model_destroy(*model);
    *model = NULL;
    return status;
}

tuff_status tuff_saved_resume(const struct tuff_saved *saved, struct tuff_model *model, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, saved && model);
    return tuff_place_read(saved->context, saved->tensors, saved->file, model, error);
}

/* ---- on a device ------------------------------------------------------------------------------------------------------------------- */

static tuff_status write_leaves(struct tuff_predictor *p, const struct tuff_saved *saved, struct tuff_error *error)
{
    for (size_t i = 0; i < tuff_tensors_count(saved->tensors); i++) {
        struct tuff_array array = tuff_tensors_get(saved->tensors, i);
        const tuff_val leaf = tuff_graph_find(p->graph, array.name);
        if (array.bytes && leaf) TUFF_TRY(tuff_session_write(p->session, leaf, array.data, (size_t)array.bytes, error));
    }
    return TUFF_OK;
}

/* Input or output of a size: NAME, or NAME.SIZE. */
static tuff_val find_end(const struct tuff_graph *g, const char *name, uint32_t size)
{
    char sized[64];
    if (size == 1) return tuff_graph_find(g, name);
    snprintf(sized, sizeof sized, "%s.%u", name, (unsigned)size);
    return tuff_graph_find(g, sized);
}

static void find_ends(struct tuff_graph *g, struct tuff_sized *part, void *predictor)
{
    const struct tuff_predictor *p = predictor;
    part->output_count = p->output_count;
    for (uint32_t i = 0; i < p->input_count; i++) part->inputs[i] = find_end(g, p->names[i], part->size);
    for (uint32_t i = 0; i < p->output_count; i++) part->outputs[i] = find_end(g, p->names[p->input_count + i], part->size);
}

/* Files of versions before have no batch; one that does not fit is none. */
static uint32_t batch_of(const struct tuff_predictor *p, const struct tuff_saved *saved)
{
    const char *text = tuff_tensors_text(saved->tensors, "batch");
    unsigned batch = 0;
    if (!text || sscanf(text, "%9u", &batch) != 1 || batch < 2) return 1;
    for (uint32_t i = 0; i < p->input_count + p->output_count; i++) {
        const struct tuff_type one = saved->ends[i].type;
        struct tuff_type type = tuff_type_of(p->graph, find_end(p->graph, p->names[i], batch));
        if (type.dtype != one.dtype || type.shape.rank != one.shape.rank + 1 || type.shape.dim[0] != batch ||
            memcmp(type.shape.dim + 1, one.shape.dim, one.shape.rank * sizeof *one.shape.dim) != 0)
            return 1;
    }
    return batch;
}

static tuff_status start(struct tuff_predictor *p, struct tuff_device *device, const struct tuff_saved *saved,
                         struct tuff_error *error)
{
    TUFF_TRY(parse_graph(saved, &p->graph, error));
    p->input_count = saved->info.input_count;
    p->output_count = saved->info.output_count;
    size_t largest = 0;
    for (uint32_t i = 0; i < p->input_count + p->output_count; i++) {
        const struct tuff_type *type = &saved->ends[i].type;
        p->names[i] = tuff_strdup(p->context, saved->ends[i].name);
        p->bytes[i] = (size_t)tuff_dtype_size(type->dtype, tuff_shape_count(&type->shape));
        if (i < p->input_count && p->bytes[i] > largest) largest = p->bytes[i];
        if (!p->names[i]) return tuff_fail_memory(p->context, error);
    }
    p->batch = batch_of(p, saved);
    if (p->batch > 1 && !(p->padded = tuff_alloc(p->context, p->batch * largest)))
        return tuff_fail_memory(p->context, error);
    TUFF_TRY(tuff_session_create(device, p->graph, NULL, &p->session, error));
    TUFF_TRY(write_leaves(p, saved, error));
    static const uint32_t one = 1;
    const struct tuff_sizes_params params = {
        .struct_size = sizeof params, .build = find_ends, .user = p, .sizes = &one, .count = 1};
    return tuff_sizes_create(p->session, &params, &p->sizes, error);
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
    tuff_sizes_destroy(p->sizes);
    tuff_session_destroy(p->session);
    tuff_graph_destroy(p->graph);
    for (size_t i = 0; i < TUFF_COUNT(p->names); i++) tuff_free(p->context, (void *)(uintptr_t)p->names[i]);
    tuff_free(p->context, p->padded);
    tuff_object_destroy(p->context, p);
}

/* Samples first .. first + count - 1 by a plan of at least so many; what is missing is zeros. */
static tuff_status run_part(struct tuff_predictor *p, const struct tuff_sized *part, const void *const *inputs,
                            uint64_t first, uint32_t count, void *const *outputs, struct tuff_error *error)
{
    for (uint32_t i = 0; i < p->input_count; i++) {
        const size_t bytes = p->bytes[i], inside = count * bytes, whole = part->size * bytes;
        const uint8_t *samples = (const uint8_t *)inputs[i] + first * bytes;
        if (inside < whole) {
            memset(p->padded + inside, 0, whole - inside);
            samples = memcpy(p->padded, samples, inside);
        }
        TUFF_TRY(tuff_executable_write(part->executable, part->inputs[i], samples, whole, error));
    }
    TUFF_TRY(tuff_executable_submit(part->executable, NULL, error));
    for (uint32_t i = 0; i < p->output_count; i++) {
        const size_t bytes = p->bytes[p->input_count + i];
        if (outputs[i])
            TUFF_TRY(tuff_executable_read(part->executable, i, (uint8_t *)outputs[i] + first * bytes, count * bytes, error));
    }
    return TUFF_OK;
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
    for (uint64_t n = 0; n < count;) {
        const uint64_t left = count - n;
        const struct tuff_sized *part;
        TUFF_TRY(tuff_sizes_get(p->sizes, 2 * left >= p->batch ? p->batch : 1, &part, error));
        const uint32_t inside = left < part->size ? (uint32_t)left : part->size;
        TUFF_TRY(run_part(p, part, inputs, n, inside, outputs, error));
        n += inside;
    }
    return TUFF_OK;
}
