/* loaders_picture.c - PNG and JPEG: there and back, alpha, orientation, limits, damage, failed allocations. */
#include "tests/loaders_support.h"

#include "samples/data/picture.h"

#include <stdio.h>
#include <stdlib.h>

static struct tuff_picture make_picture(struct loaders_test *test, uint32_t width, uint32_t height, uint32_t channels)
{
    struct tuff_picture picture = {width, height, channels, tuff_alloc(test->context, (size_t)width * height * channels)};
    if (!picture.pixels) exit(1);
    for (size_t i = 0; i < (size_t)width * height * channels; i++) picture.pixels[i] = (uint8_t)(i * 37 + i / 7 * 11);
    return picture;
}

static bool same(const struct tuff_picture *a, const struct tuff_picture *b)
{
    return a->pixels && a->width == b->width && a->height == b->height && a->channels == b->channels &&
           memcmp(a->pixels, b->pixels, (size_t)a->width * a->height * a->channels) == 0;
}

static void test_kinds(struct loaders_test *test)
{
    struct tuff_picture picture = {0};
    struct tuff_error error = {0};
    struct tuff_picture_options options = {0};
    const uint8_t text[] = "none of them";
    expect_status(test, "another kind of file", TUFF_ERR_FORMAT,
                  tuff_picture_decode(test->context, (struct tuff_span){text, sizeof text}, NULL, &picture, &error), &error,
                  "no PNG, JPEG");
    expect_status(test, "empty file", TUFF_ERR_FORMAT,
                  tuff_picture_decode(test->context, (struct tuff_span){text, 0}, NULL, &picture, &error), &error, NULL);
    expect_status(test, "no such file", TUFF_ERR_FILE,
                  tuff_picture_read(test->context, scratch_path(test, "none.png"), NULL, &picture, &error), &error,
                  "none.png");
    expect_status(test, "struct_size 0", TUFF_ERR_USAGE,
                  tuff_picture_decode(test->context, (struct tuff_span){text, sizeof text}, &options, &picture, &error),
                  &error, "struct_size");
}

#if TUFF_HAVE_PNG

static void test_png_round_trip(struct loaders_test *test)
{
    static const uint32_t sizes[][2] = {{1, 1}, {7, 5}, {64, 33}};
    for (size_t s = 0; s < TUFF_COUNT(sizes); s++)
        for (uint32_t channels = 1; channels <= 4; channels++) {
            struct tuff_picture wanted = make_picture(test, sizes[s][0], sizes[s][1], channels), got = {0};
            struct tuff_picture_options keep = {.struct_size = sizeof keep, .alpha = TUFF_ALPHA_KEEP};
            struct tuff_error error = {0};
            const char *path = scratch_path(test, "a.png");
            tuff_status status = tuff_picture_write_png(test->context, path, &wanted, &error);
            if (channels == 2) {
                expect_status(test, "two channels are not written", TUFF_ERR_USAGE, status, &error, "channels");
            } else {
                expect_status(test, "write", TUFF_OK, status, &error, NULL);
                expect_status(test, "read", TUFF_OK, tuff_picture_read(test->context, path, &keep, &got, &error), &error,
                              NULL);
                expect(test, same(&wanted, &got), "round trip", "the same picture", "another (%u channels)",
                       (unsigned)got.channels);
            }
            tuff_picture_finish(test->context, &got);
            tuff_picture_finish(test->context, &wanted);
        }
}

static void test_alpha(struct loaders_test *test)
{
    /* One row: opaque, clear, half red. */
    uint8_t row[12] = {10, 20, 30, 255, 40, 50, 60, 0, 255, 0, 0, 128};
    const uint8_t blended[9] = {10, 20, 30, 255, 255, 255, 255, 127, 127}, dropped[9] = {10, 20, 30, 40, 50, 60, 255, 0, 0};
    struct tuff_picture picture = {3, 1, 4, row}, got = {0};
    struct tuff_error error = {0};
    const char *path = scratch_path(test, "alpha.png");
    expect_status(test, "write", TUFF_OK, tuff_picture_write_png(test->context, path, &picture, &error), &error, NULL);
    for (int alpha = TUFF_ALPHA_BLEND; alpha <= TUFF_ALPHA_DROP; alpha++) {
        struct tuff_picture_options options = {.struct_size = sizeof options, .alpha = alpha};
        const uint8_t *wanted = alpha == TUFF_ALPHA_BLEND ? blended : alpha == TUFF_ALPHA_DROP ? dropped : row;
        uint32_t channels = alpha == TUFF_ALPHA_KEEP ? 4 : 3;
        expect_status(test, "read", TUFF_OK, tuff_picture_read(test->context, path, &options, &got, &error), &error, NULL);
        expect_number(test, "alpha: channels", channels, got.channels);
        if (got.channels == channels)
            expect(test, memcmp(got.pixels, wanted, 3 * channels) == 0, "alpha", "the formula's pixels", "others in mode %d",
                   alpha);
        tuff_picture_finish(test->context, &got);
    }
}

static void test_png_damage(struct loaders_test *test)
{
    struct tuff_picture picture = make_picture(test, 9, 6, 3), got = {0};
    struct tuff_error error = {0};
    const char *path = scratch_path(test, "damage.png");
    size_t bytes = 0;
    expect_status(test, "write", TUFF_OK, tuff_picture_write_png(test->context, path, &picture, &error), &error, NULL);
    uint8_t *file = file_read(path, &bytes);
    for (size_t n = 0; file && n < bytes; n++)
        expect_refused(test, "PNG, truncated",
                       tuff_picture_decode(test->context, (struct tuff_span){file, n}, NULL, &got, &error), &error);
    for (size_t bit = 0; file && bit < bytes * 8; bit++) {
        char what[60];
        snprintf(what, sizeof what, "PNG, bit %zu flipped", bit);
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_refused(test, what, tuff_picture_decode(test->context, (struct tuff_span){file, bytes}, NULL, &got, &error),
                       &error);
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    struct tuff_picture_options small = {.struct_size = sizeof small, .max_pixels = 53};
    expect_status(test, "54 pixels, limit 53", TUFF_ERR_FORMAT,
                  tuff_picture_decode(test->context, (struct tuff_span){file, bytes}, &small, &got, &error), &error,
                  "limit");
    small.max_pixels = 54;
    expect_status(test, "54 pixels, limit 54", TUFF_OK,
                  tuff_picture_decode(test->context, (struct tuff_span){file, bytes}, &small, &got, &error), &error, NULL);
    tuff_picture_finish(test->context, &got);
    tuff_picture_finish(test->context, &picture);
    free(file);
}

static size_t put_chunk(uint8_t *to, const char *type, const void *data, uint32_t bytes)
{
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(bytes >> (24 - 8 * i));
    memcpy(to + 4, type, 4);
    memcpy(to + 8, data, bytes);
    uint32_t crc = tuff_crc32(0, to + 4, bytes + 4);
    for (int i = 0; i < 4; i++) to[8 + bytes + i] = (uint8_t)(crc >> (24 - 8 * i));
    return bytes + 12;
}

/* Chunks that do not matter for the pixels carry a CRC as well. */
static void test_png_side_chunks(struct loaders_test *test)
{
    struct tuff_picture picture = make_picture(test, 3, 2, 1), got = {0};
    struct tuff_error error = {0};
    uint8_t file[1000];
    size_t bytes = 0, head = 33; /* signature and IHDR */
    const char *path = scratch_path(test, "chunks.png");
    expect_status(test, "write", TUFF_OK, tuff_picture_write_png(test->context, path, &picture, &error), &error, NULL);
    uint8_t *plain = file_read(path, &bytes);
    if (!plain || bytes > 500) exit(1);
    memcpy(file, plain, head);
    size_t at = head;
    at += put_chunk(file + at, "gAMA", "\0\0\xb1\x8f", 4);
    at += put_chunk(file + at, "tEXt", "Title\0some text", 15);
    at += put_chunk(file + at, "prVt", "private", 7);
    size_t end = at;
    memcpy(file + at, plain + head, bytes - head);
    at += bytes - head;
    expect_status(test, "side chunks", TUFF_OK,
                  tuff_picture_decode(test->context, (struct tuff_span){file, at}, NULL, &got, &error), &error, NULL);
    expect(test, same(&picture, &got), "side chunks", "the same picture", "another");
    tuff_picture_finish(test->context, &got);
    for (size_t bit = head * 8; bit < end * 8; bit++) {
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_refused(test, "side chunk, bit flipped",
                       tuff_picture_decode(test->context, (struct tuff_span){file, at}, NULL, &got, &error), &error);
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(plain);
    tuff_picture_finish(test->context, &picture);
}

/* All 65536 values of 16 bits, in stored (not compressed) deflate blocks of one row each: v / 257, rounded. */
static void test_png_16_bits(struct loaders_test *test)
{
    enum { ROW = 1 + 512, BLOCK = 5 + ROW };
    static const uint8_t head[13] = {0, 0, 1, 0, 0, 0, 1, 0, 16, 0, 0, 0, 0};
    size_t data_bytes = 2 + 256 * BLOCK + 4;
    uint8_t *data = calloc(data_bytes, 1), *file = calloc(data_bytes + 100, 1);
    if (!data || !file) exit(1);
    uint32_t a = 1, b = 0; /* Adler-32, RFC 1950 */
    data[0] = 0x78, data[1] = 0x01;
    for (size_t y = 0; y < 256; y++) {
        uint8_t *block = data + 2 + y * BLOCK, *row = block + 5;
        const uint8_t start[5] = {y == 255, ROW & 255, ROW >> 8, ~ROW & 255, (~ROW >> 8) & 255};
        memcpy(block, start, 5);
        for (size_t x = 0; x < 256; x++) row[1 + 2 * x] = (uint8_t)y, row[2 + 2 * x] = (uint8_t)x;
        for (size_t i = 0; i < ROW; i++) a = (a + row[i]) % 65521, b = (b + a) % 65521;
    }
    const uint8_t sum[4] = {(uint8_t)(b >> 8), (uint8_t)b, (uint8_t)(a >> 8), (uint8_t)a};
    memcpy(data + data_bytes - 4, sum, 4);
    memcpy(file, "\x89PNG\r\n\x1a\n", 8);
    size_t at = 8;
    at += put_chunk(file + at, "IHDR", head, 13);
    at += put_chunk(file + at, "IDAT", data, (uint32_t)data_bytes);
    at += put_chunk(file + at, "IEND", "", 0);
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    int wrong = 0;
    expect_status(test, "16 bits", TUFF_OK,
                  tuff_picture_decode(test->context, (struct tuff_span){file, at}, NULL, &got, &error), &error, NULL);
    for (int v = 0; got.pixels && v < 65536; v++) wrong += got.pixels[v] != (v + 128) / 257;
    expect_number(test, "16 bits: values that are not v / 257 rounded", 0, wrong);
    tuff_picture_finish(test->context, &got);
    free(data);
    free(file);
}

/* A header that claims 11000 x 11000 pixels, in 60 bytes: refused before memory is taken, also by who allows for any expansion. */
static void test_png_claims(struct loaders_test *test)
{
    uint8_t file[] = {0x89, 'P', 'N',  'G',  13, 10,  26,   10,   0,   0,    0,    13, 'I', 'H', 'D', 'R',
                      0,    0,   0x2a, 0xf8, 0,  0,   0x2a, 0xf8, 8,   2,    0,    0,  0,   0,   0,   0,
                      0,    0,   0,    0,    2,  'I', 'D',  'A',  'T', 0x78, 0x9c, 0,  0,   0,   0};
    uint32_t crc = tuff_crc32(0, file + 12, 17), data_crc = tuff_crc32(0, file + 37, 6);
    for (int i = 0; i < 4; i++) {
        file[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
        file[43 + i] = (uint8_t)(data_crc >> (24 - 8 * i));
    }
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    expect_status(test, "a PNG that claims more than it can hold", TUFF_ERR_FORMAT,
                  tuff_picture_decode(test->context, (struct tuff_span){file, sizeof file}, NULL, &got, &error), &error,
                  "1024 bytes for each byte");
    struct tuff_picture_options any = {.struct_size = sizeof any, .max_expansion = UINT64_MAX};
    expect_status(test, "a PNG that claims more than it can hold", TUFF_ERR_FORMAT,
                  tuff_picture_decode(test->context, (struct tuff_span){file, sizeof file}, &any, &got, &error), &error,
                  "too short for its size");
}

static tuff_status png_there_and_back(struct loaders_test *test, void *user)
{
    struct tuff_picture got = {0};
    const char *path = scratch_path(test, "memory.png");
    tuff_status status = tuff_picture_write_png(test->context, path, user, NULL);
    if (status == TUFF_OK) status = tuff_picture_read(test->context, path, NULL, &got, NULL);
    tuff_picture_finish(test->context, &got);
    return status;
}

static void test_png(struct loaders_test *test)
{
    test_png_round_trip(test);
    test_alpha(test);
    test_png_damage(test);
    test_png_side_chunks(test);
    test_png_16_bits(test);
    test_png_claims(test);
    struct tuff_picture picture = make_picture(test, 20, 10, 4);
    expect_survives_memory(test, "PNG, allocation fails", png_there_and_back, &picture);
    tuff_picture_finish(test->context, &picture);
}
#else
static void test_png(struct loaders_test *test)
{
    uint8_t file[8] = {0x89, 'P', 'N', 'G', 13, 10, 26, 10};
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    (void)make_picture, (void)same;
    expect_status(test, "PNG without libpng", TUFF_ERR_UNSUPPORTED,
                  tuff_picture_decode(test->context, (struct tuff_span){file, sizeof file}, NULL, &got, &error), &error,
                  "TUFF_PNG");
}
#endif

#if TUFF_HAVE_JPEG
#include <setjmp.h>

#include <jpeglib.h>

struct jpeg_made {
    unsigned char *data;
    unsigned long bytes;
};

struct jpeg_recipe {
    int channels; /* 1 grey, 3 RGB, 4 CMYK */
    bool progressive;
    int orientation; /* 0: no EXIF */
    bool many_scans; /* of 3 channels */
};

/* 24 x 16, smooth, so that compression changes little. CMYK is inverted, as Adobe stores it. */
static uint8_t sample(int x, int y, int c)
{
    return c == 3 ? 255 : (uint8_t)(c == 0 ? x * 10 : c == 1 ? y * 15 : 200 - x * 3);
}

/* Each coefficient of each channel in three scans of its own: legal, and more than anyone writes. */
static int many_scans(jpeg_scan_info *scans)
{
    int count = 0;
    scans[count++] = (jpeg_scan_info){3, {0, 1, 2}, 0, 0, 0, 0};
    for (int bits = 2; bits >= 0; bits--)
        for (int c = 0; c < 3; c++)
            for (int k = 1; k < 64; k++) scans[count++] = (jpeg_scan_info){1, {c}, k, k, bits == 2 ? 0 : bits + 1, bits};
    return count;
}

static struct jpeg_made make_jpeg(const struct jpeg_recipe *recipe)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_made made = {0};
    uint8_t exif[] = {'E', 'x',  'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1,
                      1,   0x12, 0,   3,   0, 0, 0,   1,   0, 0,  0, 0, 0, 0, 0, 0};
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &made.data, &made.bytes);
    jpeg.image_width = 24;
    jpeg.image_height = 16;
    jpeg.input_components = recipe->channels;
    jpeg.in_color_space = recipe->channels == 1 ? JCS_GRAYSCALE : recipe->channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    for (int c = 0; c < jpeg.num_components; c++) jpeg.comp_info[c].h_samp_factor = jpeg.comp_info[c].v_samp_factor = 1;
    if (recipe->progressive) jpeg_simple_progression(&jpeg);
    jpeg_scan_info scans[1 + 3 * 3 * 63];
    if (recipe->many_scans) {
        jpeg.scan_info = scans;
        jpeg.num_scans = many_scans(scans);
    }
    jpeg_start_compress(&jpeg, TRUE);
    exif[25] = (uint8_t)recipe->orientation;
    if (recipe->orientation) jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, sizeof exif);
    for (int y = 0; y < 16; y++) {
        uint8_t row[24 * 4], *rows = row;
        for (int x = 0; x < 24; x++)
            for (int c = 0; c < recipe->channels; c++) row[x * recipe->channels + c] = sample(x, y, c);
        jpeg_write_scanlines(&jpeg, &rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return made;
}

/* Largest difference from the samples, seen through the orientation. */
static int difference(const struct tuff_picture *picture, int orientation)
{
    int worst = 0;
    for (int y = 0; y < (int)picture->height; y++)
        for (int x = 0; x < (int)picture->width; x++)
            for (int c = 0; c < (int)picture->channels; c++) {
                /* EXIF 2.3: 1 as is, 2 mirrored, 3 turned by 180 degrees, 4 flipped, 5 transposed, 6 to be turned clockwise,
                 * 7 transversed, 8 to be turned counter-clockwise. */
                const int from[9][2] = {{x, y}, {x, y},      {23 - x, y},      {23 - x, 15 - y}, {x, 15 - y},
                                        {y, x}, {y, 15 - x}, {23 - y, 15 - x}, {23 - y, x}};
                int wanted = sample(from[orientation][0], from[orientation][1], c);
                int off = abs(wanted -
                              picture->pixels[((size_t)y * picture->width + (size_t)x) * picture->channels + (size_t)c]);
                if (off > worst) worst = off;
            }
    return worst;
}

static void test_jpeg_kinds(struct loaders_test *test)
{
    static const struct jpeg_recipe recipes[] = {{1, false, 0, false}, {3, false, 0, false}, {4, false, 0, false},
                                                 {3, true, 0, false},  {3, false, 1, false}, {3, false, 2, false},
                                                 {3, false, 3, false}, {3, false, 4, false}, {3, false, 5, false},
                                                 {3, false, 6, false}, {3, false, 7, false}, {1, false, 8, false}};
    for (size_t r = 0; r < TUFF_COUNT(recipes); r++) {
        struct jpeg_made made = make_jpeg(&recipes[r]);
        struct tuff_picture got = {0};
        struct tuff_error error = {0};
        char what[60];
        snprintf(what, sizeof what, "JPEG, %d channels, progressive %d, orientation %d", recipes[r].channels,
                 recipes[r].progressive, recipes[r].orientation);
        expect_status(test, what, TUFF_OK,
                      tuff_picture_decode(test->context, (struct tuff_span){made.data, made.bytes}, NULL, &got, &error),
                      &error, NULL);
        expect_number(test, what, recipes[r].orientation >= 5 ? 16 : 24, got.width);
        expect_number(test, what, recipes[r].channels == 1 ? 1 : 3, got.channels);
        /* Quality 100: rounding of the transform and of the colours, a few levels. */
        if (got.pixels)
            expect(test, difference(&got, recipes[r].orientation) <= 6, what, "<= 6 levels", "%d",
                   difference(&got, recipes[r].orientation));
        tuff_picture_finish(test->context, &got);
        free(made.data);
    }
}

/* What libjpeg itself makes of a file, called as in its own example and in djpeg: pixels, or false; *warnings: of its counter. */
struct reference {
    struct jpeg_error_mgr errors;
    jmp_buf jump;
};

static void on_error(j_common_ptr jpeg) { longjmp(((struct reference *)jpeg->err)->jump, 1); }
static void on_output(j_common_ptr jpeg) { (void)jpeg; }

static bool decode_by_libjpeg(struct tuff_span file, uint8_t *rgb, size_t room, size_t *bytes, long *warnings)
{
    struct jpeg_decompress_struct jpeg;
    struct reference reference;
    jpeg.err = jpeg_std_error(&reference.errors);
    reference.errors.error_exit = on_error;
    reference.errors.output_message = on_output;
    if (setjmp(reference.jump)) {
        jpeg_destroy_decompress(&jpeg);
        return false;
    }
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, file.data, (unsigned long)file.bytes);
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = jpeg.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&jpeg);
    size_t stride = (size_t)jpeg.output_width * (size_t)jpeg.output_components;
    while (jpeg.output_scanline < jpeg.output_height) {
        uint8_t *row = rgb + jpeg.output_scanline * stride;
        if ((jpeg.output_scanline + 1) * stride > room) exit(1);
        jpeg_read_scanlines(&jpeg, &row, 1);
    }
    *bytes = stride * jpeg.output_height;
    jpeg_finish_decompress(&jpeg);
    *warnings = jpeg.err->num_warnings;
    jpeg_destroy_decompress(&jpeg);
    return true;
}

/* Pixels, refusal and warnings as of libjpeg. Returns the number of warnings. */
static long expect_as_libjpeg(struct loaders_test *test, const char *what, struct tuff_span file)
{
    static uint8_t wanted[24 * 16 * 3];
    struct tuff_picture_damage damage = {0};
    struct tuff_picture_options options = {
        .struct_size = sizeof options, .ignore_orientation = true, .max_pixels = 24 * 16, .damage = &damage};
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    size_t bytes = 0;
    long warnings = 0;
    bool good = decode_by_libjpeg(file, wanted, sizeof wanted, &bytes, &warnings);
    tuff_status status = tuff_picture_decode(test->context, file, &options, &got, &error);
    if (!good) {
        expect_refused(test, what, status, &error);
        return 0;
    }
    expect_status(test, what, TUFF_OK, status, &error, NULL);
    expect_number(test, what, warnings, damage.warnings);
    expect(test, (damage.first[0] != 0) == (warnings > 0), what, "the first warning's text", "\"%s\"", damage.first);
    expect(test, got.pixels && (size_t)got.width * got.height * got.channels == bytes && !memcmp(got.pixels, wanted, bytes),
           what, "libjpeg's pixels", "others");
    tuff_picture_finish(test->context, &got);
    return warnings;
}

static void test_jpeg_cut(struct loaders_test *test, const struct jpeg_recipe *recipe)
{
    struct jpeg_made made = make_jpeg(recipe);
    unsigned char *with = malloc(made.bytes + 5);
    size_t warned = 0;
    for (size_t n = 0; n < made.bytes; n++) {
        unsigned char *part = malloc(n ? n : 1); /* of that length, so that a read past its end is seen */
        memcpy(part, made.data, n);
        warned += expect_as_libjpeg(test, "JPEG, truncated", (struct tuff_span){part, n}) > 0;
        free(part);
    }
    expect(test, warned > 50, "JPEG, truncated", "more than 50 read with a warning", "%zu of %lu", warned, made.bytes);
    expect_number(test, "JPEG, whole", 0, expect_as_libjpeg(test, "JPEG, whole", (struct tuff_span){made.data, made.bytes}));
    for (size_t n = 0; n <= made.bytes; n++) { /* bytes that belong to nothing, before markers and anywhere */
        memcpy(with, made.data, n);
        memcpy(with + n, "\x00\x01\xfe\x7f\x00", 5);
        memcpy(with + n + 5, made.data + n, made.bytes - n);
        long warnings = expect_as_libjpeg(test, "JPEG, five bytes between", (struct tuff_span){with, made.bytes + 5});
        if (n == 2) expect(test, warnings == 1, "JPEG, bytes before the markers", "one warning", "%ld", warnings);
    }
    free(with);
    free(made.data);
}

static void test_jpeg_damage(struct loaders_test *test, const struct jpeg_recipe *recipe)
{
    struct jpeg_made made = make_jpeg(recipe);
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    size_t loaded = 0;
    for (size_t bit = 0; bit < made.bytes * 8; bit++) {
        made.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        struct tuff_picture_options options = {.struct_size = sizeof options, .max_pixels = 1000000};
        tuff_status status = tuff_picture_decode(test->context, (struct tuff_span){made.data, made.bytes}, &options, &got,
                                                 &error);
        if (status == TUFF_OK)
            loaded++;
        else
            expect_refused(test, "JPEG, bit flipped", status, &error);
        tuff_picture_finish(test->context, &got);
        made.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    expect(test, loaded > 0, "JPEG, flips", "some that load (there is no checksum)", "%zu", loaded);
    free(made.data);
}

static tuff_status jpeg_decode(struct loaders_test *test, void *user)
{
    struct jpeg_made *made = user;
    struct tuff_picture got = {0};
    tuff_status status = tuff_picture_decode(test->context, (struct tuff_span){made->data, made->bytes}, NULL, &got, NULL);
    tuff_picture_finish(test->context, &got);
    return status;
}

static void test_exif(struct loaders_test *test)
{
    uint8_t block[] = {'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0};
    expect_number(test, "EXIF, little-endian", 6, tuff_exif_orientation(block, sizeof block));
    for (size_t n = 0; n < 26; n++) { /* a copy of that length, so that a read past its end is seen */
        uint8_t *part = malloc(n ? n : 1);
        if (part) memcpy(part, block, n);
        if (part) expect_number(test, "EXIF, truncated", 1, tuff_exif_orientation(part, n));
        free(part);
    }
    memset(block + 10, 0xff, 4);
    expect_number(test, "EXIF, directory out of the block", 1, tuff_exif_orientation(block, sizeof block));
}

static void test_jpeg(struct loaders_test *test)
{
    test_exif(test);
    test_jpeg_kinds(test);
    test_jpeg_cut(test, &(struct jpeg_recipe){.channels = 3, .orientation = 6});
    test_jpeg_cut(test, &(struct jpeg_recipe){.channels = 1});
    test_jpeg_cut(test, &(struct jpeg_recipe){.channels = 3, .progressive = true});
    test_jpeg_damage(test, &(struct jpeg_recipe){.channels = 3, .progressive = false, .orientation = 6});
    test_jpeg_damage(test, &(struct jpeg_recipe){.channels = 4, .progressive = true, .orientation = 0});
    struct jpeg_made made = make_jpeg(&(struct jpeg_recipe){.channels = 3, .many_scans = true});
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    expect_status(test, "568 scans", TUFF_ERR_FORMAT,
                  tuff_picture_decode(test->context, (struct tuff_span){made.data, made.bytes}, NULL, &got, &error), &error,
                  "scans");
    free(made.data);
    made = make_jpeg(&(struct jpeg_recipe){.channels = 4, .progressive = true, .orientation = 6});
    expect_survives_memory(test, "JPEG, allocation fails", jpeg_decode, &made);
    free(made.data);
}
#else
static void test_jpeg(struct loaders_test *test)
{
    uint8_t file[8] = {0xff, 0xd8, 0xff};
    struct tuff_picture got = {0};
    struct tuff_error error = {0};
    expect_status(test, "JPEG without libjpeg", TUFF_ERR_UNSUPPORTED,
                  tuff_picture_decode(test->context, (struct tuff_span){file, sizeof file}, NULL, &got, &error), &error,
                  "TUFF_JPEG");
}
#endif

int main(void)
{
    struct loaders_test test;
    loaders_begin(&test, "loaders_picture");
    test_kinds(&test);
    test_png(&test);
    test_jpeg(&test);
    return loaders_end(&test);
}
