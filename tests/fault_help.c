/* fault_help.c - see fault_help.h. */
#include "tests/fault_help.h"

#include <stdio.h>
#include <stdlib.h>

static bool fails(struct fault_memory *memory)
{
    bool now = atomic_fetch_add(&memory->made, 1) + 1 == atomic_load(&memory->fail_at);
    if (now) atomic_store(&memory->failed, true);
    return now;
}

static void *allocate(void *user, size_t bytes)
{
    struct fault_memory *memory = user;
    void *made = fails(memory) ? NULL : malloc(bytes);
    if (made) atomic_fetch_add(&memory->live, 1);
    return made;
}

static void *reallocate(void *user, void *old, size_t bytes)
{
    struct fault_memory *memory = user;
    void *made = fails(memory) ? NULL : realloc(old, bytes);
    if (made && !old) atomic_fetch_add(&memory->live, 1);
    return made;
}

static void release(void *user, void *old)
{
    struct fault_memory *memory = user;
    if (old) atomic_fetch_sub(&memory->live, 1);
    free(old);
}

static void log_message(void *user, enum tuff_log_level level, const char *message)
{
    struct fault_memory *memory = user;
    if (level != TUFF_LOG_ERROR || strncmp(message, "vulkan: ", 8) != 0) return;
    atomic_fetch_add(&memory->messages, 1);
    printf("%s\n", message);
}

void fault_memory_arm(struct fault_memory *memory, long fail_at)
{
    atomic_store(&memory->made, 0);
    atomic_store(&memory->failed, false);
    atomic_store(&memory->fail_at, fail_at);
}

struct tuff_options fault_options(struct fault_memory *memory)
{
    struct tuff_options options = {.struct_size = sizeof options,
                                   .allocator = {memory, allocate, reallocate, release},
                                   .log = log_message,
                                   .log_user = memory};
    tuff_options_from_env(&options);
    return options;
}
