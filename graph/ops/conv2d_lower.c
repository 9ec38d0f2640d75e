/* conv2d_lower.c - which kernel computes a convolution or a gradient of it on a device: depthwise, windows of neighbours by shuffles,
 * or an implicit matrix product; 1x1 windows become products in the graph. */
#include "graph/ops/bytes.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/gemm.h"
#include "graph/ops/view.h"
#include "graph/tune.h"

static tuff_status lower_sizes(const struct tuff_lower *lower, const struct tuff_conv_sizes *s, const struct tuff_gemm *gemm,
                               uint32_t k_split, struct tuff_kernel_call *call)
{
    TUFF_TRY(tuff_gemm_lower(lower, gemm, call));
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

/* Some tap of some position lies outside of s. */
static bool is_padded(const struct tuff_conv_sizes *s, bool grad)
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
static uint64_t window_of(const struct tuff_conv_sizes *s, bool grad)
{
    uint64_t reach = (uint64_t)s->dw * (s->kw - 1);
    if (!grad) return (uint64_t)3 * s->sw + reach + 1;
    return 4 + tuff_ceil_div(s->left, s->sw) + (reach > s->left ? (reach - s->left + s->sw - 1) / s->sw : 0);
}

/* False where it has no path or too many accumulators: large windows and strides, channels that do not fill its lanes. */
static bool correlate(const struct tuff_lower *lower, const struct tuff_conv_sizes *s, bool grad, struct correlation *c)
{
    enum { MOST_CLASSES = 4, FAR = 1024 };
    if (grad)
        *c = (struct correlation){.channels = s->co,
                                  .m = s->ci,
                                  .sh = s->oh,
                                  .sw = s->ow,
                                  .rh = s->h,
                                  .rw = s->w,
                                  .gh = tuff_ceil_div(s->h, s->sh),
                                  .gw = tuff_ceil_div(s->w, s->sw),
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

enum { NG = 2 }; /* of conv_shuffle.comp: weights are handed around once for two quads of a lane */

/* MG of conv_shuffle.comp: fewer channels with large windows, and of works that would keep too few cores busy. Classes of parity multiply the
 * sums. */
static uint32_t choose_groups(const struct tuff_lower *lower, const struct tuff_conv_sizes *s, const struct correlation *c,
                              uint64_t tiles_n)
{
    uint32_t lanes = tuff_shuffle_lanes(lower->caps), classes = c->grad ? s->sh * s->sw : 1, taps = s->kh * s->kw;
    uint32_t mg = c->m > 2 * lanes && taps <= 25 ? 4 : c->m > lanes ? 2 : 1;
    if (lower->any_size) tiles_n = TUFF_LEAST_GROUPS;
    while (mg > 1 && (mg * classes > 16 || tuff_ceil_div(c->m, lanes * mg) * tiles_n < TUFF_LEAST_GROUPS)) mg /= 2;
    struct tuff_way ways[4];
    uint32_t count = 0, standard = 0;
    for (uint32_t k = 1; k <= 8 && k * classes <= 16 && (k == 1 || k * lanes < 2 * c->m); k *= 2) {
        if (k == mg) standard = count;
        ways[count++] = (struct tuff_way){TUFF_FAMILY_SHUFFLE, {k}};
    }
    return count ? ways[tuff_pick(lower, ways, count, standard)].constants[0] : mg;
}

static uint32_t flags_of(const struct tuff_conv_sizes *s, const struct correlation *c, uint64_t rows, uint32_t step,
                         bool any_size)
{
    bool a_vec = (c->grad ? c->m : c->channels) * s->kh * s->kw % 4 == 0;
    bool blocks = c->grad ? c->rh == c->gh * s->sh && c->rw == c->gw * s->sw : true;
    bool c_vec = c->flat || (c->gw % 4 == 0 && c->rw % 4 == 0 && blocks);
    bool shifts = any_size || c->sw % 4 != 0; /* rows of s begin anywhere */
    return (c->flat ? FLAT : 0) | (a_vec ? A_VEC : 0) | (c_vec ? C_VEC : 0) | (is_padded(s, c->grad) ? PADDED : 0) |
           (shifts ? SHIFTS : 0) | (rows % step ? ROW_TAIL : 0);
}

static tuff_status lower_correlation(const struct tuff_lower *lower, const struct tuff_conv_sizes *s,
                                     const struct correlation *c, struct tuff_kernel_call *call)
{
    uint32_t lanes = tuff_shuffle_lanes(lower->caps), step = c->grad ? s->kh : 4;
    call->flops = 2 * (uint64_t)s->n * s->co * s->oh * s->ow * s->ci * s->kh * s->kw * s->groups;
    uint64_t per_picture = c->flat ? (uint64_t)c->gh * c->gw / 4 : (uint64_t)c->gh * ((c->gw + 3) / 4),
             quads = s->n * per_picture, rows = c->channels * s->kh, tiles_n = tuff_ceil_div(quads, lanes * NG);
    uint32_t mg = choose_groups(lower, s, c, tiles_n * s->groups);
    uint64_t tiles_m = tuff_ceil_div(c->m, lanes * mg), groups = tiles_m * tiles_n * s->groups;
    TUFF_TRY(tuff_lower_rounds(lower, rows / step + 1));
    call->file = "conv_shuffle";
    tuff_call_define(call, "CONV_GRAD", c->grad);
    TUFF_CALL(call, conv_shuffle, .KH = s->kh, .KW = s->kw, .SH = s->sh, .SW = s->sw, .DH = s->dh, .DW = s->dw,
              .LANES = lanes, .MG = mg, .NG = NG, .FLAGS = flags_of(s, c, rows, step, lower->any_size), .TOP = s->top,
              .LEFT = s->left, .ROWS = step, .m_count = c->m, .quads = (uint32_t)quads, .rows = (uint32_t)rows,
              .tiles_m = (uint32_t)tiles_m, .tiles_n = (uint32_t)tiles_n, .group_count = (uint32_t)groups,
              .groups = s->groups, .s_channels = (uint32_t)c->channels, .sh = c->sh, .sw = c->sw, .rh = c->rh, .rw = c->rw,
              .gh = c->gh, .gw = c->gw, .last = (uint32_t)tuff_shape_count(&lower->in[0]->shape) - 1);
    tuff_call_grid(call, lower->caps, groups);
    return TUFF_OK;
}

/* False where a group has more than one input channel. */
static bool is_depthwise(const struct tuff_conv_sizes *s, struct tuff_depthwise *d)
{
    *d = (struct tuff_depthwise){s->n,  s->groups, s->co, s->h,  s->w,  s->oh,  s->ow,  s->kh,
                                 s->kw, s->sh,     s->sw, s->dh, s->dw, s->top, s->left};
    return s->ci == 1 && s->groups > 1;
}

/* One tap and no padding: a product of matrices for each picture and group, of pixels in any order; with strides, of those pixels
 * that are taken. Devices whose kernels share a window among its taps gain nothing by sharing it. */
static bool is_product(const struct tuff_conv_sizes *s, const struct tuff_caps *caps)
{
    return tuff_shuffle_lanes(caps) && s->kh * s->kw == 1 && s->top == 0 && s->left == 0 && s->ci > 1 && s->co > 2 &&
           s->sh <= INT32_MAX && s->sw <= INT32_MAX && (uint64_t)(s->oh - 1) * s->sh < s->h &&
           (uint64_t)(s->ow - 1) * s->sw < s->w;
}

/* y[n,g] = w[g] x[n,g];  gx[n,g] = w[g]^T gy[n,g];  matrices of channels by pixels. Pixels of gx that were not taken are 0. */
static tuff_val add_product(struct tuff_graph *g, const struct tuff_conv_sizes *s, tuff_val picture, tuff_val weight,
                            bool grad)
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

/* Are there channels enough on both sides to fill words and tiles? */
static bool suits_dots(const struct tuff_conv_sizes *s) { return s->ci * s->kh * s->kw >= 16 && s->co >= 8; }

/* sum (x - zero) w = sum x w - zero sum w, where `zero` lies around x as well. */
static tuff_val less_zero(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in, tuff_val zero)
{
    struct tuff_conv conv = *(const struct tuff_conv *)value->attrs;
    const tuff_val above = tuff_sub(g, tuff_cast(g, in[0], TUFF_I32), zero);
    const uint32_t before[TUFF_MAX_RANK] = {0, 0, conv.pad[0], conv.pad[1]},
                   after[TUFF_MAX_RANK] = {0, 0, conv.pad[2], conv.pad[3]};
    const uint32_t co = tuff_type_of(g, in[1]).shape.dim[0];
    memset(conv.pad, 0, sizeof conv.pad);
    const tuff_val x = tuff_cast(g, tuff_add(g, tuff_pad(g, above, before, after, 0), zero), TUFF_I8);
    const tuff_val y = tuff_graph_add(g, &tuff_op_conv2d, (tuff_val[]){x, in[1]}, 2, &conv);
    const tuff_val sums = tuff_sum(g, tuff_cast(g, in[1], TUFF_I32), 14, TUFF_DROP_AXES);
    return tuff_sub(g, y, tuff_mul(g, zero, tuff_reshape(g, sums, TUFF_SHAPE(co, 1, 1))));
}

tuff_val tuff_conv_expand(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    struct tuff_conv_sizes s;
    const struct tuff_type picture = tuff_type_of(g, in[0]);
    const struct tuff_shape x = picture.shape, w = tuff_type_of(g, in[1]).shape;
    if (!tuff_conv_measure_for(value, &x, &w, &s)) return 0;
    if (value->type.dtype != TUFF_I32)
        return is_product(&s, g->caps) ? add_product(g, &s, in[0], in[1], value->op == &tuff_op_conv2d_input_grad) : 0;
    const tuff_val zero = value->in_count > TUFF_CONV_ZERO
                              ? tuff_reshape(g, in[TUFF_CONV_ZERO], (struct tuff_shape){.rank = 0})
                              : 0;
    if (picture.dtype == TUFF_I8 && tuff_dots(g->caps) && suits_dots(&s)) return zero ? less_zero(g, value, in, zero) : 0;
    return tuff_byte_product(g, value, in, &(struct tuff_byte_sums){{1, 1}, {s.groups, 1}, s.ci, s.kh * s.kw, zero});
}

tuff_status tuff_conv_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    struct tuff_conv_sizes s;
    struct tuff_depthwise d;
    struct correlation c;
    bool grad = lower->value->op == &tuff_op_conv2d_input_grad;
    if (TUFF_NEVER(!tuff_conv_measure_for(lower->value, &lower->in[0]->shape, &lower->in[1]->shape, &s)))
        return TUFF_ERR_SHAPE;
    const bool bytes = lower->value->type.dtype == TUFF_I32;
    if (!bytes && is_depthwise(&s, &d) && tuff_depthwise_lower(lower, &d, grad, call)) return TUFF_OK;
    if (correlate(lower, &s, grad, &c) && !bytes) /* what it tells of sizes counts below as well */
        return lower_correlation(lower, &s, &c, call);
    if (tuff_conv_by_table(lower->caps, TUFF_CONV_FORWARD)) return tuff_conv_tab_lower(lower, &s, grad, call);
    uint64_t k = c.channels * s.kh * s.kw, pixels = (uint64_t)c.rh * c.rw;
    struct tuff_gemm gemm = {.op = grad ? TUFF_GEMM_INPUT_GRAD : TUFF_GEMM_CONV,
                             .m = c.m,
                             .n = s.n * pixels,
                             .k = k,
                             .z = s.groups,
                             .a_k_fast = !grad || s.kh * s.kw > 1,
                             .c_vec = pixels % 4 == 0,
                             .bytes = bytes};
    return lower_sizes(lower, &s, &gemm, 0, call);
}

/* conv_weight_shuffle.comp: few taps in a row; false where it has no path. */
static bool lower_weight_shuffle(const struct tuff_lower *lower, const struct tuff_conv_sizes *s, uint32_t splits,
                                 uint32_t split_pictures, struct tuff_kernel_call *call)
{
    uint32_t lanes = tuff_shuffle_lanes(lower->caps), kw = s->kw;
    uint64_t x_count = tuff_shape_count(&lower->in[0]->shape), rows = (uint64_t)s->ci * s->kh;
    if (!lanes || kw > 7 || window_of(s, false) > LONGEST_WINDOW || s->co < 3) return false;
    bool flat = s->sh == 1 && s->sw == 1 && s->w == s->ow && (uint64_t)s->h * s->w % 4 == 0 &&
                (uint64_t)s->oh * s->ow % 4 == 0;
    uint64_t runs = (uint64_t)split_pictures * (flat ? 1 : s->oh),
             quads = flat ? ((uint64_t)s->oh * s->ow + 3) / 4 : (s->ow + 3) / 4;
    if (!tuff_takes_rounds(lower->caps, runs * (quads + 1))) return false;
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

tuff_status tuff_conv_weight_grad_lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    const struct tuff_conv_weight_grad *attrs = lower->value->attrs;
    struct tuff_conv_sizes s;
    if (TUFF_NEVER(!tuff_conv_measure_weight_grad(attrs, &lower->in[0]->shape, &lower->in[1]->shape, &s)))
        return TUFF_ERR_SHAPE;
    struct tuff_depthwise d;
    uint32_t splits = lower->value->type.shape.dim[0], pictures = tuff_conv_split_pictures(attrs, s.n);
    if (is_depthwise(&s, &d) && tuff_depthwise_weight_lower(lower, &d, splits, pictures, call)) return TUFF_OK;
    if (lower_weight_shuffle(lower, &s, splits, pictures, call)) return TUFF_OK;
    if (tuff_conv_by_table(lower->caps, TUFF_CONV_WEIGHT)) return tuff_conv_wtab_lower(lower, &s, splits, pictures, call);
    uint64_t k = (uint64_t)s.n * s.oh * s.ow, k_split = (uint64_t)tuff_conv_split_pictures(attrs, s.n) * s.oh * s.ow;
    struct tuff_gemm gemm = {.op = TUFF_GEMM_WEIGHT_GRAD,
                             .m = s.co,
                             .n = (uint64_t)s.ci * s.kh * s.kw,
                             .k = k,
                             .k_split = k_split,
                             .z = (uint64_t)lower->value->type.shape.dim[0] * s.groups,
                             .a_k_fast = true,
                             .b_k_fast = true,
                             .c_vec = (uint64_t)s.ci * s.kh * s.kw % 4 == 0};
    TUFF_TRY(lower_sizes(lower, &s, &gemm, (uint32_t)k_split, call));
    call->flops = 2 * gemm.m * gemm.n * k * s.groups;
    return TUFF_OK;
}
