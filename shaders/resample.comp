#version 450
#extension GL_GOOGLE_include_directive : require
/* resample.comp - weighted sums of few elements along an axis, an element for each invocation.
 *
 *   y[o,i,c] = sum_k weights[i,k] x[o, places[i,k], c],  k in rising order; a weight of 0 reads nothing
 *
 * in    0  x        [outer, m, inner]  f32
 * in    1  places   [n, taps]          i32   negative counts from the end, then clamped
 * in    2  weights  [n, taps]          f32
 * out   3  y        [outer, n, inner]  f32
 * push     count (elements), n, m, inner, taps   uint
 * spec  0  workgroup size (default 64)
 * grid     ceil(count / size) workgroups, folded
 * why      few taps: neighbours along c read neighbours and the same places and weights, which lie in the cache
 */
#include "include/kernel.glsl"
layout(local_size_x_id = 0) in;
TUFF_CONSTANTS(resample)
layout(push_constant) uniform Push { TUFF_WORDS(resample) };
#include "include/grid.glsl"
#include "include/hooks.glsl"
#ifndef TUFF_HOOKS
TUFF_PORTS(resample)
#endif
void main()
{
    uint e = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (e >= count) return;
    uint row = e / inner, i = row % n, base = row / n * m * inner + e % inner;
    int size = int(m);
    float sum = 0.0;
    for (uint k = i * taps; k < (i + 1u) * taps; k++) {
        float weight = in2(k);
        int at = in1(k);
        at = clamp(at < 0 ? at + size : at, 0, size - 1);
        if ((floatBitsToUint(weight) & 0x7fffffffu) != 0u) sum += weight * in0(base + uint(at) * inner);
    }
    out0(e, sum);
}
