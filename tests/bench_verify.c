/* bench_verify.c - do tuff-bench's checks find what is wrong? Right results pass, one spoiled element does not, in all kinds and
 * directions, with strides, padding and groups; and what is wrong or impossible never becomes a figure. */
#if TUFF_HAVE_JSON

#include "samples/bench/bench.h"
#include "samples/bench/verify.h"
#include "samples/nets/nets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void expect(bool good, const char *what, double got)
{
    if (!good) printf("FAILED: %s: %g\n", what, got);
    failures += !good;
}

static float *uniform(uint64_t count, uint32_t seed)
{
    float *x = malloc(count * sizeof *x);
    for (uint64_t i = 0; x && i < count; i++) x[i] = (float)zoo_uniform((uint32_t)i, seed);
    if (!x) exit(1);
    return x;
}

/* ---- matmul ------------------------------------------------------------------------------------------------------------------ */

static void swap_columns(const struct matmul_sizes *s, float *c, uint32_t j)
{
    for (uint32_t i = 0; i < s->m; i++) {
        float kept = c[i * s->n + j];
        c[i * s->n + j] = c[i * s->n + j + 1];
        c[i * s->n + j + 1] = kept;
    }
}

/* Of more columns than the sample of elements looks at. */
static void test_swaps(void)
{
    struct matmul_sizes s = {3, 600, 16, false};
    float *a = uniform(s.m * s.k, 1), *b = uniform(s.k * s.n, 2), *c = calloc(s.m * s.n, sizeof *c);
    for (uint32_t i = 0; i < s.m; i++)
        for (uint32_t j = 0; j < s.n; j++)
            for (uint32_t k = 0; k < s.k; k++) c[i * s.n + j] += a[i * s.k + k] * b[k * s.n + j];
    expect(verify_matmul(&s, a, b, c).ok, "a right wide matmul is right", 0);
    for (uint32_t j = 0; j + 1 < s.n; j++) {
        swap_columns(&s, c, j);
        expect(!verify_matmul(&s, a, b, c).ok, "two columns of a matmul in each other's place are found", j);
        swap_columns(&s, c, j);
    }
    free(a);
    free(b);
    free(c);
}

static void test_matmul(bool transpose_b)
{
    struct matmul_sizes s = {37, 53, 129, transpose_b};
    float *a = uniform(s.m * s.k, 1), *b = uniform(s.k * s.n, 2), *c = calloc(s.m * s.n, sizeof *c);
    for (uint32_t i = 0; i < s.m; i++)
        for (uint32_t j = 0; j < s.n; j++)
            for (uint32_t k = 0; k < s.k; k++)
                c[i * s.n + j] += a[i * s.k + k] * (transpose_b ? b[j * s.k + k] : b[k * s.n + j]);
    struct check check = verify_matmul(&s, a, b, c);
    expect(check.ok && check.nmse <= check.bound && check.compared >= s.m, "a right matmul is right", check.nmse);
    for (uint32_t at = 0; at < s.m * s.n; at += 97) { /* one element, a thousandth of the size of the results */
        float kept = c[at];
        c[at] += 0.005f;
        expect(!verify_matmul(&s, a, b, c).ok, "one wrong element of a matmul is found", at);
        c[at] = kept;
    }
    c[5] = NAN;
    expect(!verify_matmul(&s, a, b, c).ok, "a NaN in a matmul is found", 5);
    free(a);
    free(b);
    free(c);
}

/* ---- convolution: the definition, straight ------------------------------------------------------------------------------------------ */

static void convolve(const struct conv_sizes *s, enum conv_direction direction, const float *x, const float *w,
                     const float *y, float *result)
{
    uint32_t gi = s->ci / s->groups, go = s->co / s->groups;
    for (uint32_t n = 0; n < s->n; n++)
        for (uint32_t o = 0; o < s->co; o++)
            for (uint32_t c = 0; c < gi; c++)
                for (uint32_t u = 0; u < s->kernel; u++)
                    for (uint32_t v = 0; v < s->kernel; v++)
                        for (uint32_t i = 0; i < s->oh; i++)
                            for (uint32_t j = 0; j < s->ow; j++) {
                                int row = (int)(i * s->stride + u) - (int)s->pad,
                                    column = (int)(j * s->stride + v) - (int)s->pad;
                                if (row < 0 || column < 0 || row >= (int)s->h || column >= (int)s->w) continue;
                                uint32_t channel = o / go * gi + c;
                                size_t xi = ((n * s->ci + channel) * s->h + (size_t)row) * s->w + (size_t)column;
                                size_t wi = ((o * gi + c) * s->kernel + u) * s->kernel + v;
                                size_t yi = ((n * s->co + o) * s->oh + i) * s->ow + j;
                                if (direction == CONV_FORWARD) result[yi] += x[xi] * w[wi];
                                if (direction == CONV_INPUT) result[xi] += y[yi] * w[wi];
                                if (direction == CONV_WEIGHT) result[wi] += x[xi] * y[yi];
                            }
}

static void test_conv(const struct conv_sizes *s, enum conv_direction direction)
{
    uint64_t of_x = (uint64_t)s->n * s->ci * s->h * s->w, of_y = (uint64_t)s->n * s->co * s->oh * s->ow;
    uint64_t of_w = (uint64_t)s->co * (s->ci / s->groups) * s->kernel * s->kernel;
    const uint64_t counts[] = {of_y, of_x, of_w};
    float *x = uniform(of_x, 1), *w = uniform(of_w, 2), *y = uniform(of_y, 3), *r = calloc(counts[direction], sizeof *r);
    const float *a = direction == CONV_INPUT ? y : x, *b = direction == CONV_WEIGHT ? y : w;
    convolve(s, direction, x, w, y, r);
    struct check check = verify_conv(s, direction, a, b, r);
    expect(check.ok && check.nmse <= check.bound, "a right convolution is right", check.nmse);
    for (uint64_t at = 0; at < counts[direction]; at += counts[direction] / 7 + 1) {
        float kept = r[at];
        r[at] += 0.01f;
        expect(!verify_conv(s, direction, a, b, r).ok, "one wrong element of a convolution is found", (double)at);
        r[at] = kept;
    }
    free(x);
    free(w);
    free(y);
    free(r);
}

/* ---- halves ------------------------------------------------------------------------------------------------------------------- */

static void test_halves(void)
{
    static const struct {
        float x;
        uint16_t half;
        float back;
    } cases[] = {{0, 0, 0},
                 {1, 0x3c00, 1},
                 {-2, 0xc000, -2},
                 {65504, 0x7bff, 65504},
                 {0.333333f, 0x3555, 0.33325195f},
                 {1 + 1.0f / 2048, 0x3c00, 1}, /* a tie, to even */
                 {1 + 3.0f / 2048, 0x3c02, 1 + 2.0f / 1024},
                 {5.9604645e-8f, 1, 5.9604645e-8f},
                 {6.097555e-5f, 0x03ff, 6.097555e-5f},
                 {0.99999f, 0x3c00, 1}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        float x = cases[i].x;
        uint16_t half;
        round_to_halves(&x, &half, 1);
        expect(half == cases[i].half && x == cases[i].back, "a half", cases[i].x);
    }
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------------- */

static const char *status_of(struct bench *bench)
{
    return cJSON_GetStringValue(
        cJSON_GetObjectItem(cJSON_GetArrayItem(bench->results, cJSON_GetArraySize(bench->results) - 1), "status"));
}

static bool has_value(struct bench *bench)
{
    return cJSON_IsNumber(
        cJSON_GetObjectItem(cJSON_GetArrayItem(bench->results, cJSON_GetArraySize(bench->results) - 1), "value"));
}

static void test_rows(void)
{
    const struct options options = {.min_seconds = 1, .min_runs = 1, .max_seconds = 1};
    struct bench bench = {.options = &options, .file = file_create(&options)};
    struct series series = {.per_timed = 1};
    struct row row = {.group = "peak", .title = "peak", .id = F32_PEAK, .unit = "GFLOP/s", .flops = 1000};
    bench.results = cJSON_GetObjectItem(bench.file, "results");
    for (int i = 0; i < 5; i++) (void)!series_add(&series, 10, -1); /* 100 GFLOP/s */
    row.series = &series;
    row.check = (struct check){"exact", 0, 0, 1, true};
    result_add(&bench, &row);
    expect(!strcmp(status_of(&bench), "ok") && has_value(&bench), "a right figure is shown", 0);
    row = (struct row){.group = "operator", .title = "op", .id = "operator/x", .unit = "GFLOP/s", .arithmetic = F32_PEAK};
    row.series = &series;
    row.flops = 900;
    row.check = (struct check){"reference", 1, 1e-9, 1, false};
    result_add(&bench, &row);
    expect(!strcmp(status_of(&bench), "wrong") && !has_value(&bench), "a wrong figure is not shown", 0);
    row.check.nmse = 0; /* wrong outside the sample that this is of */
    result_add(&bench, &row);
    cJSON *last = cJSON_GetArrayItem(bench.results, cJSON_GetArraySize(bench.results) - 1);
    expect(cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetObjectItem(last, "check"), "nmse")), "no error below the bound", 0);
    row.check.ok = true;
    result_add(&bench, &row);
    expect(!strcmp(status_of(&bench), "ok"), "a figure below the peak is shown", 0);
    row.flops = 1100;
    result_add(&bench, &row);
    expect(!strcmp(status_of(&bench), "refused") && !has_value(&bench), "a figure above the peak is refused", 0);
    row.status = TUFF_ERR_UNSUPPORTED;
    row.series = NULL;
    result_add(&bench, &row);
    expect(!strcmp(status_of(&bench), "skipped") && !has_value(&bench), "what is not there is skipped", 0);
    expect(bench.wrong == 3 && bench.failed == 0, "wrong figures are counted", bench.wrong);
    series_free(&series, 1);
    cJSON_Delete(bench.file);
}

static void test_patterns(void)
{
    struct options o = {.only = "matmul"};
    expect(options_wants(&o, "operator/matmul/512"), "part of an id", 0);
    expect(!options_wants(&o, "operator/conv/1"), "no part of an id", 0);
    o.only = "net/*/infer/b1/*";
    expect(options_wants(&o, "net/resnet50/infer/b1/f32"), "a pattern", 0);
    expect(!options_wants(&o, "net/resnet50/infer/b8/f32"), "not the pattern", 0);
    o.only = "*cold";
    expect(options_wants(&o, "operator/x/cold") && !options_wants(&o, "operator/x/cold/y"), "a pattern's end", 0);
}

int main(void)
{
    static const struct conv_sizes sizes[] = {{2, 6, 9, 9, 5, 3, 1, 1, 1, 9, 9},
                                              {2, 4, 11, 11, 6, 3, 2, 1, 2, 6, 6},
                                              {1, 7, 8, 8, 7, 3, 1, 1, 7, 8, 8},
                                              {3, 5, 7, 7, 4, 1, 1, 0, 1, 7, 7},
                                              {1, 3, 15, 15, 8, 7, 2, 3, 1, 8, 8}};
    test_matmul(false);
    test_matmul(true);
    test_swaps();
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int d = CONV_FORWARD; d <= CONV_WEIGHT; d++) test_conv(&sizes[i], (enum conv_direction)d);
    test_halves();
    test_rows();
    test_patterns();
    printf("%d failures\n", failures);
    return failures != 0;
}

#else

#include <stdio.h>

int main(void)
{
    printf("bench_verify: this Tuff is built without cJSON\n");
    return 77;
}

#endif
