/* result.c - what came out of a training, as JSON. */
#include "text.h"
#include "train.h"
#include "whole.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

tuff_status result_score(struct tuff_context *context, struct tuff_model *model, const struct data *data,
                         struct class_scores *scores, struct tuff_error *error)
{
    const uint32_t classes = data->train.class_count;
    const struct tuff_data test = data_view(&data->test);
    float *probabilities = malloc((size_t)test.count * classes * sizeof *probabilities);
    struct tuff_answers answers = {.struct_size = sizeof answers,
                                   .count = test.count,
                                   .classes = classes,
                                   .labels = data->test.labels,
                                   .scores = probabilities,
                                   .top = 5};
    tuff_status status = probabilities ? tuff_model_predict(model, &test, (void *[]){probabilities}, error)
                                       : TUFF_ERR_MEMORY;
    if (status == TUFF_OK) status = class_scores_make(context, &answers, data->train.class_names, scores, error);
    free(probabilities);
    if (status != TUFF_OK) return status;
    const double *v = scores->all.value;
    printf("         ");
    if (classes > scores->top) printf("top-%u %.2f %%, ", (unsigned)scores->top, 100 * v[TUFF_SCORE_TOP_K]);
    printf("macro F1 %.4f, precision %.4f, recall %.4f", v[TUFF_SCORE_F1_MACRO], v[TUFF_SCORE_PRECISION_MACRO],
           v[TUFF_SCORE_RECALL_MACRO]);
    printf(isnan(v[TUFF_SCORE_AUC]) ? "\n" : ", AUC %.4f\n", v[TUFF_SCORE_AUC]);
    return TUFF_OK;
}

static void text_member(FILE *file, const char *key, const char *value)
{
    fprintf(file, "  \"%s\": ", key);
    text_to_json(file, value);
    fputs(",\n", file);
}

static void number_member(FILE *file, const char *key, double value, int digits)
{
    fprintf(file, "  \"%s\": ", key);
    number_to_json(file, value, digits);
    fputs(",\n", file);
}

/* One number of every epoch; offset: of a double in struct epoch. */
static void list_member(FILE *file, const char *key, const struct history *history, size_t offset, bool known)
{
    fprintf(file, "  \"%s\": [", key);
    for (uint32_t i = 0; i < history->epoch_count; i++) {
        fputs(i ? ", " : "", file);
        number_to_json(file, known ? *(const double *)((const char *)&history->epochs[i] + offset) : NAN, 6);
    }
    fputs("],\n", file);
}

static void options_member(FILE *file, const struct options *options)
{
    struct tuff_pair texts[OPTION_TEXTS_MAX];
    char numbers[OPTION_TEXTS_MAX][32];
    size_t count = options_texts(options, texts, numbers);
    fputs("  \"options\": {", file);
    for (size_t i = 0; i < count; i++) {
        fprintf(file, "%s\"%s\": ", i ? ", " : "", texts[i].key);
        if (texts[i].value == numbers[i])
            fputs(texts[i].value, file); /* number, true or false */
        else
            text_to_json(file, texts[i].value);
    }
    fputs("},\n", file);
}

tuff_status result_write(struct tuff_context *context, const char *path, const struct result *r, struct tuff_error *error)
{
    struct whole whole;
    if (!whole_begin(&whole)) return TUFF_ERR_MEMORY;
    FILE *file = whole.stream;
    const struct tuff_plan_figures *plan = &r->plan;
    static const char *const kinds[] = {"other", "discrete", "integrated", "virtual", "software"};
    char driver[520];
    snprintf(driver, sizeof driver, "%s %s", r->caps->driver_name, r->caps->driver_info);
    fputs("{\n", file);
    text_member(file, "tuff", tuff_version());
    text_member(file, "device", r->caps->name);
    text_member(file, "device_kind", kinds[r->caps->kind]);
    text_member(file, "driver", driver);
    options_member(file, r->options);
    fprintf(
        file,
        "  \"data\": {\"train\": %llu, \"validation\": %llu, \"test\": %llu, \"classes\": %u, \"shape\": [%u, %u, %u]},\n",
        (unsigned long long)r->train_count, (unsigned long long)r->validation_count, (unsigned long long)r->data->test.count,
        (unsigned)r->data->train.class_count, (unsigned)r->data->train.channels, (unsigned)r->data->train.height,
        (unsigned)r->data->train.width);
    number_member(file, "parameters", (double)r->parameter_count, 15);
    number_member(file, "accuracy", r->has_test ? r->test.accuracy : NAN, 6); /* null without a test set */
    number_member(file, "test_loss", r->has_test ? r->test.loss : NAN, 6);
    if (r->scores) class_scores_to_json(file, r->scores); /* not there without a test set */
    number_member(file, "best_epoch", r->best_epoch + 1.0, 15);
    list_member(file, "loss", r->history, offsetof(struct epoch, train.loss), true);
    list_member(file, "train_accuracy", r->history, offsetof(struct epoch, train.accuracy), true);
    list_member(file, "validation_loss", r->history, offsetof(struct epoch, validation.loss), r->history->validated);
    list_member(file, "validation_accuracy", r->history, offsetof(struct epoch, validation.accuracy), r->history->validated);
    number_member(file, "samples_per_second", history_rate(r->history), 6);
    number_member(file, "train_seconds", r->history->seconds, 6);
    fprintf(file,
            "  \"memory\": {\"device_peak_bytes\": %llu, \"parameter_bytes\": %llu, \"state_bytes\": %llu, "
            "\"scratch_bytes\": %llu}\n}\n",
            (unsigned long long)r->peak_bytes, (unsigned long long)plan->param_bytes, (unsigned long long)plan->state_bytes,
            (unsigned long long)plan->scratch_bytes);
    return whole_write(&whole, context, path, error);
}
