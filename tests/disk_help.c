/* disk_help.c - see disk_help.h. */
#if !defined(_WIN32)
#define _DEFAULT_SOURCE 1

#include "tests/disk_help.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct disk_faults disk;

void disk_fail(long n, int reason) { disk.made = 0, disk.fail_at = n, disk.reason = reason, disk.name = NULL; }

static bool fails(enum disk_kind kind, const char *name)
{
    if (!(disk.kinds & kind) || ++disk.made != disk.fail_at) return false;
    disk.name = name;
    errno = disk.reason;
    return true;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list more;
        va_start(more, flags);
        mode = (mode_t)va_arg(more, int);
        va_end(more);
    }
    return fails(flags & O_CREAT ? DISK_WRITES : DISK_READS, "open") ? -1 : __real_open(path, flags, mode);
}

ssize_t __real_read(int file, void *data, size_t bytes);
ssize_t __wrap_read(int file, void *data, size_t bytes);
ssize_t __wrap_read(int file, void *data, size_t bytes)
{
    return fails(DISK_READS, "read") ? -1 : __real_read(file, data, disk.most && bytes > disk.most ? disk.most : bytes);
}

ssize_t __real_write(int file, const void *data, size_t bytes);
ssize_t __wrap_write(int file, const void *data, size_t bytes);
ssize_t __wrap_write(int file, const void *data, size_t bytes)
{
    return fails(DISK_WRITES, "write") ? -1 : __real_write(file, data, disk.most && bytes > disk.most ? disk.most : bytes);
}

int __real_fsync(int file);
int __wrap_fsync(int file);
int __wrap_fsync(int file)
{
    struct stat about;
    if (fstat(file, &about) == 0 && S_ISDIR(about.st_mode)) return __real_fsync(file); /* has no say */
    return fails(DISK_WRITES, "fsync") ? -1 : __real_fsync(file);
}

int __real_dup(int file);
int __wrap_dup(int file);
int __wrap_dup(int file) { return disk.second = __real_dup(file); }

int __real_close(int file);
int __wrap_close(int file);
int __wrap_close(int file)
{
    int flags = fcntl(file, F_GETFL), result = __real_close(file);
    if (file == disk.second) return result;
    return (flags & O_ACCMODE) == O_WRONLY && fails(DISK_WRITES, "close") ? -1 : result;
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to) { return fails(DISK_WRITES, "rename") ? -1 : __real_rename(from, to); }

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode) { return fails(DISK_WRITES, "mkdir") ? -1 : __real_mkdir(path, mode); }

void *__real_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t from);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t from);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t from)
{
    return fails(DISK_READS, "mmap") ? MAP_FAILED : __real_mmap(at, bytes, protection, flags, file, from);
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path) { return fails(DISK_READS, "opendir") ? NULL : __real_opendir(path); }

struct dirent *__real_readdir(DIR *folder);
struct dirent *__wrap_readdir(DIR *folder);
struct dirent *__wrap_readdir(DIR *folder) { return fails(DISK_READS, "readdir") ? NULL : __real_readdir(folder); }
#else
#include "tests/disk_help.h"
#endif
