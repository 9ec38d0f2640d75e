/* confusion.h - a confusion matrix as a picture: a row for each true class, a column for each answer. */
#ifndef CONFUSION_H
#define CONFUSION_H

#include "canvas.h"

struct confusion {
    const uint64_t *counts; /* [classes, classes] */
    uint32_t classes;
    const char *const *names;
};
void confusion_size(const struct confusion *confusion, int *width, int *height);
/* draw of canvas_write; user: a struct confusion. */
void confusion_draw(struct canvas *canvas, const void *user);

#endif
