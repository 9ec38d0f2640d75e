/* preprocess.c - how a picture becomes a sample: done, and as text in a model file, with the labels beside it. The texts are
 * untrusted. */
#include "loaders/preprocess.h"
#include "loaders/picture.h"

enum { SIDE_MAX = 32768 }; /* as tuff_picture_fit */

static const char *const mode_names[] = {"stretch", "pad", "crop"};
static const char *const filter_names[] = {"bilinear", "area"};
static const char *const invert_names[] = {"never", "always", "light"};

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

tuff_status tuff_preprocess_check(struct tuff_context *context, const struct tuff_preprocess *p, struct tuff_error *error)
{
    const struct tuff_picture_fit_params fit = fit_of(p, false);
    TUFF_TRY(tuff_fit_check(context, __func__, &fit, error));
    TUFF_REQUIRE_THAT(context, error, (unsigned)p->invert < TUFF_COUNT(invert_names), "invert is none of its kinds");
    return TUFF_OK;
}

bool tuff_label_valid(const char *name)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) return false;
    return name[0] && tuff_utf8_valid(name, strlen(name));
}

/* ---- pictures ----------------------------------------------------------------------------------------------------------------- */

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
    TUFF_TRY(tuff_preprocess_check(context, preprocess, error));
    bool invert = preprocess->invert == TUFF_INVERT_ALWAYS ||
                  (preprocess->invert == TUFF_INVERT_LIGHT && has_light_border(picture));
    const struct tuff_picture_fit_params fit = fit_of(preprocess, invert);
    return tuff_picture_fit(context, picture, &fit, out, error);
}

/* ---- text --------------------------------------------------------------------------------------------------------------------- */

/* The fields in their order: JSON in this very form, so that no other need be understood. */
enum { FIELDS = 7 };
struct form {
    const char *before;       /* the value */
    const char *const *names; /* NULL: a number */
    uint32_t from, to;        /* of the number, or of the index among names */
};
static const struct form forms[FIELDS] = {
    {"{\"channels\":", NULL, 1, 3},
    {",\"height\":", NULL, 1, SIDE_MAX},
    {",\"width\":", NULL, 1, SIDE_MAX},
    {",\"mode\":\"", mode_names, 0, TUFF_COUNT(mode_names) - 1},
    {"\",\"filter\":\"", filter_names, 0, TUFF_COUNT(filter_names) - 1},
    {"\",\"ground\":", NULL, 0, 255},
    {",\"invert\":\"", invert_names, 0, TUFF_COUNT(invert_names) - 1},
};
static const char form_end[] = "\"}";

tuff_status tuff_preprocess_print(struct tuff_context *context, const struct tuff_preprocess *p, char **text,
                                  struct tuff_error *error)
{
    const uint32_t values[FIELDS] = {p->channels, p->height, p->width, p->mode, p->filter, p->ground, p->invert};
    struct tuff_text made;
    tuff_text_init(&made, context);
    for (int i = 0; i < FIELDS; i++) {
        tuff_text_add(&made, "%s", forms[i].before);
        if (forms[i].names)
            tuff_text_add(&made, "%s", forms[i].names[values[i]]);
        else
            tuff_text_add(&made, "%u", (unsigned)values[i]);
    }
    tuff_text_add(&made, "%s", form_end);
    return tuff_text_give(&made, text, error);
}

static bool take_text(const char **at, const char *wanted)
{
    size_t length = strlen(wanted);
    if (strncmp(*at, wanted, length) != 0) return false;
    *at += length;
    return true;
}

static bool take_value(const char **at, const struct form *form, uint32_t *value)
{
    const char *begin = *at;
    for (uint32_t i = 0; form->names && i <= form->to; i++) {
        *value = i;
        if (take_text(at, form->names[i])) return true;
    }
    for (*value = 0; !form->names && **at >= '0' && **at <= '9' && *value <= form->to; (*at)++)
        *value = *value * 10 + (uint32_t)(**at - '0');
    return *at != begin && *value >= form->from && *value <= form->to;
}

tuff_status tuff_preprocess_parse(struct tuff_context *context, const char *text, const char *file,
                                  struct tuff_preprocess *preprocess, struct tuff_error *error)
{
    uint32_t values[FIELDS] = {0};
    bool good = text != NULL;
    for (int i = 0; good && i < FIELDS; i++)
        good = take_text(&text, forms[i].before) && take_value(&text, &forms[i], &values[i]);
    if (!good || strcmp(text, form_end) != 0 || values[0] == 2)
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: does not say how pictures are prepared (\"preprocess\")",
                         file);
    *preprocess = (struct tuff_preprocess){.channels = values[0],
                                           .height = values[1],
                                           .width = values[2],
                                           .mode = (enum tuff_fit)values[3],
                                           .filter = (enum tuff_filter)values[4],
                                           .ground = (uint8_t)values[5],
                                           .invert = (enum tuff_invert)values[6]};
    return TUFF_OK;
}

tuff_status tuff_labels_print(struct tuff_context *context, const char *const *names, uint32_t count, char **text,
                              struct tuff_error *error)
{
    struct tuff_text made;
    tuff_text_init(&made, context);
    for (uint32_t i = 0; i < count; i++) tuff_text_add(&made, "%s\n", names[i]);
    return tuff_text_give(&made, text, error);
}

tuff_status tuff_labels_parse(struct tuff_context *context, const char *text, const char *file, const char *key,
                              const char *const **names, uint32_t *count, struct tuff_error *error)
{
    size_t length = text ? strlen(text) : 0, lines = 0;
    for (size_t i = 0; i < length; i++) lines += text[i] == '\n';
    bool good = lines && lines <= UINT32_MAX && text[length - 1] == '\n';
    const char **list = good ? tuff_alloc(context, lines * sizeof *list + length + 1) : NULL; /* pointers, then texts */
    if (good && !list) return tuff_fail_memory(context, error);
    char *at = good ? memcpy(list + lines, text, length + 1) : NULL;
    for (size_t i = 0; good && i < lines; i++) {
        char *end = strchr(at, '\n');
        *end = 0;
        good = tuff_label_valid(at);
        list[i] = at;
        at = end + 1;
    }
    if (!good) {
        tuff_free(context, (void *)(uintptr_t)list);
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: does not name its %s, a line each", file, key);
    }
    *names = list;
    *count = (uint32_t)lines;
    return TUFF_OK;
}
