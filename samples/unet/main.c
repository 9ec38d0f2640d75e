/* sample-unet - learns which pixels of a picture belong to a circle, a square, a triangle, or to none: segmentation by a U-Net of
 * samples/nets. README.md says more. */
#include "nets.h"
#include "pictures.h"
#include "sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 4, SHOWN_PICTURES = 6 };

struct settings {
    uint32_t epochs, batch, count, tested, size, width, seed;
    double rate;
};

struct shapes { /* pictures and what their pixels are */
    uint32_t count, size;
    uint8_t *pictures; /* [count, 3, size, size] */
    int32_t *masks;    /* [count, size, size] */
};

/* ---- made-up data ------------------------------------------------------------------------------------------------------------------ */

struct shape {
    int class;
    double x, y, radius, angle;
};

static bool covers(const struct shape *s, double x, double y)
{
    double u = (x - s->x) * cos(s->angle) + (y - s->y) * sin(s->angle);
    double v = (y - s->y) * cos(s->angle) - (x - s->x) * sin(s->angle);
    if (s->class == 1) return u * u + v * v < s->radius * s->radius;
    if (s->class == 2) return fabs(u) < 0.85 * s->radius && fabs(v) < 0.85 * s->radius;
    return v < 0.6 * s->radius && 1.7320508 * fabs(u) < v + 1.2 * s->radius;
}

static uint8_t byte_of(double value) { return (uint8_t)fmax(0, fmin(255, value)); }

/* A ramp of two colours, then shapes, later ones before earlier ones, then noise. */
static void draw(struct shapes *to, uint32_t index, uint64_t *random)
{
    uint32_t n = to->size, plane = n * n, shapes = 1 + sample_random(random) % 2;
    uint8_t *rgb = to->pictures + (size_t)index * 3 * plane;
    int32_t *mask = to->masks + (size_t)index * plane;
    struct shape s[2];
    double colour[4][3], noise = sample_uniform(random, 4, 14);
    for (int i = 0; i < 4; i++)
        for (int c = 0; c < 3; c++) colour[i][c] = sample_uniform(random, 20, 235);
    for (uint32_t i = 0; i < shapes; i++)
        s[i] = (struct shape){1 + (int)(sample_random(random) % 3), sample_uniform(random, 0.2, 0.8) * n,
                              sample_uniform(random, 0.2, 0.8) * n, sample_uniform(random, 0.17, 0.3) * n,
                              sample_uniform(random, -0.2, 0.2)};
    for (uint32_t p = 0; p < plane; p++) {
        double x = p % n + 0.5, y = p / n + 0.5;
        uint32_t top = 0;
        for (uint32_t i = 0; i < shapes; i++)
            if (covers(&s[i], x, y)) top = i + 1;
        mask[p] = top ? s[top - 1].class : 0;
        for (int c = 0; c < 3; c++) {
            double value = top ? colour[1 + top][c] : colour[0][c] + (colour[1][c] - colour[0][c]) * (x + y) / (2 * n);
            rgb[(uint32_t)c * plane + p] = byte_of(value + noise * sample_normal(random));
        }
    }
}

static tuff_status make(struct sample *s, struct shapes *to, uint32_t count, const struct settings *set, uint64_t seed)
{
    size_t pixels = (size_t)count * set->size * set->size;
    *to = (struct shapes){count, set->size, malloc(pixels * 3), malloc(pixels * sizeof *to->masks)};
    if (!to->pictures || !to->masks) return sample_refuse(s, TUFF_ERR_MEMORY, "not enough memory for the pictures");
    for (uint32_t i = 0; i < count; i++) draw(to, i, &seed);
    return TUFF_OK;
}

/* ---- the network ------------------------------------------------------------------------------------------------------------------ */

static void network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    const struct settings *set = user;
    struct zoo_build b = {.g = g, .training = n->training, .norms = true};
    tuff_val logits = zoo_unet(&b, n->fields[0], set->width, 3, CLASSES);
    tuff_network_output(g, n, "mask", tuff_argmax(g, logits, 1, TUFF_DROP_AXES));
    if (!n->fields[1]) return; /* it is to predict alone */
    const struct tuff_cross_entropy_params each = {.reduction = TUFF_REDUCE_NONE};
    n->loss = tuff_mean(g, tuff_cross_entropy(g, logits, n->fields[1], each), 1u << 1 | 1u << 2, TUFF_DROP_AXES);
    tuff_network_class_metrics(g, n, logits, n->fields[1]); /* F1 and IoU, means over the classes */
}

/* ---- what it found ------------------------------------------------------------------------------------------------------------------ */

/* Of all pictures' pixels together. */
static tuff_status print_iou(struct sample *s, const struct shapes *test, const int32_t *found)
{
    static const char *const names[CLASSES] = {"ground", "circle", "square", "triangle"};
    const struct tuff_answers answers = {.struct_size = sizeof answers,
                                         .count = (uint64_t)test->count * test->size * test->size,
                                         .classes = CLASSES,
                                         .labels = test->masks,
                                         .predicted = found};
    struct tuff_scores scores;
    struct tuff_class_score each[CLASSES];
    TRY(tuff_score(s->context, &answers, &scores, each, NULL, &s->error));
    for (int c = 0; c < CLASSES; c++) printf("test     IoU of %-8s %.4f\n", names[c], each[c].iou);
    printf("test     mean IoU %.4f of %u pictures\n", scores.value[TUFF_SCORE_IOU_MACRO], (unsigned)test->count);
    return TUFF_OK;
}

static void paint(uint8_t *rgb, const int32_t *mask, size_t plane)
{
    static const uint8_t colours[CLASSES][3] = {{30, 30, 40}, {31, 119, 180}, {217, 95, 2}, {46, 139, 87}};
    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < 3; c++) rgb[c * plane + i] = colours[mask[i]][c];
}

static tuff_status show(struct sample *s, const struct shapes *test, const int32_t *found)
{
    static const char *const columns[] = {"picture", "truth", "found", "picture", "truth", "found"};
    size_t plane = (size_t)test->size * test->size;
    uint32_t shown = test->count < SHOWN_PICTURES ? 2 : SHOWN_PICTURES;
    uint8_t *pixels = calloc(shown * 3, 3 * plane);
    char path[SAMPLE_PATH];
    if (!pixels) return TUFF_ERR_MEMORY;
    for (uint32_t i = 0; i < shown; i++) {
        uint8_t *at = pixels + i * 9 * plane;
        memcpy(at, test->pictures + i * 3 * plane, 3 * plane);
        paint(at + 3 * plane, test->masks + i * plane, plane);
        paint(at + 6 * plane, found + i * plane, plane);
    }
    const struct pictures sheet = {.title = "Which pixels are a circle, a square, a triangle?",
                                   .columns = columns,
                                   .rows = shown / 2,
                                   .across = 6,
                                   .width = test->size,
                                   .height = test->size,
                                   .channels = 3,
                                   .pixels = pixels};
    tuff_status status = pictures_write(s->context, sample_path(s, "masks.png", path), &sheet, &s->error);
    if (status == TUFF_OK) printf("files    %s\n", SHOWN(path));
    free(pixels);
    return status;
}

static tuff_status run(struct sample *s, struct settings *set, struct shapes *train, struct shapes *test,
                       struct tuff_model **model)
{
    struct tuff_model_params declared = {
        .struct_size = sizeof declared,
        .build = network,
        .user = set,
        .fields = {TUFF_FIELD("x", TUFF_U8, 3, set->size, set->size), TUFF_ANSWER("mask", TUFF_I32, set->size, set->size)},
        .batch = set->batch,
        .seed = set->seed,
        .progress = sample_progress(s)};
    struct tuff_fit_params fit = {.struct_size = sizeof fit, .epochs = set->epochs};
    TRY(make(s, train, set->count, set, set->seed));
    TRY(make(s, test, set->tested, set, set->seed + 1000003));
    struct tuff_data data = {.count = train->count, .fields = {train->pictures, train->masks}};
    struct tuff_data tested = {.count = test->count, .fields = {test->pictures, test->masks}};
    fit.optimizer = tuff_optimizer_defaults(TUFF_ADAM, set->rate);
    fit.optimizer.schedule.kind = TUFF_SCHEDULE_COSINE;
    fit.optimizer.schedule.period = (uint64_t)set->epochs * ((set->count + set->batch - 1) / set->batch);
    fit.validation = &tested;
    sample_watch(s, &fit);
    TRY(tuff_model_create(s->device, &declared, model, &s->error));
    TRY(tuff_model_fit(*model, &data, &fit, &s->error));
    TRY(sample_curves(s));
    int32_t *found = malloc((size_t)test->count * test->size * test->size * sizeof *found);
    if (!found) return TUFF_ERR_MEMORY;
    tuff_status status = tuff_model_predict(*model, &tested, (void *[]){found}, &s->error);
    if (status == TUFF_OK) status = print_iou(s, test, found);
    if (status == TUFF_OK) status = show(s, test, found);
    free(found);
    if (status) return status;
    char path[SAMPLE_PATH];
    struct tuff_model_save_params save = {.struct_size = sizeof save};
    status = tuff_model_save(s->context, *model, sample_path(s, "model.tuff", path), &save, &s->error);
    if (status == TUFF_OK) printf("files    %s\n", SHOWN(path));
    return status;
}

int main(int argc, char **argv)
{
    struct settings set = {
        .epochs = 30, .batch = 8, .count = 600, .tested = 60, .size = 32, .width = 8, .seed = 1, .rate = 1e-2};
    const struct sample_option options[] = {
        {"epochs", "times that each picture is seen", .count = &set.epochs, .least = 1, .most = 10000},
        {"batch", "pictures of a step", .count = &set.batch, .least = 1, .most = 1024},
        {"count", "pictures to train with", .count = &set.count, .least = 1, .most = 100000},
        {"tested", "pictures to test with", .count = &set.tested, .least = 2, .most = 100000},
        {"size", "pixels of a side: 16, 24, 32, ..", .count = &set.size, .least = 16, .most = 512},
        {"width", "channels at full size", .count = &set.width, .least = 1, .most = 128},
        {"rate", "learning rate", .number = &set.rate, .least = 1e-9, .most = 10},
        {"seed", "of pictures and weights", .count = &set.seed, .least = 0, .most = 1e9}};
    struct sample s;
    struct shapes train = {0}, test = {0};
    struct tuff_model *model = NULL;
    tuff_status status = sample_begin(&s, "sample-unet", "segmentation of circles, squares and triangles by a U-Net",
                                      options, sizeof options / sizeof options[0], 0, argc, argv);
    if (status == TUFF_OK && set.size % 8 != 0)
        status = sample_refuse(&s, TUFF_ERR_USAGE, "--size %u is no multiple of 8", (unsigned)set.size);
    if (status == TUFF_OK) status = run(&s, &set, &train, &test, &model);
    tuff_model_destroy(model);
    free(train.pictures), free(train.masks), free(test.pictures), free(test.masks);
    return sample_end(&s, status);
}
