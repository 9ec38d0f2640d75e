/* sample.c - see sample.h. */
#include "sample.h"
#include "refuse.h"
#include "whole.h"

#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS = 24, OWN = 4 };

/* ---- command line --------------------------------------------------------------------------------------------------------------- */

static void wrong(const struct sample *s, const char *format, ...) TUFF_PRINTF(2, 3);
static void wrong(const struct sample *s, const char *format, ...)
{
    char sentence[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s: %s\n(%s --help lists the options)\n", s->name, SHOWN(sentence), s->name);
    exit(2);
}

static void print_option(const struct sample_option *o)
{
    char name[64], now[200] = "";
    snprintf(name, sizeof name, "--%s%s", o->name, o->flag ? "" : o->text ? " TEXT" : o->count ? " N" : " NUMBER");
    if (o->count) snprintf(now, sizeof now, " (%u)", (unsigned)*o->count);
    if (o->number) snprintf(now, sizeof now, " (%g)", *o->number);
    if (o->text && *o->text) snprintf(now, sizeof now, " (%s)", *o->text);
    printf("  %-20s %s%s\n", name, o->about, now);
}

static void set(const struct sample *s, const struct sample_option *o, const char *text)
{
    char *end = NULL;
    if (o->flag) *o->flag = true;
    if (o->text) *o->text = text;
    if (o->flag || o->text) return;
    double value = strtod(text, &end);
    bool good = end != text && !*end && value >= o->least && value <= o->most && (!o->count || value == floor(value));
    if (!good) wrong(s, "--%s cannot be \"%s\": it is a number from %g to %g", o->name, text, o->least, o->most);
    if (o->number) *o->number = value;
    if (o->count) *o->count = (uint32_t)value;
}

static void parse(struct sample *s, const char *about, const struct sample_option *options, uint32_t count, int argc,
                  char **argv)
{
    struct sample_option all[OPTIONS + OWN];
    struct option longs[OPTIONS + OWN + 1];
    bool help = false, version = false;
    const struct sample_option own[OWN] = {{"out", "folder for what it writes", .text = &s->out},
                                           {"device", "index, UUID or part of the name (tuff-info)", .text = &s->chosen},
                                           {"version", "prints the version", .flag = &version},
                                           {"help", "prints this", .flag = &help}};
    uint32_t total = 0;
    for (uint32_t i = 0; i < count && i < OPTIONS; i++) all[total++] = options[i];
    for (uint32_t i = 0; i < OWN; i++) all[total++] = own[i];
    memset(longs, 0, sizeof longs);
    for (uint32_t i = 0; i < total; i++)
        longs[i] = (struct option){all[i].name, all[i].flag ? no_argument : required_argument, NULL, 256 + (int)i};
    const struct sample_option *seen = NULL;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (option < 256 || option >= 256 + (int)total)
            wrong(s, "unknown option, or one without its value: \"%s\"", argv[optind - 1]);
        seen = &all[option - 256];
        if (!help) set(s, seen, optarg);
    }
    if (version) {
        print_version(s->name);
        exit(0);
    }
    if (help) {
        printf("%s - %s\n\n", s->name, about);
        for (uint32_t i = 0; i < total; i++) print_option(&all[i]);
        exit(0);
    }
    s->words = (const char **)(argv + optind);
    s->word_count = (uint32_t)(argc - optind);
}

/* ---- begin and end --------------------------------------------------------------------------------------------------------------- */

tuff_status sample_begin(struct sample *s, const char *name, const char *about, const struct sample_option *options,
                         uint32_t option_count, uint32_t words_most, int argc, char **argv)
{
    program_begin();
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    *s = (struct sample){.name = name, .out = "out", .record = {.x = "epoch"}, .began = seconds_now()};
    parse(s, about, options, option_count, argc, argv);
    if (s->word_count > words_most) wrong(s, "\"%s\" is no option", s->words[words_most]);
    program_catch_signals();
    struct tuff_options *settings = calloc(1, sizeof *settings);
    if (!settings) return TUFF_ERR_MEMORY;
    *settings = (struct tuff_options){.struct_size = sizeof *settings, .log = program_log, .log_user = settings};
    tuff_options_from_env(settings);
    tuff_status status = tuff_context_create(settings, &s->context, &s->error);
    s->settings = settings;
    if (status == TUFF_OK) status = tuff_cancel_create(s->context, &s->cancel, &s->error);
    if (status == TUFF_OK) status = tuff_folder_hold(s->context, s->out, &s->folder, &s->error);
    if (status == TUFF_OK) status = tuff_device_create(s->context, s->chosen, &s->device, &s->error);
    if (status == TUFF_OK) printf("device   %s\n", SHOWN(tuff_device_caps(s->device)->name));
    return status;
}

int sample_end(struct sample *s, tuff_status status)
{
    bool stopped = status == TUFF_ERR_CANCELLED && program_stopping();
    program_tell("", 0, 0);
    if (stopped)
        fprintf(stderr, "%s: stopped\n", s->name);
    else if (status != TUFF_OK)
        fprintf(stderr, "%s: %s\n", s->name, s->error.message[0] ? SHOWN(s->error.message) : tuff_status_name(status));
    record_finish(&s->record);
    tuff_device_release(s->device);
    tuff_folder_release(s->folder);
    tuff_cancel_destroy(s->cancel);
    tuff_context_destroy(s->context);
    free(s->settings);
    return stopped ? program_stop_status() : status != TUFF_OK;
}

const char *sample_path(const struct sample *s, const char *name, char *path)
{
    snprintf(path, SAMPLE_PATH, "%s/%s", s->out, name);
    return path;
}

tuff_status sample_refuse(struct sample *s, tuff_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s->error.message, sizeof s->error.message, format, arguments);
    va_end(arguments);
    return s->error.status = status;
}

tuff_status sample_write(struct sample *s, const char *name, const void *data, size_t bytes)
{
    char path[SAMPLE_PATH];
    return tuff_file_write(s->context, sample_path(s, name, path), (struct tuff_span){data, bytes}, &s->error);
}

/* ---- a fit ------------------------------------------------------------------------------------------------------------------------ */

/* A fit, an evaluation, a prediction then ends with TUFF_ERR_CANCELLED. */
static bool goes_on(struct sample *s)
{
    if (program_stopping()) tuff_cancel_request(s->cancel);
    return !program_stopping();
}

static bool report(void *user, const char *what, uint64_t done, uint64_t total)
{
    program_tell(what, (double)done, (double)total);
    return goes_on(user);
}

struct tuff_progress sample_progress(struct sample *s)
{
    return (struct tuff_progress){.report = report, .user = s, .cancel = s->cancel};
}

static bool on_step(void *user, const struct tuff_fit_progress *progress)
{
    char what[40];
    snprintf(what, sizeof what, "epoch %u: step", (unsigned)progress->epoch + 1);
    program_tell(what, (double)progress->step, (double)progress->steps);
    return goes_on(user);
}

static bool on_epoch(void *user, const struct tuff_epoch *e)
{
    struct sample *s = user;
    program_tell("", 0, 0);
    printf("epoch %3u  loss %.4f", (unsigned)e->epoch + 1, e->train.loss);
    if (s->validated) printf(" (validation %.4f)", e->validation.loss);
    for (uint32_t k = 0; k < e->train.count; k++) {
        printf("  %s %.5g", e->train.metric[k].name, e->train.metric[k].value);
        if (s->validated) printf(" (%.5g)", e->validation.metric[k].value);
    }
    printf("  %.*f s\n", e->seconds < 1 ? 3 : 1, e->seconds);
    goes_on(s);
    return record_epoch(&s->record, e, s->validated);
}

void sample_watch(struct sample *s, struct tuff_fit_params *fit)
{
    s->validated = fit->validation || fit->validation_share > 0;
    fit->on_step = on_step;
    fit->on_epoch = on_epoch;
    fit->user = s;
}

tuff_status sample_curves(struct sample *s)
{
    char path[SAMPLE_PATH];
    tuff_status status = record_write(&s->record, s->context, sample_path(s, "curves", path), &s->error);
    if (status == TUFF_OK) printf("files    %s.csv, .svg, .png\n", SHOWN(path));
    return status;
}

/* ---- made-up numbers --------------------------------------------------------------------------------------------------------------- */

/* splitmix64: Steele, Lea, Flood 2014 */
uint32_t sample_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

double sample_uniform(uint64_t *state, double least, double most)
{
    return least + (most - least) * (sample_random(state) / 4294967296.0);
}

/* Box and Muller 1958 */
double sample_normal(uint64_t *state)
{
    double u = (sample_random(state) + 1.0) / 4294967296.0, v = sample_random(state) / 4294967296.0;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}
