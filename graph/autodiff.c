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

/* What the gradients read instead of values that are computed again: their twins. */
struct twins {
    struct tuff_graph *g;
    const bool *again; /* the value has a twin; NULL: none has */
    tuff_val *of;      /* [arena] what twins read in its place: its twin, or itself behind a checkpoint; 0: none yet */
    bool *wanted;      /* [arena] */
};

static bool is_number(const struct tuff_value *value)
{
    return value->op->kind == TUFF_KIND_FULL || value->op->kind == TUFF_KIND_CONSTANT;
}

static tuff_val make_twin(struct twins *t, tuff_val v)
{
    const struct tuff_value value = *tuff_value_of(t->g, v); /* a copy: adding moves the table */
    if (!t->again[v]) return is_number(&value) ? v : tuff_checkpoint(t->g, v);
    tuff_val *in = tuff_arena_alloc(&t->g->arena, (value.in_count + 1) * sizeof *in);
    if (!in) return tuff_graph_fail(t->g, TUFF_ERR_MEMORY, "out of host memory");
    for (uint32_t i = 0; i < value.in_count; i++) in[i] = value.in[i] ? t->of[value.in[i]] : 0;
    return tuff_graph_add(t->g, value.op, in, value.in_count, value.attrs);
}

/* v's twin, made here with those that it needs, so that their place in the graph is before what reads them first. */
static tuff_val twin_of(struct twins *t, tuff_val v)
{
    if (!t->again || !v || !t->again[v]) return v;
    tuff_val first = v;
    uint32_t missing = !t->of[v];
    t->wanted[v] = missing;
    for (tuff_val u = v; missing > 0; u--) {
        if (!t->wanted[u]) continue;
        const struct tuff_value *value = tuff_value_of(t->g, u);
        missing--;
        first = u;
        for (uint32_t i = 0; i < value->in_count && t->again[u]; i++) {
            tuff_val in = value->in[i];
            if (!in || t->of[in] || t->wanted[in]) continue;
            t->wanted[in] = true;
            missing++;
        }
    }
    for (tuff_val u = first; u <= v && tuff_graph_ok(t->g); u++) {
        if (t->wanted[u]) t->of[u] = make_twin(t, u);
        if (t->of[u] > u) t->g->values[t->of[u]].twin_of = u;
        t->wanted[u] = false;
    }
    return t->of[v];
}

/* Without checkpoints nothing has a twin; with them all that they follow from and that is not kept. */
static bool find_twins(struct twins *t, const bool *again, uint32_t end)
{
    bool *before = tuff_graph_alloc(t->g, end * sizeof *before), found = again != NULL;
    t->of = tuff_graph_alloc(t->g, end * sizeof *t->of);
    t->wanted = tuff_graph_alloc(t->g, end * sizeof *t->wanted);
    if (!before || !t->of || !t->wanted) return false;
    for (tuff_val v = end; v-- > 1 && !again;) {
        const struct tuff_value *value = tuff_value_of(t->g, v);
        if (value->op->traits & TUFF_STAYS_APART) before[v] = found = true;
        for (uint32_t i = 0; i < value->in_count && before[v]; i++)
            if (value->in[i]) before[value->in[i]] = true;
        before[v] = before[v] && !tuff_op_is_given(value->op);
    }
    if (found) t->again = again ? again : before;
    return true;
}

/* Asks the operator of v, which reads twins where its operands have some. What is kept shows them as its operands while it is asked, so
 * that its own result is read as it is; further results of a kernel are of its own operands. */
static void ask(struct twins *t, tuff_val v, tuff_val gy, tuff_val *gin)
{
    struct tuff_graph *g = t->g;
    const struct tuff_value value = *tuff_value_of(g, v); /* a copy: adding moves the table */
    tuff_val twin = twin_of(t, v);
    tuff_val *in = tuff_graph_alloc(g, (value.in_count + 1) * sizeof *in);
    for (uint32_t i = 0; i < value.in_count && in && twin == v; i++)
        in[i] = value.op->more_count ? value.in[i] : twin_of(t, value.in[i]);
    if (!tuff_graph_ok(g)) return;
    if (twin == v) g->values[v].in = in;
    value.op->grad(g, twin, gy, gin);
    g->values[v].in = value.in;
}

/* Adds the gradients of v's inputs to what they have. */
static void step_back(struct tuff_graph *g, tuff_val v, tuff_val *grads, const bool *depends, struct twins *twins)
{
    const struct tuff_value value = *tuff_value_of(g, v); /* a copy: adding moves the table */
    if (!value.op->grad || value.in_count == 0) return;
    tuff_val few[8] = {0};
    tuff_val *gin = value.in_count <= TUFF_COUNT(few) ? few : tuff_graph_alloc(g, value.in_count * sizeof *gin);
    if (!gin) return;
    ask(twins, v, grads[v], gin);
    for (uint32_t i = 0; i < value.in_count; i++) {
        tuff_val in = value.in[i];
        if (!in || !gin[i] || !depends[in]) continue;
        grads[in] = grads[in] ? tuff_add(g, grads[in], gin[i]) : gin[i];
    }
}

static bool takes(struct tuff_graph *g, tuff_val y, tuff_val gy, const tuff_val *x, uint32_t count, const tuff_val *gx)
{
    const char *what = "gradients";
    struct tuff_shape shape = tuff_type_of(g, y).shape, weights = tuff_type_of(g, gy).shape;
    if (!tuff_graph_takes_one(g, what, y, 0) || (gy && !tuff_graph_takes_one(g, what, gy, 1))) return false;
    if (count && (!x || !gx)) return tuff_graph_refuse(g, TUFF_ERR_USAGE, what, &y, 1, "an array is missing (NULL)") != 0;
    if (gy && !tuff_shape_equal(&shape, &weights))
        return tuff_graph_refuse(g, TUFF_ERR_SHAPE, what, (tuff_val[]){y, gy}, 2,
                                 "the weights must have the shape of what they weigh") != 0;
    for (uint32_t k = 0; k < count; k++) {
        if (!tuff_graph_takes_one(g, what, x[k], k + 2)) return false;
        if (tuff_is_blocks(tuff_type_of(g, x[k]).dtype))
            return tuff_graph_refuse(g, TUFF_ERR_USAGE, what, (tuff_val[]){y, x[k]}, 2, "quantized weights have none") != 0;
    }
    return true;
}

void tuff_gradients_again(struct tuff_graph *g, tuff_val y, tuff_val gy, const tuff_val *x, uint32_t count, tuff_val *gx,
                          const bool *again)
{
    for (uint32_t k = 0; gx && k < count; k++) gx[k] = 0;
    if (!takes(g, y, gy, x, count, gx)) return;
    uint32_t end = g->count;
    bool *depends = tuff_graph_alloc(g, end * sizeof *depends);
    tuff_val *grads = tuff_graph_alloc(g, end * sizeof *grads);
    struct twins twins = {.g = g};
    if (!depends || !grads || !find_twins(&twins, again, end)) return;
    mark_dependents(g, x, count, end, depends);
    grads[y] = gy ? tuff_cast(g, gy, TUFF_F32) : tuff_full(g, TUFF_F32, tuff_type_of(g, y).shape, 1);
    for (tuff_val v = y; v > 0 && tuff_graph_ok(g); v--)
        if (grads[v] && depends[v]) step_back(g, v, grads, depends, &twins);
    for (uint32_t k = 0; k < count; k++) {
        tuff_val found = x[k] && x[k] < end ? grads[x[k]] : 0;
        gx[k] = found ? found : tuff_full(g, TUFF_F32, tuff_type_of(g, x[k]).shape, 0);
        if (tuff_is_float(tuff_type_of(g, x[k]).dtype)) gx[k] = tuff_cast(g, gx[k], tuff_type_of(g, x[k]).dtype);
    }
}

void tuff_gradients(struct tuff_graph *g, tuff_val y, tuff_val gy, const tuff_val *x, uint32_t count, tuff_val *gx)
{
    tuff_gradients_again(g, y, gy, x, count, gx, NULL);
}
