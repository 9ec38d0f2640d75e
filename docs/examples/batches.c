/* A model of two inputs whose samples nobody stores: a function makes them on threads ahead of the device, each from its number alone, so that
 * shuffling, validation and going on stay exact. The task: the frequency of a noisy wave in hertz, from 32 samples of it and their rate. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tuff/tuff.h>
#define TRY(call)                                                                                                           \
    if ((call) != TUFF_OK) return false

enum { SAMPLES = 4096, TESTED = 512, LENGTH = 32, WAVE = 0, RATE, HERTZ };
static struct tuff_error error; /* of the main thread */

/* A number in [0, 1) that follows from a sample's number: splitmix64 (Steele, Lea and Flood 2014). */
static float noise(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (float)(z >> 40) / 0x1p24f;
}

/* Called by several threads at once: it reads what does not change and writes into the fields alone. A field is NULL where it is not
 * needed, as the answers are not in predictions. A status other than TUFF_OK, with a sentence, ends the fit. */
static tuff_status fill(void *user, const uint32_t *rows, uint32_t count, void *const *fields, struct tuff_error *why)
{
    const uint64_t first = *(const uint64_t *)user; /* numbers of training and test lie apart */
    (void)why;
    for (uint32_t k = 0; k < count; k++) {
        uint64_t state = first + rows[k];
        const float cycles = 0.05f + 0.2f * noise(&state), phase = noise(&state), rate = 1 + 2 * noise(&state);
        float *wave = (float *)fields[WAVE] + (size_t)k * LENGTH;
        for (int t = 0; t < LENGTH; t++)
            wave[t] = sinf(6.2831853f * (cycles * (float)t + phase)) + 0.2f * (noise(&state) - 0.5f);
        ((float *)fields[RATE])[k] = rate;
        if (fields[HERTZ]) ((float *)fields[HERTZ])[k] = cycles * rate;
    }
    return TUFF_OK;
}

static void network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    (void)user;
    const struct tuff_layer_dense_params hidden = {.units = 64};
    tuff_val x = tuff_relu(g, tuff_layer_dense(g, n->fields[WAVE], "wave", hidden));
    x = tuff_relu(g, tuff_layer_dense(g, x, "shape", hidden));
    x = tuff_concat(g, (tuff_val[]){x, n->fields[RATE]}, 2, 1);
    x = tuff_relu(g, tuff_layer_dense(g, x, "both", hidden));
    tuff_network_regress(g, n, tuff_layer_dense(g, x, "hertz", (struct tuff_layer_dense_params){.units = 1}),
                         n->fields[HERTZ]);
}

static bool show(void *user, const struct tuff_epoch *epoch)
{
    (void)user;
    printf("epoch %2u: off by %.4f Hz, in samples that it has not seen by %.4f Hz\n", (unsigned)epoch->epoch + 1,
           sqrt(epoch->train.loss), sqrt(epoch->validation.loss));
    return true;
}

static bool run(struct tuff_device *device, struct tuff_model **model)
{
    static uint64_t training = 0, testing = UINT64_C(1) << 32;
    const struct tuff_data data = {.count = SAMPLES, .fill = fill, .user = &training, .threads = 2},
                           tested = {.count = TESTED, .fill = fill, .user = &testing, .threads = 2};
    struct tuff_model_params params = {.struct_size = sizeof params,
                                       .build = network,
                                       .batch = 64,
                                       .seed = 1,
                                       .fields = {TUFF_FIELD("wave", TUFF_F32, LENGTH), TUFF_FIELD("rate", TUFF_F32, 1),
                                                  TUFF_ANSWER("hertz", TUFF_F32, 1)}};
    const struct tuff_fit_params fit = {.struct_size = sizeof fit,
                                        .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 2e-3),
                                        .epochs = 8,
                                        .validation = &tested,
                                        .on_epoch = show};
    TRY(tuff_model_create(device, &params, model, &error));
    TRY(tuff_model_fit(*model, &data, &fit, &error));

    float hertz[4];
    const struct tuff_data asked = {.count = 4, .fill = fill, .user = &testing};
    TRY(tuff_model_predict(*model, &asked, (void *[]){hertz}, &error));
    printf("the first of them: %.3f, %.3f, %.3f, %.3f Hz\n", (double)hertz[0], (double)hertz[1], (double)hertz[2],
           (double)hertz[3]);

    struct tuff_metrics metrics;
    TRY(tuff_model_evaluate(*model, &tested, &metrics, &error));
    if (metrics.loss < 0.03 * 0.03) return true;
    snprintf(error.message, sizeof error.message, "it has not learned: off by %.3f Hz", sqrt(metrics.loss));
    return false;
}

int main(void)
{
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_model *model = NULL;
    bool good = tuff_context_create(NULL, &context, &error) == TUFF_OK &&
                tuff_device_create(context, NULL, &device, &error) == TUFF_OK && run(device, &model);
    if (!good) fprintf(stderr, "%s\n", error.message);
    tuff_model_destroy(model);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return good ? 0 : 1;
}
