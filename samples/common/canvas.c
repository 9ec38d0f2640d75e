/* canvas.c - see canvas.h. */
#include "canvas.h"
#include "text.h"
#include "whole.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef TUFF_HAVE_CAIRO
#include <cairo.h>
#endif

static const double PNG_SCALE = 1.5; /* pixels per unit */

struct canvas {
    FILE *svg;   /* [borrowed] of file, or of the page that it stands in; NULL: a PNG */
    bool within; /* it stands in a page */
#ifdef TUFF_HAVE_CAIRO
    cairo_surface_t *surface;
    cairo_t *cairo;
#endif
    struct whole file;
    char path[1200];
};

#ifdef TUFF_HAVE_CAIRO
static void open_png(struct canvas *canvas, int width, int height, double scale)
{
    canvas->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(width * scale), (int)(height * scale));
    canvas->cairo = cairo_create(canvas->surface);
    cairo_scale(canvas->cairo, scale, scale);
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

static void begin_svg(struct canvas *canvas, int width, int height)
{
    fprintf(canvas->svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\">\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
            width, height, width, height);
}

struct canvas *canvas_within(FILE *page, int width, int height)
{
    struct canvas *canvas = calloc(1, sizeof *canvas);
    if (!canvas) return NULL;
    canvas->svg = page, canvas->within = true;
    begin_svg(canvas, width, height);
    return canvas;
}

static struct canvas *open_scaled(const char *path, int width, int height, double scale)
{
    size_t length = strlen(path);
    bool svg = length > 4 && strcmp(path + length - 4, ".svg") == 0;
    struct canvas *canvas = calloc(1, sizeof *canvas);
#ifndef TUFF_HAVE_CAIRO
    if (!svg) length = sizeof canvas->path;
    (void)scale;
#endif
    if (!canvas || length >= sizeof canvas->path || !whole_begin(&canvas->file)) {
        free(canvas);
        return NULL;
    }
    strcpy(canvas->path, path);
    canvas->svg = svg ? canvas->file.stream : NULL;
    if (svg) begin_svg(canvas, width, height);
#ifdef TUFF_HAVE_CAIRO
    if (!svg) open_png(canvas, width, height, scale);
#endif
    return canvas;
}

struct canvas *canvas_open(const char *path, int width, int height) { return open_scaled(path, width, height, PNG_SCALE); }

struct canvas *canvas_open_pixels(const char *path, int width, int height) { return open_scaled(path, width, height, 1); }

tuff_status canvas_close(struct canvas *canvas, struct tuff_context *context, struct tuff_error *error)
{
    bool good = true;
    tuff_status status = TUFF_ERR_MEMORY;
    if (canvas->svg) fputs("</svg>\n", canvas->svg);
#ifdef TUFF_HAVE_CAIRO
    if (canvas->cairo) good = close_png(canvas);
#endif
    if (canvas->within)
        status = TUFF_OK;
    else if (good)
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

void canvas_text(struct canvas *canvas, double x, double y, double size, enum anchor anchor, uint32_t colour,
                 const char *text)
{
    static const char *const names[] = {"start", "middle", "end"};
    if (canvas->svg) {
        fprintf(canvas->svg, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%g\" text-anchor=\"%s\" fill=\"#%06x\">", x, y, size,
                names[anchor], (unsigned)colour);
        text_to_html(canvas->svg, text);
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

void canvas_box(struct canvas *canvas, double x, double y, double width, double height, uint32_t colour)
{
    if (canvas->svg)
        fprintf(canvas->svg, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"#%06x\"/>\n", x, y, width,
                height, (unsigned)colour);
#ifdef TUFF_HAVE_CAIRO
    if (canvas->cairo) {
        cairo_rectangle(canvas->cairo, x, y, width, height);
        set_colour(canvas, colour);
        cairo_fill(canvas->cairo);
    }
#endif
}

void canvas_slanted(struct canvas *canvas, double x, double y, double size, uint32_t colour, const char *text)
{
    if (canvas->svg) {
        fprintf(canvas->svg, "<text transform=\"translate(%.1f %.1f) rotate(-45)\" font-size=\"%g\" fill=\"#%06x\">", x, y,
                size, (unsigned)colour);
        text_to_html(canvas->svg, text);
        fputs("</text>\n", canvas->svg);
    }
#ifdef TUFF_HAVE_CAIRO
    if (canvas->cairo) {
        cairo_save(canvas->cairo);
        cairo_translate(canvas->cairo, x, y);
        cairo_rotate(canvas->cairo, -0.7853981633974483);
        canvas_text(canvas, 0, 0, size, ANCHOR_START, colour, text);
        cairo_restore(canvas->cairo);
    }
#endif
}

const char *canvas_name(const char *name, int most, char *buffer)
{
    const unsigned char *at = (const unsigned char *)name, *end = at + strlen(name);
    int characters = 0;
    size_t kept = 0, bytes = 0;
    while (at + bytes < end && characters < most) {
        size_t length = text_utf8(at + bytes, end);
        if (characters++ < most - 1) kept = bytes + (length ? length : 1);
        bytes += length ? length : 1;
    }
    if (at + bytes == end) return strcpy(buffer, name);
    memcpy(buffer, name, kept);
    strcpy(buffer + kept, "\xe2\x80\xa6");
    return buffer;
}

tuff_status canvas_write(struct tuff_context *context, const char *stem, int width, int height,
                         void (*draw)(struct canvas *canvas, const void *user), const void *user, const char **better,
                         struct tuff_error *error)
{
    static const char *const endings[] = {".svg", ".png"};
    char path[1200];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s%s", stem, endings[i]);
        struct canvas *canvas = canvas_open(path, width, height);
        if (!canvas && i == 0) return TUFF_ERR_MEMORY;
        if (!canvas) continue;
        draw(canvas, user);
        tuff_status status = canvas_close(canvas, context, error);
        if (status != TUFF_OK) return status;
        if (better) *better = endings[i];
    }
    return TUFF_OK;
}

double canvas_step(double range, double count)
{
    double power = pow(10, floor(log10(range / count))), rest = range / count / power;
    return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
}
