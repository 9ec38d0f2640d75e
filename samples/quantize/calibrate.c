/* calibrate.c - what the values of a network lie within, over samples: their extremes, which the device finds, or a part of them, by histograms. */
#include "program.h"
#include "quantize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 4096 };

/* ---- the network ------------------------------------------------------------------------------------------------------------------------ */

static void note(void *user, struct tuff_span name, const struct tuff_onnx_end *type)
{
    struct calibration *c = user;
    if (type->element != TUFF_ELEMENT_F32 || !name.bytes || c->values) return; /* values: it is built */
    if (c->name_count == c->room) {
        const uint32_t room = c->room ? 2 * c->room : 256;
        char **more = realloc(c->names, room * sizeof *more);
        c->failed = c->failed || !more;
        if (!more) return;
        c->names = more, c->room = room;
    }
    char *own = malloc(name.bytes + 1);
    c->failed = c->failed || !own;
    if (!own) return;
    memcpy(own, name.data, name.bytes);
    own[name.bytes] = 0;
    c->names[c->name_count++] = own;
}

tuff_status calibration_open(struct calibration *c, struct tuff_context *context, const char *path, struct tuff_onnx **onnx,
                             struct tuff_error *error)
{
    const struct tuff_onnx_params params = {.struct_size = sizeof params, .result = note, .result_user = c};
    return tuff_onnx_open(context, path, &params, onnx, error);
}

static enum tuff_dtype dtype_of(enum tuff_element element)
{
    switch (element) {
    case TUFF_ELEMENT_F16: return TUFF_F16;
    case TUFF_ELEMENT_BF16: return TUFF_BF16;
    case TUFF_ELEMENT_F64: return TUFF_F64;
    case TUFF_ELEMENT_I32: return TUFF_I32;
    case TUFF_ELEMENT_I64: return TUFF_I64;
    case TUFF_ELEMENT_U8: return TUFF_U8;
    case TUFF_ELEMENT_I8: return TUFF_I8;
    case TUFF_ELEMENT_BOOL: return TUFF_BOOL;
    case TUFF_ELEMENT_F32: return TUFF_F32;
    default: return 0;
    }
}

static int by_value(const void *a, const void *b)
{
    const tuff_val x = *(const tuff_val *)a, y = *(const tuff_val *)b;
    return x < y ? -1 : x > y;
}

/* Values of the names that were noted, and of inputs: each once, in the order of the graph. */
static tuff_status take_values(struct calibration *c, const struct feed *feed, struct tuff_error *error)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < feed->input_count; i++)
        note(c, (struct tuff_span){feed->inputs[i].name, strlen(feed->inputs[i].name)}, &feed->inputs[i]);
    c->values = calloc(c->name_count + 1, sizeof *c->values);
    c->ranges = calloc(c->name_count + 1, sizeof *c->ranges);
    if (!c->values || !c->ranges || c->failed) return no_memory(error);
    for (uint32_t i = 0; i < c->name_count; i++) {
        const tuff_val v = tuff_graph_find(c->graph, c->names[i]);
        if (v && tuff_type_of(c->graph, v).dtype == TUFF_F32) c->values[count++] = v;
    }
    qsort(c->values, count, sizeof *c->values, by_value);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!kept || c->values[i] != c->values[kept - 1]) c->values[kept++] = c->values[i];
    for (uint32_t i = 0; i < c->name_count; i++) {
        const tuff_val v = tuff_graph_find(c->graph, c->names[i]);
        const tuff_val *at = v ? bsearch(&v, c->values, kept, sizeof v, by_value) : NULL;
        if (at) c->ranges[at - c->values] = (struct tuff_onnx_range){c->names[i], INFINITY, -INFINITY};
    }
    c->count = kept;
    return kept ? TUFF_OK : refuse(error, TUFF_ERR_UNSUPPORTED, "nothing of the model is computed in f32");
}

static tuff_status build(struct calibration *c, const struct tuff_onnx *onnx, const struct feed *feed,
                         struct tuff_error *error)
{
    for (uint32_t i = 0; i < feed->input_count; i++) {
        const struct tuff_onnx_end *in = &feed->inputs[i];
        struct tuff_shape shape = {.rank = (uint32_t)in->rank};
        for (uint32_t k = 0; k < shape.rank; k++) shape.dim[k] = (uint32_t)in->dim[k];
        if (!dtype_of(in->element))
            return refuse(error, TUFF_ERR_UNSUPPORTED, "input \"%.100s\" has a type that is not covered", in->name);
        c->inputs[i] = tuff_input(c->graph, in->name, dtype_of(in->element), shape);
    }
    c->output_count = tuff_onnx_output_count(onnx);
    c->outputs = calloc(c->output_count + 1, sizeof *c->outputs);
    if (!c->outputs) return no_memory(error);
    const struct tuff_onnx_add_params params = {.struct_size = sizeof params, .inputs = c->inputs};
    tuff_status status = tuff_onnx_add(onnx, c->graph, &params, c->outputs, error);
    for (uint32_t k = 0; status == TUFF_OK && k < c->output_count; k++) {
        const struct tuff_onnx_end out = tuff_onnx_output(onnx, k);
        const enum tuff_dtype dtype = dtype_of(out.element);
        if (!c->outputs[k]) return refuse(error, TUFF_ERR_UNSUPPORTED, "output \"%.100s\" has no elements", out.name);
        if (dtype && tuff_type_on_host(c->graph, c->outputs[k]).dtype != dtype)
            c->outputs[k] = tuff_cast(c->graph, c->outputs[k], dtype);
    }
    return status == TUFF_OK ? take_values(c, feed, error) : status;
}

/* ---- runs --------------------------------------------------------------------------------------------------------------------------------- */

static tuff_status run(const struct calibration *c, struct tuff_executable *executable, struct feed *feed, uint64_t i,
                       struct tuff_error *error)
{
    struct tuff_array arrays[INPUTS];
    tuff_status status = feed_get(feed, i, arrays, error);
    for (uint32_t k = 0; status == TUFF_OK && k < feed->input_count; k++) {
        const enum tuff_dtype dtype = dtype_of(arrays[k].element);
        if (!dtype)
            return refuse(error, TUFF_ERR_UNSUPPORTED, "%.200s: arrays of %s are not taken", feed->folder,
                          tuff_element_name(arrays[k].element));
        status = tuff_executable_write_as(executable, c->inputs[k], dtype, arrays[k].data,
                                          arrays[k].bytes / tuff_element_bytes(arrays[k].element), error);
    }
    if (status == TUFF_OK) status = tuff_executable_run(executable, error);
    return status;
}

static tuff_status compile(const struct calibration *c, const tuff_val *values, uint32_t count,
                           struct tuff_executable **executable, struct tuff_error *error)
{
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = values, .output_count = count};
    return tuff_session_compile(c->session, &params, executable, error);
}

/* The device finds the extremes, of which alone it tells. */
static tuff_status find_extremes(struct calibration *c, struct feed *feed, struct tuff_error *error)
{
    struct tuff_executable *executable = NULL;
    tuff_val *ends = malloc((2 * (size_t)c->count + 1) * sizeof *ends), all = 0;
    float *numbers = malloc((2 * (size_t)c->count + 1) * sizeof *numbers);
    tuff_status status = ends && numbers ? TUFF_OK : no_memory(error);
    for (uint32_t i = 0; status == TUFF_OK && i < c->count; i++) {
        const tuff_val low = tuff_reduce_min(c->graph, c->values[i], 0, TUFF_DROP_AXES);
        const tuff_val high = tuff_reduce_max(c->graph, c->values[i], 0, TUFF_DROP_AXES);
        ends[2 * i] = tuff_reshape(c->graph, low, TUFF_SHAPE(1));
        ends[2 * i + 1] = tuff_reshape(c->graph, high, TUFF_SHAPE(1));
    }
    if (status == TUFF_OK) all = tuff_concat(c->graph, ends, 2 * c->count, 0);
    if (status == TUFF_OK) status = tuff_graph_finish(c->graph, error);
    if (status == TUFF_OK) status = compile(c, &all, 1, &executable, error);
    for (uint64_t k = 0; status == TUFF_OK && k < feed->learned; k++) {
        program_tell("calibrating", (double)k, (double)feed->learned);
        if (program_stopping()) status = TUFF_ERR_CANCELLED;
        if (status == TUFF_OK) status = run(c, executable, feed, k, error);
        if (status == TUFF_OK)
            status = tuff_executable_read(executable, 0, numbers, 2 * (size_t)c->count * sizeof *numbers, error);
        for (uint32_t i = 0; status == TUFF_OK && i < c->count; i++) {
            struct tuff_onnx_range *r = &c->ranges[i];
            const float low = numbers[2 * i], high = numbers[2 * i + 1];
            if (!isfinite(low) || !isfinite(high)) r->low = r->high = NAN;
            if (low < r->low) r->low = low;
            if (high > r->high) r->high = high;
        }
    }
    program_tell("", 0, 0);
    tuff_executable_destroy(executable);
    free(ends);
    free(numbers);
    return status;
}

static void fill(const struct tuff_onnx_range *r, const float *x, uint64_t count, uint64_t *bins)
{
    const float width = (r->high - r->low) / BINS;
    for (uint64_t i = 0; i < count && width > 0; i++) {
        const float at = (x[i] - r->low) / width;
        bins[at >= BINS ? BINS - 1 : at > 0 ? (uint32_t)at : 0]++;
    }
}

/* Leaves out half of what is beyond the percentile at either end; 0 keeps its place where it is an end. */
static void cut(struct tuff_onnx_range *r, const uint64_t *bins, double percentile)
{
    uint64_t all = 0, below = 0, above = 0;
    const float width = (r->high - r->low) / BINS;
    uint32_t low = 0, high = BINS;
    for (uint32_t k = 0; k < BINS; k++) all += bins[k];
    const double most = (double)all * (1 - percentile / 100) / 2;
    while (low < BINS - 1 && (double)(below + bins[low]) <= most) below += bins[low++];
    while (high > low + 1 && (double)(above + bins[high - 1]) <= most) above += bins[--high];
    if (!all) return;
    r->high = r->low + width * (float)high;
    r->low += width * (float)low;
}

/* Once more, for histograms between the extremes. */
static tuff_status find_percentiles(struct calibration *c, struct feed *feed, double percentile, struct tuff_error *error)
{
    struct tuff_executable *executable = NULL;
    uint64_t *bins = calloc((size_t)c->count * BINS + 1, sizeof *bins), most = 1;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct tuff_shape shape = tuff_type_of(c->graph, c->values[i]).shape;
        if (tuff_shape_count(&shape) > most) most = tuff_shape_count(&shape);
    }
    float *numbers = malloc((size_t)most * sizeof *numbers);
    tuff_status status = bins && numbers ? compile(c, c->values, c->count, &executable, error) : no_memory(error);
    for (uint64_t k = 0; status == TUFF_OK && k < feed->learned; k++) {
        program_tell("filling histograms", (double)k, (double)feed->learned);
        if (program_stopping()) status = TUFF_ERR_CANCELLED;
        if (status == TUFF_OK) status = run(c, executable, feed, k, error);
        for (uint32_t i = 0; status == TUFF_OK && i < c->count; i++) {
            const struct tuff_shape shape = tuff_type_of(c->graph, c->values[i]).shape;
            const uint64_t count = tuff_shape_count(&shape);
            status = tuff_executable_read(executable, i, numbers, (size_t)count * sizeof *numbers, error);
            if (status == TUFF_OK) fill(&c->ranges[i], numbers, count, bins + (size_t)i * BINS);
        }
    }
    for (uint32_t i = 0; status == TUFF_OK && i < c->count; i++) cut(&c->ranges[i], bins + (size_t)i * BINS, percentile);
    program_tell("", 0, 0);
    tuff_executable_destroy(executable);
    free(numbers);
    free(bins);
    return status;
}

/* ---- all of it ---------------------------------------------------------------------------------------------------------------------------- */

tuff_status calibrate(struct calibration *c, struct tuff_device *device, const struct tuff_onnx *onnx, struct feed *feed,
                      const struct options *options, struct tuff_error *error)
{
    tuff_status status = tuff_graph_create(feed->context, &c->graph, error);
    if (status == TUFF_OK) status = build(c, onnx, feed, error);
    if (status == TUFF_OK) status = tuff_session_create(device, c->graph, NULL, &c->session, error);
    if (status == TUFF_OK) status = find_extremes(c, feed, error);
    if (status == TUFF_OK && options->percentile > 0) status = find_percentiles(c, feed, options->percentile, error);
    uint32_t kept = 0; /* what is infinite stays a float */
    for (uint32_t i = 0; status == TUFF_OK && i < c->count; i++)
        if (isfinite(c->ranges[i].low) && isfinite(c->ranges[i].high)) c->ranges[kept++] = c->ranges[i];
    if (status == TUFF_OK) c->count = kept;
    return status == TUFF_OK ? plan_ranges(c, onnx, feed, error) : status;
}

void calibration_finish(struct calibration *c)
{
    tuff_session_destroy(c->session);
    tuff_graph_destroy(c->graph);
    for (uint32_t i = 0; i < c->name_count; i++) free(c->names[i]);
    free(c->names);
    free(c->values);
    free(c->ranges);
    free(c->outputs);
}
