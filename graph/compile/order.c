/* order.c - the sequence of groups, and which assignments write their state in place.
 *
 * A state that is assigned keeps its old content until all readers of it have run. Where the group that computes the new
 * content can come after them, it writes into the state; else the new content is copied at the end.
 * requires: fuse. */
#include "graph/compile/compile.h"
#include "graph/ops/leaf.h"

/* Groups that read the state; *in_place: `self` reads it at its own elements only. */
static tuff_status readers(struct tuff_work *w, tuff_val state, uint32_t self, uint32_t *list, uint32_t *count,
                           bool *in_place)
{
    *count = 0;
    *in_place = true;
    for (uint32_t i = 0; i < w->group_count; i++)
        for (uint32_t k = 0; k < w->groups[i].read_count; k++) {
            const struct tuff_read *read = &w->groups[i].reads[k];
            if (!tuff_leaves_overlap(w->g, tuff_memory_of(w, read->value), state)) continue;
            if (i == self)
                *in_place = *in_place && read->identity && read->value == state;
            else if (*count == 0 || list[*count - 1] != i)
                list[(*count)++] = i;
        }
    return TUFF_OK;
}

static tuff_status set_after(struct tuff_work *w, uint32_t group, const uint32_t *list, uint32_t count)
{
    struct tuff_work_group *g = &w->groups[group];
    uint32_t *all = tuff_arena_alloc(w->arena, (g->after_count + count) * sizeof *all);
    if (!all) return tuff_fail_memory(w->context, w->error);
    if (g->after_count) memcpy(all, g->after, g->after_count * sizeof *all);
    memcpy(all + g->after_count, list, count * sizeof *all);
    g->after = all;
    g->after_count += count;
    return TUFF_OK;
}

static tuff_status place_assignment(struct tuff_work *w, tuff_val assign)
{
    tuff_val state = val(w, assign)->in[0], source = val(w, assign)->in[1];
    uint32_t self = w->group_of[source], count;
    uint32_t *list = tuff_arena_alloc(w->arena, (w->group_count + 1) * sizeof *list);
    bool in_place;
    if (!list) return tuff_fail_memory(w->context, w->error);
    TUFF_TRY(readers(w, state, self, list, &count, &in_place));
    for (uint32_t i = 0; i < count && in_place; i++) in_place = !tuff_group_depends(w, list[i], self);
    if ((w->params->debug & TUFF_DEBUG_NOALIAS) != 0) in_place = false;
    if (!in_place) { /* keep the value, copy it when everyone has read */
        tuff_val copy = tuff_graph_add(w->g, &tuff_op_copy, &source, 1, NULL);
        if (!copy) return tuff_graph_finish(w->g, w->error);
        w->root[copy] = true;
        TUFF_TRY(tuff_group_root(w, copy));
        if (self != UINT32_MAX) list[count++] = self;
        source = copy;
        self = w->group_of[copy];
    }
    tuff_val *in = tuff_arena_copy(&w->g->arena, (tuff_val[]){state, source}, 2 * sizeof *in);
    if (!in) return tuff_fail_memory(w->context, w->error);
    w->g->values[assign].in = in;
    return set_after(w, self, list, count);
}

static tuff_status refuse(struct tuff_work *w, tuff_val update, const char *why)
{
    tuff_val leaf = tuff_written_leaf(w->g, update);
    return tuff_fail(w->context, w->error, TUFF_ERR_UNSUPPORTED, "rows of '%s' are assigned in place, but %s",
                     val(w, leaf)->name, why);
}

/* What reads the content that is overwritten comes before. */
static tuff_status place_update(struct tuff_work *w, tuff_val update)
{
    const struct tuff_value *value = val(w, update);
    tuff_val before = value->in[value->in_count - 1], leaf = tuff_written_leaf(w->g, update);
    uint32_t self = w->group_of[update], count;
    uint32_t *list = tuff_arena_alloc(w->arena, (w->group_count + 1) * sizeof *list);
    bool in_place;
    if (!list) return tuff_fail_memory(w->context, w->error);
    TUFF_TRY(readers(w, before, self, list, &count, &in_place));
    for (uint32_t i = 0; i + 1 < value->in_count; i++)
        if (tuff_leaves_overlap(w->g, tuff_memory_of(w, value->in[i]), before)) return refuse(w, update, "they are its own");
    for (uint32_t i = 0; i < count; i++) {
        tuff_val kernel = w->groups[list[i]].kernel;
        if (kernel && val(w, kernel)->op->traits & TUFF_UPDATES && val(w, kernel)->in[value->in_count - 1] == before)
            return refuse(w, update, "so are others, beside them and not after them");
        if (tuff_group_depends(w, list[i], self)) return refuse(w, update, "a result needs what they replace as well");
    }
    for (uint32_t i = 0; i < w->params->output_count; i++)
        if (val(w, w->outputs[i])->op->class == TUFF_CLASS_ASSIGN &&
            tuff_leaves_overlap(w->g, val(w, w->outputs[i])->in[0], leaf))
            return refuse(w, update, "it is assigned as well");
    return set_after(w, self, list, count);
}

static bool not_placed(const struct tuff_work *w, uint32_t group, void *user)
{
    (void)user;
    return w->groups[group].order == UINT32_MAX;
}

static bool is_ready(const struct tuff_work *w, uint32_t at)
{
    const struct tuff_work_group *group = &w->groups[at];
    for (uint32_t i = 0; i < group->after_count; i++)
        if (w->groups[group->after[i]].order == UINT32_MAX) return false;
    for (uint32_t i = 0; i < group->read_count; i++)
        if (tuff_each_producer(w, group->reads[i].value, not_placed, NULL)) return false;
    return true;
}

/* Places what is ready, the marked alone or all; false when none is. */
static bool place_next(struct tuff_work *w, bool marked, uint32_t placed)
{
    for (uint32_t i = 0; i < w->group_count; i++) {
        if (w->groups[i].order != UINT32_MAX || (marked && !w->groups[i].mark) || !is_ready(w, i)) continue;
        w->groups[i].order = placed;
        w->sequence[placed] = i;
        return true;
    }
    return false;
}

tuff_status tuff_pass_order(struct tuff_work *w)
{
    uint32_t placed = 0;
    for (uint32_t i = 0; i < w->params->output_count; i++)
        if (val(w, w->outputs[i])->op->class == TUFF_CLASS_ASSIGN) TUFF_TRY(place_assignment(w, w->outputs[i]));
    for (tuff_val v = 1; v < w->g->count; v++)
        if (val(w, v)->op->traits & TUFF_UPDATES) TUFF_TRY(place_update(w, v));
    w->sequence = tuff_arena_alloc(w->arena, (w->group_count + 1) * sizeof *w->sequence);
    if (!w->sequence) return tuff_fail_memory(w->context, w->error);
    for (uint32_t i = 0; i < w->params->station_count; i++) {
        tuff_mark_producers(w, w->stations[i].values, w->params->stations[i].count);
        while (place_next(w, true, placed)) placed++;
        w->stations[i].group_count = placed;
    }
    while (place_next(w, false, placed)) placed++;
    if (TUFF_NEVER(placed < w->group_count))
        return tuff_fail(w->context, w->error, TUFF_ERR_UNSUPPORTED,
                         "the groups of this graph wait for each other; run with TUFF_DEBUG=nofuse");
    return TUFF_OK;
}
