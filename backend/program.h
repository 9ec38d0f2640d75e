/* program.h - the inside of a recorded plan. Private. program.c makes it, record.c writes its commands, run.c submits them and cuts
 * them anew, trace.c tells its times. */
#ifndef TUFF_PROGRAM_H
#define TUFF_PROGRAM_H

#include "backend/cuts.h"
#include "backend/pipeline.h"

/* Of the plan. */
struct tuff_program_launch {
    const char *label, *kernel; /* [arena] */
    uint64_t flops, bytes;
    uint32_t want;                 /* index of its pipeline */
    uint32_t set_first, set_count; /* one a round where a binding goes on, of a ring one a place; else one */
    uint64_t numbers;              /* bytes from the start of the program's numbers to this launch's */
    const uint32_t *push;          /* [arena] */
    uint32_t push_count;
    uint32_t counts_memory; /* of the plan, + 1, where its workgroup counts lie; 0: they are its own */
    uint64_t counts_offset;
    bool barrier;
};
/* A launch of a run: those of loops are recorded in each round. */
struct tuff_program_step {
    uint32_t launch, round;
};

/* Command buffers, one a submission. */
struct tuff_recording {
    struct tuff_cuts cuts;     /* [owned] */
    VkCommandPool pool;        /* [owned] */
    VkCommandBuffer *commands; /* [owned] of tuff_alloc */
};

struct tuff_program {
    struct tuff_device *device;  /* [retained] */
    struct tuff_arena arena;     /* [owned] */
    struct tuff_buffer **memory; /* [arena] of the plan's memories, each [retained] */
    uint32_t memory_count;
    struct tuff_buffer *numbers;          /* [retained] uniform blocks of all launches; NULL: none has one */
    struct tuff_pipeline_want *wants;     /* [arena]; their pipelines are retained */
    struct tuff_program_launch *launches; /* [arena] */
    struct tuff_program_step *steps;      /* [arena] */
    VkDescriptorSet *sets;                /* [arena] of the program's pool */
    struct tuff_lookup want_lookup;
    uint32_t want_count, launch_count, step_count, set_count;
    VkDescriptorPool descriptors; /* [owned] */
    VkBufferView *views;          /* [arena] of bindings that are read as texels, each [owned] */
    uint32_t view_count;
    struct tuff_recording recording;
    struct tuff_cut_launch *pace;             /* [arena] of each step, what its submissions are cut by */
    const struct tuff_plan_station *stations; /* [arena] behind so many steps */
    uint32_t station_count;
    uint32_t prepare_count;           /* steps at the beginning that are left out where nothing is stale */
    bool asks_counts;                 /* a launch has its workgroup counts in memory */
    bool stale;                       /* what they read was written since they ran, or they never did */
    bool prepared;                    /* the last run began with them, and they did not run again at a station */
    uint32_t next;                    /* submission that a run goes on with which stopped at a station; 0: none did */
    unsigned measures;                /* runs that are still measured before the cuts stay as they are */
    const struct tuff_cancel *cancel; /* [borrowed] or NULL */
    VkQueryPool queries;              /* [owned] two of the run, then two per step where profiled; NULL: no timestamps */
    bool profile, timed;
    uint64_t ticket; /* of the last run; 0: none */
    struct tuff_program_counts counts;
};

#define TUFF_MEASURED_RUNS 3u /* at most: cuts that a measured run proves wrong are made anew, and measured again */

/* Queries of the pool: the begin of the run (its end is the next one), of a step. */
#define TUFF_RUN_QUERY 0u
#define TUFF_LAUNCH_QUERY(index) (2u + (index)*2u)

/* Descriptor sets of every launch. */
tuff_status tuff_program_bind(struct tuff_program *program, const struct tuff_plan *plan, struct tuff_error *error);
/* Queries of the run and of every launch, where they are wanted and the device has them. */
tuff_status tuff_program_create_queries(struct tuff_program *program, struct tuff_error *error);
/* Cuts by program->pace and records into *recording, untouched on failure. */
tuff_status tuff_program_record(struct tuff_program *program, struct tuff_recording *recording, struct tuff_error *error);
/* The next run begins with the prepare section. */
static inline void tuff_program_set_stale(struct tuff_program *program) { program->stale = program->prepare_count > 0; }
void tuff_recording_finish(struct tuff_recording *recording, struct tuff_device *device);

#endif
