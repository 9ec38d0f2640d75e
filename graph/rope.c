/* rope.c - rotary positions, built from operators: their gradients follow from the parts. */
#include "graph/compose.h"
#include "graph/ops/view.h"

#include <math.h>
#include <stdio.h>

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
