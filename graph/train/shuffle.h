/* shuffle.h - permutations that are a function of (seed, epoch) alone. Private. */
#ifndef TUFF_SHUFFLE_H
#define TUFF_SHUFFLE_H

#include "graph/philox.h"

/* Fisher and Yates's shuffle of rows[count], in place; random words are Philox blocks of (seed, epoch). The bias of the
 * multiply-shift reduction to a range of n is below n / 2^32. */
static inline void tuff_shuffle(uint32_t *rows, uint64_t count, uint64_t seed, uint64_t epoch)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t words[4];
    for (uint64_t left = count; left > 1; left--) {
        uint64_t n = count - left;
        uint32_t counter[4] = {(uint32_t)(n / 4), (uint32_t)epoch, (uint32_t)(epoch >> 32), 0x73687566u /* "shuf" */};
        if (n % 4 == 0) tuff_philox(counter, key, words);
        uint64_t k = ((uint64_t)words[n % 4] * left) >> 32;
        uint32_t row = rows[left - 1];
        rows[left - 1] = rows[k];
        rows[k] = row;
    }
}

#endif
