/* lrn.c - local response normalisation over neighbouring channels (Krizhevsky, Sutskever and Hinton 2012; ONNX LRN-13).
 *
 *   y[n,c,i] = x[n,c,i] * s[n,c,i]^-beta,  s[n,c,i] = bias + alpha / size * sum_j x[n,j,i]^2,
 *   j from max(0, c - floor((size - 1) / 2)) to min(C - 1, c + ceil((size - 1) / 2)) */
#include "graph/bound.h"

#include <math.h>
#include <stddef.h>

struct attrs {
    double alpha, beta, bias;
    uint32_t size[2]; /* one number, and none: structs are compared by bytes */
};
static const struct tuff_attr attr_table[] = {
    {"alpha", "alpha", TUFF_ATTR_F64, 1, offsetof(struct attrs, alpha)},
    {"beta", "beta", TUFF_ATTR_F64, 1, offsetof(struct attrs, beta)},
    {"bias", "bias", TUFF_ATTR_F64, 1, offsetof(struct attrs, bias)},
    {"size", "size", TUFF_ATTR_U32S, 1, offsetof(struct attrs, size)},
};

static uint32_t before(const struct attrs *a) { return (a->size[0] - 1) / 2; }
static uint32_t after(const struct attrs *a) { return a->size[0] - 1 - before(a); }
static uint32_t inner_of(const struct tuff_shape *x)
{
    return (uint32_t)(tuff_shape_count(x) / ((uint64_t)x->dim[0] * x->dim[1]));
}

static tuff_status infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct attrs *a = infer->attrs;
    const struct tuff_type *x = infer->in[0];
    *out = x->shape;
    if (tuff_is_float(x->dtype) && x->shape.rank >= 2 && a->size[0] >= 1 && a->size[0] <= INT32_MAX && a->bias > 0 &&
        a->alpha >= 0 && isfinite(a->bias) && isfinite(a->alpha) && isfinite(a->beta))
        return TUFF_OK;
    return tuff_infer_refuse(
        infer,
        "it takes floats [n, c, ..], a size of at least 1 (%u), a bias above 0 (%g), an alpha not below (%g) and a "
        "finite beta (%g)",
        a->size[0], a->bias, a->alpha, a->beta);
}

/* Means over windows of channels as average pools of [n, 1, c, inner]. */
static tuff_val window_mean(struct tuff_graph *g, tuff_val v, uint32_t size, uint32_t first, uint32_t last)
{
    struct tuff_shape s = tuff_type_of(g, v).shape;
    struct tuff_pool2d_params p = {
        .kernel = {size, 1}, .stride = {1, 1}, .pad = {first, 0, last, 0}, .count_include_pad = true};
    tuff_val planes = tuff_reshape(g, v, TUFF_SHAPE(s.dim[0], 1, s.dim[1], inner_of(&s)));
    return tuff_reshape(g, tuff_avg_pool2d(g, planes, p), s);
}

/* gx = gy s^-beta - 2 alpha beta / size x W'(gy y / s), where W' sums over the windows that an element lies in. */
static void grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct attrs a = *(const struct attrs *)tuff_value_of(g, y)->attrs;
    tuff_val x = tuff_cast(g, tuff_value_of(g, y)->in[0], TUFF_F32);
    tuff_val s = tuff_affine(g, window_mean(g, tuff_square(g, x), a.size[0], before(&a), after(&a)), a.alpha, a.bias);
    tuff_val shares = window_mean(g, tuff_div(g, tuff_mul(g, gy, y), s), a.size[0], after(&a), before(&a));
    tuff_val through = tuff_affine(g, tuff_mul(g, x, shares), -2 * a.alpha * a.beta, 0);
    gin[0] = tuff_add(g, tuff_mul(g, gy, tuff_pow_const(g, s, -a.beta, 0)), through);
}

static tuff_status lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    const struct attrs *a = lower->value->attrs;
    const struct tuff_shape *x = &lower->in[0]->shape;
    uint32_t channels = x->dim[1], most = channels - 1;
    uint32_t first = before(a) < most ? before(a) : most, last = after(a) < most ? after(a) : most;
    uint64_t count = tuff_shape_count(x);
    TUFF_TRY(tuff_lower_rounds(lower, first + last + 1));
    call->file = "lrn";
    TUFF_CALL(call, lrn, .SIZE = 64, .SHORT = inner_of(x) < 4, .ALIGNED = inner_of(x) % 4 == 0, .count = (uint32_t)count,
              .channels = channels, .inner = inner_of(x), .before = first, .after = last,
              .share = (float)(a->alpha / a->size[0]), .bias = (float)a->bias, .power = (float)-a->beta);
    tuff_call_grid(call, lower->caps, (count + 255) / 256);
    return TUFF_OK;
}

/* s of an element, and how far a device's may lie from it, with operands that lie within e of x (NULL: they are exact). */
static double sum_of(const struct attrs *a, const struct tuff_shape *shape, const double *x, const double *e, uint64_t at,
                     double *error)
{
    uint64_t inner = inner_of(shape), channels = shape->dim[1], c = at / inner % channels;
    double sum = 0, apart = 0, share = a->alpha / a->size[0];
    for (uint64_t j = c > before(a) ? c - before(a) : 0; j < channels && j <= c + after(a); j++) {
        uint64_t k = at - c * inner + j * inner;
        sum += x[k] * x[k];
        if (e) apart += 2 * fabs(x[k]) * e[k] + e[k] * e[k];
    }
    double s = a->bias + share * sum;
    if (error) *error = share * apart + (a->size[0] + 4) * TUFF_ULP * (s + share * apart);
    return s;
}

static void ref(const struct tuff_ref *ref)
{
    const struct attrs *a = ref->value->attrs;
    const struct tuff_shape *shape = &ref->in_types[0].shape;
    for (uint64_t i = tuff_shape_count(shape); i-- > 0;)
        ref->out[i] = ref->in[0][i] * pow(sum_of(a, shape, ref->in[0], NULL, i, NULL), -a->beta);
}

/* The power falls or rises with s; its own rounding: log 3 ulp, or 2^-21 near 1, a product, and exp's 3 + 2 |l| ulp of its argument. */
static tuff_status bound(const struct tuff_bound *b)
{
    const struct attrs *a = b->value->attrs;
    for (uint64_t i = 0; i < b->count; i++) {
        double apart, x = fabs(b->in[0][i]), e = b->error[0][i];
        double s = sum_of(a, &b->in_types[0].shape, b->in[0], b->error[0], i, &apart), p = pow(s, -a->beta);
        double away = fmax(fabs(pow(s - apart, -a->beta) - p), fabs(pow(s + apart, -a->beta) - p));
        double l = fabs(log(s)), rounding = ((4 + 4 * l) * fabs(a->beta) + 3 + 2 * l * fabs(a->beta)) * TUFF_ULP * p;
        b->bound[i] = s > apart ? (x + e) * (away + rounding) + e * p + TUFF_ULP * x * p + TUFF_TINY : INFINITY;
    }
    return TUFF_OK;
}

static double terms(const struct tuff_value *value, const struct tuff_type *in_types)
{
    (void)in_types;
    return ((const struct attrs *)value->attrs)->size[0];
}

tuff_val tuff_lrn(struct tuff_graph *g, tuff_val x, struct tuff_lrn_params params)
{
    const struct attrs attrs = {.alpha = params.alpha != 0 ? params.alpha : 0.0001,
                                .beta = params.beta != 0 ? params.beta : 0.75,
                                .bias = params.bias != 0 ? params.bias : 1,
                                .size = {params.size}};
    return tuff_graph_add(g, &tuff_op_lrn, &x, 1, &attrs);
}

static const struct tuff_case examples[2] = {
    {"odd", {TUFF_TYPE(TUFF_F32, 2, 7, 5, 3)}, 1, {0}, 0, &(struct attrs){0.5, 0.75, 2, {5}}},
    {"8x96x55x55", {TUFF_TYPE(TUFF_F32, 8, 96, 55, 55)}, 1, {0}, 0, &(struct attrs){0.0005, 0.75, 2, {5}}},
};
const struct tuff_op tuff_op_lrn = {
    .name = "lrn",
    .edges = "overflows where a square does",
    .onnx = "LRN",
    TUFF_LAUNCH(lower),
    TUFF_OPERANDS(1, 1),
    TUFF_ATTRS(attr_table, struct attrs),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .terms = terms,
    .bound = bound,
    .examples = examples,
};
