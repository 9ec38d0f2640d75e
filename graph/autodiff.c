/* autodiff.c - gradients as more graph: walks back from a value, asks each operator for its gradient, joins where several
 * meet. Needs a checked graph. Promises: adds values only, changes none (style 3.5). */
#include "graph/op.h"

/* Marks every value that depends on one of x. */
static void mark_dependents(const struct tuff_graph *g, const tuff_val *x, uint32_t count, uint32_t end, bool *depends)
{
    for (uint32_t k = 0; k < count; k++)
        if (x[k] < end) depends[x[k]] = true;
    for (uint32_t v = 1; v < end; v++)
        for (uint32_t i = 0; i < g->values[v].in_count && !depends[v]; i++) depends[v] = depends[g->values[v].in[i]];
}

/* Adds the gradients of v's inputs to what they have. */
static void step_back(struct tuff_graph *g, tuff_val v, tuff_val *grads, const bool *depends)
{
    const struct tuff_value value = *tuff_value_of(g, v); /* a copy: adding moves the table */
    if (!value.op->grad || value.in_count == 0) return;
    tuff_val few[8] = {0};
    tuff_val *gin = value.in_count <= TUFF_COUNT(few) ? few : tuff_arena_alloc(&g->arena, value.in_count * sizeof *gin);
    if (!gin) {
        tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
        return;
    }
    value.op->grad(g, v, grads[v], gin);
    for (uint32_t i = 0; i < value.in_count; i++) {
        tuff_val in = value.in[i];
        if (!in || !gin[i] || !depends[in]) continue;
        grads[in] = grads[in] ? tuff_add(g, grads[in], gin[i]) : gin[i];
    }
}

void tuff_gradients(struct tuff_graph *g, tuff_val y, tuff_val gy, const tuff_val *x, uint32_t count, tuff_val *gx)
{
    for (uint32_t k = 0; k < count; k++) gx[k] = 0;
    if (g->status != TUFF_OK) return;
    if (y == 0 || y >= g->count) {
        tuff_graph_fail(g, TUFF_ERR_USAGE, "gradients: y is not a value of this graph");
        return;
    }
    struct tuff_shape shape = tuff_type_of(g, y).shape, weights = tuff_type_of(g, gy).shape;
    if (gy && !tuff_shape_equal(&shape, &weights)) {
        char a[128], b[128];
        tuff_graph_fail(g, TUFF_ERR_SHAPE, "gradients: y is %s, its weights are %s", tuff_shape_text(&shape, a, sizeof a),
                        tuff_shape_text(&weights, b, sizeof b));
        return;
    }
    uint32_t end = g->count;
    bool *depends = tuff_arena_alloc(&g->arena, end * sizeof *depends);
    tuff_val *grads = tuff_arena_alloc(&g->arena, end * sizeof *grads);
    if (!depends || !grads) {
        tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
        return;
    }
    mark_dependents(g, x, count, end, depends);
    grads[y] = gy ? tuff_cast(g, gy, TUFF_F32) : tuff_full(g, TUFF_F32, tuff_type_of(g, y).shape, 1);
    for (tuff_val v = y; v > 0 && g->status == TUFF_OK; v--)
        if (grads[v] && depends[v]) step_back(g, v, grads, depends);
    for (uint32_t k = 0; k < count; k++) {
        tuff_val found = x[k] && x[k] < end ? grads[x[k]] : 0;
        gx[k] = found ? found : tuff_full(g, TUFF_F32, tuff_type_of(g, x[k]).shape, 0);
        if (tuff_type_of(g, x[k]).dtype == TUFF_F16) gx[k] = tuff_cast(g, gx[k], TUFF_F16);
    }
}
