#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
/* subgroup_probe.comp - what the *_shuffle kernels rely on, for tuff_selftest: a workgroup of LANES invocations is one
 * subgroup of LANES lanes, which hand elements around.
 *
 * out   0  seen  [groups, LANES, 4]  uint   number of subgroups, size of this one, the value of lane LANES - 1, of the next lane
 * spec  0  LANES: the subgroup's and the workgroup's size
 * grid     groups workgroups
 * why      drivers were seen to report another size than the hardware's (MoltenVK issue 2756)
 */
// tuff: full-subgroups
#include "include/kernel.glsl"
layout(local_size_x_id = 0) in;
TUFF_CONSTANTS(subgroup_probe)
layout(std430, binding = 0) writeonly buffer Out0 { uint seen[]; };

void main()
{
    uint lane = gl_SubgroupInvocationID, group = tuff_group(), value = 100u * group + lane;
    uint last = subgroupShuffle(value, LANES - 1), next = subgroupShuffle(value, (lane + 1) % LANES);
    uint at = 4u * (group * LANES + lane);
    seen[at] = gl_NumSubgroups;
    seen[at + 1] = gl_SubgroupSize;
    seen[at + 2] = last;
    seen[at + 3] = next;
}
