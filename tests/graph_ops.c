/* graph_ops.c - every operator of the table without a device: its descriptor is complete, its reference gives the golden
 * values of tests/golden/<name>.txt, and its gradients are the reference's central differences.
 *   graph_ops [--seed N] [OPERATOR ...]
 *
 * Golden files begin with the source of their values. Those of pointwise rows have lines "a [b] [p0 p1] -> y", the others
 * "case OPERATOR ATTRIBUTES", "in TYPE SHAPE : elements" for each input, and "out TYPE SHAPE : elements". */
#include "graph/ops/pointwise.h"
#include "graph/reference.h"
#include "tests/op_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct ops_test {
    struct tuff_context *context;
    struct op_random random;
    unsigned failures, golden_values, gradients, wrong_found;
    bool perturb; /* the canary: gradients are a hundredth off; failures are counted, not told */
};

static void fail(struct ops_test *t, const char *format, ...) TUFF_PRINTF(2, 3);
static void fail(struct ops_test *t, const char *format, ...)
{
    va_list arguments;
    t->failures++;
    if (t->perturb) return;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

/* ---- descriptors -------------------------------------------------------------------------------------------------------------- */

static void check_descriptor(struct ops_test *t, const struct tuff_op *op)
{
    bool leaf = op->class == TUFF_CLASS_LEAF || op->class == TUFF_CLASS_ASSIGN || op->kind == TUFF_KIND_FULL ||
                op->traits & TUFF_UPDATES,
         derivative = op_is_derivative(op);
    if (tuff_op_find(op->name) != op) fail(t, "%s: the name is not found, or stands twice", op->name);
    if (!op->infer) fail(t, "%s: no infer", op->name);
    if (!op->bound && op->error == TUFF_ERROR_UNDECLARED) fail(t, "%s: neither error nor bound", op->name);
    if ((op->error == TUFF_ERROR_TEXT) != (op->glsl != NULL))
        fail(t, "%s: the bound of rows, and theirs alone, is in their text", op->name);
    if (!op->ref && !leaf) fail(t, "%s: no ref", op->name);
    if (op->class == TUFF_CLASS_KERNEL && !op->lower) fail(t, "%s: a kernel without lower", op->name);
    if (op->class == TUFF_CLASS_INLINE) {
        if (!op->map == !op->emit) fail(t, "%s: INLINE operators have map or emit", op->name);
        if (op->emit && !op->number == !op->plain) fail(t, "%s: emit comes with number or plain", op->name);
        if (!op->map && op->traits & (TUFF_KEEPS_MEMORY | TUFF_KEEPS_STRIDES)) fail(t, "%s: a view without map", op->name);
    } else if (op->map || op->emit || op->number || op->plain || op->offset) {
        fail(t, "%s: index maps are for INLINE operators", op->name);
    }
    if (op->offset && !(op->traits & TUFF_KEEPS_MEMORY)) fail(t, "%s: an offset, but not KEEPS_MEMORY", op->name);
    bool own_graph = op->class == TUFF_CLASS_LOOP; /* no attributes of a table: tests/session_scan.c has its cases */
    bool of_kernel = op->class == TUFF_CLASS_RESULT;
    if (op->more_count >= TUFF_MOST_RESULTS || (op->more_count && op->class != TUFF_CLASS_KERNEL))
        fail(t, "%s: %u more results", op->name, op->more_count);
    if (op_case_count(op) == 0 && !leaf && !derivative && !own_graph && !of_kernel) fail(t, "%s: no cases", op->name);
    if (!op->grad && !op->nondiff) fail(t, "%s: no grad, and no reason in nondiff", op->name);
    if (op->grad && op->nondiff) fail(t, "%s: grad and nondiff", op->name);
    for (uint32_t i = 0; i < op->attr_count; i++) {
        const struct tuff_attr *a = &op->attrs[i];
        if (a->offset >= op->attrs_bytes) fail(t, "%s: attribute %s lies outside", op->name, a->name);
        for (uint32_t k = 0; k < i; k++)
            if (!strcmp(op->attrs[k].name, a->name)) fail(t, "%s: two attributes %s", op->name, a->name);
    }
}

static tuff_status infer_alike(const struct tuff_infer *infer, struct tuff_shape *out)
{
    *out = infer->in[0]->shape;
    return TUFF_OK;
}

/* A kernel whose result no port can store is refused where it is added, not by a compiler. f16 is stored by a cast. */
static void check_results(struct ops_test *t)
{
    struct tuff_op half = {.name = "half",
                           .class = TUFF_CLASS_KERNEL,
                           .arity_min = 1,
                           .arity_max = 1,
                           .infer = infer_alike,
                           .result = TUFF_RESULT_OPERAND_0};
    struct tuff_graph *g = NULL;
    if (tuff_graph_create(t->context, &g, NULL) != TUFF_OK) abort();
    tuff_val x = tuff_input(g, "x", TUFF_F16, TUFF_SHAPE(3)), b = tuff_input(g, "b", TUFF_I8, TUFF_SHAPE(3));
    if (tuff_type_of(g, tuff_graph_add(g, &half, &x, 1, NULL)).dtype != TUFF_F16)
        fail(t, "a kernel's result of f16: expected f16, got '%s'", g->error.message);
    if (tuff_graph_add(g, &half, &b, 1, NULL) || g->status != TUFF_ERR_UNSUPPORTED)
        fail(t, "a kernel's result of i8: expected a refusal, got '%s'", g->error.message);
    tuff_graph_destroy(g);
}

/* Bytes that must be moved: each element once, of an update as much as there are rows; an example has their sum. */
static void check_bytes(struct ops_test *t)
{
    struct tuff_graph *g = NULL;
    struct tuff_operator_example e = {.y = 0};
    if (tuff_graph_create(t->context, &g, NULL) != TUFF_OK) abort();
    tuff_val state = tuff_state(g, "s", TUFF_F32, TUFF_SHAPE(100, 3), (struct tuff_init){0});
    tuff_val rows = tuff_input(g, "rows", TUFF_F32, TUFF_SHAPE(7, 3)), at = tuff_input(g, "at", TUFF_I32, TUFF_SHAPE(1));
    tuff_val y = tuff_assign_rows(g, state, rows, at), half = tuff_cast(g, rows, TUFF_F16);
    const struct tuff_type types[] = {tuff_type_of(g, rows), tuff_type_of(g, at), tuff_type_of(g, state)};
    const uint64_t wanted[] = {84, 4, 0, 84};
    for (uint32_t k = 0; k < TUFF_COUNT(wanted); k++)
        if (!y || tuff_op_bytes(tuff_value_of(g, y), types, k) != wanted[k]) fail(t, "assign_rows: bytes of %u", k);
    if (tuff_op_bytes(tuff_value_of(g, half), types, 0) != 84 || tuff_op_bytes(tuff_value_of(g, half), types, 1) != 42)
        fail(t, "cast to f16: bytes");
    for (uint32_t i = 0; tuff_operator_example(g, i, &e); i++) {
        double bytes = (double)tuff_dtype_size(tuff_type_of(g, e.y).dtype, tuff_shape_count(&g->values[e.y].type.shape));
        for (uint32_t k = 0; k < e.in_count; k++) bytes += (double)tuff_type_bytes(&g->values[e.in[k]].type);
        if (e.bytes != bytes) fail(t, "example %s: %.0f bytes, expected %.0f", e.name, e.bytes, bytes);
    }
    tuff_graph_destroy(g);
}

/* ---- golden values -------------------------------------------------------------------------------------------------------------- */

static bool close_to(double got, double expected, double scale)
{
    return got == expected || fabs(got - expected) <= 1e-13 * fabs(expected) + 1e-15 * (1 + scale);
}

static void golden_row(struct ops_test *t, const struct tuff_op *op, const char *path, unsigned number, char *line)
{
    double v[4] = {0}, y = 0, expected;
    int count = 0, operands = op->arity_max;
    char *at = line, *arrow = strstr(line, "->");
    bool numbers = op_text_names(op->glsl, "p0");
    for (; arrow && count < 4; count++) {
        char *end;
        v[count] = strtod(at, &end);
        if (end == at || end > arrow) break;
        at = end;
    }
    if (!arrow || count != operands + (numbers ? 2 : 0)) {
        fail(t, "%s:%u: expected %d numbers, '->' and one more", path, number, operands + (numbers ? 2 : 0));
        return;
    }
    expected = strtod(arrow + 2, NULL);
    const struct tuff_pw_attrs attrs = {numbers ? v[operands] : 0, numbers ? v[operands + 1] : 0};
    const struct tuff_value value = {.op = op, .in_count = (uint32_t)operands, .attrs = &attrs};
    const double *in[2] = {&v[0], &v[1]};
    const struct tuff_type types[2] = {{TUFF_F32, {0}}, {TUFF_F32, {0}}};
    op->ref(&(struct tuff_ref){.value = &value, .in_types = types, .in = in, .out = &y});
    t->golden_values++;
    if (!close_to(y, expected, fabs(v[0]))) fail(t, "%s:%u: expected %.17g, got %.17g", path, number, expected, y);
}

/* Elements behind " : ", as many as the shape has; NULL and a failure otherwise. */
static double *elements(struct ops_test *t, const char *path, unsigned number, const char *text,
                        const struct tuff_shape *shape)
{
    uint64_t count = tuff_shape_count(shape);
    double *data = tuff_alloc(t->context, (size_t)count * sizeof *data);
    for (uint64_t i = 0; data && i < count; i++) {
        char *end;
        data[i] = strtod(text, &end);
        if (end == text) {
            fail(t, "%s:%u: expected %llu elements, got %llu", path, number, (unsigned long long)count,
                 (unsigned long long)i);
            tuff_free(t->context, data);
            return NULL;
        }
        text = end;
    }
    return data;
}

/* One case as text of a graph, which the parser reads; data of the inputs beside it. */
struct golden_case {
    struct tuff_text graph;
    char call[400];
    const char *data[8]; /* [borrowed] text of the elements */
    uint32_t count;
    unsigned line;
};

static void golden_result(struct ops_test *t, const char *path, struct golden_case *c, const char *type, const char *text)
{
    struct tuff_graph *g = NULL;
    struct tuff_error error = {0};
    char *name_end = strchr(c->call, ' ');
    int name_length = name_end ? (int)(name_end - c->call) : (int)strlen(c->call);
    tuff_text_add(&c->graph, "%%%u = %.*s(", (unsigned)c->count + 1, name_length, c->call);
    for (uint32_t i = 0; i < c->count; i++) tuff_text_add(&c->graph, "%s%%%u", i ? ", " : "", (unsigned)i + 1);
    tuff_text_add(&c->graph, ")%s : %s\n", c->call + name_length, type);
    if (tuff_graph_create(t->context, &g, NULL) != TUFF_OK || tuff_graph_parse(g, c->graph.data, &error) != TUFF_OK) {
        fail(t, "%s:%u: %s\n%s", path, c->line, error.message, c->graph.data);
        tuff_graph_destroy(g);
        return;
    }
    double **data = tuff_reference_create(g);
    tuff_val y = g->count - 1;
    for (uint32_t i = 0; data && i < c->count; i++)
        data[i + 1] = elements(t, path, c->line, c->data[i], &g->values[i + 1].type.shape);
    double *expected = elements(t, path, c->line, text, &g->values[y].type.shape);
    if (data && expected && tuff_reference_run(g, data) == TUFF_OK)
        for (uint64_t i = 0, count = tuff_shape_count(&g->values[y].type.shape); i < count; i++, t->golden_values++)
            if (!close_to(data[y][i], expected[i], 16))
                fail(t, "%s:%u: element %llu: expected %.17g, got %.17g", path, c->line, (unsigned long long)i, expected[i],
                     data[y][i]);
    tuff_free(t->context, expected);
    if (data) tuff_reference_destroy(g, data);
    tuff_graph_destroy(g);
}

static void golden_line(struct ops_test *t, const char *path, unsigned number, char *line, struct golden_case *c)
{
    char *colon = strstr(line, " : ");
    if (!strncmp(line, "case ", 5)) {
        snprintf(c->call, sizeof c->call, "%s", line + 5);
        c->count = 0;
        c->line = number;
        c->graph.length = 0;
        tuff_text_add(&c->graph, "tuff-graph 1\n");
    } else if (!strncmp(line, "in ", 3) && colon && c->count < TUFF_COUNT(c->data)) {
        *colon = 0;
        char *shape = strchr(line + 3, ' ');
        tuff_text_add(&c->graph, "%%%u \"x%u\" = input() dtype=%.*s%s%s : %s\n", (unsigned)c->count + 1, (unsigned)c->count,
                      (int)(shape - line - 3), line + 3, strcmp(shape, " []") ? " shape=" : "",
                      strcmp(shape, " []") ? shape + 1 : "", line + 3);
        c->data[c->count++] = colon + 3;
    } else if (!strncmp(line, "out ", 4) && colon) {
        *colon = 0;
        golden_result(t, path, c, line + 4, colon + 3);
    } else {
        fail(t, "%s:%u: expected case, in or out", path, number);
    }
}

static char *read_file(struct tuff_context *context, const char *path)
{
    struct tuff_text text;
    char block[4096];
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    tuff_text_init(&text, context);
    for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;) tuff_text_append(&text, block, n);
    fclose(file);
    return tuff_text_take(&text);
}

static void check_golden(struct ops_test *t, const struct tuff_op *op)
{
    char path[512];
    struct golden_case c = {.count = 0};
    unsigned before = t->golden_values, number = 0;
    if (op_case_count(op) == 0) return;
    snprintf(path, sizeof path, "%s/tests/golden/%s.txt", TUFF_SOURCE_DIR, op->name);
    char *text = read_file(t->context, path);
    if (!text) {
        fail(t, "%s: no golden values in %s", op->name, path);
        return;
    }
    if (text[0] != '#') fail(t, "%s: the first line does not name the source", path);
    tuff_text_init(&c.graph, t->context);
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        number++;
        if (line[0] == '#') continue;
        if (op->glsl)
            golden_row(t, op, path, number, line);
        else
            golden_line(t, path, number, line, &c);
    }
    if (t->golden_values < before + (op->glsl ? 5 : 1)) fail(t, "%s: too few values", path);
    tuff_text_finish(&c.graph);
    tuff_free(t->context, text);
}

/* ---- gradients against differences ------------------------------------------------------------------------------------------------ */

#define STEP 1e-5

/* How far an element moves, in steps: less where rows are steep, near 0. Rows give 1e4 at most (prepare), as 1 / x does of 1e-4: a step of
 * 1e-8 there is wrong by its square, 1e-8 of the slope. */
static double move_of(const struct tuff_op *op, double x) { return op->glsl ? fmin(fmax(fabs(x), 1e-3), 1) : 1; }

/* Away from the points where rows have kinks or jumps: multiples of 1/2, and the two numbers of the cases. */
static double off_kinks(double x)
{
    static const double numbers[] = {0.7, 1.3};
    double margin = 4 * STEP;
    for (int tries = 0; tries < 8; tries++) {
        double nearest = nearbyint(2 * x) / 2;
        bool near = fabs(x - nearest) < margin;
        for (size_t i = 0; i < TUFF_COUNT(numbers); i++) near = near || fabs(x - numbers[i]) < margin;
        if (!near) return x;
        x += 2.5 * margin;
    }
    return x;
}

#define BESIDE (4 * STEP)

static double row_at(const struct tuff_value *value, double a, double b)
{
    struct tuff_value one = *value;
    const double *in[2] = {&a, &b};
    double y = 0;
    one.type.shape = (struct tuff_shape){0};
    one.op->ref(&(struct tuff_ref){.value = &one, .in_types = &one.type, .in = in, .out = &y});
    return y;
}

/* A shuffled ladder, of one operand or of two together. */
static void ladder(struct ops_test *t, double *x, uint64_t n, double *more, uint64_t m)
{
    for (uint64_t i = 0; i < n + m; i++)
        *(i < n ? &x[i] : &more[i - n]) = ((double)i - (double)(n + m) / 2) * (6.0 / (double)(n + m));
    for (uint64_t i = n + m; i-- > 1;) {
        uint64_t k = op_below(&t->random, (uint32_t)(i + 1));
        double *a = i < n ? &x[i] : &more[i - n], *b = k < n ? &x[k] : &more[k - n], swap = *a;
        *a = *b;
        *b = swap;
    }
}

/* Values for this purpose alone: no ties where a largest element is sought, no kinks, nothing that overflows. */
static void prepare(struct ops_test *t, const struct tuff_op *op, const struct tuff_graph *g, const struct op_case_values *c,
                    uint32_t in_count, double **data)
{
    bool largest = op->error == TUFF_ERROR_MONOTONE || (op->traits & TUFF_PICKS) != 0;
    uint64_t n = tuff_shape_count(&g->values[c->in[0]].type.shape);
    double *x = data[c->in[0]];
    const int32_t *attrs = g->values[c->y].attrs;
    if (!strcmp(op->name, "scatter") && attrs[1] >= TUFF_SCATTER_MIN)
        ladder(t, x, n, data[c->in[2]], tuff_shape_count(&g->values[c->in[2]].type.shape));
    if (largest) ladder(t, x, n, NULL, 0);
    if (!op->glsl) return;
    for (uint32_t k = 0; k < in_count; k++)
        for (uint64_t i = 0; i < n; i++) data[c->in[k]][i] = off_kinks(data[c->in[k]][i]);
    double *b = in_count > 1 ? data[c->in[1]] : NULL;
    for (uint64_t i = 0; b && i < n; i++)
        if (fabs(x[i] - b[i]) < 1e-3) x[i] = b[i] + 0.0123;
    const struct tuff_value *value = &g->values[c->y];
    bool divides = op_text_names(op->glsl, "pw_mod") || op_text_names(op->glsl, "pw_fmod");
    for (uint64_t i = 0; i < n; i++) {
        double y = row_at(value, x[i], b ? b[i] : 0), times = divides ? fabs(x[i] / b[i]) : 0.5;
        double bend = b ? 0 : row_at(value, x[i] - BESIDE, 0) - 2 * y + row_at(value, x[i] + BESIDE, 0);
        /* no jump near, nor one for each step of b; no pole either, and no steep end as that of acosh */
        bool jumps = times > 16 || fabs(times - nearbyint(times)) < 1e-2;
        if (fabs(y) < 1e4 && !jumps && fabs(bend) < 1e3 * BESIDE * BESIDE * (1 + fabs(y))) continue;
        x[i] = isfinite(row_at(value, 0.9, 1.1)) ? 0.9 : 1.2;
        if (b) b[i] = 1.1;
    }
}

/* Sum of gy * y with input k moved by `by` along direction d; *size: the sum of absolute values. */
static double weighted(const struct tuff_graph *g, const struct op_case_values *c, double *const *data, uint32_t k,
                       const double *d, double by, double *size)
{
    const struct tuff_value *value = &g->values[c->y];
    struct tuff_type types[6];
    const double *in[6] = {NULL};
    uint64_t n = tuff_shape_count(&g->values[c->in[k]].type.shape), count = tuff_shape_count(&value->type.shape);
    double *moved = tuff_alloc(g->context, (size_t)n * sizeof *moved),
           *y = tuff_alloc(g->context, (size_t)count * sizeof *y), sum = 0;
    for (uint32_t i = 0; i < value->in_count; i++) {
        types[i] = g->values[value->in[i]].type;
        in[i] = data[value->in[i]];
    }
    if (!moved || !y) abort();
    for (uint64_t i = 0; i < n; i++) moved[i] = in[k][i] + by * d[i];
    in[k] = moved;
    value->op->ref(&(struct tuff_ref){.value = value, .in_types = types, .in = in, .out = y});
    *size = 0;
    for (uint64_t i = 0; i < count; i++) {
        sum += data[c->gy][i] * y[i];
        *size += fabs(data[c->gy][i] * y[i]);
    }
    tuff_free(g->context, moved);
    tuff_free(g->context, y);
    return sum;
}

/* Along a random direction the gradient's component must be the difference quotient: one wrong element shows in the sum.
 * The quotient's own error is STEP^2 f''' / 6 and the rounding of the sums over STEP. */
static void compare_gradient(struct ops_test *t, const struct tuff_op *op, const struct tuff_case *the_case,
                             const struct tuff_graph *g, const struct op_case_values *c, double *const *data, uint32_t k)
{
    uint64_t n = tuff_shape_count(&g->values[c->in[k]].type.shape);
    double *d = tuff_alloc(t->context, (size_t)n * sizeof *d), expected, got = 0, terms = 0, size;
    if (!d) abort();
    for (uint64_t i = 0; i < n; i++) {
        d[i] = (op_below(&t->random, 2) ? 1 : -1) * op_uniform(&t->random, 0.5, 1) * move_of(op, data[c->in[k]][i]);
        got += data[c->gx[k]][i] * d[i];
        terms += fabs(data[c->gx[k]][i] * d[i]);
    }
    expected = weighted(g, c, data, k, d, STEP, &size) - weighted(g, c, data, k, d, -STEP, &size);
    expected /= 2 * STEP;
    double bound = 1e-6 * terms + 1e-9 * size + 1e-9;
    if (!(fabs(got - expected) <= bound))
        fail(t, "%s, case %s: gradient of input %u along a direction: expected %.12g, got %.12g, bound %.3g", op->name,
             the_case->name, (unsigned)k, expected, got, bound);
    t->gradients++;
    tuff_free(t->context, d);
}

static void check_gradients(struct ops_test *t, const struct tuff_op *op)
{
    for (uint32_t i = 0; i < op_case_count(op) && op->grad; i++) {
        const struct tuff_case *c = op_case(op, i);
        struct tuff_graph *g = NULL;
        struct op_case_values values;
        bool kinks = false;
        for (uint32_t k = 0; k < c->in_count; k++) kinks = kinks || c->domain[k] == TUFF_DOMAIN_KINKS;
        bool steps = (op->traits & TUFF_ROUNDS) != 0; /* a staircase, whose gradient passes straight through by choice */
        if (kinks || steps || tuff_graph_create(t->context, &g, NULL) != TUFF_OK) continue;
        if (!op_add_case(g, op, c, 0, true, &values)) {
            fail(t, "%s, case %s: no graph", op->name, c->name);
        } else if (values.gy) {
            for (uint32_t k = 0; k < c->in_count; k++) /* of an f16 operand: before it is rounded to f16 */
                if (values.gx[k] && c->in[k].dtype == TUFF_F16) values.gx[k] = g->values[values.gx[k]].in[0];
            for (uint32_t k = 0; t->perturb && k < c->in_count; k++)
                if (values.gx[k]) values.gx[k] = tuff_affine(g, values.gx[k], 1.01, 0.01);
            double **data = tuff_reference_create(g);
            if (!data || !op_fill_case(&t->random, g, op, c, &values, data)) abort();
            prepare(t, op, g, &values, c->in_count, data);
            if (tuff_reference_run(g, data) != TUFF_OK) abort();
            for (uint32_t k = 0; k < c->in_count; k++)
                if (values.gx[k]) compare_gradient(t, op, c, g, &values, data, k);
            tuff_reference_destroy(g, data);
        }
        tuff_graph_destroy(g);
    }
}

/* A wrong gradient must be found, or the comparison finds nothing. */
static void canary(struct ops_test *t, const struct tuff_op *op)
{
    struct ops_test changed = {.context = t->context, .random = t->random, .perturb = true};
    check_gradients(&changed, op);
    if (changed.gradients && !changed.failures) fail(t, "canary: a wrong gradient of %s was not found", op->name);
    t->wrong_found += changed.failures;
}

int main(int argc, char **argv)
{
    struct ops_test t = {.random = op_random_start(argc, argv)};
    if (tuff_context_create(NULL, &t.context, NULL) != TUFF_OK) return 1;
    for (uint32_t i = 0; i < tuff_op_count; i++) {
        bool all = true, chosen = false;
        for (int a = 1; a < argc; a++) {
            if (!strcmp(argv[a], "--seed"))
                a++;
            else
                all = false, chosen = chosen || !strcmp(argv[a], tuff_ops[i]->name);
        }
        if (!all && !chosen) continue;
        check_descriptor(&t, tuff_ops[i]);
        check_golden(&t, tuff_ops[i]);
        check_gradients(&t, tuff_ops[i]);
        canary(&t, tuff_ops[i]);
    }
    check_results(&t);
    check_bytes(&t);
    printf("graph_ops: %u operators, %u golden values, %u gradients, %u wrong ones found, %u failures\n",
           (unsigned)tuff_op_count, t.golden_values, t.gradients, t.wrong_found, t.failures);
    tuff_context_destroy(t.context);
    return t.failures != 0;
}
