/* onnx.c - ONNX files: opening one, its inputs and outputs, the content of its tensors, beside it too. */
#include "loaders/onnx.h"
#include "backend/os.h"
#include "graph/dtype.h"
#include "loaders/safetensors.h"

#include <math.h>
#include <stdio.h>

/* ---- element types ------------------------------------------------------------------------------------------------------------- */

const struct tuff_onnx_type_row *tuff_onnx_type_row(int64_t type)
{
    static const struct tuff_onnx_type_row rows[TUFF_ONNX_TYPES] = {
        [TUFF_ONNX_FLOAT] = {"float32", TUFF_ELEMENT_F32, TUFF_F32, 32},
        [TUFF_ONNX_U8] = {"uint8", TUFF_ELEMENT_U8, TUFF_U8, 8},
        [TUFF_ONNX_I8] = {"int8", TUFF_ELEMENT_I8, TUFF_I8, 8},
        [TUFF_ONNX_U16] = {"uint16", TUFF_ELEMENT_U16, TUFF_I32, 16},
        [TUFF_ONNX_I16] = {"int16", TUFF_ELEMENT_I16, TUFF_I32, 16},
        [TUFF_ONNX_I32] = {"int32", TUFF_ELEMENT_I32, TUFF_I32, 32},
        [TUFF_ONNX_INT64] = {"int64", TUFF_ELEMENT_I64, TUFF_I64, 64},
        [TUFF_ONNX_BOOL] = {"bool", TUFF_ELEMENT_BOOL, TUFF_BOOL, 8},
        [TUFF_ONNX_F16] = {"float16", TUFF_ELEMENT_F16, TUFF_F16, 16},
        [TUFF_ONNX_DOUBLE] = {"float64", TUFF_ELEMENT_F64, TUFF_F64, 64},
        [TUFF_ONNX_U32] = {"uint32", TUFF_ELEMENT_U32, TUFF_I64, 32},
        [TUFF_ONNX_U64] = {"uint64", TUFF_ELEMENT_U64, TUFF_I64, 64},
        [TUFF_ONNX_BF16] = {"bfloat16", TUFF_ELEMENT_BF16, TUFF_BF16, 16},
        [TUFF_ONNX_U4] = {"uint4", 0, TUFF_U8, 4},
        [TUFF_ONNX_I4] = {"int4", 0, TUFF_I8, 4},
    };
    static const struct tuff_onnx_type_row none = {0};
    return type > 0 && type < TUFF_ONNX_TYPES ? &rows[type] : &none;
}

double tuff_onnx_element(enum tuff_onnx_dtype type, const void *content, uint64_t i)
{
    const struct tuff_onnx_type_row *row = tuff_onnx_type_row(type);
    const uint8_t *bytes = content;
    if (row->bits == 4) {
        int v = bytes[i / 2] >> (i % 2 * 4) & 15;
        return type == TUFF_ONNX_I4 && v > 7 ? v - 16 : v;
    }
    uint64_t v = tuff_little(bytes + i * (row->bits / 8), row->bits / 8);
    if (tuff_is_float(row->dtype)) return tuff_element(row->dtype, &v, 0);
    if (type == TUFF_ONNX_I8) return (int8_t)v;
    if (type == TUFF_ONNX_I16) return (int16_t)v;
    if (type == TUFF_ONNX_I32) return (int32_t)v;
    return type == TUFF_ONNX_INT64 ? (double)(int64_t)v : (double)v;
}

/* ---- content of tensors -------------------------------------------------------------------------------------------------------- */

tuff_status tuff_onnx_shape(const struct tuff_onnx *onnx, const struct tuff_onnx_tensor *tensor, struct tuff_shape *shape,
                            struct tuff_error *error)
{
    uint64_t count = 1;
    *shape = (struct tuff_shape){.rank = tensor->dims.count};
    if (tensor->dims.count > TUFF_MAX_RANK)
        return tuff_fail(onnx->context, error, TUFF_ERR_UNSUPPORTED,
                         "%s: tensor \"%.*s\" has %u axes, at most %d are possible", onnx->path,
                         TUFF_SPAN_TEXT(tensor->name), tensor->dims.count, TUFF_MAX_RANK);
    for (uint32_t i = 0; i < shape->rank; i++) {
        const int64_t dim = tensor->dims.at[i];
        if (dim < 0 || dim > INT32_MAX || (dim && count > (UINT64_C(1) << 40) / (uint64_t)dim))
            return tuff_fail(onnx->context, error, TUFF_ERR_FORMAT, "%s: tensor \"%.*s\": axis %u has the size %lld",
                             onnx->path, TUFF_SPAN_TEXT(tensor->name), i, (long long)dim);
        shape->dim[i] = (uint32_t)dim;
        count *= dim ? (uint64_t)dim : 1;
    }
    return TUFF_OK;
}

static tuff_status bad(const struct tuff_onnx *onnx, const struct tuff_onnx_tensor *tensor, struct tuff_error *error,
                       tuff_status status, const char *why)
{
    return tuff_fail(onnx->context, error, status, "%s: tensor \"%.*s\" %s", onnx->path, TUFF_SPAN_TEXT(tensor->name), why);
}

/* A name of a file in the model's folder or below it: no way leads out. */
static bool is_inside(struct tuff_span name)
{
    const char *at = name.data;
    bool begin = true;
    for (size_t i = 0; i < name.bytes; i++) {
        if (!at[i] || at[i] == '\\' || at[i] == ':') return false;
        if (begin && at[i] == '.' && i + 1 < name.bytes && at[i + 1] == '.') return false;
        begin = at[i] == '/';
        if (begin && i == 0) return false;
    }
    return name.bytes > 0 && name.bytes < 4000;
}

/* Files stay open: a model has few. */
static tuff_status open_external(struct tuff_onnx *onnx, const struct tuff_onnx_tensor *tensor, struct tuff_span location,
                                 struct tuff_span *content, struct tuff_error *error)
{
    for (uint32_t i = 0; i < onnx->external_count; i++) {
        const struct tuff_onnx_external *file = &onnx->external[i];
        if (file->location.bytes != location.bytes || memcmp(file->location.data, location.data, location.bytes) != 0)
            continue;
        *content = file->content;
        return TUFF_OK;
    }
    if (!is_inside(location))
        return bad(onnx, tensor, error, TUFF_ERR_FORMAT,
                   "lies in a file outside of the model's folder, which is not opened");
    const char *folder = onnx->params.folder ? onnx->params.folder : onnx->in_memory ? NULL : onnx->path, *end;
    if (!folder)
        return bad(onnx, tensor, error, TUFF_ERR_USAGE, "lies in a file beside the model: `folder` has to say where");
    end = onnx->params.folder ? folder + strlen(folder) : strrchr(folder, '/');
    char *path = tuff_arena_printf(&onnx->arena, "%.*s%s%.*s", end ? (int)(end - folder) : 0, folder, end ? "/" : "",
                                   TUFF_SPAN_TEXT(location));
    if (!path || !tuff_grow_arena(&onnx->arena, &onnx->external, onnx->external_count, 1, sizeof *onnx->external))
        return tuff_fail_memory(onnx->context, error);
    struct tuff_onnx_external *file = &onnx->external[onnx->external_count];
    file->location = location;
    TUFF_TRY(tuff_os_map_file(onnx->context, path, &file->map, &file->content.data, &file->content.bytes, error));
    onnx->external_count++;
    *content = file->content;
    return TUFF_OK;
}

static tuff_status take_external(struct tuff_onnx *onnx, const struct tuff_onnx_tensor *tensor, uint64_t bytes,
                                 struct tuff_span *content, struct tuff_error *error)
{
    struct tuff_span location = {0};
    uint64_t offset = 0, length = bytes;
    for (uint32_t i = 0; i < tensor->external.count; i++) {
        const struct tuff_onnx_pair *pair = &tensor->external.at[i];
        bool good = true;
        if (tuff_span_is(pair->key, "location")) location = pair->value;
        if (tuff_span_is(pair->key, "offset")) good = tuff_number_of(pair->value.data, pair->value.bytes, 10, &offset);
        if (tuff_span_is(pair->key, "length")) good = tuff_number_of(pair->value.data, pair->value.bytes, 10, &length);
        if (!good) return bad(onnx, tensor, error, TUFF_ERR_FORMAT, "has an offset or length that is no number");
    }
    struct tuff_span file = {0};
    TUFF_TRY(open_external(onnx, tensor, location, &file, error));
    if (length != bytes)
        return bad(onnx, tensor, error, TUFF_ERR_FORMAT, "has another length in its file than its shape asks for");
    if (offset > file.bytes || bytes > file.bytes - offset)
        return bad(onnx, tensor, error, TUFF_ERR_FORMAT, "reaches beyond the end of the file that it lies in");
    *content = (struct tuff_span){(const uint8_t *)file.data + offset, (size_t)bytes};
    return TUFF_OK;
}

/* Typed lists hold small types in larger ones. */
static tuff_status take_list(struct tuff_arena *arena, const struct tuff_onnx *onnx, const struct tuff_onnx_tensor *t,
                             uint64_t count, struct tuff_span *content, struct tuff_error *error)
{
    const struct tuff_onnx_type_row *row = tuff_onnx_type_row(t->type);
    const size_t size = row->bits / 8;
    const bool packed = row->bits == 4;
    const struct tuff_onnx_i64s *whole = t->type == TUFF_ONNX_INT64                             ? &t->i64s
                                         : t->type == TUFF_ONNX_U32 || t->type == TUFF_ONNX_U64 ? &t->u64s
                                                                                                : &t->i32s;
    const uint64_t have = t->type == TUFF_ONNX_FLOAT    ? t->floats.count
                          : t->type == TUFF_ONNX_DOUBLE ? t->doubles.count
                                                        : whole->count;
    const uint64_t stored = packed ? (count + 1) / 2 : count;
    if (have != stored)
        return bad(onnx, t, error, TUFF_ERR_FORMAT, "has another number of elements than its shape asks for");
    *content = (struct tuff_span){t->type == TUFF_ONNX_FLOAT ? (void *)t->floats.at : (void *)t->doubles.at,
                                  (size_t)(packed ? stored : count * size)};
    if (t->type == TUFF_ONNX_FLOAT || t->type == TUFF_ONNX_DOUBLE) return TUFF_OK;
    uint8_t *to = tuff_arena_alloc(arena, content->bytes);
    if (!to) return tuff_fail_memory(onnx->context, error);
    for (uint64_t i = 0; i < stored; i++)
        for (size_t k = 0; k < (packed ? 1 : size); k++)
            to[i * (packed ? 1 : size) + k] = (uint8_t)((uint64_t)whole->at[i] >> 8 * k);
    content->data = to;
    return TUFF_OK;
}

tuff_status tuff_onnx_content(const struct tuff_onnx *onnx, struct tuff_arena *arena, const struct tuff_onnx_tensor *tensor,
                              struct tuff_span *content, struct tuff_error *error)
{
    const struct tuff_onnx_type_row *row = tuff_onnx_type_row(tensor->type);
    struct tuff_shape shape;
    TUFF_TRY(tuff_onnx_shape(onnx, tensor, &shape, error));
    const uint64_t count = tuff_shape_count(&shape), bytes = (count * row->bits + 7) / 8;
    *content = (struct tuff_span){"", 0};
    if (!row->bits) return bad(onnx, tensor, error, TUFF_ERR_UNSUPPORTED, "has a type that is not read");
    if (count == 0) return TUFF_OK;
    if (tensor->location == 1) return take_external((struct tuff_onnx *)(uintptr_t)onnx, tensor, bytes, content, error);
    if (!tensor->raw.bytes) return take_list(arena, onnx, tensor, count, content, error);
    if (tensor->raw.bytes != bytes)
        return bad(onnx, tensor, error, TUFF_ERR_FORMAT, "has another number of bytes than its shape asks for");
    *content = tensor->raw;
    return TUFF_OK;
}

/* ---- opening -------------------------------------------------------------------------------------------------------------------- */

static bool is_held(const struct tuff_lookup *held, const struct tuff_onnx_graph *graph, struct tuff_span name)
{
    uint32_t place, step = 0;
    while ((place = tuff_lookup_find(held, tuff_span_hash(name), &step)) != TUFF_LOOKUP_END)
        if (tuff_spans_equal(graph->initializers.at[place].name, name)) return true;
    return false;
}

/* Nodes, behind them those of the graphs within them. */
static bool list_nodes(struct tuff_onnx *onnx, const struct tuff_onnx_node *nodes, uint32_t count, uint32_t parent,
                       const struct tuff_onnx_function *f)
{
    const uint32_t first = onnx->node_count;
    if (count && !tuff_grow_arena(&onnx->arena, &onnx->nodes, first, count, sizeof *onnx->nodes)) return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct tuff_onnx_node *n = &nodes[i];
        struct tuff_onnx_node_info *info = &onnx->nodes[onnx->node_count++];
        info->op = n->op, info->domain = n->domain, info->name = n->name, info->node = n, info->parent = parent;
        info->inputs = n->inputs.at, info->input_count = n->inputs.count;
        info->outputs = n->outputs.at, info->output_count = n->outputs.count;
        info->attribute_count = n->attributes.count;
        info->version = f ? tuff_onnx_version(f->opsets.at, f->opsets.count, n->domain)
                          : tuff_onnx_version(onnx->model->opsets.at, onnx->model->opsets.count, n->domain);
        if (f) info->function = f->name;
    }
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < nodes[i].attributes.count; k++) {
            const struct tuff_onnx_graph *g = nodes[i].attributes.at[k].g;
            if (g && !list_nodes(onnx, g->nodes.at, g->nodes.count, first + i, f)) return false;
        }
    return true;
}

static bool take_text(struct tuff_onnx *onnx, struct tuff_span key, struct tuff_span value)
{
    char *text = tuff_arena_alloc(&onnx->arena, key.bytes + value.bytes + 2);
    if (!text || !TUFF_GROW_ARENA(&onnx->arena, onnx->texts, onnx->text_count, 1)) return false;
    const struct tuff_pair pair = {text, text + key.bytes + 1};
    if (key.bytes) memcpy(text, key.data, key.bytes);
    if (value.bytes) memcpy(text + key.bytes + 1, value.data, value.bytes);
    if (strlen(pair.key) == key.bytes && strlen(pair.value) == value.bytes &&
        tuff_utf8_valid(text, key.bytes + 1 + value.bytes))
        onnx->texts[onnx->text_count++] = pair;
    return true;
}

static tuff_status start(struct tuff_tensors *file, const char *name, const void *opened, struct tuff_error *error)
{
    struct tuff_onnx *onnx = *(struct tuff_onnx *const *)opened;
    const struct tuff_source source = {name, file->data, file->bytes};
    TUFF_TRY(tuff_onnx_parse(&onnx->arena, &source, &onnx->model, error));
    const struct tuff_onnx_graph *graph = onnx->model->graph;
    onnx->inputs = tuff_arena_alloc(&onnx->arena, (graph->inputs.count + 1) * sizeof *onnx->inputs);
    struct tuff_lookup held = {0};
    if (!onnx->inputs) return tuff_fail_memory(onnx->context, error);
    if (graph->sparse.count)
        return tuff_fail(onnx->context, error, TUFF_ERR_UNSUPPORTED, "%s: has sparse initializers, which are not read",
                         onnx->path);
    for (uint32_t i = 0; i < graph->initializers.count; i++) {
        const struct tuff_span name = graph->initializers.at[i].name;
        if (!is_held(&held, graph, name) && !tuff_lookup_add(&held, &onnx->arena, tuff_span_hash(name), i))
            return tuff_fail_memory(onnx->context, error);
    }
    for (uint32_t i = 0; i < graph->inputs.count; i++)
        if (!is_held(&held, graph, graph->inputs.at[i].name)) onnx->inputs[onnx->input_count++] = &graph->inputs.at[i];
    const struct tuff_onnx_model *model = onnx->model;
    bool good = list_nodes(onnx, graph->nodes.at, graph->nodes.count, UINT32_MAX, NULL);
    for (uint32_t i = 0; i < model->texts.count && good; i++)
        good = take_text(onnx, model->texts.at[i].key, model->texts.at[i].value);
    for (uint32_t i = 0; i < model->functions.count && good; i++)
        good = list_nodes(onnx, model->functions.at[i].nodes.at, model->functions.at[i].nodes.count, UINT32_MAX,
                          &model->functions.at[i]);
    return good ? TUFF_OK : tuff_fail_memory(onnx->context, error);
}

static tuff_status open_file(struct tuff_context *context, const char *path, struct tuff_span memory,
                             const struct tuff_onnx_params *params, struct tuff_onnx **opened, struct tuff_error *error)
{
    struct tuff_onnx *onnx = tuff_object_create(context, sizeof *onnx);
    if (!onnx) return tuff_fail_memory(context, error);
    onnx->context = context;
    tuff_arena_init(&onnx->arena, context);
    if (params) onnx->params = *params;
    onnx->path = tuff_arena_strdup(&onnx->arena, path ? path : "memory");
    if (params && params->folder) onnx->params.folder = tuff_arena_strdup(&onnx->arena, params->folder);
    onnx->in_memory = !path;
    const struct tuff_tensors_file file = {.path = path, .memory = memory, .parse = start, .user = &onnx};
    tuff_status status = onnx->path ? tuff_tensors_read(context, &file, &onnx->file, error)
                                    : tuff_fail_memory(context, error);
    if (status == TUFF_OK)
        *opened = onnx;
    else
        tuff_onnx_destroy(onnx);
    return status;
}

tuff_status tuff_onnx_open(struct tuff_context *context, const char *path, const struct tuff_onnx_params *params,
                           struct tuff_onnx **onnx, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && onnx && (!params || params->struct_size >= sizeof *params));
    return open_file(context, path, (struct tuff_span){0}, params, onnx, error);
}

tuff_status tuff_onnx_decode(struct tuff_context *context, struct tuff_span file, const struct tuff_onnx_params *params,
                             struct tuff_onnx **onnx, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && file.data && onnx && (!params || params->struct_size >= sizeof *params));
    return open_file(context, NULL, file, params, onnx, error);
}

void tuff_onnx_destroy(struct tuff_onnx *onnx)
{
    if (!onnx) return;
    for (uint32_t i = 0; i < onnx->external_count; i++) tuff_os_unmap(onnx->external[i].map);
    tuff_tensors_destroy(onnx->file);
    tuff_arena_finish(&onnx->arena);
    tuff_object_destroy(onnx->context, onnx);
}

/* ---- what is in it ------------------------------------------------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, struct tuff_span text) { snprintf(to, size, "%.*s", TUFF_SPAN_TEXT(text)); }

static struct tuff_onnx_end end_of(const struct tuff_onnx_value_info *info)
{
    struct tuff_onnx_end end = {.rank = -1};
    copy_text(end.name, sizeof end.name, info->name);
    const struct tuff_onnx_tensor_type *type = info->type ? info->type->tensor : NULL;
    if (!type) return end;
    end.element = tuff_onnx_type_row(type->element)->element;
    if (!type->shape || type->shape->dims.count > TUFF_FILE_RANK) return end;
    end.rank = (int32_t)type->shape->dims.count;
    for (int32_t i = 0; i < end.rank; i++) {
        const struct tuff_onnx_dim *dim = &type->shape->dims.at[i];
        end.dim[i] = dim->param.bytes || dim->value <= 0 ? -1 : dim->value;
        copy_text(end.dim_name[i], sizeof end.dim_name[i], dim->param);
    }
    return end;
}

uint32_t tuff_onnx_input_count(const struct tuff_onnx *onnx) { return onnx->input_count; }
struct tuff_onnx_end tuff_onnx_input(const struct tuff_onnx *onnx, uint32_t index) { return end_of(onnx->inputs[index]); }
uint32_t tuff_onnx_output_count(const struct tuff_onnx *onnx) { return onnx->model->graph->outputs.count; }
struct tuff_onnx_end tuff_onnx_output(const struct tuff_onnx *onnx, uint32_t index)
{
    return end_of(&onnx->model->graph->outputs.at[index]);
}

uint32_t tuff_onnx_weight_count(const struct tuff_onnx *onnx) { return onnx->model->graph->initializers.count; }
struct tuff_onnx_end tuff_onnx_weight(const struct tuff_onnx *onnx, uint32_t index)
{
    const struct tuff_onnx_tensor *tensor = &onnx->model->graph->initializers.at[index];
    struct tuff_onnx_end end = {.element = tuff_onnx_type_row(tensor->type)->element, .rank = -1};
    copy_text(end.name, sizeof end.name, tensor->name);
    if (tensor->dims.count <= TUFF_FILE_RANK) end.rank = (int32_t)tensor->dims.count;
    for (int32_t i = 0; i < end.rank; i++) end.dim[i] = tensor->dims.at[i];
    return end;
}

uint32_t tuff_onnx_node_count(const struct tuff_onnx *onnx) { return onnx->node_count; }
struct tuff_onnx_node_info tuff_onnx_node(const struct tuff_onnx *onnx, uint32_t index)
{
    struct tuff_onnx_node_info info = onnx->nodes[index];
    for (uint32_t i = 0; i < tuff_onnx_row_count && !info.covered; i++)
        info.covered = tuff_onnx_row_fits(&tuff_onnx_rows[i], info.op, info.domain, info.version);
    for (uint32_t i = 0; i < onnx->model->functions.count && !info.covered; i++)
        info.covered = tuff_spans_equal(onnx->model->functions.at[i].name, info.op) &&
                       tuff_spans_equal(onnx->model->functions.at[i].domain, info.domain);
    return info;
}

uint32_t tuff_onnx_text_count(const struct tuff_onnx *onnx) { return onnx->text_count; }
struct tuff_pair tuff_onnx_text_get(const struct tuff_onnx *onnx, uint32_t index) { return onnx->texts[index]; }
const char *tuff_onnx_text(const struct tuff_onnx *onnx, const char *key)
{
    for (uint32_t i = onnx->text_count; i-- > 0;)
        if (!strcmp(onnx->texts[i].key, key)) return onnx->texts[i].value;
    return NULL;
}

const char *tuff_onnx_attribute(const struct tuff_onnx_node_info *node, uint32_t index, char *text, size_t size)
{
    enum { FLOAT = 1, INT, STRING }; /* AttributeProto.type */
    const struct tuff_onnx_attribute *a = &node->node->attributes.at[index];
    size_t at = (size_t)snprintf(text, size, "%.*s = ", TUFF_SPAN_TEXT(a->name));
#define ADD(...) at += (size_t)snprintf(text + (at < size ? at : size), at < size ? size - at : 0, __VA_ARGS__)
    if (a->reference.bytes) ADD("%.*s of the call", TUFF_SPAN_TEXT(a->reference));
    if (a->type == FLOAT) ADD("%g", (double)a->f);
    if (a->type == INT) ADD("%lld", (long long)a->i);
    if (a->type == STRING) ADD("\"%.*s\"", TUFF_SPAN_TEXT(a->s));
    if (a->t) ADD("tensor %s", tuff_onnx_type_row(a->t->type)->bits ? tuff_onnx_type_row(a->t->type)->name : "?");
    for (uint32_t i = 0; a->t && i < a->t->dims.count; i++) ADD("%s%lld", i ? "x" : " ", (long long)a->t->dims.at[i]);
    if (a->g) ADD("graph of %u nodes", a->g->nodes.count);
    for (uint32_t i = 0; i < a->floats.count && at < size; i++) ADD("%s%g", i ? ", " : "", (double)a->floats.at[i]);
    for (uint32_t i = 0; i < a->ints.count && at < size; i++) ADD("%s%lld", i ? ", " : "", (long long)a->ints.at[i]);
    for (uint32_t i = 0; i < a->strings.count && at < size; i++)
        ADD("%s\"%.*s\"", i ? ", " : "", TUFF_SPAN_TEXT(a->strings.at[i]));
#undef ADD
    return text;
}

static tuff_status parse_tensor(struct tuff_tensors *tensors, const char *name, const void *user, struct tuff_error *error)
{
    const struct tuff_source source = {name, tensors->data, tensors->bytes};
    const struct tuff_onnx file = {.context = tensors->context, .path = (char *)(uintptr_t)name, .in_memory = true};
    struct tuff_onnx_tensor *tensor;
    struct tuff_array *array = tensors->arrays = tuff_arena_alloc(&tensors->arena, sizeof *array);
    struct tuff_span content;
    struct tuff_shape shape;
    (void)user;
    if (!array) return tuff_fail_memory(tensors->context, error);
    TUFF_TRY(tuff_onnx_parse_tensor(&tensors->arena, &source, &tensor, error));
    TUFF_TRY(tuff_onnx_shape(&file, tensor, &shape, error));
    TUFF_TRY(tuff_onnx_content(&file, &tensors->arena, tensor, &content, error));
    *array = (struct tuff_array){.element = tuff_onnx_type_row(tensor->type)->element,
                                 .rank = shape.rank,
                                 .data = content.data,
                                 .bytes = content.bytes};
    array->name = tuff_arena_printf(&tensors->arena, "%.*s", TUFF_SPAN_TEXT(tensor->name));
    for (uint32_t i = 0; i < shape.rank; i++) array->dim[i] = shape.dim[i];
    if (!array->name) return tuff_fail_memory(tensors->context, error);
    if (!array->element) return bad(&file, tensor, error, TUFF_ERR_UNSUPPORTED, "has a type that is not read");
    tensors->array_count = 1;
    return TUFF_OK;
}

tuff_status tuff_onnx_tensor_open(struct tuff_context *context, const char *path, struct tuff_tensors **tensors,
                                  struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && tensors);
    const struct tuff_tensors_file file = {.path = path, .parse = parse_tensor};
    return tuff_tensors_read(context, &file, tensors, error);
}
