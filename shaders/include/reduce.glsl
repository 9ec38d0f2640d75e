/* reduce.glsl - what reduce_row.comp and reduce_each.comp share: the operation chosen by REDUCE, its start and its step.
 * REDUCE 0 sum, 1 max, 2 min, 3 argmax, 4 argmin; REDUCE_INT: i32 elements instead of f32. */
#ifndef REDUCE
#define REDUCE 0
#endif
#ifdef REDUCE_INT
#define ELEMENT int
#else
#define ELEMENT float
#endif
#if REDUCE >= 3
#define RESULT int
#else
#define RESULT ELEMENT
#endif
layout(push_constant) uniform Push { uint outputs; uint n; };
#include "include/dtype.glsl"
#include "include/hooks.glsl"
#ifndef TUFF_HOOKS
#include "include/map.glsl"
layout(std430, binding = 0) readonly buffer TuffIn0 { ELEMENT tuff_in0[]; };
layout(std430, binding = 0) readonly buffer TuffWord0 { uint tuff_word0[]; };
layout(std430, binding = 1) writeonly buffer TuffOut { RESULT tuff_out[]; };
/* Alone the input is read through two index maps (graph/plain.c), or is contiguous where MAPPED is not set. */
layout(constant_id = 16) const bool MAPPED = false;
layout(constant_id = 17) const uint DTYPE = 1; /* enum tuff_dtype of the input: 2 f16, 4 and 5 bytes, else words */
TUFF_MAP(tuff_place_o, 18)
TUFF_MAP(tuff_place_r, 43)
ELEMENT in0(uint o, uint r)
{
    uint at = o * n + r;
    if (MAPPED) at = tuff_place_o(o) + tuff_place_r(r);
    if (DTYPE == 2u) return ELEMENT(tuff_half(tuff_word0[at >> 1], at));
    if (DTYPE >= 4u) return ELEMENT(tuff_word0[at >> 2] >> ((at & 3u) * 8u) & 255u);
    return tuff_in0[at];
}
void out0(uint i, RESULT v) { tuff_out[i] = v; }
#endif

struct Best {
    ELEMENT v;
#if REDUCE >= 3
    uint at;
#endif
};
bool before(ELEMENT a, ELEMENT b)
{
#if REDUCE == 1 || REDUCE == 3
    return a > b;
#else
    return a < b;
#endif
}
/* b, whose positions follow those of a or are mixed with them, joined to a: ties go to the lower position */
Best join(Best a, Best b)
{
#if REDUCE == 0
    a.v += b.v;
    return a;
#elif REDUCE < 3
    if (before(b.v, a.v)) return b;
    return a;
#else
    if (before(b.v, a.v) || (b.v == a.v && b.at < a.at)) return b;
    return a;
#endif
}
Best take(uint o, uint r)
{
    Best b;
    b.v = in0(o, r);
#if REDUCE >= 3
    b.at = r;
#endif
    return b;
}
void finish(uint o, Best b)
{
#if REDUCE >= 3
    out0(o, int(b.at));
#else
    out0(o, b.v);
#endif
}
