/* main.c - tuff-refs: reads the folder's index, runs its cases family by family, prints one line for each operator. */
#include "tests/refs/refs.h"

#include "backend/device.h"
#include "samples/common/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_BROKEN = 2, EXIT_NOT_HERE = 77, BATCH = 64 };

struct arguments {
    const char *folder, *device, *only, *json;
    bool verbose;
};

static const char help[] =
    "usage: tuff-refs [OPTION].. FOLDER\n"
    "Runs reference cases (FOLDER/index.json and the safetensors files that it lists) on a Vulkan device and compares.\n"
    "  --device NAME   index, UUID or part of a name; else TUFF_DEVICE, else the best device\n"
    "  --only TEXT     only cases whose FAMILY/OP or file contains the text\n"
    "  --verbose       a line for each case\n"
    "  --json FILE     writes the results as JSON\n"
    "  --help, --version\n"
    "Status: 0 all passed, 1 some failed, 2 the folder, its index or an option is unusable, 77 there is no device.\n"
    "Families recurrent and resize are not covered. Environment: TUFF_DEVICE, TUFF_DEBUG, TUFF_CACHE_DIR, TUFF_LIMITS.\n\n";

static int broken(const char *format, ...)
{
    char sentence[1000], shown[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    fprintf(stderr, "tuff-refs: %s\n", tuff_printable(sentence, shown, sizeof shown));
    return EXIT_BROKEN;
}

/* True when the program should go on; else *status is its status. */
static bool read_arguments(int argc, char **argv, struct arguments *a, int *status)
{
    *status = EXIT_PASSED;
    for (int i = 1; i < argc; i++) {
        const struct {
            const char *name;
            const char **value;
        } options[] = {{"--device", &a->device}, {"--only", &a->only}, {"--json", &a->json}};
        size_t k = 0;
        while (k < TUFF_COUNT(options) && strcmp(argv[i], options[k].name) != 0) k++;
        if (!strcmp(argv[i], "--help")) {
            printf("%s%s", help, refs_bound_text);
            return false;
        }
        if (!strcmp(argv[i], "--version")) {
            printf("tuff-refs %s\n", tuff_version());
            return false;
        }
        if (!strcmp(argv[i], "--verbose")) {
            a->verbose = true;
        } else if (k < TUFF_COUNT(options)) {
            if (i + 1 == argc) {
                *status = broken("%s needs a value", argv[i]);
                return false;
            }
            *options[k].value = argv[++i];
        } else if (argv[i][0] == '-' && argv[i][1]) {
            *status = broken("there is no option %s (--help lists them)", argv[i]);
            return false;
        } else if (a->folder) {
            *status = broken("one folder at a time, not also %s", argv[i]);
            return false;
        } else {
            a->folder = argv[i];
        }
    }
    if (!a->folder) *status = broken("which folder? (--help explains)");
    return a->folder != NULL;
}

/* ---- index ------------------------------------------------------------------------------------------------------------------ */

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    size_t length = 0, capacity = 1 << 16;
    char *text = refs_alloc(capacity);
    for (size_t got; (got = fread(text + length, 1, capacity - length - 1, file)) > 0;) {
        length += got;
        if (capacity - length > 1) continue;
        char *more = realloc(text, capacity *= 2);
        if (!more) exit(broken("out of host memory"));
        text = more;
    }
    bool bad = ferror(file) != 0;
    fclose(file);
    text[length] = 0;
    if (!bad) return text;
    free(text);
    return NULL;
}

/* The parsed index, or NULL after a sentence. */
static cJSON *read_index(const char *folder)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/index.json", folder);
    char *text = read_text(path);
    if (!text) {
        broken("cannot read %s: is %s a folder of reference cases?", path, folder);
        return NULL;
    }
    cJSON *index = cJSON_Parse(text);
    free(text);
    const cJSON *cases = cJSON_GetObjectItemCaseSensitive(index, "cases");
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(index, "count");
    if (index && cJSON_IsArray(cases) && (!count || count->valuedouble == cJSON_GetArraySize(cases))) return index;
    broken("%s is damaged: %s", path,
           !index                  ? "it is no JSON"
           : !cJSON_IsArray(cases) ? "it has no list of cases"
                                   : "cases are missing");
    cJSON_Delete(index);
    return NULL;
}

static const char *text_in(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text && text[0] ? text : NULL;
}

/* Fills cases that `only` chooses; SIZE_MAX after a sentence about a damaged entry. */
static size_t list_cases(const cJSON *index, const char *only, struct refs_case *cases)
{
    const cJSON *item;
    size_t count = 0, number = 0;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(index, "cases"))
    {
        struct refs_case *c = &cases[count];
        char label[256];
        c->file = text_in(item, "file");
        c->family = text_in(item, "family");
        c->op = text_in(item, "op");
        c->f32_err = cJSON_GetObjectItemCaseSensitive(item, "f32_err");
        if (!c->file || !c->family || !c->op) {
            broken("index.json is damaged: case %zu has no file, family or op", number);
            return SIZE_MAX;
        }
        number++;
        snprintf(label, sizeof label, "%s/%s", c->family, c->op);
        if (!only || strstr(label, only) || strstr(c->file, only))
            count++;
        else
            memset(c, 0, sizeof *c);
    }
    return count;
}

/* ---- running ---------------------------------------------------------------------------------------------------------------- */

static bool same_family(const struct refs_case *a, const struct refs_case *b) { return !strcmp(a->family, b->family); }

static void run_alone(struct refs_case *c, struct tuff_device *device)
{
    if (!strcmp(c->family, "schedule"))
        refs_run_schedule(c);
    else if (!strcmp(c->family, "train"))
        refs_run_training(c, device);
    else if (!strcmp(c->op, "clip_grad_norm"))
        refs_run_clip(c, device);
    else
        refs_run_optimizer(c, device);
}

/* Cases first .. of one family, at most BATCH; returns how many. */
static size_t run_batch(struct refs_case *cases, size_t left, const char *folder, struct tuff_device *device)
{
    struct refs_case *batch[BATCH];
    uint32_t count = 0;
    size_t done = 0;
    bool alone = !strcmp(cases->family, "schedule") || !strcmp(cases->family, "train") ||
                 !strcmp(cases->family, "optimizer");
    for (; done < left && done < (alone ? 1 : BATCH) && same_family(cases, &cases[done]); done++) {
        struct refs_case *c = &cases[done];
        if (!alone && !refs_op_known(c)) {
            refs_skip(c, "%s", refs_op_missing(c));
            continue;
        }
        refs_case_read(c, tuff_device_context(device), folder);
        const char *op = c->tensors ? tuff_tensors_text(c->tensors, "op") : NULL;
        if (op && strcmp(op, c->op) != 0) refs_fail(c, "the file says that its operator is %.60s, the index %s", op, c->op);
        if (c->state == REFS_OPEN) batch[count++] = c;
    }
    if (alone && count)
        run_alone(batch[0], device);
    else if (count)
        refs_run_operators(batch, count, device);
    for (size_t i = 0; i < done; i++) refs_case_finish(&cases[i]);
    return done;
}

/* ---- report ----------------------------------------------------------------------------------------------------------------- */

static const char *state_name(enum refs_state state)
{
    return state == REFS_PASSED ? "passed" : state == REFS_NOT_COVERED ? "not covered" : "failed";
}

static void print_case(const struct refs_case *c)
{
    printf("  %-44s %-11s", c->file, state_name(c->state));
    if (c->worst_at[0]) printf(" %.3g of the bound at %s", c->worst, c->worst_at);
    char *hint = c->f32_err ? cJSON_PrintUnformatted(c->f32_err) : NULL;
    if (hint) printf("; f32_err %s", hint);
    free(hint);
    printf("\n");
}

struct sum {
    size_t passed, failed, skipped;
    double worst;
    const char *reason; /* of the first that is not covered */
};

static void add_to(struct sum *s, const struct refs_case *c)
{
    s->passed += c->state == REFS_PASSED;
    s->skipped += c->state == REFS_NOT_COVERED;
    s->failed += c->state != REFS_PASSED && c->state != REFS_NOT_COVERED;
    if (c->worst > s->worst) s->worst = c->worst;
    if (c->state == REFS_NOT_COVERED && !s->reason) s->reason = c->reason;
}

static struct sum print_report(const struct refs_case *cases, size_t count, bool verbose)
{
    struct sum total = {0};
    printf("%-32s %8s %8s   %s\n", "operator", "passed", "failed", "worst error / bound");
    for (size_t i = 0; i < count; i++) {
        struct sum sum = {0};
        bool first = true;
        char label[256];
        for (size_t k = 0; k < count; k++) {
            if (!same_family(&cases[i], &cases[k]) || strcmp(cases[i].op, cases[k].op) != 0) continue;
            if (k < i) first = false;
            add_to(&sum, &cases[k]);
        }
        add_to(&total, &cases[i]);
        if (!first) continue;
        snprintf(label, sizeof label, "%s/%s", cases[i].family, cases[i].op);
        if (sum.passed + sum.failed)
            printf("%-32s %8zu %8zu   %.3g", label, sum.passed, sum.failed, sum.worst);
        else
            printf("%-32s not covered", label);
        if (sum.skipped) printf("%s%zu not covered: %s", sum.passed + sum.failed ? ", " : " ", sum.skipped, sum.reason);
        printf("\n");
        for (size_t k = i; k < count; k++) {
            if (!same_family(&cases[i], &cases[k]) || strcmp(cases[i].op, cases[k].op) != 0) continue;
            if (verbose) print_case(&cases[k]);
            if (cases[k].state != REFS_PASSED && cases[k].state != REFS_NOT_COVERED)
                printf("    %s: %s\n", cases[k].file, cases[k].reason);
        }
    }
    printf("%zu cases: %zu passed, %zu failed, %zu not covered\n", count, total.passed, total.failed, total.skipped);
    return total;
}

static bool write_json(struct tuff_context *context, const char *path, const struct refs_case *cases, size_t count,
                       const struct sum *total, const char *device, struct tuff_error *error)
{
    cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, "cases");
    cJSON_AddStringToObject(root, "device", device);
    cJSON_AddNumberToObject(root, "passed", (double)total->passed);
    cJSON_AddNumberToObject(root, "failed", (double)total->failed);
    cJSON_AddNumberToObject(root, "not_covered", (double)total->skipped);
    for (size_t i = 0; i < count; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "file", cases[i].file);
        cJSON_AddStringToObject(item, "family", cases[i].family);
        cJSON_AddStringToObject(item, "op", cases[i].op);
        cJSON_AddStringToObject(item, "result", state_name(cases[i].state));
        if (isfinite(cases[i].worst)) cJSON_AddNumberToObject(item, "worst", cases[i].worst);
        if (cases[i].worst_at[0]) cJSON_AddStringToObject(item, "worst_at", cases[i].worst_at);
        if (cases[i].reason[0]) cJSON_AddStringToObject(item, "reason", cases[i].reason);
        cJSON_AddItemToArray(list, item);
    }
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    bool written = text && tuff_file_write(context, path, (struct tuff_span){text, strlen(text)}, error) == TUFF_OK;
    free(text);
    return written;
}

static void print_log(void *user, enum tuff_log_level level, const char *message)
{
    (void)user, (void)level;
    fprintf(stderr, "%s\n", message);
}

static int run_all(const struct arguments *a, struct refs_case *cases, size_t count, struct tuff_device *device)
{
    const char *name = tuff_device_caps(device)->name;
    printf("device: %s%s\n", name, tuff_device_validation_active(device) ? ", validated" : "");
    for (size_t i = 0; i < count;) i += run_batch(&cases[i], count - i, a->folder, device);
    struct sum total = print_report(cases, count, a->verbose);
    unsigned messages = tuff_device_validation_messages(device);
    if (messages) printf("the validation layer gave %u messages\n", messages);
    struct tuff_error error = {0};
    struct tuff_context *context = tuff_device_context(device);
    if (a->json && !write_json(context, a->json, cases, count, &total, name, &error))
        return broken("cannot write %s: %s", a->json, error.message);
    return total.failed || messages ? EXIT_FAILED : EXIT_PASSED;
}

int main(int argc, char **argv)
{
    struct arguments a = {0};
    struct tuff_error error = {0};
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    int status;
    program_begin();
    if (!read_arguments(argc, argv, &a, &status)) return status;
    cJSON *index = read_index(a.folder);
    if (!index) return EXIT_BROKEN;
    size_t room = (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(index, "cases")) + 1;
    struct refs_case *cases = refs_alloc(room * sizeof *cases);
    size_t count = list_cases(index, a.only, cases);
    struct tuff_options options = {.struct_size = sizeof options};
    tuff_options_from_env(&options);
    if (a.verbose || options.debug & (TUFF_DEBUG_VALIDATE | TUFF_DEBUG_PRINT)) options.log = print_log;
    if (count == SIZE_MAX)
        status = EXIT_BROKEN;
    else if (count == 0)
        status = broken("no case of %s contains '%s'", a.folder, a.only ? a.only : "");
    else if (tuff_context_create(&options, &context, &error) != TUFF_OK)
        status = broken("%s", error.message);
    else if (tuff_device_create(context, a.device, &device, &error) != TUFF_OK) {
        broken("%s", error.message);
        status = error.status == TUFF_ERR_NO_DEVICE && !a.device ? EXIT_NOT_HERE : EXIT_BROKEN;
    } else
        status = run_all(&a, cases, count, device);
    tuff_device_release(device);
    tuff_context_destroy(context);
    free(cases);
    cJSON_Delete(index);
    return status;
}
