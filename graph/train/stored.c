/* stored.c - networks of a model as text, and a build function that reads them: what a file needs so that a model can be made, and trained
 * further, without the program that declared it. One text for each size of batch and each purpose, as shapes are part of a graph.
 *
 *     tuff-network 1
 *     field 0 1              field 0 of the model is value 1 of the graph below, as build is given it
 *     labels 2 9 -100        value 2 names classes of value 9; the third number is the label that counts nothing, if there is one
 *     loss 25 0              loss, weight
 *     output probabilities 26
 *     metric accuracy 31 0   value, weight
 *     tuff-graph 1 .. */
#include "graph/places.h"
#include "graph/print.h"
#include "graph/train/model.h"

#include <stdio.h>

static const char head[] = "tuff-network 1\n", graph_head[] = "tuff-graph ";

static bool is_there(const struct tuff_network *n, uint32_t i) { return n->fields[i] != 0; }

enum { KEY_BYTES = 40 };
static void network_key(const struct tuff_network *n, char key[KEY_BYTES])
{
    unsigned fields = 0;
    for (uint32_t i = 0; i < TUFF_MODEL_FIELDS; i++) fields |= (unsigned)is_there(n, i) << i;
    snprintf(key, KEY_BYTES, "network.%s.%u.%x", n->training ? "train" : "test", (unsigned)n->batch, fields);
}

/* ---- writing --------------------------------------------------------------------------------------------------------------------- */

static void print(const struct tuff_graph *g, const struct tuff_network *n, struct tuff_text *t)
{
    tuff_text_add(t, "%s", head);
    for (uint32_t i = 0; i < TUFF_MODEL_FIELDS; i++)
        if (is_there(n, i)) tuff_text_add(t, "field %u %u\n", (unsigned)i, (unsigned)n->fields[i]);
    for (uint32_t i = 0; i < g->label_count; i++) {
        const struct tuff_labels *l = &g->labels[i];
        tuff_text_add(t, "labels %u %u", (unsigned)l->labels, (unsigned)l->logits);
        if (l->ignored) tuff_text_add(t, " %d", (int)*l->ignored);
        tuff_text_add(t, "\n");
    }
    tuff_text_add(t, "loss %u %u\n", (unsigned)n->loss, (unsigned)n->weight);
    for (uint32_t i = 0; i < n->output_count; i++)
        tuff_text_add(t, "output %s %u\n", n->outputs[i].name, (unsigned)n->outputs[i].value);
    for (uint32_t i = 0; i < n->metric_count; i++)
        tuff_text_add(t, "metric %s %u %u\n", n->metrics[i].name, (unsigned)n->metrics[i].value,
                      (unsigned)n->metrics[i].weight);
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

struct reading {
    struct tuff_graph *g;
    struct tuff_network *n;
    tuff_val *map; /* [owned] NULL in the first pass, which looks for fields alone */
    uint32_t count;
    struct tuff_given given[TUFF_MODEL_FIELDS];
    uint32_t given_count;
    bool good;
};

static tuff_val value_of(struct reading *r, unsigned number)
{
    r->good = r->good && number < r->count;
    return r->good && number ? r->map[number] : 0;
}

static void read_line(struct reading *r, const char *line)
{
    unsigned a = 0, b = 0;
    int ignored = 0, read = 0;
    char name[41];
    if (!r->map) {
        if (sscanf(line, "field %u %u", &a, &b) != 2) return;
        r->good = r->good && a < TUFF_MODEL_FIELDS && is_there(r->n, a) && r->given_count < TUFF_MODEL_FIELDS;
        if (r->good) r->given[r->given_count++] = (struct tuff_given){b, r->n->fields[a]};
    } else if ((read = sscanf(line, "labels %u %u %d", &a, &b, &ignored)) >= 2) {
        const tuff_val labels = value_of(r, a), logits = value_of(r, b);
        r->good = r->good && labels && logits;
        if (r->good) tuff_places_of_labels(r->g, labels, logits, read == 3 ? &ignored : NULL);
    } else if (sscanf(line, "loss %u %u", &a, &b) == 2) {
        r->n->loss = value_of(r, a);
        r->n->weight = value_of(r, b);
    } else if ((read = sscanf(line, "output %40s %u", name, &a)) == 2 ||
               sscanf(line, "metric %40s %u %u", name, &a, &b) == 3) {
        const char *copy = tuff_arena_strdup(&r->g->arena, name);
        r->good = r->good && copy;
        if (read == 2)
            tuff_network_output(r->g, r->n, copy, value_of(r, a));
        else
            tuff_network_metric(r->g, r->n, copy, value_of(r, a), value_of(r, b));
    } else {
        r->good = r->good && !strncmp(line, "field ", 6);
    }
}

/* The lines before the graph; returns where that begins. */
static const char *read_lines(struct reading *r, const char *text)
{
    r->good = strncmp(text, head, strlen(head)) == 0;
    for (const char *end; r->good && (end = strchr(text, '\n')); text = end + 1) {
        char line[80];
        if (!strncmp(text, graph_head, strlen(graph_head))) return text;
        if ((size_t)(end - text) >= sizeof line) break;
        memcpy(line, text, (size_t)(end - text));
        line[end - text] = 0;
        if (strcmp(line, "tuff-network 1") != 0) read_line(r, line);
    }
    r->good = false;
    return text;
}

void tuff_network_of_texts(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    const struct tuff_network_texts *texts = user;
    struct reading r = {.g = g, .n = n};
    char key[KEY_BYTES];
    network_key(n, key);
    const char *text = texts->find(texts->user, key);
    if (!text) {
        tuff_graph_fail(g, TUFF_ERR_USAGE,
                        "the file holds no network %s batches of %u samples: it holds those of the training that was saved; "
                        "with others, "
                        "declare it by a function",
                        n->training ? "to train" : "for", (unsigned)n->batch);
        return;
    }
    const char *graph = read_lines(&r, text);
    if (r.good && tuff_graph_join(g, graph, r.given, r.given_count, &r.map, &r.count) == TUFF_OK) read_lines(&r, text);
    if (!r.good) tuff_graph_fail(g, TUFF_ERR_FORMAT, "the stored network \"%s\" is damaged", key);
    tuff_free(g->context, r.map);
}
