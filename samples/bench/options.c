/* options.c - the command line of tuff-bench. */
#include "bench.h"
#include "stats.h"
#include "text.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "tuff-bench - measures a device and what Tuff makes of it: peaks, operators, nets; every figure with its check\n"
    "\n"
    "  tuff-bench [OPTION...]              run everything that --only leaves, on one device or several\n"
    "  tuff-bench --plan [--only PATTERN]  what the nets' plans cost, without running them\n"
    "  tuff-bench check FILE...            is this a valid result file, and do its figures follow from its samples?\n"
    "  tuff-bench report OUT.html FILE...  one page that compares result files\n"
    "\n"
    "  -d, --device NAME    index, UUID or part of a name, as tuff-info lists them; may be given several times\n"
    "  -o, --only A,B,..    ids that contain one of the texts, or match it where it has a * (--list shows them)\n"
    "  -q, --quick          a small set, fewer runs: under a minute; the file is marked so\n"
    "  -l, --list           ids and titles of everything that can be measured (with --quick: of the small set)\n"
    "  -p, --plan           launches, barriers, bytes of the nets' plans; --json with it writes them as JSON\n"
    "  -b, --barriers       with --plan: for each net the chain of launches that its barriers follow from\n"
    "  -j, --json FILE      results (default tuff-bench.json)\n"
    "      --html FILE      the report of these results as well\n"
    "  -s, --sustained SEC  a matmul for so many seconds: burst and sustained figure, clocks and temperature over time\n"
    "      --min-seconds X  time of each figure, at least (default 1)\n"
    "      --min-runs N     samples of each figure, at least (default 20)\n"
    "      --max-seconds X  time after which a figure has to do with fewer samples (default 60)\n"
    "      --cache-mb N     cold figures go through buffers of so many MB (default 64, discrete GPUs 256)\n"
    "      --data DIR       Fashion-MNIST, for time to accuracy (default /usr/share/datasets/fashion-mnist)\n"
    "  -h, --help           this text\n"
    "  -V, --version        version of Tuff\n"
    "\n"
    "Exit status: 0 all figures are right, 1 something was wrong or failed, 2 wrong use, 130 and the like after a signal.\n"
    "How to run it for a review and what each figure means: samples/bench/README.md\n";

enum { HTML = 1000, LEAST_SECONDS, LEAST_RUNS, MOST_SECONDS, CACHE_MB, DATA };
static const struct option names[] = {{"device", required_argument, NULL, 'd'},
                                      {"only", required_argument, NULL, 'o'},
                                      {"quick", no_argument, NULL, 'q'},
                                      {"list", no_argument, NULL, 'l'},
                                      {"plan", no_argument, NULL, 'p'},
                                      {"barriers", no_argument, NULL, 'b'},
                                      {"json", required_argument, NULL, 'j'},
                                      {"html", required_argument, NULL, HTML},
                                      {"sustained", required_argument, NULL, 's'},
                                      {"min-seconds", required_argument, NULL, LEAST_SECONDS},
                                      {"min-runs", required_argument, NULL, LEAST_RUNS},
                                      {"max-seconds", required_argument, NULL, MOST_SECONDS},
                                      {"cache-mb", required_argument, NULL, CACHE_MB},
                                      {"data", required_argument, NULL, DATA},
                                      {"help", no_argument, NULL, 'h'},
                                      {"version", no_argument, NULL, 'V'},
                                      {NULL, 0, NULL, 0}};

static void wrong(const char *format, const char *what)
{
    fprintf(stderr, "tuff-bench: ");
    fprintf(stderr, format, SHOWN(what));
    fprintf(stderr, "\n(tuff-bench --help lists the options)\n");
    exit(2);
}

static double number(const char *name, const char *text, double least, double most)
{
    char *end = NULL, sentence[200];
    double value = strtod(text, &end);
    if (end != text && !*end && value >= least && value <= most) return value;
    snprintf(sentence, sizeof sentence, "--%s wants a number from %g to %g, not '%%s'", name, least, most);
    wrong(sentence, text);
    return 0;
}

static void add_device(struct options *options, const char *name)
{
    if (options->device_count == DEVICES_MAX) wrong("too many devices before '%s'", name);
    options->devices[options->device_count++] = name;
}

static bool ends_in_json(const char *path)
{
    size_t length = strlen(path);
    return length > 5 && strcmp(path + length - 5, ".json") == 0;
}

void options_parse(struct options *options, int count, char **arguments)
{
    double seconds = 0, most = 0, runs = 0;
    opterr = 0; /* its own sentences show what was given as it is */
    *options = (struct options){.data = "/usr/share/datasets/fashion-mnist"};
    for (int option; (option = getopt_long(count, arguments, "d:o:qlpbj:s:hV", names, NULL)) != -1;) {
        switch (option) {
        case 'd': add_device(options, optarg); break;
        case 'o': options->only = optarg; break;
        case 'q': options->quick = true; break;
        case 'l': options->list = true; break;
        case 'p': options->plan = true; break;
        case 'b': options->barriers = true; break;
        case 'j': options->out = optarg; break;
        case 's': options->sustained_seconds = number("sustained", optarg, 1, 14400); break;
        case HTML: options->html = optarg; break;
        case LEAST_SECONDS: seconds = number("min-seconds", optarg, 0.001, 1e5); break;
        case LEAST_RUNS: runs = number("min-runs", optarg, 1, STATS_RUNS_MAX); break;
        case MOST_SECONDS: most = number("max-seconds", optarg, 0.001, 1e5); break;
        case CACHE_MB: options->cache_bytes = (uint64_t)number("cache-mb", optarg, 1, 65536) << 20; break;
        case DATA: options->data = optarg; break;
        case 'h': fputs(usage, stdout); exit(0);
        case 'V': printf("tuff-bench %s, workload version %d\n", tuff_version(), WORKLOAD_VERSION); exit(0);
        default: wrong("unknown option, or one without its value: '%s'", arguments[optind - 1]);
        }
    }
    if (optind < count) wrong("unexpected argument '%s'", arguments[optind]);
    if (options->out && !strcmp(options->out, "-")) wrong("--json %s would mix with what is printed: name a file", "-");
    if (options->html && (ends_in_json(options->html) || !strcmp(options->html, options_path(options))))
        wrong("--html names the page, and %s would be results", options->html);
    options->min_seconds = seconds > 0 ? seconds : options->quick ? 0.1 : MIN_SECONDS;
    options->min_runs = runs > 0 ? (uint32_t)runs : options->quick ? 5 : MIN_RUNS;
    options->max_seconds = most > 0 ? most : options->quick ? 2 : 60;
}

bool options_are_quick(const struct options *options)
{
    return options->quick || fmin(options->min_seconds, options->max_seconds) < MIN_SECONDS || options->min_runs < MIN_RUNS;
}

/* Only the last * is tried in several places: an earlier one that fits where it first can leaves the most to the others. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL, *from = NULL;
    for (;;) {
        if (*pattern == '*') {
            star = ++pattern, from = text;
        } else if (*pattern == *text) {
            if (!*text) return true;
            pattern++, text++;
        } else {
            if (!star || !*from) return false;
            pattern = star, text = ++from;
        }
    }
}

const char *options_path(const struct options *options) { return options->out ? options->out : "tuff-bench.json"; }

bool options_wants(const struct options *options, const char *id)
{
    char pattern[200];
    for (const char *p = options->only; p; p = strchr(p, ',')) {
        p += *p == ',';
        snprintf(pattern, sizeof pattern, "%.*s", (int)strcspn(p, ","), p);
        if (strchr(pattern, '*') ? matches(pattern, id) : strstr(id, pattern) != NULL) return true;
    }
    return !options->only;
}

bool options_selects(const struct options *options, const char *id, bool quick)
{
    return options_wants(options, id) && (quick || !options->quick);
}
