/* draw.c - a picture with boxes, landmarks and scores over it. */
#include "canvas.h"
#include "detect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef TUFF_HAVE_CAIRO
static const tuff_status no_canvas = TUFF_ERR_MEMORY;
#else
static const tuff_status no_canvas = TUFF_ERR_UNSUPPORTED;
#endif
enum { GREEN = 0x39e75f, YELLOW = 0xffd400, RED = 0xff4b4b, DARK = 0x10361b };

/* RGB of a picture of 1, 3 or 4 channels. */
static uint8_t *rgb_of(const struct tuff_picture *picture)
{
    const size_t count = (size_t)picture->width * picture->height;
    uint8_t *rgb = malloc(3 * count);
    for (size_t i = 0; rgb && i < count; i++)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = picture->pixels[picture->channels * i + (picture->channels < 3 ? 0 : c)];
    return rgb;
}

/* A closed line, dark beneath, so that it is seen on any ground; around the box, not over its edge, which in text is letters. */
static void draw_corners(struct canvas *canvas, const double (*corners)[2], uint32_t colour, double line)
{
    double points[6][2], along[2][2];
    for (int side = 0; side < 2; side++) { /* from the first corner to the second, and to the last */
        const double x = corners[side ? 3 : 1][0] - corners[0][0], y = corners[side ? 3 : 1][1] - corners[0][1],
                     length = fmax(sqrt(x * x + y * y), 1e-6);
        along[side][0] = x / length * line, along[side][1] = y / length * line;
    }
    for (int i = 0; i < 6; i++) { /* to the second corner again: no gap where it began */
        const int corner = i % 4, right = corner == 1 || corner == 2 ? 1 : -1, down = corner > 1 ? 1 : -1;
        for (int k = 0; k < 2; k++) points[i][k] = corners[corner][k] + right * along[0][k] + down * along[1][k];
    }
    canvas_line(canvas, (const double(*)[2])points, 6, DARK, line + 1);
    canvas_line(canvas, (const double(*)[2])points, 6, colour, line);
}

static void draw_score(struct canvas *canvas, const struct tuff_picture *picture, const struct found *f, double size)
{
    const double width = 2.4 * size, height = 1.2 * size;
    const double x = fmax(0, fmin(f->x, picture->width - width)),
                 y = f->y >= height ? f->y - height : fmax(0, fmin(f->y + f->h, picture->height - height));
    char text[16];
    snprintf(text, sizeof text, "%.2f", f->score);
    canvas_box(canvas, x, y, width, height, GREEN);
    canvas_text(canvas, x + width / 2, y + 0.96 * size, size, ANCHOR_MIDDLE, DARK, text);
}

tuff_status draw_finds(struct tuff_context *context, const char *path, const struct tuff_picture *picture, enum kind kind,
                       const struct finds *finds, struct tuff_error *error)
{
    const double longer = picture->width > picture->height ? picture->width : picture->height, line = fmax(1, longer / 400),
                 size = fmax(11, longer / 36);
    uint8_t *rgb = rgb_of(picture);
    struct canvas *canvas = rgb ? canvas_open_pixels(path, (int)picture->width, (int)picture->height) : NULL;
    if (canvas) canvas_picture(canvas, 0, 0, picture->width, picture->height, rgb, picture->width, picture->height);
    free(rgb);
    if (!canvas) {
        const bool memory = no_canvas == TUFF_ERR_MEMORY;
        snprintf(error->message, sizeof error->message, "%.300s: cannot be drawn: %s", path,
                 memory ? "out of memory" : "a build without cairo");
        return no_canvas;
    }
    for (uint32_t i = 0; i < finds->count; i++) {
        const struct found *f = &finds->each[i];
        const double box[4][2] = {{f->x, f->y}, {f->x + f->w, f->y}, {f->x + f->w, f->y + f->h}, {f->x, f->y + f->h}};
        draw_corners(canvas, kind == KIND_DB ? (const double(*)[2])f->corner : box, GREEN, line);
        for (int k = 0; kind == KIND_YUNET && k < LANDMARKS; k++) {
            canvas_dot(canvas, f->mark[k][0], f->mark[k][1], 1.5 * line + 1, DARK);
            canvas_dot(canvas, f->mark[k][0], f->mark[k][1], 1.5 * line, k < 2 ? YELLOW : RED);
        }
    }
    for (uint32_t i = 0; kind != KIND_DB && i < finds->count; i++) draw_score(canvas, picture, &finds->each[i], size);
    return canvas_close(canvas, context, error);
}
