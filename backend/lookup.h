/* lookup.h - finding what an array holds without walking through it, and growing an array.
 *
 *     uint32_t place, step = 0;
 *     while ((place = tuff_lookup_find(&lookup, hash, &step)) != TUFF_LOOKUP_END)
 *         if (equal(&array[place], wanted)) return place; */
#ifndef TUFF_LOOKUP_H
#define TUFF_LOOKUP_H

#include "backend/core.h"

#define TUFF_LOOKUP_END UINT32_MAX

struct tuff_lookup_entry {
    uint64_t hash;
    uint32_t place; /* + 1; 0: free */
};

/* All zero: empty. One thread at a time. */
struct tuff_lookup {
    struct tuff_lookup_entry *entries; /* [arena] */
    uint32_t count, capacity;          /* capacity: 0 or a power of two */
    uint64_t steps;                    /* entries looked at by everything that was added: what tests count instead of time */
};

/* Several places may have one hash. The arena is the same in every call. False: out of memory, the table as before. */
bool tuff_lookup_add(struct tuff_lookup *lookup, struct tuff_arena *arena, uint64_t hash, uint32_t place);
/* Room for one entry more, so that the next addition cannot fail. */
bool tuff_lookup_reserve(struct tuff_lookup *lookup, struct tuff_arena *arena);
/* The next place with this hash, or TUFF_LOOKUP_END; *step is 0 for the first call and the function's afterwards. */
uint32_t tuff_lookup_find(const struct tuff_lookup *lookup, uint64_t hash, uint32_t *step);

/* Room at the end of an array, an lvalue of type T *; the count is the caller's to raise. False: out of memory, all as before.
 * In an arena the new entries are zero, and the count never shrinks; on the context's heap there is room for one entry more. */
#define TUFF_GROW_ARENA(arena, array, count, more) tuff_grow_arena(arena, (void *)&(array), count, more, sizeof *(array))
bool tuff_grow_arena(struct tuff_arena *arena, void *field, uint32_t count, uint32_t more, size_t entry_bytes);
#define TUFF_GROW_HEAP(context, array, count, capacity)                                                                     \
    tuff_grow_heap(context, (void *)&(array), count, capacity, sizeof *(array))
bool tuff_grow_heap(struct tuff_context *context, void *field, size_t count, size_t *capacity, size_t entry_bytes);

#endif
