/* sample-loop - the network of samples/transfer, trained by a loop of one's own from arrays of numpy: each step stops where the gradients are
 * ready, where they are clipped and where the parameters are updated; the host looks, and goes on. README.md says more. */
#include "nets.h"
#include "sample.h"
#include "weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PACKS = TUFF_PARAM_GROUPS + 1 };

struct settings {
    uint32_t epochs, batch, seed, size;
    double rate, clip;
    const char *from, *data, *labels, *test_data, *test_labels, *shape, *backbone, *prefix;
    bool unfrozen;
};

struct arrays {                    /* [count, 3, size, size] u8 or f32, [count] */
    struct tuff_tensors *files[2]; /* [owned] */
    struct tuff_array x;
    int32_t *labels; /* [owned] */
    uint32_t count, classes;
};

struct job {
    struct settings set;
    struct arrays train, test;
    struct tuff_graph *graph;
    struct tuff_session *session;
    struct tuff_trainer *trainer;
    struct tuff_executable *inference;
    tuff_val x, y, loss, logits, asked;
    uint32_t pack_count;
    const struct tuff_optimizer_pack *packs;      /* [borrowed] */
    float *gradients[PACKS], *weights[2], *found; /* [owned] */
    size_t gradient_bytes[PACKS], weight_bytes;
    uint8_t *batch_x; /* [owned] */
    int32_t *batch_y;
};

/* ---- arrays of numpy ------------------------------------------------------------------------------------------------------------------- */

static tuff_status open_arrays(struct sample *s, const char *data, const char *labels, struct arrays *to)
{
    const char *const paths[2] = {data, labels};
    struct tuff_array array[2];
    for (int i = 0; i < 2; i++) {
        TRY(tuff_numpy_open(s->context, paths[i], 0, &to->files[i], &s->error));
        if (tuff_tensors_count(to->files[i]) != 1)
            return sample_refuse(s, TUFF_ERR_FORMAT, "%s holds more than one array", paths[i]);
        array[i] = tuff_tensors_get(to->files[i], 0);
    }
    bool fits = array[0].rank == 4 && array[0].dim[1] == 3 &&
                (array[0].element == TUFF_ELEMENT_U8 || array[0].element == TUFF_ELEMENT_F32);
    if (!fits) return sample_refuse(s, TUFF_ERR_FORMAT, "%s is no array [n, 3, height, width] of uint8 or float32", data);
    bool whole = array[1].element == TUFF_ELEMENT_I32 || array[1].element == TUFF_ELEMENT_I64 ||
                 array[1].element == TUFF_ELEMENT_U8;
    if (array[1].rank != 1 || !whole || array[1].dim[0] != array[0].dim[0])
        return sample_refuse(s, TUFF_ERR_FORMAT, "%s is no array [%llu] of uint8, int32 or int64", labels,
                             (unsigned long long)array[0].dim[0]);
    to->x = array[0];
    to->count = (uint32_t)array[0].dim[0];
    to->labels = malloc((to->count + 1) * sizeof *to->labels);
    if (!to->labels || !to->count)
        return sample_refuse(s, TUFF_ERR_MEMORY, "%s is empty, or does not fit into memory", labels);
    for (uint32_t i = 0; i < to->count; i++) {
        int64_t label = 0;
        size_t bytes = tuff_element_bytes(array[1].element);
        memcpy(&label, (const uint8_t *)array[1].data + i * bytes, bytes); /* little-endian */
        if (array[1].element == TUFF_ELEMENT_I32) label = (int32_t)label;
        if (label < 0 || label > 65535)
            return sample_refuse(s, TUFF_ERR_FORMAT, "%s: label %u is %lld", labels, (unsigned)i, (long long)label);
        to->labels[i] = (int32_t)label;
        if ((uint32_t)label >= to->classes) to->classes = (uint32_t)label + 1;
    }
    printf("data     %u pictures of %u classes in %s\n", (unsigned)to->count, (unsigned)to->classes, SHOWN(data));
    return TUFF_OK;
}

/* A folder of class folders as two files of numpy's, pictures in order of the classes. */
static tuff_status convert(struct sample *s, const struct settings *set, const char *part)
{
    struct tuff_dataset read = {0}, none = {0};
    struct tuff_folder_params params = {.struct_size = sizeof params,
                                        .fit = {.struct_size = sizeof params.fit,
                                                .channels = 3,
                                                .height = set->size,
                                                .width = set->size,
                                                .filter = TUFF_FILTER_AREA},
                                        .progress = sample_progress(s)};
    char folder[SAMPLE_PATH], path[SAMPLE_PATH], name[64];
    snprintf(folder, sizeof folder, "%s/%s", set->from, part);
    TRY(tuff_dataset_read_folder(s->context, folder, &params, &read, &none, &s->error));
    const uint64_t n = read.count, size = set->size;
    const struct tuff_array x = {.name = "x",
                                 .element = TUFF_ELEMENT_U8,
                                 .rank = 4,
                                 .dim = {n, 3, size, size},
                                 .data = read.pictures,
                                 .bytes = n * 3 * size * size};
    const struct tuff_array y = {
        .name = "y", .element = TUFF_ELEMENT_I32, .rank = 1, .dim = {n}, .data = read.labels, .bytes = n * 4};
    snprintf(name, sizeof name, "%s_data.npy", part);
    tuff_status status = tuff_npy_write(s->context, sample_path(s, name, path), &x, &s->error);
    if (status == TUFF_OK) printf("files    %s\n", SHOWN(path));
    snprintf(name, sizeof name, "%s_labels.npy", part);
    if (status == TUFF_OK) status = tuff_npy_write(s->context, sample_path(s, name, path), &y, &s->error);
    if (status == TUFF_OK) printf("files    %s\n", SHOWN(path));
    tuff_dataset_finish(s->context, &none);
    tuff_dataset_finish(s->context, &read);
    return status;
}

/* ---- the network and its trainer --------------------------------------------------------------------------------------------------------- */

static tuff_val network(struct job *job, tuff_val x)
{
    struct tuff_graph *g = job->graph;
    if (job->train.x.element == TUFF_ELEMENT_U8) x = tuff_affine(g, tuff_cast(g, x, TUFF_F32), 1.0 / 255, 0);
    return zoo_head(g, zoo_residual(g, x, zoo_residual_find(job->set.shape), false), job->train.classes);
}

/* One graph: the step, with its stations; and what is asked of test pictures. */
static tuff_status open_job(struct sample *s, struct job *job)
{
    const struct settings *set = &job->set;
    TRY(tuff_graph_create(s->context, &job->graph, &s->error));
    struct tuff_graph *g = job->graph;
    const struct tuff_shape shape = TUFF_SHAPE(set->batch, 3, (uint32_t)job->train.x.dim[2], (uint32_t)job->train.x.dim[3]);
    enum tuff_dtype dtype = job->train.x.element == TUFF_ELEMENT_U8 ? TUFF_U8 : TUFF_F32;
    job->x = tuff_input(g, "x", dtype, shape);
    job->y = tuff_input(g, "labels", TUFF_I32, TUFF_SHAPE(set->batch));
    job->logits = network(job, job->x);
    job->loss = tuff_cross_entropy(g, job->logits, job->y,
                                   (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_MEAN});

    struct tuff_param_group groups[2] = {tuff_param_group_defaults("head", "head.*"),
                                         tuff_param_group_defaults("backbone", "*")};
    struct tuff_trainer_params params = {
        .struct_size = sizeof params, .loss = job->loss, .outputs = &job->logits, .output_count = 1, .stations = true};
    params.optimizer = tuff_optimizer_defaults(TUFF_ADAM, set->rate);
    params.optimizer.clip_norm = set->clip;
    groups[1].frozen = !set->unfrozen;
    groups[1].lr_factor = 0.1;
    params.optimizer.groups = groups, params.optimizer.group_count = 2;
    TRY(tuff_trainer_create(g, &params, &job->trainer, &s->error));
    struct tuff_session_params seed = {.struct_size = sizeof seed, .seed = set->seed};
    TRY(tuff_session_create(s->device, g, &seed, &job->session, &s->error));

    job->packs = tuff_trainer_packs(job->trainer, &job->pack_count);
    struct tuff_executable_params step = {.struct_size = sizeof step, .progress = sample_progress(s)};
    struct tuff_executable_params asks = {
        .struct_size = sizeof asks, .outputs = &job->logits, .output_count = 1, .progress = step.progress};
    TRY(tuff_trainer_compile(job->trainer, job->session, &step, &s->error));
    TRY(tuff_session_compile(job->session, &asks, &job->inference, &s->error));
    const struct tuff_weights_params to = {.session = job->session, .graph = g};
    return set->backbone ? weights_read(s, set->backbone, set->prefix, to) : TUFF_OK;
}

static tuff_status allocate(struct sample *s, struct job *job)
{
    const struct settings *set = &job->set;
    bool good = true;
    for (uint32_t i = 0; i < job->pack_count; i++) {
        struct tuff_type type = tuff_type_of(job->graph, job->packs[i].gradient_state);
        job->gradient_bytes[i] = (size_t)tuff_dtype_size(type.dtype, tuff_shape_count(&type.shape));
        good = (job->gradients[i] = malloc(job->gradient_bytes[i])) && good;
    }
    job->weight_bytes = (size_t)job->train.classes * 256 * sizeof(float);
    for (int i = 0; i < 2; i++) good = (job->weights[i] = malloc(job->weight_bytes)) && good;
    job->found = malloc((size_t)set->batch * job->train.classes * sizeof(float));
    job->batch_x = malloc(set->batch * (size_t)(job->train.x.bytes / job->train.count));
    job->batch_y = malloc(set->batch * sizeof *job->batch_y);
    good = good && job->found && job->batch_x && job->batch_y;
    return good ? TUFF_OK : sample_refuse(s, TUFF_ERR_MEMORY, "not enough memory for a batch and the gradients");
}

/* ---- the loop ------------------------------------------------------------------------------------------------------------------------------ */

enum { LOSS, ACCURACY, NORM, CLIPPED, CHANGE, METRICS }; /* means over the steps of an epoch */

static void take_batch(struct job *job, const struct arrays *from, const uint32_t *rows, uint32_t first)
{
    size_t bytes = (size_t)(from->x.bytes / from->count);
    for (uint32_t i = 0; i < job->set.batch; i++) {
        uint32_t at = (first + i) % from->count,
                 row = rows ? rows[at] : at; /* what a last batch lacks is of the first samples */
        memcpy(job->batch_x + i * bytes, (const uint8_t *)from->x.data + row * bytes, bytes);
        job->batch_y[i] = from->labels[row];
    }
}

static double norm_of(const float *values, size_t bytes)
{
    double sum = 0;
    for (size_t i = 0; i < bytes / sizeof *values; i++) sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

static uint32_t hits(const struct job *job, uint32_t count)
{
    uint32_t classes = job->train.classes, right = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t best = 0;
        for (uint32_t k = 1; k < classes; k++)
            if (job->found[i * classes + k] > job->found[i * classes + best]) best = k;
        right += best == (uint32_t)job->batch_y[i];
    }
    return right;
}

/* The norm of the vectors of all packs in these states. */
static tuff_status read_norm(struct sample *s, struct job *job, bool clipped, double *norm)
{
    double squares = 0;
    for (uint32_t i = 0; i < job->pack_count; i++) {
        tuff_val state = clipped ? job->packs[i].clipped_state : job->packs[i].gradient_state;
        TRY(tuff_session_read(job->session, state, job->gradients[i], job->gradient_bytes[i], &s->error));
        double own = norm_of(job->gradients[i], job->gradient_bytes[i]);
        squares += own * own; /* here they may be changed, and written back by tuff_session_write */
    }
    *norm = sqrt(squares);
    return TUFF_OK;
}

/* One step, in four parts. */
static tuff_status step(struct sample *s, struct job *job, double *metrics)
{
    const struct settings *set = &job->set;
    tuff_val weight = tuff_graph_find(job->graph, "head.dense2.weight");
    double ready, clipped, change = 0;
    float loss, norm;
    TRY(tuff_trainer_write(job->trainer, job->x, job->batch_x, set->batch * (size_t)(job->train.x.bytes / job->train.count),
                           &s->error));
    TRY(tuff_trainer_write(job->trainer, job->y, job->batch_y, set->batch * sizeof *job->batch_y, &s->error));

    TRY(tuff_trainer_step_to(job->trainer, "gradients", &s->error)); /* they are ready, nothing is updated */
    TRY(read_norm(s, job, false, &ready));
    TRY(tuff_trainer_step_to(job->trainer, "clipped", &s->error)); /* by their common norm */
    TRY(read_norm(s, job, true, &clipped));
    TRY(tuff_session_read(job->session, weight, job->weights[0], job->weight_bytes, &s->error));
    TRY(tuff_trainer_step_to(job->trainer, "updated", &s->error));
    TRY(tuff_session_read(job->session, weight, job->weights[1], job->weight_bytes, &s->error));

    TRY(tuff_trainer_step(job->trainer, NULL, &s->error)); /* the rest: what is measured can be read behind it */
    TRY(tuff_trainer_read(job->trainer, tuff_trainer_norm(job->trainer), &norm, sizeof norm, &s->error));
    if (fabs((double)norm - ready) > 1e-3 * ready || fabs(clipped - fmin(ready, set->clip)) > 1e-3 * clipped)
        return sample_refuse(s, TUFF_ERR_WRONG, "the device's norm of the gradients is %g, the host's %g, clipped to %g",
                             (double)norm, ready, clipped);
    TRY(tuff_trainer_read(job->trainer, job->loss, &loss, sizeof loss, &s->error));
    TRY(tuff_trainer_read(job->trainer, job->logits, job->found, set->batch * job->train.classes * sizeof(float),
                          &s->error));
    for (size_t i = 0; i < job->weight_bytes / sizeof(float); i++)
        change += ((double)job->weights[1][i] - (double)job->weights[0][i]) *
                  ((double)job->weights[1][i] - (double)job->weights[0][i]);
    metrics[LOSS] += (double)loss;
    metrics[ACCURACY] += (double)hits(job, set->batch) / set->batch;
    metrics[NORM] += ready;
    metrics[CLIPPED] += clipped;
    metrics[CHANGE] += sqrt(change) / norm_of(job->weights[0], job->weight_bytes);
    return TUFF_OK;
}

static tuff_status test(struct sample *s, struct job *job, double *accuracy)
{
    uint32_t right = 0, batch = job->set.batch;
    for (uint32_t first = 0; first < job->test.count; first += batch) {
        take_batch(job, &job->test, NULL, first);
        TRY(tuff_executable_write(job->inference, job->x, job->batch_x,
                                  batch * (size_t)(job->train.x.bytes / job->train.count), &s->error));
        TRY(tuff_executable_run(job->inference, &s->error));
        TRY(tuff_executable_read(job->inference, 0, job->found, batch * job->train.classes * sizeof(float), &s->error));
        right += hits(job, job->test.count - first < batch ? job->test.count - first : batch);
        if (program_stopping()) return TUFF_ERR_CANCELLED;
    }
    *accuracy = (double)right / job->test.count;
    return TUFF_OK;
}

static tuff_status train(struct sample *s, struct job *job, uint32_t *rows)
{
    static const char *const columns[METRICS + 1][2] = {{"Loss", "loss"},
                                                        {"Accuracy", "training accuracy"},
                                                        {"Norm of the gradients", "ready"},
                                                        {"Norm of the gradients", "clipped"},
                                                        {"Change of the last layer", "updated"},
                                                        {"Accuracy", "test accuracy"}};
    const struct settings *set = &job->set;
    uint64_t random = set->seed;
    for (int i = 0; i <= METRICS; i++) record_column(&s->record, columns[i][0], columns[i][1]);
    for (uint32_t epoch = 0; epoch < set->epochs; epoch++) {
        double metrics[METRICS + 1] = {0};
        uint32_t steps = 0;
        for (uint32_t i = job->train.count; i > 1; i--) { /* Fisher and Yates */
            uint32_t k = sample_random(&random) % i, at = rows[i - 1];
            rows[i - 1] = rows[k], rows[k] = at;
        }
        for (uint32_t first = 0; first < job->train.count; first += set->batch, steps++) {
            if (program_stopping()) return TUFF_ERR_CANCELLED;
            take_batch(job, &job->train, rows, first);
            TRY(step(s, job, metrics));
        }
        for (int i = 0; i < METRICS; i++) metrics[i] /= steps;
        TRY(test(s, job, &metrics[METRICS]));
        printf("epoch %3u  loss %.4f  accuracy %.4f  gradients %.3f clipped to %.3f  last layer changed by %.4f  test "
               "accuracy %.4f\n",
               (unsigned)epoch + 1, metrics[LOSS], metrics[ACCURACY], metrics[NORM], metrics[CLIPPED], metrics[CHANGE],
               metrics[METRICS]);
        if (!record_row(&s->record, epoch + 1, metrics)) return TUFF_ERR_MEMORY;
    }
    return sample_curves(s);
}

static tuff_status run(struct sample *s, struct job *job)
{
    const struct settings *set = &job->set;
    if (!zoo_residual_find(set->shape))
        return sample_refuse(s, TUFF_ERR_USAGE, "--shape is resnet50, resnet34, resnet18 or small, not \"%s\"", set->shape);
    if (set->from) {
        TRY(convert(s, set, "train"));
        return convert(s, set, "test");
    }
    TRY(open_arrays(s, set->data, set->labels, &job->train));
    TRY(open_arrays(s, set->test_data, set->test_labels, &job->test));
    bool alike = job->test.x.element == job->train.x.element && job->test.classes <= job->train.classes;
    for (int i = 1; i < 4 && alike; i++) alike = job->test.x.dim[i] == job->train.x.dim[i];
    if (!alike)
        return sample_refuse(s, TUFF_ERR_FORMAT, "%s has another type or size than %s, or more classes", set->test_data,
                             set->data);
    TRY(open_job(s, job));
    TRY(allocate(s, job));
    uint32_t *rows = malloc(job->train.count * sizeof *rows);
    if (!rows) return TUFF_ERR_MEMORY;
    for (uint32_t i = 0; i < job->train.count; i++) rows[i] = i;
    tuff_status status = train(s, job, rows);
    free(rows);
    return status;
}

int main(int argc, char **argv)
{
    struct job job = {.set = {.epochs = 10,
                              .batch = 32,
                              .seed = 1,
                              .size = 64,
                              .rate = 1e-3,
                              .clip = 1,
                              .data = "train_data.npy",
                              .labels = "train_labels.npy",
                              .test_data = "test_data.npy",
                              .test_labels = "test_labels.npy",
                              .shape = "small"}};
    struct settings *set = &job.set;
    const struct sample_option options[] = {
        {"data", "[n, 3, height, width] of uint8, or float32 as they are", .text = &set->data},
        {"labels", "[n] of uint8, int32 or int64", .text = &set->labels},
        {"test-data", "likewise", .text = &set->test_data},
        {"test-labels", "likewise", .text = &set->test_labels},
        {"from", "folder with train and test, of class folders: writes such arrays", .text = &set->from},
        {"size", "pixels of a side of what --from writes", .count = &set->size, .least = 16, .most = 1024},
        {"shape", "resnet50, resnet34, resnet18, small", .text = &set->shape},
        {"backbone", "trained weights: a .tuff model or .safetensors; none: by chance", .text = &set->backbone},
        {"prefix", "of the names in that file", .text = &set->prefix},
        {"unfrozen", "the backbone learns too, at a tenth of the rate", .flag = &set->unfrozen},
        {"epochs", "times that each picture is seen", .count = &set->epochs, .least = 1, .most = 10000},
        {"batch", "pictures of a step", .count = &set->batch, .least = 1, .most = 4096},
        {"rate", "Adam's", .number = &set->rate, .least = 1e-9, .most = 1},
        {"clip", "gradients are clipped to this norm", .number = &set->clip, .least = 1e-6, .most = 1e6},
        {"seed", "of weights and order", .count = &set->seed, .least = 0, .most = 1e9}};
    struct sample s;
    tuff_status status = sample_begin(&s, "sample-loop", "a training loop of one's own, from arrays of numpy", options,
                                      sizeof options / sizeof options[0], 0, argc, argv);
    if (status == TUFF_OK) status = run(&s, &job);
    tuff_executable_destroy(job.inference);
    tuff_trainer_destroy(job.trainer);
    tuff_session_destroy(job.session);
    tuff_graph_destroy(job.graph);
    for (int i = 0; i < 2; i++) {
        tuff_tensors_destroy(job.train.files[i]), tuff_tensors_destroy(job.test.files[i]);
        free(job.weights[i]);
    }
    for (uint32_t i = 0; i < PACKS; i++) free(job.gradients[i]);
    free(job.train.labels), free(job.test.labels), free(job.found), free(job.batch_x), free(job.batch_y);
    return sample_end(&s, status);
}
