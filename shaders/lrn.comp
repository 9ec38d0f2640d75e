#version 450
#extension GL_GOOGLE_include_directive : require
/* lrn.comp - local response normalisation over neighbouring channels, four elements in a row for each invocation.
 *
 *   y[n,c,i] = x[n,c,i] * (bias + share * sum_j x[n,j,i]^2)^power,  j from c - before to c + after, inside 0 .. channels-1
 *
 * in    0  x  [n, channels, inner]  f32
 * out   1  y  likewise
 * push     count (elements), channels, inner, before, after (both below channels)   uint; share, bias, power   float
 * spec  0  workgroup size (default 64); 1 SHORT: inner is below 4; 2 ALIGNED: a multiple of 4
 * grid     ceil(count / 4 / size) workgroups, folded
 * why      neighbours in other channels of four elements in a row lie in a row, too, whatever inner is: a window of two quads.
 *          The sum is above 0, so that exp and log make its power
 */
#include "include/pw_math.glsl"
#include "include/hooks.glsl"
TUFF_KERNEL(lrn, 0)
TUFF_PORTS(IO)
/* Is the channel that lies `before` below this one inside? */
bool is_inside(uint c) { return c - before < channels; }
void main()
{
    uint q = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x, e = q * 4u, last = (count - 1u) / 4u;
    if (e >= count) return;
    uint row = e / inner, first = e - row * inner, here = row % channels, next = here + 1u == channels ? 0u : here + 1u;
    vec4 x = in0q(q), sum = vec4(0.0), y;
    for (uint d = 0u; d <= before + after; d++) {
        uint from = e + d * inner - before * inner; /* may wrap below zero: then what is read of it does not count */
        vec4 v = in0q(min(from >> 2, last));
        if (!ALIGNED) v = tuff_any4(v, in0q(min((from + 3u) >> 2, last)), from);
        bool of_here = is_inside(here + d), of_next = is_inside(next + d);
        [[unroll]] for (uint t = 0u; t < 4u; t++) {
            bool inside = ALIGNED || first + t < inner ? of_here : of_next;
            if (SHORT) inside = is_inside((e + t) / inner % channels + d);
            sum[t] += inside ? v[t] * v[t] : 0.0;
        }
    }
    [[unroll]] for (uint t = 0u; t < 4u; t++) y[t] = x[t] * pw_exp(power * pw_log(bias + share * sum[t]));
    if (e + 3u < count) {
        out0v(e, y);
    } else {
        [[unroll]] for (uint t = 0u; t < 3u; t++)
            if (e + t < count) out0(e + t, y[t]);
    }
}
