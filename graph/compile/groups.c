/* groups.c - what several passes ask: where a value's elements come from, which groups run before it; and how a root gets into a
 * group. Below all passes: it calls none of them.
 *
 * A root joins the group of a value that it reads at its own element only: then it is an epilogue of that kernel, or one more
 * result of that pointwise launch. Where it cannot, the group that it founds says why. requires: simplify, and the roots so far. */
#include "graph/compile/compile.h"

bool tuff_is_leaf_memory(const struct tuff_graph *g, tuff_val v) { return g->values[v].op->class == TUFF_CLASS_LEAF; }

bool tuff_is_alias(const struct tuff_graph *g, tuff_val v, uint64_t *offset)
{
    const struct tuff_value *value = &g->values[v];
    *offset = 0;
    if (!(value->op->traits & TUFF_KEEPS_MEMORY)) return false;
    return !value->op->offset || value->op->offset(value, &g->values[value->in[0]].type.shape, offset);
}

bool tuff_is_strided(const struct tuff_graph *g, tuff_val v) { return (g->values[v].op->traits & TUFF_KEEPS_STRIDES) != 0; }

bool tuff_in_memory(const struct tuff_work *w, tuff_val v)
{
    uint64_t offset;
    while (!tuff_is_root_like(w, v) && !tuff_is_leaf_memory(w->g, v)) {
        if (!tuff_is_alias(w->g, v, &offset)) return false;
        v = val(w, v)->in[0];
    }
    return true;
}

tuff_val tuff_memory_of(const struct tuff_work *w, tuff_val v)
{
    while (!tuff_is_root_like(w, v) && !tuff_is_leaf_memory(w->g, v) && val(w, v)->in_count) v = val(w, v)->in[0];
    return v; /* a number has none */
}

/* The value whose elements v has, all of them in order. */
tuff_val tuff_strip_same(const struct tuff_work *w, tuff_val v)
{
    while (tuff_op_is_same(val(w, v)->op) && !w->values[v].root) v = val(w, v)->in[0];
    return v;
}

/* ---- order of groups ---------------------------------------------------------------------------------------------------------- */

/* Calls visit for each group that must run before v can be read. */
bool tuff_each_producer(const struct tuff_work *w, tuff_val v, bool (*visit)(const struct tuff_work *, uint32_t, void *),
                        void *user)
{
    v = tuff_memory_of(w, v);
    if (val(w, v)->op->kind == TUFF_KIND_PACK) {
        for (uint32_t i = 1; i < val(w, v)->in_count; i++) {
            uint32_t group = w->values[tuff_memory_of(w, val(w, v)->in[i])].group;
            if (group != UINT32_MAX && visit(w, group, user)) return true;
        }
        return false;
    }
    return w->values[v].group != UINT32_MAX && visit(w, w->values[v].group, user);
}

/* A search back from groups for one that they may depend on. Groups stand in a line (w->line) in which each comes behind those
 * that it needs, so what stands before the target is not looked at. Those found are marked; w->pending holds what is left. */
struct reach {
    uint32_t target, count;
    uint32_t since; /* place of the target in the line */
    uint32_t end;   /* places of those found are lower */
};

static bool find(const struct tuff_work *w, uint32_t at, void *user)
{
    struct reach *reach = user;
    struct tuff_group *group = &w->groups[at];
    if (at == reach->target) return true;
    if (group->mark != w->search && group->place >= reach->since) w->pending[reach->count++] = at;
    if (group->place >= reach->end) reach->end = group->place + 1;
    group->mark = w->search;
    return false;
}

static struct reach start_reach(struct tuff_work *w, uint32_t target)
{
    w->search++;
    return (struct reach){.target = target, .since = target == UINT32_MAX ? 0 : w->groups[target].place};
}

/* Does one of those found depend on the target? */
static bool reaches(struct tuff_work *w, struct reach *reach)
{
    while (reach->count > 0) {
        const struct tuff_group *group = &w->groups[w->pending[--reach->count]];
        w->steps++;
        for (uint32_t i = 0; i < group->read_count; i++)
            if (tuff_each_producer(w, group->reads[i].value, find, reach)) return true;
        for (uint32_t i = 0; i < group->after_count; i++)
            if (find(w, group->after[i], reach)) return true;
    }
    w->found_end = reach->end;
    return false;
}

/* Moves what the last search found behind the target to just before it. */
static void move_found(struct tuff_work *w, uint32_t target)
{
    uint32_t begin = w->groups[target].place, kept = 0, to = begin;
    for (uint32_t i = begin; i < w->found_end; i++) {
        uint32_t group = w->line[i];
        if (tuff_is_marked(w, group))
            w->line[to++] = group;
        else
            w->pending[kept++] = group;
    }
    if (kept) memcpy(w->line + to, w->pending, kept * sizeof *w->line);
    for (uint32_t i = begin; i < w->found_end; i++) w->groups[w->line[i]].place = i;
}

bool tuff_groups_before(struct tuff_work *w, const uint32_t *groups, uint32_t count, uint32_t at)
{
    struct reach reach = start_reach(w, at);
    for (uint32_t i = 0; i < count; i++)
        if (find(w, groups[i], &reach)) return false;
    if (reaches(w, &reach)) return false;
    move_found(w, at);
    return true;
}

void tuff_mark_producers(struct tuff_work *w, const tuff_val *values, uint32_t count)
{
    struct reach reach = start_reach(w, UINT32_MAX);
    for (uint32_t i = 0; i < count; i++) (void)tuff_each_producer(w, values[i], find, &reach);
    (void)reaches(w, &reach);
}

/* ---- joining ------------------------------------------------------------------------------------------------------------------ */

static bool keeps_order(const struct tuff_op *op) { return (op->traits & TUFF_KEEPS_ORDER) != 0; }

/* A packed vector lies in what it is packed into. */
static struct tuff_reader **readers_of(const struct tuff_work *w, tuff_val memory)
{
    return &w->values[val(w, memory)->op->kind == TUFF_KIND_PACK ? val(w, memory)->in[0] : memory].readers;
}

static tuff_status add_read(struct tuff_work *w, struct tuff_group *group, tuff_val v, bool identity)
{
    for (uint32_t i = 0; i < group->read_count; i++)
        if (group->reads[i].value == v) {
            group->reads[i].identity = group->reads[i].identity && identity;
            return TUFF_OK;
        }
    if (!TUFF_GROW_ARENA(w->arena, group->reads, group->read_count, 1)) return tuff_fail_memory(w->context, w->error);
    group->reads[group->read_count++] = (struct tuff_read){v, identity};
    return TUFF_OK;
}

tuff_status tuff_collect_reads(struct tuff_work *w, struct tuff_group *group, tuff_val v, bool identity)
{
    const struct tuff_value *value = val(w, v);
    identity = identity && keeps_order(value->op);
    for (uint32_t i = 0; i < value->in_count; i++) {
        if (!value->in[i]) continue;
        tuff_val in = tuff_strip_same(w, value->in[i]);
        bool there = tuff_in_memory(w, in);
        TUFF_TRY(there ? add_read(w, group, in, identity) : tuff_collect_reads(w, group, in, identity));
    }
    return TUFF_OK;
}

static const char LATER[] = "it also needs results that come later";

/* Buffers for what a group reads or writes. A pointwise one goes by parts through what it has at its own elements alone. */
static uint32_t buffers_for(const struct tuff_work *w, const struct tuff_group *group, tuff_val v, bool own)
{
    const struct tuff_type *type = &val(w, v)->type;
    bool parts = own && !group->kernel && !w->params->plain && !tuff_is_blocks(type->dtype) &&
                 tuff_shape_count(&type->shape) == tuff_shape_count(&val(w, group->members[0])->type.shape);
    return parts ? 1 : tuff_windows(w, type);
}

/* Buffers that the group binds. Results of further reductions count, too: whoever comes later may read them. */
static uint32_t buffers_of(const struct tuff_work *w, const struct tuff_group *group)
{
    uint32_t count = group->kernel ? tuff_windows(w, &val(w, group->kernel)->type) : 0;
    for (uint32_t i = 1; i <= tuff_more_results(w, group); i++) count += tuff_windows(w, &val(w, group->kernel + i)->type);
    for (uint32_t i = 1; i < group->stage_count; i++) count += tuff_windows(w, &val(w, group->stages[i].value)->type);
    for (uint32_t i = 0; i < group->member_count; i++) count += buffers_for(w, group, group->members[i], true);
    for (uint32_t i = 0; i < group->read_count; i++)
        count += buffers_for(w, group, group->reads[i].value, group->reads[i].identity);
    return count;
}

/* Why root v, with these reads, cannot be computed by the group; NULL: it can, and what it needs is found. of_row: rows.c says that
 * what it reads of the group is of its own row. */
static const char *refusal(struct tuff_work *w, const struct tuff_group *needs, tuff_val v, uint32_t at, uint32_t limit,
                           bool of_row)
{
    const struct tuff_group *group = &w->groups[at];
    tuff_val first = group->kernel ? group->kernel : group->members[0];
    const struct tuff_type *type = &val(w, v)->type;
    if (w->values[v].fixed != w->values[first].fixed) return "one of the two is prepared once";
    if (!of_row && tuff_shape_count(&type->shape) != tuff_shape_count(&val(w, first)->type.shape))
        return "it has another number of elements than what it reads";
    if (group->kernel && val(w, group->kernel)->op->traits & TUFF_UPDATES) return "that launch goes over some rows alone";
    if (group->kernel && val(w, group->kernel)->op->class == TUFF_CLASS_LOOP) return "a loop's result is no launch's";
    if (group->kernel && !tuff_kernel_stores(w, type->dtype)) return "kernels store no results of this type here";
    uint32_t more = 0;
    for (uint32_t i = 0; i < needs->read_count; i++) {
        tuff_val from = tuff_memory_of(w, needs->reads[i].value);
        if (w->values[from].group == at) {
            if (of_row) continue;
            if (val(w, from)->op->class == TUFF_CLASS_RESULT) return "it reads another result of that kernel";
            if (!needs->reads[i].identity || from != needs->reads[i].value)
                return "it also reads elements of that result at other places";
            continue;
        }
        tuff_val read = needs->reads[i].value;
        bool own = needs->reads[i].identity;
        uint32_t known = 0;
        for (uint32_t k = 0; k < group->read_count; k++)
            if (group->reads[k].value == read) {
                known = buffers_for(w, group, read, group->reads[k].identity);
                own = own && group->reads[k].identity;
            }
        more += buffers_for(w, group, read, own) - known;
    }
    if (buffers_of(w, group) + more + buffers_for(w, group, v, true) > limit)
        return "more buffers than a launch may bind would be needed";
    struct reach reach = start_reach(w, at);
    for (uint32_t i = 0; i < needs->read_count; i++)
        if (w->values[tuff_memory_of(w, needs->reads[i].value)].group != at &&
            tuff_each_producer(w, needs->reads[i].value, find, &reach))
            return LATER;
    return reaches(w, &reach) ? LATER : NULL;
}

/* The group reads what is not its own of this. */
static tuff_status take_reads(struct tuff_work *w, const struct tuff_group *needs, uint32_t at)
{
    struct tuff_group *group = &w->groups[at];
    for (uint32_t i = 0; i < needs->read_count; i++) {
        tuff_val from = tuff_memory_of(w, needs->reads[i].value);
        uint32_t known = group->read_count;
        if (w->values[from].group == at) continue;
        TUFF_TRY(add_read(w, group, needs->reads[i].value, needs->reads[i].identity));
        if (group->read_count == known) continue;
        struct tuff_reader *reader = tuff_arena_alloc(w->arena, sizeof *reader);
        if (!reader) return tuff_fail_memory(w->context, w->error);
        struct tuff_reader **first = readers_of(w, from);
        *reader = (struct tuff_reader){at, *first};
        *first = reader;
    }
    return TUFF_OK;
}

static tuff_status join(struct tuff_work *w, const struct tuff_group *needs, tuff_val v, uint32_t at)
{
    struct tuff_group *group = &w->groups[at];
    TUFF_TRY(take_reads(w, needs, at));
    if (!TUFF_GROW_ARENA(w->arena, group->members, group->member_count, 1)) return tuff_fail_memory(w->context, w->error);
    group->members[group->member_count++] = v;
    w->values[v].group = at;
    return TUFF_OK;
}

/* Behind what the last search found. */
static tuff_status join_found(struct tuff_work *w, const struct tuff_group *needs, tuff_val v, uint32_t at)
{
    move_found(w, at);
    return join(w, needs, v, at);
}

static tuff_status add_stage(struct tuff_work *w, tuff_val v, uint32_t at, uint32_t pass)
{
    struct tuff_group *group = &w->groups[at];
    if (!TUFF_GROW_ARENA(w->arena, group->stages, group->stage_count, 1)) return tuff_fail_memory(w->context, w->error);
    group->stages[group->stage_count++] = (struct tuff_stage){v, pass};
    if (group->passes < pass + 1) group->passes = pass + 1;
    w->values[v].group = at;
    return TUFF_OK;
}

static tuff_status new_group(struct tuff_work *w, tuff_val kernel, uint32_t *at)
{
    if (!TUFF_GROW_ARENA(w->arena, w->groups, w->group_count, 1) ||
        !TUFF_GROW_ARENA(w->arena, w->pending, w->group_count, 1) || !TUFF_GROW_ARENA(w->arena, w->line, w->group_count, 1))
        return tuff_fail_memory(w->context, w->error);
    w->groups[w->group_count] = (struct tuff_group){.kernel = kernel, .order = UINT32_MAX, .place = w->group_count};
    w->line[w->group_count] = w->group_count;
    *at = w->group_count++;
    return TUFF_OK;
}

bool tuff_kernel_stores(const struct tuff_work *w, enum tuff_dtype dtype)
{
    const struct tuff_caps *caps = w->params->caps;
    return dtype == TUFF_F32 || dtype == TUFF_I32 || (caps->f16_storage && tuff_is_half(dtype)) ||
           (caps->i8_storage && (dtype == TUFF_U8 || dtype == TUFF_I8));
}

/* Would group a rather than b take what reads both? The dearer kernel hides the reads better. */
static bool rather(const struct tuff_work *w, uint32_t a, uint32_t b)
{
    double more = w->groups[a].work - w->groups[b].work;
    return more != 0 ? more > 0 : a > b;
}

/* The next group after `last` (UINT32_MAX: none yet) that computes something that is read in place; UINT32_MAX: there is none. */
static uint32_t next_feeder(const struct tuff_work *w, const struct tuff_group *needs, uint32_t last)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < needs->read_count; i++) {
        uint32_t at = w->values[tuff_memory_of(w, needs->reads[i].value)].group;
        if (!needs->reads[i].identity || at == UINT32_MAX || (last != UINT32_MAX && !rather(w, last, at))) continue;
        if (best == UINT32_MAX || rather(w, at, best)) best = at;
    }
    return best;
}

/* Does the group read v as these do: at its own elements, or all that they read, in any order? */
static bool reads_alike(const struct tuff_work *w, const struct tuff_group *group, const struct tuff_group *needs,
                        tuff_val v)
{
    uint32_t same = 0;
    for (uint32_t i = 0; i < needs->read_count; i++)
        for (uint32_t k = 0; k < group->read_count; k++) {
            if (group->reads[k].value == v && group->reads[k].identity && needs->reads[i].value == v &&
                needs->reads[i].identity)
                return true;
            same += tuff_memory_of(w, group->reads[k].value) == tuff_memory_of(w, needs->reads[i].value);
        }
    return same == needs->read_count;
}

enum { MOST_READERS = 32 }; /* of those of a value, the latest: thousands of groups may read one input */
enum { LATEST_GROUPS = 12 };

/* The last pointwise group before `below` that walks over the same memory, so that what both read is read once. */
static uint32_t next_sharer(struct tuff_work *w, const struct tuff_group *needs, uint32_t below)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < needs->read_count; i++) {
        tuff_val v = needs->reads[i].value;
        const struct tuff_reader *r = *readers_of(w, tuff_memory_of(w, v));
        for (uint32_t n = 0; r && n < MOST_READERS; n++, r = r->next, w->steps++)
            if (r->group < below && (best == UINT32_MAX || r->group > best) && !w->groups[r->group].kernel &&
                reads_alike(w, &w->groups[r->group], needs, v))
                best = r->group;
    }
    return best;
}

/* Does the group read what is overwritten in place? Then it may have to run before what others need. */
static bool reads_updated(const struct tuff_work *w, const struct tuff_group *group)
{
    for (uint32_t i = 0; i < group->read_count; i++) {
        const struct tuff_op *op = val(w, tuff_memory_of(w, group->reads[i].value))->op;
        if (op->kind == TUFF_KIND_STATE || op->traits & TUFF_UPDATES) return true;
    }
    return false;
}

/* The last row group before `below` that computes something that is read, or, for a reduction, reads of the same memory, or is of the
 * last ones: what they read lies a little longer. */
static uint32_t next_row(struct tuff_work *w, const struct tuff_group *needs, uint32_t below, bool shares)
{
    uint32_t best = UINT32_MAX;
    shares = shares && !reads_updated(w, needs);
    for (uint32_t i = w->group_count; shares && i-- > 0 && i + LATEST_GROUPS >= w->group_count && best == UINT32_MAX;)
        if (i < below && w->groups[i].stage_count && !reads_updated(w, &w->groups[i])) best = i;
    for (uint32_t i = 0; i < needs->read_count; i++) {
        tuff_val from = tuff_memory_of(w, needs->reads[i].value);
        uint32_t at = w->values[from].group;
        if (at != UINT32_MAX && at < below && (best == UINT32_MAX || at > best) && w->groups[at].stage_count) best = at;
        const struct tuff_reader *r = shares ? *readers_of(w, from) : NULL;
        for (uint32_t n = 0; r && n < MOST_READERS; n++, r = r->next, w->steps++)
            if (r->group < below && (best == UINT32_MAX || r->group > best) && w->groups[r->group].stage_count)
                best = r->group;
    }
    return best;
}

/* The last value behind v, up to what it reads from memory, that keeps v from being computed earlier; 0: there is none. */
static tuff_val earliest(const struct tuff_work *w, tuff_val v)
{
    tuff_val last = 0;
    for (uint32_t i = 0; i < val(w, v)->in_count; i++) {
        tuff_val in = val(w, v)->in[i], found = 0;
        if (!in || tuff_is_root_like(w, in) || tuff_is_leaf_memory(w->g, in)) continue;
        found = val(w, in)->op->traits & TUFF_STAYS_APART ? in : earliest(w, in);
        if (found > last) last = found;
    }
    return last;
}

static bool comes_before(const struct tuff_work *w, uint32_t at, tuff_val v)
{
    const struct tuff_group *group = &w->groups[at];
    return (group->kernel ? group->kernel : group->members[0]) < v;
}

/* Joins v, a reduction or what has an element for each of a row's, to a row group. *at: UINT32_MAX where there is none for it. */
static tuff_status join_row(struct tuff_work *w, const struct tuff_group *needs, tuff_val v, tuff_val since, uint32_t *at)
{
    bool reduces = val(w, v)->op->reduces;
    for (uint32_t best = w->group_count; (best = next_row(w, needs, best, reduces)) != UINT32_MAX;) {
        uint32_t pass;
        bool takes = !comes_before(w, best, since) && tuff_row_takes(w, &w->groups[best], best, v, &pass);
        if (w->starved) return tuff_fail_memory(w->context, w->error);
        if (!takes || refusal(w, needs, v, best, tuff_binding_limit(w), true)) continue;
        *at = best;
        move_found(w, best);
        if (reduces) {
            TUFF_TRY(take_reads(w, needs, best));
            return add_stage(w, v, best, pass);
        }
        w->groups[best].wide = true;
        if (w->groups[best].passes < pass + 1) w->groups[best].passes = pass + 1;
        return join(w, needs, v, best);
    }
    *at = UINT32_MAX;
    return TUFF_OK;
}

static bool owns_memory(const struct tuff_work *w, tuff_val v) { return (val(w, v)->op->traits & TUFF_OWNS_MEMORY) != 0; }

static const char *why_alone(const struct tuff_work *w, tuff_val v)
{
    if (w->params->plain) return "no compiler at run time: kernels of the build, unfused";
    if (w->params->debug & TUFF_DEBUG_NOFUSE) return "TUFF_DEBUG=nofuse";
    return owns_memory(w, v) ? "a copy: what it holds is also kept elsewhere" : NULL;
}

/* Is v a second place of what a kernel computes, which may be written with the first one? */
static bool is_second_place(const struct tuff_work *w, tuff_val v)
{
    if (!w->values[v].second_place) return false;
    tuff_val first = tuff_strip_same(w, val(w, v)->in[0]);
    uint32_t at = tuff_in_memory(w, first) ? w->values[tuff_memory_of(w, first)].group : UINT32_MAX;
    return at != UINT32_MAX && w->groups[at].kernel;
}

tuff_status tuff_group_root(struct tuff_work *w, tuff_val v)
{
    bool alone = tuff_is_unfused(w) || (owns_memory(w, v) && !is_second_place(w, v));
    uint32_t limit = tuff_binding_limit(w);
    struct tuff_group needs = {0};
    uint32_t at;
    tuff_val since = earliest(w, v);
    TUFF_TRY(tuff_collect_reads(w, &needs, v, true));
    const char *why = alone ? why_alone(w, v) : NULL, *refused;
    if (!alone) {
        TUFF_TRY(join_row(w, &needs, v, since, &at));
        if (at != UINT32_MAX) return TUFF_OK;
    }
    for (uint32_t best = UINT32_MAX; !alone && (best = next_feeder(w, &needs, best)) != UINT32_MAX;) {
        refused = comes_before(w, best, since) ? "it is to be computed again, later"
                                               : refusal(w, &needs, v, best, limit, false);
        if (!refused) return join_found(w, &needs, v, best);
        why = refused;
    }
    for (uint32_t best = w->group_count; !alone && (best = next_sharer(w, &needs, best)) != UINT32_MAX;)
        if (!comes_before(w, best, since) && !refusal(w, &needs, v, best, limit, false))
            return join_found(w, &needs, v, best);
    TUFF_TRY(new_group(w, 0, &at));
    w->groups[at].why = why;
    return join(w, &needs, v, at);
}

tuff_status tuff_group_kernel(struct tuff_work *w, tuff_val v)
{
    const struct tuff_value *value = val(w, v);
    struct tuff_group needs = {0};
    uint32_t at;
    bool row = value->op->reduces && !tuff_is_unfused(w);
    tuff_val in = row ? tuff_strip_same(w, value->in[0]) : 0;
    if (!row)
        TUFF_TRY(tuff_collect_reads(w, &needs, v, false));
    else if (tuff_in_memory(w, in))
        TUFF_TRY(add_read(w, &needs, in, true));
    else
        TUFF_TRY(tuff_collect_reads(w, &needs, in, true));
    if (row) {
        TUFF_TRY(join_row(w, &needs, v, earliest(w, v), &at));
        if (at != UINT32_MAX) return TUFF_OK;
    }
    TUFF_TRY(new_group(w, v, &at));
    w->groups[at].work = tuff_value_work(w->g, v);
    if (row) TUFF_TRY(add_stage(w, v, at, 0));
    w->groups[at].wide = row && tuff_row_alone(w, v);
    for (uint32_t i = 0; i <= value->op->more_count; i++) w->values[v + i].group = at;
    return take_reads(w, &needs, at);
}

/* ---- print and check -------------------------------------------------------------------------------------------------------- */

void tuff_groups_print(const struct tuff_work *w, struct tuff_text *text)
{
    for (uint32_t n = 0; n < w->group_count; n++) {
        const struct tuff_group *group = &w->groups[w->sequence ? w->sequence[n] : n];
        tuff_text_add(text, group->prepares ? "group, to prepare:" : "group:");
        if (group->kernel) tuff_text_add(text, " kernel %%%u", group->kernel);
        for (uint32_t i = 1; i < group->stage_count; i++)
            tuff_text_add(text, "%s%%%u", i > 1 ? ", " : " and of its rows ", group->stages[i].value);
        for (uint32_t i = 0; i < group->member_count; i++) tuff_text_add(text, " %%%u", group->members[i]);
        for (uint32_t i = 0; i < group->read_count; i++)
            tuff_text_add(text, "%s%%%u%s", i ? ", " : " reads ", group->reads[i].value,
                          group->reads[i].identity ? " in place" : "");
        tuff_text_add(text, "%s%s\n", group->why ? "; alone: " : "", group->why ? group->why : "");
    }
}

static bool is_level(const struct tuff_work *w, uint32_t at, void *user)
{
    return w->groups[at].level >= *(const uint32_t *)user;
}

/* Nothing that the group needs is of its level or a later one. */
static bool levels_hold(const struct tuff_work *w, const struct tuff_group *group)
{
    uint32_t level = group->level;
    for (uint32_t i = 0; i < group->read_count; i++)
        if (tuff_each_producer(w, group->reads[i].value, is_level, &level)) return false;
    for (uint32_t i = 0; i < group->after_count; i++)
        if (is_level(w, group->after[i], &level)) return false;
    return true;
}

bool tuff_groups_check(const struct tuff_work *w)
{
    uint32_t grouped = 0, listed = 0;
    for (tuff_val v = 1; v < w->g->count; v++) grouped += w->values[v].group != UINT32_MAX;
    for (uint32_t n = 0; n < w->group_count; n++) {
        const struct tuff_group *group = &w->groups[n];
        listed += group->member_count + (group->kernel != 0) + tuff_more_results(w, group);
        listed += group->stage_count ? group->stage_count - 1 : 0;
        for (uint32_t i = 0; i < group->stage_count; i++)
            if (w->values[group->stages[i].value].group != n || group->stages[i].pass >= group->passes) return false;
        if (group->kernel && w->values[group->kernel].group != n) return false;
        for (uint32_t i = 0; i < group->member_count; i++)
            if (w->values[group->members[i]].group != n || !w->values[group->members[i]].root) return false;
        if (w->sequence && (group->order >= w->group_count || w->sequence[group->order] != n)) return false;
        if (w->sequence && !levels_hold(w, group)) return false;
        for (uint32_t i = 0; i < group->read_count; i++)
            if (!tuff_in_memory(w, group->reads[i].value)) return false;
    }
    return grouped == listed;
}
