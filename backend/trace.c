/* trace.c - times of the last run of a program: the whole, and of each launch, as a table and as a Chrome / Perfetto trace.
 *
 * Source of the format: "Trace Event Format" of the Chromium project, complete events ("ph": "X"), microseconds. */
#include "backend/program.h"

/* Timestamps wrap at the bits the queue counts with. */
static uint64_t elapsed_ns(const struct tuff_device *device, uint64_t from, uint64_t to)
{
    uint32_t bits = device->gpu.timestamp_bits;
    uint64_t mask = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    return (uint64_t)((double)((to - from) & mask) * device->caps.timestamp_period_ns);
}

static tuff_status check_stamped(struct tuff_program *program, bool asked, struct tuff_error *error)
{
    struct tuff_context *context = program->device->context;
    TUFF_REQUIRE_THAT(context, error, asked, "the program was made without timestamps (profile, timed)");
    if (!program->queries && (program->step_count || program->timed))
        return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "%s has no timestamps on its compute queue",
                         program->device->caps.name);
    TUFF_TRY(tuff_device_check(program->device, error));
    TUFF_REQUIRE_THAT(context, error, program->ticket && tuff_device_done(program->device, program->ticket),
                      "no run of the program is done yet: submit one and wait for it");
    return TUFF_OK;
}

/* The run is done, so its results are there; a driver that has none says VK_NOT_READY. */
static tuff_status fetch(struct tuff_program *program, uint32_t first, uint32_t count, uint64_t *stamps,
                         struct tuff_error *error)
{
    struct tuff_device *device = program->device;
    VkResult result = device->vk.vkGetQueryPoolResults(device->handle, program->queries, first, count,
                                                       count * sizeof *stamps, stamps, sizeof *stamps,
                                                       VK_QUERY_RESULT_64_BIT);
    return tuff_device_status(device, error, result, "vkGetQueryPoolResults");
}

tuff_status tuff_program_times(struct tuff_program *program, struct tuff_launch_time *times, uint32_t *count,
                               struct tuff_error *error)
{
    if (!program) return tuff_refuse(NULL, error, "tuff_program_times: program is NULL");
    struct tuff_device *device = program->device;
    TUFF_REQUIRE(device->context, error, count);
    TUFF_TRY(check_stamped(program, program->profile, error));
    if (!times || !program->step_count) {
        *count = program->step_count;
        return TUFF_OK;
    }
    uint64_t *stamps = tuff_alloc(device->context, program->step_count * 2 * sizeof *stamps);
    if (!stamps) return tuff_fail_memory(device->context, error);
    tuff_status status = fetch(program, TUFF_LAUNCH_QUERY(0), program->step_count * 2, stamps, error);
    uint32_t first = program->prepared || program->prepare_count == program->step_count ? 0 : program->prepare_count;
    for (uint32_t i = 0; status == TUFF_OK && i < program->step_count && i < *count; i++) {
        const struct tuff_program_launch *launch = &program->launches[program->steps[i].launch];
        times[i] = (struct tuff_launch_time){
            .label = launch->label, .kernel = launch->kernel, .flops = launch->flops, .bytes = launch->bytes};
        if (i < first) continue; /* no part of the last run */
        times[i].begin_ns = elapsed_ns(device, stamps[first * 2], stamps[i * 2]);
        times[i].end_ns = elapsed_ns(device, stamps[first * 2], stamps[i * 2 + 1]);
    }
    tuff_free(device->context, stamps);
    if (status == TUFF_OK) *count = program->step_count;
    return status;
}

tuff_status tuff_program_duration(struct tuff_program *program, uint64_t *ns, struct tuff_error *error)
{
    uint64_t stamps[2];
    if (!program) return tuff_refuse(NULL, error, "tuff_program_duration: program is NULL");
    TUFF_REQUIRE(program->device->context, error, ns);
    TUFF_TRY(check_stamped(program, program->timed, error));
    TUFF_TRY(fetch(program, TUFF_RUN_QUERY, 2, stamps, error));
    *ns = elapsed_ns(program->device, stamps[0], stamps[1]);
    return TUFF_OK;
}

/* Nanoseconds as microseconds with three decimals, in integers: the locale of the app may print a comma. */
static void add_microseconds(struct tuff_text *text, uint64_t ns)
{
    tuff_text_add(text, "%llu.%03u", (unsigned long long)(ns / 1000), (unsigned)(ns % 1000));
}

static void add_event(struct tuff_text *text, const struct tuff_launch_time *time)
{
    tuff_text_add(text, ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":1,\"name\":");
    tuff_text_quote(text, time->label, TUFF_QUOTE_JSON);
    tuff_text_add(text, ",\"cat\":");
    tuff_text_quote(text, time->kernel, TUFF_QUOTE_JSON);
    tuff_text_add(text, ",\"ts\":");
    add_microseconds(text, time->begin_ns);
    tuff_text_add(text, ",\"dur\":");
    add_microseconds(text, time->end_ns > time->begin_ns ? time->end_ns - time->begin_ns : 0);
    tuff_text_add(text, ",\"args\":{\"kernel\":");
    tuff_text_quote(text, time->kernel, TUFF_QUOTE_JSON);
    tuff_text_add(text, ",\"flops\":%llu,\"bytes\":%llu}}", (unsigned long long)time->flops,
                  (unsigned long long)time->bytes);
}

tuff_status tuff_program_trace(struct tuff_program *program, const char *path, struct tuff_error *error)
{
    uint32_t count = 0;
    TUFF_TRY(tuff_program_times(program, NULL, &count, error));
    struct tuff_context *context = program->device->context;
    TUFF_REQUIRE(context, error, path);
    struct tuff_launch_time *times = tuff_alloc(context, count * sizeof *times);
    if (!times) return tuff_fail_memory(context, error);
    struct tuff_text text = {.context = context};
    tuff_status status = tuff_program_times(program, times, &count, error);
    if (status == TUFF_OK) {
        tuff_text_add(&text, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
        tuff_text_add(&text, "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":");
        tuff_text_quote(&text, program->device->caps.name, TUFF_QUOTE_JSON);
        tuff_text_add(&text, "}}");
        for (uint32_t i = 0; i < count; i++) add_event(&text, &times[i]);
        tuff_text_add(&text, "\n]}\n");
        status = text.failed ? tuff_fail_memory(context, error)
                             : tuff_os_write_atomic(
                                   context, path, &(struct tuff_os_part){.data = text.data, .bytes = text.length}, 1, error);
    }
    tuff_text_finish(&text);
    tuff_free(context, times);
    return status;
}
