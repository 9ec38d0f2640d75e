/* quads.glsl - four elements that begin anywhere, out of whole quads: a fetch and a select cost less than loads one by one. */
#ifndef TUFF_QUADS
#define TUFF_QUADS

/* Elements shift .. shift + 3 of a and b, which follow each other; only the last two bits of shift count. */
vec4 tuff_any4(vec4 a, vec4 b, uint shift)
{
    bool one = (shift & 1u) != 0, two = (shift & 2u) != 0;
    vec4 p = one ? vec4(a.yzw, b.x) : a;
    vec2 q = one ? b.yz : b.xy;
    return two ? vec4(p.zw, q) : p;
}
#endif
