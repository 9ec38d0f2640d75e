/* confusion.c - see confusion.h. A cell's colour is its share of the true class: blue where the answer is right, orange where it is not, by the
 * square root, so that one picture in a hundred is seen. Counts and names are written where there is room for them. */
#include "confusion.h"

#include <math.h>
#include <stdio.h>

enum { NAME_MOST = 18, NAMED_MOST = 60, LEAST_CELL = 14, ROOM = 620, MOST_CELL = 64, TITLE = 46, LEGEND = 92, GAP = 12 };
enum { BLACK = 0x222222, GREY = 0x777777, GRID = 0xe6e6e6, WHITE = 0xffffff, BLUE = 0x08519c, ORANGE = 0xb84000 };
static const double CHARACTER = 6.7; /* width at the size of names, 12 */

struct layout {
    double cell, left, top, side, size; /* size: of names */
    bool named, flat;                   /* flat: names of columns have room side by side */
};

static size_t characters(const char *name)
{
    size_t count = 0;
    char cut[4 * NAME_MOST + 4];
    for (const char *at = canvas_name(name, NAME_MOST, cut); *at; at++) count += ((unsigned char)*at & 0xc0) != 0x80;
    return count;
}

static struct layout layout_of(const struct confusion *c)
{
    struct layout l = {.named = c->classes <= NAMED_MOST};
    size_t longest = l.named ? 1 : 4;
    for (uint32_t i = 0; i < c->classes && l.named; i++) longest = fmax(longest, characters(c->names[i]));
    l.cell = fmin(MOST_CELL, fmax(l.named ? LEAST_CELL : 1, (double)ROOM / c->classes));
    l.side = l.cell * c->classes;
    l.size = l.named ? fmin(12, 0.64 * l.cell) : 12;
    l.flat = l.named && (double)longest * CHARACTER * l.size / 12 < l.cell;
    l.left = 40 + (double)longest * CHARACTER;
    l.top = TITLE + 22 + (l.flat ? 0 : (double)longest * CHARACTER * 0.72);
    return l;
}

void confusion_size(const struct confusion *confusion, int *width, int *height)
{
    struct layout l = layout_of(confusion);
    *width = (int)(l.left + l.side + fmax(LEGEND, l.top - TITLE)) + GAP; /* the last name rises to the right */
    *height = (int)(l.top + fmax(l.side, 190)) + 2 * GAP;
}

static uint32_t mixed(uint32_t colour, double share)
{
    uint32_t mix = 0;
    double part = sqrt(share);
    for (int shift = 0; shift <= 16; shift += 8) {
        double full = colour >> shift & 255;
        mix |= (uint32_t)(255 + (full - 255) * part + 0.5) << shift;
    }
    return mix;
}

static void draw_cell(struct canvas *canvas, const struct confusion *c, const struct layout *l, uint32_t row,
                      uint32_t column, double total)
{
    uint64_t count = c->counts[(size_t)row * c->classes + column];
    double share = count ? (double)count / total : 0, inside = l->cell >= 8 ? 1 : 0; /* a line between cells */
    double x = l->left + column * l->cell, y = l->top + row * l->cell;
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    double size = fmin(14, fmin(0.45 * l->cell, l->cell * 1.5 / length));
    if (!count && !l->named) return;
    canvas_box(canvas, x, y, l->cell - inside, l->cell - inside,
               count ? mixed(row == column ? BLUE : ORANGE, share) : 0xf6f6f6);
    if (count && size >= 7)
        canvas_text(canvas, x + (l->cell - inside) / 2, y + l->cell / 2 + 0.35 * size, size, ANCHOR_MIDDLE,
                    share > 0.2 ? WHITE : BLACK, digits);
}

/* Names, or numbers where there are too many classes. */
static void draw_labels(struct canvas *canvas, const struct confusion *c, const struct layout *l)
{
    char text[4 * NAME_MOST + 4];
    uint32_t every = l->named ? 1 : (uint32_t)canvas_step(c->classes, 8);
    double size = l->size;
    for (uint32_t i = 0; i < c->classes; i += every ? every : 1) {
        double middle = (i + 0.5) * l->cell;
        if (l->named)
            canvas_name(c->names[i], NAME_MOST, text);
        else
            snprintf(text, sizeof text, "%u", (unsigned)i);
        canvas_text(canvas, l->left - 7, l->top + middle + 0.35 * size, size, ANCHOR_END, BLACK, text);
        if (l->flat)
            canvas_text(canvas, l->left + middle, l->top - 7, size, ANCHOR_MIDDLE, BLACK, text);
        else
            canvas_slanted(canvas, l->left + middle + 0.3 * size, l->top - 7, size, BLACK, text);
    }
}

static void draw_legend(struct canvas *canvas, const struct layout *l)
{
    enum { STEPS = 60, HEIGHT = 150, BAR = 12 };
    static const double ticks[] = {0, 0.01, 0.1, 0.25, 0.5, 1};
    double x = l->left + l->side + 24, bottom = l->top + 24 + HEIGHT;
    char text[16];
    canvas_text(canvas, x, l->top + 10, 11, ANCHOR_START, GREY, "of the class");
    for (int i = 0; i < STEPS; i++) {
        double part = (i + 0.5) / STEPS, y = bottom - (i + 1) * (double)HEIGHT / STEPS;
        canvas_box(canvas, x, y, BAR, (double)HEIGHT / STEPS + 0.3, mixed(BLUE, part * part));
        canvas_box(canvas, x + BAR + 2, y, BAR, (double)HEIGHT / STEPS + 0.3, mixed(ORANGE, part * part));
    }
    for (size_t i = 0; i < sizeof ticks / sizeof ticks[0]; i++) {
        snprintf(text, sizeof text, "%g %%", 100 * ticks[i]);
        canvas_text(canvas, x + 2 * BAR + 8, bottom - sqrt(ticks[i]) * HEIGHT + 4, 11, ANCHOR_START, GREY, text);
    }
    canvas_text(canvas, x, bottom + 18, 11, ANCHOR_START, BLUE, "right");
    canvas_text(canvas, x + 34, bottom + 18, 11, ANCHOR_START, ORANGE, "wrong");
}

void confusion_draw(struct canvas *canvas, const void *user)
{
    const struct confusion *c = user;
    struct layout l = layout_of(c);
    canvas_text(canvas, GAP, 26, 16, ANCHOR_START, BLACK, "Confusion matrix");
    canvas_text(canvas, GAP, 44, 12, ANCHOR_START, GREY, "rows: true classes, columns: answers");
    if (!l.named)
        canvas_line(canvas,
                    (const double[5][2]){{l.left, l.top},
                                         {l.left + l.side, l.top},
                                         {l.left + l.side, l.top + l.side},
                                         {l.left, l.top + l.side},
                                         {l.left, l.top}},
                    5, GRID, 1);
    for (uint32_t row = 0; row < c->classes; row++) {
        double total = 0;
        for (uint32_t k = 0; k < c->classes; k++) total += (double)c->counts[(size_t)row * c->classes + k];
        for (uint32_t k = 0; k < c->classes; k++) draw_cell(canvas, c, &l, row, k, total);
    }
    draw_labels(canvas, c, &l);
    draw_legend(canvas, &l);
}
