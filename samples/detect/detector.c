/* detector.c - a detector's network: what kind it is, a picture as the numbers that it learned with, a run, what its outputs say. */
#include "detect.h"
#include "program.h"
#include "refuse.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const kind_names[KINDS] = {"guess", "yunet", "ultraface", "db"};

/* v of a channel in 0 .. 255 becomes (v - mean) / deviation; sides are multiples of 32, by grounds of zeros right and below, or stretched. */
static const struct kind_about {
    bool bgr, padded;
    double mean[3], deviation[3];
    uint32_t side; /* the longer one, where nobody says another */
} abouts[KINDS] = {
    [KIND_YUNET] = {true, true, {0, 0, 0}, {1, 1, 1}, 640},
    [KIND_ULTRAFACE] = {false, false, {127, 127, 127}, {128, 128, 128}, 320},
    [KIND_DB] = {true, false, {0.485 * 255, 0.456 * 255, 0.406 * 255}, {0.229 * 255, 0.224 * 255, 0.225 * 255}, 960},
};

/* ---- what it is --------------------------------------------------------------------------------------------------------------------------- */

static bool find_output(const struct tuff_onnx *onnx, const char *name, uint32_t *index)
{
    for (*index = 0; *index < tuff_onnx_output_count(onnx); ++*index)
        if (!strcmp(tuff_onnx_output(onnx, *index).name, name)) return true;
    return false;
}

/* Has the network the outputs of this kind? Where they are goes into d->output. */
static bool is_kind(struct detector *d, enum kind kind)
{
    static const char *const heads[4] = {"cls", "obj", "bbox", "kps"};
    const uint32_t count = tuff_onnx_output_count(d->onnx);
    char name[16];
    if (kind == KIND_DB) return count == 1 && tuff_onnx_output(d->onnx, 0).rank == 4;
    for (uint32_t i = 0; kind == KIND_YUNET && i < 12; i++) {
        snprintf(name, sizeof name, "%s_%d", heads[i % 4], 8 << i / 4);
        if (!find_output(d->onnx, name, &d->output[i])) return false;
    }
    for (uint32_t i = 0; kind == KIND_ULTRAFACE && i < 2; i++) { /* of two and four numbers */
        d->output[i] = 0;
        while (d->output[i] < count && (tuff_onnx_output(d->onnx, d->output[i]).rank != 3 ||
                                        tuff_onnx_output(d->onnx, d->output[i]).dim[2] != (i ? 4 : 2)))
            d->output[i]++;
        if (count != 2 || d->output[i] == count) return false;
    }
    return true;
}

tuff_status detector_open(struct detector *d, struct tuff_context *context, const char *path,
                          const struct detect_params *params, struct tuff_error *error)
{
    *d = (struct detector){.context = context, .params = *params};
    tuff_status status = tuff_onnx_open(context, path, NULL, &d->onnx, error);
    if (status != TUFF_OK) return status;
    const struct tuff_onnx_end in = tuff_onnx_input(d->onnx, 0);
    if (tuff_onnx_input_count(d->onnx) != 1 || in.rank != 4 || in.element != TUFF_ELEMENT_F32 ||
        (in.dim[0] != 1 && in.dim[0] != -1) || (in.dim[1] != 3 && in.dim[1] != -1))
        return refuse(error, TUFF_ERR_USAGE, "%.300s: is no detector: it takes one f32 input [1, 3, height, width]", path);
    snprintf(d->input, sizeof d->input, "%s", in.name);
    for (int k = 0; k < 2; k++) {
        d->fixed[k] = in.dim[2 + k] > 0 ? (uint32_t)in.dim[2 + k] : 0;
        if (in.dim[2 + k] > 32768) return refuse(error, TUFF_ERR_USAGE, "%.300s: its pictures are too large", path);
    }
    for (int kind = KIND_YUNET; params->kind == KIND_GUESS && kind < KINDS && d->params.kind == KIND_GUESS; kind++)
        if (is_kind(d, (enum kind)kind)) d->params.kind = (enum kind)kind;
    if (d->params.kind == KIND_GUESS)
        return refuse(error, TUFF_ERR_USAGE,
                      "%.300s: its outputs are those of no detector that is known (yunet, ultraface, db)", path);
    if (!is_kind(d, d->params.kind))
        return refuse(error, TUFF_ERR_USAGE, "%.300s: its outputs are not those of --kind %s", path,
                      kind_names[d->params.kind]);
    return TUFF_OK;
}

tuff_status detector_load(struct detector *d, struct tuff_device *device, struct tuff_error *error)
{
    return tuff_onnx_runner_create(device, d->onnx, NULL, &d->runner, error);
}

void detector_close(struct detector *d)
{
    tuff_onnx_runner_destroy(d->runner);
    tuff_onnx_destroy(d->onnx);
    free(d->bytes);
    free(d->numbers);
}

/* ---- a picture ------------------------------------------------------------------------------------------------------------------------------ */

/* Sizes for a picture: *w, *h it takes of the network's input, which the view is. Pictures are made smaller, not larger. */
static struct view view_of(const struct detector *d, const struct tuff_picture *picture, uint32_t *w, uint32_t *h)
{
    const struct kind_about *about = &abouts[d->params.kind];
    const double longer = picture->width > picture->height ? picture->width : picture->height;
    const double most = d->params.side ? d->params.side : about->side, factor = longer > most ? most / longer : 1;
    uint32_t size[2] = {(uint32_t)fmax(1, floor(picture->width * factor + 0.5)),
                        (uint32_t)fmax(1, floor(picture->height * factor + 0.5))};
    struct view view = {.width = size[0], .height = size[1]};
    if (about->padded) {
        view.width = (size[0] + 31) / 32 * 32, view.height = (size[1] + 31) / 32 * 32;
    } else {
        view.width = size[0] = size[0] < 48 ? 32 : (size[0] + 16) / 32 * 32;
        view.height = size[1] = size[1] < 48 ? 32 : (size[1] + 16) / 32 * 32;
    }
    for (int k = 0; k < 2; k++)
        if (d->fixed[k]) *(k ? &view.width : &view.height) = size[1 - k] = d->fixed[k];
    if (about->padded && (d->fixed[0] || d->fixed[1])) { /* as much as fits, in its own shape */
        const double fit = fmin((double)view.width / picture->width, (double)view.height / picture->height);
        size[0] = (uint32_t)fmax(1, floor(picture->width * fit + 1e-9));
        size[1] = (uint32_t)fmax(1, floor(picture->height * fit + 1e-9));
    }
    *w = size[0], *h = size[1];
    view.scale[0] = (double)picture->width / size[0], view.scale[1] = (double)picture->height / size[1];
    return view;
}

static tuff_status prepare(struct detector *d, const struct tuff_picture *picture, struct view *view,
                           struct tuff_error *error)
{
    const struct kind_about *about = &abouts[d->params.kind];
    uint32_t w, h;
    *view = view_of(d, picture, &w, &h);
    const uint64_t pixels = (uint64_t)view->width * view->height;
    if (pixels > d->room) {
        free(d->bytes);
        free(d->numbers);
        d->bytes = malloc((size_t)pixels * 3), d->numbers = malloc((size_t)pixels * 3 * sizeof *d->numbers);
        d->room = d->bytes && d->numbers ? pixels : 0;
        if (!d->room) return refuse(error, TUFF_ERR_MEMORY, "out of memory");
    }
    const struct tuff_picture_fit_params fit = {.struct_size = sizeof fit,
                                                .channels = 3,
                                                .height = h,
                                                .width = w,
                                                .mode = TUFF_FIT_STRETCH,
                                                .filter = TUFF_FILTER_BILINEAR};
    tuff_status status = tuff_picture_fit(d->context, picture, &fit, d->bytes, error);
    for (uint32_t c = 0; status == TUFF_OK && c < 3; c++) {
        const uint8_t *from = d->bytes + (size_t)(about->bgr ? 2 - c : c) * w * h;
        float *to = d->numbers + c * pixels;
        for (uint32_t y = 0; y < view->height; y++, to += view->width)
            for (uint32_t x = 0; x < view->width; x++)
                to[x] = x < w && y < h ? (float)((from[(size_t)y * w + x] - about->mean[c]) / about->deviation[c]) : 0;
    }
    return status;
}

/* ---- a run --------------------------------------------------------------------------------------------------------------------------------- */

static bool is_floats(const struct tuff_array *array, uint64_t count)
{
    return array->element == TUFF_ELEMENT_F32 && array->bytes == count * sizeof(float);
}

static tuff_status find(struct detector *d, const struct tuff_array *out, const struct view *view, struct finds *finds,
                        struct tuff_error *error)
{
    static const uint32_t numbers[4] = {1, 1, 4, 2 * LANDMARKS};
    const uint64_t pixels = (uint64_t)view->width * view->height;
    const float *heads[3][4];
    bool fits = true, good = true;
    if (d->params.kind == KIND_DB) {
        fits = is_floats(&out[0], pixels);
        good = !fits || find_regions(out[0].data, view, &d->params, finds);
    } else if (d->params.kind == KIND_ULTRAFACE) {
        const struct tuff_array *scores = &out[d->output[0]], *boxes = &out[d->output[1]];
        const uint64_t n = scores->bytes / (2 * sizeof(float));
        fits = is_floats(scores, 2 * n) && is_floats(boxes, 4 * n);
        good = !fits || find_ultraface(scores->data, boxes->data, n, view, &d->params, finds);
    } else {
        for (uint32_t i = 0; i < 12; i++) {
            const struct tuff_array *head = &out[d->output[i]];
            const uint64_t stride = 8u << i / 4, n = (view->width / stride) * (view->height / stride);
            fits = fits && is_floats(head, n * numbers[i % 4]);
            heads[i / 4][i % 4] = head->data;
        }
        good = !fits || find_yunet((const float *const(*)[4])heads, view, &d->params, finds);
    }
    if (!fits)
        return refuse(error, TUFF_ERR_USAGE, "the network's outputs do not have the sizes of --kind %s",
                      kind_names[d->params.kind]);
    return good ? TUFF_OK : refuse(error, TUFF_ERR_MEMORY, "out of memory");
}

/* Each size has a plan of its own, of which the runner keeps the last ones. */
static bool is_new(struct detector *d, const struct view *view)
{
    d->width = view->width, d->height = view->height;
    for (uint32_t i = 0; i < DETECT_SIZES; i++)
        if (d->sizes[i][0] == view->height && d->sizes[i][1] == view->width) return false;
    d->sizes[d->size_next][0] = view->height, d->sizes[d->size_next][1] = view->width;
    d->size_next = (d->size_next + 1) % DETECT_SIZES;
    return true;
}

tuff_status detector_run(struct detector *d, const struct tuff_picture *picture, struct finds *finds,
                         struct tuff_error *error)
{
    struct view view;
    struct tuff_array *out = calloc(tuff_onnx_output_count(d->onnx), sizeof *out);
    const double began = seconds_now();
    finds->count = 0;
    tuff_status status = out ? prepare(d, picture, &view, error) : refuse(error, TUFF_ERR_MEMORY, "out of memory");
    const double prepared = seconds_now();
    if (status == TUFF_OK) {
        const struct tuff_array in = {.name = d->input,
                                      .element = TUFF_ELEMENT_F32,
                                      .rank = 4,
                                      .dim = {1, 3, view.height, view.width},
                                      .data = d->numbers,
                                      .bytes = (uint64_t)3 * view.width * view.height * sizeof(float)};
        d->new_size = is_new(d, &view);
        status = tuff_onnx_run(d->runner, &in, 1, out, error);
    }
    const double ran = seconds_now();
    if (status == TUFF_OK) status = find(d, out, &view, finds, error);
    d->prepare += prepared - began, *(d->new_size ? &d->first : &d->device) += ran - prepared,
        d->boxes += seconds_now() - ran;
    free(out);
    return status;
}
