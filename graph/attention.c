/* attention.c - attention and rotary positions, built from operators: their gradients follow from the parts. */
#include "graph/compose.h"
#include "graph/ops/view.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

static bool fits(const struct tuff_type *q, const struct tuff_type *k, const struct tuff_type *v)
{
    const uint32_t *a = q->shape.dim, *b = k->shape.dim, *c = v->shape.dim;
    if (q->shape.rank != 4 || k->shape.rank != 4 || v->shape.rank != 4) return false;
    if (q->dtype != TUFF_F32 || k->dtype != TUFF_F32 || v->dtype != TUFF_F32) return false;
    return a[0] == b[0] && a[0] == c[0] && b[1] == c[1] && a[1] % b[1] == 0 && a[3] == b[3] && b[2] == c[2];
}

/* The mask among {q, k, v, mask} is bool or f32 and broadcasts to the products. */
static bool takes_mask(struct tuff_graph *g, const tuff_val *in, struct tuff_shape products)
{
    if (!in[3]) return true;
    const struct tuff_type mask = tuff_type_of(g, in[3]);
    bool right = (mask.dtype == TUFF_BOOL || mask.dtype == TUFF_F32) && mask.shape.rank <= products.rank;
    for (uint32_t i = 1; right && i <= mask.shape.rank; i++) {
        uint32_t dim = mask.shape.dim[mask.shape.rank - i];
        right = dim == 1 || dim == products.dim[products.rank - i];
    }
    char text[128];
    if (!right)
        tuff_graph_refuse(g, TUFF_ERR_SHAPE, "attention", in, 4,
                          "the mask must be bool (true: seen) or f32 (added), and broadcast to the products %s",
                          tuff_shape_text(&products, text, sizeof text));
    return right;
}

/* Products [b, h, t, s] with what is not seen at -inf. */
static tuff_val masked(struct tuff_graph *g, tuff_val score, const struct tuff_attention_params *params)
{
    struct tuff_shape shape = tuff_type_of(g, score).shape, square = TUFF_SHAPE(shape.dim[2], shape.dim[3]);
    tuff_val seen = 0, mask = params->mask;
    bool adds = mask && tuff_type_of(g, mask).dtype != TUFF_BOOL;
    if (adds) score = tuff_add(g, score, mask);
    if (params->causal) {
        tuff_val column = tuff_iota(g, square, 1);
        seen = tuff_less_equal(g, column, tuff_iota(g, square, 0));
    }
    if (seen) score = tuff_select(g, seen, score, tuff_scalar(g, -INFINITY));
    if (mask && !adds) score = tuff_select(g, mask, score, tuff_scalar(g, -INFINITY));
    return score;
}

/* Softmax along the last axis, 0 where all is -inf: the sum's floor keeps gradients numbers (PyTorch's _safe_softmax). */
static tuff_val weights(struct tuff_graph *g, tuff_val score)
{
    tuff_val most = tuff_finite(g, tuff_detach(g, tuff_reduce_max(g, score, 1u << 3, TUFF_KEEP_AXES)));
    tuff_val e = tuff_exp(g, tuff_sub(g, score, most));
    tuff_val sum = tuff_sum(g, e, 1u << 3, TUFF_KEEP_AXES);
    return tuff_div(g, e, tuff_maximum(g, sum, tuff_scalar(g, TUFF_SUM_FLOOR)));
}

/* A group of heads that share keys is one matrix of their rows, so that nothing is repeated. */
tuff_val tuff_attention_weighted(struct tuff_graph *g, tuff_val q, tuff_val k, tuff_val v,
                                 struct tuff_attention_params params, tuff_val *weights_out)
{
    *weights_out = 0;
    const struct tuff_type tq = tuff_type_of(g, q), tk = tuff_type_of(g, k), tv = tuff_type_of(g, v);
    const tuff_val in[] = {q, k, v, params.mask};
    if (!tuff_graph_takes(g, "attention", in, params.mask ? 4 : 3)) return 0;
    if (!fits(&tq, &tk, &tv))
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "attention", in, 3,
                                 "it takes f32 q [b, h, t, d], k [b, hk, s, d] and v [b, hk, s, e], where hk divides h");
    if (!takes_mask(g, in, TUFF_SHAPE(tq.shape.dim[0], tq.shape.dim[1], tq.shape.dim[2], tk.shape.dim[2])) ||
        !tuff_graph_number(g, "attention", "scale", params.scale.value, -DBL_MAX, DBL_MAX))
        return 0;
    const uint32_t b = tq.shape.dim[0], h = tq.shape.dim[1], t = tq.shape.dim[2], d = tq.shape.dim[3];
    const uint32_t hk = tk.shape.dim[1], s = tk.shape.dim[2], e = tv.shape.dim[3], rows = h / hk * t;
    double scale = tuff_number_or(params.scale, 1 / sqrt(d));
    tuff_val score = tuff_matmul(g, tuff_reshape(g, q, TUFF_SHAPE(b, hk, rows, d)), k,
                                 (struct tuff_matmul_params){.transpose_b = true});
    score = tuff_reshape(g, tuff_affine(g, score, scale, 0), TUFF_SHAPE(b, h, t, s));
    tuff_val weight = weights(g, masked(g, score, &params));
    weight = *weights_out = tuff_layer_dropout(g, weight, params.dropout, true);
    weight = tuff_reshape(g, weight, TUFF_SHAPE(b, hk, rows, s));
    return tuff_reshape(g, tuff_matmul(g, weight, v, (struct tuff_matmul_params){.transpose_a = false}),
                        TUFF_SHAPE(b, h, t, e));
}

tuff_val tuff_attention(struct tuff_graph *g, tuff_val q, tuff_val k, tuff_val v, struct tuff_attention_params params)
{
    tuff_val weights;
    return tuff_attention_weighted(g, q, k, v, params, &weights);
}

/* ---- rotary positions --------------------------------------------------------------------------------------------------- */

/* A pair's two numbers lie along one axis of 2: axis 1 of [t, 2, d/2], or, interleaved, axis 2 of [t, d/2, 2]. The cosines have
 * one element there, the sines two: -sin for the first and +sin for the second of the pair. */
static tuff_val table(struct tuff_graph *g, uint32_t t, uint32_t pairs, bool sines, const struct tuff_rope_params *params)
{
    char name[120];
    const uint32_t both = sines ? 2 : 1;
    struct tuff_type type = {TUFF_F32, TUFF_SHAPE(t, both, pairs)};
    if (params->interleaved) type.shape = TUFF_SHAPE(t, pairs, both);
    snprintf(name, sizeof name, "rope.%s/%ux%u/%.17g/%u%s", sines ? "sin" : "cos", t, pairs, params->theta, params->first,
             params->interleaved ? "/interleaved" : "");
    tuff_val known = tuff_graph_find(g, name);
    if (known) return known; /* layers share it */
    float *data = tuff_alloc(g->context, (size_t)t * both * pairs * sizeof *data);
    if (!data) return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    for (uint32_t i = 0; i < t; i++)
        for (uint32_t k = 0; k < both; k++)
            for (uint32_t p = 0; p < pairs; p++) {
                double angle = ((double)params->first + i) * pow(params->theta, -(double)p / pairs);
                double value = sines ? (k ? sin(angle) : -sin(angle)) : cos(angle);
                data[params->interleaved ? (i * pairs + p) * both + k : (i * both + k) * pairs + p] = (float)value;
            }
    tuff_val v = tuff_constant(g, type, data);
    tuff_free(g->context, data);
    return tuff_named(g, v, name);
}

/* y = x cos + (x with each pair's numbers swapped) (-sin, +sin) */
tuff_val tuff_rope(struct tuff_graph *g, tuff_val x, struct tuff_rope_params params)
{
    const struct tuff_type type = tuff_type_of(g, x);
    const uint32_t rank = type.shape.rank;
    if (!tuff_graph_takes_one(g, "rope", x, 0)) return 0;
    if (type.dtype != TUFF_F32 || rank < 2 || rank >= TUFF_MAX_RANK || type.shape.dim[rank - 1] % 2)
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, "rope", &x, 1, "it must be f32 [.., t, d], d even, of 2 to %d axes",
                                 TUFF_MAX_RANK - 1);
    if (params.theta == 0) params.theta = 10000;
    if (!(params.theta > 0) || isinf(params.theta))
        return tuff_graph_fail(g, TUFF_ERR_USAGE, "rope: theta is %g; it must be finite and above 0", params.theta);
    const uint32_t t = type.shape.dim[rank - 2], pairs = type.shape.dim[rank - 1] / 2;
    const uint32_t axis = params.interleaved ? rank : rank - 1; /* of the 2 */
    struct tuff_shape split = type.shape;
    split.rank = rank + 1;
    split.dim[rank - 1] = params.interleaved ? pairs : 2;
    split.dim[rank] = params.interleaved ? 2 : pairs;
    tuff_val pair = tuff_reshape(g, x, split), swapped = tuff_slice_axis(g, pair, axis, 1, -1, 2);
    tuff_val cosines = table(g, t, pairs, false, &params), sines = table(g, t, pairs, true, &params);
    tuff_val y = tuff_mul(g, pair, cosines);
    return tuff_reshape(g, tuff_add(g, y, tuff_mul(g, swapped, sines)), type.shape);
}
