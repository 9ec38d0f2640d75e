/* dataset.c - data sets in the four IDX files of MNIST; what every data set needs. */
#include "samples/data/dataset.h"

#include <stdio.h>

/* Source: the README of zalandoresearch/fashion-mnist, "Labels". */
static const char *const fashion_names[10] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                              "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

bool tuff_dataset_name_classes(struct tuff_context *context, struct tuff_dataset *dataset, const char *const *names,
                               size_t count)
{
    size_t bytes = count * sizeof *names;
    for (size_t i = 0; i < count; i++) bytes += strlen(names[i]) + 1;
    dataset->class_names = tuff_alloc(context, bytes);
    if (!dataset->class_names) return false;
    char *text = (char *)(dataset->class_names + count);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]) + 1;
        dataset->class_names[i] = memcpy(text, names[i], length);
        text += length;
    }
    dataset->class_count = (uint32_t)count;
    return true;
}

void tuff_dataset_finish(struct tuff_context *context, struct tuff_dataset *dataset)
{
    tuff_free(context, dataset->pictures);
    tuff_free(context, dataset->labels);
    tuff_free(context, dataset->class_names);
    *dataset = (struct tuff_dataset){0};
}

/* ---- IDX ---------------------------------------------------------------------------------------------------------------------- */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

/* The folder's own name (after the last separator that something follows) contains "fashion". */
static bool is_fashion(const char *folder)
{
    static const char word[] = "fashion";
    size_t end = strlen(folder);
    while (end > 0 && (folder[end - 1] == '/' || folder[end - 1] == '\\')) end--;
    size_t start = end;
    while (start > 0 && folder[start - 1] != '/' && folder[start - 1] != '\\') start--;
    for (size_t i = start; i + sizeof word - 1 <= end; i++) {
        size_t k = 0;
        while (word[k] && lower(folder[i + k]) == word[k]) k++;
        if (!word[k]) return true;
    }
    return false;
}

/* The one file that is called SET-WHAT-KIND in any of its four spellings, alone or behind a prefix ("emnist-balanced-"). *path [owned by
 * the caller], NULL: there is none. */
static tuff_status find_part(struct tuff_context *context, const char *folder, const char *stem, const char *kind,
                             char **path, struct tuff_error *error)
{
    static const char *const forms[] = {"%s-%s", "%s-%s.gz", "%s.%s", "%s.%s.gz"};
    char **names = NULL, wanted[64];
    size_t count = 0, best = SIZE_MAX, prefix = SIZE_MAX, several = SIZE_MAX;
    TUFF_TRY(tuff_os_list_folder(context, folder, &names, &count, error));
    for (size_t f = 0; f < TUFF_COUNT(forms); f++) {
        snprintf(wanted, sizeof wanted, forms[f], stem, kind);
        for (size_t i = 0; i < count; i++) {
            size_t length = strlen(names[i]), end = strlen(wanted), more = length - end;
            if (length < end || strcmp(names[i] + more, wanted) != 0 || (more && names[i][more - 1] != '-')) continue;
            bool another = best != SIZE_MAX && (more != prefix || memcmp(names[i], names[best], more) != 0);
            if (best == SIZE_MAX || more == 0) {
                best = i, prefix = more;
            } else if (another) {
                several = i;
            }
        }
    }
    tuff_status status = TUFF_OK;
    if (several != SIZE_MAX && prefix)
        status = tuff_fail(context, error, TUFF_ERR_FORMAT,
                           "%s: holds several data sets (%s, %s); put one into a folder of its own", folder, names[best],
                           names[several]);
    else if (best != SIZE_MAX && !(*path = tuff_os_path_join(context, folder, names[best], NULL)))
        status = tuff_fail_memory(context, error);
    tuff_free(context, names);
    return status;
}

/* SET-WHAT-KIND, or of another word for the set, where there is one (NULL: none). *path: the file that was read [owned by the caller]. */
static tuff_status read_part(struct tuff_context *context, const char *folder, const char *set, const char *other,
                             const char *what, const char *kind, struct tuff_idx *idx, char **path, struct tuff_error *error)
{
    char stem[32], second[32];
    snprintf(stem, sizeof stem, "%s-%s", set, what);
    snprintf(second, sizeof second, "%s-%s", other ? other : "", what);
    TUFF_TRY(find_part(context, folder, stem, kind, path, error));
    if (!*path && other) TUFF_TRY(find_part(context, folder, second, kind, path, error));
    if (*path) return tuff_idx_read(context, *path, 0, idx, error);
    return tuff_fail(context, error, TUFF_ERR_FILE, "%s: holds neither %s-%s nor %s-%s.gz", folder, stem, kind, stem, kind);
}

static tuff_status take_images(struct tuff_context *context, const char *path, struct tuff_idx *idx,
                               struct tuff_dataset *dataset, struct tuff_error *error)
{
    if (idx->element != TUFF_ELEMENT_U8 || idx->rank < 3 || idx->rank > 4)
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: pictures are U8 of rank 3 or 4; these are %s of rank %u",
                         path, tuff_element_name(idx->element), (unsigned)idx->rank);
    if (idx->count == 0) return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: holds no pictures", path);
    const uint64_t *size = idx->dim + idx->rank - 2;
    dataset->count = idx->dim[0];
    dataset->channels = idx->rank == 4 ? (uint32_t)idx->dim[1] : 1;
    dataset->height = (uint32_t)size[0];
    dataset->width = (uint32_t)size[1];
    dataset->pictures = idx->data; /* [n, h, w] is [n, 1, h, w] */
    idx->data = NULL;
    return TUFF_OK;
}

static tuff_status take_labels(struct tuff_context *context, const char *path, const struct tuff_idx *idx,
                               struct tuff_dataset *dataset, struct tuff_error *error)
{
    if (idx->element != TUFF_ELEMENT_U8 || idx->rank != 1)
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: labels are U8 of rank 1; these are %s of rank %u", path,
                         tuff_element_name(idx->element), (unsigned)idx->rank);
    if (idx->count != dataset->count)
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: has %llu labels for %llu pictures", path,
                         (unsigned long long)idx->count, (unsigned long long)dataset->count);
    dataset->labels = tuff_alloc(context, (size_t)idx->count * sizeof *dataset->labels);
    if (!dataset->labels) return tuff_fail_memory(context, error);
    const uint8_t *labels = idx->data;
    for (uint64_t i = 0; i < idx->count; i++) {
        dataset->labels[i] = labels[i];
        if (labels[i] >= dataset->class_count) dataset->class_count = labels[i] + 1u;
    }
    return TUFF_OK;
}

/* dataset is finished by the caller, also on failure; its classes get no names yet. */
static tuff_status read_set(struct tuff_context *context, const char *folder, const char *set, const char *other,
                            struct tuff_dataset *dataset, struct tuff_error *error)
{
    struct tuff_idx images = {0}, labels = {0};
    char *images_path = NULL, *labels_path = NULL;
    tuff_status status = read_part(context, folder, set, other, "images", "idx3-ubyte", &images, &images_path, error);
    if (status == TUFF_OK) status = take_images(context, images_path, &images, dataset, error);
    if (status == TUFF_OK)
        status = read_part(context, folder, set, other, "labels", "idx1-ubyte", &labels, &labels_path, error);
    if (status == TUFF_OK) status = take_labels(context, labels_path, &labels, dataset, error);
    tuff_idx_finish(context, &images);
    tuff_idx_finish(context, &labels);
    tuff_free(context, images_path);
    tuff_free(context, labels_path);
    return status;
}

enum { IDX_CLASSES = 256, IDX_NAME = 5 }; /* labels are bytes */

/* Source: the README of EMNIST (Cohen, Afshar, Tapson, van Schaik 2017): a line of *mapping.txt is a label and the ASCII codes of its
 * letter. What it does not say is called by its number. */
static tuff_status read_mapping(struct tuff_context *context, const char *folder, char (*names)[IDX_NAME],
                                struct tuff_error *error)
{
    char *path = NULL, *text = NULL;
    size_t bytes = 0;
    TUFF_TRY(find_part(context, folder, "mapping", "txt", &path, error));
    if (!path) return TUFF_OK;
    tuff_status status = tuff_os_read_file(context, path, 1 << 16, (void **)&text, &bytes, error);
    for (const char *line = text, *end; status == TUFF_OK && line && *line; line = end ? end + 1 : NULL) {
        unsigned label, code;
        end = strchr(line, '\n');
        if (sscanf(line, "%u %u", &label, &code) == 2 && label < IDX_CLASSES && code > ' ' && code < 127)
            snprintf(names[label], IDX_NAME, "%c", (char)code);
    }
    tuff_free(context, text);
    tuff_free(context, path);
    return status;
}

tuff_status tuff_dataset_check_folder(struct tuff_context *context, const char *folder, struct tuff_error *error)
{
    if (tuff_os_is_folder(folder)) return TUFF_OK;
    return tuff_fail(context, error, TUFF_ERR_FILE,
                     tuff_os_exists(folder) ? "%s is no folder" : "%s: there is no such folder", folder);
}

static tuff_status name_classes(struct tuff_context *context, const char *folder, struct tuff_dataset *train,
                                struct tuff_dataset *test, struct tuff_error *error)
{
    char digits[IDX_CLASSES][IDX_NAME];
    const char *numbers[IDX_CLASSES], *const *names = numbers;
    uint32_t count = train->class_count > test->class_count ? train->class_count : test->class_count;
    if (count < 10) count = 10;
    for (uint32_t i = 0; i < IDX_CLASSES; i++) {
        snprintf(digits[i], IDX_NAME, "%u", (unsigned)i);
        numbers[i] = digits[i];
    }
    if (count == 10 && is_fashion(folder))
        names = fashion_names;
    else
        TUFF_TRY(read_mapping(context, folder, digits, error));
    if (tuff_dataset_name_classes(context, train, names, count) && tuff_dataset_name_classes(context, test, names, count))
        return TUFF_OK;
    return tuff_fail_memory(context, error);
}

tuff_status tuff_dataset_read_idx(struct tuff_context *context, const char *folder, struct tuff_dataset *train,
                                  struct tuff_dataset *test, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && folder && train && test);
    TUFF_TRY(tuff_dataset_check_folder(context, folder, error));
    struct tuff_dataset a = {0}, b = {0};
    tuff_status status = read_set(context, folder, "train", NULL, &a, error);
    if (status == TUFF_OK) status = read_set(context, folder, "t10k", "test", &b, error);
    if (status == TUFF_OK && (a.channels != b.channels || a.height != b.height || a.width != b.width))
        status = tuff_fail(context, error, TUFF_ERR_FORMAT,
                           "%s: pictures to train on are %u x %u x %u, those to test %u x %u x %u", folder,
                           (unsigned)a.channels, (unsigned)a.height, (unsigned)a.width, (unsigned)b.channels,
                           (unsigned)b.height, (unsigned)b.width);
    if (status == TUFF_OK) status = name_classes(context, folder, &a, &b, error);
    if (status == TUFF_OK) {
        *train = a;
        *test = b;
        return TUFF_OK;
    }
    tuff_dataset_finish(context, &a);
    tuff_dataset_finish(context, &b);
    return status;
}
