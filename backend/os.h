/* os.h - every system call of Tuff: files, folders, threads, time. os_shared.c, os_posix.c and os_windows.c implement it; no other
 * file of the library calls the operating system. Paths are UTF-8. Private. */
#ifndef TUFF_OS_H
#define TUFF_OS_H

#include "backend/base.h"

/* Only regular files are read: folders, pipes, devices and sockets give TUFF_ERR_FILE at once.
 * Whole file into memory of the context's allocator (tuff_free); data is followed by one zero byte not in *bytes.
 * Files larger than limit give TUFF_ERR_FORMAT (limit 0: no limit). */
tuff_status tuff_os_read_file(struct tuff_context *context, const char *path, size_t limit, void **data, size_t *bytes,
                              struct tuff_error *error);
/* A whole file as memory that the system reads page by page when it is touched; *bytes may be 0. A file that another program makes
 * shorter meanwhile ends the process where its end is touched: files that Tuff writes are replaced, never changed. */
struct tuff_os_map;
tuff_status tuff_os_map_file(struct tuff_context *context, const char *path, struct tuff_os_map **map, const void **data,
                             size_t *bytes, struct tuff_error *error);
void tuff_os_unmap(struct tuff_os_map *map); /* NULL is legal */
/* Writes to a temporary file beside path, syncs it, renames it over path, syncs the folder: path holds the old or the
 * new content whole, whatever happens. What path links to is written, and keeps its mode; temporary files of path that killed processes
 * left are removed before. A device, pipe or socket is written straight, unless parts are to be written again: then it is refused. Parts are
 * written one after the other; a part without data is read when it is its turn, into
 * memory that lasts so long. The callback's failure is that of the write, and path keeps its old content. */
struct tuff_os_part {
    const void *data;
    size_t bytes;
    tuff_status (*read)(void *user, void *to, size_t bytes, struct tuff_error *error); /* where data is NULL */
    void *user;
    bool again; /* written over the beginning of the file: what is known only when the rest is */
};
tuff_status tuff_os_write_atomic(struct tuff_context *context, const char *path, const struct tuff_os_part *parts,
                                 size_t part_count, struct tuff_error *error);
/* Removes temporary files that killed writers left in a folder; those of living ones, of any process, stay. */
void tuff_os_sweep(struct tuff_context *context, const char *folder);
/* Whether files of these sizes, at most TUFF_OS_ROOM_FILES, could be written by tuff_os_write_atomic and lie beside what is there, all at the
 * same time: writes them beside where the paths lead, and removes them. What would be written straight is only looked at. */
enum { TUFF_OS_ROOM_FILES = 8 };
tuff_status tuff_os_try_write(struct tuff_context *context, const char *const *paths, const uint64_t *bytes, size_t count,
                              struct tuff_error *error);
/* A file that one holder at a time has locked, until it unlocks it or its process ends; it exists as long. Held by another:
 * TUFF_ERR_USAGE, without a sentence, after so many milliseconds. On file systems without locks it always succeeds. */
struct tuff_os_lock;
tuff_status tuff_os_lock(struct tuff_context *context, const char *path, uint32_t wait_ms, struct tuff_os_lock **lock,
                         struct tuff_error *error);
void tuff_os_unlock(struct tuff_os_lock *lock); /* NULL is legal */
bool tuff_os_exists(const char *path);
bool tuff_os_is_folder(const char *path);
tuff_status tuff_os_make_folders(struct tuff_context *context, const char *path, struct tuff_error *error); /* mkdir -p */
tuff_status tuff_os_remove(const char *path);
/* folder/name, or folder/name/more, in one allocation; NULL: out of memory. more may be NULL. */
char *tuff_os_path_join(struct tuff_context *context, const char *folder, const char *name, const char *more);
/* Names in a folder, sorted by bytes, without "." and ".."; *names is one allocation (tuff_free) holding pointers and text. */
tuff_status tuff_os_list_folder(struct tuff_context *context, const char *path, char ***names, size_t *count,
                                struct tuff_error *error);
/* Files that only this user may have written. A folder or file that belongs to another user, that the group or others may write, a file
 * that is a link or no regular file: FILE with a sentence that says what to do. make: as tuff_os_make_folders, what is made is the user's
 * alone (0700); write: as tuff_os_write_atomic, 0600, in place of a link. Windows looks at links alone: folders of a user's profile are
 * the user's by the access lists they inherit. */
tuff_status tuff_os_check_private(struct tuff_context *context, const char *folder, struct tuff_error *error);
tuff_status tuff_os_make_private(struct tuff_context *context, const char *folder, struct tuff_error *error);
tuff_status tuff_os_read_private(struct tuff_context *context, const char *path, size_t limit, void **data, size_t *bytes,
                                 struct tuff_error *error);
tuff_status tuff_os_write_private(struct tuff_context *context, const char *path, const struct tuff_os_part *parts,
                                  size_t part_count, struct tuff_error *error);
/* Folder for caches by the platform's convention, with "tuff" appended: $XDG_CACHE_HOME/tuff, ~/.cache/tuff,
 * %LOCALAPPDATA%\tuff. NULL when there is none. Caller frees with tuff_free. */
char *tuff_os_cache_folder(struct tuff_context *context);

uint64_t tuff_os_time_ns(void); /* monotonic */
uint32_t tuff_os_cpu_count(void);
uint64_t tuff_os_cpu_hash(void); /* of the processor's model and features, where the system tells; else 0 */
uint64_t tuff_os_process(void);  /* number of this process */
const char *tuff_os_getenv(const char *name);

/* Shared libraries: NULL when there is none of that name; the symbol is NULL when it is missing. */
void *tuff_os_library_open(const char *name);
void (*tuff_os_library_symbol(void *library, const char *name))(void);
void tuff_os_library_close(void *library); /* NULL is legal */

/* File descriptors of the app's. A copy of one; -1: it is closed, or the system has none; -2: the process may open no more.
 * Bytes of what it stands for; 0: not known. */
int tuff_os_descriptor_copy(int descriptor);
void tuff_os_descriptor_close(int descriptor); /* -1 is legal */
uint64_t tuff_os_descriptor_bytes(int descriptor);

struct tuff_os_thread; /* [owned] by the caller until joined */
tuff_status tuff_os_thread_start(struct tuff_context *context, void (*run)(void *), void *argument,
                                 struct tuff_os_thread **thread);
void tuff_os_thread_join(struct tuff_os_thread *thread);

struct tuff_os_mutex;
tuff_status tuff_os_mutex_create(struct tuff_context *context, struct tuff_os_mutex **mutex);
void tuff_os_mutex_destroy(struct tuff_os_mutex *mutex); /* NULL is legal */
void tuff_os_mutex_lock(struct tuff_os_mutex *mutex);
void tuff_os_mutex_unlock(struct tuff_os_mutex *mutex);

struct tuff_os_condition;
tuff_status tuff_os_condition_create(struct tuff_context *context, struct tuff_os_condition **condition);
void tuff_os_condition_destroy(struct tuff_os_condition *condition); /* NULL is legal */
void tuff_os_condition_wait(struct tuff_os_condition *condition, struct tuff_os_mutex *mutex);
void tuff_os_condition_signal_all(struct tuff_os_condition *condition);

#endif
