/* arena.c - memory that is freed at once, growing text, hash and checksum.
 *
 * Needs the context's allocator alone. */
#include "backend/core.h"

#include <stdio.h>

#define ARENA_ALIGNMENT 16
#define ARENA_FIRST_BYTES 4096        /* one page: small graphs stay small */
#define ARENA_LARGEST_BYTES (1 << 20) /* blocks double up to here; then the waste of the last block is what counts */

struct tuff_arena_block {
    struct tuff_arena_block *next; /* [owned] older block */
    size_t used, capacity;         /* bytes behind the header */
};

#define HEADER_BYTES ((sizeof(struct tuff_arena_block) + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT)

void tuff_arena_init(struct tuff_arena *arena, struct tuff_context *context)
{
    arena->context = context;
    arena->head = NULL;
}

void tuff_arena_finish(struct tuff_arena *arena)
{
    struct tuff_arena_block *block = arena->head;
    while (block) {
        struct tuff_arena_block *next = block->next;
        tuff_free(arena->context, block);
        block = next;
    }
    arena->head = NULL;
}

static struct tuff_arena_block *add_block(struct tuff_arena *arena, size_t bytes)
{
    size_t capacity = arena->head ? arena->head->capacity * 2 : ARENA_FIRST_BYTES;
    if (capacity > ARENA_LARGEST_BYTES) capacity = ARENA_LARGEST_BYTES;
    if (capacity < bytes) capacity = bytes;
    struct tuff_arena_block *block = tuff_alloc(arena->context, HEADER_BYTES + capacity);
    if (!block) return NULL;
    block->capacity = capacity;
    block->next = arena->head;
    arena->head = block;
    return block;
}

void *tuff_arena_alloc(struct tuff_arena *arena, size_t bytes)
{
    struct tuff_arena_block *block = arena->head;
    if (bytes > SIZE_MAX / 2) return NULL;
    bytes = (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    if (!bytes) bytes = ARENA_ALIGNMENT;
    if (!block || block->capacity - block->used < bytes) block = add_block(arena, bytes);
    if (!block) return NULL;
    void *memory = (char *)block + HEADER_BYTES + block->used; /* zero since tuff_alloc */
    block->used += bytes;
    return memory;
}

void *tuff_arena_copy(struct tuff_arena *arena, const void *data, size_t bytes)
{
    void *copy = tuff_arena_alloc(arena, bytes);
    if (copy && bytes) memcpy(copy, data, bytes);
    return copy;
}

char *tuff_arena_strdup(struct tuff_arena *arena, const char *text)
{
    return tuff_arena_copy(arena, text, strlen(text) + 1);
}

char *tuff_arena_printf(struct tuff_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : tuff_arena_alloc(arena, (size_t)length + 1);
    if (!text) return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

void tuff_text_init(struct tuff_text *text, struct tuff_context *context) { *text = (struct tuff_text){.context = context}; }

void tuff_text_finish(struct tuff_text *text)
{
    tuff_free(text->context, text->data);
    *text = (struct tuff_text){.context = text->context};
}

/* Room for more bytes and the terminator. */
static bool reserve(struct tuff_text *text, size_t more)
{
    if (text->failed || more > SIZE_MAX / 4 || text->length > SIZE_MAX / 4) {
        text->failed = true;
        return false;
    }
    size_t need = text->length + more + 1;
    if (need <= text->capacity) return true;
    size_t capacity = text->capacity * 2 > need ? text->capacity * 2 : need;
    if (capacity < 64) capacity = 64; /* one line */
    char *data = tuff_realloc(text->context, text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void tuff_text_append(struct tuff_text *text, const void *bytes, size_t length)
{
    if (!reserve(text, length)) return;
    if (length) memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = 0;
}

void tuff_text_add(struct tuff_text *text, const char *format, ...)
{
    char line[256]; /* most pieces, so that formatting happens once */
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0) {
        text->failed = true;
    } else if ((size_t)length < sizeof line) {
        tuff_text_append(text, line, (size_t)length);
    } else if (reserve(text, (size_t)length)) {
        va_start(arguments, format);
        vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
        va_end(arguments);
        text->length += (size_t)length;
    }
}

void tuff_text_quote(struct tuff_text *text, const char *string, enum tuff_quoting how)
{
    tuff_text_append(text, "\"", 1);
    for (const char *at = string; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\')
            tuff_text_add(text, "\\%c", c);
        else if (c == '\n' && how != TUFF_QUOTE_GRAPH)
            tuff_text_append(text, "\\n", 2);
        else if (c < 0x20 || c == 0x7f)
            tuff_text_add(text, how == TUFF_QUOTE_JSON ? "\\u%04x" : "\\x%02x", c);
        else
            tuff_text_append(text, at, 1);
    }
    tuff_text_append(text, "\"", 1);
}

char *tuff_text_take(struct tuff_text *text)
{
    char *data = NULL;
    if (!text->failed && reserve(text, 0)) {
        text->data[text->length] = 0;
        data = text->data;
        text->data = NULL;
    }
    tuff_text_finish(text);
    return data;
}

tuff_status tuff_text_give(struct tuff_text *text, char **taken, struct tuff_error *error)
{
    struct tuff_context *context = text->context;
    char *whole = tuff_text_take(text);
    if (!whole) return tuff_fail_memory(context, error);
    *taken = whole;
    return TUFF_OK;
}

#define FNV_BASIS UINT64_C(0xcbf29ce484222325) /* FNV-1a */
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t mix(uint64_t hash, size_t length)
{
    hash ^= length; /* so that splitting a text differently gives another hash */
    hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9); /* mix of splitmix64 */
    hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
    return hash ^ (hash >> 31);
}

uint64_t tuff_hash(uint64_t seed, const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;
    uint64_t hash = seed ^ FNV_BASIS;
    for (size_t i = 0; i < length; i++) hash = (hash ^ byte[i]) * FNV_PRIME;
    return mix(hash, length);
}

void tuff_hash_pair(uint64_t hash[2], const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;
    uint64_t a = hash[0] ^ FNV_BASIS, b = hash[1] ^ FNV_BASIS;
    for (size_t i = 0; i < length; i++) {
        a = (a ^ byte[i]) * FNV_PRIME;
        b = (b ^ byte[i]) * FNV_PRIME;
    }
    hash[0] = mix(a, length);
    hash[1] = mix(b, length);
}

uint64_t tuff_hash_text(uint64_t seed, const char *text) { return tuff_hash(seed, text, strlen(text)); }

#define CRC_POLYNOMIAL UINT32_C(0xedb88320) /* IEEE 802.3, reflected */
#define CRC_TABLE_PAYS (64 * 1024)          /* bytes from which building eight tables on the stack is worth it */

static uint32_t crc_by_nibbles(uint32_t crc, const unsigned char *byte, size_t length)
{
    uint32_t table[16];
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 4; bit++) value = (value >> 1) ^ (value & 1 ? CRC_POLYNOMIAL : 0);
        table[i] = value;
    }
    for (size_t i = 0; i < length; i++) {
        crc ^= byte[i];
        crc = table[crc & 15] ^ (crc >> 4);
        crc = table[crc & 15] ^ (crc >> 4);
    }
    return crc;
}

/* Eight bytes a step: table[k][b] is the effect of byte b that k more bytes follow. */
static uint32_t crc_by_eights(uint32_t crc, const unsigned char *byte, size_t length)
{
    uint32_t table[8][256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? CRC_POLYNOMIAL : 0);
        table[0][i] = value;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t i = 0; i < 256; i++) table[k][i] = table[0][table[k - 1][i] & 255] ^ (table[k - 1][i] >> 8);
    for (size_t i = 0; i + 8 <= length; i += 8) {
        const unsigned char *b = byte + i;
        crc ^= (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        crc = table[7][crc & 255] ^ table[6][(crc >> 8) & 255] ^ table[5][(crc >> 16) & 255] ^ table[4][crc >> 24] ^
              table[3][b[4]] ^ table[2][b[5]] ^ table[1][b[6]] ^ table[0][b[7]];
    }
    return crc;
}

uint32_t tuff_crc32(uint32_t crc, const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;
    size_t eights = length >= CRC_TABLE_PAYS ? length / 8 * 8 : 0;
    crc = ~crc;
    if (eights) crc = crc_by_eights(crc, byte, eights);
    return ~crc_by_nibbles(crc, byte + eights, length - eights);
}
