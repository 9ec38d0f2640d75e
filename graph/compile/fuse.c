/* fuse.c - decides which values get memory (roots), and puts each into a group (groups.c).
 *
 * Views, constants and cheap chains are computed again by each reader; what is dear, loads more for its readers than it would
 * once written, or is read by a plain kernel port becomes a root. With the pass off every operator but constants is a root and a
 * group of its own, as without a compiler, where strided views are left to their readers too (plain.c). requires: simplify. keeps: values. */
#include "graph/compile/compile.h"
#include "graph/ops/leaf.h"
#include "graph/ops/reduce.h"

/* A chain dearer than this is not computed twice. Costs are GLSL text lengths / 12: an add is 1, a gelu 5. */
enum { CHEAP_COST = 6, CHEAP_READS = 3, LONGEST_CHAIN = 60, MOST_EPILOGUE_READS = 4, MOST_AGAIN_COST = 24 };
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
            w->values[v].root = true;
            return;
        }
        v = val(w, v)->in[0];
    }
}

/* ---- roots ------------------------------------------------------------------------------------------------------------------ */

static tuff_val add_copy(struct tuff_work *w, tuff_val v, bool *claimed)
{
    tuff_val copy = tuff_graph_add(w->g, &tuff_op_copy, &v, 1, NULL);
    if (copy) w->values[copy].root = claimed[copy] = true;
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
    tuff_val end = w->g->count;
    for (tuff_val v = 1; v < end; v++) {
        if (val(w, v)->op->kind != TUFF_KIND_PACK) continue;
        uint32_t count = val(w, v)->in_count;
        tuff_val *in = tuff_arena_copy(&w->g->arena, val(w, v)->in, count * sizeof *in);
        if (!in) return tuff_fail_memory(w->context, w->error);
        for (uint32_t i = 1; i < count; i++) in[i] = claim(w, in[i], claimed, true);
        w->g->values[v].in = in;
    }
    for (tuff_val v = end; v < w->g->count; v++) w->values[v].second_place = true;
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
    for (uint32_t i = w->params->output_count; i-- > 0;) w->values[w->outputs[i]].output = i + 1;
    return tuff_graph_finish(w->g, w->error);
}

/* ---- what is prepared ------------------------------------------------------------------------------------------------------- */

/* Marks leaves that a run of this plan writes; a pack is written through the vector that it fills. */
static void mark_written(const struct tuff_work *w, bool *written)
{
    for (tuff_val v = 1; v < w->g->count; v++) {
        const struct tuff_value *value = val(w, v);
        bool writes = tuff_op_writes_leaf(value->op) || value->op->kind == TUFF_KIND_PACK;
        if (!writes) continue;
        tuff_val leaf = value->op->kind == TUFF_KIND_PACK ? value->in[0] : tuff_written_leaf(w->g, v);
        written[leaf] = true;
        for (uint32_t i = 0; i < val(w, leaf)->in_count; i++) written[val(w, leaf)->in[i]] = true; /* of a pack */
    }
}

/* Inputs may change with every run; parameters and states with other plans alone, unless this one writes them. What is written to
 * a place of somebody else's (claimed) is written in each run. */
static tuff_status mark_fixed(struct tuff_work *w, const bool *claimed)
{
    bool *written = tuff_arena_alloc(w->arena, w->g->count * sizeof *written);
    if (!written) return tuff_fail_memory(w->context, w->error);
    mark_written(w, written);
    for (tuff_val v = 1; v < w->g->count; v++) /* all results of a kernel come of one launch */
        if (val(w, v)->op->class == TUFF_CLASS_RESULT && claimed[v]) written[val(w, v)->in[0]] = true;
    for (tuff_val v = 1; v < w->g->count; v++) {
        const struct tuff_value *value = val(w, v);
        enum tuff_op_kind kind = value->op->kind;
        bool fixed = !written[v] && !claimed[v] && kind != TUFF_KIND_INPUT && kind != TUFF_KIND_PACK &&
                     !tuff_op_writes_leaf(value->op);
        for (uint32_t i = 0; i < value->in_count && fixed; i++) fixed = !value->in[i] || w->values[value->in[i]].fixed;
        w->values[v].fixed = fixed;
    }
    return TUFF_OK;
}

/* Numbers in memory for whole rows of v, as scales of channels: 4 of their bits are read for each element at most. */
static bool is_beside(const struct tuff_work *w, tuff_val in, tuff_val v)
{
    while (is_view(w, in) && !tuff_in_memory(w, in)) in = val(w, in)->in[0];
    return tuff_in_memory(w, in) &&
           8 * tuff_shape_count(&val(w, in)->type.shape) <= tuff_shape_count(&val(w, v)->type.shape);
}

/* The value of 8 bits that v is made wide of by a step or two, which a kernel does as it reads: so the bytes alone get memory. 0: there is none. */
static tuff_val bytes_of(const struct tuff_work *w, tuff_val v)
{
    for (uint32_t cost = val(w, v)->op->cost; cost <= CHEAP_COST && !tuff_in_memory(w, v); cost += val(w, v)->op->cost) {
        const struct tuff_value *value = val(w, v);
        tuff_val next = 0;
        bool one = value->op->class == TUFF_CLASS_INLINE &&
                   (value->op->traits & TUFF_KEEPS_ORDER || tuff_op_is_same(value->op));
        for (uint32_t i = 0; i < value->in_count && one; i++) {
            tuff_val in = value->in[i];
            if (!in || is_free(w, in) || is_beside(w, in, v)) continue;
            one = !next;
            next = in;
        }
        if (!one || !next) return 0;
        v = next;
        enum tuff_dtype dtype = val(w, v)->type.dtype;
        bool held = tuff_in_memory(w, v) || w->values[v].fixed || tuff_kernel_stores(w, dtype);
        if (dtype == TUFF_U8 || dtype == TUFF_I8) return held ? v : 0;
    }
    return 0;
}

static void root_kernel_inputs(struct tuff_work *w)
{
    for (tuff_val v = 1; v < w->g->count; v++) {
        const struct tuff_value *value = val(w, v);
        if (!tuff_op_launches(value->op)) continue;
        for (uint32_t i = 0; i < value->in_count; i++) {
            tuff_val in = value->in[i];
            if (!in) continue;
            bool reads = value->op->class == TUFF_CLASS_KERNEL && !w->params->plain &&
                         !tuff_is_unfused(w); /* through a hook */
            tuff_val bytes = reads ? bytes_of(w, in) : 0;
            if (bytes)
                require_memory(w, bytes);
            else if (w->params->plain) /* a reduction follows one strided view */
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
    if (!tuff_in_memory(w, v) && !is_free(w, v)) w->values[v].root = true;
}

struct chain { /* of a value: cost of computing it where it is read, loads of that, values one inside the other, readers */
    uint32_t cost, reads, depth, uses;
    uint32_t windows; /* buffers for the loads */
    bool parts;       /* what takes several is read at its own elements alone: a launch for each part will do (groups.c) */
    bool varies;      /* a reader is computed anew in each run */
    tuff_val kernel;  /* the dearest one whose result it reads in place; 0: none */
    bool only;        /* nothing else reads that result, or what is made of it on the way */
    uint64_t bytes;   /* of those loads */
};

/* Bytes of `from`, of which a reader of `to` needs an element for each of its own at most. */
static uint64_t loaded(const struct tuff_type *from, const struct tuff_type *to)
{
    uint64_t all = tuff_type_bytes(from), most = tuff_dtype_size(from->dtype, tuff_shape_count(&to->shape));
    return all < most ? all : most;
}

/* Fills v's figures; returns the input that is computed on the way and loads most, or 0. */
static tuff_val measure_chain(const struct tuff_work *w, tuff_val v, struct chain *c)
{
    const struct tuff_value *value = val(w, v);
    tuff_val most = 0;
    c[v].cost = value->op->cost;
    c[v].reads = c[v].windows = 0;
    c[v].depth = 1;
    c[v].bytes = 0;
    c[v].parts = value->op->class == TUFF_CLASS_INLINE && !w->params->plain;
    for (uint32_t i = 0; i < value->in_count; i++) {
        tuff_val in = value->in[i];
        if (!in) continue;
        const struct tuff_type *type = &val(w, in)->type;
        uint64_t count = tuff_shape_count(&type->shape), results = tuff_shape_count(&value->type.shape);
        bool stop = tuff_in_memory(w, in), own = value->op->traits & TUFF_KEEPS_ORDER && count == results;
        if (!stop && c[in].depth >= c[v].depth) c[v].depth = c[in].depth + 1;
        if (stop || val(w, in)->op->class == TUFF_CLASS_INLINE) {
            uint32_t reads = stop ? 1 : c[in].reads, windows = stop ? tuff_windows(w, type) : c[in].windows;
            c[v].cost += stop ? 0 : c[in].cost;
            c[v].reads += reads;
            c[v].windows += windows;
            c[v].parts = c[v].parts && (windows == reads || (own && (stop ? !tuff_is_blocks(type->dtype) : c[in].parts)));
            c[v].bytes += stop ? loaded(type, &value->type) : c[in].bytes;
        }
        if (!stop && (!most || c[in].windows > c[most].windows)) most = in;
    }
    return most;
}

/* Would a launch for v alone bind more than the limit? The figures of a chain count what it reads twice as two. */
static bool is_crowded(struct tuff_work *w, tuff_val v, const struct chain *c, uint32_t limit)
{
    uint32_t results = c[v].parts ? 1 : tuff_windows(w, &val(w, v)->type), buffers = 0;
    struct tuff_group group = {0};
    if ((c[v].parts ? c[v].reads : c[v].windows) + results + 1 <= limit) return false;
    if (tuff_collect_reads(w, &group, v, true) != TUFF_OK) return true;
    for (uint32_t i = 0; i < group.read_count; i++)
        buffers += c[v].parts ? 1 : tuff_windows(w, &val(w, group.reads[i].value)->type);
    return buffers + results + 1 > limit;
}

static void measure_views(const struct tuff_work *w, tuff_val v, struct chain *c)
{
    if (!is_view(w, v) || tuff_in_memory(w, v)) return;
    measure_views(w, val(w, v)->in[0], c);
    measure_chain(w, v, c);
}

/* Makes roots of what v is computed from until its buffers fit into a launch (those of a concat do: simplify.c), once of a long chain. */
static void root_inputs(struct tuff_work *w, tuff_val v, struct chain *c, uint32_t limit)
{
    for (uint32_t i = 0; i < val(w, v)->in_count; i++) {
        tuff_val in = val(w, v)->in[i];
        if (in && c[in].depth >= DEEPEST_CHAIN && !tuff_in_memory(w, in)) w->values[in].root = true;
    }
    for (uint32_t made = 0;; made++) {
        tuff_val most = measure_chain(w, v, c);
        uint32_t before = c[v].windows;
        bool crowded = is_crowded(w, v, c, limit), longer = c[v].cost > LONGEST_CHAIN && made == 0;
        if (!most || (!crowded && !longer)) return;
        root_below_views(w, most);
        measure_views(w, most, c);
        measure_chain(w, v, c);
        if (c[v].windows >= before && made > 0) return;
    }
}

/* Three readers load no less than if v were written once and read by each. */
static bool pays_once(const struct tuff_work *w, tuff_val v, const struct chain *c)
{
    uint32_t uses = c[v].uses;
    uint64_t bytes = tuff_type_bytes(&val(w, v)->type);
    return uses >= 3 && c[v].reads > 1 && uses * c[v].bytes >= c[v].bytes + (uses + 1) * bytes;
}

/* The kernel whose epilogue v would be. */
static void find_kernel(const struct tuff_work *w, tuff_val v, struct chain *c)
{
    const struct tuff_value *value = val(w, v);
    tuff_val same = tuff_strip_same(w, v);
    bool launch = value->op->class == TUFF_CLASS_KERNEL && !(value->op->traits & TUFF_UPDATES);
    c[v].kernel = launch ? v : same != v ? c[same].kernel : 0;
    c[v].only = launch || (same != v && c[same].only && c[same].uses == 1);
    if (same != v || !(value->op->traits & TUFF_KEEPS_ORDER)) return;
    for (uint32_t i = 0; i < value->in_count; i++) {
        tuff_val in = value->in[i], kernel = in && !w->values[tuff_strip_same(w, in)].root ? c[in].kernel : 0;
        if (!kernel || (c[v].kernel && tuff_value_work(w->g, kernel) < tuff_value_work(w->g, c[v].kernel))) continue;
        c[v].kernel = kernel;
        c[v].only = c[in].only && c[in].uses == 1;
    }
}

/* ---- computed again instead of read ------------------------------------------------------------------------------------------ */

/* What computing v takes, where `y` on the way is not read but computed as well; the kernel's result apart. */
struct again {
    tuff_val v, y, kernel;
    struct tuff_group needs;
};

/* Is what is large of the needs among the reads? *buffers: and those for what is not. */
static bool are_read(const struct tuff_work *w, const struct again *a, const struct tuff_group *reads, uint32_t *buffers)
{
    bool all = true;
    for (uint32_t i = 0; i < a->needs.read_count; i++) {
        tuff_val read = a->needs.reads[i].value, memory = tuff_memory_of(w, read);
        bool found = memory == a->y;
        for (uint32_t k = 0; k < reads->read_count; k++) found = found || tuff_memory_of(w, reads->reads[k].value) == memory;
        *buffers += found ? 0 : tuff_windows(w, &val(w, memory)->type);
        all = all && (found || memory == a->kernel || is_beside(w, read, a->v));
    }
    return all;
}

/* Does whatever reads v, in place or through chains, read anyway what is large of the needs? One reduction may not, where another one
 * over the same rows does: they will be one launch. requires: v is a root for so long. */
static tuff_status find_readers(struct tuff_work *w, const struct again *a, bool *all)
{
    bool *behind = tuff_arena_alloc(w->arena, w->g->count * sizeof *behind);
    tuff_val with = 0, without = 0;
    if (!behind) return tuff_fail_memory(w->context, w->error);
    behind[a->v] = *all = true;
    for (tuff_val x = a->v + 1; x < w->g->count && *all; x++) {
        const struct tuff_value *value = val(w, x);
        struct tuff_group reads = {0};
        bool reader = false;
        for (uint32_t i = 0; i < value->in_count; i++) reader = reader || behind[value->in[i]];
        behind[x] = reader && !tuff_is_root_like(w, x);
        if (!reader || behind[x]) continue;
        TUFF_TRY(tuff_collect_reads(w, &reads, x, false));
        uint32_t buffers = reads.read_count + 1 + tuff_windows(w, &value->type);
        bool has = are_read(w, a, &reads, &buffers), launch = tuff_op_launches(value->op);
        *all = buffers <= tuff_binding_limit(w) && (value->op->reduces ? has || !without : has && !launch);
        if (value->op->reduces) *(has ? &with : &without) = x;
    }
    if (without && *all)
        *all = with && tuff_reduces_alike(val(w, with), &val(w, val(w, with)->in[0])->type.shape, val(w, without),
                                          &val(w, val(w, without)->in[0])->type.shape);
    return TUFF_OK;
}

/* Is it a root that others need, and which is cheap to compute again? */
static bool is_cheap_root(const struct tuff_work *w, tuff_val v, const struct chain *c)
{
    uint32_t traits = val(w, v)->op->traits;
    return w->values[v].root && !w->values[v].fixed && c[v].cost <= MOST_AGAIN_COST && traits & TUFF_KEEPS_ORDER &&
           !(traits & TUFF_OWNS_MEMORY);
}

/* v would be stored as an epilogue that reads `y`, a cheap chain which is in memory for others: as the derivative of an activation does. Where
 * all that read v read anyway what y is made of, they compute y again, and v from it. */
static tuff_status compute_again(struct tuff_work *w, tuff_val v, struct chain *c, bool *again)
{
    const struct tuff_value *value = val(w, v);
    struct again a = {.v = v, .kernel = c[v].kernel};
    uint32_t at = 0;
    *again = false;
    while (at < value->in_count && !(value->in[at] && is_cheap_root(w, value->in[at], c))) at++;
    if (at == value->in_count || !a.kernel || tuff_is_unfused(w) || w->g->count == w->value_room) return TUFF_OK;
    a.y = value->in[at];
    TUFF_TRY(tuff_collect_reads(w, &a.needs, v, false));
    TUFF_TRY(tuff_collect_reads(w, &a.needs, a.y, false));
    w->values[v].root = true;
    tuff_status status = find_readers(w, &a, again);
    w->values[v].root = false;
    if (status != TUFF_OK || !*again) return status;
    tuff_val *in = tuff_arena_copy(&w->g->arena, value->in, value->in_count * sizeof *in);
    if (!in) return tuff_fail_memory(w->context, w->error);
    in[at] = tuff_graph_add(w->g, val(w, a.y)->op, val(w, a.y)->in, val(w, a.y)->in_count, val(w, a.y)->attrs);
    if (!in[at]) return tuff_graph_finish(w->g, w->error);
    c[in[at]] = c[a.y];
    w->g->values[v].in = in;
    measure_chain(w, v, c);
    return TUFF_OK;
}

/* A chain that follows from what is kept and is half of what it loads or less (scale of a normalization, f16 copies of f32 weights) is
 * computed once instead of by each of its readers; larger ones, like weights of few bits made wide, stay with them. */
static bool pays_prepared(const struct tuff_work *w, tuff_val v, const struct chain *c)
{
    if (!w->values[v].fixed || !c[v].varies) return false;
    while (is_view(w, v) && !tuff_in_memory(w, v)) v = val(w, v)->in[0];
    return c[v].reads > 0 && 2 * tuff_type_bytes(&val(w, v)->type) <= c[v].bytes;
}

/* May v stay without memory where every operator is a launch of its own? */
static bool left_to_readers(const struct tuff_work *w, tuff_val v)
{
    if (is_free(w, v) || tuff_in_memory(w, v)) return true;
    if (!w->params->plain || !tuff_is_strided(w->g, v)) return false;
    return tuff_in_memory(w, val(w, v)->in[0]) || is_free(w, val(w, v)->in[0]);
}

/* Is `in` an epilogue of the kernel that it reads in place, which nothing else reads: can it be written instead of that result? */
static bool is_epilogue(const struct tuff_work *w, tuff_val in, const struct chain *c)
{
    tuff_val kernel = c[in].kernel;
    enum tuff_dtype dtype = val(w, in)->type.dtype;
    return kernel && !tuff_in_memory(w, in) && c[in].only && c[in].uses == 1 && c[in].windows <= MOST_EPILOGUE_READS &&
           tuff_kernel_stores(w, dtype) && w->values[in].fixed == w->values[kernel].fixed;
}

/* Of an epilogue, the value on its way that takes the least memory: steps of 8 bits, and not what they are made wide to. */
static tuff_val narrowest(const struct tuff_work *w, tuff_val v, const struct chain *c)
{
    tuff_val best = v;
    while (val(w, v)->op->class == TUFF_CLASS_INLINE) {
        tuff_val next = 0;
        for (uint32_t i = 0; i < val(w, v)->in_count; i++)
            if (val(w, v)->in[i] && c[val(w, v)->in[i]].kernel == c[v].kernel) next = val(w, v)->in[i];
        if (!next || !is_epilogue(w, next, c)) break;
        v = next;
        if (tuff_type_bytes(&val(w, v)->type) < tuff_type_bytes(&val(w, best)->type)) best = v;
    }
    return best;
}

/* A chain that reads several kernels in place will be an epilogue of the dearest: what it makes of another's result is written instead
 * of that. So is what a kernel would read through a chain. Equal nets of layers get equal texts thereby, and the same is moved. */
static void root_epilogues(struct tuff_work *w, struct chain *c)
{
    for (tuff_val v = 1; v < w->g->count && !tuff_is_unfused(w); v++) {
        const struct tuff_value *value = val(w, v);
        bool kernel = value->op->class == TUFF_CLASS_KERNEL;
        find_kernel(w, v, c);
        if (!kernel && (value->op->class != TUFF_CLASS_INLINE || !(value->op->traits & TUFF_KEEPS_ORDER))) continue;
        for (uint32_t i = 0; i < value->in_count; i++) {
            tuff_val in = value->in[i];
            if (in && (kernel || c[in].kernel != c[v].kernel) && is_epilogue(w, in, c))
                require_memory(w, narrowest(w, in, c));
        }
    }
}

/* In order of values: a chain that is too dear for its number of readers ends in a root. */
static tuff_status root_dear_chains(struct tuff_work *w)
{
    struct chain *c = tuff_arena_alloc(w->arena, w->value_room * sizeof *c);
    const tuff_val end = w->g->count;
    if (!c) return tuff_fail_memory(w->context, w->error);
    for (tuff_val v = 1; v < end; v++)
        for (uint32_t i = 0; i < val(w, v)->in_count && val(w, v)->op->class != TUFF_CLASS_RESULT; i++) {
            c[val(w, v)->in[i]].uses++;
            c[val(w, v)->in[i]].varies |= !w->values[v].fixed;
        }
    uint32_t limit = tuff_binding_limit(w);
    for (tuff_val v = 1; v < end; v++) {
        const struct tuff_value *value = val(w, v);
        find_kernel(w, v, c);
        if (value->op->class != TUFF_CLASS_INLINE && value->op->class != TUFF_CLASS_KERNEL) continue;
        bool alone = tuff_is_unfused(w) && !left_to_readers(w, v);
        if (alone && value->op->class == TUFF_CLASS_INLINE) w->values[v].root = true;
        root_inputs(w, v, c, limit);
        if (value->op->class != TUFF_CLASS_INLINE) continue;
        bool dear = c[v].cost > CHEAP_COST || c[v].reads > CHEAP_READS;
        uint64_t grows = 1; /* an expanded chain is computed once per copy */
        if (value->op->map)
            grows = tuff_shape_count(&value->type.shape) / tuff_shape_count(&val(w, value->in[0])->type.shape);
        if (grows >= 64 && c[v].cost >= 3) root_below_views(w, v);
        if (pays_prepared(w, v, c)) root_below_views(w, v);
        if (!dear && !tuff_in_memory(w, v) && pays_once(w, v, c)) {
            bool again;
            TUFF_TRY(compute_again(w, v, c, &again));
            dear = !again;
        }
        if (c[v].uses > 1 && dear && !tuff_in_memory(w, v)) root_below_views(w, v);
    }
    root_epilogues(w, c);
    return TUFF_OK;
}

tuff_status tuff_pass_fuse(struct tuff_work *w)
{
    bool *claimed = tuff_arena_alloc(w->arena, w->value_room * sizeof *claimed);
    if (!claimed) return tuff_fail_memory(w->context, w->error);
    TUFF_TRY(claim_results(w, claimed));
    TUFF_TRY(mark_fixed(w, claimed));
    for (uint32_t i = 0; i < w->halving.made_count; i++)
        if (!is_free(w, w->halving.made[i])) require_memory(w, w->halving.made[i]);
    root_kernel_inputs(w);
    TUFF_TRY(root_dear_chains(w));
    for (tuff_val v = 1; v < w->g->count; v++) {
        if (tuff_op_launches(val(w, v)->op))
            TUFF_TRY(tuff_group_kernel(w, v));
        else if (w->values[v].root)
            TUFF_TRY(tuff_group_root(w, v));
    }
    return TUFF_OK;
}
