/* pw_math.h - functions of the pointwise rows in C double: the twin of shaders/include/pw_math.glsl, same names. Private. */
#ifndef TUFF_PW_MATH_H
#define TUFF_PW_MATH_H

#include <math.h>

static inline double pw_exp(double a) { return exp(a); }
static inline double pw_log(double a) { return log(a); }
static inline double pw_sqrt(double a) { return sqrt(a); }
static inline double pw_sin(double a) { return sin(a); }
static inline double pw_cos(double a) { return cos(a); }
static inline double pw_tanh(double a) { return tanh(a); }
static inline double pw_erf(double a) { return erf(a); }
static inline double pw_expm1(double a) { return expm1(a); }
static inline double pw_pow(double a, double b) { return pow(a, b); }
static inline double pw_floor(double a) { return floor(a); }
static inline double pw_round(double a) { return nearbyint(a); } /* ties to even */
static inline double pw_square(double a) { return a * a; }
static inline double pw_sigmoid(double a) { return 1.0 / (1.0 + exp(-a)); }
static inline double pw_softplus(double a) { return (a > 0.0 ? a : 0.0) + log1p(exp(-fabs(a))); }
static inline double pw_clamp01(double a) { return a < 0.0 ? 0.0 : (a > 1.0 ? 1.0 : a); }
/* y log a, 0 where y is 0 (derivative of a^b by b at a = 0) */
static inline double pw_xlogx(double y, double a) { return y == 0.0 ? 0.0 : y * log(a); }

#endif
