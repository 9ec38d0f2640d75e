/* pw_math.h - functions of the pointwise rows in C double (graph/ops/pw_helpers.def), and the order of elements. Private. */
#ifndef TUFF_PW_MATH_H
#define TUFF_PW_MATH_H

#include <math.h>
#include <stdbool.h>

#define PW_HELPER1(name, glsl, c, error)                                                                                    \
    static inline double name(double a) { return c; }
#define PW_HELPER2(name, glsl, c, error)                                                                                    \
    static inline double name(double a, double b) { return c; }
#include "graph/ops/pw_helpers.def"

/* The order of elements where extrema are looked for: a NaN is above every number (shaders/include/order.glsl). */
static inline bool tuff_above(double a, double b) { return isnan(a) ? !isnan(b) : a > b; }

#endif
