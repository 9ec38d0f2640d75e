/* simplify.c - copies the values that the outputs need into a fresh graph, and on the way folds constants, drops identities,
 * joins views, and finds values that are there already. With the pass off it only copies.
 * requires: a checked graph. keeps: leaves, names, types. */
#include "graph/compile.h"
#include "graph/ops/leaf.h"
#include "graph/ops/pointwise.h"
#include "graph/ops/view.h"

static const struct tuff_value *val(const struct tuff_work *w, tuff_val v) { return &w->g->values[v]; }

static bool is_full(const struct tuff_work *w, tuff_val v, double *value)
{
    if (val(w, v)->op != &tuff_op_full) return false;
    *value = ((const struct tuff_full_attrs *)val(w, v)->attrs)->value;
    return true;
}

/* A value of the new graph that computes the same, or 0. */
static tuff_val find_equal(const struct tuff_work *w, const struct tuff_op *op, const tuff_val *in, uint32_t count,
                           const void *attrs)
{
    if (op->class == TUFF_CLASS_ASSIGN || (op->class == TUFF_CLASS_LEAF && op != &tuff_op_param_pack)) return 0;
    for (tuff_val v = w->g->count; v-- > 1;) {
        const struct tuff_value *o = val(w, v);
        if (o->op == op && o->in_count == count && (!count || !memcmp(o->in, in, count * sizeof *in)) &&
            (!op->attrs_bytes || !memcmp(o->attrs, attrs, op->attrs_bytes)))
            return v;
    }
    return 0;
}

/* One number for all elements: evaluates the operator on single elements. */
static tuff_val fold_uniform(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    bool row = (old->op->glsl && old->op->ref) || old->op == &tuff_op_cast || old->op == &tuff_op_select;
    double c[4] = {0}, y = 0;
    const double *pointers[4] = {0};
    struct tuff_type types[4];
    if (!row || old->in_count == 0 || old->in_count > 4) return 0;
    for (uint32_t i = 0; i < old->in_count; i++) {
        if (!in[i]) continue;
        if (!is_full(w, in[i], &c[i])) return 0;
        pointers[i] = &c[i];
        types[i] = (struct tuff_type){val(w, in[i])->type.dtype, {0}};
    }
    struct tuff_value one = *old;
    one.type.shape = (struct tuff_shape){0};
    old->op->ref(&(struct tuff_ref){.value = &one, .in_types = types, .in = pointers, .out = &y});
    return tuff_full(w->g, old->type.dtype, old->type.shape, y);
}

/* ---- constants with data ------------------------------------------------------------------------------------------------------ */

enum { LARGEST_FOLDED = 1 << 16 }; /* elements: constants travel in the plan */

/* Elements of a constant or full value as doubles, allocated; NULL for other values. */
static double *constant_elements(const struct tuff_work *w, tuff_val v)
{
    const struct tuff_value *value = val(w, v);
    if (value->op != &tuff_op_constant && value->op != &tuff_op_full) return NULL;
    double *out = tuff_alloc(w->context, (size_t)tuff_shape_count(&value->type.shape) * sizeof *out);
    if (out) value->op->ref(&(struct tuff_ref){.value = value, .out = out});
    return out;
}

static tuff_val add_constant(struct tuff_work *w, const struct tuff_type *type, const double *elements)
{
    uint64_t count = tuff_shape_count(&type->shape);
    void *data = tuff_alloc(w->context, (size_t)count * tuff_dtype_bytes(type->dtype));
    if (!data) return 0; /* without folding it is right too */
    for (uint64_t i = 0; i < count; i++) {
        if (type->dtype == TUFF_F32)
            ((float *)data)[i] = (float)elements[i];
        else if (type->dtype == TUFF_I32)
            ((int32_t *)data)[i] = (int32_t)elements[i];
        else
            ((uint8_t *)data)[i] = (uint8_t)elements[i];
    }
    tuff_val v = tuff_constant(w->g, *type, data);
    tuff_free(w->context, data);
    return v;
}

/* An operator on constants of which one has data is evaluated now, by its definition. */
static tuff_val fold_constants(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    const double *elements[4] = {0};
    struct tuff_type types[4];
    bool data = false, known = old->in_count > 0 && old->in_count <= 4 && old->type.dtype != TUFF_F16 && old->op->ref &&
                               (old->op->class == TUFF_CLASS_INLINE || old->op->class == TUFF_CLASS_KERNEL) &&
                               old->op != &tuff_op_copy && tuff_shape_count(&old->type.shape) <= LARGEST_FOLDED;
    for (uint32_t i = 0; known && i < old->in_count; i++) {
        if (!in[i]) continue;
        const struct tuff_value *value = val(w, in[i]);
        data = data || value->op == &tuff_op_constant;
        known = value->op == &tuff_op_constant || value->op == &tuff_op_full;
    }
    if (!known || !data) return 0;
    tuff_val folded = 0;
    double *out = tuff_alloc(w->context, (size_t)tuff_shape_count(&old->type.shape) * sizeof *out);
    bool memory = out != NULL;
    for (uint32_t i = 0; memory && i < old->in_count; i++) {
        if (!in[i]) continue;
        elements[i] = constant_elements(w, in[i]);
        types[i] = val(w, in[i])->type;
        memory = elements[i] != NULL;
    }
    if (memory) {
        old->op->ref(&(struct tuff_ref){.value = old, .in_types = types, .in = elements, .out = out});
        folded = add_constant(w, &old->type, out);
    }
    for (uint32_t i = 0; i < TUFF_COUNT(elements); i++) tuff_free(w->context, (void *)elements[i]);
    tuff_free(w->context, out);
    return folded;
}

static tuff_val drop_identity(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    const struct tuff_op *op = old->op;
    double c;
    if (op == &tuff_op_detach) return in[0];
    if (op == &tuff_op_affine) {
        const struct tuff_pw_attrs *p = old->attrs;
        if (p->p0 == 1 && p->p1 == 0 && val(w, in[0])->type.dtype == TUFF_F32) return in[0];
    }
    bool f32 = old->type.dtype == TUFF_F32 && old->in_count == 2 && in[0] && val(w, in[0])->type.dtype == TUFF_F32;
    if (f32 && (op == &tuff_op_add || op == &tuff_op_sub) && is_full(w, in[1], &c) && c == 0) return in[0];
    if (f32 && op == &tuff_op_add && is_full(w, in[0], &c) && c == 0) return in[1];
    if (f32 && (op == &tuff_op_mul || op == &tuff_op_div) && is_full(w, in[1], &c) && c == 1) return in[0];
    if (f32 && op == &tuff_op_mul && is_full(w, in[0], &c) && c == 1) return in[1];
    if (op == &tuff_op_neg && val(w, in[0])->op == &tuff_op_neg) return val(w, in[0])->in[0];
    return 0;
}

static tuff_val join_views(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    double c;
    const struct tuff_op *op = old->op;
    bool view = op == &tuff_op_reshape || op == &tuff_op_expand || op == &tuff_op_permute || op == &tuff_op_slice;
    if (view && is_full(w, in[0], &c)) return tuff_full(w->g, old->type.dtype, old->type.shape, c);
    if (op == &tuff_op_reshape) {
        tuff_val from = in[0];
        while (val(w, from)->op == &tuff_op_reshape) from = val(w, from)->in[0];
        return tuff_reshape(w->g, from, old->type.shape);
    }
    if (op == &tuff_op_permute && val(w, in[0])->op == &tuff_op_permute) {
        const struct tuff_permute_attrs *outer = old->attrs, *inner = val(w, in[0])->attrs;
        uint32_t order[TUFF_MAX_RANK];
        for (uint32_t i = 0; i < old->type.shape.rank; i++) order[i] = inner->order[outer->order[i]];
        return tuff_permute(w->g, val(w, in[0])->in[0], order);
    }
    if (op == &tuff_op_sum) { /* over axes of length 1 only */
        uint64_t before = tuff_shape_count(&val(w, in[0])->type.shape), after = tuff_shape_count(&old->type.shape);
        if (is_full(w, in[0], &c) && old->type.dtype == TUFF_F32)
            return tuff_full(w->g, TUFF_F32, old->type.shape, c * (double)(before / after));
        if (before == after && val(w, in[0])->type.dtype == old->type.dtype)
            return tuff_reshape(w->g, in[0], old->type.shape);
    }
    return 0;
}

/* True when v only swaps the last two axes. */
static bool is_transpose(const struct tuff_work *w, tuff_val v)
{
    if (val(w, v)->op != &tuff_op_permute) return false;
    const struct tuff_permute_attrs *p = val(w, v)->attrs;
    uint32_t rank = val(w, v)->type.shape.rank;
    for (uint32_t i = 0; i < rank; i++)
        if (p->order[i] != (i + 2 == rank ? rank - 1 : i + 1 == rank ? rank - 2 : i)) return false;
    return rank >= 2;
}

static bool flag(const struct tuff_value *value, uint32_t attr)
{
    return *(const int32_t *)((const char *)value->attrs + value->op->attrs[attr].offset) != 0;
}

/* matmul's first two attributes say which operand is transposed. */
static tuff_val matmul_takes_transposes(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    if (old->op != &tuff_op_matmul) return 0;
    bool a = is_transpose(w, in[0]), b = is_transpose(w, in[1]);
    if (!a && !b) return 0;
    struct tuff_matmul_params params = {flag(old, 0) != a, flag(old, 1) != b};
    return tuff_matmul(w->g, a ? val(w, in[0])->in[0] : in[0], b ? val(w, in[1])->in[0] : in[1], params);
}

/* Rows take f16 and give f32, take bytes and give i32: then they are no identity. */
static bool same_type(const struct tuff_work *w, const struct tuff_value *old, tuff_val v)
{
    return val(w, v)->type.dtype == old->type.dtype && tuff_shape_equal(&val(w, v)->type.shape, &old->type.shape);
}

static tuff_val simpler(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    tuff_val v = drop_identity(w, old, in);
    if (v && !same_type(w, old, v)) v = 0;
    if (!v) v = join_views(w, old, in);
    if (!v) v = matmul_takes_transposes(w, old, in);
    if (!v) v = fold_uniform(w, old, in);
    if (!v) v = fold_constants(w, old, in);
    return v ? v : find_equal(w, old->op, in, old->in_count, old->attrs);
}

/* A concat of more inputs than a launch has buffers for becomes a concat of concats. Not a matter of speed: never off. */
static tuff_val split_concat(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in, uint32_t count)
{
    uint32_t limit = tuff_binding_limit(w), largest = 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t windows = tuff_windows(w, &val(w, in[i])->type);
        if (windows > largest) largest = windows;
    }
    uint32_t each = limit > 4 * largest ? limit / largest - 2 : 2, parts = 0;
    if (w->params->plain && each > 4) each = 4; /* operands of plain_move.comp */
    if (count <= each) return tuff_graph_add(w->g, old->op, in, count, old->attrs);
    tuff_val *part = tuff_arena_alloc(w->arena, (count / each + 1) * sizeof *part);
    if (!part) return tuff_graph_fail(w->g, TUFF_ERR_MEMORY, "out of host memory");
    for (uint32_t at = 0; at < count; at += each) {
        uint32_t n = count - at < each ? count - at : each;
        part[parts++] = n == 1 ? in[at] : tuff_graph_add(w->g, old->op, in + at, n, old->attrs);
    }
    return split_concat(w, old, part, parts);
}

/* Kernels without hook text read f32, but for reductions. Not a matter of speed: never off. */
static void widen_operands(struct tuff_work *w, const struct tuff_value *old, tuff_val *in)
{
    for (uint32_t i = 0; i < old->in_count; i++) {
        bool port = old->op->class == TUFF_CLASS_KERNEL && !(old->op->reduces && i == 0);
        if (port && in[i] && val(w, in[i])->type.dtype == TUFF_F16) in[i] = tuff_cast(w->g, in[i], TUFF_F32);
    }
}

static tuff_val expand(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    if (!old->op->expand || w->params->plain || w->params->debug & TUFF_DEBUG_NOSIMPLIFY) return 0;
    tuff_val v = old->op->expand(w->g, old, in, w->params->caps);
    if (v && !val(w, v)->name) w->g->values[v].name = old->name;
    return v;
}

static tuff_val copy_value(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    uint32_t before = w->g->count;
    tuff_val v = (w->params->debug & TUFF_DEBUG_NOSIMPLIFY) ? 0 : simpler(w, old, in);
    if (!v) v = expand(w, old, in);
    if (!v && old->op == &tuff_op_concat) v = split_concat(w, old, in, old->in_count);
    if (!v) v = tuff_graph_add(w->g, old->op, in, old->in_count, old->attrs);
    if (v && v >= before && val(w, v)->op == old->op) {
        w->g->values[v].data = old->data; /* [borrowed] from the user's graph, which outlives this one */
        if (!val(w, v)->name) w->g->values[v].name = old->name;
    }
    return v;
}

static void mark_needed(const struct tuff_graph *g, const tuff_val *outputs, uint32_t count, bool *needed)
{
    for (uint32_t i = 0; i < count; i++) needed[outputs[i]] = true;
    for (tuff_val v = g->count; v-- > 1;)
        for (uint32_t i = 0; needed[v] && i < g->values[v].in_count; i++) needed[g->values[v].in[i]] = true;
}

tuff_status tuff_pass_simplify(struct tuff_work *w)
{
    const struct tuff_graph *g = w->params->graph;
    uint32_t outputs = w->params->output_count;
    bool *needed = tuff_arena_alloc(w->arena, g->count * sizeof *needed);
    tuff_val *map = tuff_arena_alloc(w->arena, g->count * sizeof *map);
    w->outputs = tuff_arena_alloc(w->arena, (outputs + 1) * sizeof *w->outputs);
    if (!needed || !map || !w->outputs) return tuff_fail_memory(w->context, w->error);
    TUFF_TRY(tuff_graph_create(w->context, &w->g, w->error));
    mark_needed(g, w->params->outputs, outputs, needed);
    for (tuff_val v = 1; v < g->count; v++) {
        const struct tuff_value *old = &g->values[v];
        if (!needed[v]) continue;
        tuff_val *in = tuff_arena_alloc(w->arena, (old->in_count + 1) * sizeof *in);
        if (!in) return tuff_fail_memory(w->context, w->error);
        for (uint32_t i = 0; i < old->in_count; i++) in[i] = old->in[i] ? map[old->in[i]] : 0;
        if (w->params->plain) widen_operands(w, old, in);
        map[v] = copy_value(w, old, in);
        if (!map[v]) return tuff_graph_finish(w->g, w->error);
    }
    for (uint32_t i = 0; i < outputs; i++) w->outputs[i] = map[w->params->outputs[i]];
    /* Copies for outputs that live elsewhere too come in fuse.c; origins of leaves are found by name and kind. */
    w->origin = tuff_arena_alloc(w->arena, 2 * (w->g->count + outputs + 64) * sizeof *w->origin);
    if (!w->origin) return tuff_fail_memory(w->context, w->error);
    for (tuff_val v = 1; v < g->count; v++)
        if (needed[v] && g->values[v].op->class == TUFF_CLASS_LEAF) w->origin[map[v]] = v;
    return TUFF_OK;
}
