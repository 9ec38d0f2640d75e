/* session_places.c - what the host writes is what its input takes: labels that are classes, indices that are inside, elements of its type. */
#include "tests/backend_help.h"
#include "tests/temporary.h"

#include "backend/executable.h"
#include "graph/graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 4, CLASSES = 3, WORDS = 7 };

static struct tuff_error error;

static bool ok(struct backend_test *t, const char *what, tuff_status status)
{
    return backend_status(t, what, TUFF_OK, status, &error);
}

static void refused(struct backend_test *t, const char *what, tuff_status status, const char *sentence)
{
    backend_status(t, what, TUFF_ERR_USAGE, status, &error);
    backend_check(t, strstr(error.message, sentence), "%s: expected \"%s\", got \"%s\"", what, sentence, error.message);
}

struct part {
    struct tuff_graph *g;
    struct tuff_session *session;
    struct tuff_executable *x;
};

static bool open_part(struct backend_test *t, struct part *p, tuff_val output)
{
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &output, .output_count = 1};
    return ok(t, "session", tuff_session_create(t->device, p->g, NULL, &p->session, &error)) &&
           ok(t, "compile", tuff_session_compile(p->session, &params, &p->x, &error));
}

static void close_part(struct part *p)
{
    tuff_executable_destroy(p->x);
    tuff_session_destroy(p->session);
    tuff_graph_destroy(p->g);
}

static struct tuff_graph *new_graph(struct backend_test *t)
{
    struct tuff_graph *g = NULL;
    if (!ok(t, "graph", tuff_graph_create(t->context, &g, &error))) exit(1);
    return g;
}

/* PyTorch raises for a class outside of 0 .. c-1 that is not ignore_index. */
static void test_labels(struct backend_test *t, bool ignores)
{
    static const int32_t good[ROWS] = {0, 2, 1, 0}, high[ROWS] = {0, 2, 1, 3}, low[ROWS] = {0, -100, 1, 2};
    static const float floats[ROWS] = {0, 2, 1, 0};
    struct part p = {.g = new_graph(t)};
    tuff_val logits = tuff_input(p.g, "logits", TUFF_F32, TUFF_SHAPE(ROWS, CLASSES));
    tuff_val labels = tuff_input(p.g, "labels", TUFF_I32, TUFF_SHAPE(ROWS));
    struct tuff_cross_entropy_params params = {.use_ignore_index = ignores, .ignore_index = -100};
    if (!open_part(t, &p, tuff_cross_entropy(p.g, logits, labels, params))) return;
    ok(t, "classes", tuff_executable_write(p.x, labels, good, sizeof good, &error));
    t->quiet = true;
    refused(t, "a label that is too large", tuff_executable_write(p.x, labels, high, sizeof high, &error),
            "i32 [4] 'labels': label [3] is 3, which is none of the 3 classes of f32 [4, 3] 'logits', 0 to 2");
    refused(t, "floats", tuff_executable_write(p.x, labels, floats, sizeof floats, &error), "bits of the float 2");
    if (!ignores)
        refused(t, "a label of -100", tuff_executable_write(p.x, labels, low, sizeof low, &error),
                "label [1] is -100, which is none of the 3 classes of f32 [4, 3] 'logits', 0 to 2; a label that is to count "
                "nothing is named by ignore_index");
    t->quiet = false;
    if (ignores) ok(t, "what is ignored", tuff_executable_write(p.x, labels, low, sizeof low, &error));
    close_part(&p);
}

/* Rows of a table by words, the classes of the next word: a language model's tokens, of which both are slices. */
static void test_tokens(struct backend_test *t)
{
    static const uint32_t first[2] = {0, 0}, second[2] = {0, 1}, size[2] = {2, 2};
    static const int32_t step[2] = {1, 1};
    static const int64_t good[6] = {0, 6, 5, -1, 3, 2}, word[6] = {0, 6, 5, 1, 7, 2}, next[6] = {0, 6, 5, 1, 3, -1};
    struct part p = {.g = new_graph(t)};
    tuff_val tokens = tuff_input(p.g, "tokens", TUFF_I64, TUFF_SHAPE(2, 3));
    tuff_val table = tuff_param(p.g, "table", TUFF_SHAPE(WORDS, WORDS),
                                (struct tuff_init){.kind = TUFF_INIT_NORMAL, .b = 1});
    tuff_val words = tuff_slice(p.g, tokens, first, step, size), answers = tuff_slice(p.g, tokens, second, step, size);
    tuff_val flat = tuff_reshape(p.g, words, TUFF_SHAPE(4));
    tuff_val logits = tuff_gather(p.g, table, flat, 0), flat_answers = tuff_reshape(p.g, answers, TUFF_SHAPE(4));
    tuff_val loss = tuff_cross_entropy(p.g, logits, flat_answers,
                                       (struct tuff_cross_entropy_params){.label_smoothing = 0.1});
    if (!open_part(t, &p, loss)) return;
    ok(t, "words", tuff_executable_write(p.x, tokens, good, sizeof good, &error)); /* -1 is the last row, and no answer */
    t->quiet = true;
    refused(t, "a word that is not in the table", tuff_executable_write(p.x, tokens, word, sizeof word, &error), " is 7, ");
    refused(t, "an answer below 0", tuff_executable_write(p.x, tokens, next, sizeof next, &error),
            "label [1, 1] is -1, which is none of the 7 classes of");
    t->quiet = false;
    close_part(&p);
}

static void test_indices(struct backend_test *t)
{
    static const int32_t outside[2] = {1, WORDS}, below[2] = {1, -WORDS - 1}, inside[2] = {-WORDS, WORDS - 1};
    struct part p = {.g = new_graph(t)};
    tuff_val x = tuff_input(p.g, "x", TUFF_F32, TUFF_SHAPE(2, WORDS)), at = tuff_input(p.g, "at", TUFF_I32, TUFF_SHAPE(2));
    if (!open_part(t, &p, tuff_gather(p.g, x, at, 1))) return;
    ok(t, "inside", tuff_executable_write(p.x, at, inside, sizeof inside, &error));
    t->quiet = true;
    refused(t, "behind the end", tuff_executable_write(p.x, at, outside, sizeof outside, &error),
            "i32 [2] 'at': index [1] is 7, outside of gather of f32 [2, 7] 'x': -7 to 6");
    refused(t, "before the begin", tuff_executable_write(p.x, at, below, sizeof below, &error), "index [1] is -8");
    t->quiet = false;
    close_part(&p);

    struct part q = {.g = new_graph(t)};
    x = tuff_input(q.g, "x", TUFF_F32, TUFF_SHAPE(2, WORDS));
    at = tuff_constant(q.g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(2)}, outside);
    tuff_val y = tuff_gather(q.g, x, at, 1);
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
    t->quiet = true;
    ok(t, "session", tuff_session_create(t->device, q.g, NULL, &q.session, &error));
    refused(t, "a constant", tuff_session_compile(q.session, &params, &q.x, &error), "index [1] is 7, outside of gather");
    t->quiet = false;
    close_part(&q);
}

/* NumPy's same_kind: floats to floats, whole numbers to both; nothing that does not fit. */
static void test_types(struct backend_test *t)
{
    static const uint8_t bytes[2] = {3, 250};
    static const double doubles[2] = {0.1, -2}, huge[2] = {1, 1e300};
    static const int64_t wide[2] = {1, (int64_t)1 << 40};
    static const float floats[2] = {1, 2};
    struct part p = {.g = new_graph(t)};
    tuff_val x = tuff_input(p.g, "x", TUFF_F32, TUFF_SHAPE(2)), k = tuff_input(p.g, "k", TUFF_I32, TUFF_SHAPE(2));
    float y[2] = {0};
    if (!open_part(t, &p, tuff_add(p.g, x, tuff_cast(p.g, k, TUFF_F32)))) return;
    ok(t, "f64 into f32", tuff_executable_write_as(p.x, x, TUFF_F64, doubles, 2, &error));
    ok(t, "u8 into i32", tuff_executable_write_as(p.x, k, TUFF_U8, bytes, 2, &error));
    ok(t, "run", tuff_executable_run(p.x, &error));
    ok(t, "read", tuff_executable_read(p.x, 0, y, sizeof y, &error));
    backend_check(t, y[0] == 0.1f + 3 && y[1] == 248, "expected 3.1 and 248, got %g and %g", (double)y[0], (double)y[1]);
    t->quiet = true;
    refused(t, "f32 into i32", tuff_executable_write_as(p.x, k, TUFF_F32, floats, 2, &error),
            "i32 [2] 'k': what is given as f32 does not become i32");
    refused(t, "what does not fit into i32", tuff_executable_write_as(p.x, k, TUFF_I64, wide, 2, &error),
            "element 1, 1.09951163e+12, does not fit into i32");
    refused(t, "what does not fit into f32", tuff_executable_write_as(p.x, x, TUFF_F64, huge, 2, &error),
            "element 1, 1e+300");
    refused(t, "one element", tuff_executable_write_as(p.x, x, TUFF_F64, doubles, 1, &error), "has 2 elements, not 1");
    t->quiet = false;

    /* an executable of a file has no values */
    char path[256];
    struct tuff_executable *loaded = NULL;
    temporary_path("session_places.tuff", path, sizeof path);
    ok(t, "save", tuff_executable_save(p.x, path, &error));
    ok(t, "load", tuff_executable_load(t->device, path, NULL, &loaded, &error));
    remove(path);
    t->quiet = true;
    refused(t, "a value of a loaded one", tuff_executable_write(loaded, x, floats, sizeof floats, &error),
            "loaded from a file");
    refused(t, "an output of a loaded one", tuff_executable_read(loaded, 0, y, sizeof y, &error), "tuff_executable_get");
    t->quiet = false;
    backend_check(t, tuff_executable_figures(loaded).launches == 0, "figures of a loaded executable");
    char *text = NULL;
    ok(t, "its report", tuff_executable_report(loaded, &text, &error));
    tuff_text_free(t->context, text);
    tuff_executable_destroy(loaded);
    close_part(&p);
}

/* A step is not made of a batch that was refused. */
static void test_trainer(struct backend_test *t)
{
    static const float x[ROWS * 2] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const int32_t bad[ROWS] = {0, 1, 2, CLASSES};
    static const uint8_t good[ROWS] = {0, 1, 2, 1};
    float loss = 0;
    struct part p = {.g = new_graph(t)};
    struct tuff_trainer *trainer = NULL;
    tuff_val in = tuff_input(p.g, "x", TUFF_F32, TUFF_SHAPE(ROWS, 2)),
             labels = tuff_input(p.g, "y", TUFF_I32, TUFF_SHAPE(ROWS));
    tuff_val y = tuff_layer_dense(p.g, in, "dense", (struct tuff_layer_dense_params){.units = CLASSES});
    struct tuff_trainer_params params = {.struct_size = sizeof params, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.1)};
    params.loss = tuff_cross_entropy(p.g, y, labels, (struct tuff_cross_entropy_params){.reduction = TUFF_REDUCE_MEAN});
    ok(t, "trainer", tuff_trainer_create(p.g, &params, &trainer, &error));
    ok(t, "session", tuff_session_create(t->device, p.g, NULL, &p.session, &error));
    ok(t, "compile", tuff_trainer_compile(trainer, p.session, NULL, &error));
    ok(t, "x", tuff_trainer_write(trainer, in, x, sizeof x, &error));
    t->quiet = true;
    refused(t, "labels", tuff_trainer_write(trainer, labels, bad, sizeof bad, &error), "label [3] is 3");
    refused(t, "a step", tuff_trainer_step(trainer, NULL, &error), "input 'y' i32 [4] was never written");
    t->quiet = false;
    ok(t, "labels of bytes", tuff_trainer_write_as(trainer, labels, TUFF_U8, good, ROWS, &error));
    ok(t, "step", tuff_trainer_step(trainer, NULL, &error));
    ok(t, "loss", tuff_trainer_read(trainer, params.loss, &loss, sizeof loss, &error));
    backend_check(t, loss > 0 && isfinite(loss), "loss %g", (double)loss);
    tuff_trainer_destroy(trainer);
    close_part(&p);
}

/* Dropout that stays in inference (Gal and Ghahramani 2016): the same mask in each run, or another one. */
static void test_random(struct backend_test *t, bool advances)
{
    float y[2][64] = {{0}};
    struct part p = {.g = new_graph(t)};
    tuff_val ones = tuff_full(p.g, TUFF_F32, TUFF_SHAPE(64), 1);
    tuff_val outputs[2] = {tuff_layer_dropout(p.g, ones, 0.5, true), advances ? tuff_rng_advance(p.g) : 0};
    struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = outputs, .output_count = advances ? 2 : 1};
    ok(t, "session", tuff_session_create(t->device, p.g, NULL, &p.session, &error));
    if (!ok(t, "compile", tuff_session_compile(p.session, &params, &p.x, &error))) return;
    for (int i = 0; i < 2; i++) {
        ok(t, "run", tuff_executable_run(p.x, &error));
        ok(t, "read", tuff_executable_read(p.x, 0, y[i], sizeof y[i], &error));
    }
    bool same = !memcmp(y[0], y[1], sizeof y[0]);
    backend_check(t, same != advances, "masks of two runs are %s", same ? "equal" : "different");
    close_part(&p);
}

int main(void)
{
    struct backend_test t;
    int skipped = backend_test_begin(&t, NULL);
    if (skipped) return skipped;
    test_labels(&t, false);
    test_labels(&t, true);
    test_tokens(&t);
    test_indices(&t);
    test_types(&t);
    test_trainer(&t);
    test_random(&t, false);
    test_random(&t, true);
    return backend_test_end(&t, "session_places");
}
