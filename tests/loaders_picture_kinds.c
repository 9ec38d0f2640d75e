/* loaders_picture_kinds.c - WebP, GIF and BMP: pixels as written, damage, limits.
 *
 *   loaders_picture_kinds FILE RGBA    compares a file with raw pixels that another decoder made of it (tests/loaders_peers.sh) */
#include "tests/loaders_support.h"

#include "samples/data/picture.h"

#include <stdio.h>
#include <stdlib.h>

enum { W = 13, H = 9 };

static uint8_t colour(int x, int y, int c) { return (uint8_t)(x * 19 + y * (c + 3) * 11 + c * 70); }

struct made {
    uint8_t data[8192];
    size_t bytes;
};

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

/* ---- all ------------------------------------------------------------------------------------------------------------------------ */

static void test_names(struct loaders_test *test)
{
    uint32_t count = 0;
    while (tuff_picture_kind(count)) count++;
    expect_number(test, "formats of this build",
                  TUFF_HAVE_PNG + TUFF_HAVE_JPEG + TUFF_HAVE_WEBP + TUFF_HAVE_GIF + TUFF_HAVE_BMP, count);
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
    (void)expect_picture, (void)expect_damage, (void)decode_made; /* of a build without any */
    test_names(&test);
    if (!TUFF_HAVE_WEBP) expect_missing(&test, "RIFF\0\0\0\0WEBPVP8 ", 16, "TUFF_WEBP");
    if (!TUFF_HAVE_GIF) expect_missing(&test, "GIF89a", 6, "TUFF_GIF");
    if (!TUFF_HAVE_BMP) expect_missing(&test, "BM", 2, "TUFF_BMP");
    test_webp(&test);
    test_gif(&test);
    test_bmp(&test);
    return loaders_end(&test);
}
