/* compile.c - runs the passes from graph to plan, prints between them when asked. */
#include "graph/compile/compile.h"
#include "graph/ops/leaf.h"
#include "graph/print.h"

/* plan: NULL, or the whole one, instead of what the pass has made. */
static void print_work(const struct tuff_work *w, const char *pass, const struct tuff_plan *plan)
{
    if (!(w->params->debug & TUFF_DEBUG_PRINT)) return;
    struct tuff_text text = {.context = w->context};
    if (!plan) tuff_graph_print_text(w->g, &text);
    if (!plan && w->group_count) tuff_groups_print(w, &text);
    if (plan || w->plan->memory_count) tuff_plan_print(w->plan, &text); /* memories and slots */
    if (text.data) tuff_log_lines(w->context, TUFF_LOG_INFO, plan ? "%s:\n%s" : "after %s:\n%s", pass, text.data);
    tuff_text_finish(&text);
}

/* Types of all values inferred again must be what they are; inputs come before what they feed, but for appended copies. */
static tuff_status check_work(const struct tuff_work *w, const char *pass)
{
#ifdef NDEBUG
    if (!(w->params->debug & TUFF_DEBUG_CHECK)) return TUFF_OK;
#endif
    for (tuff_val v = 1; v < w->g->count; v++) {
        const struct tuff_value *value = &w->g->values[v];
        struct tuff_type types[TUFF_MOST_RESULTS] = {{.dtype = TUFF_F32}};
        bool same = tuff_op_types(w->g, value->op, value->in, value->in_count, value->attrs, types) == TUFF_OK &&
                    types[0].dtype == value->type.dtype && tuff_shape_equal(&types[0].shape, &value->type.shape);
        if (!same)
            return tuff_fail(w->context, w->error, TUFF_ERR_UNSUPPORTED, "pass %s broke value %u (%s)", pass, v,
                             value->op->name);
    }
    if (!tuff_groups_check(w))
        return tuff_fail(w->context, w->error, TUFF_ERR_UNSUPPORTED, "pass %s broke the groups", pass);
    return TUFF_OK;
}

#define RUN_PASS(name)                                                                                                      \
    do {                                                                                                                    \
        TUFF_TRY(tuff_pass_##name(w));                                                                                      \
        TUFF_TRY(check_work(w, #name));                                                                                     \
        print_work(w, #name, NULL);                                                                                         \
    } while (0)

static tuff_status run_passes(struct tuff_work *w, struct tuff_compiled *out)
{
    RUN_PASS(simplify);
    RUN_PASS(fuse);
    RUN_PASS(order);
    RUN_PASS(loops);
    RUN_PASS(storage);
    TUFF_TRY(tuff_pass_lower(w, out));
    print_work(w, "plan", &out->plan);
    return TUFF_OK;
}

/* Two assignments to the same memory in one run would have no defined order. A pack is all its parameters. */
static tuff_status check_assignments(const struct tuff_compile_params *params, struct tuff_arena *arena,
                                     struct tuff_error *error)
{
    const struct tuff_value *values = params->graph->values;
    tuff_val *by = tuff_arena_alloc(arena, params->graph->count * sizeof *by); /* the assignment of a leaf */
    if (!by) return tuff_fail_memory(params->graph->context, error);
    for (uint32_t i = 0; i < params->output_count; i++) {
        tuff_val output = params->outputs[i],
                 leaf = values[output].op->class == TUFF_CLASS_ASSIGN ? values[output].in[0] : 0;
        uint32_t parts = leaf && values[leaf].in_count ? values[leaf].in_count : 1;
        for (uint32_t k = 0; k < parts && leaf; k++) {
            tuff_val part = values[leaf].in_count ? values[leaf].in[k] : leaf;
            if (by[part] && by[part] != output)
                return tuff_refuse(
                    params->graph->context, error,
                    "'%s' is assigned twice in one run: by two layers of this name, or by one that the outputs need twice?",
                    values[leaf].name ? values[leaf].name : "the parameters");
            by[part] = output;
        }
    }
    return TUFF_OK;
}

/* With a layout of the graph. */
static tuff_status compile_placed(const struct tuff_compile_params *params, struct tuff_compiled *out,
                                  struct tuff_error *error)
{
    struct tuff_context *context = params->graph->context;
    struct tuff_arena arena = {.context = context};
    struct tuff_work work = {.context = context, .arena = &arena, .error = error, .params = params, .plan = &out->plan};
    *out = (struct tuff_compiled){.output_slots = NULL};
    tuff_plan_init(&out->plan, context);
    tuff_status status = check_assignments(params, &arena, error);
    if (status == TUFF_OK) status = run_passes(&work, out);
    tuff_loops_finish(&work);
    tuff_graph_destroy(work.g);
    tuff_arena_finish(&arena);
    if (status != TUFF_OK) tuff_plan_finish(&out->plan);
    return status;
}

tuff_status tuff_compile(const struct tuff_compile_params *params, struct tuff_compiled *out, struct tuff_error *error)
{
    struct tuff_context *context = params->graph->context;
    if (params->graph->status != TUFF_OK) {
        if (error) *error = params->graph->error;
        return params->graph->status;
    }
    TUFF_REQUIRE_THAT(context, error, params->outputs != NULL || params->output_count == 0,
                      "outputs is NULL, though output_count is not 0");
    for (uint32_t i = 0; i < params->output_count; i++)
        if (!params->outputs[i] || params->outputs[i] >= params->graph->count)
            return tuff_refuse(context, error, "output %u is %u, no value of this graph%s", i, params->outputs[i],
                               params->outputs[i] ? "" : " (0 is what a failed builder gives)");
    if (params->layout) return compile_placed(params, out, error);
    struct tuff_layout layout;
    struct tuff_compile_params placed = *params;
    placed.layout = &layout;
    tuff_layout_init(&layout, context);
    tuff_status status = tuff_layout_extend(&layout, params->graph, params->caps->max_allocation_bytes, error);
    if (status == TUFF_OK) status = compile_placed(&placed, out, error);
    tuff_layout_finish(&layout);
    return status;
}
