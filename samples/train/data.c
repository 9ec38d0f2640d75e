/* data.c - reads the data set: IDX files as of MNIST, or a folder of class folders. */
#include "train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static uint32_t index_of(const char *name, const char *const *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) return i;
    return 0; /* options.c has checked it */
}

static bool on_picture(void *user, const char *what, uint64_t done, uint64_t total)
{
    struct display *display = user;
    display_compile(display, what, done, total);
    return true;
}

static tuff_status read_folder(struct tuff_context *context, const struct options *options, struct data *data,
                               struct tuff_error *error)
{
    const struct tuff_preprocess *p = &data->preprocess;
    struct display display;
    display_init(&display);
    struct tuff_folder_params params = {
        .struct_size = sizeof params,
        .fit = {.struct_size = sizeof params.fit,
                .channels = p->channels,
                .height = p->height,
                .width = p->width,
                .mode = p->mode,
                .filter = p->filter,
                .invert = p->invert == TUFF_INVERT_ALWAYS,
                .padding = (uint8_t)(p->invert == TUFF_INVERT_ALWAYS ? 255 - p->ground : p->ground)},
        .test_fraction = options->test,
        .skip_unreadable = options->skip_damaged,
        .report = &data->report,
        .progress = {.report = on_picture, .user = &display},
    };
    tuff_status status = tuff_dataset_read_folder(context, options->data, &params, &data->train, &data->test, error);
    display_clear(&display);
    return status;
}

/* --quick: every k-th picture, so that all classes stay. */
static void thin_out(struct tuff_dataset *dataset, uint64_t most)
{
    size_t bytes = (size_t)dataset->channels * dataset->height * dataset->width;
    if (dataset->count <= most) return;
    for (uint64_t i = 0; i < most; i++) {
        uint64_t from = i * dataset->count / most;
        memmove(dataset->pictures + i * bytes, dataset->pictures + from * bytes, bytes);
        dataset->labels[i] = dataset->labels[from];
    }
    dataset->count = most;
}

static void measure(struct data *data)
{
    uint64_t histogram[256] = {0}, count = data->train.count * data->train.channels * data->train.height * data->train.width;
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < count; i++) histogram[data->train.pictures[i]]++;
    for (int v = 0; v < 256; v++) sum += v * (double)histogram[v], squares += (double)v * v * (double)histogram[v];
    data->mean = sum / (double)count;
    data->deviation = sqrt(squares / (double)count - data->mean * data->mean);
    if (!(data->deviation > 1)) data->deviation = 1; /* all pictures are the same */
}

/* MNIST's four files, or at least the first of them. */
static bool is_idx(const char *folder)
{
    static const char *const names[] = {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "train-images.idx3-ubyte",
                                        "train-images.idx3-ubyte.gz"};
    char path[1200];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        struct stat about;
        if (stat(path, &about) == 0) return true;
    }
    return false;
}

tuff_status data_read(struct tuff_context *context, const struct options *options, struct data *data,
                      struct tuff_error *error)
{
    static const char *const fits[] = {"stretch", "pad", "crop"}, *const inverts[] = {"never", "always"};
    tuff_status status;
    if (is_idx(options->data)) { /* one's own pictures will be made to look like these: light on dark */
        status = tuff_dataset_read_idx(context, options->data, &data->train, &data->test, error);
        data->preprocess = (struct tuff_preprocess){.channels = data->train.channels,
                                                    .height = data->train.height,
                                                    .width = data->train.width,
                                                    .mode = TUFF_FIT_PAD,
                                                    .filter = TUFF_FILTER_AREA,
                                                    .invert = TUFF_INVERT_LIGHT};
    } else {
        data->preprocess = (struct tuff_preprocess){.channels = options->channels,
                                                    .height = options->size,
                                                    .width = options->size,
                                                    .mode = (enum tuff_fit)index_of(options->fit, fits, 3),
                                                    .filter = TUFF_FILTER_AREA,
                                                    .invert = (enum tuff_invert)index_of(options->invert, inverts, 2)};
        status = read_folder(context, options, data, error);
    }
    if (status != TUFF_OK) return status;
    if (options->quick) thin_out(&data->train, 6400);
    measure(data);
    return TUFF_OK;
}

void data_print_report(const struct data *data)
{
    const struct tuff_folder_report *report = &data->report;
    for (int i = 0; i < TUFF_LEFT_OUT_REASONS; i++)
        if (report->left_out[i].count)
            printf("         left out: %llu that %s (first: %s)\n", (unsigned long long)report->left_out[i].count,
                   tuff_left_out_name((enum tuff_left_out)i), report->left_out[i].first);
    if (report->damaged.count)
        printf("         damaged, read as far as they go: %llu (first: %s)\n", (unsigned long long)report->damaged.count,
               report->damaged.first);
}

struct tuff_data data_view(const struct tuff_dataset *dataset)
{
    return (struct tuff_data){.count = dataset->count, .x = dataset->pictures, .labels = dataset->labels};
}
