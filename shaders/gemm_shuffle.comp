#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
/* gemm_shuffle.comp - matrix product and convolution in three directions; one subgroup computes LANES * MG rows by
 * LANES * 4 * NG columns and hands a's elements around by shuffles from constant lanes.
 *
 *   c[z, m, n] = sum_k a[z, m, k] * b[z, k, n], operands as include/gemm.glsl
 *
 * in, out, push, spec 0..5, 9..12, def, grid  include/gemm.glsl; tiles of LANES * MG rows and LANES * 4 * NG columns
 * spec  6      LANES: the subgroup's size, a multiple of 4; also the workgroup's
 * spec  7, 8   MG, NG: groups of LANES rows and of LANES * 4 columns
 * spec  13     KU: k of one round, a multiple of 4
 * why          on a processor a load costs by the element however many lanes want it, so each element is loaded once per
 *              subgroup, by one lane; a shuffle from a constant lane is one instruction. Lanes lie along n. A row's sums lie in memory
 *              between rounds, as there are more than registers; the condition around each row has them read, added to and written
 *              at once: llvmpipe writes what a loop changes under its mask, at the end of the block that changes it */
// tuff: full-subgroups
// tuff: variants -DCOUNTED=1 -DGEMM_OP=0; -DGEMM_OP=0; -DGEMM_OP=1; -DGEMM_OP=2; -DGEMM_OP=3
#include "include/kernel.glsl"
layout(local_size_x_id = 6) in;
TUFF_CONSTANTS(gemm_shuffle)
#include "include/gemm.glsl"
#include "include/quads.glsl"

#if GEMM_OP == 0
/* Four elements of a matrix from `at` on; aligned: at is a multiple of 4. Those behind its last are what lies there: rows and columns
 * that nobody looks at. */
vec4 four_of_a(uint at, bool aligned)
{
    vec4 v = in0q(min(at, a_last) / 4u);
    return aligned ? v : tuff_any4(v, in0q(min(at + 3, a_last) / 4u), at);
}

vec4 four_of_b(uint at, bool aligned)
{
    vec4 v = in1q(min(at, b_last) / 4u);
    return aligned ? v : tuff_any4(v, in1q(min(at + 3, b_last) / 4u), at);
}

/* The part of four elements k .. k+3 that lies before the end. */
vec4 before_end(GemmZ z, vec4 v, uint k)
{
    return K_TAIL ? mix(vec4(0.0), v, lessThan(uvec4(k, k + 1, k + 2, k + 3), uvec4(z.k_end))) : v;
}
#endif

/* a's elements of one group of rows for k .. k+3, spread over the lanes: lane r holds row r's four, or, where a is a transposed
 * matrix, lane l the rows l/4*4 .. l/4*4+3 of k + l%4. */
vec4 load_a(GemmZ z, GemmRow row, uint m, uint k, uint lane)
{
#if GEMM_OP == 0
    if (!TRANSPOSE_A) return before_end(z, four_of_a(z.a + min(m + lane, m_count - 1) * k_count + k, A_VEC), k);
    uint kk = k + lane % 4;
    vec4 v = four_of_a(z.a + (K_TAIL ? min(kk, k_count - 1) : kk) * m_count + m + lane / 4 * 4, A_VEC);
    return K_TAIL && kk >= z.k_end ? vec4(0.0) : v;
#else
    return vec4(gemm_a(z, row, k), gemm_a(z, row, k + 1), gemm_a(z, row, k + 2), gemm_a(z, row, k + 3));
#endif
}

float element_a(vec4 x, uint r, uint q)
{
#if GEMM_OP == 0
    if (TRANSPOSE_A) return subgroupShuffle(x[r % 4], r / 4 * 4 + q);
#endif
    return subgroupShuffle(x[q], r);
}

/* y[q] = b[k + q, n .. n+3] */
void load_b(GemmZ z, GemmCol col[4], uint n, uint k, out vec4 y[4])
{
#if GEMM_OP == 0
    if (!TRANSPOSE_B) {
        [[unroll]] for (uint q = 0; q < 4; q++) {
            y[q] = four_of_b(z.b + (K_TAIL ? min(k + q, k_count - 1) : k + q) * n_count + n, B_VEC);
            if (K_TAIL && k + q >= z.k_end) y[q] = vec4(0.0);
        }
        return;
    }
    vec4 t[4];
    [[unroll]] for (uint c = 0; c < 4; c++) t[c] = before_end(z, four_of_b(z.b + min(n + c, n_count - 1) * k_count + k, B_VEC), k);
    [[unroll]] for (uint q = 0; q < 4; q++) y[q] = vec4(t[0][q], t[1][q], t[2][q], t[3][q]);
#else
    [[unroll]] for (uint q = 0; q < 4; q++)
        [[unroll]] for (uint c = 0; c < 4; c++) y[q][c] = gemm_b(z, col[c], k + q);
#endif
}

void main()
{
    uint group = tuff_group(), lane = gl_SubgroupInvocationID;
    if (group >= group_count) return;
    uint tile_n = group % tiles_n, rest = group / tiles_n, tile_m = rest % tiles_m;
    GemmZ z = gemm_z(rest / tiles_m);
    uint m0 = tile_m * (LANES * MG), n0 = tile_n * (LANES * 4 * NG) + lane * 4;
    GemmRow row[MG];
    GemmCol col[NG][4];
    vec4 acc[MG * LANES * NG];
    [[unroll]] for (uint g = 0; g < MG; g++) row[g] = gemm_row(z, m0 + g * LANES + lane);
    [[unroll]] for (uint h = 0; h < NG; h++)
        [[unroll]] for (uint c = 0; c < 4; c++) col[h][c] = gemm_col(z, n0 + h * (LANES * 4) + c);
    [[unroll]] for (uint i = 0; i < MG * LANES * NG; i++) acc[i] = vec4(0.0);

    for (uint k = z.k_begin; k < z.k_end; k += KU) {
        vec4 x[KU / 4][MG], y[KU / 4][NG][4];
        [[unroll]] for (uint s = 0; s < KU / 4; s++) {
            [[unroll]] for (uint g = 0; g < MG; g++) x[s][g] = load_a(z, row[g], m0 + g * LANES, k + 4 * s, lane);
            [[unroll]] for (uint h = 0; h < NG; h++) load_b(z, col[h], n0 + h * (LANES * 4), k + 4 * s, y[s][h]);
        }
        [[unroll]] for (uint g = 0; g < MG; g++)
            [[unroll]] for (uint r = 0; r < LANES; r++)
                if (m0 + g * LANES + r < m_count) {
                    [[unroll]] for (uint h = 0; h < NG; h++)
                        [[unroll]] for (uint q = 0; q < KU; q++) {
                            uint i = (g * LANES + r) * NG + h;
                            acc[i] = fma(vec4(element_a(x[q / 4][g], r, q % 4)), y[q / 4][h][q % 4], acc[i]);
                        }
                }
    }
    const uint ROUNDS = C_VEC ? 4 : 16, STEP = (MG * LANES + ROUNDS - 1) / ROUNDS; /* stores are much text: a loop around a few rows, which compilers keep */
    [[dont_unroll]] for (uint r0 = 0; r0 < MG * LANES; r0 += STEP) {
        [[unroll]] for (uint r = 0; r < STEP; r++)
            if (m0 + r0 + r < m_count) {
                [[unroll]] for (uint h = 0; h < NG; h++) {
                    uint n = n0 + h * (LANES * 4);
                    if (C_VEC) {
                        if (n < n_count) out0v(gemm_c(z, m0 + r0 + r, n), acc[r * NG + h]);
                    } else if (n + 4 <= n_count) { /* at once: a condition around each costs more than the stores */
                        [[unroll]] for (uint c = 0; c < 4; c++) out0(gemm_c(z, m0 + r0 + r, n + c), acc[r * NG + h][c]);
                    } else {
                        [[unroll]] for (uint c = 0; c < 4; c++)
                            if (n + c < n_count) out0(gemm_c(z, m0 + r0 + r, n + c), acc[r * NG + h][c]);
                    }
                }
            }
        [[unroll]] for (uint i = 0; i < (MG * LANES - STEP) * NG; i++) acc[i] = acc[i + STEP * NG];
    }
}
