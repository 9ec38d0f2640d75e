/* conv_product.glsl - all of conv_tab.comp and, with BCAST, of conv_tab_bcast.comp. */
#include "include/hooks.glsl"
layout(local_size_x_id = 0) in;
TUFF_CONSTANTS(conv_tab)
layout(push_constant) uniform Push { TUFF_WORDS(conv) };
const bool GRAD = (FLAGS & 1u) != 0, BITS = (FLAGS & 2u) != 0, A_VEC = (FLAGS & 4u) != 0, K_TAIL = (FLAGS & 8u) != 0,
           C_VEC = (FLAGS & 16u) != 0;
#if BYTES
TUFF_PORTS(NNP)
#include "include/dots.glsl"
#else
TUFF_PORTS(IIO)
#define NUMBER float
#define VECTOR vec4
#define ADD(sum, a, b) fma(a, b, sum)
const uint WORD = 1;
#endif
const uint BK_ENTRIES = BK * WORD;
#include "include/tiles.glsl"
#include "include/conv.glsl"

/* Columns that the invocations take side by side; each has so many of them, and every so-many-th k. */
const uint ACROSS = BN < THREADS ? BN : THREADS, EACH = BN / ACROSS, APART = THREADS / ACROSS, DEEP = BK / APART;
/* Of a, an invocation loads its k of every so-many-th row, or (GRAD) its rows of every so-many-th k; lanes lie along memory. */
const uint A_UNIT = A_VEC ? 4 : 1, A_ACROSS = BM < THREADS ? BM : THREADS, A_STEP = GRAD ? A_ACROSS : THREADS / (BK / A_UNIT);
const uint A_ROWS = BCAST != 0 ? TM * BK / 4 / TX : BM / A_STEP, A_APART = THREADS / A_ACROSS, A_DEEP = GRAD ? BK / A_APART : 1;
/* What is loaded is masked when it is stored: only then the loads are waited for. */
NUMBER next_b[EACH * DEEP], next_a[A_ROWS * A_DEEP];
VECTOR next_av[A_VEC ? A_ROWS : 1];
uint mask_b[EACH * DEEP];

uint a_row(uint t) { return GRAD ? t % A_ACROSS : t / (BK / A_UNIT); }
uint a_k(uint t) { return GRAD ? t / A_ACROSS : t % (BK / A_UNIT) * A_UNIT; }

/* row[i]: where the rows begin in w. */
void load(Column column[EACH], uint row[A_ROWS], uint t, uint k0, uint k_count, uint turn)
{
    [[unroll]] for (uint i = 0; i < DEEP; i++)
        [[unroll]] for (uint p = 0; p < EACH; p++) {
            const uint to = i * EACH + p;
            uint k = turn + t / ACROSS + i * APART;
#if BYTES
            int e[4];
            [[unroll]] for (uint q = 0; q < 4; q++) {
                uvec4 entry = entries[k * 4 + q];
                uint mask = conv_mask(column[p], entry);
                e[q] = conv_masked(conv_gather(column[p], entry, mask), mask);
            }
            next_b[to] = dot_word(e[0], e[1], e[2], e[3]);
            mask_b[to] = ~0u;
#else
            uvec4 entry = entries[k];
            mask_b[to] = conv_mask(column[p], entry);
            next_b[to] = conv_gather(column[p], entry, mask_b[to]);
            if (BCAST != 0) next_b[to] = conv_masked(next_b[to], mask_b[to]); /* Intel: no registers are left for masks */
#endif
        }
#if BCAST
#elif BYTES
    [[unroll]] for (uint i = 0; i < A_ROWS; i++) {
        uint at = row[i] + k0 + a_k(t) * 4, last = row[i] + k_count - 1; /* what is behind it meets zeros */
        next_a[i] = dot_word(in1(min(at, last)), in1(min(at + 1, last)), in1(min(at + 2, last)), in1(min(at + 3, last)));
    }
#else
    if (A_VEC) {
        bool ok = !K_TAIL || k0 + a_k(t) < k_count;
        [[unroll]] for (uint i = 0; i < A_ROWS; i++) {
            uint from = row[i] + k0 / 4;
            from = ok ? from : 0u;
            next_av[i] = in1q(from);
        }
    } else if (GRAD) {
        [[unroll]] for (uint d = 0; d < A_DEEP; d++) {
            uint weight = entries[a_k(t) + d * A_APART].w;
            [[unroll]] for (uint i = 0; i < A_ROWS; i++) next_a[d * A_ROWS + i] = in1(row[i] + weight);
        }
    } else {
        uint k = k0 + a_k(t);
        k = !K_TAIL || k < k_count ? k : 0u;
        [[unroll]] for (uint i = 0; i < A_ROWS; i++) next_a[i] = in1(row[i] + k);
    }
#endif
}

/* What was loaded of k0 and the next ones, to the tiles. */
void put(uint t, uint k0, uint k_count)
{
#if !BCAST
    uint k = a_k(t), m = a_row(t);
    [[unroll]] for (uint d = 0; d < A_DEEP; d++) {
        bool ended = K_TAIL && BYTES == 0 && k0 + k + d * A_APART >= k_count;
        [[unroll]] for (uint i = 0; i < A_ROWS; i++) {
            if (A_VEC) {
                VECTOR v = ended ? VECTOR(0) : next_av[i];
                [[unroll]] for (uint q = 0; q < 4; q++) put_a(k + q, m, i * A_STEP / 4, v[q]);
            } else {
                NUMBER v = ended ? NUMBER(0) : next_a[d * A_ROWS + i];
                put_a(k + d * A_APART, m, i * A_STEP / 4, v);
            }
        }
    }
#endif
    [[unroll]] for (uint i = 0; i < DEEP; i++)
        [[unroll]] for (uint p = 0; p < EACH; p++)
            put_b(t / ACROSS + i * APART, t % ACROSS, p * ACROSS / 4,
                  BCAST != 0 ? next_b[i * EACH + p] : conv_masked(next_b[i * EACH + p], mask_b[i * EACH + p]));
}

#if BCAST
/* The rows' numbers of k0 and the next ones; as many vectors of four k as the lane has. */
void hold(uint row[A_ROWS], uint lane, uint k0, uint k_count, uint turn)
{
    [[unroll]] for (uint i = 0; i < HELD; i++) {
        uint at = (i * TX + lane) / TM * 4;
        if (A_VEC) {
            bool ok = !K_TAIL || k0 + at < k_count;
            uint from = row[i] + k0 / 4;
            from = ok ? from : 0u;
            vec4 v = in1q(from);
            held[i] = ok ? v : vec4(0.0);
        } else {
            [[unroll]] for (uint q = 0; q < 4; q++) {
                bool ok = !K_TAIL || k0 + at + q < k_count;
                uint from = row[i] + (GRAD ? entries[turn + at + q].w : k0 + at + q);
                from = ok ? from : 0u;
                float v = in1(from);
                held[i][q] = ok ? v : 0.0;
            }
        }
    }
}
#endif

void store(Class c, uint m0, uint n0, uint z, uint tx, uint ty)
{
    uint plane = rh * rw, count = pictures * c.rows * c.columns;
#if !BYTES
    if (C_VEC) {
        [[unroll]] for (uint j = 0; j < TN / 4; j++) {
            uint n = n0 + column_of(tx, j), to = conv_place(c, n, z);
            [[unroll]] for (uint i = 0; i < TM; i++) {
                uint m = m0 + row_of(ty, i);
                if (m < m_count && n < count) out0v(to + m * plane, acc[i][j]);
            }
        }
        return;
    }
#endif
    uint to[TN];
    [[unroll]] for (uint j = 0; j < TN; j++) to[j] = conv_place(c, n0 + column_of(tx, j / 4) + j % 4, z);
    [[dont_unroll]] for (uint i = 0; i < TM; i++) { /* stores are much text */
        uint m = m0 + row_of(ty, i);
        [[unroll]] for (uint j = 0; j < TN; j++)
            if (m < m_count && n0 + column_of(tx, j / 4) + j % 4 < count) out0(to[j] + m * plane, acc[0][j / 4][j % 4]);
        [[unroll]] for (uint k = 1; k < TM; k++)
            [[unroll]] for (uint j = 0; j < TN / 4; j++) acc[k - 1][j] = acc[k][j];
    }
}

void main()
{
    uint group = tuff_group(), t = gl_LocalInvocationIndex, tx = t % TX, ty = t / TX;
#if BCAST
    tx = gl_SubgroupInvocationID;
    ty = gl_SubgroupID;
    t = ty * TX + tx;
#endif
    if (group >= group_count) return; /* the whole workgroup: barriers stay in uniform control flow */
    uint tile_n = group % tiles_n, rest = group / tiles_n, tile_m = rest % tiles_m, classes = GRAD ? min(stride_y, rh) * min(stride_x, rw) : 1;
    rest /= tiles_m;
    uint z = rest / classes, m0 = tile_m * BM, n0 = tile_n * BN;
    Class c = conv_class(rest - z * classes);
    if (n0 >= pictures * c.rows * c.columns) return; /* as above: classes may have fewer positions than the first */
    Column column[EACH];
    [[unroll]] for (uint p = 0; p < EACH; p++) column[p] = conv_column(c, n0 + t % ACROSS + p * ACROSS, z);
    uint k_count = s_channels * c.taps_y * c.taps_x, row[A_ROWS];
    [[unroll]] for (uint i = 0; i < A_ROWS; i++) {
        uint e = i * TX + tx, m = BCAST != 0 ? ty * TM + e % TM : a_row(t) + i * A_STEP;
        uint quad = BCAST != 0 ? e / TM : a_k(t) / 4; /* where its k begin in the row, A_VEC */
        m = min(m0 + m, m_count - 1);
        row[i] = GRAD ? (z * s_channels * m_count + m) * (kh * kw) : (z * m_count + m) * k_count;
        if (A_VEC) row[i] = row[i] / 4 + quad;
    }
    clear();
    Walk walk = conv_walk(c, t);
    if (t < BK_ENTRIES) conv_entry(c, walk, t);
    barrier(); /* entries are written before they are read */
    uint turn = 0; /* where the entries of k0 are */
    if (k_count > 0) load(column, row, t, 0, k_count, turn);
    for (uint k0 = 0; k0 < k_count; k0 += BK_ENTRIES) {
        uint next = BCAST != 0 ? BK_ENTRIES - turn : 0u;
        barrier(); /* tiles and entries are read before they are overwritten */
        if (t < BK_ENTRIES) conv_entry(c, walk, next + t);
        put(t, k0, k_count);
        barrier(); /* and written before they are read */
#if BCAST
        hold(row, tx, k0, k_count, turn);
#endif
        if (k0 + BK_ENTRIES < k_count) load(column, row, t, k0 + BK_ENTRIES, k_count, next);
        multiply(tx, ty);
        turn = next;
    }
    store(c, m0, n0, z, tx, ty);
}
