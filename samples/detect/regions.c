/* regions.c - text from a map of how likely each pixel is text (differentiable binarization): pixels above a threshold that touch are a region, its box is
 * the smallest rectangle around their middles, at any angle; the box grows, as networks of this kind learn shrunken regions.
 * Source: Liao et al. 2020, and DBPostProcess of PaddleOCR, whose boxes of rectangles these are. */
#include "detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_SIDE = 3, LEAST_GROWN = 5, MOST = 1000 }; /* pixels of the map: before and after it grows; regions */

struct point {
    int32_t x, y;
};
struct rectangle {
    double middle[2], along[2]; /* along: where w goes, of length 1, mostly to the right */
    double w, h;
};

/* Twice the area of a triangle: above 0 where it turns clockwise as y grows downwards. */
static int64_t turn(struct point a, struct point b, struct point c)
{
    return (int64_t)(b.x - a.x) * (c.y - a.y) - (int64_t)(b.y - a.y) * (c.x - a.x);
}

static int compare_points(const void *a, const void *b)
{
    const struct point *p = a, *q = b;
    return p->y != q->y ? (p->y > q->y) - (p->y < q->y) : (p->x > q->x) - (p->x < q->x);
}

/* The convex hull of points in the order of compare_points, into hull [2 count]; its corners (Andrew's monotone chain). */
static uint32_t hull_of(const struct point *points, uint32_t count, struct point *hull)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        while (n > 1 && turn(hull[n - 2], hull[n - 1], points[i]) >= 0) n--;
        hull[n++] = points[i];
    }
    for (uint32_t i = count - 1, low = n + 1; i-- > 0;) {
        while (n >= low && turn(hull[n - 2], hull[n - 1], points[i]) >= 0) n--;
        hull[n++] = points[i];
    }
    return n > 1 ? n - 1 : n;
}

/* The rectangle around the hull in direction of (x, y). */
static struct rectangle around(const struct point *hull, uint32_t count, double x, double y)
{
    const double length = sqrt(x * x + y * y), u[2] = {x / length, y / length};
    double least[2] = {INFINITY, INFINITY}, most[2] = {-INFINITY, -INFINITY};
    for (uint32_t i = 0; i < count; i++) {
        const double at[2] = {hull[i].x * u[0] + hull[i].y * u[1], hull[i].y * u[0] - hull[i].x * u[1]};
        for (int k = 0; k < 2; k++) least[k] = fmin(least[k], at[k]), most[k] = fmax(most[k], at[k]);
    }
    const double a = (least[0] + most[0]) / 2, b = (least[1] + most[1]) / 2;
    return (struct rectangle){
        {a * u[0] - b * u[1], a * u[1] + b * u[0]}, {u[0], u[1]}, most[0] - least[0], most[1] - least[1]};
}

/* The smallest rectangle has a side on an edge of the hull (Freeman and Shapira 1975). */
static struct rectangle smallest(const struct point *hull, uint32_t count)
{
    struct rectangle best = around(hull, count, 1, 0);
    for (uint32_t i = 0; count > 2 && i < count; i++) {
        const struct point a = hull[i], b = hull[(i + 1) % count];
        const struct rectangle r = around(hull, count, b.x - a.x, b.y - a.y);
        if (r.w * r.h < best.w * best.h - 1e-9) best = r;
    }
    /* Of the four directions that its sides have, the one that goes most to the right, so that corners begin at the upper left. */
    const double x = best.along[0], y = best.along[1], w = best.w;
    if (fabs(x) < fabs(y)) best.along[0] = -y, best.along[1] = x, best.w = best.h, best.h = w;
    if (best.along[0] < 0) best.along[0] = -best.along[0], best.along[1] = -best.along[1];
    return best;
}

/* The mean of the map within. */
static double mean_within(const float *map, uint32_t width, uint32_t height, const struct rectangle *r)
{
    const double *u = r->along,
                 reach[2] = {fabs(u[0]) * r->w / 2 + fabs(u[1]) * r->h / 2, fabs(u[1]) * r->w / 2 + fabs(u[0]) * r->h / 2};
    const double left = fmax(0, floor(r->middle[0] - reach[0])), top = fmax(0, floor(r->middle[1] - reach[1]));
    double sum = 0;
    uint64_t count = 0;
    for (uint32_t y = (uint32_t)top; y < height && y <= r->middle[1] + reach[1] + 1; y++)
        for (uint32_t x = (uint32_t)left; x < width && x <= r->middle[0] + reach[0] + 1; x++) {
            const double at[2] = {x - r->middle[0], y - r->middle[1]}, along = at[0] * u[0] + at[1] * u[1],
                         across = at[1] * u[0] - at[0] * u[1];
            if (fabs(along) > r->w / 2 + 1e-4 || fabs(across) > r->h / 2 + 1e-4) continue;
            sum += (double)map[(size_t)y * width + x], count++;
        }
    return count ? sum / (double)count : 0;
}

/* A region's box, where it is large and sure enough. */
static bool add_box(const float *map, const struct point *hull, uint32_t count, const struct view *view,
                    const struct detect_params *p, struct finds *finds)
{
    struct rectangle r = smallest(hull, count);
    struct found text = {.score = 0};
    double least[2] = {INFINITY, INFINITY}, most[2] = {-INFINITY, -INFINITY};
    if (fmin(r.w, r.h) < LEAST_SIDE) return true;
    text.score = mean_within(map, view->width, view->height, &r);
    if (!(text.score >= p->score)) return true;
    const double grow = r.w * r.h * p->unclip / (2 * (r.w + r.h));
    r.w += 2 * grow, r.h += 2 * grow;
    if (fmin(r.w, r.h) < LEAST_GROWN) return true;
    for (int i = 0; i < 4; i++) {
        const double a = (i == 1 || i == 2 ? r.w : -r.w) / 2, b = (i > 1 ? r.h : -r.h) / 2;
        text.corner[i][0] = (r.middle[0] + 0.5 + a * r.along[0] - b * r.along[1]) * view->scale[0];
        text.corner[i][1] = (r.middle[1] + 0.5 + a * r.along[1] + b * r.along[0]) * view->scale[1];
        for (int k = 0; k < 2; k++) least[k] = fmin(least[k], text.corner[i][k]), most[k] = fmax(most[k], text.corner[i][k]);
    }
    text.x = least[0], text.y = least[1], text.w = most[0] - least[0], text.h = most[1] - least[1];
    return finds_add(finds, &text);
}

/* ---- what touches ------------------------------------------------------------------------------------------------------------------------------- */

/* Pixels of the map that are still to be seen, and those of one region. */
struct search {
    bool *there;          /* [height, width] */
    struct point *pixels; /* [height width] of the region, which serve as the stack of the search, too */
    struct point *ends;   /* [2 height] the outermost of each row: the hull is theirs */
    struct point *hull;   /* [4 height] */
    uint32_t width, height;
};

/* The hull of all that touches a pixel, sides and corners; its corners are counted. */
static uint32_t take_region(struct search *s, struct point first)
{
    const int32_t w = (int32_t)s->width, h = (int32_t)s->height;
    uint32_t count = 1, ends = 0;
    s->pixels[0] = first;
    s->there[(size_t)first.y * s->width + (size_t)first.x] = false;
    for (uint32_t i = 0; i < count; i++)
        for (int32_t y = s->pixels[i].y - 1; y <= s->pixels[i].y + 1; y++)
            for (int32_t x = s->pixels[i].x - 1; x <= s->pixels[i].x + 1; x++) {
                if (x < 0 || y < 0 || x >= w || y >= h || !s->there[(size_t)y * s->width + (size_t)x]) continue;
                s->there[(size_t)y * s->width + (size_t)x] = false;
                s->pixels[count++] = (struct point){x, y};
            }
    qsort(s->pixels, count, sizeof *s->pixels, compare_points);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || i + 1 == count || s->pixels[i].y != s->pixels[i - 1].y || s->pixels[i].y != s->pixels[i + 1].y)
            s->ends[ends++] = s->pixels[i];
    return hull_of(s->ends, ends, s->hull);
}

bool find_regions(const float *map, const struct view *view, const struct detect_params *p, struct finds *finds)
{
    const size_t pixels = (size_t)view->width * view->height, rows = view->height;
    struct search s = {malloc(pixels * sizeof(bool)),
                       malloc(pixels * sizeof(struct point)),
                       malloc(2 * rows * sizeof(struct point)),
                       malloc(4 * rows * sizeof(struct point)),
                       view->width,
                       view->height};
    bool good = s.there && s.pixels && s.ends && s.hull;
    for (size_t i = 0; good && i < pixels; i++) s.there[i] = (double)map[i] > p->map;
    for (size_t i = 0; good && i < pixels && finds->count < MOST; i++) {
        if (!s.there[i]) continue;
        const uint32_t corners = take_region(&s, (struct point){(int32_t)(i % s.width), (int32_t)(i / s.width)});
        good = add_box(map, s.hull, corners, view, p, finds);
    }
    finds_sort(finds);
    free(s.there);
    free(s.pixels);
    free(s.ends);
    free(s.hull);
    return good;
}
