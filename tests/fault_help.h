/* fault_help.h - faults on demand: an allocator that counts and fails, and a log that counts what validation says. */
#ifndef TUFF_FAULT_HELP_H
#define TUFF_FAULT_HELP_H

#include "backend/core.h"

#include <stdatomic.h>

/* Threads of the library may allocate at the same time. */
struct fault_memory {
    atomic_long made, live; /* allocations asked for, and not yet released */
    atomic_long fail_at;    /* the number of the one that fails; 0: none */
    atomic_bool failed;
    atomic_uint messages; /* of the validation layer */
};
/* Counts from zero again, with live as it is; the fail_at-th allocation from now on fails. */
void fault_memory_arm(struct fault_memory *memory, long fail_at);
/* Options of the environment with this allocator, and a log that counts the validation layer's messages and shows them. */
struct tuff_options fault_options(struct fault_memory *memory);

#endif
