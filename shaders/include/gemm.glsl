/* gemm.glsl - operands of an implicit matrix product  c[m, n] = sum_k a[m, k] * b[k, n]  over a batch index z.
 *
 * Chosen by GEMM_OP; a convolution is a product whose b (or a) is gathered from the picture, never written out:
 *   0 matmul       a, b as given (COUNTED: the sum ends before k = in2), each transposed or not; z runs over the broadcast batch axes
 *   1 conv2d       m = output channel, n = (picture, i, j), k = (channel, u, v), z = group      in0 x, in1 w
 *   2 input grad   m = input channel, n = (picture, row, column), k = (channel of gy, u, v)     in0 gy, in1 w
 *   3 weight grad  m = output channel, n = (channel, u, v), k = (picture, i, j), z = split of k and group   in0 x, in1 gy
 * A kernel asks for struct GemmZ once, struct GemmRow and GemmCol once per row and column, then loads by k. Rows,
 * columns and k outside the matrix give 0 and read element 0, so that no lane leaves the common path.
 * Constant ids 0..5, 9..12 and the push block are shared by every kernel that includes this:
 *   9, 10  A_VEC, B_VEC (matmul): rows in memory begin at multiples of 4: k_count (m_count, n_count), where these are the fast ones) is one
 *   11     C_VEC: four columns of c from a multiple of 4 on are neighbours in memory, at a multiple of 4
 *   12     K_TAIL (matmul): the last round of k is not whole, or COUNTED
 * With splits of k, c holds the sums of each one behind the other.
 *
 * BYTES: operands are i8, four to a word along k, multiplied by integer dot products; else NUMBER is float, a word one element.
 *
 * in    0, 1  as GEMM_OP says, f32; BYTES: i8
 * out   2     f32; BYTES: i32, which wraps
 * grid  group_count workgroups, folded: tile column fastest, then tile row, then z */
#ifndef GEMM_OP
#define GEMM_OP 0
#endif
#include "include/hooks.glsl"
#ifdef BYTES
TUFF_PORTS(NNP)
#define NUMBER int
#define NUMBER4 ivec4
const uint WORD = 4;
#else
#ifdef COUNTED
TUFF_PORTS(IINO)
#else
TUFF_PORTS(IIO)
#endif
#define NUMBER float
#define NUMBER4 vec4
const uint WORD = 1;
#endif
TUFF_CONSTANTS(gemm_quads)
#if GEMM_OP == 0
TUFF_CONSTANTS(gemm_matmul)
layout(push_constant) uniform Push { TUFF_WORDS(gemm) TUFF_WORDS(gemm_matmul) };
#else
TUFF_CONSTANTS(gemm_conv)
layout(push_constant) uniform Push { TUFF_WORDS(gemm) TUFF_WORDS(gemm_conv) };
#endif

struct GemmZ { uint a, b, c, k_begin, k_end; };
struct GemmRow { uint base; bool inside; };
struct GemmCol { uint base, y, x; bool inside; };

#if GEMM_OP == 0
#define GEMM_A(i) in0(i)
#define GEMM_B(i) in1(i)
const bool A_K_FAST = !TRANSPOSE_A, B_K_FAST = TRANSPOSE_B;
#ifdef COUNTED /* in2: how many of the k are summed */
uint gemm_k_end() { return uint(clamp(in2(0u), 0, int(k_count))); }
#else
uint gemm_k_end() { return k_count; }
#endif
GemmZ gemm_z(uint z)
{
    uint split = z / batch, begin = split * k_split;
    GemmZ r = GemmZ(0, 0, z * m_count * n_count, begin, min(begin + k_split, gemm_k_end()));
    z -= split * batch;
    for (uint d = batch_rank; d > 0; d--) {
        uint at = z % batch_size[d - 1];
        z /= batch_size[d - 1];
        r.a += at * a_stride[d - 1];
        r.b += at * b_stride[d - 1];
    }
    r.a *= m_count * k_count;
    r.b *= k_count * n_count;
    return r;
}
GemmRow gemm_row(GemmZ z, uint m) { return GemmRow(z.a + (TRANSPOSE_A ? m : m * k_count), m < m_count); }
GemmCol gemm_col(GemmZ z, uint n) { return GemmCol(z.b + (TRANSPOSE_B ? n * k_count : n), 0, 0, n < n_count); }
NUMBER gemm_a(GemmZ z, GemmRow r, uint k)
{
    bool ok = r.inside && k < z.k_end;
    NUMBER v = GEMM_A(ok ? r.base + (TRANSPOSE_A ? k * m_count : k) : 0u);
    return ok ? v : NUMBER(0);
}
NUMBER gemm_b(GemmZ z, GemmCol c, uint k)
{
    bool ok = c.inside && k < z.k_end;
    NUMBER v = GEMM_B(ok ? c.base + (TRANSPOSE_B ? k : k * n_count) : 0u);
    return ok ? v : NUMBER(0);
}
uint gemm_c(GemmZ z, uint m, uint n) { return z.c + m * n_count + n; }

#elif GEMM_OP == 1
const bool A_K_FAST = true, B_K_FAST = false;
GemmZ gemm_z(uint z) { return GemmZ(z * co * k_count, z * ci * h * w, z * co, 0, k_count); }
GemmRow gemm_row(GemmZ z, uint m) { return GemmRow(z.a + m * k_count, m < m_count); }
GemmCol gemm_col(GemmZ z, uint n)
{
    uint picture = n / (oh * ow), at = n - picture * (oh * ow), i = at / ow, j = at - i * ow;
    return GemmCol(picture * (groups * ci * h * w) + z.b, i * SH - top, j * SW - left, n < n_count);
}
NUMBER gemm_a(GemmZ z, GemmRow r, uint k)
{
    bool ok = r.inside && k < z.k_end;
    NUMBER v = in1(ok ? r.base + k : 0u);
    return ok ? v : NUMBER(0);
}
NUMBER gemm_b(GemmZ z, GemmCol c, uint k)
{
    uint channel = k / (KH * KW), uv = k - channel * (KH * KW), u = uv / KW, v = uv - u * KW;
    uint y = c.y + u * DH, x = c.x + v * DW; /* before the first row or column: wraps to a large number */
    bool ok = c.inside && k < z.k_end && y < h && x < w;
    NUMBER e = in0(ok ? c.base + (channel * h + y) * w + x : 0u);
    return ok ? e : NUMBER(0);
}
uint gemm_c(GemmZ z, uint m, uint n)
{
    uint picture = n / (oh * ow), at = n - picture * (oh * ow);
    return (picture * (groups * co) + z.c + m) * (oh * ow) + at;
}

#elif GEMM_OP == 2
const bool A_K_FAST = false, B_K_FAST = false;
GemmZ gemm_z(uint z) { return GemmZ(z * co * ci * (KH * KW), z * co * oh * ow, z * ci, 0, k_count); }
GemmRow gemm_row(GemmZ z, uint m) { return GemmRow(z.a + m * (KH * KW), m < m_count); }
GemmCol gemm_col(GemmZ z, uint n)
{
    uint picture = n / (h * w), at = n - picture * (h * w), i = at / w, j = at - i * w;
    return GemmCol(picture * (groups * co * oh * ow) + z.b, i + top, j + left, n < n_count);
}
NUMBER gemm_a(GemmZ z, GemmRow r, uint k)
{
    uint channel = k / (KH * KW), uv = k - channel * (KH * KW);
    bool ok = r.inside && k < z.k_end;
    NUMBER v = in1(ok ? r.base + channel * (ci * (KH * KW)) + uv : 0u);
    return ok ? v : NUMBER(0);
}
NUMBER gemm_b(GemmZ z, GemmCol c, uint k)
{
    uint channel = k / (KH * KW), uv = k - channel * (KH * KW), u = uv / KW, v = uv - u * KW;
    uint y = c.y - u * DH, x = c.x - v * DW; /* as a number of strides; a negative one wraps and fails the test */
    uint i = y / SH, j = x / SW;
    bool ok = c.inside && k < z.k_end && u * DH <= c.y && v * DW <= c.x && i * SH == y && j * SW == x && i < oh && j < ow;
    NUMBER e = in0(ok ? c.base + (channel * oh + i) * ow + j : 0u);
    return ok ? e : NUMBER(0);
}
uint gemm_c(GemmZ z, uint m, uint n)
{
    uint picture = n / (h * w), at = n - picture * (h * w);
    return (picture * (groups * ci) + z.c + m) * (h * w) + at;
}

#else
const bool A_K_FAST = true, B_K_FAST = true;
GemmZ gemm_z(uint z)
{
    uint split = z / groups, g = z - split * groups, begin = split * k_split;
    return GemmZ(g * co * oh * ow, g * ci * h * w, (split * groups + g) * co, begin, min(begin + k_split, k_count));
}
GemmRow gemm_row(GemmZ z, uint m) { return GemmRow(z.a + m * (oh * ow), m < m_count); }
GemmCol gemm_col(GemmZ z, uint n)
{
    uint channel = n / (KH * KW), uv = n - channel * (KH * KW), u = uv / KW, v = uv - u * KW;
    return GemmCol(z.b + channel * (h * w), u * DH - top, v * DW - left, n < n_count);
}
NUMBER gemm_a(GemmZ z, GemmRow r, uint k)
{
    uint picture = k / (oh * ow), at = k - picture * (oh * ow);
    bool ok = r.inside && k < z.k_end;
    NUMBER v = in1(ok ? r.base + picture * (groups * co * oh * ow) + at : 0u);
    return ok ? v : NUMBER(0);
}
NUMBER gemm_b(GemmZ z, GemmCol c, uint k)
{
    uint picture = k / (oh * ow), at = k - picture * (oh * ow), i = at / ow, j = at - i * ow;
    uint y = i * SH + c.y, x = j * SW + c.x;
    bool ok = c.inside && k < z.k_end && y < h && x < w;
    NUMBER e = in0(ok ? c.base + picture * (groups * ci * h * w) + y * w + x : 0u);
    return ok ? e : NUMBER(0);
}
uint gemm_c(GemmZ z, uint m, uint n) { return (z.c + m) * n_count + n; }
#endif

/* The word of elements k .. k + WORD - 1, and a sum with the products of two words added. */
#ifdef BYTES
#extension GL_EXT_spirv_intrinsics : require
/* OpSDotKHR with Packed Vector Format 0 (4 x 8 bits); capabilities DotProductKHR, DotProductInput4x8BitPackedKHR. */
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6019, 6018], id = 4450)
int dot_4x8(int a, int b, spirv_literal int format);
int gemm_word(int e0, int e1, int e2, int e3) { return e0 & 255 | (e1 & 255) << 8 | (e2 & 255) << 16 | e3 << 24; }
int gemm_word_a(GemmZ z, GemmRow r, uint k)
{
    return gemm_word(gemm_a(z, r, k), gemm_a(z, r, k + 1u), gemm_a(z, r, k + 2u), gemm_a(z, r, k + 3u));
}
int gemm_word_b(GemmZ z, GemmCol c, uint k)
{
    return gemm_word(gemm_b(z, c, k), gemm_b(z, c, k + 1u), gemm_b(z, c, k + 2u), gemm_b(z, c, k + 3u));
}
int gemm_add(int sum, int a, int b) { return sum + dot_4x8(a, b, 0); }
#else
#define gemm_word_a gemm_a
#define gemm_word_b gemm_b
float gemm_add(float sum, float a, float b) { return fma(a, b, sum); }
#endif

/* Four words: along k of one row (column) where k is fast, else of four rows (columns) at one k. A matrix has them at `from`, which counts
 * quads where its rows begin at multiples of 4 (A_VEC, B_VEC), else elements; what lies beyond its rows and columns is anything, beyond
 * its k 0. */
#if GEMM_OP == 0 && !defined BYTES
#define GEMM_QUADS
const uint A_UNIT = A_VEC ? 4 : 1, B_UNIT = B_VEC ? 4 : 1;
uint gemm_from_a(GemmZ z, uint m, uint k)
{
    m = min(m, m_count - 1);
    uint of_m = (z.a + k * m_count) / A_UNIT + m / A_UNIT, of_k = (z.a + m * k_count + k) / A_UNIT;
    return TRANSPOSE_A ? of_m : of_k;
}
uint gemm_from_b(GemmZ z, uint n, uint k)
{
    n = min(n, n_count - 1);
    uint of_k = (z.b + n * k_count + k) / B_UNIT, of_n = (z.b + k * n_count) / B_UNIT + n / B_UNIT;
    return TRANSPOSE_B ? of_k : of_n;
}
uint gemm_step_a(uint k) { return (TRANSPOSE_A ? k * m_count : k) / A_UNIT; }
uint gemm_step_b(uint k) { return (TRANSPOSE_B ? k : k * n_count) / B_UNIT; }
/* inside: all four are elements of the matrix */
#define GEMM_FOUR(name, VEC, one, quad, last_one) \
vec4 name(uint from, bool inside) \
{ \
    uint last = inside ? ~0u : last_one, last_quad = inside ? ~0u : last_one / 4; \
    vec4 v; \
    if (VEC) { \
        v = quad(min(from, last_quad)); \
    } else { \
        v = vec4(one(min(from, last)), one(min(from + 1, last)), one(min(from + 2, last)), one(min(from + 3, last))); \
    } \
    return v; \
}
GEMM_FOUR(gemm_four_a, A_VEC, in0, in0q, a_last)
GEMM_FOUR(gemm_four_b, B_VEC, in1, in1q, b_last)
vec4 gemm_load_a(GemmZ z, uint from, uint m, uint k) { return gemm_four_a(from, A_VEC && !K_TAIL); }
vec4 gemm_load_b(GemmZ z, uint from, uint n, uint k) { return gemm_four_b(from, B_VEC && !K_TAIL); }
/* Of the last round: zeros for what lies behind the end. */
vec4 gemm_before_end(GemmZ z, vec4 v, uint k, bool k_fast)
{
    uvec4 at = k_fast ? uvec4(k, k + 1, k + 2, k + 3) : uvec4(k);
    return mix(vec4(0.0), v, lessThan(at, uvec4(z.k_end)));
}
#else
uint gemm_from_a(GemmZ z, uint m, uint k) { return 0; }
uint gemm_from_b(GemmZ z, uint n, uint k) { return 0; }
uint gemm_step_a(uint k) { return 0; }
uint gemm_step_b(uint k) { return 0; }
NUMBER4 gemm_before_end(GemmZ z, NUMBER4 v, uint k, bool k_fast) { return v; }
NUMBER4 gemm_load_a(GemmZ z, uint from, uint m, uint k)
{
    NUMBER4 v;
    GemmRow r = gemm_row(z, m);
    [[unroll]] for (uint c = 0; c < 4; c++) v[c] = A_K_FAST ? gemm_word_a(z, r, k + c * WORD) : gemm_word_a(z, gemm_row(z, m + c), k);
    return v;
}
NUMBER4 gemm_load_b(GemmZ z, uint from, uint n, uint k)
{
    NUMBER4 v;
    GemmCol r = gemm_col(z, n);
    [[unroll]] for (uint c = 0; c < 4; c++) v[c] = B_K_FAST ? gemm_word_b(z, r, k + c * WORD) : gemm_word_b(z, gemm_col(z, n + c), k);
    return v;
}
#endif
/* Columns n .. n + 3, a multiple of 4, of row m. */
void gemm_store(GemmZ z, uint m, uint n, NUMBER4 v)
{
#ifndef BYTES
    if (C_VEC) {
        if (n < n_count) out0v(gemm_c(z, m, n), v);
    } else
#endif
    {
        [[unroll]] for (uint c = 0; c < 4; c++)
            if (n + c < n_count) out0(gemm_c(z, m, n + c), v[c]);
    }
}
