/* sheet.c - see sheet.h. Pictures are scaled up by a whole number without smoothing, so that one sees what the network sees. */
#include "sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef TUFF_HAVE_CAIRO
#include <cairo.h>
#endif

enum { COLUMNS = 5, CELL = 196, PICTURE = 140, FRAME = 5, TEXT = 50, GAP = 14, TITLE = 50 };
enum { WHITE = 0xffffff, BLACK = 0x222222, GREY = 0x777777, GREEN = 0x2e8b57, RED = 0xc62828 };

/* Rows of 0x00rrggbb. */
struct raster {
    uint32_t width, height;
    uint32_t *pixels; /* [owned] */
};

static void fill(struct raster *raster, uint32_t x, uint32_t y, uint32_t width, uint32_t height, uint32_t colour)
{
    for (uint32_t j = y; j < y + height && j < raster->height; j++)
        for (uint32_t i = x; i < x + width && i < raster->width; i++) raster->pixels[(size_t)j * raster->width + i] = colour;
}

static uint32_t sample_colour(const struct sheet *sheet, const uint8_t *sample, uint32_t x, uint32_t y)
{
    size_t plane = (size_t)sheet->height * sheet->width, at = (size_t)y * sheet->width + x;
    uint32_t r = sample[at], g = sheet->channels == 3 ? sample[at + plane] : r,
             b = sheet->channels == 3 ? sample[at + 2 * plane] : r;
    return r << 16 | g << 8 | b;
}

/* Where cell number `index` begins. */
static void place(const struct sheet *sheet, uint32_t index, uint32_t *x, uint32_t *y)
{
    *x = GAP + index % COLUMNS * (CELL + GAP);
    *y = (sheet->title ? TITLE : GAP) + index / COLUMNS * (PICTURE + 2 * FRAME + TEXT + GAP);
}

static void draw_picture(struct raster *raster, const struct sheet *sheet, uint32_t index)
{
    const struct sheet_item *item = &sheet->items[index];
    uint32_t longer = sheet->width > sheet->height ? sheet->width : sheet->height, x, y;
    uint32_t scale = PICTURE / longer ? PICTURE / longer : 1, shrink = (longer + PICTURE - 1) / PICTURE;
    uint32_t width = sheet->width * scale / shrink, height = sheet->height * scale / shrink;
    place(sheet, index, &x, &y);
    x += (CELL - width) / 2;
    y += FRAME + (PICTURE - height) / 2;
    fill(raster, x - FRAME, y - FRAME, width + 2 * FRAME, height + 2 * FRAME, item->right ? GREEN : RED);
    for (uint32_t j = 0; j < height; j++)
        for (uint32_t i = 0; i < width; i++)
            fill(raster, x + i, y + j, 1, 1, sample_colour(sheet, item->sample, i * shrink / scale, j * shrink / scale));
}

#ifdef TUFF_HAVE_CAIRO
/* Centred at x; made smaller until it fits. */
static void draw_text(cairo_t *cairo, double x, double y, double size, double room, uint32_t colour, const char *text,
                      bool bold)
{
    cairo_text_extents_t extents;
    cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    do {
        cairo_set_font_size(cairo, size);
        cairo_text_extents(cairo, text, &extents);
        size -= 0.5;
    } while (extents.x_advance > room && size > 6);
    cairo_set_source_rgb(cairo, (colour >> 16) / 255.0, (colour >> 8 & 255) / 255.0, (colour & 255) / 255.0);
    cairo_move_to(cairo, x - extents.x_advance / 2, y);
    cairo_show_text(cairo, text);
}

static bool write_names(struct raster *raster, const struct sheet *sheet)
{
    cairo_surface_t *surface = cairo_image_surface_create_for_data((unsigned char *)raster->pixels, CAIRO_FORMAT_RGB24,
                                                                   (int)raster->width, (int)raster->height,
                                                                   (int)raster->width * 4);
    cairo_t *cairo = cairo_create(surface);
    if (sheet->title) draw_text(cairo, raster->width / 2.0, 33, 20, raster->width - 2 * GAP, BLACK, sheet->title, true);
    for (uint32_t i = 0; i < sheet->count; i++) {
        const struct sheet_item *item = &sheet->items[i];
        uint32_t x, y;
        char text[300];
        place(sheet, i, &x, &y);
        snprintf(text, sizeof text, "%s %s  %.0f %%", item->right ? "✓" : "✗", item->predicted, 100 * item->probability);
        draw_text(cairo, x + CELL / 2.0, y + PICTURE + 2 * FRAME + 19, 16, CELL, item->right ? GREEN : RED, text, true);
        snprintf(text, sizeof text, "true: %s", item->wanted);
        draw_text(cairo, x + CELL / 2.0, y + PICTURE + 2 * FRAME + 39, 14, CELL, item->right ? GREY : BLACK, text, false);
    }
    cairo_destroy(cairo);
    cairo_surface_flush(surface);
    bool good = cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS;
    cairo_surface_destroy(surface);
    return good;
}
#else
static bool write_names(struct raster *raster, const struct sheet *sheet)
{
    (void)raster, (void)sheet, (void)BLACK, (void)GREY;
    return true;
}
#endif

static tuff_status write_png(struct tuff_context *context, const char *path, const struct raster *raster,
                             struct tuff_error *error)
{
    size_t count = (size_t)raster->width * raster->height;
    struct tuff_picture picture = {
        .width = raster->width, .height = raster->height, .channels = 3, .pixels = malloc(count * 3)};
    if (!picture.pixels) return TUFF_ERR_MEMORY;
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < 3; c++) picture.pixels[3 * i + (size_t)c] = (uint8_t)(raster->pixels[i] >> (16 - 8 * c));
    tuff_status status = tuff_picture_write_png(context, path, &picture, error);
    free(picture.pixels);
    return status;
}

tuff_status sheet_write(struct tuff_context *context, const char *path, const struct sheet *sheet, struct tuff_error *error)
{
    uint32_t x, y;
    place(sheet, (sheet->count + COLUMNS - 1) / COLUMNS * COLUMNS, &x, &y);
    struct raster raster = {.width = GAP + COLUMNS * (CELL + GAP), .height = y};
    raster.pixels = malloc((size_t)raster.width * raster.height * sizeof *raster.pixels);
    if (!raster.pixels) return TUFF_ERR_MEMORY;
    fill(&raster, 0, 0, raster.width, raster.height, WHITE);
    for (uint32_t i = 0; i < sheet->count; i++) draw_picture(&raster, sheet, i);
    tuff_status status = write_names(&raster, sheet) ? write_png(context, path, &raster, error) : TUFF_ERR_MEMORY;
    free(raster.pixels);
    return status;
}
