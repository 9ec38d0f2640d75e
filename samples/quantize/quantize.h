/* quantize.h - a float model, samples to calibrate it with, ranges of its values, and how far two models are apart. */
#ifndef QUANTIZE_H
#define QUANTIZE_H

#include "folder.h"
#include "intake.h"
#include "refuse.h"

#include <tuff/tuff.h>

enum { INPUTS = 32, SKIPS = 256 };

struct options {
    const char *model, *data, *out, *labels, *device;
    const char *shapes[INPUTS], *skips[SKIPS];
    uint32_t shape_count, skip_count;
    uint64_t samples, tests;                             /* to calibrate with; to measure with. 0: as many as suit */
    double percentile;                                   /* 0: min-max */
    bool signed_activations, one_weight_scale, pictured; /* pictured: an option of pictures was given */
    struct intake_params intake;
};

tuff_status no_memory(struct tuff_error *error);

/* ---- samples: feed.c ------------------------------------------------------------------------------------------------------------------ */

/* Samples of a folder, one at a time. */
struct feed {
    struct tuff_context *context;
    const char *folder;
    struct tuff_onnx_end inputs[INPUTS]; /* open dimensions are bound */
    uint32_t input_count;
    uint64_t count, *order; /* [owned] of the samples: first those of the calibration, then those that are held out */
    uint64_t learned, held;
    const char *kind;        /* "pictures" or "samples" */
    const char *left_folder; /* why the class folders tell no classes; NULL: they do, or there are none */
    uint32_t class_count;    /* 0: samples have no classes */
    struct labels labels;
    struct intake intake; /* of pictures */
    struct labelled_set set;
    struct tuff_dataset train, test; /* of IDX files: all of train, then all of test */
    uint8_t *sample;                 /* [owned] */
    void *numbers;                   /* [owned] */
    struct feed_file {
        char *name;     /* [owned] */
        uint64_t first; /* number of its first sample */
    } * files;          /* [owned] of numpy's arrays */
    uint64_t file_count, open_file;
    bool archives;
    struct tuff_tensors *open[INPUTS];
};
/* Finish it in any case. Errors: USAGE, FILE, FORMAT, MEMORY. */
TUFF_MUST_CHECK tuff_status feed_begin(struct feed *feed, struct tuff_context *context, const struct tuff_onnx *onnx,
                                       const struct options *options, struct tuff_error *error);
void feed_finish(struct feed *feed);
/* Orders the samples: `samples` for the calibration (0: 128, at most the half), spread evenly; of IDX files of the training part, with the
 * test part held out. */
TUFF_MUST_CHECK tuff_status feed_split(struct feed *feed, uint64_t samples, struct tuff_error *error);
/* Arrays of sample i in this order, until the next is asked for. */
TUFF_MUST_CHECK tuff_status feed_get(struct feed *feed, uint64_t i, struct tuff_array *arrays, struct tuff_error *error);
int32_t feed_class(const struct feed *feed, uint64_t i); /* -1: not known */

/* ---- calibration: calibrate.c --------------------------------------------------------------------------------------------------------- */

struct calibration {
    struct tuff_graph *graph;
    struct tuff_session *session;
    tuff_val inputs[INPUTS];
    tuff_val *outputs; /* [owned] of the model */
    uint32_t output_count;
    char **names;     /* [owned] each [owned]: of results of f32 */
    tuff_val *values; /* [owned] */
    struct tuff_onnx_range *ranges;
    uint32_t name_count, room, count; /* count: of values and ranges */
    bool failed;                      /* a name found no memory */
};
/* Opens the model; its values' names are noted when it is built. Finish the calibration in any case. */
TUFF_MUST_CHECK tuff_status calibration_open(struct calibration *c, struct tuff_context *context, const char *path,
                                             struct tuff_onnx **onnx, struct tuff_error *error);
/* Adds the network to a graph, runs the feed's samples for it, and finds what values lie within. */
TUFF_MUST_CHECK tuff_status calibrate(struct calibration *c, struct tuff_device *device, const struct tuff_onnx *onnx,
                                      struct feed *feed, const struct options *options, struct tuff_error *error);
/* Is it one of these operators of ONNX's own, "Conv Gemm"? */
bool op_is(const struct tuff_onnx_node_info *node, const char *names);
/* Of the ranges those stay that are to be rounded: plan.c. */
TUFF_MUST_CHECK tuff_status plan_ranges(struct calibration *c, const struct tuff_onnx *onnx, const struct feed *feed,
                                        struct tuff_error *error);
void calibration_finish(struct calibration *c);

/* ---- two models: compare.c ------------------------------------------------------------------------------------------------------------ */

struct compared {
    uint64_t samples, classed, right[2], same; /* right: of the classed ones, by the first model, by the second */
    bool classes;                              /* its output is one number for each class */
    uint32_t output_count;
    struct compared_output {
        char name[128];
        double signal, noise; /* sums of squares */
        uint64_t equal, all;  /* of whole numbers */
        bool whole;
    } * outputs; /* [owned] */
};
/* Runs both models on samples that are held out, or where there are none on those of the calibration: at most so many, spread evenly. */
TUFF_MUST_CHECK tuff_status compare(struct compared *c, struct tuff_device *device, const struct tuff_onnx *a,
                                    const struct tuff_onnx *b, struct feed *feed, uint64_t most, struct tuff_error *error);

#endif
