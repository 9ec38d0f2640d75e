/* onnx_spatial.c - ONNX operators over space: convolutions, pools, other sizes, sampling. Values are [n, c, ..]. */
#include "graph/compose.h"
#include "loaders/onnx_ops.h"

#include <float.h>
#include <math.h>

/* Windows over the axes of space, from the attributes. */
struct windows {
    struct tuff_windows t;
    uint32_t in[TUFF_MAX_SPACE], out[TUFF_MAX_SPACE];
};

static bool one_attribute(const struct tuff_onnx_op *o, const char *name, uint32_t rank, uint32_t *to)
{
    int64_t list[TUFF_MAX_RANK];
    const uint32_t count = tuff_on_ints(o, name, list);
    for (uint32_t i = 0; i < rank && count == rank; i++) {
        if (list[i] < 1 || list[i] > 1 << 20) return tuff_on_bad(o, "%s has the number %lld", name, (long long)list[i]);
        to[i] = (uint32_t)list[i];
    }
    return count == 0 || count == rank || tuff_on_bad(o, "%s has %u numbers for %u axes", name, count, rank);
}

/* kernel: from the weights, or 0: the attribute kernel_shape. Pads of auto_pad follow from sizes. */
static bool windows_of(const struct tuff_onnx_op *o, const uint32_t *kernel, struct windows *w)
{
    const struct tuff_shape *x = &o->in[0].shape;
    const uint32_t axes = x->rank - 2;
    int64_t pads[2 * TUFF_MAX_SPACE] = {0}; /* begins, then ends */
    struct tuff_windows *t = &w->t;
    *w = (struct windows){.t.axes = axes};
    if (x->rank < 3) return tuff_on_bad(o, "operand 0 has %u axes, and none of space", x->rank);
    for (uint32_t i = 0; i < axes; i++) {
        w->in[i] = x->dim[i + 2];
        t->stride[i] = t->dilation[i] = 1;
        t->kernel[i] = kernel ? kernel[i] : 0;
    }
    if (!one_attribute(o, "strides", axes, t->stride) || !one_attribute(o, "dilations", axes, t->dilation) ||
        !one_attribute(o, "kernel_shape", axes, t->kernel))
        return false;
    const uint32_t count = tuff_on_ints(o, "pads", pads);
    if (count && count != 2 * axes) return tuff_on_bad(o, "it has %u pads for %u axes", count, axes);
    const bool upper = tuff_on_text_is(o, "auto_pad", "SAME_UPPER", "NOTSET"),
               lower = tuff_on_text_is(o, "auto_pad", "SAME_LOWER", "NOTSET"),
               valid = tuff_on_text_is(o, "auto_pad", "VALID", "NOTSET");
    for (uint32_t i = 0; i < axes; i++) {
        const int64_t extent = (int64_t)t->dilation[i] * (t->kernel[i] - 1) + 1;
        int64_t begin = valid ? 0 : pads[i], end = valid ? 0 : pads[axes + i];
        if (!t->kernel[i]) return tuff_on_bad(o, "it has no kernel_shape");
        if (upper || lower) {
            const int64_t n = (w->in[i] + t->stride[i] - 1) / t->stride[i], all = (n - 1) * t->stride[i] + extent - w->in[i];
            const int64_t total = all > 0 ? all : 0;
            begin = lower ? total - total / 2 : total / 2, end = total - begin;
        }
        if (begin < 0 || end < 0 || begin + end > 1 << 24)
            return tuff_on_refuse(o, "pads of %lld and %lld are not covered", (long long)begin, (long long)end);
        const int64_t room = (int64_t)w->in[i] + begin + end - extent;
        if (room < 0) return tuff_on_bad(o, "a window of %lld elements does not fit into axis %u", (long long)extent, i + 2);
        t->begin[i] = (uint32_t)begin, t->end[i] = (uint32_t)end;
        w->out[i] = (uint32_t)(room / t->stride[i] + 1);
    }
    return true;
}

static uint32_t groups_of(const struct tuff_onnx_op *o)
{
    const int64_t groups = tuff_on_int(o, "group", 1);
    return groups > 0 && groups < 1 << 24 ? (uint32_t)groups : 0;
}

static tuff_val convolve(const struct tuff_onnx_op *o, tuff_val x, tuff_val weight, tuff_val bias, struct windows *w)
{
    if (w->t.axes > 3) return tuff_on_refuse(o, "over %u axes of space it is not covered", w->t.axes);
    w->t.groups = groups_of(o) ? groups_of(o) : 1;
    return tuff_convolve(o->g, (tuff_val[]){x, weight, bias}, &w->t);
}

/* Floats as products take them: f16 stays. */
static tuff_val float_on(const struct tuff_onnx_op *o, uint32_t i)
{
    const tuff_val v = tuff_on(o, i);
    return v && !tuff_is_float(tuff_type_of(o->g, v).dtype) ? tuff_cast(o->g, v, TUFF_F32) : v;
}

tuff_val tuff_on_convolve(const struct tuff_onnx_op *o, tuff_val x, tuff_val weight, tuff_val zero)
{
    struct windows w;
    const struct tuff_shape shape = tuff_type_of(o->g, weight).shape;
    if (tuff_on_failed(o) || shape.rank != o->in[0].shape.rank || !windows_of(o, shape.dim + 2, &w)) {
        tuff_on_bad(o, "weights and operand 0 have another number of axes");
        return 0;
    }
    if (w.t.axes == 3 && zero) { /* what there is of each window */
        struct tuff_shape one = tuff_type_of(o->g, x).shape;
        one.dim[0] = 1;
        const tuff_val ones = tuff_expand(o->g, tuff_on_one(o->g, TUFF_I8, 1), one), sums = convolve(o, ones, weight, 0, &w),
                       y = convolve(o, x, weight, 0, &w);
        return tuff_sub(o->g, y, tuff_mul(o->g, zero, sums));
    }
    w.t.zero = zero;
    return convolve(o, x, weight, 0, &w);
}

BUILD(conv)
{
    struct windows w;
    if (!tuff_on_has(o, 1) || o->in[1].shape.rank != o->in[0].shape.rank)
        return tuff_on_bad(o, "weights and operand 0 have another number of axes");
    if (!windows_of(o, o->in[1].shape.dim + 2, &w)) return false;
    const tuff_val x = float_on(o, 0), weights = float_on(o, 1), bias = float_on(o, 2);
    return tuff_on_put(o, 0, convolve(o, x, weights, bias, &w));
}

static struct tuff_windows transposed(uint32_t axes, uint32_t groups)
{
    return (struct tuff_windows){axes, .stride = {1, 1, 1}, .dilation = {1, 1, 1}, .groups = groups ? groups : 1,
                                 .transposed = true};
}

BUILD(conv_transpose)
{
    const uint32_t rank = o->in[0].shape.rank - 2;
    int64_t output[TUFF_MAX_RANK], extra[TUFF_MAX_RANK] = {0}, pads[TUFF_MAX_RANK * 2] = {0}, begin[TUFF_MAX_RANK] = {0};
    uint32_t size[TUFF_MAX_SPACE];
    bool within = true; /* pads that the operator itself takes */
    if (!tuff_on_has(o, 1) || o->in[1].shape.rank != rank + 2 || rank < 1 || rank > 3)
        return tuff_on_refuse(o, "of %u axes, with weights of %u, it is not covered", rank + 2, o->in[1].shape.rank);
    const uint32_t *kernel = o->in[1].shape.dim + 2, *in = o->in[0].shape.dim + 2;
    struct tuff_windows t = transposed(rank, groups_of(o));
    if (!one_attribute(o, "strides", rank, t.stride) || !one_attribute(o, "dilations", rank, t.dilation)) return false;
    const uint32_t outputs = tuff_on_ints(o, "output_shape", output), pad_count = tuff_on_ints(o, "pads", pads);
    tuff_on_ints(o, "output_padding", extra);
    if (outputs && outputs != rank && outputs != rank + 2) return tuff_on_bad(o, "output_shape has %u numbers", outputs);
    if (pad_count && pad_count != 2 * rank) return tuff_on_bad(o, "it has %u pads", pad_count);
    const bool upper = tuff_on_text_is(o, "auto_pad", "SAME_UPPER", "NOTSET"),
               lower = tuff_on_text_is(o, "auto_pad", "SAME_LOWER", "NOTSET");
    for (uint32_t i = 0; i < rank; i++) { /* the whole of what is spread, and the window of it that is the result */
        const int64_t whole = (int64_t)t.stride[i] * (in[i] - 1) + extra[i] + (int64_t)t.dilation[i] * (kernel[i] - 1) + 1;
        int64_t wanted = outputs ? output[i + outputs - rank] : whole - pads[i] - pads[rank + i];
        if (!outputs && (upper || lower)) wanted = (int64_t)in[i] * t.stride[i];
        const int64_t cut = whole - wanted, half = (cut - (cut < 0 && cut % 2)) / 2; /* rounded down */
        int64_t first = !outputs && !upper && !lower ? pads[i] : lower || (outputs && !upper) ? cut - half : half;
        if (outputs && !upper && !lower && pad_count) first = pads[i];
        if (outputs && first < 0)
            first = 0; /* as ONNX Runtime and the reference: what is more than the whole lies behind it */
        if (wanted < 1 || wanted > INT32_MAX) return tuff_on_bad(o, "axis %u has %lld elements", i + 2, (long long)wanted);
        const int64_t spread = whole - extra[i], end = spread - first - wanted;
        begin[i + 2] = first, size[i] = (uint32_t)wanted;
        within = within && first >= 0 && end > -(int64_t)t.stride[i] && first < spread;
        t.begin[i] = (uint32_t)first, t.end[i] = end > 0 ? (uint32_t)end : 0;
        t.output_pad[i] = end < 0 ? (uint32_t)-end : 0;
    }
    for (uint32_t i = 0; i < rank && !within; i++) t.begin[i] = t.end[i] = t.output_pad[i] = 0;
    const tuff_val x = float_on(o, 0), weight = float_on(o, 1), bias = float_on(o, 2);
    tuff_val y = tuff_convolve(g, (tuff_val[]){x, weight, within ? bias : 0}, &t);
    if (!within && y) {
        struct tuff_shape part = tuff_type_of(g, y).shape;
        memcpy(part.dim + 2, size, rank * sizeof *size);
        y = tuff_on_window(g, y, begin, part.dim, 0);
        if (bias) y = tuff_add(g, y, tuff_as_channels(g, bias, rank + 2));
    }
    return tuff_on_put(o, 0, y);
}

/* ---- pools ---------------------------------------------------------------------------------------------------------------------------- */

/* [taps, n, c, out..]: what each place of the windows holds, where x ends `outside`. */
static tuff_val taps_of(const struct tuff_onnx_op *o, tuff_val x, const struct windows *w, double outside)
{
    struct tuff_graph *g = o->g;
    uint64_t taps = 1; /* at most 2^12 2^20 on the way */
    uint32_t before[TUFF_MAX_RANK] = {0}, after[TUFF_MAX_RANK] = {0}, at[TUFF_MAX_SPACE] = {0};
    struct tuff_shape size = o->in[0].shape;
    for (uint32_t i = 0; i < w->t.axes; i++) {
        const uint32_t need = (w->out[i] - 1) * w->t.stride[i] + w->t.dilation[i] * (w->t.kernel[i] - 1) + 1;
        taps *= taps > 4096 ? 1 : w->t.kernel[i];
        before[i + 2] = w->t.begin[i];
        after[i + 2] = need > w->in[i] + before[i + 2] ? need - w->in[i] - before[i + 2] : 0;
        size.dim[i + 2] = w->out[i];
    }
    tuff_val *parts = taps <= 4096 ? tuff_on_alloc(o, (size_t)taps * sizeof *parts) : NULL;
    if (taps > 4096) tuff_on_refuse(o, "windows of more than 4096 elements are not covered");
    if (!parts) return 0;
    x = tuff_pad(g, x, before, after, outside);
    for (uint32_t t = 0; t < taps; t++) {
        uint32_t start[TUFF_MAX_RANK] = {0};
        int32_t step[TUFF_MAX_RANK] = {1, 1};
        for (uint32_t i = 0; i < w->t.axes; i++)
            start[i + 2] = at[i] * w->t.dilation[i], step[i + 2] = (int32_t)w->t.stride[i];
        parts[t] = tuff_unsqueeze(g, tuff_slice(g, x, start, step, size.dim), 0);
        for (uint32_t i = w->t.axes; i-- > 0 && ++at[i] == w->t.kernel[i];) at[i] = 0;
    }
    return taps == 1 ? parts[0] : tuff_concat(g, parts, (uint32_t)taps, 0);
}

/* With ceil_mode one window more, where it does not begin behind x and its first pad. */
static void round_up(const struct tuff_onnx_op *o, struct windows *w)
{
    for (uint32_t i = 0; i < w->t.axes && tuff_on_int(o, "ceil_mode", 0); i++) {
        const int64_t extent = (int64_t)w->t.dilation[i] * (w->t.kernel[i] - 1) + 1;
        const int64_t room = (int64_t)w->in[i] + w->t.begin[i] + w->t.end[i] - extent;
        if (room % w->t.stride[i] && (int64_t)w->out[i] * w->t.stride[i] < w->in[i] + w->t.begin[i]) w->out[i]++;
    }
}

/* Where in x, counted over all of it, the largest of each window lies. */
static tuff_val places(const struct tuff_onnx_op *o, tuff_val taps, const struct windows *w)
{
    struct tuff_graph *g = o->g;
    const struct tuff_shape *x = &o->in[0].shape;
    struct tuff_shape shape = *x;
    const bool columns = tuff_on_int(o, "storage_order", 0);
    tuff_val tap = tuff_argmax(g, taps, 0, TUFF_DROP_AXES), flat = 0;
    int64_t stride = 1, space = 1;
    for (uint32_t i = 0; i < w->t.axes; i++) shape.dim[i + 2] = w->out[i], space *= w->in[i];
    flat = tuff_on_times(g, tuff_iota(g, shape, 0), x->dim[1]);
    flat = tuff_on_times(g, tuff_add(g, flat, tuff_iota(g, shape, 1)), (double)space);
    tuff_val along[TUFF_MAX_SPACE];
    for (uint32_t i = w->t.axes; i-- > 0;) {
        const tuff_val rest = tuff_div(g, tap, tuff_on_one(g, TUFF_I32, w->t.kernel[i])),
                       at = tuff_sub(g, tap, tuff_on_times(g, rest, w->t.kernel[i]));
        const tuff_val begin = tuff_on_plus(g, tuff_on_times(g, tuff_iota(g, shape, (int)i + 2), w->t.stride[i]),
                                            -(double)w->t.begin[i]);
        along[i] = tuff_add(g, begin, tuff_on_times(g, at, w->t.dilation[i]));
        tap = rest;
    }
    for (uint32_t k = 0; k < w->t.axes; k++) {
        const uint32_t i = columns ? k : w->t.axes - 1 - k;
        flat = tuff_add(g, flat, tuff_on_times(g, along[i], (double)stride));
        stride *= w->in[i];
    }
    return flat;
}

BUILD(pool)
{
    const bool max = OP_IS("MaxPool"), mean = OP_IS("AveragePool");
    struct windows w;
    if (!windows_of(o, NULL, &w)) return false;
    const tuff_val x = tuff_on_f32(o, 0);
    bool dilated = false;
    for (uint32_t i = 0; i < w.t.axes; i++) dilated = dilated || w.t.dilation[i] > 1;
    const bool ceil = tuff_on_int(o, "ceil_mode", 0), count_pads = tuff_on_int(o, "count_include_pad", 0);
    const bool indices = max && o->out_count > 1 && o->node->outputs.at[1].bytes;
    if (w.t.axes <= 3 && (max || (mean && !dilated && !(ceil && count_pads)))) {
        static const char *const what[2][4] = {{"", "max_pool1d", "max_pool2d", "max_pool3d"},
                                               {"", "avg_pool1d", "avg_pool2d", "avg_pool3d"}};
        struct tuff_windows p = w.t;
        p.what = what[mean][p.axes], p.mean = mean, p.ceil_mode = ceil, p.count_include_pad = mean && count_pads;
        tuff_on_put(o, 0, tuff_pool(g, x, &p));
    }
    if (o->out[0].type && !indices) return !tuff_on_failed(o);
    round_up(o, &w);
    const double p = tuff_on_number(o, "p", 2), whole = (double)tuff_on_int(o, "p", 2), power = o->version < 2 ? p : whole;
    tuff_val taps = taps_of(o, max || mean ? x : tuff_pow_const(g, tuff_abs(g, x), power, 0), &w, max ? -INFINITY : 0);
    if (tuff_on_failed(o)) return false;
    if (indices) tuff_on_put_as(o, 1, places(o, taps, &w), TUFF_ONNX_INT64);
    if (o->out[0].type) return !tuff_on_failed(o);
    if (max) return tuff_on_put(o, 0, tuff_reduce_max(g, taps, 1, TUFF_DROP_AXES));
    const tuff_val sum = tuff_sum(g, taps, 1, TUFF_DROP_AXES);
    if (!mean) return tuff_on_put(o, 0, tuff_pow_const(g, sum, 1 / power, 0));
    tuff_val ones = tuff_expand(g, tuff_scalar(g, 1), o->in[0].shape);
    if (count_pads) { /* what lies beyond the pads, by ceil_mode, counts nothing */
        uint32_t before[TUFF_MAX_RANK] = {0}, after[TUFF_MAX_RANK] = {0};
        struct windows padded = w;
        for (uint32_t i = 0; i < w.t.axes; i++) {
            before[i + 2] = w.t.begin[i], after[i + 2] = w.t.end[i];
            padded.in[i] += before[i + 2] + after[i + 2], padded.t.begin[i] = 0;
        }
        ones = taps_of(o, tuff_pad(g, ones, before, after, 1), &padded, 0);
    } else
        ones = taps_of(o, ones, &w, 0);
    return tuff_on_put(o, 0, tuff_div(g, sum, tuff_sum(g, ones, 1, TUFF_DROP_AXES)));
}

BUILD(global_pool)
{
    const uint32_t axes = ((1u << o->in[0].shape.rank) - 1) & ~3u;
    const tuff_val x = tuff_on_f32(o, 0);
    if (!axes) return tuff_on_bad(o, "operand 0 has no axes of space");
    if (OP_IS("GlobalAveragePool")) return tuff_on_put(o, 0, tuff_mean(g, x, axes, TUFF_KEEP_AXES));
    if (OP_IS("GlobalMaxPool")) return tuff_on_put(o, 0, tuff_reduce_max(g, x, axes, TUFF_KEEP_AXES));
    const double p = o->version < 2 ? tuff_on_number(o, "p", 2) : (double)tuff_on_int(o, "p", 2);
    return tuff_on_put(
        o, 0, tuff_pow_const(g, tuff_sum(g, tuff_pow_const(g, tuff_abs(g, x), p, 0), axes, TUFF_KEEP_AXES), 1 / p, 0));
}

/* Zeros, and each element at the place that the pool gave; those of a smaller result lie in the begin of a larger one. */
BUILD(max_unpool)
{
    struct windows w;
    const struct tuff_shape *x = &o->in[0].shape;
    struct tuff_shape shape, whole;
    if (!windows_of(o, NULL, &w)) return false;
    int64_t list[TUFF_MAX_RANK];
    for (uint32_t i = 0; i < x->rank; i++) {
        list[i] = x->dim[i];
        if (i >= 2) list[i] = (list[i] - 1) * w.t.stride[i - 2] + w.t.kernel[i - 2] - w.t.begin[i - 2] - w.t.end[i - 2];
    }
    whole = shape = tuff_on_shape(o, list, x->rank);
    if (tuff_on_failed(o)) return false;
    if (tuff_on_has(o, 2)) {
        uint32_t count;
        if (!tuff_on_list(o, 2, list, &count)) return false;
        if (count != shape.rank) return tuff_on_bad(o, "output_shape has %u numbers", count);
        whole = tuff_on_shape(o, list, count);
    }
    const uint32_t from = (uint32_t)tuff_shape_count(x), to = (uint32_t)tuff_shape_count(&shape);
    const tuff_val zeros = tuff_expand(g, tuff_scalar(g, 0), TUFF_SHAPE(to)),
                   at = tuff_reshape(g, tuff_on_i32(o, 1), TUFF_SHAPE(from));
    tuff_val y = tuff_reshape(
        g, tuff_scatter(g, zeros, at, tuff_reshape(g, tuff_on_f32(o, 0), TUFF_SHAPE(from)), 0, TUFF_SCATTER_NONE), shape);
    const int64_t begin[TUFF_MAX_RANK] = {0};
    return tuff_on_put(o, 0, tuff_on_window(g, y, begin, whole.dim, 0));
}

/* Columns [n, c k, L] summed back into pictures: a transposed convolution by one-hot kernels. */
BUILD(col2im)
{
    int64_t image[TUFF_MAX_RANK], block[TUFF_MAX_RANK];
    uint32_t rank, same, taps = 1;
    int64_t pads[TUFF_MAX_RANK] = {0};
    if (!tuff_on_list(o, 1, image, &rank) || !tuff_on_list(o, 2, block, &same)) return false;
    if (rank != same || rank < 1 || rank > 3 || o->in[0].shape.rank != 3)
        return tuff_on_refuse(o, "of %u axes of space it is not covered", rank);
    struct tuff_windows t = transposed(rank, 1);
    if (!one_attribute(o, "strides", rank, t.stride) || !one_attribute(o, "dilations", rank, t.dilation)) return false;
    tuff_on_ints(o, "pads", pads);
    struct tuff_shape shape = {.rank = rank + 2, .dim = {o->in[0].shape.dim[0], o->in[0].shape.dim[1]}},
                      kernel = {.rank = rank + 2};
    for (uint32_t i = 0; i < rank; i++) {
        if (image[i] < 1 || block[i] < 1 || block[i] > 1 << 12 || pads[i] < 0 || pads[rank + i] < 0)
            return tuff_on_bad(o, "axis %u: blocks of %lld in %lld elements, padded by %lld and %lld", i,
                               (long long)block[i], (long long)image[i], (long long)pads[i], (long long)pads[rank + i]);
        taps *= taps > 1 << 12 ? 1 : (uint32_t)block[i];
        kernel.dim[i + 2] = (uint32_t)block[i];
        shape.dim[i + 2] =
            (uint32_t)((image[i] + pads[i] + pads[rank + i] - t.dilation[i] * (block[i] - 1) - 1) / t.stride[i] + 1);
    }
    const uint32_t channels = shape.dim[1] / taps;
    if (taps > 1 << 12) return tuff_on_refuse(o, "blocks of more than %d elements are not covered", 1 << 12);
    if (!channels) return tuff_on_bad(o, "its columns are too short");
    kernel.dim[0] = channels * taps, kernel.dim[1] = 1;
    double *hot = tuff_on_alloc(o, (size_t)taps * kernel.dim[0] * sizeof *hot);
    if (!hot) return false;
    for (uint32_t i = 0; i < kernel.dim[0]; i++) hot[i * taps + i % taps] = 1;
    const tuff_val weight = tuff_on_make(o, TUFF_ONNX_FLOAT, kernel, hot).v, x = tuff_reshape(g, tuff_on_f32(o, 0), shape);
    t.groups = channels;
    for (uint32_t i = 0; i < rank; i++) { /* output_pad: rows that no window reaches */
        const int64_t reached = (int64_t)(shape.dim[i + 2] - 1) * t.stride[i] + t.dilation[i] * (block[i] - 1) + 1 -
                                pads[i] - pads[rank + i];
        t.begin[i] = (uint32_t)pads[i], t.end[i] = (uint32_t)pads[rank + i],
        t.output_pad[i] = (uint32_t)(image[i] - reached);
    }
    return tuff_on_put(o, 0, tuff_convolve(g, (tuff_val[]){x, weight, 0}, &t));
}

/* ---- other sizes ---------------------------------------------------------------------------------------------------------------------------- */

/* Upsample, and Resize of set 10, know scales alone, and count from the corner. */
BUILD(resize)
{
    const struct tuff_shape *x = &o->in[0].shape;
    const bool old = o->version < 11, upsample = OP_IS("Upsample");
    struct tuff_resize_params p = {.coordinates = old ? TUFF_RESIZE_ASYMMETRIC : TUFF_RESIZE_HALF_PIXEL,
                                   .nearest = old ? TUFF_RESIZE_FLOOR : TUFF_RESIZE_ROUND_PREFER_FLOOR};
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const coordinates[] = {"half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
                                              "align_corners", "asymmetric",           "tf_crop_and_resize"};
    static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    for (int i = 0; i < 3; i++)
        if (tuff_on_text_is(o, "mode", modes[i], "nearest")) p.mode = (enum tuff_resize_mode)i;
    for (int i = 0; i < 6 && !old; i++)
        if (tuff_on_text_is(o, "coordinate_transformation_mode", coordinates[i], "half_pixel"))
            p.coordinates = (enum tuff_resize_coordinates)i;
    for (int i = 0; i < 4 && !old; i++)
        if (tuff_on_text_is(o, "nearest_mode", nearest[i], "round_prefer_floor")) p.nearest = (enum tuff_resize_nearest)i;
    if (tuff_on_text_is(o, "mode", "bilinear", "nearest")) p.mode = TUFF_RESIZE_LINEAR;
    p.cubic_a = TUFF_NUMBER(tuff_on_number(o, "cubic_coeff_a", -0.75));
    p.exclude_outside = tuff_on_int(o, "exclude_outside", 0);
    p.antialias = tuff_on_int(o, "antialias", 0) && p.mode != TUFF_RESIZE_NEAREST;
    p.extrapolation = tuff_on_number(o, "extrapolation_value", 0);
    int64_t axes[TUFF_MAX_RANK];
    uint32_t count = tuff_on_ints(o, "axes", axes);
    for (uint32_t i = 0; i < x->rank && !count; i++) axes[i] = i;
    count = count ? count : x->rank;
    const uint32_t scales_at = old ? 1 : 2;
    const struct tuff_onnx_attribute *attribute = upsample && o->version < 9 ? tuff_on_attribute(o, "scales") : NULL;
    const bool by_size = !old && tuff_on_has(o, 3) && !tuff_on_empty(o, 3);
    const double *sizes = by_size ? tuff_on_known(o, 3) : NULL,
                 *scales = by_size || attribute ? NULL : tuff_on_known(o, scales_at);
    const double *roi = p.coordinates == TUFF_RESIZE_CROP && tuff_on_has(o, 1) && !tuff_on_empty(o, 1) ? tuff_on_known(o, 1)
                                                                                                       : NULL;
    if (tuff_on_failed(o)) return false;
    const uint64_t given = by_size     ? tuff_shape_count(&o->in[3].shape)
                           : attribute ? attribute->floats.count
                                       : tuff_shape_count(&o->in[scales_at].shape);
    if (given != count) return tuff_on_bad(o, "it has %u sizes or scales for %u axes", (unsigned)given, count);
    if (roi && tuff_shape_count(&o->in[1].shape) != 2 * count)
        return tuff_on_bad(o, "its region does not fit %u axes", count);
    double common = tuff_on_text_is(o, "keep_aspect_ratio_policy", "not_smaller", "stretch") ? 0 : INFINITY;
    const bool larger = common == 0, keep = by_size && !tuff_on_text_is(o, "keep_aspect_ratio_policy", "stretch", "stretch");
    for (uint32_t k = 0; k < count; k++) {
        const int axis = tuff_on_axis(o, axes[k], x->rank);
        if (axis < 0) return false;
        const double n = x->dim[axis];
        if (keep) common = larger ? fmax(common, sizes[k] / n) : fmin(common, sizes[k] / n);
        if (sizes && !(sizes[k] >= 1 && sizes[k] <= INT32_MAX)) return tuff_on_bad(o, "a size is %g", sizes[k]);
        if (sizes) p.size[axis] = (uint32_t)sizes[k];
        if (!sizes) p.scale[axis] = scales ? scales[k] : (double)attribute->floats.at[k];
        if (!sizes && !(floor(p.scale[axis] * n) >= 1)) return tuff_on_bad(o, "a scale is %g", p.scale[axis]);
        const double longer = fmax(n, sizes ? sizes[k] : p.scale[axis] * n); /* tables of four taps and more */
        if (!tuff_on_budget(o, (size_t)fmin(0x1p31, longer) * 4 * (sizeof(double) + sizeof(uint32_t)))) return false;
        if (roi) p.crop_begin[axis] = roi[k], p.crop_end[axis] = roi[k + count];
    }
    for (uint32_t k = 0; k < count && keep; k++) {
        const int axis = tuff_on_axis(o, axes[k], x->rank);
        p.size[axis] = (uint32_t)fmin(INT32_MAX, floor(common * x->dim[axis] + 0.5)), p.scale[axis] = common;
        if (!tuff_on_budget(o, (size_t)p.size[axis] * 4 * (sizeof(double) + sizeof(uint32_t)))) return false;
    }
    const bool whole = !tuff_is_float(tuff_onnx_type_row(o->in[0].type)->dtype) && p.mode != TUFF_RESIZE_NEAREST;
    /* Set 10 leaves open which neighbour is the nearest; ONNX Runtime takes the next one where an axis shrinks. */
    struct tuff_resize_params shrink = p;
    shrink.nearest = TUFF_RESIZE_CEIL;
    const bool next = o->version == 10 && !upsample && p.mode == TUFF_RESIZE_NEAREST;
    for (uint32_t i = 0; i < x->rank && next; i++) *(p.scale[i] < 1 ? &p.scale[i] : &shrink.scale[i]) = 0;
    const tuff_val y = tuff_resize(g, whole ? tuff_on_f32(o, 0) : tuff_on(o, 0), &p);
    return tuff_on_put(o, 0, next ? tuff_resize(g, y, &shrink) : y);
}

BUILD(depth_to_space)
{
    const struct tuff_shape *x = &o->in[0].shape;
    const int64_t size = tuff_on_int(o, "blocksize", 0);
    const uint32_t b = size > 0 && size < 1 << 15 ? (uint32_t)size : 0;
    static const uint32_t orders[3][6] = {{0, 3, 4, 1, 5, 2}, {0, 1, 4, 2, 5, 3}, {0, 3, 5, 1, 2, 4}}; /* DCR, CRD, back */
    const bool back = OP_IS("SpaceToDepth"), crd = tuff_on_text_is(o, "mode", "CRD", "DCR");
    if (x->rank != 4 || !b || (back ? x->dim[2] % b || x->dim[3] % b : x->dim[1] % (b * b)))
        return tuff_on_bad(o, "blocks of %lld do not fit", (long long)size);
    const uint32_t n = x->dim[0], c = x->dim[1], h = x->dim[2], w = x->dim[3], few = c / (b * b);
    const tuff_val apart = tuff_reshape(g, tuff_on(o, 0),
                                        back  ? TUFF_SHAPE(n, c, h / b, b, w / b, b)
                                        : crd ? TUFF_SHAPE(n, few, b, b, h, w)
                                              : TUFF_SHAPE(n, b, b, few, h, w));
    const tuff_val turned = tuff_permute(g, apart, orders[back ? 2 : crd]);
    return tuff_on_put(
        o, 0, tuff_reshape(g, turned, back ? TUFF_SHAPE(n, c * b * b, h / b, w / b) : TUFF_SHAPE(n, few, h * b, w * b)));
}

BUILD(center_crop_pad)
{
    const struct tuff_shape *x = &o->in[0].shape;
    int64_t list[TUFF_MAX_RANK], axes[TUFF_MAX_RANK], begin[TUFF_MAX_RANK] = {0};
    uint32_t count;
    struct tuff_shape size = *x;
    if (!tuff_on_list(o, 1, list, &count)) return false;
    const uint32_t named = tuff_on_ints(o, "axes", axes);
    if (count > x->rank || (named && named != count)) return tuff_on_bad(o, "it has %u sizes", count);
    for (uint32_t k = 0; k < count; k++) {
        const int axis = tuff_on_axis(o, named ? axes[k] : k, x->rank);
        if (axis < 0 || list[k] < 1 || list[k] > INT32_MAX)
            return tuff_on_failed(o) ? false : tuff_on_bad(o, "a size is %lld", (long long)list[k]);
        begin[axis] = (x->dim[axis] - list[k]) / 2, size.dim[axis] = (uint32_t)list[k];
    }
    return tuff_on_put(o, 0, tuff_on_window(g, tuff_on(o, 0), begin, size.dim, 0));
}

/* ---- sampling ----------------------------------------------------------------------------------------------------------------------------------- */

BUILD(grid_sample)
{
    const struct tuff_shape *x = &o->in[0].shape, *grid = &o->in[1].shape;
    const uint32_t rank = x->rank - 2;
    const bool align = tuff_on_int(o, "align_corners", 0), border = tuff_on_text_is(o, "padding_mode", "border", "zeros"),
               reflection = tuff_on_text_is(o, "padding_mode", "reflection", "zeros");
    const bool nearest = tuff_on_text_is(o, "mode", "nearest", "linear"),
               cubic = tuff_on_text_is(o, "mode", "cubic", "linear") || tuff_on_text_is(o, "mode", "bicubic", "linear");
    if (grid->rank != x->rank || rank < 2 || rank > 3 || grid->dim[rank + 1] != rank)
        return tuff_on_bad(o, "operand and grid do not fit");
    if (rank == 3 && cubic) return tuff_on_refuse(o, "cubic sampling over three axes is not covered");
    const struct tuff_grid_sample_params p = {.mode = nearest ? TUFF_SAMPLE_NEAREST
                                                      : cubic ? TUFF_SAMPLE_CUBIC
                                                              : TUFF_SAMPLE_LINEAR,
                                              .padding = border       ? TUFF_SAMPLE_BORDER
                                                         : reflection ? TUFF_SAMPLE_REFLECTION
                                                                      : TUFF_SAMPLE_ZEROS,
                                              .align_corners = align};
    const tuff_val picture = tuff_on_f32(o, 0), places = tuff_on_f32(o, 1);
    return tuff_on_put(o, 0, tuff_grid_sample(g, picture, places, p));
}

/* theta [n, r, r + 1] times the places of a regular grid, (across, down, .., 1). */
BUILD(affine_grid)
{
    int64_t list[TUFF_MAX_RANK];
    uint32_t count, size[3];
    uint64_t places = 1;
    if (!tuff_on_list(o, 1, list, &count)) return false;
    if (count < 4 || count > 5) return tuff_on_bad(o, "its size has %u numbers", count);
    for (uint32_t i = 0; i < count - 2; i++) {
        if (list[i + 2] < 1 || list[i + 2] > 1 << 14)
            return tuff_on_bad(o, "an axis has %lld elements", (long long)list[i + 2]);
        places *= size[i] = (uint32_t)list[i + 2];
    }
    if (places > 1 << 24) return tuff_on_refuse(o, "it has %llu places", (unsigned long long)places);
    if (!tuff_on_budget(o, (size_t)places * (count - 1) * 2 * sizeof(double)))
        return false; /* the table, and the graph's copy */
    const bool align = tuff_on_int(o, "align_corners", 0);
    return tuff_on_put(o, 0, tuff_affine_places(g, tuff_on_f32(o, 0), size, count - 2, align, -1));
}

/* Each region [rois, 4] of a picture is cut into cells, whose means (or largest) of some samples are the result. */
BUILD(roi_align)
{
    const struct tuff_shape *x = &o->in[0].shape;
    const int64_t ratio = tuff_on_int(o, "sampling_ratio", 0), height = tuff_on_int(o, "output_height", 1),
                  width = tuff_on_int(o, "output_width", 1);
    const uint32_t h = (uint32_t)height, w = (uint32_t)width, rois = o->in[1].shape.rank == 2 ? o->in[1].shape.dim[0] : 0;
    const double scale = tuff_on_number(o, "spatial_scale", 1);
    const bool half = tuff_on_text_is(o, "coordinate_transformation_mode", "half_pixel",
                                      o->version < 16 ? "output_half_pixel" : "half_pixel"),
               max = tuff_on_text_is(o, "mode", "max", "avg");
    if (x->rank != 4 || !rois || o->in[1].shape.dim[1] != 4) return tuff_on_bad(o, "its regions are no [n, 4]");
    if (height < 1 || width < 1 || height > 1 << 12 || width > 1 << 12 || ratio > 1 << 10)
        return tuff_on_refuse(o, "of %lld by %lld cells, %lld samples each, it is not covered", (long long)height,
                              (long long)width, (long long)ratio);
    if (o->in[2].shape.rank != 1 || o->in[2].shape.dim[0] != rois)
        return tuff_on_bad(o, "it has %u regions, and not as many numbers of pictures", rois);
    const struct tuff_sampling how = {.clamped = true, .largest = max};
    tuff_val corner[4];
    const tuff_val boxes = tuff_on_f32(o, 1);
    for (uint32_t k = 0; k < 4; k++)
        corner[k] = tuff_affine(g, tuff_slice_axis(g, boxes, 1, k, 1, 1), scale, half ? -0.5 : 0);
    const double *known = ratio > 0 ? NULL : tuff_on_known(o, 1);
    if (tuff_on_failed(o)) return false;
    tuff_val *parts = tuff_on_alloc(o, (rois + 1) * sizeof *parts), numbers = tuff_on_i32(o, 2);
    for (uint32_t r = 0; parts && r < (ratio > 0 ? 1 : rois);
         r++) { /* all at once, or each with as many samples as its size asks for */
        const uint32_t many = ratio > 0 ? rois : 1;
        tuff_val where[2];
        uint32_t samples[2];
        for (uint32_t k = 0; k < 2; k++) { /* down, across */
            const uint32_t cells = k ? w : h;
            const double extent = known ? (known[r * 4 + 3 - k] - known[r * 4 + 1 - k]) * scale : 0,
                         least = half ? extent : fmax(extent, 1);
            samples[k] = ratio > 0 ? (uint32_t)ratio : (uint32_t)fmax(1, fmin(1024, ceil(least / cells)));
            const tuff_val low = tuff_slice_axis(g, corner[1 - k], 0, ratio > 0 ? 0 : r, 1, many),
                           high = tuff_slice_axis(g, corner[3 - k], 0, ratio > 0 ? 0 : r, 1, many);
            tuff_val size = tuff_sub(g, high, low);
            if (!half) size = tuff_clamp(g, size, 1, FLT_MAX);
            const tuff_val step = tuff_affine(g, tuff_cast(g, tuff_iota(g, TUFF_SHAPE(1, cells * samples[k]), 1), TUFF_F32),
                                              1.0 / ((double)cells * samples[k]), 0.5 / ((double)cells * samples[k]));
            where[k] = tuff_add(g, low, tuff_mul(g, size, step)); /* [many, cells samples] */
        }
        const uint32_t ph = h * samples[0], pw = w * samples[1];
        tuff_val at[2], beyond = 0;
        for (uint32_t k = 0; k < 2; k++) { /* samples that lie outside by more than one count 0 */
            const tuff_val all = tuff_expand(g, tuff_unsqueeze(g, where[k], 2 - (int)k), TUFF_SHAPE(many, ph, pw));
            at[k] = tuff_reshape(g, all, TUFF_SHAPE(many, 1, ph * pw));
            const tuff_val inside = tuff_clamp(g, at[k], -1, x->dim[k + 2]),
                           here = tuff_cast(g, tuff_equal(g, inside, at[k]), TUFF_F32);
            beyond = beyond ? tuff_mul(g, beyond, here) : here;
            at[k] = tuff_clamp(g, at[k], 0, x->dim[k + 2] - 1.0);
        }
        const tuff_val all = tuff_on_f32(o, 0), place = tuff_slice_axis(g, numbers, 0, ratio > 0 ? 0 : r, 1, many);
        const tuff_val picture = tuff_gather(g, all, place, 0);
        tuff_val y = tuff_mul(g, tuff_sample(g, picture, at, 2, &how), beyond);
        y = tuff_reshape(g, y, TUFF_SHAPE(many, x->dim[1], h, samples[0], w, samples[1]));
        parts[r] = max ? tuff_reduce_max(g, y, 1u << 3 | 1u << 5, TUFF_DROP_AXES)
                       : tuff_mean(g, y, 1u << 3 | 1u << 5, TUFF_DROP_AXES);
    }
    if (!parts) return false;
    return tuff_on_put(o, 0, ratio > 0 || rois == 1 ? parts[0] : tuff_concat(g, parts, rois, 0));
}

/* A convolution whose taps lie at places of their own: samples [n, c taps, out] times the weights. */
BUILD(deform_conv)
{
    struct windows w;
    const struct tuff_shape *x = &o->in[0].shape;
    if (x->rank != 4 || o->in[1].shape.rank != 4 || o->in[2].shape.rank != 4)
        return tuff_on_refuse(o, "of other than 4 axes it is not covered");
    if (!windows_of(o, o->in[1].shape.dim + 2, &w)) return false;
    const int64_t offsets_of = tuff_on_int(o, "offset_group", 1);
    const uint32_t n = x->dim[0], groups = groups_of(o),
                   parts = offsets_of > 0 && offsets_of <= x->dim[1] ? (uint32_t)offsets_of : 0,
                   taps = w.t.kernel[0] * w.t.kernel[1], out = w.out[0] * w.out[1], co = o->in[1].shape.dim[0];
    if (!groups || !parts || x->dim[1] % parts || x->dim[1] % groups || co % groups)
        return tuff_on_bad(o, "its groups do not divide the channels");
    const tuff_val offsets = tuff_reshape(g, tuff_on_f32(o, 2), TUFF_SHAPE(n * parts, taps, 2, out));
    double *grid = tuff_on_alloc(o, (size_t)2 * taps * out * sizeof *grid);
    if (!grid) return false;
    for (uint32_t t = 0; t < taps; t++)
        for (uint32_t p = 0; p < out; p++) {
            grid[(t * 2 + 0) * out + p] = (double)(p / w.out[1]) * w.t.stride[0] - (double)w.t.begin[0] +
                                          (double)(t / w.t.kernel[1]) * w.t.dilation[0];
            grid[(t * 2 + 1) * out + p] = (double)(p % w.out[1]) * w.t.stride[1] - (double)w.t.begin[1] +
                                          (double)(t % w.t.kernel[1]) * w.t.dilation[1];
        }
    const tuff_val at = tuff_add(g, offsets, tuff_on_make(o, TUFF_ONNX_FLOAT, TUFF_SHAPE(1, taps, 2, out), grid).v);
    tuff_val where[2];
    for (uint32_t k = 0; k < 2; k++)
        where[k] = tuff_reshape(g, tuff_slice_axis(g, at, 2, k, 1, 1), TUFF_SHAPE(n * parts, 1, taps * out));
    const struct tuff_shape apart = TUFF_SHAPE(n * parts, x->dim[1] / parts, x->dim[2], x->dim[3]);
    tuff_val y = tuff_sample(g, tuff_reshape(g, tuff_on_f32(o, 0), apart), where, 2,
                             &(struct tuff_sampling){0}); /* [n parts, c / parts, taps out] */
    if (tuff_on_has(o, 4)) y = tuff_mul(g, y, tuff_reshape(g, tuff_on_f32(o, 4), TUFF_SHAPE(n * parts, 1, taps * out)));
    y = tuff_reshape(g, y, TUFF_SHAPE(n, groups, x->dim[1] / groups * taps, out));
    const tuff_val weight = tuff_reshape(g, tuff_on_f32(o, 1),
                                         TUFF_SHAPE(1, groups, co / groups, x->dim[1] / groups * taps));
    y = tuff_reshape(g, tuff_matmul(g, weight, y, (struct tuff_matmul_params){0}), TUFF_SHAPE(n, co, w.out[0], w.out[1]));
    return tuff_on_put(o, 0,
                       tuff_on_has(o, 3) ? tuff_add(g, y, tuff_reshape(g, tuff_on_f32(o, 3), TUFF_SHAPE(co, 1, 1))) : y);
}
