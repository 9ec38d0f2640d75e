/* recompute.c - chooses what the gradients of a step compute a second time instead of keeping it, so that the step's scratch is within a
 * budget. Plans are made and counted; no device runs.
 *
 * First what is cheap: of values that the gradients read those are dropped that chains of INLINE operators (norms' and activations' results,
 * dropout) give again from others that are kept; products, reductions and loops stay. Where that is not enough, the first layers
 * are cut into segments of which only what crosses a cut is kept (Chen et al. 2016, sublinear memory cost): their gradients come last, when
 * nothing else is alive. Of both, no more is dropped than the budget asks for. */
#include "graph/train/trainer.h"

enum {
    DEAREST = 24,    /* operators of a chain that is computed again */
    SMALL_PART = 64, /* values of a 64th of the largest are kept: statistics, sums of lines */
    MOST_PARTS = 48, /* segments, as wished */
    HALVINGS = 5     /* plans that are made to find how far to go */
};

struct search {
    const struct tuff_recompute *r;
    struct tuff_arena arena;
    bool *needed, *read;       /* per value: the loss follows from it; gradients read it */
    bool *cut, *again, *best;  /* a segment ends with it; the attempt's, and the best one's */
    tuff_val *last;            /* that reads it on the way to the loss */
    uint32_t *cost;            /* of having it again from what is kept: operators */
    uint64_t *bytes;           /* of its elements, 0 where they are not kept for anybody: leaves */
    uint64_t *ends, *crossing; /* bytes of all that it is the last to read; of all that is read behind it */
    uint64_t small;
    struct tuff_plan_figures plain, least; /* `least` of all attempts */
};

/* With the plain plan's values in the graph. */
static void look(struct search *s)
{
    const struct tuff_graph *g = s->r->graph;
    tuff_val end = s->r->end, loss = s->r->loss;
    uint64_t largest = 0, alive = 0;
    s->needed[loss] = true;
    tuff_graph_mark_needed(g, s->needed);
    for (tuff_val v = 1; v < g->count; v++)
        for (uint32_t i = 0; i < g->values[v].in_count; i++) {
            tuff_val in = g->values[v].in[i];
            if (v >= end) s->read[in] = true;
            if (v <= loss && s->needed[v]) s->last[in] = v;
        }
    for (tuff_val v = loss; v > 0; v--) { /* a kernel is kept with its results */
        tuff_val kernel = g->values[v].op->class == TUFF_CLASS_RESULT ? g->values[v].in[0] : v;
        s->read[kernel] = s->read[kernel] || s->read[v];
        if (s->last[v] > s->last[kernel]) s->last[kernel] = s->last[v];
        s->bytes[v] = s->needed[v] && g->values[v].op->class != TUFF_CLASS_LEAF ? tuff_type_bytes(&g->values[v].type) : 0;
        if (s->bytes[v] > largest) largest = s->bytes[v];
    }
    s->small = largest / SMALL_PART;
    for (tuff_val v = 1; v < loss; v++) {
        s->ends[s->last[v]] += s->bytes[v];
        alive += s->bytes[v] - s->ends[v];
        s->crossing[v] = alive;
    }
}

/* Fills `again`: segments up to `whole`, cheap chains up to `cheap`. */
static void choose(struct search *s, tuff_val whole, tuff_val cheap)
{
    tuff_val next = 0; /* cut at or behind v, looked for backwards */
    for (tuff_val v = s->r->loss; v > 0; v--) {
        if (s->cut[v] && v <= whole) next = v;
        s->again[v] = v <= whole && next && !(s->last[v] > next) && !(s->read[v] && s->bytes[v] <= s->small);
    }
    for (tuff_val v = 1; v <= s->r->loss; v++) {
        const struct tuff_value *value = tuff_value_of(s->r->graph, v);
        bool given = tuff_op_is_given(value->op) || !s->needed[v];
        s->cost[v] = given ? 0 : 1;
        for (uint32_t i = 0; i < value->in_count && !given; i++)
            if (value->in[i] && s->cost[v] <= DEAREST) s->cost[v] += s->cost[value->in[i]];
        if (value->op->class != TUFF_CLASS_INLINE && !given) s->cost[v] = DEAREST + 1;
        if (v > whole) s->again[v] = v <= cheap && !(s->read[v] && (s->cost[v] > DEAREST || s->bytes[v] <= s->small));
        if (given) s->again[v] = false;
        if (value->op->class == TUFF_CLASS_RESULT) s->again[v] = s->again[value->in[0]];
        if (!s->again[v] && (v <= cheap || v <= whole)) s->cost[v] = 0;
    }
}

/* Cuts where least is alive, so that what cheap chains leave of a segment is about `limit`; returns what will be alive at most, as a guess. */
static uint64_t cut(struct search *s, uint64_t limit, tuff_val *last)
{
    uint64_t inside = 0, at_best = 0, kept = 0, most = 0;
    tuff_val best = 0;
    choose(s, 0, s->r->loss);
    memset(s->cut, 0, s->r->end * sizeof *s->cut);
    *last = 0;
    for (tuff_val v = 1; v < s->r->loss; v++) {
        if (!s->again[v]) inside += s->bytes[v];
        if (2 * inside >= limit && (!best || s->crossing[v] <= s->crossing[best])) best = v, at_best = inside;
        if (inside < limit) continue;
        s->cut[ *last = best] = true;
        kept += s->crossing[best];
        if (at_best > most) most = at_best;
        inside -= at_best;
        best = 0;
    }
    return kept + (inside > most ? inside : most);
}

/* Plans with what `choose` gives; keeps it where it is within the budget. */
static tuff_status attempt(struct search *s, tuff_val whole, tuff_val cheap, bool *fits, struct tuff_error *error)
{
    struct tuff_plan_figures f;
    choose(s, whole, cheap);
    TUFF_TRY(s->r->plan(s->r->user, s->again, &f, error));
    *fits = f.scratch_bytes <= s->r->budget;
    if (f.scratch_bytes < s->least.scratch_bytes) s->least = f;
    if (*fits) memcpy(s->best, s->again, s->r->end * sizeof *s->best);
    return TUFF_OK;
}

/* All up to `most` fits: finds how little does. cheap: how far chains go where segments are asked for; 0: chains are. */
static tuff_status shorten(struct search *s, tuff_val most, tuff_val cheap, struct tuff_error *error)
{
    tuff_val least = 0;
    bool fits = true;
    for (uint32_t i = 0; i < HALVINGS && most - least > 1; i++) {
        tuff_val middle = least + (most - least) / 2, at = middle;
        while (cheap && at > least && !s->cut[at]) at--;
        fits = false;
        if (at > least) TUFF_TRY(attempt(s, cheap ? at : 0, cheap ? cheap : at, &fits, error));
        if (fits)
            most = at;
        else
            least = middle;
    }
    struct tuff_plan_figures f;
    return fits ? TUFF_OK : s->r->plan(s->r->user, s->best, &f, error);
}

static tuff_status refuse(const struct search *s, struct tuff_error *error)
{
    return tuff_fail(
        s->r->graph->context, error, TUFF_ERR_DEVICE_MEMORY,
        "trainer: memory_budget is %llu bytes, but what a step computes on the way takes at least %llu, with all "
        "computed a second time that is worth it (%llu without): a smaller batch takes less",
        (unsigned long long)s->r->budget, (unsigned long long)s->least.scratch_bytes,
        (unsigned long long)s->plain.scratch_bytes);
}

static tuff_status find(struct search *s, struct tuff_error *error)
{
    tuff_val loss = s->r->loss, cheap = loss, last;
    uint64_t all = 0, guess, best = UINT64_MAX;
    uint32_t parts = 2;
    bool fits;
    look(s);
    TUFF_TRY(attempt(s, 0, loss, &fits, error));
    if (fits) return shorten(s, loss, 0, error);
    if (s->least.scratch_bytes == s->plain.scratch_bytes) cheap = 0;
    for (tuff_val v = 1; v < loss; v++) all += s->again[v] ? 0 : s->bytes[v];
    for (uint32_t n = 2; n <= MOST_PARTS; n++)
        if ((guess = cut(s, all / n + 1, &last)) < best) best = guess, parts = n;
    for (uint32_t i = 0; i < 3 && !fits; i++) { /* the guess, and half and twice as many */
        (void)cut(s, all / (i == 0 ? parts : i == 1 ? parts * 2 : parts / 2 + 1) + 1, &last);
        TUFF_TRY(attempt(s, last, cheap, &fits, error));
    }
    return fits ? shorten(s, last, cheap, error) : refuse(s, error);
}

tuff_status tuff_recompute_fit(const struct tuff_recompute *r, struct tuff_error *error)
{
    struct search s = {.r = r};
    tuff_status status = r->plan(r->user, NULL, &s.plain, error);
    if (status != TUFF_OK || s.plain.scratch_bytes <= r->budget) return status;
    s.least = s.plain;
    tuff_arena_init(&s.arena, r->graph->context);
    size_t count = r->graph->count;
    bool **flags[] = {&s.needed, &s.read, &s.cut, &s.again, &s.best};
    bool memory = true;
    for (uint32_t i = 0; i < TUFF_COUNT(flags); i++) memory = (*flags[i] = tuff_arena_alloc(&s.arena, count)) && memory;
    s.last = tuff_arena_alloc(&s.arena, count * sizeof *s.last);
    s.cost = tuff_arena_alloc(&s.arena, count * sizeof *s.cost);
    s.bytes = tuff_arena_alloc(&s.arena, count * sizeof *s.bytes);
    s.ends = tuff_arena_alloc(&s.arena, count * sizeof *s.ends);
    s.crossing = tuff_arena_alloc(&s.arena, count * sizeof *s.crossing);
    memory = memory && s.last && s.cost && s.bytes && s.ends && s.crossing;
    status = memory ? find(&s, error) : tuff_fail_memory(r->graph->context, error);
    tuff_arena_finish(&s.arena);
    return status;
}
