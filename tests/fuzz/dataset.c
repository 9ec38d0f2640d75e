/* dataset.c - any bytes as files in folders, read as data sets: of class folders, or of the four files of MNIST.
 *   a file: bytes of its name, name, bytes of its content (2 bytes, little endian), content; in names '/' parts folders */
#define _POSIX_C_SOURCE 200809L
#include "samples/data/data.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 12 };

/* Names that lead out of the folder, or that the system does not take, make no file. */
static void write_file(const char *root, const char *name, const uint8_t *data, size_t bytes)
{
    char path[600];
    if (name[0] == 0 || name[0] == '/' || strstr(name, "..") || strstr(name, "//")) return;
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = 0;
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0) return;
    if (write(file, data, bytes) != (ssize_t)bytes) abort();
    close(file);
}

static void make_files(const char *root, const uint8_t *data, size_t size)
{
    for (int i = 0; i < FILES && size > 3; i++) {
        char name[256] = "";
        size_t length = data[0], bytes = 0;
        if (size < length + 3) return;
        memcpy(name, data + 1, length);
        bytes = (size_t)(data[length + 1] | data[length + 2] << 8);
        data += length + 3;
        size -= length + 3;
        if (bytes > size) bytes = size;
        write_file(root, name, data, bytes);
        data += bytes;
        size -= bytes;
    }
}

static void check(struct tuff_context *context, struct tuff_dataset *set)
{
    uint64_t each = (uint64_t)set->channels * set->height * set->width;
    for (uint32_t i = 0; i < set->class_count; i++) fuzz_touch(set->class_names[i], strlen(set->class_names[i]));
    for (uint64_t i = 0; i < set->count; i++)
        FUZZ_REQUIRE(set->labels[i] >= 0 && (uint32_t)set->labels[i] < set->class_count);
    if (set->count) fuzz_touch(set->pictures, (size_t)(set->count * each));
    tuff_dataset_finish(context, set);
}

static void read_folder(struct tuff_context *context, const char *folder, size_t size)
{
    struct tuff_folder_report report;
    struct tuff_folder_params params = {
        .struct_size = sizeof params,
        .fit = {.struct_size = sizeof params.fit, .channels = size % 3 ? 1 : 3, .height = 3, .width = 4},
        .test_fraction = size / 4 % 2 ? 0.5 : 0,
        .skip_unreadable = size / 8 % 2,
        .max_bytes = size / 16 % 4 ? 0 : 20,
        .report = &report};
    struct tuff_dataset train = {0}, test = {0};
    struct tuff_error error = {0};
    if (!fuzz_read(context, tuff_dataset_read_folder(context, folder, &params, &train, &test, &error), &error)) return;
    for (int i = 0; i < TUFF_LEFT_OUT_REASONS; i++) FUZZ_REQUIRE(fuzz_is_shown(report.left_out[i].first));
    FUZZ_REQUIRE(fuzz_is_shown(report.damaged.first) && train.count > 0);
    check(context, &train);
    check(context, &test);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char root[200];
    char folder[220];
    if (!root[0])
        fuzz_folder_make(root, sizeof root);
    else
        fuzz_folder_clear(root);
    snprintf(folder, sizeof folder, "%s/%s", root, size / 2 % 2 ? "Fashion" : "set");
    if (size && mkdir(folder, 0700) != 0) abort();
    make_files(folder, data, size);
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_dataset train = {0}, test = {0};
    struct tuff_error error = {0};
    if (size % 2) {
        read_folder(context, folder, size);
    } else if (fuzz_read(context, tuff_dataset_read_idx(context, folder, &train, &test, &error), &error)) {
        check(context, &train);
        check(context, &test);
    }
    fuzz_end(context);
    return 0;
}
