/* pool.glsl - geometry of pooling windows, shared by the four pooling kernels. One invocation computes one element; its
 * number is that of the result's element, row-major. Constant ids 0..6 are taken. */
layout(local_size_x_id = 6) in;
layout(constant_id = 0) const uint KH = 2;
layout(constant_id = 1) const uint KW = 2;
layout(constant_id = 2) const uint SH = 2;
layout(constant_id = 3) const uint SW = 2;
layout(constant_id = 4) const uint DH = 1;
layout(constant_id = 5) const uint DW = 1;
layout(constant_id = 6) const uint WORKGROUP = 64;
layout(push_constant) uniform Push {
    uint count, h, w, oh, ow;  /* elements of the result; sizes of the pooled value and of what pooling gives */
    uint top, left, h_end, w_end; /* h_end, w_end: size plus the padding behind it */
};
uint pool_element() { return tuff_group() * WORKGROUP + gl_LocalInvocationIndex; }

/* The windows i0 <= i < i1 along an axis of `windows` that can hold position p (that is: p + pad = i * s + u * d for a u). */
void pool_windows(uint p, uint pad, uint k, uint s, uint d, uint windows, out uint i0, out uint i1)
{
    uint at = p + pad, reach = (k - 1) * d;
    i0 = at > reach ? (at - reach + s - 1) / s : 0;
    i1 = min(at / s + 1, windows);
}
