/* precision.c - what a plan of 16 bits (tuff_compile_params.precision) rounds, found in the user's graph; simplify.c does it, and products sum in f32.
 *
 * As under PyTorch's autocast, operands of products are rounded, and so are their results, and what pools read that follows from these element by
 * element; whoever reads such a value reads it rounded, so that it is stored once, in half the bytes. What goes to a pack, a state or an output stays
 * f32: gradients of parameters, losses, statistics. Norms, softmax, losses and sums compute in f32 of what they read, and what only they read is
 * f32. Bodies of loops are as they were. What gradients compute a second time is rounded as it was the first time. */
#include "graph/compile/compile.h"
#include "graph/ops/leaf.h"

bool tuff_is_plain_view(const struct tuff_value *value)
{
    return value->op->class == TUFF_CLASS_INLINE && value->op->map && value->op->result == TUFF_RESULT_OPERAND_0 &&
           value->in_count == 1;
}

tuff_val tuff_below_views(const struct tuff_graph *g, tuff_val v)
{
    while (v && tuff_is_plain_view(&g->values[v])) v = g->values[v].in[0];
    return v;
}

static tuff_val first_of(const struct tuff_graph *g, tuff_val v) { return g->values[v].twin_of ? g->values[v].twin_of : v; }

/* Through values that are computed element by element, back to what a launch of its own computes. */
static void mark_exact(const struct tuff_work *w, const bool *needed, bool *exact)
{
    const struct tuff_graph *g = w->params->graph;
    for (uint32_t i = 0; i < w->params->output_count; i++) exact[w->params->outputs[i]] = true;
    for (tuff_val v = g->count; v-- > 1;) {
        const struct tuff_value *value = &g->values[v];
        bool keeps = value->op->class == TUFF_CLASS_ASSIGN || value->op->kind == TUFF_KIND_PACK ||
                     (exact[v] && value->op->class == TUFF_CLASS_INLINE);
        if (!needed[v] || !keeps) continue;
        uint64_t count = value->op->class == TUFF_CLASS_INLINE ? tuff_shape_count(&value->type.shape) : 0;
        for (uint32_t i = 0; i < value->in_count;
             i++) /* a part of it, as a norm's first element, says nothing of the whole */
            if (value->in[i] && (!count || tuff_shape_count(&g->values[value->in[i]].type.shape) == count))
                exact[first_of(g, value->in[i])] = true;
    }
}

/* One launch makes the halves of a pack, where it is mostly weights that products read. */
static void choose_packs(const struct tuff_work *w, const bool *needed, const bool *halved, struct tuff_halving *h)
{
    const struct tuff_graph *g = w->params->graph;
    for (tuff_val v = 1; v < g->count; v++) {
        const struct tuff_value *pack = &g->values[v];
        uint64_t used = 0, at = 0, room;
        if (!needed[v] || pack->op->kind != TUFF_KIND_PARAM_PACK) continue;
        for (uint32_t i = 0; i < pack->in_count; i++) used += halved[pack->in[i]] ? tuff_pack_room(g, pack->in[i]) : 0;
        bool mostly = used >= tuff_pack_length(g, pack->in, pack->in_count) / 4 * 3;
        for (uint32_t i = 0; i < pack->in_count && mostly; i++, at += room) {
            room = tuff_pack_room(g, pack->in[i]);
            if (halved[pack->in[i]]) h->pack[pack->in[i]] = v, h->at[pack->in[i]] = (uint32_t)at;
        }
    }
}

/* Of a kernel that needs it in memory, as a pool does: where it follows, element by element, from what is rounded. */
static void round_followers(const struct tuff_graph *g, const bool *needed, const bool *exact, bool *follows, bool *rounds)
{
    for (tuff_val v = 1; v < g->count; v++) {
        const struct tuff_value *value = &g->values[v];
        bool along = value->op->class == TUFF_CLASS_INLINE && value->op->traits & TUFF_KEEPS_ORDER &&
                     value->type.dtype == TUFF_F32;
        bool reads = value->op->class == TUFF_CLASS_KERNEL && !(value->op->traits & (TUFF_UPDATES | TUFF_TAKES_PLACES));
        if (!needed[v]) continue;
        follows[v] = rounds[first_of(g, v)];
        for (uint32_t i = 0; i < value->in_count; i++) {
            tuff_val in = value->in[i];
            bool same = in && tuff_shape_count(&g->values[in].type.shape) == tuff_shape_count(&value->type.shape);
            follows[v] = follows[v] || (along && same && follows[in]);
            in = first_of(g, tuff_below_views(g, in));
            if (reads && !(value->op->inline_inputs >> i & 1) && follows[in] && !exact[in]) rounds[in] = true;
        }
    }
}

tuff_status tuff_choose_halves(struct tuff_work *w, const bool *needed)
{
    const struct tuff_graph *g = w->params->graph;
    struct tuff_halving *h = &w->halving;
    if (!w->params->precision) return TUFF_OK;
    bool *exact = tuff_arena_alloc(w->arena, 3 * (size_t)g->count), *halved = exact + g->count, *follows = halved + g->count;
    h->rounds = tuff_arena_alloc(w->arena, g->count);
    h->pack = tuff_arena_alloc(w->arena, g->count * sizeof *h->pack);
    h->at = tuff_arena_alloc(w->arena, g->count * sizeof *h->at);
    h->part = tuff_arena_alloc(w->arena, g->count * sizeof *h->part);
    if (!exact || !h->rounds || !h->pack || !h->at || !h->part) return tuff_fail_memory(w->context, w->error);
    mark_exact(w, needed, exact);
    for (tuff_val v = 1; v < g->count; v++) {
        const struct tuff_value *value = &g->values[v];
        if (!needed[v] || !tuff_op_is_product(value->op)) continue;
        h->rounds[v] = !exact[first_of(g, v)] && value->type.dtype == TUFF_F32;
        for (uint32_t i = 0; i < value->in_count; i++) {
            if (!tuff_op_is_factor(value->op, i)) continue;
            tuff_val in = first_of(g, tuff_below_views(g, value->in[i]));
            const struct tuff_value *operand = &g->values[in];
            if (!in || operand->type.dtype != TUFF_F32) continue;
            halved[in] = operand->op->kind == TUFF_KIND_PARAM;
            bool computed = operand->op->class == TUFF_CLASS_KERNEL ||
                            (operand->op->class == TUFF_CLASS_INLINE && !operand->op->number);
            if (computed && !exact[in]) h->rounds[in] = true;
        }
    }
    round_followers(g, needed, exact, follows, h->rounds);
    for (tuff_val v = 1; v < g->count; v++) h->rounds[v] = h->rounds[first_of(g, v)];
    choose_packs(w, needed, halved, h);
    return TUFF_OK;
}
