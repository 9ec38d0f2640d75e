#include "tests/onnx_help.h"
#include "graph/dtype.h"

#include <stdio.h>

#if TUFF_HAVE_ONNX
static tuff_status bind(struct tuff_graph *g, struct tuff_arena *arena, const struct tuff_onnx *onnx, uint32_t i,
                        const double *known, struct tuff_onnx_bound *bound, struct tuff_error *error)
{
    const struct tuff_onnx_end end = tuff_onnx_input(onnx, i);
    const struct tuff_onnx_value_info *info = onnx->inputs[i];
    const struct tuff_onnx_type_row *row = tuff_onnx_type_row(info->type && info->type->tensor ? info->type->tensor->element
                                                                                               : 0);
    char name[32];
    *bound = (struct tuff_onnx_bound){.shape = {.rank = end.rank < 0 ? 1 : (uint32_t)end.rank}};
    if (bound->shape.rank > TUFF_MAX_RANK) bound->shape.rank = TUFF_MAX_RANK;
    for (uint32_t d = 0; d < bound->shape.rank; d++)
        bound->shape.dim[d] = end.rank < 0 || end.dim[d] < 0 || end.dim[d] > 1 << 20 ? 2 : (uint32_t)end.dim[d];
    for (uint32_t d = 0; tuff_shape_count(&bound->shape) > INT32_MAX && d < bound->shape.rank; d++) bound->shape.dim[d] = 2;
    const uint64_t count = tuff_shape_count(&bound->shape);
    if (!row->bits || !count) return TUFF_OK; /* what building refuses */
    if (known && count <= TUFF_ONNX_KNOWN) {
        double *numbers = tuff_arena_alloc(arena, (size_t)count * sizeof *numbers);
        if (!numbers) return tuff_fail_memory(onnx->context, error);
        for (uint64_t k = 0; k < count; k++) numbers[k] = tuff_dtype_round(row->dtype, *known);
        bound->known = numbers;
        return TUFF_OK;
    }
    snprintf(name, sizeof name, "in%u", i);
    bound->v = tuff_input(g, name, row->dtype, bound->shape);
    return tuff_graph_finish(g, error);
}

static tuff_status build(struct tuff_graph *g, struct tuff_arena *arena, const struct tuff_onnx *onnx, double number,
                         uint64_t known, uint64_t *wanted, struct onnx_counts *counts, struct tuff_error *error)
{
    const uint32_t outputs = tuff_onnx_output_count(onnx);
    struct tuff_onnx_bound *bound = tuff_arena_alloc(arena, (onnx->input_count + 1) * sizeof *bound);
    struct tuff_onnx_built built = {.inputs = bound,
                                    .named = true,
                                    .outputs = tuff_arena_alloc(arena, (outputs + 1) * sizeof *built.outputs),
                                    .arena = arena};
    if (!bound || !built.outputs) return tuff_fail_memory(onnx->context, error);
    for (uint32_t i = 0; i < onnx->input_count; i++)
        TUFF_TRY(bind(g, arena, onnx, i, known >> (i < 62 ? i : 62) & 1 ? &number : NULL, &bound[i], error));
    const tuff_status status = tuff_onnx_build(onnx, g, &built, error);
    *wanted = built.wanted;
    if (counts) *counts = (struct onnx_counts){built.steps, g->count, built.weight_count};
    return status;
}

tuff_status onnx_build_host(struct tuff_context *context, const struct tuff_onnx *onnx, double number,
                            struct onnx_counts *counts, struct tuff_error *error)
{
    uint64_t known = 0, wanted = 0;
    for (;;) {
        struct tuff_graph *g = NULL;
        struct tuff_arena arena;
        struct tuff_error why = {0};
        tuff_arena_init(&arena, context);
        wanted = 0;
        tuff_status status = tuff_graph_create(context, &g, &why);
        if (status == TUFF_OK) status = build(g, &arena, onnx, number, known, &wanted, counts, &why);
        tuff_graph_destroy(g);
        tuff_arena_finish(&arena);
        const bool more = wanted & ~known;
        known |= wanted;
        if (status == TUFF_OK || !more)
            return status == TUFF_OK ? status : tuff_fail(NULL, error, status, "%s", why.message);
    }
}
#endif
