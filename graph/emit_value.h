/* emit_value.h - writing one value, for emit.c, emit_group.c and plain.c. Private. */
#ifndef TUFF_EMIT_VALUE_H
#define TUFF_EMIT_VALUE_H

#include "graph/emit.h"

const char *tuff_glsl_type(enum tuff_dtype dtype); /* of a value in a register */
/* The binding of v where it lives; *rest as below. */
struct tuff_emit_binding tuff_emit_binding_of(const struct tuff_emitter *e, tuff_val v, uint32_t access, uint64_t *rest);
/* Binding number for reading or writing v where it lives; *rest: elements from the binding's start to v's first. */
uint32_t tuff_emit_bind(struct tuff_emitter *e, tuff_val v, uint32_t access, bool vector, uint64_t *rest);
/* A number of this dtype as it is held in a register. */
uint32_t tuff_register_bits(enum tuff_dtype dtype, double value);
/* Where a view reads its first input at these coordinates; false when the value is no view (pads and concats are none). */
bool tuff_emit_view(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords,
                    struct tuff_coords *inner);
/* Where a reduction reads its input: coordinates of the variables o, base 0, and r, base 1. */
struct tuff_coords tuff_emit_reduced(struct tuff_emitter *e, tuff_val kernel);
/* Element i alone, up to an offset? Base 0 is "i". */
bool tuff_index_is_flat(const struct tuff_index *at);
/* Writes statements that compute v at the coordinates; returns the variable. */
const char *tuff_emit_value(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *coords);
/* Makes `name` stand for v at these coordinates. */
const char *tuff_emit_remember(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *coords, const char *name);

#endif
