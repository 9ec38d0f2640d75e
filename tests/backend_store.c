/* backend_store.c - the folder of caches: what is made is the user's alone, and what others made, may write or lead elsewhere is neither
 * read nor written to, with one line in the log that says what to do; files that were changed are made anew. No device is needed; what
 * takes other users is tried where the test may become one (root). */
#if !defined(_WIN32)      /* owners, modes and links of POSIX */
#define _DEFAULT_SOURCE 1 /* lchown, seteuid */
#define _DARWIN_C_SOURCE 1

#include "backend/cache.h"
#include "backend/store.h"
#include "tests/backend_help.h"
#include "tests/temporary.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534, LARGEST = 1 << 20 };

struct store_test {
    struct backend_test test;
    char root[300];   /* [a temporary folder] of this test */
    char folder[320]; /* of the caches, in it */
    char path[360];   /* of NAME */
    char log[2000];   /* what the context said since it was opened */
    unsigned lines;
};
static const char NAME[] = "thing";

static void keep_log(void *user, enum tuff_log_level level, const char *message)
{
    struct store_test *t = user;
    if (level > TUFF_LOG_WARNING) return;
    snprintf(t->log + strlen(t->log), sizeof t->log - strlen(t->log), "%s\n", message);
    t->lines++;
}

static void open_context(struct store_test *t, const char *folder)
{
    struct tuff_options options = {.struct_size = sizeof options, .cache_dir = folder, .log = keep_log, .log_user = t};
    t->log[0] = 0;
    t->lines = 0;
    if (tuff_context_create(&options, &t->test.context, NULL) != TUFF_OK) abort();
}

static void close_context(struct store_test *t)
{
    tuff_context_destroy(t->test.context);
    t->test.context = NULL;
}

static bool write_thing(struct store_test *t, const char *content)
{
    const struct tuff_os_part part = {.data = content, .bytes = strlen(content)};
    return tuff_store_write(t->test.context, "", NAME, &part, 1);
}

static bool reads(struct store_test *t, const char *content)
{
    void *data = NULL;
    size_t bytes = 0;
    bool same = tuff_store_read(t->test.context, NAME, LARGEST, &data, &bytes) && bytes == strlen(content) &&
                !memcmp(data, content, bytes);
    tuff_free(t->test.context, data);
    return same;
}

static unsigned mode_of(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0 ? (unsigned)about.st_mode & 07777 : 0;
}

/* Everything below the root, and the root. */
static void clear(struct store_test *t)
{
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", t->root);
    if (system(command) != 0) printf("cannot remove %s\n", t->root);
}

static void begin(struct store_test *t)
{
    clear(t);
    if (mkdir(t->root, 0755) != 0) abort();
}

/* A folder as it is: nothing is read from it or written to it, and one line says why, with the words. */
static void expect_unused(struct store_test *t, const char *what, const char *words)
{
    open_context(t, t->folder);
    bool read = reads(t, "old"), written = write_thing(t, "new") || write_thing(t, "new");
    backend_check(&t->test, !read && !written, "%s: expected it unused, got read %d, written %d", what, read, written);
    backend_check(&t->test, t->lines == 1 && strstr(t->log, words), "%s: expected one line with '%s', got: %s", what, words,
                  t->log);
    close_context(t);
}

/* A file as it is: not read, told, and replaced by the next writing with one that is. */
static void expect_replaced(struct store_test *t, const char *what, const char *words)
{
    open_context(t, t->folder);
    bool read = reads(t, "old");
    backend_check(&t->test, !read && t->lines == 1 && strstr(t->log, words),
                  "%s: expected it unread and one line with '%s', got read %d: %s", what, words, read, t->log);
    backend_check(&t->test, write_thing(t, "new") && reads(t, "new") && mode_of(t->path) == 0600,
                  "%s: expected a file of mode 0600 in its place, got %04o: %s", what, mode_of(t->path), t->log);
    close_context(t);
}

static void put_old(struct store_test *t)
{
    begin(t);
    open_context(t, t->folder);
    backend_check(&t->test, write_thing(t, "old"), "cannot write: %s", t->log);
    close_context(t);
}

static void test_modes(struct store_test *t)
{
    static const unsigned open_modes[] = {0777, 0770, 0720, 0702, 01777};
    char parent[310];
    begin(t);
    mode_t mask = umask(0);
    snprintf(parent, sizeof parent, "%s/a", t->root);
    snprintf(t->folder, sizeof t->folder, "%s/a/b", t->root);
    snprintf(t->path, sizeof t->path, "%s/%s", t->folder, NAME);
    open_context(t, t->folder);
    backend_check(&t->test, write_thing(t, "new") && reads(t, "new") && !t->lines, "cannot write and read: %s", t->log);
    backend_check(&t->test, mode_of(t->folder) == 0700 && mode_of(parent) == 0700 && mode_of(t->path) == 0600,
                  "expected 0700, 0700, 0600 without a mask, got %04o, %04o, %04o", mode_of(parent), mode_of(t->folder),
                  mode_of(t->path));
    close_context(t);
    umask(mask);
    for (size_t i = 0; i < TUFF_COUNT(open_modes); i++) {
        char words[400];
        put_old(t);
        if (chmod(t->folder, open_modes[i]) != 0) continue;
        bool shared = open_modes[i] & 01000; /* as /tmp: nothing is said of changing it */
        snprintf(words, sizeof words, "%s%s", shared ? "may be written by other users" : "chmod go-w ",
                 shared ? "" : t->folder);
        expect_unused(t, "a folder that others may write", words);
        backend_check(&t->test, !shared || !strstr(t->log, "chmod"), "a shared folder is to be changed: %s", t->log);
        put_old(t);
        if (chmod(t->path, open_modes[i] & 0777) != 0) continue;
        expect_replaced(t, "a file that others may write", "chmod go-w");
    }
    put_old(t); /* others may look: what is cached is no secret */
    backend_check(&t->test, chmod(t->folder, 0755) == 0 && chmod(t->path, 0644) == 0, "chmod");
    open_context(t, t->folder);
    backend_check(&t->test, reads(t, "old") && !t->lines, "a folder that others may read: expected it used: %s", t->log);
    close_context(t);
}

static void test_links(struct store_test *t)
{
    char other[320];
    snprintf(other, sizeof other, "%s/other", t->root);
    put_old(t);
    backend_check(&t->test, rename(t->path, other) == 0 && symlink(other, t->path) == 0, "symlink");
    expect_replaced(t, "a link in place of the file", "symbolic link");
    FILE *file = fopen(other, "rb");
    char content[8] = "";
    backend_check(&t->test, file && fread(content, 1, 4, file) == 3 && !strcmp(content, "old"),
                  "what the link led to was written to");
    if (file) fclose(file);
    put_old(t);
    backend_check(&t->test, unlink(t->path) == 0 && mkfifo(t->path, 0600) == 0, "mkfifo");
    expect_replaced(t, "a pipe in place of the file", "no regular file");
    put_old(t);
    backend_check(&t->test, unlink(t->path) == 0 && symlink("/dev/zero", t->path) == 0, "symlink");
    expect_replaced(t, "a device in place of the file", "symbolic link");
    put_old(t);
    backend_check(&t->test, rename(t->folder, other) == 0 && symlink(other, t->folder) == 0, "symlink");
    open_context(t, t->folder);
    backend_check(&t->test, reads(t, "old") && write_thing(t, "new") && reads(t, "new") && !t->lines,
                  "the user's own link to another folder: expected it used: %s", t->log);
    close_context(t);
}

/* Another user's folder, file, link; what this process may do as another user. */
static void test_owners(struct store_test *t)
{
    char other[320];
    if (geteuid() != 0) {
        printf("owners: not tried, only root may change them\n");
        return;
    }
    put_old(t);
    backend_check(&t->test, chown(t->folder, NOBODY, NOBODY) == 0, "chown");
    expect_unused(t, "another user's folder", "belongs to another user (65534)");
    put_old(t);
    backend_check(&t->test, chown(t->path, NOBODY, NOBODY) == 0, "chown");
    expect_replaced(t, "another user's file", "belongs to another user (65534)");
    put_old(t);
    snprintf(other, sizeof other, "%s/other", t->root);
    backend_check(&t->test, rename(t->folder, other) == 0 && symlink(other, t->folder) == 0, "symlink");
    backend_check(&t->test, lchown(t->folder, NOBODY, NOBODY) == 0, "lchown");
    expect_unused(t, "another user's link", "link of another user (65534)");

    put_old(t);
    snprintf(other, sizeof other, "%s/a", t->root);
    backend_check(&t->test, chmod(other, 0755) == 0 && chmod(t->folder, 0755) == 0, "chmod");
    if (seteuid(NOBODY) != 0) return;
    expect_unused(t, "root's folder", "belongs to another user (0)");
    seteuid(0);
    begin(t);
    backend_check(&t->test, chmod(t->root, 0777) == 0 && seteuid(NOBODY) == 0, "seteuid");
    open_context(t, t->folder);
    backend_check(&t->test, write_thing(t, "old") && chmod(t->folder, 0500) == 0, "nobody's own folder: %s", t->log);
    close_context(t);
    open_context(t, t->folder); /* read-only: read, and told once that it cannot be written */
    backend_check(&t->test, reads(t, "old") && !write_thing(t, "new") && !write_thing(t, "new") && t->lines == 1,
                  "a folder that is read-only: expected it read, and one line, got: %s", t->log);
    close_context(t);
    backend_check(&t->test, chmod(t->folder, 0000) == 0, "chmod");
    open_context(t, t->folder);
    backend_check(&t->test, !reads(t, "old") && !write_thing(t, "new") && t->lines <= 1, "a folder without rights: %s",
                  t->log);
    close_context(t);
    if (seteuid(0) != 0) abort();
}

/* Where the environment leads; a relative XDG_CACHE_HOME is none, as its specification says. */
static void test_places(struct store_test *t)
{
    const char *home = getenv("HOME"), *xdg = getenv("XDG_CACHE_HOME");
    char *old_home = home ? strdup(home) : NULL, *old_xdg = xdg ? strdup(xdg) : NULL, wanted[400];
    const struct {
        const char *xdg, *home, *below; /* NULL: unset; no folder */
    } cases[] = {{"full", "other", "full/tuff"},
                 {"", "full", "full/.cache/tuff"},
                 {NULL, "full", "full/.cache/tuff"},
                 {"relative", "full", "full/.cache/tuff"},
                 {"../x", NULL, NULL},
                 {NULL, NULL, NULL},
                 {NULL, "", NULL},
                 {NULL, "relative", NULL}};
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        char full[320], elsewhere[320];
        snprintf(full, sizeof full, "%s/full", t->root);
        snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", t->root);
        const char *const values[] = {cases[i].xdg, cases[i].home}, *const names[] = {"XDG_CACHE_HOME", "HOME"};
        begin(t);
        for (int k = 0; k < 2; k++) {
            const char *value = values[k] && !strcmp(values[k], "full")    ? full
                                : values[k] && !strcmp(values[k], "other") ? elsewhere
                                                                           : values[k];
            if (value)
                setenv(names[k], value, 1);
            else
                unsetenv(names[k]);
        }
        open_context(t, NULL);
        bool written = write_thing(t, "new"), back = reads(t, "new");
        snprintf(wanted, sizeof wanted, "%s/%s/%s", t->root, cases[i].below ? cases[i].below : "none", NAME);
        backend_check(&t->test,
                      written == (cases[i].below != NULL) && back == written && !t->lines &&
                          tuff_os_exists(wanted) == written,
                      "place %zu: written %d, read %d: %s", i, written, back, t->log);
        backend_check(&t->test, !tuff_os_exists("relative"), "place %zu: a relative folder was made", i);
        close_context(t);
    }
    if (old_home) setenv("HOME", old_home, 1);
    if (old_xdg)
        setenv("XDG_CACHE_HOME", old_xdg, 1);
    else
        unsetenv("XDG_CACHE_HOME");
    free(old_home);
    free(old_xdg);
}

/* A folder that vanishes is made anew; processes that write at once leave one of their files, whole. */
static void test_others_at_once(struct store_test *t)
{
    enum { PROCESSES = 4, ROUNDS = 100 };
    pid_t children[PROCESSES];
    put_old(t);
    clear(t);
    open_context(t, t->folder);
    backend_check(&t->test, !reads(t, "old") && !t->lines, "a folder that vanished: %s", t->log);
    backend_check(&t->test, write_thing(t, "new") && reads(t, "new"), "a folder that vanished is made anew: %s", t->log);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] != 0) continue;
        int wrong = 0;
        for (int k = 0; k < ROUNDS; k++) {
            const char *const all[] = {"aaaa", "bbbbbbbbbbbb", "new"};
            bool whole = false;
            wrong += !write_thing(t, all[(i + k) % 2]);
            for (int one = 0; one < 3 && !whole; one++) whole = reads(t, all[one]); /* each time another may have come */
            for (int one = 0; one < 20 && !whole; one++) whole = reads(t, all[one % 2]);
            wrong += !whole;
        }
        _exit(wrong != 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int state = 1;
        backend_check(&t->test, waitpid(children[i], &state, 0) == children[i] && state == 0,
                      "a process that writes while others do: status %x", (unsigned)state);
    }
    backend_check(&t->test, reads(t, "aaaa") || reads(t, "bbbbbbbbbbbb"), "expected one of the contents");
    close_context(t);
}

static const struct tuff_lines some_lines = {"lines.txt", "# lines\n", "off "};

static bool count_line(void *user, const char *says)
{
    unsigned *counts = user;
    counts[strncmp(says, "off ", 4) != 0]++;
    return true;
}

/* Lines that processes add at once are all there; of too many the oldest go, and what is to stay stays. */
static void test_lines(struct store_test *t)
{
    enum { PROCESSES = 4, EACH = 25, MORE = 700 };
    static const char KEY[] = "a device 1 ";
    unsigned counts[2] = {0, 0}, before;
    pid_t children[PROCESSES];
    char says[80];
    clear(t);
    open_context(t, t->folder);
    tuff_lines_add(t->test.context, &some_lines, KEY, "off first for a reason");
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] != 0) continue;
        for (int k = 0; k < EACH; k++) {
            snprintf(says, sizeof says, "right %d of %d", k, i);
            tuff_lines_add(t->test.context, &some_lines, KEY, says);
        }
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++) waitpid(children[i], NULL, 0);
    tuff_lines_each(t->test.context, &some_lines, KEY, count_line, counts);
    backend_check(&t->test, counts[0] == 1 && counts[1] == PROCESSES * EACH, "expected %d lines of all processes, got %u",
                  PROCESSES * EACH, counts[1]);
    for (int k = 0; k < MORE; k++) {
        snprintf(says, sizeof says, "right %d, which is a line of some length, of many like it", k);
        tuff_lines_add(t->test.context, &some_lines, KEY, says);
    }
    before = counts[1];
    memset(counts, 0, sizeof counts);
    tuff_lines_each(t->test.context, &some_lines, KEY, count_line, counts);
    backend_check(&t->test, counts[0] == 1 && counts[1] > 200 && counts[1] < before + MORE,
                  "expected the first line and the last ones, got %u and %u", counts[0], counts[1]);
    backend_check(&t->test, !t->lines, "lines: %s", t->log);
    close_context(t);
}

/* Adds a line where the file holds these bytes, and counts what is then read of ours. */
static unsigned lines_of(struct store_test *t, const char *key, const void *data, size_t bytes, bool add)
{
    const struct tuff_os_part part = {.data = data, .bytes = bytes};
    unsigned counts[2] = {0, 0};
    if (tuff_os_write_private(NULL, t->path, &part, 1, NULL) != TUFF_OK) abort();
    open_context(t, t->folder);
    if (add) tuff_lines_add(t->test.context, &some_lines, key, "right again");
    tuff_lines_each(t->test.context, &some_lines, key, count_line, counts);
    close_context(t);
    return counts[0] + counts[1];
}

/* A line of which a byte was changed, or the end is cut off, says nothing, and where it is this device's the log tells of it. */
static void test_damaged_lines(struct store_test *t)
{
    static const char KEY[] = "a device 1 ", zeros[100] = "";
    void *data = NULL;
    size_t bytes = 0;
    begin(t);
    open_context(t, t->folder);
    tuff_lines_add(t->test.context, &some_lines, KEY, "right so far");
    close_context(t);
    snprintf(t->path, sizeof t->path, "%s/%s", t->folder, some_lines.name);
    if (tuff_os_read_file(NULL, t->path, 0, &data, &bytes, NULL) != TUFF_OK) abort();
    const size_t head = strlen(some_lines.head);
    backend_check(&t->test, lines_of(t, KEY, data, bytes, false) == 1 && !t->lines, "whole: expected the line");
    backend_check(&t->test, lines_of(t, "a device 2 ", data, bytes, false) == 0 && !t->lines, "expected nothing of another");
    for (size_t at = head; at < bytes; at++) {
        char *byte = (char *)data + at;
        const unsigned told = at >= head + strlen(KEY);
        *byte ^= 1;
        unsigned got = lines_of(t, KEY, data, bytes, false);
        backend_check(&t->test, got == 0 && t->lines == told, "byte %zu is changed: got %u lines, %u told", at, got,
                      t->lines);
        *byte ^= 1;
        got = lines_of(t, KEY, data, at, false);
        backend_check(&t->test, got == 0 && t->lines == told, "cut at %zu: got %u lines, %u told", at, got, t->lines);
    }
    backend_check(&t->test, lines_of(t, "a device 2 ", data, bytes, true) == 1, "expected a line beside another's");
    tuff_free(NULL, data);
    if (tuff_os_read_file(NULL, t->path, 0, &data, &bytes, NULL) != TUFF_OK) abort();
    backend_check(&t->test, lines_of(t, KEY, data, bytes, false) == 1, "expected another's line to stay");
    backend_check(&t->test, lines_of(t, KEY, zeros, sizeof zeros, false) == 0, "zeros: expected nothing");
    backend_check(&t->test, lines_of(t, KEY, zeros, sizeof zeros, true) == 1, "zeros: expected a file anew");
    tuff_free(NULL, data);
}

/* What a device without a driver reads: every byte of the file is changed in its turn, and the file cut everywhere. */
static void test_damage(struct store_test *t)
{
    static const uint32_t words[] = {0x07230203, 0x00010300, 0, 10, 0, 77};
    const struct tuff_spirv_key key = {{1, 2}, 3};
    char **names = NULL;
    void *data = NULL;
    size_t count = 0, bytes = 0;
    begin(t);
    open_context(t, t->folder);
    struct tuff_device device = {.context = t->test.context};
    struct tuff_cache *cache = tuff_cache_create(&device);
    if (!cache || !tuff_cache_add(cache, key, words, TUFF_COUNT(words)).words) abort();
    tuff_cache_flush(cache);
    tuff_cache_destroy(cache);
    close_context(t);
    if (tuff_os_list_folder(NULL, t->folder, &names, &count, NULL) != TUFF_OK || count != 1) abort();
    snprintf(t->path, sizeof t->path, "%s/%s", t->folder, names[0]);
    tuff_free(NULL, names);
    if (tuff_os_read_file(NULL, t->path, 0, &data, &bytes, NULL) != TUFF_OK) abort();
    for (size_t at = 0; at < 2 * bytes + 1; at++) { /* changed, cut, whole */
        unsigned char *byte = (unsigned char *)data + at % bytes;
        bool whole = at == 2 * bytes;
        const struct tuff_os_part part = {.data = data, .bytes = at < bytes || whole ? bytes : at - bytes};
        if (at < bytes) *byte ^= 0x10;
        if (tuff_os_write_private(NULL, t->path, &part, 1, NULL) != TUFF_OK) abort();
        if (at < bytes) *byte ^= 0x10;
        open_context(t, t->folder);
        device.context = t->test.context;
        cache = tuff_cache_create(&device);
        if (!cache) abort();
        bool got = tuff_cache_find(cache, key).words != NULL, version = at >= 8 && at < 12; /* a number of the format */
        backend_check(&t->test, got == whole, "byte %zu of %zu: expected found %d, got %d", at, bytes, whole, got);
        backend_check(&t->test, t->lines == (whole || version ? 0 : 1), "byte %zu: got %u lines: %s", at, t->lines, t->log);
        tuff_cache_flush(cache); /* puts a whole one in its place, though nothing was added */
        tuff_cache_destroy(cache);
        close_context(t);
        open_context(t, t->folder);
        device.context = t->test.context;
        cache = tuff_cache_create(&device);
        backend_check(&t->test, t->lines == 0, "byte %zu: expected a file that fits, got: %s", at, t->log);
        tuff_cache_destroy(cache);
        close_context(t);
    }
    tuff_free(NULL, data);
}

int main(void)
{
    struct store_test t = {.test = {.failures = 0}};
    temporary_path("store", t.root, sizeof t.root);
    test_modes(&t);
    test_links(&t);
    test_owners(&t);
    test_places(&t);
    test_others_at_once(&t);
    test_lines(&t);
    test_damaged_lines(&t);
    test_damage(&t);
    clear(&t);
    return backend_test_end(&t.test, "backend_store");
}

#else
#include <stdio.h>
int main(void)
{
    printf("skipped: owners and modes of POSIX\n");
    return 77;
}
#endif
