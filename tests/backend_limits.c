/* backend_limits.c - each limit of a device, passed by one, is refused with a sentence that holds both figures, before the driver
 * sees anything; what just fits is taken. One plan and one buffer whose needs are known, under limits moved to either side. */
#include "tests/backend_help.h"

#include "backend/pipeline.h"

#include <stdio.h>

enum { LOCAL = 32, SHARED = 4 * LOCAL, GROUPS_X = 5, GROUPS_Y = 3, GROUPS_Z = 2, BUFFERS = 3, RANGE = 1024, PUSH = 8 };

static const char text[] = "#define TUFF_WIDTH 1u\n"
                           "#define TUFF_HOOKS_TEXT layout(std430, binding = 0) readonly buffer A { float a[]; }; "
                           "layout(std430, binding = 1) readonly buffer B { float b[]; }; "
                           "layout(std430, binding = 2) writeonly buffer C { float c[]; }; "
                           "shared float part[32]; "
                           "void tuff_body(uint i) { part[gl_LocalInvocationIndex] = a[i]; barrier(); "
                           "c[i] = part[31u - gl_LocalInvocationIndex] + b[i]; }\n";
static const char half_text[] = "#define TUFF_WIDTH 1u\n"
                                "#define TUFF_HOOKS_TEXT layout(std430, binding = 0) readonly buffer A { float a[]; }; "
                                "layout(std430, binding = 1) readonly buffer B { float b[]; }; "
                                "layout(std430, binding = 2) writeonly buffer C { float c[]; }; "
                                "void tuff_body(uint i) { c[i] = float(float16_t(a[i]) * float16_t(b[i])); }\n";

struct limits_test {
    struct backend_test test;
    struct tuff_buffer *memory;
};

static void build(struct limits_test *t, struct tuff_plan *plan, bool half)
{
    struct tuff_plan_kernel kernel = {
        .file = "pointwise",
        .defines = half ? "#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require" : "",
        .hooks = half ? half_text : text};
    struct tuff_plan_launch launch = {.label = "the launch", .groups = {GROUPS_X, GROUPS_Y, GROUPS_Z}};
    struct tuff_plan_binding bindings[BUFFERS];
    const uint32_t push[PUSH / 4] = {GROUPS_X * GROUPS_Y * GROUPS_Z * LOCAL}; /* blocks, first */
    tuff_plan_init(plan, t->test.context);
    for (uint32_t i = 0; i < BUFFERS; i++) {
        struct tuff_plan_slot slot = {.name = "s", .bytes = RANGE};
        tuff_plan_place(plan, &slot, TUFF_MEMORY_SCRATCH, UINT64_MAX);
        bindings[i] = (struct tuff_plan_binding){
            .slot = tuff_plan_add_slot(plan, &slot), .access = i + 1 < BUFFERS ? TUFF_READ : TUFF_WRITE, .bytes = RANGE};
    }
    launch.kernel = tuff_plan_add_kernel(plan, &kernel, &(struct tuff_plan_spec){0, LOCAL}, 1);
    tuff_plan_add_launch(plan, &launch, bindings, BUFFERS, push, PUSH / 4);
    tuff_plan_place_barriers(plan);
}

static tuff_status create_program(struct limits_test *t, bool half, struct tuff_error *error)
{
    struct tuff_plan plan;
    struct tuff_program *program = NULL;
    build(t, &plan, half);
    struct tuff_program_params params = {
        .struct_size = sizeof params, .plan = &plan, .memory = &t->memory, .compiler = tuff_glslang()};
    tuff_status status = tuff_program_create(t->test.device, &params, &program, error);
    tuff_program_destroy(program);
    tuff_pipelines_trim(t->test.device, 0); /* one that exists is not checked again */
    tuff_plan_finish(&plan);
    return status;
}

static tuff_status create_buffer(struct limits_test *t, uint64_t bytes, struct tuff_error *error)
{
    struct tuff_buffer *buffer = NULL;
    tuff_status status = tuff_buffer_create(t->test.device, bytes, false, "the buffer", &buffer, error);
    tuff_buffer_release(buffer);
    return status;
}

/* The sentence must name what is passed and, where they are figures, need and limit. */
static void expect_refusal(struct limits_test *t, const char *what, tuff_status wanted, tuff_status status,
                           const struct tuff_error *error, const char *says, unsigned long long need,
                           unsigned long long limit)
{
    char need_text[32], limit_text[32];
    snprintf(need_text, sizeof need_text, "%llu", need);
    snprintf(limit_text, sizeof limit_text, "%llu", limit);
    backend_check(&t->test,
                  status == wanted && strstr(error->message, says) && strstr(error->message, need_text) &&
                      strstr(error->message, limit_text),
                  "%s: expected %s with \"%s\", %s and %s, got %s: %s", what, tuff_status_name(wanted), says, need_text,
                  limit_text, tuff_status_name(status), error->message);
}

static void test_programs(struct limits_test *t)
{
    struct tuff_caps *caps = &t->test.device->caps;
    const struct {
        const char *what, *says;
        uint32_t *limit, need;
    } rows[] = {
        {"shared memory", "bytes of shared memory", &caps->max_shared_bytes, SHARED},
        {"invocations", "invocations in a workgroup;", &caps->max_workgroup_invocations, LOCAL},
        {"workgroup, x", "invocations in a workgroup along x", &caps->max_workgroup_size[0], LOCAL},
        {"workgroup, y", "invocations in a workgroup along y", &caps->max_workgroup_size[1], 1},
        {"workgroup, z", "invocations in a workgroup along z", &caps->max_workgroup_size[2], 1},
        {"push constants", "bytes of push constants", &caps->max_push_bytes, PUSH},
        {"storage buffers", "storage buffers", &caps->max_storage_buffers, BUFFERS},
        {"workgroups, x", "workgroups along x", &caps->max_workgroup_count[0], GROUPS_X},
        {"workgroups, y", "workgroups along y", &caps->max_workgroup_count[1], GROUPS_Y},
        {"workgroups, z", "workgroups along z", &caps->max_workgroup_count[2], GROUPS_Z},
    };
    const struct tuff_caps own = *caps;
    for (size_t i = 0; i < TUFF_COUNT(rows); i++) {
        struct tuff_error error = {0};
        for (uint32_t limit = rows[i].need - 1; limit <= rows[i].need; limit++) {
            *rows[i].limit = limit;
            t->test.quiet = limit < rows[i].need;
            tuff_status status = create_program(t, false, &error);
            t->test.quiet = false;
            if (limit < rows[i].need)
                expect_refusal(t, rows[i].what, TUFF_ERR_UNSUPPORTED, status, &error, rows[i].says, rows[i].need, limit);
            else
                backend_status(&t->test, rows[i].what, TUFF_OK, status, &error);
        }
        *caps = own;
    }
}

static void test_ranges(struct limits_test *t)
{
    struct tuff_caps *caps = &t->test.device->caps;
    const struct tuff_caps own = *caps;
    struct tuff_error error = {0};
    t->test.quiet = true;
    caps->max_storage_range = RANGE - 4;
    tuff_status status = create_program(t, false, &error);
    expect_refusal(t, "storage range", TUFF_ERR_UNSUPPORTED, status, &error, "binds", RANGE, RANGE - 4);
    *caps = own;
    caps->storage_alignment = 2 * RANGE; /* the second slot lies at RANGE */
    status = create_program(t, false, &error);
    expect_refusal(t, "alignment", TUFF_ERR_UNSUPPORTED, status, &error, "wants multiples of", RANGE, 2 * RANGE);
    *caps = own;
    caps->f16_arithmetic = false;
    status = create_program(t, true, &error);
    expect_refusal(t, "capability", TUFF_ERR_UNSUPPORTED, status, &error, "SPIR-V capability", 9, 9); /* Float16 */
    *caps = own;
    t->test.quiet = false;
    caps->max_storage_range = RANGE;
    caps->storage_alignment = RANGE;
    backend_status(&t->test, "ranges", TUFF_OK, create_program(t, own.f16_arithmetic, &error), &error);
    *caps = own;
}

static void test_memory(struct limits_test *t)
{
    struct tuff_caps *caps = &t->test.device->caps;
    const struct tuff_caps own = *caps;
    const uint64_t bytes = UINT64_C(80) << 20; /* more than a block: an allocation of its own */
    struct tuff_error error = {0};
    t->test.quiet = true;
    caps->max_allocation_bytes = bytes - 1;
    tuff_status status = create_buffer(t, bytes, &error);
    expect_refusal(t, "allocation", TUFF_ERR_DEVICE_MEMORY, status, &error, "more than one allocation", bytes, bytes - 1);
    *caps = own;
    caps->max_allocation_count = t->test.device->memory.allocation_count;
    status = create_buffer(t, bytes, &error);
    expect_refusal(t, "allocations", TUFF_ERR_DEVICE_MEMORY, status, &error, "too many allocations", bytes,
                   caps->max_allocation_count);
    *caps = own;
    VkMemoryHeap *heaps = t->test.device->memory.properties.memoryHeaps;
    uint64_t largest = 0;
    for (uint32_t i = 0; i < t->test.device->memory.properties.memoryHeapCount; i++)
        if (heaps[i].size > largest) largest = heaps[i].size;
    caps->max_allocation_bytes = UINT64_MAX / 2;
    status = create_buffer(t, tuff_align(largest + 1, 1 << 20), &error); /* or the driver's own limit of a buffer */
    backend_check(&t->test, status != TUFF_OK && error.message[0], "heap: expected a refusal, got %s",
                  tuff_status_name(status));
    *caps = own;
    t->test.quiet = false;
    caps->max_allocation_bytes = tuff_align(bytes, 1 << 20);
    caps->max_allocation_count = t->test.device->memory.allocation_count + 1;
    backend_status(&t->test, "a buffer that fits", TUFF_OK, create_buffer(t, bytes, &error), &error);
    *caps = own;
}

/* A profile takes away: what a device does not have it has under none of them, and what it has not under the least one. */
static void test_profiles(struct backend_test *test)
{
    static const char *const names[] = {"floor", "powervr", "adreno618",   "adreno702", "mali-g31",
                                        "v3d42", "v3d71",   "swiftshader", "pascal",    "navi31"};
    struct tuff_error error = {0};
    struct tuff_caps_field field;
    for (size_t i = 0; i < TUFF_COUNT(names); i++) {
        struct tuff_caps caps = {.struct_size = sizeof caps};
        backend_status(test, names[i], TUFF_OK, tuff_limits_apply(test->context, names[i], &caps, &error), &error);
        for (uint32_t f = 0; tuff_caps_field(f, &field); f++)
            if (field.kind == TUFF_FIELD_FLAG)
                backend_check(test, !tuff_caps_value(&caps, &field), "%s gives a device %s", names[i], field.name);
    }
    struct tuff_caps all = {.struct_size = sizeof all, .f16_storage = true, .i8_storage = true, .f16_arithmetic = true};
    all.cooperative_matrix = all.timeline_semaphore = all.device_address = all.integer_dot_product = all.subgroup_shuffle =
        true;
    struct tuff_caps least = all, most = all;
    backend_status(test, "floor", TUFF_OK, tuff_limits_apply(test->context, "floor", &least, &error), &error);
    backend_status(test, "navi31", TUFF_OK, tuff_limits_apply(test->context, "navi31", &most, &error), &error);
    backend_check(test,
                  !least.f16_storage && !least.i8_storage && !least.f16_arithmetic && !least.cooperative_matrix &&
                      !least.timeline_semaphore && !least.device_address && !least.integer_dot_product &&
                      !least.subgroup_shuffle,
                  "the floor has a feature that it does not promise");
    backend_check(test, most.f16_storage && most.cooperative_matrix && most.integer_dot_product && most.subgroup_shuffle,
                  "a profile took what its device has");
}

int main(void)
{
    struct limits_test t = {.memory = NULL};
    struct tuff_error error = {0};
    if (!tuff_glslang()) {
        puts("skipped: this build has no run-time compiler (TUFF_GLSLANG=OFF)");
        return 77;
    }
    int status = backend_test_begin(&t.test, NULL);
    if (status) return status;
    test_profiles(&t.test);
    if (backend_status(&t.test, "memory", TUFF_OK,
                       tuff_buffer_create(t.test.device, BUFFERS * RANGE, true, "memory", &t.memory, &error), &error)) {
        test_programs(&t);
        test_ranges(&t);
        test_memory(&t);
    }
    tuff_buffer_release(t.memory);
    return backend_test_end(&t.test, "backend_limits");
}
