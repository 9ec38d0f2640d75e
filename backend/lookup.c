/* lookup.c - a hash table from 64-bit hashes to places in somebody's array, and the ways in which arrays grow.
 *
 * Open addressing with steps of one; never more than half full. Who asks compares the things themselves, because hashes collide. */
#include "backend/lookup.h"

static void put(struct tuff_lookup *lookup, struct tuff_lookup_entry entry)
{
    uint32_t mask = lookup->capacity - 1, at = (uint32_t)entry.hash & mask;
    while (lookup->entries[at].place) {
        at = (at + 1) & mask;
        lookup->steps++;
    }
    lookup->entries[at] = entry;
    lookup->steps++;
}

bool tuff_lookup_reserve(struct tuff_lookup *lookup, struct tuff_arena *arena)
{
    struct tuff_lookup old = *lookup;
    if (2 * ((uint64_t)lookup->count + 1) <= lookup->capacity) return true;
    if (lookup->capacity > UINT32_MAX / 4) return false;
    uint32_t capacity = old.capacity ? 2 * old.capacity : 64;
    struct tuff_lookup_entry *entries = tuff_arena_alloc(arena, capacity * sizeof *entries);
    if (!entries) return false;
    lookup->entries = entries;
    lookup->capacity = capacity;
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.entries[i].place) put(lookup, old.entries[i]);
    return true;
}

bool tuff_lookup_add(struct tuff_lookup *lookup, struct tuff_arena *arena, uint64_t hash, uint32_t place)
{
    if (place == UINT32_MAX || !tuff_lookup_reserve(lookup, arena)) return false;
    put(lookup, (struct tuff_lookup_entry){hash, place + 1});
    lookup->count++;
    return true;
}

uint32_t tuff_lookup_find(const struct tuff_lookup *lookup, uint64_t hash, uint32_t *step)
{
    if (!lookup->capacity) return TUFF_LOOKUP_END;
    for (;; ++*step) {
        const struct tuff_lookup_entry *entry = &lookup->entries[((uint32_t)hash + *step) & (lookup->capacity - 1)];
        if (!entry->place) return TUFF_LOOKUP_END;
        if (entry->hash != hash) continue;
        ++*step; /* where the next call goes on */
        return entry->place - 1;
    }
}

/* Arrays of an arena double from 8 on: their capacity follows from the count. */
static uint64_t capacity_of(uint64_t count)
{
    uint64_t capacity = 8;
    if (!count) return 0;
    while (capacity < count) capacity *= 2;
    return capacity;
}

bool tuff_grow_arena(struct tuff_arena *arena, void *field, uint32_t count, uint32_t more, size_t entry_bytes)
{
    uint64_t wanted = capacity_of((uint64_t)count + more);
    if (wanted == capacity_of(count)) return true;
    if (wanted > UINT32_MAX || wanted > SIZE_MAX / 2 / entry_bytes) return false;
    void *array, *larger = tuff_arena_alloc(arena, (size_t)wanted * entry_bytes);
    if (!larger) return false;
    memcpy(&array, field, sizeof array); /* a plain cast of T ** to void ** would break the aliasing rules */
    if (count) memcpy(larger, array, count * entry_bytes);
    memcpy(field, &larger, sizeof larger);
    return true;
}

bool tuff_grow_heap(struct tuff_context *context, void *field, size_t count, size_t *capacity, size_t entry_bytes)
{
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *array;
    if (count < *capacity) return true;
    if (wanted > SIZE_MAX / 2 / entry_bytes) return false;
    memcpy(&array, field, sizeof array);
    array = tuff_realloc(context, array, wanted * entry_bytes);
    if (!array) return false;
    memcpy(field, &array, sizeof array);
    *capacity = wanted;
    return true;
}
