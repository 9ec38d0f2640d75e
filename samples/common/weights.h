/* weights.h - parameters and statistics of a network out of a file of another program's, by name. */
#ifndef WEIGHTS_H
#define WEIGHTS_H

#include "sample.h"

/* Where they go: a model's leaves, or a session's. */
struct weights_target {
    uint32_t count;
    struct tuff_leaf (*leaf)(void *user, uint32_t index);
    tuff_status (*write)(void *user, const char *name, const void *data, size_t bytes, struct tuff_error *error);
    void *user;
};
struct weights_target weights_of_model(struct tuff_model *model);
/* From a .tuff model or a safetensors file: each f32 leaf but those that begin with "head.", named there with `prefix` (NULL: none) before it. What
 * the file holds besides is left. Errors: those of the file; FORMAT (one is missing, or of another shape or type). */
tuff_status weights_read(struct sample *s, const char *path, const char *prefix, const struct weights_target *to);

#endif
