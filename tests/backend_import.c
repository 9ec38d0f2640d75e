/* backend_import.c - a device of the app's own: its queue is used by both sides, on two threads, under the app's lock; only what
 * the app enabled is used, and nothing of the app is destroyed. */
#include "tests/import_help.h"

#include <stdio.h>

#define WORDS 1024u
#define TURNS 10u

/* The app fills Tuff's buffer by a submission of its own, with the barriers that are its to record. */
static bool app_fills(struct import_app *app, VkBuffer buffer, uint32_t word)
{
    VkCommandPool pool = import_app_pool(app);
    VkCommandBuffer commands = pool ? import_app_begin(app, pool) : NULL;
    bool done = commands != NULL;
    if (done) {
        const VkAccessFlags writes = VK_ACCESS_TRANSFER_WRITE_BIT | VK_ACCESS_SHADER_WRITE_BIT;
        import_app_barrier(app, commands, writes, VK_ACCESS_TRANSFER_WRITE_BIT);
        app->vk.vkCmdFillBuffer(commands, buffer, 0, VK_WHOLE_SIZE, word);
        import_app_barrier(app, commands, VK_ACCESS_TRANSFER_WRITE_BIT,
                           VK_ACCESS_TRANSFER_WRITE_BIT | VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_HOST_READ_BIT);
        done = import_app_submit(app, commands, true);
    }
    app->vk.vkDestroyCommandPool(app->device, pool, NULL);
    return done;
}

static void use_buffer(struct backend_test *test, struct import_app *app)
{
    struct tuff_buffer *buffer = NULL;
    struct tuff_error error = {0};
    uint32_t words[WORDS];
    uint64_t bytes = 0;
    if (!backend_status(test, "buffer", TUFF_OK,
                        tuff_buffer_create(test->device, sizeof words, true, "shared", &buffer, &error), &error))
        return;
    VkBuffer handle = tuff_vulkan_buffer(buffer, &bytes);
    backend_check(test, bytes == sizeof words, "bytes: expected %zu, got %llu", sizeof words, (unsigned long long)bytes);
    backend_check(test, app_fills(app, handle, 41), "the app's fill failed");
    backend_status(test, "read", TUFF_OK, tuff_buffer_read(buffer, 0, words, sizeof words, &error), &error);
    backend_check(test, words[0] == 41 && words[WORDS - 1] == 41, "the app's fill: expected 41, got %u %u", words[0],
                  words[WORDS - 1]);
    backend_status(test, "fill", TUFF_OK, tuff_transfer_fill(buffer, 42, &error), &error);
    backend_status(test, "read", TUFF_OK, tuff_buffer_read(buffer, 0, words, sizeof words, &error), &error);
    backend_check(test, words[0] == 42 && words[WORDS - 1] == 42, "Tuff's fill: expected 42, got %u %u", words[0],
                  words[WORDS - 1]);
    tuff_buffer_release(buffer);
}

/* ---- turns: Tuff computes y = 2 x + 1, the app's thread copies y to x, and so on; nobody waits for the device ---- */

struct turns {
    struct import_app *app;
    VkBuffer x, y;
    VkCommandPool pool;
    struct tuff_os_mutex *mutex;
    struct tuff_os_condition *changed;
    bool of_app, failed;
};

static void take_turn(struct turns *turns, bool of_app)
{
    tuff_os_mutex_lock(turns->mutex);
    while (turns->of_app != of_app) tuff_os_condition_wait(turns->changed, turns->mutex);
    tuff_os_mutex_unlock(turns->mutex);
}

static void end_turn(struct turns *turns)
{
    tuff_os_mutex_lock(turns->mutex);
    turns->of_app = !turns->of_app;
    tuff_os_condition_signal_all(turns->changed);
    tuff_os_mutex_unlock(turns->mutex);
}

static void app_turns(void *user)
{
    struct turns *turns = user;
    struct import_app *app = turns->app;
    const VkBufferCopy whole = {0, 0, WORDS * 4};
    for (uint32_t i = 0; i + 1 < TURNS; i++) {
        VkCommandBuffer commands = import_app_begin(app, turns->pool);
        take_turn(turns, true);
        if (commands) {
            import_app_barrier(app, commands, VK_ACCESS_SHADER_WRITE_BIT,
                               VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT);
            app->vk.vkCmdCopyBuffer(commands, turns->y, turns->x, 1, &whole);
            import_app_barrier(app, commands, VK_ACCESS_TRANSFER_WRITE_BIT,
                               VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
        }
        if (!commands || !import_app_submit(app, commands, false)) turns->failed = true;
        end_turn(turns);
    }
}

static void build(struct tuff_plan *plan, struct tuff_context *context)
{
    const uint64_t bytes = WORDS * 4;
    const struct tuff_plan_kernel kernel = {.file = "pointwise",
                                            .hooks = "#define TUFF_WIDTH 1u\n#define TUFF_HOOKS_TEXT "
                                                     "layout(std430, binding = 0) readonly buffer A { float a[]; }; "
                                                     "layout(std430, binding = 1) writeonly buffer B { float b[]; }; "
                                                     "void tuff_body(uint i) { b[i] = 2.0 * a[i] + 1.0; }\n"};
    const struct tuff_plan_spec workgroup = {0, 64};
    const struct tuff_plan_binding bindings[] = {{.slot = 0, .access = TUFF_READ, .bytes = bytes},
                                                 {.slot = 1, .access = TUFF_WRITE, .bytes = bytes}};
    const uint32_t push[] = {WORDS, 0}; /* blocks, first */
    tuff_plan_init(plan, context);
    struct tuff_plan_slot x = {.name = "x", .bytes = bytes}, y = {.name = "y", .bytes = bytes};
    tuff_plan_place(plan, &x, TUFF_MEMORY_INPUT, UINT64_MAX);
    tuff_plan_place(plan, &y, TUFF_MEMORY_OUTPUT, UINT64_MAX);
    tuff_plan_add_slot(plan, &x);
    tuff_plan_add_slot(plan, &y);
    struct tuff_plan_launch launch = {.label = "y", .groups = {WORDS / 64, 1, 1}};
    launch.kernel = tuff_plan_add_kernel(plan, &kernel, &workgroup, 1);
    tuff_plan_add_launch(plan, &launch, bindings, 2, push, 2);
    tuff_plan_place_barriers(plan);
}

static void run_turns(struct backend_test *test, struct turns *turns, struct tuff_program *program)
{
    struct tuff_error error = {0};
    struct tuff_os_thread *thread = NULL;
    tuff_status status = tuff_os_thread_start(test->context, app_turns, turns, &thread);
    if (!backend_status(test, "the app's thread", TUFF_OK, status, NULL)) return;
    for (uint32_t i = 0; i < TURNS; i++) {
        take_turn(turns, false);
        backend_status(test, "turn", TUFF_OK, tuff_program_submit(program, NULL, &error), &error);
        if (i + 1 < TURNS) end_turn(turns);
    }
    tuff_os_thread_join(thread);
    backend_check(test, !turns->failed, "a submission of the app failed");
}

static void test_turns(struct backend_test *test, struct import_app *app)
{
    struct turns turns = {.app = app, .pool = import_app_pool(app)};
    struct tuff_error error = {0};
    struct tuff_program *program = NULL;
    struct tuff_buffer *x = NULL, *y = NULL;
    struct tuff_plan plan;
    float values[WORDS];
    for (uint32_t i = 0; i < WORDS; i++) values[i] = (float)(i % 7);
    build(&plan, test->context);
    tuff_status status = tuff_buffer_create(test->device, sizeof values, true, "x", &x, &error);
    if (status == TUFF_OK) status = tuff_buffer_create(test->device, sizeof values, true, "y", &y, &error);
    if (status == TUFF_OK) status = tuff_buffer_write(x, 0, values, sizeof values, &error);
    if (status == TUFF_OK) status = tuff_os_mutex_create(test->context, &turns.mutex);
    if (status == TUFF_OK) status = tuff_os_condition_create(test->context, &turns.changed);
    struct tuff_buffer *const memory[] = {x, y};
    struct tuff_program_params params = {
        .struct_size = sizeof params, .plan = &plan, .memory = memory, .compiler = tuff_glslang()};
    if (status == TUFF_OK) status = tuff_program_create(test->device, &params, &program, &error);
    if (backend_status(test, "turns", TUFF_OK, status, &error)) {
        turns.x = tuff_vulkan_buffer(x, NULL);
        turns.y = tuff_vulkan_buffer(y, NULL);
        run_turns(test, &turns, program);
        backend_status(test, "read", TUFF_OK, tuff_buffer_read(y, 0, values, sizeof values, &error), &error);
        for (uint32_t i = 0; i < WORDS; i++) {
            float wanted = (float)((i % 7 + 1) * (1u << TURNS) - 1); /* whole numbers below 2^24: exact */
            if (!backend_check(test, values[i] == wanted, "turns: y[%u]: expected %g, got %g", i, (double)wanted,
                               (double)values[i]))
                break;
        }
    }
    tuff_program_destroy(program);
    tuff_buffer_release(x);
    tuff_buffer_release(y);
    tuff_os_condition_destroy(turns.changed);
    tuff_os_mutex_destroy(turns.mutex);
    app->vk.vkDestroyCommandPool(app->device, turns.pool,
                                 NULL); /* Tuff's last submission came after the app's, and is done */
    tuff_plan_finish(&plan);
}

static void test_import(struct backend_test *test, struct import_app *app)
{
    struct tuff_error error = {0};
    struct tuff_import_params params = app->params;
    params.api_version = VK_API_VERSION_1_1;
    if (!backend_status(test, "import", TUFF_OK, tuff_device_import(test->context, &params, &test->device, &error), &error))
        return;
    const struct tuff_caps *caps = tuff_device_caps(test->device);
    backend_check(
        test, !caps->f16_arithmetic && !caps->timeline_semaphore && !caps->subgroup_size_control && !caps->device_address,
        "caps: expected nothing that the app did not enable");
    backend_check(test,
                  tuff_vulkan_device(test->device) == app->device && tuff_vulkan_queue(test->device, NULL) == app->queue,
                  "handles: expected the app's");
    backend_check(
        test, tuff_vulkan_instance(test->device) == params.instance && tuff_vulkan_physical_device(test->device) == app->gpu,
        "instance and physical device: expected the app's");
    struct tuff_error refused = {0};
    tuff_status offered = tuff_vulkan_offers(test->device, TUFF_HANDLE_FD, TUFF_EXPORTS_MEMORY, &refused);
    backend_check(test, offered == TUFF_ERR_UNSUPPORTED && strstr(refused.message, "the app has not enabled"),
                  "external memory: expected the app's extensions alone, got %s", refused.message);
    use_buffer(test, app);
    if (tuff_glslang()) test_turns(test, app);
    tuff_device_release(test->device);
    test->device = NULL;
    test->quiet = true;
    params.api_version = VK_API_VERSION_1_0;
    backend_status(test, "Vulkan 1.0", TUFF_ERR_UNSUPPORTED,
                   tuff_device_import(test->context, &params, &test->device, &error), &error);
    params.api_version = VK_API_VERSION_1_1;
    params.unlock_queue = NULL;
    backend_status(test, "half a lock", TUFF_ERR_USAGE, tuff_device_import(test->context, &params, &test->device, &error),
                   &error);
    test->quiet = false;
}

/* What Tuff says that it would use holds all that the app, which asked it for that, has enabled for it. */
static void check_extensions(struct backend_test *test, const struct import_app *app)
{
    uint32_t count = 0;
    const char *const *names = tuff_vulkan_extensions(&count);
    for (uint32_t i = 0; i < app->chain.extension_count; i++) {
        bool found = false;
        for (uint32_t k = 0; k < count; k++) found = found || !strcmp(names[k], app->chain.extensions[i]);
        backend_check(test, found, "%s is not among the extensions that Tuff uses", app->chain.extensions[i]);
    }
    backend_check(test, count > 0, "Tuff uses no extension at all");
}

int main(void)
{
    struct backend_test test;
    struct import_app app;
    struct tuff_error error = {0};
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    tuff_device_release(test.device);
    test.device = NULL;
    if (backend_check(&test, import_app_create(&app, test.context, false, &error), "the app's device: %s", error.message))
        test_import(&test, &app);
    check_extensions(&test, &app);
    import_app_destroy(&app, &test);
    return backend_test_end(&test, "backend_import");
}
