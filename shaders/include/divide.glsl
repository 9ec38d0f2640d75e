/* divide.glsl - n / d and n % d for d that are no constants: by a multiplier and a shift that the host makes of d
 * (graph/compile/divisor.h). Exact for n < 2^31. */
#ifndef TUFF_DIVIDE
#define TUFF_DIVIDE
uint tuff_div(uint n, uint multiplier, uint shift)
{
    uint high, low;
    umulExtended(n + n, multiplier, high, low);
    return high >> shift;
}
uint tuff_mod(uint n, uint multiplier, uint shift, uint d) { return n - tuff_div(n, multiplier, shift) * d; }
#endif
