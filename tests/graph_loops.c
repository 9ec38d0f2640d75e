/* graph_loops.c - loops without a device: an LSTM and its gradient become plans of two loops on every kind of device, with and without a
 * compiler, whatever the number of steps; and the n-th allocation fails, for every n, on the way from builder calls to text, back, and to
 * a plan: a status, nothing leaks. */
#include "tests/fault_help.h"
#include "tests/graph_help.h"

#include "graph/compile/compile.h"

#include <stdio.h>

static unsigned failures;

/* Loss, and gradients by the weights. */
static uint32_t lstm(struct tuff_graph *g, uint32_t steps, tuff_val outputs[4])
{
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(steps, 3, 5)),
             y = tuff_layer_recurrent(g, x, "lstm", (struct tuff_layer_recurrent_params){.units = 7}).h;
    const tuff_val leaves[] = {tuff_graph_find(g, "lstm.weight_ih_l0"), tuff_graph_find(g, "lstm.weight_hh_l0"),
                               tuff_graph_find(g, "lstm.bias_ih_l0")};
    outputs[0] = tuff_sum(g, tuff_square(g, y), 0, TUFF_DROP_AXES);
    if (g->status == TUFF_OK) tuff_gradients(g, outputs[0], 0, leaves, 3, outputs + 1);
    return 4;
}

struct size {
    uint32_t launches, kernels;
    uint64_t run;
};

static struct size plan_of(struct tuff_context *context, const struct tuff_caps *caps, bool plain, uint32_t steps)
{
    struct tuff_graph *g = graph_fresh(context);
    struct tuff_compiled compiled;
    struct tuff_error error = {0};
    struct size size = {0};
    tuff_val outputs[4];
    struct tuff_compile_params params = {.graph = g,
                                         .outputs = outputs,
                                         .output_count = lstm(g, steps, outputs),
                                         .caps = caps,
                                         .plain = plain,
                                         .debug = TUFF_DEBUG_CHECK};
    tuff_status status = tuff_compile(&params, &compiled, &error);
    if (graph_check(&failures, status == TUFF_OK, "%s: %s", caps->name, error.message)) {
        size = (struct size){compiled.plan.launch_count, compiled.plan.kernel_count, tuff_plan_run_length(&compiled.plan)};
        graph_check(&failures, compiled.plan.loop_count == 2, "%s: expected two loops, got %u", caps->name,
                    compiled.plan.loop_count);
        tuff_plan_finish(&compiled.plan);
    }
    tuff_graph_destroy(g);
    return size;
}

static void check_devices(struct tuff_context *context)
{
    for (uint32_t i = 0; i < graph_caps_count; i++)
        for (int plain = 0; plain < 2; plain++) {
            struct tuff_caps caps = graph_caps(i);
            struct size ten = plan_of(context, &caps, plain, 10), thousand = plan_of(context, &caps, plain, 1000);
            /* What stands outside of the loops may be cut into more launches: it is a hundred times as large. */
            graph_check(&failures,
                        thousand.launches <= ten.launches + 8 && thousand.kernels <= ten.kernels + 8 &&
                            thousand.run > 50 * ten.run,
                        "%s%s: 10 and 1000 steps: %u and %u launches, %u and %u kernels, %llu and %llu in a run",
                        graph_caps_names[i], plain ? ", no compiler" : "", ten.launches, thousand.launches, ten.kernels,
                        thousand.kernels, (unsigned long long)ten.run, (unsigned long long)thousand.run);
        }
}

/* All of it, until something fails. */
static tuff_status whole_way(struct tuff_context *context, struct tuff_error *error)
{
    struct tuff_graph *g = NULL, *back = NULL;
    struct tuff_compiled compiled;
    struct tuff_caps caps = graph_caps(0);
    tuff_val outputs[4];
    char *text = NULL;
    tuff_status status = tuff_graph_create(context, &g, error);
    if (status != TUFF_OK) return status;
    struct tuff_compile_params params = {.graph = g, .outputs = outputs, .output_count = lstm(g, 3, outputs), .caps = &caps};
    status = tuff_graph_finish(g, error);
    if (status == TUFF_OK) status = tuff_graph_print(g, &text, error);
    if (status == TUFF_OK) status = tuff_graph_create(context, &back, error);
    if (status == TUFF_OK) status = tuff_graph_parse(back, text, error);
    if (status == TUFF_OK) status = tuff_compile(&params, &compiled, error);
    if (status == TUFF_OK) tuff_plan_finish(&compiled.plan);
    tuff_text_free(context, text);
    tuff_graph_destroy(back);
    tuff_graph_destroy(g);
    return status;
}

static void check_memory(void)
{
    struct fault_memory memory = {0};
    struct tuff_options options = fault_options(&memory);
    struct tuff_context *context = NULL;
    struct tuff_error error = {0};
    options.log = NULL;
    if (tuff_context_create(&options, &context, &error) != TUFF_OK) return;
    long live = atomic_load(&memory.live), n = 1;
    for (bool failed = true; failed && n < 10000; n++) {
        fault_memory_arm(&memory, n);
        tuff_status status = whole_way(context, &error);
        failed = atomic_load(&memory.failed);
        if (!graph_check(&failures, status == (failed ? TUFF_ERR_MEMORY : TUFF_OK) || (failed && status == TUFF_OK),
                         "allocation %ld: %s, %s", n, tuff_status_name(status), error.message) ||
            !graph_check(&failures, atomic_load(&memory.live) == live, "allocation %ld: %ld were not released", n,
                         atomic_load(&memory.live) - live))
            break;
    }
    graph_check(&failures, n > 50 && n < 10000, "expected hundreds of allocations, got %ld", n);
    fault_memory_arm(&memory, 0);
    tuff_context_destroy(context);
    printf("%ld allocations failed in turn\n", n - 1);
}

int main(void)
{
    struct tuff_context *context = NULL;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    check_devices(context);
    check_memory();
    tuff_context_destroy(context);
    printf("graph_loops: %u failures\n", failures);
    return failures != 0;
}
