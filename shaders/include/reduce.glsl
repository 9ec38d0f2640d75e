/* reduce.glsl - what the four reduce_*.comp share: the operation chosen by REDUCE, its start and its step.
 * REDUCE 0 sum, 1 product, 2 max, 3 min, 4 argmax, 5 argmin; REDUCE_INT: i32 elements instead of f32; REDUCE_QUADS: four at a time too. */
#ifndef REDUCE
#define REDUCE 0
#endif
#ifdef REDUCE_INT
#define ELEMENT int
#else
#define ELEMENT float
#endif
/* POSITIONS(text): of argmax and argmin alone */
#if REDUCE >= 4
#define RESULT int
#define POSITIONS(text) text
#else
#define RESULT ELEMENT
#define POSITIONS(text)
#endif
/* Extrema are the largest of whole numbers in the order of the elements, or of their opposites (order.glsl). */
#if REDUCE <= 1
#define STATE ELEMENT
#define STATE4 vec4
#else
#define STATE int
#define STATE4 ivec4
#endif
#include "include/kernel.glsl"
/* So many rounds are a block, and blocks are joined: the error of a sum of n grows with ROUNDS + n / ROUNDS, not with n. */
const uint ROUNDS = 64u;
TUFF_KERNEL(reduce, 0)
#include "include/unpack.glsl"
#include "include/hooks.glsl"
#ifndef TUFF_HOOKS
#include "include/map.glsl"
/* Rows of the element's kind alone: numbers are read by float kernels, whole numbers by int ones. */
#ifdef REDUCE_INT
#define ROW_OF_float(text)
#define ROW_OF_int(text) text
#else
#define ROW_OF_float(text) text
#define ROW_OF_int(text)
#endif
layout(std430, binding = 0) readonly buffer TuffIn0 { ELEMENT tuff_in0[]; };
layout(std430, binding = 0) readonly buffer TuffWord0 { uint tuff_word0[]; };
layout(std430, binding = 1) writeonly buffer TuffOut { RESULT tuff_out[]; };
/* Alone the input is read through two index maps (graph/compile/plain.c), or is contiguous where MAPPED is not set. */
layout(constant_id = 16) const bool MAPPED = false;
layout(constant_id = 17) const uint DTYPE = 1; /* enum tuff_dtype of the input */
TUFF_MAP(tuff_place_o, 18)
TUFF_MAP(tuff_place_r, 43)
ELEMENT in0(uint o, uint r)
{
    uint at = o * n + r;
    if (MAPPED) at = tuff_place_o(o) + tuff_place_r(r);
#define TUFF_DTYPE_PACKED(symbol, number, name, bytes, reg, unpack, pack, lowest, highest) ROW_OF_##reg(if (DTYPE == number) return unpack(tuff_word0[at / (4 / bytes)], at);)
#include "../graph/dtypes.def"
    return tuff_in0[at];
}
void out0(uint i, RESULT v) { tuff_out[i] = v; }
#ifdef REDUCE_QUADS
vec4 in0q(uint o, uint q) { return vec4(in0(o, 4u * q), in0(o, 4u * q + 1u), in0(o, 4u * q + 2u), in0(o, 4u * q + 3u)); }
vec4 in0o(uint q, uint r) { return vec4(in0(4u * q, r), in0(4u * q + 1u, r), in0(4u * q + 2u, r), in0(4u * q + 3u, r)); }
void out0v(uint i, vec4 v)
{
    for (uint k = 0u; k < 4u; k++) out0(i + k, RESULT(v[k]));
}
#endif
#endif

#if REDUCE <= 1
#define STATE_OF(x) (x)
#elif defined(REDUCE_INT)
int STATE_OF(int x) { return REDUCE == 3 || REDUCE == 5 ? ~x : x; } /* ~x turns the order of all whole numbers around */
#else
#include "include/order.glsl"
int STATE_OF(float x)
{
#if REDUCE == 3 || REDUCE == 5
    x = opposite(x);
#endif
#if REDUCE >= 4
    return order(x);
#else
    return order_value(x);
#endif
}
ivec4 STATE_OF(vec4 x) { return ivec4(STATE_OF(x[0]), STATE_OF(x[1]), STATE_OF(x[2]), STATE_OF(x[3])); }
#endif

struct Best {
    STATE v;
    POSITIONS(uint at;)
};
/* b, whose positions follow those of a or are mixed with them, joined to a: ties go to the lower position */
Best join(Best a, Best b)
{
#if REDUCE == 0
    a.v += b.v;
    return a;
#elif REDUCE == 1
    a.v *= b.v;
    return a;
#elif REDUCE < 4
    a.v = max(a.v, b.v);
    return a;
#else
    bool lower = b.at < a.at, same = b.v == a.v, more = b.v > a.v;
    lower = same && lower;
    if (more || lower) a = b;
    return a;
#endif
}
Best take(uint o, uint r)
{
    Best b;
    b.v = STATE_OF(in0(o, r));
    POSITIONS(b.at = r;)
    return b;
}
ELEMENT result_of(STATE v)
{
#if REDUCE <= 1
    return v;
#elif defined(REDUCE_INT)
    return REDUCE == 3 ? ~v : v;
#elif REDUCE == 3
    return opposite(ordered_value(v));
#else
    return ordered_value(v);
#endif
}
void finish(uint o, Best b)
{
#if REDUCE >= 4
    out0(o, int(b.at));
#else
    out0(o, result_of(b.v));
#endif
}
#ifdef REDUCE_QUADS
struct Best4 {
    STATE4 v;
    POSITIONS(uvec4 at;)
};
/* As join, each of the four for itself. */
Best4 join4(Best4 a, Best4 b)
{
#if REDUCE == 0
    a.v += b.v;
#elif REDUCE == 1
    a.v *= b.v;
#else
#if REDUCE >= 4
    bvec4 less = greaterThan(b.v, a.v), same = equal(b.v, a.v), lower = lessThan(b.at, a.at);
    less = bvec4(uvec4(less) | (uvec4(same) & uvec4(lower)));
    a.at = mix(a.at, b.at, less);
#endif
    a.v = max(a.v, b.v);
#endif
    return a;
}
Best best_of(Best4 b, uint k)
{
    Best one;
    one.v = b.v[k];
    POSITIONS(one.at = b.at[k];)
    return one;
}
Best join_four(Best4 b) { return join(join(best_of(b, 0u), best_of(b, 2u)), join(best_of(b, 1u), best_of(b, 3u))); }
/* Quad q of what is reduced to output o. */
Best4 take_r(uint o, uint q)
{
    Best4 b;
    b.v = STATE_OF(in0q(o, q));
    POSITIONS(b.at = 4u * q + uvec4(0u, 1u, 2u, 3u);)
    return b;
}
/* Element r of outputs 4 q .. 4 q + 3. */
Best4 take_o(uint q, uint r)
{
    Best4 b;
    b.v = STATE_OF(in0o(q, r));
    POSITIONS(b.at = uvec4(r);)
    return b;
}
void finish4(uint q, Best4 b)
{
#if REDUCE >= 4
    for (uint k = 0u; k < 4u; k++) finish(4u * q + k, best_of(b, k));
#else
    out0v(4u * q, vec4(result_of(b.v[0]), result_of(b.v[1]), result_of(b.v[2]), result_of(b.v[3])));
#endif
}
#endif
