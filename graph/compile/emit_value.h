/* emit_value.h - writing one value, for emit.c, emit_group.c and plain.c. Private. */
#ifndef TUFF_EMIT_VALUE_H
#define TUFF_EMIT_VALUE_H

#include "graph/compile/emit.h"

/* The binding of v where it lives; *rest as below. */
struct tuff_emit_binding tuff_emit_binding_of(const struct tuff_emitter *e, tuff_val v, uint32_t access, uint64_t *rest);
/* Binding number for reading or writing v where it lives; *rest: elements from the binding's start to v's first. */
uint32_t tuff_emit_bind(struct tuff_emitter *e, tuff_val v, uint32_t access, bool vector, uint64_t *rest);
/* "tuff_half(get3(at / 2u), at)": an element of a packed type in the binding, at the place that a variable names. */
void tuff_emit_unpack(struct tuff_emitter *e, enum tuff_dtype dtype, uint32_t binding, uint32_t last, const char *at);
/* " * tuff_half(get3(S1 + at / 64u), at / 32u)": the scale of a block-quantized element; nothing for other types. `unit`: elements in
 * one of at. last: the last element's place. */
void tuff_emit_scale(struct tuff_emitter *e, enum tuff_dtype dtype, uint32_t binding, uint32_t last, uint32_t unit,
                     const char *at);
/* Where a reduction reads its input: coordinates of the variables o, base 0, and r, base 1. */
struct tuff_coords tuff_emit_reduced(struct tuff_emitter *e, tuff_val kernel);
/* Coordinates that the variable `name`, a new base, stands for. */
struct tuff_coords tuff_emit_coords(struct tuff_emitter *e, const char *name, const struct tuff_shape *shape);
/* Element i alone, up to an offset? Base 0 is "i". */
bool tuff_index_is_flat(const struct tuff_index *at);
/* Functions that load what a function takes as parameters "l0", ..: "float leaf0(uint i)". */
struct tuff_loads {
    const char *name, *parameters, *arguments; /* "leaf", "uint i", "i" */
};
void tuff_emit_leaves(struct tuff_emitter *e, const struct tuff_loads *loads);
/* Loads for four elements in a row along the variable of number `base`, which is a multiple of 4, into q0, .., where one load does. */
void tuff_emit_four_leaves(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t base);
/* Chooses e->block where a load asks for one, of the function of base 0 alone. */
void tuff_choose_block(struct tuff_emitter *e);
/* Loads for the block's elements from element `begin` on, for tuff_emit_four_leaves of its rows. */
void tuff_emit_block_leaves(struct tuff_emitter *e);
/* ", q0.x": leaf k of element j of these four, or, with j -1, of any element; `arguments` are that element's. */
void tuff_emit_leaf_argument(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t k, uint32_t base, int j,
                             const char *arguments);
/* Makes `name` stand for v at these coordinates. */
const char *tuff_emit_remember(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *coords, const char *name);

/* Constants of a launch, sorted by their ids. */
void tuff_sort_specs(struct tuff_plan_spec *specs, uint32_t count);

#endif
