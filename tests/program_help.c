/* program_help.c - see program_help.h. */
#if !defined(_WIN32) /* shells of POSIX */

#include "tests/program_help.h"
#include "samples/data/data.h"
#include "tests/temporary.h"

#include "backend/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

int program_test_begin(struct program_test *t, const char *name)
{
    *t = (struct program_test){.output = NULL};
    int code = backend_test_begin(&t->test, NULL);
    if (code) return code;
    if (!tuff_os_exists(TUFF_BUILD_DIR "/bin/tuff-train")) {
        puts("skipped: tuff-train is not built");
        return 77;
    }
    temporary_path(name, t->folder, sizeof t->folder);
    if (tuff_os_make_folders(NULL, t->folder, NULL) != TUFF_OK) return 1;
    t->test.quiet = true;
    return 0;
}

int program_test_end(struct program_test *t, const char *name)
{
    t->test.quiet = false;
    program_shell(t, "rm -rf ./*");
    tuff_os_remove(t->folder);
    tuff_free(NULL, t->output);
    return backend_test_end(&t->test, name);
}

/* ---- data ------------------------------------------------------------------------------------------------------------------------- */

static void put_word(FILE *file, uint32_t word)
{
    for (int shift = 24; shift >= 0; shift -= 8) fputc((int)(word >> shift & 255), file);
}

static void write_idx(const struct program_test *t, const char *folder, const char *name, const struct program_set *set)
{
    char path[600];
    uint32_t channels = set->channels ? set->channels : 1;
    snprintf(path, sizeof path, "%s/%s/%s-labels-idx1-ubyte", t->folder, folder, name);
    FILE *labels = fopen(path, "wb");
    snprintf(path, sizeof path, "%s/%s/%s-images-idx3-ubyte", t->folder, folder, name);
    FILE *images = fopen(path, "wb");
    if (!labels || !images) exit(1);
    put_word(labels, 0x801);
    put_word(labels, set->count);
    put_word(images, set->channels ? 0x804 : 0x803);
    put_word(images, set->count);
    if (set->channels) put_word(images, set->channels);
    put_word(images, PROGRAM_SIDE);
    put_word(images, PROGRAM_SIDE);
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t label = set->odd && i == 0 ? set->odd : set->first + i % set->classes;
        fputc((int)label, labels);
        for (uint32_t p = 0; p < channels * PROGRAM_SIDE * PROGRAM_SIDE; p++)
            fputc((int)((label * 67 + (i * 31 + p * 7) % 40) & 255), images);
    }
    if (fclose(labels) != 0 || fclose(images) != 0) exit(1);
}

void program_write_data(const struct program_test *t, const char *folder, struct program_set set)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", t->folder, folder);
    mkdir(path, 0777);
    write_idx(t, folder, "train", &set);
    set.count = set.count / 4 + 1;
    set.odd = 0;
    write_idx(t, folder, "t10k", &set);
}

void program_write_folders(const struct program_test *t, const char *folder, const char *classes)
{
    char path[700], name[60];
    static uint8_t pixels[PROGRAM_SIDE * PROGRAM_SIDE * 3];
    for (const char *at = classes; *at; at += strlen(name) + (at[strlen(name)] == ' ')) {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at, " "), at);
        snprintf(path, sizeof path, "%s/%s/%s", t->folder, folder, name);
        if (tuff_os_make_folders(NULL, path, NULL) != TUFF_OK) exit(1);
        for (int i = 0; i < 12; i++) {
            struct tuff_picture picture = {PROGRAM_SIDE, PROGRAM_SIDE, 3, pixels};
            for (size_t p = 0; p < sizeof pixels; p++) pixels[p] = (uint8_t)((size_t)name[0] * 29 + p * 3 % 50 + (size_t)i);
            snprintf(path, sizeof path, "%s/%s/%s/%d.png", t->folder, folder, name, i);
            (void)!tuff_picture_write_png(t->test.context, path, &picture, NULL);
        }
    }
}

/* ---- commands ----------------------------------------------------------------------------------------------------------------------- */

int program_shell(struct program_test *t, const char *command)
{
    char line[3000], path[400];
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/output", t->folder);
    snprintf(line, sizeof line,
             "cd '%s' && export ASAN_OPTIONS=\"$ASAN_OPTIONS${ASAN_OPTIONS:+:}detect_leaks=0\" && TRAIN='%s/bin/tuff-train' "
             "CLASSIFY='%s/bin/tuff-classify' && { %s\n} > output 2>&1 < /dev/null",
             t->folder, TUFF_BUILD_DIR, TUFF_BUILD_DIR, command);
    int status = system(line);
    tuff_free(NULL, t->output);
    t->output = NULL;
    (void)!tuff_os_read_file(NULL, path, 0, (void **)&t->output, &bytes, NULL);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void program_expect(struct program_test *t, const char *command, int wanted, const char *sentence)
{
    int status = program_shell(t, command);
    backend_check(&t->test, status == wanted && t->output && strstr(t->output, sentence),
                  "%s\n  expected status %d and '%s', got %d and\n%s", command, wanted, sentence, status,
                  t->output ? t->output : "");
}

void program_expect_not(struct program_test *t, const char *text)
{
    backend_check(&t->test, t->output && !strstr(t->output, text), "expected no '%s' in\n%s", text,
                  t->output ? t->output : "");
}

#else
typedef int program_help_is_empty;
#endif
