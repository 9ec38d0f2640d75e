#version 450
#extension GL_GOOGLE_include_directive : require
/* assign_rows.comp - writes rows over those of a state from a place on that device memory holds.
 *
 *   y[clamp(place, 0, last) + r, c] = x[r, c], r < clamp(count, 0, n)
 *
 * in    0  x      [n, inner]      f32 | i32 (ROWS_INT)
 * in    1  place  [1]             i32
 * in    2  count  [1]             i32   where COUNTED, else n
 * out   2, 3  y   [rows, inner]   as x; nothing else of it is touched
 * push     elements, inner, last  uint   of x; of a row; rows - n
 * spec  0  workgroup size (default 64)
 * def      ROWS_INT 0 | 1; COUNTED 1
 * grid     ceil(elements / size) workgroups
 * why      a cache or a ring gets a few rows a step: the rest of it is not copied
 */
// tuff: variants -DROWS_INT=0; -DROWS_INT=1; -DROWS_INT=0 -DCOUNTED=1; -DROWS_INT=1 -DCOUNTED=1
#include "include/hooks.glsl"
TUFF_KERNEL(assign_rows, 0)
#if ROWS_INT && defined(COUNTED)
TUFF_PORTS(NNNP)
#elif ROWS_INT
TUFF_PORTS(NNP)
#elif defined(COUNTED)
TUFF_PORTS(INNO)
#else
TUFF_PORTS(INO)
#endif
void main()
{
    uint i = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
#ifdef COUNTED
    if (int(i / inner) >= in2(0u)) return;
#endif
    if (i < elements) out0(uint(clamp(in1(0u), 0, int(last))) * inner + i, in0(i));
}
