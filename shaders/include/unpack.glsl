/* unpack.glsl - element i of the word of 32 bits that holds it. */
#ifndef TUFF_UNPACK
#define TUFF_UNPACK
float tuff_half(uint word, uint i) { return (i & 1u) == 0u ? unpackHalf2x16(word).x : unpackHalf2x16(word).y; }
float tuff_bfloat(uint word, uint i) { return uintBitsToFloat((i & 1u) == 0u ? word << 16 : word & 0xffff0000u); }
int tuff_byte(uint word, uint i) { return int(word >> ((i & 3u) * 8u) & 255u); }
int tuff_char(uint word, uint i) { return int(word << (24u - (i & 3u) * 8u)) >> 24; }
#endif
