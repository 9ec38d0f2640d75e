/* picture.h - what picture.c asks of the codecs. Private to loaders/. */
#ifndef TUFF_LOADERS_PICTURE_H
#define TUFF_LOADERS_PICTURE_H

#include "backend/core.h"
#include "loaders/source.h"

/* Most pixels along one side: keeps every size of a row within 32 bits. */
#define TUFF_PICTURE_SIDE 1000000u

/* Decode to pixels [h, w, c] of the context's allocator; c is 1, 2 (grey and alpha), 3 or 4. */
tuff_status tuff_png_decode(struct tuff_context *context, const struct tuff_source *source, uint64_t max_pixels,
                            struct tuff_picture *picture, struct tuff_error *error);
/* orientation: of the EXIF block, 1..8 */
tuff_status tuff_jpeg_decode(struct tuff_context *context, const struct tuff_source *source, uint64_t max_pixels,
                             struct tuff_picture *picture, int *orientation, struct tuff_error *error);
/* Appends the PNG file to out. */
tuff_status tuff_png_encode(struct tuff_context *context, const struct tuff_picture *picture, struct tuff_text *out,
                            struct tuff_error *error);

/* Orientation of an APP1 block ("Exif", two zeros, TIFF): 1..8; 1 where there is none. Source: EXIF 2.3, 4.6.4 A. */
int tuff_exif_orientation(const uint8_t *data, size_t bytes);

/* Refuses pictures larger than the limit. */
tuff_status tuff_picture_check_size(struct tuff_context *context, const struct tuff_source *source, uint64_t width,
                                    uint64_t height, uint64_t max_pixels, struct tuff_error *error);

/* Colour samples over white: alpha is the last of channels (2 or 4). */
static inline uint8_t tuff_over_white(uint8_t colour, uint8_t alpha)
{
    return (uint8_t)((colour * alpha + 255 * (255 - alpha) + 127) / 255);
}

#endif
