/* tuff-train - trains a small network on pictures and keeps the best model. The way through Tuff's interface:
 * context, device, data, model, fit (with callbacks that show, save and stop), evaluate. tuff-train --help says the rest. */
#include "confusion.h"
#include "program.h"
#include "refuse.h"
#include "text.h"
#include "train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_KEY "training"

struct run {
    struct options options;
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_folder *folder; /* --out, held */
    struct data data;
    struct facts facts;
    struct tuff_data validation; /* where it has a folder of its own */
    struct tuff_model *model;
    struct tuff_fit_params fit;
    struct zoo_picture network;
    struct augmentation augmentation;
    struct tuff_param_group groups[FROZEN_MAX + 2]; /* of --freeze and --backbone */
    char frozen[FROZEN_MAX][256], group_names[FROZEN_MAX][16],
        head[32];                /* head: what the last layer's names begin with, and * */
    float *class_weights;        /* [owned] of --class-weights, or NULL */
    uint64_t train_count, steps; /* samples left to train on, steps in an epoch */
    uint64_t skipped;            /* steps that were not finite */
    struct history history;
    struct display display;
    double began, earlier_seconds;
    bool best_unsaved, saved; /* saved: this run, or the one that it goes on with, has a checkpoint */
    char failure[200];        /* why the training has failed */
};

/* ---- callbacks of the library --------------------------------------------------------------------------------------------------- */

/* Errors come back as struct tuff_error; who asks for more (TUFF_LOG, TUFF_DEBUG) sees them here as well. */
static bool on_compile(void *user, const char *what, uint64_t done, uint64_t total)
{
    struct run *run = user;
    display_compile(&run->display, what, done, total);
    return !program_stopping();
}

static bool on_step(void *user, const struct tuff_fit_progress *progress)
{
    struct run *run = user;
    history_step(&run->history, progress);
    display_step(&run->display, progress);
    return !program_stopping();
}

static bool on_epoch(void *user, const struct tuff_epoch *epoch)
{
    struct run *run = user;
    run->skipped = epoch->skipped;
    if (!isfinite(epoch->validation.loss)) { /* nothing is saved any more: the last good checkpoint stays */
        snprintf(run->failure, sizeof run->failure, "the validation loss of epoch %u is not a finite number (%f)",
                 (unsigned)epoch->epoch + 1, epoch->validation.loss);
        return false;
    }
    const struct epoch kept = history_epoch(&run->history, epoch);
    display_epoch(&run->display, &kept, run->options.epochs, run->history.validated);
    run->best_unsaved = run->best_unsaved || epoch->best;
    return true;
}

static tuff_status save_model(struct run *run, struct tuff_model *model, struct tuff_error *error)
{
    char which[MODEL_TEXT], path[1100];
    struct tuff_fit_state state = tuff_model_state(model);
    struct tuff_pair text = {MODEL_KEY, which};
    struct tuff_model_save_params params = {.struct_size = sizeof params,
                                            .preprocess = run->data.preprocess,
                                            .class_names = run->data.train.class_names,
                                            .class_count = run->data.train.class_count,
                                            .texts = &text,
                                            .text_count = 1};
    facts_model(&run->facts, &run->options, &state, which);
    tuff_status status = tuff_model_save(run->context, model, options_file(&run->options, "model.tuff", path), &params,
                                         error);
    run->best_unsaved = run->best_unsaved && status != TUFF_OK;
    return status;
}

/* After every epoch and when the fit is stopped: the checkpoint, then the best model, which go_on writes where a kill came between. */
static tuff_status on_save(void *user, struct tuff_model *model, struct tuff_error *error)
{
    struct run *run = user;
    struct tuff_pair texts[OPTION_TEXTS_MAX + FACTS + 1];
    char numbers[OPTION_TEXTS_MAX][32], path[1100];
    tuff_status status = TUFF_OK;
    if (run->failure[0]) return TUFF_OK;
    if (!run->saved)
        place_clear(&run->options); /* --force: of the earlier result nothing is taken for one of this training */
    run->history.seconds = run->earlier_seconds + seconds_now() - run->began;
    char *history = history_print(&run->history);
    if (!history) return TUFF_ERR_MEMORY;
    size_t count = options_texts(&run->options, texts, numbers);
    count += facts_texts(&run->facts, texts + count);
    texts[count++] = (struct tuff_pair){"history", history};
    struct tuff_model_checkpoint checkpoint = {sizeof checkpoint, run->context,
                                               options_file(&run->options, CHECKPOINT, path), texts, count};
    status = tuff_model_checkpoint_save(&checkpoint, model, error);
    run->saved = run->saved || status == TUFF_OK;
    free(history);
    return status == TUFF_OK && run->best_unsaved ? save_model(run, model, error) : status;
}

/* ---- stations ------------------------------------------------------------------------------------------------------------------- */

static tuff_status open_device(struct run *run, struct tuff_error *error)
{
    tuff_status status = tuff_device_create(run->context, run->options.device[0] ? run->options.device : NULL, &run->device,
                                            error);
    if (status != TUFF_OK) return status;
    const struct tuff_caps *caps = tuff_device_caps(run->device);
    printf("device   %s, driver %s %s\n", caps->name, caps->driver_name, caps->driver_info);
    return TUFF_OK;
}

static uint64_t validation_count(const struct run *run)
{
    return run->data.validation.count ? run->data.validation.count : run->data.train.count - run->train_count;
}

static tuff_status read_data(struct run *run, struct tuff_error *error)
{
    struct options *options = &run->options;
    tuff_status status = data_read(run->context, options, &run->data, error);
    if (status != TUFF_OK) data_print_report(&run->data);
    if (status != TUFF_OK) return status;
    const struct tuff_dataset *train = &run->data.train;
    if (run->data.validation.count) options->validation = 0;
    run->train_count = train->count - (uint64_t)((double)train->count * options->validation); /* as tuff_model_fit splits */
    if (options->batch == 0)
        for (options->batch = run->network.batch ? run->network.batch : 64;
             options->batch > 8 && run->train_count / options->batch < 8;)
            options->batch /= 2;
    if (options->batch > run->train_count) {
        options->batch = (uint32_t)run->train_count;
        printf("batch    %u: there are no more pictures to train on\n", (unsigned)options->batch);
    }
    run->history.validated = validation_count(run) > 0;
    run->steps = (run->train_count + options->batch - 1) / options->batch;
    printf("data     %s: %u classes, %u x %u %s\n", SHOWN(options->data), (unsigned)train->class_count,
           (unsigned)train->width, (unsigned)train->height, train->channels == 1 ? "grey" : "colour");
    printf("         %llu pictures to train on, %llu to validate, %llu to test\n", (unsigned long long)run->train_count,
           (unsigned long long)validation_count(run), (unsigned long long)run->data.test.count);
    data_print_report(&run->data);
    char why[400];
    run->augmentation = (struct augmentation){
        .mean = run->data.mean, .deviation = run->data.deviation, .classes = train->class_count};
    if (!augment_parse(options->augment, train->width, &run->augmentation.params, why, sizeof why))
        return refuse(error, TUFF_ERR_USAGE, "--augment: %s", why);
    return facts_init(&run->facts, &run->data) ? TUFF_OK : TUFF_ERR_MEMORY;
}

static uint64_t parameter_count(const struct tuff_model *model)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < tuff_model_leaf_count(model); i++) {
        struct tuff_leaf leaf = tuff_model_leaf(model, i);
        if (leaf.trained) count += tuff_shape_count(&leaf.type.shape);
    }
    return count;
}

/* Before anything is allocated: what the training takes, and what there is. */
static tuff_status ask_memory(struct run *run, struct tuff_error *error)
{
    struct tuff_data data = data_view(&run->data.train);
    struct tuff_plan_figures needs;
    tuff_status status = tuff_model_memory(run->model, &data, &run->fit, &needs, error);
    if (status != TUFF_OK) return status;
    double needed = (double)needs.total_bytes / 1e6, available = (double)tuff_device_available(run->device) / 1e6;
    printf("memory   %.1f MB of %.0f MB\n", needed, available);
    fflush(stdout);
    if (tuff_plan_fits(run->device, &needs)) return TUFF_OK;
    snprintf(error->message, sizeof error->message,
             "the training needs %.1f MB of device memory, of which %.1f MB are free; a smaller --batch needs less", needed,
             available);
    return TUFF_ERR_DEVICE_MEMORY;
}

/* --report */
static tuff_status print_report(struct run *run, struct tuff_error *error)
{
    char *text = NULL;
    tuff_status status = tuff_executable_report(tuff_model_training(run->model), &text, error);
    if (status == TUFF_OK) printf("%s", text);
    tuff_text_free(run->context, text);
    return status;
}

/* --summary */
static tuff_status print_summary(struct run *run, struct tuff_error *error)
{
    char *text = NULL;
    tuff_status status = tuff_model_summary(run->model, 1, NULL, 0, &text, error);
    if (status == TUFF_OK) printf("\n%s\n", text);
    tuff_text_free(run->context, text);
    return status;
}

/* A backbone that is left as it is predicts while the last layer trains: its norms neither use nor move statistics of batches. */
static void build_network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    struct run *run = user;
    const uint32_t classes = run->data.train.class_count;
    bool training = n->training && run->options.backbone > 0;
    struct tuff_augmented in = {.x = n->fields[0]};
    if (n->training && augment_is_on(run->options.augment))
        in = augment_batch(g, n->fields[0], n->fields[1], &run->augmentation);
    tuff_val y = zoo_picture_build(&run->network, g, in.x, training, classes, run->head);
    strcat(run->head, "*");
    tuff_val labels = in.targets ? tuff_argmax(g, in.targets, 1, TUFF_DROP_AXES) : n->fields[1];
    tuff_network_classify(g, n, y, labels, 0);
    if (!labels) return;
    struct tuff_cross_entropy_params each = {.reduction = TUFF_REDUCE_NONE};
    if (run->class_weights) {
        each.weight = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(classes)}, run->class_weights);
        n->weight = in.targets ? tuff_full(g, TUFF_F32, TUFF_SHAPE(n->batch), 1) : tuff_gather(g, each.weight, labels, 0);
    }
    if (in.targets)
        n->loss = tuff_cross_entropy_soft(g, y, in.targets, each);
    else if (run->class_weights)
        n->loss = tuff_cross_entropy(g, y, labels, each);
}

/* Parameters that do not change, then the last layer, then all others; a group that no parameter is in is refused. */
static uint32_t make_groups(struct run *run)
{
    const struct options *options = &run->options;
    uint32_t count = options_frozen(options, run->frozen);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(run->group_names[i], sizeof run->group_names[i], "frozen%u", (unsigned)i);
        run->groups[i] = tuff_param_group_defaults(run->group_names[i], run->frozen[i]);
        run->groups[i].frozen = true;
    }
    if (options->backbone == 1) return count;
    run->groups[count] = tuff_param_group_defaults("head", run->head);
    run->groups[count + 1] = tuff_param_group_defaults("backbone", "*");
    run->groups[count + 1].lr_factor = options->backbone;
    run->groups[count + 1].frozen = options->backbone == 0;
    return count + 2;
}

static struct tuff_optimizer_params optimizer_of(struct run *run, struct tuff_plateau *plateau)
{
    const struct options *options = &run->options;
    enum tuff_optimizer_kind kind = TUFF_ADAM;
    (void)tuff_optimizer_find(options->optimizer, &kind); /* options.c has looked */
    struct tuff_optimizer_params p = tuff_optimizer_defaults(kind, options->lr);
    if (kind == TUFF_SGD) p.momentum = 0.9;
    (void)options_schedule(options, run->steps, &p.schedule, plateau);
    p.precision.dtype = options_precision(options);
    p.groups = run->groups;
    p.group_count = make_groups(run);
    return p;
}

static tuff_status make_model(struct run *run, struct tuff_error *error)
{
    const struct options *options = &run->options;
    struct tuff_dataset *train = &run->data.train;
    if (options->class_weights[0]) {
        run->class_weights = calloc(train->class_count, sizeof *run->class_weights);
        tuff_status known = run->class_weights ? options_weights(options, train, run->class_weights, error)
                                               : TUFF_ERR_MEMORY;
        if (known != TUFF_OK) return known;
    }
    struct tuff_model_params params = {
        .struct_size = sizeof params,
        .build = build_network,
        .user = run,
        .fields = {TUFF_FIELD("x", TUFF_U8, train->channels, train->height, train->width), TUFF_LABELS("labels")},
        .batch = options->batch,
        .seed = options->seed,
        .progress = {.report = on_compile, .user = run},
    };
    params.fields[0].scale = 1 / run->data.deviation; /* pixels of mean 0 and deviation 1 */
    params.fields[0].shift = -run->data.mean / run->data.deviation;
    tuff_status status = tuff_model_create(run->device, &params, &run->model, error);
    if (status != TUFF_OK) return status;
    run->validation = data_view(&run->data.validation);
    struct tuff_plateau plateau;
    struct tuff_optimizer_params optimizer = optimizer_of(run, &plateau);
    run->fit = (struct tuff_fit_params){
        .struct_size = sizeof run->fit,
        .optimizer = optimizer,
        .epochs = options->epochs,
        .plateau = plateau,
        .early_stop = {.patience = options->early_stop},
        .not_finite = options->skip_not_finite ? TUFF_NOT_FINITE_SKIPS : TUFF_NOT_FINITE_STOPS,
        .memory_budget = options->memory_budget,
        .validation_share = options->validation,
        .validation = run->data.validation.count ? &run->validation : NULL,
        .on_step = on_step,
        .on_epoch = on_epoch,
        .user = run,
        .save = on_save,
        .save_user = run,
    };
    printf("network  %s, %llu parameters; %u epoch%s of %llu steps of %u, learning rate %g\n", options->arch,
           (unsigned long long)parameter_count(run->model), (unsigned)options->epochs, options->epochs == 1 ? "" : "s",
           (unsigned long long)run->steps, (unsigned)options->batch, options->lr);
    fflush(stdout);
    if (options->summary && (status = print_summary(run, error)) != TUFF_OK) return status;
    return ask_memory(run, error);
}

/* Networks here have parameters and statistics of f32, and states of i32. */
static bool same_type(enum tuff_element element, struct tuff_type type)
{
    return (element == TUFF_ELEMENT_F32 && type.dtype == TUFF_F32) ||
           (element == TUFF_ELEMENT_I32 && type.dtype == TUFF_I32);
}

/* --start: weights and statistics of a model file wherever names, types and shapes are the same; the others stay as they began. */
static tuff_status start_from(struct run *run, struct tuff_error *error)
{
    struct tuff_saved *saved = NULL;
    uint32_t taken = 0, count = tuff_model_leaf_count(run->model), trained = 0;
    tuff_status status = tuff_saved_open(run->context, run->options.start, &saved, error);
    for (uint32_t i = 0; i < count && status == TUFF_OK; i++) {
        struct tuff_leaf leaf = tuff_model_leaf(run->model, i);
        struct tuff_array array;
        bool same = tuff_tensors_find(tuff_saved_tensors(saved), leaf.name, &array) && same_type(array.element, leaf.type) &&
                    array.rank == leaf.type.shape.rank;
        for (uint32_t d = 0; same && d < array.rank; d++) same = array.dim[d] == leaf.type.shape.dim[d];
        trained += leaf.trained;
        if (!same && leaf.trained && strncmp(leaf.name, run->head, strlen(run->head) - 1) != 0) {
            status = refuse(error, TUFF_ERR_USAGE, "%.300s: is not of the network %s on such pictures: lacks its %.100s",
                            run->options.start, run->options.arch, leaf.name);
        }
        if (!same || status != TUFF_OK) continue;
        status = tuff_model_write(run->model, leaf.name, array.data, (size_t)array.bytes, error);
        taken += leaf.trained;
    }
    tuff_saved_destroy(saved);
    if (status == TUFF_OK) printf("start    %u of %u tensors from %s\n", taken, trained, SHOWN(run->options.start));
    return status;
}

/* Whether model.tuff is of this training, and, best, the one that did best on the validation split: no other file of that name counts. */
static tuff_status check_model(struct run *run, const struct tuff_saved *saved, bool best, const char *path,
                               struct tuff_error *error)
{
    char wanted[MODEL_TEXT];
    struct tuff_fit_state state = tuff_model_state(run->model);
    const char *found = tuff_tensors_text(tuff_saved_tensors(saved), MODEL_KEY),
               *tail = found ? strstr(found, ", data") : NULL;
    facts_model(&run->facts, &run->options, &state, wanted);
    if (tail && !strcmp(best ? found : tail, best ? wanted : strstr(wanted, ", data"))) return TUFF_OK;
    return refuse(error, TUFF_ERR_FORMAT,
                  "%.200s is not this training's%s model, so that nothing is said of it: it is of %.150s, not of %.150s",
                  path, best ? " best" : "", found ? found : "another program", wanted);
}

/* The model beside the checkpoint: another training's is refused, and one that a kill left behind is written anew from the checkpoint. */
static tuff_status match_model(struct run *run, struct tuff_error *error)
{
    char path[1100];
    struct tuff_saved *saved = NULL;
    struct tuff_fit_state state = tuff_model_state(run->model);
    bool now = state.epoch > 0 && state.step == 0 && state.best_epoch + 1 == state.epoch;
    tuff_status status = TUFF_OK;
    if (program_exists(options_file(&run->options, "model.tuff", path))) {
        status = tuff_saved_open(run->context, path, &saved, error);
        if (status == TUFF_OK) status = check_model(run, saved, false, path, error);
        tuff_saved_destroy(saved);
        if (status != TUFF_OK) {
            struct tuff_error why = *error;
            refuse(error, status, "%.400s. To go on without it, move it away", why.message);
        }
    }
    return status == TUFF_OK && now ? save_model(run, run->model, error) : status;
}

/* --resume: weights, optimizer and place of the checkpoint, and the story so far. */
static tuff_status go_on(struct run *run, struct tuff_error *error)
{
    char path[1100];
    struct tuff_tensors *file = NULL;
    options_checkpoint(&run->options, path);
    tuff_status status = tuff_checkpoint_read(run->context, path, NULL, &file, error);
    if (status != TUFF_OK) return status;
    status = facts_compare(&run->facts, file, path, error);
    const char *history = tuff_tensors_text(file, "history");
    if (status == TUFF_OK && !history_parse(&run->history, history)) {
        status = refuse(error, TUFF_ERR_FORMAT, "%.300s: its history cannot be read", path);
    }
    tuff_tensors_destroy(file);
    if (status == TUFF_OK) status = tuff_model_checkpoint_load(run->context, run->model, path, error);
    if (status == TUFF_OK) status = match_model(run, error);
    run->saved = true;
    run->earlier_seconds = run->history.seconds;
    struct tuff_fit_state state = tuff_model_state(run->model);
    if (status == TUFF_OK)
        printf("resumed  after %llu epochs and %llu steps\n", (unsigned long long)state.epoch,
               (unsigned long long)state.step);
    return status;
}

/* A sentence for a training that came to nothing: why, and what is left of it. */
static tuff_status failed(const struct run *run, tuff_status status, struct tuff_error *error)
{
    struct tuff_error why = *error;
    if (run->failure[0]) snprintf(why.message, sizeof why.message, "%s", run->failure);
    if (run->failure[0]) status = TUFF_ERR_FORMAT; /* the fit was only asked to stop */
    refuse(error, status, "%.300s. %s%.120s%s", why.message[0] ? why.message : tuff_status_name(status),
           run->saved ? "The last good checkpoint stays in " : "Nothing is saved", run->saved ? run->options.out : "",
           run->failure[0] || why.status == TUFF_ERR_NOT_FINITE ? ". A smaller --lr may help" : "");
    return status;
}

/* --find-rate: nothing is trained that stays. */
static tuff_status find_rate(struct run *run, const struct tuff_data *data, struct tuff_error *error)
{
    struct tuff_rate_point points[TUFF_RATE_STEPS];
    struct tuff_found_rate found;
    const struct tuff_find_rate_params params = {.struct_size = sizeof params, .first = 1e-6, .last = 10};
    const char *picture = "";
    tuff_status status = tuff_model_find_rate(run->model, data, &run->fit, &params, points, &found, error);
    program_release_signals();
    display_clear(&run->display);
    if (status != TUFF_OK) return status;
    if (found.count < 2) return refuse(error, TUFF_ERR_NOT_FINITE, "the loss is not finite from the first steps on");
    status = rates_write(run->context, &run->options, points, &found, &picture, error);
    if (status != TUFF_OK) return status;
    if (found.rate > 0)
        printf("rate     the loss falls steepest at %.2g and is least at %.2g: try --lr %.1g\n", found.rate, found.least,
               found.rate);
    else
        printf("rate     the loss falls at no rate from %g to %g\n", points[0].rate, points[found.count - 1].rate);
    printf("files    %s/%s\n", SHOWN(run->options.out), picture);
    return TUFF_OK;
}

static tuff_status train(struct run *run, struct tuff_error *error)
{
    struct tuff_data data = data_view(&run->data.train);
    tuff_status status = tuff_model_prepare(run->model, &data, &run->fit, error); /* before weights: groups lie together */
    if (status == TUFF_OK) status = place_try(run->context, &run->options, run->model, error);
    if (status == TUFF_OK && run->options.resume) status = go_on(run, error);
    if (status == TUFF_OK && run->options.start[0]) status = start_from(run, error);
    if (status != TUFF_OK) return status;
    if (run->options.find_rate) return find_rate(run, &data, error);
    run->began = seconds_now();
    status = tuff_model_fit(run->model, &data, &run->fit, error);
    program_release_signals();
    display_clear(&run->display);
    run->history.seconds = run->earlier_seconds + seconds_now() - run->began;
    struct tuff_fit_state state = tuff_model_state(run->model);
    if (status == TUFF_OK && run->options.early_stop && state.since_best >= run->options.early_stop)
        printf("stopped  after epoch %llu: the %s loss got no better for %llu epoch%s\n", (unsigned long long)state.epoch,
               run->history.validated ? "validation's" : "training's", (unsigned long long)state.since_best,
               state.since_best == 1 ? "" : "s");
    if (run->skipped)
        printf("skipped  %llu steps whose loss or gradients were not finite\n", (unsigned long long)run->skipped);
    if (status == TUFF_ERR_CANCELLED && !run->failure[0]) return status; /* asked to stop */
    return status == TUFF_OK && !run->failure[0] ? status : failed(run, status, error);
}

/* The test set, by the model that did best on the validation split. */
static tuff_status test(struct run *run, struct result *result, struct class_scores *scores, struct tuff_error *error)
{
    char path[1100];
    struct tuff_saved *best = NULL;
    struct tuff_data data = data_view(&run->data.test);
    struct tuff_metrics metrics = {0};
    tuff_status status = tuff_saved_open(run->context, options_file(&run->options, "model.tuff", path), &best, error);
    if (status == TUFF_OK) status = check_model(run, best, true, path, error);
    if (status == TUFF_OK) status = tuff_saved_load(best, run->model, error);
    if (status == TUFF_OK && data.count) status = tuff_model_evaluate(run->model, &data, &metrics, error);
    tuff_saved_destroy(best);
    result->has_test = data.count > 0;
    result->test = score_of(&metrics);
    if (status == TUFF_OK && result->has_test)
        printf("test     accuracy %.2f %%, loss %.4f: the model of epoch %u on %llu pictures\n", 100 * result->test.accuracy,
               result->test.loss, (unsigned)result->best_epoch + 1, (unsigned long long)data.count);
    if (status == TUFF_OK && result->has_test) {
        status = result_score(run->context, run->model, &run->data, scores, error);
        result->scores = scores;
    }
    return status;
}

enum { FEW_STEPS = 500 };

/* What a beginner may not see: a loss no better than guessing, or hardly any steps. */
static void advise(const struct run *run)
{
    const struct history *h = &run->history;
    uint64_t steps = run->steps * run->options.epochs;
    double best = INFINITY, guess = log(run->data.train.class_count);
    for (uint32_t i = 0; i < h->epoch_count; i++)
        best = fmin(best, h->validated ? h->epochs[i].validation.loss : h->epochs[i].train.loss);
    bool asked = run->options.class_weights[0] || run->options.quick || run->options.early_stop;
    if (asked || h->epoch_count == 0 || run->data.train.class_count < 2) return;
    if (!(best < guess))
        printf("hint     no loss below %.2f, that of guessing: another --lr (--find-rate looks for one), or more --epochs\n",
               guess);
    else if (steps < FEW_STEPS && h->epochs[h->epoch_count - 1].train.loss > guess / 4) /* it goes on falling */
        printf("hint     %llu steps are few: --epochs %llu makes some %d\n", (unsigned long long)steps,
               (unsigned long long)((FEW_STEPS + run->steps - 1) / run->steps), FEW_STEPS);
}

/* Curves, confusion matrix and the page of all. */
static tuff_status draw(struct run *run, const struct result *result, struct tuff_error *error)
{
    const char *curves = "", *matrix = NULL;
    char path[1100];
    tuff_status status = curves_write(run->context, &run->options, &run->history, run->options.epochs, &curves, error);
    if (status == TUFF_OK && result->scores) {
        const struct confusion confusion = {result->scores->confusion, result->scores->classes, result->scores->names};
        int width, height;
        confusion_size(&confusion, &width, &height);
        status = canvas_write(run->context, options_file(&run->options, "confusion", path), width, height, confusion_draw,
                              &confusion, &matrix, error);
    }
    if (status == TUFF_OK)
        status = report_write(run->context, options_file(&run->options, "report.html", path), result, error);
    if (status != TUFF_OK) return status;
    printf("files    %s/model.tuff, report.html, %s", SHOWN(run->options.out), curves);
    printf(matrix ? ", confusion%s\n" : "\n", matrix);
    return TUFF_OK;
}

static tuff_status finish(struct run *run, struct class_scores *scores, struct tuff_error *error)
{
    struct result result = {.options = &run->options,
                            .data = &run->data,
                            .history = &run->history,
                            .caps = tuff_device_caps(run->device),
                            .train_count = run->train_count,
                            .validation_count = validation_count(run),
                            .parameter_count = parameter_count(run->model),
                            .plan = tuff_model_figures(run->model)};
    uint64_t now_bytes;
    result.best_epoch = (uint32_t)tuff_model_state(run->model).best_epoch;
    printf("speed    %.0f samples/s, %.1f s of training\n", history_rate(&run->history), run->history.seconds);
    tuff_status status = test(run, &result, scores, error);
    if (status != TUFF_OK) return status;
    advise(run);
    tuff_device_memory(run->device, &now_bytes, &result.peak_bytes);
    if (run->options.report && (status = print_report(run, error)) != TUFF_OK) return status;
    tuff_status drawn = draw(run, &result, error);
    if (run->options.json[0]) /* also where the pictures cannot be written */
        status = result_write(run->context, run->options.json, &result, drawn == TUFF_OK ? error : &(struct tuff_error){0});
    return drawn == TUFF_OK ? status : drawn;
}

/* ---- the way -------------------------------------------------------------------------------------------------------------------- */

static int stopped(struct run *run)
{
    if (tuff_model_state(run->model).run == 0) {
        printf("Stopped before the first step; %s.\n",
               run->options.resume ? "the checkpoint stays as it was" : "nothing is saved");
        return program_stop_status();
    }
    struct tuff_error error = {0};
    const char *curves;
    if (curves_write(run->context, &run->options, &run->history, run->options.epochs, &curves, &error) != TUFF_OK)
        fprintf(stderr, "tuff-train: %s\n", SHOWN(error.message));
    printf("Stopped, and saved in %s/" CHECKPOINT ". To go on: tuff-train --resume --out %s\n", SHOWN(run->options.out),
           SHOWN(run->options.out));
    return program_stop_status();
}

static int go(struct run *run)
{
    struct tuff_error error = {0};
    struct class_scores scores = {.classes = 0};
    bool shows = run->options.show_augmentation[0];
    tuff_status status = TUFF_OK;
    (void)zoo_picture_find(run->options.arch, &run->network); /* options.c has looked */
    if (!shows) status = place_take(run->context, &run->options, &run->folder, &error);
    if (status == TUFF_OK) status = open_device(run, &error);
    if (status == TUFF_OK) status = read_data(run, &error);
    if (status == TUFF_OK && shows) {
        status = augment_show(run->context, run->device, &run->augmentation, &run->options, &run->data.train, &error);
        if (status == TUFF_OK) return 0;
    }
    program_catch_signals(); /* until the training has ended */
    if (status == TUFF_OK) status = make_model(run, &error);
    if (status == TUFF_OK) status = train(run, &error);
    if (status == TUFF_OK && !run->options.find_rate) status = finish(run, &scores, &error);
    class_scores_finish(&scores);
    if (status == TUFF_ERR_CANCELLED) return stopped(run);
    if (status == TUFF_OK) return 0;
    fflush(stdout);
    fprintf(stderr, "tuff-train: %s\n", error.message[0] ? SHOWN(error.message) : tuff_status_name(status));
    return 1;
}

int main(int count, char **arguments)
{
    struct run run = {.best_unsaved = false};
    struct tuff_options context = {.struct_size = sizeof context, .log = program_log, .log_user = &context};
    struct tuff_error error = {0};
    int code = 1;
    program_begin();
    tuff_options_from_env(&context);
    display_init(&run.display);
    if (!history_init(&run.history) || tuff_context_create(&context, &run.context, &error) != TUFF_OK) {
        fprintf(stderr, "tuff-train: %s\n", error.message[0] ? error.message : "out of memory");
    } else {
        options_parse(&run.options, count, arguments, run.context);
        code = go(&run);
        tuff_model_destroy(run.model);
        data_finish(run.context, &run.data);
        tuff_folder_release(run.folder);
        tuff_device_release(run.device);
        tuff_context_destroy(run.context);
    }
    history_finish(&run.history);
    free(run.facts.classes);
    free(run.class_weights);
    return code;
}
