/* pool.glsl - geometry of pooling windows, shared by the pooling kernels. Where a file says no other count, one invocation computes one
 * element; its number is that of the result's element, row-major. Constant ids 0..6 are taken.
 *
 * grid  count / WORKGROUP workgroups, rounded up, folded */
#include "include/hooks.glsl"
TUFF_KERNEL(pool, 6)
#include "include/order.glsl"
/* Is the place of order x the window's winner, where the one of order `best` is before it? The first of equal ones wins, but of NaNs the last,
 * as in PyTorch. */
bool pool_wins(int x, int best) { return x > min(best, 0x7ffffffe); }
uint pool_element() { return tuff_group() * WORKGROUP + gl_LocalInvocationIndex; }

/* The windows i0 <= i < i1 along an axis of `windows` that can hold position p (that is: p + pad = i * s + u * d for a u). */
void pool_windows(uint p, uint pad, uint k, uint s, uint d, uint windows, out uint i0, out uint i1)
{
    uint at = p + pad, reach = (k - 1) * d;
    i0 = at > reach ? (at - reach + s - 1) / s : 0;
    i1 = min(at / s + 1, windows);
}
