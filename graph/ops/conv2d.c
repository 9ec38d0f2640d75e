/* conv2d.c - two-dimensional convolution: the operator, its gradients by input and by weight, each with gradients of its
 * own, and the transposed convolution, which is the gradient by input. Lowered as implicit matrix products.
 *
 *   conv2d              y [n,co,oh,ow]           = sum_{c,u,v} x[n, c, i*sh + u*dh - top, j*sw + v*dw - left] * w[o,c,u,v]
 *   conv2d_input_grad   gx [n,ci,h,w]            of gy and w
 *   conv2d_weight_grad  gw [splits,co,ci/g,kh,kw] of x and gy; split s sums over pictures s*p .. s*p + p - 1, p = ceil(n / splits),
 *                       so that there are workgroups enough; the sum over the first axis is the gradient */
#include "graph/ops/conv_depthwise.h"
#include "graph/ops/gemm.h"
#include "graph/ops/runs.h"
#include "graph/ops/view.h"

#include <stddef.h>
#include <stdio.h>

struct conv {
    uint32_t stride[2], dilation[2], pad[4], groups; /* 0 stands for 1, but for pad */
};
struct input_grad_attrs {
    struct conv conv;
    uint32_t size[2]; /* h, w of the convolution's input */
};
struct weight_grad_attrs {
    struct conv conv;
    uint32_t kernel[2], splits;
};

#define CONV_ATTRS(type, member)                                                                                            \
    {"stride", "strides", TUFF_ATTR_U32S, 2, offsetof(type, member stride)},                                                \
        {"dilation", "dilations", TUFF_ATTR_U32S, 2, offsetof(type, member dilation)},                                      \
        {"pad", "pads", TUFF_ATTR_U32S, 4, offsetof(type, member pad)},                                                     \
    {                                                                                                                       \
        "groups", "group", TUFF_ATTR_I32, 1, offsetof(type, member groups)                                                  \
    }
static const struct tuff_attr conv_attrs[] = {CONV_ATTRS(struct conv, )};
static const struct tuff_attr input_grad_attr_table[] = {
    CONV_ATTRS(struct input_grad_attrs, conv.),
    {"size", "", TUFF_ATTR_U32S, 2, offsetof(struct input_grad_attrs, size)},
};
static const struct tuff_attr weight_grad_attr_table[] = {
    CONV_ATTRS(struct weight_grad_attrs, conv.),
    {"kernel", "", TUFF_ATTR_U32S, 2, offsetof(struct weight_grad_attrs, kernel)},
    {"splits", "", TUFF_ATTR_I32, 1, offsetof(struct weight_grad_attrs, splits)},
};

/* All sizes of one convolution, whatever direction is computed. ci, co: channels of one group. */
struct sizes {
    uint32_t n, groups, ci, co, h, w, oh, ow, kh, kw, sh, sw, dh, dw, top, left;
};

static struct conv with_defaults(const struct conv *given)
{
    struct conv c = *given;
    for (int i = 0; i < 2; i++) {
        if (!c.stride[i]) c.stride[i] = 1;
        if (!c.dilation[i]) c.dilation[i] = 1;
    }
    if (!c.groups) c.groups = 1;
    return c;
}

/* Positions of a window of `kernel` taps along an axis of `size`; 0 where it does not fit or passes 2^31. */
static uint32_t out_size(uint64_t size, uint64_t before, uint64_t after, uint64_t kernel, uint64_t stride, uint64_t dilation)
{
    uint64_t padded = size + before + after, reach;
    if (kernel == 0 || dilation > INT32_MAX || padded > INT32_MAX) return 0;
    reach = dilation * (kernel - 1) + 1;
    return padded < reach ? 0 : (uint32_t)((padded - reach) / stride + 1);
}

/* Fills s from the three shapes, of which the direction knows two and its attributes the rest of the third. False where
 * they do not fit. x: [n,ci,h,w], w: [co,ci/groups,kh,kw]. */
static bool measure(const struct conv *given, const uint32_t *x, const uint32_t *w, struct sizes *s)
{
    struct conv c = with_defaults(given);
    if (c.groups > x[1] || x[1] % c.groups || w[0] % c.groups || w[1] != x[1] / c.groups) return false;
    *s = (struct sizes){.n = x[0],
                        .groups = c.groups,
                        .ci = w[1],
                        .co = w[0] / c.groups,
                        .h = x[2],
                        .w = x[3],
                        .kh = w[2],
                        .kw = w[3],
                        .sh = c.stride[0],
                        .sw = c.stride[1],
                        .dh = c.dilation[0],
                        .dw = c.dilation[1],
                        .top = c.pad[0],
                        .left = c.pad[1]};
    s->oh = out_size(s->h, c.pad[0], c.pad[2], s->kh, s->sh, s->dh);
    s->ow = out_size(s->w, c.pad[1], c.pad[3], s->kw, s->sw, s->dw);
    return s->oh && s->ow;
}

static bool measure_conv(const struct conv *attrs, const struct tuff_shape *x, const struct tuff_shape *w, struct sizes *s)
{
    return x->rank == 4 && w->rank == 4 && measure(attrs, x->dim, w->dim, s);
}

static bool measure_input_grad(const struct input_grad_attrs *attrs, const struct tuff_shape *gy, const struct tuff_shape *w,
                               struct sizes *s)
{
    if (gy->rank != 4 || w->rank != 4 || gy->dim[1] != w->dim[0]) return false;
    uint32_t groups = attrs->conv.groups ? attrs->conv.groups : 1;
    if ((uint64_t)w->dim[1] * groups > INT32_MAX) return false;
    return measure(&attrs->conv, (uint32_t[]){gy->dim[0], w->dim[1] * groups, attrs->size[0], attrs->size[1]}, w->dim, s) &&
           s->oh == gy->dim[2] && s->ow == gy->dim[3];
}

static uint32_t pictures_per_split(const struct weight_grad_attrs *attrs, uint32_t n)
{
    uint32_t splits = attrs->splits ? attrs->splits : 1;
    return n / splits + (n % splits != 0);
}

static bool measure_weight_grad(const struct weight_grad_attrs *attrs, const struct tuff_shape *x,
                                const struct tuff_shape *gy, struct sizes *s)
{
    uint32_t groups = attrs->conv.groups ? attrs->conv.groups : 1;
    if (x->rank != 4 || gy->rank != 4 || gy->dim[0] != x->dim[0] || x->dim[1] < groups) return false;
    uint32_t w[4] = {gy->dim[1], x->dim[1] / groups, attrs->kernel[0], attrs->kernel[1]};
    return measure(&attrs->conv, x->dim, w, s) && s->oh == gy->dim[2] && s->ow == gy->dim[3];
}

/* ---- types ------------------------------------------------------------------------------------------------------------- */

static tuff_status check(const struct tuff_infer *infer, bool fits, const struct conv *given, const char *more)
{
    char a[128], b[128];
    const struct tuff_type *x = infer->in[0], *y = infer->in[1];
    bool types = tuff_is_float(x->dtype) && tuff_is_float(y->dtype);
    if (fits && types) return TUFF_OK;
    struct conv c = with_defaults(given);
    tuff_graph_fail(infer->graph, TUFF_ERR_SHAPE,
                    "%s of %s %s and %s %s (stride %u %u, dilation %u %u, pad %u %u %u %u, groups %u%s): %s",
                    infer->op->name, tuff_dtype_name(x->dtype), tuff_shape_text(&x->shape, a, sizeof a),
                    tuff_dtype_name(y->dtype), tuff_shape_text(&y->shape, b, sizeof b), (unsigned)c.stride[0],
                    (unsigned)c.stride[1], (unsigned)c.dilation[0], (unsigned)c.dilation[1], (unsigned)c.pad[0],
                    (unsigned)c.pad[1], (unsigned)c.pad[2], (unsigned)c.pad[3], (unsigned)c.groups, more,
                    fits ? "each must be of floats"
                         : "channels, groups and sizes do not fit (x [n,ci,h,w], w [co,ci/groups,kh,kw], y [n,co,oh,ow])");
    return TUFF_ERR_SHAPE;
}

static tuff_status conv_infer(const struct tuff_infer *infer, struct tuff_type *out)
{
    const struct tuff_type *x = infer->in[0], *w = infer->in[1];
    struct sizes s = {0};
    TUFF_TRY(check(infer, measure_conv(infer->attrs, &x->shape, &w->shape, &s), infer->attrs, ""));
    *out = (struct tuff_type){TUFF_F32, TUFF_SHAPE(s.n, w->shape.dim[0], s.oh, s.ow)};
    return TUFF_OK;
}

static tuff_status input_grad_infer(const struct tuff_infer *infer, struct tuff_type *out)
{
    const struct input_grad_attrs *attrs = infer->attrs;
    struct sizes s = {0};
    char more[64];
    snprintf(more, sizeof more, ", input size %u %u", (unsigned)attrs->size[0], (unsigned)attrs->size[1]);
    TUFF_TRY(check(infer, measure_input_grad(attrs, &infer->in[0]->shape, &infer->in[1]->shape, &s), &attrs->conv, more));
    *out = (struct tuff_type){TUFF_F32, TUFF_SHAPE(s.n, s.ci * s.groups, s.h, s.w)};
    return TUFF_OK;
}

static tuff_status weight_grad_infer(const struct tuff_infer *infer, struct tuff_type *out)
{
    const struct weight_grad_attrs *attrs = infer->attrs;
    struct sizes s = {0};
    char more[64];
    snprintf(more, sizeof more, ", kernel %u %u, %u splits", (unsigned)attrs->kernel[0], (unsigned)attrs->kernel[1],
             (unsigned)attrs->splits);
    bool fits = measure_weight_grad(attrs, &infer->in[0]->shape, &infer->in[1]->shape, &s) && attrs->splits <= s.n;
    TUFF_TRY(check(infer, fits, &attrs->conv, more));
    *out = (struct tuff_type){TUFF_F32, TUFF_SHAPE(attrs->splits ? attrs->splits : 1, s.co * s.groups, s.ci, s.kh, s.kw)};
    return TUFF_OK;
}

/* ---- builders and gradients -------------------------------------------------------------------------------------------- */

static tuff_val add_input_grad(struct tuff_graph *g, tuff_val gy, tuff_val w, const struct conv *conv, uint32_t h,
                               uint32_t width)
{
    struct input_grad_attrs attrs = {*conv, {h, width}};
    return tuff_graph_add(g, &tuff_op_conv2d_input_grad, (tuff_val[]){gy, w}, 2, &attrs);
}

/* Pixels of one split: loops of four pixels a round stay below what tuff_lower_rounds allows. */
enum { LONGEST_SUM = 200000 };

/* About 32 workgroups of a 64 x 64 tile where there are pictures enough, each with a sum of 512 terms or more. */
static uint32_t choose_splits(uint64_t rows, uint64_t columns, uint64_t groups, uint64_t pictures, uint64_t pixels)
{
    uint64_t tiles = (rows + 63) / 64 * ((columns + 63) / 64) * groups, splits = tiles < 32 ? 32 / tiles : 1;
    uint64_t most = pictures * pixels / 512;
    if (splits > most) splits = most ? most : 1;
    if (splits > pictures) splits = pictures;
    while (splits < pictures && (pictures + splits - 1) / splits * pixels > LONGEST_SUM) splits++;
    uint64_t each = (pictures + splits - 1) / splits;
    return (uint32_t)((pictures + each - 1) / each);
}

/* The gradient of w [co, ci/groups, kh, kw]. */
static tuff_val add_weight_grad(struct tuff_graph *g, tuff_val x, tuff_val gy, const struct conv *conv,
                                const struct tuff_shape *w)
{
    struct weight_grad_attrs attrs = {*conv, {w->dim[2], w->dim[3]}, 0};
    if (!x || !gy) return 0;
    return tuff_reshape(g, tuff_graph_add(g, &tuff_op_conv2d_weight_grad, (tuff_val[]){x, gy}, 2, &attrs), *w);
}

/* Without a number of splits it is what the sizes ask for. */
static tuff_val weight_grad_expand(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in,
                                   const struct tuff_caps *caps)
{
    struct weight_grad_attrs attrs = *(const struct weight_grad_attrs *)value->attrs;
    const struct tuff_shape *w = &value->type.shape; /* behind an axis of splits */
    struct tuff_shape ys = tuff_type_of(g, in[1]).shape;
    uint32_t groups = attrs.conv.groups ? attrs.conv.groups : 1;
    uint64_t columns = (uint64_t)w->dim[2] * w->dim[3] * w->dim[4], pixels = (uint64_t)ys.dim[2] * ys.dim[3];
    (void)caps;
    if (attrs.splits) return 0;
    attrs.splits = choose_splits(w->dim[1] / groups, columns, groups, ys.dim[0], pixels);
    if (w->dim[2] == 1 && groups > 1) { /* its kernel takes sums of any length; where it cannot be taken, those above hold */
        uint32_t splits = tuff_depthwise_splits(w->dim[1], ys.dim[0], pixels);
        if (splits > attrs.splits) attrs.splits = splits;
    }
    tuff_val parts = tuff_graph_add(g, &tuff_op_conv2d_weight_grad, in, 2, &attrs);
    return attrs.splits == 1 ? parts : tuff_sum(g, parts, 1u << 0, TUFF_KEEP_AXES);
}

static void conv_grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value *v = tuff_value_of(g, y);
    const struct conv conv = *(const struct conv *)v->attrs;
    tuff_val x = v->in[0], w = v->in[1];
    struct tuff_shape xs = tuff_type_of(g, x).shape, ws = tuff_type_of(g, w).shape;
    gin[0] = add_input_grad(g, gy, w, &conv, xs.dim[2], xs.dim[3]);
    gin[1] = add_weight_grad(g, x, gy, &conv, &ws);
}

/* gx is linear in gy and in w: by gy its gradient is the convolution, by w the weight gradient with ggx as the input. */
static void input_grad_grad(struct tuff_graph *g, tuff_val gx, tuff_val ggx, tuff_val *gin)
{
    const struct tuff_value *v = tuff_value_of(g, gx);
    const struct conv conv = ((const struct input_grad_attrs *)v->attrs)->conv;
    tuff_val gy = v->in[0], w = v->in[1];
    struct tuff_shape ws = tuff_type_of(g, w).shape;
    gin[0] = tuff_graph_add(g, &tuff_op_conv2d, (tuff_val[]){ggx, w}, 2, &conv);
    gin[1] = add_weight_grad(g, ggx, gy, &conv, &ws);
}

/* Each split is linear in its own pictures: x's gradient is the input gradient with ggw[s] as the weight, gy's the convolution
 * of x by ggw[s]; the pictures of all splits are then put together again. */
static void weight_grad_grad(struct tuff_graph *g, tuff_val gw, tuff_val ggw, tuff_val *gin)
{
    const struct tuff_value *v = tuff_value_of(g, gw);
    const struct weight_grad_attrs attrs = *(const struct weight_grad_attrs *)v->attrs;
    tuff_val x = v->in[0], gy = v->in[1], gx_parts[256], ggy_parts[256];
    struct tuff_shape xs = tuff_type_of(g, x).shape, ys = tuff_type_of(g, gy).shape, ws = v->type.shape;
    uint32_t each = pictures_per_split(&attrs, xs.dim[0]), count = 0;
    const int32_t step[TUFF_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    if ((xs.dim[0] + each - 1) / each > TUFF_COUNT(gx_parts)) {
        tuff_graph_fail(g, TUFF_ERR_UNSUPPORTED, "conv2d_weight_grad: the gradient of more than %d splits",
                        (int)TUFF_COUNT(gx_parts));
        return;
    }
    for (uint32_t at = 0; at < xs.dim[0]; at += each, count++) {
        struct tuff_shape x_part = xs, y_part = ys, w_part = ws;
        x_part.dim[0] = y_part.dim[0] = xs.dim[0] - at < each ? xs.dim[0] - at : each;
        w_part.dim[0] = 1;
        tuff_val weight = tuff_slice(g, ggw, (uint32_t[TUFF_MAX_RANK]){count}, step, w_part.dim);
        weight = tuff_reshape(g, weight, TUFF_SHAPE(ws.dim[1], ws.dim[2], ws.dim[3], ws.dim[4]));
        tuff_val xp = tuff_slice(g, x, (uint32_t[TUFF_MAX_RANK]){at}, step, x_part.dim);
        tuff_val yp = tuff_slice(g, gy, (uint32_t[TUFF_MAX_RANK]){at}, step, y_part.dim);
        gx_parts[count] = add_input_grad(g, yp, weight, &attrs.conv, xs.dim[2], xs.dim[3]);
        ggy_parts[count] = tuff_graph_add(g, &tuff_op_conv2d, (tuff_val[]){xp, weight}, 2, &attrs.conv);
    }
    gin[0] = count == 1 ? gx_parts[0] : tuff_concat(g, gx_parts, count, 0);
    gin[1] = count == 1 ? ggy_parts[0] : tuff_concat(g, ggy_parts, count, 0);
}

static tuff_val add_bias(struct tuff_graph *g, tuff_val y, tuff_val b)
{
    if (!b || !y) return y;
    struct tuff_shape bs = tuff_type_of(g, b).shape, ys = tuff_type_of(g, y).shape;
    char text[128];
    if (bs.rank != 1 || bs.dim[0] != ys.dim[1])
        return tuff_graph_fail(g, TUFF_ERR_SHAPE, "bias %s for %u channels: must be [%u]",
                               tuff_shape_text(&bs, text, sizeof text), (unsigned)ys.dim[1], (unsigned)ys.dim[1]);
    return tuff_add(g, y, tuff_reshape(g, b, TUFF_SHAPE(1, bs.dim[0], 1, 1)));
}

tuff_val tuff_conv2d(struct tuff_graph *g, tuff_val x, tuff_val w, tuff_val b, struct tuff_conv2d_params params)
{
    struct conv attrs = {.groups = params.groups};
    memcpy(attrs.stride, params.stride, sizeof attrs.stride);
    memcpy(attrs.dilation, params.dilation, sizeof attrs.dilation);
    memcpy(attrs.pad, params.pad, sizeof attrs.pad);
    attrs = with_defaults(&attrs);
    return add_bias(g, tuff_graph_add(g, &tuff_op_conv2d, (tuff_val[]){x, w}, 2, &attrs), b);
}

tuff_val tuff_conv_transpose2d(struct tuff_graph *g, tuff_val x, tuff_val w, tuff_val b,
                               struct tuff_conv_transpose2d_params params)
{
    struct conv attrs = {.groups = params.groups};
    memcpy(attrs.stride, params.stride, sizeof attrs.stride);
    memcpy(attrs.dilation, params.dilation, sizeof attrs.dilation);
    memcpy(attrs.pad, params.pad, sizeof attrs.pad);
    attrs = with_defaults(&attrs);
    if (!x || !w) return 0;
    struct tuff_shape xs = tuff_type_of(g, x).shape, ws = tuff_type_of(g, w).shape;
    uint32_t size[2] = {0};
    for (int i = 0; i < 2 && xs.rank == 4 && ws.rank == 4; i++) {
        int64_t out = (int64_t)(xs.dim[2 + i] - 1) * attrs.stride[i] + (int64_t)attrs.dilation[i] * (ws.dim[2 + i] - 1) + 1 +
                      params.output_pad[i] - (int64_t)attrs.pad[i] - attrs.pad[2 + i];
        if (params.output_pad[i] >= attrs.stride[i])
            return tuff_graph_fail(g, TUFF_ERR_SHAPE, "conv_transpose2d: output_pad %u must be less than the stride %u",
                                   (unsigned)params.output_pad[i], (unsigned)attrs.stride[i]);
        if (out < 1 || out > INT32_MAX)
            return tuff_graph_fail(g, TUFF_ERR_SHAPE, "conv_transpose2d: axis %d of the result would have %lld elements",
                                   2 + i, (long long)out);
        size[i] = (uint32_t)out;
    }
    return add_bias(g, add_input_grad(g, x, w, &attrs, size[0], size[1]), b);
}

/* ---- lowering ---------------------------------------------------------------------------------------------------------- */

static tuff_status lower_sizes(const struct tuff_lower *lower, const struct sizes *s, const struct tuff_gemm *gemm,
                               uint32_t k_split, struct tuff_kernel_call *call, struct tuff_error *error)
{
    TUFF_TRY(tuff_gemm_lower(lower, gemm, call, error));
    TUFF_CALL(call, gemm_conv, .KH = s->kh, .KW = s->kw, .SH = s->sh, .SW = s->sw, .DH = s->dh, .DW = s->dw,
              .groups = s->groups, .ci = s->ci, .co = s->co, .h = s->h, .w = s->w, .oh = s->oh, .ow = s->ow, .top = s->top,
              .left = s->left, .k_split = k_split);
    return TUFF_OK;
}

/* What conv_shuffle.comp computes: of the source s the result r, at positions of a grid. */
struct correlation {
    uint64_t channels; /* of s, in a group */
    uint32_t m, sh, sw, rh, rw, gh, gw;
    bool grad, flat;
};

/* Bits of its FLAGS. */
enum { FLAT = 1, A_VEC = 2, C_VEC = 4, PADDED = 8, SHIFTS = 16, ROW_TAIL = 32 };
/* Of conv_weight_shuffle.comp, whose first is FLAT too. */
enum { GY_VEC = 2, GY_PADDED = 4, GY_SHIFTS = 8 };

static uint32_t ceil_div(uint32_t a, uint32_t b) { return a / b + (a % b != 0); }

/* Some tap of some position lies outside of s. */
static bool is_padded(const struct sizes *s, bool grad)
{
    uint64_t reach_y = (uint64_t)s->dh * (s->kh - 1), reach_x = (uint64_t)s->dw * (s->kw - 1);
    if (!grad)
        return s->top || s->left || (uint64_t)(s->oh - 1) * s->sh + reach_y >= s->h ||
               (uint64_t)(s->ow - 1) * s->sw + reach_x >= s->w;
    return s->sh > 1 || s->sw > 1 || reach_y > s->top || reach_x > s->left || s->h - 1 + s->top >= s->oh ||
           s->w - 1 + s->left >= s->ow;
}

enum { LONGEST_WINDOW = 17 };

/* Elements of s that a window of four positions spans. */
static uint64_t window_of(const struct sizes *s, bool grad)
{
    uint64_t reach = (uint64_t)s->dw * (s->kw - 1);
    if (!grad) return (uint64_t)3 * s->sw + reach + 1;
    return 4 + ceil_div(s->left, s->sw) + (reach > s->left ? (reach - s->left + s->sw - 1) / s->sw : 0);
}

/* False where that kernel has no path, or too many accumulators: large windows and strides, or fewer channels than would fill its
 * lanes. */
static bool correlate(const struct tuff_lower *lower, const struct sizes *s, bool grad, struct correlation *c)
{
    enum { MOST_CLASSES = 4, FAR = 1024 };
    if (grad)
        *c = (struct correlation){.channels = s->co,
                                  .m = s->ci,
                                  .sh = s->oh,
                                  .sw = s->ow,
                                  .rh = s->h,
                                  .rw = s->w,
                                  .gh = ceil_div(s->h, s->sh),
                                  .gw = ceil_div(s->w, s->sw),
                                  .grad = true};
    else
        *c = (struct correlation){
            .channels = s->ci, .m = s->co, .sh = s->h, .sw = s->w, .rh = s->oh, .rw = s->ow, .gh = s->oh, .gw = s->ow};
    bool planes = (uint64_t)c->sh * c->sw % 4 == 0 && (uint64_t)c->gh * c->gw % 4 == 0;
    c->flat = planes && s->sh == 1 && s->sw == 1 && c->gw == c->sw;
    uint64_t taps = (uint64_t)s->kh * s->kw, classes = grad ? (uint64_t)s->sh * s->sw : 1;
    bool near = s->top <= FAR && s->left <= FAR && (uint64_t)s->dh * s->kh <= FAR && (uint64_t)s->dw * s->kw <= FAR &&
                s->sh <= FAR && s->sw <= FAR;
    return tuff_shuffle_lanes(lower->caps) && near && s->kh <= 7 && s->kw <= 7 && taps >= classes &&
           classes <= MOST_CLASSES && window_of(s, grad) <= LONGEST_WINDOW && c->m > 2;
}

/* MG of conv_shuffle.comp, as measured on lavapipe 22.3.6 and 25.0.7: 8 pays with 32 vector registers, small windows and many
 * channels alone, 2 with large windows. Classes of parity multiply the accumulators. */
static uint32_t choose_groups(const struct tuff_caps *caps, const struct sizes *s, const struct correlation *c,
                              uint64_t flops, uint64_t tiles_n)
{
    uint32_t lanes = tuff_shuffle_lanes(caps), classes = c->grad ? s->sh * s->sw : 1, taps = s->kh * s->kw;
    bool tall = caps->tiles == TUFF_TILES_AVX512 && flops >= 300000000 && c->m % (16 * lanes) == 0 && s->sw == 1 &&
                taps <= 9;
    uint32_t mg = tall ? 8 : c->m > 2 * lanes && taps <= 25 ? 4 : c->m > lanes ? 2 : 1;
    while (mg > 1 && (mg * classes > 8 || ceil_div(c->m, lanes * mg) * tiles_n < TUFF_LEAST_GROUPS)) mg /= 2;
    return mg;
}

static uint32_t flags_of(const struct sizes *s, const struct correlation *c, uint64_t rows, uint32_t step)
{
    bool a_vec = (c->grad ? c->m : c->channels) * s->kh * s->kw % 4 == 0;
    bool blocks = c->grad ? c->rh == c->gh * s->sh && c->rw == c->gw * s->sw : true;
    bool c_vec = c->flat || (c->gw % 4 == 0 && c->rw % 4 == 0 && blocks);
    bool shifts = c->sw % 4 != 0; /* rows of s begin anywhere */
    return (c->flat ? FLAT : 0) | (a_vec ? A_VEC : 0) | (c_vec ? C_VEC : 0) | (is_padded(s, c->grad) ? PADDED : 0) |
           (shifts ? SHIFTS : 0) | (rows % step ? ROW_TAIL : 0);
}

enum { NG = 1 }; /* of conv_shuffle.comp: more spills with 16 vector registers */

static tuff_status lower_correlation(const struct tuff_lower *lower, const struct sizes *s, const struct correlation *c,
                                     struct tuff_kernel_call *call, struct tuff_error *error)
{
    uint32_t lanes = tuff_shuffle_lanes(lower->caps), step = c->grad ? s->kh : 4;
    call->flops = 2 * (uint64_t)s->n * s->co * s->oh * s->ow * s->ci * s->kh * s->kw * s->groups;
    uint64_t per_picture = c->flat ? (uint64_t)c->gh * c->gw / 4 : (uint64_t)c->gh * ((c->gw + 3) / 4),
             quads = s->n * per_picture, rows = c->channels * s->kh, tiles_n = (quads + lanes * NG - 1) / (lanes * NG);
    uint32_t mg = choose_groups(lower->caps, s, c, call->flops, tiles_n * s->groups);
    uint64_t tiles_m = (c->m + lanes * mg - 1) / (lanes * mg), groups = tiles_m * tiles_n * s->groups;
    TUFF_TRY(tuff_lower_rounds(lower, rows / step + 1, error));
    call->file = "conv_shuffle";
    tuff_call_define(call, "CONV_GRAD", c->grad);
    TUFF_CALL(call, conv_shuffle, .KH = s->kh, .KW = s->kw, .SH = s->sh, .SW = s->sw, .DH = s->dh, .DW = s->dw,
              .LANES = lanes, .MG = mg, .NG = NG, .FLAGS = flags_of(s, c, rows, step), .TOP = s->top, .LEFT = s->left,
              .ROWS = step, .m_count = c->m, .quads = (uint32_t)quads, .rows = (uint32_t)rows, .tiles_m = (uint32_t)tiles_m,
              .tiles_n = (uint32_t)tiles_n, .group_count = (uint32_t)groups, .groups = s->groups,
              .s_channels = (uint32_t)c->channels, .sh = c->sh, .sw = c->sw, .rh = c->rh, .rw = c->rw, .gh = c->gh,
              .gw = c->gw, .last = (uint32_t)tuff_shape_count(&lower->in[0]->shape) - 1);
    tuff_call_grid(call, lower->caps, groups);
    return TUFF_OK;
}

/* False where a group has more than one input channel. */
static bool is_depthwise(const struct sizes *s, struct tuff_depthwise *d)
{
    *d = (struct tuff_depthwise){s->n,  s->groups, s->co, s->h,  s->w,  s->oh,  s->ow,  s->kh,
                                 s->kw, s->sh,     s->sw, s->dh, s->dw, s->top, s->left};
    return s->ci == 1 && s->groups > 1;
}

/* One tap and no padding: a product of matrices for each picture and group, of pixels in any order; with strides, of those pixels
 * that are taken. Devices whose kernels share a window among its taps gain nothing by sharing it. */
static bool is_product(const struct sizes *s, const struct tuff_caps *caps)
{
    return tuff_shuffle_lanes(caps) && s->kh * s->kw == 1 && s->top == 0 && s->left == 0 && s->ci > 1 && s->co > 2 &&
           s->sh <= INT32_MAX && s->sw <= INT32_MAX && (uint64_t)(s->oh - 1) * s->sh < s->h &&
           (uint64_t)(s->ow - 1) * s->sw < s->w;
}

/* y[n,g] = w[g] x[n,g];  gx[n,g] = w[g]^T gy[n,g];  matrices of channels by pixels. Pixels of gx that were not taken are 0. */
static tuff_val add_product(struct tuff_graph *g, const struct sizes *s, tuff_val picture, tuff_val weight, bool grad)
{
    uint32_t from = grad ? s->co : s->ci, to = grad ? s->ci : s->co, pixels = s->oh * s->ow;
    bool all = s->oh == s->h && s->ow == s->w;
    if (!all && !grad)
        picture = tuff_slice(g, picture, (uint32_t[TUFF_MAX_RANK]){0}, (int32_t[]){1, 1, (int32_t)s->sh, (int32_t)s->sw},
                             (uint32_t[]){s->n, s->groups * s->ci, s->oh, s->ow});
    tuff_val a = tuff_reshape(g, weight, TUFF_SHAPE(s->groups, s->co, s->ci));
    tuff_val b = tuff_reshape(g, picture, TUFF_SHAPE(s->n, s->groups, from, pixels));
    tuff_val c = tuff_matmul(g, a, b, (struct tuff_matmul_params){.transpose_a = grad});
    c = tuff_reshape(g, c, TUFF_SHAPE(s->n, s->groups * to, s->oh, s->ow));
    if (all || !grad) return c;
    struct tuff_pad_attrs spread = {.after = {0, 0, s->h - (s->oh - 1) * s->sh - 1, s->w - (s->ow - 1) * s->sw - 1},
                                    .interior = {0, 0, s->sh - 1, s->sw - 1}};
    return tuff_graph_add(g, &tuff_op_pad, &c, 1, &spread);
}

static tuff_val conv_expand(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in,
                            const struct tuff_caps *caps)
{
    struct sizes s;
    struct tuff_shape x = tuff_type_of(g, in[0]).shape, w = tuff_type_of(g, in[1]).shape;
    return measure_conv(value->attrs, &x, &w, &s) && is_product(&s, caps) ? add_product(g, &s, in[0], in[1], false) : 0;
}

static tuff_val input_grad_expand(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in,
                                  const struct tuff_caps *caps)
{
    struct sizes s;
    struct tuff_shape gy = tuff_type_of(g, in[0]).shape, w = tuff_type_of(g, in[1]).shape;
    return measure_input_grad(value->attrs, &gy, &w, &s) && is_product(&s, caps) ? add_product(g, &s, in[0], in[1], true)
                                                                                 : 0;
}

static tuff_status conv_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call, struct tuff_error *error)
{
    struct sizes s;
    if (TUFF_NEVER(!measure_conv(lower->value->attrs, &lower->in[0]->shape, &lower->in[1]->shape, &s)))
        return TUFF_ERR_SHAPE;
    struct tuff_depthwise d;
    if (is_depthwise(&s, &d) && tuff_depthwise_lower(lower, &d, false, call)) return TUFF_OK;
    struct correlation c;
    if (correlate(lower, &s, false, &c)) return lower_correlation(lower, &s, &c, call, error);
    struct tuff_gemm gemm = {.op = TUFF_GEMM_CONV,
                             .m = s.co,
                             .n = (uint64_t)s.n * s.oh * s.ow,
                             .k = (uint64_t)s.ci * s.kh * s.kw,
                             .z = s.groups,
                             .a_k_fast = true,
                             .c_vec = (uint64_t)s.oh * s.ow % 4 == 0,
                             .k_tail = (uint64_t)s.ci * s.kh * s.kw % 4 != 0};
    return lower_sizes(lower, &s, &gemm, 0, call, error);
}

static tuff_status input_grad_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call, struct tuff_error *error)
{
    struct sizes s;
    if (TUFF_NEVER(!measure_input_grad(lower->value->attrs, &lower->in[0]->shape, &lower->in[1]->shape, &s)))
        return TUFF_ERR_SHAPE;
    struct tuff_depthwise d;
    if (is_depthwise(&s, &d) && tuff_depthwise_lower(lower, &d, true, call)) return TUFF_OK;
    struct correlation c;
    if (correlate(lower, &s, true, &c)) return lower_correlation(lower, &s, &c, call, error);
    struct tuff_gemm gemm = {.op = TUFF_GEMM_INPUT_GRAD,
                             .m = s.ci,
                             .n = (uint64_t)s.n * s.h * s.w,
                             .k = (uint64_t)s.co * s.kh * s.kw,
                             .z = s.groups,
                             .a_k_fast = s.kh * s.kw > 1,
                             .c_vec = (uint64_t)s.h * s.w % 4 == 0,
                             .k_tail = (uint64_t)s.co * s.kh * s.kw % 4 != 0};
    return lower_sizes(lower, &s, &gemm, 0, call, error);
}

/* conv_weight_shuffle.comp: few taps in a row; false where it has no path. */
static bool lower_weight_shuffle(const struct tuff_lower *lower, const struct sizes *s, uint32_t splits,
                                 uint32_t split_pictures, struct tuff_kernel_call *call)
{
    uint32_t lanes = tuff_shuffle_lanes(lower->caps), kw = s->kw;
    uint64_t x_count = tuff_shape_count(&lower->in[0]->shape), rows = (uint64_t)s->ci * s->kh;
    if (!lanes || kw > 7 || window_of(s, false) > LONGEST_WINDOW || s->co < 3) return false;
    bool flat = s->sh == 1 && s->sw == 1 && s->w == s->ow && (uint64_t)s->h * s->w % 4 == 0 &&
                (uint64_t)s->oh * s->ow % 4 == 0;
    uint64_t runs = (uint64_t)split_pictures * (flat ? 1 : s->oh),
             quads = flat ? ((uint64_t)s->oh * s->ow + 3) / 4 : (s->ow + 3) / 4;
    if (tuff_lower_rounds(lower, runs * (quads + 1), NULL) != TUFF_OK) return false;
    uint32_t mg = s->co > 2 * lanes && tuff_compiles_fast(lower->caps) ? 4
                  : s->co > lanes                                      ? 2
                                                                       : 1,
             ng = rows <= lanes                                                      ? 1
                  : rows <= 2 * lanes || mg == 4 || !tuff_compiles_fast(lower->caps) ? 2
                                                                                     : 3;
    uint64_t tiles_m = (s->co + lanes * mg - 1) / (lanes * mg), tiles_n = (rows + lanes * ng - 1) / (lanes * ng);
    uint64_t groups = tiles_m * tiles_n * s->groups * splits;
    bool pixels = flat && kw == 1 && !s->left && !s->top; /* windows are the quads themselves */
    uint32_t flags = (flat ? FLAT : 0) | (flat || s->ow % 4 == 0 ? GY_VEC : 0) | (is_padded(s, false) ? GY_PADDED : 0) |
                     (s->w % 4 != 0 && !pixels ? GY_SHIFTS : 0);
    call->file = "conv_weight_shuffle";
    call->flops = 2 * (uint64_t)s->n * s->oh * s->ow * s->co * s->groups * rows * s->kw;
    TUFF_CALL(call, conv_weight_shuffle, .KH = s->kh, .KW = kw, .SH = s->sh, .SW = s->sw, .DH = s->dh, .DW = s->dw,
              .LANES = lanes, .MG = mg, .NG = ng, .FLAGS = flags, .TOP = s->top, .LEFT = s->left, .co = s->co,
              .rows = (uint32_t)rows, .tiles_m = (uint32_t)tiles_m, .tiles_n = (uint32_t)tiles_n,
              .group_count = (uint32_t)groups, .groups = s->groups, .ci = s->ci, .h = s->h, .w = s->w, .oh = s->oh,
              .ow = s->ow, .pictures = s->n, .split_pictures = split_pictures, .last = (uint32_t)x_count - 1);
    tuff_call_grid(call, lower->caps, groups);
    return true;
}

static tuff_status weight_grad_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call, struct tuff_error *error)
{
    const struct weight_grad_attrs *attrs = lower->value->attrs;
    struct sizes s;
    if (TUFF_NEVER(!measure_weight_grad(attrs, &lower->in[0]->shape, &lower->in[1]->shape, &s))) return TUFF_ERR_SHAPE;
    struct tuff_depthwise d;
    uint32_t splits = lower->value->type.shape.dim[0], pictures = pictures_per_split(attrs, s.n);
    if (is_depthwise(&s, &d) && tuff_depthwise_weight_lower(lower, &d, splits, pictures, call)) return TUFF_OK;
    if (lower_weight_shuffle(lower, &s, splits, pictures, call)) return TUFF_OK;
    uint64_t k = (uint64_t)s.n * s.oh * s.ow, k_split = (uint64_t)pictures_per_split(attrs, s.n) * s.oh * s.ow;
    struct tuff_gemm gemm = {.op = TUFF_GEMM_WEIGHT_GRAD,
                             .m = s.co,
                             .n = (uint64_t)s.ci * s.kh * s.kw,
                             .k = k,
                             .k_split = k_split,
                             .z = (uint64_t)lower->value->type.shape.dim[0] * s.groups,
                             .a_k_fast = true,
                             .b_k_fast = true,
                             .c_vec = (uint64_t)s.ci * s.kh * s.kw % 4 == 0,
                             .k_tail = k_split % 4 != 0 || k % 4 != 0};
    TUFF_TRY(lower_sizes(lower, &s, &gemm, (uint32_t)k_split, call, error));
    call->flops = 2 * gemm.m * gemm.n * k * s.groups;
    return TUFF_OK;
}

/* ---- references --------------------------------------------------------------------------------------------------------- */

/* Products of the convolution along a row of the result: x[x + j * sw] and w[w] meet in y[y + j], j = 0 .. count - 1, of
 * picture n. */
struct run {
    uint64_t x, w, y, sw, count;
    uint32_t n;
};
typedef void visit_run(const struct tuff_ref *ref, const struct run *run, void *user);

/* Positions first .. end - 1 of an axis of the result whose tap u lies within the input. */
static void taps(uint32_t u, uint32_t stride, uint32_t dilation, uint32_t pad, uint32_t size, uint32_t result,
                 uint32_t *first, uint32_t *end)
{
    int64_t at = (int64_t)u * dilation - pad, last = (int64_t)size - 1 - at; /* of result 0; room behind it */
    int64_t low = at < 0 ? (-at + stride - 1) / stride : 0, high = last < 0 ? 0 : last / stride + 1;
    *first = (uint32_t)(low < result ? low : result);
    *end = (uint32_t)(high < result ? high : result);
}

/* The runs of tap v in row i of output channel o. */
static inline void each_run_of(const struct sizes *s, const struct tuff_ref *ref, struct run run, uint32_t o, uint32_t i,
                               uint32_t v, visit_run *visit, void *user)
{
    uint64_t x = run.x + ((uint64_t)run.n * s->groups + o / s->co) * s->ci * s->h * s->w; /* of the group's first channel */
    for (uint32_t c = 0; c < s->ci; c++)
        for (uint32_t u = 0; u < s->kh; u++) {
            int64_t y = (int64_t)i * s->sh + (int64_t)u * s->dh - s->top;
            if (y < 0 || y >= (int64_t)s->h) continue;
            run.x = x + ((uint64_t)c * s->h + (uint64_t)y) * s->w;
            run.w = (((uint64_t)o * s->ci + c) * s->kh + u) * s->kw + v;
            visit(ref, &run, user);
        }
}

/* One tap and no steps: pictures are lists of pixels, and rows of any length will do: of some that stay in the cache. */
static void join_rows(struct sizes *s)
{
    uint32_t rows = 1;
    if (s->kh * s->kw > 1 || s->sh > 1 || s->sw > 1 || s->h != s->oh || s->w != s->ow || s->top || s->left) return;
    for (uint32_t r = 2; (uint64_t)r * s->w <= 512 && r <= s->h; r++)
        if (s->h % r == 0) rows = r;
    s->h = s->oh = s->h / rows;
    s->w = s->ow = s->w * rows;
}

static inline void each_run(struct sizes s, const struct tuff_ref *ref, visit_run *visit, void *user)
{
    join_rows(&s);
    for (uint32_t n = 0; n < s.n; n++)
        for (uint32_t i = 0; i < s.oh; i++)
            for (uint32_t v = 0; v < s.kw; v++) {
                uint32_t first, end;
                taps(v, s.sw, s.dw, s.left, s.w, s.ow, &first, &end);
                for (uint32_t o = 0; o < s.co * s.groups && first < end; o++) {
                    struct run run = {.x = (uint64_t)first * s.sw + (uint64_t)v * s.dw - s.left,
                                      .y = (((uint64_t)n * s.co * s.groups + o) * s.oh + i) * s.ow + first,
                                      .sw = s.sw,
                                      .count = end - first,
                                      .n = n};
                    each_run_of(&s, ref, run, o, i, v, visit, user);
                }
            }
}

static void conv_run(const struct tuff_ref *ref, const struct run *run, void *user)
{
    (void)user;
    tuff_run_add(ref->out + run->y, ref->in[0] + run->x, run->sw, ref->in[1][run->w], run->count);
}

static void conv_ref(const struct tuff_ref *ref)
{
    struct sizes s;
    if (measure_conv(ref->value->attrs, &ref->in_types[0].shape, &ref->in_types[1].shape, &s))
        each_run(s, ref, conv_run, NULL);
}

static void input_grad_run(const struct tuff_ref *ref, const struct run *run, void *user)
{
    (void)user;
    tuff_run_scatter(ref->out + run->x, run->sw, ref->in[0] + run->y, ref->in[1][run->w], run->count);
}

static void input_grad_ref(const struct tuff_ref *ref)
{
    struct sizes s;
    if (measure_input_grad(ref->value->attrs, &ref->in_types[0].shape, &ref->in_types[1].shape, &s))
        each_run(s, ref, input_grad_run, NULL);
}

struct split {
    uint32_t pictures;
    uint64_t elements; /* of one split's result */
};

static void weight_grad_run(const struct tuff_ref *ref, const struct run *run, void *user)
{
    const struct split *split = user;
    ref->out[run->n / split->pictures * split->elements + run->w] += tuff_run_dot(ref->in[0] + run->x, run->sw,
                                                                                  ref->in[1] + run->y, run->count);
}

static void weight_grad_ref(const struct tuff_ref *ref)
{
    const struct weight_grad_attrs *attrs = ref->value->attrs;
    struct sizes s;
    if (!measure_weight_grad(attrs, &ref->in_types[0].shape, &ref->in_types[1].shape, &s)) return;
    struct split split = {pictures_per_split(attrs, s.n), (uint64_t)s.groups * s.co * s.ci * s.kh * s.kw};
    each_run(s, ref, weight_grad_run, &split);
}

static double conv_terms(const struct tuff_value *value, const struct tuff_type *in_types)
{
    (void)value;
    const uint32_t *w = in_types[1].shape.dim;
    return (double)w[1] * w[2] * w[3];
}

static double input_grad_terms(const struct tuff_value *value, const struct tuff_type *in_types)
{
    uint32_t groups = ((const struct input_grad_attrs *)value->attrs)->conv.groups;
    const uint32_t *w = in_types[1].shape.dim;
    return (double)(w[0] / (groups ? groups : 1)) * w[2] * w[3];
}

static double weight_grad_terms(const struct tuff_value *value, const struct tuff_type *in_types)
{
    const uint32_t *gy = in_types[1].shape.dim;
    return (double)pictures_per_split(value->attrs, gy[0]) * gy[2] * gy[3];
}

/* ---- cases: one list of convolutions, of which each operator takes its two operands -------------------------------------- */

#define T(...)                                                                                                              \
    {                                                                                                                       \
        TUFF_F32,                                                                                                           \
        {                                                                                                                   \
            4, { __VA_ARGS__ }                                                                                              \
        }                                                                                                                   \
    }
/* ROW(name, x, w, y, h, w of x, kh, kw, stride, dilation, pad, groups, splits); lists in L() */
#define L(...) __VA_ARGS__
#define CASES                                                                                                               \
    ROW("one", L(1, 1, 1, 1), L(1, 1, 1, 1), L(1, 1, 1, 1), L(1, 1), L(1, 1), L(1, 1), L(1, 1), L(0), 1, 1)                 \
    ROW("pointwise", L(2, 8, 5, 4), L(12, 8, 1, 1), L(2, 12, 5, 4), L(5, 4), L(1, 1), L(1, 1), L(1, 1), L(0), 1, 2)         \
    ROW("pointwise_prime", L(2, 7, 5, 7), L(13, 7, 1, 1), L(2, 13, 5, 7), L(5, 7), L(1, 1), L(1, 1), L(1, 1), L(0), 1, 2)   \
    ROW("same3", L(3, 4, 8, 8), L(8, 4, 3, 3), L(3, 8, 8, 8), L(8, 8), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 3)      \
    ROW("same3_14", L(2, 16, 14, 14), L(32, 16, 3, 3), L(2, 32, 14, 14), L(14, 14), L(3, 3), L(1, 1), L(1, 1),              \
        L(1, 1, 1, 1), 1, 2)                                                                                                \
    ROW("gray28", L(3, 1, 28, 28), L(16, 1, 3, 3), L(3, 16, 28, 28), L(28, 28), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1),   \
        1, 3)                                                                                                               \
    ROW("same3_30", L(1, 4, 6, 30), L(20, 4, 3, 3), L(1, 20, 6, 30), L(6, 30), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, \
        1)                                                                                                                  \
    ROW("same5_36", L(2, 3, 5, 36), L(9, 3, 5, 5), L(2, 9, 5, 36), L(5, 36), L(5, 5), L(1, 1), L(1, 1), L(2, 2, 2, 2), 1,   \
        2)                                                                                                                  \
    ROW("valid3_26", L(2, 8, 6, 26), L(33, 8, 3, 3), L(2, 33, 4, 24), L(6, 26), L(3, 3), L(1, 1), L(1, 1), L(0), 1, 2)      \
    ROW("valid5_68", L(1, 4, 7, 68), L(5, 4, 5, 5), L(1, 5, 3, 64), L(7, 68), L(5, 5), L(1, 1), L(1, 1), L(0), 1, 1)        \
    ROW("valid3", L(2, 3, 11, 13), L(5, 3, 3, 3), L(2, 5, 9, 11), L(11, 13), L(3, 3), L(1, 1), L(1, 1), L(0), 1, 1)         \
    ROW("five", L(2, 3, 17, 19), L(9, 3, 5, 5), L(2, 9, 17, 19), L(17, 19), L(5, 5), L(1, 1), L(1, 1), L(2, 2, 2, 2), 1, 2) \
    ROW("stem", L(1, 3, 23, 21), L(10, 3, 7, 7), L(1, 10, 12, 11), L(23, 21), L(7, 7), L(2, 2), L(1, 1), L(3, 3, 3, 3), 1,  \
        1)                                                                                                                  \
    ROW("stride2", L(3, 5, 9, 9), L(7, 5, 3, 3), L(3, 7, 5, 5), L(9, 9), L(3, 3), L(2, 2), L(1, 1), L(1, 1, 1, 1), 1, 2)    \
    ROW("stride2_even", L(2, 4, 8, 8), L(8, 4, 3, 3), L(2, 8, 4, 4), L(8, 8), L(3, 3), L(2, 2), L(1, 1), L(1, 1, 1, 1), 1,  \
        2)                                                                                                                  \
    ROW("stride2_1x1", L(2, 6, 7, 9), L(10, 6, 1, 1), L(2, 10, 4, 5), L(7, 9), L(1, 1), L(2, 2), L(1, 1), L(0), 1, 1)       \
    ROW("stride32", L(2, 2, 11, 12), L(3, 2, 2, 3), L(2, 3, 4, 5), L(11, 12), L(2, 3), L(3, 2), L(1, 1), L(0), 1, 1)        \
    ROW("stride_far", L(1, 3, 8, 8), L(4, 3, 3, 3), L(1, 4, 1, 1), L(8, 8), L(3, 3), L(65536, 65536), L(1, 1), L(0), 1, 1)  \
    ROW("dilated", L(2, 3, 13, 12), L(4, 3, 3, 3), L(2, 4, 13, 10), L(13, 12), L(3, 3), L(1, 1), L(2, 3), L(2, 2, 2, 2), 1, \
        1)                                                                                                                  \
    ROW("lopsided", L(2, 3, 6, 7), L(4, 3, 3, 2), L(2, 4, 5, 9), L(6, 7), L(3, 2), L(1, 1), L(1, 1), L(1, 0, 0, 3), 1, 1)   \
    ROW("tall", L(2, 3, 9, 1), L(6, 3, 3, 1), L(2, 6, 7, 1), L(9, 1), L(3, 1), L(1, 1), L(1, 1), L(0), 1, 2)                \
    ROW("wide", L(1, 2, 1, 67), L(5, 2, 1, 3), L(1, 5, 1, 67), L(1, 67), L(1, 3), L(1, 1), L(1, 1), L(0, 1, 0, 1), 1, 1)    \
    ROW("whole", L(3, 4, 5, 5), L(9, 4, 5, 5), L(3, 9, 1, 1), L(5, 5), L(5, 5), L(1, 1), L(1, 1), L(0), 1, 3)               \
    ROW("groups", L(2, 6, 7, 8), L(10, 3, 3, 3), L(2, 10, 7, 8), L(7, 8), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 2, 2)   \
    ROW("groups_stride", L(2, 6, 7, 8), L(9, 2, 3, 3), L(2, 9, 4, 4), L(7, 8), L(3, 3), L(2, 2), L(1, 1), L(1, 1, 1, 1), 3, \
        1)                                                                                                                  \
    ROW("depthwise", L(2, 11, 9, 8), L(11, 1, 3, 3), L(2, 11, 9, 8), L(9, 8), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 11, \
        2)                                                                                                                  \
    ROW("depthwise2", L(1, 5, 9, 8), L(10, 1, 3, 3), L(1, 10, 5, 4), L(9, 8), L(3, 3), L(2, 2), L(1, 1), L(1, 1, 1, 1), 5,  \
        1)                                                                                                                  \
    ROW("tiny", L(1, 6, 2, 2), L(4, 3, 3, 3), L(1, 4, 2, 2), L(2, 2), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 2, 1)       \
    ROW("thirty", L(1, 4, 4, 30), L(17, 4, 3, 3), L(1, 17, 4, 30), L(4, 30), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 1,   \
        1)                                                                                                                  \
    ROW("sixty_two", L(1, 4, 2, 62), L(3, 4, 3, 3), L(1, 3, 2, 62), L(2, 62), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 1,  \
        1)                                                                                                                  \
    ROW("many", L(5, 17, 10, 11), L(33, 17, 3, 3), L(5, 33, 10, 11), L(10, 11), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1),   \
        1, 3)

/* one input channel in a group: whole and odd rows, strides, several output channels */
#define DEPTHWISE_CASES                                                                                                     \
    ROW("depthwise_12", L(3, 4, 11, 12), L(4, 1, 3, 3), L(3, 4, 11, 12), L(11, 12), L(3, 3), L(1, 1), L(1, 1),              \
        L(1, 1, 1, 1), 4, 2)                                                                                                \
    ROW("depthwise_14", L(2, 3, 14, 14), L(3, 1, 3, 3), L(2, 3, 14, 14), L(14, 14), L(3, 3), L(1, 1), L(1, 1),              \
        L(1, 1, 1, 1), 3, 1)                                                                                                \
    ROW("depthwise_7", L(5, 4, 7, 7), L(4, 1, 3, 3), L(5, 4, 7, 7), L(7, 7), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), 4,   \
        3)                                                                                                                  \
    ROW("depthwise_odd", L(3, 3, 5, 17), L(3, 1, 3, 3), L(3, 3, 5, 17), L(5, 17), L(3, 3), L(1, 1), L(1, 1), L(1, 1, 1, 1), \
        3, 2)                                                                                                               \
    ROW("depthwise_stride", L(2, 4, 20, 24), L(4, 1, 3, 3), L(2, 4, 10, 12), L(20, 24), L(3, 3), L(2, 2), L(1, 1),          \
        L(1, 1, 1, 1), 4, 2)                                                                                                \
    ROW("depthwise_stride_14", L(2, 2, 14, 14), L(2, 1, 3, 3), L(2, 2, 7, 7), L(14, 14), L(3, 3), L(2, 2), L(1, 1),         \
        L(1, 1, 1, 1), 2, 1)                                                                                                \
    ROW("depthwise_stride_odd", L(3, 3, 9, 15), L(3, 1, 3, 3), L(3, 3, 5, 8), L(9, 15), L(3, 3), L(2, 2), L(1, 1),          \
        L(1, 1, 1, 1), 3, 3)                                                                                                \
    ROW("depthwise_stride32", L(2, 2, 19, 21), L(2, 1, 3, 5), L(2, 2, 7, 10), L(19, 21), L(3, 5), L(3, 2), L(1, 1),         \
        L(2, 0, 1, 3), 2, 1)                                                                                                \
    ROW("depthwise_stride4", L(1, 3, 17, 18), L(3, 1, 2, 3), L(1, 3, 5, 4), L(17, 18), L(2, 3), L(4, 5), L(1, 1),           \
        L(0, 1, 1, 1), 3, 1)                                                                                                \
    ROW("depthwise_dilated", L(2, 4, 13, 16), L(4, 1, 3, 3), L(2, 4, 13, 16), L(13, 16), L(3, 3), L(1, 1), L(3, 2),         \
        L(3, 2, 3, 2), 4, 2)                                                                                                \
    ROW("depthwise_dilated_stride", L(2, 3, 15, 13), L(3, 1, 3, 3), L(2, 3, 8, 6), L(15, 13), L(3, 3), L(2, 2), L(2, 3),    \
        L(2, 1, 2, 4), 3, 1)                                                                                                \
    ROW("depthwise_seven", L(1, 2, 10, 13), L(2, 1, 7, 7), L(1, 2, 10, 13), L(10, 13), L(7, 7), L(1, 1), L(1, 1),           \
        L(3, 3, 3, 3), 2, 1)                                                                                                \
    ROW("depthwise_five", L(2, 4, 9, 16), L(8, 1, 5, 5), L(2, 8, 5, 8), L(9, 16), L(5, 5), L(2, 2), L(1, 1), L(2, 2, 2, 2), \
        4, 2)                                                                                                               \
    ROW("depthwise_three", L(2, 2, 8, 12), L(6, 1, 3, 3), L(2, 6, 8, 12), L(8, 12), L(3, 3), L(1, 1), L(1, 1),              \
        L(1, 1, 1, 1), 2, 2)                                                                                                \
    ROW("depthwise_valid", L(2, 3, 12, 14), L(3, 1, 3, 4), L(2, 3, 10, 11), L(12, 14), L(3, 4), L(1, 1), L(1, 1), L(0), 3,  \
        2)                                                                                                                  \
    ROW("depthwise_wider", L(1, 2, 4, 5), L(2, 1, 2, 2), L(1, 2, 8, 15), L(4, 5), L(2, 2), L(1, 1), L(1, 1), L(3, 5, 2, 6), \
        2, 1)                                                                                                               \
    ROW("depthwise_tall", L(2, 4, 37, 1), L(4, 1, 3, 1), L(2, 4, 37, 1), L(37, 1), L(3, 1), L(1, 1), L(1, 1),               \
        L(1, 0, 1, 0), 4, 1)                                                                                                \
    ROW("depthwise_1x1", L(2, 5, 6, 7), L(5, 1, 1, 1), L(2, 5, 3, 4), L(6, 7), L(1, 1), L(2, 2), L(1, 1), L(0), 5, 2)       \
    ROW("depthwise_long", L(6, 3, 30, 34), L(3, 1, 3, 3), L(6, 3, 30, 34), L(30, 34), L(3, 3), L(1, 1), L(1, 1),            \
        L(1, 1, 1, 1), 3, 2)

/* HALF_ROW: the same with f16 where the operator meets it: pictures and weights, and no gradients */
#define HALF_CASES                                                                                                          \
    HALF_ROW("f16_pointwise", L(2, 7, 5, 7), L(13, 7, 1, 1), L(2, 13, 5, 7), L(5, 7), L(1, 1), L(1, 1), L(1, 1), L(0), 1,   \
             2)                                                                                                             \
    HALF_ROW("f16_same3_14", L(2, 16, 14, 14), L(32, 16, 3, 3), L(2, 32, 14, 14), L(14, 14), L(3, 3), L(1, 1), L(1, 1),     \
             L(1, 1, 1, 1), 1, 2)                                                                                           \
    HALF_ROW("f16_stride2", L(3, 5, 9, 9), L(7, 5, 3, 3), L(3, 7, 5, 5), L(9, 9), L(3, 3), L(2, 2), L(1, 1), L(1, 1, 1, 1), \
             1, 2)                                                                                                          \
    HALF_ROW("f16_depthwise", L(2, 11, 9, 8), L(11, 1, 3, 3), L(2, 11, 9, 8), L(9, 8), L(3, 3), L(1, 1), L(1, 1),           \
             L(1, 1, 1, 1), 11, 2)                                                                                          \
    HALF_ROW("f16_depthwise_odd", L(3, 3, 5, 17), L(3, 1, 3, 3), L(3, 3, 5, 17), L(5, 17), L(3, 3), L(1, 1), L(1, 1),       \
             L(1, 1, 1, 1), 3, 2)                                                                                           \
    HALF_ROW("f16_depthwise_stride", L(2, 4, 20, 24), L(4, 1, 3, 3), L(2, 4, 10, 12), L(20, 24), L(3, 3), L(2, 2), L(1, 1), \
             L(1, 1, 1, 1), 4, 2)                                                                                           \
    HALF_ROW("f16_depthwise_five", L(2, 4, 9, 16), L(8, 1, 5, 5), L(2, 8, 5, 8), L(9, 16), L(5, 5), L(2, 2), L(1, 1),       \
             L(2, 2, 2, 2), 4, 2)
#define HALF(...)                                                                                                           \
    {                                                                                                                       \
        TUFF_F16,                                                                                                           \
        {                                                                                                                   \
            4, { __VA_ARGS__ }                                                                                              \
        }                                                                                                                   \
    }

#define ROW(label, x, w, y, hw, khw, s, d, p, g, splits)                                                                    \
    {label, {T(x), T(w)}, 2, {TUFF_DOMAIN_NORMAL}, 0, &(struct conv){{s}, {d}, {p}, g}},
#define HALF_ROW(label, x, w, y, hw, khw, s, d, p, g, splits)                                                               \
    {label, {HALF(x), HALF(w)}, 2, {TUFF_DOMAIN_NORMAL}, 0, &(struct conv){{s}, {d}, {p}, g}},
static const struct tuff_case conv_cases[] = {CASES DEPTHWISE_CASES HALF_CASES};
#undef ROW
#undef HALF_ROW
#define ROW(label, x, w, y, hw, khw, s, d, p, g, splits)                                                                    \
    {label, {T(y), T(w)}, 2, {TUFF_DOMAIN_NORMAL}, 0, &(struct input_grad_attrs){{{s}, {d}, {p}, g}, {hw}}},
#define HALF_ROW(label, x, w, y, hw, khw, s, d, p, g, splits)                                                               \
    {label, {T(y), HALF(w)}, 2, {TUFF_DOMAIN_NORMAL}, 0, &(struct input_grad_attrs){{{s}, {d}, {p}, g}, {hw}}},
static const struct tuff_case input_grad_cases[] = {CASES DEPTHWISE_CASES HALF_CASES};
#undef ROW
#undef HALF_ROW
#define ROW(label, x, w, y, hw, khw, s, d, p, g, splits)                                                                    \
    {label, {T(x), T(y)}, 2, {TUFF_DOMAIN_NORMAL}, 0, &(struct weight_grad_attrs){{{s}, {d}, {p}, g}, {khw}, splits}},
#define HALF_ROW(label, x, w, y, hw, khw, s, d, p, g, splits)                                                               \
    {label, {HALF(x), T(y)}, 2, {TUFF_DOMAIN_NORMAL}, 0, &(struct weight_grad_attrs){{{s}, {d}, {p}, g}, {khw}, splits}},
static const struct tuff_case weight_grad_cases[] = {CASES DEPTHWISE_CASES HALF_CASES};
#undef ROW
#undef HALF_ROW

const struct tuff_op tuff_op_conv2d = {
    .name = "conv2d",
    .onnx = "Conv",
    .class = TUFF_CLASS_KERNEL,
    .arity_min = 2,
    .arity_max = 2,
    .attrs = conv_attrs,
    .attr_count = TUFF_COUNT(conv_attrs),
    .attrs_bytes = sizeof(struct conv),
    .infer = conv_infer,
    .grad = conv_grad,
    .lower = conv_lower,
    .expand = conv_expand,
    .ref = conv_ref,
    .error = TUFF_ERROR_SUMS,
    .terms = conv_terms,
    .cases = conv_cases,
    .case_count = TUFF_COUNT(conv_cases),
};
const struct tuff_op tuff_op_conv2d_input_grad = {
    .name = "conv2d_input_grad",
    .onnx = "",
    .class = TUFF_CLASS_KERNEL,
    .arity_min = 2,
    .arity_max = 2,
    .attrs = input_grad_attr_table,
    .attr_count = TUFF_COUNT(input_grad_attr_table),
    .attrs_bytes = sizeof(struct input_grad_attrs),
    .infer = input_grad_infer,
    .grad = input_grad_grad,
    .lower = input_grad_lower,
    .expand = input_grad_expand,
    .ref = input_grad_ref,
    .error = TUFF_ERROR_SUMS,
    .terms = input_grad_terms,
    .cases = input_grad_cases,
    .case_count = TUFF_COUNT(input_grad_cases),
};
const struct tuff_op tuff_op_conv2d_weight_grad = {
    .name = "conv2d_weight_grad",
    .onnx = "",
    .class = TUFF_CLASS_KERNEL,
    .arity_min = 2,
    .arity_max = 2,
    .attrs = weight_grad_attr_table,
    .attr_count = TUFF_COUNT(weight_grad_attr_table),
    .attrs_bytes = sizeof(struct weight_grad_attrs),
    .infer = weight_grad_infer,
    .grad = weight_grad_grad,
    .lower = weight_grad_lower,
    .expand = weight_grad_expand,
    .splits = true,
    .ref = weight_grad_ref,
    .error = TUFF_ERROR_SUMS,
    .terms = weight_grad_terms,
    .cases = weight_grad_cases,
    .case_count = TUFF_COUNT(weight_grad_cases),
};
