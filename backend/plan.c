/* plan.c - building a plan, placing its barriers, proving that no hazard is left.
 *
 * Needs the arena alone; knows no device. A plan that failed to grow returns UINT32_MAX from the builders and stays valid. */
#include "backend/plan.h"

#include <stdlib.h>

const char *tuff_memory_name(enum tuff_memory memory)
{
    static const char *const names[TUFF_MEMORY_COUNT] = {"param",  "state",   "const",   "input",
                                                         "output", "scratch", "prepared"};
    return (unsigned)memory < TUFF_MEMORY_COUNT ? names[memory] : "?";
}

const char *tuff_texels_name(enum tuff_texels texels)
{
    static const char *const names[TUFF_TEXELS_COUNT] = {"storage", "rgba32f", "rgba32i", "rgba32ui"};
    return (unsigned)texels < TUFF_TEXELS_COUNT ? names[texels] : "?";
}

void tuff_plan_init(struct tuff_plan *plan, struct tuff_context *context)
{
    *plan = (struct tuff_plan){0};
    tuff_arena_init(&plan->arena, context);
}

void tuff_plan_finish(struct tuff_plan *plan)
{
    tuff_arena_finish(&plan->arena);
    tuff_plan_init(plan, plan->arena.context);
}

#define GROW(plan, array, count, more) TUFF_GROW_ARENA(&(plan)->arena, (plan)->array, (plan)->count, more)

static const char *copy_text(struct tuff_plan *plan, const char *text)
{
    return text && text[0] ? tuff_arena_strdup(&plan->arena, text) : "";
}

uint32_t tuff_plan_add_memory(struct tuff_plan *plan, enum tuff_memory kind, uint64_t bytes)
{
    if (!GROW(plan, memories, memory_count, 1)) return UINT32_MAX;
    plan->memories[plan->memory_count] = (struct tuff_plan_memory){kind, bytes};
    return plan->memory_count++;
}

bool tuff_plan_place(struct tuff_plan *plan, struct tuff_plan_slot *slot, enum tuff_memory kind, uint64_t most)
{
    uint64_t bytes = tuff_align(slot->bytes, TUFF_PLAN_ALIGNMENT);
    uint32_t at = plan->memory_count;
    while (at > 0 && plan->memories[at - 1].kind != kind) at--;
    bool fits = at > 0 && plan->memories[at - 1].bytes <= most && bytes <= most - plan->memories[at - 1].bytes;
    slot->memory = fits ? at - 1 : tuff_plan_add_memory(plan, kind, 0);
    if (slot->memory == UINT32_MAX) return false;
    slot->offset = plan->memories[slot->memory].bytes;
    plan->memories[slot->memory].bytes += bytes;
    return true;
}

uint64_t tuff_plan_kind_bytes(const struct tuff_plan *plan, enum tuff_memory kind)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < plan->memory_count; i++)
        if (plan->memories[i].kind == kind) bytes += plan->memories[i].bytes;
    return bytes;
}

uint32_t tuff_plan_add_slot(struct tuff_plan *plan, const struct tuff_plan_slot *slot)
{
    struct tuff_plan_slot copy = *slot;
    copy.name = copy_text(plan, slot->name);
    copy.dtype = copy_text(plan, slot->dtype);
    if (slot->data && !slot->content_hash) copy.content_hash = tuff_hash(0, slot->data, (size_t)slot->content_bytes);
    if (!copy.name || !copy.dtype || !GROW(plan, slots, slot_count, 1)) return UINT32_MAX;
    plan->slots[plan->slot_count] = copy;
    return plan->slot_count++;
}

static int compare_specs(const void *a, const void *b)
{
    const struct tuff_plan_spec *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static uint64_t hash_kernel(const struct tuff_plan_kernel *kernel, const struct tuff_plan_spec *specs, uint32_t spec_count)
{
    uint64_t hash = tuff_hash_text(tuff_hash_text(tuff_hash_text(0, kernel->file), kernel->defines), kernel->hooks);
    return spec_count ? tuff_hash(hash, specs, spec_count * sizeof *specs) : hash; /* of two words: no padding */
}

static bool equal_kernels(const struct tuff_plan *plan, const struct tuff_plan_kernel *old,
                          const struct tuff_plan_kernel *new_one, const struct tuff_plan_spec *specs, uint32_t spec_count)
{
    if (old->spec_count != spec_count || strcmp(old->file, new_one->file) || strcmp(old->defines, new_one->defines) ||
        strcmp(old->hooks, new_one->hooks))
        return false;
    for (uint32_t i = 0; i < spec_count; i++) {
        const struct tuff_plan_spec *spec = &plan->specs[old->spec_first + i];
        if (spec->id != specs[i].id || spec->value != specs[i].value) return false;
    }
    return true;
}

uint32_t tuff_plan_add_kernel(struct tuff_plan *plan, const struct tuff_plan_kernel *kernel,
                              const struct tuff_plan_spec *specs, uint32_t spec_count)
{
    struct tuff_plan_kernel copy = *kernel;
    copy.file = kernel->file ? kernel->file : "";
    copy.defines = kernel->defines ? kernel->defines : "";
    copy.hooks = kernel->hooks ? kernel->hooks : "";
    /* One more, so that plan->specs is an address even when no kernel has constants: a range of none begins there. */
    if (!GROW(plan, specs, spec_count, spec_count + 1) || !GROW(plan, kernels, kernel_count, 1)) return UINT32_MAX;
    struct tuff_plan_spec *sorted = plan->specs + plan->spec_count; /* counts only once the kernel is a new one */
    if (spec_count) {
        memcpy(sorted, specs, spec_count * sizeof *specs);
        qsort(sorted, spec_count, sizeof *sorted, compare_specs);
    }
    uint64_t hash = hash_kernel(&copy, sorted, spec_count);
    uint32_t place, step = 0;
    while ((place = tuff_lookup_find(&plan->kernel_lookup, hash, &step)) != TUFF_LOOKUP_END)
        if (equal_kernels(plan, &plan->kernels[place], &copy, sorted, spec_count)) return place;
    copy.file = copy_text(plan, copy.file);
    copy.defines = copy_text(plan, copy.defines);
    copy.hooks = copy_text(plan, copy.hooks);
    if (!copy.file || !copy.defines || !copy.hooks ||
        !tuff_lookup_add(&plan->kernel_lookup, &plan->arena, hash, plan->kernel_count))
        return UINT32_MAX;
    copy.spec_first = plan->spec_count;
    copy.spec_count = spec_count;
    plan->spec_count += spec_count;
    plan->kernels[plan->kernel_count] = copy;
    return plan->kernel_count++;
}

uint32_t tuff_plan_add_launch(struct tuff_plan *plan, const struct tuff_plan_launch *launch,
                              const struct tuff_plan_binding *bindings, uint32_t binding_count, const uint32_t *push_words,
                              uint32_t push_count)
{
    struct tuff_plan_launch copy = *launch;
    if (launch->kernel >= plan->kernel_count) return UINT32_MAX;
    for (uint32_t i = 0; i < binding_count; i++)
        if (bindings[i].slot >= plan->slot_count) return UINT32_MAX;
    copy.label = copy_text(plan, launch->label);
    if (!copy.label || !GROW(plan, bindings, binding_count, binding_count) ||
        !GROW(plan, push_words, push_word_count, push_count) || !GROW(plan, launches, launch_count, 1))
        return UINT32_MAX;
    copy.binding_first = plan->binding_count;
    copy.binding_count = binding_count;
    copy.push_first = plan->push_word_count;
    copy.push_count = push_count;
    copy.number_first = plan->number_count;
    copy.number_count = 0;
    if (binding_count) memcpy(plan->bindings + plan->binding_count, bindings, binding_count * sizeof *bindings);
    if (push_count) memcpy(plan->push_words + plan->push_word_count, push_words, push_count * sizeof *push_words);
    plan->binding_count += binding_count;
    plan->push_word_count += push_count;
    plan->launches[plan->launch_count] = copy;
    return plan->launch_count++;
}

bool tuff_plan_add_station(struct tuff_plan *plan, const char *name, uint32_t launch_count)
{
    struct tuff_plan_station station = {copy_text(plan, name), launch_count};
    if (!station.name || !GROW(plan, stations, station_count, 1)) return false;
    plan->stations[plan->station_count++] = station;
    return true;
}

bool tuff_plan_add_loop(struct tuff_plan *plan, const struct tuff_plan_loop *loop)
{
    if (!GROW(plan, loops, loop_count, 1)) return false;
    plan->loops[plan->loop_count++] = *loop;
    return true;
}

uint64_t tuff_launch_bytes(const struct tuff_plan *plan, const struct tuff_plan_launch *launch)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < launch->binding_count; i++) {
        const struct tuff_plan_binding *binding = &plan->bindings[launch->binding_first + i];
        if (binding->access & TUFF_READ) bytes += tuff_binding_touches(binding);
        if (binding->access & TUFF_WRITE) bytes += tuff_binding_touches(binding);
    }
    return bytes;
}

bool tuff_plan_add_numbers(struct tuff_plan *plan, const uint32_t *numbers, uint32_t count)
{
    if (TUFF_NEVER(!plan->launch_count || plan->launches[plan->launch_count - 1].number_count)) return false;
    if (!count) return true;
    if (!GROW(plan, numbers, number_count, count)) return false;
    memcpy(plan->numbers + plan->number_count, numbers, count * sizeof *numbers);
    plan->launches[plan->launch_count - 1].number_count = count;
    plan->number_count += count;
    return true;
}

uint32_t tuff_launch_texels(const struct tuff_plan *plan, const struct tuff_plan_launch *launch)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < launch->binding_count && i < TUFF_MOST_TEXELS; i++)
        mask |= (uint32_t)(plan->bindings[launch->binding_first + i].texels != TUFF_TEXELS_NONE) << i;
    return mask;
}

/* ---- loops ------------------------------------------------------------------------------------------------------------------ */

static uint32_t end_of(const struct tuff_plan_loop *loop) { return loop->launch_first + loop->launch_count; }

const struct tuff_plan_loop *tuff_plan_loop_at(const struct tuff_plan *plan, const struct tuff_plan_cursor *cursor)
{
    if (cursor->loop == plan->loop_count || cursor->launch < plan->loops[cursor->loop].launch_first) return NULL;
    return &plan->loops[cursor->loop];
}

void tuff_plan_advance(const struct tuff_plan *plan, struct tuff_plan_cursor *cursor)
{
    const struct tuff_plan_loop *loop = tuff_plan_loop_at(plan, cursor);
    cursor->launch++;
    if (!loop || cursor->launch < end_of(loop)) return;
    if (++cursor->round < loop->rounds) {
        cursor->launch = loop->launch_first;
    } else {
        cursor->round = 0;
        cursor->loop++;
    }
}

uint64_t tuff_plan_run_length(const struct tuff_plan *plan)
{
    uint64_t count = plan->launch_count;
    for (uint32_t i = 0; i < plan->loop_count; i++)
        count += (uint64_t)plan->loops[i].launch_count * (plan->loops[i].rounds - 1);
    return count;
}

uint32_t tuff_plan_rounds(const struct tuff_plan *plan, uint32_t index)
{
    uint32_t low = 0, high = plan->loop_count; /* the first that ends behind the launch */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (end_of(&plan->loops[middle]) <= index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < plan->loop_count && index >= plan->loops[low].launch_first ? plan->loops[low].rounds : 1;
}

void tuff_binding_extent(const struct tuff_plan_binding *binding, uint32_t rounds, uint64_t *begin, uint64_t *end)
{
    if (binding->ring && binding->ring < rounds) rounds = binding->ring;
    uint64_t last = binding->offset + (uint64_t)binding->step * (rounds - 1);
    *begin = binding->step < 0 ? last : binding->offset;
    *end = (binding->step < 0 ? binding->offset : last) + binding->bytes;
}

struct tuff_plan_range tuff_binding_range(const struct tuff_plan *plan, uint32_t index,
                                          const struct tuff_plan_binding *binding)
{
    const struct tuff_plan_slot *slot = &plan->slots[binding->slot];
    struct tuff_plan_range range = {.memory = slot->memory};
    tuff_binding_extent(binding, tuff_plan_rounds(plan, index), &range.begin, &range.end);
    range.begin += slot->offset;
    range.end += slot->offset;
    return range;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct tuff_plan_range *p = a, *q = b;
    if (p->memory != q->memory) return p->memory < q->memory ? -1 : 1;
    return (p->begin > q->begin) - (p->begin < q->begin);
}

size_t tuff_ranges_join(struct tuff_plan_range *ranges, size_t count)
{
    size_t kept = 0;
    if (count) qsort(ranges, count, sizeof *ranges, compare_ranges);
    for (size_t i = 0; i < count; i++) {
        struct tuff_plan_range *last = kept ? &ranges[kept - 1] : NULL;
        if (!last || last->memory != ranges[i].memory || ranges[i].begin > last->end)
            ranges[kept++] = ranges[i];
        else if (ranges[i].end > last->end)
            last->end = ranges[i].end;
    }
    return kept;
}

bool tuff_ranges_meet(const struct tuff_plan_range *ranges, size_t count, struct tuff_plan_range range)
{
    size_t low = 0, high = count; /* the first that ends behind the range's begin */
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct tuff_plan_range *r = &ranges[middle];
        if (r->memory < range.memory || (r->memory == range.memory && r->end <= range.begin))
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && ranges[low].memory == range.memory && ranges[low].begin < range.end;
}

/* In one round, of so many. Bindings that go on alike keep their distance; of others all that they reach is compared. */
static bool bindings_conflict(const struct tuff_plan *plan, const struct tuff_plan_binding *a,
                              const struct tuff_plan_binding *b, uint32_t rounds)
{
    const struct tuff_plan_slot *x = &plan->slots[a->slot], *y = &plan->slots[b->slot];
    uint64_t a_begin, a_end, b_begin, b_end;
    if (!((a->access | b->access) & TUFF_WRITE) || x->memory != y->memory) return false;
    if (a->step == b->step && a->ring == b->ring) rounds = 1;
    tuff_binding_extent(a, rounds, &a_begin, &a_end);
    tuff_binding_extent(b, rounds, &b_begin, &b_end);
    return x->offset + a_begin < y->offset + b_end && y->offset + b_begin < x->offset + a_end;
}

static bool launch_conflicts(const struct tuff_plan *plan, const struct tuff_plan_launch *launch, uint32_t first,
                             uint32_t rounds)
{
    for (uint32_t i = 0; i < launch->binding_count; i++)
        for (uint32_t k = first; k < launch->binding_first; k++)
            if (bindings_conflict(plan, &plan->bindings[launch->binding_first + i], &plan->bindings[k], rounds)) return true;
    return false;
}

void tuff_plan_place_barriers(struct tuff_plan *plan)
{
    uint32_t since = 0; /* first binding after the last barrier: bindings lie in the order of launches */
    for (uint32_t i = 0, l = 0; i < plan->launch_count; i++) {
        struct tuff_plan_launch *launch = &plan->launches[i];
        bool behind = l < plan->loop_count && i == end_of(&plan->loops[l]);
        l += behind;
        const struct tuff_plan_loop *loop = l < plan->loop_count && i >= plan->loops[l].launch_first ? &plan->loops[l]
                                                                                                     : NULL;
        bool begins = loop && i == loop->launch_first;
        launch->barrier = behind || begins || launch_conflicts(plan, launch, since, loop ? loop->rounds : 1);
        if (launch->barrier) since = launch->binding_first;
    }
}

/* One access of the proof; epoch counts the barriers before it, so equal epochs mean: nothing orders the two. */
struct access {
    uint32_t epoch, launch;
    uint32_t memory; /* of the plan */
    bool write;
    uint64_t begin, end;
};

static int compare_accesses(const void *a, const void *b)
{
    const struct access *x = a, *y = b;
    if (x->epoch != y->epoch) return x->epoch < y->epoch ? -1 : 1;
    if (x->memory != y->memory) return x->memory < y->memory ? -1 : 1;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->launch > y->launch) - (x->launch < y->launch);
}

/* The furthest end among accesses so far, and the furthest among those of other launches than that one's. */
struct reach {
    uint64_t end, other_end;
    uint32_t launch, other_launch;
};

static void reach_add(struct reach *reach, const struct access *access)
{
    if (access->launch == reach->launch) {
        if (access->end > reach->end) reach->end = access->end;
    } else if (access->end > reach->end) {
        reach->other_end = reach->end;
        reach->other_launch = reach->launch;
        reach->end = access->end;
        reach->launch = access->launch;
    } else if (access->end > reach->other_end) {
        reach->other_end = access->end;
        reach->other_launch = access->launch;
    }
}

/* Launch of an earlier-sorted access that overlaps this one and is not of the same launch; UINT32_MAX if there is none. */
static uint32_t reach_hit(const struct reach *reach, const struct access *access)
{
    if (reach->launch != access->launch) return reach->end > access->begin ? reach->launch : UINT32_MAX;
    return reach->other_end > access->begin ? reach->other_launch : UINT32_MAX;
}

static const char *label_of(const struct tuff_plan *plan, uint32_t launch) { return plan->launches[launch].label; }

/* In functions that have a plan, a context and an error: USAGE, and what is wrong of the plan, of one of its launches. */
#define WRONG(...) tuff_refuse(context, error, "plan: " __VA_ARGS__)
#define WRONG_LAUNCH(number, text, ...) WRONG("launch %u (%s) " text, number, label_of(plan, number), __VA_ARGS__)

/* Sweeps accesses sorted by epoch, memory and address; two that overlap within an epoch must both be reads. */
static tuff_status sweep(const struct tuff_plan *plan, const struct access *accesses, size_t count,
                         struct tuff_context *context, struct tuff_error *error)
{
    const struct reach nothing = {0, 0, UINT32_MAX, UINT32_MAX};
    struct reach any = nothing, writes = nothing;
    for (size_t i = 0; i < count; i++) {
        const struct access *access = &accesses[i];
        if (i && (access->epoch != access[-1].epoch || access->memory != access[-1].memory)) any = writes = nothing;
        uint32_t other = reach_hit(access->write ? &any : &writes, access);
        if (other != UINT32_MAX) {
            uint32_t first = other < access->launch ? other : access->launch;
            uint32_t second = other < access->launch ? access->launch : other;
            return WRONG("launches %u (%s) and %u (%s) touch %s memory at %llu without a barrier between them", first,
                         label_of(plan, first), second, label_of(plan, second),
                         tuff_memory_name(plan->memories[access->memory].kind), (unsigned long long)access->begin);
        }
        reach_add(&any, access);
        if (access->write) reach_add(&writes, access);
    }
    return TUFF_OK;
}

/* Content of the slot: what kind of memory may have which, and that it lies within the slot. */
static tuff_status check_content(const struct tuff_plan *plan, uint32_t index, struct tuff_context *context,
                                 struct tuff_error *error)
{
    const struct tuff_plan_slot *slot = &plan->slots[index];
    enum tuff_memory kind = tuff_slot_kind(plan, slot);
    bool kept = tuff_memory_is_shared(kind), constant = kind == TUFF_MEMORY_CONST;
    bool filled = slot->content == TUFF_CONTENT_BLOB || slot->content == TUFF_CONTENT_FILE;
    bool allowed = filled                                  ? kept || constant
                   : slot->content == TUFF_CONTENT_ZEROS   ? kept
                   : slot->content == TUFF_CONTENT_PASSING ? kind == TUFF_MEMORY_STATE
                                                           : !constant;
    if ((unsigned)slot->content >= TUFF_CONTENT_COUNT || !allowed)
        return WRONG("slot %u (%s) of %s memory has the wrong kind of content", index, slot->name, tuff_memory_name(kind));
    if (filled ? slot->content_bytes > slot->bytes : slot->content_bytes != 0 || slot->data != NULL)
        return WRONG("slot %u (%s) has %llu bytes of content and room for %llu", index, slot->name,
                     (unsigned long long)slot->content_bytes, (unsigned long long)slot->bytes);
    return TUFF_OK;
}

static tuff_status check_slots(const struct tuff_plan *plan, struct tuff_context *context, struct tuff_error *error)
{
    for (uint32_t i = 0; i < plan->memory_count; i++)
        if ((unsigned)plan->memories[i].kind >= TUFF_MEMORY_COUNT) return WRONG("memory %u is of no kind", i);
    for (uint32_t i = 0; i < plan->slot_count; i++) {
        const struct tuff_plan_slot *slot = &plan->slots[i];
        if (slot->memory >= plan->memory_count)
            return WRONG("slot %u (%s) lies in memory %u of %u", i, slot->name, slot->memory, plan->memory_count);
        uint64_t range = plan->memories[slot->memory].bytes;
        if (slot->rank > TUFF_PLAN_RANK) return WRONG("slot %u (%s) has %u dimensions", i, slot->name, slot->rank);
        if (slot->offset % TUFF_PLAN_ALIGNMENT || slot->bytes % 4)
            return WRONG("slot %u (%s) is not aligned: offset %llu, %llu bytes", i, slot->name,
                         (unsigned long long)slot->offset, (unsigned long long)slot->bytes);
        if (slot->offset > range || slot->bytes > range - slot->offset)
            return WRONG("slot %u (%s) ends beyond the %llu bytes of %s memory", i, slot->name, (unsigned long long)range,
                         tuff_memory_name(tuff_slot_kind(plan, slot)));
        TUFF_TRY(check_content(plan, i, context, error));
    }
    return TUFF_OK;
}

/* Of a launch that runs so many times. */
static tuff_status check_binding(const struct tuff_plan *plan, uint32_t launch, const struct tuff_plan_binding *binding,
                                 uint32_t rounds, struct tuff_context *context, struct tuff_error *error)
{
    if (binding->slot >= plan->slot_count)
        return WRONG("launch %u binds slot %u of %u", launch, binding->slot, plan->slot_count);
    const struct tuff_plan_slot *slot = &plan->slots[binding->slot];
    bool aligned = binding->offset % TUFF_PLAN_ALIGNMENT == 0 || slot->bytes < TUFF_PLAN_ALIGNMENT;
    if (!aligned || binding->bytes % 4 || !binding->bytes)
        return WRONG_LAUNCH(launch, "binds slot %u at %llu with %llu bytes", binding->slot,
                            (unsigned long long)binding->offset, (unsigned long long)binding->bytes);
    bool steps = binding->step || binding->ring, downward = binding->step < 0;
    uint64_t stride = downward ? -(uint64_t)binding->step : (uint64_t)binding->step, far = 0;
    uint32_t places = binding->ring && binding->ring < rounds ? binding->ring : rounds;
    if (steps && (places < 2 || !stride || stride % TUFF_PLAN_ALIGNMENT || stride > slot->bytes / (places - 1)))
        return WRONG_LAUNCH(launch, "goes on by %lld bytes in slot %u, of %u rounds", (long long)binding->step,
                            binding->slot, rounds);
    if (steps) far = stride * (places - 1);
    uint64_t room = slot->bytes - (binding->offset < slot->bytes ? binding->offset : slot->bytes);
    if (binding->offset > slot->bytes || binding->bytes > room ||
        (downward ? far > binding->offset : far > room - binding->bytes))
        return WRONG_LAUNCH(launch, "binds beyond slot %u (%s) of %llu bytes", binding->slot, slot->name,
                            (unsigned long long)slot->bytes);
    const struct tuff_plan_launch *of = &plan->launches[launch];
    bool counts = (binding->access & TUFF_COUNTS) != 0,
         last = binding == &plan->bindings[of->binding_first + of->binding_count - 1];
    if (counts &&
        (!last || binding->access != (TUFF_READ | TUFF_COUNTS) || binding->bytes != 12 || binding->step || binding->texels))
        return WRONG_LAUNCH(launch, "has no counts of workgroups in slot %u", binding->slot);
    if (!counts && (!(binding->access & (TUFF_READ | TUFF_WRITE)) || binding->access & ~(uint32_t)(TUFF_READ | TUFF_WRITE)))
        return WRONG_LAUNCH(launch, "binds slot %u without access", binding->slot);
    if (binding->texels >= TUFF_TEXELS_COUNT ||
        (binding->texels && (binding->access != TUFF_READ || binding->bytes % TUFF_TEXEL_BYTES)))
        return WRONG_LAUNCH(launch, "cannot bind %llu bytes of slot %u as texels", (unsigned long long)binding->bytes,
                            binding->slot);
    if (tuff_slot_kind(plan, slot) == TUFF_MEMORY_CONST && binding->access & TUFF_WRITE)
        return WRONG_LAUNCH(launch, "writes the constant %s", slot->name);
    return TUFF_OK;
}

/* Ranges of sub-arrays and kernels; bindings and push words must lie in the order of launches and fill their arrays. */
static tuff_status check_launches(const struct tuff_plan *plan, struct tuff_context *context, struct tuff_error *error)
{
    uint32_t bindings = 0, words = 0, specs = 0, numbers = 0;
    for (uint32_t i = 0; i < plan->kernel_count; i++) {
        if (plan->kernels[i].spec_first != specs || plan->kernels[i].spec_count > plan->spec_count - specs)
            return WRONG("kernel %u has a wrong range of constants", i);
        for (uint32_t k = 1; k < plan->kernels[i].spec_count; k++)
            if (plan->specs[specs + k].id <= plan->specs[specs + k - 1].id)
                return WRONG("kernel %u sets constant %u twice", i, plan->specs[specs + k].id);
        specs += plan->kernels[i].spec_count;
    }
    for (uint32_t i = 0; i < plan->launch_count; i++) {
        const struct tuff_plan_launch *launch = &plan->launches[i];
        if (launch->kernel >= plan->kernel_count || launch->binding_first != bindings || launch->push_first != words ||
            launch->binding_count > plan->binding_count - bindings || launch->push_count > plan->push_word_count - words ||
            launch->number_first != numbers || launch->number_count > plan->number_count - numbers)
            return WRONG("launch %u (%s) has a wrong range", i, launch->label);
        if (launch->number_count > TUFF_PLAN_MOST_NUMBERS)
            return WRONG_LAUNCH(i, "has %u numbers, of which %u fit", launch->number_count, TUFF_PLAN_MOST_NUMBERS);
        bindings += launch->binding_count;
        words += launch->push_count;
        numbers += launch->number_count;
        for (uint32_t k = 0; k < launch->binding_count; k++) {
            TUFF_TRY(check_binding(plan, i, &plan->bindings[launch->binding_first + k], tuff_plan_rounds(plan, i), context,
                                   error));
            if (k >= TUFF_MOST_TEXELS && plan->bindings[launch->binding_first + k].texels)
                return WRONG_LAUNCH(i, "binds texels as number %u", k);
        }
    }
    return TUFF_OK;
}

static tuff_status check_names(const struct tuff_plan *plan, struct tuff_arena *arena, struct tuff_error *error)
{
    struct tuff_lookup names = {0};
    for (uint32_t i = 0; i < plan->station_count; i++) {
        const char *name = plan->stations[i].name;
        uint64_t hash = tuff_hash_text(0, name);
        uint32_t place, step = 0;
        while ((place = tuff_lookup_find(&names, hash, &step)) != TUFF_LOOKUP_END)
            if (!strcmp(plan->stations[place].name, name))
                return tuff_refuse(arena->context, error, "plan: two stations are called %s", name);
        if (!tuff_lookup_add(&names, arena, hash, i)) return tuff_fail_memory(arena->context, error);
    }
    return TUFF_OK;
}

static tuff_status check_stations(const struct tuff_plan *plan, struct tuff_context *context, struct tuff_error *error)
{
    for (uint32_t i = 0; i < plan->station_count; i++) {
        const struct tuff_plan_station *station = &plan->stations[i];
        if (station->launch_count > plan->launch_count || (i && station->launch_count < station[-1].launch_count))
            return WRONG("station %u (%s) is out of order", i, station->name);
    }
    struct tuff_arena arena = {.context = context};
    tuff_status status = check_names(plan, &arena, error);
    tuff_arena_finish(&arena);
    return status;
}

/* Behind the stations, which are in order then, and before the launches, whose bindings ask for their rounds. */
static tuff_status check_loops(const struct tuff_plan *plan, struct tuff_context *context, struct tuff_error *error)
{
    uint32_t before = 0, k = 0; /* k: the first station behind the loop's first launch */
    uint64_t all = 0;
    for (uint32_t i = 0; i < plan->loop_count; i++) {
        const struct tuff_plan_loop *loop = &plan->loops[i];
        bool placed = loop->launch_first >= before && loop->launch_first < plan->launch_count && loop->launch_count > 0 &&
                      loop->launch_count <= plan->launch_count - loop->launch_first;
        all += placed ? (uint64_t)loop->launch_count * loop->rounds : 0;
        if (!placed || loop->rounds < 2 || loop->rounds > TUFF_PLAN_MOST_ROUNDS || all > TUFF_PLAN_MOST_REPEATED)
            return WRONG("loop %u repeats %u launches from %u on %u times", i, loop->launch_count, loop->launch_first,
                         loop->rounds);
        before = end_of(loop);
        bool fenced = plan->launches[loop->launch_first].barrier &&
                      (before == plan->launch_count || plan->launches[before].barrier);
        if (!fenced) return WRONG("no barrier stands before each round of loop %u and behind it", i);
        while (k < plan->station_count && plan->stations[k].launch_count <= loop->launch_first) k++;
        if (k < plan->station_count && plan->stations[k].launch_count < before)
            return WRONG("station %u (%s) lies within loop %u", k, plan->stations[k].name, i);
    }
    return TUFF_OK;
}

/* Sorted and united; with stations, where the section may run again, its scratch too. mark: slots of scratch that the section uses. */
static tuff_status prepare_ranges(const struct tuff_plan *plan, struct tuff_plan_range *ranges, size_t *count, bool *mark,
                                  struct tuff_context *context, struct tuff_error *error)
{
    size_t all = 0;
    for (uint32_t l = 0; l < plan->prepare_count; l++)
        for (uint32_t k = 0; k < plan->launches[l].binding_count; k++) {
            const struct tuff_plan_binding *binding = &plan->bindings[plan->launches[l].binding_first + k];
            enum tuff_memory kind = tuff_slot_kind(plan, &plan->slots[binding->slot]);
            bool own = kind == TUFF_MEMORY_PREPARED || kind == TUFF_MEMORY_SCRATCH;
            bool kept = tuff_memory_is_shared(kind) || kind == TUFF_MEMORY_CONST;
            if (!own && (!kept || binding->access & TUFF_WRITE))
                return WRONG_LAUNCH(l, "prepares with %s memory", tuff_memory_name(kind));
            mark[binding->slot] = mark[binding->slot] || kind == TUFF_MEMORY_SCRATCH;
            if (!own || (plan->station_count && kind == TUFF_MEMORY_SCRATCH))
                ranges[all++] = tuff_binding_range(plan, l, binding);
        }
    *count = tuff_ranges_join(ranges, all);
    return TUFF_OK;
}

/* What the section wrote stays as it is until it runs again. */
static tuff_status check_others(const struct tuff_plan *plan, const struct tuff_plan_range *ranges, size_t count,
                                const bool *mark, struct tuff_context *context, struct tuff_error *error)
{
    for (uint32_t l = plan->prepare_count; l < plan->launch_count; l++)
        for (uint32_t k = 0; k < plan->launches[l].binding_count; k++) {
            const struct tuff_plan_binding *binding = &plan->bindings[plan->launches[l].binding_first + k];
            bool writes = (binding->access & TUFF_WRITE) != 0;
            enum tuff_memory kind = tuff_slot_kind(plan, &plan->slots[binding->slot]);
            if (mark[binding->slot] || (writes && kind == TUFF_MEMORY_PREPARED) ||
                (writes && tuff_ranges_meet(ranges, count, tuff_binding_range(plan, l, binding))))
                return WRONG_LAUNCH(l, "%s '%s', which the prepare section %s", writes ? "writes" : "reads",
                                    plan->slots[binding->slot].name, mark[binding->slot] ? "uses as scratch" : "uses");
        }
    return TUFF_OK;
}

static tuff_status check_prepare(const struct tuff_plan *plan, struct tuff_context *context, struct tuff_error *error)
{
    if (plan->prepare_count > plan->launch_count)
        return WRONG("%u of %u launches prepare", plan->prepare_count, plan->launch_count);
    for (uint32_t i = 0; i < plan->loop_count; i++)
        if (plan->loops[i].launch_first < plan->prepare_count && end_of(&plan->loops[i]) > plan->prepare_count)
            return WRONG("the prepare section ends within loop %u", i);
    if (!plan->prepare_count && !tuff_plan_kind_bytes(plan, TUFF_MEMORY_PREPARED)) return TUFF_OK;
    struct tuff_plan_range *ranges = tuff_alloc(context, ((size_t)plan->binding_count + 1) * sizeof *ranges);
    bool *mark = tuff_alloc(context, (size_t)plan->slot_count + 1);
    size_t count = 0;
    tuff_status status = ranges && mark ? TUFF_OK : tuff_fail_memory(context, error);
    if (status == TUFF_OK) memset(mark, 0, plan->slot_count + 1);
    if (status == TUFF_OK) status = prepare_ranges(plan, ranges, &count, mark, context, error);
    if (status == TUFF_OK) status = check_others(plan, ranges, count, mark, context, error);
    tuff_free(context, mark);
    tuff_free(context, ranges);
    return status;
}

/* Workgroup counts are dispatched as they lie there: the run itself wrote them, where no host can. */
static tuff_status check_counts(const struct tuff_plan *plan, struct tuff_context *context, struct tuff_error *error)
{
    struct tuff_plan_binding *written = tuff_alloc(context, ((size_t)plan->slot_count + 1) * sizeof *written);
    tuff_status status = written ? TUFF_OK : tuff_fail_memory(context, error);
    if (written) memset(written, 0, ((size_t)plan->slot_count + 1) * sizeof *written); /* the last writing of each slot */
    for (uint32_t i = 0; status == TUFF_OK && i < plan->launch_count; i++) {
        const struct tuff_plan_launch *launch = &plan->launches[i];
        const struct tuff_plan_binding *counts = tuff_launch_counts(plan, launch);
        if (counts) {
            const struct tuff_plan_binding *by = &written[counts->slot];
            enum tuff_memory kind = tuff_slot_kind(plan, &plan->slots[counts->slot]);
            bool own = kind == TUFF_MEMORY_SCRATCH || kind == TUFF_MEMORY_PREPARED;
            if (!own || by->offset > counts->offset || by->offset + by->bytes < counts->offset + counts->bytes)
                status = WRONG_LAUNCH(i, "has its workgroup counts in slot %u of %s memory, %s", counts->slot,
                                      tuff_memory_name(kind),
                                      own ? "which no launch before it writes" : "which others may write");
        }
        for (uint32_t k = 0; k < launch->binding_count; k++) {
            const struct tuff_plan_binding *binding = &plan->bindings[launch->binding_first + k];
            if (binding->access & TUFF_WRITE && !binding->step) written[binding->slot] = *binding;
        }
    }
    tuff_free(context, written);
    return status;
}

enum { ALL_ROUNDS = TUFF_PLAN_MOST_ROUNDS };

/* Accesses of launches first .. end - 1 in one round, swept; of ALL_ROUNDS those of all `rounds` together. */
static tuff_status check_round(const struct tuff_plan *plan, uint32_t first, uint32_t end, uint32_t round, uint32_t rounds,
                               struct access *accesses, struct tuff_context *context, struct tuff_error *error)
{
    uint32_t epoch = 0;
    size_t count = 0;
    for (uint32_t i = first; i < end; i++) {
        const struct tuff_plan_launch *launch = &plan->launches[i];
        epoch += launch->barrier;
        for (uint32_t k = 0; k < launch->binding_count; k++) {
            const struct tuff_plan_binding *binding = &plan->bindings[launch->binding_first + k];
            const struct tuff_plan_slot *slot = &plan->slots[binding->slot];
            uint64_t begin = tuff_binding_offset(binding, round), stop = begin + binding->bytes;
            if (round == ALL_ROUNDS) tuff_binding_extent(binding, rounds, &begin, &stop);
            accesses[count++] = (struct access){
                epoch, i, slot->memory, binding->access & TUFF_WRITE, slot->offset + begin, slot->offset + stop};
        }
    }
    qsort(accesses, count, sizeof *accesses, compare_accesses);
    return sweep(plan, accesses, count, context, error);
}

#define MOST_SWEPT (UINT32_C(1) << 24) /* accesses of rounds that are looked at one by one: seconds */

/* Rounds are fenced, so each stands for itself. Mostly nothing meets even where all are taken for one; else bindings that keep their
 * distance may have met those of other rounds, and each is looked at. The first one is not: it is swept with all launches. */
static tuff_status check_rounds(const struct tuff_plan *plan, struct access *accesses, struct tuff_context *context,
                                struct tuff_error *error)
{
    uint64_t swept = 0;
    for (uint32_t i = 0; i < plan->loop_count; i++) {
        const struct tuff_plan_loop *loop = &plan->loops[i];
        uint32_t first = loop->launch_first, end = end_of(loop), bindings = 0;
        if (check_round(plan, first, end, ALL_ROUNDS, loop->rounds, accesses, NULL, NULL) == TUFF_OK) continue;
        for (uint32_t l = first; l < end; l++) bindings += plan->launches[l].binding_count;
        swept += (uint64_t)bindings * loop->rounds;
        if (swept > MOST_SWEPT)
            return WRONG("loop %u has %u rounds of %u bindings, which are too many", i, loop->rounds, bindings);
        for (uint32_t round = 1; round < loop->rounds; round++)
            TUFF_TRY(check_round(plan, first, end, round, loop->rounds, accesses, context, error));
    }
    return TUFF_OK;
}

tuff_status tuff_plan_check(const struct tuff_plan *plan, struct tuff_context *context, struct tuff_error *error)
{
    TUFF_TRY(check_slots(plan, context, error));
    TUFF_TRY(check_stations(plan, context, error));
    TUFF_TRY(check_loops(plan, context, error));
    TUFF_TRY(check_launches(plan, context, error));
    TUFF_TRY(check_prepare(plan, context, error));
    TUFF_TRY(check_counts(plan, context, error));
    struct access *accesses = tuff_alloc(context, (size_t)plan->binding_count * sizeof *accesses);
    if (!accesses) return tuff_fail_memory(context, error);
    tuff_status status = check_round(plan, 0, plan->launch_count, 0, 1, accesses, context, error);
    if (status == TUFF_OK) status = check_rounds(plan, accesses, context, error);
    tuff_free(context, accesses);
    return status;
}
