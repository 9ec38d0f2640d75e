/* frames.h - camera frames become samples of a model that takes pictures, by operators: on the device, where kernels of these are, and on the
 * processor. Needs <tuff/tuff.h> alone. */
#ifndef FRAMES_H
#define FRAMES_H

#include <tuff/tuff.h>

/* A frame in three planes, y, and u and v of half as many rows and columns (rounded up). */
struct frame_layout {
    uint32_t width, height;
    uint32_t rotation; /* degrees clockwise until it stands upright: 0, 90, 180 or 270 */
};
enum { FRAME_PLANES = 3 };

/* Adds inputs y [1, 1, height, width], u, v [1, 1, (height + 1) / 2, (width + 1) / 2], u8, and what becomes of them: colours by ITU-R BT.601
 * in full range (JFIF), R = Y + 1.402 (V - 128), G = Y - 0.344136 (U - 128) - 0.714136 (V - 128), B = Y + 1.772 (U - 128), rounded to
 * 0 .. 255, where u and v hold for four pixels; turned upright; then as tuff_preprocess_run of <tuff/data.h> makes a sample, off by a level
 * or two.
 *   planes  the inputs
 * Returns the sample "sample", u8 [1, channels, height, width]; 0 after a failure, of the graph (tuff_graph_finish), else of malloc. */
tuff_val frame_sample(struct tuff_graph *g, const struct tuff_preprocess *preprocess, const struct frame_layout *layout,
                      tuff_val planes[FRAME_PLANES]);
/* Compiles that for the usual sizes and all rotations: with tuff_kernels_record of the device's context, the kernels of frames go into a file. */
TUFF_MUST_CHECK tuff_status frames_compile(struct tuff_device *device, const struct tuff_preprocess *preprocess,
                                           struct tuff_error *error);

#endif
