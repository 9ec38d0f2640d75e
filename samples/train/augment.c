/* augment.c - --augment: a list of changes as tuff_augment takes them; and --show-augmentation, a sheet of what they make of some pictures. */
#include "pictures.h"
#include "program.h"
#include "text.h"
#include "train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list ------------------------------------------------------------------------------------------------------------------- */

enum target { NUMBER, FROM_HERE, AROUND_ONE, PIXELS, COLOUR };
#define AT(field) offsetof(struct tuff_augment_params, field)
static const struct part {
    const char *name;
    enum target target;
    size_t at;
    double standard, most; /* what it means without a number, and the largest one */
} parts[] = {
    {"flip", NUMBER, AT(flip), 0.5, 1},
    {"flip-vertical", NUMBER, AT(flip_vertical), 0.5, 1},
    {"shift", PIXELS, AT(shift), 0.1, 512}, /* below 1: a part of the width */
    {"crop", FROM_HERE, AT(crop), 0.08, 1}, /* the least part of the area */
    {"rotate", NUMBER, AT(rotate), 15, 180},
    {"shear", NUMBER, AT(shear), 10, 80},
    {"zoom", AROUND_ONE, AT(zoom), 0.2, 0.9},
    {"brightness", NUMBER, AT(brightness), 0.3, 10},
    {"contrast", NUMBER, AT(contrast), 0.3, 10},
    {"saturation", NUMBER, AT(saturation), 0.3, 10},
    {"hue", NUMBER, AT(hue), 0.05, 0.5},
    {"color", COLOUR, 0, 0.3, 2}, /* brightness, contrast, saturation, and a sixth of it of hue */
    {"erase", NUMBER, AT(erase), 0.25, 1},
    {"mixup", NUMBER, AT(mixup), 0.2, 64},
    {"cutmix", NUMBER, AT(cutmix), 1, 64},
};
static const struct preset {
    const char *name, *list;
} presets[] = {{"none", ""},
               {"light", "shift=0.07,brightness=0.1,contrast=0.1"}, /* leaves digits and letters what they are */
               {"strong", "flip,shift=0.1,rotate=12,zoom=0.15,color=0.3,erase=0.25,mixup=0.2"}};
static const char *const paddings[] = {"zeros", "border", "reflect"};

static void set(struct tuff_augment_params *p, const struct part *part, double value, uint32_t width)
{
    void *at = (char *)p + part->at;
    switch (part->target) {
    case NUMBER: *(double *)at = value; break;
    case FROM_HERE: *(struct tuff_range *)at = (struct tuff_range){value, 1}; break;
    case AROUND_ONE: *(struct tuff_range *)at = (struct tuff_range){1 - value, 1 + value}; break;
    case PIXELS: *(uint32_t *)at = (uint32_t)(value < 1 ? fmax(1, round(value * width)) : value); break;
    case COLOUR:
        p->brightness = p->contrast = p->saturation = value;
        p->hue = fmin(value / 6, 0.5);
        break;
    }
}

/* A name of the list, or name=value. */
static bool take(const char *item, uint32_t width, struct tuff_augment_params *p, char *why, size_t bytes)
{
    const char *value = strchr(item, '=');
    size_t length = value ? (size_t)(value++ - item) : strlen(item);
    for (size_t i = 0; i < sizeof paddings / sizeof *paddings && length == 3 && value && !strncmp(item, "pad", 3); i++)
        if (!strcmp(value, paddings[i])) return p->padding = (enum tuff_sample_padding)i, true;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const struct part *part = &parts[i];
        if (strlen(part->name) != length || strncmp(item, part->name, length)) continue;
        char *end = NULL;
        double number = value ? strtod(value, &end) : part->standard;
        bool good = !value || (end > value && !*end && number > 0 && number <= part->most);
        if (good) set(p, part, number, width);
        if (!good) snprintf(why, bytes, "%s is above 0 and %g at most, not \"%.40s\"", part->name, part->most, value);
        return good;
    }
    snprintf(why, bytes, "there is no \"%.40s\"; there are ", item);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        snprintf(why + strlen(why), bytes - strlen(why), "%s, ", parts[i].name);
    snprintf(why + strlen(why), bytes - strlen(why), "pad=zeros, border or reflect, and alone none, light, strong");
    return false;
}

bool augment_parse(const char *list, uint32_t width, struct tuff_augment_params *p, char *why, size_t bytes)
{
    char item[64];
    *p = (struct tuff_augment_params){.struct_size = sizeof *p, .training = true};
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
        if (!strcmp(list, presets[i].name)) list = presets[i].list;
    while (*list) {
        size_t length = strcspn(list, ",");
        snprintf(item, sizeof item, "%.*s", (int)length, list);
        if (!take(item, width, p, why, bytes)) return false;
        list += length + (list[length] == ',');
    }
    return true;
}

bool augment_is_on(const char *list) { return list[0] && strcmp(list, "none") != 0; }

/* ---- the network's pictures ------------------------------------------------------------------------------------------------------- */

struct tuff_augmented augment_batch(struct tuff_graph *g, tuff_val x, tuff_val labels, const struct augmentation *a)
{
    double mean[3] = {a->mean / 255, a->mean / 255, a->mean / 255};
    double deviation[3] = {a->deviation / 255, a->deviation / 255, a->deviation / 255};
    struct tuff_augment_params p = a->params;
    p.mean = mean, p.std = deviation;
    bool mixes = p.mixup > 0 || p.cutmix > 0;
    x = tuff_affine(g, x, a->deviation / 255, a->mean / 255); /* as it is stored: 0 to 1 */
    return tuff_augment(g, x, mixes ? tuff_one_hot(g, labels, a->classes) : 0, &p);
}

/* ---- the sheet -------------------------------------------------------------------------------------------------------------------- */

enum { ROWS = 6, COLUMNS = 9, SAMPLES = ROWS * (COLUMNS - 1) };

/* A picture of each of the first classes; of fewer classes several, in turn. */
static void choose(const struct tuff_dataset *set, uint64_t chosen[ROWS])
{
    uint64_t from = 0, i = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        uint32_t label = row % set->class_count;
        from = label == 0 && row ? chosen[row - set->class_count] + 1 : label ? from : 0;
        for (i = 0; i < set->count && set->labels[(from + i) % set->count] != (int32_t)label;) i++;
        chosen[row] = (from + i) % set->count; /* a class without a picture shows any */
    }
}

/* Samples go down the columns of the sheet, so that each is mixed with the one above. Content is written to and read from the arrays. */
struct batch {
    uint8_t *x; /* [SAMPLES, c, h, w] */
    int32_t labels[SAMPLES];
    float *y, *targets; /* of x's shape, 0 .. 255; [SAMPLES, classes] */
};

static tuff_status run(struct tuff_device *device, struct tuff_graph *g, const struct augmentation *a, struct batch *b,
                       const uint32_t shape[3], uint64_t seed, struct tuff_error *error)
{
    struct tuff_session *session = NULL;
    struct tuff_executable *step = NULL;
    const size_t count = (size_t)SAMPLES * shape[0] * shape[1] * shape[2], classes = (size_t)SAMPLES * a->classes;
    tuff_val x = tuff_input(g, "x", TUFF_U8, TUFF_SHAPE(SAMPLES, shape[0], shape[1], shape[2])), out[2];
    tuff_val labels = tuff_input(g, "labels", TUFF_I32, TUFF_SHAPE(SAMPLES));
    tuff_val field = tuff_affine(g, tuff_cast(g, x, TUFF_F32), 1 / a->deviation, -a->mean / a->deviation);
    struct tuff_augmented y = augment_batch(g, field, labels, a);
    out[0] = tuff_affine(g, y.x, a->deviation, a->mean);
    out[1] = y.targets ? y.targets : tuff_one_hot(g, labels, a->classes);
    const struct tuff_session_params start = {.struct_size = sizeof start, .seed = seed};
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = out, .output_count = 2};
    tuff_status status = tuff_graph_finish(g, error);
    if (status == TUFF_OK) status = tuff_session_create(device, g, &start, &session, error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &step, error);
    if (status == TUFF_OK) status = tuff_executable_write(step, x, b->x, count, error);
    if (status == TUFF_OK) status = tuff_executable_write(step, labels, b->labels, sizeof b->labels, error);
    if (status == TUFF_OK) status = tuff_executable_run(step, error);
    if (status == TUFF_OK) status = tuff_executable_read(step, 0, b->y, count * sizeof *b->y, error);
    if (status == TUFF_OK) status = tuff_executable_read(step, 1, b->targets, classes * sizeof *b->targets, error);
    tuff_executable_destroy(step);
    tuff_session_destroy(session);
    return status;
}

/* "Coat", or, of a mixture, what the most of it is: "71 % Coat" */
static void caption(const struct tuff_dataset *set, const float *targets, char text[64])
{
    uint32_t most = 0;
    for (uint32_t i = 1; i < set->class_count; i++)
        if (targets[i] > targets[most]) most = i;
    if (targets[most] > 0.995f)
        snprintf(text, 64, "%s", set->class_names[most]);
    else
        snprintf(text, 64, "%.0f %% %s", 100 * (double)targets[most], set->class_names[most]);
}

static tuff_status draw(struct tuff_context *context, const struct options *options, const struct tuff_dataset *set,
                        const uint64_t chosen[ROWS], const struct batch *b, struct tuff_error *error)
{
    static const char *const columns[COLUMNS] = {"original", "in training", "", "", "", "", "", "", ""};
    const size_t each = (size_t)set->channels * set->height * set->width;
    char title[300], texts[ROWS * COLUMNS][64];
    const char *captions[ROWS * COLUMNS];
    uint8_t *pixels = malloc(ROWS * COLUMNS * each);
    if (!pixels) return TUFF_ERR_MEMORY;
    for (uint32_t cell = 0; cell < ROWS * COLUMNS; cell++) {
        const uint32_t row = cell / COLUMNS, column = cell % COLUMNS, sample = column ? (column - 1) * ROWS + row : 0;
        const float *from = b->y + sample * each;
        captions[cell] = texts[cell];
        if (column)
            caption(set, b->targets + (size_t)sample * set->class_count, texts[cell]);
        else
            snprintf(texts[cell], sizeof texts[cell], "%s", set->class_names[set->labels[chosen[row]]]);
        if (!column) memcpy(pixels + cell * each, set->pictures + chosen[row] * each, each);
        for (size_t i = 0; i < each && column; i++)
            pixels[cell * each + i] = (uint8_t)lrint(fmin(fmax((double)from[i], 0), 255));
    }
    snprintf(title, sizeof title, "--augment %.200s", options->augment);
    const struct pictures sheet = {title, columns, captions, ROWS, COLUMNS, set->width, set->height, set->channels, pixels};
    tuff_status status = pictures_write(context, options->show_augmentation, &sheet, error);
    free(pixels);
    return status;
}

tuff_status augment_show(struct tuff_context *context, struct tuff_device *device, const struct augmentation *a,
                         const struct options *options, const struct tuff_dataset *set, struct tuff_error *error)
{
    const uint32_t shape[3] = {set->channels, set->height, set->width};
    const size_t each = (size_t)shape[0] * shape[1] * shape[2];
    uint64_t chosen[ROWS];
    struct tuff_graph *g = NULL;
    struct batch b = {.x = malloc(SAMPLES * each),
                      .y = malloc(SAMPLES * each * sizeof *b.y),
                      .targets = malloc((size_t)SAMPLES * a->classes * sizeof *b.targets)};
    bool room = b.x && b.y && b.targets;
    choose(set, chosen);
    for (uint32_t i = 0; i < SAMPLES && room; i++) {
        b.labels[i] = set->labels[chosen[i % ROWS]];
        memcpy(b.x + i * each, set->pictures + chosen[i % ROWS] * each, each);
    }
    tuff_status status = room ? tuff_graph_create(context, &g, error) : TUFF_ERR_MEMORY;
    if (status == TUFF_OK) status = run(device, g, a, &b, shape, options->seed, error);
    if (status == TUFF_OK) status = draw(context, options, set, chosen, &b, error);
    tuff_graph_destroy(g);
    free(b.x), free(b.y), free(b.targets);
    if (status == TUFF_OK && !program_exists(options->show_augmentation))
        return refuse(error, TUFF_ERR_UNSUPPORTED, "this build draws no PNG: it was made without cairo");
    if (status == TUFF_OK) printf("files    %s\n", SHOWN(options->show_augmentation));
    return status;
}
