/* spatial_conv.c - convolutions in one and three dimensions and their transposes as those of pictures, and the layers of all. */
#include "graph/compose.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/view.h"
#include "graph/spatial.h"

#include <stdio.h>

/* pad: begins, then ends; output_pad: NULL, or the sizes of a transposed one. */
static struct tuff_windows conv_of(uint32_t axes, const uint32_t *stride, const uint32_t *dilation, const uint32_t *pad,
                                   const uint32_t *output_pad, uint32_t groups)
{
    struct tuff_windows c = {.axes = axes, .groups = groups ? groups : 1, .transposed = output_pad != NULL};
    for (uint32_t i = 0; i < axes; i++) {
        c.stride[i] = stride[i] ? stride[i] : 1;
        c.dilation[i] = dilation[i] ? dilation[i] : 1;
        c.begin[i] = pad[i];
        c.end[i] = pad[axes + i];
        c.output_pad[i] = output_pad ? output_pad[i] : 0;
    }
    return c;
}
#define CONV_OF(axes, p) conv_of(axes, (p).stride, (p).dilation, (p).pad, NULL, (p).groups)
#define TRANSPOSE_OF(axes, p) conv_of(axes, (p).stride, (p).dilation, (p).pad, (p).output_pad, (p).groups)
#define CONV1_OF(p) conv_of(1, &(p).stride, &(p).dilation, (p).pad, NULL, (p).groups)
#define TRANSPOSE1_OF(p) conv_of(1, &(p).stride, &(p).dilation, (p).pad, &(p).output_pad, (p).groups)

static const char *name_of(const struct tuff_windows *c)
{
    static const char *const names[2][4] = {{"", "conv1d", "conv2d", "conv3d"},
                                            {"", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}};
    return names[c->transposed][c->axes];
}
static const char *const letters[4] = {"", "k", "kh, kw", "kd, kh, kw"};
static const char *const spaces[4] = {"", "L", "h, w", "d, h, w"};

/* Do ranks, channels and groups fit? */
static bool takes(struct tuff_graph *g, const tuff_val *in, const struct tuff_windows *c)
{
    if (!tuff_graph_takes(g, name_of(c), in, 2)) return false;
    struct tuff_shape x = tuff_type_of(g, in[0]).shape, w = tuff_type_of(g, in[1]).shape;
    const char *ends = c->transposed ? "ci, co / groups" : "co, ci / groups";
    if (x.rank != c->axes + 2 || w.rank != x.rank)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, name_of(c), in, 2, "it takes x [n, ci, %s] and w [%s, %s]",
                                 spaces[c->axes], ends, letters[c->axes]);
    if (x.dim[1] % c->groups == 0 && w.dim[0] % c->groups == 0 &&
        (c->transposed ? w.dim[0] : w.dim[1] * c->groups) == x.dim[1])
        return true;
    return tuff_graph_refuse(
        g, TUFF_ERR_SHAPE, name_of(c), in, 2,
        "x has %u channels in %u groups, which must be those of w [%s, %s], and divisible by the groups", x.dim[1],
        c->groups, ends, letters[c->axes]);
}

/* Elements of axis i of the result; 0 after a refusal. */
static uint32_t length_of(struct tuff_graph *g, const tuff_val *in, const struct tuff_windows *c, uint32_t i)
{
    int64_t n = tuff_type_of(g, in[0]).shape.dim[2 + i], k = tuff_type_of(g, in[1]).shape.dim[2 + i];
    int64_t pads = (int64_t)c->begin[i] + c->end[i], reach = c->dilation[i] * (k - 1) + 1;
    int64_t out = c->transposed       ? (n - 1) * c->stride[i] + reach + c->output_pad[i] - pads
                  : n + pads >= reach ? (n + pads - reach) / c->stride[i] + 1
                                      : 0;
    if (out >= 1 && out <= INT32_MAX && (!c->transposed || c->output_pad[i] < c->stride[i])) return (uint32_t)out;
    if (c->transposed && c->output_pad[i] >= c->stride[i])
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, name_of(c), in, 2, "output_pad %u must be less than the stride %u",
                                 c->output_pad[i], c->stride[i]);
    return tuff_graph_refuse(
        g, TUFF_ERR_SHAPE, name_of(c), in, 2,
        "axis %u of the result would have %lld elements: a kernel that reaches over %lld, %lld with padding %lld", i + 2,
        (long long)out, (long long)reach, (long long)n, (long long)pads);
}

/* The convolution of pictures by the last two axes' numbers; of one axis that of rows. */
static tuff_val pictures(struct tuff_graph *g, tuff_val x, tuff_val w, const struct tuff_windows *c)
{
    struct tuff_conv_transpose2d_params t = {.stride = {1, 1}, .dilation = {1, 1}, .groups = c->groups};
    for (uint32_t i = 0, from = c->axes > 2 ? 1 : 0; from < c->axes; from++, i++) {
        uint32_t to = c->axes == 1 ? 1 : i;
        t.stride[to] = c->stride[from];
        t.dilation[to] = c->dilation[from];
        t.pad[to] = c->begin[from];
        t.pad[2 + to] = c->end[from];
        t.output_pad[to] = c->output_pad[from];
    }
    if (c->transposed) return tuff_conv_transpose2d(g, x, w, 0, t);
    struct tuff_conv2d_params p = {.groups = t.groups, .zero = c->zero};
    memcpy(p.stride, t.stride, sizeof p.stride);
    memcpy(p.dilation, t.dilation, sizeof p.dilation);
    memcpy(p.pad, t.pad, sizeof p.pad);
    return tuff_conv2d(g, x, w, 0, p);
}

/* [n, c, L] as pictures of one row, w likewise. */
static tuff_val lines(struct tuff_graph *g, const tuff_val *in, const struct tuff_windows *c)
{
    if (!takes(g, in, c) || !length_of(g, in, c, 0)) return 0;
    struct tuff_shape x = tuff_type_of(g, in[0]).shape, w = tuff_type_of(g, in[1]).shape;
    tuff_val rows = tuff_reshape(g, in[0], TUFF_SHAPE(x.dim[0], x.dim[1], 1, x.dim[2]));
    tuff_val weight = tuff_reshape(g, in[1], TUFF_SHAPE(w.dim[0], w.dim[1], 1, w.dim[2]));
    tuff_val y = pictures(g, rows, weight, c);
    struct tuff_shape s = tuff_type_of(g, y).shape;
    y = tuff_reshape(g, y, TUFF_SHAPE(s.dim[0], s.dim[1], s.dim[3]));
    return tuff_conv_bias(g, name_of(c), y, in);
}

/* x [n, c, d, h, w] -> [n od, c kd, h, w]: in picture i of a volume lie the slices that it reads. */
static tuff_val depth_taps(struct tuff_graph *g, tuff_val x, const struct tuff_windows *c, uint32_t kd, uint32_t od)
{
    struct tuff_shape s = tuff_type_of(g, x).shape;
    uint32_t before[5] = {0, 0, c->begin[0]}, after[5] = {0, 0, c->end[0]};
    const uint32_t order[] = {0, 3, 1, 2, 4, 5};
    tuff_val parts[64], padded = c->begin[0] + c->end[0] ? tuff_pad(g, x, before, after, 0) : x;
    uint32_t count = 0;
    for (uint32_t t = 0; t < kd; t++) {
        tuff_val tap = tuff_slice_axis(g, padded, 2, t * c->dilation[0], (int32_t)c->stride[0], od);
        tap = tuff_reshape(g, tap, TUFF_SHAPE(s.dim[0], s.dim[1], 1, od, s.dim[3], s.dim[4]));
        parts[count++] = tap;
        if (count < TUFF_COUNT(parts) && t + 1 < kd) continue;
        parts[0] = tuff_concat(g, parts, count, 2);
        count = 1;
    }
    tuff_val taps = tuff_permute(g, parts[0], order);
    return tuff_reshape(g, taps, TUFF_SHAPE(s.dim[0] * od, s.dim[1] * kd, s.dim[3], s.dim[4]));
}

static tuff_val volumes(struct tuff_graph *g, const tuff_val *in, const struct tuff_windows *c)
{
    static const uint32_t order[] = {0, 2, 1, 3, 4};
    uint32_t od = takes(g, in, c) ? length_of(g, in, c, 0) : 0;
    if (!od || !length_of(g, in, c, 1) || !length_of(g, in, c, 2)) return 0;
    struct tuff_shape x = tuff_type_of(g, in[0]).shape, w = tuff_type_of(g, in[1]).shape;
    tuff_val taps = depth_taps(g, in[0], c, w.dim[2], od);
    tuff_val weight = tuff_reshape(g, in[1], TUFF_SHAPE(w.dim[0], w.dim[1] * w.dim[2], w.dim[3], w.dim[4]));
    tuff_val y = pictures(g, taps, weight, c);
    struct tuff_shape s = tuff_type_of(g, y).shape;
    y = tuff_permute(g, tuff_reshape(g, y, TUFF_SHAPE(x.dim[0], od, w.dim[0], s.dim[2], s.dim[3])), order);
    return tuff_conv_bias(g, name_of(c), y, in);
}

/* The transposed convolution of slices has the depth taps as channels; each lands `dilation` further on, slices `stride` apart. */
static tuff_val transposed_volumes(struct tuff_graph *g, const tuff_val *in, const struct tuff_windows *c)
{
    static const uint32_t order[] = {0, 2, 1, 3, 4};
    uint32_t od = takes(g, in, c) ? length_of(g, in, c, 0) : 0;
    if (!od || !length_of(g, in, c, 1) || !length_of(g, in, c, 2)) return 0;
    struct tuff_shape x = tuff_type_of(g, in[0]).shape, w = tuff_type_of(g, in[1]).shape;
    uint32_t kd = w.dim[2], d = x.dim[2], co = w.dim[1] * c->groups;
    tuff_val slices = tuff_permute(g, in[0], order);
    slices = tuff_reshape(g, slices, TUFF_SHAPE(x.dim[0] * d, x.dim[1], x.dim[3], x.dim[4]));
    tuff_val weight = tuff_reshape(g, in[1], TUFF_SHAPE(w.dim[0], w.dim[1] * kd, w.dim[3], w.dim[4]));
    tuff_val each = pictures(g, slices, weight, c), sum = 0;
    struct tuff_shape s = tuff_type_of(g, each).shape;
    each = tuff_reshape(g, each, TUFF_SHAPE(x.dim[0], d, co, kd, s.dim[2], s.dim[3]));
    for (uint32_t t = 0; t < kd; t++) {
        struct tuff_pad_attrs pad = {.before = {0, t * c->dilation[0]},
                                     .after = {0, (kd - 1 - t) * c->dilation[0] + c->output_pad[0]},
                                     .interior = {0, c->stride[0] - 1}};
        tuff_val tap = tuff_take_axis(g, each, 3, t);
        tap = tuff_graph_add(g, &tuff_op_pad, &tap, 1, &pad);
        sum = sum ? tuff_add(g, sum, tap) : tap;
    }
    sum = tuff_slice_axis(g, sum, 1, c->begin[0], 1, od);
    return tuff_conv_bias(g, name_of(c), tuff_permute(g, sum, order), in);
}

tuff_val tuff_convolve(struct tuff_graph *g, const tuff_val in[3], const struct tuff_windows *c)
{
    if (c->axes == 1) return lines(g, in, c);
    if (c->axes == 3) return c->transposed ? transposed_volumes(g, in, c) : volumes(g, in, c);
    return tuff_conv_bias(g, name_of(c), pictures(g, in[0], in[1], c), in);
}

#define BUILDER(name, of)                                                                                                   \
    tuff_val tuff_##name(struct tuff_graph *g, tuff_val x, tuff_val w, tuff_val b, struct tuff_##name##_params p)           \
    {                                                                                                                       \
        const struct tuff_windows c = of;                                                                                   \
        return tuff_convolve(g, (tuff_val[]){x, w, b}, &c);                                                                 \
    }
BUILDER(conv1d, CONV1_OF(p))
BUILDER(conv3d, CONV_OF(3, p))
BUILDER(conv_transpose1d, TRANSPOSE1_OF(p))
BUILDER(conv_transpose3d, TRANSPOSE_OF(3, p))

/* ---- layers ----------------------------------------------------------------------------------------------------------------------- */

struct layer {
    struct tuff_module m;
    struct tuff_windows conv;
    uint32_t channels, depth_multiplier;
    bool same, no_bias;
    enum tuff_pad_mode pad_mode;
    struct tuff_init weight, bias;
};

/* begin and end of `same`; false after a refusal */
static bool pad_same(struct layer *l)
{
    for (uint32_t i = 0; i < l->conv.axes && l->same; i++) {
        if (l->conv.stride[i] != 1 || l->conv.begin[i] || l->conv.end[i])
            return tuff_module_fail(&l->m, TUFF_ERR_USAGE, "`same` is for a stride of 1, and says the padding itself");
        uint32_t more = l->conv.dilation[i] * (l->conv.kernel[i] - 1);
        l->conv.begin[i] = more / 2;
        l->conv.end[i] = more - more / 2;
    }
    return true;
}

/* x padded by other than zeros, which the convolution then does not do */
static tuff_val pad_as(struct tuff_graph *g, struct layer *l, tuff_val x)
{
    uint32_t before[TUFF_MAX_RANK] = {0}, after[TUFF_MAX_RANK] = {0};
    if (l->pad_mode == TUFF_PAD_ZEROS) return x;
    for (uint32_t i = 0; i < l->conv.axes; i++) {
        before[2 + i] = l->conv.begin[i], after[2 + i] = l->conv.end[i];
        l->conv.begin[i] = l->conv.end[i] = 0;
    }
    return tuff_pad_with(g, x, before, after, l->pad_mode);
}

static tuff_val build(struct tuff_graph *g, tuff_val x, struct layer *l)
{
    struct tuff_shape s = tuff_type_of(g, x).shape, w = {.rank = 2 + l->conv.axes};
    if (!tuff_module_begin(&l->m, x)) return 0;
    uint32_t ci = s.rank > 1 ? s.dim[1] : 0;
    if (l->depth_multiplier) {
        if (l->channels || l->conv.groups != 1)
            return tuff_module_fail(&l->m, TUFF_ERR_USAGE, "depth_multiplier says channels and groups");
        l->conv.groups = ci ? ci : 1;
        l->channels = ci * l->depth_multiplier;
    }
    if (s.rank != w.rank || ci % l->conv.groups) {
        char text[64];
        snprintf(text, sizeof text, "[n, c, %s] with c divisible by its groups", spaces[l->conv.axes]);
        return tuff_module_refuse(&l->m, text, x);
    }
    uint32_t groups = l->conv.groups;
    uint64_t fan_in = w.dim[1] = (l->conv.transposed ? l->channels : ci) / groups;
    w.dim[0] = l->conv.transposed ? ci : l->channels;
    for (uint32_t i = 0; i < l->conv.axes; i++) {
        if (!l->conv.kernel[i]) l->conv.kernel[i] = l->conv.kernel[0];
        w.dim[2 + i] = l->conv.kernel[i];
        fan_in *= l->conv.kernel[i];
    }
    if (!l->channels || !l->conv.kernel[0]) return tuff_module_fail(&l->m, TUFF_ERR_USAGE, "channels or kernel is 0");
    if (l->channels % groups) return tuff_module_fail(&l->m, TUFF_ERR_SHAPE, "its channels are not divisible by its groups");
    if (!pad_same(l)) return 0;
    tuff_val weight = tuff_module_param(&l->m, "weight", w, l->weight, tuff_init_torch);
    tuff_val bias = tuff_module_bias(&l->m, l->no_bias, l->channels, fan_in, l->bias);
    return tuff_convolve(g, (tuff_val[]){pad_as(g, l, x), weight, bias}, &l->conv);
}

#define PADDED(p) .pad_mode = (p).pad_mode, .same = (p).same, .depth_multiplier = (p).depth_multiplier
#define LAYER(kind_, of, ...)                                                                                               \
    tuff_val tuff_layer_##kind_(struct tuff_graph *g, tuff_val x, const char *name, struct tuff_layer_##kind_##_params p)   \
    {                                                                                                                       \
        struct layer l = {.m = {g, #kind_, name}, .conv = of, .weight = p.weight, .bias = p.bias, __VA_ARGS__};             \
        l.channels = p.channels, l.no_bias = p.no_bias;                                                                     \
        memcpy(l.conv.kernel, &p.kernel, sizeof p.kernel);                                                                  \
        return build(g, x, &l);                                                                                             \
    }
LAYER(conv1d, CONV1_OF(p.conv), PADDED(p))
LAYER(conv2d, CONV_OF(2, p.conv), PADDED(p))
LAYER(conv3d, CONV_OF(3, p.conv), PADDED(p))
LAYER(conv_transpose1d, TRANSPOSE1_OF(p.conv), )
LAYER(conv_transpose2d, TRANSPOSE_OF(2, p.conv), )
LAYER(conv_transpose3d, TRANSPOSE_OF(3, p.conv), )
