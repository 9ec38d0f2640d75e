#version 450
#extension GL_GOOGLE_include_directive : require
/* reduce_each.comp - reduces n elements to one, each invocation for an output of its own.
 *
 *   y[o] = op_r x(o, r),  r = 0 .. n-1 in this order, by blocks
 *
 * in    0  x  in0(o, r)  f32 | i32 (REDUCE_INT)   any index map
 * out   1  y  [outputs]  f32 | i32
 * push     outputs, n    uint, n >= 1
 * spec  0  workgroup size (default 64)
 * def      REDUCE 0 sum 1 product 2 max 3 min 4 argmax 5 argmin; REDUCE_INT
 * grid     ceil(outputs / size) workgroups
 * why      short rows, or many outputs whose neighbours lie side by side in memory (sums over leading axes)
 */
// tuff: variants -DREDUCE=0; -DREDUCE=1; -DREDUCE=2; -DREDUCE=3; -DREDUCE=4; -DREDUCE=5; -DREDUCE=0 -DREDUCE_INT=1; -DREDUCE=1 -DREDUCE_INT=1; -DREDUCE=2 -DREDUCE_INT=1; -DREDUCE=3 -DREDUCE_INT=1; -DREDUCE=4 -DREDUCE_INT=1; -DREDUCE=5 -DREDUCE_INT=1
#include "include/reduce.glsl"
void main()
{
    uint o = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (o >= outputs) return;
    Best b = take(o, 0u);
    for (uint r = 1u; r < n;) {
        uint end = min(n, r + 4u * ROUNDS + 1u);
        Best block = take(o, r++);
        for (; r + 4u <= end; r += 4u) /* four a round: tuff_lower_rounds */
            block = join(block, join(join(take(o, r), take(o, r + 1u)), join(take(o, r + 2u), take(o, r + 3u))));
        for (; r < end; r++) block = join(block, take(o, r));
        b = join(b, block);
    }
    finish(o, b);
}
