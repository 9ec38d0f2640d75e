/* archive.h - members of a zip archive in memory, by libzip: between npz.c, torch.c and hdf5.c. Private. */
#ifndef TUFF_DATA_ARCHIVE_H
#define TUFF_DATA_ARCHIVE_H

#include "backend/core.h"
#include "samples/data/data.h"

struct zip;
struct tuff_archive {
    struct tuff_context *context; /* [borrowed], as the next two */
    struct tuff_error *error;
    const char *name; /* of the file, for sentences */
    const char
        *kind; /* what else it is not where it is no archive: "neither an npy file nor a zip archive as numpy writes" */
    struct zip *zip; /* [owned] */
    uint64_t left;   /* bytes that members may still have, */
    uint64_t limit;  /* of so many for all */
    uint64_t count;  /* of members */
};
struct tuff_member {
    const char *name; /* [borrowed] from the archive */
    uint64_t index, bytes, packed;
};
/* Begins as an archive that has members? */
bool tuff_archive_is(const uint8_t *data, size_t bytes);
/* The fields up to kind are set. data lasts until tuff_archive_close, which is called in any case. limit: most bytes of what is read of members, 0: 256 MiB, or
 * 100 times the file where that is more. Errors: FORMAT, MEMORY, UNSUPPORTED (a build without libzip). */
tuff_status tuff_archive_open(struct tuff_archive *archive, const uint8_t *data, size_t bytes, size_t limit);
void tuff_archive_close(struct tuff_archive *archive);
/* Errors: FORMAT. */
tuff_status tuff_archive_member(struct tuff_archive *archive, uint64_t index, struct tuff_member *member);
/* The member of that name. Errors: FORMAT. */
tuff_status tuff_archive_find(struct tuff_archive *archive, const char *name, struct tuff_member *member, bool *found);
/* Content of a member, whose CRC-32 holds, in the arena. Errors: FORMAT (also: more than is left), UNSUPPORTED, MEMORY. */
tuff_status tuff_archive_read(struct tuff_archive *archive, struct tuff_arena *arena, const struct tuff_member *member,
                              uint8_t **data);
/* What tuff_archive_open does with limit, for a file that is no archive. */
void tuff_archive_limit(struct tuff_archive *archive, size_t bytes, size_t limit);
/* Counts bytes, as of what is read of a member (its name may be ""). Errors: FORMAT (more than are left). */
tuff_status tuff_archive_take(struct tuff_archive *archive, const char *member, uint64_t bytes);
/* Failure with the names of file and member, which may be "". */
tuff_status tuff_archive_fail(struct tuff_archive *archive, tuff_status status, const char *member, const char *why);

#endif
