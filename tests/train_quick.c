/* train_quick.c - the sample programs from end to end, as processes: a short training whose result is JSON; the same one
 * interrupted by SIGINT and resumed, which ends in the same model, byte for byte; pictures and a sheet classified with it;
 * sentences and exit statuses where something is wrong. */
#include "tests/loaders_support.h"

#include "backend/backend.h"
#include "backend/os.h"
#include "samples/data/data.h"

#include <stdio.h>

#if !defined(_WIN32)
#if TUFF_HAVE_JSON
#include <cjson/cJSON.h>
#endif
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DATA "/usr/share/datasets/fashion-mnist"
#define TRAIN TUFF_BUILD_DIR "/bin/tuff-train"
#define INFO TUFF_BUILD_DIR "/bin/tuff-info"
#define CLASSIFY TUFF_BUILD_DIR "/bin/tuff-classify"

/* ---- processes -------------------------------------------------------------------------------------------------------------------- */

/* Debian 12's lavapipe leaks 128 bytes at its dlclose: the leak checker of a sanitized build would blame the programs. */
static void check_no_leaks(void)
{
    char options[1000];
    const char *old = getenv("ASAN_OPTIONS");
    snprintf(options, sizeof options, "%s%sdetect_leaks=0", old ? old : "", old && old[0] ? ":" : "");
    setenv("ASAN_OPTIONS", options, 1);
}

/* Starts a program whose output goes into a file of the scratch folder. */
static pid_t start(struct loaders_test *test, const char *const *arguments)
{
    char path[500];
    snprintf(path, sizeof path, "%s", scratch_path(test, "output"));
    remove(path); /* before the child runs: what the last program printed is not taken for its */
    fflush(stdout);
    pid_t child = fork();
    if (child != 0) return child;
    check_no_leaks();
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file < 0 || dup2(file, 1) < 0 || dup2(file, 2) < 0) _exit(99);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(98);
}

/* Exit status; 1000 + the signal that ended it. */
static int exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status); }

static int wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0) continue;
    return exit_status(status);
}

/* What the last program printed; valid until the next call. */
static const char *output(struct loaders_test *test)
{
    static uint8_t *text;
    size_t bytes;
    free(text);
    text = file_read(scratch_path(test, "output"), &bytes);
    if (text) text = realloc(text, bytes + 1);
    if (text) text[bytes] = 0;
    return text ? (const char *)text : "";
}

/* Runs to the end; wanted: exit status. sentence: a part of what it prints. */
static void expect_run(struct loaders_test *test, int wanted, const char *sentence, const char *const *arguments)
{
    int status = wait_for(start(test, arguments));
    const char *text = output(test);
    char expected[300];
    snprintf(expected, sizeof expected, "status %d and \"%s\"", wanted, sentence);
    expect(test, status == wanted && strstr(text, sentence), arguments[1], expected, "status %d and \"%.2000s\"", status,
           text);
}
#define RUN(wanted, sentence, ...) expect_run(test, wanted, sentence, (const char *const[]){__VA_ARGS__, NULL})

/* ---- what they write as JSON ----------------------------------------------------------------------------------------------------------- */

#if TUFF_HAVE_JSON
static cJSON *read_json(struct loaders_test *test, const char *path)
{
    size_t bytes = 0;
    char *text = (char *)file_read(path, &bytes);
    cJSON *root = text ? cJSON_ParseWithLength(text, bytes) : NULL;
    expect(test, root != NULL, path, "JSON", "\"%.*s\"", text ? (int)bytes : 0, text ? text : "");
    free(text);
    return root;
}

static double number(struct loaders_test *test, const cJSON *root, const char *key, double least, double most)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    double value = cJSON_IsNumber(item) ? item->valuedouble : -1;
    expect(test, cJSON_IsNumber(item) && value >= least && value <= most, key, "a number in its range", "%g", value);
    return value;
}

static void test_result(struct loaders_test *test, const char *path)
{
    cJSON *root = read_json(test, path);
    const cJSON *loss = cJSON_GetObjectItemCaseSensitive(root, "loss");
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(root, "options");
    const cJSON *memory = cJSON_GetObjectItemCaseSensitive(root, "memory");
    expect(test, cJSON_IsString(cJSON_GetObjectItemCaseSensitive(root, "device")), "device", "a text", "none");
    expect(test, cJSON_IsString(cJSON_GetObjectItemCaseSensitive(root, "driver")), "driver", "a text", "none");
    number(test, root, "accuracy", 0.7, 1);
    number(test, root, "train_seconds", 0.01, 300);
    number(test, root, "samples_per_second", 10, 1e9);
    number(test, options, "epochs", 2, 2);
    number(test, options, "seed", 1, 1);
    number(test, memory, "device_peak_bytes", 1e6, 1e11);
    expect(test, cJSON_GetArraySize(loss) == 2 && loss->child->valuedouble > 0.1 && loss->child->valuedouble < 2, "loss",
           "one number for each epoch", "%d numbers", cJSON_GetArraySize(loss));
    cJSON_Delete(root);
}

static void test_answers(struct loaders_test *test, const char *path)
{
    cJSON *root = read_json(test, path);
    const cJSON *classes = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(root, 0), "classes"), *class = NULL;
    double sum = 0, last = 1;
    expect_number(test, "answers", 10, cJSON_GetArraySize(classes));
    cJSON_ArrayForEach(class, classes)
    {
        double probability = number(test, class, "probability", 0, last);
        sum += probability;
        last = probability;
    }
    expect(test, sum > 0.999 && sum < 1.001, "probabilities", "a sum of 1", "%g", sum);
    class = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(classes, 0), "name");
    expect(test, cJSON_IsString(class) && (strstr(class->valuestring, "boot") || strstr(class->valuestring, "Sneaker")),
           "the likeliest class", "a shoe", "%s", cJSON_IsString(class) ? class->valuestring : "nothing");
    cJSON_Delete(root);
}
#else /* written without a library, read by one */
static void test_json(struct loaders_test *test, const char *path)
{
    size_t bytes = 0;
    uint8_t *text = file_read(path, &bytes);
    expect(test, text && bytes > 100, path, "JSON", "%zu bytes", bytes);
    free(text);
}
#define test_result test_json
#define test_answers test_json
#endif

/* ---- training ---------------------------------------------------------------------------------------------------------------------- */

static void expect_same_file(struct loaders_test *test, const char *a, const char *b)
{
    size_t a_bytes = 0, b_bytes = 0;
    uint8_t *x = file_read(a, &a_bytes), *y = file_read(b, &b_bytes);
    expect(test, x && y && a_bytes == b_bytes && memcmp(x, y, a_bytes) == 0, a, "the same bytes as before it was stopped",
           "others");
    free(x);
    free(y);
}

/* Sends SIGINT as soon as the program has printed the sentence (NULL: any) and made the file (NULL: any). How far it is then depends on the
 * machine; each of them comes when signals are caught already. */
static void interrupt(struct loaders_test *test, const char *sentence, const char *file, const char *const *arguments)
{
    int status = 0;
    pid_t child = start(test, arguments), ended = 0;
    while (ended == 0 && ((sentence && !strstr(output(test), sentence)) || (file && !tuff_os_exists(file)))) {
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        ended = waitpid(child, &status, WNOHANG);
    }
    if (ended == 0) kill(child, SIGINT);
    status = ended == 0 ? wait_for(child) : exit_status(status);
    /* behind the training the signal ends the program at once, as any other */
    expect(test, status == 130 || status == 0 || status == 1000 + SIGINT, "interrupted", "status 130, or 0 when it was done",
           "status %d and \"%s\"", status, output(test));
}

static void test_training(struct loaders_test *test)
{
    char whole[500], parts[500], json[520], model[520], again[520], old[520];
    snprintf(whole, sizeof whole, "%s", scratch_path(test, "whole"));
    snprintf(parts, sizeof parts, "%s", scratch_path(test, "parts"));
    snprintf(json, sizeof json, "%s/result.json", whole);
    snprintf(model, sizeof model, "%s/model.tuff", whole);
    snprintf(again, sizeof again, "%s/model.tuff", parts);
    scratch_make_folder(test, "whole");
    RUN(0, "accuracy", TRAIN, "--quick", "--epochs", "2", "--data", DATA, "--out", whole, "--json", json);
    test_result(test, json);
    interrupt(test, "network", NULL, /* it compiles, or has begun */
              (const char *const[]){TRAIN, "--quick", "--epochs", "2", "--data", DATA, "--out", parts, NULL});
    snprintf(json, sizeof json, "%s/training.tuff", parts);
    bool saved = tuff_os_exists(json);
    const char *text = output(test);
    expect(test, saved != (strstr(text, "nothing is saved") != NULL), "interrupted early", "what is there", "\"%s\"", text);
    interrupt(test, NULL, json, /* the first epoch is done, or what was saved before is there */
              saved ? (const char *const[]){TRAIN, "--resume", "--out", parts, NULL}
                    : (const char *const[]){TRAIN, "--quick", "--epochs", "2", "--data", DATA, "--out", parts, NULL});
    RUN(0, "resumed", TRAIN, "--resume", "--out", parts);
    expect_same_file(test, model, again);
    snprintf(old, sizeof old, "%s/training.ckpt", parts); /* as earlier versions called it */
    expect(test, rename(json, old) == 0, "training.tuff", "a checkpoint", "none");
    RUN(0, "resumed", TRAIN, "--resume", "--out", parts);
    RUN(2, "--batch is 64 in the checkpoint, not 32", TRAIN, "--resume", "--out", parts, "--batch", "32");
}

/* Two models: the backbone is the same, bit for bit, and the last layer another. */
static void expect_same_backbone(struct loaders_test *test, const char *first, const char *second)
{
    struct tuff_saved *saved[2] = {NULL, NULL};
    struct tuff_error error = {0};
    struct tuff_array a, b;
    expect_status(test, "first", TUFF_OK, tuff_saved_open(test->context, first, &saved[0], &error), &error, NULL);
    expect_status(test, "second", TUFF_OK, tuff_saved_open(test->context, second, &saved[1], &error), &error, NULL);
    for (size_t i = 0; saved[0] && saved[1] && i < tuff_tensors_count(tuff_saved_tensors(saved[0])); i++) {
        a = tuff_tensors_get(tuff_saved_tensors(saved[0]), i);
        bool moves = strncmp(a.name, "out.", 4) == 0, found = tuff_tensors_find(tuff_saved_tensors(saved[1]), a.name, &b);
        bool same = found && a.bytes == b.bytes && memcmp(a.data, b.data, (size_t)a.bytes) == 0;
        expect(test, found && same != moves, a.name, moves ? "another" : "the same", "%s", same ? "the same" : "another");
    }
    tuff_saved_destroy(saved[0]);
    tuff_saved_destroy(saved[1]);
}

/* A model goes on as another one: the backbone stays as it is and the last layer learns. */
static void test_start(struct loaders_test *test)
{
    char first[500], out[500], second[520];
    snprintf(first, sizeof first, "%s", scratch_path(test, "whole/model.tuff"));
    snprintf(out, sizeof out, "%s", scratch_path(test, "tuned"));
    snprintf(second, sizeof second, "%s/model.tuff", out);
    RUN(0, "8 of 8 tensors", TRAIN, "--quick", "--data", DATA, "--start", first, "--backbone", "0", "--out", out);
    expect_same_backbone(test, first, second);
    RUN(2, "--start cannot be", TRAIN, "--quick", "--data", DATA, "--start", "", "--out", out);
    RUN(1, "is not of the network mlp", TRAIN, "--quick", "--data", DATA, "--start", first, "--arch", "mlp", "--force",
        "--out", out);
    RUN(2, "--start begins", TRAIN, "--resume", "--start", first, "--out", out);
}

/* Two classes of small pictures. */
static void write_few(struct loaders_test *test)
{
    enum { SIDE = 8, EACH = 20 };
    struct tuff_error error = {0};
    scratch_make_folder(test, "few");
    for (int i = 0; i < 2 * EACH; i++) {
        char path[64];
        uint8_t pixels[SIDE * SIDE];
        struct tuff_picture picture = {.width = SIDE, .height = SIDE, .channels = 1, .pixels = pixels};
        for (int p = 0; p < SIDE * SIDE; p++) pixels[p] = (uint8_t)((i % 2 ? p / SIDE : p % SIDE) * 30 + i);
        snprintf(path, sizeof path, "few/%s", i % 2 ? "rows" : "columns");
        if (i < 2) scratch_make_folder(test, path);
        snprintf(path, sizeof path, "few/%s/%d.png", i % 2 ? "rows" : "columns", i);
        expect_status(test, "a picture", TUFF_OK,
                      tuff_picture_write_png(test->context, scratch_path(test, path), &picture, &error), &error, NULL);
    }
}

/* Statistics of norms are of the backbone. */
static void test_start_norms(struct loaders_test *test)
{
    char data[500], out[500], first[520], tuned[500], second[520];
    write_few(test);
    snprintf(data, sizeof data, "%s", scratch_path(test, "few"));
    snprintf(out, sizeof out, "%s", scratch_path(test, "norms"));
    snprintf(first, sizeof first, "%s/model.tuff", out);
    snprintf(tuned, sizeof tuned, "%s", scratch_path(test, "norms_tuned"));
    snprintf(second, sizeof second, "%s/model.tuff", tuned);
    RUN(0, "accuracy", TRAIN, "--arch", "resnet", "--data", data, "--size", "8", "--channels", "1", "--epochs", "1", "--out",
        out);
    RUN(0, "tensors from", TRAIN, "--arch", "resnet", "--data", data, "--size", "8", "--channels", "1", "--epochs", "1",
        "--start", first, "--backbone", "0", "--out", tuned);
    expect_same_backbone(test, first, second);
}

/* ---- classifying -------------------------------------------------------------------------------------------------------------------- */

/* The first test picture, an ankle boot, as somebody would have it: larger, dark on white. */
static void write_picture(struct loaders_test *test, const char *path)
{
    enum { SIDE = 28, SCALE = 5 };
    static uint8_t pixels[SIDE * SCALE * SIDE * SCALE];
    struct tuff_dataset train = {0}, check = {0};
    struct tuff_error error = {0};
    struct tuff_picture picture = {.width = SIDE * SCALE, .height = SIDE * SCALE, .channels = 1, .pixels = pixels};
    expect_status(test, "data", TUFF_OK, tuff_dataset_read_idx(test->context, DATA, &train, &check, &error), &error, NULL);
    for (int i = 0; check.pictures && i < SIDE * SCALE * SIDE * SCALE; i++)
        pixels[i] = (uint8_t)(255 - check.pictures[i / (SIDE * SCALE) / SCALE * SIDE + i % (SIDE * SCALE) / SCALE]);
    expect_status(test, "a picture", TUFF_OK, tuff_picture_write_png(test->context, path, &picture, &error), &error, NULL);
    tuff_dataset_finish(test->context, &train);
    tuff_dataset_finish(test->context, &check);
}

static void test_classify(struct loaders_test *test)
{
    char model[500], picture[500], answers[500], sheet[500];
    struct tuff_picture drawn = {0};
    struct tuff_error error = {0};
    snprintf(model, sizeof model, "%s", scratch_path(test, "whole/model.tuff"));
    snprintf(picture, sizeof picture, "%s", scratch_path(test, "boot.png"));
    snprintf(answers, sizeof answers, "%s", scratch_path(test, "answers.json"));
    snprintf(sheet, sizeof sheet, "%s", scratch_path(test, "sheet.png"));
    write_picture(test, picture);
    RUN(0, "%", CLASSIFY, "--model", model, "--top", "10", "--json", answers, picture);
    test_answers(test, answers);
    RUN(1, "none.png", CLASSIFY, "--model", model, picture, "none.png");
    RUN(0, "of 20 test pictures", CLASSIFY, "--model", model, "--data", DATA, "--out", sheet);
    expect_status(test, "the sheet", TUFF_OK, tuff_picture_read(test->context, sheet, NULL, &drawn, &error), &error, NULL);
    expect(test, drawn.width > 600 && drawn.height > 600, "the sheet", "a large picture", "%u x %u", (unsigned)drawn.width,
           (unsigned)drawn.height);
    tuff_picture_finish(test->context, &drawn);
}

/* ---- what is wrong -------------------------------------------------------------------------------------------------------------------- */

static void test_wrong(struct loaders_test *test)
{
    char model[500];
    size_t bytes = 0;
    RUN(0, "--resume", TRAIN, "--help");
    RUN(0, tuff_version(), TRAIN, "--version");
    RUN(2, "--help", TRAIN, "--colour");
    RUN(2, "no network", TRAIN, "--data", DATA, "--arch", "transformer");
    RUN(2, "--batch cannot be", TRAIN, "--data", DATA, "--batch", "many");
    RUN(1, "no such folder", TRAIN, "--data", "no/such/folder", "--out", scratch_path(test, "wrong"));
    RUN(1, "no device", TRAIN, "--data", DATA, "--out", scratch_path(test, "wrong"), "--device", "abacus");
    RUN(0, "--top", CLASSIFY, "--help");
    RUN(2, "--model is missing", CLASSIFY, "x.png");
    RUN(2, "no pictures", CLASSIFY, "--model", "x.tuff");
    RUN(1, "x.tuff", CLASSIFY, "--model", "x.tuff", "x.png");
    snprintf(model, sizeof model, "%s", scratch_path(test, "whole/model.tuff"));
    uint8_t *file = file_read(model, &bytes);
    if (!file) return;
    file[bytes / 2] ^= 1;
    snprintf(model, sizeof model, "%s", scratch_write(test, "damaged.tuff", file, bytes));
    free(file);
    RUN(1, "damaged", CLASSIFY, "--model", model, "x.png");
}

static const char *missing(struct loaders_test *test)
{
    struct tuff_context *context = test->context;
    struct tuff_device *device = NULL;
    bool plain = tuff_os_exists(DATA "/train-images-idx3-ubyte");
#if !TUFF_HAVE_ZLIB
    if (!plain) return "this build has no zlib, and Fashion-MNIST at " DATA " is compressed";
#endif
    if (!plain && !tuff_os_exists(DATA "/train-images-idx3-ubyte.gz"))
        return "no Fashion-MNIST at " DATA " (package dataset-fashion-mnist)";
    if (!tuff_os_exists(TRAIN) || !tuff_os_exists(CLASSIFY)) return "the sample programs are not built";
    if (tuff_device_create(context, NULL, &device, NULL) == TUFF_ERR_NO_DEVICE) return "no Vulkan device";
    tuff_device_release(device);
    if (wait_for(start(test, (const char *const[]){INFO, NULL})))
        return "programs that a test starts find no driver (it reaches this process alone)";
    return NULL;
}

int main(void)
{
    struct loaders_test test;
    loaders_begin(&test, "train_quick");
    const char *why = missing(&test);
    if (why) {
        printf("SKIP: %s\n", why);
        loaders_end(&test);
        return 77;
    }
    test_training(&test);
    test_start(&test);
    test_start_norms(&test);
    test_classify(&test);
    test_wrong(&test);
    return loaders_end(&test);
}
#else
int main(void)
{
    printf("SKIP: starts programs as Unix does\n");
    return 77;
}
#endif
