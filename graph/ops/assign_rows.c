/* assign_rows.c - rows of a state are written in place, as many as device memory says; and the workgroups that this takes. Operands: rows,
 * place[, count[, groups]], state. `groups` is added where the graph is compiled: the counts of the dispatch, which group_counts wrote. */
#include "graph/ops/leaf.h"

struct counts_attrs {
    int32_t most, each, size, wide;
};
enum { ROWS, PLACE, COUNT, GROUPS };
enum { SIZE = 64 };

static uint32_t state_of(uint32_t in_count) { return in_count - 1; }

/* Its grid will be that of so many of these rows, and of no more: what lies there is trusted when it is dispatched. */
static bool counts_rows(const struct tuff_infer *infer)
{
    const struct tuff_value *groups = tuff_value_of(infer->graph, infer->in_values[GROUPS]);
    const struct tuff_shape *rows = &infer->in[ROWS]->shape;
    if (groups->op != &tuff_op_group_counts || groups->in[0] != infer->in_values[COUNT]) return false;
    const struct counts_attrs *a = groups->attrs;
    return rows->rank && (uint32_t)a->most == rows->dim[0] && a->size == SIZE &&
           (uint64_t)a->most * (uint64_t)a->each == tuff_shape_count(rows);
}

static tuff_status infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    uint32_t at = state_of(infer->in_count);
    for (uint32_t i = 0; i < infer->in_count; i++)
        if (!tuff_graph_takes_one(infer->graph, "assign_rows", infer->in_values[i], i)) return TUFF_ERR_USAGE;
    const struct tuff_type *state = infer->in[at], *rows = infer->in[ROWS], *place = infer->in[PLACE];
    const struct tuff_type *count = at > COUNT ? infer->in[COUNT] : place;
    const struct tuff_op *target = tuff_value_of(infer->graph, infer->in_values[at])->op;
    if (target->kind != TUFF_KIND_STATE && !(target->traits & TUFF_UPDATES)) {
        tuff_graph_refuse(infer->graph, TUFF_ERR_USAGE, "assign_rows", &infer->in_values[at], 1,
                          "its target must be a state, or the state after other rows were assigned");
        return TUFF_ERR_USAGE;
    }
    if (at > GROUPS && !counts_rows(infer)) {
        tuff_graph_fail(infer->graph, TUFF_ERR_USAGE,
                        "assign_rows: operand %u is no group_counts of the same rows and count", (unsigned)GROUPS);
        return TUFF_ERR_USAGE;
    }
    struct tuff_shape like = state->shape;
    if (like.rank && rows->shape.rank) like.dim[0] = rows->shape.dim[0];
    if (like.rank && (state->dtype == TUFF_F32 || state->dtype == TUFF_I32) && rows->dtype == state->dtype &&
        tuff_shape_equal(&like, &rows->shape) && like.dim[0] <= state->shape.dim[0] && place->dtype == TUFF_I32 &&
        tuff_shape_count(&place->shape) == 1 && count->dtype == TUFF_I32 && tuff_shape_count(&count->shape) == 1) {
        *out = state->shape;
        return TUFF_OK;
    }
    return tuff_infer_refuse(
        infer,
        "it takes rows [n, ..] of the state's type, f32 or i32, each with the shape of a row of the state and no more of "
        "them, and a place that is an i32 of one element%s",
        at > COUNT ? ", as is the count" : "");
}

static double clamped(double x, double last) { return x < 0 ? 0 : x > last ? last : x; }

static void ref(const struct tuff_ref *ref)
{
    uint32_t at = state_of(ref->value->in_count);
    const struct tuff_shape *state = &ref->in_types[at].shape, *rows = &ref->in_types[ROWS].shape;
    uint64_t inner = tuff_shape_count(rows) / rows->dim[0], place, count = rows->dim[0];
    place = (uint64_t)clamped(ref->in[PLACE][0], (double)(state->dim[0] - rows->dim[0]));
    if (at > COUNT) count = (uint64_t)clamped(ref->in[COUNT][0], (double)count);
    memcpy(ref->out, ref->in[at], (size_t)tuff_shape_count(state) * sizeof *ref->out);
    if (count) memcpy(ref->out + place * inner, ref->in[ROWS], (size_t)(count * inner) * sizeof *ref->out);
}

static tuff_status lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    uint32_t at = state_of(lower->value->in_count);
    const struct tuff_shape *state = &lower->in[at]->shape, *rows = &lower->in[ROWS]->shape;
    uint64_t count = tuff_shape_count(rows);
    call->file = "assign_rows";
    tuff_call_define(call, "ROWS_INT", lower->in[ROWS]->dtype == TUFF_I32);
    if (at > COUNT) tuff_call_define(call, "COUNTED", 1);
    TUFF_CALL(call, assign_rows, .SIZE = SIZE, .elements = (uint32_t)count, .inner = (uint32_t)(count / rows->dim[0]),
              .last = state->dim[0] - rows->dim[0]);
    tuff_call_grid(call, lower->caps, (count + SIZE - 1) / SIZE);
    return TUFF_OK;
}

/* None of the state is read, and as much is written as there are rows. */
static uint64_t bytes(const struct tuff_value *value, const struct tuff_type *in_types, uint32_t k)
{
    if (k == state_of(value->in_count)) return 0;
    return tuff_type_bytes(&in_types[k == value->in_count ? ROWS : k]);
}

/* Workgroups for the rows that are written, instead of for all of them. A graph's text may name some, of another device. */
static tuff_val expand(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    if (state_of(value->in_count) <= COUNT) return 0;
    const struct tuff_shape *rows = &tuff_value_of(g, in[ROWS])->type.shape;
    struct tuff_kernel_call all = {.file = "assign_rows"}; /* a grid that all rows would have */
    tuff_call_grid(&all, g->caps, (tuff_shape_count(rows) + SIZE - 1) / SIZE);
    const struct counts_attrs attrs = {.most = (int32_t)rows->dim[0],
                                       .each = (int32_t)(tuff_shape_count(rows) / rows->dim[0]),
                                       .size = SIZE,
                                       .wide = (int32_t)all.groups[0]};
    tuff_val groups = tuff_graph_add(g, &tuff_op_group_counts, &in[COUNT], 1, &attrs);
    tuff_val with[] = {in[ROWS], in[PLACE], in[COUNT], groups, in[state_of(value->in_count)]};
    return tuff_graph_add(g, &tuff_op_assign_rows, with, TUFF_COUNT(with), NULL);
}

const struct tuff_op tuff_op_assign_rows = {
    .name = "assign_rows",
    .integers = TUFF_INTEGERS_KEPT,
    TUFF_LAUNCH(lower),
    .traits = TUFF_UPDATES,
    TUFF_OPERANDS(3, 5),
    .counts_operand = GROUPS + 1,
    .infer = infer,
    .result = TUFF_RESULT_LAST,
    .nondiff = "a state is not trained",
    .expand = expand,
    .splits = true,
    .ref = ref,
    .bytes = bytes,
    .error = TUFF_ERROR_MOVES,
};

tuff_val tuff_assign_rows(struct tuff_graph *g, tuff_val state, tuff_val rows, tuff_val place)
{
    if (!tuff_graph_takes(g, "assign_rows", (tuff_val[]){state, rows, place}, 3)) return 0;
    return tuff_graph_add(g, &tuff_op_assign_rows, (tuff_val[]){rows, place, state}, 3, NULL);
}

tuff_val tuff_assign_some_rows(struct tuff_graph *g, tuff_val state, tuff_val rows, tuff_val place, tuff_val count)
{
    if (!tuff_graph_takes(g, "assign_rows", (tuff_val[]){state, rows, place, count}, 4)) return 0;
    return tuff_graph_add(g, &tuff_op_assign_rows, (tuff_val[]){rows, place, count, state}, 4, NULL);
}

/* ---- group_counts ----------------------------------------------------------------------------------------------------------- */

/* n = clamp(count, 0, most) rows of `each` elements, `size` of these a workgroup: as a grid of at most `wide` in a row. */
static const struct tuff_attr counts_attr[] = {
    {"most", "", TUFF_ATTR_I32, 1, offsetof(struct counts_attrs, most)},
    {"each", "", TUFF_ATTR_I32, 1, offsetof(struct counts_attrs, each)},
    {"size", "", TUFF_ATTR_I32, 1, offsetof(struct counts_attrs, size)},
    {"wide", "", TUFF_ATTR_I32, 1, offsetof(struct counts_attrs, wide)},
};

static tuff_status counts_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct counts_attrs *a = infer->attrs;
    bool fits = a->most > 0 && a->each > 0 && a->size > 0 && a->wide > 0 && (int64_t)a->most * a->each <= INT32_MAX;
    if (infer->in[0]->dtype != TUFF_I32 || tuff_shape_count(&infer->in[0]->shape) != 1 || !fits)
        return tuff_infer_refuse(infer, "it takes one i32; most, each, size and wide from 1 on, most * each below 2^31");
    *out = TUFF_SHAPE(3);
    return TUFF_OK;
}

static void counts_ref(const struct tuff_ref *ref)
{
    const struct counts_attrs *a = ref->value->attrs;
    uint64_t groups = ((uint64_t)clamped(ref->in[0][0], a->most) * (uint64_t)a->each + (uint64_t)a->size - 1) /
                      (uint64_t)a->size;
    uint64_t x = groups < (uint64_t)a->wide ? groups : (uint64_t)a->wide;
    ref->out[0] = (double)x;
    ref->out[1] = x ? (double)((groups + x - 1) / x) : 1;
    ref->out[2] = 1;
}

static tuff_status counts_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    const struct counts_attrs *a = lower->value->attrs;
    call->file = "group_counts";
    TUFF_CALL(call, group_counts, .most = (uint32_t)a->most, .each = (uint32_t)a->each, .size = (uint32_t)a->size,
              .wide = (uint32_t)a->wide);
    tuff_call_grid(call, lower->caps, 1);
    return TUFF_OK;
}

static const struct tuff_case examples[2] = {
    {"few", {TUFF_TYPE(TUFF_I32, 1)}, 1, {TUFF_DOMAIN_INDEX}, 12, &(struct counts_attrs){10, 7, 64, 65535}}};
const struct tuff_op tuff_op_group_counts = {
    .name = "group_counts",
    .integers = TUFF_INTEGERS_KEPT,
    TUFF_LAUNCH(counts_lower),
    TUFF_OPERANDS(1, 1),
    TUFF_ATTRS(counts_attr, struct counts_attrs),
    .infer = counts_infer,
    .result = TUFF_RESULT_I32,
    .nondiff = "whole numbers",
    .ref = counts_ref,
    .work = tuff_op_no_work,
    .error = TUFF_ERROR_POSITIONS,
    .examples = examples,
};
