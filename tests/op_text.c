/* op_text.c - rows of pointwise.def by running error analysis: each step of the text adds its rounding to the errors that
 * come in, so that a tolerance follows from the row itself.
 *
 * Rounding is that of the Vulkan specification, "Precision and Operation of SPIR-V Instructions" (32-bit): + - * correctly
 * rounded in some direction (1 ulp), division 2.5 ulp, inversesqrt 2 ulp, sqrt as 1 / inversesqrt (4.5 ulp), exp and exp2
 * 3 + 2|x| ulp, log and log2 3 ulp, but 2^-21 absolute in [0.5, 2]. Functions have the bound of their own steps, beside each
 * in graph/ops/pw_helpers.def. Contraction to fused multiply-add only takes errors away. Sums of more than two terms may be taken in any
 * order (there, "Reassociation"): Mesa adds constants first, so that (a + b) + 0.5 is (a + 0.5) + b. */
#include "tests/op_text.h"
#include "graph/pw_math.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct op_number number;

/* ---- functions -------------------------------------------------------------------------------------------------------------- */

/* Largest change of f within [x - e, x + e]; enough at the ends, as all f here are monotone or nearly straight there. */
static double change(double (*f)(double), double x, double e)
{
    double y = f(x), up = fabs(f(x + e) - y), down = fabs(f(x - e) - y);
    return e == 0 ? 0 : (up > down || isnan(up) ? up : down);
}

#define U OP_ULP
static double exp_ulp(double x) { return isinf(x) ? 0 : (3 + 2 * fabs(x)) * U; }

static double log_error(double a, double e)
{
    double y = log(a), near = a > 0.49 && a < 2.01 ? 4.76837158203125e-7 /* 2^-21 */ : 0;
    return change(log, a, e) + (a < 1.2e-38 ? 5 : 3) * U * fabs(y) + near; /* of denormals the sum of two */
}

/* Series below 1/4: its value is near a, so that the last two roundings count, 4 ulp with the rest. Else exp(a) - 1. */
static double expm1_rounding(double a)
{
    return fabs(a) < 0.25 ? 4 * U * fabs(expm1(a)) : exp_ulp(a) * exp(a) + U * fabs(expm1(a));
}
static double expm1_error(double a, double e)
{
    double near = fmax(expm1_rounding(a), fmax(expm1_rounding(a + e), expm1_rounding(a - e)));
    if (fabs(fabs(a) - 0.25) < 1e-5) near = fmax(near, expm1_rounding(a < 0 ? -0.2501 : 0.2501));
    return change(expm1, a, e) + near;
}

/* Whole b that are exact stay what they are. */
static double change_of_two(double (*f)(double, double), double a, double e, double b, double eb)
{
    double y = f(a, b), most = 0;
    bool whole = eb == 0 && b == floor(b);
    for (int i = 0; i < 9 && (e > 0 || eb > 0); i++) {
        double d = fabs(f(a + (i % 3 - 1) * e, whole ? b : b + (i / 3 - 1) * eb) - y);
        most = d > most || isnan(d) ? d : most;
    }
    return most;
}

static double jump(double (*f)(double), double a, double e)
{
    double y = f(a);
    return e == 0 || (f(a - e) == y && f(a + e) == y) ? 0 : INFINITY;
}

/* Of what a division leaves: nothing is known where another quotient may be the right one. */
static double left_error(double a, double e, double b, double eb, double y)
{
    double in = e + (eb > 0 ? (fabs(a / b) + 1) * eb : 0);
    return in == 0 || (fabs(y) > in && fabs(b) - fabs(y) > in) ? in : INFINITY;
}

/* Of a comparison. */
static double unsure(double a, double e, double b, double eb)
{
    return (e == 0 && eb == 0) || fabs(a - b) > e + eb ? 0 : INFINITY;
}

static number product(number a, number b)
{
    double v = a.v * b.v;
    return (number){v, fabs(a.v) * b.e + fabs(b.v) * a.e + a.e * b.e + OP_ULP * fabs(v) + (v != 0 ? OP_TINY : 0)};
}

static number quotient(number a, number b)
{
    double least = fabs(b.v) - b.e, v = a.v / b.v;
    if (!(least > 1.2e-38) || fabs(b.v) > 8.5e37) return (number){v, INFINITY};
    return (number){v, (a.e + fabs(v) * b.e) / least + 2.5 * OP_ULP * fabs(v) + (v != 0 ? OP_TINY : 0)};
}

#define PW_HELPER1(name, glsl, c, error)                                                                                    \
    static number number_of_##name(number n)                                                                                \
    {                                                                                                                       \
        double a = n.v, e = n.e, y = name(a);                                                                               \
        (void)a, (void)e;                                                                                                   \
        return (number){y, error};                                                                                          \
    }
#define PW_HELPER2(name, glsl, c, error)                                                                                    \
    static number number_of_##name(number n, number m)                                                                      \
    {                                                                                                                       \
        double a = n.v, e = n.e, b = m.v, eb = m.e, y = name(a, b);                                                         \
        (void)a, (void)e, (void)b, (void)eb, (void)y;                                                                       \
        return (number){y, error};                                                                                          \
    }
#include "graph/ops/pw_helpers.def"

static const struct {
    const char *name;
    number (*one)(number a);
    number (*two)(number a, number b);
} functions[] = {
#define PW_HELPER1(name, glsl, c, error) {#name, number_of_##name, NULL},
#define PW_HELPER2(name, glsl, c, error) {#name, NULL, number_of_##name},
#include "graph/ops/pw_helpers.def"
};

/* ---- reading ------------------------------------------------------------------------------------------------------------------ */

static int add(struct op_text *t, struct op_text_node node)
{
    if (t->count == (int)(sizeof t->node / sizeof t->node[0])) {
        t->failed = true;
        return 0;
    }
    t->node[t->count] = node;
    return t->count++;
}

static bool take(struct op_text *t, const char *symbol)
{
    while (*t->at == ' ') t->at++;
    size_t length = strlen(symbol);
    if (strncmp(t->at, symbol, length) != 0) return false;
    t->at += length;
    return true;
}

static int choice(struct op_text *t);

static int call(struct op_text *t, const char *name, size_t length)
{
    for (int f = 0; f < (int)(sizeof functions / sizeof functions[0]); f++) {
        if (strlen(functions[f].name) != length || strncmp(functions[f].name, name, length) != 0) continue;
        struct op_text_node node = {.kind = 'f', .function = f};
        node.in[0] = choice(t);
        if (functions[f].two) {
            if (!take(t, ",")) t->failed = true;
            node.in[1] = choice(t);
        }
        if (!take(t, ")")) t->failed = true;
        return add(t, node);
    }
    {
        t->failed = true;
        return 0;
    }
}

static int operand(struct op_text *t)
{
    if (t->failed) return 0;
    if (take(t, "(")) {
        int inner = choice(t);
        if (!take(t, ")")) t->failed = true;
        return inner;
    }
    if (take(t, "-")) {
        int in = operand(t);
        return add(t, (struct op_text_node){.kind = 'n', .in = {in}});
    }
    if (isdigit((unsigned char)*t->at)) {
        char *end;
        double literal = strtod(t->at, &end);
        t->at = end;
        return add(t, (struct op_text_node){.kind = 'v', .variable = 0, .literal = literal});
    }
    const char *name = t->at;
    while (isalnum((unsigned char)*t->at) || *t->at == '_') t->at++;
    size_t length = (size_t)(t->at - name);
    if (take(t, "(")) return call(t, name, length);
    if (length == 2 && name[0] == 'p' && (name[1] == '0' || name[1] == '1'))
        return add(t, (struct op_text_node){.kind = 'v', .variable = name[1] == '0' ? 'p' : 'q'});
    if (length == 1 && strchr("aby", *name)) return add(t, (struct op_text_node){.kind = 'v', .variable = *name});
    {
        t->failed = true;
        return 0;
    }
}

static int products(struct op_text *t)
{
    int left = operand(t);
    while (!t->failed) {
        char kind = take(t, "*") ? '*' : take(t, "/") ? '/' : 0;
        if (!kind) break;
        int right = operand(t);
        left = add(t, (struct op_text_node){.kind = kind, .in = {left, right}});
    }
    return left;
}

static int sums(struct op_text *t)
{
    int left = products(t);
    while (!t->failed) {
        char kind = take(t, "+") ? '+' : take(t, "-") ? '-' : 0;
        if (!kind) break;
        int right = products(t);
        left = add(t, (struct op_text_node){.kind = kind, .in = {left, right}});
    }
    return left;
}

static int choice(struct op_text *t)
{
    static const char *const symbols[] = {"<=", ">=", "==", "!=", "<", ">"};
    static const char kinds[] = "lG=!<g";
    int left = sums(t);
    for (int i = 0; i < 6 && !t->failed; i++)
        if (take(t, symbols[i])) {
            int right = sums(t);
            left = add(t, (struct op_text_node){.kind = kinds[i], .in = {left, right}});
            break;
        }
    if (t->failed || !take(t, "?")) return left;
    int yes = choice(t);
    if (!take(t, ":")) t->failed = true;
    int no = choice(t);
    return add(t, (struct op_text_node){.kind = '?', .in = {left, yes, no}});
}

bool op_text_read(struct op_text *text, const char *source)
{
    text->count = 0;
    text->failed = false;
    text->at = source;
    text->root = choice(text);
    return !text->failed && *text->at == 0;
}

/* ---- evaluating ---------------------------------------------------------------------------------------------------------------- */

static number evaluate(const struct op_text *t, int at, const number *variables);

/* 1 or 0; its error is INFINITY where a device may decide otherwise. */
static number compare(char kind, number a, number b)
{
    bool v = kind == '<'   ? a.v < b.v
             : kind == 'g' ? a.v > b.v
             : kind == 'l' ? a.v <= b.v
             : kind == 'G' ? a.v >= b.v
             : kind == '=' ? a.v == b.v
                           : a.v != b.v;
    return (number){v, unsure(a.v, a.e, b.v, b.e)};
}

/* Where the condition is not sure, the other side's value counts as an error if both sides nearly meet (a kink); where they
 * do not (a jump), nothing can be said. */
static number choose(const struct op_text *t, const struct op_text_node *n, const number *variables)
{
    number condition = evaluate(t, n->in[0], variables), r = evaluate(t, n->in[condition.v != 0 ? 1 : 2], variables);
    if (condition.e == 0) return r;
    const struct op_text_node *c = &t->node[n->in[0]];
    number other = evaluate(t, n->in[condition.v != 0 ? 2 : 1], variables);
    double apart = fabs(other.v - r.v), blur = evaluate(t, c->in[0], variables).e + evaluate(t, c->in[1], variables).e;
    r.e = apart <= 4 * (r.e + other.e) + 100 * blur ? fmax(r.e, other.e + apart) : INFINITY;
    return r;
}

/* A result that a device may flush, or not hold. */
static number settled(number r)
{
    if (r.v != 0 && fabs(r.v) < 2.4e-38) r.e += OP_TINY; /* a device's may lie below the least normal number */
    if (isnan(r.e) || (!(fabs(r.v) < OP_HUGE) && (!isinf(r.v) || r.e > 0))) r.e = INFINITY;
    return r;
}

/* What sums and differences at a node add up. */
struct terms {
    double v, e, size; /* of all: their sum, that of their errors, of their largest magnitudes */
    int count;
};

static void add_terms(const struct op_text *t, int at, const number *variables, double sign, struct terms *sum)
{
    const struct op_text_node *n = &t->node[at];
    if (strchr("+-n", n->kind)) {
        add_terms(t, n->in[0], variables, n->kind == 'n' ? -sign : sign, sum);
        if (n->kind != 'n') add_terms(t, n->in[1], variables, n->kind == '-' ? -sign : sign, sum);
        return;
    }
    number r = evaluate(t, at, variables);
    sum->v += sign * r.v;
    sum->e += r.e;
    sum->size += fabs(r.v) + r.e;
    sum->count++;
}

/* n terms in any order are n - 1 roundings, the last one of the result and each other of a part, which is no larger than all terms'
 * magnitudes together. */
static number sum_at(const struct op_text *t, int at, const number *variables)
{
    struct terms sum = {0};
    add_terms(t, at, variables, 1, &sum);
    if (isinf(sum.v) && isfinite(sum.e)) return (number){sum.v, 0}; /* of a term that is infinite, and others that are not */
    return (number){sum.v, sum.e + OP_ULP * (fabs(sum.v) + (sum.count - 2) * sum.size)};
}

static number evaluate(const struct op_text *t, int at, const number *variables)
{
    const struct op_text_node *n = &t->node[at];
    number a, b;
    if (n->kind == 'v' && n->variable) return variables[strchr("abypq", n->variable) - "abypq"];
    if (n->kind == 'v') return (number){n->literal, fabs((double)(float)n->literal - n->literal)};
    if (n->kind == '?') return choose(t, n, variables);
    if (n->kind == '+' || n->kind == '-') return settled(sum_at(t, at, variables));
    a = evaluate(t, n->in[0], variables);
    if (n->kind == 'n') return (number){-a.v, a.e};
    if (n->kind == 'f' && functions[n->function].one) return settled(functions[n->function].one(a));
    b = evaluate(t, n->in[1], variables);
    switch (n->kind) {
    case '*': return settled(product(a, b));
    case '/': return settled(quotient(a, b));
    case 'f': return settled(functions[n->function].two(a, b));
    default: return compare(n->kind, a, b);
    }
}

struct op_number op_text_evaluate(const struct op_text *text, const struct op_number variables[5])
{
    return evaluate(text, text->root, variables);
}
