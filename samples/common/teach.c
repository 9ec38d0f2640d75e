/* teach.c - see teach.h. A taught network is graph text: the backbone's as far as its features, and the head's values behind it. */
#include "teach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tuff_val logits(struct tuff_graph *g, tuff_val features, uint32_t classes)
{
    return tuff_layer_dense(g, features, "head", (struct tuff_layer_dense_params){.units = classes});
}

static void build(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    const struct teach_head *head = user;
    tuff_network_classify(g, n, logits(g, n->fields[0], head->classes), n->fields[1], 0);
}

tuff_status teach_model(struct tuff_device *device, const struct teach_head *head, struct tuff_model **model,
                        struct tuff_error *error)
{
    struct tuff_model_params params = {.struct_size = sizeof params,
                                       .build = build,
                                       .user = (void *)(uintptr_t)head,
                                       .fields = {TUFF_FIELD("features", TUFF_F32, head->features), TUFF_LABELS("labels")},
                                       .batch = head->batch ? head->batch : TEACH_BATCH,
                                       .seed = head->seed,
                                       .progress = head->progress};
    return tuff_model_create(device, &params, model, error);
}

struct tuff_fit_params teach_fit(uint32_t epochs)
{
    return (struct tuff_fit_params){.struct_size = sizeof(struct tuff_fit_params),
                                    .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.01),
                                    .epochs = epochs};
}

uint32_t teach_features(const struct tuff_saved *backbone)
{
    const struct tuff_saved_info *info = tuff_saved_info(backbone);
    for (uint32_t i = 0; i < info->output_count; i++) {
        const struct tuff_type type = info->outputs[i].type;
        if (!strcmp(info->outputs[i].name, "features") && type.dtype == TUFF_F32 && type.shape.rank == 1)
            return type.shape.dim[0];
    }
    return 0;
}

/* ---- saving ----------------------------------------------------------------------------------------------------------------------- */

struct saving {
    struct tuff_context *context;
    struct tuff_model *head;
    struct tuff_tensors const *from;
    uint32_t features, classes;
    struct tuff_graph *whole, *cut; /* [owned] the backbone's; as far as its features, then with the head */
    char *cut_text, *text;          /* [owned] of them */
    char *labels;                   /* [owned] or NULL */
    float *weights;                 /* [owned] */
    struct tuff_array *arrays;      /* [owned] */
    struct tuff_pair *texts;        /* [owned] */
    struct tuff_error *error;
};

static tuff_status fail(struct saving *s, tuff_status status, const char *why)
{
    if (s->error) {
        s->error->status = status;
        snprintf(s->error->message, sizeof s->error->message, "%s", why);
    }
    return status;
}

/* Which classes the head tells apart. */
static tuff_status look(struct saving *s, const struct tuff_saved *backbone)
{
    s->features = teach_features(backbone);
    for (uint32_t i = 0; i < tuff_model_leaf_count(s->head); i++) {
        const struct tuff_leaf leaf = tuff_model_leaf(s->head, i);
        if (strcmp(leaf.name, "head.weight") != 0 || leaf.type.shape.rank != 2) continue;
        s->classes = leaf.type.shape.dim[0];
        if (s->features && leaf.type.shape.dim[1] == s->features) return TUFF_OK;
    }
    return fail(s, TUFF_ERR_USAGE,
                !s->features ? "the model file has no output \"features\" [n]: tuff-pack makes one"
                : s->classes ? "the head was taught with another number of features than the model file gives"
                             : "the model that was taught is none of teach_model");
}

/* Names of features and probabilities in the graph of a batch: suffix "", ".8" */
static tuff_val find(const struct tuff_graph *g, const char *name, const char *suffix)
{
    char both[80];
    snprintf(both, sizeof both, "%s%s", name, suffix);
    return tuff_graph_find(g, both);
}

static tuff_status cut(struct saving *s, const char *text, const char *batch)
{
    tuff_status status = tuff_graph_create(s->context, &s->whole, s->error);
    if (status == TUFF_OK) status = tuff_graph_parse(s->whole, text, s->error);
    if (status != TUFF_OK) return status;
    const tuff_val values[] = {find(s->whole, "features", ""), find(s->whole, "features", batch)};
    return tuff_graph_print_part(s->whole, values, *batch ? 2 : 1, &s->cut_text, s->error);
}

static void add_head(struct saving *s, const char *batch)
{
    char name[80];
    const tuff_val y = tuff_softmax(s->cut, logits(s->cut, find(s->cut, "features", batch), s->classes), 1);
    snprintf(name, sizeof name, "probabilities%s", batch);
    tuff_named(s->cut, y, name);
}

static tuff_status make_graph(struct saving *s, const char *text, const char *batch)
{
    tuff_status status = cut(s, text, batch);
    if (status == TUFF_OK) status = tuff_graph_create(s->context, &s->cut, s->error);
    if (status == TUFF_OK) status = tuff_graph_parse(s->cut, s->cut_text, s->error);
    if (status != TUFF_OK) return status;
    add_head(s, "");
    if (*batch) add_head(s, batch);
    status = tuff_graph_finish(s->cut, s->error);
    return status == TUFF_OK ? tuff_graph_print(s->cut, &s->text, s->error) : status;
}

static tuff_status make_arrays(struct saving *s)
{
    const uint32_t count = tuff_graph_leaf_count(s->cut);
    const size_t weights = (size_t)s->classes * s->features;
    s->arrays = calloc(count + (size_t)1, sizeof *s->arrays);
    s->weights = malloc((weights + s->classes) * sizeof *s->weights);
    if (!s->arrays || !s->weights) return fail(s, TUFF_ERR_MEMORY, "out of memory");
    tuff_status status = tuff_model_read(s->head, "head.weight", s->weights, weights * sizeof(float), s->error);
    if (status == TUFF_OK)
        status = tuff_model_read(s->head, "head.bias", s->weights + weights, s->classes * sizeof(float), s->error);
    for (uint32_t i = 0; i < count && status == TUFF_OK; i++) {
        struct tuff_array *array = &s->arrays[i];
        const char *name = tuff_graph_leaf(s->cut, i).name;
        const bool weight = !strcmp(name, "head.weight"), bias = !strcmp(name, "head.bias");
        if (weight)
            *array = (struct tuff_array){.name = name,
                                         .element = TUFF_ELEMENT_F32,
                                         .rank = 2,
                                         .dim = {s->classes, s->features},
                                         .data = s->weights,
                                         .bytes = weights * sizeof(float)};
        else if (bias)
            *array = (struct tuff_array){.name = name,
                                         .element = TUFF_ELEMENT_F32,
                                         .rank = 1,
                                         .dim = {s->classes},
                                         .data = s->weights + weights,
                                         .bytes = s->classes * sizeof(float)};
        else if (!tuff_tensors_find(s->from, name, array)) /* it was there when the file was opened */
            status = fail(s, TUFF_ERR_FORMAT, "the model file lacks a parameter");
    }
    return status;
}

/* "one\ntwo\n" */
static tuff_status make_labels(struct saving *s, const char *const *names)
{
    size_t bytes = 1;
    for (uint32_t i = 0; i < s->classes; i++) {
        if (!names[i] || !names[i][0] || strpbrk(names[i], "\r\n"))
            return fail(s, TUFF_ERR_USAGE, "the name of a class is empty, or has several lines");
        bytes += strlen(names[i]) + 1;
    }
    if (!(s->labels = calloc(1, bytes))) return fail(s, TUFF_ERR_MEMORY, "out of memory");
    for (uint32_t i = 0; i < s->classes; i++) {
        strcat(s->labels, names[i]);
        strcat(s->labels, "\n");
    }
    return TUFF_OK;
}

/* Of the backbone's texts those that say nothing of its own classes or training. */
static bool stays(const char *key)
{
    static const char *const others[] = {"graph", "outputs", "labels"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (!strcmp(key, others[i])) return false;
    return strncmp(key, "tuff.", 5) != 0 && strncmp(key, "fit.", 4) != 0 && strncmp(key, "network.", 8) != 0;
}

/* By way of a file beside it where kernels go into it, so that `path` is replaced once. */
static tuff_status write_all(struct saving *s, const char *path, const struct tuff_tensors_params *params)
{
    const size_t room = strlen(path) + 16;
    FILE *there = NULL;
    if (!tuff_kernels_report(s->context).kernels) return tuff_checkpoint_write(s->context, path, params, s->error);
    char *beside = malloc(room);
    if (!beside) return fail(s, TUFF_ERR_MEMORY, "out of memory");
    for (int i = 0; i == 0 || (i < 1000 && there); i++) { /* a name that nothing has */
        snprintf(beside, room, "%s.%d.part", path, i);
        if ((there = fopen(beside, "rb"))) fclose(there);
    }
    tuff_status status = tuff_checkpoint_write(s->context, beside, params, s->error);
    if (status == TUFF_OK) status = tuff_kernels_write(s->context, beside, path, s->error);
    remove(beside);
    free(beside);
    return status;
}

static tuff_status write_file(struct saving *s, const char *path)
{
    const size_t given = tuff_tensors_text_count(s->from);
    size_t count = 0;
    if (!(s->texts = malloc((given + 3) * sizeof *s->texts))) return fail(s, TUFF_ERR_MEMORY, "out of memory");
    s->texts[count++] = (struct tuff_pair){"graph", s->text};
    s->texts[count++] = (struct tuff_pair){"outputs", "probabilities\nfeatures\n"};
    if (s->labels) s->texts[count++] = (struct tuff_pair){"labels", s->labels};
    for (size_t i = 0; i < given; i++) {
        const struct tuff_pair text = tuff_tensors_text_get(s->from, i);
        if (stays(text.key)) s->texts[count++] = text;
    }
    const struct tuff_tensors_params params = {.struct_size = sizeof params,
                                               .arrays = s->arrays,
                                               .array_count = tuff_graph_leaf_count(s->cut),
                                               .texts = s->texts,
                                               .text_count = count,
                                               .kind = "model"};
    return write_all(s, path, &params);
}

tuff_status teach_save(struct tuff_context *context, const struct tuff_saved *backbone, struct tuff_model *head,
                       const char *const *class_names, const char *path, struct tuff_error *error)
{
    struct saving s = {.context = context, .head = head, .from = tuff_saved_tensors(backbone), .error = error};
    const char *number = tuff_tensors_text(s.from, "batch");
    char batch[24] = "";
    if (number && atoi(number) > 1) snprintf(batch, sizeof batch, ".%d", atoi(number));
    tuff_status status = look(&s, backbone);
    if (status == TUFF_OK) status = make_graph(&s, tuff_saved_info(backbone)->graph, batch);
    if (status == TUFF_OK) status = make_arrays(&s);
    if (status == TUFF_OK && class_names) status = make_labels(&s, class_names);
    if (status == TUFF_OK) status = write_file(&s, path);
    free(s.labels);
    free(s.arrays);
    free(s.weights);
    free(s.texts);
    tuff_text_free(context, s.text);
    tuff_text_free(context, s.cut_text);
    tuff_graph_destroy(s.cut);
    tuff_graph_destroy(s.whole);
    return status;
}
