/* graph_divisor.c - division by multiplier and shift is exact: all dividends of small divisors' range, and for every kind of
 * divisor the dividends around its multiples, where a wrong multiplier shows first. Needs no device. */
#include "graph/compile/divisor.h"

#include <stdbool.h>
#include <stdio.h>

static const uint32_t most = UINT32_C(0x7fffffff); /* the largest dividend, and divisor */

/* As shaders/include/divide.glsl. */
static uint32_t divide(uint32_t n, struct tuff_divisor d)
{
    return (uint32_t)((uint64_t)(uint32_t)(n + n) * d.multiplier >> 32) >> d.shift;
}

static bool exact(uint32_t n, uint32_t d, struct tuff_divisor by)
{
    if (divide(n, by) == n / d) return true;
    printf("%u / %u: expected %u, got %u (multiplier %u, shift %u)\n", n, d, n / d, divide(n, by), by.multiplier, by.shift);
    return false;
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth, MMIX */
    return (uint32_t)(*state >> 33);
}

/* The dividends next to q d, and that at the end. */
static bool around(uint32_t q, uint32_t d, struct tuff_divisor by)
{
    uint64_t at = (uint64_t)q * d;
    for (int step = -1; step <= 1; step++)
        if (at + (uint64_t)step <= most && !exact((uint32_t)(at + (uint64_t)step), d, by)) return false;
    return exact(most, d, by) && exact(most - 1, d, by) && exact(0, d, by);
}

static bool check(uint32_t d, uint64_t *random)
{
    struct tuff_divisor by = tuff_divisor_of(d);
    uint32_t last = most / d;
    bool good = around(0, d, by) && around(1, d, by) && around(last, d, by) && around(last / 2, d, by);
    if (last > 0) good = good && around(last - 1, d, by);
    for (int i = 0; i < 8 && good; i++) good = around(next_random(random) % (last + 1), d, by);
    for (int i = 0; i < 8 && good; i++) good = exact(next_random(random), d, by);
    return good;
}

int main(void)
{
    static const uint32_t every[] = {1, 3, 7, 49, 196, 641, 65537}; /* all dividends of these, in steps of a prime */
    uint64_t random = 1, failures = 0;
    for (uint32_t d = 1; d < 100000; d++) failures += !check(d, &random);
    for (uint32_t bit = 0; bit < 31; bit++)
        for (uint32_t near = 0; near < 9; near++) {
            uint32_t d = (UINT32_C(1) << bit) + near - 4;
            if (d >= 1 && d <= most) failures += !check(d, &random);
        }
    for (int i = 0; i < 1000000; i++) {
        uint32_t d = next_random(&random) >> i % 31;
        failures += !check(d ? d : 1, &random);
    }
    for (uint32_t i = 0; i < sizeof every / sizeof *every; i++) {
        struct tuff_divisor by = tuff_divisor_of(every[i]);
        for (uint32_t n = i; n <= most - 31; n += 31)
            if (!exact(n, every[i], by)) failures++, n = most - 31;
    }
    printf("%llu divisors are wrong\n", (unsigned long long)failures);
    return failures != 0;
}
