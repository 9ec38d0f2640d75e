/* stream.h - pictures from standard input: one as a file holds it, or frames of a video as raw RGB. */
#ifndef STREAM_H
#define STREAM_H

#include <tuff/tuff.h>

/* What --frames and --every say. */
struct frames {
    uint32_t width, height; /* 3 width height bytes each; 0: there are none */
    uint32_t every;         /* one of so many counts */
};
/* "640x360"; wrong use where it is no such. */
void frames_parse(const char *program, const char *text, struct frames *frames);
void frames_parse_every(const char *program, const char *text, struct frames *frames); /* "5" */
/* Wrong use: two pictures of standard input, frames of anything else, --every without them, no picture at all. Sets `every`, if nobody did. */
void frames_check(const char *program, struct frames *frames, char *const *pictures, int count);

/* The whole of standard input as a picture. Errors: those of tuff_picture_decode, with its name. */
TUFF_MUST_CHECK tuff_status stream_picture(struct tuff_context *context, const struct tuff_picture_options *options,
                                           struct tuff_picture *picture, struct tuff_error *error);
/* The next frame into a picture of its size, whole; *got is false at the end, and where `stop` becomes true (NULL: never): who writes into a pipe may be
 * silent for ever.
 *   number   of the frame, from 0
 * Errors: FORMAT (cut off, or there is none at all), FILE. */
TUFF_MUST_CHECK tuff_status stream_frame(struct tuff_picture *picture, uint64_t number, const _Atomic bool *stop, bool *got,
                                         struct tuff_error *error);

#endif
