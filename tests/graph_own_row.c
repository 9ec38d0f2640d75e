/* graph_own_row.c - operators of the app's own without a device: which texts are taken and what is said of others, the same row
 * twice, gradients, graph text and damaged ones, plans with and without a compiler. */
#include "graph/compile/compile.h"
#include "graph/ops/pointwise.h"
#include "tests/graph_help.h"
#include "tests/op_help.h"

#include <stdio.h>
#include <stdlib.h>

struct own_test {
    struct tuff_context *context;
    struct op_random random;
    unsigned failures;
};

#define check(t, ...) graph_check(&(t)->failures, __VA_ARGS__)

#define ROW(...)                                                                                                            \
    (&(struct tuff_pointwise_params){.struct_size = sizeof(struct tuff_pointwise_params), .name = "mine", __VA_ARGS__})

/* "" when the row is taken, else the sentence. */
static struct tuff_error declare(struct own_test *t, const struct tuff_pointwise_params *row, bool two)
{
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_error error = {0};
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(3));
    tuff_val y = tuff_pointwise(g, row, x, two ? x : 0);
    tuff_status status = tuff_graph_finish(g, &error);
    check(t, (status == TUFF_OK) == (y != 0), "%s: a value and status %d", row ? row->y : "no row", (int)status);
    check(t, status == TUFF_OK || status == TUFF_ERR_USAGE, "expected TUFF_ERR_USAGE, got %s", tuff_status_name(status));
    tuff_graph_destroy(g);
    return error;
}

static void test_taken(struct own_test *t)
{
    static const char *const texts[] = {"a",
                                        "1.0",
                                        "-a",
                                        "a - -b",
                                        "- -a",
                                        "a+b*p0/p1",
                                        ".5*a",
                                        "2.*a",
                                        "1e3 + 1.5e-7 * a",
                                        "(((a)))",
                                        " a ",
                                        "a < 0.0 ? a : b < a ? 1.0 : 0.0",
                                        "a < 0.0 && b > 1.0 || !(a == b) ? a : b",
                                        "(a < b ? a != b : a <= b) ? a : 2.0",
                                        "pw_pow(pw_square(a), b >= 0.0 ? 2.0 : 3.0)",
                                        "pw_xlogx( a , b )"};
    for (size_t i = 0; i < TUFF_COUNT(texts); i++) {
        struct tuff_error error = declare(t, ROW(.y = texts[i], .da = "y * a", .db = "y"), true);
        check(t, !error.message[0], "\"%s\": expected to be taken, got: %s", texts[i], error.message);
    }
}

static void test_refused(struct own_test *t)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "at the end: expected an operand"},
        {"a +", "at the end: expected an operand"},
        {"a b", "at 'b': expected an operator"},
        {"a)", "at ')': expected an operator"},
        {"(a", "at the end: expected )"},
        {"a; discard", "at '; discard': expected an operator"},
        {"a } void f() {", "expected an operator"},
        {"a # b", "expected an operator"},
        {"a \\", "expected an operator"},
        {"a \"", "expected an operator"},
        {"a // b", "at '/ b': expected an operand"},
        {"a /* b */", "expected an operand"},
        {"a\n+ 1.0", "expected an operator"},
        {"a\t", "expected an operator"},
        {"a, b", "expected an operator"},
        {"a = 1.0", "expected an operator"},
        {"a % 2.0", "expected an operator"},
        {"a[0]", "expected an operator"},
        {"a.x", "expected an operator"},
        {"+a", "expected an operand"},
        {"a--b", "put a space between"},
        {"--a", "put a space between"},
        {"a++b", "put a space between"},
        {"2 * a", "at '2 * a': a number has a decimal point"},
        {"1.5f", "this is no number"},
        {"1.2.3", "this is no number"},
        {".", "this is no number"},
        {"0x1p3", "this is no number"},
        {"1e", "an exponent has digits"},
        {"1e38 * a", "exponent up to 37"},
        {"1.0e99999999999999999999", "exponent up to 37"},
        {"1000000000000000000000000000000.0", "at most 30 digits"},
        {"exp(a)", "at 'exp(a)': no such name: operands are a and b"},
        {"v1", "no such name"},
        {"gl_FragCoord", "no such name"},
        {"pw_expp(a)", "no such name"},
        {"pw_exp_of_a_very_long_name(a)", "no such name"},
        {"aa", "no such name"},
        {"p2", "no such name"},
        {"pw_exp", "arguments in parentheses"},
        {"pw_exp(a, a)", "expected ) after the arguments"},
        {"pw_pow(a)", "has two arguments"},
        {"pw_exp(a < 0.0)", "an argument is a number"},
        {"b", "there is no second operand b"},
        {"y", "is for derivatives"},
        {"a < 0.0", "the result is a comparison"},
        {"a ? a : a", "what stands before ? is a comparison"},
        {"a < 0.0 ? a", "at the end: expected :"},
        {"a < 0.0 ? a : a < 0.0", "both sides of :"},
        {"(a < 0.0) + 1.0", "comparisons are no numbers"},
        {"a < 0.0 < 1.0", "comparisons are no numbers"},
        {"a && a", "&& and || are for comparisons"},
        {"!a", "! is for comparisons"},
        {"-(a < 0.0)", "a comparison has no sign"},
    };
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct tuff_error error = declare(t, ROW(.y = cases[i].text), false);
        check(t, strstr(error.message, cases[i].expected) && strstr(error.message, "'mine', y = "),
              "\"%s\": expected '%s', got '%s'", cases[i].text, cases[i].expected, error.message);
    }
    char deep[1003];
    memset(deep, '(', 1001);
    deep[1001] = 0;
    check(t, strstr(declare(t, ROW(.y = deep), false).message, "longer than"), "a text that is too long");
    deep[999] = 0;
    check(t, strstr(declare(t, ROW(.y = deep), false).message, "nested too deep"), "parentheses without end");
    for (size_t i = 0; i < 998; i++) deep[i] = "- "[i & 1];
    check(t, strstr(declare(t, ROW(.y = deep), false).message, "nested too deep"), "signs without end");
    check(t, strstr(declare(t, ROW(.y = "a", .da = "b"), false).message, "da = \"b\""), "a derivative is told by its name");
    check(t, strstr(declare(t, ROW(.y = "a", .db = "1.0"), false).message, "without an operand b"), "db without b");
    check(t, strstr(declare(t, ROW(.da = "a"), false).message, "no text of y"), "no y");
    check(t, strstr(declare(t, NULL, false).message, "are missing (NULL)"), "no params");
    check(t, strstr(declare(t, &(struct tuff_pointwise_params){.name = "x", .y = "a"}, false).message, "struct_size"),
          "no struct_size");
    static const char *const names[] = {NULL, "", "1x", "a b", "x\"", "x;", "a_name_of_more_than_forty_letters_is_too_long"};
    for (size_t i = 0; i < TUFF_COUNT(names); i++) {
        struct tuff_pointwise_params row = *ROW(.y = "a");
        row.name = names[i];
        check(t, strstr(declare(t, &row, false).message, "a name has letters"), "the name '%s'", names[i] ? names[i] : "-");
    }
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_error error = {0};
    tuff_pointwise(g, ROW(.y = "a"), tuff_input(g, "i", TUFF_I32, TUFF_SHAPE(3)), 0);
    check(t, tuff_graph_finish(g, &error) == TUFF_ERR_SHAPE && strstr(error.message, "it takes floats"), "integers: %s",
          error.message);
    tuff_graph_destroy(g);
}

/* The functions are those of pw_helpers.def, with their arguments. */
static void test_functions(struct own_test *t)
{
    static const struct {
        const char *name;
        bool two;
    } functions[] = {
#define PW_HELPER1(name, glsl, c, error) {#name, false},
#define PW_HELPER2(name, glsl, c, error) {#name, true},
#include "graph/ops/pw_helpers.def"
    };
    char text[100];
    for (size_t i = 0; i < TUFF_COUNT(functions); i++) {
        const char *name = functions[i].name;
        snprintf(text, sizeof text, functions[i].two ? "%s(a, a)" : "%s(a)", name);
        check(t, !declare(t, ROW(.y = text), false).message[0], "%s is refused", text);
        snprintf(text, sizeof text, functions[i].two ? "%s(a)" : "%s(a, a)", name);
        check(t, declare(t, ROW(.y = text), false).message[0], "%s is taken", text);
        check(t, strstr(declare(t, ROW(.y = "none"), false).message, name), "%s is not told", name);
    }
    check(t, TUFF_COUNT(functions) >= 16, "only %u functions", (unsigned)TUFF_COUNT(functions));
}

static uint32_t count_ops(const struct tuff_graph *g, const struct tuff_op *op)
{
    uint32_t count = 0;
    for (tuff_val v = 1; v < g->count; v++) count += g->values[v].op == op;
    return count;
}

static void test_same(struct own_test *t)
{
    struct tuff_graph *g = graph_fresh(t->context);
    char y[] = "a * p0", da[] = "p0";
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(5, 3)), row = tuff_input(g, "row", TUFF_F32, TUFF_SHAPE(3));
    tuff_val one = tuff_pointwise(g, ROW(.y = y, .da = da, .p0 = 2), x, 0);
    memset(y, '?', 6), memset(da, '?', 2); /* it has copies */
    tuff_val two = tuff_pointwise(g, ROW(.y = "a * p0", .da = "p0", .p0 = 3), x, 0);
    tuff_val other = tuff_pointwise(g, ROW(.y = "a * p0", .da = "p0 * 1.0"), x, 0);
    tuff_val both = tuff_pointwise(g, ROW(.y = "a * p0", .da = "p0"), x, row);
    tuff_val wide = tuff_pointwise(g, ROW(.y = "a * b", .da = "b", .db = "a"), row, x);
    if (!check(t, tuff_graph_finish(g, NULL) == TUFF_OK, "%s", g->error.message)) return;
    check(t, g->values[one].op == g->values[two].op, "the same row is another operator");
    check(t, g->values[one].op != g->values[other].op, "another derivative is the same operator");
    check(t, g->values[one].op != g->values[both].op, "another number of operands is the same operator");
    check(t, !strcmp(g->values[one].op->glsl, "a * p0") && !strcmp(g->values[one].op->name, "mine"), "texts are not copied");
    struct tuff_shape shape = tuff_type_of(g, wide).shape;
    check(t, tuff_shape_equal(&shape, &TUFF_SHAPE(5, 3)), "operands are not broadcast");
    /* no derivative: none flows; a constant one becomes no operator of its own */
    tuff_val gx[2];
    tuff_val mixed = tuff_pointwise(g, ROW(.y = "a + b", .da = "-1.0"), x, row);
    tuff_gradients(g, mixed, 0, (tuff_val[]){x, row}, 2, gx);
    check(t, g->values[gx[0]].op == &tuff_op_neg && g->values[gx[1]].op->kind == TUFF_KIND_FULL, "gradients are %s and %s",
          g->values[gx[0]].op->name, g->values[gx[1]].op->name);
    tuff_gradients(g, wide, 0, (tuff_val[]){x, row}, 2, gx);
    const struct tuff_value *by_x = &g->values[gx[0]];
    check(t, !strcmp(by_x->op->name, "mine_db") && by_x->in[1] && !by_x->in[2] && !by_x->in[3],
          "the gradient by b is %s, and reads other operands than its text names", by_x->op->name);
    tuff_graph_destroy(g);
}

/* A training step with operators of one and of two operands between those of the table. */
static tuff_val training(struct tuff_graph *g, tuff_val *loss)
{
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(7, 5));
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(4, 5), (struct tuff_init){TUFF_INIT_NORMAL, 0, 1, NULL, 0});
    tuff_val s = tuff_param(g, "s", TUFF_SHAPE(4), (struct tuff_init){TUFF_INIT_CONSTANT, 1, 0, NULL, 0}), gw[2];
    tuff_val y = tuff_matmul(g, x, w, (struct tuff_matmul_params){.transpose_b = true});
    y = tuff_pointwise(g,
                       ROW(.y = "a * pw_sigmoid(b * a)", .db = "y * (a - y)",
                           .da = "pw_sigmoid(b * a) * (1.0 + b * a * (1.0 - pw_sigmoid(b * a)))"),
                       y, s);
    y = tuff_pointwise(g, ROW(.y = "a > p1 ? p1 + p0 * (a - p1) : a", .da = "a > p1 ? p0 : 1.0", .p0 = 0.1, .p1 = 3), y, 0);
    *loss = tuff_named(g, tuff_mean(g, tuff_square(g, y), 0, TUFF_DROP_AXES), "loss");
    tuff_gradients(g, *loss, 0, (tuff_val[]){w, s}, 2, gw);
    tuff_named(g, gw[1], "gs");
    return tuff_named(g, gw[0], "gw");
}

static char *print(const struct tuff_graph *g)
{
    char *text = NULL;
    if (tuff_graph_print(g, &text, NULL) != TUFF_OK) abort();
    return text;
}

/* Parsed, printed, parsed: the same text; what is refused has a line. Returns whether it parses. */
static bool use(struct own_test *t, const char *text, bool must_be_same)
{
    struct tuff_graph *g = graph_fresh(t->context), *back = graph_fresh(t->context);
    struct tuff_error error = {0};
    bool parsed = tuff_graph_parse(g, text, &error) == TUFF_OK;
    if (parsed) {
        char *again = print(g), *third = NULL;
        check(t, !must_be_same || !strcmp(text, again), "expected\n%s\ngot\n%s", text, again);
        if (check(t, tuff_graph_parse(back, again, &error) == TUFF_OK, "%s\n%s", error.message, again)) third = print(back);
        check(t, third && !strcmp(again, third), "%s\nis printed otherwise the second time", again);
        tuff_text_free(t->context, again);
        tuff_text_free(t->context, third);
    } else {
        check(t, g->status == TUFF_ERR_FORMAT && strstr(error.message, "line "), "%s: %s", tuff_status_name(g->status),
              error.message);
    }
    tuff_graph_destroy(back);
    tuff_graph_destroy(g);
    return parsed;
}

static void test_text(struct own_test *t)
{
    struct tuff_graph *g = graph_fresh(t->context);
    tuff_val loss;
    training(g, &loss);
    if (!check(t, tuff_graph_finish(g, NULL) == TUFF_OK, "%s", g->error.message)) return;
    char *text = print(g);
    size_t length = strlen(text);
    check(t, use(t, text, true), "the text does not parse:\n%s", text);
    check(t,
          strstr(text, "= pointwise(%4, %5) row=\"mine\" y=\"a * pw_sigmoid(b * a)\" da=\"") &&
              strstr(text, "= pointwise_db("),
          "the text is another than documented:\n%s", text);
    char *copy = tuff_alloc(t->context, length + 2);
    unsigned parsed = 0, rounds = 4000;
    if (!copy) abort();
    for (unsigned round = 0; round < rounds; round++) {
        memcpy(copy, text, length + 1);
        for (unsigned flips = 1 + (round & 1); flips; flips--) {
            uint32_t at = op_below(&t->random, (uint32_t)length), kind = op_below(&t->random, 3);
            if (kind == 0)
                copy[at] ^= (char)(1 << op_below(&t->random, 8));
            else if (kind == 1)
                copy[at] = "aby01.+-*/<>?:()\"\\;{ \n"[op_below(&t->random, 22)];
            else
                memmove(copy + at, copy + at + 1, length - at);
        }
        parsed += use(t, copy, false);
    }
    printf("%u damaged texts, %u parse\n", rounds, parsed);
    check(t, parsed > 0 && parsed < rounds, "damage finds nothing or everything");
    tuff_free(t->context, copy);
    tuff_text_free(t->context, text);
    tuff_graph_destroy(g);
}

static void test_text_refused(struct own_test *t)
{
#define HEAD "tuff-graph 1\n%1 = full() dtype=f32 : f32 []\n%2 = "
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {HEAD "pointwise(%1) : f32 []\n", "line 3: pointwise: a name"},
        {HEAD "pointwise(%1) row=\"x\" y=\"a; a\" da=\"0.0\" : f32 []\n", "line 3: pointwise 'x', y = \"a; a\""},
        {HEAD "pointwise(%1) row=\"x y\" y=\"a\" da=\"0.0\" : f32 []\n", "line 3: pointwise: a name"},
        {HEAD "pointwise(%1, %1) row=\"x\" y=\"a\" da=\"0.0\" : f32 []\n", "line 3: x: it takes 1 to 1 operands, not 2"},
        {HEAD "pointwise(%1) row=\"x\" y=\"a\" da=\"0.0\" db=\"0.0\" : f32 []\n",
         "line 3: x: it takes 2 to 2 operands, not 1"},
        {HEAD "pointwise_db(%1, _, _, _) row=\"x\" y=\"a\" da=\"0.0\" : f32 []\n", "line 3: expected an operator of two"},
        {HEAD "pointwise_da(%1, _, _, _) row=\"x\" y=\"a\" da=\"a\" : f32 []\n", "line 3: expected a value instead of _"},
        {HEAD "pointwise_dc(%1, _, _, _) row=\"x\" y=\"a\" da=\"a\" : f32 []\n", "line 3: expected the name of an operator"},
    };
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        struct tuff_graph *g = graph_fresh(t->context);
        struct tuff_error error = {0};
        tuff_status status = tuff_graph_parse(g, cases[i].text, &error);
        check(t, status == TUFF_ERR_FORMAT && strstr(error.message, cases[i].expected), "%sexpected '%s', got '%s'",
              cases[i].text, cases[i].expected, error.message);
        tuff_graph_destroy(g);
    }
    check(t, use(t, HEAD "pointwise_da(%1, _, _, _) row=\"x\" y=\"a\" da=\"p1\" p1=0.5 : f32 []\n", true),
          "a derivative alone");
    check(t, use(t, HEAD "pointwise(%1) row=\"x\" y=\"a\" : f32 []\n", false), "no derivative is 0.0");
}

/* Plans: constants are kept out of folding, equal values are one, chains are one launch; no compiler is a status. */
static void test_plan(struct own_test *t)
{
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_caps caps = graph_caps(0);
    struct tuff_error error = {0};
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(100)), y[3];
    const struct tuff_pointwise_params *row = ROW(.y = "a * a * p0", .p0 = 2), *three = ROW(.y = "a * a * p0", .p0 = 3);
    tuff_val four = tuff_full(g, TUFF_F32, TUFF_SHAPE(100), 4);
    y[0] = tuff_add(g, tuff_pointwise(g, row, tuff_neg(g, x), 0), tuff_pointwise(g, three, tuff_neg(g, x), 0));
    y[0] = tuff_add(g, y[0], tuff_exp(g, tuff_pointwise(g, row, tuff_neg(g, x), 0)));
    y[1] = tuff_pointwise(g, row, four, 0);
    y[2] = tuff_pointwise(g, row, tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(2)}, (float[]){1, 2}), 0);
    struct tuff_compile_params params = {.graph = g, .outputs = y, .output_count = 3, .caps = &caps};
    struct tuff_compiled compiled;
    if (check(t, tuff_compile(&params, &compiled, &error) == TUFF_OK, "%s", error.message)) {
        struct tuff_text text;
        unsigned squares = 0;
        tuff_text_init(&text, t->context);
        tuff_plan_print(&compiled.plan, &text);
        for (const char *at = text.data; at && (at = strstr(at, "a * a * p0")); at++) squares++;
        check(t, compiled.plan.launch_count <= 3 && squares == 4,
              "expected 3 launches that compute it 4 times, got %u and %u:\n%s", (unsigned)compiled.plan.launch_count,
              squares, text.data);
        tuff_text_finish(&text);
        tuff_plan_finish(&compiled.plan);
    }
    params.plain = true;
    tuff_status status = tuff_compile(&params, &compiled, &error);
    check(t, status == TUFF_ERR_UNSUPPORTED && strstr(error.message, "mine: operators of the app's own"),
          "without a compiler: %s, %s", tuff_status_name(status), error.message);
    check(t, count_ops(g, g->values[y[1]].op) == 5, "the graph is another");
    tuff_graph_destroy(g);
}

int main(int argc, char **argv)
{
    struct own_test t = {.random = op_random_start(argc, argv)};
    if (tuff_context_create(NULL, &t.context, NULL) != TUFF_OK) return 1;
    test_taken(&t);
    test_refused(&t);
    test_functions(&t);
    test_same(&t);
    test_text(&t);
    test_text_refused(&t);
    test_plan(&t);
    tuff_context_destroy(t.context);
    printf("%u failures\n", t.failures);
    return t.failures ? 1 : 0;
}
