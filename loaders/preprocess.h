/* preprocess.h - what a model file says beside its weights: preprocessing, and labels a line each. Private to loaders/. */
#ifndef TUFF_LOADERS_PREPROCESS_H
#define TUFF_LOADERS_PREPROCESS_H

#include "backend/core.h"
#include "loaders/source.h"

/* USAGE with a sentence, behind the name of the function that was called, when a field is out of range. */
tuff_status tuff_preprocess_check(struct tuff_context *context, const char *function,
                                  const struct tuff_preprocess *preprocess, struct tuff_error *error);

/* Texts are allocated with the context's allocator. Errors: MEMORY. */
tuff_status tuff_preprocess_print(struct tuff_context *context, const struct tuff_preprocess *preprocess, char **text,
                                  struct tuff_error *error);
tuff_status tuff_labels_print(struct tuff_context *context, const char *const *names, uint32_t count, char **text,
                              struct tuff_error *error);
/* text may be NULL; file: for the sentence. Errors: FORMAT, MEMORY. */
tuff_status tuff_preprocess_parse(struct tuff_context *context, const char *text, const char *file,
                                  struct tuff_preprocess *preprocess, struct tuff_error *error);
/* *names: one allocation that holds pointers and texts. key: of the text, for the sentence. */
tuff_status tuff_labels_parse(struct tuff_context *context, const char *text, const char *file, const char *key,
                              const char *const **names, uint32_t *count, struct tuff_error *error);

/* Fit for a terminal and a picture: not empty, UTF-8 without control characters. */
bool tuff_label_valid(const char *name);

#endif
