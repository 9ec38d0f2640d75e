#version 450
#extension GL_GOOGLE_include_directive : require
/* group_counts.comp - workgroup counts of a launch whose rows are counted in device memory.
 *
 *   groups = ceil(clamp(count, 0, most) * each / size),  y = [min(groups, wide), ceil(groups / y[0]) or 1, 1]
 *
 * in    0  count  [1]   i32
 * out   1  y      [3]   i32   as VkDispatchIndirectCommand has them
 * push     most, each, size, wide  uint   rows at most; elements of a row; elements a workgroup; workgroups along x at most
 * grid     1 workgroup of 1
 * why      the host need not know how many rows there are
 */
#include "include/kernel.glsl"
layout(local_size_x = 1) in;
layout(push_constant) uniform Push { TUFF_WORDS(group_counts) };
#include "include/hooks.glsl"
TUFF_PORTS(NP)
void main()
{
    if (gl_WorkGroupID.x + gl_WorkGroupID.y + gl_WorkGroupID.z != 0u) return;
    uint groups = (uint(clamp(in0(0u), 0, int(most))) * each + size - 1u) / size, x = min(groups, wide);
    out0(0u, int(x));
    out0(1u, x == 0u ? 1 : int((groups + x - 1u) / x));
    out0(2u, 1);
}
