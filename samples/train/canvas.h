/* canvas.h - the few things that curves are drawn with, as SVG text and, where cairo is there, as PNG. */
#ifndef CANVAS_H
#define CANVAS_H

#include <stdbool.h>
#include <stdint.h>

struct canvas; /* y grows downwards; colours are 0xrrggbb */
enum anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END };

/* Ends in .svg or .png. NULL where that cannot be written. */
struct canvas *canvas_open(const char *path, int width, int height);
/* True when the file is written. */
bool canvas_close(struct canvas *canvas);
void canvas_line(struct canvas *canvas, const double (*points)[2], uint32_t count, uint32_t colour, double width);
void canvas_dot(struct canvas *canvas, double x, double y, double radius, uint32_t colour);
void canvas_text(struct canvas *canvas, double x, double y, double size, enum anchor anchor, uint32_t colour,
                 const char *text);

#endif
