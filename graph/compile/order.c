/* order.c - the sequence of groups, and which assignments write their state in place. requires: fuse.
 *
 * A state that is assigned keeps its old content until all readers of it have run. Where the group that computes the new
 * content can come after them, it writes into the state; else the new content is copied at the end. */
#include "graph/compile/compile.h"
#include "graph/ops/leaf.h"

struct ordering {
    struct tuff_work *w;
    bool *assigned;  /* [arena] per value: a leaf that is assigned */
    tuff_val *packs; /* [arena] vectors of parameters */
    uint32_t pack_count;
};

struct readers {      /* of a state */
    uint32_t *groups; /* [arena] all but `self` */
    uint32_t count, self;
    bool in_place; /* `self` reads it at its own elements only */
};

static bool add_group(struct tuff_work *w, uint32_t **list, uint32_t *count, uint32_t group)
{
    if (!TUFF_GROW_ARENA(w->arena, *list, *count, 1)) return false;
    (*list)[(*count)++] = group;
    return true;
}

/* Groups that read the memory of this leaf; `state` is what is written, of which the leaf is a part or the whole. */
static tuff_status add_readers(struct tuff_work *w, tuff_val leaf, tuff_val state, struct readers *readers)
{
    for (const struct tuff_reader *r = w->values[leaf].readers; r; r = r->next) {
        const struct tuff_group *group = &w->groups[r->group];
        if (r->group != readers->self && group->mark == w->search) continue;
        w->groups[r->group].mark = w->search;
        if (r->group != readers->self && !add_group(w, &readers->groups, &readers->count, r->group))
            return tuff_fail_memory(w->context, w->error);
        for (uint32_t k = 0; k < group->read_count && r->group == readers->self; k++)
            if (tuff_leaves_overlap(w->g, tuff_memory_of(w, group->reads[k].value), state))
                readers->in_place = readers->in_place && group->reads[k].identity && group->reads[k].value == state;
    }
    return TUFF_OK;
}

static tuff_status find_readers(struct ordering *o, tuff_val state, uint32_t self, struct readers *readers)
{
    struct tuff_work *w = o->w;
    const struct tuff_value *value = val(w, state);
    *readers = (struct readers){.self = self, .in_place = true};
    w->search++;
    TUFF_TRY(add_readers(w, state, state, readers));
    for (uint32_t i = 0; i < o->pack_count; i++)
        if (o->packs[i] != state && tuff_leaves_overlap(w->g, o->packs[i], state))
            TUFF_TRY(add_readers(w, o->packs[i], state, readers));
    for (uint32_t i = 0; i < value->in_count && value->op->kind == TUFF_KIND_PARAM_PACK; i++)
        TUFF_TRY(add_readers(w, value->in[i], state, readers));
    return TUFF_OK;
}

static tuff_status set_after(struct tuff_work *w, uint32_t group, const struct readers *readers)
{
    struct tuff_group *g = &w->groups[group];
    for (uint32_t i = 0; i < readers->count; i++)
        if (!add_group(w, &g->after, &g->after_count, readers->groups[i])) return tuff_fail_memory(w->context, w->error);
    return TUFF_OK;
}

static tuff_status place_assignment(struct ordering *o, tuff_val assign)
{
    struct tuff_work *w = o->w;
    tuff_val state = val(w, assign)->in[0], source = val(w, assign)->in[1];
    struct readers readers;
    TUFF_TRY(find_readers(o, state, w->values[source].group, &readers));
    bool in_place = readers.in_place && !(w->params->debug & TUFF_DEBUG_NOALIAS);
    if (in_place) in_place = tuff_groups_before(w, readers.groups, readers.count, readers.self);
    if (!in_place) { /* keep the value, copy it when everyone has read */
        tuff_val copy = tuff_graph_add(w->g, &tuff_op_copy, &source, 1, NULL);
        if (!copy) return tuff_graph_finish(w->g, w->error);
        w->values[copy].root = true;
        TUFF_TRY(tuff_group_root(w, copy));
        if (readers.self != UINT32_MAX && !add_group(w, &readers.groups, &readers.count, readers.self))
            return tuff_fail_memory(w->context, w->error);
        source = copy;
    }
    tuff_val *in = tuff_arena_copy(&w->g->arena, (tuff_val[]){state, source}, 2 * sizeof *in);
    if (!in) return tuff_fail_memory(w->context, w->error);
    w->g->values[assign].in = in;
    return set_after(w, w->values[source].group, &readers);
}

static tuff_status refuse(struct tuff_work *w, tuff_val update, const char *why)
{
    tuff_val leaf = tuff_written_leaf(w->g, update);
    return tuff_fail(w->context, w->error, TUFF_ERR_UNSUPPORTED, "rows of '%s' are assigned in place, but %s",
                     val(w, leaf)->name, why);
}

/* What reads the content that is overwritten comes before. */
static tuff_status place_update(struct ordering *o, tuff_val update)
{
    struct tuff_work *w = o->w;
    const struct tuff_value *value = val(w, update);
    tuff_val before = value->in[value->in_count - 1];
    struct readers readers;
    TUFF_TRY(find_readers(o, before, w->values[update].group, &readers));
    for (uint32_t i = 0; i + 1 < value->in_count; i++)
        if (tuff_leaves_overlap(w->g, tuff_memory_of(w, value->in[i]), before)) return refuse(w, update, "they are its own");
    for (uint32_t i = 0; i < readers.count; i++) {
        tuff_val kernel = w->groups[readers.groups[i]].kernel;
        if (kernel && val(w, kernel)->op->traits & TUFF_UPDATES &&
            val(w, kernel)->in[val(w, kernel)->in_count - 1] == before)
            return refuse(w, update, "so are others, beside them and not after them");
    }
    if (!tuff_groups_before(w, readers.groups, readers.count, readers.self))
        return refuse(w, update, "a result needs what they replace as well");
    if (o->assigned[tuff_written_leaf(w->g, update)]) return refuse(w, update, "it is assigned as well");
    return set_after(w, readers.self, &readers);
}

/* Leaves that are assigned, parameters of an assigned pack among them, and all packs. */
static tuff_status list_leaves(struct ordering *o)
{
    struct tuff_work *w = o->w;
    o->assigned = tuff_arena_alloc(w->arena, w->g->count * sizeof *o->assigned);
    if (!o->assigned) return tuff_fail_memory(w->context, w->error);
    for (tuff_val v = 1; v < w->g->count; v++) {
        const struct tuff_value *value = val(w, v);
        if (value->op->kind == TUFF_KIND_PARAM_PACK && !add_group(w, &o->packs, &o->pack_count, v))
            return tuff_fail_memory(w->context, w->error);
    }
    for (uint32_t i = 0; i < w->params->output_count; i++) {
        const struct tuff_value *output = val(w, w->outputs[i]), *leaf;
        if (output->op->class != TUFF_CLASS_ASSIGN) continue;
        o->assigned[output->in[0]] = true;
        leaf = val(w, output->in[0]);
        for (uint32_t k = 0; k < leaf->in_count; k++) o->assigned[leaf->in[k]] = true;
    }
    return TUFF_OK;
}

/* ---- sequence --------------------------------------------------------------------------------------------------------------- */

struct wait { /* of one group for another */
    uint32_t group;
    struct wait *next;
};
struct queue { /* the first of the groups that are ready is the next one */
    struct tuff_work *w;
    struct queued {
        struct wait *waiting; /* [arena] for this group */
        uint32_t missing;     /* groups that are to come before it */
    } * groups;               /* [arena] */
    uint32_t *heap;           /* [arena] ready groups, the first on top */
    uint32_t count, placed;
    uint32_t self;                               /* whose producers are looked at */
    enum phase { PREPARE, STATION, REST } phase; /* those alone are placed that prepare, or that the last search found */
    bool failed;                                 /* memory */
};

static bool await(const struct tuff_work *w, uint32_t group, void *user)
{
    struct queue *q = user;
    struct wait *wait = tuff_arena_alloc(w->arena, sizeof *wait);
    if (!wait) {
        q->failed = true;
        return true;
    }
    *wait = (struct wait){q->self, q->groups[group].waiting};
    q->groups[group].waiting = wait;
    q->groups[q->self].missing++;
    return false;
}

static void push(struct queue *q, uint32_t group)
{
    uint32_t at = q->count++;
    for (; at > 0 && q->heap[(at - 1) / 2] > group; at = (at - 1) / 2) q->heap[at] = q->heap[(at - 1) / 2];
    q->heap[at] = group;
}

static uint32_t pop(struct queue *q)
{
    uint32_t first = q->heap[0], last = q->heap[--q->count], at = 0;
    for (;;) {
        uint32_t below = 2 * at + 1;
        if (below + 1 < q->count && q->heap[below + 1] < q->heap[below]) below++;
        if (below >= q->count || q->heap[below] >= last) break;
        q->heap[at] = q->heap[below];
        at = below;
    }
    q->heap[at] = last;
    return first;
}

static tuff_status start_queue(struct queue *q)
{
    struct tuff_work *w = q->w;
    q->groups = tuff_arena_alloc(w->arena, (w->group_count + 1) * sizeof *q->groups);
    q->heap = tuff_arena_alloc(w->arena, (w->group_count + 1) * sizeof *q->heap);
    if (!q->groups || !q->heap) return tuff_fail_memory(w->context, w->error);
    for (q->self = 0; q->self < w->group_count; q->self++) {
        struct tuff_group *group = &w->groups[q->self];
        group->prepares = w->values[group->kernel ? group->kernel : group->members[0]].fixed;
        for (uint32_t i = 0; i < group->after_count; i++) (void)await(w, group->after[i], q);
        for (uint32_t i = 0; i < group->read_count; i++) (void)tuff_each_producer(w, group->reads[i].value, await, q);
    }
    return q->failed ? tuff_fail_memory(w->context, w->error) : TUFF_OK;
}

static bool may_come(const struct queue *q, uint32_t group)
{
    if (q->groups[group].missing) return false;
    if (q->phase == PREPARE) return q->w->groups[group].prepares;
    return q->phase == REST || tuff_is_marked(q->w, group);
}

/* Places what is ready, and what is ready then. */
static void place_ready(struct queue *q, enum phase phase)
{
    struct tuff_work *w = q->w;
    q->phase = phase;
    for (uint32_t i = 0; i < w->group_count; i++)
        if (w->groups[i].order == UINT32_MAX && may_come(q, i)) push(q, i);
    while (q->count > 0) {
        uint32_t group = pop(q);
        w->groups[group].order = q->placed;
        w->sequence[q->placed++] = group;
        for (struct wait *wait = q->groups[group].waiting; wait; wait = wait->next) {
            q->groups[wait->group].missing--;
            if (may_come(q, wait->group)) push(q, wait->group);
        }
    }
}

tuff_status tuff_pass_order(struct tuff_work *w)
{
    struct ordering o = {.w = w};
    struct queue q = {.w = w};
    TUFF_TRY(list_leaves(&o));
    for (uint32_t i = 0; i < w->params->output_count; i++)
        if (val(w, w->outputs[i])->op->class == TUFF_CLASS_ASSIGN) TUFF_TRY(place_assignment(&o, w->outputs[i]));
    for (tuff_val v = 1; v < w->g->count; v++)
        if (val(w, v)->op->traits & TUFF_UPDATES) TUFF_TRY(place_update(&o, v));
    w->sequence = tuff_arena_alloc(w->arena, (w->group_count + 1) * sizeof *w->sequence);
    if (!w->sequence) return tuff_fail_memory(w->context, w->error);
    TUFF_TRY(start_queue(&q));
    place_ready(&q, PREPARE);
    w->prepare_count = q.placed;
    for (uint32_t i = 0; i < w->params->station_count; i++) {
        for (uint32_t k = 0; k < w->params->stations[i].count; k++) { /* what an assignment writes, it may be a copy */
            const struct tuff_value *value = val(w, w->stations[i].values[k]);
            if (value->op->class == TUFF_CLASS_ASSIGN) w->stations[i].values[k] = value->in[1];
        }
        tuff_mark_producers(w, w->stations[i].values, w->params->stations[i].count);
        place_ready(&q, STATION);
        w->stations[i].group_count = q.placed;
    }
    place_ready(&q, REST);
    if (TUFF_NEVER(q.placed < w->group_count))
        return tuff_fail(w->context, w->error, TUFF_ERR_UNSUPPORTED,
                         "the groups of this graph wait for each other; run with TUFF_DEBUG=nofuse");
    return TUFF_OK;
}
