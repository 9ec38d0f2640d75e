/* pictures.h - pictures in rows and columns, as one PNG. */
#ifndef PICTURES_H
#define PICTURES_H

#include <tuff/tuff.h>

struct pictures {
    const char *title;
    const char *const *columns;  /* above each, or NULL */
    const char *const *captions; /* under each picture, [rows * across], or NULL */
    uint32_t rows, across;
    uint32_t width, height, channels; /* of a picture; 1 or 3 channels */
    const uint8_t *pixels;            /* [rows * across, channels, height, width] */
};
/* Larger by a whole number, without smoothing. Without cairo nothing is written. Errors: those of tuff_file_write. */
TUFF_MUST_CHECK tuff_status pictures_write(struct tuff_context *context, const char *path, const struct pictures *pictures,
                                           struct tuff_error *error);

#endif
