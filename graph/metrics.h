/* metrics.h - how good answers are: counts and scores of arrays in memory, also by groups. Public, part of graph.h. Thread-safe.
 *
 * Names and edge cases are scikit-learn's (sklearn.metrics), groups Fairlearn's. What is not defined is NaN. */
#ifndef TUFF_METRICS_H
#define TUFF_METRICS_H

#include "backend/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Answers beside what is true, of n samples. All arrays are borrowed during the call. */
struct tuff_answers {
    size_t struct_size;
    uint64_t count;        /* n */
    uint32_t classes;      /* c: the answers are classes; 0: numbers */
    const int32_t *labels; /* [n] true classes; a sample whose label is not one of 0 .. c-1 counts nowhere */
    const float *scores;   /* [n, c] probabilities, of which the largest is the answer, the first of equal ones; or NULL */
    const int32_t *predicted;      /* instead: [n] the answers, 0 .. c-1; then top_k, auc and perplexity are not defined */
    uint32_t top;                  /* k of top_k; 0: 5 */
    uint32_t width;                /* of numbers: m of each sample; 0: 1 */
    const float *targets, *values; /* of numbers: [n, m] what is true, and the answers */
};

/* With tp, fp, fn of a class (it was called so and is; is not; it is and was not called so), as scikit-learn has them:
 *     precision tp / (tp + fp)   recall tp / (tp + fn)   f1 2 tp / (2 tp + fp + fn)   iou (jaccard_score) tp / (tp + fp + fn)
 * 0 / 0 is 0 (zero_division) and is told by struct tuff_scores' undefined. macro: mean over the classes that labels or answers name; micro: of
 * the sums of tp, fp and fn; weighted: by each class's number of samples. */
enum tuff_score {
    TUFF_SCORE_ACCURACY = 0,
    TUFF_SCORE_TOP_K, /* the label's score is among the k largest, equal ones in order (top_k_accuracy_score) */
    TUFF_SCORE_PRECISION_MACRO,
    TUFF_SCORE_PRECISION_MICRO,
    TUFF_SCORE_PRECISION_WEIGHTED,
    TUFF_SCORE_RECALL_MACRO,
    TUFF_SCORE_RECALL_MICRO,
    TUFF_SCORE_RECALL_WEIGHTED,
    TUFF_SCORE_F1_MACRO,
    TUFF_SCORE_F1_MICRO,
    TUFF_SCORE_F1_WEIGHTED,
    TUFF_SCORE_IOU_MACRO, /* the mean IoU of segmentation */
    TUFF_SCORE_IOU_MICRO,
    TUFF_SCORE_IOU_WEIGHTED,
    /* Area under the ROC curve: the chance that a sample of the class has a higher score than one of the others, equal ones being a half
     * (Fawcett 2006). One class against the rest, mean over the classes that have samples on both sides, the others left out as torchmetrics does; of two classes it is
     * roc_auc_score. NaN where no class has. */
    TUFF_SCORE_AUC,
    TUFF_SCORE_PERPLEXITY, /* exp of the mean of -log(probability of the label); infinite where one is 0 */
    TUFF_SCORE_MAE,        /* mean of |value - target|, over all numbers */
    TUFF_SCORE_MSE,        /* mean of (value - target)^2 */
    /* 1 - sum (value - target)^2 / sum (target - mean)^2 of each column, their mean. Of a constant column it is 1 where all values are
     * right, else 0 (force_finite); NaN of fewer than two samples. */
    TUFF_SCORE_R2,
    TUFF_SCORES
};
/* "accuracy", "f1_macro", ..; NULL for none. Static text. */
TUFF_API const char *tuff_score_name(enum tuff_score score);

struct tuff_scores {
    uint64_t count;            /* samples that count */
    uint32_t undefined;        /* classes in the macro mean of which precision, recall, f1 or iou is 0 / 0 */
    double value[TUFF_SCORES]; /* NaN: not defined, or not of such answers */
};
struct tuff_class_score {
    uint64_t support, predicted,
        hits; /* samples of the class, answers that name it, both: precision is 0 / 0 without predicted, recall without support */
    double precision, recall, f1, iou;
    double auc; /* NaN: the class has no samples, or all */
};

/* All scores. each: [c] or NULL; confusion: [c, c] or NULL, samples by true class (rows) and answer (columns), as sklearn's confusion_matrix.
 * Time: n c, and for auc n log n for each class. Errors: USAGE (arrays that are missing, an answer that is no class), NOT_FINITE (a score
 * that is NaN), MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_score(struct tuff_context *context, const struct tuff_answers *answers,
                                                struct tuff_scores *scores, struct tuff_class_score *each,
                                                uint64_t *confusion, struct tuff_error *error);
/* The scores that follow from a confusion matrix alone, say one that a device counted; the others are NaN. */
TUFF_API void tuff_score_confusion(const uint64_t *confusion, uint32_t classes, struct tuff_scores *scores,
                                   struct tuff_class_score *each);

/* A score over groups, those without samples and those where it is NaN left out. Source: Fairlearn's MetricFrame, group_min(), group_max(),
 * difference() and ratio(), both "between_groups". */
struct tuff_group_gap {
    double least, most;
    double difference; /* most - least */
    double ratio;      /* least / most; NaN where most is 0 */
};
/* Scores of the samples of each group by themselves. groups: [n] of 0 .. group_count-1, a number for each sample, say by a column of the data; a
 * sample of any other number is in no group. each: [group_count]; gaps: [TUFF_SCORES] or NULL. Errors: as tuff_score; USAGE. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_score_groups(struct tuff_context *context, const struct tuff_answers *answers,
                                                       const uint32_t *groups, uint32_t group_count,
                                                       struct tuff_scores *each, struct tuff_group_gap *gaps,
                                                       struct tuff_error *error);

#ifdef __cplusplus
}
#endif
#endif
