/* folder.c - results in files and folders: whole files, and folders that one process at a time writes. */
#include "backend/core.h"
#include "backend/os.h"
#include "loaders/loaders.h"

static const char LOCK[] = ".tuff-lock";

struct tuff_folder {
    struct tuff_context *context; /* [borrowed] */
    struct tuff_os_lock *lock;    /* [owned] */
    char *path;                   /* [owned] */
};

tuff_status tuff_file_write(struct tuff_context *context, const char *path, struct tuff_span content,
                            struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path);
    TUFF_REQUIRE_THAT(context, error, content.data || content.bytes == 0, "the content is NULL, though it has bytes");
    const struct tuff_os_part part = {.data = content.data ? content.data : "", .bytes = content.bytes};
    return tuff_os_write_atomic(context, path, &part, 1, error);
}

tuff_status tuff_file_try(struct tuff_context *context, const char *const *paths, const uint64_t *bytes, uint32_t count,
                          struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && paths && bytes);
    TUFF_REQUIRE_THAT(context, error, count <= TUFF_OS_ROOM_FILES, "at most 8 files are tried at once");
    for (uint32_t i = 0; i < count; i++) TUFF_REQUIRE_THAT(context, error, paths[i], "a path is NULL");
    return tuff_os_try_write(context, paths, bytes, count, error);
}

static tuff_status lock(struct tuff_folder *folder, struct tuff_error *error)
{
    char *path = tuff_os_path_join(folder->context, folder->path, LOCK, NULL);
    if (!path) return tuff_fail_memory(folder->context, error);
    tuff_status status = tuff_os_lock(folder->context, path, 0, &folder->lock, error);
    tuff_free(folder->context, path);
    if (status != TUFF_ERR_USAGE) return status;
    return tuff_fail(folder->context, error, TUFF_ERR_FILE, "%s: another process is writing into this folder", folder->path);
}

tuff_status tuff_folder_hold(struct tuff_context *context, const char *path, struct tuff_folder **folder,
                             struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && folder);
    TUFF_REQUIRE_THAT(context, error, path[0], "the path is empty");
    struct tuff_folder *made = tuff_object_create(context, sizeof *made);
    if (!made) return tuff_fail_memory(context, error);
    *made = (struct tuff_folder){.context = context, .path = tuff_strdup(context, path)};
    tuff_status status = made->path ? tuff_os_make_folders(context, path, error) : tuff_fail_memory(context, error);
    if (status == TUFF_OK) status = lock(made, error);
    if (status != TUFF_OK) {
        tuff_folder_release(made);
        return status;
    }
    tuff_os_sweep(context, path);
    *folder = made;
    return TUFF_OK;
}

void tuff_folder_release(struct tuff_folder *folder)
{
    if (!folder) return;
    tuff_os_unlock(folder->lock);
    tuff_free(folder->context, folder->path);
    tuff_object_destroy(folder->context, folder);
}
