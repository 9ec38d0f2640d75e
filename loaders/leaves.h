/* leaves.h - parameters and states between a model and the arrays of a file. Private to loaders/. */
#ifndef TUFF_LOADERS_LEAVES_H
#define TUFF_LOADERS_LEAVES_H

#include "backend/core.h"
#include "loaders/source.h"

/* Zero it before the first use; finish it in any case. */
struct tuff_leaves {
    struct tuff_context *context; /* [borrowed] */
    uint32_t count;
    struct tuff_array *arrays; /* [owned] names are borrowed from the model or graph; without data */
};
tuff_status tuff_leaves_of_model(struct tuff_context *context, const struct tuff_model *model, struct tuff_leaves *leaves,
                                 struct tuff_error *error);
tuff_status tuff_leaves_of_graph(struct tuff_context *context, const struct tuff_graph *graph, struct tuff_leaves *leaves,
                                 struct tuff_error *error);
void tuff_leaves_finish(struct tuff_leaves *leaves);
/* A tuff_array_read: a leaf from the device of the model that is user. */
tuff_status tuff_leaves_read(void *model, const struct tuff_array *array, void *to, size_t bytes, struct tuff_error *error);
/* TUFF_OK when the file holds each leaf with its type and shape and, if `all`, no other array. file: for the sentence. */
tuff_status tuff_leaves_match(const struct tuff_leaves *leaves, const struct tuff_tensors *tensors, const char *file,
                              bool all, struct tuff_error *error);
/* Writes these leaves, as the file, which matches, has them, into the model. */
tuff_status tuff_leaves_write(const struct tuff_leaves *leaves, const struct tuff_tensors *tensors, struct tuff_model *model,
                              struct tuff_error *error);

/* The place in a training as texts of a file (model_checkpoint.c), behind *count others; what a file without them is no checkpoint for. */
enum { TUFF_PLACE_TEXTS = 18 };
#define TUFF_PLACE_KEY "fit.epoch"
/* Beside them a model that is trained further has its fields and some networks (tuff_model_network_text). */
enum { TUFF_TRAINING_TEXTS = 6 };
#define TUFF_FIELDS_KEY "fit.fields"
tuff_status tuff_place_print(struct tuff_arena *arena, const struct tuff_model *model, struct tuff_pair *texts,
                             size_t *count, struct tuff_error *error);
tuff_status tuff_place_state(struct tuff_context *context, const struct tuff_tensors *tensors, const char *path,
                             struct tuff_fit_state *state, struct tuff_error *error);
/* Puts a prepared model to where the file was written: all leaves, and the place. */
tuff_status tuff_place_read(struct tuff_context *context, const struct tuff_tensors *tensors, const char *path,
                            struct tuff_model *model, struct tuff_error *error);

#endif
