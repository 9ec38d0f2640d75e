/* picture_tiff.c - the first page of a TIFF, by libtiff's TIFFRGBAImage: all that this reads. Grey stays grey. What libtiff says of an
 * error is our sentence, by the handle alone; its warnings are counted, but for those of tags that it does not know. Its memory does not come
 * from the context's allocator, but each piece of it is bounded. */
#include "samples/data/picture.h"

#if TUFF_HAVE_TIFF
#include <stdio.h>

#include <tiffio.h>
#if TIFFLIB_VERSION < 20221213
#error "libtiff 4.5 or newer is needed for TIFF (or configure with -DTUFF_TIFF=OFF)"
#endif

struct reader {
    struct tuff_decoding *d; /* [borrowed] */
    uint64_t at;
    char why[200]; /* the first error; "": none */
};

static tmsize_t read_bytes(thandle_t handle, void *to, tmsize_t count)
{
    struct reader *reader = handle;
    const struct tuff_source *source = reader->d->source;
    uint64_t left = reader->at < source->bytes ? source->bytes - reader->at : 0, wanted = count > 0 ? (uint64_t)count : 0;
    if (wanted > left) wanted = left;
    if (wanted) memcpy(to, source->data + reader->at, (size_t)wanted);
    reader->at += wanted;
    return (tmsize_t)wanted;
}

static tmsize_t write_bytes(thandle_t handle, void *from, tmsize_t count)
{
    (void)handle, (void)from, (void)count;
    return -1;
}

static toff_t file_bytes(thandle_t handle) { return ((struct reader *)handle)->d->source->bytes; }

static toff_t seek(thandle_t handle, toff_t to, int from)
{
    struct reader *reader = handle;
    reader->at = to + (from == SEEK_CUR ? reader->at : from == SEEK_END ? file_bytes(handle) : 0);
    return reader->at;
}

/* Files in memory are read where they are; libtiff 4.5 refuses tiles that are not compressed otherwise. It does not write there. */
static int map_file(thandle_t handle, void **from, toff_t *bytes)
{
    const struct tuff_source *source = ((struct reader *)handle)->d->source;
    *from = (void *)(uintptr_t)source->data;
    *bytes = source->bytes;
    return 1;
}

static void unmap_file(thandle_t handle, void *from, toff_t bytes) { (void)handle, (void)from, (void)bytes; }

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static void keep(char *to, size_t size, const char *format, va_list list)
{
    char line[200];
    vsnprintf(line, sizeof line, format, list);
    tuff_printable(line, to, size);
}

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list list)
{
    struct reader *reader = user;
    (void)tiff, (void)module;
    if (!reader->why[0]) keep(reader->why, sizeof reader->why, format, list);
    return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list list)
{
    struct tuff_picture_damage *damage = &((struct reader *)user)->d->damage;
    (void)tiff, (void)module;
    if (strncmp(format, "Unknown field", 13) != 0 && !damage->warnings++)
        keep(damage->first, sizeof damage->first, format, list);
    return 1;
}

static tuff_status fail(const struct reader *reader)
{
    const char *why = reader->why;
    const bool memory = !strncmp(why, "No space", 8) || (strstr(why, "emory") && !strstr(why, "limit"));
    return memory ? tuff_fail_memory(reader->d->context, reader->d->error)
                  : tuff_picture_damaged(reader->d, "TIFF", why[0] ? why : "its data is invalid");
}

enum alpha { NONE, ALONE, MULTIPLIED };

/* libtiff multiplies colours by an alpha that stands alone: told that this is done, it gives what is stored. TIFF 6.0, ExtraSamples. */
static enum alpha find_alpha(TIFF *tiff)
{
    uint16_t count = 0, *kinds = NULL, told[16];
    if (!TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) || count == 0 || count > TUFF_COUNT(told)) return NONE;
    if (kinds[0] != EXTRASAMPLE_UNASSALPHA) return kinds[0] == EXTRASAMPLE_ASSOCALPHA ? MULTIPLIED : NONE;
    memcpy(told, kinds, count * sizeof *told);
    told[0] = EXTRASAMPLE_ASSOCALPHA;
    return TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, (int)count, told) ? ALONE : NONE;
}

/* Pixels of libtiff (red in the lowest byte) to those of the picture, in place. */
static void settle(struct tuff_picture *picture, uint32_t colours, enum alpha alpha)
{
    const size_t count = (size_t)picture->width * picture->height;
    picture->channels = colours + (alpha != NONE);
    uint8_t *to = picture->pixels;
    for (size_t i = 0; i < count; i++, to += picture->channels) {
        uint32_t rgba;
        memcpy(&rgba, picture->pixels + i * sizeof rgba, sizeof rgba);
        const uint32_t a = TIFFGetA(rgba);
        for (uint32_t c = 0; c < colours; c++) {
            uint32_t v = rgba >> 8 * c & 255;
            if (alpha == MULTIPLIED && a) v = v >= a ? 255 : (v * 255 + a / 2) / a;
            to[c] = (uint8_t)v;
        }
        if (alpha != NONE) to[colours] = (uint8_t)a;
    }
}

static tuff_status read_page(struct reader *reader, TIFF *tiff)
{
    struct tuff_decoding *d = reader->d;
    TIFFRGBAImage image;
    uint32_t width = 0, height = 0;
    char why[1024] = "";
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
    TUFF_TRY(tuff_picture_check_size(d, width, height, sizeof(uint32_t)));
    const enum alpha alpha = find_alpha(tiff);
    if (!TIFFRGBAImageOK(tiff, why) || !TIFFRGBAImageBegin(&image, tiff, true, why))
        return reader->why[0] ? fail(reader)
                              : tuff_fail(d->context, d->error, TUFF_ERR_UNSUPPORTED,
                                          "%s: this kind of TIFF cannot be read: %s", d->source->name, why);
    const bool grey = image.photometric == PHOTOMETRIC_MINISBLACK || image.photometric == PHOTOMETRIC_MINISWHITE;
    d->orientation = image.orientation >= 1 && image.orientation <= 8 ? image.orientation : 1;
    image.req_orientation = image.orientation; /* rows as stored: picture.c turns them */
    tuff_status status = tuff_picture_make(d, width, height, sizeof(uint32_t));
    if (status == TUFF_OK) {
        const bool whole = TIFFRGBAImageGet(&image, (uint32_t *)(void *)d->picture.pixels, width, height);
        if (!whole || reader->why[0]) status = fail(reader);
    }
    TIFFRGBAImageEnd(&image);
    if (status == TUFF_OK) settle(&d->picture, grey ? 1 : 3, alpha);
    return status;
}

tuff_status tuff_tiff_decode(struct tuff_decoding *d)
{
    struct reader reader = {.d = d};
    uint64_t most = tuff_picture_most_bytes(d); /* twice that: a strip may be the picture, of 64 bits a pixel */
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return tuff_fail_memory(d->context, d->error);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, most > SIZE_MAX / 4 ? 0 : (tmsize_t)(2 * most));
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, &reader);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, &reader);
    TIFF *tiff = TIFFClientOpenExt("", "r", &reader, read_bytes, write_bytes, seek, close_nothing, file_bytes, map_file,
                                   unmap_file, options);
    TIFFOpenOptionsFree(options);
    tuff_status status = tiff ? read_page(&reader, tiff) : fail(&reader);
    if (tiff) TIFFClose(tiff);
    if (status != TUFF_OK) tuff_picture_finish(d->context, &d->picture);
    return status;
}

#endif
