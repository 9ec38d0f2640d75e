#version 450
#extension GL_GOOGLE_include_directive : require
/* resample.comp - weighted sums of few elements along an axis, four results at a time where there are such.
 *
 *   y[o,i,c] = sum_k weights[i,k] x[o, places[i,k], c],  k in rising order; a weight of 0 reads nothing
 *
 * in    0  x        [outer, m, inner]  f32
 * in    1  places   [n, taps]          i32   negative counts from the end, then clamped
 * in    2  weights  [n, taps]          f32
 * out   3  y        [outer, n, inner]  f32
 * push     count (invocations), n, m, inner, taps, parts, outer, last   uint
 * spec  0  workgroup size (default 64); 1 TAPS: how many, where that is 4 at most, else 0
 *       2  EACH: quads of an invocation, along c (WAY 1) or o (WAY 2), which share places and weights; 1 where TAPS is 0
 *       3  NEAR: what four results in a row read lies within four elements; 4 TAIL: n is no multiple of 4 (WAY 2)
 * def      WAY 0 an element each; 1 four along c, inner a multiple of 4; 2 four along i, inner 1
 * grid     ceil(count / size) workgroups, folded
 * why      places and weights are read once for many results, and near elements as a window of two quads
 */
// tuff: variants -DWAY=0; -DWAY=1; -DWAY=2
#ifndef WAY
#define WAY 0
#endif
#include "include/hooks.glsl"
TUFF_KERNEL(resample, 0)
TUFF_PORTS(INIO)
#include "include/quads.glsl"
const uint KEPT = TAPS > 0u ? TAPS : 1u;

uint place(uint k)
{
    int at = in1(k), size = int(m);
    return uint(clamp(at < 0 ? at + size : at, 0, size - 1));
}
bool is_read(float weight) { return (floatBitsToUint(weight) & 0x7fffffffu) != 0u; }
float part(float weight, float x) { return is_read(weight) ? weight * x : 0.0; }

#if WAY == 2
float pick(vec4 v, uint at)
{
    bool odd = (at & 1u) != 0u, upper = (at & 2u) != 0u;
    float low = odd ? v.y : v.x, high = odd ? v.w : v.z;
    return upper ? high : low;
}
void main()
{
    uint e = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (e >= count) return;
    uint block = e / parts, i = (e - block * parts) * 4u, first = m - 1u, end = n * taps - 1u;
    uint at[4u * KEPT];
    float weight[4u * KEPT];
    [[unroll]] for (uint k = 0u; k < 4u * TAPS; k++) {
        at[k] = place(TAIL ? min(i * TAPS + k, end) : i * TAPS + k);
        weight[k] = in2(TAIL ? min(i * TAPS + k, end) : i * TAPS + k);
        first = is_read(weight[k]) ? min(first, at[k]) : first;
    }
    [[dont_unroll]] for (uint line = block * EACH; line < min(block * EACH + EACH, outer); line++) {
        uint base = line * m, from = base + first;
        vec4 near = vec4(0.0), sum = vec4(0.0);
        if (NEAR) near = tuff_any4(in0q(from / 4u), in0q(min((from + 3u) / 4u, last)), from);
        [[unroll]] for (uint k = 0u; k < 4u * TAPS; k++)
            sum[k / KEPT] += part(weight[k], NEAR ? pick(near, at[k] - first) : in0(base + at[k]));
        if (TAPS == 0u)
            for (uint k = i * taps; k < (i + 1u) * taps; k++)
                [[unroll]] for (uint t = 0u; t < 4u; t++) {
                    uint j = min(k + t * taps, end);
                    sum[t] += part(in2(j), in0(base + place(j)));
                }
        if (!TAIL) out0v(line * n + i, sum);
        if (TAIL)
            [[unroll]] for (uint t = 0u; t < 4u; t++)
                if (i + t < n) out0(line * n + i + t, sum[t]);
    }
}
#elif WAY == 1
void main()
{
    uint e = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (e >= count) return;
    uint row = e / parts, begin = (e - row * parts) * EACH, line = row / n, i = row - line * n, quads = inner / 4u;
    uint at[KEPT];
    float weight[KEPT];
    [[unroll]] for (uint k = 0u; k < TAPS; k++) {
        at[k] = (line * m + place(i * TAPS + k)) * quads;
        weight[k] = in2(i * TAPS + k);
    }
    [[dont_unroll]] for (uint q = begin; q < min(begin + EACH, quads); q++) {
        vec4 sum = vec4(0.0);
        [[unroll]] for (uint k = 0u; k < TAPS; k++) {
            vec4 x = in0q(at[k] + q);
            if (is_read(weight[k])) sum += weight[k] * x;
        }
        if (TAPS == 0u)
            for (uint k = i * taps; k < (i + 1u) * taps; k++) {
                vec4 x = in0q((line * m + place(k)) * quads + q);
                if (is_read(in2(k))) sum += in2(k) * x;
            }
        out0v((row * quads + q) * 4u, sum);
    }
}
#else
void main()
{
    uint e = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (e >= count) return;
    uint row = e / inner, line = row / n, i = row - line * n, base = line * m * inner + e - row * inner;
    float sum = 0.0;
    for (uint k = i * taps; k < (i + 1u) * taps; k++) sum += part(in2(k), in0(base + place(k) * inner));
    out0(e, sum);
}
#endif
