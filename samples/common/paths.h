/* paths.h - pictures that a command line names, and those of folders. */
#ifndef PATHS_H
#define PATHS_H

#include <tuff/tuff.h>

bool path_is_folder(const char *path);
bool path_is_picture(const char *name); /* by its ending, and that it does not begin with '.' */

/* Pictures as they are named, and in place of each folder those that lie in it, by name. */
struct path_list {
    char **paths; /* [owned] */
    uint64_t count;
};
/* Finish it after a failure too. Errors: FILE, FORMAT (a folder without pictures), MEMORY. */
TUFF_MUST_CHECK tuff_status path_list_make(const char *const *given, uint32_t count, struct path_list *list,
                                           struct tuff_error *error);
void path_list_finish(struct path_list *list);

#endif
