/* graph_text.c - graphs print, parse back to the same text, and no damaged text crashes the parser; DOT; numbers. */
#include "graph/print.h"
#include "graph/reference.h"
#include "graph/train/optimizer.h"
#include "tests/graph_help.h"
#include "tests/op_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct text_test {
    struct tuff_context *context;
    struct op_random random;
    unsigned failures;
};

#define check(t, ...) graph_check(&(t)->failures, __VA_ARGS__)

/* A training step of a small network, with everything that has an attribute, a name or data. */
static struct tuff_graph *network(struct text_test *t)
{
    static const float weights[6] = {0.1f, -0.0f, 1e-40f, INFINITY, -3.5f, 1e30f};
    static const int32_t whole[3] = {-1, 0, INT32_MAX};
    static const uint8_t bytes[4] = {0, 1, 127, 255};
    struct tuff_graph *g = NULL;
    if (tuff_graph_create(t->context, &g, NULL) != TUFF_OK) abort();
    tuff_val x = tuff_input(g, "x \"quoted\"\n\\ \xc3\xa4", TUFF_F32, TUFF_SHAPE(2, 3, 8, 8));
    tuff_val labels = tuff_input(g, "labels", TUFF_I32, TUFF_SHAPE(2));
    tuff_val w = tuff_param(g, "conv.w", TUFF_SHAPE(4, 3, 3, 3),
                            (struct tuff_init){TUFF_INIT_KAIMING_NORMAL, 0, 0, NULL, 0});
    tuff_val b = tuff_param(g, "conv.b", TUFF_SHAPE(4), (struct tuff_init){TUFF_INIT_UNIFORM, -1.0 / 3, 0.1, NULL, 0});
    tuff_val c = tuff_conv2d(g, x, w, b,
                             (struct tuff_conv2d_params){.stride = {1, 2}, .pad = {1, 0, 1, 0}, .dilation = {1, 1}});
    tuff_val gamma = tuff_param(g, "bn.gamma", TUFF_SHAPE(4), (struct tuff_init){TUFF_INIT_CONSTANT, 1, 0, NULL, 0});
    tuff_val beta = tuff_param(g, "bn.beta", TUFF_SHAPE(4), (struct tuff_init){0});
    tuff_val mean = tuff_state(g, "bn.mean", TUFF_F32, TUFF_SHAPE(4), (struct tuff_init){0});
    tuff_val var = tuff_state(g, "bn.var", TUFF_F32, TUFF_SHAPE(4), (struct tuff_init){TUFF_INIT_CONSTANT, 1, 0, NULL, 0});
    struct tuff_batch_norm bn = tuff_batch_norm_train(g, tuff_named(g, c, "conv"), gamma, beta, mean, var, 1e-5, 0.1);
    tuff_assign(g, mean, bn.mean);
    tuff_assign(g, var, bn.var);
    tuff_val y = tuff_dropout(g, tuff_gelu(g, bn.y), tuff_rng_state(g), 0.25);
    y = tuff_max_pool2d(g, y, (struct tuff_pool2d_params){.kernel = {2, 1}, .ceil_mode = true});
    tuff_val data = tuff_param(g, "data", TUFF_SHAPE(2, 3), (struct tuff_init){TUFF_INIT_DATA, 0, 0, weights, 0});
    tuff_val ints = tuff_constant(g, (struct tuff_type){TUFF_I32, TUFF_SHAPE(3)}, whole);
    tuff_val small = tuff_constant(g, (struct tuff_type){TUFF_U8, TUFF_SHAPE(2, 2)}, bytes);
    tuff_val flags = tuff_cast(g, small, TUFF_BOOL);
    tuff_val rest = tuff_gather(g, tuff_flatten(g, y), ints, 1);
    rest = tuff_add(g, rest,
                    tuff_slice(g, data, (const uint32_t[]){0, 2}, (const int32_t[]){1, -1}, (const uint32_t[]){2, 3}));
    rest = tuff_select(g, tuff_slice(g, flags, (const uint32_t[]){0, 0}, (const int32_t[]){1, 1}, (const uint32_t[]){2, 1}),
                       rest, tuff_scalar(g, 0.1));
    rest = tuff_pad(g, tuff_transpose(g, rest), (const uint32_t[]){1, 0}, (const uint32_t[]){0, 0}, -0.0);
    tuff_val logits = tuff_matmul(g, tuff_clamp(g, rest, -INFINITY, 1e22), tuff_reshape(g, data, TUFF_SHAPE(2, 3)),
                                  (struct tuff_matmul_params){0});
    logits = tuff_concat(g, (tuff_val[]){logits, tuff_elu(g, logits, 1.0 / 3, 0)}, 2, -1);
    logits = tuff_slice(g, logits, (const uint32_t[]){1, 0}, (const int32_t[]){2, 1}, (const uint32_t[]){2, 6});
    tuff_val loss = tuff_cross_entropy(
        g, logits, labels,
        (struct tuff_cross_entropy_params){.label_smoothing = 0.1, .use_ignore_index = true, .ignore_index = -100});
    struct tuff_optimizer_params params = tuff_optimizer_defaults(TUFF_ADAMW, 1e-3);
    params.weight_decay = 0.01;
    params.clip_norm = 1;
    struct tuff_optimizer optimizer = {0};
    tuff_optimizer_build(g, &(struct tuff_optimizer_plan){.loss = tuff_named(g, loss, "loss"), .weight = 1}, &params,
                         &optimizer);
    return g;
}

/* Graph of all cases of an operator. */
static struct tuff_graph *cases_of(struct text_test *t, const struct tuff_op *op)
{
    struct tuff_graph *g = NULL;
    struct op_case_values values;
    if (tuff_graph_create(t->context, &g, NULL) != TUFF_OK) abort();
    for (uint32_t c = 0; c < op_case_count(op); c++)
        check(t, op_add_case(g, op, op_case(op, c), c, true, &values), "%s: no graph", op->name);
    return g;
}

static char *print(const struct tuff_graph *g)
{
    char *text = NULL;
    if (tuff_graph_print(g, &text, NULL) != TUFF_OK) abort();
    return text;
}

static void check_round_trip(struct text_test *t, const struct tuff_graph *g, const char *what)
{
    struct tuff_graph *back = NULL;
    struct tuff_error error = {0};
    char *text = print(g), *again = NULL;
    if (tuff_graph_create(t->context, &back, NULL) != TUFF_OK) abort();
    tuff_status status = tuff_graph_parse(back, text, &error);
    check(t, status == TUFF_OK, "%s: %s\n%s", what, error.message, text);
    if (status == TUFF_OK) {
        again = print(back);
        check(t, !strcmp(text, again), "%s: expected\n%s\ngot\n%s", what, text, again);
    }
    for (tuff_val v = 1; status == TUFF_OK && v < g->count; v++) {
        const struct tuff_value *p = &g->values[v], *q = &back->values[v];
        bool same = p->op == q->op && tuff_attrs_equal(p->op, p->attrs, q->attrs) &&
                    (!tuff_value_data_of(p).bytes || !memcmp(p->data, q->data, (size_t)tuff_value_data_of(p).bytes));
        check(t, same, "%s: value %u (%s) is not the same bytes", what, (unsigned)v, p->op->name);
    }
    tuff_text_free(t->context, text);
    tuff_text_free(t->context, again);
    tuff_graph_destroy(back);
}

/* What a parsed graph is good for must not crash either: printing, evaluating (where it is small), failing once more. */
static bool use(struct text_test *t, const char *text)
{
    struct tuff_graph *g = NULL;
    struct tuff_error error = {0};
    uint64_t elements = 0;
    if (tuff_graph_create(t->context, &g, NULL) != TUFF_OK) abort();
    tuff_status status = tuff_graph_parse(g, text, &error);
    if (status == TUFF_OK) {
        for (tuff_val v = 1; v < g->count; v++) elements += tuff_shape_count(&g->values[v].type.shape);
        if (elements < 20000) {
            double **data = tuff_reference_create(g);
            if (!data || tuff_reference_run(g, data) != TUFF_OK) abort();
            tuff_reference_destroy(g, data);
        }
        char *again = print(g);
        tuff_text_free(t->context, again);
    } else {
        check(t, status == TUFF_ERR_FORMAT && strstr(error.message, "line "),
              "expected TUFF_ERR_FORMAT with a line, got %s: %s", tuff_status_name(status), error.message);
        check(t, tuff_graph_finish(g, NULL) == status, "a graph that was not read whole must be failed");
    }
    tuff_graph_destroy(g);
    return status == TUFF_OK;
}

static void check_damage(struct text_test *t, const struct tuff_graph *g, const char *what, unsigned rounds)
{
    char *text = print(g);
    size_t length = strlen(text);
    char *copy = tuff_alloc(t->context, length + 2);
    unsigned parsed = 0;
    if (!copy) abort();
    for (size_t step = length / 400 + 1, cut = 0; cut < length; cut += step) {
        memcpy(copy, text, cut);
        copy[cut] = 0;
        bool whole = cut > 0 && text[cut - 1] == '\n';
        check(t, use(t, copy) == whole, "%s: text cut at %zu: expected to %s", what, cut, whole ? "parse" : "fail");
    }
    for (unsigned round = 0; round < rounds; round++) {
        memcpy(copy, text, length + 1);
        for (unsigned flips = 1 + (round & 3); flips; flips--) {
            uint32_t at = op_below(&t->random, (uint32_t)length), kind = op_below(&t->random, 3);
            if (kind == 0)
                copy[at] ^= (char)(1 << op_below(&t->random, 8));
            else if (kind == 1)
                copy[at] = "0123456789%_,()[]= \n-"[op_below(&t->random, 21)];
            else
                memmove(copy + at, copy + at + 1, length - at);
        }
        parsed += use(t, copy);
    }
    printf("%s: %u damaged texts, %u parse\n", what, rounds, parsed);
    tuff_free(t->context, copy);
    tuff_text_free(t->context, text);
}

static void check_refused(struct text_test *t)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "line 1: expected tuff-graph"},
        {"tuff-graph 2\n", "line 1: expected format version 1"},
        {"tuff-graph 1\n%2 = full() dtype=f32 : f32 []\n", "line 2: expected the next value's number"},
        {"tuff-graph 1\n%1 = nothing() : f32 []\n", "line 2: expected the name of an operator"},
        {"tuff-graph 1\n%1 = full() dtype=f8 : f32 []\n", "line 2: expected a type of elements"},
        {"tuff-graph 1\n%1 = full() dtype=f32 : i32 []\n", "line 2: expected the type that follows"},
        {"tuff-graph 1\n%1 = full() dtype=f32 shape=[4294967295, 4294967295, 4294967295] : f32 []\n",
         "line 2: full: its shape"},
        {"tuff-graph 1\n%1 = full() dtype=f32 shape=[4294967296] : f32 []\n", "line 2: expected a smaller number"},
        {"tuff-graph 1\n%1 = full() dtype=f32 shape=[1, 1, 1, 1, 1, 1, 1, 1, 1] : f32 []\n",
         "line 2: expected a shorter list"},
        {"tuff-graph 1\n%1 = full() shape=[2] dtype=f32 : f32 [2]\n", "line 2"},
        {"tuff-graph 1\n%1 = full() dtype=f32 value=1e300 : f32 []\n", "line 2: expected a number whose last"},
        {"tuff-graph 1\n%1 = full() dtype=f32 value=1234567890123456 : f32 []\n", "line 2: expected a number of at most"},
        {"tuff-graph 1\n%1 = input() dtype=f32 : f32 []\n", "line 2: expected a name"},
        {"tuff-graph 1\n%1 \"x\" = input() dtype=f32 : f32 []\n%2 \"x\" = input() dtype=f32 : f32 []\n",
         "the name 'x' is taken"},
        {"tuff-graph 1\n%1 \"\" = input() dtype=f32 : f32 []\n", "line 2: expected a name that is not empty"},
        {"tuff-graph 1\n%1 \"\\q\" = input() dtype=f32 : f32 []\n", "line 2: expected \\\""},
        {"tuff-graph 1\n%1 = neg(%1) : f32 []\n", "line 2: expected an earlier value"},
        {"tuff-graph 1\n%1 = neg(_) : f32 []\n", "line 2: expected a value instead of _"},
        {"tuff-graph 1\n%1 = full() dtype=f32 : f32 []\n%2 = mul_da(%1, _, _, _) : f32 []\n",
         "line 3: expected a value instead of _"},
        {"tuff-graph 1\n%1 = full() dtype=f32 : f32 []\n%2 = neg(%1, %1) : f32 []\n",
         "line 3: neg: it takes 1 to 1 operands, not 2"},
        {"tuff-graph 1\n%1 = constant() dtype=f32 shape=[2] data=00000000 : f32 [2]\n",
         "line 2: expected 16 hexadecimal digits"},
        {"tuff-graph 1\n%1 = constant() dtype=f32 shape=[2147483647] data=00 : f32 [2147483647]\n",
         "line 2: expected 17179869176 hex"},
        {"tuff-graph 1\n%1 = constant() dtype=u8 shape=[2] data=0g00 : u8 [2]\n", "line 2: expected 4 hexadecimal digits"},
        {"tuff-graph 1\n%1 \"w\" = param() dtype=i32 : i32 []\n%2 = param_pack(%1) : f32 [64]\n",
         "line 3: expected parameters of f32"},
        {"tuff-graph 1\n%1 \"w\" = param() dtype=f32 init=9 : f32 []\n", "line 2: expected a known initialiser"},
        {"tuff-graph 1\n%1 \"x\" = input() dtype=f32 : f32 []\n%2 = param_pack(%1) : f32 [64]\n",
         "line 3: expected parameters of f32"},
        {"tuff-graph 1\n%1 \"x\" = input() dtype=f32 shape=[64] : f32 [64]\n%2 = pack(%1, %1) : f32 [64]\n",
         "line 3: expected a state"},
        {"tuff-graph 1\n%1 \"x\" = input() dtype=f32 : f32 []\n%2 = assign(%1, %1) : f32 []\n",
         "line 3: assign of f32 [] 'x' and f32 [] 'x': the first must be a state"},
        {"tuff-graph 1\n%1 = full() dtype=f32 shape=[2] : f32 [2]\n%2 = slice(%1) start=[0] size=[2] : f32 [2]\n",
         "line 3: slice"},
        {"tuff-graph 1\n%1 = full() dtype=f32 shape=[2] : f32 [2]\n%2 = permute(%1) order=[1] : f32 [2]\n",
         "line 3: permute"},
        {"tuff-graph 1\n%1 = full() dtype=f32 shape=[2] : f32 [2]\n%2 = permute(%1) : f32 [2]\n", "line 3: permute"},
        {"tuff-graph 1\n%1 = full() dtype=f32 shape=[2, 2] : f32 [2, 2]\n"
         "%2 = permute(%1) order=[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] : f32 [2, 2]\n",
         "line 3: permute"},
        {"tuff-graph 1\n%1 = full() dtype=f32 shape=[2] : f32 [2]\n%2 = permute(%1) order=[0, : f32 [2]\n",
         "line 3: expected a number"},
        {"tuff-graph 1\n%1 = full() dtype=f32 shape=[2, 64] : f32 [2, 64]\n"
         "%2 = matmul(%1, %1) transpose_b=1 splits=2 : f32 [2, 2, 2]\n",
         "(full, value 1): splits are a compiler's, not a graph's"},
        {"tuff-graph 1\n%1 = full() dtype=f32 : f32 []", "line 2: expected the end of the line"},
    };
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct tuff_graph *g = NULL;
        struct tuff_error error = {0};
        if (tuff_graph_create(t->context, &g, NULL) != TUFF_OK) abort();
        tuff_status status = tuff_graph_parse(g, cases[i].text, &error);
        check(t, status == TUFF_ERR_FORMAT && strstr(error.message, cases[i].expected), "%s\nexpected '%s', got '%s'",
              cases[i].text, cases[i].expected, error.message);
        check(t, tuff_graph_parse(g, "tuff-graph 1\n", NULL) == TUFF_ERR_USAGE,
              "a failed graph must not be read into again");
        tuff_graph_destroy(g);
    }
}

/* Every double must come back: by the value of full. */
static void check_numbers(struct text_test *t)
{
    static const double some[] = {0,
                                  1,
                                  0.1,
                                  1.0 / 3,
                                  1e-5,
                                  1e15,
                                  123456789012345,
                                  1e22,
                                  1e23,
                                  5e-324,
                                  2.2250738585072014e-308,
                                  1.7976931348623157e308,
                                  1e-22,
                                  0.001,
                                  1500,
                                  12.5};
    static const char *const texts[] = {"0",   "1", "0.1", "0x1.5555555555555p-2", "0.00001", "1e15", "123456789012345",
                                        "1e22"};
    for (unsigned i = 0; i < 20000; i++) {
        struct tuff_text text;
        double v = i < 2 * TUFF_COUNT(some) ? some[i / 2]
                                            : op_normal(&t->random) * pow(10, (double)op_below(&t->random, 60) - 30);
        if (i >= 10000) v = nearbyint(v * 1000) / 1000;
        if (i & 1) v = -v;
        tuff_text_init(&text, t->context);
        tuff_print_number(&text, v);
        if (i % 2 == 0 && i / 2 < TUFF_COUNT(texts))
            check(t, !strcmp(text.data, texts[i / 2]), "number %.17g: expected %s, got %s", v, texts[i / 2], text.data);
        char line[200];
        snprintf(line, sizeof line, "tuff-graph 1\n%%1 = full() dtype=f32 value=%s : f32 []\n", text.data);
        struct tuff_graph *g = NULL;
        struct tuff_error error = {0};
        if (tuff_graph_create(t->context, &g, NULL) != TUFF_OK) abort();
        if (tuff_graph_parse(g, line, &error) != TUFF_OK) {
            check(t, false, "number %.17g as %s: %s", v, text.data, error.message);
        } else {
            double **data = tuff_reference_create(g);
            if (!data || tuff_reference_run(g, data) != TUFF_OK) abort();
            check(t, !memcmp(data[1], &v, sizeof v), "number %.17g as %s: got %.17g", v, text.data, *data[1]);
            tuff_reference_destroy(g, data);
        }
        tuff_text_finish(&text);
        tuff_graph_destroy(g);
    }
}

static void check_dot(struct text_test *t, const struct tuff_graph *g)
{
    char *text = NULL;
    unsigned nodes = 0, edges = 0, inputs = 0;
    if (tuff_graph_print_dot(g, &text, NULL) != TUFF_OK) abort();
    for (const char *at = text; (at = strstr(at, "[label=")) != NULL; at++) nodes++;
    for (const char *at = text; (at = strstr(at, " -> v")) != NULL; at++) edges++;
    for (tuff_val v = 1; v < g->count; v++)
        for (uint32_t i = 0; i < g->values[v].in_count; i++) inputs += g->values[v].in[i] != 0;
    check(t, !strncmp(text, "digraph tuff {", 14) && strstr(text, "x \\\"quoted\\\""),
          "dot: expected a digraph with an escaped name:\n%.400s", text);
    check(t, nodes == g->count - 1 && edges == inputs, "dot: expected %u nodes and %u edges, got %u and %u",
          (unsigned)g->count - 1, inputs, nodes, edges);
    tuff_text_free(t->context, text);
}

/* Lists and texts count by what they hold, and a copy holds its own. */
static void check_attributes(struct text_test *t)
{
    struct attrs {
        double number;
        struct tuff_list list;
        const char *text;
    };
    static const struct tuff_attr table[] = {{"number", "", TUFF_ATTR_F64, 1, offsetof(struct attrs, number)},
                                             {"list", "", TUFF_ATTR_LIST, 1, offsetof(struct attrs, list)},
                                             {"text", "", TUFF_ATTR_TEXT, 1, offsetof(struct attrs, text)}};
    static const struct tuff_op op = {
        .name = "test", .attrs = table, .attr_count = TUFF_COUNT(table), .attrs_bytes = sizeof(struct attrs)};
    int32_t numbers[3] = {1, -2, 3};
    char text[] = "one";
    const struct attrs given = {0.5, {3, numbers}, text};
    const struct attrs others[] = {{0.25, {3, numbers}, text}, {0.5, {2, numbers}, text},
                                   {0.5, {0, NULL}, text},     {0.5, {3, (int32_t[]){1, -2, 4}}, text},
                                   {0.5, {3, numbers}, "two"}, {0.5, {3, numbers}, "ones"},
                                   {0.5, {3, numbers}, NULL}};
    struct tuff_arena arena;
    tuff_arena_init(&arena, t->context);
    const struct attrs *copy = tuff_attrs_copy(&arena, &op, &given);
    uint64_t hash = tuff_attrs_hash(&op, 7, &given);
    check(t, copy && tuff_attrs_equal(&op, copy, &given) && tuff_attrs_hash(&op, 7, copy) == hash, "a copy is not equal");
    for (size_t i = 0; i < TUFF_COUNT(others); i++)
        check(t, !tuff_attrs_equal(&op, &given, &others[i]) && tuff_attrs_hash(&op, 7, &others[i]) != hash,
              "attributes %d are taken for equal", (int)i);
    numbers[1] = 9, text[0] = 'x';
    check(t, copy && copy->list.at[1] == -2 && !strcmp(copy->text, "one"), "the copy is of the caller's memory");
    tuff_arena_finish(&arena);
}

/* As far as "conv": the values before it and nothing behind it, in numbers of their own, and the same when read again. */
static void check_part(struct text_test *t, const struct tuff_graph *g)
{
    struct tuff_graph *part = NULL;
    struct tuff_error error = {0};
    char *text = NULL;
    const tuff_val conv = tuff_graph_find(g, "conv"), none[] = {0, g->count};
    if (tuff_graph_create(t->context, &part, NULL) != TUFF_OK) abort();
    bool good = tuff_graph_print_part(g, &conv, 1, &text, &error) == TUFF_OK &&
                tuff_graph_parse(part, text, &error) == TUFF_OK;
    check(t, good, "a part: %s", error.message);
    check(t, part->count == 8 && tuff_graph_find(part, "conv") == 7 && tuff_graph_leaf_count(part) == 2,
          "a part has other values than it needs:\n%s", text ? text : "");
    check_round_trip(t, part, "a part");
    for (int i = 0; i < 2; i++)
        check(t, tuff_graph_print_part(g, &none[i], 1, &text, &error) == TUFF_ERR_USAGE, "value %u was printed",
              (unsigned)none[i]);
    tuff_text_free(t->context, text);
    tuff_graph_destroy(part);
}

int main(int argc, char **argv)
{
    struct text_test t = {.random = op_random_start(argc, argv)};
    if (tuff_context_create(NULL, &t.context, NULL) != TUFF_OK) return 1;
    struct tuff_graph *g = network(&t);
    check(&t, g->status == TUFF_OK, "network: %s", g->error.message);
    check_round_trip(&t, g, "network");
    check_dot(&t, g);
    check_part(&t, g);
    check_refused(&t);
    check_numbers(&t);
    check_attributes(&t);
    for (uint32_t i = 0; i < tuff_op_count; i++) {
        if (!op_case_count(tuff_ops[i])) continue;
        struct tuff_graph *of_op = cases_of(&t, tuff_ops[i]);
        check_round_trip(&t, of_op, tuff_ops[i]->name);
        tuff_graph_destroy(of_op);
    }
    check_damage(&t, g, "network", 4000);
    struct tuff_graph *small = cases_of(&t, tuff_op_find("slice"));
    check_damage(&t, small, "slice", 4000);
    tuff_graph_destroy(small);
    tuff_graph_destroy(g);
    printf("graph_text: %u failures\n", t.failures);
    tuff_context_destroy(t.context);
    return t.failures != 0;
}
