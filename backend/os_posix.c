/* os_posix.c - os.h on Linux, Android and other POSIX systems: files, folders, time, shared libraries.
 *
 * Needs the context's allocator. Keeps no state of its own. */
#define _DEFAULT_SOURCE 1  /* _SC_NPROCESSORS_ONLN beside POSIX 2008 */
#define _DARWIN_C_SOURCE 1 /* likewise */
#define _POSIX_C_SOURCE 200809L

#if !defined(_WIN32)

#include "backend/os_shared.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ_CHUNK_BYTES ((size_t)1 << 16)

/* Opens what is a file, and refuses the rest at once: opening a pipe would wait for its other end (O_NONBLOCK: it does not), reading a
 * device may never end. */
static tuff_status open_file(struct tuff_context *context, const char *path, int how, int *file, struct stat *about,
                             struct tuff_error *error)
{
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | how);
    if (opened < 0) return tuff_fail(context, error, TUFF_ERR_FILE, "cannot open %s: %s", path, strerror(errno));
    if (fstat(opened, about) == 0 && S_ISREG(about->st_mode)) {
        *file = opened;
        return TUFF_OK;
    }
    close(opened);
    return tuff_fail(context, error, TUFF_ERR_FILE, "cannot read %s: it is %s", path,
                     S_ISDIR(about->st_mode)    ? "a folder"
                     : S_ISFIFO(about->st_mode) ? "a pipe, no regular file"
                                                : "no regular file");
}

/* Grows as it reads: the size of files in /proc is not known before. */
static tuff_status read_all(struct tuff_context *context, int file, const char *path, size_t expected, size_t limit,
                            char **data, size_t *bytes, struct tuff_error *error)
{
    size_t capacity = expected, used = 0;
    char *buffer = tuff_realloc(context, NULL, capacity + 2);
    if (!buffer) return tuff_fail_memory(context, error);
    for (;;) {
        ssize_t got = read(file, buffer + used, capacity + 1 - used); /* one more than expected: sees the end */
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            tuff_free(context, buffer);
            return tuff_fail(context, error, TUFF_ERR_FILE, "cannot read %s: %s", path, strerror(errno));
        }
        if (got == 0) break;
        used += (size_t)got;
        if (limit && used > limit) {
            tuff_free(context, buffer);
            return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s is larger than %zu bytes", path, limit);
        }
        if (used <= capacity) continue;
        capacity = capacity * 2 + READ_CHUNK_BYTES;
        char *larger = tuff_realloc(context, buffer, capacity + 2);
        if (!larger) {
            tuff_free(context, buffer);
            return tuff_fail_memory(context, error);
        }
        buffer = larger;
    }
    buffer[used] = 0;
    *data = buffer;
    *bytes = used;
    return TUFF_OK;
}

/* Sentence of why others may have written it; OK: nobody can. Folders that all share, as /tmp, are to stay as they are. */
static tuff_status refuse_foreign(struct tuff_context *context, const struct stat *about, const char *path,
                                  struct tuff_error *error)
{
    const char *kind = S_ISDIR(about->st_mode) ? "folder" : "file";
    bool shared = about->st_mode & S_ISVTX;
    if (about->st_uid != geteuid())
        return tuff_fail(context, error, TUFF_ERR_FILE, "%s %s belongs to another user (%lu): not used", kind, path,
                         (unsigned long)about->st_uid);
    if (about->st_mode & (S_IWGRP | S_IWOTH))
        return tuff_fail(context, error, TUFF_ERR_FILE, "%s %s may be written by other users (mode %04o): not used%s%s%s",
                         kind, path, (unsigned)about->st_mode & 07777, shared ? "" : "; chmod go-w ", shared ? "" : path,
                         shared ? "" : " forbids it");
    return TUFF_OK;
}

static tuff_status read_open(struct tuff_context *context, const char *path, int how, bool own, size_t limit, void **data,
                             size_t *bytes, struct tuff_error *error)
{
    struct stat about = {0};
    char *content = NULL;
    int file = -1;
    TUFF_TRY(open_file(context, path, how, &file, &about, error));
    tuff_status status = TUFF_OK;
    if (own && refuse_foreign(context, &about, path, error) != TUFF_OK)
        status = TUFF_ERR_FILE;
    else if (limit && about.st_size > 0 && (uintmax_t)about.st_size > limit)
        status = tuff_fail(context, error, TUFF_ERR_FORMAT, "%s has %ju bytes, more than %zu", path,
                           (uintmax_t)about.st_size, limit);
    else
        status = read_all(context, file, path, about.st_size > 0 ? (size_t)about.st_size : 0, limit, &content, bytes, error);
    close(file);
    if (status == TUFF_OK) *data = content;
    return status;
}

tuff_status tuff_os_read_file(struct tuff_context *context, const char *path, size_t limit, void **data, size_t *bytes,
                              struct tuff_error *error)
{
    return read_open(context, path, 0, false, limit, data, bytes, error);
}

tuff_status tuff_os_read_private(struct tuff_context *context, const char *path, size_t limit, void **data, size_t *bytes,
                                 struct tuff_error *error)
{
    struct stat about;
    if (lstat(path, &about) == 0 && S_ISLNK(about.st_mode))
        return tuff_fail(context, error, TUFF_ERR_FILE, "cannot read %s: it is a symbolic link", path);
    return read_open(context, path, O_NOFOLLOW, true, limit, data, bytes, error);
}

struct tuff_os_map {
    struct tuff_context *context; /* [borrowed] */
    void *data;                   /* [owned] NULL: an empty file */
    size_t bytes;
};

tuff_status tuff_os_map_file(struct tuff_context *context, const char *path, struct tuff_os_map **map, const void **data,
                             size_t *bytes, struct tuff_error *error)
{
    struct stat about = {0};
    int file = -1;
    TUFF_TRY(open_file(context, path, 0, &file, &about, error));
    struct tuff_os_map *made = tuff_alloc(context, sizeof *made);
    tuff_status status = made ? TUFF_OK : tuff_fail_memory(context, error);
    if (status == TUFF_OK && (uintmax_t)about.st_size > SIZE_MAX / 2)
        status = tuff_fail(context, error, TUFF_ERR_FILE, "cannot map %s: it is too large", path);
    if (status == TUFF_OK && about.st_size > 0) {
        void *mapped = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (mapped == MAP_FAILED)
            status = tuff_fail(context, error, TUFF_ERR_FILE, "cannot map %s: %s", path, strerror(errno));
        else
            *made = (struct tuff_os_map){context, mapped, (size_t)about.st_size};
    }
    close(file);
    if (status != TUFF_OK) {
        tuff_free(context, made);
        return status;
    }
    made->context = context;
    *map = made;
    *data = made->data;
    *bytes = made->bytes;
    return TUFF_OK;
}

void tuff_os_unmap(struct tuff_os_map *map)
{
    if (!map) return;
    if (map->data) munmap(map->data, map->bytes);
    tuff_free(map->context, map);
}

static bool write_all(int file, const char *data, size_t bytes)
{
    while (bytes) {
        ssize_t done = write(file, data, bytes);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        data += done;
        bytes -= (size_t)done;
    }
    return true;
}

/* The rename itself is durable only once the folder is synced; file systems that cannot do so are left alone. */
static void sync_folder_of(struct tuff_context *context, const char *path)
{
    char *folder = tuff_strdup(context, path);
    if (!folder) return;
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = 0;
    int handle = open(slash ? folder : ".", O_RDONLY | O_CLOEXEC);
    if (handle >= 0) {
        fsync(handle);
        close(handle);
    }
    tuff_free(context, folder);
}

/* *written: false, with errno, when the file does not take the part. A status other than OK is that of the part's callback. */
static tuff_status write_part(struct tuff_context *context, int file, const struct tuff_os_part *part, bool *written,
                              struct tuff_error *error)
{
    const void *data;
    void *memory;
    TUFF_TRY(tuff_os_part_data(context, part, &data, &memory, error));
    *written = (!part->again || lseek(file, 0, SEEK_SET) == 0) && write_all(file, data, part->bytes);
    int reason = errno;
    tuff_free(context, memory);
    errno = reason;
    return TUFF_OK;
}

/* ---- temporary files ------------------------------------------------------------------------------------------------------------- */

/* A file is locked as long as its writer lives, whatever machine it lives on, so that what a killed process left can be told. On file
 * systems without locks nothing is told, and nothing is removed. */
static bool lock_file(int file, bool wait)
{
    int result;
    do result = flock(file, LOCK_EX | (wait ? 0 : LOCK_NB));
    while (result != 0 && errno == EINTR);
    return result == 0;
}

/* False: somebody removed the file between its making and its locking. */
static bool still_there(int file)
{
    struct stat about;
    return fstat(file, &about) == 0 && about.st_nlink > 0;
}

enum { TEMPORARY_NAME = 64 }; /* ".<pid>.<time>.tmp" */

/* Bytes of a file's name that its temporary files begin with: with the rest they are no longer than a name may be (255 bytes). */
static size_t stem_bytes(const char *name)
{
    size_t length = strlen(name);
    if (length <= 255 - TEMPORARY_NAME) return length;
    length = 255 - TEMPORARY_NAME;
    while (length && ((unsigned char)name[length] & 0xc0) == 0x80) length--; /* no half characters */
    return length;
}

/* base: the name of the file that it is of, or NULL for any. */
static bool is_temporary(const char *name, const char *base)
{
    size_t length;
    return tuff_os_is_temporary(name, &length) && (!base || (stem_bytes(base) == length && memcmp(base, name, length) == 0));
}

static void sweep(const char *folder, const char *base)
{
    DIR *listing = opendir(folder);
    if (!listing) return;
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        struct stat about;
        if (!is_temporary(entry->d_name, base)) continue;
        int file = openat(dirfd(listing), entry->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (file < 0) continue;
        if (fstat(file, &about) == 0 && S_ISREG(about.st_mode) && lock_file(file, false))
            unlinkat(dirfd(listing), entry->d_name, 0);
        close(file);
    }
    closedir(listing);
}

void tuff_os_sweep(struct tuff_context *context, const char *folder)
{
    (void)context;
    sweep(folder, NULL);
}

/* place: a copy of the path, which is cut up. */
static void sweep_beside(char *place)
{
    char *slash = strrchr(place, '/');
    if (slash) *slash = 0;
    sweep(!slash ? "." : slash == place ? "/" : place, slash ? slash + 1 : place);
}

/* A new file that is locked. -1 with errno; capacity: of temporary, which gets the name. */
static int make_temporary(const char *path, char *temporary, size_t capacity, mode_t mode)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash + 1 - path) : 0, length = folder + stem_bytes(path + folder);
    for (unsigned attempt = 0; attempt < 16; attempt++) { /* another thread may hold the same name */
        snprintf(temporary, capacity, "%.*s.%ld.%llu.tmp", (int)length, path, (long)getpid(),
                 (unsigned long long)tuff_os_time_ns());
        int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (file < 0 && errno != EEXIST) return -1;
        if (file < 0) continue;
        (void)lock_file(file, true);
        if (still_there(file)) return file;
        close(file);
    }
    errno = EEXIST;
    return -1;
}

/* ---- locks ------------------------------------------------------------------------------------------------------------------------ */

struct tuff_os_lock {
    struct tuff_context *context; /* [borrowed] */
    int file;
    char path[]; /* [owned] */
};

/* 1: locked, 0: held by another, -1: errno. */
static int take_lock(const char *path, int *file)
{
    for (unsigned attempt = 0; attempt < 16; attempt++) { /* who unlocks removes the file, and another may make it anew */
        struct stat here, there;
        *file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
        if (*file < 0) return -1;
        bool locked = lock_file(*file, false);
        if (!locked && errno == EWOULDBLOCK) {
            close(*file);
            return 0;
        }
        if (fstat(*file, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino &&
            here.st_dev == there.st_dev)
            return 1;
        close(*file);
    }
    return 0;
}

tuff_status tuff_os_lock(struct tuff_context *context, const char *path, uint32_t wait_ms, struct tuff_os_lock **lock,
                         struct tuff_error *error)
{
    size_t bytes = strlen(path) + 1;
    struct tuff_os_lock *made = tuff_alloc(context, sizeof *made + bytes);
    if (!made) return tuff_fail_memory(context, error);
    made->context = context;
    memcpy(made->path, path, bytes);
    static const struct timespec one = {.tv_nsec = 1000000};
    int taken = take_lock(path, &made->file), reason = errno;
    for (; taken == 0 && wait_ms > 0; wait_ms--) {
        nanosleep(&one, NULL);
        taken = take_lock(path, &made->file), reason = errno;
    }
    if (taken == 1) {
        *lock = made;
        return TUFF_OK;
    }
    tuff_free(context, made);
    return taken == 0 ? TUFF_ERR_USAGE
                      : tuff_fail(context, error, TUFF_ERR_FILE, "cannot write %s: %s", path, strerror(reason));
}

void tuff_os_unlock(struct tuff_os_lock *lock)
{
    if (!lock) return;
    unlink(lock->path);
    close(lock->file);
    tuff_free(lock->context, lock);
}

/* ---- writing whole files ----------------------------------------------------------------------------------------------------------- */

/* Where a path leads, through symbolic links, also to what is not there yet. NULL with errno. */
static char *follow_links(struct tuff_context *context, const char *path)
{
    char *at = tuff_strdup(context, path), to[4096];
    errno = ENOMEM;
    for (int links = 0; at; links++) {
        ssize_t length = readlink(at, to, sizeof to - 1);
        if (length < 0) return at;
        char *slash = strrchr(at, '/');
        size_t folder = slash && to[0] != '/' ? (size_t)(slash + 1 - at) : 0;
        char *next = links < 40 ? tuff_alloc(context, folder + (size_t)length + 1) : NULL;
        errno = links < 40 ? ENOMEM : ELOOP;
        if (next) {
            memcpy(next, at, folder);
            memcpy(next + folder, to, (size_t)length);
            next[folder + (size_t)length] = 0;
        }
        tuff_free(context, at);
        at = next;
    }
    return NULL;
}

/* Devices, pipes and sockets; /dev/stdout, whatever it leads to. A pipe that nobody reads fails at once. */
static tuff_status write_straight(struct tuff_context *context, const char *path, const struct tuff_os_part *parts,
                                  size_t part_count, struct tuff_error *error)
{
    bool written = true;
    tuff_status status = TUFF_OK;
    for (size_t i = 0; i < part_count; i++)
        if (parts[i].again) return tuff_fail(context, error, TUFF_ERR_FILE, "cannot write %s: it is no regular file", path);
    int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0)
        return tuff_fail(context, error, TUFF_ERR_FILE, "cannot write %s: %s", path,
                         errno == ENXIO ? "nobody reads it" : strerror(errno));
    (void)fcntl(file, F_SETFL, O_APPEND);
    for (size_t i = 0; written && status == TUFF_OK && i < part_count; i++)
        status = write_part(context, file, &parts[i], &written, error);
    int reason = errno;
    if (close(file) != 0 && written) written = false, reason = errno;
    if (written || status != TUFF_OK) return status;
    return tuff_fail(context, error, TUFF_ERR_FILE, "cannot write %s: %s", path, strerror(reason));
}

/* like: the file that is replaced, whose mode stays, or NULL. */
static tuff_status write_replacing(struct tuff_context *context, const char *path, const struct tuff_os_part *parts,
                                   size_t part_count, mode_t mode, const struct stat *like, struct tuff_error *error)
{
    size_t capacity = strlen(path) + TEMPORARY_NAME;
    char *temporary = tuff_alloc(context, capacity);
    if (!temporary) return tuff_fail_memory(context, error);
    tuff_status status = TUFF_OK;
    memcpy(temporary, path, strlen(path) + 1);
    sweep_beside(temporary);
    int file = make_temporary(path, temporary, capacity, mode);
    if (file < 0) {
        status = tuff_fail(context, error, TUFF_ERR_FILE, "cannot create %s: %s", path, strerror(errno));
        goto done;
    }
    if (like) (void)!fchmod(file, like->st_mode & 0777); /* not every file system has them */
    bool written = true;
    for (size_t i = 0; written && status == TUFF_OK && i < part_count; i++)
        status = write_part(context, file, &parts[i], &written, error);
    written = written && status == TUFF_OK && fsync(file) == 0;
    int reason = errno, lock = dup(file); /* its lock goes on until the file has its name */
    if (close(file) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (written && rename(temporary, path) != 0) {
        written = false;
        reason = errno;
    }
    if (!written) {
        unlink(temporary);
        if (status == TUFF_OK)
            status = tuff_fail(context, error, TUFF_ERR_FILE, "cannot write %s: %s", path, strerror(reason));
    } else {
        sync_folder_of(context, path);
    }
    if (lock >= 0) close(lock);
done:
    tuff_free(context, temporary);
    return status;
}

/* Where and how a path is written. */
struct destination {
    char *path; /* [owned] behind all links */
    bool there, straight;
    struct stat about; /* where it is there */
};

/* What must not be written is refused, also where a rename would replace it: folders, files that are write-protected. */
static tuff_status find_destination(struct tuff_context *context, const char *path, struct destination *d,
                                    struct tuff_error *error)
{
    d->there = stat(path, &d->about) == 0;
    bool too_long = !d->there && errno == ENAMETOOLONG;
    d->path = follow_links(context, path);
    if (!d->path && errno == ENOMEM) return tuff_fail_memory(context, error);
    int reason = d->path ? 0 : errno;
    if (d->there && access(path, W_OK) != 0) reason = errno;
    if (d->there && S_ISDIR(d->about.st_mode)) reason = EISDIR;
    if (too_long) reason = ENAMETOOLONG; /* a temporary name is not */
    d->straight = (d->there && !S_ISREG(d->about.st_mode)) || (d->path && strncmp(d->path, "/proc/", 6) == 0);
    if ((d->straight || !path[0]) && !d->there && !reason) reason = ENOENT;
    if (!reason) return TUFF_OK;
    tuff_free(context, d->path);
    return tuff_fail(context, error, TUFF_ERR_FILE, "cannot write %s: %s", path, strerror(reason));
}

tuff_status tuff_os_write_atomic(struct tuff_context *context, const char *path, const struct tuff_os_part *parts,
                                 size_t part_count, struct tuff_error *error)
{
    struct destination d;
    TUFF_TRY(find_destination(context, path, &d, error));
    tuff_status status = d.straight
                             ? write_straight(context, path, parts, part_count, error)
                             : write_replacing(context, d.path, parts, part_count, 0666, d.there ? &d.about : NULL, error);
    tuff_free(context, d.path);
    return status;
}

enum { ROOM_BLOCK = 1 << 16 };

/* *file: so many bytes, without a name: they are taken until it is closed, also when the process is killed. -1: there is nothing to try. */
static tuff_status take_room(struct tuff_context *context, const char *path, uint64_t bytes, uint64_t *block, int *file,
                             struct tuff_error *error)
{
    struct destination d;
    *file = -1;
    TUFF_TRY(find_destination(context, path, &d, error));
    size_t capacity = strlen(d.path) + TEMPORARY_NAME;
    char *name = d.straight ? NULL : tuff_alloc(context, capacity);
    int reason = 0;
    if (name && (*file = make_temporary(d.path, name, capacity, 0600)) < 0) reason = errno;
    if (name && !reason) unlink(name);
    uint64_t random = 1 + (uint64_t)*file;
    for (uint64_t left = name ? bytes : 0; left && !reason;) {
        uint64_t here = left < ROOM_BLOCK ? left : ROOM_BLOCK;
        for (size_t i = 0; i < ROOM_BLOCK / sizeof *block; i++)
            block[i] = random = random * 6364136223846793005u + 1; /* disks compress */
        if (!write_all(*file, (const char *)block, (size_t)here)) reason = errno;
        left -= here;
    }
    if (name && !reason && fsync(*file) != 0) reason = errno;
    bool memory = name || d.straight;
    tuff_free(context, name);
    tuff_free(context, d.path);
    if (!memory) return tuff_fail_memory(context, error);
    if (!reason) return TUFF_OK;
    return tuff_fail(context, error, TUFF_ERR_FILE, "cannot write %llu bytes into %s: %s", (unsigned long long)bytes, path,
                     strerror(reason));
}

tuff_status tuff_os_try_write(struct tuff_context *context, const char *const *paths, const uint64_t *bytes, size_t count,
                              struct tuff_error *error)
{
    int files[TUFF_OS_ROOM_FILES];
    size_t tried = 0;
    uint64_t *block = tuff_alloc(context, ROOM_BLOCK);
    tuff_status status = block ? TUFF_OK : tuff_fail_memory(context, error);
    for (; status == TUFF_OK && tried < count; tried++)
        status = take_room(context, paths[tried], bytes[tried], block, &files[tried], error);
    while (tried-- > 0)
        if (files[tried] >= 0) close(files[tried]);
    tuff_free(context, block);
    return status;
}

tuff_status tuff_os_write_private(struct tuff_context *context, const char *path, const struct tuff_os_part *parts,
                                  size_t part_count, struct tuff_error *error)
{
    return write_replacing(context, path, parts, part_count, 0600, NULL, error);
}

bool tuff_os_exists(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0;
}

bool tuff_os_is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static tuff_status make_folders(struct tuff_context *context, const char *path, mode_t mode, struct tuff_error *error)
{
    char *partial = tuff_strdup(context, path);
    if (!partial) return tuff_fail_memory(context, error);
    bool made = true;
    int reason = 0;
    for (char *at = partial; made; at++) {
        char here = *at;
        if (here != '/' && here != 0) continue;
        *at = 0;
        if (at != partial && mkdir(partial, mode) != 0)
            reason = errno, made = reason == EEXIST || tuff_os_is_folder(partial);
        *at = here;
        if (!here) break;
    }
    tuff_free(context, partial);
    struct stat about;
    bool there = stat(path, &about) == 0, folder = there && S_ISDIR(about.st_mode);
    if (!folder && reason == EEXIST) reason = there ? ENOTDIR : errno; /* errno: of a link that leads nowhere, or round */
    if (!made || !folder)
        return tuff_fail(context, error, TUFF_ERR_FILE, "cannot make folder %s: %s", path, strerror(reason));
    return TUFF_OK;
}

tuff_status tuff_os_make_folders(struct tuff_context *context, const char *path, struct tuff_error *error)
{
    return make_folders(context, path, 0777, error);
}

/* A user may lead the folder to another disk by a link of their own; the link of another user leads wherever that user likes. */
tuff_status tuff_os_check_private(struct tuff_context *context, const char *folder, struct tuff_error *error)
{
    struct stat link, about;
    if (lstat(folder, &link) != 0 || stat(folder, &about) != 0)
        return tuff_fail(context, error, TUFF_ERR_FILE, "cannot use folder %s: %s", folder, strerror(errno));
    if (!S_ISDIR(about.st_mode)) return tuff_fail(context, error, TUFF_ERR_FILE, "%s is no folder", folder);
    if (S_ISLNK(link.st_mode) && link.st_uid != geteuid())
        return tuff_fail(context, error, TUFF_ERR_FILE, "%s is a link of another user (%lu): not used", folder,
                         (unsigned long)link.st_uid);
    return refuse_foreign(context, &about, folder, error);
}

tuff_status tuff_os_make_private(struct tuff_context *context, const char *folder, struct tuff_error *error)
{
    TUFF_TRY(make_folders(context, folder, 0700, error));
    return tuff_os_check_private(context, folder, error);
}

tuff_status tuff_os_remove(const char *path) { return remove(path) == 0 ? TUFF_OK : TUFF_ERR_FILE; }

tuff_status tuff_os_collect_names(struct tuff_context *context, const char *path, struct tuff_text *names, size_t *count,
                                  struct tuff_error *error)
{
    DIR *folder = opendir(path);
    if (!folder) return tuff_fail(context, error, TUFF_ERR_FILE, "cannot list %s: %s", path, strerror(errno));
    size_t found = 0;
    int reason = 0;
    for (;;) {
        errno = 0; /* tells the end from a failure */
        struct dirent *entry = readdir(folder);
        reason = errno;
        if (!entry) break;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        tuff_text_append(names, entry->d_name, strlen(entry->d_name) + 1);
        found++;
    }
    closedir(folder);
    if (reason) return tuff_fail(context, error, TUFF_ERR_FILE, "cannot list %s: %s", path, strerror(reason));
    if (names->failed) return tuff_fail_memory(context, error);
    *count = found;
    return TUFF_OK;
}

char *tuff_os_cache_folder(struct tuff_context *context)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    struct tuff_text text = {.context = context};
    if (cache && cache[0] == '/') /* the XDG specification ignores relative paths */
        tuff_text_add(&text, "%s/tuff", cache);
    else if (home && home[0] == '/')
        tuff_text_add(&text, "%s/.cache/tuff", home);
    else
        return NULL;
    return tuff_text_take(&text);
}

uint64_t tuff_os_time_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint32_t tuff_os_cpu_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (uint32_t)count : 1;
}

/* The lines of the first processor that say what it is: others change from run to run (its clock, its number). */
static uint64_t hash_cpuinfo(char *text)
{
    static const char *const wanted[] = {"vendor_id", "cpu family", "model", "stepping", "flags",
                                         "Features",  "CPU ",       "isa",   "uarch"};
    uint64_t hash = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')) && end != line; line = end + 1) {
        *end = 0;
        for (size_t i = 0; i < TUFF_COUNT(wanted); i++)
            if (!strncmp(line, wanted[i], strlen(wanted[i]))) hash = tuff_hash_text(hash, line);
    }
    return hash;
}

uint64_t tuff_os_cpu_hash(void)
{
    char text[16384]; /* a processor's lines have 1 to 5 KiB */
    size_t used = 0;
    ssize_t got = 0;
    int file = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC); /* Linux, Android */
    if (file < 0) return 0;
    while (used < sizeof text - 1 && (got = read(file, text + used, sizeof text - 1 - used)) > 0) used += (size_t)got;
    close(file);
    text[used] = 0;
    return hash_cpuinfo(text);
}

uint64_t tuff_os_process(void) { return (uint64_t)getpid(); }

void *tuff_os_library_open(const char *name) { return dlopen(name, RTLD_NOW | RTLD_LOCAL); }

void (*tuff_os_library_symbol(void *library, const char *name))(void)
{
    void (*function)(void) = NULL;
    void *object = dlsym(library, name);
    memcpy(&function, &object, sizeof function); /* POSIX makes both the same size; C has no cast between them */
    return function;
}

void tuff_os_library_close(void *library)
{
    if (library) dlclose(library);
}

int tuff_os_descriptor_copy(int descriptor)
{
    const int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return copy < 0 && errno != EBADF ? -2 : copy;
}

void tuff_os_descriptor_close(int descriptor)
{
    if (descriptor >= 0) close(descriptor);
}

uint64_t tuff_os_descriptor_bytes(int descriptor)
{
    struct stat told;
    if (!fstat(descriptor, &told) && told.st_size > 0) return (uint64_t)told.st_size;
    const off_t was = lseek(descriptor, 0, SEEK_CUR), end = lseek(descriptor, 0, SEEK_END); /* a dma-buf of older Linux */
    if (was >= 0) (void)!lseek(descriptor, was, SEEK_SET);
    return end > 0 ? (uint64_t)end : 0;
}

#else
typedef int tuff_os_posix_is_empty; /* ISO C wants one declaration in every file */
#endif
