/* session_cuts.c - a matrix product in one launch, on a device that is slow on paper: it becomes many submissions with the same
 * bits, and is cancelled in their midst.
 *   session_cuts SIZE   cancels the product of two matrices of SIZE x SIZE after half a second and tells how long that took */
#include "backend/program.h"
#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>

struct job {
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_graph *graph;
    struct tuff_session *session;
    struct tuff_executable *run;
    uint32_t n;
};

static void finish(struct job *job)
{
    tuff_executable_destroy(job->run);
    tuff_session_destroy(job->session);
    tuff_graph_destroy(job->graph);
    tuff_device_release(job->device);
    tuff_context_destroy(job->context);
}

static void must(tuff_status status, const struct tuff_error *error)
{
    if (status == TUFF_OK) return;
    printf("expected ok, got %s\n", error->message);
    exit(1);
}

/* False where there is no device. The factors are random. */
static bool start(struct job *job, const char *limits, uint32_t n)
{
    struct tuff_options options = {.struct_size = sizeof options};
    struct tuff_error error = {0};
    *job = (struct job){.n = n};
    tuff_options_from_env(&options);
    if (limits) options.limits = limits;
    must(tuff_context_create(&options, &job->context, &error), &error);
    if (tuff_device_create(job->context, NULL, &job->device, &error) != TUFF_OK) {
        printf("skipped: %s\n", error.message);
        tuff_context_destroy(job->context);
        return false;
    }
    must(tuff_graph_create(job->context, &job->graph, &error), &error);
    struct tuff_init init = {.kind = TUFF_INIT_NORMAL, .b = 1};
    tuff_val a = tuff_param(job->graph, "a", TUFF_SHAPE(n, n), init);
    tuff_val b = tuff_param(job->graph, "b", TUFF_SHAPE(n, n), init);
    tuff_val c = tuff_matmul(job->graph, a, b, (struct tuff_matmul_params){0});
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &c, .output_count = 1};
    must(tuff_graph_finish(job->graph, &error), &error);
    must(tuff_session_create(job->device, job->graph, NULL, &job->session, &error), &error);
    must(tuff_session_compile(job->session, &params, &job->run, &error), &error);
    return true;
}

static uint32_t submissions(struct job *job) { return tuff_program_counts(tuff_executable_program(job->run)).submissions; }

static void run(struct job *job, float *result)
{
    struct tuff_error error = {0};
    must(tuff_executable_run(job->run, &error), &error);
    must(tuff_executable_read(job->run, 0, result, (size_t)job->n * job->n * sizeof *result, &error), &error);
}

struct stopper {
    struct tuff_cancel *cancel;
    uint64_t time_ns; /* cancels at this time */
};

static void stop(void *user)
{
    struct stopper *stopper = user;
    while (tuff_os_time_ns() < stopper->time_ns) continue;
    tuff_cancel_request(stopper->cancel);
}

/* The driver's, and what a submission counts down to. */
static struct {
    PFN_vkQueueSubmit submit;
    struct tuff_cancel *cancel;
    uint32_t left;
} counting;

static VKAPI_ATTR VkResult VKAPI_CALL submit_and_stop(VkQueue queue, uint32_t count, const VkSubmitInfo *submits,
                                                      VkFence fence)
{
    VkResult result = counting.submit(queue, count, submits, fence);
    if (--counting.left == 0) tuff_cancel_request(counting.cancel);
    return result;
}

/* Runs and is stopped when the third submission is made, or after delay_ns. Returns the number of submissions made. */
static uint64_t cancel_run(struct job *job, uint64_t delay_ns, uint64_t *late_ns)
{
    struct tuff_error error = {0};
    struct tuff_os_thread *thread = NULL;
    uint64_t before = atomic_load(&job->device->queue.submitted);
    struct stopper stopper = {.cancel = NULL};
    must(tuff_cancel_create(job->context, &stopper.cancel, &error), &error);
    tuff_executable_watch(job->run, stopper.cancel);
    stopper.time_ns = tuff_os_time_ns() + delay_ns;
    counting.submit = job->device->vk.vkQueueSubmit;
    counting.cancel = stopper.cancel;
    counting.left = 3;
    if (!delay_ns) job->device->vk.vkQueueSubmit = submit_and_stop;
    if (delay_ns && tuff_os_thread_start(job->context, stop, &stopper, &thread) != TUFF_OK) abort();
    tuff_status status = tuff_executable_run(job->run, &error);
    *late_ns = tuff_os_time_ns() - stopper.time_ns;
    job->device->vk.vkQueueSubmit = counting.submit;
    if (thread) tuff_os_thread_join(thread);
    if (status != TUFF_ERR_CANCELLED) {
        printf("a run that is cancelled: expected so, got %s\n", tuff_status_name(status));
        exit(1);
    }
    tuff_executable_watch(job->run, NULL);
    tuff_cancel_destroy(stopper.cancel);
    return atomic_load(&job->device->queue.submitted) - before;
}

static int by_hand(uint32_t n)
{
    struct job job;
    uint64_t late_ns;
    if (!start(&job, NULL, n)) return 77;
    uint32_t all = submissions(&job);
    uint64_t made = cancel_run(&job, 500000000, &late_ns);
    printf("%u x %u: cancelled after %llu of %u submissions, %.2f s after it was asked to\n", n, n, (unsigned long long)made,
           all, (double)late_ns * 1e-9);
    finish(&job);
    return late_ns > 1000000000;
}

int main(int argc, char **argv)
{
    enum { N = 515, BYTES = N * N * 4 };
    struct job job;
    float *whole = malloc(BYTES), *parts = malloc(BYTES);
    int failures = 0;
    uint64_t late_ns;
    if (argc == 2) {
        free(whole);
        free(parts);
        return by_hand((uint32_t)strtoul(argv[1], NULL, 10));
    }
    if (!whole || !parts || !start(&job, NULL, N)) return 77;
    run(&job, whole);
    finish(&job);
    for (int folded = 0; folded < 2; folded++) { /* a grid of one axis, and of two */
        if (!start(&job, folded ? "flops=20000000,groups=300" : "flops=20000000", N)) return 77;
        uint32_t all = submissions(&job);
        uint64_t made = cancel_run(&job, 0, &late_ns);
        if (all < (folded ? 5 : 20) || made < 3 || made > 3)
            printf("expected to be stopped early, got %llu of %u submissions\n", (unsigned long long)made, all), failures++;
        tuff_executable_program(job.run)->measures = 0; /* the clock would put them together */
        run(&job, parts);
        if (memcmp(whole, parts, BYTES)) printf("%u submissions: expected the same bits\n", all), failures++;
        made = cancel_run(&job, 0, &late_ns);
        if (made > 3) printf("unmeasured: expected to be stopped early, got %u\n", (unsigned)made), failures++;
        finish(&job);
    }
    free(whole);
    free(parts);
    printf("session_cuts: %d failures\n", failures);
    return failures != 0;
}
