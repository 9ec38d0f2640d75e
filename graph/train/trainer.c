/* trainer.c - a loss as steps: gradients and updates, the assignments that belong to them, random numbers that go on, and the rates that
 * the host feeds; what is not finite reaches no state. diagnose.c finds where that came from. */
#include "graph/train/trainer.h"
#include "backend/executable.h"
#include "graph/ops/leaf.h"

#include <stdio.h>

enum { STEPS_UNCHECKED = 64 }; /* a look at the health waits for the step */

/* ---- the graph ------------------------------------------------------------------------------------------------------------------ */

/* Does v need an input that is not among those needed? scratch: as many as there are values up to v */
static bool needs_other_inputs(const struct tuff_graph *g, tuff_val v, const bool *needed, bool *scratch)
{
    memset(scratch, 0, (v + 1) * sizeof *scratch);
    scratch[v] = true;
    for (; v > 0; v--) {
        if (!scratch[v]) continue;
        if (g->values[v].op->kind == TUFF_KIND_INPUT && !needed[v]) return true;
        for (uint32_t i = 0; i < g->values[v].in_count; i++) scratch[g->values[v].in[i]] = true;
    }
    return false;
}

/* Of any trainer, also one that was destroyed. */
static bool is_anothers(const struct tuff_graph *g, tuff_val v)
{
    for (uint32_t i = 0; i < g->trained_count; i++)
        if (v >= g->trained[i].begin && v < g->trained[i].end) return true;
    return false;
}

static bool is_output(const struct tuff_trainer_params *p, tuff_val v)
{
    for (uint32_t i = 0; i < p->output_count; i++)
        if (p->outputs[i] == v) return true;
    return false;
}

/* The same assignment, of which nothing is taken that is not finite, and nothing once the training has stopped. Statistics do not wait
 * for the loss, so that the launch that computes them stores them. */
static tuff_val guarded(const struct tuff_trainer *t, tuff_val update)
{
    struct tuff_graph *g = t->graph;
    const struct tuff_value *value = &g->values[update];
    if (value->op->class != TUFF_CLASS_ASSIGN) return update; /* rows that are written in place */
    tuff_val leaf = value->in[0], next = value->in[1];
    tuff_val go = t->optimizer.go;
    if (tuff_is_float(g->values[leaf].type.dtype)) {
        tuff_val finite = tuff_cast(g, tuff_is_finite(g, next), TUFF_BOOL);
        next = tuff_select(g, finite, next, leaf);
    } else if (go)
        go = t->optimizer.sound;
    return tuff_assign(g, leaf, go ? tuff_select(g, go, next, leaf) : next);
}

static tuff_val advanced_rng(const struct tuff_trainer *t)
{
    static const int32_t step[3] = {0, 0, 1};
    struct tuff_graph *g = t->graph;
    tuff_val rng = tuff_graph_find(g, TUFF_RNG_STATE);
    if (!rng) return 0;
    tuff_val next = tuff_add(g, rng, tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(3)}, step));
    return tuff_assign(g, rng, t->optimizer.go ? tuff_select(g, t->optimizer.sound, next, rng) : next);
}

/* Assignments of the graph in (after, until) that are to be done with the loss, in place of which guarded ones come into the outputs. */
static void add_assignments(struct tuff_trainer *t, const struct tuff_trainer_params *p, tuff_val until, bool *needed,
                            bool *scratch)
{
    struct tuff_graph *g = t->graph;
    tuff_val rng = tuff_graph_find(g, TUFF_RNG_STATE);
    bool advanced = false;
    for (tuff_val v = p->after + 1; v < until && g->status == TUFF_OK; v++) {
        if (!tuff_op_writes_leaf(g->values[v].op) || is_anothers(g, v) || is_output(p, v)) continue;
        if (needs_other_inputs(g, v, needed, scratch)) continue;
        advanced = advanced || (rng && tuff_written_leaf(g, v) == rng);
        t->outputs[t->output_count++] = guarded(t, v);
    }
    tuff_val next = advanced ? 0 : advanced_rng(t);
    if (next) t->outputs[t->output_count++] = next;
}

static void list_reads(struct tuff_trainer *t, const struct tuff_trainer_params *p)
{
    const struct tuff_optimizer *o = &t->optimizer;
    t->outputs[t->output_count++] = p->loss;
    for (uint32_t i = 0; i < p->output_count; i++) t->outputs[t->output_count++] = p->outputs[i];
    if (o->grad_norm) t->outputs[t->output_count++] = o->grad_norm;
    for (uint32_t i = 0; i < o->pack_count; i++)
        if (o->packs[i].norms) t->outputs[t->output_count++] = o->packs[i].norms;
    t->read_count = t->output_count;
    for (uint32_t i = 0; i < o->update_count; i++) t->outputs[t->output_count++] = o->updates[i];
}

enum { STATIONS = 3 };
static void list_stations(struct tuff_trainer *t)
{
    const struct tuff_optimizer *o = &t->optimizer;
    struct tuff_arena *arena = &t->graph->arena;
    tuff_val *ready = tuff_arena_alloc(arena, 2 * (o->pack_count + 1) * sizeof *ready), *clipped = ready + o->pack_count;
    for (uint32_t i = 0; i < o->pack_count && ready; i++) ready[i] = o->packs[i].gradients, clipped[i] = o->packs[i].clipped;
    const struct tuff_station all[STATIONS] = {
        {"gradients", ready, o->pack_count}, {"clipped", clipped, o->pack_count}, {"updated", o->updates, o->update_count}};
    t->stations = ready ? tuff_arena_copy(arena, all, sizeof all) : NULL;
    if (!t->stations) tuff_graph_fail(t->graph, TUFF_ERR_MEMORY, "out of host memory");
}

/* What a trainer is made of. */
struct making {
    struct tuff_trainer *trainer;
    const struct tuff_trainer_params *params;
    const struct tuff_trainer *replaces;
    tuff_val until;
};

static void build(const struct making *m, const bool *again)
{
    struct tuff_trainer *t = m->trainer;
    const struct tuff_trainer_params *p = m->params;
    struct tuff_graph *g = t->graph;
    const struct tuff_trainer *like = t->like ? t->like : m->replaces;
    const struct tuff_optimizer_plan plan = {.loss = p->loss,
                                             .not_finite = p->not_finite,
                                             .weight = p->samples == 0 ? 1 : p->samples,
                                             .again = again,
                                             .stations = p->stations,
                                             .like = like ? &like->optimizer : NULL};
    tuff_optimizer_build(g, &plan, &p->optimizer, &t->optimizer);
    t->optimizer.epoch_runs = p->epoch_steps;
    t->output_count = 0;
    if (g->status != TUFF_OK) return;
    uint32_t updates = tuff_graph_updates(g, 0, NULL, 0), room = 1 + p->output_count + updates;
    room += 2 + t->optimizer.pack_count; /* random numbers, norms */
    t->outputs = tuff_graph_alloc(g, room * sizeof *t->outputs);
    bool *needed = tuff_graph_alloc(g, g->count * sizeof *needed);
    bool *scratch = tuff_graph_alloc(g, g->count * sizeof *scratch);
    if (g->status != TUFF_OK) return;
    list_reads(t, p);
    t->needed = needed;
    needed[p->loss] = true;
    for (uint32_t i = 0; i < p->output_count; i++) needed[p->outputs[i]] = true;
    tuff_graph_mark_needed(g, needed);
    add_assignments(t, p, m->until, needed, scratch);
    if (p->stations) list_stations(t);
}

static tuff_status plan_again(void *user, const bool *again, struct tuff_plan_figures *figures, struct tuff_error *error)
{
    const struct making *m = user;
    tuff_graph_undo(m->trainer->graph, m->trainer->begin);
    build(m, again);
    TUFF_TRY(tuff_graph_finish(m->trainer->graph, error));
    const struct tuff_executable_params plan = tuff_trainer_plan(m->trainer);
    return tuff_plan_ask(m->params->device, m->trainer->graph, &plan, figures, error);
}

static tuff_status build_within(struct making *m, struct tuff_error *error)
{
    struct tuff_trainer *t = m->trainer;
    const struct tuff_recompute recompute = {
        .graph = t->graph, .loss = t->loss, .end = t->begin, .budget = t->memory_budget, .plan = plan_again, .user = m};
    if (t->memory_budget) return tuff_recompute_fit(&recompute, error);
    build(m, NULL);
    return tuff_graph_finish(t->graph, error);
}

static tuff_status check_like(struct tuff_graph *g, const struct tuff_trainer_params *p, struct tuff_error *error)
{
    char what[240];
    if (!p->like) return TUFF_OK;
    if (p->like->graph != g)
        return tuff_refuse(
            g->context, error,
            "trainer: the one it is like is of another graph; both are made of one, in which the network is called "
            "for each size of batch");
    if (tuff_optimizer_compare(&p->like->first->optimizer.params, &p->optimizer, what, sizeof what) == TUFF_ARE_SAME)
        return TUFF_OK;
    return tuff_refuse(g->context, error, "trainer: its optimizer is not that of the one it is like: %s", what);
}

static tuff_status check(struct tuff_graph *g, const struct tuff_trainer_params *p, struct tuff_error *error)
{
    if (p->struct_size < sizeof *p)
        return tuff_refuse(g->context, error, "trainer: struct_size of its params is not set: .struct_size = sizeof params");
    if (p->output_count && !p->outputs)
        return tuff_refuse(g->context, error, "trainer: outputs is NULL, though output_count is %u",
                           (unsigned)p->output_count);
    for (uint32_t i = 0; i < p->output_count; i++)
        if (!p->outputs[i] || p->outputs[i] >= g->count)
            return tuff_refuse(g->context, error, "trainer: output %u is %u, no value of the graph%s", (unsigned)i,
                               (unsigned)p->outputs[i], p->outputs[i] ? "" : " (0 is what a failed builder gives)");
    if (p->after >= g->count)
        return tuff_refuse(g->context, error, "trainer: 'after' is %u, no value of the graph", (unsigned)p->after);
    if (!(p->samples >= 0 && p->samples <= 1e9))
        return tuff_refuse(
            g->context, error,
            "trainer: 'samples' is %g; it is this batch's samples as a part of those of the one it is like: 8 of 16 "
            "are 0.5",
            p->samples);
    if (p->memory_budget && !p->device)
        return tuff_refuse(g->context, error,
                           "trainer: memory_budget is %llu, but device is NULL: for which device are steps planned?",
                           (unsigned long long)p->memory_budget);
    return check_like(g, p, error);
}

tuff_status tuff_trainer_make(struct tuff_graph *g, const struct tuff_trainer_params *p, const struct tuff_trainer *replaces,
                              tuff_val until, struct tuff_trainer **trainer, struct tuff_error *error)
{
    TUFF_TRY(tuff_graph_finish(g, error));
    TUFF_TRY(check(g, p, error));
    struct tuff_trainer *t = tuff_object_create(g->context, sizeof *t);
    if (!t) return tuff_fail_memory(g->context, error);
    *t = (struct tuff_trainer){
        .context = g->context, .references = 1, .graph = g, .like = p->like, .not_finite = p->not_finite};
    t->loss = p->loss;
    t->memory_budget = p->memory_budget;
    t->begin = g->count;
    t->first = p->like ? p->like->first : t;
    struct making making = {.trainer = t, .params = p, .replaces = replaces, .until = until ? until : t->begin};
    tuff_status status = build_within(&making, error);
    if (status == TUFF_OK && !TUFF_GROW_ARENA(&g->arena, g->trained, g->trained_count, 1))
        status = tuff_fail_memory(g->context, error);
    if (status != TUFF_OK) {
        tuff_graph_undo(g, t->begin);
        tuff_object_destroy(g->context, t);
        return status;
    }
    g->trained[g->trained_count++] = (struct tuff_stretch){t->begin, g->count};
    tuff_graph_retain(g);
    if (t->like) t->like->references++;
    if (replaces) tuff_trainer_resume(t, replaces->first->optimizer.run);
    *trainer = t;
    return TUFF_OK;
}

tuff_status tuff_trainer_create(struct tuff_graph *graph, const struct tuff_trainer_params *params,
                                struct tuff_trainer **trainer, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, graph != NULL && params != NULL && trainer != NULL);
    return tuff_trainer_make(graph, params, NULL, 0, trainer, error);
}

static void release(struct tuff_trainer *t)
{
    if (!t || --t->references > 0) return;
    release(t->like);
    tuff_graph_destroy(t->graph);
    tuff_object_destroy(t->context, t);
}

/* One that is like it goes on reading its counts. */
void tuff_trainer_destroy(struct tuff_trainer *t)
{
    if (!t) return;
    tuff_executable_destroy(t->run);
    t->run = NULL;
    release(t);
}

/* ---- running -------------------------------------------------------------------------------------------------------------------- */

struct tuff_executable_params tuff_trainer_plan(const struct tuff_trainer *t)
{
    return (struct tuff_executable_params){.struct_size = sizeof(struct tuff_executable_params),
                                           .outputs = t->outputs,
                                           .output_count = t->output_count,
                                           .stations = t->stations,
                                           .station_count = t->stations ? STATIONS : 0,
                                           .precision = t->optimizer.params.precision.dtype};
}

tuff_status tuff_trainer_compile(struct tuff_trainer *t, struct tuff_session *session,
                                 const struct tuff_executable_params *options, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, t != NULL && session != NULL);
    if (t->run) return tuff_refuse(t->context, error, "trainer: it is compiled already");
    if (tuff_session_graph(session) != t->graph)
        return tuff_refuse(t->context, error, "trainer: the session is of another graph than it");
    if (t->first->fed && t->first->fed != session)
        return tuff_refuse(
            t->context, error,
            "trainer: one that it is like is compiled for another session; they share its parameters, states and rates");
    if (options && options->output_count)
        return tuff_refuse(t->context, error, "trainer: its outputs are named when it is created, not here");
    struct tuff_executable_params params = options ? *options : tuff_trainer_plan(t);
    params.outputs = t->outputs;
    params.output_count = t->output_count;
    if (!params.station_count && t->stations) params.stations = t->stations, params.station_count = STATIONS;
    params.precision = t->optimizer.params.precision.dtype;
    t->session = session;
    t->sets = params.input_sets ? params.input_sets : 1;
    TUFF_TRY(tuff_session_compile(session, &params, &t->run, error));
    t->first->fed = session;
    return TUFF_OK;
}

tuff_status tuff_trainer_stopped(struct tuff_trainer *t, uint64_t *run, struct tuff_error *error)
{
    int32_t health[TUFF_HEALTH];
    struct tuff_optimizer *o = &t->first->optimizer;
    *run = UINT64_MAX;
    t->unchecked = 0;
    if (!t->ran || o->resumed || t->inside) return TUFF_OK;
    TUFF_TRY(tuff_session_read(t->session, o->health, health, sizeof health, error));
    bool skips = t->not_finite == TUFF_NOT_FINITE_SKIPS;
    int32_t over = health[TUFF_HEALTH_OVERFLOWED], lost = health[TUFF_HEALTH_LOST], bad = health[TUFF_HEALTH_BAD] + lost;
    t->first->skipped = (uint64_t)(skips ? over + bad : over);
    t->first->lost = skips ? (uint64_t)lost : 0;
    if (!skips && bad > 0) *run = o->base + (uint64_t)(health[TUFF_HEALTH_SOUND] + over);
    if (!o->loss_scale) return TUFF_OK;
    return tuff_session_read(t->session, o->loss_scale, &t->first->loss_scale, sizeof t->first->loss_scale, error);
}

/* What has stopped the training is told by every call until it is resumed. */
static tuff_status look(struct tuff_trainer *t, struct tuff_error *error)
{
    uint64_t run;
    char name[40];
    if (t->first->failure.status == TUFF_OK) {
        TUFF_TRY(tuff_trainer_stopped(t, &run, error));
        if (run == UINT64_MAX) return TUFF_OK;
        snprintf(name, sizeof name, "step %llu", (unsigned long long)run + 1);
        (void)tuff_trainer_explain(t, name, run == t->last_run ? TUFF_INPUTS_LAST : TUFF_INPUTS_NONE, &t->first->failure);
    }
    if (error) *error = t->first->failure;
    return t->first->failure.status;
}

static tuff_status must_be_compiled(const struct tuff_trainer *t, struct tuff_error *error)
{
    if (t->run) return TUFF_OK;
    return tuff_refuse(t->context, error, "trainer: it is not compiled; tuff_trainer_compile does that");
}

/* Before an input is written. */
static tuff_status begin_write(struct tuff_trainer *t, tuff_val input, struct tuff_error *error)
{
    TUFF_TRY(must_be_compiled(t, error));
    if (input && input < t->graph->count && t->graph->values[input].op->kind == TUFF_KIND_INPUT &&
        (input >= t->begin || !t->needed[input])) {
        char text[TUFF_VALUE_TEXT];
        return tuff_refuse(t->context, error,
                           "trainer: its step does not read %s: is it the input of another part of the graph?",
                           tuff_value_text(t->graph, input, text, sizeof text));
    }
    if (t->first->failure.status != TUFF_OK) return look(t, error);
    return t->sets == 1 && t->unchecked ? look(t, error) : TUFF_OK; /* while its inputs are there */
}

tuff_status tuff_trainer_write(struct tuff_trainer *t, tuff_val input, const void *data, size_t bytes,
                               struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, t != NULL && data != NULL);
    TUFF_TRY(begin_write(t, input, error));
    return tuff_executable_write(t->run, input, data, bytes, error);
}

tuff_status tuff_trainer_write_as(struct tuff_trainer *t, tuff_val input, enum tuff_dtype dtype, const void *elements,
                                  uint64_t count, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, t != NULL && elements != NULL);
    TUFF_TRY(begin_write(t, input, error));
    return tuff_executable_write_as(t->run, input, dtype, elements, count, error);
}

/* Before a run, or the rest of one. */
static tuff_status begin_step(struct tuff_trainer *t, struct tuff_error *error)
{
    TUFF_TRY(must_be_compiled(t, error));
    if (t->inside) return TUFF_OK;
    if (t->first->failure.status != TUFF_OK || t->unchecked >= STEPS_UNCHECKED) TUFF_TRY(look(t, error));
    return tuff_optimizer_feed(&t->first->optimizer, t->session, error);
}

/* A step that did not begin leaves its row of the table to the next one. */
static tuff_status unless_refused(struct tuff_trainer *t, tuff_status status)
{
    if (status != TUFF_OK && !t->inside) t->first->optimizer.run--;
    return status;
}

tuff_status tuff_trainer_step(struct tuff_trainer *t, uint64_t *ticket, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, t != NULL);
    TUFF_TRY(begin_step(t, error));
    TUFF_TRY(unless_refused(t, tuff_executable_submit(t->run, ticket, error)));
    t->inside = false;
    t->ran = true;
    t->unchecked++;
    t->last_run = t->first->optimizer.run - 1;
    return TUFF_OK;
}

tuff_status tuff_trainer_step_to(struct tuff_trainer *t, const char *station, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, t != NULL && station != NULL);
    TUFF_TRY(begin_step(t, error));
    TUFF_TRY(unless_refused(t, tuff_executable_run_to(t->run, station, error)));
    t->inside = true;
    return TUFF_OK;
}

tuff_status tuff_trainer_read(struct tuff_trainer *t, tuff_val value, void *data, size_t bytes, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, t != NULL && data != NULL);
    TUFF_TRY(must_be_compiled(t, error));
    char text[TUFF_VALUE_TEXT];
    for (uint32_t i = 0; i < t->read_count; i++) {
        if (t->outputs[i] != value) continue;
        if (!t->ran && !t->inside)
            return tuff_refuse(t->context, error,
                               "trainer: %s is not there yet: no step of this trainer was made (tuff_trainer_step)",
                               tuff_value_text(t->graph, value, text, sizeof text));
        if (t->first->failure.status != TUFF_OK || t->unchecked) TUFF_TRY(look(t, error));
        return tuff_executable_read(t->run, i, data, bytes, error);
    }
    return tuff_refuse(t->context, error,
                       "trainer: %s is neither the loss nor one of its outputs, which are listed when it is created",
                       tuff_value_text(t->graph, value, text, sizeof text));
}

struct tuff_trainer_counts tuff_trainer_counts(const struct tuff_trainer *t)
{
    return (struct tuff_trainer_counts){.steps = t->first->optimizer.run,
                                        .skipped = t->first->skipped_before + t->first->skipped,
                                        .lost = t->first->lost_before + t->first->lost,
                                        .loss_scale = (double)t->first->loss_scale};
}

void tuff_trainer_resume(struct tuff_trainer *t, uint64_t steps)
{
    struct tuff_trainer *first = t->first;
    tuff_optimizer_resume(&first->optimizer, steps);
    first->skipped_before += first->skipped;
    first->lost_before += first->lost;
    first->skipped = first->lost = 0;
    first->failure = (struct tuff_error){0};
}

tuff_status tuff_trainer_schedule(struct tuff_trainer *t, const struct tuff_schedule *schedule, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, t != NULL && schedule != NULL);
    struct tuff_optimizer *o = &t->first->optimizer;
    struct tuff_optimizer_params params = o->params;
    params.schedule = *schedule;
    TUFF_TRY(tuff_optimizer_check(t->context, &params, error));
    if (!tuff_schedule_copy(&params.schedule, &t->graph->arena)) return tuff_fail_memory(t->context, error);
    o->params = params;
    o->filled = o->run; /* rows of the old rates are not used */
    return TUFF_OK;
}

tuff_status tuff_trainer_scale(struct tuff_trainer *t, double scale, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, t != NULL);
    struct tuff_optimizer *o = &t->first->optimizer;
    if (!(scale > 0 && scale <= 1e30))
        return tuff_refuse(t->context, error, "trainer: the scale of its rates is %g; it is above 0, and finite", scale);
    if (scale == o->rate_scale) return TUFF_OK;
    o->rate_scale = scale;
    o->filled = o->run; /* rows of the old rates are not used */
    return TUFF_OK;
}

/* Those of one vector; content: room for the vector, and for its largest parameter behind it. */
static tuff_status swap_pack(struct tuff_trainer *t, uint32_t pack, float *content, size_t length, struct tuff_error *error)
{
    const struct tuff_optimizer *o = &t->first->optimizer;
    float *own = content + length;
    size_t at = 0;
    TUFF_TRY(tuff_session_read(t->session, o->packs[pack].average, content, length * sizeof *content, error));
    for (uint32_t k = 0; k < o->packs[pack].param_count; k++) {
        tuff_val x = o->members[pack][k];
        size_t count = (size_t)tuff_shape_count(&t->graph->values[x].type.shape);
        TUFF_TRY(tuff_session_read(t->session, x, own, count * sizeof *own, error));
        TUFF_TRY(tuff_session_write(t->session, x, content + at, count * sizeof *own, error));
        memcpy(content + at, own, count * sizeof *own);
        at += (size_t)tuff_pack_room(t->graph, x);
    }
    return tuff_session_write(t->session, o->packs[pack].average, content, length * sizeof *content, error);
}

tuff_status tuff_trainer_swap_averages(struct tuff_trainer *t, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, t != NULL);
    const struct tuff_optimizer *o = &t->first->optimizer;
    float averaged = 0;
    TUFF_TRY(must_be_compiled(t, error));
    if (t->inside) return tuff_refuse(t->context, error, "trainer: a step has stopped at a station: let it end");
    if (!o->averaged)
        return tuff_refuse(t->context, error, "trainer: its optimizer has no ema_decay, so there are no averages");
    TUFF_TRY(tuff_session_read(t->session, o->averaged, &averaged, sizeof averaged, error));
    if (averaged == 0)
        return tuff_refuse(t->context, error, "trainer: no update was made yet that averages could begin with");
    for (uint32_t i = 0; i < o->pack_count; i++) {
        size_t length = (size_t)tuff_shape_count(&t->graph->values[o->packs[i].average].type.shape);
        float *content = tuff_alloc(t->context, 2 * length * sizeof *content);
        if (!content) return tuff_fail_memory(t->context, error);
        tuff_status status = swap_pack(t, i, content, length, error);
        tuff_free(t->context, content);
        TUFF_TRY(status);
    }
    return TUFF_OK;
}

const struct tuff_optimizer_pack *tuff_trainer_packs(const struct tuff_trainer *t, uint32_t *count)
{
    *count = t->optimizer.pack_count;
    return t->optimizer.packs;
}

tuff_val tuff_trainer_norm(const struct tuff_trainer *t) { return t->optimizer.grad_norm; }
struct tuff_executable *tuff_trainer_executable(struct tuff_trainer *t) { return t->run; }
