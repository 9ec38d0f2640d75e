/* cache.c - one file per device that holds compiled SPIR-V and the driver's pipeline cache.
 *
 * The header names everything the content depends on, and holds the hash of all that follows it: any difference, and any damage, is a
 * miss, so that no driver sees what was not written here. Files are replaced whole (store.h), so processes that share the folder at most
 * lose each other's additions. */
#include "backend/cache.h"
#include "backend/lookup.h"
#include "backend/store.h"

#include <stdio.h>

#define MAGIC "TUFFCACH"
#define FORMAT_VERSION 2
#define SECOND_SEED UINT64_C(0x9e3779b97f4a7c15)
#define LARGEST_BYTES ((size_t)256 << 20)     /* of a file: more is damage */
#define SPIRV_KEPT_BYTES ((uint64_t)64 << 20) /* beyond this, SPIR-V that this process did not use is dropped */

struct cache_header {
    char magic[8];
    uint32_t format, tuff_version;
    uint32_t vendor_id, device_id, driver_version, driver_id;
    uint8_t device_uuid[16], driver_uuid[16], pipeline_cache_uuid[16];
    uint64_t spirv_count, spirv_bytes, blob_bytes;
    uint64_t hash; /* of the header, this being 0, and the content */
};

struct entry_header { /* in the file, before the words */
    uint64_t key[2], compiler;
    uint64_t words;
};

struct entry {
    struct tuff_spirv_key key;
    struct tuff_spirv spirv; /* its hash is 0 until it is used */
    bool used;
};

struct tuff_cache {
    struct tuff_device *device; /* [borrowed] owns the cache */
    struct tuff_os_mutex *lock; /* [owned] */
    char name[48];              /* of the file */
    struct entry *entries;      /* [owned] */
    size_t count, capacity;
    struct tuff_arena arena;   /* of the lookup */
    struct tuff_lookup lookup; /* entries by their key without the compiler */
    void *blob;                /* [owned] */
    size_t blob_bytes;
    uint64_t blob_hash;
    bool changed;
};

struct tuff_spirv_key tuff_spirv_key(const char *source, const char *preamble, const char *compiler_version)
{
    struct tuff_spirv_key key = {.words = {0, SECOND_SEED}};
    tuff_hash_pair(key.words, tuff_version(), strlen(tuff_version()));
    tuff_hash_pair(key.words, preamble, strlen(preamble));
    tuff_hash_pair(key.words, source, strlen(source));
    key.compiler = compiler_version ? tuff_hash_text(0, compiler_version) : 0;
    return key;
}

static struct cache_header header_of(const struct tuff_device *device)
{
    struct cache_header header;
    memset(&header, 0, sizeof header); /* padding too: the header is compared as bytes */
    memcpy(header.magic, MAGIC, sizeof header.magic);
    header.format = FORMAT_VERSION;
    header.tuff_version = TUFF_VERSION_MAJOR * 1000000 + TUFF_VERSION_MINOR * 1000 + TUFF_VERSION_PATCH;
    header.vendor_id = device->caps.vendor_id;
    header.device_id = device->caps.device_id;
    header.driver_version = device->caps.driver_version;
    header.driver_id = device->caps.driver_id;
    memcpy(header.device_uuid, device->caps.uuid, sizeof header.device_uuid);
    memcpy(header.driver_uuid, device->caps.driver_uuid, sizeof header.driver_uuid);
    memcpy(header.pipeline_cache_uuid, device->gpu.cache_uuid, sizeof header.pipeline_cache_uuid);
    return header;
}

static struct entry *find(struct tuff_cache *cache, struct tuff_spirv_key key)
{
    uint32_t place, step = 0;
    while ((place = tuff_lookup_find(&cache->lookup, key.words[0], &step)) != TUFF_LOOKUP_END) {
        const struct tuff_spirv_key *other = &cache->entries[place].key;
        bool compiler = !key.compiler || key.compiler == other->compiler;
        if (compiler && other->words[1] == key.words[1]) return &cache->entries[place];
    }
    return NULL;
}

/* Copies the words; the caller holds the lock or is alone. */
static struct entry *add(struct tuff_cache *cache, struct tuff_spirv_key key, const void *spirv, size_t words)
{
    struct entry *entry = find(cache, key);
    if (entry) return entry;
    if (!TUFF_GROW_HEAP(cache->device->context, cache->entries, cache->count, &cache->capacity) ||
        !tuff_lookup_reserve(&cache->lookup, &cache->arena))
        return NULL;
    uint32_t *copy = tuff_alloc(cache->device->context, words * sizeof *copy);
    if (!copy) return NULL;
    memcpy(copy, spirv, words * sizeof *copy);
    (void)!tuff_lookup_add(&cache->lookup, &cache->arena, key.words[0], (uint32_t)cache->count); /* there is room */
    entry = &cache->entries[cache->count++];
    *entry = (struct entry){.key = key, .spirv = {copy, words, {0, SECOND_SEED}}};
    return entry;
}

/* Content behind a header that matched. Returns false when it does not hold together. */
static bool read_entries(struct tuff_cache *cache, const struct cache_header *header, const char *content)
{
    const char *at = content, *end = content + header->spirv_bytes;
    for (uint64_t i = 0; i < header->spirv_count; i++) {
        struct entry_header head;
        if ((size_t)(end - at) < sizeof head) return false;
        memcpy(&head, at, sizeof head);
        at += sizeof head;
        if (head.words > (size_t)(end - at) / 4) return false;
        if (!add(cache, (struct tuff_spirv_key){{head.key[0], head.key[1]}, head.compiler}, at, (size_t)head.words))
            return false;
        at += head.words * 4;
    }
    return at == end;
}

static uint64_t hash_of(struct cache_header header, const void *content, size_t bytes)
{
    header.hash = 0;
    return tuff_hash(tuff_hash(0, &header, sizeof header), content, bytes);
}

/* Whole as it was written, whoever wrote it? */
static bool is_whole(const struct cache_header *read, const char *content, size_t bytes)
{
    return !memcmp(read->magic, MAGIC, sizeof read->magic) && read->format == FORMAT_VERSION && read->spirv_bytes <= bytes &&
           read->blob_bytes == bytes - read->spirv_bytes && hash_of(*read, content, bytes) == read->hash;
}

static bool is_ours(struct tuff_device *device, const struct cache_header *read)
{
    struct cache_header expected = header_of(device);
    expected.spirv_count = read->spirv_count;
    expected.spirv_bytes = read->spirv_bytes;
    expected.blob_bytes = read->blob_bytes;
    expected.hash = read->hash;
    return !memcmp(&expected, read, sizeof expected);
}

enum tuff_cache_found tuff_cache_read(struct tuff_cache *cache, const void *file, size_t bytes)
{
    struct cache_header header;
    if (bytes < sizeof header) return TUFF_CACHE_DAMAGED;
    const char *content = (const char *)file + sizeof header;
    memcpy(&header, file, sizeof header);
    if (!memcmp(header.magic, MAGIC, sizeof header.magic) && header.format != FORMAT_VERSION) return TUFF_CACHE_OTHER;
    if (!is_whole(&header, content, bytes - sizeof header)) return TUFF_CACHE_DAMAGED;
    if (!is_ours(cache->device, &header)) return TUFF_CACHE_OTHER;
    if (!read_entries(cache, &header, content)) return TUFF_CACHE_DAMAGED;
    cache->blob = header.blob_bytes ? tuff_alloc(cache->device->context, (size_t)header.blob_bytes) : NULL;
    if (!cache->blob) return TUFF_CACHE_FITS;
    memcpy(cache->blob, content + header.spirv_bytes, (size_t)header.blob_bytes);
    cache->blob_bytes = (size_t)header.blob_bytes;
    cache->blob_hash = tuff_hash(0, cache->blob, cache->blob_bytes);
    return TUFF_CACHE_FITS;
}

/* A file that is not used is replaced at the next flush, though nothing be compiled. */
static void load(struct tuff_cache *cache)
{
    struct tuff_context *context = cache->device->context;
    void *file = NULL;
    size_t bytes = 0;
    if (!tuff_store_has(context, cache->name)) return;
    enum tuff_cache_found found = TUFF_CACHE_OTHER;
    if (tuff_store_read(context, cache->name, LARGEST_BYTES, &file, &bytes)) {
        found = tuff_cache_read(cache, file, bytes);
        if (found == TUFF_CACHE_DAMAGED) tuff_store_damaged(context, cache->name);
        if (found == TUFF_CACHE_OTHER)
            tuff_log_message(context, TUFF_LOG_INFO, "cache %s is of another driver or version: not used", cache->name);
        tuff_free(context, file);
    }
    cache->changed = found != TUFF_CACHE_FITS;
}

static void choose_name(struct tuff_cache *cache)
{
    const struct tuff_caps *caps = &cache->device->caps;
    uint64_t name = tuff_hash(0, caps->uuid, sizeof caps->uuid);
    name = tuff_hash(name, &caps->driver_id, sizeof caps->driver_id);
    snprintf(cache->name, sizeof cache->name, "device-%016llx.cache", (unsigned long long)name);
}

struct tuff_cache *tuff_cache_create(struct tuff_device *device)
{
    struct tuff_cache *cache = tuff_alloc(device->context, sizeof *cache);
    if (!cache) return NULL;
    cache->device = device;
    tuff_arena_init(&cache->arena, device->context);
    if (tuff_os_mutex_create(device->context, &cache->lock) != TUFF_OK) {
        tuff_free(device->context, cache);
        return NULL;
    }
    choose_name(cache);
    load(cache);
    return cache;
}

void tuff_cache_destroy(struct tuff_cache *cache)
{
    if (!cache) return;
    struct tuff_context *context = cache->device->context;
    for (size_t i = 0; i < cache->count; i++) tuff_free(context, cache->entries[i].spirv.words);
    tuff_free(context, cache->entries);
    tuff_arena_finish(&cache->arena);
    tuff_free(context, cache->blob);
    tuff_os_mutex_destroy(cache->lock);
    tuff_free(context, cache);
}

/* NULL: of none. Under the lock. */
static struct tuff_spirv use(struct entry *entry)
{
    if (!entry) return (struct tuff_spirv){.words = NULL};
    if (!entry->used) tuff_hash_pair(entry->spirv.hash, entry->spirv.words, entry->spirv.count * 4);
    entry->used = true;
    return entry->spirv;
}

struct tuff_spirv tuff_cache_find(struct tuff_cache *cache, struct tuff_spirv_key key)
{
    tuff_os_mutex_lock(cache->lock);
    struct tuff_spirv spirv = use(find(cache, key));
    tuff_os_mutex_unlock(cache->lock);
    return spirv;
}

struct tuff_spirv tuff_cache_add(struct tuff_cache *cache, struct tuff_spirv_key key, const uint32_t *spirv, size_t words)
{
    tuff_os_mutex_lock(cache->lock);
    struct tuff_spirv kept = use(add(cache, key, spirv, words));
    cache->changed |= kept.words != NULL;
    tuff_os_mutex_unlock(cache->lock);
    return kept;
}

const void *tuff_cache_driver_blob(struct tuff_cache *cache, size_t *bytes)
{
    *bytes = cache->blob_bytes;
    return cache->blob;
}

/* Asks the driver for its blob. Under the lock. */
static void fetch_blob(struct tuff_cache *cache)
{
    struct tuff_device *device = cache->device;
    size_t bytes = 0;
    if (!device->pipelines.cache ||
        device->vk.vkGetPipelineCacheData(device->handle, device->pipelines.cache, &bytes, NULL) != VK_SUCCESS || !bytes)
        return;
    void *blob = tuff_alloc(device->context, bytes);
    if (!blob || device->vk.vkGetPipelineCacheData(device->handle, device->pipelines.cache, &bytes, blob) != VK_SUCCESS) {
        tuff_free(device->context, blob);
        return;
    }
    uint64_t hash = tuff_hash(0, blob, bytes);
    if (bytes != cache->blob_bytes || hash != cache->blob_hash) cache->changed = true;
    tuff_free(device->context, cache->blob);
    cache->blob = blob;
    cache->blob_bytes = bytes;
    cache->blob_hash = hash;
}

/* All entries behind each other; those that this process did not use only while there is room. */
static void collect_entries(struct tuff_cache *cache, struct tuff_text *content, struct cache_header *header)
{
    uint64_t used = 0;
    for (size_t i = 0; i < cache->count; i++) used += cache->entries[i].used ? cache->entries[i].spirv.count * 4 : 0;
    for (size_t i = 0; i < cache->count; i++) {
        const struct entry *entry = &cache->entries[i];
        struct entry_header head = {{entry->key.words[0], entry->key.words[1]}, entry->key.compiler, entry->spirv.count};
        if (!entry->used && used + entry->spirv.count * 4 > SPIRV_KEPT_BYTES) continue;
        if (!entry->used) used += entry->spirv.count * 4;
        tuff_text_append(content, &head, sizeof head);
        tuff_text_append(content, entry->spirv.words, entry->spirv.count * 4);
        header->spirv_count++;
    }
    header->spirv_bytes = content->length;
}

void tuff_cache_flush(struct tuff_cache *cache)
{
    if (!cache || !tuff_store_on(cache->device->context)) return;
    struct tuff_text content = {.context = cache->device->context};
    tuff_os_mutex_lock(cache->lock);
    fetch_blob(cache);
    if (cache->changed) {
        struct cache_header header = header_of(cache->device);
        collect_entries(cache, &content, &header);
        tuff_text_append(&content, cache->blob, cache->blob_bytes);
        header.blob_bytes = cache->blob_bytes;
        header.hash = hash_of(header, content.data, content.length);
        const struct tuff_os_part parts[] = {{.data = &header, .bytes = sizeof header},
                                             {.data = content.data, .bytes = content.length}};
        if (!content.failed && tuff_store_write(cache->device->context, "", cache->name, parts, TUFF_COUNT(parts)))
            cache->changed = false;
    }
    tuff_os_mutex_unlock(cache->lock);
    tuff_text_finish(&content);
}

void tuff_cache_dump(struct tuff_cache *cache, const char *name, struct tuff_spirv_key key, const char *preamble,
                     const char *source, const uint32_t *spirv, size_t words)
{
    struct tuff_context *context = cache->device->context;
    char file[160];
    if (!(context->options.debug & TUFF_DEBUG_DUMP_SPIRV)) return;
    /* The preamble belongs behind the #version line, the first of the source. */
    const char *rest = strchr(source, '\n');
    rest = rest ? rest + 1 : source;
    const struct tuff_os_part text[] = {{.data = source, .bytes = (size_t)(rest - source)},
                                        {.data = preamble, .bytes = strlen(preamble)},
                                        {.data = rest, .bytes = strlen(rest)}};
    const struct tuff_os_part binary[] = {{.data = spirv, .bytes = words * 4}};
    snprintf(file, sizeof file, "%.120s-%016llx.comp", name, (unsigned long long)key.words[0]);
    (void)!tuff_store_write(context, "dump", file, text, TUFF_COUNT(text));
    snprintf(file, sizeof file, "%.120s-%016llx.spv", name, (unsigned long long)key.words[0]);
    (void)!tuff_store_write(context, "dump", file, binary, TUFF_COUNT(binary));
}
