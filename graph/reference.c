/* reference.c - evaluates a graph in double precision with the operators' definitions: what every device is compared with.
 * Needs a checked graph and the leaves' contents. Slow and simple on purpose. */
#include "graph/reference.h"
#include "graph/ops/leaf.h"

void tuff_reference_apply(const struct tuff_ref *ref)
{
    const struct tuff_value *value = ref->value;
    value->op->ref(ref);
    const enum tuff_integer_rule rule = tuff_op_integers(value->op);
    if ((rule != TUFF_INTEGERS_WRAP && rule != TUFF_INTEGERS_BYTES) || value->type.dtype != TUFF_I32) return;
    for (uint64_t i = tuff_shape_count(&value->type.shape); i-- > 0;) ref->out[i] = tuff_wrap_i32((int64_t)ref->out[i]);
}

tuff_status tuff_reference_value(const struct tuff_graph *g, tuff_val v, double **data)
{
    const struct tuff_value *value = &g->values[v];
    const double **in = tuff_alloc(g->context, (value->in_count + 1) * sizeof *in);
    struct tuff_type *types = tuff_alloc(g->context, (value->in_count + 1) * sizeof *types);
    data[v] = tuff_alloc(g->context, (size_t)tuff_shape_count(&value->type.shape) * sizeof **data);
    tuff_status status = in && types && data[v] ? TUFF_OK : TUFF_ERR_MEMORY;
    for (uint32_t i = 0; status == TUFF_OK && i < value->in_count; i++) {
        in[i] = value->in[i] ? data[value->in[i]] : NULL;
        if (value->in[i]) types[i] = g->values[value->in[i]].type;
    }
    if (status == TUFF_OK && value->op->ref) {
        struct tuff_ref ref = {.value = value, .in_types = types, .in = in, .out = data[v], .graph = g};
        tuff_reference_apply(&ref);
    }
    tuff_free(g->context, (void *)in);
    tuff_free(g->context, types);
    return status;
}

tuff_status tuff_reference_run(const struct tuff_graph *g, double **data)
{
    tuff_status status = TUFF_OK;
    for (tuff_val v = 1; v < g->count && status == TUFF_OK; v++)
        if (!data[v]) status = tuff_reference_value(g, v, data);
    return status;
}

double **tuff_reference_create(const struct tuff_graph *g) { return tuff_alloc(g->context, g->count * sizeof(double *)); }

void tuff_reference_destroy(const struct tuff_graph *g, double **data)
{
    for (tuff_val v = 1; data && v < g->count; v++) tuff_free(g->context, data[v]);
    tuff_free(g->context, data);
}
