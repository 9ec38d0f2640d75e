#version 450
#extension GL_GOOGLE_include_directive : require
/* cumsum.comp - running sums along one axis, each invocation for a line of its own, or for some that lie side by side.
 *
 *   y[a, i, b] = sum_{j <= i} x[a, j, b]   (EXCLUSIVE: j < i; REVERSE: from the end)
 *
 * in    0  x  [outer, n, inner]  f32 | i32
 * out   1  y  likewise
 * push     lines (outer * inner, each BESIDE quads of them one), n, inner   uint
 * spec  0  workgroup size (default 64); 1 exclusive, 2 reverse: 0 or 1
 *       3  ALONG: inner is 1, n a multiple of 4; 4 BESIDE: quads of lines, inner a multiple; 0: a
 *       line; of floats alone
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
#if !CUMSUM_INT
const uint MOST = BESIDE > 0u ? BESIDE : 1u;
float running = 0.0;
vec4 along(vec4 x)
{
    vec4 y;
    [[unroll]] for (uint k = 0u; k < 4u; k++) {
        uint t = REVERSE != 0u ? 3u - k : k;
        float before = running;
        running += x[t];
        y[t] = EXCLUSIVE != 0u ? before : running;
    }
    return y;
}
/* Up to four quads of a row that begin with quad k: loaded before any is stored, as rows may lie in the same places of a cache. */
void add_quads(uint base, uint k)
{
    vec4 x[4];
    uint quads = n / 4u;
    [[unroll]] for (uint t = 0u; t < 4u; t++) x[t] = in0q(base + min(REVERSE != 0u ? quads - 1u - k - t : k + t, quads - 1u));
    [[unroll]] for (uint t = 0u; t < 4u; t++) {
        uint q = REVERSE != 0u ? quads - 1u - k - t : k + t;
        if (k + t < quads) out0v((base + q) * 4u, along(x[t]));
    }
}
void add_beside(uint base)
{
    vec4 sums[MOST], x[MOST];
    [[unroll]] for (uint t = 0u; t < BESIDE; t++) sums[t] = vec4(0.0);
    for (uint k = 0u; k < n; k++) {
        uint q = base + (REVERSE != 0u ? n - 1u - k : k) * (inner / 4u);
        [[unroll]] for (uint t = 0u; t < BESIDE; t++) x[t] = in0q(q + t);
        [[unroll]] for (uint t = 0u; t < BESIDE; t++) {
            vec4 before = sums[t];
            sums[t] += x[t];
            out0v((q + t) * 4u, EXCLUSIVE != 0u ? before : sums[t]);
        }
    }
}
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
#if !CUMSUM_INT
    if (ALONG) {
        for (uint k = 0u; k < n / 4u; k += 4u) add_quads(line * (n / 4u), k);
        return;
    }
    if (BESIDE > 0u) {
        uint quads = inner / 4u, parts = quads / MOST, plane = line / parts;
        add_beside(plane * n * quads + (line - plane * parts) * BESIDE);
        return;
    }
#endif
    uint base = line / inner * n * inner + line % inner;
    for (uint k = 0u; k < n; k += 4u) { /* four a round: tuff_lower_rounds */
        add(base, k);
        add(base, k + 1u);
        add(base, k + 2u);
        add(base, k + 3u);
    }
}
