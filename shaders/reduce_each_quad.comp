#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
/* reduce_each_quad.comp - reduces n elements to one, four neighbouring outputs at a time; PARTS lanes of a subgroup share them.
 *
 *   y[o] = op_r x(o, r): part p takes r = p, p + PARTS, ..; then a tree of shuffles
 *
 * in    0  x  in0(o, r), in0o(q, r)  f32   any index map
 * out   1  y  [outputs]  f32 | i32 (positions)
 * push     outputs, n    uint; outputs a multiple of 4, n >= PARTS
 * spec  0  workgroup size, a multiple of the subgroup's
 * spec  1  PARTS, a power of two that divides the subgroup's size
 * def      REDUCE 0 sum 1 product 2 max 3 min 4 argmax 5 argmin
 * grid     ceil(outputs / 4 * PARTS / size) workgroups
 * why      sums over leading axes, on a processor: as reduce_row_quad.comp
 */
// tuff: full-subgroups
// tuff: variants -DREDUCE=0; -DREDUCE=1; -DREDUCE=2; -DREDUCE=3; -DREDUCE=4; -DREDUCE=5
#define REDUCE_QUADS
#include "include/reduce.glsl"
TUFF_CONSTANTS(reduce_each_quad)
Best4 join_parts(Best4 b)
{
    uint width = gl_SubgroupSize / PARTS; /* parts of one output lie so many lanes apart */
    for (uint far = gl_SubgroupSize / 2u; far >= width && far > 0u; far /= 2u) {
        Best4 other;
        other.v = subgroupShuffleXor(b.v, far);
        POSITIONS(other.at = subgroupShuffleXor(b.at, far);)
        b = join4(b, other);
    }
    return b;
}
/* Four a round: tuff_lower_rounds. */
Best4 four_of(uint o, uint r)
{
    return join4(join4(take_o(o, r), take_o(o, r + PARTS)), join4(take_o(o, r + 2u * PARTS), take_o(o, r + 3u * PARTS)));
}
void main()
{
    uint width = gl_SubgroupSize / PARTS, subgroup = tuff_group() * gl_NumSubgroups + gl_SubgroupID;
    uint column = subgroup * width + gl_SubgroupInvocationID % width, part = gl_SubgroupInvocationID / width;
    uint o = min(column, outputs / 4u - 1u); /* lanes of no column stay, for the shuffles */
    Best4 b = take_o(o, part);
    uint r = part + PARTS;
    while (r + 3u * PARTS < n) {
        Best4 block = four_of(o, r);
        r += 4u * PARTS;
        for (uint k = 1u; k < ROUNDS && r + 3u * PARTS < n; k++, r += 4u * PARTS) block = join4(block, four_of(o, r));
        b = join4(b, block);
    }
    for (; r < n; r += PARTS) b = join4(b, take_o(o, r));
    b = join_parts(b);
    if (column < outputs / 4u && part == 0u) finish4(o, b);
}
