/* cost.c - what a network costs: figures of its plans, asked without compiling, and the times of its launches where they are wanted. */
#include "inspect.h"

#include <stdlib.h>
#include <string.h>

enum { RUNS = 10 };

static void ask(struct cost *cost, struct tuff_device *device, const struct network *network, struct tuff_error *error)
{
    const struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = network->outputs, .output_count = network->output_count};
    const struct tuff_caps *caps = tuff_device_caps(device);
    snprintf(cost->device, sizeof cost->device, "%.190s", caps->name);
    cost->known = network->output_count == 0 ||
                  tuff_plan_ask(device, network->graph, &params, &cost->figures, error) == TUFF_OK;
    cost->fits = cost->known && tuff_plan_fits(device, &cost->figures);
    if (!cost->known) snprintf(cost->why, sizeof cost->why, "%.390s", error->message);
}

/* The same device, clamped to a profile of a smaller one. A profile that is not known is wrong use. */
static tuff_status ask_clamped(struct cost *cost, const char *limits, const struct options *options,
                               const struct network *network, struct tuff_error *error)
{
    struct tuff_options settings = {.struct_size = sizeof settings, .limits = limits};
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_error why = {0};
    tuff_options_from_env(&settings);
    cost->limits = limits;
    tuff_status status = tuff_context_create(&settings, &context, &why);
    if (status == TUFF_OK) status = tuff_device_create(context, options->device, &device, &why);
    if (status == TUFF_OK)
        ask(cost, device, network, &why);
    else
        snprintf(cost->why, sizeof cost->why, "%.390s", why.message);
    tuff_device_release(device);
    tuff_context_destroy(context);
    if (status != TUFF_ERR_USAGE) return TUFF_OK;
    *error = why;
    return status;
}

/* ---- times ---------------------------------------------------------------------------------------------------------------------------- */

/* The node of whose result the name is: a launch is called "operator name", by the last value that it computes. */
static struct node *node_of(const struct inspected *x, const char *label)
{
    const char *name = strchr(label, ' ');
    for (uint32_t i = 0; name && i < x->node_count; i++)
        for (uint32_t k = 0; k < x->nodes[i].output_count; k++)
            if (!strcmp(x->nodes[i].outputs[k].name, name + 1)) return &x->nodes[i];
    return NULL;
}

/* Launches of values without a name count for the next that has one. */
static void share_out(struct inspected *x, const struct tuff_launch_time *times, const double *ns, uint32_t count)
{
    double waiting = 0;
    struct node *last = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct node *node = node_of(x, times[i].label);
        waiting += ns[i];
        x->profile_ns += ns[i];
        if (!node) continue;
        node->ns += waiting;
        waiting = 0;
        last = node;
    }
    if (last) last->ns += waiting;
}

static tuff_status measure(struct inspected *x, struct tuff_executable *executable, struct tuff_error *error)
{
    struct tuff_program *program = tuff_executable_program(executable);
    struct tuff_launch_time *times = NULL;
    double *ns = NULL;
    uint32_t count = 0;
    tuff_status status = TUFF_OK;
    for (uint32_t run = 0; status == TUFF_OK && run <= RUNS; run++) {
        status = tuff_executable_run(executable, error);
        if (status == TUFF_OK && !times) {
            status = tuff_program_times(program, NULL, &count, error);
            times = keep(x, count, sizeof *times);
            ns = keep(x, count, sizeof *ns);
            continue; /* the first run warms up */
        }
        uint32_t now = count;
        if (status == TUFF_OK) status = tuff_program_times(program, times, &now, error);
        if (now < count) count = now; /* without what prepares */
        for (uint32_t i = 0; status == TUFF_OK && i < count; i++) {
            const double one = (double)(times[i].end_ns - times[i].begin_ns);
            if (run == 1 || one < ns[i]) ns[i] = one;
        }
    }
    if (status != TUFF_OK) return status;
    x->profile_runs = RUNS;
    for (uint32_t i = 0; i < count; i++) x->profile_launches += ns[i] > 0; /* those that prepare are no part of a run */
    share_out(x, times, ns, count);
    return TUFF_OK;
}

/* By zeros as inputs; weights are what a graph begins with. */
static tuff_status profile(struct inspected *x, struct tuff_device *device, const struct network *network,
                           struct tuff_error *error)
{
    const struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = network->outputs, .output_count = network->output_count, .profile = true};
    struct tuff_session *session = NULL;
    struct tuff_executable *executable = NULL;
    tuff_status status = tuff_session_create(device, network->graph, NULL, &session, error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &executable, error);
    for (uint32_t i = 0; status == TUFF_OK && i < network->input_count; i++) {
        const struct tuff_type type = tuff_type_on_host(network->graph, network->inputs[i]);
        const size_t bytes = (size_t)tuff_dtype_size(type.dtype, tuff_shape_count(&type.shape));
        void *zeros = calloc(1, bytes ? bytes : 1);
        if (!zeros || tuff_executable_write(executable, network->inputs[i], zeros, bytes, NULL) != TUFF_OK)
            error->message[0] = 0; /* one that no output needs */
        free(zeros);
    }
    if (status == TUFF_OK) status = measure(x, executable, error);
    tuff_executable_destroy(executable);
    tuff_session_destroy(session);
    return status;
}

/* ---- all -------------------------------------------------------------------------------------------------------------------------------- */

tuff_status inspect_cost(struct inspected *x, struct tuff_context *context, const struct options *options,
                         const struct network *network, struct tuff_error *error)
{
    struct tuff_device *device = NULL;
    x->costs = keep(x, 1 + options->limit_count, sizeof *x->costs);
    struct cost *first = &x->costs[x->cost_count++];
    struct tuff_error why = {0};
    tuff_status status = tuff_device_create(context, options->device, &device, &why);
    if (status != TUFF_OK) {
        snprintf(first->why, sizeof first->why, "%.390s", why.message);
        if (!options->device && !options->profile) return TUFF_OK;
        *error = why;
        return status;
    }
    ask(first, device, network, &why);
    if (!first->known) {
        x->runs = RUNS_NO;
        snprintf(x->reason, sizeof x->reason, "%.390s", first->why);
    }
    for (uint32_t i = 0; status == TUFF_OK && i < options->limit_count; i++)
        status = ask_clamped(&x->costs[x->cost_count++], options->limits[i], options, network, error);
    if (status == TUFF_OK && options->profile && first->known && network->output_count)
        status = profile(x, device, network, error);
    tuff_device_release(device);
    return status;
}
