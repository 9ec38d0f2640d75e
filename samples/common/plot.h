/* plot.h - curves over axes, side by side, as SVG and, where cairo is there, as PNG. */
#ifndef PLOT_H
#define PLOT_H

#include <tuff/tuff.h>

#include <stdio.h>

enum { PLOT_LINES = 6 };
enum {
    PLOT_BLACK = 0x222222,
    PLOT_GREY = 0x777777,
    PLOT_PALE = 0xaec7e8,
    PLOT_BLUE = 0x1f77b4,
    PLOT_ORANGE = 0xd95f02,
    PLOT_GREEN = 0x2e8b57
};

struct plot_line {
    const char *name; /* in the legend; NULL: not there */
    uint32_t colour;
    double width;
    bool dots, no_line;
    const double (*points)[2]; /* x, y; one that is not finite is left out */
    uint32_t count;
};
struct plot {
    const char *title, *x_title;
    const char *note; /* right of the title; NULL: none */
    const char *unit; /* behind the numbers of y: " %"; NULL: none */
    struct plot_line lines[PLOT_LINES];
    uint32_t count;
    uint32_t width;                     /* of its axes, 0: 400 */
    bool log_x;                         /* x by its logarithm: above 0 */
    double x_least, x_most;             /* equal: of the points */
    struct tuff_number y_least, y_most; /* left out: of the points, of which those beyond are drawn at the edge */
    double marked_x, marked_y;          /* a dot of its own, where marked */
    bool marked;
};

/* STEM.svg and STEM.png, each whole or not at all; *better, which may be NULL, is the ending of the one to look at. */
TUFF_MUST_CHECK tuff_status plot_write(struct tuff_context *context, const char *stem, const struct plot *plots,
                                       uint32_t count, const char **better, struct tuff_error *error);
/* The same within a page; false: out of memory. */
bool plot_within(FILE *page, const struct plot *plots, uint32_t count);

#endif
