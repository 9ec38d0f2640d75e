/* onnx_quant.c - ONNX operators of quantized networks. Whole numbers are summed exactly: as f32 where no partial sum can pass 2^24, which the weights
 * tell, else in halves of 4 bits, or as i32. */
#include "loaders/onnx_ops.h"

#include <math.h>

static const double MOST_EXACT = 1 << 24;

static bool is_signed(enum tuff_onnx_dtype type)
{
    return type == TUFF_ONNX_I8 || type == TUFF_ONNX_I16 || type == TUFF_ONNX_I4;
}
static double least_of(enum tuff_onnx_dtype type)
{
    return is_signed(type) ? -ldexp(1, (int)tuff_onnx_type_row(type)->bits - 1) : 0;
}
static double most_of(enum tuff_onnx_dtype type)
{
    return ldexp(1, (int)tuff_onnx_type_row(type)->bits - is_signed(type)) - 1;
}

/* Scale or zero point i as it lies beside x: one number, one for each place of an axis, or one for each block along it. */
static tuff_val beside(const struct tuff_onnx_op *o, tuff_val v, const struct tuff_shape *s, const struct tuff_shape *x)
{
    struct tuff_graph *g = o->g;
    struct tuff_shape shape = {.rank = x->rank}, apart = {0};
    const int64_t block = tuff_on_int(o, "block_size", 0);
    if (tuff_shape_count(s) == 1) return tuff_reshape(g, v, SCALAR);
    const int axis = tuff_on_axis(o, tuff_on_int(o, "axis", 1), x->rank);
    if (axis < 0) return 0;
    if (block == 0) {
        if (s->rank != 1 || s->dim[0] != x->dim[axis]) return tuff_on_bad(o, "its scales do not fit axis %d", axis);
        for (uint32_t i = 0; i < x->rank; i++) shape.dim[i] = (int)i == axis ? s->dim[0] : 1;
        return tuff_reshape(g, v, shape);
    }
    if (s->rank != x->rank || block < 1 || (uint64_t)s->dim[axis] * (uint64_t)block < x->dim[axis] ||
        x->rank == TUFF_MAX_RANK)
        return tuff_on_bad(o, "its blocks of %lld do not fit axis %d", (long long)block, axis);
    for (uint32_t i = 0; i <= (uint32_t)axis; i++) apart.dim[apart.rank++] = s->dim[i];
    apart.dim[apart.rank++] = (uint32_t)block;
    for (uint32_t i = (uint32_t)axis + 1; i < x->rank; i++) apart.dim[apart.rank++] = s->dim[i];
    shape = *s;
    shape.dim[axis] *= (uint32_t)block;
    v = tuff_reshape(g, tuff_expand(g, tuff_unsqueeze(g, v, axis + 1), apart), shape);
    return shape.dim[axis] == x->dim[axis] ? v : tuff_slice_axis(g, v, (uint32_t)axis, 0, 1, x->dim[axis]);
}

/* round(x) + zero point, kept within the type: f32 of whole numbers. */
static tuff_val to_steps(struct tuff_graph *g, tuff_val x, tuff_val zero, enum tuff_onnx_dtype type)
{
    const tuff_val y = tuff_round(g, x);
    return tuff_cast(g, tuff_clamp(g, zero ? tuff_add(g, y, zero) : y, least_of(type), most_of(type)), TUFF_I32);
}

BUILD(quantize)
{
    struct tuff_graph *g = o->g;
    const struct tuff_shape *x = &o->in[0].shape;
    const int64_t named = tuff_on_int(o, "output_dtype", 0);
    const enum tuff_onnx_dtype type = tuff_on_has(o, 2) ? o->in[2].type : named ? (enum tuff_onnx_dtype)named : TUFF_ONNX_U8;
    if (!tuff_onnx_type_row(type)->bits || tuff_is_float(tuff_onnx_type_row(type)->dtype) ||
        tuff_onnx_type_row(type)->bits > 16)
        return tuff_on_refuse(o, "a result of type %d is not covered", (int)type);
    const tuff_val scale = beside(o, tuff_on_f32(o, 1), &o->in[1].shape, x);
    const tuff_val zero = tuff_on_has(o, 2) ? beside(o, tuff_on_f32(o, 2), &o->in[2].shape, x) : 0;
    return tuff_on_put_as(o, 0, to_steps(g, tuff_div(g, tuff_on_f32(o, 0), scale), zero, type), type);
}

BUILD(dequantize)
{
    struct tuff_graph *g = o->g;
    const struct tuff_shape *x = &o->in[0].shape;
    const int64_t named = tuff_on_int(o, "output_dtype", 0);
    const tuff_val scale = beside(o, tuff_on_f32(o, 1), &o->in[1].shape, x);
    tuff_val v = tuff_on_i32(o, 0);
    if (tuff_on_has(o, 2)) v = tuff_sub(g, v, beside(o, tuff_on_i32(o, 2), &o->in[2].shape, x));
    return tuff_on_put_as(o, 0, tuff_mul(g, tuff_cast(g, v, TUFF_F32), scale),
                          named ? (enum tuff_onnx_dtype)named : o->in[1].type);
}

/* u8, by the smallest and largest element, 0 among them. */
BUILD(dynamic_quantize)
{
    struct tuff_graph *g = o->g;
    const tuff_val x = tuff_on_f32(o, 0), none = tuff_scalar(g, 0);
    const tuff_val low = tuff_minimum(g, tuff_reduce_min(g, x, 0, TUFF_DROP_AXES), none),
                   high = tuff_maximum(g, tuff_reduce_max(g, x, 0, TUFF_DROP_AXES), none);
    const tuff_val span = tuff_affine(g, tuff_sub(g, high, low), 1.0 / 255, 0), one = tuff_scalar(g, 1),
                   scale = tuff_select(g, tuff_equal(g, span, none), one, span);
    const tuff_val zero = tuff_round(g, tuff_clamp(g, tuff_neg(g, tuff_div(g, low, scale)), 0, 255));
    tuff_on_put_as(o, 1, scale, TUFF_ONNX_FLOAT);
    tuff_on_put_as(o, 2, tuff_cast(g, zero, TUFF_I32), TUFF_ONNX_U8);
    return tuff_on_put_as(o, 0, to_steps(g, tuff_div(g, x, scale), zero, TUFF_ONNX_U8), TUFF_ONNX_U8);
}

/* ---- exact products ------------------------------------------------------------------------------------------------------------------------ */

/* Whole numbers of at most 9 bits, with their zero point taken off, as f32. */
static tuff_val centred(const struct tuff_onnx_op *o, uint32_t i, uint32_t zero, int axis)
{
    struct tuff_graph *g = o->g;
    const tuff_val x = tuff_on_f32(o, i);
    if (!tuff_on_has(o, zero)) return x;
    struct tuff_shape shape = {.rank = o->in[i].shape.rank};
    const struct tuff_shape *z = &o->in[zero].shape;
    for (uint32_t k = 0; k < shape.rank; k++) shape.dim[k] = (int)k == axis ? 0 : 1;
    return tuff_sub(g, x,
                    tuff_reshape(g, tuff_on_f32(o, zero),
                                 tuff_shape_count(z) == 1 ? SCALAR
                                 : z->rank > 1            ? *z
                                                          : shape));
}

/* The largest sum of weights' absolute values that one result adds up, where they are known; else terms times the most that there can be. */
static double largest_sum(const struct tuff_onnx_op *o, uint32_t i, uint32_t zero, uint64_t results, uint64_t stride,
                          uint64_t terms, uint64_t term_stride)
{
    const struct tuff_onnx_val *w = &o->in[i];
    const double *z = tuff_on_has(o, zero) ? o->in[zero].known : NULL;
    const uint64_t count = tuff_shape_count(&w->shape), zeros = z ? tuff_shape_count(&o->in[zero].shape) : 0;
    double most = 0;
    if (!w->known || count != results * terms || (tuff_on_has(o, zero) && !z)) return (double)terms * 255;
    for (uint64_t r = 0; r < results; r++) {
        double sum = 0;
        for (uint64_t t = 0; t < terms; t++)
            sum += fabs(w->known[r * stride + t * term_stride] - (zeros == 1 ? z[0] : zeros == results ? z[r] : 0));
        most = fmax(most, sum);
    }
    return most;
}

typedef tuff_val product(const struct tuff_onnx_op *o, tuff_val a, tuff_val b);

/* a b as i32, exactly, for whole numbers in f32: |a| <= 255, and no result adds up more than `sum` of |b|. */
static tuff_val exact(const struct tuff_onnx_op *o, product *multiply, tuff_val a, tuff_val b, double sum)
{
    struct tuff_graph *g = o->g;
    if (255 * sum < MOST_EXACT) return tuff_cast(g, multiply(o, a, b), TUFF_I32);
    if (17 * sum >= MOST_EXACT) {
        tuff_on_refuse(o, "sums of whole numbers above 2^24 / 17 are not covered");
        return 0;
    }
    const tuff_val high = tuff_floor(g, tuff_affine(g, a, 1.0 / 16, 0)), low = tuff_sub(g, a, tuff_affine(g, high, 16, 0));
    const tuff_val more = tuff_on_times(g, tuff_cast(g, multiply(o, high, b), TUFF_I32), 16);
    return tuff_add(g, more, tuff_cast(g, multiply(o, low, b), TUFF_I32));
}

static tuff_val multiply(const struct tuff_onnx_op *o, tuff_val a, tuff_val b) { return tuff_on_matmul(o->g, a, b); }

/* Operands a, zero of a, b, zero of b. */
static tuff_val whole_matmul(const struct tuff_onnx_op *o, uint32_t a, uint32_t az, uint32_t b, uint32_t bz)
{
    const struct tuff_shape *x = &o->in[a].shape, *w = &o->in[b].shape;
    if (x->rank < 2 || w->rank < 2) {
        tuff_on_refuse(o, "of vectors it is not covered");
        return 0;
    }
    const uint32_t k = w->dim[w->rank - 2], n = w->dim[w->rank - 1];
    const double sum = w->rank == 2 ? largest_sum(o, b, bz, n, 1, k, n) : 255.0 * k;
    const tuff_val left = centred(o, a, az, (int)x->rank - 2), right = centred(o, b, bz, (int)w->rank - 1);
    return exact(o, multiply, left, right, sum);
}

static tuff_val whole_conv(const struct tuff_onnx_op *o, uint32_t x, uint32_t xz, uint32_t w, uint32_t wz)
{
    const struct tuff_shape *weights = &o->in[w].shape;
    const uint64_t terms = weights->dim[0] ? tuff_shape_count(weights) / weights->dim[0] : 0;
    const tuff_val picture = centred(o, x, xz, -1), kernels = centred(o, w, wz, 0);
    return exact(o, tuff_on_convolve, picture, kernels, largest_sum(o, w, wz, weights->dim[0], terms, terms, 1));
}

BUILD(matmul_integer)
{
    const tuff_val y = whole_matmul(o, 0, 2, 1, 3);
    return tuff_on_put_as(o, 0, y, TUFF_ONNX_I32);
}

BUILD(conv_integer)
{
    const tuff_val y = whole_conv(o, 0, 2, 1, 3);
    return tuff_on_put_as(o, 0, y, TUFF_ONNX_I32);
}

/* Sums times a's scale b's scale / y's, to steps of y. at: of the operands y_scale, y_zero; axis: that b's scales lie along. */
static bool put_requantized(struct tuff_onnx_op *o, tuff_val sum, uint32_t a_scale, uint32_t b_scale, uint32_t y_scale,
                            int axis)
{
    struct tuff_graph *g = o->g;
    tuff_val scale = tuff_on_f32(o, b_scale);
    if (!sum || !scale) return tuff_on_failed(o) ? false : tuff_on_bad(o, "an operand is missing");
    struct tuff_shape shape = {.rank = tuff_type_of(g, sum).shape.rank};
    for (uint32_t k = 0; k < shape.rank; k++) shape.dim[k] = (int)k == axis ? 0 : 1;
    const struct tuff_shape *s = &o->in[b_scale].shape;
    scale = tuff_reshape(g, scale, tuff_shape_count(s) == 1 ? SCALAR : s->rank > 1 ? *s : shape);
    tuff_val x = tuff_on_f32(o, a_scale);
    if (tuff_shape_count(&o->in[a_scale].shape) == 1) x = tuff_reshape(g, x, SCALAR);
    const tuff_val factor = tuff_div(g, tuff_mul(g, x, scale), tuff_on_f32(o, y_scale));
    const tuff_val zero = tuff_on_has(o, y_scale + 1) ? tuff_on_f32(o, y_scale + 1) : 0;
    const enum tuff_onnx_dtype type = zero ? o->in[y_scale + 1].type : o->in[0].type;
    return tuff_on_put_as(o, 0, to_steps(g, tuff_mul(g, tuff_cast(g, sum, TUFF_F32), factor), zero, type), type);
}

/* a, scale, zero, b, scale, zero, y's scale, zero */
BUILD(qlinear_matmul) { return put_requantized(o, whole_matmul(o, 0, 2, 3, 5), 1, 4, 6, (int)o->in[3].shape.rank - 1); }

/* and the bias, in steps of x's scale w's scale */
BUILD(qlinear_conv)
{
    tuff_val sum = whole_conv(o, 0, 2, 3, 5);
    struct tuff_shape channels = {.rank = o->in[0].shape.rank - 1, .dim = {0, 1, 1, 1, 1, 1, 1, 1}};
    if (sum && tuff_on_has(o, 8)) sum = tuff_add(o->g, sum, tuff_reshape(o->g, tuff_on_i32(o, 8), channels));
    return put_requantized(o, sum, 1, 4, 6, 1);
}

/* ONNX Runtime's own: QLinearAdd, QLinearMul (a, scale, zero, b, scale, zero, y's), QLinearSigmoid, QLinearLeakyRelu, QLinearGlobalAveragePool and
 * QLinearAveragePool (x, scale, zero, y's scale, zero): what they do to the numbers that stand for. */
static tuff_val meant(const struct tuff_onnx_op *o, uint32_t i)
{
    struct tuff_graph *g = o->g;
    tuff_val x = tuff_on_i32(o, i);
    if (tuff_on_has(o, i + 2)) x = tuff_sub(g, x, tuff_on_i32(o, i + 2));
    return tuff_mul(g, tuff_cast(g, x, TUFF_F32), tuff_on_f32(o, i + 1));
}

BUILD(qlinear_pointwise)
{
    struct tuff_graph *g = o->g;
    const bool two = OP_IS("QLinearAdd") || OP_IS("QLinearMul");
    const uint32_t at = two ? 6 : 3;
    const tuff_val a = meant(o, 0), b = two ? meant(o, 3) : 0;
    const uint32_t rank = o->in[0].shape.rank;
    if (tuff_on_int(o, "channels_last", 0)) return tuff_on_refuse(o, "channels in the last axis are not covered");
    const tuff_val y = OP_IS("QLinearAdd")         ? tuff_add(g, a, b)
                       : OP_IS("QLinearMul")       ? tuff_mul(g, a, b)
                       : OP_IS("QLinearSigmoid")   ? tuff_sigmoid(g, a)
                       : OP_IS("QLinearLeakyRelu") ? tuff_leaky_relu(g, a, tuff_on_number(o, "alpha", 0.01), 0)
                                                   : tuff_mean(g, a, ((1u << rank) - 1) & ~3u, TUFF_KEEP_AXES);
    const tuff_val zero = tuff_on_has(o, at + 1) ? tuff_on_f32(o, at + 1) : 0;
    return tuff_on_put(o, 0, to_steps(g, tuff_div(g, y, tuff_on_f32(o, at)), zero, o->in[0].type));
}
