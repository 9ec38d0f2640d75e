/* tuff-inspect - what is in a model file, and what running it costs. tuff-inspect --help says the rest. */
#include "inspect.h"
#include "program.h"
#include "text.h"
#include "whole.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: tuff-inspect [OPTION..] FILE\n"
    "Tells what is in a model file and what running it costs: inputs and outputs, parameters, operators and which of them "
    "are not\n"
    "covered; multiply-adds, launches, pipelines and memory of its plan. FILE is an ONNX model, a model or checkpoint of "
    "Tuff's\n"
    "(.tuff), or arrays (safetensors, .pth, .h5, .npz, ..).\n"
    "\n"
    "  -s, --shape NAME=SIZES  of an input, \"images=1,3,224,224\", or of all open dimensions of a name, \"batch=8\"; the "
    "only input\n"
    "                          needs no NAME. Open dimensions that nobody says are 1. May be repeated\n"
    "  -v, --value NAME=NUMBER all elements of an input, where its numbers choose what is computed; else 0\n"
    "  -l, --limits PROFILE    costs on a smaller class of device too: the device clamped to a profile as of TUFF_LIMITS "
    "(floor, v3d71,\n"
    "                          mali-g31, adreno618, pascal, navi31, ..), which \"all\" stands for. May be repeated\n"
    "  -p, --profile           run the network (on zeros, with weights as at the beginning) and tell where its time goes\n"
    "  -j, --json              print JSON; README.md of samples/inspect says what is in it\n"
    "      --html FILE         write a page with the graph: zoom, search, details of nodes\n"
    "  -d, --device NAME       the device: its index, UUID or part of its name\n"
    "  -h, --help              print this text\n"
    "  -V, --version           print the version\n"
    "\n"
    "Exit status: 0 it can run (or holds arrays), 1 it cannot, or an error, 2 wrong use.\n";

static const char *const classes[] = {"floor", "v3d71", "mali-g31", "adreno618", "pascal", "navi31"};

static int wrong(const char *what, const char *text)
{
    fprintf(stderr, "tuff-inspect: %s %s\n%s", what, SHOWN(text), usage);
    return 2;
}

static bool add(const char **list, uint32_t *count, uint32_t most, const char *text)
{
    if (*count < most) list[(*count)++] = text;
    return *count < most;
}

/* -1: go on; else the exit status. */
static int parse(struct options *o, int count, char **arguments)
{
    static const struct option longs[] = {{"shape", required_argument, NULL, 's'},  {"value", required_argument, NULL, 'v'},
                                          {"limits", required_argument, NULL, 'l'}, {"profile", no_argument, NULL, 'p'},
                                          {"json", no_argument, NULL, 'j'},         {"html", required_argument, NULL, 'H'},
                                          {"device", required_argument, NULL, 'd'}, {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0}};
    int option;
    bool room = true;
    opterr = 0; /* its own sentences show what was given as it is */
    while ((option = getopt_long(count, arguments, "s:v:l:pjd:hV", longs, NULL)) != -1) {
        switch (option) {
        case 's': room = add(o->shapes, &o->shape_count, SHAPES, optarg) && room; break;
        case 'v': room = add(o->values, &o->value_count, SHAPES, optarg) && room; break;
        case 'l':
            for (size_t i = 0; !strcmp(optarg, "all") && i < sizeof classes / sizeof classes[0]; i++)
                room = add(o->limits, &o->limit_count, LIMITS, classes[i]) && room;
            if (strcmp(optarg, "all") != 0) room = add(o->limits, &o->limit_count, LIMITS, optarg) && room;
            break;
        case 'p': o->profile = true; break;
        case 'j': o->json = true; break;
        case 'H': o->html = optarg; break;
        case 'd': o->device = optarg; break;
        case 'h': fputs(usage, stdout); return 0;
        case 'V': print_version("tuff-inspect"); return 0;
        default: return wrong("wrong use at", arguments[optind - 1]);
        }
        if (!room) return wrong("too many options like", arguments[optind - 1]);
    }
    if (optind == count) return wrong("which file is it?", "");
    if (optind + 1 < count) return wrong("unexpected argument", arguments[optind + 1]);
    o->path = arguments[optind];
    return -1;
}

static tuff_status show(struct inspected *x, struct tuff_context *context, const struct options *options,
                        struct tuff_error *error)
{
    tuff_status status = whole_try(context, &options->html, 1, error);
    if (status == TUFF_OK) status = inspect_file(x, context, options, error);
    if (status != TUFF_OK) return status;
    if (options->json)
        print_inspected_json(stdout, x);
    else
        print_inspected(stdout, x);
    return options->html ? write_page(x, context, options->html, error) : TUFF_OK;
}

int main(int count, char **arguments)
{
    struct options options = {.path = NULL};
    struct tuff_options settings = {.struct_size = sizeof settings};
    struct tuff_context *context = NULL;
    struct tuff_error error = {0};
    program_begin();
    const int end = parse(&options, count, arguments);
    if (end >= 0) return end;
    struct inspected x = {.path = options.path};
    tuff_options_from_env(&settings);
    tuff_status status = tuff_context_create(&settings, &context, &error);
    if (status == TUFF_OK) status = show(&x, context, &options, &error);
    if (status != TUFF_OK)
        fprintf(stderr, "tuff-inspect: %s\n", error.message[0] ? SHOWN(error.message) : tuff_status_name(status));
    const int code = status == TUFF_ERR_USAGE ? 2 : status != TUFF_OK || x.runs == RUNS_NO ? 1 : 0;
    inspected_finish(&x);
    tuff_context_destroy(context);
    return code;
}
