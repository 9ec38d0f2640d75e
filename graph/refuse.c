/* refuse.c - sentences about values that do not fit an operator: type, shape, name, and why, by which the line to change is found. */
#include "graph/op.h"

#include <float.h>
#include <stdio.h>

enum { LONGEST_NAME = 48, SHOWN = 4 };

/* Bytes of a name that a sentence shows: whole characters. */
static int shown_bytes(const char *name)
{
    size_t length = strlen(name);
    if (length <= LONGEST_NAME) return (int)length;
    for (length = LONGEST_NAME; length > 0 && ((unsigned char)name[length] & 0xc0) == 0x80;) length--;
    return (int)length;
}

/* Values have few names: what leads to v that has one, a parameter before others, says where in the network v is. */
const char *tuff_value_origin(const struct tuff_graph *g, tuff_val v)
{
    for (int steps = 0; steps < 8 && v && !g->values[v].name; steps++) {
        const struct tuff_value *value = &g->values[v];
        v = 0;
        for (uint32_t i = 0; i < value->in_count; i++)
            if (value->in[i] && (i == 0 || g->values[value->in[i]].name)) v = value->in[i];
    }
    return v ? g->values[v].name : NULL;
}

char *tuff_value_text(const struct tuff_graph *g, tuff_val v, char *buffer, size_t bytes)
{
    if (v == 0 || v >= g->count) {
        snprintf(buffer, bytes, v ? "value %u, which is not of this graph" : "no value", v);
        return buffer;
    }
    char shape[128];
    const struct tuff_value *value = &g->values[v];
    struct tuff_type type = tuff_host_type(value);
    int used = snprintf(buffer, bytes, "%s %s ", tuff_dtype_name(type.dtype),
                        tuff_shape_text(&type.shape, shape, sizeof shape));
    const char *name = tuff_value_origin(g, v);
    if (value->name)
        snprintf(buffer + used, bytes - (size_t)used, "'%.*s'", shown_bytes(name), name);
    else
        snprintf(buffer + used, bytes - (size_t)used, "(%s, value %u%s%.*s%s)", value->op->name, v, name ? ", behind '" : "",
                 name ? shown_bytes(name) : 0, name ? name : "", name ? "'" : "");
    return buffer;
}

/* "A, B and C"; operands that are left out are passed over */
static void list(const struct tuff_graph *g, const tuff_val *in, uint32_t count, char *buffer, size_t bytes)
{
    size_t used = 0;
    uint32_t given = 0, at = 0;
    for (uint32_t i = 0; i < count; i++) given += in[i] != 0;
    buffer[0] = 0;
    for (uint32_t i = 0; i < count && used < bytes; i++) {
        char text[TUFF_VALUE_TEXT];
        if (!in[i]) continue;
        const char *before = at == 0 ? "" : at + 1 == given ? " and " : ", ";
        if (at == SHOWN && given > SHOWN + 1) {
            snprintf(buffer + used, bytes - used, " and %u more", (unsigned)(given - at));
            return;
        }
        used += (size_t)snprintf(buffer + used, bytes - used, "%s%s", before, tuff_value_text(g, in[i], text, sizeof text));
        at++;
    }
}

tuff_val tuff_graph_refuse(struct tuff_graph *g, tuff_status status, const char *what, const tuff_val *in, uint32_t count,
                           const char *format, ...)
{
    char values[(SHOWN + 1) * TUFF_VALUE_TEXT], why[sizeof g->error.message];
    if (!tuff_graph_ok(g)) return 0;
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(why, sizeof why, format, arguments) < 0) why[0] = 0;
    va_end(arguments);
    list(g, in, count, values, sizeof values);
    return tuff_graph_fail(g, status, "%s%s%s: %s", what, values[0] ? " of " : "", values, why);
}

tuff_status tuff_infer_refuse(const struct tuff_infer *infer, const char *format, ...)
{
    char why[sizeof infer->graph->error.message];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(why, sizeof why, format, arguments) < 0) why[0] = 0;
    va_end(arguments);
    tuff_graph_refuse(infer->graph, TUFF_ERR_SHAPE, infer->op->name, infer->in_values, infer->in_count, "%s", why);
    return TUFF_ERR_SHAPE;
}

bool tuff_graph_takes_one(struct tuff_graph *g, const char *what, tuff_val v, uint32_t number)
{
    bool known = tuff_graph_ok(g) && v && v < g->count;
    if (!tuff_graph_ok(g) || (known && g->values[v].op->class != TUFF_CLASS_ASSIGN)) return tuff_graph_ok(g);
    const unsigned place = number + 1;
    if (known)
        return tuff_graph_fail(g, TUFF_ERR_USAGE,
                               "%s: operand %u is an assignment, which is for lists of outputs only: give what it assigns",
                               what, place);
    if (v)
        return tuff_graph_fail(g, TUFF_ERR_USAGE, "%s: operand %u is value %u, which this graph does not have", what, place,
                               v);
    return tuff_graph_fail(g, TUFF_ERR_USAGE, "%s: operand %u is missing: it is 0, no value", what, place);
}

bool tuff_graph_takes(struct tuff_graph *g, const char *what, const tuff_val *in, uint32_t count)
{
    bool takes = tuff_graph_ok(g);
    for (uint32_t i = 0; i < count && takes; i++) takes = tuff_graph_takes_one(g, what, in[i], i);
    return takes;
}

bool tuff_graph_number(struct tuff_graph *g, const char *what, const char *name, double value, double least, double most)
{
    if (!tuff_graph_ok(g)) return false;
    if (value >= least && value <= most) return true;
    char range[80] = "finite";
    if (most < DBL_MAX)
        snprintf(range, sizeof range, "from %g to %g", least, most);
    else if (least > -DBL_MAX)
        snprintf(range, sizeof range, "finite and %s", least == 0 ? "not below 0" : "above 0");
    return tuff_graph_fail(g, TUFF_ERR_USAGE, "%s: %s is %g; it must be %s", what, name, value, range);
}
