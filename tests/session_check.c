/* session_check.c - checked mode: right kernels are found right, once for each shape; of each family that a class of devices is given, a kernel
 * that is made wrong on purpose is found, the family is switched off for this run and later ones, and results are right all the same;
 * where nothing can take its place, compiling fails with a sentence. */
#include "backend/handover.h"
#include "graph/ops/families.h"
#include "tests/backend_help.h"
#include "tests/graph_help.h"
#include "tests/op_help.h"
#include "tests/temporary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { OUTPUTS = 18, MOST_INPUTS = 16 };

struct broken { /* a compiler whose kernels of one family, or of one file, compute something else */
    enum tuff_family family;
    const char *file;
    bool used[TUFF_FAMILY_COUNT]; /* families that were compiled */
};

/* Sums become differences, products sums, and a * b + c is clamped. */
static void spoil(uint32_t *words, size_t count)
{
    enum { HEAD = 5, EXT_INST = 12, FADD = 129, FSUB = 131, FMUL = 133, FMA = 50, FCLAMP = 43 };
    for (size_t at = HEAD; at < count; at += words[at] >> 16 ? words[at] >> 16 : count) {
        uint32_t op = words[at] & 0xffff, length = words[at] & 0xffff0000u;
        if (op == FADD) words[at] = length | FSUB;
        if (op == FMUL) words[at] = length | FADD;
        if (op == EXT_INST && at + 4 < count && words[at + 4] == FMA) words[at + 4] = FCLAMP;
    }
}

static tuff_status compile(void *user, struct tuff_context *context, const char *name, const char *source,
                           const char *preamble, uint32_t **spirv, size_t *words, struct tuff_error *error)
{
    struct broken *broken = user;
    const struct tuff_compiler *compiler = tuff_glslang();
    TUFF_TRY(compiler->compile(compiler->user, context, name, source, preamble, spirv, words, error));
    enum tuff_family family = tuff_family_of_file(name);
    if (family != TUFF_FAMILY_COUNT) broken->used[family] = true;
    if ((family != TUFF_FAMILY_COUNT && family == broken->family) || (broken->file && !strcmp(name, broken->file)))
        spoil(*spirv, *words);
    return TUFF_OK;
}

/* Work for every family: products in each layout, of vectors and of few long sums, convolutions and attention with gradients, rows. */
struct net {
    struct tuff_graph *g;
    tuff_val inputs[MOST_INPUTS], outputs[OUTPUTS];
    uint32_t input_count, output_count;
};

static tuff_val input(struct net *n, struct tuff_shape shape)
{
    char name[16];
    snprintf(name, sizeof name, "x%u", n->input_count);
    return n->inputs[n->input_count++] = tuff_input(n->g, name, TUFF_F32, shape);
}

static void convolution(struct net *n, struct tuff_conv2d_params params, uint32_t in, uint32_t out)
{
    tuff_val x = input(n, TUFF_SHAPE(2, in, 12, 12)),
             w = input(n, TUFF_SHAPE(out, in / (params.groups ? params.groups : 1), 3, 3));
    tuff_val y = tuff_conv2d(n->g, x, w, 0, params), g[2];
    tuff_gradients(n->g, y, input(n, tuff_type_of(n->g, y).shape), (const tuff_val[]){x, w}, 2, g);
    n->outputs[n->output_count++] = tuff_relu(n->g, y);
    n->outputs[n->output_count++] = g[0];
    n->outputs[n->output_count++] = g[1];
}

static void attention(struct net *n)
{
    tuff_val in[3] = {input(n, TUFF_SHAPE(1, 2, 21, 32))}, grads[3];
    for (uint32_t i = 1; i < 3; i++) in[i] = input(n, TUFF_SHAPE(1, 1, 21, 32));
    tuff_val y = tuff_attention(n->g, in[0], in[1], in[2], (struct tuff_attention_params){.causal = true});
    tuff_gradients(n->g, y, input(n, TUFF_SHAPE(1, 2, 21, 32)), in, 3, grads);
    n->outputs[n->output_count++] = y;
    for (uint32_t i = 0; i < 3; i++) n->outputs[n->output_count++] = grads[i];
}

static void build(struct net *n)
{
    static const struct tuff_conv2d_params same = {.pad = {1, 1, 1, 1}}, each = {.pad = {1, 1, 1, 1}, .groups = 8};
    struct tuff_graph *g = n->g;
    tuff_val a = input(n, TUFF_SHAPE(40, 36)), b = input(n, TUFF_SHAPE(36, 52)), c = input(n, TUFF_SHAPE(52));
    tuff_val y = tuff_relu(g, tuff_add(g, tuff_matmul(g, a, b, (struct tuff_matmul_params){0}), c));
    n->outputs[n->output_count++] = y;
    n->outputs[n->output_count++] = tuff_matmul(g, y, b, (struct tuff_matmul_params){.transpose_b = true});
    n->outputs[n->output_count++] = tuff_matmul(g, a, y, (struct tuff_matmul_params){.transpose_a = true});
    n->outputs[n->output_count++] = tuff_softmax(g, y, 1);
    n->outputs[n->output_count++] = tuff_matmul(g, input(n, TUFF_SHAPE(1, 36)), b, (struct tuff_matmul_params){0});
    tuff_val row = input(n, TUFF_SHAPE(6, 1100)), column = input(n, TUFF_SHAPE(1100, 7));
    n->outputs[n->output_count++] = tuff_matmul(g, row, column, (struct tuff_matmul_params){0});
    attention(n);
    convolution(n, same, 8, 12);
    convolution(n, each, 8, 8);
}

struct check_test {
    struct backend_test test;
    char folder[400];
    double *expected[OUTPUTS]; /* by the definitions */
    float *content[MOST_INPUTS];
    struct net net;
    void (*log)(void *user, enum tuff_log_level level, const char *message);
    void *log_user;
};

static uint64_t count_of(const struct check_test *t, tuff_val v)
{
    const struct tuff_type type = tuff_type_of(t->net.g, v);
    return tuff_shape_count(&type.shape);
}

static bool prepare(struct check_test *t)
{
    struct tuff_leaf_content leaves[MOST_INPUTS];
    bool ok = tuff_graph_create(t->test.context, &t->net.g, NULL) == TUFF_OK;
    if (ok) build(&t->net);
    for (uint32_t i = 0; ok && i < t->net.input_count; i++) {
        uint64_t count = count_of(t, t->net.inputs[i]);
        t->content[i] = malloc((size_t)count * sizeof(float));
        for (uint64_t k = 0; t->content[i] && k < count; k++)
            t->content[i][k] = (float)(tuff_hash(i, &k, sizeof k) % 257) / 128 - 1;
        leaves[i] = (struct tuff_leaf_content){t->net.inputs[i], t->content[i]};
    }
    for (uint32_t i = 0; ok && i < t->net.output_count; i++)
        t->expected[i] = malloc((size_t)count_of(t, t->net.outputs[i]) * sizeof(double));
    const struct tuff_evaluate_params params = {.struct_size = sizeof params,
                                                .outputs = t->net.outputs,
                                                .output_count = t->net.output_count,
                                                .leaves = leaves,
                                                .leaf_count = t->net.input_count};
    struct tuff_error error = {0};
    return ok && backend_status(&t->test, "the definitions", TUFF_OK, tuff_evaluate(t->net.g, &params, t->expected, &error),
                                &error);
}

/* Runs the net; true: all results are right. */
static bool run(struct check_test *t, struct tuff_executable *x)
{
    struct tuff_error error = {0};
    tuff_status status = TUFF_OK;
    bool right = true;
    for (uint32_t i = 0; i < t->net.input_count && status == TUFF_OK; i++)
        status = tuff_executable_write(x, t->net.inputs[i], t->content[i],
                                       (size_t)count_of(t, t->net.inputs[i]) * sizeof(float), &error);
    if (status == TUFF_OK) status = tuff_executable_run(x, &error);
    for (uint32_t i = 0; i < t->net.output_count && status == TUFF_OK; i++) {
        uint64_t count = count_of(t, t->net.outputs[i]);
        float *got = malloc((size_t)count * sizeof *got);
        status = tuff_executable_read(x, i, got, (size_t)count * sizeof *got, &error);
        for (uint64_t k = 0; k < count && status == TUFF_OK; k++)
            right = right && fabs((double)got[k] - t->expected[i][k]) <= 1e-3 * (1 + fabs(t->expected[i][k]));
        free(got);
    }
    return backend_status(&t->test, "run", TUFF_OK, status, &error) && right;
}

struct opened {
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_session *session;
    struct tuff_executable *x;
};

static void close_all(struct opened *o)
{
    tuff_executable_destroy(o->x);
    tuff_session_destroy(o->session);
    tuff_device_release(o->device);
    tuff_context_destroy(o->context);
}

/* The net on a device of its own, of this class. */
static tuff_status open_net(struct check_test *t, const char *class, enum tuff_check_mode check,
                            const struct tuff_compiler *compiler, struct opened *o, struct tuff_error *error)
{
    struct tuff_options options = t->test.context->options;
    *o = (struct opened){NULL, NULL, NULL, NULL};
    options.cache_dir = t->folder;
    options.debug &= ~(uint32_t)TUFF_DEBUG_NOCACHE;
    options.device_class = class;
    options.check = check;
    options.log = t->log;
    options.log_user = t->log_user;
    options.log_level = TUFF_LOG_INFO;
    TUFF_TRY(tuff_context_create(&options, &o->context, error));
    TUFF_TRY(tuff_device_create(o->context, NULL, &o->device, error));
    if (!class || strcmp(class, "nvidia"))
        o->device->caps.families_off |= 1u << TUFF_FAMILY_FLASH; /* large kernels: one class's are enough */
    const struct tuff_session_params session = {.struct_size = sizeof session, .compiler = compiler};
    TUFF_TRY(tuff_session_create(o->device, t->net.g, &session, &o->session, error));
    const struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = t->net.outputs, .output_count = t->net.output_count};
    return tuff_session_compile(o->session, &params, &o->x, error);
}

static bool uses(const struct opened *o, enum tuff_family family)
{
    const struct tuff_plan *plan = tuff_executable_plan(o->x);
    for (uint32_t i = 0; i < plan->kernel_count; i++)
        if (tuff_family_of_file(plan->kernels[i].file) == family) return true;
    return false;
}

/* One family of this class is wrong. */
static void test_family(struct check_test *t, const char *class, enum tuff_family family)
{
    struct broken broken = {.family = family};
    struct tuff_compiler compiler = {.struct_size = sizeof compiler, .user = &broken, .compile = compile};
    const char *name = tuff_family_name(family);
    struct tuff_device_found found = {.family = ""};
    struct tuff_error error = {0};
    struct opened o;
    char version[64];
    snprintf(version, sizeof version, "broken %s %s", class, name);
    compiler.version = version;
    temporary_empty(t->test.context, t->folder);
    bool open = open_net(t, class, TUFF_CHECK_NONE, &compiler, &o, &error) == TUFF_OK;
    backend_check(&t->test, open && !run(t, o.x), "canary: %s of %s was not made wrong", name, class);
    close_all(&o);
    if (!backend_status(&t->test, name, TUFF_OK, open_net(t, class, TUFF_CHECK_ALL, &compiler, &o, &error), &error)) {
        close_all(&o);
        return;
    }
    backend_check(&t->test, run(t, o.x), "%s of %s: wrong results in spite of checked mode", name, class);
    backend_check(&t->test, !uses(&o, family), "%s of %s is used though it is off", name, class);
    backend_check(&t->test,
                  tuff_device_found(o.device, 0, &found) && !strcmp(found.family, name) &&
                      strstr(found.reason, "expected") && !tuff_device_found(o.device, 1, &found),
                  "%s of %s: found %s: %s", name, class, found.family, found.reason);
    printf("%-13s %-10s %s\n", class, name, found.reason);
    close_all(&o);
    /* Another run knows it, without checked mode. */
    open = backend_status(&t->test, name, TUFF_OK, open_net(t, class, TUFF_CHECK_NONE, &compiler, &o, &error), &error);
    backend_check(&t->test, open && run(t, o.x) && tuff_device_found(o.device, 0, &found),
                  "%s of %s is used again by another run", name, class);
    close_all(&o);
    temporary_empty(t->test.context, t->folder);
}

/* Right kernels, once and again; then each family of this class that was not wrong before. */
static void test_class(struct check_test *t, const char *class, bool *tested)
{
    struct broken broken = {.family = TUFF_FAMILY_COUNT};
    const struct tuff_compiler compiler = {
        .struct_size = sizeof compiler, .user = &broken, .version = "right", .compile = compile};
    struct tuff_device_found found = {.family = ""};
    struct tuff_error error = {0};
    struct opened o;
    bool open = backend_status(&t->test, class, TUFF_OK, open_net(t, class, TUFF_CHECK_ALL, &compiler, &o, &error), &error);
    backend_check(&t->test, open && run(t, o.x), "%s: wrong results", class);
    backend_check(&t->test, open && !tuff_device_found(o.device, 0, &found), "%s: %s was found wrong: %s", class,
                  found.family, found.reason);
    close_all(&o);
    temporary_empty(t->test.context, t->folder);
    for (uint32_t i = 0; i < TUFF_FAMILY_COUNT; i++)
        if (broken.used[i] && !tested[i]) {
            tested[i] = true;
            test_family(t, class, (enum tuff_family)i);
        }
}

static void count_checks(void *user, enum tuff_log_level level, const char *message)
{
    unsigned *counts = user;
    (void)level;
    counts[0] += strstr(message, "launches are right") != NULL;
    counts[1] += strstr(message, "computes wrong numbers") != NULL;
}

/* The self-test: kernels are compared once for a device and driver, and what is wrong is switched off or told of. */
static void test_first(struct check_test *t)
{
    struct broken broken = {.family = TUFF_FAMILY_TILE};
    struct tuff_compiler compiler = {
        .struct_size = sizeof compiler, .user = &broken, .version = "first tile", .compile = compile};
    struct tuff_device_found found;
    struct tuff_error error = {0};
    struct opened o;
    t->log = count_checks;
    for (uint32_t i = 0; i < 2; i++) { /* with a wrong family, and again */
        unsigned counts[2] = {0, 0};
        t->log_user = counts;
        broken.family = i ? TUFF_FAMILY_COUNT : TUFF_FAMILY_TILE;
        bool open = backend_status(&t->test, "first", TUFF_OK,
                                   open_net(t, "nvidia", TUFF_CHECK_FIRST, &compiler, &o, &error), &error);
        backend_check(&t->test, open && run(t, o.x) && counts[0] == (i ? 0 : 1) && counts[1] == 0,
                      "self-test %u: compared %u times, %u warnings, or wrong results", (unsigned)i, counts[0], counts[1]);
        backend_check(&t->test, open && tuff_device_found(o.device, 0, &found), "self-test %u: expected family tile off",
                      (unsigned)i);
        close_all(&o);
    }
    t->log = NULL;
    temporary_empty(t->test.context, t->folder);
}

/* Networks with optimizers, loops, indices, random numbers: all is right, and nearly all is compared. */
static void test_networks(struct check_test *t)
{
    struct tuff_options options = t->test.context->options;
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_error error = {0};
    options.check = TUFF_CHECK_ALL;
    if (tuff_context_create(&options, &context, &error) != TUFF_OK ||
        tuff_device_create(context, NULL, &device, &error) != TUFF_OK)
        exit(1);
    for (uint32_t i = 0; i < graph_network_count; i++) {
        tuff_val outputs[GRAPH_HELP_OUTPUTS];
        struct tuff_session *session = NULL;
        struct tuff_executable *x = NULL;
        struct tuff_graph *g = graph_fresh(context);
        const struct tuff_executable_params params = {
            .struct_size = sizeof params, .outputs = outputs, .output_count = graph_network(g, i, outputs)};
        tuff_status status = tuff_session_create(device, g, NULL, &session, &error);
        if (status == TUFF_OK) status = tuff_session_compile(session, &params, &x, &error);
        backend_status(&t->test, graph_network_names[i], TUFF_OK, status, &error);
        tuff_executable_destroy(x);
        tuff_session_destroy(session);
        tuff_graph_destroy(g);
    }
    tuff_device_release(device);
    tuff_context_destroy(context);
}

/* Nothing else computes rows of pointwise operators. */
static void test_only(struct check_test *t)
{
    struct broken broken = {.family = TUFF_FAMILY_COUNT, .file = "pointwise"};
    const struct tuff_compiler compiler = {
        .struct_size = sizeof compiler, .user = &broken, .version = "broken pointwise", .compile = compile};
    struct tuff_error error = {0};
    struct opened o;
    struct net whole = t->net;
    tuff_val a = t->net.inputs[0];
    t->net.outputs[0] = tuff_add(t->net.g, tuff_mul(t->net.g, a, a), a);
    t->net.output_count = 1;
    tuff_status status = open_net(t, NULL, TUFF_CHECK_ALL, &compiler, &o, &error);
    backend_check(&t->test,
                  status == TUFF_ERR_WRONG && strstr(error.message, "pointwise") && strstr(error.message, "expected"),
                  "pointwise: expected TUFF_ERR_WRONG, got %s: %s", tuff_status_name(status), error.message);
    close_all(&o);
    t->net = whole;
}

int main(void)
{
    static const char *const classes[] = {"software", "nvidia", "amd-rdna", "intel-simd8", "adreno", "mali"};
    struct check_test t = {.folder = ""};
    bool tested[TUFF_FAMILY_COUNT] = {false};
    int status = backend_test_begin(&t.test, NULL);
    if (status) return status;
    if (!tuff_glslang()) {
        printf("skipped: kernels are made wrong by a compiler, and there is none\n");
        backend_test_end(&t.test, "session_check");
        return 77;
    }
    temporary_path("check", t.folder, sizeof t.folder);
    t.test.quiet = true;
    if (prepare(&t)) {
        for (size_t i = 0; i < TUFF_COUNT(classes); i++) test_class(&t, classes[i], tested);
        test_first(&t);
        test_only(&t);
        test_networks(&t);
    }
    backend_check(&t.test, tested[TUFF_FAMILY_TILE] && tested[TUFF_FAMILY_UNI], "no class used the families tile and uni");
    for (uint32_t i = 0; i < TUFF_FAMILY_COUNT; i++)
        if (!tested[i]) printf("not used by these classes: %s\n", tuff_family_name((enum tuff_family)i));
    for (uint32_t i = 0; i < OUTPUTS; i++) free(t.expected[i]);
    for (uint32_t i = 0; i < MOST_INPUTS; i++) free(t.content[i]);
    tuff_graph_destroy(t.net.g);
    temporary_empty(t.test.context, t.folder);
    tuff_os_remove(t.folder);
    t.test.quiet = false;
    return backend_test_end(&t.test, "session_check");
}
