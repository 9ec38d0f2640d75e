/* intake.c - see intake.h. */
#include "intake.h"
#include "presets.h"
#include "refuse.h"

#if TUFF_HAVE_JSON
#include <cjson/cJSON.h>
#endif

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_MOST = 4096 };

/* ---- labels ---------------------------------------------------------------------------------------------------------------------------- */

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = file ? malloc(1 << 24) : NULL;
    size_t count = text ? fread(text, 1, (1 << 24) - 1, file) : 0;
    if (text) text[count] = 0;
    if (file) fclose(file);
    return text;
}

/* A JSON list of texts as lines. */
static bool lines_of_json(char **text)
{
#if TUFF_HAVE_JSON
    cJSON *list = cJSON_Parse(*text), *item;
    size_t room = strlen(*text) + 1, at = 0;
    char *lines = malloc(room);
    bool good = lines && cJSON_IsArray(list);
    cJSON_ArrayForEach(item, list)
    {
        const char *name = cJSON_GetStringValue(item);
        good = good && name && at + strlen(name) + 2 <= room;
        if (good) at += (size_t)snprintf(lines + at, room - at, "%s\n", name);
    }
    if (good) free(*text), *text = lines, lines[at] = 0;
    if (!good) free(lines);
    cJSON_Delete(list);
    return good;
#else
    (void)text;
    return false;
#endif
}

tuff_status labels_read(const char *path, uint32_t count, struct labels *l, struct tuff_error *error)
{
    uint32_t found = 0;
    const bool given = path || l->text, file = path != NULL;
    if (!path) path = "its metadata";
    l->names = calloc(count, sizeof *l->names);
    if (file) free(l->text), l->text = read_text(path);
    if (!given) l->text = malloc((size_t)count * 12);
    if (!l->names || (!file && !l->text)) return refuse(error, TUFF_ERR_MEMORY, "out of memory");
    if (!l->text) return refuse(error, TUFF_ERR_FILE, "%.300s: cannot be read", path);
    if (file && l->text[strspn(l->text, " \t\r\n")] == '[' && !lines_of_json(&l->text))
        return refuse(error, TUFF_ERR_FORMAT, "%.300s: is no JSON list of texts (or this build has no cJSON)", path);
    char *at = l->text;
    for (uint32_t i = 0; !given && i < count; i++) { /* their numbers */
        l->names[i] = at;
        at += snprintf(at, 12, "%u", (unsigned)i) + 1;
    }
    while (given && *at) {
        char *end = at + strcspn(at, "\r\n"), *next = end + (*end == '\r' && end[1] == '\n') + (*end != 0);
        *end = 0;
        if (*at && found < count) l->names[found] = at;
        found += *at != 0;
        at = next;
    }
    if (given && found != count)
        return refuse(error, TUFF_ERR_USAGE, "%.300s: names %u classes; the model has %u", path, (unsigned)found,
                      (unsigned)count);
    return TUFF_OK;
}

void labels_finish(struct labels *l)
{
    free(l->text);
    free((void *)l->names);
}

/* ---- samples ------------------------------------------------------------------------------------------------------------------------ */

/* In the form of tuff_model_save. */
static bool parse_preprocess(const char *text, struct tuff_preprocess *p)
{
    static const char *const names[3][4] = {
        {"stretch", "pad", "crop"}, {"bilinear", "area", "bicubic"}, {"never", "always", "light"}};
    char words[3][10];
    int found[3] = {3, 3, 3};
    unsigned c, h, w, ground;
    if (sscanf(text,
               "{\"channels\":%u,\"height\":%u,\"width\":%u,\"mode\":\"%9[a-z]\",\"filter\":\"%9[a-z]\",\"ground\":%u,"
               "\"invert\":\"%9[a-z]\"}",
               &c, &h, &w, words[0], words[1], &ground, words[2]) != 7)
        return false;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            if (!strcmp(words[i], names[i][k])) found[i] = k;
    *p = (struct tuff_preprocess){
        c, h, w, (enum tuff_fit)found[0], (enum tuff_filter)found[1], (uint8_t)ground, (enum tuff_invert)found[2]};
    return (c == 1 || c == 3) && h > 0 && h <= 32768 && w > 0 && w <= 32768 && ground < 256 && found[0] < 3 &&
           found[1] < 3 && found[2] < 3;
}

/* What the metadata of a file that tuff_onnx_write wrote say: its input is the prepared bytes. */
static tuff_status describe_prepared(struct intake *n, const char *path, const struct tuff_preprocess *p,
                                     struct tuff_error *error)
{
    if (p->channels != n->preprocess.channels || p->height != n->side[0] || p->width != n->side[1])
        return refuse(error, TUFF_ERR_FORMAT, "%.300s: its metadata prepare pictures that its input does not take", path);
    n->preprocess = *p;
    n->bgr = false;
    for (int k = 0; k < 3; k++) n->factor[k] = 1, n->offset[k] = 0;
    return TUFF_OK;
}

/* Shape and type of its input. */
static tuff_status take_input(const struct tuff_onnx *onnx, struct intake *n, const char *path,
                              const struct intake_params *p, struct tuff_error *error)
{
    const struct tuff_onnx_end in = tuff_onnx_input(onnx, 0);
    const bool pictures = tuff_onnx_input_count(onnx) == 1 && in.rank == 4 &&
                          (in.element == TUFF_ELEMENT_F32 || in.element == TUFF_ELEMENT_F16 ||
                           in.element == TUFF_ELEMENT_U8);
    n->last = in.dim[1] != 3 && in.dim[1] != 1 && (in.dim[3] == 3 || in.dim[3] == 1);
    const int64_t c = n->last ? in.dim[3] : in.dim[1];
    if (!pictures || (c != 1 && c != 3 && c != -1))
        return refuse(error, TUFF_ERR_USAGE,
                      "%.300s: is no network of pictures: it takes one input [n, 1 or 3, height, width], or [n, height, "
                      "width, 1 or 3]",
                      path);
    snprintf(n->input, sizeof n->input, "%s", in.name);
    n->bytes = in.element == TUFF_ELEMENT_U8;
    n->preprocess.channels = c == 1 ? 1 : 3;
    if (in.dim[0] > AT_MOST) return refuse(error, TUFF_ERR_USAGE, "%.300s: takes too many pictures at once", path);
    n->fixed = in.dim[0] > 0 ? (uint32_t)in.dim[0] : 0;
    for (int k = 0; k < 2; k++) {
        const int64_t side = in.dim[k + (n->last ? 1 : 2)];
        n->side[k] = side > 0 ? (uint32_t)side : p->side ? p->side : 224;
        if (side > 32768) return refuse(error, TUFF_ERR_USAGE, "%.300s: its pictures are too large", path);
    }
    return TUFF_OK;
}

/* What samples it takes, from its input, its metadata and what was said. */
tuff_status intake_of(const struct tuff_onnx *onnx, const char *path, const struct intake_params *p, struct intake *n,
                      struct labels *labels, struct tuff_error *error)
{
    const struct preset *preset = preset_find(p->preset ? p->preset : "imagenet");
    const char *prepared = tuff_onnx_text(onnx, "preprocess"), *names = tuff_onnx_text(onnx, "labels");
    struct tuff_preprocess preprocess;
    if (!preset) return refuse(error, TUFF_ERR_USAGE, "there is no preset \"%.60s\": %s", p->preset, presets_names);
    tuff_status status = take_input(onnx, n, path, p, error);
    if (status != TUFF_OK) return status;
    if (prepared && !parse_preprocess(prepared, &preprocess))
        return refuse(error, TUFF_ERR_FORMAT, "%.300s: its metadata do not say how pictures are prepared", path);
    labels->text = names ? malloc(strlen(names) + 1) : NULL;
    if (labels->text) strcpy(labels->text, names);
    if (names && !labels->text) return refuse(error, TUFF_ERR_MEMORY, "out of memory");
    n->bgr = p->bgr || preset->bgr;
    for (int k = 0; k < 3; k++) {
        n->factor[k] = (float)(1 / (preset->scale * preset->deviation[k]));
        n->offset[k] = (float)(-preset->mean[k] / preset->deviation[k]);
    }
    const double crop = p->crop > 0 ? p->crop : p->fitted && p->fit != TUFF_FIT_CROP ? 1 : preset->crop;
    if (prepared && !p->preset && !p->fitted && !p->bgr && !p->side && p->crop <= 0)
        status = describe_prepared(n, path, &preprocess, error);
    else
        n->preprocess = (struct tuff_preprocess){.channels = n->preprocess.channels,
                                                 .height = (uint32_t)floor(n->side[0] / crop + 0.5),
                                                 .width = (uint32_t)floor(n->side[1] / crop + 0.5),
                                                 .mode = p->fitted ? p->fit : TUFF_FIT_CROP,
                                                 .filter = p->filter,
                                                 .ground = 127};
    n->sample_bytes = (uint64_t)n->preprocess.channels * n->preprocess.height * n->preprocess.width;
    return status;
}

/* The middle of the samples as the network's numbers. */
void intake_numbers(const struct intake *n, const uint8_t *samples, uint64_t count, void *to)
{
    const struct tuff_preprocess *p = &n->preprocess;
    const uint32_t h = n->side[0], w = n->side[1], c = p->channels, top = (p->height - h) / 2, left = (p->width - w) / 2;
    const uint64_t step = n->last ? c : 1; /* between two numbers of a row */
    for (uint64_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < c; k++) {
            const uint32_t from = n->bgr ? c - 1 - k : k;
            const uint8_t *plane = samples + i * n->sample_bytes + (uint64_t)from * p->height * p->width;
            for (uint32_t y = 0; y < h; y++) {
                const uint8_t *row = plane + (uint64_t)(top + y) * p->width + left;
                const uint64_t at = n->last ? (i * h + y) * w * c + k : ((i * c + k) * h + y) * w;
                for (uint32_t x = 0; x < w && n->bytes; x++) ((uint8_t *)to)[at + x * step] = row[x];
                for (uint32_t x = 0; x < w && !n->bytes; x++)
                    ((float *)to)[at + x * step] = (float)row[x] * n->factor[k] + n->offset[k];
            }
        }
}

struct tuff_array intake_array(const struct intake *n, uint64_t count)
{
    struct tuff_array in = {
        .name = n->input, .element = n->bytes ? TUFF_ELEMENT_U8 : TUFF_ELEMENT_F32, .rank = 4, .dim = {count}};
    const uint64_t c = n->preprocess.channels, h = n->side[0], w = n->side[1];
    in.dim[1] = n->last ? h : c, in.dim[2] = n->last ? w : h, in.dim[3] = n->last ? c : w;
    in.bytes = count * c * h * w * tuff_element_bytes(in.element);
    return in;
}
