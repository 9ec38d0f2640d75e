/* reduce.c - sums, products, extrema and their positions over any axes, running sums; each by kernels with a fixed order. */
#include "graph/ops/reduce.h"
#include "graph/bound.h"
#include "graph/ops/gemm.h"
#include "graph/ops/leaf.h"
#include "graph/ops/pointwise.h"
#include "graph/ops/view.h"
#include "graph/pw_math.h"

#include <math.h>

static const struct tuff_attr reduce_attr[] = {
    {"axes", "", TUFF_ATTR_I32, 1, offsetof(struct tuff_reduce_attrs, axes)},
    {"keep", "keepdims", TUFF_ATTR_I32, 1, offsetof(struct tuff_reduce_attrs, keep)},
};

enum tuff_reduce_kind tuff_reduce_kind(const struct tuff_op *op)
{
    return op == &tuff_op_sum          ? TUFF_BY_SUM
           : op == &tuff_op_prod       ? TUFF_BY_PROD
           : op == &tuff_op_reduce_max ? TUFF_BY_MAX
           : op == &tuff_op_reduce_min ? TUFF_BY_MIN
           : op == &tuff_op_argmax     ? TUFF_BY_ARGMAX
                                       : TUFF_BY_ARGMIN;
}

static tuff_status reduce_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_reduce_attrs *attrs = infer->attrs;
    const struct tuff_type *in = infer->in[0];
    enum tuff_reduce_kind kind = tuff_reduce_kind(infer->op);
    *out = (struct tuff_shape){0};
    bool one_axis = (attrs->axes & (attrs->axes - 1)) == 0;
    if (attrs->axes >> in->shape.rank)
        return tuff_infer_refuse(infer, "axes 0x%x: bit i stands for axis i, and it has %u axes", attrs->axes,
                                 in->shape.rank);
    if (kind >= TUFF_BY_ARGMAX && (!one_axis || attrs->axes == 0))
        return tuff_infer_refuse(infer, "axes 0x%x: it takes one axis", attrs->axes);
    if (!tuff_is_float(in->dtype) && in->dtype != TUFF_I32 && kind > TUFF_BY_PROD)
        return tuff_infer_refuse(infer, "it takes floats or i32: cast it");
    for (uint32_t i = 0; i < in->shape.rank; i++) {
        bool reduced = attrs->axes >> i & 1;
        if (!reduced || attrs->keep) out->dim[out->rank++] = reduced ? 1 : in->shape.dim[i];
    }
    return TUFF_OK;
}

static struct tuff_shape kept_shape(struct tuff_shape shape, uint32_t axes)
{
    for (uint32_t i = 0; i < shape.rank; i++)
        if (axes >> i & 1) shape.dim[i] = 1;
    return shape;
}

static void sum_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value value = *tuff_value_of(g, y);
    const struct tuff_reduce_attrs *attrs = value.attrs;
    struct tuff_type in = tuff_type_of(g, value.in[0]);
    if (tuff_is_float(in.dtype)) gin[0] = tuff_expand(g, tuff_reshape(g, gy, kept_shape(in.shape, attrs->axes)), in.shape);
}

tuff_val tuff_factor(struct tuff_graph *g, tuff_val x)
{
    tuff_val none = tuff_equal(g, x, tuff_scalar(g, 0)), one = tuff_scalar(g, 1);
    x = tuff_cast(g, x, TUFF_F32);
    return tuff_select(g, none, one, x);
}
tuff_val tuff_is_zero(struct tuff_graph *g, tuff_val x)
{
    return tuff_cast(g, tuff_equal(g, x, tuff_scalar(g, 0)), TUFF_I32);
}
tuff_val tuff_other_factors(struct tuff_graph *g, tuff_val x, tuff_val zeros, tuff_val product)
{
    tuff_val others = tuff_div(g, product, tuff_factor(g, x)), none = tuff_scalar(g, 0);
    return tuff_select(g, tuff_equal(g, zeros, tuff_is_zero(g, x)), others, none);
}

static void prod_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value value = *tuff_value_of(g, y);
    uint32_t axes = ((const struct tuff_reduce_attrs *)value.attrs)->axes;
    struct tuff_type in = tuff_type_of(g, value.in[0]);
    if (!tuff_is_float(in.dtype)) return;
    tuff_val zeros = tuff_sum(g, tuff_is_zero(g, value.in[0]), axes, TUFF_KEEP_AXES);
    tuff_val product = tuff_prod(g, tuff_factor(g, value.in[0]), axes, TUFF_KEEP_AXES);
    tuff_val others = tuff_other_factors(g, value.in[0], zeros, product);
    gin[0] = tuff_mul(g, tuff_reshape(g, gy, kept_shape(in.shape, axes)), others);
}

/* Ties share the gradient evenly, as in PyTorch's amax. */
static void extremum_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value value = *tuff_value_of(g, y);
    const struct tuff_reduce_attrs *attrs = value.attrs;
    struct tuff_shape in = tuff_type_of(g, value.in[0]).shape, kept = kept_shape(in, attrs->axes);
    tuff_val mask = tuff_cast(g, tuff_equal(g, value.in[0], tuff_reshape(g, y, kept)), TUFF_F32);
    tuff_val ties = tuff_sum(g, mask, attrs->axes, TUFF_KEEP_AXES), share = tuff_div(g, tuff_reshape(g, gy, kept), ties);
    gin[0] = tuff_mul(g, mask, share);
}

static uint64_t reduced_count(const struct tuff_shape *shape, uint32_t axes)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < shape->rank; i++)
        if (axes >> i & 1) n *= shape->dim[i];
    return n;
}

/* Over axes of length 1 only, or of one number; a sign that all terms have is the sum's: then sums of them are one kernel. */
static tuff_val sum_simpler(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    struct tuff_type from = tuff_type_of(g, in[0]);
    uint64_t before = tuff_shape_count(&from.shape), after = tuff_shape_count(&value->type.shape);
    double c;
    if (tuff_is_full(g, in[0], &c) && value->type.dtype == TUFF_F32)
        return tuff_full(g, TUFF_F32, value->type.shape, c * (double)(before / after));
    if (before == after && from.dtype == value->type.dtype) return tuff_reshape(g, in[0], value->type.shape);
    const struct tuff_value *x = tuff_value_of(g, in[0]);
    if (x->op != &tuff_op_neg || tuff_type_of(g, x->in[0]).dtype != from.dtype) return 0;
    return tuff_neg(g, tuff_graph_add(g, value->op, x->in, 1, value->attrs));
}

static double reduce_terms(const struct tuff_value *value, const struct tuff_type *in_types)
{
    return tuff_reduce_kind(value->op) <= TUFF_BY_PROD
               ? (double)reduced_count(&in_types[0].shape, ((const struct tuff_reduce_attrs *)value->attrs)->axes)
               : 0;
}

static void reduce_ref(const struct tuff_ref *ref)
{
    const struct tuff_reduce_attrs *attrs = ref->value->attrs;
    const struct tuff_shape *in = &ref->in_types[0].shape;
    enum tuff_reduce_kind kind = tuff_reduce_kind(ref->value->op);
    uint64_t strides[TUFF_MAX_RANK], count = tuff_shape_count(in);
    struct tuff_shape kept = kept_shape(*in, attrs->axes);
    tuff_strides(&kept, strides);
    uint64_t outputs = tuff_shape_count(&kept);
    static const double starts[] = {0, 1, -INFINITY, INFINITY, -1, -1};
    bool whole = ref->value->type.dtype == TUFF_I32;
    for (uint64_t o = 0; o < outputs; o++) ref->out[o] = starts[kind];
    uint32_t at[TUFF_MAX_RANK] = {0};
    for (uint64_t i = 0; i < count; i++) {
        uint64_t o = 0, r = 0, stride = 1, from = 0;
        for (uint32_t k = in->rank; k-- > 0;) {
            if (attrs->axes >> k & 1) {
                from = kind >= TUFF_BY_ARGMAX ? i - at[k] * stride : 0; /* the line's first element */
                r = at[k];
            } else {
                o += at[k] * strides[k];
            }
            stride *= in->dim[k];
        }
        double v = ref->in[0][i], *y = &ref->out[o];
        switch (kind) {
        case TUFF_BY_SUM: *y += v; break;
        case TUFF_BY_PROD: *y = whole ? tuff_wrap_i32((int64_t)*y * (int64_t)v) : *y * v; break;
        case TUFF_BY_MAX: *y = pw_max(v, *y); break;
        case TUFF_BY_MIN: *y = pw_min(v, *y); break;
        case TUFF_BY_ARGMAX:
        case TUFF_BY_ARGMIN: {
            uint64_t axis_stride = 1;
            for (uint32_t k = in->rank; k-- > 0 && !(attrs->axes >> k & 1);) axis_stride *= in->dim[k];
            double best = *y < 0 ? 0 : ref->in[0][from + (uint64_t)*y * axis_stride];
            if (*y < 0 || (kind == TUFF_BY_ARGMAX ? tuff_above(v, best) : tuff_above(-v, -best))) *y = (double)r;
            break;
        }
        }
        for (uint32_t k = in->rank; k-- > 0;) {
            if (++at[k] < in->dim[k]) break;
            at[k] = 0;
        }
    }
}

/* Positions are right, or unknown where another element comes within the bounds. */
static tuff_status arg_bound(const struct tuff_bound *b)
{
    const struct tuff_shape *x = &b->in_types[0].shape;
    uint32_t axes = ((const struct tuff_reduce_attrs *)b->value->attrs)->axes;
    uint64_t n = reduced_count(x, axes), inner = 1;
    for (uint32_t k = x->rank; k-- > 0 && !(axes >> k & 1);) inner *= x->dim[k];
    uint64_t *places = tuff_alloc(b->context, (size_t)n * sizeof *places);
    double sign = tuff_reduce_kind(b->value->op) == TUFF_BY_ARGMIN ? -1 : 1;
    for (uint64_t i = 0; places && i < b->count; i++) {
        bool sure;
        for (uint64_t k = 0; k < n; k++) places[k] = (i / inner * n + k) * inner + i % inner;
        tuff_bound_winner(b, places, n, sign, &sure);
        b->bound[i] = sure ? 0 : INFINITY;
    }
    tuff_free(b->context, places);
    return places ? TUFF_OK : TUFF_ERR_MEMORY;
}

/* How outputs are spread over invocations. */
struct spread {
    const char *file;
    uint32_t size;        /* of a workgroup */
    uint32_t lanes;       /* that share an output, or four; 0: the file has no such number */
    uint64_t invocations; /* in all */
    uint64_t rounds;      /* of the loops of one */
};

/* Long contiguous rows go to a workgroup each; short ones, and reductions of leading axes, to an invocation each. */
static struct spread spread_of(const struct tuff_caps *caps, bool inner, uint64_t n, uint64_t outputs)
{
    bool each = n <= 64 || (outputs >= 1024 && (!inner || n <= 256));
    uint32_t size = caps->max_workgroup_invocations < 256 ? 64 : 256;
    if (tuff_is_software(caps) || each) size = 64;
    if (each) return (struct spread){"reduce_each", size, 0, outputs, n / 4 + n / 64 + 8};
    return (struct spread){"reduce_row", size, 0, outputs * size, n / size + n / size / 64 + 2};
}

/* By quads, along the axis that is contiguous. A subgroup's lanes share a row or a column where it is long, or there are few. */
static struct spread spread_of_quads(uint32_t subgroup, bool inner, uint64_t n, uint64_t outputs)
{
    uint32_t lanes = 1;
    if (inner) {
        while (lanes < subgroup && (n / 4 >= 16 * lanes || (n / 4 >= 4 * lanes && outputs < 1024))) lanes *= 2;
        return (struct spread){"reduce_row_quad", 8 * subgroup, lanes, outputs * lanes,
                               n / 16 / lanes + n / 1024 / lanes + 9};
    }
    while (lanes < subgroup && n >= 64 * lanes && outputs / 4 * lanes < 1024) lanes *= 2;
    return (struct spread){"reduce_each_quad", subgroup, lanes, outputs / 4 * lanes, n / 4 / lanes + n / 256 / lanes + 5};
}

static tuff_status reduce_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    const struct tuff_reduce_attrs *attrs = lower->value->attrs;
    const struct tuff_shape *in = &lower->in[0]->shape;
    uint64_t n = reduced_count(in, attrs->axes), outputs = tuff_shape_count(in) / n;
    bool inner = in->rank == 0 || (attrs->axes >> (in->rank - 1) & 1), whole = !tuff_is_float(lower->in[0]->dtype);
    uint32_t subgroup = tuff_shuffle_lanes(lower->caps);
    bool quads = subgroup && !whole && (inner ? n >= 8 : outputs % 4 == 0);
    struct spread s = quads ? spread_of_quads(subgroup, inner, n, outputs) : spread_of(lower->caps, inner, n, outputs);
    TUFF_TRY(tuff_lower_rounds(lower, s.rounds));
    call->file = s.file;
    tuff_call_define(call, "REDUCE", (int)tuff_reduce_kind(lower->value->op));
    if (whole) tuff_call_define(call, "REDUCE_INT", 1);
    TUFF_CALL(call, reduce, .SIZE = s.size, .outputs = (uint32_t)outputs, .n = (uint32_t)n);
    if (quads && inner) TUFF_CALL(call, reduce_row_quad, .LANES = s.lanes);
    if (quads && !inner) TUFF_CALL(call, reduce_each_quad, .PARTS = s.lanes);
    tuff_call_grid(call, lower->caps, (s.invocations + s.size - 1) / s.size);
    call->flops = tuff_shape_count(in);
    return TUFF_OK;
}

/* ---- row groups ------------------------------------------------------------------------------------------------------------- */

bool tuff_reduces_inner(const struct tuff_value *value, const struct tuff_shape *in)
{
    uint32_t axes = ((const struct tuff_reduce_attrs *)value->attrs)->axes, i = in->rank;
    while (i > 0 && in->dim[i - 1] == 1) i--;
    return i == 0 || (axes >> (i - 1) & 1);
}

/* Extents of neighbouring axes that are kept or reduced, the first of them reduced; returns their number. */
static uint32_t runs_of(const struct tuff_value *value, const struct tuff_shape *in, uint64_t runs[2 * TUFF_MAX_RANK])
{
    uint32_t axes = ((const struct tuff_reduce_attrs *)value->attrs)->axes, count = 0;
    for (uint32_t i = 0; i < in->rank; i++) {
        uint32_t reduced = axes >> i & 1;
        if (in->dim[i] == 1) continue;
        if (count == 0) runs[count++] = 1;
        if (count % 2 != reduced) runs[count++] = 1;
        runs[count - 1] *= in->dim[i];
    }
    return count;
}

bool tuff_reduces_by_quads(const struct tuff_value *value, const struct tuff_shape *in)
{
    uint64_t runs[2 * TUFF_MAX_RANK];
    uint32_t count = runs_of(value, in, runs);
    return count <= 2 || (count == 3 && runs[0] == 1) || runs[count - 1] % 4 == 0;
}

bool tuff_reduces_alike(const struct tuff_value *a, const struct tuff_shape *in_a, const struct tuff_value *b,
                        const struct tuff_shape *in_b)
{
    uint64_t runs_a[2 * TUFF_MAX_RANK], runs_b[2 * TUFF_MAX_RANK];
    uint32_t count = runs_of(a, in_a, runs_a);
    return runs_of(b, in_b, runs_b) == count && !memcmp(runs_a, runs_b, count * sizeof *runs_a);
}

/* Quads of all arrays that a lane of a software device holds: in its stack, which is nearer than loads, masks and loops. Text is unrolled. */
enum { SOFTWARE_HELD = 128 };
/* Quads of one array that a lane holds without spilling, by the real compilers (docs/performance.md); of several arrays so much less. */
static uint32_t most_held(const struct tuff_caps *caps)
{
    return caps->subgroup_size <= 8 || caps->subgroup_size == 16 ? 8 : 16;
}

/* Bytes of shared memory for the parts of so many subgroups, whatever joins the group: what does not may not change the sums' order. */
static uint64_t parts_bytes(uint32_t stages, uint32_t subs, bool inner, uint32_t columns)
{
    return (uint64_t)2 * stages * subs * (inner ? sizeof(uint32_t) : 4 * sizeof(uint32_t) * columns);
}

/* Rounds of the loops of a lane, four steps a round. */
static uint64_t row_rounds(const struct tuff_row_work *work, uint64_t of_lane)
{
    return work->passes * (of_lane / 4 + of_lane / 256 + 8);
}

tuff_status tuff_row_lower(const struct tuff_lower *lower, const struct tuff_row_work *work, struct tuff_kernel_call *call)
{
    const struct tuff_caps *caps = lower->caps;
    const struct tuff_shape *in = &lower->in[0]->shape;
    uint64_t outputs = tuff_shape_count(&lower->value->type.shape), n = tuff_shape_count(in) / outputs;
    bool inner = tuff_reduces_inner(lower->value, in), software = tuff_is_software(caps);
    bool shuffles = caps->subgroup_shuffle && caps->subgroup_basic && caps->subgroup_size > 1 &&
                    (software ? tuff_shuffle_lanes(caps) != 0 : caps->subgroup_size_control);
    uint64_t rows = inner ? outputs : (outputs + 3) / 4, steps = inner ? (n + 3) / 4 : n;
    uint32_t most = caps->max_workgroup_invocations < 256 ? 64 : 256;      /* invocations of a workgroup */
    uint32_t wide = shuffles ? caps->subgroup_size : software ? 64 : most; /* lanes at hand without SUBS */
    uint32_t lanes = 1, subs = 1, held = most_held(caps) / (work->held ? work->held : 1);
    uint32_t usual = most_held(caps) / 2; /* lanes of a row, and so the order of its sums, follow from the shape alone */
    uint64_t enough = software ? inner ? 1024 : 128 : 65536; /* lanes that keep a device busy */
    /* lanes of a row lie side by side in memory, those of a column apart: columns are shared where they are few or long */
    while (lanes < wide && ((inner && steps >= 16 * lanes) || (steps >= 4 * lanes && rows * lanes < enough) ||
                            !tuff_takes_rounds(caps, row_rounds(work, steps / lanes))))
        lanes *= 2;
    if (!inner && !software && lanes > wide / 4) lanes = wide / 4; /* neighbours of a load */
    while (shuffles && !software && (lanes == wide || !inner) && 2 * subs * wide <= most && steps > 4 * lanes * subs &&
           parts_bytes(TUFF_ROW_STAGES, 2 * subs, inner, wide / lanes) <= caps->max_shared_bytes &&
           (steps > (uint64_t)lanes * subs * usual || rows * wide * subs < enough))
        subs *= 2;
    uint32_t share = lanes * subs, e = (uint32_t)((steps + share - 1) / share);
    uint32_t size = subs > 1    ? subs * wide
                    : !shuffles ? wide
                    : software  ? (inner ? 8 * wide : wide)
                    : wide > 64 ? wide
                                : 64 / wide * wide;
    bool holds = inner && shuffles &&
                 (software ? !lower->any_size && e <= 32 && e * work->held <= SOFTWARE_HELD : e <= held);
    TUFF_TRY(tuff_lower_rounds(lower, holds ? 0 : row_rounds(work, e)));
    call->file = "row";
    if (!inner) tuff_call_define(call, "COLUMNS", 1);
    if (holds) tuff_call_define(call, "HELD", 1);
    if (!shuffles) tuff_call_define(call, "TREE", 1);
    TUFF_CALL(call, reduce, .SIZE = size, .outputs = (uint32_t)outputs, .n = (uint32_t)n);
    TUFF_CALL(call, row, .LANES = lanes, .SUBS = subs, .E = holds ? e : 1,
              .PARTS = subs > 1 ? 2 * work->stages * subs * (inner ? 1 : wide / lanes) : 1);
    tuff_call_grid(call, caps, (rows + size / share - 1) / (size / share));
    call->flops = (double)work->stages * (double)tuff_shape_count(in);
    return TUFF_OK;
}

static tuff_val add_reduce(struct tuff_graph *g, const struct tuff_op *op, tuff_val x, uint32_t axes, enum tuff_keep keep)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    struct tuff_reduce_attrs attrs = {axes ? axes : (1u << shape.rank) - 1, (int32_t)keep};
    if (!tuff_graph_takes_one(g, op->name, x, 0)) return 0;
    if ((unsigned)keep > TUFF_KEEP_AXES)
        return tuff_graph_refuse(g, TUFF_ERR_USAGE, op->name, &x, 1, "it keeps axes or drops them (enum tuff_keep), not %d",
                                 (int)keep);
    if (shape.rank == 0 && axes == 0) return x;
    return tuff_graph_add(g, op, &x, 1, &attrs);
}

/* ---- in two stages ------------------------------------------------------------------------------------------------------------ */

/* How the longest of the axes is taken in parts. */
struct parts {
    uint32_t axis, count, part, rest; /* count parts of `part` elements, then one of `rest` */
};

/* 2^15 terms of few results occupy few workgroups, 2^17 some drivers do not count (tuff_lower_rounds): parts of at most 4096. A processor
 * takes 2^17 of several results whole: as a row that a group goes over in rounds it is read from a cache, not from memory again. */
static bool take_parts(const struct tuff_caps *caps, const struct tuff_shape *shape, uint32_t axes, struct parts *p)
{
    uint64_t n = reduced_count(shape, axes), outputs = tuff_shape_count(shape) / n;
    bool several = caps && caps->kind == TUFF_DEVICE_SOFTWARE && outputs >= 8;
    bool is_long = n >= (1u << 17) + several || (n >= 1u << 15 && outputs == 1);
    *p = (struct parts){0};
    for (uint32_t i = 0; i < shape->rank; i++)
        if ((axes >> i & 1) && (!(axes >> p->axis & 1) || shape->dim[i] > shape->dim[p->axis])) p->axis = i;
    uint32_t length = shape->dim[p->axis];
    if (!is_long || shape->rank == TUFF_MAX_RANK || length < 128) return false;
    uint64_t others = n / length, part = others >= 4096 ? 1 : 4096 / others;
    p->part = (uint32_t)(part > length / 2 ? length / 2 : part);
    p->count = length / p->part;
    p->rest = length % p->part;
    return true;
}

/* All but the rest, the axis as two: parts, and elements of a part. */
static tuff_val whole_parts(struct tuff_graph *g, tuff_val x, const struct parts *p)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape, rows = {.rank = shape.rank + 1};
    for (uint32_t i = 0; i < rows.rank; i++)
        rows.dim[i] = i < p->axis ? shape.dim[i] : i == p->axis ? p->count : i == p->axis + 1 ? p->part : shape.dim[i - 1];
    return tuff_reshape(g, p->rest ? tuff_slice_axis(g, x, p->axis, 0, 1, p->count * p->part) : x, rows);
}

static tuff_val sum_in_parts(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    struct parts p;
    if (!take_parts(g->caps, &shape, axes, &p)) return add_reduce(g, &tuff_op_sum, x, axes, keep);
    uint32_t below = (1u << p.axis) - 1, parts_axis = 0;
    for (uint32_t i = 0; i < p.axis; i++) parts_axis += !(axes >> i & 1);
    uint32_t inner = (axes & below) | 1u << (p.axis + 1) | ((axes & ~(below | 1u << p.axis)) << 1); /* not that of parts */
    tuff_val sums = add_reduce(g, &tuff_op_sum, whole_parts(g, x, &p), inner, TUFF_DROP_AXES);
    tuff_val total = sum_in_parts(g, sums, 1u << parts_axis, TUFF_DROP_AXES);
    if (p.rest) {
        tuff_val rest = tuff_slice_axis(g, x, p.axis, p.count * p.part, 1, p.rest);
        total = tuff_add(g, total, sum_in_parts(g, rest, axes, TUFF_DROP_AXES));
    }
    return keep ? tuff_reshape(g, total, kept_shape(shape, axes)) : total;
}

static tuff_val sum_expand(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    const struct tuff_reduce_attrs *attrs = value->attrs;
    struct tuff_shape shape = tuff_type_of(g, in[0]).shape;
    struct parts p;
    return take_parts(g->caps, &shape, attrs->axes, &p) ? sum_in_parts(g, in[0], attrs->axes, (enum tuff_keep)attrs->keep)
                                                        : 0;
}

/* The position in each part, then among the parts' best elements; of equal ones the first, as in one stage. */
static tuff_val arg_expand(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    const struct tuff_reduce_attrs *attrs = value->attrs;
    struct tuff_shape shape = tuff_type_of(g, in[0]).shape;
    struct parts p;
    if (!take_parts(g->caps, &shape, attrs->axes, &p)) return 0;
    int axis = (int)p.axis;
    tuff_val rows = whole_parts(g, in[0], &p), in_part = add_reduce(g, value->op, rows, 2u << axis, TUFF_KEEP_AXES);
    tuff_val best = tuff_gather_elements(g, rows, in_part, axis + 1);
    tuff_val part = add_reduce(g, value->op, best, 1u << axis, TUFF_KEEP_AXES);
    tuff_val length = tuff_full(g, TUFF_I32, tuff_type_of(g, part).shape, p.part);
    tuff_val within = tuff_gather_elements(g, in_part, part, axis), place = tuff_add(g, tuff_mul(g, part, length), within);
    if (p.rest) {
        tuff_val rest = tuff_slice_axis(g, in[0], p.axis, p.count * p.part, 1, p.rest);
        tuff_val at = add_reduce(g, value->op, rest, attrs->axes, TUFF_KEEP_AXES), other;
        struct tuff_shape one = tuff_type_of(g, at).shape;
        best = tuff_reshape(g, tuff_gather_elements(g, best, part, axis), one);
        place = tuff_reshape(g, place, one);
        rest = tuff_gather_elements(g, rest, at, axis);
        other = tuff_add(g, at, tuff_full(g, TUFF_I32, one, (double)p.count * p.part));
        tuff_val ends[2] = {best, rest}, pair = tuff_concat(g, ends, 2, axis);
        tuff_val which = add_reduce(g, value->op, pair, attrs->axes, TUFF_KEEP_AXES); /* decides of NaN as everywhere */
        place = tuff_select(g, tuff_cast(g, which, TUFF_BOOL), other, place);
    }
    return tuff_reshape(g, place, value->type.shape);
}

#define REDUCE_OP(symbol, text, onnx_, edges_, result_, integers_, grad_, nondiff_, simpler_, expand_, error_, bound_)      \
    const struct tuff_op symbol = {.name = text,                                                                            \
                                   .onnx = onnx_,                                                                           \
                                   .edges = edges_,                                                                         \
                                   TUFF_LAUNCH(reduce_lower),                                                               \
                                   TUFF_OPERANDS(1, 1),                                                                     \
                                   TUFF_ATTRS(reduce_attr, struct tuff_reduce_attrs),                                       \
                                   .infer = reduce_infer,                                                                   \
                                   .result = result_,                                                                       \
                                   .grad = grad_,                                                                           \
                                   .nondiff = nondiff_,                                                                     \
                                   .simpler = simpler_,                                                                     \
                                   .expand = expand_,                                                                       \
                                   .integers = integers_,                                                                   \
                                   .splits = true,                                                                          \
                                   .ref = reduce_ref,                                                                       \
                                   .terms = reduce_terms,                                                                   \
                                   .error = error_,                                                                         \
                                   .bound = bound_,                                                                         \
                                   .inline_inputs = 1,                                                                      \
                                   .reduces = true}
REDUCE_OP(tuff_op_sum, "sum", "ReduceSum", NULL, TUFF_RESULT_WIDE, TUFF_INTEGERS_WRAP, sum_grad, NULL, sum_simpler,
          sum_expand, TUFF_ERROR_SUMS, NULL);
REDUCE_OP(tuff_op_prod, "prod", "ReduceProd", "0 * inf is NaN", TUFF_RESULT_WIDE, TUFF_INTEGERS_WRAP, prod_grad, NULL, NULL,
          NULL, TUFF_ERROR_SUMS, NULL);
REDUCE_OP(tuff_op_reduce_max, "reduce_max", "ReduceMax", "NaN of a NaN; -0 below +0", TUFF_RESULT_OPERAND_0,
          TUFF_INTEGERS_KEPT, extremum_grad, NULL, NULL, NULL, TUFF_ERROR_MONOTONE, NULL);
REDUCE_OP(tuff_op_reduce_min, "reduce_min", "ReduceMin", "NaN of a NaN; -0 below +0", TUFF_RESULT_OPERAND_0,
          TUFF_INTEGERS_KEPT, extremum_grad, NULL, NULL, NULL, TUFF_ERROR_MONOTONE, NULL);
REDUCE_OP(tuff_op_argmax, "argmax", "ArgMax", "the first NaN, else the first of equal ones", TUFF_RESULT_I32,
          TUFF_INTEGERS_KEPT, NULL, "positions do not vary smoothly", NULL, arg_expand, 0, arg_bound);
REDUCE_OP(tuff_op_argmin, "argmin", "ArgMin", "the first NaN, else the first of equal ones", TUFF_RESULT_I32,
          TUFF_INTEGERS_KEPT, NULL, "positions do not vary smoothly", NULL, arg_expand, 0, arg_bound);

#define REDUCE_BUILDER(name)                                                                                                \
    tuff_val tuff_##name(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep)                              \
    {                                                                                                                       \
        return add_reduce(g, &tuff_op_##name, x, axes, keep);                                                               \
    }
REDUCE_BUILDER(sum)
REDUCE_BUILDER(prod)
REDUCE_BUILDER(reduce_max)
REDUCE_BUILDER(reduce_min)

tuff_val tuff_mean(struct tuff_graph *g, tuff_val x, uint32_t axes, enum tuff_keep keep)
{
    struct tuff_shape shape = tuff_type_of(g, x).shape;
    uint64_t n = reduced_count(&shape, axes ? axes : (1u << shape.rank) - 1);
    return tuff_affine(g, tuff_sum(g, x, axes, keep), 1.0 / (double)n, 0);
}

#define ARG_BUILDER(name)                                                                                                   \
    tuff_val tuff_##name(struct tuff_graph *g, tuff_val x, int axis, enum tuff_keep keep)                                   \
    {                                                                                                                       \
        int at = tuff_axis(g, #name, x, axis);                                                                              \
        return at < 0 ? 0 : add_reduce(g, &tuff_op_##name, x, 1u << at, keep);                                              \
    }
ARG_BUILDER(argmax)
ARG_BUILDER(argmin)

/* ---- running sums ----------------------------------------------------------------------------------------------------------- */

struct cumsum_attrs {
    int32_t axis, exclusive, reverse;
};
static const struct tuff_attr cumsum_attr[] = {
    {"axis", "", TUFF_ATTR_I32, 1, offsetof(struct cumsum_attrs, axis)},
    {"exclusive", "exclusive", TUFF_ATTR_I32, 1, offsetof(struct cumsum_attrs, exclusive)},
    {"reverse", "reverse", TUFF_ATTR_I32, 1, offsetof(struct cumsum_attrs, reverse)},
};

static tuff_status cumsum_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct cumsum_attrs *attrs = infer->attrs;
    *out = infer->in[0]->shape;
    bool numbers = infer->in[0]->dtype == TUFF_F32 || infer->in[0]->dtype == TUFF_I32;
    if (numbers && attrs->axis >= 0 && (uint32_t)attrs->axis < out->rank) return TUFF_OK;
    if (!numbers) return tuff_infer_refuse(infer, "it takes f32 or i32: cast it");
    return tuff_infer_refuse(infer, "there is no axis %d", (int)attrs->axis);
}

static void cumsum_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct cumsum_attrs *attrs = tuff_value_of(g, y)->attrs;
    gin[0] = tuff_cumsum(g, gy, (struct tuff_cumsum_params){attrs->axis, attrs->exclusive != 0, attrs->reverse == 0});
}

static void cumsum_ref(const struct tuff_ref *ref)
{
    const struct cumsum_attrs *attrs = ref->value->attrs;
    const struct tuff_shape *shape = &ref->value->type.shape;
    uint64_t n = shape->dim[attrs->axis], outer, inner;
    tuff_around_axis(shape, attrs->axis, &outer, &inner);
    for (uint64_t line = 0; line < outer * inner; line++) {
        double sum = 0;
        for (uint64_t k = 0; k < n; k++) {
            uint64_t i = line / inner * n * inner + line % inner + (attrs->reverse ? n - 1 - k : k) * inner;
            double before = sum;
            sum += ref->in[0][i];
            ref->out[i] = attrs->exclusive ? before : sum;
        }
    }
}

static double cumsum_terms(const struct tuff_value *value, const struct tuff_type *in_types)
{
    (void)in_types;
    return value->type.shape.dim[((const struct cumsum_attrs *)value->attrs)->axis];
}

static tuff_status cumsum_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    const struct cumsum_attrs *attrs = lower->value->attrs;
    const struct tuff_shape *shape = &lower->value->type.shape;
    uint32_t n = shape->dim[attrs->axis];
    uint64_t outer, inner;
    tuff_around_axis(shape, attrs->axis, &outer, &inner);
    /* several lines of an invocation where few of these keep a device busy: a cache line of each row */
    bool whole = lower->in[0]->dtype == TUFF_I32, quads = !whole && tuff_is_software(lower->caps) && n < 60000;
    uint32_t beside = quads && inner % 4 == 0 ? (inner % 16 == 0 ? 4 : 1) : 0, size = beside ? 8 : 64;
    uint64_t lines = outer * inner / (beside ? 4 * beside : 1);
    TUFF_TRY(tuff_lower_rounds(lower, beside ? n : n / 4 + 1));
    call->file = "cumsum";
    tuff_call_define(call, "CUMSUM_INT", whole);
    TUFF_CALL(call, cumsum, .SIZE = size, .EXCLUSIVE = attrs->exclusive != 0, .REVERSE = attrs->reverse != 0,
              .ALONG = !whole && inner == 1 && n % 4 == 0, .BESIDE = beside, .lines = (uint32_t)lines, .n = n,
              .inner = (uint32_t)inner);
    tuff_call_grid(call, lower->caps, (lines + size - 1) / size);
    call->flops = tuff_shape_count(shape);
    return TUFF_OK;
}

tuff_val tuff_cumsum(struct tuff_graph *g, tuff_val x, struct tuff_cumsum_params params)
{
    int axis = tuff_axis(g, "cumsum", x, params.axis);
    struct cumsum_attrs attrs = {axis, params.exclusive, params.reverse};
    return axis < 0 ? 0 : tuff_graph_add(g, &tuff_op_cumsum, &x, 1, &attrs);
}

const struct tuff_op tuff_op_cumsum = {
    .name = "cumsum",
    TUFF_LAUNCH(cumsum_lower),
    TUFF_OPERANDS(1, 1),
    TUFF_ATTRS(cumsum_attr, struct cumsum_attrs),
    .infer = cumsum_infer,
    .result = TUFF_RESULT_WIDE,
    .integers = TUFF_INTEGERS_WRAP,
    .grad = cumsum_grad,
    .ref = cumsum_ref,
    TUFF_SUMS(cumsum_terms),
    .inline_inputs = 1,
};
