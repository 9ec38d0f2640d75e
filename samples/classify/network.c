/* network.c - model files as classifiers: tuff_saved and its predictor, or an ONNX model and its runner. */
#include "network.h"
#include "program.h"
#include "refuse.h"
#include "text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 16, CLASSES = 1000000 };

/* ---- ONNX --------------------------------------------------------------------------------------------------------------------------------- */

/* How many classes its output says; what it takes. */
static tuff_status describe(struct network *n, const char *path, const struct network_params *p, struct tuff_error *error)
{
    const struct tuff_onnx_end out = tuff_onnx_output(n->onnx, 0);
    const int64_t classes = out.rank > 0 ? out.dim[out.rank - 1] : -1;
    tuff_status status = intake_of(n->onnx, path, &p->intake, &n->intake, &n->labels, error);
    const uint32_t fixed = n->intake.fixed;
    n->info.preprocess = n->intake.preprocess;
    n->info.sample_bytes = n->intake.sample_bytes;
    n->info.class_count = classes > 0 && classes <= CLASSES ? (uint32_t)classes : 0;
    n->at_once = fixed ? fixed : p->batch ? p->batch : AT_ONCE;
    if (status == TUFF_OK && fixed && p->batch && p->batch != fixed)
        status = refuse(error, TUFF_ERR_USAGE, "%.300s: takes %u at once, and no other number of pictures (--batch)", path,
                        (unsigned)fixed);
    return status;
}

static tuff_status name_classes(struct network *n, const char *path, struct tuff_error *error)
{
    const tuff_status status = labels_read(path, n->info.class_count, &n->labels, error);
    n->info.class_names = n->labels.names;
    return status;
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
    struct tuff_array in = intake_array(&n->intake, size), *out = calloc(tuff_onnx_output_count(n->onnx), sizeof *out);
    if (!out) return refuse(error, TUFF_ERR_MEMORY, "out of memory");
    const double began = seconds_now();
    in.data = n->numbers;
    if (count < size) memset(n->numbers, 0, (size_t)in.bytes);
    intake_numbers(&n->intake, samples, count, n->numbers);
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
    n->numbers = malloc((size_t)intake_array(&n->intake, n->at_once).bytes);
    if (!n->numbers) return refuse(error, TUFF_ERR_MEMORY, "out of memory");
    tuff_status status = tuff_onnx_runner_create(device, n->onnx, NULL, &n->runner, error);
    if (status != TUFF_OK || n->info.class_count) return status;
    uint8_t *grey = calloc(1, (size_t)n->info.sample_bytes);
    status = grey ? run_onnx(n, grey, 1, n->intake.fixed ? n->intake.fixed : 1, NULL, error)
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
    labels_finish(&n->labels);
}

tuff_status network_run(struct network *n, const uint8_t *samples, uint64_t count, float *probabilities,
                        struct tuff_error *error)
{
    tuff_status status = TUFF_OK;
    if (n->saved) {
        bool *ran = count == 1 ? &n->ran_one : &n->ran_many;
        const double began = seconds_now();
        void *outputs[TUFF_MODEL_OUTPUTS] = {probabilities}; /* it may have more, of no interest here */
        status = tuff_predictor_run(n->predictor, (const void *[]){samples}, count, outputs, error);
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
