/* check_fields.c - see check_fields.h; result.schema.json says the same, and tests/bench_check.c compares both. */
#include "check_fields.h"
#include "check.h"

#include <string.h>

#define UNITS "GFLOP/s|GOP/s|GB/s|us|ms|s|samples/s|tokens/s"
static const struct check_field file_fields[] = {
    {"format", CHOICE, false, "tuff-bench"},
    {"format_version", WHOLE, false, NULL},
    {"workload_version", WHOLE, false, NULL},
    {"tuff_version", NAME, false, NULL},
    {"started", LIKE, false, "0000-00-00T00:00:00Z"},
    {"seconds", NUMBER, false, NULL},
    {"system", OBJECT, false, NULL},
    {"options", OBJECT, false, NULL},
    {"binary_hash", HEX, false, "16"},
    {"devices", LIST, false, NULL},
    {"results", LIST, false, NULL},
};
static const struct check_field system_fields[] = {
    {"os", TEXT, false, NULL},
    {"cpu", TEXT, false, NULL},
    {"threads", WHOLE, false, NULL},
};
static const struct check_field options_fields[] = {
    {"quick", TRUTH, false, NULL},    {"only", TEXT, false, NULL},          {"min_seconds", NUMBER, false, NULL},
    {"min_runs", WHOLE, false, NULL}, {"max_seconds", NUMBER, false, NULL}, {"limits", TEXT, false, NULL},
    {"debug", TEXT, false, NULL},     {"driver", TEXT, false, NULL},
};
static const struct check_field device_fields[] = {
    {"name", NAME, false, NULL},         {"driver_name", TEXT, false, NULL},
    {"driver_info", TEXT, false, NULL},  {"driver_version", WHOLE, false, NULL},
    {"vendor_id", WHOLE, false, NULL},   {"device_id", WHOLE, false, NULL},
    {"api_version", LIKE, false, "0.*"}, {"kind", CHOICE, false, "software|integrated|discrete|virtual|other"},
    {"uuid", HEX, false, "32"},          {"caps", OBJECT, false, NULL},
    {"driver_rows", LIST, false, NULL},
};
static const struct check_field result_fields[] = {
    {"device", WHOLE, false, NULL},
    {"group", CHOICE, false, "peak|operator|net|first|accuracy|sustained"},
    {"id", NAME, false, NULL},
    {"title", NAME, false, NULL},
    {"status", CHOICE, false, "ok|wrong|refused|error|skipped"},
    {"message", TEXT, false, NULL},
    {"value", NUMBER, true, NULL},
    {"low", NUMBER, true, NULL},
    {"high", NUMBER, true, NULL},
    {"unit", CHOICE, false, UNITS},
    {"better", CHOICE, false, "higher|lower"},
    {"clock", CHOICE, false, "device|wall"},
    {"cache", CHOICE, true, "warm|cold"},
    {"tuned", TRUTH, false, NULL},
    {"work", OBJECT, false, NULL},
    {"runs", WHOLE, false, NULL},
    {"warmup_runs", WHOLE, false, NULL},
    {"wall_ns", LIST, false, NULL},
    {"device_ns", LIST, false, NULL},
    {"median_ns", NUMBER, true, NULL},
    {"p90_ns", NUMBER, true, NULL},
    {"p99_ns", NUMBER, true, NULL},
    {"spread", NUMBER, true, NULL},
    {"noisy", TRUTH, false, NULL},
    {"few", TRUTH, false, NULL},
    {"flops_per_second", NUMBER, true, NULL},
    {"bytes_per_second", NUMBER, true, NULL},
    {"peak_share", OBJECT, true, NULL},
    {"check", OBJECT, true, NULL},
    {"plan", OBJECT, true, NULL},
    {"extra", OBJECT, false, NULL},
    {"series", LIST, false, NULL},
};
static const struct check_field work_fields[] = {
    {"flops", NUMBER, false, NULL},
    {"bytes", NUMBER, false, NULL},
    {"samples", NUMBER, false, NULL},
};
static const struct check_field peak_share_fields[] = {
    {"arithmetic", NUMBER, true, NULL},
    {"arithmetic_peak", NAME, true, NULL},
    {"bandwidth", NUMBER, true, NULL},
    {"bandwidth_peak", NAME, true, NULL},
};
static const struct check_field check_fields[] = {
    {"kind", CHOICE, false, "reference|freivalds|values|exact|none"},
    {"nmse", NUMBER, true, NULL},
    {"bound", NUMBER, false, NULL},
    {"compared", WHOLE, false, NULL},
    {"ok", TRUTH, false, NULL},
};
static const struct check_field plan_fields[] = {
    {"launches", WHOLE, false, NULL},
    {"barriers", WHOLE, false, NULL},
    {"submissions", WHOLE, false, NULL},
    {"pipelines", WHOLE, false, NULL},
    {"bytes_moved", WHOLE, false, NULL},
    {"bytes_least", WHOLE, false, NULL},
    {"scratch_bytes", WHOLE, false, NULL},
    {"scratch_bound_bytes", WHOLE, false, NULL},
    {"saved_bytes_per_sample", NUMBER, false, NULL},
    {"peak_bytes", WHOLE, false, NULL},
    {"flops", NUMBER, false, NULL},
    {"plan_hash", HEX, false, "16"},
    {"spirv_hash", HEX, false, "16"},
};
static const struct check_field series_fields[] = {
    {"t", NUMBER, false, NULL},
    {"value", NUMBER, false, NULL},
    {"clock_mhz", NUMBER, true, NULL},
    {"temperature_c", REAL, true, NULL},
};

#define SECTION(name) #name, name##_fields, (int)(sizeof name##_fields / sizeof name##_fields[0])
static const struct check_section sections[] = {
    {SECTION(file)}, {SECTION(system)},     {SECTION(options)}, {SECTION(device)}, {SECTION(result)},
    {SECTION(work)}, {SECTION(peak_share)}, {SECTION(check)},   {SECTION(plan)},   {SECTION(series)},
};

const struct check_section *check_section(const char *name)
{
    size_t i = 0, last = sizeof sections / sizeof sections[0] - 1;
    while (i < last && strcmp(sections[i].name, name) != 0) i++;
    return &sections[i];
}

const char *check_key(const char *section, size_t index)
{
    const struct check_section *s = check_section(section);
    return strcmp(s->name, section) == 0 && index < (size_t)s->count ? s->fields[index].name : NULL;
}
