/* compare.c - a model beside its quantized copy: right classes, equal answers, signal and noise of each output. */
#include "program.h"
#include "quantize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t best(const float *x, uint64_t count)
{
    uint64_t k = 0;
    for (uint64_t i = 1; i < count; i++)
        if (x[i] > x[k]) k = i;
    return k;
}

static tuff_status add(struct compared_output *o, const struct tuff_array *a, const struct tuff_array *b,
                       struct tuff_error *error)
{
    const uint64_t count = a->bytes / tuff_element_bytes(a->element);
    if (a->bytes != b->bytes || a->element != b->element)
        return refuse(error, TUFF_ERR_FORMAT, "output \"%.100s\" is another one in the quantized model", a->name);
    snprintf(o->name, sizeof o->name, "%s", a->name);
    o->whole = a->element != TUFF_ELEMENT_F32;
    if (o->whole) {
        const size_t each = tuff_element_bytes(a->element);
        for (uint64_t i = 0; i < count; i++)
            o->equal += !memcmp((const char *)a->data + i * each, (const char *)b->data + i * each, each);
        o->all += count;
        return TUFF_OK;
    }
    const float *x = a->data, *y = b->data;
    for (uint64_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) && !isfinite(y[i])) continue;
        o->signal += (double)x[i] * (double)x[i];
        o->noise += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    }
    return TUFF_OK;
}

static tuff_status take(struct compared *c, struct tuff_onnx_runner *runners[2], struct feed *feed, uint64_t i,
                        struct tuff_array *outputs[2], struct tuff_error *error)
{
    struct tuff_array arrays[INPUTS];
    const int32_t class = feed_class(feed, i);
    uint64_t answers[2] = {0};
    tuff_status status = feed_get(feed, i, arrays, error);
    for (uint32_t k = 0; status == TUFF_OK && k < 2; k++)
        status = tuff_onnx_run(runners[k], arrays, feed->input_count, outputs[k], error);
    for (uint32_t k = 0; status == TUFF_OK && k < c->output_count; k++)
        status = add(&c->outputs[k], &outputs[0][k], &outputs[1][k], error);
    if (status != TUFF_OK) return status;
    const struct tuff_array *first = outputs[0];
    uint64_t rows = 1;
    for (uint32_t d = 0; d + 1 < first->rank; d++) rows *= first->dim[d];
    c->classes = c->output_count == 1 && first->element == TUFF_ELEMENT_F32 && first->rank && rows == 1 &&
                 first->dim[first->rank - 1] > 1;
    c->samples++;
    for (uint32_t k = 0; c->classes && k < 2; k++) answers[k] = best(outputs[k]->data, outputs[k]->bytes / sizeof(float));
    c->same += c->classes && answers[0] == answers[1];
    if (!c->classes || class < 0) return TUFF_OK;
    c->classed++;
    for (uint32_t k = 0; k < 2; k++) c->right[k] += answers[k] == (uint64_t) class;
    return TUFF_OK;
}

tuff_status compare(struct compared *c, struct tuff_device *device, const struct tuff_onnx *a, const struct tuff_onnx *b,
                    struct feed *feed, uint64_t most, struct tuff_error *error)
{
    const uint64_t first = feed->held ? feed->learned : 0, count = feed->held ? feed->held : feed->learned;
    const uint64_t some = count < most ? count : most;
    struct tuff_onnx_runner *runners[2] = {NULL};
    struct tuff_array *outputs[2] = {NULL};
    c->output_count = tuff_onnx_output_count(a);
    c->outputs = calloc(c->output_count + 1, sizeof *c->outputs);
    tuff_status status = c->outputs ? TUFF_OK : no_memory(error);
    for (uint32_t k = 0; status == TUFF_OK && k < 2; k++) {
        outputs[k] = calloc(c->output_count + 1, sizeof *outputs[k]);
        status = outputs[k] ? tuff_onnx_runner_create(device, k ? b : a, NULL, &runners[k], error) : no_memory(error);
    }
    for (uint64_t i = 0; status == TUFF_OK && i < some; i++) {
        program_tell("measuring", (double)i, (double)some);
        if (program_stopping()) status = TUFF_ERR_CANCELLED;
        if (status == TUFF_OK) status = take(c, runners, feed, first + i * count / some, outputs, error);
    }
    program_tell("", 0, 0);
    for (uint32_t k = 0; k < 2; k++) tuff_onnx_runner_destroy(runners[k]), free(outputs[k]);
    return status;
}
