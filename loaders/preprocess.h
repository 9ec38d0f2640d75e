/* preprocess.h - what a model file says beside its weights: preprocessing and labels as JSON. Private to loaders/. */
#ifndef TUFF_LOADERS_PREPROCESS_H
#define TUFF_LOADERS_PREPROCESS_H

#include "backend/core.h"
#include "loaders/source.h"

/* USAGE with a sentence when a field is out of range. */
tuff_status tuff_preprocess_check(struct tuff_context *context, const struct tuff_preprocess *preprocess,
                                  struct tuff_error *error);

/* Texts are allocated with the context's allocator. Errors: MEMORY, UNSUPPORTED (a build without cJSON). */
tuff_status tuff_preprocess_print(struct tuff_context *context, const struct tuff_preprocess *preprocess, char **json,
                                  struct tuff_error *error);
tuff_status tuff_labels_print(struct tuff_context *context, const char *const *names, uint32_t count, char **json,
                              struct tuff_error *error);
/* json may be NULL; file: for the sentence. Errors: FORMAT, MEMORY, UNSUPPORTED. */
tuff_status tuff_preprocess_parse(struct tuff_context *context, const char *json, const char *file,
                                  struct tuff_preprocess *preprocess, struct tuff_error *error);
/* *names: one allocation that holds pointers and texts. */
tuff_status tuff_labels_parse(struct tuff_context *context, const char *json, const char *file, const char *const **names,
                              uint32_t *count, struct tuff_error *error);

/* Fit for a terminal and a picture: not empty, UTF-8 without control characters. */
bool tuff_label_valid(const char *name);

#endif
