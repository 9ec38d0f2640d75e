/* graph_attention.c - attention, rotary positions and upsampling, which are built from operators, in double against their formulas;
 * gradients against central differences.
 *   graph_attention [--seed N] */
#include "graph/reference.h"
#include "tests/graph_help.h"
#include "tests/op_help.h"

#include <math.h>
#include <stdio.h>

struct attention_test {
    struct tuff_context *context;
    struct op_random random;
    unsigned failures;
    /* of the graph under test */
    struct tuff_graph *g;
    double **data;
};

static tuff_val input(struct attention_test *t, const char *name, struct tuff_shape shape)
{
    return tuff_input(t->g, name, TUFF_F32, shape);
}

static uint64_t count_of(const struct attention_test *t, tuff_val v)
{
    struct tuff_shape shape = tuff_type_of(t->g, v).shape;
    return tuff_shape_count(&shape);
}

/* Numbers for all inputs (bool: about two of three are true), then all values. */
static bool evaluate(struct attention_test *t)
{
    struct tuff_error error = {0};
    if (!graph_check(&t->failures, tuff_graph_finish(t->g, &error) == TUFF_OK, "%s", error.message)) return false;
    t->data = tuff_reference_create(t->g);
    for (tuff_val v = 1; v < t->g->count && t->data; v++) {
        if (t->g->values[v].op->kind != TUFF_KIND_INPUT) continue;
        uint64_t count = count_of(t, v);
        bool truth = t->g->values[v].type.dtype == TUFF_BOOL;
        t->data[v] = tuff_alloc(t->context, (size_t)count * sizeof(double));
        if (!t->data[v]) return false;
        for (uint64_t i = 0; i < count; i++)
            t->data[v][i] = truth ? (double)(i % 5 == 0 || op_below(&t->random, 3) > 0) : op_normal(&t->random);
    }
    return graph_check(&t->failures, t->data && tuff_reference_run(t->g, t->data) == TUFF_OK, "the reference did not run");
}

static void end(struct attention_test *t)
{
    if (t->data) tuff_reference_destroy(t->g, t->data);
    t->data = NULL;
    tuff_graph_destroy(t->g);
}

static void expect(struct attention_test *t, const char *what, uint64_t element, double expected, double got, double bound)
{
    graph_check(&t->failures, fabs(expected - got) <= bound, "%s: element %llu: expected %.12g, got %.12g", what,
                (unsigned long long)element, expected, got);
}

/* Sum of y weighted by gy, with one element of one input moved. */
static double moved(struct attention_test *t, tuff_val y, tuff_val gy, tuff_val x, uint64_t i, double by)
{
    double **data = tuff_reference_create(t->g), sum = NAN;
    for (tuff_val v = 1; v < t->g->count && data; v++) {
        if (t->g->values[v].op->kind != TUFF_KIND_INPUT) continue;
        size_t bytes = (size_t)count_of(t, v) * sizeof(double);
        data[v] = tuff_alloc(t->context, bytes);
        if (data[v]) memcpy(data[v], t->data[v], bytes);
    }
    if (data && data[x]) data[x][i] += by;
    if (data && tuff_reference_run(t->g, data) == TUFF_OK) {
        sum = 0;
        for (uint64_t k = 0, count = count_of(t, y); k < count; k++) sum += data[y][k] * data[gy][k];
    }
    if (data) tuff_reference_destroy(t->g, data);
    return sum;
}

/* gx[count] of the evaluated graph against central differences of step 1e-4: their error is about 1e-8 of third derivatives. */
static void check_gradients(struct attention_test *t, const char *what, tuff_val y, tuff_val gy, const tuff_val *x,
                            const tuff_val *gx, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++)
        for (uint64_t i = 0, n = count_of(t, x[k]); i < n; i++) {
            double slope = (moved(t, y, gy, x[k], i, 1e-4) - moved(t, y, gy, x[k], i, -1e-4)) / 2e-4;
            expect(t, what, i, slope, t->data[gx[k]][i], 1e-6 * (1 + fabs(slope)));
        }
}

/* ---- attention ------------------------------------------------------------------------------------------------------------ */

struct attention_case {
    const char *name;
    uint32_t b, h, hk, t, s, d, e;
    double scale;
    bool causal;
    enum tuff_dtype mask; /* 0: none */
    struct tuff_shape mask_shape;
};
static const struct attention_case cases[] = {
    {"one head", 1, 1, 1, 3, 3, 2, 2, 0, false, 0, {0}},
    {"grouped, causal", 2, 4, 2, 4, 4, 3, 3, 0, true, 0, {0}},
    {"one key head, more columns", 1, 3, 1, 2, 5, 4, 2, 0.7, false, 0, {0}},
    {"causal, fewer columns", 1, 2, 2, 5, 3, 2, 3, 0, true, 0, {0}},
    {"bool mask", 2, 2, 1, 3, 4, 2, 2, 0, false, TUFF_BOOL, {4, {2, 1, 3, 4}}},
    {"f32 mask, causal", 1, 4, 2, 3, 3, 2, 2, 0, true, TUFF_F32, {2, {3, 3}}},
};

/* The definition, for one row of one head: y[e] */
static void naive_row(const struct attention_test *t, const struct attention_case *c, const tuff_val *in, uint32_t batch,
                      uint32_t head, uint32_t row, double *y)
{
    const uint32_t key_head = head / (c->h / c->hk), keys = batch * c->hk + key_head;
    const double *q = t->data[in[0]] + ((batch * c->h + head) * c->t + row) * c->d;
    const double *k = t->data[in[1]] + keys * c->s * c->d, *v = t->data[in[2]] + keys * c->s * c->e;
    double weight[8], sum = 0;
    for (uint32_t j = 0; j < c->s; j++) {
        double product = 0, mask = 0;
        bool seen = !c->causal || j <= row;
        for (uint32_t i = 0; i < c->d; i++) product += q[i] * k[j * c->d + i];
        if (c->mask) mask = t->data[in[3]][((c->mask_shape.rank == 4 ? batch : 0) * c->t + row) * c->s + j];
        if (c->mask == TUFF_BOOL) seen = seen && mask != 0, mask = 0;
        weight[j] = seen ? exp(product * (c->scale != 0 ? c->scale : 1 / sqrt(c->d)) + mask) : 0;
        sum += weight[j];
    }
    for (uint32_t i = 0; i < c->e; i++) {
        y[i] = 0;
        for (uint32_t j = 0; j < c->s; j++) /* a row that sees nothing is 0 */
            y[i] += (sum > 0 ? weight[j] / sum : 0) * v[j * c->e + i];
    }
}

static void check_attention(struct attention_test *t, const struct attention_case *c)
{
    t->g = graph_fresh(t->context);
    tuff_val in[4] = {input(t, "q", TUFF_SHAPE(c->b, c->h, c->t, c->d)), 0, 0, 0}, gx[4] = {0};
    in[1] = input(t, "k", TUFF_SHAPE(c->b, c->hk, c->s, c->d));
    in[2] = input(t, "v", TUFF_SHAPE(c->b, c->hk, c->s, c->e));
    if (c->mask) in[3] = tuff_input(t->g, "mask", c->mask, c->mask_shape);
    struct tuff_attention_params params = {.scale = {c->scale, c->scale != 0}, .causal = c->causal, .mask = in[3]};
    tuff_val y = tuff_attention(t->g, in[0], in[1], in[2], params);
    tuff_val gy = input(t, "gy", TUFF_SHAPE(c->b, c->h, c->t, c->e));
    uint32_t trained = c->mask == TUFF_F32 ? 4 : 3;
    tuff_gradients(t->g, y, gy, in, trained, gx);
    if (evaluate(t)) {
        double row[8];
        for (uint32_t r = 0; r < c->b * c->h * c->t; r++) {
            naive_row(t, c, in, r / c->t / c->h, r / c->t % c->h, r % c->t, row);
            for (uint32_t i = 0; i < c->e; i++) expect(t, c->name, r * c->e + i, row[i], t->data[y][r * c->e + i], 1e-12);
        }
        check_gradients(t, c->name, y, gy, in, gx, trained);
    }
    end(t);
}

/* ---- rotary positions ------------------------------------------------------------------------------------------------------ */

static void check_rope(struct attention_test *t, const char *name, struct tuff_shape shape, struct tuff_rope_params params)
{
    t->g = graph_fresh(t->context);
    tuff_val x = input(t, "x", shape), y = tuff_rope(t->g, x, params), gy = input(t, "gy", shape), gx;
    tuff_gradients(t->g, y, gy, &x, 1, &gx);
    if (evaluate(t)) {
        uint32_t d = shape.dim[shape.rank - 1], rows = shape.dim[shape.rank - 2];
        double theta = params.theta != 0 ? params.theta : 10000;
        for (uint64_t i = 0, count = count_of(t, x); i < count; i++) {
            uint32_t at = (uint32_t)(i % d), pair = params.interleaved ? at / 2 : at % (d / 2);
            bool second = params.interleaved ? at % 2 == 1 : at >= d / 2;
            uint64_t other = params.interleaved ? i ^ 1 : second ? i - d / 2 : i + d / 2;
            double angle = (params.first + (double)(i / d % rows)) * pow(theta, -2.0 * pair / d);
            double a = t->data[x][i], b = t->data[x][other];
            double expected = second ? a * cos(angle) + b * sin(angle) : a * cos(angle) - b * sin(angle);
            expect(t, name, i, expected, t->data[y][i], 1e-7 * (fabs(a) + fabs(b))); /* tables are rounded to f32 */
        }
        check_gradients(t, name, y, gy, &x, &gx, 1);
    }
    end(t);
}

/* Products of turned rows hang on the distance of their positions alone; and layers share their tables. */
static void check_rope_distance(struct attention_test *t)
{
    t->g = graph_fresh(t->context);
    tuff_val x = input(t, "x", TUFF_SHAPE(1, 6)), many = tuff_expand(t->g, x, TUFF_SHAPE(5, 6));
    tuff_val y = tuff_rope(t->g, many, (struct tuff_rope_params){.first = 2});
    uint32_t before = t->g->count;
    tuff_rope(t->g, many, (struct tuff_rope_params){.first = 2});
    graph_check(&t->failures, t->g->count - before == y - many - 2, "a second rope adds %u values, the first added %u",
                (unsigned)(t->g->count - before), (unsigned)(y - many));
    tuff_val products = tuff_matmul(t->g, y, y, (struct tuff_matmul_params){.transpose_b = true});
    if (evaluate(t))
        for (uint32_t i = 0; i < 4; i++)
            for (uint32_t j = 0; j < 4; j++)
                expect(t, "distance", i * 5 + j, t->data[products][i * 5 + j], t->data[products][(i + 1) * 5 + j + 1], 1e-5);
    end(t);
}

/* ---- upsampling ------------------------------------------------------------------------------------------------------------- */

static void check_upsample(struct attention_test *t)
{
    t->g = graph_fresh(t->context);
    tuff_val x = input(t, "x", TUFF_SHAPE(2, 3, 2, 3)), y = tuff_upsample_nearest2d(t->g, x, 2, 3);
    tuff_val gy = input(t, "gy", TUFF_SHAPE(2, 3, 4, 9)), gx;
    tuff_gradients(t->g, y, gy, &x, 1, &gx);
    if (evaluate(t)) {
        for (uint32_t c = 0; c < 6; c++)
            for (uint32_t i = 0; i < 4; i++)
                for (uint32_t j = 0; j < 9; j++)
                    expect(t, "upsample", (c * 4 + i) * 9 + j, t->data[x][(c * 2 + i / 2) * 3 + j / 3],
                           t->data[y][(c * 4 + i) * 9 + j], 0);
        check_gradients(t, "upsample", y, gy, &x, &gx, 1);
    }
    end(t);
}

int main(int argc, char **argv)
{
    struct attention_test t = {.random = op_random_start(argc, argv)};
    if (tuff_context_create(NULL, &t.context, NULL) != TUFF_OK) return 1;
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) check_attention(&t, &cases[i]);
    check_rope(&t, "halves", TUFF_SHAPE(3, 6), (struct tuff_rope_params){0});
    check_rope(&t, "halves of heads", TUFF_SHAPE(2, 2, 3, 4), (struct tuff_rope_params){.theta = 100000, .first = 7});
    check_rope(&t, "neighbours", TUFF_SHAPE(2, 3, 6),
               (struct tuff_rope_params){.theta = 50, .first = 1, .interleaved = true});
    check_rope_distance(&t);
    check_upsample(&t);
    printf("graph_attention: %u failures\n", t.failures);
    tuff_context_destroy(t.context);
    return t.failures != 0;
}
