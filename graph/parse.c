/* parse.c - reads the text of print.c into an empty graph. The text is untrusted: every number, count and type is checked,
 * values refer to earlier ones only, what is allocated is a small multiple of the text. The graph fails too, with the same sentence. */
#include "graph/ops/leaf.h"
#include "graph/ops/pointwise.h"
#include "graph/print.h"

#include <math.h>
#include <stdio.h>

struct reader {
    struct tuff_parser text;
    struct tuff_graph *g;
    struct tuff_text quoted; /* the last name that was read */
    tuff_val *in;            /* [owned] of the value being read */
    size_t in_count, in_capacity;
    tuff_val *map; /* [owned] of a number in the text, from 0: the graph's value */
    size_t map_count, map_capacity;
    const struct tuff_given *given; /* of a text that joins what the graph has */
    uint32_t given_count;
    bool joins;
};

/* ---- characters and words -------------------------------------------------------------------------------------------------- */

static uint32_t whole(struct tuff_parser *t, uint32_t largest) { return (uint32_t)tuff_read_number(t, 10, largest); }

static int32_t signed_whole(struct tuff_parser *t)
{
    bool minus = tuff_accept(t, "-");
    uint32_t value = whole(t, minus ? 0x80000000u : INT32_MAX);
    return minus ? (int32_t) - (int64_t)value : (int32_t)value;
}

/* Digits of base 10 or 16, at most `most` without leading zeros, and one point, into *mantissa; *behind: those behind the point. */
static bool digits(struct tuff_parser *t, int base, int most, uint64_t *mantissa, int *behind)
{
    int all = 0, significant = 0;
    bool point = false;
    *mantissa = 0;
    *behind = 0;
    for (;; t->at++) {
        if (*t->at == '.' && !point) {
            point = true;
            continue;
        }
        int digit = tuff_digit_of(*t->at);
        if (digit >= base || (base == 10 && *t->at == 'e')) return all > 0;
        significant += *mantissa || digit;
        if (significant > most || ++all > 40) return false;
        *mantissa = *mantissa * (uint64_t)base + (uint64_t)digit;
        *behind += point;
    }
}

static int exponent(struct tuff_parser *t)
{
    bool minus = tuff_accept(t, "-");
    if (!minus) tuff_accept(t, "+");
    int value = (int)whole(t, 2000);
    return minus ? -value : value;
}

/* Decimal: a whole number of at most 15 digits times or over a power of ten up to 22: both are doubles, so the result is
 * rounded once. Hexadecimal: a whole number of at most 53 bits times a power of two. */
static double number(struct tuff_parser *t)
{
    uint64_t mantissa;
    int behind, power = 0;
    double v, scale = 1;
    if (tuff_accept(t, "nan")) return NAN;
    double sign = tuff_accept(t, "-") ? -1.0 : 1.0;
    if (tuff_accept(t, "inf")) return sign * INFINITY;
    bool hexadecimal = tuff_accept(t, "0x");
    if (!digits(t, hexadecimal ? 16 : 10, hexadecimal ? 14 : 15, &mantissa, &behind) || mantissa >> 53) {
        tuff_expected(t, "a number of at most 15 decimal or 14 hexadecimal digits");
        return 0;
    }
    if (hexadecimal) {
        tuff_expect(t, "p");
        return sign * ldexp((double)mantissa, exponent(t) - 4 * behind);
    }
    if (tuff_accept(t, "e")) power = exponent(t);
    power -= behind;
    if (power < -22 || power > 22) {
        if (mantissa == 0) return sign * 0.0;
        tuff_expected(t, "a number whose last decimal digit stands for 1e-22 to 1e22");
        return 0;
    }
    for (int i = power < 0 ? -power : power; i > 0; i--) scale *= 10;
    v = power < 0 ? (double)mantissa / scale : (double)mantissa * scale;
    return sign * v;
}

/* Letters, digits and _ ; false where there are none or more than fit. */
static bool word(struct tuff_parser *t, char *buffer, size_t bytes)
{
    size_t length = 0;
    for (char c = *t->at; (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; c = *++t->at) {
        if (length + 1 == bytes) return false;
        buffer[length++] = c;
    }
    buffer[length] = 0;
    return length > 0;
}

static enum tuff_dtype dtype(struct tuff_parser *t)
{
    char name[8];
    enum tuff_dtype found = word(t, name, sizeof name) ? tuff_dtype_find(name) : (enum tuff_dtype)0;
    if (!found) tuff_expected(t, "a type of elements (f32, f16, i32, ..)");
    return found;
}

/* [1, 2]: count of the numbers in *count, at most `most`; each is read by one of u and s. */
static void list(struct tuff_parser *t, uint32_t most, uint32_t *u, int32_t *s, uint32_t *count)
{
    *count = 0;
    tuff_expect(t, "[");
    if (tuff_accept(t, "]")) return;
    do {
        if (*count == most) {
            tuff_expected(t, "a shorter list");
            return;
        }
        if (u)
            u[*count] = whole(t, UINT32_MAX);
        else
            s[*count] = signed_whole(t);
        ++*count;
    } while (tuff_accept(t, ", "));
    tuff_expect(t, "]");
}

static struct tuff_shape shape(struct tuff_parser *t)
{
    struct tuff_shape s = {0};
    list(t, TUFF_MAX_RANK, s.dim, NULL, &s.rank);
    return s;
}

static void out_of_memory(struct reader *r) { tuff_read_fail(&r->text, TUFF_ERR_MEMORY, "", ""); }

/* Name in quotes, in the graph's arena; NULL after a failure. */
static char *name(struct reader *r)
{
    const char *read = tuff_read_quoted(&r->text, &r->quoted);
    if (!read[0]) tuff_expected(&r->text, "a name that is not empty");
    char *copy = tuff_arena_strdup(&r->g->arena, read);
    if (!copy) out_of_memory(r);
    return tuff_reads(&r->text) ? copy : NULL;
}

/* ---- values ------------------------------------------------------------------------------------------------------------------- */

static void input(struct reader *r)
{
    tuff_val v = 0;
    if (!tuff_accept(&r->text, "_")) {
        tuff_expect(&r->text, "%");
        v = whole(&r->text, UINT32_MAX);
        if (tuff_reads(&r->text) && (v == 0 || v >= r->map_count)) tuff_expected(&r->text, "an earlier value");
        if (tuff_reads(&r->text)) v = r->map[v];
    }
    if (TUFF_GROW_HEAP(r->g->context, r->in, r->in_count, &r->in_capacity))
        r->in[r->in_count++] = v;
    else
        out_of_memory(r);
}

static struct tuff_graph *body(struct reader *r)
{
    struct tuff_graph *made = NULL;
    struct tuff_error error = {0};
    const char *text = name(r);
    if (!text) return NULL;
    tuff_status status = tuff_graph_create(r->g->context, &made, &error);
    if (status == TUFF_OK) status = tuff_graph_parse(made, text, &error);
    struct tuff_graph *kept = tuff_graph_body(r->g, &made);
    if (status != TUFF_OK || !kept)
        tuff_read_fail(&r->text, status != TUFF_OK ? status : TUFF_ERR_MEMORY, "a loop's body: ", error.message);
    return kept;
}

/* Any number of them, in the graph's arena. */
static void numbers(struct reader *r, struct tuff_list *out)
{
    uint32_t most = 1;
    for (const char *at = r->text.at; *at && *at != ']' && *at != '\n'; at++) most += *at == ',';
    int32_t *at = tuff_arena_alloc(&r->g->arena, most * sizeof *at);
    if (!at) {
        out_of_memory(r);
        return;
    }
    list(&r->text, most, NULL, at, &out->count);
    out->at = at;
}

static void attribute(struct reader *r, const struct tuff_attr *attr, void *attrs)
{
    char *field = (char *)attrs + attr->offset;
    uint32_t count;
    if (!tuff_reads(&r->text) || r->text.at[0] != ' ' || strncmp(r->text.at + 1, attr->name, strlen(attr->name)) != 0 ||
        r->text.at[1 + strlen(attr->name)] != '=')
        return;
    r->text.at += strlen(attr->name) + 2;
    switch (attr->kind) {
    case TUFF_ATTR_I32: *(int32_t *)field = signed_whole(&r->text); break;
    case TUFF_ATTR_F64: *(double *)field = number(&r->text); break;
    case TUFF_ATTR_U32S: list(&r->text, attr->count, (uint32_t *)field, NULL, &count); break;
    case TUFF_ATTR_I32S: list(&r->text, attr->count, NULL, (int32_t *)field, &count); break;
    case TUFF_ATTR_SHAPE: *(struct tuff_shape *)field = shape(&r->text); break;
    case TUFF_ATTR_DTYPE: *(int32_t *)field = (int32_t)dtype(&r->text); break;
    case TUFF_ATTR_LIST: numbers(r, (struct tuff_list *)field); break;
    case TUFF_ATTR_TEXT: *(const char **)field = name(r); break;
    case TUFF_ATTR_BODY: *(struct tuff_graph **)field = body(r); break;
    }
}

/* What builders promise and inference does not see. */
static void check_value(struct reader *r, const struct tuff_op *op, const void *attrs, bool named)
{
    const struct tuff_leaf_attrs *leaf = attrs;
    const struct tuff_graph *g = r->g;
    bool has_leaf_attrs = op->kind == TUFF_KIND_INPUT || op->kind == TUFF_KIND_PARAM || op->kind == TUFF_KIND_STATE;
    if (!tuff_reads(&r->text)) return;
    if (has_leaf_attrs && !named) tuff_expected(&r->text, "a name");
    if (has_leaf_attrs &&
        (leaf->init_kind < 0 || leaf->init_kind > TUFF_INIT_DATA || (op->kind == TUFF_KIND_INPUT && leaf->init_kind)))
        tuff_expected(&r->text, "a known initialiser");
    if (has_leaf_attrs && leaf->transient && (op->kind != TUFF_KIND_STATE || leaf->transient != 1 || leaf->init_kind))
        tuff_expected(&r->text, "a state that starts as zeros");
    bool derivative = (op->traits & TUFF_DERIVATIVE) != 0;
    for (uint32_t i = 0; i < r->in_count; i++)
        if (!r->in[i] && (!derivative || i == 0 || i > 3 || tuff_pw_names(op->glsl, (const char[2]){"gaby"[i], 0})))
            tuff_expected(&r->text, "a value instead of _");
    if (op->kind == TUFF_KIND_PARAM_PACK && tuff_reads(&r->text)) {
        bool good = true;
        for (uint32_t i = 0; good && i < r->in_count; i++)
            good = tuff_is_trained(&g->values[r->in[i]]) && (i == 0 || r->in[i - 1] < r->in[i]);
        if (!good) tuff_expected(&r->text, "parameters of f32, in order");
    }
    if (op->kind == TUFF_KIND_PACK && tuff_reads(&r->text)) {
        const struct tuff_value *target = &g->values[r->in_count ? r->in[0] : 0];
        bool fits = r->in_count > 1 && target->op->kind == TUFF_KIND_STATE && target->type.dtype == TUFF_F32 &&
                    target->type.shape.rank == 1;
        for (uint32_t i = 1; fits && i < r->in_count; i++) fits = g->values[r->in[i]].type.dtype == TUFF_F32;
        if (!fits || tuff_pack_length(g, r->in + 1, r->in_count - 1) != target->type.shape.dim[0])
            tuff_expected(&r->text, "a state of f32 as long as the packed values");
    }
}

static void content_of(struct reader *r, tuff_val v)
{
    struct tuff_value *value = &r->g->values[v];
    const struct tuff_value_data data = tuff_value_data_of(value);
    if (data.bytes == 0 || !tuff_reads(&r->text)) return;
    tuff_expect(&r->text, " data=");
    size_t length = 0; /* digits that are there, before anything is allocated */
    while (tuff_digit_of(r->text.at[length]) < 16) length++;
    if (!tuff_reads(&r->text) || length != data.bytes * 2) {
        char what[80];
        snprintf(what, sizeof what, "%llu hexadecimal digits", (unsigned long long)data.bytes * 2);
        tuff_expected(&r->text, what);
        return;
    }
    uint8_t *content = tuff_arena_alloc(&r->g->arena, (size_t)data.bytes);
    if (!content) {
        out_of_memory(r);
        return;
    }
    for (uint64_t at = 0; at < data.bytes; at += data.unit)
        for (uint32_t i = data.unit; i-- > 0; r->text.at += 2)
            content[at + i] = (uint8_t)(tuff_digit_of(r->text.at[0]) << 4 | tuff_digit_of(r->text.at[1]));
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
    tuff_read_fail(&r->text, r->g->status == TUFF_ERR_MEMORY ? TUFF_ERR_MEMORY : TUFF_ERR_FORMAT, why.message, "");
}

/* The operator whose texts the attributes hold; they become those of the row. */
static const struct tuff_op *own_row(struct reader *r, int part, struct tuff_own_attrs *attrs)
{
    const struct tuff_pointwise_params params = {
        .struct_size = sizeof params, .name = attrs->row, .y = attrs->y, .da = attrs->da, .db = attrs->db};
    if (!tuff_reads(&r->text)) return NULL;
    const struct tuff_pw_row *row = tuff_pw_own(r->g, &params, params.db != NULL);
    if (!row)
        fail_as_builder(r);
    else if (!row->op[part])
        tuff_expected(&r->text, "an operator of two operands");
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
        tuff_expected(&r->text, "a leaf as the graph has one of this name");
    return v;
}

static void map_to(struct reader *r, tuff_val v)
{
    if (TUFF_GROW_HEAP(r->g->context, r->map, r->map_count, &r->map_capacity))
        r->map[r->map_count++] = v;
    else
        out_of_memory(r);
}

static void value(struct reader *r)
{
    double attrs[32] = {0}; /* room for the largest attribute struct, aligned for all */
    char op_name[64], *given = NULL;
    tuff_expect(&r->text, "%");
    if (whole(&r->text, UINT32_MAX) != r->map_count) tuff_expected(&r->text, "the next value's number");
    tuff_expect(&r->text, " ");
    if (*r->text.at == '"') {
        given = name(r);
        tuff_expect(&r->text, " ");
    }
    tuff_expect(&r->text, "= ");
    bool read = tuff_reads(&r->text) && word(&r->text, op_name, sizeof op_name);
    int part = read ? own_part(op_name) : -1;
    const struct tuff_op *op = read && part < 0 ? tuff_op_find(op_name) : NULL;
    if (part < 0 && (!op || op->attrs_bytes > sizeof attrs)) {
        tuff_expected(&r->text, "the name of an operator");
        return;
    }
    tuff_expect(&r->text, "(");
    r->in_count = 0;
    if (!tuff_accept(&r->text, ")")) {
        do input(r);
        while (tuff_accept(&r->text, ", "));
        tuff_expect(&r->text, ")");
    }
    const struct tuff_attr *table = op ? op->attrs : tuff_own_attr;
    for (uint32_t i = 0, count = op ? op->attr_count : TUFF_OWN_ATTRS; i < count; i++) attribute(r, &table[i], attrs);
    if (part >= 0) op = own_row(r, part, (struct tuff_own_attrs *)attrs);
    if (!op) return;
    check_value(r, op, attrs, given != NULL);
    if (!tuff_reads(&r->text)) return;
    const int32_t own = tuff_op_number(r->g, op);
    if (r->joins && op->traits & TUFF_NUMBERED) memcpy(attrs, &own, sizeof own);
    tuff_val v = known(r, op, attrs, given);
    if (!v && tuff_reads(&r->text)) {
        v = tuff_graph_add(r->g, op, r->in, (uint32_t)r->in_count, attrs);
        if (v && given) v = tuff_named(r->g, v, given);
        if (!v) fail_as_builder(r);
    }
    if (!tuff_reads(&r->text)) return;
    map_to(r, v);
    content_of(r, v);
    tuff_expect(&r->text, " : ");
    struct tuff_type type = {dtype(&r->text), {0}};
    tuff_expect(&r->text, " ");
    type.shape = shape(&r->text);
    if (type.dtype != r->g->values[v].type.dtype || !tuff_shape_equal(&type.shape, &r->g->values[v].type.shape))
        tuff_expected(&r->text, "the type that follows from the operator");
    tuff_expect(&r->text, "\n");
}

/* A failure is the graph's, too. */
static tuff_status read_text(struct reader *r, const char *text, struct tuff_error *error)
{
    struct tuff_graph *g = r->g;
    struct tuff_parser *t = &r->text;
    *t = (struct tuff_parser){.context = g->context, .of = "graph text", .at = text, .end = text + strlen(text), .line = 1};
    tuff_text_init(&r->quoted, g->context);
    map_to(r, 0);
    tuff_expect(t, "tuff-graph ");
    if (whole(t, UINT32_MAX) != TUFF_GRAPH_TEXT_VERSION) tuff_expected(t, "format version 1");
    tuff_expect(t, "\n");
    while (tuff_reads(t) && *t->at) {
        t->line++;
        value(r);
    }
    tuff_text_finish(&r->quoted);
    tuff_free(g->context, r->in);
    if (tuff_reads(t)) return TUFF_OK;
    g->error = t->error;
    if (error) *error = t->error;
    return g->status = t->error.status;
}

tuff_status tuff_graph_parse(struct tuff_graph *graph, const char *text, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, graph != NULL && text != NULL);
    TUFF_REQUIRE_THAT(graph->context, error, graph->count == 1 && graph->status == TUFF_OK,
                      "the graph has values already, or failed");
    struct reader r = {.g = graph};
    tuff_status status = read_text(&r, text, error);
    tuff_free(graph->context, r.map);
    return status;
}

tuff_status tuff_graph_join(struct tuff_graph *graph, const char *text, const struct tuff_given *given, uint32_t count,
                            tuff_val **map, uint32_t *map_count)
{
    struct reader r = {.g = graph, .given = given, .given_count = count, .joins = true};
    tuff_status status = read_text(&r, text, NULL);
    *map = r.map;
    *map_count = (uint32_t)r.map_count;
    return status;
}
