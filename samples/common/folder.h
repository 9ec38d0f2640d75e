/* folder.h - labelled pictures: a folder of class folders, or the test part of IDX files, one after the other; and the groups that they are in. */
#ifndef FOLDER_H
#define FOLDER_H

#include <tuff/tuff.h>

struct labelled {
    char *name;    /* [owned] "CLASS/PICTURE", or the number in the IDX file */
    int32_t class; /* of the model */
};
struct labelled_set {
    struct labelled *pictures; /* [owned] */
    uint64_t count, left_out;  /* left_out: files that are no pictures by their names */
    char first_left_out[300];
    struct tuff_dataset idx; /* of IDX files; its count is 0 for a folder */
};
/* Lists the pictures; class folders must be classes of the model. Finish it after a failure too.
 * Errors: FILE (no such folder), FORMAT (no pictures, a class that the model does not have, IDX files that do not fit), MEMORY. */
TUFF_MUST_CHECK tuff_status labelled_list(struct tuff_context *context, const char *folder,
                                          const struct tuff_saved_info *info, struct labelled_set *set,
                                          struct tuff_error *error);
void labelled_finish(struct tuff_context *context, struct labelled_set *set);
/* Pictures of the folder itself, and of the folders in it where `classes` asks for them, whatever these are called: their class is -1. There may
 * be none. Errors: FILE, MEMORY. */
TUFF_MUST_CHECK tuff_status pictures_list(const char *folder, bool classes, struct labelled_set *set,
                                          struct tuff_error *error);
bool labelled_is_idx(const char *folder);

/* A CSV of lines file,group; a first line of just these words is a heading. */
struct groups {
    uint32_t *of; /* [owned] of each picture; UINT32_MAX: none */
    char **names; /* [owned] in the order of the file */
    uint32_t count;
    uint64_t listed, unknown; /* lines, and those whose file is none of the pictures */
    char first_unknown[300];
};
/* Errors: FILE, FORMAT (a line without a group, no line that names a picture), MEMORY. */
TUFF_MUST_CHECK tuff_status groups_read(struct tuff_context *context, const char *path, const struct labelled_set *set,
                                        struct groups *groups, struct tuff_error *error);
void groups_finish(struct groups *groups);

#endif
