#version 450
#extension GL_GOOGLE_include_directive : require
/* scatter.comp - joins elements to what is at indexed places, each invocation for a place of its own.
 *
 *   y[c] = x[c] joined (scatter.glsl) by { source[c with j at the axis] : index[c with j at the axis] = c[axis] },  j in rising order
 *
 * in    0  x       [d0, .., d7]  f32 | i32  shapes of rank 8, padded with 1 in front
 * in    1  index   [e0, .., e7]  i32        e <= d but on the axis; negative counts from the end, then clamped
 * in    2  source  [e0, .., e7]  as x
 * out   3  y       [d0, .., d7]  as x
 * push     d[8], e[8], elements, axis     uint
 * spec  0  workgroup size (default 64); 1 MODE (default 1)
 * def      SCATTER_INT 0 | 1
 * grid     ceil(elements / size) workgroups
 * why      no float atomics: results repeat bit for bit
 */
// tuff: variants -DSCATTER_INT=0; -DSCATTER_INT=1
#include "include/hooks.glsl"
TUFF_KERNEL(scatter, 0)
#include "include/scatter.glsl"
/* sum with the source at j when that goes to `mine` */
ELEMENT add(ELEMENT sum, uint at_j, bool inside, int mine, int size)
{
    if (!inside) return sum;
    int at = in1(at_j);
    at = clamp(at < 0 ? at + size : at, 0, size - 1);
    return at == mine ? joined(sum, in2(at_j)) : sum;
}
void main()
{
    uint i = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= elements) return;
    uint rest = i, base = 0u, stride = 1u, step = 1u;
    int mine = 0, size = int(d[axis]);
    bool inside = true;
    for (uint k = 8u; k-- > 0u;) {
        uint c = rest % d[k];
        rest /= d[k];
        if (k == axis) {
            mine = int(c);
            step = stride;
        } else {
            inside = inside && c < e[k];
            base += c * stride;
        }
        stride *= e[k];
    }
    ELEMENT sum = in0(i);
    if (inside)
        for (uint j = 0u; j < e[axis]; j += 4u) { /* four a round: tuff_lower_rounds */
            uint at = base + j * step;
            sum = add(sum, at, true, mine, size);
            sum = add(sum, at + step, j + 1u < e[axis], mine, size);
            sum = add(sum, at + 2u * step, j + 2u < e[axis], mine, size);
            sum = add(sum, at + 3u * step, j + 3u < e[axis], mine, size);
        }
    out0(i, sum);
}
