/* handover.h - plans are handed over here: memories, and executables made of plans. Private; of the graph only sessions, the self-test and
 * the search for what is not finite include it. */
#ifndef TUFF_HANDOVER_H
#define TUFF_HANDOVER_H

#include "backend/executable.h"
#include "backend/plan.h"

/* Memories of a device: none at first. */
TUFF_MUST_CHECK tuff_status tuff_memories_create(struct tuff_device *device, struct tuff_memories **memories,
                                                 struct tuff_error *error);
/* Adds one of kind PARAM or STATE, of zeros. The n-th is the n-th memory of these two kinds in every plan that runs on them. */
TUFF_MUST_CHECK tuff_status tuff_memories_add(struct tuff_memories *memories, const struct tuff_plan_memory *memory,
                                              struct tuff_error *error);
/* Bytes of memory number `index`; they need not be a multiple of 4. Ordered with runs. */
TUFF_MUST_CHECK tuff_status tuff_memories_write(struct tuff_memories *memories, uint32_t index, uint64_t offset,
                                                const void *data, uint64_t bytes, struct tuff_error *error);
TUFF_MUST_CHECK tuff_status tuff_memories_read(struct tuff_memories *memories, uint32_t index, uint64_t offset, void *data,
                                               uint64_t bytes, struct tuff_error *error);

#define TUFF_MOST_INPUT_SETS 4u

struct tuff_run_params {
    struct tuff_plan *plan;               /* taken: empty afterwards, also after a failure */
    struct tuff_memories *memories;       /* retained; NULL: of its own, filled with what the plan's slots say */
    const struct tuff_compiler *compiler; /* as in tuff_program_params */
    struct tuff_progress progress;
    uint32_t input_sets; /* 0: 1. With 2, inputs of the next run are written while the last one runs */
    bool profile, timed;
    const uint8_t
        *file; /* [borrowed] while this is called: bytes that slots with a range of a file are filled from; may be NULL */
    uint64_t file_bytes;
    const void *owner;                  /* what its maker keeps with it; lies in the plan's arena, or NULL */
    void (*release)(const void *owner); /* called once, when the executable is destroyed, or could not be made; or NULL */
};
TUFF_MUST_CHECK tuff_status tuff_executable_create(struct tuff_device *device, const struct tuff_run_params *params,
                                                   struct tuff_executable **executable, struct tuff_error *error);
const void *tuff_executable_owner(const struct tuff_executable *executable);
/* Version of the compiler that it was made with; NULL: none. */
const char *tuff_executable_compiler(const struct tuff_executable *executable);
struct tuff_device *tuff_executable_device(const struct tuff_executable *executable);
const struct tuff_plan *tuff_executable_plan(const struct tuff_executable *executable);
/* Has its plan an input of this name? */
bool tuff_executable_reads(const struct tuff_executable *executable, const char *input);
/* Reads the first bytes of slot number `slot` as tuff_executable_get does. */
TUFF_MUST_CHECK tuff_status tuff_executable_get_slot(struct tuff_executable *executable, uint32_t slot, void *data,
                                                     size_t bytes, struct tuff_error *error);
/* Nanoseconds on the device of each launch of the plan in the last run, in all its rounds together; the run is done, and was profiled. */
TUFF_MUST_CHECK tuff_status tuff_executable_launch_ns(struct tuff_executable *executable, uint64_t *ns,
                                                      struct tuff_error *error);
/* Gives `to` the inputs of the last run of `from`, or those that were written for the next one. Errors: USAGE when it lacks one. */
TUFF_MUST_CHECK tuff_status tuff_executable_repeat_inputs(struct tuff_executable *from, bool next,
                                                          struct tuff_executable *to, struct tuff_error *error);

/* ---- what was found of a device (health.c) ---- */

/* Launches of this key computed right numbers before. */
bool tuff_health_known(struct tuff_device *device, uint64_t key);
void tuff_health_note(struct tuff_device *device, uint64_t key);
/* Those that are off now, bits as of tuff_caps.families_off, which holds what was off when the device was opened. */
uint32_t tuff_health_families(struct tuff_device *device);
/* False: without memory. */
bool tuff_health_switch_off(struct tuff_device *device, const char *family, const char *reason);
/* Kernels (shader files) of which a launch computed right numbers with this driver; those noted are kept on disk by tuff_health_keep. */
bool tuff_health_keeps(struct tuff_device *device); /* false: there is no such place */
bool tuff_health_tested(struct tuff_device *device, const char *kernel);
void tuff_health_note_tested(struct tuff_device *device, const char *kernel);
void tuff_health_keep(struct tuff_device *device);

/* ---- kernels of files (pack.c) ---- */

bool tuff_packed_any(const struct tuff_context *context); /* has tuff_kernels_add taken some? */
struct tuff_packed {
    struct tuff_compiler compiler; /* gives them; borrows its version from here */
    char version[40];
    char missing[64]; /* file of the first kernel of the plan that is not among them: then there is no compiler; else "" */
};
/* After tuff_packed_any. Errors: UNSUPPORTED (a file that is no kernel's), MEMORY. */
TUFF_MUST_CHECK tuff_status tuff_packed_for(struct tuff_context *context, const struct tuff_plan *plan,
                                            struct tuff_packed *packed, struct tuff_error *error);
/* A plan more for tuff_kernels_report; missing: as above. */
void tuff_packed_count(struct tuff_context *context, bool fused, const char *missing);
/* Devices that tuff_kernels_record names; borrowed from the context. */
const struct tuff_caps *tuff_recorded_classes(const struct tuff_context *context, uint32_t *count);
/* Keeps SPIR-V of the plan's kernels, of this compiler. After tuff_kernels_record. Errors: those of the compiler, MEMORY, CANCELLED. */
TUFF_MUST_CHECK tuff_status tuff_record_plan(struct tuff_context *context, const struct tuff_plan *plan,
                                             const struct tuff_compiler *compiler, const struct tuff_progress *progress,
                                             struct tuff_error *error);

#endif
