/* os_shared.h - what os_shared.c has for os_posix.c and os_windows.c, and asks of them. Private to these three. */
#ifndef TUFF_OS_SHARED_H
#define TUFF_OS_SHARED_H

#include "backend/core.h"
#include "backend/os.h"

/* Is it the name of a temporary file, STEM.<process>.<time>.tmp? *stem: bytes of STEM. */
bool tuff_os_is_temporary(const char *name, size_t *stem);
/* The part's data, read where it has none: then *memory, else NULL, is to be freed. Errors: those of its callback, MEMORY. */
tuff_status tuff_os_part_data(struct tuff_context *context, const struct tuff_os_part *part, const void **data,
                              void **memory, struct tuff_error *error);
/* The system's: names in a folder end to end, each with its zero byte, without "." and "..". */
tuff_status tuff_os_collect_names(struct tuff_context *context, const char *path, struct tuff_text *names, size_t *count,
                                  struct tuff_error *error);

#endif
