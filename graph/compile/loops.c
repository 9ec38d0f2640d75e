/* loops.c - what a LOOP becomes: its body is compiled by itself, once for all rounds, and its launches are put into the plan with a
 * step for each binding; before them a plan of its own copies the carries' first contents to where the first round reads them.
 * requires: order, and for the launches storage. */
#include "graph/compile/compile.h"
#include "graph/ops/leaf.h"
#include "graph/ops/scan.h"

/* Where a slot of a part's plan lies in the whole plan, in the first round, and how it goes on. */
struct seat {
    uint32_t slot, ring;
    uint64_t offset;
    int64_t step;
};

static const struct tuff_scan_attrs *attrs_of(const struct tuff_work *w, const struct tuff_group *group)
{
    return val(w, group->kernel)->attrs;
}

/* Of the first so many memories: scratch, and what the part prepares, which is done once before the rounds. */
static uint64_t own_bytes(const struct tuff_plan *plan, uint32_t memories)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < memories; i++) {
        enum tuff_memory kind = plan->memories[i].kind;
        bool own = kind == TUFF_MEMORY_SCRATCH || kind == TUFF_MEMORY_PREPARED;
        if (own) bytes += tuff_align(plan->memories[i].bytes, TUFF_PLAN_ALIGNMENT);
    }
    return bytes;
}

static tuff_status compile_part(struct tuff_work *w, const struct tuff_graph *graph, const tuff_val *outputs, uint32_t count,
                                struct tuff_loop *loop, struct tuff_compiled *out)
{
    struct tuff_compile_params params = *w->params;
    params.graph = graph;
    params.outputs = outputs;
    params.output_count = count;
    params.stations = NULL;
    params.station_count = 0;
    params.layout = NULL;
    params.tuner = NULL; /* launches of this plan are others' */
    TUFF_TRY(tuff_compile(&params, out, w->error));
    uint64_t bytes = own_bytes(&out->plan, out->plan.memory_count);
    if (bytes > loop->scratch_bytes) loop->scratch_bytes = bytes;
    return TUFF_OK;
}

/* Copies of the carries. */
static tuff_status compile_first(struct tuff_work *w, const struct tuff_scan_attrs *attrs, struct tuff_loop *loop)
{
    uint32_t count = (uint32_t)attrs->carries;
    tuff_val *copies = tuff_arena_alloc(w->arena, (count + 1) * sizeof *copies);
    if (!copies) return tuff_fail_memory(w->context, w->error);
    if (!count) return TUFF_OK;
    TUFF_TRY(tuff_graph_create(w->context, &loop->copies, w->error));
    for (uint32_t k = 0; k < count; k++) {
        struct tuff_type type = attrs->body->values[tuff_scan_input(attrs, k)].type;
        char *name = tuff_arena_printf(w->arena, "carry%u", k);
        if (!name) return tuff_fail_memory(w->context, w->error);
        copies[k] = tuff_input(loop->copies, name, type.dtype, type.shape);
    }
    return compile_part(w, loop->copies, copies, count, loop, &loop->first);
}

tuff_status tuff_pass_loops(struct tuff_work *w)
{
    for (uint32_t i = 0; i < w->group_count; i++) {
        struct tuff_group *group = &w->groups[i];
        if (!group->kernel || val(w, group->kernel)->op->class != TUFF_CLASS_LOOP) continue;
        const struct tuff_scan_attrs *attrs = attrs_of(w, group);
        tuff_val *outputs = tuff_arena_alloc(w->arena, (tuff_scan_outputs(attrs) + 1) * sizeof *outputs);
        struct tuff_loop *loop = tuff_arena_alloc(w->arena, sizeof *loop);
        if (!outputs || !loop) return tuff_fail_memory(w->context, w->error);
        loop->next = w->loops;
        w->loops = group->loop = loop;
        for (uint32_t k = 0; k < tuff_scan_outputs(attrs); k++) outputs[k] = tuff_scan_output(attrs, k);
        TUFF_TRY(compile_first(w, attrs, loop));
        TUFF_TRY(compile_part(w, attrs->body, outputs, tuff_scan_outputs(attrs), loop, &loop->each));
    }
    return TUFF_OK;
}

void tuff_loops_finish(struct tuff_work *w)
{
    for (struct tuff_loop *loop = w->loops; loop; loop = loop->next) {
        tuff_graph_destroy(loop->copies);
        tuff_arena_finish(&loop->first.plan.arena);
        tuff_arena_finish(&loop->each.plan.arena);
    }
}

/* ---- seats -------------------------------------------------------------------------------------------------------------------- */

static struct seat seat_of_value(const struct tuff_work *w, tuff_val v)
{
    const struct tuff_place *place = &w->values[v].place;
    return (struct seat){.slot = w->values[place->root].slot,
                         .offset = tuff_dtype_size(val(w, v)->type.dtype, place->offset)};
}

/* Rows of so many bytes, from the seat on. */
static struct seat seat_of_rows(struct seat seat, const struct tuff_scan_rows *rows, uint64_t bytes, int32_t rounds)
{
    seat.offset += rows->first * bytes;
    if (rounds == 1) return seat;
    seat.step = rows->step * (int64_t)bytes;
    seat.ring = rows->ring;
    return seat;
}

/* Row of section k that is read or written. */
static struct seat seat_in_result(const struct tuff_work *w, const struct tuff_group *group, uint32_t k, bool written)
{
    const struct tuff_scan_attrs *attrs = attrs_of(w, group);
    struct tuff_scan_section s = tuff_scan_section(attrs, k);
    struct seat seat = seat_of_value(w, group->kernel);
    seat.offset += s.offset * sizeof(float);
    return seat_of_rows(seat, written ? &s.written : &s.read, s.row * sizeof(float), attrs->rounds);
}

static struct seat seat_of_input(const struct tuff_work *w, const struct tuff_group *group, uint32_t k)
{
    const struct tuff_scan_attrs *attrs = attrs_of(w, group);
    if (k < (uint32_t)attrs->carries) return seat_in_result(w, group, k, false);
    struct seat seat = seat_of_value(w, val(w, group->kernel)->in[k]);
    if (k >= (uint32_t)attrs->carries + (uint32_t)attrs->sequences) return seat;
    const struct tuff_type *row = &attrs->body->values[tuff_scan_input(attrs, k)].type;
    struct tuff_scan_rows rows = tuff_scan_sequence(attrs);
    return seat_of_rows(seat, &rows, tuff_align(tuff_type_bytes(row), TUFF_PLAN_ALIGNMENT), attrs->rounds);
}

/* The part's constants become the plan's; their content may lie in the part, which ends with the passes. */
static tuff_status seat_constant(struct tuff_work *w, const struct tuff_plan_slot *slot, struct seat *seat)
{
    struct tuff_plan_slot copy = *slot;
    copy.name = "";
    copy.data = tuff_arena_copy(&w->plan->arena, slot->data, (size_t)slot->content_bytes);
    bool placed = copy.data && tuff_plan_place(w->plan, &copy, TUFF_MEMORY_CONST, w->params->caps->max_allocation_bytes);
    if (placed) seat->slot = tuff_plan_add_slot(w->plan, &copy);
    return placed && seat->slot != UINT32_MAX ? TUFF_OK : tuff_fail_memory(w->context, w->error);
}

/* Slots of the part by the names of its inputs. */
static uint32_t input_of(const struct tuff_graph *graph, const struct tuff_plan_slot *slot)
{
    uint32_t k = 0;
    for (tuff_val v = 1; v < graph->count; v++) {
        if (graph->values[v].op->kind != TUFF_KIND_INPUT) continue;
        if (!strcmp(graph->values[v].name, slot->name)) break;
        k++;
    }
    return k;
}

/* first: the copies before the rounds, which read the operands and write what the first round reads. */
static tuff_status make_seats(struct tuff_work *w, const struct tuff_group *group, bool first, struct seat **out)
{
    const struct tuff_scan_attrs *attrs = attrs_of(w, group);
    const struct tuff_compiled *part = first ? &group->loop->first : &group->loop->each;
    const struct tuff_graph *graph = first ? group->loop->copies : attrs->body;
    struct seat *seats = tuff_arena_alloc(w->arena, (part->plan.slot_count + 1) * sizeof *seats);
    if (!seats) return tuff_fail_memory(w->context, w->error);
    for (uint32_t i = 0; i < part->plan.slot_count; i++) {
        const struct tuff_plan_slot *slot = &part->plan.slots[i];
        enum tuff_memory kind = tuff_slot_kind(&part->plan, slot);
        if (kind == TUFF_MEMORY_CONST) TUFF_TRY(seat_constant(w, slot, &seats[i]));
        if (kind == TUFF_MEMORY_SCRATCH || kind == TUFF_MEMORY_PREPARED)
            seats[i] = (struct seat){.slot = group->loop->slot,
                                     .offset = own_bytes(&part->plan, slot->memory) + slot->offset};
        if (kind != TUFF_MEMORY_INPUT) continue;
        uint32_t k = input_of(graph, slot);
        seats[i] = first ? seat_of_value(w, val(w, group->kernel)->in[k]) : seat_of_input(w, group, k);
    }
    for (uint32_t k = 0; k < (first ? (uint32_t)attrs->carries : tuff_scan_outputs(attrs)); k++) {
        struct seat *seat = &seats[part->output_slots[k]];
        *seat = seat_in_result(w, group, k, !first);
        if (first) seat->step = seat->ring = 0;
    }
    *out = seats;
    return TUFF_OK;
}

/* ---- launches ----------------------------------------------------------------------------------------------------------------- */

static tuff_status add_launch(struct tuff_work *w, const struct tuff_plan *from, const struct tuff_plan_launch *launch,
                              const struct seat *seats)
{
    struct tuff_plan_launch copy = *launch;
    const struct tuff_plan_kernel *kernel = &from->kernels[launch->kernel];
    struct tuff_plan_binding *bindings = tuff_arena_alloc(w->arena, (launch->binding_count + 1) * sizeof *bindings);
    if (!bindings) return tuff_fail_memory(w->context, w->error);
    for (uint32_t i = 0; i < launch->binding_count; i++) {
        bindings[i] = from->bindings[launch->binding_first + i];
        const struct seat *seat = &seats[bindings[i].slot];
        bindings[i].slot = seat->slot;
        bindings[i].offset += seat->offset;
        bindings[i].step = seat->step;
        bindings[i].ring = seat->ring;
    }
    copy.kernel = tuff_plan_add_kernel(w->plan, kernel, from->specs + kernel->spec_first, kernel->spec_count);
    bool added = copy.kernel != UINT32_MAX &&
                 tuff_plan_add_launch(w->plan, &copy, bindings, launch->binding_count, from->push_words + launch->push_first,
                                      launch->push_count) != UINT32_MAX &&
                 tuff_plan_add_numbers(w->plan, from->numbers + launch->number_first, launch->number_count);
    return added ? TUFF_OK : tuff_fail_memory(w->context, w->error);
}

static tuff_status add_part(struct tuff_work *w, const struct tuff_group *group, bool first)
{
    const struct tuff_plan *from = first ? &group->loop->first.plan : &group->loop->each.plan;
    struct seat *seats = NULL;
    TUFF_TRY(make_seats(w, group, first, &seats));
    for (uint32_t i = 0; i < from->launch_count; i++) TUFF_TRY(add_launch(w, from, &from->launches[i], seats));
    return TUFF_OK;
}

tuff_status tuff_lower_loop(struct tuff_work *w, const struct tuff_group *group)
{
    const struct tuff_scan_attrs *attrs = attrs_of(w, group);
    if (attrs->carries) TUFF_TRY(add_part(w, group, true));
    struct tuff_plan_loop loop = {.launch_first = w->plan->launch_count, .rounds = (uint32_t)attrs->rounds};
    TUFF_TRY(add_part(w, group, false));
    loop.launch_first += group->loop->each.plan.prepare_count;
    loop.launch_count = w->plan->launch_count - loop.launch_first;
    if (loop.rounds > 1 && loop.launch_count && !tuff_plan_add_loop(w->plan, &loop))
        return tuff_fail_memory(w->context, w->error);
    return TUFF_OK;
}
