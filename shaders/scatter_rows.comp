#version 450
#extension GL_GOOGLE_include_directive : require
/* scatter_rows.comp - joins rows to indexed rows, a workgroup for each piece of a row: the gradient of an embedding.
 *
 *   y[o,r,c] = x[o,r,c] joined (scatter.glsl) by { source[o,j,c] : index[j] = r },  j in rising order
 *
 * in    0  x       [outer, rows, inner]   f32 | i32
 * in    1  index   [count]                i32       negative counts from the end, then clamped
 * in    2  source  [outer, count, inner]  as x
 * out   3  y       [outer, rows, inner]   as x
 * push     outer, rows, count, inner      uint
 * spec  0  workgroup size (64); 1 MODE (default 1)
 * def      SCATTER_INT 0 | 1
 * grid     outer * rows * ceil(inner / (4 size)) workgroups
 * why      nearly all rows of a large table get nothing: indices are compared once a piece, not once an element, by all
 *          invocations together, and leave a bit each. No float atomics: results repeat bit for bit
 */
// tuff: variants -DSCATTER_INT=0; -DSCATTER_INT=1
#include "include/hooks.glsl"
TUFF_KERNEL(scatter_rows, 0)
#include "include/scatter.glsl"
shared uint hits[SIZE]; /* bit b of word w: index first + 32 w + b is this row */
uint hits_of(uint from, int mine)
{
    uint bits = 0u;
    for (uint b = 0u; b < 32u && from + b < count; b++) {
        int at = in1(from + b), size = int(rows);
        at = clamp(at < 0 ? at + size : at, 0, size - 1);
        if (at == mine) bits |= 1u << b;
    }
    return bits;
}
void main()
{
    uint pieces = (inner + 4u * SIZE - 1u) / (4u * SIZE), group = tuff_group(), lane = gl_LocalInvocationID.x;
    if (group >= outer * rows * pieces) return; /* the whole workgroup */
    uint c = group % pieces * 4u * SIZE + lane, row = group / pieces, block = 32u * SIZE;
    bvec4 inside = lessThan(uvec4(c, c + SIZE, c + 2u * SIZE, c + 3u * SIZE), uvec4(inner));
    FOUR sum = FOUR(0);
    for (uint k = 0u; k < 4u; k++)
        if (inside[k]) sum[k] = in0(row * inner + c + k * SIZE);
    for (uint first = 0u; first < count; first += block) {
        if (first > 0u) barrier(); /* the bits of the block before are read */
        hits[lane] = hits_of(first + 32u * lane, int(row % rows));
        barrier(); /* all bits are written */
        uint words = min((count - first + 31u) / 32u, SIZE);
        for (uint w = 0u; w < words; w++)
            for (uint bits = hits[w]; bits != 0u; bits &= bits - 1u) {
                uint j = first + 32u * w + uint(findLSB(bits)), from = (row / rows * count + j) * inner + c;
                if (inside.x) sum.x = joined(sum.x, in2(from));
                if (inside.y) sum.y = joined(sum.y, in2(from + SIZE));
                if (inside.z) sum.z = joined(sum.z, in2(from + 2u * SIZE));
                if (inside.w) sum.w = joined(sum.w, in2(from + 3u * SIZE));
            }
    }
    for (uint k = 0u; k < 4u; k++)
        if (inside[k]) out0(row * inner + c + k * SIZE, sum[k]);
}
