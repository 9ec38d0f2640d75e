#version 450
/* probe_launch.comp - the least work that a launch can do and still be seen, for probe.c.
 *
 *   y[0] = x[0] + 1
 *
 * in    0  x  [1]  uint
 * out   1  y  [1]  uint
 * grid     1 workgroup
 * why      launches that write nothing could be dropped by a driver
 */
layout(local_size_x = 1) in;
layout(std430, binding = 0) readonly buffer In0 { uint x[]; };
layout(std430, binding = 1) writeonly buffer Out0 { uint y[]; };
void main() { y[0] = x[0] + 1u; }
