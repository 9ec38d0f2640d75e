/* feed.c - batches of samples on the host, in order, made ahead by threads where a function makes them: its time is then that of the device.
 * Which samples a batch has follows from its number alone, so that threads change nothing but when it is there. */
#include "backend/os.h"
#include "graph/train/model.h"

enum { MOST_THREADS = 16, AHEAD = 2 };

enum made { FREE = 0, MAKING, READY };
struct slot {
    struct tuff_model_batch batch; /* [owned] */
    enum made made;
    tuff_status status;
    struct tuff_error error;
};

struct tuff_feed {
    struct tuff_model *m;         /* [borrowed] */
    const struct tuff_data *data; /* [borrowed] */
    struct tuff_os_thread *threads[MOST_THREADS];
    struct slot slots[MOST_THREADS + AHEAD];
    uint32_t thread_count, slot_count;
    struct tuff_os_mutex *mutex; /* of all below */
    struct tuff_os_condition *changed;
    const uint32_t *rows; /* [borrowed] NULL: all in order */
    uint64_t count, batches, making, taken;
    bool answers, stop;
};

static void make(struct tuff_feed *f, uint64_t number, struct slot *slot)
{
    uint64_t first = number * f->m->params.batch, left = f->count - first;
    uint32_t inside = left < f->m->params.batch ? (uint32_t)left : f->m->params.batch;
    for (uint32_t i = 0; i < inside; i++) slot->batch.rows[i] = f->rows ? f->rows[first + i] : (uint32_t)first + i;
    slot->batch.count = inside;
    slot->status = tuff_model_batch_fill(f->m, f->data, f->answers, &slot->batch, &slot->error);
}

static void work(void *user)
{
    struct tuff_feed *f = user;
    tuff_os_mutex_lock(f->mutex);
    while (!f->stop) {
        struct slot *slot = &f->slots[f->making % f->slot_count];
        if (f->making == f->batches || slot->made != FREE) {
            tuff_os_condition_wait(f->changed, f->mutex);
            continue;
        }
        uint64_t number = f->making++;
        slot->made = MAKING;
        tuff_os_mutex_unlock(f->mutex);
        make(f, number, slot);
        tuff_os_mutex_lock(f->mutex);
        slot->made = READY;
        tuff_os_condition_signal_all(f->changed);
    }
    tuff_os_mutex_unlock(f->mutex);
}

static tuff_status start(struct tuff_feed *f, struct tuff_error *error)
{
    struct tuff_context *context = f->m->context;
    uint32_t threads = !f->data->fill ? 0 : f->data->threads ? f->data->threads : 1;
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    f->slot_count = threads ? threads + AHEAD : 1;
    for (uint32_t i = 0; i < f->slot_count; i++) TUFF_TRY(tuff_model_batch_begin(f->m, &f->slots[i].batch, error));
    tuff_status status = tuff_os_mutex_create(context, &f->mutex);
    if (status == TUFF_OK) status = tuff_os_condition_create(context, &f->changed);
    while (f->thread_count < threads && status == TUFF_OK) {
        status = tuff_os_thread_start(context, work, f, &f->threads[f->thread_count]);
        f->thread_count += status == TUFF_OK;
    }
    return status == TUFF_OK ? TUFF_OK
                             : tuff_fail(context, error, status, "a thread that makes samples could not be started");
}

tuff_status tuff_feed_create(struct tuff_model *m, const struct tuff_data *data, struct tuff_feed **feed,
                             struct tuff_error *error)
{
    struct tuff_feed *f = tuff_alloc(m->context, sizeof *f);
    if (!f) return tuff_fail_memory(m->context, error);
    *f = (struct tuff_feed){.m = m, .data = data};
    tuff_status status = start(f, error);
    if (status != TUFF_OK)
        tuff_feed_destroy(f);
    else
        *feed = f;
    return status;
}

void tuff_feed_destroy(struct tuff_feed *f)
{
    if (!f) return;
    struct tuff_context *context = f->m->context;
    if (f->thread_count) {
        tuff_os_mutex_lock(f->mutex);
        f->stop = true;
        tuff_os_condition_signal_all(f->changed);
        tuff_os_mutex_unlock(f->mutex);
    }
    for (uint32_t i = 0; i < f->thread_count; i++) tuff_os_thread_join(f->threads[i]);
    for (uint32_t i = 0; i < f->slot_count; i++) tuff_model_batch_finish(f->m, &f->slots[i].batch);
    tuff_os_condition_destroy(f->changed);
    tuff_os_mutex_destroy(f->mutex);
    tuff_free(context, f);
}

void tuff_feed_begin(struct tuff_feed *f, const uint32_t *rows, uint64_t count, bool answers)
{
    tuff_os_mutex_lock(f->mutex);
    f->making = f->batches; /* nothing more of what was asked before */
    for (uint32_t i = 0; i < f->slot_count; i++) {
        while (f->slots[i].made == MAKING) tuff_os_condition_wait(f->changed, f->mutex);
        f->slots[i].made = FREE;
    }
    f->rows = rows;
    f->count = count;
    f->answers = answers;
    f->batches = (count + f->m->params.batch - 1) / f->m->params.batch;
    f->making = f->taken = 0;
    tuff_os_condition_signal_all(f->changed);
    tuff_os_mutex_unlock(f->mutex);
}

tuff_status tuff_feed_next(struct tuff_feed *f, const struct tuff_model_batch **batch, struct tuff_error *error)
{
    struct slot *slot = &f->slots[f->taken % f->slot_count];
    if (TUFF_NEVER(f->taken == f->batches)) return TUFF_ERR_USAGE;
    tuff_os_mutex_lock(f->mutex);
    if (f->taken) f->slots[(f->taken - 1) % f->slot_count].made = FREE;
    tuff_os_condition_signal_all(f->changed);
    while (f->thread_count && slot->made != READY) tuff_os_condition_wait(f->changed, f->mutex);
    tuff_os_mutex_unlock(f->mutex);
    if (!f->thread_count) make(f, f->taken, slot);
    f->taken++;
    *batch = &slot->batch;
    if (slot->status != TUFF_OK) return tuff_fail(f->m->context, error, slot->status, "%s", slot->error.message);
    return TUFF_OK;
}
