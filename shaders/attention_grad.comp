#version 450
#extension GL_GOOGLE_include_directive : require
/* attention_grad.comp - gradients of attention by its queries, or by its keys and values, over blocks; the weights come again from the
 * products. A workgroup makes BR rows: of queries, and goes over columns of keys; with KEYS of keys, and goes over all queries that read them.
 *
 *   p = exp(scale q . k + mask - lse);  ds = p (gy . v - dot);  dq = scale ds k;  dk = scale ds^T q, dv = p^T gy
 *
 * in    0  q     [z, t, d]      f32
 * in    1  k     [z / share, s, d]
 * in    2  v     [z / share, s, e]
 * in    3  gy    [z, t, e]
 * in    4  lse   [z, t]
 * in    5  dot   [z, t]
 * in    6  mask  f32                  MASKED: added to the products, by strides
 * out      dq    [z, t, d]            KEYS: dk [z / share, s, d], and dv [z / share, s, e]
 * push     group_count, tiles (of rows), rows, columns, d, e, share, zs (z of rows in a batch), heads (1; KEYS: share), strides of the mask
 *          uint; scale   float
 * spec  0  WORKGROUP: TX * TY invocations
 * spec  1  TX: invocations along columns
 * spec  2, 3  BR, BC: rows and columns of a block, 4 * TY and 4 * TX
 * spec  4, 5  D, E: depths of tiles, multiples of 4 TX and ROLL that d and e fit in; 6 TILE: the greater, APART: their sum
 * spec  7  ROLL: so many rounds of a product are unrolled
 * spec  8  APART: both tiles of columns have a place of their own; else one is read twice
 * spec  9  CAUSAL
 * spec  11, 12, 13  D_QUADS, E_QUADS, FULL: include/attention.glsl
 * def      KEYS, MASKED 0 | 1
 * grid     group_count workgroups, folded: tile of rows fastest, then z of rows
 * why      each sum belongs to one workgroup: no atomics, and one order. Both products of a pair have the same form in either direction; the
 *          tiles of columns lie k-major with a pad, so that they are read along k, for what is summed over columns, as well.
 */
// tuff: variants -DKEYS=0 -DMASKED=0; -DKEYS=0 -DMASKED=1; -DKEYS=1 -DMASKED=0; -DKEYS=1 -DMASKED=1
#ifndef KEYS
#define KEYS 0
#define MASKED 0
#endif
#include "include/hooks.glsl"
TUFF_KERNEL(attention_grad, 0)
#if KEYS && MASKED
TUFF_PORTS(IIIIIIIOR)
#elif KEYS
TUFF_PORTS(IIIIIIOR)
#elif MASKED
TUFF_PORTS(IIIIIIIO)
#else
TUFF_PORTS(IIIIIIO)
#endif
#include "include/attention.glsl"
/* a, b: of rows; c, f: of columns; the first of each pair is as deep as d */
#if KEYS
#define OF_PAIR(v, i) v
ATTENTION_ROW(a_four, in1, D_QUADS, d)
ATTENTION_ROW(b_four, in2, E_QUADS, e)
ATTENTION_ROW(c_four, in0, D_QUADS, d)
ATTENTION_ROW(f_four, in3, E_QUADS, e)
#else
#define OF_PAIR(v, i) v[i]
ATTENTION_ROW(a_four, in0, D_QUADS, d)
ATTENTION_ROW(b_four, in3, E_QUADS, e)
ATTENTION_ROW(c_four, in1, D_QUADS, d)
ATTENTION_ROW(f_four, in2, E_QUADS, e)
#endif

const uint TY = WORKGROUP / TX, DN = D / TX, EN = E / TX, RP = BR / 4, CQ = BC / 4, CP = CQ + 1;
const uint F = APART ? D * CP : 0; /* where the tile of f begins */
shared vec4 a_tile[D * RP];
shared vec4 b_tile[E * RP];
shared vec4 c_tile[TILE * CP];
shared vec4 w_tile[BR * CP];

/* Rows of columns c0 .., of head z, into their tile. */
void put(uint first, uint quad, uint c, vec4 v)
{
    [[unroll]] for (uint q = 0; q < 4; q++) c_tile[first + (quad * 4 + q) * CP + c / 4][c & 3] = v[q];
}
void load_c(uint t, uint row, uint c0)
{
    [[unroll]] for (uint i = 0; i < BC * (D / 4) / WORKGROUP; i++) {
        uint at = t + i * WORKGROUP, c = at / (D / 4), quad = at % (D / 4);
        put(0, quad, c, c_four(row + min(c0 + c, columns - 1), quad));
    }
}
void load_f(uint t, uint row, uint c0)
{
    [[unroll]] for (uint i = 0; i < BC * (E / 4) / WORKGROUP; i++) {
        uint at = t + i * WORKGROUP, c = at / (E / 4), quad = at % (E / 4);
        put(F, quad, c, f_four(row + min(c0 + c, columns - 1), quad));
    }
}

/* Rows r0 .. of the workgroup, into theirs. */
void load_rows(uint t, uint row, uint r0)
{
    [[unroll]] for (uint i = 0; i < BR * (D / 4) / WORKGROUP; i++) {
        uint at = t + i * WORKGROUP, r = at / (D / 4), quad = at % (D / 4);
        vec4 v = a_four(row + min(r0 + r, rows - 1), quad) * scale;
        [[unroll]] for (uint c = 0; c < 4; c++) a_tile[(quad * 4 + c) * RP + r / 4][r & 3] = v[c];
    }
    [[unroll]] for (uint i = 0; i < BR * (E / 4) / WORKGROUP; i++) {
        uint at = t + i * WORKGROUP, r = at / (E / 4), quad = at % (E / 4);
        vec4 v = b_four(row + min(r0 + r, rows - 1), quad);
        [[unroll]] for (uint c = 0; c < 4; c++) b_tile[(quad * 4 + c) * RP + r / 4][r & 3] = v[c];
    }
}

void main()
{
    uint group = tuff_group();
    if (group >= group_count) return; /* the whole workgroup: barriers stay in uniform control flow */
    uint t = gl_LocalInvocationIndex, tx = t % TX, ty = t / TX;
    uint z = group / tiles, r0 = group % tiles * BR, r_row = z * rows;
    load_rows(t, r_row, r0);
    vec4 lse, dots; /* of four columns with KEYS, else of four rows */
    float by_d[4 * DN];
    [[unroll]] for (uint i = 0; i < 4 * DN; i++) by_d[i] = 0.0;
#if KEYS
    float by_e[4 * EN];
    [[unroll]] for (uint i = 0; i < 4 * EN; i++) by_e[i] = 0.0;
#else
    [[unroll]] for (uint i = 0; i < 4; i++) {
        uint r = r_row + min(r0 + ty * 4 + i, rows - 1);
        lse[i] = max(in4(r), LEAST);
        dots[i] = in5(r);
    }
#endif
    for (uint head = 0; head < heads; head++) {
#if KEYS
        uint c_row = (z * share + head) * columns, begin = CAUSAL ? r0 / BC * BC : 0, last = columns;
#else
        uint c_row = z / share * columns, begin = 0, last = CAUSAL ? min(columns, r0 + BR) : columns;
#endif
#if MASKED
        uint mask_at = z / zs * mask_batch + (z % zs * heads + head) * mask_head;
#endif
        for (uint c0 = begin; c0 < last; c0 += BC) {
            barrier(); /* the last block was read */
            load_c(t, c_row, c0);
            if (APART) load_f(t, c_row, c0);
            barrier(); /* the tiles are there */
            vec4 s[4], g[4];
            [[unroll]] for (uint i = 0; i < 4; i++) s[i] = g[i] = vec4(0.0);
            for (uint kk = 0; kk < D; kk += ROLL)
                [[unroll]] for (uint u = 0; u < ROLL; u++) {
                    vec4 a = a_tile[(kk + u) * RP + ty], b = c_tile[(kk + u) * CP + tx];
                    [[unroll]] for (uint i = 0; i < 4; i++) s[i] = fma(vec4(a[i]), b, s[i]);
                }
            if (!APART) {
                barrier(); /* c was read */
                load_f(t, c_row, c0);
                barrier(); /* f is there */
            }
            for (uint kk = 0; kk < E; kk += ROLL)
                [[unroll]] for (uint u = 0; u < ROLL; u++) {
                    vec4 a = b_tile[(kk + u) * RP + ty], b = c_tile[F + (kk + u) * CP + tx];
                    [[unroll]] for (uint i = 0; i < 4; i++) g[i] = fma(vec4(a[i]), b, g[i]);
                }
            uint column = c0 + tx * 4;
#if KEYS
            [[unroll]] for (uint c = 0; c < 4; c++) {
                uint at = c_row + min(column + c, columns - 1);
                lse[c] = max(in4(at), LEAST);
                dots[c] = in5(at);
            }
#endif
            [[unroll]] for (uint i = 0; i < 4; i++) {
                uint r = r0 + ty * 4 + i;
                [[unroll]] for (uint c = 0; c < 4; c++) {
                    uint query = KEYS != 0 ? column + c : r, key = KEYS != 0 ? r : column + c;
                    bool seen = column + c < columns && (!CAUSAL || key <= query);
#if MASKED
                    uint row = KEYS != 0 ? min(query, columns - 1) : min(query, rows - 1);
                    uint col = KEYS != 0 ? min(key, rows - 1) : min(key, columns - 1);
                    s[i][c] = attention_add(s[i][c], in6(mask_at + row * mask_row + col * mask_column));
#endif
                    s[i][c] = seen ? s[i][c] : HIDDEN;
                }
                s[i] = exp(s[i] - OF_PAIR(lse, i));
                g[i] = s[i] * (g[i] - OF_PAIR(dots, i));
            }
#if KEYS
            [[unroll]] for (uint i = 0; i < 4; i++) w_tile[(ty * 4 + i) * CP + tx] = s[i];
            barrier(); /* p is there */
            for (uint q = 0; q < CQ; q++) {
                vec4 w[4];
                [[unroll]] for (uint i = 0; i < 4; i++) w[i] = w_tile[(ty * 4 + i) * CP + q];
                [[unroll]] for (uint j = 0; j < EN; j++) {
                    vec4 f = c_tile[F + (tx + j * TX) * CP + q];
                    [[unroll]] for (uint i = 0; i < 4; i++)
                        [[unroll]] for (uint c = 0; c < 4; c++) by_e[i * EN + j] = fma(w[i][c], f[c], by_e[i * EN + j]);
                }
            }
            barrier(); /* p was read, and f */
#else
            if (!APART) barrier(); /* f was read */
#endif
            [[unroll]] for (uint i = 0; i < 4; i++) w_tile[(ty * 4 + i) * CP + tx] = g[i];
            if (!APART) load_c(t, c_row, c0);
            barrier(); /* ds is there, and c */
            for (uint q = 0; q < CQ; q++) {
                vec4 w[4];
                [[unroll]] for (uint i = 0; i < 4; i++) w[i] = w_tile[(ty * 4 + i) * CP + q];
                [[unroll]] for (uint j = 0; j < DN; j++) {
                    vec4 f = c_tile[(tx + j * TX) * CP + q];
                    [[unroll]] for (uint i = 0; i < 4; i++)
                        [[unroll]] for (uint c = 0; c < 4; c++) by_d[i * DN + j] = fma(w[i][c], f[c], by_d[i * DN + j]);
                }
            }
        }
    }
    [[unroll]] for (uint i = 0; i < 4; i++) {
        uint r = r0 + ty * 4 + i;
        if (r < rows) {
            [[unroll]] for (uint j = 0; j < DN; j++)
                if (FULL || tx + j * TX < d) out0((r_row + r) * d + tx + j * TX, by_d[i * DN + j] * scale);
#if KEYS
            [[unroll]] for (uint j = 0; j < EN; j++)
                if (FULL || tx + j * TX < e) out1((r_row + r) * e + tx + j * TX, by_e[i * EN + j]);
#endif
        }
    }
}
