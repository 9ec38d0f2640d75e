/* loaders_fit.c - resizing: against the formulas of loaders.h in double, plain loops; constants; modes; channels. */
#include "samples/data/data.h"
#include "tests/loaders_support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double kernel(enum tuff_filter filter, double d)
{
    if (filter == TUFF_FILTER_BILINEAR) return fmax(0, 1 - d);
    return d < 1 ? 1.5 * d * d * d - 2.5 * d * d + 1 : d < 2 ? -0.5 * d * d * d + 2.5 * d * d - 4 * d + 2 : 0;
}

/* One axis by the formula; in[k] with stride, window [o, o + m) to n. */
static double exact(const double *in, size_t stride, uint32_t count, const double window[2], uint32_t n, uint32_t i,
                    enum tuff_filter filter)
{
    double s = window[1] / n, o = window[0], sum = 0, total = 0;
    for (uint32_t k = 0; k < count; k++) {
        double w = filter == TUFF_FILTER_AREA ? fmax(0, fmin(k + 1.0, o + (i + 1) * s) - fmax(k, o + i * s))
                                              : kernel(filter, fabs(k + 0.5 - (o + (i + 0.5) * s)) / fmax(s, 1));
        sum += w * in[k * stride];
        total += w;
    }
    return fmax(0, fmin(255, sum / total)); /* between the passes too, as Pillow does */
}

/* What the result must be, before rounding: [height, width] of one channel whose samples are in. */
static void expected(const double *in, const struct tuff_picture *picture, const struct tuff_picture_fit_params *params,
                     double *out)
{
    uint32_t w = picture->width, h = picture->height, width = params->width, height = params->height, left = 0, top = 0;
    double x[2] = {0, w}, y[2] = {0, h}, *narrow = malloc(sizeof *narrow * h * width);
    if (!narrow) exit(1);
    if (params->mode == TUFF_FIT_CROP) {
        double f = fmin((double)w / width, (double)h / height);
        x[1] = f * width, y[1] = f * height;
        x[0] = (w - x[1]) / 2, y[0] = (h - y[1]) / 2;
    } else if (params->mode == TUFF_FIT_PAD) {
        double f = fmin((double)width / w, (double)height / h);
        width = (uint32_t)fmax(1, floor(w * f + 0.5)), height = (uint32_t)fmax(1, floor(h * f + 0.5));
        left = (params->width - width) / 2, top = (params->height - height) / 2;
    }
    for (uint32_t r = 0; r < h; r++)
        for (uint32_t i = 0; i < width; i++)
            narrow[r * width + i] = exact(in + (size_t)r * w, 1, w, x, width, i, params->filter);
    for (size_t i = 0; i < (size_t)params->width * params->height; i++) out[i] = params->padding;
    for (uint32_t j = 0; j < height; j++)
        for (uint32_t i = 0; i < width; i++)
            out[(size_t)(j + top) * params->width + i + left] = exact(narrow + i, width, h, y, height, j, params->filter);
    free(narrow);
}

static double channel(const struct tuff_picture *picture, size_t pixel, uint32_t wanted, uint32_t c)
{
    const uint8_t *p = picture->pixels + pixel * picture->channels;
    double v[3];
    for (int k = 0; k < 3; k++) {
        v[k] = picture->channels == 1 ? p[0] : p[k];
        if (picture->channels == 4) v[k] = floor((p[k] * p[3] + 255.0 * (255 - p[3])) / 255 + 0.5);
    }
    return wanted == 3 ? v[c] : floor((299 * v[0] + 587 * v[1] + 114 * v[2]) / 1000 + 0.5);
}

static void test_one(struct loaders_test *test, const struct tuff_picture *picture,
                     const struct tuff_picture_fit_params *params)
{
    size_t pixels = (size_t)picture->width * picture->height, plane = (size_t)params->width * params->height;
    double *in = malloc(pixels * sizeof *in), *wanted = malloc(plane * sizeof *wanted), worst = 0;
    uint8_t *out = malloc(plane * params->channels);
    struct tuff_error error = {0};
    char what[100];
    if (!in || !wanted || !out) exit(1);
    snprintf(what, sizeof what, "%ux%ux%u to %ux%ux%u, mode %d, filter %d", (unsigned)picture->channels,
             (unsigned)picture->height, (unsigned)picture->width, (unsigned)params->channels, (unsigned)params->height,
             (unsigned)params->width, params->mode, params->filter);
    expect_status(test, what, TUFF_OK, tuff_picture_fit(test->context, picture, params, out, &error), &error, NULL);
    for (uint32_t c = 0; c < params->channels; c++) {
        for (size_t i = 0; i < pixels; i++) in[i] = channel(picture, i, params->channels, c);
        expected(in, picture, params, wanted);
        for (size_t i = 0; i < plane; i++) {
            double v = params->invert ? 255 - wanted[i] : wanted[i];
            worst = fmax(worst, fabs(v - out[c * plane + i]));
        }
    }
    /* Half a level of rounding; 1/512 for the fraction kept between the passes (8 bits); weights: 22 bits, two passes, at
     * most 200 taps of at most 255: 2 * 0.5 * 255 * 200 / 2^22 = 0.012. */
    expect(test, worst <= 0.5 + 0.002 + 0.013, what, "within 0.515 of the formula", "%.4f", worst);
    free(in);
    free(wanted);
    free(out);
}

static struct tuff_picture noise(uint32_t width, uint32_t height, uint32_t channels)
{
    struct tuff_picture picture = {width, height, channels, malloc((size_t)width * height * channels)};
    uint32_t state = 12345;
    if (!picture.pixels) exit(1);
    for (size_t i = 0; i < (size_t)width * height * channels; i++) {
        state = state * 1664525 + 1013904223;
        picture.pixels[i] = (uint8_t)(state >> 24);
    }
    return picture;
}

static void test_formulas(struct loaders_test *test)
{
    static const uint32_t sizes[][4] = {{1, 1, 1, 1},      {1, 1, 5, 3},     {5, 3, 1, 1},
                                        {28, 28, 28, 28},  {37, 23, 28, 28}, {8, 8, 64, 64},
                                        {200, 90, 13, 17}, {3, 100, 32, 2},  {7, 5, 9, 4}};
    for (size_t s = 0; s < TUFF_COUNT(sizes); s++)
        for (uint32_t channels = 1; channels <= 4; channels++) {
            if (channels == 2) continue;
            struct tuff_picture picture = noise(sizes[s][0], sizes[s][1], channels);
            for (int variant = 0; variant < 18; variant++) {
                struct tuff_picture_fit_params params = {.struct_size = sizeof params,
                                                         .channels = variant % 2 ? 3 : 1,
                                                         .width = sizes[s][2],
                                                         .height = sizes[s][3],
                                                         .mode = variant / 2 % 3,
                                                         .filter = variant / 6,
                                                         .padding = 77,
                                                         .invert = variant % 3 == 1};
                test_one(test, &picture, &params);
            }
            free(picture.pixels);
        }
}

static void test_exactness(struct loaders_test *test)
{
    struct tuff_picture picture = noise(1200, 700, 1);
    struct tuff_picture_fit_params params = {.struct_size = sizeof params, .channels = 1, .width = 28, .height = 28};
    struct tuff_error error = {0};
    uint8_t out[28 * 28];
    for (int level = 0; level < 256; level += 51)
        for (int variant = 0; variant < 4; variant++) {
            int off = 0;
            params.filter = variant % 2;
            params.mode = variant / 2 ? TUFF_FIT_CROP : TUFF_FIT_STRETCH;
            memset(picture.pixels, level, 1200 * 700);
            expect_status(test, "constant", TUFF_OK, tuff_picture_fit(test->context, &picture, &params, out, &error), &error,
                          NULL);
            for (size_t i = 0; i < sizeof out; i++) off += out[i] != level;
            expect_number(test, "pixels that differ in a constant picture", 0, off);
        }
    free(picture.pixels);
    picture = noise(28, 28, 1);
    params = (struct tuff_picture_fit_params){.struct_size = sizeof params, .channels = 1, .width = 28, .height = 28};
    expect_status(test, "same size", TUFF_OK, tuff_picture_fit(test->context, &picture, &params, out, &error), &error, NULL);
    expect(test, memcmp(out, picture.pixels, sizeof out) == 0, "same size", "the same pixels", "others");
    params.channels = 2;
    expect_status(test, "two channels", TUFF_ERR_USAGE, tuff_picture_fit(test->context, &picture, &params, out, &error),
                  &error, "channels");
    params.channels = 1, params.width = 0;
    expect_status(test, "width 0", TUFF_ERR_USAGE, tuff_picture_fit(test->context, &picture, &params, out, &error), &error,
                  "width");
    free(picture.pixels);
}

static tuff_status fit(struct loaders_test *test, void *user)
{
    struct tuff_picture_fit_params params = {.struct_size = sizeof params, .channels = 3, .width = 9, .height = 4};
    uint8_t out[3 * 9 * 4];
    return tuff_picture_fit(test->context, user, &params, out, NULL);
}

int main(void)
{
    struct loaders_test test;
    loaders_begin(&test, "loaders_fit");
    test_formulas(&test);
    test_exactness(&test);
    struct tuff_picture picture = noise(30, 20, 3);
    expect_survives_memory(&test, "allocation fails", fit, &picture);
    free(picture.pixels);
    return loaders_end(&test);
}
