/* augment.c - tuff_augment: draws of each sample, one affine map of all that moves elements, colour, erasing, mixing. Numbers of samples are columns [n, 1];
 * pairs of them are of the two axes of space, across before down. All draws are one value, whose columns are named below: no part changes another's. */
#include "graph/augment.h"
#include "graph/compose.h"
#include "graph/ops/view.h"

#include <math.h>
#include <string.h>

enum { TRIES = 10, BETA_CELLS = 1024 };
enum { FLIP, SHIFT = 2, ROTATE = 4, SHEAR, ZOOM, BRIGHTNESS, CONTRAST, SATURATION, HUE, CROP, ERASE = 13, ERASES = 15 };
/* From TRIED on: tries of areas and ratios of the crop, then of erasing. */
enum { MIXES = 16, LAMBDA, CUT, TRIED = 20, DRAWS = TRIED + 4 * TRIES };

struct augment {
    struct tuff_graph *g;
    struct tuff_augment_params p; /* what was left out is filled in */
    uint32_t n, c, from[2], to[2];
    tuff_val draws, zero, one; /* [n, DRAWS]; scalars */
};

static tuff_val full(struct augment *a, double v) { return tuff_full(a->g, TUFF_F32, TUFF_SHAPE(a->n, 1), v); }
static tuff_val as_pictures(struct augment *a, tuff_val v) { return tuff_reshape(a->g, v, TUFF_SHAPE(a->n, 1, 1, 1)); }

/* Columns [n, count], uniform in [least, most). */
static tuff_val drawn(struct augment *a, uint32_t first, uint32_t count, double least, double most)
{
    return tuff_affine(a->g, tuff_slice_axis(a->g, a->draws, 1, first, 1, count), most - least, least);
}

/* Whole numbers 0 .. count - 1; a product that is rounded up may be count itself. */
static tuff_val drawn_below(struct augment *a, uint32_t which, tuff_val count)
{
    tuff_val at = tuff_floor(a->g, tuff_mul(a->g, drawn(a, which, 1, 0, 1), count));
    return tuff_minimum(a->g, at, tuff_affine(a->g, count, 1, -1));
}

static tuff_val happens(struct augment *a, uint32_t which, double p)
{
    return tuff_less(a->g, drawn(a, which, 1, 0, 1), tuff_scalar(a->g, p));
}

struct box {
    tuff_val middle[2], half[2], fits;
};

/* A part of the area of size, side `over` to the other one in a ratio; each at most size - less. Of the tries the first that fits, else the first, cut. */
static struct box drawn_box(struct augment *a, const uint32_t size[2], struct tuff_range scale, struct tuff_range ratio,
                            int over, double less, uint32_t begins, uint32_t tried)
{
    struct tuff_graph *g = a->g;
    struct box box;
    double area = (double)size[0] * size[1];
    tuff_val areas = drawn(a, tried, TRIES, scale.least * area, scale.most * area), side[2];
    tuff_val ratios = tuff_exp(g, drawn(a, tried + TRIES, TRIES, log(ratio.least), log(ratio.most)));
    side[over] = tuff_round(g, tuff_sqrt(g, tuff_mul(g, areas, ratios)));
    side[!over] = tuff_round(g, tuff_sqrt(g, tuff_div(g, areas, ratios)));
    tuff_val room = tuff_affine(g, tuff_minimum(g, side[0], side[1]), 1, -1);
    for (int k = 0; k < 2; k++) room = tuff_minimum(g, room, tuff_affine(g, side[k], -1, size[k] - less));
    tuff_val first = tuff_argmax(g, tuff_cast(g, tuff_greater_equal(g, room, a->zero), TUFF_F32), 1, TUFF_KEEP_AXES);
    box.fits = tuff_greater_equal(g, tuff_gather_elements(g, room, first, 1), a->zero);
    for (uint32_t k = 0; k < 2; k++) {
        side[k] = tuff_clamp(g, tuff_gather_elements(g, side[k], first, 1), 1, size[k]);
        box.half[k] = tuff_affine(g, side[k], 0.5, 0);
        box.middle[k] = tuff_add(g, drawn_below(a, begins + k, tuff_affine(g, side[k], -1, size[k] + 1.0)), box.half[k]);
    }
    return box;
}

/* y, but `inside` where elements of [n, 1, h, w] have their centres in the box. */
static tuff_val boxed(struct augment *a, struct box box, tuff_val inside, tuff_val y)
{
    struct tuff_graph *g = a->g;
    tuff_val beyond[2];
    for (int k = 0; k < 2; k++) {
        struct tuff_shape line = {4, {1, 1, k ? a->to[1] : 1, k ? 1 : a->to[0]}};
        tuff_val at = tuff_affine(g, tuff_cast(g, tuff_iota(g, line, 3 - k), TUFF_F32), 1, 0.5);
        at = tuff_abs(g, tuff_sub(g, at, as_pictures(a, box.middle[k])));
        beyond[k] = tuff_sub(g, at, as_pictures(a, box.half[k]));
    }
    return tuff_select(g, tuff_less(g, tuff_maximum(g, beyond[0], beyond[1]), a->zero), inside, y);
}

/* ---- what moves elements -------------------------------------------------------------------------------------------------------------- */

/* The inverse of torchvision's affine matrix about the middle: rotation, shear along rows, scale. */
static void turn(struct augment *a, tuff_val m[4])
{
    struct tuff_graph *g = a->g;
    double degree = 3.14159265358979323846 / 180, angle = a->p.rotate * degree, shear = a->p.shear * degree;
    tuff_val r = drawn(a, ROTATE, 1, -angle, angle), s = drawn(a, SHEAR, 1, -shear, shear);
    tuff_val cosine = tuff_cos(g, s), tangent = tuff_div(g, tuff_sin(g, s), cosine);
    tuff_val zoom = drawn(a, ZOOM, 1, a->p.zoom.least, a->p.zoom.most);
    m[3] = tuff_div(g, tuff_cos(g, r), zoom);
    tuff_val sine = tuff_div(g, tuff_sin(g, r), zoom);
    m[0] = tuff_sub(g, m[3], tuff_mul(g, sine, tangent));
    m[1] = tuff_add(g, tuff_mul(g, m[3], tangent), sine);
    m[2] = tuff_neg(g, sine);
}

/* [n, 2, 3]: from elements of the result to those of x, backwards through shift, turn, flips and crop. A step is computed as what it is off 1, so that one
 * of 1 is exact. */
static tuff_val map_of(struct augment *a, bool crops, bool turns)
{
    struct tuff_graph *g = a->g;
    const struct tuff_augment_params *p = &a->p;
    tuff_val m[4] = {full(a, 1), full(a, 0), full(a, 0), full(a, 1)}, about[2], part[6];
    struct box box = {.fits = 0};
    if (turns) turn(a, m);
    if (crops) box = drawn_box(a, a->from, p->crop, p->crop_ratio, 0, 0, CROP, TRIED);
    for (uint32_t k = 0; k < 2; k++) {
        about[k] = full(a, p->shift - (a->to[k] - 1.0) / 2);
        if (p->shift) about[k] = tuff_sub(g, about[k], drawn_below(a, SHIFT + k, full(a, 2.0 * p->shift + 1)));
    }
    for (uint32_t k = 0; k < 2; k++) {
        tuff_val step = full(a, (double)a->from[k] / a->to[k]), *row = part + 3 * k;
        row[2] = full(a, (a->from[k] - 1.0) / 2);
        if (crops) {
            step = tuff_affine(g, tuff_affine(g, box.half[k], 2, -(double)a->to[k]), 1.0 / a->to[k], 1);
            row[2] = tuff_affine(g, box.middle[k], 1, -0.5);
        }
        double chance = k ? p->flip_vertical : p->flip;
        tuff_val back = chance > 0 ? tuff_neg(g, step) : 0;
        if (chance > 0) step = tuff_select(g, happens(a, FLIP + k, chance), back, step);
        for (uint32_t i = 0; i < 2; i++) {
            row[i] = tuff_mul(g, step, m[2 * k + i]);
            row[2] = tuff_add(g, row[2], tuff_mul(g, row[i], about[i]));
        }
    }
    return tuff_reshape(g, tuff_concat(g, part, 6, 1), TUFF_SHAPE(a->n, 2, 3));
}

static struct tuff_augmented moved(struct augment *a, tuff_val x)
{
    const struct tuff_augment_params *p = &a->p;
    bool crops = p->crop.most > 0, turns = p->rotate + p->shear > 0 || p->zoom.most != 1 || p->zoom.least != 1;
    bool whole = !crops && !turns && a->from[0] == a->to[0] && a->from[1] == a->to[1];
    enum tuff_sample_mode mode = whole ? TUFF_SAMPLE_NEAREST : TUFF_SAMPLE_LINEAR;
    struct tuff_augmented y = {.x = x, .map = map_of(a, crops, turns)};
    if (!whole || p->flip + p->flip_vertical + p->shift > 0)
        y.x = tuff_affine_sample(a->g, x, y.map, (struct tuff_affine_sample_params){a->to[1], a->to[0], mode, p->padding});
    return y;
}

/* [n, 1, h, w], as torchvision's rgb_to_grayscale (luma of ITU-R BT.601) */
static tuff_val grey(struct augment *a, tuff_val x)
{
    static const double share[] = {0.2989, 0.587, 0.114};
    tuff_val sum = a->zero;
    for (uint32_t c = 0; c < 3 && a->c == 3; c++)
        sum = tuff_add(a->g, sum, tuff_affine(a->g, tuff_slice_axis(a->g, x, 1, c, 1, 1), share[c], 0));
    return a->c == 3 ? sum : x;
}

/* factor x + (1 - factor) y within 0 .. 1 */
static tuff_val blended(struct augment *a, uint32_t which, double amount, tuff_val x, tuff_val y)
{
    tuff_val factor = as_pictures(a, drawn(a, which, 1, fmax(0, 1 - amount), 1 + amount));
    tuff_val rest = tuff_mul(a->g, y, tuff_affine(a->g, factor, -1, 1));
    return tuff_clamp(a->g, tuff_add(a->g, tuff_mul(a->g, x, factor), rest), 0, 1);
}

/* Of value v, chroma c and hue h (in sixths) channel k is v - c min(max(min(t, 4 - t), 0), 1), t = h + {5, 3, 1}[k] modulo 6. */
static tuff_val turned_hue(struct augment *a, tuff_val x)
{
    static const double first[] = {5, 3, 1};
    struct tuff_graph *g = a->g;
    tuff_val c[3], hue[3];
    for (uint32_t k = 0; k < 3; k++) c[k] = tuff_slice_axis(g, x, 1, k, 1, 1);
    tuff_val most = tuff_maximum(g, tuff_maximum(g, c[0], c[1]), c[2]);
    tuff_val chroma = tuff_sub(g, most, tuff_minimum(g, tuff_minimum(g, c[0], c[1]), c[2]));
    tuff_val over = tuff_select(g, tuff_greater(g, chroma, a->zero), chroma, a->one);
    for (int k = 0; k < 3; k++) /* where channel k is the largest */
        hue[k] = tuff_affine(g, tuff_div(g, tuff_sub(g, c[(k + 1) % 3], c[(k + 2) % 3]), over), 1, 2 * k);
    tuff_val at = tuff_select(g, tuff_equal(g, most, c[1]), hue[1], hue[2]);
    at = tuff_select(g, tuff_equal(g, most, c[0]), hue[0], at);
    at = tuff_add(g, at, as_pictures(a, drawn(a, HUE, 1, -6 * a->p.hue, 6 * a->p.hue)));
    at = tuff_add(g, at, tuff_constant(g, (struct tuff_type){TUFF_F64, TUFF_SHAPE(1, 3, 1, 1)}, first));
    at = tuff_sub(g, at, tuff_affine(g, tuff_floor(g, tuff_affine(g, at, 1.0 / 6, 0)), 6, 0));
    at = tuff_clamp(g, tuff_minimum(g, at, tuff_affine(g, at, -1, 4)), 0, 1);
    return tuff_sub(g, most, tuff_mul(g, chroma, at));
}

static tuff_val coloured(struct augment *a, tuff_val x)
{
    const struct tuff_augment_params *p = &a->p;
    if (p->brightness > 0) x = blended(a, BRIGHTNESS, p->brightness, x, a->zero);
    if (p->contrast > 0) x = blended(a, CONTRAST, p->contrast, x, tuff_mean(a->g, grey(a, x), 2 | 4 | 8, TUFF_KEEP_AXES));
    if (p->saturation > 0) x = blended(a, SATURATION, p->saturation, x, grey(a, x));
    return p->hue > 0 && a->c == 3 ? turned_hue(a, x) : x;
}

static tuff_val normalized(struct augment *a, tuff_val x)
{
    const struct tuff_type type = {TUFF_F64, TUFF_SHAPE(1, a->c, 1, 1)};
    if (a->p.mean) x = tuff_sub(a->g, x, tuff_constant(a->g, type, a->p.mean));
    return a->p.std ? tuff_div(a->g, x, tuff_constant(a->g, type, a->p.std)) : x;
}

static tuff_val erased(struct augment *a, tuff_val x)
{
    const struct tuff_augment_params *p = &a->p;
    struct box box = drawn_box(a, a->to, p->erase_scale, p->erase_ratio, 1, 1, ERASE, TRIED + 2 * TRIES);
    tuff_val erases = tuff_select(a->g, box.fits, happens(a, ERASES, p->erase), box.fits);
    for (int k = 0; k < 2; k++) box.half[k] = tuff_select(a->g, erases, box.half[k], a->zero);
    return boxed(a, box, a->zero, x);
}

/* ---- mixing ------------------------------------------------------------------------------------------------------------------------------ */

/* x (1 - x) F(x)^(1 / alpha) with I_x(alpha, alpha) = (x (1 - x))^alpha F(x) / (alpha B(alpha, alpha)): F is the hypergeometric series of DLMF 8.17.8, of
 * positive terms. At the x whose distribution function is u it is what it is at 1/2 times (2 u)^(1 / alpha). */
static double beta_power(double x, double alpha)
{
    double term = 1, sum = 1;
    for (int k = 0; term > 1e-17 * sum; k++) sum += term *= x * (2 * alpha + k) / (alpha + 1 + k);
    return x * (1 - x) * pow(sum, 1 / alpha);
}

/* Beta(alpha, alpha): the inverse distribution function below 1/2 as a table over (2 u)^(1 / alpha), of which it is smooth. */
static tuff_val drawn_beta(struct augment *a, double alpha)
{
    struct tuff_graph *g = a->g;
    double table[BETA_CELLS + 1] = {0}, whole = beta_power(0.5, alpha);
    for (int i = 1; i <= BETA_CELLS; i++) {
        double low = table[i - 1], high = 0.5;
        for (int k = 0; k < 60; k++) {
            table[i] = (low + high) / 2;
            *(beta_power(table[i], alpha) < whole * i / BETA_CELLS ? &low : &high) = table[i];
        }
    }
    tuff_val values = tuff_constant(g, (struct tuff_type){TUFF_F64, TUFF_SHAPE(BETA_CELLS + 1)}, table);
    tuff_val u = drawn(a, LAMBDA, 1, 0, 1), near = tuff_minimum(g, u, tuff_affine(g, u, -1, 1)), end[2];
    tuff_val at = tuff_affine(g, tuff_pow_const(g, tuff_affine(g, near, 2, 0), 1 / alpha, 0), BETA_CELLS, 0);
    tuff_val cell = tuff_clamp(g, tuff_floor(g, at), 0, BETA_CELLS - 1);
    for (int k = 0; k < 2; k++) end[k] = tuff_gather(g, values, tuff_cast(g, tuff_affine(g, cell, 1, k), TUFF_I32), 0);
    tuff_val rest = tuff_sub(g, at, cell), rise = tuff_sub(g, end[1], end[0]), below = tuff_less(g, u, tuff_scalar(g, 0.5));
    tuff_val x = tuff_add(g, end[0], tuff_mul(g, rest, rise));
    return tuff_select(g, below, x, tuff_affine(g, x, -1, 1));
}

/* weight x + (1 - weight) of the sample before, the last one before the first */
static tuff_val mixture(struct augment *a, tuff_val x, tuff_val weight)
{
    tuff_val part[2] = {tuff_slice_axis(a->g, x, 0, a->n - 1, 1, 1), 0}, rest = tuff_affine(a->g, weight, -1, 1);
    if (a->n > 1) part[1] = tuff_slice_axis(a->g, x, 0, 0, 1, a->n - 1);
    rest = tuff_mul(a->g, tuff_concat(a->g, part, a->n > 1 ? 2 : 1, 0), rest);
    return tuff_add(a->g, tuff_mul(a->g, x, weight), rest);
}

/* CutMix's rectangle: sqrt(1 - lambda) of each side about any element, cut off at the border. Returns what it leaves of the area. */
static tuff_val cut(struct augment *a, struct box *box)
{
    struct tuff_graph *g = a->g;
    tuff_val radius = tuff_sqrt(g, tuff_affine(g, drawn_beta(a, a->p.cutmix), -0.25, 0.25));
    for (uint32_t k = 0; k < 2; k++) {
        tuff_val size = full(a, a->to[k]), at = drawn_below(a, CUT + k, size);
        tuff_val reach = tuff_floor(g, tuff_mul(g, radius, size)), begin = tuff_relu(g, tuff_sub(g, at, reach));
        tuff_val end = tuff_minimum(g, tuff_add(g, at, reach), size);
        box->middle[k] = tuff_affine(g, tuff_add(g, begin, end), 0.5, 0);
        box->half[k] = tuff_affine(g, tuff_sub(g, end, begin), 0.5, 0);
    }
    return tuff_affine(g, tuff_mul(g, box->half[0], box->half[1]), -4.0 / ((double)a->to[0] * a->to[1]), 1);
}

static void mixed(struct augment *a, struct tuff_augmented *y)
{
    struct tuff_graph *g = a->g;
    double chance = a->p.cutmix > 0 ? a->p.mixup > 0 ? 0.5 : 1 : 0;
    tuff_val cuts = happens(a, MIXES, chance);
    struct box box;
    tuff_val share = a->p.mixup > 0 ? drawn_beta(a, a->p.mixup) : a->one;
    tuff_val weight = as_pictures(a, tuff_select(g, cuts, a->one, share));
    if (chance > 0) {
        share = tuff_select(g, cuts, cut(a, &box), share);
        for (int k = 0; k < 2; k++) box.half[k] = tuff_select(g, cuts, box.half[k], a->zero);
        weight = boxed(a, box, a->zero, weight);
    }
    struct tuff_shape each = {tuff_type_of(g, y->targets).shape.rank, {a->n, 1, 1, 1, 1, 1, 1, 1}};
    y->x = mixture(a, y->x, weight);
    y->targets = mixture(a, y->targets, tuff_reshape(g, share, each));
}

/* ---- the call ---------------------------------------------------------------------------------------------------------------------------- */

#define AT(name) #name, offsetof(struct tuff_augment_params, name)
static const struct number {
    const char *name;
    size_t at;
    uint32_t count; /* 2: of a range */
    double most, standard[2];
} numbers[] = {{AT(crop), 2, 1, {0}},       {AT(crop_ratio), 2, 100, {3.0 / 4, 4.0 / 3}},
               {AT(zoom), 2, 100, {1, 1}},  {AT(erase_scale), 2, 1, {0.02, 0.33}},
               {AT(flip), 1, 1, {0}},       {AT(erase_ratio), 2, 100, {0.3, 3.3}},
               {AT(shear), 1, 80, {0}},     {AT(flip_vertical), 1, 1, {0}},
               {AT(rotate), 1, 180, {0}},   {AT(brightness), 1, 1e6, {0}},
               {AT(contrast), 1, 1e6, {0}}, {AT(saturation), 1, 1e6, {0}},
               {AT(hue), 1, 0.5, {0}},      {AT(erase), 1, 1, {0}},
               {AT(mixup), 1, 64, {0}},     {AT(cutmix), 1, 64, {0}}};

/* Fills in what is left out. */
static bool takes(struct augment *a, tuff_val x, tuff_val targets)
{
    const struct tuff_augment_params *p = &a->p;
    struct tuff_type xt = tuff_type_of(a->g, x), tt = targets ? tuff_type_of(a->g, targets) : xt;
    bool colours = p->brightness > 0 || p->contrast > 0 || p->saturation > 0 || p->hue > 0;
    const char *why = xt.shape.rank != 4 ? "it takes pictures [n, c, h, w]"
                      : !tuff_is_float(tt.dtype) || !tt.shape.rank || tt.shape.dim[0] != xt.shape.dim[0]
                          ? "it takes targets of floats [n, ..], one for each picture"
                      : colours && xt.shape.dim[1] != 1 && xt.shape.dim[1] != 3 ? "colour is that of 1 or 3 channels"
                      : (p->mixup > 0 || p->cutmix > 0) && !targets ? "mixup and cutmix mix targets too: there are none"
                                                                    : NULL;
    if (why) tuff_graph_refuse(a->g, TUFF_ERR_SHAPE, "augment", (tuff_val[]){x, targets}, targets ? 2 : 1, "%s", why);
    for (uint32_t c = 0; c < xt.shape.dim[1] && !why; c++) {
        float mean = p->mean ? (float)p->mean[c] : 0, std = p->std ? (float)p->std[c] : 1;
        if (!isfinite(mean) || !(std > 0 && isfinite(std)))
            tuff_graph_refuse(a->g, TUFF_ERR_USAGE, "augment", &x, 1,
                              "its mean[%u] is %g and its std[%u] %g, not finite f32, the latter above 0", (unsigned)c,
                              (double)mean, (unsigned)c, (double)std);
    }
    for (const struct number *i = numbers; i < numbers + TUFF_COUNT(numbers); i++) {
        double *v = (double *)((char *)&a->p + i->at), *last = v + i->count - 1;
        bool none = v[0] == 0 && *last == 0, fits = none || (v[0] > 0 && v[0] <= *last && *last <= i->most);
        if (none) memcpy(v, i->standard, i->count * sizeof *v);
        if (!fits && i->count == 1)
            tuff_graph_refuse(a->g, TUFF_ERR_USAGE, "augment", &x, 1, "its %s is %g, not from 0 to %g", i->name, *v,
                              i->most);
        else if (!fits)
            tuff_graph_refuse(a->g, TUFF_ERR_USAGE, "augment", &x, 1,
                              "its %s, %g to %g, is not a range above 0 and to %g at most", i->name, *v, *last, i->most);
    }
    return a->g->status == TUFF_OK;
}

struct tuff_augmented tuff_augment(struct tuff_graph *g, tuff_val x, tuff_val targets,
                                   const struct tuff_augment_params *params)
{
    struct augment a = {.g = g};
    struct tuff_augmented y = {0};
    if (!tuff_graph_takes(g, "augment", (tuff_val[]){x, targets ? targets : x}, 2)) return y;
    bool set = params && params->struct_size >= sizeof *params;
    if (!set)
        tuff_graph_fail(g, TUFF_ERR_USAGE, "augment: struct_size of its params is not set: .struct_size = sizeof params");
    if (!set) return y;
    a.p = *params;
    if (!a.p.training)
        a.p = (struct tuff_augment_params){.height = a.p.height, .width = a.p.width, .mean = a.p.mean, .std = a.p.std};
    if (tuff_type_of(g, x).dtype == TUFF_U8) x = tuff_affine(g, tuff_cast(g, x, TUFF_F32), 1.0 / 255, 0);
    if (!tuff_takes_floats(g, "augment", &x, 1) || !takes(&a, x, targets)) return y;
    struct tuff_shape s = tuff_type_of(g, x).shape;
    a.n = s.dim[0], a.c = s.dim[1], a.from[0] = s.dim[3], a.from[1] = s.dim[2];
    a.to[0] = a.p.width ? a.p.width : s.dim[3], a.to[1] = a.p.height ? a.p.height : s.dim[2];
    if (a.p.training) a.draws = tuff_random_uniform(g, tuff_rng_state(g), TUFF_SHAPE(a.n, DRAWS));
    a.zero = tuff_scalar(g, 0), a.one = tuff_scalar(g, 1);
    y = moved(&a, tuff_cast(g, x, TUFF_F32));
    y.targets = targets ? tuff_cast(g, targets, TUFF_F32) : 0;
    y.x = normalized(&a, coloured(&a, y.x));
    if (a.p.erase > 0) y.x = erased(&a, y.x);
    if (a.p.mixup > 0 || a.p.cutmix > 0) mixed(&a, &y);
    return g->status == TUFF_OK ? y : (struct tuff_augmented){0};
}
