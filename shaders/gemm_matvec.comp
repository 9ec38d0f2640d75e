#version 450
#extension GL_GOOGLE_include_directive : require
/* gemm_matvec.comp - matrix product of at most four rows or columns: every element of the other operand, the matrix, is read once.
 *
 *   c[z, m, n] = sum_k a[z, m, k] * b[z, k, n], operands as include/gemm.glsl
 *
 * in, out, push, spec 0, 1, 9..12, def, grid  include/gemm.glsl, GEMM_OP 0; a workgroup has SIZE / LANES * 4 rows r of the matrix
 * spec  6, 7   SIZE: workgroup size; LANES: of them that share a row's k, a power of two
 * spec  8      COUNT: of vectors, 1 to 4
 * spec  13     OF_A: the matrix is a (r is m, the vectors are b's columns), else b
 * spec  14     KU: loads of a round
 * why          bound by memory: lanes lie along what is contiguous, and load vectors, several before the first is used; parts of sums are
 *              added as a tree in shared memory, where a row has several lanes */
// tuff: full-subgroups
// tuff: variants -DCOUNTED=1 -DGEMM_OP=0; -DGEMM_OP=0
#include "include/kernel.glsl"
layout(local_size_x_id = 6) in;
TUFF_CONSTANTS(gemm_matvec)
#include "include/gemm.glsl"

const bool K_FAST = OF_A ? !TRANSPOSE_A : TRANSPOSE_B, VECTOR_FAST = OF_A ? TRANSPOSE_B : !TRANSPOSE_A;
const bool VECTOR_VEC = VECTOR_FAST && (OF_A ? B_VEC : A_VEC);
const uint UNIT = OF_A ? A_UNIT : B_UNIT;
shared vec4 parts[SIZE * COUNT];

vec4 matrix_four(uint from, bool inside) { return OF_A ? gemm_four_a(from, inside) : gemm_four_b(from, inside); }
float vector_one(GemmZ z, uint j, uint k)
{
    return OF_A ? in1(z.b + (TRANSPOSE_B ? j * k_count + k : k * n_count + j))
                : in0(z.a + (TRANSPOSE_A ? k * m_count + j : j * k_count + k));
}
vec4 vector_four(GemmZ z, uint j, uint k)
{
    if (VECTOR_VEC) return OF_A ? in1q((z.b + j * k_count + k) / 4) : in0q((z.a + j * k_count + k) / 4);
    uint last = k_count - 1;
    return vec4(vector_one(z, j, min(k, last)), vector_one(z, j, min(k + 1, last)), vector_one(z, j, min(k + 2, last)),
                vector_one(z, j, min(k + 3, last)));
}

void main()
{
    uint group = tuff_group(), t = gl_LocalInvocationID.x;
    if (group >= group_count) return;
    const uint ROWS = SIZE / LANES, tiles = OF_A ? tiles_m : tiles_n;
    uint tile = group % tiles, lane = K_FAST ? t % LANES : t / ROWS, of = K_FAST ? t / LANES : t % ROWS;
    GemmZ z = gemm_z(group / tiles);
    uint r0 = (tile * ROWS + of) * 4;
    vec4 sum[COUNT]; /* of four rows */
    if (K_FAST) {
        vec4 acc[COUNT * 4];
        uint k = z.k_begin + lane * 4, from[4];
        [[unroll]] for (uint i = 0; i < COUNT * 4; i++) acc[i] = vec4(0.0);
        [[unroll]] for (uint i = 0; i < 4; i++) from[i] = OF_A ? gemm_from_a(z, r0 + i, k) : gemm_from_b(z, r0 + i, k);
        for (; k + (KU - 1) * LANES * 4 + 4 <= z.k_end; k += KU * LANES * 4) {
            vec4 x[KU * 4], y[KU * COUNT];
            [[unroll]] for (uint q = 0; q < KU; q++) {
                [[unroll]] for (uint i = 0; i < 4; i++) x[q * 4 + i] = matrix_four(from[i] + q * (LANES * 4 / UNIT), true);
                [[unroll]] for (uint j = 0; j < COUNT; j++) y[q * COUNT + j] = vector_four(z, j, k + q * LANES * 4);
            }
            [[unroll]] for (uint i = 0; i < 4; i++) from[i] += KU * LANES * 4 / UNIT;
            [[unroll]] for (uint q = 0; q < KU; q++)
                [[unroll]] for (uint j = 0; j < COUNT; j++)
                    [[unroll]] for (uint i = 0; i < 4; i++)
                        acc[j * 4 + i] = fma(x[q * 4 + i], y[q * COUNT + j], acc[j * 4 + i]);
        }
        for (; k < z.k_end; k += LANES * 4) /* a whole quad, or the last one's part */
            [[unroll]] for (uint i = 0; i < 4; i++) {
                vec4 x = gemm_before_end(z, matrix_four(from[i], false), k, true);
                [[unroll]] for (uint j = 0; j < COUNT; j++)
                    acc[j * 4 + i] = fma(x, gemm_before_end(z, vector_four(z, j, k), k, true), acc[j * 4 + i]);
                from[i] += LANES * 4 / UNIT;
            }
        [[unroll]] for (uint j = 0; j < COUNT; j++)
            [[unroll]] for (uint i = 0; i < 4; i++) {
                vec4 v = acc[j * 4 + i];
                sum[j][i] = (v.x + v.y) + (v.z + v.w);
            }
    } else {
        uint k = z.k_begin + lane, from = OF_A ? gemm_from_a(z, r0, k) : gemm_from_b(z, r0, k);
        uint step = OF_A ? gemm_step_a(LANES) : gemm_step_b(LANES);
        [[unroll]] for (uint j = 0; j < COUNT; j++) sum[j] = vec4(0.0);
        for (; k + (KU - 1) * LANES < z.k_end; k += KU * LANES) {
            vec4 x[KU];
            [[unroll]] for (uint q = 0; q < KU; q++) x[q] = matrix_four(from + q * step, false);
            from += KU * step;
            [[unroll]] for (uint q = 0; q < KU; q++)
                [[unroll]] for (uint j = 0; j < COUNT; j++)
                    sum[j] = fma(x[q], vec4(vector_one(z, j, k + q * LANES)), sum[j]);
        }
        for (; k < z.k_end; k += LANES) {
            vec4 x = matrix_four(from, false);
            from += step;
            [[unroll]] for (uint j = 0; j < COUNT; j++) sum[j] = fma(x, vec4(vector_one(z, j, k)), sum[j]);
        }
    }
    if (LANES > 1) {
        [[unroll]] for (uint j = 0; j < COUNT; j++) parts[j * SIZE + lane * ROWS + of] = sum[j];
        for (uint most = LANES / 2; most > 0; most /= 2) {
            barrier(); /* parts are written before they are read, and read by those who write them alone */
            if (lane < most)
                [[unroll]] for (uint j = 0; j < COUNT; j++) {
                    uint at = j * SIZE + lane * ROWS + of;
                    parts[at] = sum[j] += parts[at + most * ROWS];
                }
        }
        if (lane > 0) return;
    }
    if (OF_A) {
        [[unroll]] for (uint i = 0; i < 4; i++) {
            vec4 v = vec4(0.0);
            [[unroll]] for (uint j = 0; j < COUNT; j++) v[j] = sum[j][i];
            if (r0 + i < m_count) gemm_store(z, r0 + i, 0, v);
        }
    } else {
        [[unroll]] for (uint j = 0; j < COUNT; j++) gemm_store(z, j, r0, sum[j]);
    }
}
