#version 450
#extension GL_GOOGLE_include_directive : require
/* conv_wtab.comp - gradient by weight of a convolution of any window, stride, dilation and group; tiles of both operands in shared memory.
 *
 *   gw[split,o,c,u,v] = sum_{n,i,j} gy[n,o,i,j] * x[n, c, i*SH + u*DH - top, j*SW + v*DW - left], n in the split's pictures
 *
 * in    0      x  [n, groups * ci, h, w]          f32
 * in    1      gy [n, groups * m_count, oh, ow]   f32
 * out   2      gw [splits, groups * m_count, columns]  f32, columns (c,u,v)
 * push         part conv_wtab
 * spec  0      THREADS of a workgroup, a multiple of BK
 * spec  1..3   TX: along columns; TM, TN: channels and columns of an invocation, multiples of 4
 * spec  4      BK: depth of the tiles in positions, a multiple of 4
 * spec  5      FLAGS: 1 GY_VEC: gy is read four at a time, oh * ow is a multiple of 4; 2 P_TAIL: positions of a split are no multiple of BK
 * grid         group_count workgroups, folded: tile of columns fastest, then of channels, then group, then split
 * why          an invocation loads one position of each block, and steps from it to the next one's without a division; what its columns'
 *              elements of x lie apart from the position's is in shared memory */
// tuff: full-subgroups
#include "include/hooks.glsl"
layout(local_size_x_id = 0) in;
TUFF_CONSTANTS(conv_wtab)
layout(push_constant) uniform Push { TUFF_WORDS(conv_wtab) };
TUFF_PORTS(IIO)
const bool GY_VEC = (FLAGS & 1u) != 0, P_TAIL = (FLAGS & 2u) != 0;
#define BCAST 0
#define NUMBER float
#define VECTOR vec4
#define ADD(sum, a, b) fma(a, b, sum)
#include "include/tiles.glsl"

/* Every so-many-th column, or row, of its position; GY_VEC: rows of its quad of positions. */
const uint APART = THREADS / BK, B_NUMBERS = BN / APART, A_APART = GY_VEC ? APART * 4 : APART, A_NUMBERS = BM / A_APART;
float next_b[B_NUMBERS], next_a[GY_VEC ? 1 : A_NUMBERS];
vec4 next_av[GY_VEC ? A_NUMBERS : 1];
uint mask_b[B_NUMBERS]; /* what is loaded is masked when it is stored: only then the loads are waited for */
shared uvec4 entries[BN]; /* of columns: what their elements of x lie apart from the position's, as elements, rows, columns */

/* A position, or with rows of one quad that of a quad; and what a step adds. */
struct Walk { uint picture, i, j, pictures, is, js; };
Walk make_walk(uint k, uint step, uint rows, uint columns)
{
    uint plane = rows * columns, picture = k / plane, at = k - picture * plane, i = at / columns;
    uint over = step / plane, rest = step - over * plane, is = rest / columns;
    return Walk(picture, i, at - i * columns, over, is, rest - is * columns);
}
void advance(inout Walk k, uint rows, uint columns)
{
    k.j += k.js;
    bool carry = k.j >= columns;
    k.j -= carry ? columns : 0u;
    k.i += k.is + uint(carry);
    carry = k.i >= rows;
    k.i -= carry ? rows : 0u;
    k.picture += k.pictures + uint(carry);
}

void load(uint t, uint row[A_NUMBERS], Walk b, Walk a, uint pictures_end)
{
    bool live = b.picture < pictures_end;
    uint y = live ? b.i * stride_y : 1u << 30, x = b.j * stride_x, at = b.picture * (groups * ci * h * w) + b.i * stride_y * w + x;
    [[unroll]] for (uint i = 0; i < B_NUMBERS; i++) {
        uvec4 e = entries[t / BK + i * APART];
        mask_b[i] = y + e.y < h && x + e.z < w ? ~0u : 0u;
        next_b[i] = in0((at + e.x) & mask_b[i]);
    }
    uint plane = oh * ow, from;
    bool some = GY_VEC ? a.picture < pictures_end : live;
    if (GY_VEC) {
        from = a.picture * (groups * m_count * (plane / 4)) + a.j;
    } else {
        from = b.picture * (groups * m_count * plane) + b.i * ow + b.j;
    }
    [[unroll]] for (uint i = 0; i < A_NUMBERS; i++) {
        uint to = from + row[i];
        to = some ? to : 0u;
        if (GY_VEC) {
            next_av[i] = in1q(to);
        } else {
            next_a[i] = in1(to);
        }
    }
}

/* `some`: the positions of a exist. */
void put(uint t, bool some)
{
    const uint K = GY_VEC ? 4 : 1;
    uint k = t % (BK / K) * K, m = t / (BK / K);
    [[unroll]] for (uint i = 0; i < A_NUMBERS; i++) {
        if (GY_VEC) {
            vec4 v = P_TAIL && !some ? vec4(0.0) : next_av[i];
            [[unroll]] for (uint q = 0; q < 4; q++) put_a(k + q, m, i * A_APART / 4, v[q]);
        } else {
            put_a(k, m, i * A_APART / 4, P_TAIL && !some ? 0.0 : next_a[i]);
        }
    }
    [[unroll]] for (uint i = 0; i < B_NUMBERS; i++)
        put_b(t % BK, t / BK, i * APART / 4, uintBitsToFloat(floatBitsToUint(next_b[i]) & mask_b[i]));
}

void main()
{
    uint group = tuff_group(), t = gl_LocalInvocationIndex, tx = t % TX, ty = t / TX;
    if (group >= group_count) return; /* the whole workgroup: barriers stay in uniform control flow */
    uint tile_n = group % tiles_n, rest = group / tiles_n, tile_m = rest % tiles_m;
    rest /= tiles_m;
    uint split = rest / groups, z = rest - split * groups, m0 = tile_m * BM, n0 = tile_n * BN, plane = oh * ow;
    uint first = split * split_pictures, end = min(first + split_pictures, pictures);
    for (uint e = t; e < BN; e += THREADS) {
        uint n = min(n0 + e, columns - 1), taps = kh * kw, channel = n / taps, at = n - channel * taps, u = at / kw;
        uint y = u * dilation_y - top, x = (at - u * kw) * dilation_x - left;
        entries[e] = uvec4((z * ci + channel) * (h * w) + y * w + x, y, x, 0);
    }
    uint row[A_NUMBERS];
    [[unroll]] for (uint i = 0; i < A_NUMBERS; i++)
        row[i] = (z * m_count + min(m0 + t / (BK / (GY_VEC ? 4 : 1)) + i * A_APART, m_count - 1)) * (GY_VEC ? plane / 4 : plane);
    Walk b = make_walk(t % BK, BK, oh, ow), a = make_walk(t % (BK / 4), BK / 4, 1, GY_VEC ? plane / 4 : 1);
    b.picture += first;
    a.picture += first;
    clear();
    barrier(); /* entries are written before they are read */
    load(t, row, b, a, end);
    uint p_count = (end - first) * plane;
    for (uint p0 = 0; p0 < p_count; p0 += BK) {
        barrier(); /* tiles are read before they are overwritten */
        put(t, GY_VEC ? a.picture < end : b.picture < end);
        barrier(); /* and written before they are read */
        advance(b, oh, ow);
        if (GY_VEC) advance(a, 1, plane / 4);
        load(t, row, b, a, end);
        multiply(tx, ty);
    }
    uint to = (split * groups + z) * m_count;
    [[dont_unroll]] for (uint i = 0; i < TM; i++) { /* stores are much text */
        uint m = m0 + row_of(ty, i);
        [[unroll]] for (uint j = 0; j < TN; j++) {
            uint n = n0 + column_of(tx, j / 4) + j % 4;
            if (m < m_count && n < columns) out0((to + m) * columns + n, acc[0][j / 4][j % 4]);
        }
        [[unroll]] for (uint k = 1; k < TM; k++)
            [[unroll]] for (uint j = 0; j < TN / 4; j++) acc[k - 1][j] = acc[k][j];
    }
}
