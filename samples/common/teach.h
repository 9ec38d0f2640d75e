/* teach.h - a classifier that is taught on a device: a network that stays as it is gives a row of features for each picture (the output
 * "features" of a model file, as tuff-pack makes one), and one dense layer behind them learns. Needs <tuff/tuff.h> alone, and no compiler
 * where the file brings the kernels (tuff-pack --teach CLASSES). */
#ifndef TEACH_H
#define TEACH_H

#include <tuff/tuff.h>

enum { TEACH_BATCH = 16 }; /* samples of a step: what tuff-pack --teach records */

struct teach_head {
    uint32_t features, classes; /* teach_features of the model file; 2 or more */
    uint32_t batch;             /* 0: TEACH_BATCH */
    uint64_t seed;              /* of initial values and of the order of samples */
    struct tuff_progress progress;
};
/* The model that learns, of two fields: features f32 [features] of a picture and its label (0 .. classes - 1). Parameters "head.weight"
 * [classes, features] and "head.bias" [classes], output "probabilities" [classes], metric "accuracy".
 *   head   borrowed as long as the model lasts
 * Errors: those of tuff_model_create. Destroy with tuff_model_destroy. */
TUFF_MUST_CHECK tuff_status teach_model(struct tuff_device *device, const struct teach_head *head, struct tuff_model **model,
                                        struct tuff_error *error);
/* Settings of its fit: Adam, rate 0.01. Callbacks and what else is not part of the plans may be set. */
struct tuff_fit_params teach_fit(uint32_t epochs);

/* How many features the model file gives of a picture; 0: it has no output "features" [n]. */
uint32_t teach_features(const struct tuff_saved *backbone);

/* Writes one model file of the whole: the backbone's network as far as its features, the head, softmax. Outputs "probabilities" and
 * "features" (so that it can be taught again); preprocessing, batch and texts are the backbone's. No device takes part but to read the head's
 * weights, and the backbone's own classes are left out. Kernels that the context has (tuff_kernels_add, tuff_kernels_open of the backbone's
 * file; tuff_kernels_record) go into it, too, and no others: where path is the backbone's own file, open its kernels first, or they are lost.
 *   head         of teach_model
 *   class_names  one for each class, or NULL
 *   path         holds the old or the new content whole; may be the backbone's own file
 * Errors: USAGE (a backbone without features, or with others than the head takes; names that are no labels), FILE, MEMORY, DEVICE_LOST. */
TUFF_MUST_CHECK tuff_status teach_save(struct tuff_context *context, const struct tuff_saved *backbone,
                                       struct tuff_model *head, const char *const *class_names, const char *path,
                                       struct tuff_error *error);

#endif
