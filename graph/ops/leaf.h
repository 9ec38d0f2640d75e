/* leaf.h - attributes of leaves, packs and constants. Private. */
#ifndef TUFF_OPS_LEAF_H
#define TUFF_OPS_LEAF_H

#include "graph/op.h"

/* input, param, state. Attributes are compared and copied as bytes: no padding. */
struct tuff_leaf_attrs {
    int32_t dtype;
    struct tuff_shape shape;
    int32_t init_kind; /* enum tuff_init_kind */
    int32_t transient; /* of states: filled by the host before it is read, or within each run; no checkpoint holds it */
    double init_a, init_b;
    int32_t init_zero_row; /* counted from 1 */
    int32_t unused;        /* no padding */
};
/* full, constant; begins as the above does */
struct tuff_full_attrs {
    int32_t dtype;
    struct tuff_shape shape;
    double value;
};
/* One number for all elements? */
bool tuff_is_full(const struct tuff_graph *g, tuff_val v, double *number);
/* A state that starts as zeros, whose content no later run and no checkpoint needs. */
tuff_val tuff_transient(struct tuff_graph *g, const char *name, enum tuff_dtype dtype, struct tuff_shape shape);
bool tuff_is_transient(const struct tuff_value *value);
/* A parameter or state: its content is kept between runs. */
bool tuff_is_kept(const struct tuff_value *value);
/* A parameter that optimizers train: one of f32. */
bool tuff_is_trained(const struct tuff_value *value);
/* Are these two leaves, of which either may be a pack of parameters, the same memory in part? */
bool tuff_leaves_overlap(const struct tuff_graph *g, tuff_val a, tuff_val b);
/* The parameter or state, or pack of these, that an assignment or update writes. */
tuff_val tuff_written_leaf(const struct tuff_graph *g, tuff_val v);
#define TUFF_RNG_STATE "rng" /* the state of tuff_rng_state, which starts from the session's seed */

/* The flat vector [P] of these trained parameters, in order of declaration, in their memory: they lie one after the other at
 * multiples of TUFF_PLAN_ALIGNMENT; what lies between is zero. An update of all of them is one launch over it. Sessions lay them
 * so when the pack comes before they ask for memory; of parameters that have theirs, only neighbours can be a pack. */
tuff_val tuff_param_pack(struct tuff_graph *g, const tuff_val *members, uint32_t count);
/* How many of these trained parameters, from the first on, can be one pack. */
uint32_t tuff_pack_run(const struct tuff_graph *g, const tuff_val *members, uint32_t count);
/* The values from the last such end to this one lie one after the other in a session's memory; those behind it elsewhere. */
tuff_status tuff_graph_laid(struct tuff_graph *g, tuff_val end);
/* Values x[count] of the parameters' shapes, in order, written into the state `target` [P] at the parameters' offsets: the vector. */
tuff_val tuff_pack(struct tuff_graph *g, tuff_val target, const tuff_val *x, uint32_t count);
/* Elements that a member of a pack takes with what lies behind it, and so many members. */
uint64_t tuff_pack_room(const struct tuff_graph *g, tuff_val member);
uint64_t tuff_pack_length(const struct tuff_graph *g, const tuff_val *members, uint32_t count);
/* Trained parameters in order of declaration into out (capacity cap); returns their number. */
uint32_t tuff_graph_params(const struct tuff_graph *g, tuff_val *out, uint32_t capacity);
/* Memory and first values for what the graph got since; begins again where it failed: what has no memory can be undone (tuff_graph_undo). */
struct tuff_session;
const struct tuff_graph *tuff_session_graph(const struct tuff_session *session);
TUFF_MUST_CHECK tuff_status tuff_session_grow(struct tuff_session *session, struct tuff_error *error);
/* Initial content of a param or state, into memory of the value's size; large ones on several threads. seed: tuff_session's. */
TUFF_MUST_CHECK tuff_status tuff_leaf_init(struct tuff_context *context, const struct tuff_value *value, uint64_t seed,
                                           void *memory, struct tuff_error *error);
/* Is this initial content all zeros, whatever the seed? */
bool tuff_leaf_starts_zero(const struct tuff_value *value);

#endif
