/* picture.c - pictures from files and memory: which codec, what becomes of alpha, which way is up; PNG to a file. */
#include "samples/data/picture.h"

#include "backend/os.h"

#define PIXELS_MAX ((uint64_t)1 << 27)
#define EXPANSION_MAX 1024u /* a little less than what deflate reaches: more is a blank picture, or an attack on memory */
#define ALWAYS_BYTES ((uint64_t)64 << 20) /* of pixels, whatever the file: a blank page scanned at 400 dpi */

uint64_t tuff_picture_most_bytes(const struct tuff_decoding *d)
{
    uint64_t bytes = d->source->bytes, most = bytes > UINT64_MAX / d->max_expansion ? UINT64_MAX : bytes * d->max_expansion;
    return most > ALWAYS_BYTES ? most : ALWAYS_BYTES;
}

tuff_status tuff_picture_check_size(const struct tuff_decoding *d, uint64_t width, uint64_t height, uint32_t channels)
{
    unsigned long long w = width, h = height;
    bool fits = width > 0 && height > 0 && width <= TUFF_PICTURE_SIDE && height <= TUFF_PICTURE_SIDE &&
                width * height <= d->max_pixels;
    if (!fits || width * height > SIZE_MAX / 8)
        return tuff_fail(d->context, d->error, TUFF_ERR_FORMAT,
                         "%s: a picture of %llu x %llu pixels; the limit is %llu pixels (tuff_picture_options.max_pixels)",
                         d->source->name, w, h, (unsigned long long)d->max_pixels);
    uint64_t needed = width * height * channels, bytes = d->source->bytes;
    if (needed <= tuff_picture_most_bytes(d)) return TUFF_OK;
    return tuff_fail(
        d->context, d->error, TUFF_ERR_FORMAT,
        "%s: %llu x %llu pixels take %llu bytes, from a file of %llu; above 64 MiB the limit is %llu bytes for each byte "
        "of the file (tuff_picture_options.max_expansion)",
        d->source->name, w, h, (unsigned long long)needed, (unsigned long long)bytes, (unsigned long long)d->max_expansion);
}

tuff_status tuff_picture_make(struct tuff_decoding *d, uint64_t width, uint64_t height, uint32_t channels)
{
    TUFF_TRY(tuff_picture_check_size(d, width, height, channels));
    uint8_t *pixels = tuff_alloc(d->context, (size_t)width * (size_t)height * channels);
    if (!pixels) return tuff_fail_memory(d->context, d->error);
    d->picture = (struct tuff_picture){(uint32_t)width, (uint32_t)height, channels, pixels};
    return TUFF_OK;
}

tuff_status tuff_picture_damaged(const struct tuff_decoding *d, const char *kind, const char *why)
{
    return tuff_fail(d->context, d->error, TUFF_ERR_FORMAT, "%s: damaged %s file: %s", d->source->name, kind, why);
}

/* ---- alpha -------------------------------------------------------------------------------------------------------------- */

/* One pixel with alpha (2 or 4 channels) to one with `to` channels (4: kept). */
static void convert_pixel(const uint8_t *in, uint32_t from, uint8_t *out, uint32_t to, enum tuff_alpha alpha)
{
    uint8_t a = in[from - 1];
    uint32_t colours = to == 4 ? 3 : to;
    for (uint32_t c = 0; c < colours; c++) {
        uint8_t v = from == 2 ? in[0] : in[c];
        out[c] = alpha == TUFF_ALPHA_BLEND ? tuff_over_white(v, a) : v;
    }
    if (to == 4) out[3] = a;
}

/* In place where no pixel grows: a pixel is written where it, or one before it, was read. */
static tuff_status settle_alpha(struct tuff_context *context, struct tuff_picture *picture, enum tuff_alpha alpha,
                                struct tuff_error *error)
{
    uint32_t from = picture->channels;
    if (from == 1 || from == 3 || (from == 4 && alpha == TUFF_ALPHA_KEEP)) return TUFF_OK;
    uint32_t to = alpha == TUFF_ALPHA_KEEP ? 4 : from - 1;
    size_t pixels = (size_t)picture->width * picture->height;
    uint8_t *out = to > from ? tuff_alloc(context, pixels * to) : picture->pixels;
    if (!out) return tuff_fail_memory(context, error);
    for (size_t i = 0; i < pixels; i++) convert_pixel(picture->pixels + i * from, from, out + i * to, to, alpha);
    if (to > from) tuff_free(context, picture->pixels);
    picture->pixels = out;
    picture->channels = to;
    return TUFF_OK;
}

/* ---- orientation ---------------------------------------------------------------------------------------------------------- */

/* Where pixel (x, y) of the upright picture lies in the stored one, whose sides are w and h. EXIF 2.3 and TIFF 6.0, tag 274. */
static size_t stored_index(int orientation, size_t x, size_t y, size_t w, size_t h)
{
    if (orientation >= 5) {
        size_t swap = x;
        x = y;
        y = swap;
    }
    bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    if (mirror_x) x = w - 1 - x;
    if (mirror_y) y = h - 1 - y;
    return y * w + x;
}

static tuff_status turn_upright(struct tuff_context *context, struct tuff_picture *picture, int orientation,
                                struct tuff_error *error)
{
    if (orientation == 1) return TUFF_OK;
    size_t c = picture->channels, w = picture->width, h = picture->height;
    uint8_t *out = tuff_alloc(context, w * h * c);
    if (!out) return tuff_fail_memory(context, error);
    size_t width = orientation >= 5 ? h : w, height = orientation >= 5 ? w : h;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            memcpy(out + (y * width + x) * c, picture->pixels + stored_index(orientation, x, y, w, h) * c, c);
    tuff_free(context, picture->pixels);
    *picture = (struct tuff_picture){(uint32_t)width, (uint32_t)height, (uint32_t)c, out};
    return TUFF_OK;
}

/* ---- reading and writing -------------------------------------------------------------------------------------------------- */

static tuff_status check_options(struct tuff_context *context, const struct tuff_picture_options *options,
                                 struct tuff_error *error)
{
    if (!options) return TUFF_OK;
    TUFF_REQUIRE(context, error, options->struct_size == sizeof *options);
    TUFF_REQUIRE_THAT(context, error, (unsigned)options->alpha <= TUFF_ALPHA_DROP, "alpha is none of its kinds");
    if (options->damage) *options->damage = (struct tuff_picture_damage){0};
    return TUFF_OK;
}

/* A decoder where the build has it (its TUFF_HAVE_.. is 1), else NULL. */
#define DECODER(built, decode) DECODER_OF(built, decode)
#define DECODER_OF(built, decode) DECODER_##built(decode)
#define DECODER_1(decode) decode
#define DECODER_0(decode) NULL

static const struct kind {
    const char *name, *begins; /* the file's first bytes; '?': any, '#': 1 to 6 */
    size_t bytes;
    const char *library, *option;
    tuff_status (*decode)(struct tuff_decoding *);
} kinds[] = {
    {"PNG", "\x89PNG\r\n\x1a\n", 8, "libpng", "TUFF_PNG", DECODER(TUFF_HAVE_PNG, tuff_png_decode)},
    {"JPEG", "\xff\xd8", 2, "libjpeg", "TUFF_JPEG", DECODER(TUFF_HAVE_JPEG, tuff_jpeg_decode)},
    {"WebP", "RIFF????WEBP", 12, "libwebp", "TUFF_WEBP", DECODER(TUFF_HAVE_WEBP, tuff_webp_decode)},
    {"GIF", "GIF8?a", 6, "giflib", "TUFF_GIF", DECODER(TUFF_HAVE_GIF, tuff_gif_decode)},
    {"BMP", "BM", 2, "stb_image", "TUFF_BMP", DECODER(TUFF_HAVE_BMP, tuff_bmp_decode)},
    {"PNM", "P#", 2, "stb_image", "TUFF_BMP", DECODER(TUFF_HAVE_BMP, tuff_pnm_decode)},
    {"TIFF", "II*\0", 4, "libtiff", "TUFF_TIFF", DECODER(TUFF_HAVE_TIFF, tuff_tiff_decode)},
    {"TIFF", "MM\0*", 4, "libtiff", "TUFF_TIFF", DECODER(TUFF_HAVE_TIFF, tuff_tiff_decode)},
    {"TIFF", "II+\0", 4, "libtiff", "TUFF_TIFF", DECODER(TUFF_HAVE_TIFF, tuff_tiff_decode)},
    {"TIFF", "MM\0+", 4, "libtiff", "TUFF_TIFF", DECODER(TUFF_HAVE_TIFF, tuff_tiff_decode)},
    {"JPEG 2000", "\0\0\0\x0cjP  \r\n\x87\n", 12, "OpenJPEG", "TUFF_JP2", DECODER(TUFF_HAVE_JP2, tuff_jp2_decode)},
    {"JPEG 2000", "\xff\x4f\xff\x51", 4, "OpenJPEG", "TUFF_JP2", DECODER(TUFF_HAVE_JP2, tuff_jp2_decode)},
};

const char *tuff_picture_kind(uint32_t index)
{
    for (size_t i = 0; i < TUFF_COUNT(kinds); i++)
        if (kinds[i].decode && (i == 0 || kinds[i].decode != kinds[i - 1].decode) && index-- == 0) return kinds[i].name;
    return NULL;
}

static const struct kind *kind_of(const struct tuff_source *source)
{
    for (size_t i = 0; i < TUFF_COUNT(kinds); i++) {
        bool same = source->bytes >= kinds[i].bytes;
        for (size_t k = 0; same && k < kinds[i].bytes; k++)
            same = kinds[i].begins[k] == '?' || (uint8_t)kinds[i].begins[k] == source->data[k] ||
                   (kinds[i].begins[k] == '#' && source->data[k] >= '1' && source->data[k] <= '6');
        if (same) return &kinds[i];
    }
    return NULL;
}

static tuff_status decode(struct tuff_context *context, const struct tuff_source *source,
                          const struct tuff_picture_options *options, struct tuff_picture *picture, struct tuff_error *error)
{
    struct tuff_picture_options defaults = {.struct_size = sizeof defaults};
    if (!options) options = &defaults;
    struct tuff_decoding d = {.context = context,
                              .source = source,
                              .max_pixels = options->max_pixels ? options->max_pixels : PIXELS_MAX,
                              .max_expansion = options->max_expansion ? options->max_expansion : EXPANSION_MAX,
                              .error = error,
                              .orientation = 1};
    const struct kind *kind = kind_of(source);
    if (!kind)
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: no PNG, JPEG, WebP, GIF, BMP, PNM, TIFF or JPEG 2000 file",
                         source->name);
    if (!kind->decode)
        return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "%s: %s, but this Tuff is built without %s (option %s)",
                         source->name, kind->name, kind->library, kind->option);
    TUFF_TRY(kind->decode(&d));
    tuff_status status = settle_alpha(context, &d.picture, options->alpha, error);
    if (status == TUFF_OK && !options->ignore_orientation) status = turn_upright(context, &d.picture, d.orientation, error);
    if (status != TUFF_OK) {
        tuff_picture_finish(context, &d.picture);
        return status;
    }
    if (d.damage.warnings)
        tuff_log_message(context, TUFF_LOG_WARNING,
                         "%s: damaged %s file, read as far as it goes; %u warning%s, the first: %s", source->name,
                         kind->name, (unsigned)d.damage.warnings, d.damage.warnings == 1 ? "" : "s", d.damage.first);
    if (options->damage) *options->damage = d.damage;
    *picture = d.picture;
    return TUFF_OK;
}

tuff_status tuff_picture_read(struct tuff_context *context, const char *path, const struct tuff_picture_options *options,
                              struct tuff_picture *picture, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && picture);
    TUFF_TRY(check_options(context, options, error));
    const size_t limit = (size_t)1 << 30;
    void *data = NULL;
    size_t bytes = 0;
    TUFF_TRY(tuff_os_read_file(context, path, limit, &data, &bytes, error));
    tuff_status status = decode(context, &(struct tuff_source){path, data, bytes}, options, picture, error);
    tuff_free(context, data);
    return status;
}

tuff_status tuff_picture_decode(struct tuff_context *context, struct tuff_span file,
                                const struct tuff_picture_options *options, struct tuff_picture *picture,
                                struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && picture);
    TUFF_REQUIRE_THAT(context, error, file.data || file.bytes == 0, "the data is NULL, though it has bytes");
    TUFF_TRY(check_options(context, options, error));
    return decode(context, &(struct tuff_source){"memory", file.data, file.bytes}, options, picture, error);
}

void tuff_picture_finish(struct tuff_context *context, struct tuff_picture *picture)
{
    tuff_free(context, picture->pixels);
    *picture = (struct tuff_picture){0};
}

tuff_status tuff_picture_check(struct tuff_context *context, const char *function, const struct tuff_picture *picture,
                               struct tuff_error *error)
{
    const char *wrong = NULL;
    if (picture->channels != 1 && picture->channels != 3 && picture->channels != 4)
        wrong = "a picture has 1, 3 or 4 channels";
    else if (picture->width == 0 || picture->width > TUFF_PICTURE_SIDE)
        wrong = "the picture's width is 0 or too large";
    else if (picture->height == 0 || picture->height > TUFF_PICTURE_SIDE)
        wrong = "the picture's height is 0 or too large";
    return wrong ? tuff_fail_usage(context, error, function, wrong) : TUFF_OK;
}

tuff_status tuff_picture_write_png(struct tuff_context *context, const char *path, const struct tuff_picture *picture,
                                   struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && picture && picture->pixels);
    TUFF_TRY(tuff_picture_check(context, __func__, picture, error));
    struct tuff_text file;
    tuff_text_init(&file, context);
    tuff_status status = tuff_png_encode(context, picture, &file, error);
    struct tuff_os_part part = {.data = file.data, .bytes = file.length};
    if (status == TUFF_OK) status = tuff_os_write_atomic(context, path, &part, 1, error);
    tuff_text_finish(&file);
    return status;
}
