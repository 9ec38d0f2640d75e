/* refs_suite.c - the reference cases of the shared data on a device, by tuff-refs (tests/refs): all of them must pass.
 * Looked for in $TUFF_SHARED, then beside the source folder in ../shared. */
#include "tests/loaders_support.h"

#include "loaders/loaders.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>

int main(void)
{
    char folder[4096];
    if (!shared_path("data/refs", folder, sizeof folder)) {
        puts("SKIP: no reference cases (data/refs in TUFF_SHARED or ../shared)");
        return 77;
    }
    fflush(stdout);
    execl(TUFF_BUILD_DIR "/bin/tuff-refs", "tuff-refs", folder, (char *)NULL);
    perror(TUFF_BUILD_DIR "/bin/tuff-refs");
    return 1;
}
#else
int main(void)
{
    puts("SKIP: starts a program as Unix does");
    return 77;
}
#endif
