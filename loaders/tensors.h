/* tensors.h - what all files of named arrays have in common. Private to loaders/ and samples/data/. */
#ifndef TUFF_LOADERS_TENSORS_H
#define TUFF_LOADERS_TENSORS_H

#include "backend/core.h"
#include "backend/os.h"
#include "loaders/source.h"

struct tuff_tensors {
    struct tuff_context *context; /* [borrowed] */
    struct tuff_arena arena;      /* names, texts and the tables below */
    const uint8_t *data;          /* the file's bytes, */
    size_t bytes;
    void *memory;              /* [owned] which hold them, or NULL */
    struct tuff_os_map *map;   /* [owned] likewise */
    struct tuff_array *arrays; /* [arena] in the order of the file */
    size_t array_count;
    const struct tuff_array **by_name; /* [arena] sorted */
    struct tuff_pair *texts;           /* [arena] in the order of the file */
    size_t text_count;
    struct tuff_tensors **parts; /* [arena] to other files [owned], which arrays are of */
    size_t part_count;
};
/* Where a file is and how it is read: fills arrays and texts from its bytes. */
struct tuff_tensors_file {
    const char *path;        /* NULL: it is in memory, which is copied, */
    struct tuff_span memory; /* called "memory" */
    size_t limit;            /* more bytes give FORMAT; 0: no limit */
    tuff_status (*parse)(struct tuff_tensors *tensors, const char *name, const void *user, struct tuff_error *error);
    const void *user;
};
tuff_status tuff_tensors_read(struct tuff_context *context, const struct tuff_tensors_file *file,
                              struct tuff_tensors **tensors, struct tuff_error *error);
/* Sorts names; one that stands there twice, or NULL. */
const char *tuff_twice(const char **names, size_t count);
/* Which key two texts have; NULL: none. MEMORY. */
TUFF_MUST_CHECK tuff_status tuff_texts_twice(struct tuff_tensors *tensors, const char **key);
/* Fills order, which holds array_count pointers, and makes it by_name. NULL, or the name that two arrays have. */
const char *tuff_tensors_sort(struct tuff_tensors *tensors, const struct tuff_array **order);
/* As tuff_tensors_sort. Errors: MEMORY, FORMAT. name: for the sentence. */
tuff_status tuff_tensors_index(struct tuff_tensors *tensors, const char *name, struct tuff_error *error);

#endif
