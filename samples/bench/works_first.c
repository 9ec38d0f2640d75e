/* works_first.c - seconds from opening the device to the first result on the host: cold, with empty caches, and warm. Shaders
 * are compiled, pipelines made, weights uploaded. Drivers' own caches are turned off for cold where a variable does that. */
#ifndef _WIN32
#define _DEFAULT_SOURCE
#endif
#include "net_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <dirent.h>
#include <unistd.h>
#endif

enum { RUNS = 5, QUICK_RUNS = 2 };
static const struct {
    const char *net;
    enum zoo_mode mode;
    bool quick;
} works[] = {{"squeezenet-1.1", ZOO_INFER, true}, {"resnet18", ZOO_INFER, false}, {"gpt-4x256", ZOO_TRAIN, false}};
static const char *const temperatures[] = {"cold", "warm"};

static void id_of(size_t work, int warm, char *id, size_t bytes)
{
    snprintf(id, bytes, "first/%s-%s/%s", works[work].net, works[work].mode == ZOO_TRAIN ? "train" : "infer",
             temperatures[warm]);
}

static void title_of(size_t work, int warm, char *title, size_t bytes)
{
    snprintf(title, bytes, "%s, %s, %s", zoo_net_find(works[work].net)->title,
             works[work].mode == ZOO_TRAIN ? "first training step" : "first inference", temperatures[warm]);
}

void list_first(work_visit *visit, void *user)
{
    char id[128], title[128];
    for (size_t i = 0; i < COUNT(works); i++)
        for (int warm = 0; warm < 2; warm++) {
            id_of(i, warm, id, sizeof id);
            title_of(i, warm, title, sizeof title);
            visit(user, id, title, works[i].quick);
        }
}

#ifndef _WIN32
/* A folder of this run's own; false: none could be made. */
static bool make_folder(char *path, size_t bytes)
{
    const char *parent = getenv("TMPDIR");
    snprintf(path, bytes, "%s/tuff-bench-XXXXXX", parent && parent[0] ? parent : "/tmp");
    return mkdtemp(path) != NULL;
}

/* Empties it, and with `whole` removes it. */
static void clear_folder(const char *path, bool whole)
{
    DIR *folder = opendir(path);
    char file[600];
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.') remove(file);
    }
    if (folder) closedir(folder);
    if (whole) rmdir(path);
}

/* Caches of the drivers: Mesa's, NVIDIA's. Read when a device is made. */
enum { VARIABLES = 2 };
static const char *const cache_off[VARIABLES][2] = {{"MESA_SHADER_CACHE_DISABLE", "true"}, {"__GL_SHADER_DISK_CACHE", "0"}};

static void turn_off(void)
{
    for (int i = 0; i < VARIABLES; i++) setenv(cache_off[i][0], cache_off[i][1], 1);
}

static void turn_back(char *const *before) /* what the user had set; NULL: nothing */
{
    for (int i = 0; i < VARIABLES; i++) {
        if (before[i])
            setenv(cache_off[i][0], before[i], 1);
        else
            unsetenv(cache_off[i][0]);
    }
}

#else /* not written for Windows: rows are left out with a sentence */
enum { VARIABLES = 1 };
static const char *const cache_off[VARIABLES][2] = {{"", ""}};
static bool make_folder(char *path, size_t bytes)
{
    (void)path, (void)bytes;
    return false;
}
static void clear_folder(const char *path, bool whole) { (void)path, (void)whole; }
static void turn_off(void) {}
static void turn_back(char *const *before) { (void)before; }
#endif

/* From nothing to a result. */
static tuff_status first_result(struct bench *bench, size_t work, const char *folder, double *seconds, struct check *check,
                                struct tuff_error *error)
{
    struct tuff_options settings = {.struct_size = sizeof settings, .cache_dir = folder};
    struct bench own = {.options = bench->options};
    struct net_run run = {0};
    const struct zoo_net *net = zoo_net_find(works[work].net);
    double began = nanoseconds_now();
    tuff_options_from_env(&settings);
    tuff_status status = tuff_context_create(&settings, &own.context, error);
    if (status == TUFF_OK) status = open_again(&own, tuff_device_caps(bench->device), &own.device, error);
    if (status == TUFF_OK) status = net_run_create(&own, own.device, net, works[work].mode, 0, &run, error);
    if (status == TUFF_OK) status = net_run_step(&run, &(double){0}, error);
    *seconds = (nanoseconds_now() - began) * 1e-9;
    if (status == TUFF_OK && check) status = net_run_verify_first(&run, check, error);
    net_run_finish(&run);
    tuff_device_release(own.device);
    tuff_context_destroy(own.context);
    return status;
}

static tuff_status measure_first(struct bench *bench, size_t work, int warm, const char *folder, struct series *series,
                                 struct check *check, struct tuff_error *error)
{
    uint32_t runs = bench->options->quick ? QUICK_RUNS : RUNS;
    tuff_status status = TUFF_OK;
    double seconds;
    char *before[VARIABLES];
    for (int i = 0; i < VARIABLES; i++) {
        const char *set = getenv(cache_off[i][0]);
        before[i] = set ? strdup(set) : NULL;
    }
    if (!warm) turn_off();
    if (warm) status = first_result(bench, work, folder, &seconds, NULL, error); /* fills the caches */
    for (uint32_t i = 0; i < runs && status == TUFF_OK && !is_stopping(); i++) {
        if (!warm) clear_folder(folder, false);
        status = first_result(bench, work, folder, &seconds, i + 1 == runs ? check : NULL, error);
        if (status == TUFF_OK && !series_add(series, seconds * 1e9, -1)) status = TUFF_ERR_MEMORY;
    }
    if (!warm) turn_back(before);
    for (int i = 0; i < VARIABLES; i++) free(before[i]);
    if (status == TUFF_OK && !check->kind) { /* no figure without a check */
        snprintf(error->message, sizeof error->message, "interrupted before its numbers were checked");
        status = TUFF_ERR_CANCELLED;
    }
    series->few = series->count < bench->options->min_runs;
    series->per_timed = 1;
    return status;
}

static tuff_status run_work(struct bench *bench, size_t work, int warm, const char *folder)
{
    struct tuff_error error = {0};
    struct series series = {0};
    char title[128];
    title_of(work, warm, title, sizeof title);
    struct row row = {.group = "first", .title = title, .unit = "s"};
    progress("%s", title);
    id_of(work, warm, row.id, sizeof row.id);
    row.status = TUFF_ERR_UNSUPPORTED;
    snprintf(error.message, sizeof error.message, "no folder could be made for empty caches");
    if (folder) row.status = measure_first(bench, work, warm, folder, &series, &row.check, &error);
    row.message = error.message;
    row.series = row.status == TUFF_OK ? &series : NULL;
    row.extra = cJSON_CreateObject();
    cJSON_AddStringToObject(row.extra, "caches", warm ? "filled" : "empty; the driver's own turned off where it can be");
    result_add(bench, &row);
    series_free(&series, 1);
    return row.status;
}

bool works_first(struct bench *bench)
{
    char folder[500], id[128];
    tuff_status status = TUFF_OK;
    bool possible = make_folder(folder, sizeof folder);
    for (size_t i = 0; i < COUNT(works) && !is_fatal(status) && !is_stopping(); i++)
        for (int warm = 0; warm < 2 && !is_fatal(status) && !is_stopping(); warm++) {
            id_of(i, warm, id, sizeof id);
            if (options_selects(bench->options, id, works[i].quick))
                status = run_work(bench, i, warm, possible ? folder : NULL);
        }
    if (possible) clear_folder(folder, true);
    return !is_fatal(status);
}
