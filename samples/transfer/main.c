/* sample-transfer - a network that was trained on other pictures learns new classes from few: its backbone is frozen while a new head
 * learns, then all of it goes on at a tenth of the rate. README.md says more. */
#include "net.h"
#include "pictures.h"
#include "weights.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    uint32_t epochs, unfrozen, batch, size, stored, seed, letters, trained, tested, losses;
    double rate;
    const char *shape, *data, *backbone, *prefix, *pretrain, *make, *cut, *preset;
    bool normalise, augment, random, measure, answers;
};

struct job {
    struct settings set;
    struct net net, head_net;
    struct tuff_dataset train, test, none;
    struct tuff_model *whole;
    float *features[2]; /* [owned] of train and test, [count, net_features] */
    float *probabilities;
};

static struct tuff_data data_of(const struct tuff_dataset *set, const float *features)
{
    return (struct tuff_data){.count = set->count,
                              .fields = {features ? (const void *)features : set->pictures, set->labels}};
}

static tuff_status read_pictures(struct sample *s, const struct job *job, const char *folder, double test_share,
                                 struct tuff_dataset *train, struct tuff_dataset *test)
{
    struct tuff_folder_params params = {.struct_size = sizeof params,
                                        .fit = {.struct_size = sizeof params.fit,
                                                .channels = 3,
                                                .height = job->set.stored,
                                                .width = job->set.stored,
                                                .mode = TUFF_FIT_STRETCH,
                                                .filter = TUFF_FILTER_AREA},
                                        .test_fraction = test_share,
                                        .progress = sample_progress(s)};
    TRY(tuff_dataset_read_folder(s->context, folder, &params, train, test, &s->error));
    printf("pictures %u of %u classes in %s\n", (unsigned)(train->count + test->count), (unsigned)train->class_count,
           SHOWN(folder));
    return TUFF_OK;
}

static struct tuff_fit_params fit_of(uint32_t epochs, double rate)
{
    struct tuff_fit_params fit = {.struct_size = sizeof fit, .epochs = epochs};
    fit.optimizer = tuff_optimizer_defaults(TUFF_ADAM, rate);
    return fit;
}

static tuff_status save(struct sample *s, struct job *job, const struct tuff_dataset *set, const char *name)
{
    char path[SAMPLE_PATH];
    const struct tuff_model_save_params params = {
        .struct_size = sizeof params, .class_names = set->class_names, .class_count = set->class_count};
    TRY(tuff_model_save(s->context, job->whole, sample_path(s, name, path), &params, &s->error));
    printf("files    %s\n", SHOWN(path));
    return TUFF_OK;
}

/* The same network for other programs; a build without nanopb writes none. */
static tuff_status write_onnx(struct sample *s)
{
    char from[SAMPLE_PATH], to[SAMPLE_PATH];
    struct tuff_saved *saved = NULL;
    TRY(tuff_saved_open(s->context, sample_path(s, "model.tuff", from), &saved, &s->error));
    const struct tuff_onnx_write_params params = {.struct_size = sizeof params, .saved = saved};
    tuff_status status = tuff_onnx_write(s->context, sample_path(s, "model.onnx", to), &params, &s->error);
    tuff_saved_destroy(saved);
    if (status == TUFF_OK) printf("files    %s\n", SHOWN(to));
    if (status != TUFF_ERR_UNSUPPORTED) return status;
    printf("no ONNX  %s\n", SHOWN(s->error.message));
    s->error = (struct tuff_error){0};
    return TUFF_OK;
}

/* ---- the backbone's own training ------------------------------------------------------------------------------------------------------ */

static tuff_status pretrain(struct sample *s, struct job *job)
{
    TRY(read_pictures(s, job, job->set.pretrain, 0.1, &job->train, &job->test));
    job->net.classes = job->train.class_count;
    job->net.train_norms = true;
    TRY(net_create(s, &job->net, &job->whole));
    struct tuff_data train = data_of(&job->train, NULL), test = data_of(&job->test, NULL);
    struct tuff_fit_params fit = fit_of(job->set.epochs, 3 * job->set.rate);
    if (job->test.count) fit.validation = &test;
    sample_watch(s, &fit);
    TRY(tuff_model_fit(job->whole, &train, &fit, &s->error));
    TRY(save(s, job, &job->train, "backbone.tuff"));
    return sample_curves(s);
}

/* ---- frozen ----------------------------------------------------------------------------------------------------------------------------- */

/* What the frozen part gives is the same in each epoch: once is enough. */
static tuff_status make_features(struct sample *s, struct job *job)
{
    const struct tuff_dataset *const sets[2] = {&job->train, &job->test};
    double began = seconds_now();
    for (int i = 0; i < 2; i++) {
        struct tuff_data data = {.count = sets[i]->count, .fields = {sets[i]->pictures}};
        if (!job->features[i]) job->features[i] = malloc((size_t)data.count * job->net.features * sizeof(float));
        if (!job->features[i]) return sample_refuse(s, TUFF_ERR_MEMORY, "not enough memory for the features");
        TRY(tuff_model_predict(job->whole, &data, (void *[]){NULL, job->features[i]}, &s->error));
    }
    printf("features %u of each picture, once, in %.1f s\n", (unsigned)job->net.features, seconds_now() - began);
    return TUFF_OK;
}

struct head_fit {
    bool
        alone; /* from the features; else through the frozen backbone in each step, as where pictures change from epoch to epoch */
    bool watch, keep;         /* keep: in the whole network */
    uint32_t epochs, losses;  /* losses: prints those of the first so many steps */
    double seconds, accuracy; /* of the last epoch (in the first it is compiled); over the test pictures */
    double sum;               /* of the epoch's losses so far */
    uint64_t batch, samples;  /* of a step, of an epoch */
};

static bool keep_seconds(void *user, const struct tuff_epoch *epoch)
{
    ((struct head_fit *)user)->seconds = epoch->seconds;
    return !program_stopping();
}

/* Of the epoch's mean so far, which is what a fit tells, the step's part. */
static bool print_loss(void *user, const struct tuff_fit_progress *p)
{
    struct head_fit *how = user;
    uint64_t batch = how->batch, before = (p->step - 1) * batch,
             until = before + batch < how->samples ? before + batch : how->samples;
    double sum = p->train.loss * (double)until, step = sum - (before ? how->sum : 0);
    how->sum = sum;
    if (p->epoch * p->steps + p->step <= how->losses)
        printf("loss     %llu %.7f\n", (unsigned long long)(p->epoch * p->steps + p->step), step / (double)(until - before));
    return !program_stopping();
}

static tuff_status fit_head(struct sample *s, struct job *job, struct head_fit *how)
{
    struct tuff_data train = data_of(&job->train, how->alone ? job->features[0] : NULL);
    struct tuff_data test = data_of(&job->test, how->alone ? job->features[1] : NULL);
    struct tuff_param_group groups[2] = {tuff_param_group_defaults("head", "head.*"),
                                         tuff_param_group_defaults("backbone", "*")};
    struct tuff_fit_params fit = fit_of(how->epochs, job->set.rate);
    struct tuff_metrics metrics = {0};
    struct tuff_model *model = NULL;
    groups[1].frozen = true;
    if (!how->alone) fit.optimizer.groups = groups, fit.optimizer.group_count = 2;
    fit.on_epoch = keep_seconds, fit.user = how;
    how->batch = job->set.batch, how->samples = train.count;
    if (how->losses) fit.on_step = print_loss, fit.report_steps = 1;
    if (how->watch) {
        fit.validation = &test;
        sample_watch(s, &fit);
    }
    tuff_status status = net_create(s, how->alone ? &job->head_net : &job->net, &model);
    if (status == TUFF_OK && !how->alone) status = net_copy(s, job->whole, model, false);
    if (status == TUFF_OK && how->epochs) status = tuff_model_fit(model, &train, &fit, &s->error);
    if (status == TUFF_OK) status = tuff_model_evaluate(model, &test, &metrics, &s->error);
    if (status == TUFF_OK && how->keep) status = net_copy(s, model, job->whole, true);
    how->accuracy = status == TUFF_OK ? tuff_metrics_get(&metrics, "accuracy") : 0;
    tuff_model_destroy(model);
    return status;
}

static tuff_status measure(struct sample *s, struct job *job)
{
    struct head_fit through = {.epochs = 2}, alone = {.epochs = 2, .alone = true};
    TRY(fit_head(s, job, &through));
    TRY(fit_head(s, job, &alone));
    printf("measured an epoch of the head: %.3f s through the frozen part, %.4f s from its features: %.0f times as fast\n",
           through.seconds, alone.seconds, through.seconds / alone.seconds);
    return TUFF_OK;
}

/* Batch norms of a backbone by chance get the statistics of these pictures, as those of a trained one have some: else its features would be all
 * alike. Nothing is trained. */
static tuff_status take_statistics(struct sample *s, struct job *job)
{
    enum { EPOCHS = 4 }; /* of 7 batches: 0.9^28 of what they begin with is left */
    struct net moving = job->net;
    struct tuff_model *model = NULL;
    struct tuff_data train = data_of(&job->train, NULL);
    struct tuff_param_group groups[2] = {tuff_param_group_defaults("head", "head.*"),
                                         tuff_param_group_defaults("backbone", "*")};
    struct tuff_fit_params fit = fit_of(EPOCHS, job->set.rate);
    struct head_fit unused = {0};
    groups[1].frozen = true;
    fit.optimizer.groups = groups, fit.optimizer.group_count = 2;
    fit.on_epoch = keep_seconds, fit.user = &unused;
    moving.train_norms = true;
    tuff_status status = net_create(s, &moving, &model);
    if (status == TUFF_OK) status = tuff_model_fit(model, &train, &fit, &s->error);
    if (status == TUFF_OK) status = net_copy(s, model, job->whole, false);
    tuff_model_destroy(model);
    return status;
}

/* All of it at a tenth of the rate. shown: with the curve. */
static tuff_status fit_all(struct sample *s, struct job *job, bool shown, double *accuracy)
{
    struct tuff_data train = data_of(&job->train, NULL), test = data_of(&job->test, NULL);
    struct tuff_fit_params fit = fit_of(job->set.unfrozen, job->set.rate / 10);
    struct head_fit unused = {0};
    struct tuff_metrics metrics = {0};
    fit.on_epoch = keep_seconds, fit.user = &unused;
    if (shown) {
        fit.validation = &test;
        sample_watch(s, &fit);
    }
    TRY(tuff_model_fit(job->whole, &train, &fit, &s->error));
    if (!shown) TRY(tuff_model_evaluate(job->whole, &test, &metrics, &s->error));
    *accuracy = shown ? record_last(&s->record, 3)
                      : tuff_metrics_get(&metrics, "accuracy"); /* the last epoch was validated */
    return TUFF_OK;
}

/* A backbone that nobody trained, with the same head and as many epochs, for comparison: as it began, where batch norms pass on what comes, and with
 * the statistics of the pictures; all of the latter is trained further. trained: accuracies over the frozen one, and of all. */
static tuff_status compare(struct sample *s, struct job *job, const double trained[2])
{
    struct tuff_model *kept = job->whole;
    double accuracy[2] = {0}, all = 0;
    job->whole = NULL;
    tuff_status status = net_create(s, &job->net, &job->whole);
    if (status == TUFF_OK && job->net.onnx) status = net_forget(s, job->whole, job->set.seed + 1);
    for (int i = 0; i < 2 && status == TUFF_OK; i++) {
        struct head_fit head = {.epochs = job->set.epochs, .alone = !job->set.augment, .keep = i == 1};
        if (i == 1) status = take_statistics(s, job);
        if (status == TUFF_OK && head.alone) status = make_features(s, job);
        if (status == TUFF_OK) status = fit_head(s, job, &head);
        accuracy[i] = head.accuracy;
    }
    if (status == TUFF_OK && job->set.unfrozen) status = fit_all(s, job, false, &all);
    tuff_model_destroy(job->whole);
    job->whole = kept;
    TRY(status);
    static const char *const named[2] = {"a backbone by chance", "one with the statistics of these pictures"};
    for (int i = 0; i < 2; i++)
        printf("random   accuracy %.4f of the same head over %s: the trained one leads by %.1f points\n", accuracy[i],
               named[i], 100 * (trained[0] - accuracy[i]));
    if (job->set.unfrozen)
        printf("random   accuracy %.4f when all of it was trained: %.1f points\n", all, 100 * (trained[1] - all));
    return TUFF_OK;
}

/* What another program that runs model.onnx should say, too. */
static tuff_status write_answers(struct sample *s, const struct job *job)
{
    enum { MOST = 200 };
    char path[SAMPLE_PATH];
    const uint64_t count = job->test.count < MOST ? job->test.count : MOST, side = job->set.stored;
    const struct tuff_array arrays[2] = {{.name = "x",
                                          .element = TUFF_ELEMENT_U8,
                                          .rank = 4,
                                          .dim = {count, 3, side, side},
                                          .data = job->test.pictures,
                                          .bytes = count * 3 * side * side},
                                         {.name = "probabilities",
                                          .element = TUFF_ELEMENT_F32,
                                          .rank = 2,
                                          .dim = {count, job->net.classes},
                                          .data = job->probabilities,
                                          .bytes = count * job->net.classes * sizeof(float)}};
    TRY(tuff_npz_write(s->context, sample_path(s, "answers.npz", path), arrays, 2, &s->error));
    printf("files    %s\n", SHOWN(path));
    return TUFF_OK;
}

/* ---- what it finds ------------------------------------------------------------------------------------------------------------------------ */

static tuff_status show(struct sample *s, struct job *job)
{
    enum { ROWS = 4, ACROSS = 10, SHOWN_MOST = ROWS * ACROSS };
    uint32_t classes = job->net.classes, count = job->test.count < SHOWN_MOST ? ACROSS : SHOWN_MOST;
    size_t bytes = (size_t)3 * job->set.stored * job->set.stored;
    uint8_t *pictures = malloc(count * bytes);
    char captions[SHOWN_MOST][64], path[SAMPLE_PATH];
    const char *texts[SHOWN_MOST];
    struct tuff_data data = data_of(&job->test, NULL);
    job->probabilities = malloc((size_t)data.count * classes * sizeof(float));
    if (!pictures || !job->probabilities || data.count < count) {
        free(pictures);
        return data.count < count ? TUFF_OK : TUFF_ERR_MEMORY;
    }
    tuff_status status = tuff_model_predict(job->whole, &data, (void *[]){job->probabilities, NULL}, &s->error);
    for (uint32_t i = 0; i < count; i++) { /* some of each class: they lie one after the other */
        size_t from = (size_t)i * data.count / count;
        uint32_t best = 0, truth = (uint32_t)job->test.labels[from];
        for (uint32_t k = 1; k < classes; k++)
            if (job->probabilities[from * classes + k] > job->probabilities[from * classes + best]) best = k;
        const char *found = job->test.class_names[best];
        snprintf(captions[i], sizeof captions[i], best == truth ? "%.20s" : "%.20s (it is %.20s)", found,
                 job->test.class_names[truth]);
        texts[i] = captions[i];
        memcpy(pictures + i * bytes, job->test.pictures + from * bytes, bytes);
    }
    const struct pictures sheet = {.title = "Test pictures and what they were taken for",
                                   .captions = texts,
                                   .rows = count / ACROSS,
                                   .across = ACROSS,
                                   .width = job->set.stored,
                                   .height = job->set.stored,
                                   .channels = 3,
                                   .pixels = pictures};
    if (status == TUFF_OK) status = pictures_write(s->context, sample_path(s, "found.png", path), &sheet, &s->error);
    if (status == TUFF_OK) printf("files    %s\n", SHOWN(path));
    free(pictures);
    return status;
}

/* ---- the way -------------------------------------------------------------------------------------------------------------------------------- */

static tuff_status read_data(struct sample *s, struct job *job)
{
    char path[SAMPLE_PATH];
    const char *parts[2] = {"train", "test"};
    struct tuff_dataset *const sets[2] = {&job->train, &job->test};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", job->set.data, parts[i]);
        TRY(read_pictures(s, job, path, 0, sets[i], &job->none));
        tuff_dataset_finish(s->context, &job->none);
    }
    bool same = job->train.class_count == job->test.class_count;
    for (uint32_t i = 0; i < job->train.class_count && same; i++)
        same = !strcmp(job->train.class_names[i], job->test.class_names[i]);
    return same ? TUFF_OK : sample_refuse(s, TUFF_ERR_FORMAT, "%s: train and test have other classes", job->set.data);
}

static tuff_status transfer(struct sample *s, struct job *job)
{
    const struct settings *set = &job->set;
    struct head_fit head = {.epochs = set->epochs, .alone = !set->augment, .watch = true, .keep = true};
    TRY(read_data(s, job));
    job->net.classes = job->train.class_count;
    job->head_net = job->net;
    job->head_net.head_alone = true;
    TRY(net_create(s, &job->net, &job->whole));
    if (job->net.onnx) {
        printf("backbone %s up to \"%s\": %u features\n", SHOWN(set->backbone), SHOWN(set->cut),
               (unsigned)job->net.features);
    } else if (set->backbone) {
        TRY(weights_read(s, set->backbone, set->prefix, (struct tuff_weights_params){.model = job->whole}));
    } else {
        printf("backbone by chance, with these pictures' statistics: --backbone FILE names a trained one\n");
        TRY(take_statistics(s, job));
    }
    if (head.alone) TRY(make_features(s, job));
    if (set->losses) {
        uint32_t steps = (uint32_t)((job->train.count + set->batch - 1) / set->batch);
        struct head_fit first = {.epochs = (set->losses + steps - 1) / steps, .losses = set->losses, .alone = head.alone};
        TRY(fit_head(s, job, &first));
    }
    TRY(fit_head(s, job, &head));
    printf("frozen   accuracy %.4f of %u test pictures\n", head.accuracy, (unsigned)job->test.count);
    if (set->measure && head.alone) TRY(measure(s, job));
    double accuracy[2] = {head.accuracy, 0};
    if (set->unfrozen) {
        printf("unfrozen at the rate %g\n", set->rate / 10);
        TRY(fit_all(s, job, true, &accuracy[1]));
        printf("unfrozen accuracy %.4f\n", accuracy[1]);
    }
    if (set->random) TRY(compare(s, job, accuracy));
    TRY(show(s, job));
    TRY(save(s, job, &job->train, "model.tuff"));
    TRY(write_onnx(s));
    if (set->answers) TRY(write_answers(s, job));
    return sample_curves(s);
}

int main(int argc, char **argv)
{
    struct job job = {.set = {.epochs = 10,
                              .unfrozen = 3,
                              .batch = 32,
                              .size = 224,
                              .seed = 1,
                              .letters = 60,
                              .trained = 20,
                              .tested = 100,
                              .rate = 1e-3,
                              .shape = "resnet50"}};
    struct settings *set = &job.set;
    const struct sample_option options[] = {
        {"data", "folder with train and test, of class folders", .text = &set->data},
        {"backbone", "trained weights (.tuff, .safetensors, .pth, .h5), or an .onnx network; none: by chance",
         .text = &set->backbone},
        {"cut", "name of the value of an .onnx network that is its features", .text = &set->cut},
        {"preset", "how it takes pictures: imagenet, unit, signed, lite, caffe, bytes (0 .. 1 without)",
         .text = &set->preset},
        {"prefix", "of the names in that file, as \"backbone.\"", .text = &set->prefix},
        {"shape", "resnet50, resnet34, resnet18, small", .text = &set->shape},
        {"size", "pixels of a side that the network sees", .count = &set->size, .least = 16, .most = 1024},
        {"stored", "pixels of a side as pictures are kept; the device resizes them (0: 8/7 of --size)",
         .count = &set->stored, .least = 0, .most = 2048},
        {"epochs", "of the head (0: it stays as it began); with --pretrain of all", .count = &set->epochs, .least = 0,
         .most = 10000},
        {"unfrozen", "epochs of all at a tenth of the rate", .count = &set->unfrozen, .least = 0, .most = 10000},
        {"batch", "pictures of a step", .count = &set->batch, .least = 1, .most = 4096},
        {"rate", "Adam's, of the head; --pretrain takes three times it", .number = &set->rate, .least = 1e-9, .most = 1},
        {"seed", "of weights, order, made-up pictures", .count = &set->seed, .least = 0, .most = 1e9},
        {"normalise", "by ImageNet's mean and deviation, as torchvision's weights want it", .flag = &set->normalise},
        {"augment", "pictures are turned, moved, recoloured at random, on the device", .flag = &set->augment},
        {"compare", "also a backbone by chance, its head trained alike", .flag = &set->random},
        {"losses", "prints those of the head's first so many steps, for comparing", .count = &set->losses, .least = 0,
         .most = 10000},
        {"measure", "how much faster it is to compute features once", .flag = &set->measure},
        {"answers", "test pictures and what they were taken for, out/answers.npz, to check other programs with",
         .flag = &set->answers},
        {"pretrain", "folder of class folders: trains a backbone, out/backbone.tuff", .text = &set->pretrain},
        {"make-data", "folder: draws letters and digits in this system's fonts into it", .text = &set->make},
        {"letters", "of each letter, to pretrain with (--make-data)", .count = &set->letters, .least = 1, .most = 10000},
        {"trained", "of each digit, to train with (--make-data)", .count = &set->trained, .least = 1, .most = 10000},
        {"tested", "of each digit, to test with (--make-data)", .count = &set->tested, .least = 1, .most = 10000}};
    struct sample s;
    tuff_status status = sample_begin(&s, "sample-transfer", "new classes from few pictures, over a trained backbone",
                                      options, sizeof options / sizeof options[0], 0, argc, argv);
    if (!set->stored) set->stored = set->size * 8 / 7; /* 256 of 224, as torchvision's weights were tested */
    job.net = (struct net){.shape = zoo_residual_find(set->shape),
                           .size = set->size,
                           .stored = set->stored,
                           .seed = set->seed,
                           .batch = set->batch,
                           .preset = set->preset      ? preset_find(set->preset)
                                     : set->normalise ? preset_find("imagenet")
                                                      : NULL,
                           .augment = set->augment};
    if (status == TUFF_OK && !job.net.shape)
        status = sample_refuse(&s, TUFF_ERR_USAGE, "--shape is resnet50, resnet34, resnet18 or small, not \"%s\"",
                               set->shape);
    const size_t length = set->backbone ? strlen(set->backbone) : 0;
    struct tuff_onnx *onnx = NULL;
    if (status == TUFF_OK && set->preset && !job.net.preset)
        status = sample_refuse(&s, TUFF_ERR_USAGE, "--preset is one of %s, not \"%s\"", presets_names, set->preset);
    if (status == TUFF_OK && length > 5 && !strcmp(set->backbone + length - 5, ".onnx")) {
        if (!set->cut)
            status = sample_refuse(&s, TUFF_ERR_USAGE, "--cut is missing: which value of %s are the features?",
                                   set->backbone);
        else
            status = tuff_onnx_open(s.context, set->backbone, NULL, &onnx, &s.error);
        job.net.onnx = onnx, job.net.cut = set->cut;
    }
    if (status == TUFF_OK) status = net_features(&s, &job.net);
    if (status == TUFF_OK && !set->make && !set->pretrain && !set->data)
        status = sample_refuse(&s, TUFF_ERR_USAGE, "--data names a folder; --make-data makes one");
    if (status == TUFF_OK && set->make)
        status = glyphs_make(&s, set->make, set->size, set->letters, set->trained, set->tested, set->seed);
    if (status == TUFF_OK && set->pretrain) status = pretrain(&s, &job);
    if (status == TUFF_OK && set->data) status = set->pretrain ? TUFF_OK : transfer(&s, &job);
    tuff_model_destroy(job.whole);
    tuff_onnx_destroy(onnx);
    tuff_dataset_finish(s.context, &job.train);
    tuff_dataset_finish(s.context, &job.test);
    free(job.features[0]), free(job.features[1]), free(job.probabilities);
    return sample_end(&s, status);
}
