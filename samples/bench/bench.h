/* bench.h - the parts of tuff-bench. main.c is the way through; each works_*.c measures one group of things. */
#ifndef BENCH_H
#define BENCH_H

#include <cjson/cJSON.h>
#include <tuff/tuff.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- options.c ----------------------------------------------------------------------------------------------------------- */

#define F32_PEAK "peak/f32/independent" /* ids that other rows are held against */
#define COPY_PEAK "peak/copy"
#define READ_PEAK "peak/read"

enum { DEVICES_MAX = 16, FORMAT_VERSION = 1, WORKLOAD_VERSION = 2 };
struct options {
    const char *devices[DEVICES_MAX];
    uint32_t device_count; /* 0: the library's choice */
    const char *only;      /* patterns of ids; NULL: all */
    const char *out, *html, *data;
    double min_seconds, max_seconds, sustained_seconds;
    uint32_t min_runs;
    uint64_t cache_bytes; /* last-level cache that cold figures go beyond; 0: by kind of device */
    bool quick, list, plan, barriers;
};
/* Exits with the help, the version, or a sentence about what is wrong. */
void options_parse(struct options *options, int count, char **arguments);
/* The small set, or less time or fewer runs than figures are to have. */
bool options_are_quick(const struct options *options);
/* Does the id belong to what --only asks for, patterns with commas between? One without * is looked for anywhere in the id. */
bool options_wants(const struct options *options, const char *id);
/* And is it part of the set that is run: with --quick the small one, to which it belongs or not? */
bool options_selects(const struct options *options, const char *id, bool quick);
const char *options_path(const struct options *options); /* of the results */

enum { MIN_RUNS = 20 }; /* of a figure that may be published, and */
#define MIN_SECONDS 1.0 /* seconds */

/* ---- measure.c: the timing loop -------------------------------------------------------------------------------------------- */

/* Something that can be run again and again. */
struct runner {
    /* One complete run, waited for. *device_ns: its device time, or left alone where there is none. */
    tuff_status (*run)(void *user, double *device_ns, struct tuff_error *error);
    void (*before)(void *user); /* untimed, before every sample; may be NULL */
    void *user;
    bool single; /* a sample is one run, also where runs are short: their own percentiles count */
};
struct series {
    double *wall_ns, *device_ns;       /* [count]; per run */
    uint32_t count, warmup, per_timed; /* runs behind one sample, whose mean it is */
    double spent_ns;                   /* in its runs */
    bool few, timed;                   /* fewer samples than asked; device_ns holds times */
};
/* Warms every runner up until its times are stable, then runs them by turns until each has at least min_runs samples and
 * min_seconds, or max_seconds are over. series [count], to be freed by series_free also after an error. */
tuff_status measure(const struct options *options, const struct runner *runners, uint32_t count, struct series *series,
                    struct tuff_error *error);
void series_free(struct series *series, uint32_t count);
bool series_add(struct series *series, double wall_ns, double device_ns); /* false: out of memory */
/* Device time of the last run into *device_ns, which stays as it is where there is none. */
void device_time(struct tuff_device *device, struct tuff_program *program, double *device_ns);
double nanoseconds_now(void); /* of a clock that never goes back */

/* ---- result.c: rows -> table and JSON ---------------------------------------------------------------------------------------- */

struct check {
    const char *kind; /* "reference", "freivalds", "values", "exact", "none" */
    double nmse, bound;
    uint64_t compared;
    bool ok;
};
struct row {
    const char *group, *title, *cache; /* cache: "warm", "cold" or NULL */
    char id[128];
    const char *unit;             /* as in stats_value */
    bool by_device;               /* the figure is of the device's clock, where it has one */
    double flops, bytes, samples; /* work of one run; 0 where it does not apply */
    const char *arithmetic;       /* id of the peak that the arithmetic is held against, or NULL */
    const struct series *series;  /* NULL: nothing was measured */
    struct check check;
    const struct tuff_plan_figures *plan; /* NULL: none */
    uint64_t spirv_hash, peak_bytes;      /* peak of device memory; 0: what the plan takes */
    uint32_t batch;
    cJSON *extra, *points; /* taken; may be NULL */
    tuff_status status;    /* not TUFF_OK: why there is no figure */
    const char *message;
};

/* What was measured is the machine's as well as the device's. */
struct load {
    double busy, own, ticks; /* of the processors so far: all, this process, and as many as there were */
    double others;           /* that was told last */
};

struct bench {
    const struct options *options;
    struct tuff_context *context;
    struct tuff_device *device;
    uint32_t device_index; /* in the file */
    cJSON *file, *results; /* results: borrowed from file */
    uint32_t wrong, failed;
    struct sensors *sensors; /* of the device; NULL: none were looked for */
    struct load load;        /* at the end of the row before */
    bool quiet;              /* rows are not printed: peaks that are measured again */
    const char *heading;     /* group whose heading was printed last */
    double began, kept;      /* nanoseconds_now: of the run (0: its file is not kept), and when the file was written last */
};
cJSON *file_create(const struct options *options);
bool file_add_device(cJSON *file, const struct tuff_caps *caps);
/* Whole or not at all. seconds: of the whole run; < 0: not told. */
tuff_status file_write(struct tuff_context *context, cJSON *file, const char *path, double seconds,
                       struct tuff_error *error);
/* Writes the results so far, at most every few seconds: a run that is ended, or ends the machine, leaves them. */
void file_keep(struct bench *bench);
void result_add_plan(cJSON *object, const struct tuff_plan_figures *plan, uint64_t spirv_hash, uint32_t batch,
                     uint64_t peak_bytes);
/* A point in time of row->points; NAN where the system tells nothing. */
void result_add_point(cJSON *points, double seconds, double value, double clock_mhz, double temperature_c);
/* Adds the row to the file and prints it; what is wrong or above a peak is never shown as a figure. */
void result_add(struct bench *bench, const struct row *row);
/* The last row is a peak that was measured once more: the better one stays, in the place of the first, and the shares of all rows
 * of the device follow. Its extras tell how often it was measured and the lowest figure. Says so where the two differ by more than a
 * tenth. */
void result_keep_better(struct bench *bench, const char *id);
void progress(const char *format, ...) TUFF_PRINTF(1, 2); /* one passing line on a terminal; NULL clears it */

/* ---- works -------------------------------------------------------------------------------------------------------------------- */

/* All return false when the benchmark must stop (device lost, interrupted); what fails alone becomes a row. */
bool works_peaks(struct bench *bench);
bool works_peaks_again(struct bench *bench); /* those that others are held against, behind each group */
bool works_peak_again(struct bench *bench, const char *id);
bool works_operators(struct bench *bench);
bool works_nets(struct bench *bench);
bool works_first(struct bench *bench);
bool works_accuracy(struct bench *bench);
bool works_sustained(struct bench *bench);
/* Calls visit with the id and the title of everything that can be measured. */
typedef void work_visit(void *user, const char *id, const char *title, bool quick);
void list_peaks(work_visit *visit, void *user);
void list_operators(work_visit *visit, void *user);
void list_nets(work_visit *visit, void *user);
void list_first(work_visit *visit, void *user);
void list_accuracy(work_visit *visit, void *user);
void list_sustained(work_visit *visit, void *user);
/* Of all groups (known.c). */
void list_works(work_visit *visit, void *user);
/* --plan */
int plans_print(struct bench *bench);
bool is_fatal(tuff_status status); /* nothing more can be measured */
/* stop.c */
void stop_on_interrupt(void);
bool is_stopping(void);

/* ---- sensors.c: what the system tells of clocks and temperature; NAN where it does not ------------------------------------------- */

struct sensors {
    char clock_path[300], temperature_path[300];
    double clock_scale; /* of the file's number to MHz */
};
void sensors_find(struct sensors *sensors, const struct tuff_caps *caps);
double sensors_clock(const struct sensors *sensors);       /* MHz */
double sensors_temperature(const struct sensors *sensors); /* degrees C */
/* The share of the processors' time that others than this process took since *load was taken, which is taken anew; what was told last
 * where that was too short, NAN where the system does not tell. */
double load_of_others(struct load *load);
double load_average(void); /* processes that ran or waited to, in the last minute; NAN */

#endif
