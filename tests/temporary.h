/* temporary.h - names of files and folders that a test makes and removes, on every system. */
#ifndef TUFF_TESTS_TEMPORARY_H
#define TUFF_TESTS_TEMPORARY_H

#include <stddef.h>

/* A path of this process and moment alone, in $TMPDIR, else /tmp; nothing is made there. */
void temporary_path(const char *name, char *path, size_t bytes);
/* Removes the files of a folder, where there is one. */
struct tuff_context;
void temporary_empty(struct tuff_context *context, const char *folder);

#endif
