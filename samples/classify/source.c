/* source.c - see source.h. */
#include "source.h"
#include "program.h"
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tuff_status fail(struct tuff_error *error, tuff_status status, const char *sentence)
{
    snprintf(error->message, sizeof error->message, "%s", sentence);
    return error->status = status;
}

tuff_status source_open(struct source *s, struct tuff_context *context, const struct source_params *params,
                        struct tuff_error *error)
{
    const struct tuff_preprocess *p = &params->preprocess;
    *s = (struct source){
        .context = context, .params = *params, .sample_bytes = (uint64_t)p->channels * p->height * p->width};
    for (uint32_t i = 0; i < 2; i++) {
        s->batches[i].samples = malloc((size_t)(s->sample_bytes * params->room));
        s->batches[i].pieces = calloc(params->room, sizeof *s->batches[i].pieces);
        if (!s->batches[i].samples || !s->batches[i].pieces) return fail(error, TUFF_ERR_MEMORY, "out of memory");
    }
    for (uint32_t i = 0; i < SOURCE_THREADS; i++) s->decoders[i].source = s, s->decoders[i].index = i;
    if (!params->frames.width) return TUFF_OK;
    s->decoders[0].picture = (struct tuff_picture){params->frames.width, params->frames.height, 3, NULL};
    s->decoders[0].picture.pixels = malloc((size_t)3 * params->frames.width * params->frames.height);
    return s->decoders[0].picture.pixels ? TUFF_OK : fail(error, TUFF_ERR_MEMORY, "out of memory");
}

/* ---- pictures --------------------------------------------------------------------------------------------------------------------------- */

static void take_picture(struct decoder *d, struct piece *piece, uint8_t *sample)
{
    struct source *s = d->source;
    const struct tuff_picture_options options = {.struct_size = sizeof options, .damage = &piece->damage};
    const double began = seconds_now();
    char path[2400];
    if (!s->params.folder && !strcmp(piece->path, "-")) {
        piece->status = stream_picture(s->context, &options, &d->picture, &piece->error);
    } else {
        snprintf(path, sizeof path, "%s%s%s", s->params.folder ? s->params.folder : "", s->params.folder ? "/" : "",
                 piece->path);
        piece->status = tuff_picture_read(s->context, path, &options, &d->picture, &piece->error);
    }
    const double decoded = seconds_now();
    if (piece->status == TUFF_OK)
        piece->status = tuff_preprocess_run(s->context, &s->params.preprocess, &d->picture, sample, &piece->error);
    if (piece->status != TUFF_OK) memset(sample, 0, (size_t)s->sample_bytes);
    tuff_picture_finish(s->context, &d->picture);
    d->decode += decoded - began, d->prepare += seconds_now() - decoded;
}

static void run_pictures(void *user)
{
    struct decoder *d = user;
    struct source *s = d->source;
    struct batch *batch = &s->batches[s->which];
    const uint32_t step = s->params.threads ? s->params.threads : 1;
    for (uint32_t i = d->index; i < batch->count; i += step)
        take_picture(d, &batch->pieces[i], batch->samples + i * s->sample_bytes);
}

/* ---- frames ------------------------------------------------------------------------------------------------------------------------------ */

static void run_frames(void *user)
{
    struct decoder *d = user;
    struct source *s = d->source;
    struct batch *batch = &s->batches[s->which];
    const uint32_t room = batch->count;
    for (batch->count = 0; batch->count < room && !s->ended && !s->stop;) {
        const double began = seconds_now();
        bool got;
        s->status = stream_frame(&d->picture, s->next, &s->stop, &got, &s->error);
        s->ended = !got;
        const double decoded = seconds_now();
        d->decode += decoded - began;
        if (s->ended || s->next++ % s->params.frames.every) continue;
        struct piece *piece = &batch->pieces[batch->count];
        *piece = (struct piece){.number = s->next - 1};
        piece->status = tuff_preprocess_run(s->context, &s->params.preprocess, &d->picture,
                                            batch->samples + batch->count++ * s->sample_bytes, &piece->error);
        d->prepare += seconds_now() - decoded;
    }
}

/* ---- batches ----------------------------------------------------------------------------------------------------------------------------- */

static void begin_batch(struct source *s)
{
    struct batch *batch = &s->batches[s->which];
    uint32_t threads = s->params.frames.width ? 1 : s->params.threads ? s->params.threads : 1;
    const uint64_t left = s->params.frames.width ? s->params.room : s->params.count - s->next;
    batch->count = left < s->params.room ? (uint32_t)left : s->params.room;
    for (uint32_t i = 0; i < batch->count && !s->params.frames.width; i++, s->next++)
        batch->pieces[i] = (struct piece){.path = s->params.paths[s->next], .number = s->next};
    if (threads > batch->count) threads = batch->count;
    for (uint32_t i = 0; i < threads; i++) {
        void (*run)(void *) = s->params.frames.width ? run_frames : run_pictures;
        if (s->params.threads)
            task_start(&s->decoders[i].task, run, &s->decoders[i]);
        else
            run(&s->decoders[i]);
    }
}

static void end_batch(struct source *s)
{
    for (uint32_t i = 0; i < SOURCE_THREADS; i++) task_join(&s->decoders[i].task);
}

tuff_status source_next(struct source *s, const struct batch **batch, struct tuff_error *error)
{
    if (!s->begun || !s->params.threads) begin_batch(s);
    s->begun = true;
    end_batch(s);
    *batch = &s->batches[s->which];
    if (!(*batch)->count && s->status != TUFF_OK) {
        *error = s->error;
        return s->status;
    }
    s->which ^= 1;
    if (s->params.threads && (*batch)->count) begin_batch(s);
    return TUFF_OK;
}

void source_close(struct source *s)
{
    s->stop = true;
    end_batch(s);
    if (s->params.frames.width) free(s->decoders[0].picture.pixels);
    for (uint32_t i = 0; i < 2; i++) {
        free(s->batches[i].samples);
        free(s->batches[i].pieces);
    }
}

void source_times(const struct source *s, double *decode, double *prepare)
{
    *decode = *prepare = 0;
    for (uint32_t i = 0; i < SOURCE_THREADS; i++) *decode += s->decoders[i].decode, *prepare += s->decoders[i].prepare;
}
