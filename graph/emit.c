/* emit.c - writes values as GLSL: loads from memory, operators of class INLINE as expressions of their coordinates.
 * Needs places for the values in memory. Promises: each value at the same coordinates is computed once in a function. */
#include "graph/emit_value.h"
#include "graph/ops/index.h"
#include "graph/ops/leaf.h"
#include "graph/ops/pointwise.h"
#include "graph/ops/view.h"

#include <math.h>
#include <stdio.h>

const char *tuff_glsl_type(enum tuff_dtype dtype) { return tuff_is_float(dtype) ? "float" : "int"; }

struct tuff_emit_binding tuff_emit_binding_of(const struct tuff_emitter *e, tuff_val v, uint32_t access, uint64_t *rest)
{
    struct tuff_place place = e->places[v];
    const struct tuff_type *type = &e->g->values[v].type;
    uint64_t size = tuff_dtype_bytes(type->dtype), start = place.offset * size;
    uint64_t base = start / TUFF_PLAN_ALIGNMENT * TUFF_PLAN_ALIGNMENT;
    /* whole words of packed types; reads may take a whole quad of words at the end: storage is padded to TUFF_PLAN_ALIGNMENT */
    uint64_t unit = access == TUFF_READ ? TUFF_TEXEL_BYTES : size == 2 ? 8 : 4;
    uint64_t bytes = tuff_align(start - base + tuff_shape_count(&type->shape) * size, unit);
    *rest = (start - base) / size;
    return (struct tuff_emit_binding){.root = place.root,
                                      .offset = base,
                                      .bytes = bytes,
                                      .access = access,
                                      .dtype = type->dtype,
                                      .head = start - base,
                                      .windows = 1};
}

uint32_t tuff_emit_bind(struct tuff_emitter *e, tuff_val v, uint32_t access, bool vector, uint64_t *rest)
{
    struct tuff_emit_binding binding = tuff_emit_binding_of(e, v, access, rest);
    struct tuff_emitted *out = e->out;
    for (uint32_t i = 0; i < out->binding_count; i++) {
        struct tuff_emit_binding *b = &out->bindings[i];
        if (b->root != binding.root || b->offset != binding.offset || b->access != access || b->dtype != binding.dtype)
            continue;
        if (binding.bytes > b->bytes) b->bytes = binding.bytes;
        if (binding.head > b->head) b->head = binding.head;
        b->vector = b->vector || vector;
        return i;
    }
    if (out->binding_count == TUFF_MAX_BINDINGS) return e->crowded = true, 0;
    binding.vector = vector;
    out->bindings[out->binding_count] = binding;
    return out->binding_count++;
}

static const char *new_name(struct tuff_emitter *e)
{
    char *name = tuff_arena_printf(e->arena, "v%u", (unsigned)e->names++);
    if (!name) e->failed = true;
    return name ? name : "v";
}

const char *tuff_emit_remember(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *coords, const char *name)
{
    if (e->memo_count == e->memo_capacity) {
        uint32_t capacity = e->memo_capacity ? 2 * e->memo_capacity : 32;
        struct tuff_memo *memo = tuff_arena_alloc(e->arena, capacity * sizeof *memo);
        if (!memo) return e->failed = true, name;
        if (e->memo) memcpy(memo, e->memo, e->memo_count * sizeof *memo);
        e->memo = memo;
        e->memo_capacity = capacity;
    }
    struct tuff_memo *m = &e->memo[e->memo_count++];
    *m = (struct tuff_memo){.value = v, .coords = *coords};
    snprintf(m->name, sizeof m->name, "%s", name);
    return name;
}

/* ---- loads ------------------------------------------------------------------------------------------------------------------ */

/* Parameter that stands for the load, or NULL where it must be done in place. llvmpipe does all loads of a conditional scope
 * for all invocations: there it costs nothing to do them before. */
static const char *hoist(struct tuff_emitter *e, const struct tuff_leaf_load *load)
{
    uint32_t k = 0;
    if (!e->hoist || (e->depth > 0 && !e->group->texels)) return NULL;
    for (uint32_t i = 0; i < load->at.count; i++)
        if (load->at.term[i].base >= e->hoist) return NULL;
    while (k < e->leaf_count &&
           (e->leaves[k].binding != load->binding || memcmp(&e->leaves[k].at, &load->at, sizeof load->at)))
        k++;
    if (k == TUFF_COUNT(e->leaves)) return NULL;
    if (k == e->leaf_count) e->leaves[e->leaf_count++] = *load;
    if (e->leaves[k].last < load->last) e->leaves[k].last = load->last;
    e->leaves[k].guarded = e->leaves[k].guarded || load->guarded;
    const char *name = tuff_arena_printf(e->arena, "l%u", (unsigned)k);
    if (!name) e->failed = true;
    return name;
}

static const char *emit_load(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *coords)
{
    const struct tuff_type *type = &e->g->values[v].type;
    uint64_t rest;
    uint32_t b = tuff_emit_bind(e, v, TUFF_READ, false, &rest);
    struct tuff_index at = tuff_coords_flat(e, coords, &type->shape);
    at.constant += (int64_t)rest;
    struct tuff_leaf_load load = {b, type->dtype, at, (uint32_t)(rest + tuff_shape_count(&type->shape) - 1), e->depth > 0};
    const char *parameter = hoist(e, &load);
    if (!parameter || !tuff_index_is_flat(&at)) e->out->bindings[b].scattered = true;
    if (parameter) return parameter;
    const char *name = new_name(e);
    bool packed = type->dtype != TUFF_F32 && type->dtype != TUFF_I32;
    if (packed && !(at.count == 1 && at.term[0].div == 1 && !at.term[0].mod && at.term[0].stride == 1 && !at.constant))
        at = tuff_index_variable(e, &at, INT32_MAX);
    struct tuff_text *t = &e->text;
    switch (type->dtype) {
    case TUFF_F32:
    case TUFF_I32:
        tuff_text_add(t, "    %s %s = get%u(", tuff_glsl_type(type->dtype), name, (unsigned)b);
        tuff_index_text(e, &at, t);
        tuff_text_add(t, ");\n");
        break;
    case TUFF_F16: {
        const char *i = e->bases[at.term[0].base].name;
        tuff_text_add(t, "    float %s = tuff_half(get%u(%s >> 1), %s);\n", name, (unsigned)b, i, i);
        break;
    }
    case TUFF_U8:
    case TUFF_BOOL: {
        const char *i = e->bases[at.term[0].base].name;
        tuff_text_add(t, "    int %s = int((get%u(%s >> 2) >> ((%s & 3u) * 8u)) & 255u);\n", name, (unsigned)b, i, i);
        break;
    }
    }
    return name;
}

/* ---- operators ---------------------------------------------------------------------------------------------------------------- */

uint32_t tuff_register_bits(enum tuff_dtype dtype, double value)
{
    float f = (float)value;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if (tuff_is_float(dtype)) return bits;
    int64_t whole = fabs(value) < 9e18 ? (int64_t)value : 0; /* false for NaN too */
    return (uint32_t)whole;
}

/* "uintBitsToFloat(S17)", "int(S17)" */
static const char *literal(struct tuff_emitter *e, enum tuff_dtype dtype, double value, char *buffer)
{
    char number[16];
    sprintf(buffer, tuff_is_float(dtype) ? "uintBitsToFloat(%s)" : "int(%s)",
            tuff_emit_number(e, tuff_register_bits(dtype, value), number));
    return buffer;
}

static const char *emit_full(struct tuff_emitter *e, const struct tuff_value *value)
{
    const struct tuff_full_attrs *attrs = value->attrs;
    const char *name = new_name(e);
    char number[48];
    tuff_text_add(&e->text, "    %s %s = %s;\n", tuff_glsl_type(value->type.dtype), name,
                  literal(e, value->type.dtype, attrs->value, number));
    return name;
}

/* A row of pointwise.def: its text in a scope where a, b, y, gy and the numbers have its names. */
static const char *emit_row(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    const struct tuff_pw_attrs *attrs = value->attrs;
    static const char letters[2][4] = {{'a', 'b', 0, 0}, {'g', 'a', 'b', 'y'}};
    bool derivative = value->op->arity_max == 4, result_bool = value->type.dtype == TUFF_BOOL;
    const char *in[4] = {0}, *text = value->op->glsl;
    for (uint32_t i = 0; i < value->in_count; i++)
        if (value->in[i]) in[i] = tuff_emit_value(e, value->in[i], coords);
    const char *name = new_name(e), *type = tuff_glsl_type(value->type.dtype);
    tuff_text_add(&e->text, "    %s %s; { ", type, name);
    for (uint32_t i = 0; i < value->in_count; i++)
        if (in[i]) {
            const char *in_type = tuff_glsl_type(e->g->values[value->in[i]].type.dtype);
            tuff_text_add(&e->text, "%s %c = %s; ", in_type, letters[derivative][i], in[i]);
        }
    char number[48];
    if (tuff_pw_names(text, "p0")) tuff_text_add(&e->text, "float p0 = %s; ", literal(e, TUFF_F32, attrs->p0, number));
    if (tuff_pw_names(text, "p1")) tuff_text_add(&e->text, "float p1 = %s; ", literal(e, TUFF_F32, attrs->p1, number));
    if (!derivative && tuff_pw_names(text, "y")) e->failed = true; /* rows say y only in derivatives */
    if (derivative)
        tuff_text_add(&e->text, "%s = g * (%s); }\n", name, text);
    else
        tuff_text_add(&e->text, result_bool ? "%s = int(%s); }\n" : "%s = %s; }\n", name, text);
    return name;
}

static const char *emit_cast(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    enum tuff_dtype from = e->g->values[value->in[0]].type.dtype, to = value->type.dtype;
    const char *in = tuff_emit_value(e, value->in[0], coords), *name = new_name(e);
    struct tuff_text *t = &e->text;
    if (to == TUFF_F16) /* rounds here, so that fused and stored values are the same */
        tuff_text_add(t, "    float %s = tuff_round_half(float(%s));\n", name, in);
    else if (to == TUFF_F32)
        tuff_text_add(t, "    float %s = float(%s);\n", name, in);
    else if (to == TUFF_BOOL)
        tuff_text_add(t, "    int %s = int(%s != %s);\n", name, in, tuff_is_float(from) ? "0.0" : "0");
    else if (tuff_is_float(from))
        tuff_text_add(t, "    int %s = %s(%s);\n", name, to == TUFF_U8 ? "tuff_to_u8" : "tuff_to_int", in);
    else if (to == TUFF_U8)
        tuff_text_add(t, "    int %s = clamp(%s, 0, 255);\n", name, in);
    else
        tuff_text_add(t, "    int %s = %s;\n", name, in);
    return name;
}

static const char *emit_select(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    const char *c = tuff_emit_value(e, value->in[0], coords), *a = tuff_emit_value(e, value->in[1], coords);
    const char *b = tuff_emit_value(e, value->in[2], coords), *name = new_name(e);
    tuff_text_add(&e->text, "    %s %s = %s != 0 ? %s : %s;\n", tuff_glsl_type(value->type.dtype), name, c, a, b);
    return name;
}

static const struct tuff_shape *shape_of(const struct tuff_emitter *e, tuff_val v) { return &e->g->values[v].type.shape; }

bool tuff_emit_view(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords,
                    struct tuff_coords *inner)
{
    const struct tuff_op *op = value->op;
    if (op == &tuff_op_detach || op == &tuff_op_copy) {
        *inner = *coords;
    } else if (op == &tuff_op_reshape) {
        struct tuff_index flat = tuff_coords_flat(e, coords, &value->type.shape);
        *inner = tuff_coords_of_flat(e, &flat, shape_of(e, value->in[0]));
    } else if (op == &tuff_op_permute) {
        const struct tuff_permute_attrs *attrs = value->attrs;
        *inner = (struct tuff_coords){.rank = coords->rank};
        for (uint32_t i = 0; i < coords->rank; i++) inner->at[attrs->order[i]] = coords->at[i];
    } else if (op == &tuff_op_slice) {
        const struct tuff_slice_attrs *attrs = value->attrs;
        *inner = (struct tuff_coords){.rank = coords->rank};
        for (uint32_t i = 0; i < coords->rank; i++) {
            tuff_index_add(e, &inner->at[i], &coords->at[i], attrs->step[i]);
            inner->at[i].constant += attrs->start[i];
        }
    } else if (op == &tuff_op_expand) {
        const struct tuff_shape *in = shape_of(e, value->in[0]);
        *inner = (struct tuff_coords){.rank = in->rank};
        for (uint32_t i = 0; i < in->rank; i++)
            if (in->dim[i] > 1) inner->at[i] = coords->at[coords->rank - in->rank + i];
    } else {
        return false;
    }
    return true;
}

/* Opens a scope whose variables nobody outside may use. */
static uint32_t open_scope(struct tuff_emitter *e)
{
    e->depth++;
    return e->memo_count;
}
static void close_scope(struct tuff_emitter *e, uint32_t mark)
{
    e->depth--;
    e->memo_count = mark;
}

static const char *emit_pad(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    const struct tuff_pad_attrs *attrs = value->attrs;
    const struct tuff_shape *in = shape_of(e, value->in[0]);
    struct tuff_coords inner = {.rank = coords->rank};
    struct tuff_text condition;
    char number[48];
    tuff_text_init(&condition, e->g->context);
    for (uint32_t i = 0; i < coords->rank; i++) {
        inner.at[i] = coords->at[i];
        if (!(attrs->before[i] | attrs->after[i] | attrs->interior[i])) continue;
        struct tuff_index shifted = coords->at[i];
        shifted.constant -= attrs->before[i]; /* wraps below zero, and fails the comparison */
        shifted = tuff_index_variable(e, &shifted, (uint64_t)(in->dim[i] - 1) * (attrs->interior[i] + 1) + 1);
        const char *name = e->bases[shifted.term[0].base].name;
        uint32_t length = (in->dim[i] - 1) * (attrs->interior[i] + 1) + 1;
        tuff_text_add(&condition, "%s%s < %s", condition.length ? " && " : "", name, tuff_emit_number(e, length, number));
        if (attrs->interior[i]) {
            tuff_text_add(&condition, " && %s %% %s == 0u", name, tuff_emit_number(e, attrs->interior[i] + 1, number));
            shifted.term[0].div = attrs->interior[i] + 1;
        }
        inner.at[i] = shifted;
    }
    const char *name = new_name(e), *type = tuff_glsl_type(value->type.dtype);
    tuff_text_add(&e->text, "    %s %s = %s; if (%s) {\n", type, name, literal(e, value->type.dtype, attrs->value, number),
                  condition.data ? condition.data : "true");
    uint32_t mark = open_scope(e);
    tuff_text_add(&e->text, "    %s = %s; }\n", name, tuff_emit_value(e, value->in[0], &inner));
    close_scope(e, mark);
    e->failed = e->failed || condition.failed;
    tuff_text_finish(&condition);
    return name;
}

static const char *emit_concat(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    uint32_t axis = (uint32_t)((const struct tuff_axis_attrs *)value->attrs)->axis, from = 0;
    const char *name = new_name(e);
    struct tuff_index along = tuff_index_variable(e, &coords->at[axis], value->type.shape.dim[axis]);
    const char *at = e->bases[along.term[0].base].name;
    char number[16];
    tuff_text_add(&e->text, "    %s %s;\n", tuff_glsl_type(value->type.dtype), name);
    for (uint32_t k = 0; k < value->in_count; k++) {
        uint32_t dim = shape_of(e, value->in[k])->dim[axis];
        if (k + 1 < value->in_count)
            tuff_text_add(&e->text, "    if (%s < %s) {\n", at, tuff_emit_number(e, from + dim, number));
        else
            tuff_text_add(&e->text, "    {\n");
        uint32_t mark = open_scope(e);
        struct tuff_coords inner = *coords;
        inner.has_flat = 0;
        inner.at[axis].constant -= from;
        if (dim == 1) inner.at[axis] = (struct tuff_index){.count = 0};
        inner.flat = (struct tuff_index){.count = 0};
        tuff_text_add(&e->text, "    %s = %s; }\n", name, tuff_emit_value(e, value->in[k], &inner));
        close_scope(e, mark);
        if (k + 1 < value->in_count) tuff_text_add(&e->text, "    else\n");
        from += dim;
    }
    return name;
}

/* Variable that holds the index value, counted from the end when negative, clamped to 0 .. dim-1. */
static struct tuff_index emit_clamped(struct tuff_emitter *e, const char *index, uint32_t dim)
{
    char number[16], name[12];
    snprintf(name, sizeof name, "t%u", (unsigned)e->names++);
    const char *size = tuff_emit_number(e, dim, number);
    tuff_text_add(&e->text, "    uint %s = uint(clamp(%s < 0 ? %s + int(%s) : %s, 0, int(%s) - 1));\n", name, index, index,
                  size, index, size);
    return tuff_index_base(tuff_emit_base(e, name, dim));
}

static const char *emit_gather(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    uint32_t axis = (uint32_t)((const struct tuff_axis_attrs *)value->attrs)->axis;
    const struct tuff_shape *x = shape_of(e, value->in[0]), *indices = shape_of(e, value->in[1]);
    struct tuff_coords where = {.rank = indices->rank}, inner = {.rank = x->rank};
    for (uint32_t i = 0; i < indices->rank; i++) where.at[i] = coords->at[axis + i];
    for (uint32_t i = 0; i < x->rank; i++)
        if (i != axis) inner.at[i] = coords->at[i < axis ? i : i + indices->rank - 1];
    inner.at[axis] = emit_clamped(e, tuff_emit_value(e, value->in[1], &where), x->dim[axis]);
    return tuff_emit_value(e, value->in[0], &inner);
}

static const char *emit_gather_elements(struct tuff_emitter *e, const struct tuff_value *value,
                                        const struct tuff_coords *coords)
{
    uint32_t axis = (uint32_t)((const struct tuff_axis_attrs *)value->attrs)->axis;
    struct tuff_coords inner = *coords;
    inner.has_flat = 0;
    inner.flat = (struct tuff_index){.count = 0};
    inner.at[axis] = emit_clamped(e, tuff_emit_value(e, value->in[1], coords), shape_of(e, value->in[0])->dim[axis]);
    return tuff_emit_value(e, value->in[0], &inner);
}

static const char *emit_iota(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    const char *name = new_name(e);
    tuff_text_add(&e->text, "    int %s = int(", name);
    tuff_index_text(e, &coords->at[((const struct tuff_iota_attrs *)value->attrs)->axis], &e->text);
    tuff_text_add(&e->text, ");\n");
    return name;
}

static const char *emit_random(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    const struct tuff_random_attrs *attrs = value->attrs;
    const char *state[3];
    for (int i = 0; i < 3; i++) {
        struct tuff_coords at = {.rank = 1};
        at.at[0].constant = i;
        state[i] = tuff_emit_value(e, value->in[0], &at);
    }
    struct tuff_index flat = tuff_coords_flat(e, coords, &value->type.shape);
    const char *name = new_name(e);
    char number[16];
    tuff_text_add(&e->text, "    float %s = tuff_philox_uniform(%s, %s, %s, %s, ", name, state[0], state[1], state[2],
                  tuff_emit_number(e, (uint32_t)attrs->stream, number));
    tuff_index_text(e, &flat, &e->text);
    tuff_text_add(&e->text, ");\n");
    return name;
}

static const char *emit_inline(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    static const struct {
        const struct tuff_op *op;
        const char *(*emit)(struct tuff_emitter *, const struct tuff_value *, const struct tuff_coords *);
    } writers[] = {
        {&tuff_op_cast, emit_cast},
        {&tuff_op_select, emit_select},
        {&tuff_op_pad, emit_pad},
        {&tuff_op_concat, emit_concat},
        {&tuff_op_gather, emit_gather},
        {&tuff_op_iota, emit_iota},
        {&tuff_op_random_uniform, emit_random},
        {&tuff_op_gather_elements, emit_gather_elements},
    };
    if (value->op->glsl) return emit_row(e, value, coords);
    if (value->op == &tuff_op_full) return emit_full(e, value);
    struct tuff_coords inner;
    if (tuff_emit_view(e, value, coords, &inner)) return tuff_emit_value(e, value->in[0], &inner);
    for (uint32_t i = 0; i < TUFF_COUNT(writers); i++)
        if (writers[i].op == value->op) return writers[i].emit(e, value, coords);
    e->failed = true;
    return "0";
}

/* v is a result of this launch, or the same elements under another shape: its memory does not hold it yet. */
static bool computed_here(const struct tuff_emitter *e, tuff_val v)
{
    for (;; v = e->g->values[v].in[0]) {
        for (uint32_t i = 0; i < e->group->root_count; i++)
            if (e->group->roots[i] == v) return true;
        const struct tuff_op *op = e->g->values[v].op;
        if (op != &tuff_op_reshape && op != &tuff_op_detach) return false;
        if (e->g->values[v].in[0] == e->group->kernel) return true;
    }
}

const char *tuff_emit_value(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *coords)
{
    const struct tuff_value *value = &e->g->values[v];
    struct tuff_coords key = *coords;
    for (uint32_t i = 0; i < key.rank; i++) /* an axis of length 1 has one place */
        if (value->type.shape.dim[i] == 1) key.at[i] = (struct tuff_index){.count = 0};
    for (uint32_t i = e->memo_count; i-- > 0;)
        if (e->memo[i].value == v && !memcmp(&e->memo[i].coords, &key, sizeof key)) return e->memo[i].name;
    const char *name = e->places[v].root && !computed_here(e, v) ? emit_load(e, v, &key) : emit_inline(e, value, &key);
    return tuff_emit_remember(e, v, &key, name);
}
