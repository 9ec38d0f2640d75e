/* source.h - a file's bytes with the name that sentences about it use. Private to loaders/ and samples/data/. */
#ifndef TUFF_LOADERS_SOURCE_H
#define TUFF_LOADERS_SOURCE_H

#include "backend/core.h"
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

/* A float of 4, 6 or 8 bits, as safetensors and PyTorch keep them; several in a byte lie from its lowest bit. */
struct tuff_small_float;
const struct tuff_small_float *tuff_small_float_find(const char *name); /* "F8_E4M3"; NULL: none is called so */
unsigned tuff_small_float_bits(const struct tuff_small_float *type);
/* `count` of them, each exactly. */
void tuff_small_float_expand(const struct tuff_small_float *type, const uint8_t *from, uint64_t count, float *to);

/* All of a text as a whole number of base 10 or 16. */
static inline bool tuff_number_of(const char *text, size_t length, unsigned base, uint64_t *number)
{
    struct tuff_parser r = {.at = text, .end = text ? text + length : text, .of = "number"};
    *number = tuff_read_number(&r, base, UINT64_MAX);
    return tuff_reads(&r) && r.at == r.end;
}

/* Text is UTF-8 by RFC 3629 (no surrogates, no overlong forms). */
bool tuff_utf8_valid(const char *text, size_t length);

#endif
