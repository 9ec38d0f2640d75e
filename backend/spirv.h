/* spirv.h - what a compute shader needs, read out of its SPIR-V. Private. */
#ifndef TUFF_SPIRV_H
#define TUFF_SPIRV_H

#include "backend/backend.h"
#include "backend/plan.h"

/* A row of cmake/shader.cmake: what the build compiled. */
struct tuff_built_kernel {
    const char *file, *defines;
    size_t words;
    const uint32_t *spirv;
};

struct tuff_spirv_info {
    uint32_t binding_end; /* highest binding in use + 1 */
    uint32_t texels;      /* bit i: binding i is a texel buffer */
    uint32_t local_size[3];
    uint64_t shared_bytes, push_bytes;
    uint64_t number_bytes;       /* of the uniform block of TUFF_PLAN_NUMBERS_BINDING; no other is known here */
    uint32_t missing_capability; /* first SPIR-V capability that caps lack; 0: none */
};

/* The module is untrusted. specs override specialization constants. Errors: FORMAT, MEMORY. */
tuff_status tuff_spirv_read(struct tuff_context *context, const uint32_t *words, size_t count,
                            const struct tuff_plan_spec *specs, uint32_t spec_count, const struct tuff_caps *caps,
                            struct tuff_spirv_info *info, struct tuff_error *error);

/* Declares in a module that its entry point counts on NaN, infinities and signs of zeros (SignedZeroInfNanPreserve): for f32, and
 * with f16 for modules that compute with it too. *out is a copy (tuff_free) of *out_count words. One that declares it already, or has no
 * entry point, is copied as it is. Errors: FORMAT, MEMORY. */
tuff_status tuff_spirv_keep_nan(struct tuff_context *context, const uint32_t *words, size_t count, bool f16, uint32_t **out,
                                size_t *out_count, struct tuff_error *error);

/* The module as the worst that Vulkan allows computes it (hostile.c). seed is not 0; groups: workgroups may be told other numbers (not in parts of a
 * grid). Errors: FORMAT, MEMORY, UNSUPPORTED (an instruction of floats that is not known). */
tuff_status tuff_spirv_hostile(struct tuff_context *context, const uint32_t *words, size_t count, uint32_t seed, bool groups,
                               uint32_t **out, size_t *out_count, struct tuff_error *error);

/* What compilers give that have the words already: a copy (tuff_free). Errors: MEMORY. */
tuff_status tuff_spirv_give(struct tuff_context *context, const uint32_t *words, size_t count, uint32_t **out,
                            size_t *out_count, struct tuff_error *error);

#endif
