/* train_foreign.c - the programs and what others made: names that would colour a terminal or break JSON, pictures that are damaged or none, a
 * checkpoint whose history no curve can show. What they print is printable, what they write as JSON is JSON, and they end. */
#include "tests/loaders_support.h"

#include "backend/backend.h"
#include "samples/data/data.h"

#include <stdio.h>
#include <stdlib.h>
#if !defined(_WIN32) && TUFF_HAVE_PNG && TUFF_HAVE_JSON
#include "samples/bench/document.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIN TUFF_BUILD_DIR "/bin/"
static const char *const classes[] = {"c\"a\\t", "d\xc3\xb6g\xe2\x80\xae"};

/* Runs a command of the shell in the scratch folder, for two minutes at most. Returns its exit status; *text [owned]: what it printed. */
static int run(struct loaders_test *test, const char *command, char **text)
{
    char line[3000];
    size_t bytes = 0;
    snprintf(line, sizeof line, "cd %s && ASAN_OPTIONS=detect_leaks=0 timeout 120 %s%s > output 2>&1", test->folder, BIN,
             command);
    int status = system(line);
    uint8_t *printed = file_read(scratch_path(test, "output"), &bytes);
    *text = realloc(printed, bytes + 1);
    if (*text) (*text)[bytes] = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void expect_run(struct loaders_test *test, int wanted, const char *sentence, const char *command)
{
    char *text = NULL, expected[400];
    int status = run(test, command, &text);
    bool clean = text != NULL;
    for (const unsigned char *c = (const unsigned char *)text; c && *c; c++)
        clean = clean && (*c >= 0x20 || *c == '\n') && *c != 0x7f && !(c[0] == 0xc2 && c[1] < 0xa0) &&
                !(c[0] == 0xe2 && c[1] == 0x80 && c[2] == 0xae);
    snprintf(expected, sizeof expected, "status %d and \"%.200s\"", wanted, sentence);
    expect(test, status == wanted && text && strstr(text, sentence), command, expected, "status %d and \"%.1500s\"", status,
           text ? text : "");
    expect(test, clean, command, "output without control characters", "others");
    free(text);
}

static void expect_json(struct loaders_test *test, const char *name)
{
    char reason[DOCUMENT_REASON] = "";
    size_t bytes = 0;
    uint8_t *text = file_read(scratch_path(test, name), &bytes);
    cJSON *root = text ? document_parse((const char *)text, bytes, reason) : NULL;
    expect(test, root != NULL, name, "JSON", "%s: %.1000s", reason, text ? (const char *)text : "no file");
    cJSON_Delete(root);
    free(text);
}

static void make_folder(struct loaders_test *test)
{
    char name[100];
    for (size_t c = 0; c < 2; c++) {
        snprintf(name, sizeof name, "d/%s", classes[c]);
        scratch_make_folder(test, name);
        for (int i = 0; i < 24; i++) {
            uint8_t pixels[64];
            struct tuff_picture picture = {8, 8, 1, pixels};
            memset(pixels, (int)c * 200 + i, sizeof pixels);
            snprintf(name, sizeof name, "d/%s/%d.png", classes[c], i);
            if (tuff_picture_write_png(test->context, scratch_path(test, name), &picture, NULL) != TUFF_OK) exit(1);
        }
        snprintf(name, sizeof name, "d/%s/notes\x1b[2J.txt", classes[c]);
        scratch_write(test, name, "notes", 5);
    }
    snprintf(name, sizeof name, "d/%s/bad\x1b[2J\n.png", classes[1]);
    scratch_write(test, name, "bad", 3);
    snprintf(name, sizeof name, "d/%s/pipe.png", classes[0]);
    if (mkfifo(scratch_path(test, name), 0600) != 0) exit(1);
}

static void test_training(struct loaders_test *test)
{
    expect_run(test, 1, "pipe.png: it is a pipe", "tuff-train --data d --out o --arch mlp --size 8 --epochs 1");
    expect_run(test, 0, "left out: 2 that cannot be read (first: cannot read d/c\"a\\t/pipe.png",
               "tuff-train --data d --out o --arch mlp --size 8 --epochs 1 --json r.json --skip-damaged");
    expect_json(test, "r.json");
}

/* ---- history ------------------------------------------------------------------------------------------------------------------------ */

static const char *const histories[] = {
    "seconds 1e300\nepoch 0 1 1e300 1 1e300 1 1 1\npoint 0.5 1e300 0.5\n",
    "seconds nan\nepoch 0 1 nan nan nan nan nan nan\npoint nan nan nan\n",
    "seconds -inf\nepoch 0 1 inf inf -inf -inf inf inf\npoint inf -inf inf\n",
    "epoch 0 1 4e-320 0 4e-320 0 1 1\npoint 0.5 5e-324 0\npoint 0.6 1e-323 0\n",
    "epoch 0 1 1e16 1 1e16 1 1 1\npoint 0.5 1e16 1\npoint 0.6 10000000000000002 1\n",
    "epoch 4294967295 1 -1e308 -1e308 1e308 1e308 1 1\npoint 1e308 -1.7e308 1.7e308\n",
};

static tuff_status rewrite(struct loaders_test *test, const char *path, const char *history)
{
    struct tuff_tensors *file = NULL;
    struct tuff_error error = {0};
    tuff_status status = tuff_checkpoint_read(test->context, path, NULL, &file, &error);
    if (status != TUFF_OK) return status;
    size_t arrays = tuff_tensors_count(file), texts = tuff_tensors_text_count(file), kept = 0;
    struct tuff_array *array = calloc(arrays + 1, sizeof *array);
    struct tuff_pair *text = calloc(texts + 1, sizeof *text);
    if (!array || !text) exit(1);
    for (size_t i = 0; i < arrays; i++) array[i] = tuff_tensors_get(file, i);
    for (size_t i = 0; i < texts; i++) {
        struct tuff_pair pair = tuff_tensors_text_get(file, i);
        if (strncmp(pair.key, "tuff.", 5) == 0) continue;
        text[kept] = pair;
        if (!strcmp(pair.key, "history")) text[kept].value = history;
        kept++;
    }
    struct tuff_tensors_params params = {
        .struct_size = sizeof params, .arrays = array, .array_count = arrays, .texts = text, .text_count = kept};
    status = tuff_checkpoint_write(test->context, path, &params, &error);
    tuff_tensors_destroy(file);
    free(array);
    free(text);
    return status;
}

static void test_histories(struct loaders_test *test)
{
    for (size_t i = 0; i < TUFF_COUNT(histories); i++) {
        char command[300], name[40];
        size_t bytes = 0;
        expect_number(test, "checkpoint", TUFF_OK, rewrite(test, scratch_path(test, "o/training.tuff"), histories[i]));
        snprintf(command, sizeof command, "tuff-train --resume --out o --epochs %zu --json h%zu.json", i + 2, i);
        expect_run(test, 0, "resumed", command);
        snprintf(name, sizeof name, "h%zu.json", i);
        expect_json(test, name);
        uint8_t *svg = file_read(scratch_path(test, "o/curves.svg"), &bytes);
        svg = realloc(svg, bytes + 1);
        if (svg) svg[bytes] = 0;
        expect(test, svg && bytes < 1000000 && !strstr((char *)svg, "nan,") && !strstr((char *)svg, "inf,"), histories[i],
               "curves of numbers", "%zu bytes", bytes);
        free(svg);
    }
}

static void test_answers(struct loaders_test *test)
{
    expect_run(test, 1, "2 of 3 pictures could not be answered",
               "tuff-classify --model o/model.tuff --json a.json $(printf 'no\\033[2J\\233.png') d/*t/pipe.png d/*t/1.png");
    expect_json(test, "a.json");
    expect_run(test, 0, "1 of 2 pictures could not be answered",
               "tuff-classify --model o/model.tuff --skip-damaged --json - none.png d/*g*/1.png");
    expect_run(test, 1, "1 of 1 pictures could not be answered",
               "tuff-classify --model o/model.tuff --skip-damaged none.png");
    expect_run(test, 2, "\\x1b[2J", "tuff-classify --model o/model.tuff \"$(printf -- '--\\033[2J')\"");
    expect_run(test, 2, "\\x1b[2J", "tuff-train --data d --arch \"$(printf '\\033[2J')\"");
    expect_run(test, 2, "\\x1b[2J", "tuff-info \"$(printf '\\033[2J')\"");
    expect_run(test, 1, "\\x1b[2J", "tuff-bench check \"$(printf '\\033[2J')\"");
    expect_run(test, 0, "", "tuff-info --json");
    expect_json(test, "output");
}

int main(void)
{
    struct loaders_test test;
    struct tuff_device *device = NULL;
    loaders_begin(&test, "train_foreign");
    bool there = tuff_device_create(test.context, NULL, &device, NULL) == TUFF_OK;
    tuff_device_release(device);
    if (there) {
        make_folder(&test);
        test_training(&test);
        test_histories(&test);
        test_answers(&test);
    }
    int status = loaders_end(&test);
    if (!there) printf("train_foreign: SKIP: there is no device\n");
    return !status && !there ? 77 : status;
}
#else
int main(void)
{
    printf("SKIP: this is a test of POSIX programs with libpng and cJSON\n");
    return 77;
}
#endif
