/* feed.c - samples for a network: pictures, IDX files, or numpy's arrays, one after the other. */
#include "quantize.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tuff_status no_memory(struct tuff_error *error) { return refuse(error, TUFF_ERR_MEMORY, "out of memory"); }

/* ---- shapes ------------------------------------------------------------------------------------------------------------------------------ */

/* NAME=SIZES, or SIZES of the only input. */
static tuff_status bind_shape(struct feed *f, const char *text, struct tuff_error *error)
{
    const char *equal = strrchr(text, '='), *at = equal ? equal + 1 : text;
    struct tuff_onnx_end *in = !equal && f->input_count == 1 ? f->inputs : NULL;
    int64_t dim[TUFF_FILE_RANK];
    int32_t rank = 0;
    for (uint32_t i = 0; equal && i < f->input_count; i++)
        if (strlen(f->inputs[i].name) == (size_t)(equal - text) && !strncmp(f->inputs[i].name, text, (size_t)(equal - text)))
            in = &f->inputs[i];
    if (!in) return refuse(error, TUFF_ERR_USAGE, "--shape %.200s: the model has no such input", text);
    while (*at) {
        char *end = NULL;
        dim[rank++] = isdigit((unsigned char)*at) ? strtoll(at, &end, 10) : 0;
        if (dim[rank - 1] < 1 || dim[rank - 1] > INT32_MAX || (*end && *end != ',') || (*end && rank == TUFF_FILE_RANK))
            return refuse(error, TUFF_ERR_USAGE, "--shape %.200s: is no list of sizes", text);
        at = end + (*end == ',');
    }
    bool fits = rank && (in->rank < 0 || in->rank == rank);
    for (int32_t d = 0; fits && in->rank >= 0 && d < rank; d++) fits = in->dim[d] < 0 || in->dim[d] == dim[d];
    if (!fits) return refuse(error, TUFF_ERR_USAGE, "--shape %.200s: the model says other sizes", text);
    in->rank = rank;
    memcpy(in->dim, dim, sizeof dim);
    return TUFF_OK;
}

/* Open dimensions are those of an array that is given; of its first axis one at a time. */
static tuff_status bind_array(struct feed *f, uint32_t i, const struct tuff_array *a, struct tuff_error *error)
{
    struct tuff_onnx_end *in = &f->inputs[i];
    const bool row = in->rank >= 0 && a->rank + 1 == (uint32_t)in->rank;
    if (in->rank < 0) in->rank = (int32_t)a->rank, memset(in->dim, 0xff, sizeof in->dim);
    bool fits = row || a->rank == (uint32_t)in->rank;
    for (int32_t d = 0; fits && d < in->rank; d++) {
        const int64_t size = row ? (d ? (int64_t)a->dim[d - 1] : 1) : (int64_t)a->dim[d];
        if (in->dim[d] < 0) in->dim[d] = d ? size : 1;
        fits = d || row ? in->dim[d] == size : in->dim[0] > 0 && size % in->dim[0] == 0;
    }
    if (fits) return TUFF_OK;
    char has[200] = "", wants[200] = "";
    for (uint32_t d = 0; d < a->rank; d++)
        snprintf(has + strlen(has), sizeof has - strlen(has), "%s%llu", d ? ", " : "", (unsigned long long)a->dim[d]);
    for (int32_t d = 0; d < in->rank; d++)
        snprintf(wants + strlen(wants), sizeof wants - strlen(wants), "%s%lld", d ? ", " : "", (long long)in->dim[d]);
    return refuse(
        error, TUFF_ERR_FORMAT,
        "%.200s: an array for input \"%.60s\" is [%s]; it takes [%s], as the model, --shape, or the first array say",
        f->folder, in->name, has, wants);
}

/* ---- numpy's arrays ------------------------------------------------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct feed_file *)a)->name, ((const struct feed_file *)b)->name);
}

static bool ends_in(const char *name, const char *ending)
{
    const size_t length = strlen(name), more = strlen(ending);
    return name[0] != '.' && length > more && !strcmp(name + length - more, ending);
}

static char *copy(const char *text)
{
    char *own = malloc(strlen(text) + 1);
    return own ? strcpy(own, text) : NULL;
}

static tuff_status list(struct feed *f, const char *folder, const char *ending, struct tuff_error *error)
{
    DIR *entries = opendir(folder);
    tuff_status status = TUFF_OK;
    for (struct dirent *entry; entries && status == TUFF_OK && (entry = readdir(entries));) {
        if (!ends_in(entry->d_name, ending)) continue;
        struct feed_file *more = realloc(f->files, (size_t)(f->file_count + 2) * sizeof *more);
        if (more) f->files = more;
        if (more) more[f->file_count] = (struct feed_file){copy(entry->d_name), 0};
        if (!more || !more[f->file_count].name) status = no_memory(error);
        if (status == TUFF_OK) f->file_count++;
    }
    if (entries) closedir(entries);
    if (f->file_count) qsort(f->files, (size_t)f->file_count, sizeof *f->files, by_name);
    return status;
}

/* The arrays of one file, or of one of each input's folder, by input. */
static tuff_status open_file(struct feed *f, uint64_t file, struct tuff_array *arrays, struct tuff_error *error)
{
    tuff_status status = TUFF_OK;
    const bool folders = f->input_count > 1 && !f->archives;
    for (uint32_t i = 0; status == TUFF_OK && i < f->input_count; i++) {
        char path[2400];
        const uint32_t at = f->archives ? 0 : i;
        snprintf(path, sizeof path, "%s%s%s/%s", f->folder, folders ? "/" : "", folders ? f->inputs[i].name : "",
                 f->files[file].name);
        if (f->open_file != file && (i == at)) {
            tuff_tensors_destroy(f->open[at]);
            f->open[at] = NULL;
            status = tuff_numpy_open(f->context, path, 0, &f->open[at], error);
        }
        if (status != TUFF_OK) break;
        if (!f->archives && tuff_tensors_count(f->open[at]) != 1)
            return refuse(error, TUFF_ERR_FORMAT, "%.300s: holds no single array", path);
        if (f->archives && !tuff_tensors_find(f->open[at], f->inputs[i].name, &arrays[i]))
            return refuse(error, TUFF_ERR_FORMAT, "%.300s: has no array \"%.100s\", as an input of the model is called",
                          path, f->inputs[i].name);
        if (!f->archives) arrays[i] = tuff_tensors_get(f->open[at], 0);
    }
    f->open_file = status == TUFF_OK ? file : UINT64_MAX;
    return status;
}

static uint64_t rows_of(const struct feed *f, uint32_t i, const struct tuff_array *a)
{
    return a->rank == (uint32_t)f->inputs[i].rank && a->rank ? a->dim[0] / (uint64_t)f->inputs[i].dim[0] : 1;
}

static tuff_status begin_arrays(struct feed *f, struct tuff_error *error)
{
    char folder[2200];
    struct tuff_array arrays[INPUTS];
    const bool folders = f->input_count > 1 && !f->archives;
    f->kind = "samples";
    snprintf(folder, sizeof folder, "%s%s%s", f->folder, folders ? "/" : "", folders ? f->inputs[0].name : "");
    tuff_status status = list(f, folder, f->archives ? ".npz" : ".npy", error);
    if (status == TUFF_OK && !f->file_count)
        return refuse(error, TUFF_ERR_FILE, "%.300s: no pictures, .npy or .npz files are in it%s", f->folder,
                      f->input_count > 1 ? " (of several inputs: a folder for each, or .npz)" : "");
    for (uint64_t k = 0; status == TUFF_OK && k < f->file_count; k++) {
        uint64_t rows = 0;
        status = open_file(f, k, arrays, error);
        for (uint32_t i = 0; status == TUFF_OK && i < f->input_count; i++) {
            status = bind_array(f, i, &arrays[i], error);
            if (status != TUFF_OK) break;
            if (i && rows_of(f, i, &arrays[i]) != rows)
                return refuse(error, TUFF_ERR_FORMAT, "%.300s/%.100s: its arrays are of different numbers of samples",
                              f->folder, f->files[k].name);
            rows = rows_of(f, i, &arrays[i]);
        }
        f->files[k].first = f->count;
        f->count += rows;
    }
    if (status == TUFF_OK && !f->count)
        return refuse(error, TUFF_ERR_FORMAT, "%.300s: its arrays hold no samples", f->folder);
    return status;
}

static tuff_status get_arrays(struct feed *f, uint64_t i, struct tuff_array *arrays, struct tuff_error *error)
{
    uint64_t low = 0, high = f->file_count;
    while (high - low > 1) {
        const uint64_t mid = (low + high) / 2;
        if (f->files[mid].first <= i)
            low = mid;
        else
            high = mid;
    }
    tuff_status status = open_file(f, low, arrays, error);
    for (uint32_t k = 0; status == TUFF_OK && k < f->input_count; k++) {
        struct tuff_array *a = &arrays[k];
        a->bytes /= rows_of(f, k, a);
        a->data = (const uint8_t *)a->data + (i - f->files[low].first) * a->bytes;
        a->name = f->inputs[k].name;
        a->rank = (uint32_t)f->inputs[k].rank;
        for (uint32_t d = 0; d < a->rank; d++) a->dim[d] = (uint64_t)f->inputs[k].dim[d];
    }
    return status;
}

/* ---- pictures -------------------------------------------------------------------------------------------------------------------------------- */

/* Class folders with the names of the model's classes tell these; other folders do not. */
static tuff_status list_pictures(struct feed *f, const struct options *o, struct tuff_error *error)
{
    const struct tuff_saved_info info = {.class_count = f->class_count, .class_names = f->labels.names};
    struct tuff_error why = {0};
    tuff_status status = pictures_list(f->folder, false, &f->set, error);
    if (status != TUFF_OK || f->set.count) {
        f->class_count = 0;
        return status;
    }
    labelled_finish(f->context, &f->set);
    status = f->class_count ? labelled_list(f->context, f->folder, &info, &f->set, &why) : TUFF_ERR_FORMAT;
    if (status == TUFF_OK) return status;
    labelled_finish(f->context, &f->set);
    if (o->labels) return refuse(error, status, "%s", why.message);
    f->class_count = 0;
    status = pictures_list(f->folder, true, &f->set, error);
    if (f->set.count) f->left_folder = "its folders are not called as classes of the model (--labels FILE names these)";
    return status;
}

static tuff_status begin_pictures(struct feed *f, const struct tuff_onnx *onnx, const struct options *o, bool idx,
                                  struct tuff_error *error)
{
    const struct tuff_onnx_end out = tuff_onnx_output(onnx, 0);
    tuff_status status = intake_of(onnx, o->model, &o->intake, &f->intake, &f->labels, error);
    const int64_t classes = tuff_onnx_output_count(onnx) == 1 && out.rank > 0 ? out.dim[out.rank - 1] : 0;
    f->class_count = classes > 0 && classes <= 1000000 ? (uint32_t)classes : 0;
    f->kind = "pictures";
    if (status == TUFF_OK && (f->class_count || o->labels))
        status = labels_read(o->labels, f->class_count, &f->labels, error);
    if (status == TUFF_OK && !idx) status = list_pictures(f, o, error);
    if (status == TUFF_OK && idx) status = tuff_dataset_read_idx(f->context, f->folder, &f->train, &f->test, error);
    if (status != TUFF_OK) return status;
    if (f->intake.fixed > 1)
        return refuse(error, TUFF_ERR_UNSUPPORTED, "%.300s: takes %u pictures at once; 1 is covered, or any number",
                      o->model, (unsigned)f->intake.fixed);
    const struct tuff_preprocess *p = &f->intake.preprocess;
    if (idx &&
        (f->train.channels != p->channels || f->train.height < f->intake.side[0] || f->train.width < f->intake.side[1]))
        return refuse(error, TUFF_ERR_FORMAT, "%.300s: its pictures do not have the size that the model takes", f->folder);
    if (idx) {
        f->intake.preprocess.height = f->train.height, f->intake.preprocess.width = f->train.width;
        f->intake.sample_bytes = (uint64_t)p->channels * p->height * p->width;
    }
    const struct tuff_array array = intake_array(&f->intake, 1);
    f->inputs[0].rank = 4;
    for (uint32_t d = 0; d < 4; d++) f->inputs[0].dim[d] = (int64_t)array.dim[d];
    f->count = idx ? f->train.count + f->test.count : f->set.count;
    f->sample = malloc((size_t)f->intake.sample_bytes);
    f->numbers = malloc((size_t)array.bytes);
    return f->sample && f->numbers ? TUFF_OK : no_memory(error);
}

static tuff_status get_picture(struct feed *f, uint64_t i, struct tuff_array *array, struct tuff_error *error)
{
    struct tuff_picture picture = {0};
    char path[2400];
    tuff_status status = TUFF_OK;
    const struct tuff_dataset *part = i < f->train.count ? &f->train : &f->test;
    if (part->count) {
        memcpy(f->sample, part->pictures + (part == &f->train ? i : i - f->train.count) * f->intake.sample_bytes,
               (size_t)f->intake.sample_bytes);
    } else {
        snprintf(path, sizeof path, "%s/%s", f->folder, f->set.pictures[i].name);
        status = tuff_picture_read(f->context, path, NULL, &picture, error);
        if (status == TUFF_OK) status = tuff_preprocess_run(f->context, &f->intake.preprocess, &picture, f->sample, error);
        tuff_picture_finish(f->context, &picture);
    }
    if (status != TUFF_OK) return status;
    *array = intake_array(&f->intake, 1);
    array->data = f->numbers;
    intake_numbers(&f->intake, f->sample, 1, f->numbers);
    return TUFF_OK;
}

/* ---- either ------------------------------------------------------------------------------------------------------------------------------------ */

/* Whether the folder, or one in it, holds a file of such an ending. */
static bool holds(const char *folder, const char *ending)
{
    bool found = false;
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && !found && (entry = readdir(entries));) found = ends_in(entry->d_name, ending);
    if (entries) closedir(entries);
    return found;
}

tuff_status feed_begin(struct feed *f, struct tuff_context *context, const struct tuff_onnx *onnx,
                       const struct options *options, struct tuff_error *error)
{
    char below[2200];
    *f = (struct feed){.context = context, .folder = options->data, .open_file = UINT64_MAX};
    f->input_count = tuff_onnx_input_count(onnx);
    if (f->input_count > INPUTS || !f->input_count)
        return refuse(error, TUFF_ERR_USAGE, "%.300s: has %u inputs; 1 to %d are taken", options->model,
                      (unsigned)f->input_count, INPUTS);
    for (uint32_t i = 0; i < f->input_count; i++) f->inputs[i] = tuff_onnx_input(onnx, i);
    snprintf(below, sizeof below, "%s/%s", f->folder, f->inputs[0].name);
    DIR *entries = opendir(f->folder);
    if (!entries) return refuse(error, TUFF_ERR_FILE, "%.300s: there is no such folder, or it cannot be read", f->folder);
    closedir(entries);
    f->archives = holds(f->folder, ".npz");
    const bool arrays = f->archives || holds(f->folder, ".npy") || (f->input_count > 1 && holds(below, ".npy"));
    if (!arrays && f->input_count == 1) {
        if (options->shape_count)
            return refuse(error, TUFF_ERR_USAGE, "--shape is for arrays: pictures of any size take --side");
        tuff_status status = begin_pictures(f, onnx, options, labelled_is_idx(f->folder), error);
        if (status == TUFF_OK && !f->count)
            return refuse(error, TUFF_ERR_FILE, "%.300s: no pictures, .npy or .npz files are in it", f->folder);
        return status;
    }
    if (options->pictured || options->labels)
        return refuse(error, TUFF_ERR_USAGE,
                      "--labels, --preset, --crop, --fit, --filter, --bgr and --side are for pictures; %.300s holds arrays",
                      f->folder);
    for (uint32_t i = 0; i < options->shape_count; i++) {
        const tuff_status status = bind_shape(f, options->shapes[i], error);
        if (status != TUFF_OK) return status;
    }
    return begin_arrays(f, error);
}

tuff_status feed_split(struct feed *f, uint64_t samples, struct tuff_error *error)
{
    const uint64_t among = f->train.count ? f->train.count : f->count, most = f->train.count ? among : (among + 1) / 2;
    f->learned = samples ? samples : most < 128 ? most : 128;
    if (f->learned > among) f->learned = among;
    f->order = malloc((size_t)f->count * sizeof *f->order);
    if (!f->order) return no_memory(error);
    for (uint64_t k = 0; k < f->learned; k++) f->order[k] = k * among / f->learned;
    for (uint64_t i = f->train.count, k = 0; i < f->count; i++) {
        while (k < f->learned && f->order[k] < i) k++;
        if (k == f->learned || f->order[k] != i) f->order[f->learned + f->held++] = i;
    }
    return TUFF_OK;
}

void feed_finish(struct feed *f)
{
    free(f->order);
    for (uint64_t k = 0; k < f->file_count; k++) free(f->files[k].name);
    for (uint32_t i = 0; i < INPUTS; i++) tuff_tensors_destroy(f->open[i]);
    labelled_finish(f->context, &f->set);
    tuff_dataset_finish(f->context, &f->train);
    tuff_dataset_finish(f->context, &f->test);
    labels_finish(&f->labels);
    free(f->files);
    free(f->sample);
    free(f->numbers);
}

tuff_status feed_get(struct feed *f, uint64_t i, struct tuff_array *arrays, struct tuff_error *error)
{
    i = f->order[i];
    return f->file_count ? get_arrays(f, i, arrays, error) : get_picture(f, i, arrays, error);
}

int32_t feed_class(const struct feed *f, uint64_t i)
{
    if (!f->class_count || f->file_count) return -1;
    i = f->order[i];
    if (f->train.count) return i < f->train.count ? f->train.labels[i] : f->test.labels[i - f->train.count];
    return f->set.pictures[i].class;
}
