/* executable.h - plans that run: executables, the memories that they share, the device and the compiler that they use. Public. Of
 * the graph only sessions, and what trains and tests by them, include it (style 1.2). */
#ifndef TUFF_EXECUTABLE_H
#define TUFF_EXECUTABLE_H

#include "backend/caps.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A device and its one queue. Shared (retain, release). Thread-safe. Once a call has said TUFF_ERR_DEVICE_LOST, every later one
 * that needs the device says so at once: what the device held is gone, and all that is left is to destroy and begin anew.
 * tuff_device_create (backend.h) opens one. */
struct tuff_device;
TUFF_API void tuff_device_retain(struct tuff_device *device);
TUFF_API void tuff_device_release(struct tuff_device *device); /* NULL is legal */
TUFF_API const struct tuff_caps *tuff_device_caps(const struct tuff_device *device);
TUFF_API struct tuff_context *tuff_device_context(const struct tuff_device *device);
/* Bytes of device memory that can still be allocated, asked anew each time: the largest device-local heap's budget less
 * what this process uses, where the driver tells (VK_EXT_memory_budget), else the heap's size less what this device holds. */
TUFF_API uint64_t tuff_device_available(const struct tuff_device *device);
/* A family of kernels that computed wrong numbers on this device in checked mode (tuff_options.check) or in its self-test, now or
 * before: it is not used. Another driver, or version of Tuff, is another device. */
struct tuff_device_found {
    char family[32];
    char reason[400]; /* a sentence: launch, element, what was expected, what came */
};
/* Number index (from 0) into *found; false past the last. Thread-safe. */
TUFF_API bool tuff_device_found(const struct tuff_device *device, uint32_t index, struct tuff_device_found *found);
/* Waits until the submission is done. timeout_ns UINT64_MAX: forever. Errors: TIMEOUT, DEVICE_LOST. Thread-safe. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_device_wait(struct tuff_device *device, uint64_t ticket, uint64_t timeout_ns,
                                                      struct tuff_error *error);
/* True when the submission is done, without waiting. On a lost device it may stay false: tuff_device_wait tells. */
TUFF_API bool tuff_device_done(struct tuff_device *device, uint64_t ticket);

/* Compiles GLSL to SPIR-V; the runtime library has none built in (DESIGN, section 2). */
struct tuff_compiler {
    size_t struct_size;
    void *user;
    const char *version; /* part of cache keys */
    /* source: flattened GLSL with its #version line; preamble: text put right after that line. *spirv is allocated with the
     * context's allocator and owned by the caller. Errors: COMPILE with the first error line, MEMORY. Thread-safe. */
    tuff_status (*compile)(void *user, struct tuff_context *context, const char *name, const char *source,
                           const char *preamble, uint32_t **spirv, size_t *words, struct tuff_error *error);
};
/* The one built on glslang's C interface; NULL in builds without it. Only in libtuff. */
TUFF_API const struct tuff_compiler *tuff_glslang(void);
/* Gives the kernels that were compiled when Tuff was built, for plans without hook text: what sessions use where there is no
 * compiler. UNSUPPORTED for all others. Only in libtuff. */
TUFF_API const struct tuff_compiler *tuff_built_kernels(void);

/* ---- kernels in files: fused plans where there is no shader compiler --------------------------------------------------------------- */

/* Takes the kernels of a file that tuff-pack or tuff_kernels_write wrote (a model file may hold them), for all sessions of this context that
 * have no compiler: a plan of which all kernels are there runs fused, any other as without them, of kernels of Tuff's build. Files of another
 * version of Tuff have none that are found. The caller trusts who made the file: its SPIR-V is checked against checksums and the device's limits,
 * but what it computes is what was put there. The bytes are copied.
 *   count  kernels in the file; may be NULL
 * Errors: FORMAT (no such file, or a damaged one), MEMORY. Thread-safe. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_kernels_add(struct tuff_context *context, struct tuff_span file, uint32_t *count,
                                                      struct tuff_error *error);
/* The same from a path; errors: FILE, too. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_kernels_open(struct tuff_context *context, const char *path, uint32_t *count,
                                                       struct tuff_error *error);
struct tuff_kernels_report {
    uint32_t kernels;      /* that the context has of files, or has recorded */
    uint32_t plans, fused; /* that its sessions compiled, and how many of them are fused: with a compiler all */
    char missing[64];      /* file of the first kernel that a plan needed and no file had; "": there is none */
};
TUFF_API struct tuff_kernels_report tuff_kernels_report(const struct tuff_context *context); /* Thread-safe */
/* From now on each plan that sessions of this context compile is made for these devices, too, and SPIR-V of its kernels is kept: on a
 * developer's machine, whose device runs what is done once (predict, fit), for phones. A session that compiles returns an error with the
 * device's name where it has no plan for it.
 *   classes  copied, as tuff_caps_parse reads them; count 0: from now on no more is recorded
 * Errors: USAGE, MEMORY. Thread-safe. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_kernels_record(struct tuff_context *context, const struct tuff_caps *classes,
                                                         uint32_t count, struct tuff_error *error);
/* Writes the file `from` (a model, say) with all that is in it, and all kernels that the context has, in place of those of their names; `to` holds
 * the old or the new content whole, and may be `from`. Errors: FILE, FORMAT, MEMORY; UNSUPPORTED (what tuff_executable_save wrote). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_kernels_write(struct tuff_context *context, const char *from, const char *to,
                                                        struct tuff_error *error);

/* Parameters and states in device memory, which executables share. Further ones are added without moving what is there. Shared
 * (retain, release). One thread at a time. */
struct tuff_memories;
TUFF_API void tuff_memories_retain(struct tuff_memories *memories);
TUFF_API void tuff_memories_release(struct tuff_memories *memories); /* NULL is legal */

/* A plan with its memory, recorded: made by tuff_session_compile. One thread at a time. */
struct tuff_executable;
struct tuff_program;
TUFF_API void tuff_executable_destroy(struct tuff_executable *executable); /* waits for its runs; NULL is legal */
/* Content of the input, parameter or state of this name: the first `bytes` of it. An input's is for the next run, and stays for later
 * ones until it is written again; with several sets of inputs, which take turns, each keeps its own. Writes of others are ordered with
 * runs. Errors: USAGE when there is no such slot or it is smaller, DEVICE_LOST. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_set(struct tuff_executable *executable, const char *name,
                                                         const void *data, size_t bytes, struct tuff_error *error);
/* Likewise of an output, parameter or state, after the last run; waits for it. Outputs without a name are "output0", "output1", ..
 * by their place. Errors: USAGE, also for an output before the first run and at a station; what the last run
 * ended with, where it failed or was cancelled; DEVICE_LOST. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_get(struct tuff_executable *executable, const char *name, void *data,
                                                         size_t bytes, struct tuff_error *error);
/* Writes the plan, the SPIR-V of its kernels, and what it reads (constants, parameters and states as they are now) into a ".tuff" file,
 * atomically, from which tuff_executable_load makes it again, in a program without compiler and graph (libtuff_runtime) too. It
 * belongs to devices like this one. Errors: FILE, MEMORY, DEVICE_LOST; UNSUPPORTED when SPIR-V has left the device's cache. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_save(struct tuff_executable *executable, const char *path,
                                                          struct tuff_error *error);
struct tuff_load_params {
    size_t struct_size;
    struct tuff_memories
        *memories;       /* of another executable that was saved from the same session; they keep their content. NULL: own */
    uint32_t input_sets; /* 0: 1. With 2, inputs of the next run are written while the last one runs */
    bool profile, timed; /* as in tuff_program_params */
    struct tuff_progress progress;
};
/* Reads what tuff_executable_save wrote; params may be NULL. The file is mapped and closed again: its weights go straight into device
 * memory. Errors: FILE, FORMAT (untrusted: every byte is checked), UNSUPPORTED or DEVICE_MEMORY where the device is not one for this
 * plan, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_load(struct tuff_device *device, const char *path,
                                                          const struct tuff_load_params *params,
                                                          struct tuff_executable **executable, struct tuff_error *error);
/* Submits one run and returns (the first one waits, and so do long ones that are watched: tuff_program_submit); *ticket (may be
 * NULL) is for tuff_device_wait. Errors: USAGE when an input was never written, or not all of it; CANCELLED, DEVICE_LOST, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_submit(struct tuff_executable *executable, uint64_t *ticket,
                                                            struct tuff_error *error);
/* Submits and waits. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_run(struct tuff_executable *executable, struct tuff_error *error);
/* Runs as far as the station of this name and waits: parameters and states can then be read and written, inputs of what has run
 * cannot. The next run_to, submit or run goes on from there. Errors: USAGE when there is no such station or the run is past it. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_run_to(struct tuff_executable *executable, const char *station,
                                                            struct tuff_error *error);
/* Runs from now on look at cancel where one submission ends and the next begins (of a run of minutes: twice a second or more
 * often); NULL: never again. Then submit and run say TUFF_ERR_CANCELLED, and what the run writes, states and parameters among
 * it, is partly written. cancel is borrowed until the next call. */
TUFF_API void tuff_executable_watch(struct tuff_executable *executable, const struct tuff_cancel *cancel);
/* The plan, one line a launch, with bytes and peak; free with tuff_text_free. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_print(const struct tuff_executable *executable, char **text,
                                                           struct tuff_error *error);
/* The program, for times and traces (tuff_program_times, tuff_program_trace, tuff_program_counts). Borrowed. */
TUFF_API struct tuff_program *tuff_executable_program(struct tuff_executable *executable);
/* [borrowed]; never NULL */
TUFF_API struct tuff_memories *tuff_executable_memories(struct tuff_executable *executable);

#ifdef __cplusplus
}
#endif
#endif
