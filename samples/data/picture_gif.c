/* picture_gif.c - the first frame of a GIF, by giflib. What the frame leaves free of the screen, or says to be transparent, has
 * alpha 0. giflib's own memory does not come from the context's allocator. */
#include "samples/data/picture.h"

#if TUFF_HAVE_GIF
#include <gif_lib.h>

struct reader {
    const struct tuff_source *source;
    size_t at;
};

static int read_bytes(GifFileType *gif, GifByteType *to, int count)
{
    struct reader *reader = gif->UserData;
    size_t left = reader->source->bytes - reader->at, wanted = count > 0 ? (size_t)count : 0;
    if (wanted > left) wanted = left;
    memcpy(to, reader->source->data + reader->at, wanted);
    reader->at += wanted;
    return (int)wanted;
}

static tuff_status fail(const struct tuff_decoding *d, int code)
{
    if (code == D_GIF_ERR_NOT_ENOUGH_MEM) return tuff_fail_memory(d->context, d->error);
    if (code == D_GIF_ERR_READ_FAILED || code == D_GIF_ERR_EOF_TOO_SOON)
        return tuff_picture_damaged(d, "GIF", "it is cut off");
    const char *why = GifErrorString(code);
    return tuff_picture_damaged(d, "GIF", why ? why : "its data is invalid");
}

/* Up to the description of the first frame. *transparent: the colour that is, or -1. */
static tuff_status find_frame(const struct tuff_decoding *d, GifFileType *gif, int *transparent)
{
    for (;;) {
        GifRecordType record = UNDEFINED_RECORD_TYPE;
        GifByteType *block = NULL;
        int code = 0;
        if (DGifGetRecordType(gif, &record) == GIF_ERROR) return fail(d, gif->Error);
        if (record == TERMINATE_RECORD_TYPE) return tuff_picture_damaged(d, "GIF", "it holds no picture");
        if (record == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) == GIF_ERROR ? fail(d, gif->Error) : TUFF_OK;
        if (record != EXTENSION_RECORD_TYPE) continue;
        if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) return fail(d, gif->Error);
        while (block) {
            GraphicsControlBlock control;
            if (code == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
                *transparent = control.TransparentColor;
            if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return fail(d, gif->Error);
        }
    }
}

static void paint_row(const struct tuff_decoding *d, const GifFileType *gif, const GifPixelType *row, size_t y,
                      int transparent)
{
    const struct tuff_picture *picture = &d->picture;
    const ColorMapObject *map = gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
    size_t at = ((size_t)gif->Image.Top + y) * picture->width + (size_t)gif->Image.Left;
    uint8_t *to = picture->pixels + at * picture->channels;
    for (int x = 0; x < gif->Image.Width; x++, to += picture->channels) {
        if (row[x] == transparent) continue;
        if (row[x] < map->ColorCount) {
            const GifColorType *colour = &map->Colors[row[x]];
            to[0] = colour->Red, to[1] = colour->Green, to[2] = colour->Blue;
        }
        if (picture->channels == 4) to[3] = 255;
    }
}

/* Source: GIF89a, appendix E: rows of an interlaced picture come in four passes. */
static tuff_status read_rows(const struct tuff_decoding *d, GifFileType *gif, GifPixelType *row, int transparent)
{
    static const size_t passes[][2] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}, {0, 1}}; /* first row, step; the last is the whole */
    size_t height = (size_t)gif->Image.Height, end = TUFF_COUNT(passes) - gif->Image.Interlace;
    for (size_t pass = gif->Image.Interlace ? 0 : end - 1; pass < end; pass++)
        for (size_t y = passes[pass][0]; y < height; y += passes[pass][1]) {
            if (DGifGetLine(gif, row, gif->Image.Width) == GIF_ERROR) return fail(d, gif->Error);
            paint_row(d, gif, row, y, transparent);
        }
    return TUFF_OK;
}

static tuff_status read_frame(struct tuff_decoding *d, GifFileType *gif)
{
    int transparent = -1;
    TUFF_TRY(find_frame(d, gif, &transparent));
    const GifImageDesc *image = &gif->Image;
    if (image->Left < 0 || image->Top < 0 || image->Width <= 0 || image->Height <= 0)
        return tuff_picture_damaged(d, "GIF", "its picture has no size");
    if (!image->ColorMap && !gif->SColorMap) return tuff_picture_damaged(d, "GIF", "it has no colours");
    uint64_t width = (uint64_t)image->Left + (uint64_t)image->Width, height = (uint64_t)image->Top + (uint64_t)image->Height;
    bool covers = image->Left == 0 && image->Top == 0 && image->Width >= gif->SWidth && image->Height >= gif->SHeight;
    if (gif->SWidth > 0 && (uint64_t)gif->SWidth > width) width = (uint64_t)gif->SWidth;
    if (gif->SHeight > 0 && (uint64_t)gif->SHeight > height) height = (uint64_t)gif->SHeight;
    TUFF_TRY(tuff_picture_make(d, width, height, covers && transparent < 0 ? 3 : 4));
    GifPixelType *row = tuff_alloc(d->context, (size_t)image->Width * sizeof *row);
    tuff_status status = row ? read_rows(d, gif, row, transparent) : tuff_fail_memory(d->context, d->error);
    tuff_free(d->context, row);
    if (status != TUFF_OK) tuff_picture_finish(d->context, &d->picture);
    return status;
}

tuff_status tuff_gif_decode(struct tuff_decoding *d)
{
    struct reader reader = {.source = d->source};
    int code = 0;
    GifFileType *gif = DGifOpen(&reader, read_bytes, &code);
    if (!gif) return fail(d, code);
    tuff_status status = read_frame(d, gif);
    (void)DGifCloseFile(gif, &code); /* what follows the first frame does not matter */
    return status;
}

#endif
