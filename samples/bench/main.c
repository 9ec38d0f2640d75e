/* main.c - tuff-bench: measures devices and what Tuff makes of them. The way through: options, devices, groups of works, the
 * file, the report. Result files are checked and compared by the subcommands check and report. */
#include "bench.h"
#include "check.h"
#include "program.h"
#include "report.h"
#include "text.h"
#include "whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_log(void *user, enum tuff_log_level level, const char *message)
{
    (void)user;
    if (level != TUFF_LOG_ERROR) fprintf(stderr, "tuff: %s\n", message); /* errors come back and become rows */
}

static void list_one(void *user, const char *id, const char *title, bool quick)
{
    const struct options *options = user;
    if (options_selects(options, id, quick)) printf("  %-58s %s%s\n", id, title, quick ? " (quick)" : "");
}

static void print_device(const struct tuff_caps *caps)
{
    struct tuff_driver_row row;
    printf("\n%s\n  driver   %s %s\n", caps->name, caps->driver_name, caps->driver_info);
    for (uint32_t i = 0; tuff_driver_row(i, &row); i++)
        if (caps->driver_rows >> i & 1) printf("  known    %s: %s\n", row.name, row.effect);
    if (caps->kind == TUFF_DEVICE_SOFTWARE) printf("  note     a software driver: its figures say nothing about a GPU\n");
}

static bool run_groups(struct bench *bench)
{
    static bool (*const groups[])(struct bench *) = {works_operators, works_nets, works_first, works_accuracy,
                                                     works_sustained};
    bool good = works_peaks(bench);
    for (size_t i = 0; good && i < COUNT(groups); i++) {
        int before = cJSON_GetArraySize(bench->results);
        good = groups[i](bench) && (cJSON_GetArraySize(bench->results) == before || works_peaks_again(bench));
    }
    return good;
}

/* One device, from opening to releasing; false after a printed error. */
static bool run_device(struct bench *bench, const char *name)
{
    struct tuff_error error = {0};
    if (tuff_device_create(bench->context, name, &bench->device, &error) != TUFF_OK) {
        fprintf(stderr, "tuff-bench: %s\n", error.message);
        return false;
    }
    print_device(tuff_device_caps(bench->device));
    struct sensors sensors;
    sensors_find(&sensors, tuff_device_caps(bench->device));
    bench->sensors = &sensors;
    bench->heading = NULL;
    bool good = true;
    if (bench->options->plan)
        good = plans_print(bench) == 0;
    else if (!file_add_device(bench->file, tuff_device_caps(bench->device)))
        good = false;
    else
        good = run_groups(bench);
    tuff_device_release(bench->device);
    bench->device = NULL;
    bench->sensors = NULL;
    bench->device_index++;
    return good;
}

static int finish(struct bench *bench, bool good)
{
    const struct options *options = bench->options;
    const char *path = options_path(options);
    int count = cJSON_GetArraySize(bench->results);
    progress(NULL);
    if (count == 0 && good) {
        fprintf(stderr, "tuff-bench: nothing has an id like '%s'; --list shows them\n",
                SHOWN(options->only ? options->only : ""));
        return 2;
    }
    if (count == 0) return 1; /* an older file stays */
    struct tuff_error error = {0};
    if (file_write(bench->context, bench->file, path, (nanoseconds_now() - bench->began) * 1e-9, &error) != TUFF_OK) {
        fprintf(stderr, "tuff-bench: %s\n", error.message);
        return 1;
    }
    printf("\n%s: %d results%s\n", SHOWN(path), count, options_are_quick(options) ? ", quick: not for publication" : "");
    if (bench->wrong) printf("%u figures are WRONG or refused\n", bench->wrong);
    if (bench->failed) printf("%u works failed\n", bench->failed);
    char *files[] = {(char *)path};
    if (options->html && report_files(options->html, 1, files) != 0) return 1;
    if (options->html) printf("%s: the report\n", SHOWN(options->html));
    return good && !bench->wrong && !bench->failed ? 0 : 1;
}

static int run(struct options *options)
{
    struct tuff_options settings = {.struct_size = sizeof settings, .log = on_log};
    struct tuff_error error = {0};
    struct bench bench = {.options = options, .began = nanoseconds_now()};
    const char *const files[] = {options->plan ? options->out : options_path(options), options->html};
    bool good = true;
    tuff_options_from_env(&settings);
    tuff_status opened = tuff_context_create(&settings, &bench.context, &error);
    if (opened == TUFF_OK) opened = whole_try(bench.context, files, COUNT(files), &error);
    if (opened != TUFF_OK) {
        fprintf(stderr, "tuff-bench: %s\n", error.message);
        tuff_context_destroy(bench.context);
        return 1;
    }
    bench.file = file_create(options);
    bench.results = cJSON_GetObjectItem(bench.file, "results");
    stop_on_interrupt();
    if (!options->device_count) options->devices[options->device_count++] = NULL; /* the library's choice */
    for (uint32_t i = 0; i < options->device_count && !is_stopping(); i++)
        good = run_device(&bench, options->devices[i]) && good;
    int status = options->plan ? !good : finish(&bench, good);
    if (is_stopping()) {
        bool kept = !options->plan && cJSON_GetArraySize(bench.results) > 0;
        fprintf(stderr, "tuff-bench: interrupted; %s\n", kept ? "what was measured is in the file" : "nothing was measured");
        status = program_stop_status();
    }
    cJSON_Delete(bench.file);
    tuff_context_destroy(bench.context);
    return status;
}

int main(int argc, char **argv)
{
    struct options options;
    program_begin();
    if (argc > 1 && !strcmp(argv[1], "check")) {
        if (argc > 2) return check_files(argc - 2, argv + 2);
        fprintf(stderr, "tuff-bench: check wants result files\n");
        return 2;
    }
    if (argc > 1 && !strcmp(argv[1], "report")) {
        if (argc > 3) return report_files(argv[2], argc - 3, argv + 3);
        fprintf(stderr, "tuff-bench: report wants the page to write and result files\n");
        return 2;
    }
    options_parse(&options, argc, argv);
    if (!options.list) return run(&options);
    list_works(list_one, &options);
    return 0;
}
