/* gemm_rows.glsl - the products of gemm_uni.comp and gemm_bcast.comp (BCAST), whose subgroups have rows of their own, and columns along
 * their lanes: without shared memory. Their constants: SIZE, LANES, TM, TN, KU.
 *
 * Vectors of columns are neighbours where b is read by them, else their columns lie LANES apart. */
#include "include/gemm.glsl"

const uint NV = TN / 4, A_QUADS = TM * KU / 4, A_LOADS = (A_QUADS + LANES - 1) / LANES; /* BCAST: that a lane loads */
#ifdef GEMM_QUADS
const bool NEIGHBOURS = B_VEC || TRANSPOSE_B; /* the four columns of a vector; else LANES apart, contiguous over the lanes */
/* Vector j of a row of b that is so far on. */
vec4 columns_b(uint from[TN], uint j, uint on)
{
    vec4 v;
    if (B_VEC) {
        v = in1q(from[j * 4] + on);
    } else {
        v = vec4(in1(from[j * 4] + on), in1(from[j * 4 + 1] + on), in1(from[j * 4 + 2] + on), in1(from[j * 4 + 3] + on));
    }
    return v;
}
#else
const bool NEIGHBOURS = false;
#endif

void main()
{
    uint group = tuff_group();
    if (group >= group_count) return;
#ifdef SUBGROUPS
    uint wave = gl_SubgroupID, lane = gl_SubgroupInvocationID;
#else
    uint wave = 0, lane = gl_LocalInvocationID.x;
#endif
    uint tile_n = group % tiles_n, rest = group / tiles_n, tile_m = rest % tiles_m;
    GemmZ z = gemm_z(rest / tiles_m);
    uint m0 = (tile_m * (SIZE / LANES) + wave) * TM, n0 = tile_n * (LANES * TN) + (NEIGHBOURS ? lane * 4 : lane);
    NUMBER4 acc[TM * NV];
    [[unroll]] for (uint i = 0; i < TM * NV; i++) acc[i] = NUMBER4(0);
    uint k = z.k_begin;
#ifdef GEMM_QUADS
    uint b_from[TN];
#ifdef BCAST
    uint first = m0, round_end = z.k_end, a_from[A_LOADS];
    [[unroll]] for (uint g = 0; g < A_LOADS; g++) { /* quad e: four k of a row, or four rows of a k */
        uint e = min(g * LANES + lane, A_QUADS - 1);
        a_from[g] = TRANSPOSE_A ? gemm_from_a(z, m0 + e % (TM / 4) * 4, k + e / (TM / 4))
                                : gemm_from_a(z, m0 + e / (KU / 4), k + e % (KU / 4) * 4);
    }
#else
    uint first = TRANSPOSE_A && m0 + TM > m_count ? max(m_count, TM) - TM : m0; /* row of a[0] */
    uint round_end = TRANSPOSE_A && m_count < TM ? k : z.k_end, a_from[TM];
    [[unroll]] for (uint i = 0; i < TM; i++) a_from[i] = gemm_from_a(z, TRANSPOSE_A ? first : m0 + i, k);
#endif
    [[unroll]] for (uint j = 0; j < TN; j++)
        b_from[j] = gemm_from_b(z, n0 + j / 4 * (LANES * 4) + (NEIGHBOURS ? TRANSPOSE_B ? j % 4 : 0 : j % 4 * LANES), k);
    for (; k + KU <= round_end; k += KU) {
        vec4 b[KU * NV];
#ifdef BCAST
        vec4 a[A_LOADS];
        [[unroll]] for (uint g = 0; g < A_LOADS; g++) {
            a[g] = gemm_four_a(a_from[g], A_VEC || !TRANSPOSE_A);
            a_from[g] += gemm_step_a(KU);
        }
#else
        vec4 a[A_QUADS];
        [[unroll]] for (uint i = 0; i < TM; i++)
            [[unroll]] for (uint q = 0; q < KU; q += 4) {
                if (!TRANSPOSE_A)
                    a[(i * KU + q) / 4] = gemm_four_a(a_from[i] + q / A_UNIT, true);
                else if (i % 4 == 0)
                    [[unroll]] for (uint p = 0; p < 4; p++)
                        a[((q + p) * TM + i) / 4] = gemm_four_a(a_from[0] + gemm_step_a(q + p) + i / A_UNIT, true);
            }
        [[unroll]] for (uint i = 0; i < TM; i++) a_from[i] += gemm_step_a(KU);
#endif
        [[unroll]] for (uint j = 0; j < NV; j++)
            [[unroll]] for (uint q = 0; q < KU; q += 4) {
                vec4 t[4];
                [[unroll]] for (uint c = 0; c < 4; c++)
                    t[c] = TRANSPOSE_B ? gemm_four_b(b_from[j * 4 + c] + q / B_UNIT, true) : columns_b(b_from, j, gemm_step_b(q + c));
                [[unroll]] for (uint p = 0; p < 4; p++) b[(q + p) * NV + j] = TRANSPOSE_B ? vec4(t[0][p], t[1][p], t[2][p], t[3][p]) : t[p];
            }
        [[unroll]] for (uint j = 0; j < TN; j++) b_from[j] += gemm_step_b(KU);
        [[unroll]] for (uint q = 0; q < KU; q++)
            [[unroll]] for (uint i = 0; i < TM; i++) {
                uint e = TRANSPOSE_A ? (q * TM + i) / 4 : (i * KU + q) / 4, c = TRANSPOSE_A ? i % 4 : q % 4;
#ifdef BCAST
                float x = subgroupShuffle(a[e / LANES][c], e % LANES);
#else
                float x = a[e][c];
#endif
                [[unroll]] for (uint j = 0; j < NV; j++) acc[i * NV + j] = fma(vec4(x), b[q * NV + j], acc[i * NV + j]);
            }
    }
    if (K_TAIL)
        for (uint t = 0; k + t < z.k_end; t++) {
            vec4 b[NV];
            [[unroll]] for (uint j = 0; j < NV; j++) {
                if (!TRANSPOSE_B)
                    b[j] = columns_b(b_from, j, t * n_count / B_UNIT);
                else
                    [[unroll]] for (uint c = 0; c < 4; c++) b[j][c] = in1(b_from[j * 4 + c] * B_UNIT + t);
            }
            [[unroll]] for (uint i = 0; i < TM; i++) {
#ifdef BCAST
                uint m = min(m0 + i, m_count - 1);
                float x = in0(z.a + (TRANSPOSE_A ? (k + t) * m_count + m : m * k_count + k + t));
#else
                float x = in0(TRANSPOSE_A ? a_from[0] * A_UNIT + t * m_count + min(i, m_count - 1) : a_from[i] * A_UNIT + t);
#endif
                [[unroll]] for (uint j = 0; j < NV; j++) acc[i * NV + j] = fma(vec4(x), b[j], acc[i * NV + j]);
            }
        }
#else
    uint first = m0;
    GemmRow row[TM];
    GemmCol col[TN];
    [[unroll]] for (uint i = 0; i < TM; i++) row[i] = gemm_row(z, m0 + i);
    [[unroll]] for (uint j = 0; j < TN; j++) col[j] = gemm_col(z, n0 + j * LANES);
    for (; k < z.k_end; k += WORD) {
        NUMBER a[TM];
        [[unroll]] for (uint i = 0; i < TM; i++) a[i] = gemm_word_a(z, row[i], k);
        [[unroll]] for (uint j = 0; j < TN; j++) {
            NUMBER b = gemm_word_b(z, col[j], k);
            [[unroll]] for (uint i = 0; i < TM; i++) acc[i * NV + j / 4][j % 4] = gemm_add(acc[i * NV + j / 4][j % 4], a[i], b);
        }
    }
#endif
    [[unroll]] for (uint i = 0; i < TM; i++) {
        uint m = first + i;
        if (m >= m0 && m < m_count)
            [[unroll]] for (uint j = 0; j < NV; j++) {
                uint n = n0 + j * (LANES * 4);
                if (NEIGHBOURS)
                    gemm_store(z, m, n, acc[i * NV + j]);
                else
                    [[unroll]] for (uint c = 0; c < 4; c++)
                        if (n + c * LANES < n_count) out0(gemm_c(z, m, n + c * LANES), acc[i * NV + j][c]);
            }
    }
}
