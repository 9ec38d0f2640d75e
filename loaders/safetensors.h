/* safetensors.h - the parts of the format that checkpoint.c builds on. Private to loaders/. */
#ifndef TUFF_LOADERS_SAFETENSORS_H
#define TUFF_LOADERS_SAFETENSORS_H

#include "backend/core.h"
#include "backend/os.h"
#include "loaders/source.h"

#define TUFF_SAFETENSORS_LENGTH 8 /* bytes of the header's length, before the header */

/* Parses a file in memory and takes it over: *file is set to NULL on success. */
tuff_status tuff_safetensors_take(struct tuff_context *context, const char *name, void **file, size_t bytes,
                                  struct tuff_tensors **tensors, struct tuff_error *error);

/* A file as parts to write: the first one is the length and the header, the others are borrowed data. */
struct tuff_safetensors_image {
    char *header;               /* [owned] */
    size_t header_bytes;        /* with the length before it */
    struct tuff_os_part *parts; /* [owned] */
    size_t part_count;
};
tuff_status tuff_safetensors_image_create(struct tuff_context *context, const struct tuff_tensors_params *params,
                                          struct tuff_safetensors_image *image, struct tuff_error *error);
void tuff_safetensors_image_destroy(struct tuff_context *context, struct tuff_safetensors_image *image);

#endif
