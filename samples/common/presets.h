/* presets.h - how networks of others take pictures: (v / scale - mean) / deviation of each channel of v in 0 .. 255. */
#ifndef PRESETS_H
#define PRESETS_H

#include <stdbool.h>

struct preset {
    const char *name;
    double scale, mean[3], deviation[3];
    double crop; /* part of the shorter side that is looked at, in the middle */
    bool bgr;    /* mean and deviation are in that order, too */
};
extern const char presets_names[];                  /* "imagenet, unit, .." */
const struct preset *preset_find(const char *name); /* NULL: none has it */

#endif
