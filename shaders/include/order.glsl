/* order.glsl - whole numbers in the order of the floats: NaN above every number, both zeros are one. */
int order(float v)
{
    uint u = floatBitsToUint(v), a = u & 0x7fffffffu;
    if (a > 0x7f800000u) return 0x7fffffff;
    return u == a ? int(a) : -int(a);
}
