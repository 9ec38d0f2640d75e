/* graph_augment.c - tuff_augment, evaluated in double, against a plain reference that is given the same uniform numbers (Philox of seed and element):
 * each part alone, and all together; what must be exact; how often and how far what is drawn goes; Beta; refusals. The reference is written after
 * torchvision's transforms.v2, sample by sample. */
#include "graph/graph.h"
#include "graph/philox.h"
#include "tests/graph_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned failures;

#define check(...) graph_check(&failures, __VA_ARGS__)

/* The columns of the draws, as graph/augment.c has them: checkpoints hang on them. Of pairs the first is of columns, the second of rows. */
enum { FLIP = 0, SHIFT = 2, ROTATE = 4, SHEAR, ZOOM, BRIGHTNESS, CONTRAST, SATURATION, HUE, CROP, ERASE = 13, ERASES = 15 };
enum { MIXES = 16, LAMBDA, CUT, TRIED = 20, TRIES = 10, DRAWS = 60 };
enum { SEED = 77, CLASSES = 4 };

typedef struct tuff_augment_params augment;

/* ---- the reference -------------------------------------------------------------------------------------------------------------------- */

static double between(const double *u, int which, double least, double most) { return least + (most - least) * u[which]; }
static double below(const double *u, int which, double count) { return floor(u[which] * count); }

struct rectangle {
    double left, top, width, height;
    bool fits;
};

static struct rectangle rectangle(const double *u, uint32_t w, uint32_t h, struct tuff_range scale, struct tuff_range ratio,
                                  bool tall, double less, int begins, int tried)
{
    struct rectangle r = {0};
    for (int k = 0; k < TRIES && !r.fits; k++) {
        double area = between(u, tried + k, scale.least, scale.most) * w * h;
        double aspect = exp(between(u, tried + TRIES + k, log(ratio.least), log(ratio.most)));
        double wide = nearbyint(sqrt(tall ? area / aspect : area * aspect)),
               high = nearbyint(sqrt(tall ? area * aspect : area / aspect));
        bool fits = wide >= 1 && high >= 1 && wide <= w - less && high <= h - less;
        if (k == 0 || fits) r.width = fmin(fmax(wide, 1), w), r.height = fmin(fmax(high, 1), h), r.fits = fits;
    }
    r.left = below(u, begins, w - r.width + 1), r.top = below(u, begins + 1, h - r.height + 1);
    return r;
}

static double reflected(double at, double size)
{
    if (size == 1) return 0;
    at = fmod(fabs(at), 2 * (size - 1));
    return at > size - 1 ? 2 * (size - 1) - at : at;
}

/* x [h, w] at a place, between its four neighbours */
static double looked_up(const double *x, uint32_t w, uint32_t h, double column, double row, enum tuff_sample_padding padding)
{
    if (padding == TUFF_SAMPLE_ZEROS && (column < -0.5 || column > w - 0.5 || row < -0.5 || row > h - 0.5)) return 0;
    if (padding == TUFF_SAMPLE_REFLECTION) column = reflected(column, w), row = reflected(row, h);
    column = fmin(fmax(column, 0), w - 1.0), row = fmin(fmax(row, 0), h - 1.0);
    uint32_t j = (uint32_t)column, i = (uint32_t)row, right = j + 1 < w ? j + 1 : j, down = i + 1 < h ? i + 1 : i;
    double a = column - j, b = row - i;
    return (1 - b) * ((1 - a) * x[i * w + j] + a * x[i * w + right]) +
           b * ((1 - a) * x[down * w + j] + a * x[down * w + right]);
}

struct picture {
    uint32_t n, c, h, w;
};

/* torchvision.transforms.functional's affine (inverse matrix), hflip, resized_crop and crop, as the place in x of an element of the result. */
static void place(const augment *p, const double *u, const struct picture *from, const struct picture *to, double j,
                  double i, double at[2])
{
    struct rectangle crop = {0, 0, from->w, from->h, true};
    struct tuff_range ratio = p->crop_ratio.most > 0 ? p->crop_ratio : (struct tuff_range){3.0 / 4, 4.0 / 3};
    if (p->crop.most > 0) crop = rectangle(u, from->w, from->h, p->crop, ratio, false, 0, CROP, TRIED);
    double x = j + 0.5 - to->w / 2.0, y = i + 0.5 - to->h / 2.0, pi = acos(-1);
    if (p->shift) x -= below(u, SHIFT, 2 * p->shift + 1) - p->shift, y -= below(u, SHIFT + 1, 2 * p->shift + 1) - p->shift;
    double angle = between(u, ROTATE, -p->rotate, p->rotate) * pi / 180,
           shear = between(u, SHEAR, -p->shear, p->shear) * pi / 180;
    double a = cos(angle), b = -cos(angle) * tan(shear) - sin(angle), c = sin(angle),
           d = cos(angle) - sin(angle) * tan(shear);
    double zoom = p->zoom.most > 0 ? between(u, ZOOM, p->zoom.least, p->zoom.most) : 1;
    double across = (d * x - b * y) / zoom, down = (a * y - c * x) / zoom;
    if (u[FLIP] < p->flip) across = -across;
    if (u[FLIP + 1] < p->flip_vertical) down = -down;
    at[0] = crop.left + crop.width / 2 - 0.5 + across * crop.width / to->w;
    at[1] = crop.top + crop.height / 2 - 0.5 + down * crop.height / to->h;
}

static double clamped(double v) { return v < 0 ? 0 : v > 1 ? 1 : v; }
static double luma(const double *rgb) { return 0.2989 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]; }

/* torchvision's _rgb_to_hsv, a turn, _hsv_to_rgb */
static void turn_hue(double *rgb, double by)
{
    double most = fmax(fmax(rgb[0], rgb[1]), rgb[2]), least = fmin(fmin(rgb[0], rgb[1]), rgb[2]), chroma = most - least;
    double s = most > 0 ? chroma / most : 0, over = chroma > 0 ? chroma : 1, v = most;
    double rc = (most - rgb[0]) / over, gc = (most - rgb[1]) / over, bc = (most - rgb[2]) / over;
    double h = most == rgb[0] ? bc - gc : most == rgb[1] ? 2 + rc - bc : 4 + gc - rc;
    h = fmod(h / 6 + 1, 1) + by;
    h -= floor(h);
    double i = floor(h * 6), f = h * 6 - i, low = v * (1 - s), q = v * (1 - s * f), t = v * (1 - s * (1 - f));
    const double all[6][3] = {{v, t, low}, {q, v, low}, {low, v, t}, {low, q, v}, {t, low, v}, {v, low, q}};
    for (int k = 0; k < 3; k++) rgb[k] = all[(int)i % 6][k];
}

static void colour(const augment *p, const double *u, const struct picture *to, double *y)
{
    uint32_t plane = to->h * to->w, count = to->c * plane;
    double f[3] = {between(u, BRIGHTNESS, fmax(0, 1 - p->brightness), 1 + p->brightness),
                   between(u, CONTRAST, fmax(0, 1 - p->contrast), 1 + p->contrast),
                   between(u, SATURATION, fmax(0, 1 - p->saturation), 1 + p->saturation)};
    double mean = 0;
    for (uint32_t i = 0; i < count && p->brightness > 0; i++) y[i] = clamped(f[0] * y[i]);
    for (uint32_t i = 0; i < plane && p->contrast > 0; i++)
        mean += (to->c == 1 ? y[i] : luma((const double[]){y[i], y[plane + i], y[2 * plane + i]})) / plane;
    for (uint32_t i = 0; i < count && p->contrast > 0; i++) y[i] = clamped(f[1] * y[i] + (1 - f[1]) * mean);
    for (uint32_t i = 0; i < plane && to->c == 3; i++) {
        double rgb[3] = {y[i], y[plane + i], y[2 * plane + i]}, grey = luma(rgb);
        for (int k = 0; k < 3 && p->saturation > 0; k++) rgb[k] = clamped(f[2] * rgb[k] + (1 - f[2]) * grey);
        if (p->hue > 0) turn_hue(rgb, between(u, HUE, -p->hue, p->hue));
        for (uint32_t k = 0; k < 3; k++) y[k * plane + i] = rgb[k];
    }
}

/* I_x(a, a) B(a, a) for x up to 1/2 by Simpson's rule; below 1 of s = t^a, as t^(a - 1) has no end at 0 */
static double beta_integral(double x, double a)
{
    enum { STEPS = 2000 };
    double end = a < 1 ? pow(x, a) : x, sum = 0;
    for (int i = 0; i <= STEPS; i++) {
        double s = end * i / STEPS, v = a < 1 ? pow(1 - pow(s, 1 / a), a - 1) / a : pow(s * (1 - s), a - 1);
        sum += v * (i == 0 || i == STEPS ? 1 : i % 2 ? 4 : 2);
    }
    return sum * end / STEPS / 3;
}

static double beta_quantile(double u, double a)
{
    double near = fmin(u, 1 - u), low = 0, high = 0.5, whole = 2 * beta_integral(0.5, a);
    for (int k = 0; k < 40; k++) *(beta_integral((low + high) / 2, a) < near * whole ? &low : &high) = (low + high) / 2;
    return u < 0.5 ? low : 1 - low;
}

/* y and t mixed with those of the sample before, which are at `before` */
static void mix(const augment *p, const double *u, const struct picture *to, double *y, double *t, const double *y_before,
                const double *t_before)
{
    bool both = p->mixup > 0 && p->cutmix > 0, cuts = both ? u[MIXES] < 0.5 : p->cutmix > 0;
    double lambda = beta_quantile(u[LAMBDA], cuts ? p->cutmix : p->mixup), share = lambda;
    double r = 0.5 * sqrt(1 - lambda), cx = below(u, CUT, to->w), cy = below(u, CUT + 1, to->h);
    double left = fmax(cx - floor(r * to->w), 0), right = fmin(cx + floor(r * to->w), to->w);
    double top = fmax(cy - floor(r * to->h), 0), bottom = fmin(cy + floor(r * to->h), to->h);
    if (cuts) share = 1 - (right - left) * (bottom - top) / ((double)to->w * to->h);
    for (uint32_t i = 0; i < to->c * to->h * to->w; i++) {
        double row = i / to->w % to->h, column = i % to->w;
        bool inside = row >= top && row < bottom && column >= left && column < right;
        double weight = cuts ? !inside : lambda;
        y[i] = weight * y[i] + (1 - weight) * y_before[i];
    }
    for (uint32_t i = 0; i < CLASSES; i++) t[i] = share * t[i] + (1 - share) * t_before[i];
}

static void augmented(const augment *p, const double *draws, const struct picture *from, const struct picture *to,
                      const double *x, const double *targets, double *y, double *t)
{
    uint32_t each = to->c * to->h * to->w, plane = to->h * to->w;
    double *all = malloc(sizeof *all * to->n * each);
    if (!all) abort();
    for (uint32_t n = 0; n < to->n; n++) {
        const double *u = draws + n * DRAWS;
        double *picture = all + n * each;
        for (uint32_t i = 0; i < each; i++) {
            double at[2];
            place(p, u, from, to, i % to->w, i / to->w % to->h, at);
            picture[i] = looked_up(x + (n * to->c + i / plane) * from->h * from->w, from->w, from->h, at[0], at[1],
                                   p->padding);
        }
        colour(p, u, to, picture);
        for (uint32_t i = 0; i < each; i++)
            picture[i] = (picture[i] - (p->mean ? p->mean[i / plane] : 0)) / (p->std ? p->std[i / plane] : 1);
        struct tuff_range scale = p->erase_scale.most > 0 ? p->erase_scale : (struct tuff_range){0.02, 0.33},
                          ratio = p->erase_ratio.most > 0 ? p->erase_ratio : (struct tuff_range){0.3, 3.3};
        struct rectangle hole = rectangle(u, to->w, to->h, scale, ratio, true, 1, ERASE, TRIED + 2 * TRIES);
        for (uint32_t i = 0; i < each && hole.fits && u[ERASES] < p->erase; i++) {
            double row = i / to->w % to->h, column = i % to->w;
            if (row >= hole.top && row < hole.top + hole.height && column >= hole.left && column < hole.left + hole.width)
                picture[i] = 0;
        }
    }
    memcpy(y, all, sizeof *all * to->n * each);
    memcpy(t, targets, sizeof *t * to->n * CLASSES);
    for (uint32_t n = 0; n < to->n && (p->mixup > 0 || p->cutmix > 0); n++) {
        uint32_t before = (n + to->n - 1) % to->n;
        mix(p, draws + n * DRAWS, to, y + n * each, t + n * CLASSES, all + before * each, targets + before * CLASSES);
    }
    free(all);
}

/* ---- against it ----------------------------------------------------------------------------------------------------------------------- */

static void draws_of(uint32_t n, double *draws)
{
    for (uint32_t i = 0; i < n * DRAWS; i++) draws[i] = (double)tuff_philox_uniform(SEED, 0, 0, 0, i);
}

static bool evaluate(struct tuff_graph *g, const tuff_val *values, double *const *got, uint32_t count, const char *what)
{
    struct tuff_error error = {0};
    struct tuff_evaluate_params params = {
        .struct_size = sizeof params, .outputs = values, .output_count = count, .seed = SEED};
    tuff_status status = tuff_graph_finish(g, &error);
    if (status == TUFF_OK) status = tuff_evaluate(g, &params, got, &error);
    return check(status == TUFF_OK, "%s: %s", what, error.message);
}

static const double mean[] = {0.4, 0.5, 0.3}, deviation[] = {0.2, 0.25, 0.3};
#define ALL                                                                                                                 \
    .flip = 0.5, .flip_vertical = 0.3, .shift = 2, .crop = {0.3, 1}, .rotate = 20, .shear = 10, .zoom = {0.8, 1.2},         \
    .brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .hue = 0.2, .mean = mean, .std = deviation, .erase = 0.5
static const struct {
    const char *name;
    augment p;
    struct picture from;
    uint32_t h, w;    /* of the result */
    double tolerance; /* what tables and numbers of f32 leave; 0: exact but for rounding in double */
} cases[] = {
    {"nothing", {.flip = 0}, {3, 3, 5, 7}, 5, 7, 0},
    {"flip", {.flip = 0.5}, {8, 3, 5, 7}, 5, 7, 0},
    {"flip_vertical", {.flip_vertical = 0.5}, {8, 1, 5, 7}, 5, 7, 0},
    {"shift, zeros", {.shift = 3}, {8, 2, 6, 7}, 6, 7, 0},
    {"shift, border", {.shift = 4, .padding = TUFF_SAMPLE_BORDER}, {8, 2, 6, 7}, 6, 7, 0},
    {"shift, reflection", {.shift = 9, .padding = TUFF_SAMPLE_REFLECTION}, {8, 1, 3, 4}, 3, 4, 0},
    {"crop", {.crop = {0.08, 1}}, {16, 3, 9, 12}, 9, 12, 0},
    {"crop to another size",
     {.crop = {0.2, 0.9}, .crop_ratio = {0.5, 2}, .padding = TUFF_SAMPLE_BORDER},
     {8, 1, 9, 12},
     16,
     5,
     0},
    {"crop that does not fit", {.crop = {0.9, 1}, .crop_ratio = {1, 1.1}}, {8, 1, 3, 14}, 3, 14, 0},
    {"larger", {.flip = 0}, {2, 3, 5, 6}, 11, 16, 0},
    {"smaller, flipped", {.flip = 0.5}, {4, 1, 15, 10}, 7, 5, 0},
    {"rotate", {.rotate = 180}, {8, 1, 9, 9}, 9, 9, 0},
    {"shear", {.shear = 45}, {8, 1, 9, 7}, 9, 7, 0},
    {"zoom", {.zoom = {0.5, 2}}, {8, 2, 8, 9}, 8, 9, 0},
    {"turned, border",
     {.rotate = 30, .shear = 20, .zoom = {0.7, 1.4}, .padding = TUFF_SAMPLE_BORDER},
     {8, 1, 8, 9},
     8,
     9,
     0},
    {"turned, reflection", {.rotate = 90, .zoom = {0.3, 1}, .padding = TUFF_SAMPLE_REFLECTION}, {8, 1, 8, 9}, 12, 7, 0},
    {"brightness", {.brightness = 0.8}, {8, 3, 5, 5}, 5, 5, 0},
    {"brightness of more than 1", {.brightness = 2}, {8, 1, 5, 5}, 5, 5, 0},
    {"contrast", {.contrast = 0.8}, {8, 3, 5, 5}, 5, 5, 0},
    {"contrast of one channel", {.contrast = 1}, {8, 1, 5, 5}, 5, 5, 0},
    {"saturation", {.saturation = 0.8}, {8, 3, 5, 5}, 5, 5, 0},
    {"saturation of one channel", {.saturation = 0.8, .hue = 0.3}, {4, 1, 5, 5}, 5, 5, 0},
    {"hue", {.hue = 0.5}, {16, 3, 5, 5}, 5, 5, 0},
    {"normalisation", {.mean = mean, .std = deviation}, {2, 3, 5, 5}, 5, 5, 0},
    {"erase", {.erase = 0.7}, {32, 2, 9, 12}, 9, 12, 0},
    {"erase, by own numbers", {.erase = 1, .erase_scale = {0.1, 0.6}, .erase_ratio = {1, 1}}, {16, 1, 9, 7}, 9, 7, 0},
    {"mixup", {.mixup = 0.2}, {8, 1, 3, 4}, 3, 4, 1e-5},
    {"mixup of 1", {.mixup = 1}, {8, 1, 3, 4}, 3, 4, 1e-6},
    {"cutmix", {.cutmix = 1}, {16, 3, 9, 12}, 9, 12, 0},
    {"cutmix of one sample", {.cutmix = 1}, {1, 1, 5, 5}, 5, 5, 0},
    {"either", {.mixup = 2, .cutmix = 0.5}, {16, 1, 8, 8}, 8, 8, 1e-5},
    {"all", {ALL, .mixup = 0.4, .cutmix = 1}, {16, 3, 12, 10}, 9, 11, 1e-4},
    {"all, not training", {ALL, .mixup = 0.4, .cutmix = 1}, {2, 3, 12, 10}, 9, 11, 0},
};

static void check_case(struct tuff_context *context, uint32_t k)
{
    const struct picture from = cases[k].from, to = {from.n, from.c, cases[k].h, cases[k].w};
    uint32_t count = from.n * from.c * from.h * from.w, results = to.n * to.c * to.h * to.w;
    double *x = malloc(sizeof *x * count), *y = malloc(sizeof *y * results), *got = malloc(sizeof *got * results);
    float *stored = malloc(sizeof *stored * count);
    double targets[32 * CLASSES], t[32 * CLASSES], got_t[32 * CLASSES], draws[32 * DRAWS];
    if (!x || !y || !got || !stored) abort();
    for (uint32_t i = 0; i < count; i++) x[i] = (double)(stored[i] = (float)((i * 2654435761u >> 8) % 256) / 255);
    for (uint32_t i = 0; i < from.n * CLASSES; i++) targets[i] = i % CLASSES == i / CLASSES % 3;
    draws_of(from.n, draws);
    augment p = cases[k].p, plain = {.mean = p.mean, .std = p.std};
    p.struct_size = sizeof p, p.height = to.h, p.width = to.w;
    p.training = !strstr(cases[k].name, "not training");
    struct tuff_graph *g = graph_fresh(context);
    tuff_val in = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(from.n, from.c, from.h, from.w)}, stored);
    tuff_val labels = tuff_constant(g, (struct tuff_type){TUFF_F64, TUFF_SHAPE(from.n, CLASSES)}, targets);
    struct tuff_augmented a = tuff_augment(g, in, labels, &p);
    augmented(p.training ? &p : &plain, draws, &from, &to, x, targets, y, t);
    double worst = 0, worst_t = 0, tolerance = cases[k].tolerance > 0 ? cases[k].tolerance : 1e-6;
    if (evaluate(g, (tuff_val[]){a.x, a.targets}, (double *const[]){got, got_t}, 2, cases[k].name)) {
        for (uint32_t i = 0; i < results; i++) worst = fmax(worst, fabs(got[i] - y[i]));
        for (uint32_t i = 0; i < from.n * CLASSES; i++) worst_t = fmax(worst_t, fabs(got_t[i] - t[i]));
        check(worst <= tolerance && worst_t <= tolerance, "%s: pictures are off by %g, targets by %g, expected %g at most",
              cases[k].name, worst, worst_t, tolerance);
    }
    tuff_graph_destroy(g);
    free(x), free(y), free(got), free(stored);
}

/* Whole pictures, whatever type: u8 is divided by 255, f16 is read as it is; a flip of all is one of u8. */
static void check_types(struct tuff_context *context)
{
    const augment p = {.struct_size = sizeof p, .training = true, .flip = 1};
    const uint8_t stored[] = {0, 51, 255, 102};
    double got[4], due[] = {0.2, 0, 0.4, 1};
    struct tuff_graph *g = graph_fresh(context);
    tuff_val x = tuff_constant(g, (struct tuff_type){TUFF_U8, TUFF_SHAPE(1, 1, 2, 2)}, stored);
    evaluate(g, &(tuff_val){tuff_augment(g, x, 0, &p).x}, (double *const[]){got}, 1, "u8");
    for (int i = 0; i < 4; i++) check(fabs(got[i] - due[i]) < 1e-7, "u8: element %d is %g, expected %g", i, got[i], due[i]);
    tuff_graph_destroy(g);
}

/* Where it predicts nothing is drawn, and a graph needs no generator. */
static void check_inference(struct tuff_context *context)
{
    const augment p = {.struct_size = sizeof p, ALL, .height = 8, .mixup = 1};
    struct tuff_graph *g = graph_fresh(context);
    tuff_augment(g, tuff_full(g, TUFF_F32, TUFF_SHAPE(2, 3, 4, 4), 0), 0, &p);
    check(tuff_graph_finish(g, NULL) == TUFF_OK, "inference, without targets, is refused");
    check(tuff_graph_leaf_count(g) == 0, "inference has %u states", (unsigned)tuff_graph_leaf_count(g));
    tuff_graph_destroy(g);
}

/* ---- draws ---------------------------------------------------------------------------------------------------------------------------- */

enum { MANY = 4096 };

/* Means and counts of many samples lie within five deviations of what they should be: each of these checks fails for one seed in a million. */
static void check_mean(const char *what, double sum, double mean_of, double variance)
{
    double off = fabs(sum / MANY - mean_of), most = 5 * sqrt(variance / MANY);
    check(off <= most, "%s: the mean is %g, expected %g, off by %g at most", what, sum / MANY, mean_of, most);
}

/* Pictures of 1 x 1 and maps alone: how often, how far. */
static void check_moves(struct tuff_context *context)
{
    static double maps[MANY][2][3];
    const augment p = {.struct_size = sizeof p, .training = true, .flip = 0.3, .flip_vertical = 0.8, .shift = 2};
    struct tuff_graph *g = graph_fresh(context);
    tuff_val x = tuff_full(g, TUFF_F32, TUFF_SHAPE(MANY, 1, 9, 9), 0);
    evaluate(g, &(tuff_val){tuff_augment(g, x, 0, &p).map}, (double *const[]){maps[0][0]}, 1, "moves");
    double across = 0, down = 0, shifts[5] = {0};
    for (int i = 0; i < MANY; i++) {
        bool back = maps[i][0][0] < 0;
        double by = back ? maps[i][0][2] - 8 : -maps[i][0][2]; /* column j of the result is j - by, or 8 - (j - by) */
        check(fabs(maps[i][0][0]) == 1 && maps[i][0][1] == 0 && fabs(maps[i][1][1]) == 1, "map %d does not only flip", i);
        if (!check(by == floor(by) && fabs(by) <= 2, "map %d shifts by %g", i, by)) break;
        across += back, down += maps[i][1][1] < 0, shifts[(int)by + 2]++;
    }
    check_mean("flips", across, 0.3, 0.3 * 0.7);
    check_mean("vertical flips", down, 0.8, 0.8 * 0.2);
    for (int k = 0; k < 5; k++) check_mean("shifts", shifts[k], 0.2, 0.2 * 0.8);
    tuff_graph_destroy(g);
}

static void check_crops(struct tuff_context *context)
{
    static double maps[MANY][2][3];
    const augment p = {.struct_size = sizeof p, .training = true, .crop = {0.08, 1}};
    enum { SIDE = 500 };
    struct tuff_graph *g = graph_fresh(context);
    tuff_val x = tuff_full(g, TUFF_F32, TUFF_SHAPE(MANY, 1, SIDE, SIDE), 0);
    evaluate(g, &(tuff_val){tuff_augment(g, x, 0, &p).map}, (double *const[]){maps[0][0]}, 1, "crops");
    double least = 1, most = 0, above = 0, area_of = 0;
    for (int i = 0; i < MANY; i++) {
        double w = maps[i][0][0], h = maps[i][1][1], left = maps[i][0][2] + 0.5 - w / 2, top = maps[i][1][2] + 0.5 - h / 2;
        least = fmin(least, w * h), most = fmax(most, w * h), above += w > h, area_of += w * h;
        check(left >= -1e-3 && top >= -1e-3 && left + w * SIDE <= SIDE + 1e-3 && top + h * SIDE <= SIDE + 1e-3 &&
                  w / h > 0.74 && w / h < 1.35,
              "crop %d: %g x %g at %g, %g", i, w, h, left, top);
    }
    check(least > 0.079 && least < 0.085 && most > 0.98, "areas are from %g to %g", least, most);
    check_mean("wide crops", above, 0.5, 0.25);
    /* Within a try the area s is uniform, but is refused where max(r, 1 / r) > 1 / s, r log-uniform: P(fits) = min(1, -log s / log (4/3)). */
    double all = 0, mean_area = 0, square = 0;
    for (int i = 0; i < 100000; i++) {
        double s = 0.08 + 0.92 * (i + 0.5) / 100000, fits = fmin(1, -log(s) / log(4.0 / 3));
        all += fits, mean_area += fits * s, square += fits * s * s;
    }
    mean_area /= all;
    check_mean("areas", area_of, mean_area, square / all - mean_area * mean_area);
    tuff_graph_destroy(g);
}

static void check_holes(struct tuff_context *context)
{
    enum { SIDE = 20 };
    static double got[MANY];
    const augment p = {.struct_size = sizeof p, .training = true, .erase = 0.4};
    struct tuff_graph *g = graph_fresh(context);
    tuff_val x = tuff_full(g, TUFF_F32, TUFF_SHAPE(MANY, 1, SIDE, SIDE), 1);
    tuff_val left = tuff_mean(g, tuff_augment(g, x, 0, &p).x, 2 | 4 | 8, TUFF_DROP_AXES);
    evaluate(g, &left, (double *const[]){got}, 1, "holes");
    double erased = 0;
    for (int i = 0; i < MANY; i++) {
        double hole = 1 - got[i];
        erased += hole > 0;
        check(hole == 0 || (hole > 0.01 && hole < 0.36), "hole %d is %g of the picture", i, hole);
    }
    check_mean("holes", erased, 0.4, 0.4 * 0.6);
    tuff_graph_destroy(g);
}

/* Weights of Beta(alpha, alpha): mean 1/2, variance v = 1 / (4 (2 alpha + 1)), fourth central moment 3 v^2 (2 alpha + 1) / (2 alpha + 3). And the table
 * between its rows: what a uniform number becomes is where the distribution function is that number. */
static void check_beta(struct tuff_context *context)
{
    static const double alphas[] = {0.05, 0.2, 0.5, 1, 1.5, 4, 32};
    static double got[MANY][2], draws[MANY * DRAWS], in[MANY * 2];
    draws_of(MANY, draws);
    for (int i = 0; i < 2 * MANY; i++) in[i] = i % 4 == 0; /* sample 2 k is (1, 0), 2 k + 1 (0, 0) */
    for (size_t k = 0; k < TUFF_COUNT(alphas); k++) {
        const augment p = {.struct_size = sizeof p, .training = true, .mixup = alphas[k]};
        struct tuff_graph *g = graph_fresh(context);
        tuff_val x = tuff_full(g, TUFF_F32, TUFF_SHAPE(MANY, 1, 1, 1), 0);
        tuff_val t = tuff_constant(g, (struct tuff_type){TUFF_F64, TUFF_SHAPE(MANY, 2)}, in);
        evaluate(g, &(tuff_val){tuff_augment(g, x, t, &p).targets}, (double *const[]){got[0]}, 1, "beta");
        double sum = 0, squares = 0, variance = 1 / (4 * (2 * alphas[k] + 1)), worst = 0;
        for (int i = 0; i < MANY; i++) {
            double lambda = i % 2 ? 1 - got[i][0] : got[i][0];
            check(lambda >= 0 && lambda <= 1, "Beta(%g): %g", alphas[k], lambda);
            sum += lambda, squares += (lambda - 0.5) * (lambda - 0.5);
            if (i < 64) worst = fmax(worst, fabs(lambda - beta_quantile(draws[i * DRAWS + LAMBDA], alphas[k])));
        }
        check(worst < 3e-5, "Beta(%g): numbers are off by %g", alphas[k], worst);
        check_mean("Beta", sum, 0.5, variance);
        check_mean("Beta's variance", squares, variance,
                   variance * variance * (3 * (2 * alphas[k] + 1) / (2 * alphas[k] + 3) - 1));
        tuff_graph_destroy(g);
    }
}

/* ---- maps ------------------------------------------------------------------------------------------------------------------------------ */

/* A quarter of a turn is a transposed picture whose rows run back; a whole move copies, and beyond x is what the padding says. */
static void check_maps(struct tuff_context *context)
{
    static const float maps[] = {0, 1, 0, -1, 0, 3, 1, 0, -2, 0, 1, 1};
    float x[2 * 4 * 4];
    double got[3][32];
    for (int i = 0; i < 32; i++) x[i] = (float)(i + 1);
    for (int mode = 0; mode < 3; mode++) {
        struct tuff_graph *g = graph_fresh(context);
        tuff_val in = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(2, 1, 4, 4)}, x), out[3];
        tuff_val map = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(2, 2, 3)}, maps);
        for (int pad = 0; pad < 3; pad++)
            out[pad] = tuff_affine_sample(g, in, map,
                                          (struct tuff_affine_sample_params){.mode = (enum tuff_sample_mode)mode,
                                                                             .padding = (enum tuff_sample_padding)pad});
        evaluate(g, out, (double *const[]){got[0], got[1], got[2]}, 3, "maps");
        for (int i = 0; i < 16; i++) {
            int column = i % 4 - 2, row = i / 4 + 1;
            const int columns[] = {column, column < 0 ? 0 : column, abs(column)},
                      rows[] = {row, row > 3 ? 3 : row, row > 3 ? 6 - row : row};
            for (int pad = 0; pad < 3; pad++) {
                bool beyond = pad == 0 && (column < 0 || row > 3);
                double turned = (double)x[(3 - i % 4) * 4 + i / 4],
                       moved = beyond ? 0 : (double)x[16 + rows[pad] * 4 + columns[pad]];
                check(got[pad][i] == turned, "mode %d, padding %d: turned element %d is %g, expected %g", mode, pad, i,
                      got[pad][i], turned);
                check(got[pad][16 + i] == moved, "mode %d, padding %d: moved element %d is %g, expected %g", mode, pad, i,
                      got[pad][16 + i], moved);
            }
        }
        tuff_graph_destroy(g);
    }
}

/* ---- refusals -------------------------------------------------------------------------------------------------------------------------- */

static const struct {
    augment p;
    tuff_status status;
    const char *parts[2];
} refusals[] = {
    {{.std = (const double[]){1, 0, 1}}, TUFF_ERR_USAGE, {"augment of f32 [2, 3, 4, 4]", "std[1] 0, not finite"}},
    {{.std = (const double[]){1, 1, -0.5}}, TUFF_ERR_USAGE, {"augment", "std[2] -0.5"}},
    {{.std = (const double[]){1e-60, 1, 1}}, TUFF_ERR_USAGE, {"augment", "std[0] 0"}},
    {{.mean = (const double[]){NAN, 0, 0}}, TUFF_ERR_USAGE, {"augment", "mean[0] is nan"}},
    {{.flip = 1.5}, TUFF_ERR_USAGE, {"augment of f32 [2, 3, 4, 4]", "its flip is 1.5, not from 0 to 1"}},
    {{.erase = -1}, TUFF_ERR_USAGE, {"augment", "its erase is -1"}},
    {{.rotate = NAN}, TUFF_ERR_USAGE, {"augment", "its rotate is nan"}},
    {{.hue = 0.6}, TUFF_ERR_USAGE, {"augment", "its hue is 0.6, not from 0 to 0.5"}},
    {{.crop = {0.5, 0.2}}, TUFF_ERR_USAGE, {"augment", "its crop, 0.5 to 0.2"}},
    {{.crop = {0, 1}}, TUFF_ERR_USAGE, {"augment", "its crop, 0 to 1"}},
    {{.zoom = {1, INFINITY}}, TUFF_ERR_USAGE, {"augment", "its zoom"}},
    {{.mixup = 100}, TUFF_ERR_USAGE, {"augment", "its mixup is 100"}},
    {{.cutmix = 1}, TUFF_ERR_SHAPE, {"augment", "there are none"}},
    {{.padding = (enum tuff_sample_padding)7, .shift = 1}, TUFF_ERR_USAGE, {"affine_sample", "padding 7"}},
    {{.height = 70000, .width = 70000}, TUFF_ERR_SHAPE, {"iota", ""}}};

static void check_refusals(struct tuff_context *context)
{
    static const char *const sizes[2] = {"augment", "struct_size"},
                             *const ranks[2] = {"augment of f32 [4, 6]", "[n, c, h, w]"},
                             *const targets[2] = {"f32 [3, 5]", "one for each picture"},
                             *const channels[2] = {"augment of f32 [2, 4, 2, 2]", "1 or 3 channels"},
                             *const maps[2] = {"affine_sample of f32 [2, 3, 4, 4]", "maps [n, 2, 3]"},
                             *const whole[2] = {"augment of i32", ""};
    const augment p = {.struct_size = sizeof p, .training = true, .hue = 0.1};
    uint32_t k = 0;
    for (; k < TUFF_COUNT(refusals); k++) {
        struct tuff_graph *g = graph_fresh(context);
        augment own = refusals[k].p;
        own.struct_size = sizeof own, own.training = true;
        tuff_val x = tuff_full(g, TUFF_F32, TUFF_SHAPE(2, 3, 4, 4), 0), t = tuff_full(g, TUFF_F32, TUFF_SHAPE(2, 5), 0);
        tuff_augment(g, x, own.cutmix > 0 ? 0 : t, &own);
        graph_expect_refusal(&failures, g, k, refusals[k].status, refusals[k].parts);
    }
    struct tuff_graph *g = graph_fresh(context);
    tuff_augment(g, tuff_full(g, TUFF_F32, TUFF_SHAPE(2, 3, 4, 4), 0), 0, &(augment){.flip = 1});
    graph_expect_refusal(&failures, g, k++, TUFF_ERR_USAGE, sizes);
    g = graph_fresh(context);
    tuff_augment(g, tuff_full(g, TUFF_F32, TUFF_SHAPE(4, 6), 0), 0, &p);
    graph_expect_refusal(&failures, g, k++, TUFF_ERR_SHAPE, ranks);
    g = graph_fresh(context);
    tuff_val x = tuff_full(g, TUFF_F32, TUFF_SHAPE(2, 3, 4, 4), 0);
    tuff_augment(g, x, tuff_full(g, TUFF_F32, TUFF_SHAPE(3, 5), 0), &p);
    graph_expect_refusal(&failures, g, k++, TUFF_ERR_SHAPE, targets);
    g = graph_fresh(context);
    tuff_augment(g, tuff_full(g, TUFF_F32, TUFF_SHAPE(2, 4, 2, 2), 0), 0, &p);
    graph_expect_refusal(&failures, g, k++, TUFF_ERR_SHAPE, channels);
    g = graph_fresh(context);
    x = tuff_full(g, TUFF_F32, TUFF_SHAPE(2, 3, 4, 4), 0);
    tuff_affine_sample(g, x, tuff_full(g, TUFF_F32, TUFF_SHAPE(2, 3, 2), 0), (struct tuff_affine_sample_params){0});
    graph_expect_refusal(&failures, g, k++, TUFF_ERR_SHAPE, maps);
    g = graph_fresh(context);
    tuff_augment(g, tuff_iota(g, TUFF_SHAPE(2, 3, 4, 4), 3), 0, &p);
    graph_expect_refusal(&failures, g, k++, TUFF_ERR_SHAPE, whole);
}

int main(void)
{
    struct tuff_context *context = NULL;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    for (uint32_t k = 0; k < TUFF_COUNT(cases); k++) check_case(context, k);
    check_types(context);
    check_inference(context);
    check_moves(context);
    check_crops(context);
    check_holes(context);
    check_beta(context);
    check_maps(context);
    check_refusals(context);
    tuff_context_destroy(context);
    printf("graph_augment: %u cases, %u refusals, %u failures\n", (unsigned)TUFF_COUNT(cases),
           (unsigned)TUFF_COUNT(refusals), failures);
    return failures ? 1 : 0;
}
