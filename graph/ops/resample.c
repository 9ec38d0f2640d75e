/* resample.c - an axis as weighted sums of few of its elements: interpolation, windows, filters. The gradient by x is the same operator, whose
 * tables say for each element of x which results read it, where places and weights are constants; else a sum at indexed places.
 *
 *   y[.., i, ..] = sum_k weights[i,k] x[.., places[i,k], ..]        a weight of 0 reads nothing */
#include "graph/bound.h"
#include "graph/ops/view.h"
#include "graph/spatial.h"

#include <stddef.h>

static int axis_of(const struct tuff_value *value) { return ((const struct tuff_axis_attrs *)value->attrs)->axis; }

struct sizes {
    uint64_t outer, inner;
    uint32_t m, n, taps;
};
static struct sizes measure(const struct tuff_shape *x, const struct tuff_shape *places, int axis)
{
    struct sizes s = {.m = x->dim[axis], .n = places->dim[0], .taps = places->dim[1]};
    tuff_around_axis(x, axis, &s.outer, &s.inner);
    return s;
}

static tuff_status infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_type *x = infer->in[0], *places = infer->in[1], *weights = infer->in[2];
    int axis = ((const struct tuff_axis_attrs *)infer->attrs)->axis;
    if (axis < 0 || (uint32_t)axis >= x->shape.rank) return tuff_infer_refuse(infer, "there is no axis %d", axis);
    if (!tuff_is_float(x->dtype) || places->dtype != TUFF_I32 || !tuff_is_float(weights->dtype))
        return tuff_infer_refuse(infer, "it takes floats, places of i32 and weights of floats: cast them");
    if (places->shape.rank != 2 || !tuff_shape_equal(&places->shape, &weights->shape))
        return tuff_infer_refuse(infer, "places and weights must both be [n, taps]");
    *out = x->shape;
    out->dim[axis] = places->shape.dim[0];
    return TUFF_OK;
}

/* ---- gradients ---------------------------------------------------------------------------------------------------------- */

static int32_t place_of(const struct tuff_value *places, uint32_t m, uint64_t k)
{
    int64_t place = (int64_t)tuff_element(tuff_host_type(places).dtype, places->data, k);
    if (place < 0) place += m;
    return (int32_t)(place < 0 ? 0 : place >= m ? m - 1 : place);
}

struct tap {
    int32_t place;
    double weight;
};

/* The taps of an element of x, from those of the results: at most `most`, counted by `counts`. */
static void transpose(const struct sizes *s, const struct tap *taps, uint32_t most, uint32_t *counts, int32_t *places,
                      double *weights)
{
    memset(counts, 0, s->m * sizeof *counts);
    for (uint32_t i = 0; i < s->n; i++)
        for (uint32_t k = 0; k < s->taps; k++) {
            const struct tap *t = &taps[(uint64_t)i * s->taps + k];
            if (t->weight == 0) continue;
            uint64_t to = (uint64_t)t->place * most + counts[t->place]++;
            if (places) places[to] = (int32_t)i, weights[to] = t->weight;
        }
}

/* Of constant tables; 0: they are not, or the graph failed. */
static tuff_val transposed(struct tuff_graph *g, const struct tuff_value *v, const struct sizes *s, tuff_val gy)
{
    const struct tuff_value *places = tuff_value_of(g, v->in[1]), *weights = tuff_value_of(g, v->in[2]);
    uint64_t count = (uint64_t)s->n * s->taps;
    uint32_t most = 1;
    if (places->op->kind != TUFF_KIND_CONSTANT || weights->op->kind != TUFF_KIND_CONSTANT)
        return 0; /* a parameter's data are its first ones */
    struct tap *taps = tuff_arena_alloc(&g->arena, (size_t)count * sizeof *taps);
    uint32_t *counts = tuff_arena_alloc(&g->arena, s->m * sizeof *counts);
    for (uint64_t i = 0; taps && i < count; i++) {
        taps[i].place = place_of(places, s->m, i);
        taps[i].weight = tuff_element(tuff_host_type(weights).dtype, weights->data, i);
    }
    if (taps && counts) transpose(s, taps, 0, counts, NULL, NULL);
    for (uint32_t j = 0; counts && j < s->m; j++) most = counts[j] > most ? counts[j] : most;
    int32_t *back = tuff_arena_alloc(&g->arena, (size_t)s->m * most * sizeof *back);
    double *by = tuff_arena_alloc(&g->arena, (size_t)s->m * most * sizeof *by);
    if (!taps || !counts || !back || !by) return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    transpose(s, taps, most, counts, back, by);
    const struct tuff_shape shape = TUFF_SHAPE(s->m, most);
    tuff_val p = tuff_constant(g, (struct tuff_type){TUFF_I32, shape}, back),
             w = tuff_constant(g, (struct tuff_type){TUFF_F64, shape}, by);
    return tuff_resample(g, gy, p, w, axis_of(v));
}

static void grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value v = *tuff_value_of(g, y);
    const struct tuff_shape x = tuff_type_of(g, v.in[0]).shape;
    const struct sizes s = measure(&x, &tuff_value_of(g, v.in[1])->type.shape, axis_of(&v));
    const uint32_t outer = (uint32_t)s.outer, inner = (uint32_t)s.inner, count = s.n * s.taps;
    gin[0] = transposed(g, &v, &s, gy);
    if (gin[0] || !tuff_graph_ok(g)) return;
    tuff_val rows = tuff_reshape(g, gy, TUFF_SHAPE(outer, s.n, 1, inner));
    tuff_val parts = tuff_mul(g, rows, tuff_reshape(g, v.in[2], TUFF_SHAPE(s.n, s.taps, 1)));
    tuff_val at = tuff_reshape(g, v.in[1], TUFF_SHAPE(1, count, 1)),
             zeros = tuff_full(g, TUFF_F32, TUFF_SHAPE(outer, s.m, inner), 0);
    parts = tuff_reshape(g, parts, TUFF_SHAPE(outer, count, inner));
    gin[0] = tuff_reshape(g, tuff_scatter_add(g, zeros, at, parts, 1), x);
    tuff_val read = tuff_gather(g, tuff_reshape(g, v.in[0], TUFF_SHAPE(outer, s.m, inner)), v.in[1], 1);
    gin[2] = tuff_sum(g, tuff_mul(g, read, rows), 1u << 0 | 1u << 3, TUFF_DROP_AXES);
}

/* ---- one launch --------------------------------------------------------------------------------------------------------- */

/* Do four results in a row read from four elements in a row? False where nobody knows. */
static bool is_near(const struct tuff_value *places, const struct tuff_value *weights, const struct sizes *s)
{
    if (!places || !weights) return false;
    for (uint32_t i = 0; i < s->n; i += 4) {
        int32_t low = INT32_MAX, high = 0;
        for (uint64_t k = (uint64_t)i * s->taps; k < (uint64_t)(i + 4) * s->taps && k < (uint64_t)s->n * s->taps; k++) {
            if (tuff_element(tuff_host_type(weights).dtype, weights->data, k) == 0) continue;
            int32_t place = place_of(places, s->m, k);
            low = place < low ? place : low;
            high = place > high ? place : high;
        }
        if (high > low + 3) return false;
    }
    return true;
}

static tuff_status lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    const struct sizes s = measure(&lower->in[0]->shape, &lower->in[1]->shape, axis_of(lower->value));
    int way = s.inner % 4 == 0 ? 1 : s.inner == 1 ? 2 : 0; /* of shaders/resample.comp */
    uint32_t taps = way && s.taps <= 4 ? s.taps : 0, each = taps && tuff_is_software(lower->caps) ? 8 : 1;
    uint64_t parts = way == 2 ? ((uint64_t)s.n + 3) / 4 : (s.inner / 4 + each - 1) / each;
    uint64_t count = way == 2   ? (s.outer + each - 1) / each * parts
                     : way == 1 ? s.outer * s.n * parts
                                : tuff_shape_count(&lower->value->type.shape);
    TUFF_TRY(tuff_lower_rounds(lower, s.taps + 4));
    call->file = "resample";
    tuff_call_define(call, "WAY", way);
    TUFF_CALL(call, resample, .SIZE = 64, .TAPS = taps, .EACH = each, .TAIL = s.n % 4 != 0,
              .NEAR = way == 2 && taps && is_near(lower->constant[1], lower->constant[2], &s), .count = (uint32_t)count,
              .n = s.n, .m = s.m, .inner = (uint32_t)s.inner, .taps = s.taps, .parts = (uint32_t)parts,
              .outer = (uint32_t)s.outer, .last = (uint32_t)((tuff_shape_count(&lower->in[0]->shape) - 1) / 4));
    tuff_call_grid(call, lower->caps, (count + 63) / 64);
    return TUFF_OK;
}

static void ref(const struct tuff_ref *ref)
{
    const struct sizes s = measure(&ref->in_types[0].shape, &ref->in_types[1].shape, axis_of(ref->value));
    uint64_t at = 0;
    for (uint64_t o = 0; o < s.outer; o++)
        for (uint64_t i = 0; i < s.n; i++)
            for (uint64_t c = 0; c < s.inner; c++, at++)
                for (uint64_t k = i * s.taps; k < (i + 1) * s.taps; k++) {
                    double place = ref->in[1][k] < 0 ? ref->in[1][k] + s.m : ref->in[1][k];
                    uint64_t from = place < 0 ? 0 : place >= s.m ? s.m - 1 : (uint64_t)place;
                    if (ref->in[2][k] != 0) ref->out[at] += ref->in[2][k] * ref->in[0][(o * s.m + from) * s.inner + c];
                }
}

static double terms(const struct tuff_value *value, const struct tuff_type *in_types)
{
    (void)value;
    return in_types[1].shape.dim[1];
}

tuff_val tuff_resample(struct tuff_graph *g, tuff_val x, tuff_val places, tuff_val weights, int axis)
{
    return tuff_add_along(g, &tuff_op_resample, (tuff_val[]){x, places, weights}, 3, axis);
}

static const struct tuff_case examples[2] = {
    {"line",
     {TUFF_TYPE(TUFF_F32, 5), TUFF_TYPE(TUFF_I32, 7, 2), TUFF_TYPE(TUFF_F32, 7, 2)},
     3,
     {0, TUFF_DOMAIN_INDEX},
     5,
     &(struct tuff_axis_attrs){0}},
    {"8x64x56x56 to 112",
     {TUFF_TYPE(TUFF_F32, 8, 64, 56, 56), TUFF_TYPE(TUFF_I32, 112, 2), TUFF_TYPE(TUFF_F32, 112, 2)},
     3,
     {0, TUFF_DOMAIN_INDEX},
     56,
     &(struct tuff_axis_attrs){2}},
};
const struct tuff_op tuff_op_resample = {
    .name = "resample",
    .edges = "a weight of 0 reads nothing, NaN neither",
    TUFF_LAUNCH(lower),
    .traits = TUFF_TAKES_PLACES,
    TUFF_OPERANDS(3, 3),
    TUFF_ATTRS(tuff_axis_attr, struct tuff_axis_attrs),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    TUFF_SUMS(terms),
    .examples = examples,
};
