/* detect.h - the parts of tuff-detect: a detector's network (detector.c), what its outputs say of faces (faces.c) and of text (regions.c), a drawing. */
#ifndef DETECT_H
#define DETECT_H

#include <tuff/tuff.h>

enum kind { KIND_GUESS = 0, KIND_YUNET, KIND_ULTRAFACE, KIND_DB, KINDS };
extern const char *const kind_names[KINDS]; /* "guess", "yunet", .. */

enum { LANDMARKS = 5 };
/* In pixels of the picture, from its upper left corner; may reach beyond it. */
struct found {
    double score;        /* 0 .. 1 */
    double x, y, w, h;   /* upright, around all of it */
    double corner[4][2]; /* of text: clockwise from the upper left one as one reads */
    double
        mark[LANDMARKS]
            [2]; /* of YuNet: the right eye (left in the picture), the left eye, the tip of the nose, the mouth's corners */
};
/* Begins with zeros. */
struct finds {
    struct found *each; /* [owned] */
    uint32_t count, room;
};
/* False: out of memory. */
bool finds_add(struct finds *finds, const struct found *found);
/* The best of those that overlap stay, best first. Intersection over union above `most` is an overlap. */
void finds_suppress(struct finds *finds, double most);
/* Best first; equal ones from the top. */
void finds_sort(struct finds *finds);

struct detect_params {
    enum kind kind;
    double score, overlap; /* the least; the most */
    double map, unclip;    /* of text: what a pixel must reach; how far a box grows, by its area over its circumference */
    uint32_t side;         /* the longer side that the network sees, where it takes any */
};

/* How the network's pixels lie in a picture: x_picture = x scale. */
struct view {
    uint32_t width, height; /* of the network's input */
    double scale[2];
};

/* What a network's outputs say; false: out of memory. Each has its own file's formula.
 *   yunet      [cls, obj, box, landmarks] of strides 8, 16, 32: [n], [n], [n, 4], [n, 10]
 *   ultraface  scores [n, 2], boxes [n, 4]
 *   db         probabilities [height, width] */
bool find_yunet(const float *const heads[3][4], const struct view *view, const struct detect_params *params,
                struct finds *finds);
bool find_ultraface(const float *scores, const float *boxes, uint64_t n, const struct view *view,
                    const struct detect_params *params, struct finds *finds);
bool find_regions(const float *map, const struct view *view, const struct detect_params *params, struct finds *finds);

enum { DETECT_SIZES = 8 };
struct detector {
    struct tuff_context *context;
    struct tuff_onnx *onnx;
    struct tuff_onnx_runner *runner;
    struct detect_params params;
    uint32_t fixed[2]; /* h, w that the network takes; 0: any */
    char input[128];
    uint32_t output[12]; /* of yunet: cls, obj, bbox, kps of each stride; of ultraface: scores, boxes */
    uint8_t *bytes;      /* [owned] */
    float *numbers;      /* [owned] */
    uint64_t room;
    uint32_t sizes[DETECT_SIZES][2], size_next; /* h, w that came last */
    uint32_t width, height;                     /* of the last run's input; */
    bool new_size;                              /* it was the first of its size */
    double prepare, first, device, boxes;       /* seconds so far */
};
TUFF_MUST_CHECK tuff_status detector_open(struct detector *detector, struct tuff_context *context, const char *path,
                                          const struct detect_params *params, struct tuff_error *error);
TUFF_MUST_CHECK tuff_status detector_load(struct detector *detector, struct tuff_device *device, struct tuff_error *error);
void detector_close(struct detector *detector);
TUFF_MUST_CHECK tuff_status detector_run(struct detector *detector, const struct tuff_picture *picture, struct finds *finds,
                                         struct tuff_error *error);

/* The picture with what was found, as PNG of its size. UNSUPPORTED: a build without cairo. */
TUFF_MUST_CHECK tuff_status draw_finds(struct tuff_context *context, const char *path, const struct tuff_picture *picture,
                                       enum kind kind, const struct finds *finds, struct tuff_error *error);

#endif
