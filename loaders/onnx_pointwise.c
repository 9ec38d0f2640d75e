/* onnx_pointwise.c - ONNX operators of single elements, and their table. Source of all files onnx_*.c: Operators.md of onnx/onnx 1.22. */
#include "graph/dtype.h"
#include "loaders/onnx_ops.h"

#include <float.h>
#include <math.h>

/* ---- the table ---------------------------------------------------------------------------------------------------------------------- */

static tuff_val relu(struct tuff_graph *g, tuff_val x)
{
    return tuff_type_of(g, x).dtype == TUFF_I32 ? tuff_maximum(g, x, tuff_on_one(g, TUFF_I32, 0)) : tuff_relu(g, x);
}
static tuff_val is_false(struct tuff_graph *g, tuff_val a) { return tuff_equal(g, a, tuff_on_one(g, TUFF_I32, 0)); }

#define TUFF_ONNX(domain, name, since, flags, function)                                                                     \
    {domain, #name, since, flags, TUFF_ONNX_NONE, tuff_onnx_build_##function, NULL, NULL},
#define TUFF_ONNX_ONE(name, since, flags, builder)                                                                          \
    {"", #name, since, (flags) | EMPTY, TUFF_ONNX_NONE, tuff_onnx_build_one, builder, NULL},
#define TUFF_ONNX_TWO(name, since, flags, result, builder)                                                                  \
    {"", #name, since, (flags) | EMPTY, TUFF_ONNX_##result, tuff_onnx_build_two, NULL, builder},
enum { FLOATS = TUFF_ONNX_FLOATS, EMPTY = TUFF_ONNX_EMPTY, STATES = TUFF_ONNX_STATES, WIDENS = TUFF_ONNX_WIDENS };
const struct tuff_onnx_row tuff_onnx_rows[] = {
#include "loaders/onnx_ops.def"
};
const uint32_t tuff_onnx_row_count = TUFF_COUNT(tuff_onnx_rows);

/* ---- what operands share ------------------------------------------------------------------------------------------------------------- */

/* Small whole numbers are computed as i32. */
static tuff_val wide(const struct tuff_onnx_op *o, uint32_t i)
{
    const tuff_val v = tuff_on(o, i);
    const enum tuff_dtype dtype = v ? tuff_type_of(o->g, v).dtype : TUFF_F32;
    return dtype == TUFF_U8 || dtype == TUFF_I8 || dtype == TUFF_BOOL ? tuff_cast(o->g, v, TUFF_I32) : v;
}

/* The shape of all operands together; false after a refusal. */
static bool broadcast(const struct tuff_onnx_op *o, struct tuff_shape *shape)
{
    *shape = (struct tuff_shape){0};
    for (uint32_t i = 0; i < o->in_count; i++) {
        const struct tuff_shape *in = &o->in[i].shape;
        struct tuff_shape both = {.rank = in->rank > shape->rank ? in->rank : shape->rank};
        for (uint32_t k = 1; k <= both.rank; k++) {
            const uint32_t a = k <= in->rank ? in->dim[in->rank - k] : 1,
                           b = k <= shape->rank ? shape->dim[shape->rank - k] : 1;
            if (a != b && a != 1 && b != 1)
                return tuff_on_bad(o, "operand %u cannot be broadcast: %u beside %u", i, a, b), false;
            both.dim[both.rank - k] = a == 1 ? b : a;
        }
        *shape = both;
    }
    return true;
}

/* Without elements there is nothing to compute. True: the result is put, or refused. */
static bool is_empty(struct tuff_onnx_op *o, enum tuff_onnx_dtype type)
{
    struct tuff_shape shape;
    if (!broadcast(o, &shape)) return true;
    if (tuff_shape_count(&shape)) return false;
    tuff_on_put_full(o, 0, type, shape, 0);
    return true;
}

BUILD(one)
{
    if (!is_empty(o, o->in[0].type)) tuff_on_put(o, 0, o->row->one(g, wide(o, 0)));
    return !tuff_on_failed(o);
}

/* Before set 7 operand 1 could be laid along the axes from `axis` on. */
static tuff_val second(const struct tuff_onnx_op *o)
{
    tuff_val b = wide(o, 1);
    const int64_t axis = tuff_on_int(o, "axis", -1);
    struct tuff_shape shape = o->in[1].shape;
    if (!b || o->version >= 7 || axis < 0) return b;
    while (shape.rank + axis < o->in[0].shape.rank) shape.dim[shape.rank++] = 1;
    return tuff_reshape(o->g, b, shape);
}

BUILD(two)
{
    const enum tuff_onnx_dtype type = o->row->result ? o->row->result : o->in[0].type;
    if (is_empty(o, type)) return !tuff_on_failed(o);
    const tuff_val a = wide(o, 0), b = second(o);
    return tuff_on_put_as(o, 0, o->row->two(g, a, b), type);
}

BUILD(logic)
{
    if (is_empty(o, TUFF_ONNX_BOOL)) return !tuff_on_failed(o);
    const tuff_val a = tuff_on(o, 0), b = tuff_on(o, 1);
    if (OP_IS("And")) return tuff_on_put(o, 0, tuff_select(g, a, b, tuff_full(g, TUFF_BOOL, SCALAR, 0)));
    return tuff_on_put(o, 0, tuff_select(g, a, tuff_full(g, TUFF_BOOL, SCALAR, 1), b));
}

BUILD(mod)
{
    if (is_empty(o, o->in[0].type)) return !tuff_on_failed(o);
    const tuff_val a = wide(o, 0), b = wide(o, 1);
    return tuff_on_put(o, 0, tuff_on_int(o, "fmod", 0) ? tuff_fmod(g, a, b) : tuff_mod(g, a, b));
}

/* A whole base has a whole result, whatever the exponent is. */
BUILD(pow)
{
    if (is_empty(o, o->in[0].type)) return !tuff_on_failed(o);
    const tuff_val a = wide(o, 0), b = wide(o, 1);
    if (tuff_on_failed(o)) return false;
    const bool floats = tuff_is_float(tuff_type_of(g, a).dtype), whole = !tuff_is_float(tuff_type_of(g, b).dtype);
    if (o->in[1].known && tuff_shape_count(&o->in[1].shape) == 1 && o->in[1].shape.rank <= o->in[0].shape.rank && floats) {
        const double p = o->in[1].known[0];
        return tuff_on_put(o, 0, p == 2 ? tuff_square(g, a) : p == 0.5 ? tuff_sqrt(g, a) : tuff_pow_const(g, a, p, 0));
    }
    if (!floats && whole) return tuff_on_put(o, 0, tuff_pow(g, a, b));
    const tuff_val base = floats ? a : tuff_cast(g, a, TUFF_F32), exponent = whole ? tuff_cast(g, b, TUFF_F32) : b;
    return tuff_on_put(o, 0, tuff_pow(g, base, exponent));
}

BUILD(variadic)
{
    if (o->in_count == 0) return tuff_on_bad(o, "it has no operands");
    if (is_empty(o, o->in[0].type)) return !tuff_on_failed(o);
    tuff_val y = wide(o, 0);
    for (uint32_t i = 1; i < o->in_count; i++) {
        const tuff_val x = wide(o, i);
        y = OP_IS("Max") ? tuff_maximum(g, y, x) : OP_IS("Min") ? tuff_minimum(g, y, x) : tuff_add(g, y, x);
    }
    return tuff_on_put(o, 0, OP_IS("Mean") ? tuff_affine(g, y, 1.0 / o->in_count, 0) : y);
}

BUILD(clip)
{
    if (tuff_on_empty(o, 0)) return tuff_on_put_full(o, 0, o->in[0].type, o->in[0].shape, 0);
    tuff_val x = wide(o, 0);
    if (o->version < 11)
        return tuff_on_put(o, 0, tuff_clamp(g, x, tuff_on_number(o, "min", -FLT_MAX), tuff_on_number(o, "max", FLT_MAX)));
    if (tuff_on_has(o, 1)) x = tuff_maximum(g, x, wide(o, 1));
    if (tuff_on_has(o, 2)) x = tuff_minimum(g, x, wide(o, 2));
    return tuff_on_put(o, 0, x);
}

static bool cast_to(struct tuff_onnx_op *o, int64_t type)
{
    const struct tuff_onnx_type_row *row = tuff_onnx_type_row(type);
    if (!row->bits || o->in[0].type == TUFF_ONNX_STRING)
        return tuff_on_refuse(o, "a cast to or from type %lld is not covered", (long long)type);
    if (tuff_on_empty(o, 0)) return tuff_on_put_full(o, 0, (enum tuff_onnx_dtype)type, o->in[0].shape, 0);
    tuff_val x = row->dtype == TUFF_BOOL ? tuff_on(o, 0) : wide(o, 0);
    if (tuff_on_failed(o)) return false;
    if (!tuff_is_float(row->dtype) && row->dtype != TUFF_BOOL) x = tuff_cast(o->g, x, TUFF_I32);
    return tuff_on_put_as(o, 0, x, (enum tuff_onnx_dtype)type);
}

BUILD(cast) { return cast_to(o, tuff_on_int(o, "to", 0)); }
BUILD(cast_like) { return cast_to(o, o->in[1].type); }

BUILD(where)
{
    if (!is_empty(o, o->in[1].type))
        tuff_on_put_as(o, 0, tuff_select(g, tuff_on(o, 0), tuff_on(o, 1), tuff_on(o, 2)), o->in[1].type);
    return !tuff_on_failed(o);
}

/* ---- activations --------------------------------------------------------------------------------------------------------------------- */

BUILD(activation)
{
    const tuff_val x = tuff_on(o, 0);
    tuff_val y = 0;
    if (OP_IS("LeakyRelu")) y = tuff_leaky_relu(g, x, tuff_on_number(o, "alpha", 0.01), 0);
    if (OP_IS("Elu")) y = tuff_elu(g, x, tuff_on_number(o, "alpha", 1), 0);
    if (OP_IS("Gelu")) y = tuff_on_text_is(o, "approximate", "tanh", "none") ? tuff_gelu_tanh(g, x) : tuff_gelu(g, x);
    if (OP_IS("HardSigmoid"))
        y = tuff_clamp(g, tuff_affine(g, x, tuff_on_number(o, "alpha", 0.2), tuff_on_number(o, "beta", 0.5)), 0, 1);
    if (OP_IS("Selu")) {
        const double alpha = tuff_on_number(o, "alpha", 1.67326319217681884765625);
        y = tuff_affine(g, tuff_elu(g, x, alpha, 0), tuff_on_number(o, "gamma", 1.05070102214813232421875), 0);
    }
    if (OP_IS("Celu")) { /* max(0, x) + min(0, alpha (exp(x / alpha) - 1)) */
        const double alpha = tuff_on_number(o, "alpha", 1);
        y = tuff_affine(g, tuff_elu(g, tuff_affine(g, x, 1 / alpha, 0), 1, 0), alpha, 0);
    }
    if (OP_IS("Softsign")) y = tuff_div(g, x, tuff_affine(g, tuff_abs(g, x), 1, 1));
    if (OP_IS("Swish")) y = tuff_mul(g, x, tuff_sigmoid(g, tuff_affine(g, x, tuff_on_number(o, "alpha", 1), 0)));
    if (OP_IS("ThresholdedRelu")) {
        const tuff_val zero = tuff_on_one(g, tuff_type_of(g, x).dtype, 0);
        y = tuff_select(g, tuff_greater(g, x, tuff_scalar(g, tuff_on_number(o, "alpha", 1))), x, zero);
    }
    return tuff_on_put(o, 0, y);
}

BUILD(shrink)
{
    const double lambda = tuff_on_number(o, "lambd", 0.5), bias = tuff_on_number(o, "bias", 0);
    const tuff_val x = tuff_on_f32(o, 0), zero = tuff_scalar(g, 0);
    const tuff_val up = tuff_affine(g, x, 1, bias), down = tuff_affine(g, x, 1, -bias);
    const tuff_val low = tuff_select(g, tuff_less(g, x, tuff_scalar(g, -lambda)), up, zero);
    const tuff_val y = tuff_select(g, tuff_greater(g, x, tuff_scalar(g, lambda)), down, low);
    return tuff_on_put(o, 0, tuff_is_float(tuff_onnx_type_row(o->in[0].type)->dtype) ? y : tuff_cast(g, y, TUFF_I32));
}

/* The slope is broadcast to x, from the right. */
BUILD(prelu)
{
    const tuff_val x = wide(o, 0);
    tuff_val slope = wide(o, 1);
    struct tuff_shape channels = {.rank = o->in[0].shape.rank - 1, .dim = {0, 1, 1, 1, 1, 1, 1, 1}};
    if (tuff_on_failed(o)) return false;
    if (o->version < 7 && o->in[1].shape.rank == 1 && channels.rank > 1)
        slope = tuff_reshape(g, slope, channels); /* one for each channel */
    const tuff_val zero = tuff_full(g, tuff_dtype_wide(tuff_type_of(g, x).dtype), SCALAR, 0);
    const tuff_val sloped = tuff_mul(g, x, slope);
    return tuff_on_put(o, 0, tuff_select(g, tuff_less(g, x, zero), sloped, x));
}

BUILD(is_nan)
{
    const tuff_val x = tuff_on(o, 0);
    return tuff_on_put_as(o, 0, tuff_not_equal(g, x, x), TUFF_ONNX_BOOL);
}

BUILD(is_inf)
{
    const bool above = tuff_on_int(o, "detect_positive", 1), below = tuff_on_int(o, "detect_negative", 1);
    const tuff_val x = tuff_on_f32(o, 0), most = tuff_scalar(g, FLT_MAX), least = tuff_scalar(g, -FLT_MAX);
    const tuff_val up = tuff_greater(g, x, most), down = tuff_less(g, x, least), no = tuff_full(g, TUFF_BOOL, SCALAR, 0);
    const tuff_val y = above && below ? tuff_select(g, up, up, down)
                       : above        ? up
                       : below        ? down
                                      : tuff_expand(g, no, o->in[0].shape);
    return tuff_on_put_as(o, 0, y, TUFF_ONNX_BOOL);
}

/* In inference the identity; training needs training_mode (from set 12), which then must be known, and draws from the graph's rng. */
BUILD(dropout)
{
    tuff_val x = tuff_on(o, 0), keep = tuff_full(g, TUFF_BOOL, o->in[0].shape, 1);
    const double *asked = o->version >= 12 && tuff_on_has(o, 2) ? tuff_on_known(o, 2) : NULL;
    const bool training = tuff_on_training(o) || (asked && asked[0] != 0);
    const double *ratio = training && o->version >= 12 && tuff_on_has(o, 1) ? tuff_on_known(o, 1) : NULL;
    const double p = ratio ? ratio[0] : o->version < 12 ? tuff_on_number(o, "ratio", 0.5) : 0.5;
    if (training && p > 0) {
        const tuff_val bound = tuff_scalar(g, p), zero = tuff_scalar(g, 0);
        keep = tuff_greater_equal(g, tuff_random_uniform(g, tuff_rng_state(g), o->in[0].shape), bound);
        x = tuff_select(g, keep, tuff_affine(g, x, 1 / (1 - p), 0), zero);
        o->random = UINT64_C(1) << 63;
    }
    tuff_on_put(o, 0, x);
    return tuff_on_put_as(o, 1, keep, o->version < 7 ? o->in[0].type : TUFF_ONNX_BOOL);
}

/* ---- whole numbers beside a constant --------------------------------------------------------------------------------------------------- */

tuff_val tuff_on_plus(struct tuff_graph *g, tuff_val v, double n)
{
    return n == 0 ? v : tuff_add(g, v, tuff_on_one(g, TUFF_I32, n));
}

tuff_val tuff_on_times(struct tuff_graph *g, tuff_val v, double n)
{
    return n == 1 ? v : tuff_mul(g, v, tuff_on_one(g, TUFF_I32, n));
}

tuff_val tuff_on_from_end(struct tuff_graph *g, tuff_val v, double n)
{
    const tuff_val zero = tuff_on_one(g, TUFF_I32, 0), low = tuff_less(g, v, zero);
    return tuff_select(g, low, tuff_on_plus(g, v, n), v);
}
