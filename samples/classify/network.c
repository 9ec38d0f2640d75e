/* network.c - model files as classifiers: tuff_saved and its predictor, or an ONNX model and its runner. */
#include "network.h"
#include "metadata.h"
#include "presets.h"
#include "program.h"
#include "text.h"

#if TUFF_HAVE_JSON
#include <cjson/cJSON.h>
#endif

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 16, AT_MOST = 4096, CLASSES = 1000000 };

static tuff_status refuse(struct tuff_error *error, tuff_status status, const char *format, ...) TUFF_PRINTF(3, 4);
static tuff_status refuse(struct tuff_error *error, tuff_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return error->status = status;
}

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

static tuff_status name_classes(struct network *n, const char *path, struct tuff_error *error)
{
    const uint32_t count = n->info.class_count;
    uint32_t found = 0;
    const bool given = path || n->text, file = path != NULL;
    if (!path) path = "its metadata";
    n->names = calloc(count, sizeof *n->names);
    if (file) free(n->text), n->text = read_text(path);
    if (!given) n->text = malloc((size_t)count * 12);
    if (!n->names || (!file && !n->text)) return refuse(error, TUFF_ERR_MEMORY, "out of memory");
    if (!n->text) return refuse(error, TUFF_ERR_FILE, "%.300s: cannot be read", path);
    if (file && n->text[strspn(n->text, " \t\r\n")] == '[' && !lines_of_json(&n->text))
        return refuse(error, TUFF_ERR_FORMAT, "%.300s: is no JSON list of texts (or this build has no cJSON)", path);
    char *at = n->text;
    for (uint32_t i = 0; !given && i < count; i++) { /* their numbers */
        n->names[i] = at;
        at += snprintf(at, 12, "%u", (unsigned)i) + 1;
    }
    while (given && *at) {
        char *end = at + strcspn(at, "\r\n"), *next = end + (*end == '\r' && end[1] == '\n') + (*end != 0);
        *end = 0;
        if (*at && found < count) n->names[found] = at;
        found += *at != 0;
        at = next;
    }
    if (given && found != count)
        return refuse(error, TUFF_ERR_USAGE, "%.300s: names %u classes; the model has %u", path, (unsigned)found,
                      (unsigned)count);
    n->info.class_names = n->names;
    return TUFF_OK;
}

/* ---- ONNX --------------------------------------------------------------------------------------------------------------------------------- */

/* What the metadata of a file that tuff_onnx_write wrote say: its input is the prepared bytes. */
static tuff_status describe_prepared(struct network *n, const char *path, const struct tuff_preprocess *p,
                                     struct tuff_error *error)
{
    if (p->channels != n->info.preprocess.channels || p->height != n->side[0] || p->width != n->side[1])
        return refuse(error, TUFF_ERR_FORMAT, "%.300s: its metadata prepare pictures that its input does not take", path);
    n->info.preprocess = *p;
    n->bgr = false;
    for (int k = 0; k < 3; k++) n->factor[k] = 1, n->offset[k] = 0;
    return TUFF_OK;
}

/* Shape and type of its input. */
static tuff_status take_input(struct network *n, const char *path, const struct network_params *p, struct tuff_error *error)
{
    const struct tuff_onnx_end in = tuff_onnx_input(n->onnx, 0);
    const bool pictures = tuff_onnx_input_count(n->onnx) == 1 && in.rank == 4 &&
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
    n->info.preprocess.channels = c == 1 ? 1 : 3;
    if (in.dim[0] > AT_MOST) return refuse(error, TUFF_ERR_USAGE, "%.300s: takes too many pictures at once", path);
    n->fixed = in.dim[0] > 0 ? (uint32_t)in.dim[0] : 0;
    n->at_once = n->fixed ? n->fixed : p->batch ? p->batch : AT_ONCE;
    if (n->fixed && p->batch && p->batch != n->fixed)
        return refuse(error, TUFF_ERR_USAGE, "%.300s: takes %u at once, and no other number of pictures (--batch)", path,
                      (unsigned)n->fixed);
    for (int k = 0; k < 2; k++) {
        const int64_t side = in.dim[k + (n->last ? 1 : 2)];
        n->side[k] = side > 0 ? (uint32_t)side : p->side ? p->side : 224;
        if (side > 32768) return refuse(error, TUFF_ERR_USAGE, "%.300s: its pictures are too large", path);
    }
    return TUFF_OK;
}

/* What samples it takes, from its input, its metadata and what was said. */
static tuff_status describe(struct network *n, const char *path, const struct network_params *p, struct tuff_error *error)
{
    const struct tuff_onnx_end out = tuff_onnx_output(n->onnx, 0);
    const struct preset *preset = preset_find(p->preset ? p->preset : "imagenet");
    const int64_t classes = out.rank > 0 ? out.dim[out.rank - 1] : -1;
    struct metadata metadata = {.prepared = false};
    if (!preset) return refuse(error, TUFF_ERR_USAGE, "there is no preset \"%.60s\": %s", p->preset, presets_names);
    tuff_status status = take_input(n, path, p, error);
    if (status != TUFF_OK) return status;
    if (!metadata_read(path, &metadata))
        status = refuse(error, TUFF_ERR_FORMAT, "%.300s: its metadata do not say how pictures are prepared", path);
    n->text = metadata.labels;
    n->bgr = p->bgr || preset->bgr;
    for (int k = 0; k < 3; k++) {
        n->factor[k] = (float)(1 / (preset->scale * preset->deviation[k]));
        n->offset[k] = (float)(-preset->mean[k] / preset->deviation[k]);
    }
    const double crop = p->crop > 0 ? p->crop : p->fitted && p->fit != TUFF_FIT_CROP ? 1 : preset->crop;
    if (status == TUFF_OK && metadata.prepared && !p->preset && !p->fitted && !p->bgr && !p->side && p->crop <= 0)
        status = describe_prepared(n, path, &metadata.preprocess, error);
    else
        n->info.preprocess = (struct tuff_preprocess){.channels = n->info.preprocess.channels,
                                                      .height = (uint32_t)floor(n->side[0] / crop + 0.5),
                                                      .width = (uint32_t)floor(n->side[1] / crop + 0.5),
                                                      .mode = p->fitted ? p->fit : TUFF_FIT_CROP,
                                                      .filter = p->filter,
                                                      .ground = 127};
    n->info.sample_bytes = (uint64_t)n->info.preprocess.channels * n->info.preprocess.height * n->info.preprocess.width;
    n->info.class_count = classes > 0 && classes <= CLASSES ? (uint32_t)classes : 0;
    return status;
}

/* The middle of the samples as the network's numbers. */
static void take_numbers(const struct network *n, const uint8_t *samples, uint64_t count, void *to)
{
    const struct tuff_preprocess *p = &n->info.preprocess;
    const uint32_t h = n->side[0], w = n->side[1], c = p->channels, top = (p->height - h) / 2, left = (p->width - w) / 2;
    const uint64_t step = n->last ? c : 1; /* between two numbers of a row */
    for (uint64_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < c; k++) {
            const uint32_t from = n->bgr ? c - 1 - k : k;
            const uint8_t *plane = samples + i * n->info.sample_bytes + (uint64_t)from * p->height * p->width;
            for (uint32_t y = 0; y < h; y++) {
                const uint8_t *row = plane + (uint64_t)(top + y) * p->width + left;
                const uint64_t at = n->last ? (i * h + y) * w * c + k : ((i * c + k) * h + y) * w;
                for (uint32_t x = 0; x < w && n->bytes; x++) ((uint8_t *)to)[at + x * step] = row[x];
                for (uint32_t x = 0; x < w && !n->bytes; x++)
                    ((float *)to)[at + x * step] = (float)row[x] * n->factor[k] + n->offset[k];
            }
        }
}

/* Logits become probabilities; what is none below 0 and sums to 1 is left as it is. */
static void softmax(float *p, uint32_t count)
{
    double sum = 0, most = -INFINITY, least = INFINITY;
    for (uint32_t i = 0; i < count; i++)
        sum += (double)p[i], most = fmax(most, (double)p[i]), least = fmin(least, (double)p[i]);
    if (least >= 0 && fabs(sum - 1) < 1e-3) return;
    sum = 0;
    for (uint32_t i = 0; i < count; i++) sum += exp((double)p[i] - most);
    for (uint32_t i = 0; i < count; i++) p[i] = (float)(exp((double)p[i] - most) / sum);
}

/* A run of `size` pictures, of which the last may be no more than zeros: `count` are there. */
static tuff_status run_onnx(struct network *n, const uint8_t *samples, uint64_t count, uint64_t size, float *probabilities,
                            struct tuff_error *error)
{
    const uint32_t c = n->info.preprocess.channels, h = n->side[0], w = n->side[1];
    struct tuff_array in = {.name = n->input,
                            .element = n->bytes ? TUFF_ELEMENT_U8 : TUFF_ELEMENT_F32,
                            .rank = 4,
                            .data = n->numbers},
                      *out = calloc(tuff_onnx_output_count(n->onnx), sizeof *out);
    if (!out) return refuse(error, TUFF_ERR_MEMORY, "out of memory");
    const uint64_t dims[4] = {size, n->last ? h : c, n->last ? w : h, n->last ? c : w};
    const double began = seconds_now();
    memcpy(in.dim, dims, sizeof dims);
    in.bytes = size * c * h * w * tuff_element_bytes(in.element);
    if (count < size) memset(n->numbers, 0, (size_t)in.bytes);
    take_numbers(n, samples, count, n->numbers);
    const double prepared = seconds_now();
    tuff_status status = tuff_onnx_run(n->runner, &in, 1, out, error);
    bool *ran = size == 1 ? &n->ran_one : &n->ran_many;
    *(*ran ? &n->device : &n->first) += seconds_now() - prepared;
    n->prepare += prepared - began;
    *ran = true;
    if (status == TUFF_OK && (out->element != TUFF_ELEMENT_F32 || out->bytes != size * n->info.class_count * 4)) {
        const uint64_t each = out->bytes / 4 / size;
        if (n->info.class_count == 0 && out->element == TUFF_ELEMENT_F32 && each > 0 && each <= CLASSES)
            n->info.class_count = (uint32_t)each; /* a first look: its file does not say how many there are */
        else
            status = refuse(error, TUFF_ERR_USAGE, "its first output is not one number for each of %u classes",
                            (unsigned)n->info.class_count);
    } else if (status == TUFF_OK && probabilities) {
        memcpy(probabilities, out->data, (size_t)(count * n->info.class_count * 4));
        for (uint64_t i = 0; i < count; i++) softmax(probabilities + i * n->info.class_count, n->info.class_count);
    }
    free(out);
    return status;
}

/* ---- both ----------------------------------------------------------------------------------------------------------------------------------- */

bool network_is_onnx(const char *path)
{
    const size_t length = strlen(path);
    return length > 5 && !strcmp(path + length - 5, ".onnx");
}

tuff_status network_open(struct network *n, struct tuff_context *context, const char *path,
                         const struct network_params *params, struct tuff_error *error)
{
    *n = (struct network){.context = context};
    if (!network_is_onnx(path)) {
        tuff_status status = tuff_saved_open(context, path, &n->saved, error);
        if (status != TUFF_OK) return status;
        n->info = *tuff_saved_info(n->saved);
        const char *batch = tuff_tensors_text(tuff_saved_tensors(n->saved), "batch"); /* what its runs go by */
        const unsigned long own = batch ? strtoul(batch, NULL, 10) : 1;
        n->at_once = own < 1 ? 1 : own < 256 ? (uint32_t)own : 256; /* as samples in memory */
        if (params->batch && params->batch < n->at_once) n->at_once = params->batch;
        if (n->info.preprocess.channels && n->info.class_count) return TUFF_OK;
        return refuse(error, TUFF_ERR_USAGE, "%.300s holds a network that is no classifier of pictures", path);
    }
    tuff_status status = tuff_onnx_open(context, path, NULL, &n->onnx, error);
    if (status == TUFF_OK) status = describe(n, path, params, error);
    if (status == TUFF_OK && n->info.class_count) status = name_classes(n, params->labels, error);
    return status;
}

tuff_status network_load(struct network *n, struct tuff_device *device, const struct network_params *params,
                         struct tuff_error *error)
{
    if (n->saved) return tuff_predictor_create(device, n->saved, &n->predictor, error);
    n->numbers = malloc(n->at_once * (size_t)n->info.preprocess.channels * n->side[0] * n->side[1] * sizeof(float));
    if (!n->numbers) return refuse(error, TUFF_ERR_MEMORY, "out of memory");
    tuff_status status = tuff_onnx_runner_create(device, n->onnx, NULL, &n->runner, error);
    if (status != TUFF_OK || n->info.class_count) return status;
    uint8_t *grey = calloc(1, (size_t)n->info.sample_bytes);
    status = grey ? run_onnx(n, grey, 1, n->fixed ? n->fixed : 1, NULL, error)
                  : refuse(error, TUFF_ERR_MEMORY, "out of memory");
    free(grey);
    return status == TUFF_OK ? name_classes(n, params->labels, error) : status;
}

void network_close(struct network *n)
{
    tuff_predictor_destroy(n->predictor);
    tuff_saved_destroy(n->saved);
    tuff_onnx_runner_destroy(n->runner);
    tuff_onnx_destroy(n->onnx);
    free(n->numbers);
    free(n->text);
    free((void *)n->names);
}

tuff_status network_run(struct network *n, const uint8_t *samples, uint64_t count, float *probabilities,
                        struct tuff_error *error)
{
    tuff_status status = TUFF_OK;
    if (n->saved) {
        bool *ran = count == 1 ? &n->ran_one : &n->ran_many;
        const double began = seconds_now();
        status = tuff_predictor_run(n->predictor, (const void *[]){samples}, count, (void *[]){probabilities}, error);
        *(*ran ? &n->device : &n->first) += seconds_now() - began;
        *ran = true;
        return status;
    }
    for (uint64_t at = 0; at < count && status == TUFF_OK;) { /* of one size: zeros cost less than another plan */
        const uint64_t some = count - at < n->at_once ? count - at : n->at_once;
        status = run_onnx(n, samples + at * n->info.sample_bytes, some, n->at_once, probabilities + at * n->info.class_count,
                          error);
        at += some;
    }
    return status;
}
