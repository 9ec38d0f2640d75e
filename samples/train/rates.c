/* rates.c - --find-rate: the search, its picture, and what it says. */
#include "canvas.h"
#include "text.h"
#include "train.h"

#include <math.h>
#include <stdio.h>

enum { TICKS_MAX = 20 };
enum { WIDTH = 640, HEIGHT = 420, TOP = 60, BOTTOM = 350, LEFT = 70, RIGHT = 610 };
enum { BLACK = 0x222222, GREY = 0x777777, GRID = 0xe6e6e6, PALE = 0xaec7e8, BLUE = 0x1f77b4, ORANGE = 0xd95f02 };

struct axes {
    struct canvas *canvas;
    double least, most;       /* logarithms of rates */
    double bottom, top, step; /* losses */
};

static double at_x(const struct axes *a, double rate)
{
    return LEFT + (log10(rate) - a->least) / (a->most - a->least) * (RIGHT - LEFT);
}

static double at_y(const struct axes *a, double loss)
{
    double share = (loss - a->bottom) / (a->top - a->bottom);
    return BOTTOM - fmax(0, fmin(share, 1)) * (BOTTOM - TOP);
}

/* From the smallest smoothed loss to twice what it began with: where it leaves is cut off. */
static struct axes axes_of(struct canvas *canvas, const struct tuff_rate_point *points, uint32_t count)
{
    struct axes a = {canvas, log10(points[0].rate), log10(points[count - 1].rate), INFINITY, -INFINITY, 1};
    for (uint32_t i = 0; i < count; i++) a.bottom = fmin(a.bottom, fmin(points[i].smooth, points[i].loss));
    a.top = points[0].smooth + (points[0].smooth - a.bottom);
    if (!(a.top > a.bottom)) a.top = a.bottom + 1;
    a.step = canvas_step(a.top - a.bottom, 5);
    a.bottom = a.step * floor(a.bottom / a.step + 1e-9), a.top = a.step * ceil(a.top / a.step - 1e-9);
    if (!(a.most > a.least)) a.most = a.least + 1;
    return a;
}

static void draw_axes(const struct axes *a)
{
    char text[32];
    for (int i = 0; i < TICKS_MAX && a->bottom + i * a->step <= a->top + a->step / 2; i++) {
        double loss = a->bottom + i * a->step, y = at_y(a, loss);
        canvas_line(a->canvas, (const double[2][2]){{LEFT, y}, {RIGHT, y}}, 2, GRID, 1);
        snprintf(text, sizeof text, "%g", fabs(loss) < a->step / 1e6 ? 0 : loss);
        canvas_text(a->canvas, LEFT - 8, y + 4, 12, ANCHOR_END, GREY, text);
    }
    for (double power = ceil(a->least - 1e-9); power <= a->most + 1e-9; power++) {
        double x = at_x(a, pow(10, power));
        canvas_line(a->canvas, (const double[2][2]){{x, BOTTOM}, {x, BOTTOM + 5}}, 2, GREY, 1);
        snprintf(text, sizeof text, "%g", pow(10, power));
        canvas_text(a->canvas, x, BOTTOM + 20, 12, ANCHOR_MIDDLE, GREY, text);
    }
    canvas_line(a->canvas, (const double[3][2]){{LEFT, TOP}, {LEFT, BOTTOM}, {RIGHT, BOTTOM}}, 3, GREY, 1);
    canvas_text(a->canvas, (LEFT + RIGHT) / 2.0, BOTTOM + 44, 13, ANCHOR_MIDDLE, BLACK, "learning rate");
    canvas_text(a->canvas, LEFT, TOP - 26, 16, ANCHOR_START, BLACK, "Loss while the rate rises");
}

static void draw_losses(const struct axes *a, const struct tuff_rate_point *points, uint32_t count, bool smooth)
{
    double line[TUFF_RATE_STEPS][2];
    for (uint32_t i = 0; i < count; i++) {
        line[i][0] = at_x(a, points[i].rate);
        line[i][1] = at_y(a, smooth ? points[i].smooth : points[i].loss);
    }
    canvas_line(a->canvas, (const double(*)[2])line, count, smooth ? BLUE : PALE, smooth ? 2 : 1);
}

static tuff_status draw(struct canvas *canvas, struct tuff_context *context, const struct tuff_rate_point *points,
                        const struct tuff_found_rate *found, struct tuff_error *error)
{
    struct axes a = axes_of(canvas, points, found->count);
    char text[64];
    draw_axes(&a);
    draw_losses(&a, points, found->count, false);
    draw_losses(&a, points, found->count, true);
    for (uint32_t i = 0; i < found->count && found->rate > 0; i++) {
        if (points[i].rate != found->rate) continue;
        double x = at_x(&a, found->rate), y = at_y(&a, points[i].smooth);
        canvas_line(canvas, (const double[2][2]){{x, y}, {x, BOTTOM}}, 2, ORANGE, 1);
        canvas_dot(canvas, x, y, 5, ORANGE);
        snprintf(text, sizeof text, "steepest at %.2g", found->rate);
        canvas_text(canvas, RIGHT, TOP - 26, 13, ANCHOR_END, ORANGE, text);
    }
    return canvas_close(canvas, context, error);
}

tuff_status rates_write(struct tuff_context *context, const struct options *options, const struct tuff_rate_point *points,
                        const struct tuff_found_rate *found, const char **better, struct tuff_error *error)
{
    static const char *const names[] = {"rates.svg", "rates.png"};
    char path[1100];
    for (int i = 0; i < 2; i++) {
        struct canvas *canvas = canvas_open(options_file(options, names[i], path), WIDTH, HEIGHT);
        if (!canvas && i == 0) return TUFF_ERR_MEMORY;
        tuff_status status = canvas ? draw(canvas, context, points, found, error) : TUFF_OK;
        if (status != TUFF_OK) return status;
        if (canvas) *better = names[i];
    }
    return TUFF_OK;
}
