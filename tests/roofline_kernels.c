/* roofline_kernels.c - the kernels of named matrix products and convolutions as plans have them on the device that is there.
 *   roofline_kernels FOLDER   writes each kernel's SPIR-V into the folder and prints a line for it, for tests/roofline:
 *                             work, kernel, file, constants (id=value,..), subgroup size that the pipeline asks for (0: none),
 *                             invocations and bytes of shared memory of a workgroup, bytes of push constants, workgroups, FLOPs
 *   roofline_kernels          the test: on made-up devices of every kind each work has its kernel, which keeps their limits */
#include "backend/pipeline.h"
#include "backend/spirv.h"
#include "graph/compile/compile.h"
#include "tests/dryrun/no_submit.h"
#include "tests/graph_help.h"

#include <stdio.h>
#include <stdlib.h>

enum direction { FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT };

/* A product of a [m, k] and b [k, n] where m is not 0, else a convolution of pictures [batch, channels, size, size]. */
struct work {
    const char *name;
    uint32_t m, n, k;
    bool transpose_a, transpose_b, gelu, halves, half_sums;
    uint32_t batch, channels, size, to_channels, window, stride, groups;
    enum direction direction;
};

#define MATMUL(m_, n_, k_) .m = m_, .n = n_, .k = k_
#define CONV(c, s, to, w, step, g, d)                                                                                       \
    .batch = 8, .channels = c, .size = s, .to_channels = to, .window = w, .stride = step, .groups = g, .direction = d

static const struct work works[] = {
    {"matmul/1024", MATMUL(1024, 1024, 1024)},
    {"matmul/1024/a-transposed", MATMUL(1024, 1024, 1024), .transpose_a = true},
    {"matmul/1024/b-transposed", MATMUL(1024, 1024, 1024), .transpose_b = true},
    {"matmul/1024/both-transposed", MATMUL(1024, 1024, 1024), .transpose_a = true, .transpose_b = true},
    {"matmul/1024/gelu", MATMUL(1024, 1024, 1024), .gelu = true},
    {"matmul/1024/f16", MATMUL(1024, 1024, 1024), .halves = true},
    {"matmul/1024/f16/b-transposed", MATMUL(1024, 1024, 1024), .halves = true, .transpose_b = true},
    {"matmul/512/f16/b-transposed", MATMUL(512, 512, 512), .halves = true, .transpose_b = true},
    {"matmul/1024/f16-sums", MATMUL(1024, 1024, 1024), .halves = true, .half_sums = true},
    {"matmul/1024/f16-sums/b-transposed", MATMUL(1024, 1024, 1024), .halves = true, .half_sums = true, .transpose_b = true},
    {"matmul/1023", MATMUL(1023, 1023, 1023)},
    {"matmul/512", MATMUL(512, 512, 512)},
    {"matmul/512/a-transposed", MATMUL(512, 512, 512), .transpose_a = true},
    {"matmul/512/b-transposed", MATMUL(512, 512, 512), .transpose_b = true},
    {"matmul/512x1024/a-transposed", MATMUL(512, 1024, 512), .transpose_a = true},
    {"matmul/64", MATMUL(64, 64, 512)},
    {"matmul/64/a-transposed", MATMUL(64, 64, 512), .transpose_a = true},
    {"matmul/64/b-transposed", MATMUL(64, 64, 512), .transpose_b = true},
    {"matmul/vector-4096", MATMUL(1, 4096, 4096)},
    {"matmul/vector-4096/b-transposed", MATMUL(1, 4096, 4096), .transpose_b = true},
    {"matmul/decoder-128x1536x576", MATMUL(128, 1536, 576)},
    {"matmul/classifier-1x1000x1280", MATMUL(1, 1000, 1280)},
    {"conv/3x3-64-56", CONV(64, 56, 64, 3, 1, 1, FORWARD)},
    {"conv/3x3-64-56/input-gradient", CONV(64, 56, 64, 3, 1, 1, INPUT_GRADIENT)},
    {"conv/3x3-64-56/weight-gradient", CONV(64, 56, 64, 3, 1, 1, WEIGHT_GRADIENT)},
    {"conv/3x3-256-28", CONV(256, 28, 256, 3, 1, 1, FORWARD)},
    {"conv/3x3-256-28/input-gradient", CONV(256, 28, 256, 3, 1, 1, INPUT_GRADIENT)},
    {"conv/3x3-256-28/weight-gradient", CONV(256, 28, 256, 3, 1, 1, WEIGHT_GRADIENT)},
    {"conv/3x3-stride2-128-28", CONV(128, 28, 256, 3, 2, 1, FORWARD)},
    {"conv/3x3-stride2-128-28/input-gradient", CONV(128, 28, 256, 3, 2, 1, INPUT_GRADIENT)},
    {"conv/1x1-256-14", CONV(256, 14, 256, 1, 1, 1, FORWARD)},
    {"conv/1x1-256-14/input-gradient", CONV(256, 14, 256, 1, 1, 1, INPUT_GRADIENT)},
    {"conv/1x1-256-14/weight-gradient", CONV(256, 14, 256, 1, 1, 1, WEIGHT_GRADIENT)},
    {"conv/7x7-stride2-3-224", CONV(3, 224, 64, 7, 2, 1, FORWARD)},
    {"depthwise/3x3-96-56", CONV(96, 56, 96, 3, 1, 96, FORWARD)},
    {"depthwise/3x3-96-56/input-gradient", CONV(96, 56, 96, 3, 1, 96, INPUT_GRADIENT)},
    {"depthwise/3x3-96-56/weight-gradient", CONV(96, 56, 96, 3, 1, 96, WEIGHT_GRADIENT)},
};

static tuff_val matmul(struct tuff_graph *g, const struct work *work)
{
    struct tuff_shape a = work->transpose_a ? TUFF_SHAPE(work->k, work->m) : TUFF_SHAPE(work->m, work->k);
    struct tuff_shape b = work->transpose_b ? TUFF_SHAPE(work->n, work->k) : TUFF_SHAPE(work->k, work->n);
    enum tuff_dtype dtype = work->halves ? TUFF_F16 : TUFF_F32;
    tuff_val y = tuff_matmul(g, tuff_input(g, "a", dtype, a), tuff_input(g, "b", dtype, b),
                             (struct tuff_matmul_params){work->transpose_a, work->transpose_b, 0});
    return work->gelu ? tuff_gelu(g, y) : y;
}

static tuff_val convolution(struct tuff_graph *g, const struct work *work)
{
    uint32_t pad = work->window / 2;
    struct tuff_conv2d_params params = {
        .stride = {work->stride, work->stride}, .pad = {pad, pad, pad, pad}, .groups = work->groups};
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(work->batch, work->channels, work->size, work->size));
    tuff_val w = tuff_input(g, "w", TUFF_F32,
                            TUFF_SHAPE(work->to_channels, work->channels / work->groups, work->window, work->window));
    tuff_val y = tuff_conv2d(g, x, w, 0, params), gradient = 0;
    if (work->direction == FORWARD) return y;
    tuff_val gy = tuff_input(g, "gy", TUFF_F32, tuff_type_of(g, y).shape);
    tuff_gradients(g, y, gy, work->direction == INPUT_GRADIENT ? &x : &w, 1, &gradient);
    return gradient;
}

/* The launch that does most of the work. */
static const struct tuff_plan_launch *main_launch(const struct tuff_plan *plan)
{
    const struct tuff_plan_launch *most = NULL;
    for (uint32_t i = 0; i < plan->launch_count; i++)
        if (!most || plan->launches[i].flops > most->flops) most = &plan->launches[i];
    return most;
}

struct shader {
    uint32_t *spirv; /* tuff_free */
    size_t words;
    struct tuff_spirv_info needs;
    uint32_t subgroup;
};

static tuff_status compile(struct tuff_context *context, const struct tuff_plan *plan, const struct tuff_plan_kernel *kernel,
                           const struct tuff_caps *caps, struct shader *shader, struct tuff_error *error)
{
    const struct tuff_compiler *compiler = tuff_glslang();
    const struct tuff_kernel_source *source = tuff_kernel_find(kernel->file);
    char *preamble = tuff_kernel_preamble(context, kernel);
    if (!preamble || !source) abort();
    tuff_status status = compiler->compile(compiler->user, context, source->name, source->source, preamble, &shader->spirv,
                                           &shader->words, error);
    tuff_free(context, preamble);
    if (status != TUFF_OK) return status;
    TUFF_TRY(tuff_spirv_read(context, shader->spirv, shader->words, plan->specs + kernel->spec_first, kernel->spec_count,
                             caps, &shader->needs, error));
    shader->subgroup = tuff_kernel_full_subgroups(source) ? tuff_required_subgroup(caps, shader->needs.local_size) : 0;
    return TUFF_OK;
}

static uint64_t invocations(const struct shader *shader)
{
    const uint32_t *size = shader->needs.local_size;
    return (uint64_t)size[0] * size[1] * size[2];
}

static bool keeps_limits(const struct shader *shader, const struct tuff_caps *caps)
{
    return !shader->needs.missing_capability && invocations(shader) <= caps->max_workgroup_invocations &&
           shader->needs.shared_bytes <= caps->max_shared_bytes && shader->needs.push_bytes <= caps->max_push_bytes;
}

static tuff_status write_kernel(struct tuff_context *context, const struct tuff_plan *plan, const struct work *work,
                                const struct shader *shader, const char *folder, struct tuff_error *error)
{
    const struct tuff_plan_launch *launch = main_launch(plan);
    const struct tuff_plan_kernel *kernel = &plan->kernels[launch->kernel];
    struct tuff_os_part part = {.data = shader->spirv, .bytes = shader->words * sizeof *shader->spirv};
    char name[64], path[1024];
    snprintf(name, sizeof name, "%016llx.spv", (unsigned long long)tuff_hash(0, part.data, part.bytes));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    TUFF_TRY(tuff_os_write_atomic(context, path, &part, 1, error));
    printf("%s\t%s\t%s\t", work->name, kernel->file, name);
    for (uint32_t i = 0; i < kernel->spec_count; i++) {
        const struct tuff_plan_spec *spec = &plan->specs[kernel->spec_first + i];
        printf("%s%u=%u", i ? "," : "", spec->id, spec->value);
    }
    printf("\t%u\t%llu\t%llu\t%llu\t%llu\t%llu\n", shader->subgroup, (unsigned long long)invocations(shader),
           (unsigned long long)shader->needs.shared_bytes, (unsigned long long)shader->needs.push_bytes,
           (unsigned long long)launch->groups[0] * launch->groups[1] * launch->groups[2], (unsigned long long)launch->flops);
    return TUFF_OK;
}

/* folder NULL: writes nothing. */
static tuff_status run_work(struct tuff_context *context, const struct work *work, const struct tuff_caps *caps,
                            const char *folder, struct tuff_error *error)
{
    struct tuff_graph *g = NULL;
    struct tuff_compiled compiled;
    struct shader shader = {.spirv = NULL};
    TUFF_TRY(tuff_graph_create(context, &g, error));
    tuff_val y = work->m ? matmul(g, work) : convolution(g, work);
    struct tuff_compile_params params = {
        .graph = g, .outputs = &y, .output_count = 1, .caps = caps, .half_sums = work->half_sums};
    tuff_status status = tuff_compile(&params, &compiled, error);
    if (status == TUFF_OK) {
        const struct tuff_plan *plan = &compiled.plan;
        const struct tuff_plan_launch *launch = main_launch(plan);
        if (!launch || !launch->flops) status = tuff_fail(context, error, TUFF_ERR_SHAPE, "no launch does any work");
        if (!status) status = compile(context, plan, &plan->kernels[launch->kernel], caps, &shader, error);
        if (!status && !keeps_limits(&shader, caps))
            status = tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "a limit of the device is passed");
        if (!status && folder) status = write_kernel(context, plan, work, &shader, folder, error);
        tuff_free(context, shader.spirv);
        tuff_plan_finish(&compiled.plan);
    }
    tuff_graph_destroy(g);
    return status;
}

static unsigned run_works(struct tuff_context *context, const struct tuff_caps *caps, const char *folder)
{
    unsigned failures = 0;
    for (size_t i = 0; i < TUFF_COUNT(works); i++) {
        struct tuff_error error = {0};
        if (run_work(context, &works[i], caps, folder, &error) == TUFF_OK) continue;
        fprintf(stderr, "%s on %s: %s\n", works[i].name, caps->name, error.message);
        failures++;
    }
    return failures;
}

static int run_test(struct tuff_context *context)
{
    unsigned failures = 0;
    for (uint32_t i = 0; i < graph_caps_count; i++) {
        struct tuff_caps caps = graph_caps(i);
        snprintf(caps.name, sizeof caps.name, "%s", graph_caps_names[i]);
        failures += run_works(context, &caps, NULL);
    }
    printf("roofline_kernels: %u failures in %u kernels\n", failures, (unsigned)TUFF_COUNT(works) * graph_caps_count);
    return failures ? 1 : 0;
}

static int write_all(struct tuff_context *context, const char *folder)
{
    struct tuff_caps caps[8] = {{.struct_size = sizeof caps[0]}};
    struct tuff_error error = {0};
    uint32_t count = TUFF_COUNT(caps);
    tuff_status status = tuff_device_list(context, caps, &count, &error);
    if (!status) status = tuff_os_make_folders(context, folder, &error);
    if (status || !count) {
        fprintf(stderr, "roofline_kernels: %s\n", status ? error.message : "no device");
        return 1;
    }
    return run_works(context, &caps[0], folder) ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct tuff_options options = {.struct_size = sizeof options};
    struct tuff_context *context = NULL;
    if (!tuff_glslang()) {
        printf("skipped: this build has no glslang\n");
        return 77;
    }
    if (argc > 1) no_submit(); /* drivers over no kernel driver at all crash where they are asked for memory */
    tuff_options_from_env(&options);
    if (tuff_context_create(&options, &context, NULL) != TUFF_OK) return 1;
    int result = argc > 1 ? write_all(context, argv[1]) : run_test(context);
    fflush(stdout);
    /* some drivers' exit handlers do not survive a simulated kernel driver */
    if (argc > 1) _Exit(result);
    tuff_context_destroy(context);
    return result;
}
