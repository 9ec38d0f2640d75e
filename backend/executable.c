/* executable.c - a plan that runs: its memories, a program for each set of inputs, submission, slots read and written by name.
 *
 * Needs a plan that passes tuff_plan_check (program.c asks). Kept memories (parameters, states) are shared with other executables;
 * all others are its own. */
#include "backend/handover.h"
#include "backend/lookup.h"
#include "backend/program.h"
#include "backend/vulkan.h"

#include <stdio.h>
#include <stdlib.h>

enum { TYPE_TEXT = 120 };

/* ---- memories ---------------------------------------------------------------------------------------------------------------- */

struct kept {
    struct tuff_buffer *buffer; /* [retained]; NULL where there are 0 bytes */
    struct tuff_plan_memory memory;
};

struct tuff_memories {
    struct tuff_device *device; /* [retained] */
    struct kept *kept;          /* [owned] */
    uint32_t count, references;
    struct tuff_executable *preparing; /* [borrowed] the first of those that prepare something of what is kept */
};

/* `memory` counts those that are kept. */
struct kept_ranges {
    struct tuff_plan_range *ranges; /* [arena] sorted; no two of them touch */
    uint32_t count;
};

struct tuff_executable {
    struct tuff_device *device;     /* [retained] */
    struct tuff_memories *memories; /* [retained] */
    struct tuff_plan plan;          /* [owned] */
    struct tuff_buffer **buffers;   /* [plan's arena] of every set, of every memory of the plan; each [retained] or NULL */
    struct tuff_program *programs[TUFF_MOST_INPUT_SETS]; /* [owned] */
    uint32_t sets, current;
    struct tuff_lookup names; /* of slots that are not scratch, so that a run does not walk through all of them */
    uint64_t *written; /* [plan's arena] of every set, of every slot: how many bytes of an input the host has written */
    bool complete[TUFF_MOST_INPUT_SETS]; /* all inputs of the set are written */
    enum { NEVER_RAN, RAN, AT_STATION, BROKE_OFF } outputs;
    tuff_status broke;    /* BROKE_OFF: why */
    const char *compiler; /* [plan's arena] its version; NULL: none */
    const void *owner;
    void (*release)(const void *owner);
    struct kept_ranges prepares, writes; /* what its prepare section reads, and what its runs write */
    struct tuff_executable *next;        /* of those that prepare */
};

tuff_status tuff_memories_create(struct tuff_device *device, struct tuff_memories **memories, struct tuff_error *error)
{
    struct tuff_memories *made = tuff_alloc(device->context, sizeof *made);
    if (!made) return tuff_fail_memory(device->context, error);
    made->device = device;
    made->references = 1;
    tuff_device_retain(device);
    *memories = made;
    return TUFF_OK;
}

void tuff_memories_retain(struct tuff_memories *memories) { memories->references++; }

void tuff_memories_release(struct tuff_memories *memories)
{
    if (!memories || --memories->references > 0) return;
    struct tuff_device *device = memories->device;
    for (uint32_t i = 0; i < memories->count; i++) tuff_buffer_release(memories->kept[i].buffer);
    tuff_free(device->context, memories->kept);
    tuff_free(device->context, memories);
    tuff_device_release(device);
}

static tuff_status make_buffer(struct tuff_device *device, const struct tuff_plan_memory *memory,
                               struct tuff_buffer **buffer, struct tuff_error *error)
{
    if (memory->bytes == 0) return TUFF_OK;
    return tuff_buffer_create(device, memory->bytes, tuff_memory_is_shared(memory->kind), tuff_memory_name(memory->kind),
                              buffer, error);
}

tuff_status tuff_memories_add(struct tuff_memories *memories, const struct tuff_plan_memory *memory,
                              struct tuff_error *error)
{
    struct tuff_context *context = memories->device->context;
    TUFF_REQUIRE_THAT(context, error, tuff_memory_is_shared(memory->kind),
                      "only parameters and states are kept in memories");
    struct kept *larger = tuff_realloc(context, memories->kept, (memories->count + 1) * sizeof *larger);
    if (!larger) return tuff_fail_memory(context, error);
    memories->kept = larger;
    larger[memories->count] = (struct kept){.memory = *memory};
    TUFF_TRY(make_buffer(memories->device, memory, &larger[memories->count].buffer, error));
    memories->count++;
    return TUFF_OK;
}

static bool meet(const struct kept_ranges *a, const struct kept_ranges *b)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (tuff_ranges_meet(b->ranges, b->count, a->ranges[i])) return true;
    return false;
}

/* What executables prepared of these ranges they prepare again. */
static void tell_written(struct tuff_memories *memories, const struct kept_ranges *written)
{
    for (struct tuff_executable *x = memories->preparing; x; x = x->next)
        if (meet(written, &x->prepares))
            for (uint32_t set = 0; set < x->sets; set++) tuff_program_set_stale(x->programs[set]);
}

static void tell_range(struct tuff_memories *memories, uint32_t memory, uint64_t offset, uint64_t bytes)
{
    struct tuff_plan_range range = {memory, offset, offset + bytes};
    tell_written(memories, &(struct kept_ranges){&range, 1});
}

/* Writes bytes that need not be a multiple of 4. */
static tuff_status write_padded(struct tuff_buffer *buffer, uint64_t offset, const void *data, uint64_t bytes,
                                struct tuff_error *error)
{
    uint64_t whole = bytes / 4 * 4;
    uint8_t last[4] = {0};
    if (whole) TUFF_TRY(tuff_buffer_write(buffer, offset, data, whole, error));
    if (whole == bytes) return TUFF_OK;
    memcpy(last, (const uint8_t *)data + whole, (size_t)(bytes - whole));
    return tuff_buffer_write(buffer, offset + whole, last, sizeof last, error);
}

static tuff_status read_padded(struct tuff_buffer *buffer, uint64_t offset, void *data, uint64_t bytes,
                               struct tuff_error *error)
{
    uint64_t whole = bytes / 4 * 4;
    uint8_t last[4];
    if (whole) TUFF_TRY(tuff_buffer_read(buffer, offset, data, whole, error));
    if (whole == bytes) return TUFF_OK;
    TUFF_TRY(tuff_buffer_read(buffer, offset + whole, last, sizeof last, error));
    memcpy((uint8_t *)data + whole, last, (size_t)(bytes - whole));
    return TUFF_OK;
}

tuff_status tuff_memories_write(struct tuff_memories *memories, uint32_t index, uint64_t offset, const void *data,
                                uint64_t bytes, struct tuff_error *error)
{
    TUFF_REQUIRE_THAT(memories->device->context, error, index < memories->count && memories->kept[index].buffer,
                      "there is no memory of this number");
    tell_range(memories, index, offset, bytes);
    return write_padded(memories->kept[index].buffer, offset, data, bytes, error);
}

tuff_status tuff_memories_read(struct tuff_memories *memories, uint32_t index, uint64_t offset, void *data, uint64_t bytes,
                               struct tuff_error *error)
{
    TUFF_REQUIRE_THAT(memories->device->context, error, index < memories->count && memories->kept[index].buffer,
                      "there is no memory of this number");
    return read_padded(memories->kept[index].buffer, offset, data, bytes, error);
}

/* ---- executables -------------------------------------------------------------------------------------------------------------- */

static struct tuff_buffer **buffer_of(struct tuff_executable *x, uint32_t set, uint32_t memory)
{
    return &x->buffers[set * x->plan.memory_count + memory];
}

/* The buffer of number `index` of the kept memories, which the plan calls `memory`. */
static tuff_status find_kept(struct tuff_executable *x, const struct tuff_plan_memory *memory, uint32_t index, bool own,
                             struct tuff_buffer **buffer, struct tuff_error *error)
{
    struct tuff_memories *m = x->memories;
    if (own) TUFF_TRY(tuff_memories_add(m, memory, error));
    const struct kept *kept = index < m->count ? &m->kept[index] : NULL;
    if (!kept || kept->memory.kind != memory->kind || kept->memory.bytes < memory->bytes)
        return tuff_refuse(
            x->device->context, error,
            "the plan wants %llu bytes as number %u of the memories that it shares; they were made for another graph",
            (unsigned long long)memory->bytes, (unsigned)index);
    *buffer = kept->buffer;
    if (*buffer) tuff_buffer_retain(*buffer);
    return TUFF_OK;
}

static tuff_status make_memories(struct tuff_executable *x, bool own, struct tuff_error *error)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < x->plan.memory_count; i++) {
        const struct tuff_plan_memory *memory = &x->plan.memories[i];
        struct tuff_buffer **first = buffer_of(x, 0, i);
        if (tuff_memory_is_shared(memory->kind))
            TUFF_TRY(find_kept(x, memory, kept++, own, first, error));
        else
            TUFF_TRY(make_buffer(x->device, memory, first, error));
        for (uint32_t set = 1; set < x->sets; set++) {
            struct tuff_buffer **buffer = buffer_of(x, set, i);
            if (memory->kind == TUFF_MEMORY_INPUT) TUFF_TRY(make_buffer(x->device, memory, buffer, error));
            if (memory->kind == TUFF_MEMORY_INPUT || !*first) continue;
            *buffer = *first;
            tuff_buffer_retain(*buffer);
        }
    }
    return TUFF_OK;
}

/* Where the content of a slot lies on the host; NULL with a sentence where it does not. */
static const void *content_of(const struct tuff_executable *x, const struct tuff_plan_slot *slot,
                              const struct tuff_run_params *params, struct tuff_error *error)
{
    bool inside = slot->file_offset <= params->file_bytes && slot->content_bytes <= params->file_bytes - slot->file_offset;
    if (slot->content == TUFF_CONTENT_BLOB && slot->data) return slot->data;
    if (slot->content == TUFF_CONTENT_FILE && params->file && inside) return params->file + slot->file_offset;
    (void)tuff_refuse(x->device->context, error, "the content of '%s' is not there: %s", slot->name,
                      slot->content == TUFF_CONTENT_BLOB ? "the plan was read from a text that holds its hash alone"
                                                         : "the file that it was read from is too short");
    return NULL;
}

static tuff_status fill_slots(struct tuff_executable *x, const struct tuff_run_params *params, struct tuff_error *error)
{
    for (uint32_t i = 0; i < x->plan.slot_count; i++) {
        const struct tuff_plan_slot *slot = &x->plan.slots[i];
        bool constant = tuff_slot_kind(&x->plan, slot) == TUFF_MEMORY_CONST;
        if ((slot->content != TUFF_CONTENT_BLOB && slot->content != TUFF_CONTENT_FILE) || !slot->content_bytes) continue;
        if (!constant && params->memories) continue; /* whoever owns them has filled them */
        const void *content = content_of(x, slot, params, error);
        if (!content) return TUFF_ERR_USAGE;
        TUFF_TRY(write_padded(*buffer_of(x, 0, slot->memory), slot->offset, content, slot->content_bytes, error));
    }
    return TUFF_OK;
}

static tuff_status make_programs(struct tuff_executable *x, const struct tuff_run_params *params, struct tuff_error *error)
{
    for (uint32_t i = 0; i < x->sets; i++) {
        struct tuff_program_params p = {.struct_size = sizeof p,
                                        .plan = &x->plan,
                                        .memory = buffer_of(x, i, 0),
                                        .compiler = params->compiler,
                                        .progress = params->progress,
                                        .profile = params->profile,
                                        .timed = params->timed};
        TUFF_TRY(tuff_program_create(x->device, &p, &x->programs[i], error));
    }
    return TUFF_OK;
}

/* Number of the plan's memory among those that are kept. */
static uint32_t kept_index(const struct tuff_plan *plan, uint32_t memory)
{
    uint32_t index = 0;
    for (uint32_t i = 0; i < memory; i++) index += tuff_memory_is_shared(plan->memories[i].kind);
    return index;
}

/* What the launches [first, end) do to what is kept. */
static tuff_status find_ranges(struct tuff_executable *x, uint32_t first, uint32_t end, enum tuff_access access,
                               struct kept_ranges *out, struct tuff_error *error)
{
    const struct tuff_plan *plan = &x->plan;
    for (uint32_t l = first; l < end; l++)
        for (uint32_t k = 0; k < plan->launches[l].binding_count; k++) {
            const struct tuff_plan_binding *binding = &plan->bindings[plan->launches[l].binding_first + k];
            if (!(binding->access & (uint32_t)access) ||
                !tuff_memory_is_shared(tuff_slot_kind(plan, &plan->slots[binding->slot])))
                continue;
            struct tuff_plan_range range = tuff_binding_range(plan, l, binding);
            range.memory = kept_index(plan, range.memory);
            if (!TUFF_GROW_ARENA(&x->plan.arena, out->ranges, out->count, 1))
                return tuff_fail_memory(x->device->context, error);
            out->ranges[out->count++] = range;
        }
    out->count = (uint32_t)tuff_ranges_join(out->ranges, out->count);
    return TUFF_OK;
}

static tuff_status watch_memories(struct tuff_executable *x, struct tuff_error *error)
{
    TUFF_TRY(find_ranges(x, 0, x->plan.prepare_count, TUFF_READ, &x->prepares, error));
    TUFF_TRY(find_ranges(x, 0, x->plan.launch_count, TUFF_WRITE, &x->writes, error));
    if (!x->prepares.count) return TUFF_OK;
    x->next = x->memories->preparing;
    x->memories->preparing = x;
    return TUFF_OK;
}

static tuff_status list_names(struct tuff_executable *x, struct tuff_error *error)
{
    for (uint32_t i = 0; i < x->plan.slot_count; i++) {
        const struct tuff_plan_slot *slot = &x->plan.slots[i];
        if (tuff_slot_kind(&x->plan, slot) != TUFF_MEMORY_SCRATCH &&
            !tuff_lookup_add(&x->names, &x->plan.arena, tuff_hash_text(0, slot->name), i))
            return tuff_fail_memory(x->device->context, error);
    }
    return TUFF_OK;
}

static tuff_status make(struct tuff_executable *x, const struct tuff_run_params *params, struct tuff_error *error)
{
    TUFF_TRY(tuff_plan_check(&x->plan, x->device->context, error));
    x->buffers = tuff_arena_alloc(&x->plan.arena, (x->sets * (size_t)x->plan.memory_count + 1) * sizeof *x->buffers);
    x->written = tuff_arena_alloc(&x->plan.arena, (x->sets * (size_t)x->plan.slot_count + 1) * sizeof *x->written);
    if (!x->buffers || !x->written) return tuff_fail_memory(x->device->context, error);
    const char *version = params->compiler ? params->compiler->version : NULL;
    if (version && !(x->compiler = tuff_arena_strdup(&x->plan.arena, version)))
        return tuff_fail_memory(x->device->context, error);
    if (params->memories) tuff_memories_retain(x->memories = params->memories);
    if (!x->memories) TUFF_TRY(tuff_memories_create(x->device, &x->memories, error));
    TUFF_REQUIRE_THAT(x->device->context, error, x->memories->device == x->device, "the memories are of another device");
    TUFF_TRY(make_memories(x, !params->memories, error));
    TUFF_TRY(list_names(x, error));
    TUFF_TRY(fill_slots(x, params, error));
    TUFF_TRY(make_programs(x, params, error));
    return watch_memories(x, error);
}

tuff_status tuff_executable_create(struct tuff_device *device, const struct tuff_run_params *params,
                                   struct tuff_executable **executable, struct tuff_error *error)
{
    bool fits = params->input_sets <= TUFF_MOST_INPUT_SETS;
    struct tuff_executable *x = fits ? tuff_alloc(device->context, sizeof *x) : NULL;
    if (!x) {
        if (params->release) params->release(params->owner);
        tuff_plan_finish(params->plan);
        TUFF_REQUIRE_THAT(device->context, error, fits, "input_sets are more than an executable may have");
        return tuff_fail_memory(device->context, error);
    }
    x->device = device;
    x->sets = params->input_sets ? params->input_sets : 1;
    x->owner = params->owner;
    x->release = params->release;
    x->plan = *params->plan;
    tuff_plan_init(params->plan, device->context);
    tuff_device_retain(device);
    tuff_status status = make(x, params, error);
    if (status != TUFF_OK)
        tuff_executable_destroy(x);
    else
        *executable = x;
    return status;
}

void tuff_executable_destroy(struct tuff_executable *x)
{
    if (!x) return;
    struct tuff_device *device = x->device;
    struct tuff_executable **at = x->memories ? &x->memories->preparing : NULL;
    while (at && *at && *at != x) at = &(*at)->next;
    if (at && *at) *at = x->next;
    for (uint32_t i = 0; i < x->sets; i++) tuff_program_destroy(x->programs[i]);
    for (uint32_t i = 0; x->buffers && i < x->sets * x->plan.memory_count; i++) tuff_buffer_release(x->buffers[i]);
    tuff_memories_release(x->memories);
    if (x->release) x->release(x->owner); /* the device is held below */
    tuff_plan_finish(&x->plan);
    tuff_free(device->context, x);
    tuff_device_release(device);
}

/* ---- slots ---------------------------------------------------------------------------------------------------------------------- */

/* "f32 [4, 2]" into a buffer; returns it. */
static const char *type_text(const struct tuff_plan_slot *slot, char *text, size_t bytes)
{
    size_t used = (size_t)snprintf(text, bytes, "%s [", slot->dtype);
    for (uint32_t i = 0; i < slot->rank && used < bytes; i++)
        used += (size_t)snprintf(text + used, bytes - used, i ? ", %u" : "%u", (unsigned)slot->dim[i]);
    if (used < bytes) snprintf(text + used, bytes - used, "]");
    return text;
}

/* Of the content, without what pads it. Types of elements are names of their bits here; what is none, blocks among them, is taken whole. */
static uint64_t content_bytes(const struct tuff_plan_slot *slot)
{
    const char *digits = slot->dtype + strcspn(slot->dtype, "0123456789");
    char *end = NULL;
    uint64_t bytes = *digits ? strtoul(digits, &end, 10) / 8 : 1; /* bool */
    if (!*slot->dtype || (end && *end)) return slot->bytes;
    for (uint32_t i = 0; i < slot->rank; i++) bytes *= slot->dim[i];
    return bytes < slot->bytes ? bytes : slot->bytes;
}

/* The first one of this name in one of the kinds of memory (a bit each); NULL: there is none. */
static const struct tuff_plan_slot *slot_named(const struct tuff_executable *x, const char *name, unsigned kinds)
{
    uint32_t place, step = 0, first = UINT32_MAX;
    uint64_t hash = tuff_hash_text(0, name);
    while ((place = tuff_lookup_find(&x->names, hash, &step)) != TUFF_LOOKUP_END) {
        const struct tuff_plan_slot *slot = &x->plan.slots[place];
        if (place < first && kinds >> tuff_slot_kind(&x->plan, slot) & 1 && !strcmp(slot->name, name)) first = place;
    }
    return first == UINT32_MAX ? NULL : &x->plan.slots[first];
}

bool tuff_executable_reads(const struct tuff_executable *x, const char *input)
{
    return slot_named(x, input, 1u << TUFF_MEMORY_INPUT) != NULL;
}

/* That, of at least so many bytes. */
static tuff_status find_slot(const struct tuff_executable *x, const char *name, unsigned kinds, size_t bytes,
                             const struct tuff_plan_slot **found, struct tuff_error *error)
{
    const struct tuff_plan_slot *slot = *found = slot_named(x, name, kinds);
    if (slot) {
        if (bytes <= content_bytes(slot)) return TUFF_OK;
        char type[TYPE_TEXT];
        return tuff_refuse(x->device->context, error, "'%.60s' %s has %llu bytes, fewer than %zu", name,
                           type_text(slot, type, sizeof type), (unsigned long long)content_bytes(slot), bytes);
    }
    bool writes = kinds >> TUFF_MEMORY_INPUT & 1, kept = kinds >> TUFF_MEMORY_PARAM & 1;
    return tuff_refuse(x->device->context, error, "the executable has no '%.60s' to %s: no %s%s %s has this name", name,
                       writes ? "write" : "read", writes ? "input" : "output", kept ? ", parameter or state" : "",
                       writes ? "that its outputs need" : "of it");
}

/* How much of an input's slot was written in the set of the next run. */
static void note_written(struct tuff_executable *x, const struct tuff_plan_slot *slot, uint64_t bytes)
{
    uint64_t *written = &x->written[x->current * x->plan.slot_count + (size_t)(slot - x->plan.slots)];
    if (bytes > *written) *written = bytes;
}

tuff_status tuff_executable_set(struct tuff_executable *x, const char *name, const void *data, size_t bytes,
                                struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && name != NULL && data != NULL);
    const struct tuff_plan_slot *slot;
    unsigned kinds = 1u << TUFF_MEMORY_INPUT | 1u << TUFF_MEMORY_PARAM | 1u << TUFF_MEMORY_STATE;
    TUFF_TRY(find_slot(x, name, kinds, bytes, &slot, error));
    if (tuff_memory_is_shared(tuff_slot_kind(&x->plan, slot)))
        tell_range(x->memories, kept_index(&x->plan, slot->memory), slot->offset, bytes);
    TUFF_TRY(write_padded(*buffer_of(x, x->current, slot->memory), slot->offset, data, bytes, error));
    note_written(x, slot, bytes);
    return TUFF_OK;
}

static tuff_status find_range(const struct tuff_executable *x, const char *name, enum tuff_memory kind,
                              const struct tuff_plan_slot **slot, struct tuff_vulkan_range *range, struct tuff_error *error)
{
    TUFF_TRY(find_slot(x, name, 1u << kind, 0, slot, error));
    const struct tuff_buffer *buffer = x->buffers[x->current * x->plan.memory_count + (*slot)->memory];
    *range = (struct tuff_vulkan_range){buffer ? buffer->handle : VK_NULL_HANDLE, (*slot)->offset, content_bytes(*slot)};
    return TUFF_OK;
}

tuff_status tuff_executable_input_buffer(struct tuff_executable *x, const char *name, struct tuff_vulkan_range *range,
                                         struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && name != NULL && range != NULL);
    const struct tuff_plan_slot *slot;
    TUFF_TRY(find_range(x, name, TUFF_MEMORY_INPUT, &slot, range, error));
    note_written(x, slot, slot->bytes);
    return TUFF_OK;
}

tuff_status tuff_executable_output_buffer(const struct tuff_executable *x, const char *name, struct tuff_vulkan_range *range,
                                          struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && name != NULL && range != NULL);
    const struct tuff_plan_slot *slot;
    return find_range(x, name, TUFF_MEMORY_OUTPUT, &slot, range, error);
}

static tuff_status check_place(const struct tuff_executable *x, const struct tuff_buffer *buffer, uint64_t offset,
                               uint64_t bytes, bool read, struct tuff_error *error)
{
    TUFF_REQUIRE_THAT(x->device->context, error, buffer->device == x->device, "the buffer is of another device");
    TUFF_REQUIRE_THAT(x->device->context, error, read || buffer->handle, "a picture is read alone");
    if (offset <= buffer->bytes && bytes <= buffer->bytes - offset && (buffer->handle || bytes == buffer->bytes))
        return TUFF_OK;
    return tuff_refuse(x->device->context, error, "%s: there are no %llu bytes at offset %llu: it has %llu%s", buffer->label,
                       (unsigned long long)bytes, (unsigned long long)offset, (unsigned long long)buffer->bytes,
                       buffer->handle ? "" : ", and a picture is read whole");
}

tuff_status tuff_executable_set_buffer(struct tuff_executable *x, const char *name, struct tuff_buffer *buffer,
                                       uint64_t offset, uint64_t *ticket, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && name != NULL && buffer != NULL);
    const struct tuff_plan_slot *slot;
    TUFF_TRY(find_slot(x, name, 1u << TUFF_MEMORY_INPUT, 0, &slot, error));
    uint64_t bytes = content_bytes(slot);
    TUFF_TRY(check_place(x, buffer, offset, bytes, true, error));
    const struct tuff_transfer_range from = {buffer, offset}, to = {*buffer_of(x, x->current, slot->memory), slot->offset};
    TUFF_TRY(tuff_transfer_copy(from, to, bytes, ticket, error));
    note_written(x, slot, slot->bytes);
    return TUFF_OK;
}

/* Every input of the set has all of its content. */
static tuff_status check_inputs(struct tuff_executable *x, struct tuff_error *error)
{
    if (!x->complete[x->current]) TUFF_TRY(tuff_device_check(x->device, error));
    for (uint32_t i = 0; i < x->plan.slot_count && !x->complete[x->current]; i++) {
        const struct tuff_plan_slot *slot = &x->plan.slots[i];
        uint64_t written = x->written[x->current * x->plan.slot_count + (size_t)i];
        if (tuff_slot_kind(&x->plan, slot) != TUFF_MEMORY_INPUT) continue;
        uint64_t whole = content_bytes(slot),
                 padding = whole == slot->bytes ? TUFF_PLAN_ALIGNMENT - 1 : 0; /* where nobody knows */
        if (written && written + padding >= whole) continue;
        char type[TYPE_TEXT], which[80] = "";
        if (x->sets > 1)
            snprintf(which, sizeof which, " for this run, the %u. of %u sets of inputs, which take turns",
                     (unsigned)x->current + 1, (unsigned)x->sets);
        type_text(slot, type, sizeof type);
        if (written)
            return tuff_refuse(x->device->context, error,
                               "input '%.60s' %s: only %llu of its %llu bytes were ever written%s", slot->name, type,
                               (unsigned long long)written, (unsigned long long)whole, which);
        return tuff_refuse(x->device->context, error, "input '%.60s' %s was never written%s", slot->name, type, which);
    }
    x->complete[x->current] = true;
    return TUFF_OK;
}

/* What a run computes is there. */
static tuff_status check_results(const struct tuff_executable *x, const struct tuff_plan_slot *slot,
                                 struct tuff_error *error)
{
    enum tuff_memory kind = tuff_slot_kind(&x->plan, slot);
    if ((kind != TUFF_MEMORY_OUTPUT && kind != TUFF_MEMORY_INPUT) || x->outputs == RAN) return TUFF_OK;
    char type[TYPE_TEXT];
    TUFF_TRY(tuff_device_check(x->device, error)); /* the device's own failure says more */
    type_text(slot, type, sizeof type);
    if (x->outputs == BROKE_OFF)
        return tuff_fail(x->device->context, error, x->broke, "output '%.60s' %s is not whole: the last run ended with %s",
                         slot->name, type, tuff_status_name(x->broke));
    return tuff_refuse(x->device->context, error, "output '%.60s' %s is not there yet: %s", slot->name, type,
                       x->outputs == NEVER_RAN ? "the executable was not run (tuff_executable_run, tuff_executable_submit)"
                                               : "the run stopped at a station and has not ended");
}

/* After a run, or a part of it. */
static tuff_status note_run(struct tuff_executable *x, tuff_status status, bool whole)
{
    x->outputs = status != TUFF_OK ? BROKE_OFF : whole ? RAN : AT_STATION;
    x->broke = status;
    return status;
}

tuff_status tuff_executable_get_slot(struct tuff_executable *x, uint32_t index, void *data, size_t bytes,
                                     struct tuff_error *error)
{
    TUFF_REQUIRE_THAT(x->device->context, error, index < x->plan.slot_count && bytes <= x->plan.slots[index].bytes,
                      "there is no slot of this number, or it has fewer bytes");
    const struct tuff_plan_slot *slot = &x->plan.slots[index];
    uint32_t set = (x->current + x->sets - 1) % x->sets; /* of the last run, where an output is an input */
    TUFF_TRY(check_results(x, slot, error));
    return read_padded(*buffer_of(x, set, slot->memory), slot->offset, data, bytes, error);
}

tuff_status tuff_executable_get(struct tuff_executable *x, const char *name, void *data, size_t bytes,
                                struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && name != NULL && data != NULL);
    const struct tuff_plan_slot *slot;
    unsigned kinds = 1u << TUFF_MEMORY_OUTPUT | 1u << TUFF_MEMORY_PARAM | 1u << TUFF_MEMORY_STATE;
    TUFF_TRY(find_slot(x, name, kinds, bytes, &slot, error));
    return tuff_executable_get_slot(x, (uint32_t)(slot - x->plan.slots), data, bytes, error);
}

tuff_status tuff_executable_get_buffer(struct tuff_executable *x, const char *name, struct tuff_buffer *buffer,
                                       uint64_t offset, uint64_t *ticket, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && name != NULL && buffer != NULL);
    const struct tuff_plan_slot *slot;
    unsigned kinds = 1u << TUFF_MEMORY_OUTPUT | 1u << TUFF_MEMORY_PARAM | 1u << TUFF_MEMORY_STATE;
    TUFF_TRY(find_slot(x, name, kinds, 0, &slot, error));
    uint64_t bytes = content_bytes(slot);
    uint32_t set = (x->current + x->sets - 1) % x->sets;
    TUFF_TRY(check_place(x, buffer, offset, bytes, false, error));
    TUFF_TRY(check_results(x, slot, error));
    const struct tuff_transfer_range from = {*buffer_of(x, set, slot->memory), slot->offset}, to = {buffer, offset};
    return tuff_transfer_copy(from, to, bytes, ticket, error);
}

tuff_status tuff_executable_repeat_inputs(struct tuff_executable *from, bool next, struct tuff_executable *to,
                                          struct tuff_error *error)
{
    uint32_t set = next ? from->current : (from->current + from->sets - 1) % from->sets;
    for (uint32_t i = 0; i < to->plan.slot_count; i++) {
        const struct tuff_plan_slot *slot = &to->plan.slots[i], *source;
        if (tuff_slot_kind(&to->plan, slot) != TUFF_MEMORY_INPUT) continue;
        TUFF_TRY(find_slot(from, slot->name, 1u << TUFF_MEMORY_INPUT, 0, &source, error));
        uint64_t bytes = slot->bytes < source->bytes ? slot->bytes : source->bytes; /* with what pads them */
        void *content = tuff_alloc(from->device->context, (size_t)bytes);
        if (!content) return tuff_fail_memory(from->device->context, error);
        tuff_status status = read_padded(*buffer_of(from, set, source->memory), source->offset, content, bytes, error);
        if (status == TUFF_OK)
            status = write_padded(*buffer_of(to, to->current, slot->memory), slot->offset, content, bytes, error);
        to->written[to->current * to->plan.slot_count + (size_t)i] = bytes;
        tuff_free(from->device->context, content);
        TUFF_TRY(status);
    }
    return TUFF_OK;
}

/* ---- running -------------------------------------------------------------------------------------------------------------------- */

tuff_status tuff_executable_submit(struct tuff_executable *x, uint64_t *ticket, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL);
    TUFF_TRY(check_inputs(x, error));
    tell_written(x->memories, &x->writes);
    TUFF_TRY(note_run(x, tuff_program_submit(x->programs[x->current], ticket, error), true));
    x->current = (x->current + 1) % x->sets;
    return TUFF_OK;
}

tuff_status tuff_executable_run_to(struct tuff_executable *x, const char *station, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && station != NULL);
    uint64_t ticket = 0;
    TUFF_TRY(check_inputs(x, error));
    tell_written(x->memories, &x->writes);
    tuff_status status = tuff_program_submit_to(x->programs[x->current], station, &ticket, error);
    if (status == TUFF_ERR_USAGE) return status; /* there is no such station: nothing ran */
    if (status == TUFF_OK) status = tuff_device_wait(x->device, ticket, UINT64_MAX, error);
    return note_run(x, status, false);
}

void tuff_executable_watch(struct tuff_executable *x, const struct tuff_cancel *cancel)
{
    for (uint32_t i = 0; i < x->sets; i++) tuff_program_watch(x->programs[i], cancel);
}

tuff_status tuff_executable_run(struct tuff_executable *x, struct tuff_error *error)
{
    uint64_t ticket;
    TUFF_TRY(tuff_executable_submit(x, &ticket, error));
    return note_run(x, tuff_device_wait(x->device, ticket, UINT64_MAX, error), true);
}

tuff_status tuff_executable_print(const struct tuff_executable *x, char **text, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && text != NULL);
    struct tuff_text out = {.context = x->device->context};
    tuff_plan_summary(&x->plan, &out);
    tuff_plan_print(&x->plan, &out);
    return tuff_text_give(&out, text, error);
}

struct tuff_program *tuff_executable_program(struct tuff_executable *x)
{
    return x->programs[(x->current + x->sets - 1) % x->sets];
}

tuff_status tuff_executable_launch_ns(struct tuff_executable *x, uint64_t *ns, struct tuff_error *error)
{
    struct tuff_program *program = tuff_executable_program(x);
    struct tuff_plan_cursor cursor = {0};
    uint32_t count = 0;
    TUFF_TRY(tuff_program_times(program, NULL, &count, error));
    struct tuff_launch_time *times = tuff_alloc(x->device->context, (count + 1) * sizeof *times);
    if (!times) return tuff_fail_memory(x->device->context, error);
    tuff_status status = tuff_program_times(program, times, &count, error);
    memset(ns, 0, x->plan.launch_count * sizeof *ns);
    while (count < tuff_plan_run_length(&x->plan) &&
           cursor.launch < x->plan.prepare_count) /* what is prepared does not run */
        tuff_plan_advance(&x->plan, &cursor);
    for (uint32_t i = 0; i < count && status == TUFF_OK && cursor.launch < x->plan.launch_count; i++) {
        ns[cursor.launch] += times[i].end_ns - times[i].begin_ns;
        tuff_plan_advance(&x->plan, &cursor);
    }
    tuff_free(x->device->context, times);
    return status;
}

struct tuff_memories *tuff_executable_memories(struct tuff_executable *x) { return x->memories; }
const void *tuff_executable_owner(const struct tuff_executable *x) { return x->owner; }
const char *tuff_executable_compiler(const struct tuff_executable *x) { return x->compiler; }
struct tuff_device *tuff_executable_device(const struct tuff_executable *x) { return x->device; }
const struct tuff_plan *tuff_executable_plan(const struct tuff_executable *x) { return &x->plan; }
