/* result.c - a further result of a kernel that has several. Operand 0 is the kernel, the others are the kernel's own: so it is evaluated, and its
 * error bounded, by the kernel's definition. On the device the kernel's launch writes it (graph/compile/groups.c). */
#include "graph/bound.h"

struct attrs {
    int32_t index;
};
static const struct tuff_attr attr[] = {{"index", "", TUFF_ATTR_I32, 1, offsetof(struct attrs, index)}};

uint32_t tuff_result_index(const struct tuff_value *value) { return (uint32_t)((const struct attrs *)value->attrs)->index; }

static tuff_status infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_value *kernel = tuff_value_of(infer->graph, infer->in_values[0]);
    int32_t index = ((const struct attrs *)infer->attrs)->index;
    bool operands = infer->in_count == kernel->in_count + 1;
    for (uint32_t i = 0; i < kernel->in_count && operands; i++) operands = infer->in_values[i + 1] == kernel->in[i];
    if (index < 1 || index > (int32_t)kernel->op->more_count || !operands) {
        tuff_graph_fail(infer->graph, TUFF_ERR_SHAPE,
                        "result: %s has %u results; number %d, of other operands or none, was asked for", kernel->op->name,
                        kernel->op->more_count + 1u, (int)index);
        return TUFF_ERR_SHAPE;
    }
    struct tuff_type types[TUFF_MOST_RESULTS] = {{.dtype = TUFF_F32}};
    TUFF_TRY(tuff_op_types(infer->graph, kernel->op, kernel->in, kernel->in_count, kernel->attrs, types));
    *out = types[index].shape;
    return TUFF_OK;
}

static void ref(const struct tuff_ref *ref)
{
    const struct tuff_value *kernel = tuff_value_of(ref->graph, ref->value->in[0]);
    struct tuff_ref of_kernel = *ref;
    of_kernel.value = kernel;
    of_kernel.in_types = ref->in_types + 1;
    of_kernel.in = ref->in + 1;
    of_kernel.result = tuff_result_index(ref->value);
    kernel->op->ref(&of_kernel);
}

static tuff_status bound(const struct tuff_bound *b)
{
    struct tuff_bound of_kernel = *b;
    uint32_t index = tuff_result_index(b->value);
    of_kernel.value = tuff_value_of(b->graph, b->value->in[0]);
    of_kernel.in_types = b->in_types + 1;
    of_kernel.in = b->in + 1;
    of_kernel.error = b->error + 1;
    of_kernel.result = index;
    const struct tuff_op *op = of_kernel.value->op;
    return op->bound ? op->bound(&of_kernel) : tuff_bound_by(&of_kernel, op->more[index - 1].error);
}

void tuff_composed_gradients(struct tuff_graph *g, const struct tuff_value *kernel, uint32_t index, tuff_val gy,
                             tuff_val *gin)
{
    tuff_val results[TUFF_MOST_RESULTS] = {0};
    if (kernel->op->compose && kernel->op->compose(g, kernel, kernel->in, results))
        tuff_gradients(g, results[index], gy, kernel->in, kernel->in_count, gin);
}

/* Value v of g into copy; results of kernels are in rows of TUFF_MOST_RESULTS. */
static tuff_val copy_of(struct tuff_graph *copy, const struct tuff_graph *g, tuff_val v, const tuff_val *map,
                        tuff_val *results)
{
    const struct tuff_value *old = &g->values[v];
    tuff_val *in = tuff_graph_alloc(copy, (old->in_count + 1) * sizeof *in), *own = results + v * TUFF_MOST_RESULTS,
             made = 0;
    for (uint32_t i = 0; i < old->in_count && in; i++) in[i] = map[old->in[i]];
    if (!in) return 0;
    if (old->op->class == TUFF_CLASS_RESULT) {
        own = results + old->in[0] * TUFF_MOST_RESULTS;
        made = own[0] ? own[tuff_result_index(old)] : tuff_result(copy, in[0], tuff_result_index(old));
    } else if (old->op->compose) {
        if (old->op->compose(copy, old, in, own)) made = own[0];
    } else if ((made = tuff_graph_add(copy, old->op, in, old->in_count, old->attrs)) != 0) {
        copy->values[made].data = old->data;
    }
    return made && old->name && !copy->values[made].name ? tuff_named(copy, made, old->name) : made;
}

tuff_status tuff_graph_composed(const struct tuff_graph *g, struct tuff_graph **copy, tuff_val *map,
                                struct tuff_error *error)
{
    struct tuff_graph *made = NULL;
    tuff_val *results = tuff_alloc(g->context, g->count * TUFF_MOST_RESULTS * sizeof *results);
    tuff_status status = results ? tuff_graph_create(g->context, &made, error) : tuff_fail_memory(g->context, error);
    if (status == TUFF_OK) made->own_rows = g->own_rows;
    map[0] = 0;
    for (tuff_val v = 1; v < g->count && status == TUFF_OK; v++)
        if (!(map[v] = copy_of(made, g, v, map, results))) status = tuff_graph_finish(made, error);
    tuff_free(g->context, results);
    if (status != TUFF_OK) tuff_graph_destroy(made);
    *copy = status == TUFF_OK ? made : NULL;
    return status;
}

/* That of a kernel's first result is the kernel's own; of others it is there where they are composed of other operators. */
static void grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    const struct tuff_value kernel = *tuff_value_of(g, tuff_value_of(g, y)->in[0]);
    tuff_composed_gradients(g, &kernel, tuff_result_index(tuff_value_of(g, y)), gy, gin + 1);
}

const struct tuff_op tuff_op_result = {
    .name = "result",
    .class = TUFF_CLASS_RESULT,
    TUFF_OPERANDS(1, 255),
    TUFF_ATTRS(attr, struct attrs),
    .infer = infer,
    .result = TUFF_RESULT_OF_KERNEL,
    .grad = grad,
    .ref = ref,
    .work = tuff_op_no_work,
    .bound = bound,
};

tuff_val tuff_result(struct tuff_graph *g, tuff_val kernel, uint32_t index)
{
    tuff_val in[9] = {kernel};
    struct attrs attrs = {(int32_t)index};
    if (!kernel || !tuff_graph_ok(g)) return 0;
    const struct tuff_value *value = tuff_value_of(g, kernel);
    if (TUFF_NEVER(value->in_count >= TUFF_COUNT(in))) return 0;
    memcpy(in + 1, value->in, value->in_count * sizeof *in);
    return tuff_graph_add(g, &tuff_op_result, in, value->in_count + 1, &attrs);
}
