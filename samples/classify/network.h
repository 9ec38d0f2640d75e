/* network.h - a model file as a classifier of pictures: Tuff's own, or ONNX with what is said beside it. */
#ifndef NETWORK_H
#define NETWORK_H

#include "intake.h"

struct network_params {
    struct intake_params intake; /* of ONNX models */
    const char *labels; /* names of the classes: a line each, or a JSON list; NULL: the metadata's, or their numbers */
    uint32_t batch; /* pictures at once, where the model takes any number; 0: 16. Of Tuff's own: the most of its own batch */
};
bool network_is_onnx(const char *path); /* by its name */

struct network {
    struct tuff_context *context;
    struct tuff_saved *saved;
    struct tuff_predictor *predictor;
    struct tuff_onnx *onnx;
    struct tuff_onnx_runner *runner;
    struct tuff_saved_info info; /* what samples it takes, and its classes */
    struct intake intake;
    uint32_t at_once; /* pictures of a full run */
    float *numbers;   /* [owned] of a batch */
    bool ran_one, ran_many;
    double first, prepare,
        device; /* seconds of: the first runs of each size, which make its plan; making numbers; all other runs */
    struct labels labels;
};

/* Opens the file and puts it on the device (network_load), of which the first part needs none. */
tuff_status network_open(struct network *n, struct tuff_context *context, const char *path,
                         const struct network_params *params, struct tuff_error *error);
tuff_status network_load(struct network *n, struct tuff_device *device, const struct network_params *params,
                         struct tuff_error *error);
void network_close(struct network *n);
/* Any count; runs are of at_once, the last one filled up with zeros.
 * samples [count, ..] as tuff_preprocess_run of info.preprocess makes them; probabilities [count, info.class_count]. */
tuff_status network_run(struct network *n, const uint8_t *samples, uint64_t count, float *probabilities,
                        struct tuff_error *error);

#endif
