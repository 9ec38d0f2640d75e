/* graph.c - the values of a graph and the one way in which they come to be: with checked types, and inputs of lower numbers; named leaves. */
#include "graph/op.h"
#include "graph/ops/leaf.h"
#include "graph/ops/pointwise.h"
#include "graph/print.h"

#include <stdio.h>
#include <stdlib.h>

tuff_status tuff_graph_create(struct tuff_context *context, struct tuff_graph **graph, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, context != NULL && graph != NULL);
    struct tuff_graph *g = tuff_object_create(context, sizeof *g);
    if (!g) return tuff_fail_memory(context, error);
    g->context = context;
    tuff_arena_init(&g->arena, context);
    if (!TUFF_GROW_ARENA(&g->arena, g->values, 0, 1)) {
        tuff_object_destroy(context, g);
        return tuff_fail_memory(context, error);
    }
    g->count = 1;
    atomic_init(&g->references, 1);
    *graph = g;
    return TUFF_OK;
}

struct tuff_graph *tuff_graph_retain(struct tuff_graph *graph)
{
    atomic_fetch_add(&graph->references, 1);
    return graph;
}

void tuff_graph_destroy(struct tuff_graph *graph)
{
    if (!graph || atomic_fetch_sub(&graph->references, 1) != 1) return;
    for (uint32_t i = 0; i < graph->body_count; i++) tuff_graph_destroy(graph->bodies[i]);
    tuff_arena_finish(&graph->arena);
    tuff_object_destroy(graph->context, graph);
}

tuff_status tuff_graph_finish(struct tuff_graph *graph, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, graph != NULL);
    if (graph->status != TUFF_OK && error) *error = graph->error;
    return graph->status;
}

tuff_val tuff_graph_fail(struct tuff_graph *g, tuff_status status, const char *format, ...)
{
    if (!tuff_graph_ok(g)) return 0;
    va_list arguments;
    va_start(arguments, format);
    g->status = tuff_fail_va(g->context, &g->error, status, format, arguments);
    va_end(arguments);
    return 0;
}

void *tuff_graph_alloc(struct tuff_graph *g, size_t bytes)
{
    void *memory = tuff_arena_alloc(&g->arena, bytes);
    if (!memory) tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    return memory;
}

void tuff_graph_undo(struct tuff_graph *g, uint32_t count)
{
    while (g->leaf_count && g->leaves[g->leaf_count - 1] >= count) g->leaf_count--;
    while (g->trained_count && g->trained[g->trained_count - 1].end > count) g->trained_count--;
    while (g->label_count &&
           (g->labels[g->label_count - 1].labels >= count || g->labels[g->label_count - 1].logits >= count))
        g->label_count--;
    memset(g->values + count, 0, (g->count - count) * sizeof *g->values);
    g->count = count;
    g->status = TUFF_OK;
    g->error = (struct tuff_error){0};
}

void tuff_graph_mark_needed(const struct tuff_graph *g, bool *needed)
{
    for (tuff_val v = g->count; v-- > 1;) /* inputs have lower numbers */
        for (uint32_t i = 0; needed[v] && i < g->values[v].in_count; i++) needed[g->values[v].in[i]] = true;
}

/* ---- bodies -------------------------------------------------------------------------------------------------------------- */

static bool same_text(const struct tuff_text *text, const struct tuff_graph *other)
{
    struct tuff_text printed = {.context = text->context};
    tuff_graph_print_text(other, &printed);
    bool same = !printed.failed && printed.length == text->length && !memcmp(printed.data, text->data, text->length);
    tuff_text_finish(&printed);
    return same;
}

/* NULL without memory. */
static struct tuff_graph *find_body(struct tuff_graph *g, struct tuff_graph **body, const struct tuff_text *text)
{
    uint64_t hash = tuff_hash(0, text->data, text->length);
    uint32_t place, step = 0;
    while ((place = tuff_lookup_find(&g->body_lookup, hash, &step)) != TUFF_LOOKUP_END)
        if (same_text(text, g->bodies[place])) return g->bodies[place];
    if (text->failed || !TUFF_GROW_ARENA(&g->arena, g->bodies, g->body_count, 1) ||
        !tuff_lookup_add(&g->body_lookup, &g->arena, hash, g->body_count))
        return NULL;
    g->bodies[g->body_count] = *body;
    *body = NULL;
    return g->bodies[g->body_count++];
}

struct tuff_graph *tuff_graph_body(struct tuff_graph *g, struct tuff_graph **body)
{
    struct tuff_graph *found = NULL, *given = *body;
    if (tuff_graph_ok(g) && given && given->status != TUFF_OK)
        tuff_graph_fail(g, given->status, "the body of a loop: %s", given->error.message);
    if (tuff_graph_ok(g) && given) {
        struct tuff_text text = {.context = g->context};
        tuff_graph_print_text(given, &text);
        found = find_body(g, body, &text);
        if (!found) tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
        tuff_text_finish(&text);
    }
    tuff_graph_destroy(*body);
    *body = NULL;
    return found;
}

/* ---- types --------------------------------------------------------------------------------------------------------------- */

uint64_t tuff_shape_count(const struct tuff_shape *shape)
{
    uint64_t count = 1;
    for (uint32_t i = 0; i < shape->rank; i++)
        count = shape->dim[i] && count > UINT64_MAX / shape->dim[i] ? UINT64_MAX : count * shape->dim[i];
    return count;
}

bool tuff_shape_equal(const struct tuff_shape *a, const struct tuff_shape *b)
{
    if (a->rank != b->rank) return false;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

char *tuff_shape_text(const struct tuff_shape *shape, char *buffer, size_t bytes)
{
    size_t used = (size_t)snprintf(buffer, bytes, "[");
    for (uint32_t i = 0; i < shape->rank && i < TUFF_MAX_RANK && used < bytes; i++)
        used += (size_t)snprintf(buffer + used, bytes - used, i ? ", %u" : "%u", shape->dim[i]);
    if (used < bytes) snprintf(buffer + used, bytes - used, "]");
    return buffer;
}

struct tuff_type tuff_type_of(const struct tuff_graph *graph, tuff_val value)
{
    if (!graph || value == 0 || value >= graph->count) return (struct tuff_type){0};
    return graph->values[value].type;
}

enum tuff_dtype tuff_named_dtype(const struct tuff_op *op, const void *attrs)
{
    for (uint32_t i = 0; i < op->attr_count; i++)
        if (op->attrs[i].kind == TUFF_ATTR_DTYPE)
            return (enum tuff_dtype) * (const int32_t *)((const char *)attrs + op->attrs[i].offset);
    return (enum tuff_dtype)0;
}

struct tuff_type tuff_host_type(const struct tuff_value *value)
{
    enum tuff_dtype named = tuff_named_dtype(value->op, value->attrs);
    return (struct tuff_type){tuff_is_host(named) ? named : value->type.dtype, value->type.shape};
}

struct tuff_type tuff_type_on_host(const struct tuff_graph *graph, tuff_val value)
{
    if (!graph || value == 0 || value >= graph->count) return (struct tuff_type){0};
    return tuff_host_type(&graph->values[value]);
}

/* ---- adding --------------------------------------------------------------------------------------------------------------- */

static tuff_status check_type(struct tuff_graph *g, const struct tuff_op *op, const struct tuff_type *type)
{
    uint64_t count = 1;
    bool floats = tuff_is_float(type->dtype) && !(op->traits & TUFF_UPDATES); /* an update is stored where it belongs */
    if (op->class == TUFF_CLASS_KERNEL && type->dtype != TUFF_F32 && type->dtype != TUFF_I32 && !floats) {
        tuff_graph_fail(g, TUFF_ERR_UNSUPPORTED, "%s: a kernel stores %s, not %s: cast its result", op->name,
                        op->traits & TUFF_UPDATES ? "f32 or i32" : "floats or i32", tuff_dtype_name(type->dtype));
        return TUFF_ERR_UNSUPPORTED;
    }
    for (uint32_t i = 0; i < type->shape.rank; i++) {
        count *= type->shape.dim[i];
        if (type->shape.dim[i] == 0 || count > INT32_MAX) {
            char text[128];
            tuff_graph_fail(
                g, TUFF_ERR_SHAPE, "%s: its shape %s %s", op->name, tuff_shape_text(&type->shape, text, sizeof text),
                type->shape.dim[i] ? "has more than 2^31 - 1 elements" : "has a size of 0: there are no empty values");
            return TUFF_ERR_SHAPE;
        }
    }
    return TUFF_OK;
}

/* Derivative rows (gy, a, b, y) leave out what their text does not name. */
static bool may_lack(const struct tuff_op *op, uint32_t i)
{
    bool derivative = (op->traits & TUFF_DERIVATIVE) != 0;
    return derivative ? i > 0 && !tuff_pw_names(op->glsl, (const char[2]){"gaby"[i], 0}) : i >= op->arity_min;
}

static enum tuff_dtype rule_dtype(const struct tuff_infer *in, const struct tuff_op *op, uint32_t which)
{
    const struct tuff_value *values = in->graph->values;
    tuff_val operand = 0;
    switch (which ? op->more[which - 1].result : op->result) {
    case TUFF_RESULT_F32: return TUFF_F32;
    case TUFF_RESULT_I32: return TUFF_I32;
    case TUFF_RESULT_BOOL: return TUFF_BOOL;
    case TUFF_RESULT_NAMED: return tuff_dtype_device(tuff_named_dtype(op, in->attrs));
    case TUFF_RESULT_WIDE: return tuff_dtype_wide(values[in->in_values[0]].type.dtype);
    case TUFF_RESULT_OPERAND_0: operand = in->in_values[0]; break;
    case TUFF_RESULT_OPERAND_1: operand = in->in_values[1]; break;
    case TUFF_RESULT_LAST: operand = in->in_values[in->in_count - 1]; break;
    case TUFF_RESULT_OF_KERNEL: {
        const struct tuff_value *kernel = &values[in->in_values[0]], result = {.op = op, .attrs = in->attrs};
        const struct tuff_infer of_kernel = {
            .graph = in->graph, .in_values = kernel->in, .in_count = kernel->in_count, .attrs = kernel->attrs};
        return rule_dtype(&of_kernel, kernel->op, tuff_result_index(&result));
    }
    }
    return tuff_is_blocks(values[operand].type.dtype) ? TUFF_F32 : values[operand].type.dtype;
}

static enum tuff_dtype result_dtype(const struct tuff_infer *in, const struct tuff_op *op, uint32_t which)
{
    enum tuff_dtype dtype = rule_dtype(in, op, which);
    bool stored = (op->class == TUFF_CLASS_KERNEL && !(op->traits & TUFF_UPDATES)) || op->class == TUFF_CLASS_RESULT;
    return stored && in->graph->caps && tuff_is_float(dtype) ? TUFF_F32 : dtype;
}

tuff_status tuff_op_types(struct tuff_graph *g, const struct tuff_op *op, const tuff_val *in, uint32_t in_count,
                          const void *attrs, struct tuff_type types[TUFF_MOST_RESULTS])
{
    struct tuff_infer infer = {.graph = g, .op = op, .in_count = in_count, .in_values = in, .attrs = attrs};
    for (uint32_t i = 0; i < in_count && i < TUFF_COUNT(infer.in); i++)
        if (in[i]) infer.in[i] = &g->values[in[i]].type;
    struct tuff_shape shapes[TUFF_MOST_RESULTS] = {{0}};
    TUFF_TRY(op->infer(&infer, shapes)); /* infer has told why */
    for (uint32_t i = 0; i <= op->more_count; i++) {
        types[i] = (struct tuff_type){result_dtype(&infer, op, i), shapes[i]};
        TUFF_TRY(check_type(g, op, &types[i]));
    }
    return TUFF_OK;
}

tuff_val tuff_graph_add(struct tuff_graph *g, const struct tuff_op *op, const tuff_val *in, uint32_t in_count,
                        const void *attrs)
{
    if (!tuff_graph_ok(g)) return 0;
    if (in_count < op->arity_min || (op->arity_max != 255 && in_count > op->arity_max))
        return tuff_graph_fail(g, TUFF_ERR_USAGE, "%s: it takes %u to %u operands, not %u", op->name, op->arity_min,
                               op->arity_max, in_count);
    struct tuff_type types[TUFF_MOST_RESULTS] = {{.dtype = TUFF_F32}};
    for (uint32_t i = 0; i < in_count; i++) {
        if ((in[i] || !may_lack(op, i)) && !tuff_graph_takes_one(g, op->name, in[i], i)) return 0;
        if (in[i] && tuff_is_blocks(g->values[in[i]].type.dtype) && !(i < 8 && op->takes_blocks >> i & 1))
            return tuff_graph_refuse(g, TUFF_ERR_SHAPE, op->name, in, in_count,
                                     "it does not take %s; matmul, gather of rows (axis 0) and cast to f32 do",
                                     tuff_dtype_name(g->values[in[i]].type.dtype));
    }
    if (tuff_op_types(g, op, in, in_count, attrs, types) != TUFF_OK) return 0;
    tuff_val equal = g->equal ? g->equal(g->copies, op, in, in_count, attrs) : 0;
    if (equal) return equal;
    struct tuff_value value = {.op = op, .in_count = in_count, .type = types[0]};
    if (in_count) value.in = tuff_arena_copy(&g->arena, in, in_count * sizeof *in);
    if (op->attrs_bytes) value.attrs = tuff_attrs_copy(&g->arena, op, attrs);
    if (!TUFF_GROW_ARENA(&g->arena, g->values, g->count, 1) || !TUFF_GROW_ARENA(&g->arena, g->leaves, g->leaf_count, 1) ||
        (in_count && !value.in) || (op->attrs_bytes && !value.attrs))
        return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    if (tuff_is_kept(&value)) g->leaves[g->leaf_count++] = g->count;
    g->values[g->count] = value;
    return g->count++;
}

int32_t tuff_op_number(const struct tuff_graph *g, const struct tuff_op *op)
{
    int32_t number = 0;
    for (uint32_t v = 1; v < g->count && op->traits & TUFF_NUMBERED; v++) {
        int32_t other = -1; /* what is computed a second time has the number of the first */
        if (g->values[v].op == op) memcpy(&other, g->values[v].attrs, sizeof other);
        if (other >= number) number = other + 1;
    }
    return number;
}

uint64_t tuff_type_bytes(const struct tuff_type *type)
{
    return tuff_dtype_size(type->dtype, tuff_shape_count(&type->shape));
}

tuff_val tuff_graph_find(const struct tuff_graph *graph, const char *name)
{
    uint32_t v, step = 0;
    uint64_t hash = name ? tuff_hash_text(0, name) : 0;
    if (!graph) return 0;
    while ((v = tuff_lookup_find(&graph->named, hash, &step)) != TUFF_LOOKUP_END)
        if (name && v < graph->count && graph->values[v].name && !strcmp(graph->values[v].name, name))
            return v; /* one that has another name since, or is gone, is passed over */
    return 0;
}

uint32_t tuff_graph_leaf_count(const struct tuff_graph *graph) { return graph ? graph->leaf_count : 0; }

struct tuff_leaf tuff_graph_leaf(const struct tuff_graph *graph, uint32_t index)
{
    if (!graph || index >= graph->leaf_count) return (struct tuff_leaf){0};
    const struct tuff_value *value = &graph->values[graph->leaves[index]];
    return (struct tuff_leaf){value->name, tuff_host_type(value), tuff_is_trained(value)};
}

uint32_t tuff_graph_updates(const struct tuff_graph *graph, tuff_val after, tuff_val *updates, uint32_t capacity)
{
    uint32_t count = 0, end = graph ? graph->count : 0;
    for (tuff_val v = after < end ? after + 1 : end; v < end; v++)
        if (tuff_op_writes_leaf(graph->values[v].op) && count++ < capacity) updates[count - 1] = v;
    return count;
}

tuff_val tuff_named(struct tuff_graph *g, tuff_val value, const char *name)
{
    if (!tuff_graph_ok(g)) return 0;
    if (value == 0 || value >= g->count || !name || !*name)
        return tuff_graph_fail(g, TUFF_ERR_USAGE,
                               value ? "named '%.60s': %u is not a value of this graph, or the name is missing"
                                     : "named '%.60s': there is no value to name (0)",
                               name ? name : "", value);
    tuff_val other = tuff_graph_find(g, name);
    if (other == value) return value;
    if (other)
        return tuff_graph_refuse(g, TUFF_ERR_USAGE, "named", (tuff_val[]){value, other}, 2,
                                 "the name '%.60s' is taken by the second", name);
    if (g->values[value].name && (g->values[value].op->kind == TUFF_KIND_INPUT || tuff_is_kept(&g->values[value])))
        return tuff_graph_refuse(g, TUFF_ERR_USAGE, "named", &value, 1,
                                 "it cannot be called '%.60s': what the host writes and saves keeps its name", name);
    char *copy = tuff_arena_strdup(&g->arena, name);
    if (!copy || !tuff_lookup_add(&g->named, &g->arena, tuff_hash_text(0, name), value))
        return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    g->values[value].name = copy;
    return value;
}

/* ---- leaves with a name ------------------------------------------------------------------------------------------------------ */

static tuff_val add_leaf(struct tuff_graph *g, const struct tuff_op *op, const char *name,
                         const struct tuff_leaf_attrs *attrs, const float *data)
{
    if (!tuff_graph_ok(g)) return 0;
    if (!name || !*name) return tuff_graph_fail(g, TUFF_ERR_USAGE, "%s: its name is missing", op->name);
    tuff_val known = tuff_graph_find(g, name);
    if (known) {
        const struct tuff_value *old = &g->values[known];
        const struct tuff_leaf_attrs *old_attrs = old->attrs;
        char a[128], b[TUFF_VALUE_TEXT];
        if (old->op == op && op->kind != TUFF_KIND_INPUT && old_attrs->dtype == attrs->dtype &&
            tuff_shape_equal(&old_attrs->shape, &attrs->shape))
            return known;
        return tuff_graph_fail(g, TUFF_ERR_SHAPE, "%s %s %s '%.60s': the name is taken by the %s %s", op->name,
                               tuff_dtype_name((enum tuff_dtype)attrs->dtype), tuff_shape_text(&attrs->shape, a, sizeof a),
                               name, old->op->name, tuff_value_text(g, known, b, sizeof b));
    }
    tuff_val v = tuff_graph_add(g, op, NULL, 0, attrs);
    if (v && attrs->init_kind == TUFF_INIT_DATA) {
        if (!data) return tuff_graph_fail(g, TUFF_ERR_USAGE, "%s '%s': TUFF_INIT_DATA without data (NULL)", op->name, name);
        g->values[v].data = tuff_arena_copy(&g->arena, data, (size_t)tuff_shape_count(&attrs->shape) * sizeof *data);
        if (!g->values[v].data) return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    }
    return tuff_named(g, v, name);
}

tuff_val tuff_input(struct tuff_graph *g, const char *name, enum tuff_dtype dtype, struct tuff_shape shape)
{
    struct tuff_leaf_attrs attrs = {.dtype = (int32_t)dtype, .shape = shape};
    return add_leaf(g, &tuff_op_input, name, &attrs, NULL);
}

/* Zeros have one form in a graph and its text, kind 0. */
static tuff_val add_initialised(struct tuff_graph *g, const struct tuff_op *op, const char *name, struct tuff_type type,
                                struct tuff_init init)
{
    if (!tuff_graph_ok(g)) return 0;
    if ((unsigned)init.kind > TUFF_INIT_ZEROS)
        return tuff_graph_fail(g, TUFF_ERR_USAGE, "%s '%s': there is no initialiser of kind %d (enum tuff_init_kind)",
                               op->name, name ? name : "", (int)init.kind);
    if (init.kind == TUFF_INIT_DEFAULT && !tuff_init_unset(&init))
        return tuff_graph_fail(g, TUFF_ERR_USAGE, "%s '%s': its initialiser has numbers but no kind", op->name,
                               name ? name : "");
    if (init.kind == TUFF_INIT_ZEROS) init = (struct tuff_init){.kind = TUFF_INIT_DEFAULT};
    struct tuff_leaf_attrs attrs = {.dtype = (int32_t)type.dtype,
                                    .shape = type.shape,
                                    .init_kind = (int32_t)init.kind,
                                    .init_a = init.a,
                                    .init_b = init.b,
                                    .init_zero_row = (int32_t)init.zero_row};
    return add_leaf(g, op, name, &attrs, init.data);
}

tuff_val tuff_param(struct tuff_graph *g, const char *name, struct tuff_shape shape, struct tuff_init init)
{
    return tuff_param_of(g, name, (struct tuff_type){TUFF_F32, shape}, init);
}

tuff_val tuff_param_of(struct tuff_graph *g, const char *name, struct tuff_type type, struct tuff_init init)
{
    return add_initialised(g, &tuff_op_param, name, type, init);
}

tuff_val tuff_state(struct tuff_graph *g, const char *name, enum tuff_dtype dtype, struct tuff_shape shape,
                    struct tuff_init init)
{
    return add_initialised(g, &tuff_op_state, name, (struct tuff_type){dtype, shape}, init);
}

tuff_val tuff_transient(struct tuff_graph *g, const char *name, enum tuff_dtype dtype, struct tuff_shape shape)
{
    struct tuff_leaf_attrs attrs = {.dtype = (int32_t)dtype, .shape = shape, .transient = 1};
    return add_leaf(g, &tuff_op_state, name, &attrs, NULL);
}

void tuff_text_free(struct tuff_context *context, char *text) { tuff_free(context, text); }
