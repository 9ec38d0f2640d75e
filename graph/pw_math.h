/* pw_math.h - functions of the pointwise rows in C double (graph/ops/pw_helpers.def). Private. */
#ifndef TUFF_PW_MATH_H
#define TUFF_PW_MATH_H

#include <math.h>

#define PW_HELPER1(name, glsl, c, error)                                                                                    \
    static inline double name(double a) { return c; }
#define PW_HELPER2(name, glsl, c, error)                                                                                    \
    static inline double name(double a, double b) { return c; }
#include "graph/ops/pw_helpers.def"

#endif
