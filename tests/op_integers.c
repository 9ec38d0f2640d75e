/* op_integers.c - i32 that has no room wraps in two's complement: on the device, in tuff_evaluate, and where constants fold. What
 * it has to be is computed here, modulo 2^32. */
#include "backend/executable.h"
#include "graph/op.h"
#include "tests/backend_help.h"
#include "tests/op_help.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 67, OPERATORS = 20 };

static tuff_val build(struct tuff_graph *g, int which, tuff_val a, tuff_val b)
{
    switch (which) {
    case 0: return tuff_add(g, a, b);
    case 1: return tuff_sub(g, a, b);
    case 2: return tuff_mul(g, a, b);
    case 3: return tuff_neg(g, a);
    case 4: return tuff_square(g, a);
    case 5: return tuff_sum(g, a, 1, TUFF_KEEP_AXES);
    case 6: return tuff_minimum(g, a, b);
    case 7: return tuff_abs(g, a);
    case 8: return tuff_sign(g, a);
    case 9: return tuff_div(g, a, b);
    case 10: return tuff_mod(g, a, b);
    case 11: return tuff_fmod(g, a, b);
    case 12: return tuff_bit_and(g, a, b);
    case 13: return tuff_bit_or(g, a, b);
    case 14: return tuff_bit_xor(g, a, b);
    case 15: return tuff_bit_not(g, a);
    case 16: return tuff_shift_left(g, a, b);
    case 17: return tuff_shift_right(g, a, b);
    case 18: return tuff_pow(g, a, b);
    default: return tuff_add(g, tuff_mul(g, tuff_mul(g, a, b), b), a);
    }
}

/* Powers as products, as many as it takes: those of even numbers are 0 from 32 on, of odd ones the same again after 2^30. */
static uint32_t power(int32_t a, int32_t b)
{
    uint32_t y = 1;
    if (b < 0) return a == 1 || a == -1 ? (uint32_t)(b & 1 ? a : 1) : 0;
    if (a % 2 == 0 && b >= 32) return 0;
    for (int bit = 30; bit >= 0; bit--) {
        y *= y;
        if (b >> bit & 1) y *= (uint32_t)a;
    }
    return y;
}

static uint32_t expected(int which, const int32_t *a, const int32_t *b, int i)
{
    uint32_t x = (uint32_t)a[i], y = (uint32_t)b[i], sum = 0;
    int64_t v = a[i], w = b[i], rest = w ? v % w : 0;
    switch (which) {
    case 0: return x + y;
    case 1: return x - y;
    case 2: return x * y;
    case 3: return 0u - x;
    case 4: return x * x;
    case 5:
        for (int k = 0; k < COUNT; k++) sum += (uint32_t)a[k];
        return sum;
    case 6: return a[i] < b[i] ? x : y;
    case 7: return v < 0 ? 0u - x : x;
    case 8: return v < 0 ? UINT32_MAX : v > 0;
    case 9: return w ? (uint32_t)(v / w) : 0;
    case 10: return (uint32_t)(rest && (rest < 0) != (w < 0) ? rest + w : rest);
    case 11: return (uint32_t)rest;
    case 12: return x & y;
    case 13: return x | y;
    case 14: return x ^ y;
    case 15: return ~x;
    case 16: return y < 32 ? x << y : 0;
    case 17: return y < 32 ? x >> y : 0;
    case 18: return power(a[i], b[i]);
    default: return x * y * y + x;
    }
}

static void compare(struct backend_test *test, const char *how, int which, const int32_t *a, const int32_t *b,
                    const int32_t *got)
{
    for (int i = 0; i < (which == 5 ? 1 : COUNT); i++)
        if (!backend_check(test, (uint32_t)got[i] == expected(which, a, b, i),
                           "%s, operator %d: of %" PRId32 " and %" PRId32 " expected %" PRId32 ", got %" PRId32, how, which,
                           a[i], b[i], (int32_t)expected(which, a, b, i), got[i]))
            return;
}

/* All operators of one graph, whose operands are inputs or constants. */
static void run(struct backend_test *test, const int32_t *a, const int32_t *b, bool constants)
{
    const struct tuff_type type = {TUFF_I32, TUFF_SHAPE(COUNT)};
    struct tuff_error error = {0};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    tuff_val in[2], out[OPERATORS];
    double wide[OPERATORS][COUNT], *results[OPERATORS];
    tuff_status status = tuff_graph_create(test->context, &g, &error);
    if (status != TUFF_OK) abort();
    for (int k = 0; k < 2; k++)
        in[k] = constants ? tuff_constant(g, type, k ? b : a) : tuff_input(g, k ? "b" : "a", TUFF_I32, type.shape);
    for (int i = 0; i < OPERATORS; i++) {
        out[i] = build(g, i, in[0], in[1]);
        results[i] = wide[i];
    }
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = out, .output_count = OPERATORS};
    const struct tuff_leaf_content leaves[2] = {{in[0], a}, {in[1], b}};
    struct tuff_evaluate_params evaluate = {.struct_size = sizeof evaluate,
                                            .outputs = out,
                                            .output_count = OPERATORS,
                                            .leaves = leaves,
                                            .leaf_count = constants ? 0 : 2};
    if (status == TUFF_OK) status = tuff_graph_finish(g, &error);
    if (status == TUFF_OK) status = tuff_session_create(test->device, g, NULL, &session, &error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &x, &error);
    for (int k = 0; k < 2 && status == TUFF_OK && !constants; k++)
        status = tuff_executable_write(x, in[k], k ? b : a, COUNT * sizeof *a, &error);
    if (status == TUFF_OK) status = tuff_executable_run(x, &error);
    if (status == TUFF_OK) status = tuff_evaluate(g, &evaluate, results, &error);
    for (int i = 0; i < OPERATORS && status == TUFF_OK; i++) {
        int32_t got[COUNT], evaluated[COUNT];
        size_t count = i == 5 ? 1 : COUNT;
        status = tuff_executable_read(x, (uint32_t)i, got, count * sizeof *got, &error);
        for (size_t k = 0; k < count; k++) evaluated[k] = (int32_t)wide[i][k];
        compare(test, constants ? "folded" : "on the device", i, a, b, got);
        compare(test, constants ? "constants, evaluated" : "evaluated", i, a, b, evaluated);
    }
    backend_status(test, constants ? "constants" : "inputs", TUFF_OK, status, &error);
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* Numbers for all elements: what a graph says is what values of the type hold. */
static void test_numbers(struct backend_test *test)
{
    static const double wanted[4] = {2, -2147483648.0, 1, 0};
    struct tuff_error error = {0};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    if (tuff_graph_create(test->context, &g, &error) != TUFF_OK) abort();
    tuff_val one = tuff_full(g, TUFF_I32, TUFF_SHAPE(1), 1), most = tuff_full(g, TUFF_I32, TUFF_SHAPE(1), INT32_MAX);
    tuff_val power = tuff_full(g, TUFF_I32, TUFF_SHAPE(1), 65536), two = tuff_full(g, TUFF_I32, TUFF_SHAPE(1), 2.7);
    tuff_val out[4] = {tuff_cast(g, two, TUFF_F32), tuff_add(g, most, one),
                       tuff_cast(g, tuff_full(g, TUFF_BOOL, TUFF_SHAPE(1), 3), TUFF_F32), tuff_mul(g, power, power)};
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = out, .output_count = 4};
    tuff_status status = tuff_graph_finish(g, &error);
    if (status == TUFF_OK) status = tuff_session_create(test->device, g, NULL, &session, &error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &x, &error);
    if (status == TUFF_OK) status = tuff_executable_run(x, &error);
    for (uint32_t i = 0; i < 4 && status == TUFF_OK; i++) {
        bool whole = tuff_type_of(g, out[i]).dtype == TUFF_I32;
        int32_t got = 0;
        float real = 0;
        status = tuff_executable_read(x, i, whole ? (void *)&got : (void *)&real, 4, &error);
        double number = whole ? got : (double)real;
        backend_check(test, number == wanted[i], "number %u: expected %.17g, got %.17g", (unsigned)i, wanted[i], number);
    }
    backend_status(test, "numbers", TUFF_OK, status, &error);
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

/* Few words that ask for much: what is more than the host should compute stays for the device, or is refused where it cannot. */
static void test_budget(struct backend_test *test, bool work)
{
    struct tuff_error error = {0};
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    const int64_t one = 1;
    const double real = 1;
    const struct tuff_shape large = TUFF_SHAPE(1u << 15, 1u << 15), square = TUFF_SHAPE(1500, 1500);
    if (tuff_graph_create(test->context, &g, &error) != TUFF_OK) abort();
    tuff_val out = tuff_constant(g, (struct tuff_type){work ? TUFF_F64 : TUFF_I64, TUFF_SHAPE(1)},
                                 work ? (const void *)&real : (const void *)&one);
    out = tuff_expand(g, out, work ? square : large);
    if (work) /* 9e6 elements, but 7e9 operations */
        out = tuff_matmul(g, out, out, (struct tuff_matmul_params){.transpose_a = false});
    else
        out = tuff_sum(g, tuff_cast(g, out, TUFF_F32), 3, TUFF_DROP_AXES);
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &out, .output_count = 1};
    test->quiet = true;
    tuff_status status = tuff_graph_finish(g, &error);
    if (status == TUFF_OK) status = tuff_session_create(test->device, g, NULL, &session, &error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &x, &error);
    test->quiet = false;
    backend_check(test,
                  status == TUFF_ERR_UNSUPPORTED && strstr(error.message, "16777216 elements and 268435456 operations"),
                  "%s: expected a refusal, got %s: '%s'", work ? "7e9 operations" : "8 GiB of constants",
                  tuff_status_name(status), error.message);
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

int main(int argc, char **argv)
{
    struct backend_test test = {0};
    struct op_random random = op_random_start(argc, argv);
    int32_t a[COUNT], b[COUNT];
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    for (int i = 0; i < COUNT; i++) {
        a[i] = (int32_t)op_uniform(&random, -2147483648.0, 2147483647.0);
        b[i] = (int32_t)op_uniform(&random, -2147483648.0, 2147483647.0);
    }
    a[0] = b[0] = INT32_MIN;
    a[1] = INT32_MAX, b[1] = 1;
    a[2] = b[2] = 65536;
    for (int i = 3; i < COUNT; i++) { /* small divisors, shifts and exponents; quotients that end */
        if (i % 4 == 0) b[i] = (int32_t)op_below(&random, 41) - 4;
        if (i % 4 == 1) a[i] = (int32_t)op_below(&random, 7) - 3;
        if (i % 8 == 5) b[i] = (int32_t)op_below(&random, 13) - 6;
        if (i % 16 == 2) a[i] = 12345 * (b[i] %= 100000);
    }
    a[3] = INT32_MIN, b[3] = -1;
    a[4] = INT32_MIN, b[4] = 0;
    a[5] = 7, b[5] = 0;
    a[6] = 7, b[6] = INT32_MIN;
    run(&test, a, b, false);
    run(&test, a, b, true);
    test_numbers(&test);
    test_budget(&test, false);
    if (tuff_glslang()) test_budget(&test, true); /* without a compiler nothing is folded but to narrow it */
    return backend_test_end(&test, "op_integers");
}
