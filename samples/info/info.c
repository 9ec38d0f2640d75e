/* info.c - tuff-info: the Vulkan devices of this machine and what they can do for Tuff, as a table or as JSON. */
#include "program.h"
#include "text.h"

#include <tuff/tuff.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: tuff-info [--json | --caps | --selftest] [--device NAME]\n"
    "Lists the Vulkan devices of this machine, best first, with what Tuff can use of them.\n"
    "\n"
    "  -j, --json          print JSON\n"
    "  -c, --caps          print what plans follow from, as tuff-pack --for takes it; of the first device, or of --device\n"
    "  -s, --selftest      run every family of kernels and compare with the right results\n"
    "  -d, --device NAME   one device alone: its index, UUID or part of its name\n"
    "  -h, --help          print this text\n"
    "  -V, --version       print the version\n"
    "\n"
    "TUFF_LIMITS=PROFILE shows the devices clamped to a profile of a small device, as Tuff then sees them.\n"
    "TUFF_CLASS=amd-rdna, nvidia, .. chooses kernels as for a device of another class.\n"
    "TUFF_CHECK=1 compares with --selftest each launch by itself, too, and switches families off that are wrong.\n"
    "TUFF_DRIVER=none,+NAME,-NAME turns rows of the table of known drivers on and off.\n"
    "Exit status: 0 devices were found and computed right, 1 none, wrong numbers or an error, 2 wrong use.\n";

static void print_uuid(const uint8_t uuid[16])
{
    for (int i = 0; i < 16; i++) printf("%02x%s", uuid[i], i == 3 || i == 5 || i == 7 || i == 9 ? "-" : "");
}

static void print_api(uint32_t version)
{
    printf("%u.%u.%u", version >> 22 & 127, version >> 12 & 1023, version & 4095); /* Vulkan's packing */
}

enum { MOST_FOUND = 32 };
static const char by_check[] = "found by checked mode or self-test on this machine";

/* Families that were found wrong on the device of this number; it is opened where there are some. */
static uint32_t list_found(struct tuff_context *context, const struct tuff_caps *caps, uint32_t index,
                           struct tuff_device_found found[MOST_FOUND])
{
    struct tuff_device *device = NULL;
    char number[16];
    uint32_t count = 0;
    snprintf(number, sizeof number, "%u", index);
    if (!caps->families_off || tuff_device_create(context, number, &device, NULL) != TUFF_OK) return 0;
    while (count < MOST_FOUND && tuff_device_found(device, count, &found[count])) count++;
    tuff_device_release(device);
    return count;
}

/* What the table of known drivers says of this one, and what was found of it. */
static void print_json_rows(struct tuff_context *context, const struct tuff_caps *caps, uint32_t index)
{
    struct tuff_device_found found[MOST_FOUND];
    struct tuff_driver_row row;
    const char *comma = "";
    uint32_t own = 0, more = list_found(context, caps, index, found);
    while (tuff_driver_row(own, &row)) own++;
    for (uint32_t i = 0; i < own + more; i++) {
        bool table = tuff_driver_row(i, &row);
        if (table && !(caps->driver_rows >> i & 1)) continue;
        if (!table)
            row = (struct tuff_driver_row){found[i - own].family, "kernels of this family are not used",
                                           found[i - own].reason, by_check};
        const char *const texts[] = {"name", row.name, "effect", row.effect, "reason", row.reason, "source", row.source};
        printf("%s\n    {", comma);
        comma = ",";
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k += 2) {
            printf("%s\"%s\": ", k ? ", " : "", texts[k]);
            text_to_json(stdout, texts[k + 1]);
        }
        putchar('}');
    }
}

static void print_rows(struct tuff_context *context, const struct tuff_caps *caps, uint32_t index)
{
    struct tuff_device_found found[MOST_FOUND];
    struct tuff_driver_row row;
    const uint32_t count = list_found(context, caps, index, found);
    for (uint32_t i = 0; i < count; i++)
        printf("  %-28s %s\n  %-28s   because: %s\n  %-28s   source: %s\n", found[i].family,
               "kernels of this family are not used", "", found[i].reason, "", by_check);
    for (uint32_t i = 0; tuff_driver_row(i, &row); i++)
        if (caps->driver_rows >> i & 1)
            printf("  %-28s %s\n  %-28s   because: %s\n  %-28s   source: %s\n", row.name, row.effect, "", row.reason, "",
                   row.source);
}

/* Class of the device, and which family of kernels serves each kind of work. */
static void print_families(const struct tuff_caps *caps)
{
    struct tuff_family_choice choice;
    printf("  %-28s %s\n", "class", tuff_device_class_name(tuff_class_of(caps)));
    for (uint32_t i = 0; tuff_family_choice(caps, i, &choice); i++)
        printf("  %-36s %s%s%s\n", choice.work, choice.family, choice.evidence[0] ? ", " : "", choice.evidence);
}

static void print_json_families(const struct tuff_caps *caps)
{
    struct tuff_family_choice choice;
    printf(",\n   \"class\": \"%s\",\n   \"families\": [", tuff_device_class_name(tuff_class_of(caps)));
    for (uint32_t i = 0; tuff_family_choice(caps, i, &choice); i++) {
        printf("%s\n    {\"work\": \"%s\", \"family\": \"%s\", \"evidence\": \"%s\", \"source\": ", i ? "," : "",
               choice.work, choice.family, choice.evidence);
        text_to_json(stdout, choice.source);
        putchar('}');
    }
    printf("\n   ]");
}

static void print_json(struct tuff_context *context, const struct tuff_caps *caps, uint32_t index)
{
    struct tuff_caps_field field;
    const struct {
        const char *name, *text;
    } texts[] = {{"name", caps->name},
                 {"kind", tuff_device_kind_name(caps->kind)},
                 {"driver_name", caps->driver_name},
                 {"driver_info", caps->driver_info}};
    printf("  {\n   \"index\": %u", index);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        printf(",\n   \"%s\": ", texts[i].name);
        text_to_json(stdout, texts[i].text);
    }
    printf(",\n   \"uuid\": \"");
    print_uuid(caps->uuid);
    printf("\",\n   \"api_version\": \"");
    print_api(caps->api_version);
    printf("\",\n   \"driver_id\": %u,\n   \"driver_version\": %u,\n   \"vendor_id\": %u,\n   \"device_id\": %u",
           caps->driver_id, caps->driver_version, caps->vendor_id, caps->device_id);
    for (uint32_t i = 0; tuff_caps_field(i, &field); i++) {
        unsigned long long value = tuff_caps_value(caps, &field);
        if (field.kind == TUFF_FIELD_FLAG)
            printf(",\n   \"%s\": %s", field.name, value ? "true" : "false");
        else
            printf(",\n   \"%s\": %llu", field.name, value);
    }
    printf(",\n   \"max_workgroup_size\": [%u, %u, %u]", caps->max_workgroup_size[0], caps->max_workgroup_size[1],
           caps->max_workgroup_size[2]);
    printf(",\n   \"max_workgroup_count\": [%u, %u, %u]", caps->max_workgroup_count[0], caps->max_workgroup_count[1],
           caps->max_workgroup_count[2]);
    printf(",\n   \"timestamp_period_ns\": ");
    number_to_json(stdout, caps->timestamp_period_ns, 9);
    printf(",\n   \"heaps\": [");
    for (uint32_t i = 0; i < caps->heap_count && i < 16; i++)
        printf("%s\n    {\"bytes\": %llu, \"budget_bytes\": %llu, \"used_bytes\": %llu, \"device_local\": %s}", i ? "," : "",
               (unsigned long long)caps->heaps[i].bytes, (unsigned long long)caps->heaps[i].budget_bytes,
               (unsigned long long)caps->heaps[i].used_bytes, caps->heaps[i].device_local ? "true" : "false");
    printf("\n   ]");
    print_json_families(caps);
    printf(",\n   \"driver_rows\": [");
    print_json_rows(context, caps, index);
    printf("]\n  }");
}

static void print_table(struct tuff_context *context, const struct tuff_caps *caps, uint32_t index)
{
    struct tuff_caps_field field;
    printf("%u: %s\n", index, caps->name);
    printf("  %-28s %s, Vulkan ", "kind", tuff_device_kind_name(caps->kind));
    print_api(caps->api_version);
    printf("\n  %-28s %s %s\n  %-28s ", "driver", caps->driver_name, caps->driver_info, "UUID");
    print_uuid(caps->uuid);
    putchar('\n');
    for (uint32_t i = 0; tuff_caps_field(i, &field); i++) {
        unsigned long long value = tuff_caps_value(caps, &field);
        if (field.kind == TUFF_FIELD_FLAG)
            printf("  %-28s %s\n", field.title, value ? "yes" : "no");
        else
            printf("  %-28s %llu\n", field.title, value);
    }
    printf("  %-28s %u x %u x %u\n", "workgroup size", caps->max_workgroup_size[0], caps->max_workgroup_size[1],
           caps->max_workgroup_size[2]);
    printf("  %-28s %u x %u x %u\n", "workgroups", caps->max_workgroup_count[0], caps->max_workgroup_count[1],
           caps->max_workgroup_count[2]);
    if (caps->timestamp_period_ns > 0)
        printf("  %-28s %g ns\n", "timestamp period", caps->timestamp_period_ns);
    else
        printf("  %-28s none\n", "timestamp period");
    for (uint32_t i = 0; i < caps->heap_count && i < 16; i++)
        printf("  heap %-23u %llu MiB%s%s\n", i, (unsigned long long)(caps->heaps[i].bytes >> 20),
               caps->heaps[i].device_local ? ", device local" : "", caps->heaps[i].budget_bytes ? ", with budget" : "");
    print_families(caps);
    print_rows(context, caps, index);
}

/* All devices into *list (free it); false after a printed error. */
static bool list_devices(struct tuff_context *context, struct tuff_caps **list, uint32_t *count)
{
    struct tuff_error error = {0};
    struct tuff_caps *caps = NULL;
    uint32_t capacity = 0;
    tuff_status status = tuff_device_list(context, NULL, &capacity, &error);
    *count = capacity;
    if (status == TUFF_OK && !(caps = calloc(capacity ? capacity : 1, sizeof *caps))) {
        fprintf(stderr, "tuff-info: out of memory\n");
        return false;
    }
    if (status == TUFF_OK) status = tuff_device_list(context, caps, count, &error);
    if (status != TUFF_OK) {
        fprintf(stderr, "tuff-info: %s\n", error.message);
        free(caps);
        return false;
    }
    if (*count > capacity) *count = capacity; /* one came in between the two calls */
    *list = caps;
    return true;
}

/* Keeps the device that the library chooses by that name; the list then has one entry, with its index. */
static bool keep_chosen(struct tuff_context *context, const char *name, struct tuff_caps *list, uint32_t *count,
                        uint32_t *index)
{
    struct tuff_error error = {0};
    struct tuff_device *device = NULL;
    if (tuff_device_create(context, name, &device, &error) != TUFF_OK) {
        fprintf(stderr, "tuff-info: %s\n", error.message);
        return false;
    }
    const struct tuff_caps *chosen = tuff_device_caps(device);
    uint32_t at = 0;
    while (at + 1 < *count && (memcmp(list[at].uuid, chosen->uuid, 16) || list[at].driver_id != chosen->driver_id)) at++;
    list[0] = *chosen;
    *count = 1;
    *index = at;
    tuff_device_release(device);
    return true;
}

static int print_caps(struct tuff_context *context, const struct tuff_caps *caps)
{
    struct tuff_error error = {0};
    char *text = NULL;
    if (tuff_caps_print(context, caps, &text, &error) != TUFF_OK) {
        fprintf(stderr, "tuff-info: %s\n", error.message);
        return 1;
    }
    fputs(text, stdout);
    tuff_text_free(context, text);
    return fflush(stdout) == 0 ? 0 : 1;
}

static int show(struct tuff_context *context, const char *name, bool json, bool text)
{
    struct tuff_caps *list = NULL;
    uint32_t count = 0, first = 0;
    if (!list_devices(context, &list, &count)) return 1;
    if (name && !keep_chosen(context, name, list, &count, &first)) {
        free(list);
        return 1;
    }
    if (text && count) {
        const int status = print_caps(context, &list[0]);
        free(list);
        return status;
    }
    if (json) printf("{\n \"tuff_version\": \"%s\",\n \"devices\": [\n", tuff_version());
    for (uint32_t i = 0; i < count; i++) {
        if (i) printf(json ? ",\n" : "\n");
        if (json)
            print_json(context, &list[i], first + i);
        else
            print_table(context, &list[i], first + i);
    }
    if (json) printf("\n ]\n}\n");
    free(list);
    return fflush(stdout) == 0 ? 0 : 1;
}

static void print_result(void *user, const struct tuff_selftest_result *result)
{
    const char *outcome = result->status == TUFF_ERR_WRONG ? "WRONG" : result->status != TUFF_OK ? "FAILED" : "ok";
    *(double *)user += result->milliseconds;
    if (result->status == TUFF_OK && result->elements == 0) outcome = "not used";
    printf("  %-18s %-9s %8llu elements   error %-9.2g of %-9.2g %6.0f ms\n", result->family, outcome,
           (unsigned long long)result->elements, result->error, result->bound, result->milliseconds);
    if (result->message[0]) printf("    %s\n", result->message);
    fflush(stdout);
}

/* A device that cannot be opened for want of Vulkan 1.1 is no failure, unless it was asked for. */
static bool selftest(struct tuff_context *context, const char *name, bool asked)
{
    struct tuff_error error = {0};
    struct tuff_device *device = NULL;
    double milliseconds = 0;
    struct tuff_selftest_params params = {.struct_size = sizeof params, .report = print_result, .user = &milliseconds};
    tuff_status status = tuff_device_create(context, name, &device, &error);
    if (status != TUFF_OK) {
        printf("not tried: %s\n", error.message);
        return status == TUFF_ERR_UNSUPPORTED && !asked;
    }
    const struct tuff_caps *caps = tuff_device_caps(device);
    printf("%s, %s %s\n", caps->name, caps->driver_name, caps->driver_info);
    status = tuff_selftest(device, &params, &error);
    printf("  %s, %.1f s\n", status == TUFF_OK ? "all right" : "NOT RIGHT: do not rely on this device", milliseconds * 1e-3);
    tuff_device_release(device);
    return status == TUFF_OK;
}

/* Of one device, or of all by their number. */
static int selftests(struct tuff_context *context, const char *name)
{
    struct tuff_error error = {0};
    uint32_t count = 0;
    bool right = true;
    if (name) return selftest(context, name, true) ? 0 : 1;
    if (tuff_device_list(context, NULL, &count, &error) != TUFF_OK) {
        fprintf(stderr, "tuff-info: %s\n", error.message);
        return 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        char index[16];
        snprintf(index, sizeof index, "%u", i);
        if (i) putchar('\n');
        right = selftest(context, index, false) && right;
    }
    return right ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"selftest", no_argument, NULL, 's'},
                                            {"caps", no_argument, NULL, 'c'},
                                            {"device", required_argument, NULL, 'd'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    struct tuff_options settings = {.struct_size = sizeof settings};
    struct tuff_error error = {0};
    struct tuff_context *context = NULL;
    bool json = false, caps = false, test = false;
    int option;
    program_begin();
    tuff_options_from_env(&settings);
    const char *name = settings.device;
    opterr = 0; /* its own sentences show what was given as it is */
    while ((option = getopt_long(argc, argv, "jcsd:hV", options, NULL)) != -1) {
        switch (option) {
        case 'j': json = true; break;
        case 'c': caps = true; break;
        case 's': test = true; break;
        case 'd': name = optarg; break;
        case 'h': fputs(usage, stdout); return 0;
        case 'V': print_version("tuff-info"); return 0;
        default: fprintf(stderr, "tuff-info: wrong use at %s\n%s", SHOWN(argv[optind - 1]), usage); return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "tuff-info: unexpected argument %s\n%s", SHOWN(argv[optind]), usage);
        return 2;
    }
    if (json + caps + test > 1) {
        fprintf(stderr, "tuff-info: --json, --caps and --selftest print one thing each\n%s", usage);
        return 2;
    }
    if (tuff_context_create(&settings, &context, &error) != TUFF_OK) {
        fprintf(stderr, "tuff-info: %s\n", error.message);
        return 1;
    }
    int status = test ? selftests(context, name) : show(context, name, json, caps);
    tuff_context_destroy(context);
    return status;
}
