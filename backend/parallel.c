/* parallel.c - work for many indices on several threads.
 *
 * Needs os.h. Where a thread cannot be started, fewer do the work. */
#include "backend/parallel.h"
#include "backend/os.h"

#include <stdatomic.h>

#define MAX_THREADS 64

struct pool {
    tuff_status (*work)(void *user, uint32_t index, struct tuff_error *error);
    void *user; /* [borrowed] */
    uint32_t count;
    atomic_uint next, done;
    atomic_bool stop;
};

struct worker {
    struct pool *pool;             /* [borrowed] */
    struct tuff_os_thread *thread; /* [owned] */
    uint32_t failed_index;         /* UINT32_MAX: none */
    tuff_status status;
    struct tuff_error error;
};

static bool step(struct worker *worker)
{
    struct pool *pool = worker->pool;
    uint32_t index = atomic_load(&pool->stop) ? pool->count : atomic_fetch_add(&pool->next, 1);
    if (index >= pool->count) return false;
    worker->status = pool->work(pool->user, index, &worker->error);
    if (worker->status != TUFF_OK) {
        worker->failed_index = index;
        atomic_store(&pool->stop, true);
        return false;
    }
    atomic_fetch_add(&pool->done, 1);
    return true;
}

static void run(void *argument)
{
    while (step(argument)) continue;
}

tuff_status tuff_parallel(struct tuff_context *context, uint32_t count,
                          tuff_status (*work)(void *user, uint32_t index, struct tuff_error *error), void *user,
                          const char *what, const struct tuff_progress *progress, struct tuff_error *error)
{
    struct pool pool = {.work = work, .user = user, .count = count};
    uint32_t threads = tuff_os_cpu_count();
    if (threads > count) threads = count;
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    if (!threads) return TUFF_OK;
    struct worker *workers = tuff_alloc(context, threads * sizeof *workers);
    if (!workers) return tuff_fail_memory(context, error);
    bool cancelled = false;
    for (uint32_t i = 0; i < threads; i++) {
        workers[i] = (struct worker){.pool = &pool, .failed_index = UINT32_MAX};
        if (i && tuff_os_thread_start(context, run, &workers[i], &workers[i].thread) != TUFF_OK) workers[i].thread = NULL;
    }
    do {
        if (tuff_progress_report(progress, what, atomic_load(&pool.done), count)) continue;
        cancelled = true;
        atomic_store(&pool.stop, true);
    } while (!cancelled && step(&workers[0]));
    const struct worker *first = &workers[0];
    for (uint32_t i = 0; i < threads; i++) {
        tuff_os_thread_join(workers[i].thread);
        if (workers[i].failed_index < first->failed_index) first = &workers[i];
    }
    tuff_status status = first->status;
    if (status != TUFF_OK && error) *error = first->error;
    if (status == TUFF_OK && !cancelled) cancelled = !tuff_progress_report(progress, what, count, count);
    if (status == TUFF_OK && cancelled) status = tuff_fail(context, error, TUFF_ERR_CANCELLED, "%s: cancelled", what);
    tuff_free(context, workers);
    return status;
}
