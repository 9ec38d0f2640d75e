/* dryrun.c - tuff-dryrun: makes a device, compiles the quickstart's training and inference plans, a plan for each kernel
 * family and every probe, or the plans of tuff-bench's nets, creates every pipeline, records and submits. It checks no result: on
 * a simulated driver none is written. What it shows is that plans, pipelines and recordings pass this driver's own limits and
 * compiler, and that validation is silent. */
#include "tests/dryrun/dryrun.h"
#include "graph/op.h"
#include "samples/bench/probe.h"
#include "samples/common/program.h"
#include "shaders/kernels.h"
#include "tests/dryrun/no_submit.h"
#include "tests/op_cases.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, SAMPLES = 2 * BATCH };

static void log_message(void *user, enum tuff_log_level level, const char *message)
{
    struct dryrun *d = user;
    if (d->asking && !strstr(message, "vulkan: ")) return;
    if (level == TUFF_LOG_ERROR) d->messages++;
    fprintf(stderr, "tuff-dryrun: %s\n", message);
}

void dryrun_report(struct dryrun *d, const char *name, tuff_status status, const struct tuff_error *error,
                   const struct tuff_plan_figures *figures)
{
    if (status == TUFF_OK && !figures) { /* figures are not public */
        printf("%-32s ok\n", name);
        return;
    }
    if (status == TUFF_OK) {
        printf("%-32s ok  %3u launches %3u barriers %3u pipelines\n", name, figures->launches, figures->barriers,
               figures->pipelines);
        return;
    }
    bool failed = !d->nets || status != TUFF_ERR_DEVICE_MEMORY;
    printf("%-32s %s  %s: %s\n", name, failed ? "FAILED" : "no room", tuff_status_name(status), error->message);
    d->failures += failed;
    if (failed) return;
    d->no_room++;
    if (d->messages) d->messages--; /* the failure itself was logged */
}

/* ---- one plan per kernel family --------------------------------------------------------------------------------------------- */

static tuff_val f32(struct tuff_graph *g, const char *name, struct tuff_shape shape)
{
    return tuff_input(g, name, TUFF_F32, shape);
}

static tuff_val family_matmul(struct tuff_graph *g)
{
    tuff_val a = f32(g, "a", TUFF_SHAPE(3, 130, 257)), b = f32(g, "b", TUFF_SHAPE(257, 131));
    return tuff_gelu(g, tuff_matmul(g, a, b, (struct tuff_matmul_params){0}));
}
static tuff_val family_matmul_transposed(struct tuff_graph *g)
{
    tuff_val a = f32(g, "a", TUFF_SHAPE(256, 128)), b = f32(g, "b", TUFF_SHAPE(64, 256));
    return tuff_matmul(g, a, b, (struct tuff_matmul_params){.transpose_a = true, .transpose_b = true});
}
static tuff_val family_bytes(struct tuff_graph *g)
{
    tuff_val a = tuff_input(g, "a", TUFF_I8, TUFF_SHAPE(3, 130, 257)), b = tuff_input(g, "b", TUFF_I8, TUFF_SHAPE(257, 131));
    tuff_val x = tuff_input(g, "x", TUFF_I8, TUFF_SHAPE(4, 32, 29, 31)),
             w = tuff_input(g, "w", TUFF_I8, TUFF_SHAPE(64, 16, 3, 3));
    struct tuff_conv2d_params params = {
        .pad = {1, 1, 1, 1}, .groups = 2, .zero = tuff_input(g, "zero", TUFF_I32, TUFF_SHAPE(1))};
    tuff_val y = tuff_matmul(g, a, b, (struct tuff_matmul_params){0}), z = tuff_conv2d(g, x, w, 0, params);
    return tuff_add(g, tuff_sum(g, y, 0, TUFF_DROP_AXES), tuff_sum(g, z, 0, TUFF_DROP_AXES));
}
static tuff_val convolution(struct tuff_graph *g, uint32_t channels, uint32_t groups, uint32_t kernel, uint32_t stride)
{
    tuff_val x = f32(g, "x", TUFF_SHAPE(4, channels, 29, 31)),
             w = f32(g, "w", TUFF_SHAPE(64, channels / groups, kernel, kernel));
    struct tuff_conv2d_params params = {.stride = {stride, stride}, .pad = {1, 1, 1, 1}, .groups = groups};
    tuff_val y = tuff_relu(g, tuff_conv2d(g, x, w, f32(g, "b", TUFF_SHAPE(64)), params)), gradients[2];
    tuff_gradients(g, y, 0, (tuff_val[]){x, w}, 2, gradients);
    return tuff_add(g, tuff_sum(g, gradients[0], 0, TUFF_DROP_AXES), tuff_sum(g, gradients[1], 0, TUFF_DROP_AXES));
}
static tuff_val family_conv(struct tuff_graph *g) { return convolution(g, 32, 1, 3, 1); }
static tuff_val family_conv_strided(struct tuff_graph *g) { return convolution(g, 32, 1, 3, 2); }
static tuff_val family_conv_pointwise(struct tuff_graph *g) { return convolution(g, 32, 1, 1, 1); }
static tuff_val family_conv_depthwise(struct tuff_graph *g) { return convolution(g, 64, 64, 3, 1); }
/* Windows of 3 x 3 overlap at stride 2 and lie apart at stride 3. */
static tuff_val pooling(struct tuff_graph *g, uint32_t kernel, uint32_t stride, uint32_t pad, uint32_t width)
{
    tuff_val x = f32(g, "x", TUFF_SHAPE(4, 8, 30, width)), gradient;
    struct tuff_pool2d_params params = {.kernel = {kernel, kernel}, .stride = {stride, stride}, .pad = {pad, pad, pad, pad}};
    tuff_val y = tuff_add(g, tuff_max_pool2d(g, x, params), tuff_avg_pool2d(g, x, params));
    tuff_gradients(g, tuff_square(g, y), 0, &x, 1, &gradient);
    return gradient;
}
static tuff_val family_pool_overlapping(struct tuff_graph *g) { return pooling(g, 3, 2, 1, 31); }
static tuff_val family_pool_apart(struct tuff_graph *g) { return pooling(g, 3, 3, 1, 31); }
static tuff_val family_pool_halving(struct tuff_graph *g) { return pooling(g, 2, 2, 0, 32); }
static tuff_val family_norms(struct tuff_graph *g)
{
    tuff_val x = f32(g, "x", TUFF_SHAPE(33, 1025)), gradient;
    tuff_val y = tuff_softmax(g, tuff_layer_norm(g, x, 0, 0, 1, 1e-5), 1);
    tuff_gradients(g, tuff_square(g, y), 0, &x, 1, &gradient);
    return gradient;
}
static tuff_val family_index(struct tuff_graph *g)
{
    tuff_val table = f32(g, "table", TUFF_SHAPE(100, 33)), rows = tuff_input(g, "rows", TUFF_I32, TUFF_SHAPE(70)), gradient;
    tuff_val y = tuff_cumsum(g, tuff_gather(g, table, rows, 0), (struct tuff_cumsum_params){.axis = 0});
    tuff_gradients(g, y, 0, &table, 1, &gradient); /* by rows; then by elements */
    gradient = tuff_scatter_add(g, gradient, tuff_input(g, "at", TUFF_I32, TUFF_SHAPE(50, 33)),
                                tuff_full(g, TUFF_F32, TUFF_SHAPE(50, 33), 1), 0);
    tuff_val ring = tuff_state(g, "ring", TUFF_F32, TUFF_SHAPE(100, 33),
                               (struct tuff_init){0}); /* written in part, then read */
    tuff_val later = tuff_assign_rows(g, ring, tuff_gather(g, table, rows, 0),
                                      tuff_input(g, "place", TUFF_I32, TUFF_SHAPE(1)));
    gradient = tuff_add(g, gradient, later);
    tuff_val best = tuff_topk_indices(g, gradient, (struct tuff_topk_params){.axis = 1, .k = 5});
    return tuff_add(g, tuff_cast(g, best, TUFF_F32), tuff_gather_elements(g, gradient, best, 1));
}
static tuff_val family_loops(struct tuff_graph *g) /* a round's bindings go on by rows, forward and backward */
{
    tuff_val x = f32(g, "x", TUFF_SHAPE(9, 3, 20)), gradient;
    tuff_gradients(g,
                   tuff_square(g, tuff_layer_recurrent(g, x, "lstm", (struct tuff_layer_recurrent_params){.units = 17}).h),
                   0, &x, 1, &gradient);
    return gradient;
}
static tuff_val family_types(struct tuff_graph *g) /* halves, bytes and random numbers in words of 32 bits */
{
    tuff_val x = tuff_input(g, "x", TUFF_F16, TUFF_SHAPE(33, 65)), bytes = tuff_input(g, "u", TUFF_U8, TUFF_SHAPE(33, 65));
    tuff_val y = tuff_dropout(g, tuff_mul(g, tuff_cast(g, x, TUFF_F32), tuff_cast(g, bytes, TUFF_F32)), tuff_rng_state(g),
                              0.5);
    return tuff_cast(g, y, TUFF_F16);
}

static const struct {
    const char *name;
    tuff_val (*build)(struct tuff_graph *g);
} families[] = {
    {"matmul", family_matmul},
    {"matmul, transposed", family_matmul_transposed},
    {"matmul, conv2d of i8", family_bytes},
    {"conv 3x3", family_conv},
    {"conv 3x3, stride 2", family_conv_strided},
    {"conv 1x1", family_conv_pointwise},
    {"conv 3x3, depthwise", family_conv_depthwise},
    {"pooling, overlapping", family_pool_overlapping},
    {"pooling, apart", family_pool_apart},
    {"pooling, halving", family_pool_halving},
    {"norm and softmax", family_norms},
    {"indexing", family_index},
    {"types and random", family_types},
    {"loops", family_loops},
};

/* Marks the files of the kernels in a plan. */
static tuff_status cover(struct dryrun *d, const struct tuff_executable *plan, struct tuff_error *error)
{
    char *text = NULL, quoted[80];
    tuff_status status = tuff_executable_print(plan, &text, error);
    for (unsigned i = 0; !status && i < tuff_kernel_source_count; i++) {
        snprintf(quoted, sizeof quoted, "\"%s\"", tuff_kernel_sources[i].name);
        d->covered[i] = d->covered[i] || strstr(text, quoted);
    }
    tuff_text_free(d->context, text);
    return status;
}

/* Kernels for the same work, of which a device takes one or another. */
static const char *const choices[][4] = {
    {"reduce_each", "reduce_each_quad"},
    {"reduce_row", "reduce_row_quad"},
    {"topk", "topk_few"},
    {"max_pool2d", "max_pool2d_quad", "pool2d_row"},
    {"avg_pool2d", "pool2d_row"},
    {"max_pool2d_grad", "max_pool2d_grad_block", "max_pool2d_grad_quad", "max_pool2d_grad_row"},
    {"avg_pool2d_grad", "avg_pool2d_grad_row"},
};

static bool is_covered(const struct dryrun *d, const char *name)
{
    for (unsigned i = 0; i < tuff_kernel_source_count; i++)
        if (!strcmp(tuff_kernel_sources[i].name, name)) return d->covered[i];
    return false;
}

/* Another kernel for this one's work was in a plan. */
static bool is_replaced(const struct dryrun *d, const char *name)
{
    bool replaced = false;
    for (size_t c = 0; c < sizeof choices / sizeof choices[0]; c++) {
        bool own = false, other = false;
        for (size_t k = 0; k < 4 && choices[c][k]; k++) {
            bool same = !strcmp(choices[c][k], name);
            own = own || same;
            other = other || (!same && is_covered(d, choices[c][k]));
        }
        replaced = replaced || (own && other);
    }
    return replaced;
}

/* Every kernel file was in a plan, but those of which the device chooses between several, the self-test's own,
 * and those of the other kind of build: with a compiler, which fuses, or without. */
static void check_covered(struct dryrun *d)
{
    const char *const alternatives[] = {
        "gemm_",     "conv_shuffle", "conv_weight_shuffle", "conv_tab",
        "conv_wtab", "attention",    "subgroup_probe",      tuff_glslang() ? "plain_" : "pointwise"};
    for (unsigned i = 0; i < tuff_kernel_source_count; i++) {
        const char *name = tuff_kernel_sources[i].name;
        bool needed = true;
        for (size_t a = 0; a < sizeof alternatives / sizeof alternatives[0]; a++)
            needed = needed && strncmp(name, alternatives[a], strlen(alternatives[a])) != 0;
        needed = needed && !is_replaced(d, name);
        if (!d->covered[i]) printf("%s is in no plan%s\n", name, needed ? ": FAILED" : " on this device");
        d->failures += needed && !d->covered[i];
    }
}

static bool uses(const struct tuff_graph *g, const struct tuff_op *op)
{
    for (tuff_val v = 1; v < g->count; v++)
        if (g->values[v].op == op) return true;
    return false;
}

/* An operator that no family has: its first case, and the gradient by its first operand. */
static tuff_val build_operator(struct tuff_graph *g, const struct tuff_op *op)
{
    tuff_val in[6] = {0}, gradient;
    tuff_val y = tuff_op_of_case(g, op, op_case(op, 0), op->name, in);
    if (!op->grad) return y;
    tuff_gradients(g, tuff_square(g, y), 0, in, 1, &gradient);
    return gradient;
}

static tuff_status write_zeros(const struct tuff_graph *g, struct tuff_executable *plan, struct tuff_error *error)
{
    tuff_status status = TUFF_OK;
    for (tuff_val v = 1; v < g->count && !status; v++) {
        struct tuff_type type = tuff_type_on_host(g, v);
        size_t bytes = (size_t)tuff_type_bytes(&type);
        if (g->values[v].op->kind != TUFF_KIND_INPUT) continue;
        void *zeros = calloc(1, bytes);
        if (!zeros) abort();
        status = tuff_executable_write(plan, v, zeros, bytes, error);
        free(zeros);
    }
    return status;
}

/* A family's plan, or an operator's; marks the operators that it has. */
static void run_family(struct dryrun *d, const char *name, tuff_val (*build)(struct tuff_graph *g), const struct tuff_op *op)
{
    struct tuff_error error = {0};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *plan = NULL;
    struct tuff_plan_figures figures = {0};
    tuff_status status = tuff_graph_create(d->context, &g, &error);
    tuff_val y = status != TUFF_OK ? 0 : build ? build(g) : build_operator(g, op);
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
    for (uint32_t i = 0; !status && i < tuff_op_count; i++) d->tried[i] = d->tried[i] || uses(g, tuff_ops[i]);
    if (!status) status = tuff_graph_finish(g, &error);
    if (!status) status = tuff_session_create(d->device, g, NULL, &session, &error);
    if (!status) status = tuff_session_compile(session, &params, &plan, &error);
    if (!status) figures = tuff_executable_figures(plan);
    if (!status) status = cover(d, plan, &error);
    if (!status) status = write_zeros(g, plan, &error);
    if (!status) status = tuff_executable_run(plan, &error);
    dryrun_report(d, name, status, &error, &figures);
    tuff_executable_destroy(plan);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* Peaks of what the device has; "coopmat-f16" is a kernel that no file holds. */
static void run_probe(struct dryrun *d, enum probe_kind kind, uint32_t variant)
{
    struct tuff_error error = {0};
    struct probe *probe = NULL;
    const struct probe_params params = {.kind = kind, .rounds = 2, .bytes = 1 << 20, .variant = variant};
    char name[64];
    uint64_t ticket = 0;
    snprintf(name, sizeof name, "probe %s", probe_name(kind));
    d->asking = true;
    tuff_status status = probe_create(d->device, &params, &probe, &error);
    d->asking = false;
    if (status == TUFF_ERR_UNSUPPORTED && strstr(error.message, " has no ")) {
        printf("%-24s not here: %s\n", name, error.message);
        return;
    }
    if (!status) status = tuff_program_submit(probe_program(probe), &ticket, &error);
    if (!status) status = tuff_device_wait(d->device, ticket, UINT64_MAX, &error);
    dryrun_report(d, name, status, &error, NULL);
    probe_destroy(probe);
}

/* ---- the quickstart's plans ---------------------------------------------------------------------------------------------------- */

static tuff_val network(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    const struct tuff_layer_conv2d_params conv1 = {.channels = 16, .kernel = {3}, .conv = {.pad = {1, 1, 1, 1}}};
    const struct tuff_layer_conv2d_params conv2 = {.channels = 32, .kernel = {3}, .conv = {.pad = {1, 1, 1, 1}}};
    struct tuff_pool2d_params half = {.kernel = {2, 2}};
    (void)user;
    x = tuff_max_pool2d(g,
                        tuff_relu(g, tuff_layer_batch_norm(g, tuff_layer_conv2d(g, x, "conv1", conv1), "norm1",
                                                           (struct tuff_layer_batch_norm_params){.training = training})),
                        half);
    x = tuff_max_pool2d(g, tuff_relu(g, tuff_layer_conv2d(g, x, "conv2", conv2)), half);
    x = tuff_layer_dropout(g, tuff_flatten(g, x), 0.2, training);
    return tuff_layer_dense(g,
                            tuff_relu(g, tuff_layer_dense(g, x, "dense1", (struct tuff_layer_dense_params){.units = 128})),
                            "dense2", (struct tuff_layer_dense_params){.units = 10});
}

static void network_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val y = network(g, n->fields[0], n->training, user);
    tuff_network_classify(g, n, y, n->fields[1], 0);
}

static void run_quickstart(struct dryrun *d)
{
    struct tuff_error error = {0};
    struct tuff_model *model = NULL;
    struct tuff_plan_figures figures = {0};
    float out[10];
    uint8_t *x = calloc(SAMPLES, 28 * 28);
    int32_t *labels = calloc(SAMPLES, sizeof *labels);
    struct tuff_model_params declared = {.struct_size = sizeof declared,
                                         .build = network_model,
                                         .fields = {TUFF_FIELD("x", TUFF_U8, 1, 28, 28), TUFF_LABELS("labels")},
                                         .batch = BATCH};
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.001), .epochs = 1};
    fit.optimizer.clip_norm = 1;
    struct tuff_data data = {.count = SAMPLES, .fields = {x, labels}};
    tuff_status status = x && labels ? tuff_model_create(d->device, &declared, &model, &error) : TUFF_ERR_MEMORY;
    if (!status) status = tuff_model_fit(model, &data, &fit, &error);
    if (model) figures = tuff_model_figures(model);
    dryrun_report(d, "quickstart, training", status, &error, &figures);
    if (!status) status = tuff_model_predict(model, &(struct tuff_data){.count = 1, .fields = {x}}, (void *[]){out}, &error);
    dryrun_report(d, "quickstart, inference", status, &error, NULL);
    tuff_model_destroy(model);
    free(x);
    free(labels);
}

static void run_kernels(struct dryrun *d)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        run_family(d, families[i].name, families[i].build, NULL);
    for (uint32_t i = 0; i < tuff_op_count; i++)
        if (tuff_ops[i]->class == TUFF_CLASS_KERNEL && op_case_count(tuff_ops[i]) && !d->tried[i])
            run_family(d, tuff_ops[i]->name, NULL, tuff_ops[i]);
    for (uint32_t kind = 0; kind < PROBE_COUNT; kind++)
        for (uint32_t v = 0; v < probe_variants(kind); v++) run_probe(d, kind, v);
    run_quickstart(d);
    check_covered(d);
}

static void usage(void)
{
    puts("Usage: tuff-dryrun [--device NAME] [--compile-only] [--nets | --net NAME]\n"
         "Compiles and submits the quickstart's plans and one plan per kernel family on a device, and checks no result:\n"
         "for drivers over a simulated GPU. Prints a line per plan; exits with 1 when one failed.\n\n"
         "  -d, --device NAME   index, UUID or part of its name (tuff-info lists them)\n"
         "  -c, --compile-only  pipelines are made, nothing is recorded or submitted\n"
         "  -n, --nets          instead, the plans of all nets of tuff-bench: inference of one sample, and training; one "
         "that\n"
         "                      the device has no memory for is told and is no failure\n"
         "  -N, --net NAME      those of one net (resnet50), or of a head that is taught (teach)\n"
         "      --help, --version");
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"device", required_argument, NULL, 'd'},
                                          {"compile-only", no_argument, NULL, 'c'},
                                          {"nets", no_argument, NULL, 'n'},
                                          {"net", required_argument, NULL, 'N'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'v'},
                                          {NULL, 0, NULL, 0}};
    struct dryrun d = {.failures = 0};
    struct tuff_error error = {0};
    const char *name = NULL, *net = NULL;
    program_begin();
    char shown[200];
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "d:cnN:", known, NULL)) != -1;) {
        if (option == 'd')
            name = optarg;
        else if (option == 'c')
            d.compile_only = true;
        else if (option == 'n' || option == 'N')
            d.nets = true, net = option == 'N' ? optarg : NULL;
        else if (option == 'h') {
            usage();
            return 0;
        } else if (option == 'v') {
            printf("tuff-dryrun %s\n", tuff_version());
            return 0;
        } else {
            fprintf(stderr, "tuff-dryrun: what is %s?\n", tuff_printable(argv[optind - 1], shown, sizeof shown));
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "tuff-dryrun: what is %s?\n", tuff_printable(argv[optind], shown, sizeof shown));
        return 2;
    }
    if (d.compile_only) no_submit();
    struct tuff_options options = {.struct_size = sizeof options, .log = log_message, .log_user = &d};
    tuff_options_from_env(&options);
    if (tuff_context_create(&options, &d.context, &error) || tuff_device_create(d.context, name, &d.device, &error)) {
        printf("skipped: %s\n", error.message);
        tuff_context_destroy(d.context);
        return 77;
    }
    printf("%s, %s\n", tuff_device_caps(d.device)->name, tuff_device_caps(d.device)->driver_info);
    if (!d.nets) {
        run_kernels(&d);
    } else if (!dryrun_nets(&d, net)) {
        printf("there is no net %s\n", tuff_printable(net ? net : "", shown, sizeof shown));
        d.failures++;
    }
    tuff_device_release(d.device);
    tuff_context_destroy(d.context);
    if (d.messages) printf("%u error messages, of the validation layer or the library\n", d.messages);
    if (d.no_room) printf("%u plans for which there is no room\n", d.no_room);
    printf("%u failures\n", d.failures);
    return d.failures || d.messages;
}
