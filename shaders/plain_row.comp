#version 450
#extension GL_GOOGLE_include_directive : require
/* plain_row.comp - one row of graph/ops/pointwise.def: y of operands a, b and the numbers p0, p1.
 *
 * spec  146        the row: three times its place in pointwise.def
 * spec  147, 148   p0, p1 as bits of f32
 * def      ROW_INT: operands are whole numbers
 * and what include/plain.glsl says
 * why      all rows are one module, in which a constant chooses: a new row needs nothing here
 */
// tuff: variants -DROW_INT=0; -DROW_INT=1
#ifndef ROW_INT
#define ROW_INT 0
#endif
#define BUFFERS 2
#include "include/plain.glsl"
#include "include/pw_math.glsl"
layout(constant_id = 146) const uint ROW = 0;
layout(constant_id = 147) const uint P0 = 0;
layout(constant_id = 148) const uint P1 = 0;
PLAIN_OPERAND(0)
PLAIN_OPERAND(1)
#if ROW_INT
#define ELEMENT int
#define BITS(v) uint(v)
#else
#define ELEMENT float
#define BITS(v) (RESULT == TUFF_BOOL ? uint(v) : floatBitsToUint(v))
#endif
ELEMENT of_bits(uint bits)
{
#if ROW_INT
    return int(bits);
#else
    return uintBitsToFloat(bits);
#endif
}

/* The rows that are no rows of whole numbers are written for these too, and never chosen. */
ELEMENT row(ELEMENT a, ELEMENT b, float p0, float p1)
{
    ELEMENT r = ELEMENT(0);
    uint at = 0u;
#define ROW_OF(text) if (ROW == at) r = ELEMENT(text); at += 3u;
#define TUFF_PW1(name, onnx, y_, da_, edges) ROW_OF(y_)
#define TUFF_PW2(name, onnx, y_, da_, db_, edges) ROW_OF(y_)
#define TUFF_PW2B(name, onnx, y_, edges) ROW_OF(y_)
#if !ROW_INT
#define TUFF_PW2I(name, onnx, y_, edges) at += 3u;
#endif
#include "../graph/ops/pointwise.def"
    return r;
}
uint plain_element(uint i)
{
    ELEMENT r = row(of_bits(operand0(i)), of_bits(operand1(i) | UNSEEN), uintBitsToFloat(P0 | UNSEEN), uintBitsToFloat(P1 | UNSEEN));
    return BITS(r);
}
PLAIN_MAIN
