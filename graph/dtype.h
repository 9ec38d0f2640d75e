/* dtype.h - what is known of an element type: the rows of dtypes.def. Private. */
#ifndef TUFF_DTYPE_H
#define TUFF_DTYPE_H

#include "graph/graph.h"

struct tuff_dtype_row {
    const char *name;          /* in the graph's text */
    uint32_t bytes, elements;  /* of a block; 1 element but for quantized types */
    uint32_t per_word;         /* elements in 32 bits of device memory */
    const char *reg;           /* GLSL type of an element in a register */
    const char *unpack, *pack; /* GLSL functions where a word holds several; "" */
    enum tuff_dtype device;    /* the type that devices hold: another one for those of the host alone */
    double lowest, highest;
};
/* Never NULL: a type that there is not has the name "?" and no bytes. */
const struct tuff_dtype_row *tuff_dtype_row(enum tuff_dtype dtype);
enum tuff_dtype tuff_dtype_find(const char *name); /* 0 if unknown */
bool tuff_dtype_known(int32_t dtype);

/* Element i of stored ones as a number, and the other way round, rounded as below. */
double tuff_element(enum tuff_dtype dtype, const void *elements, uint64_t i);
void tuff_element_put(enum tuff_dtype dtype, void *elements, uint64_t i, double v);
/* The number that a cast of the f32 or i32 nearest to v makes: to nearest, ties to even, or toward zero and saturated. */
double tuff_dtype_round(enum tuff_dtype dtype, double v);

/* The last 32 bits in two's complement: what devices make of an i32 that has no room. */
static inline int32_t tuff_wrap_i32(int64_t v)
{
    uint32_t low = (uint32_t)(uint64_t)v;
    return low <= INT32_MAX ? (int32_t)low : -(int32_t)~low - 1;
}

/* A number that stands in a graph, as values of the type hold it. f32 is left to the reader: it may be computed in double. */
static inline double tuff_dtype_number(enum tuff_dtype dtype, double v)
{
    return dtype == TUFF_F32 ? v : tuff_dtype_round(dtype, v);
}

/* Types of the host alone: i64 and f64. */
static inline enum tuff_dtype tuff_dtype_device(enum tuff_dtype dtype) { return tuff_dtype_row(dtype)->device; }
static inline bool tuff_is_host(enum tuff_dtype dtype) { return tuff_dtype_device(dtype) != dtype; }
/* Floats of 16 bits. */
static inline bool tuff_is_half(enum tuff_dtype dtype) { return dtype == TUFF_F16 || dtype == TUFF_BF16; }
enum tuff_dtype tuff_dtype_hosted(enum tuff_dtype dtype); /* that which is held as dtype, or dtype itself */
/* Elements of a type of the host to those that devices hold: whole numbers must fit, others are rounded and must not become infinite.
 * Else it fails with this status. name: whose content it is; NULL: a constant's. */
TUFF_MUST_CHECK tuff_status tuff_narrow(enum tuff_dtype dtype, const void *from, uint64_t count, void *to, const char *name,
                                        tuff_status failure, struct tuff_context *context, struct tuff_error *error);
/* Elements of one type to those of another, both as the host has them: floats are rounded and must not become infinite, whole numbers must
 * be possible (0 and 1 in bool), and floats do not become whole numbers. Errors: USAGE, which begins with `what`. */
TUFF_MUST_CHECK tuff_status tuff_convert(enum tuff_dtype from_type, const void *from, enum tuff_dtype to_type, void *to,
                                         uint64_t count, const char *what, struct tuff_context *context,
                                         struct tuff_error *error);
void tuff_widen(enum tuff_dtype dtype, const void *from, uint64_t count, void *to);

/* Blocks as in files to what device memory holds, all weights and then all scales, and back. */
void tuff_blocks_to_device(uint64_t elements, const void *blocks, void *device);
void tuff_blocks_of_device(uint64_t elements, const void *device, void *blocks);
static inline bool tuff_is_blocks(enum tuff_dtype dtype) { return tuff_dtype_row(dtype)->elements > 1; }

/* Numbers, held as float in a register; the others as int, but for blocks, which are floats there and no operands of most. */
bool tuff_is_float(enum tuff_dtype dtype);
/* The type of what is computed of such elements: f32 or i32. */
static inline enum tuff_dtype tuff_dtype_wide(enum tuff_dtype dtype) { return tuff_is_float(dtype) ? TUFF_F32 : TUFF_I32; }
/* What device memory that holds such elements is declared as: "float", "int" or "uint". */
const char *tuff_dtype_memory(enum tuff_dtype dtype);

#endif
