/* cache.c - any bytes as the file of a device's caches. */
#include "backend/cache.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin();
    struct tuff_device device = {.context = context};
    struct tuff_cache *cache = tuff_cache_create(&device);
    size_t bytes = 0;
    if (!cache) abort();
    (void)!tuff_cache_read(cache, data, size);
    const void *blob = tuff_cache_driver_blob(cache, &bytes);
    if (blob) fuzz_touch(blob, bytes);
    tuff_cache_destroy(cache);
    tuff_context_destroy(context);
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
