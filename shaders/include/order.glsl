/* order.glsl - whole numbers in the order of the floats, NaN above every number: extrema are found among these, as compilers may take it
 * that no NaN comes, and lose it in a max. */
#ifndef TUFF_ORDER_FUNCTIONS
#define TUFF_ORDER_FUNCTIONS
const int TUFF_BELOW_ALL = -0x7fffffff - 1;
/* Of places: both zeros are one. */
int order(float v)
{
    uint u = floatBitsToUint(v), a = u & 0x7fffffffu;
    int up = int(a), down = -up, k = u == a ? up : down;
    return a > 0x7f800000u ? 0x7fffffff : k;
}
/* Of values: -0 is below +0, so that the float comes back (a NaN as the one of all bits). */
int order_value(float v)
{
    int i = floatBitsToInt(v);
    int k = i ^ ((i >> 31) & 0x7fffffff);
    return (i & 0x7fffffff) > 0x7f800000 ? 0x7fffffff : k;
}
float ordered_value(int i) { return intBitsToFloat(i ^ ((i >> 31) & 0x7fffffff)); }
float opposite(float v) { return uintBitsToFloat(floatBitsToUint(v) ^ 0x80000000u); }
#endif
