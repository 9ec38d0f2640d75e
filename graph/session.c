/* session.c - joins graph and device, where both sides of the seam meet: memory and values of leaves, compiling, handing plans over. */
#include "backend/handover.h"
#include "graph/check.h"
#include "graph/ops/leaf.h"
#include "graph/places.h"
#include "graph/tune.h"

struct tuff_session {
    struct tuff_context *context; /* [borrowed] */
    atomic_uint references;       /* its maker's, and one of each of its executables */
    struct tuff_device *device;   /* [retained] */
    struct tuff_graph *graph;     /* [retained] */
    const struct tuff_compiler *compiler;
    bool plain; /* it is tuff_built_kernels() */
    enum tuff_check_mode check;
    struct tuff_memories *memories; /* [retained] of the layout, as many as were made */
    struct tuff_layout layout;
    uint32_t made;         /* memories */
    tuff_val filled;       /* values whose first content is written */
    tuff_val noted;        /* values whose places the graph knows */
    uint32_t noted_memory; /* of the last trained parameter among them */
    uint64_t seed;
};

/* What the session keeps with an executable. */
struct compiled {
    struct tuff_session *session; /* [retained] by an executable */
    struct tuff_plan_figures figures;
    uint32_t output_count;
    const uint32_t *slots;      /* [plan's arena] of outputs; UINT32_MAX: an assignment */
    const tuff_val *outputs;    /* [plan's arena] */
    struct tuff_places *places; /* [plan's arena] what is looked at where inputs are written */
    uint32_t place_count;
};

/* ---- leaves ----------------------------------------------------------------------------------------------------------------- */

static tuff_status check_bytes(struct tuff_session *session, const struct tuff_value *value, size_t bytes,
                               struct tuff_error *error)
{
    struct tuff_type type = tuff_host_type(value);
    uint64_t needed = tuff_type_bytes(&type);
    if (needed == bytes) return TUFF_OK;
    char text[TUFF_VALUE_TEXT];
    return tuff_refuse(session->context, error, "%s %s has %llu bytes, not %zu: it is written and read whole",
                       value->op->name,
                       tuff_value_text(session->graph, (tuff_val)(value - session->graph->values), text, sizeof text),
                       (unsigned long long)needed, bytes);
}

/* Content as device memory holds it. */
struct content {
    const void *data;
    size_t bytes;
    void *own; /* [owned] data, where that is not what the host gave; NULL */
};

/* Of what the host gave; content->own is the caller's to free, after a failure too. */
static tuff_status to_device(struct tuff_session *s, const struct tuff_value *value, struct content *content,
                             struct tuff_error *error)
{
    enum tuff_dtype dtype = tuff_host_type(value).dtype;
    bool host = tuff_is_host(dtype);
    uint64_t elements = tuff_shape_count(&value->type.shape);
    if (!host && !tuff_is_blocks(value->type.dtype)) return TUFF_OK;
    content->bytes = (size_t)tuff_type_bytes(&value->type);
    content->own = tuff_alloc(s->context, content->bytes);
    if (!content->own) return tuff_fail_memory(s->context, error);
    if (host)
        TUFF_TRY(tuff_narrow(dtype, content->data, elements, content->own, value->name, TUFF_ERR_USAGE, s->context, error));
    else
        tuff_blocks_to_device(elements, content->data, content->own);
    content->data = content->own;
    return TUFF_OK;
}

static tuff_status write_device(struct tuff_session *s, tuff_val leaf, const void *data, size_t bytes,
                                struct tuff_error *error)
{
    const struct tuff_leaf_place *place = &s->layout.places[leaf];
    return tuff_memories_write(s->memories, place->memory, place->offset, data, bytes, error);
}

static tuff_status write_initial(struct tuff_session *session, tuff_val leaf, struct tuff_error *error)
{
    const struct tuff_value *value = &session->graph->values[leaf];
    size_t bytes = (size_t)tuff_type_bytes(&value->type);
    void *content = tuff_alloc(session->context, bytes);
    if (!content) return tuff_fail_memory(session->context, error);
    tuff_status status = tuff_leaf_init(session->context, value, session->seed, content, error);
    if (status == TUFF_OK) status = write_device(session, leaf, content, bytes, error);
    tuff_free(session->context, content);
    return status;
}

/* Tells the graph where parameters begin a new memory, and how far they are laid. */
static tuff_status note_places(struct tuff_session *s, struct tuff_error *error)
{
    for (; s->noted < s->layout.value_count; s->noted++) {
        if (!s->noted || !tuff_is_trained(&s->graph->values[s->noted])) continue;
        uint32_t memory = s->layout.places[s->noted].memory;
        if (memory != s->noted_memory && tuff_graph_laid(s->graph, s->noted) != TUFF_OK)
            return tuff_fail_memory(s->context, error);
        s->noted_memory = memory;
    }
    return tuff_graph_laid(s->graph, s->graph->count) == TUFF_OK ? TUFF_OK : tuff_fail_memory(s->context, error);
}

/* Memories of the layout that are not made yet. Where one cannot be had, its values stay without a place: the graph may undo them. */
static tuff_status make_memories(struct tuff_session *s, uint32_t laid, struct tuff_error *error)
{
    for (; s->made < s->layout.memory_count; s->made++) {
        tuff_status status = tuff_memories_add(s->memories, &s->layout.memories[s->made], error);
        if (status == TUFF_OK) continue;
        s->layout.value_count = laid;
        s->layout.memory_count = s->made;
        return status;
    }
    return TUFF_OK;
}

tuff_status tuff_session_grow(struct tuff_session *s, struct tuff_error *error)
{
    uint32_t laid = s->layout.value_count;
    TUFF_TRY(tuff_layout_extend(&s->layout, s->graph, tuff_device_caps(s->device)->max_allocation_bytes, error));
    TUFF_TRY(make_memories(s, laid, error));
    TUFF_TRY(note_places(s, error));
    for (; s->filled < s->layout.value_count; s->filled++) {
        const struct tuff_value *value = &s->graph->values[s->filled];
        bool fill = s->filled && tuff_is_kept(value) && !tuff_leaf_starts_zero(value); /* fresh buffers are zero */
        if (fill) TUFF_TRY(write_initial(s, s->filled, error));
    }
    return TUFF_OK;
}

static tuff_status check_leaf(struct tuff_session *session, tuff_val leaf, size_t bytes, struct tuff_error *error)
{
    char text[TUFF_VALUE_TEXT];
    if (!leaf || leaf >= session->graph->count || !tuff_is_kept(&session->graph->values[leaf]))
        return tuff_refuse(
            session->context, error,
            "%s is not a parameter or state: only these are kept by a session (inputs: tuff_executable_write)",
            tuff_value_text(session->graph, leaf, text, sizeof text));
    TUFF_TRY(check_bytes(session, &session->graph->values[leaf], bytes, error));
    return tuff_session_grow(session, error);
}

tuff_status tuff_session_write(struct tuff_session *session, tuff_val leaf, const void *data, size_t bytes,
                               struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, session != NULL && data != NULL);
    TUFF_TRY(check_leaf(session, leaf, bytes, error));
    struct content content = {data, bytes, NULL};
    tuff_status status = to_device(session, &session->graph->values[leaf], &content, error);
    if (status == TUFF_OK) status = write_device(session, leaf, content.data, content.bytes, error);
    tuff_free(session->context, content.own);
    return status;
}

tuff_status tuff_session_read(struct tuff_session *session, tuff_val leaf, void *data, size_t bytes,
                              struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, session != NULL && data != NULL);
    TUFF_TRY(check_leaf(session, leaf, bytes, error));
    const struct tuff_leaf_place *place = &session->layout.places[leaf];
    const struct tuff_value *value = &session->graph->values[leaf];
    enum tuff_dtype dtype = tuff_host_type(value).dtype;
    uint64_t count = tuff_shape_count(&value->type.shape);
    if (!tuff_is_host(dtype) && !tuff_is_blocks(dtype))
        return tuff_memories_read(session->memories, place->memory, place->offset, data, bytes, error);
    size_t device_bytes = (size_t)tuff_type_bytes(&value->type);
    void *device = tuff_alloc(session->context, device_bytes);
    if (!device) return tuff_fail_memory(session->context, error);
    tuff_status status = tuff_memories_read(session->memories, place->memory, place->offset, device, device_bytes, error);
    if (status == TUFF_OK && tuff_is_host(dtype))
        tuff_widen(dtype, device, count, data);
    else if (status == TUFF_OK)
        tuff_blocks_of_device(count, device, data);
    tuff_free(session->context, device);
    return status;
}

const struct tuff_graph *tuff_session_graph(const struct tuff_session *session) { return session->graph; }

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
    TUFF_TRY(tuff_tuning_of_options(context, error));
    struct tuff_session *s = tuff_object_create(context, sizeof *s);
    if (!s) return tuff_fail_memory(context, error);
    s->context = context;
    s->device = device;
    s->graph = tuff_graph_retain(graph);
    atomic_init(&s->references, 1);
    s->seed = params ? params->seed : 0;
    s->compiler = params ? params->compiler : NULL;
    s->check = context->options.check;
    s->plain = !s->compiler && without_compiler(context);
    if (!s->compiler) s->compiler = s->plain ? tuff_built_kernels() : tuff_glslang();
    tuff_device_retain(device);
    tuff_layout_init(&s->layout, context);
    tuff_status status = tuff_memories_create(device, &s->memories, error);
    if (status == TUFF_OK) status = tuff_session_grow(s, error);
    if (status != TUFF_OK)
        tuff_session_destroy(s);
    else
        *session = s;
    return status;
}

void tuff_session_destroy(struct tuff_session *session)
{
    if (!session || atomic_fetch_sub(&session->references, 1) != 1) return;
    tuff_memories_release(session->memories);
    tuff_layout_finish(&session->layout);
    tuff_graph_destroy(session->graph);
    tuff_device_release(session->device);
    tuff_object_destroy(session->context, session);
}

/* ---- executables -------------------------------------------------------------------------------------------------------------- */

/* Beside a device's caps and a graph, what a plan follows from; NULL: rows of tuning files, no check. */
struct choosing {
    struct tuff_context *context; /* whose rows */
    struct tuff_tuner *tuner;
    struct tuff_check *check;
};
/* layout NULL: a new session's */
static tuff_status make_plan(const struct tuff_caps *caps, const struct tuff_graph *graph, const struct tuff_layout *layout,
                             const struct tuff_executable_params *params, bool plain, const struct choosing *by,
                             struct tuff_compiled *compiled, struct tuff_error *error)
{
    struct tuff_tuner rows = {.context = by->context};
    struct tuff_compile_params compile = {.graph = graph,
                                          .outputs = params->outputs,
                                          .output_count = params->output_count,
                                          .stations = params->stations,
                                          .station_count = params->station_count,
                                          .layout = layout,
                                          .precision = params->precision == TUFF_F32 ? 0 : params->precision,
                                          .half_sums = params->half_sums,
                                          .caps = caps,
                                          .debug = graph->context->options.debug,
                                          .any_size = params->any_size,
                                          .plain = plain,
                                          .tuner = by->tuner ? by->tuner : &rows,
                                          .check = by->check};
    return tuff_compile(&compile, compiled, error);
}

/* Without a compiler the fused plan, where kernels of files suffice for it, else the plain one. */
static tuff_status choose_plan(const struct tuff_caps *caps, const struct tuff_graph *graph,
                               const struct tuff_layout *layout, const struct tuff_executable_params *params, bool plain,
                               const struct choosing *by, struct tuff_compiled *compiled, struct tuff_packed *packed,
                               struct tuff_error *error)
{
    *packed = (struct tuff_packed){.missing = ""};
    if (plain && tuff_packed_any(graph->context)) {
        TUFF_TRY(make_plan(caps, graph, layout, params, false, &(struct choosing){by->context, by->tuner, NULL}, compiled,
                           error));
        tuff_status status = tuff_packed_for(graph->context, &compiled->plan, packed, error);
        bool all = status == TUFF_OK && !packed->missing[0];
        if (all && !by->check) return TUFF_OK;
        tuff_plan_finish(&compiled->plan);
        if (status != TUFF_OK) return status;
        if (all) by->check->compiler = &packed->compiler;
        if (all) return make_plan(caps, graph, layout, params, false, by, compiled, error);
    }
    return make_plan(caps, graph, layout, params, plain, by, compiled, error);
}

/* What plans are made for: families that were found wrong are no part of it. */
static struct tuff_caps caps_for(struct tuff_device *device)
{
    struct tuff_caps caps = *tuff_device_caps(device);
    caps.families_off = tuff_health_families(device);
    return caps;
}

/* Until no launch of it that is compared computes wrong numbers. */
static tuff_status sound_plan(struct tuff_session *s, const struct tuff_executable_params *params, struct tuff_tuner *tuner,
                              struct tuff_compiled *compiled, struct tuff_packed *packed, struct tuff_error *error)
{
    struct tuff_check check = {
        .device = s->device, .cancel = params->progress.cancel, .first = s->check == TUFF_CHECK_FIRST};
    bool checks = check.first ? tuff_health_keeps(s->device) : s->check == TUFF_CHECK_ALL;
    const struct choosing by = {s->context, tuner, checks ? &check : NULL};
    tuff_status status;
    do {
        struct tuff_caps caps = caps_for(s->device);
        check.switched_off = false;
        check.compiler = s->compiler;
        status = choose_plan(&caps, s->graph, &s->layout, params, s->plain, &by, compiled, packed, error);
    } while (status == TUFF_ERR_WRONG && check.switched_off);
    if (checks && status == TUFF_OK && (check.right || !check.first))
        tuff_log_message(s->context, TUFF_LOG_INFO,
                         "check: %u launches are right, %u or their like were before, %u are not compared", check.right,
                         check.known, check.left_out);
    if (check.first) tuff_health_keep(s->device);
    return status;
}

/* The same for other devices, of which only the kernels are kept. */
static tuff_status record_classes(struct tuff_session *s, const struct tuff_executable_params *params,
                                  struct tuff_error *error)
{
    uint32_t count;
    const struct tuff_caps *classes = tuff_recorded_classes(s->context, &count);
    if (count && s->plain)
        return tuff_fail(s->context, error, TUFF_ERR_UNSUPPORTED,
                         "kernels are recorded by a shader compiler, and this session has none");
    for (uint32_t i = 0; i < count; i++) {
        struct tuff_compiled made;
        struct tuff_error why = {0};
        tuff_status status = make_plan(&classes[i], s->graph, &s->layout, params, false,
                                       &(struct choosing){s->context, NULL, NULL}, &made, &why);
        if (status == TUFF_OK) {
            status = tuff_record_plan(s->context, &made.plan, s->compiler, &params->progress, &why);
            tuff_plan_finish(&made.plan);
        }
        if (status != TUFF_OK) return tuff_fail(s->context, error, status, "for %s: %s", classes[i].name, why.message);
    }
    return TUFF_OK;
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

static tuff_status check_executable(struct tuff_context *context, const struct tuff_executable_params *p,
                                    struct tuff_error *error)
{
    if (p->input_sets > TUFF_MOST_INPUT_SETS)
        return tuff_refuse(context, error, "input_sets is %u; an executable has at most %u", p->input_sets,
                           (unsigned)TUFF_MOST_INPUT_SETS);
    if (p->precision && p->precision != TUFF_F32 && !tuff_is_half(p->precision))
        return tuff_refuse(context, error, "precision is %s: f32, f16 or bf16", tuff_dtype_name(p->precision));
    if (p->output_count && p->outputs) return TUFF_OK;
    return tuff_refuse(context, error, "an executable computes its outputs, but %s%s",
                       p->output_count ? "outputs is NULL" : "output_count is 0", p->output_count ? "" : ": there are none");
}

/* The plan alone, the caller's to end. */
static tuff_status plan_only(struct tuff_device *device, const struct tuff_graph *graph,
                             const struct tuff_executable_params *params, struct tuff_compiled *compiled,
                             struct tuff_error *error)
{
    struct tuff_packed packed;
    TUFF_REQUIRE(graph->context, error, params->struct_size >= sizeof *params);
    TUFF_TRY(check_executable(graph->context, params, error));
    TUFF_TRY(tuff_tuning_of_options(tuff_device_context(device), error));
    const struct tuff_caps caps = caps_for(device);
    const struct choosing by_rows = {tuff_device_context(device), NULL, NULL};
    return choose_plan(&caps, graph, NULL, params, without_compiler(graph->context), &by_rows, compiled, &packed, error);
}

tuff_status tuff_plan_barriers(struct tuff_device *device, const struct tuff_graph *graph,
                               const struct tuff_executable_params *params, char **text, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device != NULL && graph != NULL && params != NULL && text != NULL);
    struct tuff_compiled compiled;
    struct tuff_text out = {.context = graph->context};
    TUFF_TRY(plan_only(device, graph, params, &compiled, error));
    tuff_status status = tuff_print_barriers(&compiled.plan, &out, error);
    tuff_plan_finish(&compiled.plan);
    if (status == TUFF_OK) return tuff_text_give(&out, text, error);
    tuff_text_finish(&out);
    return status;
}

tuff_status tuff_plan_ask(struct tuff_device *device, const struct tuff_graph *graph,
                          const struct tuff_executable_params *params, struct tuff_plan_figures *figures,
                          struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device != NULL && graph != NULL && params != NULL && figures != NULL);
    struct tuff_compiled compiled;
    TUFF_TRY(plan_only(device, graph, params, &compiled, error));
    tuff_status status = count_figures(device, &compiled, params, figures, error);
    tuff_plan_finish(&compiled.plan);
    return status;
}

bool tuff_plan_fits(struct tuff_device *device, const struct tuff_plan_figures *f)
{
    return f->total_bytes <= tuff_device_available(device) &&
           f->largest_bytes <= tuff_device_caps(device)->max_allocation_bytes;
}

/* Figures and outputs into the plan's arena. */
static tuff_status describe(struct tuff_session *session, const struct tuff_executable_params *params,
                            struct tuff_compiled *made, const struct compiled **described, struct tuff_error *error)
{
    struct tuff_arena *arena = &made->plan.arena;
    struct compiled *c = tuff_arena_alloc(arena, sizeof *c);
    size_t bytes = params->output_count * sizeof *params->outputs;
    void *outputs = c ? tuff_arena_copy(arena, params->outputs, bytes) : NULL;
    if (!outputs) return tuff_fail_memory(session->context, error);
    *c = (struct compiled){
        .session = session, .output_count = params->output_count, .slots = made->output_slots, .outputs = outputs};
    *described = c;
    TUFF_TRY(
        tuff_places_find(session->graph, params->outputs, params->output_count, arena, &c->places, &c->place_count, error));
    return count_figures(session->device, made, params, &c->figures, error);
}

static void release_session(const void *owner) { tuff_session_destroy(((const struct compiled *)owner)->session); }

tuff_status tuff_session_compile(struct tuff_session *session, const struct tuff_executable_params *params,
                                 struct tuff_executable **executable, struct tuff_error *error)
{
    return tuff_session_compile_tuned(session, params, NULL, executable, error);
}

tuff_status tuff_session_compile_tuned(struct tuff_session *session, const struct tuff_executable_params *params,
                                       struct tuff_tuner *tuner, struct tuff_executable **executable,
                                       struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, session != NULL && params != NULL && executable != NULL);
    TUFF_REQUIRE(session->context, error, params->struct_size >= sizeof *params);
    TUFF_TRY(check_executable(session->context, params, error));
    TUFF_TRY(tuff_session_grow(session, error));
    TUFF_TRY(record_classes(session, params, error));
    struct tuff_compiled made;
    struct tuff_packed packed;
    const struct compiled *described = NULL;
    TUFF_TRY(sound_plan(session, params, tuner, &made, &packed, error));
    const bool fused = packed.compiler.compile != NULL;
    tuff_status status = describe(session, params, &made, &described, error);
    struct tuff_run_params run = {.plan = &made.plan,
                                  .memories = session->memories,
                                  .compiler = fused ? &packed.compiler : session->compiler,
                                  .progress = params->progress,
                                  .input_sets = params->input_sets,
                                  .profile = params->profile,
                                  .timed = params->timed,
                                  .owner = described,
                                  .release = release_session};
    if (status != TUFF_OK) {
        tuff_plan_finish(&made.plan);
        return status;
    }
    tuff_packed_count(session->context, !session->plain || fused, packed.missing);
    atomic_fetch_add(&session->references, 1);
    return tuff_executable_create(session->device, &run, executable, error);
}

/* What a session knows of its executable; NULL with a sentence for one that no session has made. */
static const struct compiled *compiled_of(const struct tuff_executable *x, struct tuff_error *error)
{
    const struct compiled *c = tuff_executable_owner(x);
    if (!c)
        (void)tuff_refuse(
            tuff_device_context(tuff_executable_device(x)), error,
            "the executable was loaded from a file and knows no values: tuff_executable_set and tuff_executable_get "
            "take names");
    return c;
}

/* Is this a value that the host writes? */
static tuff_status check_input(const struct compiled *c, tuff_val input, struct tuff_error *error)
{
    const struct tuff_graph *g = c->session->graph;
    char text[TUFF_VALUE_TEXT];
    if (input && input < g->count && g->values[input].op->kind == TUFF_KIND_INPUT) return TUFF_OK;
    if (!input || input >= g->count)
        return tuff_refuse(g->context, error, "input %u is no value of the graph%s", input,
                           input ? "" : " (0 is what a failed builder gives)");
    return tuff_refuse(g->context, error, "%s is not an input (parameters and states: tuff_session_write)",
                       tuff_value_text(g, input, text, sizeof text));
}

/* places: numbers of which each is to name one */
static tuff_status write_input(struct tuff_executable *x, tuff_val input, const void *data, size_t bytes, bool places,
                               struct tuff_error *error)
{
    const struct compiled *c = compiled_of(x, error);
    if (!c) return TUFF_ERR_USAGE;
    TUFF_TRY(check_input(c, input, error));
    struct tuff_session *session = c->session;
    const struct tuff_value *value = &session->graph->values[input];
    TUFF_TRY(check_bytes(session, value, bytes, error));
    if (!tuff_executable_reads(x, value->name)) return TUFF_OK;
    if (places) TUFF_TRY(tuff_places_check(session->graph, c->places, c->place_count, input, data, error));
    struct content content = {data, bytes, NULL};
    tuff_status status = to_device(session, value, &content, error);
    if (status == TUFF_OK) status = tuff_executable_set(x, value->name, content.data, content.bytes, error);
    tuff_free(session->context, content.own);
    return status;
}

tuff_status tuff_executable_write(struct tuff_executable *x, tuff_val input, const void *data, size_t bytes,
                                  struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && data != NULL);
    return write_input(x, input, data, bytes, true, error);
}

tuff_status tuff_executable_write_any(struct tuff_executable *x, tuff_val input, const void *data, size_t bytes,
                                      struct tuff_error *error)
{
    return write_input(x, input, data, bytes, false, error);
}

tuff_status tuff_executable_write_as(struct tuff_executable *x, tuff_val input, enum tuff_dtype dtype, const void *elements,
                                     uint64_t count, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && elements != NULL);
    const struct compiled *c = compiled_of(x, error);
    if (!c) return TUFF_ERR_USAGE;
    TUFF_TRY(check_input(c, input, error));
    const struct tuff_graph *g = c->session->graph;
    struct tuff_type type = tuff_host_type(&g->values[input]);
    uint64_t needed = tuff_shape_count(&type.shape);
    char text[TUFF_VALUE_TEXT];
    tuff_value_text(g, input, text, sizeof text);
    if (count != needed)
        return tuff_refuse(g->context, error, "input %s has %llu elements, not %llu: it is written whole", text,
                           (unsigned long long)needed, (unsigned long long)count);
    size_t bytes = (size_t)tuff_type_bytes(&type);
    void *converted = tuff_alloc(g->context, bytes);
    if (!converted) return tuff_fail_memory(g->context, error);
    tuff_status status = tuff_convert(dtype, elements, type.dtype, converted, count, text, g->context, error);
    if (status == TUFF_OK) status = write_input(x, input, converted, bytes, true, error);
    tuff_free(g->context, converted);
    return status;
}

/* The first bytes of an output whose type is one of the host. */
static tuff_status read_widened(struct tuff_executable *x, uint32_t slot, enum tuff_dtype dtype, void *data, size_t bytes,
                                struct tuff_error *error)
{
    struct tuff_context *context = tuff_device_context(tuff_executable_device(x));
    uint64_t unit = tuff_dtype_size(dtype, 1), count = (bytes + unit - 1) / unit;
    size_t device_bytes = (size_t)tuff_dtype_size(tuff_dtype_device(dtype), count);
    void *device = tuff_alloc(context, device_bytes), *wide = tuff_alloc(context, (size_t)(count * unit));
    tuff_status status = device && wide ? tuff_executable_get_slot(x, slot, device, device_bytes, error)
                                        : tuff_fail_memory(context, error);
    if (status == TUFF_OK) {
        tuff_widen(dtype, device, count, wide);
        memcpy(data, wide, bytes);
    }
    tuff_free(context, device);
    tuff_free(context, wide);
    return status;
}

tuff_status tuff_executable_read(struct tuff_executable *x, uint32_t index, void *data, size_t bytes,
                                 struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && data != NULL);
    const struct compiled *c = compiled_of(x, error);
    if (!c) return TUFF_ERR_USAGE;
    struct tuff_context *context = c->session->context;
    char text[TUFF_VALUE_TEXT];
    if (index >= c->output_count)
        return tuff_refuse(context, error, "there is no output %u: the executable has %u, counted from 0", index,
                           c->output_count);
    const struct tuff_graph *g = c->session->graph;
    if (c->slots[index] == UINT32_MAX)
        return tuff_refuse(context, error, "output %u, %s, is an assignment: read its state, by tuff_session_read", index,
                           tuff_value_text(g, c->outputs[index], text, sizeof text));
    struct tuff_type type = tuff_host_type(&g->values[c->outputs[index]]);
    if (bytes > tuff_type_bytes(&type))
        return tuff_refuse(context, error, "output %u, %s, has %llu bytes, fewer than %zu", index,
                           tuff_value_text(g, c->outputs[index], text, sizeof text),
                           (unsigned long long)tuff_type_bytes(&type), bytes);
    if (tuff_is_host(type.dtype)) return read_widened(x, c->slots[index], type.dtype, data, bytes, error);
    return tuff_executable_get_slot(x, c->slots[index], data, bytes, error);
}

tuff_status tuff_executable_report(const struct tuff_executable *x, char **text, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && text != NULL);
    const struct tuff_plan *plan = tuff_executable_plan(x);
    uint32_t noted = 0;
    struct tuff_text out = {.context = tuff_device_context(tuff_executable_device(x))};
    for (uint32_t i = 0; i < plan->launch_count; i++) noted += plan->launches[i].note != NULL;
    tuff_text_add(&out, "%u of %u launches are slower than they could be\n", noted, plan->launch_count);
    for (uint32_t i = 0; i < plan->launch_count; i++) {
        const struct tuff_plan_launch *launch = &plan->launches[i];
        if (launch->note)
            tuff_text_add(&out, "  %-32s %-20s %s\n", launch->label, plan->kernels[launch->kernel].file, launch->note);
    }
    return tuff_text_give(&out, text, error);
}

struct tuff_plan_figures tuff_executable_figures(const struct tuff_executable *x)
{
    const struct compiled *c = tuff_executable_owner(x);
    return c ? c->figures : (struct tuff_plan_figures){0};
}

/* ---- several sizes --------------------------------------------------------------------------------------------------------------- */

struct tuff_sizes {
    struct tuff_context *context; /* [borrowed] */
    struct tuff_session *session; /* [retained] */
    struct tuff_sizes_params params;
    struct tuff_sized **parts; /* [owned] each [owned], by rising size */
    size_t count, capacity;
};

static tuff_status prepare_size(struct tuff_sizes *s, struct tuff_sized *part, struct tuff_error *error)
{
    struct tuff_graph *g = s->session->graph;
    const uint32_t before = g->count;
    s->params.build(g, part, s->params.user);
    tuff_status status = tuff_graph_finish(g, error);
    if (status != TUFF_OK) {
        tuff_graph_undo(g, before);
        return status;
    }
    const struct tuff_executable_params params = {.struct_size = sizeof params,
                                                  .outputs = part->outputs,
                                                  .output_count = part->output_count < TUFF_SIZED_VALUES ? part->output_count
                                                                                                         : TUFF_SIZED_VALUES,
                                                  .input_sets = s->params.input_sets,
                                                  .progress = s->params.progress};
    return tuff_session_compile(s->session, &params, &part->executable, error);
}

tuff_status tuff_sizes_get(struct tuff_sizes *s, uint32_t size, const struct tuff_sized **part, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, s && part);
    TUFF_REQUIRE_THAT(s->context, error, size > 0, "the size is 0");
    size_t at = 0;
    while (at < s->count && s->parts[at]->size < size) at++;
    if (at == s->count || s->parts[at]->size != size) {
        struct tuff_sized *made = tuff_alloc(s->context, sizeof *made);
        if (!made || !TUFF_GROW_HEAP(s->context, s->parts, s->count, &s->capacity)) {
            tuff_free(s->context, made);
            return tuff_fail_memory(s->context, error);
        }
        made->size = size;
        tuff_status status = prepare_size(s, made, error);
        if (status != TUFF_OK) {
            tuff_free(s->context, made);
            return status;
        }
        memmove(s->parts + at + 1, s->parts + at, (s->count++ - at) * sizeof *s->parts);
        s->parts[at] = made;
    }
    *part = s->parts[at];
    return TUFF_OK;
}

const struct tuff_sized *tuff_sizes_pick(const struct tuff_sizes *s, uint32_t size)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->parts[i]->size >= size) return s->parts[i];
    return NULL;
}

tuff_status tuff_sizes_create(struct tuff_session *session, const struct tuff_sizes_params *params,
                              struct tuff_sizes **sizes, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, session && params && sizes);
    TUFF_REQUIRE(session->context, error, params->struct_size >= sizeof *params && params->build);
    TUFF_REQUIRE_THAT(session->context, error, params->sizes || !params->count, "sizes is NULL, though count is not 0");
    struct tuff_sizes *s = tuff_object_create(session->context, sizeof *s);
    if (!s) return tuff_fail_memory(session->context, error);
    *s = (struct tuff_sizes){.context = session->context, .session = session, .params = *params};
    atomic_fetch_add(&session->references, 1);
    tuff_status status = TUFF_OK;
    const struct tuff_sized *part;
    for (uint32_t i = 0; i < params->count && status == TUFF_OK; i++)
        status = tuff_sizes_get(s, params->sizes[i], &part, error);
    if (status != TUFF_OK)
        tuff_sizes_destroy(s);
    else
        *sizes = s;
    return status;
}

void tuff_sizes_destroy(struct tuff_sizes *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->count; i++) {
        tuff_executable_destroy(s->parts[i]->executable);
        tuff_free(s->context, s->parts[i]);
    }
    tuff_free(s->context, s->parts);
    tuff_session_destroy(s->session);
    tuff_object_destroy(s->context, s);
}
