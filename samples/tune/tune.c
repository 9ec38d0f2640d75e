/* tune.c - tuff-tune: measures the ways in which a device can do the works of networks, and writes the winners as a tuning file. */
#include "nets.h"
#include "program.h"
#include "refuse.h"
#include "text.h"
#include "whole.h"

#include <tuff/tuff.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: tuff-tune [OPTION...] NET[:train] | MODEL.onnx | MODEL.tuff ...\n"
    "Measures how this device does the works of the networks best, beside how it does them without being told. NET is one "
    "of\n"
    "samples/nets (--list), for inference or for training.\n"
    "\n"
    "  -o, --output FILE    the winners, for tuff_tuning_open and TUFF_TUNING (default tuning.txt; it is replaced)\n"
    "  -r, --report FILE    all that was measured as JSON, without names of machines, users or paths: to be sent in\n"
    "  -b, --batch N        samples at a time, of NETs and of open sizes of ONNX models (default 1; training: the net's "
    "own)\n"
    "  -n, --runs N         runs of each way, of which the fastest counts (default 7)\n"
    "  -d, --device NAME    index, UUID or part of a name, as tuff-info lists them\n"
    "  -l, --list           print the names of the nets\n"
    "  -h, --help           print this text\n"
    "  -V, --version        print the version\n"
    "\n"
    "Results are the same bits with such a file as without. Exit status: 0 it was measured, 1 an error, 2 wrong use.\n";

struct tune {
    struct tuff_context *context;
    struct tuff_device *device;
    uint32_t batch, runs, works, won;
    double standard_ns, winner_ns;
    struct whole report; /* without a stream where none is wanted */
    char *rows;          /* [owned] of all networks, without their heads */
    char head[600];      /* two lines */
};

static int complain(const char *what, const struct tuff_error *error)
{
    fprintf(stderr, "tuff-tune: %s%s%s\n", what ? what : "", what ? ": " : "", error->message);
    return 1;
}

/* ---- what is measured ------------------------------------------------------------------------------------------------------------ */

static void print_result(void *user, const struct tuff_tune_result *result)
{
    struct tune *t = user;
    FILE *report = t->report.stream;
    bool won = strcmp(result->standard, result->winner) != 0;
    printf("  %-64s %3u x %-16s %9.1f us", result->work, result->launches, result->standard, result->standard_ns * 1e-3);
    if (won)
        printf("   %-16s %9.1f us  %.2f\n", result->winner, result->winner_ns * 1e-3,
               result->winner_ns / result->standard_ns);
    else
        printf("   stays\n");
    t->standard_ns += result->standard_ns;
    t->winner_ns += result->winner_ns;
    t->won += won;
    if (report) {
        fprintf(report, "%s\n  {\"work\": ", t->works ? "," : "");
        text_to_json(report, result->work);
        fprintf(report,
                ", \"launches\": %u, \"standard\": \"%s\", \"winner\": \"%s\", \"standard_ns\": %.0f, \"winner_ns\": %.0f, "
                "\"ways\": {",
                result->launches, result->standard, result->winner, result->standard_ns, result->winner_ns);
        for (uint32_t i = 0; i < result->ways; i++)
            fprintf(report, "%s\"%s\": %.0f", i ? ", " : "", result->way[i].text, result->way[i].ns);
        fprintf(report, "}}");
    }
    t->works++;
}

/* The rows behind the two lines of a text's head. */
static bool keep_rows(struct tune *t, const char *text)
{
    const char *rows = strchr(text, '\n');
    rows = rows ? strchr(rows + 1, '\n') : NULL;
    if (!rows) return false;
    snprintf(t->head, sizeof t->head, "%.*s", (int)(rows + 1 - text), text);
    size_t before = t->rows ? strlen(t->rows) : 0;
    char *larger = realloc(t->rows, before + strlen(rows));
    if (!larger) return false;
    memcpy(larger + before, rows + 1, strlen(rows));
    t->rows = larger;
    return true;
}

static tuff_status tune_outputs(struct tune *t, struct tuff_graph *g, const tuff_val *outputs, uint32_t count,
                                struct tuff_error *error)
{
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = outputs, .output_count = count};
    const struct tuff_tune_params tune = {.struct_size = sizeof tune, .runs = t->runs, .report = print_result, .user = t};
    char *text = NULL;
    tuff_status status = tuff_tune(t->device, g, &params, &tune, &text, error);
    if (status == TUFF_OK && !keep_rows(t, text)) {
        status = TUFF_ERR_MEMORY;
        snprintf(error->message, sizeof error->message, "out of memory");
    }
    tuff_text_free(t->context, text);
    return status;
}

/* ---- networks --------------------------------------------------------------------------------------------------------------------- */

static tuff_status tune_net(struct tune *t, const struct zoo_net *net, bool training, struct tuff_error *error)
{
    struct zoo_work work = {.net = NULL};
    tuff_status status = zoo_work_create(t->context, net, training ? ZOO_TRAIN : ZOO_INFER,
                                         training   ? t->batch
                                         : t->batch ? t->batch
                                                    : 1,
                                         &work, error);
    if (status == TUFF_OK) status = tune_outputs(t, work.graph, work.outputs, work.output_count, error);
    zoo_work_finish(&work);
    return status;
}

static tuff_status tune_model(struct tune *t, const char *path, struct tuff_error *error)
{
    struct tuff_saved *saved = NULL;
    struct tuff_graph *g = NULL;
    tuff_val outputs[TUFF_MODEL_OUTPUTS];
    tuff_status status = tuff_saved_open(t->context, path, &saved, error);
    const struct tuff_saved_info *info = status == TUFF_OK ? tuff_saved_info(saved) : NULL;
    if (info) status = tuff_graph_create(t->context, &g, error);
    if (info && status == TUFF_OK) status = tuff_graph_parse(g, info->graph, error);
    for (uint32_t i = 0; info && status == TUFF_OK && i < info->output_count; i++)
        outputs[i] = tuff_graph_find(g, info->outputs[i].name);
    if (info && status == TUFF_OK) status = tune_outputs(t, g, outputs, info->output_count, error);
    tuff_graph_destroy(g);
    tuff_saved_destroy(saved);
    return status;
}

static tuff_status tune_onnx(struct tune *t, const char *path, struct tuff_error *error)
{
    enum { MOST = 64 };
    struct tuff_onnx *onnx = NULL;
    struct tuff_graph *g = NULL;
    tuff_val inputs[MOST], outputs[MOST];
    tuff_status status = tuff_onnx_open(t->context, path, NULL, &onnx, error);
    uint32_t in_count = status == TUFF_OK ? tuff_onnx_input_count(onnx) : 0,
             count = status == TUFF_OK ? tuff_onnx_output_count(onnx) : 0;
    if (status == TUFF_OK && (in_count > MOST || count > MOST)) {
        snprintf(error->message, sizeof error->message, "it has more than %d inputs or outputs", (int)MOST);
        status = TUFF_ERR_UNSUPPORTED;
    }
    if (status == TUFF_OK) status = tuff_graph_create(t->context, &g, error);
    for (uint32_t i = 0; status == TUFF_OK && i < in_count; i++) {
        const struct tuff_onnx_end in = tuff_onnx_input(onnx, i);
        struct tuff_shape shape = {.rank = in.rank > 0 ? (uint32_t)in.rank : 0};
        for (uint32_t k = 0; k < shape.rank && k < TUFF_MAX_RANK; k++)
            shape.dim[k] = in.dim[k] > 0 ? (uint32_t)in.dim[k] : t->batch ? t->batch : 1;
        inputs[i] = tuff_input(g, in.name, tuff_element_dtype(in.element), shape);
    }
    const struct tuff_onnx_add_params params = {.struct_size = sizeof params, .inputs = inputs};
    if (status == TUFF_OK) status = tuff_onnx_add(onnx, g, &params, outputs, error);
    if (status == TUFF_OK) status = tune_outputs(t, g, outputs, count, error);
    tuff_graph_destroy(g);
    tuff_onnx_destroy(onnx);
    return status;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length > tail && !strcmp(text + length - tail, end);
}

/* The net of a name, which ":train" may follow; NULL: none is called so. */
static const struct zoo_net *net_of(const char *name, bool *training)
{
    char net[64];
    *training = ends_with(name, ":train");
    snprintf(net, sizeof net, "%.*s", (int)(strlen(name) - (*training ? 6 : 0)), name);
    return zoo_net_find(net);
}

static bool is_file(const char *name) { return ends_with(name, ".onnx") || ends_with(name, ".tuff"); }

static int tune_named(struct tune *t, const char *name)
{
    struct tuff_error error = {0};
    bool training;
    const struct zoo_net *net = net_of(name, &training);
    printf("%s\n", name);
    tuff_status status = !is_file(name)             ? tune_net(t, net, training, &error)
                         : ends_with(name, ".onnx") ? tune_onnx(t, name, &error)
                                                    : tune_model(t, name, &error);
    return status == TUFF_OK ? 0 : complain(name, &error);
}

/* ---- files ------------------------------------------------------------------------------------------------------------------------- */

static void begin_report(const struct tune *t)
{
    const struct tuff_caps *caps = tuff_device_caps(t->device);
    FILE *report = t->report.stream;
    struct tuff_caps_field field;
    const char *const texts[] = {"name", caps->name, "driver_name", caps->driver_name, "driver_info", caps->driver_info};
    fprintf(report, "{\"tuff_tune\": 1, \"tuff_version\": \"%s\", \"class\": \"%s\"", tuff_version(),
            tuff_device_class_name(tuff_class_of(caps)));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i += 2) {
        fprintf(report, ", \"%s\": ", texts[i]);
        text_to_json(report, texts[i + 1]);
    }
    fprintf(report, ",\n \"vendor_id\": %u, \"device_id\": %u, \"driver_id\": %u, \"driver_version\": %u, \"caps\": {",
            caps->vendor_id, caps->device_id, caps->driver_id, caps->driver_version);
    for (uint32_t i = 0; tuff_caps_field(i, &field); i++)
        fprintf(report, "%s\"%s\": %llu", i ? ", " : "", field.name, (unsigned long long)tuff_caps_value(caps, &field));
    fprintf(report, "},\n \"works\": [");
}

static tuff_status write_rows(const struct tune *t, const char *path, struct tuff_error *error)
{
    struct whole file;
    if (!whole_begin(&file)) return refuse(error, TUFF_ERR_MEMORY, "out of memory");
    fprintf(file.stream, "%s%s", t->head, t->rows ? t->rows : "");
    return whole_write(&file, t->context, path, error);
}

static int tune_all(struct tune *t, char **names, int count, const char *output, const char *report)
{
    struct tuff_error error = {0};
    int status = 0;
    if (whole_try(t->context, (const char *const[]){output, report}, 2, &error) != TUFF_OK) return complain(NULL, &error);
    if (report && !whole_begin(&t->report)) return complain("out of memory", &error);
    if (report) begin_report(t);
    printf("%s\n", tuff_device_caps(t->device)->name);
    for (int i = 0; i < count && status == 0; i++) status = tune_named(t, names[i]);
    if (report) {
        fprintf(t->report.stream, "\n ]}\n");
        if (status != 0)
            whole_drop(&t->report);
        else if (whole_write(&t->report, t->context, report, &error) != TUFF_OK)
            return complain(NULL, &error);
    }
    if (status != 0) return status;
    if (t->works == 0)
        printf("no work of these has several ways on this device\n");
    else
        printf("%u works, %u of them faster by another way; all of them took %.1f us, now %.1f us (%.2f)\n", t->works,
               t->won, t->standard_ns * 1e-3, t->winner_ns * 1e-3, t->standard_ns > 0 ? t->winner_ns / t->standard_ns : 1);
    return write_rows(t, output, &error) == TUFF_OK ? 0 : complain(NULL, &error);
}

static int list_nets(void)
{
    for (uint32_t i = 0; i < zoo_net_count; i++)
        printf("%-20s %s%s\n", zoo_nets[i].name, zoo_nets[i].title, zoo_nets[i].trains ? " (:train)" : "");
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"report", required_argument, NULL, 'r'},
                                            {"batch", required_argument, NULL, 'b'},
                                            {"runs", required_argument, NULL, 'n'},
                                            {"device", required_argument, NULL, 'd'},
                                            {"list", no_argument, NULL, 'l'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    struct tuff_options settings = {.struct_size = sizeof settings};
    struct tuff_error error = {0};
    struct tune t = {.context = NULL};
    const char *output = "tuning.txt", *report = NULL, *device = NULL;
    int option;
    program_begin();
    while ((option = getopt_long(argc, argv, "o:r:b:n:d:lhV", options, NULL)) != -1) {
        switch (option) {
        case 'o': output = optarg; break;
        case 'r': report = optarg; break;
        case 'b': t.batch = option_whole("tuff-tune", "batch", optarg, 1, 4096); break;
        case 'n': t.runs = option_whole("tuff-tune", "runs", optarg, 1, 10000); break;
        case 'd': device = optarg; break;
        case 'l': return list_nets();
        case 'h': fputs(usage, stdout); return 0;
        case 'V': printf("tuff-tune %s\n", tuff_version()); return 0;
        default: fprintf(stderr, "(tuff-tune --help lists the options)\n"); return 2;
        }
    }
    if (optind == argc) wrong_use("tuff-tune", "which networks?");
    for (int i = optind; i < argc; i++) { /* before anything takes its time */
        bool training;
        const struct zoo_net *net = net_of(argv[i], &training);
        if (!is_file(argv[i]) && !net)
            wrong_use("tuff-tune", "no net is called \"%s\" (--list), and it is no .onnx or .tuff file", argv[i]);
        if (!is_file(argv[i]) && training && !net->trains) wrong_use("tuff-tune", "%s is not trained", net->name);
    }
    tuff_options_from_env(&settings);
    if (tuff_context_create(&settings, &t.context, &error) != TUFF_OK) return complain(NULL, &error);
    int status = 1;
    if (tuff_device_create(t.context, device, &t.device, &error) != TUFF_OK)
        (void)complain(NULL, &error);
    else
        status = tune_all(&t, argv + optind, argc - optind, output, report);
    free(t.rows);
    tuff_device_release(t.device);
    tuff_context_destroy(t.context);
    return status;
}
