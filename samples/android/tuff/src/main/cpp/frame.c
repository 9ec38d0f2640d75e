/* frame.c - camera frames become samples by a graph for each layout of frames (samples/common/frames.h), kept for the last few. */
#include "frames.h"
#include "native.h"

#include <stdlib.h>
#include <string.h>

/* A plane as Android has it: bytes from row to row and from pixel to pixel. The last row ends with its last pixel. */
struct plane {
    const uint8_t *bytes;
    uint32_t rows, columns;
    size_t row, pixel;
};
enum { LAYOUT_WORDS = 7 }; /* of Frame.layout() */

struct frames_entry {
    struct frame_layout layout;
    struct net net;
    uint8_t *dense[FRAME_PLANES]; /* [owned] planes without what lies between their pixels, where something does; or NULL */
    uint64_t used;
};

static tuff_status build(struct net *net, struct tuff_context *context, const struct tuff_preprocess *p,
                         const struct frame_layout *l, struct tuff_error *error)
{
    tuff_status status = tuff_graph_create(context, &net->graph, error);
    if (status != TUFF_OK) return status;
    net->input_count = FRAME_PLANES;
    net->output_count = 1;
    net->outputs[0] = frame_sample(net->graph, p, l, net->inputs);
    status = tuff_graph_finish(net->graph, error);
    return status == TUFF_OK && !net->outputs[0] ? TUFF_ERR_MEMORY : status;
}

static void free_entry(struct frames_entry *e)
{
    net_finish(&e->net);
    for (int i = 0; i < FRAME_PLANES; i++) free(e->dense[i]);
    *e = (struct frames_entry){.used = 0};
}

void frames_finish(struct frames *frames)
{
    for (int i = 0; i < FRAMES_KEPT; i++) {
        if (frames->entries[i]) free_entry(frames->entries[i]);
        free(frames->entries[i]);
        frames->entries[i] = NULL;
    }
}

/* That of the layout, or a new one in the place of the one that was not used for longest. */
static tuff_status find_entry(struct model *m, const struct frame_layout *l, struct frames_entry **entry,
                              struct tuff_error *error)
{
    struct frames_entry **oldest = &m->frames.entries[0];
    for (int i = 0; i < FRAMES_KEPT; i++) {
        struct frames_entry **e = &m->frames.entries[i];
        if (*e && !memcmp(&(*e)->layout, l, sizeof *l)) {
            *entry = *e;
            return TUFF_OK;
        }
        if (!*e || (*oldest && (*e)->used < (*oldest)->used)) oldest = e;
    }
    struct frames_entry *made = calloc(1, sizeof *made);
    if (!made) return TUFF_ERR_MEMORY;
    made->layout = *l;
    tuff_status status = build(&made->net, m->opened->context, &tuff_saved_info(m->saved)->preprocess, l, error);
    if (status != TUFF_OK) {
        free_entry(made);
        free(made);
        return status;
    }
    if (*oldest) free_entry(*oldest);
    free(*oldest);
    *entry = *oldest = made;
    return TUFF_OK;
}

/* The pixels alone, row by row; NULL: memory is exhausted. */
static const uint8_t *dense(const struct plane *p, uint8_t **memory)
{
    if (p->pixel == 1 && (p->row == p->columns || p->rows == 1)) return p->bytes;
    if (!*memory) *memory = malloc((size_t)p->rows * p->columns);
    uint8_t *to = *memory;
    for (uint32_t j = 0; to && j < p->rows; j++, to += p->columns) {
        const uint8_t *from = p->bytes + j * p->row;
        if (p->pixel == 1)
            memcpy(to, from, p->columns);
        else
            for (uint32_t i = 0; i < p->columns; i++) to[i] = from[i * p->pixel];
    }
    return *memory;
}

NATIVE(void, Model, SampleFrame)
(JNIEnv *env, jclass class, jlong handle, jobject y, jobject u, jobject v, jintArray numbers, jobject sample)
{
    struct model *m = jni_pointer(handle);
    struct tuff_error error = {0};
    struct frames_entry *e = NULL;
    jint words[LAYOUT_WORDS];
    const void *in[FRAME_PLANES] = {0};
    void *out[] = {(void *)(uintptr_t)jni_span(env, sample).data};
    const jobject planes[FRAME_PLANES] = {y, u, v};
    (void)class;
    (*env)->GetIntArrayRegion(env, numbers, 0, LAYOUT_WORDS, words);
    if ((*env)->ExceptionCheck(env)) return;
    const uint32_t w = (uint32_t)words[0], h = (uint32_t)words[1];
    const struct frame_layout l = {w, h, (uint32_t)words[2]};
    tuff_status status = find_entry(m, &l, &e, &error);
    for (int i = 0; status == TUFF_OK && i < FRAME_PLANES; i++) {
        const struct plane plane = {.bytes = jni_span(env, planes[i]).data,
                                    .rows = i ? (h + 1) / 2 : h,
                                    .columns = i ? (w + 1) / 2 : w,
                                    .row = (size_t)words[i ? 5 : 3],
                                    .pixel = (size_t)words[i ? 6 : 4]};
        in[i] = dense(&plane, &e->dense[i]);
        if (!in[i]) status = TUFF_ERR_MEMORY;
    }
    if (status == TUFF_OK) {
        e->used = ++m->frames.runs;
        status = m->opened->device ? net_run(&e->net, m->opened->device, in, out, &error)
                                   : net_evaluate(&e->net, m->opened->context, in, out, NULL, &error);
    }
    if (status != TUFF_OK) jni_throw(env, status, &error);
}
