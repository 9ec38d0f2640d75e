/* barriers.c - why barriers stand: which launch each launch of a plan has to wait for, whatever memory scratch lies in, and so the
 * longest chain of launches, which no order of them can cut short. Counted from launches, bindings and slots alone. */
#include "graph/compile/compile.h"

#include <stdlib.h>

/* Bytes that launches use alike: of a slot of scratch, as memory that two of them share forces nothing; of another memory. */
struct piece {
    uint32_t space;          /* a memory, or behind them a slot */
    uint64_t begin;          /* up to the next piece */
    uint32_t writer, reader; /* 1 + the launch of the longest chain that wrote it last, that has read that */
};

struct chains {
    const struct tuff_plan *plan;
    struct piece *pieces; /* [arena] sorted */
    size_t count;
    uint32_t *length; /* [arena] per launch: of the longest chain that ends with it */
    uint32_t *before; /* [arena] per launch: 1 + the one before it in that */
};

static struct piece piece_at(const struct tuff_plan *plan, uint32_t launch, const struct tuff_plan_binding *binding,
                             uint64_t *end)
{
    struct tuff_plan_range range = tuff_binding_range(plan, launch, binding);
    bool scratch = plan->memories[range.memory].kind == TUFF_MEMORY_SCRATCH;
    *end = range.end;
    return (struct piece){.space = scratch ? plan->memory_count + binding->slot : range.memory, .begin = range.begin};
}

static int by_place(const void *a, const void *b)
{
    const struct piece *p = a, *q = b;
    if (p->space != q->space) return p->space < q->space ? -1 : 1;
    return (p->begin > q->begin) - (p->begin < q->begin);
}

static void cut_pieces(struct chains *c)
{
    const struct tuff_plan *plan = c->plan;
    size_t all = 0;
    for (uint32_t l = 0; l < plan->launch_count; l++)
        for (uint32_t i = 0; i < plan->launches[l].binding_count; i++, all += 2) {
            uint64_t end;
            c->pieces[all] = c->pieces[all + 1] = piece_at(plan, l, &plan->bindings[plan->launches[l].binding_first + i],
                                                           &end);
            c->pieces[all + 1].begin = end;
        }
    if (all) qsort(c->pieces, all, sizeof *c->pieces, by_place);
    for (size_t i = 0; i < all; i++)
        if (!c->count || by_place(&c->pieces[c->count - 1], &c->pieces[i])) c->pieces[c->count++] = c->pieces[i];
}

/* The first piece of what the binding is bound to. */
static struct piece *find_pieces(const struct chains *c, uint32_t launch, const struct tuff_plan_binding *binding,
                                 uint64_t *end)
{
    struct piece key = piece_at(c->plan, launch, binding, end);
    return bsearch(&key, c->pieces, c->count, sizeof key, by_place);
}

static void wait_for(struct chains *c, uint32_t launch, uint32_t other)
{
    if (!other || other == launch + 1 || c->length[other - 1] < c->length[launch]) return;
    c->length[launch] = c->length[other - 1] + 1;
    c->before[launch] = other;
}

static void follow(const struct chains *c, uint32_t *last, uint32_t launch)
{
    if (!*last || c->length[*last - 1] <= c->length[launch]) *last = launch + 1;
}

/* Reads before writes, so that the launch sees what others did; then what it did itself. */
static void add_launch(struct chains *c, uint32_t l)
{
    const struct tuff_plan_launch *launch = &c->plan->launches[l];
    c->length[l] = 1;
    c->before[l] = 0;
    for (uint32_t pass = 0; pass < 3; pass++) /* wait; write; read what was there before */
        for (uint32_t i = 0; i < launch->binding_count; i++) {
            const struct tuff_plan_binding *binding = &c->plan->bindings[launch->binding_first + i];
            uint64_t end;
            for (struct piece *p = find_pieces(c, l, binding, &end); p->begin < end; p++) {
                if (pass == 0) {
                    wait_for(c, l, p->writer);
                    if (binding->access & TUFF_WRITE) wait_for(c, l, p->reader);
                } else if (pass == 1 && binding->access & TUFF_WRITE) {
                    p->writer = l + 1;
                    p->reader = 0;
                } else if (pass == 2 && binding->access & TUFF_READ && p->writer != l + 1) {
                    follow(c, &p->reader, l);
                }
            }
        }
}

static tuff_status find_chains(const struct tuff_plan *plan, struct tuff_arena *arena, struct chains *c,
                               struct tuff_error *error)
{
    *c = (struct chains){.plan = plan};
    c->pieces = tuff_arena_alloc(arena, (2 * (size_t)plan->binding_count + 1) * sizeof *c->pieces);
    c->length = tuff_arena_alloc(arena, (plan->launch_count + 1) * sizeof *c->length);
    c->before = tuff_arena_alloc(arena, (plan->launch_count + 1) * sizeof *c->before);
    if (!c->pieces || !c->length || !c->before) return tuff_fail_memory(arena->context, error);
    cut_pieces(c);
    for (uint32_t l = plan->prepare_count; l < plan->launch_count; l++) add_launch(c, l);
    return TUFF_OK;
}

/* The last launch of the longest chain. */
static uint32_t longest(const struct chains *c)
{
    uint32_t best = c->plan->prepare_count;
    for (uint32_t l = best; l < c->plan->launch_count; l++)
        if (c->length[l] > c->length[best]) best = l;
    return best;
}

/* Rounds of a loop are fenced, whatever they do. */
static uint32_t repeated(const struct tuff_plan *plan)
{
    uint32_t barriers = 0;
    for (uint32_t l = plan->prepare_count; l < plan->launch_count; l++)
        barriers += plan->launches[l].barrier ? tuff_plan_rounds(plan, l) - 1 : 0;
    return barriers;
}

static uint32_t least_of(const struct chains *c)
{
    return c->plan->launch_count > c->plan->prepare_count ? c->length[longest(c)] - 1 + repeated(c->plan) : 0;
}

tuff_status tuff_count_barriers(const struct tuff_plan *plan, struct tuff_context *context, uint32_t *least,
                                struct tuff_error *error)
{
    struct tuff_arena arena = {.context = context};
    struct chains chains;
    tuff_status status = find_chains(plan, &arena, &chains, error);
    if (status == TUFF_OK) *least = least_of(&chains);
    tuff_arena_finish(&arena);
    return status;
}

/* What of an earlier launch a later one waits for. */
static const char *reason(const struct tuff_plan *plan, uint32_t earlier, uint32_t later)
{
    const struct tuff_plan_launch *a = &plan->launches[earlier], *b = &plan->launches[later];
    const char *found = "overwrites what it read";
    for (uint32_t i = 0; i < a->binding_count; i++)
        for (uint32_t k = 0; k < b->binding_count; k++) {
            const struct tuff_plan_binding *p = &plan->bindings[a->binding_first + i],
                                           *q = &plan->bindings[b->binding_first + k];
            uint64_t p_end, q_end;
            struct piece x = piece_at(plan, earlier, p, &p_end), y = piece_at(plan, later, q, &q_end);
            if (x.space != y.space || x.begin >= q_end || y.begin >= p_end || !(p->access & TUFF_WRITE)) continue;
            if (q->access & TUFF_READ) return "reads what it wrote";
            found = "overwrites what it wrote";
        }
    return found;
}

static void print_chain(const struct chains *c, uint32_t at, struct tuff_text *text)
{
    const struct tuff_plan *plan = c->plan;
    uint32_t *chain = c->length, count = 0; /* not needed any more */
    for (uint32_t l = at + 1; l; l = c->before[l - 1]) chain[plan->launch_count - ++count] = l - 1;
    chain += plan->launch_count - count;
    for (uint32_t i = 1; i < count; i++) {
        uint32_t barriers = 0;
        for (uint32_t l = chain[i - 1] + 1; l <= chain[i]; l++) barriers += plan->launches[l].barrier;
        tuff_text_add(text, "  %4u %-36s %s, %u %s", chain[i], plan->launches[chain[i]].label,
                      reason(plan, chain[i - 1], chain[i]), chain[i - 1], plan->launches[chain[i - 1]].label);
        if (barriers > 1) tuff_text_add(text, "; %u barriers stand between them", barriers);
        tuff_text_add(text, "\n");
    }
}

tuff_status tuff_print_barriers(const struct tuff_plan *plan, struct tuff_text *text, struct tuff_error *error)
{
    struct tuff_arena arena = {.context = text->context};
    struct chains chains;
    uint32_t barriers = 0;
    for (uint32_t l = plan->prepare_count; l < plan->launch_count; l++)
        barriers += plan->launches[l].barrier * tuff_plan_rounds(plan, l);
    tuff_status status = find_chains(plan, &arena, &chains, error);
    if (status == TUFF_OK) {
        tuff_text_add(text,
                      "%u barriers. The longest chain of launches, each of which waits for the one before it, needs %u:\n",
                      barriers, least_of(&chains));
        if (plan->launch_count > plan->prepare_count) print_chain(&chains, longest(&chains), text);
    }
    tuff_arena_finish(&arena);
    return status;
}
