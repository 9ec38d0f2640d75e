/* store.h - the folder of the caches on disk, and the files in it. Private.
 *
 * What a driver is given from there must be what this user wrote: the folder and its files are the user's own and nobody else may write
 * them, or they are not used (os.h), with one line in the log that says why and what to do. This holds off other users; each file carries
 * a hash of its content, which its reader checks and which tells damage. Nothing here fails: what cannot be read is a miss, what cannot
 * be written is told once. Thread-safe. */
#ifndef TUFF_STORE_H
#define TUFF_STORE_H

#include "backend/core.h"
#include "backend/os.h"

/* False: nothing is kept on disk (cache_dir "", TUFF_DEBUG_NOCACHE, an environment that names no folder), and all below is false. */
bool tuff_store_on(struct tuff_context *context);
bool tuff_store_has(struct tuff_context *context, const char *name);
/* False: there is none, or none to be trusted. The data is the caller's (tuff_free). */
bool tuff_store_read(struct tuff_context *context, const char *name, size_t limit, void **data, size_t *bytes);
/* Replaces the file whole; sub: a folder in the folder, "": none. False when it cannot. */
bool tuff_store_write(struct tuff_context *context, const char *sub, const char *name, const struct tuff_os_part *parts,
                      size_t part_count);
/* Text files of lines, each with its hash behind it: answers that were found by work, for a device, driver and processor. */
enum { TUFF_LINES_BYTES = 1 << 16 }; /* of a file that has grown to half of it the oldest lines go */
struct tuff_lines {
    const char *name;  /* of the file */
    const char *head;  /* "# what it holds\n" */
    const char *stays; /* a device's own lines that say this stay, however old */
};
/* What the lines of a device begin with: everything that an answer depends on, and a space. */
struct tuff_caps;
void tuff_lines_key(struct tuff_text *text, const struct tuff_caps *caps);
/* Calls visit with what each whole line says behind this key, the newest first, until it returns false; else a changed line is told of. */
void tuff_lines_each(struct tuff_context *context, const struct tuff_lines *lines, const char *key,
                     bool (*visit)(void *user, const char *says), void *user);
/* Writes the file anew with a line before the others, whatever these are; other processes wait. Failure costs the work another time. */
void tuff_lines_add(struct tuff_context *context, const struct tuff_lines *lines, const char *key, const char *says);
/* What a reader says of content that its hash does not fit, and of what becomes of it. */
void tuff_store_damaged(struct tuff_context *context, const char *name);

#endif
