/* op_own_row.c - operators of the app's own on the device: values and gradients against the test's own double functions, of odd
 * sizes, broadcast, from f16, in chains with rows of the table; made-up texts against their error analysis; a model with such an
 * activation, trained, saved and classified with. */
#include "tests/backend_help.h"
#include "tests/op_help.h"
#include "tests/op_text.h"
#include "tests/temporary.h"

#include "loaders/loaders.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROW(...)                                                                                                            \
    (&(struct tuff_pointwise_params){.struct_size = sizeof(struct tuff_pointwise_params), .name = "mine", __VA_ARGS__})

struct own_test {
    struct backend_test test;
    struct op_random random;
};

/* ---- values and gradients --------------------------------------------------------------------------------------------------- */

enum { P0 = 0, P1 = 1 };
static const double numbers[2] = {0.75, 1.25};

static double mish(double a, double b)
{
    (void)b;
    return a * tanh(log1p(exp(a)));
}
static double snake(double a, double b)
{
    (void)b;
    return a + pow(sin(numbers[P0] * a), 2) / numbers[P0];
}
static double bent(double a, double b)
{
    (void)b;
    return a > numbers[P1] ? numbers[P1] + numbers[P0] * (a - numbers[P1]) : a;
}
static double bent_edge(double a, double b)
{
    (void)b;
    return fabs(a - numbers[P1]);
}
static double swish(double a, double b) { return a / (1 + exp(-b * a)); }
static double between_edge(double a, double b) { return fmin(fabs(a - b), fabs(b - 1)); }
static double between(double a, double b) { return a < b && !(b > 1) ? a * b : a + 2 * b; }

static const struct {
    struct tuff_pointwise_params row;
    double (*f)(double a, double b);
    double (*edge)(double a, double b); /* distance to where it jumps or bends; NULL: nowhere */
    bool two;
} rows[] = {
    {{.name = "mish",
      .y = "a * pw_tanh(pw_softplus(a))",
      .da = "pw_tanh(pw_softplus(a)) + a * pw_sigmoid(a) * (1.0 - pw_square(pw_tanh(pw_softplus(a))))"},
     mish,
     NULL,
     false},
    {{.name = "snake", .y = "a + pw_square(pw_sin(p0 * a)) / p0", .da = "1.0 + 2.0*pw_sin(p0*a)*pw_cos(p0*a)"},
     snake,
     NULL,
     false},
    {{.name = "bent", .y = "a > p1 ? p1 + p0 * (a - p1) : a", .da = "a > p1 ? p0 : 1.0"}, bent, bent_edge, false},
    {{.name = "swish", .y = "a * pw_sigmoid(b * a)", .da = "pw_sigmoid(b * a) * (1.0 + b * (a - y))", .db = "y * (a - y)"},
     swish,
     NULL,
     true},
    {{.name = "between",
      .y = "a < b && !(b > 1.0) ? a * b : a + 2.0 * b",
      .da = "a < b && !(b > 1.0) ? b : 1.0",
      .db = "a < b && !(b > 1.0) ? a : 2.0"},
     between,
     between_edge,
     true},
};

/* How a row is met: operands of these shapes (of one rank), through f16 or not, alone or between rows of the table. */
struct meeting {
    const char *name;
    struct tuff_shape a, b;
    bool half, chain;
};

struct run {
    struct tuff_graph *g;
    tuff_val in[2], weights, y, gx[2];
    double *data[16], *got[3]; /* [owned] data by value: inputs come first */
};

static double rounded_half(double v)
{
    int e;
    frexp(v, &e);
    return ldexp(nearbyint(ldexp(v, 11 - e)), e - 11); /* normal numbers of 11 bits */
}

/* What the row is given of x, and its slope. */
static double before(const struct meeting *m, double x)
{
    double v = m->chain ? 2 * exp(-x * x) - 1 : x;
    return m->half ? rounded_half(v) : v;
}
static double before_slope(const struct meeting *m, double x) { return m->chain ? -4 * x * exp(-x * x) : 1; }

static tuff_val build_before(struct tuff_graph *g, const struct meeting *m, tuff_val x)
{
    if (m->chain) x = tuff_affine(g, tuff_exp(g, tuff_neg(g, tuff_square(g, x))), 2, -1);
    return m->half ? tuff_cast(g, x, TUFF_F16) : x;
}

/* Element of a broadcast operand that belongs to element i of the result. */
static uint64_t place(const struct tuff_shape *y, const struct tuff_shape *x, uint64_t i)
{
    uint64_t at = 0, stride = 1;
    for (uint32_t k = y->rank; k-- > 0; i /= y->dim[k]) {
        if (x->dim[k] > 1) at += i % y->dim[k] * stride;
        stride *= x->dim[k];
    }
    return at;
}

static uint64_t count_of(const struct run *r, tuff_val v) { return tuff_shape_count(&r->g->values[v].type.shape); }

static void build(struct own_test *t, size_t which, const struct meeting *m, struct run *r)
{
    struct tuff_pointwise_params row = rows[which].row;
    bool two = rows[which].two;
    *r = (struct run){0};
    if (tuff_graph_create(t->test.context, &r->g, NULL) != TUFF_OK) abort();
    row.struct_size = sizeof row, row.p0 = numbers[P0], row.p1 = numbers[P1];
    r->in[0] = tuff_input(r->g, "a", TUFF_F32, m->a);
    if (two) r->in[1] = tuff_input(r->g, "b", TUFF_F32, m->b);
    struct tuff_shape shape = m->a;
    for (uint32_t k = 0; two && k < shape.rank; k++)
        if (m->b.dim[k] > 1) shape.dim[k] = m->b.dim[k];
    r->weights = tuff_input(r->g, "weights", TUFF_F32, shape);
    tuff_val a = build_before(r->g, m, r->in[0]), b = two ? build_before(r->g, m, r->in[1]) : 0;
    r->y = tuff_pointwise(r->g, &row, a, b);
    if (m->chain) r->y = tuff_add(r->g, tuff_square(r->g, r->y), r->in[0]);
    tuff_gradients(r->g, r->y, r->weights, r->in, 1 + two, r->gx);
    for (tuff_val v = 1; v <= r->weights; v++) {
        r->data[v] = tuff_alloc(t->test.context, (size_t)count_of(r, v) * sizeof(double));
        if (!r->data[v]) abort();
        for (uint64_t i = count_of(r, v); i-- > 0;) r->data[v][i] = (double)(float)op_normal(&t->random);
    }
}

static void expect_near(struct own_test *t, const char *row, const struct meeting *m, const char *what, uint64_t i,
                        double expected, double got, double bound)
{
    if (isnan(expected)) return; /* at a jump of the row */
    backend_check(&t->test, fabs(got - expected) <= bound, "%s, %s: %s, element %llu: expected %.9g, got %.9g (+- %.2g)",
                  row, m->name, what, (unsigned long long)i, expected, got, bound);
}

/* Sums up what each element of the operands gets, by differences of the row's function. */
static void compare(struct own_test *t, size_t which, const struct meeting *m, struct run *r)
{
    bool two = rows[which].two;
    const char *name = rows[which].row.name;
    double loose = m->half && m->chain ? 300 : 1; /* the device's exp may round to the next f16 */
    double *sums[2] = {NULL}, h = 1e-6, (*f)(double, double) = rows[which].f;
    for (int k = 0; k < 1 + two; k++) {
        sums[k] = tuff_alloc(t->test.context, (size_t)count_of(r, r->in[k]) * sizeof(double));
        if (!sums[k]) abort();
    }
    for (uint64_t i = 0; i < count_of(r, r->y); i++) {
        const struct tuff_shape *shape = &r->g->values[r->y].type.shape;
        uint64_t ia = place(shape, &m->a, i), ib = two ? place(shape, &m->b, i) : 0;
        double xa = r->data[r->in[0]][ia], xb = two ? r->data[r->in[1]][ib] : 0, a = before(m, xa), b = before(m, xb);
        double y = f(a, b), w = r->data[r->weights][i], outer = m->chain ? 2 * y * w : w;
        if (rows[which].edge && rows[which].edge(a, b) < 2e-3) y = outer = NAN;
        expect_near(t, name, m, "y", i, m->chain ? y * y + xa : y, r->got[0][i], loose * 2e-5 * (1 + y * y));
        sums[0][ia] += outer * (f(a + h, b) - f(a - h, b)) / (2 * h) * before_slope(m, xa) + (m->chain ? w : 0);
        if (two) sums[1][ib] += outer * (f(a, b + h) - f(a, b - h)) / (2 * h) * before_slope(m, xb);
    }
    for (int k = 0; k < 1 + two; k++) {
        uint64_t count = count_of(r, r->in[k]);
        double terms = sqrt((double)(count_of(r, r->y) / count));
        for (uint64_t i = 0; i < count; i++)
            expect_near(t, name, m, k ? "dy/db" : "dy/da", i, sums[k][i], r->got[1 + k][i],
                        loose * 1e-4 * (1 + fabs(sums[k][i])) * (1 + terms));
        tuff_free(t->test.context, sums[k]);
    }
}

static void test_row(struct own_test *t, size_t which, const struct meeting *m)
{
    struct run r;
    build(t, which, m, &r);
    struct op_run run = {.outputs = (tuff_val[]){r.y, r.gx[0], r.gx[1]}, .count = rows[which].two ? 3 : 2, .got = r.got};
    bool ok = tuff_graph_finish(r.g, NULL) == TUFF_OK && op_run_graph(t->test.device, r.g, r.data, &run);
    if (backend_check(&t->test, ok, "%s, %s: did not run: %s", rows[which].row.name, m->name, r.g->error.message))
        compare(t, which, m, &r);
    uint32_t launches = run.counts.launches;
    if (m->chain && !rows[which].two && !(tuff_device_context(t->test.device)->options.debug & TUFF_DEBUG_NOFUSE))
        backend_check(&t->test, launches == 1, "%s, %s: %u launches: not fused", rows[which].row.name, m->name,
                      (unsigned)launches);
    for (size_t v = 0; v < TUFF_COUNT(r.data); v++) tuff_free(t->test.context, r.data[v]);
    for (size_t k = 0; k < TUFF_COUNT(r.got); k++) tuff_free(t->test.context, r.got[k]);
    tuff_graph_destroy(r.g);
}

static void test_rows(struct own_test *t)
{
    const struct meeting meetings[] = {
        {"alone", TUFF_SHAPE(3, 5, 7), TUFF_SHAPE(3, 5, 7), false, false},
        {"one element", TUFF_SHAPE(1, 1, 1), TUFF_SHAPE(1, 1, 1), false, false},
        {"large", TUFF_SHAPE(3, 1, 4099), TUFF_SHAPE(3, 1, 4099), false, true},
        {"broadcast", TUFF_SHAPE(3, 1, 7), TUFF_SHAPE(1, 5, 7), false, false},
        {"broadcast chain", TUFF_SHAPE(31, 1, 17), TUFF_SHAPE(1, 1, 1), false, true},
        {"f16", TUFF_SHAPE(3, 5, 7), TUFF_SHAPE(3, 5, 1), true, false},
        {"f16 chain", TUFF_SHAPE(257, 1, 3), TUFF_SHAPE(257, 1, 3), true, true},
    };
    for (size_t row = 0; row < TUFF_COUNT(rows); row++)
        for (size_t m = 0; m < TUFF_COUNT(meetings); m++) test_row(t, row, &meetings[m]);
}

/* ---- made-up texts ------------------------------------------------------------------------------------------------------------ */

enum { TEXTS = 40, TEXT_ELEMENTS = 131 };

static void add_text(struct own_test *t, struct tuff_text *text, int depth)
{
    static const char *const leaves[] = {"a", "b", "p0", "p1", "0.5", "2.0", "1.25e-1"};
    static const char *const functions[] = {"pw_exp",     "pw_sin",      "pw_cos",    "pw_tanh",   "pw_erf",
                                            "pw_sigmoid", "pw_softplus", "pw_square", "pw_clamp01"};
    static const char *const between[] = {" + ", "-", " * ", "*", " - ", "+", " < ", ">", " <= ", ">=", " ? ", " : "};
    uint32_t kind = op_below(&t->random, 8);
    if (depth <= 0) {
        tuff_text_add(text, "%s", leaves[op_below(&t->random, TUFF_COUNT(leaves))]);
        return;
    }
    if (kind < 2) tuff_text_add(text, "%s", functions[op_below(&t->random, TUFF_COUNT(functions))]);
    if (kind == 2) tuff_text_add(text, " -"); /* -- is another operator */
    tuff_text_add(text, "(");
    add_text(t, text, depth - 1);
    for (int i = 0; kind == 3 && i < 3; i++) { /* a < b ? c : d */
        tuff_text_add(text, "%s", between[i == 0 ? 6 + op_below(&t->random, 4) : 9 + (uint32_t)i]);
        add_text(t, text, depth - 2);
    }
    tuff_text_add(text, ")");
    if (kind < 4) return;
    tuff_text_add(text, "%s", between[op_below(&t->random, 6)]);
    add_text(t, text, depth - 1 - (int)op_below(&t->random, 2));
}

/* Whatever the check takes compiles, and gives what error analysis says of the text. */
static void test_texts(struct own_test *t)
{
    struct tuff_text text[TEXTS];
    struct tuff_graph *g = NULL;
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
    double *data[3 + TEXTS] = {NULL}, *got[TEXTS] = {NULL}, in[2][TEXT_ELEMENTS];
    tuff_val a = tuff_input(g, "a", TUFF_F32, TUFF_SHAPE(TEXT_ELEMENTS)), y[TEXTS];
    tuff_val b = tuff_input(g, "b", TUFF_F32, TUFF_SHAPE(TEXT_ELEMENTS));
    data[a] = in[0], data[b] = in[1];
    for (int i = 0; i < 2 * TEXT_ELEMENTS; i++) in[i & 1][i / 2] = (double)(float)op_normal(&t->random);
    for (int k = 0; k < TEXTS; k++) {
        tuff_text_init(&text[k], t->test.context);
        add_text(t, &text[k], 4);
        y[k] = tuff_pointwise(g, ROW(.y = text[k].data, .p0 = 0.75, .p1 = 1.25), a, b);
    }
    struct op_run run = {.outputs = y, .count = TEXTS, .got = got};
    bool ok = tuff_graph_finish(g, NULL) == TUFF_OK && op_run_graph(t->test.device, g, data, &run);
    backend_check(&t->test, ok, "made-up texts did not run: %s", g->error.message);
    struct op_totals totals = {0};
    for (int k = 0; ok && k < TEXTS; k++) {
        struct op_text read;
        double expected[TEXT_ELEMENTS], bound[TEXT_ELEMENTS];
        if (!backend_check(&t->test, op_text_read(&read, text[k].data), "the test does not understand '%s'", text[k].data))
            continue;
        for (int i = 0; i < TEXT_ELEMENTS; i++) {
            struct op_number variables[5] = {{in[0][i], 0}, {in[1][i], 0}, {0, 0}, {0.75, 0}, {1.25, 0}};
            struct op_number r = op_text_evaluate(&read, variables);
            expected[i] = r.v, bound[i] = r.e;
        }
        op_compare(g, y[k], text[k].data, expected, bound, got[k], &totals);
    }
    printf("%d texts, %llu elements, %llu left out, largest error %.2f of its bound\n", TEXTS,
           (unsigned long long)totals.compared, (unsigned long long)totals.left_out, totals.ratio);
    backend_check(&t->test, !ok || (totals.wrong == 0 && totals.left_out < totals.compared / 2), "%llu elements are wrong",
                  (unsigned long long)totals.wrong);
    for (int k = 0; k < TEXTS; k++) tuff_free(t->test.context, got[k]), tuff_text_finish(&text[k]);
    tuff_graph_destroy(g);
}

/* A compiler may add in any order: whichever it takes, the error is within what error analysis says of the text. */
static void test_orders(struct own_test *t)
{
    struct op_text read;
    if (!backend_check(&t->test, op_text_read(&read, "(b + a) + 0.5"), "the test does not understand a sum")) return;
    for (int i = 0; i < 1000; i++) {
        float a = (float)(4 * op_normal(&t->random)), b = (float)(op_uniform(&t->random, 0, 0.01) - (double)a);
        const volatile float first[3] = {b + a, a + 0.5f, b + 0.5f}; /* the sums of two are floats */
        const float orders[3] = {first[0] + 0.5f, first[1] + b, first[2] + a};
        struct op_number variables[5] = {{(double)a, 0}, {(double)b, 0}}, r = op_text_evaluate(&read, variables);
        for (int k = 0; k < 3; k++)
            backend_check(&t->test, fabs((double)orders[k] - r.v) <= r.e,
                          "%.9g and %.9g in order %d: expected %.9g, got %.9g, bound %.3g", (double)a, (double)b, k, r.v,
                          (double)orders[k], r.e);
    }
}

/* Ends of what the check lets through: the compiler must take them too. */
static void test_ends(struct own_test *t)
{
    char deep[200], large[1001], *to = deep;
    double in[1] = {1.5}, *data[8] = {NULL}, *got[4] = {NULL};
    for (int i = 0; i < 37; i++) to += sprintf(to, "(");
    to += sprintf(to, "- -a");
    for (int i = 0; i < 37; i++) to += sprintf(to, ")");
    size_t length = (size_t)sprintf(large, "a");
    while (length + 4 <= 1000) length += (size_t)sprintf(large + length, "+0.0");
    const char *texts[4] = {deep, large, "a < 99999999999999999999999999999.0e37 ? a : 0.0",
                            "a*1.0e-37*1e37 + 0.0000000000000000000000000001e-37"};
    struct tuff_graph *g = NULL;
    if (tuff_graph_create(t->test.context, &g, NULL) != TUFF_OK) abort();
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(1)), y[4];
    for (int k = 0; k < 4; k++) y[k] = tuff_pointwise(g, ROW(.y = texts[k]), x, 0);
    data[x] = in;
    struct op_run run = {.outputs = y, .count = 4, .got = got};
    bool ok = tuff_graph_finish(g, NULL) == TUFF_OK && op_run_graph(t->test.device, g, data, &run);
    backend_check(&t->test, ok, "ends did not run: %s", g->error.message);
    for (int k = 0; k < 4; k++) {
        backend_check(&t->test, !ok || fabs(got[k][0] - 1.5) < 1e-5, "%.60s: expected 1.5, got %g", texts[k],
                      ok ? got[k][0] : 0);
        tuff_free(t->test.context, got[k]);
    }
    tuff_graph_destroy(g);
}

/* ---- a model ------------------------------------------------------------------------------------------------------------------ */

enum { SIDE = 6, SAMPLES = 240, CLASSES = 3 };

static tuff_val network(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    struct tuff_pointwise_params act = rows[0].row, gate = rows[3].row;
    act.struct_size = gate.struct_size = sizeof act;
    (void)training, (void)user;
    x = tuff_layer_conv2d(g, x, "conv",
                          (struct tuff_layer_conv2d_params){.channels = 5, .kernel = {3}, .conv = {.pad = {1, 1, 1, 1}}});
    x = tuff_layer_dense(g, tuff_flatten(g, tuff_pointwise(g, &act, x, 0)), "hidden",
                         (struct tuff_layer_dense_params){.units = 13});
    tuff_val slope = tuff_param(g, "slope", TUFF_SHAPE(13), (struct tuff_init){TUFF_INIT_CONSTANT, 1, 0, NULL, 0});
    return tuff_layer_dense(g, tuff_pointwise(g, &gate, x, slope), "out",
                            (struct tuff_layer_dense_params){.units = CLASSES});
}

static void network_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val y = network(g, n->fields[0], n->training, user);
    tuff_network_classify(g, n, y, n->fields[1], 0);
}

/* The file's own network against the model that was trained, and against a second one that has its numbers. */
static void test_saved(struct own_test *t, struct tuff_model *model, const struct tuff_model_params *declared,
                       const struct tuff_data *data)
{
    static float trained[SAMPLES * CLASSES], says[SAMPLES * CLASSES], again[SAMPLES * CLASSES];
    static const char *const names[CLASSES] = {"upright", "level", "slanting"};
    struct tuff_context *context = t->test.context;
    struct tuff_error error = {0};
    struct tuff_saved *saved = NULL;
    struct tuff_predictor *classifier = NULL;
    struct tuff_model *second = NULL;
    struct tuff_model_save_params params = {.struct_size = sizeof params,
                                            .preprocess = {.channels = 1, .height = SIDE, .width = SIDE},
                                            .class_names = names,
                                            .class_count = CLASSES};
    char path[300];
    temporary_path("own_row", path, sizeof path);
    tuff_status status = tuff_model_save(context, model, path, &params, &error);
    if (status == TUFF_ERR_UNSUPPORTED) { /* without cJSON */
        printf("not saved: %s\n", error.message);
        return;
    }
    bool ok = backend_status(&t->test, "save", TUFF_OK, status, &error) &&
              backend_status(&t->test, "open", TUFF_OK, tuff_saved_open(context, path, &saved, &error), &error);
    if (ok) {
        backend_check(&t->test, strstr(tuff_saved_info(saved)->graph, "row=\"mish\"") != NULL, "the file has no row");
        status = tuff_predictor_create(t->test.device, saved, &classifier, &error);
        ok = backend_status(&t->test, "classifier", TUFF_OK, status, &error) &&
             !tuff_predictor_run(classifier, (const void *[]){data->fields[0]}, SAMPLES, (void *[]){says}, &error) &&
             !tuff_model_predict(model, &(struct tuff_data){.count = SAMPLES, .fields = {data->fields[0]}},
                                 (void *[]){trained}, &error) &&
             !tuff_model_create(t->test.device, declared, &second, &error) && !tuff_saved_load(saved, second, &error) &&
             !tuff_model_predict(second, &(struct tuff_data){.count = SAMPLES, .fields = {data->fields[0]}},
                                 (void *[]){again}, &error);
        backend_check(&t->test, ok, "%s", error.message);
    }
    for (int i = 0; ok && i < SAMPLES * CLASSES; i++) {
        ok = backend_check(&t->test, trained[i] == again[i] && fabsf(trained[i] - says[i]) < 1e-5f,
                           "probability %d: trained %.9g, loaded %.9g, classified %.9g", i, (double)trained[i],
                           (double)again[i], (double)says[i]);
    }
    tuff_predictor_destroy(classifier);
    tuff_model_destroy(second);
    tuff_saved_destroy(saved);
    remove(path);
}

static void test_model(struct own_test *t)
{
    static uint8_t pictures[SAMPLES][SIDE * SIDE];
    static int32_t labels[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        labels[i] = i % CLASSES;
        for (int p = 0; p < SIDE * SIDE; p++) {
            int x = p % SIDE, y = p / SIDE, at = i / CLASSES % SIDE;
            bool bar = labels[i] == 0 ? x == at : labels[i] == 1 ? y == at : (x + y) % SIDE == at;
            pictures[i][p] = (uint8_t)((bar ? 180 : 0) + op_below(&t->random, 64));
        }
    }
    struct tuff_model_params declared = {.struct_size = sizeof declared,
                                         .build = network_model,
                                         .fields = {TUFF_FIELD("x", TUFF_U8, 1, SIDE, SIDE), TUFF_LABELS("labels")},
                                         .batch = 16};
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.01), .epochs = 12};
    struct tuff_data data = {.count = SAMPLES, .fields = {pictures, labels}};
    struct tuff_metrics metrics = {0};
    struct tuff_error error = {0};
    struct tuff_model *model = NULL;
    bool ok = !tuff_model_create(t->test.device, &declared, &model, &error) && !tuff_model_fit(model, &data, &fit, &error) &&
              !tuff_model_evaluate(model, &data, &metrics, &error);
    float slope[13] = {0};
    ok = ok && !tuff_model_read(model, "slope", slope, sizeof slope, &error);
    if (backend_check(&t->test, ok, "%s", error.message)) {
        float moved = 0;
        for (int i = 0; i < 13; i++) moved += fabsf(slope[i] - 1);
        printf("trained: loss %.4f, accuracy %.4f; slopes moved by %.3f\n", metrics.loss,
               tuff_metrics_get(&metrics, "accuracy"), (double)moved);
        backend_check(&t->test, tuff_metrics_get(&metrics, "accuracy") > 0.97 && moved > 0.05f, "it has not learned");
        test_saved(t, model, &declared, &data);
    }
    tuff_model_destroy(model);
}

/* ---- no compiler -------------------------------------------------------------------------------------------------------------- */

static void test_no_compiler(struct own_test *t)
{
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    struct tuff_error error = {0};
    struct tuff_options options = {.struct_size = sizeof options};
    tuff_options_from_env(&options);
    options.debug |= TUFF_DEBUG_NOCOMPILER;
    struct own_test without = {0};
    if (backend_test_begin(&without.test, &options) != 0) return;
    if (tuff_graph_create(without.test.context, &g, NULL) != TUFF_OK) abort();
    tuff_val y = tuff_pointwise(g, ROW(.y = "a * a"), tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(3)), 0);
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
    tuff_status status = tuff_session_create(without.test.device, g, NULL, &session, &error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &x, &error);
    backend_check(&t->test, status == TUFF_ERR_UNSUPPORTED && strstr(error.message, "mine: operators of the app's own"),
                  "without a compiler: %s, %s", tuff_status_name(status), error.message);
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
    t->test.failures += (unsigned)backend_test_end(&without.test, "without a compiler");
}

int main(int argc, char **argv)
{
    struct own_test t = {.random = op_random_start(argc, argv)};
    struct tuff_options options = {.struct_size = sizeof options};
    options.check = TUFF_CHECK_ALL; /* which has no definition of these rows, and leaves them out */
    int status = backend_test_begin(&t.test, &options);
    if (status != 0) return status;
    test_no_compiler(&t);
    if (!tuff_glslang() || (tuff_device_context(t.test.device)->options.debug & TUFF_DEBUG_NOCOMPILER)) {
        status = backend_test_end(&t.test, "op_own_row");
        puts("skipped: there is no shader compiler at run time, and that is told");
        return status ? status : 77;
    }
    test_rows(&t);
    test_texts(&t);
    test_orders(&t);
    test_ends(&t);
    test_model(&t);
    return backend_test_end(&t.test, "op_own_row");
}
