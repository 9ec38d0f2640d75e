/* safetensors.h - what safetensors files and checkpoints have in common. Private to loaders/. */
#ifndef TUFF_LOADERS_SAFETENSORS_H
#define TUFF_LOADERS_SAFETENSORS_H

#include "loaders/tensors.h"

#define TUFF_SAFETENSORS_LENGTH 8 /* bytes of the header's length, before the header */

/* USAGE with a sentence for what no file may hold. lazy: data may be missing. */
tuff_status tuff_tensors_check(struct tuff_context *context, const struct tuff_tensors_params *params, bool lazy,
                               struct tuff_error *error);

/* tuff_checkpoint_write, where arrays without data are read one after the other when it is their turn. */
typedef tuff_status (*tuff_array_read)(void *user, const struct tuff_array *array, void *to, size_t bytes,
                                       struct tuff_error *error);
tuff_status tuff_checkpoint_store(struct tuff_context *context, const char *path, const struct tuff_tensors_params *params,
                                  tuff_array_read read, void *user, struct tuff_error *error);

#endif
