/* element.c - element types of arrays in files: names, sizes, and the size of a whole array; floats of 4 to 8 bits. */
#include "backend/core.h"
#include "loaders/source.h"

#include <math.h>

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

/* Source: OCP 8-bit Floating Point Specification 1.0; OCP Microscaling Formats 1.0; FNUZ: Noune et al. 2022, 8-bit Numerical Formats. */
struct tuff_small_float {
    const char *name;
    uint8_t bits, mantissa, bias;
    enum { FINITE, IEEE, ONE_NAN, FNUZ, SCALE } kind;
};
static const struct tuff_small_float small_floats[] = {
    {"F8_E4M3", 8, 3, 7, ONE_NAN},   {"F8_E5M2", 8, 2, 15, IEEE},   {"F8_E4M3FNUZ", 8, 3, 8, FNUZ},
    {"F8_E5M2FNUZ", 8, 2, 16, FNUZ}, {"F8_E8M0", 8, 0, 127, SCALE}, {"F6_E2M3", 6, 3, 1, FINITE},
    {"F6_E3M2", 6, 2, 3, FINITE},    {"F4", 4, 1, 1, FINITE},
};

const struct tuff_small_float *tuff_small_float_find(const char *name)
{
    for (size_t i = 0; i < TUFF_COUNT(small_floats); i++)
        if (!strcmp(small_floats[i].name, name)) return &small_floats[i];
    return NULL;
}

unsigned tuff_small_float_bits(const struct tuff_small_float *type) { return type->bits; }

static float small_value(const struct tuff_small_float *t, unsigned v)
{
    if (t->kind == SCALE) return v == 255 ? NAN : (float)ldexp(1, (int)v - t->bias);
    const unsigned sign = 1u << (t->bits - 1), ones = sign - 1, steps = 1u << t->mantissa;
    const unsigned m = v & (steps - 1), e = (v & ones) >> t->mantissa;
    if (t->kind == FNUZ && v == sign) return NAN;
    if (t->kind == ONE_NAN && (v & ones) == ones) return NAN;
    float value = (float)ldexp(e ? steps + m : m, (e ? (int)e : 1) - t->bias - t->mantissa);
    if (t->kind == IEEE && (v & ones) >= (ones & ~(steps - 1))) value = m ? NAN : INFINITY;
    return v & sign ? -value : value;
}

void tuff_small_float_expand(const struct tuff_small_float *t, const uint8_t *from, uint64_t count, float *to)
{
    float table[256];
    const unsigned mask = (1u << t->bits) - 1;
    for (unsigned v = 0; v <= mask; v++) table[v] = small_value(t, v);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t bit = i * t->bits;
        unsigned v = from[bit / 8] >> bit % 8;
        if (bit % 8 + t->bits > 8) v |= (unsigned)from[bit / 8 + 1] << (8 - bit % 8);
        to[i] = table[v & mask];
    }
}
