/* cache.h - SPIR-V by key, and the driver's pipeline cache, in memory and on disk. Private.
 *
 * A cache never fails: what cannot be read or written is a miss. Thread-safe. */
#ifndef TUFF_CACHE_H
#define TUFF_CACHE_H

#include "backend/device.h"

/* Two hashes of different seeds: 128 bits make a collision of texts no concern. The compiler's hash is 0 where any
 * compiler's result will do: in programs that have none. */
struct tuff_spirv_key {
    uint64_t words[2], compiler;
};
struct tuff_spirv_key tuff_spirv_key(const char *source, const char *preamble, const char *compiler_version);

/* A module that the cache keeps until it is destroyed. */
struct tuff_spirv {
    uint32_t *words; /* [owned] by the cache; NULL: none */
    size_t count;
    uint64_t hash[2]; /* of the words, by different seeds */
};

/* Reads the file of this device, if there is one; NULL only without host memory. */
struct tuff_cache *tuff_cache_create(struct tuff_device *device);
/* Takes in what a cache file holds (create does it); once. Damaged: its hash does not fit it; other: of another driver or version. */
enum tuff_cache_found { TUFF_CACHE_FITS, TUFF_CACHE_OTHER, TUFF_CACHE_DAMAGED };
enum tuff_cache_found tuff_cache_read(struct tuff_cache *cache, const void *file, size_t bytes);
void tuff_cache_destroy(struct tuff_cache *cache);
/* Without words on a miss. */
struct tuff_spirv tuff_cache_find(struct tuff_cache *cache, struct tuff_spirv_key key);
/* Copies. Returns the copy (or an older equal one), without words where there is no memory. */
struct tuff_spirv tuff_cache_add(struct tuff_cache *cache, struct tuff_spirv_key key, const uint32_t *spirv, size_t words);
/* Content for vkCreatePipelineCache, as it was read; valid until the next flush. */
const void *tuff_cache_driver_blob(struct tuff_cache *cache, size_t *bytes);
/* Writes the file if anything changed. */
void tuff_cache_flush(struct tuff_cache *cache);
/* Under TUFF_DEBUG_DUMP_SPIRV: writes text and SPIR-V beside the cache. */
void tuff_cache_dump(struct tuff_cache *cache, const char *name, struct tuff_spirv_key key, const char *preamble,
                     const char *source, const uint32_t *spirv, size_t words);

#endif
