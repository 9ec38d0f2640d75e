/* picture_fit.c - resizes a picture to the planes that a network reads.
 *
 * Integer arithmetic with 22-bit weights, so that the result is the same on every machine; the weights are made once per
 * axis, rows first, then columns. */
#include "loaders/preprocess.h"
#include "samples/data/picture.h"

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF /* weights round alike everywhere; gcc does so by -std=c11 */
#endif

/* A sample times the sum of the weights fits 31 bits. KEPT_BITS: of the fraction between the two passes. */
enum { WEIGHT_BITS = 22, KEPT_BITS = 8 };

/* Where an axis of the result comes from. */
struct axis {
    uint32_t in;           /* pixels of the source */
    uint32_t out;          /* pixels of the result */
    double origin, length; /* window in the source */
    uint32_t taps;         /* weights kept per output pixel */
    uint32_t *first;       /* [owned] [out] first source pixel */
    int32_t *weights;      /* [owned] [out, taps], sum 1 << WEIGHT_BITS */
};

/* ---- weights -------------------------------------------------------------------------------------------------------------- */

static double smaller(double a, double b) { return a < b ? a : b; }
static double larger(double a, double b) { return a > b ? a : b; }

static double weight_of(const struct axis *axis, enum tuff_filter filter, uint32_t i, uint32_t k)
{
    double step = axis->length / axis->out;
    if (filter == TUFF_FILTER_AREA) {
        double from = axis->origin + i * step, to = axis->origin + (i + 1) * step;
        return larger(0, smaller(to, k + 1.0) - larger(from, k));
    }
    double centre = axis->origin + (i + 0.5) * step, distance = (k + 0.5 - centre) / larger(step, 1),
           d = distance < 0 ? -distance : distance;
    if (filter == TUFF_FILTER_BILINEAR) return larger(0, 1 - d);
    return d < 1 ? (1.5 * d - 2.5) * d * d + 1 : d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
}

/* Source pixels to either side that may have a weight. */
static double reach_of(const struct axis *axis, enum tuff_filter filter)
{
    double step = axis->length / axis->out;
    return (filter == TUFF_FILTER_BICUBIC ? 2 : 1) * larger(step, 1);
}

/* First source pixel that may have a weight, clamped to the source. */
static uint32_t first_of(const struct axis *axis, enum tuff_filter filter, uint32_t i)
{
    double step = axis->length / axis->out;
    double from = axis->origin + (filter == TUFF_FILTER_AREA ? i * step : (i + 0.5) * step - reach_of(axis, filter) - 0.5);
    if (from < 0) return 0;
    uint32_t last_start = axis->in > axis->taps ? axis->in - axis->taps : 0;
    return from >= last_start ? last_start : (uint32_t)from;
}

/* Rounds the weights of one output pixel to integers whose sum is exact: what is rounded is the sum so far. */
static void quantize(const double *exact, double sum, uint32_t taps, int32_t *weights)
{
    double so_far = 0;
    int32_t before = 0;
    for (uint32_t t = 0; t < taps; t++) {
        so_far += exact[t];
        int32_t now = t + 1 == taps ? 1 << WEIGHT_BITS
                                    : (int32_t)(so_far / sum * (1 << WEIGHT_BITS) + (so_far < 0 ? -0.5 : 0.5));
        weights[t] = now - before;
        before = now;
    }
}

static bool axis_init(struct axis *axis, struct tuff_context *context, enum tuff_filter filter)
{
    double reach = filter == TUFF_FILTER_AREA ? axis->length / axis->out : 2 * reach_of(axis, filter);
    axis->taps = (uint32_t)reach + 3; /* both ends, and rounding */
    if (axis->taps > axis->in) axis->taps = axis->in;
    axis->first = tuff_alloc(context, axis->out * sizeof *axis->first);
    axis->weights = tuff_alloc(context, (size_t)axis->out * axis->taps * sizeof *axis->weights);
    double *exact = tuff_alloc(context, axis->taps * sizeof *exact);
    bool good = axis->first && axis->weights && exact;
    for (uint32_t i = 0; good && i < axis->out; i++) {
        double sum = 0;
        axis->first[i] = first_of(axis, filter, i);
        for (uint32_t t = 0; t < axis->taps; t++) {
            exact[t] = weight_of(axis, filter, i, axis->first[i] + t);
            sum += exact[t];
        }
        quantize(exact, sum, axis->taps, axis->weights + (size_t)i * axis->taps);
    }
    tuff_free(context, exact);
    return good;
}

static void axis_finish(struct axis *axis, struct tuff_context *context)
{
    tuff_free(context, axis->first);
    tuff_free(context, axis->weights);
}

/* ---- channels ------------------------------------------------------------------------------------------------------------- */

/* One channel of one row: of `wanted` 1, grey; of 3, red, green or blue. */
static void read_row(const struct tuff_picture *picture, uint32_t y, uint32_t wanted, uint32_t channel, uint8_t *out)
{
    uint32_t c = picture->channels;
    const uint8_t *p = picture->pixels + (size_t)y * picture->width * c;
    for (uint32_t x = 0; x < picture->width; x++, p += c) {
        uint8_t rgb[3];
        for (uint32_t k = 0; k < 3; k++) rgb[k] = c == 1 ? p[0] : c == 4 ? tuff_over_white(p[k], p[3]) : p[k];
        out[x] = wanted == 3 ? rgb[channel] : (uint8_t)((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
    }
}

/* ---- two passes ----------------------------------------------------------------------------------------------------------- */

struct job {
    const struct tuff_picture *picture;
    const struct tuff_picture_fit_params *params;
    struct axis x, y;
    uint32_t left, top; /* of the picture in the result */
    uint8_t *row;       /* [owned] [in.x] */
    uint16_t *narrow;   /* [owned] [in.y, out.x] with KEPT_BITS of fraction */
    int64_t *sums;      /* [owned] [out.x] */
};

static void narrow_rows(struct job *job, uint32_t channel)
{
    const struct axis *axis = &job->x;
    for (uint32_t y = 0; y < job->y.in; y++) {
        read_row(job->picture, y, job->params->channels, channel, job->row);
        uint16_t *out = job->narrow + (size_t)y * axis->out;
        for (uint32_t i = 0; i < axis->out; i++) {
            const int32_t *weights = axis->weights + (size_t)i * axis->taps;
            const uint8_t *in = job->row + axis->first[i];
            int32_t sum = 1 << (WEIGHT_BITS - KEPT_BITS - 1); /* rounds */
            for (uint32_t t = 0; t < axis->taps; t++) sum += weights[t] * in[t];
            const int32_t v = sum < 0 ? 0 : sum >> (WEIGHT_BITS - KEPT_BITS), most = 255 << KEPT_BITS;
            out[i] = (uint16_t)(v > most ? most : v); /* bicubic weights reach beyond */
        }
    }
}

/* Row i of the result, from the rows of `narrow`. */
static void flatten_row(struct job *job, uint32_t i, uint8_t *out)
{
    const struct axis *axis = &job->y;
    const int32_t *weights = axis->weights + (size_t)i * axis->taps;
    uint8_t flip = job->params->invert ? 255 : 0;
    memset(job->sums, 0, job->x.out * sizeof *job->sums);
    for (uint32_t t = 0; t < axis->taps; t++) {
        const uint16_t *in = job->narrow + (size_t)(axis->first[i] + t) * job->x.out;
        for (uint32_t x = 0; x < job->x.out; x++) job->sums[x] += (int64_t)weights[t] * in[x];
    }
    for (uint32_t x = 0; x < job->x.out; x++) {
        int64_t v = (job->sums[x] + ((int64_t)1 << (WEIGHT_BITS + KEPT_BITS - 1))) >> (WEIGHT_BITS + KEPT_BITS);
        out[x] = (uint8_t)((v < 0 ? 0 : v > 255 ? 255 : v) ^ flip);
    }
}

/* Sets both axes' windows and the place in the result by the mode. */
static void place(struct job *job)
{
    const struct tuff_picture_fit_params *params = job->params;
    double w = job->picture->width, h = job->picture->height;
    job->x = (struct axis){.in = job->picture->width, .out = params->width, .length = w};
    job->y = (struct axis){.in = job->picture->height, .out = params->height, .length = h};
    if (params->mode == TUFF_FIT_CROP) {
        double f = smaller(w / params->width, h / params->height); /* source pixels per result pixel */
        job->x.length = smaller(w, f * params->width);
        job->y.length = smaller(h, f * params->height);
        job->x.origin = (w - job->x.length) / 2;
        job->y.origin = (h - job->y.length) / 2;
    } else if (params->mode == TUFF_FIT_PAD) {
        double f = smaller(params->width / w, params->height / h);
        job->x.out = (uint32_t)smaller(params->width, larger(1, w * f + 0.5));
        job->y.out = (uint32_t)smaller(params->height, larger(1, h * f + 0.5));
        job->left = (params->width - job->x.out) / 2;
        job->top = (params->height - job->y.out) / 2;
    }
}

static void run(struct job *job, uint8_t *out)
{
    const struct tuff_picture_fit_params *params = job->params;
    size_t plane = (size_t)params->width * params->height;
    memset(out, params->invert ? 255 - params->padding : params->padding, plane * params->channels);
    for (uint32_t c = 0; c < params->channels; c++) {
        narrow_rows(job, c);
        uint8_t *to = out + c * plane + (size_t)job->top * params->width + job->left;
        for (uint32_t y = 0; y < job->y.out; y++) flatten_row(job, y, to + (size_t)y * params->width);
    }
}

tuff_status tuff_fit_check(struct tuff_context *context, const char *function, const struct tuff_picture_fit_params *params,
                           struct tuff_error *error)
{
    const struct tuff_preprocess same = {.channels = params->channels,
                                         .height = params->height,
                                         .width = params->width,
                                         .mode = params->mode,
                                         .filter = params->filter};
    return tuff_preprocess_check(context, function, &same, error);
}

tuff_status tuff_picture_fit(struct tuff_context *context, const struct tuff_picture *picture,
                             const struct tuff_picture_fit_params *params, uint8_t *out, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && picture && params && out);
    TUFF_REQUIRE(context, error, params->struct_size == sizeof *params && picture->pixels);
    TUFF_TRY(tuff_fit_check(context, __func__, params, error));
    TUFF_TRY(tuff_picture_check(context, __func__, picture, error));
    struct job job = {.picture = picture, .params = params};
    place(&job);
    bool good = axis_init(&job.x, context, params->filter);
    good = axis_init(&job.y, context, params->filter) && good;
    job.row = tuff_alloc(context, job.x.in);
    uint64_t narrow = (uint64_t)job.y.in * job.x.out * sizeof *job.narrow;
    job.narrow = narrow > SIZE_MAX / 2 ? NULL : tuff_alloc(context, (size_t)narrow);
    job.sums = tuff_alloc(context, job.x.out * sizeof *job.sums);
    good = good && job.row && job.narrow && job.sums;
    if (good) run(&job, out);
    axis_finish(&job.x, context);
    axis_finish(&job.y, context);
    tuff_free(context, job.row);
    tuff_free(context, job.narrow);
    tuff_free(context, job.sums);
    return good ? TUFF_OK : tuff_fail_memory(context, error);
}
