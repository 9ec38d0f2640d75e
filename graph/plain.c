/* plain.c - launches without hook text, for programs that have no compiler: each operator alone, by a kernel of those that the
 * build compiled.
 *
 * Kernel operators use their file as it stands, whose ports are contiguous memory (shaders/include/hooks.glsl; a reduction's
 * an index map). Operators of class INLINE are rows or derivatives (plain_row.comp, plain_grad.comp) or one of few moves
 * (plain_move.comp). What differs between two uses are specialization constants: which row, dtypes, and for each operand the
 * index map that leads through at most one strided view to memory. So the set of kernels is finite, and no graph needs more;
 * only tensors larger than a binding may be are refused.
 * requires: fuse with params->plain. */
#include "graph/emit_value.h"
#include "graph/ops/index.h"
#include "graph/ops/leaf.h"
#include "graph/ops/pointwise.h"
#include "graph/ops/view.h"

#include <stdlib.h>

/* Constant ids of the kernel files. */
enum { SPEC_PORT = 16, SPEC_OPERAND = 16, SPEC_OPERAND_STEP = 32, SPEC_RESULT = 144, SPEC_WHAT = 146, SPEC_NUMBER = 147 };
enum { SPEC_PAD = 160, SPEC_PAD_STEP = 6 };
enum { SPEC_REDUCE_OUTER = 18, SPEC_REDUCE_INNER = 43, MOST_SPECS = 224 };
enum { SOURCE_VALUE = 4, MOST_OPERANDS = 4 }; /* plain.glsl: the place is the value; buffers of plain_grad and plain_move */
enum what { WHAT_COPY, WHAT_CAST, WHAT_SELECT, WHAT_GATHER, WHAT_PAD, WHAT_CONCAT, WHAT_RANDOM };
/* Variables of index expressions: the element's number; where data or conditions decide, the coordinate of each axis. */
enum { BASE_ELEMENT = 0, BASE_AXIS = 1 };

struct operand {
    uint32_t source; /* binding, or SOURCE_VALUE */
    enum tuff_dtype dtype;
    struct tuff_index at;
};

static void spec(struct tuff_emitter *e, uint32_t id, uint32_t value)
{
    struct tuff_emitted *out = e->out;
    if (TUFF_NEVER(out->spec_count == MOST_SPECS)) e->failed = true;
    if (!e->failed) out->specs[out->spec_count++] = (struct tuff_plan_spec){id, value};
}

static int by_id(const void *a, const void *b)
{
    const struct tuff_plan_spec *p = a, *q = b;
    return p->id < q->id ? -1 : p->id > q->id;
}

/* The terms over one base, as map.glsl takes them from `id` on. */
static void spec_map(struct tuff_emitter *e, uint32_t id, const struct tuff_index *index, uint32_t base)
{
    for (uint32_t i = 0, at = id + 1; i < index->count; i++) {
        const struct tuff_term *t = &index->term[i];
        if (t->base != base) continue;
        if (t->div != 1) spec(e, at, t->div);
        if (t->mod) spec(e, at + 1, t->mod);
        spec(e, at + 2, (uint32_t)t->stride);
        at += 3;
    }
}

/* Multiplier of a variable that stands for a coordinate: views below it are strides. */
static uint32_t stride_of(const struct tuff_index *index, uint32_t base)
{
    uint32_t stride = 0;
    for (uint32_t i = 0; i < index->count; i++)
        if (index->term[i].base == base) stride += (uint32_t)index->term[i].stride;
    return stride;
}

/* ---- operands --------------------------------------------------------------------------------------------------------------- */

static struct tuff_coords coords_of(struct tuff_emitter *e, const char *name, const struct tuff_shape *shape)
{
    struct tuff_index flat = tuff_index_base(tuff_emit_base(e, name, tuff_shape_count(shape)));
    return tuff_coords_of_flat(e, &flat, shape);
}

/* Follows views down to memory, a number or an index; a number that is written to memory here is the result itself. */
static struct operand find_operand(struct tuff_emitter *e, tuff_val v, struct tuff_coords at)
{
    for (;; v = e->g->values[v].in[0]) {
        const struct tuff_value *value = &e->g->values[v];
        struct operand operand = {SOURCE_VALUE, value->type.dtype, {.count = 0}};
        struct tuff_coords inner;
        for (uint32_t i = 0; i < at.rank; i++) /* an axis of length 1 has one place */
            if (value->type.shape.dim[i] == 1) at.at[i] = operand.at;
        if (e->places[v].root && v != e->group->roots[0]) {
            uint64_t rest;
            operand.source = tuff_emit_bind(e, v, TUFF_READ, false, &rest);
            operand.at = tuff_coords_flat(e, &at, &value->type.shape);
            operand.at.constant += (int64_t)rest;
            return operand;
        }
        if (value->op == &tuff_op_full) {
            operand.at.constant = tuff_register_bits(value->type.dtype,
                                                     ((const struct tuff_full_attrs *)value->attrs)->value);
            return operand;
        }
        if (value->op == &tuff_op_iota) {
            operand.at = at.at[((const struct tuff_iota_attrs *)value->attrs)->axis];
            return operand;
        }
        if (!tuff_emit_view(e, value, &at, &inner)) {
            e->failed = true;
            return operand;
        }
        at = inner;
    }
}

static struct operand add_operand(struct tuff_emitter *e, uint32_t k, tuff_val v, const struct tuff_coords *at)
{
    struct operand operand = find_operand(e, v, *at);
    uint32_t id = SPEC_OPERAND + SPEC_OPERAND_STEP * k;
    spec(e, id, operand.source);
    spec(e, id + 1, operand.dtype);
    if (operand.at.constant) spec(e, id + 2, (uint32_t)operand.at.constant);
    spec_map(e, id + 2, &operand.at, BASE_ELEMENT);
    return operand;
}

/* ---- operators of class INLINE ---------------------------------------------------------------------------------------------- */

static void write_row(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *at,
                      struct tuff_kernel_call *call)
{
    const struct tuff_pw_attrs *attrs = value->attrs;
    bool derivative;
    uint32_t number = tuff_pw_number(value->op, &derivative);
    bool integers = !tuff_is_float(e->g->values[value->in[0]].type.dtype);
    for (uint32_t k = 0; k < value->in_count; k++)
        if (value->in[k]) add_operand(e, k, value->in[k], at);
    call->file = derivative ? "plain_grad" : "plain_row";
    if (derivative && integers) e->failed = true; /* nobody asks: whole numbers have no gradients */
    if (!derivative) tuff_call_define(call, "ROW_INT", integers);
    spec(e, SPEC_WHAT, number);
    spec(e, SPEC_NUMBER, tuff_register_bits(TUFF_F32, attrs->p0));
    spec(e, SPEC_NUMBER + 1, tuff_register_bits(TUFF_F32, attrs->p1));
}

/* x's coordinates at an element of the result: those of the other axes, and a variable for the gathered one. */
static void write_gather(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *at)
{
    uint32_t axis = (uint32_t)((const struct tuff_axis_attrs *)value->attrs)->axis;
    const struct tuff_shape *x = &e->g->values[value->in[0]].type.shape;
    const struct tuff_shape *indices = &e->g->values[value->in[1]].type.shape;
    struct tuff_coords where = *at, inner = {.rank = x->rank};
    bool elements = value->op == &tuff_op_gather_elements;
    for (uint32_t i = 0; i < x->rank; i++)
        if (i != axis) inner.at[i] = at->at[i < axis || elements ? i : i + indices->rank - 1];
    if (!elements) {
        where = (struct tuff_coords){.rank = indices->rank};
        for (uint32_t i = 0; i < indices->rank; i++) where.at[i] = at->at[axis + i];
    }
    inner.at[axis] = tuff_index_base(tuff_emit_base(e, "gathered", x->dim[axis]));
    struct operand from = add_operand(e, 0, value->in[0], &inner);
    add_operand(e, 1, value->in[1], &where);
    spec(e, SPEC_WHAT, WHAT_GATHER);
    spec(e, SPEC_NUMBER, x->dim[axis]);
    spec(e, SPEC_NUMBER + 1, stride_of(&from.at, BASE_AXIS));
}

static void write_pad(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *at)
{
    const struct tuff_pad_attrs *attrs = value->attrs;
    const struct tuff_shape *x = &e->g->values[value->in[0]].type.shape;
    struct tuff_coords inner = {.rank = x->rank};
    uint32_t base[TUFF_MAX_RANK] = {0};
    for (uint32_t i = 0; i < x->rank; i++) {
        inner.at[i] = at->at[i];
        if (!(attrs->before[i] | attrs->after[i] | attrs->interior[i])) continue;
        base[i] = tuff_emit_base(e, "padded", x->dim[i]);
        inner.at[i] = tuff_index_base(base[i]);
    }
    struct operand from = add_operand(e, 0, value->in[0], &inner);
    spec(e, SPEC_WHAT, WHAT_PAD);
    spec(e, SPEC_NUMBER, tuff_register_bits(value->type.dtype, attrs->value));
    for (uint32_t i = 0; i < x->rank; i++) {
        uint32_t id = SPEC_PAD + SPEC_PAD_STEP * i, step = attrs->interior[i] + 1;
        if (!base[i]) continue;
        const struct tuff_index *c = &at->at[i]; /* one digit of the element's number, none where the axis has one place */
        spec(e, id, c->count ? c->term[0].div : 1);
        spec(e, id + 1, c->count ? c->term[0].mod : 1);
        spec(e, id + 2, attrs->before[i]);
        spec(e, id + 3, (x->dim[i] - 1) * step + 1);
        spec(e, id + 4, step);
        spec(e, id + 5, stride_of(&from.at, base[i]));
    }
}

static void write_concat(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *at)
{
    uint32_t axis = (uint32_t)((const struct tuff_axis_attrs *)value->attrs)->axis, end = 0;
    const struct tuff_index *along = &at->at[axis];
    for (uint32_t k = 0; k < value->in_count; k++) {
        struct tuff_coords inner = *at;
        inner.has_flat = 0;
        inner.at[axis].constant -= end;
        add_operand(e, k, value->in[k], &inner);
        end += e->g->values[value->in[k]].type.shape.dim[axis];
        if (k + 1 < value->in_count) spec(e, SPEC_NUMBER + 2 + k, end);
    }
    for (uint32_t k = value->in_count - 1; k < MOST_OPERANDS - 1; k++) /* the last one, once for each that is left out */
        spec(e, SPEC_NUMBER + 2 + k, k + 1 == value->in_count ? UINT32_MAX : 0);
    spec(e, SPEC_WHAT, WHAT_CONCAT);
    spec(e, SPEC_NUMBER, along->count ? along->term[0].div : 1);
    spec(e, SPEC_NUMBER + 1, along->count ? along->term[0].mod : 1);
}

static void write_move(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *at)
{
    const struct tuff_op *op = value->op;
    if (op == &tuff_op_gather || op == &tuff_op_gather_elements) {
        write_gather(e, value, at);
    } else if (op == &tuff_op_pad) {
        write_pad(e, value, at);
    } else if (op == &tuff_op_concat) {
        write_concat(e, value, at);
    } else if (op == &tuff_op_random_uniform) {
        for (uint32_t k = 0; k < 3; k++) {
            struct tuff_coords element = {.rank = 1};
            element.at[0].constant = k;
            add_operand(e, k, value->in[0], &element);
        }
        spec(e, SPEC_WHAT, WHAT_RANDOM);
        spec(e, SPEC_NUMBER, (uint32_t)((const struct tuff_random_attrs *)value->attrs)->stream);
    } else if (op == &tuff_op_select || op == &tuff_op_cast) {
        for (uint32_t k = 0; k < value->in_count; k++) add_operand(e, k, value->in[k], at);
        spec(e, SPEC_WHAT, op == &tuff_op_select ? WHAT_SELECT : WHAT_CAST);
    } else {
        e->failed = true;
    }
}

static void write_inline(struct tuff_emitter *e, tuff_val v, struct tuff_kernel_call *call)
{
    const struct tuff_value *value = &e->g->values[v];
    struct tuff_coords at = coords_of(e, "i", &value->type.shape), inner;
    if (value->op->glsl) {
        write_row(e, value, &at, call);
    } else {
        call->file = "plain_move";
        if (value->op == &tuff_op_full || value->op == &tuff_op_iota)
            add_operand(e, 0, v, &at);
        else if (tuff_emit_view(e, value, &at, &inner))
            add_operand(e, 0, value->in[0], &inner);
        else
            write_move(e, value, &at);
    }
    spec(e, SPEC_RESULT, value->type.dtype);
    spec(e, SPEC_RESULT + 1, (uint32_t)tuff_shape_count(&value->type.shape));
}

/* ---- kernels ---------------------------------------------------------------------------------------------------------------- */

/* A binding of its own for each port, in order: the file has numbered them. */
static struct tuff_emit_binding *add_port(struct tuff_emitter *e, tuff_val v, uint32_t access, uint64_t *rest)
{
    struct tuff_emitted *out = e->out;
    if (TUFF_NEVER(out->binding_count == TUFF_MAX_BINDINGS) || !e->places[v].root) e->failed = true;
    if (e->failed) return NULL;
    struct tuff_emit_binding *b = &out->bindings[out->binding_count++];
    *b = tuff_emit_binding_of(e, v, access, rest);
    return b;
}

static void write_reduced(struct tuff_emitter *e, tuff_val kernel)
{
    const struct tuff_value *value = &e->g->values[kernel];
    struct tuff_coords at = tuff_emit_reduced(e, kernel);
    struct operand operand = find_operand(e, value->in[0], at);
    if (operand.source != 0) e->failed = true;
    spec(e, SPEC_PORT, 1);
    spec(e, SPEC_PORT + 1, operand.dtype);
    if (operand.at.constant) spec(e, SPEC_REDUCE_OUTER, (uint32_t)operand.at.constant);
    spec_map(e, SPEC_REDUCE_OUTER, &operand.at, 0);
    spec_map(e, SPEC_REDUCE_INNER, &operand.at, 1);
}

static void write_kernel(struct tuff_emitter *e, tuff_val kernel)
{
    const struct tuff_value *value = &e->g->values[kernel];
    for (uint32_t p = 0; p < value->in_count; p++) {
        uint64_t rest = 0;
        if (p == 0 && value->op->reduces) {
            write_reduced(e, kernel);
        } else if (value->in[p]) {
            enum tuff_dtype dtype = e->g->values[value->in[p]].type.dtype;
            if (dtype != TUFF_F32 && dtype != TUFF_I32) e->failed = true;
            add_port(e, value->in[p], TUFF_READ, &rest);
            if (rest) spec(e, SPEC_PORT + p, (uint32_t)rest);
        }
    }
}

/* ---- groups ----------------------------------------------------------------------------------------------------------------- */

/* Files of INLINE operators declare all the buffers that an operator can have: what is not read is the first operand again, or
 * the result. */
static void fill_bindings(struct tuff_emitter *e, tuff_val v, uint32_t count)
{
    struct tuff_emitted *out = e->out;
    uint64_t rest;
    struct tuff_emit_binding same = out->binding_count ? out->bindings[0] : tuff_emit_binding_of(e, v, TUFF_WRITE, &rest);
    while (out->binding_count < count) out->bindings[out->binding_count++] = same;
}

tuff_status tuff_plain_group(const struct tuff_graph *g, const struct tuff_place *places, const struct tuff_group *group,
                             struct tuff_arena *arena, struct tuff_emitted *out, struct tuff_kernel_call *call,
                             struct tuff_error *error)
{
    *out = (struct tuff_emitted){.hooks = "", .width = 4, .specs = tuff_arena_alloc(arena, MOST_SPECS * sizeof *out->specs)};
    struct tuff_emitter e = {.g = g, .places = places, .group = group, .arena = arena, .out = out};
    tuff_val v = group->roots[0];
    uint64_t rest = 0;
    if (!out->specs) return tuff_fail_memory(g->context, error);
    if (g->values[v].op->own)
        return tuff_fail(g->context, error, TUFF_ERR_UNSUPPORTED,
                         "%s: operators of the app's own (tuff_pointwise) need a shader compiler, and there is none",
                         g->values[v].op->name);
    tuff_text_init(&e.text, g->context);
    if (group->kernel) {
        write_kernel(&e, group->kernel);
    } else {
        write_inline(&e, v, call);
        fill_bindings(&e, v, call->file && !strcmp(call->file, "plain_row") ? 2 : MOST_OPERANDS);
    }
    add_port(&e, v, TUFF_WRITE, &rest);
    bool words = g->values[v].type.dtype == TUFF_F32 || g->values[v].type.dtype == TUFF_I32;
    /* statements, a shifted result or several ones: what only hook text can say */
    bool more = e.text.length || rest || group->root_count != 1 || (group->kernel && (v != group->kernel || !words));
    tuff_text_finish(&e.text);
    qsort(out->specs, out->spec_count, sizeof *out->specs, by_id);
    uint64_t largest = 0;
    for (uint32_t i = 0; i < out->binding_count; i++)
        if (out->bindings[i].bytes > largest) largest = out->bindings[i].bytes;
    if (largest > group->max_range)
        return tuff_fail(
            g->context, error, TUFF_ERR_UNSUPPORTED,
            "%s: %llu bytes in one binding, of which this device has at most %llu; without a shader compiler there "
            "is no kernel that takes it in parts",
            g->values[group->space].op->name, (unsigned long long)largest, (unsigned long long)group->max_range);
    if (!e.failed && !more) return TUFF_OK;
    return tuff_fail(g->context, error, TUFF_ERR_UNSUPPORTED,
                     "%s: no kernel of this build computes it as it stands here, and there is no shader compiler",
                     g->values[group->kernel ? group->kernel : v].op->name);
}
