/* index.c - iota, gather, gather_elements, scatter, topk, random numbers. Negative indices count from the end; kernels clamp them. */
#include "graph/bound.h"
#include "graph/compile/emit_op.h"
#include "graph/ops/leaf.h"
#include "graph/ops/view.h"
#include "graph/philox.h"
#include "graph/pw_math.h"

#include <math.h>
#include <stdio.h>

struct iota_attrs {
    int32_t axis;
    struct tuff_shape shape;
};
/* random_uniform: the element's number within the value is the counter */
struct random_attrs {
    int32_t stream; /* number of the value among the random ones of its graph */
    struct tuff_shape shape;
};

static int64_t clamp_index(double index, int64_t size)
{
    int64_t i = index < -2147483648.0 ? INT32_MIN : (index > 2147483647.0 ? INT32_MAX : (int64_t)index);
    i = i < 0 ? i + size : i;
    return i < 0 ? 0 : (i >= size ? size - 1 : i);
}

/* ---- iota ------------------------------------------------------------------------------------------------------------------- */

static const struct tuff_attr iota_attr[] = {
    {"axis", "", TUFF_ATTR_I32, 1, offsetof(struct iota_attrs, axis)},
    {"shape", "", TUFF_ATTR_SHAPE, 1, offsetof(struct iota_attrs, shape)},
};

static tuff_status iota_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct iota_attrs *attrs = infer->attrs;
    *out = attrs->shape;
    if (attrs->shape.rank <= TUFF_MAX_RANK && attrs->axis >= 0 && (uint32_t)attrs->axis < attrs->shape.rank) return TUFF_OK;
    if (attrs->shape.rank > TUFF_MAX_RANK)
        return tuff_infer_refuse(infer, "a shape has at most %d axes, not %u", TUFF_MAX_RANK, attrs->shape.rank);
    return tuff_infer_refuse(infer, "its shape of %u axes has no axis %d", attrs->shape.rank, (int)attrs->axis);
}

static void iota_ref(const struct tuff_ref *ref)
{
    const struct iota_attrs *attrs = ref->value->attrs;
    uint64_t outer, inner, count = tuff_shape_count(&attrs->shape);
    tuff_around_axis(&attrs->shape, attrs->axis, &outer, &inner);
    for (uint64_t i = 0; i < count; i++) ref->out[i] = (double)(i / inner % attrs->shape.dim[attrs->axis]);
}

tuff_val tuff_iota(struct tuff_graph *g, struct tuff_shape shape, int axis)
{
    bool counts = axis < 0 && shape.rank <= TUFF_MAX_RANK; /* from the end */
    struct iota_attrs attrs = {counts ? axis + (int)shape.rank : axis, shape};
    return tuff_graph_add(g, &tuff_op_iota, NULL, 0, &attrs);
}

static const char *iota_emit(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    const char *name = tuff_emit_name(e);
    tuff_text_add(tuff_emit_text(e), "    int %s = int(", name);
    tuff_index_text(e, &coords->at[((const struct iota_attrs *)value->attrs)->axis], tuff_emit_text(e));
    tuff_text_add(tuff_emit_text(e), ");\n");
    return name;
}

static struct tuff_index iota_number(const struct tuff_value *value, const struct tuff_coords *coords)
{
    return coords->at[((const struct iota_attrs *)value->attrs)->axis];
}

const struct tuff_op tuff_op_iota = {
    .name = "iota",
    .class = TUFF_CLASS_INLINE,
    TUFF_ATTRS(iota_attr, struct iota_attrs),
    .infer = iota_infer,
    .result = TUFF_RESULT_I32,
    .nondiff = "has no operands",
    .ref = iota_ref,
    .error = TUFF_ERROR_NONE,
    .emit = iota_emit,
    .number = iota_number,
};

/* ---- gather ----------------------------------------------------------------------------------------------------------------- */

static tuff_status gather_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    int axis = ((const struct tuff_axis_attrs *)infer->attrs)->axis;
    const struct tuff_shape *x = &infer->in[0]->shape, *indices = &infer->in[1]->shape;
    if (infer->in[1]->dtype != TUFF_I32) return tuff_infer_refuse(infer, "the indices, operand 2, must be i32: cast them");
    if (axis < 0 || (uint32_t)axis >= x->rank) return tuff_infer_refuse(infer, "there is no axis %d", axis);
    if (x->rank - 1 + indices->rank > TUFF_MAX_RANK)
        return tuff_infer_refuse(infer, "the result would have more than %d axes", TUFF_MAX_RANK);
    bool blocks = tuff_is_blocks(infer->in[0]->dtype);
    if (blocks && (axis != 0 || x->rank < 2))
        return tuff_infer_refuse(infer, "of quantized weights only rows (axis 0) can be gathered");
    *out = (struct tuff_shape){0};
    for (uint32_t i = 0; i < x->rank; i++) {
        if ((int)i != axis)
            out->dim[out->rank++] = x->dim[i];
        else
            for (uint32_t k = 0; k < indices->rank; k++) out->dim[out->rank++] = indices->dim[k];
    }
    return TUFF_OK;
}

/* Rows of gy are added to the rows they came from: [outer, indices, inner] into [outer, n, inner]. */
static void gather_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value value = *tuff_value_of(g, y);
    int axis = ((const struct tuff_axis_attrs *)value.attrs)->axis;
    struct tuff_shape x = tuff_type_of(g, value.in[0]).shape, indices = tuff_type_of(g, value.in[1]).shape;
    uint64_t outer, inner, count = tuff_shape_count(&indices);
    tuff_around_axis(&x, axis, &outer, &inner);
    struct tuff_shape rows = TUFF_SHAPE((uint32_t)outer, (uint32_t)count, (uint32_t)inner);
    struct tuff_shape into = TUFF_SHAPE((uint32_t)outer, x.dim[axis], (uint32_t)inner);
    tuff_val at = tuff_reshape(g, value.in[1], TUFF_SHAPE(1, (uint32_t)count, 1));
    tuff_val parts = tuff_reshape(g, gy, rows), sum = tuff_scatter_add(g, tuff_full(g, TUFF_F32, into, 0), at, parts, 1);
    gin[0] = tuff_reshape(g, sum, x);
}

static void gather_ref(const struct tuff_ref *ref)
{
    int axis = ((const struct tuff_axis_attrs *)ref->value->attrs)->axis;
    const struct tuff_shape *x = &ref->in_types[0].shape;
    uint64_t outer, inner, count = tuff_shape_count(&ref->in_types[1].shape), at = 0;
    tuff_around_axis(x, axis, &outer, &inner);
    for (uint64_t o = 0; o < outer; o++)
        for (uint64_t k = 0; k < count; k++) {
            uint64_t row = o * x->dim[axis] + (uint64_t)clamp_index(ref->in[1][k], x->dim[axis]);
            for (uint64_t i = 0; i < inner; i++) ref->out[at++] = ref->in[0][row * inner + i];
        }
}

tuff_val tuff_gather(struct tuff_graph *g, tuff_val x, tuff_val indices, int axis)
{
    return tuff_add_along(g, &tuff_op_gather, (tuff_val[]){x, indices}, 2, axis);
}

/* Place that holds the index value, counted from the end when negative, clamped to 0 .. dim-1. */
static struct tuff_index emit_clamped(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *where, uint32_t dim)
{
    struct tuff_place_text outer;
    tuff_emit_begin_place(e, &outer);
    const char *index = tuff_emit_value(e, v, where);
    const char *size = tuff_emit_number(e, dim), *name = tuff_emit_name(e);
    tuff_text_add(tuff_emit_text(e), "    uint %s = uint(clamp(%s < 0 ? %s + int(%s) : %s, 0, int(%s) - 1));\n", name, index,
                  index, size, index, size);
    return tuff_emit_end_place(e, &outer, name, dim);
}

/* Where x and the indices are read at an element of the result; the gathered axis of x's coordinates is still to be filled. */
static void gather_places(const struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords,
                          struct tuff_coords *inner, struct tuff_coords *where)
{
    uint32_t axis = (uint32_t)((const struct tuff_axis_attrs *)value->attrs)->axis;
    const struct tuff_shape *x = tuff_emit_shape(e, value->in[0]), *indices = tuff_emit_shape(e, value->in[1]);
    *where = (struct tuff_coords){.rank = indices->rank};
    *inner = (struct tuff_coords){.rank = x->rank};
    for (uint32_t i = 0; i < indices->rank; i++) where->at[i] = coords->at[axis + i];
    for (uint32_t i = 0; i < x->rank; i++)
        if (i != axis) inner->at[i] = coords->at[i < axis ? i : i + indices->rank - 1];
}

static const char *gather_emit(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    uint32_t axis = (uint32_t)((const struct tuff_axis_attrs *)value->attrs)->axis;
    struct tuff_coords inner, where;
    gather_places(e, value, coords, &inner, &where);
    inner.at[axis] = emit_clamped(e, value->in[1], &where, tuff_emit_shape(e, value->in[0])->dim[axis]);
    return tuff_emit_value(e, value->in[0], &inner);
}

static void plain_gathered(struct tuff_emitter *e, const struct tuff_value *value, struct tuff_coords *inner,
                           const struct tuff_coords *where)
{
    uint32_t axis = (uint32_t)((const struct tuff_axis_attrs *)value->attrs)->axis;
    uint32_t dim = tuff_emit_shape(e, value->in[0])->dim[axis], base = tuff_emit_base(e, "gathered", dim);
    struct tuff_index at = tuff_index_base(base);
    *inner = tuff_coords_with(inner, axis, &at);
    struct tuff_index from = tuff_plain_operand(e, 0, value->in[0], inner);
    tuff_plain_operand(e, 1, value->in[1], where);
    tuff_plain_spec(e, TUFF_PLAIN_WHAT, TUFF_PLAIN_GATHER);
    tuff_plain_spec(e, TUFF_PLAIN_NUMBER, dim);
    tuff_plain_spec(e, TUFF_PLAIN_NUMBER + 1, tuff_plain_stride(&from, base));
}

static void gather_plain(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    struct tuff_coords inner, where;
    gather_places(e, value, coords, &inner, &where);
    plain_gathered(e, value, &inner, &where);
}

const struct tuff_op tuff_op_gather = {
    .name = "gather",
    .takes_blocks = 1,
    .onnx = "Gather",
    TUFF_MOVES,
    .traits = TUFF_TAKES_PLACES,
    TUFF_OPERANDS(2, 2),
    TUFF_ATTRS(tuff_axis_attr, struct tuff_axis_attrs),
    .infer = gather_infer,
    .grad = gather_grad,
    .ref = gather_ref,
    .cost = 4,
    TUFF_WRITTEN(gather_emit, gather_plain),
};

/* ---- gather_elements, scatter ---------------------------------------------------------------------------------------------- */

static bool fits_inside(const struct tuff_shape *small, const struct tuff_shape *large, int axis)
{
    bool fits = small->rank == large->rank && axis >= 0 && (uint32_t)axis < large->rank;
    for (uint32_t i = 0; fits && i < small->rank; i++) fits = (int)i == axis || small->dim[i] <= large->dim[i];
    return fits;
}

static tuff_status gather_elements_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    int axis = ((const struct tuff_axis_attrs *)infer->attrs)->axis;
    if (infer->in[1]->dtype != TUFF_I32) return tuff_infer_refuse(infer, "the indices, operand 2, must be i32: cast them");
    if (!fits_inside(&infer->in[1]->shape, &infer->in[0]->shape, axis))
        return tuff_infer_refuse(infer, "but for axis %d, no axis of the indices may be longer than that of the first",
                                 axis);
    *out = infer->in[1]->shape;
    return TUFF_OK;
}

static void gather_elements_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value value = *tuff_value_of(g, y);
    int axis = ((const struct tuff_axis_attrs *)value.attrs)->axis;
    gin[0] = tuff_scatter_add(g, tuff_full(g, TUFF_F32, tuff_type_of(g, value.in[0]).shape, 0), value.in[1], gy, axis);
}

/* Element of `large` that element i of `small` names; *index is where along the axis. */
static uint64_t named_element(const struct tuff_shape *small, const struct tuff_shape *large, int axis, uint64_t i,
                              double index)
{
    uint64_t at = 0, stride = 1;
    for (uint32_t k = small->rank; k-- > 0;) {
        uint64_t c = i % small->dim[k];
        i /= small->dim[k];
        at += ((int)k == axis ? (uint64_t)clamp_index(index, large->dim[k]) : c) * stride;
        stride *= large->dim[k];
    }
    return at;
}

static void gather_elements_ref(const struct tuff_ref *ref)
{
    int axis = ((const struct tuff_axis_attrs *)ref->value->attrs)->axis;
    const struct tuff_shape *small = &ref->value->type.shape, *large = &ref->in_types[0].shape;
    for (uint64_t i = tuff_shape_count(small); i-- > 0;)
        ref->out[i] = ref->in[0][named_element(small, large, axis, i, ref->in[1][i])];
}

tuff_val tuff_gather_elements(struct tuff_graph *g, tuff_val x, tuff_val indices, int axis)
{
    return tuff_add_along(g, &tuff_op_gather_elements, (tuff_val[]){x, indices}, 2, axis);
}

static const char *gather_elements_emit(struct tuff_emitter *e, const struct tuff_value *value,
                                        const struct tuff_coords *coords)
{
    uint32_t axis = (uint32_t)((const struct tuff_axis_attrs *)value->attrs)->axis;
    struct tuff_index at = emit_clamped(e, value->in[1], coords, tuff_emit_shape(e, value->in[0])->dim[axis]);
    struct tuff_coords inner = tuff_coords_with(coords, axis, &at);
    return tuff_emit_value(e, value->in[0], &inner);
}

static void gather_elements_plain(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    struct tuff_coords inner = *coords;
    plain_gathered(e, value, &inner, coords);
}

const struct tuff_op tuff_op_gather_elements = {
    .name = "gather_elements",
    .onnx = "GatherElements",
    TUFF_MOVES,
    .traits = TUFF_TAKES_PLACES,
    TUFF_OPERANDS(2, 2),
    TUFF_ATTRS(tuff_axis_attr, struct tuff_axis_attrs),
    .infer = gather_elements_infer,
    .grad = gather_elements_grad,
    .ref = gather_elements_ref,
    .cost = 4,
    TUFF_WRITTEN(gather_elements_emit, gather_elements_plain),
};

struct scatter_attrs { /* of scatter_add the first alone */
    int32_t axis, mode;
};
static const struct tuff_attr scatter_attr[] = {
    {"axis", "axis", TUFF_ATTR_I32, 1, offsetof(struct scatter_attrs, axis)},
    {"mode", "", TUFF_ATTR_I32, 1, offsetof(struct scatter_attrs, mode)},
};

static enum tuff_scatter_mode mode_of(const struct tuff_value *value)
{
    if (value->op == &tuff_op_scatter_add) return TUFF_SCATTER_ADD;
    return (enum tuff_scatter_mode)((const struct scatter_attrs *)value->attrs)->mode;
}

/* One index for all of a row: [1, .., count, .., 1], and rows as long as those of x */
static bool is_by_rows(const struct tuff_shape *x, const struct tuff_shape *indices, const struct tuff_shape *source,
                       int axis)
{
    bool rows = indices->rank == x->rank && source->rank == x->rank && axis >= 0 && (uint32_t)axis < x->rank;
    for (uint32_t i = 0; rows && i < x->rank; i++)
        rows = (int)i == axis ? indices->dim[i] == source->dim[i] : indices->dim[i] == 1 && source->dim[i] == x->dim[i];
    return rows;
}

static tuff_status scatter_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    int axis = ((const struct tuff_axis_attrs *)infer->attrs)->axis;
    enum tuff_dtype dtype = infer->in[0]->dtype;
    if (infer->op == &tuff_op_scatter && (unsigned)((const struct scatter_attrs *)infer->attrs)->mode > TUFF_SCATTER_MAX)
        return tuff_infer_refuse(infer, "its mode is none of enum tuff_scatter_mode");
    if (infer->in[1]->dtype != TUFF_I32 || (dtype != TUFF_F32 && dtype != TUFF_I32) || infer->in[2]->dtype != dtype)
        return tuff_infer_refuse(infer, "it takes f32 or i32, indices of i32, and a source as the first: cast them");
    if (!is_by_rows(&infer->in[0]->shape, &infer->in[1]->shape, &infer->in[2]->shape, axis) &&
        (!fits_inside(&infer->in[1]->shape, &infer->in[0]->shape, axis) ||
         !tuff_shape_equal(&infer->in[1]->shape, &infer->in[2]->shape)))
        return tuff_infer_refuse(
            infer, "indices and source must have the same shape, whose axes but %d are not longer than the first's", axis);
    *out = infer->in[0]->shape;
    return TUFF_OK;
}

/* Of what is put in place of others the last ones alone; ties of extrema share the gradient evenly, as in PyTorch's scatter_reduce. */
static void scatter_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value value = *tuff_value_of(g, y);
    int axis = ((const struct tuff_axis_attrs *)value.attrs)->axis;
    enum tuff_scatter_mode mode = mode_of(&value);
    tuff_val x = value.in[0], at = value.in[1], source = value.in[2], zero = tuff_scalar(g, 0);
    struct tuff_shape all = tuff_type_of(g, x).shape, shape = tuff_type_of(g, source).shape;
    tuff_val each = tuff_expand(g, at, shape), gathered = tuff_gather_elements(g, gy, each, axis);
    if (mode == TUFF_SCATTER_ADD) {
        gin[0] = gy;
        gin[2] = gathered;
    } else if (mode == TUFF_SCATTER_NONE) {
        tuff_val place = tuff_iota(g, shape, axis), none = tuff_full(g, TUFF_I32, all, -1);
        tuff_val last = tuff_scatter(g, none, at, place, axis, TUFF_SCATTER_NONE);
        gin[0] = tuff_select(g, tuff_less(g, last, tuff_full(g, TUFF_I32, all, 0)), gy, zero);
        gin[2] = tuff_select(g, tuff_equal(g, tuff_gather_elements(g, last, each, axis), place), gathered, zero);
    } else if (mode == TUFF_SCATTER_MUL) {
        tuff_val mine = tuff_is_zero(g, x), zeros = tuff_scatter_add(g, mine, at, tuff_is_zero(g, source), axis);
        mine = tuff_factor(g, x);
        tuff_val product = tuff_scatter(g, mine, at, tuff_factor(g, source), axis, mode);
        gin[0] = tuff_mul(g, gy, tuff_other_factors(g, x, zeros, product));
        zeros = tuff_gather_elements(g, zeros, each, axis);
        product = tuff_gather_elements(g, product, each, axis);
        gin[2] = tuff_mul(g, gathered, tuff_other_factors(g, source, zeros, product));
    } else {
        tuff_val there = tuff_cast(g, tuff_equal(g, x, y), TUFF_F32), best = tuff_gather_elements(g, y, each, axis);
        tuff_val those = tuff_cast(g, tuff_equal(g, source, best), TUFF_F32);
        tuff_val share = tuff_div(g, gy, tuff_scatter_add(g, there, at, those, axis));
        gin[0] = tuff_mul(g, there, share);
        gin[2] = tuff_mul(g, those, tuff_gather_elements(g, share, each, axis));
    }
}

static double join(enum tuff_scatter_mode mode, bool whole, double y, double v)
{
    switch (mode) {
    case TUFF_SCATTER_NONE: return v;
    case TUFF_SCATTER_ADD: return y + v;
    case TUFF_SCATTER_MUL: return whole ? tuff_wrap_i32((int64_t)y * (int64_t)v) : y * v;
    case TUFF_SCATTER_MIN: return pw_min(y, v);
    case TUFF_SCATTER_MAX: return pw_max(y, v);
    }
    return NAN;
}

static void scatter_ref(const struct tuff_ref *ref)
{
    int axis = ((const struct tuff_axis_attrs *)ref->value->attrs)->axis;
    const struct tuff_shape *large = &ref->value->type.shape, *small = &ref->in_types[2].shape;
    bool each = tuff_shape_equal(&ref->in_types[1].shape, small);
    uint64_t outer, inner;
    tuff_around_axis(small, axis, &outer, &inner);
    memcpy(ref->out, ref->in[0], (size_t)tuff_shape_count(large) * sizeof *ref->out);
    for (uint64_t i = 0, count = tuff_shape_count(small); i < count; i++) {
        double index = ref->in[1][each ? i : i / inner % small->dim[axis]];
        double *y = &ref->out[named_element(small, large, axis, i, index)];
        *y = join(mode_of(ref->value), ref->value->type.dtype == TUFF_I32, *y, ref->in[2][i]);
    }
}

static double scatter_terms(const struct tuff_value *value, const struct tuff_type *in_types)
{
    return 1.0 + in_types[1].shape.dim[((const struct tuff_axis_attrs *)value->attrs)->axis];
}

/* A product is linear in each factor, as a sum is in its terms. */
static tuff_status scatter_bound(const struct tuff_bound *b)
{
    enum tuff_scatter_mode mode = mode_of(b->value);
    bool whole = b->value->type.dtype == TUFF_I32;
    if (mode == TUFF_SCATTER_NONE && !whole) return tuff_bound_moved(b, b->value);
    return tuff_bound_by(b, mode <= TUFF_SCATTER_MUL ? TUFF_ERROR_SUMS : TUFF_ERROR_MONOTONE);
}

static tuff_status lower_rows(const struct tuff_lower *lower, int axis, struct tuff_kernel_call *call)
{
    enum { SIZE = 64 };
    uint64_t outer, inner, count = lower->in[1]->shape.dim[axis], rows = lower->in[0]->shape.dim[axis];
    tuff_around_axis(&lower->in[0]->shape, axis, &outer, &inner);
    TUFF_TRY(tuff_lower_rounds(lower, count + count / 16 + 100)); /* all hit; words and bits of the blocks */
    call->file = "scatter_rows";
    TUFF_CALL(call, scatter_rows, .SIZE = SIZE, .MODE = mode_of(lower->value), .outer = (uint32_t)outer,
              .rows = (uint32_t)rows, .count = (uint32_t)count, .inner = (uint32_t)inner);
    tuff_call_grid(call, lower->caps, outer * rows * ((inner + 4 * SIZE - 1) / (4 * SIZE)));
    call->flops = tuff_shape_count(&lower->in[2]->shape);
    return TUFF_OK;
}

static tuff_status scatter_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    int axis = ((const struct tuff_axis_attrs *)lower->value->attrs)->axis;
    uint32_t rank = lower->value->type.shape.rank, count = (uint32_t)tuff_shape_count(&lower->value->type.shape);
    tuff_call_define(call, "SCATTER_INT", lower->value->type.dtype == TUFF_I32);
    if (!tuff_shape_equal(&lower->in[1]->shape, &lower->in[2]->shape)) return lower_rows(lower, axis, call);
    TUFF_TRY(tuff_lower_rounds(lower, lower->in[1]->shape.dim[axis] / 4 + 10));
    call->file = "scatter";
    struct tuff_kernel_scatter fields = {
        .SIZE = 64, .MODE = mode_of(lower->value), .elements = count, .axis = 8 - rank + (uint32_t)axis};
    for (uint32_t k = 0; k < 8; k++) {
        fields.d[k] = k < 8 - rank ? 1 : lower->in[0]->shape.dim[k - (8 - rank)];
        fields.e[k] = k < 8 - rank ? 1 : lower->in[1]->shape.dim[k - (8 - rank)];
    }
    tuff_call_part(call, &tuff_part_scatter, &fields);
    tuff_call_grid(call, lower->caps, ((uint64_t)count + 63) / 64);
    call->flops = tuff_shape_count(&lower->in[1]->shape);
    return TUFF_OK;
}

tuff_val tuff_scatter(struct tuff_graph *g, tuff_val x, tuff_val indices, tuff_val source, int axis,
                      enum tuff_scatter_mode mode)
{
    enum { SHORT = 16, MANY = 60000 }; /* a row whose workgroup would idle; rounds of a loop (tuff_lower_rounds) */
    const struct tuff_op *op = mode == TUFF_SCATTER_ADD ? &tuff_op_scatter_add : &tuff_op_scatter;
    int at = tuff_axis(g, op->name, x, axis);
    struct scatter_attrs attrs = {at, (int32_t)mode};
    const struct tuff_shape to = tuff_type_of(g, x).shape, i = tuff_type_of(g, indices).shape,
                            from = tuff_type_of(g, source).shape;
    if (at >= 0 && is_by_rows(&to, &i, &from, at) && !tuff_shape_equal(&i, &from)) {
        uint64_t outer, inner;
        tuff_around_axis(&to, at, &outer, &inner);
        if (inner < SHORT || i.dim[at] > MANY) indices = tuff_expand(g, indices, from);
    }
    return at < 0 ? 0 : tuff_graph_add(g, op, (tuff_val[]){x, indices, source}, 3, &attrs);
}

tuff_val tuff_scatter_add(struct tuff_graph *g, tuff_val x, tuff_val indices, tuff_val source, int axis)
{
    return tuff_scatter(g, x, indices, source, axis, TUFF_SCATTER_ADD);
}

#define SCATTER_OP(name_, onnx_, edges_, table, type)                                                                       \
    const struct tuff_op tuff_op_##name_ = {                                                                                \
        .name = #name_,                                                                                                     \
        .onnx = onnx_,                                                                                                      \
        .edges = edges_,                                                                                                    \
        TUFF_LAUNCH(scatter_lower),                                                                                         \
        .traits = TUFF_TAKES_PLACES,                                                                                        \
        TUFF_OPERANDS(3, 3),                                                                                                \
        TUFF_ATTRS(table, type),                                                                                            \
        .infer = scatter_infer,                                                                                             \
        .result = TUFF_RESULT_WIDE,                                                                                         \
        .integers = TUFF_INTEGERS_WRAP,                                                                                     \
        .grad = scatter_grad,                                                                                               \
        .ref = scatter_ref,                                                                                                 \
        TUFF_SUMS(scatter_terms),                                                                                           \
        .bound = scatter_bound,                                                                                             \
        .inline_inputs = 7,                                                                                                 \
    }
SCATTER_OP(scatter_add, NULL, NULL, tuff_axis_attr, struct tuff_axis_attrs);
SCATTER_OP(scatter, "ScatterElements", "as `mul`, `minimum` and `maximum`, or what is put there", scatter_attr,
           struct scatter_attrs);

/* ---- topk ------------------------------------------------------------------------------------------------------------------- */

enum { VALUES, INDICES }; /* results of topk */
struct topk_attrs {
    int32_t axis, k, smallest;
};
static const struct tuff_attr topk_attr[] = {
    {"axis", "axis", TUFF_ATTR_I32, 1, offsetof(struct topk_attrs, axis)},
    {"k", "", TUFF_ATTR_I32, 1, offsetof(struct topk_attrs, k)},
    {"smallest", "", TUFF_ATTR_I32, 1, offsetof(struct topk_attrs, smallest)},
};

static tuff_status topk_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct topk_attrs *attrs = infer->attrs;
    const struct tuff_shape *x = &infer->in[0]->shape;
    bool numbers = tuff_is_float(infer->in[0]->dtype) || infer->in[0]->dtype == TUFF_I32;
    if (!numbers || attrs->axis < 0 || (uint32_t)attrs->axis >= x->rank || attrs->k < 1 ||
        (uint32_t)attrs->k > x->dim[attrs->axis])
        return tuff_infer_refuse(infer, "it takes floats or i32, an axis, and k from 1 to its length; axis is %d, k is %d",
                                 (int)attrs->axis, (int)attrs->k);
    out[VALUES] = *x;
    out[VALUES].dim[attrs->axis] = (uint32_t)attrs->k;
    out[INDICES] = out[VALUES];
    return TUFF_OK;
}

static void topk_ref(const struct tuff_ref *ref)
{
    const struct topk_attrs *attrs = ref->value->attrs;
    uint64_t outer, inner, n = ref->in_types[0].shape.dim[attrs->axis];
    tuff_around_axis(&ref->in_types[0].shape, attrs->axis, &outer, &inner);
    for (uint64_t line = 0; line < outer * inner; line++) {
        uint64_t a = line / inner, b = line % inner;
        for (uint64_t i = 0; i < n; i++) {
            double x = ref->in[0][(a * n + i) * inner + b];
            uint64_t rank = 0;
            for (uint64_t j = 0; j < n; j++) {
                double other = ref->in[0][(a * n + j) * inner + b];
                bool less = tuff_above(x, other), more = tuff_above(other, x);
                rank += (attrs->smallest ? less : more) || (!less && !more && j < i);
            }
            if (rank < (uint64_t)attrs->k)
                ref->out[(a * (uint64_t)attrs->k + rank) * inner + b] = ref->result == INDICES ? (double)i : x;
        }
    }
}

static tuff_status topk_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    const struct topk_attrs *attrs = lower->value->attrs;
    const struct tuff_shape *x = &lower->in[0]->shape;
    uint64_t outer, inner, count = tuff_shape_count(x);
    tuff_around_axis(x, attrs->axis, &outer, &inner);
    uint64_t n = x->dim[attrs->axis], k = (uint64_t)attrs->k, parts = n > 64 ? 32 : 4; /* of shaders/topk_few.comp */
    uint64_t few_rounds = n / 4 + 2 * parts + k * (n / parts / 4 + 2);
    bool few = tuff_is_software(lower->caps) && 2 * k <= n && few_rounds < 65000;
    TUFF_TRY(tuff_lower_rounds(lower, few ? few_rounds : n / 4 + 1));
    uint64_t invocations = few ? outer * inner : count;
    bool whole = lower->in[0]->dtype == TUFF_I32;
    call->file = few ? "topk_few" : "topk";
    tuff_call_define(call, "TOPK_INT", whole);
    if (few)
        TUFF_CALL(call, topk_few, .SIZE = 64, .SMALLEST = attrs->smallest != 0, .QUADS = !whole && inner == 1 && n % 4 == 0,
                  .PARTS = (uint32_t)parts, .lines = (uint32_t)invocations, .n = (uint32_t)n, .inner = (uint32_t)inner,
                  .k = (uint32_t)k);
    else
        TUFF_CALL(call, topk, .SIZE = 64, .SMALLEST = attrs->smallest != 0, .elements = (uint32_t)invocations,
                  .n = (uint32_t)n, .inner = (uint32_t)inner, .k = (uint32_t)k);
    tuff_call_grid(call, lower->caps, (invocations + 63) / 64);
    return TUFF_OK;
}

/* The values are those at the indices: their gradients go there. */
static void topk_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value *value = tuff_value_of(g, y);
    int axis = ((const struct topk_attrs *)value->attrs)->axis;
    tuff_val zeros = tuff_full(g, TUFF_F32, tuff_type_of(g, value->in[0]).shape, 0);
    gin[0] = tuff_scatter_add(g, zeros, tuff_result(g, y, INDICES), gy, axis);
}

struct tuff_topk tuff_topk(struct tuff_graph *g, tuff_val x, struct tuff_topk_params params)
{
    int axis = tuff_axis(g, "topk", x, params.axis);
    struct topk_attrs attrs = {axis, (int32_t)params.k, params.smallest};
    tuff_val values = axis < 0 ? 0 : tuff_graph_add(g, &tuff_op_topk, &x, 1, &attrs);
    return (struct tuff_topk){values, tuff_result(g, values, INDICES)};
}

tuff_val tuff_topk_indices(struct tuff_graph *g, tuff_val x, struct tuff_topk_params params)
{
    return tuff_topk(g, x, params).indices;
}

static const struct tuff_more_result topk_more[] = {{"indices", TUFF_ERROR_POSITIONS, TUFF_RESULT_I32}};
const struct tuff_op tuff_op_topk = {
    .name = "topk",
    .edges = "NaN is the greatest; equal ones by place",
    .onnx = "TopK",
    .integers = TUFF_INTEGERS_KEPT,
    TUFF_LAUNCH(topk_lower),
    TUFF_OPERANDS(1, 1),
    TUFF_ATTRS(topk_attr, struct topk_attrs),
    .more = topk_more,
    .more_count = TUFF_COUNT(topk_more),
    .traits = TUFF_PICKS,
    .infer = topk_infer,
    .result = TUFF_RESULT_OPERAND_0,
    .grad = topk_grad,
    .ref = topk_ref,
    .error = TUFF_ERROR_MONOTONE,
};

tuff_val tuff_one_hot(struct tuff_graph *g, tuff_val indices, uint32_t depth)
{
    struct tuff_shape shape = tuff_type_of(g, indices).shape;
    if (!tuff_graph_takes_one(g, "one_hot", indices, 0)) return 0;
    if (tuff_is_float(tuff_type_of(g, indices).dtype))
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "one_hot", &indices, 1,
                                 "indices must be whole numbers: cast them to i32");
    if (shape.rank >= TUFF_MAX_RANK)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "one_hot", &indices, 1, "it has all of the %d axes that there may be",
                                 TUFF_MAX_RANK);
    if (depth == 0)
        return tuff_graph_refuse(g, TUFF_ERR_USAGE, "one_hot", &indices, 1, "the depth is 0; it is the number of classes");
    tuff_val at = tuff_unsqueeze(g, indices, -1);
    shape.dim[shape.rank++] = depth;
    return tuff_cast(g, tuff_equal(g, at, tuff_iota(g, shape, -1)), TUFF_F32);
}

/* ---- random numbers ----------------------------------------------------------------------------------------------------------- */

static const struct tuff_attr random_attr[] = {
    {"stream", "", TUFF_ATTR_I32, 1, offsetof(struct random_attrs, stream)},
    {"shape", "", TUFF_ATTR_SHAPE, 1, offsetof(struct random_attrs, shape)},
};

static tuff_status random_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct random_attrs *attrs = infer->attrs;
    *out = attrs->shape;
    const struct tuff_type *rng = infer->in[0];
    if (rng->dtype == TUFF_I32 && rng->shape.rank == 1 && rng->shape.dim[0] == 3 && attrs->shape.rank <= TUFF_MAX_RANK)
        return TUFF_OK;
    if (attrs->shape.rank > TUFF_MAX_RANK)
        return tuff_infer_refuse(infer, "a shape has at most %d axes, not %u", TUFF_MAX_RANK, attrs->shape.rank);
    return tuff_infer_refuse(infer,
                             "the generator's state must be i32 [3] (seed low, seed high, step): take tuff_rng_state");
}

static void random_ref(const struct tuff_ref *ref)
{
    const struct random_attrs *attrs = ref->value->attrs;
    uint32_t low = (uint32_t)(int64_t)ref->in[0][0], high = (uint32_t)(int64_t)ref->in[0][1],
             step = (uint32_t)(int64_t)ref->in[0][2];
    for (uint64_t i = tuff_shape_count(&attrs->shape); i-- > 0;)
        ref->out[i] = (double)tuff_philox_uniform(low, high, step, (uint32_t)attrs->stream, (uint32_t)i);
}

tuff_val tuff_rng_state(struct tuff_graph *g)
{
    return tuff_state(g, TUFF_RNG_STATE, TUFF_I32, TUFF_SHAPE(3), (struct tuff_init){0});
}

tuff_val tuff_rng_advance(struct tuff_graph *g)
{
    static const int32_t step[3] = {0, 0, 1};
    tuff_val rng = tuff_rng_state(g), one = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(3)}, step);
    return tuff_assign(g, rng, tuff_add(g, rng, one));
}

tuff_val tuff_random_uniform(struct tuff_graph *g, tuff_val rng, struct tuff_shape shape)
{
    if (!tuff_graph_takes_one(g, "random_uniform", rng, 0)) return 0;
    struct random_attrs attrs = {tuff_op_number(g, &tuff_op_random_uniform), shape};
    return tuff_graph_add(g, &tuff_op_random_uniform, &rng, 1, &attrs);
}

tuff_val tuff_random_normal(struct tuff_graph *g, tuff_val rng, struct tuff_shape shape)
{
    tuff_val u = tuff_affine(g, tuff_random_uniform(g, rng, shape), -1, 1); /* (0, 1] */
    tuff_val v = tuff_random_uniform(g, rng, shape);
    /* u of almost 1: Vulkan lets a logarithm be off by 2^-21 there, that is above 0 */
    tuff_val radius = tuff_sqrt(g, tuff_relu(g, tuff_affine(g, tuff_log(g, u), -2, 0)));
    return tuff_mul(g, radius, tuff_cos(g, tuff_affine(g, v, 6.283185307179586, 0)));
}

tuff_val tuff_dropout(struct tuff_graph *g, tuff_val x, tuff_val rng, double p)
{
    if (!tuff_graph_takes(g, "dropout", (tuff_val[]){x, rng}, p == 0 ? 1 : 2)) return 0;
    if (!(p >= 0 && p < 1))
        return tuff_graph_refuse(g, TUFF_ERR_USAGE, "dropout", &x, 1,
                                 "p is %g; it must be in [0, 1), the part that becomes 0", p);
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    if (p == 0) return x;
    tuff_val least = tuff_scalar(g, p), keep = tuff_greater_equal(g, tuff_random_uniform(g, rng, shape), least);
    tuff_val zeros = tuff_full(g, TUFF_F32, shape, 0);
    return tuff_select(g, keep, tuff_affine(g, x, 1 / (1 - p), 0), zeros);
}

static const char *random_emit(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    struct tuff_text *t = tuff_emit_text(e);
    const struct random_attrs *attrs = value->attrs;
    const char *state[3];
    for (int i = 0; i < 3; i++) {
        struct tuff_coords at = {.rank = 1};
        at.at[0].constant = i;
        state[i] = tuff_emit_value(e, value->in[0], &at);
    }
    struct tuff_index flat = tuff_coords_flat(e, coords, &value->type.shape);
    const char *name = tuff_emit_name(e);
    tuff_text_add(t, "    float %s = tuff_philox_uniform(%s, %s, %s, %s, ", name, state[0], state[1], state[2],
                  tuff_emit_number(e, (uint32_t)attrs->stream));
    tuff_index_text(e, &flat, t);
    tuff_text_add(t, ");\n");
    return name;
}

static void random_plain(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    (void)coords;
    for (uint32_t k = 0; k < 3; k++) {
        struct tuff_coords element = {.rank = 1};
        element.at[0].constant = k;
        tuff_plain_operand(e, k, value->in[0], &element);
    }
    tuff_plain_spec(e, TUFF_PLAIN_WHAT, TUFF_PLAIN_RANDOM);
    tuff_plain_spec(e, TUFF_PLAIN_NUMBER, (uint32_t)((const struct random_attrs *)value->attrs)->stream);
}

const struct tuff_op tuff_op_random_uniform = {
    .name = "random_uniform",
    TUFF_OPERANDS(1, 1),
    TUFF_ATTRS(random_attr, struct random_attrs),
    .traits = TUFF_NUMBERED,
    .infer = random_infer,
    .nondiff = "has no operands that vary",
    .ref = random_ref,
    .error = TUFF_ERROR_POSITIONS,
    .cost = 40,
    TUFF_WRITTEN(random_emit, random_plain),
};
