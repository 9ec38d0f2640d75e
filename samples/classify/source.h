/* source.h - where pictures come from: files, folders of them, standard input, frames of a video in a pipe. They come in batches, of which the next
 * one is read, decoded and prepared on threads while the caller works with this one. */
#ifndef SOURCE_H
#define SOURCE_H

#include "stream.h"
#include "task.h"

#include <tuff/tuff.h>

/* What became of one picture. */
struct piece {
    const char *path; /* [borrowed] as given, or within a folder; NULL: of frames */
    uint64_t number;  /* of the picture, or of the frame among all frames */
    tuff_status status;
    struct tuff_error error;
    struct tuff_picture_damage damage;
};
struct batch {
    uint32_t count;   /* 0: there are no more */
    uint8_t *samples; /* [owned] [room, sample_bytes]; those of what could not be read are black */
    struct piece *pieces;
};

enum { SOURCE_THREADS = 16 };
struct source_params {
    struct tuff_preprocess preprocess;
    uint32_t room, threads;   /* of a batch; threads 0: nothing is read ahead */
    struct frames frames;     /* none: pictures */
    const char *folder;       /* that paths are in; NULL: none */
    const char *const *paths; /* [borrowed] of pictures; "-" is standard input */
    uint64_t count;
};
struct source {
    struct tuff_context *context;
    struct source_params params;
    uint64_t sample_bytes, next; /* next: picture or frame of the next batch */
    bool begun, ended;
    _Atomic bool stop;  /* no more frames are wanted */
    tuff_status status; /* of what comes behind the batch: a frame that is cut off */
    struct tuff_error error;
    struct batch batches[2];
    uint32_t which; /* of the two is being made */
    struct decoder {
        struct source *source;
        uint32_t index; /* its pictures: index, index + threads, .. */
        struct tuff_picture picture;
        double decode, prepare; /* seconds so far */
        struct task task;
    } decoders[SOURCE_THREADS];
};
/* Close it after a failure too. */
TUFF_MUST_CHECK tuff_status source_open(struct source *source, struct tuff_context *context,
                                        const struct source_params *params, struct tuff_error *error);
/* The next batch, which stays until the call after. Errors: those of a stream that ends wrongly, behind its last whole frame. */
TUFF_MUST_CHECK tuff_status source_next(struct source *source, const struct batch **batch, struct tuff_error *error);
void source_close(struct source *source);
/* Seconds that all threads spent on reading and decoding, and on preparing samples; between two batches. */
void source_times(const struct source *source, double *decode, double *prepare);

#endif
