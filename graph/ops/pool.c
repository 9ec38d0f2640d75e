/* pool.c - pooling over the last two axes: largest and mean of windows, and their gradients.
 *
 *   max_pool2d(x)        y: largest element of each window, NaN of a NaN; padding counts as -infinity
 *   max_pool2d(x, q)     q's element where x is largest (the first, row-major; of NaNs the last, as in PyTorch): the gradient of max_pool2d_grad by gy
 *   max_pool2d_grad(x, gy)
 *   avg_pool2d(x)        mean over the elements in the picture, or in the padded picture (count_include_pad)
 *   avg_pool2d_grad(gy)  with the picture's size as attribute */
#include "graph/bound.h"
#include "graph/pw_math.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

struct pool {
    uint32_t kernel[2], stride[2], pad[4], dilation[2]; /* stride 0 stands for 1, as in ONNX; dilation 0 for 1 */
    int32_t ceil_mode, count_include_pad;
};
struct avg_grad_attrs {
    struct pool pool;
    uint32_t size[2]; /* h, w of the pooled value */
};

/* The last one is of the average's gradient alone, whose attributes begin with those of a pool. */
static const struct tuff_attr attr_table[] = {
    {"kernel", "kernel_shape", TUFF_ATTR_U32S, 2, offsetof(struct pool, kernel)},
    {"stride", "strides", TUFF_ATTR_U32S, 2, offsetof(struct pool, stride)},
    {"pad", "pads", TUFF_ATTR_U32S, 4, offsetof(struct pool, pad)},
    {"dilation", "dilations", TUFF_ATTR_U32S, 2, offsetof(struct pool, dilation)},
    {"ceil_mode", "ceil_mode", TUFF_ATTR_I32, 1, offsetof(struct pool, ceil_mode)},
    {"count_include_pad", "count_include_pad", TUFF_ATTR_I32, 1, offsetof(struct pool, count_include_pad)},
    {"size", "", TUFF_ATTR_U32S, 2, offsetof(struct avg_grad_attrs, size)},
};
#define POOL_ATTRS .attrs = attr_table, .attr_count = TUFF_COUNT(attr_table) - 1, .attrs_bytes = sizeof(struct pool)

/* One axis of the windows. */
struct axis {
    uint32_t size, windows, kernel, stride, dilation, pad, pad_after;
};
struct sizes {
    uint32_t planes;
    struct axis y, x;
};

/* windows is 0 where none fits or a count passes 2^31. */
static struct axis measure_axis(const struct pool *p, uint32_t size, int k)
{
    struct axis a = {.size = size,
                     .kernel = p->kernel[k],
                     .stride = p->stride[k] ? p->stride[k] : 1,
                     .dilation = p->dilation[k] ? p->dilation[k] : 1,
                     .pad = p->pad[k],
                     .pad_after = p->pad[k + 2]};
    uint64_t padded = (uint64_t)size + a.pad + a.pad_after, reach = (uint64_t)a.dilation * (a.kernel - 1) + 1;
    if (!a.kernel || a.dilation > INT32_MAX || padded > INT32_MAX || padded < reach || a.pad >= reach ||
        a.pad_after >= reach)
        return a;
    uint64_t room = padded - reach, windows = room / a.stride + 1;
    if (p->ceil_mode && room % a.stride && windows * a.stride < (uint64_t)size + a.pad) windows++;
    a.windows = (uint32_t)windows;
    return a;
}

static bool measure(const struct pool *p, const struct tuff_shape *x, const uint32_t *size, struct sizes *s)
{
    if (x->rank != 4) return false;
    s->planes = x->dim[0] * x->dim[1];
    s->y = measure_axis(p, size[0], 0);
    s->x = measure_axis(p, size[1], 1);
    return s->y.windows && s->x.windows;
}

static bool measure_operand(const struct pool *p, const struct tuff_type *x, struct sizes *s)
{
    return measure(p, &x->shape, &x->shape.dim[2], s);
}

static bool equals_pooled(const struct tuff_shape *x, const struct tuff_shape *y, const struct sizes *s)
{
    return y->rank == 4 && y->dim[0] == x->dim[0] && y->dim[1] == x->dim[1] && y->dim[2] == s->y.windows &&
           y->dim[3] == s->x.windows;
}

/* ---- types ------------------------------------------------------------------------------------------------------------- */

static tuff_status check(const struct tuff_infer *infer, bool fits, const struct pool *p)
{
    const struct tuff_type *x = infer->in[0], *y = infer->in_count > 1 ? infer->in[1] : NULL;
    bool types = tuff_is_float(x->dtype) && (!y || tuff_is_float(y->dtype));
    if (fits && types) return TUFF_OK;
    if (!types) return tuff_infer_refuse(infer, "it takes floats: cast");
    if (x->shape.rank != 4) return tuff_infer_refuse(infer, "it must be [n, c, h, w]");
    if (!p->kernel[0] || !p->kernel[1])
        return tuff_infer_refuse(infer, "kernel is %u x %u; both must be above 0", p->kernel[0], p->kernel[1]);
    return tuff_infer_refuse(
        infer,
        "kernel %u %u, stride %u %u, pad %u %u %u %u: a window must fit h and w with their padding, which must be narrower "
        "than it%s",
        p->kernel[0], p->kernel[1], p->stride[0], p->stride[1], p->pad[0], p->pad[1], p->pad[2], p->pad[3],
        y ? ", and the shapes to each other" : "");
}

static tuff_status pool_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_type *x = infer->in[0], *q = infer->in_count > 1 ? infer->in[1] : NULL;
    struct sizes s = {0};
    bool fits = measure_operand(infer->attrs, x, &s) && (!q || tuff_shape_equal(&q->shape, &x->shape));
    TUFF_TRY(check(infer, fits, infer->attrs));
    *out = TUFF_SHAPE(x->shape.dim[0], x->shape.dim[1], s.y.windows, s.x.windows);
    return TUFF_OK;
}

static tuff_status max_grad_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_type *x = infer->in[0];
    struct sizes s = {0};
    bool fits = measure_operand(infer->attrs, x, &s) && equals_pooled(&x->shape, &infer->in[1]->shape, &s);
    TUFF_TRY(check(infer, fits, infer->attrs));
    *out = x->shape;
    return TUFF_OK;
}

static tuff_status avg_grad_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct avg_grad_attrs *attrs = infer->attrs;
    const struct tuff_type *gy = infer->in[0];
    struct sizes s = {0};
    bool fits = measure(&attrs->pool, &gy->shape, attrs->size, &s) && equals_pooled(&gy->shape, &gy->shape, &s);
    TUFF_TRY(check(infer, fits, &attrs->pool));
    *out = TUFF_SHAPE(gy->shape.dim[0], gy->shape.dim[1], attrs->size[0], attrs->size[1]);
    return TUFF_OK;
}

/* ---- builders and gradients -------------------------------------------------------------------------------------------- */

static void max_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value *v = tuff_value_of(g, y);
    const struct pool attrs = *(const struct pool *)v->attrs;
    tuff_val x = v->in[0], moved = tuff_graph_add(g, &tuff_op_max_pool2d_grad, (tuff_val[]){x, gy}, 2, &attrs);
    gin[v->in_count > 1 ? 1 : 0] = moved; /* with q the result is q's elements, and x only says where */
}

static void max_grad_grad(struct tuff_graph *g, tuff_val gx, tuff_val ggx, tuff_val *gin)
{
    const struct tuff_value *v = tuff_value_of(g, gx);
    const struct pool attrs = *(const struct pool *)v->attrs;
    gin[1] = tuff_graph_add(g, &tuff_op_max_pool2d, (tuff_val[]){v->in[0], ggx}, 2, &attrs);
}

static void avg_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value *v = tuff_value_of(g, y);
    struct tuff_shape x = tuff_type_of(g, v->in[0]).shape;
    struct avg_grad_attrs attrs = {*(const struct pool *)v->attrs, {x.dim[2], x.dim[3]}};
    gin[0] = tuff_graph_add(g, &tuff_op_avg_pool2d_grad, &gy, 1, &attrs);
}

static void avg_grad_grad(struct tuff_graph *g, tuff_val gx, tuff_val ggx, tuff_val *gin)
{
    const struct pool attrs = ((const struct avg_grad_attrs *)tuff_value_of(g, gx)->attrs)->pool;
    gin[0] = tuff_graph_add(g, &tuff_op_avg_pool2d, &ggx, 1, &attrs);
}

static struct pool from_params(const struct tuff_pool2d_params *params)
{
    struct pool p = {.ceil_mode = params->ceil_mode, .count_include_pad = params->count_include_pad};
    memcpy(p.kernel, params->kernel, sizeof p.kernel);
    memcpy(p.pad, params->pad, sizeof p.pad);
    for (int i = 0; i < 2; i++) {
        p.stride[i] = params->stride[i] ? params->stride[i] : params->kernel[i];
        p.dilation[i] = params->dilation[i] ? params->dilation[i] : 1;
    }
    return p;
}

tuff_val tuff_max_pool2d(struct tuff_graph *g, tuff_val x, struct tuff_pool2d_params params)
{
    struct pool attrs = from_params(&params);
    attrs.count_include_pad = 0;
    return tuff_graph_add(g, &tuff_op_max_pool2d, &x, 1, &attrs);
}

tuff_val tuff_avg_pool2d(struct tuff_graph *g, tuff_val x, struct tuff_pool2d_params params)
{
    const struct pool attrs = from_params(&params);
    return tuff_graph_add(g, &tuff_op_avg_pool2d, &x, 1, &attrs);
}

tuff_val tuff_global_avg_pool(struct tuff_graph *g, tuff_val x)
{
    struct tuff_shape s = tuff_type_of(g, x).shape;
    if (!tuff_graph_takes_one(g, "global_avg_pool", x, 0)) return 0;
    if (s.rank < 3)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "global_avg_pool", &x, 1, "it must be [n, c, ..], with space");
    return tuff_mean(g, x, ((1u << s.rank) - 1) & ~3u, TUFF_KEEP_AXES);
}

/* ---- lowering ---------------------------------------------------------------------------------------------------------- */

/* count: of the kernel's invocations; 0: one for each element. */
static tuff_status lower_pool(const struct tuff_lower *lower, const char *file, const struct sizes *s, uint64_t count,
                              struct tuff_kernel_call *call)
{
    uint32_t workgroup = lower->caps->max_workgroup_invocations < 64 ? lower->caps->max_workgroup_invocations : 64;
    if (!count) count = tuff_shape_count(&lower->value->type.shape);
    call->file = file;
    TUFF_CALL(call, pool, .KH = s->y.kernel, .KW = s->x.kernel, .SH = s->y.stride, .SW = s->x.stride, .DH = s->y.dilation,
              .DW = s->x.dilation, .WORKGROUP = workgroup, .count = (uint32_t)count, .h = s->y.size, .w = s->x.size,
              .oh = s->y.windows, .ow = s->x.windows, .top = s->y.pad, .left = s->x.pad, .h_end = s->y.size + s->y.pad_after,
              .w_end = s->x.size + s->x.pad_after, .planes = s->planes);
    tuff_call_grid(call, lower->caps, (count + workgroup - 1) / workgroup);
    return TUFF_OK;
}

/* Windows do not overlap: each element is in one at most. */
static bool apart(const struct sizes *s)
{
    return s->y.kernel <= s->y.stride && s->x.kernel <= s->x.stride && s->y.dilation == 1 && s->x.dilation == 1;
}

/* ... and begin with the picture, so that four columns of it hold whole windows. */
static bool in_quads(const struct sizes *s)
{
    return apart(s) && !s->y.pad && !s->x.pad && s->x.size % 4 == 0 && 4 % s->x.stride == 0 && s->y.stride <= 4;
}

/* The kernels for processors unroll all taps of four windows. */
static bool by_rows(const struct tuff_lower *lower, const struct sizes *s)
{
    return tuff_is_software(lower->caps) && (s->x.kernel - 1) * (uint64_t)s->x.dilation + 3 * s->x.stride < 32;
}

/* How far an invocation goes down the picture: those that begin where others end find out once more what they share, but all threads
 * need work. */
static uint32_t walk_steps(uint64_t columns) { return columns >= 1024 ? 64 : 8; }

static tuff_status lower_rows(const struct tuff_lower *lower, const struct sizes *s, bool mean,
                              struct tuff_kernel_call *call)
{
    const struct pool *attrs = lower->value->attrs;
    bool whole = s->x.windows % 4 == 0, inside = !s->x.pad && !s->y.pad && whole;
    inside = inside && (s->x.windows - 1) * s->x.stride + (s->x.kernel - 1) * s->x.dilation < s->x.size;
    inside = inside && (s->y.windows - 1) * s->y.stride + (s->y.kernel - 1) * s->y.dilation < s->y.size;
    uint64_t columns = (uint64_t)s->planes * ((s->x.windows + 3) / 4);
    uint32_t steps = walk_steps(columns);
    tuff_call_define(call, "MEAN", mean);
    TUFF_CALL(call, pool2d_row, .COUNT_PAD = attrs->count_include_pad != 0, .LEFT = s->x.pad, .ALIGNED = s->x.size % 4 == 0,
              .EDGES = !inside, .WHOLE = whole, .STEPS = steps);
    return lower_pool(lower, "pool2d_row", s, (s->y.windows + steps - 1) / steps * columns, call);
}

/* What a strip of so many quads of columns unrolls: taps of the windows that touch it. Of 3 x 3 windows at every place and one quad: 54. */
static uint64_t strip_taps(const struct sizes *s, uint32_t quads)
{
    uint64_t windows = (s->x.kernel - 1 - s->x.pad) / s->x.stride + (4 * quads - 1 + s->x.pad) / s->x.stride + 1;
    return windows * s->y.kernel * s->x.kernel;
}

/* Gradients by strips, for which the windows that touch these are the same for all. */
static bool grad_by_rows(const struct tuff_lower *lower, const struct sizes *s, uint32_t most_taps)
{
    return tuff_is_software(lower->caps) && s->x.size % 4 == 0 && 4 % s->x.stride == 0 && s->x.dilation == 1 &&
           s->y.dilation == 1 && s->y.stride <= 4 && strip_taps(s, 1) <= most_taps;
}

/* How gradients go over the picture on processors: strips of so many columns, invocations of so many blocks of them. */
struct strips {
    uint32_t quads, steps;
    bool gy_quads;
    uint64_t count;
};

static struct strips measure_strips(const struct sizes *s)
{
    struct strips strips = {.quads = 1};
    if (s->x.size % 8 == 0 && strip_taps(s, 2) <= 100) strips.quads = 2;
    strips.gy_quads = s->x.windows % 4 == 0 && strips.quads % s->x.stride == 0;
    uint64_t blocks = ((uint64_t)s->y.size + s->y.pad + s->y.stride - 1) / s->y.stride;
    uint64_t columns = (uint64_t)s->planes * (s->x.size / (4 * strips.quads));
    strips.steps = walk_steps(columns);
    strips.count = (blocks + strips.steps - 1) / strips.steps * columns;
    return strips;
}

static tuff_status max_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    struct sizes s = {0};
    bool pick = lower->value->in_count > 1;
    if (TUFF_NEVER(!measure_operand(lower->value->attrs, lower->in[0], &s))) return TUFF_ERR_SHAPE;
    if (!pick && by_rows(lower, &s)) return lower_rows(lower, &s, false, call);
    if (!pick && in_quads(&s) && s.x.windows * s.x.stride == s.x.size && s.y.windows * s.y.stride <= s.y.size) {
        uint64_t count = (uint64_t)s.planes * s.y.windows * (s.x.size / 4);
        return lower_pool(lower, "max_pool2d_quad", &s, count, call);
    }
    tuff_call_define(call, "PICK", pick);
    return lower_pool(lower, "max_pool2d", &s, 0, call);
}

static tuff_status max_grad_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    struct sizes s = {0};
    if (TUFF_NEVER(!measure_operand(lower->value->attrs, lower->in[0], &s))) return TUFF_ERR_SHAPE;
    if (grad_by_rows(lower, &s, 100) && (uint64_t)s.y.size * s.x.size < 1 << 23) { /* numbers of places: NaN's order */
        struct strips strips = measure_strips(&s);
        TUFF_CALL(call, max_pool2d_grad_row, .TOP = s.y.pad, .LEFT = s.x.pad, .QUADS = strips.quads, .STEPS = strips.steps,
                  .GY_QUADS = strips.gy_quads);
        return lower_pool(lower, "max_pool2d_grad_row", &s, strips.count, call);
    }
    if (!apart(&s)) return lower_pool(lower, "max_pool2d_grad", &s, 0, call);
    bool quads = in_quads(&s);
    uint64_t rows = ((uint64_t)s.y.size + s.y.pad + s.y.stride - 1) / s.y.stride;
    uint64_t columns = quads ? s.x.size / 4 : ((uint64_t)s.x.size + s.x.pad + s.x.stride - 1) / s.x.stride;
    return lower_pool(lower, quads ? "max_pool2d_grad_quad" : "max_pool2d_grad_block", &s, s.planes * rows * columns, call);
}

static tuff_status avg_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    const struct pool *attrs = lower->value->attrs;
    struct sizes s = {0};
    if (TUFF_NEVER(!measure_operand(attrs, lower->in[0], &s))) return TUFF_ERR_SHAPE;
    if (by_rows(lower, &s)) return lower_rows(lower, &s, true, call);
    TUFF_CALL(call, avg_pool2d, .COUNT_PAD = attrs->count_include_pad != 0);
    return lower_pool(lower, "avg_pool2d", &s, 0, call);
}

static tuff_status avg_grad_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    const struct avg_grad_attrs *attrs = lower->value->attrs;
    struct sizes s = {0};
    if (TUFF_NEVER(!measure(&attrs->pool, &lower->in[0]->shape, attrs->size, &s))) return TUFF_ERR_SHAPE;
    bool count_pad = attrs->pool.count_include_pad != 0;
    if (grad_by_rows(lower, &s, 1024)) { /* a tap is an addition */
        struct strips strips = measure_strips(&s);
        TUFF_CALL(call, avg_pool2d_grad_row, .COUNT_PAD = count_pad, .TOP = s.y.pad, .LEFT = s.x.pad, .QUADS = strips.quads,
                  .STEPS = strips.steps, .GY_QUADS = strips.gy_quads);
        return lower_pool(lower, "avg_pool2d_grad_row", &s, strips.count, call);
    }
    TUFF_CALL(call, avg_pool2d_grad, .COUNT_PAD = count_pad);
    return lower_pool(lower, "avg_pool2d_grad", &s, 0, call);
}

/* ---- references -------------------------------------------------------------------------------------------------------- */

/* Position of tap u of window i, or false outside 0 .. size - 1. */
static bool tap(const struct axis *a, uint32_t i, uint32_t u, uint64_t *at)
{
    int64_t p = (int64_t)i * a->stride + (int64_t)u * a->dilation - a->pad;
    *at = (uint64_t)p;
    return p >= 0 && p < (int64_t)a->size;
}

static uint32_t counted_taps(const struct axis *a, uint32_t i, bool count_pad)
{
    uint32_t n = 0;
    uint64_t at;
    for (uint32_t u = 0; u < a->kernel; u++)
        n += count_pad ? (uint64_t)i * a->stride + (uint64_t)u * a->dilation < (uint64_t)a->size + a->pad + a->pad_after
                       : tap(a, i, u, &at);
    return n;
}

/* Place of the first largest element of window i, j, of its last NaN where it holds one, or SIZE_MAX where it holds nothing. */
static size_t winner(const struct sizes *s, const double *plane, uint32_t i, uint32_t j)
{
    size_t best = SIZE_MAX;
    uint64_t y, x;
    for (uint32_t u = 0; u < s->y.kernel; u++)
        for (uint32_t v = 0; v < s->x.kernel; v++)
            if (tap(&s->y, i, u, &y) && tap(&s->x, j, v, &x) &&
                (best == SIZE_MAX || isnan(plane[y * s->x.size + x]) || tuff_above(plane[y * s->x.size + x], plane[best])))
                best = y * s->x.size + x;
    return best;
}

/* As maximum: of zeros of both signs +0. */
static double largest(const struct sizes *s, const double *plane, uint32_t i, uint32_t j)
{
    double best = -INFINITY;
    uint64_t y, x;
    for (uint32_t u = 0; u < s->y.kernel; u++)
        for (uint32_t v = 0; v < s->x.kernel; v++)
            if (tap(&s->y, i, u, &y) && tap(&s->x, j, v, &x)) best = pw_max(best, plane[y * s->x.size + x]);
    return best;
}

static void max_ref(const struct tuff_ref *ref)
{
    struct sizes s = {0};
    bool pick = ref->value->in_count > 1;
    if (!measure_operand(ref->value->attrs, &ref->in_types[0], &s)) return;
    size_t plane = (size_t)s.y.size * s.x.size, e = 0;
    for (uint32_t p = 0; p < s.planes; p++)
        for (uint32_t i = 0; i < s.y.windows; i++)
            for (uint32_t j = 0; j < s.x.windows; j++, e++) {
                const double *x = ref->in[0] + p * plane;
                size_t at = pick ? winner(&s, x, i, j) : 0;
                if (!pick)
                    ref->out[e] = largest(&s, x, i, j);
                else
                    ref->out[e] = at == SIZE_MAX ? 0.0 : ref->in[1][p * plane + at];
            }
}

static void max_grad_ref(const struct tuff_ref *ref)
{
    struct sizes s = {0};
    if (!measure_operand(ref->value->attrs, &ref->in_types[0], &s)) return;
    size_t plane = (size_t)s.y.size * s.x.size, e = 0;
    for (uint32_t p = 0; p < s.planes; p++)
        for (uint32_t i = 0; i < s.y.windows; i++)
            for (uint32_t j = 0; j < s.x.windows; j++, e++) {
                size_t at = winner(&s, ref->in[0] + p * plane, i, j);
                if (at != SIZE_MAX) ref->out[p * plane + at] += ref->in[1][e];
            }
}

/* Visits each window of the planes of operand 0 with its winner (places NULL: there is none); all elements of a window are listed. */
static tuff_status each_winner(const struct tuff_bound *b,
                               void (*visit)(const struct tuff_bound *b, uint64_t window, uint64_t best, bool sure,
                                             const uint64_t *places, uint64_t count))
{
    struct sizes s = {0};
    uint64_t y, x, e = 0;
    if (!measure_operand(b->value->attrs, &b->in_types[0], &s)) return TUFF_ERR_SHAPE;
    uint64_t *places = tuff_alloc(b->context, (size_t)s.y.kernel * s.x.kernel * sizeof *places);
    for (uint64_t p = 0; places && p < s.planes; p++)
        for (uint32_t i = 0; i < s.y.windows; i++)
            for (uint32_t j = 0; j < s.x.windows; j++, e++) {
                uint64_t count = 0;
                bool sure = true;
                for (uint32_t u = 0; u < s.y.kernel; u++)
                    for (uint32_t v = 0; v < s.x.kernel; v++)
                        if (tap(&s.y, i, u, &y) && tap(&s.x, j, v, &x)) places[count++] = (p * s.y.size + y) * s.x.size + x;
                if (count) visit(b, e, tuff_bound_winner(b, places, count, 1, &sure), sure, places, count);
            }
    tuff_free(b->context, places);
    return places ? TUFF_OK : TUFF_ERR_MEMORY;
}

static void picks(const struct tuff_bound *b, uint64_t window, uint64_t best, bool sure, const uint64_t *places,
                  uint64_t count)
{
    (void)places, (void)count;
    b->bound[window] = sure ? b->error[1][best] : INFINITY;
}

static tuff_status max_bound(const struct tuff_bound *b)
{
    return b->value->in_count > 1 ? each_winner(b, picks) : tuff_bound_by(b, TUFF_ERROR_MONOTONE);
}

/* Each window gives its gy to its winner; all elements of a window that is not sure are unknown. */
static void gives(const struct tuff_bound *b, uint64_t window, uint64_t best, bool sure, const uint64_t *places,
                  uint64_t count)
{
    double taps = b->value->op->terms(b->value, b->in_types), e = b->error[1][window];
    b->bound[best] += e + (taps + 2) * TUFF_ULP * (fabs(b->in[1][window]) + e);
    for (uint64_t k = 0; k < count && !sure; k++) b->bound[places[k]] = INFINITY;
}
static tuff_status max_grad_bound(const struct tuff_bound *b) { return each_winner(b, gives); }

/* to_x: adds each window's share to its elements (gradient), else adds the elements' shares to the window. */
static void average(const struct sizes *s, bool count_pad, bool to_x, const double *in, double *out)
{
    size_t plane = (size_t)s->y.size * s->x.size, e = 0;
    uint64_t y, x;
    for (uint32_t p = 0; p < s->planes; p++)
        for (uint32_t i = 0; i < s->y.windows; i++)
            for (uint32_t j = 0; j < s->x.windows; j++, e++) {
                double n = (double)counted_taps(&s->y, i, count_pad) * counted_taps(&s->x, j, count_pad);
                for (uint32_t u = 0; u < s->y.kernel; u++)
                    for (uint32_t v = 0; v < s->x.kernel; v++) {
                        if (!tap(&s->y, i, u, &y) || !tap(&s->x, j, v, &x)) continue;
                        size_t at = p * plane + y * s->x.size + x;
                        if (to_x)
                            out[at] += in[e] / n;
                        else
                            out[e] += in[at] / n;
                    }
            }
}

static void avg_ref(const struct tuff_ref *ref)
{
    const struct pool *attrs = ref->value->attrs;
    struct sizes s = {0};
    if (measure_operand(attrs, &ref->in_types[0], &s)) average(&s, attrs->count_include_pad, false, ref->in[0], ref->out);
}

static void avg_grad_ref(const struct tuff_ref *ref)
{
    const struct avg_grad_attrs *attrs = ref->value->attrs;
    struct sizes s = {0};
    if (measure(&attrs->pool, &ref->in_types[0].shape, attrs->size, &s))
        average(&s, attrs->pool.count_include_pad, true, ref->in[0], ref->out);
}

/* Every element of a window, or every window over an element: at most as many as the window has taps. */
static double terms(const struct tuff_value *value, const struct tuff_type *in_types)
{
    const struct pool *attrs = value->attrs; /* also the first member of avg_grad_attrs */
    (void)in_types;
    return (double)attrs->kernel[0] * attrs->kernel[1];
}

const struct tuff_op tuff_op_max_pool2d = {
    .name = "max_pool2d",
    .edges = "NaN of a NaN; -inf of only -inf",
    .onnx = "MaxPool",
    TUFF_LAUNCH(max_lower),
    .traits = TUFF_PICKS,
    TUFF_OPERANDS(1, 2),
    POOL_ATTRS,
    .infer = pool_infer,
    .result = TUFF_RESULT_LAST, /* x's own, or those of q */
    .grad = max_grad,
    .ref = max_ref,
    .bound = max_bound,
};
const struct tuff_op tuff_op_max_pool2d_grad = {
    .name = "max_pool2d_grad",
    .edges = "to the last NaN, else to the first of equal ones",
    .ignores_nan = 1, /* the gradient has a place all the same */
    TUFF_LAUNCH(max_grad_lower),
    .traits = TUFF_PICKS,
    TUFF_OPERANDS(2, 2),
    POOL_ATTRS,
    .infer = max_grad_infer,
    .grad = max_grad_grad,
    .ref = max_grad_ref,
    .bound = max_grad_bound,
    .terms = terms,
    .inline_inputs = 1u << 1,
};
const struct tuff_op tuff_op_avg_pool2d = {
    .name = "avg_pool2d",
    .onnx = "AveragePool",
    TUFF_LAUNCH(avg_lower),
    TUFF_OPERANDS(1, 1),
    POOL_ATTRS,
    .infer = pool_infer,
    .grad = avg_grad,
    .ref = avg_ref,
    TUFF_SUMS(terms),
    .inline_inputs = 1u << 0,
};
const struct tuff_op tuff_op_avg_pool2d_grad = {
    .name = "avg_pool2d_grad",
    TUFF_LAUNCH(avg_grad_lower),
    TUFF_OPERANDS(1, 1),
    TUFF_ATTRS(attr_table, struct avg_grad_attrs),
    .infer = avg_grad_infer,
    .grad = avg_grad_grad,
    .ref = avg_grad_ref,
    TUFF_SUMS(terms),
    .inline_inputs = 1u << 0,
};
