/* loaders_files.c - files and folders of results, and reading that fails: links stay links, modes stay, devices are written straight,
 * what killed writers left goes and what living ones write stays, a folder has one holder, room is tried; the n-th call that reads
 * fails, for every n: a status and a sentence with file and reason, and nothing stays allocated or open. */
#if !defined(_WIN32) /* links, devices and signals of POSIX */
#define _DEFAULT_SOURCE 1

#include "samples/data/data.h"
#include "tests/disk_help.h"
#include "tests/loaders_support.h"

#include "backend/os.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- reading ---------------------------------------------------------------------------------------------------------------------- */

static tuff_status read_idx(struct loaders_test *test, struct tuff_error *error)
{
    struct tuff_idx idx = {0};
    tuff_status status = tuff_idx_read(test->context, scratch_path(test, "a.idx"), 0, &idx, error);
    tuff_idx_finish(test->context, &idx);
    return status;
}

static tuff_status read_checkpoint(struct loaders_test *test, struct tuff_error *error)
{
    struct tuff_tensors *tensors = NULL;
    tuff_status status = tuff_checkpoint_read(test->context, scratch_path(test, "a.tuff"), NULL, &tensors, error);
    tuff_tensors_destroy(tensors);
    return status;
}

static tuff_status read_safetensors(struct loaders_test *test, struct tuff_error *error)
{
    struct tuff_tensors *tensors = NULL;
    tuff_status status = tuff_safetensors_open(test->context, scratch_path(test, "a.safetensors"), 0, &tensors, error);
    tuff_tensors_destroy(tensors);
    return status;
}

static tuff_status read_picture(struct loaders_test *test, struct tuff_error *error)
{
    struct tuff_picture picture = {0};
    tuff_status status = tuff_picture_read(test->context, scratch_path(test, "set/a/a.png"), NULL, &picture, error);
    tuff_picture_finish(test->context, &picture);
    return status;
}

static tuff_status read_folder(struct loaders_test *test, struct tuff_error *error)
{
    struct tuff_dataset train = {0}, tested = {0};
    struct tuff_folder_params params = {.struct_size = sizeof params,
                                        .fit = {.struct_size = sizeof params.fit, .channels = 1, .height = 8, .width = 8}};
    tuff_status status = tuff_dataset_read_folder(test->context, scratch_path(test, "set"), &params, &train, &tested, error);
    tuff_dataset_finish(test->context, &train);
    tuff_dataset_finish(test->context, &tested);
    return status;
}

typedef tuff_status (*read_function)(struct loaders_test *test, struct tuff_error *error);

/* In a build without its library a reader has nothing to read. */
static bool can_read(struct loaders_test *test, const char *what, read_function read_it)
{
    struct tuff_error error = {0};
    tuff_status status = read_it(test, &error);
    if (status == TUFF_ERR_UNSUPPORTED) return false;
    expect_status(test, what, TUFF_OK, status, &error, NULL);
    return status == TUFF_OK;
}

/* The number that a new file would get: those that are open. */
static int next_file(void)
{
    int file = dup(0);
    close(file);
    return file;
}

static void fail_each(struct loaders_test *test, const char *what, read_function read_it)
{
    static const int reasons[] = {EIO, EACCES, EMFILE};
    for (size_t k = 0; k < TUFF_COUNT(reasons); k++)
        for (long n = 1; n < 100; n++) {
            struct tuff_error error = {0};
            size_t live = test->live;
            int before = next_file();
            disk_fail(n, reasons[k]);
            tuff_status status = read_it(test, &error);
            disk.fail_at = 0;
            expect_number(test, what, (long long)live, (long long)test->live);
            expect_number(test, "open files", before, next_file());
            if (!disk.name) {
                expect_status(test, what, TUFF_OK, status, &error, NULL);
                expect(test, n > 1, what, "calls that read", "none");
                break;
            }
            expect(test, strstr(error.message, test->folder) != NULL, disk.name, "the file's name", "\"%s\"", error.message);
            expect_status(test, disk.name, TUFF_ERR_FILE, status, &error, strerror(reasons[k]));
        }
}

static void test_reading(struct loaders_test *test)
{
    static const struct {
        const char *what;
        read_function read_it;
        bool built; /* with the library of its format */
    } readers[] = {{"IDX", read_idx, true},
                   {"checkpoint", read_checkpoint, true},
                   {"safetensors", read_safetensors, TUFF_HAVE_JSON},
                   {"picture", read_picture, TUFF_HAVE_PNG},
                   {"class folders", read_folder, TUFF_HAVE_PNG}};
    static const uint8_t idx[] = {0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3};
    static uint8_t pixels[64] = {9, 99, 200};
    const float numbers[2] = {1, 2};
    const struct tuff_array array = {
        .name = "a", .element = TUFF_ELEMENT_F32, .rank = 1, .dim = {2}, .data = numbers, .bytes = sizeof numbers};
    const struct tuff_tensors_params tensors = {.struct_size = sizeof tensors, .arrays = &array, .array_count = 1};
    const struct tuff_picture picture = {8, 8, 1, pixels};
    struct tuff_error error = {0};
    scratch_write(test, "a.idx", idx, sizeof idx);
    expect_status(test, "write", TUFF_OK,
                  tuff_checkpoint_write(test->context, scratch_path(test, "a.tuff"), &tensors, &error), &error, NULL);
    (void)!tuff_safetensors_write(test->context, scratch_path(test, "a.safetensors"), &tensors, &error);
    scratch_make_folder(test, "set");
    scratch_make_folder(test, "set/a");
    (void)!tuff_picture_write_png(test->context, scratch_path(test, "set/a/a.png"), &picture, &error);
    for (size_t i = 0; i < TUFF_COUNT(readers); i++)
        if (readers[i].built && can_read(test, readers[i].what, readers[i].read_it))
            fail_each(test, readers[i].what, readers[i].read_it);
    disk.most = 1; /* a read may give less than is asked for */
    expect_status(test, "short reads", TUFF_OK, read_idx(test, &error), &error, NULL);
    disk.most = 0;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------------------- */

static tuff_status write_text(struct loaders_test *test, const char *path, const char *text, struct tuff_error *error)
{
    return tuff_file_write(test->context, path, (struct tuff_span){text, strlen(text)}, error);
}

static void expect_file(struct loaders_test *test, const char *name, const char *wanted)
{
    size_t bytes = 0;
    uint8_t *got = file_read(scratch_path(test, name), &bytes);
    expect(test, got && bytes == strlen(wanted) && !memcmp(got, wanted, bytes), name, wanted, "%zu other bytes", bytes);
    free(got);
}

static void expect_link(struct loaders_test *test, const char *name)
{
    struct stat about;
    expect(test, lstat(scratch_path(test, name), &about) == 0 && S_ISLNK(about.st_mode), name, "a link", "none");
}

static void test_links(struct loaders_test *test)
{
    struct tuff_error error = {0};
    struct stat about;
    scratch_make_folder(test, "far");
    scratch_write(test, "far/file", "old", 3);
    chmod(scratch_path(test, "far/file"), 0640);
    (void)!symlink("far/file", scratch_path(test, "link"));
    (void)!symlink("link", scratch_path(test, "link2"));
    (void)!symlink("far/new", scratch_path(test, "dangling"));
    (void)!symlink("loop", scratch_path(test, "loop"));
    expect_status(test, "through two links", TUFF_OK, write_text(test, scratch_path(test, "link2"), "new", &error), &error,
                  NULL);
    expect_link(test, "link");
    expect_link(test, "link2");
    expect_file(test, "far/file", "new");
    expect(test, stat(scratch_path(test, "far/file"), &about) == 0 && (about.st_mode & 0777) == 0640, "mode", "0640", "%o",
           (unsigned)about.st_mode & 0777);
    expect_status(test, "to what is not there", TUFF_OK, write_text(test, scratch_path(test, "dangling"), "x", &error),
                  &error, NULL);
    expect_link(test, "dangling");
    expect_file(test, "far/new", "x");
    expect_status(test, "a link to itself", TUFF_ERR_FILE, write_text(test, scratch_path(test, "loop"), "x", &error), &error,
                  "loop");
}

static void test_devices(struct loaders_test *test)
{
    struct tuff_error error = {0};
    struct stat before = {0}, after = {0};
    const struct tuff_tensors_params none = {.struct_size = sizeof none};
    (void)!mkfifo(scratch_path(test, "pipe"), 0666);
    expect_status(test, "a pipe that nobody reads", TUFF_ERR_FILE, write_text(test, scratch_path(test, "pipe"), "x", &error),
                  &error, "pipe");
    expect_status(test, "a checkpoint into a pipe", TUFF_ERR_FILE,
                  tuff_checkpoint_write(test->context, scratch_path(test, "pipe"), &none, &error), &error,
                  "no regular file");
    expect_status(test, "a folder", TUFF_ERR_FILE, write_text(test, test->folder, "x", &error), &error, test->folder);
    if (stat("/dev/full", &before) != 0) return;
    expect_status(test, "a full device", TUFF_ERR_FILE, write_text(test, "/dev/full", "x", &error), &error,
                  strerror(ENOSPC));
    expect(test, stat("/dev/full", &after) == 0 && after.st_ino == before.st_ino, "/dev/full", "the device", "another file");
    expect_status(test, "a device", TUFF_OK, write_text(test, "/dev/null", "x", &error), &error, NULL);
}

/* ---- what killed processes leave --------------------------------------------------------------------------------------------------- */

/* A child stops within the write of "a"; its temporary file stands until the child is dead. */
static tuff_status stop_here(void *user, void *to, size_t bytes, struct tuff_error *error)
{
    int *told = user;
    (void)to, (void)bytes, (void)error;
    (void)!write(told[1], "x", 1);
    for (;;) pause();
    return TUFF_OK;
}

static pid_t start_writer(struct loaders_test *test)
{
    int told[2];
    char x;
    if (pipe(told) != 0) exit(1);
    pid_t child = fork();
    if (child == 0) {
        const struct tuff_os_part part = {.bytes = 1, .read = stop_here, .user = told};
        (void)!tuff_os_write_atomic(NULL, scratch_path(test, "a"), &part, 1, NULL);
        _exit(1);
    }
    (void)!read(told[0], &x, 1);
    close(told[0]);
    close(told[1]);
    return child;
}

static size_t temporaries(struct loaders_test *test)
{
    char **names = NULL;
    size_t count = 0, found = 0;
    if (tuff_os_list_folder(NULL, test->folder, &names, &count, NULL) != TUFF_OK) return 99;
    for (size_t i = 0; i < count; i++) found += strstr(names[i], ".tmp") != NULL;
    tuff_free(NULL, names);
    return found;
}

static void test_sweep(struct loaders_test *test)
{
    struct tuff_error error = {0};
    struct tuff_folder *folder = NULL;
    scratch_write(test, "mine.1.tmp", "x", 1); /* not Tuff's */
    scratch_write(test, "b.12.34.tmp", "x", 1);
    pid_t child = start_writer(test);
    expect_number(test, "a writer, its file and two others", 3, (long long)temporaries(test));
    expect_status(test, "beside a living writer", TUFF_OK, write_text(test, scratch_path(test, "a"), "x", &error), &error,
                  NULL);
    expect_number(test, "its file stays", 3, (long long)temporaries(test));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    expect_status(test, "after its death", TUFF_OK, write_text(test, scratch_path(test, "a"), "y", &error), &error, NULL);
    expect_number(test, "its file is gone", 2, (long long)temporaries(test));
    expect_status(test, "hold", TUFF_OK, tuff_folder_hold(test->context, test->folder, &folder, &error), &error, NULL);
    expect_number(test, "all but a foreign one are gone", 1, (long long)temporaries(test));
    tuff_folder_release(folder);
}

/* ---- folders ------------------------------------------------------------------------------------------------------------------------ */

static void test_hold(struct loaders_test *test)
{
    struct tuff_error error = {0};
    struct tuff_folder *one = NULL, *two = NULL;
    char path[500];
    snprintf(path, sizeof path, "%s/x/y", test->folder);
    expect_status(test, "hold", TUFF_OK, tuff_folder_hold(test->context, path, &one, &error), &error, NULL);
    expect_status(test, "held", TUFF_ERR_FILE, tuff_folder_hold(test->context, path, &two, &error), &error, "another");
    tuff_folder_release(one);
    expect(test, rmdir(path) == 0, "a folder after its release", "empty", "%s", strerror(errno));
    pid_t child = fork();
    if (child == 0) _exit(tuff_folder_hold(test->context, path, &one, NULL) == TUFF_OK ? 7 : 1);
    int status = 0;
    waitpid(child, &status, 0);
    expect_number(test, "a holder that died", 7, WEXITSTATUS(status));
    expect_status(test, "after its death", TUFF_OK, tuff_folder_hold(test->context, path, &one, &error), &error, NULL);
    tuff_folder_release(one);
    snprintf(path, sizeof path, "%s/a/y", test->folder);
    expect_status(test, "below a file", TUFF_ERR_FILE, tuff_folder_hold(test->context, path, &one, &error), &error, path);
    snprintf(path, sizeof path, "%s/a", test->folder);
    expect_status(test, "a file", TUFF_ERR_FILE, tuff_folder_hold(test->context, path, &one, &error), &error, path);
}

/* A file of mode 0444 counts for whom it binds: not for root. */
static void test_try(struct loaders_test *test)
{
    static const char *const names[] = {"far/new", "room1", "link2"};
    const char *paths[3];
    const uint64_t sizes[] = {100000, 0, 70000};
    struct tuff_error error = {0};
    struct rlimit old, small;
    char long_name[256];
    for (int i = 0; i < 3; i++) paths[i] = scratch_path(test, names[i]);
    expect_status(test, "room", TUFF_OK, tuff_file_try(test->context, paths, sizes, 3, &error), &error, NULL);
    expect_file(test, "far/new", "x"); /* as it was */
    signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &old) != 0) exit(1);
    small = (struct rlimit){80000, old.rlim_max};
    if (setrlimit(RLIMIT_FSIZE, &small) != 0) exit(1);
    expect_status(test, "a limit", TUFF_ERR_FILE, tuff_file_try(test->context, paths, sizes, 3, &error), &error,
                  strerror(EFBIG));
    expect_status(test, "within a limit", TUFF_OK, tuff_file_try(test->context, paths + 1, sizes + 1, 2, &error), &error,
                  NULL);
    if (setrlimit(RLIMIT_FSIZE, &old) != 0) exit(1);
    expect(test, !tuff_os_exists(scratch_path(test, "room1")), "what was tried", "no file", "one");
    expect_number(test, "what room left", 1, (long long)temporaries(test));
    paths[0] = test->folder;
    expect_status(test, "a folder", TUFF_ERR_FILE, tuff_file_try(test->context, paths, sizes, 1, &error), &error,
                  strerror(EISDIR));
    paths[0] = scratch_path(test, "none/file");
    expect_status(test, "no folder", TUFF_ERR_FILE, tuff_file_try(test->context, paths, sizes, 1, &error), &error,
                  strerror(ENOENT));
    paths[0] = "/dev/null";
    expect_status(test, "a device", TUFF_OK, tuff_file_try(test->context, paths, sizes, 1, &error), &error, NULL);
    paths[0] = scratch_path(test, "far/file");
    chmod(paths[0], 0444);
    if (access(paths[0], W_OK) != 0) {
        expect_status(test, "a protected file", TUFF_ERR_FILE, tuff_file_try(test->context, paths, sizes, 1, &error), &error,
                      strerror(EACCES));
        expect_status(test, "a protected file", TUFF_ERR_FILE, write_text(test, paths[0], "x", &error), &error,
                      strerror(EACCES));
    }
    memset(long_name, 'n', 255); /* a temporary name has no room behind it */
    long_name[255] = 0;
    expect_status(test, "a long name", TUFF_OK, write_text(test, scratch_path(test, long_name), "x", &error), &error, NULL);
    expect_file(test, long_name, "x");
    remove(scratch_path(test, long_name));
    expect_number(test, "what is left", 1, (long long)temporaries(test));
}

static tuff_status hold_once(struct loaders_test *test, void *user)
{
    struct tuff_folder *folder = NULL;
    struct tuff_error error = {0};
    const uint64_t bytes = 10;
    (void)user;
    tuff_status status = tuff_folder_hold(test->context, test->folder, &folder, &error);
    const char *path = scratch_path(test, "room");
    if (status == TUFF_OK) status = tuff_file_try(test->context, &path, &bytes, 1, &error);
    if (status == TUFF_OK) status = write_text(test, scratch_path(test, "link"), "x", &error);
    tuff_folder_release(folder);
    return status;
}

int main(void)
{
    struct loaders_test test;
    loaders_begin(&test, "loaders_files");
    disk.kinds = DISK_READS;
    test_reading(&test);
    test_links(&test);
    test_devices(&test);
    test_sweep(&test);
    test_hold(&test);
    test_try(&test);
    expect_survives_memory(&test, "hold, try, write", hold_once, NULL);
    return loaders_end(&test);
}

#else
#include <stdio.h>
int main(void)
{
    puts("skipped: needs a POSIX system");
    return 77;
}
#endif
