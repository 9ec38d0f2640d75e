/* nets.c - the plans of tuff-bench's nets, and of a head that is taught (samples/common/teach.h), compiled, recorded and submitted. */
#include "samples/nets/nets.h"
#include "samples/common/teach.h"
#include "tests/dryrun/dryrun.h"

#include <stdio.h>
#include <string.h>

static void run_work(struct dryrun *d, const struct zoo_net *net, enum zoo_mode mode)
{
    struct tuff_error error = {0};
    struct zoo_work work = {.net = NULL};
    struct tuff_session *session = NULL;
    struct tuff_executable *plan = NULL;
    struct tuff_plan_figures figures = {0};
    uint64_t ticket = 0;
    char name[80];
    tuff_status status = zoo_work_create(d->context, net, mode, 0, &work, &error);
    snprintf(name, sizeof name, "%s, %s, batch %u", net->name, mode == ZOO_TRAIN ? "training" : "inference", work.batch);
    if (!status) status = tuff_session_create(d->device, work.graph, NULL, &session, &error);
    const struct tuff_executable_params params = {.struct_size = sizeof params};
    if (!status) status = zoo_work_compile(&work, session, &params, &plan, &error);
    if (!status) figures = tuff_executable_figures(plan);
    if (!status) status = zoo_work_fill(&work, session, plan, &error);
    if (!status) status = zoo_work_submit(&work, plan, &ticket, &error);
    if (!status) status = tuff_device_wait(d->device, ticket, UINT64_MAX, &error);
    dryrun_report(d, name, status, &error, &figures);
    fflush(stdout);
    zoo_work_drop(&work, plan);
    tuff_session_destroy(session);
    zoo_work_finish(&work);
}

/* As the Android sample does: an epoch of a full batch and one of a rest, all that a fit has of plans, and a prediction. */
static void run_teach(struct dryrun *d, uint32_t classes)
{
    enum { FEATURES = 1280, SAMPLES = TEACH_BATCH + 4 };
    static float features[SAMPLES * FEATURES];
    int32_t labels[SAMPLES];
    float probabilities[SAMPLES * 8];
    struct tuff_error error = {0};
    struct tuff_model *model = NULL;
    const struct teach_head head = {.features = FEATURES, .classes = classes};
    const struct tuff_data data = {.count = SAMPLES, .fields = {features, labels}};
    const struct tuff_fit_params fit = teach_fit(1);
    char name[80];
    for (uint32_t i = 0; i < SAMPLES; i++) labels[i] = (int32_t)(i % classes);
    snprintf(name, sizeof name, "teach, %u classes", classes);
    tuff_status status = teach_model(d->device, &head, &model, &error);
    if (!status) status = tuff_model_fit(model, &data, &fit, &error);
    if (!status) status = tuff_model_predict(model, &data, (void *[]){probabilities}, &error);
    dryrun_report(d, name, status, &error, NULL);
    fflush(stdout);
    tuff_model_destroy(model);
}

bool dryrun_nets(struct dryrun *d, const char *name)
{
    bool found = false;
    for (uint32_t classes = 2; classes <= 5 && (!name || !strcmp(name, "teach")); classes++)
        run_teach(d, classes), found = true;
    for (uint32_t i = 0; i < zoo_net_count; i++) {
        const struct zoo_net *net = &zoo_nets[i];
        if (name && strcmp(name, net->name) != 0) continue;
        found = true;
        if (net->infers) run_work(d, net, ZOO_INFER);
        if (net->trains) run_work(d, net, ZOO_TRAIN);
    }
    return found;
}
