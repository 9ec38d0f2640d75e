/* A checkpoint that PyTorch wrote, {"model": torch.nn.Sequential(Linear(2, 1), BatchNorm1d(1)).state_dict(), ..}, into the same network here.
 *   weights FILE    .pth, or safetensors, .npz, .h5, whose names the rules know */
#include <stdio.h>
#include <tuff/tuff.h>
#define TRY(call) if (call) return fprintf(stderr, "%s: %s\n", tuff_status_name(error.status), error.message), 1

static void told(void *user, enum tuff_weight_fate fate, const char *tensor, const char *parameter)
{
    static const char *const fates[] = {"written", "left out", "unused", "unset"};
    (void)user;
    printf("%-8s %s %s\n", fates[fate], tensor ? tensor : "", parameter ? parameter : "");
}

int main(int argc, char **argv)
{
    struct tuff_error error = {0};
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_graph *g;
    struct tuff_session *session;
    struct tuff_executable *run;
    struct tuff_tensors *file;
    static const float x[2][2] = {{1, 0}, {0, 1}};
    float y[2];
    if (argc != 2) return fprintf(stderr, "usage: weights FILE\n"), 2;
    TRY(tuff_context_create(NULL, &context, &error));
    TRY(tuff_device_create(context, NULL, &device, &error));
    TRY(tuff_graph_create(context, &g, &error));
    tuff_val in = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 2));
    tuff_val out = tuff_layer_dense(g, in, "dense", (struct tuff_layer_dense_params){.units = 1});
    out = tuff_layer_batch_norm(g, out, "norm", (struct tuff_layer_batch_norm_params){.training = false});
    TRY(tuff_session_create(device, g, NULL, &session, &error));

    /* The first rule that matches counts; what nothing matches keeps its name. */
    static const struct tuff_name_rule rules[] = {{"*.num_batches_tracked", NULL, NULL}, {"model.0.*", "dense.*", NULL},
                                                  {"model.1.*", "norm.*", NULL}};
    const struct tuff_weights_params params = {.struct_size = sizeof params, .session = session, .graph = g, .rules = rules, .rule_count = 3,
                                               .allow_unused = true, .told = told}; /* the file holds other tensors too; unset ones are an error */
    TRY(tuff_tensors_open(context, argv[1], 0, &file, &error));
    TRY(tuff_weights_load(context, file, &params, NULL, &error));
    tuff_tensors_destroy(file);

    const struct tuff_executable_params asked = {.struct_size = sizeof asked, .outputs = &out, .output_count = 1};
    TRY(tuff_session_compile(session, &asked, &run, &error));
    TRY(tuff_executable_write(run, in, x, sizeof x, &error));
    TRY(tuff_executable_run(run, &error));
    TRY(tuff_executable_read(run, 0, y, sizeof y, &error));
    printf("%.4f %.4f\n", (double)y[0], (double)y[1]);
    tuff_executable_destroy(run);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return 0;
}
