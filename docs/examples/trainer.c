/* Training and inference in one graph, below models: dropout and batch norm, a last batch of its own size, the accuracy after each epoch, a
 * training that is saved and goes on bit for bit. Points of three spirals. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tuff/tuff.h>
#define TRY(call) if ((call) != TUFF_OK) return false

enum { POINTS = 300, BATCH = 64, REST = POINTS % BATCH, ARMS = 3, EPOCHS = 60 };

struct data { /* of the host */
    float x[POINTS][2];
    uint8_t arm[POINTS];
};
struct part { /* the network for one size of batch: inputs of its own, parameters of the same names */
    tuff_val x, labels, logits, loss;
    struct tuff_trainer *trainer;
};
struct job {
    struct tuff_graph *graph;
    struct tuff_session *session;
    struct part whole, rest;
    tuff_val asked_x, asked;
    struct tuff_executable *inference;
};
static struct tuff_error error; /* of one thread */

static void make_data(struct data *d)
{
    static const float begin[ARMS][2] = {{1, 0}, {-0.5f, 0.8660254f}, {-0.5f, -0.8660254f}};
    uint32_t noise = 1;
    for (int k = 0; k < ARMS; k++) {
        float cosine = begin[k][0], sine = begin[k][1];
        for (int i = 0; i < POINTS / ARMS; i++) {
            const float turned = 0.99920011f * cosine - 0.03998933f * sine; /* by 0.04 each */
            noise = noise * 1664525 + 1013904223;
            const float r = 3 * (float)(i + 1) / (POINTS / ARMS) + 0.1f * (float)(noise >> 8) / 0x1p24f;
            sine = 0.99920011f * sine + 0.03998933f * cosine;
            cosine = turned;
            d->x[k + ARMS * i][0] = r * cosine;
            d->x[k + ARMS * i][1] = r * sine;
            d->arm[k + ARMS * i] = (uint8_t)k;
        }
    }
}

static tuff_val network(struct tuff_graph *g, tuff_val x, bool training)
{
    const struct tuff_layer_dense_params hidden = {.units = 64}, arms = {.units = ARMS};
    x = tuff_layer_dense(g, x, "hidden", hidden);
    x = tuff_relu(g, tuff_layer_batch_norm(g, x, "norm", (struct tuff_layer_batch_norm_params){.training = training}));
    x = tuff_relu(g, tuff_layer_dense(g, x, "hidden2", hidden));
    return tuff_layer_dense(g, tuff_layer_dropout(g, x, 0.1, training), "arms", arms);
}

static void add_part(struct tuff_graph *g, struct part *p, const char *x, const char *labels, uint32_t batch)
{
    p->x = tuff_input(g, x, TUFF_F32, TUFF_SHAPE(batch, 2));
    p->labels = tuff_input(g, labels, TUFF_I32, TUFF_SHAPE(batch));
    p->logits = network(g, p->x, true);
    p->loss = tuff_cross_entropy(g, p->logits, p->labels, (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_MEAN});
}

/* One graph: two sizes of batch to train with, and inference of all points at once. */
static bool open_job(struct tuff_context *context, struct tuff_device *device, struct job *j)
{
    TRY(tuff_graph_create(context, &j->graph, &error));
    add_part(j->graph, &j->whole, "x", "labels", BATCH);
    add_part(j->graph, &j->rest, "rest/x", "rest/labels", REST);
    j->asked_x = tuff_input(j->graph, "asked/x", TUFF_F32, TUFF_SHAPE(POINTS, 2));
    j->asked = network(j->graph, j->asked_x, false);

    struct tuff_trainer_params params = {.struct_size = sizeof params, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.01)};
    params.loss = j->whole.loss;
    TRY(tuff_trainer_create(j->graph, &params, &j->whole.trainer, &error));
    params.loss = j->rest.loss; /* shares parameters, statistics, the optimizer's states and the count of steps */
    params.like = j->whole.trainer;
    params.samples = (double)REST / BATCH;
    TRY(tuff_trainer_create(j->graph, &params, &j->rest.trainer, &error));

    struct tuff_session_params seed = {.struct_size = sizeof seed, .seed = 7};
    struct tuff_executable_params asks = {.struct_size = sizeof asks, .outputs = &j->asked, .output_count = 1};
    TRY(tuff_session_create(device, j->graph, &seed, &j->session, &error));
    TRY(tuff_trainer_compile(j->whole.trainer, j->session, NULL, &error));
    TRY(tuff_trainer_compile(j->rest.trainer, j->session, NULL, &error));
    TRY(tuff_session_compile(j->session, &asks, &j->inference, &error));
    return true;
}

static void close_job(struct job *j)
{
    tuff_executable_destroy(j->inference);
    tuff_trainer_destroy(j->rest.trainer);
    tuff_trainer_destroy(j->whole.trainer);
    tuff_session_destroy(j->session);
    tuff_graph_destroy(j->graph);
}

static bool train_epoch(struct job *j, const struct data *d, uint32_t epoch, double *loss)
{
    uint32_t order[POINTS], random = epoch;
    for (uint32_t i = 0; i < POINTS; i++) order[i] = i;
    for (uint32_t i = POINTS - 1; i > 0; i--) { /* Fisher and Yates; an epoch's order is that of its number */
        random = random * 1664525 + 1013904223;
        uint32_t k = (random >> 8) % (i + 1), at = order[i];
        order[i] = order[k];
        order[k] = at;
    }
    *loss = 0;
    for (uint32_t first = 0; first < POINTS; first += BATCH) {
        const uint32_t count = POINTS - first < BATCH ? REST : BATCH;
        const struct part *p = count == BATCH ? &j->whole : &j->rest;
        float x[BATCH][2], mean;
        uint8_t arm[BATCH];
        for (uint32_t i = 0; i < count; i++) {
            memcpy(x[i], d->x[order[first + i]], sizeof x[i]);
            arm[i] = d->arm[order[first + i]];
        }
        TRY(tuff_trainer_write(p->trainer, p->x, x, count * sizeof x[0], &error));
        TRY(tuff_trainer_write_as(p->trainer, p->labels, TUFF_U8, arm, count, &error)); /* bytes into an i32 input */
        TRY(tuff_trainer_step(p->trainer, NULL, &error));
        TRY(tuff_trainer_read(p->trainer, p->loss, &mean, sizeof mean, &error));
        *loss += mean * count / POINTS;
    }
    return true;
}

static bool evaluate(struct job *j, const struct data *d, double *accuracy)
{
    static float logits[POINTS][ARMS];
    TRY(tuff_executable_write(j->inference, j->asked_x, d->x, sizeof d->x, &error));
    TRY(tuff_executable_run(j->inference, &error));
    TRY(tuff_executable_read(j->inference, 0, logits, sizeof logits, &error));
    *accuracy = 0;
    for (int i = 0; i < POINTS; i++) {
        int best = 0;
        for (int k = 1; k < ARMS; k++) best = logits[i][k] > logits[i][best] ? k : best;
        *accuracy += best == d->arm[i] ? 1.0 / POINTS : 0;
    }
    return true;
}

/* All parameters and states (weights, statistics, the optimizer's, the random generator's), and how many steps were made. */
static bool save(struct tuff_context *context, struct job *j, const char *path)
{
    enum { MOST = 64 };
    struct tuff_array arrays[MOST];
    uint32_t count = tuff_graph_leaf_count(j->graph);
    char steps[24];
    bool ok = count <= MOST;
    if (!ok) count = 0;
    snprintf(steps, sizeof steps, "%llu", (unsigned long long)tuff_trainer_counts(j->whole.trainer).steps);
    for (uint32_t i = 0; i < count && ok; i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(j->graph, i); /* of f32 or i32 here */
        arrays[i] = (struct tuff_array){.name = leaf.name, .element = leaf.type.dtype == TUFF_F32 ? TUFF_ELEMENT_F32 : TUFF_ELEMENT_I32,
                                        .rank = leaf.type.shape.rank, .bytes = 4 * tuff_shape_count(&leaf.type.shape)};
        for (uint32_t k = 0; k < leaf.type.shape.rank; k++) arrays[i].dim[k] = leaf.type.shape.dim[k];
        void *content = malloc((size_t)arrays[i].bytes);
        arrays[i].data = content;
        ok = content && !tuff_session_read(j->session, tuff_graph_find(j->graph, leaf.name), content, (size_t)arrays[i].bytes, &error);
        if (!ok) count = i + 1;
    }
    struct tuff_pair text = {"steps", steps};
    struct tuff_tensors_params params = {.struct_size = sizeof params, .arrays = arrays, .array_count = count, .texts = &text, .text_count = 1};
    ok = ok && !tuff_checkpoint_write(context, path, &params, &error);
    for (uint32_t i = 0; i < count; i++) free((void *)(uintptr_t)arrays[i].data);
    return ok;
}

static bool resume(struct tuff_context *context, struct job *j, const char *path)
{
    struct tuff_tensors *file;
    TRY(tuff_checkpoint_read(context, path, NULL, &file, &error));
    bool ok = true;
    for (uint32_t i = 0; i < tuff_graph_leaf_count(j->graph) && ok; i++) {
        const char *name = tuff_graph_leaf(j->graph, i).name;
        struct tuff_array array;
        ok = tuff_tensors_find(file, name, &array) && /* another number of bytes is refused */
             !tuff_session_write(j->session, tuff_graph_find(j->graph, name), array.data, (size_t)array.bytes, &error);
    }
    const char *steps = tuff_tensors_text(file, "steps");
    if (ok && steps) tuff_trainer_resume(j->whole.trainer, strtoull(steps, NULL, 10));
    tuff_tensors_destroy(file);
    return ok && steps;
}

/* Trains from epoch `first` on; saves in the middle. */
static bool train(struct tuff_context *context, struct job *j, const struct data *d, uint32_t first, const char *path, double *loss,
                  double *accuracy)
{
    for (uint32_t epoch = first; epoch < EPOCHS; epoch++) {
        if (epoch == EPOCHS / 2 && first < epoch && !save(context, j, path)) return false;
        if (!train_epoch(j, d, epoch, loss) || !evaluate(j, d, accuracy)) return false;
        if (epoch % 20 == 19) printf("epoch %u: loss %.4f, accuracy %.3f\n", (unsigned)epoch + 1, *loss, *accuracy);
    }
    return true;
}

int main(int argc, char **argv) /* trainer [FILE] */
{
    const char *path = argc > 1 ? argv[1] : "spirals.tuff";
    static struct data data;
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct job job = {0}, again = {0};
    double loss[2] = {0}, accuracy[2] = {0};
    make_data(&data);
    bool ok = !tuff_context_create(NULL, &context, &error) && !tuff_device_create(context, NULL, &device, &error) &&
              open_job(context, device, &job) && train(context, &job, &data, 0, path, &loss[0], &accuracy[0]);
    if (ok) printf("from the file:\n"); /* as another process would */
    ok = ok && open_job(context, device, &again) && resume(context, &again, path) &&
         train(context, &again, &data, EPOCHS / 2, path, &loss[1], &accuracy[1]);
    if (!ok) fprintf(stderr, "%s: %s\n", tuff_status_name(error.status), error.message);
    close_job(&again);
    close_job(&job);
    tuff_device_release(device);
    tuff_context_destroy(context);
    remove(path);
    return ok && accuracy[0] > 0.9 && loss[0] == loss[1] ? 0 : 1;
}
