/* probe_matrix.h - the probe of cooperative matrices, whose kernel no GLSL compiler of today's stable systems can make. */
#ifndef BENCH_PROBE_MATRIX_H
#define BENCH_PROBE_MATRIX_H

#include "backend/device.h"

/* c[m,n] += a[m,k] b[k,n] by one subgroup. */
struct probe_shape {
    uint32_t m, n, k;
};
/* The largest that the device offers for f16 x f16 summed in f32. Error: UNSUPPORTED with a sentence. */
tuff_status probe_matrix_shape(struct tuff_device *device, struct probe_shape *shape, struct tuff_error *error);

#define PROBE_MATRIX_SUMS 2  /* at most: with 4, Intel DG2 spills (Mesa 25) */
#define PROBE_MATRIX_STEPS 4 /* products that each sum takes in a round */
struct probe_module {
    uint32_t words[2048], count;
    uint32_t bound;   /* of ids */
    char version[24]; /* of the compiler that gives it: a hash of the words */
};
/* SPIR-V of a kernel; a workgroup is one subgroup of `lanes`:
 *   c[s] = start[s];  rounds times, for t < STEPS, s < sums:  c[s] = a[t] b[s] + c[s];  y[group] = sum_s c[s]
 * in   0  a [STEPS, m, k], b [sums, k, n]  f16, row-major, one behind the other
 * in   1  start [sums, m, n]               f32
 * out  2  y [groups, m, n]                 f32
 * push    rounds  uint
 *         never   uint   a round that does not come (UINT32_MAX), in which a would be read from elsewhere
 * Drivers that emulate matrices can make a product without its sum: no two of a round are the same, and because of `never` none
 * is known to be the same in the next round, or lavapipe (Mesa 26) makes each once, and adds. */
void probe_matrix_module(const struct probe_shape *shape, uint32_t lanes, uint32_t sums, struct probe_module *module);

#endif
