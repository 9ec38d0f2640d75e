/* npy.h - one array of numpy's, between npy.c and npz.c. Private. */
#ifndef TUFF_DATA_NPY_H
#define TUFF_DATA_NPY_H

#include "backend/core.h"
#include "backend/os.h"
#include "loaders/source.h"
#include "samples/data/data.h"

bool tuff_npy_is(const uint8_t *data, size_t bytes);
/* The array of a .npy file in memory, without its name; its data lie in the file or in the arena. Nothing is logged. Errors: FORMAT,
 * UNSUPPORTED, MEMORY. */
tuff_status tuff_npy_take(struct tuff_arena *arena, const struct tuff_source *source, struct tuff_array *array,
                          struct tuff_error *error);

/* The header of an array's file, at most TUFF_NPY_HEAD bytes. Errors: USAGE. */
enum { TUFF_NPY_HEAD = 330 };
tuff_status tuff_npy_head(struct tuff_context *context, const char *path, const struct tuff_array *array,
                          char head[TUFF_NPY_HEAD], size_t *head_bytes, struct tuff_error *error);

#endif
