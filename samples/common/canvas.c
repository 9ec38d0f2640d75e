/* canvas.c - see canvas.h. */
#include "canvas.h"
#include "whole.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef TUFF_HAVE_CAIRO
#include <cairo.h>
#endif

static const double PNG_SCALE = 1.5; /* pixels per unit */

struct canvas {
    FILE *svg; /* [borrowed] of file; NULL: a PNG */
#ifdef TUFF_HAVE_CAIRO
    cairo_surface_t *surface;
    cairo_t *cairo;
#endif
    struct whole file;
    char path[1200];
};

#ifdef TUFF_HAVE_CAIRO
static void open_png(struct canvas *canvas, int width, int height)
{
    canvas->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(width * PNG_SCALE), (int)(height * PNG_SCALE));
    canvas->cairo = cairo_create(canvas->surface);
    cairo_scale(canvas->cairo, PNG_SCALE, PNG_SCALE);
    cairo_set_source_rgb(canvas->cairo, 1, 1, 1);
    cairo_paint(canvas->cairo);
    cairo_select_font_face(canvas->cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_line_join(canvas->cairo, CAIRO_LINE_JOIN_ROUND);
}

static cairo_status_t put_png(void *user, const unsigned char *data, unsigned bytes)
{
    struct canvas *canvas = user;
    return fwrite(data, 1, bytes, canvas->file.stream) == bytes ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

static bool close_png(struct canvas *canvas)
{
    cairo_destroy(canvas->cairo);
    bool good = cairo_surface_write_to_png_stream(canvas->surface, put_png, canvas) == CAIRO_STATUS_SUCCESS;
    cairo_surface_destroy(canvas->surface);
    return good;
}
#endif

struct canvas *canvas_open(const char *path, int width, int height)
{
    size_t length = strlen(path);
    bool svg = length > 4 && strcmp(path + length - 4, ".svg") == 0;
    struct canvas *canvas = calloc(1, sizeof *canvas);
#ifndef TUFF_HAVE_CAIRO
    if (!svg) length = sizeof canvas->path;
    (void)PNG_SCALE;
#endif
    if (!canvas || length >= sizeof canvas->path || !whole_begin(&canvas->file)) {
        free(canvas);
        return NULL;
    }
    strcpy(canvas->path, path);
    if (svg) {
        canvas->svg = canvas->file.stream;
        fprintf(canvas->svg,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\">\n"
                "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
                width, height, width, height);
    }
#ifdef TUFF_HAVE_CAIRO
    if (!svg) open_png(canvas, width, height);
#endif
    return canvas;
}

tuff_status canvas_close(struct canvas *canvas, struct tuff_context *context, struct tuff_error *error)
{
    bool good = true;
    tuff_status status = TUFF_ERR_MEMORY;
    if (canvas->svg) fputs("</svg>\n", canvas->svg);
#ifdef TUFF_HAVE_CAIRO
    if (canvas->cairo) good = close_png(canvas);
#endif
    if (good)
        status = whole_write(&canvas->file, context, canvas->path, error);
    else
        whole_drop(&canvas->file);
    free(canvas);
    return status;
}

#ifdef TUFF_HAVE_CAIRO
static void set_colour(struct canvas *canvas, uint32_t colour)
{
    cairo_set_source_rgb(canvas->cairo, (colour >> 16) / 255.0, (colour >> 8 & 255) / 255.0, (colour & 255) / 255.0);
}
#endif

void canvas_line(struct canvas *canvas, const double (*points)[2], uint32_t count, uint32_t colour, double width)
{
    if (canvas->svg && count) {
        fprintf(canvas->svg,
                "<polyline fill=\"none\" stroke=\"#%06x\" stroke-width=\"%g\" stroke-linejoin=\"round\" points=\"",
                (unsigned)colour, width);
        for (uint32_t i = 0; i < count; i++) fprintf(canvas->svg, "%s%.1f,%.1f", i ? " " : "", points[i][0], points[i][1]);
        fputs("\"/>\n", canvas->svg);
    }
#ifdef TUFF_HAVE_CAIRO
    if (canvas->cairo) {
        cairo_new_path(canvas->cairo);
        for (uint32_t i = 0; i < count; i++) cairo_line_to(canvas->cairo, points[i][0], points[i][1]);
        set_colour(canvas, colour);
        cairo_set_line_width(canvas->cairo, width);
        cairo_stroke(canvas->cairo);
    }
#endif
}

void canvas_dot(struct canvas *canvas, double x, double y, double radius, uint32_t colour)
{
    if (canvas->svg)
        fprintf(canvas->svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%g\" fill=\"#%06x\"/>\n", x, y, radius, (unsigned)colour);
#ifdef TUFF_HAVE_CAIRO
    if (canvas->cairo) {
        cairo_new_path(canvas->cairo);
        cairo_arc(canvas->cairo, x, y, radius, 0, 6.283185307179586);
        set_colour(canvas, colour);
        cairo_fill(canvas->cairo);
    }
#endif
}

static void escape(FILE *file, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", file);
        else if (*text == '&')
            fputs("&amp;", file);
        else
            fputc(*text, file);
    }
}

void canvas_text(struct canvas *canvas, double x, double y, double size, enum anchor anchor, uint32_t colour,
                 const char *text)
{
    static const char *const names[] = {"start", "middle", "end"};
    if (canvas->svg) {
        fprintf(canvas->svg, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%g\" text-anchor=\"%s\" fill=\"#%06x\">", x, y, size,
                names[anchor], (unsigned)colour);
        escape(canvas->svg, text);
        fputs("</text>\n", canvas->svg);
    }
#ifdef TUFF_HAVE_CAIRO
    if (canvas->cairo) {
        cairo_text_extents_t extents;
        cairo_set_font_size(canvas->cairo, size);
        cairo_text_extents(canvas->cairo, text, &extents);
        cairo_move_to(canvas->cairo, x - extents.x_advance * anchor / 2, y);
        set_colour(canvas, colour);
        cairo_show_text(canvas->cairo, text);
    }
#endif
}

void canvas_picture(struct canvas *canvas, double x, double y, double width, double height, const uint8_t *rgb, uint32_t w,
                    uint32_t h)
{
#ifdef TUFF_HAVE_CAIRO
    uint32_t *pixels = canvas->cairo ? malloc((size_t)w * h * sizeof *pixels) : NULL;
    if (!pixels) return;
    for (size_t i = 0; i < (size_t)w * h; i++)
        pixels[i] = (uint32_t)rgb[3 * i] << 16 | (uint32_t)rgb[3 * i + 1] << 8 | rgb[3 * i + 2];
    cairo_surface_t *surface = cairo_image_surface_create_for_data((unsigned char *)pixels, CAIRO_FORMAT_RGB24, (int)w,
                                                                   (int)h, (int)w * 4);
    cairo_save(canvas->cairo);
    cairo_translate(canvas->cairo, x, y);
    cairo_scale(canvas->cairo, width / w, height / h);
    cairo_set_source_surface(canvas->cairo, surface, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(canvas->cairo), CAIRO_FILTER_NEAREST);
    cairo_paint(canvas->cairo);
    cairo_restore(canvas->cairo);
    cairo_surface_destroy(surface);
    free(pixels);
#else
    (void)canvas, (void)x, (void)y, (void)width, (void)height, (void)rgb, (void)w, (void)h;
#endif
}

double canvas_step(double range, double count)
{
    double power = pow(10, floor(log10(range / count))), rest = range / count / power;
    return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
}
