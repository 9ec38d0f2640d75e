/* npy.h - one array of numpy's, between npy.c and npz.c. Private to loaders/. */
#ifndef TUFF_LOADERS_NPY_H
#define TUFF_LOADERS_NPY_H

#include "backend/core.h"
#include "backend/os.h"
#include "loaders/source.h"

bool tuff_npy_is(const uint8_t *data, size_t bytes);
/* The array of a .npy file in memory, without its name; its data lie in the file or in the arena. Nothing is logged. Errors: FORMAT,
 * UNSUPPORTED, MEMORY. */
tuff_status tuff_npy_take(struct tuff_arena *arena, const struct tuff_source *source, struct tuff_array *array,
                          struct tuff_error *error);

#endif
