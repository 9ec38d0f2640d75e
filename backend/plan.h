/* plan.h - the seam between graph and backend: a plan is plain data, without Vulkan types and without tensors.
 *
 * A plan lists kernels (what to compile), slots (named ranges of memory), and launches in order, each with its bindings,
 * push words and workgroup counts, and whether a barrier stands before it. Recording it is a loop without decisions.
 * It prints as text, parses back to the same hash. Immutable after it is made; then readable from any thread. Private. */
#ifndef TUFF_PLAN_H
#define TUFF_PLAN_H

#include "backend/lookup.h"

/* Kinds of memory. A plan has any number of memories, each of a kind and backed by a buffer of its own; the n-th of a kind that
 * is kept (param, state) is the n-th of that kind in every plan that shares its memories (struct tuff_memories). */
enum tuff_memory {
    TUFF_MEMORY_PARAM,    /* trained parameters; kept between runs, shared by plans of one session */
    TUFF_MEMORY_STATE,    /* optimizer state, running statistics, counters, data sets; likewise */
    TUFF_MEMORY_CONST,    /* constants, written once by the session from the plan's data */
    TUFF_MEMORY_INPUT,    /* written by the host before a run */
    TUFF_MEMORY_OUTPUT,   /* read by the host after a run */
    TUFF_MEMORY_SCRATCH,  /* everything between; contents do not outlive a run */
    TUFF_MEMORY_PREPARED, /* what the prepare section writes and the others read; kept until that is run again */
    TUFF_MEMORY_COUNT
};
const char *tuff_memory_name(enum tuff_memory memory);
/* Shared by plans: parameters and states. */
static inline bool tuff_memory_is_shared(enum tuff_memory memory)
{
    return memory == TUFF_MEMORY_PARAM || memory == TUFF_MEMORY_STATE;
}

#define TUFF_PLAN_ALIGNMENT 256      /* bytes: largest minStorageBufferOffsetAlignment known (SwiftShader) */
#define TUFF_PLAN_FIRST_PORT_SPEC 16 /* ids from here on are constants of a kernel's ports where it stands alone */
/* Numbers are the launch's uniform block, "uvec4 [..]" of this binding, which is none of the launch's bindings: sizes, strides and
 * divisors that hook texts work with. */
#define TUFF_PLAN_NUMBERS_BINDING 16u
#define TUFF_PLAN_MOST_NUMBERS 4096u /* 16 KiB: the least maxUniformBufferRange that Vulkan allows */

struct tuff_plan_memory {
    enum tuff_memory kind;
    uint64_t bytes;
};

/* Where the content of a slot comes from before the first run. */
enum tuff_content {
    TUFF_CONTENT_NONE,    /* the host or a launch writes it */
    TUFF_CONTENT_ZEROS,   /* fresh memory is zero */
    TUFF_CONTENT_BLOB,    /* memory that the plan borrows */
    TUFF_CONTENT_PASSING, /* zeros, and what a run leaves there no later run needs */
    TUFF_CONTENT_FILE,    /* a range of the file that the plan was read from */
    TUFF_CONTENT_COUNT
};

#define TUFF_PLAN_RANK 8

struct tuff_plan_slot {
    const char *name;  /* [arena] of the value; "" for scratch without a name */
    const char *dtype; /* static text: name of the elements' type, as "f32"; "" where nobody knows */
    uint32_t rank, dim[TUFF_PLAN_RANK];
    uint32_t memory;           /* of plan->memories */
    uint64_t offset;           /* bytes, multiple of TUFF_PLAN_ALIGNMENT, within the memory */
    uint64_t bytes;            /* multiple of 4 */
    enum tuff_content content; /* BLOB and FILE: CONST, PARAM and STATE alone; ZEROS: PARAM and STATE; PASSING: STATE */
    uint64_t content_bytes;    /* BLOB, FILE: at most `bytes`; what lies behind is zero */
    const void *data;          /* BLOB: [borrowed], must outlive the plan; NULL in a plan that was parsed without it */
    uint64_t file_offset;      /* FILE: bytes from the file's beginning */
    uint64_t content_hash;     /* BLOB, FILE: tuff_hash of the content; 0 in a container */
};

struct tuff_plan_spec {
    uint32_t id;    /* constant_id */
    uint32_t value; /* 32-bit pattern */
};

/* One shader module and its specialization: equal kernels are one entry. */
struct tuff_plan_kernel {
    const char *file;    /* [arena] shader name without ".comp", as in shaders/kernels.h */
    const char *defines; /* [arena] "#define" lines that stand before the source; may be "" */
    const char *hooks;   /* [arena] hook text (declares all bindings, defines in0.. and out0..); "" = the file's identity */
    uint32_t spec_first, spec_count;      /* range of plan->specs, sorted by id */
    const struct tuff_kernel_source *own; /* [borrowed] of a file that is not in shaders/kernels.h; else NULL */
};

/* READ | COUNTS: the launch's workgroup counts, three words that a launch before it wrote; the last binding of its launch, of 12 bytes,
 * no descriptor. The launch's own `groups` are then the most that these may be. */
enum tuff_access { TUFF_READ = 1, TUFF_WRITE = 2, TUFF_COUNTS = 4 };

/* How a binding is bound: as a storage buffer, or as a uniform texel buffer of TUFF_TEXEL_BYTES a texel, for reading alone. A
 * launch may write memory that it reads as texels only where the same invocation has read before it writes. */
enum tuff_texels { TUFF_TEXELS_NONE, TUFF_TEXELS_F32, TUFF_TEXELS_I32, TUFF_TEXELS_U32, TUFF_TEXELS_COUNT };
const char *tuff_texels_name(enum tuff_texels texels); /* "rgba32f"; NONE: "storage" */
#define TUFF_TEXEL_BYTES 16u
#define TUFF_MOST_TEXELS 32u /* bindings of higher numbers are storage buffers: masks have a bit for each */

struct tuff_plan_binding { /* binding number = position in the launch */
    uint32_t slot;
    uint32_t access; /* enum tuff_access bits */
    uint64_t offset; /* bytes within the slot, multiple of TUFF_PLAN_ALIGNMENT unless the slot is smaller */
    uint64_t bytes;  /* multiple of 4 */
    uint64_t few;    /* bytes of these that the launch touches at most, if fewer (rows that a gather chooses); 0: all */
    uint32_t texels; /* enum tuff_texels; other than NONE: READ alone, bytes a multiple of TUFF_TEXEL_BYTES */
    uint32_t ring;   /* with a step: round r stands at offset + step * (r % ring); 0: at offset + step * r */
    int64_t step;    /* in a loop: bytes from round to round, a multiple of TUFF_PLAN_ALIGNMENT; 0: the same in all rounds */
};

struct tuff_plan_launch {
    const char *label; /* [arena] operator and value: "conv2d conv1" */
    uint32_t kernel;
    uint32_t binding_first, binding_count;
    uint32_t push_first, push_count;     /* words; declared by the kernel file as its push constant block */
    uint32_t number_first, number_count; /* words of the uniform block; tuff_plan_add_numbers */
    uint32_t groups[3];                  /* workgroup counts */
    bool barrier; /* memory barrier before: all earlier shader writes and reads happen before this launch */
    /* Its cost: with the bytes of its bindings (tuff_launch_bytes) what a program cuts submissions by. */
    uint64_t flops; /* multiply and add count as two; 0: not counted */
    bool
        product; /* of two operands: of matrices, of a convolution, of their gradients. In no text and no hash of the plan */
    /* Static text or [arena]: why it is slower than it could be; NULL. In no text and no hash of the plan. */
    const char *note;
};

/* Between launches: a run may stop there, and the host read and write what is kept, before it goes on. */
struct tuff_plan_station {
    const char *name;      /* [arena] */
    uint32_t launch_count; /* launches before it */
};

/* Launches that are repeated, all of them, so many times. A barrier stands before each round and before what follows the loop, so
 * that hazards are a matter within a round alone. Loops hold no stations and no loops. */
struct tuff_plan_loop {
    uint32_t launch_first, launch_count;
    uint32_t rounds; /* 2 .. TUFF_PLAN_MOST_ROUNDS */
};
#define TUFF_PLAN_MOST_ROUNDS 65536u
#define TUFF_PLAN_MOST_REPEATED (UINT32_C(1) << 22) /* launches of all rounds of all loops: programs record each */

struct tuff_plan {
    struct tuff_arena arena; /* [owned] holds everything below */
    struct tuff_plan_memory *memories;
    struct tuff_plan_slot *slots;
    struct tuff_plan_kernel *kernels;
    struct tuff_plan_spec *specs;
    struct tuff_plan_launch *launches;
    struct tuff_plan_binding *bindings;
    struct tuff_plan_station *stations; /* in the order of the launches */
    struct tuff_plan_loop *loops;       /* likewise */
    uint32_t *push_words, *numbers;
    uint32_t memory_count, slot_count, kernel_count, spec_count, launch_count, binding_count, push_word_count, number_count,
        station_count, loop_count;
    /* The prepare section, so many launches at the beginning: they read what is kept and not written by this plan, write prepared
     * memory and scratch of their own, and run only when something that they read was written since: at the beginning of a run, or
     * where it goes on behind a station. With stations, nobody else writes what lies at their scratch. */
    uint32_t prepare_count;
    struct tuff_lookup kernel_lookup; /* kernels by their content */
};

void tuff_plan_init(struct tuff_plan *plan, struct tuff_context *context);
void tuff_plan_finish(struct tuff_plan *plan);
/* Behind the launches that are there. False when memory is exhausted. */
bool tuff_plan_add_station(struct tuff_plan *plan, const char *name, uint32_t launch_count);
bool tuff_plan_add_loop(struct tuff_plan *plan, const struct tuff_plan_loop *loop); /* likewise */
/* Appends; NULL-safe growth inside the arena. Return the index, or UINT32_MAX when memory is exhausted. */
uint32_t tuff_plan_add_memory(struct tuff_plan *plan, enum tuff_memory kind, uint64_t bytes);
/* Puts the slot behind all others of the last memory of this kind, or into a new one where that would be larger than `most`
 * bytes (or there is none). False when memory is exhausted. */
bool tuff_plan_place(struct tuff_plan *plan, struct tuff_plan_slot *slot, enum tuff_memory kind, uint64_t most);
/* content_hash is computed where the slot has data and no hash. */
uint32_t tuff_plan_add_slot(struct tuff_plan *plan, const struct tuff_plan_slot *slot);
uint32_t tuff_plan_add_kernel(struct tuff_plan *plan, const struct tuff_plan_kernel *kernel,
                              const struct tuff_plan_spec *specs, uint32_t spec_count); /* finds an equal one first */
uint32_t tuff_plan_add_launch(struct tuff_plan *plan, const struct tuff_plan_launch *launch,
                              const struct tuff_plan_binding *bindings, uint32_t binding_count, const uint32_t *push_words,
                              uint32_t push_count);
/* Gives the launch that was added last its numbers, once. False when memory is exhausted. */
bool tuff_plan_add_numbers(struct tuff_plan *plan, const uint32_t *numbers, uint32_t count);

/* Sets launch->barrier wherever a launch reads or overwrites what an earlier one since the last barrier wrote, or
 * writes what one read. */
void tuff_plan_place_barriers(struct tuff_plan *plan);
/* Proves, independently of the above, from bindings and barriers that no hazard is left, and that every binding lies in
 * its slot and every slot in its range; slots of scratch that are alive at once do not overlap is implied. */
tuff_status tuff_plan_check(const struct tuff_plan *plan, struct tuff_context *context, struct tuff_error *error);

static inline enum tuff_memory tuff_slot_kind(const struct tuff_plan *plan, const struct tuff_plan_slot *slot)
{
    return plan->memories[slot->memory].kind;
}
/* Of all memories of the kind together. */
uint64_t tuff_plan_kind_bytes(const struct tuff_plan *plan, enum tuff_memory kind);

/* What the launch can touch at most of a binding. */
static inline uint64_t tuff_binding_touches(const struct tuff_plan_binding *binding)
{
    return binding->few ? binding->few : binding->bytes;
}

/* Where a run is: in which launch, and in which round of its loop. Starts as zeros; at the end launch is launch_count. */
struct tuff_plan_cursor {
    uint32_t launch, round;
    uint32_t loop; /* the first that ends behind the launch */
};
/* The loop that the cursor is in; NULL: none. */
const struct tuff_plan_loop *tuff_plan_loop_at(const struct tuff_plan *plan, const struct tuff_plan_cursor *cursor);
void tuff_plan_advance(const struct tuff_plan *plan, struct tuff_plan_cursor *cursor);
/* Launches of a run, those of loops as often as they are repeated. */
uint64_t tuff_plan_run_length(const struct tuff_plan *plan);
/* How often launch `index` runs. */
uint32_t tuff_plan_rounds(const struct tuff_plan *plan, uint32_t index);
/* Bytes within the slot where the binding begins in this round. */
static inline uint64_t tuff_binding_offset(const struct tuff_plan_binding *binding, uint32_t round)
{
    if (binding->ring) round %= binding->ring;
    return binding->offset + (uint64_t)binding->step * round;
}
/* All that it is bound to in `rounds` rounds: *begin .. *end - 1, within the slot. */
void tuff_binding_extent(const struct tuff_plan_binding *binding, uint32_t rounds, uint64_t *begin, uint64_t *end);

/* Bytes of one of the plan's memories. */
struct tuff_plan_range {
    uint32_t memory;
    uint64_t begin, end;
};
/* What a binding of launch `index` is bound to in all its rounds. */
struct tuff_plan_range tuff_binding_range(const struct tuff_plan *plan, uint32_t index,
                                          const struct tuff_plan_binding *binding);
/* Sorts; ranges that touch become one. Returns how many they are then. */
size_t tuff_ranges_join(struct tuff_plan_range *ranges, size_t count);
/* Has the range a byte in common with one of those, which are sorted and do not touch? */
bool tuff_ranges_meet(const struct tuff_plan_range *ranges, size_t count, struct tuff_plan_range range);

/* Bytes that the launch reads and writes, each binding once. */
uint64_t tuff_launch_bytes(const struct tuff_plan *plan, const struct tuff_plan_launch *launch);

/* The binding of its workgroup counts; NULL where the launch names them itself. */
static inline const struct tuff_plan_binding *tuff_launch_counts(const struct tuff_plan *plan,
                                                                 const struct tuff_plan_launch *launch)
{
    const struct tuff_plan_binding *last = launch->binding_count
                                               ? &plan->bindings[launch->binding_first + launch->binding_count - 1]
                                               : NULL;
    return last && last->access & TUFF_COUNTS ? last : NULL;
}
/* Bindings that the kernel sees. */
static inline uint32_t tuff_launch_buffers(const struct tuff_plan *plan, const struct tuff_plan_launch *launch)
{
    return launch->binding_count - (tuff_launch_counts(plan, launch) != NULL);
}

/* Bit i: binding i of the launch is bound as texels. */
uint32_t tuff_launch_texels(const struct tuff_plan *plan, const struct tuff_plan_launch *launch);

uint64_t tuff_plan_hash(const struct tuff_plan *plan);
/* Submissions of the first run of the plan on a device (cuts.c). */
struct tuff_caps;
tuff_status tuff_plan_submissions(const struct tuff_plan *plan, const struct tuff_caps *caps, struct tuff_context *context,
                                  uint32_t *submissions, struct tuff_error *error);
/* One line per slot, kernel and launch. */
void tuff_plan_print(const struct tuff_plan *plan, struct tuff_text *text);
/* Errors: FORMAT with line number and what was expected there, MEMORY. plan must be initialized and empty. */
tuff_status tuff_plan_parse(struct tuff_plan *plan, const char *text, size_t length, struct tuff_error *error);
/* Short table for people: launches, barriers, bytes per memory kind, peak. */
void tuff_plan_summary(const struct tuff_plan *plan, struct tuff_text *text);

#endif
