/* pictures.c - see pictures.h. */
#include "pictures.h"
#include "canvas.h"

#include <stdlib.h>

enum { GAP = 12, TITLE = 56, COLUMN = 22, CAPTION = 20, CELL = 150, BLACK = 0x222222, GREY = 0x777777 };

static void to_rgb(const struct pictures *p, uint32_t index, uint8_t *rgb)
{
    size_t plane = (size_t)p->width * p->height;
    const uint8_t *from = p->pixels + index * plane * p->channels;
    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < 3; c++) rgb[3 * i + c] = from[(p->channels == 3 ? c * plane : 0) + i];
}

tuff_status pictures_write(struct tuff_context *context, const char *path, const struct pictures *p,
                           struct tuff_error *error)
{
    uint32_t scale = CELL / p->width ? CELL / p->width : 1;
    int width = (int)(p->width * scale), height = (int)(p->height * scale), below = p->captions ? CAPTION : 0;
    int top = TITLE + (p->columns ? COLUMN : 0), across = GAP + (int)p->across * (width + GAP);
    uint8_t *rgb = malloc((size_t)p->width * p->height * 3);
    struct canvas *canvas = rgb ? canvas_open(path, across, top + (int)p->rows * (height + below + GAP)) : NULL;
    if (!canvas) {
        tuff_status status = rgb ? TUFF_OK : TUFF_ERR_MEMORY;
        free(rgb);
        return status;
    }
    canvas_text(canvas, GAP, 32, 17, ANCHOR_START, BLACK, p->title);
    for (uint32_t k = 0; k < p->across; k++) {
        double x = GAP + (int)k * (width + GAP);
        if (p->columns) canvas_text(canvas, x + width / 2.0, TITLE + COLUMN - 10, 13, ANCHOR_MIDDLE, GREY, p->columns[k]);
        for (uint32_t i = 0; i < p->rows; i++) {
            uint32_t index = i * p->across + k;
            double y = top + (int)i * (height + below + GAP);
            to_rgb(p, index, rgb);
            canvas_picture(canvas, x, y, width, height, rgb, p->width, p->height);
            if (p->captions)
                canvas_text(canvas, x + width / 2.0, y + height + 15, 12, ANCHOR_MIDDLE, GREY, p->captions[index]);
        }
    }
    free(rgb);
    return canvas_close(canvas, context, error);
}
