/* preprocess.c - a picture becomes a sample, as a model file says. */
#include "loaders/preprocess.h"
#include "samples/data/picture.h"

static struct tuff_picture_fit_params fit_of(const struct tuff_preprocess *p, bool invert)
{
    return (struct tuff_picture_fit_params){.struct_size = sizeof(struct tuff_picture_fit_params),
                                            .channels = p->channels,
                                            .height = p->height,
                                            .width = p->width,
                                            .mode = p->mode,
                                            .filter = p->filter,
                                            .padding = (uint8_t)(invert ? 255 - p->ground : p->ground),
                                            .invert = invert};
}

/* Grey of a pixel as tuff_picture_fit makes it, before rounding, in 1/1000; alpha over white. */
static uint64_t grey(const struct tuff_picture *picture, uint32_t x, uint32_t y)
{
    const uint8_t *p = picture->pixels + ((size_t)y * picture->width + x) * picture->channels;
    if (picture->channels == 1) return p[0] * 1000u;
    uint64_t value = 299u * p[0] + 587u * p[1] + 114u * p[2];
    return picture->channels == 4 ? (value * p[3] + 255000u * (255u - p[3])) / 255 : value;
}

static bool has_light_border(const struct tuff_picture *picture)
{
    uint64_t sum = 0, count = 0;
    for (uint32_t x = 0; x < picture->width; x++, count += 2)
        sum += grey(picture, x, 0) + grey(picture, x, picture->height - 1);
    for (uint32_t y = 0; y < picture->height; y++, count += 2)
        sum += grey(picture, 0, y) + grey(picture, picture->width - 1, y);
    return sum > count * 127000;
}

tuff_status tuff_preprocess_run(struct tuff_context *context, const struct tuff_preprocess *preprocess,
                                const struct tuff_picture *picture, uint8_t *out, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && preprocess && picture && picture->pixels);
    TUFF_TRY(tuff_picture_check(context, __func__, picture, error));
    TUFF_TRY(tuff_preprocess_check(context, __func__, preprocess, error));
    bool invert = preprocess->invert == TUFF_INVERT_ALWAYS ||
                  (preprocess->invert == TUFF_INVERT_LIGHT && has_light_border(picture));
    const struct tuff_picture_fit_params fit = fit_of(preprocess, invert);
    return tuff_picture_fit(context, picture, &fit, out, error);
}
