/* bench_probe.c - probes: every kind runs or says what the device lacks, its output is right after any number of rounds, its
 * work is counted, a spoiled word is found. And the SPIR-V that Tuff writes itself is valid.
 *   bench_probe --spirv FILE M N K LANES SUMS    writes the module of cooperative matrices (tests/probe_spirv.sh) */
#include "tests/backend_help.h"
#include "tests/fault_help.h"

#include "backend/program.h"
#include "samples/bench/probe.h"
#include "samples/bench/probe_matrix.h"

#include <stdio.h>
#include <stdlib.h>

#define BYTES (UINT64_C(1) << 20) /* of a stream */

static bool run(struct backend_test *test, struct probe *probe, const char *name)
{
    struct tuff_error error = {0};
    uint64_t ticket = 0, ns = 0;
    if (!backend_status(test, name, TUFF_OK, tuff_program_submit(probe_program(probe), &ticket, &error), &error) ||
        !backend_status(test, name, TUFF_OK, tuff_device_wait(test->device, ticket, UINT64_MAX, &error), &error))
        return false;
    test->quiet = true;
    backend_status(test, name, test->device->caps.timestamp_period_ns > 0 ? TUFF_OK : TUFF_ERR_UNSUPPORTED,
                   tuff_program_duration(probe_program(probe), &ns, &error), &error);
    test->quiet = false;
    return true;
}

/* NULL: it writes nothing. */
static struct tuff_buffer *output_of(struct probe *probe)
{
    const struct tuff_program *program = probe_program(probe);
    return program->memory_count > 1 ? program->memory[1] : NULL; /* the first is the input */
}

/* Words of the output that must differ, none as a rule. */
static void expect_wrong(struct backend_test *test, struct probe *probe, const char *name, uint64_t wrong)
{
    struct tuff_error error = {0};
    struct probe_found found = {0};
    const struct tuff_buffer *out = output_of(probe);
    uint64_t words = out ? out->bytes / 4 : 0;
    backend_status(test, name, TUFF_OK, probe_check(probe, &found, &error), &error);
    backend_check(test, found.wrong == wrong && found.compared == words, "%s: expected %llu wrong of %llu, got %llu of %llu",
                  name, (unsigned long long)wrong, (unsigned long long)words, (unsigned long long)found.wrong,
                  (unsigned long long)found.compared);
}

/* A check that could not fail would be worth nothing: one word spoiled in the middle, the first word of each page of it. */
static void spoil(struct backend_test *test, struct probe *probe, const char *name)
{
    struct tuff_error error = {0};
    struct tuff_buffer *out = output_of(probe);
    uint32_t word;
    if (!out) return;
    uint64_t at = out->bytes / 2 / TUFF_PLAN_ALIGNMENT * TUFF_PLAN_ALIGNMENT;
    backend_status(test, name, TUFF_OK, tuff_buffer_read(out, at, &word, 4, &error), &error);
    word ^= 1;
    backend_status(test, name, TUFF_OK, tuff_buffer_write(out, at, &word, 4, &error), &error);
    expect_wrong(test, probe, name, 1);
}

static void check_work(struct backend_test *test, enum probe_kind kind, uint32_t rounds, const struct probe *probe)
{
    struct probe_work work = probe_work(probe);
    if (test->device->caps.max_storage_range < 2 * BYTES) return; /* probes are smaller there */
    bool launches = kind >= PROBE_COPY && kind != PROBE_SUBMIT, arithmetic = kind < PROBE_COPY;
    bool copies = kind == PROBE_COPY || kind == PROBE_COPY_STORAGE || kind == PROBE_COPY_TEXELS;
    bool streams = kind >= PROBE_COPY && kind <= PROBE_READ_TEXELS;
    uint64_t stream = copies ? 2 * BYTES : BYTES + BYTES / 32;
    backend_check(test,
                  work.launches == (launches ? rounds : arithmetic) && work.bytes == (streams ? stream * rounds : 0) &&
                      (work.flops != 0) == arithmetic && work.flops % rounds == 0,
                  "%s: work of %u rounds: got %u launches, %llu bytes, %llu operations", probe_name(kind), rounds,
                  work.launches, (unsigned long long)work.bytes, (unsigned long long)work.flops);
}

/* Operations of a chain probe on software devices: invocations, pairs, two steps a pair, chains, operations a step. */
static void check_flops(struct backend_test *test, enum probe_kind kind, const struct probe *probe)
{
    static const uint32_t steps[] = {12 * 2, 2, 4 * 4, 4, 8 * 8, 8};
    uint64_t expected = kind <= PROBE_I8_DOT_DEPENDENT ? UINT64_C(8192) * 16 * 2 * steps[kind] : 0;
    if (!expected || test->device->caps.kind != TUFF_DEVICE_SOFTWARE || test->device->caps.max_storage_range < BYTES) return;
    uint64_t flops = probe_work(probe).flops;
    backend_check(test, flops == expected, "%s: expected %llu operations a round, got %llu", probe_name(kind),
                  (unsigned long long)expected, (unsigned long long)flops);
}

static void test_kind(struct backend_test *test, enum probe_kind kind, uint32_t variant, uint32_t rounds)
{
    struct tuff_error error = {0};
    struct probe *probe = NULL;
    struct probe_found found;
    const struct probe_params params = {.kind = kind, .rounds = rounds, .bytes = BYTES + 100, .variant = variant};
    const char *name = probe_name(kind);
    test->quiet = true;
    tuff_status status = probe_create(test->device, &params, &probe, &error);
    test->quiet = false;
    if (status == TUFF_ERR_UNSUPPORTED) {
        printf("%s: %s\n", name, error.message);
        bool texels = kind == PROBE_COPY_TEXELS || kind == PROBE_READ_TEXELS || variant > 0;
        bool lacks = strstr(error.message, " has no ") && (kind < PROBE_COPY || texels);
        bool narrow = strstr(error.message, "binds at most") && test->device->caps.max_storage_range < 65536;
        backend_check(test, lacks || narrow, "%s: expected what the device lacks", name);
        return;
    }
    if (!backend_status(test, name, TUFF_OK, status, &error)) return;
    test->quiet = true;
    backend_status(test, "check before a run", TUFF_ERR_USAGE, probe_check(probe, &found, &error), &error);
    test->quiet = false;
    if (run(test, probe, name)) {
        expect_wrong(test, probe, name, 0);
        check_work(test, kind, rounds, probe);
        if (rounds == 1 && variant == 0) check_flops(test, kind, probe);
        spoil(test, probe, name);
        if (run(test, probe, name)) expect_wrong(test, probe, name, 0); /* every run writes all of it */
    }
    probe_destroy(probe);
}

static void test_usage(struct backend_test *test)
{
    struct tuff_error error = {0};
    struct probe *probe = NULL;
    struct probe_params params = {.rounds = PROBE_MAX_ROUNDS + 1};
    test->quiet = true;
    backend_status(test, "too many rounds", TUFF_ERR_USAGE, probe_create(test->device, &params, &probe, &error), &error);
    params = (struct probe_params){.kind = PROBE_COUNT};
    backend_status(test, "no such kind", TUFF_ERR_USAGE, probe_create(test->device, &params, &probe, &error), &error);
    params = (struct probe_params){.variant = probe_variants(PROBE_F32)};
    backend_status(test, "no such variant", TUFF_ERR_USAGE, probe_create(test->device, &params, &probe, &error), &error);
    test->quiet = false;
    for (uint32_t i = 0; i < PROBE_COUNT; i++)
        for (uint32_t k = 0; k < i; k++)
            backend_check(test, strcmp(probe_name(i), probe_name(k)) != 0, "two probes are called %s", probe_name(i));
}

static tuff_status live_once(struct backend_test *test, enum probe_kind kind, struct tuff_error *error)
{
    const struct probe_params params = {.kind = kind, .rounds = 2, .bytes = BYTES};
    struct probe *probe = NULL;
    struct probe_found found = {0};
    tuff_status status = probe_create(test->device, &params, &probe, error);
    if (status == TUFF_OK) status = tuff_program_submit(probe_program(probe), NULL, error);
    if (status == TUFF_OK) status = probe_check(probe, &found, error);
    probe_destroy(probe);
    return status == TUFF_OK && found.wrong ? TUFF_ERR_WRONG : status;
}

/* One allocation after another fails: TUFF_ERR_MEMORY, nothing leaks, nor is anything wrong when all of them succeed. */
static void test_memory(struct backend_test *test, struct fault_memory *memory, enum probe_kind kind)
{
    const char *name = probe_name(kind);
    struct tuff_error error = {0};
    tuff_status status = live_once(test, kind, &error); /* makes what the device makes on first use */
    long n = 0, live = memory->live;
    bool failed = true;
    if (status == TUFF_ERR_UNSUPPORTED || !backend_status(test, name, TUFF_OK, status, &error)) return;
    while (failed && n < 10000) {
        fault_memory_arm(memory, ++n);
        status = live_once(test, kind, &error);
        failed = memory->failed;
        fault_memory_arm(memory, 0);
        backend_check(test, status == TUFF_OK || (failed && status == TUFF_ERR_MEMORY), "%s: allocation %ld fails: got %s",
                      name, n, tuff_status_name(status));
        backend_check(test, memory->live == live, "%s: allocation %ld fails: expected no leak, got %ld", name, n,
                      memory->live - live);
    }
    backend_check(test, n > 1 && !failed, "%s: %ld allocations", name, n);
}

static int test_faults(void)
{
    static const enum probe_kind kinds[] = {PROBE_F32_DEPENDENT, PROBE_MATRIX, PROBE_COPY, PROBE_LAUNCH_DEPENDENT,
                                            PROBE_SUBMIT};
    struct fault_memory memory = {0};
    struct tuff_options options = fault_options(&memory);
    struct tuff_error error = {0};
    struct backend_test test = {0};
    if (tuff_context_create(&options, &test.context, &error) != TUFF_OK) return 1;
    if (tuff_device_create(test.context, NULL, &test.device, &error) != TUFF_OK) return 1;
    for (size_t i = 0; i < TUFF_COUNT(kinds); i++) test_memory(&test, &memory, kinds[i]);
    int failed = backend_test_end(&test, "bench_probe, faults");
    return failed || memory.live != 0;
}

static int write_spirv(char **arguments)
{
    struct probe_module module;
    struct probe_shape shape = {(uint32_t)atoi(arguments[1]), (uint32_t)atoi(arguments[2]), (uint32_t)atoi(arguments[3])};
    FILE *file = fopen(arguments[0], "wb");
    probe_matrix_module(&shape, (uint32_t)atoi(arguments[4]), (uint32_t)atoi(arguments[5]), &module);
    if (!file) return 1;
    bool whole = fwrite(module.words, sizeof *module.words, module.count, file) == module.count;
    return fclose(file) != 0 || !whole;
}

int main(int argc, char **argv)
{
    static const uint32_t rounds[] = {1, 3, 50, 127}; /* up, up, the turn, down and up again */
    struct backend_test test;
    if (argc == 8 && !strcmp(argv[1], "--spirv")) return write_spirv(argv + 2);
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    for (size_t r = 0; r < TUFF_COUNT(rounds); r++)
        for (uint32_t kind = 0; kind < PROBE_COUNT; kind++)
            for (uint32_t v = 0; v < probe_variants(kind); v++) test_kind(&test, kind, v, rounds[r]);
    test_usage(&test);
    return backend_test_end(&test, "bench_probe") | test_faults();
}
