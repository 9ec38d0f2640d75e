/* preprocess.c - how a picture becomes a sample: done, and as JSON in a model file, with the labels beside it.
 * The JSON is untrusted; cJSON's own memory does not come from the context's allocator. */
#include "loaders/preprocess.h"

enum { SIDE_MAX = 32768 }; /* as tuff_picture_fit */

static const char *const mode_names[] = {"stretch", "pad", "crop"};
static const char *const filter_names[] = {"bilinear", "area"};
static const char *const invert_names[] = {"never", "always", "light"};

tuff_status tuff_preprocess_check(struct tuff_context *context, const struct tuff_preprocess *p, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, p->channels == 1 || p->channels == 3);
    TUFF_REQUIRE(context, error, p->width >= 1 && p->width <= SIDE_MAX && p->height >= 1 && p->height <= SIDE_MAX);
    TUFF_REQUIRE(context, error, (unsigned)p->mode < TUFF_COUNT(mode_names));
    TUFF_REQUIRE(context, error, (unsigned)p->filter < TUFF_COUNT(filter_names));
    TUFF_REQUIRE(context, error, (unsigned)p->invert < TUFF_COUNT(invert_names));
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
    TUFF_REQUIRE(context, error, picture->width >= 1 && picture->height >= 1);
    TUFF_REQUIRE(context, error, picture->channels == 1 || picture->channels == 3 || picture->channels == 4);
    TUFF_TRY(tuff_preprocess_check(context, preprocess, error));
    bool invert = preprocess->invert == TUFF_INVERT_ALWAYS ||
                  (preprocess->invert == TUFF_INVERT_LIGHT && has_light_border(picture));
    struct tuff_picture_fit_params fit = {
        .struct_size = sizeof fit,
        .channels = preprocess->channels,
        .height = preprocess->height,
        .width = preprocess->width,
        .mode = preprocess->mode,
        .filter = preprocess->filter,
        .padding = (uint8_t)(invert ? 255 - preprocess->ground : preprocess->ground),
        .invert = invert,
    };
    return tuff_picture_fit(context, picture, &fit, out, error);
}

/* ---- JSON --------------------------------------------------------------------------------------------------------------------- */

#if TUFF_HAVE_JSON
#include <cjson/cJSON.h>

/* Takes the tree over; good: nothing is missing from it. */
static tuff_status print(struct tuff_context *context, cJSON *root, bool good, char **json, struct tuff_error *error)
{
    char *text = root && good ? cJSON_PrintUnformatted(root) : NULL;
    char *copy = text ? tuff_strdup(context, text) : NULL;
    cJSON_free(text);
    cJSON_Delete(root);
    if (!copy) return tuff_fail_memory(context, error);
    *json = copy;
    return TUFF_OK;
}

tuff_status tuff_preprocess_print(struct tuff_context *context, const struct tuff_preprocess *p, char **json,
                                  struct tuff_error *error)
{
    cJSON *root = cJSON_CreateObject();
    bool good = root && cJSON_AddNumberToObject(root, "channels", p->channels) &&
                cJSON_AddNumberToObject(root, "height", p->height) && cJSON_AddNumberToObject(root, "width", p->width) &&
                cJSON_AddStringToObject(root, "mode", mode_names[p->mode]) &&
                cJSON_AddStringToObject(root, "filter", filter_names[p->filter]) &&
                cJSON_AddNumberToObject(root, "ground", p->ground) &&
                cJSON_AddStringToObject(root, "invert", invert_names[p->invert]);
    return print(context, root, good, json, error);
}

tuff_status tuff_labels_print(struct tuff_context *context, const char *const *names, uint32_t count, char **json,
                              struct tuff_error *error)
{
    cJSON *root = cJSON_CreateArray();
    bool good = root != NULL;
    for (uint32_t i = 0; good && i < count; i++) {
        cJSON *name = cJSON_CreateString(names[i]);
        good = name && cJSON_AddItemToArray(root, name);
        if (!good) cJSON_Delete(name);
    }
    return print(context, root, good, json, error);
}

/* A whole number from..to, or false. */
static bool take_number(const cJSON *root, const char *key, uint32_t from, uint32_t to, uint32_t *value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= from && item->valuedouble <= to)) return false;
    *value = (uint32_t)item->valuedouble;
    return *value == item->valuedouble;
}

static bool take_name(const cJSON *root, const char *key, const char *const *names, uint32_t count, uint32_t *value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    for (uint32_t i = 0; cJSON_IsString(item) && i < count; i++) {
        if (strcmp(item->valuestring, names[i]) != 0) continue;
        *value = i;
        return true;
    }
    return false;
}

tuff_status tuff_preprocess_parse(struct tuff_context *context, const char *json, const char *file,
                                  struct tuff_preprocess *preprocess, struct tuff_error *error)
{
    uint32_t mode = 0, filter = 0, ground = 0, invert = 0;
    struct tuff_preprocess p = {0};
    cJSON *root = json ? cJSON_ParseWithOpts(json, NULL, true) : NULL;
    bool good = cJSON_IsObject(root) && take_number(root, "channels", 1, 3, &p.channels) && p.channels != 2 &&
                take_number(root, "height", 1, SIDE_MAX, &p.height) && take_number(root, "width", 1, SIDE_MAX, &p.width) &&
                take_name(root, "mode", mode_names, TUFF_COUNT(mode_names), &mode) &&
                take_name(root, "filter", filter_names, TUFF_COUNT(filter_names), &filter) &&
                take_number(root, "ground", 0, 255, &ground) &&
                take_name(root, "invert", invert_names, TUFF_COUNT(invert_names), &invert);
    cJSON_Delete(root);
    if (!good)
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: does not say how pictures are prepared (\"preprocess\")",
                         file);
    p.mode = (enum tuff_fit)mode;
    p.filter = (enum tuff_filter)filter;
    p.ground = (uint8_t)ground;
    p.invert = (enum tuff_invert)invert;
    *preprocess = p;
    return TUFF_OK;
}

/* Pointers, then texts. */
static tuff_status copy_labels(struct tuff_context *context, const cJSON *root, uint32_t count, const char *const **names,
                               struct tuff_error *error)
{
    size_t bytes = count * sizeof(char *);
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, root) bytes += strlen(item->valuestring) + 1;
    const char **list = tuff_alloc(context, bytes);
    if (!list) return tuff_fail_memory(context, error);
    char *text = (char *)(list + count);
    const char **next = list;
    cJSON_ArrayForEach(item, root)
    {
        size_t length = strlen(item->valuestring) + 1;
        *next++ = memcpy(text, item->valuestring, length);
        text += length;
    }
    *names = list;
    return TUFF_OK;
}

tuff_status tuff_labels_parse(struct tuff_context *context, const char *json, const char *file, const char *const **names,
                              uint32_t *count, struct tuff_error *error)
{
    cJSON *root = json ? cJSON_ParseWithOpts(json, NULL, true) : NULL;
    bool good = cJSON_IsArray(root);
    uint32_t found = 0; /* the text is shorter than 64 MiB */
    const cJSON *item = NULL;
    if (good) cJSON_ArrayForEach(item, root)
        {
            good = good && cJSON_IsString(item) && tuff_label_valid(item->valuestring);
            found++;
        }
    tuff_status status = good && found ? copy_labels(context, root, found, names, error)
                                       : tuff_fail(context, error, TUFF_ERR_FORMAT,
                                                   "%s: does not name its classes (\"labels\")", file);
    if (status == TUFF_OK) *count = found;
    cJSON_Delete(root);
    return status;
}

#else

static tuff_status without(struct tuff_context *context, struct tuff_error *error)
{
    return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "this Tuff is built without cJSON (option TUFF_JSON)");
}

tuff_status tuff_preprocess_print(struct tuff_context *context, const struct tuff_preprocess *preprocess, char **json,
                                  struct tuff_error *error)
{
    (void)preprocess, (void)json;
    return without(context, error);
}

tuff_status tuff_labels_print(struct tuff_context *context, const char *const *names, uint32_t count, char **json,
                              struct tuff_error *error)
{
    (void)names, (void)count, (void)json;
    return without(context, error);
}

tuff_status tuff_preprocess_parse(struct tuff_context *context, const char *json, const char *file,
                                  struct tuff_preprocess *preprocess, struct tuff_error *error)
{
    (void)json, (void)file, (void)preprocess, (void)mode_names, (void)filter_names, (void)invert_names;
    return without(context, error);
}

tuff_status tuff_labels_parse(struct tuff_context *context, const char *json, const char *file, const char *const **names,
                              uint32_t *count, struct tuff_error *error)
{
    (void)json, (void)file, (void)names, (void)count;
    return without(context, error);
}
#endif
