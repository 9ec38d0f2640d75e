/* canvas.h - the few things that curves and sheets are drawn with, as SVG text and, where cairo is there, as PNG. */
#ifndef CANVAS_H
#define CANVAS_H

#include <tuff/tuff.h>

#include <stdio.h>

struct canvas; /* y grows downwards; colours are 0xrrggbb */
enum anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END };

/* The path ends in .svg or .png. NULL: out of memory, or a PNG without cairo. */
struct canvas *canvas_open(const char *path, int width, int height);
/* A PNG whose units are its pixels. NULL: as canvas_open. */
struct canvas *canvas_open_pixels(const char *path, int width, int height);
/* An SVG within a page that is being written. NULL: out of memory. */
struct canvas *canvas_within(FILE *page, int width, int height);
/* Writes the file, whole or not at all. */
TUFF_MUST_CHECK tuff_status canvas_close(struct canvas *canvas, struct tuff_context *context, struct tuff_error *error);
void canvas_line(struct canvas *canvas, const double (*points)[2], uint32_t count, uint32_t colour, double width);
void canvas_dot(struct canvas *canvas, double x, double y, double radius, uint32_t colour);
void canvas_box(struct canvas *canvas, double x, double y, double width, double height, uint32_t colour);
void canvas_text(struct canvas *canvas, double x, double y, double size, enum anchor anchor, uint32_t colour,
                 const char *text);
/* Pixels as squares, w times h of them: red, green, blue. Into a PNG alone. */
void canvas_picture(struct canvas *canvas, double x, double y, double width, double height, const uint8_t *rgb, uint32_t w,
                    uint32_t h);
/* Rising by 45 degrees from (x, y). */
void canvas_slanted(struct canvas *canvas, double x, double y, double size, uint32_t colour, const char *text);
/* The first characters of a name, as many as fit into `most`, the last one then an ellipsis; into 4 most + 4 bytes. */
const char *canvas_name(const char *name, int most, char *buffer);

/* STEM.svg and, where cairo is there, STEM.png; *better, which may be NULL, is the ending of the one to look at. */
TUFF_MUST_CHECK tuff_status canvas_write(struct tuff_context *context, const char *stem, int width, int height,
                                         void (*draw)(struct canvas *canvas, const void *user), const void *user,
                                         const char **better, struct tuff_error *error);

/* 1, 2 or 5 times a power of ten, so that about `count` steps cover the range. */
double canvas_step(double range, double count);

#endif
