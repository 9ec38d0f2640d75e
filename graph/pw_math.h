/* pw_math.h - functions of the pointwise rows in C double (graph/ops/pw_helpers.def), and the order of elements. Private. */
#ifndef TUFF_PW_MATH_H
#define TUFF_PW_MATH_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define PW_HELPER1(name, glsl, c, error)                                                                                    \
    static inline double name(double a) { return c; }
#define PW_HELPER2(name, glsl, c, error)                                                                                    \
    static inline double name(double a, double b) { return c; }
#define PW_WHOLE2(name, glsl, c, error)                                                                                     \
    static inline int64_t name(int64_t a, int64_t b) { return c; }
#include "graph/ops/pw_helpers.def"

/* a^b of whole numbers, modulo 2^32; 1 / a^|b| is 0 but of 1 and -1. */
static inline int64_t tuff_whole_pow(int64_t a, int64_t b)
{
    uint32_t y = 1, x = (uint32_t)a;
    for (uint64_t bits = (uint64_t)(b < 0 ? -b : b); bits; bits >>= 1, x *= x)
        if (bits & 1) y *= x;
    return b < 0 && a != 1 && a != -1 ? 0 : (int64_t)y;
}

/* The order of elements where extrema are looked for: a NaN is above every number (shaders/include/order.glsl). */
static inline bool tuff_above(double a, double b) { return isnan(a) ? !isnan(b) : a > b; }

#endif
