/* verify.h - are the numbers that were computed while the clock ran right? In double precision, from the inputs alone. */
#ifndef VERIFY_H
#define VERIFY_H

#include "bench.h"

/* To the nearest half, ties to even; the numbers become those that the halves stand for. */
void round_to_halves(float *x, uint16_t *halves, uint64_t count);

struct matmul_sizes {
    uint32_t m, n, k;
    bool transpose_b; /* b is [n, k] */
};
/* c = a b. Freivalds' check of every row (a (b r) against c r for random factors r) and a sample of elements, each within
 * 8 sqrt(k) u |a| |b|, with u = 2^-24. Inputs are uniform in [-1, 1). */
struct check verify_matmul(const struct matmul_sizes *s, const float *a, const float *b, const float *c);

struct conv_sizes {
    uint32_t n, ci, h, w, co, kernel, stride, pad, groups;
    uint32_t oh, ow;
};
enum conv_direction { CONV_FORWARD, CONV_INPUT, CONV_WEIGHT };
/* The same for y = conv(x, w), gx = the gradient by x from gy and w, gw = the gradient by w from x and gy: the channels of the
 * result are added up with random factors, and so are those of one operand. */
struct check verify_conv(const struct conv_sizes *s, enum conv_direction direction, const float *a, const float *b,
                         const float *result);
/* Bound of the nmse of operators whose elements are sums over `length` numbers: 8 sqrt(n) u of the sums (see DEVIATIONS) and 32 u
 * for exp, sqrt and division as Vulkan allows them (3 + 2 |x| ulp of exp with |x| < 8), taken as errors of every element. */
double verify_bound(double length);
/* Against values in double: nmse = sum (got - want)^2 / sum want^2 within the bound. */
struct check verify_values(const float *got, const double *want, uint64_t count, double bound);

#endif
