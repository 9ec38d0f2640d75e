/* source.h - a file's bytes with the name that sentences about it use. Private to loaders/. */
#ifndef TUFF_LOADERS_SOURCE_H
#define TUFF_LOADERS_SOURCE_H

#include "loaders/loaders.h"

struct tuff_source {
    const char *name;    /* [borrowed] path, or "memory" */
    const uint8_t *data; /* [borrowed] */
    size_t bytes;
};

/* Decompresses a gzip file of one or more members, whole. *data is from the context's allocator.
 * More than limit bytes give TUFF_ERR_FORMAT; limit < SIZE_MAX / 2. limit 0: 4 GiB, and no more than 100 times the file where
 * that is above 256 MiB. */
tuff_status tuff_gzip_inflate(struct tuff_context *context, const struct tuff_source *source, size_t limit, void **data,
                              size_t *bytes, struct tuff_error *error);
static inline bool tuff_gzip_is(const uint8_t *data, size_t bytes)
{
    return bytes >= 2 && data[0] == 0x1f && data[1] == 0x8b;
}

/* Reads an IDX file in memory, which becomes the array: *file is set to NULL on success; it may be another one after a
 * failure. Errors as of tuff_idx_read. */
tuff_status tuff_idx_take(struct tuff_context *context, const char *name, void **file, size_t bytes, size_t limit,
                          struct tuff_idx *idx, struct tuff_error *error);

/* Bytes of an array, or false when the product passes 2^63. */
bool tuff_array_bytes(enum tuff_element element, uint32_t rank, const uint64_t *dim, uint64_t *bytes);

/* Big-endian elements to those of the host, in place. */
void tuff_swap_elements(uint8_t *data, uint64_t count, size_t size);

/* Text is UTF-8 by RFC 3629 (no surrogates, no overlong forms). */
bool tuff_utf8_valid(const char *text, size_t length);

#endif
