/* find_rate.h - a search for a learning rate over steps of any kind: those of a trainer, and of a model's fit. Private. */
#ifndef TUFF_FIND_RATE_H
#define TUFF_FIND_RATE_H

#include "graph/train/trainer.h"

/* One step of `trainer` and its loss: NOT_FINITE ends the search well. */
typedef tuff_status tuff_rate_step(void *user, uint32_t step, double *loss, struct tuff_error *error);
TUFF_MUST_CHECK tuff_status tuff_find_rate_by(struct tuff_trainer *trainer, const struct tuff_find_rate_params *params,
                                              tuff_rate_step *step, void *user, struct tuff_rate_point *points,
                                              struct tuff_found_rate *found, struct tuff_error *error);

#endif
