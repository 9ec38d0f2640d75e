/* session_hostile.c - hostile mode (tuff_options.hostile) does what Vulkan allows and no more: what a device gives of single operations is compared with
 * double precision. op_random and others run in it, too (cmake/tests.cmake). */
#include "graph/graph.h"
#include "tests/backend_help.h"
#include "tests/op_help.h"

#include <math.h>
#include <stdlib.h>

enum { COUNT = 3001 };
#define ULP 1.1920928955078125e-7 /* of a number from 1 to 2 */

/* Units in the last place: what a device may be off by, and what hostile mode must be off by somewhere. Logarithms from 1/2 to 2: absolute. */
struct row {
    const char *name;
    double most, least;
    tuff_val (*add)(struct tuff_graph *g, tuff_val a, tuff_val b);
    double (*of)(double a, double b);
};

static tuff_val add_exp(struct tuff_graph *g, tuff_val a, tuff_val b) { return (void)b, tuff_exp(g, a); }
static double of_exp(double a, double b) { return (void)b, exp(a); }
static tuff_val add_log(struct tuff_graph *g, tuff_val a, tuff_val b) { return (void)b, tuff_log(g, tuff_abs(g, a)); }
static double of_log(double a, double b) { return (void)b, log(fabs(a)); }
static tuff_val add_sqrt(struct tuff_graph *g, tuff_val a, tuff_val b) { return (void)b, tuff_sqrt(g, tuff_abs(g, a)); }
static double of_sqrt(double a, double b) { return (void)b, sqrt(fabs(a)); }
static double of_div(double a, double b) { return a / b; }
static double of_mul(double a, double b) { return a * b; }
static double of_add(double a, double b) { return a + b; }

/* 3.3: of llvmpipe alone the logarithm is off by 3.02 at 0.4996, and exp by 3.25 at -0.05. */
static const struct row rows[] = {{"exp", 0, 0.9, add_exp, of_exp},    {"log", 3.3, 0.9, add_log, of_log},
                                  {"sqrt", 4.5, 3, add_sqrt, of_sqrt}, {"div", 2.5, 1.4, tuff_div, of_div},
                                  {"mul", 1, 0.9, tuff_mul, of_mul},   {"add", 1, 0.9, tuff_add, of_add}};

static double unit_of(double y)
{
    int exponent;
    frexp(y, &exponent);
    return ldexp(ULP, exponent - 1);
}

struct results {
    double *data[16], *got[TUFF_COUNT(rows)];
    tuff_val a, b;
};

static bool run(struct backend_test *test, struct op_random random, struct results *r)
{
    tuff_val outputs[TUFF_COUNT(rows)];
    struct tuff_graph *g = NULL;
    *r = (struct results){.a = 0};
    if (tuff_graph_create(test->context, &g, NULL) != TUFF_OK) exit(1);
    tuff_val *in[2] = {&r->a, &r->b};
    for (int k = 0; k < 2; k++) {
        *in[k] = tuff_input(g, k ? "b" : "a", TUFF_F32, TUFF_SHAPE(COUNT));
        double *x = r->data[*in[k]] = malloc(COUNT * sizeof *x);
        if (!x) exit(1);
        for (int i = 0; i < COUNT; i++) x[i] = (float)(op_normal(&random) * pow(10, op_uniform(&random, -1, 1)));
    }
    for (uint32_t i = 0; i < TUFF_COUNT(rows); i++) outputs[i] = rows[i].add(g, r->a, r->b);
    struct op_run run = {.outputs = outputs, .count = TUFF_COUNT(rows), .got = r->got};
    bool ok = tuff_graph_finish(g, NULL) == TUFF_OK && op_run_graph(test->device, g, r->data, &run);
    tuff_graph_destroy(g);
    return backend_check(test, ok, "did not run");
}

static void check_row(struct backend_test *test, const struct row *row, const struct results *r, const double *got,
                      uint32_t seed)
{
    double worst = 0, near = 0;
    uint32_t away = 0;
    for (int i = 0; i < COUNT; i++) {
        double a = r->data[r->a][i], b = r->data[r->b][i], y = row->of(a, b), error = fabs(got[i] - y);
        bool around = row->of == of_log && fabs(a) >= 0.5 && fabs(a) <= 2;
        if (!isfinite(y) || fabs(y) < 1e-37 || fabs(y) > 1e38) continue;
        if (around) near = fmax(near, error / 0x1p-21);
        double most = row->most > 0 ? row->most : 3.3 + 2 * fabs(a), units = error / unit_of(y);
        if (!around) worst = fmax(worst, units);
        backend_check(test, around ? error <= 0x1p-21 : units <= most,
                      "%s of %.9g, %.9g: expected %.9g within %g units, got %.9g", row->name, a, b, y, most, got[i]);
        away += fabs(got[i]) > fabs(y);
    }
    if (!seed) return;
    backend_check(test, worst >= row->least, "seed %u: %s is off by %g units, expected at least %g somewhere", seed,
                  row->name, worst, row->least);
    if (row->of == of_log) backend_check(test, near > 0.5, "seed %u: log near 1 is off by %g of what it may", seed, near);
    if (row->of == of_add || row->of == of_mul)
        backend_check(test, !away, "seed %u: %s is farther from 0 %u times, expected never", seed, row->name, away);
}

int main(int argc, char **argv)
{
    static const uint32_t seeds[] = {0, 4, 8, 12}; /* those that do it everywhere */
    struct op_random random = op_random_start(argc, argv);
    int status = 0;
    for (size_t s = 0; s < TUFF_COUNT(seeds); s++) {
        struct backend_test test = {.quiet = false};
        struct tuff_options options = {.struct_size = sizeof options, .hostile = seeds[s]};
        struct results first, second;
        int begun = backend_test_begin(&test, &options);
        if (begun != 0) return begun;
        if (run(&test, random, &first) && run(&test, random, &second))
            for (size_t i = 0; i < TUFF_COUNT(rows); i++) {
                check_row(&test, &rows[i], &first, first.got[i], seeds[s]);
                backend_check(&test, !memcmp(first.got[i], second.got[i], COUNT * sizeof(double)),
                              "%s: expected the same bits again", rows[i].name);
            }
        for (size_t i = 0; i < TUFF_COUNT(rows); i++) {
            tuff_free(test.context, first.got[i]);
            tuff_free(test.context, second.got[i]);
        }
        for (size_t k = 0; k < 16; k++) {
            free(first.data[k]);
            free(second.data[k]);
        }
        status |= backend_test_end(&test, "session_hostile");
    }
    return status;
}
