/* preprocess.c - how a picture becomes a sample, as text in a model file, with the labels beside it. The texts are untrusted. */
#include "loaders/preprocess.h"

enum { SIDE_MAX = 32768 };

static const char *const mode_names[] = {"stretch", "pad", "crop"};
static const char *const filter_names[] = {"bilinear", "area", "bicubic"};
static const char *const invert_names[] = {"never", "always", "light"};

tuff_status tuff_preprocess_check(struct tuff_context *context, const char *function, const struct tuff_preprocess *p,
                                  struct tuff_error *error)
{
    const char *wrong = p->channels != 1 && p->channels != 3              ? "channels is 1 or 3"
                        : p->width == 0 || p->width > SIDE_MAX            ? "width is 0 or too large"
                        : p->height == 0 || p->height > SIDE_MAX          ? "height is 0 or too large"
                        : (unsigned)p->mode >= TUFF_COUNT(mode_names)     ? "mode is none of its kinds"
                        : (unsigned)p->filter >= TUFF_COUNT(filter_names) ? "filter is none of its kinds"
                        : (unsigned)p->invert >= TUFF_COUNT(invert_names) ? "invert is none of its kinds"
                                                                          : NULL;
    return wrong ? tuff_fail_usage(context, error, function, wrong) : TUFF_OK;
}

bool tuff_label_valid(const char *name)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) return false;
    return name[0] && tuff_utf8_valid(name, strlen(name));
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

static uint32_t read_value(struct tuff_parser *r, const struct form *form)
{
    if (!form->names) return (uint32_t)tuff_read_number(r, 10, form->to);
    for (uint32_t i = 0; i <= form->to; i++)
        if (tuff_accept(r, form->names[i])) return i;
    tuff_expected(r, "a name");
    return 0;
}

tuff_status tuff_preprocess_parse(struct tuff_context *context, const char *text, const char *file,
                                  struct tuff_preprocess *preprocess, struct tuff_error *error)
{
    uint32_t values[FIELDS] = {0};
    struct tuff_parser r = {.at = text, .end = text ? text + strlen(text) : NULL, .of = "preprocess"};
    bool good = text != NULL;
    for (int i = 0; i < FIELDS; i++) {
        tuff_expect(&r, forms[i].before);
        values[i] = read_value(&r, &forms[i]);
        good = good && values[i] >= forms[i].from;
    }
    tuff_expect(&r, form_end);
    if (!good || !tuff_reads(&r) || r.at != r.end || values[0] == 2)
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
