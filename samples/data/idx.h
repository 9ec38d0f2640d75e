/* idx.h - IDX files in memory, and gzip files that hold them. Private to samples/data/. */
#ifndef TUFF_DATA_IDX_H
#define TUFF_DATA_IDX_H

#include "loaders/source.h"
#include "samples/data/data.h"

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

#endif
