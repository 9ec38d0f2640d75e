/* fuse.c - decides which values get memory (roots), and joins each root to the group that computes what it reads in place.
 *
 * Views, constants and cheap chains are computed again by each reader; what is dear, loads more for its readers than it would
 * once written, or is read by a plain kernel port becomes a root. A root joins the group of a value that it reads at its own element only: then it is an epilogue of that kernel, or
 * one more result of that pointwise launch. With the pass off every operator but constants is a root and a group of its own;
 * so it is without a compiler, where strided views of memory are left to their readers too (plain.c).
 * requires: simplify. keeps: values. */
#include "graph/compile.h"

/* A chain dearer than this is not computed twice. Costs are GLSL text lengths / 12: an add is 1, a gelu 5. */
enum { CHEAP_COST = 6, CHEAP_READS = 3, LONGEST_CHAIN = 60 };
/* Values computed one inside the other, views among them: what is deeper gets memory, as writing them is recursive. */
enum { DEEPEST_CHAIN = 64 };

static const struct tuff_value *val(const struct tuff_work *w, tuff_val v) { return &w->g->values[v]; }

bool tuff_is_leaf_memory(const struct tuff_graph *g, tuff_val v) { return g->values[v].op->class == TUFF_CLASS_LEAF; }

bool tuff_is_alias(const struct tuff_graph *g, tuff_val v, uint64_t *offset)
{
    const struct tuff_value *value = &g->values[v];
    *offset = 0;
    if (!(value->op->traits & TUFF_KEEPS_MEMORY)) return false;
    return !value->op->offset || value->op->offset(value, &g->values[value->in[0]].type.shape, offset);
}

static bool is_free(const struct tuff_work *w, tuff_val v) { return val(w, v)->op->number != NULL; }

/* Readers look through it. */
static bool is_view(const struct tuff_work *w, tuff_val v)
{
    return (val(w, v)->op->traits & (TUFF_KEEPS_MEMORY | TUFF_KEEPS_STRIDES)) != 0;
}

bool tuff_is_strided(const struct tuff_graph *g, tuff_val v) { return (g->values[v].op->traits & TUFF_KEEPS_STRIDES) != 0; }

static bool owns_memory(const struct tuff_work *w, tuff_val v) { return (val(w, v)->op->traits & TUFF_OWNS_MEMORY) != 0; }

static bool in_memory(const struct tuff_work *w, tuff_val v)
{
    uint64_t offset;
    while (!tuff_is_root_like(w, v) && !tuff_is_leaf_memory(w->g, v)) {
        if (!tuff_is_alias(w->g, v, &offset)) return false;
        v = val(w, v)->in[0];
    }
    return true;
}

static void require_memory(struct tuff_work *w, tuff_val v)
{
    while (!in_memory(w, v)) {
        if (!tuff_op_is_same(val(w, v)->op) || is_free(w, val(w, v)->in[0])) {
            w->root[v] = true;
            return;
        }
        v = val(w, v)->in[0];
    }
}

/* ---- roots ------------------------------------------------------------------------------------------------------------------ */

/* The value whose elements v has, all of them in order. */
static tuff_val strip_same(const struct tuff_work *w, tuff_val v)
{
    while (tuff_op_is_same(val(w, v)->op) && !w->root[v]) v = val(w, v)->in[0];
    return v;
}

static tuff_val add_copy(struct tuff_work *w, tuff_val v, bool *claimed)
{
    tuff_val copy = tuff_graph_add(w->g, &tuff_op_copy, &v, 1, NULL);
    if (copy) w->root[copy] = claimed[copy] = true;
    return copy;
}

/* v's elements written where the caller wants them: v itself when it is computed and unclaimed, else a copy of it. */
static tuff_val claim(struct tuff_work *w, tuff_val v, bool *claimed, bool through_reshape)
{
    uint64_t offset;
    tuff_val base = through_reshape ? strip_same(w, v) : v;
    bool computed = !tuff_is_leaf_memory(w->g, base) && !tuff_is_alias(w->g, base, &offset) && !is_free(w, base);
    if (!computed || claimed[base]) return add_copy(w, v, claimed);
    claimed[base] = true;
    require_memory(w, base);
    return v;
}

static tuff_status claim_results(struct tuff_work *w, bool *claimed)
{
    for (tuff_val v = 1, end = w->g->count; v < end; v++) {
        if (val(w, v)->op->kind != TUFF_KIND_PACK) continue;
        uint32_t count = val(w, v)->in_count;
        tuff_val *in = tuff_arena_copy(&w->g->arena, val(w, v)->in, count * sizeof *in);
        if (!in) return tuff_fail_memory(w->context, w->error);
        for (uint32_t i = 1; i < count; i++) in[i] = claim(w, in[i], claimed, true);
        w->g->values[v].in = in;
    }
    for (uint32_t i = 0; i < w->params->output_count; i++)
        if (!tuff_op_writes_leaf(val(w, w->outputs[i])->op)) w->outputs[i] = claim(w, w->outputs[i], claimed, false);
    for (uint32_t i = 0; i < w->params->output_count; i++) {
        tuff_val v = w->outputs[i];
        if (val(w, v)->op->class != TUFF_CLASS_ASSIGN) continue;
        tuff_val *in = tuff_arena_copy(&w->g->arena, val(w, v)->in, 2 * sizeof *in);
        if (!in) return tuff_fail_memory(w->context, w->error);
        in[1] = claim(w, in[1], claimed, false);
        w->g->values[v].in = in;
    }
    return tuff_graph_finish(w->g, w->error);
}

static void root_kernel_inputs(struct tuff_work *w)
{
    for (tuff_val v = 1; v < w->g->count; v++) {
        const struct tuff_value *value = val(w, v);
        if (value->op->class != TUFF_CLASS_KERNEL) continue;
        for (uint32_t i = 0; i < value->in_count; i++) {
            tuff_val in = value->in[i];
            if (!in) continue;
            if (w->params->plain) /* a reduction follows one strided view */
                require_memory(w, value->op->reduces && tuff_is_strided(w->g, in) ? val(w, in)->in[0] : in);
            else if (!(value->op->inline_inputs >> i & 1) && !is_free(w, in))
                require_memory(w, in);
        }
    }
}

/* Makes a root of the first value below the views that is no view itself. */
static void root_below_views(struct tuff_work *w, tuff_val v)
{
    while (is_view(w, v) && !in_memory(w, v)) v = val(w, v)->in[0];
    if (!in_memory(w, v) && !is_free(w, v)) w->root[v] = true;
}

struct chains { /* [arena] per value: cost of computing it where it is read, loads of that, values one inside the other */
    uint32_t *cost, *reads, *depth;
    uint64_t *bytes; /* of those loads */
};

/* Bytes of `from`, of which a reader of `to` needs an element for each of its own at most. */
static uint64_t loaded(const struct tuff_type *from, const struct tuff_type *to)
{
    uint64_t all = tuff_type_bytes(from), most = tuff_shape_count(&to->shape) * tuff_dtype_bytes(from->dtype);
    return all < most ? all : most;
}

/* Fills v's figures; returns the input that is computed on the way and loads most, or 0. */
static tuff_val measure_chain(const struct tuff_work *w, tuff_val v, const struct chains *c)
{
    const struct tuff_value *value = val(w, v);
    tuff_val most = 0;
    c->cost[v] = value->op->cost;
    c->reads[v] = 0;
    c->depth[v] = 1;
    c->bytes[v] = 0;
    for (uint32_t i = 0; i < value->in_count; i++) {
        tuff_val in = value->in[i];
        if (!in) continue;
        bool stop = in_memory(w, in);
        if (!stop && c->depth[in] >= c->depth[v]) c->depth[v] = c->depth[in] + 1;
        if (stop || val(w, in)->op->class == TUFF_CLASS_INLINE) {
            c->cost[v] += stop ? 0 : c->cost[in];
            c->reads[v] += stop ? tuff_windows(w, &val(w, in)->type) : c->reads[in];
            c->bytes[v] += stop ? loaded(&val(w, in)->type, &value->type) : c->bytes[in];
        }
        if (!stop && (!most || c->reads[in] > c->reads[most])) most = in;
    }
    return most;
}

static void measure_views(const struct tuff_work *w, tuff_val v, const struct chains *c)
{
    if (!is_view(w, v) || in_memory(w, v)) return;
    measure_views(w, val(w, v)->in[0], c);
    measure_chain(w, v, c);
}

/* Makes roots of what v is computed from until its buffers fit into a launch, and once where the chain is long. A concat has
 * been split so that its inputs fit when each is in memory (simplify.c). */
static void root_inputs(struct tuff_work *w, tuff_val v, const struct chains *c, uint32_t limit)
{
    for (uint32_t i = 0; i < val(w, v)->in_count; i++) {
        tuff_val in = val(w, v)->in[i];
        if (in && c->depth[in] >= DEEPEST_CHAIN && !in_memory(w, in)) w->root[in] = true;
    }
    for (uint32_t made = 0;; made++) {
        tuff_val most = measure_chain(w, v, c);
        uint32_t before = c->reads[v];
        bool crowded = c->reads[v] + 1 + tuff_windows(w, &val(w, v)->type) > limit,
             longer = c->cost[v] > LONGEST_CHAIN && made == 0;
        if (!most || (!crowded && !longer)) return;
        root_below_views(w, most);
        measure_views(w, most, c);
        measure_chain(w, v, c);
        if (c->reads[v] >= before && made > 0) return;
    }
}

/* Three readers load no less than if v were written once and read by each. */
static bool pays_once(const struct tuff_work *w, tuff_val v, uint32_t uses, const struct chains *c)
{
    uint64_t bytes = tuff_type_bytes(&val(w, v)->type);
    return uses >= 3 && c->reads[v] > 1 && uses * c->bytes[v] >= c->bytes[v] + (uses + 1) * bytes;
}

/* May v stay without memory where every operator is a launch of its own? */
static bool left_to_readers(const struct tuff_work *w, tuff_val v)
{
    if (is_free(w, v) || in_memory(w, v)) return true;
    if (!w->params->plain || !tuff_is_strided(w->g, v)) return false;
    return in_memory(w, val(w, v)->in[0]) || is_free(w, val(w, v)->in[0]);
}

/* In order of values: a chain that is too dear for its number of readers ends in a root. */
static tuff_status root_dear_chains(struct tuff_work *w)
{
    uint32_t *uses = tuff_arena_alloc(w->arena, w->g->count * sizeof *uses);
    struct chains c = {tuff_arena_alloc(w->arena, w->g->count * sizeof *c.cost),
                       tuff_arena_alloc(w->arena, w->g->count * sizeof *c.reads),
                       tuff_arena_alloc(w->arena, w->g->count * sizeof *c.depth),
                       tuff_arena_alloc(w->arena, w->g->count * sizeof *c.bytes)};
    if (!uses || !c.cost || !c.reads || !c.depth || !c.bytes) return tuff_fail_memory(w->context, w->error);
    for (tuff_val v = 1; v < w->g->count; v++)
        for (uint32_t i = 0; i < val(w, v)->in_count; i++) uses[val(w, v)->in[i]]++;
    uint32_t limit = tuff_binding_limit(w);
    for (tuff_val v = 1; v < w->g->count; v++) {
        const struct tuff_value *value = val(w, v);
        if (value->op->class != TUFF_CLASS_INLINE && value->op->class != TUFF_CLASS_KERNEL) continue;
        bool alone = tuff_is_unfused(w) && !left_to_readers(w, v);
        if (alone && value->op->class == TUFF_CLASS_INLINE) w->root[v] = true;
        root_inputs(w, v, &c, limit);
        if (value->op->class != TUFF_CLASS_INLINE) continue;
        bool dear = c.cost[v] > CHEAP_COST || c.reads[v] > CHEAP_READS;
        uint64_t grows = 1; /* an expanded chain is computed once per copy */
        if (value->op->map)
            grows = tuff_shape_count(&value->type.shape) / tuff_shape_count(&val(w, value->in[0])->type.shape);
        if (grows >= 64 && c.cost[v] >= 3) root_below_views(w, v);
        dear = dear || pays_once(w, v, uses[v], &c);
        if (uses[v] > 1 && dear && !in_memory(w, v)) root_below_views(w, v);
    }
    return TUFF_OK;
}

/* ---- groups ----------------------------------------------------------------------------------------------------------------- */

static bool keeps_order(const struct tuff_op *op) { return (op->traits & TUFF_KEEPS_ORDER) != 0; }

static bool grow(struct tuff_work *w, void **array, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity) return true;
    uint32_t next = *capacity ? 2 * *capacity : 8;
    void *bigger = tuff_arena_alloc(w->arena, next * size);
    if (!bigger) return false;
    if (*array) memcpy(bigger, *array, count * size);
    *array = bigger;
    *capacity = next;
    return true;
}

static tuff_status add_read(struct tuff_work *w, struct tuff_work_group *group, tuff_val v, bool identity)
{
    for (uint32_t i = 0; i < group->read_count; i++)
        if (group->reads[i].value == v) {
            group->reads[i].identity = group->reads[i].identity && identity;
            return TUFF_OK;
        }
    if (!grow(w, (void **)&group->reads, group->read_count, &group->read_capacity, sizeof *group->reads))
        return tuff_fail_memory(w->context, w->error);
    group->reads[group->read_count++] = (struct tuff_read){v, identity};
    return TUFF_OK;
}

/* Adds what computing v needs from memory; v itself when it is there. */
static tuff_status collect(struct tuff_work *w, struct tuff_work_group *group, tuff_val v, bool identity)
{
    v = strip_same(w, v);
    if (in_memory(w, v)) return add_read(w, group, v, identity);
    const struct tuff_value *value = val(w, v);
    for (uint32_t i = 0; i < value->in_count; i++)
        if (value->in[i]) TUFF_TRY(collect(w, group, value->in[i], identity && keeps_order(value->op)));
    return TUFF_OK;
}

static tuff_status collect_inputs(struct tuff_work *w, struct tuff_work_group *group, tuff_val v, bool identity)
{
    const struct tuff_value *value = val(w, v);
    for (uint32_t i = 0; i < value->in_count; i++)
        if (value->in[i]) TUFF_TRY(collect(w, group, value->in[i], identity && keeps_order(value->op)));
    return TUFF_OK;
}

tuff_val tuff_memory_of(const struct tuff_work *w, tuff_val v)
{
    while (!tuff_is_root_like(w, v) && !tuff_is_leaf_memory(w->g, v)) v = val(w, v)->in[0];
    return v;
}

/* Calls visit for each group that must run before v can be read. */
bool tuff_each_producer(const struct tuff_work *w, tuff_val v, bool (*visit)(const struct tuff_work *, uint32_t, void *),
                        void *user)
{
    v = tuff_memory_of(w, v);
    if (val(w, v)->op->kind == TUFF_KIND_PACK) {
        for (uint32_t i = 1; i < val(w, v)->in_count; i++) {
            uint32_t group = w->group_of[tuff_memory_of(w, val(w, v)->in[i])];
            if (group != UINT32_MAX && visit(w, group, user)) return true;
        }
        return false;
    }
    return w->group_of[v] != UINT32_MAX && visit(w, w->group_of[v], user);
}

struct reach { /* a search back from groups; w->pending holds those that are found and not looked at */
    uint32_t target, count;
};
static bool find(const struct tuff_work *w, uint32_t group, void *user)
{
    struct reach *reach = user;
    if (group == reach->target) return true;
    if (!w->groups[group].mark) w->pending[reach->count++] = group;
    w->groups[group].mark = true;
    return false;
}

static struct reach start_reach(const struct tuff_work *w, uint32_t target)
{
    for (uint32_t i = 0; i < w->group_count; i++) w->groups[i].mark = false;
    return (struct reach){.target = target};
}

/* Does one of those found depend on the target? */
static bool reaches(const struct tuff_work *w, struct reach *reach)
{
    while (reach->count > 0) {
        const struct tuff_work_group *group = &w->groups[w->pending[--reach->count]];
        for (uint32_t i = 0; i < group->read_count; i++)
            if (tuff_each_producer(w, group->reads[i].value, find, reach)) return true;
        for (uint32_t i = 0; i < group->after_count; i++)
            if (find(w, group->after[i], reach)) return true;
    }
    return false;
}

bool tuff_group_depends(const struct tuff_work *w, uint32_t group, uint32_t on)
{
    struct reach reach = start_reach(w, on);
    return find(w, group, &reach) || reaches(w, &reach);
}

static const char LATER[] = "it also needs results that come later";

/* Buffers that the group binds. */
static uint32_t buffers_of(const struct tuff_work *w, const struct tuff_work_group *group)
{
    uint32_t count = group->kernel ? tuff_windows(w, &val(w, group->kernel)->type) : 0;
    for (uint32_t i = 0; i < group->member_count; i++) count += tuff_windows(w, &val(w, group->members[i])->type);
    for (uint32_t i = 0; i < group->read_count; i++) count += tuff_windows(w, &val(w, group->reads[i].value)->type);
    return count;
}

/* Why root v, with these reads, cannot be computed by the group; NULL: it can. */
static const char *refusal(const struct tuff_work *w, const struct tuff_work_group *needs, tuff_val v, uint32_t at,
                           uint32_t limit)
{
    const struct tuff_work_group *group = &w->groups[at];
    tuff_val first = group->kernel ? group->kernel : group->members[0];
    const struct tuff_type *type = &val(w, v)->type;
    if (tuff_shape_count(&type->shape) != tuff_shape_count(&val(w, first)->type.shape))
        return "it has another number of elements than what it reads";
    if (group->kernel && val(w, group->kernel)->op->traits & TUFF_UPDATES) return "that launch goes over some rows alone";
    if (group->kernel && type->dtype != TUFF_F32 && type->dtype != TUFF_I32) return "kernels store results of 32 bits alone";
    uint32_t more = 0;
    for (uint32_t i = 0; i < needs->read_count; i++) {
        tuff_val from = tuff_memory_of(w, needs->reads[i].value);
        if (w->group_of[from] == at) {
            if (!needs->reads[i].identity || from != needs->reads[i].value)
                return "it also reads elements of that result at other places";
            continue;
        }
        bool known = false;
        for (uint32_t k = 0; k < group->read_count; k++) known = known || group->reads[k].value == needs->reads[i].value;
        if (!known) more += tuff_windows(w, &val(w, needs->reads[i].value)->type);
    }
    if (buffers_of(w, group) + more + tuff_windows(w, type) > limit)
        return "more buffers than a launch may bind would be needed";
    struct reach reach = start_reach(w, at);
    for (uint32_t i = 0; i < needs->read_count; i++)
        if (w->group_of[tuff_memory_of(w, needs->reads[i].value)] != at &&
            tuff_each_producer(w, needs->reads[i].value, find, &reach))
            return LATER;
    return reaches(w, &reach) ? LATER : NULL;
}

static tuff_status join(struct tuff_work *w, const struct tuff_work_group *needs, tuff_val v, uint32_t at)
{
    struct tuff_work_group *group = &w->groups[at];
    for (uint32_t i = 0; i < needs->read_count; i++)
        if (w->group_of[tuff_memory_of(w, needs->reads[i].value)] != at)
            TUFF_TRY(add_read(w, group, needs->reads[i].value, needs->reads[i].identity));
    if (!grow(w, (void **)&group->members, group->member_count, &group->member_capacity, sizeof *group->members))
        return tuff_fail_memory(w->context, w->error);
    group->members[group->member_count++] = v;
    w->group_of[v] = at;
    return TUFF_OK;
}

static tuff_status new_group(struct tuff_work *w, tuff_val kernel, uint32_t *at)
{
    if (!grow(w, (void **)&w->groups, w->group_count, &w->group_capacity, sizeof *w->groups) ||
        !grow(w, (void **)&w->pending, w->group_count, &w->pending_capacity, sizeof *w->pending))
        return tuff_fail_memory(w->context, w->error);
    w->groups[w->group_count] = (struct tuff_work_group){.kernel = kernel, .order = UINT32_MAX};
    *at = w->group_count++;
    return TUFF_OK;
}

/* The group computes something that is read in place. */
static bool feeds(const struct tuff_work *w, const struct tuff_work_group *needs, uint32_t at)
{
    for (uint32_t i = 0; i < needs->read_count; i++)
        if (needs->reads[i].identity && w->group_of[tuff_memory_of(w, needs->reads[i].value)] == at) return true;
    return false;
}

/* A pointwise launch that walks over the same memory: what both read is read once. */
static bool shares_reads(const struct tuff_work *w, const struct tuff_work_group *needs, uint32_t at)
{
    const struct tuff_work_group *group = &w->groups[at];
    for (uint32_t i = 0; i < needs->read_count && !group->kernel; i++)
        for (uint32_t k = 0; k < group->read_count; k++)
            if (needs->reads[i].identity && group->reads[k].identity && needs->reads[i].value == group->reads[k].value)
                return true;
    return false;
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
    const struct tuff_work_group *group = &w->groups[at];
    return (group->kernel ? group->kernel : group->members[0]) < v;
}

static const char *why_alone(const struct tuff_work *w, tuff_val v)
{
    if (w->params->plain) return "no compiler at run time: kernels of the build, unfused";
    if (w->params->debug & TUFF_DEBUG_NOFUSE) return "TUFF_DEBUG=nofuse";
    return owns_memory(w, v) ? "a copy: what it holds is also kept elsewhere" : NULL;
}

tuff_status tuff_group_root(struct tuff_work *w, tuff_val v, bool alone)
{
    uint32_t limit = tuff_binding_limit(w);
    struct tuff_work_group needs = {0};
    uint32_t at;
    tuff_val since = earliest(w, v);
    TUFF_TRY(collect_inputs(w, &needs, v, true));
    const char *why = alone ? why_alone(w, v) : NULL, *refused;
    for (uint32_t best = w->group_count; !alone && best-- > 0;) {
        if (!feeds(w, &needs, best)) continue;
        refused = comes_before(w, best, since) ? "it is to be computed again, later" : refusal(w, &needs, v, best, limit);
        if (!refused) return join(w, &needs, v, best);
        why = refused;
    }
    for (uint32_t best = w->group_count; !alone && best-- > 0;)
        if (!comes_before(w, best, since) && shares_reads(w, &needs, best) && !refusal(w, &needs, v, best, limit))
            return join(w, &needs, v, best);
    TUFF_TRY(new_group(w, 0, &at));
    w->groups[at].why = why;
    return join(w, &needs, v, at);
}

static tuff_status group_kernel(struct tuff_work *w, tuff_val v)
{
    const struct tuff_value *value = val(w, v);
    uint32_t at;
    TUFF_TRY(new_group(w, v, &at));
    w->group_of[v] = at;
    for (uint32_t i = 0; i < value->in_count; i++)
        if (value->in[i]) TUFF_TRY(collect(w, &w->groups[at], value->in[i], false));
    return TUFF_OK;
}

tuff_status tuff_pass_fuse(struct tuff_work *w)
{
    uint32_t room = w->g->count + 2 * w->params->output_count +
                    1; /* copies of outputs come here and in order.c, of packed values here */
    for (tuff_val v = 1; v < w->g->count; v++)
        if (val(w, v)->op->kind == TUFF_KIND_PACK) room += val(w, v)->in_count;
    bool *claimed = tuff_arena_alloc(w->arena, room * sizeof *claimed);
    w->root = tuff_arena_alloc(w->arena, room * sizeof *w->root);
    w->group_of = tuff_arena_alloc(w->arena, room * sizeof *w->group_of);
    if (!claimed || !w->root || !w->group_of) return tuff_fail_memory(w->context, w->error);
    for (uint32_t i = 0; i < room; i++) w->group_of[i] = UINT32_MAX;
    TUFF_TRY(claim_results(w, claimed));
    root_kernel_inputs(w);
    TUFF_TRY(root_dear_chains(w));
    bool alone = tuff_is_unfused(w);
    for (tuff_val v = 1; v < w->g->count; v++) {
        if (val(w, v)->op->class == TUFF_CLASS_KERNEL)
            TUFF_TRY(group_kernel(w, v));
        else if (w->root[v])
            TUFF_TRY(tuff_group_root(w, v, alone || owns_memory(w, v)));
    }
    return TUFF_OK;
}
