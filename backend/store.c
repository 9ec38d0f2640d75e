/* store.c - see store.h. Needs os.h for who owns what. The context remembers what its user was told. */
#include "backend/store.h"
#include "backend/caps.h"

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

/* ---- lines ------------------------------------------------------------------------------------------------------------------------- */

void tuff_lines_key(struct tuff_text *text, const struct tuff_caps *caps)
{
    uint64_t driver = tuff_hash_text(tuff_hash_text(0, caps->driver_name), caps->driver_info);
    for (size_t i = 0; i < sizeof caps->uuid; i++) tuff_text_add(text, "%02x", caps->uuid[i]);
    tuff_text_add(text, " %016llx %08x %016llx ", (unsigned long long)driver, caps->driver_version,
                  (unsigned long long)tuff_os_cpu_hash());
}

/* "<key><says> <hash of both>", and the end of the line. */
static void add_line(struct tuff_text *text, const char *key, const char *says, size_t length)
{
    struct tuff_text line = {.context = text->context};
    tuff_text_add(&line, "%s%.*s", key, (int)length, says);
    if (!line.failed)
        tuff_text_add(text, "%s %016llx\n", line.data, (unsigned long long)tuff_hash(0, line.data, line.length));
    text->failed = text->failed || line.failed;
    tuff_text_finish(&line);
}

void tuff_lines_each(struct tuff_context *context, const struct tuff_lines *lines, const char *key,
                     bool (*visit)(void *user, const char *says), void *user)
{
    enum { HASH = 18 }; /* with the space before it and the end behind it */
    void *file = NULL;
    size_t bytes;
    bool damaged = false, more = true;
    if (!tuff_store_read(context, lines->name, TUFF_LINES_BYTES, &file, &bytes)) return;
    for (char *at = file, *next; *at && more; at = next) {
        const size_t length = strcspn(at, "\n"), begin = strlen(key);
        next = at + length + (at[length] == '\n');
        if (strncmp(at, key, begin) != 0) continue;
        struct tuff_text line = {.context = context};
        size_t says = length + 1 > begin + HASH ? length + 1 - begin - HASH : 0;
        add_line(&line, key, at + begin, says);
        bool whole = !line.failed && line.length == length + 1 && !strncmp(line.data, at, line.length);
        damaged = damaged || !whole;
        tuff_text_finish(&line);
        if (!whole) continue;
        at[begin + says] = 0;
        more = visit(user, at + begin);
    }
    if (more && damaged) tuff_store_damaged(context, lines->name);
    tuff_free(context, file);
}

/* Of the lines at `at` those for which there is room, and this device's that stay. */
static void keep_lines(struct tuff_text *text, const char *at, const struct tuff_lines *lines, const char *key)
{
    for (size_t length; *at; at += length) {
        const size_t begin = strlen(key);
        length = strcspn(at, "\n");
        length += at[length] == '\n';
        bool stays = !strncmp(at, key, begin) && !strncmp(at + begin, lines->stays, strlen(lines->stays));
        if (text->length + length <= (stays ? TUFF_LINES_BYTES : TUFF_LINES_BYTES / 2)) tuff_text_append(text, at, length);
    }
}

/* Held while the file is changed; NULL where another process does so for seconds, or nothing is kept. silent: lives as long as the lock. */
static struct tuff_os_lock *hold(struct tuff_context *context, struct tuff_context *silent, const char *name)
{
    struct tuff_os_lock *lock = NULL;
    struct tuff_text path = {.context = context};
    char *file = folder_ready(context, "", true) ? path_of(context, "", name) : NULL;
    if (file) tuff_text_add(&path, "%s.lock", file);
    if (file && !path.failed) (void)!tuff_os_lock(silent, path.data, 2000, &lock, NULL);
    tuff_free(context, file);
    tuff_text_finish(&path);
    return lock;
}

void tuff_lines_add(struct tuff_context *context, const struct tuff_lines *lines, const char *key, const char *says)
{
    void *file = NULL;
    size_t bytes = 0, head = strlen(lines->head);
    struct tuff_text text = {.context = context};
    struct tuff_context silent = quiet(context);
    struct tuff_os_lock *lock = hold(context, &silent, lines->name);
    bool there = tuff_store_read(context, lines->name, TUFF_LINES_BYTES, &file, &bytes);
    tuff_text_add(&text, "%s", lines->head);
    add_line(&text, key, says, strlen(says));
    if (there && strncmp(file, lines->head, head) != 0) head = 0;
    if (there) keep_lines(&text, (const char *)file + head, lines, key);
    const struct tuff_os_part part = {.data = text.data, .bytes = text.length};
    if (!text.failed) (void)!tuff_store_write(context, "", lines->name, &part, 1);
    tuff_os_unlock(lock);
    tuff_free(context, file);
    tuff_text_finish(&text);
}
