/* philox.h - Philox 4x32-10, the counter-based generator of all random numbers here (Salmon, Moraes, Dror and Shaw 2011,
 * "Parallel random numbers: as easy as 1, 2, 3"); the twin of shaders/include/philox.glsl. Private. */
#ifndef TUFF_PHILOX_H
#define TUFF_PHILOX_H

#include <stdbool.h>
#include <stdint.h>

static inline void tuff_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
        for (int i = 0; i < 4; i++) c[i] = next[i];
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; i++) out[i] = c[i];
}

/* Uniform in [0, 1): the upper 24 bits. */
static inline float tuff_philox_unit(uint32_t word) { return (float)(word >> 8) * 5.9604644775390625e-8f; /* 2^-24 */ }

/* The numbers of a stream at step 0, one after the other: a block is computed once for its four. */
struct tuff_philox_stream {
    uint32_t key[2], stream;
    uint32_t block, words[4]; /* words of this block, once `filled` */
    bool filled;
};

static inline float tuff_philox_next(struct tuff_philox_stream *s, uint32_t index)
{
    if (!s->filled || s->block != index / 4) {
        const uint32_t counter[4] = {index / 4, 0, 0, s->stream};
        tuff_philox(counter, s->key, s->words);
        s->block = index / 4;
        s->filled = true;
    }
    return tuff_philox_unit(s->words[index % 4]);
}

/* Element `index` of stream `stream` at step `step`, uniform in [0, 1): the upper 24 bits of word index % 4 of block index / 4. */
static inline float tuff_philox_uniform(uint32_t seed_low, uint32_t seed_high, uint32_t step, uint32_t stream,
                                        uint32_t index)
{
    uint32_t counter[4] = {index / 4, 0, step, stream}, key[2] = {seed_low, seed_high}, out[4];
    tuff_philox(counter, key, out);
    return tuff_philox_unit(out[index % 4]);
}

#endif
