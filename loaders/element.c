/* element.c - element types of arrays in files: names, sizes, and the size of a whole array. */
#include "backend/core.h"
#include "loaders/source.h"

static const struct {
    const char *name;
    size_t bytes;
} elements[] = {
    [TUFF_ELEMENT_BOOL] = {"BOOL", 1}, [TUFF_ELEMENT_U8] = {"U8", 1},   [TUFF_ELEMENT_I8] = {"I8", 1},
    [TUFF_ELEMENT_I16] = {"I16", 2},   [TUFF_ELEMENT_U16] = {"U16", 2}, [TUFF_ELEMENT_F16] = {"F16", 2},
    [TUFF_ELEMENT_BF16] = {"BF16", 2}, [TUFF_ELEMENT_I32] = {"I32", 4}, [TUFF_ELEMENT_U32] = {"U32", 4},
    [TUFF_ELEMENT_F32] = {"F32", 4},   [TUFF_ELEMENT_F64] = {"F64", 8}, [TUFF_ELEMENT_I64] = {"I64", 8},
    [TUFF_ELEMENT_U64] = {"U64", 8},
};

static bool known(enum tuff_element element) { return (unsigned)element > 0 && (unsigned)element < TUFF_COUNT(elements); }

size_t tuff_element_bytes(enum tuff_element element) { return known(element) ? elements[element].bytes : 0; }

const char *tuff_element_name(enum tuff_element element) { return known(element) ? elements[element].name : "?"; }

bool tuff_array_bytes(enum tuff_element element, uint32_t rank, const uint64_t *dim, uint64_t *bytes)
{
    uint64_t total = tuff_element_bytes(element);
    bool empty = false, large = false;
    for (uint32_t i = 0; i < rank; i++) {
        if (dim[i] == 0)
            empty = true;
        else if (large || total > INT64_MAX / dim[i])
            large = true;
        else
            total *= dim[i];
    }
    if (large && !empty) return false;
    *bytes = empty ? 0 : total;
    return true;
}

/* Bytes of the sequence that begins at s, 0 if it is none. Table 3-7 of the Unicode standard. */
static size_t sequence(const unsigned char *s, size_t left)
{
    if (s[0] < 0x80) return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    size_t length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (left < length) return 0;
    unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    return length;
}

bool tuff_utf8_valid(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t step = sequence((const unsigned char *)text + at, length - at);
        if (step == 0) return false;
        at += step;
    }
    return true;
}
