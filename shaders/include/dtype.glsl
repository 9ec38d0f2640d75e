/* dtype.glsl - packed elements in 32-bit words, without 16-bit or 8-bit storage: packHalf2x16 truncates on some drivers (AMD, NVK), so
 * rounding to even is done by integer code. Floats as whole numbers.
 *
 * Functions that kernels call often have one return and choose between values that are there: a return in between becomes a loop
 * where a compiler inlines it, and SwiftShader takes minutes and gigabytes for fifty of them. */
#ifndef TUFF_DTYPE_FUNCTIONS
#define TUFF_DTYPE_FUNCTIONS
#include "include/unpack.glsl"
uint tuff_half_bits(float v)
{
    uint u = floatBitsToUint(v), sign = u >> 16 & 0x8000u, a = u & 0x7fffffffu;
    uint normal = (a - 0x38000000u + 0xfffu + (a >> 13 & 1u)) >> 13;
    precise float sum = uintBitsToFloat(a) + 0.5; /* below 2^-14, subnormal: the rounded multiple of 2^-24 is in its low bits */
    uint small = floatBitsToUint(sum) - 0x3f000000u, half_bits = a < 0x38800000u ? small : normal;
    half_bits = a >= 0x477ff000u ? 0x7c00u : half_bits; /* 65520 and above round to infinity */
    half_bits = a > 0x7f800000u ? 0x7e00u : half_bits;  /* NaN */
    return sign | half_bits;
}
uint tuff_pack_half(float low, float high) { return tuff_half_bits(low) | tuff_half_bits(high) << 16; }
uint tuff_bfloat_bits(float v)
{
    uint u = floatBitsToUint(v);
    uint nan = u >> 16 | 0x40u, number = (u + 0x7fffu + (u >> 16 & 1u)) >> 16; /* to even; may become infinity */
    return (u & 0x7fffffffu) > 0x7f800000u ? nan : number;
}
uint tuff_pack_bfloat(float low, float high) { return tuff_bfloat_bits(low) | tuff_bfloat_bits(high) << 16; }
uint tuff_pack_bytes(int a, int b, int c, int d)
{
    return uint(a & 255) | uint(b & 255) << 8 | uint(c & 255) << 16 | uint(d) << 24;
}
/* Bits, as compilers may take it that no NaN comes. */
bool tuff_is_nan(float v) { return (floatBitsToUint(v) & 0x7fffffffu) > 0x7f800000u; }
/* 1, of zeros 0; NaN and denormals are none. Without a comparison: of one of a float's bits with 0, Mesa 26's llvmpipe makes one of
 * floats, with denormals as zeros. */
uint tuff_to_bool(float v) { return ((floatBitsToUint(v) & 0x7fffffffu) + 0x7fffffffu) >> 31; }
/* Toward zero; what no int holds becomes the nearest that there is (2147483520 is the largest float below 2^31), NaN 0. */
int tuff_to_int(float v)
{
    int whole = int(clamp(v, -2147483648.0, 2147483520.0));
    whole = v >= 2147483648.0 ? 2147483647 : whole;
    return tuff_is_nan(v) ? 0 : whole;
}
int tuff_to_whole(float v, float lowest, float highest)
{
    int whole = int(clamp(v, lowest, highest));
    return tuff_is_nan(v) ? 0 : whole;
}
#endif
