/* scores.c - see scores.h. */
#include "scores.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

tuff_status class_scores_make(struct tuff_context *context, const struct tuff_answers *answers, const char *const *names,
                              struct class_scores *s, struct tuff_error *error)
{
    size_t classes = answers->classes;
    *s = (struct class_scores){.classes = answers->classes, .top = answers->top, .names = names};
    s->each = calloc(classes, sizeof *s->each);
    s->confusion = calloc(classes * classes, sizeof *s->confusion);
    if (!s->each || !s->confusion) return TUFF_ERR_MEMORY;
    return tuff_score(context, answers, &s->all, s->each, s->confusion, error);
}

void class_scores_finish(struct class_scores *s)
{
    free(s->each);
    free(s->confusion);
    *s = (struct class_scores){.classes = 0};
}

/* ---- text ----------------------------------------------------------------------------------------------------------------------- */

/* A number of a table; what is not defined is a dash. */
static const char *cell(double value, char *text)
{
    if (isnan(value)) return "-";
    snprintf(text, 32, "%.4f", value);
    return text;
}
#define CELL(value) cell(value, (char[32]){0})

static int characters(const char *text)
{
    int count = 0;
    for (; *text; text++) count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* On the left of a column of names, up to 30 characters. */
static int width_of(const char *const *names, uint32_t count, int least)
{
    for (uint32_t i = 0; i < count; i++) {
        int length = characters(SHOWN(names[i]));
        if (length > least) least = length;
    }
    return least < 30 ? least : 30;
}

static void print_name(const char *name, int width)
{
    const char *shown = SHOWN(name);
    printf("%s%*s", shown, characters(shown) < width ? width - characters(shown) : 0, "");
}

void class_scores_print(const struct class_scores *s)
{
    static const struct {
        const char *name;
        enum tuff_score first;
    } averages[] = {{"precision", TUFF_SCORE_PRECISION_MACRO},
                    {"recall", TUFF_SCORE_RECALL_MACRO},
                    {"F1", TUFF_SCORE_F1_MACRO},
                    {"IoU", TUFF_SCORE_IOU_MACRO}};
    const double *v = s->all.value;
    int width = width_of(s->names, s->classes, 9);
    printf("accuracy   %s   ", CELL(v[TUFF_SCORE_ACCURACY]));
    if (s->top < s->classes) printf("top-%u %s   ", (unsigned)s->top, CELL(v[TUFF_SCORE_TOP_K]));
    printf("AUC %s   perplexity %s\n\n", CELL(v[TUFF_SCORE_AUC]), CELL(v[TUFF_SCORE_PERPLEXITY]));
    printf("%-*s  %8s %8s %8s\n", width, "", "macro", "micro", "weighted");
    for (size_t i = 0; i < sizeof averages / sizeof averages[0]; i++) {
        const double *at = v + averages[i].first;
        printf("%-*s  %8s %8s %8s\n", width, averages[i].name, CELL(at[0]), CELL(at[1]), CELL(at[2]));
    }
    printf("\n%-*s  %8s %9s %8s %8s %8s %8s\n", width, "class", "pictures", "precision", "recall", "F1", "IoU", "AUC");
    for (uint32_t i = 0; i < s->classes; i++) {
        const struct tuff_class_score *c = &s->each[i];
        double named = c->support || c->predicted ? 0 : NAN; /* of other classes there is nothing to say */
        print_name(s->names[i], width);
        printf("  %8llu %9s %8s %8s %8s %8s\n", (unsigned long long)c->support, CELL(c->precision + named),
               CELL(c->recall + named), CELL(c->f1 + named), CELL(c->iou + named), CELL(c->auc));
    }
    if (s->all.undefined)
        printf(
            "\n%u of the classes had no pictures or were never the answer: a precision or recall of 0 / 0 is counted as 0\n",
            (unsigned)s->all.undefined);
}

void group_scores_print(const struct group_scores *groups)
{
    static const struct {
        const char *name;
        enum tuff_score score;
    } columns[] = {{"accuracy", TUFF_SCORE_ACCURACY},
                   {"precision", TUFF_SCORE_PRECISION_MACRO},
                   {"recall", TUFF_SCORE_RECALL_MACRO},
                   {"F1", TUFF_SCORE_F1_MACRO},
                   {"AUC", TUFF_SCORE_AUC}};
    enum { COLUMNS = sizeof columns / sizeof columns[0] };
    int width = width_of(groups->names, groups->count, 10);
    printf("\n%-*s  %8s", width, "group", "pictures");
    for (int k = 0; k < COLUMNS; k++) printf(" %9s", columns[k].name);
    for (uint32_t g = 0; g < groups->count; g++) {
        printf("\n");
        print_name(groups->names[g], width);
        printf("  %8llu", (unsigned long long)groups->each[g].count);
        for (int k = 0; k < COLUMNS; k++) printf(" %9s", CELL(groups->each[g].value[columns[k].score]));
    }
    printf("\n%-*s  %8s", width, "difference", "");
    for (int k = 0; k < COLUMNS; k++) printf(" %9s", CELL(groups->gaps[columns[k].score].difference));
    printf("\n%-*s  %8s", width, "ratio", "");
    for (int k = 0; k < COLUMNS; k++) printf(" %9s", CELL(groups->gaps[columns[k].score].ratio));
    printf("\n(precision, recall and F1 are means over classes; difference: largest less smallest, ratio: smallest by "
           "largest)\n");
}

/* ---- JSON ----------------------------------------------------------------------------------------------------------------------- */

static void member(FILE *file, const char *before, const char *key, double value)
{
    fprintf(file, "%s\"%s\": ", before, key);
    number_to_json(file, value, 9);
}

void scores_to_json(FILE *file, const struct tuff_scores *scores)
{
    for (int i = 0; i <= TUFF_SCORE_PERPLEXITY; i++) /* the others are of numbers */
        member(file, i ? ", " : "{", tuff_score_name((enum tuff_score)i), scores->value[i]);
    fputs("}", file);
}

void class_scores_to_json(FILE *file, const struct class_scores *s)
{
    fputs("  \"scores\": ", file);
    scores_to_json(file, &s->all);
    fprintf(file, ",\n  \"undefined\": %u,\n  \"top\": %u,\n  \"classes\": [\n", (unsigned)s->all.undefined,
            (unsigned)s->top);
    for (uint32_t i = 0; i < s->classes; i++) {
        const struct tuff_class_score *c = &s->each[i];
        fputs("    {\"name\": ", file);
        text_to_json(file, s->names[i]);
        fprintf(file, ", \"support\": %llu, \"predicted\": %llu, \"hits\": %llu", (unsigned long long)c->support,
                (unsigned long long)c->predicted, (unsigned long long)c->hits);
        member(file, ", ", "precision", c->precision), member(file, ", ", "recall", c->recall);
        member(file, ", ", "f1", c->f1), member(file, ", ", "iou", c->iou), member(file, ", ", "auc", c->auc);
        fprintf(file, "}%s\n", i + 1 < s->classes ? "," : "");
    }
    fputs("  ],\n  \"confusion\": [\n", file);
    for (uint32_t i = 0; i < s->classes; i++) {
        for (uint32_t k = 0; k < s->classes; k++)
            fprintf(file, "%s%llu", k ? ", " : "    [", (unsigned long long)s->confusion[(size_t)i * s->classes + k]);
        fprintf(file, "]%s\n", i + 1 < s->classes ? "," : "");
    }
    fputs("  ],\n", file);
}

void group_scores_to_json(FILE *file, const struct group_scores *groups)
{
    fputs("  \"groups\": [", file);
    for (uint32_t g = 0; g < groups->count; g++) {
        fprintf(file, "%s\n    {\"name\": ", g ? "," : "");
        text_to_json(file, groups->names[g]);
        fprintf(file, ", \"pictures\": %llu, \"scores\": ", (unsigned long long)groups->each[g].count);
        scores_to_json(file, &groups->each[g]);
        fputs("}", file);
    }
    fputs("\n  ],\n  \"between_groups\": {", file);
    for (int i = 0; i <= TUFF_SCORE_PERPLEXITY; i++) {
        const struct tuff_group_gap *gap = &groups->gaps[i];
        fprintf(file, "%s\n    \"%s\": ", i ? "," : "", tuff_score_name((enum tuff_score)i));
        member(file, "{", "least", gap->least), member(file, ", ", "most", gap->most);
        member(file, ", ", "difference", gap->difference), member(file, ", ", "ratio", gap->ratio);
        fputs("}", file);
    }
    fputs("\n  },\n", file);
}
