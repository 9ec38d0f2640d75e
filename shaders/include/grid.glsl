/* grid.glsl - linear workgroup index over a three-dimensional grid: counts above maxComputeWorkGroupCount[0] (65535 is
 * common) are folded into y and z, so the last workgroups may lie beyond the count that the kernel checks. */
uint tuff_group()
{
    return gl_WorkGroupID.x + gl_NumWorkGroups.x * (gl_WorkGroupID.y + gl_NumWorkGroups.y * gl_WorkGroupID.z);
}
