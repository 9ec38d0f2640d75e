/* whole.c - see whole.h. */
#ifndef _WIN32
#define _POSIX_C_SOURCE 200809L /* open_memstream */
#endif
#include "whole.h"

#include <stdlib.h>
#ifndef _WIN32
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#endif

bool whole_begin(struct whole *whole)
{
    *whole = (struct whole){.stream = NULL};
#ifdef _WIN32
    whole->stream = tmpfile();
#else
    whole->stream = open_memstream(&whole->text, &whole->bytes);
#endif
    return whole->stream != NULL;
}

/* All of it into text; false: it does not fit into memory. */
static bool collect(struct whole *whole)
{
    bool good = fflush(whole->stream) == 0 && !ferror(whole->stream);
#ifdef _WIN32
    long bytes = good && fseek(whole->stream, 0, SEEK_END) == 0 ? ftell(whole->stream) : -1;
    rewind(whole->stream);
    whole->text = bytes >= 0 ? malloc((size_t)bytes + 1) : NULL;
    whole->bytes = whole->text ? fread(whole->text, 1, (size_t)bytes, whole->stream) : 0;
    good = whole->text && whole->bytes == (size_t)bytes;
#endif
    return fclose(whole->stream) == 0 && good;
}

tuff_status whole_write(struct whole *whole, struct tuff_context *context, const char *path, struct tuff_error *error)
{
    tuff_status status = TUFF_ERR_MEMORY;
    if (collect(whole))
        status = tuff_file_write(context, path, (struct tuff_span){whole->text, whole->bytes}, error);
    else
        snprintf(error->message, sizeof error->message, "not enough memory for %.400s", path);
    free(whole->text);
    return status;
}

void whole_drop(struct whole *whole)
{
    (void)collect(whole);
    free(whole->text);
}

/* A pipe is opened once before the work, and stays open: so its reader waits. False: it has none, and would not get one by waiting. */
static bool hold_pipe(const char *path)
{
#ifdef _WIN32
    (void)path;
    return true;
#else
    struct stat about;
    if (stat(path, &about) != 0 || !S_ISFIFO(about.st_mode)) return true;
    return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC) >= 0 || errno != ENXIO;
#endif
}

tuff_status whole_try(struct tuff_context *context, const char *const *paths, uint32_t count, struct tuff_error *error)
{
    enum { LEAST = 4096 }; /* bytes of a disk that is not full */
    const char *given[8];
    uint64_t bytes[8];
    uint32_t found = 0;
    for (uint32_t i = 0; i < count && found < 8; i++) {
        if (!paths[i]) continue;
        if (!hold_pipe(paths[i])) {
            snprintf(error->message, sizeof error->message, "cannot write %.400s: nobody reads this pipe", paths[i]);
            return TUFF_ERR_FILE;
        }
        bytes[found] = LEAST;
        given[found++] = paths[i];
    }
    return tuff_file_try(context, given, bytes, found, error);
}
