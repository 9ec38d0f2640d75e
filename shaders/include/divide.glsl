/* divide.glsl - n / d and n % d for d that are no constants: by a multiplier and a shift that the host makes of d
 * (graph/compile/divisor.h). Exact for n < 2^31. */
#ifndef TUFF_DIVIDE
#define TUFF_DIVIDE
uint tuff_div(uint n, uint multiplier, uint shift)
{
#ifdef TUFF_NARROW /* a processor multiplies halves of words faster than words of which the upper half is wanted */
    uint a = n + n, low = a & 0xffffu, up = a >> 16, by_low = multiplier & 0xffffu, by_up = multiplier >> 16;
    uint t = low * by_up + (low * by_low >> 16), high = up * by_up + (t >> 16) + ((up * by_low + (t & 0xffffu)) >> 16);
#else
    uint high, low;
    umulExtended(n + n, multiplier, high, low);
#endif
    return high >> shift;
}
uint tuff_mod(uint n, uint multiplier, uint shift, uint d) { return n - tuff_div(n, multiplier, shift) * d; }
#endif
