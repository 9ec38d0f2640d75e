/* faces.c - boxes of faces from what two kinds of networks give, and the suppression of boxes that overlap. */
#include "detect.h"

#include <math.h>
#include <stdlib.h>

bool finds_add(struct finds *f, const struct found *found)
{
    if (f->count == f->room) {
        const uint32_t room = f->room ? 2 * f->room : 32;
        struct found *more = realloc(f->each, room * sizeof *more);
        if (!more) return false;
        f->each = more, f->room = room;
    }
    f->each[f->count++] = *found;
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return x->y != y->y ? (x->y > y->y) - (x->y < y->y) : (x->x > y->x) - (x->x < y->x);
}

void finds_sort(struct finds *f)
{
    if (f->count) qsort(f->each, f->count, sizeof *f->each, compare);
}

static double overlap(const struct found *a, const struct found *b)
{
    const double w = fmin(a->x + a->w, b->x + b->w) - fmax(a->x, b->x),
                 h = fmin(a->y + a->h, b->y + b->h) - fmax(a->y, b->y);
    const double both = w > 0 && h > 0 ? w * h : 0, all = a->w * a->h + b->w * b->h - both;
    return all > 0 ? both / all : 0;
}

void finds_suppress(struct finds *f, double most)
{
    uint32_t kept = 0;
    finds_sort(f);
    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t k = 0;
        while (k < kept && overlap(&f->each[k], &f->each[i]) <= most) k++;
        if (k == kept) f->each[kept++] = f->each[i];
    }
    f->count = kept;
}

/* ---- YuNet -------------------------------------------------------------------------------------------------------------------------------- */

static double unit(float v) { return v > 0 ? fmin((double)v, 1) : 0; } /* 0 of NaN */

/* Each point of the grids at strides 8, 16, 32 says how likely a face is there, sqrt(cls obj), its middle and size relative to the point, and
 * five landmarks. Source: libfacedetection.train, and FaceDetectorYN of OpenCV. */
bool find_yunet(const float *const heads[3][4], const struct view *view, const struct detect_params *p, struct finds *finds)
{
    for (uint32_t i = 0; i < 3; i++) {
        const uint32_t stride = 8u << i, columns = view->width / stride, rows = view->height / stride;
        for (uint32_t at = 0; at < rows * columns; at++) {
            const double score = sqrt(unit(heads[i][0][at]) * unit(heads[i][1][at]));
            const float *box = heads[i][2] + 4 * (size_t)at, *marks = heads[i][3] + 2 * LANDMARKS * (size_t)at;
            const double place[2] = {at % columns, at / columns};
            if (!(score >= p->score)) continue;
            struct found face = {.score = score,
                                 .w = exp((double)box[2]) * stride * view->scale[0],
                                 .h = exp((double)box[3]) * stride * view->scale[1]};
            face.x = (place[0] + (double)box[0]) * stride * view->scale[0] - face.w / 2;
            face.y = (place[1] + (double)box[1]) * stride * view->scale[1] - face.h / 2;
            double all = face.x + face.y + face.w + face.h; /* no number where one of them is none */
            for (uint32_t k = 0; k < 2 * LANDMARKS; k++)
                all += face.mark[k / 2][k % 2] = (place[k % 2] + (double)marks[k]) * stride * view->scale[k % 2];
            if (isfinite(all) && !finds_add(finds, &face)) return false;
        }
    }
    finds_suppress(finds, p->overlap);
    return true;
}

/* ---- Ultra-Light ---------------------------------------------------------------------------------------------------------------------------- */

/* Scores of background and face, corners as parts of the picture: the graph has decoded them. Source: Ultra-Light-Fast-Generic-Face-Detector-1MB. */
bool find_ultraface(const float *scores, const float *boxes, uint64_t n, const struct view *view,
                    const struct detect_params *p, struct finds *finds)
{
    const double w = view->width * view->scale[0], h = view->height * view->scale[1];
    for (uint64_t i = 0; i < n; i++) {
        const float *box = boxes + 4 * i;
        const struct found face = {.score = (double)scores[2 * i + 1],
                                   .x = (double)box[0] * w,
                                   .y = (double)box[1] * h,
                                   .w = (double)(box[2] - box[0]) * w,
                                   .h = (double)(box[3] - box[1]) * h};
        if (!(face.score >= p->score) || !isfinite(face.score + face.x + face.y + face.w + face.h)) continue;
        if (!finds_add(finds, &face)) return false;
    }
    finds_suppress(finds, p->overlap);
    return true;
}
