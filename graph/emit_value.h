/* emit_value.h - writing one value, for emit.c and emit_group.c. Private. */
#ifndef TUFF_EMIT_VALUE_H
#define TUFF_EMIT_VALUE_H

#include "graph/emit.h"

const char *tuff_glsl_type(enum tuff_dtype dtype); /* of a value in a register */
/* Binding number for reading or writing v where it lives; *rest: elements from the binding's start to v's first. */
uint32_t tuff_emit_bind(struct tuff_emitter *e, tuff_val v, uint32_t access, bool vector, uint64_t *rest);
/* Element i alone, up to an offset? Base 0 is "i". */
bool tuff_index_is_flat(const struct tuff_index *at);
/* Writes statements that compute v at the coordinates; returns the variable. */
const char *tuff_emit_value(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *coords);
/* Makes `name` stand for v at these coordinates. */
const char *tuff_emit_remember(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *coords, const char *name);

#endif
