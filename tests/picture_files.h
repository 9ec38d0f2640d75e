/* picture_files.h - pictures in memory as tests and seeds of fuzzing need them: of the same colours everywhere, TIFF by libtiff, JPEG 2000 by
 * OpenJPEG. Who cannot write one ends. */
#ifndef TUFF_TESTS_PICTURE_FILES_H
#define TUFF_TESTS_PICTURE_FILES_H

#include "backend/core.h"

#include <stdio.h>
#include <stdlib.h>

enum { W = 13, H = 9 };

static inline uint8_t colour(int x, int y, int c) { return (uint8_t)(x * 19 + y * (c + 3) * 11 + c * 70); }

struct made {
    uint8_t data[8192];
    size_t bytes;
};

#if TUFF_HAVE_TIFF || TUFF_HAVE_JP2
struct growing {
    struct made *made;
    size_t at;
};

static void grow(struct growing *file, const void *from, size_t count)
{
    if (file->at + count > sizeof file->made->data) exit(1);
    memcpy(file->made->data + file->at, from, count);
    file->at += count;
    if (file->at > file->made->bytes) file->made->bytes = file->at;
}
#endif

#if TUFF_HAVE_TIFF
#include <tiffio.h>

static tmsize_t tiff_read(thandle_t handle, void *to, tmsize_t count)
{
    struct growing *file = handle;
    size_t left = file->made->bytes > file->at ? file->made->bytes - file->at : 0;
    if ((size_t)count > left) count = (tmsize_t)left;
    memcpy(to, file->made->data + file->at, (size_t)count);
    file->at += (size_t)count;
    return count;
}

static tmsize_t tiff_write(thandle_t handle, void *from, tmsize_t count)
{
    grow(handle, from, (size_t)count);
    return count;
}

static toff_t tiff_seek(thandle_t handle, toff_t to, int from)
{
    struct growing *file = handle;
    return file->at = (size_t)to + (from == SEEK_CUR ? file->at : from == SEEK_END ? file->made->bytes : 0);
}

static int tiff_close(thandle_t handle) { return handle == NULL; }
static toff_t tiff_size(thandle_t handle) { return ((struct growing *)handle)->made->bytes; }

struct tiff_kind {
    const char *what, *mode; /* mode: "w", then l b: bytes, 8: BigTIFF */
    int channels, bits, photometric, compression, planar, extra, orientation, tile;
};
enum { NO_EXTRA = -1 };

/* Rows of the colours of paint(); of 16 bits by 257, of 1 bit their uppermost. */
static void make_tiff(struct made *made, const struct tiff_kind *k)
{
    struct growing file = {made, 0};
    uint16_t palette[3][256], extra = (uint16_t)k->extra;
    uint8_t row[16 * 16 * 4 * 2] = {0};
    *made = (struct made){.bytes = 0};
    TIFF *tiff = TIFFClientOpen("", k->mode, &file, tiff_read, tiff_write, tiff_seek, tiff_close, tiff_size, NULL, NULL);
    if (!tiff) exit(1);
    for (int i = 0; i < 256; i++)
        palette[0][i] = (uint16_t)(i * 257), palette[1][i] = (uint16_t)((255 - i) * 257), palette[2][i] = 0;
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, W);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, H);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, k->channels);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, k->bits);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, k->photometric);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, k->compression);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, k->planar);
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, k->orientation);
    if (k->extra != NO_EXTRA) TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &extra);
    if (k->photometric == PHOTOMETRIC_PALETTE) TIFFSetField(tiff, TIFFTAG_COLORMAP, palette[0], palette[1], palette[2]);
    if (k->tile)
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, 16), TIFFSetField(tiff, TIFFTAG_TILELENGTH, 16);
    else
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 4);
    const int planes = k->planar == PLANARCONFIG_SEPARATE ? k->channels : 1, samples = k->channels / planes;
    for (int plane = 0; plane < planes; plane++) {
        for (int y = 0; y < H; y++) {
            uint8_t *to = k->tile ? row + (size_t)(y * 16 * samples * k->bits / 8) : row;
            if (k->bits == 1) memset(row, 0, sizeof row);
            for (int i = 0; i < W * samples; i++) {
                const uint8_t v = colour(i / samples, y, plane + i % samples);
                const uint16_t wide = (uint16_t)(v * 257);
                if (k->bits == 16)
                    memcpy(to + 2 * i, &wide, 2);
                else if (k->bits == 8)
                    to[i] = v;
                else
                    to[i / 8] |= (uint8_t)((v >> 7) << (7 - i % 8));
            }
            if (!k->tile && TIFFWriteScanline(tiff, row, (uint32_t)y, (uint16_t)plane) != 1) exit(1);
        }
        if (k->tile && TIFFWriteTile(tiff, row, 0, 0, 0, (uint16_t)plane) < 0) exit(1);
    }
    TIFFClose(tiff);
}

enum { CONTIG = PLANARCONFIG_CONTIG, APART = PLANARCONFIG_SEPARATE, RGB = PHOTOMETRIC_RGB, BLACK = PHOTOMETRIC_MINISBLACK };
static const struct tiff_kind tiff_kinds[] = {
    {"TIFF", "w", 3, 8, RGB, COMPRESSION_NONE, CONTIG, NO_EXTRA, 1, 0},
    {"TIFF, LZW", "wl", 3, 8, RGB, COMPRESSION_LZW, CONTIG, NO_EXTRA, 1, 0},
    {"TIFF, tiles, PackBits", "wb", 3, 8, RGB, COMPRESSION_PACKBITS, CONTIG, NO_EXTRA, 1, 1},
    {"BigTIFF, Deflate", "w8b", 3, 8, RGB, COMPRESSION_ADOBE_DEFLATE, CONTIG, NO_EXTRA, 1, 0},
    {"BigTIFF", "w8l", 3, 8, RGB, COMPRESSION_NONE, CONTIG, NO_EXTRA, 1, 0},
    {"TIFF, planes", "w", 3, 8, RGB, COMPRESSION_LZW, APART, NO_EXTRA, 1, 0},
    {"TIFF, planes of tiles", "w", 3, 8, RGB, COMPRESSION_LZW, APART, NO_EXTRA, 1, 1},
    {"TIFF, 16 bits", "w", 3, 16, RGB, COMPRESSION_NONE, CONTIG, NO_EXTRA, 1, 0},
    {"TIFF, alpha", "w", 4, 8, RGB, COMPRESSION_NONE, CONTIG, EXTRASAMPLE_UNASSALPHA, 1, 0},
    {"TIFF, planes with alpha", "w", 4, 8, RGB, COMPRESSION_LZW, APART, EXTRASAMPLE_UNASSALPHA, 1, 0},
    {"TIFF, multiplied alpha", "w", 4, 8, RGB, COMPRESSION_NONE, CONTIG, EXTRASAMPLE_ASSOCALPHA, 1, 0},
    {"TIFF, something beside", "w", 4, 8, RGB, COMPRESSION_NONE, CONTIG, EXTRASAMPLE_UNSPECIFIED, 1, 0},
    {"TIFF, grey", "w", 1, 8, BLACK, COMPRESSION_NONE, CONTIG, NO_EXTRA, 1, 0},
    {"TIFF, grey, 16 bits", "wb", 1, 16, BLACK, COMPRESSION_LZW, CONTIG, NO_EXTRA, 1, 0},
    {"TIFF, grey and alpha", "w", 2, 8, BLACK, COMPRESSION_NONE, CONTIG, EXTRASAMPLE_UNASSALPHA, 1, 0},
    {"TIFF, 0 is white", "w", 1, 8, PHOTOMETRIC_MINISWHITE, COMPRESSION_NONE, CONTIG, NO_EXTRA, 1, 0},
    {"TIFF, 1 bit", "w", 1, 1, BLACK, COMPRESSION_PACKBITS, CONTIG, NO_EXTRA, 1, 0},
    {"TIFF, fax", "w", 1, 1, PHOTOMETRIC_MINISWHITE, COMPRESSION_CCITTFAX4, CONTIG, NO_EXTRA, 1, 0},
    {"TIFF, palette", "w", 1, 8, PHOTOMETRIC_PALETTE, COMPRESSION_NONE, CONTIG, NO_EXTRA, 1, 0},
};
#endif

#if TUFF_HAVE_JP2
#include <openjpeg.h>

static OPJ_SIZE_T jp2_write(void *from, OPJ_SIZE_T count, void *user)
{
    grow(user, from, count);
    return count;
}

static OPJ_OFF_T jp2_skip(OPJ_OFF_T count, void *user)
{
    ((struct growing *)user)->at += (size_t)count;
    return count;
}

static OPJ_BOOL jp2_seek(OPJ_OFF_T to, void *user)
{
    ((struct growing *)user)->at = (size_t)to;
    return OPJ_TRUE;
}

struct jp2_kind {
    const char *what;
    bool bare; /* a codestream */
    uint32_t components, bits, sub, origin;
    OPJ_COLOR_SPACE space;
    int tile;
};

/* Lossless, of the colours of paint(); components 1 and 2 have a sub-th of the samples. */
static void make_jp2(struct made *made, const struct jp2_kind *k)
{
    struct growing file = {made, 0};
    opj_image_cmptparm_t components[5] = {{0}};
    opj_cparameters_t parameters;
    *made = (struct made){.bytes = 0};
    for (uint32_t c = 0; c < k->components; c++) {
        const uint32_t sub = c == 1 || c == 2 ? k->sub : 1;
        components[c] = (opj_image_cmptparm_t){.dx = sub, .dy = sub, .prec = k->bits, .x0 = k->origin, .y0 = k->origin};
        components[c].w = (W + k->origin + sub - 1) / sub - (k->origin + sub - 1) / sub;
        components[c].h = (H + k->origin + sub - 1) / sub - (k->origin + sub - 1) / sub;
    }
    opj_image_t *image = opj_image_create(k->components, components, k->space);
    if (!image) exit(1);
    image->x0 = image->y0 = k->origin, image->x1 = W + k->origin, image->y1 = H + k->origin;
    for (uint32_t c = 0; c < k->components; c++)
        for (uint32_t i = 0; i < components[c].w * components[c].h; i++) {
            const uint8_t v = colour((int)(i % components[c].w), (int)(i / components[c].w), (int)c);
            image->comps[c].data[i] = k->bits == 16 ? v * 257 : k->bits == 1 ? v >> 7 : v;
        }
    opj_set_default_encoder_parameters(&parameters);
    parameters.tcp_numlayers = 1, parameters.cp_disto_alloc = 1, parameters.numresolution = 3;
    parameters.tcp_mct = k->components == 3 && k->sub == 1;
    if (k->tile) parameters.tile_size_on = OPJ_TRUE, parameters.cp_tdx = parameters.cp_tdy = k->tile;
    opj_codec_t *codec = opj_create_compress(k->bare ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    opj_stream_t *stream = opj_stream_create(1 << 12, OPJ_FALSE);
    if (!codec || !stream) exit(1);
    opj_stream_set_write_function(stream, jp2_write);
    opj_stream_set_skip_function(stream, jp2_skip);
    opj_stream_set_seek_function(stream, jp2_seek);
    opj_stream_set_user_data(stream, &file, NULL);
    if (!opj_setup_encoder(codec, &parameters, image) || !opj_start_compress(codec, image, stream) ||
        !opj_encode(codec, stream) || !opj_end_compress(codec, stream))
        exit(1);
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    opj_image_destroy(image);
}

static const struct jp2_kind jp2_kinds[] = {
    {"JPEG 2000", false, 3, 8, 1, 0, OPJ_CLRSPC_SRGB, 0},
    {"JPEG 2000, codestream", true, 3, 8, 1, 0, OPJ_CLRSPC_SRGB, 0},
    {"JPEG 2000, tiles", false, 3, 8, 1, 0, OPJ_CLRSPC_SRGB, 5},
    {"JPEG 2000, grey", false, 1, 8, 1, 0, OPJ_CLRSPC_GRAY, 0},
    {"JPEG 2000, grey and alpha", false, 2, 8, 1, 0, OPJ_CLRSPC_GRAY, 0},
    {"JPEG 2000, alpha", false, 4, 8, 1, 0, OPJ_CLRSPC_SRGB, 0},
    {"JPEG 2000, 16 bits", false, 3, 16, 1, 0, OPJ_CLRSPC_SRGB, 0},
    {"JPEG 2000, 1 bit", true, 1, 1, 1, 0, OPJ_CLRSPC_GRAY, 0},
    {"JPEG 2000, origin", false, 3, 8, 1, 5, OPJ_CLRSPC_SRGB, 7},
    {"JPEG 2000, sYCC", false, 3, 8, 1, 0, OPJ_CLRSPC_SYCC, 0},
    {"JPEG 2000, sYCC 4:2:0", false, 3, 8, 2, 0, OPJ_CLRSPC_SYCC, 0},
    {"JPEG 2000, fewer samples", true, 3, 8, 2, 0, OPJ_CLRSPC_SRGB, 0},
    {"JPEG 2000, fewer samples, origin", true, 3, 8, 2, 1, OPJ_CLRSPC_SRGB, 0},
};
#endif

#endif
