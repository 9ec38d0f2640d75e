/* onnx_build.c - walks through a model's nodes and lets the rows of onnx_ops.def build them; what follows from numbers that are known is computed here.
 * Promises: work is linear in the nodes; the first failure has the node's name; numbers that must be known name the inputs behind them. */
#include "graph/dtype.h"
#include "graph/ops/leaf.h"
#include "graph/reference.h"
#include "loaders/onnx_ops.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    FEW = 64,     /* elements: what takes no memory worth a word */
    DEEPEST = 32, /* calls of functions and subgraphs within each other */
    MOST_NAMED =
        1 << 20, /* nodes and names beside one for each byte of the file: what loops repeat, and calls, count each time */
    MOST_DOMAINS = 256,
    MOST_COMPUTED = 1 << 26, /* elements of all that is computed here */
    MOST_WORK = 1 << 28      /* and its multiplications and additions */
};
static const double FAR = 0x1p31;                     /* sizes, places: what is more is as much; products of two fit */
static const uint64_t MOST_BYTES = UINT64_C(1) << 31; /* of what rows ask for */

struct named {
    struct tuff_span name;
    struct tuff_onnx_val val;
    const struct tuff_onnx_tensor *unread; /* an initializer that nobody has used yet */
};
struct tuff_onnx_scope {
    const struct tuff_onnx_scope *up; /* whose names are seen too; NULL in a function */
    const struct tuff_onnx_op *call;  /* the node that is a call of this function; NULL: none */
    const struct tuff_onnx_function *function;
    const char *prefix; /* of parameters' names */
    const struct tuff_onnx_opset *opsets;
    uint32_t opset_count;
    struct tuff_lookup lookup;
    struct named *names; /* [arena] */
    uint32_t count, depth;
};
struct tuff_onnx_build {
    const struct tuff_onnx *onnx;
    struct tuff_graph *g;
    struct tuff_onnx_built *built;
    struct tuff_arena arena;
    struct tuff_lookup rows;      /* of onnx_ops.def, by name */
    struct tuff_lookup functions; /* of the model, by function_hash */
    double **data;                /* [arena] of the graph's values, what is known of them */
    enum tuff_dtype *wide;        /* [arena] and the type in which it is */
    uint32_t data_count;
    bool as_state; /* what is read now */
    uint64_t computed, asked, named, wanted;
    double work;
    tuff_status status;
    struct tuff_error *error;
};

/* ---- failing ------------------------------------------------------------------------------------------------------------------ */

static bool fail(const struct tuff_onnx_op *o, tuff_status status, const char *format, va_list arguments)
{
    char why[400];
    if (o->b->status != TUFF_OK) return false;
    vsnprintf(why, sizeof why, format, arguments);
    const struct tuff_onnx_node *node = o->node;
    o->b->status = tuff_fail(NULL, o->b->error, status, "%s: %.*s%s%.*s%s (%s set %d): %s", o->b->onnx->path,
                             TUFF_SPAN_TEXT(node->op), node->name.bytes ? " \"" : "", TUFF_SPAN_TEXT(node->name),
                             node->name.bytes ? "\"" : "", node->domain.bytes ? "its" : "operator", o->version, why);
    return false;
}

bool tuff_on_refuse(const struct tuff_onnx_op *o, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fail(o, TUFF_ERR_UNSUPPORTED, format, arguments);
    va_end(arguments);
    return false;
}

bool tuff_on_bad(const struct tuff_onnx_op *o, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fail(o, TUFF_ERR_FORMAT, format, arguments);
    va_end(arguments);
    return false;
}

bool tuff_on_training(const struct tuff_onnx_op *o) { return o->b->built->training; }

bool tuff_on_failed(const struct tuff_onnx_op *o) { return o->b->status != TUFF_OK || o->g->status != TUFF_OK; }

static bool no_memory(struct tuff_onnx_build *b)
{
    if (b->status == TUFF_OK) b->status = tuff_fail_memory(b->onnx->context, b->error);
    return false;
}

const struct tuff_onnx_params *tuff_on_params(const struct tuff_onnx_op *o) { return &o->b->onnx->params; }

struct tuff_arena *tuff_on_arena(const struct tuff_onnx_op *o) { return &o->b->arena; }

bool tuff_on_budget(const struct tuff_onnx_op *o, size_t bytes)
{
    if (bytes > MOST_BYTES - o->b->asked) return tuff_on_refuse(o, "what is known before a run takes more than 2 GB");
    o->b->asked += bytes;
    return true;
}

void *tuff_on_alloc(const struct tuff_onnx_op *o, size_t bytes)
{
    if (!tuff_on_budget(o, bytes)) return NULL;
    void *memory = tuff_arena_alloc(&o->b->arena, bytes);
    if (!memory) no_memory(o->b);
    return memory;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------------ */

bool tuff_onnx_row_fits(const struct tuff_onnx_row *row, struct tuff_span op, struct tuff_span domain, int64_t version)
{
    return tuff_span_is(op, row->name) &&
           tuff_span_is(tuff_span_is(domain, "ai.onnx") ? (struct tuff_span){0} : domain, row->domain) &&
           row->since <= version;
}

/* The row of the highest version that the model's is not below. */
static const struct tuff_onnx_row *find_row(const struct tuff_onnx_build *b, const struct tuff_onnx_node *node,
                                            int64_t version)
{
    const struct tuff_onnx_row *best = NULL;
    uint32_t place, step = 0;
    while ((place = tuff_lookup_find(&b->rows, tuff_span_hash(node->op), &step)) != TUFF_LOOKUP_END) {
        const struct tuff_onnx_row *row = &tuff_onnx_rows[place];
        if (tuff_onnx_row_fits(row, node->op, node->domain, version) && (!best || row->since > best->since)) best = row;
    }
    return best;
}

static uint64_t function_hash(struct tuff_span name, struct tuff_span domain, struct tuff_span overload)
{
    return tuff_span_hash(name) + 3 * tuff_span_hash(domain) + 5 * tuff_span_hash(overload);
}

/* The first of several that are called alike; NULL: the node is no call. */
static const struct tuff_onnx_function *function_of(const struct tuff_onnx_build *b, struct tuff_span name,
                                                    struct tuff_span domain, struct tuff_span overload)
{
    uint32_t place, step = 0;
    while ((place = tuff_lookup_find(&b->functions, function_hash(name, domain, overload), &step)) != TUFF_LOOKUP_END) {
        const struct tuff_onnx_function *f = &b->onnx->model->functions.at[place];
        if (tuff_spans_equal(f->name, name) && tuff_spans_equal(f->domain, domain) &&
            tuff_spans_equal(f->overload, overload))
            return f;
    }
    return NULL;
}

static bool index_rows(struct tuff_onnx_build *b)
{
    for (uint32_t i = 0; i < tuff_onnx_row_count; i++)
        if (!tuff_lookup_add(&b->rows, &b->arena, tuff_hash_text(0, tuff_onnx_rows[i].name), i)) return no_memory(b);
    for (uint32_t i = 0; i < b->onnx->model->functions.count; i++) {
        const struct tuff_onnx_function *f = &b->onnx->model->functions.at[i];
        if (!function_of(b, f->name, f->domain, f->overload) &&
            !tuff_lookup_add(&b->functions, &b->arena, function_hash(f->name, f->domain, f->overload), i))
            return no_memory(b);
    }
    return true;
}

/* ---- names ---------------------------------------------------------------------------------------------------------------------- */

static struct named *find_here(const struct tuff_onnx_scope *scope, struct tuff_span name)
{
    uint32_t place, step = 0;
    const uint64_t hash = tuff_span_hash(name);
    while ((place = tuff_lookup_find(&scope->lookup, hash, &step)) != TUFF_LOOKUP_END)
        if (tuff_spans_equal(scope->names[place].name, name)) return &scope->names[place];
    return NULL;
}

static bool define(struct tuff_onnx_build *b, struct tuff_onnx_scope *scope, struct tuff_span name,
                   const struct tuff_onnx_val *val)
{
    struct named *known = find_here(scope, name);
    if (++b->named > MOST_NAMED + b->onnx->file->bytes && b->status == TUFF_OK)
        b->status = tuff_fail(b->onnx->context, b->error, TUFF_ERR_UNSUPPORTED,
                              "%s: loops and calls of functions repeat nodes too often: more than %d, and one for each byte",
                              b->onnx->path, MOST_NAMED);
    if (b->status != TUFF_OK) return false;
    if (known) {
        known->val = *val;
        known->unread = NULL;
        return true;
    }
    if (!tuff_grow_arena(&b->arena, &scope->names, scope->count, 1, sizeof *scope->names) ||
        !tuff_lookup_add(&scope->lookup, &b->arena, tuff_span_hash(name), scope->count)) {
        no_memory(b);
        return false;
    }
    scope->names[scope->count++] = (struct named){name, *val, NULL};
    return true;
}

/* ---- what is known -------------------------------------------------------------------------------------------------------------- */

/* Room for what is known of all values that the graph has by now. */
static bool grow_data(struct tuff_onnx_build *b)
{
    const uint32_t more = b->g->count - b->data_count;
    if (more && (!tuff_grow_arena(&b->arena, &b->data, b->data_count, more, sizeof *b->data) ||
                 !tuff_grow_arena(&b->arena, &b->wide, b->data_count, more, sizeof *b->wide))) {
        no_memory(b);
        return false;
    }
    b->data_count = b->g->count;
    return true;
}

/* Computes a value of which all operands are known, in the wide types of the host where an operand is of these; else nothing. */
static bool compute(struct tuff_onnx_build *b, tuff_val v)
{
    const struct tuff_value *value = &b->g->values[v];
    const double *in[8];
    struct tuff_type types[8];
    const uint64_t count = tuff_shape_count(&value->type.shape);
    uint64_t elements = count;
    bool hosted = false;
    enum tuff_op_kind kind = value->op->kind;
    if (b->data[v] || !value->op->ref || value->in_count > TUFF_COUNT(in) || count > TUFF_ONNX_KNOWN) return true;
    if (value->in_count == 0 ? kind != TUFF_KIND_CONSTANT && kind != TUFF_KIND_FULL && !value->op->number
                             : (value->op->class != TUFF_CLASS_INLINE && value->op->class != TUFF_CLASS_KERNEL) ||
                                   (value->op->traits & TUFF_OWNS_MEMORY) || value->op->more_count)
        return true;
    for (uint32_t i = 0; i < value->in_count; i++) {
        in[i] = value->in[i] ? b->data[value->in[i]] : NULL;
        if (!value->in[i]) continue;
        if (!in[i]) return true;
        types[i] = (struct tuff_type){b->wide[value->in[i]], b->g->values[value->in[i]].type.shape};
        elements += tuff_shape_count(&types[i].shape);
        hosted = hosted || tuff_is_host(types[i].dtype);
    }
    const double work = value->in_count && value->op->terms ? tuff_op_work(value, types) : (double)count;
    if (elements > MOST_COMPUTED - b->computed || b->work + work > MOST_WORK) return true;
    b->computed += elements;
    b->work += work;
    const enum tuff_dtype named = tuff_named_dtype(value->op, value->attrs);
    struct tuff_value one = *value;
    one.type.dtype = named ? named : hosted ? tuff_dtype_hosted(value->type.dtype) : value->type.dtype;
    double *out = tuff_arena_alloc(&b->arena, (size_t)count * sizeof *out);
    if (!out) return no_memory(b);
    tuff_reference_apply(&(struct tuff_ref){.value = &one, .in_types = types, .in = in, .out = out, .graph = b->g});
    b->data[v] = out;
    b->wide[v] = one.type.dtype;
    return true;
}

/* A constant of numbers that are known. */
static tuff_val constant(struct tuff_onnx_build *b, enum tuff_dtype dtype, struct tuff_shape shape, const double *elements)
{
    const struct tuff_type type = {dtype, shape};
    const uint64_t count = tuff_shape_count(&shape);
    if (count == 0) return 0;
    tuff_val v;
    if (count == 1) { /* a number of the launches that read it */
        v = tuff_full(b->g, dtype, shape, elements[0]);
    } else {
        void *data = tuff_alloc(b->onnx->context, (size_t)tuff_type_bytes(&type));
        if (!data) return no_memory(b);
        for (uint64_t i = 0; i < count; i++) tuff_element_put(dtype, data, i, elements[i]);
        v = tuff_constant(b->g, type, data);
        tuff_free(b->onnx->context, data);
    }
    if (v && grow_data(b)) {
        b->data[v] = tuff_arena_copy(&b->arena, elements, (size_t)count * sizeof *elements);
        b->wide[v] = dtype;
        if (!b->data[v]) no_memory(b);
    }
    return v;
}

const double *tuff_on_known(const struct tuff_onnx_op *o, uint32_t i)
{
    static const double none[1];
    if (!tuff_on_has(o, i)) return tuff_on_bad(o, "operand %u is missing", i), NULL;
    struct tuff_onnx_val *val = &o->in[i];
    const uint64_t count = tuff_shape_count(&val->shape);
    if (val->known) return val->known;
    if (count == 0) return none;
    if (val->tensor && count <= TUFF_ONNX_KNOWN) {
        struct tuff_span content;
        double *known = tuff_on_alloc(o, (size_t)count * sizeof *known);
        if (!known) return NULL;
        if (o->b->status == TUFF_OK)
            o->b->status = tuff_onnx_content(o->b->onnx, &o->b->arena, val->tensor, &content, o->b->error);
        if (o->b->status != TUFF_OK) return NULL;
        for (uint64_t k = 0; k < count; k++) known[k] = tuff_onnx_element(val->type, content.data, k);
        return val->known = known;
    }
    if (val->on && o->b->status == TUFF_OK) o->b->wanted |= val->on;
    tuff_on_refuse(
        o, "operand %u (\"%.*s\") sets shapes or chooses what is computed, so its numbers have to be known before a run%s",
        i, TUFF_SPAN_TEXT(o->node->inputs.at[i]),
        count > TUFF_ONNX_KNOWN ? "; it has more than 65536"
        : val->on               ? ""
                                : ": they follow from random numbers or large weights");
    return NULL;
}

bool tuff_on_list(const struct tuff_onnx_op *o, uint32_t i, int64_t *list, uint32_t *count)
{
    const double *known = tuff_on_known(o, i);
    if (!known) return false;
    *count = (uint32_t)tuff_shape_count(&o->in[i].shape);
    if (o->in[i].shape.rank > 1 || *count > TUFF_MAX_RANK)
        return tuff_on_refuse(o, "operand %u is no list of at most %d numbers", i, TUFF_MAX_RANK);
    for (uint32_t k = 0; k < *count; k++) list[k] = (int64_t)fmax(-FAR, fmin(FAR, known[k]));
    return true;
}

/* ---- operands and attributes -------------------------------------------------------------------------------------------------------- */

tuff_val tuff_on(const struct tuff_onnx_op *o, uint32_t i)
{
    if (tuff_on_empty(o, i)) tuff_on_refuse(o, "operand %u has no elements", i);
    return tuff_on_has(o, i) ? o->in[i].v : 0;
}

tuff_val tuff_on_as(const struct tuff_onnx_op *o, uint32_t i, enum tuff_dtype dtype)
{
    const tuff_val v = tuff_on(o, i);
    return v && tuff_type_of(o->g, v).dtype != dtype ? tuff_cast(o->g, v, dtype) : v;
}

static const struct tuff_onnx_attribute *attribute_of(const struct tuff_onnx_attribute *at, uint32_t count, const char *name,
                                                      struct tuff_span span)
{
    for (uint32_t i = 0; i < count; i++)
        if (name ? tuff_span_is(at[i].name, name) : tuff_spans_equal(at[i].name, span)) return &at[i];
    return NULL;
}

const struct tuff_onnx_attribute *tuff_on_attribute(const struct tuff_onnx_op *o, const char *name)
{
    const struct tuff_onnx_attribute *a = attribute_of(o->node->attributes.at, o->node->attributes.count, name,
                                                       (struct tuff_span){0});
    const struct tuff_onnx_scope *scope = o->scope;
    while (a && a->reference.bytes) { /* that of the call */
        while (scope && !scope->call) scope = scope->up;
        if (!scope) return NULL;
        const struct tuff_onnx_node *call = scope->call->node;
        const struct tuff_span wanted = a->reference;
        a = attribute_of(call->attributes.at, call->attributes.count, NULL, wanted);
        if (!a) return attribute_of(scope->function->defaults.at, scope->function->defaults.count, NULL, wanted);
        scope = scope->call->scope;
    }
    return a;
}

int64_t tuff_on_int(const struct tuff_onnx_op *o, const char *name, int64_t standard)
{
    const struct tuff_onnx_attribute *a = tuff_on_attribute(o, name);
    return a ? a->i : standard;
}

double tuff_on_number(const struct tuff_onnx_op *o, const char *name, double standard)
{
    const struct tuff_onnx_attribute *a = tuff_on_attribute(o, name);
    return a ? (double)a->f : standard;
}

bool tuff_on_text_is(const struct tuff_onnx_op *o, const char *name, const char *text, const char *standard)
{
    const struct tuff_onnx_attribute *a = tuff_on_attribute(o, name);
    return a ? tuff_span_is(a->s, text) : standard && !strcmp(standard, text);
}

uint32_t tuff_on_ints(const struct tuff_onnx_op *o, const char *name, int64_t *ints)
{
    const struct tuff_onnx_attribute *a = tuff_on_attribute(o, name);
    if (!a) return 0;
    if (a->ints.count > TUFF_MAX_RANK)
        return tuff_on_refuse(o, "%s has %u numbers, at most %d are possible", name, a->ints.count, TUFF_MAX_RANK);
    for (uint32_t i = 0; i < a->ints.count; i++) ints[i] = (int64_t)fmax(-FAR, fmin(FAR, (double)a->ints.at[i]));
    return a->ints.count;
}

int tuff_on_axis(const struct tuff_onnx_op *o, int64_t axis, uint32_t rank)
{
    if (axis >= -(int64_t)rank && axis < (int64_t)rank) return (int)(axis < 0 ? axis + rank : axis);
    return tuff_on_bad(o, "there is no axis %lld among %u", (long long)axis, rank), -1;
}

int tuff_on_known_axis(const struct tuff_onnx_op *o, uint32_t i, uint32_t rank)
{
    const double *known = tuff_on_known(o, i);
    return known ? tuff_on_axis(o, (int64_t)fmax(-FAR, fmin(FAR, known[0])), rank) : -1;
}

bool tuff_on_axes(const struct tuff_onnx_op *o, uint32_t i, int as_operand, uint32_t rank, uint32_t *axes, bool *given)
{
    int64_t list[TUFF_MAX_RANK];
    uint32_t count = 0;
    *axes = 0;
    if (o->version >= as_operand ? tuff_on_has(o, i) && !tuff_on_list(o, i, list, &count) : false) return false;
    if (o->version < as_operand) count = tuff_on_ints(o, "axes", list);
    for (uint32_t k = 0; k < count; k++) {
        const int axis = tuff_on_axis(o, list[k], rank);
        if (axis < 0) return false;
        *axes |= 1u << axis;
    }
    *given = count > 0;
    return !tuff_on_failed(o);
}

/* ---- results ------------------------------------------------------------------------------------------------------------------------- */

/* Whole numbers of 32 bits to fewer: the last bits count. */
static tuff_val wrap(struct tuff_graph *g, tuff_val v, const struct tuff_onnx_type_row *row)
{
    const bool is_signed = row->element == TUFF_ELEMENT_I8 || row->element == TUFF_ELEMENT_I16;
    const int32_t half = is_signed ? 1 << (row->bits - 1) : 0, mask = (1 << row->bits) - 1;
    tuff_val offset = tuff_full(g, TUFF_I32, (struct tuff_shape){0}, half);
    if (half) v = tuff_add(g, v, offset);
    v = tuff_bit_and(g, v, tuff_full(g, TUFF_I32, (struct tuff_shape){0}, mask));
    return half ? tuff_sub(g, v, offset) : v;
}

static tuff_val as_type(struct tuff_graph *g, tuff_val v, const struct tuff_onnx_type_row *row)
{
    const enum tuff_dtype have = tuff_type_of(g, v).dtype, want = tuff_dtype_device(row->dtype);
    if (have == TUFF_I32 && row->bits < 32 && !tuff_is_float(want) && want != TUFF_BOOL) v = wrap(g, v, row);
    return tuff_type_of(g, v).dtype == want ? v : tuff_cast(g, v, want);
}

bool tuff_on_put_as(const struct tuff_onnx_op *o, uint32_t k, tuff_val v, enum tuff_onnx_dtype type)
{
    const struct tuff_onnx_type_row *row = tuff_onnx_type_row(type);
    if (k >= o->out_count || !v || tuff_on_failed(o)) return !tuff_on_failed(o);
    if (!row->bits) return tuff_on_refuse(o, "its result has a type that is not covered");
    o->out[k] = (struct tuff_onnx_val){.v = as_type(o->g, v, row), .type = type};
    o->out[k].shape = tuff_type_of(o->g, o->out[k].v).shape;
    return !tuff_on_failed(o);
}

bool tuff_on_put(const struct tuff_onnx_op *o, uint32_t k, tuff_val v) { return tuff_on_put_as(o, k, v, o->in[0].type); }

struct tuff_onnx_val tuff_on_make(const struct tuff_onnx_op *o, enum tuff_onnx_dtype type, struct tuff_shape shape,
                                  const double *elements)
{
    const struct tuff_onnx_type_row *row = tuff_onnx_type_row(type);
    struct tuff_onnx_val val = {.type = type, .shape = shape};
    if (!row->bits) tuff_on_refuse(o, "a result has a type that is not covered");
    if (tuff_on_failed(o)) return val;
    val.v = constant(o->b, row->dtype, shape, elements);
    val.known = val.v && val.v < o->b->data_count ? o->b->data[val.v] : NULL;
    return val;
}

bool tuff_on_put_known(const struct tuff_onnx_op *o, uint32_t k, enum tuff_onnx_dtype type, struct tuff_shape shape,
                       const double *elements)
{
    if (k < o->out_count) o->out[k] = tuff_on_make(o, type, shape, elements);
    return !tuff_on_failed(o);
}

bool tuff_on_put_full(const struct tuff_onnx_op *o, uint32_t k, enum tuff_onnx_dtype type, struct tuff_shape shape,
                      double number)
{
    const struct tuff_onnx_type_row *row = tuff_onnx_type_row(type);
    if (k >= o->out_count || tuff_on_failed(o)) return !tuff_on_failed(o);
    if (!row->bits) return tuff_on_refuse(o, "its result has a type that is not covered");
    o->out[k] = (struct tuff_onnx_val){.type = type, .shape = shape};
    if (tuff_shape_count(&shape)) o->out[k].v = tuff_full(o->g, row->dtype, shape, number);
    return !tuff_on_failed(o);
}

bool tuff_on_put_shaped(const struct tuff_onnx_op *o, uint32_t k, const struct tuff_onnx_val *x, struct tuff_shape shape)
{
    if (k >= o->out_count || tuff_on_failed(o)) return !tuff_on_failed(o);
    if (tuff_shape_count(&shape) != tuff_shape_count(&x->shape)) {
        char a[128], b[128];
        return tuff_on_bad(o, "%s does not become %s", tuff_shape_text(&x->shape, a, sizeof a),
                           tuff_shape_text(&shape, b, sizeof b));
    }
    o->out[k] = (struct tuff_onnx_val){.v = x->v ? tuff_reshape(o->g, x->v, shape) : 0, .type = x->type, .shape = shape};
    return !tuff_on_failed(o);
}

/* ---- tensors --------------------------------------------------------------------------------------------------------------------------- */

/* A parameter: floats that training may change. One number alone stays a constant, which is written into kernels. */
static bool is_weight(const struct tuff_onnx_tensor *tensor, uint64_t count)
{
    return count > 1 && (tensor->type == TUFF_ONNX_FLOAT || tensor->type == TUFF_ONNX_F16 || tensor->type == TUFF_ONNX_BF16);
}

/* The parameter (or state) of a tensor, which each plan of a graph, and each call of a function, shares. */
static tuff_val parameter(struct tuff_onnx_build *b, const char *prefix, const struct tuff_onnx_tensor *tensor,
                          struct tuff_span name, struct tuff_type type, struct tuff_init init)
{
    char full[180];
    struct tuff_onnx_built *built = b->built;
    const uint64_t hash = tuff_hash(0, &tensor, sizeof tensor);
    uint32_t place, step = 0;
    while ((place = tuff_lookup_find(&built->tensors, hash, &step)) != TUFF_LOOKUP_END)
        if (place < built->weight_count && built->weights[place].tensor == tensor) return built->weights[place].leaf;
    const int length = snprintf(full, sizeof full - 24, "%s%s%.*s", built->prefix ? built->prefix : "", prefix,
                                (int)(name.bytes < 4096 ? name.bytes : 4096), (const char *)name.data);
    if (length >= (int)sizeof full - 24 || name.bytes >= 4096) /* what is cut off may be what tells names apart */
        snprintf(full + 100, sizeof full - 100, "#%016llx", (unsigned long long)tuff_span_hash(name));
    char *end = full + strlen(full);
    tuff_val v = tuff_graph_find(b->g, full);
    const struct tuff_type have = tuff_type_of(b->g, v ? v : 0);
    const bool again = v && built->begun &&
                       tuff_shape_equal(&have.shape, &type.shape); /* an earlier call of a model's function made it */
    for (uint32_t i = built->weight_count; !again && tuff_graph_find(b->g, full); i++) snprintf(end, 24, "'%u", i);
    if (!again)
        v = b->as_state ? tuff_state(b->g, full, type.dtype, type.shape, init) : tuff_param_of(b->g, full, type, init);
    if (!v || !tuff_grow_arena(built->arena, &built->weights, built->weight_count, 1, sizeof *built->weights))
        return no_memory(b);
    if (!tuff_lookup_add(&built->tensors, built->arena, hash, built->weight_count)) return no_memory(b);
    built->weights[built->weight_count++] = (struct tuff_onnx_weight){v, tensor};
    return v;
}

/* The same, with the numbers that it begins with: f32, whatever the file has. */
static tuff_val begun_parameter(struct tuff_onnx_build *b, const char *prefix, const struct tuff_onnx_tensor *tensor,
                                struct tuff_span name, struct tuff_shape shape, struct tuff_span content)
{
    const uint64_t count = tuff_shape_count(&shape);
    float *data = tuff_alloc(b->onnx->context, (size_t)count * sizeof *data);
    if (!data) return no_memory(b);
    for (uint64_t i = 0; i < count; i++)
        data[i] = (float)tuff_onnx_element((enum tuff_onnx_dtype)tensor->type, content.data, i);
    const tuff_val v = parameter(b, prefix, tensor, name, (struct tuff_type){TUFF_F32, shape},
                                 (struct tuff_init){.kind = TUFF_INIT_DATA, .data = data});
    tuff_free(b->onnx->context, data);
    return v;
}

static bool take_tensor(struct tuff_onnx_build *b, const char *prefix, const struct tuff_onnx_tensor *tensor,
                        struct tuff_span name, struct tuff_onnx_val *val)
{
    const struct tuff_onnx_type_row *row = tuff_onnx_type_row(tensor->type);
    struct tuff_span content;
    *val = (struct tuff_onnx_val){.type = row->bits || tensor->type == TUFF_ONNX_STRING ? (enum tuff_onnx_dtype)tensor->type
                                                                                        : 0};
    if (b->status != TUFF_OK || tensor->type == TUFF_ONNX_STRING)
        return b->status == TUFF_OK; /* texts: only an operator of them would mind */
    b->status = tuff_onnx_shape(b->onnx, tensor, &val->shape, b->error);
    if (b->status == TUFF_OK) b->status = tuff_onnx_content(b->onnx, &b->arena, tensor, &content, b->error);
    if (b->status != TUFF_OK) return false;
    const uint64_t count = tuff_shape_count(&val->shape);
    if (count && is_weight(tensor, count)) {
        const bool half = tensor->type == TUFF_ONNX_FLOAT && b->onnx->params.f16_weights && val->shape.rank > 1;
        val->v = b->built->begun
                     ? begun_parameter(b, prefix, tensor, name, val->shape, content)
                     : parameter(b, prefix, tensor, name, (struct tuff_type){half ? TUFF_F16 : row->dtype, val->shape},
                                 (struct tuff_init){.kind = TUFF_INIT_ZEROS});
        if (val->type != TUFF_ONNX_FLOAT && b->built->begun) val->type = TUFF_ONNX_FLOAT;
        val->tensor = tensor;
    } else if (count) {
        double *elements = tuff_arena_alloc(&b->arena, (size_t)count * sizeof *elements);
        if (!elements) return no_memory(b);
        for (uint64_t i = 0; i < count; i++) elements[i] = tuff_onnx_element(val->type, content.data, i);
        val->v = constant(b, row->dtype, val->shape, elements);
        val->known = count <= TUFF_ONNX_KNOWN ? elements : NULL;
    }
    return count == 0 || val->v;
}

bool tuff_on_tensor(const struct tuff_onnx_op *o, const struct tuff_onnx_tensor *tensor, const char *name,
                    struct tuff_onnx_val *val)
{
    const struct tuff_span own = tensor->name.bytes ? tensor->name : (struct tuff_span){name, strlen(name)};
    return take_tensor(o->b, o->scope->prefix, tensor, own, val);
}

/* ---- nodes ------------------------------------------------------------------------------------------------------------------------------ */

int64_t tuff_onnx_version(const struct tuff_onnx_opset *opsets, uint32_t count, struct tuff_span domain)
{
    int64_t version = 0;
    const bool standard = domain.bytes == 0 || tuff_span_is(domain, "ai.onnx");
    for (uint32_t i = 0; i < count && i < MOST_DOMAINS; i++) {
        const struct tuff_span other = opsets[i].domain;
        const bool same = standard ? other.bytes == 0 || tuff_span_is(other, "ai.onnx") : tuff_spans_equal(other, domain);
        if (same) version = opsets[i].version;
    }
    return version;
}

/* What a name stands for, where a tensor is read when it is used first; NULL: nothing. */
static struct tuff_onnx_val *find(struct tuff_onnx_build *b, const struct tuff_onnx_scope *scope, struct tuff_span name)
{
    for (; scope; scope = scope->up) {
        struct named *named = find_here(scope, name);
        if (!named) continue;
        if (named->unread && !take_tensor(b, scope->prefix, named->unread, name, &named->val)) return NULL;
        named->unread = NULL;
        return &named->val;
    }
    return NULL;
}

static bool gather_operands(struct tuff_onnx_op *o)
{
    for (uint32_t i = 0; i < o->in_count; i++) {
        const struct tuff_span name = o->node->inputs.at[i];
        if (!name.bytes) continue;
        o->b->as_state = o->row && o->row->flags & TUFF_ONNX_STATES && i >= 3;
        const struct tuff_onnx_val *val = find(o->b, o->scope, name);
        o->b->as_state = false;
        if (!val && o->b->status == TUFF_OK)
            tuff_on_bad(o, "operand %u, \"%.*s\", is no input and no result of a node before it", i, TUFF_SPAN_TEXT(name));
        if (val && (!val->type || val->type == TUFF_ONNX_STRING))
            tuff_on_refuse(o, "operand %u, \"%.*s\", is a result, or has a type, that is not covered", i,
                           TUFF_SPAN_TEXT(name));
        if (o->b->status != TUFF_OK) return false;
        o->in[i] = *val;
        if (o->row && o->row->flags & TUFF_ONNX_FLOATS && !tuff_is_float(tuff_onnx_type_row(val->type)->dtype) && i == 0)
            tuff_on_refuse(o, "is not covered for %s", tuff_onnx_type_row(val->type)->name);
        if (o->row && !(o->row->flags & TUFF_ONNX_EMPTY) && tuff_shape_count(&val->shape) == 0)
            tuff_on_refuse(o, "operand %u, \"%.*s\", has no elements", i, TUFF_SPAN_TEXT(name));
    }
    return !tuff_on_failed(o);
}

/* What is known of the results, which then are constants; on what they hang. */
static void settle(struct tuff_onnx_op *o, uint32_t before)
{
    struct tuff_onnx_build *b = o->b;
    uint64_t on = o->random;
    for (uint32_t i = 0; i < o->in_count; i++) on |= o->in[i].on;
    if (!grow_data(b)) return;
    for (tuff_val v = before; v < b->data_count; v++) compute(b, v);
    for (uint32_t k = 0; k < o->out_count; k++) {
        struct tuff_onnx_val *out = &o->out[k];
        out->on |= on; /* a value of a subgraph has its own */
        if (!out->v || !(out->known = b->data[out->v])) continue;
        out->on = 0;
        if (o->row && o->row->flags & TUFF_ONNX_WIDENS && tuff_shape_count(&out->shape) > FEW) continue;
        const enum tuff_op_kind kind = b->g->values[out->v].op->kind;
        if (kind != TUFF_KIND_CONSTANT && kind != TUFF_KIND_FULL && out->v >= before)
            out->v = constant(b, tuff_onnx_type_row(out->type)->dtype, out->shape, out->known);
    }
}

static bool build_nodes(struct tuff_onnx_build *b, struct tuff_onnx_scope *scope, const struct tuff_onnx_node *nodes,
                        uint32_t count);

static bool call_function(struct tuff_onnx_op *o, const struct tuff_onnx_function *f)
{
    struct tuff_onnx_scope scope = {
        .call = o, .function = f, .depth = o->scope->depth + 1, .opsets = f->opsets.at, .opset_count = f->opsets.count};
    scope.prefix = tuff_arena_printf(&o->b->arena, "%s%.*s/", o->scope->prefix,
                                     TUFF_SPAN_TEXT(o->node->name.bytes ? o->node->name : o->node->outputs.at[0]));
    if (!scope.prefix) return no_memory(o->b);
    if (scope.depth > DEEPEST) return tuff_on_refuse(o, "functions call each other more than %d deep", DEEPEST);
    for (const struct tuff_onnx_scope *s = o->scope; s; s = s->up ? s->up : s->call ? s->call->scope : NULL)
        if (s->function == f) return tuff_on_bad(o, "the function calls itself");
    for (uint32_t i = 0; i < f->inputs.count; i++) {
        const struct tuff_onnx_val none = {0};
        if (!define(o->b, &scope, f->inputs.at[i], i < o->in_count ? &o->in[i] : &none)) return false;
    }
    if (!build_nodes(o->b, &scope, f->nodes.at, f->nodes.count)) return false;
    for (uint32_t k = 0; k < o->out_count && k < f->outputs.count; k++) {
        const struct tuff_onnx_val *val = find(o->b, &scope, f->outputs.at[k]);
        if (!val) return tuff_on_bad(o, "the function does not compute its result %u", k);
        o->out[k] = *val;
    }
    return true;
}

static bool dispatch(struct tuff_onnx_op *o)
{
    const struct tuff_onnx *onnx = o->b->onnx;
    const struct tuff_onnx_function *function = function_of(o->b, o->node->op, o->node->domain, o->node->overload);
    if (function) return call_function(o, function);
    if (o->row) return o->row->build(o, o->g);
    if (onnx->params.own && onnx->params.own(onnx->params.own_user, o->g, o)) return true;
    if (o->version == 0) return tuff_on_bad(o, "the model does not say which version of its domain's operators it is of");
    return tuff_on_refuse(o, "this operator is not covered");
}

static void tell_result(const struct tuff_onnx_params *params, struct tuff_span name, const struct tuff_onnx_val *val)
{
    struct tuff_onnx_end end = {.element = tuff_onnx_type_row(val->type)->element, .rank = (int32_t)val->shape.rank};
    for (uint32_t i = 0; i < val->shape.rank; i++) end.dim[i] = val->shape.dim[i];
    if (params->result && val->type) params->result(params->result_user, name, &end);
}

static bool build_node(struct tuff_onnx_build *b, struct tuff_onnx_scope *scope, const struct tuff_onnx_node *node)
{
    struct tuff_onnx_val few[12] = {{0}};
    struct tuff_onnx_op o = {
        .b = b, .g = b->g, .scope = scope, .node = node, .in_count = node->inputs.count, .out_count = node->outputs.count};
    const uint32_t before = b->g->count;
    const int64_t version = tuff_onnx_version(scope->opsets, scope->opset_count, node->domain);
    o.version = version > INT16_MAX ? INT16_MAX : (int)version;
    o.row = find_row(b, node, version);
    o.in = o.in_count + o.out_count <= TUFF_COUNT(few) ? few : tuff_on_alloc(&o, (o.in_count + o.out_count) * sizeof *o.in);
    if (!o.in) return false;
    o.out = o.in + o.in_count;
    if (o.out_count == 0) tuff_on_bad(&o, "it has no results");
    if (!tuff_on_failed(&o) && gather_operands(&o)) dispatch(&o);
    if (b->g->status != TUFF_OK && b->status == TUFF_OK) { /* of a builder of the graph */
        const struct tuff_error why = b->g->error;
        if (b->g->status == TUFF_ERR_SHAPE || b->g->status == TUFF_ERR_USAGE)
            tuff_on_bad(&o, "%s", why.message);
        else
            b->status = tuff_fail(b->onnx->context, b->error, b->g->status, "%s", why.message);
    }
    if (b->status != TUFF_OK) return false;
    settle(&o, before);
    for (uint32_t k = 0; k < o.out_count; k++) tell_result(&b->onnx->params, node->outputs.at[k], &o.out[k]);
    for (uint32_t k = 0; k < o.out_count && b->status == TUFF_OK; k++)
        if (node->outputs.at[k].bytes && define(b, scope, node->outputs.at[k], &o.out[k]) && b->built->named &&
            o.out[k].v >= before)
            tuff_onnx_name(b->g, o.out[k].v, node->outputs.at[k]);
    return b->status == TUFF_OK && b->g->status == TUFF_OK;
}

static bool build_nodes(struct tuff_onnx_build *b, struct tuff_onnx_scope *scope, const struct tuff_onnx_node *nodes,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!build_node(b, scope, &nodes[i])) return false;
    return true;
}

static bool define_tensors(struct tuff_onnx_build *b, struct tuff_onnx_scope *scope, const struct tuff_onnx_graph *graph)
{
    for (uint32_t i = 0; i < graph->initializers.count; i++) {
        const struct tuff_onnx_tensor *tensor = &graph->initializers.at[i];
        const struct tuff_onnx_val none = {0};
        if (find_here(scope, tensor->name)) continue; /* an input that is bound */
        if (!define(b, scope, tensor->name, &none)) return false;
        scope->names[scope->count - 1].unread = tensor;
    }
    return true;
}

bool tuff_on_subgraph(const struct tuff_onnx_op *o, const struct tuff_onnx_graph *graph, const struct tuff_onnx_val *inputs,
                      uint32_t input_count, struct tuff_onnx_val *outputs, uint32_t output_count)
{
    struct tuff_onnx_build *b = o->b;
    struct tuff_onnx_scope scope = {
        .up = o->scope, .depth = o->scope->depth + 1, .opsets = o->scope->opsets, .opset_count = o->scope->opset_count};
    scope.prefix = tuff_arena_printf(&b->arena, "%s%.*s/%.*s/", o->scope->prefix, TUFF_SPAN_TEXT(o->node->outputs.at[0]),
                                     TUFF_SPAN_TEXT(graph->name));
    if (!scope.prefix) return no_memory(b);
    if (scope.depth > DEEPEST) return tuff_on_refuse(o, "graphs are nested more than %d deep", DEEPEST);
    if (graph->inputs.count != input_count || graph->outputs.count != output_count)
        return tuff_on_bad(o, "its graph has %u inputs and %u outputs; %u and %u were to be", graph->inputs.count,
                           graph->outputs.count, input_count, output_count),
               false;
    for (uint32_t i = 0; i < input_count; i++)
        if (!define(b, &scope, graph->inputs.at[i].name, &inputs[i])) return false;
    if (!define_tensors(b, &scope, graph) || !build_nodes(b, &scope, graph->nodes.at, graph->nodes.count)) return false;
    for (uint32_t i = 0; i < output_count; i++) {
        const struct tuff_onnx_val *val = find(b, &scope, graph->outputs.at[i].name);
        if (!val || !val->type)
            return tuff_on_bad(o, "its graph does not compute \"%.*s\"", TUFF_SPAN_TEXT(graph->outputs.at[i].name));
        outputs[i] = *val;
    }
    return true;
}

/* ---- a model ------------------------------------------------------------------------------------------------------------------------ */

static bool bind_inputs(struct tuff_onnx_build *b, struct tuff_onnx_scope *scope)
{
    for (uint32_t i = 0; i < b->onnx->input_count; i++) {
        const struct tuff_onnx_bound *bound = &b->built->inputs[i];
        const struct tuff_onnx_value_info *info = b->onnx->inputs[i];
        const int64_t type = info->type && info->type->tensor ? info->type->tensor->element : 0;
        const struct tuff_onnx_type_row *row = tuff_onnx_type_row(type);
        struct tuff_onnx_val val = {
            .v = bound->v, .type = (enum tuff_onnx_dtype)type, .shape = bound->shape, .known = bound->known};
        if (!row->bits)
            b->status = tuff_fail(b->onnx->context, b->error, TUFF_ERR_UNSUPPORTED,
                                  "%s: input \"%.*s\" has a type that is not covered", b->onnx->path,
                                  TUFF_SPAN_TEXT(info->name));
        else if (bound->known)
            val.v = constant(b, row->dtype, val.shape, bound->known);
        else
            val.on = UINT64_C(1) << (i < 62 ? i : 62);
        if (b->status != TUFF_OK || !define(b, scope, info->name, &val)) return false;
    }
    return true;
}

static uint32_t output_count(const struct tuff_onnx_build *b)
{
    return b->built->cuts ? b->built->output_count : b->onnx->model->graph->outputs.count;
}

static struct tuff_span output_name(const struct tuff_onnx_build *b, uint32_t i)
{
    const char *cut = b->built->cuts ? b->built->cuts[i] : NULL;
    return cut ? (struct tuff_span){cut, strlen(cut)} : b->onnx->model->graph->outputs.at[i].name;
}

static bool take_outputs(struct tuff_onnx_build *b, struct tuff_onnx_scope *scope)
{
    for (uint32_t i = 0; i < output_count(b); i++) {
        const struct tuff_span name = output_name(b, i);
        const struct tuff_onnx_val *val = find(b, scope, name);
        if (b->status == TUFF_OK && (!val || !val->type))
            b->status = tuff_fail(b->onnx->context, b->error, val ? TUFF_ERR_UNSUPPORTED : TUFF_ERR_FORMAT,
                                  "%s: output \"%.*s\" %s", b->onnx->path, TUFF_SPAN_TEXT(name),
                                  val ? "is not covered" : "is computed by no node");
        if (b->status != TUFF_OK) return false;
        b->built->outputs[i] = *val;
    }
    return true;
}

/* What a node and the graphs within it read joins the names that are needed. */
static bool need_operands(struct tuff_onnx_build *b, struct tuff_onnx_scope *names, const struct tuff_onnx_node *node)
{
    const struct tuff_onnx_val none = {0};
    for (uint32_t i = 0; i < node->inputs.count; i++)
        if (node->inputs.at[i].bytes && !define(b, names, node->inputs.at[i], &none)) return false;
    for (uint32_t i = 0; i < node->attributes.count; i++) {
        const struct tuff_onnx_graph *inner = node->attributes.at[i].g;
        for (uint32_t k = 0; inner && k < inner->nodes.count; k++)
            if (!need_operands(b, names, &inner->nodes.at[k])) return false;
        for (uint32_t k = 0; inner && k < inner->outputs.count; k++)
            if (!define(b, names, inner->outputs.at[k].name, &none)) return false;
    }
    return true;
}

/* Nodes that the outputs hang on, from the last to the first. */
static bool *needed_nodes(struct tuff_onnx_build *b)
{
    const struct tuff_onnx_graph *graph = b->onnx->model->graph;
    const struct tuff_onnx_val none = {0};
    struct tuff_onnx_scope names = {.prefix = ""};
    bool *needed = tuff_arena_alloc(&b->arena, graph->nodes.count + 1);
    if (!needed) return no_memory(b), NULL;
    for (uint32_t i = 0; i < output_count(b); i++)
        if (!define(b, &names, output_name(b, i), &none)) return NULL;
    for (uint32_t i = graph->nodes.count; i-- > 0;) {
        const struct tuff_onnx_node *node = &graph->nodes.at[i];
        for (uint32_t k = 0; k < node->outputs.count && !needed[i]; k++)
            needed[i] = find_here(&names, node->outputs.at[k]) != NULL;
        if (needed[i] && !need_operands(b, &names, node)) return NULL;
    }
    return needed;
}

tuff_status tuff_onnx_build(const struct tuff_onnx *onnx, struct tuff_graph *g, struct tuff_onnx_built *built,
                            struct tuff_error *error)
{
    struct tuff_onnx_build b = {.onnx = onnx, .g = g, .built = built, .error = error};
    struct tuff_onnx_scope scope = {
        .prefix = "", .opsets = onnx->model->opsets.at, .opset_count = onnx->model->opsets.count};
    const struct tuff_onnx_graph *graph = onnx->model->graph;
    tuff_arena_init(&b.arena, onnx->context);
    bool good = index_rows(&b) && grow_data(&b) && bind_inputs(&b, &scope) && define_tensors(&b, &scope, graph);
    const bool *needed = good ? needed_nodes(&b) : NULL;
    for (uint32_t i = 0; needed && good && i < graph->nodes.count; i++)
        if (needed[i]) good = build_node(&b, &scope, &graph->nodes.at[i]);
    if (needed && good) take_outputs(&b, &scope);
    tuff_arena_finish(&b.arena);
    built->wanted = b.wanted;
    built->steps = b.functions.steps + scope.lookup.steps + built->tensors.steps;
    return b.status == TUFF_OK ? tuff_graph_finish(g, error) : b.status;
}

tuff_status tuff_onnx_add(const struct tuff_onnx *onnx, struct tuff_graph *g, const struct tuff_onnx_add_params *params,
                          tuff_val *outputs, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, onnx && g && outputs && params && params->struct_size >= sizeof *params && params->inputs);
    struct tuff_arena arena;
    tuff_arena_init(&arena, onnx->context);
    const uint32_t count = params->outputs ? params->output_count : tuff_onnx_output_count(onnx);
    struct tuff_onnx_bound *bound = tuff_arena_alloc(&arena, (onnx->input_count + 1) * sizeof *bound);
    struct tuff_onnx_val *made = tuff_arena_alloc(&arena, (count + 1) * sizeof *made);
    struct tuff_onnx_built built = {.inputs = bound,
                                    .outputs = made,
                                    .arena = &arena,
                                    .cuts = params->outputs,
                                    .output_count = count,
                                    .prefix = params->prefix,
                                    .begun = true,
                                    .training = params->training,
                                    .named = true};
    tuff_status status = bound && made ? TUFF_OK : tuff_fail_memory(onnx->context, error);
    for (uint32_t i = 0; status == TUFF_OK && i < onnx->input_count; i++)
        bound[i] = (struct tuff_onnx_bound){.v = params->inputs[i], .shape = tuff_type_of(g, params->inputs[i]).shape};
    if (status == TUFF_OK) status = tuff_onnx_build(onnx, g, &built, error);
    for (uint32_t i = 0; status == TUFF_OK && i < count; i++) outputs[i] = made[i].v;
    if (status != TUFF_OK && error) tuff_graph_fail(g, status, "%s", error->message);
    tuff_arena_finish(&arena);
    return status;
}

void tuff_onnx_name(struct tuff_graph *g, tuff_val v, struct tuff_span name)
{
    char text[100];
    snprintf(text, sizeof text, "%.*s", TUFF_SPAN_TEXT(name));
    if (name.bytes < sizeof text && !tuff_graph_find(g, text) && !tuff_value_of(g, v)->name) tuff_named(g, v, text);
}
