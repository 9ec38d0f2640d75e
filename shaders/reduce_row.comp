#version 450
#extension GL_GOOGLE_include_directive : require
/* reduce_row.comp - reduces n elements to one, a workgroup for each output.
 *
 *   y[o] = op_r x(o, r): invocation t takes r = t, t + size, ..; by blocks, then a tree over the workgroup
 *
 * in    0  x  in0(o, r)  f32 | i32 (REDUCE_INT)   any index map
 * out   1  y  [outputs]  f32 | i32
 * push     outputs, n    uint, n >= 1
 * spec  0  workgroup size, power of two (default 64)
 * def      REDUCE 0 sum 1 product 2 max 3 min 4 argmax 5 argmin; REDUCE_INT
 * grid     outputs workgroups
 * why      long rows that are contiguous: neighbours read neighbours; fixed order, so results repeat bit for bit
 */
// tuff: variants -DREDUCE=0; -DREDUCE=1; -DREDUCE=2; -DREDUCE=3; -DREDUCE=4; -DREDUCE=5; -DREDUCE=0 -DREDUCE_INT=1; -DREDUCE=1 -DREDUCE_INT=1; -DREDUCE=2 -DREDUCE_INT=1; -DREDUCE=3 -DREDUCE_INT=1; -DREDUCE=4 -DREDUCE_INT=1; -DREDUCE=5 -DREDUCE_INT=1
#include "include/reduce.glsl"
shared Best part[SIZE];
void main()
{
    uint o = tuff_group(), t = gl_LocalInvocationID.x;
    bool inside = o < outputs; /* the same for the whole workgroup */
    if (inside) {
        Best b = take(o, min(t, n - 1u));
#if REDUCE <= 1
        if (t >= n) b.v = ELEMENT(REDUCE); /* neutral */
#endif
        for (uint r = t + SIZE; r < n;) {
            Best block = take(o, r);
            r += SIZE;
            for (uint k = 1u; k < ROUNDS && r < n; k++, r += SIZE) block = join(block, take(o, r));
            b = join(b, block);
        }
        part[t] = b;
    }
    for (uint half_size = SIZE / 2u; half_size > 0u; half_size /= 2u) {
        barrier(); /* parts written before they are read */
        if (inside && t < half_size) part[t] = join(part[t], part[t + half_size]);
    }
    if (inside && t == 0u) finish(o, part[0]);
}
