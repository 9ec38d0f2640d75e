/* session_replay.c - what a run costs the host once it was recorded: no allocation, and as many calls of the driver with 2,000
 * launches as with 200. Inputs are written and results read; also steps of a trainer.
 *   session_replay --time    also prints the host's time to submit a run and wait for it, less that within the driver: no test */
#include "tests/backend_help.h"
#include "tests/fault_help.h"

#include "backend/os.h"
#include "graph/graph.h"
#include "graph/train.h"

#include <stdio.h>
#include <stdlib.h>

enum { N = 4, RUNS = 20, FEW = 200, MANY = 2000, LAYERS = 40 };

/* Between the library and the driver: what a run may call. */
static struct VolkDeviceTable driver;
static PFN_vkWaitSemaphores driver_wait;
static PFN_vkGetSemaphoreCounterValue driver_counter;
static unsigned calls;
static uint64_t within, outside; /* nanoseconds of a step: submitted and waited for */
static bool timed;

static VkResult submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence)
{
    uint64_t began = tuff_os_time_ns();
    VkResult result = driver.vkQueueSubmit(queue, count, infos, fence);
    within += tuff_os_time_ns() - began;
    calls++;
    return result;
}
static VkResult wait(VkDevice device, const VkSemaphoreWaitInfo *info, uint64_t timeout)
{
    uint64_t began = tuff_os_time_ns();
    VkResult result = driver_wait(device, info, timeout);
    within += tuff_os_time_ns() - began;
    return result;
}
static VkResult map(VkDevice device, VkDeviceMemory memory, VkDeviceSize offset, VkDeviceSize bytes, VkMemoryMapFlags flags,
                    void **data)
{
    calls++;
    return driver.vkMapMemory(device, memory, offset, bytes, flags, data);
}
static VkResult begin(VkCommandBuffer commands, const VkCommandBufferBeginInfo *info)
{
    calls++;
    return driver.vkBeginCommandBuffer(commands, info);
}
static void update(VkDevice device, uint32_t writes, const VkWriteDescriptorSet *sets, uint32_t copies,
                   const VkCopyDescriptorSet *from)
{
    calls++;
    driver.vkUpdateDescriptorSets(device, writes, sets, copies, from);
}

static VkResult counter(VkDevice device, VkSemaphore semaphore, uint64_t *value)
{
    uint64_t began = tuff_os_time_ns();
    VkResult result = driver_counter(device, semaphore, value);
    within += tuff_os_time_ns() - began;
    return result;
}

static void count_calls(struct tuff_device *device)
{
    driver = device->vk;
    driver_wait = device->wait_semaphores;
    driver_counter = device->counter_value;
    if (driver_wait && driver_counter) {
        device->wait_semaphores = wait;
        device->counter_value = counter;
    }
    device->vk.vkQueueSubmit = submit;
    device->vk.vkMapMemory = map;
    device->vk.vkBeginCommandBuffer = begin;
    device->vk.vkUpdateDescriptorSets = update;
}

struct replay {
    struct backend_test *test;
    struct fault_memory *memory;
    struct tuff_executable *x;
    struct tuff_trainer *trainer;
    tuff_val input, loss;
};

static tuff_status run_once(const struct replay *r, struct tuff_error *error)
{
    float in[N * N], out[N * N];
    uint64_t ticket = 0;
    for (uint32_t i = 0; i < N * N; i++) in[i] = (float)i / (N * N);
    TUFF_TRY(r->trainer ? tuff_trainer_write(r->trainer, r->input, in, sizeof in, error)
                        : tuff_executable_write(r->x, r->input, in, sizeof in, error));
    uint64_t began = tuff_os_time_ns();
    within = 0;
    TUFF_TRY(r->trainer ? tuff_trainer_step(r->trainer, &ticket, error) : tuff_executable_submit(r->x, &ticket, error));
    TUFF_TRY(tuff_device_wait(r->test->device, ticket, UINT64_MAX, error));
    outside = tuff_os_time_ns() - began - within;
    return r->trainer ? tuff_trainer_read(r->trainer, r->loss, out, sizeof *out, error)
                      : tuff_executable_read(r->x, 0, out, sizeof out, error);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Microseconds of the host, the median of many runs. */
static tuff_status print_time(const struct replay *r, const char *what, struct tuff_error *error)
{
    uint64_t took[50 * RUNS];
    for (uint32_t i = 0; i < TUFF_COUNT(took); i++) {
        TUFF_TRY(run_once(r, error));
        took[i] = outside;
    }
    qsort(took, TUFF_COUNT(took), sizeof *took, by_size);
    printf("%s: %.2f us outside of the driver, %.2f of the quickest tenth\n", what,
           (double)took[TUFF_COUNT(took) / 2] * 1e-3, (double)took[TUFF_COUNT(took) / 10] * 1e-3);
    return TUFF_OK;
}

/* Runs it; returns the calls of one run. */
static unsigned replay(const struct replay *r, const char *what)
{
    struct tuff_error error = {0};
    tuff_status status = TUFF_OK;
    for (int i = 0; i < 3 && status == TUFF_OK; i++) status = run_once(r, &error); /* the first ones are measured */
    fault_memory_arm(r->memory, 0);
    calls = 0;
    for (int i = 0; i < RUNS && status == TUFF_OK; i++) status = run_once(r, &error);
    unsigned used = calls;
    if (status == TUFF_OK && timed) status = print_time(r, what, &error);
    backend_status(r->test, what, TUFF_OK, status, &error);
    long made = atomic_load(&r->memory->made);
    backend_check(r->test, made == 0, "%s: %ld allocations in %d runs", what, made, RUNS);
    backend_check(r->test, used % RUNS == 0 && used, "%s: %u calls of the driver in %d runs", what, used, RUNS);
    printf("%s: %u calls of the driver in a run, %ld allocations\n", what, used / RUNS, made);
    return used / RUNS;
}

/* In a chain each launch waits for the one before it. */
static void check_barriers(struct backend_test *test, const struct tuff_graph *g,
                           const struct tuff_executable_params *params, uint32_t launches)
{
    struct tuff_error error = {0};
    struct tuff_plan_figures f = {0};
    char *text = NULL, first[120];
    uint32_t lines = 0;
    snprintf(first, sizeof first,
             "%u barriers. The longest chain of launches, each of which waits for the one before it, needs %u:\n",
             (unsigned)launches - 1, (unsigned)launches - 1);
    backend_status(test, "ask", TUFF_OK, tuff_plan_ask(test->device, g, params, &f, &error), &error);
    backend_status(test, "barriers", TUFF_OK, tuff_plan_barriers(test->device, g, params, &text, &error), &error);
    for (const char *at = text; at && (at = strstr(at, " reads what it wrote, ")); at++) lines++;
    backend_check(test, f.barriers == launches - 1 && f.barriers_least == f.barriers, "%u launches: %u barriers, of %u",
                  (unsigned)launches, (unsigned)f.barriers, (unsigned)f.barriers_least);
    backend_check(test, text && !strncmp(text, first, strlen(first)) && lines == launches - 1, "%u lines: %s",
                  (unsigned)lines, text ? text : "none");
    tuff_text_free(test->context, text);
}

/* A chain of products: no two of them are one launch. */
static unsigned run_chain(struct backend_test *test, struct fault_memory *memory, uint32_t launches)
{
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_error error = {0};
    struct replay r = {.test = test, .memory = memory};
    unsigned used = 0;
    char what[32];
    snprintf(what, sizeof what, "%u launches", (unsigned)launches);
    if (tuff_graph_create(test->context, &g, &error) != TUFF_OK) abort();
    tuff_val y = r.input = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(N, N));
    tuff_val a = tuff_param(g, "a", TUFF_SHAPE(N, N), (struct tuff_init){.kind = TUFF_INIT_UNIFORM, .a = -0.5, .b = 0.5});
    for (uint32_t i = 0; i < launches; i++) y = tuff_matmul(g, y, a, (struct tuff_matmul_params){0});
    const struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
    backend_status(test, "session", TUFF_OK, tuff_session_create(test->device, g, NULL, &session, &error), &error);
    if (backend_status(test, what, TUFF_OK, tuff_session_compile(session, &params, &r.x, &error), &error)) {
        uint32_t count = tuff_executable_figures(r.x).launches;
        backend_check(test, count == launches, "%s: the plan has %u", what, (unsigned)count);
        used = replay(&r, what);
        check_barriers(test, g, &params, launches);
    }
    tuff_executable_destroy(r.x);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    return used;
}

static void run_training(struct backend_test *test, struct fault_memory *memory)
{
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_error error = {0};
    struct replay r = {.test = test, .memory = memory};
    char name[16];
    if (tuff_graph_create(test->context, &g, &error) != TUFF_OK) abort();
    tuff_val y = r.input = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(N, N));
    for (uint32_t i = 0; i < LAYERS; i++) {
        snprintf(name, sizeof name, "l%u", (unsigned)i);
        y = tuff_tanh(g, tuff_layer_dense(g, y, name, (struct tuff_layer_dense_params){.units = N}));
    }
    r.loss = tuff_mean(g, tuff_mul(g, y, y), 0, TUFF_DROP_AXES);
    const struct tuff_trainer_params params = {
        .struct_size = sizeof params, .loss = r.loss, .optimizer = tuff_optimizer_defaults(TUFF_ADAMW, 1e-3)};
    backend_status(test, "session", TUFF_OK, tuff_session_create(test->device, g, NULL, &session, &error), &error);
    if (backend_status(test, "trainer", TUFF_OK, tuff_trainer_create(g, &params, &r.trainer, &error), &error) &&
        backend_status(test, "compile", TUFF_OK, tuff_trainer_compile(r.trainer, session, NULL, &error), &error))
        (void)replay(&r, "training steps");
    tuff_trainer_destroy(r.trainer);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

int main(int count, char **arguments)
{
    timed = count > 1 && !strcmp(arguments[1], "--time");
    static struct fault_memory memory;
    struct backend_test test;
    struct tuff_options options = fault_options(&memory);
    int skip = backend_test_begin(&test, &options);
    if (skip) return skip;
    count_calls(test.device);
    unsigned few = run_chain(&test, &memory, FEW), many = run_chain(&test, &memory, MANY);
    backend_check(&test, few == many, "%u calls of the driver in a run of %d launches, %u of %d", few, FEW, many, MANY);
    run_training(&test, &memory);
    return backend_test_end(&test, "session_replay");
}
