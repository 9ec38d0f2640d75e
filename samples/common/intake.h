/* intake.h - pictures as an ONNX model takes them, by what its file says and what is said beside it; names of its classes. */
#ifndef INTAKE_H
#define INTAKE_H

#include <tuff/tuff.h>

/* What an ONNX model does not say of itself; where its metadata say how pictures are prepared, and nothing here does, they count. */
struct intake_params {
    const char *preset; /* how numbers of pictures become the model's; NULL: imagenet */
    double crop;        /* part of the shorter side that is looked at, in the middle; 0: the preset's */
    enum tuff_fit fit;  /* of pictures of another shape, and */
    enum tuff_filter filter;
    uint32_t side;    /* of pictures where the model takes any size; 0: 224 */
    bool bgr, fitted; /* fitted: fit was given */
};
struct labels {
    char *text;         /* [owned] */
    const char **names; /* [owned] [count] */
};
/* A line each, or a JSON list of texts; path NULL: labels->text, as the metadata have them, or their numbers. Finish them in any case. Errors: FILE,
 * FORMAT, MEMORY, USAGE (another number). */
TUFF_MUST_CHECK tuff_status labels_read(const char *path, uint32_t count, struct labels *labels, struct tuff_error *error);
void labels_finish(struct labels *labels);

struct intake {
    struct tuff_preprocess preprocess; /* pictures become samples by it */
    uint64_t sample_bytes;
    float factor[3], offset[3]; /* of each channel: v factor + offset */
    uint32_t side[2];           /* h, w that the network sees, in the middle of a sample */
    bool bgr, last, bytes;      /* channels reversed, last; u8 as they are */
    uint32_t fixed;             /* the model takes this number of pictures at once and no other; 0: any */
    char input[128];
};
/* labels gets the text of the metadata. Errors: USAGE (no network of pictures, no such preset), FORMAT (metadata that are none), MEMORY. */
TUFF_MUST_CHECK tuff_status intake_of(const struct tuff_onnx *onnx, const char *path, const struct intake_params *params,
                                      struct intake *intake, struct labels *labels, struct tuff_error *error);
/* Samples as the network's numbers, f32 or u8: [count, c, h, w] or [count, h, w, c]. */
void intake_numbers(const struct intake *intake, const uint8_t *samples, uint64_t count, void *to);
/* The network's input of so many samples, without data. */
struct tuff_array intake_array(const struct intake *intake, uint64_t count);

#endif
