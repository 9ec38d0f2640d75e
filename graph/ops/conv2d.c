/* conv2d.c - two-dimensional convolution: the operator, its gradients by input and by weight, each with gradients of its
 * own, and the transposed convolution, which is the gradient by input. conv2d.h tells where the rest of it lies.
 *
 *   conv2d              y [n,co,oh,ow]           = sum_{c,u,v} x[n, c, i*sh + u*dh - top, j*sw + v*dw - left] * w[o,c,u,v]
 *   conv2d_input_grad   gx [n,ci,h,w]            of gy and w
 *   conv2d_weight_grad  gw [splits,co,ci/g,kh,kw] of x and gy; split s sums over pictures s*p .. s*p + p - 1, p = ceil(n / splits),
 *                       so that there are workgroups enough; the sum over the first axis is the gradient */
#include "graph/ops/conv2d.h"
#include "graph/ops/bytes.h"
#include "graph/ops/view.h"

#include <stddef.h>
#include <stdio.h>

/* Those of the gradients begin with those of the convolution. */
#define CONV_ATTRS                                                                                                          \
    {"stride", "strides", TUFF_ATTR_U32S, 2, offsetof(struct tuff_conv, stride)},                                           \
        {"dilation", "dilations", TUFF_ATTR_U32S, 2, offsetof(struct tuff_conv, dilation)},                                 \
        {"pad", "pads", TUFF_ATTR_U32S, 4, offsetof(struct tuff_conv, pad)},                                                \
        {"groups", "group", TUFF_ATTR_I32, 1, offsetof(struct tuff_conv, groups)},
static const struct tuff_attr conv_attrs[] = {CONV_ATTRS};
static const struct tuff_attr input_grad_attr_table[] = {
    CONV_ATTRS{"size", "", TUFF_ATTR_U32S, 2, offsetof(struct tuff_conv_input_grad, size)},
};
static const struct tuff_attr weight_grad_attr_table[] = {
    CONV_ATTRS{"kernel", "", TUFF_ATTR_U32S, 2, offsetof(struct tuff_conv_weight_grad, kernel)},
    {"splits", "", TUFF_ATTR_I32, 1, offsetof(struct tuff_conv_weight_grad, splits)},
};

/* ---- types ------------------------------------------------------------------------------------------------------------- */

static tuff_status check(const struct tuff_infer *infer, bool fits, const struct tuff_conv *given, const char *more)
{
    const struct tuff_type *x = infer->in[0], *y = infer->in[1];
    const uint32_t *xd = x->shape.dim, *wd = y->shape.dim;
    bool forward = infer->op == &tuff_op_conv2d, bytes = forward && x->dtype == TUFF_I8 && y->dtype == TUFF_I8,
         types = bytes || (tuff_is_float(x->dtype) && tuff_is_float(y->dtype));
    if (fits && types && !(bytes && (uint64_t)wd[2] * wd[3] > TUFF_BYTE_DIFFERENCES)) return TUFF_OK;
    struct tuff_conv c = tuff_conv_defaults(given);
    if (!types) return tuff_infer_refuse(infer, "each must be of floats%s: cast", forward ? ", or each i8" : "");
    if (fits)
        return tuff_infer_refuse(infer, "kernels of more than %d taps of i8 are not covered", (int)TUFF_BYTE_DIFFERENCES);
    if (x->shape.rank != 4 || y->shape.rank != 4)
        return tuff_infer_refuse(infer, "it takes x [n, ci, h, w] and w [co, ci / groups, kh, kw]");
    if (infer->op == &tuff_op_conv2d && (xd[1] % c.groups || wd[0] % c.groups))
        return tuff_infer_refuse(infer, "%u groups must divide both %u and %u channels", c.groups, xd[1], wd[0]);
    if (infer->op == &tuff_op_conv2d && wd[1] != xd[1] / c.groups)
        return tuff_infer_refuse(infer, "x has %u channels in %u groups, so w must have %u as its second size, not %u",
                                 xd[1], c.groups, (unsigned)(xd[1] / c.groups), wd[1]);
    return tuff_infer_refuse(
        infer,
        "stride %u %u, dilation %u %u, pad %u %u %u %u, groups %u%s: channels do not fit, or the kernel is larger "
        "than the padded picture (x [n, ci, h, w], w [co, ci / groups, kh, kw], y [n, co, oh, ow])",
        c.stride[0], c.stride[1], c.dilation[0], c.dilation[1], c.pad[0], c.pad[1], c.pad[2], c.pad[3], c.groups, more);
}

static tuff_status conv_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_type *x = infer->in[0], *w = infer->in[1];
    struct tuff_conv_sizes s = {0};
    TUFF_TRY(check(infer, tuff_conv_measure(infer->attrs, &x->shape, &w->shape, &s), infer->attrs, ""));
    const struct tuff_type *zero = infer->in_count > TUFF_CONV_ZERO ? infer->in[TUFF_CONV_ZERO] : NULL;
    if (zero && (x->dtype != TUFF_I8 || zero->dtype != TUFF_I32 || tuff_shape_count(&zero->shape) != 1))
        return tuff_infer_refuse(infer, "what stands for 0, operand 3, must be an i32 of one element, and the others i8");
    *out = TUFF_SHAPE(s.n, w->shape.dim[0], s.oh, s.ow);
    return TUFF_OK;
}

static tuff_status input_grad_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_conv_input_grad *attrs = infer->attrs;
    struct tuff_conv_sizes s = {0};
    char more[64];
    snprintf(more, sizeof more, ", input size %u %u", attrs->size[0], attrs->size[1]);
    TUFF_TRY(check(infer, tuff_conv_measure_input_grad(attrs, &infer->in[0]->shape, &infer->in[1]->shape, &s), &attrs->conv,
                   more));
    *out = TUFF_SHAPE(s.n, s.ci * s.groups, s.h, s.w);
    return TUFF_OK;
}

static tuff_status weight_grad_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_conv_weight_grad *attrs = infer->attrs;
    struct tuff_conv_sizes s = {0};
    char more[64];
    snprintf(more, sizeof more, ", kernel %u %u, %u splits", attrs->kernel[0], attrs->kernel[1], attrs->splits);
    bool fits = tuff_conv_measure_weight_grad(attrs, &infer->in[0]->shape, &infer->in[1]->shape, &s) && attrs->splits <= s.n;
    TUFF_TRY(check(infer, fits, &attrs->conv, more));
    *out = TUFF_SHAPE(attrs->splits ? attrs->splits : 1, s.co * s.groups, s.ci, s.kh, s.kw);
    return TUFF_OK;
}

/* ---- builders and gradients -------------------------------------------------------------------------------------------- */

static tuff_val add_input_grad(struct tuff_graph *g, tuff_val gy, tuff_val w, const struct tuff_conv *conv, uint32_t h,
                               uint32_t width)
{
    struct tuff_conv_input_grad attrs = {*conv, {h, width}};
    return tuff_graph_add(g, &tuff_op_conv2d_input_grad, (tuff_val[]){gy, w}, 2, &attrs);
}

/* Pixels of one split: loops of four pixels a round stay below what tuff_lower_rounds allows. */
enum { LONGEST_SUM = 200000 };

/* Tiles of a workgroup, and how many of these are enough. */
struct filling {
    uint32_t edge, workgroups;
};

/* So many splits that workgroups are enough, where there are pictures for them, each with a sum of 512 terms or more. */
static uint32_t choose_splits(struct filling f, uint64_t rows, uint64_t columns, uint64_t groups, uint64_t pictures,
                              uint64_t pixels)
{
    uint64_t tiles = (rows + f.edge - 1) / f.edge * ((columns + f.edge - 1) / f.edge) * groups;
    uint64_t splits = tiles < f.workgroups ? f.workgroups / tiles : 1;
    uint64_t most = pictures * pixels / 512;
    if (splits > most) splits = most ? most : 1;
    if (splits > pictures) splits = pictures;
    while (splits < pictures && (pictures + splits - 1) / splits * pixels > LONGEST_SUM) splits++;
    uint64_t each = (pictures + splits - 1) / splits;
    return (uint32_t)((pictures + each - 1) / each);
}

/* The gradient of w [co, ci/groups, kh, kw]. */
static tuff_val add_weight_grad(struct tuff_graph *g, tuff_val x, tuff_val gy, const struct tuff_conv *conv,
                                const struct tuff_shape *w)
{
    struct tuff_conv_weight_grad attrs = {*conv, {w->dim[2], w->dim[3]}, 0};
    if (!x || !gy) return 0;
    return tuff_reshape(g, tuff_graph_add(g, &tuff_op_conv2d_weight_grad, (tuff_val[]){x, gy}, 2, &attrs), *w);
}

/* Without a number of splits it is what the sizes ask for. */
static tuff_val weight_grad_expand(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    struct tuff_conv_weight_grad attrs = *(const struct tuff_conv_weight_grad *)value->attrs;
    const struct tuff_shape *w = &value->type.shape; /* behind an axis of splits */
    struct tuff_shape ys = tuff_type_of(g, in[1]).shape;
    uint32_t groups = attrs.conv.groups ? attrs.conv.groups : 1;
    uint64_t columns = (uint64_t)w->dim[2] * w->dim[3] * w->dim[4], pixels = (uint64_t)ys.dim[2] * ys.dim[3];
    if (attrs.splits) return 0;
    const bool gpu = g->caps && tuff_class_of(g->caps) != TUFF_DEVICE_CLASS_SOFTWARE;
    attrs.splits = choose_splits(gpu ? (struct filling){128, 128} : (struct filling){64, 32}, w->dim[1] / groups, columns,
                                 groups, ys.dim[0], pixels);
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
    const struct tuff_conv conv = *(const struct tuff_conv *)v->attrs;
    tuff_val x = v->in[0], w = v->in[1];
    struct tuff_shape xs = tuff_type_of(g, x).shape, ws = tuff_type_of(g, w).shape;
    gin[0] = add_input_grad(g, gy, w, &conv, xs.dim[2], xs.dim[3]);
    gin[1] = add_weight_grad(g, x, gy, &conv, &ws);
}

/* gx is linear in gy and in w: by gy its gradient is the convolution, by w the weight gradient with ggx as the input. */
static void input_grad_grad(struct tuff_graph *g, tuff_val gx, tuff_val ggx, tuff_val *gin)
{
    const struct tuff_value *v = tuff_value_of(g, gx);
    const struct tuff_conv conv = ((const struct tuff_conv_input_grad *)v->attrs)->conv;
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
    const struct tuff_conv_weight_grad attrs = *(const struct tuff_conv_weight_grad *)v->attrs;
    tuff_val x = v->in[0], gy = v->in[1], gx_parts[256], ggy_parts[256];
    struct tuff_shape xs = tuff_type_of(g, x).shape, ws = v->type.shape;
    uint32_t each = tuff_conv_split_pictures(&attrs, xs.dim[0]), count = 0;
    if ((xs.dim[0] + each - 1) / each > TUFF_COUNT(gx_parts)) {
        tuff_graph_fail(g, TUFF_ERR_UNSUPPORTED, "conv2d_weight_grad: the gradient of more than %d splits",
                        (int)TUFF_COUNT(gx_parts));
        return;
    }
    for (uint32_t at = 0; at < xs.dim[0]; at += each, count++) {
        uint32_t pictures = xs.dim[0] - at < each ? xs.dim[0] - at : each;
        tuff_val weight = tuff_slice_axis(g, ggw, 0, count, 1, 1);
        weight = tuff_reshape(g, weight, TUFF_SHAPE(ws.dim[1], ws.dim[2], ws.dim[3], ws.dim[4]));
        tuff_val xp = tuff_slice_axis(g, x, 0, at, 1, pictures), yp = tuff_slice_axis(g, gy, 0, at, 1, pictures);
        gx_parts[count] = add_input_grad(g, yp, weight, &attrs.conv, xs.dim[2], xs.dim[3]);
        ggy_parts[count] = tuff_graph_add(g, &tuff_op_conv2d, (tuff_val[]){xp, weight}, 2, &attrs.conv);
    }
    gin[0] = count == 1 ? gx_parts[0] : tuff_concat(g, gx_parts, count, 0);
    gin[1] = count == 1 ? ggy_parts[0] : tuff_concat(g, ggy_parts, count, 0);
}

tuff_val tuff_conv_bias(struct tuff_graph *g, const char *what, tuff_val y, const tuff_val *in)
{
    const tuff_val b = in[2];
    if (!b || !y) return y;
    if (!tuff_graph_takes_one(g, what, b, 2)) return 0;
    struct tuff_shape bs = tuff_type_of(g, b).shape, ys = tuff_type_of(g, y).shape, shape = {.rank = ys.rank};
    if (bs.rank != 1 || bs.dim[0] != ys.dim[1] || !tuff_is_float(tuff_type_of(g, b).dtype))
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, in, 3,
                                 "the bias must be [%u], a float for each channel of the result", ys.dim[1]);
    for (uint32_t i = 0; i < ys.rank; i++) shape.dim[i] = i == 1 ? bs.dim[0] : 1;
    return tuff_add(g, y, tuff_reshape(g, b, shape));
}

static struct tuff_conv conv_of(const uint32_t *stride, const uint32_t *dilation, const uint32_t *pad, uint32_t groups)
{
    const struct tuff_conv given = {
        {stride[0], stride[1]}, {dilation[0], dilation[1]}, {pad[0], pad[1], pad[2], pad[3]}, groups};
    return tuff_conv_defaults(&given);
}

tuff_val tuff_conv2d(struct tuff_graph *g, tuff_val x, tuff_val w, tuff_val b, struct tuff_conv2d_params params)
{
    const struct tuff_conv attrs = conv_of(params.stride, params.dilation, params.pad, params.groups);
    const tuff_val in[] = {x, w, b}, operands[] = {x, w, params.zero};
    const tuff_val y = tuff_graph_add(g, &tuff_op_conv2d, operands, params.zero ? 3 : 2, &attrs);
    return tuff_conv_bias(g, "conv2d", y, in);
}

tuff_val tuff_conv_transpose2d(struct tuff_graph *g, tuff_val x, tuff_val w, tuff_val b,
                               struct tuff_conv_transpose2d_params params)
{
    const struct tuff_conv attrs = conv_of(params.stride, params.dilation, params.pad, params.groups);
    const tuff_val in[] = {x, w, b};
    if (!tuff_graph_takes(g, "conv_transpose2d", in, 2)) return 0;
    struct tuff_shape xs = tuff_type_of(g, x).shape, ws = tuff_type_of(g, w).shape;
    uint32_t size[2] = {0};
    if (xs.rank != 4 || ws.rank != 4 || xs.dim[1] != ws.dim[0])
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "conv_transpose2d", in, 2,
                                 "it takes x [n, ci, h, w] and w [ci, co / groups, kh, kw]");
    for (int i = 0; i < 2; i++) {
        int64_t out = (int64_t)(xs.dim[2 + i] - 1) * attrs.stride[i] + (int64_t)attrs.dilation[i] * (ws.dim[2 + i] - 1) + 1 +
                      params.output_pad[i] - (int64_t)attrs.pad[i] - attrs.pad[2 + i];
        if (params.output_pad[i] >= attrs.stride[i])
            return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "conv_transpose2d", in, 2,
                                     "output_pad %u must be less than the stride %u", params.output_pad[i], attrs.stride[i]);
        if (out < 1 || out > INT32_MAX)
            return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "conv_transpose2d", in, 2,
                                     "axis %d of the result would have %lld elements", 2 + i, (long long)out);
        size[i] = (uint32_t)out;
    }
    return tuff_conv_bias(g, "conv_transpose2d", add_input_grad(g, x, w, &attrs, size[0], size[1]), in);
}

const struct tuff_op tuff_op_conv2d = {
    .name = "conv2d",
    .onnx = "Conv",
    TUFF_LAUNCH(tuff_conv_lower),
    TUFF_OPERANDS(2, 3),
    TUFF_ATTRS(conv_attrs, struct tuff_conv),
    .infer = conv_infer,
    .result = TUFF_RESULT_WIDE,
    .integers = TUFF_INTEGERS_BYTES,
    .grad = conv_grad,
    .expand = tuff_conv_expand,
    .ref = tuff_conv_ref,
    .columns = tuff_conv_columns,
    TUFF_SUMS(tuff_conv_terms),
};
const struct tuff_op tuff_op_conv2d_input_grad = {
    .name = "conv2d_input_grad",
    TUFF_LAUNCH(tuff_conv_lower),
    TUFF_OPERANDS(2, 2),
    TUFF_ATTRS(input_grad_attr_table, struct tuff_conv_input_grad),
    .infer = input_grad_infer,
    .grad = input_grad_grad,
    .expand = tuff_conv_expand,
    .ref = tuff_conv_ref,
    .columns = tuff_conv_columns,
    TUFF_SUMS(tuff_conv_input_grad_terms),
    .work = tuff_conv_input_grad_work,
};
const struct tuff_op tuff_op_conv2d_weight_grad = {
    .name = "conv2d_weight_grad",
    TUFF_LAUNCH(tuff_conv_weight_grad_lower),
    TUFF_OPERANDS(2, 2),
    TUFF_ATTRS(weight_grad_attr_table, struct tuff_conv_weight_grad),
    .infer = weight_grad_infer,
    .grad = weight_grad_grad,
    .expand = weight_grad_expand,
    .splits = true,
    .ref = tuff_conv_weight_grad_ref,
    .columns = tuff_conv_columns,
    TUFF_SUMS(tuff_conv_weight_grad_terms),
};
