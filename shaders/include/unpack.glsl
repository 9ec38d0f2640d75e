/* unpack.glsl - element i of the word of 32 bits that holds it. */
#ifndef TUFF_UNPACK
#define TUFF_UNPACK
float tuff_half(uint word, uint i) { return unpackHalf2x16(word >> (i & 1u) * 16u).x; }
float tuff_bfloat(uint word, uint i) { return uintBitsToFloat(word >> (i & 1u) * 16u << 16); }
int tuff_byte(uint word, uint i) { return int(word >> ((i & 3u) * 8u) & 255u); }
int tuff_char(uint word, uint i) { return int(word << (24u - (i & 3u) * 8u)) >> 24; }
#endif
