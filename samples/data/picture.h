/* picture.h - what picture.c asks of the codecs. Private to samples/data/. */
#ifndef TUFF_DATA_PICTURE_H
#define TUFF_DATA_PICTURE_H

#include "backend/core.h"
#include "loaders/source.h"
#include "samples/data/data.h"

/* Most pixels along one side: keeps every size of a row within 32 bits. */
#define TUFF_PICTURE_SIDE 1000000u

/* A picture while it is decoded. */
struct tuff_decoding {
    struct tuff_context *context;     /* [borrowed] */
    const struct tuff_source *source; /* [borrowed] */
    uint64_t max_pixels, max_expansion;
    struct tuff_error *error;    /* [borrowed] */
    struct tuff_picture picture; /* pixels [owned]; 1, 2 (grey and alpha), 3 or 4 channels; the codec frees it on failure */
    int orientation;             /* of the EXIF block or the TIFF, 1..8 */
    struct tuff_picture_damage damage; /* what the codec's library warned of */
};
tuff_status tuff_png_decode(struct tuff_decoding *d);
tuff_status tuff_jpeg_decode(struct tuff_decoding *d);
tuff_status tuff_webp_decode(struct tuff_decoding *d);
tuff_status tuff_gif_decode(struct tuff_decoding *d);
tuff_status tuff_bmp_decode(struct tuff_decoding *d);
tuff_status tuff_pnm_decode(struct tuff_decoding *d);
tuff_status tuff_tiff_decode(struct tuff_decoding *d);
tuff_status tuff_jp2_decode(struct tuff_decoding *d);

/* Appends the PNG file to out. */
tuff_status tuff_png_encode(struct tuff_context *context, const struct tuff_picture *picture, struct tuff_text *out,
                            struct tuff_error *error);

/* Orientation of an APP1 block ("Exif", two zeros, TIFF): 1..8; 1 where there is none. Source: EXIF 2.3, 4.6.4 A. */
int tuff_exif_orientation(const uint8_t *data, size_t bytes);

/* What a caller gave as a picture: USAGE, behind the name of the function that was called. Its pixels are not looked at. */
TUFF_MUST_CHECK tuff_status tuff_picture_check(struct tuff_context *context, const char *function,
                                               const struct tuff_picture *picture, struct tuff_error *error);
/* Likewise of how it is to be resized. */
TUFF_MUST_CHECK tuff_status tuff_fit_check(struct tuff_context *context, const char *function,
                                           const struct tuff_picture_fit_params *params, struct tuff_error *error);
/* Before memory is taken: refuses pictures larger than the limits. */
tuff_status tuff_picture_check_size(const struct tuff_decoding *d, uint64_t width, uint64_t height, uint32_t channels);
/* Most bytes that pixels of this file may take. */
uint64_t tuff_picture_most_bytes(const struct tuff_decoding *d);
/* Sets picture, with memory for its pixels, after the check. Errors: as of the check, MEMORY. */
tuff_status tuff_picture_make(struct tuff_decoding *d, uint64_t width, uint64_t height, uint32_t channels);
/* "NAME: damaged KIND file: why" */
tuff_status tuff_picture_damaged(const struct tuff_decoding *d, const char *kind, const char *why);

/* Colour samples over white: alpha is the last of channels (2 or 4). */
static inline uint8_t tuff_over_white(uint8_t colour, uint8_t alpha)
{
    return (uint8_t)((colour * alpha + 255 * (255 - alpha) + 127) / 255);
}

#endif
