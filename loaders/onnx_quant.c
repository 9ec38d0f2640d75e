/* onnx_quant.c - ONNX operators of quantized networks. Whole numbers of 8 bits are summed exactly, as matmul and conv2d sum i8. */
#include "loaders/onnx_ops.h"

#include <math.h>

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

/* What operands x, scale and zero say. NONE: it is none. */
enum { NONE = UINT8_MAX };
struct steps {
    struct tuff_onnx_val x, scale, zero; /* without a type where left out */
};
static struct steps steps_of(const struct tuff_onnx_op *o, uint32_t x, uint32_t scale, uint32_t zero)
{
    struct steps s = {0};
    if (tuff_on_has(o, x)) s.x = o->in[x];
    if (tuff_on_has(o, scale)) s.scale = o->in[scale];
    if (tuff_on_has(o, zero)) s.zero = o->in[zero];
    return s;
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
    if (s->rank != x->rank || block < 1 || block > INT32_MAX / s->dim[axis] || s->dim[axis] * block < x->dim[axis] ||
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

/* Is a zero point known, and n everywhere? Left out it is 0. */
static bool zero_is(const struct tuff_onnx_val *z, double n)
{
    for (uint64_t i = 0; z->known && i < tuff_shape_count(&z->shape); i++)
        if (z->known[i] != n) return false;
    return z->type ? z->known != NULL : n == 0;
}

/* round(x) + zero point, kept within the type. */
static tuff_val to_steps(struct tuff_graph *g, tuff_val x, tuff_val zero, enum tuff_onnx_dtype type)
{
    const tuff_val y = tuff_round(g, x);
    const struct tuff_onnx_type_row *row = tuff_onnx_type_row(type);
    return tuff_cast(g, tuff_clamp(g, zero ? tuff_add(g, y, zero) : y, least_of(type), most_of(type)),
                     row->bits == 8 ? row->dtype : TUFF_I32);
}

BUILD(quantize)
{
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
    const struct tuff_shape *x = &o->in[0].shape;
    const int64_t named = tuff_on_int(o, "output_dtype", 0);
    const tuff_val scale = beside(o, tuff_on_f32(o, 1), &o->in[1].shape, x);
    const bool bytes = tuff_onnx_type_row(o->in[0].type)->bits <= 8; /* f32 holds their differences */
    tuff_val v = bytes ? tuff_on_f32(o, 0) : tuff_on_i32(o, 0);
    if (tuff_on_has(o, 2) && !zero_is(&o->in[2], 0))
        v = tuff_sub(g, v, beside(o, bytes ? tuff_on_f32(o, 2) : tuff_on_i32(o, 2), &o->in[2].shape, x));
    return tuff_on_put_as(o, 0, tuff_mul(g, bytes ? v : tuff_cast(g, v, TUFF_F32), scale),
                          named ? (enum tuff_onnx_dtype)named : o->in[1].type);
}

/* u8, by the smallest and largest element, 0 among them. */
BUILD(dynamic_quantize)
{
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

/* Numbers as they lie beside a value of this rank: one, along an axis, or broadcast as they are. */
static tuff_val along(const struct tuff_onnx_op *o, const struct tuff_onnx_val *x, enum tuff_dtype dtype, uint32_t rank,
                      int axis)
{
    struct tuff_shape shape = {.rank = rank};
    const tuff_val v = x->v && tuff_type_of(o->g, x->v).dtype != dtype ? tuff_cast(o->g, x->v, dtype) : x->v;
    for (uint32_t k = 0; k < rank; k++) shape.dim[k] = (int)k == axis ? 0 : 1;
    return tuff_reshape(o->g, v, tuff_shape_count(&x->shape) == 1 ? SCALAR : x->shape.rank > 1 ? x->shape : shape);
}

/* Numbers of 8 bits as i8, u8 less 128, and what stands for zero among them: i32 beside the result, 0 where it is 0. */
struct bytes {
    tuff_val x, zero;
};
static struct bytes bytes_of(const struct tuff_onnx_op *o, const struct steps *s, uint32_t rank, int axis)
{
    struct tuff_graph *g = o->g;
    const double shift = s->x.type == TUFF_ONNX_U8 ? 128 : 0;
    struct bytes b = {s->x.v, 0};
    if (!zero_is(&s->zero, shift))
        b.zero = s->zero.type ? along(o, &s->zero, TUFF_I32, rank, axis) : tuff_on_one(g, TUFF_I32, 0);
    if (shift != 0 && b.zero) b.zero = tuff_on_plus(g, b.zero, -shift);
    if (shift != 0) b.x = tuff_cast(g, tuff_on_plus(g, tuff_cast(g, b.x, TUFF_I32), -shift), TUFF_I8);
    return b;
}

static bool is_bytes(const struct tuff_onnx_op *o, const struct steps *s)
{
    if (s->x.type == TUFF_ONNX_U8 || s->x.type == TUFF_ONNX_I8) return true;
    tuff_on_refuse(o, "of elements that are not 8 bits it is not covered");
    return false;
}

static tuff_val sums_of(struct tuff_graph *g, tuff_val x, uint32_t axes)
{
    return tuff_sum(g, tuff_cast(g, x, TUFF_I32), axes, TUFF_KEEP_AXES);
}

static tuff_val whole_matmul(const struct tuff_onnx_op *o, const struct steps *a, const struct steps *b)
{
    struct tuff_graph *g = o->g;
    const uint32_t ra = a->x.shape.rank, rb = b->x.shape.rank;
    if (!is_bytes(o, a) || !is_bytes(o, b)) return 0;
    if (ra < 2 || rb < 2) {
        tuff_on_refuse(o, "of vectors it is not covered");
        return 0;
    }
    const struct bytes x = bytes_of(o, a, ra, (int)ra - 2), w = bytes_of(o, b, rb, (int)rb - 1);
    /* sum_k (x - zx) (w - zw) = sum_k x w - zx (sum_k w - k zw) - zw sum_k x */
    tuff_val y = tuff_on_matmul(g, x.x, w.x), columns = x.zero ? sums_of(g, w.x, 1u << (rb - 2)) : 0;
    if (x.zero && w.zero) columns = tuff_sub(g, columns, tuff_on_times(g, w.zero, a->x.shape.dim[ra - 1]));
    if (x.zero) y = tuff_sub(g, y, tuff_mul(g, x.zero, columns));
    return w.zero ? tuff_sub(g, y, tuff_mul(g, w.zero, sums_of(g, x.x, 1u << (ra - 1)))) : y;
}

static tuff_val whole_conv(const struct tuff_onnx_op *o, const struct steps *x, const struct steps *w)
{
    struct tuff_graph *g = o->g;
    const struct tuff_shape *s = &w->x.shape;
    if (!is_bytes(o, x) || !is_bytes(o, w)) return 0;
    if (s->rank < 3) {
        tuff_on_bad(o, "its weights have %u axes", s->rank);
        return 0;
    }
    const struct bytes a = bytes_of(o, x, 0, 0),
                       b = bytes_of(o, w, s->rank - 1, 0); /* beside a result without its pictures */
    const tuff_val y = tuff_on_convolve(o, a.x, b.x, a.zero);
    if (!b.zero) return y;
    return tuff_sub(g, y,
                    tuff_mul(g, b.zero, tuff_on_convolve(o, a.x, tuff_expand(g, tuff_on_one(g, TUFF_I8, 1), *s), a.zero)));
}

/* The scale of a sum of products, beside it. */
static tuff_val factor_of(const struct tuff_onnx_op *o, const struct steps *a, const struct steps *b, tuff_val sum, int axis)
{
    if (!sum || !a->scale.v || !b->scale.v) return 0;
    const uint32_t rank = tuff_type_of(o->g, sum).shape.rank;
    const tuff_val left = along(o, &a->scale, TUFF_F32, rank, (int)rank - 2),
                   right = along(o, &b->scale, TUFF_F32, rank, axis);
    return tuff_mul(o->g, left, right);
}

/* ---- operators of whole numbers ------------------------------------------------------------------------------------------------------- */

BUILD(matmul_integer)
{
    const struct steps a = steps_of(o, 0, NONE, 2), b = steps_of(o, 1, NONE, 3);
    return tuff_on_put_as(o, 0, whole_matmul(o, &a, &b), TUFF_ONNX_I32);
}

BUILD(conv_integer)
{
    const struct steps x = steps_of(o, 0, NONE, 2), w = steps_of(o, 1, NONE, 3);
    return tuff_on_put_as(o, 0, whole_conv(o, &x, &w), TUFF_ONNX_I32);
}

/* Operands a, scale, zero, b, scale, zero, y's scale, zero: sums to steps of y; axis: that b's scales lie along. */
static bool put_requantized(struct tuff_onnx_op *o, const struct steps *a, const struct steps *b, tuff_val sum, int axis)
{
    struct tuff_graph *g = o->g;
    const tuff_val scale = factor_of(o, a, b, sum, axis);
    if (!scale) return tuff_on_failed(o) ? false : tuff_on_bad(o, "an operand is missing");
    const tuff_val factor = tuff_div(g, scale, tuff_on_f32(o, 6)), zero = tuff_on_has(o, 7) ? tuff_on_f32(o, 7) : 0;
    const enum tuff_onnx_dtype type = zero ? o->in[7].type : o->in[0].type;
    return tuff_on_put_as(o, 0, to_steps(g, tuff_mul(g, tuff_cast(g, sum, TUFF_F32), factor), zero, type), type);
}

BUILD(qlinear_matmul)
{
    const struct steps a = steps_of(o, 0, 1, 2), b = steps_of(o, 3, 4, 5);
    const tuff_val sum = whole_matmul(o, &a, &b);
    return put_requantized(o, &a, &b, sum, (int)o->in[3].shape.rank - 1);
}

/* and the bias, in steps of x's scale w's scale */
BUILD(qlinear_conv)
{
    const struct steps x = steps_of(o, 0, 1, 2), w = steps_of(o, 3, 4, 5);
    tuff_val sum = whole_conv(o, &x, &w);
    struct tuff_shape channels = {.rank = o->in[0].shape.rank - 1, .dim = {0, 1, 1, 1, 1, 1, 1, 1}};
    if (sum && tuff_on_has(o, 8)) sum = tuff_add(g, sum, tuff_reshape(g, tuff_on_i32(o, 8), channels));
    return put_requantized(o, &x, &w, sum, 1);
}

/* ONNX Runtime's own: QLinearAdd, QLinearMul (a, scale, zero, b, scale, zero, y's), QLinearSigmoid, QLinearLeakyRelu, QLinearGlobalAveragePool and
 * QLinearAveragePool (x, scale, zero, y's scale, zero): what they do to the numbers that stand for. */
static tuff_val meant(const struct tuff_onnx_op *o, uint32_t i)
{
    struct tuff_graph *g = o->g;
    tuff_val x = tuff_on_i32(o, i);
    if (tuff_on_has(o, i + 2)) x = tuff_sub(g, x, tuff_on_i32(o, i + 2));
    x = tuff_cast(g, x, TUFF_F32);
    return tuff_mul(g, x, tuff_on_f32(o, i + 1));
}

BUILD(qlinear_pointwise)
{
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
