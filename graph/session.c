/* session.c - joins graph and device: parameters and states in device memory, plans compiled, bound and run.
 * The one place where both sides of the seam meet. Promises: reads and writes are ordered with runs (backend.h). */
#include "backend/backend.h"
#include "graph/compile.h"
#include "graph/ops/leaf.h"

enum { MAX_INPUT_SETS = 4 };

struct tuff_session {
    struct tuff_context *context; /* [borrowed] */
    struct tuff_device *device;   /* [retained] */
    struct tuff_graph *graph;     /* [borrowed] */
    const struct tuff_compiler *compiler;
    bool plain;                          /* it is tuff_built_kernels() */
    struct tuff_buffer *params, *states; /* [retained] or NULL */
    struct tuff_layout layout;
    uint64_t seed;
};

struct tuff_executable {
    struct tuff_session *session; /* [borrowed] */
    struct tuff_compiled compiled;
    struct tuff_plan_figures figures;
    struct tuff_buffer *constants, *scratch, *output; /* [retained] or NULL */
    struct tuff_buffer *input[MAX_INPUT_SETS];        /* [retained] or NULL */
    struct tuff_program *program[MAX_INPUT_SETS];     /* [owned] */
    uint32_t sets, current;
    uint32_t output_count;
    tuff_val *outputs; /* [plan's arena] */
};

/* ---- leaves ----------------------------------------------------------------------------------------------------------------- */

static struct tuff_buffer *home_of(const struct tuff_session *session, tuff_val leaf)
{
    const struct tuff_op *op = leaf && leaf < session->graph->count ? session->graph->values[leaf].op : NULL;
    return op->kind == TUFF_KIND_PARAM ? session->params : op->kind == TUFF_KIND_STATE ? session->states : NULL;
}

/* Writes bytes that need not be a multiple of 4. */
static tuff_status write_padded(struct tuff_buffer *buffer, uint64_t offset, const void *data, size_t bytes,
                                struct tuff_error *error)
{
    size_t whole = bytes / 4 * 4;
    uint8_t last[4] = {0};
    if (whole) TUFF_TRY(tuff_buffer_write(buffer, offset, data, whole, error));
    if (whole == bytes) return TUFF_OK;
    memcpy(last, (const uint8_t *)data + whole, bytes - whole);
    return tuff_buffer_write(buffer, offset + whole, last, sizeof last, error);
}

static tuff_status read_padded(struct tuff_buffer *buffer, uint64_t offset, void *data, size_t bytes,
                               struct tuff_error *error)
{
    size_t whole = bytes / 4 * 4;
    uint8_t last[4];
    if (whole) TUFF_TRY(tuff_buffer_read(buffer, offset, data, whole, error));
    if (whole == bytes) return TUFF_OK;
    TUFF_TRY(tuff_buffer_read(buffer, offset + whole, last, sizeof last, error));
    memcpy((uint8_t *)data + whole, last, bytes - whole);
    return TUFF_OK;
}

static tuff_status check_bytes(struct tuff_session *session, const struct tuff_value *value, size_t bytes,
                               struct tuff_error *error)
{
    uint64_t needed = tuff_type_bytes(&value->type);
    if (needed == bytes) return TUFF_OK;
    return tuff_fail(session->context, error, TUFF_ERR_USAGE, "'%s' has %llu bytes, not %zu", value->name,
                     (unsigned long long)needed, bytes);
}

static tuff_status check_leaf(struct tuff_session *session, tuff_val leaf, size_t bytes, struct tuff_error *error)
{
    if (!home_of(session, leaf))
        return tuff_fail(session->context, error, TUFF_ERR_USAGE, "value %u is not a parameter or state of this session",
                         (unsigned)leaf);
    const struct tuff_value *value = &session->graph->values[leaf];
    return check_bytes(session, value, bytes, error);
}

tuff_status tuff_session_write(struct tuff_session *session, tuff_val leaf, const void *data, size_t bytes,
                               struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, session != NULL && data != NULL);
    TUFF_TRY(check_leaf(session, leaf, bytes, error));
    return write_padded(home_of(session, leaf), tuff_layout_offset(session->graph, leaf), data, bytes, error);
}

tuff_status tuff_session_read(struct tuff_session *session, tuff_val leaf, void *data, size_t bytes,
                              struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, session != NULL && data != NULL);
    TUFF_TRY(check_leaf(session, leaf, bytes, error));
    return read_padded(home_of(session, leaf), tuff_layout_offset(session->graph, leaf), data, bytes, error);
}

static tuff_status write_initial(struct tuff_session *session, tuff_val leaf, struct tuff_error *error)
{
    const struct tuff_value *value = &session->graph->values[leaf];
    size_t bytes = (size_t)tuff_type_bytes(&value->type);
    void *content = tuff_alloc(session->context, bytes);
    if (!content) return tuff_fail_memory(session->context, error);
    tuff_leaf_init(value, session->seed, content);
    tuff_status status = tuff_session_write(session, leaf, content, bytes, error);
    tuff_free(session->context, content);
    return status;
}

static tuff_status fill_leaves(struct tuff_session *session, struct tuff_error *error)
{
    session->layout = tuff_layout_of(session->graph);
    if (session->layout.param_bytes)
        TUFF_TRY(
            tuff_buffer_create(session->device, session->layout.param_bytes, true, "parameters", &session->params, error));
    if (session->layout.state_bytes)
        TUFF_TRY(tuff_buffer_create(session->device, session->layout.state_bytes, true, "states", &session->states, error));
    for (tuff_val v = 1; v < session->graph->count; v++) {
        const struct tuff_value *value = &session->graph->values[v];
        if (!tuff_is_kept(value)) continue;
        if (!tuff_leaf_starts_zero(value)) TUFF_TRY(write_initial(session, v, error)); /* fresh buffers are zero */
    }
    return TUFF_OK;
}

static bool without_compiler(const struct tuff_context *context)
{
    return !tuff_glslang() || (context->options.debug & TUFF_DEBUG_NOCOMPILER) != 0;
}

tuff_status tuff_session_create(struct tuff_device *device, struct tuff_graph *graph,
                                const struct tuff_session_params *params, struct tuff_session **session,
                                struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device != NULL && graph != NULL && session != NULL);
    TUFF_TRY(tuff_graph_finish(graph, error));
    struct tuff_context *context = tuff_device_context(device);
    TUFF_REQUIRE(context, error, !params || params->struct_size >= sizeof *params);
    struct tuff_session *s = tuff_alloc(context, sizeof *s);
    if (!s) return tuff_fail_memory(context, error);
    s->context = context;
    s->device = device;
    s->graph = graph;
    s->seed = params ? params->seed : 0;
    s->compiler = params ? params->compiler : NULL;
    s->plain = !s->compiler && without_compiler(context);
    if (!s->compiler) s->compiler = s->plain ? tuff_built_kernels() : tuff_glslang();
    tuff_device_retain(device);
    tuff_status status = fill_leaves(s, error);
    if (status != TUFF_OK)
        tuff_session_destroy(s);
    else
        *session = s;
    return status;
}

void tuff_session_destroy(struct tuff_session *session)
{
    if (!session) return;
    tuff_buffer_release(session->params);
    tuff_buffer_release(session->states);
    tuff_device_release(session->device);
    tuff_free(session->context, session);
}

struct tuff_graph *tuff_session_graph(const struct tuff_session *session) { return session->graph; }
struct tuff_device *tuff_session_device(const struct tuff_session *session) { return session->device; }

/* ---- executables -------------------------------------------------------------------------------------------------------------- */

static tuff_status make_buffer(struct tuff_executable *x, enum tuff_memory memory, struct tuff_buffer **buffer,
                               struct tuff_error *error)
{
    uint64_t bytes = x->compiled.plan.memory_bytes[memory];
    if (bytes == 0) return TUFF_OK;
    return tuff_buffer_create(x->session->device, bytes, memory != TUFF_MEMORY_SCRATCH, tuff_memory_name(memory), buffer,
                              error);
}

static tuff_status fill_constants(struct tuff_executable *x, struct tuff_error *error)
{
    for (uint32_t i = 0; i < x->compiled.plan.slot_count; i++) {
        const struct tuff_plan_slot *slot = &x->compiled.plan.slots[i];
        if (slot->memory == TUFF_MEMORY_CONST)
            TUFF_TRY(tuff_buffer_write(x->constants, slot->offset, slot->data, slot->bytes, error));
    }
    return TUFF_OK;
}

static tuff_status make_programs(struct tuff_executable *x, const struct tuff_executable_params *params,
                                 struct tuff_error *error)
{
    struct tuff_session *s = x->session;
    TUFF_TRY(make_buffer(x, TUFF_MEMORY_CONST, &x->constants, error));
    TUFF_TRY(make_buffer(x, TUFF_MEMORY_SCRATCH, &x->scratch, error));
    TUFF_TRY(make_buffer(x, TUFF_MEMORY_OUTPUT, &x->output, error));
    TUFF_TRY(fill_constants(x, error));
    for (uint32_t i = 0; i < x->sets; i++) {
        TUFF_TRY(make_buffer(x, TUFF_MEMORY_INPUT, &x->input[i], error));
        struct tuff_program_params p = {.struct_size = sizeof p,
                                        .plan = &x->compiled.plan,
                                        .memory = {s->params, s->states, x->constants, x->input[i], x->output, x->scratch},
                                        .compiler = s->compiler,
                                        .progress = params->progress,
                                        .profile = params->profile || (s->context->options.debug & TUFF_DEBUG_TIMING) != 0,
                                        .timed = params->timed};
        TUFF_TRY(tuff_program_create(s->device, &p, &x->program[i], error));
    }
    return TUFF_OK;
}

static tuff_status make_plan(struct tuff_device *device, const struct tuff_graph *graph,
                             const struct tuff_executable_params *params, bool plain, struct tuff_compiled *compiled,
                             struct tuff_error *error)
{
    struct tuff_compile_params compile = {.graph = graph,
                                          .outputs = params->outputs,
                                          .output_count = params->output_count,
                                          .caps = tuff_device_caps(device),
                                          .debug = tuff_device_context(device)->options.debug,
                                          .plain = plain};
    return tuff_compile(&compile, compiled, error);
}

static tuff_status count_figures(struct tuff_device *device, const struct tuff_compiled *compiled,
                                 const struct tuff_executable_params *params, struct tuff_plan_figures *figures,
                                 struct tuff_error *error)
{
    uint32_t result = params->output_count ? compiled->output_slots[0] : UINT32_MAX;
    struct tuff_context *context = tuff_device_context(device);
    TUFF_TRY(tuff_figures_of(&compiled->plan, result, params->input_sets, context, figures, error));
    return tuff_plan_submissions(&compiled->plan, tuff_device_caps(device), context, &figures->submissions, error);
}

tuff_status tuff_plan_ask(struct tuff_device *device, const struct tuff_graph *graph,
                          const struct tuff_executable_params *params, struct tuff_plan_figures *figures,
                          struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device != NULL && graph != NULL && params != NULL && figures != NULL);
    TUFF_REQUIRE(graph->context, error, params->struct_size >= sizeof *params && params->input_sets <= MAX_INPUT_SETS);
    struct tuff_compiled compiled;
    TUFF_TRY(make_plan(device, graph, params, without_compiler(graph->context), &compiled, error));
    tuff_status status = count_figures(device, &compiled, params, figures, error);
    tuff_plan_finish(&compiled.plan);
    return status;
}

bool tuff_plan_fits(struct tuff_device *device, const struct tuff_plan_figures *f)
{
    const uint64_t bytes[] = {f->param_bytes, f->state_bytes,  f->const_bytes,
                              f->input_bytes, f->output_bytes, f->scratch_bytes};
    uint64_t most = tuff_device_caps(device)->max_allocation_bytes;
    bool fits = f->total_bytes <= tuff_device_available(device);
    for (unsigned i = 0; i < TUFF_COUNT(bytes); i++) fits = fits && bytes[i] <= most;
    return fits;
}

tuff_status tuff_session_compile(struct tuff_session *session, const struct tuff_executable_params *params,
                                 struct tuff_executable **executable, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, session != NULL && params != NULL && executable != NULL);
    TUFF_REQUIRE(session->context, error, params->struct_size >= sizeof *params && params->input_sets <= MAX_INPUT_SETS);
    struct tuff_layout layout = tuff_layout_of(session->graph);
    if (layout.param_bytes != session->layout.param_bytes || layout.state_bytes != session->layout.state_bytes)
        return tuff_fail(session->context, error, TUFF_ERR_USAGE,
                         "the graph got parameters or states after its session was created");
    struct tuff_executable *x = tuff_alloc(session->context, sizeof *x);
    if (!x) return tuff_fail_memory(session->context, error);
    x->session = session;
    x->sets = params->input_sets ? params->input_sets : 1;
    x->output_count = params->output_count;
    tuff_status status = make_plan(session->device, session->graph, params, session->plain, &x->compiled, error);
    if (status != TUFF_OK) {
        tuff_free(session->context, x);
        return status;
    }
    if (x->output_count)
        x->outputs = tuff_arena_copy(&x->compiled.plan.arena, params->outputs, x->output_count * sizeof *x->outputs);
    bool memory = x->output_count > 0 && !x->outputs;
    status = memory ? tuff_fail_memory(session->context, error)
                    : count_figures(session->device, &x->compiled, params, &x->figures, error);
    if (status == TUFF_OK) status = make_programs(x, params, error);
    if (status != TUFF_OK)
        tuff_executable_destroy(x);
    else
        *executable = x;
    return status;
}

void tuff_executable_destroy(struct tuff_executable *x)
{
    if (!x) return;
    struct tuff_context *context = x->session->context;
    for (uint32_t i = 0; i < MAX_INPUT_SETS; i++) {
        tuff_program_destroy(x->program[i]);
        tuff_buffer_release(x->input[i]);
    }
    tuff_buffer_release(x->constants);
    tuff_buffer_release(x->scratch);
    tuff_buffer_release(x->output);
    tuff_plan_finish(&x->compiled.plan);
    tuff_free(context, x);
}

static const struct tuff_plan_slot *input_slot(const struct tuff_executable *x, const char *name)
{
    for (uint32_t i = 0; i < x->compiled.plan.slot_count; i++) {
        const struct tuff_plan_slot *slot = &x->compiled.plan.slots[i];
        if (slot->memory == TUFF_MEMORY_INPUT && !strcmp(slot->name, name)) return slot;
    }
    return NULL;
}

tuff_status tuff_executable_write(struct tuff_executable *x, tuff_val input, const void *data, size_t bytes,
                                  struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && data != NULL);
    struct tuff_context *context = x->session->context;
    TUFF_REQUIRE(context, error, input > 0 && input < x->session->graph->count);
    const struct tuff_value *value = &x->session->graph->values[input];
    if (value->op->kind != TUFF_KIND_INPUT)
        return tuff_fail(context, error, TUFF_ERR_USAGE, "value %u (%s) is not an input", (unsigned)input, value->op->name);
    TUFF_TRY(check_bytes(x->session, value, bytes, error));
    const struct tuff_plan_slot *slot = input_slot(x, value->name);
    return slot ? write_padded(x->input[x->current], slot->offset, data, bytes, error)
                : TUFF_OK; /* this plan does not read it */
}

tuff_status tuff_executable_submit(struct tuff_executable *x, uint64_t *ticket, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL);
    TUFF_TRY(tuff_program_submit(x->program[x->current], ticket, error));
    x->current = (x->current + 1) % x->sets;
    return TUFF_OK;
}

void tuff_executable_watch(struct tuff_executable *x, const struct tuff_cancel *cancel)
{
    for (uint32_t i = 0; i < x->sets; i++) tuff_program_watch(x->program[i], cancel);
}

tuff_status tuff_executable_run(struct tuff_executable *x, struct tuff_error *error)
{
    uint64_t ticket;
    TUFF_TRY(tuff_executable_submit(x, &ticket, error));
    return tuff_device_wait(x->session->device, ticket, UINT64_MAX, error);
}

tuff_status tuff_executable_read(struct tuff_executable *x, uint32_t index, void *data, size_t bytes,
                                 struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && data != NULL);
    TUFF_REQUIRE(x->session->context, error, index < x->output_count);
    uint32_t at = x->compiled.output_slots[index];
    if (at == UINT32_MAX)
        return tuff_fail(x->session->context, error, TUFF_ERR_USAGE, "output %u is an assignment", (unsigned)index);
    const struct tuff_plan_slot *slot = &x->compiled.plan.slots[at];
    if (bytes > tuff_type_bytes(&x->session->graph->values[x->outputs[index]].type))
        return tuff_fail(x->session->context, error, TUFF_ERR_USAGE, "output %u has fewer than %zu bytes", (unsigned)index,
                         bytes);
    return read_padded(x->output, slot->offset, data, bytes, error);
}

tuff_status tuff_executable_print(const struct tuff_executable *x, char **text, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && text != NULL);
    struct tuff_text out;
    tuff_text_init(&out, x->session->context);
    tuff_plan_summary(&x->compiled.plan, &out);
    tuff_plan_print(&x->compiled.plan, &out);
    return tuff_text_give(&out, text, error);
}

tuff_status tuff_executable_report(const struct tuff_executable *x, char **text, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && text != NULL);
    const struct tuff_plan *plan = &x->compiled.plan;
    struct tuff_text out;
    uint32_t noted = 0;
    tuff_text_init(&out, x->session->context);
    for (uint32_t i = 0; i < plan->launch_count; i++) noted += plan->launches[i].note != NULL;
    tuff_text_add(&out, "%u of %u launches are slower than they could be\n", (unsigned)noted, (unsigned)plan->launch_count);
    for (uint32_t i = 0; i < plan->launch_count; i++) {
        const struct tuff_plan_launch *launch = &plan->launches[i];
        if (launch->note)
            tuff_text_add(&out, "  %-32s %-20s %s\n", launch->label, plan->kernels[launch->kernel].file, launch->note);
    }
    return tuff_text_give(&out, text, error);
}

struct tuff_plan_figures tuff_executable_figures(const struct tuff_executable *x) { return x->figures; }

struct tuff_program *tuff_executable_program(struct tuff_executable *x)
{
    return x->program[(x->current + x->sets - 1) % x->sets];
}
