#version 450
#extension GL_GOOGLE_include_directive : require
/* lrn.comp - local response normalisation over neighbouring channels, an element for each invocation.
 *
 *   y[n,c,i] = x[n,c,i] * (bias + share * sum_j x[n,j,i]^2)^power,  j from c - before to c + after, inside 0 .. channels-1
 *
 * in    0  x  [n, channels, inner]  f32
 * out   1  y  likewise
 * push     count (elements), channels, inner, before, after   uint; share, bias, power   float
 * spec  0  workgroup size (default 64)
 * grid     ceil(count / size) workgroups, folded
 * why      windows are short, and neighbours along i read neighbours: what a window reads again lies in the cache
 */
#include "include/pw_math.glsl"
#include "include/hooks.glsl"
TUFF_KERNEL(lrn, 0)
TUFF_PORTS(IO)
void main()
{
    uint e = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (e >= count) return;
    uint c = e / inner % channels, first = c - min(c, before), last = min(channels - 1u, c + after);
    uint at = e - (c - first) * inner;
    float sum = 0.0;
    for (uint j = first; j <= last; j++, at += inner) {
        float x = in0(at);
        sum += x * x;
    }
    out0(e, in0(e) * pw_pow(bias + share * sum, power));
}
