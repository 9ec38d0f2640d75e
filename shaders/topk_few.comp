#version 450
#extension GL_GOOGLE_include_directive : require
/* topk_few.comp - as topk.comp for k well below n: each invocation plays a tournament of the parts of a line of its own.
 *
 *   the largest of each part is known; place r: the first one of the largest, whose part is gone over once more without it
 *
 * in    0  x  [outer, n, inner]  f32 | i32
 * out   1  y   [outer, k, inner]  as x  the elements
 * out   2  at  [outer, k, inner]  i32   their positions
 * push     lines (outer * inner), n, inner, k   uint
 * spec  0  workgroup size (default 64); 1 smallest: 0 or 1; 2 QUADS: inner is 1 and n a multiple of 4; 3 PARTS of a line
 * def      TOPK_INT 0 | 1
 * grid     ceil(lines / size) workgroups
 * why      n + k (n / PARTS + PARTS) comparisons a line instead of n^2: on a processor the lines alone keep all threads busy
 */
// tuff: variants -DTOPK_INT=0; -DTOPK_INT=1
#include "include/hooks.glsl"
TUFF_KERNEL(topk_few, 0)
#include "include/order.glsl"
#if TOPK_INT
#define ELEMENT int
#define FOUR ivec4
TUFF_PORTS(NPQ)
int order(int v) { return v; }
#else
#define ELEMENT float
#define FOUR vec4
TUFF_PORTS(IOQ)
#endif
/* Elements j .. j + 3 of a line; those behind its last are the last once more. */
FOUR four(uint line, uint j)
{
#if !TOPK_INT
    if (QUADS) return in0q((line + j) / 4u);
#endif
    uvec4 at = line + min(uvec4(j, j + 1u, j + 2u, j + 3u), uvec4(n - 1u)) * inner;
    return FOUR(in0(at.x), in0(at.y), in0(at.z), in0(at.w));
}
int order_at(FOUR v, int t)
{
    int x = order(v[t]);
    return SMALLEST != 0u ? ~x : x; /* the order of all whole numbers turned around */
}
void main()
{
    uint e = tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (e >= lines) return;
    uint a = e / inner, b = e - a * inner, line = a * n * inner + b;
    uint size = (n + 4u * PARTS - 1u) / (4u * PARTS) * 4u, spent = 0u; /* of a part; parts without elements: a bit each */
    int top[PARTS], last = 0x7fffffff, last_at = -1;
    for (uint p = 0u; p < PARTS; p++) {
        int best = TUFF_BELOW_ALL;
        for (uint j = p * size; j < min(p * size + size, n); j += 4u) { /* four a round: tuff_lower_rounds */
            FOUR v = four(line, j);
            [[unroll]] for (int t = 0; t < 4; t++) best = max(best, order_at(v, t));
        }
        top[p] = best;
        spent |= p * size < n ? 0u : 1u << p;
    }
    for (uint rank = 0u; rank < k; rank++) {
        uint part = PARTS;
        int best = TUFF_BELOW_ALL, second = TUFF_BELOW_ALL, best_at = -1, count = 0;
        [[unroll]] for (uint p = 0u; p < PARTS; p++) {
            bool better = (part == PARTS || top[p] > best) && (spent >> p & 1u) == 0u;
            best = better ? top[p] : best;
            part = better ? p : part;
        }
        /* its elements that come after the one at last_at: the first of the largest, and the largest without it */
        for (uint j = part * size; j < min(part * size + size, n); j += 4u) {
            FOUR v = four(line, j);
            [[unroll]] for (int t = 0; t < 4; t++) {
                int x = order_at(v, t), at = int(j) + t;
                bool counts = (x < last || (x == last && at > last_at)) && at < int(n);
                bool first = counts && x == best && best_at < 0;
                second = counts && !first ? max(second, x) : second;
                best_at = first ? at : best_at;
                count += counts ? 1 : 0;
            }
        }
        top[part] = second;
        spent |= count > 1 ? 0u : 1u << part;
        uint place = (a * k + rank) * inner + b;
        out0(place, in0(line + uint(best_at) * inner));
        out1(place, best_at);
        last = best;
        last_at = best_at;
    }
}
