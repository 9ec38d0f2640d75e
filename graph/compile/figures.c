/* figures.c - what a plan does, counted from its launches, bindings and slots alone: the same figures for the same checked plan. */
#include "graph/compile/compile.h"
#include "graph/ops/leaf.h"

#include <stdlib.h>

/* Bytes begin .. end - 1 of one memory, of which a launch touches so many. */
struct span {
    uint32_t memory;
    uint32_t write; /* else read */
    uint64_t begin, end, touched;
};

static const struct tuff_plan_slot *slot_of(const struct tuff_plan *plan, const struct tuff_plan_binding *binding)
{
    return &plan->slots[binding->slot];
}

static int by_place(const void *a, const void *b)
{
    const struct span *p = a, *q = b;
    if (p->memory != q->memory) return p->memory < q->memory ? -1 : 1;
    if (p->write != q->write) return p->write < q->write ? -1 : 1;
    if (p->begin != q->begin) return p->begin < q->begin ? -1 : 1;
    return p->end < q->end ? -1 : p->end > q->end;
}

enum together { ALL, LARGEST }; /* spans that are touched in part count with their sum, or as the largest of them does */

/* Bytes of the spans' union: of each heap of overlapping ones what is touched in it, at most the whole. Sorts them. */
static uint64_t united(struct span *spans, size_t count, enum together together)
{
    uint64_t total = 0;
    if (count) qsort(spans, count, sizeof *spans, by_place);
    for (size_t i = 0, next; i < count; i = next) {
        uint64_t end = spans[i].begin, full_end = end, full = 0, sum = 0, largest = 0;
        for (next = i; next < count && spans[next].memory == spans[i].memory && spans[next].write == spans[i].write &&
                       (next == i || spans[next].begin < end);
             next++) {
            const struct span *s = &spans[next];
            sum += s->touched;
            if (s->touched > largest) largest = s->touched;
            if (s->end > end) end = s->end;
            if (s->touched < s->end - s->begin || s->end <= full_end) continue;
            full += s->end - (s->begin > full_end ? s->begin : full_end);
            full_end = s->end;
        }
        if (together == LARGEST) sum = full > largest ? full : largest;
        total += sum < end - spans[i].begin ? sum : end - spans[i].begin;
    }
    return total;
}

/* In so many rounds. */
static struct span span_of(const struct tuff_plan *plan, const struct tuff_plan_binding *binding, enum tuff_access access,
                           uint32_t rounds)
{
    const struct tuff_plan_slot *slot = slot_of(plan, binding);
    struct span span = {.memory = slot->memory, .write = access == TUFF_WRITE, .touched = tuff_binding_touches(binding)};
    tuff_binding_extent(binding, rounds, &span.begin, &span.end);
    if (span.end - span.begin > binding->bytes) span.touched *= rounds;
    span.begin += slot->offset;
    span.end += slot->offset;
    if (span.touched > span.end - span.begin) span.touched = span.end - span.begin;
    return span;
}

/* What one launch reads or writes in one round: windows and slices of one value may lie over each other. */
static uint64_t moved(const struct tuff_plan *plan, const struct tuff_plan_launch *launch, enum tuff_access access,
                      struct span *spans)
{
    size_t count = 0;
    for (uint32_t i = 0; i < launch->binding_count; i++) {
        const struct tuff_plan_binding *binding = &plan->bindings[launch->binding_first + i];
        if (binding->access & access) spans[count++] = span_of(plan, binding, access, 1);
    }
    return united(spans, count, ALL);
}

static bool is_least(const struct tuff_plan *plan, const struct tuff_plan_slot *slot, enum tuff_access access, bool written)
{
    enum tuff_memory kind = tuff_slot_kind(plan, slot);
    if (slot->content == TUFF_CONTENT_PASSING) return access == TUFF_READ && !written;
    bool kept = tuff_memory_is_shared(kind);
    if (access == TUFF_WRITE) return kept || kind == TUFF_MEMORY_OUTPUT;
    return kept || kind == TUFF_MEMORY_CONST || kind == TUFF_MEMORY_INPUT || kind == TUFF_MEMORY_PREPARED;
}

/* Of all launches, or of those alone that are no products. mark: a flag per slot */
static uint64_t least(const struct tuff_plan *plan, bool products, struct span *spans, bool *mark)
{
    size_t count = 0;
    memset(mark, 0, plan->slot_count * sizeof *mark);
    for (uint32_t l = plan->prepare_count; l < plan->launch_count; l++) /* reads of a launch come before its writes */
        for (uint32_t access = TUFF_READ; access <= TUFF_WRITE; access++)
            for (uint32_t i = 0; i < plan->launches[l].binding_count; i++) {
                const struct tuff_plan_binding *binding = &plan->bindings[plan->launches[l].binding_first + i];
                if (!(binding->access & access)) continue;
                if ((products || !plan->launches[l].product) &&
                    is_least(plan, slot_of(plan, binding), access, mark[binding->slot]))
                    spans[count++] = span_of(plan, binding, access, tuff_plan_rounds(plan, l));
                if (access == TUFF_WRITE) mark[binding->slot] = true;
            }
    return united(spans, count, LARGEST);
}

/* Where each slot of scratch is used first and last. */
struct life {
    uint32_t first, last;
};

/* The largest number of bytes of scratch that one launch finds alive. A result that takes over its operand's memory shares it. */
static uint64_t scratch_bound(const struct tuff_plan *plan, struct span *spans, struct life *lives)
{
    uint64_t most = 0;
    for (uint32_t s = 0; s < plan->slot_count; s++) lives[s] = (struct life){UINT32_MAX, 0};
    for (uint32_t l = 0; l < plan->launch_count; l++)
        for (uint32_t i = 0; i < plan->launches[l].binding_count; i++) {
            struct life *life = &lives[plan->bindings[plan->launches[l].binding_first + i].slot];
            if (life->first == UINT32_MAX) life->first = l;
            life->last = l;
        }
    for (uint32_t l = 0; l < plan->launch_count; l++) {
        size_t count = 0;
        for (uint32_t s = 0; s < plan->slot_count; s++) {
            const struct tuff_plan_slot *slot = &plan->slots[s];
            if (tuff_slot_kind(plan, slot) != TUFF_MEMORY_SCRATCH || lives[s].first > l || lives[s].last < l) continue;
            spans[count++] = (struct span){slot->memory, 0, slot->offset, slot->offset + slot->bytes, slot->bytes};
        }
        uint64_t alive = united(spans, count, ALL);
        if (alive > most) most = alive;
    }
    return most;
}

/* Is launch l on the way? Marks what it reads then; true when that is new. */
static bool go_back(const struct tuff_plan *plan, uint32_t l, bool *way, bool *mark)
{
    const struct tuff_plan_binding *bindings = &plan->bindings[plan->launches[l].binding_first];
    uint32_t count = plan->launches[l].binding_count;
    bool found = false;
    for (uint32_t i = 0; i < count; i++) way[l] = way[l] || (bindings[i].access & TUFF_WRITE && mark[bindings[i].slot]);
    for (uint32_t i = 0; i < count && way[l]; i++) {
        if (!(bindings[i].access & TUFF_READ)) continue;
        found = found || !mark[bindings[i].slot];
        mark[bindings[i].slot] = true;
    }
    return found;
}

/* Launches on whose results the slot `result` depends, into way[launch]. mark: a flag per slot. Going backwards once will do:
 * launches read what earlier ones wrote; those of a loop also what later ones of it wrote a round before. */
static void find_way(const struct tuff_plan *plan, uint32_t result, bool *way, bool *mark)
{
    uint32_t loop = plan->loop_count;
    bool found = false;
    memset(mark, 0, plan->slot_count * sizeof *mark);
    memset(way, 0, plan->launch_count * sizeof *way);
    if (result != UINT32_MAX) mark[result] = true;
    for (uint32_t l = plan->launch_count; l-- > 0;) {
        found = go_back(plan, l, way, mark) || found;
        while (loop > 0 && plan->loops[loop - 1].launch_first > l) loop--;
        if (loop == 0 || plan->loops[loop - 1].launch_first != l) continue;
        if (found) l += plan->loops[loop - 1].launch_count;
        found = false;
    }
}

/* Scratch that launches on the way to the result write and others read. way: a flag per launch, mark: one per slot. */
static uint64_t saved(const struct tuff_plan *plan, uint32_t result, bool *way, bool *mark)
{
    uint64_t bytes = 0;
    find_way(plan, result, way, mark);
    memset(mark, 0, plan->slot_count * sizeof *mark);
    for (uint32_t l = 0; l < plan->launch_count; l++)
        for (uint32_t i = 0; i < plan->launches[l].binding_count; i++) {
            const struct tuff_plan_binding *binding = &plan->bindings[plan->launches[l].binding_first + i];
            if (tuff_slot_kind(plan, slot_of(plan, binding)) != TUFF_MEMORY_SCRATCH) continue;
            if (way[l] && (binding->access & TUFF_WRITE)) {
                mark[binding->slot] = true;
            } else if (!way[l] && (binding->access & TUFF_READ) && mark[binding->slot]) {
                bytes += slot_of(plan, binding)->bytes;
                mark[binding->slot] = false;
            }
        }
    return bytes;
}

static bool same_shader(const struct tuff_plan_kernel *a, const struct tuff_plan_kernel *b)
{
    return !strcmp(a->file, b->file) && !strcmp(a->defines, b->defines) && !strcmp(a->hooks, b->hooks);
}

static void count_launches(const struct tuff_plan *plan, struct tuff_plan_figures *f)
{
    for (uint32_t i = 0; i < plan->launch_count; i++)
        *(i < plan->prepare_count ? &f->prepare_launches : &f->launches) += tuff_plan_rounds(plan, i);
    f->pipelines = plan->kernel_count;
    for (uint32_t i = plan->prepare_count; i < plan->launch_count; i++) {
        f->barriers += plan->launches[i].barrier * tuff_plan_rounds(plan, i);
        f->flops += plan->launches[i].flops * tuff_plan_rounds(plan, i);
    }
    for (uint32_t i = 0, k; i < plan->kernel_count; i++) {
        for (k = 0; k < i && !same_shader(&plan->kernels[i], &plan->kernels[k]); k++) {
        }
        f->kernels += k == i;
    }
}

static void count_memory(const struct tuff_plan *plan, uint32_t input_sets, struct tuff_plan_figures *f)
{
    f->param_bytes = tuff_plan_kind_bytes(plan, TUFF_MEMORY_PARAM);
    f->state_bytes = tuff_plan_kind_bytes(plan, TUFF_MEMORY_STATE);
    f->const_bytes = tuff_plan_kind_bytes(plan, TUFF_MEMORY_CONST);
    f->input_bytes = tuff_plan_kind_bytes(plan, TUFF_MEMORY_INPUT) * (input_sets ? input_sets : 1);
    f->output_bytes = tuff_plan_kind_bytes(plan, TUFF_MEMORY_OUTPUT);
    f->scratch_bytes = tuff_plan_kind_bytes(plan, TUFF_MEMORY_SCRATCH);
    f->prepared_bytes = tuff_plan_kind_bytes(plan, TUFF_MEMORY_PREPARED);
    for (uint32_t i = 0; i < plan->memory_count; i++)
        if (plan->memories[i].bytes > f->largest_bytes) f->largest_bytes = plan->memories[i].bytes;
    f->total_bytes = f->param_bytes + f->state_bytes + f->const_bytes + f->input_bytes + f->output_bytes + f->scratch_bytes +
                     f->prepared_bytes;
}

tuff_status tuff_figures_of(const struct tuff_plan *plan, uint32_t result, uint32_t input_sets, struct tuff_context *context,
                            struct tuff_plan_figures *figures, struct tuff_error *error)
{
    struct tuff_plan_figures f = {.plan_hash = tuff_plan_hash(plan)};
    TUFF_TRY(tuff_count_barriers(plan, context, &f.barriers_least, error));
    struct tuff_arena arena = {.context = context};
    size_t span_count = plan->slot_count + 2 * (size_t)plan->binding_count + 1;
    struct span *spans = tuff_arena_alloc(&arena, span_count * sizeof *spans);
    struct life *lives = tuff_arena_alloc(&arena, (plan->slot_count + 1) * sizeof *lives);
    bool *mark = tuff_arena_alloc(&arena, plan->slot_count + 1), *way = tuff_arena_alloc(&arena, plan->launch_count + 1);
    bool memory = spans && lives && mark && way;
    if (memory) {
        count_launches(plan, &f);
        count_memory(plan, input_sets, &f);
        for (uint32_t i = plan->prepare_count; i < plan->launch_count; i++) {
            uint64_t read = moved(plan, &plan->launches[i], TUFF_READ, spans) * tuff_plan_rounds(plan, i);
            uint64_t written = moved(plan, &plan->launches[i], TUFF_WRITE, spans) * tuff_plan_rounds(plan, i);
            f.bytes_read += read;
            f.bytes_written += written;
            if (plan->launches[i].product) f.bytes_by_products += read + written;
        }
        f.bytes_least = least(plan, true, spans, mark);
        f.bytes_by_products += least(plan, false, spans, mark);
        f.scratch_bound_bytes = scratch_bound(plan, spans, lives);
        f.saved_bytes = saved(plan, result, way, mark);
        *figures = f;
    }
    tuff_arena_finish(&arena);
    return memory ? TUFF_OK : tuff_fail_memory(context, error);
}
