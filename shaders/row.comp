#version 450
#extension GL_GOOGLE_include_directive : require
#ifndef TREE
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
/* row.comp - several reductions of each row, each round with what those before have found, and what is made of the row's elements.
 *
 *   round p: y_k[o] = op_k over r of f_k(o, r, y of earlier rounds); in the last round also z_m[o, r] = g_m(o, r, y)
 *
 * Lane t of a row takes quads t, t + lanes, .., joins them by blocks, then a tree of shuffles over the lanes and, where several subgroups
 * have a row (SUBS), their parts in order: in every lane the same bits. HELD: a row's quads are loaded once, into E registers a lane.
 *
 * in    0   in0(o, r)  anything (graph/compile/emit_row.c)
 * out   0   of each row, out0(o, y), and of each element
 * push     outputs, n    uint: rows, and elements of each; n >= 1
 * spec  0  workgroup size: LANES * SUBS times the rows of a workgroup
 * spec  1  LANES that share a row within a subgroup, a power of two (TREE: within the workgroup)
 * spec  2  SUBS, subgroups that share a row: 1, or all of a workgroup
 * spec  3  E, where HELD
 * spec  4  PARTS: what subgroups of a row have found; 2 * stages * SUBS * rows of a subgroup where SUBS is above 1
 * def      COLUMNS: a lane has element r of rows 4 o .. 4 o + 3, which lie side by side; HELD; TREE: no subgroups, shared memory
 * grid     as many workgroups as the rows need
 * why      softmax, norms and losses read a row once from memory, and are one launch
 */
// tuff: full-subgroups
#include "include/kernel.glsl"
const uint ROUNDS = 64u; /* as in reduce.glsl */
layout(local_size_x_id = 0) in;
TUFF_CONSTANTS(reduce)
TUFF_CONSTANTS(row)
layout(push_constant) uniform Push { TUFF_WORDS(reduce) };
#include "include/order.glsl"
#ifdef COLUMNS
#define LINE_float vec4
#define LINE_int ivec4
#define LINE_uint uvec4
#else
#define LINE_float float
#define LINE_int int
#define LINE_uint uint
#endif
bool live; /* this lane's rows are there */

/* ---- sums of quads, and their start (emit_row.c) ---- */
vec4 row_sum(vec4 a, vec4 b) { return a + b; }
ivec4 row_sum(ivec4 a, ivec4 b) { return a + b; }
vec4 row_prod(vec4 a, vec4 b) { return a * b; }
ivec4 row_prod(ivec4 a, ivec4 b) { return a * b; }
ivec4 row_max(ivec4 a, ivec4 b) { return max(a, b); }
/* b, at its places, joined to a: ties go to the lower place */
void row_pick(inout ivec4 a, inout uvec4 at, ivec4 b, uvec4 b_at)
{
    bvec4 more = greaterThan(b, a), same = equal(b, a), lower = lessThan(b_at, at);
    more = bvec4(uvec4(more) | (uvec4(same) & uvec4(lower)));
    at = mix(at, b_at, more);
    a = max(a, b);
}
ivec4 row_max_state(vec4 v) { return ivec4(order_value(v.x), order_value(v.y), order_value(v.z), order_value(v.w)); }
vec4 row_opposite(vec4 v) { return uintBitsToFloat(floatBitsToUint(v) ^ 0x80000000u); }
ivec4 row_min_state(vec4 v) { return row_max_state(row_opposite(v)); }
ivec4 row_argmax_state(vec4 v) { return ivec4(order(v.x), order(v.y), order(v.z), order(v.w)); }
ivec4 row_argmin_state(vec4 v) { return row_argmax_state(row_opposite(v)); }
ivec4 row_max_state(ivec4 v) { return v; }
ivec4 row_min_state(ivec4 v) { return ~v; } /* turns the order of all whole numbers around */
ivec4 row_argmax_state(ivec4 v) { return v; }
ivec4 row_argmin_state(ivec4 v) { return ~v; }
LINE_int row_max_int(LINE_int v) { return v; }
LINE_int row_min_int(LINE_int v) { return ~v; }
#ifdef COLUMNS
vec4 row_max_float(ivec4 v) { return vec4(ordered_value(v.x), ordered_value(v.y), ordered_value(v.z), ordered_value(v.w)); }
vec4 row_min_float(ivec4 v) { return row_opposite(row_max_float(v)); }
#define OF_QUAD(OP, v) (v)
#else
float row_max_float(int v) { return ordered_value(v); }
float row_min_float(int v) { return opposite(ordered_value(v)); }
#define OF_QUAD(OP, v) OP(OP(v.x, v.y), OP(v.z, v.w))
#endif
#define ADD(a, b) ((a) + (b))
#define TIMES(a, b) ((a) * (b))

/* ---- over the lanes of a row: every lane gets the result, in the same order everywhere ---- */
LINE_uint row_bits(LINE_uint v) { return v; }
LINE_uint row_bits(LINE_int v) { return LINE_uint(v); }
LINE_uint row_bits(LINE_float v) { return floatBitsToUint(v); }
LINE_float row_float(LINE_uint v) { return uintBitsToFloat(v); }
LINE_int row_int(LINE_uint v) { return LINE_int(v); }
#ifdef TREE
shared LINE_uint parts[SIZE];
#ifdef COLUMNS
const uint STEP = SIZE / LANES; /* parts of one row lie so far apart */
uint row_part() { return gl_LocalInvocationID.x / STEP; }
#else
const uint STEP = 1u;
uint row_part() { return gl_LocalInvocationID.x % LANES; }
#endif
#define OVER_LANES(name, LINE, QUAD, OP, OF_BITS) \
LINE name(QUAD quad, uint slot) \
{ \
    uint id = gl_LocalInvocationID.x, part = row_part(); \
    LINE v = OF_QUAD(OP, quad); \
    barrier(); /* the last result has been read */ \
    parts[id] = row_bits(v); \
    for (uint half_count = LANES / 2u; half_count > 0u; half_count /= 2u) { \
        barrier(); /* parts written before they are read */ \
        if (part < half_count) { \
            v = OP(v, OF_BITS(parts[id + half_count * STEP])); \
            parts[id] = row_bits(v); \
        } \
    } \
    barrier(); /* as above */ \
    return OF_BITS(parts[id - part * STEP]); \
}
#else
shared LINE_uint parts[PARTS];
#ifdef COLUMNS
#define FARTHEST (gl_SubgroupSize / 2u)
#define NEAREST (gl_SubgroupSize / LANES)
#define COLUMN (gl_SubgroupInvocationID % NEAREST)
#else
#define FARTHEST (LANES / 2u)
#define NEAREST 1u
#define COLUMN 0u
#endif
/* Of the subgroups of a row, in order. A place of its own for each stage: no barrier but the one before the reading. */
#define OVER_SUBGROUPS(v, OP, OF_BITS, slot) \
    if (SUBS > 1u) { \
        uint at = slot * SUBS * NEAREST + COLUMN; \
        if (gl_SubgroupInvocationID < NEAREST) parts[at + gl_SubgroupID * NEAREST] = row_bits(v); \
        barrier(); \
        v = OF_BITS(parts[at]); \
        for (uint s = 1u; s < SUBS; s++) v = OP(v, OF_BITS(parts[at + s * NEAREST])); \
    }
#define OVER_LANES(name, LINE, QUAD, OP, OF_BITS) \
LINE name(QUAD quad, uint slot) \
{ \
    LINE v = OF_QUAD(OP, quad); \
    for (uint far = FARTHEST; far >= NEAREST && far > 0u; far /= 2u) { \
        LINE other = subgroupShuffleXor(v, far); \
        v = OP(v, other); \
    } \
    OVER_SUBGROUPS(v, OP, OF_BITS, slot) \
    return v; \
}
#endif
OVER_LANES(row_sum_lanes, LINE_float, vec4, ADD, row_float)
OVER_LANES(row_sum_lanes, LINE_int, ivec4, ADD, row_int)
OVER_LANES(row_prod_lanes, LINE_float, vec4, TIMES, row_float)
OVER_LANES(row_prod_lanes, LINE_int, ivec4, TIMES, row_int)
OVER_LANES(row_max_lanes, LINE_int, ivec4, max, row_int)
OVER_LANES(row_min_lanes, LINE_uint, uvec4, min, LINE_uint)
/* The lowest place of the largest: every lane knows that, so places elsewhere are out. */
LINE_int row_pick_lanes(ivec4 a, uvec4 at, uint slot)
{
    LINE_int most = row_max_lanes(a, slot);
    at = mix(uvec4(0xffffffffu), at, equal(a, ivec4(most)));
    return LINE_int(row_min_lanes(at, slot + 1u));
}

#include "include/unpack.glsl"
#include "include/hooks.glsl"
#ifndef TUFF_HOOKS
/* Sums of rows that are contiguous, or of columns. */
TUFF_PORTS(IO)
#define TUFF_PASSES(P) P(0)
struct Held {
    vec4 q0;
};
vec4 all0, one0;
LINE_float g0;
Held tuff_load(uint o, uint x)
{
    Held h;
#ifdef COLUMNS
    for (uint j = 0u; j < 4u; j++) h.q0[j] = in0(x * outputs + min(4u * o + j, outputs - 1u));
#else
    for (uint j = 0u; j < 4u; j++) h.q0[j] = 4u * x + j < n ? in0(o * n + 4u * x + j) : 0.0;
#endif
    return h;
}
void tuff_fixed(uint o) {}
void tuff_start0() { all0 = one0 = vec4(0.0); }
void tuff_block0() { all0 += one0; one0 = vec4(0.0); }
void tuff_pass0(uint o, uint x, Held h) { one0 += h.q0; }
void tuff_join0() { g0 = row_sum_lanes(all0, 0u); }
void tuff_finish(uint o)
{
#ifdef COLUMNS
    for (uint j = 0u; j < 4u; j++)
        if (4u * o + j < outputs) out0(4u * o + j, g0[j]);
#else
    out0(o, g0);
#endif
}
#endif

/* ---- rounds ---- */
#ifdef HELD
#define ROUND(p) \
    for (uint i = 0u; i < E; i++) \
        if (t + i * share < steps) tuff_pass##p(row, t + i * share, held[i]);
#else
#define ROUND(p) \
    for (uint x = t; x < steps;) { \
        for (uint k = 0u; k < ROUNDS && x + 3u * share < steps; k++, x += 4u * share) { \
            tuff_pass##p(row, x, tuff_load(row, x)); \
            tuff_pass##p(row, x + share, tuff_load(row, x + share)); \
            tuff_pass##p(row, x + 2u * share, tuff_load(row, x + 2u * share)); \
            tuff_pass##p(row, x + 3u * share, tuff_load(row, x + 3u * share)); \
        } \
        for (uint k = 0u; k < 4u && x < steps && x + 3u * share >= steps; k++, x += share) \
            tuff_pass##p(row, x, tuff_load(row, x)); \
        tuff_block##p(); \
    }
#endif
#define PASS(p) \
    tuff_start##p(); \
    ROUND(p) \
    tuff_block##p(); \
    tuff_join##p();
void main()
{
    uint share = LANES * SUBS;
#ifdef COLUMNS
    uint rows = (outputs + 3u) / 4u, steps = n;
#ifdef TREE
    uint t = row_part(), row = tuff_group() * STEP + gl_LocalInvocationID.x % STEP;
#else
    uint t = gl_SubgroupInvocationID / NEAREST, row = tuff_group();
    if (SUBS > 1u)
        t += gl_SubgroupID * LANES;
    else
        row = row * gl_NumSubgroups + gl_SubgroupID;
    row = row * NEAREST + COLUMN;
#endif
#else
    uint rows = outputs, steps = (n + 3u) / 4u;
#ifdef TREE
    uint id = gl_LocalInvocationID.x;
#else
    uint id = gl_SubgroupID * gl_SubgroupSize + gl_SubgroupInvocationID;
#endif
    uint t = id % share, row = tuff_group() * (SIZE / share) + id / share;
#endif
    live = row < rows;
    row = min(row, rows - 1u); /* lanes of no row stay, for the shuffles and barriers */
    tuff_fixed(row);
#ifdef HELD
    Held held[E];
    for (uint i = 0u; i < E; i++) held[i] = tuff_load(row, min(t + i * share, steps - 1u));
#endif
    TUFF_PASSES(PASS)
    if (live && t == 0u) tuff_finish(row);
}
