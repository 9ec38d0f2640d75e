/* dtype.c - the element types as C reads them: sizes, names, numbers from bits and back. */
#include "graph/dtype.h"
#include "backend/core.h"

#include <math.h>
#include <stdio.h>

#define TUFF_DTYPE_WORD(symbol, number, name, reg, lowest, highest)                                                         \
    _Static_assert((int)TUFF_##symbol == (number), "the numbers of graph.h and dtypes.def");
#define TUFF_DTYPE_PACKED(symbol, number, name, bytes, reg, unpack, pack, lowest, highest)                                  \
    TUFF_DTYPE_WORD(symbol, number, name, reg, lowest, highest)
#define TUFF_DTYPE_BLOCKS(symbol, number, name, bytes, elements, lowest, highest)                                           \
    TUFF_DTYPE_WORD(symbol, number, name, float, lowest, highest)
#define TUFF_DTYPE_HOST(symbol, number, name, bytes, reg, device) TUFF_DTYPE_WORD(symbol, number, name, reg, 0, 0)
#include "graph/dtypes.def"

static const struct tuff_dtype_row rows[] = {
    {.name = "?", .reg = "int", .unpack = "", .pack = "", .per_word = 1, .elements = 1},
#define TUFF_DTYPE_WORD(symbol, number, name, reg, lowest, highest)                                                         \
    [number] = {#name, 4, 1, 1, #reg, "", "", TUFF_##symbol, lowest, highest},
#define TUFF_DTYPE_PACKED(symbol, number, name, bytes, reg, unpack, pack, lowest, highest)                                  \
    [number] = {#name, bytes, 1, 4 / (bytes), #reg, #unpack, #pack, TUFF_##symbol, lowest, highest},
#define TUFF_DTYPE_BLOCKS(symbol, number, name, bytes, elements, lowest, highest)                                           \
    [number] = {#name, bytes, elements, 4, "float", "tuff_char", "", TUFF_##symbol, lowest, highest},
#define TUFF_DTYPE_HOST(symbol, number, name, bytes, reg, device)                                                           \
    [number] = {#name, bytes, 1, 1, #reg, "", "", TUFF_##device, -HUGE_VAL, HUGE_VAL},
#include "graph/dtypes.def"
};

bool tuff_dtype_known(int32_t dtype) { return dtype > 0 && (uint32_t)dtype < TUFF_COUNT(rows); }

const struct tuff_dtype_row *tuff_dtype_row(enum tuff_dtype dtype)
{
    return &rows[tuff_dtype_known((int32_t)dtype) ? dtype : 0];
}

const char *tuff_dtype_name(enum tuff_dtype dtype) { return tuff_dtype_row(dtype)->name; }

enum tuff_dtype tuff_dtype_find(const char *name)
{
    for (uint32_t i = 1; i < TUFF_COUNT(rows); i++)
        if (!strcmp(rows[i].name, name)) return (enum tuff_dtype)i;
    return (enum tuff_dtype)0;
}

enum tuff_dtype tuff_dtype_hosted(enum tuff_dtype dtype)
{
    for (uint32_t i = 1; i < TUFF_COUNT(rows); i++)
        if (tuff_is_host((enum tuff_dtype)i) && rows[i].device == dtype) return (enum tuff_dtype)i;
    return dtype;
}

uint64_t tuff_dtype_size(enum tuff_dtype dtype, uint64_t elements)
{
    const struct tuff_dtype_row *row = tuff_dtype_row(dtype);
    return (elements + row->elements - 1) / row->elements * row->bytes;
}

bool tuff_is_float(enum tuff_dtype dtype) { return tuff_dtype_row(dtype)->reg[0] == 'f' && !tuff_is_blocks(dtype); }

const char *tuff_dtype_memory(enum tuff_dtype dtype)
{
    const struct tuff_dtype_row *row = tuff_dtype_row(dtype);
    return row->per_word == 1 ? row->reg : "uint";
}

/* ---- numbers ---------------------------------------------------------------------------------------------------------------- */

static double half_value(uint32_t bits)
{
    double sign = bits >> 15 ? -1 : 1, m = bits & 1023;
    int e = bits >> 10 & 31;
    if (e == 31) return m != 0 ? NAN : sign * INFINITY;
    return sign * (e ? ldexp(1024 + m, e - 25) : ldexp(m, -24));
}

/* Of a number that f16 holds. */
static uint16_t half_bits(double v)
{
    int e;
    uint32_t sign = signbit(v) ? 0x8000u : 0;
    double a = fabs(v), m = frexp(a, &e);
    if (isnan(v)) return 0x7e00;
    if (isinf(v)) return (uint16_t)(sign | 0x7c00);
    if (a < 0x1p-14) return (uint16_t)(sign | (uint32_t)ldexp(a, 24));
    return (uint16_t)(sign | (uint32_t)(e + 14) << 10 | ((uint32_t)ldexp(m, 11) - 1024));
}

/* To the nearest f16, ties to even, overflow to infinity. */
static double round_half(double v)
{
    if (v == 0 || isnan(v) || isinf(v)) return v;
    int e;
    frexp(v, &e);
    double unit = ldexp(1.0, e < -13 ? -24 : e - 11);
    double r = nearbyint(v / unit) * unit;
    return fabs(r) > 65504.0 ? copysign(INFINITY, v) : r;
}

static double bfloat_value(uint32_t bits)
{
    float f;
    bits <<= 16;
    memcpy(&f, &bits, sizeof f);
    return (double)f;
}

/* The upper half of the f32 nearest to v, rounded to even; a NaN stays one. */
static uint16_t bfloat_bits(double v)
{
    float f = (float)v;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if (isnan(v)) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

enum { Q8_BYTES = 34, Q8_ELEMENTS = 32 };

static double block_value(const uint8_t *block, uint64_t i)
{
    return half_value((uint32_t)(block[0] | block[1] << 8)) * (int8_t)block[2 + i];
}

double tuff_element(enum tuff_dtype dtype, const void *elements, uint64_t i)
{
    switch (dtype) {
    case TUFF_F32: return (double)((const float *)elements)[i];
    case TUFF_F16: return half_value(((const uint16_t *)elements)[i]);
    case TUFF_I32: return ((const int32_t *)elements)[i];
    case TUFF_U8:
    case TUFF_BOOL: return ((const uint8_t *)elements)[i];
    case TUFF_BF16: return bfloat_value(((const uint16_t *)elements)[i]);
    case TUFF_I8: return ((const int8_t *)elements)[i];
    case TUFF_I64: return (double)((const int64_t *)elements)[i];
    case TUFF_F64: return ((const double *)elements)[i];
    case TUFF_Q8_0: return block_value((const uint8_t *)elements + i / Q8_ELEMENTS * Q8_BYTES, i % Q8_ELEMENTS);
    }
    return NAN;
}

void tuff_element_put(enum tuff_dtype dtype, void *elements, uint64_t i, double v)
{
    v = tuff_dtype_round(dtype, v);
    switch (dtype) {
    case TUFF_F32: ((float *)elements)[i] = (float)v; break;
    case TUFF_F16: ((uint16_t *)elements)[i] = half_bits(v); break;
    case TUFF_I32: ((int32_t *)elements)[i] = (int32_t)v; break;
    case TUFF_U8:
    case TUFF_BOOL: ((uint8_t *)elements)[i] = (uint8_t)v; break;
    case TUFF_BF16: ((uint16_t *)elements)[i] = bfloat_bits(v); break;
    case TUFF_I8: ((int8_t *)elements)[i] = (int8_t)v; break;
    case TUFF_I64: ((int64_t *)elements)[i] = v >= 0x1p63 ? INT64_MAX : v <= -0x1p63 ? INT64_MIN : (int64_t)v; break;
    case TUFF_F64: ((double *)elements)[i] = v; break;
    case TUFF_Q8_0: break; /* one by one they have no scale */
    }
}

double tuff_dtype_round(enum tuff_dtype dtype, double v)
{
    const struct tuff_dtype_row *row = tuff_dtype_row(dtype);
    switch (dtype) {
    case TUFF_F32: return (double)(float)v;
    case TUFF_F16: return round_half((double)(float)v);
    case TUFF_BF16: return bfloat_value(bfloat_bits(v));
    case TUFF_BOOL: return v != 0;
    case TUFF_F64:
    case TUFF_Q8_0: return v;
    case TUFF_I64:
    case TUFF_I32:
    case TUFF_U8:
    case TUFF_I8: break;
    }
    return isnan(v) ? 0 : trunc(v < row->lowest ? row->lowest : v > row->highest ? row->highest : v);
}

/* ---- types of the host ------------------------------------------------------------------------------------------------------ */

static bool narrow_element(enum tuff_dtype dtype, const void *from, uint64_t i, void *to)
{
    if (tuff_is_float(dtype)) {
        double v = ((const double *)from)[i];
        float f = ((float *)to)[i] = (float)v;
        return isinf(v) || !isinf(f);
    }
    int64_t v = ((const int64_t *)from)[i];
    ((int32_t *)to)[i] = (int32_t)v;
    return v >= INT32_MIN && v <= INT32_MAX;
}

tuff_status tuff_narrow(enum tuff_dtype dtype, const void *from, uint64_t count, void *to, const char *name,
                        tuff_status failure, struct tuff_context *context, struct tuff_error *error)
{
    uint64_t i = 0;
    char number[40];
    while (i < count && narrow_element(dtype, from, i, to)) i++;
    if (i == count) return TUFF_OK;
    if (dtype == TUFF_I64)
        snprintf(number, sizeof number, "%lld", (long long)((const int64_t *)from)[i]);
    else
        snprintf(number, sizeof number, "%.17g", ((const double *)from)[i]);
    return tuff_fail(context, error, failure, "%s%s%s: element %llu, %s, does not fit into %s, as which devices hold %s",
                     name ? "'" : "", name ? name : "a constant", name ? "'" : "", (unsigned long long)i, number,
                     tuff_dtype_name(tuff_dtype_device(dtype)), tuff_dtype_name(dtype));
}

static bool is_possible(enum tuff_dtype dtype, double v)
{
    const struct tuff_dtype_row *row = tuff_dtype_row(dtype);
    if (tuff_is_float(dtype)) return !isfinite(v) || isfinite(tuff_dtype_round(dtype, v));
    return dtype == TUFF_BOOL ? v == 0 || v == 1 : v >= row->lowest && v <= row->highest;
}

tuff_status tuff_convert(enum tuff_dtype from_type, const void *from, enum tuff_dtype to_type, void *to, uint64_t count,
                         const char *what, struct tuff_context *context, struct tuff_error *error)
{
    const char *named[] = {tuff_dtype_name(from_type), tuff_dtype_name(to_type)};
    if (from_type == to_type) {
        memcpy(to, from, (size_t)tuff_dtype_size(to_type, count));
        return TUFF_OK;
    }
    if (!tuff_dtype_known((int32_t)from_type))
        return tuff_fail(context, error, TUFF_ERR_USAGE, "%s: there is no type %d (enum tuff_dtype)", what, (int)from_type);
    if (tuff_is_blocks(from_type) || tuff_is_blocks(to_type))
        return tuff_fail(context, error, TUFF_ERR_USAGE, "%s: what is given as %s does not become %s", what, named[0],
                         named[1]);
    if (tuff_is_float(from_type) && !tuff_is_float(to_type))
        return tuff_fail(context, error, TUFF_ERR_USAGE,
                         "%s: what is given as %s does not become %s: round it to whole numbers, or let the input be %s and "
                         "tuff_cast it",
                         what, named[0], named[1], named[0]);
    for (uint64_t i = 0; i < count; i++) {
        double v = tuff_element(from_type, from, i);
        if (!is_possible(to_type, v))
            return tuff_fail(context, error, TUFF_ERR_USAGE, "%s: element %llu, %.9g, does not fit into %s", what,
                             (unsigned long long)i, v, named[1]);
        tuff_element_put(to_type, to, i, v);
    }
    return TUFF_OK;
}

void tuff_widen(enum tuff_dtype dtype, const void *from, uint64_t count, void *to)
{
    enum tuff_dtype device = tuff_dtype_device(dtype);
    for (uint64_t i = 0; i < count; i++) tuff_element_put(dtype, to, i, tuff_element(device, from, i));
}

/* ---- blocks ----------------------------------------------------------------------------------------------------------------- */

void tuff_blocks_to_device(uint64_t elements, const void *blocks, void *device)
{
    const uint8_t *from = blocks;
    uint8_t *weights = device, *scales = weights + elements;
    for (uint64_t b = 0; b < elements / Q8_ELEMENTS; b++, from += Q8_BYTES) {
        memcpy(scales + 2 * b, from, 2);
        memcpy(weights + Q8_ELEMENTS * b, from + 2, Q8_ELEMENTS);
    }
}

void tuff_blocks_of_device(uint64_t elements, const void *device, void *blocks)
{
    uint8_t *to = blocks;
    const uint8_t *weights = device, *scales = weights + elements;
    for (uint64_t b = 0; b < elements / Q8_ELEMENTS; b++, to += Q8_BYTES) {
        memcpy(to, scales + 2 * b, 2);
        memcpy(to + 2, weights + Q8_ELEMENTS * b, Q8_ELEMENTS);
    }
}

void tuff_quantize_q8_0(const float *from, uint64_t elements, void *blocks)
{
    uint8_t *to = blocks;
    for (uint64_t b = 0; b < elements / Q8_ELEMENTS; b++, from += Q8_ELEMENTS, to += Q8_BYTES) {
        float most = 0;
        uint16_t scale;
        for (int i = 0; i < Q8_ELEMENTS; i++) most = fmaxf(most, fabsf(from[i]));
        float step = most / 127, inverse = step != 0 ? 1 / step : 0;
        tuff_element_put(TUFF_F16, &scale, 0, (double)step);
        to[0] = (uint8_t)scale;
        to[1] = (uint8_t)(scale >> 8);
        for (int i = 0; i < Q8_ELEMENTS; i++) to[2 + i] = (uint8_t)(int8_t)roundf(from[i] * inverse);
    }
}
