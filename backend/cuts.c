/* cuts.c - cuts a run into submissions by what its launches are believed to cost, and long launches into parts.
 *
 * A watchdog takes the device away from a submission that runs for too long, and only between submissions can a run be stopped. */
#include "backend/cuts.h"

enum { MOST_PARTS = 4096 }; /* of a launch: more cost more than they are good for, whatever was estimated */

uint64_t tuff_launch_estimate(const struct tuff_caps *caps, uint64_t flops, uint64_t bytes)
{
    double by_flops = caps->flops_per_second ? (double)flops / (double)caps->flops_per_second : 0;
    double by_bytes = caps->bytes_per_second ? (double)bytes / (double)caps->bytes_per_second : 0;
    double seconds = by_flops > by_bytes ? by_flops : by_bytes;
    return seconds < 1e9 ? (uint64_t)(seconds * 1e9) : UINT64_C(1000000000000000000);
}

static unsigned axis_of(const struct tuff_cut_launch *launch)
{
    return launch->groups[2] > 1 ? 2 : launch->groups[1] > 1 ? 1 : 0;
}

static uint32_t part_count(const struct tuff_cut_launch *launch, uint64_t limit_ns)
{
    uint64_t most = launch->groups[axis_of(launch)], wanted = launch->ns / limit_ns + (launch->ns % limit_ns != 0);
    if (!launch->splits || !most || !wanted) return 1;
    if (most > MOST_PARTS) most = MOST_PARTS;
    return (uint32_t)(wanted < most ? wanted : most);
}

static struct tuff_piece piece_of(const struct tuff_cut_launch *launch, uint32_t index, uint32_t part, uint32_t parts)
{
    struct tuff_piece piece = {.launch = index, .ns = launch->ns / parts, .first = part == 0, .last = part + 1 == parts};
    unsigned axis = axis_of(launch);
    memcpy(piece.groups, launch->groups, sizeof piece.groups);
    uint64_t extent = launch->groups[axis];
    piece.base[axis] = (uint32_t)(extent * part / parts);
    piece.groups[axis] = (uint32_t)(extent * (part + 1) / parts) - piece.base[axis];
    return piece;
}

tuff_status tuff_cuts_make(const struct tuff_cut_launch *launches, uint32_t count, uint64_t limit_ns,
                           struct tuff_context *context, struct tuff_cuts *cuts, struct tuff_error *error)
{
    struct tuff_cuts made = {.submissions = 1};
    uint64_t sum = 0, total = 0;
    for (uint32_t i = 0; i < count; i++) total += part_count(&launches[i], limit_ns);
    if (total < UINT32_MAX) made.pieces = tuff_alloc(context, (size_t)(total + 1) * sizeof *made.pieces);
    if (!made.pieces) return tuff_fail_memory(context, error);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t parts = part_count(&launches[i], limit_ns);
        for (uint32_t part = 0; part < parts; part++) {
            struct tuff_piece piece = piece_of(&launches[i], i, part, parts);
            if (made.count && (sum + piece.ns > limit_ns || (launches[i].begins && piece.first))) {
                made.pieces[made.count - 1].ends = true;
                made.submissions++;
                sum = 0;
            }
            sum += piece.ns;
            made.pieces[made.count++] = piece;
        }
    }
    if (made.count) made.pieces[made.count - 1].ends = true;
    *cuts = made;
    return TUFF_OK;
}

void tuff_cuts_believe(const struct tuff_plan *plan, const struct tuff_caps *caps, struct tuff_cut_launch *launches)
{
    uint32_t station = 0;
    for (struct tuff_plan_cursor at = {0}; at.launch < plan->launch_count; tuff_plan_advance(plan, &at), launches++) {
        const struct tuff_plan_launch *launch = &plan->launches[at.launch];
        *launches = (struct tuff_cut_launch){
            .ns = tuff_launch_estimate(caps, launch->flops, tuff_launch_bytes(plan, launch)), .splits = true};
        memcpy(launches->groups, launch->groups, sizeof launch->groups);
        for (; station < plan->station_count && plan->stations[station].launch_count <= at.launch; station++)
            launches->begins = true;
        if (plan->prepare_count && at.launch == plan->prepare_count && !at.round) launches->begins = true;
    }
}

tuff_status tuff_plan_submissions(const struct tuff_plan *plan, const struct tuff_caps *caps, struct tuff_context *context,
                                  uint32_t *submissions, struct tuff_error *error)
{
    struct tuff_cuts cuts = {0};
    uint32_t count = (uint32_t)tuff_plan_run_length(plan);
    struct tuff_cut_launch *launches = tuff_alloc(context, count * sizeof *launches);
    if (!launches) return tuff_fail_memory(context, error);
    tuff_cuts_believe(plan, caps, launches);
    tuff_status status = tuff_cuts_make(launches, count, tuff_submission_ns(context), context, &cuts, error);
    if (status == TUFF_OK) *submissions = cuts.submissions;
    tuff_cuts_finish(&cuts, context);
    tuff_free(context, launches);
    return status;
}

void tuff_cuts_finish(struct tuff_cuts *cuts, struct tuff_context *context)
{
    tuff_free(context, cuts->pieces);
    *cuts = (struct tuff_cuts){0};
}
