/* tiles.h - the class of tiles of a software device (tuff_caps.tiles). Private. */
#ifndef TUFF_TILES_H
#define TUFF_TILES_H

#include "backend/device.h"

/* Sets tiles and tiles_source of caps by tuff_options.tiles, else, where a probe would decide, by AVX-512 or the file of earlier answers.
 * Errors: USAGE with the known names. */
tuff_status tuff_tiles_apply(struct tuff_context *context, struct tuff_caps *caps, struct tuff_error *error);
/* Measures on a device that has started, where that decides and is not known yet, and keeps the answer in the file.
 * Errors: those of a small program. */
tuff_status tuff_tiles_measure(struct tuff_device *device, struct tuff_error *error);

#endif
