/* backend.h - finding devices, buffers, programs. Public; knows launches, not tensors, and shows no Vulkan type (vulkan.h does). */
#ifndef TUFF_BACKEND_H
#define TUFF_BACKEND_H

#include "backend/executable.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Lists the devices of this machine, best first (discrete, integrated, virtual, software). *count is the capacity of caps
 * on entry and the number of devices on return; caps NULL asks for the number alone. Without a Vulkan loader:
 * TUFF_ERR_NO_DEVICE with a sentence that says what to install. Thread-safe. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_device_list(struct tuff_context *context, struct tuff_caps *caps, uint32_t *count,
                                                      struct tuff_error *error);
/* Opens the device that `name` chooses (index in the list, UUID, or part of the name without regard to case); NULL takes
 * the context's options.device, else the best. Errors: NO_DEVICE (the sentence lists what there is), DRIVER, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_device_create(struct tuff_context *context, const char *name,
                                                        struct tuff_device **device, struct tuff_error *error);
/* Bytes allocated from the driver now and at most so far. */
TUFF_API void tuff_device_memory(const struct tuff_device *device, uint64_t *now_bytes, uint64_t *peak_bytes);
/* Writes caches to disk now (also done by release). Failure only costs time at the next start. */
TUFF_API void tuff_device_flush_caches(struct tuff_device *device);

/* Device memory. Shared. Reads and writes are ordered with submissions: a write happens after everything submitted before
 * it and before everything submitted after it, a read sees everything submitted before it and waits for that. */
struct tuff_buffer;
/* Fresh contents are zeros where zero is true, else whatever lay there (NaN under TUFF_DEBUG_POISON).
 * Errors: DEVICE_MEMORY with the figures, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_buffer_create(struct tuff_device *device, uint64_t bytes, bool zero,
                                                        const char *label, struct tuff_buffer **buffer,
                                                        struct tuff_error *error);
TUFF_API void tuff_buffer_retain(struct tuff_buffer *buffer);
TUFF_API void tuff_buffer_release(struct tuff_buffer *buffer); /* NULL is legal */
/* offset and bytes are multiples of 4, in range, else USAGE. The data is taken before the call returns. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_buffer_write(struct tuff_buffer *buffer, uint64_t offset, const void *data,
                                                       uint64_t bytes, struct tuff_error *error);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_buffer_read(struct tuff_buffer *buffer, uint64_t offset, void *data,
                                                      uint64_t bytes, struct tuff_error *error);

/* A recorded plan: pipelines, descriptors, command buffer(s). One thread at a time. */
struct tuff_plan;
struct tuff_program;
struct tuff_program_params {
    size_t struct_size;
    const struct tuff_plan *plan;      /* [borrowed] during create only */
    struct tuff_buffer *const *memory; /* of the plan's memories, in their order; [retained]; NULL where one has 0 bytes */
    const struct tuff_compiler *compiler; /* NULL: only what the caches and the library hold */
    struct tuff_progress progress;        /* kernels compiled so far */
    bool profile;                         /* timestamps around every launch */
    bool timed;                           /* two timestamps a run, for tuff_program_duration; costs next to nothing */
};
/* Compiles what is missing, makes pipelines, records. Errors: COMPILE, UNSUPPORTED or DEVICE_MEMORY when a limit is
 * exceeded (with the figures), CANCELLED, DRIVER, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_program_create(struct tuff_device *device,
                                                         const struct tuff_program_params *params,
                                                         struct tuff_program **program, struct tuff_error *error);
/* Waits for its last run. NULL is legal. */
TUFF_API void tuff_program_destroy(struct tuff_program *program);
/* Submits one run; *ticket (may be NULL) can be waited for. A run is cut into submissions that no watchdog minds, first by what its
 * launches are believed to cost, then by what they took: the first run is waited for. Errors: DEVICE_LOST, DRIVER, CANCELLED. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_program_submit(struct tuff_program *program, uint64_t *ticket,
                                                         struct tuff_error *error);
/* Submits a run as far as the plan's station of this name; the next call goes on from there. Errors: USAGE when there is none or the
 * run is past it; else as tuff_program_submit. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_program_submit_to(struct tuff_program *program, const char *station,
                                                            uint64_t *ticket, struct tuff_error *error);
/* Runs from now on look at cancel between their submissions, NULL: never again. A run that is cancelled has ended when
 * tuff_program_submit says TUFF_ERR_CANCELLED, and what it writes is partly written. A long run is then submitted as it
 * proceeds, so that the call returns when its last two submissions are left. cancel is borrowed until the next call. */
TUFF_API void tuff_program_watch(struct tuff_program *program, const struct tuff_cancel *cancel);

struct tuff_launch_time {
    const char *label;         /* borrowed from the program */
    const char *kernel;        /* shader name */
    uint64_t begin_ns, end_ns; /* device clock, from the first launch of the run */
    uint64_t flops, bytes;     /* as the plan counts them; bytes read and written: struct tuff_plan_figures */
};
/* Times of the last run, which must be done and have been profiled. *count as in tuff_device_list. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_program_times(struct tuff_program *program, struct tuff_launch_time *times,
                                                        uint32_t *count, struct tuff_error *error);
/* Nanoseconds on the device of the last run, which must be done: from when all that was submitted before it is done to the end
 * of its last launch. Works with and without profile, whose own timestamps it then includes. Errors: USAGE when the program was
 * not made with timed, or no run of it is done; UNSUPPORTED where the device has no timestamps. One thread at a time. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_program_duration(struct tuff_program *program, uint64_t *ns,
                                                           struct tuff_error *error);
/* Counts that need no clock: launches, barriers, submissions per run, distinct pipelines. */
struct tuff_program_counts {
    uint32_t launches, barriers, submissions, pipelines;
    uint64_t
        prepared; /* times that the plan's prepare section ran: with the first run, and after what it reads was written */
    uint32_t compiled, cache_hits; /* shaders compiled by the compiler, found in the disk cache */
    /* Of the SPIR-V of all its kernels, in the order of the plan: equal means that the same code was given to the driver
     * (specialization constants stand in the plan and its hash). */
    uint64_t spirv_hash;
};
TUFF_API struct tuff_program_counts tuff_program_counts(const struct tuff_program *program);
/* Writes the times of the last run as a Chrome / Perfetto trace (JSON), atomically. Errors: FILE. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_program_trace(struct tuff_program *program, const char *path,
                                                        struct tuff_error *error);

#ifdef __cplusplus
}
#endif
#endif
