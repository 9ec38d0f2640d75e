/* fault_vulkan.c - the n-th Vulkan call fails, for every n and every error that the call may return: while a device is made,
 * while a plan is compiled, run, timed and read, while all is destroyed. And a device that is lost in the middle of a training,
 * at every submission and every wait: the status says so and what to do, whatever is called afterwards says the same without
 * asking the device, all can be destroyed, and on a new device the last checkpoint leads to the same bits.
 *
 *   fault_vulkan [STRIDE]   tries every STRIDE-th call; 1: all */
#include "tests/external_help.h"
#include "tests/fault_calls.h"
#include "tests/fault_help.h"
#include "tests/temporary.h"
#include "tests/train_help.h"

#include "backend/os.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 10000, MOST_CODES = 16 };

struct way {
    const char *name;
    tuff_status (*run)(struct way *way, struct tuff_error *error); /* all that it made is destroyed when it returns */
    struct backend_test *test;
    struct fault_memory memory;
    struct tuff_options options;
    struct train t; /* device of the ways that do not make their own */
    struct fault_calls *calls;
    long ended; /* calls when all was done but destroying, which tells of nothing */
};

/* ---- ways ------------------------------------------------------------------------------------------------------------------------- */

/* From nothing to a buffer, through the staging ring as well. */
static tuff_status start(struct way *way, struct tuff_error *error)
{
    struct train t = {0};
    struct tuff_buffer *buffer = NULL;
    struct tuff_caps caps[4] = {{.struct_size = sizeof caps[0]}};
    uint32_t count = TUFF_COUNT(caps), words[4] = {1, 2, 3, 4}, back[4] = {0};
    tuff_status status = train_open(&t, &way->options, error);
    if (status == TUFF_OK) status = tuff_device_list(t.context, caps, &count, error);
    if (status == TUFF_OK) status = tuff_buffer_create(t.device, sizeof words, true, "words", &buffer, error);
    if (status == TUFF_OK) status = tuff_transfer_write(buffer, 0, words, sizeof words, error);
    if (status == TUFF_OK) status = tuff_transfer_read(buffer, 0, back, sizeof back, error);
    if (status == TUFF_OK && memcmp(words, back, sizeof words)) status = TUFF_ERR_USAGE;
    way->ended = way->calls->made;
    tuff_buffer_release(buffer);
    train_close(&t);
    return status;
}

/* A plan of two launches with times, on a device that is there. */
static tuff_status program(struct way *way, struct tuff_error *error)
{
    enum { N = 4 };
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *executable = NULL;
    struct tuff_launch_time times[8];
    uint32_t time_count = TUFF_COUNT(times);
    uint64_t ns = 0;
    float x[N * N], sum = 0;
    atomic_store(&way->t.device->queue.lost, false); /* by the round before, but not in truth */
    for (int i = 0; i < N * N; i++) x[i] = (float)i;
    TUFF_TRY(tuff_graph_create(way->t.context, &g, error));
    tuff_val in = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(N, N));
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(N, N), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 0.5});
    tuff_val out = tuff_sum(g, tuff_matmul(g, in, w, (struct tuff_matmul_params){0}), 0, TUFF_DROP_AXES);
    struct tuff_executable_params what = {
        .struct_size = sizeof what, .outputs = &out, .output_count = 1, .input_sets = 2, .profile = true, .timed = true};
    tuff_status status = tuff_session_create(way->t.device, g, NULL, &session, error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &what, &executable, error);
    for (int i = 0; i < 2; i++) {
        if (status == TUFF_OK) status = tuff_executable_write(executable, in, x, sizeof x, error);
        if (status == TUFF_OK) status = tuff_executable_submit(executable, NULL, error);
    }
    if (status == TUFF_OK) status = tuff_executable_read(executable, 0, &sum, sizeof sum, error);
    if (status == TUFF_OK && sum != 240) status = TUFF_ERR_USAGE;
    if (status == TUFF_OK && way->t.device->caps.timestamp_period_ns > 0) {
        struct tuff_program *timed = tuff_executable_program(executable);
        status = tuff_program_times(timed, times, &time_count, error);
        if (status == TUFF_OK) status = tuff_program_duration(timed, &ns, error);
        if (status == TUFF_OK && ns < times[time_count - 1].end_ns) status = TUFF_ERR_USAGE;
    }
    way->ended = way->calls->made;
    tuff_executable_destroy(executable);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    return status;
}

/* Handles of what the driver offers, given away and taken. */
static tuff_status handles(struct way *way, struct tuff_error *error)
{
    atomic_store(&way->t.device->queue.lost, false);
    tuff_status status = external_exchange(way->t.device, error);
    way->ended = way->calls->made;
    return status;
}

/* ---- one fault in a round --------------------------------------------------------------------------------------------------------- */

/* What costs time or comfort alone: caches, names, spare room, the semaphore in whose place fences stand, polls behind which a wait stands,
 * questions to the loader. */
static bool may_be_absorbed(const char *name)
{
    static const char *const names[] = {"vkCreatePipelineCache",
                                        "vkGetPipelineCacheData",
                                        "vkSetDebugUtilsObjectNameEXT",
                                        "vkCreateDebugUtilsMessengerEXT",
                                        "vkEnumerateInstance", /* Extension-, LayerProperties, Version */
                                        "vkCreateSemaphore",
                                        "vkAllocateMemory", /* a smaller block may do */
                                        "vkMapMemory",
                                        "vkGetSemaphoreCounterValue",
                                        "vkGetFenceStatus"};
    for (size_t i = 0; i < TUFF_COUNT(names); i++)
        if (!strncmp(name, names[i], strlen(names[i]))) return true;
    return false;
}

static bool status_fits(VkResult result, tuff_status status)
{
    switch ((int)result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY: return status == TUFF_ERR_MEMORY;
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_FRAGMENTED_POOL:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_TOO_MANY_OBJECTS: return status == TUFF_ERR_DEVICE_MEMORY;
    case VK_ERROR_DEVICE_LOST: return status == TUFF_ERR_DEVICE_LOST;
    case VK_ERROR_INVALID_EXTERNAL_HANDLE: return status == TUFF_ERR_USAGE;
    case VK_ERROR_INCOMPATIBLE_DRIVER: return status == TUFF_ERR_NO_DEVICE;
    default: return status == TUFF_ERR_DRIVER;
    }
}

static void judge(struct way *way, long n, tuff_status status, const struct tuff_error *error)
{
    const struct fault_calls *calls = way->calls;
    bool absorbed = status == TUFF_OK && (n > way->ended || may_be_absorbed(calls->name));
    bool unasked = !strncmp(calls->name, "vkEnumerateInstanceV", 20) && status == TUFF_ERR_NO_DEVICE;
    bool said = error->status == status && error->message[0];
    backend_check(way->test, absorbed || (said && (status_fits(calls->result, status) || unasked)),
                  "%s: call %ld, %s, returns %s: got %s '%s'", way->name, n, calls->name, tuff_vk_result_name(calls->result),
                  tuff_status_name(status), error->message);
}

struct faults {
    long tried, absorbed, kept;
};

/* One run in which call `number`, of the functions named so or of any, returns its code. Returns whether it did; *over: there are
 * fewer calls. */
static bool try_one(struct way *way, struct faults *faults, const struct fault_calls *settings, bool *over)
{
    struct tuff_error error = {0};
    way->calls = fault_calls_arm(*settings);
    way->ended = MOST;
    tuff_status status = way->run(way, &error);
    *over = way->calls->made < settings->fail_at;
    bool failed = way->calls->failed;
    if (failed) judge(way, settings->fail_at, status, &error);
    if (failed) faults->tried++, faults->absorbed += status == TUFF_OK;
    backend_check(way->test, way->memory.live == faults->kept, "%s: call %ld, %s: expected no leak, got %ld", way->name,
                  settings->fail_at, failed ? way->calls->name : "none", (long)way->memory.live - faults->kept);
    backend_check(way->test, failed || status == TUFF_OK, "%s without a fault: %s", way->name, error.message);
    return failed;
}

/* Every code of every call; with a stride, of every stride-th call and of the first call of each function. */
static void try_all(struct way *way, long stride)
{
    struct faults faults = {.kept = way->memory.live};
    long n = 1;
    for (bool over = false; !over && n < MOST; n += stride)
        for (unsigned code = 0; code < MOST_CODES; code++)
            if (!try_one(way, &faults, &(struct fault_calls){.fail_at = n, .code = code}, &over)) break;
    for (size_t i = 0; stride > 1 && fault_calls_name(i); i++) {
        bool over;
        (void)!try_one(way, &faults, &(struct fault_calls){.only = fault_calls_name(i), .fail_at = 1}, &over);
    }
    backend_check(way->test, n < MOST && faults.tried > 10, "%s: %ld faults", way->name, faults.tried);
    printf("%s: %ld calls, %ld faults survived, %ld of them without consequence\n", way->name, n - 1, faults.tried,
           faults.absorbed);
}

/* ---- little memory ---------------------------------------------------------------------------------------------------------------- */

/* One buffer filled, written and read through the staging ring; false, with its status, where there is none. */
static tuff_status use_buffer(struct tuff_device *device, uint64_t bytes, struct tuff_error *error)
{
    struct tuff_buffer *buffer = NULL;
    TUFF_TRY(tuff_buffer_create(device, bytes, true, "small", &buffer, error));
    unsigned char *data = malloc((size_t)bytes), *back = calloc(1, (size_t)bytes);
    if (!data || !back) abort();
    for (uint64_t i = 0; i < bytes; i++) data[i] = (unsigned char)(i * 7 + (i >> 13));
    tuff_status status = tuff_transfer_write(buffer, 0, data, bytes, error);
    if (status == TUFF_OK) status = tuff_transfer_read(buffer, 0, back, bytes, error);
    if (status == TUFF_OK && memcmp(data, back, (size_t)bytes)) status = TUFF_ERR_WRONG;
    free(data);
    free(back);
    tuff_buffer_release(buffer);
    return status;
}

/* What the driver gives at most, the needs that this must do for, and one that it must not. */
static void test_little_memory(struct backend_test *test)
{
    static const struct {
        const char *name;
        bool two_heaps;
        uint64_t most, good[4], bad;
    } cases[] = {
        {"blocks of 1 MiB at most", false, 1 << 20, {4, 4096, 300 << 10, 1 << 20}, (1 << 20) + 4},
        {"blocks of 256 KiB at most", false, 256 << 10, {4, 4096, 100 << 10, 256 << 10}, 512 << 10},
        {"a heap without memory beside another", true, 1, {4, 4096, 1 << 20, 16 << 20}, 17 << 20},
    };
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct fault_memory memory = {0};
        struct tuff_options options = fault_options(&memory);
        struct train t = {0};
        struct tuff_error error = {0};
        options.cache_dir = "";
        fault_calls_arm((struct fault_calls){.most_bytes = cases[i].most, .two_heaps = cases[i].two_heaps});
        if (backend_status(test, cases[i].name, TUFF_OK, train_open(&t, &options, &error), &error)) {
            for (size_t k = 0; k < TUFF_COUNT(cases[i].good); k++)
                backend_status(test, cases[i].name, TUFF_OK, use_buffer(t.device, cases[i].good[k], &error), &error);
            tuff_status status = use_buffer(t.device, cases[i].bad, &error);
            backend_check(test, status == TUFF_ERR_DEVICE_MEMORY && strstr(error.message, "the driver has none"),
                          "%s: expected a large need to fail with its reason, got %s: %s", cases[i].name,
                          tuff_status_name(status), error.message);
            status = train_model(&t, &(struct train_params){.samples = 80}, &error);
            if (status == TUFF_OK) status = train_fit(&t, &error);
            backend_status(test, "a training with little memory", TUFF_OK, status, &error);
        }
        train_close(&t);
        fault_calls_arm((struct fault_calls){0});
        backend_check(test, !memory.live && !memory.messages, "%s: expected no leak and silence, got %ld and %u",
                      cases[i].name, (long)memory.live, (unsigned)memory.messages);
    }
}

/* ---- a lost device ---------------------------------------------------------------------------------------------------------------- */

struct loss {
    struct backend_test *test;
    char path[400]; /* of the checkpoint */
    void *wanted;   /* its bytes after a training that nothing disturbed */
    size_t wanted_bytes;
};

static tuff_status begin(struct loss *loss, struct train *t, const struct tuff_options *options, struct tuff_error *error)
{
    TUFF_TRY(train_open(t, options, error));
    return train_model(t, &(struct train_params){.path = loss->path, .samples = 80}, error);
}

/* Trains to the end, from the checkpoint where there is one, and compares the file. */
static void finish(struct loss *loss, const struct tuff_options *options, const char *what)
{
    struct train t = {0};
    struct tuff_error error = {0};
    void *bytes = NULL;
    size_t count = 0;
    tuff_status status = begin(loss, &t, options, &error);
    if (status == TUFF_OK && tuff_os_exists(loss->path)) status = train_load(&t, &error);
    if (status == TUFF_OK) status = train_fit(&t, &error);
    train_close(&t);
    if (status == TUFF_OK) status = tuff_os_read_file(NULL, loss->path, 0, &bytes, &count, &error);
    backend_status(loss->test, what, TUFF_OK, status, &error);
    if (!loss->wanted) {
        loss->wanted = bytes;
        loss->wanted_bytes = count;
        return;
    }
    backend_check(loss->test, count == loss->wanted_bytes && bytes && !memcmp(bytes, loss->wanted, count),
                  "%s: the continued training ends in other bytes", what);
    tuff_free(NULL, bytes);
}

/* Each function of the API that would need the device. */
static void expect_refusals(struct loss *loss, struct train *t, struct tuff_buffer *buffer)
{
    struct backend_test *test = loss->test;
    struct tuff_error error = {0};
    struct tuff_metrics metrics;
    struct tuff_buffer *more = NULL;
    uint32_t word = 0;
    float answer[TRAIN_CLASSES];
    struct tuff_leaf leaf = tuff_model_leaf(t->model, 0);
    size_t bytes = (size_t)tuff_dtype_size(leaf.type.dtype, tuff_shape_count(&leaf.type.shape));
    void *content = calloc(1, bytes);
    const struct {
        const char *what;
        tuff_status status;
    } calls[] = {
        {"fit", train_fit(t, &error)},
        {"evaluate", tuff_model_evaluate(t->model, &t->data, &metrics, &error)},
        {"predict", tuff_model_predict(t->model, &(struct tuff_data){.count = 1, .fields = {t->data.fields[0]}},
                                       (void *[]){answer}, &error)},
        {"read a leaf", tuff_model_read(t->model, leaf.name, content, bytes, &error)},
        {"write a leaf", tuff_model_write(t->model, leaf.name, content, bytes, &error)},
        {"save a checkpoint", tuff_model_checkpoint_save(&t->checkpoint, t->model, &error)},
        {"read a buffer", tuff_buffer_read(buffer, 0, &word, sizeof word, &error)},
        {"write a buffer", tuff_buffer_write(buffer, 0, &word, sizeof word, &error)},
        {"make a buffer", tuff_buffer_create(t->device, 4, true, "more", &more, &error)},
        {"wait", tuff_device_wait(t->device, 1, UINT64_MAX, &error)},
    };
    for (size_t i = 0; i < TUFF_COUNT(calls); i++)
        backend_status(test, calls[i].what, TUFF_ERR_DEVICE_LOST, calls[i].status, NULL);
    backend_check(test, strstr(error.message, "create it anew") != NULL, "a lost device: what to do is not said: '%s'",
                  error.message);
    free(content);
}

/* False when there are fewer than n such calls. */
static bool lose(struct loss *loss, const char *function, long n)
{
    struct fault_memory memory = {0};
    struct tuff_options options = fault_options(&memory);
    struct train t = {0};
    struct tuff_buffer *buffer = NULL;
    struct tuff_error error = {0};
    char what[100];
    snprintf(what, sizeof what, "lost at %s number %ld", function, n);
    (void)!tuff_os_remove(loss->path);
    fault_calls_arm((struct fault_calls){0});
    tuff_status status = begin(loss, &t, &options, &error);
    if (status == TUFF_OK) status = tuff_buffer_create(t.device, 4, true, "buffer", &buffer, &error);
    struct fault_calls *calls = fault_calls_arm(
        (struct fault_calls){.only = function, .fail_at = n, .wanted = VK_ERROR_DEVICE_LOST, .lasting = true});
    if (status == TUFF_OK) status = train_fit(&t, &error);
    bool failed = calls->failed;
    if (failed) {
        backend_check(loss->test, status == TUFF_ERR_DEVICE_LOST && strstr(error.message, "create it anew"),
                      "%s: expected TUFF_ERR_DEVICE_LOST and what to do, got %s: '%s'", what, tuff_status_name(status),
                      error.message);
        long before = calls->again;
        expect_refusals(loss, &t, buffer);
        backend_check(loss->test, calls->again == before, "%s: a lost device is asked %ld times more", what,
                      calls->again - before);
    } else {
        backend_status(loss->test, what, TUFF_OK, status, &error);
    }
    tuff_buffer_release(buffer);
    train_close(&t);
    fault_calls_arm((struct fault_calls){0});
    backend_check(loss->test, !memory.live && !memory.messages, "%s: expected no leak and silence, got %ld and %u", what,
                  (long)memory.live, (unsigned)memory.messages);
    if (failed) finish(loss, &options, what);
    return failed;
}

static void test_losses(struct backend_test *test, long stride)
{
    static const char *const functions[] = {"vkQueueSubmit", "vkWait"};
    struct loss loss = {.test = test, .path = ""};
    struct tuff_options options = {.struct_size = sizeof options};
    long losses = 0;
    temporary_path("lost", loss.path, sizeof loss.path);
    tuff_options_from_env(&options);
    finish(&loss, &options, "undisturbed");
    for (size_t i = 0; i < TUFF_COUNT(functions); i++)
        for (long n = 1 + (long)i; n < MOST && lose(&loss, functions[i], n); n += stride) losses++;
    backend_check(test, losses >= 4, "expected some losses, got %ld", losses);
    printf("losses in a training: %ld survived\n", losses);
    (void)!tuff_os_remove(loss.path);
    tuff_free(NULL, loss.wanted);
}

int main(int count, char **arguments)
{
    struct backend_test test;
    struct tuff_error error = {0};
    long stride = count > 1 ? atol(arguments[1]) : 7;
    int code = backend_test_begin(&test, NULL);
    if (code) return code;
    tuff_device_release(test.device); /* wrappers know one device at a time */
    test.device = NULL;

    struct way first = {.name = "device", .run = start, .test = &test};
    first.options = fault_options(&first.memory);
    first.options.cache_dir = "";
    try_all(&first, stride / 3 + 1);
    backend_check(&test, !first.memory.messages, "device: expected silence of validation");

    for (int fences = 0; fences < 2; fences++) {
        struct way way = {.name = fences ? "program, with fences" : "program", .run = program, .test = &test};
        way.options = fault_options(&way.memory);
        fault_calls_arm((struct fault_calls){.only = "vkCreateSemaphore", .fail_at = fences}); /* then there are fences */
        if (backend_status(&test, "a device", TUFF_OK, train_open(&way.t, &way.options, &error), &error)) {
            way.calls = fault_calls_arm((struct fault_calls){0});
            backend_check(&test, (way.t.device->queue.timeline == VK_NULL_HANDLE) == (fences == 1), "expected fences: %d",
                          fences);
            for (int i = 0; i < 2; i++) /* what is made on first use lives on */
                backend_status(&test, way.name, TUFF_OK, program(&way, &error), &error);
            try_all(&way, stride / 3 + 1);
            way.name = "handles";
            way.run = handles;
            backend_status(&test, way.name, TUFF_OK, handles(&way, &error), &error);
            try_all(&way, 1);
        }
        fault_calls_arm((struct fault_calls){0});
        train_close(&way.t);
        backend_check(&test, !way.memory.live && !way.memory.messages, "%s: expected no leak and silence, got %ld and %u",
                      way.name, (long)way.memory.live, (unsigned)way.memory.messages);
    }
    test_little_memory(&test);
    test_losses(&test, stride);
    return backend_test_end(&test, "fault_vulkan");
}
