/* runs.h - inner loops of long sums over neighbours, in any order of additions, which compilers make vectors of at -O2. Private. */
#ifndef TUFF_OPS_RUNS_H
#define TUFF_OPS_RUNS_H

#include <stdint.h>

/* y[i] += a * x[i * step] */
static inline void tuff_run_add(double *restrict y, const double *restrict x, uint64_t step, double a, uint64_t count)
{
    uint64_t i = 0;
    if (step == 1)
        for (; i + 4 <= count; i += 4) {
            y[i] += a * x[i];
            y[i + 1] += a * x[i + 1];
            y[i + 2] += a * x[i + 2];
            y[i + 3] += a * x[i + 3];
        }
    for (; i < count; i++) y[i] += a * x[i * step];
}

/* y[i * step] += a * x[i] */
static inline void tuff_run_scatter(double *restrict y, uint64_t step, const double *restrict x, double a, uint64_t count)
{
    if (step == 1)
        tuff_run_add(y, x, 1, a, count);
    else
        for (uint64_t i = 0; i < count; i++) y[i * step] += a * x[i];
}

/* sum_i x[i * step] * y[i] */
static inline double tuff_run_dot(const double *restrict x, uint64_t step, const double *restrict y, uint64_t count)
{
    double sum[4] = {0};
    uint64_t i = 0;
    if (step == 1)
        for (; i + 4 <= count; i += 4) {
            sum[0] += x[i] * y[i];
            sum[1] += x[i + 1] * y[i + 1];
            sum[2] += x[i + 2] * y[i + 2];
            sum[3] += x[i + 3] * y[i + 3];
        }
    for (; i < count; i++) sum[i % 4] += x[i * step] * y[i];
    return sum[0] + sum[1] + (sum[2] + sum[3]);
}

#endif
