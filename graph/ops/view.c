/* view.c - reshape, permute, slice, expand, pad, concat: they cost nothing where a consumer can read through their index maps. */
#include "graph/ops/view.h"
#include "graph/bound.h"
#include "graph/compile/emit_op.h"

#include <math.h>
#include <stdio.h>

void tuff_strides(const struct tuff_shape *shape, uint64_t *strides)
{
    uint64_t stride = 1;
    for (uint32_t i = shape->rank; i-- > 0;) {
        strides[i] = stride;
        stride *= shape->dim[i];
    }
}

int tuff_axis(struct tuff_graph *g, const char *what, tuff_val x, int axis)
{
    int rank = (int)tuff_type_of(g, x).shape.rank;
    if (!tuff_graph_takes_one(g, what, x, 0)) return -1;
    if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
    if (rank)
        tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, &x, 1,
                          "it has no axis %d: its axes are 0 .. %d, or -1 .. %d from the end", axis, rank - 1, -rank);
    else
        tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, &x, 1, "it has no axis %d: it is a scalar", axis);
    return -1;
}

const struct tuff_attr tuff_axis_attr[1] = {{"axis", "axis", TUFF_ATTR_I32, 1, offsetof(struct tuff_axis_attrs, axis)}};

tuff_val tuff_add_along(struct tuff_graph *g, const struct tuff_op *op, const tuff_val *in, uint32_t count, int axis)
{
    struct tuff_axis_attrs attrs = {tuff_axis(g, op->name, in[0], axis)};
    return attrs.axis < 0 ? 0 : tuff_graph_add(g, op, in, count, &attrs);
}

void tuff_around_axis(const struct tuff_shape *shape, int axis, uint64_t *outer, uint64_t *inner)
{
    *outer = *inner = 1;
    for (uint32_t i = 0; i < shape->rank; i++)
        if ((int)i != axis) *((int)i < axis ? outer : inner) *= shape->dim[i];
}

tuff_status tuff_same_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    *out = infer->in[0]->shape;
    return TUFF_OK;
}

void tuff_same_ref(const struct tuff_ref *ref)
{
    memcpy(ref->out, ref->in[0], (size_t)tuff_shape_count(&ref->value->type.shape) * sizeof *ref->out);
}

/* Steps the coordinates of a row-major walk. */
static void next(const struct tuff_shape *shape, uint32_t *at)
{
    for (uint32_t k = shape->rank; k-- > 0;) {
        if (++at[k] < shape->dim[k]) return;
        at[k] = 0;
    }
}

/* Each element of the result is one of operand 0: that of place 0, and so many further for each step along an axis. */
static void strided_ref(const struct tuff_ref *ref, int64_t from, const int64_t *steps)
{
    const struct tuff_shape *shape = &ref->value->type.shape;
    uint32_t at[TUFF_MAX_RANK] = {0};
    for (uint64_t i = 0, count = tuff_shape_count(shape); i < count; i++, next(shape, at)) {
        int64_t place = from;
        for (uint32_t k = 0; k < shape->rank; k++) place += at[k] * steps[k];
        ref->out[i] = ref->in[0][place];
    }
}

/* ---- reshape -------------------------------------------------------------------------------------------------------------- */

struct shape_attrs {
    struct tuff_shape shape;
};
static const struct tuff_attr shape_attr[] = {{"shape", "", TUFF_ATTR_SHAPE, 1, offsetof(struct shape_attrs, shape)}};

static tuff_status reshape_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct shape_attrs *attrs = infer->attrs;
    *out = infer->in[0]->shape;
    if (attrs->shape.rank > TUFF_MAX_RANK)
        return tuff_infer_refuse(infer, "a shape has at most %d axes, not %u", TUFF_MAX_RANK, attrs->shape.rank);
    if (tuff_shape_count(&attrs->shape) != tuff_shape_count(out)) {
        char text[128];
        return tuff_infer_refuse(
            infer, "it has %llu elements, and %s would have %llu", (unsigned long long)tuff_shape_count(out),
            tuff_shape_text(&attrs->shape, text, sizeof text), (unsigned long long)tuff_shape_count(&attrs->shape));
    }
    *out = attrs->shape;
    return TUFF_OK;
}

static void reshape_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    gin[0] = tuff_reshape(g, gy, tuff_type_of(g, tuff_value_of(g, y)->in[0]).shape);
}

tuff_val tuff_reshape(struct tuff_graph *g, tuff_val x, struct tuff_shape shape)
{
    struct tuff_shape old = tuff_type_of(g, x).shape;
    if (!tuff_graph_takes_one(g, "reshape", x, 0)) return 0;
    uint64_t known = 1, count = tuff_shape_count(&old);
    int open = -1;
    for (uint32_t i = 0; i < shape.rank && i < TUFF_MAX_RANK; i++) {
        if (shape.dim[i])
            known *= shape.dim[i];
        else if (open < 0)
            open = (int)i;
    }
    if (open >= 0 && known && count % known == 0) shape.dim[open] = (uint32_t)(count / known);
    if (tuff_shape_equal(&old, &shape)) return x;
    for (uint32_t i = shape.rank; i < TUFF_MAX_RANK; i++) shape.dim[i] = 0; /* whatever the caller left there */
    struct shape_attrs attrs = {shape};
    return tuff_graph_add(g, &tuff_op_reshape, &x, 1, &attrs);
}

static struct tuff_coords reshape_map(struct tuff_emitter *e, const struct tuff_value *value,
                                      const struct tuff_coords *coords)
{
    struct tuff_index flat = tuff_coords_flat(e, coords, &value->type.shape);
    return tuff_coords_of_flat(e, &flat, tuff_emit_shape(e, value->in[0]));
}

/* Of a chain the last one alone. */
static tuff_val reshape_simpler(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    tuff_val from = in[0];
    while (tuff_value_of(g, from)->op == value->op) from = tuff_value_of(g, from)->in[0];
    return tuff_reshape(g, from, value->type.shape);
}

const struct tuff_op tuff_op_reshape = {
    .name = "reshape",
    TUFF_MOVES,
    .traits = TUFF_KEEPS_ORDER | TUFF_KEEPS_MEMORY,
    TUFF_OPERANDS(1, 1),
    TUFF_ATTRS(shape_attr, struct shape_attrs),
    .infer = reshape_infer,
    .grad = reshape_grad,
    .simpler = reshape_simpler,
    .ref = tuff_same_ref,
    TUFF_VIEW(reshape_map),
};

tuff_val tuff_flatten(struct tuff_graph *g, tuff_val x)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    return tuff_reshape(g, x, TUFF_SHAPE(shape.rank ? shape.dim[0] : 1, 0));
}

tuff_val tuff_unsqueeze(struct tuff_graph *g, tuff_val x, int axis)
{
    struct tuff_shape old = tuff_type_of(g, x).shape, shape = {.rank = old.rank + 1};
    int64_t at = axis < 0 ? (int64_t)axis + shape.rank : axis;
    if (!tuff_graph_takes_one(g, "unsqueeze", x, 0)) return 0;
    if (shape.rank > TUFF_MAX_RANK)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "unsqueeze", &x, 1, "it has all of the %d axes that there may be",
                                 TUFF_MAX_RANK);
    if (at < 0 || at > (int)old.rank)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "unsqueeze", &x, 1,
                                 "there is no place %d for a new axis: 0 .. %u, or -1 .. -%u", axis, old.rank, shape.rank);
    for (uint32_t i = 0, k = 0; i < shape.rank; i++) shape.dim[i] = (int)i == at ? 1 : old.dim[k++];
    return tuff_reshape(g, x, shape);
}

/* ---- permute -------------------------------------------------------------------------------------------------------------- */

static const struct tuff_attr permute_attr[] = {
    {"order", "perm", TUFF_ATTR_LIST, 1, offsetof(struct tuff_permute_attrs, order)}};

static tuff_status permute_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_permute_attrs *attrs = infer->attrs;
    const struct tuff_shape *in = &infer->in[0]->shape;
    uint32_t seen = 0;
    *out = infer->in[0]->shape;
    for (uint32_t i = 0; i < in->rank; i++) {
        uint32_t from = i < attrs->order.count ? (uint32_t)attrs->order.at[i] : UINT32_MAX;
        if (attrs->order.count != in->rank || from >= in->rank || (seen >> from & 1))
            return tuff_infer_refuse(infer, "the order must name each of its %u axes once", in->rank);
        seen |= 1u << from;
        out->dim[i] = in->dim[from];
    }
    return TUFF_OK;
}

static void permute_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_permute_attrs *attrs = tuff_value_of(g, y)->attrs;
    uint32_t inverse[TUFF_MAX_RANK] = {0}, rank = tuff_type_of(g, y).shape.rank;
    for (uint32_t i = 0; i < rank; i++) inverse[attrs->order.at[i]] = i;
    gin[0] = tuff_permute(g, gy, inverse);
}

static void permute_ref(const struct tuff_ref *ref)
{
    const struct tuff_permute_attrs *attrs = ref->value->attrs;
    uint64_t strides[TUFF_MAX_RANK];
    int64_t steps[TUFF_MAX_RANK];
    tuff_strides(&ref->in_types[0].shape, strides);
    for (uint32_t k = 0; k < ref->value->type.shape.rank; k++) steps[k] = (int64_t)strides[attrs->order.at[k]];
    strided_ref(ref, 0, steps);
}

tuff_val tuff_permute(struct tuff_graph *g, tuff_val x, const uint32_t *order)
{
    int32_t axes[TUFF_MAX_RANK];
    uint32_t rank = tuff_type_of(g, x).shape.rank;
    bool identity = true;
    if (!tuff_graph_takes_one(g, "permute", x, 0)) return 0;
    if (!order) return tuff_graph_refuse(g, TUFF_ERR_USAGE, "permute", &x, 1, "the order is missing (NULL)");
    for (uint32_t i = 0; i < rank; i++) identity = (uint32_t)(axes[i] = (int32_t)order[i]) == i && identity;
    const struct tuff_permute_attrs attrs = {{rank, axes}};
    return identity ? x : tuff_graph_add(g, &tuff_op_permute, &x, 1, &attrs);
}

tuff_val tuff_transpose(struct tuff_graph *g, tuff_val x)
{
    uint32_t order[TUFF_MAX_RANK], rank = tuff_type_of(g, x).shape.rank;
    if (!tuff_graph_takes_one(g, "transpose", x, 0)) return 0;
    if (rank < 2) return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "transpose", &x, 1, "it must have two axes or more");
    for (uint32_t i = 0; i < rank; i++) order[i] = i + 2 == rank ? rank - 1 : i + 1 == rank ? rank - 2 : i;
    return tuff_permute(g, x, order);
}

bool tuff_is_transpose(const struct tuff_graph *g, tuff_val v)
{
    const struct tuff_value *value = tuff_value_of(g, v);
    const struct tuff_permute_attrs *p = value->attrs;
    uint32_t rank = value->type.shape.rank;
    if (value->op != &tuff_op_permute || rank < 2) return false;
    for (uint32_t i = 0; i < rank; i++)
        if ((uint32_t)p->order.at[i] != (i + 2 == rank ? rank - 1 : i + 1 == rank ? rank - 2 : i)) return false;
    return true;
}

static struct tuff_coords permute_map(struct tuff_emitter *e, const struct tuff_value *value,
                                      const struct tuff_coords *coords)
{
    const struct tuff_permute_attrs *attrs = value->attrs;
    struct tuff_coords inner = {.rank = coords->rank};
    (void)e;
    for (uint32_t i = 0; i < coords->rank; i++) inner.at[attrs->order.at[i]] = coords->at[i];
    return inner;
}

static tuff_val permute_simpler(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    const struct tuff_value *from = tuff_value_of(g, in[0]);
    const struct tuff_permute_attrs *outer = value->attrs, *inner = from->attrs;
    uint32_t order[TUFF_MAX_RANK];
    if (from->op != value->op) return 0;
    for (uint32_t i = 0; i < value->type.shape.rank; i++) order[i] = (uint32_t)inner->order.at[outer->order.at[i]];
    return tuff_permute(g, from->in[0], order);
}

const struct tuff_op tuff_op_permute = {
    .name = "permute",
    .onnx = "Transpose",
    TUFF_MOVES,
    .traits = TUFF_KEEPS_STRIDES,
    TUFF_OPERANDS(1, 1),
    TUFF_ATTRS(permute_attr, struct tuff_permute_attrs),
    .infer = permute_infer,
    .grad = permute_grad,
    .simpler = permute_simpler,
    .ref = permute_ref,
    TUFF_VIEW(permute_map),
};

/* ---- slice ---------------------------------------------------------------------------------------------------------------- */

static const struct tuff_attr slice_attr[] = {
    {"start", "", TUFF_ATTR_U32S, TUFF_MAX_RANK, offsetof(struct tuff_slice_attrs, start)},
    {"step", "", TUFF_ATTR_I32S, TUFF_MAX_RANK, offsetof(struct tuff_slice_attrs, step)},
    {"size", "", TUFF_ATTR_U32S, TUFF_MAX_RANK, offsetof(struct tuff_slice_attrs, size)},
};

static tuff_status slice_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_slice_attrs *attrs = infer->attrs;
    *out = infer->in[0]->shape;
    for (uint32_t i = 0; i < out->rank; i++) {
        int64_t first = attrs->start[i], last = first + (int64_t)attrs->step[i] * ((int64_t)attrs->size[i] - 1);
        bool step = attrs->step[i] != 0 && attrs->step[i] > INT32_MIN;
        if (!step || attrs->size[i] == 0 || first >= out->dim[i] || last < 0 || last >= out->dim[i]) {
            return tuff_infer_refuse(infer, "of axis %u, which has %u elements, it cannot take %u from %u on in steps of %d",
                                     i, out->dim[i], attrs->size[i], attrs->start[i], (int)attrs->step[i]);
        }
        out->dim[i] = attrs->size[i];
    }
    return TUFF_OK;
}

static tuff_val add_pad(struct tuff_graph *g, tuff_val x, const struct tuff_pad_attrs *attrs)
{
    uint32_t rank = tuff_type_of(g, x).shape.rank, any = 0;
    for (uint32_t i = 0; i < rank; i++) any |= attrs->before[i] | attrs->after[i] | attrs->interior[i];
    return any ? tuff_graph_add(g, &tuff_op_pad, &x, 1, attrs) : x;
}

/* Elements go back to where they came from: reversed axes are turned round, then zeros are put between and around. */
static void slice_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_slice_attrs attrs = *(const struct tuff_slice_attrs *)tuff_value_of(g, y)->attrs;
    struct tuff_shape in = tuff_type_of(g, tuff_value_of(g, y)->in[0]).shape, out = tuff_type_of(g, y).shape;
    uint32_t start[TUFF_MAX_RANK] = {0};
    int32_t step[TUFF_MAX_RANK] = {0};
    struct tuff_pad_attrs pad = {.value = 0};
    for (uint32_t i = 0; i < in.rank; i++) {
        bool back = attrs.step[i] < 0;
        uint32_t by = (uint32_t)(back ? -attrs.step[i] : attrs.step[i]);
        start[i] = back ? out.dim[i] - 1 : 0;
        step[i] = back ? -1 : 1;
        pad.before[i] = back ? attrs.start[i] - by * (out.dim[i] - 1) : attrs.start[i];
        pad.interior[i] = out.dim[i] > 1 ? by - 1 : 0;
        pad.after[i] = in.dim[i] - pad.before[i] - (out.dim[i] - 1) * (pad.interior[i] + 1) - 1;
    }
    gin[0] = add_pad(g, tuff_slice(g, gy, start, step, out.dim), &pad);
}

static void slice_ref(const struct tuff_ref *ref)
{
    const struct tuff_slice_attrs *attrs = ref->value->attrs;
    uint64_t strides[TUFF_MAX_RANK];
    int64_t steps[TUFF_MAX_RANK], from = 0;
    tuff_strides(&ref->in_types[0].shape, strides);
    for (uint32_t k = 0; k < ref->value->type.shape.rank; k++) {
        from += attrs->start[k] * (int64_t)strides[k];
        steps[k] = attrs->step[k] * (int64_t)strides[k];
    }
    strided_ref(ref, from, steps);
}

tuff_val tuff_slice(struct tuff_graph *g, tuff_val x, const uint32_t *start, const int32_t *step, const uint32_t *size)
{
    struct tuff_slice_attrs attrs = {{0}, {0}, {0}};
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    bool whole = true;
    if (!tuff_graph_takes_one(g, "slice", x, 0)) return 0;
    if (!start || !step || !size) return tuff_graph_refuse(g, TUFF_ERR_USAGE, "slice", &x, 1, "an array is missing (NULL)");
    for (uint32_t i = 0; i < shape.rank; i++) {
        attrs.start[i] = start[i];
        attrs.step[i] = step[i];
        attrs.size[i] = size[i];
        whole = whole && start[i] == 0 && size[i] == shape.dim[i] && (step[i] == 1 || size[i] == 1);
    }
    return whole ? x : tuff_graph_add(g, &tuff_op_slice, &x, 1, &attrs);
}

tuff_val tuff_slice_axis(struct tuff_graph *g, tuff_val x, uint32_t axis, uint32_t start, int32_t step, uint32_t size)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    uint32_t starts[TUFF_MAX_RANK] = {0};
    int32_t steps[TUFF_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    starts[axis] = start, steps[axis] = step, shape.dim[axis] = size;
    return tuff_slice(g, x, starts, steps, shape.dim);
}

tuff_val tuff_take_axis(struct tuff_graph *g, tuff_val x, uint32_t axis, uint32_t at)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    tuff_val one = tuff_slice_axis(g, x, axis, at, 1, 1);
    for (uint32_t i = axis + 1; i < shape.rank; i++) shape.dim[i - 1] = shape.dim[i];
    shape.rank -= shape.rank > 0;
    return one ? tuff_reshape(g, one, shape) : 0;
}

static struct tuff_coords slice_map(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    const struct tuff_slice_attrs *attrs = value->attrs;
    struct tuff_coords inner = {.rank = coords->rank};
    for (uint32_t i = 0; i < coords->rank; i++) {
        tuff_index_add(e, &inner.at[i], &coords->at[i], attrs->step[i]);
        inner.at[i].constant += attrs->start[i];
    }
    return inner;
}

/* A slice of the outermost axis that has more than one place lies in its operand as it is. */
static bool slice_offset(const struct tuff_value *value, const struct tuff_shape *in, uint64_t *offset)
{
    const struct tuff_slice_attrs *attrs = value->attrs;
    uint64_t strides[TUFF_MAX_RANK];
    bool inner = false; /* an axis of more than one place lies outside */
    tuff_strides(in, strides);
    *offset = 0;
    for (uint32_t i = 0; i < in->rank; i++) {
        if (attrs->size[i] > 1 && attrs->step[i] != 1) return false;
        if (inner && attrs->size[i] != in->dim[i]) return false;
        inner = inner || attrs->size[i] > 1;
        *offset += attrs->start[i] * strides[i];
    }
    return true;
}

const struct tuff_op tuff_op_slice = {
    .name = "slice",
    TUFF_MOVES,
    .traits = TUFF_KEEPS_STRIDES | TUFF_KEEPS_MEMORY,
    TUFF_OPERANDS(1, 1),
    TUFF_ATTRS(slice_attr, struct tuff_slice_attrs),
    .infer = slice_infer,
    .grad = slice_grad,
    .ref = slice_ref,
    TUFF_VIEW(slice_map),
    .offset = slice_offset,
};

/* ---- expand --------------------------------------------------------------------------------------------------------------- */

static tuff_status expand_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct shape_attrs *attrs = infer->attrs;
    const struct tuff_shape *in = &infer->in[0]->shape, *to = &attrs->shape;
    bool fits = in->rank <= to->rank && to->rank <= TUFF_MAX_RANK;
    for (uint32_t i = 0; fits && i < in->rank; i++) {
        uint32_t from = in->dim[in->rank - 1 - i];
        fits = from == 1 || from == to->dim[to->rank - 1 - i];
    }
    if (!fits) {
        char text[128];
        return tuff_infer_refuse(infer,
                                 "it does not broadcast to %s: aligned at the right, each of its axes must be as long, or 1",
                                 tuff_shape_text(to, text, sizeof text));
    }
    *out = *to;
    return TUFF_OK;
}

static void expand_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    gin[0] = tuff_sum_to(g, gy, tuff_type_of(g, tuff_value_of(g, y)->in[0]).shape);
}

static void expand_ref(const struct tuff_ref *ref)
{
    const struct tuff_shape *in = &ref->in_types[0].shape;
    uint64_t strides[TUFF_MAX_RANK];
    int64_t steps[TUFF_MAX_RANK] = {0}, *last = steps + ref->value->type.shape.rank - in->rank;
    tuff_strides(in, strides);
    for (uint32_t k = 0; k < in->rank; k++) last[k] = in->dim[k] == 1 ? 0 : (int64_t)strides[k];
    strided_ref(ref, 0, steps);
}

static struct tuff_coords expand_map(struct tuff_emitter *e, const struct tuff_value *value,
                                     const struct tuff_coords *coords)
{
    const struct tuff_shape *in = tuff_emit_shape(e, value->in[0]);
    struct tuff_coords inner = {.rank = in->rank};
    for (uint32_t i = 0; i < in->rank; i++)
        if (in->dim[i] > 1) inner.at[i] = coords->at[coords->rank - in->rank + i];
    return inner;
}

tuff_val tuff_expand(struct tuff_graph *g, tuff_val x, struct tuff_shape shape)
{
    if (!tuff_graph_takes_one(g, "expand", x, 0)) return 0;
    struct tuff_shape old = tuff_type_of(g, x).shape;
    if (x && tuff_shape_equal(&old, &shape)) return x;
    struct shape_attrs attrs = {shape};
    return tuff_graph_add(g, &tuff_op_expand, &x, 1, &attrs);
}

tuff_val tuff_sum_to(struct tuff_graph *g, tuff_val gy, struct tuff_shape shape)
{
    struct tuff_shape from = tuff_type_of(g, gy).shape;
    uint32_t axes = 0, skip = from.rank - shape.rank;
    if (!gy || tuff_shape_equal(&from, &shape)) return gy;
    for (uint32_t i = 0; i < from.rank; i++)
        if (i < skip || (shape.dim[i - skip] == 1 && from.dim[i] != 1)) axes |= 1u << i;
    return tuff_reshape(g, axes ? tuff_sum(g, gy, axes, TUFF_KEEP_AXES) : gy, shape);
}

const struct tuff_op tuff_op_expand = {
    .name = "expand",
    TUFF_MOVES,
    .traits = TUFF_KEEPS_STRIDES,
    TUFF_OPERANDS(1, 1),
    TUFF_ATTRS(shape_attr, struct shape_attrs),
    .infer = expand_infer,
    .grad = expand_grad,
    .ref = expand_ref,
    TUFF_VIEW(expand_map),
};

/* ---- pad ------------------------------------------------------------------------------------------------------------------ */

static const struct tuff_attr pad_attr[] = {
    {"before", "", TUFF_ATTR_U32S, TUFF_MAX_RANK, offsetof(struct tuff_pad_attrs, before)},
    {"after", "", TUFF_ATTR_U32S, TUFF_MAX_RANK, offsetof(struct tuff_pad_attrs, after)},
    {"interior", "", TUFF_ATTR_U32S, TUFF_MAX_RANK, offsetof(struct tuff_pad_attrs, interior)},
    {"value", "", TUFF_ATTR_F64, 1, offsetof(struct tuff_pad_attrs, value)},
};

static tuff_status pad_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_pad_attrs *attrs = infer->attrs;
    *out = infer->in[0]->shape;
    for (uint32_t i = 0; i < out->rank; i++) {
        uint64_t dim = (uint64_t)attrs->before[i] + (uint64_t)(out->dim[i] - 1) * ((uint64_t)attrs->interior[i] + 1) + 1 +
                       attrs->after[i];
        if (dim > INT32_MAX || attrs->interior[i] >= INT32_MAX)
            return tuff_infer_refuse(infer, "axis %u would have more than 2^31 - 1 elements", i);
        out->dim[i] = (uint32_t)dim;
    }
    return TUFF_OK;
}

static void pad_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_pad_attrs *attrs = tuff_value_of(g, y)->attrs;
    struct tuff_shape in = tuff_type_of(g, tuff_value_of(g, y)->in[0]).shape;
    int32_t step[TUFF_MAX_RANK];
    for (uint32_t i = 0; i < in.rank; i++) step[i] = (int32_t)attrs->interior[i] + 1;
    gin[0] = tuff_slice(g, gy, attrs->before, step, in.dim);
}

static void pad_ref(const struct tuff_ref *ref)
{
    const struct tuff_pad_attrs *attrs = ref->value->attrs;
    const struct tuff_shape *shape = &ref->value->type.shape, *in = &ref->in_types[0].shape;
    uint64_t strides[TUFF_MAX_RANK], count = tuff_shape_count(in);
    uint32_t at[TUFF_MAX_RANK] = {0};
    tuff_strides(shape, strides);
    double outside = tuff_dtype_number(ref->value->type.dtype, attrs->value);
    for (uint64_t i = tuff_shape_count(shape); i-- > 0;) ref->out[i] = outside;
    for (uint64_t i = 0; i < count; i++, next(in, at)) {
        uint64_t to = 0;
        for (uint32_t k = 0; k < in->rank; k++) to += (attrs->before[k] + at[k] * (attrs->interior[k] + 1)) * strides[k];
        ref->out[to] = ref->in[0][i];
    }
}

tuff_val tuff_pad(struct tuff_graph *g, tuff_val x, const uint32_t *before, const uint32_t *after, double value)
{
    struct tuff_pad_attrs attrs = {.value = value};
    uint32_t rank = tuff_type_of(g, x).shape.rank;
    if (!tuff_graph_takes_one(g, "pad", x, 0)) return 0;
    if (!before || !after) return tuff_graph_refuse(g, TUFF_ERR_USAGE, "pad", &x, 1, "an array is missing (NULL)");
    for (uint32_t i = 0; i < rank; i++) {
        attrs.before[i] = before[i];
        attrs.after[i] = after[i];
    }
    return add_pad(g, x, &attrs);
}

static const char *pad_emit(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    struct tuff_text *t = tuff_emit_text(e);
    const struct tuff_pad_attrs *attrs = value->attrs;
    const struct tuff_shape *in = tuff_emit_shape(e, value->in[0]);
    struct tuff_coords inner = {.rank = coords->rank};
    struct tuff_text condition;
    tuff_text_init(&condition, t->context);
    for (uint32_t i = 0; i < coords->rank; i++) {
        inner.at[i] = coords->at[i];
        if (!(attrs->before[i] | attrs->after[i] | attrs->interior[i])) continue;
        struct tuff_index shifted = coords->at[i];
        shifted.constant -= attrs->before[i]; /* wraps below zero, and fails the comparison */
        shifted = tuff_index_variable(e, &shifted, (uint64_t)(in->dim[i] - 1) * (attrs->interior[i] + 1) + 1);
        const char *name = tuff_index_name(e, &shifted);
        uint32_t length = (in->dim[i] - 1) * (attrs->interior[i] + 1) + 1;
        tuff_text_add(&condition, "%s%s < %s", condition.length ? " && " : "", name, tuff_emit_number(e, length));
        if (attrs->interior[i]) {
            tuff_text_add(&condition, " && %s == 0u", tuff_emit_rest(e, name, attrs->interior[i] + 1));
            shifted.term[0].div = attrs->interior[i] + 1;
        }
        inner.at[i] = shifted;
    }
    const char *name = tuff_emit_name(e), *type = tuff_glsl_type(value->type.dtype);
    tuff_text_add(t, "    %s %s = %s; if (%s) {\n", type, name, tuff_emit_literal(e, value->type.dtype, attrs->value),
                  condition.data ? condition.data : "true");
    uint32_t mark = tuff_emit_open(e);
    tuff_text_add(t, "    %s = %s; }\n", name, tuff_emit_value(e, value->in[0], &inner));
    tuff_emit_close(e, mark);
    if (condition.failed) tuff_emit_fail(e);
    tuff_text_finish(&condition);
    return name;
}

static void pad_plain(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *at)
{
    const struct tuff_pad_attrs *attrs = value->attrs;
    const struct tuff_shape *x = tuff_emit_shape(e, value->in[0]);
    struct tuff_coords inner = {.rank = x->rank};
    uint32_t base[TUFF_MAX_RANK] = {0};
    for (uint32_t i = 0; i < x->rank; i++) {
        inner.at[i] = at->at[i];
        if (!(attrs->before[i] | attrs->after[i] | attrs->interior[i])) continue;
        base[i] = tuff_emit_base(e, "padded", x->dim[i]);
        inner.at[i] = tuff_index_base(base[i]);
    }
    struct tuff_index from = tuff_plain_operand(e, 0, value->in[0], &inner);
    tuff_plain_spec(e, TUFF_PLAIN_WHAT, TUFF_PLAIN_PAD_WITH);
    tuff_plain_spec(e, TUFF_PLAIN_NUMBER, tuff_register_bits(value->type.dtype, attrs->value));
    for (uint32_t i = 0; i < x->rank; i++) {
        uint32_t id = TUFF_PLAIN_PAD + TUFF_PLAIN_PAD_STEP * i, step = attrs->interior[i] + 1;
        if (!base[i]) continue;
        const struct tuff_index *c = &at->at[i]; /* one digit of the element's number, none where the axis has one place */
        tuff_plain_spec(e, id, c->count ? c->term[0].div : 1);
        tuff_plain_spec(e, id + 1, c->count ? c->term[0].mod : 1);
        tuff_plain_spec(e, id + 2, attrs->before[i]);
        tuff_plain_spec(e, id + 3, (x->dim[i] - 1) * step + 1);
        tuff_plain_spec(e, id + 4, step);
        tuff_plain_spec(e, id + 5, tuff_plain_stride(&from, base[i]));
    }
}

static tuff_status pad_bound(const struct tuff_bound *b)
{
    struct tuff_pad_attrs attrs = *(const struct tuff_pad_attrs *)b->value->attrs;
    struct tuff_value value = *b->value;
    attrs.value = fabs((double)(float)attrs.value - attrs.value);
    value.attrs = &attrs;
    return tuff_bound_moved(b, &value);
}

const struct tuff_op tuff_op_pad = {
    .name = "pad",
    .edges = "moves what is there",
    .integers = TUFF_INTEGERS_KEPT,
    TUFF_OPERANDS(1, 1),
    TUFF_ATTRS(pad_attr, struct tuff_pad_attrs),
    .infer = pad_infer,
    .result = TUFF_RESULT_OPERAND_0,
    .grad = pad_grad,
    .ref = pad_ref,
    .bound = pad_bound,
    .cost = 6,
    TUFF_WRITTEN(pad_emit, pad_plain),
};

/* ---- concat --------------------------------------------------------------------------------------------------------------- */

static tuff_status concat_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_axis_attrs *attrs = infer->attrs;
    *out = infer->in[0]->shape;
    if (attrs->axis < 0 || (uint32_t)attrs->axis >= out->rank)
        return tuff_infer_refuse(infer, "there is no axis %d", (int)attrs->axis);
    uint64_t sum = out->dim[attrs->axis];
    for (uint32_t k = 1; k < infer->in_count; k++) {
        struct tuff_type in = tuff_type_of(infer->graph, infer->in_values[k]);
        sum += in.shape.dim[attrs->axis];
        bool fits = in.dtype == infer->in[0]->dtype && in.shape.rank == out->rank;
        for (uint32_t i = 0; fits && i < in.shape.rank; i++)
            fits = (int32_t)i == attrs->axis || in.shape.dim[i] == out->dim[i];
        if (sum > INT32_MAX) return tuff_infer_refuse(infer, "the result would have more than 2^31 - 1 elements");
        if (!fits) {
            char text[TUFF_VALUE_TEXT];
            return tuff_infer_refuse(infer, "%s does not fit the first: but for axis %d, shapes and types must be equal",
                                     tuff_value_text(infer->graph, infer->in_values[k], text, sizeof text),
                                     (int)attrs->axis);
        }
    }
    out->dim[attrs->axis] = (uint32_t)sum;
    return TUFF_OK;
}

static void concat_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value value = *tuff_value_of(g, y);
    uint32_t axis = (uint32_t)((const struct tuff_axis_attrs *)value.attrs)->axis, start = 0;
    for (uint32_t k = 0; k < value.in_count; k++) {
        uint32_t size = tuff_type_of(g, value.in[k]).shape.dim[axis];
        gin[k] = tuff_slice_axis(g, gy, axis, start, 1, size);
        start += size;
    }
}

static void concat_ref(const struct tuff_ref *ref)
{
    int32_t axis = ((const struct tuff_axis_attrs *)ref->value->attrs)->axis;
    const struct tuff_shape *shape = &ref->value->type.shape;
    uint64_t outer, inner, at = 0;
    tuff_around_axis(shape, axis, &outer, &inner);
    for (uint32_t k = 0; k < ref->value->in_count; k++) {
        uint64_t part = ref->in_types[k].shape.dim[axis] * inner;
        for (uint64_t o = 0; o < outer; o++)
            memcpy(ref->out + o * shape->dim[axis] * inner + at, ref->in[k] + o * part, (size_t)part * sizeof *ref->out);
        at += part;
    }
}

tuff_val tuff_concat(struct tuff_graph *g, const tuff_val *x, uint32_t count, int axis)
{
    if (!x || count == 0) return tuff_graph_fail(g, TUFF_ERR_USAGE, "concat: it needs values, and has none");
    if (!tuff_graph_takes(g, "concat", x, count)) return 0;
    if (count > 1) return tuff_add_along(g, &tuff_op_concat, x, count, axis);
    return tuff_axis(g, "concat", x[0], axis) < 0 ? 0 : x[0];
}

static const char *concat_emit(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    struct tuff_text *t = tuff_emit_text(e);
    uint32_t axis = (uint32_t)((const struct tuff_axis_attrs *)value->attrs)->axis, from = 0;
    const char *name = tuff_emit_name(e);
    struct tuff_index along = tuff_index_variable(e, &coords->at[axis], value->type.shape.dim[axis]);
    const char *at = tuff_index_name(e, &along);
    tuff_text_add(t, "    %s %s;\n", tuff_glsl_type(value->type.dtype), name);
    for (uint32_t k = 0; k < value->in_count; k++) {
        uint32_t dim = tuff_emit_shape(e, value->in[k])->dim[axis];
        if (k + 1 < value->in_count)
            tuff_text_add(t, "    if (%s < %s) {\n", at, tuff_emit_number(e, from + dim));
        else
            tuff_text_add(t, "    {\n");
        uint32_t mark = tuff_emit_open(e);
        struct tuff_index part = coords->at[axis];
        part.constant -= from;
        if (dim == 1) part = (struct tuff_index){.count = 0};
        struct tuff_coords inner = tuff_coords_with(coords, axis, &part);
        tuff_text_add(t, "    %s = %s; }\n", name, tuff_emit_value(e, value->in[k], &inner));
        tuff_emit_close(e, mark);
        if (k + 1 < value->in_count) tuff_text_add(t, "    else\n");
        from += dim;
    }
    return name;
}

static void concat_plain(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *at)
{
    uint32_t axis = (uint32_t)((const struct tuff_axis_attrs *)value->attrs)->axis, end = 0;
    const struct tuff_index *along = &at->at[axis];
    for (uint32_t k = 0; k < value->in_count; k++) {
        struct tuff_index part = *along;
        part.constant -= end;
        struct tuff_coords inner = tuff_coords_with(at, axis, &part);
        tuff_plain_operand(e, k, value->in[k], &inner);
        end += tuff_emit_shape(e, value->in[k])->dim[axis];
        if (k + 1 < value->in_count) tuff_plain_spec(e, TUFF_PLAIN_NUMBER + 2 + k, end);
    }
    for (uint32_t k = value->in_count - 1; k < TUFF_PLAIN_OPERANDS - 1;
         k++) /* the last one, once for each that is left out */
        tuff_plain_spec(e, TUFF_PLAIN_NUMBER + 2 + k, k + 1 == value->in_count ? UINT32_MAX : 0);
    tuff_plain_spec(e, TUFF_PLAIN_WHAT, TUFF_PLAIN_CONCAT);
    tuff_plain_spec(e, TUFF_PLAIN_NUMBER, along->count ? along->term[0].div : 1);
    tuff_plain_spec(e, TUFF_PLAIN_NUMBER + 1, along->count ? along->term[0].mod : 1);
}

const struct tuff_op tuff_op_concat = {
    .name = "concat",
    .onnx = "Concat",
    TUFF_MOVES,
    .traits = TUFF_TAKES_PARTS,
    TUFF_OPERANDS(1, 255),
    TUFF_ATTRS(tuff_axis_attr, struct tuff_axis_attrs),
    .infer = concat_infer,
    .grad = concat_grad,
    .ref = concat_ref,
    .cost = 6,
    TUFF_WRITTEN(concat_emit, concat_plain),
};
