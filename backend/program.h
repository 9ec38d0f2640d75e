/* program.h - the inside of a recorded plan. Private. program.c makes it, record.c writes its commands, trace.c its times. */
#ifndef TUFF_PROGRAM_H
#define TUFF_PROGRAM_H

#include "backend/pipeline.h"

struct tuff_program_launch {
    const char *label, *kernel; /* [arena] */
    uint64_t flops, bytes;
    uint32_t want;       /* index of its pipeline */
    VkDescriptorSet set; /* of the program's pool */
};

struct tuff_program {
    struct tuff_device *device;                    /* [retained] */
    struct tuff_arena arena;                       /* [owned] */
    struct tuff_buffer *memory[TUFF_MEMORY_COUNT]; /* [retained] */
    struct tuff_pipeline_want *wants;              /* [arena]; their pipelines are retained */
    struct tuff_program_launch *launches;          /* [arena] */
    uint32_t want_count, launch_count;
    VkDescriptorPool descriptors; /* [owned] */
    VkBufferView *views;          /* [arena] of bindings that are read as texels, each [owned] */
    uint32_t view_count;
    VkCommandPool pool;        /* [owned] */
    VkCommandBuffer *commands; /* [arena] one per submission */
    VkQueryPool queries;       /* [owned] two of the run, then two per launch where profiled; NULL: no timestamps */
    bool profile, timed;
    uint64_t ticket; /* of the last run; 0: none */
    struct tuff_program_counts counts;
};

/* Queries of the pool: the begin of the run (its end is the next one), of a launch. */
#define TUFF_RUN_QUERY 0u
#define TUFF_LAUNCH_QUERY(index) (2u + (index)*2u)

/* Descriptor sets of every launch. */
tuff_status tuff_program_bind(struct tuff_program *program, const struct tuff_plan *plan, struct tuff_error *error);
/* Command buffers of every submission. */
tuff_status tuff_program_record(struct tuff_program *program, const struct tuff_plan *plan, struct tuff_error *error);

#endif
