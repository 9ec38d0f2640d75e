/* scores.h - what classes were told apart how well: as text, as JSON, for tuff-train and tuff-classify alike. */
#ifndef SCORES_H
#define SCORES_H

#include <tuff/tuff.h>

#include <stdio.h>

struct class_scores {
    struct tuff_scores all;
    struct tuff_class_score *each; /* [owned] [classes] */
    uint64_t *confusion;           /* [owned] [classes, classes] */
    uint32_t classes, top;
    const char *const *names; /* [borrowed] */
};
/* Finish it after a failure too. */
TUFF_MUST_CHECK tuff_status class_scores_make(struct tuff_context *context, const struct tuff_answers *answers,
                                              const char *const *names, struct class_scores *scores,
                                              struct tuff_error *error);
void class_scores_finish(struct class_scores *scores);
/* The averages, then a line for each class. */
void class_scores_print(const struct class_scores *scores);
/* Members of an object, with a comma behind each: "scores", "undefined", "top", "classes", "confusion". */
void class_scores_to_json(FILE *file, const struct class_scores *scores);
/* {"accuracy": 0.9, ..}: the scores of classes. */
void scores_to_json(FILE *file, const struct tuff_scores *scores);

struct group_scores {
    struct tuff_scores *each; /* [count] */
    uint32_t count;
    const char *const *names;
    struct tuff_group_gap gaps[TUFF_SCORES];
};
void group_scores_print(const struct group_scores *groups);
/* Members "groups" and "between_groups", with a comma behind each. */
void group_scores_to_json(FILE *file, const struct group_scores *groups);

#endif
