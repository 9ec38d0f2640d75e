/* sample-autoencoder - one encoder, two decoders: the encoder learns what two kinds of faces have in common (where they look, how they
 * smile), each decoder what its own look like; what one face does, the other then does too. README.md says more. */
#include "nets.h"
#include "pictures.h"
#include "sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 32, PLANE = SIZE * SIZE, SAMPLE_BYTES = 3 * PLANE, SHOWN_FACES = 5 };

struct settings {
    uint32_t epochs, batch, count, code, seed;
    double rate;
};

/* ---- faces --------------------------------------------------------------------------------------------------------------------------- */

struct pose { /* what a face does */
    double x, y, tilt, smile, gaze, open;
};

static struct pose make_pose(uint64_t *random)
{
    return (struct pose){sample_uniform(random, -2, 2), sample_uniform(random, -1.5, 1.5), sample_uniform(random, -0.3, 0.3),
                         sample_uniform(random, -1, 1), sample_uniform(random, -1, 1),     sample_uniform(random, 0, 1)};
}

/* From 0 to 1 over one pixel, around where a distance becomes negative: no jagged edges. */
static double inside(double distance) { return fmax(0, fmin(1, 0.5 - distance)); }

static double ellipse(double u, double v, double a, double b)
{
    return (sqrt(u * u / (a * a) + v * v / (b * b)) - 1) * fmin(a, b);
}
static double box(double u, double v, double a, double b) { return fmax(fabs(u) - a, fabs(v) - b); }

static void blend(double *colour, const double *other, double share)
{
    for (int c = 0; c < 3; c++) colour[c] += share * (other[c] - colour[c]);
}

/* kind 0: a round yellow face; 1: a square blue robot with an antenna. */
static void draw(uint8_t *out, int kind, const struct pose *p)
{
    static const double ground[3] = {235, 238, 245}, skin[2][3] = {{250, 200, 60}, {110, 190, 205}}, dark[3] = {45, 40, 50},
                        white[3] = {255, 255, 255}, red[2][3] = {{190, 60, 50}, {85, 70, 145}};
    for (int i = 0; i < PLANE; i++) {
        double x = i % SIZE + 0.5 - SIZE / 2.0 - p->x, y = (double)(i / SIZE) + 0.5 - SIZE / 2.0 - 1 - p->y, colour[3];
        double u = x * cos(p->tilt) + y * sin(p->tilt), v = y * cos(p->tilt) - x * sin(p->tilt),
               mouth = 4.5 - p->smile * (u * u / 9 - 1);
        memcpy(colour, ground, sizeof colour);
        if (kind == 1) blend(colour, dark, inside(fmin(box(u, v + 11, 0.7, 3), ellipse(u, v + 13, 1.6, 1.6))));
        blend(colour, skin[kind], inside(kind == 0 ? ellipse(u, v, 10, 10) : box(u, v, 9.5, 9)));
        for (int side = -1; side <= 1; side += 2) {
            double eye = u - side * 4, look = eye - 1.2 * p->gaze;
            blend(colour, white, inside(kind == 0 ? ellipse(eye, v + 2.5, 2.6, 2.6) : box(eye, v + 2.5, 2.6, 2.3)));
            blend(colour, dark, inside(ellipse(look, v + 2.5, 1.3, 1.3)));
        }
        blend(colour, red[kind], inside(fmax(fabs(u) - 4.5, fabs(v - mouth) - 0.6 - 1.4 * p->open)));
        for (int c = 0; c < 3; c++) out[c * PLANE + i] = (uint8_t)(colour[c] + 0.5);
    }
}

/* ---- the network ------------------------------------------------------------------------------------------------------------------- */

static tuff_val difference(struct tuff_graph *g, tuff_val a, tuff_val b)
{
    return tuff_mean(g, tuff_mse_loss(g, a, b, TUFF_REDUCE_NONE), 1u << 1 | 1u << 2 | 1u << 3, TUFF_DROP_AXES);
}

/* Two inputs, which are targets too, and four outputs. A batch norm for the codes of either kind, so that both are spread alike and a decoder
 * understands the codes of the other. Exchanged faces have no target: nobody shows the network any. */
static void network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    const struct settings *set = user;
    static const char *const decoders[2] = {"decoder_a", "decoder_b"};
    static const char *const norms[2] = {"encoder.norm_a", "encoder.norm_b"};
    static const char *const names[2][2] = {{"a", "a_as_b"}, {"b", "b_as_a"}};
    struct zoo_build build = {.g = g, .training = n->training, .norms = true};
    tuff_val own[2];
    for (int i = 0; i < 2; i++) {
        tuff_val code = zoo_encode(&build, n->fields[i], set->code, norms[i]);
        own[i] = zoo_decode(&build, code, decoders[i]);
        tuff_network_output(g, n, names[i][0], own[i]);
        tuff_network_output(g, n, names[i][1], zoo_decode(&build, code, decoders[1 - i]));
    }
    tuff_val a = difference(g, own[0], n->fields[0]), b = difference(g, own[1], n->fields[1]);
    n->loss = tuff_add(g, a, b);
}

/* ---- what it learned --------------------------------------------------------------------------------------------------------------- */

struct faces {
    uint32_t count;
    uint8_t *kind[2];  /* [owned] [count, 3, 32, 32]: of poses of their own */
    uint8_t *other[2]; /* [owned] the same poses as faces of the other kind: the network never sees them */
};

static tuff_status make(struct sample *s, struct faces *f, uint32_t count, uint64_t seed)
{
    f->count = count;
    for (int k = 0; k < 2; k++) {
        f->kind[k] = malloc((size_t)count * SAMPLE_BYTES);
        f->other[k] = malloc((size_t)count * SAMPLE_BYTES);
        if (!f->kind[k] || !f->other[k]) return sample_refuse(s, TUFF_ERR_MEMORY, "not enough memory for the faces");
        for (uint32_t i = 0; i < count; i++) {
            struct pose pose = make_pose(&seed);
            draw(f->kind[k] + (size_t)i * SAMPLE_BYTES, k, &pose);
            draw(f->other[k] + (size_t)i * SAMPLE_BYTES, 1 - k, &pose);
        }
    }
    return TUFF_OK;
}

static void finish(struct faces *f)
{
    for (int k = 0; k < 2; k++) free(f->kind[k]), free(f->other[k]);
}

/* Mean difference of the bytes of two faces, 0 .. 1. */
static double distance(const uint8_t *a, const uint8_t *b)
{
    int sum = 0;
    for (int i = 0; i < SAMPLE_BYTES; i++) sum += abs(a[i] - b[i]);
    return sum / 255.0 / SAMPLE_BYTES;
}

/* How far faces are from their truth, and of how many other truths they are farther: half of them, if the pose were lost. */
static void compare(const char *what, const uint8_t *found, const uint8_t *truth, uint32_t count)
{
    double off = 0, farther = 0;
    for (uint32_t i = 0; i < count; i++) {
        double own = distance(found + (size_t)i * SAMPLE_BYTES, truth + (size_t)i * SAMPLE_BYTES);
        off += own / count;
        for (uint32_t k = 0; k < count; k++)
            farther += k != i && distance(found + (size_t)i * SAMPLE_BYTES, truth + (size_t)k * SAMPLE_BYTES) > own;
    }
    printf("test     %s: off by %.4f, nearer to its pose than to %.1f %% of others\n", what, off,
           100 * farther / count / (count - 1));
}

static tuff_status show(struct sample *s, const struct faces *f, uint8_t *const *found)
{
    static const char *const columns[] = {"A", "again", "as B", "truth", "B", "again", "as A", "truth"};
    uint32_t rows = f->count < SHOWN_FACES ? f->count : SHOWN_FACES;
    uint8_t *pictures = malloc((size_t)rows * 8 * SAMPLE_BYTES);
    char path[SAMPLE_PATH];
    if (!pictures) return TUFF_ERR_MEMORY;
    for (uint32_t i = 0; i < rows; i++) {
        const uint8_t *const from[8] = {f->kind[0], found[0], found[1], f->other[0],
                                        f->kind[1], found[2], found[3], f->other[1]};
        for (size_t k = 0; k < 8; k++)
            memcpy(pictures + (i * 8 + k) * SAMPLE_BYTES, from[k] + (size_t)i * SAMPLE_BYTES, SAMPLE_BYTES);
    }
    const struct pictures sheet = {"One encoder, two decoders: what a face does, the other one does too",
                                   columns,
                                   NULL,
                                   rows,
                                   8,
                                   SIZE,
                                   SIZE,
                                   3,
                                   pictures};
    tuff_status status = pictures_write(s->context, sample_path(s, "faces.png", path), &sheet, &s->error);
    if (status == TUFF_OK) printf("files    %s\n", SHOWN(path));
    free(pictures);
    return status;
}

/* The four outputs of the test faces; exchanged ones are compared with the truth. */
static tuff_status exchange(struct sample *s, struct tuff_model *model, const struct faces *test)
{
    struct tuff_data data = {.count = test->count, .fields = {test->kind[0], test->kind[1]}};
    size_t numbers = (size_t)test->count * SAMPLE_BYTES;
    float *out[4] = {0};
    uint8_t *found[4] = {0};
    tuff_status status = TUFF_OK;
    for (int i = 0; i < 4; i++) {
        out[i] = malloc(numbers * sizeof(float));
        found[i] = malloc(numbers);
        if (!out[i] || !found[i]) status = TUFF_ERR_MEMORY;
    }
    if (status == TUFF_OK) status = tuff_model_predict(model, &data, (void *const *)out, &s->error);
    for (int i = 0; i < 4 && !status; i++)
        for (size_t k = 0; k < numbers; k++) found[i][k] = (uint8_t)(255 * out[i][k] + 0.5f);
    const uint8_t *const truths[4] = {test->kind[0], test->other[0], test->kind[1], test->other[1]};
    static const char *const names[4] = {"A again", "A as B", "B again", "B as A"};
    for (int i = 0; i < 4 && !status; i++) compare(names[i], found[i], truths[i], test->count);
    if (status == TUFF_OK) status = show(s, test, found);
    for (int i = 0; i < 4; i++) free(out[i]), free(found[i]);
    return status;
}

static tuff_status run(struct sample *s, struct settings *set, struct faces *train, struct faces *test,
                       struct tuff_model **model)
{
    struct tuff_model_params declared = {
        .struct_size = sizeof declared,
        .build = network,
        .user = set,
        .fields = {TUFF_FIELD("a", TUFF_U8, 3, SIZE, SIZE), TUFF_FIELD("b", TUFF_U8, 3, SIZE, SIZE)},
        .batch = set->batch,
        .seed = set->seed,
        .progress = sample_progress(s)};
    struct tuff_fit_params fit = {.struct_size = sizeof fit, .epochs = set->epochs};
    TRY(make(s, train, set->count, set->seed));
    TRY(make(s, test, 64, set->seed + 1000003));
    struct tuff_data data = {.count = train->count, .fields = {train->kind[0], train->kind[1]}};
    struct tuff_data tested = {.count = test->count, .fields = {test->kind[0], test->kind[1]}};
    fit.optimizer = tuff_optimizer_defaults(TUFF_ADAM, set->rate);
    fit.optimizer.schedule.kind = TUFF_SCHEDULE_COSINE;
    fit.optimizer.schedule.period = (uint64_t)set->epochs * ((set->count + set->batch - 1) / set->batch);
    fit.validation = &tested;
    sample_watch(s, &fit);
    TRY(tuff_model_create(s->device, &declared, model, &s->error));
    TRY(tuff_model_fit(*model, &data, &fit, &s->error));
    TRY(exchange(s, *model, test));
    return sample_curves(s);
}

int main(int argc, char **argv)
{
    struct settings set = {.epochs = 40, .batch = 16, .count = 512, .code = 24, .seed = 1, .rate = 2e-3};
    const struct sample_option options[] = {
        {"epochs", "times that each face is seen", .count = &set.epochs, .least = 1, .most = 10000},
        {"batch", "faces of either kind in a step", .count = &set.batch, .least = 1, .most = 1024},
        {"count", "faces of either kind to train with", .count = &set.count, .least = 1, .most = 100000},
        {"code", "numbers that the encoder makes of a face", .count = &set.code, .least = 1, .most = 1024},
        {"rate", "learning rate", .number = &set.rate, .least = 1e-9, .most = 10},
        {"seed", "of faces and weights", .count = &set.seed, .least = 0, .most = 1e9}};
    struct sample s;
    struct faces train = {0}, test = {0};
    struct tuff_model *model = NULL;
    tuff_status status = sample_begin(&s, "sample-autoencoder", "exchanges the faces of two made-up characters", options,
                                      sizeof options / sizeof options[0], 0, argc, argv);
    if (status == TUFF_OK) status = run(&s, &set, &train, &test, &model);
    tuff_model_destroy(model);
    finish(&train), finish(&test);
    return sample_end(&s, status);
}
