/* graph_metrics.c - scores of answers: values of scikit-learn's documentation and of fractions by hand, edge cases, groups, and random answers
 * beside their definitions, computed naively. `graph_metrics --print` prints the random ones for tests/metrics_sklearn.sh. */
#include "graph/metrics.h"
#include "tests/graph_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned failures;
#define check(...) graph_check(&failures, __VA_ARGS__)

#define LABELS(...) ((const int32_t[]){__VA_ARGS__})
#define FLOATS(...) ((const float[]){__VA_ARGS__})

static bool near(double a, double b) { return (isnan(a) && isnan(b)) || a == b || fabs(a - b) <= 1e-12 * fmax(1, fabs(b)); }

static struct tuff_scores score(const struct tuff_answers *answers, struct tuff_class_score *each, uint64_t *confusion)
{
    struct tuff_scores scores = {0};
    struct tuff_answers a = *answers;
    struct tuff_error error = {0};
    a.struct_size = sizeof a;
    check(tuff_score(NULL, &a, &scores, each, confusion, &error) == TUFF_OK, "score: %s", error.message);
    return scores;
}

/* One score of answers whose other fields are given by name. */
static void expect(const char *what, double expected, enum tuff_score which, struct tuff_answers answers)
{
    double got = score(&answers, NULL, NULL).value[which];
    check(near(got, expected), "%s: %s is %.17g, expected %.17g", what, tuff_score_name(which), got, expected);
}

/* ---- documented values ------------------------------------------------------------------------------------------------------------ */

static void test_documented(void)
{
    uint64_t confusion[9];
    struct tuff_class_score each[3];
    const uint64_t wanted[9] = {2, 0, 0, 0, 0, 1, 1, 0, 2};
    score(
        &(struct tuff_answers){
            .count = 6, .classes = 3, .labels = LABELS(2, 0, 2, 2, 0, 1), .predicted = LABELS(0, 0, 2, 2, 0, 2)},
        NULL, confusion); /* confusion_matrix */
    check(!memcmp(confusion, wanted, sizeof wanted), "the confusion matrix is another one");

    /* precision_score, recall_score, f1_score: 0.22.., 0.33.., 0.26..; classes [0.66.., 0, 0], [1, 0, 0], [0.8, 0, 0] */
    const struct tuff_answers six = {
        .count = 6, .classes = 3, .labels = LABELS(0, 1, 2, 0, 1, 2), .predicted = LABELS(0, 2, 1, 0, 0, 1)};
    const double documented[] = {2 / 6.0, NAN,     2 / 9.0,  2 / 6.0, 2 / 9.0, 1 / 3.0,
                                 2 / 6.0, 1 / 3.0, 4 / 15.0, 2 / 6.0, 4 / 15.0};
    uint64_t counted[9];
    struct tuff_scores whole = score(&six, NULL, counted), same;
    tuff_score_confusion(counted, 3, &same, each);
    check(near(each[0].f1, 0.8) && same.count == 6 && same.undefined == whole.undefined,
          "the scores of a matrix are others");
    for (int i = 0; i < TUFF_SCORES; i++)
        check(near(same.value[i], whole.value[i]), "%s of a matrix is %g", tuff_score_name((enum tuff_score)i),
              same.value[i]);
    for (int i = 0; i < (int)TUFF_COUNT(documented); i++) expect("six", documented[i], (enum tuff_score)i, six);
    score(&six, each, NULL);
    check(near(each[0].precision, 2 / 3.0) && near(each[0].recall, 1) && near(each[0].f1, 0.8) && each[1].precision == 0,
          "precision, recall and f1 of class 0 are %g, %g, %g", each[0].precision, each[0].recall, each[0].f1);
    /* jaccard_score, average=None: [1., 0., 0.33..] */
    score(&(struct tuff_answers){.count = 4, .classes = 3, .labels = LABELS(0, 1, 2, 2), .predicted = LABELS(0, 2, 1, 2)},
          each, NULL);
    check(near(each[0].iou, 1) && each[1].iou == 0 && near(each[2].iou, 1 / 3.0), "IoU is %g, %g, %g", each[0].iou,
          each[1].iou, each[2].iou);
    /* roc_auc_score: 0.75 */
    expect("documented", 0.75, TUFF_SCORE_AUC,
           (struct tuff_answers){.count = 4,
                                 .classes = 2,
                                 .labels = LABELS(0, 0, 1, 1),
                                 .scores = FLOATS(.9f, .1f, .6f, .4f, .65f, .35f, .2f, .8f)});
    /* top_k_accuracy_score: 0.75 */
    expect("documented", 0.75, TUFF_SCORE_TOP_K,
           (struct tuff_answers){.count = 4,
                                 .classes = 3,
                                 .top = 2,
                                 .labels = LABELS(0, 1, 2, 2),
                                 .scores = FLOATS(.5f, .2f, .2f, .3f, .4f, .2f, .2f, .4f, .3f, .7f, .2f, .1f)});
    /* mean_absolute_error 0.5, mean_squared_error 0.375, r2_score 0.948.. = 1 - 1.5 / 29.1875; with two columns 0.75, 0.708.. */
    const struct tuff_answers four = {.count = 4, .targets = FLOATS(3, -.5f, 2, 7), .values = FLOATS(2.5f, 0, 2, 8)};
    expect("four", 0.5, TUFF_SCORE_MAE, four);
    expect("four", 0.375, TUFF_SCORE_MSE, four);
    expect("four", 1 - 1.5 / 29.1875, TUFF_SCORE_R2, four);
    const struct tuff_answers two = {
        .count = 3, .width = 2, .targets = FLOATS(.5f, 1, -1, 1, 7, -6), .values = FLOATS(0, 2, -1, 2, 8, -5)};
    expect("two columns", 0.75, TUFF_SCORE_MAE, two);
    expect("two columns", 4.25 / 6, TUFF_SCORE_MSE, two);
    expect("two columns", (1 - 1.25 / (50.25 - 6.5 * 6.5 / 3) + 1 - 3 / (98 / 3.0)) / 2, TUFF_SCORE_R2,
           two); /* 0.965.., 0.908.. */
}

/* ---- edges ---------------------------------------------------------------------------------------------------------------------------- */

static void test_edges(void)
{
    struct tuff_class_score each[4];
    const struct tuff_answers one = {.count = 2, .classes = 2, .labels = LABELS(1, 1), .scores = FLOATS(.2f, .8f, .6f, .4f)};
    expect("one class only", NAN, TUFF_SCORE_AUC, one);
    expect("one class only", 0.5, TUFF_SCORE_ACCURACY, one);
    expect("perplexity", sqrt(1 / ((double).8f * (double).4f)), TUFF_SCORE_PERPLEXITY, one);
    expect("sure and wrong", INFINITY, TUFF_SCORE_PERPLEXITY,
           (struct tuff_answers){.count = 1, .classes = 2, .labels = LABELS(0), .scores = FLOATS(0, 1)});
    /* the first of equal scores is the answer; of top-k too */
    const struct tuff_answers equal = {.count = 3,
                                       .classes = 3,
                                       .top = 2,
                                       .labels = LABELS(0, 1, 2),
                                       .scores = FLOATS(.25f, .25f, .25f, .25f, .25f, .25f, .25f, .25f, .25f)};
    expect("equal scores", 1 / 3.0, TUFF_SCORE_ACCURACY, equal);
    expect("equal scores", 2 / 3.0, TUFF_SCORE_TOP_K, equal);
    expect("equal scores", 0.5, TUFF_SCORE_AUC, equal);
    /* labels that are no class count nowhere; a class that nobody names is not in the macro mean; one never named is told */
    const struct tuff_answers odd = {
        .count = 5, .classes = 4, .labels = LABELS(0, 1, -100, 4, 0), .predicted = LABELS(0, 0, 1, 1, 0)};
    struct tuff_scores scores = score(&odd, each, NULL);
    check(scores.count == 3 && scores.undefined == 1 && near(scores.value[TUFF_SCORE_PRECISION_MACRO], 1 / 3.0) &&
              near(scores.value[TUFF_SCORE_RECALL_MACRO], 0.5) && isnan(scores.value[TUFF_SCORE_AUC]),
          "%llu count, %u are undefined, precision %g, recall %g", (unsigned long long)scores.count,
          (unsigned)scores.undefined, scores.value[TUFF_SCORE_PRECISION_MACRO], scores.value[TUFF_SCORE_RECALL_MACRO]);
    check(each[1].predicted == 0 && each[1].support == 1 && each[1].precision == 0 && each[3].support == 0,
          "counts of classes are others");
    /* r2_score: 1, 0, -3; constant targets 1 and 0 (force_finite); one sample */
    static const float sets[5][2][3] = {{{1, 2, 3}, {1, 2, 3}},
                                        {{1, 2, 3}, {2, 2, 2}},
                                        {{1, 2, 3}, {3, 2, 1}},
                                        {{-.1f, -.1f, -.1f}, {-.1f, -.1f, -.1f}},
                                        {{-2, -2, -2}, {-2, -2, -2.1f}}};
    static const double r2[5] = {1, 0, -3, 1, 0};
    for (int i = 0; i < 5; i++)
        expect("r2", r2[i], TUFF_SCORE_R2, (struct tuff_answers){.count = 3, .targets = sets[i][0], .values = sets[i][1]});
    expect("one sample", NAN, TUFF_SCORE_R2, (struct tuff_answers){.count = 1, .targets = FLOATS(1), .values = FLOATS(2)});
    const struct tuff_answers none = {.count = 0, .classes = 2, .labels = LABELS(0), .scores = FLOATS(0, 0)};
    for (int i = 0; i < TUFF_SCORES; i++) expect("no samples", NAN, (enum tuff_score)i, none);
    check(tuff_score_name(TUFF_SCORES) == NULL && !strcmp(tuff_score_name(TUFF_SCORE_R2), "r2"), "names are others");
}

static void test_refusals(struct tuff_context *context)
{
    const struct {
        struct tuff_answers answers;
        tuff_status status;
        const char *sentence;
    } all[] = {
        {{.count = 1, .classes = 2, .labels = LABELS(0)}, TUFF_ERR_USAGE, "labels are needed, and scores or answers"},
        {{.count = 1, .targets = FLOATS(0)}, TUFF_ERR_USAGE, "targets and values"},
        {{.count = 2, .classes = 2, .labels = LABELS(0, 1), .predicted = LABELS(0, 2)},
         TUFF_ERR_USAGE,
         "the answer 2 of sample 1 is not one of 2 classes"},
        {{.count = 2, .classes = 2, .labels = LABELS(0, 1), .scores = FLOATS(0, 1, NAN, 0)},
         TUFF_ERR_NOT_FINITE,
         "one of sample 1 is NaN"},
    };
    for (size_t i = 0; i < TUFF_COUNT(all); i++) {
        struct tuff_answers a = all[i].answers;
        struct tuff_scores scores;
        struct tuff_error error = {0};
        a.struct_size = sizeof a;
        tuff_status status = tuff_score(context, &a, &scores, NULL, NULL, &error);
        check(status == all[i].status && strstr(error.message, all[i].sentence), "expected '%s', got %s: %s",
              all[i].sentence, tuff_status_name(status), error.message);
        status = tuff_score_groups(context, &a, (const uint32_t[]){0, 0}, 1, &scores, NULL, &error);
        check(status == all[i].status, "groups: expected %s, got %s", tuff_status_name(all[i].status),
              tuff_status_name(status));
    }
}

/* ---- random answers ------------------------------------------------------------------------------------------------------------------- */

enum { SAMPLES = 60, CLASSES = 4, GROUPS = 3 };
struct made {
    int32_t labels[SAMPLES];
    float scores[SAMPLES * CLASSES], targets[SAMPLES], values[SAMPLES];
    uint32_t groups[SAMPLES];
};

static uint32_t next(uint32_t *seed) { return (*seed = *seed * 1664525u + 1013904223u) >> 8; }

/* Scores of few levels, so that some are equal; probabilities of a sample sum to 1. */
static struct made make(uint32_t seed)
{
    struct made m;
    for (int i = 0; i < SAMPLES; i++) {
        float sum = 0, *scores = &m.scores[i * CLASSES];
        m.labels[i] = (int32_t)(next(&seed) % CLASSES);
        m.groups[i] = next(&seed) % GROUPS;
        for (int c = 0; c < CLASSES; c++) sum += scores[c] = (float)(1 + next(&seed) % 9 + 6 * (c == m.labels[i]));
        for (int c = 0; c < CLASSES; c++) scores[c] /= sum;
        m.targets[i] = (float)(next(&seed) % 1000) / 100;
        m.values[i] = m.targets[i] + (float)(next(&seed) % 400) / 100 - 2;
    }
    return m;
}

static int answer_of(const struct made *m, int i)
{
    int best = 0;
    for (int c = 1; c < CLASSES; c++)
        if (m->scores[i * CLASSES + c] > m->scores[i * CLASSES + best]) best = c;
    return best;
}

/* By the definitions: pairs of samples for the area, sets for the rest. group -1: all */
static void naive(const struct made *m, int group, double *v)
{
    double ratios[4][3] = {{0}}, n = 0, right = 0, in_top = 0, logs = 0, auc = 0, classes = 0, named = 0;
    for (int i = 0; i < TUFF_SCORES; i++) v[i] = NAN;
    for (int c = 0; c < CLASSES; c++) {
        double tp = 0, fp = 0, fn = 0, wins = 0, pairs = 0;
        for (int i = 0; i < SAMPLES; i++) {
            if (group >= 0 && m->groups[i] != (uint32_t)group) continue;
            bool is = m->labels[i] == c, called = answer_of(m, i) == c;
            tp += is && called, fp += !is && called, fn += is && !called;
            for (int k = 0; k < SAMPLES && is; k++) {
                if ((group >= 0 && m->groups[k] != (uint32_t)group) || m->labels[k] == c) continue;
                double a = (double)m->scores[i * CLASSES + c], b = (double)m->scores[k * CLASSES + c];
                wins += a > b ? 1 : a == b ? 0.5 : 0, pairs++;
            }
        }
        double p = tp + fp > 0 ? tp / (tp + fp) : 0, r = tp + fn > 0 ? tp / (tp + fn) : 0;
        double each[4] = {p, r, p + r > 0 ? 2 * p * r / (p + r) : 0, tp + fp + fn > 0 ? tp / (tp + fp + fn) : 0};
        for (int k = 0; k < 4; k++) ratios[k][0] += each[k], ratios[k][2] += each[k] * (tp + fn);
        n += tp + fn, right += tp, named += tp + fp + fn > 0;
        if (pairs > 0) auc += wins / pairs, classes++;
    }
    for (int i = 0; i < SAMPLES; i++) {
        const float *s = &m->scores[i * CLASSES];
        int larger = 0;
        if (group >= 0 && m->groups[i] != (uint32_t)group) continue;
        for (int c = 0; c < CLASSES; c++) larger += s[c] > s[m->labels[i]] || (s[c] == s[m->labels[i]] && c < m->labels[i]);
        in_top += larger < 2;
        logs -= log((double)s[m->labels[i]]);
    }
    v[TUFF_SCORE_ACCURACY] = right / n, v[TUFF_SCORE_TOP_K] = in_top / n;
    for (int k = 0; k < 4; k++) {
        double *at = &v[TUFF_SCORE_PRECISION_MACRO + 3 * k];
        at[0] = ratios[k][0] / named, at[1] = k == 3 ? right / (2 * n - right) : right / n, at[2] = ratios[k][2] / n;
    }
    v[TUFF_SCORE_AUC] = auc / classes, v[TUFF_SCORE_PERPLEXITY] = exp(logs / n);
}

static void test_random(struct tuff_context *context)
{
    for (uint32_t seed = 1; seed <= 20; seed++) {
        struct made m = make(seed);
        struct tuff_scores all, each[GROUPS + 1];
        struct tuff_group_gap gaps[TUFF_SCORES];
        struct tuff_error error = {0};
        double wanted[GROUPS + 1][TUFF_SCORES];
        const struct tuff_answers a = {sizeof a,           SAMPLES, .classes = CLASSES, .labels = m.labels,
                                       .scores = m.scores, .top = 2};
        check(tuff_score(context, &a, &all, NULL, NULL, &error) == TUFF_OK &&
                  tuff_score_groups(context, &a, m.groups, GROUPS + 1, each, gaps, &error) == TUFF_OK,
              "seed %u: %s", (unsigned)seed, error.message);
        naive(&m, -1, wanted[GROUPS]);
        for (int g = 0; g < GROUPS; g++) naive(&m, g, wanted[g]);
        for (int i = 0; i < TUFF_SCORES; i++) {
            const char *name = tuff_score_name((enum tuff_score)i);
            double least = INFINITY, most = -INFINITY;
            check(near(all.value[i], wanted[GROUPS][i]), "seed %u: %s is %.17g, expected %.17g", (unsigned)seed, name,
                  all.value[i], wanted[GROUPS][i]);
            for (int g = 0; g < GROUPS; g++) {
                check(near(each[g].value[i], wanted[g][i]), "seed %u, group %d: %s is %.17g, expected %.17g", (unsigned)seed,
                      g, name, each[g].value[i], wanted[g][i]);
                least = fmin(least, wanted[g][i]), most = fmax(most, wanted[g][i]);
            }
            if (isnan(wanted[0][i])) continue;
            check(near(gaps[i].least, least) && near(gaps[i].most, most) && near(gaps[i].difference, most - least) &&
                      near(gaps[i].ratio, least / most),
                  "seed %u: gaps of %s are others", (unsigned)seed, name);
        }
        check(each[GROUPS].count == 0 && isnan(each[GROUPS].value[0]), "an empty group has scores");
    }
}

/* Groups of numbers; a ratio to nothing; samples of no group */
static void test_groups(struct tuff_context *context)
{
    struct tuff_scores each[2];
    struct tuff_group_gap gaps[TUFF_SCORES];
    struct tuff_error error = {0};
    const struct tuff_answers a = {sizeof a, 5, .targets = FLOATS(0, 1, 2, 3, 4), .values = FLOATS(1, 2, 2, 3, 9)};
    check(tuff_score_groups(context, &a, (const uint32_t[]){0, 0, 1, 1, 7}, 2, each, gaps, &error) == TUFF_OK, "%s",
          error.message);
    check(each[0].value[TUFF_SCORE_MAE] == 1 && each[1].value[TUFF_SCORE_MAE] == 0 && gaps[TUFF_SCORE_MAE].difference == 1 &&
              gaps[TUFF_SCORE_MAE].ratio == 0 && near(gaps[TUFF_SCORE_R2].least, -3) && near(gaps[TUFF_SCORE_R2].most, 1),
          "groups of numbers: %g and %g", each[0].value[TUFF_SCORE_MAE], each[1].value[TUFF_SCORE_MAE]);
    const struct tuff_answers right = {sizeof a, 2, .targets = FLOATS(1, 2), .values = FLOATS(1, 2)};
    check(tuff_score_groups(context, &right, (const uint32_t[]){0, 1}, 2, each, gaps, &error) == TUFF_OK, "%s",
          error.message);
    check(isnan(gaps[TUFF_SCORE_MAE].ratio) && gaps[TUFF_SCORE_MAE].difference == 0, "0 / 0 of groups is %g",
          gaps[TUFF_SCORE_MAE].ratio);
}

static void print_made(uint32_t seed)
{
    struct made m = make(seed);
    const struct tuff_answers a = {sizeof a, SAMPLES, .classes = CLASSES, .labels = m.labels, .scores = m.scores, .top = 2},
                              b = {sizeof b, SAMPLES, .targets = m.targets, .values = m.values};
    struct tuff_scores classes = score(&a, NULL, NULL), numbers = score(&b, NULL, NULL), each[GROUPS];
    struct tuff_group_gap gaps[TUFF_SCORES];
    (void)!tuff_score_groups(NULL, &a, m.groups, GROUPS, each, gaps, NULL);
    printf("seed %u\n", (unsigned)seed);
    for (int i = 0; i < SAMPLES; i++)
        printf("sample %d %u %.9g %.9g %.9g %.9g %.9g %.9g\n", (int)m.labels[i], (unsigned)m.groups[i],
               (double)m.scores[4 * i], (double)m.scores[4 * i + 1], (double)m.scores[4 * i + 2],
               (double)m.scores[4 * i + 3], (double)m.targets[i], (double)m.values[i]);
    for (int i = 0; i < TUFF_SCORES; i++)
        printf("score %s %.17g %.17g %.17g\n", tuff_score_name((enum tuff_score)i),
               isnan(classes.value[i]) ? numbers.value[i] : classes.value[i], gaps[i].difference, gaps[i].ratio);
}

int main(int count, char **arguments)
{
    struct tuff_context *context = NULL;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    if (count > 1 && !strcmp(arguments[1], "--print")) {
        for (uint32_t seed = 1; seed <= 5; seed++) print_made(seed);
        tuff_context_destroy(context);
        return failures != 0;
    }
    test_documented();
    test_edges();
    test_refusals(context);
    test_random(context);
    test_groups(context);
    tuff_context_destroy(context);
    printf("graph_metrics: %u failures\n", failures);
    return failures != 0;
}
