/* folder.c - see folder.h. */
#include "folder.h"
#include "paths.h"
#include "refuse.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *copy(const char *text)
{
    char *own = malloc(strlen(text) + 1);
    return own ? strcpy(own, text) : NULL;
}

/* ---- pictures ------------------------------------------------------------------------------------------------------------------- */

static bool add(struct labelled_set *set, const char *name, int32_t class)
{
    if ((set->count & (set->count - 1)) == 0) { /* at powers of two */
        struct labelled *more = realloc(set->pictures, (size_t)(set->count ? 2 * set->count : 1) * sizeof *more);
        if (!more) return false;
        set->pictures = more;
    }
    char *own = copy(name);
    if (!own) return false;
    set->pictures[set->count++] = (struct labelled){own, class};
    return true;
}

static void leave_out(struct labelled_set *set, const char *name)
{
    if (name[0] == '.') return;
    if (!set->left_out++) tuff_printable(name, set->first_left_out, sizeof set->first_left_out);
}

static tuff_status list_class(const char *folder, const char *name, int32_t class, struct labelled_set *set,
                              struct tuff_error *error)
{
    char path[2200], below[700];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    DIR *entries = opendir(path);
    bool good = true;
    if (!entries) return refuse(error, TUFF_ERR_FILE, "%.400s: cannot be read", path);
    for (struct dirent *entry; good && (entry = readdir(entries));) {
        snprintf(below, sizeof below, "%s/%s", name, entry->d_name);
        if (path_is_picture(entry->d_name))
            good = add(set, below, class);
        else
            leave_out(set, entry->d_name[0] == '.' ? "." : below);
    }
    closedir(entries);
    return good ? TUFF_OK : TUFF_ERR_MEMORY;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct labelled *)a)->name, ((const struct labelled *)b)->name);
}

tuff_status pictures_list(const char *folder, bool classes, struct labelled_set *set, struct tuff_error *error)
{
    tuff_status status = TUFF_OK;
    *set = (struct labelled_set){.pictures = NULL};
    DIR *entries = opendir(folder);
    if (!entries) return refuse(error, TUFF_ERR_FILE, "%.300s: there is no such folder, or it cannot be read", folder);
    for (struct dirent *entry; status == TUFF_OK && (entry = readdir(entries));) {
        char path[2200];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.') continue;
        if (classes && path_is_folder(path))
            status = list_class(folder, entry->d_name, -1, set, error);
        else if (!path_is_folder(path) && path_is_picture(entry->d_name))
            status = add(set, entry->d_name, -1) ? TUFF_OK : TUFF_ERR_MEMORY;
        else
            leave_out(set, entry->d_name);
    }
    closedir(entries);
    if (status == TUFF_OK && set->count) qsort(set->pictures, (size_t)set->count, sizeof *set->pictures, compare);
    return status;
}

static tuff_status list_folder(const char *folder, const struct tuff_saved_info *info, struct labelled_set *set,
                               struct tuff_error *error)
{
    char path[2200];
    tuff_status status = TUFF_OK;
    DIR *entries = opendir(folder);
    if (!entries) return refuse(error, TUFF_ERR_FILE, "%.300s: there is no such folder, or it cannot be read", folder);
    for (struct dirent *entry; status == TUFF_OK && (entry = readdir(entries));) {
        const char *name = entry->d_name;
        uint32_t class = 0;
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (name[0] == '.') continue;
        if (!path_is_folder(path)) {
            leave_out(set, name);
            continue;
        }
        while (class < info->class_count && strcmp(info->class_names[class], name)) class ++;
        if (class < info->class_count)
            status = list_class(folder, name, (int32_t) class, set, error);
        else
            status = refuse(error, TUFF_ERR_FORMAT,
                            "%.300s: its folder \"%.100s\" is none of the model's %u classes (\"%.60s\", ..)", folder, name,
                            (unsigned)info->class_count, info->class_names[0]);
    }
    closedir(entries);
    if (status == TUFF_OK && !set->count)
        status = refuse(error, TUFF_ERR_FORMAT, "%.300s: holds no folders of classes with pictures in them", folder);
    if (status == TUFF_OK) qsort(set->pictures, (size_t)set->count, sizeof *set->pictures, compare);
    return status;
}

static tuff_status list_idx(struct tuff_context *context, const char *folder, const struct tuff_saved_info *info,
                            struct labelled_set *set, struct tuff_error *error)
{
    struct tuff_dataset train = {0};
    const struct tuff_preprocess *p = &info->preprocess;
    char number[24];
    tuff_status status = tuff_dataset_read_idx(context, folder, &train, &set->idx, error);
    tuff_dataset_finish(context, &train);
    if (status != TUFF_OK) return status;
    const struct tuff_dataset *test = &set->idx;
    if (test->channels != p->channels || test->height != p->height || test->width != p->width)
        return refuse(error, TUFF_ERR_FORMAT, "%.300s: its pictures do not have the size that the model takes", folder);
    if (test->class_count > info->class_count)
        return refuse(error, TUFF_ERR_FORMAT, "%.300s: has more classes than the model", folder);
    for (uint32_t i = 0; i < test->class_count; i++)
        if (strcmp(test->class_names[i], info->class_names[i]))
            return refuse(error, TUFF_ERR_FORMAT, "%.200s: its class %u is \"%.80s\", that of the model \"%.80s\"", folder,
                          (unsigned)i, test->class_names[i], info->class_names[i]);
    for (uint64_t i = 0; i < test->count; i++) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)i);
        if (!add(set, number, test->labels[i])) return TUFF_ERR_MEMORY;
    }
    return TUFF_OK;
}

bool labelled_is_idx(const char *folder)
{
    bool found = false;
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && !found && (entry = readdir(entries));) {
        const char *images = strstr(entry->d_name, "train-images");
        found = images && strstr(images, "idx3-ubyte");
    }
    if (entries) closedir(entries);
    return found;
}

tuff_status labelled_list(struct tuff_context *context, const char *folder, const struct tuff_saved_info *info,
                          struct labelled_set *set, struct tuff_error *error)
{
    *set = (struct labelled_set){.pictures = NULL};
    return labelled_is_idx(folder) ? list_idx(context, folder, info, set, error) : list_folder(folder, info, set, error);
}

void labelled_finish(struct tuff_context *context, struct labelled_set *set)
{
    for (uint64_t i = 0; i < set->count; i++) free(set->pictures[i].name);
    free(set->pictures);
    tuff_dataset_finish(context, &set->idx);
}

/* ---- groups --------------------------------------------------------------------------------------------------------------------- */

/* A field of a line of CSV (RFC 4180): within quotation marks a doubled one stands for itself. *end: what stood behind it, a comma or 0. NULL: a
 * quotation without an end, or with more behind it. */
static char *take_field(char **line, char *end)
{
    char *at = *line, *to = at, *field = at;
    bool quoted = *at == '"', open = quoted;
    if (quoted) at++;
    while (*at && (open || (*at != ',' && *at != '\r'))) {
        if (open && *at == '"' && *++at != '"')
            open = false;
        else if (quoted && !open)
            return NULL;
        else
            *to++ = *at++;
    }
    if (open) return NULL;
    *end = *at == ',' ? ',' : 0;
    *line = *at == ',' ? at + 1 : at + strspn(at, "\r");
    *to = 0;
    return field;
}

static uint32_t group_of(struct groups *groups, const char *name)
{
    uint32_t i = 0;
    while (i < groups->count && strcmp(groups->names[i], name)) i++;
    if (i < groups->count) return i;
    char **more = realloc(groups->names, (groups->count + 1) * sizeof *more);
    if (!more) return UINT32_MAX;
    groups->names = more;
    groups->names[groups->count] = copy(name);
    return groups->names[groups->count] ? groups->count++ : UINT32_MAX;
}

static tuff_status take_line(char *line, unsigned number, const char *path, const struct labelled_set *set, bool sorted,
                             struct groups *groups, struct tuff_error *error)
{
    char ends[2] = {0}, *file = take_field(&line, &ends[0]), *group = file ? take_field(&line, &ends[1]) : NULL;
    if (!group || ends[0] != ',' || ends[1] || *line || !group[0])
        return refuse(error, TUFF_ERR_FORMAT, "%.300s: line %u is not file,group", path, number);
    if (number == 1 && !strcmp(file, "file") && !strcmp(group, "group")) return TUFF_OK;
    const struct labelled *found = NULL;
    const struct labelled key = {file, 0};
    char *end;
    unsigned long place = sorted ? 0 : strtoul(file, &end, 10);
    if (sorted)
        found = bsearch(&key, set->pictures, (size_t)set->count, sizeof key, compare);
    else if (*file && !*end && place < set->count)
        found = &set->pictures[place];
    groups->listed++;
    if (!found && !groups->unknown++) tuff_printable(file, groups->first_unknown, sizeof groups->first_unknown);
    if (!found) return TUFF_OK;
    uint32_t which = group_of(groups, group);
    groups->of[found - set->pictures] = which;
    return which == UINT32_MAX ? TUFF_ERR_MEMORY : TUFF_OK;
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t room = 0, bytes = 0, got = 1;
    while (file && got) {
        if (room - bytes < 2) {
            char *more = realloc(text, room = 2 * room + 4096);
            if (!more) break;
            text = more;
        }
        bytes += got = fread(text + bytes, 1, room - bytes - 1, file);
    }
    bool good = file && !ferror(file) && !got;
    if (file) fclose(file);
    if (good)
        text[bytes] = 0;
    else
        free(text);
    return good ? text : NULL;
}

tuff_status groups_read(struct tuff_context *context, const char *path, const struct labelled_set *set,
                        struct groups *groups, struct tuff_error *error)
{
    tuff_status status = TUFF_OK;
    char *text = read_text(path);
    unsigned number = 0;
    (void)context;
    *groups = (struct groups){.of = malloc((size_t)set->count * sizeof *groups->of)};
    if (!text) status = refuse(error, TUFF_ERR_FILE, "%.300s: cannot be read", path);
    if (text && !groups->of) status = TUFF_ERR_MEMORY;
    for (uint64_t i = 0; status == TUFF_OK && i < set->count; i++) groups->of[i] = UINT32_MAX;
    bool marked = text && !strncmp(text, "\xef\xbb\xbf", 3); /* UTF-8, say some editors */
    for (char *line = marked ? text + 3 : text, *next; status == TUFF_OK && line && *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next) *next++ = 0;
        number++;
        if (line[0] && strcmp(line, "\r")) status = take_line(line, number, path, set, !set->idx.count, groups, error);
    }
    if (status == TUFF_OK && !groups->count)
        status = refuse(error, TUFF_ERR_FORMAT, "%.300s: none of its %llu lines names a picture of --data (%.100s, ..)",
                        path, (unsigned long long)groups->listed, set->pictures[0].name);
    free(text);
    return status;
}

void groups_finish(struct groups *groups)
{
    for (uint32_t i = 0; i < groups->count; i++) free(groups->names[i]);
    free(groups->names);
    free(groups->of);
}
