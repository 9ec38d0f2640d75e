/* hooks.glsl - ports of a kernel file that stands alone: identity hooks over one storage buffer per port.
 *
 * The compiler of graphs defines TUFF_HOOKS and supplies these functions itself, fused with what comes before and after:
 *     float in0(uint i)           element i of input 0, i flat in its logical row-major shape
 *     vec4  in0v(uint i)          elements i .. i+3; i is a multiple of 4 and i + 3 is inside
 *     void  out0(uint i, float v) and void out0v(uint i, vec4 v) likewise
 * Inputs take bindings 0, 1, .. in order, the output the next one. */
#define TUFF_PORT_IN(n)                                                        \
    layout(std430, binding = n) readonly buffer TuffIn##n { float tuff_in##n[]; };   \
    layout(std430, binding = n) readonly buffer TuffInV##n { vec4 tuff_inv##n[]; };  \
    float in##n(uint i) { return tuff_in##n[i]; }                              \
    vec4 in##n##v(uint i) { return tuff_inv##n[i >> 2]; }
#define TUFF_PORT_OUT(n)                                                       \
    layout(std430, binding = n) writeonly buffer TuffOut { float tuff_out[]; };      \
    layout(std430, binding = n) writeonly buffer TuffOutV { vec4 tuff_outv[]; };     \
    void out0(uint i, float v) { tuff_out[i] = v; }                            \
    void out0v(uint i, vec4 v) { tuff_outv[i >> 2] = v; }
