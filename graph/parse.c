/* parse.c - reads the text of print.c into an empty graph. The text is untrusted: every number, count and type is checked,
 * values refer to earlier ones only, what is allocated is a small multiple of the text. The graph fails too, with the same sentence. */
#include "graph/ops/leaf.h"
#include "graph/ops/pointwise.h"
#include "graph/print.h"

#include <math.h>
#include <stdio.h>

struct reader {
    struct tuff_graph *g;
    const char *at;
    uint32_t line;
    tuff_status status;
    struct tuff_error *error;
    tuff_val *in; /* [owned] of the value being read */
    size_t in_count, in_capacity;
    tuff_val *map; /* [owned] of a number in the text, from 0: the graph's value */
    size_t map_count, map_capacity;
    const struct tuff_given *given; /* of a text that joins what the graph has */
    uint32_t given_count;
    bool joins;
};

/* ---- characters and words -------------------------------------------------------------------------------------------------- */

static void fail(struct reader *r, tuff_status status, const char *what, const char *detail)
{
    if (r->status != TUFF_OK) return;
    struct tuff_error *error = r->error;
    struct tuff_error own = {0};
    if (!error) error = &own;
    if (status == TUFF_ERR_MEMORY)
        r->status = tuff_fail_memory(r->g->context, error);
    else
        r->status = tuff_fail(r->g->context, error, status, "graph text, line %u: %s%s", r->line, what, detail);
    r->g->status = r->status;
    r->g->error = *error;
}

static void expected(struct reader *r, const char *what) { fail(r, TUFF_ERR_FORMAT, "expected ", what); }

/* Takes word if it comes next. */
static bool accept(struct reader *r, const char *word)
{
    size_t length = strlen(word);
    if (r->status != TUFF_OK || strncmp(r->at, word, length) != 0) return false;
    r->at += length;
    return true;
}

static void expect(struct reader *r, const char *word)
{
    if (!accept(r, word)) expected(r, word[0] == '\n' ? "the end of the line" : word);
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return 99;
}

static uint32_t whole(struct reader *r, uint32_t largest)
{
    uint64_t value = 0;
    const char *start = r->at;
    while (r->status == TUFF_OK && digit_of(*r->at) < 10) {
        value = 10 * value + (uint64_t)digit_of(*r->at++);
        if (value > largest) {
            expected(r, "a smaller number");
            return 0;
        }
    }
    if (r->at == start) expected(r, "a number");
    return (uint32_t)value;
}

static int32_t signed_whole(struct reader *r)
{
    bool minus = accept(r, "-");
    uint32_t value = whole(r, minus ? 0x80000000u : INT32_MAX);
    return minus ? (int32_t) - (int64_t)value : (int32_t)value;
}

/* Digits of base 10 or 16, at most `most` without leading zeros, and one point, into *mantissa; *behind: those behind the point. */
static bool digits(struct reader *r, int base, int most, uint64_t *mantissa, int *behind)
{
    int all = 0, significant = 0;
    bool point = false;
    *mantissa = 0;
    *behind = 0;
    for (;; r->at++) {
        if (*r->at == '.' && !point) {
            point = true;
            continue;
        }
        int digit = digit_of(*r->at);
        if (digit >= base || (base == 10 && *r->at == 'e')) return all > 0;
        significant += *mantissa || digit;
        if (significant > most || ++all > 40) return false;
        *mantissa = *mantissa * (uint64_t)base + (uint64_t)digit;
        *behind += point;
    }
}

static int exponent(struct reader *r)
{
    bool minus = accept(r, "-");
    if (!minus) accept(r, "+");
    int value = (int)whole(r, 2000);
    return minus ? -value : value;
}

/* Decimal: a whole number of at most 15 digits times or over a power of ten up to 22: both are doubles, so the result is
 * rounded once. Hexadecimal: a whole number of at most 53 bits times a power of two. */
static double number(struct reader *r)
{
    uint64_t mantissa;
    int behind, power = 0;
    double v, scale = 1;
    if (accept(r, "nan")) return NAN;
    double sign = accept(r, "-") ? -1.0 : 1.0;
    if (accept(r, "inf")) return sign * INFINITY;
    bool hexadecimal = accept(r, "0x");
    if (!digits(r, hexadecimal ? 16 : 10, hexadecimal ? 14 : 15, &mantissa, &behind) || mantissa >> 53) {
        expected(r, "a number of at most 15 decimal or 14 hexadecimal digits");
        return 0;
    }
    if (hexadecimal) {
        expect(r, "p");
        return sign * ldexp((double)mantissa, exponent(r) - 4 * behind);
    }
    if (accept(r, "e")) power = exponent(r);
    power -= behind;
    if (power < -22 || power > 22) {
        if (mantissa == 0) return sign * 0.0;
        expected(r, "a number whose last decimal digit stands for 1e-22 to 1e22");
        return 0;
    }
    for (int i = power < 0 ? -power : power; i > 0; i--) scale *= 10;
    v = power < 0 ? (double)mantissa / scale : (double)mantissa * scale;
    return sign * v;
}

/* Letters, digits and _ ; false where there are none or more than fit. */
static bool word(struct reader *r, char *buffer, size_t bytes)
{
    size_t length = 0;
    for (char c = *r->at; (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; c = *++r->at) {
        if (length + 1 == bytes) return false;
        buffer[length++] = c;
    }
    buffer[length] = 0;
    return length > 0;
}

static enum tuff_dtype dtype(struct reader *r)
{
    char name[8];
    enum tuff_dtype found = word(r, name, sizeof name) ? tuff_dtype_find(name) : (enum tuff_dtype)0;
    if (!found) expected(r, "a type of elements (f32, f16, i32, ..)");
    return found;
}

/* [1, 2]: count of the numbers in *count, at most `most`; each is read by one of u and s. */
static void list(struct reader *r, uint32_t most, uint32_t *u, int32_t *s, uint32_t *count)
{
    *count = 0;
    expect(r, "[");
    if (accept(r, "]")) return;
    do {
        if (*count == most) {
            expected(r, "a shorter list");
            return;
        }
        if (u)
            u[*count] = whole(r, UINT32_MAX);
        else
            s[*count] = signed_whole(r);
        ++*count;
    } while (accept(r, ", "));
    expect(r, "]");
}

static struct tuff_shape shape(struct reader *r)
{
    struct tuff_shape s = {0};
    list(r, TUFF_MAX_RANK, s.dim, NULL, &s.rank);
    return s;
}

/* Name in quotes, in the graph's arena; NULL after a failure. */
static char *name(struct reader *r)
{
    const char *end = r->at;
    while (*end && *end != '"' && *end != '\n') end += end[0] == '\\' && end[1] ? 2 : 1;
    char *copy = tuff_arena_alloc(&r->g->arena, (size_t)(end - r->at) + 1), *to = copy;
    if (!copy) fail(r, TUFF_ERR_MEMORY, "", "");
    while (r->status == TUFF_OK && r->at < end) {
        char c = *r->at++;
        if (c == '\\' && (*r->at == '"' || *r->at == '\\')) {
            c = *r->at++;
        } else if (c == '\\') {
            int high = r->at[0] == 'x' ? digit_of(r->at[1]) : 99, low = high < 16 ? digit_of(r->at[2]) : 99;
            if (low > 15 || (high | low) == 0) expected(r, "\\\", \\\\ or \\x and two hexadecimal digits");
            c = (char)(high * 16 + low);
            r->at += 3;
        } else if ((unsigned char)c < 0x20) {
            expected(r, "the end of the name");
        }
        *to++ = c;
    }
    expect(r, "\"");
    if (to == copy) expected(r, "a name that is not empty");
    return r->status == TUFF_OK ? copy : NULL;
}

/* ---- values ------------------------------------------------------------------------------------------------------------------- */

static void input(struct reader *r)
{
    tuff_val v = 0;
    if (!accept(r, "_")) {
        expect(r, "%");
        v = whole(r, UINT32_MAX);
        if (r->status == TUFF_OK && (v == 0 || v >= r->map_count)) expected(r, "an earlier value");
        if (r->status == TUFF_OK) v = r->map[v];
    }
    if (TUFF_GROW_HEAP(r->g->context, r->in, r->in_count, &r->in_capacity))
        r->in[r->in_count++] = v;
    else
        fail(r, TUFF_ERR_MEMORY, "", "");
}

static struct tuff_graph *body(struct reader *r)
{
    struct tuff_graph *made = NULL;
    struct tuff_error error = {0};
    expect(r, "\"");
    const char *text = name(r);
    if (!text) return NULL;
    tuff_status status = tuff_graph_create(r->g->context, &made, &error);
    if (status == TUFF_OK) status = tuff_graph_parse(made, text, &error);
    struct tuff_graph *kept = tuff_graph_body(r->g, &made);
    if (status != TUFF_OK || !kept) fail(r, status != TUFF_OK ? status : TUFF_ERR_MEMORY, "a loop's body: ", error.message);
    return kept;
}

/* Any number of them, in the graph's arena. */
static void numbers(struct reader *r, struct tuff_list *out)
{
    uint32_t most = 1;
    for (const char *at = r->at; *at && *at != ']' && *at != '\n'; at++) most += *at == ',';
    int32_t *at = tuff_arena_alloc(&r->g->arena, most * sizeof *at);
    if (!at) {
        fail(r, TUFF_ERR_MEMORY, "", "");
        return;
    }
    list(r, most, NULL, at, &out->count);
    out->at = at;
}

static void attribute(struct reader *r, const struct tuff_attr *attr, void *attrs)
{
    char *field = (char *)attrs + attr->offset;
    uint32_t count;
    if (r->status != TUFF_OK || r->at[0] != ' ' || strncmp(r->at + 1, attr->name, strlen(attr->name)) != 0 ||
        r->at[1 + strlen(attr->name)] != '=')
        return;
    r->at += strlen(attr->name) + 2;
    switch (attr->kind) {
    case TUFF_ATTR_I32: *(int32_t *)field = signed_whole(r); break;
    case TUFF_ATTR_F64: *(double *)field = number(r); break;
    case TUFF_ATTR_U32S: list(r, attr->count, (uint32_t *)field, NULL, &count); break;
    case TUFF_ATTR_I32S: list(r, attr->count, NULL, (int32_t *)field, &count); break;
    case TUFF_ATTR_SHAPE: *(struct tuff_shape *)field = shape(r); break;
    case TUFF_ATTR_DTYPE: *(int32_t *)field = (int32_t)dtype(r); break;
    case TUFF_ATTR_LIST: numbers(r, (struct tuff_list *)field); break;
    case TUFF_ATTR_TEXT: expect(r, "\""), *(const char **)field = name(r); break;
    case TUFF_ATTR_BODY: *(struct tuff_graph **)field = body(r); break;
    }
}

/* What builders promise and inference does not see. */
static void check_value(struct reader *r, const struct tuff_op *op, const void *attrs, bool named)
{
    const struct tuff_leaf_attrs *leaf = attrs;
    const struct tuff_graph *g = r->g;
    bool has_leaf_attrs = op->kind == TUFF_KIND_INPUT || op->kind == TUFF_KIND_PARAM || op->kind == TUFF_KIND_STATE;
    if (r->status != TUFF_OK) return;
    if (has_leaf_attrs && !named) expected(r, "a name");
    if (has_leaf_attrs &&
        (leaf->init_kind < 0 || leaf->init_kind > TUFF_INIT_DATA || (op->kind == TUFF_KIND_INPUT && leaf->init_kind)))
        expected(r, "a known initialiser");
    if (has_leaf_attrs && leaf->transient && (op->kind != TUFF_KIND_STATE || leaf->transient != 1 || leaf->init_kind))
        expected(r, "a state that starts as zeros");
    bool derivative = (op->traits & TUFF_DERIVATIVE) != 0;
    for (uint32_t i = 0; i < r->in_count; i++)
        if (!r->in[i] && (!derivative || i == 0 || i > 3 || tuff_pw_names(op->glsl, (const char[2]){"gaby"[i], 0})))
            expected(r, "a value instead of _");
    if (op->kind == TUFF_KIND_PARAM_PACK && r->status == TUFF_OK) {
        bool good = true;
        for (uint32_t i = 0; good && i < r->in_count; i++)
            good = tuff_is_trained(&g->values[r->in[i]]) && (i == 0 || r->in[i - 1] < r->in[i]);
        if (!good) expected(r, "parameters of f32, in order");
    }
    if (op->kind == TUFF_KIND_PACK && r->status == TUFF_OK) {
        const struct tuff_value *target = &g->values[r->in_count ? r->in[0] : 0];
        bool fits = r->in_count > 1 && target->op->kind == TUFF_KIND_STATE && target->type.dtype == TUFF_F32 &&
                    target->type.shape.rank == 1;
        for (uint32_t i = 1; fits && i < r->in_count; i++) fits = g->values[r->in[i]].type.dtype == TUFF_F32;
        if (!fits || tuff_pack_length(g, r->in + 1, r->in_count - 1) != target->type.shape.dim[0])
            expected(r, "a state of f32 as long as the packed values");
    }
}

static void content_of(struct reader *r, tuff_val v)
{
    struct tuff_value *value = &r->g->values[v];
    const struct tuff_value_data data = tuff_value_data_of(value);
    if (data.bytes == 0 || r->status != TUFF_OK) return;
    expect(r, " data=");
    size_t length = 0; /* digits that are there, before anything is allocated */
    while (digit_of(r->at[length]) < 16) length++;
    if (r->status != TUFF_OK || length != data.bytes * 2) {
        char what[80];
        snprintf(what, sizeof what, "%llu hexadecimal digits", (unsigned long long)data.bytes * 2);
        expected(r, what);
        return;
    }
    uint8_t *content = tuff_arena_alloc(&r->g->arena, (size_t)data.bytes);
    if (!content) {
        fail(r, TUFF_ERR_MEMORY, "", "");
        return;
    }
    for (uint64_t at = 0; at < data.bytes; at += data.unit)
        for (uint32_t i = data.unit; i-- > 0; r->at += 2)
            content[at + i] = (uint8_t)(digit_of(r->at[0]) << 4 | digit_of(r->at[1]));
    value->data = content;
}

/* Which operator of an app's own row this names: 0, 1, 2; -1: none. */
static int own_part(const char *op_name)
{
    static const char *const names[] = {TUFF_OWN_ROW_NAMES};
    for (int part = 0; part < 3; part++)
        if (!strcmp(op_name, names[part])) return part;
    return -1;
}

/* Builders refuse what is wrong: an error of the format here. */
static void fail_as_builder(struct reader *r)
{
    struct tuff_error why = r->g->error;
    fail(r, r->g->status == TUFF_ERR_MEMORY ? TUFF_ERR_MEMORY : TUFF_ERR_FORMAT, why.message, "");
}

/* The operator whose texts the attributes hold; they become those of the row. */
static const struct tuff_op *own_row(struct reader *r, int part, struct tuff_own_attrs *attrs)
{
    const struct tuff_pointwise_params params = {
        .struct_size = sizeof params, .name = attrs->row, .y = attrs->y, .da = attrs->da, .db = attrs->db};
    if (r->status != TUFF_OK) return NULL;
    const struct tuff_pw_row *row = tuff_pw_own(r->g, &params, params.db != NULL);
    if (!row)
        fail_as_builder(r);
    else if (!row->op[part])
        expected(r, "an operator of two operands");
    if (!row) return NULL;
    *attrs = (struct tuff_own_attrs){attrs->p0, attrs->p1, row->name, row->text[0], row->text[1], row->text[2]};
    return row->op[part];
}

/* What the graph has already: a value that is given for this one, or the leaf of this name. 0: none. */
static tuff_val known(struct reader *r, const struct tuff_op *op, const void *attrs, const char *given)
{
    for (uint32_t i = 0; i < r->given_count; i++)
        if (r->given[i].number == r->map_count) return r->given[i].value;
    tuff_val v = r->joins && given && op->class == TUFF_CLASS_LEAF ? tuff_graph_find(r->g, given) : 0;
    if (v && (r->g->values[v].op != op || !tuff_attrs_equal(op, r->g->values[v].attrs, attrs)))
        expected(r, "a leaf as the graph has one of this name");
    return v;
}

static void map_to(struct reader *r, tuff_val v)
{
    if (TUFF_GROW_HEAP(r->g->context, r->map, r->map_count, &r->map_capacity))
        r->map[r->map_count++] = v;
    else
        fail(r, TUFF_ERR_MEMORY, "", "");
}

static void value(struct reader *r)
{
    double attrs[32] = {0}; /* room for the largest attribute struct, aligned for all */
    char op_name[64], *given = NULL;
    expect(r, "%");
    if (whole(r, UINT32_MAX) != r->map_count) expected(r, "the next value's number");
    expect(r, " ");
    if (accept(r, "\"")) {
        given = name(r);
        expect(r, " ");
    }
    expect(r, "= ");
    bool read = r->status == TUFF_OK && word(r, op_name, sizeof op_name);
    int part = read ? own_part(op_name) : -1;
    const struct tuff_op *op = read && part < 0 ? tuff_op_find(op_name) : NULL;
    if (part < 0 && (!op || op->attrs_bytes > sizeof attrs)) {
        expected(r, "the name of an operator");
        return;
    }
    expect(r, "(");
    r->in_count = 0;
    if (!accept(r, ")")) {
        do input(r);
        while (accept(r, ", "));
        expect(r, ")");
    }
    const struct tuff_attr *table = op ? op->attrs : tuff_own_attr;
    for (uint32_t i = 0, count = op ? op->attr_count : TUFF_OWN_ATTRS; i < count; i++) attribute(r, &table[i], attrs);
    if (part >= 0) op = own_row(r, part, (struct tuff_own_attrs *)attrs);
    if (!op) return;
    check_value(r, op, attrs, given != NULL);
    if (r->status != TUFF_OK) return;
    const int32_t own = tuff_op_number(r->g, op);
    if (r->joins && op->traits & TUFF_NUMBERED) memcpy(attrs, &own, sizeof own);
    tuff_val v = known(r, op, attrs, given);
    if (!v && r->status == TUFF_OK) {
        v = tuff_graph_add(r->g, op, r->in, (uint32_t)r->in_count, attrs);
        if (v && given) v = tuff_named(r->g, v, given);
        if (!v) fail_as_builder(r);
    }
    if (r->status != TUFF_OK) return;
    map_to(r, v);
    content_of(r, v);
    expect(r, " : ");
    struct tuff_type type = {dtype(r), {0}};
    expect(r, " ");
    type.shape = shape(r);
    if (type.dtype != r->g->values[v].type.dtype || !tuff_shape_equal(&type.shape, &r->g->values[v].type.shape))
        expected(r, "the type that follows from the operator");
    expect(r, "\n");
}

static tuff_status read_text(struct reader *r, const char *text)
{
    r->at = text;
    r->line = 1;
    map_to(r, 0);
    expect(r, "tuff-graph ");
    if (whole(r, UINT32_MAX) != TUFF_GRAPH_TEXT_VERSION) expected(r, "format version 1");
    expect(r, "\n");
    while (r->status == TUFF_OK && *r->at) {
        r->line++;
        value(r);
    }
    tuff_free(r->g->context, r->in);
    return r->status;
}

tuff_status tuff_graph_parse(struct tuff_graph *graph, const char *text, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, graph != NULL && text != NULL);
    TUFF_REQUIRE_THAT(graph->context, error, graph->count == 1 && graph->status == TUFF_OK,
                      "the graph has values already, or failed");
    struct reader r = {.g = graph, .error = error};
    tuff_status status = read_text(&r, text);
    tuff_free(graph->context, r.map);
    return status;
}

tuff_status tuff_graph_join(struct tuff_graph *graph, const char *text, const struct tuff_given *given, uint32_t count,
                            tuff_val **map, uint32_t *map_count)
{
    struct reader r = {.g = graph, .given = given, .given_count = count, .joins = true};
    tuff_status status = read_text(&r, text);
    *map = r.map;
    *map_count = (uint32_t)r.map_count;
    return status;
}
