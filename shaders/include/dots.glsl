/* dots.glsl - products of i8, four to a word along k, by integer dot products. */
#extension GL_EXT_spirv_intrinsics : require
/* OpSDotKHR with Packed Vector Format 0 (4 x 8 bits); capabilities DotProductKHR, DotProductInput4x8BitPackedKHR. */
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6019, 6018], id = 4450)
int dot_4x8(int a, int b, spirv_literal int format);
int dot_word(int e0, int e1, int e2, int e3) { return e0 & 255 | (e1 & 255) << 8 | (e2 & 255) << 16 | e3 << 24; }
#define NUMBER int
#define VECTOR ivec4
#define ADD(sum, a, b) (sum + dot_4x8(a, b, 0))
const uint WORD = 4;
