/* temporary.c - see temporary.h. */
#include "tests/temporary.h"

#include "backend/core.h"
#include "backend/os.h"

#include <stdio.h>
#include <unistd.h>

void temporary_path(const char *name, char *path, size_t bytes)
{
    const char *folder = tuff_os_getenv("TMPDIR");
    snprintf(path, bytes, "%s/tuff-%s-%ld-%llx", folder && folder[0] ? folder : "/tmp", name, (long)getpid(),
             (unsigned long long)tuff_os_time_ns());
}

void temporary_empty(struct tuff_context *context, const char *folder)
{
    char **names = NULL, path[800];
    size_t count = 0;
    if (tuff_os_list_folder(context, folder, &names, &count, NULL) != TUFF_OK) return;
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        tuff_os_remove(path);
    }
    tuff_free(context, names);
}
