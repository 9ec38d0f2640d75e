/* compile.h - from graph to plan: the passes and what they share. Private.
 *
 *   copy needed values, simplify (simplify.c) -> work->g
 *   choose roots, form groups                (fuse.c)     -> work->groups
 *   order them                               (order.c)    -> work->sequence
 *   compile the bodies of loops              (loops.c)    -> work->loops
 *   give every value in memory its place     (storage.c)  -> the plan's memories and slots
 *   write kernels and launches               (lower.c)    -> plan
 *     with hook text                         (emit_group.c), or where there is no compiler, without (plain.c)
 *   count what it does          (figures.c, barriers.c)   -> struct tuff_plan_figures
 *
 * The passes form a line: none calls another; what several need lies in groups.c below them. */
#ifndef TUFF_COMPILE_H
#define TUFF_COMPILE_H

#include "backend/lookup.h"
#include "graph/compile/emit.h"

/* Where parameters and states lie. What has a place keeps it: leaves that the graph gets later come into further memories. */
struct tuff_leaf_place {
    uint32_t memory; /* of the layout, and so of every plan of it */
    uint64_t offset;
};
struct tuff_layout {
    struct tuff_context *context;
    struct tuff_leaf_place *places;     /* [owned] per value */
    struct tuff_plan_memory *memories;  /* [owned] */
    uint32_t value_count, memory_count; /* values of the graph that were looked at */
};
void tuff_layout_init(struct tuff_layout *layout, struct tuff_context *context);
void tuff_layout_finish(struct tuff_layout *layout);
/* Places what is new; no memory grows beyond `most` bytes but for one leaf. Errors: MEMORY, then nothing is placed. */
TUFF_MUST_CHECK tuff_status tuff_layout_extend(struct tuff_layout *layout, const struct tuff_graph *g, uint64_t most,
                                               struct tuff_error *error);

struct tuff_compile_params {
    const struct tuff_graph *graph;
    const tuff_val *outputs; /* values to compute; assignments among them are done at the end */
    uint32_t output_count;
    const struct tuff_station *stations;
    uint32_t station_count;
    const struct tuff_caps *caps;
    const struct tuff_layout *layout; /* of the graph, whole; NULL: as a new session would make it */
    uint32_t debug;                   /* enum tuff_debug: NOFUSE, NOSIMPLIFY, NOALIAS, PRINT, CHECK */
    bool plain;                       /* no compiler: unfused, of kernels without hook text alone (plain.c) */
    bool any_size;                    /* as in tuff_executable_params */
    enum tuff_dtype precision;        /* f16 or bf16: products read and give these (precision.c); 0: f32 */
    bool half_sums;                   /* and those of f16 may sum in f16 */
    struct tuff_tuner *tuner;         /* [borrowed] chooses constants of kernels (graph/tune.h); NULL: standard ones */
    struct tuff_check *check; /* [borrowed] launches are compared with their definitions (graph/check.c); NULL: not */
};
/* Where outputs and inputs lie in the plan. */
struct tuff_compiled {
    struct tuff_plan plan;
    uint32_t *output_slots; /* [plan's arena] per output; UINT32_MAX for assignments */
};
/* *out is filled and owned by the caller (tuff_plan_finish(&out->plan)). */
TUFF_MUST_CHECK tuff_status tuff_compile(const struct tuff_compile_params *params, struct tuff_compiled *out,
                                         struct tuff_error *error);

/* Counts what the plan does. result: the slot of output 0, UINT32_MAX where that is an assignment. Errors: MEMORY. */
TUFF_MUST_CHECK tuff_status tuff_figures_of(const struct tuff_plan *plan, uint32_t result, uint32_t input_sets,
                                            struct tuff_context *context, struct tuff_plan_figures *figures,
                                            struct tuff_error *error);

/* Barriers that no order of the plan's launches can do without (tuff_plan_figures.barriers_least). Errors: MEMORY. */
TUFF_MUST_CHECK tuff_status tuff_count_barriers(const struct tuff_plan *plan, struct tuff_context *context, uint32_t *least,
                                                struct tuff_error *error);
/* A line for each of these, as tuff_plan_barriers has them. */
TUFF_MUST_CHECK tuff_status tuff_print_barriers(const struct tuff_plan *plan, struct tuff_text *text,
                                                struct tuff_error *error);

/* ---- shared by the passes ------------------------------------------------------------------------------------------------- */

struct tuff_expansion {             /* an operator on these operands, and what it became */
    const struct tuff_value *value; /* [borrowed] of the user's graph */
    const tuff_val *in;             /* [arena] in g */
    tuff_val results[TUFF_MOST_RESULTS];
};
struct tuff_results { /* of a kernel that has several */
    tuff_val kernel;  /* of the user's graph */
    tuff_val v[TUFF_MOST_RESULTS];
};

/* What a LOOP becomes. */
struct tuff_loop {
    struct tuff_loop *next;
    struct tuff_graph *copies;        /* [owned] of the carries' first contents; NULL: there are no carries */
    struct tuff_compiled first, each; /* what stands before the rounds; a round */
    uint64_t scratch_bytes;           /* that one of these needs, with what it prepares */
    uint32_t slot;                    /* storage: of that */
};

/* Of a plan of 16 bits, by value of the user's graph; simplify's own. */
struct tuff_halving {
    bool *rounds;   /* [arena] whoever reads it reads it rounded */
    tuff_val *pack; /* [arena] of parameters: the pack of whose halves theirs are a part, or 0 */
    uint32_t *at;   /* [arena] and where in it */
    tuff_val *part; /* [arena] that part, in g, once it is there */
    tuff_val *made; /* [arena] the values that were rounded so, in g: they get memory */
    uint32_t made_count;
};

struct tuff_work {
    struct tuff_context *context;
    struct tuff_arena *arena;
    struct tuff_error *error;
    const struct tuff_compile_params *params;
    struct tuff_graph *g; /* [owned] simplified copy */
    tuff_val *outputs;    /* [arena] in g */
    tuff_val *map;        /* [arena] simplify's own: by value of the user's graph, in g */
    struct tuff_halving halving;
    struct tuff_work_station {
        tuff_val *values;              /* [arena] in g */
        uint32_t group_count;          /* groups before it */
    } * stations;                      /* [arena] */
    struct tuff_work_value *values;    /* [arena] per value of g, and of the copies that fuse and order add */
    struct tuff_lookup equal;          /* simplify's own: places in equal_values by the hash of a value */
    tuff_val *equal_values;            /* [arena] */
    tuff_val equal_next;               /* the first value that is not in yet */
    uint64_t folded;                   /* elements that simplify read and made on the host */
    double folded_work;                /* additions and multiplications of it */
    struct tuff_expansion *expansions; /* [arena] simplify's own, as `expanded`, which finds them */
    struct tuff_lookup expanded;
    struct tuff_results *results; /* [arena] simplify's own */
    uint32_t result_count;
    struct tuff_plan *plan;    /* [borrowed] */
    struct tuff_group *groups; /* [arena] */
    uint32_t group_count;
    struct tuff_loop *loops; /* [arena] each [owned] */
    uint32_t value_room;     /* of `values` */
    uint32_t *line;          /* [arena] groups, each behind those that it needs */
    uint32_t *pending;       /* [arena] room for every group, for searches */
    uint32_t search;         /* number of the last one; groups that it found have it as their mark */
    uint32_t found_end;      /* and stand before this place in the line */
    uint64_t steps;          /* groups looked at by searches, for tests */
    bool starved;            /* rows.c: no memory to see what joins */
    uint32_t *sequence;      /* [arena] groups in order */
    uint32_t prepare_count;  /* of the first of these, which prepare */
};

enum { TUFF_LITTLE_SCRATCH = 65536 }; /* bytes, which nobody saves where they spare barriers */

static inline const struct tuff_value *val(const struct tuff_work *w, tuff_val v) { return &w->g->values[v]; }

/* Buffers that one launch may bind. */
static inline uint32_t tuff_binding_limit(const struct tuff_work *w)
{
    uint32_t device = w->params->caps->max_storage_buffers;
    return device < TUFF_MAX_BINDINGS ? device : TUFF_MAX_BINDINGS;
}

/* Buffers that a launch binds for a value of this type: one, or windows of one that is larger than a binding may be. */
static inline uint32_t tuff_windows(const struct tuff_work *w, const struct tuff_type *type)
{
    uint64_t range = w->params->caps->max_storage_range;
    return 1 + (uint32_t)((tuff_type_bytes(type) - 1) / range);
}

static inline bool tuff_is_root_like(const struct tuff_work *w, tuff_val v)
{
    const struct tuff_op *op = w->g->values[v].op;
    return w->values[v].root || tuff_op_launches(op) || op->class == TUFF_CLASS_RESULT;
}
/* Every operator is a launch of its own. */
static inline bool tuff_is_unfused(const struct tuff_work *w)
{
    return w->params->plain || (w->params->debug & TUFF_DEBUG_NOFUSE) != 0;
}

/* ---- groups.c --------------------------------------------------------------------------------------------------------------- */

/* The value whose computing, or the leaf whose memory, gives v's elements. */
tuff_val tuff_memory_of(const struct tuff_work *w, tuff_val v);
/* The value whose elements v has, all of them in order, up to the next root. */
tuff_val tuff_strip_same(const struct tuff_work *w, tuff_val v);
bool tuff_is_leaf_memory(const struct tuff_graph *g, tuff_val v);
/* v reads as its input in the same order: reshape, detach, copy; or a contiguous slice, then *offset is where. */
bool tuff_is_alias(const struct tuff_graph *g, tuff_val v, uint64_t *offset);
/* A view that readers follow by strides alone, without a compiler as well. */
bool tuff_is_strided(const struct tuff_graph *g, tuff_val v);
/* v's elements lie in memory: a leaf's, a root's, or a kernel's, maybe at an offset. */
bool tuff_in_memory(const struct tuff_work *w, tuff_val v);

/* Calls visit for each group that must run before v can be read, until one returns true; returns that. */
bool tuff_each_producer(const struct tuff_work *w, tuff_val v, bool (*visit)(const struct tuff_work *, uint32_t, void *),
                        void *user);
/* Marks (tuff_is_marked) the groups that must run before these values can be read, and unmarks all others. */
void tuff_mark_producers(struct tuff_work *w, const tuff_val *values, uint32_t count);
/* `at` will need these groups, from now on. False: one of them is `at` or needs it. */
bool tuff_groups_before(struct tuff_work *w, const uint32_t *groups, uint32_t count, uint32_t at);
static inline bool tuff_is_marked(const struct tuff_work *w, uint32_t group) { return w->groups[group].mark == w->search; }
/* Results of the kernel of a group besides its first: the values behind it in g, as simplify has put them. */
static inline uint32_t tuff_more_results(const struct tuff_work *w, const struct tuff_group *group)
{
    return group->kernel ? w->g->values[group->kernel].op->more_count : 0;
}
/* May the launch of a kernel store this type? Several invocations may write one word only where memory has 16 bits. */
bool tuff_kernel_stores(const struct tuff_work *w, enum tuff_dtype dtype);
/* Adds to the group's reads what computing v needs from memory; identity: at v's own elements, as far as is known. */
TUFF_MUST_CHECK tuff_status tuff_collect_reads(struct tuff_work *w, struct tuff_group *group, tuff_val v, bool identity);
/* Puts root v into a group: one that it fits, or a new one. */
TUFF_MUST_CHECK tuff_status tuff_group_root(struct tuff_work *w, tuff_val v);
/* A group of kernel v. */
TUFF_MUST_CHECK tuff_status tuff_group_kernel(struct tuff_work *w, tuff_val v);
/* May v, a reduction or what has an element for each of a row's, join the rows of this group, number `at`? *pass: the first round
 * over a row in which it has what it reads (rows.c). */
bool tuff_row_takes(struct tuff_work *w, const struct tuff_group *group, uint32_t at, tuff_val v, uint32_t *pass);
/* Is a sum of row.comp though it stands alone? Then its order, and so its bits, are the same whatever joins it. */
bool tuff_row_alone(const struct tuff_work *w, tuff_val v);
/* A line for each group, in their sequence once there is one: what it computes and reads, and why it stands alone. */
void tuff_groups_print(const struct tuff_work *w, struct tuff_text *text);
/* Each value that a group computes is a root in that group alone, what it reads lies in memory, and levels are in order. */
bool tuff_groups_check(const struct tuff_work *w);

/* ---- precision.c ------------------------------------------------------------------------------------------------------------- */

/* An operand's elements in another order or number, as they are. */
bool tuff_is_plain_view(const struct tuff_value *value);
tuff_val tuff_below_views(const struct tuff_graph *g, tuff_val v);
TUFF_MUST_CHECK tuff_status tuff_choose_halves(struct tuff_work *w, const bool *needed);

/* ---- passes ----------------------------------------------------------------------------------------------------------------- */

/* What a group can read at most, of the last one that was asked for. */
struct tuff_touch {
    struct tuff_touched {
        uint64_t bytes; /* of the memory of this root */
        uint64_t need;  /* elements */
        bool seen;
    } * values;      /* [arena] per value */
    tuff_val *order; /* [arena] what the group goes through */
    uint32_t count;
};
TUFF_MUST_CHECK tuff_status tuff_touch_start(struct tuff_work *w, struct tuff_touch *touch);
void tuff_touch_group(struct tuff_work *w, const struct tuff_group *group, struct tuff_touch *touch);

/* requires: a checked graph. keeps: names, origins. Makes w->g, w->outputs, w->origin. */
TUFF_MUST_CHECK tuff_status tuff_pass_simplify(struct tuff_work *w);
/* requires: simplify. Makes roots, groups, sequence. */
TUFF_MUST_CHECK tuff_status tuff_pass_fuse(struct tuff_work *w);
/* requires: order. Makes what loops become. */
TUFF_MUST_CHECK tuff_status tuff_pass_loops(struct tuff_work *w);
void tuff_loops_finish(struct tuff_work *w);
/* requires: storage. Adds the launches of a group whose kernel is a LOOP. */
TUFF_MUST_CHECK tuff_status tuff_lower_loop(struct tuff_work *w, const struct tuff_group *group);
/* requires: loops. Makes places, and the plan's memories and slots. */
TUFF_MUST_CHECK tuff_status tuff_pass_storage(struct tuff_work *w);
/* requires: fuse. Makes sequence; sources of assignments that cannot be written in place become copies. */
TUFF_MUST_CHECK tuff_status tuff_pass_order(struct tuff_work *w);
/* requires: storage. Makes the plan's launches. */
TUFF_MUST_CHECK tuff_status tuff_pass_lower(struct tuff_work *w, struct tuff_compiled *out);

#endif
