/* weights.h - parameters and statistics of a network out of a file of another program's, by name. */
#ifndef WEIGHTS_H
#define WEIGHTS_H

#include "sample.h"

/* From a file of any kind that tuff_tensors_open knows: all but those that begin with "head.", named there with `prefix` (NULL: none) before it; what the
 * file holds besides is left. to: model, or session and graph. Errors: those of the file; FORMAT (one is missing, or of another shape or type). */
tuff_status weights_read(struct sample *s, const char *path, const char *prefix, struct tuff_weights_params to);

#endif
