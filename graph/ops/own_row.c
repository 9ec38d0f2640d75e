/* own_row.c - pointwise operators of the app: rows as in pointwise.def, given as text at run time. Checks the text, which
 * nobody vouches for, as a whole, so that an expression that compiles gets into a kernel; keeps each row once, in the graph's arena. */
#include "graph/ops/pointwise.h"

#include <ctype.h>
#include <stdio.h>

/* ---- text -------------------------------------------------------------------------------------------------------------------
 *
 *   value    or, or or ? value : value
 *   or       || over && over == != over < <= > >= over + - over * /, each from the left, as in GLSL and C
 *   operand  - operand, ! operand, ( value ), name, number, function(value, ..) */

enum { MOST_TEXT = 1000, MOST_NAME = 40, MOST_NESTED = 40, LEVELS = 6 };

enum kind { NUMBER, TRUTH, FAULT };

struct reader {
    const char *at;
    const char *fault; /* static text: what is wrong at `at` */
    bool b, y;         /* may these be named? */
    int nested;
};

static const struct {
    const char *name;
    int arity;
} functions[] = {
#define PW_HELPER1(name, glsl, c, error) {#name, 1},
#define PW_HELPER2(name, glsl, c, error) {#name, 2},
#include "graph/ops/pw_helpers.def"
};
static const char no_such_name[] = "no such name: operands are a and b, numbers p0 and p1; functions are"
#define PW_HELPER1(name, glsl, c, error) " " #name
#define PW_HELPER2(name, glsl, c, error) " " #name
#include "graph/ops/pw_helpers.def"
    ;

static enum kind fault(struct reader *r, const char *what)
{
    if (!r->fault) r->fault = what;
    return FAULT;
}

static enum kind fault_at(struct reader *r, const char *at, const char *what)
{
    r->at = at;
    return fault(r, what);
}

static bool take(struct reader *r, const char *word)
{
    while (*r->at == ' ') r->at++;
    size_t length = strlen(word);
    if (r->fault || strncmp(r->at, word, length)) return false;
    r->at += length;
    return true;
}

static enum kind read_value(struct reader *r);

static enum kind read_number(struct reader *r)
{
    const char *start = r->at;
    int digits = 0, points = 0, power = 0;
    for (; isdigit((unsigned char)*r->at) || *r->at == '.'; r->at++) *r->at == '.' ? points++ : digits++;
    bool exponent = *r->at == 'e' && digits > 0;
    if (exponent) {
        r->at += r->at[1] == '-' || r->at[1] == '+' ? 2 : 1;
        if (!isdigit((unsigned char)*r->at)) return fault(r, "an exponent has digits");
        for (; isdigit((unsigned char)*r->at); r->at++) power = power < 100 ? 10 * power + *r->at - '0' : power;
    }
    if (points > 1 || digits == 0 || isalnum((unsigned char)*r->at) || *r->at == '_' || *r->at == '.')
        return fault_at(r, start, "this is no number");
    if (digits > 30 || power > 37) return fault_at(r, start, "a number has at most 30 digits and an exponent up to 37");
    if (!points && !exponent) return fault_at(r, start, "a number has a decimal point, as 2.0: whole ones divide otherwise");
    return NUMBER;
}

static enum kind read_call(struct reader *r, int arity)
{
    if (!take(r, "(")) return fault(r, "a function has arguments in parentheses");
    for (int i = 0; i < arity; i++) {
        if (i > 0 && !take(r, ",")) return fault(r, "this function has two arguments");
        if (read_value(r) == TRUTH) return fault(r, "an argument is a number, not a comparison");
    }
    return take(r, ")") ? NUMBER : fault(r, "expected ) after the arguments");
}

static enum kind read_name(struct reader *r)
{
    const char *start = r->at;
    char name[16] = "";
    size_t length = 0;
    for (; isalnum((unsigned char)*r->at) || *r->at == '_'; r->at++)
        if (length + 1 < sizeof name) name[length++] = *r->at;
    bool whole = (size_t)(r->at - start) == length;
    if (whole && (!strcmp(name, "a") || !strcmp(name, "p0") || !strcmp(name, "p1"))) return NUMBER;
    if (!strcmp(name, "b") || !strcmp(name, "y")) {
        if (name[0] == 'b' ? r->b : r->y) return NUMBER;
        return fault_at(r, start, name[0] == 'b' ? "there is no second operand b" : "y, the result, is for derivatives");
    }
    for (size_t i = 0; whole && i < TUFF_COUNT(functions); i++)
        if (!strcmp(name, functions[i].name)) return read_call(r, functions[i].arity);
    return fault_at(r, start, no_such_name);
}

static enum kind read_operand(struct reader *r)
{
    if (++r->nested > MOST_NESTED) return fault(r, "this is nested too deep");
    enum kind kind = FAULT;
    if (take(r, "-")) {
        if (*r->at == '-') return fault(r, "-- is another operator in GLSL: put a space between");
        if (read_operand(r) == TRUTH) return fault(r, "a comparison has no sign");
        kind = NUMBER;
    } else if (take(r, "!")) {
        if (read_operand(r) == NUMBER) return fault(r, "! is for comparisons");
        kind = TRUTH;
    } else if (take(r, "(")) {
        kind = read_value(r);
        if (!take(r, ")")) return fault(r, "expected )");
    } else if (isdigit((unsigned char)*r->at) || *r->at == '.') {
        kind = read_number(r);
    } else if (isalpha((unsigned char)*r->at)) {
        kind = read_name(r);
    } else {
        return fault(r, "expected an operand");
    }
    r->nested--;
    return r->fault ? FAULT : kind;
}

/* Operators of a level: those of comparisons with their longer form first. */
static const char *take_operator(struct reader *r, int level)
{
    static const char *const operators[LEVELS][4] = {{"||"},     {"&&"},    {"==", "!="}, {"<=", ">=", "<", ">"},
                                                     {"+", "-"}, {"*", "/"}};
    for (int i = 0; i < 4 && operators[level][i]; i++)
        if (take(r, operators[level][i])) return operators[level][i];
    return NULL;
}

static enum kind read_level(struct reader *r, int level)
{
    if (level == LEVELS) return read_operand(r);
    enum kind kind = read_level(r, level + 1);
    while (take_operator(r, level)) {
        if (level == 4 && r->at[0] == r->at[-1])
            return fault(r, "++ and -- are other operators in GLSL: put a space between");
        enum kind right = read_level(r, level + 1), wanted = level < 2 ? TRUTH : NUMBER;
        if (kind != wanted || right != wanted)
            return fault(r, level < 2 ? "&& and || are for comparisons"
                                      : "comparisons are no numbers: write x < y ? 1.0 : 0.0");
        kind = level < 4 ? TRUTH : NUMBER;
    }
    return r->fault ? FAULT : kind;
}

static enum kind read_value(struct reader *r)
{
    enum kind kind = read_level(r, 0);
    if (!take(r, "?")) return kind;
    if (kind != TRUTH) return fault(r, "what stands before ? is a comparison");
    if (++r->nested > MOST_NESTED) return fault(r, "this is nested too deep");
    enum kind yes = read_value(r);
    if (!take(r, ":")) return fault(r, "expected : of the ? before");
    if (yes != read_value(r)) return fault(r, "both sides of : are numbers, or both comparisons");
    r->nested--;
    return r->fault ? FAULT : yes;
}

/* True after a sticky TUFF_ERR_USAGE. */
static bool is_wrong(struct tuff_graph *g, const char *name, const char *part, const char *text, bool b, bool y)
{
    struct reader r = {.at = text, .b = b, .y = y};
    if (strlen(text) > MOST_TEXT) {
        tuff_graph_fail(g, TUFF_ERR_USAGE, "pointwise '%s', %s: the text is longer than %d characters", name, part,
                        MOST_TEXT);
        return true;
    }
    enum kind kind = read_value(&r);
    while (*r.at == ' ') r.at++;
    if (kind != FAULT && *r.at) fault(&r, "expected an operator or the end");
    if (kind == TRUTH && !r.fault) fault(&r, "the result is a comparison: write x < y ? 1.0 : 0.0");
    if (!r.fault) return false;
    char where[40] = "the end";
    if (*r.at) snprintf(where, sizeof where, "'%.*s'", (int)strcspn(r.at, "\n") < 24 ? (int)strcspn(r.at, "\n") : 24, r.at);
    tuff_graph_fail(g, TUFF_ERR_USAGE, "pointwise '%s', %s = \"%.60s\", at %s: %s", name, part, text, where, r.fault);
    return true;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    size_t length = 0;
    for (; name && name[length]; length++)
        if (!isalnum((unsigned char)name[length]) && name[length] != '_') return false;
    return length > 0 && length <= MOST_NAME && !isdigit((unsigned char)name[0]);
}

const struct tuff_attr tuff_own_attr[TUFF_OWN_ATTRS] = {
    {"row", "", TUFF_ATTR_TEXT, 1, offsetof(struct tuff_own_attrs, row)},
    {"y", "", TUFF_ATTR_TEXT, 1, offsetof(struct tuff_own_attrs, y)},
    {"da", "", TUFF_ATTR_TEXT, 1, offsetof(struct tuff_own_attrs, da)},
    {"db", "", TUFF_ATTR_TEXT, 1, offsetof(struct tuff_own_attrs, db)},
    {"p0", "", TUFF_ATTR_F64, 1, offsetof(struct tuff_own_attrs, p0)},
    {"p1", "", TUFF_ATTR_F64, 1, offsetof(struct tuff_own_attrs, p1)},
};

struct tuff_own_row {
    struct tuff_pw_row row;
    struct tuff_op op[3];
    const struct tuff_own_row *next; /* of the same graph */
};

static const struct tuff_pw_row *add(struct tuff_graph *g, const char *name, const char *const *text, uint8_t operands)
{
    static const char *const suffix[] = {"", "_da", "_db"};
    struct tuff_own_row *own = tuff_arena_alloc(&g->arena, sizeof *own);
    if (own) own->row.operands = operands;
    for (int i = 0; own && i <= operands; i++) {
        own->row.text[i] = tuff_arena_strdup(&g->arena, text[i]);
        own->op[i] = i ? tuff_op_exp_da : operands == 2 ? tuff_op_mul : tuff_op_exp;
        own->op[i].name = tuff_arena_printf(&g->arena, "%s%s", name, suffix[i]);
        own->op[i].onnx = NULL;
        own->op[i].attrs = tuff_own_attr;
        own->op[i].attr_count = TUFF_OWN_ATTRS;
        own->op[i].attrs_bytes = sizeof(struct tuff_own_attrs);
        own->op[i].row = (uint16_t)i;
        own->op[i].ref = NULL; /* nothing here evaluates text: such values are not folded */
        own->op[i].glsl = own->row.text[i];
        own->op[i].cost = (uint8_t)(strlen(text[i]) / 12 + 1);
        own->op[i].own = &own->row;
        own->row.op[i] = &own->op[i];
        if (!own->row.text[i] || !own->op[i].name) own = NULL;
    }
    if (!own) {
        tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
        return NULL;
    }
    own->row.name = own->op[0].name;
    own->next = g->own_rows;
    g->own_rows = own;
    return &own->row;
}

const struct tuff_pw_row *tuff_pw_own(struct tuff_graph *g, const struct tuff_pointwise_params *params, bool two)
{
    static const char *const parts[] = {"y", "da", "db"};
    const char *text[] = {params->y, params->da ? params->da : "0.0", params->db ? params->db : "0.0"};
    if (!is_name(params->name))
        tuff_graph_fail(g, TUFF_ERR_USAGE, "pointwise: a name has letters, digits and _, and at most %d of them", MOST_NAME);
    else if (!params->y)
        tuff_graph_fail(g, TUFF_ERR_USAGE, "pointwise '%s': there is no text of y", params->name);
    else if (!two && params->db)
        tuff_graph_fail(g, TUFF_ERR_USAGE, "pointwise '%s': a derivative by b without an operand b", params->name);
    if (!tuff_graph_ok(g)) return NULL;
    for (const struct tuff_own_row *own = g->own_rows; own; own = own->next)
        if (own->row.operands == 1 + two && !strcmp(own->row.name, params->name) && !strcmp(own->row.text[0], text[0]) &&
            !strcmp(own->row.text[1], text[1]) && (!two || !strcmp(own->row.text[2], text[2])))
            return &own->row;
    for (int i = 0; i <= 1 + two; i++)
        if (is_wrong(g, params->name, parts[i], text[i], two, i > 0)) return NULL;
    return add(g, params->name, text, (uint8_t)(1 + two));
}

tuff_val tuff_pointwise(struct tuff_graph *g, const struct tuff_pointwise_params *params, tuff_val a, tuff_val b)
{
    if (!tuff_graph_ok(g)) return 0;
    if (!params || params->struct_size < sizeof *params)
        return tuff_graph_fail(g, TUFF_ERR_USAGE,
                               params ? "pointwise: struct_size of its params is not set: .struct_size = sizeof params"
                                      : "pointwise: its params are missing (NULL)");
    const struct tuff_pw_row *row = tuff_pw_own(g, params, b != 0);
    if (!row) return 0;
    const struct tuff_own_attrs attrs = {params->p0, params->p1, row->name, row->text[0], row->text[1], row->text[2]};
    return tuff_pw_add(g, row->op[0], a, b, &attrs);
}
