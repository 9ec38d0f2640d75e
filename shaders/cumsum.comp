#version 450
#extension GL_GOOGLE_include_directive : require
/* cumsum.comp - running sums along one axis, each invocation for a line of its own.
 *
 *   y[a, i, b] = sum_{j <= i} x[a, j, b]   (EXCLUSIVE: j < i; REVERSE: from the end)
 *
 * in    0  x  [outer, n, inner]  f32 | i32
 * out   1  y  likewise
 * push     lines (outer * inner), n, inner   uint
 * spec  0  workgroup size (default 64); 1 exclusive, 2 reverse: 0 or 1
 * def      CUMSUM_INT 0 | 1
 * grid     ceil(lines / size) workgroups
 * why      a fixed order of summation; lines are the parallel part
 */
// tuff: variants -DCUMSUM_INT=0; -DCUMSUM_INT=1
#include "include/hooks.glsl"
TUFF_KERNEL(cumsum, 0)
#if CUMSUM_INT
#define ELEMENT int
TUFF_PORTS(NP)
#else
#define ELEMENT float
TUFF_PORTS(IO)
#endif
ELEMENT sum = ELEMENT(0);
void add(uint base, uint k)
{
    if (k >= n) return;
    uint i = base + (REVERSE != 0u ? n - 1u - k : k) * inner;
    ELEMENT x = in0(i), before = sum;
    sum += x;
    out0(i, EXCLUSIVE != 0u ? before : sum);
}
void main()
{
    uint line = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (line >= lines) return;
    uint base = line / inner * n * inner + line % inner;
    for (uint k = 0u; k < n; k += 4u) { /* four a round: tuff_lower_rounds */
        add(base, k);
        add(base, k + 1u);
        add(base, k + 2u);
        add(base, k + 3u);
    }
}
