#version 450
#extension GL_GOOGLE_include_directive : require
/* topk.comp - the k largest (SMALLEST: smallest) elements along one axis and their positions, in order, ties by lower position.
 * NaN counts as larger than every number.
 *
 *   the element whose rank r = #{j : x[j] before x[i]} is below k is written to place r
 *
 * in    0  x  [outer, n, inner]  f32 | i32
 * out   1  y   [outer, k, inner]  as x  the elements
 * out   2  at  [outer, k, inner]  i32   their positions
 * push     elements (outer * n * inner), n, inner, k   uint
 * spec  0  workgroup size (default 64); 1 smallest: 0 or 1
 * def      TOPK_INT 0 | 1
 * grid     ceil(elements / size) workgroups
 * why      n comparisons per element without shared memory: right for the short axes it is for, and reproducible; of
 *          whole numbers, which are in order even where there are NaNs: without one, two elements would share a place and
 *          others would stay unwritten
 */
// tuff: variants -DTOPK_INT=0; -DTOPK_INT=1
#include "include/hooks.glsl"
TUFF_KERNEL(topk, 0)
#include "include/order.glsl"
#if TOPK_INT
#define ELEMENT int
TUFF_PORTS(NPQ)
int order(int v) { return v; }
#else
#define ELEMENT float
TUFF_PORTS(IOQ)
#endif
/* 1 when element j of the line comes before the one at i, whose order is x */
uint before(uint line, uint j, int x, uint i)
{
    int other = order(in0(line + min(j, n - 1u) * inner));
    bool first = SMALLEST != 0u ? other < x : other > x;
    return j < n && (first || (other == x && j < i)) ? 1u : 0u;
}
void main()
{
    uint e = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (e >= elements) return;
    uint b = e % inner, i = e / inner % n, a = e / inner / n, line = a * n * inner + b;
    ELEMENT element = in0(e);
    int x = order(element);
    uint rank = 0u;
    for (uint j = 0u; j < n; j += 4u) /* four a round: tuff_lower_rounds */
        rank += before(line, j, x, i) + before(line, j + 1u, x, i) + before(line, j + 2u, x, i) + before(line, j + 3u, x, i);
    uint at = (a * k + rank) * inner + b;
    if (rank < k) out0(at, element);
    if (rank < k) out1(at, int(i));
}
