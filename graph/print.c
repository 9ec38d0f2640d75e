/* print.c - graphs as text, one value a line, and as DOT. The text is exact: parse.c reads it back to the same graph.
 *
 *   tuff-graph 1
 *   %1 "x" = input() dtype=f32 shape=[2, 3] : f32 [2, 3]
 *   %2 "c" = constant() dtype=f32 shape=[3] data=3f80000040000000bf800000 : f32 [3]
 *   %3 = mul_da(%1, _, %2, _) : f32 [2, 3]
 *   %5 = scan(%1) body="tuff-graph 1\x0a.." rounds=3 carries=1 : f32 [256]      a loop's graph, as a quoted text
 *   %4 = pointwise(%3) row="swish" y="a * pw_sigmoid(p0 * a)" da="0.0" p0=2 : f32 [2, 3]
 *
 * Attributes stand in the order of the operator's table; those that are zero are left out. Numbers do not depend on the
 * locale: at most 15 decimal digits where these are exact, hexadecimal otherwise. Data is one hexadecimal word an element. */
#include "graph/print.h"
#include "graph/ops/leaf.h"
#include "graph/ops/pointwise.h"

#include <math.h>
#include <stdio.h>

/* ---- pieces ---------------------------------------------------------------------------------------------------------------- */

/* Decimal digits of v > 0 and the power of ten of the first; false where no 15 are exact as the parser reads them. */
static bool exact_digits(double v, char *digits, int *exponent)
{
    char text[40];
    for (int precision = 0; precision < 15; precision++) {
        double mantissa = 0, scale = 1;
        int count = 0;
        snprintf(text, sizeof text, "%.*e", precision, v);
        char *e = strchr(text, 'e');
        for (char *c = text; c < e; c++)
            if (*c >= '0' && *c <= '9') digits[count++] = *c;
        *exponent = 0;
        for (char *c = e + 2; *c; c++) *exponent = 10 * *exponent + (*c - '0');
        if (e[1] == '-') *exponent = -*exponent;
        while (count > 1 && digits[count - 1] == '0') count--;
        digits[count] = 0;
        for (int i = 0; i < count; i++) mantissa = 10 * mantissa + (digits[i] - '0');
        int power = *exponent - count + 1;
        if (power < -22 || power > 22) continue;
        for (int i = power < 0 ? -power : power; i > 0; i--) scale *= 10;
        if ((power < 0 ? mantissa / scale : mantissa * scale) == v) return true;
    }
    return false;
}

/* v > 0 as 0x1.8p+3 */
static void add_hexadecimal(struct tuff_text *text, double v)
{
    int exponent;
    uint64_t bits = (uint64_t)ldexp(frexp(v, &exponent), 53), low = bits & 0xfffffffffffffu;
    char digits[16];
    snprintf(digits, sizeof digits, "%013llx", (unsigned long long)low);
    int count = 13;
    while (count > 0 && digits[count - 1] == '0') count--;
    tuff_text_add(text, "0x1%s%.*sp%+d", count ? "." : "", count, digits, exponent - 1);
}

void tuff_print_number(struct tuff_text *text, double v)
{
    char digits[24];
    int exponent = 0;
    if (isnan(v)) {
        tuff_text_add(text, "nan");
        return;
    }
    if (signbit(v)) tuff_text_add(text, "-");
    v = fabs(v);
    if (isinf(v) || v == 0) {
        tuff_text_add(text, v == 0 ? "0" : "inf");
    } else if (!exact_digits(v, digits, &exponent)) {
        add_hexadecimal(text, v);
    } else {
        int count = (int)strlen(digits);
        if (exponent < -5 || exponent > 14) {
            tuff_text_add(text, "%c%s%se%d", digits[0], count > 1 ? "." : "", digits + 1, exponent);
        } else if (exponent < 0) {
            tuff_text_add(text, "0.%.*s%s", -exponent - 1, "0000", digits);
        } else if (exponent + 1 >= count) {
            tuff_text_add(text, "%s%.*s", digits, exponent + 1 - count, "00000000000000");
        } else {
            tuff_text_add(text, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
        }
    }
}

static void add_name(struct tuff_text *text, const char *name) { tuff_text_quote(text, name, TUFF_QUOTE_GRAPH); }

static void add_type(struct tuff_text *text, const struct tuff_type *type)
{
    char shape[128];
    tuff_text_add(text, "%s %s", tuff_dtype_name(type->dtype), tuff_shape_text(&type->shape, shape, sizeof shape));
}

/* ---- attributes and data ------------------------------------------------------------------------------------------------------ */

/* Lists of one number an axis end with the value's axes; what lies behind is zero. */
static void add_list(struct tuff_text *text, const struct tuff_attr *attr, const void *field, uint32_t rank)
{
    const uint32_t *u = field;
    const int32_t *s = field;
    uint32_t count = attr->count;
    while (attr->count == TUFF_MAX_RANK && count > rank && u[count - 1] == 0) count--;
    for (uint32_t i = 0; i < count; i++) {
        if (attr->kind == TUFF_ATTR_U32S)
            tuff_text_add(text, "%s%u", i ? ", " : "[", u[i]);
        else
            tuff_text_add(text, "%s%d", i ? ", " : "[", (int)s[i]);
    }
    tuff_text_add(text, count ? "]" : "[]");
}

static void add_numbers(struct tuff_text *text, const void *field)
{
    const struct tuff_list *list = field;
    tuff_text_add(text, "[");
    for (uint32_t i = 0; i < list->count; i++) tuff_text_add(text, i ? ", %d" : "%d", (int)list->at[i]);
    tuff_text_add(text, "]");
}

static void add_body(struct tuff_text *text, const struct tuff_graph *body)
{
    struct tuff_text inner = {.context = text->context};
    tuff_graph_print_text(body, &inner);
    tuff_text_append(&inner, "", 1);
    text->failed = text->failed || inner.failed;
    if (!text->failed) add_name(text, inner.data);
    tuff_text_finish(&inner);
}

static void add_attr(struct tuff_text *text, const struct tuff_attr *attr, const void *attrs, uint32_t rank)
{
    const char *field = (const char *)attrs + attr->offset;
    char shape[128];
    bool zero = true;
    for (size_t i = 0; i < tuff_attr_bytes(attr); i++) zero = zero && field[i] == 0;
    if (zero) return;
    tuff_text_add(text, " %s=", attr->name);
    switch (attr->kind) {
    case TUFF_ATTR_I32: tuff_text_add(text, "%d", (int)*(const int32_t *)field); break;
    case TUFF_ATTR_F64: tuff_print_number(text, *(const double *)field); break;
    case TUFF_ATTR_U32S:
    case TUFF_ATTR_I32S: add_list(text, attr, field, rank); break;
    case TUFF_ATTR_SHAPE:
        tuff_text_add(text, "%s", tuff_shape_text((const struct tuff_shape *)field, shape, sizeof shape));
        break;
    case TUFF_ATTR_LIST: add_numbers(text, field); break;
    case TUFF_ATTR_TEXT: add_name(text, *(const char *const *)field); break;
    case TUFF_ATTR_BODY: add_body(text, *(struct tuff_graph *const *)field); break;
    case TUFF_ATTR_DTYPE: tuff_text_add(text, "%s", tuff_dtype_name((enum tuff_dtype) * (const int32_t *)field)); break;
    }
}

struct tuff_value_data tuff_value_data_of(const struct tuff_value *value)
{
    uint64_t count = tuff_shape_count(&value->type.shape);
    bool filled = tuff_is_kept(value) && ((const struct tuff_leaf_attrs *)value->attrs)->init_kind == TUFF_INIT_DATA;
    if (filled) return (struct tuff_value_data){sizeof(float), count * sizeof(float)};
    if (value->op->kind != TUFF_KIND_CONSTANT) return (struct tuff_value_data){1, 0};
    enum tuff_dtype dtype = tuff_host_type(value).dtype;
    const struct tuff_dtype_row *row = tuff_dtype_row(dtype);
    return (struct tuff_value_data){row->elements > 1 ? 1 : row->bytes, tuff_dtype_size(dtype, count)};
}

static void add_data(struct tuff_text *text, const struct tuff_value *value)
{
    const struct tuff_value_data data = tuff_value_data_of(value);
    const uint8_t *bytes = value->data;
    if (data.bytes == 0 || !bytes) return;
    tuff_text_add(text, " data=");
    for (uint64_t at = 0; at < data.bytes; at += data.unit)
        for (uint32_t i = data.unit; i-- > 0;) tuff_text_add(text, "%02x", bytes[at + i]);
}

/* ---- whole graphs --------------------------------------------------------------------------------------------------------------- */

/* numbers: of values in the text, of which the part that is not 0 is printed; NULL: their own */
static void print_value(const struct tuff_graph *g, tuff_val v, const uint32_t *numbers, struct tuff_text *text)
{
    const struct tuff_value *value = &g->values[v];
    static const char *const own_names[] = {TUFF_OWN_ROW_NAMES};
    const struct tuff_pw_row *own = value->op->own;
    int part = 0;
    while (own && own->op[part] != value->op) part++;
    uint32_t rank = value->in_count && value->in[0] ? g->values[value->in[0]].type.shape.rank : 0;
    tuff_text_add(text, "%%%u ", numbers ? numbers[v] : v);
    if (value->name) {
        add_name(text, value->name);
        tuff_text_add(text, " ");
    }
    tuff_text_add(text, "= %s(", own ? own_names[part] : value->op->name);
    for (uint32_t i = 0; i < value->in_count; i++) {
        if (value->in[i])
            tuff_text_add(text, "%s%%%u", i ? ", " : "", numbers ? numbers[value->in[i]] : value->in[i]);
        else
            tuff_text_add(text, "%s_", i ? ", " : "");
    }
    tuff_text_add(text, ")");
    for (uint32_t i = 0; i < value->op->attr_count; i++) add_attr(text, &value->op->attrs[i], value->attrs, rank);
    add_data(text, value);
    tuff_text_add(text, " : ");
    add_type(text, &value->type);
    tuff_text_add(text, "\n");
}

static void print_values(const struct tuff_graph *g, const uint32_t *numbers, struct tuff_text *text)
{
    tuff_text_add(text, "tuff-graph %d\n", TUFF_GRAPH_TEXT_VERSION);
    for (tuff_val v = 1; v < g->count; v++)
        if (!numbers || numbers[v]) print_value(g, v, numbers, text);
}

void tuff_graph_print_text(const struct tuff_graph *g, struct tuff_text *text) { print_values(g, NULL, text); }

static void print_dot(const struct tuff_graph *g, struct tuff_text *text)
{
    tuff_text_add(text, "digraph tuff {\n    node [shape=box, fontname=\"monospace\"];\n");
    for (tuff_val v = 1; v < g->count; v++) {
        const struct tuff_value *value = &g->values[v];
        const char *style = value->op->class == TUFF_CLASS_LEAF ? ", style=filled, fillcolor=lightgray" : "";
        tuff_text_add(text, "    v%u [label=\"%%%u %s", v, v, value->op->name);
        for (const char *c = value->name ? value->name : ""; *c; c++) {
            if (c == value->name) tuff_text_add(text, "\\n");
            if (*c == '"' || *c == '\\') tuff_text_append(text, "\\", 1);
            tuff_text_append(text, (unsigned char)*c < 0x20 || *c == 0x7f ? "?" : c, 1);
        }
        tuff_text_add(text, "\\n");
        add_type(text, &value->type);
        tuff_text_add(text, "\"%s];\n", style);
        for (uint32_t i = 0; i < value->in_count; i++)
            if (value->in[i]) tuff_text_add(text, "    v%u -> v%u;\n", value->in[i], v);
    }
    tuff_text_add(text, "}\n");
}

static tuff_status print_whole(const struct tuff_graph *graph, void (*print)(const struct tuff_graph *, struct tuff_text *),
                               char **text, struct tuff_error *error)
{
    struct tuff_text out = {.context = graph->context};
    print(graph, &out);
    return tuff_text_give(&out, text, error);
}

tuff_status tuff_graph_print(const struct tuff_graph *graph, char **text, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, graph != NULL && text != NULL);
    return print_whole(graph, tuff_graph_print_text, text, error);
}

tuff_status tuff_graph_print_part(const struct tuff_graph *graph, const tuff_val *values, uint32_t count, char **text,
                                  struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, graph != NULL && values != NULL && text != NULL);
    uint32_t *numbers = tuff_alloc(graph->context, graph->count * sizeof *numbers), next = 1;
    struct tuff_text out = {.context = graph->context};
    tuff_status status = numbers ? TUFF_OK : tuff_fail_memory(graph->context, error);
    for (uint32_t i = 0; i < count && status == TUFF_OK; i++)
        if (values[i] && values[i] < graph->count)
            numbers[values[i]] = 1;
        else
            status = tuff_refuse(graph->context, error, "value %u is none of the graph", (unsigned)values[i]);
    for (tuff_val v = graph->count; status == TUFF_OK && v-- > 1;)
        for (uint32_t i = 0; numbers[v] && i < graph->values[v].in_count; i++) numbers[graph->values[v].in[i]] = 1;
    for (tuff_val v = 1; status == TUFF_OK && v < graph->count; v++)
        if (numbers[v]) numbers[v] = next++;
    if (status == TUFF_OK) print_values(graph, numbers, &out);
    if (status == TUFF_OK) status = tuff_text_give(&out, text, error);
    tuff_free(graph->context, numbers);
    return status;
}

tuff_status tuff_graph_print_dot(const struct tuff_graph *graph, char **text, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, graph != NULL && text != NULL);
    return print_whole(graph, print_dot, text, error);
}
