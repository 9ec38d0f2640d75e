/* result.c - any bytes as a result file of tuff-bench, which strangers send in. What is said about it can be printed. */
#include "samples/bench/check.h"
#include "tests/fuzz/fuzz.h"

#include <cjson/cJSON.h>

/* In place of samples/bench/known.c, which asks all works for their ids. */
bool known_workload(uint32_t workload_version) { return workload_version == 1; }
bool known_id(uint32_t workload_version, const char *id) { return known_workload(workload_version) && id[0] != 'x'; }

static void print(void *user, const char *text)
{
    (void)user;
    for (; *text; text++) FUZZ_REQUIRE(*text >= 0x20 && *text < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct check_summary summary;
    const struct check_out out = {print, NULL};
    cJSON *root = check_text((const char *)data, size, &out, &summary);
    FUZZ_REQUIRE(root || summary.reason[0]);
    cJSON_Delete(root);
    return 0;
}
