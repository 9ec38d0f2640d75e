/* picture_bmp.c - BMP in, by stb_image. It takes what is missing at the end of a file for zeros, so the length is checked here.
 * Its memory does not come from the context's allocator. */
#include "samples/data/picture.h"

#if TUFF_HAVE_BMP
#include <limits.h>
#include <stb/stb_image.h>

static uint32_t number(const uint8_t *at, unsigned bytes) { return (uint32_t)tuff_little(at, bytes); }

struct head {
    uint32_t length, width, height; /* of the header; of the picture */
    uint32_t bits, from;            /* of a pixel; where the rows begin */
    uint32_t colours;               /* of the palette, 0: none */
};
enum { FILE_HEADER = 14, CORE_HEADER = 12, INFO_HEADER = 40, MASKS = 12, PACKED_BY_MASKS = 3 };

/* Source: Microsoft, BITMAPFILEHEADER, BITMAPCOREHEADER, BITMAPINFOHEADER. What stb_image misreads is refused. */
static tuff_status read_head(const struct tuff_decoding *d, struct head *h)
{
    const struct tuff_source *source = d->source;
    if (source->bytes < FILE_HEADER + CORE_HEADER) return tuff_picture_damaged(d, "BMP", "it is cut off");
    const uint8_t *at = source->data + FILE_HEADER;
    h->length = number(at, 4);
    bool core = h->length == CORE_HEADER;
    if (!core && h->length != INFO_HEADER && h->length != 56 && h->length != 108 && h->length != 124)
        return tuff_picture_damaged(d, "BMP", "its header is of no known kind");
    if (source->bytes < FILE_HEADER + h->length) return tuff_picture_damaged(d, "BMP", "it is cut off");
    uint32_t packing = core ? 0 : number(at + 16, 4), rows_down = core ? number(at + 6, 2) : number(at + 8, 4);
    h->width = core ? number(at + 4, 2) : number(at + 4, 4);
    h->height = rows_down > INT32_MAX ? 0 - rows_down : rows_down; /* negative: from the top */
    h->bits = number(at + (core ? 10 : 14), 2);
    h->from = number(source->data + 10, 4);
    if ((packing != 0 && packing != PACKED_BY_MASKS) || (core && h->bits < 16))
        return tuff_fail(d->context, d->error, TUFF_ERR_UNSUPPORTED, "%s: this kind of BMP (%s) cannot be read",
                         source->name, packing ? "compressed" : "of OS/2, with a palette");
    uint32_t before = FILE_HEADER + h->length + (packing && h->length <= 56 ? MASKS : 0);
    if (h->from < before) return tuff_picture_damaged(d, "BMP", "its rows begin within its header");
    h->colours = h->bits < 16 ? (h->from - before) / 4 : 0;
    return TUFF_OK;
}

/* stb_image looks up what is not in the palette all the same. */
static bool colours_exist(const struct head *h, const uint8_t *rows, uint64_t stride)
{
    uint32_t mask = (1u << h->bits) - 1;
    for (uint32_t y = 0; h->colours <= mask && y < h->height; y++)
        for (uint64_t bit = 0; bit < (uint64_t)h->width * h->bits; bit += h->bits)
            if ((rows[y * stride + bit / 8] >> (8 - h->bits - bit % 8) & mask) >= h->colours) return false;
    return true;
}

static tuff_status check_rows(const struct tuff_decoding *d, const struct head *h)
{
    const struct tuff_source *source = d->source;
    TUFF_TRY(tuff_picture_check_size(d, h->width, h->height, 4));
    if (h->bits != 1 && h->bits != 4 && h->bits != 8 && h->bits != 16 && h->bits != 24 && h->bits != 32)
        return tuff_picture_damaged(d, "BMP", "its kind of pixels is unknown");
    uint64_t row = ((uint64_t)h->width * h->bits + 7) / 8, stride = (row + 3) / 4 * 4;
    if (h->from > source->bytes || stride * (h->height - 1) + row > source->bytes - h->from)
        return tuff_picture_damaged(d, "BMP", "it is cut off");
    if ((uint64_t)h->width * h->height > INT_MAX / 4 || source->bytes > INT_MAX) /* int within stb_image */
        return tuff_fail(d->context, d->error, TUFF_ERR_UNSUPPORTED, "%s: a BMP of more than 2^29 pixels or 2^31 bytes",
                         source->name);
    if (h->bits < 16 && !colours_exist(h, source->data + h->from, stride))
        return tuff_picture_damaged(d, "BMP", "its palette lacks a colour of its pixels");
    return TUFF_OK;
}

tuff_status tuff_bmp_decode(struct tuff_decoding *d)
{
    const struct tuff_source *source = d->source;
    struct head head = {0};
    int width = 0, height = 0, channels = 0;
    TUFF_TRY(read_head(d, &head));
    TUFF_TRY(check_rows(d, &head));
    stbi_uc *pixels = stbi_load_from_memory(source->data, (int)source->bytes, &width, &height, &channels, 0);
    if (!pixels) {
        const char *why = stbi_failure_reason();
        return why && !strcmp(why, "outofmem") ? tuff_fail_memory(d->context, d->error)
                                               : tuff_picture_damaged(d, "BMP", why ? why : "its data is invalid");
    }
    bool right = (uint32_t)width == head.width && (uint32_t)height == head.height && (channels == 3 || channels == 4);
    tuff_status status = right ? tuff_picture_make(d, head.width, head.height, (uint32_t)channels)
                               : tuff_picture_damaged(d, "BMP", "its kind of pixels is unknown");
    if (status == TUFF_OK)
        memcpy(d->picture.pixels, pixels, (size_t)d->picture.width * d->picture.height * d->picture.channels);
    stbi_image_free(pixels);
    return status;
}

#endif
