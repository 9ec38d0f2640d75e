/* known.c - which ids belong to a version of the workload. */
#include "check.h"

#include <string.h>

bool known_workload(uint32_t workload_version) { return workload_version == 1; }

bool known_id(uint32_t workload_version, const char *id)
{
    static const char *const groups[] = {"peak/", "operator/", "net/", "first/", "accuracy/", "sustained/"};
    for (size_t i = 0; known_workload(workload_version) && i < sizeof groups / sizeof groups[0]; i++)
        if (strncmp(id, groups[i], strlen(groups[i])) == 0 && id[strlen(groups[i])]) return true;
    return false;
}
