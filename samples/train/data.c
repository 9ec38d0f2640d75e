/* data.c - reads the data set: IDX files as of MNIST, an .npz, a folder of class folders, or one of train/, test/, val/ with such folders. */
#include "program.h"
#include "text.h"
#include "train.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

static tuff_status read_classes(struct tuff_context *context, const struct options *options, struct data *data,
                                const char *folder, double test_share, struct tuff_folder_report *report,
                                struct tuff_dataset *train, struct tuff_dataset *test, struct tuff_error *error)
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
        .test_fraction = test_share,
        .skip_unreadable = options->skip_damaged,
        .report = report,
        .progress = {.report = on_picture, .user = &display},
    };
    tuff_status status = tuff_dataset_read_folder(context, folder, &params, train, test, error);
    display_clear(&display);
    char file[sizeof error->message]; /* that the sentence begins with, where it is about one picture */
    size_t length = strlen(error->message);
    const char *end = strstr(error->message, ": ");
    snprintf(file, sizeof file, "%.*s", end ? (int)(end - error->message) : 0, error->message);
    if (status == TUFF_ERR_FORMAT && !options->skip_damaged && program_is_file(file))
        snprintf(error->message + length, sizeof error->message - length, " (--skip-damaged leaves such pictures out)");
    return status;
}

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* Class folders stand in it, and not pictures. */
static bool holds_folders(const char *path)
{
    char below[2400];
    bool found = false;
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && !found && (entry = readdir(folder));) {
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        found = entry->d_name[0] != '.' && is_folder(below);
    }
    if (folder) closedir(folder);
    return found;
}

/* ---- train/, test/, val/ ----------------------------------------------------------------------------------------------------------- */

enum { TRAINING, TESTING, VALIDATION, PARTS };
static const char *const part_names[PARTS][3] = {{"train", "training"}, {"test", "testing"}, {"val", "valid", "validation"}};

/* Which part a folder of this name is, in any case of its letters: Train, TEST. PARTS: none. */
static int part_of_name(const char *name)
{
    char lower[16] = "";
    for (size_t i = 0; name[i] && i + 1 < sizeof lower; i++)
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + ('a' - 'A') : name[i]);
    for (int part = 0; part < PARTS; part++)
        for (int i = 0; i < 3 && part_names[part][i] && strlen(name) < sizeof lower; i++)
            if (strcmp(part_names[part][i], lower) == 0) return part;
    return PARTS;
}

struct parts {
    char paths[PARTS][1300]; /* "": there is none with class folders */
    uint64_t beside;         /* what else there is, and is not read */
    char first[300];         /* of them */
};

/* Of several folders of a part the first by name. */
static void find_parts(const char *path, struct parts *parts)
{
    char below[1300];
    DIR *folder = opendir(path);
    *parts = (struct parts){.beside = 0};
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        int part = part_of_name(entry->d_name);
        char *known = part < PARTS ? parts->paths[part] : below;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        bool is_part = part < PARTS && holds_folders(below);
        if (is_part && (!known[0] || strcmp(below, known) < 0)) {
            memcpy(known, below, sizeof below);
        } else if (entry->d_name[0] != '.') {
            if (!parts->beside++) tuff_printable(entry->d_name, parts->first, sizeof parts->first);
        }
    }
    if (folder) closedir(folder);
}

/* train/ and test/ without class folders in them would be taken for two classes. */
static tuff_status refuse_parts(const struct options *options, const struct tuff_dataset *train, struct tuff_error *error)
{
    uint32_t parts = 0;
    bool training = false;
    for (uint32_t i = 0; i < train->class_count; i++) {
        int part = part_of_name(train->class_names[i]);
        parts += part < PARTS;
        training = training || part == TRAINING;
    }
    if (!training || parts < train->class_count) return TUFF_OK;
    return refuse(error, TUFF_ERR_FORMAT,
                  "%.300s: \"%s\" holds pictures, but no folders of classes: each class is a folder of its pictures in it",
                  options->data, train->class_names[train->class_count - 1]);
}

/* A set that has a folder of its own: its classes are among those of the training set, and get their numbers. */
static tuff_status read_part(struct tuff_context *context, const struct options *options, struct data *data,
                             const char *folder, struct tuff_folder_report *report, struct tuff_dataset *set,
                             struct tuff_error *error)
{
    const struct tuff_dataset *train = &data->train;
    struct tuff_dataset none = {0};
    tuff_status status = read_classes(context, options, data, folder, 0, report, set, &none, error);
    tuff_dataset_finish(context, &none);
    for (uint64_t i = 0; status == TUFF_OK && i < set->count; i++) {
        const char *name = set->class_names[set->labels[i]];
        uint32_t label = 0;
        while (label < train->class_count && strcmp(train->class_names[label], name)) label++;
        if (label == train->class_count) {
            return refuse(error, TUFF_ERR_FORMAT, "%.300s: has a class \"%.100s\" that the training set lacks", folder,
                          name);
        }
        set->labels[i] = (int32_t)label;
    }
    return status;
}

static tuff_status read_folder(struct tuff_context *context, const struct options *options, struct data *data,
                               struct tuff_error *error)
{
    struct parts parts;
    find_parts(options->data, &parts);
    const char *train = parts.paths[TRAINING], *test = train[0] ? parts.paths[TESTING] : "",
               *validation = train[0] ? parts.paths[VALIDATION] : "";
    tuff_status status = read_classes(context, options, data, train[0] ? train : options->data, test[0] ? 0 : options->test,
                                      &data->reports[0], &data->train, &data->test, error);
    if (train[0]) {
        data->beside = parts.beside;
        memcpy(data->first_beside, parts.first, sizeof parts.first);
    } else if (status == TUFF_OK) {
        status = refuse_parts(options, &data->train, error);
    }
    if (status == TUFF_OK && test[0]) {
        tuff_dataset_finish(context, &data->test);
        status = read_part(context, options, data, test, &data->reports[1], &data->test, error);
    }
    if (status == TUFF_OK && validation[0])
        status = read_part(context, options, data, validation, &data->reports[2], &data->validation, error);
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

/* MNIST's four files, or at least the first of them, perhaps with a prefix as EMNIST's. */
static bool is_idx(const char *path)
{
    bool found = false;
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && !found && (entry = readdir(folder));) {
        const char *images = strstr(entry->d_name, "train-images");
        found = images && strstr(images, "idx3-ubyte");
    }
    if (folder) closedir(folder);
    return found;
}

/* ---- .npz -------------------------------------------------------------------------------------------------------------------------- */

static bool is_npz(const char *path)
{
    const size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".npz") == 0;
}

/* Members that hold pictures and labels to train on, to test, to validate: as of Keras, of MedMNIST, and short. */
static const char *const members[][PARTS][2] = {
    {{"x_train", "y_train"}, {"x_test", "y_test"}, {"x_val", "y_val"}},
    {{"train_images", "train_labels"}, {"test_images", "test_labels"}, {"val_images", "val_labels"}},
    {{"images", "labels"}, {"test_images", "test_labels"}, {"val_images", "val_labels"}},
    {{"x", "y"}, {"x_test", "y_test"}, {"x_val", "y_val"}},
};

/* Labels of one i32 each, classes called by their numbers; what a set before this has of them is kept. All of it is the program's own. */
static tuff_status take_labels(struct tuff_context *context, const struct tuff_array *array, uint32_t classes,
                               struct tuff_dataset *set, struct tuff_error *error)
{
    enum { MOST = 65536, NUMBER = 12 };
    const struct tuff_field field[TUFF_MODEL_FIELDS] = {TUFF_LABELS("labels")};
    struct tuff_columns columns = {.data = {.count = 0}};
    const uint32_t most = classes ? classes : MOST;
    tuff_status status = tuff_columns_take(context, field, array, &columns, error);
    if (status == TUFF_OK && columns.data.count != set->count)
        status = refuse(error, TUFF_ERR_FORMAT, "%llu labels \"%s\" for %llu pictures",
                        (unsigned long long)columns.data.count, array->name, (unsigned long long)set->count);
    if (status == TUFF_OK && !(set->labels = malloc(set->count * sizeof *set->labels)))
        status = refuse(error, TUFF_ERR_MEMORY, "out of host memory");
    for (uint64_t i = 0; i < set->count && status == TUFF_OK; i++) {
        const int32_t label = set->labels[i] = ((const int32_t *)columns.data.fields[0])[i];
        if (label < 0 || (uint32_t)label >= most)
            status = refuse(error, TUFF_ERR_FORMAT, "the label %d of picture %llu in \"%s\" is not one of %u classes",
                            (int)label, (unsigned long long)i, array->name, (unsigned)most);
        else if ((uint32_t)label >= classes)
            classes = (uint32_t)label + 1;
    }
    tuff_columns_finish(context, &columns);
    if (status != TUFF_OK) return status;
    set->class_count = classes;
    set->class_names = malloc(classes * (sizeof *set->class_names + NUMBER));
    if (!set->class_names) return refuse(error, TUFF_ERR_MEMORY, "out of host memory");
    for (uint32_t i = 0; i < classes; i++) {
        char *name = (char *)(set->class_names + classes) + (size_t)i * NUMBER;
        snprintf(name, NUMBER, "%u", (unsigned)i);
        set->class_names[i] = name;
    }
    return TUFF_OK;
}

static bool channels_at(const struct tuff_array *a, uint32_t axis)
{
    return a->dim[axis] == 1 || a->dim[axis] == 3 || a->dim[axis] == 4;
}

/* u8 [n, h, w], [n, c, h, w] or [n, h, w, c]: the last where that alone has a number of channels. */
static tuff_status take_pictures(const struct tuff_array *a, struct tuff_dataset *set, struct tuff_error *error)
{
    const bool last = a->rank == 4 && !channels_at(a, 1) && channels_at(a, 3);
    const uint64_t *size = a->dim + (a->rank == 4 && !last ? 2 : 1);
    if (a->element != TUFF_ELEMENT_U8 || a->rank < 3 || a->rank > 4 || !a->bytes || size[0] > 32768 || size[1] > 32768)
        return refuse(
            error, TUFF_ERR_FORMAT,
            "the pictures \"%s\" are %s of rank %u; they can be U8 [count, height, width], or with channels before the "
            "height or behind the width",
            a->name, tuff_element_name(a->element), (unsigned)a->rank);
    set->count = a->dim[0];
    set->channels = a->rank == 3 ? 1 : (uint32_t)a->dim[last ? 3 : 1];
    set->height = (uint32_t)size[0];
    set->width = (uint32_t)size[1];
    if (!(set->pictures = malloc((size_t)a->bytes))) return refuse(error, TUFF_ERR_MEMORY, "out of host memory");
    const size_t pixels = (size_t)set->height * set->width, channels = set->channels;
    const uint8_t *from = a->data;
    if (!last) memcpy(set->pictures, from, (size_t)a->bytes);
    for (uint64_t n = 0; last && n < set->count; n++)
        for (size_t c = 0; c < channels; c++)
            for (size_t p = 0; p < pixels; p++)
                set->pictures[(n * channels + c) * pixels + p] = from[(n * pixels + p) * channels + c];
    return TUFF_OK;
}

static tuff_status read_npz(struct tuff_context *context, const char *path, struct data *data, struct tuff_error *error)
{
    struct tuff_dataset *sets[PARTS] = {&data->train, &data->test, &data->validation}, *train = &data->train;
    struct tuff_tensors *file = NULL;
    struct tuff_array x, y;
    size_t row = 0, rows = sizeof members / sizeof members[0];
    tuff_status status = tuff_numpy_open(context, path, 0, &file, error);
    if (status != TUFF_OK) return status;
    data->own = true;
    while (row < rows && !tuff_tensors_find(file, members[row][TRAINING][0], &x)) row++;
    if (row == rows)
        status = refuse(error, TUFF_ERR_FORMAT,
                        "%.300s: holds no pictures called x_train, train_images, images or x (and labels y_train, ..)",
                        path);
    for (int part = 0; part < PARTS && status == TUFF_OK; part++) {
        const char *const *names = members[row][part];
        if (!tuff_tensors_find(file, names[0], &x)) continue;
        if (!tuff_tensors_find(file, names[1], &y))
            status = refuse(error, TUFF_ERR_FORMAT, "%.300s: holds %s, but no %s", path, names[0], names[1]);
        if (status == TUFF_OK) status = take_pictures(&x, sets[part], error);
        if (status == TUFF_OK) status = take_labels(context, &y, train->class_count, sets[part], error);
        if (status == TUFF_OK && (sets[part]->channels != train->channels || sets[part]->height != train->height ||
                                  sets[part]->width != train->width))
            status = refuse(error, TUFF_ERR_FORMAT, "%.300s: the pictures %s and %s differ in size", path,
                            members[row][TRAINING][0], names[0]);
    }
    tuff_tensors_destroy(file);
    return status;
}

void data_finish(struct tuff_context *context, struct data *data)
{
    struct tuff_dataset *sets[PARTS] = {&data->train, &data->test, &data->validation};
    for (int part = 0; part < PARTS; part++) {
        struct tuff_dataset *set = sets[part];
        if (data->own) {
            free(set->pictures);
            free(set->labels);
            free(set->class_names);
            *set = (struct tuff_dataset){0};
        }
        tuff_dataset_finish(context, set);
    }
}

/* ---- what no network can learn from ------------------------------------------------------------------------------------------------ */

static bool is_name(const char *name)
{
    const char *c = name;
    while ((unsigned char)*c >= 0x20 && *c != 0x7f) c++;
    return name[0] && !*c && text_is_utf8(name);
}

static tuff_status check(const struct options *options, const struct data *data, struct tuff_error *error)
{
    const struct tuff_dataset *train = &data->train;
    uint64_t same = 0;
    if (train->channels != 1 && train->channels != 3)
        return refuse(error, TUFF_ERR_FORMAT, "%.300s: pictures have %u channels; grey ones have 1, coloured ones 3",
                      options->data, (unsigned)train->channels);
    for (uint32_t i = 0; i < train->class_count; i++)
        if (!is_name(train->class_names[i]))
            return refuse(
                error, TUFF_ERR_FORMAT,
                "%.200s: the name of class %u of %u is not UTF-8 or holds control characters, which no model file may "
                "hold; rename its folder",
                options->data, (unsigned)i + 1, (unsigned)train->class_count);
    while (same < train->count && train->labels[same] == train->labels[0]) same++;
    uint64_t trained = train->count - (uint64_t)((double)train->count * (data->validation.count ? 0 : options->validation));
    if (same < train->count && trained < 2)
        return refuse(error, TUFF_ERR_FORMAT,
                      "%.300s: leaves one picture to train on, and it takes two to tell them apart; a smaller --validation "
                      "leaves more",
                      options->data);
    if (same < train->count) return TUFF_OK;
    return refuse(error, TUFF_ERR_FORMAT,
                  "%.200s: all pictures to train on are of one class (\"%.100s\"); it takes two to tell them apart",
                  options->data, train->class_names[train->labels[0]]);
}

tuff_status data_read(struct tuff_context *context, const struct options *options, struct data *data,
                      struct tuff_error *error)
{
    static const char *const fits[] = {"stretch", "pad", "crop"}, *const inverts[] = {"never", "always"};
    tuff_status status;
    bool arrays = is_npz(options->data) || is_idx(options->data);
    if (arrays && options->of_folders)
        return refuse(error, TUFF_ERR_USAGE, "--%s is for class folders; the pictures of %.300s are what they are",
                      options->of_folders, options->data);
    if (arrays) { /* one's own pictures will be made to look like these: light on dark */
        status = is_npz(options->data) ? read_npz(context, options->data, data, error)
                                       : tuff_dataset_read_idx(context, options->data, &data->train, &data->test, error);
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
    if (status == TUFF_OK) status = check(options, data, error);
    if (status != TUFF_OK) return status;
    if (options->quick) thin_out(&data->train, 6400);
    measure(data);
    return TUFF_OK;
}

static void print_report(const struct tuff_folder_report *report)
{
    for (int i = 0; i < TUFF_LEFT_OUT_REASONS; i++)
        if (report->left_out[i].count)
            printf("         left out: %llu that %s (first: %s)\n", (unsigned long long)report->left_out[i].count,
                   tuff_left_out_name((enum tuff_left_out)i), report->left_out[i].first);
    if (report->damaged.count)
        printf("         damaged, read as far as they go: %llu (first: %s)\n", (unsigned long long)report->damaged.count,
               report->damaged.first);
}

/* Classes that a network hardly learns: of labels that the file skips, of pictures that cannot be read, of a damaged file of labels. */
static void print_classes(const struct tuff_dataset *train)
{
    uint64_t *counts = calloc(train->class_count, sizeof *counts);
    uint32_t none = 0, few = 0, first[2] = {0};
    if (!counts) return;
    for (uint64_t i = 0; i < train->count; i++) counts[train->labels[i]]++;
    for (uint32_t i = train->class_count; i-- > 0;)
        if (!counts[i]) none++, first[0] = i;
    for (uint32_t i = train->class_count; i-- > 0;)
        if (counts[i] && counts[i] * 100 < train->count / (train->class_count - none)) few++, first[1] = i;
    if (none)
        printf("         classes without a picture to train on: %u of %u (first: %s)\n", (unsigned)none,
               (unsigned)train->class_count, SHOWN(train->class_names[first[0]]));
    if (few)
        printf("         classes with less than a hundredth of the others' pictures: %u (first: %s, %llu of %llu)\n",
               (unsigned)few, SHOWN(train->class_names[first[1]]), (unsigned long long)counts[first[1]],
               (unsigned long long)train->count);
    free(counts);
}

void data_print_report(const struct data *data)
{
    for (int i = 0; i < 3; i++) print_report(&data->reports[i]);
    if (data->beside)
        printf("         left out: %llu beside the folder to train on (first: %s)\n", (unsigned long long)data->beside,
               data->first_beside);
    if (data->train.count) print_classes(&data->train);
}

struct tuff_data data_view(const struct tuff_dataset *dataset)
{
    return (struct tuff_data){.count = dataset->count, .fields = {dataset->pictures, dataset->labels}};
}
