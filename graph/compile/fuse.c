/* fuse.c - decides which values get memory (roots), and puts each into a group (groups.c).
 *
 * Views, constants and cheap chains are computed again by each reader; what is dear, loads more for its readers than it would
 * once written, or is read by a plain kernel port becomes a root. With the pass off every operator but constants is a root and a
 * group of its own; so it is without a compiler, where strided views of memory are left to their readers too (plain.c).
 * requires: simplify. keeps: values. */
#include "graph/compile/compile.h"

/* A chain dearer than this is not computed twice. Costs are GLSL text lengths / 12: an add is 1, a gelu 5. */
enum { CHEAP_COST = 6, CHEAP_READS = 3, LONGEST_CHAIN = 60 };
/* Values computed one inside the other, views among them: what is deeper gets memory, as writing them is recursive. */
enum { DEEPEST_CHAIN = 64 };

static bool is_free(const struct tuff_work *w, tuff_val v) { return val(w, v)->op->number != NULL; }

/* Readers look through it. */
static bool is_view(const struct tuff_work *w, tuff_val v)
{
    return (val(w, v)->op->traits & (TUFF_KEEPS_MEMORY | TUFF_KEEPS_STRIDES)) != 0;
}

static void require_memory(struct tuff_work *w, tuff_val v)
{
    while (!tuff_in_memory(w, v)) {
        if (!tuff_op_is_same(val(w, v)->op) || is_free(w, val(w, v)->in[0])) {
            w->root[v] = true;
            return;
        }
        v = val(w, v)->in[0];
    }
}

/* ---- roots ------------------------------------------------------------------------------------------------------------------ */

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
    tuff_val base = through_reshape ? tuff_strip_same(w, v) : v;
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
    while (is_view(w, v) && !tuff_in_memory(w, v)) v = val(w, v)->in[0];
    if (!tuff_in_memory(w, v) && !is_free(w, v)) w->root[v] = true;
}

struct chains { /* [arena] per value: cost of computing it where it is read, loads of that, values one inside the other */
    uint32_t *cost, *reads, *depth;
    uint64_t *bytes; /* of those loads */
};

/* Bytes of `from`, of which a reader of `to` needs an element for each of its own at most. */
static uint64_t loaded(const struct tuff_type *from, const struct tuff_type *to)
{
    uint64_t all = tuff_type_bytes(from), most = tuff_dtype_size(from->dtype, tuff_shape_count(&to->shape));
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
        bool stop = tuff_in_memory(w, in);
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
    if (!is_view(w, v) || tuff_in_memory(w, v)) return;
    measure_views(w, val(w, v)->in[0], c);
    measure_chain(w, v, c);
}

/* Makes roots of what v is computed from until its buffers fit into a launch, and once where the chain is long. A concat has
 * been split so that its inputs fit when each is in memory (simplify.c). */
static void root_inputs(struct tuff_work *w, tuff_val v, const struct chains *c, uint32_t limit)
{
    for (uint32_t i = 0; i < val(w, v)->in_count; i++) {
        tuff_val in = val(w, v)->in[i];
        if (in && c->depth[in] >= DEEPEST_CHAIN && !tuff_in_memory(w, in)) w->root[in] = true;
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
    if (is_free(w, v) || tuff_in_memory(w, v)) return true;
    if (!w->params->plain || !tuff_is_strided(w->g, v)) return false;
    return tuff_in_memory(w, val(w, v)->in[0]) || is_free(w, val(w, v)->in[0]);
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
        if (uses[v] > 1 && dear && !tuff_in_memory(w, v)) root_below_views(w, v);
    }
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
    for (tuff_val v = 1; v < w->g->count; v++) {
        if (val(w, v)->op->class == TUFF_CLASS_KERNEL)
            TUFF_TRY(tuff_group_kernel(w, v));
        else if (w->root[v])
            TUFF_TRY(tuff_group_root(w, v));
    }
    return TUFF_OK;
}
