/* tiles.c - which tiles of convolutions the compiler of a software driver can hold: a class by an option, the processor, a file, or a probe.
 *
 * Such a driver compiles for the processor it runs on and tells nothing of it. With AVX-512 there are registers enough, and masks
 * take none of them. Else the probe runs shaders/probe_tiles.comp in a narrow
 * and a wide form, by turns; where the wide one takes clearly longer for the same work, wide tiles are to be avoided. What was
 * found stands in a text file beside the other caches. Results do not depend on the class. Needs a device that has started. */
#include "backend/tiles.h"
#include "backend/kernels.h"
#include "backend/spirv.h"
#include "backend/store.h"

#include <stdio.h>

enum {
    TURNS = 7,     /* of which the median counts */
    ROUNDS = 1200, /* of the narrow form: a third of a millisecond on a server processor of today */
    INPUT_BYTES = 512 * TUFF_TEXEL_BYTES
};
/* Measured wide / narrow: 0.97 to 1.08 where wide tiles are as good (AVX-512; AVX2 before Mesa 23), 2.15 with AVX2 on 25.0.7. */
static const double TOO_LONG = 1.4;
static const struct tuff_lines lines = {"tiles.txt",
                                        "# Tuff's choice of tiles, measured: device driver version processor class, and the "
                                        "line's hash. Lines may be deleted.\n",
                                        NULL};

static const char *const names[TUFF_TILES_COUNT] = {"unknown", "avx2", "avx512"};
static const char *const source_names[] = {"none", "option", "file", "probe", "processor"};

const char *tuff_tiles_name(enum tuff_tiles tiles) { return (unsigned)tiles < TUFF_TILES_COUNT ? names[tiles] : "unknown"; }

const char *tuff_tiles_source_name(enum tuff_tiles_source source)
{
    return (unsigned)source < TUFF_COUNT(source_names) ? source_names[source] : "none";
}

static enum tuff_tiles class_of(const char *word)
{
    for (size_t i = TUFF_TILES_UNKNOWN + 1; i < TUFF_TILES_COUNT; i++)
        if (!strcmp(names[i], word)) return (enum tuff_tiles)i;
    return TUFF_TILES_UNKNOWN;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------------------ */

static bool take_class(void *user, const char *says)
{
    enum tuff_tiles *found = user;
    *found = class_of(says);
    return false;
}

/* The class that a whole line of this device says. */
static enum tuff_tiles find(struct tuff_context *context, const struct tuff_caps *caps)
{
    struct tuff_text key = {.context = context};
    tuff_lines_key(&key, caps);
    enum tuff_tiles found = TUFF_TILES_UNKNOWN;
    if (!key.failed) tuff_lines_each(context, &lines, key.data, take_class, &found);
    tuff_text_finish(&key);
    return found;
}

static void keep(struct tuff_context *context, const struct tuff_caps *caps)
{
    struct tuff_text key = {.context = context};
    tuff_lines_key(&key, caps);
    if (!key.failed) tuff_lines_add(context, &lines, key.data, names[caps->tiles]);
    tuff_text_finish(&key);
}

static bool is_measured(const struct tuff_caps *caps)
{
    return caps->kind == TUFF_DEVICE_SOFTWARE && caps->driver_effects & TUFF_DRIVER_TILES_BY_CPU &&
           caps->driver_effects & TUFF_DRIVER_READS_TEXELS && caps->subgroup_basic && caps->subgroup_shuffle &&
           (caps->subgroup_size == 4 || caps->subgroup_size == 8) && caps->max_texels >= INPUT_BYTES / TUFF_TEXEL_BYTES &&
           caps->timestamp_period_ns > 0;
}

tuff_status tuff_tiles_apply(struct tuff_context *context, struct tuff_caps *caps, struct tuff_error *error)
{
    const char *word = context->options.tiles && context->options.tiles[0] ? context->options.tiles : NULL;
    caps->tiles = word ? class_of(word) : TUFF_TILES_UNKNOWN;
    caps->tiles_source = word ? TUFF_TILES_BY_OPTION : TUFF_TILES_BY_NONE;
    if (word && !caps->tiles)
        return tuff_refuse(context, error, "no class of tiles is called \"%s\"; there are: %s, %s", word,
                           names[TUFF_TILES_AVX2], names[TUFF_TILES_AVX512]);
    if (word || !is_measured(caps)) return TUFF_OK;
    if (tuff_os_cpu_avx512()) {
        caps->tiles = TUFF_TILES_AVX512;
        caps->tiles_source = TUFF_TILES_BY_PROCESSOR;
        return TUFF_OK;
    }
    caps->tiles = find(context, caps);
    if (caps->tiles) caps->tiles_source = TUFF_TILES_BY_FILE;
    return TUFF_OK;
}

/* ---- the probe ----------------------------------------------------------------------------------------------------------------------- */

/* A row of cmake/shader.cmake: the small runtime library, which has no other kernel, probes too. */
static const struct tuff_built_kernel kernel[] = {
#include "shaders/probe_tiles.spv.inc"
};

static tuff_status give(void *user, struct tuff_context *context, const char *name, const char *source, const char *preamble,
                        uint32_t **spirv, size_t *words, struct tuff_error *error)
{
    (void)user, (void)name, (void)source, (void)preamble;
    return tuff_spirv_give(context, kernel[0].spirv, kernel[0].words, spirv, words, error);
}

static tuff_status add_launch(struct tuff_plan *plan, uint32_t lanes, uint32_t columns,
                              const struct tuff_plan_binding *bindings, struct tuff_error *error)
{
    const struct tuff_kernel_probe_tiles fields = {/* some positions are padding, as in a picture */
                                                   .LANES = lanes,
                                                   .NG = columns,
                                                   .rounds = ROUNDS / columns,
                                                   .height = 7,
                                                   .width = 9};
    struct tuff_plan_spec specs[2];
    uint32_t words[3];
    tuff_part_split(&tuff_part_probe_tiles, &fields, specs, words);
    const struct tuff_plan_kernel own = {.file = "probe_tiles", .defines = "", .hooks = ""};
    struct tuff_plan_launch launch = {.label = "tiles", .groups = {1, 1, 1}};
    launch.kernel = tuff_plan_add_kernel(plan, &own, specs, TUFF_COUNT(specs));
    if (launch.kernel == UINT32_MAX ||
        tuff_plan_add_launch(plan, &launch, bindings, 2, words, TUFF_COUNT(words)) == UINT32_MAX)
        return tuff_fail_memory(plan->arena.context, error);
    return TUFF_OK;
}

/* One launch of each form, narrow and wide, for the same work. */
static tuff_status add_launches(struct tuff_plan *plan, uint32_t lanes, struct tuff_error *error)
{
    const uint64_t out_bytes = (uint64_t)lanes * TUFF_TEXEL_BYTES;
    struct tuff_plan_slot in = {.name = "x", .bytes = INPUT_BYTES}, out = {.name = "y", .bytes = out_bytes};
    if (!tuff_plan_place(plan, &in, TUFF_MEMORY_INPUT, UINT64_MAX) ||
        !tuff_plan_place(plan, &out, TUFF_MEMORY_OUTPUT, UINT64_MAX))
        return tuff_fail_memory(plan->arena.context, error);
    const struct tuff_plan_binding bindings[] = {
        {.slot = tuff_plan_add_slot(plan, &in), .access = TUFF_READ, .bytes = INPUT_BYTES, .texels = TUFF_TEXELS_F32},
        {.slot = tuff_plan_add_slot(plan, &out), .access = TUFF_WRITE, .bytes = out_bytes}};
    if (bindings[0].slot == UINT32_MAX || bindings[1].slot == UINT32_MAX)
        return tuff_fail_memory(plan->arena.context, error);
    for (uint32_t columns = 1; columns <= 2; columns++) TUFF_TRY(add_launch(plan, lanes, columns, bindings, error));
    tuff_plan_place_barriers(plan);
    return TUFF_OK;
}

static tuff_status make_program(struct tuff_device *device, struct tuff_buffer *in, struct tuff_buffer *out,
                                struct tuff_program **program, struct tuff_error *error)
{
    const struct tuff_compiler compiler = {.struct_size = sizeof compiler, .version = "built", .compile = give};
    struct tuff_plan plan;
    struct tuff_buffer *const memory[] = {in, out};
    struct tuff_program_params params = {
        .struct_size = sizeof params, .plan = &plan, .memory = memory, .compiler = &compiler, .profile = true};
    tuff_plan_init(&plan, device->context);
    tuff_status status = add_launches(&plan, device->caps.subgroup_size, error);
    if (status == TUFF_OK) status = tuff_program_create(device, &params, program, error);
    tuff_plan_finish(&plan);
    return status;
}

/* How much longer the wide form takes than the narrow one right before it, so that a processor whose speed changes or that others
 * use weighs on both. */
static tuff_status run(struct tuff_device *device, struct tuff_program *program, double *ratio, struct tuff_error *error)
{
    struct tuff_launch_time times[2];
    uint32_t count = TUFF_COUNT(times);
    uint64_t ticket, ns[2];
    TUFF_TRY(tuff_program_submit(program, &ticket, error));
    TUFF_TRY(tuff_device_wait(device, ticket, UINT64_MAX, error));
    TUFF_TRY(tuff_program_times(program, times, &count, error));
    for (uint32_t i = 0; i < 2; i++) ns[i] = times[i].end_ns > times[i].begin_ns ? times[i].end_ns - times[i].begin_ns : 1;
    *ratio = (double)ns[1] / (double)ns[0];
    return TUFF_OK;
}

/* Puts a number in its place among the sorted ones before it. */
static void insert(double *sorted, uint32_t count, double number)
{
    for (; count > 0 && sorted[count - 1] > number; count--) sorted[count] = sorted[count - 1];
    sorted[count] = number;
}

static tuff_status median(struct tuff_device *device, struct tuff_program *program, double *ratio, struct tuff_error *error)
{
    double ratios[TURNS], one;
    TUFF_TRY(run(device, program, &one, error)); /* the first one fetches code and data */
    for (uint32_t i = 0; i < TURNS; i++) {
        TUFF_TRY(run(device, program, &one, error));
        insert(ratios, i, one);
    }
    *ratio = ratios[TURNS / 2];
    return TUFF_OK;
}

tuff_status tuff_tiles_measure(struct tuff_device *device, struct tuff_error *error)
{
    struct tuff_buffer *in = NULL, *out = NULL;
    struct tuff_program *program = NULL;
    double ratio = 0;
    uint64_t began = tuff_os_time_ns();
    if (device->caps.tiles || !is_measured(&device->caps)) return TUFF_OK;
    tuff_status status = tuff_buffer_create(device, INPUT_BYTES, true, "tiles input", &in, error);
    if (status == TUFF_OK) status = tuff_buffer_create(device, TUFF_PLAN_ALIGNMENT, true, "tiles output", &out, error);
    if (status == TUFF_OK) status = make_program(device, in, out, &program, error);
    if (status == TUFF_OK) status = median(device, program, &ratio, error);
    tuff_program_destroy(program);
    tuff_buffer_release(in);
    tuff_buffer_release(out);
    if (status == TUFF_ERR_DEVICE_LOST || status == TUFF_ERR_MEMORY) return status;
    if (status != TUFF_OK) return TUFF_OK; /* limits of the probe are none of the device's: unknown is a class too */
    device->caps.tiles = ratio > TOO_LONG ? TUFF_TILES_AVX2 : TUFF_TILES_AVX512;
    device->caps.tiles_source = TUFF_TILES_BY_PROBE;
    tuff_log_message(device->context, TUFF_LOG_INFO, "tiles: %s, a wide one takes %.2f times as long, measured in %.0f ms",
                     tuff_tiles_name(device->caps.tiles), ratio, (double)(tuff_os_time_ns() - began) * 1e-6);
    keep(device->context, &device->caps);
    return TUFF_OK;
}
