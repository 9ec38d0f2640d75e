/* onnx_write_ops.c - an operator of Tuff as nodes of ONNX: the texts of onnx_write.def, and functions where a text does not say it. */
#include "graph/dtype.h"
#include "graph/ops/leaf.h"
#include "graph/ops/scan.h"
#include "loaders/onnx_write.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_NODES = 12, WORD = 48 };

static bool refuse(const struct tuff_onnx_task *t, const char *why)
{
    char text[TUFF_VALUE_TEXT];
    return tuff_ow_fail(t->s->w, TUFF_ERR_UNSUPPORTED, "ONNX: %s, value %u: %s: %s", t->value->op->name, (unsigned)t->v,
                        tuff_value_text(t->s->g, t->v, text, sizeof text), why);
}

static bool unfit(const struct tuff_onnx_task *t)
{
    t->s->w->unfit = true;
    return refuse(t, "a batch of any size has no form for it");
}

/* ---- operands and attributes ------------------------------------------------------------------------------------------------------- */

static uint8_t open_of(const struct tuff_onnx_task *t, tuff_val v) { return t->s->open ? t->s->open[v] : 0; }

static const struct tuff_value *in_of(const struct tuff_onnx_task *t, uint32_t k)
{
    return tuff_value_of(t->s->g, t->value->in[k]);
}

/* The name of operand k in the type that is computed. */
static struct tuff_span operand(const struct tuff_onnx_task *t, uint32_t k)
{
    struct tuff_onnx_sheet *s = t->s;
    const tuff_val v = tuff_ow_reads(s->g, t->value, k);
    tuff_val full = t->value->in[k];
    double number = 0;
    if (!full) return (struct tuff_span){0};
    while (!v && tuff_value_of(s->g, full)->op == &tuff_op_expand) full = tuff_value_of(s->g, full)->in[0];
    if (!v && tuff_is_full(s->g, full, &number)) return tuff_ow_number(s->w, t->type, number);
    if (!t->type || t->type == tuff_onnx_of(tuff_value_of(s->g, v)->type.dtype)) return s->names[v];
    if (!s->wide[v].bytes) s->wide[v] = tuff_ow_cast(s, s->names[v], t->type);
    return s->wide[v];
}

static const struct tuff_attr *attr_of(const struct tuff_onnx_task *t, const char *name, size_t length)
{
    for (uint32_t i = 0; i < t->value->op->attr_count; i++)
        if (strlen(t->value->op->attrs[i].name) == length && !memcmp(t->value->op->attrs[i].name, name, length))
            return &t->value->op->attrs[i];
    return NULL;
}

/* Whole numbers of an attribute. Open dimensions of a shape are what ONNX finds out itself: at most one where it is given, those of the operand
 * where it is broadcast. */
static uint32_t numbers(const struct tuff_onnx_task *t, const char *name, size_t length, int64_t *list)
{
    const struct tuff_attr *attr = attr_of(t, name, length);
    const void *at = (const uint8_t *)t->value->attrs + attr->offset;
    uint32_t count = 0;
    if (!strcmp(attr->name, "axes")) {
        for (uint32_t i = 0; i < TUFF_MAX_RANK; i++)
            if (*(const uint32_t *)at >> i & 1) list[count++] = i;
    } else if (attr->kind == TUFF_ATTR_SHAPE) {
        const struct tuff_shape *shape = at;
        const bool stretched = t->value->op == &tuff_op_expand;
        uint8_t open = open_of(t, t->v);
        for (uint32_t k = 0; k < shape->rank; k++)
            list[count++] = !(open >> k & 1) ? (int64_t)shape->dim[k] : stretched ? 1 : -1;
        if (stretched) open = open >> (shape->rank - in_of(t, 0)->type.shape.rank) & ~open_of(t, t->value->in[0]);
        if (open && (stretched || t->value->op != &tuff_op_reshape || open & (open - 1))) unfit(t);
    } else if (attr->kind == TUFF_ATTR_LIST) {
        const struct tuff_list *l = at;
        for (; count < l->count && count < TUFF_MAX_RANK; count++) list[count] = l->at[count];
    } else {
        for (; count < attr->count; count++) list[count] = ((const int32_t *)at)[count];
    }
    return count;
}

void tuff_ow_attributes(const struct tuff_onnx_task *t, struct tuff_onnx_node *n)
{
    for (uint32_t i = 0; i < t->value->op->attr_count; i++) {
        const struct tuff_attr *attr = &t->value->op->attrs[i];
        const void *at = (const uint8_t *)t->value->attrs + attr->offset;
        int64_t list[TUFF_MAX_RANK];
        if (!attr->onnx[0]) continue;
        if (attr->kind == TUFF_ATTR_F64) {
            tuff_ow_attribute(t->s, n, attr->onnx, TUFF_ONNX_A_FLOAT)->f = (float)*(const double *)at;
            continue;
        }
        const uint32_t count = numbers(t, attr->name, strlen(attr->name), list);
        bool ones = !strcmp(attr->onnx, "dilations");
        for (uint32_t k = 0; k < count; k++) {
            if (attr->kind == TUFF_ATTR_U32S && list[k] == 0 && strcmp(attr->onnx, "pads") != 0) list[k] = 1;
            ones = ones && list[k] == 1;
        }
        const bool named = !strcmp(attr->onnx, "axis") || !strcmp(attr->onnx, "keepdims");
        if (attr->kind == TUFF_ATTR_LIST || attr->count > 1 ? ones : list[0] == 0 && !named) continue;
        if (attr->kind == TUFF_ATTR_LIST || attr->count > 1)
            tuff_ow_ints(t->s, n, attr->onnx, list, count);
        else
            tuff_ow_int(t->s, n, attr->onnx, list[0]);
    }
}

/* ---- texts ------------------------------------------------------------------------------------------------------------------------- */

static double number_of(const struct tuff_onnx_task *t, const char *word)
{
    const double *p = t->value->attrs; /* of rows: p0, p1 */
    return *word == 'p' || *word == 'q' ? p[*word - 'p'] : strtod(word, NULL);
}

static void add_attribute(const struct tuff_onnx_task *t, struct tuff_onnx_node *n, const char *name, const char *value)
{
    int64_t list[TUFF_MAX_RANK];
    if (*value == '!') {
        numbers(t, value + 1, strlen(value) - 1, list);
        tuff_ow_int(t->s, n, name, !list[0]);
    } else if (*value == '<') {
        const uint32_t count = numbers(t, value + 1, strlen(value) - 2, list);
        const struct tuff_attr *attr = attr_of(t, value + 1, strlen(value) - 2);
        if (attr->kind == TUFF_ATTR_SHAPE)
            tuff_ow_ints(t->s, n, name, list, count);
        else
            tuff_ow_int(t->s, n, name, list[0]);
    } else if (*value >= 'A' && *value <= 'Z') {
        tuff_ow_attribute(t->s, n, name, TUFF_ONNX_A_TEXT)->s = tuff_ow_text(t->s->w, "%s", value);
    } else if (*value == 'p' || strchr(value, '.')) {
        tuff_ow_attribute(t->s, n, name, TUFF_ONNX_A_FLOAT)->f = (float)number_of(t, value);
    } else {
        tuff_ow_int(t->s, n, name, atoi(value));
    }
}

static struct tuff_span scalar_of(const struct tuff_onnx_task *t, int64_t v)
{
    return tuff_ow_constant(t->s->w, TUFF_ONNX_INT64, &(struct tuff_shape){0}, &v, sizeof v);
}

static void add_word(const struct tuff_onnx_task *t, struct tuff_onnx_node *n, char *word, const struct tuff_span *results,
                     uint32_t *used)
{
    int64_t list[TUFF_MAX_RANK];
    char *equal = strchr(word, '=');
    const size_t length = strlen(word);
    if (equal) {
        *equal = 0;
        add_attribute(t, n, word, equal + 1);
    } else if (*word == '@') {
        tuff_ow_attributes(t, n);
    } else if (*word == '~' || *word == '*') {
        for (uint32_t k = 0; *word == '*' && k < t->value->in_count; k++) tuff_ow_in(t->s, n, operand(t, k));
        *used = UINT32_MAX;
    } else if (*word == '[' || *word == '(') {
        const uint32_t count = numbers(t, word + 1, length - 2, list);
        tuff_ow_in(t->s, n, *word == '[' ? tuff_ow_list(t->s->w, list, count) : scalar_of(t, list[0]));
    } else if (*word == '$') {
        tuff_ow_in(t->s, n, results[word[1] - '1']);
    } else if (*word >= 'a' && *word <= 'd' && length == 1) {
        *used |= 1u << (*word - 'a');
        tuff_ow_in(t->s, n, operand(t, (uint32_t)(*word - 'a')));
    } else {
        tuff_ow_in(t->s, n, tuff_ow_number(t->s->w, t->type, number_of(t, word)));
    }
}

static bool write_text(const struct tuff_onnx_task *t, const char *text)
{
    struct tuff_span results[MOST_NODES];
    uint32_t used = 0;
    for (uint32_t k = 0; *text; k++) {
        struct tuff_onnx_node n = {0};
        char op[WORD] = "";
        while (*text && *text != ';') {
            char word[WORD];
            const size_t length = strcspn(text, " ;");
            snprintf(word, sizeof word, "%.*s", (int)length, text);
            for (text += length; *text == ' ';) text++;
            if (!op[0])
                memcpy(op, word, sizeof op);
            else
                add_word(t, &n, word, results, &used);
        }
        results[k] = tuff_ow_emit(t->s, &n, op);
        text += strspn(text, "; ");
    }
    for (uint32_t k = 0; k < t->value->in_count; k++)
        if (t->value->in[k] && !(used >> k & 1)) return refuse(t, "it has an operand that ONNX has no place for");
    return true;
}

/* ---- functions --------------------------------------------------------------------------------------------------------------------- */

/* A node of up to three operands, before its attributes; its name as a call. */
static struct tuff_onnx_node node(struct tuff_onnx_sheet *s, struct tuff_span a, struct tuff_span b, struct tuff_span c)
{
    struct tuff_onnx_node n = {0};
    tuff_ow_in(s, &n, a);
    if (b.bytes) tuff_ow_in(s, &n, b);
    if (c.bytes) tuff_ow_in(s, &n, c);
    return n;
}
static const struct tuff_span none;

static struct tuff_span with_list(struct tuff_onnx_sheet *s, const char *op, struct tuff_span x, const int64_t *list,
                                  uint32_t count)
{
    struct tuff_onnx_node n = node(s, x, tuff_ow_list(s->w, list, count), none);
    return tuff_ow_emit(s, &n, op);
}

static struct tuff_span shaped(struct tuff_onnx_sheet *s, struct tuff_span x, const struct tuff_shape *shape)
{
    int64_t list[TUFF_MAX_RANK];
    for (uint32_t i = 0; i < shape->rank; i++) list[i] = shape->dim[i];
    return with_list(s, "Reshape", x, list, shape->rank);
}

static struct tuff_span joined(struct tuff_onnx_sheet *s, const struct tuff_span *x, uint32_t count)
{
    struct tuff_onnx_node n = {0};
    for (uint32_t i = 0; i < count; i++) tuff_ow_in(s, &n, x[i]);
    tuff_ow_int(s, &n, "axis", 0);
    return tuff_ow_emit(s, &n, "Concat");
}

static struct tuff_span padded(struct tuff_onnx_sheet *s, struct tuff_span x, const int64_t *pads, uint32_t rank,
                               struct tuff_span value)
{
    struct tuff_onnx_node n = node(s, x, tuff_ow_list(s->w, pads, 2 * rank), value);
    return tuff_ow_emit(s, &n, "Pad");
}

static bool write_mod(struct tuff_onnx_task *t)
{
    return write_text(t, t->type == TUFF_ONNX_FLOAT ? "Div a b; Floor $1; Mul $2 b; Sub a $3" : "Mod a b");
}

/* ONNX Runtime chooses between all but bools. */
static bool write_select(struct tuff_onnx_task *t)
{
    const bool bools = t->value->type.dtype == TUFF_BOOL;
    return write_text(t, bools ? "And a b; Not a; And $2 c; Or $1 $3" : "Where a b c");
}

/* Small whole numbers are saturated, which ONNX leaves open. */
static bool write_cast(struct tuff_onnx_task *t)
{
    const struct tuff_dtype_row *row = tuff_dtype_row(t->value->type.dtype);
    const enum tuff_dtype from = in_of(t, 0)->type.dtype;
    const int to = tuff_onnx_of(t->value->type.dtype);
    const bool small = (to == TUFF_ONNX_U8 || to == TUFF_ONNX_I8) && from != TUFF_BOOL;
    char text[2 * WORD];
    if (small) t->type = tuff_onnx_of(tuff_dtype_wide(from));
    if (small)
        snprintf(text, sizeof text, "Clip a %.1f %.1f; Cast to=%d $1", row->lowest, row->highest, to);
    else
        snprintf(text, sizeof text, "Cast to=%d a", to);
    return write_text(t, text);
}

static bool write_slice(struct tuff_onnx_task *t)
{
    const struct tuff_slice_attrs *a = t->value->attrs;
    const struct tuff_shape *in = &in_of(t, 0)->type.shape;
    int64_t lists[4][TUFF_MAX_RANK]; /* starts, ends, axes, steps */
    uint32_t count = 0;
    for (uint32_t k = 0; k < in->rank; k++) {
        const int64_t end = (int64_t)a->start[k] + (int64_t)a->step[k] * a->size[k];
        if (a->start[k] == 0 && a->step[k] == 1 && a->size[k] == in->dim[k]) continue;
        if (open_of(t, t->value->in[0]) >> k & 1) return unfit(t);
        lists[0][count] = a->start[k];
        lists[1][count] = end < 0 ? INT64_MIN : end;
        lists[2][count] = k;
        lists[3][count++] = a->step[k];
    }
    struct tuff_onnx_node n = {0};
    tuff_ow_in(t->s, &n, operand(t, 0));
    for (uint32_t i = 0; i < 4; i++) tuff_ow_in(t->s, &n, tuff_ow_list(t->s->w, lists[i], count));
    tuff_ow_emit(t->s, &n, "Slice");
    return true;
}

/* What lies between elements comes behind each of them, on an axis of its own; behind the last it is cut off again. */
static bool write_pad(struct tuff_onnx_task *t)
{
    const struct tuff_pad_attrs *a = t->value->attrs;
    struct tuff_shape shape = in_of(t, 0)->type.shape;
    const uint32_t rank = shape.rank;
    const struct tuff_span value = tuff_ow_number(t->s->w, tuff_onnx_of(t->value->type.dtype), a->value);
    struct tuff_span x = operand(t, 0);
    int64_t pads[2 * TUFF_MAX_RANK] = {0};
    for (uint32_t k = 0; k < rank; k++) {
        pads[k] = a->before[k];
        pads[rank + k] = (int64_t)a->after[k] - a->interior[k];
        if (!a->interior[k]) continue;
        if (t->s->open && t->s->open[t->v]) return unfit(t);
        uint64_t outer, inner;
        tuff_around_axis(&shape, (int)k, &outer, &inner);
        const struct tuff_shape apart = TUFF_SHAPE((uint32_t)outer * shape.dim[k], 1, (uint32_t)inner);
        const int64_t between[6] = {0, 0, 0, 0, a->interior[k], 0};
        shape.dim[k] *= a->interior[k] + 1;
        x = shaped(t->s, padded(t->s, shaped(t->s, x, &apart), between, 3, value), &shape);
    }
    padded(t->s, x, pads, rank, value);
    return true;
}

static bool write_full(struct tuff_onnx_task *t)
{
    int64_t list[TUFF_MAX_RANK];
    double number = 0;
    tuff_is_full(t->s->g, t->v, &number);
    const uint32_t rank = numbers(t, "shape", 5, list);
    with_list(t->s, "Expand", tuff_ow_number(t->s->w, tuff_onnx_of(t->value->type.dtype), number), list, rank);
    return true;
}

static bool write_iota(struct tuff_onnx_task *t)
{
    int64_t list[TUFF_MAX_RANK], axis;
    const uint32_t rank = numbers(t, "shape", 5, list);
    struct tuff_shape line = {.rank = rank};
    numbers(t, "axis", 4, &axis);
    for (uint32_t k = 0; k < rank; k++) line.dim[k] = k == (uint32_t)axis ? (uint32_t)list[k] : 1;
    struct tuff_onnx_writer *w = t->s->w;
    struct tuff_onnx_node n = node(t->s, tuff_ow_number(w, TUFF_ONNX_I32, 0),
                                   tuff_ow_number(w, TUFF_ONNX_I32, (double)list[axis]),
                                   tuff_ow_number(w, TUFF_ONNX_I32, 1));
    with_list(t->s, "Expand", shaped(t->s, tuff_ow_emit(t->s, &n, "Range"), &line), list, rank);
    return true;
}

static bool write_scatter(struct tuff_onnx_task *t)
{
    static const char *const joins[] = {"none", "add", "mul", "min", "max"};
    const struct tuff_shape *at = &in_of(t, 1)->type.shape, *from = &in_of(t, 2)->type.shape;
    int64_t axis, mode = TUFF_SCATTER_ADD, list[TUFF_MAX_RANK];
    struct tuff_span places = t->s->names[t->value->in[1]];
    numbers(t, "axis", 4, &axis);
    if (attr_of(t, "mode", 4)) numbers(t, "mode", 4, &mode);
    if (!tuff_shape_equal(at, from)) {
        if (open_of(t, t->value->in[2])) return unfit(t);
        for (uint32_t k = 0; k < from->rank; k++) list[k] = from->dim[k];
        places = with_list(t->s, "Expand", places, list, from->rank);
    }
    struct tuff_onnx_node n = node(t->s, operand(t, 0), places, operand(t, 2));
    tuff_ow_int(t->s, &n, "axis", axis);
    tuff_ow_attribute(t->s, &n, "reduction", TUFF_ONNX_A_TEXT)->s = tuff_ow_text(t->s->w, "%s", joins[mode]);
    tuff_ow_emit(t->s, &n, "ScatterElements");
    return true;
}

static bool write_result(struct tuff_onnx_task *t)
{
    if (!t->s->more[t->value->in[0]].bytes) return refuse(t, "ONNX has no such second result");
    tuff_ow_cast(t->s, t->s->more[t->value->in[0]], tuff_onnx_of(t->value->type.dtype));
    return true;
}

static bool write_matmul(struct tuff_onnx_task *t)
{
    static const char *const names[2] = {"transpose_a", "transpose_b"};
    struct tuff_onnx_node product = {0};
    if (t->value->in_count > 2 && t->value->in[2]) return refuse(t, "a sum that ends early has no form in ONNX");
    for (uint32_t k = 0; k < 2; k++) {
        struct tuff_onnx_node n = {0};
        const uint32_t rank = in_of(t, k)->type.shape.rank;
        int64_t turned, order[TUFF_MAX_RANK];
        for (uint32_t i = 0; i < rank; i++) order[i] = i + 2 == rank ? i + 1 : i + 1 == rank ? i - 1 : i;
        numbers(t, names[k], strlen(names[k]), &turned);
        tuff_ow_in(t->s, &n, operand(t, k));
        if (turned) tuff_ow_ints(t->s, &n, "perm", order, rank);
        tuff_ow_in(t->s, &product, turned ? tuff_ow_emit(t->s, &n, "Transpose") : operand(t, k));
    }
    tuff_ow_emit(t->s, &product, t->type == TUFF_ONNX_I8 ? "MatMulInteger" : "MatMul");
    return true;
}

static bool write_conv2d(struct tuff_onnx_task *t)
{
    const bool bytes = t->type == TUFF_ONNX_I8;
    struct tuff_onnx_node n = node(t->s, operand(t, 0), operand(t, 1), none);
    if (bytes && t->value->in_count > 2) { /* what stands for 0 is i32 */
        t->type = TUFF_ONNX_I32;
        tuff_ow_in(t->s, &n, tuff_ow_cast(t->s, operand(t, 2), TUFF_ONNX_I8));
    }
    tuff_ow_attributes(t, &n);
    tuff_ow_emit(t->s, &n, bytes ? "ConvInteger" : "Conv");
    return true;
}

static bool write_conv_input_grad(struct tuff_onnx_task *t)
{
    const uint32_t *y = in_of(t, 0)->type.shape.dim, *w = in_of(t, 1)->type.shape.dim, *x = t->value->type.shape.dim;
    int64_t stride[2], dilation[2], pad[4], rest[2];
    numbers(t, "stride", 6, stride), numbers(t, "dilation", 8, dilation), numbers(t, "pad", 3, pad);
    for (uint32_t k = 0; k < 2; k++) {
        const int64_t step = stride[k] ? stride[k] : 1, wide = dilation[k] ? dilation[k] : 1;
        rest[k] = x[2 + k] - ((y[2 + k] - 1) * step + wide * (w[2 + k] - 1) + 1 - pad[k] - pad[k + 2]);
    }
    struct tuff_onnx_node n = node(t->s, operand(t, 0), operand(t, 1), none);
    tuff_ow_attributes(t, &n);
    tuff_ow_ints(t->s, &n, "output_padding", rest, 2);
    tuff_ow_emit(t->s, &n, "ConvTranspose");
    return true;
}

/* Sizes that are rounded up: ONNX keeps windows that begin in the padding behind, which Tuff drops. Where such a one is, sizes are rounded down, and
 * the other axis gets padding for its last window. */
static bool write_pool(struct tuff_onnx_task *t)
{
    static const char *const names[] = {"stride", "dilation", "kernel", "pad"};
    const bool average = t->value->op == &tuff_op_avg_pool2d;
    int64_t list[4][4], include, end[2];
    bool up = false, dropped = false;
    struct tuff_onnx_node n = {0};
    if (t->value->in_count > 1) return refuse(t, "it has an operand that ONNX has no place for");
    for (uint32_t i = 0; i < 4; i++) numbers(t, names[i], strlen(names[i]), list[i]);
    numbers(t, "count_include_pad", 17, &include);
    for (uint32_t k = 0; k < 2; k++) {
        const int64_t step = list[0][k] += list[0][k] == 0, wide = list[1][k] += list[1][k] == 0;
        const int64_t room = in_of(t, 0)->type.shape.dim[2 + k] + list[3][k] + list[3][2 + k] - wide * (list[2][k] - 1) - 1;
        const int64_t windows = t->value->type.shape.dim[2 + k];
        end[k] = (windows - 1) * step - room;
        up = up || end[k] > 0;
        dropped = dropped || (end[k] <= 0 && room % step);
    }
    if (up && dropped && average && include) return refuse(t, "one axis is rounded up and one is not, and padding counts");
    for (uint32_t k = 0; k < 2 && up && dropped; k++) list[3][2 + k] += end[k] > 0 ? end[k] : 0;
    tuff_ow_in(t->s, &n, operand(t, 0));
    tuff_ow_ints(t->s, &n, "kernel_shape", list[2], 2);
    tuff_ow_ints(t->s, &n, "strides", list[0], 2);
    tuff_ow_ints(t->s, &n, "pads", list[3], 4);
    if (list[1][0] > 1 || list[1][1] > 1) tuff_ow_ints(t->s, &n, "dilations", list[1], 2);
    if (average && (list[1][0] > 1 || list[1][1] > 1))
        t->s->w->model.opsets.at->version = 19, t->s->w->model.ir_version = 9; /* the first that dilates averages */
    if (average && include) tuff_ow_int(t->s, &n, "count_include_pad", 1);
    if (up && !dropped) tuff_ow_int(t->s, &n, "ceil_mode", 1);
    tuff_ow_emit(t->s, &n, average ? "AveragePool" : "MaxPool");
    return true;
}

static bool write_resample(struct tuff_onnx_task *t)
{
    const struct tuff_shape *places = &in_of(t, 1)->type.shape;
    struct tuff_shape weights = *places;
    int64_t axis;
    numbers(t, "axis", 4, &axis);
    for (weights.rank = 2; weights.rank < t->value->type.shape.rank - axis + 1;) weights.dim[weights.rank++] = 1;
    if (weights.rank > TUFF_MAX_RANK) return refuse(t, "it has an axis too many");
    struct tuff_onnx_node read = node(t->s, operand(t, 0), t->s->names[t->value->in[1]], none);
    tuff_ow_int(t->s, &read, "axis", axis++);
    const struct tuff_span taps = tuff_ow_emit(t->s, &read, "Gather"), by = shaped(t->s, operand(t, 2), &weights);
    struct tuff_onnx_node product = node(t->s, taps, by, none);
    struct tuff_onnx_node sum = node(t->s, tuff_ow_emit(t->s, &product, "Mul"), tuff_ow_list(t->s->w, &axis, 1), none);
    tuff_ow_int(t->s, &sum, "keepdims", 0);
    tuff_ow_emit(t->s, &sum, "ReduceSum");
    return true;
}

/* ---- loops ------------------------------------------------------------------------------------------------------------------------- */

/* [1, row] of a value of so many elements, with zeros behind them; a line: [row]. */
static struct tuff_span row_of(struct tuff_onnx_sheet *s, struct tuff_span x, uint64_t count, uint64_t row, bool line)
{
    const struct tuff_shape one = TUFF_SHAPE(1, (uint32_t)count), flat = TUFF_SHAPE((uint32_t)count);
    const int64_t pads[4] = {0, 0, 0, (int64_t)(row - count)}, flat_pads[2] = {0, (int64_t)(row - count)};
    const struct tuff_span zero = tuff_ow_number(s->w, TUFF_ONNX_FLOAT, 0);
    x = shaped(s, x, line ? &flat : &one);
    return row == count ? x : padded(s, x, line ? flat_pads : pads, line ? 1 : 2, zero);
}

/* The body's inputs: carries, a line of each sequence, of which it sees the first elements, and what the loop finds around it. */
static void body_inputs(const struct tuff_onnx_task *t, struct tuff_onnx_sheet *body, struct tuff_onnx_node *scan)
{
    const struct tuff_scan_attrs *a = t->value->attrs;
    const uint32_t carries = (uint32_t)a->carries, ends = carries + (uint32_t)a->sequences;
    for (uint32_t k = 0; k < t->value->in_count; k++) {
        const tuff_val v = tuff_scan_input(a, k);
        const struct tuff_type *type = &a->body->values[v].type, *given = &in_of(t, k)->type;
        const enum tuff_onnx_dtype dtype = tuff_onnx_of(type->dtype);
        const bool line = k >= carries && k < ends, same = tuff_shape_equal(&type->shape, &given->shape);
        struct tuff_span x = operand(t, k), name = tuff_ow_name(t->s->w, (struct tuff_span){0});
        if (!same && !line) x = shaped(t->s, x, &type->shape);
        body->names[v] = k < ends ? name : x;
        if (k >= ends) continue;
        tuff_ow_in(t->s, scan, x);
        const struct tuff_shape row = TUFF_SHAPE((uint32_t)tuff_scan_pitch(type));
        tuff_ow_info(t->s->w, &body->to->inputs, name, dtype, line ? &row : &type->shape, 0);
        if (!line) continue;
        const uint64_t count = tuff_shape_count(&type->shape);
        struct tuff_onnx_node n = node(body, name, tuff_ow_list(t->s->w, &(int64_t){0}, 1),
                                       tuff_ow_list(t->s->w, &(int64_t){(int64_t)count}, 1));
        body->names[v] = shaped(body, count < row.dim[0] ? tuff_ow_emit(body, &n, "Slice") : name, &type->shape);
    }
    if (a->sequences) return;
    const struct tuff_shape rounds = TUFF_SHAPE((uint32_t)a->rounds);
    void *zeros = tuff_arena_alloc(&t->s->w->arena, (size_t)a->rounds * 4); /* rounds are counted by a sequence */
    if (!zeros) return;
    tuff_ow_in(t->s, scan, tuff_ow_constant(t->s->w, TUFF_ONNX_FLOAT, &rounds, zeros, (size_t)a->rounds * 4));
    tuff_ow_info(t->s->w, &body->to->inputs, tuff_ow_name(t->s->w, (struct tuff_span){0}), TUFF_ONNX_FLOAT,
                 &(struct tuff_shape){0}, 0);
}

/* An output of the body: a carry, or a line of section k. */
static void body_output(struct tuff_onnx_sheet *body, const struct tuff_scan_attrs *a, uint32_t k, bool line)
{
    const tuff_val v = tuff_scan_output(a, k);
    const struct tuff_shape row = TUFF_SHAPE((uint32_t)tuff_scan_section(a, k).row);
    const struct tuff_shape *shape = &a->body->values[k < (uint32_t)a->carries ? tuff_scan_input(a, k) : v].type.shape;
    const uint64_t count = tuff_shape_count(shape);
    struct tuff_span x = shaped(body, body->names[v], shape);
    if (line) x = row_of(body, x, count, row.dim[0], true);
    tuff_ow_info(body->w, &body->to->outputs, x, TUFF_ONNX_FLOAT, line ? &row : shape, 0);
}

/* The value is one line of sections (scan.h): of a carry what it was first and after each round, or twice the last; of a step each round's. */
static bool write_scan(struct tuff_onnx_task *t)
{
    const struct tuff_scan_attrs *a = t->value->attrs;
    const uint32_t carries = (uint32_t)a->carries, kept = carries - (uint32_t)a->rings, all = tuff_scan_outputs(a);
    struct tuff_onnx_sheet *s = t->s, body;
    struct tuff_onnx_node scan = {0};
    struct tuff_onnx_graph *graph = tuff_arena_alloc(&s->w->arena, sizeof *graph);
    tuff_val *wanted = tuff_arena_alloc(&s->w->arena, (all + 1) * sizeof *wanted);
    struct tuff_span *parts = tuff_arena_alloc(&s->w->arena, (all + 1) * sizeof *parts);
    int64_t *back = tuff_arena_alloc(&s->w->arena, ((uint32_t)a->sequences + all + 1) * sizeof *back);
    if (open_of(t, t->v)) return unfit(t);
    if (!graph || !wanted || !parts || !back || !tuff_ow_begin(s->w, a->body, graph, &body))
        return tuff_ow_fail(s->w, TUFF_ERR_MEMORY, "out of host memory");
    body_inputs(t, &body, &scan);
    for (uint32_t k = 0; k < all; k++) wanted[k] = tuff_scan_output(a, k);
    if (!tuff_ow_sheet(&body, wanted, all)) return false;
    for (uint32_t k = 0; k < carries; k++) body_output(&body, a, k, false);
    for (uint32_t k = 0; k < all; k++)
        if (k < kept || k >= carries) body_output(&body, a, k, true);
    graph->name = tuff_ow_text(s->w, "body");
    tuff_ow_attribute(s, &scan, "body", TUFF_ONNX_A_GRAPH)->g = graph;
    const uint32_t sequences = a->sequences ? (uint32_t)a->sequences : 1, lines = all - (uint32_t)a->rings;
    tuff_ow_int(s, &scan, "num_scan_inputs", sequences);
    for (uint32_t k = 0; k < sequences || k < lines; k++) back[k] = a->reverse != 0;
    tuff_ow_ints(s, &scan, "scan_input_directions", back, sequences);
    tuff_ow_ints(s, &scan, "scan_output_directions", back, lines);
    tuff_ow_emit(s, &scan, "Scan");
    struct tuff_span *results = tuff_arena_alloc(&s->w->arena, (carries + lines + 1) * sizeof *results);
    for (uint32_t k = 0; results && k < carries + lines; k++) results[k] = k ? tuff_ow_more(s) : tuff_ow_result(s);
    for (uint32_t k = 0; results && k < all; k++) {
        const struct tuff_scan_section section = tuff_scan_section(a, k);
        const struct tuff_shape *shape = &a->body->values[tuff_scan_output(a, k)].type.shape,
                                flat = TUFF_SHAPE((uint32_t)(section.row * section.rows));
        const uint64_t count = tuff_shape_count(shape);
        const struct tuff_span rows = results[k < kept ? carries + k : carries + k - (uint32_t)a->rings];
        struct tuff_span both[2] = {rows, rows};
        if (k < carries)
            both[a->reverse || k >= kept] = row_of(s, k < kept ? operand(t, k) : results[k], count, section.row, false);
        if (k < carries && k >= kept) both[0] = both[1];
        parts[k] = shaped(s, k < carries ? joined(s, both, 2) : rows, &flat);
    }
    joined(s, parts, results ? all : 0);
    return results != NULL || tuff_ow_fail(s->w, TUFF_ERR_MEMORY, "out of host memory");
}

/* ---- the table --------------------------------------------------------------------------------------------------------------------- */

#define TUFF_FORM(name, text) {#name, text, NULL},
#define TUFF_FORM_BY(name, function) {#name, NULL, write_##function},
static const struct tuff_onnx_form forms[] = {
#include "loaders/onnx_write.def"
};

static const struct tuff_onnx_form *form_of(const struct tuff_op *op)
{
    for (size_t i = 0; i < TUFF_COUNT(forms); i++)
        if (!op->own && !strcmp(forms[i].name, op->name)) return &forms[i];
    return NULL;
}

static bool is_stretched(const struct tuff_graph *g, tuff_val v)
{
    const struct tuff_op *op = tuff_value_of(g, v)->op;
    return op == &tuff_op_expand || op == &tuff_op_full;
}

tuff_val tuff_ow_reads(const struct tuff_graph *g, const struct tuff_value *value, uint32_t k)
{
    tuff_val v = value->in[k];
    const struct tuff_onnx_form *form = form_of(value->op);
    if (form && form->text && strchr(form->text, '~')) return 0;
    if (!value->op->glsl || value->in_count != 2 || !v || is_stretched(g, value->in[1 - k])) return v;
    while (tuff_value_of(g, v)->op == &tuff_op_expand) v = tuff_value_of(g, v)->in[0];
    return tuff_value_of(g, v)->op == &tuff_op_full ? 0 : v;
}

bool tuff_ow_value(struct tuff_onnx_task *t)
{
    const struct tuff_op *op = t->value->op;
    const struct tuff_onnx_form *form = form_of(op);
    const bool computes = op->glsl || op->result == TUFF_RESULT_F32 || op->result == TUFF_RESULT_I32 ||
                          op->result == TUFF_RESULT_BOOL || op->result == TUFF_RESULT_WIDE;
    char text[WORD];
    if (computes && op->class != TUFF_CLASS_LOOP && t->value->in_count && t->value->in[0]) {
        const enum tuff_onnx_dtype type = tuff_onnx_of(in_of(t, 0)->type.dtype);
        t->type = tuff_is_float(tuff_onnx_type_row(type)->dtype) ? TUFF_ONNX_FLOAT
                  : op->integers == TUFF_INTEGERS_BYTES          ? TUFF_ONNX_I8
                                                                 : TUFF_ONNX_I32;
    }
    snprintf(text, sizeof text, "%s @ *", op->onnx ? op->onnx : "");
    if (!form && (!op->onnx || !op->onnx[0] || op->own || op->traits & TUFF_DERIVATIVE))
        return refuse(t,
                      op->own ? "an operator of the app has no form in ONNX" : "it is not written: it has no form in ONNX");
    if (form && form->write ? !form->write(t) : !write_text(t, form ? form->text : text)) return false;
    if (op->more_count) t->s->more[t->v] = tuff_ow_more(t->s);
    const enum tuff_onnx_dtype has = tuff_onnx_of(t->value->type.dtype);
    if (op->glsl && has != TUFF_ONNX_BOOL && has != t->type) tuff_ow_cast(t->s, tuff_ow_result(t->s), has);
    return t->s->w->status == TUFF_OK;
}
