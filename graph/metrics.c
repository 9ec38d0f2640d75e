/* metrics.c - see metrics.h. Counts are whole numbers, sums doubles. */
#include "graph/metrics.h"
#include "backend/core.h"

#include <math.h>
#include <stdlib.h>

static const char *const names[TUFF_SCORES] = {"accuracy",
                                               "top_k",
                                               "precision_macro",
                                               "precision_micro",
                                               "precision_weighted",
                                               "recall_macro",
                                               "recall_micro",
                                               "recall_weighted",
                                               "f1_macro",
                                               "f1_micro",
                                               "f1_weighted",
                                               "iou_macro",
                                               "iou_micro",
                                               "iou_weighted",
                                               "auc",
                                               "perplexity",
                                               "mae",
                                               "mse",
                                               "r2"};

const char *tuff_score_name(enum tuff_score score) { return (unsigned)score < TUFF_SCORES ? names[score] : NULL; }

static double share(double a, double b) { return b > 0 ? a / b : 0; }

static void begin(struct tuff_scores *scores)
{
    *scores = (struct tuff_scores){0};
    for (int i = 0; i < TUFF_SCORES; i++) scores->value[i] = NAN;
}

/* ---- counts of classes -------------------------------------------------------------------------------------------------------------- */

enum { RATIOS = 4, AVERAGES = 3 };

/* precision, recall, f1, iou, in the order of enum tuff_score */
static void ratios_of(uint64_t hits, uint64_t support, uint64_t predicted, double ratios[RATIOS])
{
    double tp = (double)hits, sum = (double)support + (double)predicted;
    ratios[0] = share(tp, (double)predicted), ratios[1] = share(tp, (double)support);
    ratios[2] = share(2 * tp, sum), ratios[3] = share(tp, sum - tp);
}

void tuff_score_confusion(const uint64_t *confusion, uint32_t classes, struct tuff_scores *scores,
                          struct tuff_class_score *each)
{
    double macro[RATIOS] = {0}, weighted[RATIOS] = {0}, micro[RATIOS], named = 0;
    uint64_t right = 0;
    begin(scores);
    for (size_t i = 0; i < classes; i++) {
        struct tuff_class_score s = {.hits = confusion[i * classes + i], .auc = NAN};
        double ratios[RATIOS];
        for (size_t k = 0; k < classes; k++)
            s.support += confusion[i * classes + k], s.predicted += confusion[k * classes + i];
        ratios_of(s.hits, s.support, s.predicted, ratios);
        s.precision = ratios[0], s.recall = ratios[1], s.f1 = ratios[2], s.iou = ratios[3];
        for (int k = 0; k < RATIOS; k++) macro[k] += ratios[k], weighted[k] += ratios[k] * (double)s.support;
        named += s.support || s.predicted;
        scores->undefined += !s.support != !s.predicted;
        scores->count += s.support, right += s.hits;
        if (each) each[i] = s;
    }
    if (!scores->count) return;
    ratios_of(right, scores->count, scores->count, micro);
    scores->value[TUFF_SCORE_ACCURACY] = (double)right / (double)scores->count;
    for (int k = 0; k < RATIOS; k++) {
        double *value = &scores->value[TUFF_SCORE_PRECISION_MACRO + k * AVERAGES];
        value[0] = share(macro[k], named), value[1] = micro[k], value[2] = weighted[k] / (double)scores->count;
    }
}

/* ---- scores of classes -------------------------------------------------------------------------------------------------------------- */

/* The samples of a group, or all */
struct part {
    const struct tuff_answers *a;
    const uint32_t *groups; /* or NULL */
    uint32_t group;
};

static bool counts(const struct part *p, uint64_t i)
{
    bool known = !p->a->classes || (p->a->labels[i] >= 0 && (uint32_t)p->a->labels[i] < p->a->classes);
    return known && (!p->groups || p->groups[i] == p->group);
}

struct ranked {
    float score;
    bool of_class;
};

static int compare(const void *a, const void *b)
{
    float x = ((const struct ranked *)a)->score, y = ((const struct ranked *)b)->score;
    return (x > y) - (x < y);
}

/* By the sum of the ranks of the class's samples, equal scores having the mean of theirs (Mann and Whitney 1947) */
static double area_of(const struct part *p, uint32_t class, struct ranked *ranked)
{
    uint64_t n = 0, inside = 0;
    double sum = 0;
    for (uint64_t i = 0; i < p->a->count; i++) {
        if (!counts(p, i)) continue;
        ranked[n] = (struct ranked){p->a->scores[i * p->a->classes + class], (uint32_t)p->a->labels[i] == class};
        inside += ranked[n++].of_class;
    }
    if (inside == 0 || inside == n) return NAN;
    qsort(ranked, (size_t)n, sizeof *ranked, compare);
    for (uint64_t first = 0, last; first < n; first = last) {
        for (last = first; last < n && ranked[last].score == ranked[first].score;) last++;
        for (uint64_t i = first; i < last; i++)
            if (ranked[i].of_class) sum += (double)(first + last + 1) / 2; /* ranks from 1 */
    }
    double m = (double)inside;
    return (sum - m * (m + 1) / 2) / (m * (double)(n - inside));
}

/* How many classes stand before the label, by score and then by number: 0 is a hit. *answer: the first of all, or `classes` where a score is NaN. */
static uint32_t place_of(const float *scores, uint32_t classes, uint32_t label, uint32_t *answer)
{
    uint32_t before = 0, best = 0;
    bool numbers = true;
    for (uint32_t k = 0; k < classes; k++) {
        numbers = numbers && !isnan(scores[k]);
        before += scores[k] > scores[label] || (scores[k] == scores[label] && k < label);
        if (scores[k] > scores[best]) best = k;
    }
    *answer = numbers ? best : classes;
    return before;
}

static tuff_status count_classes(struct tuff_context *context, const struct part *p, uint64_t *confusion, double *top,
                                 double *logs, struct tuff_error *error)
{
    const struct tuff_answers *a = p->a;
    for (uint64_t i = 0; i < a->count; i++) {
        if (!counts(p, i)) continue;
        const float *scores = a->scores ? a->scores + i * a->classes : NULL;
        uint32_t label = (uint32_t)a->labels[i], answer = scores ? 0 : (uint32_t)a->predicted[i];
        if (scores) *top += place_of(scores, a->classes, label, &answer) < (a->top ? a->top : 5);
        if (scores) *logs -= log((double)scores[label]);
        if (answer >= a->classes)
            return scores ? tuff_fail(context, error, TUFF_ERR_NOT_FINITE, "scores: one of sample %llu is NaN",
                                      (unsigned long long)i)
                          : tuff_refuse(context, error, "scores: the answer %d of sample %llu is not one of %u classes",
                                        (int)answer, (unsigned long long)i, (unsigned)a->classes);
        confusion[(size_t)label * a->classes + answer]++;
    }
    return TUFF_OK;
}

static tuff_status score_classes(struct tuff_context *context, const struct part *p, struct tuff_scores *scores,
                                 struct tuff_class_score *each, uint64_t *confusion, struct tuff_error *error)
{
    const struct tuff_answers *a = p->a;
    size_t bytes = (size_t)a->classes * a->classes * sizeof *confusion;
    uint64_t *counted = tuff_alloc(context, bytes);
    struct ranked *ranked = tuff_alloc(context, a->scores ? (size_t)a->count * sizeof *ranked : 0);
    double top = 0, logs = 0, sum = 0, defined = 0;
    tuff_status status = counted && ranked ? count_classes(context, p, counted, &top, &logs, error)
                                           : tuff_fail_memory(context, error);
    if (status == TUFF_OK) tuff_score_confusion(counted, a->classes, scores, each);
    if (status == TUFF_OK && confusion) memcpy(confusion, counted, bytes);
    for (uint32_t class = 0; status == TUFF_OK && a->scores && class < a->classes; class ++) {
        double area = area_of(p, class, ranked);
        if (each) each[class].auc = area;
        if (!isnan(area)) sum += area, defined++;
    }
    tuff_free(context, counted);
    tuff_free(context, ranked);
    if (status != TUFF_OK || !a->scores || !scores->count) return status;
    scores->value[TUFF_SCORE_TOP_K] = top / (double)scores->count;
    scores->value[TUFF_SCORE_PERPLEXITY] = exp(logs / (double)scores->count);
    scores->value[TUFF_SCORE_AUC] = sum / defined;
    return TUFF_OK;
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------------------ */

static void score_numbers(const struct part *p, struct tuff_scores *scores)
{
    const struct tuff_answers *a = p->a;
    uint32_t width = a->width ? a->width : 1;
    double off = 0, squares = 0, r2 = 0, n;
    begin(scores);
    for (uint64_t i = 0; i < a->count; i++) scores->count += counts(p, i);
    n = (double)scores->count;
    for (uint32_t k = 0; k < width; k++) {
        double sum = 0, residual = 0, total = 0; /* of a constant column sum / n is exactly its number */
        for (uint64_t i = 0; i < a->count; i++) sum += counts(p, i) ? (double)a->targets[i * width + k] : 0;
        for (uint64_t i = 0; i < a->count; i++) {
            if (!counts(p, i)) continue;
            double target = (double)a->targets[i * width + k], d = (double)a->values[i * width + k] - target;
            off += fabs(d), residual += d * d, total += (target - sum / n) * (target - sum / n);
        }
        squares += residual, r2 += total > 0 ? 1 - residual / total : residual == 0;
    }
    scores->value[TUFF_SCORE_MAE] = off / n / width, scores->value[TUFF_SCORE_MSE] = squares / n / width;
    if (scores->count > 1) scores->value[TUFF_SCORE_R2] = r2 / width;
}

/* ---- all ---------------------------------------------------------------------------------------------------------------------------- */

static tuff_status score_part(struct tuff_context *context, const struct part *p, struct tuff_scores *scores,
                              struct tuff_class_score *each, uint64_t *confusion, struct tuff_error *error)
{
    const struct tuff_answers *a = p->a;
    TUFF_REQUIRE(context, error, a != NULL && scores != NULL);
    TUFF_REQUIRE(context, error, a->struct_size >= sizeof *a);
    bool there = a->classes ? a->labels && (a->scores || a->predicted) : a->targets && a->values;
    TUFF_REQUIRE_THAT(context, error, there,
                      "scores: of classes labels are needed, and scores or answers; of numbers targets and values");
    if (a->classes) return score_classes(context, p, scores, each, confusion, error);
    score_numbers(p, scores);
    return TUFF_OK;
}

tuff_status tuff_score(struct tuff_context *context, const struct tuff_answers *answers, struct tuff_scores *scores,
                       struct tuff_class_score *each, uint64_t *confusion, struct tuff_error *error)
{
    return score_part(context, &(struct part){answers, NULL, 0}, scores, each, confusion, error);
}

tuff_status tuff_score_groups(struct tuff_context *context, const struct tuff_answers *answers, const uint32_t *groups,
                              uint32_t group_count, struct tuff_scores *each, struct tuff_group_gap *gaps,
                              struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, groups != NULL && each != NULL);
    for (uint32_t g = 0; g < group_count; g++)
        TUFF_TRY(score_part(context, &(struct part){answers, groups, g}, &each[g], NULL, NULL, error));
    for (int i = 0; i < TUFF_SCORES && gaps; i++) {
        struct tuff_group_gap gap = {.least = NAN, .most = NAN};
        for (uint32_t g = 0; g < group_count; g++) /* NaN gives way */
            gap.least = fmin(gap.least, each[g].value[i]), gap.most = fmax(gap.most, each[g].value[i]);
        gap.difference = gap.most - gap.least;
        gap.ratio = gap.most == 0 ? NAN : gap.least / gap.most;
        gaps[i] = gap;
    }
    return TUFF_OK;
}
