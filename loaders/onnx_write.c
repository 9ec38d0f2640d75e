/* onnx_write.c - a graph with its weights as an ONNX file: names, constants and nodes of the file as structs, which onnx_encode.c makes bytes of.
 * Weights are read one by one, when it is their turn to be written. */
#include "loaders/onnx_write.h"
#include "backend/os.h"
#include "graph/dtype.h"
#include "graph/ops/leaf.h"
#include "loaders/leaves.h"

#include <stdarg.h>
#include <stdio.h>

enum { IR_VERSION = 8 }; /* that of ONNX 1.13 */

enum tuff_onnx_dtype tuff_onnx_of(enum tuff_dtype dtype)
{
    static const enum tuff_onnx_dtype types[] = {
        [TUFF_F32] = TUFF_ONNX_FLOAT, [TUFF_F16] = TUFF_ONNX_F16,    [TUFF_I32] = TUFF_ONNX_I32,
        [TUFF_U8] = TUFF_ONNX_U8,     [TUFF_BOOL] = TUFF_ONNX_BOOL,  [TUFF_BF16] = TUFF_ONNX_BF16,
        [TUFF_I8] = TUFF_ONNX_I8,     [TUFF_Q8_0] = TUFF_ONNX_FLOAT, [TUFF_I64] = TUFF_ONNX_INT64,
        [TUFF_F64] = TUFF_ONNX_DOUBLE};
    return types[dtype];
}

/* ---- failures, names, constants ----------------------------------------------------------------------------------------------------- */

bool tuff_ow_fail(struct tuff_onnx_writer *w, tuff_status status, const char *format, ...)
{
    char why[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (w->status == TUFF_OK)
        w->status = status == TUFF_ERR_MEMORY ? tuff_fail_memory(w->context, w->error)
                                              : tuff_fail(w->context, w->unfit ? NULL : w->error, status, "%s", why);
    return false;
}

static bool no_memory(struct tuff_onnx_writer *w) { return tuff_ow_fail(w, TUFF_ERR_MEMORY, "out of host memory"); }

struct tuff_span tuff_ow_text(struct tuff_onnx_writer *w, const char *format, ...)
{
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *copy = tuff_arena_strdup(&w->arena, text);
    if (!copy) no_memory(w);
    return (struct tuff_span){copy, copy ? strlen(copy) : 0};
}

/* Names that are taken are known by their hashes: two of one hash cost a name that could be kept. */
struct tuff_span tuff_ow_name(struct tuff_onnx_writer *w, struct tuff_span wanted)
{
    uint32_t step = 0;
    while (!wanted.bytes || tuff_lookup_find(&w->taken, tuff_span_hash(wanted), &step) != TUFF_LOOKUP_END) {
        wanted = tuff_ow_text(w, "/%u", (unsigned)++w->fresh);
        step = 0;
        if (!wanted.bytes) return wanted;
    }
    if (!tuff_lookup_add(&w->taken, &w->arena, tuff_span_hash(wanted), 0)) no_memory(w);
    return wanted;
}

/* Room for one element more at the end of a list; never NULL. */
static void *add(struct tuff_onnx_writer *w, void *list, size_t bytes)
{
    struct tuff_onnx_spans *l = list; /* all lists begin alike */
    if (tuff_grow_arena(&w->arena, &l->at, l->count, 1, bytes)) return (uint8_t *)l->at + l->count++ * bytes;
    no_memory(w);
    return memset(w->nothing, 0, sizeof w->nothing);
}

static void add_dims(struct tuff_onnx_writer *w, struct tuff_onnx_tensor *tensor, const struct tuff_shape *shape)
{
    for (uint32_t k = 0; k < shape->rank; k++) *(int64_t *)add(w, &tensor->dims, sizeof(int64_t)) = shape->dim[k];
}

struct tuff_onnx_tensor *tuff_ow_initializer(struct tuff_onnx_writer *w, enum tuff_onnx_dtype type,
                                             const struct tuff_shape *shape)
{
    struct tuff_onnx_tensor *tensor;
    if (!TUFF_GROW_ARENA(&w->arena, w->leaves, w->graph.initializers.count, 1)) no_memory(w);
    tensor = add(w, &w->graph.initializers, sizeof *tensor);
    tensor->type = type;
    add_dims(w, tensor, shape);
    return tensor;
}

struct tuff_span tuff_ow_constant(struct tuff_onnx_writer *w, enum tuff_onnx_dtype type, const struct tuff_shape *shape,
                                  const void *data, size_t bytes)
{
    const uint64_t hash = tuff_hash(tuff_hash(tuff_hash(0, &type, sizeof type), shape->dim, shape->rank * 4), data, bytes);
    uint32_t place, step = 0;
    while ((place = tuff_lookup_find(&w->constants, hash, &step)) != TUFF_LOOKUP_END) {
        const struct tuff_onnx_tensor *known = &w->graph.initializers.at[place];
        bool same = known->type == (int64_t)type && known->dims.count == shape->rank && known->raw.bytes == bytes &&
                    !memcmp(known->raw.data, data, bytes);
        for (uint32_t k = 0; same && k < shape->rank; k++) same = known->dims.at[k] == shape->dim[k];
        if (same) return known->name;
    }
    struct tuff_onnx_tensor *tensor = tuff_ow_initializer(w, type, shape);
    tensor->name = tuff_ow_name(w, (struct tuff_span){0});
    tensor->raw = (struct tuff_span){tuff_arena_copy(&w->arena, data, bytes ? bytes : 1), bytes};
    if (!tensor->raw.data || !tuff_lookup_add(&w->constants, &w->arena, hash, w->graph.initializers.count - 1)) no_memory(w);
    return tensor->name;
}

struct tuff_span tuff_ow_number(struct tuff_onnx_writer *w, enum tuff_onnx_dtype type, double number)
{
    uint8_t element[8] = {0};
    tuff_element_put(tuff_onnx_type_row(type)->dtype, element, 0, number);
    return tuff_ow_constant(w, type, &(struct tuff_shape){0}, element, tuff_onnx_type_row(type)->bits / 8);
}

struct tuff_span tuff_ow_list(struct tuff_onnx_writer *w, const int64_t *list, uint32_t count)
{
    const struct tuff_shape shape = {.rank = 1, .dim = {count}};
    return tuff_ow_constant(w, TUFF_ONNX_INT64, &shape, list, count * sizeof *list);
}

/* ---- nodes ------------------------------------------------------------------------------------------------------------------------- */

void tuff_ow_in(struct tuff_onnx_sheet *s, struct tuff_onnx_node *n, struct tuff_span operand)
{
    *(struct tuff_span *)add(s->w, &n->inputs, sizeof operand) = operand;
}

struct tuff_onnx_attribute *tuff_ow_attribute(struct tuff_onnx_sheet *s, struct tuff_onnx_node *n, const char *name,
                                              enum tuff_onnx_attribute_type type)
{
    struct tuff_onnx_attribute *attribute = add(s->w, &n->attributes, sizeof *attribute);
    attribute->name = tuff_ow_text(s->w, "%s", name);
    attribute->type = type;
    return attribute;
}

void tuff_ow_int(struct tuff_onnx_sheet *s, struct tuff_onnx_node *n, const char *name, int64_t v)
{
    tuff_ow_attribute(s, n, name, TUFF_ONNX_A_INT)->i = v;
}

void tuff_ow_ints(struct tuff_onnx_sheet *s, struct tuff_onnx_node *n, const char *name, const int64_t *list, uint32_t count)
{
    struct tuff_onnx_attribute *attribute = tuff_ow_attribute(s, n, name, TUFF_ONNX_A_INTS);
    attribute->ints = (struct tuff_onnx_i64s){tuff_arena_copy(&s->w->arena, list, count * sizeof *list), count};
    if (!attribute->ints.at) attribute->ints.count = 0, no_memory(s->w);
}

struct tuff_span tuff_ow_emit(struct tuff_onnx_sheet *s, struct tuff_onnx_node *n, const char *op)
{
    n->op = tuff_ow_text(s->w, "%s", op);
    *(struct tuff_onnx_node *)add(s->w, &s->to->nodes, sizeof *n) = *n;
    return tuff_ow_more(s);
}

struct tuff_span tuff_ow_result(const struct tuff_onnx_sheet *s)
{
    const struct tuff_onnx_node *last = s->to->nodes.count ? &s->to->nodes.at[s->to->nodes.count - 1] : NULL;
    return last && last->outputs.count ? last->outputs.at[0] : (struct tuff_span){0};
}

struct tuff_span tuff_ow_more(struct tuff_onnx_sheet *s)
{
    const struct tuff_span name = tuff_ow_name(s->w, (struct tuff_span){0});
    if (s->to->nodes.count)
        *(struct tuff_span *)add(s->w, &s->to->nodes.at[s->to->nodes.count - 1].outputs, sizeof name) = name;
    return name;
}

struct tuff_span tuff_ow_cast(struct tuff_onnx_sheet *s, struct tuff_span x, enum tuff_onnx_dtype type)
{
    struct tuff_onnx_node n = {0};
    tuff_ow_in(s, &n, x);
    if (type) tuff_ow_int(s, &n, "to", type);
    return tuff_ow_emit(s, &n, type ? "Cast" : "Identity");
}

static void rename_last(struct tuff_onnx_sheet *s, struct tuff_span name)
{
    if (s->w->status == TUFF_OK) s->to->nodes.at[s->to->nodes.count - 1].outputs.at[0] = name;
}

void tuff_ow_info(struct tuff_onnx_writer *w, void *list, struct tuff_span name, enum tuff_onnx_dtype type,
                  const struct tuff_shape *shape, uint8_t open)
{
    struct {
        struct tuff_onnx_type type;
        struct tuff_onnx_tensor_type tensor;
        struct tuff_onnx_shape shape;
    } *parts = tuff_arena_alloc(&w->arena, sizeof *parts);
    struct tuff_onnx_value_info *info = add(w, list, sizeof *info);
    if (!parts) {
        no_memory(w);
        return;
    }
    *info = (struct tuff_onnx_value_info){name, &parts->type};
    parts->type.tensor = &parts->tensor;
    parts->tensor = (struct tuff_onnx_tensor_type){type, &parts->shape};
    for (uint32_t k = 0; k < shape->rank; k++) {
        struct tuff_onnx_dim *dim = add(w, &parts->shape.dims, sizeof *dim);
        if (!(open >> k & 1))
            dim->value = shape->dim[k];
        else if (k == 0 && shape->dim[0] == w->batch)
            dim->param = tuff_ow_text(w, "N");
    }
}

/* ---- values ------------------------------------------------------------------------------------------------------------------------ */

bool tuff_ow_begin(struct tuff_onnx_writer *w, const struct tuff_graph *g, struct tuff_onnx_graph *to,
                   struct tuff_onnx_sheet *s)
{
    struct tuff_span *spans = tuff_arena_alloc(&w->arena, (size_t)g->count * 3 * sizeof *spans);
    *s = (struct tuff_onnx_sheet){.w = w, .g = g, .to = to, .names = spans};
    if (spans) s->wide = spans + g->count, s->more = spans + 2 * (size_t)g->count;
    return spans != NULL;
}

static struct tuff_span name_for(struct tuff_onnx_sheet *s, tuff_val v)
{
    const char *name = s->g == s->w->whole ? tuff_value_of(s->g, v)->name : NULL;
    if (s->names[v].bytes) return s->names[v];
    return tuff_ow_name(s->w, name ? (struct tuff_span){name, strlen(name)} : (struct tuff_span){0});
}

static enum tuff_onnx_dtype host_type(const struct tuff_graph *g, tuff_val v)
{
    return tuff_onnx_of(tuff_type_on_host(g, v).dtype);
}

/* An input, or a leaf whose content is there when it is written: in the file's type, and then in that of the graph. */
static void write_leaf(struct tuff_onnx_sheet *s, tuff_val v, struct tuff_span name)
{
    struct tuff_onnx_writer *w = s->w;
    const struct tuff_value *value = tuff_value_of(s->g, v);
    const enum tuff_onnx_dtype type = tuff_onnx_of(value->type.dtype), host = host_type(s->g, v);
    const bool input = value->op->kind == TUFF_KIND_INPUT,
               half = w->params->f16_weights && !input && value->type.dtype == TUFF_F32 && host == TUFF_ONNX_FLOAT;
    const enum tuff_onnx_dtype stored = half ? TUFF_ONNX_F16 : input ? host : type;
    if (input) {
        tuff_ow_info(w, &s->to->inputs, name, stored, &value->type.shape, s->open ? s->open[v] : 0);
    } else {
        struct tuff_onnx_tensor *tensor = tuff_ow_initializer(w, stored, &value->type.shape);
        tensor->name = name;
        tensor->raw.bytes = (size_t)(tuff_shape_count(&value->type.shape) * (tuff_onnx_type_row(stored)->bits / 8));
        if (w->status == TUFF_OK) w->leaves[w->graph.initializers.count - 1] = v;
    }
    s->names[v] = stored == type ? name : tuff_ow_cast(s, name, type);
    if (s->int8 && s->int8[v].range) s->names[v] = tuff_ow_int8_round(s, v, s->names[v]);
}

static void write_constant(struct tuff_onnx_sheet *s, tuff_val v)
{
    const struct tuff_value *value = tuff_value_of(s->g, v);
    const enum tuff_dtype host = tuff_host_type(value).dtype;
    const uint64_t count = tuff_shape_count(&value->type.shape);
    const enum tuff_onnx_dtype type = tuff_onnx_of(value->type.dtype);
    const struct tuff_onnx_type_row *row = tuff_onnx_type_row(type);
    void *elements = tuff_alloc(s->w->context, (size_t)(count * (row->bits / 8)));
    for (uint64_t i = 0; elements && i < count; i++)
        tuff_element_put(row->dtype, elements, i, tuff_dtype_round(row->dtype, tuff_element(host, value->data, i)));
    if (elements || no_memory(s->w))
        s->names[v] = tuff_ow_constant(s->w, type, &value->type.shape, elements, (size_t)(count * (row->bits / 8)));
    tuff_free(s->w->context, elements);
}

static void write_value(struct tuff_onnx_sheet *s, tuff_val v)
{
    struct tuff_onnx_task task = {s, v, tuff_value_of(s->g, v), 0};
    const enum tuff_op_kind kind = task.value->op->kind;
    if (kind == TUFF_KIND_INPUT || kind == TUFF_KIND_PARAM || kind == TUFF_KIND_STATE) {
        if (!s->names[v].bytes) write_leaf(s, v, name_for(s, v));
    } else if (kind == TUFF_KIND_CONSTANT) {
        write_constant(s, v);
    } else if (s->int8 && s->int8[v].product ? tuff_ow_int8_product(s, v) : tuff_ow_value(&task)) {
        const struct tuff_span name = name_for(s, v);
        const bool output = s->names[v].bytes != 0, rounds = s->int8 && s->int8[v].range;
        if (rounds && output) tuff_ow_int8_round(s, v, tuff_ow_result(s));
        rename_last(s, name);
        s->names[v] = rounds && !output ? tuff_ow_int8_round(s, v, name) : name;
        if (s->g == s->w->whole && task.value->name && !output)
            tuff_ow_info(s->w, &s->to->values, name, tuff_onnx_of(task.value->type.dtype), &task.value->type.shape,
                         s->open ? s->open[v] : 0);
    }
}

bool tuff_ow_sheet(struct tuff_onnx_sheet *s, const tuff_val *wanted, uint32_t count)
{
    bool *needed = tuff_alloc(s->w->context, s->g->count * sizeof *needed);
    if (!needed) return no_memory(s->w);
    memset(needed, 0, s->g->count * sizeof *needed);
    for (uint32_t i = 0; i < count; i++) needed[wanted[i]] = true;
    for (tuff_val v = s->g->count; v-- > 1;)
        for (uint32_t k = 0; needed[v] && k < s->g->values[v].in_count; k++) needed[tuff_ow_int8_reads(s, v, k)] = true;
    for (tuff_val v = 1; v < s->g->count && s->w->status == TUFF_OK; v++)
        if (needed[v]) write_value(s, v);
    tuff_free(s->w->context, needed);
    return s->w->status == TUFF_OK;
}

/* The whole graph: inputs first, as they come; an output that is no node's own result is made one. */
static bool write_graph(struct tuff_onnx_sheet *s, const struct tuff_onnx_ends *ends)
{
    struct tuff_onnx_writer *w = s->w;
    tuff_val *wanted = tuff_arena_alloc(&w->arena, (ends->output_count + 1) * sizeof *wanted);
    const struct tuff_onnx_named *outputs = ends->at + ends->input_count;
    if (!wanted) return no_memory(w);
    for (uint32_t k = 0; k < ends->output_count; k++) wanted[k] = outputs[k].v;
    if (w->params->range_count && !tuff_ow_int8_begin(s, wanted, ends->output_count)) return false;
    for (uint32_t i = 0; i < ends->input_count; i++)
        if (ends->at[i].v) write_leaf(s, ends->at[i].v, tuff_ow_name(w, ends->at[i].name));
    for (uint32_t k = 0; k < ends->output_count; k++) {
        const struct tuff_value *value = outputs[k].v ? tuff_value_of(s->g, outputs[k].v) : NULL;
        if (!value) return tuff_ow_fail(w, TUFF_ERR_UNSUPPORTED, "ONNX: output %u has no element", (unsigned)k);
        const bool own = value->op->class != TUFF_CLASS_LEAF && !s->names[outputs[k].v].bytes &&
                         host_type(s->g, outputs[k].v) == tuff_onnx_of(value->type.dtype);
        const struct tuff_span name = tuff_ow_name(w, outputs[k].name);
        if (own) s->names[outputs[k].v] = name;
        tuff_ow_info(w, &w->graph.outputs, name, host_type(s->g, outputs[k].v), &value->type.shape,
                     s->open ? s->open[outputs[k].v] : 0);
    }
    if (!tuff_ow_sheet(s, wanted, ends->output_count)) return false;
    for (uint32_t k = 0; k < ends->output_count; k++) {
        const struct tuff_value *value = tuff_value_of(s->g, wanted[k]);
        const enum tuff_onnx_dtype has = tuff_onnx_of(value->type.dtype), host = host_type(s->g, wanted[k]);
        const struct tuff_span name = w->graph.outputs.at[k].name;
        if (tuff_spans_equal(name, s->names[wanted[k]])) continue;
        tuff_ow_cast(s, s->names[wanted[k]], has == host ? TUFF_ONNX_NONE : host);
        rename_last(s, name);
    }
    return w->status == TUFF_OK;
}

/* ---- any number of samples ----------------------------------------------------------------------------------------------------------- */

/* Attributes are equal, or those of views that name sizes. */
static bool same_kind(const struct tuff_value *a, const struct tuff_value *b)
{
    const struct tuff_op *op = a->op;
    if (b->op != op || a->in_count != b->in_count) return false;
    if (op->kind == TUFF_KIND_INPUT) return true;
    if (op->kind == TUFF_KIND_CONSTANT)
        return tuff_shape_equal(&a->type.shape, &b->type.shape) && tuff_host_type(a).dtype == tuff_host_type(b).dtype &&
               !memcmp(a->data, b->data, (size_t)tuff_dtype_size(tuff_host_type(a).dtype, tuff_shape_count(&a->type.shape)));
    return op == &tuff_op_reshape || op == &tuff_op_expand || op == &tuff_op_full || op == &tuff_op_slice || !a->attrs ||
           tuff_attrs_equal(op, a->attrs, b->attrs);
}

/* The network of a batch (b) beside that of one sample (a): dimensions that differ hang on the batch. False: the networks differ in more. */
static bool find_open(struct tuff_onnx_writer *w, const struct tuff_graph *g, const struct tuff_onnx_named *a,
                      const struct tuff_onnx_named *b, uint32_t count, uint8_t **found)
{
    tuff_val *pair = tuff_arena_alloc(&w->arena, g->count * sizeof *pair);
    uint8_t *open = *found = tuff_arena_alloc(&w->arena, g->count);
    if (!pair || !open) return no_memory(w);
    for (uint32_t i = 0; i < count; i++) pair[b[i].v] = a[i].v;
    for (tuff_val v = g->count; v-- > 1;) {
        const struct tuff_value *of_b = &g->values[v], *of_a = &g->values[pair[v]];
        if (!pair[v] || pair[v] == v) continue;
        if (!same_kind(of_a, of_b) || of_a->type.shape.rank != of_b->type.shape.rank) return false;
        for (uint32_t k = 0; k < of_b->in_count; k++) {
            const tuff_val in = of_b->in[k];
            if (!in != !of_a->in[k] || (pair[in] && pair[in] != of_a->in[k])) return false;
            pair[in] = of_a->in[k];
        }
        for (uint32_t k = 0; k < of_b->type.shape.rank; k++) {
            const uint32_t one = of_a->type.shape.dim[k], many = of_b->type.shape.dim[k];
            if (one != many) open[v] |= (uint8_t)(1u << k);
            if (one != many && many != (uint64_t)one * w->batch) return false;
        }
    }
    return true;
}

/* ---- a file ------------------------------------------------------------------------------------------------------------------------ */

struct weight {
    struct tuff_onnx_writer *w;
    tuff_val leaf;
    enum tuff_dtype stored;
    const void *data; /* of a file, or NULL: the session has it */
};

static tuff_status read_weight(void *user, void *to, size_t bytes, struct tuff_error *error)
{
    const struct weight *weight = user;
    struct tuff_onnx_writer *w = weight->w;
    const struct tuff_type type = tuff_type_on_host(w->whole, weight->leaf);
    const uint64_t count = tuff_shape_count(&type.shape);
    const bool as_is = type.dtype == weight->stored;
    const size_t held = (size_t)tuff_dtype_size(type.dtype, count);
    void *copy = as_is || weight->data ? NULL : tuff_alloc(w->context, held);
    const void *from = weight->data ? weight->data : as_is ? to : copy;
    if (!from) return tuff_fail_memory(w->context, error);
    tuff_status status = TUFF_OK;
    const tuff_val leaf = w->map && !weight->data ? tuff_graph_find(tuff_session_graph(w->params->session),
                                                                    tuff_value_of(w->whole, weight->leaf)->name)
                                                  : weight->leaf;
    if (!weight->data) status = tuff_session_read(w->params->session, leaf, as_is ? to : copy, held, error);
    if (weight->data && as_is) memcpy(to, from, bytes);
    for (uint64_t i = 0; status == TUFF_OK && !as_is && i < count; i++)
        tuff_element_put(weight->stored, to, i, tuff_dtype_round(weight->stored, tuff_element(type.dtype, from, i)));
    tuff_free(w->context, copy);
    return status;
}

tuff_status tuff_ow_leaf(struct tuff_onnx_writer *w, tuff_val leaf, float *to)
{
    struct weight weight = {w, leaf, TUFF_F32, NULL};
    struct tuff_array array = {.data = NULL};
    const struct tuff_value *value = tuff_value_of(w->whole, leaf);
    if (w->params->saved) tuff_tensors_find(tuff_saved_tensors(w->params->saved), value->name, &array);
    weight.data = array.data;
    return read_weight(&weight, to, (size_t)tuff_shape_count(&value->type.shape) * sizeof *to, w->error);
}

static void add_pair(struct tuff_onnx_writer *w, void *list, const char *key, const char *value)
{
    struct tuff_onnx_pair *pair = add(w, list, sizeof *pair);
    *pair = (struct tuff_onnx_pair){{key, strlen(key)}, {value, value ? strlen(value) : 0}};
}

/* Weights go to a file beside, at multiples of 64 bytes; without it they are where the model's bytes have holes. */
static tuff_status write_files(struct tuff_onnx_writer *w, const char *path, const struct tuff_tensors *tensors)
{
    const uint32_t count = w->graph.initializers.count;
    const char *slash = strrchr(path, '/');
    struct weight *weights = tuff_arena_alloc(&w->arena, (count + 1) * sizeof *weights);
    struct tuff_os_part *parts = tuff_arena_alloc(&w->arena, (2 * (size_t)count + 2) * sizeof *parts);
    size_t *holes = tuff_arena_alloc(&w->arena, (count + 1) * sizeof *holes), done = 0, n = 0;
    char *data_path = tuff_arena_printf(&w->arena, "%s.data", path);
    static const uint8_t zeros[64];
    uint64_t all = 0, at = 0;
    if (!weights || !parts || !holes || !data_path) return tuff_fail_memory(w->context, w->error);
    for (uint32_t i = 0; i < count; i++) all += w->graph.initializers.at[i].raw.bytes;
    const bool beside = w->params->beside ||
                        all > (UINT64_C(1) << 31) - (UINT64_C(1) << 26); /* protobuf's limit, and room */
    for (uint32_t i = 0; i < count; i++) {
        struct tuff_onnx_tensor *tensor = &w->graph.initializers.at[i];
        struct tuff_array array = {.data = NULL};
        if (!w->leaves[i]) continue;
        if (tensors) tuff_tensors_find(tensors, tuff_value_of(w->whole, w->leaves[i])->name, &array);
        weights[i] = (struct weight){w, w->leaves[i], tuff_onnx_type_row(tensor->type)->dtype, array.data};
        if (!beside) continue;
        parts[n++] = (struct tuff_os_part){.bytes = tensor->raw.bytes, .read = read_weight, .user = &weights[i]};
        tensor->location = 1;
        add_pair(w, &tensor->external, "location", tuff_ow_text(w, "%s.data", slash ? slash + 1 : path).data);
        add_pair(w, &tensor->external, "offset", tuff_ow_text(w, "%llu", (unsigned long long)at).data);
        add_pair(w, &tensor->external, "length", tuff_ow_text(w, "%llu", (unsigned long long)tensor->raw.bytes).data);
        at += tensor->raw.bytes;
        if (at % 64) parts[n++] = (struct tuff_os_part){.data = zeros, .bytes = 64 - at % 64};
        at = (at + 63) / 64 * 64;
        tensor->raw = (struct tuff_span){0};
    }
    if (w->status != TUFF_OK) return w->status;
    if (beside) TUFF_TRY(tuff_os_write_atomic(w->context, data_path, parts, n, w->error));
    struct tuff_span bytes;
    TUFF_TRY(tuff_onnx_encode(&w->arena, &w->model, &bytes, holes, w->error));
    n = 0;
    for (uint32_t i = 0, hole = 0; i < count && !beside; i++) {
        if (!w->leaves[i]) continue;
        parts[n++] = (struct tuff_os_part){.data = (const uint8_t *)bytes.data + done, .bytes = holes[hole] - done};
        done = holes[hole++];
        parts[n++] = (struct tuff_os_part){
            .bytes = w->graph.initializers.at[i].raw.bytes, .read = read_weight, .user = &weights[i]};
    }
    parts[n++] = (struct tuff_os_part){.data = (const uint8_t *)bytes.data + done, .bytes = bytes.bytes - done};
    return tuff_os_write_atomic(w->context, path, parts, n, w->error);
}

/* ---- what is written --------------------------------------------------------------------------------------------------------------- */

/* Inputs and outputs of a model file's network for batches of a size, called as those of one sample. */
static const struct tuff_onnx_named *saved_ends(struct tuff_onnx_writer *w, const struct tuff_graph *g, unsigned batch,
                                                struct tuff_onnx_ends *ends)
{
    const struct tuff_saved_info *info = tuff_saved_info(w->params->saved);
    *ends = (struct tuff_onnx_ends){NULL, info->input_count, info->output_count};
    struct tuff_onnx_named *named = tuff_arena_alloc(&w->arena,
                                                     (info->input_count + info->output_count + 1) * sizeof *named);
    bool all = named != NULL;
    for (uint32_t i = 0; all && i < info->input_count + info->output_count; i++) {
        const char *name = i < info->input_count ? info->inputs[i].name : info->outputs[i - info->input_count].name;
        char sized[80];
        snprintf(sized, sizeof sized, batch > 1 ? "%.60s.%u" : "%.60s", name, batch);
        named[i] = (struct tuff_onnx_named){{name, strlen(name)}, tuff_graph_find(g, sized)};
        all = named[i].v != 0;
    }
    return ends->at = all ? named : NULL;
}

/* Those that the outputs of a session's graph are called by. */
static void session_ends(struct tuff_onnx_writer *w, struct tuff_onnx_ends *ends)
{
    const uint32_t count = w->params->output_count;
    struct tuff_onnx_named *named = tuff_arena_alloc(&w->arena, (count + 1) * sizeof *named);
    *ends = (struct tuff_onnx_ends){named, 0, named ? count : 0};
    for (uint32_t k = 0; k < ends->output_count; k++) {
        const tuff_val given = w->params->outputs[k], v = w->map && given < w->mapped ? w->map[given] : given;
        const struct tuff_value *value = v && v < w->whole->count ? tuff_value_of(w->whole, v) : NULL;
        const char *name = value && value->op->class != TUFF_CLASS_LEAF ? value->name : NULL; /* leaves have theirs */
        named[k] = (struct tuff_onnx_named){
            name ? (struct tuff_span){name, strlen(name)} : tuff_ow_text(w, "output%u", (unsigned)k), v};
    }
}

static void begin(struct tuff_onnx_writer *w, struct tuff_context *context, const struct tuff_onnx_write_params *params,
                  struct tuff_error *error)
{
    static const char producer[] = "Tuff";
    *w = (struct tuff_onnx_writer){.context = context, .error = error, .params = params};
    tuff_arena_init(&w->arena, context);
    w->model = (struct tuff_onnx_model){
        .ir_version = IR_VERSION, .producer = {producer, sizeof producer - 1}, .graph = &w->graph};
    w->model.producer_version = tuff_ow_text(w, "%s", tuff_version());
    w->graph.name = tuff_ow_text(w, "network");
    ((struct tuff_onnx_opset *)add(w, &w->model.opsets, sizeof(struct tuff_onnx_opset)))->version = TUFF_ONNX_WRITES;
    for (size_t i = 0; i < params->text_count; i++)
        add_pair(w, &w->model.texts, params->texts[i].key, params->texts[i].value);
    for (uint32_t i = 0; params->saved && i < 2; i++) {
        const char *key = i ? "labels" : "preprocess", *text = tuff_tensors_text(tuff_saved_tensors(params->saved), key);
        if (text) add_pair(w, &w->model.texts, key, text);
    }
}

/* Operators that ONNX has not are written as what they are composed of. */
static bool compose(struct tuff_onnx_writer *w, const struct tuff_graph *g, struct tuff_graph **composed,
                    struct tuff_error *error)
{
    bool any = false;
    for (tuff_val v = 1; v < g->count; v++) any = any || g->values[v].op->compose;
    if (!any) return true;
    w->mapped = g->count;
    w->map = tuff_arena_alloc(&w->arena, g->count * sizeof *w->map);
    return w->map ? tuff_graph_composed(g, composed, w->map, error) == TUFF_OK : no_memory(w);
}

/* batch: of the model file's network that is written for any number of samples; 1: for one. */
static tuff_status write_as(struct tuff_context *context, const char *path, const struct tuff_onnx_write_params *params,
                            const struct tuff_graph *g, const struct tuff_onnx_ends *given, unsigned batch, bool *unfit,
                            struct tuff_error *error)
{
    struct tuff_onnx_writer w;
    struct tuff_onnx_sheet sheet;
    struct tuff_onnx_ends ends = {0}, one;
    uint8_t *open = NULL;
    begin(&w, context, params, error);
    struct tuff_graph *composed = NULL;
    if (!given && w.status == TUFF_OK && !compose(&w, g, &composed, error))
        w.status = error ? error->status : TUFF_ERR_MEMORY;
    if (composed) g = composed;
    w.whole = g;
    w.batch = batch > 1 ? batch : 0;
    if (given)
        ends = *given;
    else if (!params->saved)
        session_ends(&w, &ends);
    else if (!saved_ends(&w, g, batch, &ends))
        w.unfit = true;
    if (batch > 1 && !w.unfit)
        w.unfit = !saved_ends(&w, g, 1, &one) ||
                  !find_open(&w, g, one.at, ends.at, ends.input_count + ends.output_count, &open);
    if (w.unfit) tuff_ow_fail(&w, TUFF_ERR_UNSUPPORTED, "ONNX: the network is another one for a batch");
    if (w.status == TUFF_OK && !tuff_ow_begin(&w, g, &w.graph, &sheet)) no_memory(&w);
    if (w.status == TUFF_OK) {
        sheet.open = open;
        if (write_graph(&sheet, &ends))
            w.status = write_files(&w, path, params->saved ? tuff_saved_tensors(params->saved) : NULL);
    }
    *unfit = w.unfit && batch > 1;
    tuff_graph_destroy(composed);
    tuff_arena_finish(&w.arena);
    return w.status;
}

static tuff_status write_saved(struct tuff_context *context, const char *path, const struct tuff_onnx_write_params *params,
                               struct tuff_error *error)
{
    const char *text = tuff_tensors_text(tuff_saved_tensors(params->saved), "batch");
    struct tuff_graph *g = NULL;
    unsigned batch = 1;
    bool unfit = true;
    if (text && sscanf(text, "%9u", &batch) != 1) batch = 1;
    TUFF_TRY(tuff_graph_create(context, &g, error));
    tuff_status status = tuff_graph_parse(g, tuff_saved_info(params->saved)->graph, error);
    if (status == TUFF_OK && batch > 1) status = write_as(context, path, params, g, NULL, batch, &unfit, error);
    if (unfit && (status == TUFF_OK || batch > 1)) status = write_as(context, path, params, g, NULL, 1, &unfit, error);
    tuff_graph_destroy(g);
    return status;
}

tuff_status tuff_onnx_write(struct tuff_context *context, const char *path, const struct tuff_onnx_write_params *params,
                            struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && params && params->struct_size >= sizeof *params);
    const bool session = params->session && params->outputs && params->output_count;
    TUFF_REQUIRE_THAT(context, error, session + (params->saved != NULL) + (params->runner != NULL) == 1,
                      "one of three is written: a session and some outputs, a model file, a runner");
    TUFF_REQUIRE_THAT(context, error, (params->texts || !params->text_count) && (params->ranges || !params->range_count),
                      "texts or ranges is NULL, though its count is not 0");
    if (params->saved) return write_saved(context, path, params, error);
    struct tuff_onnx_write_params of = *params;
    struct tuff_onnx_ends ends;
    struct tuff_arena arena;
    bool unfit;
    tuff_arena_init(&arena, context);
    const bool ran = !params->runner || tuff_onnx_runner_ends(params->runner, &arena, &of.session, &ends);
    tuff_status status = ran ? write_as(context, path, &of, tuff_session_graph(of.session), params->runner ? &ends : NULL, 1,
                                        &unfit, error)
                             : tuff_fail(context, error, TUFF_ERR_USAGE,
                                         "the runner has not run a model with a plan: what would be written?");
    tuff_arena_finish(&arena);
    return status;
}
