/* backend_fork.c - children of a process that uses a device: what they inherit is refused at once, whatever locks the parent's threads
 * held when it forked, can be destroyed, and touches nothing of the parent's. A child that forks first has a device of its own. */
#if !defined(_WIN32) /* processes of POSIX */

#include "tests/backend_help.h"

#include "graph/graph.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 4, CHILDREN = 30, SECONDS = 20 };

/* y = sum(x), on a device. */
struct work {
    struct backend_test test;
    struct tuff_graph *g;
    struct tuff_session *session;
    struct tuff_executable *executable;
    struct tuff_buffer *buffer;
    tuff_val in;
    atomic_bool stop;
};

static tuff_status make(struct work *w, struct tuff_error *error)
{
    TUFF_TRY(tuff_graph_create(w->test.context, &w->g, error));
    w->in = tuff_input(w->g, "x", TUFF_F32, TUFF_SHAPE(N));
    tuff_val out = tuff_sum(w->g, w->in, 0, TUFF_DROP_AXES);
    struct tuff_executable_params what = {.struct_size = sizeof what, .outputs = &out, .output_count = 1};
    TUFF_TRY(tuff_session_create(w->test.device, w->g, NULL, &w->session, error));
    TUFF_TRY(tuff_session_compile(w->session, &what, &w->executable, error));
    return tuff_buffer_create(w->test.device, 4096, true, "words", &w->buffer, error);
}

static tuff_status run(struct work *w, float *sum, struct tuff_error *error)
{
    const float x[N] = {1, 2, 3, 4};
    TUFF_TRY(tuff_executable_write(w->executable, w->in, x, sizeof x, error));
    TUFF_TRY(tuff_executable_run(w->executable, error));
    return tuff_executable_read(w->executable, 0, sum, sizeof *sum, error);
}

static void destroy(struct work *w)
{
    tuff_executable_destroy(w->executable);
    tuff_session_destroy(w->session);
    tuff_graph_destroy(w->g);
    tuff_buffer_release(w->buffer);
}

/* Keeps the device's locks busy while the process forks. */
static void keep_busy(void *user)
{
    struct work *w = user;
    static uint32_t words[1 << 18];
    while (!atomic_load(&w->stop)) {
        struct tuff_buffer *buffer = NULL;
        uint64_t now;
        if (tuff_buffer_create(w->test.device, sizeof words, true, "busy", &buffer, NULL) != TUFF_OK) continue;
        (void)!tuff_transfer_write(buffer, 0, words, sizeof words, NULL);
        tuff_device_memory(w->test.device, &now, NULL);
        tuff_device_flush_caches(w->test.device);
        tuff_buffer_release(buffer);
    }
}

#define REFUSED(call)                                                                                                       \
    do {                                                                                                                    \
        error.message[0] = 0;                                                                                               \
        if ((call) != TUFF_ERR_USAGE || !strstr(error.message, "forked")) return __LINE__;                                  \
    } while (0)

/* 0, or the line of what was not refused. */
static int use_inherited(struct work *w)
{
    struct tuff_error error = {0};
    struct tuff_device *device = NULL;
    struct tuff_buffer *buffer = NULL;
    struct tuff_executable *executable = NULL;
    tuff_val out = tuff_mean(w->g, w->in, 0, TUFF_DROP_AXES);
    struct tuff_executable_params what = {.struct_size = sizeof what, .outputs = &out, .output_count = 1};
    float sum = 0;
    uint32_t words[4] = {0}, count = 0;
    uint64_t now = 1, peak = 1;
    REFUSED(run(w, &sum, &error));
    REFUSED(tuff_executable_submit(w->executable, NULL, &error));
    REFUSED(tuff_executable_read(w->executable, 0, &sum, sizeof sum, &error));
    REFUSED(tuff_session_compile(w->session, &what, &executable, &error));
    REFUSED(tuff_buffer_create(w->test.device, 4, true, "new", &buffer, &error));
    REFUSED(tuff_buffer_write(w->buffer, 0, words, sizeof words, &error));
    REFUSED(tuff_buffer_read(w->buffer, 0, words, sizeof words, &error));
    REFUSED(tuff_device_wait(w->test.device, 1, UINT64_MAX, &error));
    REFUSED(tuff_device_create(w->test.context, NULL, &device, &error));
    REFUSED(tuff_device_list(w->test.context, NULL, &count, &error));
    if (tuff_device_done(w->test.device, UINT64_MAX)) return __LINE__;
    tuff_device_memory(w->test.device, &now, &peak);
    if (now || peak || tuff_device_available(w->test.device)) return __LINE__;
    tuff_device_flush_caches(w->test.device);
    if (!tuff_device_caps(w->test.device)->name[0]) return __LINE__; /* memory of the host alone */
    destroy(w);
    tuff_device_release(w->test.device);
    tuff_context_destroy(w->test.context);
    return 0;
}

/* A life of its own, with the options of the environment. */
static int use_own(void)
{
    struct work w = {.stop = false};
    struct tuff_error error = {0};
    float sum = 0;
    int code = backend_test_begin(&w.test, NULL);
    if (code) return code;
    tuff_status status = make(&w, &error);
    if (status == TUFF_OK) status = run(&w, &sum, &error);
    destroy(&w);
    tuff_device_release(w.test.device);
    tuff_context_destroy(w.test.context);
    return status != TUFF_OK || sum != 10;
}

/* Status of a child that does this; -1 when it hangs or dies. */
static int child(int (*what)(struct work *), struct work *w)
{
    int state = 0;
    pid_t made = fork();
    if (made == 0) {
        alarm(SECONDS);
        int code = what(w);
        _exit(code > 255 ? 255 : code);
    }
    if (made < 0 || waitpid(made, &state, 0) != made) return -1;
    if (WIFSIGNALED(state)) printf("a child ends by signal %d\n", WTERMSIG(state));
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

static int own_life(struct work *w)
{
    (void)w;
    return use_own();
}

int main(void)
{
    struct work w = {.stop = false};
    struct tuff_os_thread *thread = NULL;
    struct tuff_error error = {0};
    float sum = 0;
    int first = child(own_life, &w); /* this process has opened nothing yet */
    int code = backend_test_begin(&w.test, NULL);
    if (code) return code;
    backend_check(&w.test, first == 0, "a child that forks first: expected its own device to work, got %d", first);
    if (!backend_status(&w.test, "make", TUFF_OK, make(&w, &error), &error)) return 1;
    backend_status(&w.test, "the parent", TUFF_OK, run(&w, &sum, &error), &error);
    w.test.quiet = true;
    if (tuff_os_thread_start(w.test.context, keep_busy, &w, &thread) != TUFF_OK) abort();
    for (int i = 0; i < CHILDREN; i++) {
        int line = child(use_inherited, &w);
        backend_check(&w.test, line == 0, "child %d: %s, status or line %d", i, line < 0 ? "it hung" : "not refused", line);
        if (line < 0) break;
    }
    atomic_store(&w.stop, true);
    tuff_os_thread_join(thread);
    w.test.quiet = false;
    printf("a child of a process with an open device: its own device %s\n", child(own_life, &w) == 0 ? "works" : "does not");
    sum = 0;
    backend_status(&w.test, "the parent, afterwards", TUFF_OK, run(&w, &sum, &error), &error);
    backend_check(&w.test, sum == 10, "the parent, afterwards: expected 10, got %g", (double)sum);
    destroy(&w);
    return backend_test_end(&w.test, "backend_fork");
}

#else
#include <stdio.h>
int main(void)
{
    puts("skipped: needs a POSIX system");
    return 77;
}
#endif
