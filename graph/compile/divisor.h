/* divisor.h - division by a number that is no constant, as shaders/include/divide.glsl does it. Private.
 *
 * Source: T. Granlund, P. Montgomery, Division by Invariant Integers using Multiplication, 1994, theorem 4.2 with N = 31: with
 * s = ceil(log2 d) and m = ceil(2^(31+s) / d), floor(n / d) = floor(n m / 2^(31+s)) for all n < 2^31. m fits in 32 bits. */
#ifndef TUFF_DIVISOR_H
#define TUFF_DIVISOR_H

#include <stdint.h>

struct tuff_divisor {
    uint32_t multiplier, shift;
};

/* d: 1 .. 2^31 - 1. n / d is the high word of 2 n * multiplier, shifted right, where n < 2^31. */
static inline struct tuff_divisor tuff_divisor_of(uint32_t d)
{
    uint32_t shift = 0;
    while (shift < 31 && UINT32_C(1) << shift < d) shift++;
    uint64_t power = UINT64_C(1) << (31 + shift);
    return (struct tuff_divisor){(uint32_t)((power + d - 1) / d), shift};
}

#endif
