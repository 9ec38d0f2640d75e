/* op_text.c - rows of pointwise.def by running error analysis: each step of the text adds its rounding to the errors that
 * come in, so that a tolerance follows from the row itself.
 *
 * Rounding is that of the Vulkan specification, "Precision and Operation of SPIR-V Instructions" (32-bit): + - * correctly
 * rounded in some direction (1 ulp), division 2.5 ulp, inversesqrt 2 ulp, sqrt as 1 / inversesqrt (4.5 ulp), exp and exp2
 * 3 + 2|x| ulp, log and log2 3 ulp, but 2^-21 absolute in [0.5, 2]. Functions written in shaders/include/pw_math.glsl
 * have the bound of their own steps, beside each below. Contraction to fused multiply-add only takes errors away. */
#include "tests/op_text.h"

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

static double exp_ulp(double x) { return (3 + 2 * fabs(x)) * OP_ULP; }

static number fn_exp(number a)
{
    return (number){exp(a.v), change(exp, a.v, a.e) + exp_ulp(fabs(a.v) + a.e) * exp(a.v + a.e)};
}

static number fn_log(number a)
{
    double y = log(a.v), near = a.v > 0.49 && a.v < 2.01 ? 4.76837158203125e-7 /* 2^-21 */ : 0;
    return (number){y, change(log, a.v, a.e) + 3 * OP_ULP * fabs(y) + near};
}

static number fn_sqrt(number a)
{
    double low = a.v > a.e ? sqrt(a.v - a.e) : 0, y = sqrt(a.v);
    return (number){y, (a.e > 0 ? fmax(y - low, sqrt(a.v + a.e) - y) : 0) + 4.5 * OP_ULP * y};
}

/* Reduced argument to a rounding of pi/4, then a polynomial whose last sum rounds once: 3 roundings of numbers below 1, and
 * the polynomials' own 2^-24. Good for |a| < 2^15, as its comment says. */
static number fn_sin(number a) { return (number){sin(a.v), fabs(a.v) < 32768 ? a.e + 4 * OP_ULP : INFINITY}; }
static number fn_cos(number a) { return (number){cos(a.v), fabs(a.v) < 32768 ? a.e + 4 * OP_ULP : INFINITY}; }

/* Series below 1/4: its value is near a, so that the last two roundings count, 4 ulp with the rest. Else exp(a) - 1. */
static double expm1_error(double a)
{
    return fabs(a) < 0.25 ? 4 * OP_ULP * fabs(expm1(a)) : exp_ulp(a) * exp(a) + OP_ULP * fabs(expm1(a));
}
static number fn_expm1(number a)
{
    double near = fmax(expm1_error(a.v), fmax(expm1_error(a.v + a.e), expm1_error(a.v - a.e)));
    if (fabs(fabs(a.v) - 0.25) < 1e-5) near = fmax(near, expm1_error(a.v < 0 ? -0.2501 : 0.2501));
    return (number){expm1(a.v), change(expm1, a.v, a.e) + near};
}

/* m = expm1(-2|a|), t = -m / (2 + m): dt/dm = 2 / (2 + m)^2, then a sum and a quotient */
static number fn_tanh(number a)
{
    double m = expm1(-2 * fabs(a.v)), y = tanh(a.v);
    number inner = fn_expm1((number){-2 * fabs(a.v), OP_ULP * fabs(a.v)});
    return (number){y, change(tanh, a.v, a.e) + inner.e * 2 / ((2 + m) * (2 + m)) + 4.5 * OP_ULP * fabs(y)};
}

/* 1 - t exp(-x^2) p(t) from 1 on: erfc by the error of x^2, of exp, and a polynomial of 10 terms (12 ulp), and the last
 * subtraction; below 1 a series of 10 terms that begins with its largest, and what is cut off. */
static number fn_erf(number a)
{
    double x = fabs(a.v), s = x * x, y = erf(a.v), e;
    if (x < 0.99999)
        e = 8 * OP_ULP * fabs(y) + 2e-8 * pow(x, 21);
    else
        e = erfc(x) * (12 + 3 + 4 * s) * OP_ULP + 1.5 * OP_ULP + 3e-9;
    return (number){y, change(erf, a.v, a.e) + e};
}

static double sigmoid(double a) { return 1 / (1 + exp(-a)); }
/* e = exp(-|a|), s = 1 / (1 + e), negative a: e s, which may be flushed */
static number fn_sigmoid(number a)
{
    double e = exp(-fabs(a.v)), relative = exp_ulp(a.v) * (e / (1 + e) + (a.v < 0)) + 5 * OP_ULP;
    return (number){sigmoid(a.v), change(sigmoid, a.v, a.e) + relative * sigmoid(a.v) + OP_TINY};
}

static double softplus(double a) { return (a > 0 ? a : 0) + log1p(exp(-fabs(a))); }
/* log1p(e) by a series in z = e / (2 + e) of 7 terms (8 ulp, cut off below 1.5e-8 of it), and a sum; z may be
 * flushed where e is not (seen on SwiftShader) */
static number fn_softplus(number a)
{
    double e = exp(-fabs(a.v)), error = exp_ulp(a.v) * e + 9 * OP_ULP * log1p(e) + OP_ULP * softplus(a.v) + OP_TINY;
    return (number){softplus(a.v), change(softplus, a.v, a.e) + error};
}

/* exp2(b log2 |a|) with the exponent e of a apart: b l (|l| <= 1/2, 8 ulp), b e, their sum, exp2 of at most 1/2 (4 ulp), ldexp
 * and the whole powers' products; ln 2 of an error in the exponent. */
static number fn_pow(number a, number b)
{
    double y = pow(a.v, b.v), error = 0;
    bool whole = b.e == 0 && b.v == floor(b.v);
    if (b.e > 0 || a.e > 0)
        for (int i = 0; i < 9; i++) {
            double at = a.v + (i % 3 - 1) * a.e, other = whole ? b.v : b.v + (i / 3 - 1) * b.e;
            double d = fabs(pow(at, other) - y);
            error = d > error || isnan(d) ? d : error;
        }
    double exponent = a.v == 0 ? 0 : fabs(log2(fabs(a.v))) + 1;
    double relative = (0.7 * (4 * fabs(b.v) + fabs(b.v) * exponent + 1) + 6) * OP_ULP;
    return (number){y, error + relative * fabs(y)};
}

static number steps(number a, double (*f)(double))
{
    double y = f(a.v);
    return (number){y, a.e == 0 || (f(a.v - a.e) == y && f(a.v + a.e) == y) ? 0 : INFINITY};
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

static number fn_xlogx(number y, number a) { return y.v == 0 && y.e == 0 ? (number){0, 0} : product(y, fn_log(a)); }
static number fn_floor(number a) { return steps(a, floor); }
static number fn_round(number a) { return steps(a, nearbyint); }
static number fn_square(number a) { return product(a, a); }
static number fn_clamp01(number a)
{
    return (number){a.v < 0 ? 0 : (a.v > 1 ? 1 : a.v), a.v + a.e < 0 || a.v - a.e > 1 ? 0 : a.e};
}

static const struct {
    const char *name;
    number (*one)(number a);
    number (*two)(number a, number b);
} functions[] = {
    {"pw_exp", fn_exp, NULL},           {"pw_log", fn_log, NULL},         {"pw_sqrt", fn_sqrt, NULL},
    {"pw_sin", fn_sin, NULL},           {"pw_cos", fn_cos, NULL},         {"pw_tanh", fn_tanh, NULL},
    {"pw_erf", fn_erf, NULL},           {"pw_expm1", fn_expm1, NULL},     {"pw_floor", fn_floor, NULL},
    {"pw_round", fn_round, NULL},       {"pw_square", fn_square, NULL},   {"pw_sigmoid", fn_sigmoid, NULL},
    {"pw_softplus", fn_softplus, NULL}, {"pw_clamp01", fn_clamp01, NULL}, {"pw_pow", NULL, fn_pow},
    {"pw_xlogx", NULL, fn_xlogx},
};

/* ---- reading ------------------------------------------------------------------------------------------------------------------ */

static int add(struct op_text *t, struct op_text_node node)
{
    if (t->count == (int)(sizeof t->node / sizeof t->node[0])) return t->failed = true, 0;
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
    return t->failed = true, 0;
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
    return t->failed = true, 0;
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
    bool sure = (a.e == 0 && b.e == 0) || fabs(a.v - b.v) > a.e + b.e;
    return (number){v, sure ? 0 : INFINITY};
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

static number evaluate(const struct op_text *t, int at, const number *variables)
{
    const struct op_text_node *n = &t->node[at];
    number a, b, r;
    if (n->kind == 'v' && n->variable) return variables[strchr("abypq", n->variable) - "abypq"];
    if (n->kind == 'v') return (number){n->literal, fabs((double)(float)n->literal - n->literal)};
    if (n->kind == '?') return choose(t, n, variables);
    a = evaluate(t, n->in[0], variables);
    if (n->kind == 'n') return (number){-a.v, a.e};
    if (n->kind == 'f' && functions[n->function].one) {
        r = functions[n->function].one(a);
    } else {
        b = evaluate(t, n->in[1], variables);
        switch (n->kind) {
        case '+': r = (number){a.v + b.v, a.e + b.e + OP_ULP * fabs(a.v + b.v)}; break;
        case '-': r = (number){a.v - b.v, a.e + b.e + OP_ULP * fabs(a.v - b.v)}; break;
        case '*': r = product(a, b); break;
        case '/': r = quotient(a, b); break;
        case 'f': r = functions[n->function].two(a, b); break;
        default: return compare(n->kind, a, b);
        }
    }
    if (r.v != 0 && fabs(r.v) < 2.4e-38) r.e += OP_TINY; /* a device's may lie below the least normal number */
    if (isnan(r.e) || !(fabs(r.v) < OP_HUGE)) r.e = INFINITY;
    return r;
}

struct op_number op_text_evaluate(const struct op_text *text, const struct op_number variables[5])
{
    return evaluate(text, text->root, variables);
}
