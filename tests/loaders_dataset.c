/* loaders_dataset.c - data sets: the four IDX files, folders of class folders, and the sentences for what is wrong with them. */
#include "tests/loaders_support.h"

#include "backend/os.h"
#include "samples/data/data.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- IDX -------------------------------------------------------------------------------------------------------------- */

static void write_images(struct loaders_test *test, const char *name, uint8_t n, uint8_t h, uint8_t w)
{
    uint8_t file[16 + 2000] = {0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, h, 0, 0, 0, w};
    for (size_t i = 0; i < (size_t)n * h * w; i++) file[16 + i] = (uint8_t)(i * 3);
    scratch_write(test, name, file, 16 + (size_t)n * h * w);
}

static void write_labels(struct loaders_test *test, const char *name, uint8_t n, uint8_t last)
{
    uint8_t file[8 + 256] = {0, 0, 8, 1, 0, 0, 0, n};
    for (size_t i = 0; i < n; i++) file[8 + i] = (uint8_t)(i % 10);
    if (n) file[8 + n - 1] = last;
    scratch_write(test, name, file, 8 + (size_t)n);
}

static void write_all(struct loaders_test *test, const char *folder)
{
    char name[100];
    scratch_make_folder(test, folder);
    snprintf(name, sizeof name, "%s/train-images-idx3-ubyte", folder);
    write_images(test, name, 20, 4, 5);
    snprintf(name, sizeof name, "%s/train-labels-idx1-ubyte", folder);
    write_labels(test, name, 20, 9);
    snprintf(name, sizeof name, "%s/t10k-images.idx3-ubyte", folder);
    write_images(test, name, 3, 4, 5);
    snprintf(name, sizeof name, "%s/t10k-labels-idx1-ubyte", folder);
    write_labels(test, name, 3, 7);
}

static void expect_idx(struct loaders_test *test, const char *what, const char *folder, tuff_status wanted,
                       const char *sentence)
{
    struct tuff_dataset train = {0}, check = {0};
    struct tuff_error error = {0};
    expect_status(test, what, wanted,
                  tuff_dataset_read_idx(test->context, scratch_path(test, folder), &train, &check, &error), &error,
                  sentence);
    if (wanted != TUFF_OK) expect(test, train.count == 0 && check.count == 0, what, "untouched results", "changed ones");
    tuff_dataset_finish(test->context, &train);
    tuff_dataset_finish(test->context, &check);
}

static tuff_status read_idx(struct loaders_test *test, void *folder)
{
    struct tuff_dataset train = {0}, check = {0};
    tuff_status status = tuff_dataset_read_idx(test->context, folder, &train, &check, NULL);
    tuff_dataset_finish(test->context, &train);
    tuff_dataset_finish(test->context, &check);
    return status;
}

static void test_idx_good(struct loaders_test *test)
{
    struct tuff_dataset train = {0}, check = {0};
    struct tuff_error error = {0};
    write_all(test, "digits");
    expect_status(test, "digits", TUFF_OK,
                  tuff_dataset_read_idx(test->context, scratch_path(test, "digits"), &train, &check, &error), &error, NULL);
    expect_number(test, "pictures to train on", 20, (long long)train.count);
    expect_number(test, "pictures to test", 3, (long long)check.count);
    expect_number(test, "c, h, w", 145, train.channels * 100 + train.height * 10 + train.width);
    expect_number(test, "classes", 10, train.class_count);
    if (train.pictures) expect_number(test, "a pixel", (uint8_t)(399 * 3), train.pictures[399]);
    if (check.labels) expect_number(test, "the last label", 7, check.labels[2]);
    if (train.class_names) expect_text(test, "a class", "7", train.class_names[7]);
    tuff_dataset_finish(test->context, &train);
    tuff_dataset_finish(test->context, &check);
    write_all(test, "My-Fashion_set");
    expect_status(test, "fashion", TUFF_OK,
                  tuff_dataset_read_idx(test->context, scratch_path(test, "My-Fashion_set/"), &train, &check, &error),
                  &error, NULL);
    if (check.class_names) expect_text(test, "a class", "Ankle boot", check.class_names[9]);
    tuff_dataset_finish(test->context, &train);
    tuff_dataset_finish(test->context, &check);
    expect_survives_memory(test, "IDX data set, allocation fails", read_idx, (void *)scratch_path(test, "digits"));
}

/* As EMNIST: names with a prefix, "test" for "t10k", labels beyond 9, and a file that says which letters they are. */
static void test_idx_letters(struct loaders_test *test)
{
    struct tuff_dataset train = {0}, check = {0};
    struct tuff_error error = {0};
    const char mapping[] = "0 48\n36 97\n46 116\nno 1\n300 1\n7 10";
    scratch_make_folder(test, "letters");
    write_images(test, "letters/emnist-balanced-train-images-idx3-ubyte", 20, 4, 5);
    write_labels(test, "letters/emnist-balanced-train-labels-idx1-ubyte", 20, 46);
    write_images(test, "letters/emnist-balanced-test-images-idx3-ubyte", 3, 4, 5);
    write_labels(test, "letters/emnist-balanced-test-labels-idx1-ubyte", 3, 7);
    scratch_write(test, "letters/emnist-balanced-mapping.txt", mapping, sizeof mapping - 1);
    expect_status(test, "letters", TUFF_OK,
                  tuff_dataset_read_idx(test->context, scratch_path(test, "letters"), &train, &check, &error), &error, NULL);
    if (!train.class_names || !check.class_names) return;
    expect_number(test, "classes", 4747, train.class_count * 100 + check.class_count);
    expect_text(test, "a letter", "t", train.class_names[46]);
    expect_text(test, "a class without a letter", "45", check.class_names[45]);
    expect_text(test, "a control character", "7", check.class_names[7]);
    tuff_dataset_finish(test->context, &train);
    tuff_dataset_finish(test->context, &check);
    expect_survives_memory(test, "letters, allocation fails", read_idx, (void *)scratch_path(test, "letters"));
    write_images(test, "letters/emnist-digits-train-images-idx3-ubyte", 20, 4, 5);
    expect_idx(test, "two sets", "letters", TUFF_ERR_FORMAT, "holds several data sets (emnist-balanced-train");
    write_images(test, "letters/train-images-idx3-ubyte", 19, 4, 5);
    expect_idx(test, "one without prefix", "letters", TUFF_ERR_FORMAT, "20 labels for 19 pictures");
}

static void test_idx_bad(struct loaders_test *test)
{
    expect_idx(test, "no folder", "nowhere", TUFF_ERR_FILE, "no such folder");
    scratch_make_folder(test, "empty");
    expect_idx(test, "empty folder", "empty", TUFF_ERR_FILE, "holds neither train-images-idx3-ubyte");
    write_labels(test, "digits/train-labels-idx1-ubyte", 19, 0);
    expect_idx(test, "a label missing", "digits", TUFF_ERR_FORMAT, "19 labels for 20 pictures");
    write_images(test, "digits/train-labels-idx1-ubyte", 20, 1, 1);
    expect_idx(test, "pictures as labels", "digits", TUFF_ERR_FORMAT, "labels are U8 of rank 1");
    write_labels(test, "digits/train-labels-idx1-ubyte", 20, 0);
    write_images(test, "digits/t10k-images.idx3-ubyte", 3, 5, 4);
    expect_idx(test, "other sizes to test", "digits", TUFF_ERR_FORMAT, "those to test 1 x 5 x 4");
    write_images(test, "digits/t10k-images.idx3-ubyte", 0, 4, 5);
    expect_idx(test, "no pictures", "digits", TUFF_ERR_FORMAT, "holds no pictures");
    write_labels(test, "digits/train-images-idx3-ubyte", 20, 0);
    expect_idx(test, "labels as pictures", "digits", TUFF_ERR_FORMAT, "rank 3 or 4");
    scratch_write(test, "digits/train-images-idx3-ubyte", "garbage", 7);
    expect_idx(test, "garbage", "digits", TUFF_ERR_FORMAT, "train-images-idx3-ubyte: not an IDX file");
}

/* ---- folders ---------------------------------------------------------------------------------------------------------- */

#if TUFF_HAVE_PNG

enum { CATS = 40, DOGS = 30 };

/* Every picture of class c is of one grey, told by its number. */
static void write_picture(struct loaders_test *test, const char *folder, const char *class_name, int number)
{
    uint8_t pixels[6 * 4];
    char name[100];
    snprintf(name, sizeof name, "%s/%s/%03d.%s", folder, class_name, number, number % 2 ? "png" : "PNG");
    memset(pixels, number, sizeof pixels);
    struct tuff_picture picture = {6, 4, 1, pixels};
    struct tuff_error error = {0};
    expect_status(test, name, TUFF_OK, tuff_picture_write_png(test->context, scratch_path(test, name), &picture, &error),
                  &error, NULL);
}

static void write_folders(struct loaders_test *test, const char *folder)
{
    char name[100];
    const char *classes[] = {"dog", "cat", ".hidden"};
    for (int c = 0; c < 3; c++) {
        snprintf(name, sizeof name, "%s/%s", folder, classes[c]);
        scratch_make_folder(test, name);
        for (int i = 0; c < 2 && i < (c ? CATS : DOGS); i++) write_picture(test, folder, classes[c], c ? i : 100 + i);
    }
    snprintf(name, sizeof name, "%s/cat/notes.txt", folder);
    scratch_write(test, name, "not a picture", 13);
    snprintf(name, sizeof name, "%s/readme.png", folder);
    scratch_write(test, name, "not a class", 11);
}

static struct tuff_folder_params params_of(double fraction)
{
    return (struct tuff_folder_params){
        .struct_size = sizeof(struct tuff_folder_params),
        .fit = {.struct_size = sizeof(struct tuff_picture_fit_params), .channels = 3, .height = 8, .width = 8},
        .test_fraction = fraction};
}

/* Each picture lies in one of the sets, with its label, once. */
static void check_split(struct loaders_test *test, const struct tuff_dataset *train, const struct tuff_dataset *check)
{
    const struct tuff_dataset *sets[2] = {train, check};
    int seen[256] = {0}, wrong = 0;
    for (int s = 0; s < 2; s++)
        for (uint64_t i = 0; i < sets[s]->count; i++) {
            uint8_t number = sets[s]->pictures[i * 3 * 64];
            for (size_t k = 0; k < 3 * 64; k++) wrong += sets[s]->pictures[i * 3 * 64 + k] != number;
            wrong += sets[s]->labels[i] != (number >= 100);
            seen[number]++;
        }
    for (int i = 0; i < 256; i++) wrong += seen[i] != (i < CATS || (i >= 100 && i < 100 + DOGS));
    expect_number(test, "pictures with a wrong label, pixel or set", 0, wrong);
}

static void test_folder_good(struct loaders_test *test)
{
    struct tuff_error error = {0};
    uint64_t before = 0;
    write_folders(test, "pets");
    for (int step = 0; step <= 4; step++) {
        struct tuff_dataset train = {0}, check = {0};
        struct tuff_folder_params params = params_of(step * 0.25);
        expect_status(test, "pets", TUFF_OK,
                      tuff_dataset_read_folder(test->context, scratch_path(test, "pets"), &params, &train, &check, &error),
                      &error, NULL);
        expect_number(test, "both sets", CATS + DOGS, (long long)(train.count + check.count));
        if (train.count + check.count == CATS + DOGS) check_split(test, &train, &check);
        if (train.class_names) expect_text(test, "class 0", "cat", train.class_names[0]);
        if (check.class_names) expect_text(test, "class 1", "dog", check.class_names[1]);
        expect_number(test, "classes", 2, train.class_count);
        /* A class with nothing left to train on keeps everything: at fraction 1 all of them. */
        if (step == 0 || step == 4) expect_number(test, "test set", 0, (long long)check.count);
        if (step > 0 && step < 4) {
            expect(test, check.count > before, "test set", "one that grows", "%d after %d", (int)check.count, (int)before);
            /* Binomial: 70 draws, deviation at most 4.2; four of them. */
            expect(test, llabs((long long)check.count - 70 * step / 4) <= 17, "test set", "about the fraction", "%d",
                   (int)check.count);
        }
        before = check.count;
        tuff_dataset_finish(test->context, &train);
        tuff_dataset_finish(test->context, &check);
    }
}

struct watch {
    uint64_t calls, last, stop_at;
};

static bool report(void *user, const char *what, uint64_t done, uint64_t total)
{
    struct watch *watch = user;
    watch->calls++;
    watch->last = done;
    return what && total == CATS + DOGS && done != watch->stop_at;
}

static void expect_folder(struct loaders_test *test, const char *folder, const struct tuff_folder_params *params,
                          tuff_status wanted, const char *sentence)
{
    struct tuff_dataset train = {0}, check = {0};
    struct tuff_error error = {0};
    tuff_status status = tuff_dataset_read_folder(test->context, scratch_path(test, folder), params, &train, &check, &error);
    expect_status(test, sentence, wanted, status, &error, sentence);
    tuff_dataset_finish(test->context, &train);
    tuff_dataset_finish(test->context, &check);
}

static void test_progress(struct loaders_test *test)
{
    struct watch watch = {.stop_at = UINT64_MAX};
    struct tuff_folder_params params = params_of(0.3);
    params.progress = (struct tuff_progress){.report = report, .user = &watch};
    expect_folder(test, "pets", &params, TUFF_OK, "pets with progress");
    expect_number(test, "progress: calls", CATS + DOGS + 1, (long long)watch.calls);
    expect_number(test, "progress: last", CATS + DOGS, (long long)watch.last);
    watch.stop_at = 5;
    expect_folder(test, "pets", &params, TUFF_ERR_CANCELLED, "cancelled");
}

static void test_folder_bad(struct loaders_test *test)
{
    struct tuff_folder_params params = params_of(0.5);
    expect_folder(test, "nowhere", &params, TUFF_ERR_FILE, "no such folder");
    expect_folder(test, "pets/cat", &params, TUFF_ERR_FORMAT, "holds no folders");
    params.max_bytes = 1000;
    expect_folder(test, "pets", &params, TUFF_ERR_FORMAT, "more than the limit of 1000 bytes");
    params = params_of(1.5);
    expect_folder(test, "pets", &params, TUFF_ERR_USAGE, "test_fraction");
    params = params_of(0.5);
    params.fit.channels = 2;
    expect_folder(test, "pets", &params, TUFF_ERR_USAGE, "channels");
    scratch_write(test, "pets/dog/broken.jpg", "broken", 6);
    params = params_of(0.5);
    expect_folder(test, "pets", &params, TUFF_ERR_FORMAT, "pets/dog/broken.jpg: no PNG");
    params.skip_unreadable = true;
    struct tuff_folder_report counts = {.damaged = {.count = 7}};
    params.report = &counts;
    scratch_make_folder(test, "pets/dog/puppies");
    struct tuff_dataset train = {0}, check = {0};
    struct tuff_error error = {0};
    expect_status(test, "skipping", TUFF_OK,
                  tuff_dataset_read_folder(test->context, scratch_path(test, "pets"), &params, &train, &check, &error),
                  &error, NULL);
    expect_number(test, "skipped", 1, (long long)(train.skipped + check.skipped));
    static const char *const firsts[TUFF_LEFT_OUT_REASONS] = {[TUFF_LEFT_OUT_UNREADABLE] = NULL,
                                                              [TUFF_LEFT_OUT_ENDING] = "cat/notes.txt",
                                                              [TUFF_LEFT_OUT_HIDDEN] = ".hidden",
                                                              [TUFF_LEFT_OUT_NESTED] = "dog/puppies",
                                                              [TUFF_LEFT_OUT_BESIDE] = "readme.png"};
    for (int i = 0; i < TUFF_LEFT_OUT_REASONS; i++) {
        const char *name = tuff_left_out_name((enum tuff_left_out)i);
        expect_number(test, name, 1, (long long)counts.left_out[i].count);
        if (firsts[i]) expect_text(test, name, firsts[i], counts.left_out[i].first);
    }
    expect(test, strstr(counts.left_out[0].first, "broken.jpg: no PNG") != NULL, "unreadable", "the sentence", "%s",
           counts.left_out[0].first);
    expect_number(test, "damaged", 0, (long long)counts.damaged.count);
    expect(test, !tuff_left_out_name(TUFF_LEFT_OUT_REASONS), "a reason too many", "no name", "one");
    if (train.count + check.count == CATS + DOGS) check_split(test, &train, &check);
    tuff_dataset_finish(test->context, &train);
    tuff_dataset_finish(test->context, &check);
    scratch_make_folder(test, "pets/owl");
    expect_folder(test, "pets", &params, TUFF_ERR_FORMAT, "owl: a class folder without");
    scratch_make_folder(test, "bad/only");
    scratch_write(test, "bad/only/a.png", "broken", 6);
    expect_folder(test, "bad", &params, TUFF_ERR_FORMAT, "none of its 1 pictures");
}

/* All pictures to test are broken: nothing is left in that set, and nothing of it stays allocated. */
static void test_nothing_to_test(struct loaders_test *test)
{
    struct tuff_dataset train = {0}, check = {0};
    struct tuff_error error = {0};
    struct tuff_folder_params params = params_of(0.2);
    char name[100];
    params.skip_unreadable = true;
    scratch_make_folder(test, "odd/a");
    for (int i = 0; i < 30; i++) write_picture(test, "odd", "a", i);
    for (int round = 0; round < 2; round++) {
        expect_status(test, "odd", TUFF_OK,
                      tuff_dataset_read_folder(test->context, scratch_path(test, "odd"), &params, &train, &check, &error),
                      &error, NULL);
        if (round == 0)
            expect(test, check.count > 0 && train.count > 0, "odd", "pictures in both sets", "%d to test", (int)check.count);
        if (round == 1)
            expect(test, check.count == 0 && !check.pictures && check.skipped > 0, "odd", "no pictures to test", "%d",
                   (int)check.count);
        for (uint64_t i = 0; i < check.count; i++) {
            int number = check.pictures[i * 3 * 64];
            snprintf(name, sizeof name, "odd/a/%03d.%s", number, number % 2 ? "png" : "PNG");
            scratch_write(test, name, "broken", 6);
        }
        tuff_dataset_finish(test->context, &train);
        tuff_dataset_finish(test->context, &check);
    }
}

static tuff_status read_folder(struct loaders_test *test, void *folder)
{
    struct tuff_dataset train = {0}, check = {0};
    struct tuff_folder_params params = params_of(0.5);
    params.skip_unreadable = true; /* out of memory must not pass for an unreadable picture */
    tuff_status status = tuff_dataset_read_folder(test->context, folder, &params, &train, &check, NULL);
    tuff_dataset_finish(test->context, &train);
    tuff_dataset_finish(test->context, &check);
    return status;
}

static void test_folders(struct loaders_test *test)
{
    test_folder_good(test);
    test_progress(test);
    test_folder_bad(test);
    test_nothing_to_test(test);
    scratch_make_folder(test, "few/a");
    scratch_make_folder(test, "few/b");
    for (int i = 0; i < 3; i++) write_picture(test, "few", i ? "a" : "b", i);
    expect_survives_memory(test, "folder, allocation fails", read_folder, (void *)scratch_path(test, "few"));
}
#else
static void test_folders(struct loaders_test *test) { (void)test; }
#endif

int main(void)
{
    struct loaders_test test;
    loaders_begin(&test, "loaders_dataset");
    test_idx_good(&test);
    test_idx_letters(&test);
    test_idx_bad(&test);
    test_folders(&test);
    return loaders_end(&test);
}
