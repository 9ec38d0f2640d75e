/* options.c - the command line. One table gives parsing, the help text, and what a checkpoint remembers. */
#include "program.h"
#include "text.h"
#include "train.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, WHOLE, REAL, FLAG, SIZE };
/* By a checkpoint: a kept option cannot change when training goes on, but for those that may DIFFER; LATER: checkpoints of versions before lack it. */
enum keep { NOT_KEPT, KEPT, LATER, KEPT_LATER, DIFFER };
enum group { DATA, NETWORK, TRAINING, OPTIMIZER, OUTPUT, DEVICE, GROUPS };
static const char *const group_names[GROUPS] = {"Data", "Network", "Training", "Optimizer", "Output", "Device"};
struct row {
    const char *name;
    enum group group; /* of the help; the rows of one stand together */
    enum kind kind;
    size_t offset, size;
    double least, most; /* of a number; least of a text: characters */
    int kept;           /* enum keep */
    const char *argument, *help;
};
static const char of_folders[] =
    "class folders: "; /* what the help of an option begins with that is nothing to other data */
#define FIELD(name) offsetof(struct options, name), sizeof(((struct options *)0)->name)
static const struct row rows[] = {
    {"data", DATA, TEXT, FIELD(data), 0, 0, KEPT | DIFFER, "PATH",
     "folder of IDX files as of MNIST, an .npz (x_train, y_train, ..), or a folder of class folders with pictures (PNG, "
     "JPEG, WebP, GIF, BMP, PNM, TIFF, JPEG 2000)"},
    {"validation", DATA, REAL, FIELD(validation), 0, 0.9, KEPT, "X", "share that picks the best model (default 0.1)"},
    {"test", DATA, REAL, FIELD(test), 0, 0.9, KEPT, "X", "class folders: share that is only tested on (default 0.1)"},
    {"size", DATA, WHOLE, FIELD(size), 8, 512, KEPT, "N",
     "class folders: pictures become N x N (default: the network's, or 32)"},
    {"channels", DATA, WHOLE, FIELD(channels), 1, 3, KEPT, "N", "class folders: 1 grey, 3 colour (default)"},
    {"fit", DATA, TEXT, FIELD(fit), 0, 0, KEPT, "HOW", "class folders: stretch, pad or crop (default)"},
    {"invert", DATA, TEXT, FIELD(invert), 0, 0, KEPT, "HOW", "class folders: never (default) or always"},
    {"skip-damaged", DATA, FLAG, FIELD(skip_damaged), 0, 0, KEPT_LATER, NULL,
     "leaves out pictures that cannot be read (default: the first is an error)"},
    {"quick", DATA, FLAG, FIELD(quick), 0, 0, KEPT, NULL, "one epoch over 6,400 pictures"},

    {"arch", NETWORK, TEXT, FIELD(arch), 0, 0, KEPT, "NAME", "which network, of the list below (default cnn)"},
    {"start", NETWORK, TEXT, FIELD(start), 1, 0, NOT_KEPT, "FILE",
     "begins with the weights of a model.tuff of the same network; other classes get a new last layer"},
    {"freeze", NETWORK, TEXT, FIELD(freeze), 0, 0, KEPT_LATER, "PATTERN",
     "leaves parameters of these names as they are: conv1.*,*.bias"},
    {"backbone", NETWORK, REAL, FIELD(backbone), 0, 1, KEPT_LATER, "X",
     "share of --lr for all but the last layer (default 1); 0 leaves them as they are"},

    {"epochs", TRAINING, WHOLE, FIELD(epochs), 1, EPOCHS_MAX, KEPT | DIFFER, "N",
     "times through the data (default: by network)"},
    {"batch", TRAINING, WHOLE, FIELD(batch), 1, 65536, KEPT, "N", "samples in a step (default 64, fewer for few pictures)"},
    {"early-stop", TRAINING, WHOLE, FIELD(early_stop), 0, EPOCHS_MAX, KEPT_LATER | DIFFER, "EPOCHS",
     "ends after so many epochs in which the validation's loss (without one, the training's) got no better (default 0: does "
     "not)"},
    {"class-weights", TRAINING, TEXT, FIELD(class_weights), 0, 0, KEPT_LATER, "HOW",
     "balanced (rare classes count more: pictures / (classes x its pictures)), or a number for each class: 1,2.5,1"},
    {"seed", TRAINING, WHOLE, FIELD(seed), 0, 4294967295.0, KEPT, "N", "of weights, order, dropout, split (default 1)"},
    {"augment", TRAINING, TEXT, FIELD(augment), 1, 0, KEPT_LATER, "LIST",
     "changes pictures at random while it trains: none (default), light, strong, or flip, shift, crop, rotate, shear, zoom, "
     "brightness, contrast, saturation, hue, color, erase, mixup, cutmix, with numbers where they should differ: "
     "flip,shift=2,rotate=10"},
    {"show-augmentation", TRAINING, TEXT, FIELD(show_augmentation), 1, 0, NOT_KEPT, "FILE",
     "draws what --augment makes of some pictures, as PNG, and ends"},
    {"memory-budget", TRAINING, SIZE, FIELD(memory_budget), 1, 1e15, NOT_KEPT, "N",
     "bytes at most (64M, 2G) of what a step computes on the way: what does not fit is computed a second time"},
    {"skip-not-finite", TRAINING, FLAG, FIELD(skip_not_finite), 0, 0, KEPT, NULL,
     "leaves out steps whose loss or gradients are infinite or NaN, and counts them (default: the first ends the training)"},
    {"resume", TRAINING, FLAG, FIELD(resume), 0, 0, NOT_KEPT, NULL,
     "goes on from " CHECKPOINT " in --out, with its options"},

    {"optimizer", OPTIMIZER, TEXT, FIELD(optimizer), 1, 0, KEPT_LATER, "KIND",
     "adam (default), adamw, sgd (momentum 0.9), rmsprop, adagrad, adadelta, adamax, lion or lamb; others than adam want "
     "their own --lr"},
    {"lr", OPTIMIZER, REAL, FIELD(lr), 1e-9, 1e30, KEPT, "X", "largest learning rate (default: by network, for adam)"},
    {"schedule", OPTIMIZER, TEXT, FIELD(schedule), 1, 0, KEPT_LATER, "HOW",
     "cosine (default), linear, one-cycle, constant, or plateau: a tenth where the validation's loss gets no better for 3 "
     "epochs"},
    {"precision", OPTIMIZER, TEXT, FIELD(precision), 1, 0, KEPT_LATER, "TYPE",
     "f32 (default), f16 or bf16: what layers read and keep for gradients, beside parameters of f32; f16 with a loss scale"},
    {"find-rate", OPTIMIZER, FLAG, FIELD(find_rate), 0, 0, NOT_KEPT, NULL,
     "trains up to 100 steps with rising rates, draws their losses in --out, says which --lr to take, and ends"},

    {"out", OUTPUT, TEXT, FIELD(out), 1, 0, NOT_KEPT, "DIR",
     "where model.tuff, " CHECKPOINT ", report.html and its pictures go (default trained)"},
    {"force", OUTPUT, FLAG, FIELD(force), 0, 0, NOT_KEPT, NULL, "replaces the result of an earlier training in --out"},
    {"json", OUTPUT, TEXT, FIELD(json), 1, 0, NOT_KEPT, "FILE", "writes what came out as JSON"},
    {"summary", OUTPUT, FLAG, FIELD(summary), 0, 0, NOT_KEPT, NULL,
     "tells the network's layers, with shapes, parameters and multiply-adds, before it is trained"},
    {"report", OUTPUT, FLAG, FIELD(report), 0, 0, NOT_KEPT, NULL, "tells in the end what ran slower than it could, and why"},

    {"device", DEVICE, TEXT, FIELD(device), 1, 0, NOT_KEPT, "NAME",
     "index, UUID or part of a name, as tuff-info lists them"},
};
enum { ROW_COUNT = sizeof rows / sizeof rows[0], HELP = 1000, VERSION };
_Static_assert((int)ROW_COUNT <= (int)OPTION_TEXTS_MAX, "more options than texts");

/* A line of the help: what is on the left, and a text that is broken at spaces. */
static void print_line(const char *left, const char *text)
{
    enum { INDENT = 24, WIDTH = 76 };
    printf("  %-*s", INDENT - 2, left);
    if (strlen(left) > INDENT - 3) printf("\n%*s", INDENT, "");
    while (strlen(text) > WIDTH) {
        int length = WIDTH;
        while (length > 1 && text[length] != ' ') length--;
        printf("%.*s\n%*s", length, text, INDENT, "");
        text += length + (text[length] == ' ');
    }
    printf("%s\n", text);
}

static void help(void)
{
    char left[60], text[300];
    printf("tuff-train - trains a network that tells pictures apart, on any GPU with a Vulkan driver\n\n"
           "  tuff-train --data DIR [--arch NAME] [--out DIR] [OPTION...]\n"
           "  tuff-train --resume [--out DIR]\n");
    for (int i = 0; i < ROW_COUNT; i++) {
        const struct row *row = &rows[i];
        if (i == 0 || row->group != rows[i - 1].group) printf("\n%s:\n", group_names[row->group]);
        snprintf(left, sizeof left, "--%s%s%s", row->name, row->argument ? " " : "", row->argument ? row->argument : "");
        print_line(left, row->help);
    }
    printf("\nOther:\n");
    print_line("--help", "this text");
    print_line("--version", "version of Tuff, and what pictures it reads");
    printf("\nNetworks:\n");
    struct zoo_picture net;
    for (uint32_t i = 0; zoo_picture(i, &net); i++) {
        snprintf(text, sizeof text, "%s (%u epochs, rate %g)", net.about, (unsigned)net.epochs, net.lr);
        print_line(net.name, text);
    }
    printf("\nFolders train/, test/ and val/ (or valid/, validation/) in --data, with class folders in them, are what they "
           "are\ncalled: "
           "nothing is drawn from train/ for a set that has a folder of its own.\n");
    printf("\nCtrl-C, SIGTERM and SIGHUP save and stop; --resume goes on from there, bit for bit.\n");
}

#define wrong(...) wrong_use("tuff-train", __VA_ARGS__)

/* ---- values --------------------------------------------------------------------------------------------------------------------- */

/* What stands behind a number of bytes, and multiplies it: K, M and G are powers of 1024. */
static char *read_unit(char *unit, double *value)
{
    const char *units = "KMG", *found = *unit ? strchr(units, *unit) : NULL;
    for (const char *u = units; found && u <= found; u++) *value *= 1024;
    return unit + (found != NULL);
}

static bool set(struct options *options, const struct row *row, const char *text)
{
    void *field = (char *)options + row->offset;
    char *end = NULL;
    if (row->kind == TEXT) {
        if (strlen(text) >= row->size || (double)strlen(text) < row->least) return false;
        strcpy(field, text);
        return true;
    }
    double value = row->kind == FLAG ? strcmp(text, "true") == 0 : strtod(text, &end);
    if (row->kind == SIZE && end != text) end = read_unit(end, &value);
    if (row->kind != FLAG && (end == text || *end || !(value >= row->least && value <= row->most))) return false;
    uint32_t whole = row->kind == WHOLE ? (uint32_t)value : 0;
    if (row->kind == WHOLE && whole != value) return false;
    if (row->kind == WHOLE) *(uint32_t *)field = whole;
    if (row->kind == SIZE) *(uint64_t *)field = (uint64_t)value;
    if (row->kind == REAL) *(double *)field = value;
    if (row->kind == FLAG) *(bool *)field = value != 0;
    return true;
}

static void refuse_value(const struct row *row, const char *text)
{
    if (row->kind == TEXT) wrong("--%s cannot be \"%s\"", row->name, text);
    wrong("--%s cannot be \"%s\": it is %s from %.10g to %.10g", row->name, text,
          row->kind == REAL   ? "a number"
          : row->kind == SIZE ? "bytes, as 64M,"
                              : "a whole number",
          row->least, row->most);
}

/* Digits that give the same double back, 15 where that is enough. */
static void exact(double value, char *digits)
{
    snprintf(digits, 32, "%.15g", value);
    if (strtod(digits, NULL) != value) snprintf(digits, 32, "%.17g", value);
}

static size_t texts_of(const struct options *options, bool kept, struct tuff_pair *texts, char (*numbers)[32])
{
    size_t count = 0;
    for (int i = 0; i < ROW_COUNT; i++) {
        const void *field = (const char *)options + rows[i].offset;
        if (kept && !rows[i].kept) continue;
        if (rows[i].kind == WHOLE) snprintf(numbers[count], 32, "%u", (unsigned)*(const uint32_t *)field);
        if (rows[i].kind == SIZE) snprintf(numbers[count], 32, "%llu", (unsigned long long)*(const uint64_t *)field);
        if (rows[i].kind == REAL) exact(*(const double *)field, numbers[count]);
        if (rows[i].kind == FLAG) snprintf(numbers[count], 32, "%s", *(const bool *)field ? "true" : "false");
        texts[count] = (struct tuff_pair){rows[i].name, rows[i].kind == TEXT ? (const char *)field : numbers[count]};
        count++;
    }
    return count;
}

size_t options_texts(const struct options *options, struct tuff_pair *texts, char (*numbers)[32])
{
    return texts_of(options, true, texts, numbers);
}

size_t options_all(const struct options *options, struct tuff_pair *texts, char (*numbers)[32])
{
    return texts_of(options, false, texts, numbers);
}

bool options_may_differ(const char *name)
{
    for (int i = 0; i < ROW_COUNT; i++)
        if (!strcmp(rows[i].name, name)) return rows[i].kept & DIFFER;
    return false;
}

uint32_t options_frozen(const struct options *options, char (*patterns)[256])
{
    uint32_t count = 0;
    for (const char *at = options->freeze; *at && count < FROZEN_MAX; at += strspn(at, ",")) {
        size_t length = strcspn(at, ",");
        snprintf(patterns[count++], 256, "%.*s", (int)length, at);
        at += length;
    }
    return count;
}

tuff_status options_weights(const struct options *options, const struct tuff_dataset *train, float *weights,
                            struct tuff_error *error)
{
    const char *at = options->class_weights;
    if (!strcmp(at, "balanced")) { /* as scikit-learn's compute_class_weight; a class without pictures weighs nothing */
        uint32_t there = 0;
        for (uint64_t i = 0; i < train->count; i++) weights[train->labels[i]]++;
        for (uint32_t i = 0; i < train->class_count; i++) there += weights[i] > 0;
        for (uint32_t i = 0; i < train->class_count; i++)
            if (weights[i] > 0) weights[i] = (float)((double)train->count / there / (double)weights[i]);
        return TUFF_OK;
    }
    uint32_t count = 0;
    bool good = true;
    for (char *end; good && *at; count++) {
        double value = strtod(at, &end);
        good = end > at && (*end == ',' || !*end) && value >= 0 && value <= 1e6;
        if (good && count < train->class_count) weights[count] = (float)value;
        at = *end == ',' ? end + 1 : end;
    }
    if (good && count == train->class_count) return TUFF_OK;
    return refuse(error, TUFF_ERR_USAGE,
                  "--class-weights is balanced or %u numbers from 0 to 1e6, one for each class, not \"%.200s\"",
                  (unsigned)train->class_count, options->class_weights);
}

enum tuff_dtype options_precision(const struct options *options)
{
    static const enum tuff_dtype types[] = {TUFF_F32, TUFF_F16, TUFF_BF16};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (!strcmp(tuff_dtype_name(types[i]), options->precision)) return types[i];
    return 0;
}

bool options_schedule(const struct options *options, uint64_t steps, struct tuff_schedule *schedule,
                      struct tuff_plateau *plateau)
{
    static const struct {
        const char *name;
        enum tuff_schedule_kind kind;
        struct tuff_plateau plateau;
    } all[] = {{"cosine", TUFF_SCHEDULE_COSINE, {.factor = 0}},
               {"linear", TUFF_SCHEDULE_POLYNOMIAL, {.factor = 0}},
               {"one-cycle", TUFF_SCHEDULE_ONE_CYCLE, {.factor = 0}},
               {"constant", TUFF_SCHEDULE_CONSTANT, {.factor = 0}},
               {"plateau", TUFF_SCHEDULE_CONSTANT, {.factor = 0.1, .patience = 3}}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i].name, options->schedule) != 0) continue;
        *schedule = (struct tuff_schedule){.kind = all[i].kind, .lr = options->lr, .period = options->epochs * steps};
        *plateau = all[i].plateau;
        return true;
    }
    return false;
}

const char *options_checkpoint(const struct options *options, char *path)
{
    bool old = !program_exists(options_file(options, CHECKPOINT, path)) &&
               program_exists(options_file(options, OLD_CHECKPOINT, path));
    return options_file(options, old ? OLD_CHECKPOINT : CHECKPOINT, path);
}

const char *options_file(const struct options *options, const char *name, char *path)
{
    snprintf(path, 1100, "%s/%s", options->out, name);
    return path;
}

/* An option that is given beside --resume says what the checkpoint says, or is refused. */
static void compare(const struct options *options, const struct row *row, const char *text)
{
    struct options before = *options;
    struct tuff_pair now[OPTION_TEXTS_MAX];
    char numbers[OPTION_TEXTS_MAX][32];
    size_t count = options_texts(options, now, numbers), at = 0;
    while (at < count && strcmp(now[at].key, row->name)) at++;
    if (set(&before, row, text) && at < count &&
        !memcmp((char *)&before + row->offset, (const char *)options + row->offset,
                row->kind == TEXT ? strlen(text) + 1 : row->size))
        return;
    wrong("--%s is %s in the checkpoint, not %s: leave it out beside --resume", row->name, SHOWN(text),
          at < count ? now[at].value : "that");
}

static void recall(struct options *options, const bool *given, struct tuff_context *context)
{
    char path[1100];
    struct tuff_tensors *checkpoint = NULL;
    struct tuff_error error = {0};
    if (tuff_checkpoint_read(context, options_checkpoint(options, path), NULL, &checkpoint, &error) != TUFF_OK) {
        fprintf(stderr, "tuff-train: cannot go on: %s\n", error.message);
        exit(1);
    }
    for (int i = 0; i < ROW_COUNT; i++) {
        const char *text = tuff_tensors_text(checkpoint, rows[i].name);
        if (!rows[i].kept || (given[i] && rows[i].kept & DIFFER)) continue;
        if (given[i] && text) compare(options, &rows[i], text);
        if (given[i]) continue;
        if (!text && rows[i].kept & LATER) continue;
        if (text && set(options, &rows[i], text)) continue;
        fprintf(stderr, "tuff-train: %s: was not written by tuff-train (no %s)\n", SHOWN(path), rows[i].name);
        exit(1);
    }
    tuff_tensors_destroy(checkpoint);
}

static void check(const struct options *options)
{
    static const char *const fits[] = {"stretch", "pad", "crop"};
    bool good = false;
    enum tuff_optimizer_kind kind;
    struct tuff_schedule schedule;
    struct tuff_plateau plateau;
    struct tuff_augment_params augment;
    char why[400];
    if (!augment_parse(options->augment, options->size, &augment, why, sizeof why)) wrong("--augment: %s", why);
    if (options->show_augmentation[0] && !augment_is_on(options->augment))
        wrong("--show-augmentation shows what --augment does: give that too");
    size_t length = strlen(options->show_augmentation);
    if (length && (length < 5 || strcmp(options->show_augmentation + length - 4, ".png")))
        wrong("--show-augmentation draws a PNG: name a file that ends in .png");
    struct zoo_picture network;
    if (!zoo_picture_find(options->arch, &network)) {
        char names[400];
        size_t used = 0;
        for (uint32_t i = 0; zoo_picture(i, &network) && used < sizeof names; i++)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", network.name);
        wrong("there is no network \"%s\"; there are %s", options->arch, names);
    }
    if (!tuff_optimizer_find(options->optimizer, &kind))
        wrong("there is no optimizer \"%s\"; there are adam, adamw, sgd, rmsprop, adagrad, adadelta, adamax, lion, lamb",
              options->optimizer);
    if (!options_precision(options)) wrong("--precision is f32, f16 or bf16, not \"%s\"", options->precision);
    if (!options_schedule(options, 1, &schedule, &plateau))
        wrong("--schedule is cosine, linear, one-cycle, constant or plateau, not \"%s\"", options->schedule);
    for (int i = 0; i < 3; i++) good = good || !strcmp(options->fit, fits[i]);
    if (!good) wrong("--fit is stretch, pad or crop, not \"%s\"", options->fit);
    if (strcmp(options->invert, "never") && strcmp(options->invert, "always"))
        wrong("--invert is never or always, not \"%s\"", options->invert);
    if (options->channels == 2) wrong("--channels is 1 or 3");
    if (options->show_augmentation[0] && options->find_rate)
        wrong("--show-augmentation and --find-rate both end where a training would begin: give one of them");
    if ((options->show_augmentation[0] || options->find_rate) && (options->json[0] || options->report))
        wrong("--json and --report tell of a training, and %s ends before it",
              options->find_rate ? "--find-rate" : "--show-augmentation");
    if (options->find_rate && options->resume) wrong("--find-rate comes before a training, --resume goes on with one");
    if (options->force && options->resume) wrong("--force begins anew, --resume goes on with what is there");
    if (!text_is_utf8(options->data))
        wrong("the path of --data is not UTF-8, which the checkpoint keeps: rename it, or link to it");
    if (options->start[0] && options->resume) wrong("--start begins a training, --resume goes on with one");
    if (!strcmp(options->json, "-")) wrong("--json - would mix with what is printed: name a file (--json ./- for that one)");
    if (!options->data[0]) wrong("--data is missing: where are the pictures?");
}

/* ---- the line ------------------------------------------------------------------------------------------------------------------- */

void options_parse(struct options *options, int count, char **arguments, struct tuff_context *context)
{
    struct option longs[ROW_COUNT + 3] = {{0}};
    bool given[ROW_COUNT] = {false};
    *options = (struct options){.arch = "cnn",
                                .out = "trained",
                                .optimizer = "adam",
                                .schedule = "cosine",
                                .augment = "none",
                                .precision = "f32",
                                .fit = "crop",
                                .invert = "never",
                                .seed = 1,
                                .channels = 3,
                                .backbone = 1,
                                .validation = 0.1,
                                .test = 0.1};
    for (int i = 0; i < ROW_COUNT; i++)
        longs[i] = (struct option){rows[i].name, rows[i].kind == FLAG ? no_argument : required_argument, NULL, i + 1};
    longs[ROW_COUNT] = (struct option){"help", no_argument, NULL, HELP};
    longs[ROW_COUNT + 1] = (struct option){"version", no_argument, NULL, VERSION};
    opterr = 0; /* its own sentences show what was given as it is */
    for (int found; (found = getopt_long(count, arguments, "", longs, NULL)) != -1;) {
        if (found == HELP) help(), exit(0);
        if (found == VERSION) print_version("tuff-train"), exit(0);
        if (found == '?') wrong("unknown option, or one without its value: \"%s\"", arguments[optind - 1]);
        const struct row *row = &rows[found - 1];
        given[found - 1] = true;
        if (!strncmp(row->help, of_folders, sizeof of_folders - 1)) options->of_folders = row->name;
        if (row->kind == TEXT && strlen(optarg) >= row->size)
            wrong("--%s takes at most %zu bytes, not %zu", row->name, row->size - 1, strlen(optarg));
        if (!set(options, row, row->kind == FLAG ? "true" : optarg)) refuse_value(row, optarg);
    }
    if (optind < count) wrong("what is \"%s\"? Give the folder as --data %s", arguments[optind], arguments[optind]);
    if (options->resume) recall(options, given, context);
    check(options);
    struct zoo_picture network;
    (void)zoo_picture_find(options->arch, &network);
    if (options->epochs == 0) options->epochs = options->quick ? 1 : network.epochs;
    if (options->lr == 0) options->lr = network.lr;
    if (options->size == 0) options->size = network.side ? network.side : 32;
}
