/* parallel.h - the same work for many indices, on as many threads as the machine has processors. Private. */
#ifndef TUFF_PARALLEL_H
#define TUFF_PARALLEL_H

#include "backend/core.h"

/* Calls work(user, i, error) for every i below count, in any order, on the calling thread and on others; reports progress on
 * the calling thread. Returns the failure of the lowest index that failed, or CANCELLED. progress may be NULL. */
tuff_status tuff_parallel(struct tuff_context *context, uint32_t count,
                          tuff_status (*work)(void *user, uint32_t index, struct tuff_error *error), void *user,
                          const char *what, const struct tuff_progress *progress, struct tuff_error *error);

#endif
