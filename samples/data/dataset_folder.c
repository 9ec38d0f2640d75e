/* dataset_folder.c - data sets from a folder of class folders with pictures.
 *
 * First all names are listed and each picture's set is decided, then the arrays are made, then the pictures are read into
 * their places one by one: memory is the result and one picture. */
#include "backend/lookup.h"
#include "samples/data/dataset.h"
#include "samples/data/picture.h"

#include <stdio.h>

#define BYTES_MAX ((uint64_t)4 << 30)

/* One picture to read. */
struct entry {
    const char *file; /* [arena] name within the class folder */
    uint32_t label;
    bool test;
};

struct job {
    struct tuff_context *context;
    struct tuff_error *error;
    const char *folder;
    const struct tuff_folder_params *params;
    struct tuff_arena arena;
    const char **classes; /* [arena] */
    uint32_t class_count;
    struct entry *entries; /* [owned] */
    size_t count, capacity;
    size_t picture_bytes;
    struct tuff_dataset sets[2]; /* [owned] train, test */
    uint64_t capacities[2];      /* pictures that a set has room for */
    struct tuff_folder_report report;
};

const char *tuff_left_out_name(enum tuff_left_out reason)
{
    static const char *const names[TUFF_LEFT_OUT_REASONS] = {
        [TUFF_LEFT_OUT_UNREADABLE] = "cannot be read",
        [TUFF_LEFT_OUT_ENDING] =
            "do not end in .png, .jpg, .jpeg, .webp, .gif, .bmp, .pgm, .ppm, .pnm, .tif, .tiff, .jp2 or .j2k",
        [TUFF_LEFT_OUT_HIDDEN] = "begin with a dot",
        [TUFF_LEFT_OUT_NESTED] = "are folders within class folders",
        [TUFF_LEFT_OUT_BESIDE] = "lie beside the class folders",
    };
    return (unsigned)reason < TUFF_LEFT_OUT_REASONS ? names[reason] : NULL;
}

/* class may be NULL */
static void leave_out(struct job *job, enum tuff_left_out reason, const char *class, const char *file)
{
    char text[600];
    if (job->report.left_out[reason].count++) return;
    snprintf(text, sizeof text, "%.280s%s%.300s", class ? class : "", class ? "/" : "", file);
    tuff_printable(text, job->report.left_out[reason].first, sizeof job->report.left_out[reason].first);
}

/* ---- names -------------------------------------------------------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *suffix)
{
    size_t length = strlen(name), wanted = strlen(suffix);
    if (length <= wanted) return false;
    for (size_t i = 0; i < wanted; i++) {
        char c = name[length - wanted + i];
        if (c >= 'A' && c <= 'Z') c = (char)(c + ('a' - 'A'));
        if (c != suffix[i]) return false;
    }
    return true;
}

static bool is_picture(const char *name)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".pgm",
                                          ".ppm", ".pnm", ".tif",  ".tiff", ".jp2", ".j2k"};
    for (size_t i = 0; i < TUFF_COUNT(endings); i++)
        if (name[0] != '.' && ends_in(name, endings[i])) return true;
    return false;
}

/* Of a name that is not a picture's. */
static tuff_status leave_out_name(struct job *job, const char *class, const char *name)
{
    if (name[0] == '.') {
        leave_out(job, TUFF_LEFT_OUT_HIDDEN, class, name);
        return TUFF_OK;
    }
    char *path = tuff_os_path_join(job->context, job->folder, class, name);
    if (!path) return tuff_fail_memory(job->context, job->error);
    leave_out(job, tuff_os_is_folder(path) ? TUFF_LEFT_OUT_NESTED : TUFF_LEFT_OUT_ENDING, class, name);
    tuff_free(job->context, path);
    return TUFF_OK;
}

static bool add_entry(struct job *job, const char *file, uint32_t label, bool test)
{
    if (!TUFF_GROW_HEAP(job->context, job->entries, job->count, &job->capacity)) return false;
    char *copy = tuff_arena_strdup(&job->arena, file);
    if (!copy) return false;
    job->entries[job->count++] = (struct entry){copy, label, test};
    return true;
}

/* Whether CLASS/FILE goes into test: a function of the two names and the fraction alone. */
static bool falls_into_test(const char *class_name, const char *file, double fraction)
{
    uint64_t hash = tuff_hash_text(0, class_name);
    hash = tuff_hash_text(tuff_hash_text(hash, "/"), file);
    return (double)(hash >> 11) / 9007199254740992.0 < fraction; /* 2^53: exact in double */
}

static tuff_status list_class(struct job *job, uint32_t label)
{
    char *path = tuff_os_path_join(job->context, job->folder, job->classes[label], NULL), **names = NULL;
    size_t name_count = 0, first = job->count, training = 0;
    if (!path) return tuff_fail_memory(job->context, job->error);
    tuff_status status = tuff_os_list_folder(job->context, path, &names, &name_count, job->error);
    for (size_t i = 0; status == TUFF_OK && i < name_count; i++) {
        if (!is_picture(names[i])) {
            status = leave_out_name(job, job->classes[label], names[i]);
            continue;
        }
        bool test = falls_into_test(job->classes[label], names[i], job->params->test_fraction);
        training += !test;
        if (!add_entry(job, names[i], label, test)) status = tuff_fail_memory(job->context, job->error);
    }
    if (status == TUFF_OK && job->count == first)
        status = tuff_fail(job->context, job->error, TUFF_ERR_FORMAT,
                           "%s: a class folder without pictures (.png, .jpg, .jpeg, .webp, .gif, .bmp, .pgm, .ppm, .pnm, "
                           ".tif, .tiff, .jp2, .j2k)",
                           path);
    if (training == 0)
        for (size_t i = first; i < job->count; i++) job->entries[i].test = false;
    tuff_free(job->context, names);
    tuff_free(job->context, path);
    return status;
}

/* The folders among the names become the classes. */
static tuff_status list_classes(struct job *job, char **names, size_t count)
{
    job->classes = tuff_arena_alloc(&job->arena, count * sizeof *job->classes);
    if (!job->classes) return tuff_fail_memory(job->context, job->error);
    for (size_t i = 0; i < count; i++) {
        if (names[i][0] == '.') {
            leave_out(job, TUFF_LEFT_OUT_HIDDEN, NULL, names[i]);
            continue;
        }
        char *path = tuff_os_path_join(job->context, job->folder, names[i], NULL);
        if (!path) return tuff_fail_memory(job->context, job->error);
        bool folder = tuff_os_is_folder(path);
        tuff_free(job->context, path);
        if (!folder) {
            leave_out(job, TUFF_LEFT_OUT_BESIDE, NULL, names[i]);
            continue;
        }
        job->classes[job->class_count] = tuff_arena_strdup(&job->arena, names[i]);
        if (!job->classes[job->class_count++]) return tuff_fail_memory(job->context, job->error);
    }
    if (job->class_count > 0) return TUFF_OK;
    return tuff_fail(job->context, job->error, TUFF_ERR_FORMAT, "%s: holds no folders; each class is a folder of pictures",
                     job->folder);
}

static tuff_status list_all(struct job *job)
{
    char **names = NULL;
    size_t count = 0;
    TUFF_TRY(tuff_dataset_check_folder(job->context, job->folder, job->error));
    TUFF_TRY(tuff_os_list_folder(job->context, job->folder, &names, &count, job->error));
    tuff_status status = list_classes(job, names, count);
    tuff_free(job->context, names);
    for (uint32_t i = 0; status == TUFF_OK && i < job->class_count; i++) status = list_class(job, i);
    return status;
}

/* ---- pictures ----------------------------------------------------------------------------------------------------------------- */

static tuff_status allocate_sets(struct job *job)
{
    const struct tuff_picture_fit_params *fit = &job->params->fit;
    uint64_t limit = job->params->max_bytes ? job->params->max_bytes : BYTES_MAX;
    uint64_t each = (uint64_t)fit->channels * fit->height * fit->width; /* below 2^32: checked */
    if (limit > SIZE_MAX / 2) limit = SIZE_MAX / 2;
    if (job->count > limit / each)
        return tuff_fail(job->context, job->error, TUFF_ERR_FORMAT,
                         "%s: %zu pictures of %llu bytes are more than the limit of %llu bytes", job->folder, job->count,
                         (unsigned long long)each, (unsigned long long)limit);
    job->picture_bytes = (size_t)each;
    for (size_t i = 0; i < job->count; i++) job->capacities[job->entries[i].test]++;
    for (int s = 0; s < 2; s++) {
        struct tuff_dataset *set = &job->sets[s];
        set->channels = fit->channels;
        set->height = fit->height;
        set->width = fit->width;
        bool good = tuff_dataset_name_classes(job->context, set, job->classes, job->class_count);
        if (good && job->capacities[s]) {
            set->pictures = tuff_alloc(job->context, (size_t)job->capacities[s] * job->picture_bytes);
            set->labels = tuff_alloc(job->context, (size_t)job->capacities[s] * sizeof *set->labels);
            good = set->pictures && set->labels;
        }
        if (!good) return tuff_fail_memory(job->context, job->error);
    }
    return TUFF_OK;
}

static tuff_status read_picture(struct job *job, const struct entry *entry, uint8_t *out, struct tuff_error *error)
{
    struct tuff_picture picture = {0};
    struct tuff_picture_damage damage = {0};
    struct tuff_picture_options options = {.struct_size = sizeof options, .damage = &damage};
    char *path = tuff_os_path_join(job->context, job->folder, job->classes[entry->label], entry->file), text[800];
    if (!path) return tuff_fail_memory(job->context, error);
    tuff_status status = tuff_picture_read(job->context, path, &options, &picture, error);
    if (status == TUFF_OK && damage.warnings && job->report.damaged.count++ == 0) {
        snprintf(text, sizeof text, "%.280s/%.300s: %s", job->classes[entry->label], entry->file, damage.first);
        tuff_printable(text, job->report.damaged.first, sizeof job->report.damaged.first);
    }
    if (status == TUFF_OK) status = tuff_picture_fit(job->context, &picture, &job->params->fit, out, error);
    tuff_picture_finish(job->context, &picture);
    tuff_free(job->context, path);
    return status;
}

/* Only what is wrong with one file is skipped; what is wrong with the machine or the build is not. */
static bool may_skip(const struct job *job, tuff_status status)
{
    return job->params->skip_unreadable &&
           (status == TUFF_ERR_FORMAT || status == TUFF_ERR_FILE || status == TUFF_ERR_UNSUPPORTED);
}

static tuff_status read_all(struct job *job)
{
    const struct tuff_progress *progress = &job->params->progress;
    for (size_t i = 0; i < job->count; i++) {
        const struct entry *entry = &job->entries[i];
        struct tuff_dataset *set = &job->sets[entry->test];
        struct tuff_error reason = {0};
        if (!tuff_progress_report(progress, "reading pictures", i, job->count))
            return tuff_fail(job->context, job->error, TUFF_ERR_CANCELLED, "reading %s was cancelled", job->folder);
        tuff_status status = read_picture(job, entry, set->pictures + (size_t)set->count * job->picture_bytes, &reason);
        if (may_skip(job, status)) {
            set->skipped++;
            leave_out(job, TUFF_LEFT_OUT_UNREADABLE, NULL, reason.message);
        } else if (status != TUFF_OK) {
            if (job->error) *job->error = reason;
            return status;
        } else {
            set->labels[set->count++] = (int32_t)entry->label;
        }
    }
    (void)tuff_progress_report(progress, "reading pictures", job->count, job->count);
    if (job->sets[0].count > 0) return TUFF_OK;
    return tuff_fail(job->context, job->error, TUFF_ERR_FORMAT, "%s: none of its %zu pictures to train on can be read",
                     job->folder, (size_t)job->capacities[0]);
}

/* A set without pictures has no arrays. */
static void drop_empty(struct job *job)
{
    struct tuff_dataset *test = &job->sets[1];
    if (test->count > 0) return;
    tuff_free(job->context, test->pictures);
    tuff_free(job->context, test->labels);
    test->pictures = NULL;
    test->labels = NULL;
}

static tuff_status check(struct tuff_context *context, const struct tuff_folder_params *params, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, params->struct_size == sizeof *params);
    TUFF_REQUIRE(context, error, params->fit.struct_size == sizeof params->fit);
    TUFF_TRY(tuff_fit_check(context, __func__, &params->fit, error));
    TUFF_REQUIRE_THAT(context, error, params->test_fraction >= 0 && params->test_fraction <= 1,
                      "test_fraction is from 0 to 1");
    return TUFF_OK;
}

tuff_status tuff_dataset_read_folder(struct tuff_context *context, const char *folder,
                                     const struct tuff_folder_params *params, struct tuff_dataset *train,
                                     struct tuff_dataset *test, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && folder && params && train && test);
    TUFF_TRY(check(context, params, error));
    struct job job = {.context = context, .error = error, .folder = folder, .params = params};
    tuff_arena_init(&job.arena, context);
    tuff_status status = list_all(&job);
    if (status == TUFF_OK) status = allocate_sets(&job);
    if (status == TUFF_OK) status = read_all(&job);
    if (params->report) *params->report = job.report;
    if (status == TUFF_OK) {
        drop_empty(&job);
        *train = job.sets[0];
        *test = job.sets[1];
    } else {
        tuff_dataset_finish(context, &job.sets[0]);
        tuff_dataset_finish(context, &job.sets[1]);
    }
    tuff_free(context, job.entries);
    tuff_arena_finish(&job.arena);
    return status;
}
