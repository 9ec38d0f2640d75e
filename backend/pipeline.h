/* pipeline.h - from kernels of a plan to pipelines shared by all programs of a device. Private. */
#ifndef TUFF_PIPELINE_H
#define TUFF_PIPELINE_H

#include "backend/cache.h"
#include "backend/plan.h"

#include "shaders/kernels.h"

void tuff_pipelines_init(struct tuff_device *device);
void tuff_pipelines_finish(struct tuff_device *device);

/* A pipeline with its layouts; equal wants share one. */
struct tuff_pipeline {
    struct tuff_pipeline *next; /* [owned] by the list of the device */
    uint64_t key[2];
    uint32_t references; /* under the lock of the list */
    uint32_t binding_count, push_bytes;
    uint32_t number_bytes;            /* of its launches' uniform blocks; 0: they have none */
    uint32_t texels;                  /* tuff_launch_texels */
    VkDescriptorSetLayout set_layout; /* [owned] */
    VkPipelineLayout layout;          /* [owned] */
    VkPipeline handle;                /* [owned] */
};

/* What a program wants: a kernel of the plan with the bindings, push bytes and numbers of its launches. */
struct tuff_pipeline_want {
    uint32_t kernel, binding_count, push_bytes, texels, number_bytes;
    bool parts;                     /* may be dispatched in parts */
    struct tuff_pipeline *pipeline; /* [retained] the answer */
};

static inline VkDescriptorType tuff_descriptor_type(uint32_t texels, uint32_t binding)
{
    return binding < TUFF_MOST_TEXELS && texels >> binding & 1 ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER
                                                               : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
}

/* SPIR-V of one kernel of a plan. */
struct tuff_module {
    struct tuff_spirv spirv; /* [borrowed] from the cache of the device */
    bool full_subgroups;     /* the file asks for it */
    bool compiled;           /* by the compiler, not found in a cache */
};

/* The text that stands right behind the #version line of a kernel's file; freed by tuff_free, NULL without memory. */
char *tuff_kernel_preamble(struct tuff_context *context, const struct tuff_plan_kernel *kernel);
/* The kernel's file; NULL: this build has none of that name. */
const struct tuff_kernel_source *tuff_kernel_source_of(const struct tuff_plan_kernel *kernel);
/* The key by which caches know the kernel as this compiler (NULL: any) makes it. Errors: UNSUPPORTED (no such file), MEMORY. */
tuff_status tuff_kernel_key(struct tuff_context *context, const struct tuff_plan_kernel *kernel, const char *version,
                            struct tuff_spirv_key *key, struct tuff_error *error);
/* The file counts on whole subgroups. */
bool tuff_kernel_full_subgroups(const struct tuff_kernel_source *source);
/* The subgroup size that the pipeline of such a file asks for; 0 where the device does not let one ask. */
uint32_t tuff_required_subgroup(const struct tuff_caps *caps, const uint32_t local_size[3]);

/* SPIR-V of every kernel, compiled where no cache has it. modules has kernel_count entries. */
tuff_status tuff_modules_compile(struct tuff_device *device, const struct tuff_plan *plan,
                                 const struct tuff_compiler *compiler, const struct tuff_progress *progress,
                                 struct tuff_module *modules, struct tuff_error *error);
/* Fills the pipelines of all wants, or of none. */
tuff_status tuff_pipelines_acquire(struct tuff_device *device, const struct tuff_plan *plan,
                                   const struct tuff_module *modules, struct tuff_pipeline_want *wants, uint32_t count,
                                   const struct tuff_progress *progress, struct tuff_error *error);
/* The device keeps some that no program uses. NULL is legal. */
void tuff_pipelines_release(struct tuff_device *device, struct tuff_pipeline *pipeline);
/* Destroys unused ones until at most so many are left. */
void tuff_pipelines_trim(struct tuff_device *device, uint32_t most);

#endif
