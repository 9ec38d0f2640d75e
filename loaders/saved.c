/* saved.c - model files: opened and checked, written into a model, run on a device. The file is untrusted: everything is
 * checked against the graph, and the graph by its parser, before anything is allocated by a size that it names. */
#include "backend/executable.h"
#include "loaders/leaves.h"
#include "loaders/preprocess.h"

struct tuff_saved {
    struct tuff_context *context; /* [borrowed] */
    char *file;                   /* [owned] name for sentences */
    struct tuff_tensors *tensors; /* [owned] */
    const char *const *labels;    /* [owned] one allocation */
    struct tuff_saved_info info;  /* borrows from tensors and labels */
};

struct tuff_classifier {
    struct tuff_context *context; /* [borrowed] */
    struct tuff_graph *graph;     /* [owned], as all below */
    struct tuff_session *session;
    struct tuff_executable *executable;
    tuff_val x, probabilities;
    size_t sample_bytes;
    uint32_t class_count;
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

static tuff_status check_ends(const struct tuff_saved *saved, const struct tuff_graph *graph, struct tuff_error *error)
{
    const struct tuff_preprocess *p = &saved->info.preprocess;
    struct tuff_type x = tuff_type_of(graph, tuff_graph_find(graph, "x"));
    struct tuff_type y = tuff_type_of(graph, tuff_graph_find(graph, "probabilities"));
    const uint32_t *d = x.shape.dim;
    if (x.dtype != TUFF_U8 || x.shape.rank != 4 || d[0] != 1 || d[1] != p->channels || d[2] != p->height || d[3] != p->width)
        return tuff_fail(saved->context, error, TUFF_ERR_FORMAT, "%s: its network does not take pictures of %u x %u x %u",
                         saved->file, (unsigned)p->channels, (unsigned)p->height, (unsigned)p->width);
    if (y.dtype != TUFF_F32 || y.shape.rank != 2 || y.shape.dim[0] != 1 || y.shape.dim[1] != saved->info.class_count)
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
    info->graph = tuff_tensors_text(saved->tensors, "graph");
    TUFF_TRY(tuff_preprocess_parse(saved->context, tuff_tensors_text(saved->tensors, "preprocess"), saved->file,
                                   &info->preprocess, error));
    TUFF_TRY(tuff_labels_parse(saved->context, tuff_tensors_text(saved->tensors, "labels"), saved->file, &saved->labels,
                               &info->class_count, error));
    TUFF_TRY(parse_graph(saved, &graph, error));
    tuff_status status = check_ends(saved, graph, error);
    if (status == TUFF_OK) status = tuff_leaves_of_graph(saved->context, graph, &leaves, error);
    if (status == TUFF_OK) status = tuff_leaves_match(&leaves, saved->tensors, saved->file, error);
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

static tuff_status write_leaves(struct tuff_classifier *c, const struct tuff_saved *saved, struct tuff_error *error)
{
    for (size_t i = 0; i < tuff_tensors_count(saved->tensors); i++) {
        struct tuff_array array = tuff_tensors_get(saved->tensors, i);
        if (array.bytes == 0) continue;
        TUFF_TRY(
            tuff_session_write(c->session, tuff_graph_find(c->graph, array.name), array.data, (size_t)array.bytes, error));
    }
    return TUFF_OK;
}

static tuff_status start(struct tuff_classifier *c, struct tuff_device *device, const struct tuff_saved *saved,
                         struct tuff_error *error)
{
    TUFF_TRY(parse_graph(saved, &c->graph, error));
    c->x = tuff_graph_find(c->graph, "x");
    c->probabilities = tuff_graph_find(c->graph, "probabilities");
    TUFF_TRY(tuff_session_create(device, c->graph, NULL, &c->session, error));
    TUFF_TRY(write_leaves(c, saved, error));
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &c->probabilities, .output_count = 1};
    return tuff_session_compile(c->session, &params, &c->executable, error);
}

tuff_status tuff_classifier_create(struct tuff_device *device, const struct tuff_saved *saved,
                                   struct tuff_classifier **classifier, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device && saved && classifier);
    struct tuff_classifier *c = tuff_object_create(saved->context, sizeof *c);
    if (!c) return tuff_fail_memory(saved->context, error);
    c->context = saved->context;
    c->sample_bytes = (size_t)saved->info.sample_bytes;
    c->class_count = saved->info.class_count;
    tuff_status status = start(c, device, saved, error);
    if (status != TUFF_OK)
        tuff_classifier_destroy(c);
    else
        *classifier = c;
    return status;
}

void tuff_classifier_destroy(struct tuff_classifier *classifier)
{
    if (!classifier) return;
    tuff_executable_destroy(classifier->executable);
    tuff_session_destroy(classifier->session);
    tuff_graph_destroy(classifier->graph);
    tuff_object_destroy(classifier->context, classifier);
}

tuff_status tuff_classifier_run(struct tuff_classifier *c, const uint8_t *samples, uint64_t count, float *out,
                                struct tuff_error *error)
{
    TUFF_REQUIRE_THAT(NULL, error, c && (count == 0 || (samples && out)),
                      "the classifier is NULL, or samples or out are, though count is not 0");
    for (uint64_t i = 0; i < count; i++) {
        TUFF_TRY(tuff_executable_write(c->executable, c->x, samples + i * c->sample_bytes, c->sample_bytes, error));
        TUFF_TRY(tuff_executable_submit(c->executable, NULL, error));
        TUFF_TRY(tuff_executable_read(c->executable, 0, out + i * c->class_count, c->class_count * sizeof *out, error));
    }
    return TUFF_OK;
}
