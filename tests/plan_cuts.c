/* plan_cuts.c - where submissions end: every workgroup is launched once and in order, no submission is longer than the limit
 * unless a single part is, and what is short stays whole. Needs no device. */
#include "backend/cuts.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u; /* Numerical Recipes */
    return *state >> 8;
}

static bool same_grid(const uint32_t a[3], const uint32_t b[3]) { return a[0] == b[0] && a[1] == b[1] && a[2] == b[2]; }

/* Pieces of one launch: together the whole grid along one axis, whole along the others. Returns the number of failures. */
static unsigned check_pieces(const struct tuff_cut_launch *launch, const struct tuff_piece *pieces, uint32_t count)
{
    unsigned axis = launch->groups[2] > 1 ? 2 : launch->groups[1] > 1 ? 1 : 0, failures = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t base[3] = {0}, groups[3];
        memcpy(groups, launch->groups, sizeof groups);
        base[axis] = at;
        groups[axis] = pieces[i].groups[axis];
        failures += !same_grid(base, pieces[i].base) || !same_grid(groups, pieces[i].groups);
        failures += !groups[axis] || pieces[i].first != (i == 0) || pieces[i].last != (i + 1 == count);
        at += groups[axis];
    }
    failures += at != launch->groups[axis] || (count > 1 && !launch->splits);
    if (failures) printf("a launch of %u parts: expected its grid, got another\n", count);
    return failures;
}

static unsigned check_submissions(const struct tuff_cut_launch *launches, const struct tuff_cuts *cuts, uint64_t limit)
{
    uint64_t sum = 0;
    uint32_t in_it = 0, submissions = 0;
    unsigned failures = 0;
    for (uint32_t i = 0; i < cuts->count; i++) {
        sum += cuts->pieces[i].ns;
        in_it++;
        if (!cuts->pieces[i].ends) continue;
        failures += sum > limit && in_it > 1;
        const struct tuff_piece *next = i + 1 < cuts->count ? &cuts->pieces[i + 1] : NULL;
        bool station = next && next->first && launches[next->launch].begins;
        failures += next && !station && sum + next->ns <= limit; /* it could have been longer */
        submissions++;
        sum = in_it = 0;
    }
    failures += in_it || submissions != cuts->submissions;
    if (failures) printf("%u submissions: expected none too long or too short\n", cuts->submissions);
    return failures;
}

static unsigned check(struct tuff_context *context, uint32_t seed)
{
    enum { MOST = 40 };
    const uint64_t limit = 1000;
    struct tuff_cut_launch launches[MOST];
    struct tuff_cuts cuts;
    uint32_t random = seed * 7919, count = 1 + next_random(&random) % MOST, piece = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t ns = next_random(&random) % (next_random(&random) % 4 ? 300 : 30000);
        launches[i] = (struct tuff_cut_launch){ns,
                                               {1 + next_random(&random) % 9,
                                                next_random(&random) % 2 ? 1 + next_random(&random) % 50 : 1,
                                                next_random(&random) % 4 ? 1 : 1 + next_random(&random) % 5},
                                               next_random(&random) % 3,
                                               next_random(&random) % 16 == 0};
    }
    if (tuff_cuts_make(launches, count, limit, context, &cuts, NULL) != TUFF_OK) abort();
    unsigned failures = check_submissions(launches, &cuts, limit);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = piece;
        while (piece < cuts.count && cuts.pieces[piece].launch == i) piece++;
        failures += check_pieces(&launches[i], cuts.pieces + first, piece - first);
        if (launches[i].begins && first && !cuts.pieces[first - 1].ends)
            printf("a station is within a submission\n"), failures++;
        bool whole = launches[i].ns <= limit || !launches[i].splits;
        if (whole && piece - first != 1) printf("a short launch: expected one part, got %u\n", piece - first), failures++;
    }
    failures += piece != cuts.count;
    tuff_cuts_finish(&cuts, context);
    return failures;
}

int main(void)
{
    struct tuff_context *context = NULL;
    unsigned failures = 0;
    struct tuff_cuts cuts;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    for (uint32_t seed = 1; seed <= 300; seed++) failures += check(context, seed);
    if (tuff_cuts_make(NULL, 0, 1000, context, &cuts, NULL) != TUFF_OK) abort();
    if (cuts.submissions != 1) puts("no launches: expected one empty submission"), failures++;
    tuff_cuts_finish(&cuts, context);
    struct tuff_caps caps = {.flops_per_second = 1000, .bytes_per_second = 100};
    if (tuff_launch_estimate(&caps, 500, 20) != 500000000 || tuff_launch_estimate(&caps, 500, 200) != 2000000000)
        puts("estimate: expected the longer of arithmetic and memory"), failures++;
    tuff_context_destroy(context);
    printf("plan_cuts: 300 plans, %u failures\n", failures);
    return failures != 0;
}
