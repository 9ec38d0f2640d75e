/* run.c - submits a program, stops it between submissions when asked to, and cuts it anew by what its first runs took.
 *
 * The first run of a program waits for each of its submissions: wall time serves where a device has no timestamps, and nothing
 * stands before it in the queue. Which submission a launch is in changes no bit. One thread at a time. */
#include "backend/program.h"

static tuff_status submit_one(struct tuff_program *program, uint32_t index, struct tuff_error *error)
{
    const struct tuff_batch batch = {.commands = program->recording.commands[index]};
    TUFF_TRY(tuff_queue_submit(program->device, &batch, &program->ticket, error));
    for (uint32_t k = 0; k < program->memory_count; k++)
        if (program->memory[k]) tuff_buffer_used(program->memory[k], program->ticket);
    if (program->numbers) tuff_buffer_used(program->numbers, program->ticket);
    return TUFF_OK;
}

static tuff_status check_cancel(struct tuff_program *program, uint64_t running, struct tuff_error *error)
{
    if (!tuff_cancel_requested(program->cancel)) return TUFF_OK;
    TUFF_TRY(tuff_device_wait(program->device, running, UINT64_MAX, error));
    return tuff_fail(program->device->context, error, TUFF_ERR_CANCELLED, "the run was cancelled");
}

/* The submission that begins behind so many launches. */
static uint32_t submission_behind(const struct tuff_cuts *cuts, uint32_t launch_count)
{
    uint32_t submission = 0;
    for (uint32_t i = 0; i < cuts->count && cuts->pieces[i].launch < launch_count; i++) submission += cuts->pieces[i].ends;
    return submission;
}

/* A plan that does nothing else prepares each time. */
static uint32_t prepare_submissions(const struct tuff_program *program)
{
    uint32_t behind = submission_behind(&program->recording.cuts, program->prepare_count);
    return behind < program->recording.cuts.submissions ? behind : 0;
}

/* From where the run stopped; the prepare section comes first where it is stale, as what it reads may be written at a station. With
 * someone who may cancel, no more than two submissions are under way. */
static tuff_status submit_until(struct tuff_program *program, uint32_t end, struct tuff_error *error)
{
    uint64_t before = 0, last = 0;
    uint32_t prepare = prepare_submissions(program), from = program->next > prepare ? program->next : prepare;
    if (!program->next || program->stale) program->prepared = !program->next && program->stale && prepare;
    program->next = 0; /* a run that fails or is cancelled is over */
    for (uint32_t i = program->stale ? 0 : from; i < end; i = i + 1 == prepare ? from : i + 1) {
        if (program->cancel) TUFF_TRY(tuff_device_wait(program->device, before, UINT64_MAX, error));
        TUFF_TRY(check_cancel(program, last, error));
        TUFF_TRY(submit_one(program, i, error));
        before = last;
        last = program->ticket;
        if (i + 1 != prepare) continue;
        program->stale = false;
        program->counts.prepared++;
    }
    program->next = end;
    return TUFF_OK;
}

/* Pieces of the submission that begins at *first, which took ns, pass it on to their launches; *first goes on to the next one. */
static void share_out(struct tuff_program *program, uint64_t ns, uint64_t *sums, uint32_t *first)
{
    const struct tuff_cuts *cuts = &program->recording.cuts;
    double believed = 0;
    uint32_t end = *first;
    while (end < cuts->count) {
        believed += (double)cuts->pieces[end].ns + 1;
        if (cuts->pieces[end++].ends) break;
    }
    for (; *first < end; ++*first) {
        const struct tuff_piece *piece = &cuts->pieces[*first];
        sums[piece->launch] += (uint64_t)((double)ns * ((double)piece->ns + 1) / believed);
    }
}

/* From submission number `first` on. sums: measured nanoseconds of each step; what is known of those before it stays. */
static tuff_status submit_measured(struct tuff_program *program, uint32_t first, uint64_t *sums, uint64_t *longest,
                                   uint64_t *total, struct tuff_error *error)
{
    struct tuff_device *device = program->device;
    const struct tuff_cuts *cuts = &program->recording.cuts;
    uint32_t piece = 0;
    for (uint32_t before = 0; before < first; piece++) {
        sums[cuts->pieces[piece].launch] = program->pace[cuts->pieces[piece].launch].ns;
        before += cuts->pieces[piece].ends;
    }
    TUFF_TRY(tuff_device_wait(device, atomic_load(&device->queue.submitted), UINT64_MAX, error));
    for (uint32_t i = first; i < cuts->submissions; i++) {
        TUFF_TRY(check_cancel(program, 0, error));
        uint64_t start = tuff_os_time_ns();
        TUFF_TRY(submit_one(program, i, error));
        TUFF_TRY(tuff_device_wait(device, program->ticket, UINT64_MAX, error));
        uint64_t ns = tuff_os_time_ns() - start;
        if (ns > *longest) *longest = ns;
        *total += ns;
        share_out(program, ns, sums, &piece);
    }
    return TUFF_OK;
}

/* Records anew where submissions are more than twice as long as they may be, or less than half as long without need. */
static tuff_status cut_anew(struct tuff_program *program, const uint64_t *sums, uint64_t longest, uint64_t mean,
                            struct tuff_error *error)
{
    struct tuff_recording made = {0};
    uint32_t submissions = program->recording.cuts.submissions, needed = 1;
    for (uint32_t i = 1; i < program->step_count; i++) needed += program->pace[i].begins;
    const uint64_t aim = tuff_submission_ns(program->device->context);
    bool off = longest > 2 * aim || (submissions > needed && mean < aim / 2);
    program->measures = off ? program->measures - 1 : 0;
    for (uint32_t i = 0; i < program->step_count; i++) program->pace[i].ns = sums[i];
    if (!off) return TUFF_OK;
    TUFF_TRY(tuff_program_record(program, &made, error));
    tuff_recording_finish(&program->recording, program->device); /* it is done: it was waited for */
    program->recording = made;
    program->counts.submissions = made.cuts.submissions;
    return TUFF_OK;
}

static tuff_status measure(struct tuff_program *program, struct tuff_error *error)
{
    struct tuff_context *context = program->device->context;
    uint64_t longest = 0, total = 0;
    uint64_t *sums = tuff_alloc(context, program->step_count * sizeof *sums);
    if (!sums) return tuff_fail_memory(context, error);
    uint32_t first = program->stale ? 0 : prepare_submissions(program), submissions = program->recording.cuts.submissions;
    tuff_status status = submit_measured(program, first, sums, &longest, &total, error);
    if (status == TUFF_OK) program->stale = false;
    program->prepared = first == 0;
    program->counts.prepared += program->prepared && program->prepare_count > 0;
    if (status == TUFF_OK) status = cut_anew(program, sums, longest, total / (submissions - first), error);
    tuff_free(context, sums);
    return status;
}

tuff_status tuff_program_submit(struct tuff_program *program, uint64_t *ticket, struct tuff_error *error)
{
    if (!program) return tuff_refuse(NULL, error, "tuff_program_submit: program is NULL");
    bool whole = program->measures && !program->next;
    TUFF_TRY(whole ? measure(program, error) : submit_until(program, program->recording.cuts.submissions, error));
    program->next = 0;
    tuff_queue_collect(program->device);
    if (ticket) *ticket = program->ticket;
    return TUFF_OK;
}

tuff_status tuff_program_submit_to(struct tuff_program *program, const char *station, uint64_t *ticket,
                                   struct tuff_error *error)
{
    if (!program) return tuff_refuse(NULL, error, "tuff_program_submit_to: program is NULL");
    struct tuff_context *context = program->device->context;
    TUFF_REQUIRE(context, error, station != NULL);
    for (uint32_t i = 0; i < program->station_count; i++) {
        if (strcmp(program->stations[i].name, station)) continue;
        uint32_t end = submission_behind(&program->recording.cuts, program->stations[i].launch_count);
        if (end < program->next) return tuff_refuse(context, error, "the run is past the station '%s'", station);
        TUFF_TRY(submit_until(program, end, error));
        if (ticket) *ticket = program->ticket;
        return TUFF_OK;
    }
    return tuff_refuse(context, error, "the plan has no station '%s'", station);
}

void tuff_program_watch(struct tuff_program *program, const struct tuff_cancel *cancel) { program->cancel = cancel; }
