/* onnx_shape.c - ONNX operators of shapes and views, which move elements and compute none. */
#include "loaders/onnx_ops.h"

#include <math.h>

struct tuff_shape tuff_on_shape(const struct tuff_onnx_op *o, const int64_t *list, uint32_t count)
{
    struct tuff_shape shape = {.rank = count};
    uint64_t elements = 1;
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] < 0 || list[i] > INT32_MAX || (list[i] && elements > (UINT64_C(1) << 40) / (uint64_t)list[i])) {
            tuff_on_bad(o, "a shape has the size %lld", (long long)list[i]);
            return shape;
        }
        shape.dim[i] = (uint32_t)list[i];
        elements *= list[i] ? (uint64_t)list[i] : 1;
    }
    return shape;
}

/* ---- constants --------------------------------------------------------------------------------------------------------------------------- */

BUILD(constant)
{
    const struct tuff_onnx_attribute *a = tuff_on_attribute(o, "value");
    if (a && a->t) return tuff_on_tensor(o, a->t, "constant", &o->out[0]);
    const bool floats = (a = tuff_on_attribute(o, "value_floats")) != NULL,
               ints = !a && (a = tuff_on_attribute(o, "value_ints")) != NULL;
    const uint32_t count = floats ? a->floats.count : ints ? a->ints.count : 1;
    double *list = tuff_on_alloc(o, (count + 1) * sizeof *list);
    for (uint32_t i = 0; list && i < count; i++)
        list[i] = floats ? (double)a->floats.at[i] : ints ? (double)a->ints.at[i] : 0;
    if (!list) return false;
    if (floats || ints) return tuff_on_put_known(o, 0, floats ? TUFF_ONNX_FLOAT : TUFF_ONNX_INT64, TUFF_SHAPE(count), list);
    if ((a = tuff_on_attribute(o, "value_int")) != NULL)
        return list[0] = (double)a->i, tuff_on_put_known(o, 0, TUFF_ONNX_INT64, SCALAR, list);
    if ((a = tuff_on_attribute(o, "value_float")) != NULL)
        return list[0] = (double)a->f, tuff_on_put_known(o, 0, TUFF_ONNX_FLOAT, SCALAR, list);
    tuff_on_refuse(o, "constants of texts and sparse constants are not covered");
    return !tuff_on_failed(o);
}

BUILD(constant_of_shape)
{
    int64_t list[TUFF_MAX_RANK];
    uint32_t count;
    struct tuff_onnx_val one = {.type = TUFF_ONNX_FLOAT};
    const struct tuff_onnx_attribute *a = tuff_on_attribute(o, "value");
    if (!tuff_on_list(o, 0, list, &count)) return false;
    if (a && a->t && !tuff_on_tensor(o, a->t, "value", &one)) return false;
    return tuff_on_put_full(o, 0, one.type, tuff_on_shape(o, list, count), one.known ? one.known[0] : 0);
}

BUILD(range)
{
    const double *start = tuff_on_known(o, 0), *limit = tuff_on_known(o, 1), *delta = tuff_on_known(o, 2);
    if (!start || !limit || !delta) return false;
    const double count = delta[0] == 0 ? 0 : ceil((limit[0] - start[0]) / delta[0]);
    if (!(count <= 1 << 24)) return tuff_on_refuse(o, "it has %g elements", count);
    const uint32_t n = count > 0 ? (uint32_t)count : 0;
    double *list = tuff_on_alloc(o, (n + 1) * sizeof *list);
    for (uint32_t i = 0; list && i < n; i++) list[i] = start[0] + i * delta[0];
    if (list) tuff_on_put_known(o, 0, o->in[0].type, TUFF_SHAPE(n), list);
    return !tuff_on_failed(o);
}

BUILD(identity)
{
    o->out[0] = o->in[0];
    return !tuff_on_failed(o);
}

/* ---- sizes ------------------------------------------------------------------------------------------------------------------------------- */

BUILD(shape)
{
    if (!tuff_on_has(o, 0)) return tuff_on_bad(o, "operand 0 is missing");
    const int64_t rank = o->in[0].shape.rank;
    int64_t start = tuff_on_int(o, "start", 0), end = tuff_on_int(o, "end", rank);
    double list[TUFF_MAX_RANK];
    uint32_t count = 0;
    start = start < 0 ? start + rank : start;
    end = end < 0 ? end + rank : end;
    for (int64_t i = start < 0 ? 0 : start; i < end && i < rank; i++) list[count++] = o->in[0].shape.dim[i];
    return tuff_on_put_known(o, 0, TUFF_ONNX_INT64, TUFF_SHAPE(count), list);
}

BUILD(size)
{
    if (!tuff_on_has(o, 0)) return tuff_on_bad(o, "operand 0 is missing");
    const double count = (double)tuff_shape_count(&o->in[0].shape);
    return tuff_on_put_known(o, 0, TUFF_ONNX_INT64, SCALAR, &count);
}

BUILD(reshape)
{
    int64_t list[TUFF_MAX_RANK];
    uint32_t count, open = TUFF_MAX_RANK;
    uint64_t known = 1;
    const struct tuff_shape *x = &o->in[0].shape;
    if (!tuff_on_list(o, 1, list, &count)) return false;
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] == 0 && !tuff_on_int(o, "allowzero", 0) && i < x->rank) list[i] = x->dim[i];
        if (list[i] == -1)
            open = i;
        else
            known *= (uint64_t)list[i];
    }
    if (open < TUFF_MAX_RANK) list[open] = known ? (int64_t)(tuff_shape_count(x) / known) : 0;
    return tuff_on_put_shaped(o, 0, &o->in[0], tuff_on_shape(o, list, count));
}

BUILD(flatten)
{
    const struct tuff_shape *x = &o->in[0].shape;
    int64_t axis = tuff_on_int(o, "axis", 1), list[2] = {1, 1};
    axis = axis < 0 ? axis + x->rank : axis;
    for (uint32_t i = 0; i < x->rank; i++) list[i >= axis] *= x->dim[i];
    return tuff_on_put_shaped(o, 0, &o->in[0], tuff_on_shape(o, list, 2));
}

BUILD(squeeze)
{
    struct tuff_shape shape = {0};
    uint32_t axes;
    bool given;
    if (!tuff_on_axes(o, 1, 13, o->in[0].shape.rank, &axes, &given)) return false;
    for (uint32_t i = 0; i < o->in[0].shape.rank; i++)
        if (given ? !(axes >> i & 1) : o->in[0].shape.dim[i] != 1) shape.dim[shape.rank++] = o->in[0].shape.dim[i];
    return tuff_on_put_shaped(o, 0, &o->in[0], shape);
}

BUILD(unsqueeze)
{
    struct tuff_shape shape = {0};
    int64_t list[TUFF_MAX_RANK];
    uint32_t axes, count;
    bool given;
    if (o->version < 13)
        count = tuff_on_ints(o, "axes", list);
    else if (!tuff_on_list(o, 1, list, &count))
        return false;
    const uint32_t rank = o->in[0].shape.rank + count;
    if (rank > TUFF_MAX_RANK) return tuff_on_refuse(o, "it has %u axes, at most %d are possible", rank, TUFF_MAX_RANK);
    if (!tuff_on_axes(o, 1, 13, rank, &axes, &given)) return false;
    for (uint32_t k = 0; shape.rank < rank;)
        if (axes >> shape.rank & 1)
            shape.dim[shape.rank++] = 1;
        else if (k < o->in[0].shape.rank)
            shape.dim[shape.rank++] = o->in[0].shape.dim[k++];
        else
            return tuff_on_bad(o, "an axis is named twice");
    return tuff_on_put_shaped(o, 0, &o->in[0], shape);
}

BUILD(expand)
{
    int64_t list[TUFF_MAX_RANK];
    uint32_t count;
    if (!tuff_on_list(o, 1, list, &count)) return false;
    struct tuff_shape wanted = tuff_on_shape(o, list, count), shape = o->in[0].shape;
    const uint32_t rank = wanted.rank > shape.rank ? wanted.rank : shape.rank;
    for (uint32_t k = 1; k <= rank; k++) {
        const uint32_t a = k <= shape.rank ? shape.dim[shape.rank - k] : 1,
                       b = k <= wanted.rank ? wanted.dim[wanted.rank - k] : 1;
        if (a != b && a != 1 && b != 1) return tuff_on_bad(o, "%u does not become %u", a, b);
        if (k <= wanted.rank) wanted.dim[wanted.rank - k] = b == 1 ? a : b;
    }
    for (uint32_t k = wanted.rank + 1; k <= rank; k++) { /* axes in front that the shape does not name */
        for (uint32_t i = wanted.rank; i > 0; i--) wanted.dim[i] = wanted.dim[i - 1];
        wanted.dim[0] = shape.dim[shape.rank - k];
        wanted.rank++;
    }
    if (tuff_shape_count(&wanted) == 0) return tuff_on_put_full(o, 0, o->in[0].type, wanted, 0);
    return tuff_on_put(o, 0, tuff_expand(g, tuff_on(o, 0), wanted));
}

BUILD(tile)
{
    int64_t list[TUFF_MAX_RANK];
    uint32_t count;
    struct tuff_shape shape = o->in[0].shape, apart = {0}, wide = {0};
    if (!tuff_on_list(o, 1, list, &count)) return false;
    if (count != shape.rank) return tuff_on_bad(o, "it has %u repeats of %u axes", count, shape.rank);
    for (uint32_t i = 0; i < count; i++) list[i] *= shape.dim[i];
    const struct tuff_shape result = tuff_on_shape(o, list, count);
    if (tuff_on_failed(o)) return false;
    if (tuff_shape_count(&result) == 0) return tuff_on_put_full(o, 0, o->in[0].type, result, 0);
    tuff_val v = tuff_on(o, 0);
    for (uint32_t i = 0; i < count; i++) { /* an axis at a time, so that there are never more than one beside the result's */
        const uint32_t repeats = result.dim[i] / shape.dim[i];
        if (repeats == 1) continue;
        if (count == TUFF_MAX_RANK) return tuff_on_refuse(o, "of %d axes it is not covered", TUFF_MAX_RANK);
        apart.rank = wide.rank = count + 1;
        for (uint32_t k = 0; k <= count; k++) {
            apart.dim[k] = k < i ? shape.dim[k] : k == i ? 1 : shape.dim[k - 1];
            wide.dim[k] = k == i ? repeats : apart.dim[k];
        }
        shape.dim[i] = result.dim[i];
        v = tuff_reshape(g, tuff_expand(g, tuff_reshape(g, v, apart), wide), shape);
    }
    return tuff_on_put(o, 0, v);
}

/* ---- views ----------------------------------------------------------------------------------------------------------------------------------- */

tuff_val tuff_on_window(struct tuff_graph *g, tuff_val x, const int64_t *begin, const uint32_t *size, double value)
{
    uint32_t start[TUFF_MAX_RANK] = {0}, before[TUFF_MAX_RANK] = {0}, after[TUFF_MAX_RANK] = {0};
    int32_t step[TUFF_MAX_RANK];
    struct tuff_shape cut = tuff_type_of(g, x).shape;
    for (uint32_t i = 0; i < cut.rank; i++) {
        const int64_t n = cut.dim[i], from = begin[i] < 0 ? 0 : begin[i],
                      end = begin[i] + size[i] > n ? n : begin[i] + size[i];
        step[i] = 1, start[i] = (uint32_t)from, cut.dim[i] = (uint32_t)(end > from ? end - from : 0);
        before[i] = (uint32_t)(from - begin[i]), after[i] = size[i] - before[i] - cut.dim[i];
    }
    return tuff_pad(g, tuff_slice(g, x, start, step, cut.dim), before, after, value);
}

BUILD(transpose)
{
    int64_t perm[TUFF_MAX_RANK];
    uint32_t order[TUFF_MAX_RANK], rank = o->in[0].shape.rank, count = tuff_on_ints(o, "perm", perm);
    struct tuff_shape shape = {.rank = rank};
    if (count && count != rank) return tuff_on_bad(o, "perm names %u of %u axes", count, rank);
    for (uint32_t i = 0; i < rank; i++) {
        const int axis = count ? tuff_on_axis(o, perm[i], rank) : (int)(rank - 1 - i);
        if (axis < 0) return false;
        order[i] = (uint32_t)axis;
        shape.dim[i] = o->in[0].shape.dim[axis];
    }
    if (tuff_on_empty(o, 0)) return tuff_on_put_full(o, 0, o->in[0].type, shape, 0);
    return tuff_on_put(o, 0, tuff_permute(g, tuff_on(o, 0), order));
}

BUILD(concat)
{
    tuff_val *parts = tuff_on_alloc(o, (o->in_count + 1) * sizeof *parts);
    const int axis = tuff_on_axis(o, tuff_on_int(o, "axis", o->version < 4 ? 1 : 0), o->in_count ? o->in[0].shape.rank : 0);
    struct tuff_shape shape = o->in_count ? o->in[0].shape : SCALAR;
    uint32_t count = 0;
    if (!parts || axis < 0) return false;
    for (uint32_t i = 0; i < o->in_count; i++) {
        if (o->in[i].shape.rank != shape.rank)
            return tuff_on_bad(o, "operands 0 and %u have %u and %u axes", i, shape.rank, o->in[i].shape.rank);
        if (i) shape.dim[axis] += o->in[i].shape.dim[axis];
        if (!tuff_on_empty(o, i)) parts[count++] = tuff_on(o, i);
    }
    if (count == 0) return tuff_on_put_full(o, 0, o->in[0].type, shape, 0);
    return tuff_on_put(o, 0, count == 1 ? parts[0] : tuff_concat(g, parts, count, axis));
}

BUILD(split)
{
    const struct tuff_shape *x = &o->in[0].shape;
    const int axis = tuff_on_axis(o, tuff_on_int(o, "axis", 0), x->rank);
    const struct tuff_onnx_attribute *a = tuff_on_attribute(o, "split");
    const double *known = tuff_on_has(o, 1) ? tuff_on_known(o, 1) : NULL;
    const uint64_t count = known ? tuff_shape_count(&o->in[1].shape) : a ? a->ints.count : o->out_count;
    if (tuff_on_failed(o)) return false;
    if (count < o->out_count) return tuff_on_bad(o, "it has %u results, and sizes of %u", o->out_count, (uint32_t)count);
    const uint32_t each = (x->dim[axis] + o->out_count - 1) / o->out_count;
    uint64_t at = 0;
    for (uint32_t k = 0; k < o->out_count; k++) {
        const double size = known ? known[k] : a ? (double)a->ints.at[k] : fmin(each, (double)x->dim[axis] - (double)at);
        struct tuff_shape shape = *x;
        if (!(size >= 0 && (double)at + size <= x->dim[axis]))
            return tuff_on_bad(o, "part %u is beyond the %u of axis %d", k, x->dim[axis], axis);
        shape.dim[axis] = (uint32_t)size;
        if (tuff_shape_count(&shape) == 0)
            tuff_on_put_full(o, k, o->in[0].type, shape, 0);
        else
            tuff_on_put(o, k, tuff_slice_axis(g, tuff_on(o, 0), (uint32_t)axis, (uint32_t)at, 1, shape.dim[axis]));
        at += shape.dim[axis];
    }
    return !tuff_on_failed(o);
}

/* Starts, ends, axes, steps: attributes before set 10, then operands. */
BUILD(slice)
{
    const struct tuff_shape *x = &o->in[0].shape;
    int64_t starts[TUFF_MAX_RANK], ends[TUFF_MAX_RANK], axes[TUFF_MAX_RANK], steps[TUFF_MAX_RANK];
    uint32_t count, same, axis_count = 0, step_count = 0;
    if (o->version < 10) {
        count = tuff_on_ints(o, "starts", starts), same = tuff_on_ints(o, "ends", ends),
        axis_count = tuff_on_ints(o, "axes", axes);
    } else if (!tuff_on_list(o, 1, starts, &count) || !tuff_on_list(o, 2, ends, &same) ||
               (tuff_on_has(o, 3) && !tuff_on_list(o, 3, axes, &axis_count)) ||
               (tuff_on_has(o, 4) && !tuff_on_list(o, 4, steps, &step_count)))
        return false;
    if (same != count || (axis_count && axis_count != count) || (step_count && step_count != count) || count > x->rank)
        return tuff_on_bad(o, "starts, ends, axes and steps are %u, %u, %u and %u", count, same, axis_count, step_count);
    uint32_t start[TUFF_MAX_RANK] = {0};
    int32_t step[TUFF_MAX_RANK];
    struct tuff_shape size = *x;
    for (uint32_t i = 0; i < x->rank; i++) step[i] = 1;
    for (uint32_t i = 0; i < count; i++) {
        const int axis = tuff_on_axis(o, axis_count ? axes[i] : i, x->rank);
        int64_t by = step_count ? steps[i] : 1;
        if (axis < 0) return false;
        if (by == 0) return tuff_on_bad(o, "a step is 0");
        by = by > INT32_MAX ? INT32_MAX : by < -INT32_MAX ? -INT32_MAX : by;
        const int64_t n = x->dim[axis], low = by < 0 ? -1 : 0, high = by < 0 ? n - 1 : n;
        int64_t from = starts[i] < 0 && starts[i] >= -n ? starts[i] + n : starts[i],
                to = ends[i] < 0 && ends[i] >= -n ? ends[i] + n : ends[i];
        from = from < low ? low : from > high ? high : from;
        to = to < low ? low : to > high ? high : to;
        const int64_t room = by > 0 ? to - from : from - to, each = by > 0 ? by : -by;
        start[axis] = (uint32_t)(from < 0 ? 0 : from), step[axis] = (int32_t)by;
        size.dim[axis] = room > 0 ? (uint32_t)((room + each - 1) / each) : 0;
    }
    if (tuff_shape_count(&size) == 0) return tuff_on_put_full(o, 0, o->in[0].type, size, 0);
    return tuff_on_put(o, 0, tuff_slice(g, tuff_on(o, 0), start, step, size.dim));
}

/* Negative pads cut off. */
BUILD(pad)
{
    const struct tuff_shape *x = &o->in[0].shape;
    const uint32_t rank = x->rank;
    double both[2 * TUFF_MAX_RANK] = {0}, value = tuff_on_number(o, "value", 0);
    uint32_t before[TUFF_MAX_RANK] = {0}, after[TUFF_MAX_RANK] = {0}, count = 0, axis_count = rank;
    int64_t axes[TUFF_MAX_RANK], begin[TUFF_MAX_RANK];
    struct tuff_shape size = *x, result = *x;
    const struct tuff_onnx_attribute *a = tuff_on_attribute(o, o->version < 2 ? "paddings" : "pads");
    const double *known = o->version >= 11 ? tuff_on_known(o, 1) : NULL;
    count = known ? (uint32_t)tuff_shape_count(&o->in[1].shape) : a ? a->ints.count : 0;
    if (tuff_on_has(o, 2) && !tuff_on_empty(o, 2)) {
        const double *number = tuff_on_known(o, 2);
        if (number) value = number[0];
    }
    for (uint32_t i = 0; i < rank; i++) axes[i] = i;
    if (tuff_on_has(o, 3) && !tuff_on_list(o, 3, axes, &axis_count)) return false;
    if (tuff_on_failed(o)) return false;
    if (count != 2 * axis_count || axis_count > rank) return tuff_on_bad(o, "it has %u pads of %u axes", count, axis_count);
    for (uint32_t i = 0; i < count; i++) {
        const int axis = tuff_on_axis(o, axes[i % axis_count], rank);
        if (axis < 0) return false;
        both[i < axis_count ? axis : axis + (int)rank] = known ? known[i] : (double)a->ints.at[i];
    }
    for (uint32_t i = 0; i < rank; i++) {
        const double b = both[i], e = both[i + rank], n = x->dim[i];
        if (!(fabs(b) < 1e9 && fabs(e) < 1e9 && n + b + e >= 0 && n + fmin(b, 0) + fmin(e, 0) >= 0))
            return tuff_on_bad(o, "axis %u of %g is padded by %g and %g", i, n, b, e);
        before[i] = b > 0 ? (uint32_t)b : 0, after[i] = e > 0 ? (uint32_t)e : 0;
        begin[i] = b < 0 ? (int64_t)-b : 0, size.dim[i] -= (uint32_t)begin[i] + (e < 0 ? (uint32_t)-e : 0);
        result.dim[i] = size.dim[i] + before[i] + after[i];
    }
    if (tuff_shape_count(&size) == 0 || tuff_shape_count(&result) == 0)
        return tuff_on_put_full(o, 0, o->in[0].type, result, value);
    const tuff_val v = tuff_on_window(g, tuff_on(o, 0), begin, size.dim, 0);
    if (tuff_on_text_is(o, "mode", "constant", "constant")) return tuff_on_put(o, 0, tuff_pad(g, v, before, after, value));
    return tuff_on_put(o, 0,
                       tuff_pad_with(g, v, before, after,
                                     tuff_on_text_is(o, "mode", "reflect", "") ? TUFF_PAD_REFLECT
                                     : tuff_on_text_is(o, "mode", "edge", "")  ? TUFF_PAD_REPLICATE
                                                                               : TUFF_PAD_CIRCULAR));
}

BUILD(gather)
{
    const struct tuff_shape *x = &o->in[0].shape, *places = &o->in[1].shape;
    const int axis = tuff_on_axis(o, tuff_on_int(o, "axis", 0), x->rank);
    struct tuff_shape shape = {0};
    if (axis < 0) return false;
    if (x->rank + places->rank - 1 > TUFF_MAX_RANK)
        return tuff_on_refuse(o, "its result has more than %d axes", TUFF_MAX_RANK);
    for (int i = 0; i < axis; i++) shape.dim[shape.rank++] = x->dim[i];
    for (uint32_t i = 0; i < places->rank; i++) shape.dim[shape.rank++] = places->dim[i];
    for (uint32_t i = (uint32_t)axis + 1; i < x->rank; i++) shape.dim[shape.rank++] = x->dim[i];
    if (tuff_shape_count(&shape) == 0) return tuff_on_put_full(o, 0, o->in[0].type, shape, 0);
    return tuff_on_put(o, 0, tuff_gather(g, tuff_on(o, 0), tuff_on(o, 1), axis));
}
