/* weights.c - see weights.h. */
#include "weights.h"

#include <stdio.h>
#include <string.h>

struct missing {
    char name[120]; /* the first parameter of the backbone that the file has not */
};

static void told(void *user, enum tuff_weight_fate fate, const char *tensor, const char *parameter)
{
    struct missing *missing = user;
    (void)tensor;
    if (fate == TUFF_WEIGHT_UNSET && strncmp(parameter, "head.", 5) != 0 && !missing->name[0])
        snprintf(missing->name, sizeof missing->name, "%s", parameter);
}

tuff_status weights_read(struct sample *s, const char *path, const char *prefix, struct tuff_weights_params to)
{
    char head[200], all[200];
    const struct tuff_name_rule rules[] = {{head, NULL, NULL}, {all, "*", NULL}, {"*", NULL, NULL}};
    struct missing missing = {0};
    struct tuff_weights_report report = {0};
    struct tuff_tensors *file = NULL;
    snprintf(head, sizeof head, "%shead.*", prefix ? prefix : "");
    snprintf(all, sizeof all, "%s*", prefix ? prefix : "");
    to.struct_size = sizeof to;
    to.rules = rules, to.rule_count = sizeof rules / sizeof rules[0];
    to.allow_unused = to.allow_unset = true;
    to.told = told, to.told_user = &missing;
    TRY(tuff_tensors_open(s->context, path, 0, &file, &s->error));
    tuff_status status = tuff_weights_load(s->context, file, &to, &report, &s->error);
    tuff_tensors_destroy(file);
    const struct tuff_error why = s->error;
    if (status == TUFF_ERR_FORMAT) return sample_refuse(s, status, "%.200s: %s", path, why.message);
    TRY(status);
    if (missing.name[0])
        return sample_refuse(s, TUFF_ERR_FORMAT,
                             "%.200s has no \"%s%.100s\": is it of another --shape, or is a --prefix missing?", path,
                             prefix ? prefix : "", missing.name);
    printf("backbone %llu arrays of %s\n", (unsigned long long)report.written, SHOWN(path));
    return TUFF_OK;
}
