/* executable.h - a device as those see it who run plans on it: the device itself, the compiler that it uses. Public. Of the
 * graph only sessions, and what trains and tests by them, include it (style 1.2). */
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

#ifdef __cplusplus
}
#endif
#endif
