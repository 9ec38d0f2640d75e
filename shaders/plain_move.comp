#version 450
#extension GL_GOOGLE_include_directive : require
/* plain_move.comp - the operators of class INLINE that are no rows: views and copies, cast, select, gather, pad, concat, random.
 *
 * spec  146        what (below)
 * spec  147 .. 151 its numbers N0 .. N4
 * spec  160 + 6 t  pad: div, mod of the result's coordinate; before, length, step, stride of the padded one; length 0: none
 * and what include/plain.glsl says
 */
#define BUFFERS 4
#include "include/plain.glsl"
#include "include/philox.glsl"
#define COPY 0u   /* operand 0 */
#define CAST 1u   /* operand 0, of dtype DTYPE0, as RESULT */
#define SELECT 2u /* operand 0 ? operand 1 : operand 2 */
#define GATHER 3u /* operand 0 at its place + N1 * operand 1, which counts from the end when negative, clamped to 0 .. N0-1 */
#define PAD 4u    /* operand 0 inside, else N0 */
#define CONCAT 5u /* the first operand k whose end N2 .. N4 is above the coordinate i / N0 % N1, else the last */
#define RANDOM 6u /* uniform: operands 0, 1 the seed, 2 the step, N0 the stream */
layout(constant_id = 146) const uint WHAT = 0;
layout(constant_id = 147) const uint N0 = 0;
layout(constant_id = 148) const uint N1 = 0;
layout(constant_id = 149) const uint N2 = 0;
layout(constant_id = 150) const uint N3 = 0;
layout(constant_id = 151) const uint N4 = 0;
PLAIN_OPERAND(0)
PLAIN_OPERAND(1)
PLAIN_OPERAND(2)
PLAIN_OPERAND(3)
#define PAD_TERM(t)                                                     \
    layout(constant_id = 160 + 6 * t) const uint pad_div##t = 1;        \
    layout(constant_id = 161 + 6 * t) const uint pad_mod##t = 0;        \
    layout(constant_id = 162 + 6 * t) const uint pad_before##t = 0;     \
    layout(constant_id = 163 + 6 * t) const uint pad_length##t = 0;     \
    layout(constant_id = 164 + 6 * t) const uint pad_step##t = 1;       \
    layout(constant_id = 165 + 6 * t) const uint pad_stride##t = 0;
#define PAD_ADD(t)                                                                                       \
    if (pad_length##t != 0u) {                                                                           \
        uint q = tuff_digit(i, pad_div##t, pad_mod##t) - pad_before##t; /* wraps below zero and fails */ \
        inside = inside && q < pad_length##t && q % pad_step##t == 0u;                                   \
        at += q / pad_step##t * pad_stride##t;                                                           \
    }
PAD_TERM(0) PAD_TERM(1) PAD_TERM(2) PAD_TERM(3) PAD_TERM(4) PAD_TERM(5) PAD_TERM(6) PAD_TERM(7)

#define TUFF_REG_IS_float true
#define TUFF_REG_IS_int false

bool tuff_dtype_is_float(uint dtype)
{
#define TUFF_DTYPE_WORD(symbol, number, name, reg, lowest, highest) if (dtype == number) return TUFF_REG_IS_##reg;
#define TUFF_DTYPE_PACKED(symbol, number, name, bytes, reg, unpack, pack, lowest, highest) if (dtype == number) return TUFF_REG_IS_##reg;
#define TUFF_DTYPE_BLOCKS(symbol, number, name, bytes, elements, lowest, highest) if (dtype == number) return true;
#include "../graph/dtypes.def"
    return false;
}
/* Lowest and highest number of a packed type. */
vec2 tuff_dtype_range(uint dtype)
{
#define TUFF_DTYPE_PACKED(symbol, number, name, bytes, reg, unpack, pack, lowest, highest) if (dtype == number) return vec2(lowest, highest);
#include "../graph/dtypes.def"
    return vec2(0.0);
}
uint convert(uint bits)
{
    bool from = tuff_dtype_is_float(DTYPE0);
    float v = from ? uintBitsToFloat(bits) : float(int(bits));
    if (RESULT == TUFF_BOOL) return from ? tuff_to_bool(v) : uint(bits != 0u);
    if (tuff_dtype_is_float(RESULT)) return from ? bits : floatBitsToUint(v); /* packed ones are rounded where they are stored */
    if (RESULT == TUFF_I32) return from ? uint(tuff_to_int(v)) : bits;
    vec2 range = tuff_dtype_range(RESULT);
    return uint(from ? tuff_to_whole(v, range.x, range.y) : clamp(int(bits), int(range.x), int(range.y)));
}
uint gather(uint i)
{
    int index = int(operand1(i));
    return load0(place0(i) + N1 * uint(clamp(index < 0 ? index + int(N0) : index, 0, int(N0) - 1)));
}
uint pad(uint i)
{
    uint at = place0(i);
    bool inside = true;
    PAD_ADD(0) PAD_ADD(1) PAD_ADD(2) PAD_ADD(3) PAD_ADD(4) PAD_ADD(5) PAD_ADD(6) PAD_ADD(7)
    if (inside) return load0(at);
    return N0;
}
uint concat(uint i)
{
    uint along = tuff_digit(i, N0, N1);
    if (along < N2) return operand0(i);
    if (along < N3) return operand1(i);
    if (along < N4) return operand2(i);
    return operand3(i);
}
uint plain_element(uint i)
{
    if (WHAT == CAST) return convert(operand0(i));
    if (WHAT == SELECT) {
        if (operand0(i) != 0u) return operand1(i);
        return operand2(i);
    }
    if (WHAT == GATHER) return gather(i);
    if (WHAT == PAD) return pad(i);
    if (WHAT == CONCAT) return concat(i);
    if (WHAT == RANDOM)
        return floatBitsToUint(tuff_philox_uniform(int(operand0(i)), int(operand1(i)), int(operand2(i)), N0, i));
    return operand0(i);
}
PLAIN_MAIN
