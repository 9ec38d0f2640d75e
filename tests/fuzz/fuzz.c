/* fuzz.c - what the fuzz targets share. */
#include "tests/fuzz/fuzz.h"

#include <sanitizer/allocator_interface.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_BYTES = 64 << 20 };

struct memory { /* of a context */
    size_t bytes, blocks;
    uint64_t until; /* allocations until one fails; 0: none does */
    bool failed;
};

static void *reallocate(void *user, void *old, size_t bytes)
{
    struct memory *m = user;
    size_t before = old ? __sanitizer_get_allocated_size(old) : 0;
    if (m->until && --m->until == 0) {
        m->failed = true;
        return NULL;
    }
    FUZZ_REQUIRE(bytes <= MOST_BYTES && m->bytes - before + bytes <= MOST_BYTES);
    void *memory = realloc(old, bytes ? bytes : 1);
    if (!memory) return NULL;
    m->bytes += __sanitizer_get_allocated_size(memory) - before;
    m->blocks += !old;
    return memory;
}

static void *allocate(void *user, size_t bytes) { return reallocate(user, NULL, bytes); }

static void release(void *user, void *memory)
{
    struct memory *m = user;
    if (!memory) return;
    m->bytes -= __sanitizer_get_allocated_size(memory);
    m->blocks--;
    free(memory);
}

struct tuff_context *fuzz_begin(const uint8_t *data, size_t size, const char *cache_dir)
{
    struct memory *m = calloc(1, sizeof *m);
    struct tuff_options options = {.struct_size = sizeof options,
                                   .cache_dir = cache_dir ? cache_dir : "",
                                   .allocator = {m, allocate, reallocate, release}};
    struct tuff_context *context = NULL;
    uint64_t hash = tuff_hash(0, data, size);
    if (!m || tuff_context_create(&options, &context, NULL) != TUFF_OK) abort();
    if (hash >> 32 & 7) return context;
    m->until = 1 + (hash >> 40) % (hash & 1 ? 8 : 100);
    return context;
}

bool fuzz_is_shown(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0, step; i < length; i += step) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f || (step = tuff_utf8_step(text + i, length - i)) == 0 ||
            ((unsigned char)text[i] == 0xc2 && (unsigned char)text[i + 1] < 0xa0))
            return false;
    }
    return true;
}

bool fuzz_read(struct tuff_context *context, tuff_status status, const struct tuff_error *error)
{
    struct memory *m = context->allocator.user;
    m->until = 0;
    if (status == TUFF_OK) return true;
    FUZZ_REQUIRE(error->status == status && error->message[0] && fuzz_is_shown(error->message));
    FUZZ_REQUIRE(status != TUFF_ERR_MEMORY || m->failed);
    return false;
}

void fuzz_end(struct tuff_context *context)
{
    struct memory *m = context->allocator.user;
    tuff_context_destroy(context);
    FUZZ_REQUIRE(m->blocks == 0 && m->bytes == 0);
    free(m);
}

void fuzz_touch(const void *data, size_t bytes)
{
    const volatile unsigned char *at = data;
    while (bytes--) (void)*at++;
}

void fuzz_require(bool good, const char *condition, const char *file, int line)
{
    if (good) return;
    fprintf(stderr, "%s:%d: %s does not hold\n", file, line, condition);
    abort();
}
