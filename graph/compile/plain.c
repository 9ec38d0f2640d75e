/* plain.c - launches without hook text, for programs that have no compiler: each operator alone, by a kernel of those that the
 * build compiled.
 *
 * Kernel operators use their file as it stands, whose ports are contiguous memory (shaders/include/hooks.glsl; a reduction's
 * an index map). Operators of class INLINE are rows or derivatives (plain_row.comp, plain_grad.comp) or one of few moves
 * (plain_move.comp). What differs between two uses are specialization constants: which row, dtypes, and for each operand the
 * index map that leads through at most one strided view to memory. So the set of kernels is finite, and no graph needs more; only
 * tensors larger than a binding may be are refused. requires: fuse with params->plain. */
#include "graph/compile/emit.h"

/* Constant ids of the kernel files. */
enum {
    SPEC_PORT = 16,
    SPEC_OPERAND = 16,
    SPEC_OPERAND_STEP = 32,
    SPEC_SCALES = 153,
    SPEC_RESULT = 144
}; /* more: emit_op.h */
enum { SPEC_REDUCE_OUTER = 18, SPEC_REDUCE_INNER = 43, MOST_SPECS = 224 };
enum { SOURCE_VALUE = 4 }; /* plain.glsl: the place is the value */
enum { BASE_ELEMENT = 0 }; /* variable of index expressions: the element's number */

struct operand {
    uint32_t source; /* binding, or SOURCE_VALUE */
    uint32_t scales; /* of an operand of blocks: where they begin, in words */
    enum tuff_dtype dtype;
    struct tuff_index at;
};

struct tuff_kernel_call *tuff_plain_call(struct tuff_emitter *e) { return e->call; }

void tuff_plain_spec(struct tuff_emitter *e, uint32_t id, uint32_t value)
{
    struct tuff_emitted *out = e->out;
    if (TUFF_NEVER(out->spec_count == MOST_SPECS)) e->failed = true;
    if (!e->failed) out->specs[out->spec_count++] = (struct tuff_plan_spec){id, value};
}

/* The terms over one base, as map.glsl takes them from `id` on. */
static void spec_map(struct tuff_emitter *e, uint32_t id, const struct tuff_index *index, uint32_t base)
{
    for (uint32_t i = 0, at = id + 1; i < index->count; i++) {
        const struct tuff_term *t = &index->term[i];
        if (t->base != base) continue;
        if (t->div != 1) tuff_plain_spec(e, at, t->div);
        if (t->mod) tuff_plain_spec(e, at + 1, t->mod);
        tuff_plain_spec(e, at + 2, (uint32_t)t->stride);
        at += 3;
    }
}

/* Views below it are strides. */
uint32_t tuff_plain_stride(const struct tuff_index *index, uint32_t base)
{
    uint32_t stride = 0;
    for (uint32_t i = 0; i < index->count; i++)
        if (index->term[i].base == base) stride += (uint32_t)index->term[i].stride;
    return stride;
}

/* ---- operands --------------------------------------------------------------------------------------------------------------- */

/* Follows views down to memory, a number or an index; a number that is written to memory here is the result itself. */
static struct operand find_operand(struct tuff_emitter *e, tuff_val v, struct tuff_coords at)
{
    for (;; v = e->g->values[v].in[0]) {
        const struct tuff_value *value = &e->g->values[v];
        struct operand operand = {SOURCE_VALUE, 0, value->type.dtype, {.count = 0}};
        for (uint32_t i = 0; i < at.rank; i++) /* an axis of length 1 has one place */
            if (value->type.shape.dim[i] == 1) at.at[i] = operand.at;
        if (e->values[v].place.root && v != e->group->roots[0]) {
            uint64_t rest;
            operand.source = tuff_emit_bind(e, v, TUFF_READ, false, &rest);
            operand.at = tuff_coords_flat(e, &at, &value->type.shape);
            operand.at.constant += (int64_t)rest;
            if (tuff_is_blocks(operand.dtype)) operand.scales = (uint32_t)(tuff_shape_count(&value->type.shape) / 4);
            return operand;
        }
        if (value->op->number) {
            operand.at = value->op->number(value, &at);
            return operand;
        }
        if (!value->op->map) {
            e->failed = true;
            return operand;
        }
        at = value->op->map(e, value, &at);
    }
}

struct tuff_index tuff_plain_operand(struct tuff_emitter *e, uint32_t k, tuff_val v, const struct tuff_coords *at)
{
    struct operand operand = find_operand(e, v, *at);
    uint32_t id = SPEC_OPERAND + SPEC_OPERAND_STEP * k;
    tuff_plain_spec(e, id, operand.source);
    tuff_plain_spec(e, id + 1, operand.dtype);
    if (operand.scales) tuff_plain_spec(e, SPEC_SCALES, operand.scales);
    if (operand.at.constant) tuff_plain_spec(e, id + 2, (uint32_t)operand.at.constant);
    spec_map(e, id + 2, &operand.at, BASE_ELEMENT);
    return operand.at;
}

void tuff_plain_operands(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *at)
{
    for (uint32_t k = 0; k < value->in_count; k++)
        if (value->in[k]) tuff_plain_operand(e, k, value->in[k], at);
}

/* ---- operators of class INLINE ---------------------------------------------------------------------------------------------- */

static void write_inline(struct tuff_emitter *e, tuff_val v)
{
    const struct tuff_value *value = &e->g->values[v];
    struct tuff_coords at = tuff_emit_coords(e, "i", &value->type.shape);
    e->call->file = "plain_move";
    if (value->op->map) {
        struct tuff_coords inner = value->op->map(e, value, &at);
        tuff_plain_operand(e, 0, value->in[0], &inner);
    } else if (value->op->number) {
        tuff_plain_operand(e, 0, v, &at);
    } else if (value->op->plain) {
        value->op->plain(e, value, &at);
    } else {
        e->failed = true;
    }
    tuff_plain_spec(e, SPEC_RESULT, value->type.dtype);
    tuff_plain_spec(e, SPEC_RESULT + 1, (uint32_t)tuff_shape_count(&value->type.shape));
}

/* ---- kernels ---------------------------------------------------------------------------------------------------------------- */

/* A binding of its own for each port, in order: the file has numbered them. */
static struct tuff_emit_binding *add_port(struct tuff_emitter *e, tuff_val v, uint32_t access, uint64_t *rest)
{
    struct tuff_emitted *out = e->out;
    if (TUFF_NEVER(out->binding_count == TUFF_MAX_BINDINGS) || !e->values[v].place.root) e->failed = true;
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
    tuff_plain_spec(e, SPEC_PORT, 1);
    tuff_plain_spec(e, SPEC_PORT + 1, operand.dtype);
    if (operand.at.constant) tuff_plain_spec(e, SPEC_REDUCE_OUTER, (uint32_t)operand.at.constant);
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
        } else if (value->in[p] && !tuff_is_portless(value, p)) {
            enum tuff_dtype dtype = e->g->values[value->in[p]].type.dtype;
            if (dtype != TUFF_F32 && dtype != TUFF_I32) e->failed = true;
            add_port(e, value->in[p], TUFF_READ, &rest);
            if (rest) tuff_plain_spec(e, SPEC_PORT + p, (uint32_t)rest);
        }
    }
}

/* ---- groups ----------------------------------------------------------------------------------------------------------------- */

/* Files of INLINE operators declare all buffers that one can have: those not read are operand 0 again, or the result. */
static void fill_bindings(struct tuff_emitter *e, tuff_val v, uint32_t count)
{
    struct tuff_emitted *out = e->out;
    uint64_t rest;
    struct tuff_emit_binding same = out->binding_count ? out->bindings[0] : tuff_emit_binding_of(e, v, TUFF_WRITE, &rest);
    while (out->binding_count < count) out->bindings[out->binding_count++] = same;
}

tuff_status tuff_plain_group(const struct tuff_graph *g, const struct tuff_work_value *values,
                             const struct tuff_group *group, const struct tuff_emit_options *options,
                             struct tuff_arena *arena, struct tuff_emitted *out, struct tuff_kernel_call *call,
                             struct tuff_error *error)
{
    *out = (struct tuff_emitted){.hooks = "", .width = 4, .specs = tuff_arena_alloc(arena, MOST_SPECS * sizeof *out->specs)};
    struct tuff_emitter e = {
        .g = g, .values = values, .group = group, .options = options, .arena = arena, .out = out, .call = call};
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
        write_inline(&e, v);
        fill_bindings(&e, v, call->file && !strcmp(call->file, "plain_row") ? 2 : TUFF_PLAIN_OPERANDS);
    }
    add_port(&e, v, TUFF_WRITE, &rest);
    for (uint32_t k = 1; group->kernel && k <= g->values[group->kernel].op->more_count; k++) {
        uint64_t begin = 0;
        add_port(&e, group->kernel + k, TUFF_WRITE, &begin);
        rest += begin;
    }
    bool words = g->values[v].type.dtype == TUFF_F32 || g->values[v].type.dtype == TUFF_I32;
    /* statements, a shifted result or several ones: what only hook text can say */
    bool more = e.text.length || rest || group->root_count != 1 || (group->kernel && (v != group->kernel || !words));
    tuff_text_finish(&e.text);
    uint64_t largest = 0;
    for (uint32_t i = 0; i < out->binding_count; i++)
        if (out->bindings[i].bytes > largest) largest = out->bindings[i].bytes;
    if (largest > options->max_range)
        return tuff_fail(
            g->context, error, TUFF_ERR_UNSUPPORTED,
            "%s: %llu bytes in one binding, of which this device has at most %llu; without a shader compiler there "
            "is no kernel that takes it in parts",
            g->values[group->space].op->name, (unsigned long long)largest, (unsigned long long)options->max_range);
    if (!e.failed && !more) return TUFF_OK;
    return tuff_fail(g->context, error, TUFF_ERR_UNSUPPORTED,
                     "%s: no kernel of this build computes it as it stands here, and there is no shader compiler",
                     g->values[group->kernel ? group->kernel : v].op->name);
}
