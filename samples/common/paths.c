/* paths.c - see paths.h. */
#include "paths.h"
#include "refuse.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool path_is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

bool path_is_picture(const char *name)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".pgm",
                                          ".ppm", ".pnm", ".tif",  ".tiff", ".jp2", ".j2k"};
    const char *dot = strrchr(name, '.');
    char ending[8] = "";
    for (size_t i = 0; dot && dot[i] && i + 1 < sizeof ending; i++)
        ending[i] = (char)(dot[i] >= 'A' && dot[i] <= 'Z' ? dot[i] + ('a' - 'A') : dot[i]);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (dot && strlen(dot) < sizeof ending && !strcmp(ending, endings[i])) return name[0] != '.';
    return false;
}

static bool add_path(struct path_list *list, const char *folder, const char *name)
{
    if ((list->count & (list->count - 1)) == 0) { /* at powers of two */
        char **more = realloc(list->paths, (size_t)(list->count ? 2 * list->count : 1) * sizeof *more);
        if (!more) return false;
        list->paths = more;
    }
    char *path = malloc(strlen(folder) + strlen(name) + 2);
    if (!path) return false;
    const char *slash = folder[0] && folder[strlen(folder) - 1] != '/' ? "/" : "";
    sprintf(path, "%s%s%s", folder, slash, name);
    list->paths[list->count++] = path;
    return true;
}

static int compare_paths(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static tuff_status add_folder(struct path_list *list, const char *folder, struct tuff_error *error)
{
    const uint64_t first = list->count;
    DIR *entries = opendir(folder);
    bool good = true;
    if (!entries) return refuse(error, TUFF_ERR_FILE, "%.400s: cannot be read", folder);
    for (struct dirent *entry; good && (entry = readdir(entries));)
        if (path_is_picture(entry->d_name)) good = add_path(list, folder, entry->d_name);
    closedir(entries);
    if (!good) return refuse(error, TUFF_ERR_MEMORY, "out of memory");
    if (list->count == first)
        return refuse(error, TUFF_ERR_FORMAT, "%.300s: holds no pictures (those in folders within it do not count)", folder);
    qsort(list->paths + first, (size_t)(list->count - first), sizeof *list->paths, compare_paths);
    return TUFF_OK;
}

tuff_status path_list_make(const char *const *given, uint32_t count, struct path_list *list, struct tuff_error *error)
{
    tuff_status status = TUFF_OK;
    *list = (struct path_list){.count = 0};
    for (uint32_t i = 0; i < count && status == TUFF_OK; i++)
        if (path_is_folder(given[i]))
            status = add_folder(list, given[i], error);
        else if (!add_path(list, "", given[i]))
            status = refuse(error, TUFF_ERR_MEMORY, "out of memory");
    return status;
}

void path_list_finish(struct path_list *list)
{
    for (uint64_t i = 0; i < list->count; i++) free(list->paths[i]);
    free(list->paths);
}
