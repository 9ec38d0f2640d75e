/* plot.c - see plot.h. */
#include "plot.h"
#include "canvas.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HEIGHT = 430, PANEL = 400, TOP = 70, BOTTOM = 370, LEFT = 60, APART = 60, RIGHT = 40, TICKS_MAX = 20 };
enum { GRID = 0xe6e6e6 };

struct axes {
    struct canvas *canvas;
    const struct plot *plot;
    double x0, width; /* of the canvas */
    double least, most, bottom, top;
};

static double scaled(const struct axes *a, double x) { return a->plot->log_x ? log10(x) : x; }

/* Within the axes, whatever the number: a history comes from a file. */
static double at_x(const struct axes *a, double x)
{
    return a->x0 + fmax(0, fmin((scaled(a, x) - a->least) / (a->most - a->least), 1)) * a->width;
}
static double at_y(const struct axes *a, double y)
{
    return BOTTOM - fmax(0, fmin((y - a->bottom) / (a->top - a->bottom), 1)) * (BOTTOM - TOP);
}
static bool drawn(const double *point) { return isfinite(point[0]) && isfinite(point[1]) && fabs(point[1]) <= 1e30; }

static void find_range(struct axes *a)
{
    const struct plot *p = a->plot;
    a->least = a->bottom = INFINITY;
    a->most = a->top = -INFINITY;
    for (uint32_t k = 0; k < p->count; k++)
        for (uint32_t i = 0; i < p->lines[k].count; i++) {
            const double *point = p->lines[k].points[i];
            if (!drawn(point)) continue;
            a->least = fmin(a->least, point[0]), a->most = fmax(a->most, point[0]);
            a->bottom = fmin(a->bottom, point[1]), a->top = fmax(a->top, point[1]);
        }
    if (p->x_most > p->x_least) a->least = p->x_least, a->most = p->x_most;
    if (!(a->most >= a->least)) a->least = 1, a->most = 2;
    a->least = scaled(a, a->least), a->most = scaled(a, a->most);
    if (!(a->most > a->least)) a->most = a->least + 1;
    if (p->y_most.given) a->top = p->y_most.value, a->bottom = fmin(a->bottom, a->top - fmax(1, fabs(a->top)) / 100);
    if (p->y_least.given) a->bottom = p->y_least.value, a->top = fmax(a->top, a->bottom);
    if (!isfinite(a->bottom) || !isfinite(a->top)) a->bottom = 0, a->top = 1;
    if (!(a->top - a->bottom > 1e-6 * fmax(1, fabs(a->top)))) {
        double more = fmax(1, fabs(a->top));
        if (!p->y_least.given) a->bottom -= more;
        a->top += more;
    }
    double step = canvas_step(a->top - a->bottom, 5);
    a->bottom = step * floor(a->bottom / step + 1e-9);
    a->top = step * ceil(a->top / step - 1e-9);
}

static void draw_x(const struct axes *a)
{
    char text[32];
    double range = a->most - a->least, every = a->plot->log_x ? 1 : canvas_step(range, fabs(a->most) < 1e5 ? 8 : 4);
    if (range > 2) every = fmax(1, every);
    double first = every * ceil(a->least / every - 1e-9);
    for (int i = 0; i < TICKS_MAX && first + i * every <= a->most + every / 1e6; i++) {
        double value = first + i * every, x = a->x0 + (value - a->least) / range * a->width;
        canvas_line(a->canvas, (const double[2][2]){{x, BOTTOM}, {x, BOTTOM + 5}}, 2, PLOT_GREY, 1);
        snprintf(text, sizeof text, "%g", a->plot->log_x ? pow(10, value) : fabs(value) < every / 1e6 ? 0 : value);
        canvas_text(a->canvas, x, BOTTOM + 20, 12, ANCHOR_MIDDLE, PLOT_GREY, text);
    }
}

static void draw_axes(const struct axes *a)
{
    char text[48];
    const struct plot *p = a->plot;
    double step = canvas_step(a->top - a->bottom, 5), right = a->x0 + a->width;
    for (int i = 0; i < TICKS_MAX && a->bottom + i * step <= a->top + step / 2; i++) {
        double y = a->bottom + i * step; /* by counting: a small step added to a large y may change nothing */
        canvas_line(a->canvas, (const double[2][2]){{a->x0, at_y(a, y)}, {right, at_y(a, y)}}, 2, GRID, 1);
        snprintf(text, sizeof text, "%g%s", fabs(y) < step / 1e6 ? 0 : y, p->unit ? p->unit : "");
        canvas_text(a->canvas, a->x0 - 8, at_y(a, y) + 4, 12, ANCHOR_END, PLOT_GREY, text);
    }
    draw_x(a);
    canvas_line(a->canvas, (const double[3][2]){{a->x0, TOP}, {a->x0, BOTTOM}, {right, BOTTOM}}, 3, PLOT_GREY, 1);
    canvas_text(a->canvas, a->x0 + a->width / 2, BOTTOM + 42, 13, ANCHOR_MIDDLE, PLOT_BLACK, p->x_title);
    canvas_text(a->canvas, a->x0, TOP - 40, 16, ANCHOR_START, PLOT_BLACK, p->title);
    if (p->note) canvas_text(a->canvas, right, TOP - 40, 13, ANCHOR_END, PLOT_ORANGE, p->note);
}

static void draw_legend(const struct axes *a)
{
    double x = a->x0, y = TOP - 20;
    for (uint32_t k = 0; k < a->plot->count; k++) {
        const struct plot_line *line = &a->plot->lines[k];
        if (!line->name) continue;
        if (!line->no_line) canvas_line(a->canvas, (const double[2][2]){{x, y}, {x + 24, y}}, 2, line->colour, line->width);
        if (line->dots) canvas_dot(a->canvas, x + 12, y, 4, line->colour);
        canvas_text(a->canvas, x + 30, y + 4, 13, ANCHOR_START, PLOT_BLACK, line->name);
        x += 50 + 7.2 * (double)strlen(line->name);
    }
}

enum { CHUNK = 1000 }; /* points that are drawn at a time */
static void draw_line(const struct axes *a, const struct plot_line *line)
{
    double points[CHUNK][2];
    uint32_t count = 0;
    for (uint32_t i = 0; i < line->count; i++) {
        if (!drawn(line->points[i])) continue;
        points[count][0] = at_x(a, line->points[i][0]);
        points[count][1] = at_y(a, line->points[i][1]);
        if (line->dots) canvas_dot(a->canvas, points[count][0], points[count][1], line->no_line ? 3 : 4, line->colour);
        if (++count < CHUNK) continue;
        if (!line->no_line) canvas_line(a->canvas, (const double(*)[2])points, count, line->colour, line->width);
        memcpy(points[0], points[count - 1], sizeof points[0]);
        count = 1;
    }
    if (!line->no_line) canvas_line(a->canvas, (const double(*)[2])points, count, line->colour, line->width);
}

static void draw(struct canvas *canvas, const struct plot *p, double x0)
{
    struct axes a = {.canvas = canvas, .plot = p, .x0 = x0, .width = p->width ? p->width : PANEL};
    find_range(&a);
    draw_axes(&a);
    for (uint32_t k = 0; k < p->count; k++) draw_line(&a, &p->lines[k]);
    if (p->marked) {
        double x = at_x(&a, p->marked_x), y = at_y(&a, p->marked_y);
        canvas_line(canvas, (const double[2][2]){{x, y}, {x, BOTTOM}}, 2, PLOT_ORANGE, 1);
        canvas_dot(canvas, x, y, 5, PLOT_ORANGE);
    }
    draw_legend(&a);
}

struct plots {
    const struct plot *all;
    uint32_t count;
};

static int width_of(const struct plots *plots)
{
    uint32_t width = RIGHT;
    for (uint32_t i = 0; i < plots->count; i++) width += APART + (plots->all[i].width ? plots->all[i].width : PANEL);
    return (int)width;
}

static void draw_all(struct canvas *canvas, const void *user)
{
    const struct plots *plots = user;
    double x = LEFT;
    for (uint32_t i = 0; i < plots->count; i++) {
        draw(canvas, &plots->all[i], x);
        x += APART + (plots->all[i].width ? plots->all[i].width : PANEL);
    }
}

tuff_status plot_write(struct tuff_context *context, const char *stem, const struct plot *all, uint32_t count,
                       const char **better, struct tuff_error *error)
{
    const struct plots plots = {all, count};
    return canvas_write(context, stem, width_of(&plots), HEIGHT, draw_all, &plots, better, error);
}

bool plot_within(FILE *page, const struct plot *all, uint32_t count)
{
    const struct plots plots = {all, count};
    struct canvas *canvas = canvas_within(page, width_of(&plots), HEIGHT);
    if (!canvas) return false;
    draw_all(canvas, &plots);
    return canvas_close(canvas, NULL, NULL) == TUFF_OK;
}
