#version 450
#extension GL_GOOGLE_include_directive : require
/* resample.comp - weighted sums of few elements along an axis, four results for each invocation where there are such.
 *
 *   y[o,i,c] = sum_k weights[i,k] x[o, places[i,k], c],  k in rising order; a weight of 0 reads nothing
 *
 * in    0  x        [outer, m, inner]  f32
 * in    1  places   [n, taps]          i32   negative counts from the end, then clamped
 * in    2  weights  [n, taps]          f32
 * out   3  y        [outer, n, inner]  f32
 * push     count (invocations), n, m, inner, taps   uint
 * spec  0  workgroup size (default 64)
 * def      WAY 0 an element each; 1 four along c, inner a multiple of 4; 2 four along o, outer a multiple of 4, inner 1
 * grid     ceil(count / size) workgroups, folded
 * why      places and weights are read once for four results; what is neither (WAY 0) is small, or rare
 */
// tuff: variants -DWAY=0; -DWAY=1; -DWAY=2
#ifndef WAY
#define WAY 0
#endif
#include "include/hooks.glsl"
TUFF_KERNEL(resample, 0)
TUFF_PORTS(INIO)
#if WAY == 0
float read(uint base, uint at) { return in0(base + at * inner); }
#define SUM float
#elif WAY == 1
vec4 read(uint base, uint at) { return in0q(base / 4u + at * (inner / 4u)); }
#define SUM vec4
#else
vec4 read(uint base, uint at)
{
    uint from = base + at;
    return vec4(in0(from), in0(from + m), in0(from + 2u * m), in0(from + 3u * m));
}
#define SUM vec4
#endif
void main()
{
    uint e = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (e >= count) return;
#if WAY == 2
    uint line = e / n, i = e - line * n, base = line * 4u * m;
#else
    uint first = WAY == 1 ? e * 4u : e, row = first / inner, line = row / n, i = row - line * n;
    uint base = line * m * inner + first - row * inner;
#endif
    int size = int(m);
    SUM sum = SUM(0.0);
    for (uint k = i * taps; k < (i + 1u) * taps; k++) {
        float weight = in2(k);
        int at = in1(k);
        at = clamp(at < 0 ? at + size : at, 0, size - 1);
        if ((floatBitsToUint(weight) & 0x7fffffffu) != 0u) sum += weight * read(base, uint(at));
    }
#if WAY == 0
    out0(e, sum);
#elif WAY == 1
    out0v(first, sum);
#else
    for (uint r = 0u; r < 4u; r++) out0((line * 4u + r) * n + i, sum[r]);
#endif
}
