/* known.c - which ids belong to a version of the workload: those that this program lists, for its own version. */
#include "bench.h"
#include "check.h"

#include <string.h>

struct search {
    const char *id;
    bool found;
};

static void compare(void *user, const char *id, const char *title, bool quick)
{
    struct search *search = user;
    (void)title, (void)quick;
    search->found = search->found || strcmp(search->id, id) == 0;
}

void list_works(work_visit *visit, void *user)
{
    list_peaks(visit, user);
    list_operators(visit, user);
    list_nets(visit, user);
    list_first(visit, user);
    list_accuracy(visit, user);
    list_sustained(visit, user);
}

bool known_workload(uint32_t workload_version) { return workload_version == WORKLOAD_VERSION; }

bool known_id(uint32_t workload_version, const char *id)
{
    struct search search = {.id = id};
    if (known_workload(workload_version)) list_works(compare, &search);
    return search.found;
}
