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

bool tuff_utf8_valid(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t step = tuff_utf8_step(text + at, length - at);
        if (step == 0) return false;
        at += step;
    }
    return true;
}

void tuff_swap_elements(uint8_t *data, uint64_t count, size_t size)
{
    const uint16_t probe = 1;
    uint8_t little = 0;
    memcpy(&little, &probe, 1);
    if (!little || size == 1) return;
    for (uint64_t i = 0; i < count; i++, data += size)
        for (size_t low = 0, high = size - 1; low < high; low++, high--) {
            uint8_t byte = data[low];
            data[low] = data[high];
            data[high] = byte;
        }
}
