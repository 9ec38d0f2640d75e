/* backend_program.c - programs of a hand-made plan: right results, replay without waiting, cuts, times and trace, caches
 * cold, warm and damaged, no compiler, limits with their figures, and a canary for synchronization validation.
 *   backend_program --canary KIND    runs a wrong program once: status 3 when the layer that Tuff was asked for finds it
 *       (tests/canary_layers.sh). KIND: barrier (one is missing), race (of shared memory), outside (of a buffer), none */
#include "tests/backend_help.h"
#include "tests/temporary.h"

#include "backend/cache.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT 1000u

/* s += x;  t = 2 s + seven;  y = t * t.  One kernel text each, as graphs write them: one macro. */
#define HOOKS(text) "#define TUFF_WIDTH 1u\n#define TUFF_HOOKS_TEXT " text "\n"
static const char accumulate[] = HOOKS("layout(constant_id = 16) const uint count = 1u; "
                                       "layout(std430, binding = 0) readonly buffer A { float a[]; }; "
                                       "layout(std430, binding = 1) buffer B { float b[]; }; "
                                       "void tuff_body(uint i) { if (i < count) b[i] = b[i] + a[i]; }");
static const char affine[] = HOOKS("layout(std430, binding = 0) readonly buffer A { float a[]; }; "
                                   "layout(std430, binding = 1) readonly buffer B { float b[]; }; "
                                   "layout(std430, binding = 2) writeonly buffer C { float c[]; }; "
                                   "layout(std140, binding = 16) uniform N { uvec4 numbers[2]; }; "
                                   "void tuff_body(uint i) { c[i] = float(numbers[1].y) * a[i] + b[0]; }");
static const char square[] = HOOKS("layout(std430, binding = 0) readonly buffer A { float a[]; }; "
                                   "layout(std430, binding = 1) writeonly buffer B { float b[]; }; "
                                   "void tuff_body(uint i) { b[i] = a[i] * a[i]; }");
static const char cube[] = HOOKS("layout(std430, binding = 0) readonly buffer A { float a[]; }; "
                                 "layout(std430, binding = 1) writeonly buffer B { float b[]; }; "
                                 "void tuff_body(uint i) { b[i] = a[i] * a[i] * a[i]; }");

enum { X, S, SEVEN, T, Y };

static void add_launch(struct tuff_plan *plan, const char *label, const char *hooks, uint32_t workgroup,
                       const struct tuff_plan_binding *bindings, uint32_t count)
{
    struct tuff_plan_kernel kernel = {.file = "pointwise", .hooks = hooks};
    struct tuff_plan_spec specs[] = {{16, COUNT}, {0, workgroup}};
    const uint32_t push[] = {COUNT, 0}; /* blocks, first */
    struct tuff_plan_launch launch = {.label = label, .groups = {(COUNT + workgroup - 1) / workgroup, 1, 1}, .flops = COUNT};
    launch.kernel = tuff_plan_add_kernel(plan, &kernel, specs + (hooks != accumulate), hooks == accumulate ? 2 : 1);
    tuff_plan_add_launch(plan, &launch, bindings, count, push, 2);
    if (hooks == affine) tuff_plan_add_numbers(plan, (const uint32_t[]){9, 9, 9, 9, 9, 2}, 6);
}

static void build(struct tuff_plan *plan, struct tuff_context *context, uint32_t workgroup)
{
    const uint64_t bytes = COUNT * 4, range = 4096;
    static const float seven = 7;
    const enum tuff_memory kinds[] = {TUFF_MEMORY_INPUT, TUFF_MEMORY_STATE, TUFF_MEMORY_CONST, TUFF_MEMORY_SCRATCH,
                                      TUFF_MEMORY_OUTPUT};
    const char *const names[] = {"x", "s", "seven", "t", "y"};
    tuff_plan_init(plan, context);
    for (uint32_t i = 0; i < TUFF_COUNT(kinds); i++) {
        struct tuff_plan_slot slot = {.name = names[i], .dtype = "f32", .bytes = i == SEVEN ? 4 : bytes};
        if (i == SEVEN) slot.content = TUFF_CONTENT_BLOB, slot.data = &seven, slot.content_bytes = sizeof seven;
        slot.memory = tuff_plan_add_memory(plan, kinds[i], range); /* number i */
        tuff_plan_add_slot(plan, &slot);
    }
    add_launch(plan, "add s", accumulate, workgroup,
               (struct tuff_plan_binding[]){{.slot = X, .access = TUFF_READ, .bytes = bytes},
                                            {.slot = S, .access = TUFF_READ | TUFF_WRITE, .bytes = bytes}},
               2);
    add_launch(plan, "affine \"t\"", affine, workgroup,
               (struct tuff_plan_binding[]){{.slot = S, .access = TUFF_READ, .bytes = bytes},
                                            {.slot = SEVEN, .access = TUFF_READ, .bytes = 4},
                                            {.slot = T, .access = TUFF_WRITE, .bytes = bytes}},
               3);
    add_launch(plan, "square y", square, workgroup,
               (struct tuff_plan_binding[]){{.slot = T, .access = TUFF_READ, .bytes = bytes},
                                            {.slot = Y, .access = TUFF_WRITE, .bytes = bytes}},
               2);
    tuff_plan_place_barriers(plan);
}

struct run {
    struct tuff_buffer *memory[5]; /* of x, s, seven, t, y */
    struct tuff_program *program;
};

static void finish(struct run *run)
{
    tuff_program_destroy(run->program);
    for (unsigned i = 0; i < TUFF_COUNT(run->memory); i++) tuff_buffer_release(run->memory[i]);
    *run = (struct run){0};
}

static tuff_status start(struct backend_test *test, const struct tuff_plan *plan, const struct tuff_compiler *compiler,
                         bool profile, bool timed, struct run *run, struct tuff_error *error)
{
    struct tuff_program_params params = {
        .struct_size = sizeof params, .plan = plan, .compiler = compiler, .profile = profile, .timed = timed};
    const float seven = 7;
    tuff_status status = TUFF_OK;
    *run = (struct run){0};
    for (unsigned i = 0; i < plan->memory_count && status == TUFF_OK; i++)
        status = tuff_buffer_create(test->device, plan->memories[i].bytes, i == S, tuff_memory_name(plan->memories[i].kind),
                                    &run->memory[i], error);
    params.memory = run->memory;
    if (status == TUFF_OK) status = tuff_buffer_write(run->memory[SEVEN], 0, &seven, 4, error);
    if (status == TUFF_OK) status = tuff_program_create(test->device, &params, &run->program, error);
    if (status != TUFF_OK) finish(run);
    return status;
}

/* Runs several times with x = 1, 2, ..: s is their sum. */
static void check_results(struct backend_test *test, struct run *run, uint32_t runs, const char *what)
{
    float x[COUNT], y[COUNT], sum = 0;
    struct tuff_error error = {0};
    for (uint32_t r = 1; r <= runs; r++) {
        for (uint32_t i = 0; i < COUNT; i++) x[i] = (float)(r + i % 3);
        sum += (float)r;
        backend_status(test, what, TUFF_OK, tuff_buffer_write(run->memory[X], 0, x, sizeof x, &error), &error);
        backend_status(test, what, TUFF_OK, tuff_program_submit(run->program, NULL, &error), &error);
    }
    backend_status(test, what, TUFF_OK, tuff_buffer_read(run->memory[Y], 0, y, sizeof y, &error), &error);
    for (uint32_t i = 0; i < COUNT; i++) {
        float t = 2 * (sum + (float)(runs * (i % 3))) + 7; /* whole numbers below 2^24: exact */
        if (!backend_check(test, y[i] == t * t, "%s: y[%u]: expected %g, got %g", what, i, (double)(t * t), (double)y[i]))
            return;
    }
}

/* The clock by which runs are cut goes on by so much at each look; 0: it is the real one. */
static uint64_t step_ns;
uint64_t __real_tuff_os_time_ns(void);
uint64_t __wrap_tuff_os_time_ns(void);
uint64_t __wrap_tuff_os_time_ns(void)
{
    static uint64_t now_ns;
    return step_ns ? now_ns += step_ns : __real_tuff_os_time_ns();
}

/* A device that does so little in a second, on paper. */
static void set_pace(struct backend_test *test, uint64_t flops_per_second)
{
    test->device->caps.flops_per_second = flops_per_second;
}

static void expect_submissions(struct backend_test *test, const struct run *run, uint32_t submissions, const char *when)
{
    struct tuff_program_counts counts = tuff_program_counts(run->program);
    backend_check(test,
                  counts.launches == 3 && counts.barriers == 2 && counts.submissions == submissions && counts.pipelines == 3,
                  "%s: expected 3 launches, 2 barriers, %u submissions, 3 pipelines, got %u %u %u %u", when, submissions,
                  counts.launches, counts.barriers, counts.submissions, counts.pipelines);
}

/* Submissions by the estimate: 1; a launch each, at 0.4 s; two parts of a launch each, at 1 s; a workgroup each. Then each is seen to
 * take a millisecond, or as long as was believed, or two seconds: that goes for the launches alone where parts were never thought of. */
static void test_results(struct backend_test *test)
{
    static const struct {
        uint64_t pace, step_ns;
        uint32_t before, after;
    } rows[] = {{0, 1000000, 1, 1},     {0, 4000000000, 1, 3},    {COUNT * 10 / 4, 1000000, 3, 1},
                {COUNT, 1000000, 6, 1}, {COUNT, 500000000, 6, 6}, {COUNT * 10 / 4, 2000000000, 3, 12},
                {1, 1000000, 48, 1}};
    for (size_t i = 0; i < TUFF_COUNT(rows); i++) {
        uint64_t pace = test->device->caps.flops_per_second;
        struct tuff_plan plan;
        struct tuff_error error = {0};
        struct run run;
        build(&plan, test->context, 64);
        if (rows[i].pace) set_pace(test, rows[i].pace);
        step_ns = rows[i].step_ns;
        if (backend_status(test, "create", TUFF_OK, start(test, &plan, tuff_glslang(), false, false, &run, &error),
                           &error)) {
            expect_submissions(test, &run, rows[i].before, "by the estimate");
            check_results(test, &run, 1, "one run");
            expect_submissions(test, &run, rows[i].after, "by the clock");
            finish(&run);
        }
        step_ns = 0;
        if (backend_status(test, "again", TUFF_OK, start(test, &plan, tuff_glslang(), false, false, &run, &error), &error)) {
            check_results(test, &run, 20, "20 runs without a wait but the first");
            finish(&run);
        }
        set_pace(test, pace);
        tuff_plan_finish(&plan);
    }
}

/* Nothing is submitted once the flag is up; the program can be run again. */
static void test_cancel(struct backend_test *test)
{
    uint64_t pace = test->device->caps.flops_per_second, before;
    struct tuff_cancel *cancel = NULL;
    struct tuff_plan plan;
    struct tuff_error error = {0};
    struct run run;
    if (tuff_cancel_create(test->context, &cancel, NULL) != TUFF_OK) abort();
    build(&plan, test->context, 64);
    set_pace(test, 1);
    if (backend_status(test, "create", TUFF_OK, start(test, &plan, tuff_glslang(), false, false, &run, &error), &error)) {
        tuff_cancel_request(cancel);
        tuff_program_watch(run.program, cancel);
        before = atomic_load(&test->device->queue.submitted);
        test->quiet = true;
        backend_status(test, "cancelled", TUFF_ERR_CANCELLED, tuff_program_submit(run.program, NULL, &error), &error);
        test->quiet = false;
        backend_check(test, atomic_load(&test->device->queue.submitted) == before, "cancelled: expected no submission");
        tuff_cancel_reset(cancel);
        check_results(test, &run, 3, "after a cancelled run");
        tuff_program_watch(run.program, NULL);
        finish(&run);
    }
    set_pace(test, pace);
    tuff_plan_finish(&plan);
    tuff_cancel_destroy(cancel);
}

/* Brackets in balance outside of strings, no character below a space inside. */
static bool balanced(const char *text)
{
    int depth = 0;
    bool string = false;
    for (; *text; text++) {
        if (string && *text == '\\' && text[1])
            text++;
        else if (*text == '"')
            string = !string;
        else if (!string)
            depth += (*text == '{' || *text == '[') - (*text == '}' || *text == ']');
        if (depth < 0 || (string && (unsigned char)*text < 0x20)) return false;
    }
    return depth == 0 && !string;
}

static void check_trace(struct backend_test *test, struct run *run, const char *folder)
{
    struct tuff_error error = {0};
    char path[512];
    void *data = NULL;
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/trace.json", folder);
    backend_status(test, "trace", TUFF_OK, tuff_program_trace(run->program, path, &error), &error);
    if (!backend_status(test, "trace", TUFF_OK, tuff_os_read_file(test->context, path, 0, &data, &bytes, &error), &error))
        return;
    backend_check(test, balanced(data) && strstr(data, "affine \\\"t\\\"") && strstr(data, "\"ph\":\"X\""),
                  "trace: expected events in balance, got %s", (const char *)data);
    tuff_free(test->context, data);
    tuff_os_remove(path);
}

static void test_times(struct backend_test *test, const char *folder)
{
    struct tuff_plan plan;
    struct tuff_launch_time times[3] = {0};
    struct tuff_error error = {0};
    struct run run;
    uint64_t ticket = 0;
    uint32_t count = 3;
    build(&plan, test->context, 64);
    if (backend_status(test, "create", TUFF_OK, start(test, &plan, tuff_glslang(), true, false, &run, &error), &error)) {
        test->quiet = true;
        tuff_status early = tuff_program_times(run.program, times, &count, &error);
        test->quiet = false;
        bool clock = test->device->caps.timestamp_period_ns > 0;
        backend_status(test, "times before a run", clock ? TUFF_ERR_USAGE : TUFF_ERR_UNSUPPORTED, early, &error);
        backend_status(test, "submit", TUFF_OK, tuff_program_submit(run.program, &ticket, &error), &error);
        backend_status(test, "wait", TUFF_OK, tuff_device_wait(test->device, ticket, UINT64_MAX, &error), &error);
        backend_check(test, tuff_device_done(test->device, ticket), "done: expected after waiting");
    }
    if (run.program && test->device->caps.timestamp_period_ns > 0) {
        backend_status(test, "times", TUFF_OK, tuff_program_times(run.program, times, &count, &error), &error);
        for (int i = 0; i < 3; i++)
            backend_check(test, times[i].end_ns >= times[i].begin_ns && (!i || times[i].begin_ns >= times[i - 1].end_ns),
                          "times of launch %d: expected in order, got %llu .. %llu", i,
                          (unsigned long long)times[i].begin_ns, (unsigned long long)times[i].end_ns);
        backend_check(
            test,
            count == 3 && times[0].bytes == COUNT * 4 * 3 && times[0].flops == COUNT && !strcmp(times[2].label, "square y"),
            "times: expected 3 rows with bytes and labels, got %u, %llu", count, (unsigned long long)times[0].bytes);
        check_trace(test, &run, folder);
    }
    finish(&run);
    tuff_plan_finish(&plan);
}

/* The whole run's time, with launches' times beside it and without; over several submissions; of an empty plan. */
static void test_duration(struct backend_test *test, bool profile, bool cut, bool empty)
{
    bool clock = test->device->caps.timestamp_period_ns > 0;
    tuff_status wanted = clock ? TUFF_OK : TUFF_ERR_UNSUPPORTED;
    struct tuff_launch_time times[3] = {0};
    struct tuff_error error = {0};
    struct tuff_plan plan;
    struct run run;
    uint64_t ticket = 0, ns = UINT64_MAX, pace = test->device->caps.flops_per_second;
    uint32_t count = 3;
    build(&plan, test->context, 64);
    if (cut) set_pace(test, COUNT);
    if (empty) plan.launch_count = 0;
    if (!backend_status(test, "create", TUFF_OK, start(test, &plan, tuff_glslang(), profile, true, &run, &error), &error))
        goto done;
    test->quiet = true;
    backend_status(test, "duration before a run", clock ? TUFF_ERR_USAGE : TUFF_ERR_UNSUPPORTED,
                   tuff_program_duration(run.program, &ns, &error), &error);
    for (int i = 0; i < 3; i++) { /* the queries are used again */
        backend_status(test, "submit", TUFF_OK, tuff_program_submit(run.program, &ticket, &error), &error);
        backend_status(test, "wait", TUFF_OK, tuff_device_wait(test->device, ticket, UINT64_MAX, &error), &error);
        backend_status(test, "duration", wanted, tuff_program_duration(run.program, &ns, &error), &error);
    }
    if (profile && clock)
        backend_status(test, "times", TUFF_OK, tuff_program_times(run.program, times, &count, &error), &error);
    else if (!profile && !(test->context->options.debug & TUFF_DEBUG_TIMING))
        backend_status(test, "times of a program without", TUFF_ERR_USAGE,
                       tuff_program_times(run.program, times, &count, &error), &error);
    test->quiet = false;
    uint64_t least = profile && !empty ? times[2].end_ns : clock && !empty;
    backend_check(test, !clock ? ns == UINT64_MAX : ns >= least && ns < UINT64_C(10000000000),
                  "duration: expected %llu ns to 10 s, got %llu", (unsigned long long)least, (unsigned long long)ns);
done:
    set_pace(test, pace);
    finish(&run);
    tuff_plan_finish(&plan);
}

static void test_durations(struct backend_test *test)
{
    for (unsigned i = 0; i < 8; i++) test_duration(test, i & 1, i & 2, i & 4);
}

/* The hash of what the driver is given: the same for the same plan, warm or cold, another for other code. */
static void test_spirv_hash(struct backend_test *test)
{
    uint64_t hashes[3] = {0};
    for (int i = 0; i < 3; i++) {
        struct tuff_error error = {0};
        struct tuff_plan plan;
        struct run run;
        build(&plan, test->context, i == 1 ? 32 : 64); /* a specialization constant is no other code */
        if (i == 2) plan.kernels[2].hooks = cube;
        if (backend_status(test, "create", TUFF_OK, start(test, &plan, tuff_glslang(), false, false, &run, &error), &error))
            hashes[i] = tuff_program_counts(run.program).spirv_hash;
        finish(&run);
        tuff_plan_finish(&plan);
    }
    backend_check(test, hashes[0] && hashes[0] == hashes[1] && hashes[0] != hashes[2],
                  "hash of the SPIR-V: expected equal, equal, other, got %llx, %llx, %llx", (unsigned long long)hashes[0],
                  (unsigned long long)hashes[1], (unsigned long long)hashes[2]);
}

/* Shaders compiled and found for the plan on a device of its own with this folder. */
static struct tuff_program_counts counts_of(struct backend_test *test, const char *folder,
                                            const struct tuff_compiler *compiler)
{
    struct tuff_options options = test->context->options;
    struct backend_test other;
    struct tuff_program_counts counts = {0};
    struct tuff_error error = {0};
    struct tuff_plan plan;
    struct run run;
    options.cache_dir = folder;
    options.debug &= ~(uint32_t)TUFF_DEBUG_NOCACHE;
    if (backend_test_begin(&other, &options)) return counts;
    build(&plan, other.context, 64);
    if (backend_status(test, "create", TUFF_OK, start(&other, &plan, compiler, false, false, &run, &error), &error)) {
        counts = tuff_program_counts(run.program);
        finish(&run);
    }
    tuff_plan_finish(&plan);
    tuff_device_release(other.device);
    tuff_context_destroy(other.context);
    return counts;
}

static void expect_counts(struct backend_test *test, const char *what, struct tuff_program_counts got, uint32_t compiled)
{
    backend_check(test, got.compiled == compiled && got.cache_hits == 3 - compiled,
                  "%s: expected %u compiled, %u found, got %u, %u", what, compiled, 3 - compiled, got.compiled,
                  got.cache_hits);
}

static void damage_cache(struct backend_test *test, const char *folder, const char *path)
{
    struct tuff_error error = {0};
    void *data = NULL;
    size_t bytes = 0;
    if (!backend_status(test, "cache file", TUFF_OK, tuff_os_read_file(test->context, path, 0, &data, &bytes, &error),
                        &error))
        return;
    for (size_t i = 0; i < 12; i++) { /* header, first entry, middle, end; odd rounds cut the file short */
        size_t at = i < 8 ? i * 12 : bytes - 1 - (i - 8) * bytes / 5;
        struct tuff_os_part part = {.data = data, .bytes = i & 1 ? at : bytes};
        ((unsigned char *)data)[at] ^= 0x40;
        backend_status(test, "damage", TUFF_OK, tuff_os_write_atomic(test->context, path, &part, 1, &error), &error);
        ((unsigned char *)data)[at] ^= 0x40;
        expect_counts(test, "damaged cache", counts_of(test, folder, tuff_glslang()), 3);
    }
    tuff_free(test->context, data);
}

/* The driver's own cache is written and comes back, where the driver has one. */
static void check_driver_cache(struct backend_test *test, const char *folder)
{
    struct tuff_options options = test->context->options;
    struct backend_test other;
    size_t kept = 0, has = 0;
    options.cache_dir = folder;
    options.debug &= ~(uint32_t)TUFF_DEBUG_NOCACHE;
    if (backend_test_begin(&other, &options)) return;
    const struct tuff_device *device = other.device;
    (void)tuff_cache_driver_blob(device->cache, &kept);
    VkResult result = device->pipelines.cache
                          ? device->vk.vkGetPipelineCacheData(device->handle, device->pipelines.cache, &has, NULL)
                          : VK_ERROR_UNKNOWN;
    backend_check(test, result != VK_SUCCESS || !has || kept > 0, "the driver's cache of %zu bytes was not kept", has);
    tuff_device_release(other.device);
    tuff_context_destroy(other.context);
}

static void test_caches(struct backend_test *test, const char *folder)
{
    struct tuff_error error = {0};
    char **names = NULL, path[600] = "";
    size_t count = 0;
    expect_counts(test, "cold cache", counts_of(test, folder, tuff_glslang()), 3);
    expect_counts(test, "warm cache", counts_of(test, folder, tuff_glslang()), 0);
    check_driver_cache(test, folder);
    expect_counts(test, "warm cache without compiler", counts_of(test, folder, NULL), 0);
    expect_counts(test, "cache off", counts_of(test, "", tuff_glslang()), 3);
    backend_status(test, "list", TUFF_OK, tuff_os_list_folder(test->context, folder, &names, &count, &error), &error);
    if (backend_check(test, count == 1, "cache folder: expected 1 file, got %zu", count))
        snprintf(path, sizeof path, "%s/%s", folder, names[0]);
    tuff_free(test->context, names);
    if (!path[0]) return;
    damage_cache(test, folder, path);
    tuff_os_remove(path);
}

static tuff_status fail_to_create(struct backend_test *test, struct tuff_plan *plan, const struct tuff_compiler *compiler,
                                  struct tuff_error *error)
{
    struct run run;
    test->quiet = true;
    tuff_status status = start(test, plan, compiler, false, false, &run, error);
    test->quiet = false;
    finish(&run);
    return status;
}

static bool stop(void *user, const char *what, uint64_t done, uint64_t total)
{
    (void)user, (void)what;
    return done < 1 && total;
}

static void test_failures(struct backend_test *test)
{
    struct tuff_error error = {0};
    struct tuff_plan plan;
    struct run run;
    build(&plan, test->context, 2048);
    tuff_status status = fail_to_create(test, &plan, tuff_glslang(), &error);
    if (test->device->caps.max_workgroup_invocations < 2048)
        backend_check(test, status == TUFF_ERR_UNSUPPORTED && strstr(error.message, "2048"),
                      "2048 invocations: expected TUFF_ERR_UNSUPPORTED with the figure, got %s: %s",
                      tuff_status_name(status), error.message);
    plan.kernels[0].file = "no_such_kernel";
    backend_status(test, "unknown kernel", TUFF_ERR_UNSUPPORTED, fail_to_create(test, &plan, tuff_glslang(), &error),
                   &error);
    plan.kernels[0].file = "pointwise";
    plan.kernels[0].hooks = HOOKS("void tuff_body(uint i) { y = 1; }");
    status = fail_to_create(test, &plan, tuff_glslang(), &error);
    backend_check(
        test, status == TUFF_ERR_COMPILE && strstr(error.message, "pointwise.comp") && strstr(error.message, "'y'"),
        "syntax error: expected TUFF_ERR_COMPILE with file and line, got %s: %s", tuff_status_name(status), error.message);
    plan.launches[0].barrier = plan.launches[1].barrier = plan.launches[2].barrier = false;
    backend_status(test, "plan without barriers", TUFF_ERR_USAGE, fail_to_create(test, &plan, tuff_glslang(), &error),
                   &error);
    tuff_plan_finish(&plan);
    build(&plan, test->context, 32);
    plan.bindings[0].texels = TUFF_TEXELS_F32; /* which the kernel's text does not say */
    bool texels = test->device->caps.driver_effects & TUFF_DRIVER_READS_TEXELS;
    backend_status(test, "texels for a kernel of storage buffers", texels ? TUFF_ERR_USAGE : TUFF_ERR_UNSUPPORTED,
                   fail_to_create(test, &plan, tuff_glslang(), &error), &error);
    plan.bindings[0].texels = TUFF_TEXELS_NONE;
    backend_status(test, "create", TUFF_OK, start(test, &plan, tuff_glslang(), false, false, &run, &error), &error);
    struct tuff_program_params params = {
        .struct_size = sizeof params, .plan = &plan, .compiler = tuff_glslang(), .progress = {.report = stop}};
    struct tuff_program *program = NULL;
    struct tuff_buffer *memory[TUFF_COUNT(run.memory)];
    memcpy(memory, run.memory, sizeof memory);
    params.memory = memory;
    test->quiet = true;
    status = tuff_program_create(test->device, &params, &program, &error);
    backend_status(test, "cancelled", TUFF_ERR_CANCELLED, status, &error);
    memory[S] = NULL;
    status = tuff_program_create(test->device, &params, &program, &error);
    test->quiet = false;
    backend_status(test, "no state memory", TUFF_ERR_USAGE, status, &error);
    finish(&run);
    tuff_plan_finish(&plan);
}

static void test_no_compiler(struct backend_test *test)
{
    struct tuff_options options = test->context->options;
    struct backend_test other;
    struct tuff_error error = {0};
    struct tuff_plan plan;
    options.cache_dir = "";
    if (backend_test_begin(&other, &options)) return;
    build(&plan, other.context, 64);
    tuff_status status = fail_to_create(&other, &plan, NULL, &error);
    backend_check(test, status == TUFF_ERR_UNSUPPORTED && strstr(error.message, "compiler"),
                  "no compiler: expected TUFF_ERR_UNSUPPORTED that says so, got %s: %s", tuff_status_name(status),
                  error.message);
    tuff_plan_finish(&plan);
    tuff_device_release(other.device);
    tuff_context_destroy(other.context);
}

static const char race[] = HOOKS("layout(std430, binding = 0) readonly buffer A { float a[]; }; "
                                 "layout(std430, binding = 1) writeonly buffer B { float b[]; }; "
                                 "shared float part[64]; "
                                 "void tuff_body(uint i) { part[gl_LocalInvocationIndex] = a[i]; "
                                 "b[i] = part[63u - gl_LocalInvocationIndex]; }");
static const char outside[] = HOOKS("layout(std430, binding = 0) readonly buffer A { float a[]; }; "
                                    "layout(std430, binding = 1) writeonly buffer B { float b[]; }; "
                                    "void tuff_body(uint i) { b[i] = a[i + 100000u]; }");

/* Runs a wrong program once; returns the messages of the layer that Tuff was asked for. */
static unsigned run_canary(struct backend_test *test, const char *kind)
{
    struct tuff_error error = {0};
    struct tuff_plan plan;
    struct run run;
    build(&plan, test->context, 64);
    if (!strcmp(kind, "barrier")) { /* the first launch says that it only reads s, which it writes */
        plan.bindings[1].access = TUFF_READ;
        tuff_plan_place_barriers(&plan);
    }
    if (!strcmp(kind, "race")) plan.kernels[2].hooks = race;
    if (!strcmp(kind, "outside")) plan.kernels[2].hooks = outside;
    test->quiet = true;
    if (backend_status(test, kind, TUFF_OK, start(test, &plan, tuff_glslang(), false, false, &run, &error), &error)) {
        uint64_t ticket = 0;
        backend_status(test, kind, TUFF_OK, tuff_program_submit(run.program, &ticket, &error), &error);
        backend_status(test, kind, TUFF_OK, tuff_device_wait(test->device, ticket, UINT64_MAX, &error), &error);
        finish(&run);
    }
    tuff_plan_finish(&plan);
    unsigned messages = tuff_device_validation_messages(test->device);
    printf("canary, %s: %u messages\n", kind, messages);
    return messages;
}

static void end_canary(struct backend_test *test)
{
    tuff_device_release(test->device);
    tuff_context_destroy(test->context);
}

static int canary(const char *kind)
{
    struct backend_test test;
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    if (test.context->options.debug & TUFF_DEBUG_VALIDATE && !tuff_device_validation_active(test.device)) {
        puts("skipped: no validation layer");
        status = 77;
    } else if (run_canary(&test, kind)) {
        status = 3;
    }
    if (test.failures) status = 1;
    end_canary(&test);
    return status;
}

static void test_canary(void)
{
    if (tuff_os_getenv("VK_INSTANCE_LAYERS")) { /* whoever put the layer there counts its messages */
        puts("canary: left out, a layer was put in from outside (VK_INSTANCE_LAYERS)");
        return;
    }
    struct backend_test test;
    if (backend_test_begin(&test, NULL)) return;
    if (tuff_device_validation_active(test.device) && !run_canary(&test, "barrier")) exit(1);
    end_canary(&test);
}

int main(int argc, char **argv)
{
    struct backend_test test;
    char folder[400];
    if (!tuff_glslang()) {
        puts("skipped: this build has no run-time compiler (TUFF_GLSLANG=OFF)");
        return 77;
    }
    if (argc == 3 && !strcmp(argv[1], "--canary")) return canary(argv[2]);
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    const char *temporary = tuff_os_getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/tuff-test-%llx", temporary ? temporary : "/tmp",
             (unsigned long long)tuff_os_time_ns());
    if (tuff_os_make_folders(test.context, folder, NULL) != TUFF_OK) return 1;
    test_results(&test);
    test_cancel(&test);
    test_times(&test, folder);
    test_durations(&test);
    test_spirv_hash(&test);
    test_caches(&test, folder);
    test_failures(&test);
    test_no_compiler(&test);
    tuff_os_remove(folder);
    int failed = backend_test_end(&test, "backend_program");
    struct tuff_options options = {.struct_size = sizeof options, .limits = "floor"};
    if (backend_test_begin(&test, &options)) return 1;
    test_results(&test);
    test_cancel(&test);
    test_times(&test, folder);
    test_durations(&test);
    test_failures(&test);
    failed |= backend_test_end(&test, "backend_program, fences");
    test_canary();
    return failed;
}
