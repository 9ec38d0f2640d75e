/* store.c - a folder of caches and a file in it as any bytes say: whose they may write, links, other kinds of files; then its content.
 *   bytes 0 and 1: modes of the folder and of the file, 2: what the file is, the rest: what it holds */
#define _POSIX_C_SOURCE 200809L
#include "backend/store.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIMIT = 256 };
enum what { PLAIN, NONE, LINK, FIFO, FOLDER, NO_FOLDER, LINKED_FOLDER, KINDS };

static void write_file(const char *path, const uint8_t *data, size_t size)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || write(file, data, size) != (ssize_t)size) abort();
    close(file);
}

static void make(const char *folder, const char *path, enum what what, const uint8_t *data, size_t size)
{
    char other[300];
    int failed = 0;
    snprintf(other, sizeof other, "%s-other", path);
    if (what == NO_FOLDER) return;
    if (what == LINKED_FOLDER)
        failed = symlink(".", folder);
    else
        failed = mkdir(folder, 0700);
    if (what == LINK) {
        write_file(other, data, size);
        failed |= symlink(other, path);
    }
    if (what == FIFO) failed |= mkfifo(path, 0600);
    if (what == FOLDER) failed |= mkdir(path, 0700);
    if (what == PLAIN) write_file(path, data, size);
    if (failed) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char root[200];
    char folder[220], path[240];
    if (size < 3) return 0;
    if (!root[0])
        fuzz_folder_make(root, sizeof root);
    else
        fuzz_folder_clear(root);
    snprintf(folder, sizeof folder, "%s/cache", root);
    snprintf(path, sizeof path, "%s/device.cache", folder);
    enum what what = data[2] % KINDS;
    unsigned folder_mode = 0700 | (data[0] & 077), file_mode = 0600 | (data[1] & 077);
    make(folder, path, what, data + 3, size - 3);
    if (what == PLAIN) (void)chmod(path, file_mode);
    if (what != NO_FOLDER && what != LINKED_FOLDER) (void)chmod(folder, folder_mode);
    struct tuff_context *context = fuzz_begin(data, size, folder);
    const struct tuff_os_part part = {.data = "new", .bytes = 3};
    void *read = NULL;
    size_t bytes = 0;
    if (tuff_store_read(context, "device.cache", LIMIT, &read, &bytes)) {
        FUZZ_REQUIRE(what == PLAIN && !(folder_mode & 022) && !(file_mode & 022) && bytes == size - 3 && bytes <= LIMIT);
        FUZZ_REQUIRE(!memcmp(read, data + 3, bytes));
        tuff_store_damaged(context, "device.cache");
    }
    tuff_free(context, read);
    if (tuff_store_write(context, data[0] & 64 ? "dump" : "", "device.cache", &part, 1))
        FUZZ_REQUIRE(what != FOLDER || data[0] & 64);
    (void)fuzz_read(context, TUFF_OK, NULL);
    fuzz_end(context);
    return 0;
}
