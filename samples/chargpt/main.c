/* sample-chargpt - a small GPT learns a text character by character, and writes while it learns: a loop of its own over tuff_trainer, and
 * inference in the same session. README.md says more. */
#include "nets.h"
#include "sample.h"
#include "whole.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    uint32_t steps, every, batch, tokens, layers, width, heads, written, seed;
    double rate, temperature;
};

struct text {
    uint8_t *bytes;        /* [owned] [count], each as the number of its symbol */
    size_t count, trained; /* the rest is to validate with */
    uint8_t symbol[256];   /* bytes that there are, in rising order */
    uint32_t symbols;
};

struct job {
    struct settings set;
    struct text text;
    struct tuff_graph *graph;
    struct tuff_session *session;
    struct tuff_trainer *trainer;
    struct tuff_executable *validate, *write;
    tuff_val x, next, loss, asked; /* asked: the input of `write` */
    int32_t *windows[2];           /* [owned] [batch, tokens] */
    uint64_t random;
    struct whole story; /* all that it wrote */
};

/* ---- the text ------------------------------------------------------------------------------------------------------------------------ */

static tuff_status read_text(struct sample *s, const char *path, const struct settings *set, struct text *to)
{
    enum { MOST = 1 << 26 };
    uint8_t number[256] = {0};
    bool there[256] = {false};
    FILE *file = fopen(path, "rb");
    if (!file) return sample_refuse(s, TUFF_ERR_FILE, "%s: %s", path, strerror(errno));
    to->bytes = malloc(MOST);
    to->count = to->bytes ? fread(to->bytes, 1, MOST, file) : 0;
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed) return sample_refuse(s, TUFF_ERR_FILE, "%s: %s", path, strerror(errno));
    to->trained = to->count - to->count / 10;
    if (to->count - to->trained < set->tokens + 2)
        return sample_refuse(s, TUFF_ERR_FORMAT, "%s: a text of %zu characters is too short for windows of %u", path,
                             to->count, (unsigned)set->tokens);
    for (size_t i = 0; i < to->count; i++) there[to->bytes[i]] = true;
    for (int i = 0; i < 256; i++) {
        number[i] = (uint8_t)to->symbols;
        if (there[i]) to->symbol[to->symbols++] = (uint8_t)i;
    }
    for (size_t i = 0; i < to->count; i++) to->bytes[i] = number[to->bytes[i]];
    printf("text     %s: %zu characters, %u different ones\n", SHOWN(path), to->count, (unsigned)to->symbols);
    return TUFF_OK;
}

/* Windows at random places of [first, end): what is read, and each next character. */
static void draw_windows(struct job *job, size_t first, size_t end, uint64_t *random)
{
    const struct settings *set = &job->set;
    for (uint32_t i = 0; i < set->batch; i++) {
        size_t at = first + sample_random(random) % (end - first - set->tokens);
        for (uint32_t t = 0; t < set->tokens; t++) {
            job->windows[0][i * set->tokens + t] = job->text.bytes[at + t];
            job->windows[1][i * set->tokens + t] = job->text.bytes[at + t + 1];
        }
    }
}

/* ---- the network --------------------------------------------------------------------------------------------------------------------- */

static tuff_val network(struct job *job, tuff_val x, bool training)
{
    const struct settings *set = &job->set;
    struct zoo_build b = {.g = job->graph, .training = training};
    return zoo_gpt(&b, x, &(struct zoo_gpt){set->layers, set->width, set->heads, set->tokens, job->text.symbols});
}

/* One graph: training, validation by the same loss, and the probabilities behind the last character of one window. */
static tuff_status open_job(struct sample *s, struct job *job)
{
    const struct settings *set = &job->set;
    TRY(tuff_graph_create(s->context, &job->graph, &s->error));
    struct tuff_graph *g = job->graph;
    job->x = tuff_input(g, "x", TUFF_I32, TUFF_SHAPE(set->batch, set->tokens));
    job->next = tuff_input(g, "next", TUFF_I32, TUFF_SHAPE(set->batch, set->tokens));
    tuff_val logits = network(job, job->x, true), labels = tuff_reshape(g, job->next, TUFF_SHAPE(set->batch * set->tokens));
    job->loss = tuff_cross_entropy(g, logits, labels, (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_MEAN});
    job->asked = tuff_input(g, "asked", TUFF_I32, TUFF_SHAPE(1, set->tokens));
    tuff_val all = network(job, job->asked, false);
    tuff_val last = tuff_slice(g, all, (uint32_t[]){set->tokens - 1, 0}, (int32_t[]){1, 1},
                               (uint32_t[]){1, job->text.symbols});
    last = tuff_softmax(g, tuff_affine(g, last, 1 / set->temperature, 0), 1);

    struct tuff_trainer_params params = {.struct_size = sizeof params, .loss = job->loss};
    params.optimizer = tuff_optimizer_defaults(TUFF_ADAMW, set->rate);
    params.optimizer.clip_norm = 1;
    params.optimizer.schedule.kind = TUFF_SCHEDULE_COSINE;
    params.optimizer.schedule.period = set->steps;
    params.optimizer.schedule.warmup = set->steps / 20;
    params.optimizer.schedule.min_lr = set->rate / 20;
    TRY(tuff_trainer_create(g, &params, &job->trainer, &s->error));
    struct tuff_session_params seed = {.struct_size = sizeof seed, .seed = set->seed};
    TRY(tuff_session_create(s->device, g, &seed, &job->session, &s->error));
    struct tuff_executable_params training = {.struct_size = sizeof training, .progress = sample_progress(s)};
    struct tuff_executable_params validating = training, writing = training;
    validating.outputs = &job->loss, validating.output_count = 1;
    writing.outputs = &last, writing.output_count = 1;
    TRY(tuff_trainer_compile(job->trainer, job->session, &training, &s->error));
    TRY(tuff_session_compile(job->session, &validating, &job->validate, &s->error));
    return tuff_session_compile(job->session, &writing, &job->write, &s->error);
}

/* ---- training, validating, writing ------------------------------------------------------------------------------------------------------ */

static size_t window_bytes(const struct job *job) { return (size_t)job->set.batch * job->set.tokens * sizeof(int32_t); }

static tuff_status train(struct sample *s, struct job *job, uint32_t steps, double *loss)
{
    float one;
    *loss = 0;
    for (uint32_t i = 0; i < steps; i++) {
        if (program_stopping()) return TUFF_ERR_CANCELLED;
        program_tell("step", (double)tuff_trainer_counts(job->trainer).steps, job->set.steps);
        draw_windows(job, 0, job->text.trained, &job->random);
        TRY(tuff_trainer_write(job->trainer, job->x, job->windows[0], window_bytes(job), &s->error));
        TRY(tuff_trainer_write(job->trainer, job->next, job->windows[1], window_bytes(job), &s->error));
        TRY(tuff_trainer_step(job->trainer, NULL, &s->error));
        TRY(tuff_trainer_read(job->trainer, job->loss, &one, sizeof one, &s->error));
        *loss += (double)one / steps;
    }
    return TUFF_OK;
}

static tuff_status validate(struct sample *s, struct job *job, double *loss)
{
    enum { BATCHES = 4 };
    uint64_t random = 1; /* the same windows each time */
    float one;
    *loss = 0;
    for (int i = 0; i < BATCHES; i++) {
        draw_windows(job, job->text.trained, job->text.count, &random);
        TRY(tuff_executable_write(job->validate, job->x, job->windows[0], window_bytes(job), &s->error));
        TRY(tuff_executable_write(job->validate, job->next, job->windows[1], window_bytes(job), &s->error));
        TRY(tuff_executable_run(job->validate, &s->error));
        TRY(tuff_executable_read(job->validate, 0, &one, sizeof one, &s->error));
        *loss += (double)one / BATCHES;
    }
    return TUFF_OK;
}

/* Goes on from the middle of what it is trained with, one after the other, each drawn by its probability. */
static tuff_status write_text(struct sample *s, struct job *job, char *out)
{
    const struct settings *set = &job->set;
    int32_t *window = job->windows[0];
    float probability[256];
    uint64_t random = set->seed;
    for (uint32_t t = 0; t < set->tokens; t++) window[t] = job->text.bytes[job->text.trained / 2 + t];
    for (uint32_t i = 0; i < set->written; i++) {
        if (program_stopping()) return TUFF_ERR_CANCELLED;
        TRY(tuff_executable_write(job->write, job->asked, window, set->tokens * sizeof *window, &s->error));
        TRY(tuff_executable_run(job->write, &s->error));
        TRY(tuff_executable_read(job->write, 0, probability, job->text.symbols * sizeof *probability, &s->error));
        double rest = sample_uniform(&random, 0, 1);
        uint32_t chosen = 0;
        while (chosen + 1 < job->text.symbols && (rest -= (double)probability[chosen]) > 0) chosen++;
        memmove(window, window + 1, (set->tokens - 1) * sizeof *window);
        window[set->tokens - 1] = (int32_t)chosen;
        out[i] = (char)job->text.symbol[chosen];
    }
    out[set->written] = 0;
    return TUFF_OK;
}

/* On the terminal line by line, as others' text is shown there. */
static void print_text(char *text)
{
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) printf("    | %s\n", SHOWN(line));
}

static tuff_status run(struct sample *s, struct job *job)
{
    const struct settings *set = &job->set;
    char *text = malloc(set->written + 1);
    for (int i = 0; i < 2; i++) job->windows[i] = malloc(window_bytes(job));
    bool good = text && job->windows[0] && job->windows[1] && whole_begin(&job->story);
    tuff_status status = good ? TUFF_OK : sample_refuse(s, TUFF_ERR_MEMORY, "not enough memory for a batch");
    if (status == TUFF_OK) status = open_job(s, job);
    record_column(&s->record, "Cross entropy of a character", "training");
    record_column(&s->record, "Cross entropy of a character", "validation");
    for (uint32_t step = 0; step < set->steps && status == TUFF_OK;) {
        uint32_t steps = set->steps - step < set->every ? set->steps - step : set->every;
        double loss[2];
        status = train(s, job, steps, &loss[0]);
        if (status == TUFF_OK) status = validate(s, job, &loss[1]);
        if (status == TUFF_OK) status = write_text(s, job, text);
        if (status != TUFF_OK) break;
        step += steps;
        program_tell("", 0, 0);
        printf("step %5u  loss %.4f  validation %.4f  perplexity %.2f  %.1f s\n", (unsigned)step, loss[0], loss[1],
               exp(loss[1]), seconds_now() - s->began);
        fprintf(job->story.stream, "---- step %u, cross entropy %.4f\n%s\n\n", (unsigned)step, loss[1], text);
        print_text(text);
        if (!record_row(&s->record, step, loss)) status = TUFF_ERR_MEMORY;
    }
    free(text);
    if (!good) return status;
    if (status != TUFF_OK) {
        whole_drop(&job->story);
        return status;
    }
    char path[SAMPLE_PATH];
    TRY(whole_write(&job->story, s->context, sample_path(s, "written.txt", path), &s->error));
    printf("files    %s\n", SHOWN(path));
    return sample_curves(s);
}

int main(int argc, char **argv)
{
    struct job job = {.set = {.steps = 600,
                              .every = 150,
                              .batch = 16,
                              .tokens = 64,
                              .layers = 2,
                              .width = 96,
                              .heads = 4,
                              .written = 300,
                              .seed = 1,
                              .rate = 3e-3,
                              .temperature = 0.8}};
    struct settings *set = &job.set;
    const struct sample_option options[] = {
        {"steps", "of training", .count = &set->steps, .least = 1, .most = 1e8},
        {"every", "so many steps it is validated, and writes", .count = &set->every, .least = 1, .most = 1e8},
        {"batch", "windows of a step", .count = &set->batch, .least = 1, .most = 4096},
        {"tokens", "characters of a window", .count = &set->tokens, .least = 2, .most = 4096},
        {"layers", "of the transformer", .count = &set->layers, .least = 1, .most = 64},
        {"width", "of a layer", .count = &set->width, .least = 4, .most = 4096},
        {"heads", "of attention, which divide the width", .count = &set->heads, .least = 1, .most = 64},
        {"written", "characters that it writes each time", .count = &set->written, .least = 1, .most = 100000},
        {"temperature", "below 1 it writes what is likelier", .number = &set->temperature, .least = 0.01, .most = 100},
        {"rate", "learning rate", .number = &set->rate, .least = 1e-9, .most = 10},
        {"seed", "of weights, windows, and what is written", .count = &set->seed, .least = 0, .most = 1e9}};
    struct sample s;
    tuff_status status = sample_begin(&s, "sample-chargpt",
                                      "a GPT learns a text by characters, and writes: sample-chargpt [OPTION...] [TEXT]",
                                      options, sizeof options / sizeof options[0], 1, argc, argv);
    s.record.x = "step";
    job.random = set->seed;
    if (status == TUFF_OK && set->width % set->heads)
        status = sample_refuse(&s, TUFF_ERR_USAGE, "--heads %u do not divide --width %u", (unsigned)set->heads,
                               (unsigned)set->width);
    if (status == TUFF_OK)
        status = read_text(&s, s.word_count ? s.words[0] : "/usr/share/common-licenses/GPL-3", set, &job.text);
    if (status == TUFF_OK) status = run(&s, &job);
    tuff_executable_destroy(job.write);
    tuff_executable_destroy(job.validate);
    tuff_trainer_destroy(job.trainer);
    tuff_session_destroy(job.session);
    tuff_graph_destroy(job.graph);
    free(job.text.bytes), free(job.windows[0]), free(job.windows[1]);
    return sample_end(&s, status);
}
