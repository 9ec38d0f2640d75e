/* picture_stb.c - BMP and PNM in, by stb_image. It takes what is missing at the end of a file for zeros and numbers without a bound, so
 * that sizes and length are checked here. Its memory does not come from the context's allocator. */
#include "samples/data/picture.h"

#if TUFF_HAVE_BMP
#include <limits.h>
#include <stb/stb_image.h>

/* The picture that is in the file: of this size, with these channels (3: or 4). */
static tuff_status load(struct tuff_decoding *d, const char *kind, uint32_t w, uint32_t h, int least)
{
    const struct tuff_source *source = d->source;
    int width = 0, height = 0, channels = 0;
    if ((uint64_t)w * h > INT_MAX / 4 || source->bytes > INT_MAX) /* int within stb_image */
        return tuff_fail(d->context, d->error, TUFF_ERR_UNSUPPORTED, "%s: a %s of more than 2^29 pixels or 2^31 bytes",
                         source->name, kind);
    stbi_uc *pixels = stbi_load_from_memory(source->data, (int)source->bytes, &width, &height, &channels, 0);
    if (!pixels) {
        const char *why = stbi_failure_reason();
        return why && !strcmp(why, "outofmem") ? tuff_fail_memory(d->context, d->error)
                                               : tuff_picture_damaged(d, kind, why ? why : "its data is invalid");
    }
    bool right = (uint32_t)width == w && (uint32_t)height == h && (channels == least || (least == 3 && channels == 4));
    tuff_status status = right ? tuff_picture_make(d, w, h, (uint32_t)channels)
                               : tuff_picture_damaged(d, kind, "its kind of pixels is unknown");
    if (status == TUFF_OK) memcpy(d->picture.pixels, pixels, (size_t)w * h * (size_t)channels);
    stbi_image_free(pixels);
    return status;
}

/* ---- BMP -------------------------------------------------------------------------------------------------------------------- */

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
    if (h->bits < 16 && !colours_exist(h, source->data + h->from, stride))
        return tuff_picture_damaged(d, "BMP", "its palette lacks a colour of its pixels");
    return TUFF_OK;
}

tuff_status tuff_bmp_decode(struct tuff_decoding *d)
{
    struct head head = {0};
    TUFF_TRY(read_head(d, &head));
    TUFF_TRY(check_rows(d, &head));
    return load(d, "BMP", head.width, head.height, 3);
}

/* ---- PNM -------------------------------------------------------------------------------------------------------------------- */

static bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The next number of the header, behind white space and comments; *at: the byte after it. What is too large stays so. */
static bool pnm_number(const struct tuff_source *source, size_t *at, uint32_t *value)
{
    size_t i = *at, n = source->bytes, first;
    for (; i < n && (source->data[i] == '#' || is_space(source->data[i])); i++)
        if (source->data[i] == '#')
            while (i + 1 < n && source->data[i] != '\n' && source->data[i] != '\r') i++;
    *value = 0;
    for (first = i; i < n && source->data[i] >= '0' && source->data[i] <= '9'; i++)
        *value = *value > TUFF_PICTURE_SIDE ? *value : *value * 10 + (uint32_t)(source->data[i] - '0');
    *at = i;
    return i > first;
}

/* Source: netpbm's pgm(5), ppm(5). stb_image neither swaps samples of 16 bits nor scales those below 255. */
tuff_status tuff_pnm_decode(struct tuff_decoding *d)
{
    const struct tuff_source *source = d->source;
    uint32_t width = 0, height = 0, most = 0, channels = source->data[1] == '6' ? 3 : 1;
    size_t at = 2;
    if (source->data[1] != '5' && source->data[1] != '6')
        return tuff_fail(d->context, d->error, TUFF_ERR_UNSUPPORTED, "%s: a PNM file of kind P%c; P5 and P6 can be read",
                         source->name, source->data[1]);
    if (!pnm_number(source, &at, &width) || !pnm_number(source, &at, &height) || !pnm_number(source, &at, &most) ||
        at == source->bytes)
        return tuff_picture_damaged(d, "PNM", "its header is not complete");
    if (most == 0 || most > UINT16_MAX || !is_space(source->data[at]))
        return tuff_picture_damaged(d, "PNM", "its largest sample is none");
    TUFF_TRY(tuff_picture_check_size(d, width, height, channels));
    if (most > UINT8_MAX)
        return tuff_fail(d->context, d->error, TUFF_ERR_UNSUPPORTED, "%s: a PNM file of 16 bits a sample; 8 can be read",
                         source->name);
    if ((uint64_t)width * height * channels > source->bytes - at - 1) return tuff_picture_damaged(d, "PNM", "it is cut off");
    TUFF_TRY(load(d, "PNM", width, height, (int)channels));
    uint8_t *p = d->picture.pixels;
    for (size_t i = 0; most < UINT8_MAX && i < (size_t)width * height * channels; i++)
        p[i] = p[i] >= most ? 255 : (uint8_t)((p[i] * 255u + most / 2) / most);
    return TUFF_OK;
}

#endif
