/* pw_math.h - functions of the pointwise rows in C double (graph/ops/pw_helpers.def), and the order of elements. Private. */
#ifndef TUFF_PW_MATH_H
#define TUFF_PW_MATH_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* sin(a + quarters pi / 2). mingw-w64's is the processor's fsin, whose pi has 66 bits: of large f32 numbers the rest of quarters is taken here, with as
 * many bits of 2 / pi as matter (Payne and Hanek, 1983). */
static inline double tuff_sine(double a, unsigned quarters)
{
#ifdef __MINGW32__
    __extension__ typedef unsigned __int128 uint128;
    static const uint64_t bits[] = {0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561};
    int e;
    const double part = frexp(fabs(a), &e);
    if (e > 26 && e <= 128 && part == (double)(float)part) {
        const uint64_t m = (uint64_t)ldexp(part, 24), *w = bits + (e - 26) / 64;
        const unsigned s = (unsigned)(e - 26) % 64;
        const uint64_t high = s ? w[0] << s | w[1] >> (64 - s) : w[0], low = s ? w[1] << s | w[2] >> (64 - s) : w[1];
        const uint128 rest = ((uint128)high << 64 | low) * m;
        const unsigned q = quarters + (unsigned)(rest >> 126);
        const double x = (double)(uint64_t)(rest << 2 >> 64) * 0x1p-64 * 1.57079632679489661923, y = q & 1 ? cos(x) : sin(x);
        return ((q & 2) != 0) != (a < 0 && !(quarters & 1)) ? -y : y;
    }
#endif
    return quarters & 1 ? cos(a) : sin(a);
}

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
