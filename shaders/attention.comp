#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
/* attention.comp - softmax(scale q k^T + mask) v over blocks of columns; the weights are in no memory. A workgroup makes BR rows.
 *
 *   s = scale q . k + mask;  with each block  m' = max(m, max s), o' = o e^(m - m') + e^(s - m') v, l' likewise;  y = o / l, lse = m + log l
 *
 * in    0  q     [z, rows, d]       f32   z: batches and heads; PACKED: the heads that share keys are rows, too
 * in    1  k     [z / share, keys, d]
 * in    2  v     [z / share, keys, e]
 * in    3  mask  f32                      MASKED: added to the products, by strides
 * in    4  count i32                      COUNTED: how many keys there are, one or one each [z / share]; number 3 without a mask
 * out      y     [z, rows, e]       f32
 * out      lse   [z, rows]          f32   -inf of a row that sees nothing
 * push     group_count, tiles (of rows), rows, keys, d, e, share, zs (z of a batch), heads (of a z), period (rows of a head), strides of
 *          the mask, count_step   uint; scale   float
 * spec  0  WORKGROUP: TX * TY invocations, whole subgroups
 * spec  1  TX: lanes that share a row, a power of two that divides the subgroup
 * spec  2, 3  BR, BC: rows and columns of a block, 4 * TX columns
 * spec  4, 5  D, E: depths of tiles, multiples of 4 TX and ROLL that d and e fit in; 6 TILE: the greater
 * spec  7  ROLL: so many rounds of a product are unrolled
 * spec  8  PREFETCH: v is read before the products that come first
 * spec  9, 10  CAUSAL, PACKED
 * spec  11, 12, 13  D_QUADS, E_QUADS, FULL: include/attention.glsl
 * def      MASKED, COUNTED 0 | 1
 * grid     group_count workgroups, folded: tile of rows fastest, then z
 * why      q and p lie k-major, k and v by turns in one place: 32 KiB at 64 x 32 x 64; a row's largest and its sum are shuffles among its
 *          lanes. The order of sums follows from BC alone.
 */
// tuff: full-subgroups
// tuff: variants -DMASKED=0 -DCOUNTED=0; -DMASKED=1 -DCOUNTED=0; -DMASKED=0 -DCOUNTED=1; -DMASKED=1 -DCOUNTED=1
#ifndef MASKED
#define MASKED 0
#define COUNTED 0
#endif
#include "include/hooks.glsl"
TUFF_KERNEL(attention, 0)
#if MASKED && COUNTED
TUFF_PORTS(IIIINOR)
#define COUNT in4
#elif MASKED
TUFF_PORTS(IIIIOR)
#elif COUNTED
TUFF_PORTS(IIINOR)
#define COUNT in3
#else
TUFF_PORTS(IIIOR)
#endif
#include "include/attention.glsl"
ATTENTION_ROW(q_four, in0, D_QUADS, d)
ATTENTION_ROW(k_four, in1, D_QUADS, d)
ATTENTION_ROW(v_four, in2, E_QUADS, e)

const uint TY = WORKGROUP / TX, RM = BR / TY, EQ = E / (4 * TX), RP = BR / 4, KP = BC / 4, VP = E / 4;
const uint K_LOADS = BC * (D / 4) / WORKGROUP, V_LOADS = BC * VP / WORKGROUP, LOADS = BC * (TILE / 4) / WORKGROUP;
shared vec4 q_tile[D * RP];
shared vec4 kv_tile[TILE * KP];
shared vec4 p_tile[BC * RP];

float row_max(float v)
{
    [[unroll]] for (uint s = TX / 2; s > 0; s /= 2) v = max(v, subgroupShuffleXor(v, s));
    return v;
}
float row_sum(float v)
{
    [[unroll]] for (uint s = TX / 2; s > 0; s /= 2) v += subgroupShuffleXor(v, s);
    return v;
}

void main()
{
    uint group = tuff_group();
    if (group >= group_count) return; /* the whole workgroup: barriers stay in uniform control flow */
    uint t = gl_SubgroupID * gl_SubgroupSize + gl_SubgroupInvocationID, tx = t % TX, ty = t / TX;
    uint z = group / tiles, r0 = group % tiles * BR, q_row = z * rows, k_row = z / share * keys;
    [[unroll]] for (uint i = 0; i < BR * (D / 4) / WORKGROUP; i++) {
        uint at = t + i * WORKGROUP, r = at / (D / 4), quad = at % (D / 4);
        vec4 v = q_four(q_row + min(r0 + r, rows - 1), quad) * scale;
        [[unroll]] for (uint c = 0; c < 4; c++) q_tile[(quad * 4 + c) * RP + r / 4][r & 3] = v[c];
    }
    uint end = keys;
    int shift = 1; /* behind the last column that a row sees, less the row */
#if COUNTED
    end = uint(clamp(COUNT(z / share * count_step), 0, int(keys)));
    shift += int(end) - int(period);
#endif
    uint last = end;
    if (CAUSAL) last = min(end, uint(max(int(PACKED ? period : min(r0 + BR, rows)) - 1 + shift, 0)));

    vec4 o[RM * EQ];
    float m[RM], l[RM];
    [[unroll]] for (uint i = 0; i < RM; i++) {
        m[i] = LEAST;
        l[i] = 0.0;
        [[unroll]] for (uint j = 0; j < EQ; j++) o[i * EQ + j] = vec4(0.0);
    }
    for (uint c0 = 0; c0 < last; c0 += BC) {
        vec4 x[LOADS];
        [[unroll]] for (uint i = 0; i < K_LOADS; i++) {
            uint at = t + i * WORKGROUP;
            x[i] = k_four(k_row + min(c0 + at / (D / 4), last - 1), at % (D / 4));
        }
        barrier(); /* the last block's v was read */
        [[unroll]] for (uint i = 0; i < K_LOADS; i++) {
            uint at = t + i * WORKGROUP, c = at / (D / 4), quad = at % (D / 4);
            [[unroll]] for (uint q = 0; q < 4; q++) kv_tile[(quad * 4 + q) * KP + c / 4][c & 3] = x[i][q];
        }
        barrier(); /* k, and before the first block q, is there */
        if (PREFETCH) {
            [[unroll]] for (uint i = 0; i < V_LOADS; i++) {
                uint at = t + i * WORKGROUP;
                x[i] = v_four(k_row + min(c0 + at / VP, last - 1), at % VP);
            }
        }
        vec4 s[RM];
        [[unroll]] for (uint i = 0; i < RM; i++) s[i] = vec4(0.0);
        for (uint kk = 0; kk < D; kk += ROLL)
            [[unroll]] for (uint u = 0; u < ROLL; u++) {
                vec4 b = kv_tile[(kk + u) * KP + tx];
                [[unroll]] for (uint i = 0; i < RM / 4; i++) {
                    vec4 a = q_tile[(kk + u) * RP + ty + i * TY];
                    [[unroll]] for (uint c = 0; c < 4; c++) s[i * 4 + c] = fma(vec4(a[c]), b, s[i * 4 + c]);
                }
            }
        uint column = c0 + tx * 4;
        [[unroll]] for (uint i = 0; i < RM; i++) {
            uint r = r0 + (i / 4 * TY + ty) * 4 + i % 4, behind = last;
            if (CAUSAL) behind = min(last, uint(max(int(PACKED ? r % period : r) + shift, 0)));
#if MASKED
            uint row = min(r, rows - 1), head = z % zs * heads + (PACKED ? row / period : 0), from = PACKED ? row % period : row;
            from = z / zs * mask_batch + head * mask_head + from * mask_row;
            [[unroll]] for (uint c = 0; c < 4; c++) s[i][c] = attention_add(s[i][c], in3(from + min(column + c, last - 1) * mask_column));
#endif
            [[unroll]] for (uint c = 0; c < 4; c++) s[i][c] = column + c < behind ? s[i][c] : HIDDEN;
            float most = max(m[i], row_max(max(max(s[i].x, s[i].y), max(s[i].z, s[i].w)))), factor = exp(m[i] - most);
            m[i] = most;
            s[i] = exp(s[i] - most);
            l[i] = l[i] * factor + ((s[i].x + s[i].y) + (s[i].z + s[i].w)); /* this lane's columns */
            [[unroll]] for (uint j = 0; j < EQ; j++) o[i * EQ + j] *= factor;
        }
        [[unroll]] for (uint i = 0; i < RM / 4; i++)
            [[unroll]] for (uint c = 0; c < 4; c++)
                p_tile[(tx * 4 + c) * RP + ty + i * TY] = vec4(s[i * 4][c], s[i * 4 + 1][c], s[i * 4 + 2][c], s[i * 4 + 3][c]);
        barrier(); /* k was read, p is written */
        if (!PREFETCH) {
            [[unroll]] for (uint i = 0; i < V_LOADS; i++) {
                uint at = t + i * WORKGROUP;
                x[i] = v_four(k_row + min(c0 + at / VP, last - 1), at % VP);
            }
        }
        [[unroll]] for (uint i = 0; i < V_LOADS; i++) kv_tile[t + i * WORKGROUP] = x[i];
        barrier(); /* v is there */
        for (uint kk = 0; kk < BC; kk += ROLL)
            [[unroll]] for (uint u = 0; u < ROLL; u++) {
                vec4 b[EQ];
                [[unroll]] for (uint j = 0; j < EQ; j++) b[j] = kv_tile[(kk + u) * VP + tx + j * TX];
                [[unroll]] for (uint i = 0; i < RM / 4; i++) {
                    vec4 a = p_tile[(kk + u) * RP + ty + i * TY];
                    [[unroll]] for (uint c = 0; c < 4; c++)
                        [[unroll]] for (uint j = 0; j < EQ; j++)
                            o[(i * 4 + c) * EQ + j] = fma(vec4(a[c]), b[j], o[(i * 4 + c) * EQ + j]);
                }
            }
    }
    [[unroll]] for (uint i = 0; i < RM; i++) {
        uint r = r0 + (i / 4 * TY + ty) * 4 + i % 4;
        float sum = row_sum(l[i]);
        if (r < rows) {
            [[unroll]] for (uint j = 0; j < EQ; j++) {
                uint column = (tx + j * TX) * 4, at = (q_row + r) * e + column;
                vec4 y = o[i * EQ + j] / max(sum, 0.5); /* at least 1, rounded, or 0 of a row that sees nothing */
                if (E_QUADS) {
                    if (FULL || column < e) out0v(at, y);
                } else {
                    [[unroll]] for (uint c = 0; c < 4; c++)
                        if (column + c < e) out0(at + c, y[c]);
                }
            }
            if (tx == 0) out1(q_row + r, sum == 0.0 ? HIDDEN : m[i] + log(sum));
        }
    }
}
