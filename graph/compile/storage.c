/* storage.c - the memory map of a plan, where every value in memory lives: leaves and outputs in slots of their own, packed and assigned values inside
 * what they are written to, everything else in scratch, whose ranges are shared by values that are not alive together.
 * requires: fuse, order. Promises: a value's bytes are not touched between its writing and its last reading. */
#include "graph/compile/compile.h"
#include "graph/ops/leaf.h"

#include <stdlib.h>

/* Whole multiples of TUFF_PLAN_ALIGNMENT. */
static uint64_t value_bytes(const struct tuff_type *type) { return tuff_align(tuff_type_bytes(type), TUFF_PLAN_ALIGNMENT); }

void tuff_layout_init(struct tuff_layout *layout, struct tuff_context *context)
{
    *layout = (struct tuff_layout){.context = context};
}

void tuff_layout_finish(struct tuff_layout *layout)
{
    tuff_free(layout->context, layout->places);
    tuff_free(layout->context, layout->memories);
    tuff_layout_init(layout, layout->context);
}

/* Into the memory *at, or a new one, which it then is. */
static tuff_status place_leaf(struct tuff_layout *layout, const struct tuff_value *value, uint64_t most, uint32_t *at,
                              struct tuff_leaf_place *place, struct tuff_error *error)
{
    uint64_t bytes = value_bytes(&value->type);
    struct tuff_plan_memory *memory = *at == UINT32_MAX ? NULL : &layout->memories[*at];
    if (!memory || bytes > most || memory->bytes > most - bytes) {
        size_t size = (layout->memory_count + 1) * sizeof *layout->memories;
        struct tuff_plan_memory *larger = tuff_realloc(layout->context, layout->memories, size);
        if (!larger) return tuff_fail_memory(layout->context, error);
        layout->memories = larger;
        *at = layout->memory_count++;
        memory = &larger[*at];
        *memory = (struct tuff_plan_memory){value->op->kind == TUFF_KIND_PARAM ? TUFF_MEMORY_PARAM : TUFF_MEMORY_STATE, 0};
    }
    *place = (struct tuff_leaf_place){*at, memory->bytes};
    memory->bytes += bytes;
    return TUFF_OK;
}

/* Members of a pack one behind the other, where one memory can hold them. */
static tuff_status place_members(struct tuff_layout *layout, const struct tuff_graph *g, const struct tuff_value *pack,
                                 uint64_t most, uint32_t *at, struct tuff_error *error)
{
    uint64_t bytes = tuff_type_bytes(&pack->type);
    if (*at != UINT32_MAX && (bytes > most || layout->memories[*at].bytes > most - bytes)) *at = UINT32_MAX;
    for (uint32_t i = 0; i < pack->in_count; i++) {
        struct tuff_leaf_place *place = &layout->places[pack->in[i]];
        if (place->memory == UINT32_MAX) TUFF_TRY(place_leaf(layout, &g->values[pack->in[i]], most, at, place, error));
    }
    return TUFF_OK;
}

/* In order of declaration, but packs together; trained parameters, others and states have each their own memories. */
static tuff_status place_leaves(struct tuff_layout *layout, const struct tuff_graph *g, uint64_t most,
                                struct tuff_error *error)
{
    struct tuff_leaf_place *places = layout->places;
    uint32_t last[3] = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
    for (tuff_val v = layout->value_count; v < g->count; v++) places[v] = (struct tuff_leaf_place){UINT32_MAX, 0};
    for (tuff_val v = g->count; v-- > layout->value_count;) /* until it is placed, a parameter's offset is its first pack */
        for (uint32_t i = 0; v && g->values[v].op->kind == TUFF_KIND_PARAM_PACK && i < g->values[v].in_count; i++)
            if (g->values[v].in[i] >= layout->value_count) places[g->values[v].in[i]].offset = v;
    for (tuff_val v = layout->value_count; v < g->count; v++) {
        const struct tuff_value *value = &g->values[v];
        if (v == 0 || !tuff_is_kept(value) || places[v].memory != UINT32_MAX) continue;
        uint32_t *at = &last[tuff_is_trained(value) ? 0 : value->op->kind == TUFF_KIND_PARAM ? 1 : 2];
        if (places[v].offset)
            TUFF_TRY(place_members(layout, g, &g->values[places[v].offset], most, at, error));
        else
            TUFF_TRY(place_leaf(layout, value, most, at, &places[v], error));
    }
    return TUFF_OK;
}

tuff_status tuff_layout_extend(struct tuff_layout *layout, const struct tuff_graph *g, uint64_t most,
                               struct tuff_error *error)
{
    uint32_t before = layout->memory_count;
    if (layout->value_count == g->count) return TUFF_OK;
    struct tuff_leaf_place *places = tuff_realloc(layout->context, layout->places, g->count * sizeof *places);
    if (!places) return tuff_fail_memory(layout->context, error);
    layout->places = places;
    tuff_status status = place_leaves(layout, g, most, error);
    if (status == TUFF_OK)
        layout->value_count = g->count;
    else
        layout->memory_count = before;
    return status;
}

static void place_results(struct tuff_work *w)
{
    for (tuff_val v = 1; v < w->g->count; v++) {
        if (val(w, v)->op->traits & TUFF_UPDATES) w->values[v].place = (struct tuff_place){tuff_written_leaf(w->g, v), 0};
        if (val(w, v)->op->kind != TUFF_KIND_PACK) continue;
        tuff_val target = val(w, v)->in[0];
        w->values[v].place = (struct tuff_place){target, 0};
        uint64_t at = 0;
        for (uint32_t i = 1; i < val(w, v)->in_count; i++) {
            w->values[tuff_strip_same(w, val(w, v)->in[i])].place = (struct tuff_place){target, at};
            at += tuff_pack_room(w->g, val(w, v)->in[i]);
        }
    }
    for (uint32_t i = 0; i < w->params->output_count; i++) {
        const struct tuff_value *value = val(w, w->outputs[i]);
        if (value->op->class == TUFF_CLASS_ASSIGN) w->values[value->in[1]].place = (struct tuff_place){value->in[0], 0};
    }
}

/* Marks what groups other than its own read. */
static void mark_read(const struct tuff_work *w, bool *read)
{
    for (uint32_t i = 0; i < w->group_count; i++)
        for (uint32_t k = 0; k < w->groups[i].read_count; k++) {
            tuff_val from = tuff_memory_of(w, w->groups[i].reads[k].value);
            if (w->values[from].group != i) read[from] = true;
        }
}

static tuff_status place_values(struct tuff_work *w)
{
    bool *stored = tuff_arena_alloc(w->arena, w->g->count + 1);
    if (!stored) return tuff_fail_memory(w->context, w->error);
    place_results(w);
    mark_read(w, stored);
    for (uint32_t i = 0; i < w->params->output_count; i++) stored[w->outputs[i]] = true; /* the host sees it */
    for (uint32_t i = 0; i < w->group_count && w->params->plain; i++) /* files that stand alone write all results */
        for (uint32_t k = 0; k <= tuff_more_results(w, &w->groups[i]) && tuff_more_results(w, &w->groups[i]); k++)
            stored[w->groups[i].kernel + k] = true;
    for (tuff_val v = 1; v < w->g->count; v++) {
        bool leaf = tuff_is_leaf_memory(w->g, v) && val(w, v)->op->kind != TUFF_KIND_PACK;
        if (leaf)
            w->values[v].place = (struct tuff_place){v, 0};
        else if (tuff_is_root_like(w, v) && !w->values[v].place.root && stored[v])
            w->values[v].place = (struct tuff_place){v, 0};
    }
    for (tuff_val v = 1; v < w->g->count; v++) {
        uint64_t offset;
        if (w->values[v].place.root || tuff_is_root_like(w, v) || !tuff_is_alias(w->g, v, &offset)) continue;
        struct tuff_place in = w->values[val(w, v)->in[0]].place;
        if (in.root) w->values[v].place = (struct tuff_place){in.root, in.offset + offset};
    }
    for (uint32_t i = 0; i < w->group_count; i++)
        for (uint32_t k = 0; k < w->groups[i].read_count && !w->groups[i].prepares; k++) {
            tuff_val root = w->values[w->groups[i].reads[k].value].place.root;
            uint32_t by = w->values[root].group;
            if (by != UINT32_MAX && w->groups[by].prepares) w->values[root].lasts = true;
        }
    return TUFF_OK;
}

/* ---- scratch ---------------------------------------------------------------------------------------------------------------- */

struct range {
    const struct tuff_group *by; /* that writes it first */
    uint64_t bytes, offset;
    struct life {
        uint32_t first, last; /* of the groups that write it and read it last */
    } place, level;           /* their positions, and their levels */
    uint32_t last_reads;      /* of groups of the last level */
    uint64_t key;             /* what comes first is placed first */
    struct range *in;         /* the range whose memory it takes over, or NULL */
    bool taken;
};
struct scratch {
    struct range *ranges;   /* [arena] */
    uint32_t *range_of;     /* [arena] per value, UINT32_MAX: none */
    struct range *loops;    /* the last of them: those of the groups that are loops */
    uint32_t count, memory; /* of the plan */
    uint64_t bytes;
    uint64_t most; /* that is to be enough */
    enum way {
        APART,
        MOSTLY_APART,
        TIGHT,
        WAY_COUNT
    } way;                         /* APART: by values of different levels alone, so that no barrier comes of it */
    struct range **left, **placed; /* [arena] room for all */
};
/* An 11th more than what lives at once may serve for fewer barriers, and anything that is little. */
enum { MORE_SCRATCH = 11 };

static struct life life_of(uint32_t at) { return (struct life){at, at}; }

static void live_until(struct life *life, uint32_t at)
{
    if (at > life->last) life->last = at;
}

/* Each by itself, none in another's memory. */
static void find_lives(const struct tuff_work *w, struct scratch *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct range *r = &s->ranges[i];
        *r = (struct range){.by = r->by, .bytes = r->bytes, .place = life_of(r->by->order), .level = life_of(r->by->level)};
    }
    for (uint32_t i = 0; i < w->group_count; i++)
        for (uint32_t k = 0; k < w->groups[i].read_count; k++) {
            uint32_t r = s->range_of[w->values[w->groups[i].reads[k].value].place.root];
            if (r == UINT32_MAX) continue;
            if (w->groups[i].level > s->ranges[r].level.last) s->ranges[r].last_reads = 0;
            s->ranges[r].last_reads += w->groups[i].level >= s->ranges[r].level.last;
            live_until(&s->ranges[r].place, w->groups[i].order);
            live_until(&s->ranges[r].level, w->groups[i].level);
        }
}

static tuff_status collect_scratch(struct tuff_work *w, struct scratch *s)
{
    s->ranges = tuff_arena_alloc(w->arena, (w->g->count + w->group_count + 1) * sizeof *s->ranges);
    s->range_of = tuff_arena_alloc(w->arena, (w->g->count + 1) * sizeof *s->range_of);
    if (!s->ranges || !s->range_of) return tuff_fail_memory(w->context, w->error);
    s->range_of[0] = UINT32_MAX;
    for (tuff_val v = 1; v < w->g->count; v++) {
        s->range_of[v] = UINT32_MAX;
        if (w->values[v].place.root != v || tuff_is_leaf_memory(w->g, v)) continue;
        if (w->values[v].output || w->values[v].lasts) continue;
        s->range_of[v] = s->count;
        s->ranges[s->count++] = (struct range){.by = &w->groups[w->values[v].group], .bytes = value_bytes(&val(w, v)->type)};
    }
    s->loops = &s->ranges[s->count];
    for (uint32_t i = 0; i < w->group_count; i++)
        if (w->groups[i].loop)
            s->ranges[s->count++] = (struct range){.by = &w->groups[i], .bytes = w->groups[i].loop->scratch_bytes};
    s->left = tuff_arena_alloc(w->arena, (s->count + 1) * sizeof *s->left);
    s->placed = tuff_arena_alloc(w->arena, (s->count + 1) * sizeof *s->placed);
    if (!s->left || !s->placed) return tuff_fail_memory(w->context, w->error);
    find_lives(w, s);
    return TUFF_OK;
}

/* Reads of the group that lie in the range: the value whole, and slices of it. */
static uint32_t reads_in(const struct tuff_work *w, const struct scratch *s, const struct tuff_group *group, uint32_t range)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < group->read_count; k++)
        count += s->range_of[w->values[group->reads[k].value].place.root] == range;
    return count;
}

/* May it lie in the range's memory? It reads that last; with levels, alone among those that no barrier stands between. */
static bool reads_last(const struct scratch *s, const struct tuff_group *group, uint32_t range)
{
    const struct range *r = &s->ranges[range];
    bool last = r->place.last == group->order && r->place.first != group->order;
    return last && (s->way == TIGHT || (r->level.last == group->level && r->last_reads == 1));
}

/* A result takes over the memory of a value that its group reads last, element by element and in no other way. Elements are of
 * one size, or the first results would lie over what is still to be read. */
static void take_over(struct tuff_work *w, struct scratch *s)
{
    for (uint32_t n = 0; n < w->group_count; n++) {
        struct tuff_group *group = &w->groups[w->sequence[n]];
        for (uint32_t m = 0; m < group->member_count; m++) {
            uint32_t mine = s->range_of[group->members[m]];
            if (mine == UINT32_MAX || s->ranges[mine].in != NULL) continue;
            for (uint32_t k = 0; k < group->read_count; k++) {
                tuff_val from = group->reads[k].value;
                uint32_t r = w->values[from].place.offset ? UINT32_MAX : s->range_of[w->values[from].place.root];
                if (r == UINT32_MAX || r == mine || !group->reads[k].identity || s->ranges[r].taken ||
                    tuff_type_bytes(&val(w, from)->type) != tuff_type_bytes(&val(w, group->members[m])->type) ||
                    tuff_shape_count(&val(w, from)->type.shape) !=
                        tuff_shape_count(&val(w, group->members[m])->type.shape) ||
                    !reads_last(s, group, r) || s->ranges[r].bytes != s->ranges[mine].bytes || reads_in(w, s, group, r) > 1)
                    continue;
                s->ranges[mine].in = &s->ranges[r];
                s->ranges[r].taken = true;
                break;
            }
        }
    }
    for (uint32_t i = s->count; i-- > 0;) { /* a chain of takers is one range */
        struct range *first = &s->ranges[i];
        while (first->in) first = first->in;
        live_until(&first->place, s->ranges[i].place.last);
        live_until(&first->level, s->ranges[i].level.last);
    }
}

/* The most bytes that are alive at one position. */
static tuff_status most_alive(struct tuff_work *w, const struct scratch *s, uint64_t *most)
{
    uint64_t *begin = tuff_arena_alloc(w->arena, (w->group_count + 1) * sizeof *begin),
             *end = tuff_arena_alloc(w->arena, (w->group_count + 1) * sizeof *end), alive = 0;
    if (!begin || !end) return tuff_fail_memory(w->context, w->error);
    for (uint32_t i = 0; i < w->group_count; i++) begin[i] = end[i] = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->ranges[i].in) continue;
        begin[s->ranges[i].place.first] += s->ranges[i].bytes;
        end[s->ranges[i].place.last] += s->ranges[i].bytes;
    }
    *most = 0;
    for (uint32_t i = 0; i < w->group_count; i++) {
        alive += begin[i];
        if (alive > *most) *most = alive;
        alive -= end[i];
    }
    return TUFF_OK;
}

/* Higher keys first, equal ones in order. */
static int by_key(const void *a, const void *b)
{
    const struct range *p = *(struct range *const *)a, *q = *(struct range *const *)b;
    if (p->key != q->key) return p->key < q->key ? 1 : -1;
    return p < q ? -1 : p > q;
}

/* At some time both hold what is still to be read. At every station the prepare section may run again. */
static bool live_together(const struct tuff_work *w, const struct range *a, const struct range *b, bool apart)
{
    bool again = w->params->station_count && (a->place.first < w->prepare_count) != (b->place.first < w->prepare_count);
    const struct life *p = apart ? &a->level : &a->place, *q = apart ? &b->level : &b->place;
    return again || w->params->debug & TUFF_DEBUG_NOALIAS || (p->first <= q->last && q->first <= p->last);
}

/* The lowest offset where r overlaps none of the placed that live while it does; those are sorted by offset. */
static uint64_t lowest_free(const struct tuff_work *w, struct range *const *placed, uint32_t count, const struct range *r,
                            bool apart)
{
    uint64_t offset = 0;
    for (uint32_t i = 0; i < count && placed[i]->offset < offset + r->bytes; i++) {
        if (placed[i]->offset + placed[i]->bytes > offset && live_together(w, placed[i], r, apart))
            offset = placed[i]->offset + placed[i]->bytes;
    }
    return offset;
}

enum first { LARGEST, LARGEST_LONGEST, EARLIEST, FIRST_COUNT };

/* Offline strip packing: one after the other, each at the lowest offset that is free while it lives; of its levels, where that is low enough. */
static void pack_ranges(const struct tuff_work *w, struct scratch *s, enum first first)
{
    uint32_t count = 0;
    s->bytes = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        struct range *r = &s->ranges[i];
        r->key = first == EARLIEST ? UINT32_MAX - r->place.first : r->bytes;
        if (first == LARGEST_LONGEST) r->key *= 1 + r->place.last - r->place.first;
        if (!r->in) s->left[count++] = r;
    }
    qsort(s->left, count, sizeof *s->left, by_key);
    for (uint32_t n = 0; n < count; n++) {
        struct range *r = s->left[n];
        r->offset = lowest_free(w, s->placed, n, r, s->way != TIGHT);
        if (s->way == MOSTLY_APART && r->offset + r->bytes > s->most) r->offset = lowest_free(w, s->placed, n, r, false);
        if (r->offset + r->bytes > s->bytes) s->bytes = r->offset + r->bytes;
        uint32_t at = n;
        for (; at > 0 && s->placed[at - 1]->offset > r->offset; at--) s->placed[at] = s->placed[at - 1];
        s->placed[at] = r;
    }
}

static void try_pack(struct tuff_work *w, struct scratch *s, uint32_t attempt)
{
    s->way = attempt / FIRST_COUNT;
    find_lives(w, s);
    if (!(w->params->debug & TUFF_DEBUG_NOALIAS)) take_over(w, s);
    pack_ranges(w, s, attempt % FIRST_COUNT);
}

/* The first attempt that is within s->most, else the one that needs least. */
static tuff_status plan_scratch(struct tuff_work *w, struct scratch *s)
{
    const uint32_t tightest = TIGHT * FIRST_COUNT;
    uint32_t best = tightest;
    uint64_t least;
    bool fits = false;
    TUFF_TRY(collect_scratch(w, s));
    try_pack(w, s, tightest);
    least = s->bytes;
    TUFF_TRY(most_alive(w, s, &s->most));
    s->most = s->most + s->most / MORE_SCRATCH > TUFF_LITTLE_SCRATCH ? s->most + s->most / MORE_SCRATCH
                                                                     : TUFF_LITTLE_SCRATCH;
    if (s->most > w->params->caps->max_allocation_bytes) s->most = w->params->caps->max_allocation_bytes;
    for (uint32_t i = 0; i < WAY_COUNT * FIRST_COUNT && !fits; i++) {
        try_pack(w, s, i);
        fits = s->bytes <= s->most;
        if (!fits && s->bytes >= least) continue;
        least = s->bytes;
        best = i;
    }
    if (!fits) try_pack(w, s, best);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct range *first = &s->ranges[i];
        while (first->in) first = first->in;
        s->ranges[i].offset = first->offset;
    }
    return TUFF_OK;
}

/* ---- slots ------------------------------------------------------------------------------------------------------------------ */

static void find_leaf(const struct tuff_work *w, tuff_val leaf, struct tuff_plan_slot *slot)
{
    const struct tuff_leaf_place *place = &w->params->layout->places[w->values[leaf].origin];
    slot->memory = place->memory;
    slot->offset = place->offset;
}

/* Parameters as one vector: they must lie in one memory, one behind the other. */
static tuff_status place_pack(struct tuff_work *w, const struct tuff_value *pack, struct tuff_plan_slot *slot)
{
    uint64_t at = 0;
    find_leaf(w, pack->in[0], slot);
    for (uint32_t i = 0; i < pack->in_count; i++) {
        struct tuff_plan_slot member;
        find_leaf(w, pack->in[i], &member);
        uint64_t offset = slot->offset + tuff_dtype_size(pack->type.dtype, at);
        at += tuff_pack_room(w->g, pack->in[i]);
        if (member.memory == slot->memory && member.offset == offset) continue;
        return tuff_fail(w->context, w->error, TUFF_ERR_UNSUPPORTED, "parameters as one vector, but '%s' lies elsewhere: %s",
                         val(w, pack->in[i])->name,
                         "they were in use before, or all together are larger than one allocation");
    }
    slot->name = "parameters";
    return TUFF_OK;
}

/* The graph's own data are borrowed; what simplify has folded lies in its copy, which ends with the passes. */
static tuff_status give_content(struct tuff_work *w, tuff_val v, struct tuff_plan_slot *slot)
{
    const struct tuff_value *value = val(w, v);
    tuff_val origin = w->values[v].origin;
    slot->content = TUFF_CONTENT_BLOB;
    slot->content_bytes = tuff_type_bytes(&value->type);
    slot->data = value->data;
    if (tuff_is_blocks(value->type.dtype)) {
        void *device = tuff_arena_alloc(&w->plan->arena, (size_t)slot->content_bytes);
        if (!device) return tuff_fail_memory(w->context, w->error);
        tuff_blocks_to_device(tuff_shape_count(&value->type.shape), value->data, device);
        slot->data = device;
        return TUFF_OK;
    }
    if (origin && w->params->graph->values[origin].data == value->data) return TUFF_OK;
    slot->data = tuff_arena_copy(&w->plan->arena, value->data, (size_t)slot->content_bytes);
    return slot->data ? TUFF_OK : tuff_fail_memory(w->context, w->error);
}

/* Where v's memory is in the plan, if that is not known yet. */
static tuff_status make_slot(struct tuff_work *w, const struct scratch *scratch, tuff_val v)
{
    if (w->values[v].slot != UINT32_MAX) return TUFF_OK;
    const struct tuff_value *value = val(w, v);
    uint64_t most = w->params->caps->max_allocation_bytes;
    struct tuff_plan_slot slot = {.name = value->name ? value->name : "",
                                  .dtype = tuff_dtype_name(value->type.dtype),
                                  .rank = value->type.shape.rank,
                                  .bytes = value_bytes(&value->type)};
    memcpy(slot.dim, value->type.shape.dim, slot.rank * sizeof *slot.dim);
    bool placed = true;
    if (value->op->kind == TUFF_KIND_INPUT) {
        placed = tuff_plan_place(w->plan, &slot, TUFF_MEMORY_INPUT, most);
    } else if (tuff_is_kept(value)) {
        find_leaf(w, v, &slot);
        if (tuff_leaf_starts_zero(value))
            slot.content = tuff_is_transient(value) ? TUFF_CONTENT_PASSING : TUFF_CONTENT_ZEROS;
    } else if (value->op->kind == TUFF_KIND_PARAM_PACK) {
        TUFF_TRY(place_pack(w, value, &slot));
    } else if (value->op->kind == TUFF_KIND_CONSTANT) {
        TUFF_TRY(give_content(w, v, &slot));
        placed = tuff_plan_place(w->plan, &slot, TUFF_MEMORY_CONST, most);
    } else if (w->values[v].output) {
        if (!value->name && !(slot.name = tuff_arena_printf(w->arena, "output%u", (unsigned)(w->values[v].output - 1))))
            return tuff_fail_memory(w->context, w->error);
        placed = tuff_plan_place(w->plan, &slot, TUFF_MEMORY_OUTPUT, most);
    } else if (w->values[v].lasts) {
        placed = tuff_plan_place(w->plan, &slot, TUFF_MEMORY_PREPARED, most);
    } else {
        if (TUFF_NEVER(scratch->range_of[v] == UINT32_MAX))
            return tuff_fail(w->context, w->error, TUFF_ERR_UNSUPPORTED, "a value without memory");
        slot.memory = scratch->memory;
        slot.offset = scratch->ranges[scratch->range_of[v]].offset;
    }
    if (placed) w->values[v].slot = tuff_plan_add_slot(w->plan, &slot);
    return w->values[v].slot == UINT32_MAX ? tuff_fail_memory(w->context, w->error) : TUFF_OK;
}

/* What the group stores; slots of what it reads, then of that; none where nobody reads it. */
static tuff_status make_slots(struct tuff_work *w, const struct scratch *scratch, struct tuff_group *group)
{
    group->roots = tuff_arena_alloc(w->arena, (group->member_count + group->stage_count + 1) * sizeof *group->roots);
    if (!group->roots) return tuff_fail_memory(w->context, w->error);
    if (group->kernel && w->values[group->kernel].place.root) group->roots[group->root_count++] = group->kernel;
    for (uint32_t i = 1; i < group->stage_count; i++)
        if (w->values[group->stages[i].value].place.root) group->roots[group->root_count++] = group->stages[i].value;
    for (uint32_t i = 0; i < group->member_count; i++)
        if (w->values[group->members[i]].place.root) group->roots[group->root_count++] = group->members[i];
    for (uint32_t i = 1; i <= tuff_more_results(w, group); i++)
        group->stores = group->stores || w->values[group->kernel + i].place.root;
    group->stores = group->stores || group->root_count;
    if (!group->stores) return TUFF_OK;
    group->space = group->kernel ? group->kernel : group->roots[0];
    for (uint32_t i = 0; i < group->read_count; i++)
        TUFF_TRY(make_slot(w, scratch, w->values[group->reads[i].value].place.root));
    for (uint32_t i = 0; i < group->root_count; i++) TUFF_TRY(make_slot(w, scratch, w->values[group->roots[i]].place.root));
    for (uint32_t i = 1; i <= tuff_more_results(w, group); i++)
        if (w->values[group->kernel + i].place.root)
            TUFF_TRY(make_slot(w, scratch, w->values[group->kernel + i].place.root));
    return TUFF_OK;
}

/* Scratch of a round, in the order in which their ranges were collected. */
static tuff_status make_loop_slots(struct tuff_work *w, const struct scratch *scratch)
{
    const struct range *range = scratch->loops;
    for (uint32_t i = 0; i < w->group_count; i++) {
        struct tuff_loop *loop = w->groups[i].loop;
        if (!loop) continue;
        struct tuff_plan_slot slot = {.bytes = range->bytes, .memory = scratch->memory, .offset = range->offset};
        range++;
        if (!slot.bytes) continue;
        loop->slot = tuff_plan_add_slot(w->plan, &slot);
        if (loop->slot == UINT32_MAX) return tuff_fail_memory(w->context, w->error);
    }
    return TUFF_OK;
}

/* Memories whose place in the plan is fixed: those of the layout, then scratch. */
static tuff_status add_memories(struct tuff_work *w, struct scratch *scratch)
{
    const struct tuff_layout *layout = w->params->layout;
    bool added = true;
    for (uint32_t i = 0; i < layout->memory_count; i++)
        added = added && tuff_plan_add_memory(w->plan, layout->memories[i].kind, layout->memories[i].bytes) == i;
    if (added) scratch->memory = tuff_plan_add_memory(w->plan, TUFF_MEMORY_SCRATCH, scratch->bytes);
    return added && scratch->memory != UINT32_MAX ? TUFF_OK : tuff_fail_memory(w->context, w->error);
}

tuff_status tuff_pass_storage(struct tuff_work *w)
{
    struct scratch scratch = {.count = 0};
    TUFF_TRY(place_values(w));
    TUFF_TRY(plan_scratch(w, &scratch));
    TUFF_TRY(add_memories(w, &scratch));
    for (uint32_t i = 0; i < w->group_count; i++) TUFF_TRY(make_slots(w, &scratch, &w->groups[w->sequence[i]]));
    TUFF_TRY(make_loop_slots(w, &scratch));
    for (tuff_val v = 1; v < w->g->count; v++) /* inputs that nobody reads keep a place to be written to */
        if (val(w, v)->op->kind == TUFF_KIND_INPUT) TUFF_TRY(make_slot(w, &scratch, v));
    return TUFF_OK;
}
