/* plain.glsl - what the plain_*.comp share: operators of class INLINE, each alone in its launch, for programs that have no
 * run-time compiler (graph/plain.c). Every number and type is a specialization constant. An element in a register is 32 bits:
 * of a float, or of a whole number.
 *
 * in    0 .. BUFFERS-1  operands, any dtype; those that are a number or the index itself have none: the rest is bound, not read
 * out   BUFFERS         result, any dtype; four elements per invocation: whole words of bytes and halves
 * push     blocks  uint   ceil(elements / 4)
 * spec  0  workgroup size (default 64)
 * spec  16 + 32 k  operand k: source (number of the buffer; 4: the place is the value), dtype, then its map (map.glsl)
 * spec  144, 145   dtype of the result (enum tuff_dtype), elements
 * grid     ceil(blocks / size) workgroups */
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push { uint blocks; };
#include "include/grid.glsl"
#include "include/dtype.glsl"
#include "include/map.glsl"
#define TUFF_F32 1u
#define TUFF_F16 2u
#define TUFF_I32 3u
#define TUFF_U8 4u
#define TUFF_BOOL 5u
layout(constant_id = 144) const uint RESULT = 1;
layout(constant_id = 145) const uint COUNT = 1;
layout(std430, binding = 0) readonly buffer Buffer0 { uint buffer0[]; };
layout(std430, binding = 1) readonly buffer Buffer1 { uint buffer1[]; };
#if BUFFERS > 2
layout(std430, binding = 2) readonly buffer Buffer2 { uint buffer2[]; };
layout(std430, binding = 3) readonly buffer Buffer3 { uint buffer3[]; };
#endif
layout(std430, binding = BUFFERS) writeonly buffer Result { uint result[]; };

uint plain_word(uint source, uint at)
{
#if BUFFERS > 2
    if (source == 3u) return buffer3[at];
    if (source == 2u) return buffer2[at];
#endif
    if (source == 1u) return buffer1[at];
    return buffer0[at];
}
uint plain_load(uint source, uint dtype, uint at)
{
    if (source > 3u) return at;
    if (dtype == TUFF_F16) return floatBitsToUint(tuff_half(plain_word(source, at >> 1), at));
    if (dtype == TUFF_U8 || dtype == TUFF_BOOL) return plain_word(source, at >> 2) >> ((at & 3u) * 8u) & 255u;
    return plain_word(source, at);
}
/* place0(i), load0(at), operand0(i): where element i reads operand 0, what lies there, both */
#define PLAIN_OPERAND(k)                                                         \
    layout(constant_id = 16 + 32 * k) const uint SOURCE##k = 4;                  \
    layout(constant_id = 17 + 32 * k) const uint DTYPE##k = 1;                   \
    TUFF_MAP(place##k, 18 + 32 * k)                                              \
    uint load##k(uint at) { return plain_load(SOURCE##k, DTYPE##k, at); }        \
    uint operand##k(uint i) { return load##k(place##k(i)); }

/* An invocation computes elements i .. i+3: false where there are none. */
bool plain_begin(out uint i)
{
    i = 4u * (tuff_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x);
    return i < 4u * blocks;
}
void plain_store(uint i, uint r[4])
{
    if (RESULT == TUFF_F16) {
        for (uint k = 0u; k < 2u; k++)
            result[i / 2u + k] = tuff_pack_half(uintBitsToFloat(r[2u * k]), uintBitsToFloat(r[2u * k + 1u]));
    } else if (RESULT == TUFF_U8 || RESULT == TUFF_BOOL) {
        result[i / 4u] = (r[0] & 255u) | (r[1] & 255u) << 8 | (r[2] & 255u) << 16 | r[3] << 24;
    } else {
        for (uint k = 0u; k < 4u; k++)
            if (i + k < COUNT) result[i + k] = r[k];
    }
}
#define PLAIN_MAIN                                                                                      \
    void main()                                                                                         \
    {                                                                                                   \
        uint i, r[4];                                                                                   \
        if (!plain_begin(i)) return;                                                                    \
        for (uint k = 0u; k < 4u; k++) r[k] = plain_element(min(i + k, COUNT - 1u));                     \
        plain_store(i, r);                                                                              \
    }
