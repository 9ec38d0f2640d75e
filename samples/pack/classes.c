/* classes.c - classes of devices: texts of caps, of this program (classes/, one behind the other, "== NAME" before each) or of files. */
#include "pack.h"
#include "refuse.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char pack_classes[]; /* ends with a zero byte */

static tuff_status no_memory(struct tuff_error *error) { return refuse(error, TUFF_ERR_MEMORY, "out of memory"); }

static tuff_status add(struct tuff_context *context, const char *text, const char *of, struct tuff_caps *list,
                       uint32_t *count, struct tuff_error *error)
{
    struct tuff_error why = {0};
    if (*count == CLASSES) return refuse(error, TUFF_ERR_USAGE, "these are more than %d classes of devices", CLASSES);
    const tuff_status status = tuff_caps_parse(context, text, &list[*count], &why);
    if (status != TUFF_OK) return refuse(error, status, "%.200s: %s", of, why.message);
    snprintf(list[*count].name, sizeof list->name, "%s", of); /* in sentences */
    ++*count;
    return TUFF_OK;
}

/* Is the class one of a group: the whole name, or its beginning up to a digit or a hyphen: "mali" of mali-g52? */
static bool is_of(const char *name, size_t length, const char *group)
{
    const size_t n = strlen(group);
    return n <= length && !memcmp(name, group, n) && (n == length || name[n] == '-' || (name[n] >= '0' && name[n] <= '9'));
}

/* group NULL: all */
static tuff_status add_own(struct tuff_context *context, const char *group, struct tuff_caps *list, uint32_t *count,
                           struct tuff_error *error)
{
    static const char mark[] = "== ";
    const uint32_t before = *count;
    char names[1000] = "";
    size_t used = 0;
    tuff_status status = TUFF_OK;
    for (const char *at = strstr((const char *)pack_classes, mark), *next; at && status == TUFF_OK; at = next) {
        const char *name = at + strlen(mark), *text = name + strcspn(name, "\n");
        const size_t length = (size_t)(text - name);
        next = strstr(text, mark);
        if (used + length + 3 < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%.*s", used ? ", " : "", (int)length, name);
        if (group && !is_of(name, length, group)) continue;
        char *copy = calloc(1, (next ? (size_t)(next - text) : strlen(text)) + 1), of[60];
        if (!copy) return no_memory(error);
        memcpy(copy, text, next ? (size_t)(next - text) : strlen(text));
        snprintf(of, sizeof of, "%.*s", (int)length, name);
        status = add(context, copy, of, list, count, error);
        free(copy);
    }
    if (status == TUFF_OK && *count == before)
        return refuse(error, TUFF_ERR_USAGE, "no class of devices is called \"%.60s\"; there are: %s, or a file NAME.caps",
                      group ? group : "", names);
    return status;
}

static tuff_status add_file(struct tuff_context *context, const char *path, struct tuff_caps *list, uint32_t *count,
                            struct tuff_error *error)
{
    enum { MOST = 65536 };
    FILE *file = fopen(path, "rb");
    char *text = file ? calloc(1, MOST) : NULL;
    tuff_status status = !file ? refuse(error, TUFF_ERR_FILE, "%.300s: cannot be read", path) : TUFF_OK;
    if (file && !text) status = no_memory(error);
    if (text) {
        const size_t bytes = fread(text, 1, MOST - 1, file);
        status = strlen(text) == bytes ? add(context, text, path, list, count, error)
                                       : refuse(error, TUFF_ERR_FORMAT, "%.300s: is no text", path);
    }
    if (file) fclose(file);
    free(text);
    return status;
}

tuff_status classes_read(struct tuff_context *context, const struct options *o, struct tuff_caps *list, uint32_t *count,
                         struct tuff_error *error)
{
    *count = 0;
    if (!o->chosen_count) return add_own(context, NULL, list, count, error);
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; i < o->chosen_count && status == TUFF_OK; i++) {
        const size_t length = strlen(o->chosen[i]);
        const bool file = length > 5 && !strcmp(o->chosen[i] + length - 5, ".caps");
        status = file ? add_file(context, o->chosen[i], list, count, error)
                      : add_own(context, o->chosen[i], list, count, error);
    }
    return status;
}
