#version 450
#extension GL_GOOGLE_include_directive : require
/* plain_grad.comp - one derivative of a row of graph/ops/pointwise.def: g * dy/da or g * dy/db of operands g, a, b, y, f32.
 *
 * spec  146        which: three times the row's place in pointwise.def, + 1 dy/da, + 2 dy/db
 * spec  147, 148   p0, p1 as bits of f32
 * spec  149        GATES: a derivative of 0 makes 0 of any g
 * and what include/plain.glsl says
 */
#define BUFFERS 4
#include "include/plain.glsl"
#include "include/pw_math.glsl"
layout(constant_id = 146) const uint ROW = 0;
layout(constant_id = 147) const uint P0 = 0;
layout(constant_id = 148) const uint P1 = 0;
layout(constant_id = 149) const uint GATES = 0;
PLAIN_OPERAND(0)
PLAIN_OPERAND(1)
PLAIN_OPERAND(2)
PLAIN_OPERAND(3)

float derivative(float a, float b, float y, float p0, float p1)
{
    float r = 0.0;
    uint at = 0u;
#define ROW_OF(da, db)         \
    if (ROW == at + 1u) r = da; \
    if (ROW == at + 2u) r = db; \
    at += 3u;
#define TUFF_PW1(name, onnx, y_, da_, edges) ROW_OF(da_, 0.0)
#define TUFF_PW2(name, onnx, y_, da_, db_, edges) ROW_OF(da_, db_)
#define TUFF_PW2B(name, onnx, y_, edges) ROW_OF(0.0, 0.0)
#include "../graph/ops/pointwise.def"
    return r;
}
uint plain_element(uint i)
{
    float g = uintBitsToFloat(operand0(i)),
          d = derivative(uintBitsToFloat(operand1(i)), uintBitsToFloat(operand2(i)), uintBitsToFloat(operand3(i)),
                         uintBitsToFloat(P0 | UNSEEN), uintBitsToFloat(P1 | UNSEEN));
    if (GATES != 0u && d == 0.0) return 0u;
    return floatBitsToUint(g * d);
}
PLAIN_MAIN
