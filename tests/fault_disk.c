/* fault_disk.c - the n-th call that writes to the disk fails, for every n and for a full disk, a read-only one, a broken one: while
 * a checkpoint, a cache or a picture is written. The old file stays as it was, nothing half is left behind, the sentence names
 * file and reason; a cache that cannot be written is no error. And the same on a true disk: one of 64 KiB where the test may
 * mount it, a limit of the file's size, a folder that is none or that has vanished. */
#if !defined(_WIN32) /* processes and disks of POSIX */

#include "tests/disk_help.h"
#include "tests/temporary.h"
#include "tests/train_help.h"

#include "backend/os.h"
#include "samples/data/data.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 1000 };

/* ---- helpers ---------------------------------------------------------------------------------------------------------------------- */

struct disk_test {
    struct backend_test test;
    struct train t; /* trained a little; writes checkpoints to path */
    char folder[200], path[220];
};

/* Names that end in .tmp, and all. */
static void list(const char *folder, size_t *temporaries, size_t *all)
{
    char **names = NULL;
    size_t count = 0;
    *temporaries = *all = 0;
    if (tuff_os_list_folder(NULL, folder, &names, &count, NULL) != TUFF_OK) return;
    for (size_t i = 0; i < count; i++) *temporaries += strstr(names[i], ".tmp") != NULL;
    *all = count;
    tuff_free(NULL, names);
}

static uint64_t hash_of(const char *path)
{
    void *data = NULL;
    size_t bytes = 0;
    if (tuff_os_read_file(NULL, path, 0, &data, &bytes, NULL) != TUFF_OK) return 0;
    uint64_t hash = tuff_hash(1, data, bytes);
    tuff_free(NULL, data);
    return hash;
}

static tuff_status write_checkpoint(struct disk_test *d, struct tuff_error *error)
{
    return tuff_model_checkpoint_save(&d->t.checkpoint, d->t.model, error);
}

static tuff_status write_picture(struct disk_test *d, struct tuff_error *error)
{
    uint8_t pixels[12] = {0, 50, 100, 150};
    struct tuff_picture picture = {2, 2, 3, pixels};
    return tuff_picture_write_png(d->t.context, d->path, &picture, error);
}

static tuff_status write_trace(struct disk_test *d, struct tuff_error *error)
{
    return tuff_os_write_atomic(d->t.context, d->path, &(struct tuff_os_part){.data = "{}\n", .bytes = 3}, 1, error);
}

/* ---- the n-th call ----------------------------------------------------------------------------------------------------------------- */

typedef tuff_status (*write_function)(struct disk_test *d, struct tuff_error *error);

static long try_all(struct disk_test *d, const char *what, write_function write_it, int reason)
{
    struct tuff_error error = {0};
    uint64_t before = hash_of(d->path);
    long n = 1;
    for (; n < MOST; n++) {
        size_t temporaries, all;
        error = (struct tuff_error){0};
        disk_fail(n, reason);
        tuff_status status = write_it(d, &error);
        disk.fail_at = 0;
        list(d->folder, &temporaries, &all);
        backend_check(&d->test, !temporaries, "%s: call %ld: %zu temporary files are left", what, n, temporaries);
        if (!disk.name) {
            backend_status(&d->test, what, TUFF_OK, status, &error);
            break;
        }
        backend_check(&d->test,
                      status == TUFF_ERR_FILE && strstr(error.message, d->path) && strstr(error.message, strerror(reason)),
                      "%s: %s fails: expected TUFF_ERR_FILE with '%s' and '%s', got %s: '%s'", what, disk.name, d->path,
                      strerror(reason), tuff_status_name(status), error.message);
        backend_check(&d->test, hash_of(d->path) == before, "%s: %s fails: the old file is another", what, disk.name);
    }
    backend_check(&d->test, n > 4 && n < MOST, "%s: expected more than 4 calls, got %ld", what, n);
    return n - 1;
}

static void test_calls(struct disk_test *d)
{
    static const int reasons[] = {ENOSPC, EROFS, EIO, EDQUOT};
    static const struct {
        const char *what;
        write_function write_it;
    } files[] = {{"checkpoint", write_checkpoint}, {"picture", write_picture}, {"text", write_trace}};
    struct tuff_error error = {0};
    long faults = 0;
    for (size_t i = 0; i < TUFF_COUNT(files); i++) {
        if (files[i].write_it == write_picture && write_picture(d, &error) == TUFF_ERR_UNSUPPORTED) continue;
        for (size_t k = 0; k < TUFF_COUNT(reasons); k++) faults += try_all(d, files[i].what, files[i].write_it, reasons[k]);
    }
    disk.most = 100; /* a disk may take less than it is given */
    backend_status(&d->test, "short writes", TUFF_OK, write_checkpoint(d, &error), &error);
    disk.most = 0;
    backend_status(&d->test, "load", TUFF_OK, tuff_model_checkpoint_load(d->t.context, d->t.model, d->path, &error), &error);
    printf("writing of files: %ld faults survived\n", faults);
}

/* ---- caches ------------------------------------------------------------------------------------------------------------------------- */

/* Removes the folder and its files; returns how many there were. */
static size_t clear(const char *folder)
{
    char **names = NULL, path[600];
    size_t count = 0;
    if (tuff_os_list_folder(NULL, folder, &names, &count, NULL) != TUFF_OK) return 0;
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    tuff_free(NULL, names);
    rmdir(folder);
    return count;
}

/* A short life with a cache folder: whatever becomes of it, the device works. */
static void use_cache(struct disk_test *d, const char *folder, const char *what, bool vanish)
{
    struct tuff_options options = {.struct_size = sizeof options, .cache_dir = folder};
    struct train t;
    struct tuff_error error = {0};
    struct tuff_metrics metrics;
    float answer[TRAIN_CLASSES];
    tuff_options_from_env(&options);
    tuff_status status = train_open(&t, &options, &error);
    if (status == TUFF_OK) status = train_model(&t, &(struct train_params){0}, &error);
    if (status == TUFF_OK)
        status = tuff_model_predict(t.model, &(struct tuff_data){.count = 1, .fields = {t.data.fields[0]}},
                                    (void *[]){answer}, &error);
    if (status == TUFF_OK) tuff_device_flush_caches(t.device);
    if (vanish) {
        backend_check(&d->test, clear(folder) == 2, "%s: expected two files in %s", what, folder);
        if (status == TUFF_OK) status = tuff_model_evaluate(t.model, &t.data, &metrics, &error); /* compiles more */
    }
    backend_status(&d->test, what, TUFF_OK, status, &error);
    train_close(&t);
}

static void test_caches(struct disk_test *d)
{
    char cache[240], nowhere[240];
    size_t temporaries, all;
    long n = 1;
    snprintf(cache, sizeof cache, "%s/cache", d->folder);
    snprintf(nowhere, sizeof nowhere, "%s/below", d->path); /* of a file: cannot be made, whoever asks */
    use_cache(d, nowhere, "a folder that cannot be made", false);
    use_cache(d, "/proc/tuff", "a folder of a file system that takes none", false);
    use_cache(d, cache, "a folder that vanishes", true);
    list(cache, &temporaries, &all);
    backend_check(&d->test, all == 2 && !temporaries, "a vanished cache: expected it anew, got %zu files", all);
    for (bool over = false; !over && n < MOST; n++) {
        clear(cache);
        disk_fail(n, ENOSPC);
        use_cache(d, cache, "a fault", false);
        over = !disk.name;
        disk.fail_at = 0;
        list(cache, &temporaries, &all);
        backend_check(&d->test, !temporaries, "cache, call %ld: %zu temporary files are left", n, temporaries);
    }
    printf("writing of caches: %ld faults survived\n", n - 2);
}

/* ---- true disks ---------------------------------------------------------------------------------------------------------------------- */

static void expect_no_space(struct disk_test *d, const char *path, const char *what, int reason)
{
    struct tuff_model_checkpoint checkpoint = d->t.checkpoint;
    struct tuff_error error = {0};
    checkpoint.path = path;
    tuff_status status = tuff_model_checkpoint_save(&checkpoint, d->t.model, &error);
    backend_check(&d->test,
                  status == TUFF_ERR_FILE && strstr(error.message, path) && strstr(error.message, strerror(reason)),
                  "%s: expected TUFF_ERR_FILE with '%s' and '%s', got %s: '%s'", what, path, strerror(reason),
                  tuff_status_name(status), error.message);
}

/* Half of the disk is taken by an old file, the other half is too small for the checkpoint. */
static void test_full_disk(struct disk_test *d)
{
    static char half[24 << 10];
    char folder[220], path[240], large[240];
    size_t temporaries, all;
    struct tuff_error error = {0};
    snprintf(folder, sizeof folder, "%s/disk", d->folder);
    if (mkdir(folder, 0777) != 0 || mount("tmpfs", folder, "tmpfs", 0, "size=64k,mode=700") != 0) {
        printf("no disk of 64 KiB: cannot mount one: %s\n", strerror(errno));
        rmdir(folder);
        return;
    }
    snprintf(path, sizeof path, "%s/old", folder);
    snprintf(large, sizeof large, "%s/large", folder);
    const struct tuff_os_part part = {.data = half, .bytes = sizeof half};
    backend_status(&d->test, "fits", TUFF_OK, tuff_os_write_atomic(d->t.context, path, &part, 1, &error), &error);
    backend_status(&d->test, "fits", TUFF_OK, tuff_os_write_atomic(d->t.context, large, &part, 1, &error), &error);
    uint64_t old = hash_of(path);
    expect_no_space(d, path, "a full disk", ENOSPC);
    list(folder, &temporaries, &all);
    backend_check(&d->test, hash_of(path) == old && all == 2, "a full disk: the old file, and %zu files", all);
    use_cache(d, folder, "a cache on a full disk", false);
    if (mount("tmpfs", folder, "tmpfs", MS_REMOUNT | MS_RDONLY, "") == 0) {
        expect_no_space(d, path, "a read-only disk", EROFS);
        backend_check(&d->test, hash_of(path) == old, "a read-only disk: the old file is another");
        use_cache(d, folder, "a cache on a read-only disk", false);
    }
    umount(folder);
    rmdir(folder);
}

static void test_limits(struct disk_test *d)
{
    struct rlimit old, small;
    char path[240];
    size_t temporaries, all;
    struct tuff_error error = {0};
    backend_status(&d->test, "a checkpoint", TUFF_OK, write_checkpoint(d, &error), &error);
    uint64_t before = hash_of(d->path);
    signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &old) != 0) exit(1);
    small = (struct rlimit){10000, old.rlim_max};
    if (setrlimit(RLIMIT_FSIZE, &small) != 0) exit(1);
    expect_no_space(d, d->path, "a limit of file sizes", EFBIG);
    if (setrlimit(RLIMIT_FSIZE, &old) != 0) exit(1);
    list(d->folder, &temporaries, &all);
    backend_check(&d->test, hash_of(d->path) == before && !temporaries,
                  "a limit of file sizes: the old file, %zu temporary ones", temporaries);
    snprintf(path, sizeof path, "%s/no/such/folder", d->folder);
    expect_no_space(d, path, "no folder", ENOENT);
    snprintf(path, sizeof path, "%s/below", d->path);
    expect_no_space(d, path, "a file in place of the folder", ENOTDIR);
    backend_check(&d->test, hash_of(d->path) == before, "wrong folders: the old file is another");
}

/* A training that cannot save stops with that sentence; its last checkpoint leads on. */
static void test_training(struct disk_test *d)
{
    struct train t = {.context = d->t.context, .device = d->t.device};
    struct train_content whole = {0}, resumed = {0};
    struct tuff_error error = {0};
    const struct train_params params = {.path = d->path, .samples = 80};
    disk.made = 0;
    tuff_status status = write_checkpoint(d, &error);
    const long calls = disk.made; /* of one checkpoint */
    unlink(d->path);
    if (status == TUFF_OK) status = train_model(&t, &params, &error);
    if (status == TUFF_OK) status = train_fit(&t, &error);
    if (status == TUFF_OK) status = train_content(&t, &whole, &error);
    backend_status(&d->test, "undisturbed", TUFF_OK, status, &error);
    train_close_model(&t);
    unlink(d->path);
    status = train_model(&t, &params, &error);
    disk_fail(calls + calls / 2, ENOSPC); /* in the second checkpoint */
    if (status == TUFF_OK) status = train_fit(&t, &error);
    disk.fail_at = 0;
    backend_check(&d->test, status == TUFF_ERR_FILE && strstr(error.message, d->path),
                  "expected TUFF_ERR_FILE, got %s: '%s'", tuff_status_name(status), error.message);
    train_close_model(&t);
    status = train_model(&t, &params, &error);
    if (status == TUFF_OK) status = train_load(&t, &error);
    backend_check(&d->test, status == TUFF_OK && tuff_model_state(t.model).epoch == 1,
                  "expected a checkpoint of one epoch: %s", error.message);
    if (status == TUFF_OK) status = train_fit(&t, &error);
    if (status == TUFF_OK) status = train_content(&t, &resumed, &error);
    backend_status(&d->test, "resumed", TUFF_OK, status, &error);
    train_expect_same(&d->test, "after a full disk", &whole, &resumed);
    train_close_model(&t);
    free(whole.bytes);
    free(resumed.bytes);
}

int main(void)
{
    struct disk_test d = {0};
    struct tuff_error error = {0};
    int code = backend_test_begin(&d.test, NULL);
    if (code) return code;
    temporary_path("disk", d.folder, sizeof d.folder);
    if (tuff_os_make_folders(d.test.context, d.folder, NULL) != TUFF_OK) return 1;
    snprintf(d.path, sizeof d.path, "%s/file", d.folder);
    d.t.context = d.test.context;
    d.t.device = d.test.device;
    d.test.quiet = true;
    tuff_status status = train_model(&d.t, &(struct train_params){.path = d.path}, &error);
    if (status == TUFF_OK) status = tuff_model_prepare(d.t.model, &d.t.data, &d.t.fit, &error);
    if (status == TUFF_OK) status = write_checkpoint(&d, &error);
    if (backend_status(&d.test, "a model", TUFF_OK, status, &error)) {
        disk.kinds = DISK_WRITES;
        test_calls(&d);
        test_caches(&d);
        test_limits(&d);
        test_full_disk(&d);
        test_training(&d);
    }
    d.test.quiet = false;
    train_close_model(&d.t);
    snprintf(d.path, sizeof d.path, "%s/cache", d.folder);
    clear(d.path);
    clear(d.folder);
    return backend_test_end(&d.test, "fault_disk");
}

#else
#include <stdio.h>
int main(void)
{
    puts("skipped: needs a POSIX system");
    return 77;
}
#endif
