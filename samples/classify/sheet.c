/* sheet.c - see sheet.h. Pictures are scaled up by a whole number without smoothing, so that one sees what the network sees; larger ones
 * are means of squares. */
#include "sheet.h"
#include "canvas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef TUFF_HAVE_CAIRO
#include <cairo.h>
#endif

enum { COLUMNS = 5, CELL = 196, PICTURE = 140, FRAME = 5, TEXT = 50, GAP = 14, TITLE = 50 };
enum { WHITE = 0xffffff, BLACK = 0x222222, GREY = 0x777777, PALE = 0xc8ccd2, GREEN = 0x2e8b57, RED = 0xc62828 };

static const uint32_t colours[] = {[SHEET_PLAIN] = PALE, [SHEET_RIGHT] = GREEN, [SHEET_WRONG] = RED};

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

/* The mean of the square of `side` pixels at (x, y), as much of it as there is. */
static uint32_t sample_colour(const struct sheet *sheet, const uint8_t *sample, uint32_t x, uint32_t y, uint32_t side)
{
    const size_t plane = (size_t)sheet->height * sheet->width;
    uint32_t sum[3] = {0}, count = 0;
    for (uint32_t j = y; j < y + side && j < sheet->height; j++)
        for (uint32_t i = x; i < x + side && i < sheet->width; i++, count++)
            for (uint32_t c = 0; c < 3; c++)
                sum[c] += sample[(size_t)j * sheet->width + i + (sheet->channels == 3 ? c : 0) * plane];
    return (sum[0] + count / 2) / count << 16 | (sum[1] + count / 2) / count << 8 | (sum[2] + count / 2) / count;
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
    fill(raster, x - FRAME, y - FRAME, width + 2 * FRAME, height + 2 * FRAME, colours[item->mark]);
    for (uint32_t j = 0; j < height; j++)
        for (uint32_t i = 0; i < width; i++)
            fill(raster, x + i, y + j, 1, 1,
                 sample_colour(sheet, item->sample, i * shrink / scale, j * shrink / scale, shrink));
}

#ifdef TUFF_HAVE_CAIRO
/* Of the text in that size. */
static double width_of(cairo_t *cairo, double size, const char *text)
{
    cairo_text_extents_t extents;
    cairo_set_font_size(cairo, size);
    cairo_text_extents(cairo, text, &extents);
    return extents.x_advance;
}

/* Before, name and behind, centred at x: made smaller until they fit, to three quarters; then the name is cut. */
static void draw_text(cairo_t *cairo, double x, double y, double size, double room, uint32_t colour, bool bold,
                      const char *const parts[3])
{
    char name[1000], cut[1000], text[1100];
    double least = size * 3 / 4, width;
    snprintf(name, sizeof name, "%.240s", parts[1]);
    cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    for (int most = (int)strlen(name);; most -= size <= least) {
        snprintf(text, sizeof text, "%s%s%s", parts[0], canvas_name(name, most, cut), parts[2]);
        width = width_of(cairo, size, text);
        if (width <= room || most < 2) break;
        if (size > least) size -= 0.5;
    }
    cairo_set_source_rgb(cairo, (colour >> 16) / 255.0, (colour >> 8 & 255) / 255.0, (colour & 255) / 255.0);
    cairo_move_to(cairo, x - width / 2, y);
    cairo_show_text(cairo, text);
}

static bool write_names(struct raster *raster, const struct sheet *sheet)
{
    cairo_surface_t *surface = cairo_image_surface_create_for_data((unsigned char *)raster->pixels, CAIRO_FORMAT_RGB24,
                                                                   (int)raster->width, (int)raster->height,
                                                                   (int)raster->width * 4);
    cairo_t *cairo = cairo_create(surface);
    if (sheet->title)
        draw_text(cairo, raster->width / 2.0, 33, 20, raster->width - 2 * GAP, BLACK, true,
                  (const char *const[]){"", sheet->title, ""});
    for (uint32_t i = 0; i < sheet->count; i++) {
        const struct sheet_item *item = &sheet->items[i];
        uint32_t x, y;
        char percent[16];
        place(sheet, i, &x, &y);
        static const char *const marks[] = {[SHEET_PLAIN] = "", [SHEET_RIGHT] = "✓ ", [SHEET_WRONG] = "✗ "};
        snprintf(percent, sizeof percent, "  %.0f %%", 100 * item->probability);
        draw_text(cairo, x + CELL / 2.0, y + PICTURE + 2 * FRAME + 19, 16, CELL, item->mark ? colours[item->mark] : BLACK,
                  true, (const char *const[]){marks[item->mark], item->predicted, percent});
        draw_text(cairo, x + CELL / 2.0, y + PICTURE + 2 * FRAME + 39, 14, CELL, item->mark == SHEET_WRONG ? BLACK : GREY,
                  false, (const char *const[]){"", item->caption, ""});
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
    (void)raster, (void)sheet, (void)BLACK, (void)GREY; /* who calls prints names */
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
