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
    return tuff_bound_by(&of_kernel, of_kernel.value->op->more[index - 1].error);
}

const struct tuff_op tuff_op_result = {
    .name = "result",
    .class = TUFF_CLASS_RESULT,
    TUFF_OPERANDS(1, 255),
    TUFF_ATTRS(attr, struct attrs),
    .infer = infer,
    .result = TUFF_RESULT_OF_KERNEL,
    .nondiff = "a kernel's gradient is that of its first result",
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
