/* cache.c - any bytes as the file of a device's caches, read from memory. */
#include "backend/cache.h"
#include "loaders/loaders.h"
#include "tests/fuzz/fuzz.h"

static struct tuff_span given; /* what the file holds (-Wl,--wrap: cmake/fuzz.cmake) */

bool __wrap_tuff_store_has(struct tuff_context *context, const char *name);
bool __wrap_tuff_store_read(struct tuff_context *context, const char *name, size_t limit, void **data, size_t *bytes);

bool __wrap_tuff_store_has(struct tuff_context *context, const char *name)
{
    (void)context, (void)name;
    return true;
}

bool __wrap_tuff_store_read(struct tuff_context *context, const char *name, size_t limit, void **data, size_t *bytes)
{
    (void)name;
    if (given.bytes > limit || !(*data = tuff_alloc(context, given.bytes))) return false;
    if (given.bytes) memcpy(*data, given.data, given.bytes);
    *bytes = given.bytes;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_device device = {.context = context};
    size_t bytes = 0;
    given = (struct tuff_span){data, size};
    struct tuff_cache *cache = tuff_cache_create(&device);
    if (cache) {
        const void *blob = tuff_cache_driver_blob(cache, &bytes);
        if (blob) fuzz_touch(blob, bytes);
        const struct tuff_spirv spirv = tuff_cache_find(cache, (struct tuff_spirv_key){{1, 1}, size % 2});
        if (spirv.words) fuzz_touch(spirv.words, spirv.count * 4);
    }
    tuff_cache_destroy(cache);
    fuzz_end(context);
    return 0;
}

/* The content, behind a header that fits it: what it says of the device is the seed's. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    enum { COUNT_AT = 80, SPIRV_AT = 88, BLOB_AT = 96, HASH_AT = 104, HEADER = 112 };
    if (size < HEADER || most <= HEADER || seed % 16 == 0) return LLVMFuzzerMutate(data, size, most);
    uint64_t spirv = 0, count = 0, hash = 0, content = LLVMFuzzerMutate(data + HEADER, size - HEADER, most - HEADER);
    memcpy(&spirv, data + SPIRV_AT, sizeof spirv);
    memcpy(&count, data + COUNT_AT, sizeof count);
    if (seed % 4 == 1) count = seed / 4 % 8;
    if (seed % 4 == 2 || spirv > content) spirv = content;
    uint64_t blob = content - spirv;
    memcpy(data + COUNT_AT, &count, sizeof count);
    memcpy(data + SPIRV_AT, &spirv, sizeof spirv);
    memcpy(data + BLOB_AT, &blob, sizeof blob);
    memcpy(data + HASH_AT, &hash, sizeof hash); /* it is of the header without it */
    hash = tuff_hash(tuff_hash(0, data, HEADER), data + HEADER, (size_t)content);
    memcpy(data + HASH_AT, &hash, sizeof hash);
    return HEADER + (size_t)content;
}
