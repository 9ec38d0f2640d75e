#version 450
#extension GL_EXT_control_flow_attributes : require
/* probe_chain.comp - peak of arithmetic: chains of dependent multiply-adds, for probe.c.
 *
 *   x[k] = start[k];  rounds * PAIRS times:  x[k] = x[k] * a0 + b0,  x[k] = x[k] * a1 + b1
 *   y = sum_k x[k];   b1 is up at first; after every TURN rounds up and down change places
 *
 * With a0 = 2, a1 = 1/2, up = -b0 / 2 + 1, down = -b0 / 2 - 1, x moves by 1 a pair, up and down again: whole numbers that halves
 * hold too, so the result is exact and tells how many rounds were made. Bytes take any values: int arithmetic wraps.
 *
 * in    0  words  [16, 32]       32 bits   a0, b0, a1, up, down, 3 unused, start[0..23] of 16 kinds of invocations; floats or ints
 * out   1  y      [invocations]  float | int
 * push     rounds  uint   at most 65000 (llvmpipe ends loops there)
 * spec  0  workgroup size
 * def      PROBE_TYPE 0: f32, 1: f16 in pairs, 2: x * a is the dot product of 4 signed bytes each
 *          PROBE_CHAINS 1 | 4 | 8 | 12, at most 24
 * grid     invocations / size workgroups
 * why      two units of latency 4 need 8 chains, and 12 with their operands fill the 16 vector registers of AVX2: measured on
 *          llvmpipe, 8 chains reach 64 GFLOP/s a core, 12 reach 88, 14 spill. Where it emulates, fewer spill already: 4 chains
 *          of f16, 8 of bytes are best. All operands come from memory and differ between lanes and chains, so that no
 *          compiler can fold, share or make uniform
 */
// tuff: full-subgroups
// tuff: variants -DPROBE_TYPE=0 -DPROBE_CHAINS=12; -DPROBE_TYPE=0 -DPROBE_CHAINS=8; -DPROBE_TYPE=0 -DPROBE_CHAINS=4
// tuff: variants -DPROBE_TYPE=1 -DPROBE_CHAINS=4; -DPROBE_TYPE=1 -DPROBE_CHAINS=8; -DPROBE_TYPE=2 -DPROBE_CHAINS=8
// tuff: variants -DPROBE_TYPE=2 -DPROBE_CHAINS=4; -DPROBE_TYPE=0 -DPROBE_CHAINS=1; -DPROBE_TYPE=1 -DPROBE_CHAINS=1
// tuff: variants -DPROBE_TYPE=2 -DPROBE_CHAINS=1
#ifndef PROBE_TYPE
#define PROBE_TYPE 0
#define PROBE_CHAINS 1
#endif
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push { uint rounds; };
layout(std430, binding = 0) readonly buffer In0 { uint words[]; };
#if PROBE_TYPE == 0
#define T float
#define SUM float
T value(uint i) { return uintBitsToFloat(words[i]); }
T multiply_add(T x, T a, T b) { return fma(x, a, b); }
float total(T x) { return x; }
#elif PROBE_TYPE == 1
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define T f16vec2
#define SUM float
/* The second half is that of the next kind of invocation. */
T value(uint i) { return T(uintBitsToFloat(words[i]), uintBitsToFloat(words[(i + 32u) & 511u])); }
T multiply_add(T x, T a, T b) { return fma(x, a, b); }
float total(T x) { return float(x.x) + float(x.y); }
#else
#extension GL_EXT_spirv_intrinsics : require
#define T int
#define SUM int
/* OpSDotKHR with Packed Vector Format 0 (4 x 8 bits); capabilities DotProductKHR, DotProductInput4x8BitPackedKHR. */
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6019, 6018], id = 4450)
int dot_4x8(int a, int b, spirv_literal int format);
T value(uint i) { return int(words[i]); }
T multiply_add(T x, T a, T b) { return dot_4x8(x, a, 0) + b; }
int total(T x) { return x; }
#endif
layout(std430, binding = 1) writeonly buffer Out0 { SUM y[]; };

const uint PAIRS = 16, TURN = 50;

void main()
{
    uint at = (gl_GlobalInvocationID.x & 15u) * 32u;
    T a0 = value(at), b0 = value(at + 1u), a1 = value(at + 2u), b1 = value(at + 3u), other = value(at + 4u);
    T x[PROBE_CHAINS];
    [[unroll]] for (uint k = 0; k < PROBE_CHAINS; k++) x[k] = value(at + 8u + k);
    for (uint round = 0, turn = 0; round < rounds; round++) {
        [[unroll]] for (uint p = 0; p < PAIRS; p++) {
            [[unroll]] for (uint k = 0; k < PROBE_CHAINS; k++) x[k] = multiply_add(x[k], a0, b0);
            [[unroll]] for (uint k = 0; k < PROBE_CHAINS; k++) x[k] = multiply_add(x[k], a1, b1);
        }
        if (++turn == TURN) {
            turn = 0;
            T swap = b1;
            b1 = other;
            other = swap;
        }
    }
    SUM sum = total(x[0]);
    [[unroll]] for (uint k = 1; k < PROBE_CHAINS; k++) sum += total(x[k]);
    y[gl_GlobalInvocationID.x] = sum;
}
