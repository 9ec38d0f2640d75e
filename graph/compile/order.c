/* order.c - the sequence of groups, and which assignments write their state in place. requires: fuse.
 *
 * A state that is assigned keeps its old content until all readers of it have run. Where the group that computes the new
 * content can come after them, it writes into the state; else the new content is copied at the end. */
#include "graph/compile/compile.h"
#include "graph/ops/leaf.h"

#include <stdlib.h>

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
        uint32_t height;      /* levels: launches of the longest chain that begins with it */
        uint32_t lower;       /* levels: 1 + the next group of its height that is put off */
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

/* ---- levels ----------------------------------------------------------------------------------------------------------------- */

/* Launches of a level wait for none of each other, so one barrier stands before each. There are as many as the longest chain of groups
 * is long: what is so far from the end that the chain would grow goes now, and what makes no memory longer alive; the rest is put off. */
struct levels {
    struct queue *q;
    uint64_t *bytes;          /* [arena] per value: of scratch that it takes */
    uint64_t *takes;          /* [arena] per group: those of what it computes */
    uint32_t *left;           /* [arena] per value: reads of its memory to come */
    uint32_t *heads;          /* [arena] by height: 1 + the first group that is put off */
    uint32_t *before, *after; /* [arena] the sequence as it was, and as levels have it */
    uint32_t *ready;          /* [arena] groups that may come */
    uint32_t count;
    uint64_t alive, freed, most; /* bytes of scratch: behind the levels so far, of the last one, that there may be */
};

/* What lies in scratch, as far as it is known here: what goes into packs, states and outputs does not. */
static void weigh_values(struct levels *l)
{
    const struct tuff_work *w = l->q->w;
    for (tuff_val v = 1; v < w->g->count; v++) {
        bool scratch = tuff_is_root_like(w, v) && !tuff_is_leaf_memory(w->g, v) && !w->values[v].output;
        l->bytes[v] = scratch ? tuff_type_bytes(&val(w, v)->type) : 0;
        l->left[v] = 0;
    }
    for (tuff_val v = 1; v < w->g->count; v++)
        for (uint32_t i = 1; val(w, v)->op->kind == TUFF_KIND_PACK && i < val(w, v)->in_count; i++)
            l->bytes[tuff_strip_same(w, val(w, v)->in[i])] = 0;
    for (uint32_t i = 0; i < w->params->output_count; i++)
        if (val(w, w->outputs[i])->op->class == TUFF_CLASS_ASSIGN) l->bytes[val(w, w->outputs[i])->in[1]] = 0;
    for (uint32_t i = 0; i < w->group_count; i++)
        for (uint32_t k = 0; k < w->groups[i].read_count; k++) l->left[tuff_memory_of(w, w->groups[i].reads[k].value)]++;
    for (uint32_t i = 0; i < w->group_count; i++) l->takes[i] = 0;
    for (tuff_val v = 1; v < w->g->count; v++) {
        if (!l->left[v] || w->values[v].group == UINT32_MAX) l->bytes[v] = 0; /* nobody but its group reads it */
        if (w->values[v].group != UINT32_MAX) l->takes[w->values[v].group] += l->bytes[v];
    }
}

/* Counts the group's reads as done, or as to come again; returns the bytes that nobody reads any more then. */
static uint64_t count_reads(struct levels *l, const struct tuff_group *group, bool done)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < group->read_count; i++) {
        tuff_val from = tuff_memory_of(l->q->w, group->reads[i].value);
        l->left[from] += done ? UINT32_MAX : 1;
        if (done && !l->left[from]) bytes += l->bytes[from];
    }
    return bytes;
}

/* Does it free as much as it takes? Then it has read. */
static bool saves_memory(struct levels *l, const struct tuff_group *group)
{
    uint64_t freed = count_reads(l, group, true);
    l->freed += freed;
    if (freed >= l->takes[group - l->q->w->groups]) return true;
    l->freed -= freed;
    (void)count_reads(l, group, false);
    return false;
}

/* Of groups first .. end - 1 of the sequence; what waits for them and is no group of these comes later anyway. */
static uint32_t measure_heights(struct levels *l, uint32_t first, uint32_t end)
{
    struct queued *groups = l->q->groups;
    uint32_t highest = 0;
    for (uint32_t i = end; i-- > first;) {
        struct queued *group = &groups[l->before[i]];
        group->height = 1;
        for (const struct wait *wait = group->waiting; wait; wait = wait->next) {
            if (l->q->w->groups[wait->group].order >= end) continue;
            groups[wait->group].missing++;
            if (groups[wait->group].height >= group->height) group->height = groups[wait->group].height + 1;
        }
        if (group->height > highest) highest = group->height;
    }
    return highest;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Chooses among those that are ready; l->ready holds the level then, as places in the sequence as it was. */
static void choose_level(struct levels *l, uint32_t height)
{
    struct queue *q = l->q;
    struct tuff_work *w = q->w;
    uint32_t chosen = 0;
    l->freed = 0;
    for (uint32_t i = 0; i < l->count; i++) { /* what must come is put off, too: it has read before others are asked */
        struct queued *group = &q->groups[l->ready[i]];
        if (group->height < height) continue;
        group->lower = l->heads[height];
        l->heads[height] = 1 + l->ready[i];
    }
    for (uint32_t at = l->heads[height]; at; at = q->groups[at - 1].lower)
        l->freed += count_reads(l, &w->groups[at - 1], true);
    for (uint32_t i = 0; i < l->count; i++) {
        uint32_t at = l->ready[i];
        struct queued *group = &q->groups[at];
        if (group->height >= height) continue;
        if (saves_memory(l, &w->groups[at])) {
            l->ready[chosen++] = w->groups[at].order;
            continue;
        }
        group->lower = l->heads[group->height];
        l->heads[group->height] = 1 + at;
    }
    for (uint32_t at = l->heads[height]; at; at = q->groups[at - 1].lower) l->ready[chosen++] = w->groups[at - 1].order;
    qsort(l->ready, chosen, sizeof *l->ready, by_number);
    l->count = chosen;
}

/* What is left of groups first .. end - 1, as the sequence was. */
static void keep_rest(struct levels *l, uint32_t first, uint32_t end, uint32_t placed, uint32_t *level)
{
    struct tuff_work *w = l->q->w;
    for (uint32_t i = first; i < end; i++) {
        if (w->groups[l->before[i]].level != UINT32_MAX) continue;
        w->groups[l->before[i]].level = (*level)++;
        l->after[placed++] = l->before[i];
    }
}

/* Puts groups first .. end - 1 into levels, numbered from *level on, up to where these would need more memory. */
static void set_levels(struct levels *l, uint32_t first, uint32_t end, uint32_t *level)
{
    struct queue *q = l->q;
    struct tuff_work *w = q->w;
    uint32_t height = measure_heights(l, first, end), placed = first;
    l->count = 0;
    for (uint32_t i = first; i < end; i++) {
        if (!q->groups[l->before[i]].missing) l->ready[l->count++] = l->before[i];
        w->groups[l->before[i]].level = UINT32_MAX;
    }
    for (uint32_t h = 0; h <= height; h++) l->heads[h] = 0;
    for (; height > 0; height--, (*level)++) {
        uint32_t begin = placed;
        choose_level(l, height);
        for (uint32_t i = 0; i < l->count; i++) l->alive += l->takes[l->before[l->ready[i]]];
        if (l->alive > l->most) break;
        l->alive -= l->freed;
        for (uint32_t i = 0; i < l->count; i++) l->after[placed++] = l->before[l->ready[i]];
        l->count = 0;
        for (uint32_t i = begin; i < placed; i++) {
            w->groups[l->after[i]].level = *level;
            for (const struct wait *wait = q->groups[l->after[i]].waiting; wait; wait = wait->next)
                if (w->groups[wait->group].order < end && !--q->groups[wait->group].missing)
                    l->ready[l->count++] = wait->group;
        }
    }
    if (placed < end) keep_rest(l, first, end, placed, level);
}

/* The most bytes of scratch that are alive at once in this sequence. */
static uint64_t most_alive(struct levels *l, const uint32_t *sequence)
{
    const struct tuff_work *w = l->q->w;
    uint64_t alive = 0, most = 0;
    for (uint32_t i = 0; i < w->group_count; i++) {
        alive += l->takes[sequence[i]];
        if (alive > most) most = alive;
        alive -= count_reads(l, &w->groups[sequence[i]], true);
    }
    for (uint32_t i = 0; i < w->group_count; i++) (void)count_reads(l, &w->groups[sequence[i]], false);
    return most;
}

static tuff_status start_levels(struct levels *l)
{
    struct tuff_work *w = l->q->w;
    uint32_t groups = w->group_count + 1;
    l->bytes = tuff_arena_alloc(w->arena, w->g->count * sizeof *l->bytes);
    l->takes = tuff_arena_alloc(w->arena, groups * sizeof *l->takes);
    l->left = tuff_arena_alloc(w->arena, w->g->count * sizeof *l->left);
    l->heads = tuff_arena_alloc(w->arena, groups * sizeof *l->heads);
    l->after = tuff_arena_alloc(w->arena, groups * sizeof *l->after);
    l->ready = tuff_arena_alloc(w->arena, groups * sizeof *l->ready);
    l->before = tuff_arena_copy(w->arena, w->sequence, groups * sizeof *l->before);
    return l->bytes && l->takes && l->left && l->heads && l->after && l->ready && l->before
               ? TUFF_OK
               : tuff_fail_memory(w->context, w->error);
}

/* Section by section; the sequence stays as it was where levels would need more memory. */
static tuff_status level_sections(struct queue *q)
{
    struct tuff_work *w = q->w;
    struct levels l = {.q = q};
    uint32_t first = 0, level = 0;
    TUFF_TRY(start_levels(&l));
    weigh_values(&l);
    uint64_t before = most_alive(&l, l.before);
    l.most = before + before / 20 > TUFF_LITTLE_SCRATCH ? before + before / 20 : TUFF_LITTLE_SCRATCH;
    for (uint32_t i = 0; i < w->params->station_count + 2; i++) {
        uint32_t end = i == 0                          ? w->prepare_count
                       : i <= w->params->station_count ? w->stations[i - 1].group_count
                                                       : w->group_count;
        set_levels(&l, first, end, &level);
        first = end;
    }
    weigh_values(&l);
    uint64_t after = most_alive(&l, l.after);
    if (after > l.most) {
        for (uint32_t i = 0; i < w->group_count; i++) w->groups[i].level = w->groups[i].order;
        return TUFF_OK;
    }
    memcpy(w->sequence, l.after, w->group_count * sizeof *w->sequence);
    for (uint32_t i = 0; i < w->group_count; i++) w->groups[w->sequence[i]].order = i;
    return TUFF_OK;
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
    return level_sections(&q);
}
