/* temporary.c - see temporary.h. */
#include "tests/temporary.h"

#include "backend/os.h"

#include <stdio.h>
#include <unistd.h>

void temporary_path(const char *name, char *path, size_t bytes)
{
    const char *folder = tuff_os_getenv("TMPDIR");
    snprintf(path, bytes, "%s/tuff-%s-%ld-%llx", folder && folder[0] ? folder : "/tmp", name, (long)getpid(),
             (unsigned long long)tuff_os_time_ns());
}
