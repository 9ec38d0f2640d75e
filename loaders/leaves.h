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
/* TUFF_OK when the file holds each leaf with its type and shape and no other array. file: for the
 * sentence. */
tuff_status tuff_leaves_match(const struct tuff_leaves *leaves, const struct tuff_tensors *tensors, const char *file,
                              struct tuff_error *error);
/* Writes the arrays of the file, which match, into the model. */
tuff_status tuff_leaves_write(struct tuff_context *context, const struct tuff_tensors *tensors, struct tuff_model *model,
                              struct tuff_error *error);

/* "F32 [16, 1, 3, 3]", in text. */
const char *tuff_array_text(const struct tuff_array *array, char *text, size_t size);
/* The type of graphs that has such elements; 0: none has. */
enum tuff_dtype tuff_element_dtype(enum tuff_element element);

#endif
