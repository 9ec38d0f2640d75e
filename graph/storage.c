/* storage.c - where every value in memory lives: leaves and outputs in slots of their own, packed and assigned values inside
 * what they are written to, everything else in scratch, whose ranges are shared by values that are not alive together.
 * requires: fuse, order. Promises: a value's bytes are not touched between its writing and its last reading. */
#include "graph/storage.h"
#include "graph/compile.h"
#include "graph/ops/leaf.h"

uint64_t tuff_value_bytes(const struct tuff_type *type) { return tuff_align(tuff_type_bytes(type), TUFF_PLAN_ALIGNMENT); }

void tuff_layout_init(struct tuff_layout *layout, struct tuff_context *context)
{
    *layout = (struct tuff_layout){.context = context};
}

void tuff_layout_finish(struct tuff_layout *layout)
{
    tuff_free(layout->context, layout->places);
    tuff_free(layout->context, layout->memories);
    tuff_layout_init(layout, layout->context);
}

/* Into the memory *at, or a new one, which it then is. */
static tuff_status place_leaf(struct tuff_layout *layout, const struct tuff_value *value, uint64_t most, uint32_t *at,
                              struct tuff_leaf_place *place, struct tuff_error *error)
{
    uint64_t bytes = tuff_value_bytes(&value->type);
    struct tuff_plan_memory *memory = *at == UINT32_MAX ? NULL : &layout->memories[*at];
    if (!memory || bytes > most || memory->bytes > most - bytes) {
        size_t size = (layout->memory_count + 1) * sizeof *layout->memories;
        struct tuff_plan_memory *larger = tuff_realloc(layout->context, layout->memories, size);
        if (!larger) return tuff_fail_memory(layout->context, error);
        layout->memories = larger;
        *at = layout->memory_count++;
        memory = &larger[*at];
        *memory = (struct tuff_plan_memory){value->op->kind == TUFF_KIND_PARAM ? TUFF_MEMORY_PARAM : TUFF_MEMORY_STATE, 0};
    }
    *place = (struct tuff_leaf_place){*at, memory->bytes};
    memory->bytes += bytes;
    return TUFF_OK;
}

tuff_status tuff_layout_extend(struct tuff_layout *layout, const struct tuff_graph *g, uint64_t most,
                               struct tuff_error *error)
{
    uint32_t before = layout->memory_count, last[2] = {UINT32_MAX, UINT32_MAX};
    if (layout->value_count == g->count) return TUFF_OK;
    struct tuff_leaf_place *places = tuff_realloc(layout->context, layout->places, g->count * sizeof *places);
    if (!places) return tuff_fail_memory(layout->context, error);
    layout->places = places;
    for (tuff_val v = layout->value_count; v < g->count; v++) {
        const struct tuff_value *value = &g->values[v];
        places[v] = (struct tuff_leaf_place){UINT32_MAX, 0};
        if (v == 0 || !tuff_is_kept(value)) continue;
        tuff_status status = place_leaf(layout, value, most, &last[value->op->kind == TUFF_KIND_STATE], &places[v], error);
        if (status == TUFF_OK) continue;
        layout->memory_count = before;
        return status;
    }
    layout->value_count = g->count;
    return TUFF_OK;
}

/* Places the computed value behind v (through what keeps all its elements in order) at element `offset` of the root. */
static void place_inside(struct tuff_work *w, tuff_val v, tuff_val root, uint64_t offset)
{
    while (tuff_op_is_same(val(w, v)->op) && !w->root[v]) v = val(w, v)->in[0];
    w->places[v] = (struct tuff_place){root, offset};
}

static void place_results(struct tuff_work *w)
{
    for (tuff_val v = 1; v < w->g->count; v++) {
        if (val(w, v)->op->traits & TUFF_UPDATES) w->places[v] = (struct tuff_place){tuff_written_leaf(w->g, v), 0};
        if (val(w, v)->op->kind != TUFF_KIND_PACK) continue;
        tuff_val target = val(w, v)->in[0];
        w->places[v] = (struct tuff_place){target, 0};
        for (uint32_t i = 1; i < val(w, v)->in_count; i++)
            place_inside(w, val(w, v)->in[i], target, tuff_pack_offset(w->g, val(w, v)->in + 1, i - 1));
    }
    for (uint32_t i = 0; i < w->params->output_count; i++) {
        const struct tuff_value *value = val(w, w->outputs[i]);
        if (value->op->class == TUFF_CLASS_ASSIGN) w->places[value->in[1]] = (struct tuff_place){value->in[0], 0};
    }
}

/* Does any group but its own read the value, or does it live where the host or the next run sees it? */
static bool is_stored(const struct tuff_work *w, tuff_val v)
{
    if (w->places[v].root && w->places[v].root != v) return true;
    if (tuff_is_output(w, v)) return true;
    for (uint32_t i = 0; i < w->group_count; i++) {
        if (i == w->group_of[v]) continue;
        for (uint32_t k = 0; k < w->groups[i].read_count; k++)
            if (tuff_memory_of(w, w->groups[i].reads[k].value) == v) return true;
    }
    return false;
}

/* ---- scratch ---------------------------------------------------------------------------------------------------------------- */

static tuff_status collect_scratch(struct tuff_work *w, struct tuff_scratch *s)
{
    s->ranges = tuff_arena_alloc(w->arena, (w->g->count + 1) * sizeof *s->ranges);
    s->range_of = tuff_arena_alloc(w->arena, (w->g->count + 1) * sizeof *s->range_of);
    if (!s->ranges || !s->range_of) return tuff_fail_memory(w->context, w->error);
    s->range_of[0] = UINT32_MAX;
    for (tuff_val v = 1; v < w->g->count; v++) {
        s->range_of[v] = UINT32_MAX;
        if (w->places[v].root != v || tuff_is_leaf_memory(w->g, v)) continue;
        if (tuff_is_output(w, v)) continue;
        uint32_t order = w->groups[w->group_of[v]].order;
        s->range_of[v] = s->count;
        s->ranges[s->count++] = (struct tuff_range){
            .bytes = tuff_value_bytes(&val(w, v)->type), .first = order, .last = order};
    }
    for (uint32_t i = 0; i < w->group_count; i++)
        for (uint32_t k = 0; k < w->groups[i].read_count; k++) {
            uint32_t r = s->range_of[w->places[w->groups[i].reads[k].value].root];
            if (r != UINT32_MAX && w->groups[i].order > s->ranges[r].last) s->ranges[r].last = w->groups[i].order;
        }
    return TUFF_OK;
}

/* Reads of the group that lie in the range: the value whole, and slices of it. */
static uint32_t reads_in(const struct tuff_work *w, const struct tuff_scratch *s, const struct tuff_work_group *group,
                         uint32_t range)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < group->read_count; k++) count += s->range_of[w->places[group->reads[k].value].root] == range;
    return count;
}

/* A result takes over the memory of a value that its group reads last, element by element and in no other way. Elements are of
 * one size, or the first results would lie over what is still to be read. */
static void take_over(struct tuff_work *w, struct tuff_scratch *s)
{
    for (uint32_t n = 0; n < w->group_count; n++) {
        struct tuff_work_group *group = &w->groups[w->sequence[n]];
        for (uint32_t m = 0; m < group->member_count; m++) {
            uint32_t mine = s->range_of[group->members[m]];
            if (mine == UINT32_MAX || s->ranges[mine].in != NULL) continue;
            for (uint32_t k = 0; k < group->read_count; k++) {
                tuff_val from = group->reads[k].value;
                uint32_t r = w->places[from].offset ? UINT32_MAX : s->range_of[w->places[from].root];
                if (r == UINT32_MAX || r == mine || !group->reads[k].identity || s->ranges[r].taken ||
                    tuff_dtype_bytes(val(w, from)->type.dtype) != tuff_dtype_bytes(val(w, group->members[m])->type.dtype) ||
                    s->ranges[r].last != n || s->ranges[r].first == n || s->ranges[r].bytes != s->ranges[mine].bytes ||
                    reads_in(w, s, group, r) > 1)
                    continue;
                s->ranges[mine].in = &s->ranges[r];
                s->ranges[r].taken = true;
                break;
            }
        }
    }
    for (uint32_t i = s->count; i-- > 0;) { /* a chain of takers is one range */
        struct tuff_range *first = &s->ranges[i];
        while (first->in) first = first->in;
        if (s->ranges[i].last > first->last) first->last = s->ranges[i].last;
    }
}

/* Offline strip packing: largest first, each at the lowest offset that is free while it lives. */
static uint64_t pack_ranges(struct tuff_scratch *s, bool share)
{
    uint64_t end = 0;
    for (;;) {
        struct tuff_range *best = NULL;
        for (uint32_t i = 0; i < s->count; i++) {
            struct tuff_range *r = &s->ranges[i];
            if (!r->in && !r->placed && (!best || r->bytes > best->bytes)) best = r;
        }
        if (!best) return end;
        for (bool moved = true; moved;) {
            moved = false;
            for (uint32_t i = 0; i < s->count; i++) {
                const struct tuff_range *r = &s->ranges[i];
                bool together = !share || (r->first <= best->last && best->first <= r->last);
                if (r->in || !r->placed || !together || r->offset >= best->offset + best->bytes ||
                    best->offset >= r->offset + r->bytes)
                    continue;
                best->offset = r->offset + r->bytes;
                moved = true;
            }
        }
        best->placed = true;
        if (best->offset + best->bytes > end) end = best->offset + best->bytes;
    }
}

tuff_status tuff_pass_storage(struct tuff_work *w)
{
    w->places = tuff_arena_alloc(w->arena, (w->g->count + 1) * sizeof *w->places);
    if (!w->places) return tuff_fail_memory(w->context, w->error);
    place_results(w);
    for (tuff_val v = 1; v < w->g->count; v++) {
        bool leaf = tuff_is_leaf_memory(w->g, v) && val(w, v)->op->kind != TUFF_KIND_PACK;
        if (leaf)
            w->places[v] = (struct tuff_place){v, 0};
        else if (tuff_is_root_like(w, v) && !w->places[v].root && is_stored(w, v))
            w->places[v] = (struct tuff_place){v, 0};
    }
    for (tuff_val v = 1; v < w->g->count; v++) {
        uint64_t offset;
        if (w->places[v].root || tuff_is_root_like(w, v) || !tuff_is_alias(w->g, v, &offset)) continue;
        struct tuff_place in = w->places[val(w, v)->in[0]];
        if (in.root) w->places[v] = (struct tuff_place){in.root, in.offset + offset};
    }
    return TUFF_OK;
}

tuff_status tuff_scratch_plan(struct tuff_work *w, struct tuff_scratch *s)
{
    bool share = !(w->params->debug & TUFF_DEBUG_NOALIAS);
    TUFF_TRY(collect_scratch(w, s));
    if (share) take_over(w, s);
    s->bytes = pack_ranges(s, share);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct tuff_range *first = &s->ranges[i];
        while (first->in) first = first->in;
        s->ranges[i].offset = first->offset;
    }
    return TUFF_OK;
}
