/* plain.glsl - what the plain_*.comp share: operators of class INLINE, each alone in its launch, for programs that have no
 * run-time compiler (graph/compile/plain.c). Every number and type is a specialization constant. An element in a register is 32 bits:
 * of a float, or of a whole number.
 *
 * in    0 .. BUFFERS-1  operands, any dtype; those that are a number or the index itself have none: the rest is bound, not read
 * out   BUFFERS         result, any dtype; four elements per invocation: whole words of bytes and halves
 * push     blocks  uint   ceil(elements / 4)
 * spec  0  workgroup size (default 64)
 * spec  16 + 32 k  operand k: source (number of the buffer; 4: the place is the value), dtype, then its map (map.glsl)
 * spec  144, 145   dtype of the result (enum tuff_dtype), elements
 * grid     ceil(blocks / size) workgroups */
#include "include/kernel.glsl"
TUFF_KERNEL(plain, 0)
#include "include/dtype.glsl"
#include "include/map.glsl"
#define TUFF_DTYPE_WORD(symbol, number, name, reg, lowest, highest) const uint TUFF_##symbol = number;
#define TUFF_DTYPE_PACKED(symbol, number, name, bytes, reg, unpack, pack, lowest, highest) const uint TUFF_##symbol = number;
#include "../graph/dtypes.def"
layout(constant_id = 144) const uint RESULT = 1;
layout(constant_id = 153) const uint SCALES = 0; /* where those of an operand of blocks begin, in words */
layout(constant_id = 145) const uint COUNT = 1;
layout(std430, binding = 0) readonly buffer Buffer0 { uint buffer0[]; };
layout(std430, binding = 1) readonly buffer Buffer1 { uint buffer1[]; };
#if BUFFERS > 2
layout(std430, binding = 2) readonly buffer Buffer2 { uint buffer2[]; };
layout(std430, binding = 3) readonly buffer Buffer3 { uint buffer3[]; };
#endif
layout(std430, binding = BUFFERS) writeonly buffer Result { uint result[]; };

/* 0, which no compiler knows: there are fewer blocks. Of a factor 0, and of the difference of equal words, drivers make 0, whatever the
 * other factor or the words are. */
#define UNSEEN (blocks >> 31u)

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
    if (source > 3u) return at | UNSEEN;
#define PLAIN_BITS_float(v) floatBitsToUint(v)
#define PLAIN_BITS_int(v) uint(v)
#define TUFF_DTYPE_PACKED(symbol, number, name, bytes, reg, unpack, pack, lowest, highest) if (dtype == number) return PLAIN_BITS_##reg(unpack(plain_word(source, at / (4 / bytes)), at));
#define TUFF_DTYPE_BLOCKS(symbol, number, name, bytes, elements, lowest, highest) if (dtype == number) return floatBitsToUint(float(tuff_char(plain_word(source, at / 4u), at)) * tuff_half(plain_word(source, SCALES + at / (2 * elements)), at / elements));
#include "../graph/dtypes.def"
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
#define PLAIN_REG_float(bits) uintBitsToFloat(bits)
#define PLAIN_REG_int(bits) int(bits)
#define PLAIN_STORE_2(of, pack)                                                                    \
    for (uint k = 0u; k < 2u; k++) result[i / 2u + k] = pack(of(r[2u * k]), of(r[2u * k + 1u]));
#define PLAIN_STORE_1(of, pack) result[i / 4u] = pack(of(r[0]), of(r[1]), of(r[2]), of(r[3]));
void plain_store(uint i, uint r[4])
{
#define TUFF_DTYPE_PACKED(symbol, number, name, bytes, reg, unpack, pack, lowest, highest) if (RESULT == number) { PLAIN_STORE_##bytes(PLAIN_REG_##reg, pack) return; }
#include "../graph/dtypes.def"
    for (uint k = 0u; k < 4u; k++)
        if (i + k < COUNT) result[i + k] = r[k];
}
#define PLAIN_MAIN                                                                                      \
    void main()                                                                                         \
    {                                                                                                   \
        uint i, r[4];                                                                                   \
        if (!plain_begin(i)) return;                                                                    \
        for (uint k = 0u; k < 4u; k++) r[k] = plain_element(min(i + k, COUNT - 1u));                     \
        plain_store(i, r);                                                                              \
    }
