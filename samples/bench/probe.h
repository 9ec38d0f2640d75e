/* probe.h - programs that measure what a device can do at most. probe.c and probe_matrix.c make them by Tuff's private headers, as no
 * other part of the samples; this one shows them to the rest, which sees the public headers alone. */
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

#include <tuff/tuff.h>

/* Independent: enough chains of dependent multiply-adds in an invocation that none waits for another, the device's peak.
 * Dependent: one chain in an invocation, what code without parallel work inside an invocation reaches. */
enum probe_kind {
    PROBE_F32,
    PROBE_F32_DEPENDENT,
    PROBE_F16, /* two packed halves an operation */
    PROBE_F16_DEPENDENT,
    PROBE_I8_DOT, /* dot product of four packed signed bytes, added to an int */
    PROBE_I8_DOT_DEPENDENT,
    PROBE_MATRIX, /* cooperative matrices of a subgroup, f16 x f16 summed in f32 */
    PROBE_MATRIX_DEPENDENT,
    PROBE_COPY,         /* by a kernel, from one buffer to another */
    PROBE_READ,         /* by a kernel that sums */
    PROBE_COPY_STORAGE, /* COPY and READ are the best of both ways to read: these are one of them, */
    PROBE_COPY_TEXELS,  /* where the device reads texels (TUFF_DRIVER_READS_TEXELS) the other too */
    PROBE_READ_STORAGE,
    PROBE_READ_TEXELS,
    PROBE_LAUNCH,           /* launches of one workgroup with one word of work, without barriers */
    PROBE_LAUNCH_DEPENDENT, /* each reads what the one before wrote, behind a barrier */
    PROBE_SUBMIT,           /* a program without a launch */
    PROBE_COUNT
};
/* Programs of a kind: with more or fewer chains in an invocation, more or less to copy. Which is fastest is a matter of the
 * driver's compiler: the fastest one tells the peak. At least 1. */
uint32_t probe_variants(enum probe_kind kind);
/* "f32/independent", "f32/dependent", "f16/..", "i8dot/..", "coopmat-f16/..", "copy", "read", "copy/storage", "copy/texel", .., "launch/..", "submit". Static. */
const char *probe_name(enum probe_kind kind);

#define PROBE_MAX_ROUNDS 4096u
struct probe_params {
    enum probe_kind kind;
    uint64_t rounds;  /* work of one run: times the kernel's loop turns, or launches; 0: 1. At most PROBE_MAX_ROUNDS, at
                      * which the largest GPU of today is busy for tens of milliseconds. Start low and double */
    uint64_t bytes;   /* of each buffer of COPY and READ, rounded to what the device binds; 0: as much as lies beyond any
                      * cache that it may have, up to 256 MiB */
    uint32_t variant; /* 0 .. probe_variants(kind) - 1 */
};
struct probe_work {
    uint64_t flops; /* or integer operations; multiply and add count as two */
    uint64_t bytes; /* read and written, of COPY and READ */
    uint32_t launches;
};
/* A program with its buffers and inputs. One thread at a time. */
struct probe;
/* Errors: UNSUPPORTED with a sentence where the device lacks what it measures, USAGE for more rounds than the most,
 * DEVICE_MEMORY, DRIVER, MEMORY. */
TUFF_MUST_CHECK tuff_status probe_create(struct tuff_device *device, const struct probe_params *params, struct probe **probe,
                                         struct tuff_error *error);
void probe_destroy(struct probe *probe); /* waits for its runs; NULL is legal */
/* To submit, wait for and time (tuff_program_duration). Borrowed. */
struct tuff_program *probe_program(struct probe *probe);
struct probe_work probe_work(const struct probe *probe);
struct probe_found {
    uint64_t compared, wrong; /* words of the result; all of them are exact */
};
/* Waits for the last run and compares the buffer it wrote with what it must have written, which depends on all the work:
 * every operation of a probe is exact in its type. compared is 0 for SUBMIT. Errors: USAGE before a run, as tuff_buffer_read. */
TUFF_MUST_CHECK tuff_status probe_check(struct probe *probe, struct probe_found *found, struct tuff_error *error);

#endif
