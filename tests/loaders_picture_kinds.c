/* loaders_picture_kinds.c - WebP, GIF, BMP, PNM, TIFF and JPEG 2000: pixels as written, damage, limits.
 *
 *   loaders_picture_kinds FILE RGBA    compares a file with raw pixels that another decoder made of it (tests/loaders_peers.sh) */
#include "tests/loaders_support.h"
#include "tests/picture_files.h"

#include "samples/data/picture.h"

static tuff_status read_rgba(struct loaders_test *test, const struct made *made, size_t bytes, struct tuff_picture *picture,
                             struct tuff_error *error)
{
    struct tuff_picture_options options = {.struct_size = sizeof options, .alpha = TUFF_ALPHA_KEEP, .max_pixels = 1 << 20};
    uint8_t *part = malloc(bytes ? bytes : 1); /* of that length, so that a read past its end is seen */
    if (!part) exit(1);
    memcpy(part, made->data, bytes);
    tuff_status status = tuff_picture_decode(test->context, (struct tuff_span){part, bytes}, &options, picture, error);
    free(part);
    return status;
}

/* palette: of 8 x 8 x 4 colours; the diagonal is clear where there is alpha. Rows above `from` are clear then too. */
static void expect_picture(struct loaders_test *test, const char *what, const struct made *made, uint32_t channels,
                           bool palette, int from)
{
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    int wrong = 0;
    expect_status(test, what, TUFF_OK, read_rgba(test, made, made->bytes, &got, &error), &error, NULL);
    expect_number(test, what, W, got.width);
    expect_number(test, what, H, got.height);
    expect_number(test, what, channels, got.channels);
    for (int y = 0; got.channels == channels && y < H; y++)
        for (int x = 0; x < W; x++) {
            const uint8_t *p = got.pixels + (size_t)(y * W + x) * channels;
            bool clear = channels == 4 && (y < from || (palette && x == y));
            for (int c = 0; c < 3 && !clear; c++)
                wrong += p[c] != (palette ? colour(x, y, c) & (c < 2 ? 0xe0 : 0xc0) : colour(x, y, c));
            if (channels == 4) wrong += p[3] != (clear ? 0 : 255);
        }
    expect_number(test, what, 0, wrong);
    tuff_picture_finish(test->context, &got);
}

/* Every cut is refused but where bytes of no picture are cut off; flips load or are refused. */
static void expect_damage(struct loaders_test *test, const char *what, struct made *made, size_t least)
{
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    for (size_t n = 0; n < made->bytes; n++) {
        tuff_status status = read_rgba(test, made, n, &got, &error);
        if (status != TUFF_OK || n < least) expect_refused(test, what, status, &error);
        tuff_picture_finish(test->context, &got);
    }
    for (size_t bit = 0; bit < made->bytes * 8; bit++) {
        made->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        tuff_status status = read_rgba(test, made, made->bytes, &got, &error);
        if (status != TUFF_OK) expect_refused(test, what, status, &error);
        tuff_picture_finish(test->context, &got);
        made->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static tuff_status decode_made(struct loaders_test *test, void *user)
{
    const struct made *made = user;
    struct tuff_picture got = {0};
    tuff_status status = tuff_picture_decode(test->context, (struct tuff_span){made->data, made->bytes}, NULL, &got, NULL);
    tuff_picture_finish(test->context, &got);
    return status;
}

/* A file of the kind is told which option of the build it needs. */
static void expect_missing(struct loaders_test *test, const char *begins, size_t bytes, const char *option)
{
    struct made made = {.bytes = bytes};
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    memcpy(made.data, begins, bytes);
    expect_status(test, option, TUFF_ERR_UNSUPPORTED, read_rgba(test, &made, bytes, &got, &error), &error, option);
}

/* ---- WebP --------------------------------------------------------------------------------------------------------------------- */

#if TUFF_HAVE_WEBP
#include <webp/encode.h>

static void test_webp(struct loaders_test *test)
{
    for (uint32_t channels = 3; channels <= 4; channels++) {
        uint8_t pixels[W * H * 4], *file = NULL;
        struct made made = {0};
        for (int i = 0; i < W * H; i++) {
            for (int c = 0; c < 3; c++) pixels[i * (int)channels + c] = colour(i % W, i / W, c);
            if (channels == 4) pixels[i * 4 + 3] = i / W < 2 ? 0 : 255;
        }
        made.bytes = channels == 3 ? WebPEncodeLosslessRGB(pixels, W, H, W * 3, &file)
                                   : WebPEncodeLosslessRGBA(pixels, W, H, W * 4, &file);
        if (!made.bytes || made.bytes > sizeof made.data) exit(1);
        memcpy(made.data, file, made.bytes);
        WebPFree(file);
        expect_picture(test, "WebP", &made, channels, false, 2);
        expect_damage(test, "WebP, damaged", &made, made.bytes - 1);
        expect_survives_memory(test, "WebP, allocation fails", decode_made, &made);
    }
    /* VP8X with the flag of an animation, 13 x 9. */
    struct made moving = {.data = "RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x0c\0\0\x08\0\0", .bytes = 30};
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    expect_status(test, "WebP, animated", TUFF_ERR_UNSUPPORTED, read_rgba(test, &moving, moving.bytes, &got, &error), &error,
                  "animated");
}
#else
static void test_webp(struct loaders_test *test) { (void)test; }
#endif

/* ---- GIF ---------------------------------------------------------------------------------------------------------------------- */

#if TUFF_HAVE_GIF
#include <gif_lib.h>

static int append(GifFileType *gif, const GifByteType *bytes, int count)
{
    struct made *made = gif->UserData;
    if (made->bytes + (size_t)count > sizeof made->data) exit(1);
    memcpy(made->data + made->bytes, bytes, (size_t)count);
    made->bytes += (size_t)count;
    return count;
}

static GifPixelType index_at(int x, int y)
{
    return (GifPixelType)(colour(x, y, 0) >> 5 | (colour(x, y, 1) >> 5) << 3 | (colour(x, y, 2) >> 6) << 6);
}

/* clear: the diagonal. frames: two, of which the second is of one colour. Rows above `from` are not in the frame. */
static void make_gif(struct made *made, bool interlaced, bool clear, int from)
{
    static const int starts[] = {0, 4, 2, 1}, steps[] = {8, 8, 4, 2};
    GifColorType colours[256];
    int code = 0;
    for (int i = 0; i < 256; i++) colours[i] = (GifColorType){(i & 7) << 5, (i >> 3 & 7) << 5, (i >> 6) << 6};
    ColorMapObject *map = GifMakeMapObject(256, colours);
    *made = (struct made){.bytes = 0};
    GifFileType *gif = EGifOpen(made, append, &code);
    if (!gif || !map) exit(1);
    EGifSetGifVersion(gif, true);
    EGifPutScreenDesc(gif, W, H, 8, 0, map);
    unsigned char control[4] = {clear, 0, 0, 255};
    EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, 4, control);
    EGifPutImageDesc(gif, 0, from, W, H - from, interlaced, NULL);
    for (int pass = interlaced ? 0 : 4; pass < (interlaced ? 4 : 5); pass++)
        for (int y = pass < 4 ? starts[pass] : 0; y < H - from; y += pass < 4 ? steps[pass] : 1) {
            GifPixelType row[W];
            for (int x = 0; x < W; x++) row[x] = clear && x == y + from ? 255 : index_at(x, y + from);
            if (EGifPutLine(gif, row, W) == GIF_ERROR) exit(1);
        }
    GifPixelType black[W * H] = {0};
    EGifPutImageDesc(gif, 0, 0, W, H, false, NULL);
    EGifPutLine(gif, black, W * H);
    EGifCloseFile(gif, &code);
    GifFreeMapObject(map);
}

static void test_gif(struct loaders_test *test)
{
    struct made made;
    make_gif(&made, false, false, 0);
    expect_picture(test, "GIF", &made, 3, true, 0);
    expect_damage(test, "GIF, damaged", &made, 800); /* less is not the whole palette and the first frame */
    expect_survives_memory(test, "GIF, allocation fails", decode_made, &made);
    make_gif(&made, true, false, 0);
    expect_picture(test, "GIF, interlaced", &made, 3, true, 0);
    make_gif(&made, true, true, 0);
    expect_picture(test, "GIF, transparent", &made, 4, true, 0);
    make_gif(&made, false, true, 3);
    expect_picture(test, "GIF, smaller than its screen", &made, 4, true, 3);
}
#else
static void test_gif(struct loaders_test *test) { (void)test; }
#endif

/* ---- BMP ---------------------------------------------------------------------------------------------------------------------- */

#if TUFF_HAVE_BMP
static void put(struct made *made, uint32_t value, int bytes)
{
    for (; bytes-- > 0; value >>= 8) made->data[made->bytes++] = (uint8_t)value;
}

/* Rows of 24 or 32 bits, or of 8 with grey colours; up: as stored mostly, from the bottom. Source: BITMAPINFOHEADER. */
static void make_bmp(struct made *made, int bits, bool up, int colours)
{
    *made = (struct made){.bytes = 0};
    put(made, 'B' | 'M' << 8, 2), put(made, 0, 4), put(made, 0, 4), put(made, 54 + 4 * (uint32_t)colours, 4);
    put(made, 40, 4), put(made, W, 4), put(made, (uint32_t)(up ? H : -H), 4), put(made, 1, 2), put(made, (uint32_t)bits, 2);
    for (int i = 0; i < 6; i++) put(made, 0, 4);
    for (int i = 0; i < colours; i++) put(made, (uint32_t)i * 0x010101u, 4);
    for (int i = 0; i < H; i++) {
        int y = up ? H - 1 - i : i;
        for (int x = 0; x < W; x++) {
            if (bits == 8) put(made, colour(x, y, 0), 1);
            for (int c = 2; bits > 8 && c >= 0; c--) put(made, colour(x, y, c), 1);
            if (bits == 32) put(made, 255, 1);
        }
        while ((made->bytes - 54) % 4) put(made, 0, 1);
    }
}

static void test_bmp(struct loaders_test *test)
{
    struct made made;
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    for (int up = 0; up < 2; up++) {
        make_bmp(&made, 24, up, 0);
        expect_picture(test, up ? "BMP, 24 bits" : "BMP, 24 bits, from the top", &made, 3, false, 0);
        make_bmp(&made, 32, up, 0);
        expect_picture(test, "BMP, 32 bits", &made, 4, false, 0);
    }
    expect_damage(test, "BMP, damaged", &made, made.bytes);
    expect_survives_memory(test, "BMP, allocation fails", decode_made, &made);
    make_bmp(&made, 8, true, 256);
    expect_status(test, "BMP, palette", TUFF_OK, read_rgba(test, &made, made.bytes, &got, &error), &error, NULL);
    int wrong = 0;
    for (int i = 0; got.channels == 3 && i < W * H * 3; i++) wrong += got.pixels[i] != colour(i / 3 % W, i / 3 / W, 0);
    expect(test, got.channels == 3 && wrong == 0, "BMP, palette", "its colours", "%d others", wrong);
    tuff_picture_finish(test->context, &got);
    make_bmp(&made, 8, true, 200);
    expect_status(test, "BMP, palette too short", TUFF_ERR_FORMAT, read_rgba(test, &made, made.bytes, &got, &error), &error,
                  "palette");
    make_bmp(&made, 24, true, 0);
    made.data[30] = 1;
    expect_status(test, "BMP, compressed", TUFF_ERR_UNSUPPORTED, read_rgba(test, &made, made.bytes, &got, &error), &error,
                  "compressed");
    make_bmp(&made, 24, true, 0);
    memset(made.data + 22, 0, 4), made.data[25] = 0x80; /* INT_MIN rows */
    expect_status(test, "BMP, INT_MIN rows", TUFF_ERR_FORMAT, read_rgba(test, &made, made.bytes, &got, &error), &error,
                  "limit");
}
#else
static void test_bmp(struct loaders_test *test) { (void)test; }
#endif

/* ---- PNM ---------------------------------------------------------------------------------------------------------------------- */

/* Pixels [H, W, channels] of the same colours everywhere. */
static void paint(uint8_t *pixels, int channels)
{
    for (int i = 0; i < W * H * channels; i++) pixels[i] = colour(i / channels % W, i / channels / W, i % channels);
}

static void expect_pixels(struct loaders_test *test, const char *what, const struct made *made, uint32_t width,
                          uint32_t height, uint32_t channels, const uint8_t *pixels)
{
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    expect_status(test, what, TUFF_OK, read_rgba(test, made, made->bytes, &got, &error), &error, NULL);
    expect_number(test, what, width, got.width);
    expect_number(test, what, height, got.height);
    expect_number(test, what, channels, got.channels);
    const bool same = got.width == width && got.height == height && got.channels == channels;
    size_t wrong = 0, first = 0;
    for (size_t i = (size_t)width * height * channels; same && i-- > 0;)
        if (got.pixels[i] != pixels[i]) wrong++, first = i;
    expect(test, same && wrong == 0, what, "its pixels", "%zu others, the first at %zu: %d, not %d", wrong, first,
           same ? got.pixels[first] : 0, pixels[first]);
    tuff_picture_finish(test->context, &got);
}

#if TUFF_HAVE_BMP
static void make_pnm(struct made *made, const char *head, const uint8_t *pixels, size_t bytes)
{
    made->bytes = strlen(head);
    memcpy(made->data, head, made->bytes);
    memcpy(made->data + made->bytes, pixels, bytes);
    made->bytes += bytes;
}

static void test_pnm(struct loaders_test *test)
{
    static const struct {
        const char *head;
        tuff_status status;
        const char *sentence;
    } refused[] = {
        {"P4\n13 9\n", TUFF_ERR_UNSUPPORTED, "kind P4"},        {"P3\n13 9\n255\n", TUFF_ERR_UNSUPPORTED, "kind P3"},
        {"P6\n13 9\n65535\n", TUFF_ERR_UNSUPPORTED, "16 bits"}, {"P6\n13 9\n65536\n", TUFF_ERR_FORMAT, "largest sample"},
        {"P6\n13 9\n0\n", TUFF_ERR_FORMAT, "largest sample"},   {"P6\n13 9\n255.", TUFF_ERR_FORMAT, "largest sample"},
        {"P6\n0 9\n255\n", TUFF_ERR_FORMAT, "limit"},           {"P6\n13 4294967305\n255\n", TUFF_ERR_FORMAT, "limit"},
        {"P6\n13 10\n255\n", TUFF_ERR_FORMAT, "cut off"},       {"P6\n13 -9\n255\n", TUFF_ERR_FORMAT, "header"},
        {"P6 # 13 9 255\n", TUFF_ERR_FORMAT, "header"},         {"P7\nWIDTH 13\n", TUFF_ERR_FORMAT, "no PNG"},
    };
    uint8_t pixels[W * H * 3], low[W * H * 3];
    struct made made;
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    paint(pixels, 3);
    make_pnm(&made, "P6 #a\n#b\r13# 9\n9\t255\n", pixels, sizeof pixels);
    expect_pixels(test, "PNM, P6 with comments", &made, W, H, 3, pixels);
    make_pnm(&made, "P6\n13 9\n255\n", pixels, sizeof pixels);
    expect_pixels(test, "PNM, P6", &made, W, H, 3, pixels);
    expect_damage(test, "PNM, damaged", &made, made.bytes);
    expect_survives_memory(test, "PNM, allocation fails", decode_made, &made);
    for (size_t i = 0; i < sizeof low; i++) low[i] = pixels[i] % 16;
    make_pnm(&made, "P6\n13 9\n15\n", low, sizeof low);
    for (size_t i = 0; i < sizeof low; i++) low[i] *= 17;
    expect_pixels(test, "PNM of 4 bits", &made, W, H, 3, low);
    paint(pixels, 1);
    make_pnm(&made, "P5\n13 9\n255\n", pixels, W * H);
    expect_pixels(test, "PNM, P5", &made, W, H, 1, pixels);
    for (size_t i = 0; i < TUFF_COUNT(refused); i++) {
        make_pnm(&made, refused[i].head, pixels, sizeof pixels);
        if (refused[i].status == TUFF_ERR_FORMAT && strstr(refused[i].head, "#")) made.bytes = strlen(refused[i].head);
        expect_status(test, refused[i].head, refused[i].status, read_rgba(test, &made, made.bytes, &got, &error), &error,
                      refused[i].sentence);
    }
}
#else
static void test_pnm(struct loaders_test *test) { (void)test; }
#endif

/* ---- TIFF --------------------------------------------------------------------------------------------------------------------- */

#if TUFF_HAVE_TIFF
/* What paint() becomes in a file of the kind. */
static uint32_t paint_tiff(uint8_t *pixels, const struct tiff_kind *k)
{
    const bool grey = k->channels < 3 && k->photometric != PHOTOMETRIC_PALETTE,
               alpha = k->extra == EXTRASAMPLE_UNASSALPHA || k->extra == EXTRASAMPLE_ASSOCALPHA;
    const int channels = alpha ? 4 : grey ? 1 : 3;
    for (int i = 0; i < W * H; i++)
        for (int c = 0; c < channels; c++) {
            const int x = i % W, y = i / W, a = colour(x, y, k->channels - 1);
            int v = colour(x, y, grey ? 0 : c);
            if (k->bits == 1) v = v >= 128 ? 255 : 0;
            if (k->photometric == PHOTOMETRIC_MINISWHITE) v = 255 - v;
            if (k->photometric == PHOTOMETRIC_PALETTE) v = c == 0 ? colour(x, y, 0) : c == 1 ? 255 - colour(x, y, 0) : 0;
            if (k->extra == EXTRASAMPLE_ASSOCALPHA && a) v = v >= a ? 255 : (v * 255 + a / 2) / a;
            pixels[i * channels + c] = (uint8_t)(alpha && c == 3 ? a : v);
        }
    return (uint32_t)channels;
}

/* Source: TIFF 6.0, Orientation: which sides row 0 and column 0 are. */
static void test_orientations(struct loaders_test *test)
{
    for (int o = 1; o <= 8; o++) {
        uint8_t pixels[W * H * 3];
        struct made made;
        make_tiff(&made, &(struct tiff_kind){"", "w", 3, 8, PHOTOMETRIC_RGB, COMPRESSION_NONE, PLANARCONFIG_CONTIG, NO_EXTRA,
                                             o, o % 2});
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                const int across = o <= 4 ? (o == 2 || o == 3 ? W - 1 - x : x) : o == 6 || o == 7 ? H - 1 - y : y;
                const int down = o <= 4 ? (o >= 3 ? H - 1 - y : y) : o >= 7 ? W - 1 - x : x;
                for (int c = 0; c < 3; c++) pixels[(down * (o <= 4 ? W : H) + across) * 3 + c] = colour(x, y, c);
            }
        expect_pixels(test, "TIFF, turned", &made, o <= 4 ? W : H, o <= 4 ? H : W, 3, pixels);
    }
}

static void test_tiff(struct loaders_test *test)
{
    struct made made;
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    for (size_t i = 0; i < TUFF_COUNT(tiff_kinds); i++) {
        uint8_t pixels[W * H * 4];
        make_tiff(&made, &tiff_kinds[i]);
        expect_pixels(test, tiff_kinds[i].what, &made, W, H, paint_tiff(pixels, &tiff_kinds[i]), pixels);
        if (i % 3 == 0) expect_damage(test, tiff_kinds[i].what, &made, 8);
    }
    test_orientations(test);
    make_tiff(&made, &tiff_kinds[1]);
    expect_survives_memory(test, "TIFF, allocation fails", decode_made, &made);
    make_tiff(&made,
              &(struct tiff_kind){"", "w", 3, 8, PHOTOMETRIC_RGB, COMPRESSION_NONE, PLANARCONFIG_CONTIG, NO_EXTRA, 1, 0});
    for (size_t i = 0; i + 12 < made.bytes; i++) /* the entry of the width becomes 2^31 - 1 */
        if (!memcmp(made.data + i, "\0\1\3\0\1\0\0\0\x0d\0\0\0", 12))
            memcpy(made.data + i + 2, "\4\0\1\0\0\0\xff\xff\xff\x7f", 10);
    expect_status(test, "TIFF, too wide", TUFF_ERR_FORMAT, read_rgba(test, &made, made.bytes, &got, &error), &error,
                  "limit");
    make_tiff(&made, &tiff_kinds[TUFF_COUNT(tiff_kinds) - 1]); /* without its palette it is read as grey */
    struct tuff_picture_damage damage = {0};
    struct tuff_picture_options options = {.struct_size = sizeof options, .damage = &damage};
    expect_status(test, "TIFF, palette cut off", TUFF_OK,
                  tuff_picture_decode(test->context, (struct tuff_span){made.data, made.bytes - 1}, &options, &got, &error),
                  &error, NULL);
    expect(test, damage.warnings > 0 && strstr(damage.first, "ColorMap"), "TIFF, palette cut off", "a warning of it", "%s",
           damage.first);
    tuff_picture_finish(test->context, &got);
    make_tiff(&made,
              &(struct tiff_kind){"", "w", 3, 8, PHOTOMETRIC_ICCLAB, COMPRESSION_NONE, PLANARCONFIG_CONTIG, NO_EXTRA, 1, 0});
    expect_status(test, "TIFF, ICC Lab", TUFF_ERR_UNSUPPORTED, read_rgba(test, &made, made.bytes, &got, &error), &error,
                  "cannot be read");
}
#else
static void test_tiff(struct loaders_test *test) { (void)test; }
#endif

/* ---- JPEG 2000 ---------------------------------------------------------------------------------------------------------------- */

#if TUFF_HAVE_JP2
static uint8_t clamped(double v) { return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)(v + 0.5); }

static uint32_t paint_jp2(uint8_t *pixels, const struct jp2_kind *k)
{
    const uint32_t channels = k->components == 2 ? 4 : k->components;
    for (int i = 0; i < W * H; i++) {
        uint8_t v[4], *p = pixels + (uint32_t)i * channels;
        for (int c = 0; c < 4; c++) {
            const int sub = c == 1 || c == 2 ? (int)k->sub : 1, odd = sub > 1 ? (int)k->origin % 2 : 0;
            v[c] = colour((i % W + odd) / sub - odd, (i / W + odd) / sub - odd, c);
            if (odd && i % W == 0) v[c] = colour(0, i / W ? (i / W + 1) / sub - 1 : 0, c);
            if (odd && i / W == 0) v[c] = colour(i % W ? (i % W + 1) / sub - 1 : 0, 0, c);
            if (k->bits == 1) v[c] = v[c] >= 128 ? 255 : 0;
        }
        if (k->components == 2) v[3] = v[1], v[1] = v[2] = v[0];
        const double y = v[0], b = v[1] - 128.0, r = v[2] - 128.0;
        if (k->space == OPJ_CLRSPC_SYCC)
            v[0] = clamped(y + 1.402 * r), v[1] = clamped(y - 0.344136 * b - 0.714136 * r), v[2] = clamped(y + 1.772 * b);
        memcpy(p, v, channels);
    }
    return channels;
}

static void test_jp2(struct loaders_test *test)
{
    static const struct {
        int at, bytes;
        uint64_t value;
        tuff_status status;
        const char *sentence;
    } refused[] = {
        /* of a codestream: place, number there */
        {8, 4, 0x7fffffff, TUFF_ERR_FORMAT, "limit"},        {8, 4, 0, TUFF_ERR_FORMAT, "contradict"},
        {24, 4, 0, TUFF_ERR_FORMAT, "contradict"},           {24, 8, 0x100000001, TUFF_ERR_FORMAT, "more tiles"},
        {24, 4, 1, TUFF_ERR_FORMAT, "tile is missing"},      {32, 4, 99, TUFF_ERR_FORMAT, "contradict"},
        {40, 2, 0, TUFF_ERR_FORMAT, "contradict"},           {40, 2, 5, TUFF_ERR_UNSUPPORTED, "more than 4"},
        {40, 2, 16384, TUFF_ERR_UNSUPPORTED, "more than 4"}, {42, 1, 0x87, TUFF_ERR_UNSUPPORTED, "signed"},
        {42, 1, 37, TUFF_ERR_UNSUPPORTED, "16 bits"},        {43, 1, 0, TUFF_ERR_FORMAT, "no samples"},
        {2, 2, 0xff52, TUFF_ERR_FORMAT, "no PNG"},
    };
    struct made made;
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    for (size_t i = 0; i < TUFF_COUNT(jp2_kinds); i++) {
        uint8_t pixels[W * H * 4];
        make_jp2(&made, &jp2_kinds[i]);
        expect_pixels(test, jp2_kinds[i].what, &made, W, H, paint_jp2(pixels, &jp2_kinds[i]), pixels);
        if (i == 1 || i == 2 || i == 10) expect_damage(test, jp2_kinds[i].what, &made, 100);
    }
    make_jp2(&made, &jp2_kinds[0]);
    expect_survives_memory(test, "JPEG 2000, allocation fails", decode_made, &made);
    for (size_t i = 0; i < TUFF_COUNT(refused); i++) {
        make_jp2(&made, &jp2_kinds[1]);
        for (int b = 0; b < refused[i].bytes; b++)
            made.data[refused[i].at + b] = (uint8_t)(refused[i].value >> 8 * (refused[i].bytes - 1 - b));
        expect_status(test, "JPEG 2000, sizes that lie", refused[i].status, read_rgba(test, &made, made.bytes, &got, &error),
                      &error, refused[i].sentence);
    }
    make_jp2(&made, &jp2_kinds[1]); /* COD as it is, but with precincts of one sample */
    uint8_t *cod = made.data + 51;
    expect(test, cod[0] == 0xff && cod[1] == 0x52 && cod[3] == 12, "JPEG 2000", "COD behind SIZ", "%d %d", cod[0], cod[1]);
    memmove(cod + 17, cod + 14, made.bytes - (size_t)(cod + 14 - made.data));
    memset(cod + 14, 0, 3);
    cod[3] = 15, cod[4] |= 1, cod[7] = 100, made.bytes += 3; /* of 100 layers */
    expect_status(test, "JPEG 2000, precincts", TUFF_ERR_FORMAT, read_rgba(test, &made, made.bytes, &got, &error), &error,
                  "more precincts");
    make_jp2(&made, &(struct jp2_kind){"", true, 5, 8, 1, 0, OPJ_CLRSPC_SRGB, 0});
    expect_status(test, "JPEG 2000, 5 components", TUFF_ERR_UNSUPPORTED, read_rgba(test, &made, made.bytes, &got, &error),
                  &error, "more than 4");
}
#else
static void test_jp2(struct loaders_test *test) { (void)test; }
#endif

/* ---- all ------------------------------------------------------------------------------------------------------------------------ */

static void test_names(struct loaders_test *test)
{
    uint32_t count = 0;
    while (tuff_picture_kind(count)) count++;
    expect_number(test, "formats of this build",
                  TUFF_HAVE_PNG + TUFF_HAVE_JPEG + TUFF_HAVE_WEBP + TUFF_HAVE_GIF + 2 * TUFF_HAVE_BMP + TUFF_HAVE_TIFF +
                      TUFF_HAVE_JP2,
                  count);
    expect(test, !tuff_picture_kind(UINT32_MAX), "format 2^32 - 1", "none", "one");
}

static int compare(struct loaders_test *test, const char *path, const char *wanted_path)
{
    struct tuff_picture_options options = {.struct_size = sizeof options, .alpha = TUFF_ALPHA_KEEP};
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    size_t bytes = 0;
    uint8_t *wanted = file_read(wanted_path, &bytes);
    expect_status(test, path, TUFF_OK, tuff_picture_read(test->context, path, &options, &got, &error), &error, NULL);
    size_t pixels = (size_t)got.width * got.height, off = 0;
    expect_number(test, path, (long long)bytes, (long long)pixels * 4);
    for (size_t i = 0; wanted && bytes == pixels * 4 && i < pixels; i++) {
        const uint8_t *p = got.pixels + i * got.channels, *w = wanted + i * 4;
        uint8_t alpha = got.channels == 4 ? p[3] : 255;
        for (uint32_t c = 0; c < 3; c++) off += (alpha || w[3]) && p[got.channels == 1 ? 0 : c] != w[c];
        off += alpha != w[3];
    }
    expect_number(test, path, 0, (long long)off);
    free(wanted);
    tuff_picture_finish(test->context, &got);
    return loaders_end(test);
}

int main(int count, char **arguments)
{
    struct loaders_test test;
    loaders_begin(&test, "loaders_picture_kinds");
    if (count == 3) return compare(&test, arguments[1], arguments[2]);
    (void)expect_picture, (void)expect_damage, (void)decode_made, (void)expect_pixels,
        (void)paint; /* of a build without any */
    test_names(&test);
    if (!TUFF_HAVE_WEBP) expect_missing(&test, "RIFF\0\0\0\0WEBPVP8 ", 16, "TUFF_WEBP");
    if (!TUFF_HAVE_GIF) expect_missing(&test, "GIF89a", 6, "TUFF_GIF");
    if (!TUFF_HAVE_BMP) expect_missing(&test, "BM", 2, "TUFF_BMP");
    if (!TUFF_HAVE_BMP) expect_missing(&test, "P5\n", 3, "TUFF_BMP");
    if (!TUFF_HAVE_TIFF) expect_missing(&test, "MM\0*", 4, "TUFF_TIFF");
    if (!TUFF_HAVE_JP2) expect_missing(&test, "\xff\x4f\xff\x51", 4, "TUFF_JP2");
    test_webp(&test);
    test_gif(&test);
    test_bmp(&test);
    test_pnm(&test);
    test_tiff(&test);
    test_jp2(&test);
    return loaders_end(&test);
}
