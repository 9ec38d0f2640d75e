/* whole.h - files that a program writes whole or not at all: what is written meets memory first. */
#ifndef WHOLE_H
#define WHOLE_H

#include <tuff/tuff.h>

#include <stdio.h>

struct whole {    /* is not copied or moved while it is written */
    FILE *stream; /* for stdio */
    char *text;
    size_t bytes;
};
/* False: out of memory, and nothing is to be ended. Else whole_write or whole_drop ends it. */
bool whole_begin(struct whole *whole);
/* By tuff_file_write: path holds the old or the new content. */
TUFF_MUST_CHECK tuff_status whole_write(struct whole *whole, struct tuff_context *context, const char *path,
                                        struct tuff_error *error);
void whole_drop(struct whole *whole);

/* Before the work: whether files could be written at these paths, at most 8. NULL is none. A pipe must have its reader. */
TUFF_MUST_CHECK tuff_status whole_try(struct tuff_context *context, const char *const *paths, uint32_t count,
                                      struct tuff_error *error);

#endif
