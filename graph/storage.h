/* storage.h - ranges of scratch memory, between storage.c and lower.c. Private. */
#ifndef TUFF_STORAGE_H
#define TUFF_STORAGE_H

#include "graph/compile.h"

struct tuff_range {
    uint64_t bytes, offset;
    uint32_t first, last;  /* positions of the groups that write it and read it last */
    struct tuff_range *in; /* the range whose memory it takes over, or NULL */
    bool taken, placed;
};
struct tuff_scratch {
    struct tuff_range *ranges; /* [arena] */
    uint32_t *range_of;        /* [arena] per value, UINT32_MAX: none */
    uint32_t count;
    uint64_t bytes;
};
TUFF_MUST_CHECK tuff_status tuff_scratch_plan(struct tuff_work *w, struct tuff_scratch *scratch);
uint64_t tuff_value_bytes(const struct tuff_type *type); /* whole multiples of TUFF_PLAN_ALIGNMENT */

#endif
