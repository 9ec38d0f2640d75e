/* store.c - see store.h. Needs os.h for who owns what. The context remembers what its user was told. */
#include "backend/store.h"

/* Failures of files are no errors here: what is called in it says nothing. */
static struct tuff_context quiet(const struct tuff_context *context)
{
    return (struct tuff_context){.allocator = context->allocator};
}

static void tell_once(struct tuff_context *context, enum tuff_log_level level, const char *sentence, const char *rest)
{
    if (!atomic_exchange(&context->store_told, true)) tuff_log_message(context, level, "%s%s", sentence, rest);
}

/* "<folder>", "<folder>/<sub>" or "<folder>/<sub>/<name>"; NULL where nothing is kept on disk. tuff_free. */
static char *path_of(struct tuff_context *context, const char *sub, const char *name)
{
    const char *wanted = context->options.cache_dir;
    if (context->options.debug & TUFF_DEBUG_NOCACHE || (wanted && !wanted[0])) return NULL;
    char *folder = wanted ? tuff_strdup(context, wanted) : tuff_os_cache_folder(context);
    if (!folder) {
        tell_once(context, TUFF_LOG_INFO, "nothing is cached on disk: the environment names no folder of the user",
                  "; TUFF_CACHE_DIR may");
        return NULL;
    }
    struct tuff_text text = {.context = context};
    tuff_text_add(&text, "%s%s%s%s%s", folder, sub[0] ? "/" : "", sub, name[0] ? "/" : "", name);
    tuff_free(context, folder);
    return tuff_text_take(&text);
}

/* The folder itself, when it is there and to be trusted, or when it can be made so. */
static bool folder_ready(struct tuff_context *context, const char *sub, bool make)
{
    struct tuff_context silent = quiet(context);
    struct tuff_error error = {0};
    char *path = path_of(context, sub, "");
    if (!path) return false;
    tuff_status status = make ? tuff_os_make_private(&silent, path, &error) : tuff_os_check_private(&silent, path, &error);
    tuff_free(context, path);
    if (status != TUFF_OK)
        tell_once(context, TUFF_LOG_WARNING, error.message,
                  "; nothing is cached there (TUFF_CACHE_DIR names another folder)");
    return status == TUFF_OK;
}

bool tuff_store_on(struct tuff_context *context)
{
    char *path = path_of(context, "", "");
    tuff_free(context, path);
    return path != NULL;
}

bool tuff_store_has(struct tuff_context *context, const char *name)
{
    char *path = path_of(context, "", name);
    bool there = path && tuff_os_exists(path);
    tuff_free(context, path);
    return there;
}

bool tuff_store_read(struct tuff_context *context, const char *name, size_t limit, void **data, size_t *bytes)
{
    struct tuff_context silent = quiet(context);
    struct tuff_error error = {0};
    if (!tuff_store_has(context, name) || !folder_ready(context, "", false)) return false;
    char *path = path_of(context, "", name);
    tuff_status status = path ? tuff_os_read_private(&silent, path, limit, data, bytes, &error) : TUFF_ERR_MEMORY;
    tuff_free(context, path);
    if (status != TUFF_OK && error.message[0])
        tuff_log_message(context, TUFF_LOG_WARNING, "cache: %s; what it held is made anew", error.message);
    return status == TUFF_OK;
}

bool tuff_store_write(struct tuff_context *context, const char *sub, const char *name, const struct tuff_os_part *parts,
                      size_t part_count)
{
    struct tuff_context silent = quiet(context);
    struct tuff_error error = {0};
    if (!folder_ready(context, "", true) || (sub[0] && !folder_ready(context, sub, true))) return false;
    char *path = path_of(context, sub, name);
    tuff_status status = path ? tuff_os_write_private(&silent, path, parts, part_count, &error) : TUFF_ERR_MEMORY;
    tuff_free(context, path);
    if (status != TUFF_OK && error.message[0])
        tell_once(context, TUFF_LOG_WARNING, error.message,
                  "; the next start takes longer (TUFF_CACHE_DIR= switches caches off)");
    return status == TUFF_OK;
}

void tuff_store_damaged(struct tuff_context *context, const char *name)
{
    char *path = path_of(context, "", name);
    if (path)
        tuff_log_message(context, TUFF_LOG_WARNING,
                         "cache: %s was changed or damaged (its hash does not fit); what it held is made anew", path);
    tuff_free(context, path);
}
