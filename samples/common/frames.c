/* frames.c - see frames.h. Colours, then each axis resampled by the tables that tuff_picture_fit has (samples/data/data.h) and turned on the
 * way, then the ground of a padded picture. */
#include "frames.h"

#include <stdlib.h>

/* ---- axes ------------------------------------------------------------------------------------------------------------------------------ */

/* One axis of the sample, as tuff_picture_fit says: `out` elements from the window [origin, origin + length) of `in` pixels, behind
 * `before` elements of ground, of `size` in all. */
struct axis {
    uint32_t in, out, before, size;
    double origin, length;
    bool flip; /* of the upright picture's axis against the sensor's */
};

static double smaller(double a, double b) { return a < b ? a : b; } /* without libm */
static double larger(double a, double b) { return a > b ? a : b; }

/* Both axes of the upright picture: across, down. */
static void place(const struct tuff_preprocess *p, uint32_t width, uint32_t height, struct axis axes[2])
{
    const double w = width, h = height;
    axes[0] = (struct axis){.in = width, .out = p->width, .size = p->width, .length = w};
    axes[1] = (struct axis){.in = height, .out = p->height, .size = p->height, .length = h};
    if (p->mode == TUFF_FIT_CROP) {
        const double f = smaller(w / p->width, h / p->height); /* source pixels for each of the result */
        axes[0].length = smaller(w, f * p->width);
        axes[1].length = smaller(h, f * p->height);
        axes[0].origin = (w - axes[0].length) / 2;
        axes[1].origin = (h - axes[1].length) / 2;
    } else if (p->mode == TUFF_FIT_PAD) {
        const double f = smaller(p->width / w, p->height / h);
        axes[0].out = (uint32_t)smaller(p->width, larger(1, w * f + 0.5));
        axes[1].out = (uint32_t)smaller(p->height, larger(1, h * f + 0.5));
    }
    for (int i = 0; i < 2; i++) axes[i].before = (axes[i].size - axes[i].out) / 2;
}

static double weight_of(const struct axis *a, enum tuff_filter filter, uint32_t i, double k)
{
    const double step = a->length / a->out;
    if (filter == TUFF_FILTER_AREA) {
        const double from = a->origin + i * step, to = a->origin + (i + 1) * step;
        return larger(0, smaller(to, k + 1) - larger(from, k));
    }
    const double distance = (k + 0.5 - (a->origin + (i + 0.5) * step)) / larger(step, 1), d = larger(distance, -distance);
    if (filter == TUFF_FILTER_BILINEAR) return larger(0, 1 - d);
    return d < 1 ? (1.5 * d - 2.5) * d * d + 1 : d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
}

/* Pixels to either side of a centre that may have a weight, and one more for rounding. */
static double reach_of(const struct axis *a, enum tuff_filter filter)
{
    return (filter == TUFF_FILTER_BICUBIC ? 2 : 1) * larger(a->length / a->out, 1) + 1;
}

/* Row i of the tables, of the sensor's pixels. */
static void fill_row(const struct axis *a, enum tuff_filter filter, uint32_t i, uint32_t taps, int32_t *places,
                     float *weights)
{
    const double from = a->origin + (i + 0.5) * a->length / a->out - reach_of(a, filter);
    const uint32_t first = (uint32_t)smaller(larger(0, from), a->in - taps);
    double sum = 0;
    for (uint32_t t = 0; t < taps; t++) sum += weight_of(a, filter, i, first + t);
    for (uint32_t t = 0; t < taps; t++) {
        places[t] = (int32_t)(a->flip ? a->in - 1 - first - t : first + t);
        weights[t] = (float)(weight_of(a, filter, i, first + t) / sum);
    }
}

/* x [1, c, h, w] with `axis` as the sample has it. *full: memory is exhausted. */
static tuff_val resample(struct tuff_graph *g, tuff_val x, int axis, const struct axis *a, enum tuff_filter filter,
                         bool *full)
{
    uint32_t taps = (uint32_t)(2 * reach_of(a, filter)) + 2;
    if (taps > a->in) taps = a->in;
    int32_t *places = calloc((size_t)a->out * taps, sizeof *places);
    float *weights = calloc((size_t)a->out * taps, sizeof *weights);
    tuff_val y = 0;
    if (places && weights) {
        for (uint32_t i = 0; i < a->out; i++)
            fill_row(a, filter, i, taps, places + (size_t)i * taps, weights + (size_t)i * taps);
        const tuff_val p = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(a->out, taps)}, places),
                       w = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(a->out, taps)}, weights);
        y = tuff_resample(g, x, p, w, axis);
    } else {
        *full = true;
    }
    free(places);
    free(weights);
    return y;
}

/* ---- colours --------------------------------------------------------------------------------------------------------------------------- */

/* Whole numbers of 0 to 255, half up. */
static tuff_val rounded(struct tuff_graph *g, tuff_val x)
{
    const tuff_val above = tuff_affine(g, x, 1, 0.5), whole = tuff_floor(g, above);
    return tuff_clamp(g, whole, 0, 255);
}

/* x [1, c, h, w] from its beginning. */
static tuff_val part(struct tuff_graph *g, tuff_val x, uint32_t top, uint32_t left, uint32_t h, uint32_t w)
{
    const uint32_t start[] = {0, 0, top, left}, size[] = {1, tuff_type_of(g, x).shape.dim[1], h, w};
    const int32_t step[] = {1, 1, 1, 1};
    return tuff_slice(g, x, start, step, size);
}

/* RGB [1, 3, h, w] of y [1, 1, h, w], u and v of half the size. */
static tuff_val colours(struct tuff_graph *g, const tuff_val planes[FRAME_PLANES], uint32_t h, uint32_t w)
{
    const tuff_val y = tuff_cast(g, planes[0], TUFF_F32), u = tuff_cast(g, planes[1], TUFF_F32),
                   v = tuff_cast(g, planes[2], TUFF_F32);
    const tuff_val red = tuff_affine(g, v, 1.402, -128 * 1.402), blue = tuff_affine(g, u, 1.772, -128 * 1.772);
    const tuff_val green_u = tuff_affine(g, u, -0.344136, 128 * 0.344136),
                   green_v = tuff_affine(g, v, -0.714136, 128 * 0.714136), green = tuff_add(g, green_u, green_v);
    const tuff_val halves = tuff_concat(g, (const tuff_val[]){red, green, blue}, 3, 1),
                   whole = tuff_upsample_nearest2d(g, halves, 2, 2), chroma = part(g, whole, 0, 0, h, w);
    const tuff_val rgb = tuff_add(g, chroma, y);
    return rounded(g, rgb);
}

/* 299 r + 587 g + 114 b of [1, 3, h, w]: [1, 1, h, w], in thousandths. */
static tuff_val luma(struct tuff_graph *g, tuff_val rgb)
{
    static const float parts[] = {299, 587, 114};
    const tuff_val weights = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(1, 3, 1, 1)}, parts);
    const tuff_val weighted = tuff_mul(g, rgb, weights);
    return tuff_sum(g, weighted, 1 << 1, TUFF_KEEP_AXES);
}

/* Is the mean of the border above 127? [1, 1, 1, 1], bool. */
static tuff_val light_border(struct tuff_graph *g, tuff_val rgb, uint32_t h, uint32_t w)
{
    const tuff_val thousandths = luma(g, rgb), grey = tuff_affine(g, thousandths, 0.001, -127);
    const struct {
        uint32_t top, left, h, w;
    } sides[] = {{0, 0, 1, w}, {h - 1, 0, 1, w}, {0, 0, h, 1}, {0, w - 1, h, 1}};
    tuff_val sum = tuff_scalar(g, 0);
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        const tuff_val side = part(g, grey, sides[i].top, sides[i].left, sides[i].h, sides[i].w),
                       more = tuff_sum(g, side, 0, TUFF_DROP_AXES);
        sum = tuff_add(g, sum, more);
    }
    const tuff_val zero = tuff_scalar(g, 0);
    return tuff_greater(g, sum, zero);
}

/* ---- the graph ---------------------------------------------------------------------------------------------------------------------------- */

static tuff_val sample_of(struct tuff_graph *g, tuff_val rgb, const struct tuff_preprocess *p, const struct frame_layout *l,
                          bool *full)
{
    const bool quarter = l->rotation % 180 != 0;
    const uint32_t w = l->width, h = l->height;
    struct axis axes[2];
    place(p, quarter ? h : w, quarter ? w : h, axes);
    struct axis *of_rows = &axes[quarter ? 0 : 1], *of_columns = &axes[quarter ? 1 : 0]; /* of the sensor */
    of_rows->flip = l->rotation == 90 || l->rotation == 180;
    of_columns->flip = l->rotation == 180 || l->rotation == 270;
    tuff_val x = rgb;
    if (p->channels == 1) { /* rounded as tuff_picture_fit does; half a thousandth keeps whole numbers what they are */
        const tuff_val thousandths = luma(g, rgb), grey = tuff_affine(g, thousandths, 0.001, 0.5005);
        x = tuff_floor(g, grey);
    }
    x = resample(g, x, 2, of_rows, p->filter, full);
    if (p->filter == TUFF_FILTER_BICUBIC) x = tuff_clamp(g, x, 0, 255);
    x = resample(g, x, 3, of_columns, p->filter, full);
    x = rounded(g, x);
    if (p->invert != TUFF_INVERT_NEVER) {
        const tuff_val inverse = tuff_affine(g, x, -1, 255);
        if (p->invert == TUFF_INVERT_LIGHT) {
            const tuff_val light = light_border(g, rgb, h, w);
            x = tuff_select(g, light, inverse, x);
        } else {
            x = inverse;
        }
    }
    if (quarter) x = tuff_permute(g, x, (const uint32_t[]){0, 1, 3, 2});
    const uint32_t before[] = {0, 0, axes[1].before, axes[0].before},
                   after[] = {0, 0, axes[1].size - axes[1].out - axes[1].before,
                              axes[0].size - axes[0].out - axes[0].before};
    if (p->mode == TUFF_FIT_PAD) x = tuff_pad(g, x, before, after, p->ground);
    return tuff_cast(g, x, TUFF_U8);
}

tuff_val frame_sample(struct tuff_graph *g, const struct tuff_preprocess *p, const struct frame_layout *l,
                      tuff_val planes[FRAME_PLANES])
{
    const uint32_t w = l->width, h = l->height, half_w = (w + 1) / 2, half_h = (h + 1) / 2;
    bool full = false;
    planes[0] = tuff_input(g, "y", TUFF_U8, TUFF_SHAPE(1, 1, h, w));
    planes[1] = tuff_input(g, "u", TUFF_U8, TUFF_SHAPE(1, 1, half_h, half_w));
    planes[2] = tuff_input(g, "v", TUFF_U8, TUFF_SHAPE(1, 1, half_h, half_w));
    const tuff_val rgb = colours(g, planes, h, w), x = sample_of(g, rgb, p, l, &full);
    return full ? 0 : tuff_named(g, x, "sample");
}

/* ---- usual layouts ---------------------------------------------------------------------------------------------------------------------- */

static tuff_status compile(struct tuff_device *device, const struct tuff_preprocess *p, const struct frame_layout *l,
                           struct tuff_error *error)
{
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *executable = NULL;
    tuff_val planes[FRAME_PLANES], sample = 0;
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &sample, .output_count = 1};
    tuff_status status = tuff_graph_create(tuff_device_context(device), &g, error);
    if (status == TUFF_OK) {
        sample = frame_sample(g, p, l, planes);
        status = tuff_graph_finish(g, error);
    }
    if (status == TUFF_OK && !sample) status = TUFF_ERR_MEMORY;
    if (status == TUFF_OK) status = tuff_session_create(device, g, NULL, &session, error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &executable, error);
    tuff_executable_destroy(executable);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    return status;
}

tuff_status frames_compile(struct tuff_device *device, const struct tuff_preprocess *p, struct tuff_error *error)
{
    /* Kernels hang on the rotation, on whether rows are whole words, and on how large all is. */
    static const uint32_t sizes[][2] = {{640, 480}, {1920, 1080}, {642, 482}, {641, 481}, {641, 480}, {640, 481}};
    tuff_status status = TUFF_OK;
    for (size_t i = 0; status == TUFF_OK && i < sizeof sizes / sizeof sizes[0]; i++)
        for (uint32_t rotation = 0; status == TUFF_OK && rotation < 360; rotation += 90)
            status = compile(device, p, &(const struct frame_layout){sizes[i][0], sizes[i][1], rotation}, error);
    return status;
}
