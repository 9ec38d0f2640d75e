/* A model is saved, and used by a program that knows nothing of its network; a training stops, and goes on in another process. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tuff/tuff.h>
#define TRY(call) if (call) return fprintf(stderr, "%s: %s\n", tuff_status_name(error->status), error->message), false

enum { POINTS = 512, EPOCHS = 20 };
static float x[POINTS][2], y[POINTS][1]; /* y = x0 x1 + x0 / 2 */

static void network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    const struct tuff_layer_dense_params hidden = {.units = 32}, one = {.units = 1};
    (void)user;
    tuff_val h = tuff_tanh(g, tuff_layer_dense(g, n->fields[0], "hidden", hidden));
    h = tuff_layer_dropout(g, h, 0.05, n->training);
    tuff_network_regress(g, n, tuff_layer_dense(g, h, "one", one), n->fields[1]);
}

static bool open_model(struct tuff_device *device, struct tuff_model **model, struct tuff_error *error)
{
    struct tuff_model_params declared = {.struct_size = sizeof declared, .build = network, .batch = 32, .seed = 1,
                                         .fields = {TUFF_FIELD("x", TUFF_F32, 2), TUFF_ANSWER("y", TUFF_F32, 1)}};
    TRY(tuff_model_create(device, &declared, model, error));
    return true;
}

/* Up to `epochs` epochs in all; after each one all that is needed to go on is in the file. */
static bool train(struct tuff_context *context, struct tuff_model *model, uint32_t epochs, const char *path, bool go_on,
                  struct tuff_error *error)
{
    struct tuff_model_checkpoint checkpoint = {.struct_size = sizeof checkpoint, .context = context, .path = path};
    struct tuff_data data = {.count = POINTS, .fields = {x, y}};
    struct tuff_fit_params fit = {.struct_size = sizeof fit, .epochs = epochs, .save = tuff_model_checkpoint_save,
                                  .save_user = &checkpoint, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.01)};
    if (go_on) {
        TRY(tuff_model_prepare(model, &data, &fit, error));
        TRY(tuff_model_checkpoint_load(context, model, path, error));
    }
    TRY(tuff_model_fit(model, &data, &fit, error));
    return true;
}

static bool predict(struct tuff_model *model, float *answers, struct tuff_error *error)
{
    TRY(tuff_model_predict(model, &(struct tuff_data){.count = POINTS, .fields = {x}}, (void *[]){answers}, error));
    return true;
}

/* What another program does to train on: network, weights and the state of the training are in the file, data and settings are not. */
static bool train_on(struct tuff_context *context, struct tuff_device *device, const char *path, uint32_t epochs, float *answers,
                     struct tuff_error *error)
{
    struct tuff_saved *saved;
    struct tuff_model *model;
    struct tuff_data data = {.count = POINTS, .fields = {x, y}};
    struct tuff_fit_params fit = {.struct_size = sizeof fit, .epochs = epochs, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.01)};
    TRY(tuff_saved_open(context, path, &saved, error));
    TRY(tuff_saved_model(device, saved, NULL, &model, error));
    TRY(tuff_model_prepare(model, &data, &fit, error));
    TRY(tuff_saved_resume(saved, model, error));
    TRY(tuff_model_fit(model, &data, &fit, error));
    bool ok = predict(model, answers, error);
    tuff_model_destroy(model);
    tuff_saved_destroy(saved);
    return ok;
}

/* What another program does: it has the file alone. */
static bool use(struct tuff_context *context, struct tuff_device *device, const char *path, float *answers, struct tuff_error *error)
{
    struct tuff_saved *saved;
    struct tuff_predictor *predictor;
    TRY(tuff_saved_open(context, path, &saved, error));
    const struct tuff_saved_info *info = tuff_saved_info(saved);
    printf("%s: %llu parameters; input %s, output %s\n", path, (unsigned long long)info->parameter_count, info->inputs[0].name,
           info->outputs[0].name);
    TRY(tuff_predictor_create(device, saved, &predictor, error));
    TRY(tuff_predictor_run(predictor, (const void *[]){x}, POINTS, (void *[]){answers}, error));
    tuff_predictor_destroy(predictor);
    tuff_saved_destroy(saved);
    return true;
}

static bool run(struct tuff_context *context, struct tuff_device *device, const char *training, const char *file, struct tuff_error *error)
{
    static float whole[POINTS], halves[POINTS], used[POINTS], more[POINTS], alone[POINTS];
    struct tuff_model *model = NULL, *first = NULL, *second = NULL;
    bool ok = open_model(device, &model, error) && train(context, model, EPOCHS, training, false, error) && predict(model, whole, error);
    ok = ok && open_model(device, &first, error) && train(context, first, EPOCHS / 2, training, false, error);
    tuff_model_destroy(first); /* here the process could end */
    ok = ok && open_model(device, &second, error) && train(context, second, EPOCHS, training, true, error) &&
         predict(second, halves, error);
    if (ok && memcmp(whole, halves, sizeof whole) != 0) ok = false, fprintf(stderr, "a training in two parts gives other bits\n");

    struct tuff_model_save_params params = {.struct_size = sizeof params, .training = true};
    ok = ok && tuff_model_save(context, second, file, &params, error) == TUFF_OK && use(context, device, file, used, error);
    ok = ok && train(context, second, EPOCHS + 2, training, false, error) && predict(second, more, error) &&
         train_on(context, device, file, EPOCHS + 2, alone, error);
    if (ok && memcmp(more, alone, sizeof more) != 0) ok = false, fprintf(stderr, "the file's model trains on to other bits\n");
    float off = 0;
    for (int i = 0; i < POINTS; i++) off = fabsf(used[i] - halves[i]) > off ? fabsf(used[i] - halves[i]) : off;
    if (ok) printf("a training in two parts gives the same bits; the file's answers differ by %g at most\n", (double)off);
    tuff_model_destroy(second);
    tuff_model_destroy(model);
    return ok && off < 1e-5f;
}

int main(int argc, char **argv) /* saving [TRAINING [FILE]] */
{
    const char *training = argc > 1 ? argv[1] : "saving-training.tuff", *file = argc > 2 ? argv[2] : "saving-model.tuff";
    struct tuff_error error = {0};
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    for (int i = 0; i < POINTS; i++) {
        x[i][0] = (float)(i % 32) / 16 - 1, x[i][1] = (float)(i / 32) / 8 - 1;
        y[i][0] = x[i][0] * x[i][1] + x[i][0] / 2;
    }
    bool ok = tuff_context_create(NULL, &context, &error) == TUFF_OK && tuff_device_create(context, NULL, &device, &error) == TUFF_OK &&
              run(context, device, training, file, &error);
    if (error.status) fprintf(stderr, "%s: %s\n", tuff_status_name(error.status), error.message);
    tuff_device_release(device);
    tuff_context_destroy(context);
    remove(training);
    remove(file);
    return ok ? 0 : 1;
}
