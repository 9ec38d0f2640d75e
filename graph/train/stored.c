/* stored.c - networks of a model as text, and a build function that reads them: what a file needs so that a model can be made, and trained
 * further, without the program that declared it. One text for each size of batch and each purpose, as shapes are part of a graph.
 *
 *     tuff-network 1
 *     field - 0 1                field 0 of the model is value 1 of the graph below, as build is given it
 *     labels - 2 9 -100          value 2 names classes of value 9; the third number is the label that counts nothing, if there is one
 *     loss - 25 0                loss, weight
 *     output probabilities 26 0
 *     metric accuracy 31 0       value, weight
 *     tuff-graph 1 .. */
#include "graph/places.h"
#include "graph/print.h"
#include "graph/train/model.h"

#include <stdio.h>

static const char head[] = "tuff-network 1\n", graph_head[] = "tuff-graph ";

enum { KEY_BYTES = 40 };
static void network_key(const struct tuff_network *n, char key[KEY_BYTES])
{
    unsigned fields = 0;
    for (uint32_t i = 0; i < TUFF_MODEL_FIELDS; i++) fields |= (unsigned)(n->fields[i] != 0) << i;
    snprintf(key, KEY_BYTES, "network.%s.%u.%x", n->training ? "train" : "test", (unsigned)n->batch, fields);
}

/* ---- writing --------------------------------------------------------------------------------------------------------------------- */

static void print(const struct tuff_graph *g, const struct tuff_network *n, struct tuff_text *t)
{
    tuff_text_add(t, "%s", head);
    for (uint32_t i = 0; i < TUFF_MODEL_FIELDS; i++)
        if (n->fields[i]) tuff_text_add(t, "field - %u %u\n", (unsigned)i, (unsigned)n->fields[i]);
    for (uint32_t i = 0; i < g->label_count; i++) {
        const struct tuff_labels *l = &g->labels[i];
        tuff_text_add(t, "labels - %u %u", (unsigned)l->labels, (unsigned)l->logits);
        if (l->ignored) tuff_text_add(t, " %d", (int)*l->ignored);
        tuff_text_add(t, "\n");
    }
    tuff_text_add(t, "loss - %u %u\n", (unsigned)n->loss, (unsigned)n->weight);
    for (uint32_t i = 0; i < n->output_count + n->metric_count; i++) {
        const bool output = i < n->output_count;
        const struct tuff_network_value *v = output ? &n->outputs[i] : &n->metrics[i - n->output_count];
        tuff_text_add(t, "%s %s %u %u\n", output ? "output" : "metric", v->name, (unsigned)v->value, (unsigned)v->weight);
    }
    tuff_graph_print_text(g, t);
}

tuff_status tuff_model_network_text(struct tuff_model *m, uint32_t batch, enum tuff_purpose purpose, char **key, char **text,
                                    struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, m && key && text);
    TUFF_REQUIRE_THAT(m->context, error, batch > 0, "the batch is 0");
    struct tuff_graph *g;
    struct tuff_text out;
    char name[KEY_BYTES];
    tuff_val fields[TUFF_MODEL_FIELDS] = {0};
    struct tuff_network n = {.batch = batch, .training = purpose == TUFF_TO_TRAIN, .fields = fields};
    TUFF_TRY(tuff_graph_create(m->context, &g, error));
    for (uint32_t i = 0; i < m->field_count; i++) {
        const struct tuff_field *f = &m->params.fields[i];
        bool whole = f->type.dtype == TUFF_I32 || f->type.dtype == TUFF_BOOL;
        if (f->answer && purpose == TUFF_TO_PREDICT) continue;
        fields[i] = tuff_input(g, f->name, whole ? f->type.dtype : TUFF_F32, tuff_model_batched(batch, &f->type.shape));
    }
    m->params.build(g, &n, m->params.user);
    n.fields = fields;
    tuff_model_network_fits(g, &n, purpose != TUFF_TO_PREDICT);
    tuff_status status = tuff_graph_finish(g, error);
    if (status == TUFF_OK) {
        network_key(&n, name);
        tuff_text_init(&out, m->context);
        print(g, &n, &out);
        status = tuff_text_give(&out, text, error);
        if (status == TUFF_OK && !(*key = tuff_strdup(m->context, name))) {
            tuff_free(m->context, *text);
            status = tuff_fail_memory(m->context, error);
        }
    }
    tuff_graph_destroy(g);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------------------------------------------- */

enum { MOST_LINES = 64 };
struct line {
    char kind[8], name[41];
    unsigned a, b;
    int32_t ignored;
    int read; /* of these */
};

/* The lines before the graph; returns where that begins, or NULL. */
static const char *read_lines(const char *text, struct line *lines, uint32_t *count)
{
    bool good = strncmp(text, head, strlen(head)) == 0;
    for (text += good ? strlen(head) : 0; good && strncmp(text, graph_head, strlen(graph_head)) != 0;) {
        struct line *l = &lines[(*count)++];
        const char *end = strchr(text, '\n');
        l->read = sscanf(text, "%7s %40s %u %u %d", l->kind, l->name, &l->a, &l->b, &l->ignored);
        good = end && l->read >= 4 && *count < MOST_LINES;
        if (good) text = end + 1;
    }
    return good ? text : NULL;
}

static bool take_line(struct tuff_graph *g, struct tuff_network *n, const struct line *l, const tuff_val *map,
                      uint32_t count)
{
    if (!strcmp(l->kind, "field")) return true;
    if (l->a >= count || l->b >= count) return false;
    const tuff_val a = map[l->a], b = map[l->b];
    const char *name = tuff_arena_strdup(&g->arena, l->name);
    if (!strcmp(l->kind, "labels")) {
        if (tuff_type_of(g, a).dtype != TUFF_I32 || tuff_type_of(g, b).shape.rank < 2) return false;
        tuff_places_of_labels(g, a, b, l->read == 5 ? &l->ignored : NULL);
    } else if (!strcmp(l->kind, "loss")) {
        n->loss = a;
        n->weight = b;
    } else if (!strcmp(l->kind, "output") && name) {
        tuff_network_output(g, n, name, a);
    } else if (!strcmp(l->kind, "metric") && name) {
        tuff_network_metric(g, n, name, a, b);
    } else {
        return false;
    }
    return true;
}

void tuff_network_of_texts(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    const struct tuff_network_texts *texts = user;
    struct tuff_given given[TUFF_MODEL_FIELDS];
    struct line lines[MOST_LINES];
    uint32_t count = 0, given_count = 0, map_count = 0;
    tuff_val *map = NULL;
    char key[KEY_BYTES];
    network_key(n, key);
    const char *text = texts->find(texts->user, key);
    if (!text) {
        tuff_graph_fail(
            g, TUFF_ERR_USAGE,
            "the file holds no network %s batches of %u samples: it holds those of the training that was saved; with "
            "others, declare it by a function",
            n->training ? "to train" : "for", (unsigned)n->batch);
        return;
    }
    const char *graph = read_lines(text, lines, &count);
    bool good = graph != NULL;
    for (uint32_t i = 0; i < count && good; i++) {
        if (strcmp(lines[i].kind, "field") != 0) continue;
        good = given_count < TUFF_MODEL_FIELDS && lines[i].a < TUFF_MODEL_FIELDS && n->fields[lines[i].a];
        if (good) given[given_count++] = (struct tuff_given){lines[i].b, n->fields[lines[i].a]};
    }
    if (good && tuff_graph_join(g, graph, given, given_count, &map, &map_count) == TUFF_OK)
        for (uint32_t i = 0; i < count && good; i++) good = take_line(g, n, &lines[i], map, map_count);
    if (!good) tuff_graph_fail(g, TUFF_ERR_FORMAT, "the stored network \"%s\" is damaged", key);
    tuff_free(g->context, map);
}
