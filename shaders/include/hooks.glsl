/* hooks.glsl - the ports of a kernel file; included once, before main.
 *
 * In a compiled graph TUFF_HOOKS is defined and TUFF_HOOKS_TEXT holds these functions, fused with what comes before and after:
 *     float in0(uint i)           element i of input 0, i flat in its logical row-major shape (int for whole numbers)
 *     vec4  in0q(uint q)          quad q: elements 4 q .. 4 q + 3; those behind the last are anything
 *     void  out1(uint i, int v)   likewise of the kernel's second result, where it has several
 *     void  out0(uint i, float v) and void out0v(uint i, vec4 v), elements i .. i+3; i is a multiple of 4 and i + 3 is inside
 * A file that stands alone declares identity ports, TUFF_PORTS(letters) of kernels.def: inputs take bindings 0, 1, .., the output the next;
 * constant 16 + n says at which element of its binding input n begins (graph/compile/plain.c). */
#include "include/kernel.glsl"
#include "include/quads.glsl"
#ifdef TUFF_HOOKS
#include "include/pw_math.glsl"
#include "include/philox.glsl"
#include "include/dtype.glsl"
#include "include/divide.glsl"
TUFF_HOOKS_TEXT
#define TUFF_PORTS(letters)
#else
#define TUFF_PORT_IN(n)                                                        \
    layout(constant_id = 16 + n) const uint tuff_begin##n = 0;                 \
    layout(std430, binding = n) readonly buffer TuffIn##n { float tuff_in##n[]; };   \
    layout(std430, binding = n) readonly buffer TuffInV##n { vec4 tuff_inv##n[]; };  \
    float in##n(uint i) { return tuff_in##n[i + tuff_begin##n]; }              \
    float in##n##c(uint i) { return tuff_in##n[min(i + tuff_begin##n, uint(tuff_in##n.length()) - 1u)]; } \
    vec4 in##n##q(uint q)                                                      \
    {                                                                          \
        uint i = q * 4u;                                                       \
        if (tuff_begin##n % 4u != 0u) return vec4(in##n(i), in##n##c(i + 1u), in##n##c(i + 2u), in##n##c(i + 3u)); \
        return tuff_inv##n[q + tuff_begin##n / 4u];                            \
    }
#define TUFF_PORT_IN_INT(n)                                                    \
    layout(constant_id = 16 + n) const uint tuff_begin##n = 0;                 \
    layout(std430, binding = n) readonly buffer TuffIn##n { int tuff_in##n[]; };     \
    int in##n(uint i) { return tuff_in##n[i + tuff_begin##n]; }
#define TUFF_PORT_OUT(n)                                                       \
    layout(std430, binding = n) writeonly buffer TuffOut { float tuff_out[]; };      \
    layout(std430, binding = n) writeonly buffer TuffOutV { vec4 tuff_outv[]; };     \
    void out0(uint i, float v) { tuff_out[i] = v; }                            \
    void out0v(uint i, vec4 v) { tuff_outv[i >> 2] = v; }
#define TUFF_PORT_OUT_INT(n)                                                   \
    layout(std430, binding = n) writeonly buffer TuffOut { int tuff_out[]; };        \
    void out0(uint i, int v) { tuff_out[i] = v; }
#define TUFF_PORT_MORE(k, n)                                                   \
    layout(std430, binding = n) writeonly buffer TuffOut##k { float tuff_out##k[]; };  \
    void out##k(uint i, float v) { tuff_out##k[i] = v; }
#define TUFF_PORT_MORE_INT(k, n)                                               \
    layout(std430, binding = n) writeonly buffer TuffOut##k { int tuff_out##k[]; };  \
    void out##k(uint i, int v) { tuff_out##k[i] = v; }
#define TUFF_PORTS(letters) TUFF_PORTS_##letters(TUFF_PORT_IN, TUFF_PORT_IN_INT, TUFF_PORT_OUT, TUFF_PORT_OUT_INT, TUFF_PORT_MORE_INT, TUFF_PORT_MORE)
#endif
