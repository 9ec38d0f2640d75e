#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
/* reduce_row_quad.comp - reduces n elements to one, LANES lanes of a subgroup for each output; by quads.
 *
 *   y[o] = op_r x(o, r): lane t takes quads t, t + LANES, .. and what is left behind the last quad; then a tree of shuffles
 *
 * in    0  x  in0(o, r), in0q(o, q)  f32   any index map
 * out   1  y  [outputs]  f32 | i32 (positions)
 * push     outputs, n    uint, n >= 4
 * spec  0  workgroup size, a multiple of the subgroup's
 * spec  1  LANES, a power of two that divides the subgroup's size
 * def      REDUCE 0 sum 1 product 2 max 3 min 4 argmax 5 argmin
 * grid     ceil(outputs * LANES / size) workgroups
 * why      rows that are contiguous, on a processor: a load of four costs what a load of one does, and there is neither
 *          shared memory nor a barrier; fixed order, so results repeat bit for bit
 */
// tuff: full-subgroups
// tuff: variants -DREDUCE=0; -DREDUCE=1; -DREDUCE=2; -DREDUCE=3; -DREDUCE=4; -DREDUCE=5
#define REDUCE_QUADS
#include "include/reduce.glsl"
TUFF_CONSTANTS(reduce_row_quad)
Best join_lanes(Best b)
{
    for (uint far = LANES / 2u; far > 0u; far /= 2u) {
        Best other;
        other.v = subgroupShuffleXor(b.v, far);
        POSITIONS(other.at = subgroupShuffleXor(b.at, far);)
        b = join(b, other);
    }
    return b;
}
/* Four a round: tuff_lower_rounds. */
Best4 four_of(uint o, uint q)
{
    return join4(join4(take_r(o, q), take_r(o, q + LANES)), join4(take_r(o, q + 2u * LANES), take_r(o, q + 3u * LANES)));
}
void main()
{
    uint in_group = gl_SubgroupID * gl_SubgroupSize + gl_SubgroupInvocationID;
    uint row = tuff_group() * (gl_WorkGroupSize.x / LANES) + in_group / LANES, t = in_group % LANES, quads = n / 4u;
    uint o = min(row, outputs - 1u); /* lanes of no row stay, for the shuffles */
    Best4 four = take_r(o, min(t, quads - 1u));
#if REDUCE <= 1
    if (t >= quads) four.v = vec4(REDUCE); /* neutral */
#endif
    uint q = t + LANES;
    while (q + 3u * LANES < quads) {
        Best4 block = four_of(o, q);
        q += 4u * LANES;
        for (uint k = 1u; k < ROUNDS && q + 3u * LANES < quads; k++, q += 4u * LANES) block = join4(block, four_of(o, q));
        four = join4(four, block);
    }
    for (; q < quads; q += LANES) four = join4(four, take_r(o, q));
    Best b = join_four(four);
    for (uint r = 4u * quads + t; r < n; r += LANES) b = join(b, take(o, r));
    b = join_lanes(b);
    if (row < outputs && t == 0u) finish(o, b);
}
