/* sheet.h - a picture of classified pictures. */
#ifndef SHEET_H
#define SHEET_H

#include <tuff/tuff.h>

enum sheet_mark { SHEET_PLAIN = 0, SHEET_RIGHT, SHEET_WRONG };
struct sheet_item {
    const uint8_t *sample; /* [c, h, w] */
    const char *predicted, *caption;
    double probability;
    enum sheet_mark mark; /* plain: nobody knows */
};
struct sheet {
    const struct sheet_item *items;
    uint32_t count;
    uint32_t channels, height, width; /* of a sample */
    const char *title;
};
/* Writes a PNG file: names and probabilities under the pictures where cairo is there, else coloured frames alone. */
tuff_status sheet_write(struct tuff_context *context, const char *path, const struct sheet *sheet, struct tuff_error *error);

#endif
