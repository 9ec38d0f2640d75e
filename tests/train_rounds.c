/* train_rounds.c - nothing grows: context, device and session are made and destroyed many times, and a training takes many steps;
 * allocations, device memory and what the process holds are the same after a tenth and at the end.
 *
 *   train_rounds [ROUNDS [STEPS]]   so many (20, 500) */
#include "tests/fault_help.h"
#include "tests/train_help.h"

#include <stdio.h>
#include <stdlib.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* they keep what is freed for a while */
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* In KiB; 0: not told here. */
struct held {
    long allocated; /* by malloc, whoever called it: library, driver, compiler */
    long resident;  /* pages of the process; they come in steps, and what is freed may stay */
};

static struct held held_now(void)
{
    struct held held = {0};
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*s %ld", &held.resident) != 1) held.resident = 0;
    held.resident *= 4;
    if (file) fclose(file);
#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 33)
    struct mallinfo2 info = mallinfo2();
    held.allocated = (long)((info.uordblks + info.hblkhd) / 1024);
#endif
#endif
    return held;
}

/* most: KiB that malloc may have given out since a tenth of the way. */
static void expect_flat(struct backend_test *test, const char *what, struct held tenth, long most)
{
    enum { MOST_RESIDENT = 16 << 10 };
    struct held end = held_now();
    printf("%s: %ld KiB allocated, %ld resident after a tenth, %ld and %ld at the end\n", what, tenth.allocated,
           tenth.resident, end.allocated, end.resident);
    if (SANITIZED) return;
    backend_check(test, end.allocated <= tenth.allocated + most, "%s: expected at most %ld KiB more", what, most);
    backend_check(test, end.resident <= tenth.resident + MOST_RESIDENT + most, "%s: expected at most %ld KiB more of pages",
                  what, MOST_RESIDENT + most);
}

/* ---- rounds ------------------------------------------------------------------------------------------------------------------------- */

/* A step of another kind than fit's: inputs written, outputs read. */
static tuff_status live_once(const struct tuff_options *options, struct tuff_error *error)
{
    struct train t;
    float answers[2 * TRAIN_CLASSES];
    tuff_status status = train_open(&t, options, error);
    if (status == TUFF_OK) status = train_model(&t, &(struct train_params){.samples = 32, .epochs = 1}, error);
    if (status == TUFF_OK)
        status = tuff_model_predict(t.model, &(struct tuff_data){.count = 2, .fields = {t.data.fields[0]}},
                                    (void *[]){answers}, error);
    train_close(&t);
    return status;
}

static void test_rounds(struct backend_test *test, long rounds)
{
    struct fault_memory memory = {0};
    struct tuff_options options = fault_options(&memory);
    struct tuff_error error = {0};
    struct held tenth = {0};
    for (long i = 0; i < rounds; i++) {
        if (!backend_status(test, "a round", TUFF_OK, live_once(&options, &error), &error)) return;
        if (!backend_check(test, !memory.live, "round %ld: expected no leak, got %ld", i, (long)memory.live)) return;
        if (i == rounds / 10) tenth = held_now();
    }
    backend_check(test, !memory.messages, "rounds: expected silence of validation");
    expect_flat(test, "rounds of create and destroy", tenth,
                64 + rounds * (tuff_device_validation_active(test->device) ? 16 : 1)); /* the layer keeps some */
}

/* ---- steps -------------------------------------------------------------------------------------------------------------------------- */

struct steps {
    struct train t;
    struct fault_memory memory;
    uint32_t epochs;
    struct held tenth;
    long live;
    uint64_t device_bytes;
};

static bool on_epoch(void *user, const struct tuff_epoch *epoch)
{
    struct steps *s = user;
    if (epoch->epoch != s->epochs / 10) return true;
    s->tenth = held_now();
    s->live = s->memory.live;
    tuff_device_memory(s->t.device, &s->device_bytes, NULL);
    return true;
}

static void test_steps(struct backend_test *test, long steps, bool stream)
{
    enum { STEPS_IN_EPOCH = 18 };
    struct steps s = {.epochs = (uint32_t)(steps / STEPS_IN_EPOCH + 1)};
    struct tuff_options options = fault_options(&s.memory);
    struct tuff_error error = {0};
    uint64_t bytes = 0;
    tuff_status status = train_open(&s.t, &options, &error);
    if (status == TUFF_OK) status = train_model(&s.t, &(struct train_params){.epochs = s.epochs, .stream = stream}, &error);
    s.t.fit.on_epoch = on_epoch;
    s.t.fit.user = &s;
    if (status == TUFF_OK) status = train_fit(&s.t, &error);
    if (backend_status(test, "a long training", TUFF_OK, status, &error)) {
        uint64_t run = tuff_model_state(s.t.model).run;
        backend_check(test, run >= (uint64_t)steps, "expected %ld steps, got %llu", steps, (unsigned long long)run);
        tuff_device_memory(s.t.device, &bytes, NULL);
        backend_check(test, bytes == s.device_bytes, "device memory: %llu bytes after a tenth, %llu at the end",
                      (unsigned long long)s.device_bytes, (unsigned long long)bytes);
        backend_check(test, s.memory.live <= s.live, "allocations: %ld after a tenth, %ld at the end", s.live,
                      (long)s.memory.live);
        expect_flat(test, stream ? "steps with streamed data" : "steps", s.tenth,
                    1280); /* a page of constants of llvmpipe has 1 MiB */
    }
    train_close(&s.t);
    backend_check(test, !s.memory.live && !s.memory.messages, "steps: expected no leak and silence, got %ld and %u",
                  (long)s.memory.live, (unsigned)s.memory.messages);
}

int main(int count, char **arguments)
{
    struct backend_test test;
    long rounds = count > 1 ? atol(arguments[1]) : 20, steps = count > 2 ? atol(arguments[2]) : 500;
    int code = backend_test_begin(&test, NULL);
    if (code) return code;
    test_steps(&test, steps, false);
    test_steps(&test, steps, true);
    test_rounds(&test, rounds);
    return backend_test_end(&test, "train_rounds");
}
