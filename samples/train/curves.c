/* curves.c - loss and accuracy over the epochs, side by side. */
#include "canvas.h"
#include "train.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 960, HEIGHT = 420, PANEL = 400, TOP = 60, BOTTOM = 360, LEFT = 60, APART = 460 };
enum { BLACK = 0x222222, GREY = 0x777777, GRID = 0xe6e6e6, BLUE = 0x1f77b4, ORANGE = 0xd95f02 };

struct panel {
    struct canvas *canvas;
    const struct history *history;
    bool loss; /* else accuracy, in percent */
    double x0, x_scale, y_least, y_most;
};

enum { TICKS_MAX = 20 };

/* A history comes from a file: what is drawn is a number (0 for none) of at most 1e30, so that scales and steps are numbers too. */
static double number(const struct panel *panel, double loss, double accuracy)
{
    double value = panel->loss ? loss : 100 * accuracy;
    return isnan(value) ? 0 : fmax(-1e30, fmin(value, 1e30));
}
static uint32_t validations(const struct history *history) { return history->validated ? history->epoch_count : 0; }

/* At most one panel to the right of its end. */
static double at_x(const struct panel *panel, double epochs)
{
    double most = 2 * PANEL / panel->x_scale;
    return panel->x0 + (isnan(epochs) ? 0 : fmax(0, fmin(epochs, most))) * panel->x_scale;
}
static double at_y(const struct panel *panel, double value)
{
    return BOTTOM - (value - panel->y_least) / (panel->y_most - panel->y_least) * (BOTTOM - TOP);
}

static void find_range(struct panel *panel)
{
    const struct history *h = panel->history;
    double least = INFINITY, most = -INFINITY;
    for (uint32_t i = 0; i < h->point_count; i++) {
        double value = number(panel, h->points[i].loss, h->points[i].accuracy);
        least = fmin(least, value), most = fmax(most, value);
    }
    for (uint32_t i = 0; i < validations(h); i++) {
        double value = number(panel, h->epochs[i].validation.loss, h->epochs[i].validation.accuracy);
        least = fmin(least, value), most = fmax(most, value);
    }
    if (!(most - least > 1e-6 * fmax(1, fabs(most)))) least = most - fmax(1, fabs(most)), most += fmax(1, fabs(most));
    if (!isfinite(least) || !isfinite(most)) least = 0, most = 1;
    if (panel->loss && least > 0) least = 0;
    if (!panel->loss) most = 100, least = fmax(0, fmin(least, 99));
    double step = canvas_step(most - least, 5);
    panel->y_least = step * floor(least / step + 1e-9);
    panel->y_most = step * ceil(most / step - 1e-9);
}

static void draw_axes(const struct panel *panel, uint32_t epochs)
{
    char text[32];
    double step = canvas_step(panel->y_most - panel->y_least, 5), right = at_x(panel, epochs);
    for (int i = 0; i < TICKS_MAX && panel->y_least + i * step <= panel->y_most + step / 2; i++) {
        double y = panel->y_least + i * step; /* by counting: a small step added to a large y may change nothing */
        canvas_line(panel->canvas, (const double[2][2]){{panel->x0, at_y(panel, y)}, {right, at_y(panel, y)}}, 2, GRID, 1);
        snprintf(text, sizeof text, panel->loss ? "%g" : "%g %%", fabs(y) < step / 1e6 ? 0 : y);
        canvas_text(panel->canvas, panel->x0 - 8, at_y(panel, y) + 4, 12, ANCHOR_END, GREY, text);
    }
    double every = epochs <= 2 ? 0.5 : fmax(1, canvas_step(epochs, 8));
    for (double x = 0; x <= epochs; x += every) {
        canvas_line(panel->canvas, (const double[2][2]){{at_x(panel, x), BOTTOM}, {at_x(panel, x), BOTTOM + 5}}, 2, GREY, 1);
        snprintf(text, sizeof text, "%g", x);
        canvas_text(panel->canvas, at_x(panel, x), BOTTOM + 20, 12, ANCHOR_MIDDLE, GREY, text);
    }
    canvas_line(panel->canvas, (const double[3][2]){{panel->x0, TOP}, {panel->x0, BOTTOM}, {right, BOTTOM}}, 3, GREY, 1);
    canvas_text(panel->canvas, panel->x0 + PANEL / 2.0, BOTTOM + 42, 13, ANCHOR_MIDDLE, BLACK, "epochs");
    canvas_text(panel->canvas, panel->x0, TOP - 26, 16, ANCHOR_START, BLACK, panel->loss ? "Loss" : "Accuracy");
}

static void draw_legend(const struct panel *panel)
{
    double x = panel->x0 + PANEL - 210, y = TOP - 31;
    canvas_line(panel->canvas, (const double[2][2]){{x, y}, {x + 24, y}}, 2, BLUE, 2);
    canvas_text(panel->canvas, x + 30, y + 4, 13, ANCHOR_START, BLACK, "training");
    if (!panel->history->validated) return;
    canvas_line(panel->canvas, (const double[2][2]){{x + 105, y}, {x + 129, y}}, 2, ORANGE, 2);
    canvas_dot(panel->canvas, x + 117, y, 4, ORANGE);
    canvas_text(panel->canvas, x + 135, y + 4, 13, ANCHOR_START, BLACK, "validation");
}

static void draw_curves(const struct panel *panel)
{
    const struct history *h = panel->history;
    double points[EPOCHS_MAX > POINTS_MAX ? EPOCHS_MAX : POINTS_MAX][2];
    for (uint32_t i = 0; i < h->point_count; i++) {
        points[i][0] = at_x(panel, h->points[i].at);
        points[i][1] = at_y(panel, number(panel, h->points[i].loss, h->points[i].accuracy));
    }
    canvas_line(panel->canvas, (const double(*)[2])points, h->point_count, BLUE, 1.5);
    for (uint32_t i = 0; i < validations(h); i++) {
        points[i][0] = at_x(panel, h->epochs[i].number + 1.0);
        points[i][1] = at_y(panel, number(panel, h->epochs[i].validation.loss, h->epochs[i].validation.accuracy));
    }
    canvas_line(panel->canvas, (const double(*)[2])points, validations(h), ORANGE, 2);
    for (uint32_t i = 0; i < validations(h) && h->epoch_count <= 50; i++)
        canvas_dot(panel->canvas, points[i][0], points[i][1], 4, ORANGE);
}

static tuff_status draw(struct canvas *canvas, struct tuff_context *context, const struct history *history, uint32_t epochs,
                        struct tuff_error *error)
{
    for (int i = 0; i < 2; i++) {
        struct panel panel = {canvas, history, i == 0, LEFT + i * APART, (double)PANEL / epochs, 0, 1};
        find_range(&panel);
        draw_axes(&panel, epochs);
        draw_curves(&panel);
        draw_legend(&panel);
    }
    return canvas_close(canvas, context, error);
}

tuff_status curves_write(struct tuff_context *context, const struct options *options, const struct history *history,
                         uint32_t epochs, const char **better, struct tuff_error *error)
{
    static const char *const names[] = {"curves.svg", "curves.png"};
    char path[1100];
    for (int i = 0; i < 2; i++) {
        struct canvas *canvas = canvas_open(options_file(options, names[i], path), WIDTH, HEIGHT);
        if (!canvas && i == 0) return TUFF_ERR_MEMORY;
        tuff_status status = canvas ? draw(canvas, context, history, epochs, error) : TUFF_OK;
        if (status != TUFF_OK) return status;
        if (canvas) *better = names[i];
    }
    return TUFF_OK;
}
