/* source.h - a file's bytes with the name that sentences about it use. Private to loaders/ and samples/data/. */
#ifndef TUFF_LOADERS_SOURCE_H
#define TUFF_LOADERS_SOURCE_H

#include "loaders/loaders.h"

struct tuff_source {
    const char *name;    /* [borrowed] path, or "memory" */
    const uint8_t *data; /* [borrowed] */
    size_t bytes;
};

/* Bytes of an array, or false when the product passes 2^63. */
bool tuff_array_bytes(enum tuff_element element, uint32_t rank, const uint64_t *dim, uint64_t *bytes);

/* Big-endian elements to those of the host, in place. */
void tuff_swap_elements(uint8_t *data, uint64_t count, size_t size);

/* Text is UTF-8 by RFC 3629 (no surrogates, no overlong forms). */
bool tuff_utf8_valid(const char *text, size_t length);

#endif
